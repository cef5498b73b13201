"""A data set surveyed as memories, and samples judged against it: `bridges memorization`.

Every sample of the survey takes its own P points of the data for memories and holds the rest
out; where nothing is left to hold out, each memory is left out in turn instead, and samples
differ in their noise alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges.data import class_labels, pattern_set, place, raw_vectors, standardised
from bridges.engine import Measure
from bridges.geometry import memory_geometry, noise_grid
from bridges.memorization import CRITERIA, calibrate
from bridges.record import Point, Row
from bridges.results import Study
from bridges.study import Findings
from bridges.tables import table, uncertain
from hopfield import checks

_RANDOM = 200  # points of random data unless told otherwise
_FRACTIONS = tuple(k / 20 for k in range(1, 21))  # d₁/d₂ at which its distribution is recorded
_CURVES = ("return_probability", "entropy", "dimension", "agreement")
_NUMBERS = {  # quantity: (label, digits)
    "collapse_sigma": ("noise level σ of the collapse, Y = 1/2", 3),
    "collapse_time": ("its Ornstein–Uhlenbeck time t_C", 3),
    "speciation_time": ("speciation time t_S = ½ log Λ", 3),
    "in_play": ("data in play at t_S, exp H", 1),
    "peak_dimension": ("largest effective dimension", 2),
    "peak_sigma": ("its noise level σ", 2),
    "area": ("area law, ∫ D_eff d log σ² / 2 log P", 3),
    "likelihood_dimension": ("intrinsic dimension, maximum likelihood", 2),
    "two_nn_dimension": ("intrinsic dimension, TwoNN", 2),
    "local_pca_dimension": ("intrinsic dimension, local PCA", 2),
    "participation_ratio": ("participation ratio of the covariance", 2),
}
_MEASURES = {
    "ratio": "d₁/d₂ < 1/3",
    "local": "local distance < 1",
    "calibrated": "… < its quantile",
}


@dataclass(frozen=True)
class Survey:
    """What to survey. patterns : P, None for all. size : N of random data. samples_file,
    held_out : .npy or .npz files of vectors like the data, or None."""

    data: str
    patterns: int | None = None
    size: int | None = None
    draws: int = 500
    samples_file: str | None = None
    held_out: str | None = None

    def measure(self) -> Measure:
        """The measurement of a point, for `run_study`."""
        return partial(_measure, self)

    def points(self) -> list[Point]:
        """The one point, once all files are known to be good. Raises ValueError."""
        memories = self.split(0)[0]
        self.judged(memories.shape[1])
        sigma = noise_grid(standardised(memories)[0])
        return [{"patterns": len(memories), "sigma": [float(s) for s in sigma]}]

    def split(self, seed: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Memories (P, N), held-out points if there are any, and classes of the memories."""
        if self.data == "random":
            P = self.patterns or _RANDOM
            drawn = pattern_set("random", "real", 2 * P, self.size, seed)
            rows, labels = drawn, None
        else:
            rows, labels = raw_vectors(self.data), class_labels(self.data)
            P = len(rows) if self.patterns is None else self.patterns
            if self.size not in (None, rows.shape[1]):
                raise ValueError(
                    f"size is for random data; {self.data} has size {rows.shape[1]}, "
                    f"got {self.size}"
                )
            if len(rows) < P:
                raise ValueError(f"patterns must lie in [1, {len(rows)}] for {self.data}, got {P}")
        order = torch.arange(len(rows))
        if len(rows) > P:
            order = torch.randperm(len(rows), generator=checks.generator_from(seed, "survey"))
        memories, rest = rows[order[:P]], rows[order[P:]]
        held_out: Tensor | None = rest if len(rest) > 1 else None
        if self.held_out is not None:
            held_out = _like("held-out", self.held_out, rows.shape[1])
        return memories, held_out, None if labels is None else labels[order[:P]]

    def judged(self, size: int) -> Tensor | None:
        """The samples to judge (B, N), if any. Raises ValueError."""
        if self.samples_file is None:
            return None
        return _like("samples-file", self.samples_file, size)


def _like(option: str, path: str, size: int) -> Tensor:
    rows = raw_vectors(path)
    if rows.shape[1] != size:
        raise ValueError(f"{option} must hold vectors of size {size}, got {tuple(rows.shape)}")
    return rows


def _measure(survey: Survey, point: Point, seed: int) -> list[Row]:
    memories, held_out, labels = survey.split(seed)
    geometry = memory_geometry(memories, labels, np.array(point["sigma"]), survey.draws, seed)
    rows: list[Row] = [
        {"quantity": name, "value": float(getattr(geometry, name))} for name in ("unit", *_NUMBERS)
    ]
    for name in _CURVES:
        values = getattr(geometry, name).tolist()
        if not np.isnan(values).any():
            rows += [
                {"sigma": s, "quantity": name, "value": value}
                for s, value in zip(point["sigma"], values, strict=True)
            ]
    calibration = calibrate(memories, held_out, seed=seed)
    found = {"held-out": calibration.held_out["ratio"]}
    samples = survey.judged(memories.shape[1])
    if samples is not None:
        report = calibration.judge(samples)
        found["samples"] = calibration.measures(samples)["ratio"]
    for name, criterion in calibration.criteria.items():
        rows += [
            {"criterion": name, "quantity": "threshold", "value": criterion.threshold},
            {"criterion": name, "quantity": "false_alarms", "value": criterion.false_alarms},
        ]
        if samples is not None:
            copies = report.copies[name]
            rows += [
                {"criterion": name, "quantity": "flagged", "value": copies.fraction},
                {"criterion": name, "quantity": "excess", "value": copies.excess},
                {"criterion": name, "quantity": "excess_sem", "value": copies.sem},
            ]
    rows.append({"quantity": "chance", "value": calibration.criteria["ratio"].chance})
    rows += [
        {"points": who, "ratio": c, "quantity": "below", "value": float((r < c).double().mean())}
        for who, r in found.items()
        for c in _FRACTIONS
    ]
    return rows


@dataclass(frozen=True)
class SurveyReport:
    """What a survey found."""

    study: Study
    survey: Survey

    @cached_property
    def found(self) -> dict[tuple[Any, ...], tuple[float, float | None]]:
        """Mean and standard error by (quantity, sigma, criterion, points, ratio)."""
        names = ("quantity", "sigma", "criterion", "points", "ratio")
        return {
            tuple(row.get(name) for name in names): (row["value"], row["sem"])
            for row in self.study.results()
        }

    def value(self, quantity: str, **labels: Any) -> tuple[float, float | None]:
        """Mean and standard error between samples of one quantity."""
        names = ("sigma", "criterion", "points", "ratio")
        return self.found[(quantity, *(labels.get(name) for name in names))]

    @property
    def patterns(self) -> int:
        """P."""
        return int(self.study.points[0]["patterns"])

    @property
    def sigma(self) -> list[float]:
        """The noise levels of the curves."""
        return list(self.study.points[0]["sigma"])

    def curve(self, quantity: str) -> np.ndarray | None:
        """Means and standard errors of a curve, (2, K); None if it was not measured."""
        if (quantity, self.sigma[0], None, None, None) not in self.found:
            return None
        pairs = [self.value(quantity, sigma=s) for s in self.sigma]
        return np.array([(mean, sem or 0.0) for mean, sem in pairs]).T

    def below(self, points: str) -> np.ndarray | None:
        """c, means and standard errors of P(d₁/d₂ < c) among "held-out" or "samples", (3, C)."""
        if ("below", None, None, points, _FRACTIONS[0]) not in self.found:
            return None
        pairs = [(c, *self.value("below", points=points, ratio=c)) for c in _FRACTIONS]
        return np.array([(c, mean, sem or 0.0) for c, mean, sem in pairs]).T

    @property
    def judged(self) -> bool:
        """Whether samples were judged."""
        return self.survey.samples_file is not None

    @property
    def independent(self) -> bool:
        """Whether the samples of the survey are different sets of memories."""
        return self.survey.data == "random" or self.patterns < len(raw_vectors(self.survey.data))

    @property
    def verdict(self) -> str:
        """Whether the samples are copies: the calibrated criterion's excess over false alarms."""
        excess, sem = self.value("excess", criterion="calibrated")
        own, _ = self.value("excess_sem", criterion="calibrated")
        error = max(own, sem or 0.0)
        if excess > 4 * error:
            return f"samples are copies beyond chance: {uncertain(excess, error)} of them"
        return "no more copies among the samples than among held-out points"

    def findings(self) -> Findings:
        """Text, record and figure."""
        from bridges.plots import survey_figure

        return Findings(self.text(), self.summary(), survey_figure(self))

    def summary(self) -> dict[str, Any]:
        """The record: settings, numbers and criteria, each with its standard error."""
        criteria = {}
        for name in CRITERIA:
            wanted = ["threshold", "false_alarms", *(["flagged", "excess"] if self.judged else [])]
            criteria[name] = {
                quantity: _plain(self.value(quantity, criterion=name)) for quantity in wanted
            }
        found: dict[str, Any] = asdict(self.survey) | {
            "patterns": self.patterns,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
            "errors": self._errors(),
            "criteria": criteria,
            "chance": _plain(self.value("chance")),
        }
        found |= {name: _plain(self.value(name)) for name in ("unit", *_NUMBERS)}
        return found | ({"verdict": self.verdict} if self.judged else {})

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        data, t = Path(self.survey.data).stem, self.value("collapse_sigma")[0]
        line = f"{data}, $P$ = {self.patterns}: each datum a memory below $\\sigma$ = {t:.2f}"
        return f"{line}; {self.verdict}" if self.judged else line

    def text(self) -> str:
        """Tables for a person."""
        unit = self.value("unit")[0]
        lines = [
            f"{Path(self.survey.data).name}, P = {self.patterns} memories; "
            f"errors: s.e. {self._errors()}; "
            f"σ in units of the data's rms deviation, {unit:.4g}",
            "",
            table(
                ["as memories", "value"],
                [
                    [label, uncertain(*self.value(name), digits)]
                    for name, (label, digits) in _NUMBERS.items()
                ],
            ),
            "",
            table(["criterion of a copy", *self._columns()], self._criteria()),
        ]
        if self.judged:
            lines += ["", self.verdict]
        lines.append(
            "(a short distance alone is no proof: what counts is the excess over false alarms)"
        )
        if self.study.reused:
            lines += ["", f"({self.study.reused} measurements found there, not repeated)"]
        return "\n".join(lines)

    def _errors(self) -> str:
        kind = "sets of memories" if self.independent else "noises of the one data set"
        return f"between {self.study.config['samples']} {kind}"

    def _columns(self) -> list[str]:
        return [
            "threshold",
            "by chance",
            "false alarms",
            *(["samples", "excess"] if self.judged else []),
        ]

    def _criteria(self) -> list[list[str]]:
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


def conclude(study: Study) -> Findings:
    """What a survey found, from its record."""
    asked = study.config["parameters"]
    setting = {f.name: asked[f.name] for f in fields(Survey)}
    files = {k: place(setting[k]) for k in ("data", "samples_file", "held_out") if setting[k]}
    return SurveyReport(study, Survey(**(setting | files))).findings()


def _plain(pair: tuple[float, float | None]) -> dict[str, float | None]:
    return {"value": pair[0], "sem": pair[1]}
