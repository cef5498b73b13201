"""Models side by side on the two axes that every memory has: load and corruption.

The load axis varies the number of patterns at one overlap of the cue, the corruption axis
the overlap at one number of patterns. Pattern sets and seeds are shared by all models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges.crossing import crossing
from bridges.data import count, pattern_set, place
from bridges.engine import Measure
from bridges.equivalence import noise_of_overlap
from bridges.models import MODELS, Options
from bridges.record import Point, Row
from bridges.results import Study, mean_and_sem
from bridges.retrieval import retrieval_map
from bridges.study import Findings
from bridges.tables import table, uncertain
from hopfield import NotSeparableError, checks
from hopfield.theory import argmax_retrieval, argmax_retrieval_spins

Law = Callable[[Any, float], Any]  # f(P, overlap) → probability of retrieval
_LARGEST = 1024  # largest load measured unless asked for
_MOST = 10**7  # patterns that a measurement may ask for


@dataclass(frozen=True)
class Setting:
    """What all points of a comparison share."""

    data: str
    size: int | None = None
    trials: int = 64
    criterion: str = "fixed-point"
    threshold: float = 0.95
    beta: float = 1.0
    degree: int = 3
    steps: int = 50
    rate: float = Options.rate
    training_overlap: float | None = None
    training_steps: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        try:
            torch.zeros(1, device=self.device).item()
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"device {self.device!r} cannot be used here: {reason}") from error

    def measure(self) -> Measure:
        """The measurement of a point, for `run_study`."""
        return partial(_measure, self)

    @property
    def options(self) -> Options:
        """What the models are told."""
        return Options(**{f.name: getattr(self, f.name) for f in fields(Options)})

    def pattern_set(self, kind: str, patterns: int, seed: int) -> Tensor:
        """The pattern set of a sample."""
        return pattern_set(self.data, kind, patterns, self.size, seed).to(self.device)

    def check(self, models: Sequence[str], patterns: Sequence[int]) -> None:
        """Refuse what could not be measured, before anything is. Raises ValueError."""
        for P in patterns:
            if self.data == "random":
                checks.number("patterns", P, low=1, high=_MOST)
            else:
                self.pattern_set("binary", P, 0)
        for name in models:
            model = MODELS[name]
            memory = model.build(self.pattern_set(model.kind, 1, 0), self._untrained, 0)
            if self.criterion == "one-step" and not hasattr(memory, "step"):
                raise ValueError(f"criterion 'one-step' is not for {name}: it has no single step")
            retrieval_map(memory, [0.5], 1, self.criterion, self.threshold, seed=0)

    @property
    def _untrained(self) -> Options:
        return replace(self.options, training_steps=0)

    def loads(self) -> list[int]:
        """Powers of two that the data allow."""
        available = _LARGEST if self.data == "random" else count(self.data)
        largest = min(available, _LARGEST)
        return [2**k for k in range(1, largest.bit_length()) if 2**k <= largest] or [1]

    @property
    def dimension(self) -> int:
        """N."""
        return self.pattern_set("binary", 1, 0).shape[1]


def load_points(models: Sequence[str], loads: Sequence[int], overlap: float) -> list[Point]:
    """Points of the load axis, P in `loads`."""
    return [
        {"axis": "load", "model": model, "patterns": P, "overlaps": [overlap]}
        for model in models
        for P in loads
    ]


def corruption_points(
    models: Sequence[str], patterns: int, overlaps: Sequence[float]
) -> list[Point]:
    """Points of the corruption axis, all overlaps of a model at once."""
    return [
        {"axis": "corruption", "model": m, "patterns": patterns, "overlaps": list(overlaps)}
        for m in models
    ]


def _measure(setting: Setting, point: Point, seed: int) -> list[Row]:
    model = MODELS[point["model"]]
    patterns = setting.pattern_set(model.kind, point["patterns"], seed)
    try:
        memory = model.build(patterns, setting.options, seed)
    except NotSeparableError:
        return []  # a load at which there is nothing to measure
    found = retrieval_map(
        memory, point["overlaps"], setting.trials, setting.criterion, setting.threshold, seed
    )
    named = {"success": found.success, "overlap": found.overlap_out, "converged": found.converged}
    return [
        {"cue_overlap": m, "quantity": name, "value": float(values[k])}
        for k, m in enumerate(point["overlaps"])
        for name, values in named.items()
        if np.isfinite(values[k])
    ]


@dataclass(frozen=True)
class Curve:
    """Retrieval of one model along one axis. x : (K,), P or cue overlap. by_sample :
    (samples, K) success. mean, sem : (K,), the latter between samples, NaN for one."""

    model: str
    x: np.ndarray
    by_sample: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return mean_and_sem(self.by_sample)[0]

    @property
    def sem(self) -> np.ndarray:
        return mean_and_sem(self.by_sample)[1]


def curves(study: Study, axis: str) -> list[Curve]:
    """The success curves of an axis, one a model, in the order of the points."""
    along = "patterns" if axis == "load" else "cue_overlap"
    result = []
    for model in dict.fromkeys(p["model"] for p in study.points if p["axis"] == axis):
        x, by_sample = study.curve("success", along, axis=axis, model=model)
        whole = ~np.isnan(by_sample).any(0)  # else some samples could not be stored
        if whole.any():
            result.append(Curve(model, x[whole], by_sample[:, whole]))
    return result


@dataclass(frozen=True)
class Report:
    """What a comparison found. overlap : of the cues on the load axis, None without it.
    patterns : P on the corruption axis, None without it."""

    study: Study
    setting: Setting
    overlap: float | None
    patterns: int | None
    level: float = 0.5

    @cached_property
    def load(self) -> list[Curve]:
        """The curves against load."""
        return curves(self.study, "load")

    @cached_property
    def corruption(self) -> list[Curve]:
        """The curves against the overlap of the cue."""
        return curves(self.study, "corruption")

    @cached_property
    def capacities(self) -> dict[str, dict[str, Any]]:
        """By model, the number of patterns at which retrieval falls to the level.

        crossed : "here"; "beyond" the largest load measured; or "never", below the level
        throughout.
        """
        found = {}
        for curve in self.load:
            value, interval = crossing(np.log(curve.x), curve.by_sample, self.level, rising=False)
            found[curve.model] = {
                "crossed": {np.inf: "beyond", -np.inf: "never"}.get(value, "here"),
                "patterns": float(np.exp(value)),
                "interval": [float(np.exp(end)) for end in interval],
                "measured_up_to": int(curve.x[-1]),
            }
        return found

    @cached_property
    def basins(self) -> dict[str, dict[str, Any]]:
        """By model, the least overlap of a cue that is retrieved at the level.

        crossed : "here"; "beyond" the least overlap measured; or "never".
        """
        found = {}
        for curve in self.corruption:
            value, interval = crossing(curve.x, curve.by_sample, self.level, rising=True)
            found[curve.model] = {
                "crossed": {-np.inf: "beyond", np.inf: "never"}.get(value, "here"),
                "overlap": value,
                "interval": list(interval),
                "measured_down_to": float(curve.x[0]),
            }
        return found

    @property
    def theory(self) -> dict[str, Law]:
        """Exact finite-N laws where the patterns are random: the limit of any decoder.

        A state close to two patterns at once, or to none, is not what they describe.
        """
        if self.setting.data != "random" or self.setting.threshold < 0.9:
            return {}
        N = self.setting.dimension
        laws: dict[str, tuple[str, Law]] = {
            "real": (
                "best decoder (theory, real)",
                lambda P, m: argmax_retrieval(P, N, noise_of_overlap(m)),
            ),
            "binary": (
                "best decoder (theory, spins)",
                lambda P, m: argmax_retrieval_spins(P, N, m),
            ),
        }
        kinds = {MODELS[point["model"]].kind for point in self.study.points}
        return {label: law for kind, (label, law) in laws.items() if kind in kinds}

    def findings(self) -> Findings:
        """Text, record and figure."""
        from bridges.plots import comparison_figure

        return Findings(self.text(), self.summary(), comparison_figure(self))

    def summary(self) -> dict[str, Any]:
        """The record: settings, and by model capacity and basin with 95 % intervals."""
        found: dict[str, Any] = asdict(self.setting) | {
            "level": self.level,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
        }
        if self.overlap is not None:
            found |= {"overlap": self.overlap, "capacity": self.capacities}
        if self.patterns is not None:
            found |= {"patterns": self.patterns, "basin": self.basins}
        return found

    def finding(self) -> str:
        """The result in a line, the title of the figure: the weakest and the best memory."""
        data = Path(self.setting.data).stem
        curves = self.load or self.corruption
        memories = [c for c in curves if c.model != "nearest"] or curves
        ranked = sorted(memories, key=lambda c: float(c.by_sample.mean()))
        ends = dict.fromkeys([ranked[0].model, ranked[-1].model])
        edge, what = (
            (self._held, f"cues at $m_0$ = {self.overlap:g} come home up to $P$ =")
            if self.load
            else (self._edge, f"cues of {self.patterns} patterns come home from $m_0$ =")
        )
        return f"{data}: half of the {what} " + ", ".join(f"{edge(m)} ({_label(m)})" for m in ends)

    def text(self) -> str:
        """Tables for a person."""
        s = self.setting
        lines = [
            f"{Path(s.data).name}, N = {s.dimension}; {self.study.config['samples']} pattern "
            f"sets, {s.trials} cues each; {s.criterion}, retrieved: cosine ≥ {s.threshold:g}; "
            "errors: s.e. between pattern sets",
        ]
        if self.load:
            heading = f"retrieval at m0 = {self.overlap:g}, P ="
            ends = [self._held(curve.model) for curve in self.load]
            lines += ["", _table(self.load, heading, "P at 1/2", ends)]
        if self.corruption:
            heading = f"retrieval at P = {self.patterns}, m0 ="
            ends = [self._edge(curve.model) for curve in self.corruption]
            lines += ["", _table(self.corruption, heading, "m0 at 1/2", ends)]
        if self.study.reused:
            lines += ["", f"({self.study.reused} measurements found there, not repeated)"]
        return "\n".join(lines)

    def _held(self, model: str) -> str:
        found = self.capacities[model]
        if found["crossed"] != "here":
            return f"> {found['measured_up_to']}" if found["crossed"] == "beyond" else "none"
        return f"{found['patterns']:{'.2g' if found['patterns'] < 100 else '.0f'}}"

    def _edge(self, model: str) -> str:
        found = self.basins[model]
        if found["crossed"] != "here":
            return f"< {found['measured_down_to']:g}" if found["crossed"] == "beyond" else "never"
        return f"{found['overlap']:.2f}"


def conclude(study: Study) -> Findings:
    """What a comparison found, from its record."""
    asked = study.config["parameters"]
    setting = {f.name: asked[f.name] for f in fields(Setting)} | {"data": place(asked["data"])}
    axes = {point["axis"]: point for point in study.points}
    overlap = axes["load"]["overlaps"][0] if "load" in axes else None
    patterns = axes["corruption"]["patterns"] if "corruption" in axes else None
    return Report(study, Setting(**setting), overlap, patterns).findings()


def _table(curves: Sequence[Curve], heading: str, last: str, ends: Sequence[str]) -> str:
    """A row a model, a column an x, and a `last` column."""
    columns = sorted({float(x) for curve in curves for x in curve.x})
    rows = []
    for curve, end in zip(curves, ends, strict=True):
        cells = {
            float(x): uncertain(mean, sem)
            for x, mean, sem in zip(curve.x, curve.mean, curve.sem, strict=True)
        }
        rows.append([_label(curve.model), *(cells.get(x, "—") for x in columns), end])
    return table([heading, *(f"{x:g}" for x in columns), last], rows)


def _label(model: str) -> str:
    return MODELS[model].label
