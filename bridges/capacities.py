r"""Capacity: up to which load cues come home, and what remains of that for large N.

The load is in whatever unit a memory fills up in: α = P/N for couplings, P/N^{n−1} for a
polynomial dense memory, ln P/N for an exponential one (`equivalence.load_of_patterns`). The
capacity is the load at which the probability of retrieval, measured by `retrieval_map`
under a named criterion, falls through a level; new loads can be put where it does, by
bisection, and only there.

At finite N the fall is wide and displaced. Where retrieval is lost with a jump, the load at
which a pattern set loses it varies between sets by N^{−1/2}, the width of the fall, and

    α(N) = α_∞ + a N^{−x}.

For Hebb's couplings and clean cues x = 2/3 describes N = 200 … 1600 (χ² 0.03 per degree of
freedom; 3.4 for x = 1/2): α_∞ = 0.144(1), where the dynamics at zero temperature loses the
patterns, a little above the α_c = 0.138 of Amit, Gutfreund & Sompolinsky (1985), up to which
they are thermodynamic states; x = 1/2 would give 0.138(1). The error of a limit is that of
the fit: compare exponents, and see `misfit`. For the best decoder the law is known at every N
(`hopfield.theory.argmax_capacity`): displaced by ½ ln N/N at the level ½.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bridges import _checks
from bridges._checks import POINTS, Line, Plotted, Seed, at
from bridges.crossing import (
    FITS,
    Crossings,
    Extrapolation,
    crossings,
    extrapolate,
    increasing,
    isotonic_crossings,
    system_sizes,
)
from bridges.estimates import (
    fraction_and_sem,
    mean_and_sem,
    short_table,
    with_error,
    with_interval,
)
from bridges.memory import Memory
from bridges.retrieval import positive_grid, retrieval_map

SCALES = ("log", "linear")
Array = np.ndarray


@dataclass(frozen=True, repr=False)
class CapacityCurve(Plotted):
    """Retrieval against load; arrays have one entry per load, as in `RetrievalMap`."""

    load: Array
    overlap_out: Array
    success: Array
    sem: Array
    by_sample: Array
    criterion: str
    threshold: float
    _titles = ("load", "probability of retrieval")

    def __repr__(self) -> str:
        rows = {"load": (self.load, None), "success": (self.success, self.sem)}
        return short_table(f"CapacityCurve({self.criterion})", rows)

    def _lines(self) -> list[Line]:
        return [Line(self.load, self.success, self.sem, look=POINTS)]


@dataclass(frozen=True, repr=False)
class Capacity(Plotted):
    """The load up to which cues come home.

    Attributes
    ----------
    load : where retrieval crosses the level; 0 if the least load misses it, inf if the
        largest still reaches it.
    interval : its 95 % interval, NaN for a single sample.
    curve : what it was read from.
    """

    load: float
    interval: tuple[float, float]
    curve: CapacityCurve
    _titles = CapacityCurve._titles

    def __repr__(self) -> str:
        return f"Capacity(load {with_interval(self.load, self.interval)})"

    def _lines(self) -> list[Line]:
        words = with_interval(self.load, self.interval)
        return [*self.curve._lines(), *at(self.load, f"capacity {words}")]


@dataclass(frozen=True, repr=False)
class CapacityScaling(Plotted):
    """Capacity at several sizes; arrays have one entry per size.

    Attributes
    ----------
    sizes : N.
    load : capacity.
    sem : its standard error.
    width : w of the probit fit.
    extrapolation : N → ∞.
    capacities : of each size, with their curves.
    """

    sizes: Array
    load: Array
    sem: Array
    width: Array
    extrapolation: Extrapolation
    capacities: tuple[Capacity, ...]
    _titles = ("1/size $N$", "capacity")

    def __repr__(self) -> str:
        limit = with_error(self.extrapolation.limit, self.extrapolation.sem)
        rows = {"N": (self.sizes, None), "load": (self.load, self.sem)}
        return short_table(f"CapacityScaling(limit {limit})", rows)

    def _lines(self) -> list[Line]:
        """The capacities, and the fit from N → ∞ on."""
        fit, end = self.extrapolation, float((1 / self.sizes).max())
        x = np.linspace(0, end, 100)
        law = fit.limit + fit.slope * x**fit.exponent
        words = f"limit {with_error(fit.limit, fit.sem)}"
        points = POINTS | {"ls": ""}
        return [Line(1 / self.sizes, self.load, self.sem, look=points), Line(x, law, label=words)]


Build = Callable[[float, int], Memory]


def capacity(
    build: Build,
    loads: Sequence[float],
    overlap: float = 1.0,
    success: float = 0.5,
    samples: int = 8,
    trials: int = 100,
    criterion: str = "fixed-point",
    threshold: float = 0.95,
    seed: Seed = None,
    *,
    bisections: int = 0,
    fit: str = "isotonic",
    scale: str = "log",
) -> Capacity:
    """The load up to which cues at `overlap` come home with probability `success`.

    Parameters
    ----------
    build : build(load, seed) → Memory of an independent pattern set; sample k has the same
        seed at every load.
    loads : increasing positive numbers, in whatever unit `build` takes (P/N, P, ln P/N …).
    overlap : cosine of the cues, in (0, 1].
    success : level of the retrieval probability, in (0, 1).
    samples : independent pattern sets per load.
    trials, criterion, threshold, seed : as for `retrieval_map`.
    bisections : further loads, each halfway between the two measured ones around the
        crossing; two loads at either side of it are enough to begin with.
    fit : "isotonic" or "probit"; see `bridges.crossing`.
    scale : "log" or "linear": what halfway means, and the abscissa of the fit. A load that
        is itself a logarithm, ln P/N, is linear.

    Returns
    -------
    Capacity.

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
    >>> found = capacity(build, [0.05, 0.4], samples=3, trials=20, seed=0, bisections=5)
    >>> 0.1 < found.load < 0.25
    True
    """
    grid = increasing("loads", positive_grid("loads", loads))
    success = _checks.share("success", success)
    _checks.function("build", build, "a function of a load and a seed that makes a Memory")
    overlap = _checks.number("overlap", overlap, low=0, high=1, open_low=True)
    _checks.choice("fit", fit, FITS)
    _checks.choice("scale", scale, SCALES)
    seeds = np.random.SeedSequence(_checks.whole_seed(seed)).generate_state(
        _checks.whole("samples", samples)
    )

    def column(load: float) -> Array:
        """(samples, 2): overlap and success of each."""
        found = [
            retrieval_map(build(load, one), [overlap], trials, criterion, threshold, seed=one)
            for one in seeds.tolist()
        ]
        return np.array([[one.overlap_out[0], one.success[0]] for one in found])

    table = np.stack([column(load) for load in grid.tolist()], 1)  # (samples, loads, 2)
    for _ in range(_checks.whole("bisections", bisections, low=0)):
        x = _abscissa(grid, scale)
        value = float(isotonic_crossings(x, table[:, :, 1].mean(0, keepdims=True), success)[0])
        if not np.isfinite(value):
            break  # nowhere between the loads
        k = int(np.searchsorted(x, value).clip(1, len(x) - 1))
        load = float(_back((x[k - 1] + x[k]) / 2, scale))
        grid = np.insert(grid, k, load)
        table = np.insert(table, k, column(load), axis=1)
    by_sample = table[:, :, 1]
    mean, sem = fraction_and_sem(by_sample)
    found = crossings(_abscissa(grid, scale), by_sample, success, rising=False, fit=fit)
    low, high = found.interval
    return Capacity(
        load=_edge(found.value, scale),
        interval=(_edge(low, scale), _edge(high, scale)),
        curve=CapacityCurve(
            grid, mean_and_sem(table[:, :, 0])[0], mean, sem, by_sample, criterion, threshold
        ),
    )


def capacity_scaling(
    build: Callable[[float, int, int], Memory],
    sizes: Sequence[int],
    loads: Sequence[float],
    overlap: float = 1.0,
    success: float = 0.5,
    samples: int = 8,
    trials: int = 100,
    criterion: str = "fixed-point",
    threshold: float = 0.95,
    seed: Seed = None,
    *,
    bisections: int = 4,
    fit: str = "probit",
    scale: str = "linear",
    exponent: float = 2 / 3,
) -> CapacityScaling:
    """Capacity at several sizes, and its limit for N → ∞.

    Parameters
    ----------
    build : build(load, size, seed) → Memory of `size` sites.
    sizes : N, at least two, increasing.
    loads : increasing positive numbers, the same for all sizes, around all capacities.
    exponent : x of the displacement N^{−x}, positive; see the head of the module.
    overlap, success, samples, trials, criterion, threshold, seed, bisections, fit, scale : as
        for `capacity`. The pattern sets of each size are others.

    Returns
    -------
    CapacityScaling. Its limit is NaN where some size may have no capacity between the loads.

    Raises
    ------
    ValueError : an argument outside its range, fewer than two sizes or samples.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from hopfield import HopfieldNetwork, hebbian, random_patterns
    >>> def build(load, size, seed):
    ...     xi = random_patterns(round(load * size), size, seed=seed)
    ...     return as_memory(HopfieldNetwork(hebbian(xi)), xi)
    >>> found = capacity_scaling(build, [50, 100], [0.1, 0.2, 0.4], samples=4, trials=40, seed=0)
    >>> bool((np.diff(found.load) < 0).all()), 0.05 < found.extrapolation.limit < 0.25
    (True, True)
    """
    grid = system_sizes(sizes)
    _checks.function("build", build, "a function of a load, a size and a seed that makes a Memory")
    success = _checks.share("success", success)
    samples = _checks.whole("samples", samples, low=2)  # errors are between samples
    base = _checks.whole_seed(seed)
    seeds = np.random.SeedSequence(base).generate_state(len(grid)).tolist()
    measured = tuple(
        capacity(
            *(lambda load, one, N=N: build(load, N, one), loads, overlap, success, samples),
            *(trials, criterion, threshold, seed_of_size),
            bisections=bisections,
            fit=fit,
            scale=scale,
        )
        for N, seed_of_size in zip(grid.astype(int).tolist(), seeds, strict=True)
    )
    return scaling(grid, measured, success, fit, scale, exponent)


def scaling(
    sizes: Array,
    measured: Sequence[Capacity],
    success: float = 0.5,
    fit: str = "probit",
    scale: str = "linear",
    exponent: float = 2 / 3,
) -> CapacityScaling:
    """Put capacities that were measured at several sizes together; see `capacity_scaling`."""
    found = [_crossings(one.curve, success, fit, scale) for one in measured]
    load, sem = (
        np.array(column) for column in zip(*((f.value, f.sem) for f in found), strict=True)
    )
    return CapacityScaling(
        sizes=np.asarray(sizes),
        load=load,
        sem=sem,
        width=np.array([one.width for one in found]),
        extrapolation=extrapolate(
            sizes, load, sem, exponent, min(len(one.curve.by_sample) for one in measured)
        ),
        capacities=tuple(measured),
    )


def _crossings(curve: CapacityCurve, success: float, fit: str, scale: str) -> Crossings:
    """The crossing in units of the load itself, whatever the scale of the fit."""
    found = crossings(_abscissa(curve.load, scale), curve.by_sample, success, rising=False, fit=fit)
    value, (low, high) = _edge(found.value, scale), found.interval
    unit = value if scale == "log" else 1.0
    ends = _edge(low, scale), _edge(high, scale)
    return Crossings(value, unit * found.width, unit * found.sem, ends)


def _abscissa(load: Array, scale: str) -> Array:
    return np.log(load) if scale == "log" else load


def _back(x: float, scale: str) -> float:
    return float(np.exp(x)) if scale == "log" else float(x)


def _edge(x: float, scale: str) -> float:
    """The load of a crossing; 0 where it lies below all loads."""
    return 0.0 if x == -np.inf else _back(x, scale)
