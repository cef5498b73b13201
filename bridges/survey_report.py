"""What a survey of a data set found: `bridges memorization`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bridges.data import place, raw_vectors
from bridges.memorization import CRITERIA, VERDICTS, clearest
from bridges.results import Study
from bridges.study import Findings
from bridges.survey import FRACTIONS, NUMBERS, Survey
from bridges.tables import table, uncertain

_MEASURES = {
    "ratio": "d₁/d₂ < 1/3",
    "local": "local distance < 1",
    "calibrated": "local distance < its quantile",
}


@dataclass(frozen=True)
class SurveyReport:
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
        return self.survey.samples_file is not None

    @property
    def independent(self) -> bool:
        """Whether the samples of the survey are different sets of memories."""
        return self.survey.data == "random" or self.patterns < len(raw_vectors(self.survey.data))

    def excess(self, criterion: str) -> tuple[float, float]:
        """A criterion's copies in excess of its false alarms, and the larger of both errors."""
        excess, sem = self.value("excess", criterion=criterion)
        return excess, max(self.value("excess_sem", criterion=criterion)[0], sem or 0.0)

    @property
    def judgement(self) -> tuple[str, str]:
        """One of VERDICTS on the samples, and the criterion that it comes from."""
        return clearest({name: self.excess(name) for name in CRITERIA})

    @property
    def verdict(self) -> str:
        """The judgement, with the excess that it rests on."""
        verdict, criterion = self.judgement
        found = uncertain(*self.excess(criterion))
        return f"{verdict}: an excess of {found} over false alarms ({_MEASURES[criterion]})"

    def summary(self) -> dict[str, Any]:
        """Numbers and criteria, each with its standard error."""
        criteria = {}
        for name in CRITERIA:
            wanted = ["threshold", "false_alarms", *(["flagged", "excess"] if self.judged else [])]
            criteria[name] = {
                quantity: _value(self.value(quantity, criterion=name)) for quantity in wanted
            }
        found: dict[str, Any] = {
            "patterns": self.patterns,
            "errors": self.errors(),
            "criteria": criteria,
            "chance": _value(self.value("chance")),
        }
        found |= {name: _value(self.value(name)) for name in ("unit", *NUMBERS)}
        return found | ({"verdict": self.verdict} if self.judged else {})

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        data, t = Path(self.survey.data).stem, self.value("collapse_sigma")[0]
        line = f"{data}, $P$ = {self.patterns}: half of the U-turns return at $\\sigma$ = {t:.2f}"
        return f"{line}; samples: {self.judgement[0]}" if self.judged else line

    def errors(self) -> str:
        """What the errors are between."""
        kind = "sets of memories" if self.independent else "noises of the one data set"
        return f"between {self.study.config['samples']} {kind}"

    def columns(self) -> list[str]:
        """What `criteria` tells of each criterion."""
        return [
            "threshold",
            "by chance",
            "false alarms",
            *(["samples", "excess"] if self.judged else []),
        ]

    def criteria(self) -> list[list[str]]:
        """A row a criterion of a copy."""
        rows = []
        for name, label in _MEASURES.items():
            chance = self.value("chance") if name == "ratio" else None
            row = [
                label,
                f"{self.value('threshold', criterion=name)[0]:.3f}",
                "" if chance is None else uncertain(*chance, 4),
                uncertain(*self.value("false_alarms", criterion=name), 4),
            ]
            if self.judged:
                own = self.value("excess_sem", criterion=name)[0]
                row.append(uncertain(*self.value("flagged", criterion=name), 4))
                row.append(uncertain(self.value("excess", criterion=name)[0], own, 4))
            rows.append(row)
        return rows


@dataclass(frozen=True)
class SweepReport:
    """What a survey found, at one number of memories or at several."""

    study: Study
    survey: Survey

    @cached_property
    def cases(self) -> list[SurveyReport]:
        """What was found at each number of memories."""
        loads = [int(point["patterns"]) for point in self.study.points]
        return [SurveyReport(self.study, self.survey, P) for P in loads]

    def findings(self) -> Findings:
        """Text, record and figure."""
        from bridges.survey_plots import survey_figure, sweep_figure

        one = len(self.cases) == 1
        figure = survey_figure(self.cases[0]) if one else sweep_figure(self)
        return Findings(self.text(), self.summary(), figure)

    def summary(self) -> dict[str, Any]:
        """The record: settings, and by number of memories what was found."""
        return asdict(self.survey) | {
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
            "cases": [case.summary() for case in self.cases],
        }

    def finding(self) -> str:
        """The result in a line, the title of a figure of several numbers of memories."""
        first, *_, last = (
            f"$\\sigma$ = {case.value('collapse_sigma')[0]:.2f} at $P$ = {case.patterns}"
            for case in self.cases
        )
        line = f"{Path(self.survey.data).stem}: half of the U-turns return at {first}, {last}"
        if not self.cases[0].judged:
            return line
        verdicts = {case.patterns: case.judgement[0] for case in self.cases}
        clearest_one = max(verdicts.values(), key=VERDICTS.index)
        loads = ", ".join(str(P) for P, verdict in verdicts.items() if verdict == clearest_one)
        return f"{line}; samples: {clearest_one}, at $P$ = {loads}"

    def text(self) -> str:
        """Tables for a person."""
        loads = ", ".join(str(case.patterns) for case in self.cases)
        errors = first = self.cases[0].errors()
        for case in self.cases[1:]:
            if case.errors() != first:
                errors += f"; at P = {case.patterns} {case.errors()}"
        lines = [
            f"{Path(self.survey.data).name}, P = {loads} memories; errors: s.e. {errors}; "
            "σ in units of the data's rms deviation",
            "",
            table(*self._numbers()),
            "",
            table(*self._criteria()),
        ]
        if self.cases[0].judged:
            lines += ["", *(self._verdict(case) for case in self.cases)]
        lines.append(
            "(a short distance alone is no proof: what counts is the excess over false alarms)"
        )
        if self.study.reused:
            lines += ["", f"({self.study.reused} measurements found there, not repeated)"]
        return "\n".join(lines)

    def _numbers(self) -> tuple[list[str], list[list[str]]]:
        """Heading and rows: a column a number of memories."""
        one = len(self.cases) == 1
        heads = ["value"] if one else [f"P = {case.patterns}" for case in self.cases]
        rows = [
            [label, *(uncertain(*case.value(name), digits) for case in self.cases)]
            for name, (label, digits) in NUMBERS.items()
        ]
        unit = ["rms deviation of the data", *(f"{c.value('unit')[0]:.4g}" for c in self.cases)]
        return ["as memories", *heads], [unit, *rows]

    def _criteria(self) -> tuple[list[str], list[list[str]]]:
        heading = ["criterion of a copy", *self.cases[0].columns()]
        if len(self.cases) == 1:
            return heading, self.cases[0].criteria()
        rows = [[row[0], str(c.patterns), *row[1:]] for c in self.cases for row in c.criteria()]
        return [heading[0], "P", *heading[1:]], rows

    def _verdict(self, case: SurveyReport) -> str:
        return case.verdict if len(self.cases) == 1 else f"P = {case.patterns}: {case.verdict}"


def conclude(study: Study) -> Findings:
    """What a survey found, from its record."""
    asked = study.config["parameters"]
    setting = {f.name: asked[f.name] for f in fields(Survey)}
    files = {k: place(setting[k]) for k in ("data", "samples_file", "held_out") if setting[k]}
    return SweepReport(study, Survey(**(setting | files))).findings()


def _value(pair: tuple[float, float | None]) -> dict[str, float | None]:
    return {"value": pair[0], "sem": pair[1]}
