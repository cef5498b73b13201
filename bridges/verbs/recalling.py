"""Cues followed step by step, for `bridges recall`: what is asked for, recorded and looked at.

Every sample has a pattern set and a cue of its own. The table has the overlap of the state with
the pattern, and the energy, after each of some steps; a cue that has come to its end stays there,
so that all samples have a value at every step. The pictures are those of the first sample: they
are not in the record, and made again from the data when they are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bridges.data import as_rows, is_drawn, picture_as_row
from bridges.memory import ROUNDING, Memory
from bridges.memory.cueing import answered
from bridges.memory.similarity import similarity_of
from bridges.models import Model
from bridges.models.states import rows_of
from bridges.retrieval import RecallPath, recall_path
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.verbs.cues import Chosen, Cues
from hopfield import NotSeparableError

_SWEEPS = 100  # that a memory makes at most unless its levels say otherwise
_EACH = 8  # steps that are all recorded; from there on, five in a factor of two
_USUAL = 0.6  # overlap of the cues where nothing else corrupts them


@dataclass(frozen=True)
class Recall:
    """What is recalled: a setting, and its cues.

    content : a digest of the file of the cues, whose name may come to hold another picture.
    """

    setting: Chosen
    cues: Cues
    content: str | None = None

    @classmethod
    def of(cls, study: Study) -> Recall:
        """The recall of a run."""
        asked = study.config["parameters"]
        return cls(Chosen.of(study), Cues(**asked["cues"]), asked["content"])

    def columns(self) -> Point:
        """What all points of the run share, for the rows of its table."""
        named = self.setting.columns()
        named = {k: v for k, v in named.items() if k not in ("trials", "criterion", "first")}
        cues = {"index": self.setting.first, "mask": self.cues.mask, "overlap": self.cues.overlap}
        if self.cues.file is not None:
            cues["cue"] = Path(self.cues.file).name
        return named | {k: v for k, v in cues.items() if v is not None}

    def is_home(self, overlap: float) -> bool:
        """Whether this overlap with the pattern counts as retrieval."""
        return overlap >= self.setting.threshold - ROUNDING

    def path(self, name: str, patterns: int, seed: int) -> tuple[Memory, RecallPath]:
        """The memory of a sample, and the way of its cue. Raises NotSeparableError too."""
        setting, model = self.setting, self.setting.model(name)
        memory = setting.memory(name, patterns, seed)
        given = self.cues.given(setting, model, memory, patterns, seed)
        generator = torch.Generator(given.cue.device).manual_seed(seed)
        return memory, recall_path(memory, given.cue, given.told, given.pattern, generator)


def asked(
    data: str,
    given: dict[str, Any],
    models: list[str],
    patterns: int,
    *,
    cue: str | None,
    index: int | None,
    mask: str | None,
    overlap: float | None,
) -> Recall:
    """What a command asks for, of whose options the setting takes its own. Raises ValueError."""
    if cue is not None and index is not None:
        raise ValueError("cue and index both say what is cued; give one of them")
    setting = Chosen.taken_from(data, given, first=index)
    setting.check_first(patterns)
    if overlap is None:
        overlap = _USUAL if cue is None and mask is None else 1.0
    content = None
    if cue is not None:
        picture_as_row(cue, setting.data)  # refuses what is none
        cue = str(Path(cue).resolve())
        content = digest(cue)
    cues = Cues(cue, mask, overlap)
    setting.check(models, [patterns], cues=1)
    cues.check(setting)
    return Recall(setting, cues, content)


def digest(file: str) -> str:
    """A digest of what a file holds."""
    return sha256(Path(file).read_bytes()).hexdigest()


def measure(recall: Recall, point: Point, seed: int) -> list[Row]:
    """The way of one cue, for `run_study`."""
    try:
        memory, found = recall.path(point["model"], point["patterns"], seed)
    except NotSeparableError:
        return []  # a load at which there is nothing to follow
    last = len(found.states) - 1
    rows: list[Row] = []
    for step in steps_recorded(last if found.levels is not None else max(last, _SWEEPS)):
        at = min(step, last)
        of = {"overlap": found.overlap}
        if found.energy is not None:
            of["energy"] = found.energy
        rows += [{"step": step, "quantity": q, "value": float(x[at, 0])} for q, x in of.items()]
    end, similarity = float(found.overlap[-1, 0]), similarity_of(memory)
    seen = similarity.seen if found.targets.shape == found.patterns.shape else torch.as_tensor
    own = seen(answered(memory, memory.patterns[found.nearest])) == seen(found.targets)
    numbers = {
        "cue": float(found.overlap[0, 0]),
        "end": end,
        "home": float(recall.is_home(end)),
        "nearest": float(own.all()),
        "steps": float(found.steps[0]),
        "told": found.told,
    }
    return rows + [{"quantity": name, "value": value} for name, value in numbers.items()]


def steps_recorded(most: int) -> list[int]:
    """The steps of which a record is kept: all of the first, then some evenly on a log scale.

    Examples
    --------
    >>> steps_recorded(20)
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 14, 16, 18, 20]
    """
    some = {round(_EACH * 2 ** (k / 5)) for k in range(200)}
    return sorted({k for k in {*range(_EACH + 1), *some} if k < most} | {most})


@dataclass(frozen=True)
class Way:
    """The way of a cue through one model, as rows of the data that can be looked at."""

    name: str
    found: RecallPath
    rows: Tensor  # (K, N)
    pattern: Tensor  # (1, N)
    nearest: Tensor  # (1, N)
    home: bool

    @classmethod
    def of(cls, recall: Recall, name: str, patterns: int, seed: int) -> Way:
        """The way of the cue of a sample. Raises NotSeparableError too."""
        memory, found = recall.path(name, patterns, seed)
        model = recall.setting.model(name)
        like = recall.setting.pattern_set("stored", patterns, seed)
        parts = (found.states[:, 0], found.patterns, memory.patterns[found.nearest])
        rows, own, near = (_seen(model, states, recall.setting.data, like) for states in parts)
        return cls(name, found, rows, own, near, recall.is_home(float(found.overlap[-1, 0])))


def _seen(model: Model, states: Tensor, data: str, like: Tensor) -> Tensor:
    """States (K, n) of a model as rows of the data (K, N)."""
    if model.kind == "stored" and not is_drawn(data):
        return rows_of(model, states, data).double().cpu()
    return as_rows(data, model.kind, states, like)
