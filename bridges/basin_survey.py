"""The attractors of models and their basins, side by side: `bridges basins`.

Every sample stores its own patterns. Starts are the patterns corrupted to an overlap m
("noised"), or states without any pattern in them that are as large ("random": random spins;
N(0, rms²/m²) for real states, which models that start at the cue's noise are told to be at m).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bridges.attractors import KINDS
from bridges.basins import BasinFractions, basin_fractions
from bridges.comparison import Setting
from bridges.data import pattern_classes, place
from bridges.engine import Measure
from bridges.memory import Memory
from bridges.models import MODELS
from bridges.record import Point, Row
from bridges.results import Study, estimate
from bridges.starts import Starts, cues, gaussian, spins
from bridges.study import Findings
from bridges.tables import of_samples, table
from hopfield import NotSeparableError, checks

ENDS = (*KINDS, "none")
_RANKS = 40  # basins whose sizes are recorded, of the largest to the least
_NUMBERS = {
    "attractors": ("attractors found", 1),
    "held": ("patterns with a basin", 3),
    "effective": ("effective attractors", 1),
}


@dataclass(frozen=True)
class BasinSurvey:
    """What to survey: a setting of the models, the measure of the starts ("noised" or
    "random"), the overlap m of the noise, and how many starts."""

    setting: Setting
    measure: str
    overlap: float
    starts: int

    def measurement(self) -> Measure:
        """The measurement of a point, for `run_study`."""
        return partial(_measure, self)

    def drawn(self, memory: Memory, kind: str, seed: int) -> Starts:
        """Starts for a memory of states of this kind."""
        if self.measure == "noised":
            return cues(memory, self.overlap, self.starts, seed)
        size = memory.patterns.shape[1]
        if kind == "binary":
            return spins(self.starts, size, seed)
        rms = float(memory.patterns.square().mean().sqrt())
        found = gaussian(self.starts, size, rms / self.overlap, seed)
        return Starts(found.states, found.measure, self.overlap)


def _measure(survey: BasinSurvey, point: Point, seed: int) -> list[Row]:
    model, P, setting = MODELS[point["model"]], point["patterns"], survey.setting
    patterns = setting.pattern_set(model.kind, P, seed)
    try:
        memory = model.build(patterns, setting.options, seed)
    except NotSeparableError:
        return []  # a load at which there is nothing to measure
    found = basin_fractions(
        memory,
        survey.drawn(memory, model.kind, seed),
        labels=pattern_classes(setting.data, P, seed),
        threshold=setting.threshold,
        seed=checks.generator_from(seed, "basins"),
    )
    return _rows(found, P)


def _rows(found: BasinFractions, patterns: int) -> list[Row]:
    total = len(found.labels)
    fraction = {kind: found.attractors.count(kind) / total for kind in KINDS}
    fraction["none"] = found.none
    share = np.sort(found.by_pattern(patterns))[::-1]
    p = found.fractions[found.fractions > 0] / max(1 - found.none, 1e-300)
    numbers = {
        "attractors": float(len(found.attractors)),
        "held": float((share > 0).mean()),
        "effective": float(np.exp(-(p * np.log(p)).sum())) if len(p) else 0.0,
    }
    rows: list[Row] = [{"quantity": name, "value": value} for name, value in numbers.items()]
    rows += [{"end": end, "quantity": "fraction", "value": f} for end, f in fraction.items()]
    ranks = np.unique(np.linspace(1, patterns, min(patterns, _RANKS)).round().astype(int))
    return rows + [
        {"rank": int(rank), "quantity": "basin", "value": float(share[rank - 1])} for rank in ranks
    ]


class Case(NamedTuple):
    """A model and the number of patterns that it stores."""

    model: str
    patterns: int


@dataclass(frozen=True)
class BasinReport:
    """What the survey found."""

    study: Study
    survey: BasinSurvey

    @cached_property
    def cases(self) -> list[Case]:
        """Models and numbers of patterns, as asked for; those that have a measurement."""
        pairs = zip(self.study.points, self.study.samples, strict=True)
        return [Case(point["model"], point["patterns"]) for point, rows in pairs if any(rows)]

    @property
    def left_out(self) -> list[str]:
        """Names of the other cases, whose patterns no couplings store."""
        asked = [Case(point["model"], point["patterns"]) for point in self.study.points]
        return [f"{MODELS[m].label}, P = {P}" for m, P in asked if (m, P) not in self.cases]

    @property
    def models(self) -> list[str]:
        """Names of the models, as asked for."""
        return list(dict.fromkeys(case.model for case in self.cases))

    @property
    def loads(self) -> list[int]:
        """Numbers of patterns P, as asked for."""
        return list(dict.fromkeys(case.patterns for case in self.cases))

    @property
    def ends(self) -> list[str]:
        """Kinds of ends that any model has."""
        return [end for end in ENDS if any(self.fraction(c, end).any() for c in self.cases)]

    def name(self, case: Case) -> str:
        """The label of a case: of its model, and of its load where there are several."""
        label = MODELS[case.model].label
        return label if len(self.loads) == 1 else f"{label}, P = {case.patterns}"

    def fraction(self, case: Case, end: str) -> np.ndarray:
        """Fraction of starts that end so, (samples,), fewer where some stored no patterns."""
        return self._by_sample("fraction", case, end)

    def number(self, case: Case, quantity: str) -> np.ndarray:
        """ "attractors", "held" or "effective", (samples,)."""
        return self._by_sample(quantity, case, None)

    def _by_sample(self, quantity: str, case: Case, end: str | None) -> np.ndarray:
        return np.array(self._grouped[quantity, *case, end])

    @cached_property
    def _grouped(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("quantity", "model", "patterns", "end")

    def ranked(self, case: Case) -> tuple[np.ndarray, np.ndarray]:
        """Ranks (K,) of patterns by their basins, and these (samples, K)."""
        return self.study.curve("basin", "rank", **case._asdict())

    def held(self, model: str) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of patterns P (K,), and the fraction that ends in a memory (samples, K)."""
        return self.study.curve("fraction", "patterns", model=model, end="memory")

    def findings(self) -> Findings:
        """Text, record and figure."""
        from bridges.basin_plots import survey_figure

        return Findings(self.text(), self.summary(), survey_figure(self))

    def summary(self) -> dict[str, Any]:
        """The record: settings, and by case what was found with its standard error."""
        found: dict[str, Any] = asdict(self.survey.setting) | {
            "measure": self.survey.measure,
            "overlap": self.survey.overlap,
            "starts": self.survey.starts,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
        }
        found["cases"] = [
            case._asdict()
            | {name: estimate(self.number(case, name)) for name in _NUMBERS}
            | {"ends": {end: estimate(self.fraction(case, end)) for end in ENDS}}
            for case in self.cases
        ]
        return found

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        data, P = Path(self.survey.setting.data).stem, max(self.loads)
        full = [case for case in self.cases if case.patterns == P]
        shares = {c.model: float(self.fraction(c, "memory").mean()) for c in full}
        best, worst = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
        words = f"{data}, $P$ = {P}: {shares[best]:.0%} of the starts end in a memory"
        if best == worst:
            return f"{words} ({MODELS[best].label})"
        return f"{words} ({MODELS[best].label}), {shares[worst]:.0%} ({MODELS[worst].label})"

    def describe(self) -> str:
        """The measure in words."""
        noise = f"overlap {self.survey.overlap:g}"
        if self.survey.measure == "noised":
            return f"patterns corrupted to {noise}"
        return f"random spins, or N(0, σ²) of the size of patterns at {noise}"

    def text(self) -> str:
        """A table for a person."""
        s = self.survey
        rows = [
            [
                self.name(case),
                *(of_samples(self.number(case, name), d) for name, (_, d) in _NUMBERS.items()),
                *(of_samples(self.fraction(case, end)) for end in self.ends),
            ]
            for case in self.cases
        ]
        loads = ", ".join(map(str, self.loads))
        left_out = [f"(left out, as no couplings store the patterns: {'; '.join(self.left_out)})"]
        lines = [
            f"{Path(s.setting.data).name}, N = {s.setting.dimension}, P = {loads}; "
            f"{self.study.config['samples']} pattern sets, {s.starts} starts each: "
            f"{self.describe()}; errors: s.e. between pattern sets",
            "",
            table(["model", *(label for label, _ in _NUMBERS.values()), *self.ends], rows),
            "",
            "(effective attractors: exp of the entropy of their basins; none: not converged, or "
            "a saddle)",
            *(left_out if self.left_out else []),
        ]
        if self.study.reused:
            lines += ["", f"({self.study.reused} measurements found there, not repeated)"]
        return "\n".join(lines)


def conclude(study: Study) -> Findings:
    """What a survey of basins found, from its record."""
    asked = study.config["parameters"]
    setting = Setting(**(asked["setting"] | {"data": place(asked["data"])}))
    chosen = {k: asked[k] for k in ("measure", "overlap", "starts")}
    report = BasinReport(study, BasinSurvey(setting, **chosen))
    if not report.cases:
        raise ValueError(f"model stores the patterns in no case: {'; '.join(report.left_out)}")
    return report.findings()
