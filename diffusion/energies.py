r"""Energies that a score implies: differences along paths, and whether they are energies at all.

Let U = −log p_σ, so that the score is −∇U. Along a path x(a) from x₂ to x₁, a from 0 to 1,

    ΔU = U(x₁) − U(x₂) = −∫ s(x(a))·x'(a) da

    straight   x = x₂ + a (x₁ − x₂)
    arc        x = x₁ cos θ + x₂ sin θ, θ = (π/2)(1 − a); about the origin, which it approaches
               where x₁ and x₂ point apart (after Raya & Ambrogioni; code of arXiv 2410.08727)

For an exact denoiser ΔU = log p_σ(x₂) − log p_σ(x₁) on every path. A network's score need not be a
gradient. What it then has is a ΔU for each path, and two measures of the difference:

    c = |ΔU_arc − ΔU_straight| / (|ΔU_arc| + |ΔU_straight|)     between the two paths
    κ = ‖J − Jᵀ‖ / ‖J + Jᵀ‖                                     at a point, J = ∂s/∂x, Frobenius

The error of ΔU here is its spread over random smooth paths: straight ones with three sines of
random direction, of amplitude 0.2 |x₁ − x₂| each. **A small spread does not prove a right energy**:
all these paths cross the same region between x₁ and x₂, where a network may never have been
trained. Compare it with an exact value, or with that of the exact score of many data.

The energy of a memory is σ²U. In the drift of a variance-preserving process, −(βs + βx/2)·x'
integrates to β (ΔU − (|x₁|² − |x₂|²)/4).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffusion import _checks, _jacobians
from diffusion._checks import Level, Seed
from diffusion._results import Result
from diffusion.denoisers import DenoiserLike
from diffusion.flat import answering

PATHS = ("straight", "arc")
_SINES = 3
_AMPLITUDE = 0.2  # of each sine, in units of |x₁ − x₂|
_DEFINED = 0.1  # largest spread of an energy that is defined, in units of its size
_NUMBERS = 2**22  # numbers of a block of points on paths

_Way = Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]]  # x(a) and x'(a)


@dataclass(frozen=True, repr=False)
class RelativeEnergy(Result):
    """Energies of B points against B others, with what they vary by between paths."""

    value: Tensor  # (B,) ΔU = U(x₁) − U(x₂), in nats; times σ² in units of a memory's energy
    spread: Tensor  # (B,) standard deviation over random smooth paths; NaN without any
    path_dependence: Tensor  # (B,) c of the straight path and the arc, 0 to 1; 0 of rounding

    @property
    def defined(self) -> Tensor:
        """Whether the spread is below a tenth of |ΔU|, (B,)."""
        return self.spread < _DEFINED * self.value.abs()

    def __repr__(self) -> str:
        parts = {"ΔU": self.value, "spread": self.spread, "c": self.path_dependence}
        return self._shown(f"{len(self.value)} points", parts)


def relative_energy(
    denoiser: DenoiserLike,
    x1: Tensor,
    x2: Tensor,
    sigma: Level,
    path: str = "straight",
    nodes: int = 32,
    paths: int = 8,
    seed: Seed = None,
) -> RelativeEnergy:
    """Energy ΔU of each point `x1` against `x2`, integrated from the score, and its spread.

    Parameters
    ----------
    denoiser : D(x, sigma), (B, d) → (B, d), each row on its own; it is not differentiated.
    x1 : (B, d), finite.
    x2 : (B, d), or (1, d) to compare all with one point; finite.
    sigma : noise level, a number or (B,), positive, in signal units.
    path : "straight" or "arc", which `value` is along.
    nodes : Gauss–Legendre nodes of a path. At small noise a score changes within σ²/|x₁ − x₂|
        of the way; nodes that miss it show up as spread.
    paths : random smooth paths, 0 or at least 2; the same for all points.
    seed : int, torch.Generator or None, for these paths.

    Returns
    -------
    RelativeEnergy(value, spread, path_dependence).

    Raises
    ------
    ValueError : a wrong shape, sigma not positive, an unknown path, one path only, no node.

    Examples
    --------
    >>> from diffusion import GaussianMixtureDenoiser
    >>> gaussian = GaussianMixtureDenoiser(torch.zeros(1, 2).double(), 3.0)
    >>> found = relative_energy(gaussian, [[2.0, 0.0]], [[0.0, 0.0]], sigma=1.0, seed=0)
    >>> found.value  # |x₁|²/2(3 + σ²)
    tensor([0.5000])
    >>> bool(found.defined)
    True
    """
    _checks.choice("path", path, PATHS)
    x1, x2, level = _ends(denoiser, x1, x2, sigma)
    rule = np.polynomial.legendre.leggauss(_checks.whole("nodes", nodes, high=10**4))
    drawn = _checks.whole("paths", paths, low=0, high=10**6)
    if drawn == 1:
        raise ValueError("paths must be 0 or at least 2, got 1")
    generator = _checks.generator_from(seed, "relative_energy", x1.device)
    denoiser = answering(denoiser)

    def along(way: _Way) -> Tensor:
        return _integral(denoiser, x1, x2, level, way, rule)

    straight, arc = along(_straight), along(_arc)
    spread = torch.full_like(straight, torch.nan)
    if drawn and len(x1):
        spread = torch.stack([along(way) for way in _wavy(x1, drawn, generator)]).std(0)
    ends = (x1.norm(dim=1) + x2.norm(dim=1)).double() / level.double()
    rounding = torch.finfo(x1.dtype).eps * ends**2
    size = (arc.abs() + straight.abs()).clamp(min=1e-300)  # of the same point twice
    dependence = (arc - straight).abs() / (size + rounding)
    value = arc if path == "arc" else straight
    return RelativeEnergy(*(one.to(x1.dtype) for one in (value, spread, dependence)))


def score_antisymmetry(
    denoiser: DenoiserLike,
    x: Tensor,
    sigma: Level,
    probes: int | None = None,
    seed: Seed = None,
) -> Tensor:
    """κ = ‖J − Jᵀ‖/‖J + Jᵀ‖ of the score's Jacobian at each point: 0 where it is a gradient.

    Parameters
    ----------
    denoiser : D(x, sigma), (B, d) → (B, d), each row on its own, differentiable by torch.
    x : (B, d), finite.
    sigma : noise level, a number or (B,), positive, in signal units.
    probes : random directions, at least 2, whose pairs estimate both norms; the same for all
        points. None: all axes, with d backward passes the exact κ.
    seed : int, torch.Generator or None, for the probes.

    Returns
    -------
    (B,), not negative; a Jacobian without symmetric part gives infinity.

    Raises
    ------
    ValueError : a wrong shape, sigma not positive, one probe only, or a denoiser that cannot be
        differentiated.

    Examples
    --------
    >>> turn = torch.tensor([[1.0, 0.5], [-0.5, 1.0]])
    >>> score_antisymmetry(lambda x, sigma: x @ turn / 2, torch.zeros(1, 2), 1.0)
    tensor([0.5000])
    """
    x = _checks.asked_at(denoiser, "x", x)
    level = _checks.level_of_rows(sigma, x)
    d = x.shape[1]
    if probes is None:
        directions = torch.eye(d, dtype=x.dtype, device=x.device)
    else:
        generator = _checks.generator_from(seed, "score_antisymmetry", x.device)
        count = _checks.whole("probes", probes, low=2, high=10**6)
        directions = _drawn(x, generator, d, count)
    if len(x) == 0:
        return x.new_empty(0)
    J = _jacobians.between(answering(denoiser), x, level, directions)
    J = J - (directions.T @ directions).to(J)  # σ² that of the score
    if probes is not None:  # a pair of different probes has (uᵀAv)² of mean ‖A‖²
        J.diagonal(dim1=1, dim2=2).zero_()
    odd, even = ((J + sign * J.mT).flatten(1).norm(dim=1) for sign in (-1, 1))
    return torch.where(odd > 0, odd / even, 0.0)


def _ends(
    denoiser: DenoiserLike, x1: Tensor, x2: Tensor, sigma: Level
) -> tuple[Tensor, Tensor, Tensor]:
    """Both ends (B, d) in one precision, and σ (B,)."""
    x1, x2 = (
        _checks.asked_at(denoiser, "x1", x1).detach(),
        _checks.asked_at(denoiser, "x2", x2).detach(),
    )
    if x2.shape[1] != x1.shape[1] or len(x2) not in (1, len(x1)):
        raise ValueError(
            f"x2 must have the shape of x1, {tuple(x1.shape)}, or (1, {x1.shape[1]}), "
            f"got {tuple(x2.shape)}"
        )
    x2 = x2.to(x1).expand_as(x1)
    return x1, x2, _checks.level_of_rows(sigma, x1)


def _straight(x1: Tensor, x2: Tensor, a: float) -> tuple[Tensor, Tensor]:
    return x2 + a * (x1 - x2), x1 - x2


def _arc(x1: Tensor, x2: Tensor, a: float) -> tuple[Tensor, Tensor]:
    angle = math.pi / 2 * (1 - a)
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x1 + sin * x2, math.pi / 2 * (sin * x1 - cos * x2)


def _drawn(x: Tensor, generator: torch.Generator, *shape: int) -> Tensor:
    """Standard normal numbers like `x`, the same in any precision."""
    return _checks.normal_like(x.new_empty(shape, dtype=torch.float64), generator).to(x)


def _wavy(x: Tensor, count: int, generator: torch.Generator) -> Iterator[_Way]:
    """Straight paths with three sines of random direction each."""
    waves = math.pi * torch.arange(1, _SINES + 1, dtype=x.dtype, device=x.device)
    for _ in range(count):
        turns = _drawn(x, generator, _SINES, x.shape[1])
        turns = _AMPLITUDE * turns / turns.norm(dim=1, keepdim=True)

        def way(x1: Tensor, x2: Tensor, a: float, turns: Tensor = turns) -> tuple[Tensor, Tensor]:
            far = (x1 - x2).norm(dim=1, keepdim=True)
            aside, pace = (waves * a).sin() @ turns, (waves * (waves * a).cos()) @ turns
            return x2 + a * (x1 - x2) + far * aside, x1 - x2 + far * pace

        yield way


def _integral(
    denoiser: DenoiserLike,
    x1: Tensor,
    x2: Tensor,
    level: Tensor,
    way: _Way,
    rule: tuple[np.ndarray, np.ndarray],
) -> Tensor:
    """−∫ s·x' da by a quadrature rule on [−1, 1], (B,) in double precision."""
    total = x1.new_zeros(len(x1), dtype=torch.float64)
    places, weights = ((rule[0] + 1) / 2).tolist(), (rule[1] / 2).tolist()
    size = max(1, _NUMBERS // max(1, x1.numel()))  # nodes asked for at once
    for first in range(0, len(places), size):
        found = [way(x1, x2, a) for a in places[first : first + size]]
        x, pace = (torch.cat(parts) for parts in zip(*found, strict=True))
        pull = (denoiser(x, level.repeat(len(found))) - x).detach()
        rates = (pull.double() * pace.double()).sum(1).view(len(found), -1)
        part = torch.tensor(weights[first : first + size], dtype=rates.dtype, device=rates.device)
        total -= (part @ rates) / level.double() ** 2
    return total
