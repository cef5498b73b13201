r"""When does a class of few points appear on the way back from noise, and when is it memorized?

Two Gaussian classes 2μ√d apart, a minority of weight ρ and the rest, Ornstein–Uhlenbeck time t.
On the way back the minority has appeared, by one definition or another, when

    median      half of its points are rather its own than the other's   (minorities only)
    threshold   a U-turn from it lands in it with probability φ = ¾
    half-way    φ = (1 + ρ)/2; the same for both classes, since ρ₁(1 − φ₁) = ρ₂(1 − φ₂)
    bimodal     the density between the centres has two wells

and its points are memorized when R, the return of a U-turn to its own datum, reaches ½. φ is
measured as the mean posterior of noised points and by U-turns that are run in full, R from the
posterior weights of P points. The last panel is the number of points up to which each of two
classes, of different variances, is memorized at one noise level. (arXiv 2605.06367 for the
question, arXiv 2402.18491 for balanced classes; the definitions are ours.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import click

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row

_QUICK: dict[str, Any] = {
    "dimension": 100,
    "separation": 1.0,
    "variance": 1.0,
    "weights": [0.02, 0.05, 0.1, 0.2, 0.5],
    "minority": 0.1,
    "patterns": 1000,
    "levels": 16,
    "draws": 4000,
    "paths": 1000,
    "steps": 100,
    "samples": 4,
}
_PAPER = {
    "weights": [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5],
    "patterns": 4000,
    "levels": 40,
    "draws": 20000,
    "paths": 4000,
    "steps": 400,
    "samples": 12,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
CLASSES = ("minority", "majority")
TURNS = 5  # times at which U-turns are run in full
UNEQUAL = ((1.6, 0.4), (0.4, 1.6))  # variances of minority and majority
HOLDING = {"dimension": 10, "variances": [1.6, 0.4], "separation": 8.0}  # of the capacities
_BASIN_DRAWS = 2000  # at most, of the basins
NOISES = (0.7, 0.85, 1.0, 1.2)  # σ of the capacities


@study_command(PRESETS)
@options.own(
    dimension=(Whole(2, 10_000), "Dimension d."),
    separation=(options.POSITIVE, "μ: the centres are 2μ√d apart."),
    variance=(options.POSITIVE, "Variance s² within a class."),
    weights=(Numbers(Real(0, 0.5, min_open=True)), "Weights ρ of the minority."),
    minority=(
        Real(0, 0.5, min_open=True),
        "Weight ρ of the minority of the data that is memorized.",
    ),
)
@options.shared("patterns")
@click.option("--levels", type=Whole(4, most=10**4), help="Times of a curve.")
@options.shared("draws", default=None)
@click.option("--paths", type=Whole(2), help="U-turns per class and time.")
@click.option("--steps", type=Whole(2, most=10**6), help="Steps of a U-turn.")
def main(run: Run, **chosen: Any) -> base.Report:
    """Speciation and memorization of a minority: every definition, theory and simulation."""
    from reports.class_speciation import Report

    from bridges._checks import within_memory
    from diffusion.theory import speciation_times

    d, P, rho = chosen["dimension"], chosen["patterns"], chosen["minority"]
    if round(rho * P) < 2:
        raise ValueError(f"patterns must give the minority at least 2 points, got {rho * P:g}")
    within_memory(32 * P * (d + _BASIN_DRAWS), f"patterns: {P} in dimension {d}", each_job=True)
    for name in ("draws", "paths"):
        drawn = f"{name}: {chosen[name]} in dimension {d}"
        within_memory(32 * chosen[name] * d, drawn, each_job=True)
    shared = {k: chosen[k] for k in ("dimension", "variance", "draws")}
    shared["distance2"] = 4 * chosen["separation"] ** 2 * d
    apart = shared["distance2"], shared["variance"]
    late = speciation_times(min(chosen["weights"]), *apart).bimodal
    early = speciation_times(0.5, *apart).threshold
    if not early > late:
        raise ValueError(
            "separation must part the classes before the data is clean, got "
            f"{chosen['separation']:g} at variance {chosen['variance']:g}"
        )
    times = _grid(max(0.05, late - 0.6), early + 0.8, chosen["levels"])
    turns = {k: chosen[k] for k in ("paths", "steps")}
    speciation: Point = {"times": times} | shared | turns
    unequal: Point = {"kind": "unequal", "weight": rho, "dimension": d, "draws": chosen["draws"]}
    gaps = [(pair, gap) for pair in UNEQUAL for gap in (0.0, shared["distance2"])]
    basins: Point = {"kind": "basins", "weight": rho, "patterns": P} | shared
    points: list[Point] = [
        *({"kind": "speciation", "weight": w} | speciation for w in chosen["weights"]),
        *(unequal | {"variances": pair, "distance2": gap} for pair, gap in gaps),
        basins | {"times": _basin_times(P, rho, shared, times)},
        *({"kind": "capacity", "sigma": s} | HOLDING for s in NOISES),
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """One kind of point."""
    kinds = {"unequal": _unequal, "basins": _basins, "capacity": _capacity}
    return kinds.get(point["kind"], _speciation)(point, seed)


def _speciation(point: Point, seed: int) -> list[Row]:
    """φ of each class, by the posterior of noised points and by U-turns."""
    from bridges import class_appearance, class_uturns

    # directions across the line of the centres tell nothing of the class: one is kept
    mixture = _mixture(point["weight"], point["distance2"], [point["variance"]] * 2, 2)
    turning = _turning(point["times"])
    rows: list[Row] = []
    for k, time in enumerate(point["times"]):
        found = dict(vars(class_appearance(mixture, time, point["draws"], seed + k)))
        if time in turning:
            turned = class_uturns(mixture, time, point["paths"], point["steps"], seed + k)
            found["uturn"] = turned.diagonal()
        rows += [
            {"time": time, "class": name, "quantity": quantity, "value": float(values[c])}
            for quantity, values in found.items()
            for c, name in enumerate(CLASSES)
        ]
    return rows


def _turning(times: list[float]) -> list[float]:
    """The times, spread evenly, at which U-turns are run in full."""
    return [times[round(k * (len(times) - 1) / TURNS)] for k in range(1, TURNS)]


def _unequal(point: Point, seed: int) -> list[Row]:
    """The time at which half of the minority's points are rather its own."""
    from bridges import median_appearance

    mixture = _mixture(point["weight"], point["distance2"], point["variances"], point["dimension"])
    time = median_appearance(mixture, 0, point["draws"], seed)
    return [] if math.isnan(time) else [{"quantity": "median_time", "value": time}]


def _basins(point: Point, seed: int) -> list[Row]:
    """Return to the datum and to the class, of each class of one data set."""
    from bridges import class_basins
    from bridges.classes.basins import draw_classes
    from diffusion import OU, EmpiricalDenoiser

    few = round(point["weight"] * point["patterns"])
    mixture = _mixture(
        point["weight"], point["distance2"], [point["variance"]] * 2, point["dimension"]
    )
    data, labels = draw_classes(mixture, [few, point["patterns"] - few], seed)
    denoiser, rows = EmpiricalDenoiser(data), []
    for k, time in enumerate(point["times"]):
        sigma = float(OU().noise_level(time))
        found = class_basins(
            denoiser, labels, sigma, min(point["draws"], _BASIN_DRAWS), seed=seed + k
        )
        rows += [
            {"time": time, "class": name, "quantity": quantity}
            | {"value": float(getattr(found, quantity)[c])}
            for c, name in enumerate(CLASSES)
            for quantity in ("datum", "own_class", "effective_number")
        ]
    return rows


def _capacity(point: Point, seed: int) -> list[Row]:
    """The number of points up to which each of two equally large classes is memorized."""
    import numpy as np

    from bridges import class_capacity

    mixture = _mixture(0.5, 4 * point["separation"] ** 2, point["variances"], point["dimension"])
    loads = [2**k for k in range(2, 12)]
    found = class_capacity(mixture, point["sigma"], loads, samples=1, draws=200, seed=seed)
    return [
        {"variance": variance, "quantity": "capacity", "value": float(load)}
        for variance, load in zip(point["variances"], found.load, strict=True)
        if np.isfinite(load) and load > 0
    ]


def _mixture(weight: float, distance2: float, variances: Sequence[float], dimension: int) -> Any:
    """Minority and majority, their centres on the first axis, about 0."""
    import torch

    from diffusion import GaussianMixtureDenoiser

    means = torch.zeros(2, dimension, dtype=torch.float64)
    means[0, 0], means[1, 0] = math.sqrt(distance2) / 2, -math.sqrt(distance2) / 2
    return GaussianMixtureDenoiser(means, torch.tensor(variances).double(), [weight, 1 - weight])


def _grid(low: float, high: float, levels: int) -> list[float]:
    import numpy as np

    return [float(t) for t in np.linspace(low, high, levels)]


def _basin_times(P: int, rho: float, shared: Point, times: list[float]) -> list[float]:
    """From below both collapses to above the speciation."""
    from diffusion.theory import class_collapse_time

    d, s2 = shared["dimension"], shared["variance"]
    collapse = class_collapse_time([round(rho * P), P - round(rho * P)], s2, d)
    half = max(4, len(times) // 2)
    low, high = 0.8 * float(min(collapse)), 1.15 * float(max(collapse)) + 0.15
    return sorted({*_grid(low, high, half), *_grid(high + 0.1, max(times[-1], high + 0.5), half)})


if __name__ == "__main__":
    main()
