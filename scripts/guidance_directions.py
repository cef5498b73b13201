r"""Along which direction does guidance act, and how far: two classes, and anisotropic ones.

Two classes ±m, |m|² = d, of variance 1. Along q = x·m/|m| guided samples of one class are a
process of one dimension, whose potential V under the reverse SDE has a single minimum for w ≥ 0
(derived here; arXiv 2502.07849). In the clock of g = √d e^{−s}, 1 at speciation:

    path        the density of q before, at and after speciation, beside V: samples lag behind
                the minimum, which guidance moves most before speciation
    ends        E q − √d and Var q at the data against d, flow and SDE, with theory
                (`guided_two_classes`)

Gaussians have a variance ratio R along each eigendirection of the class, of variance a there and
b in the whole. R = (a/b)^w along the flow: guidance widens where the class is wider than the whole,
and a trace hides it.

    pair        a class and a whole of one Gaussian each, whose directions have given a/b
    classes     K classes of their own variances along each axis, with random centres

    python scripts/guidance_directions.py --preset quick
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row

if TYPE_CHECKING:
    from torch import Tensor

_QUICK: dict[str, Any] = {
    "dimensions": [4, 16, 64, 256],
    "weights": [1.0, 3.0, 7.0],
    "ratios": [0.2, 0.5, 0.8, 1.25, 2.0],
    "classes": 10,
    "axes": 16,
    "spread": 1.2,
    "trials": 3000,
    "steps": 160,
    "samples": 4,
}
_PAPER = {"trials": 20000, "steps": 300, "samples": 12}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
METHODS = {"flow": "heun", "sde": "stochastic-heun"}
GAINS = (0.25, 1.0, 4.0)  # before, at and after speciation
PATH = 64  # dimension of the path
STRENGTHS = (1.0, 3.0)  # w of the directions
EDGES = (0.0, 0.5, 0.7, 0.9, 1.1, 1.4, 2.0, math.inf)  # of a/b, between which axes are averaged
_BINS = 0.25  # width of a bin of q
_PER_CLASS = 20  # of the trials: so many times fewer samples of each class


@study_command(PRESETS)
@options.own(
    dimensions=(options.COUNTS, "Dimensions d of the ends."),
    weights=(Numbers(Real(0, 100, min_open=True)), "Extra weights w, beside 0."),
    ratios=(options.LEVELS, "a/b along the directions of the pair."),
    classes=(Whole(2), "Number of classes K that have variances of their own."),
    axes=(Whole(1), "Their dimension."),
    spread=(options.POSITIVE, "Standard deviation of the log of their variances."),
    steps=(Whole(4, most=10**6), "Steps of the samplers."),
)
@options.shared("trials", default=None, help="Guided samples; a twentieth of them per class.")
def main(run: Run, **chosen: Any) -> base.Report:
    """Guidance direction by direction: between two classes, and along eigendirections.

    Potential and density of two guided classes, where the flow and the SDE end, and the variance
    ratio along each direction of anisotropic classes, with theory.
    """
    from reports.guidance_directions import Report

    from bridges._checks import within_memory

    trials, d, K = chosen["trials"], chosen["axes"], chosen["classes"]
    if trials < 2 * _PER_CLASS:
        raise ValueError(f"trials must be at least {2 * _PER_CLASS}, got {trials}")
    if max(chosen["dimensions"]) > 10_000:
        raise ValueError(f"dimensions must be at most 10000, got {max(chosen['dimensions'])}")
    if 1 in chosen["ratios"]:
        raise ValueError("ratios must differ from 1, where guidance does nothing, got 1")
    within_memory(64 * trials * K * d, f"trials: {trials} of {K} classes in {d}", each_job=True)
    shared = {k: chosen[k] for k in ("trials", "steps")}
    weights = sorted({0.0, *chosen["weights"]})
    of_classes = {"classes": K, "dimension": d, "spread": chosen["spread"]}
    points: list[Point] = [{"part": "path", "w": w} | shared for w in weights]
    for method in METHODS:
        own = {"method": method} | shared
        points += [
            {"part": "ends", "dimension": size, "w": w} | own
            for size in sorted(set(chosen["dimensions"]))
            for w in weights[1:]
        ]
        for w in STRENGTHS:
            points.append({"part": "pair", "w": w, "ratios": sorted(chosen["ratios"])} | own)
            points.append({"part": "classes", "w": w} | of_classes | own)
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """One part on one sample."""
    parts = {"path": _path, "ends": _ends, "pair": _pair, "classes": _classes}
    return parts[point["part"]](point, seed)


def _path(point: Point, seed: int) -> list[Row]:
    """The density of q at three times, along the SDE."""
    import numpy as np

    from diffusion.guidance import two_class_path

    found = two_class_path(PATH, point["w"], GAINS, "stochastic-heun", *_size(point), seed=seed)
    rows: list[Row] = []
    for g, q, mean in zip(GAINS, found.q.numpy(), found.mean().tolist(), strict=False):
        low = math.floor(q.min() / _BINS)
        counts = np.bincount((np.floor(q / _BINS) - low).astype(int))
        density = counts / (len(q) * _BINS)
        rows.append({"g": g, "quantity": "mean", "value": mean})
        rows += [
            {"g": g, "bin": low + k, "quantity": "density", "value": float(value)}
            for k, value in enumerate(density)
            if value
        ]
    return rows


def _size(point: Point) -> tuple[int, int]:
    return point["trials"], point["steps"]


def _ends(point: Point, seed: int) -> list[Row]:
    """Where q ends."""
    from diffusion.guidance import two_class_path

    d, method = point["dimension"], METHODS[point["method"]]
    found = two_class_path(d, point["w"], (), method, *_size(point), seed=seed)
    values = {"overshoot": found.mean()[-1] - math.sqrt(d), "variance": found.variance()[-1]}
    return [{"quantity": name, "value": float(value)} for name, value in values.items()]


def _pair(point: Point, seed: int) -> list[Row]:
    """R along each direction of a Gaussian class in a Gaussian whole of variance 1."""
    import torch

    from diffusion import GaussianMixtureDenoiser

    ratios = torch.tensor(point["ratios"], dtype=torch.float64)
    own, whole = (
        GaussianMixtureDenoiser(torch.zeros(1, len(ratios)).double(), v[None])
        for v in (ratios, torch.ones_like(ratios))
    )
    labels = torch.zeros(point["trials"], dtype=torch.long)
    R = _ratios(own, whole, own, labels, point, seed)[0]
    return [
        {"ratio": r, "quantity": "variance_ratio", "value": value}
        for r, value in zip(point["ratios"], R.tolist(), strict=True)
    ]


def _classes(point: Point, seed: int) -> list[Row]:
    """R along the axes of classes, averaged over axes of like a/b, and that of the trace."""
    import torch

    from diffusion import GaussianMixtureDenoiser

    generator = torch.Generator().manual_seed(seed)
    noise: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    K, d = point["classes"], point["dimension"]
    means = torch.randn(K, d, **noise) / 2
    own = (point["spread"] * torch.randn(K, d, **noise)).exp() / 4
    mixture = GaussianMixtureDenoiser(means, own)
    ratio = own / (own.mean(0) + means.var(0, correction=0))
    labels = torch.arange(K).repeat_interleave(point["trials"] // _PER_CLASS)
    R = _ratios(mixture.condition(labels), mixture, mixture, labels, point, seed + 1)
    trace = float((R * own).sum() / own.sum())
    rows: list[Row] = [{"quantity": "trace_ratio", "value": trace}]
    for k, (low, high) in enumerate(pairwise(EDGES)):
        there = (ratio >= low) & (ratio < high)
        if there.any():
            at, value = ratio[there].log().mean().exp(), R[there].log().mean().exp()
            rows.append({"group": k, "quantity": "ratio", "value": float(at)})
            rows.append({"group": k, "quantity": "variance_ratio", "value": float(value)})
    return rows


def _ratios(own: Any, whole: Any, classes: Any, labels: Tensor, point: Point, seed: int) -> Tensor:
    """R along each direction of each class, (K, d), of guided samples."""
    import torch

    from diffusion import VE, GuidedDenoiser, noise_levels, sample
    from diffusion.guidance import direction_ratios

    spread = whole.spectra[0]
    width, scale = float(spread.min()) ** 0.5, float(spread.max() + whole.means.var() + 1) ** 0.5
    levels = noise_levels(1e3 * scale, point["steps"], width)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(labels), whole.dimension, generator=generator, dtype=torch.float64)
    guided = GuidedDenoiser(own, whole, point["w"])
    way = guided, levels[0] * noise, VE(), METHODS[point["method"]]
    return direction_ratios(sample(*way, levels=levels, seed=generator), labels, classes)


if __name__ == "__main__":
    main()
