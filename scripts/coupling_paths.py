r"""Do dreams learn what a perceptron learns? Paths in the space of couplings, and where they end.

Unlearning never sees the patterns; the symmetric perceptron sees nothing else. Both start at
Hebb's couplings and end with all patterns stable and basins of comparable size (Benedetti et
al., arXiv 2201.00032). Unlearning shrinks the couplings and the perceptron stretches them, but
stabilities depend on directions alone: n = v/‖v‖ of v = (J_ij)_{i<j}. The clock is the angle to
Hebb's direction, the plane that of Hebb and of the largest margin (`hopfield.coupling_path`).

(a) the paths in that plane, (b) their norms and their cosine at the same angle to Hebb, (c) the
stabilities at the end of each rule and at three times of unlearning, (d) where cues end;
(e) midpoints, the overlap of cues that end at a mean overlap of ½, with independent flips as in
the paper, and (f) how these depend on the size: two laws, whose limits must agree to be
believed. The perceptron has the same part of each sample's largest least stability at all sizes.
The clipped spectrum (`hopfield.clipped_spectrum`) stands for what no dream does.

    python scripts/coupling_paths.py --preset quick
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bridges.study import options
from bridges.study.command import Run, study_command
from bridges.study.numbers import Real, Whole
from bridges.study.record import Point, Row

if TYPE_CHECKING:
    from reports.coupling_paths import Report
    from torch import Tensor

_QUICK: dict[str, Any] = {
    "size": 100,
    "patterns": 40,
    "rate": 0.01,
    "times": (0.231, 0.35, 0.426),
    "margin": 0.85,
    "level": 0.7,
    "dream_seeds": 3,
    "sizes": [50, 200],
    "overlap": 0.5,
    "overlaps": [0.36, 0.4, 0.44, 0.48, 0.52, 0.56, 0.6, 0.64, 0.68],
    "trials": 120,
    "samples": 8,
}
_PAPER = {
    "size": 200,
    "patterns": 80,
    "times": (0.241, 0.353, 0.429),
    "sizes": [100, 400, 800],
    "trials": 400,
    "samples": 16,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
DREAMS = ("D_in", "D_opt", "D_fin")
RULES = ("hebb", *DREAMS, "perceptron", "max-margin", "pseudo-inverse", "clipped")
GROWING = ("D_opt", "perceptron", "pseudo-inverse")  # measured at all sizes
MARKS = 22  # of a path
LONGER = 1.1  # the last dreams, in αN/ε
PASSES = 2000  # of the perceptron at most; it needs hundreds
BIN = {"stability": 0.1, "final": 0.1}


@study_command(PRESETS)
@options.shared("size", default=None, help="Sites N of the paths.")
@options.shared("patterns", default=None)
@options.shared("rate", default=None, help="Rate of a dream and of a pass, ε.")
@click.option(
    "--times",
    type=options.DURATION,
    nargs=3,
    help="D_in, D_opt and D_fin of unlearning at this load, in N/ε (see the study unlearning).",
)
@click.option(
    "--margin",
    type=Real(0, 1, min_open=True),
    help="Margin of the perceptron, in the largest least stability of the sample.",
)
@click.option("--level", type=options.POSITIVE, help="Level w of the clipped spectrum.")
@click.option("--dream-seeds", type=Whole(2, 100), help="Paths of unlearning per pattern set.")
@click.option("--sizes", type=options.SIZES, help="Further sizes, for the midpoints.")
@options.shared("overlap", default=None, help="Overlap of the cues of (d).")
@options.shared("overlaps", default=None, help="Overlaps among which midpoints lie.")
@options.shared("trials", default=None)
def main(run: Run, sizes: list[int], **setting: Any) -> Report:
    """Unlearning and the perceptron: their paths, stabilities, final overlaps and basins.

    Directions in the space of couplings, histograms, and midpoints with their dependence on the
    size (arXiv 2201.00032).
    """
    from reports.coupling_paths import Report

    from bridges._checks import within_memory

    N, P, seeds = setting["size"], setting["patterns"], setting["dream_seeds"]
    if P >= N:
        raise ValueError(f"patterns must be fewer than the {N} sites, got {P}")
    if len(setting["overlaps"]) < 2:
        raise ValueError("overlaps must be two at least, around the midpoints, got one")
    largest = max(N, *sizes)
    within_memory(8 * 6 * largest**2, f"size: couplings of {largest} sites", each_job=True)
    kept = (seeds + 1) * 3 * MARKS
    within_memory(8 * kept * N * N, f"size: {kept} couplings of {N} sites", each_job=True)
    most = setting["trials"] * largest
    within_memory(8 * 4 * most, f"trials: cues of {largest} sites", each_job=True)
    points: list[Point] = [{"kind": "paths", **setting}]
    points += [{"kind": "rule", "rule": rule, **setting} for rule in RULES]
    points += [
        {"kind": "size", "rule": rule, **setting} | {"size": n, "patterns": round(P * n / N)}
        for n in sorted({*sizes} - {N})
        for rule in GROWING
        if round(P * n / N) >= 1
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """The paths of one pattern set, or one rule's stabilities and where cues end."""
    from hopfield import NotSeparableError, random_patterns

    xi = random_patterns(point["patterns"], point["size"], seed=seed).double()
    try:
        return _paths(point, xi, seed) if point["kind"] == "paths" else _rule(point, xi, seed)
    except NotSeparableError:
        return []  # no largest margin to compare with


def _paths(point: Point, patterns: Tensor, seed: int) -> list[Row]:
    """Coordinates of both paths, cosines between them, and the axes that explain them."""
    import torch

    from hopfield import coupling_path, hebbian, max_margin

    start, goal = hebbian(patterns), max_margin(patterns)
    located = partial(coupling_path, start=start, goal=goal)
    alpha = point["patterns"] / point["size"]
    grid = [LONGER * alpha * k / MARKS for k in range(MARKS + 1)]
    dreams = [located(_dreams(point, start, grid, seed + k)) for k in range(point["dream_seeds"])]
    learned = located(_passes(point, patterns, start))
    rows: list[Row] = []
    for name in ("norm_ratio", "cosine", "sideways", "out_of_plane", "cosine_to_goal"):
        of_dreams = torch.stack([getattr(one, name) for one in dreams]).mean(0)
        for D, value in zip(grid, of_dreams.round(decimals=12).tolist(), strict=True):
            mean = value + 0.0  # no −0
            rows.append({"path": "dreams", "D": D, "quantity": name, "value": mean})
        values = getattr(learned, name)
        for k in range(MARKS + 1):
            value = float(values[round(k * (len(values) - 1) / MARKS)])
            progress = k / MARKS
            rows.append(
                {"path": "perceptron", "progress": progress, "quantity": name, "value": value}
            )
    n = torch.stack([one.directions for one in dreams])  # (seeds, marks, pairs)
    total = n.sum(0).square().sum(1) - len(n)  # of n·n' over pairs of seeds
    for D, value in zip(grid, total / (len(n) * (len(n) - 1)), strict=True):
        rows.append({"D": D, "quantity": "between_seeds", "value": float(value)})
    for k, D in enumerate(grid):
        if (mate := _at_cosine(learned, float(dreams[0].cosine[k]))) is not None:
            value = float(dreams[0].directions[k] @ mate)
            rows.append({"D": D, "quantity": "between_paths", "value": value})
    pooled = torch.cat([*n, learned.directions])
    strength = torch.linalg.svdvals(pooled - pooled.mean(0)).square()
    for axis, share in enumerate((strength / strength.sum())[:3].tolist(), 1):
        rows.append({"axis": axis, "quantity": "explained", "value": share})
    return rows


def _dreams(point: Point, start: Tensor, grid: list[float], seed: int) -> list[Tensor]:
    """Couplings of unlearning at each D."""
    from hopfield import unlearn

    J, found, made = start, [], 0
    for k, D in enumerate(grid):
        dreams = round(D * point["size"] / point["rate"])
        stretch = seed + 1000 * (k + 1)
        J = unlearn(J, dreams - made, point["rate"], seed=stretch, checkpoints=[]).couplings
        made = dreams
        found.append(J)
    return found


def _passes(point: Point, patterns: Tensor, start: Tensor) -> list[Tensor]:
    """Couplings of the perceptron every few passes, from Hebb's to the margin."""
    from hopfield import symmetric_perceptron

    margin = _margin(point, patterns)
    J, found, every = start, [start], 5
    for _ in range(PASSES // every):
        result = symmetric_perceptron(
            patterns, margin, steps=every, rate=point["rate"], couplings=J, checkpoints=[]
        )
        J = result.couplings
        found.append(J)
        if result.history.min_stability is None or result.history.min_stability[-1] >= margin:
            break
    return found


def _margin(point: Point, patterns: Tensor) -> float:
    """The asked part of the largest least stability that any couplings give this sample."""
    from hopfield import max_margin, stabilities

    return point["margin"] * float(stabilities(max_margin(patterns), patterns).min())


def _at_cosine(path: Any, cosine: float) -> Tensor | None:
    """Direction of a path where it first has that cosine with Hebb's, by the chord."""
    import torch

    below = torch.nonzero(path.cosine <= cosine)
    if not len(below):
        return None
    k = int(below[0])
    if k == 0:
        return path.directions[0]  # type: ignore[no-any-return]
    high, low = float(path.cosine[k - 1]), float(path.cosine[k])
    share = (high - cosine) / (high - low)
    mixed = (1 - share) * path.directions[k - 1] + share * path.directions[k]
    return mixed / mixed.norm()  # type: ignore[no-any-return]


def _rule(point: Point, patterns: Tensor, seed: int) -> list[Row]:
    """Where cues end that were flipped independently; at the size of the paths also the rest."""
    from bridges import as_memory, retrieval_map
    from hopfield import HopfieldNetwork

    J = _couplings(point, patterns, seed)
    memory = as_memory(HopfieldNetwork(J), patterns)
    overlaps, trials = point["overlaps"], point["trials"]
    curve = retrieval_map(memory, overlaps, trials, flips="independent", seed=seed)
    rows: list[Row] = [
        {"cue_overlap": m, "quantity": "overlap", "value": float(value)}
        for m, value in zip(overlaps, curve.overlap_out, strict=True)
    ]
    if point["kind"] == "size":
        return rows
    exact = retrieval_map(memory, [point["overlap"]], trials, seed=seed, finals=True)
    assert exact.finals is not None
    return rows + _stabilities(J, patterns) + _finals(exact.finals.ravel())


def _couplings(point: Point, patterns: Tensor, seed: int) -> Tensor:
    """Couplings of a rule, by its name."""
    from hopfield import (
        clipped_spectrum,
        hebbian,
        max_margin,
        pseudo_inverse,
        symmetric_perceptron,
        unlearn,
    )

    rule, rate = point["rule"], point["rate"]
    if rule in DREAMS:
        dreams = round(point["times"][DREAMS.index(rule)] * point["size"] / rate)
        return unlearn(hebbian(patterns), dreams, rate, seed=seed, checkpoints=[]).couplings
    if rule == "perceptron":
        margin = _margin(point, patterns)
        return symmetric_perceptron(patterns, margin, steps=PASSES, rate=rate).couplings
    if rule == "clipped":
        return clipped_spectrum(patterns, point["level"])
    named = {"hebb": hebbian, "max-margin": max_margin, "pseudo-inverse": pseudo_inverse}
    return named[rule](patterns)


def _stabilities(couplings: Tensor, patterns: Tensor) -> list[Row]:
    """Moments and density of the stabilities, and the least in that of the largest margin."""
    from hopfield import max_margin, stabilities

    delta = stabilities(couplings, patterns)
    mean, std = float(delta.mean()), float(delta.std())
    most = float(stabilities(max_margin(patterns), patterns).min())
    skewness = float(((delta - mean) ** 3).mean()) / std**3 if std > 0 else math.nan
    found = {
        "mean": mean,
        "std": std,
        "skewness": skewness,
        "least": float(delta.min()),
        "ratio": float(delta.min()) / most,
    }
    rows: list[Row] = [{"quantity": f"stability_{q}", "value": v} for q, v in found.items()]
    return rows + _density("stability", delta.ravel().numpy(), -4.0, 6.0)


def _finals(ends: Any) -> list[Row]:
    """How final overlaps are spread: recovered, near, half-way, reversed."""
    shares = {
        "recovered": ends >= 0.95 - 1e-9,
        "near": (ends > 0.5) & (ends < 0.95 - 1e-9),
        "spurious": (ends > 0) & (ends <= 0.5),
        "reversed": ends <= 0,
    }
    rows: list[Row] = [{"quantity": q, "value": float(v.mean())} for q, v in shares.items()]
    rows.append({"quantity": "mean_final", "value": float(ends.mean())})
    return rows + _density("final", ends, -1.0, 1.0)


def _density(quantity: str, values: Any, low: float, high: float) -> list[Row]:
    """A histogram, normalised by all values, by the middles of its bins."""
    import numpy as np

    width = BIN[quantity]
    edges = np.linspace(low, high, round((high - low) / width) + 1)
    counts = np.histogram(np.clip(values, low, high), edges)[0]
    middles = ((edges[1:] + edges[:-1]) / 2).round(6).tolist()
    return [
        {quantity: middle, "quantity": f"{quantity}_density", "value": count / len(values) / width}
        for middle, count in zip(middles, counts.tolist(), strict=True)
    ]


if __name__ == "__main__":
    main()
