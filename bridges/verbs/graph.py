"""The graph of memories of a data set, for any model and noise: `bridges graph`.

A level of noise is one for all models: cues at overlap m, which noise
σ = sqrt(1/m² − 1) leaves (patterns of real models lie on |ξ|² = N). The model "exact" is
the empirical score of the patterns with its exact reverse SDE, of which no step is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from bridges import _checks
from bridges.data import called, pattern_classes, said
from bridges.equivalence import noise_of_overlap, overlap_of_noise
from bridges.estimates import mean_and_sem
from bridges.graph import communities, layout, summarise, undirected
from bridges.models import label_of
from bridges.study import figures, report as base
from bridges.study.looks import looks_of
from bridges.study.options import SIGMAS
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.study.run import sample_seeds
from bridges.study.tables import of_samples, table, uncertain
from bridges.transitions import Transitions, transition_matrix
from bridges.verbs.setting import Setting
from diffusion import EmpiricalDenoiser
from hopfield import NotSeparableError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXACT = "exact"
_CLEAR = 3  # standard errors from which communities are said to follow the classes
_COLUMNS = {  # quantity: (heading, digits)
    "return_probability": ("return R", 3),
    "effective_number": ("N_eff", 1),
    "entropy": ("entropy", 3),
    "lost": ("lost", 3),
    "edges": ("edges", 0),
    "communities": ("communities", 1),
    "agreement": ("ARI", 3),
}


COLORS = (*(color for color, _ in figures.SERIES), "#000000", "#882255", "#999933", "#8C6D1F")
"""Of classes, or of the largest communities."""
_PICTURES = 3
_REST = "0.7"
_STRONG = 0.05  # weight of an edge from which it is drawn in full
_FAINT = 100  # edges in full that all the weakest may add up to
_TICKS = 6  # noise levels that are ticks themselves
_PANELS = (
    ("return_probability", r"return probability $R = N_{\mathrm{eff}}/P$"),
    ("communities", "communities"),
    ("agreement", "agreement with the classes (ARI)"),
)


@dataclass(frozen=True)
class GraphSurvey:
    """What to survey.

    Attributes
    ----------
    setting : of the models; its trials are cues per memory.
    edge : least probability that joins two memories.
    """

    setting: Setting
    edge: float = 1e-3

    def columns(self) -> Point:
        """What all points of the run share, for the rows of its table."""
        return self.setting.columns() | {"edge": self.edge}

    @classmethod
    def of(cls, study: Study) -> GraphSurvey:
        """The survey of a run; its data by a name that holds in any folder."""
        return cls(Setting.of(study), study.config["parameters"]["edge"])

    def points(
        self, models: Sequence[str], patterns: int, overlaps: Sequence[float]
    ) -> list[Point]:
        """One point per model and overlap, the noisier the later. Raises ValueError."""
        _checks.within_memory(
            8 * 6 * patterns**2, f"patterns: transitions of {patterns} memories", each_job=True
        )
        self.setting.check([name for name in models if name != EXACT], [patterns])
        _checks.number("edge", self.edge, low=0, high=1)
        if EXACT in models:
            if 1 in overlaps:
                raise ValueError("overlaps must be below 1: a clean cue has no noise, got 1")
            self.setting.pattern_set("real", patterns, 0)
        return [
            {"model": model, "patterns": patterns, "overlap": m, "sigma": noise_of_overlap(m)}
            for model in models
            for m in sorted(overlaps, reverse=True)
        ]

    def transitions(self, point: Point, seed: int) -> Transitions:
        """T of one model on one pattern set. Raises NotSeparableError."""
        name, P, setting = point["model"], point["patterns"], self.setting
        if name == EXACT:
            denoiser = EmpiricalDenoiser(setting.pattern_set("real", P, seed))
            return transition_matrix(denoiser, point["sigma"], draws=setting.trials, seed=seed)
        memory = setting.memory(name, P, seed)
        asked = {name: getattr(setting, name) for name in ("trials", "criterion", "threshold")}
        return transition_matrix(memory, overlap=point["overlap"], **asked, seed=seed)

    def classes(self, point: Point, seed: int) -> Tensor | None:
        """The true class of each memory of one pattern set, where known."""
        return pattern_classes(self.setting.data, point["patterns"], seed)


def cue_overlaps(sigmas: Sequence[float] | None, overlaps: Sequence[float] | None) -> list[float]:
    """The overlaps of cues that are given by themselves or by their noise; the usual of neither.

    Raises ValueError if both are given.
    """
    if sigmas and overlaps:
        raise ValueError("sigmas and overlaps say the same; give one of them")
    return [*overlaps] if overlaps else [overlap_of_noise(s) for s in sigmas or SIGMAS]


def summary_rows(T: Transitions, classes: Any, edge: float) -> list[Row]:
    """The numbers of `summarise` that are known, as rows of a study."""
    found = vars(summarise(T, classes, edge))
    return [{"quantity": k, "value": float(v)} for k, v in found.items() if np.isfinite(v)]


def levels_table(label: str, curve: Callable[[str], tuple[np.ndarray, np.ndarray]]) -> str:
    """What `summary_rows` recorded, a line per noise level; curve(quantity) → σ, (samples, σ)."""
    found = {quantity: curve(quantity) for quantity in _COLUMNS}
    known = [q for q, (x, values) in found.items() if x.size and (q != "lost" or values.any())]
    sigma = found["return_probability"][0]
    rows = [
        [f"{s:.3g}", *(of_samples(found[q][1][:, k], _COLUMNS[q][1]) for q in known)]
        for k, s in enumerate(sigma)
    ]
    return table([f"{label}: σ", *(_COLUMNS[q][0] for q in known)], rows)


def measure(survey: GraphSurvey, point: Point, seed: int) -> list[Row]:
    """The numbers of one graph, for `run_study`."""
    try:
        T = survey.transitions(point, seed)
    except NotSeparableError:
        return []  # a load at which there is nothing to measure
    return summary_rows(T, survey.classes(point, seed), survey.edge)


@dataclass(frozen=True)
class Picture:
    """One graph to draw. T : of the memories. classes : (P,), their true classes, if known."""

    T: Transitions
    classes: Tensor | None
    sigma: float


class Report(base.Report):
    """What a survey found."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.survey = GraphSurvey.of(study)
        if not any(self.curve("return_probability", model)[0].size for model in self.models):
            cases = "; ".join(map(self.label, self.models))
            raise ValueError(f"model stores the patterns in no case: {cases}")

    @property
    def models(self) -> list[str]:
        """The models, in the order that was asked for."""
        return list(dict.fromkeys(point["model"] for point in self.study.points))

    def curve(self, quantity: str, model: str) -> tuple[np.ndarray, np.ndarray]:
        """σ (K,), increasing, and the values (samples, K); empty if there are none."""
        sigma, by_sample = self.study.curve(quantity, "sigma", model=model)
        return sigma, self.between_sets(self.study.points[0]["patterns"], by_sample)

    @cached_property
    def shown(self) -> str:
        """The model whose graphs are drawn: the one that returns most often."""

        def returned(model: str) -> float:
            values = self.curve("return_probability", model)[1]
            return float(np.nanmean(values)) if values.size else -1.0

        return max(self.models, key=returned)

    @cached_property
    def pictures(self) -> list[Picture]:
        """Graphs of the shown model, first sample, at the least, the middle and the most noise."""
        points = [p for p in self.study.points if p["model"] == self.shown]
        count = min(_PICTURES, len(points))
        chosen = [points[round(k)] for k in np.linspace(0, len(points) - 1, count)]
        seed = sample_seeds(self.study.config["seed"], 1)[0]
        if not self.at_hand:
            return []
        try:
            return [
                Picture(self.survey.transitions(p, seed), self.survey.classes(p, seed), p["sigma"])
                for p in chosen
            ]
        except NotSeparableError:
            return []

    @property
    def at_hand(self) -> bool:
        """Whether the data of the run can still be read, and are the same; graphs need them."""
        return self.survey.setting.has(self.setting["content of data"])

    def label(self, model: str) -> str:
        """A model for tables and figures."""
        return "exact reverse SDE" if model == EXACT else label_of(model)

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        model, P = self.shown, self.study.points[0]["patterns"]
        sigma, returned = self.curve("return_probability", model)
        data = figures.literal(called(self.survey.setting.data))
        name = f"{data}, $P$ = {P}, {self.label(model)}"
        if not sigma.size:
            return name
        known, values = self.curve("agreement", model)
        if not known.size:
            words = f"{np.nanmean(returned[:, 0]):.0%} of cues return at $\\sigma$ = {sigma[0]:.2g}"
            return f"{name}: {words}"
        agreement, sem = mean_and_sem(values)
        k = int(np.nanargmax(agreement))
        found = uncertain(float(agreement[k]), float(sem[k]), 2)
        if not agreement[k] > _CLEAR * np.nan_to_num(sem[k]):
            return f"{name}: communities do not follow the classes (ARI at most {found})"
        level = returned[:, sigma.tolist().index(known[k])]
        return (
            f"{name}: communities are most like the classes at $\\sigma$ = {known[k]:.2g} "
            f"(ARI {found}), where {np.nanmean(level):.0%} of cues return"
        )

    def heading(self) -> str:
        """The data and the cues."""
        P, setting = self.study.points[0]["patterns"], self.survey.setting
        return (
            f"{Path(setting.data).name}, P = {P} memories, {setting.trials} cues of each at "
            f"overlap m = 1/√(1 + σ²); edges above {self.survey.edge:g}"
            f"{said(self.study.points[0])}"
            + setting.ones_of_cues(self.models, self.study.points[0]["size"])
        )

    def tables(self) -> Iterator[str]:
        """A table per model."""
        for model in self.models:
            yield levels_table(self.label(model), partial(self.curve, model=model))

    @property
    def figsize(self) -> tuple[float, float]:
        """Lower without pictures."""
        return 10.2, 7.0 if self.pictures else 3.9

    def draw(self, figure: Figure) -> None:
        """Graphs at growing noise, and below them their numbers, all models."""
        series = []
        for model, style in looks_of(self.models).items():
            curves = {name: self.curve(name, model) for name, _ in _PANELS}
            series.append(Series(self.label(model), style, curves, _number(self.pictures)))
        draw_graphs(figure, self.pictures, series, self.survey.edge)


@dataclass(frozen=True)
class Series:
    """What is drawn along the noise. curves : quantity → (σ (K,), values (samples, K)). classes :
    their number, where known. reference : agreement of another method, (samples,), and its name.
    """

    label: str
    style: tuple[str, str]
    curves: dict[str, tuple[np.ndarray, np.ndarray]]
    classes: int | None = None
    reference: tuple[str, np.ndarray] | None = None


def draw_graphs(
    figure: Figure, pictures: Sequence[Picture], series: Sequence[Series], edge: float
) -> None:
    """Draw pictures above, curves below."""
    panels = [p for p in _PANELS if any(one.curves[p[0]][0].size for one in series)]
    parts = figure.subfigures(
        2 if pictures else 1, 1, squeeze=False, height_ratios=(1.15, 1) if pictures else None
    )[:, 0]
    if pictures:
        drawn = np.atleast_1d(parts[0].subplots(1, len(pictures)))
        places = layout(pictures[-1].T)  # the same for all: edges appear where memories are near
        for axes, picture in zip(drawn, pictures, strict=True):
            draw_graph(axes, picture, places, edge)
    below = np.atleast_1d(parts[-1].subplots(1, len(panels)))
    for axes, (quantity, label) in zip(below, panels, strict=True):
        _curves(axes, series, quantity, label)
    below[0].legend()


def draw_graph(axes: Axes, picture: Picture, places: np.ndarray, edge: float) -> None:
    """One graph: a memory at its place, in the colour of its class or else its community.

    places : (P, 2), as of `layout`. edge : the least probability that joins two memories.
    """
    from matplotlib.collections import LineCollection  # slow to import

    graph = undirected(picture.T, edge)
    groups = communities(picture.T, edge)
    ends = np.array(graph.edges, dtype=int).reshape(-1, 2)
    weights = np.array([w for _, _, w in graph.edges(data="weight")])
    shade = np.clip(weights / _STRONG, min(0.4, _FAINT / (len(ends) + 1)), 1) * 0.7
    axes.add_collection(
        LineCollection(places[ends], colors=[(0.2, 0.2, 0.2, a) for a in shade], lw=0.6, zorder=1)
    )
    marks = groups if picture.classes is None else picture.classes.cpu().numpy()
    names, sizes = np.unique(marks, return_counts=True)
    largest = names[np.argsort(-sizes, kind="stable")][: len(COLORS)]
    shown = sorted(largest) if picture.classes is not None else list(largest)
    rest = ~np.isin(marks, shown)
    axes.scatter(places[rest, 0], places[rest, 1], s=10, color=_REST, lw=0, zorder=2)
    for color, name in zip(COLORS, shown, strict=False):
        members = places[marks == name]
        glyph = "o" if picture.classes is None else f"${name}$"
        x, y = members.T
        size = 16 if glyph == "o" else 26
        axes.scatter(x, y, s=size, color=color, marker=glyph, lw=0.2, zorder=3)
    axes.autoscale_view()
    figures.bare(axes)
    axes.set_title(
        f"$\\sigma$ = {picture.sigma:.2g}: {len(ends)} edges, {groups.max() + 1} communities,\n"
        f"$N_{{\\mathrm{{eff}}}}$ = {picture.T.effective_number:.1f} of {len(groups)} memories",
    )


def _curves(axes: Axes, series: Sequence[Series], quantity: str, label: str) -> None:
    for one in series:
        x, values = one.curves[quantity]
        if x.size:
            figures.points(axes, x, values, one.style, label=one.label)
    beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "bottom", "fontsize": 8}
    if quantity == "communities":
        for count in {one.classes for one in series if one.classes is not None}:
            axes.axhline(count, **figures.THEORY[1])
            axes.annotate(f"{count} classes", (0.02, count), color="0.25", **beside)
        axes.set_yscale("log")
        most = [np.fmax.reduce(one.curves[quantity][1], axis=None, initial=1) for one in series]
        axes.set_ylim(0.8, 1.3 * max(most))
        figures.plain_ticks(axes.yaxis)
    else:
        axes.set_ylim(-0.03, 1.05)
    known = [(*one.reference, one.style[0]) for one in series if one.reference is not None]
    for name, values, color in known if quantity == "agreement" else []:
        mean, sem = (float(v) for v in mean_and_sem(values))
        axes.axhline(mean, **figures.THEORY[0] | {"color": color})
        axes.axhspan(mean - sem, mean + sem, color=color, alpha=0.15, lw=0)
        axes.annotate(name, (0.02, mean + sem), color=color, **beside)
    axes.set_xscale("log")
    levels = np.unique(np.concatenate([one.curves[quantity][0] for one in series]).round(3))
    figures.plain_ticks(axes.xaxis, levels if len(levels) <= _TICKS else None)
    axes.set(xlabel=r"noise level of the cues $\sigma$", ylabel=label)


def _number(pictures: Sequence[Picture]) -> int | None:
    """The number of true classes, where known."""
    if not pictures or pictures[0].classes is None:
        return None
    return int(pictures[0].classes.unique().numel())
