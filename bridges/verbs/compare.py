"""Models side by side on the two axes that every memory has: load and corruption.

The load axis varies the number of patterns at one overlap of the cue, the corruption axis
the overlap at one number of patterns. Pattern sets and seeds are shared by all models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.crossing import crossings
from bridges.data import called, said
from bridges.estimates import fraction_and_sem, with_count
from bridges.models import label_of
from bridges.retrieval import retrieval_map
from bridges.study import figures, report as base
from bridges.study.looks import looks_of
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.study.tables import table, uncertain
from bridges.verbs.laws import Law, Laws, decoders, kind_of, retrieved_table, strokes
from bridges.verbs.setting import Setting
from hopfield import NotSeparableError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def load_points(models: Sequence[str], loads: Sequence[int], overlap: float) -> list[Point]:
    """Points of the load axis, P in `loads`."""
    return [
        {"axis": "load", "model": model, "patterns": P, "overlaps": [overlap]}
        for model in models
        for P in loads
    ]


def corruption_points(
    models: Sequence[str], loads: Sequence[int], overlaps: Sequence[float]
) -> list[Point]:
    """Points of the corruption axis, P in `loads`, all overlaps of a model at once."""
    return [
        {"axis": "corruption", "model": model, "patterns": P, "overlaps": list(overlaps)}
        for model in models
        for P in loads
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
    study: Study,
    axis: str,
    one_set: Callable[[int], bool] = lambda _: False,
    patterns: int | None = None,
) -> list[Curve]:
    """The success curves of an axis, one per model that all samples could store somewhere.

    one_set : whether all samples store the same P patterns. patterns : P on the corruption axis,
    None on that of the load.
    """
    own: Point = {"axis": axis} | ({} if patterns is None else {"patterns": patterns})
    along = "patterns" if axis == "load" else "cue_overlap"
    result = []
    for model in dict.fromkeys(p["model"] for p in study.points if p["axis"] == axis):
        x, by_sample = study.curve("success", along, model=model, **own)
        at = x if patterns is None else [patterns] * len(x)
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
        return curves(self.study, "corruption", self.one_set, self.patterns)

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
        return {kind_of(point) for point in self.study.points}

    @property
    def theory(self) -> dict[str, Law]:
        """Exact finite-N laws where the patterns are random: the limit of any decoder."""
        return decoders(self.asked, self.kinds, self.size)

    @cached_property
    def theories(self) -> Laws:
        """What theory says of the models."""
        return Laws.of(self.study, self.asked, self.size)

    def conclusions(self) -> Point:
        """By model capacity and basin with 95 % intervals."""
        found: Point = {"level": self.level}
        if self.overlap is not None:
            law = self.theories.capacities(self.overlap)
            capacities = {
                m: edge.summary("patterns") | ({"theory": law[m]} if m in law else {})
                for m, edge in self.capacities.items()
            }
            found |= {"overlap": self.overlap, "capacity": capacities}
        if self.patterns is not None:
            law = self.theories.edges(self.patterns)
            basins = {
                m: edge.summary("overlap") | ({"theory": law[m]} if m in law else {})
                for m, edge in self.basins.items()
            }
            if retrieved := self.theories.retrieved(self.study, self.patterns):
                found["retrieved"] = retrieved
            found |= {"patterns": self.patterns, "basin": basins}
        return found

    def finding(self) -> str:
        """The result in a line, the title of the figure: the best and the weakest memory."""
        data = figures.literal(called(self.asked.data))
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
        words, what = self._edge, f"cues of {self.patterns} patterns come home from"
        if self.load:
            words, what = self._held, f"cues at $m_0$ = {self.overlap:g} come home up to"
        found = {label_of(model): words(model) for model in ends}
        return f"{data}: half of the {what} {stated('$P$' if self.load else '$m_0$', found)}"

    @property
    def when(self) -> str:
        """The criterion in words."""
        when = {"fixed-point": "end of the dynamics", "one-step": "one step"}
        return when[self.asked.criterion]

    def heading(self) -> str:
        """The data, the cues and the criterion."""
        s = self.asked
        return (
            f"{Path(s.data).name}, N = {self.size}; {s.trials} cues per pattern set; "
            f"{s.criterion}, retrieved: cosine ≥ {s.threshold:g}{said(self.study.points[0])}"
            + s.ones_of_cues((p["model"] for p in self.study.points), self.size)
        )

    def tables(self) -> Iterator[str]:
        """A table per axis."""
        if self.load:
            assert self.overlap is not None
            ends = {"P at 1/2": [self._held(curve.model) for curve in self.load]}
            if law := self.theories.capacities(self.overlap):
                known = (law.get(curve.model) for curve in self.load)
                ends["theory"] = ["—" if P is None else f"{P:.3g}" for P in known]
            yield curve_table(self.load, f"retrieval at m0 = {self.overlap:g}, P =", ends)
        if self.corruption:
            assert self.patterns is not None
            ends = {"m0 at 1/2": [self._edge(curve.model) for curve in self.corruption]}
            yield curve_table(self.corruption, f"retrieval at P = {self.patterns}, m0 =", ends)
            if retrieved := self.theories.retrieved(self.study, self.patterns):
                yield retrieved_table(retrieved, self.patterns)
        yield from self.notes()

    def notes(self) -> Iterator[str]:
        """What the tables do not have of all samples, if anything."""
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
        drawn = figure.subplots(1, len(panels), squeeze=False)[0]
        figures.alike(drawn)
        for draw, axes in zip(panels, drawn, strict=True):
            draw(axes, self)
            axes.set_ylim(-0.03, 1.05)
            axes.axhline(self.level, color="0.85", lw=0.8, zorder=0)
        drawn[0].set_ylabel(f"probability of retrieval ({self.when})")
        handles, labels = drawn[0].get_legend_handles_labels()
        figures.legend_beside(figure, handles, labels)

    def _held(self, model: str) -> str:
        edge = self.capacities[model]
        if edge.crossed != "here":
            return f"> {edge.beyond:.0f}" if edge.crossed == "beyond" else "none"
        digits = 2 if edge.value < 100 else 3  # more are not known
        return f"{float(f'{edge.value:.{digits}g}'):.15g}"

    def _edge(self, model: str) -> str:
        return basin_words(self.basins[model])


def basin_words(edge: Edge) -> str:
    """The least overlap of a cue that comes home."""
    if edge.crossed != "here":
        return f"< {edge.beyond:g}" if edge.crossed == "beyond" else "never"
    return f"{edge.value:.2f}"


def stated(symbol: str, found: Mapping[str, str]) -> str:
    """Numbers of a quantity with what they are of, in a line; some of them may be bounds.

    Examples
    --------
    >>> stated("P", {"Hebb": "12", "flow": "40"})
    'P = 12 (Hebb), 40 (flow)'
    >>> stated("P", {"Hebb": "12", "flow": "> 99", "SDE": "none"})
    'P = 12 (Hebb), P > 99 (flow), never (SDE)'
    """
    if all(words[0].isdigit() for words in found.values()):
        return f"{symbol} = " + ", ".join(f"{words} ({of})" for of, words in found.items())
    forms = {"<": f"{symbol} {{}}", ">": f"{symbol} {{}}", "n": "never"}
    return ", ".join(
        f"{forms.get(words[0], f'{symbol} = {{}}').format(words)} ({of})"
        for of, words in found.items()
    )


def curve_table(curves: Sequence[Curve], heading: str, ends: Mapping[str, Sequence[str]]) -> str:
    """A row per model, a column per x, and the columns `ends` by their heads."""
    columns = sorted({float(x) for curve in curves for x in curve.x})
    rows = []
    for curve, *last in zip(curves, *ends.values(), strict=True):
        known = zip(curve.mean, curve.sem, curve.n.tolist(), strict=True)
        words = [with_count(uncertain(m, sem), n, len(curve.by_sample)) for m, sem, n in known]
        cells = dict(zip(curve.x.tolist(), words, strict=True))
        rows.append([label_of(curve.model), *(cells.get(x, "—") for x in columns), *last])
    return table([heading, *(f"{x:g}" for x in columns), *ends], rows)


def _load(axes: Axes, report: Report) -> None:
    overlap = report.overlap
    assert overlap is not None
    looks = looks_of(curve.model for curve in report.load)
    for curve in report.load:
        _draw(axes, curve, looks[curve.model])
    measured = np.concatenate([curve.x for curve in report.load])
    P = np.geomspace(measured.min(), measured.max(), 200)
    for style, (label, law) in zip(figures.THEORY, report.theory.items(), strict=False):
        axes.plot(P, law(P, overlap), **style, label=label)
    figures.ticks(axes, np.unique(measured))
    strokes(axes, report.theories.capacities(overlap), report.level)
    axes.set_xlabel("number of patterns $P$")
    axes.set_title(f"against load, $N$ = {report.size}, cues at $m_0$ = {overlap:g}")


def _corruption(axes: Axes, report: Report) -> None:
    patterns = report.patterns
    assert patterns is not None
    looks = looks_of(curve.model for curve in report.corruption)
    for curve in report.corruption:
        _draw(axes, curve, looks[curve.model])
    x = report.corruption[0].x
    m = np.linspace(x[0], min(0.999, x[-1]), 100)
    for style, (label, law) in zip(figures.THEORY, report.theory.items(), strict=False):
        axes.plot(m, [law(patterns, float(one)) for one in m], **style, label=label)
    figures.even_ticks(axes, np.unique(np.concatenate([curve.x for curve in report.corruption])))
    strokes(axes, report.theories.edges(patterns), report.level)
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
