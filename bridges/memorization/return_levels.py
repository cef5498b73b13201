r"""Up to which noise does each datum come home, and does this tell which data are copied?

A cue of datum μ with noise σ comes home with probability R_μ(σ), which falls from 1 to near 0:

    exact score     R_μ = E_z w_μ(ξ^μ + σz), the posterior weight, where the exact reverse SDE ends
    other memories  the part of the cues that end at μ, its nearest pattern

The return level σ_½(μ) is where R_μ = ½. Isolated data return from more noise than those that have
near neighbours, so that σ_½ resembles the distance d(μ) to the nearest other datum; what it knows
beside is asked by rank correlations with the number of copies c(μ) of each datum,

    ρ(σ_½, c),    ρ(d, c),    ρ(σ_½, c | d) = [ρ_σc − ρ_σd ρ_cd]/√[(1 − ρ_σd²)(1 − ρ_cd²)],

the last one at a fixed rank of d (Spearman 1904; Kendall 1942). Their errors are those of the
jackknife over the data, in 20 parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import POINTS, Line, Plotted, Result, Seed
from bridges.crossing.levels import isotonic_crossings
from bridges.estimates import with_error
from bridges.memory import Memory
from bridges.memory.cueing import answered, cue, recall, stored_patterns, targets_of
from bridges.memory.similarity import WHOLE, similarity_of
from bridges.transitions import nearest_pattern
from diffusion import EmpiricalDenoiser, neighbour_distances

Array = np.ndarray
_PARTS = 8  # of the draws, between which a level has its error
_JACKKNIFE = 20  # parts of the data
_LEAST = 5  # data that have a rank correlation worth its name
_NUMBERS = 2**22  # weights or coordinates of a block held at once


@dataclass(frozen=True, repr=False)
class ReturnLevels(Plotted):
    """Of each of P data that were asked for the noise from which half of its cues come home.

    Attributes
    ----------
    level : (P,) σ_½, in the units of the data; 0 where not half of the cues come home at any σ
        asked, infinity where half do at all.
    sem : (P,) its standard error between parts of the draws; NaN where a part has no such level.
    nearest : (P,) distance to the nearest other datum.
    sigma : (K,) noise levels of the cues.
    returned : (K, P) the part that comes home.
    """

    level: Array
    sem: Array
    nearest: Array
    sigma: Array
    returned: Array
    _titles = ("distance to the nearest other datum", r"return level $\sigma_{1/2}$")

    def __len__(self) -> int:
        """Number of data P."""
        return len(self.level)

    def __repr__(self) -> str:
        inside = self.level[np.isfinite(self.level) & (self.level > 0)]
        known = f"{np.median(inside):.3g}" if len(inside) else "none"
        return (
            f"ReturnLevels({len(self)} data, median σ_½ {known}, {len(self) - len(inside)} beyond "
            f"σ from {self.sigma[0]:.3g} to {self.sigma[-1]:.3g})"
        )

    def _lines(self) -> list[Line]:
        """Level against the distance to the nearest other datum."""
        some = np.isfinite(self.level)
        look = POINTS | {"ls": ""}
        return [Line(self.nearest[some], self.level[some], self.sem[some], look=look)]


@dataclass(frozen=True, repr=False)
class CopyPrediction(Result):
    """How well return levels tell which data are copied, rank correlations over the data.

    Attributes
    ----------
    level, level_sem : ρ(σ_½, copies) and its standard error.
    nearest, nearest_sem : the same of the distance to the nearest other datum.
    partial, partial_sem : ρ(σ_½, copies) at a fixed rank of that distance.
    copied : data that were copied at least once.
    data : P.
    """

    level: float
    level_sem: float
    nearest: float
    nearest_sem: float
    partial: float
    partial_sem: float
    copied: int
    data: int

    def __repr__(self) -> str:
        parts = (
            f"{name} {with_error(getattr(self, name), getattr(self, f'{name}_sem'))}"
            for name in ("level", "nearest", "partial")
        )
        return f"CopyPrediction({self.copied} of {self.data} data copied; ρ: {', '.join(parts)})"


@torch.no_grad()
def return_levels(
    source: EmpiricalDenoiser | Memory,
    sigmas: Sequence[float] | Array,
    draws: int = 40,
    threshold: float = -1.0,
    index: Sequence[int] | Tensor | None = None,
    seed: Seed = None,
) -> ReturnLevels:
    """The noise from which each datum comes home half of the time.

    Parameters
    ----------
    source : an EmpiricalDenoiser, whose R is the mean of its posterior weights; or a Memory,
        as of `as_memory(network, data, dynamics="flow")`, whose cues are run and counted.
    sigmas : (K,) noise levels of the cues, at least 2, increasing, in the units of the data.
    draws : cues per datum and level, at least 8; all levels share their draws.
    threshold : least cosine of an end with its nearest pattern that counts as home, in [−1, 1],
        of a Memory.
    index : different rows of the data, whose levels are asked for; None: all. Few of many data
        save time, as each cue is compared with all data.
    seed : int, torch.Generator or None.

    Returns
    -------
    ReturnLevels, interpolated in log σ.

    Raises
    ------
    ValueError : an argument out of range, one datum only, or a memory that breaks its contract.
    TypeError : a source that is neither.

    Examples
    --------
    >>> points = 3 * torch.eye(5)
    >>> points[1] = points[0] + points[1] / 3  # the first two are neighbours
    >>> found = return_levels(EmpiricalDenoiser(points), [0.1, 0.3, 1.0, 3.0, 10.0], seed=0)
    >>> bool(found.level[2:].min() > 1.5 * found.level[:2].max())
    True
    """
    if not isinstance(source, EmpiricalDenoiser | Memory):
        raise TypeError(
            "source must be an EmpiricalDenoiser or a Memory, "
            f"got {type(source).__name__}; adapt it with as_memory"
        )
    grid = _checks.doubles("sigmas", sigmas).reshape(-1)
    if len(grid) < 2 or not (np.diff(grid) > 0).all() or not 0 < grid[0] <= grid[-1] < math.inf:
        raise ValueError(f"sigmas must be at least two levels that increase, got {grid.tolist()}")
    draws = _checks.whole("draws", draws, low=_PARTS)
    threshold = _checks.number("threshold", threshold, low=-1, high=1)
    base = _checks.whole_seed(seed)
    exact = isinstance(source, EmpiricalDenoiser)
    rows = source.points() if isinstance(source, EmpiricalDenoiser) else stored_patterns(source)
    if len(rows) < 2:
        raise ValueError(f"source must hold at least 2 data, got {len(rows)}")
    asked = _asked(index, len(rows))
    parts = np.zeros((_PARTS, len(grid), len(asked)))
    counts = np.array([len(part) for part in np.array_split(np.arange(draws), _PARTS)])
    for k, sigma in enumerate(_checks.followed(grid.tolist(), "return levels")):
        generator = torch.Generator().manual_seed(base % 2**63)
        for p, count in enumerate(counts.tolist()):
            way = (source, rows, asked, sigma, count, generator)
            parts[p, k] = _weights(*way) if exact else _homes(*way, threshold)
    mean = np.average(parts, axis=0, weights=counts)
    logs = np.log(grid)
    level = np.exp(isotonic_crossings(logs, mean.T, 0.5))
    by_part = np.stack([np.exp(isotonic_crossings(logs, one.T, 0.5)) for one in parts])
    inside = (np.isfinite(by_part) & (by_part > 0)).all(0)
    sem = np.full(len(asked), np.nan)
    sem[inside] = by_part[:, inside].std(0, ddof=1) / math.sqrt(_PARTS)
    near = neighbour_distances(rows[asked.to(rows.device)], rows, 2)[:, 1].double().cpu().numpy()
    return ReturnLevels(level, sem, near, grid, mean)


def copy_prediction(levels: ReturnLevels, copies: Tensor | Array) -> CopyPrediction:
    """How well return levels tell which data a model copies.

    Parameters
    ----------
    levels : of `return_levels`.
    copies : (P,) number of copies of each datum among samples, as
        `torch.bincount(found.nearest[found.listed], minlength=P)` of `list_copies`.

    Returns
    -------
    CopyPrediction; NaN where all data are copied alike, and of `partial` where the distances have
    the order of the levels or of the copies, or its reverse.

    Raises
    ------
    ValueError : counts that are negative or of another length, or fewer than 5 data.

    Examples
    --------
    >>> points = torch.cat([torch.arange(6.0), torch.tensor([10.0, 20.0])])[:, None]
    >>> levels = return_levels(EmpiricalDenoiser(points), [0.1, 0.3, 1.0, 3.0, 10.0], seed=0)
    >>> found = copy_prediction(levels, [0, 0, 0, 0, 0, 0, 3, 5])
    >>> found.level > 0.5, found.copied
    (True, 2)
    """
    _checks.instance("levels", levels, ReturnLevels, "what return_levels returns")
    counts = _checks.doubles("copies", copies)
    if counts.shape != levels.level.shape or not (counts >= 0).all():
        raise ValueError(
            f"copies must be {len(levels)} numbers that are not negative, got "
            f"{_checks.shown(copies)}"
        )
    if len(counts) < _LEAST:
        raise ValueError(f"levels must be of at least {_LEAST} data, got {len(counts)}")
    columns = np.stack([levels.level, levels.nearest, counts])
    found = _correlations(columns)
    parts = np.array_split(np.random.default_rng(0).permutation(len(counts)), _JACKKNIFE)
    parts = [part for part in parts if len(part)]
    left = np.stack([_correlations(np.delete(columns, part, 1)) for part in parts])
    n = len(parts)
    sem = np.sqrt((n - 1) / n * ((left - left.mean(0)) ** 2).sum(0))
    (level, nearest, partial), errors = found.tolist(), sem.tolist()
    return CopyPrediction(
        level=level,
        level_sem=errors[0],
        nearest=nearest,
        nearest_sem=errors[1],
        partial=partial,
        partial_sem=errors[2],
        copied=int((counts > 0).sum()),
        data=len(counts),
    )


def _correlations(columns: Array) -> Array:
    """Rank correlations of level and copies, distance and copies, and the first at fixed distance.

    columns : (3, P) of level, distance and copies.
    """
    from scipy.stats import rankdata

    ranks = rankdata(columns, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    norms = np.sqrt((ranks**2).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = ranks @ ranks.T / np.outer(norms, norms)
        left = np.sqrt((1 - rho[0, 1] ** 2) * (1 - rho[1, 2] ** 2))
        partial = (rho[0, 2] - rho[0, 1] * rho[1, 2]) / left
    for other in (0, 2):  # of one order with the distance, or its reverse: 0/0, to rounding
        if any((ranks[other] == sign * ranks[1]).all() for sign in (1, -1)):
            partial = np.nan
    return np.array([rho[0, 2], rho[1, 2], partial])


def _asked(index: Sequence[int] | Tensor | None, count: int) -> Tensor:
    """The rows that are asked for, (M,), of so many. Raises ValueError."""
    if index is None:
        return torch.arange(count)
    found = _checks.doubles("index", index)
    inside = found.ndim == 1 and len(found) and ((found >= 0) & (found < count)).all()
    if not inside or (found % 1).any() or len(np.unique(found)) < len(found):
        raise ValueError(
            f"index must be different whole numbers in [0, {count - 1}], got {_checks.shown(index)}"
        )
    return torch.from_numpy(found).long()


def _blocks(asked: int, draws: int, width: int) -> Iterator[Tensor]:
    """Which of the data asked for each of so many draws is of, a block of them at a time."""
    own = torch.arange(asked).repeat(draws)
    yield from own.split(max(1, _NUMBERS // width))


def _weights(
    source: Any, rows: Tensor, asked: Tensor, sigma: float, draws: int, generator: torch.Generator
) -> Array:
    """Mean posterior weight of each datum asked for at noised points of its own, (M,)."""
    total = torch.zeros(len(asked), dtype=torch.float64)
    for own in _blocks(len(asked), draws, max(rows.shape)):
        here = asked[own].to(rows.device)
        clean = rows[here]
        weights = source.weights(clean + sigma * _checks.normal_like(clean, generator), sigma)
        total.index_add_(0, own, weights.gather(1, here[:, None]).squeeze(1).double().cpu())
    return (total / draws).numpy()


def _homes(
    source: Any,
    rows: Tensor,
    asked: Tensor,
    sigma: float,
    draws: int,
    generator: torch.Generator,
    threshold: float,
) -> Array:
    """The part of the cues of each pattern asked for that comes home, (M,)."""
    similarity, targets = similarity_of(source), targets_of(source)
    targets = rows if targets is None else targets.to(rows)
    seen = similarity if targets.shape == rows.shape else WHOLE
    overlap = similarity.overlap_of_noise(sigma, rows)
    total = torch.zeros(len(asked), dtype=torch.float64)
    for own in _blocks(len(asked), draws, max(rows.shape)):
        cues = cue(source, rows[asked[own].to(rows.device)], overlap, generator)
        ends = answered(source, recall(source, cues, overlap, generator).states)
        home = nearest_pattern(ends, targets, threshold, seen).cpu() == asked[own]
        total.index_add_(0, own, home.double())
    return (total / draws).numpy()
