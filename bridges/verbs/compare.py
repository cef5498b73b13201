"""Models side by side on the two axes that every memory has: load and corruption.

The load axis varies the number of patterns at one overlap of the cue, the corruption axis
the overlap at one number of patterns. Pattern sets and seeds are shared by all models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.crossing import crossings
from bridges.data import said
from bridges.equivalence import noise_of_overlap
from bridges.estimates import fraction_and_sem, with_count
from bridges.models import MODELS, label_of
from bridges.retrieval import retrieval_map
from bridges.study import figures, report as base
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.study.tables import table, uncertain
from bridges.verbs.setting import Setting
from hopfield import NotSeparableError
from hopfield.theory import argmax_retrieval, argmax_retrieval_spins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Law = Callable[[Any, float], Any]  # f(P, overlap) → probability of retrieval
DECODERS: dict[str, Callable[[Any, int, float], Any]] = {  # f(P, N, overlap) of the best
    "real": lambda P, N, overlap: argmax_retrieval(P, N, noise_of_overlap(overlap)),
    "binary": argmax_retrieval_spins,
}


def load_points(models: Sequence[str], loads: Sequence[int], overlap: float) -> list[Point]:
    """Points of the load axis, P in `loads`."""
    return [
        {"axis": "load", "model": model, "patterns": P, "overlaps": [overlap]}
        for model in models
        for P in loads
    ]


def corruption_points(
    models: Sequence[str], patterns: int, overlaps: Sequence[float]
) -> list[Point]:
    """Points of the corruption axis, all overlaps of a model at once."""
    return [
        {"axis": "corruption", "model": m, "patterns": patterns, "overlaps": list(overlaps)}
        for m in models
    ]


def measure(setting: Setting, point: Point, seed: int) -> list[Row]:
    """Retrieval of one model, for `run_study`."""
    try:
        memory = setting.memory(point["model"], point["patterns"], seed)
    except NotSeparableError:
        return []  # a load at which there is nothing to measure
    found = retrieval_map(
        memory, point["overlaps"], setting.trials, setting.criterion, setting.threshold, seed=seed
    )
    named = {"success": found.success, "overlap": found.overlap_out, "converged": found.converged}
    named["cycles"] = found.cycles
    return [
        {"cue_overlap": m, "quantity": name, "value": float(values[k])}
        for k, m in enumerate(point["overlaps"])
        for name, values in named.items()
        if np.isfinite(values[k])
    ]


@dataclass(frozen=True)
class Curve:
    """Retrieval of one model along one axis. x : (K,), P or cue overlap. by_sample :
    (samples, K) success, NaN where a sample could not be stored. one_set : (K,), whether all
    samples store the same patterns. trials : cues per sample, on which the least error rests.
    n, mean, sem : (K,), the latter NaN for one set or sample."""

    model: str
    x: np.ndarray
    by_sample: np.ndarray
    one_set: np.ndarray
    trials: int

    @property
    def n(self) -> np.ndarray:
        known: np.ndarray = (~np.isnan(self.by_sample)).sum(0)
        return known

    @property
    def mean(self) -> np.ndarray:
        return fraction_and_sem(self.by_sample)[0]

    @property
    def sem(self) -> np.ndarray:
        return np.where(self.one_set, np.nan, fraction_and_sem(self.by_sample, self.trials)[1])

    @property
    def whole(self) -> Curve:
        """The same where all samples could be stored."""
        kept = self.n == len(self.by_sample)
        parts = self.x[kept], self.by_sample[:, kept], self.one_set[kept]
        return Curve(self.model, *parts, self.trials)


def curves(
    study: Study, axis: str, one_set: Callable[[int], bool] = lambda _: False
) -> list[Curve]:
    """The success curves of an axis, one per model that all samples could store somewhere.

    one_set : whether all samples store the same P patterns.
    """
    stored = {p["patterns"] for p in study.points if p["axis"] == axis}
    along = "patterns" if axis == "load" else "cue_overlap"
    result = []
    for model in dict.fromkeys(p["model"] for p in study.points if p["axis"] == axis):
        x, by_sample = study.curve("success", along, axis=axis, model=model)
        at = x if axis == "load" else [*stored] * len(x)
        alike = np.array([one_set(int(P)) for P in at], dtype=bool)
        curve = Curve(model, x, by_sample, alike, study.config["parameters"]["trials"])
        if curve.whole.x.size:
            result.append(curve)
    return result


@dataclass(frozen=True)
class Edge:
    """Where a curve of retrieval crosses the level.

    Attributes
    ----------
    crossed : "here"; "beyond" what was measured, on its hard side; or "never", below the level
        throughout.
    value : of P or of the overlap, ±∞ where it is not crossed.
    sem : standard deviation of the bootstrap over pattern sets, NaN for one of them.
    interval : of 95 %, NaN for one pattern set.
    beyond : the hardest x that was measured.
    samples : number of pattern sets.
    """

    crossed: str
    value: float
    sem: float
    interval: tuple[float, float]
    beyond: float
    samples: int

    @classmethod
    def of(cls, curve: Curve, level: float, *, rising: bool) -> Edge:
        """The edge of a curve; of a falling one, against load, on a logarithmic axis."""
        curve = curve.whole
        beyond = curve.x[0 if rising else -1]
        x, back = (curve.x, float) if rising else (np.log(curve.x), np.exp)
        by_sample = curve.by_sample
        if curve.one_set.any():
            by_sample = by_sample.mean(0, keepdims=True)
        found = crossings(x, by_sample, level, rising)
        hard = -np.inf if rising else np.inf
        crossed = {hard: "beyond", -hard: "never"}.get(found.value, "here")
        low, high = (float(back(end)) for end in found.interval)
        value = float(back(found.value))
        sem = found.sem if rising else value * found.sem
        return cls(crossed, value, sem, (low, high), float(beyond), len(by_sample))

    def summary(self, name: str) -> Point:
        """What a summary holds of it."""
        number = {"mean": self.value, "sem": self.sem, "n": self.samples}
        return {
            "crossed": self.crossed,
            name: number | {"interval": list(self.interval)},
            "measured_to": self.beyond,
        }


class Report(base.Report):
    """What a comparison found, on the axes that were measured.

    overlap : of the cues on the load axis, None without it. patterns : P on the corruption
    axis, None without it.
    """

    level = 0.5

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.asked = Setting.of(study)
        axes = {point["axis"]: point for point in study.points}
        self.size: int = (self.setting | study.points[0])["size"]
        self.overlap: float | None = axes["load"]["overlaps"][0] if "load" in axes else None
        self.patterns: int | None = axes["corruption"]["patterns"] if "corruption" in axes else None
        if not (self.load or self.corruption):
            raise ValueError(f"model stores the patterns in no case: {'; '.join(self.left_out)}")

    @cached_property
    def load(self) -> list[Curve]:
        """The curves against load."""
        return curves(self.study, "load", self.one_set)

    @cached_property
    def corruption(self) -> list[Curve]:
        """The curves against the overlap of the cue."""
        return curves(self.study, "corruption", self.one_set)

    @property
    def left_out(self) -> list[str]:
        """Names of the models that have no curve on an axis, with its numbers of patterns."""
        words = []
        for axis, found in (("load", self.load), ("corruption", self.corruption)):
            asked: dict[str, list[str]] = {}
            for point in self.study.points:
                if point["axis"] == axis:
                    asked.setdefault(point["model"], []).append(str(point["patterns"]))
            known = {curve.model for curve in found}
            words += [
                f"{label_of(m)}, P = {', '.join(P)}" for m, P in asked.items() if m not in known
            ]
        return list(dict.fromkeys(words))

    @cached_property
    def capacities(self) -> dict[str, Edge]:
        """By model, the number of patterns at which retrieval falls to the level."""
        return {curve.model: Edge.of(curve, self.level, rising=False) for curve in self.load}

    @cached_property
    def basins(self) -> dict[str, Edge]:
        """By model, the least overlap of a cue that is retrieved at the level."""
        return {curve.model: Edge.of(curve, self.level, rising=True) for curve in self.corruption}

    @property
    def kinds(self) -> set[str]:
        """Kinds of states among the models."""
        points = self.study.points
        return {p["states"] if "states" in p else MODELS[p["model"]].kind for p in points}

    @property
    def theory(self) -> dict[str, Law]:
        """Exact finite-N laws where the patterns are random: the limit of any decoder.

        A state close to two patterns at once, or to none, is not what they describe.
        """
        if self.asked.data != "random" or self.asked.threshold < 0.9:
            return {}

        def here(law: Callable[[Any, int, float], Any]) -> Law:
            return lambda P, overlap: law(P, self.size, overlap)

        known = {kind: here(law) for kind, law in DECODERS.items() if kind in self.kinds}
        words = {"real": "real", "binary": "spins"}
        return {f"best decoder (theory, {words[kind]})": law for kind, law in known.items()}

    def conclusions(self) -> Point:
        """By model capacity and basin with 95 % intervals."""
        found: Point = {"level": self.level}
        if self.overlap is not None:
            capacities = {m: edge.summary("patterns") for m, edge in self.capacities.items()}
            found |= {"overlap": self.overlap, "capacity": capacities}
        if self.patterns is not None:
            basins = {m: edge.summary("overlap") for m, edge in self.basins.items()}
            found |= {"patterns": self.patterns, "basin": basins}
        return found

    def finding(self) -> str:
        """The result in a line, the title of the figure: the best and the weakest memory."""
        data = figures.literal(Path(self.asked.data).stem)
        curves = self.load or self.corruption
        memories = [c for c in curves if c.model != "nearest"] or curves
        shared = set.intersection(*({*c.whole.x.tolist()} for c in memories))  # by all memories
        ranked = sorted(
            memories,
            key=lambda c: (
                float(c.by_sample[:, [x in shared for x in c.x.tolist()]].mean())
                if shared
                else float(c.whole.by_sample.mean())
            ),
        )
        ends = dict.fromkeys([ranked[-1].model, ranked[0].model])  # which may be lost throughout
        what = f"at $m_0$ = {self.overlap:g}" if self.load else f"of {self.patterns} patterns"
        return f"{data}: half of the cues {what} come home " + ", ".join(
            f"{self._until(model)} ({label_of(model)})" for model in ends
        )

    def _until(self, model: str) -> str:
        """Up to which load, or from which overlap on, half of the cues come home."""
        if self.load:
            edge, axis, words = self.capacities[model], "$P$", ("up to", "beyond")
        else:
            edge, axis, words = self.basins[model], "$m_0$", ("from", "from below")
        if edge.crossed == "here":
            found = self._held(model) if self.load else self._edge(model)
            return f"{words[0]} {axis} = {found}"
        return (
            f"{words[1]} {axis} = {edge.beyond:g}" if edge.crossed == "beyond" else f"at no {axis}"
        )

    def heading(self) -> str:
        """The data, the cues and the criterion."""
        s = self.asked
        return (
            f"{Path(s.data).name}, N = {self.size}; {s.trials} cues per pattern set; "
            f"{s.criterion}, retrieved: cosine ≥ {s.threshold:g}{said(self.study.points[0])}"
        )

    def tables(self) -> Iterator[str]:
        """A table per axis."""
        if self.load:
            ends = [self._held(curve.model) for curve in self.load]
            yield _table(self.load, f"retrieval at m0 = {self.overlap:g}, P =", "P at 1/2", ends)
        if self.corruption:
            ends = [self._edge(curve.model) for curve in self.corruption]
            heading = f"retrieval at P = {self.patterns}, m0 ="
            yield _table(self.corruption, heading, "m0 at 1/2", ends)
        if any((curve.n < self.samples).any() for curve in (*self.load, *self.corruption)):
            yield "(n: samples whose patterns couplings store, where these are not all)"
        if self.left_out:
            yield f"(left out, as couplings do not store all samples: {'; '.join(self.left_out)})"

    @property
    def figsize(self) -> tuple[float, float]:
        """A panel per axis."""
        return 3.4 + 3.1 * (bool(self.load) + bool(self.corruption)), 4.2

    def draw(self, figure: Figure) -> None:
        """Retrieval against load and against corruption."""
        axes_of = {_load: self.load, _corruption: self.corruption}
        panels = [draw for draw, measured in axes_of.items() if measured]
        drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for draw, axes in zip(panels, drawn, strict=True):
            draw(axes, self)
            axes.set_ylim(-0.03, 1.05)
            axes.axhline(self.level, color="0.85", lw=0.8, zorder=0)
        when = {"fixed-point": "end of the dynamics", "one-step": "one step"}
        drawn[0].set_ylabel(f"probability of retrieval ({when[self.asked.criterion]})")
        handles, labels = drawn[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", fontsize=8.5)

    def _held(self, model: str) -> str:
        edge = self.capacities[model]
        if edge.crossed != "here":
            return f"> {edge.beyond:.0f}" if edge.crossed == "beyond" else "none"
        return f"{edge.value:{'.2g' if edge.value < 100 else '.0f'}}"

    def _edge(self, model: str) -> str:
        edge = self.basins[model]
        if edge.crossed != "here":
            return f"< {edge.beyond:g}" if edge.crossed == "beyond" else "never"
        return f"{edge.value:.2f}"


def _table(curves: Sequence[Curve], heading: str, last: str, ends: Sequence[str]) -> str:
    """A row per model, a column per x, and a `last` column."""
    columns = sorted({float(x) for curve in curves for x in curve.x})
    rows = []
    for curve, end in zip(curves, ends, strict=True):
        known = zip(curve.mean, curve.sem, curve.n.tolist(), strict=True)
        words = [with_count(uncertain(m, sem), n, len(curve.by_sample)) for m, sem, n in known]
        cells = dict(zip(curve.x.tolist(), words, strict=True))
        rows.append([label_of(curve.model), *(cells.get(x, "—") for x in columns), end])
    return table([heading, *(f"{x:g}" for x in columns), last], rows)


def _load(axes: Axes, report: Report) -> None:
    overlap = report.overlap
    assert overlap is not None
    looks = figures.looks(curve.model for curve in report.load)
    for curve in report.load:
        _draw(axes, curve, looks[curve.model])
    measured = np.concatenate([curve.x for curve in report.load])
    P = np.geomspace(measured.min(), measured.max(), 200)
    for style, (label, law) in zip(figures.THEORY, report.theory.items(), strict=False):
        axes.plot(P, law(P, overlap), **style, label=label)
    figures.log_axis(axes)
    axes.set_xlabel("number of patterns $P$")
    axes.set_title(f"against load, cues at overlap $m_0$ = {overlap:g}")


def _corruption(axes: Axes, report: Report) -> None:
    patterns = report.patterns
    assert patterns is not None
    looks = figures.looks(curve.model for curve in report.corruption)
    for curve in report.corruption:
        _draw(axes, curve, looks[curve.model])
    x = report.corruption[0].x
    m = np.linspace(x[0], min(0.999, x[-1]), 100)
    for style, (label, law) in zip(figures.THEORY, report.theory.items(), strict=False):
        axes.plot(m, [law(patterns, float(one)) for one in m], **style, label=label)
    axes.invert_xaxis()
    axes.set_xlabel("overlap of the cue $m_0$ (harder to the right)")
    load = patterns / report.size
    axes.set_title(f"against corruption, $P$ = {patterns}, $P/N$ = {load:.2g}")


def _draw(axes: Axes, curve: Curve, series: tuple[str, str]) -> None:
    label = label_of(curve.model)
    partial = curve.n < len(curve.by_sample)
    for x, n in zip(curve.x[partial], curve.n[partial].tolist(), strict=True):
        label += f"\n{with_count(f'  at {x:g}', n, len(curve.by_sample))}"
    if curve.model == "nearest":  # the limit of the others, as a line
        axes.plot(curve.x, curve.mean, color="0.2", ls="--", lw=1.2, label=label, zorder=4)
        return
    look: dict[str, Any] = {"label": label}
    if curve.model == "exponential-real":  # lies under the denoiser's crosses
        look |= {"ms": 8, "mfc": "none", "zorder": 2}
    figures.means(axes, curve.x, (curve.mean, curve.sem), series, **look)
