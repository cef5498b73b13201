"""Pictures of the graph of memories, and its numbers against noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from bridges import plots
from bridges.graph import communities, layout, undirected
from bridges.results import mean_and_sem

if TYPE_CHECKING:
    from bridges.graph_report import GraphReport, Picture

COLORS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"),
    *("#56B4E9", "#000000", "#882255", "#999933", "#8C6D1F"),
)
"""Of classes, or of the largest communities."""
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
class Series:
    """What is drawn along the noise. curves : quantity → (σ (K,), values (samples, K)). classes :
    their number, where known. reference : agreement of another method, (samples,), and its name.
    """

    label: str
    style: tuple[str, str]
    curves: dict[str, tuple[np.ndarray, np.ndarray]]
    classes: int | None = None
    reference: tuple[str, np.ndarray] | None = None


def report_figure(report: GraphReport) -> Figure:
    """Graphs at growing noise, and below them their numbers, all models."""
    series = []
    for model, usual in zip(report.models, _cycle(len(report.models)), strict=True):
        style = plots.LOOKS.get(model, usual)
        curves = {name: report.curve(name, model) for name, _ in _PANELS}
        series.append(Series(report.label(model), style, curves, _number(report.pictures)))
    with plots.look():
        return figure(report.pictures, series, report.finding(), report.survey.edge)


def figure(
    pictures: Sequence[Picture], series: Sequence[Series], title: str, edge: float
) -> Figure:
    """Pictures above, curves below. Called inside `look()`."""
    result = Figure(figsize=(10.2, 7.0 if pictures else 3.9), layout="constrained")
    panels = [p for p in _PANELS if any(one.curves[p[0]][0].size for one in series)]
    parts = result.subfigures(
        2 if pictures else 1, 1, squeeze=False, height_ratios=(1.15, 1) if pictures else None
    )[:, 0]
    if pictures:
        drawn = np.atleast_1d(parts[0].subplots(1, len(pictures)))
        places = layout(pictures[-1].T)  # the same for all: edges appear where memories are near
        for axes, picture in zip(drawn, pictures, strict=True):
            draw(axes, picture, places, edge)
    below = np.atleast_1d(parts[-1].subplots(1, len(panels)))
    for axes, (quantity, label) in zip(below, panels, strict=True):
        _curves(axes, series, quantity, label)
    below[0].legend(fontsize=8)
    plots.headline(result, title)
    return result


def draw(axes: Axes, picture: Picture, places: np.ndarray, edge: float) -> None:
    """One graph: a memory at its place, in the colour of its class or else its community.

    places : (P, 2), as of `layout`. edge : the least probability that joins two memories.
    """
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
        axes.scatter(
            members[:, 0],
            members[:, 1],
            s=16 if glyph == "o" else 26,
            color=color,
            marker=glyph,
            lw=0.2,
            zorder=3,
        )
    axes.autoscale_view()
    axes.set_axis_off()
    axes.set_title(
        f"$\\sigma$ = {picture.sigma:.2g}: {len(ends)} edges, {groups.max() + 1} communities,\n"
        f"$N_{{\\mathrm{{eff}}}}$ = {picture.T.effective_number:.1f} of {len(groups)} memories",
        fontsize=9.5,
    )


def _curves(axes: Axes, series: Sequence[Series], quantity: str, label: str) -> None:
    for one in series:
        x, values = one.curves[quantity]
        if x.size:
            plots.points(axes, x, values, one.style, label=one.label)
    classes = {one.classes for one in series if one.classes is not None}
    if quantity == "communities":
        for count in classes:
            axes.axhline(count, **plots.THEORY[1])
            axes.annotate(
                f"{count} classes",
                (0.02, count),
                xycoords=("axes fraction", "data"),
                va="bottom",
                fontsize=8,
                color="0.25",
            )
        axes.set_yscale("log")
        axes.set_ylim(0.8, 1.3 * max(one.curves[quantity][1].max(initial=1) for one in series))
        plots.plain_ticks(axes.yaxis)
    else:
        axes.set_ylim(-0.03, 1.05)
    references = [one.reference for one in series if one.reference is not None]
    for name, values in references if quantity == "agreement" else []:
        mean, sem = (float(v) for v in mean_and_sem(values))
        axes.axhline(mean, **plots.THEORY[0])
        axes.axhspan(mean - sem, mean + sem, color="0.35", alpha=0.15, lw=0)
        axes.annotate(
            name, (0.02, mean + sem), xycoords=("axes fraction", "data"), va="bottom", fontsize=8
        )
    axes.set_xscale("log")
    levels = np.unique(np.concatenate([one.curves[quantity][0] for one in series]).round(3))
    plots.plain_ticks(axes.xaxis, levels if len(levels) <= _TICKS else None)
    axes.set_xlabel(r"noise level of the cues $\sigma$")
    axes.set_ylabel(label)


def _number(pictures: Sequence[Picture]) -> int | None:
    """The number of true classes, where known."""
    if not pictures or pictures[0].classes is None:
        return None
    return int(pictures[0].classes.unique().numel())


def _cycle(count: int) -> list[tuple[str, str]]:
    return [plots.SERIES[k % len(plots.SERIES)] for k in range(count)]
