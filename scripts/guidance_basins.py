r"""What does guidance do to the basins of the classes, and which schedule keeps them?

A datum noised to σ flows back to the data under guidance of extra weight w to a class. Of the data
of that class the share B_own ends in it, of the data of others the share B_other is captured. Four
parts, on mixtures of K classes N(μ_k, g²) with random centres N(0, 1) in d dimensions:

    diagram    B_own and B_other over w and σ. Lines: σ_½ = g sqrt(3 + 4w)/(1 + 2w) at which half
               is captured (`capture_sigma`), guided condensation √t*(w), and the switch σ_s(w)
               of a window to −1 that keeps the variance of infinitely many classes
    schedules  variance ratio R against B_own at the largest σ: constant weights, windows,
               triangles, exponentials
    spoilt     the same for a conditional model that is spoilt, p_c = (1 − π) p* + π p_u. Feedback
               guidance with that π has p* as its exact target; a window or a constant w has not
    weighted   paths of the SDE, weighted to samples of p_c^{1+w} p_u^{−w}: the share of them that
               their effective number is (`power_samples` refuses means below 5 %)

All along the flow but for the last. R over all samples that were asked for, and retention by the
largest posterior. Classes overlap: B_own stays below 1 without guidance.

    python scripts/guidance_basins.py --preset quick
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from diffusion import Denoiser, GaussianMixtureDenoiser
    from diffusion.guidance import Weight

_QUICK: dict[str, Any] = {
    "dimension": 8,
    "classes": 8,
    "within": 0.25,
    "weights": [-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0],
    "sigmas": [0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.2, 3.2],
    "strength": 3.0,
    "switches": [0.8, 1.5, 2.0, 2.5, 3.0],
    "share": 0.3,
    "trials": 30,
    "steps": 40,
    "samples": 6,
}
_PAPER = {
    "weights": [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0],
    "sigmas": [0.14, 0.2, 0.28, 0.4, 0.56, 0.8, 1.1, 1.6, 2.2, 3.2, 4.5],
    "trials": 200,
    "steps": 120,
    "samples": 24,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
CONSTANTS = (0.0, 0.5, 1.0, 3.0)
PEAKS, RATES = (0.25, 0.5, 0.75), (-2.0, 2.0)  # of triangles and of exponentials
POWERS = (0.25, 0.5, 1.0, 2.0, 3.0)  # w of the samples that are weighted
_START = 40.0  # noise level of the schedules and of the weighted samples
_LEAST = 0.1  # noise level that the weighted ones end at, in units of g: the next is the data
_PATHS = 8  # weighted paths for each of the trials
_ASKED = 3  # classes that are spoilt, and whose paths are weighted
_WEIGHTS = Numbers(Real(-1, 100))


@study_command(PRESETS)
@options.own(
    dimension=(Whole(1), "Dimension d."),
    classes=(Whole(2), "Number of classes K."),
    within=(options.POSITIVE, "Variance g² within a class; that of the centres is 1."),
    weights=(_WEIGHTS, "Extra weights w of the diagram, rising."),
    sigmas=(options.LEVELS, "Noise levels σ of the diagram, rising."),
    strength=(Real(0, 100, min_open=True), "w of the windows, and mean w of other schedules."),
    switches=(options.LEVELS, "Noise levels at which a window turns to −1."),
    share=(Real(0, 1, min_open=True, max_open=True), "Share π of all data in a spoilt class."),
    steps=(Whole(4, most=10**6), "Steps of the samplers."),
)
@options.shared("trials", default=None, help="Data of each class per mixture.")
def main(run: Run, **chosen: Any) -> base.Report:
    """Guidance as an operation on basins: own basins, captures, and schedules that keep them.

    Which class a noised datum flows to, over weight and noise level, and what schedules of
    guidance and feedback guidance keep of variance and class.
    """
    from reports.guidance_basins import Report

    from bridges._checks import within_memory

    for name in ("weights", "sigmas"):
        if len(chosen[name]) < 2:
            raise ValueError(f"{name} must be two or more, got {chosen[name]}")
    if chosen["trials"] < 2:
        raise ValueError(f"trials must be at least 2, got {chosen['trials']}")
    d, K, trials = (chosen[k] for k in ("dimension", "classes", "trials"))
    numbers = 12 * K * (d + K) * _PATHS * trials
    within_memory(8 * numbers, f"trials: {trials} of {K} classes in {d}", each_job=True)
    shared = {k: chosen[k] for k in ("dimension", "classes", "within", "trials", "steps")}
    ways = {k: chosen[k] for k in ("strength", "switches")}
    points: list[Point] = [
        {"part": "diagram"} | {k: chosen[k] for k in ("weights", "sigmas")} | shared,
        {"part": "schedules"} | ways | shared,
        {"part": "spoilt", "share": chosen["share"]} | ways | shared,
        *({"part": "weighted", "w": w} | shared for w in POWERS),
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """One part with one mixture; all parts of a sample have the same mixture."""
    import torch

    from diffusion.guidance import random_classes

    mixture = random_classes(point["classes"], point["dimension"], point["within"], seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    parts = {"diagram": _diagram, "schedules": _schedules, "spoilt": _spoilt}
    return parts.get(point["part"], _weighted)(point, mixture, generator)


def _diagram(point: Point, mixture: GaussianMixtureDenoiser, generator: Generator) -> list[Row]:
    """Own basin and capture over weights and noise levels."""
    from diffusion.guidance import guided_basins

    grid = point["weights"], point["sigmas"], point["trials"], point["steps"]
    found = guided_basins(mixture, *grid, seed=generator)
    return [
        {"w": w, "sigma": sigma, "quantity": name, "value": float(values[0, i, j])}
        for name, values in (("own", found.own), ("capture", found.capture))
        for i, w in enumerate(found.weights)
        for j, sigma in enumerate(found.sigmas)
    ]


def schedules(point: Point) -> dict[str, tuple[str, Weight]]:
    """Name → family and weight."""
    from diffusion.guidance import Exponential, Triangle, Window

    w, g = point["strength"], point["within"] ** 0.5
    found: dict[str, tuple[str, Weight]] = {f"w = {one:g}": ("constant", one) for one in CONSTANTS}
    found |= {f"{w:g} → −1 at {s:g}": ("window", Window(w, s)) for s in sorted(point["switches"])}
    found |= {f"peak {p:g}": ("triangle", Triangle(w, _START, g, p)) for p in PEAKS}
    return found | {f"rate {L:g}": ("exponential", Exponential(w, _START, g, L)) for L in RATES}


def _schedules(point: Point, mixture: GaussianMixtureDenoiser, generator: Generator) -> list[Row]:
    """All schedules with the exact class, from the same noised data."""
    from diffusion import GuidedDenoiser

    labels, x = _noised(point, mixture, generator)
    own = mixture.condition(labels)
    rows: list[Row] = []
    for name, (family, w) in schedules(point).items():
        guided = GuidedDenoiser(own, mixture, w)
        ends = _flow(guided, x, point, getattr(w, "breaks", ()))
        rows += _judged(ends, labels, mixture, {"schedule": name, "family": family})
    return rows


def _spoilt(point: Point, mixture: GaussianMixtureDenoiser, generator: Generator) -> list[Row]:
    """Constant weights, windows and feedback with a conditional model that is spoilt."""
    import torch

    from diffusion import GaussianMixtureDenoiser as Mixture, GuidedDenoiser
    from diffusion.guidance import FeedbackGuidance

    labels, x = _noised(point, mixture, generator)
    K, share, asked = len(mixture), point["share"], min(_ASKED, len(mixture))
    labels, x = labels[labels < asked], x[labels < asked]
    shown = {
        name: one for name, one in schedules(point).items() if one[0] in ("constant", "window")
    }
    ends: dict[tuple[str, str], list[Tensor]] = {}
    for k in range(asked):
        weights = torch.full((K,), share / K, dtype=torch.float64)
        weights[k] += 1 - share
        spoilt = Mixture(mixture.means, point["within"], weights)
        mine = x[labels == k]
        for name, (family, w) in shown.items():
            guided = GuidedDenoiser(spoilt, mixture, w)
            jumps = getattr(w, "breaks", ())
            ends.setdefault((name, family), []).append(_flow(guided, mine, point, jumps))
        feedback = FeedbackGuidance(spoilt, mixture, share)
        key = f"feedback π = {share:g}", "feedback"
        ends.setdefault(key, []).append(_flow(feedback, mine, point))
    return [
        row
        for (name, family), parts in ends.items()
        for row in _judged(torch.cat(parts), labels, mixture, {"schedule": name, "family": family})
    ]


def _noised(
    point: Point, mixture: GaussianMixtureDenoiser, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Labels, and a datum of each noised to the largest level."""
    import torch

    labels = torch.arange(len(mixture)).repeat_interleave(point["trials"])
    noise: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    clean = mixture.means[labels]
    clean = clean + point["within"] ** 0.5 * torch.randn(clean.shape, **noise)
    return labels, clean + _START * torch.randn(clean.shape, **noise)


def _flow(denoiser: Denoiser, x: Tensor, point: Point, jumps: tuple[float, ...] = ()) -> Tensor:
    """Where the guided flow takes noised points."""
    from diffusion import VE, noise_levels, sample

    levels = noise_levels(_START, point["steps"], point["within"] ** 0.5, jumps)
    return sample(denoiser, x, VE(), "heun", levels=levels)


def _judged(x: Tensor, labels: Tensor, mixture: GaussianMixtureDenoiser, own: Row) -> list[Row]:
    """Variance ratio, overlap and retention of samples of the classes asked for."""
    from diffusion.guidance import distortion

    found = distortion(x, labels, mixture, diversity=False).means()
    names = ("variance_ratio", "overlap", "retention")
    return [{**own, "quantity": name, "value": found[name]} for name in names]


def _weighted(point: Point, mixture: GaussianMixtureDenoiser, generator: Generator) -> list[Row]:
    """The effective share of weighted paths, mean over the classes."""
    import torch

    from diffusion import GuidedDenoiser, noise_levels
    from diffusion.guidance import power_samples

    w, g = point["w"], point["within"] ** 0.5
    levels = [s for s in noise_levels(_START, point["steps"], g) if s > _LEAST * g]
    noise: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    shares = []
    for k in range(min(_ASKED, len(mixture))):
        own = mixture.condition(k)
        guided = GuidedDenoiser(own, mixture, w)
        # q: h_T were p_u Gaussian, which it nearly is at this level
        inner = g**2 + _START**2
        outer = mixture.means.var(0, correction=0) + inner
        precision = (1 + w) / inner - w / outer
        centre = mixture.means.mean(0)
        mean = ((1 + w) * own.means[0] / inner - w * centre / outer) / precision
        z = torch.randn(_PATHS * point["trials"], mixture.dimension, **noise)
        x = mean + z / precision.sqrt()
        log_q = -z.square().sum(1) / 2
        log_h = (1 + w) * own.log_density(x, _START) - w * mixture.log_density(x, _START)
        found = power_samples(guided, x, levels, log_h - log_q, seed=generator)
        shares.append(found.effective / len(x))
    value = float(torch.tensor(shares).mean())
    return [{"quantity": "effective_share", "value": value}]


if __name__ == "__main__":
    main()
