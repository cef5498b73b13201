r"""All memories on one axis: retrieval against load and against corruption, with exact laws.

A cue of overlap m with one of P random patterns of N sites: flipped spins for networks, a
noise s of the same cosine, m = 1/√(1 + s²), for real states. From couplings to dense memories
to diffusion what changes is how P may grow: αN, N^{n−1}, e^{αN}. No memory retrieves more
than the nearest pattern does, and that is known at every N:

    sphere   P_arg = E[F_N(q₁)^{P−1}]            →  ln P/N = ½ ln(1 + 1/s²)    (N → ∞)
    spins    the same with the binomial law      →  ln P/N = I(m)
    draw     E w_1 ≥ E 1/(1 + (P − 1)e^{−i})        what the reverse SDE, a draw from the
                                                    posterior, retrieves at least

(`hopfield.theory`; Lucibello & Mézard, arXiv 2304.14964; Biroli et al., arXiv 2402.18491).
The reverse flow decodes, the reverse SDE samples: they are not the same criterion. Patterns on
a sphere are not those of spins, and a cue of the same cosine does not say as much about both:
compare each model with its own law.

    python scripts/one_axis.py --preset quick
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from bridges.models import MODELS
from bridges.study import options
from bridges.study.command import Run, study_command
from bridges.study.record import Point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.one_axis import Report

SEVEN = ["hebb", "unlearned", "polynomial", "exponential", "exponential-real", "flow", "sde"]
_QUICK: dict[str, Any] = {
    "model": SEVEN,
    "size": 24,
    "loads": [2, 4, 8, 16, 32, 100, 300, 1000, 3000, 10000],
    "overlap": 0.7071,
    "patterns": 6,
    "overlaps": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
    "trials": 40,
    "beta": 1.0,
    "degree": 3,
    "samples": 6,
}
_PAPER = {
    "size": 30,
    "loads": [2, 4, 8, 16, 32, 100, 300, 1000, 3000, 10000, 30000, 100000, 300000],
    "patterns": 7,
    "overlaps": [k / 20 for k in range(4, 21)],
    "trials": 100,
    "samples": 16,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
_BEYOND = 20.0  # loads above so many times N (couplings) or N^{n−1} hold nothing: not measured


@study_command(PRESETS)
@options.shared("model", default=None)
@options.shared("size", default=None, help="Sites N.")
@options.shared("loads", help="Numbers of patterns P to measure.")
@options.shared("overlap", default=None, help="Overlap of the cues against load.")
@options.shared("patterns", help="Patterns stored against corruption, P.")
@options.shared("overlaps", "trials", "beta", "degree", default=None)
def main(run: Run, **asked: Any) -> Report:
    """All memories on one axis: retrieval against load and against corruption.

    Random patterns: spins for networks, the sphere for real states; cues of the same cosine.
    Lines are exact at this N: what the best decoder, and a draw from the posterior, retrieve.
    """
    from reports.one_axis import Report

    from bridges.verbs.compare import corruption_points, measure
    from bridges.verbs.setting import Setting

    models, loads, overlaps = (asked.pop(name) for name in ("model", "loads", "overlaps"))
    overlap, patterns = asked.pop("overlap"), asked.pop("patterns")
    setting = Setting("random", **asked)
    points = worth_measuring(models, loads, overlap, asked["size"], asked["degree"])
    points += corruption_points(models, [patterns], overlaps)
    setting.check(models, sorted({point["patterns"] for point in points}))
    shared = setting.columns()
    return Report(run(partial(measure, setting), [shared | point for point in points]))


def worth_measuring(
    models: Sequence[str], loads: Sequence[int], overlap: float, size: int, degree: int
) -> list[Point]:
    """Points of the load axis; a model has none far beyond where it can hold anything."""
    from bridges.verbs.compare import load_points

    power = {"polynomial": degree - 1, "exponential": math.inf}
    kept = []
    others = [model for model in models if model not in MODELS]
    if others:
        raise ValueError(f"model must be a name of `bridges models`, got {others[0]!r}")
    for model in models:
        n = power.get(model, 1 if MODELS[model].kind == "binary" else math.inf)
        kept += load_points([model], [P for P in loads if _BEYOND * size**n >= P], overlap)
    return kept


if __name__ == "__main__":
    main()
