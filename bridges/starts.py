r"""Starts drawn from a reference measure that has a name.

The fraction of starts that an attractor catches says as much about the measure as about the
attractor: the basins of a flow hold 1/P each under the noised data p_σ it was made for, and
anything under a uniform box. So starts carry the name of what they were drawn from, and every
measurement passes it on.

    noised     a pattern of equal chance, noised to σ: the density p_σ
    gaussian   N(0, σ²) per entry
    box        uniform on low ≤ x ≤ high, or the points of a grid on it
    spins      ±1 with equal chance
    cues       a pattern of equal chance, corrupted by the memory to an overlap
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result, Seed
from bridges.memory import Memory
from bridges.memory.cueing import cue, stored_patterns
from hopfield import random_patterns

_LEAST_OVERLAP = 1e-300  # of starts that are all noise: an overlap is above 0


@dataclass(frozen=True, repr=False)
class Starts(Result):
    """States to start from.

    Attributes
    ----------
    states : (B, N)
    measure : in words, what they were drawn from.
    overlap : in (0, 1], what a memory takes it to be; only a memory whose dynamics depends on
        the noise of the cue uses it.
    drawn : whether they are independent draws, with errors, and not a grid.
    sigma : noise level that they are patterns with, if known; a memory whose overlaps are about
        a centre of its own finds their overlap from it.
    """

    states: Tensor
    measure: str
    overlap: float = 1.0
    drawn: bool = True
    sigma: float | None = None

    def __post_init__(self) -> None:
        _checks.instance("measure", self.measure, str, "a text")
        _checks.settle(
            self,
            states=_checks.tensor("states", self.states),
            overlap=_checks.number("overlap", self.overlap, low=0, high=1, open_low=True),
            drawn=_checks.flag("drawn", self.drawn),
            sigma=None if self.sigma is None else _checks.number("sigma", self.sigma, low=0),
        )

    def __len__(self) -> int:
        """Number of starts B."""
        return len(self.states)


def as_starts(given: Any) -> Starts:
    """The states of an argument `starts`, given as they are or as Starts. Raises ValueError."""
    if isinstance(given, Starts):
        return given
    states = _checks.tensor("starts", given)
    if states.ndim != 2:
        raise ValueError(f"starts must have shape (rows, N), got {tuple(states.shape)}")
    return Starts(states, "given starts")


def noised(patterns: Tensor, sigma: float, count: int, seed: Seed = None) -> Starts:
    """Draws of p_σ, the density of the patterns with Gaussian noise.

    Parameters
    ----------
    patterns : (P, N)
    sigma : noise level σ ≥ 0, in their units.
    count : B ≥ 1.
    seed : int, torch.Generator or None.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> noised(torch.eye(3), 0.5, 10, seed=0).measure
    'p_σ, σ = 0.5'
    """
    stored = _checks.stored("patterns", patterns, binary=False).detach()
    sigma = _checks.number("sigma", sigma, low=0)
    generator = _checks.generator_from(seed, "noised", stored.device)
    rows = stored[_drawn(len(stored), count, generator).to(stored.device)]
    rms = float(stored.square().mean().sqrt())
    states = _within("sigma", sigma, rows + sigma * _checks.normal_like(rows, generator))
    overlap = rms / (rms * rms + sigma * sigma) ** 0.5 if rms > 0 else 1.0
    return Starts(states, f"p_σ, σ = {sigma:g}", max(overlap, _LEAST_OVERLAP), sigma=sigma)


def gaussian(count: int, size: int, sigma: float, seed: Seed = None) -> Starts:
    """Draws of N(0, σ²) per entry, (count, size), σ ≥ 0; float64.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> gaussian(10, 3, 2.0, seed=0).measure
    'N(0, σ²), σ = 2'
    """
    shape = _checks.whole("count", count), _checks.whole("size", size)
    sigma = _checks.number("sigma", sigma, low=0)
    generator = _checks.generator_from(seed, "gaussian")
    states = sigma * _checks.normal_like(torch.empty(shape, dtype=torch.float64), generator)
    return Starts(_within("sigma", sigma, states), f"N(0, σ²), σ = {sigma:g}")


def box(low: Sequence[float], high: Sequence[float], count: int, seed: Seed = None) -> Starts:
    """Draws that are uniform on low ≤ x ≤ high; both (N,), low < high.

    Raises
    ------
    ValueError : corners that do not span a box, or a count below 1.

    Examples
    --------
    >>> box([-3, -3], [3, 3], 10, seed=0).measure
    'box [-3, 3]²'
    """
    corners = _corners(low, high)
    generator = _checks.generator_from(seed, "box")
    shape = _checks.whole("count", count), corners.shape[1]
    at = generator.device
    unit = torch.rand(shape, generator=generator, device=at, dtype=torch.float64)
    return Starts(
        corners[0] + (corners[1] - corners[0]) * unit.to(corners.device), _box_name(corners)
    )


def grid(low: Sequence[float], high: Sequence[float], points: int) -> Starts:
    """A grid on low ≤ x ≤ high with its corners, `points` ≥ 2 along each of few axes.

    The last axis runs fastest: labels (B,) become a picture by `reshape(points, …, points)`.

    Raises
    ------
    ValueError : corners that do not span a box, or fewer than 2 points.

    Examples
    --------
    >>> grid([0, 0], [1, 1], 2).states.tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    corners = _corners(low, high)
    count = _checks.whole("points", points, low=2)
    axes = [
        torch.linspace(float(a), float(b), count, dtype=torch.float64)
        for a, b in zip(*corners, strict=True)
    ]
    states = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    return Starts(states, f"grid on the {_box_name(corners)}", drawn=False)


def spins(count: int, size: int, seed: Seed = None) -> Starts:
    """Random spins ±1, (count, size).

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> spins(10, 3, seed=0).measure
    'random spins'
    """
    return Starts(random_patterns(count, size, seed=seed), "random spins")


def cues(memory: Memory, overlap: float, count: int, seed: Seed = None) -> Starts:
    """Cues of the memory at an overlap, in (0, 1], each of a pattern of equal chance.

    Raises
    ------
    ValueError : an argument outside its range, or a memory that breaks its contract.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from diffusion import EmpiricalDenoiser
    >>> cues(as_memory(EmpiricalDenoiser(torch.eye(3))), 0.5, 10, seed=0).measure
    'cues at overlap 0.5'
    """
    overlap = _checks.number("overlap", overlap, low=0, high=1, open_low=True)
    patterns = stored_patterns(memory)
    generator = _checks.generator_from(seed, "cues")
    rows = patterns[_drawn(len(patterns), count, generator).to(patterns.device)]
    return Starts(cue(memory, rows, overlap, generator), f"cues at overlap {overlap:g}", overlap)


def _drawn(patterns: int, count: int, generator: torch.Generator) -> Tensor:
    shape = (_checks.whole("count", count),)
    return torch.randint(patterns, shape, generator=generator, device=generator.device)


def _within(name: str, given: object, states: Tensor) -> Tensor:
    """The states, if they are numbers of their precision."""
    if not torch.isfinite(states).all():
        raise ValueError(f"{name} leads out of the range of {states.dtype}, got {given}")
    return states


def _corners(low: Sequence[float], high: Sequence[float]) -> Tensor:
    """(2, N)."""
    ends = [
        _checks.tensor(name, end, double=True).double().reshape(-1)
        for name, end in (("low", low), ("high", high))
    ]
    if len(ends[0]) == 0 or ends[0].shape != ends[1].shape:
        raise ValueError(f"low and high must have the same N entries, got {low} and {high}")
    corners = torch.stack(ends)
    if not torch.isfinite(corners).all() or not (corners[0] < corners[1]).all():
        raise ValueError(f"low must be below high in every entry, got {low} and {high}")
    _within("high", high, corners[1] - corners[0])
    return corners


def _box_name(corners: Tensor) -> str:
    low, high = corners.tolist()
    if len({*low}) == len({*high}) == 1 and len(low) > 1:
        power = str(len(low)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"box [{low[0]:g}, {high[0]:g}]{power}"
    return "box " + "×".join(f"[{a:g}, {b:g}]" for a, b in zip(low, high, strict=True))
