r"""Retrieval maps, basin radius, capacity: the measurements every memory shares.

A retrieval map gives, for cues at overlap m₀ with a pattern, the overlap m_f of what is
retrieved with that pattern and the probability that it is the pattern (cosine of at least
`threshold`). The basin radius is the overlap at which that probability crosses a level,
the capacity the load at which it does. Two criteria are kept apart by name:

    "fixed-point"   the end of the dynamics, `memory.retrieve`
    "one-step"      a single update, `memory.step`

Errors are standard errors between independent samples: memories of independent pattern
sets where several are given, the patterns of one memory otherwise (cues of one pattern are
not independent). Crossings are read off an isotonic fit by linear interpolation, their
95 % intervals from a bootstrap over the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import isotonic_regression
from torch import Tensor

from bridges.memory import Memory, one_step, recall
from bridges.results import mean_and_sem
from hopfield import checks
from hopfield.checks import Seed

_ROUNDING = 1e-6  # of a cosine of single-precision states
CRITERIA = ("fixed-point", "one-step")
Array = np.ndarray


@dataclass(frozen=True)
class RetrievalMap:
    """A measured retrieval map; arrays have one entry an overlap.

    overlap_in : m₀ as asked for. overlap_out, overlap_sem : m_f and its standard error.
    success, sem : probability of retrieval and its standard error. converged : fraction of
    cues whose dynamics converged, NaN for a single step. by_sample : (samples, overlaps), the
    success of each sample.
    """

    overlap_in: Array
    overlap_out: Array
    overlap_sem: Array
    success: Array
    sem: Array
    converged: Array
    by_sample: Array
    criterion: str
    threshold: float

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class BasinRadius:
    """overlap : the m₀ at which retrieval crosses the level, smaller for wider basins; inf if
    not even clean cues reach it, 0 if the least overlap measured still does. interval : its
    95 % interval, NaN for a single sample. curve : the retrieval map it was read from."""

    overlap: float
    interval: tuple[float, float]
    curve: RetrievalMap

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class CapacityCurve:
    """Retrieval against load; arrays have one entry a load, as in `RetrievalMap`."""

    load: Array
    overlap_out: Array
    success: Array
    sem: Array
    by_sample: Array

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Capacity:
    """load : where retrieval crosses the level; 0 if the least load misses it, inf if the
    largest still reaches it. interval : its 95 % interval, NaN for a single sample. curve :
    what it was read from."""

    load: float
    interval: tuple[float, float]
    curve: CapacityCurve

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def retrieval_map(
    memory: Memory | Sequence[Memory],
    overlaps: Sequence[float],
    trials: int = 100,
    criterion: str = "fixed-point",
    threshold: float = 0.95,
    seed: Seed = None,
) -> RetrievalMap:
    """Cue a memory at several overlaps and see what comes back.

    Parameters
    ----------
    memory : a Memory, or several of independent pattern sets.
    overlaps : cosines m₀ of cue and pattern, in (0, 1].
    trials : cues a memory at each overlap, spread evenly over its patterns.
    criterion : "fixed-point" or "one-step"; see the head of the module.
    threshold : cosine with the cued pattern that counts as retrieval, in (0, 1].
    seed : int, torch.Generator or None. The same noise serves all overlaps, so that the
        result at one does not depend on which others are asked for.

    Returns
    -------
    RetrievalMap.

    Raises
    ------
    ValueError : an argument outside its range, no memory, a memory that returns NaN or
        states of a wrong shape, or (one-step) has no `step`.
    TypeError : something that is no Memory.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from hopfield import HopfieldNetwork, hebbian, random_patterns
    >>> xi = random_patterns(5, 200, seed=0)
    >>> found = retrieval_map(as_memory(HopfieldNetwork(hebbian(xi)), xi), [0.5, 1.0], seed=1)
    >>> bool(found.success[1] == 1)
    True
    """
    grid = _grid("overlaps", overlaps, high=1.0)
    trials = checks.whole("trials", trials)
    checks.choice("criterion", criterion, CRITERIA)
    checks.number("threshold", threshold, low=0, high=1, open_low=True)
    memories = list(memory) if isinstance(memory, Sequence) else [memory]
    if not memories:
        raise ValueError("memory must be at least one memory, got an empty sequence")
    for one in memories:
        if not isinstance(one, Memory):
            raise TypeError(
                f"memory must be a Memory, got {type(one).__name__}; adapt it with as_memory"
            )
    base = _whole_seed(seed)
    results = []
    for index, one in enumerate(memories):
        cue_seed = int(np.random.SeedSequence(base, spawn_key=(index,)).generate_state(1)[0])
        units = [_measure(one, m, trials, criterion, threshold, cue_seed) for m in grid]
        results.append(np.stack(units, 1))  # (patterns, overlaps, 3)
    table = results[0] if len(results) == 1 else np.stack([one.mean(0) for one in results])
    mean, sem = mean_and_sem(table)
    return RetrievalMap(
        overlap_in=grid,
        overlap_out=mean[:, 0],
        overlap_sem=sem[:, 0],
        success=mean[:, 1],
        sem=sem[:, 1],
        converged=mean[:, 2],
        by_sample=table[:, :, 1],
        criterion=criterion,
        threshold=threshold,
    )


def basin_radius(
    memory: Memory | Sequence[Memory],
    success: float = 0.5,
    trials: int = 100,
    criterion: str = "fixed-point",
    threshold: float = 0.95,
    seed: Seed = None,
) -> BasinRadius:
    """The least overlap of a cue that still comes home with probability `success`.

    Measured on overlaps 0.1, 0.2 … 1, then every 0.02 around the crossing.

    Parameters
    ----------
    memory, trials, criterion, threshold, seed : as for `retrieval_map`.
    success : level of the retrieval probability, in (0, 1).

    Returns
    -------
    BasinRadius; (1 − overlap)/2 is the fraction of flipped spins that is forgiven.

    Raises
    ------
    ValueError : as for `retrieval_map`, or a level outside (0, 1).

    Examples
    --------
    >>> from bridges import as_memory
    >>> from hopfield import HopfieldNetwork, pseudo_inverse, random_patterns
    >>> xi = random_patterns(20, 100, seed=0)
    >>> found = basin_radius(as_memory(HopfieldNetwork(pseudo_inverse(xi)), xi), seed=1)
    >>> 0.2 < found.overlap < 0.6
    True
    """
    _level(success)
    base = _whole_seed(seed)

    def measured(overlaps: Array) -> RetrievalMap:
        return retrieval_map(memory, overlaps.tolist(), trials, criterion, threshold, base)

    coarse = np.arange(1, 11) / 10
    first = crossing(coarse, measured(coarse).by_sample, success, rising=True)[0]
    fine = np.arange(1, 51) / 50
    near = np.abs(fine - np.clip(first, 0, 1)) <= 0.1 + 1e-9
    grid = np.union1d(coarse, fine[near]).round(12)
    curve = measured(grid)
    overlap, interval = crossing(grid, curve.by_sample, success, rising=True)
    low, high = (max(end, 0.0) if end == end else end for end in interval)
    return BasinRadius(max(overlap, 0.0), (low, high), curve)


def capacity(
    build: Callable[[float, int], Memory],
    loads: Sequence[float],
    overlap: float = 1.0,
    success: float = 0.5,
    samples: int = 8,
    trials: int = 100,
    criterion: str = "fixed-point",
    threshold: float = 0.95,
    seed: Seed = None,
) -> Capacity:
    """The load up to which cues at `overlap` come home with probability `success`.

    Parameters
    ----------
    build : build(load, seed) → Memory of an independent pattern set; sample k has the same
        seed at every load.
    loads : increasing positive numbers, in whatever unit `build` takes (P/N, P, …).
    overlap : cosine of the cues, in (0, 1].
    success : level of the retrieval probability, in (0, 1).
    samples : independent pattern sets a load.
    trials, criterion, threshold, seed : as for `retrieval_map`.

    Returns
    -------
    Capacity, interpolated in the logarithm of the load.

    Raises
    ------
    ValueError : an argument outside its range, or as for `retrieval_map`.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from hopfield import HopfieldNetwork, hebbian, random_patterns
    >>> def build(load, seed):
    ...     xi = random_patterns(round(load * 200), 200, seed=seed)
    ...     return as_memory(HopfieldNetwork(hebbian(xi)), xi)
    >>> found = capacity(build, [0.05, 0.1, 0.2, 0.4], samples=3, trials=20, seed=0)
    >>> 0.1 < found.load < 0.25
    True
    """
    grid = _grid("loads", loads)
    _level(success)
    seeds = np.random.SeedSequence(_whole_seed(seed)).generate_state(
        checks.whole("samples", samples)
    )
    table = np.empty((len(seeds), len(grid), 2))
    for row, one in enumerate(seeds.tolist()):
        for column, load in enumerate(grid.tolist()):
            found = retrieval_map(
                build(load, one), [overlap], trials, criterion, threshold, seed=one
            )
            table[row, column] = found.overlap_out[0], found.success[0]
    mean, sem = mean_and_sem(table)
    load, interval = crossing(np.log(grid), table[:, :, 1], success, rising=False)
    curve = CapacityCurve(grid, mean[:, 0], mean[:, 1], sem[:, 1], table[:, :, 1])
    return Capacity(
        float(np.exp(load)), (float(np.exp(interval[0])), float(np.exp(interval[1]))), curve
    )


def crossing(
    x: Array, by_sample: Array, level: float, rising: bool, resamples: int = 400
) -> tuple[float, tuple[float, float]]:
    """Where a monotone curve crosses a level, and a 95 % interval.

    Parameters
    ----------
    x : (K,), increasing. by_sample : (S, K), the curve of each sample.
    level : to cross. rising : whether the curve rises with x, or falls.
    resamples : of the bootstrap over the samples, which has a fixed seed.

    Returns
    -------
    value : the crossing of the isotonic fit of the mean, ±∞ where it lies beyond the x
        measured, on the side where a wider x would find it.
    interval : of the bootstrap; NaN for a single sample, which has no spread.
    """
    value = _crossing(x, by_sample.mean(0), level, rising)
    samples = len(by_sample)
    if samples == 1:
        return value, (float("nan"), float("nan"))
    generator = np.random.default_rng(0)
    means = (by_sample[generator.integers(samples, size=samples)].mean(0) for _ in range(resamples))
    draws = np.sort([_crossing(x, mean, level, rising) for mean in means])
    low, high = draws[int(0.025 * (resamples - 1))], draws[int(np.ceil(0.975 * (resamples - 1)))]
    return value, (float(low), float(high))


def _crossing(x: Array, curve: Array, level: float, rising: bool) -> float:
    fit = isotonic_regression(curve, increasing=rising).x
    above = fit >= level - 1e-12
    if above.all():
        return -np.inf if rising else np.inf
    if not above.any():
        return np.inf if rising else -np.inf
    k = int(np.argmax(above)) if rising else len(x) - int(np.argmax(above[::-1]))
    part = (level - fit[k - 1]) / (fit[k] - fit[k - 1])
    return float(x[k - 1] + part * (x[k] - x[k - 1]))


def _measure(
    memory: Memory, overlap: float, trials: int, criterion: str, threshold: float, seed: int
) -> Array:
    """(patterns cued, 3): overlap, success and convergence, averaged over a pattern's cues."""
    generator = torch.Generator().manual_seed(seed)
    patterns = torch.as_tensor(memory.patterns)
    order = torch.randperm(len(patterns), generator=generator)
    rows = order.repeat(-(-trials // len(order)))[:trials].sort().values
    cued = patterns[rows.to(patterns.device)]
    cues = memory.corrupt(cued, overlap, generator)
    if criterion == "one-step":
        states, converged = one_step(memory, cues, overlap), torch.full((trials,), torch.nan)
    else:
        states, converged = recall(memory, cues, overlap, generator)
    cosine = _cosine(states, cued)
    values = (
        torch.stack([cosine, (cosine >= threshold - _ROUNDING).to(cosine), converged.to(cosine)], 1)
        .cpu()
        .double()
        .numpy()
    )
    starts = np.flatnonzero(np.diff(rows.numpy(), prepend=-1))
    counts = np.diff(starts, append=trials)
    return np.add.reduceat(values, starts) / counts[:, None]


def _cosine(states: Tensor, patterns: Tensor) -> Tensor:
    """Cosine of each state with its pattern, in float64; 0 for a state of norm 0."""
    states, patterns = states.double(), patterns.double()
    norms = states.norm(dim=1) * patterns.norm(dim=1)
    return torch.where(norms > 0, (states * patterns).sum(1) / norms, 0.0)


def _grid(name: str, values: Sequence[float], high: float = float("inf")) -> Array:
    grid = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(grid) == 0 or not ((grid > 0) & (grid <= high)).all():
        raise ValueError(f"{name} must be numbers in (0, {high:g}], got {values}")
    if name == "loads" and (np.diff(grid) <= 0).any():
        raise ValueError(f"{name} must increase, got {values}")
    return grid


def _level(success: float) -> None:
    if not 0 < success < 1:
        raise ValueError(f"success must lie in (0, 1), got {success}")


def _whole_seed(seed: Seed) -> int:
    """One whole number from an int, a generator or fresh entropy."""
    if seed is not None and not isinstance(seed, torch.Generator):
        return checks.whole("seed", seed, low=0)
    return int(torch.randint(2**62, (1,), generator=checks.generator_from(seed, "retrieval_map")))
