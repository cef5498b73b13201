"""What theory says of a comparison whose patterns are random.

Two kinds are kept apart: exact laws of finite N for the best decoder that there could be, drawn as
lines; and what `bridges.models.theory` says of each model, most of it for N → ∞, drawn as a stroke
of the model's colour where retrieval should end.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.equivalence import noise_of_overlap
from bridges.estimates import mean_and_sem
from bridges.models import MODELS, label_of
from bridges.models.theory import THEORIES, Theory
from bridges.study.looks import looks_of
from bridges.study.record import Point
from bridges.study.results import Study
from bridges.study.tables import table, uncertain
from bridges.verbs.setting import Setting
from hopfield.theory import argmax_retrieval, argmax_retrieval_spins

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Law = Callable[[Any, float], Any]  # f(P, overlap) → probability of retrieval
DECODERS: dict[str, Callable[[Any, int, float], Any]] = {  # f(P, N, overlap) of the best
    "real": lambda P, N, overlap: argmax_retrieval(P, N, noise_of_overlap(overlap)),
    "binary": argmax_retrieval_spins,
}
STROKE = "strokes: theory of a model"


def decoders(setting: Setting, kinds: Container[str], size: int) -> dict[str, Law]:
    """Exact finite-N laws where the patterns are random: the limit of any decoder.

    A state close to two patterns at once, or to none, is not what they describe.
    """
    if setting.data != "random" or setting.threshold < 0.9:
        return {}

    def here(law: Callable[[Any, int, float], Any]) -> Law:
        return lambda P, overlap: law(P, size, overlap)

    known = {kind: here(law) for kind, law in DECODERS.items() if kind in kinds}
    words = {"real": "real", "binary": "spins"}
    return {f"best decoder (theory, {words[kind]})": law for kind, law in known.items()}


def kind_of(point: Point) -> str:
    """Kind of the states of the model of a point, "" where its cues are no flipped patterns."""
    model = MODELS.get(point["model"])
    if model is not None and model.unknown:
        return ""
    found: str = point["states"] if model is None else model.kind
    return found


@dataclass(frozen=True)
class Laws:
    """What theory says of the models of a run; of none unless patterns are random.

    Attributes
    ----------
    setting : of the run.
    models : by name or path.
    size : N.
    """

    setting: Setting
    models: tuple[str, ...]
    size: int

    @classmethod
    def of(cls, study: Study, setting: Setting, size: int) -> Laws:
        """The laws of all models of a run."""
        return cls(setting, tuple(dict.fromkeys(p["model"] for p in study.points)), size)

    @cached_property
    def known(self) -> dict[str, Theory]:
        """The models that have a theory."""
        if self.setting.data != "random" or self.setting.criterion != "fixed-point":
            return {}
        return {model: THEORIES[model] for model in self.models if model in THEORIES}

    def capacities(self, overlap: float) -> dict[str, float]:
        """By model, P up to which cues at `overlap` are retrieved; of clean ones, see `Theory`."""
        asked = self.size, overlap, self.setting.threshold, self.setting.options
        return {model: one.capacity(*asked) for model, one in self.known.items()}

    def edges(self, patterns: int) -> dict[str, float]:
        """By model, the least overlap of a cue that is retrieved, where theory knows the cue."""
        asked = patterns, self.size, self.setting.threshold, self.setting.options
        known = {m: one for m, one in self.known.items() if one.of_cue}
        return {model: one.least_overlap(*asked) for model, one in known.items()}

    def retrieved(self, study: Study, patterns: int) -> dict[str, Point]:
        """By model, the overlap retrieved from the cleanest cues that were measured, and theory."""
        found = {}
        for model, theory in self.known.items():
            own = {"axis": "corruption", "patterns": patterns}
            x, by_sample = study.curve("overlap", "cue_overlap", model=model, **own)
            if theory.retrieved is None or not len(x) or np.isnan(by_sample[:, -1]).any():
                continue
            mean, sem = (float(one) for one in mean_and_sem(by_sample[:, -1]))
            law = theory.cosine(patterns, self.size, float(x[-1]), self.setting.options)
            measured = {"mean": mean, "sem": sem, "n": len(by_sample)}
            found[model] = measured | {"cue_overlap": float(x[-1]), "theory": law}
        return found


def retrieved_table(found: Mapping[str, Point], patterns: int) -> str:
    """A row per model: the overlap that is retrieved, and that of theory."""
    rows = [
        [
            *(label_of(m), f"{one['cue_overlap']:g}", uncertain(one["mean"], one["sem"], 4)),
            *(f"{one['theory']:.4g}", THEORIES[m].source),
        ]
        for m, one in found.items()
    ]
    return table([f"overlap at P = {patterns}", "m0", "retrieved", "theory", "of"], rows)


def strokes(axes: Axes, found: Mapping[str, float], level: float, color: str | None = None) -> None:
    """A stroke across the level where theory says that the retrieval of a model ends.

    color : of all; None: that of each model.
    """
    low, high = sorted(axes.get_xlim())
    looks = looks_of(found)
    inside = {model: x for model, x in found.items() if np.isfinite(x) and low <= x <= high}
    for k, (model, x) in enumerate(inside.items()):
        label = STROKE if k == 0 else None
        ends = [level - 0.07, level + 0.07]
        axes.plot([x, x], ends, color=color or looks[model][0], lw=2.4, zorder=5, label=label)
