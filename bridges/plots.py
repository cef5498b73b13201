"""The figures, one look for all: data as points with error bars, theory as lines.

A model has the same colour and marker everywhere (Okabe & Ito's colours, told apart by
colour-blind readers, and by their markers in print).
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    Locator,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

from bridges.comparison import Curve, Report
from bridges.models import MODELS
from bridges.record import write_bytes
from bridges.results import mean_and_sem

LOOKS: dict[str, tuple[str, str]] = {
    "hebb": ("#000000", "o"),
    "pseudo-inverse": ("#E69F00", "s"),
    "polynomial": ("#009E73", "^"),
    "exponential": ("#CC79A7", "v"),
    "exponential-real": ("#56B4E9", "D"),
    "denoiser": ("#0072B2", "x"),
    "flow": ("#D55E00", "P"),
    "sde": ("#8C6D1F", "*"),
    "storkey": ("#999933", "h"),
    "max-margin": ("#332288", "d"),
    "unlearned": ("#882255", "<"),
    "daydream": ("#44AA99", ">"),
    "twn": ("#AA4466", "p"),
    "twn-structured": ("#117733", "X"),
}
SERIES: tuple[tuple[str, str], ...] = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
)
"""Colours and markers of what is no model: loads, cues, kinds of noise."""
_WIDE = 500  # ends of a logarithmic axis, from which it has powers of ten alone
_LETTERS = 14  # of a headline to the inch
_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"  # of what is no model
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": 10,
    "legend.frameon": False,
    "savefig.dpi": 200,
}
SHADES = LinearSegmentedColormap.from_list("shades", ["white", "0.45"])
"""Of maps, light enough for lines and points to be seen on them."""
THEORY: tuple[dict[str, Any], ...] = (
    {"color": "0.35", "lw": 1.2, "ls": "-", "zorder": 1},
    {"color": "0.35", "lw": 1.2, "ls": ":", "zorder": 1},
)


def look() -> AbstractContextManager[None]:
    """The one look; figures are made, and drawn on, inside it."""
    return matplotlib.rc_context(_STYLE)


def comparison_figure(report: Report) -> Figure:
    """Retrieval against load and against corruption, the axes that were measured."""
    with look():
        panels = [
            draw
            for draw, measured in ((_load, report.load), (_corruption, report.corruption))
            if measured
        ]
        figure = Figure(figsize=(3.4 + 3.1 * len(panels), 4.2), layout="constrained")
        drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for draw, axes in zip(panels, drawn, strict=True):
            draw(axes, report)
            axes.set_ylim(-0.03, 1.05)
            axes.axhline(report.level, color="0.85", lw=0.8, zorder=0)
        when = {"fixed-point": "end of the dynamics", "one-step": "one step"}
        drawn[0].set_ylabel(f"probability of retrieval ({when[report.setting.criterion]})")
        handles, labels = drawn[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", fontsize=8.5)
        headline(figure, report.finding())
    return figure


def _load(axes: Axes, report: Report) -> None:
    overlap = report.overlap
    assert overlap is not None
    for curve in report.load:
        _draw(axes, curve)
    P = np.geomspace(report.load[0].x[0], report.load[0].x[-1], 200)
    for style, (label, law) in zip(THEORY, report.theory.items(), strict=False):
        axes.plot(P, law(P, overlap), **style, label=label)
    log_axis(axes)
    axes.set_xlabel("number of patterns $P$")
    axes.set_title(f"against load, cues at overlap $m_0$ = {overlap:g}", fontsize=9.5)


def _corruption(axes: Axes, report: Report) -> None:
    patterns = report.patterns
    assert patterns is not None
    for curve in report.corruption:
        _draw(axes, curve)
    x = report.corruption[0].x
    m = np.linspace(x[0], min(0.999, x[-1]), 100)
    for style, (label, law) in zip(THEORY, report.theory.items(), strict=False):
        axes.plot(m, [law(patterns, float(one)) for one in m], **style, label=label)
    axes.invert_xaxis()
    axes.set_xlabel("overlap of the cue $m_0$ (harder to the right)")
    load = patterns / report.setting.dimension
    axes.set_title(f"against corruption, $P$ = {patterns}, $P/N$ = {load:.2g}", fontsize=9.5)


def _draw(axes: Axes, curve: Curve) -> None:
    label = MODELS[curve.model].label
    if curve.model not in LOOKS:
        axes.plot(curve.x, curve.mean, color="0.2", ls="--", lw=1.2, label=label, zorder=4)
        return
    color, marker = LOOKS[curve.model]
    hollow = curve.model == "exponential-real"  # lies under the denoiser's crosses
    points(
        axes,
        curve.x,
        curve.by_sample,
        (color, marker),
        label=label,
        ms=8 if hollow else 5,
        mfc="none" if hollow else color,
        zorder=2 if hollow else 3,
    )


def points(
    axes: Axes, x: np.ndarray, by_sample: np.ndarray, series: tuple[str, str], **settings: Any
) -> None:
    """Data: means over the samples (S, K) at x (K,), with their standard errors."""
    mean, sem = mean_and_sem(by_sample)
    color, marker = series
    usual: dict[str, Any] = {
        "color": color,
        "marker": marker,
        "ms": 5,
        "lw": 1,
        "capsize": 2,
        "zorder": 3,
    }
    axes.errorbar(x, mean, yerr=np.nan_to_num(sem), **(usual | settings))


def basin_edge_panel(
    axes: Axes,
    noise: np.ndarray,
    ratio: np.ndarray,
    success: np.ndarray,
    edge: tuple[np.ndarray, np.ndarray],
    crossings: Sequence[tuple[str, np.ndarray]],
) -> None:
    """The basin edge ρ*(t) over the measured probability of retrieval, and where that is ½.

    noise : (T,) noise variances t. ratio : (R,) squared distances ρ of the cues. success :
    (T, R). edge : t and ρ* of theory. crossings : (label, (3, T): t, ρ and its error).
    """
    cells = axes.pcolormesh(
        *(noise, ratio, success.T), cmap=SHADES, vmin=0, vmax=1, shading="nearest", zorder=0
    )
    bar = axes.figure.colorbar(cells, ax=axes, pad=0.01, aspect=30)
    bar.set_label("probability of retrieval, one step")
    axes.plot(*edge, color=_ORANGE, lw=1.8, label=r"$\rho^*(t)$ (theory)", zorder=2)
    for (label, found), (color, marker) in zip(
        crossings, ((_BLUE, "o"), (_GREEN, "^")), strict=False
    ):
        known = np.isfinite(found).all(0)
        axes.errorbar(
            *(found[0, known], found[1, known]),
            yerr=found[2, known],
            color=color,
            marker=marker,
            ms=5,
            ls="",
            capsize=2,
            mec="white",
            label=label,
            zorder=3,
        )
    axes.set_xlabel(r"noise variance $t=\sigma^2=1/\beta$")
    axes.set_ylabel(r"squared distance of the cue $\rho$ (units of $tm$)")
    axes.set_ylim(ratio[0], ratio[-1])
    axes.legend(fontsize=8, loc="upper right", frameon=True, edgecolor="none", framealpha=0.9)


def headline(figure: Figure, text: str) -> None:
    """The finding as the title of a figure, on as many lines as its width asks for."""
    width = int(_LETTERS * figure.get_figwidth())
    lines = [textwrap.fill(line, width) for line in text.splitlines()]
    figure.suptitle("\n".join(lines), fontsize=10.5)


def log_axis(axes: Axes) -> None:
    """A logarithmic x axis for what has been drawn."""
    axes.set_xscale("log")
    plain_ticks(axes.xaxis)


def plain_ticks(axis: Axis, at: np.ndarray | None = None) -> None:
    """Numbers that are told apart on a logarithmic axis: at some places, or at 1, 2, 5, 10 …

    A wide axis has powers of ten alone, a narrow one even steps.
    """
    low, high = axis.get_view_interval()
    locator: Locator = LogLocator(subs=(1.0, 2.0, 5.0) if high < _WIDE * low else (1.0,))
    ticks = np.asarray(locator.tick_values(low, high))
    if at is not None:
        locator = FixedLocator(at.tolist())
    elif ((low <= ticks) & (ticks <= high)).sum() < 2:
        locator = MaxNLocator(5)
    axis.set_major_locator(locator)
    axis.set_minor_formatter(NullFormatter())
    if low >= 1e-3 and high < 1e5:
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.4g}"))


def mark(axes: Axes, x: float, label: str, style: str) -> None:
    """A vertical line with its name at the top, inside."""
    axes.axvline(x, color="0.35", lw=1, ls=style, zorder=0)
    axes.annotate(
        label,
        (x, 1),
        xycoords=("data", "axes fraction"),
        xytext=(2, -2),
        textcoords="offset points",
        va="top",
        fontsize=8,
        color="0.25",
    )


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    content = io.BytesIO()
    with look():
        figure.savefig(content, format="png")
    write_bytes(path, content.getvalue())
