"""What memories retrieve on one axis, against the exact laws of `one_axis`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridges.equivalence import noise_of_overlap
from bridges.models import MODELS
from bridges.study import figures, looks
from bridges.study.record import Point
from bridges.study.results import Study
from bridges.study.tables import table
from bridges.verbs.compare import Curve, Report as Comparison
from bridges.verbs.laws import DECODERS
from bridges.verbs.setting import Setting
from hopfield import theory

LAWS = {
    "real": "best decoder, sphere",
    "binary": "best decoder, spins",
    "draw": "draw from the posterior, at least",
}
STYLES = {"real": "-", "binary": ":", "draw": "--"}
_SETTING = ("size", "trials", "beta", "degree")  # what the models are told


class Report(Comparison):
    """A comparison on random patterns, and the laws to hold it against."""

    figsize = 9.2, 4.3

    def __init__(self, study: Study) -> None:
        asked = study.config["parameters"]
        setting = asdict(Setting("random", **{name: asked[name] for name in _SETTING}))
        super().__init__(replace(study, config=study.config | {"parameters": setting | asked}))

    def laws(self, P: np.ndarray, overlap: np.ndarray) -> dict[str, np.ndarray]:
        """Exact probabilities of retrieval, one of P and overlap an array of one entry."""
        laws = {kind: law for kind, law in DECODERS.items() if kind in self.kinds}
        if any(point["model"] == "sde" for point in self.study.points):
            laws["draw"] = _drawn
        found = {name: [law(P, self.size, float(m)) for m in overlap] for name, law in laws.items()}
        return {name: np.concatenate([*map(np.atleast_1d, rows)]) for name, rows in found.items()}

    @cached_property
    def limits(self) -> dict[str, float]:
        """Thresholds for N → ∞: P of this N on the load axis, overlaps on the other."""
        alpha = math.log(self.patterns) / self.size
        dense = theory.polynomial_capacity(self.size, self.setting["degree"])
        found = {"hebb_patterns": theory.ags_capacity() * self.size}
        found["polynomial_patterns"] = float(dense)
        if self.overlap < 1:
            information = float(theory.dense_load(math.inf, noise_of_overlap(self.overlap)))
            found["real_patterns"] = float(np.exp(self.size * information))
        found["binary_patterns"] = float(np.exp(self.size * theory.flip_information(self.overlap)))
        if alpha > 0:
            found["real_overlap"] = float(theory.least_overlap(alpha))
            found["binary_overlap"] = float(theory.least_overlap(alpha, ensemble="spins"))
        return found

    @cached_property
    def exact(self) -> dict[str, dict[str, list[float]]]:
        """The laws at what was measured, by axis, each with its x."""
        loads = sorted({p["patterns"] for p in self.study.points if p["axis"] == "load"})
        P, m = np.array(loads, dtype=float), self.corruption[0].x
        load = {"patterns": P} | self.laws(P, np.array([self.overlap]))
        corruption = {"overlap": m} | self.laws(np.array([float(self.patterns)]), m)
        return {
            axis: {name: values.tolist() for name, values in found.items()}
            for axis, found in (("load", load), ("corruption", corruption))
        }

    def finding(self) -> str:
        """The weakest and the strongest model, in a line."""
        ranked = sorted(self.load, key=lambda c: float(c.whole.by_sample.mean()))
        ends = dict.fromkeys([ranked[0].model, ranked[-1].model])
        held = ", ".join(f"{MODELS[m].label}: {self._held(m)}" for m in ends)
        return f"One axis, $N$ = {self.size}: patterns that half of the cues find — {held}"

    def conclusions(self) -> Point:
        """Those of a comparison, the laws and the thresholds."""
        return super().conclusions() | {"limits": self.limits, "exact": self.exact}

    def tables(self) -> Iterator[str]:
        """Those of a comparison, and the laws."""
        yield from super().tables()
        for axis, name, heading in (
            ("load", "patterns", f"exact at m0 = {self.overlap:g}, P ="),
            ("corruption", "overlap", f"exact at P = {self.patterns}, m0 ="),
        ):
            found = self.exact[axis]
            known = [law for law in LAWS if law in found]
            rows = [[LAWS[law], *(f"{value:.2f}" for value in found[law])] for law in known]
            yield table([heading, *(f"{x:g}" for x in found[name])], rows)
        limits = ", ".join(f"{name.replace('_', ' ')} {v:.3g}" for name, v in self.limits.items())
        yield f"thresholds, N → ∞: {limits}"

    def draw(self, figure: Figure) -> None:
        """Retrieval against load and against corruption, on the laws."""
        load, corruption = both = figure.subplots(1, 2)
        figures.alike(both)
        self._load(load)
        self._corruption(corruption)
        handles, labels = load.get_legend_handles_labels()
        figures.legend_beside(figure, handles, labels)
        for axes in both:
            axes.set_ylim(-0.03, 1.14)
        load.set_ylabel("probability of retrieval (end of the dynamics)")

    def _load(self, axes: Axes) -> None:
        for curve in self.load:
            _points(axes, curve)
        P = np.geomspace(1, max(curve.x[-1] for curve in self.load), 60)
        _lines(axes, P, self.laws(P, np.array([self.overlap])))
        self._marks(axes, "patterns", P[-1])
        figures.ticks(axes, np.unique(np.concatenate([curve.x for curve in self.load])))
        axes.set_xlabel("number of patterns $P$")
        axes.set_title(f"against load, $N$ = {self.size}, cues at $m_0$ = {self.overlap:.3g}")

    def _corruption(self, axes: Axes) -> None:
        for curve in self.corruption:
            _points(axes, curve)
        x = self.corruption[0].x
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
        load = f"$P$ = {self.patterns}, $\\ln P/N$ = {alpha:.2g}"
        axes.set_title(f"against corruption, {load}")

    def _marks(self, axes: Axes, what: str, largest: float) -> None:
        """Where the limits N → ∞ lie, in the lines' own styles."""
        at = {kind: self.limits.get(f"{kind}_{what}", math.inf) for kind in self.kinds}
        shown = {kind: x for kind, x in at.items() if x <= largest}
        for kind, x in shown.items():
            axes.axvline(x, ymin=0.93, color="0.35", lw=1.6, ls=STYLES[kind], zorder=4)
        if shown:
            first = min(shown.values()) if what == "patterns" else max(shown.values())
            place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            look = {"ha": "right", "fontsize": 8, "color": "0.35", "xytext": (-4, 0)}
            axes.annotate(r"limits $N\to\infty$", (first, 0.95), **place, **look)


def _drawn(P: np.ndarray, N: int, overlap: float) -> np.ndarray:
    s = noise_of_overlap(overlap)
    return theory.posterior_weight_bound(P, N, s) if s > 0 else 0 * P + 1.0


def _lines(axes: Axes, x: np.ndarray, laws: dict[str, np.ndarray]) -> None:
    for law, values in laws.items():
        axes.plot(x, values, color="0.35", lw=1.2, ls=STYLES[law], zorder=1, label=LAWS[law])


def _points(axes: Axes, curve: Curve) -> None:
    series = looks.LOOKS.get(curve.model, ("0.6", "."))
    label = MODELS[curve.model].label
    figures.points(axes, curve.x, curve.by_sample, series, label=label, lw=0.6)
