r"""Trained denoisers: a network, as a residual MLP or a small U-Net, preconditioned.

A network F returns numbers of order one at every noise level (Karras et al. 2022, table 1). With
the mean μ and the rms deviation s of the data, y = x − μ,

    D(x, σ) = μ + c_skip y + c_out F(c_in y, ¼ log(σ/s)),
    c_skip = s²/(σ² + s²),   c_out = σs/sqrt(σ² + s²),   c_in = 1/sqrt(σ² + s²),

so that F = 0 is the exact denoiser of a Gaussian of variance s², D → x as σ → 0, and
D → μ + sF as σ → ∞, where F should vanish. Outside the noise levels a network was trained
at, it is evaluated at the nearest of them: the coefficients alone then follow σ.

A network with classes also takes one label per row; one more label, "none", stands for the
mixture of all. D is not a gradient in general, and its Jacobian not symmetric.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any, overload

import torch
from torch import Tensor, nn

from diffusion import _checks
from diffusion._checks import Level
from diffusion._modules import mixed, precision_of
from diffusion.architectures import ResidualMLP as ResidualMLP, UNet as UNet
from diffusion.denoisers import Denoiser


class NetworkDenoiser(Denoiser):
    """A network as a denoiser D(x, σ), by the formulas at the head of the module.

    Parameters
    ----------
    network : F(y, level, labels), a `ResidualMLP`, a `UNet`, or a module of that form. It
        is used, not copied, and asked in evaluation mode; of half precision, in its layers alone.
    scale : rms deviation s of the data, positive.
    mean : (d,), the mean μ of the data; None: 0.
    levels : noise levels, lowest and highest, that the network was trained at; None: all.
    label : the class to denoise; None: the mixture of all.

    Raises
    ------
    ValueError : a scale that is not positive, a mean of another length, levels that do not
        increase, no such class.

    Examples
    --------
    >>> denoiser = NetworkDenoiser(ResidualMLP(2, classes=3, seed=0), scale=1.0)
    >>> denoiser(torch.ones(1, 2), sigma=1.0)  # an untrained network returns F = 0
    tensor([[0.5000, 0.5000]], grad_fn=...)
    >>> denoiser.condition(2).label
    2
    """

    def __init__(
        self,
        network: nn.Module,
        scale: float = 1.0,
        mean: Tensor | None = None,
        levels: tuple[float, float] | None = None,
        label: int | None = None,
    ) -> None:
        _checks.instance("network", network, nn.Module, "a torch.nn.Module")
        levels = None if levels is None else _checks.rising("levels", levels)
        weight = next(network.parameters(), torch.zeros(()))
        dimension = getattr(network, "dimension", None)
        if mean is None:
            if dimension is None:
                raise ValueError("mean must be given for a network without a dimension, got None")
            mean = torch.zeros(dimension)
        row = _checks.row("mean", mean, dimension).detach()
        self.dimension, self.network, self.levels = len(row), network, levels
        self.scale = _checks.positive("scale", scale)
        self.label = None if label is None else _checks.whole("label", label, low=0)
        self.mean = row.to(weight.device, precision_of(weight, row))
        self.classes = int(getattr(network, "classes", 0))
        if self.label is not None and self.label >= self.classes:
            known = f"0 to {self.classes - 1}" if self.classes else "of a network that has them"
            raise ValueError(f"label must be a class {known}, got {label}")

    def _about(self) -> str:
        weights = sum(p.numel() for p in self.network.parameters())
        label = "" if self.label is None else f", label={self.label}"
        kind = type(self.network).__name__
        return f"{kind} of {weights} weights, d={self.dimension}, scale={self.scale:.4g}{label}"

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the results: that of the network, and at least single precision."""
        return self.mean.dtype

    @property
    def device(self) -> torch.device:
        """Where the network and the results live."""
        return self.mean.device

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean as the network has learnt it.

        Parameters
        ----------
        x : (B, d), finite.
        sigma : noise level, a number or (B,), positive, in signal units.

        Returns
        -------
        (B, d), of the precision `dtype` and on the device of the network.

        Raises
        ------
        ValueError : x not (B, d) or not finite; sigma not positive or of another length.
        """
        return self._asked(x, sigma, None)

    def _asked(self, x: Tensor, sigma: Level, labels: Tensor | None) -> Tensor:
        """The call; `labels`, one per row, replace the denoiser's own label."""
        given = _checks.points("x", x, dimension=self.dimension)
        x = _checks.converted("x", given, self.mean)
        column = _checks.noise_level(sigma, x)
        level = float(sigma) if isinstance(sigma, int | float) else column.to(x)
        skip, out, into = preconditioning(level, self.scale)
        y = x - self.mean
        with mixed(next(self.network.parameters(), None)):
            found = self.network(y * into, self._level(level, x), self._labels(x, labels))
        return self.mean + skip * y + out * found

    @overload
    def condition(self, label: int) -> NetworkDenoiser: ...

    @overload
    def condition(self, label: Tensor) -> Denoiser: ...

    def condition(self, label: int | Tensor) -> Denoiser:
        """The denoiser of one class alone, by the same network, or of one class per row.

        Parameters
        ----------
        label : class, 0 to K − 1; or (B,) whole numbers, one class per row.

        Returns
        -------
        NetworkDenoiser of one class; for several labels a denoiser of B rows.

        Raises
        ------
        ValueError : no such class.

        Examples
        --------
        >>> denoiser = NetworkDenoiser(ResidualMLP(2, classes=3, seed=0))
        >>> denoiser.condition(torch.tensor([0, 2]))(torch.ones(2, 2), sigma=1.0).shape
        torch.Size([2, 2])
        """
        labels = _checks.tensor("label", label)
        if labels.ndim == 1:
            return _ClassOfRow(self, labels)
        return NetworkDenoiser(self.network, self.scale, self.mean, self.levels, labels)  # type: ignore[arg-type]

    def to(self, target: torch.dtype | torch.device | str) -> NetworkDenoiser:
        """A copy in another precision or on another device; this one stays as it is."""
        if not isinstance(target, torch.dtype):
            target = _checks.device("target", target)
        elif not target.is_floating_point:
            raise ValueError(f"target must be a floating torch.dtype or a device, got {target}")
        network = deepcopy(self.network).to(target)
        return NetworkDenoiser(network, self.scale, self.mean.cpu(), self.levels, self.label)

    def _level(self, level: float | Tensor, x: Tensor) -> Tensor:
        """¼ log(σ/s), (B,), or (1,) for a level that is one number: it is embedded once."""
        low, high = self.levels or (0.0, math.inf)
        if isinstance(level, Tensor):
            return (level.squeeze(1).clamp(low, high) / self.scale).log() / 4
        return x.new_full((1,), math.log(min(max(level, low), high) / self.scale) / 4)

    def _labels(self, x: Tensor, labels: Tensor | None) -> Tensor | None:
        if not self.classes or labels is not None:
            return labels
        label = self.classes if self.label is None else self.label
        return torch.full((1,), label, dtype=torch.int64, device=x.device)


class _ClassOfRow(Denoiser):
    """The network conditioned on one class per row, for batches of exactly B rows."""

    def __init__(self, denoiser: NetworkDenoiser, labels: Tensor) -> None:
        if labels.is_floating_point() or not ((labels >= 0) & (labels < denoiser.classes)).all():
            known = f"0 to {denoiser.classes - 1}" if denoiser.classes else "of a network with them"
            raise ValueError(f"label must be classes {known}, got {labels.dtype} {labels.unique()}")
        self.dimension, self._denoiser = denoiser.dimension, denoiser
        self.noise_range = denoiser.noise_range
        self._labels = labels.long().to(denoiser.device)

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean of each row's class. Raises ValueError for another number of rows."""
        _checks.one_per_label(x, self._labels)
        return self._denoiser._asked(x, sigma, self._labels)


def preconditioning(sigma: Any, scale: float) -> tuple[Any, Any, Any]:
    """c_skip, c_out and c_in of a noise level, a number or a tensor."""
    total = (sigma**2 + scale**2) ** 0.5
    return (scale / total) ** 2, sigma * scale / total, 1 / total
