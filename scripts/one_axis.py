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
The reverse flow decodes, the reverse SDE samples: they are not the same criterion. A sphere
and spins hold different patterns, and a cue of one cosine tells of them differently: compare
each model with its own law.

    python scripts/one_axis.py --preset quick
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bridges.models import MODELS
from bridges.study import figures, options
from bridges.study.command import Run, study_command
from bridges.study.record import Point
from bridges.study.report import Findings
from bridges.study.results import Study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray

    from bridges.verbs.compare import Report as Comparison, Setting

SEVEN = ["hebb", "unlearned", "polynomial", "exponential", "exponential-real", "flow", "sde"]
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
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
    },
    "paper": {
        "model": SEVEN,
        "size": 30,
        "loads": [2, 4, 8, 16, 32, 100, 300, 1000, 3000, 10000, 30000, 100000, 300000],
        "overlap": 0.7071,
        "patterns": 7,
        "overlaps": [k / 20 for k in range(4, 21)],
        "trials": 100,
        "beta": 1.0,
        "degree": 3,
        "samples": 16,
    },
}
_BEYOND = 20.0  # loads above so many times N (couplings) or N^{n−1} hold nothing: not measured


@study_command(PRESETS)
@options.shared("model", default=None)
@options.shared("size", default=None, help="Sites N.")
@options.shared("loads", help="Numbers of patterns P to measure.")
@options.shared("overlap", default=None, help="Overlap of the cues against load.")
@options.shared("patterns", help="Patterns stored against corruption, P.")
@options.shared("overlaps", "trials", "beta", "degree", default=None)
def main(run: Run, **asked: Any) -> Findings:
    """All memories on one axis: retrieval against load and against corruption.

    Random patterns: spins for networks, the sphere for real states; cues of the same cosine.
    Lines are exact at this N: what the best decoder, and a draw from the posterior, retrieve.
    """
    from bridges.verbs.compare import Setting, corruption_points

    models, loads, overlaps = (asked.pop(name) for name in ("model", "loads", "overlaps"))
    overlap, patterns = asked.pop("overlap"), asked.pop("patterns")
    setting = Setting("random", **asked)
    points = worth_measuring(models, loads, overlap, asked["size"], asked["degree"])
    points += corruption_points(models, patterns, overlaps)
    setting.check(models, sorted({point["patterns"] for point in points}))
    study = run(setting.measure(), points)
    return Axis(study, setting, overlap, patterns).findings()


def worth_measuring(
    models: Sequence[str], loads: Sequence[int], overlap: float, size: int, degree: int
) -> list[Point]:
    """Points of the load axis; a model has none far beyond where it can hold anything."""
    from bridges.verbs.compare import load_points

    power = {"polynomial": degree - 1, "exponential": math.inf}
    kept = []
    for model in models:
        n = power.get(model, 1 if MODELS[model].kind == "binary" else math.inf)
        kept += load_points([model], [P for P in loads if _BEYOND * size**n >= P], overlap)
    return kept


@dataclass(frozen=True)
class Axis:
    """What was measured, and the laws to hold it against."""

    study: Study
    setting: Setting
    overlap: float
    patterns: int

    @cached_property
    def report(self) -> Comparison:
        from bridges.verbs.compare import Report

        return Report(self.study, self.setting, self.overlap, self.patterns)

    @property
    def size(self) -> int:
        assert self.setting.size is not None
        return self.setting.size

    @cached_property
    def kinds(self) -> set[str]:
        """Kinds of states among the models."""
        return {MODELS[point["model"]].kind for point in self.study.points}

    def noise(self, overlap: float) -> float:
        from bridges.equivalence import noise_of_overlap

        return float(noise_of_overlap(overlap))

    def laws(self, P: ndarray, overlap: ndarray) -> dict[str, ndarray]:
        """Exact probabilities of retrieval, one of P and overlap an array of one entry."""
        import numpy as np

        from hopfield.theory import (
            argmax_retrieval,
            argmax_retrieval_spins,
        )

        def each(law: Any) -> ndarray:
            return np.concatenate([np.atleast_1d(law(float(m))) for m in overlap])

        found = {}
        if "real" in self.kinds:
            found["real"] = each(lambda m: argmax_retrieval(P, self.size, self.noise(m)))
        if "binary" in self.kinds:
            found["binary"] = each(lambda m: argmax_retrieval_spins(P, self.size, m))
        if any(point["model"] == "sde" for point in self.study.points):
            found["draw"] = each(lambda m: self._drawn(P, m))
        return found

    def _drawn(self, P: ndarray, overlap: float) -> Any:
        from hopfield.theory import posterior_weight_bound

        s = self.noise(overlap)
        return posterior_weight_bound(P, self.size, s) if s > 0 else 0 * P + 1.0

    @cached_property
    def limits(self) -> dict[str, float]:
        """Thresholds for N → ∞: P of this N on the load axis, overlaps on the other."""
        import numpy as np

        from hopfield.theory import (
            ags_capacity,
            dense_load,
            flip_information,
            least_overlap,
            polynomial_capacity,
        )

        alpha = math.log(self.patterns) / self.size
        found = {
            "hebb_patterns": ags_capacity() * self.size,
            "polynomial_patterns": float(polynomial_capacity(self.size, self.setting.degree)),
        }
        if self.overlap < 1:
            information = float(dense_load(math.inf, self.noise(self.overlap)))
            found["real_patterns"] = float(np.exp(self.size * information))
        found["binary_patterns"] = float(np.exp(self.size * flip_information(self.overlap)))
        if alpha > 0:
            found["real_overlap"] = float(least_overlap(alpha))
            found["binary_overlap"] = float(least_overlap(alpha, ensemble="spins"))
        return found

    def findings(self) -> Findings:
        return Findings(self.text(), self.summary(), self.figure())

    def summary(self) -> Point:
        return self.report.summary() | {"limits": self.limits, "exact": self.exact}

    @cached_property
    def exact(self) -> dict[str, dict[str, list[float]]]:
        """The laws at what was measured."""
        import numpy as np

        one = np.array([float(self.patterns)])
        loads = sorted({p["patterns"] for p in self.study.points if p["axis"] == "load"})
        P = np.array(loads, dtype=float)
        x = self.report.corruption[0].x
        against_load = self.laws(P, np.array([self.overlap]))
        against_cues = self.laws(one, x)
        return {
            "load": {"patterns": P.tolist()} | {k: v.tolist() for k, v in against_load.items()},
            "corruption": {"overlap": x.tolist()}
            | {k: v.tolist() for k, v in against_cues.items()},
        }

    def text(self) -> str:
        from bridges.study.tables import table

        lines = [self.report.text()]
        for axis, name, heading in (
            ("load", "patterns", f"exact at m0 = {self.overlap:g}, P ="),
            ("corruption", "overlap", f"exact at P = {self.patterns}, m0 ="),
        ):
            found = self.exact[axis]
            rows = [
                [_LAWS[law], *(f"{value:.2f}" for value in found[law])]
                for law in _LAWS
                if law in found
            ]
            lines += ["", table([heading, *(f"{x:g}" for x in found[name])], rows)]
        limits = ", ".join(f"{name.replace('_', ' ')} {v:.3g}" for name, v in self.limits.items())
        return "\n".join([*lines, "", f"thresholds, N → ∞: {limits}"])

    def figure(self) -> Figure:
        from matplotlib.figure import Figure

        with figures.look():
            figure = Figure(figsize=(9.2, 4.3), layout="constrained")
            load, corruption = figure.subplots(1, 2, sharey=True)
            self._load(load)
            self._corruption(corruption)
            handles, labels = load.get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside right center", fontsize=8)
            load.set_ylim(-0.03, 1.14)
            load.set_ylabel("probability of retrieval (end of the dynamics)")
            figures.headline(figure, self.finding())
        return figure

    def finding(self) -> str:
        """The weakest and the strongest model, in a line."""
        ranked = sorted(self.report.load, key=lambda c: float(c.by_sample.mean()))
        ends = dict.fromkeys([ranked[0].model, ranked[-1].model])
        held = ", ".join(f"{MODELS[m].label}: {self._held(m)}" for m in ends)
        return f"One axis, $N$ = {self.size}: patterns that half of the cues find — {held}"

    def _held(self, model: str) -> str:
        found = self.report.capacities[model]
        if found["crossed"] != "here":
            return f"> {found['measured_up_to']}" if found["crossed"] == "beyond" else "none"
        return f"{found['patterns']:.2g}" if found["patterns"] < 100 else f"{found['patterns']:.0f}"

    def _load(self, axes: Axes) -> None:
        import numpy as np

        for curve in self.report.load:
            _points(axes, curve)
        P = np.geomspace(1, max(curve.x[-1] for curve in self.report.load), 60)
        _lines(axes, P, self.laws(P, np.array([self.overlap])))
        self._marks(axes, "patterns", P[-1])
        axes.set_xscale("log")
        axes.set_xlabel("number of patterns $P$")
        axes.set_title(f"(a) against load, cues at $m_0$ = {self.overlap:.3g}", fontsize=9.5)

    def _corruption(self, axes: Axes) -> None:
        import numpy as np

        for curve in self.report.corruption:
            _points(axes, curve)
        x = self.report.corruption[0].x
        one, m = np.array([float(self.patterns)]), np.linspace(x[0], x[-1], 45)
        whole = 1 - 2 * np.arange(self.size // 2) / self.size  # spins are flipped one by one
        whole = whole[(whole >= x[0] - 1e-9) & (whole <= x[-1] + 1e-9)]
        smooth = self.laws(one, m)
        _lines(axes, m, {law: values for law, values in smooth.items() if law != "binary"})
        if "binary" in smooth and len(whole):
            _lines(axes, whole, {"binary": self.laws(one, whole)["binary"]})
        self._marks(axes, "overlap", 1.0)
        axes.invert_xaxis()
        axes.set_xlabel("overlap of the cue $m_0$ (harder to the right)")
        alpha = math.log(self.patterns) / self.size
        axes.set_title(
            f"(b) against corruption, $P$ = {self.patterns}, $\\ln P/N$ = {alpha:.2g}",
            fontsize=9.5,
        )

    def _marks(self, axes: Axes, what: str, largest: float) -> None:
        """Where the limits N → ∞ lie, in the lines' own styles."""
        at = {kind: self.limits.get(f"{kind}_{what}", math.inf) for kind in self.kinds}
        shown = {kind: x for kind, x in at.items() if x <= largest}
        for kind, x in shown.items():
            axes.axvline(x, ymin=0.93, color="0.35", lw=1.6, ls=_STYLES[kind], zorder=4)
        if shown:
            first = min(shown.values()) if what == "patterns" else max(shown.values())
            axes.annotate(
                r"limits $N\to\infty$",
                (first, 0.95),
                xycoords=("data", "axes fraction"),
                xytext=(-4, 0),
                textcoords="offset points",
                ha="right",
                fontsize=8,
                color="0.35",
            )


_LAWS = {
    "real": "best decoder, sphere",
    "binary": "best decoder, spins",
    "draw": "draw from the posterior, at least",
}
_STYLES = {"real": "-", "binary": ":", "draw": "--"}


def _lines(axes: Axes, x: ndarray, laws: dict[str, ndarray]) -> None:
    for law, values in laws.items():
        axes.plot(x, values, color="0.35", lw=1.2, ls=_STYLES[law], zorder=1, label=_LAWS[law])


def _points(axes: Axes, curve: Any) -> None:

    series = figures.LOOKS.get(curve.model, ("0.6", "."))
    label = MODELS[curve.model].label
    figures.points(axes, curve.x, curve.by_sample, series, label=label, lw=0.6)


if __name__ == "__main__":
    main()
