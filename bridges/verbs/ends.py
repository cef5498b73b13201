"""What `bridges basins` surveys, and where the starts of one model end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bridges import _checks
from bridges.attractors import KINDS
from bridges.basins import BasinFractions, basin_fractions
from bridges.data import CODED, is_drawn, load_data, pattern_classes, pattern_set
from bridges.memory import Memory
from bridges.memory.similarity import similarity_of
from bridges.starts import Starts, cues, gaussian, spins
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.verbs.setting import Setting
from hopfield import NotSeparableError

POINTS = 120  # of the picture along a side, unless --points is given
_COPIES = 8  # of the starts, held at once
_RANKS = 40  # basins whose sizes are recorded, of the largest to the least


@dataclass(frozen=True)
class Picture:
    """What the picture shows: the plane, noise levels in units of the data's deviation."""

    plane: str | None = None
    sigmas: Sequence[float] | None = None
    points: int = POINTS


@dataclass(frozen=True)
class BasinSurvey:
    """What to survey: a setting of the models, the measure of the starts ("noised" or
    "random"), the overlap m of the noise, how many starts, and a picture if one is wanted.

    With a picture, real states of data in two dimensions are the points themselves, about their
    mean and in units of their deviation; on a sphere, as elsewhere, they would be on a circle.
    """

    setting: Setting
    measure: str
    overlap: float
    starts: int
    picture: Picture | None = None

    def columns(self) -> Point:
        """What all points of the run share, for the rows of its table."""
        own = {"starts": self.starts, "measure": self.measure, "overlap": self.overlap}
        if self.plane:
            return self.setting.columns(size=2) | own | {"unit": self.units()[1]}
        return self.setting.columns() | own

    @classmethod
    def of(cls, study: Study) -> BasinSurvey:
        """The survey of a run; its data by a name that holds in any folder."""
        asked = study.config["parameters"]
        picture = asked.get("picture")
        return cls(
            Setting.of(study),
            asked["measure"],
            asked["overlap"],
            asked["starts"],
            None if picture is None else Picture(**picture),
        )

    @property
    def plane(self) -> bool:
        """Whether the data are points of a plane, of which a picture is wanted."""
        data = self.setting.data
        if self.picture is None or is_drawn(data):
            return False
        return load_data(data).rows.shape[1] == 2

    def flat(self, model: str) -> bool:
        """Whether the states of a model are the points of a plane."""
        return self.plane and self.setting.model(model).kind == "real"

    def check(self, models: Sequence[str], loads: Sequence[int]) -> None:
        """Refuse what could not be measured, before anything is. Raises ValueError."""
        others = [name for name in models if not self.flat(name)]
        if others:
            self.setting.check(others, loads, self.starts)
        if self.measure == "random" and "clamped" in models:
            raise ValueError("measure random is not for clamped: known spins stay as they are")
        words = f"starts: {self.starts} points of a plane"
        _checks.within_memory(8 * _COPIES * 2 * self.starts, words, each_job=True)

    def units(self) -> tuple[np.ndarray, float]:
        """Mean (N,) and rms deviation of the data, which states of a plane are in units of."""
        rows = load_data(self.setting.data).rows.double()
        unit = float((rows - rows.mean(0)).square().mean().sqrt())
        if not unit > 0:
            raise ValueError(f"data must hold at least 2 different points, got {len(rows)} alike")
        return rows.mean(0).numpy(), unit

    def memory(
        self,
        model: str,
        patterns: int,
        seed: int,
        sigma: float | None = None,
        untrained: bool = False,
    ) -> Memory:
        """A model that stores the patterns of a sample, at a noise level where it has one."""
        setting = self.setting
        if sigma is not None:
            unit = self._unit(model, patterns, seed)
            setting = replace(setting, beta=(sigma * unit) ** -2)
        if not self.flat(model):
            return setting.memory(model, patterns, seed, untrained)
        mean, unit = self.units()
        rows = setting.pattern_set("stored", patterns, seed)
        states = (rows - rows.new_tensor(mean)) / unit
        return setting.model(model).build(states, setting.options, seed)

    def _unit(self, model: str, patterns: int, seed: int) -> float:
        """What σ is in units of, in those of the states: 1, or the deviation of rows as stored."""
        if self.setting.model(model).kind != "stored":
            return 1.0
        memory = self.setting.memory(model, patterns, seed, untrained=True)
        return similarity_of(memory).rms(memory.patterns)

    def has_level(self, model: str, patterns: int) -> bool:
        """Whether a model retrieves at a noise level that can be chosen."""
        if model == "exponential-real":  # β is one
            return True
        try:
            return hasattr(self.memory(model, patterns, 0, untrained=True), "level")
        except NotSeparableError:
            return False

    def overlap_at(self, memory: Memory, model: str, sigma: float | None) -> float:
        """The overlap that a memory is told its starts have, for them to be at a noise level."""
        if sigma is None:
            return self.overlap
        similarity = similarity_of(memory)
        unit = similarity.rms(memory.patterns) if self.setting.model(model).kind == "stored" else 1
        return similarity.overlap_of_noise(sigma * unit, memory.patterns)

    def drawn(self, memory: Memory, kind: str, seed: int) -> Starts:
        """Starts for a memory of states of this kind."""
        if self.measure == "noised":
            return cues(memory, self.overlap, self.starts, seed)
        size = memory.patterns.shape[1]
        if kind == "binary":
            return spins(self.starts, size, seed)
        if kind in CODED:
            coding = self.setting.options.coding
            sites = size // coding.colours if kind == "colours" else size
            states = pattern_set("random", kind, self.starts, sites, seed, coding=coding)
            return Starts(states, f"random {'0/1 states' if kind == 'sparse' else 'colours'}")
        rms = float(memory.patterns.square().mean().sqrt())
        found = gaussian(self.starts, size, rms / self.overlap, seed)
        return Starts(found.states, found.measure, self.overlap)


def measure(survey: BasinSurvey, point: Point, seed: int) -> list[Row]:
    """Where the starts of one model end, for `run_study`."""
    name, P, setting = point["model"], point["patterns"], survey.setting
    try:
        memory = survey.memory(name, P, seed)
    except NotSeparableError:
        return []  # a load at which there is nothing to measure
    found = basin_fractions(
        memory,
        survey.drawn(memory, setting.model(name).kind, seed),
        labels=pattern_classes(setting.data, P, seed),
        threshold=setting.threshold,
        seed=_checks.generator_from(seed, "basins"),
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
