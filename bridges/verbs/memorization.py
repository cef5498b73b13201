"""What a survey of a data set found: `bridges memorization`."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.data import called
from bridges.memorization.copies import CRITERIA, VERDICTS, clearest
from bridges.memorization.listing import RATE, said
from bridges.study import figures, report as base
from bridges.study.page import Page
from bridges.study.record import Point
from bridges.study.results import Study
from bridges.study.tables import WIDTH, table, uncertain
from bridges.verbs.copied import PAIRS, SAMPLES, counted, files_of, write_list
from bridges.verbs.gap import Gap
from bridges.verbs.returned import DATA, DataTable, write_table
from bridges.verbs.survey import FILES, FRACTIONS, NUMBERS, Survey, measure
from bridges.verbs.unlike import FAR, distance, unlike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FILES", "Report", "Survey", "measure"]
_MEASURES = {
    "ratio": "d₁/d₂ < 1/3",
    "local": "local distance < 1",
    "calibrated": "local distance < its quantile",
    "match": "d₁/d₂ below all chance",
}


@dataclass(frozen=True)
class Case:
    """What a survey found of P memories."""

    study: Study
    survey: Survey
    patterns: int

    @cached_property
    def found(self) -> dict[tuple[Any, ...], tuple[float, float | None]]:
        """Mean and standard error by (quantity, sigma, criterion, points, ratio)."""
        names = ("quantity", "sigma", "criterion", "points", "ratio")
        return {
            tuple(row.get(name) for name in names): (row["value"], row["sem"])
            for row in self.study.results()
            if row["patterns"] == self.patterns
        }

    def value(self, quantity: str, **labels: Any) -> tuple[float, float | None]:
        """Mean and standard error between samples of one quantity."""
        names = ("sigma", "criterion", "points", "ratio")
        return self.found[(quantity, *(labels.get(name) for name in names))]

    @property
    def sigma(self) -> list[float]:
        """The noise levels of the curves."""
        (point,) = (one for one in self.study.points if one["patterns"] == self.patterns)
        return list(point["sigma"])

    def curve(self, quantity: str) -> np.ndarray | None:
        """Means and standard errors of a curve, (2, K); None if it was not measured."""
        if (quantity, self.sigma[0], None, None, None) not in self.found:
            return None
        pairs = [self.value(quantity, sigma=s) for s in self.sigma]
        return np.array([(mean, sem or 0.0) for mean, sem in pairs]).T

    def below(self, points: str) -> np.ndarray | None:
        """c, means and standard errors of P(d₁/d₂ < c) among "held-out" or "samples", (3, C)."""
        if ("below", None, None, points, FRACTIONS[0]) not in self.found:
            return None
        pairs = [(c, *self.value("below", points=points, ratio=c)) for c in FRACTIONS]
        return np.array([(c, mean, sem or 0.0) for c, mean, sem in pairs]).T

    @property
    def judged(self) -> bool:
        """Whether samples were judged."""
        return self.survey.generated is not None

    @property
    def surveyed(self) -> int:
        """How many memories had their geometry measured; 0 where none was asked for."""
        (point,) = (one for one in self.study.points if one["patterns"] == self.patterns)
        return 0 if self.survey.only else int(point.get("surveyed", self.patterns))

    @cached_property
    def gap(self) -> Gap | None:
        """What a model made of the data and of held-out data, if both were retrieved."""
        return Gap.of(self.found, self.study.config["samples"])

    @cached_property
    def unlike(self) -> str | None:
        """What is to be said of samples of the model that are unlike the data."""
        others = "the data from each other" if self.survey.held_out is None else "held-out points"
        return unlike(self.found, others)

    @property
    def sampled(self) -> str:
        """The verdict on the samples in short, or why it is none of their copies."""
        far = distance(self.found)
        if far is None or far[0] <= FAR:
            return self.judgement[0]
        return f"{far[0]:.1f} times as far off as others"

    @property
    def independent(self) -> bool:
        """Whether the samples of the survey are different sets of memories."""
        return self.patterns < self.study.points[0].get("vectors", np.inf)

    def excess(self, criterion: str) -> tuple[float, float]:
        """A criterion's copies in excess of its false alarms, and the larger of both errors."""
        excess, sem = self.value("excess", criterion=criterion)
        return excess, max(self.value("excess_sem", criterion=criterion)[0], sem or 0.0)

    @property
    def judgement(self) -> tuple[str, str]:
        """One of VERDICTS on the samples, and the criterion that it comes from.

        Twice the mean of p-values is one, however they depend on each other: those of sets of
        memories judge the same samples.
        """
        times = min(2, self.study.config["samples"])
        return clearest({c: times * self.value("p_value", criterion=c)[0] for c in CRITERIA})

    @property
    def verdict(self) -> str:
        """The judgement, with the excess that it rests on."""
        verdict, criterion = self.judgement
        found = uncertain(*self.excess(criterion))
        return f"{verdict}: an excess of {found} over false alarms ({_MEASURES[criterion]})"

    def conclusions(self) -> Point:
        """The number of memories, what the errors are between, and the verdict on samples."""
        found: Point = {"patterns": self.patterns, "errors": self.errors()}
        found |= {"verdict": self.verdict} if self.judged else {}
        if (far := distance(self.found)) is not None:
            mean, sem = far
            found["distance"] = {"mean": mean, "sem": sem, "n": self.study.config["samples"]}
        return found | ({} if self.gap is None else self.gap.conclusions())

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        found = []
        if self.surveyed:
            t = self.value("collapse_sigma")[0]
            some = "" if self.surveyed == self.patterns else f" of {self.surveyed} of them"
            found.append(f"half of the U-turns{some} return at $\\sigma$ = {t:.2f}")
        if self.gap is not None:
            found.append(f"the model: {self.gap.verdict}")
        if self.judged:
            found.append(f"samples: {self.sampled}")
        data = figures.literal(called(self.survey.data))
        return f"{data}, $P$ = {self.patterns}: {'; '.join(found)}"

    def errors(self) -> str:
        """What the errors are between."""
        if self.study.config["samples"] == 1:
            return "none, of one sample"
        kind = "sets of memories" if self.independent else "noises of the one data set"
        return f"between {self.study.config['samples']} {kind}"

    def columns(self) -> list[str]:
        """The columns of `criteria`."""
        judged = ["samples", "excess"] if self.judged else []
        return ["threshold", "by chance", "false alarms", *judged]

    def criteria(self) -> list[list[str]]:
        """A row per criterion of a copy."""
        rows = []
        for name, label in _MEASURES.items():
            chance = None if name == "local" else self.value("chance", criterion=name)
            row = [
                label,
                f"{self.value('threshold', criterion=name)[0]:.3f}",
                "" if chance is None else _rate(*chance),
                uncertain(*self.value("false_alarms", criterion=name), 4),
            ]
            if self.judged:
                own = self.value("excess_sem", criterion=name)[0]
                row.append(uncertain(*self.value("flagged", criterion=name), 4))
                row.append(uncertain(self.value("excess", criterion=name)[0], own, 4))
            rows.append(row)
        return rows


class Report(base.Report):
    """What a survey found, at one number of memories or at several."""

    between = "sets of memories"

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.survey = Survey.of(study)

    @property
    def figsize(self) -> tuple[float, float]:
        """A row of panels."""
        return 3.4 * (3 if len(self.cases) > 1 else len(_panels(self.cases[0]))), 3.9

    @cached_property
    def cases(self) -> list[Case]:
        """What was found at each number of memories."""
        loads = [int(point["patterns"]) for point in self.study.points]
        return [Case(self.study, self.survey, P) for P in loads]

    def conclusions(self) -> Point:
        """By number of memories what was concluded, and how many samples are copies."""
        found: Point = {"cases": [case.conclusions() for case in self.cases]}
        if self.listed is not None:
            counts, judged = self.listed
            found["copies"] = counts | {"judged": judged}
        if self.one_by_one is not None:
            found["return_levels"] = self.one_by_one.conclusions()
        return found

    @property
    def listed(self) -> tuple[dict[str, int], int] | None:
        """How many copies of each kind the list has, and of how many samples."""
        return None if self.study.out is None else counted(self.study.out)

    @property
    def one_by_one(self) -> DataTable | None:
        """The table of the data one by one, where there is one."""
        return DataTable.read(self.study.out)

    def publish(self, page: Page, *, json: bool, quiet: bool, show: bool) -> None:
        """Write the lists of copies and of data, unless they are there or the data have gone."""
        folder = self.study.out
        assert folder is not None
        listed = {SAMPLES, *page.files(PAIRS)} <= {*files_of(folder)} or not self.cases[0].judged
        if not listed and self.survey.unchanged(self.setting):
            self._list(folder, page)
        known = (folder / DATA).exists() or not self.whole
        if not known and self.survey.unchanged(self.setting, model=True):
            write_table(self.survey, folder, self.study.config["seed"])
        super().publish(page, json=json, quiet=quiet, show=show)

    @property
    def whole(self) -> bool:
        """Whether all data were memories."""
        return self.cases[-1].patterns == self.study.points[-1].get("vectors")

    def _list(self, folder: Path, page: Page) -> None:
        match = None
        if self.whole and not self.survey.held_out:
            match = self.cases[-1].value("threshold", criterion="match")[0]
        write_list(self.survey, match, folder, page)

    def draw(self, figure: Figure) -> None:
        """One data set as memories, or data sets that grow."""
        (_draw_case if len(self.cases) == 1 else _draw_sweep)(figure, self)

    def finding(self) -> str:
        """The result in a line, the title of a figure of several numbers of memories."""
        if len(self.cases) == 1:
            return self.cases[0].finding()
        first, *_, last = (
            f"$\\sigma$ = {case.value('collapse_sigma')[0]:.2f} at $P$ = {case.patterns}"
            for case in self.cases
        )
        data = figures.literal(called(self.survey.data))
        line = f"{data}: half of the U-turns return at {first}, {last}"
        if not self.cases[0].judged:
            return line
        verdicts = {case.patterns: case.judgement[0] for case in self.cases}
        clearest_one = max(verdicts.values(), key=VERDICTS.index)
        loads = ", ".join(str(P) for P, verdict in verdicts.items() if verdict == clearest_one)
        return f"{line}; samples: {clearest_one}, at $P$ = {loads}"

    def heading(self) -> str:
        """The data, and the unit of noise where there is any."""
        loads = ", ".join(str(case.patterns) for case in self.cases)
        noised = any(case.surveyed or case.gap is not None for case in self.cases)
        unit = "; σ in units of the data's rms deviation" if noised or self.one_by_one else ""
        return f"{Path(self.survey.data).name}, P = {loads} memories{unit}"

    def errors(self) -> str:
        """What the errors are between, which the largest number of memories may change."""
        if self.samples == 1:
            return super().errors()
        errors = first = self.cases[0].errors()
        for case in self.cases[1:]:
            if case.errors() != first:
                errors += f"; at P = {case.patterns} {case.errors()}"
        return f"errors: s.e. {errors}"

    def tables(self) -> Iterator[str]:
        """The survey, the criteria of a copy, and the verdicts."""
        if self.cases[0].surveyed:
            yield table(*self._numbers())
        for case in self.cases:
            if case.gap is not None:
                yield case.gap.table()
                yield case.gap.line()
            elif self.survey.model is not None:
                yield "(whether the model is a memory of these data is seen with --held-out)"
        yield table(*self._criteria())
        if self.cases[0].judged:
            yield "\n".join(self._verdict(case) for case in self.cases)
        yield from (case.unlike for case in self.cases if case.unlike is not None)
        if self.listed is not None and self.study.out is not None:
            there = ", ".join(files_of(self.study.out))
            yield f"{said(*self.listed)} ({there}; false discovery rate {RATE:g})"
        if self.one_by_one is not None:
            yield from self.one_by_one.tables()
        note = "a short distance alone is no proof: what counts is the excess over false alarms"
        if self.cases[0].judged and self.samples == 1:
            note += "; its error is that of counts of samples and of held-out points"
        yield textwrap.fill(f"({note})", WIDTH)

    def _numbers(self) -> tuple[list[str], list[list[str]]]:
        """Heading and rows, a column per number of memories."""
        one = len(self.cases) == 1
        heads = ["value"] if one else [f"P = {case.patterns}" for case in self.cases]
        rows = [
            [label, *(uncertain(*case.value(name), digits) for case in self.cases)]
            for name, (label, digits) in NUMBERS.items()
        ]
        unit = ["rms deviation of the data", *(f"{c.value('unit')[0]:.4g}" for c in self.cases)]
        first = self.cases[0]
        some = "" if first.surveyed == first.patterns else f", {first.surveyed} of them"
        return [f"as memories{some}", *heads], [unit, *rows]

    def _criteria(self) -> tuple[list[str], list[list[str]]]:
        heading = ["criterion of a copy", *self.cases[0].columns()]
        if len(self.cases) == 1:
            return heading, self.cases[0].criteria()
        rows = [[row[0], str(c.patterns), *row[1:]] for c in self.cases for row in c.criteria()]
        return [heading[0], "P", *heading[1:]], rows

    def _verdict(self, case: Case) -> str:
        return case.verdict if len(self.cases) == 1 else f"P = {case.patterns}: {case.verdict}"


def _rate(mean: float, sem: float | None) -> str:
    """A rate that may be tiny."""
    return uncertain(mean, sem, 4) if mean >= 1e-4 else f"{mean:.0e}"


def _draw_case(figure: Figure, report: Report) -> None:
    """A data set as memories: its posterior, its dimension, a model, what distances prove."""
    (case,) = report.cases
    panels = _panels(case)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        panel(axes, case)


def _panels(case: Case) -> list[Callable[[Axes, Case], None]]:
    """What draws what was measured."""
    survey = [_posterior, _dimension] if case.surveyed else []
    return [*survey, *([_retrieved] if case.gap is not None else []), _distance]


def _retrieved(axes: Axes, report: Case) -> None:
    assert report.gap is not None
    report.gap.draw(axes)


def _draw_sweep(figure: Figure, report: Report) -> None:
    """Posterior and dimension of growing data sets, and the noise up to which they are held."""
    posterior, dimension, collapse = figure.subplots(1, 3)
    for case, series in zip(report.cases, cycle(figures.SERIES), strict=False):
        look = (f"$P$ = {case.patterns}", series)
        _errorbars(posterior, case.sigma, case.curve("return_probability"), *look)
        _errorbars(dimension, case.sigma, case.curve("dimension"), *look)
    posterior.set(ylabel="return to the datum $Y$", ylim=(-0.03, 1.05))
    posterior.legend()
    dimension.set_ylabel(r"effective dimension $D_{\mathrm{eff}}$")
    dimension.set_ylim(bottom=0)
    for axes in (posterior, dimension):
        _noise_axis(axes)
    _collapse(collapse, report)


def _collapse(axes: Axes, report: Report) -> None:
    P = [case.patterns for case in report.cases]
    found = np.array([(m, s or 0.0) for m, s in (c.value("collapse_sigma") for c in report.cases)])
    _errorbars(axes, P, found.T, "", figures.SERIES[0])
    figures.ticks(axes, sorted(P))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("number of memories $P$")
    axes.set_ylabel(r"noise level $\sigma$ of the collapse, $Y=1/2$")


def _posterior(axes: Axes, report: Case) -> None:
    shown = {
        "return_probability": "return $Y$",
        "entropy": r"entropy $H/\log P$",
        "agreement": r"same class $\varphi$",
    }
    for (name, label), series in zip(shown.items(), figures.SERIES, strict=False):
        _errorbars(axes, report.sigma, report.curve(name), label, series)
    figures.mark(axes, report.value("collapse_sigma")[0], "$Y=1/2$", "-")
    t = report.value("speciation_time")[0]
    figures.mark(axes, float(np.sqrt(np.expm1(2 * t))), "$t_S$", "--")
    axes.set(ylim=(-0.03, 1.05), ylabel="posterior weights of the data")
    axes.legend(loc="center left")
    _noise_axis(axes)
    axes.set_title("which datum, which class")


def _dimension(axes: Axes, report: Case) -> None:
    _errorbars(axes, report.sigma, report.curve("dimension"), "", figures.SERIES[0])
    figures.mark(axes, report.value("collapse_sigma")[0], "$Y=1/2$", "-")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(r"effective dimension $D_{\mathrm{eff}}$")
    _noise_axis(axes)
    area = report.value("area")[0]
    axes.set_title(rf"area under the curve: {area:.3f} of $2\,\log P$")


def _distance(axes: Axes, report: Case) -> None:
    chance, _ = report.value("chance", criterion="ratio")
    for who, series in zip(("held-out points", "samples"), figures.SERIES, strict=False):
        found = report.below(who.removesuffix(" points"))
        if found is not None:
            _errorbars(axes, found[0], found[1:], who, series)
    c = np.linspace(0, 1, 100)
    exponent = np.log(chance) / np.log(1 / 3)
    axes.plot(c, c**exponent, color="0.35", lw=1.2, label=f"chance $c^D$, $D$ = {exponent:.1f}")
    axes.axvline(1 / 3, color="0.35", lw=1, ls=":", zorder=0, label="threshold 1/3")
    axes.set(ylim=(-0.03, 1.05), xlabel="$c$", ylabel="probability of $d_1/d_2 < c$")
    axes.legend(loc="best")
    axes.set_title("nearest neighbours and chance")


def _noise_axis(axes: Axes) -> None:
    figures.log_axis(axes)
    axes.set_xlabel(r"noise level $\sigma$ (rms deviations of the data)")


def _errorbars(
    axes: Axes, x: Any, found: np.ndarray | None, label: str, series: tuple[str, str]
) -> None:
    """Data with error bars: `found` (2, K) holds means and standard errors, None nothing."""
    if found is not None:
        figures.means(axes, x, found, series, ms=4, lw=0.7, zorder=2, label=label)
