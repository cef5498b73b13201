"""Figures of data sets as memories, in the look of `bridges.plots`."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridges import plots

if TYPE_CHECKING:
    from bridges.survey_report import SurveyReport, SweepReport

_BLUE, _ORANGE, _GREEN = (color for color, _ in plots.SERIES[:3])


def survey_figure(report: SurveyReport) -> Figure:
    """A data set as memories: its posterior, its dimension, and what distances prove."""
    with plots.look():
        figure = Figure(figsize=(10.2, 3.9), layout="constrained")
        posterior, dimension, distance = figure.subplots(1, 3)
        _posterior(posterior, report)
        _dimension(dimension, report)
        _distance(distance, report)
        plots.headline(figure, report.finding())
    return figure


def sweep_figure(report: SweepReport) -> Figure:
    """Posterior and dimension of growing data sets, and the noise up to which they are held."""
    with plots.look():
        figure = Figure(figsize=(10.2, 3.9), layout="constrained")
        posterior, dimension, collapse = figure.subplots(1, 3)
        for case, (color, marker) in zip(report.cases, cycle(plots.SERIES), strict=False):
            look = (f"$P$ = {case.patterns}", color, marker)
            _errorbars(posterior, case.sigma, case.curve("return_probability"), *look)
            _errorbars(dimension, case.sigma, case.curve("dimension"), *look)
        posterior.set_ylabel("return to the datum $Y$")
        posterior.set_ylim(-0.03, 1.05)
        posterior.legend(fontsize=8)
        dimension.set_ylabel(r"effective dimension $D_{\mathrm{eff}}$")
        dimension.set_ylim(bottom=0)
        for axes in (posterior, dimension):
            _noise_axis(axes)
        _collapse(collapse, report)
        plots.headline(figure, report.finding())
    return figure


def _collapse(axes: Axes, report: SweepReport) -> None:
    P = [case.patterns for case in report.cases]
    found = np.array([(m, s or 0.0) for m, s in (c.value("collapse_sigma") for c in report.cases)])
    _errorbars(axes, P, found.T, "", _BLUE, "o")
    plots.log_axis(axes)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("number of memories $P$")
    axes.set_ylabel(r"noise level $\sigma$ of the collapse, $Y=1/2$")


def _posterior(axes: Axes, report: SurveyReport) -> None:
    shown = (
        ("return_probability", "return $Y$", _BLUE, "o"),
        ("entropy", r"entropy $H/\log P$", _ORANGE, "s"),
        ("agreement", r"same class $\varphi$", _GREEN, "^"),
    )
    for name, label, color, marker in shown:
        _errorbars(axes, report.sigma, report.curve(name), label, color, marker)
    marks = (
        (report.value("collapse_sigma")[0], "$Y=1/2$", "-"),
        (float(np.sqrt(np.expm1(2 * report.value("speciation_time")[0]))), "$t_S$", "--"),
    )
    for sigma, label, style in marks:
        plots.mark(axes, sigma, label, style)
    axes.set_ylim(-0.03, 1.05)
    axes.set_ylabel("posterior weights of the data")
    axes.legend(fontsize=8, loc="center left")
    _noise_axis(axes)
    axes.set_title("which datum, which class", fontsize=9.5)


def _dimension(axes: Axes, report: SurveyReport) -> None:
    _errorbars(axes, report.sigma, report.curve("dimension"), "", _BLUE, "o")
    plots.mark(axes, report.value("collapse_sigma")[0], "$Y=1/2$", "-")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(r"effective dimension $D_{\mathrm{eff}}$")
    _noise_axis(axes)
    area = report.value("area")[0]
    axes.set_title(rf"area under the curve: {area:.3f} of $2\,\log P$", fontsize=9.5)


def _distance(axes: Axes, report: SurveyReport) -> None:
    chance, _ = report.value("chance")
    for who, color, marker in (("held-out points", _BLUE, "o"), ("samples", _ORANGE, "s")):
        found = report.below(who.removesuffix(" points"))
        if found is not None:
            _errorbars(axes, found[0], found[1:], who, color, marker)
    c = np.linspace(0, 1, 100)
    exponent = np.log(chance) / np.log(1 / 3)
    axes.plot(c, c**exponent, color="0.35", lw=1.2, label=f"chance $c^D$, $D$ = {exponent:.1f}")
    axes.axvline(1 / 3, color="0.35", lw=1, ls=":", zorder=0, label="threshold 1/3")
    axes.set_ylim(-0.03, 1.05)
    axes.set_xlabel("$c$")
    axes.set_ylabel("probability of $d_1/d_2 < c$")
    axes.legend(fontsize=8, loc="upper left", frameon=True, edgecolor="none", framealpha=1)
    axes.set_title("nearest neighbours and chance", fontsize=9.5)


def _noise_axis(axes: Axes) -> None:
    plots.log_axis(axes)
    axes.set_xlabel(r"noise level $\sigma$ (rms deviations of the data)")


def _errorbars(
    axes: Axes, x: Any, found: np.ndarray | None, label: str, color: str, marker: str
) -> None:
    """Data with error bars: `found` (2, K) holds means and standard errors, None nothing."""
    if found is not None:
        axes.errorbar(
            *(x, found[0]),
            yerr=np.nan_to_num(found[1]),
            color=color,
            marker=marker,
            ms=4,
            lw=0.7,
            capsize=2,
            label=label,
        )
