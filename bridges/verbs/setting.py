"""What the verbs that measure models share: the data, the options of models, the criterion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges.data import about, count, pattern_set, place, similarity_within
from bridges.data.sources import state
from bridges.memory import Memory
from bridges.models import MODELS, NETWORKS, Model, Options, find_model
from bridges.retrieval import retrieval_map
from bridges.study.record import Point
from bridges.study.results import Study

_LARGEST = 1024  # largest load measured unless asked for
_MOST = 10**7  # patterns that a measurement may ask for
_MEMORY = 4e9  # bytes that the couplings of a network may take


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
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_device(self.device)

    @classmethod
    def taken_from(cls, data: str, given: dict[str, Any], **own: Any) -> Setting:
        """Take its own out of the options of a command; `own` are under another name there."""
        state(data)  # refuses a file by the name that was given
        names = [f.name for f in fields(cls) if f.name in given]
        return cls(place(data), **{name: given.pop(name) for name in names}, **own)

    @classmethod
    def of(cls, study: Study) -> Setting:
        """The setting of a run; its data by a name that holds in any folder."""
        parameters = study.config["parameters"]
        asked = parameters.get("setting", parameters)
        setting = {f.name: asked[f.name] for f in fields(cls) if f.name in asked}
        return cls(**setting | {"data": place(parameters["data"])})

    @property
    def options(self) -> Options:
        """The options of the models."""
        own = {f.name for f in fields(self)}
        asked = {f.name: getattr(self, f.name) for f in fields(Options) if f.name in own}
        return Options(**asked)

    def pattern_set(self, kind: str, patterns: int, seed: int) -> Tensor:
        """The pattern set of a sample."""
        return pattern_set(self.data, kind, patterns, self.size, seed).to(self.device)

    def memory(self, name: str, patterns: int, seed: int, untrained: bool = False) -> Memory:
        """A model that stores the patterns of a sample. Raises ValueError, NotSeparableError."""
        model = find_model(name)
        options = self._untrained if untrained else self.options
        if model.kind == "stored":
            options = replace(options, centre=similarity_within(self.data))
        stored = self.pattern_set(model.kind, patterns, seed)
        return model.build(stored, options, seed)

    def check(self, models: Sequence[str], patterns: Sequence[int]) -> None:
        """Refuse what could not be measured, before anything is. Raises ValueError."""
        self._check_memory(models)
        for P in patterns:
            if self.data == "random":
                _checks.number("patterns", P, low=1, high=_MOST)
            else:
                self.pattern_set("binary", P, 0)
        for name in models:
            self._check_trained(name, find_model(name))
            memory = self.memory(name, 1 if name in MODELS else min(patterns), 0, untrained=True)
            if self.criterion == "one-step" and not hasattr(memory, "step"):
                raise ValueError(f"criterion 'one-step' is not for {name}: it has no single step")
            retrieval_map(memory, [0.5], 1, self.criterion, self.threshold, seed=0)

    def _check_trained(self, name: str, model: Model) -> None:
        """Refuse to cue what was trained before with patterns it has not seen the like of."""
        if model.trained and self.data == "random":
            raise ValueError(
                f"data: {name} was trained before it is cued; give the data that it was trained on "
                "as --data, got random"
            )

    def _check_memory(self, models: Sequence[str]) -> None:
        """Refuse networks whose couplings would not fit into memory. Raises ValueError."""
        matrices, name = max(((NETWORKS.get(name, 0), name) for name in models), default=(0, ""))
        if not matrices:
            return
        drawn = self.data == "random" and self.size
        sites = drawn or self.pattern_set("binary", 1, 0).shape[1]
        needed, allowed = 8 * sites**2 * matrices, min(_MEMORY, _available())
        if needed > allowed:
            raise ValueError(
                f"{'size' if drawn else 'data'}: {name} on {sites} sites needs {needed / 1e9:.3g} "
                f"GB for its couplings, of at most {allowed / 1e9:.3g}; take smaller images or "
                "fewer sites, or a memory without couplings (polynomial, exponential)"
            )

    @property
    def _untrained(self) -> Options:
        return replace(self.options, training_steps=0)

    def loads(self) -> list[int]:
        """Powers of two that the data allow."""
        available = _LARGEST if self.data == "random" else count(self.data)
        largest = min(available, _LARGEST)
        return [2**k for k in range(1, largest.bit_length()) if 2**k <= largest] or [1]

    def columns(self) -> Point:
        """What all points of the run share, for the rows of its table; N is the `size`."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        named |= about(self.data)
        if self.data != "random":
            named["vectors"] = count(self.data)
        if self.dynamics == Options.dynamics:
            del named["dynamics"]
        named |= {"data": Path(self.data).name, "size": self.pattern_set("binary", 1, 0).shape[1]}
        return {name: value for name, value in named.items() if value is not None}


def check_device(device: str) -> None:
    """Raise a ValueError unless tensors can live there."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {device!r} cannot be used here: {reason}") from error


def _available() -> float:
    """Bytes of memory that are free for use, infinite where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return inf
    return next((1024.0 * int(s.split()[1]) for s in lines if s.startswith("MemAvailable:")), inf)
