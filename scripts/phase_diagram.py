r"""Learnt, generalized or memorized: what of n data, p features and a training time τ?

A score model of random features learns data N(0, I) in d dimensions, at diffusion time t, by
gradient flow that is solved exactly. Three parts:

    phase      over n/d and p/d: τ_gen, when 1 − 1/e of the best progress is made, τ_gap, when test
               and training loss are 0.1 apart, τ_half, when they are half as far apart as they ever
               are, and the least score error there is. A cell is learning before τ_gen, memorizing
               after τ_gap and generalizing between; architectural where the gap never opens, so
               that no training is too long
    descent    m noise draws per point, fitted by ridge regression: loss on the pairs, on the points
               with fresh noise and on fresh points, bias and variance, against p/d, beside their
               closed form for d → ∞. The test loss has its peak at p = nm
    rank       the same fit cut at the r largest modes, without a ridge

B² and V come without bias from two runs per sample, with data and features of their own, at common
test points. (arXiv 2505.17638 for the diagram, 2609.26392 for the descent, 2609.35377 for ranks;
the times are ours.)

    python scripts/phase_diagram.py --preset quick
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from diffusion import FeatureFlow, GaussianMixtureDenoiser, RandomFeatureScore

_QUICK: dict[str, Any] = {
    "dimension": 30,
    "time": 0.1,
    "points": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
    "features": [2.0, 8.0, 32.0],
    "flow_times": [10.0, 1e3, 1e4, 1e8],
    "fitted_points": 4.0,
    "draws": 4,
    "fitted_features": [1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 20.0, 32.0, 48.0],
    "ridges": [1e-4, 0.1],
    "ranks": [0.5, 1.0, 2.0, 4.0, 8.0, 16.0],
    "samples": 3,
}
_PAPER = {
    "dimension": 50,
    "features": [2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
    "ranks": [0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0],
    "samples": 8,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
RUNS = 2  # with data and features of their own per sample, for bias and variance
ASKED = 1000  # points at which their scores are compared
RATIO, RIDGE = Real(0, 1e4, min_open=True), Real(1e-10, 1e6)


@study_command(PRESETS)
@options.own(
    dimension=(Whole(4, 5000), "Dimension d of the data."),
    time=(options.POSITIVE, "Ornstein–Uhlenbeck time of the score."),
    points=(Numbers(RATIO), "Points per dimension, n/d, of the diagram."),
    features=(Numbers(RATIO), "Features per dimension, p/d, of the diagram."),
    flow_times=(Numbers(options.POSITIVE), "Training times τ at which cells are named."),
    fitted_points=(RATIO, "Points per dimension of the ridge regressions."),
)
@options.shared("draws", type=Whole(1), default=None, help="Their noise draws per point, m.")
@options.own(
    fitted_features=(Numbers(RATIO), "Their features per dimension, p/d."),
    ridges=(Numbers(RIDGE), "Their ridges λ."),
    ranks=(Numbers(options.POSITIVE), "Modes that are kept, r/d, with the most features."),
)
def main(run: Run, **asked: Any) -> base.Report:
    """Phases of learning over data, features and time; double descent; truncation.

    What random features learn, generalize and memorize, and which losses they have (arXiv
    2505.17638, 2609.26392).
    """
    from reports.phase_diagram import Report

    from bridges._checks import within_memory

    d = asked["dimension"]
    n = max([*asked["points"], asked["fitted_points"]])
    for name in ("points", "features", "fitted_features"):
        if min(asked[name]) * d < 1:
            raise ValueError(
                f"{name.replace('_', '-')} must be at least 1/d = {1 / d:.3g}, one of them, got "
                f"{min(asked[name]):g}"
            )
    if asked["fitted_points"] * d < 1:
        raise ValueError(f"fitted-points must be at least 1/d, got {asked['fitted_points']:g}")
    most = max(asked["fitted_features"])
    if max(asked["ranks"]) > most or min(asked["ranks"]) * d < 1:
        raise ValueError(
            f"ranks must lie in [1/d, {most:g}], that of the most features, got "
            f"{min(asked['ranks']):g} … {max(asked['ranks']):g}"
        )
    p = max(*asked["features"], most) * d
    pairs = max(n, asked["fitted_points"] * asked["draws"]) * d
    within_memory(
        8 * (10 * p * p + 3 * pairs * d + 4 * p * n * d), f"features: {p:g} of them", each_job=True
    )
    return Report(run(measure, _points(asked)))


def _points(asked: dict[str, Any]) -> list[Point]:
    shared = {name: asked[name] for name in ("dimension", "time")}
    fitted = shared | {"points": asked["fitted_points"], "draws": asked["draws"]}
    return [
        *(
            shared
            | {"kind": "phase", "points": n, "features": p, "flow_times": asked["flow_times"]}
            for p in asked["features"]
            for n in asked["points"]
        ),
        *(
            fitted | {"kind": "descent", "features": p, "ridges": asked["ridges"]}
            for p in asked["fitted_features"]
        ),
        fitted
        | {"kind": "rank", "features": max(asked["fitted_features"]), "ranks": asked["ranks"]},
    ]


def measure(point: Point, seed: int) -> list[Row]:
    """Times and phases of one data set; or losses of fits, by ridge or by rank."""
    kinds = {"phase": _phase, "descent": _descent, "rank": _rank}
    return kinds[point["kind"]](point, seed)


def _phase(point: Point, seed: int) -> list[Row]:
    """When what is learnt, and what the model is doing at given times."""
    from math import isfinite

    from diffusion import class_times
    from diffusion.learning_times import PHASES

    mixture, data, model = _drawn(point, seed)
    flow = model.fit(data)
    found = class_times(flow, mixture)
    names = ("gen63", "gap", "mem50", "opt", "score_error", "final_gap")
    rows: list[Row] = [
        {"quantity": name, "value": float(value)}
        for name in names
        if isfinite(value := getattr(found, name)[0])
    ]
    words = found.phases(point["flow_times"])[:, 0]
    for tau, gap, word in zip(
        point["flow_times"], found.gap_at(point["flow_times"])[:, 0], words, strict=True
    ):
        rows += [{"flow_time": tau, "quantity": "L_gen", "value": float(gap)}]
        rows += [
            {"flow_time": tau, "quantity": name, "value": float(word == name)} for name in PHASES
        ]
    return rows


def _descent(point: Point, seed: int) -> list[Row]:
    """Losses, and B² and V between the runs, at each ridge."""
    import torch

    from diffusion import bias_and_variance

    generator = torch.Generator().manual_seed(seed)
    asked = torch.randn(ASKED, point["dimension"], generator=generator, dtype=torch.float64)
    found: dict[float, list[dict[str, float]]] = {ridge: [] for ridge in point["ridges"]}
    scores: dict[float, list[Tensor]] = {ridge: [] for ridge in point["ridges"]}
    for _ in range(RUNS):
        flow, losses = _fitted(point, generator)
        for ridge in point["ridges"]:
            one = flow.with_ridge(ridge)
            found[ridge].append(losses(one))
            scores[ridge].append(flow.model.score(asked, one.readout(float("inf"))))
    rows: list[Row] = []
    for ridge in point["ridges"]:
        split = bias_and_variance(torch.stack(scores[ridge]), -asked)  # N(0, I) at all times
        values = {name: sum(one[name] for one in found[ridge]) / RUNS for name in found[ridge][0]}
        values |= {"bias2": split.bias2, "variance": split.variance}
        rows += [{"ridge": ridge, "quantity": q, "value": v} for q, v in values.items()]
    return rows


def _rank(point: Point, seed: int) -> list[Row]:
    """Losses of the r largest modes."""
    import torch

    flow, losses = _fitted(point, torch.Generator().manual_seed(seed))
    rows: list[Row] = []
    for rank in point["ranks"]:
        found = losses(flow.truncated(round(rank * point["dimension"])))
        rows += [{"rank": rank, "quantity": q, "value": v} for q, v in found.items()]
    return rows


def _fitted(point: Point, generator: Generator) -> tuple[FeatureFlow, Any]:
    """A flow on m draws per point, and a function of its variants that returns their losses."""
    import torch

    _, data, model = _drawn(point, generator)
    flow, own = model.fit(data, draws=point["draws"]), model.average_over(data)
    whole = model.average_over_class(torch.zeros(model.dimension), torch.ones(model.dimension))

    def losses(one: FeatureFlow) -> dict[str, float]:
        end = float("inf")
        readout = one.readout(end)
        return {
            "pairs": float(one.train_loss([end])),
            "own": model.loss(readout, *own),
            "test": model.loss(readout, *whole),
        }

    return flow, losses


def _drawn(
    point: Point, seed: int | Generator
) -> tuple[GaussianMixtureDenoiser, Tensor, RandomFeatureScore]:
    """The law of the data, some data, and features that have not learnt."""
    import torch

    from diffusion import GaussianMixtureDenoiser, RandomFeatureScore

    d = point["dimension"]
    mixture = GaussianMixtureDenoiser(torch.zeros(1, d, dtype=torch.float64), 1.0)
    data, _ = mixture.draw(round(point["points"] * d), seed=seed)
    p = round(point["features"] * d)
    return mixture, data, RandomFeatureScore(p, d, time=point["time"], seed=seed)


if __name__ == "__main__":
    main()
