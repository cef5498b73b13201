"""What the verbs that measure models share: the data, the options of models, the criterion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from bridges import _checks
from bridges.data import about, count, fingerprint, is_drawn, pattern_set, place
from bridges.data.sources import state
from bridges.memory import Memory
from bridges.models import MODELS, NETWORKS, SPANNED, Model, Options, Reading, find_model
from bridges.models.states import check_data, shape_of, similarity_of_states, states_of
from bridges.retrieval import retrieval_map
from bridges.study.record import Point
from bridges.study.results import Study
from hopfield.low_rank import pays

OF_MODELS = frozenset(name for model in MODELS.values() for name in model.reads) - {"steps"}
"""Options of single models, which stand in the points of the models that read them."""
_COLUMNS = {"activity": "active_share"}  # `activity` is that of the data
_LARGEST = 1024  # largest load measured unless asked for
_COPIES = 4  # of patterns and of cues, held at once


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
    dynamics: str = Options.dynamics
    activity: float = Options.activity
    theta: float | None = None
    gain: float = Options.gain
    levels: int = Options.levels
    keep: float = Options.keep
    colours: int = Options.colours
    clip: float = Options.clip
    temperature: float = Options.temperature
    entmax: float = Options.entmax
    features: int | None = None
    window: int = Options.window
    label: int | None = None
    scheduler: str | None = None
    batch_size: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_device(self.device)

    @classmethod
    def taken_from(cls, data: str, given: dict[str, Any], **own: Any) -> Self:
        """Take its own out of the options of a command; `own` are under another name there."""
        state(data)  # refuses a file by the name that was given
        names = [f.name for f in fields(cls) if f.name in given]
        return cls(place(data), **{name: given.pop(name) for name in names}, **own)

    @classmethod
    def of(cls, study: Study) -> Self:
        """The setting of a run; its data by a name that holds in any folder."""
        parameters = study.config["parameters"]
        asked = parameters.get("setting", parameters)
        setting = {f.name: asked[f.name] for f in fields(cls) if f.name in asked}
        return cls(**setting | {"data": place(parameters["data"])})

    def has(self, content: str) -> bool:
        """Whether the data can still be read, and are those of this content."""
        try:
            return fingerprint(self.data) == content
        except (OSError, ValueError):
            return False

    @property
    def options(self) -> Options:
        """The options of the models."""
        own = {f.name for f in fields(self)}
        asked = {f.name: getattr(self, f.name) for f in fields(Options) if f.name in own}
        return Options(**asked)

    def pattern_set(self, kind: str, patterns: int, seed: int) -> Tensor:
        """The pattern set of a sample."""
        found = pattern_set(self.data, kind, patterns, self.size, seed, coding=self.options.coding)
        return found.to(self.device)

    def model(self, name: str) -> Model:
        """A model by name or path, read as was asked for."""
        return find_model(name, Reading(self.label, self.scheduler, self.batch_size))

    def memory(self, name: str, patterns: int, seed: int, untrained: bool = False) -> Memory:
        """A model that stores the patterns of a sample. Raises ValueError, NotSeparableError."""
        model = self.model(name)
        options = self._untrained if untrained else self.options
        stored = self.pattern_set(model.kind, patterns, seed)
        if model.kind == "stored" and not is_drawn(self.data):
            stored = states_of(model, stored, self.data)
            centre, shape = similarity_of_states(model, self.data), shape_of(self.data)
            options = replace(options, centre=centre, shape=shape)
        return model.build(stored, options, seed)

    def check(self, models: Sequence[str], patterns: Sequence[int], cues: int = 0) -> None:
        """Refuse what could not be measured, before anything is. Raises ValueError.

        cues : states at once, if not `trials`.
        """
        self._check_memory(models, max(patterns), cues or self.trials)
        for P in patterns if not is_drawn(self.data) else ():
            self.pattern_set("binary", P, 0)
        for name in models:
            if (model := self.model(name)).trained:
                check_data(name, model, self.data)
            if min(patterns) < model.least:
                raise ValueError(
                    f"patterns must be at least {model.least} for {name}, got {min(patterns)}"
                )
            few = model.least if name in MODELS else min(patterns)
            memory = self.memory(name, few, 0, untrained=True)
            if self.criterion == "one-step" and not hasattr(memory, "step"):
                raise ValueError(f"criterion 'one-step' is not for {name}: it has no single step")
            retrieval_map(memory, [0.5], 1, self.criterion, self.threshold, seed=0)

    def _check_memory(self, models: Sequence[str], patterns: int, cues: int) -> None:
        """Refuse what would not fit into memory. Raises ValueError."""
        drawn = is_drawn(self.data) and self.size
        sites = drawn or self.sites
        few = pays(patterns, sites)  # then these keep no matrix
        full = [name for name in models if not (few and name in SPANNED)]
        matrices, name = max(((NETWORKS.get(name, 0), name) for name in full), default=(0, ""))
        couplings = f"couplings of {name} on {sites} sites (polynomial, exponential have none)"
        for numbers, what in (
            (matrices * sites**2, f"{'size' if drawn else 'data'}: {couplings}"),
            (
                _COPIES * patterns * sites,
                f"patterns or loads: {patterns} patterns of {sites} sites",
            ),
            (_COPIES * cues * sites, f"trials, starts or draws: {cues} cues of {sites} sites"),
        ):
            _checks.within_memory(8 * numbers, what, each_job=True)

    @property
    def _untrained(self) -> Options:
        return replace(self.options, training_steps=0)

    def ones_of_cues(self, models: Iterable[str], size: int) -> str:
        """In words that end a heading, what cues of 0/1 patterns can be; "" where there are none.

        Whole ones are moved or left, so that few ones have few overlaps.
        """
        asked = {"covariance", "willshaw"} & {*models}
        if not asked:
            return ""
        K = self.options.coding.ones(size)
        kinds = [f"k/{K}"] * ("covariance" in asked)
        kinds += [f"√(k/{K}) with k ≥ 1 (Willshaw)"] * ("willshaw" in asked)
        return f"; {K} ones of {size}, cues at the nearest overlap " + " or ".join(kinds)

    @property
    def sites(self) -> int:
        """Sites N of a pattern."""
        return self.pattern_set("binary", 1, 0).shape[1]

    def loads_of(self, alpha: Sequence[float]) -> list[int]:
        """Numbers of patterns P = αN, different ones, at least 1."""
        return sorted({max(1, round(load * self.sites)) for load in alpha})

    def at_most(self, patterns: int) -> int:
        """So many patterns, or all that the data have."""
        return patterns if is_drawn(self.data) else min(patterns, count(self.data))

    def loads(self) -> list[int]:
        """Powers of two that the data allow."""
        largest = self.at_most(_LARGEST)
        return [2**k for k in range(1, largest.bit_length()) if 2**k <= largest] or [1]

    def columns(self, size: int | None = None) -> Point:
        """What all points of the run share, for the rows of its table; N is the `size`.

        size : of states that are rows of the data as they are; None: they are its patterns.
        """
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in OF_MODELS}
        if size is None:
            size = self.sites
            named |= about(self.data)
        if not is_drawn(self.data):
            named["vectors"] = count(self.data)
        if self.dynamics == Options.dynamics:
            del named["dynamics"]
        named |= {"data": Path(self.data).name, "size": size}
        return {name: value for name, value in named.items() if value is not None}


def read_by(asked: object, point: Point) -> Point:
    """The options of its own that the model of a point reads, for its row."""
    model = MODELS.get(point.get("model", ""))
    setting = getattr(asked, "setting", asked)
    if model is None or not isinstance(setting, Setting):
        return {}
    found = {_COLUMNS.get(name, name): getattr(setting, name) for name in model.reads}
    return {name: value for name, value in found.items() if value is not None}


def check_device(device: str) -> None:
    """Raise a ValueError unless tensors can live there."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {device!r} cannot be used here: {reason}") from error
