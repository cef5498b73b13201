r"""Retrieval maps and basin radius: the measurements every memory shares.

A retrieval map gives, for cues at overlap m₀ with a pattern, the overlap m_f of what is
retrieved with that pattern and the probability that it is the pattern (cosine of at least
`threshold`); with its target where the memory has `targets`. The basin radius is the overlap at
which that probability crosses a level, the midpoint that at which m_f does: a mean over cues that
come home and cues that do not, and so not where half of them do. `bridges.capacities` has the
load at which cues are lost. Two criteria are kept apart by name:

    "fixed-point"   the end of the dynamics, `memory.retrieve`
    "one-step"      a single update, `memory.step`

and so are two kinds of cues of spins, as the midpoints of one memory differ by 0.01 to 0.02:

    "exact"         `memory.corrupt`; for spins, exactly (1 − m₀)N/2 of them are flipped
    "independent"   each spin is flipped with probability (1 − m₀)/2, as in arXiv 2201.00032

Errors are standard errors between independent samples: memories of independent pattern
sets where several are given, the patterns of one memory otherwise (cues of one pattern are
not independent). Where all or none of n samples return, the error of their share is 1/(n + 1),
not 0. Crossings are read off an isotonic fit, with intervals that hold for three samples and
more (`bridges.crossing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import POINTS, Line, Plotted, Seed, at
from bridges.crossing import Crossings, crossings
from bridges.estimates import fraction_and_sem, mean_and_sem, short_table, with_interval
from bridges.memory import CRITERIA, ROUNDING, Memory
from bridges.memory.clusters import are_spins
from bridges.memory.cueing import (
    answered,
    cue,
    cued_patterns,
    cycling,
    one_cue,
    settle,
    targets_of,
)
from bridges.memory.similarity import WHOLE, similarity_of

Array = np.ndarray
FLIPS = ("exact", "independent")


@dataclass(frozen=True, repr=False)
class RetrievalMap(Plotted):
    """A measured retrieval map; arrays have one entry per overlap.

    Attributes
    ----------
    overlap_in : m₀ as asked for.
    overlap_out : m_f.
    overlap_sem : its standard error.
    success : probability of retrieval.
    sem : its standard error.
    converged : fraction of cues whose dynamics converged, NaN for a single step.
    cycles : fraction that ended in a 2-cycle, which success does not ask; NaN for a single
        step, or where the memory does not know.
    by_sample : (samples, overlaps), the success of each sample.
    overlap_by_sample : (samples, overlaps), the m_f of each sample.
    finals : (memories, overlaps, trials), the overlap that each cue ended at, or None; those
        of one pattern beside each other, in the order of the patterns.
    criterion : "fixed-point" or "one-step".
    flips : "exact" or "independent"; see the head of the module.
    threshold : cosine that counts as retrieval.
    about : the centre of the cosines, and their sites, in words.
    """

    overlap_in: Array
    overlap_out: Array
    overlap_sem: Array
    success: Array
    sem: Array
    converged: Array
    cycles: Array
    by_sample: Array
    overlap_by_sample: Array
    finals: Array | None
    criterion: str
    flips: str
    threshold: float
    about: str
    _titles = ("overlap of the cue $m_0$", "probability of retrieval")

    def __repr__(self) -> str:
        about = "" if self.about == str(WHOLE) else f" {self.about}"
        columns = {
            "cue": (self.overlap_in, None),
            "retrieved": (self.overlap_out, self.overlap_sem),
            "success": (self.success, self.sem),
        }
        if (self.cycles > 0).any():
            columns["in 2-cycles"] = (self.cycles, None)
        kind = "" if self.flips == "exact" else f", {self.flips} flips"
        heading = f"{self.criterion}{kind}, cosine of at least {self.threshold:g}{about}"
        return short_table(f"RetrievalMap({heading})", columns)

    def _lines(self) -> list[Line]:
        return [Line(self.overlap_in, self.success, self.sem, look=POINTS)]


@dataclass(frozen=True, repr=False)
class BasinRadius(Plotted):
    """The overlap that a cue must have to be retrieved.

    Attributes
    ----------
    overlap : the m₀ at which retrieval crosses the level, smaller for wider basins; inf if
        not even clean cues reach it, 0 if the least overlap measured still does.
    interval : its 95 % interval, NaN for a single sample.
    curve : the retrieval map it was read from.
    """

    overlap: float
    interval: tuple[float, float]
    curve: RetrievalMap
    _titles = RetrievalMap._titles

    def __repr__(self) -> str:
        return f"BasinRadius(overlap {with_interval(self.overlap, self.interval)})"

    def _lines(self) -> list[Line]:
        words = with_interval(self.overlap, self.interval)
        return [*self.curve._lines(), *at(self.overlap, f"radius {words}")]


@dataclass(frozen=True, repr=False)
class MidpointRadius(Plotted):
    """The overlap of cues whose ends have a mean overlap of one half.

    Attributes
    ----------
    overlap : the m₀ at which m_f crosses ½, smaller for wider basins; inf if not even clean cues
        reach it, 0 if the least overlap measured still does.
    sem : its standard error.
    interval : its 95 % interval, NaN for a single sample.
    flips : "exact" or "independent": midpoints of two kinds are not to be compared.
    curve : the retrieval map it was read from.
    """

    overlap: float
    sem: float
    interval: tuple[float, float]
    flips: str
    curve: RetrievalMap
    _titles = ("overlap of the cue $m_0$", "overlap of the end $m_f$")

    def __repr__(self) -> str:
        known = with_interval(self.overlap, self.interval)
        return f"MidpointRadius(overlap {known}, {self.flips} flips)"

    def _lines(self) -> list[Line]:
        curve = self.curve
        words = with_interval(self.overlap, self.interval)
        ends = Line(curve.overlap_in, curve.overlap_out, curve.overlap_sem, look=POINTS)
        return [ends, *at(self.overlap, f"midpoint {words}")]


def retrieval_map(
    memory: Memory | Sequence[Memory],
    overlaps: Sequence[float],
    trials: int = 100,
    criterion: str = "fixed-point",
    threshold: float = 0.95,
    patterns: Tensor | None = None,
    seed: Seed = None,
    *,
    flips: str = "exact",
    finals: bool = False,
) -> RetrievalMap:
    """Cue a memory at several overlaps and see what comes back.

    Parameters
    ----------
    memory : a Memory, or several of independent pattern sets.
    overlaps : cosines m₀ of cue and pattern, in (0, 1].
    trials : cues per memory at each overlap, spread evenly over the patterns that are cued.
    criterion : "fixed-point" or "one-step"; see the head of the module.
    threshold : cosine with the cued pattern that counts as retrieval, in (0, 1].
    patterns : (H, N), cue these instead of the stored ones, such as data that were held out; not
        for a memory with targets.
    seed : int, torch.Generator or None. The same noise serves all overlaps, so that the
        result at one does not depend on which others are asked for.
    flips : "exact" or "independent", the latter for patterns of ±1 alone.
    finals : keep the final overlap of every cue, for a histogram.

    Returns
    -------
    RetrievalMap.

    Raises
    ------
    ValueError : an argument outside its range, no memory, patterns of another size, a memory
        that returns NaN or states of a wrong shape, or (one-step) has no `step`.
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
    grid = positive_grid("overlaps", overlaps, high=1.0)
    trials = _checks.whole("trials", trials)
    _checks.choice("criterion", criterion, CRITERIA)
    threshold = _checks.number("threshold", threshold, low=0, high=1, open_low=True)
    independent = _checks.choice("flips", flips, FLIPS) == "independent"
    finals = _checks.flag("finals", finals)
    memories = list(memory) if isinstance(memory, Sequence) else [memory]
    if not memories:
        raise ValueError("memory must be at least one memory, got an empty sequence")
    cued = [cued_patterns(one, patterns) for one in memories]
    wanted = [_wanted(one, patterns, rows) for one, rows in zip(memories, cued, strict=True)]
    if independent:
        for one, rows in zip(memories, cued, strict=True):
            _checks.stored("patterns", rows, binary=True)
            _check_flips(one)
    base = _checks.whole_seed(seed)
    results, ends = [], []
    for index, (one, rows, aims) in enumerate(zip(memories, cued, wanted, strict=True)):
        cue_seed = int(np.random.SeedSequence(base, spawn_key=(index,)).generate_state(1)[0])
        units = [
            _measure(one, rows, aims, m, trials, criterion, threshold, cue_seed, independent)
            for m in _checks.followed(grid, "overlaps")
        ]
        results.append(np.stack([table for table, _ in units], 1))  # (patterns, overlaps, 4)
        ends.append(np.stack([near for _, near in units]))
    table = results[0] if len(results) == 1 else np.stack([one.mean(0) for one in results])
    mean, sem = mean_and_sem(table)
    success, success_sem = fraction_and_sem(table[:, :, 1])
    return RetrievalMap(
        overlap_in=grid,
        overlap_out=mean[:, 0],
        overlap_sem=sem[:, 0],
        success=success,
        sem=success_sem,
        converged=mean[:, 2],
        cycles=mean[:, 3],
        by_sample=table[:, :, 1],
        overlap_by_sample=table[:, :, 0],
        finals=np.stack(ends) if finals else None,
        criterion=criterion,
        flips=flips,
        threshold=threshold,
        about="; ".join(dict.fromkeys(str(similarity_of(one)) for one in memories)),
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
    success = _checks.share("success", success)
    base = _checks.whole_seed(seed)

    def measured(overlaps: Array) -> RetrievalMap:
        return retrieval_map(memory, overlaps.tolist(), trials, criterion, threshold, seed=base)

    curve, found = _crossed(measured, lambda curve: curve.by_sample, success)
    return BasinRadius(max(found.value, 0.0), _not_negative(found.interval), curve)


def midpoint_radius(
    memory: Memory | Sequence[Memory],
    trials: int = 100,
    criterion: str = "fixed-point",
    flips: str = "exact",
    seed: Seed = None,
) -> MidpointRadius:
    """The overlap of cues at which what is retrieved has a mean overlap of ½ with its pattern.

    Measured as `basin_radius` is; interpolated by lines where the curve rises.

    Parameters
    ----------
    memory, trials, criterion, seed : as for `retrieval_map`.
    flips : "exact" or "independent", the latter for patterns of ±1 alone
        Independent flips, those of arXiv 2201.00032, give the smaller midpoints.

    Returns
    -------
    MidpointRadius

    Raises
    ------
    ValueError : as for `retrieval_map`.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from hopfield import HopfieldNetwork, pseudo_inverse, random_patterns
    >>> xi = random_patterns(30, 100, seed=0)
    >>> found = midpoint_radius(as_memory(HopfieldNetwork(pseudo_inverse(xi)), xi), seed=1)
    >>> 0.35 < found.overlap < 0.5
    True
    """
    base = _checks.whole_seed(seed)

    def measured(overlaps: Array) -> RetrievalMap:
        return retrieval_map(memory, overlaps.tolist(), trials, criterion, seed=base, flips=flips)

    # As (1 + m)/2, which lies in [0, 1] as a probability does; at m = ½ that is ¾.
    curve, found = _crossed(measured, lambda curve: (1 + curve.overlap_by_sample) / 2, 0.75)
    interval = _not_negative(found.interval)
    return MidpointRadius(max(found.value, 0.0), found.sem, interval, flips, curve)


def _crossed(
    measured: Callable[[Array], RetrievalMap], by_sample: Callable[[RetrievalMap], Array], at: float
) -> tuple[RetrievalMap, Crossings]:
    """The map at overlaps 0.1 … 1 and every 0.02 around where a quantity crosses a level."""
    coarse = np.arange(1, 11) / 10
    first = crossings(coarse, by_sample(measured(coarse)), at, rising=True).value
    fine = np.arange(1, 51) / 50
    near = np.abs(fine - np.clip(first, 0, 1)) <= 0.1 + 1e-9
    grid = np.union1d(coarse, fine[near]).round(12)
    curve = measured(grid)
    return curve, crossings(grid, by_sample(curve), at, rising=True)


def _not_negative(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = (max(end, 0.0) if end == end else end for end in interval)
    return low, high


def _flipped(
    memory: Memory, patterns: Tensor, overlap: float, generator: torch.Generator
) -> Tensor:
    """Patterns with each spin that varies flipped on its own, with probability (1 − m)/2."""
    drawn = torch.rand(patterns.shape, generator=generator).to(patterns.device)
    flip = drawn < (1 - overlap) / 2
    varying = similarity_of(memory).varying
    if varying is not None:
        flip &= varying.to(flip.device)
    return torch.where(flip, -patterns, patterns)


def _wanted(memory: Memory, given: Tensor | None, cued: Tensor) -> Tensor:
    """What the cues of each of the patterns that are cued should become."""
    targets = targets_of(memory)
    if targets is not None and given is not None:
        raise ValueError(
            f"patterns must be None for {type(memory).__name__}, whose targets are known of the "
            "stored patterns alone"
        )
    return cued if targets is None else targets.to(cued)


def _check_flips(memory: Memory) -> None:
    """Refuse independent flips for a memory whose own cues are no spins. Raises ValueError."""
    if not are_spins(one_cue(memory)):
        raise ValueError(
            f"flips must be 'exact' for {type(memory).__name__}, whose cues are no flipped patterns"
        )


def _measure(
    memory: Memory,
    patterns: Tensor,
    targets: Tensor,
    overlap: float,
    trials: int,
    criterion: str,
    threshold: float,
    seed: int,
    independent: bool,
) -> tuple[Array, Array]:
    """Overlap, success, convergence and cycles of each pattern, (patterns, 4); ends, (trials,)."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(patterns), generator=generator)
    rows = order.repeat(-(-trials // len(order)))[:trials].sort().values
    cued = patterns[rows.to(patterns.device)]
    cues = (_flipped if independent else cue)(memory, cued, overlap, generator)
    found = settle(memory, cues, overlap, criterion, generator)
    wanted = targets[rows.to(targets.device)]
    similarity = similarity_of(memory) if wanted.shape == cued.shape else WHOLE
    near = similarity.cosine(answered(memory, found.states), wanted)
    cycles = cycling(memory, found, overlap).to(near)
    columns = near, (near >= threshold - ROUNDING).to(near), found.converged.to(near), cycles
    values = torch.stack(columns, 1).cpu().double().numpy()
    starts = np.flatnonzero(np.diff(rows.numpy(), prepend=-1))
    counts = np.diff(starts, append=trials)
    return np.add.reduceat(values, starts) / counts[:, None], values[:, 0]


def positive_grid(name: str, values: Sequence[float], high: float = float("inf")) -> Array:
    """Numbers in (0, high], (K,), or a ValueError."""
    grid = _checks.doubles(name, values).reshape(-1)
    if len(grid) == 0 or not ((grid > 0) & (grid <= high) & np.isfinite(grid)).all():
        bracket = "]" if np.isfinite(high) else ")"
        raise ValueError(
            f"{name} must be numbers in (0, {high:g}{bracket}, got {_checks.shown(values)}"
        )
    return grid
