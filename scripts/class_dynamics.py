r"""Which class is generalized first, and which is memorized first?

A score model of random features learns two classes by gradient flow, solved exactly at all
times τ; the times at which each class is generalized, overfit and memorized are taken by every
measure of `diffusion.learning_times`, and all are printed: they disagree in places. What is varied:

    variance    ratio of the variances of two classes about 0
    centroid    norm of the centre of the second class against the first, at equal variances
                and with the first twice as wide
    imbalance   share ρ₁ of the wider class, both about 0
    subspaces   the same, each class wide in its own half of the coordinates: there the order
                of learning inverts, at ρ₁* = a₂²λ₂/(a₁²λ₁ + a₂²λ₂) in the spectrum
    growth      number of points, for what memorization waits for
    digits      pairs of digits, 50:50, 90:10 and 10:90
    spectrum    eigenvalues of the features' covariance at t = 0.01, against theory

An order is called one where the mean of log τ₂/τ₁ over samples is not 0 by chance (at 1 %), and
an inversion is claimed only where both orders are seen. (arXiv 2605.06367 for the
question, arXiv 2505.17638 for the model; the definitions of the times are ours.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import click
from reports.two_classes import class_rows, split_classes

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row

_QUICK: dict[str, Any] = {
    "dimension": 50,
    "features": 16.0,
    "points": 4.0,
    "time": 0.1,
    "activation": "tanh",
    "ratios": [1.0, 2.0, 4.0],
    "norms": [0.25, 1.0],
    "fractions": [0.1, 0.5, 0.9],
    "subspace_fractions": [0.3, 0.4, 0.5, 0.6],
    "samples": 4,
}
_PAPER = {
    "ratios": [1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0],
    "norms": [0.0, 0.25, 0.5, 0.75, 1.0, 1.5],
    "fractions": [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95],
    "subspace_fractions": [0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8],
    "samples": 8,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
IMBALANCED = 4.0  # ratio of the variances where shares are varied
SUBSPACE_RATIO, BESIDE = 2.0, 0.05  # of variances; of a class across its own coordinates, in units
PAIRS = ((1, 0), (3, 6))
COUNTS = ((90, 10), (50, 50), (10, 90))
HELD_OUT, PIXELS = 60, 64
GROWTH = (0.5, 1.0, 2.0)  # of the number of points
SPECTRUM_TIME, BINS = 0.01, 60


@study_command(PRESETS)
@options.own(
    dimension=(Whole(4), "Dimension d of the mixtures."),
    features=(options.POSITIVE, "Features per dimension, p/d."),
    points=(options.POSITIVE, "Points per dimension, n/d."),
    time=(options.POSITIVE, "Ornstein–Uhlenbeck time of the score."),
    activation=(click.Choice(["tanh", "erf"]), "Activation of the features."),
    ratios=(Numbers(Real(1, 100)), "Variance of class 1 over that of class 2."),
    norms=(Numbers(Real(0, 10)), "Norms of the second centre, |μ₂|/√d, where |μ₁| = √d."),
    fractions=(options.OVERLAPS, "Shares ρ₁ of classes about 0, below 1."),
    subspace_fractions=(options.OVERLAPS, "Shares ρ₁ of classes in subspaces."),
)
def main(run: Run, **chosen: Any) -> base.Report:
    """Which class is learnt and memorized first: variance, centres, imbalance, digits, spectrum."""
    from reports.class_dynamics import Report

    from bridges._checks import within_memory

    n = round(chosen["points"] * chosen["dimension"])
    for name in ("fractions", "subspace_fractions"):
        for rho in chosen[name]:
            if round(rho * n) in (0, n):
                raise ValueError(
                    f"{name.replace('_', '-')} must leave each class some of {n} points, got "
                    f"{rho:g}"
                )
    if not chosen["features"] >= chosen["points"] * GROWTH[-1] > 1:
        raise ValueError(
            f"features must be at least {GROWTH[-1]:g} times points, and those more than "
            f"{1 / GROWTH[-1]:g}, got {chosen['features']:g} and {chosen['points']:g}"
        )
    p = round(chosen["features"] * chosen["dimension"])
    within_memory(8 * p * (10 * p + 4 * n), f"features: {p} of them", each_job=True)
    return Report(run(measure, _points(chosen)))


def _points(chosen: Point) -> list[Point]:
    """All that is varied, about one setting."""
    shared = {k: chosen[k] for k in ("dimension", "features", "points", "time", "activation")}
    equal: Point = {"fraction": 0.5, "norms": [0.0, 0.0], "subspaces": False} | shared

    def kind(name: str, settings: Iterable[Point]) -> list[Point]:
        return [equal | {"kind": name} | one for one in settings]

    two, four = _variances(SUBSPACE_RATIO), {"variances": _variances(IMBALANCED)}
    wide = {"variances": [2 * v for v in two], "subspaces": True}
    wide["features"] = chosen["features"] / 2
    ratios = {r: {"ratio": r, "variances": _variances(r)} for r in (1.0, 2.0, *chosen["ratios"])}
    centres = [(r, {"norm": m, "norms": [1.0, m]}) for r in (1.0, 2.0) for m in chosen["norms"]]
    growing = ({"variances": two, "points": chosen["points"] * factor} for factor in GROWTH)
    digits: Point = {"kind": "digits", "p": round(chosen["features"] * chosen["dimension"])}
    digits |= {k: chosen[k] for k in ("time", "activation")}
    return [
        *kind("variance", (ratios[r] for r in chosen["ratios"])),
        *kind("centroid", (ratios[r] | centre for r, centre in centres)),
        *kind("imbalance", (four | {"fraction": rho} for rho in chosen["fractions"])),
        *kind("subspaces", (wide | {"fraction": rho} for rho in chosen["subspace_fractions"])),
        *kind("growth", growing),
        *(
            digits
            | {"pair": f"{one} v {two}", "digits": [one, two], "counts": list(counts)}
            | {"first": counts[0]}
            for one, two in PAIRS
            for counts in COUNTS
        ),
        *kind("spectrum", [four | {"time": SPECTRUM_TIME}]),
    ]


def measure(point: Point, seed: int) -> list[Row]:
    """Every measure of the times of both classes; or a histogram of eigenvalues."""
    from diffusion import class_times

    if point["kind"] == "digits":
        flow, held_out, labels = _digits(point, seed)
        return _rows(class_times(flow, held_out, labels, gap=0.05))
    flow, mixture = _trained(point, seed)
    if point["kind"] == "spectrum":
        return _histogram(flow, point)
    rows = _rows(class_times(flow, mixture))
    if point["subspaces"]:
        half = point["dimension"] // 2
        speeds = flow.input_eigenvalues
        rows += class_rows({"speed": (speeds[:half].mean(), speeds[half:].mean())})
    return rows


def _trained(point: Point, seed: int) -> tuple[Any, Any]:
    """The flow on one data set of exactly the wanted shares, and its mixture."""
    import torch

    from bridges.classes.basins import draw_classes
    from diffusion import GaussianMixtureDenoiser, RandomFeatureScore

    d, rho = point["dimension"], point["fraction"]
    means = torch.zeros(2, d, dtype=torch.float64)
    means[0, 0], means[1, 1] = (norm * math.sqrt(d) for norm in point["norms"])
    spread = torch.tensor(point["variances"], dtype=torch.float64)
    if point["subspaces"]:
        first = torch.arange(d) < d // 2
        spread = spread[:, None] * torch.where(torch.stack([first, ~first]), 1.0, BESIDE)
    mixture = GaussianMixtureDenoiser(means, spread, [rho, 1 - rho])
    n = round(point["points"] * d)
    data, labels = draw_classes(mixture, [round(rho * n), n - round(rho * n)], seed)
    asked = {name: point[name] for name in ("time", "activation")}
    model = RandomFeatureScore(round(point["features"] * d), d, **asked, seed=seed)
    return model.fit(data, labels), mixture


def _digits(point: Point, seed: int) -> tuple[Any, Any, Any]:
    """The flow on some images of two digits, and others of both that were held out."""
    from bridges._checks import generator_from
    from bridges.data import class_labels, raw_vectors, standardised
    from diffusion import RandomFeatureScore

    pixels, target = standardised(raw_vectors("digits"))[0], class_labels("digits")
    assert target is not None
    generator = generator_from(seed, "digits")
    train, labels, *rest = split_classes(
        pixels, target, point["digits"], point["counts"], HELD_OUT, generator
    )
    asked = {name: point[name] for name in ("time", "activation")}
    model = RandomFeatureScore(point["p"], PIXELS, **asked, seed=seed)
    return model.fit(train, labels), *rest


def _rows(times: Any) -> list[Row]:
    """What was found of each class."""
    from diffusion.learning_times import MEASURES

    names = (*MEASURES, "quality", "least_loss", "final_gap")
    return class_rows({name: getattr(times, name) for name in names})


def _histogram(flow: Any, point: Point) -> list[Row]:
    """Share of the p eigenvalues in each of equally wide bins of log λ, per unit of log λ."""
    import numpy as np

    from diffusion.theory import feature_spectrum

    shares = [point["fraction"], 1 - point["fraction"]]
    rest = (point[k] for k in ("variances", "time", "activation"))
    spectrum = feature_spectrum(point["features"], point["points"], shares, *rest)
    low, high = 1.05 * spectrum.floor, 1.3 * spectrum.bulks()[-1].high  # without the atom
    edges = np.geomspace(low, high, BINS + 1)
    counts, _ = np.histogram(np.log(np.maximum(flow.eigenvalues.numpy(), 1e-300)), np.log(edges))
    density = counts / len(flow.eigenvalues) / np.diff(np.log(edges))
    return [
        {"eigenvalue": float(x), "quantity": "density", "value": float(y)}
        for x, y in zip(np.sqrt(edges[1:] * edges[:-1]), density, strict=True)
    ]


def _variances(ratio: float) -> list[float]:
    """The variances of two classes in this ratio, of mean 1."""
    return [2 * ratio / (1 + ratio), 2 / (1 + ratio)]


if __name__ == "__main__":
    main()
