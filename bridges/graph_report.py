"""The graph of memories of a data set, for any model and noise: `bridges graph`.

A level of noise is one for all models: cues at overlap m, which noise
σ = sqrt(1/m² − 1) leaves (patterns of real models lie on |ξ|² = N). The model "exact" is
the empirical score of the patterns with its exact reverse SDE, of which no step is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from bridges.comparison import Setting
from bridges.data import pattern_classes, place
from bridges.engine import Measure
from bridges.equivalence import noise_of_overlap
from bridges.graph import summarise
from bridges.models import MODELS
from bridges.record import Point, Row
from bridges.results import Study, mean_and_sem
from bridges.study import Findings, sample_seeds
from bridges.tables import of_samples, table, uncertain
from bridges.transitions import Transitions, transition_matrix
from diffusion import EmpiricalDenoiser
from hopfield import NotSeparableError, checks

EXACT = "exact"
_PICTURES = 3
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


@dataclass(frozen=True)
class GraphSurvey:
    """What to survey. setting : of the models; its trials are cues a memory. edge : the least
    probability that joins two memories."""

    setting: Setting
    edge: float = 1e-3

    def measure(self) -> Measure:
        """The measurement of a point, for `run_study`."""
        return partial(_measure, self)

    def points(
        self, models: Sequence[str], patterns: int, overlaps: Sequence[float]
    ) -> list[Point]:
        """One point a model and overlap, the noisier the later. Raises ValueError."""
        self.setting.check([name for name in models if name != EXACT], [patterns])
        checks.number("edge", self.edge, low=0, high=1)
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
        model = MODELS[name]
        memory = model.build(setting.pattern_set(model.kind, P, seed), setting.options, seed)
        return transition_matrix(
            memory,
            overlap=point["overlap"],
            trials=setting.trials,
            criterion=setting.criterion,
            threshold=setting.threshold,
            seed=seed,
        )

    def classes(self, point: Point, seed: int) -> Tensor | None:
        """The true class of each memory of one pattern set, where known."""
        return pattern_classes(self.setting.data, point["patterns"], seed)


def summary_rows(T: Transitions, classes: Any, edge: float) -> list[Row]:
    """The numbers of `summarise` that are known, as rows of a study."""
    found = summarise(T, classes, edge).to_dict()
    return [{"quantity": k, "value": float(v)} for k, v in found.items() if np.isfinite(v)]


def levels_table(label: str, curve: Callable[[str], tuple[np.ndarray, np.ndarray]]) -> str:
    """What `summary_rows` recorded, a line a noise level; curve(quantity) → σ, (samples, σ)."""
    found = {quantity: curve(quantity) for quantity in _COLUMNS}
    known = [q for q, (x, values) in found.items() if x.size and (q != "lost" or values.any())]
    sigma = found["return_probability"][0]
    rows = [
        [f"{s:.3g}", *(of_samples(found[q][1][:, k], _COLUMNS[q][1]) for q in known)]
        for k, s in enumerate(sigma)
    ]
    return table([f"{label}: σ", *(_COLUMNS[q][0] for q in known)], rows)


def _measure(survey: GraphSurvey, point: Point, seed: int) -> list[Row]:
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


@dataclass(frozen=True)
class GraphReport:
    """What a survey found."""

    study: Study
    survey: GraphSurvey

    @property
    def models(self) -> list[str]:
        """The models, in the order that was asked for."""
        return list(dict.fromkeys(point["model"] for point in self.study.points))

    def curve(self, quantity: str, model: str) -> tuple[np.ndarray, np.ndarray]:
        """σ (K,), increasing, and the values (samples, K); empty if there are none."""
        return self.study.curve(quantity, "sigma", model=model)

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
        try:
            return [
                Picture(self.survey.transitions(p, seed), self.survey.classes(p, seed), p["sigma"])
                for p in chosen
            ]
        except NotSeparableError:
            return []

    def label(self, model: str) -> str:
        """A model for tables and figures."""
        return "exact reverse SDE" if model == EXACT else MODELS[model].label

    def findings(self) -> Findings:
        """Text, record and figure."""
        from bridges.graph_plots import report_figure

        return Findings(self.text(), self.summary(), report_figure(self))

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        model, P = self.shown, self.study.points[0]["patterns"]
        sigma, returned = self.curve("return_probability", model)
        name = f"{Path(self.survey.setting.data).name}, $P$ = {P}, {self.label(model)}"
        if not sigma.size:
            return name
        known, values = self.curve("agreement", model)
        if not known.size:
            words = f"{returned[:, 0].mean():.0%} of cues return at $\\sigma$ = {sigma[0]:.2g}"
            return f"{name}: {words}"
        agreement, sem = mean_and_sem(values)
        k = int(np.nanargmax(agreement))
        found = uncertain(float(agreement[k]), float(sem[k]), 2)
        if not agreement[k] > _CLEAR * np.nan_to_num(sem[k]):
            return f"{name}: communities do not follow the classes (ARI at most {found})"
        level = returned[:, sigma.tolist().index(known[k])]
        return (
            f"{name}: communities are most like the classes at $\\sigma$ = {known[k]:.2g} "
            f"(ARI {found}), where {level.mean():.0%} of cues return"
        )

    def summary(self) -> dict[str, Any]:
        """The record: settings, and every number with its error, by model and noise."""
        found: dict[str, dict[str, Any]] = {model: {} for model in self.models}
        for row in self.study.results():
            level = found[row["model"]].setdefault(f"{row['sigma']:.6g}", {})
            level[row["quantity"]] = {"value": row["value"], "sem": row["sem"]}
            level["overlap"] = row["overlap"]
        return asdict(self.survey.setting) | {
            "edge": self.survey.edge,
            "patterns": self.study.points[0]["patterns"],
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
            "graphs": found,
        }

    def text(self) -> str:
        """A table a model, for a person."""
        P, samples = self.study.points[0]["patterns"], self.study.config["samples"]
        setting = self.survey.setting
        lines = [
            f"{Path(setting.data).name}, P = {P} memories, {setting.trials} cues of each at "
            f"overlap m = 1/√(1 + σ²); edges above {self.survey.edge:g}; "
            f"errors: s.e. between {samples} pattern sets"
        ]
        for model in self.models:
            lines += ["", levels_table(self.label(model), partial(self.curve, model=model))]
        if self.study.reused:
            lines += ["", f"({self.study.reused} measurements found there, not repeated)"]
        return "\n".join(lines)


def conclude(study: Study) -> Findings:
    """What a survey of graphs found, from its record."""
    asked = study.config["parameters"]
    setting = Setting(**(asked["setting"] | {"data": place(asked["data"])}))
    return GraphReport(study, GraphSurvey(setting, asked["edge"])).findings()
