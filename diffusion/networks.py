r"""Trained denoisers: a residual MLP and a small U-Net, preconditioned.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.nn import functional

from diffusion import _checks
from diffusion._checks import Level, Seed
from diffusion._modules import mixed, precision_of
from diffusion.denoisers import Denoiser

_WAVES = 8  # sines and cosines of the noise level
_SLOWEST, _FASTEST = 0.125, 8.0  # their periods of ¼ log σ


class Network(nn.Module):
    """F(y, level, labels), (B, d) → (B, d): the network inside the preconditioning.

    `level` is ¼ log(σ/s), (1,) or (B,); `labels` (B,) or (1,) are classes 0 to K − 1, or K
    for none.

    Attributes
    ----------
    dimension : d.
    classes : K; 0 for a network without classes.
    config : the arguments that make it again, JSON values.
    """

    dimension: int
    classes: int
    config: dict[str, Any]


class ResidualMLP(Network):
    """A multilayer perceptron with residual blocks.

    h = W y, then `depth` times h ← h + V a(U h + E e), all with biases, with a = SiLU and e an
    embedding of noise level and class; F = R[(1 + G e) ∘ a(h)], and R and G start at zero. The
    gate is for directions across the data, along which F must be −c_in y s/σ: a gain that
    depends on the noise level alone.

    Parameters
    ----------
    dimension : d of the data.
    width : units of each layer.
    depth : blocks, at least 1.
    classes : K, 0 for a network without classes.
    gate : whether the read-out has its gate; without it G = 0, and directions across the
        data are learnt late.
    seed : int, torch.Generator or None, for the first weights.

    Raises
    ------
    ValueError : a number that is not whole, or below 1 (classes: below 0).

    Examples
    --------
    >>> network = ResidualMLP(8, width=64, depth=2, seed=0)
    >>> network(torch.zeros(5, 8), torch.zeros(1)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        dimension: int,
        width: int = 128,
        depth: int = 3,
        classes: int = 0,
        gate: bool = True,
        seed: Seed = None,
    ) -> None:
        super().__init__()
        self.dimension = _checks.whole("dimension", dimension)
        self.classes = _checks.whole("classes", classes, low=0)
        width, depth = _checks.whole("width", width), _checks.whole("depth", depth)
        gate = _checks.flag("gate", gate)
        own = {"dimension": self.dimension, "width": width, "depth": depth}
        self.config = own | {"classes": self.classes, "gate": gate}
        with _first_weights(seed):
            self.embedding = _Embedding(width, self.classes)
            self.read = nn.Linear(self.dimension, width)
            self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
            self.gate = _zero(nn.Linear(width, width)) if gate else None
            self.write = _zero(nn.Linear(width, self.dimension))

    def forward(self, y: Tensor, level: Tensor, labels: Tensor | None = None) -> Tensor:
        e = self.embedding(level, labels)
        h = self.read(y)
        for block in self.blocks:
            h = block(h, e)
        h = functional.silu(h)
        return self.write(h if self.gate is None else (1 + self.gate(e)) * h)


class UNet(Network):
    """A small U-Net: residual blocks of convolutions, halved and doubled again in size.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width) of an image; a row of the data is one
        image, row-major.
    channels : of the first resolution, a multiple of 8; each further one has twice as many.
    levels : resolutions, at least 1; the smallest image must have at least 2 pixels per side.
    classes, seed : as for `ResidualMLP`.

    Raises
    ------
    ValueError : a shape of another form, too many levels for it, or channels not a multiple
        of 8.

    Examples
    --------
    >>> network = UNet((8, 8), channels=8, seed=0)
    >>> network(torch.zeros(5, 64), torch.zeros(1)).shape
    torch.Size([5, 64])
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: int = 32,
        levels: int = 2,
        classes: int = 0,
        seed: Seed = None,
    ) -> None:
        super().__init__()
        self.shape = _image_shape(shape)
        self.dimension = math.prod(self.shape)
        self.classes = _checks.whole("classes", classes, low=0)
        levels = _checks.whole("levels", levels)
        channels = _checks.whole("channels", channels)
        if channels % 8:
            raise ValueError(f"channels must be a multiple of 8, got {channels}")
        if min(self.shape[1:]).bit_length() <= levels:
            raise ValueError(
                f"levels must leave at least 2 pixels per side of {self.shape[1]}×{self.shape[2]} "
                f"images, got {levels}"
            )
        own = {"shape": list(self.shape), "channels": channels}
        self.config = own | {"levels": levels, "classes": self.classes}
        sizes = [channels * 2**k for k in range(levels)]
        with _first_weights(seed):
            self.embedding = _Embedding(4 * channels, self.classes)
            self.read = nn.Conv2d(self.shape[0], channels, 3, padding=1)
            self.down = nn.ModuleList(
                _ConvBlock(before, after, 4 * channels)
                for before, after in zip([channels, *sizes], sizes, strict=False)
            )
            self.middle = _ConvBlock(sizes[-1], sizes[-1], 4 * channels)
            self.up = nn.ModuleList(
                _ConvBlock(2 * after, before, 4 * channels)
                for before, after in zip([channels, *sizes], sizes, strict=False)
            )
            self.norm = nn.GroupNorm(8, channels)
            self.write = _zero(nn.Conv2d(channels, self.shape[0], 3, padding=1))

    def forward(self, y: Tensor, level: Tensor, labels: Tensor | None = None) -> Tensor:
        e = self.embedding(level, labels)
        h = self.read(y.reshape(-1, *self.shape))
        kept = []
        for k, block in enumerate(self.down):
            h = block(functional.avg_pool2d(h, 2) if k else h, e)
            kept.append(h)
        h = self.middle(h, e)
        for block, skip in zip(reversed(self.up), reversed(kept), strict=True):
            if h.shape[-2:] != skip.shape[-2:]:
                h = functional.interpolate(h, skip.shape[-2:], mode="nearest")
            h = block(torch.cat([h, skip], 1), e)
        return self.write(functional.silu(self.norm(h))).flatten(1)


ARCHITECTURES: dict[str, type[Network]] = {"mlp": ResidualMLP, "unet": UNet}
"""Our networks, by their names in a checkpoint."""


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
        x = _checks.points("x", x, dimension=self.dimension).to(self.mean)
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


class _Embedding(nn.Module):
    """e: waves of the noise level and a row of the class, mixed and through a SiLU."""

    waves: Tensor

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        periods = torch.logspace(math.log10(_SLOWEST), math.log10(_FASTEST), _WAVES)
        self.register_buffer("waves", 2 * math.pi / periods, persistent=False)
        self.first = nn.Linear(2 * _WAVES, width)
        self.table = nn.Embedding(classes + 1, width) if classes else None

    def _apply(self, *args: Any, **options: Any) -> _Embedding:
        waves = self.waves  # in half precision they would be those of other noise levels
        super()._apply(*args, **options)
        self.waves = waves.to(self.waves.device)
        return self

    def forward(self, level: Tensor, labels: Tensor | None) -> Tensor:
        phase = level[:, None] * self.waves
        e = self.first(torch.cat([phase.cos(), phase.sin()], 1))
        if self.table is not None:
            if labels is None:
                labels = torch.full((1,), self.table.num_embeddings - 1, device=level.device)
            e = e + self.table(labels)
        return functional.silu(e)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.shift = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        return h + self.outer(functional.silu(self.inner(h) + self.shift(e)))


class _ConvBlock(nn.Module):
    """Two convolutions with group norms, the embedding between them, and a residual."""

    def __init__(self, before: int, after: int, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(8, before), nn.GroupNorm(8, after)])
        self.inner = nn.Conv2d(before, after, 3, padding=1)
        self.shift = nn.Linear(width, after)
        self.outer = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        inner = self.inner(functional.silu(self.norms[0](h))) + self.shift(e)[:, :, None, None]
        return self.skip(h) + self.outer(functional.silu(self.norms[1](inner)))


@contextmanager
def _first_weights(seed: Seed) -> Iterator[None]:
    """The block in which weights are drawn: from `seed`, leaving torch's own stream alone."""
    own = _checks.generator_from(_checks.whole_seed(seed), "first weights").initial_seed()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(own)
        yield


def _zero(layer: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    sizes = [_checks.whole("shape", size) for size in _checks.several("shape", shape)]
    if len(sizes) not in (2, 3):
        raise ValueError(f"shape must be (height, width) or (channels, height, width), got {shape}")
    channels, height, width = [1, *sizes][-3:]
    return channels, height, width
