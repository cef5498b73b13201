"""The figure of `reports.losing_dimensions`: spectra, dimensions, order of loss, networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from reports.losing_dimensions import CRITERIA, SubspaceReport

from bridges.estimates import mean_of
from bridges.study import figures
from diffusion.theory import (
    collapse_sigma,
    critical_size_jacobian,
    critical_size_score,
    switch_sigma,
)

_COLORS = ("#0072B2", "#D55E00")  # of the subspaces
_MARKERS = "osD^vP*"
_NOISE = r"noise variance $t=\sigma^2$"


def subspace_figure(report: SubspaceReport) -> Figure:
    """Above, what the exact score and a network keep; below, where each subspace is lost."""
    with figures.look():
        figure = Figure(figsize=(15.0, 7.6), layout="constrained")
        (spectrum, curves, trained), (chart, order, retention) = figure.subplots(2, 3)
        _spectrum(spectrum, report)
        _curves(curves, report)
        _trained(trained, report)
        _map(chart, report)
        _order(order, report)
        _retention(retention, report)
        figures.headline(figure, report.finding())
    return figure


def _spectrum(axes: Axes, report: SubspaceReport) -> None:
    t = np.geomspace(report.noise[0], report.noise[-1], 300)
    first, second = (t / (t + v) for v in report.variances)
    axes.fill_between(t, first, second, color=_COLORS[1], alpha=0.12, lw=0, label="gaps (exact)")
    axes.fill_between(t, second, 1, color=_COLORS[0], alpha=0.12, lw=0)
    for a, curve in enumerate((first, second)):
        axes.plot(t, curve, color=_COLORS[a], lw=1.3, label=rf"$t/(t+\lambda_{a + 1})$")
    axes.axhline(1, color="0.35", lw=1.3)
    edge = report.subspaces[0]
    for k in range(1, len(report.spectrum) + 2):
        values = [mean_of(report.values(report.P, u, "spectrum", k)) for u in report.noise]
        found = np.array(values).T
        style: dict[str, Any] = {"color": "0.35", "marker": "x", "label": None}
        if k <= len(report.spectrum):
            a = int(k > edge)
            style = {"color": _COLORS[a], "marker": "os"[a], "label": None}
            style["label"] = f"{report.P} points, $A_{a + 1}$" if k in (1, edge + 1) else None
        axes.errorbar(
            report.noise, found[0], np.nan_to_num(found[1]), ls="", ms=3.5, capsize=1.5, **style
        )
    figures.mark(axes, float(collapse_sigma(report.P, report.spectrum)) ** 2, "$t_C$", "-")
    switch = float(switch_sigma(*report.variances)) ** 2
    if math.isfinite(switch):
        figures.mark(axes, switch, "widest gap\nswitches", ":")
    axes.set_xscale("log")
    axes.set_ylim(top=1.3)
    axes.set_xlabel(_NOISE)
    axes.set_ylabel(r"sorted values of $-\sigma^2\nabla\nabla\log p_\sigma$")
    axes.legend(fontsize=7.5, loc="lower right")
    axes.set_title("the spectrum and its gaps: 1 is denoised away", fontsize=9.5)


def _curves(axes: Axes, report: SubspaceReport) -> None:
    _exact(axes, report)
    shown = report.loads[:: max(1, len(report.loads) // 4)]
    for P, color, marker in _series(shown):
        _dimensions(axes, report, P, "empirical", color, marker=marker, label=f"$P$ = {P}")
    axes.legend(fontsize=8)
    axes.set_title(r"exact score: $P$ points hold an area of $2\,\log P$", fontsize=9.5)


def _trained(axes: Axes, report: SubspaceReport) -> None:
    _exact(axes, report)
    for P, color, marker in _series(report.trained):
        _dimensions(axes, report, P, "trained", color, marker=marker, label=f"$P$ = {P}")
        exact = [report.mean(P, t, "effective")[0] for t in report.noise]
        axes.plot(report.noise, exact, color=color, lw=0.9, ls=":")
    axes.plot([], [], color="0.35", lw=0.9, ls=":", label="exact score of them")
    axes.legend(fontsize=8)
    axes.set_title("networks keep dimensions where the exact score collapses", fontsize=9.5)


def _exact(axes: Axes, report: SubspaceReport) -> None:
    t = np.geomspace(report.noise[0], report.noise[-1], 300)
    exact = sum(v / (v + t) for v in report.spectrum)
    axes.plot(t, exact, color="black", lw=1.5, label="distribution (exact)")
    axes.set_xscale("log")
    axes.set_xlabel(_NOISE)
    axes.set_ylabel(r"effective dimension $D_{\mathrm{eff}}$")


def _dimensions(
    axes: Axes, report: SubspaceReport, P: int, part: str, color: Any, **style: Any
) -> None:
    found = np.array([report.mean(P, t, "effective", part) for t in report.noise]).T
    axes.errorbar(
        *(report.noise, found[0], np.nan_to_num(found[1])),
        color=color,
        ms=4,
        lw=0.8,
        capsize=2,
        **style,
    )


def _series(sizes: Sequence[int]) -> Iterator[tuple[int, Any, str]]:
    """A colour and a marker for each number of points, dark to light."""
    colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(sizes)))
    for k, P in enumerate(sizes):
        yield P, colors[k], _MARKERS[k % len(_MARKERS)]


def _map(axes: Axes, report: SubspaceReport) -> None:
    means = [[report.mean(P, t, "effective")[0] for t in report.noise] for P in report.loads]
    cells = axes.pcolormesh(
        *(report.noise, report.loads, np.array(means)),
        cmap=figures.shades(),
        shading="nearest",
        vmin=0,
    )
    axes.figure.colorbar(cells, ax=axes, label=r"$D_{\mathrm{eff}}$, measured", pad=0.01)
    sizes = np.geomspace(report.loads[0], report.loads[-1], 200)
    t = np.geomspace(report.noise[0], report.noise[-1], 400)
    collapse = collapse_sigma(sizes, report.spectrum) ** 2
    axes.plot(collapse, sizes, color="black", lw=1.8, label="$t_C$")
    for critical, style, name in (
        (critical_size_jacobian, "--", "Jacobian"),
        (critical_size_score, ":", "score"),
    ):
        found = critical(report.spectrum, np.sqrt(t))
        for a, direction in enumerate((0, len(report.spectrum) - 1)):
            axes.plot(
                *(t, found[:, direction]),
                color=_COLORS[a],
                ls=style,
                lw=1.6,
                label=f"SNR = 1, {name}, $A_{a + 1}$",
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(report.noise[0], report.noise[-1])
    axes.set_ylim(report.loads[0], report.loads[-1])
    axes.set_xlabel(_NOISE)
    axes.set_ylabel("number of points $P$")
    axes.legend(fontsize=7, loc="upper right", frameon=True, edgecolor="none", framealpha=0.85)
    axes.set_title("exact score: dimension against noise and data", fontsize=9.5)


def _order(axes: Axes, report: SubspaceReport) -> None:
    for row, (criterion, found) in enumerate(report.order.items()):
        for a, side in enumerate(("large_variance", "small_variance")):
            value, sem = found[side]["value"], found[side]["sem"]
            y = -row + 0.1 - 0.2 * a
            axes.errorbar(
                *(value, y),
                xerr=np.nan_to_num(sem),
                color=_COLORS[a],
                marker="os"[a],
                ms=5,
                capsize=2,
                ls="",
                label=f"$A_{a + 1}$, variance {report.variances[a]:g}" if row == 0 else None,
            )
            axes.plot(
                *(found["theory"][a], y),
                color=_COLORS[a],
                marker="|",
                ms=13,
                ls="",
                alpha=1 if found["theory_holds"][a] else 0.4,
                label="theory" if (row, a) == (0, 0) else None,
            )
        axes.text(
            *(0.01, -row + 0.3, f"{CRITERIA[criterion]}: {found['lost_first']}"),
            transform=axes.get_yaxis_transform(),
            fontsize=8.5,
        )
        axes.axhline(-row - 0.4, color="0.9", lw=0.8)
    axes.set_xscale("log")
    axes.set_yticks([])
    axes.set_ylim(-len(CRITERIA) + 0.15, 0.6)
    axes.set_xlabel("noise variance $t$ at which a subspace is lost")
    axes.legend(fontsize=8, loc="lower right", ncols=3)
    axes.set_title(f"exact score: the order of loss, measured ($P$ = {report.P})", fontsize=9.5)


def _retention(axes: Axes, report: SubspaceReport) -> None:
    """Both subspaces against P: a network's as points, those of the exact score dotted."""
    styles = zip(report.marks, ("full", "none", "left"), ("-", "--", "-."), strict=False)
    for t, fill, style in styles:
        for a in (1, 2):
            kept = [mean_of(report.retention(P, t, a, "trained")) for P in report.trained]
            mean, sem = np.array(kept).T
            axes.errorbar(
                *(report.trained, mean, np.nan_to_num(sem)),
                color=_COLORS[a - 1],
                marker="os"[a - 1],
                fillstyle=fill,
                ms=5,
                lw=0.9,
                ls=style,
                capsize=2,
            )
        axes.plot([], [], color="0.35", lw=0.9, ls=style, label=f"network, $t$ = {t:.2g}")
    for a in (1, 2):
        exact = [
            mean_of(report.retention(P, report.marks[0], a, "empirical"))[0] for P in report.trained
        ]
        axes.plot(report.trained, exact, color=_COLORS[a - 1], lw=0.9, ls=":")
        label = f"$A_{a}$, variance {report.variances[a - 1]:g}"
        axes.plot([], [], color=_COLORS[a - 1], marker="os"[a - 1], ls="", ms=5, label=label)
    axes.plot(
        [], [], color="0.35", lw=0.9, ls=":", label=f"exact score, $t$ = {report.marks[0]:.2g}"
    )
    for level in (0.5, 1.0):
        axes.axhline(level, color="0.85", lw=0.8, zorder=0)
    axes.set_xscale("log")
    axes.set_xticks(report.trained, [str(P) for P in report.trained])
    axes.minorticks_off()
    low, high = axes.get_ylim()
    axes.set_ylim(min(0.0, low), high + 0.35 * (high - low))
    axes.set_xlabel("number of points $P$")
    axes.set_ylabel(r"retention $D_A\,(\lambda+t)/m\lambda$")
    axes.legend(fontsize=7.5, loc="upper left", ncols=2)
    axes.set_title("networks: what is left of each subspace", fontsize=9.5)
