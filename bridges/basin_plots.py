"""Figures of basins, in the look of `bridges.plots`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bridges import plots
from bridges.models import MODELS
from bridges.results import mean_and_sem

if TYPE_CHECKING:
    from bridges.basin_survey import BasinReport

_REPEATS = 200  # of a count, for its mean to be a line
COLOURS: dict[str, str] = {
    "memory": "#0072B2",
    "inverse": "#56B4E9",
    "prototype": "#009E73",
    "global": "#CC79A7",
    "mixture": "#E69F00",
    "spurious": "#D55E00",
    "none": "0.8",
}
"""Of the kinds of attractors: what is stored blue, what is not warm."""


def survey_figure(report: BasinReport) -> Figure:
    """Where the starts end; how even the basins are at one load, or what loads change."""
    with plots.look():
        one = len(report.loads) == 1
        height = max(3.2 if one else 4.0, 1.4 + 0.33 * len(report.cases))
        figure = Figure(figsize=(10.2, height), layout="constrained")
        ends, beside = figure.subplots(1, 2)
        _ends(ends, report)
        (_sizes if one else _loads)(beside, report)
        plots.headline(figure, report.finding())
    return figure


def _ends(axes: Axes, report: BasinReport) -> None:
    """A bar a case, a piece a kind of end; errors between pattern sets at the pieces' ends."""
    place = np.arange(len(report.cases))[::-1]
    left = np.zeros(len(place))
    for end in report.ends:
        last = end == report.ends[-1]
        found = [mean_and_sem(report.fraction(case, end)) for case in report.cases]
        mean, sem = np.array(found).T
        axes.barh(place, mean, left=left, height=0.62, color=COLOURS[end], label=end)
        left += mean
        shown = (mean > 0.005) & (left < 0.995) & (not last)
        axes.errorbar(
            left[shown],
            place[shown],
            xerr=np.nan_to_num(sem)[shown],
            ls="",
            color="black",
            lw=1,
            capsize=2,
        )
    axes.set_yticks(place, [report.name(case).replace("P =", "$P$ =") for case in report.cases])
    axes.set_xlim(0, 1)
    axes.set_xlabel("fraction of the starts that end in …")
    columns = min(4, len(report.ends))
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=columns, fontsize=8, columnspacing=1
    )


def _sizes(axes: Axes, report: BasinReport) -> None:
    """Basins of the patterns, the largest first, against equal ones, counted and sorted alike."""
    for case in report.cases:
        rank, by_sample = report.ranked(case)
        plots.points(axes, rank, by_sample, _look(case.model), ms=4, label=report.name(case))
    (P,) = report.loads
    rank, even = _equal_shares(P, report.survey.starts)
    axes.plot(rank, even, **plots.THEORY[0], label="equal basins, sorted too")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("pattern, by the size of its basin")
    axes.set_ylabel("fraction of the starts that end in it")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))


def _loads(axes: Axes, report: BasinReport) -> None:
    """What ends in a memory, against load."""
    for model in report.models:
        plots.points(axes, *report.held(model), _look(model), ms=4, label=MODELS[model].label)
    plots.log_axis(axes)
    axes.set_ylim(-0.03, 1.05)
    axes.set_xlabel("number of patterns $P$")
    axes.set_ylabel("fraction of the starts that end in a memory")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))


def _equal_shares(patterns: int, starts: int) -> tuple[np.ndarray, np.ndarray]:
    """Ranks, and the mean shares of equal basins once the starts are counted and sorted."""
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(starts, np.full(patterns, 1 / patterns), size=_REPEATS) / starts
    return np.arange(1, patterns + 1), np.sort(drawn, 1)[:, ::-1].mean(0)


def _look(model: str) -> tuple[str, str]:
    return plots.LOOKS.get(model, ("0.5", "+"))
