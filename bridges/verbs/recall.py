"""Cues coming home, step by step, in pictures and in numbers: `bridges recall`.

Every sample has a pattern set and a cue of its own. The table has the overlap of the state with
the pattern, and the energy, after each of some steps; a cue that has come to its end stays there,
so that all samples have a value at every step. The pictures are those of the first sample: they
are not in the record, and made again from the data when they are drawn.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bridges.data import as_rows, fingerprint, picture_as_row, said
from bridges.estimates import estimate, fraction_and_sem, with_count
from bridges.memory import ROUNDING, Memory
from bridges.memory.similarity import similarity_of
from bridges.models import Model, content_of, label_of
from bridges.models.states import rows_of
from bridges.retrieval import RecallPath, recall_path
from bridges.study import report as base
from bridges.study.figures import literal
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.study.run import sample_seeds
from bridges.study.tables import WIDTH, of_samples, table
from bridges.verbs.cues import Chosen, Cues
from hopfield import NotSeparableError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

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
        cue = str(Path(cue).resolve())
        picture_as_row(cue, setting.data)  # refuses what is none
        content = _digest(cue)
    cues = Cues(cue, mask, overlap)
    setting.check(models, [patterns], cues=1)
    cues.check(setting)
    return Recall(setting, cues, content)


def _digest(file: str) -> str:
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
    own = similarity.seen(memory.patterns[found.nearest]) == similarity.seen(found.patterns)
    numbers = {
        "cue": float(found.overlap[0, 0]),
        "end": end,
        "home": float(end >= recall.setting.threshold - ROUNDING),
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


class Report(base.Report):
    """What became of the cues."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.recall = Recall.of(study)
        if not self.models:
            raise ValueError(f"model stores the patterns in no case: {', '.join(self.asked)}")

    @property
    def asked(self) -> list[str]:
        """Names of the models that were asked for."""
        return [point["model"] for point in self.study.points]

    @cached_property
    def models(self) -> list[str]:
        """Names of those that have a measurement, in this order."""
        pairs = zip(self.asked, self.study.samples, strict=True)
        return [name for name, samples in pairs if any(samples)]

    @property
    def patterns(self) -> int:
        """Number of patterns P that each model stores."""
        return int(self.study.points[0]["patterns"])

    def number(self, model: str, quantity: str) -> np.ndarray:
        """A number of each sample that has it, (samples,) or fewer."""
        return self.between_sets(self.patterns, np.array(self._grouped[quantity, model, None]))

    @cached_property
    def _grouped(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("quantity", "model", "step")

    def curve(self, model: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps (K,), and the overlap there (samples, K)."""
        steps, overlap = self.study.curve("overlap", "step", model=model)
        return steps, self.between_sets(self.patterns, overlap)

    def conclusions(self) -> Point:
        """By model where its cues came to."""
        found = {}
        for model in self.models:
            numbers = {
                name: estimate(self.number(model, name)) for name in ("cue", "end", "steps", "told")
            }
            for name in ("home", "nearest"):
                share = self.number(model, name)
                mean, sem = fraction_and_sem(share)
                numbers[name] = {"mean": float(mean), "sem": float(sem), "n": len(share)}
            found[model] = numbers
        return {"models": found}

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        shares = {model: float(self.number(model, "home").mean()) for model in self.models}
        best, worst = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
        what = f"{literal(Path(self.recall.setting.data).stem)}, $P$ = {self.patterns}"
        words = f"{what}: of {self._cues()}, {shares[best]:.0%} come home ({label_of(best)})"
        return words if best == worst else f"{words}, {shares[worst]:.0%} ({label_of(worst)})"

    def _cues(self) -> str:
        cues, index = self.recall.cues, self.recall.setting.first
        of = "cues" if index is None else f"cues of row {index}"
        if cues.file is not None:
            of = f"the cue {literal(Path(cues.file).name)}"
        return f"{of} {cues.words()}".strip()

    def heading(self) -> str:
        """The data and the cues."""
        s, point = self.recall.setting, self.study.points[0]
        return (
            f"{Path(s.data).name}, N = {point['size']}, P = {self.patterns}; one cue per pattern "
            f"set, {self._cues()}; home: cosine ≥ {s.threshold:g}{said(point)}"
        )

    def tables(self) -> Iterator[str]:
        """A row per model."""
        names = {"cue": 3, "end": 3, "home": 2, "nearest": 2, "steps": 1}
        rows = []
        for model in self.models:
            n = len(self._grouped["end", model, None])
            cells = [of_samples(self.number(model, name), d) for name, d in names.items()]
            rows.append([with_count(label_of(model), n, self.samples), *cells])
        yield table(["model", "overlap of the cue", "of the end", "home", "found", "steps"], rows)
        of = "nearest to it" if self.recall.cues.file else "that the cue is made of"
        notes = [f"overlaps are with the pattern {of}; found: the end is nearest to this one"]
        left = [label_of(name) for name in self.asked if name not in self.models]
        notes += ["the pictures are of the first pattern set"] * bool(self.ways)
        notes += [f"left out, as no couplings store the patterns: {', '.join(left)}"] * bool(left)
        yield textwrap.fill(f"({'; '.join(notes)})", WIDTH)

    @property
    def at_hand(self) -> bool:
        """Whether data, models and cue can still be read, and are the same; pictures need them."""
        parameters = self.setting
        try:
            if fingerprint(self.recall.setting.data) != parameters["content of data"]:
                return False
            if self.recall.cues.file and _digest(self.recall.cues.file) != self.recall.content:
                return False
            contents = ((name, parameters.get(f"content of {name}")) for name in self.models)
            return all(was is None or content_of(name) == was for name, was in contents)
        except (OSError, ValueError):
            return False

    @cached_property
    def ways(self) -> list[Way]:
        """The ways of the cue of the first sample; none where they cannot be made again."""
        seed = sample_seeds(self.study.config["seed"], 1)[0]
        found = []
        for name in self.models if self.at_hand else ():
            try:
                found.append(self._way(name, seed))
            except NotSeparableError:
                continue
        return found

    def _way(self, name: str, seed: int) -> Way:
        memory, found = self.recall.path(name, self.patterns, seed)
        setting, model = self.recall.setting, self.recall.setting.model(name)
        like = setting.pattern_set("stored", self.patterns, seed)
        home = float(found.overlap[-1, 0]) >= setting.threshold - ROUNDING

        def rows(states: Tensor) -> Tensor:
            return _seen(model, states, setting.data, like)

        near = memory.patterns[found.nearest]
        return Way(name, found, rows(found.states[:, 0]), rows(found.patterns), rows(near), home)

    @property
    def figsize(self) -> tuple[float, float]:
        """A line of pictures per model, above the curves."""
        from bridges.verbs.recalled import size

        return size(self)

    def draw(self, figure: Figure) -> None:
        """The pictures, and beneath them the overlap against the step."""
        from bridges.verbs.recalled import draw

        draw(figure, self)


def _seen(model: Model, states: Tensor, data: str, like: Tensor) -> Tensor:
    """States (K, n) of a model as rows of the data (K, N)."""
    if model.kind == "stored" and data != "random":
        return rows_of(model, states, data).double().cpu()
    return as_rows(data, model.kind, states, like)
