r"""Which noise levels a training draws, and how much the error at each of them counts.

σ is in units of the rms deviation s of the data, and |D − x₀|² in units of s². A training descends
the mean of w(σ)|D − x₀|²/d over its levels, of density p per d ln σ. What counts is the product:
the error of the noise, |ẑ − z|² = |D − x₀|²/σ², is emphasised by

    p(ln σ) σ² w(σ)    per d ln σ

    weighting      w(σ)        σ² w(σ)
    "edm"          1 + 1/σ²    1 + σ²    the network's own output has variance one at every σ
                                         (Karras et al. 2022)
    "flow"         1/σ         σ         flow matching (Lipman et al. 2023)
    "likelihood"   1/σ²        1         this loss bounds −log p (Song et al. 2021)

    levels_density    p(ln σ), between the ends of `levels`
    None              1
    "lognormal"       exp(−(ln σ + 1.2)²/(2 · 1.2²)), after Karras et al.; their data have s = ½, so
                      that theirs is of mean −0.5 in units of s
    "flow"            σ/(1 + σ)²: t = σ/(1 + σ), the time of flow matching, is uniform

Flow matching draws the levels "flow" and descends the error of the velocity, which is
(1 + 1/σ)²|D − x₀|². The product is 1/σ: weighting "flow" at log-uniform levels is the same
objective. Both by name "flow" are another one, which emphasises high levels less.

A class direction along which the data have the variance Λs² is decided at σ ≈ √Λ. Levels that
count little there, or end below, teach the weights of the classes slowly or never
(`diffusion.theory.class_course`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diffusion import _checks

OfLevels = Callable[[Tensor], Tensor]

_WEIGHTS: dict[str, OfLevels] = {
    "edm": lambda sigma: 1 + sigma**-2,
    "flow": lambda sigma: 1 / sigma,
    "likelihood": lambda sigma: sigma**-2,
}
_DENSITIES: dict[str, OfLevels] = {
    "lognormal": lambda sigma: torch.exp(-(((sigma.log() + 1.2) / 1.2) ** 2) / 2),
    "flow": lambda sigma: sigma / (1 + sigma) ** 2,
}
_NODES = 4097  # of tables, even in ln σ
_LAST = 1 - 1e-9  # place below the upper end of a table, where single precision rounds to it
_LOW, _HIGH = 1e-75, 1e75  # σ whose σ² w and its terms are numbers


class NoiseLevels:
    """The noise levels of a training and their weights, in units of s.

    Functions of the user's are asked once, at 4097 levels even in ln σ, and interpolated: a
    step asks nobody, and a checkpoint can say which they were.

    Parameters
    ----------
    ends : lowest and highest level.
    weighting : name, or a function from levels (K,) to weights (K,).
    density : name, a function from levels (K,) to relative densities of ln σ (K,), or None.
    device : where levels are drawn.
    """

    def __init__(
        self,
        ends: tuple[float, float],
        weighting: str | OfLevels = "edm",
        density: str | OfLevels | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.low, self.high = (math.log(end) for end in ends)
        self._logs: Tensor | None = None  # ln w at the nodes, of a function
        self._below: Tensor | None = None  # share of the levels below each node
        sigma = self.level(torch.linspace(0, 1, _NODES, dtype=torch.float64))
        if isinstance(weighting, str):
            _function("weighting", weighting)
            self.weighting = weighting
        else:  # a checkpoint says which it was
            weights = _values("weighting", weighting, sigma)
            self.weighting = _name(weights)
            self._logs = torch.from_numpy(np.log(weights)).to(device)
        self.density: str | None = None
        if density is not None:
            shares = _values("levels_density", density, sigma)
            if not shares.any():
                raise ValueError("levels_density must be positive within levels, got 0 all along")
            shares /= shares.max()
            self.density = density if isinstance(density, str) else _name(shares)
            steps = (shares[1:] + shares[:-1]) / 2
            below = np.concatenate([[0.0], steps.cumsum() / steps.sum()])
            self._below = torch.from_numpy(below).to(device)

    def level(self, place: Tensor) -> Tensor:
        """σ below which the share `place` of the levels lies, of its shape."""
        below = self._below
        if below is None:
            return torch.exp(self.low + (self.high - self.low) * place)
        place = place.to(below).clamp(max=_LAST)
        k = torch.searchsorted(below, place, right=True)  # so that the step to it is not 0
        left, right = below[k - 1], below[k]
        part = (k - 1 + (place - left) / (right - left)) / (_NODES - 1)
        return torch.exp(self.low + (self.high - self.low) * part)

    def weigh(self, error: Tensor, sigma: Tensor, into: Tensor) -> Tensor:
        """Squared errors (B, d) of the network's output, which are those of "edm", weighted.

        into : (B, 1), 1/sqrt(1 + σ²).
        """
        if self.weighting == "edm":
            return error
        if self.weighting == "likelihood":
            return error * into.square()
        if self.weighting == "flow":
            return error * (sigma * into.square())
        return error * ((sigma * into).square() * self._weight(sigma))

    def _weight(self, sigma: Tensor) -> Tensor:
        """w of a function at levels of any shape, between the nodes as a power of σ."""
        logs = self._logs
        assert logs is not None
        place = (sigma.to(logs).log() - self.low) / (self.high - self.low) * (_NODES - 1)
        k = place.floor().clamp(0, _NODES - 2).long()
        return torch.lerp(logs[k], logs[k + 1], place - k).exp().to(sigma)


def level_emphasis(
    sigma: Tensor, weighting: str | OfLevels = "edm", levels_density: str | OfLevels | None = None
) -> Tensor:
    """How much a training counts the error of the noise, per d ln σ: p(ln σ) σ² w(σ).

    Parameters
    ----------
    sigma : noise levels in units of the rms deviation of the data, in [1e-75, 1e75].
    weighting, levels_density : as for `train_denoiser`.

    Returns
    -------
    Of the shape of `sigma`, float64, up to a factor: p is 1 for None, and else as at the head
    of the module.

    Raises
    ------
    ValueError : sigma out of range, an unknown name, or a function whose values are no weights.

    Examples
    --------
    >>> sigma = torch.tensor([0.25, 1.0, 8.0])  # the last: where classes of 64 dimensions part
    >>> for weighting in ("edm", "flow", "likelihood"):
    ...     level_emphasis(sigma, weighting).tolist()
    [1.0625, 2.0, 65.0]
    [0.25, 1.0, 8.0]
    [1.0, 1.0, 1.0]
    """
    level = _checks.tensor("sigma", sigma, double=True).detach().double()
    if not ((level >= _LOW) & (level <= _HIGH)).all():
        raise ValueError(f"sigma must lie in [{_LOW:g}, {_HIGH:g}], got {_checks.shown(sigma)}")
    flat = level.cpu().reshape(-1)
    found = torch.from_numpy(_values("weighting", weighting, flat)) * flat**2
    if levels_density is not None:
        found *= torch.from_numpy(_values("levels_density", levels_density, flat))
    return found.reshape(level.shape).to(level.device)


def _function(name: str, value: str | OfLevels) -> OfLevels:
    """The function of a name of weights or densities, or the user's. Raises ValueError."""
    known = _WEIGHTS if name == "weighting" else _DENSITIES
    if isinstance(value, str) and value in known:
        return known[value]
    words = ", ".join(repr(word) for word in known)
    wanted = f"one of {words}, or a function of noise levels"
    if isinstance(value, str):
        raise ValueError(f"{name} must be {wanted}, got {_checks.shown(value)}")
    _checks.function(name, value, wanted)
    return value


def _values(name: str, of: str | OfLevels, sigma: Tensor) -> NDArray[np.float64]:
    """Weights of levels (K,), positive, or relative densities, not negative. Raises ValueError."""
    given = _checks.doubles(name, _function(name, of)(sigma.clone()))
    if given.shape not in ((), tuple(sigma.shape)):
        raise ValueError(
            f"{name} must give a number for each of {len(sigma)} levels, got {given.shape}"
        )
    found = np.array(np.broadcast_to(given, tuple(sigma.shape)))
    zero = name == "levels_density"
    bad = ~(np.isfinite(found) & ((found >= 0) if zero else (found > 0)))
    if bad.any():
        k = int(bad.argmax())
        wanted = "finite and not negative" if zero else "positive and finite"
        raise ValueError(
            f"{name} must be {wanted} at every level, got {found[k]:g} at {float(sigma[k]):.3g}"
        )
    return found


def _name(values: NDArray[np.float64]) -> str:
    """What a checkpoint calls a function: a digest of its values, to six digits."""
    text = " ".join(f"{value:.6g}" for value in values)
    return f"function {hashlib.sha256(text.encode()).hexdigest()[:16]}"
