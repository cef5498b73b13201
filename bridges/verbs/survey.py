"""A data set surveyed as memories, and samples judged against it: `bridges memorization`.

Every sample of the survey takes its own P points of the data for memories and holds the rest
out; where nothing is left to hold out, each memory is left out in turn instead, and samples
differ in their noise alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges.data import (
    count,
    fingerprint,
    is_drawn,
    load_data,
    pattern_classes,
    pattern_set,
    place,
    standardised,
)
from bridges.data.reading import joined
from bridges.data.sources import state
from bridges.geometry import memory_geometry, noise_grid
from bridges.memorization.calibration import calibrated
from bridges.memorization.distances import Measured, measured, measures_of, part_of
from bridges.memorization.listing import ALSO, is_picture
from bridges.models import Options, Reading, content_of
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.verbs.setting import check_device
from bridges.verbs.unlike import unlike_rows

if TYPE_CHECKING:
    from bridges.verbs.drawn import Trained

FILES = ("data", "generated", "held_out")  # of a survey, by the option that names them
_LEVEL = 0.01  # of false alarms, at which the calibrated threshold is set
_LEAST = 4  # memories that have a geometry
_REST = 1e8  # bytes of the points that are held out where --patterns leaves more
_SURVEYED = 2**22  # numbers of the memories whose geometry is measured, unless --patterns is given
_RANDOM = 200  # points of random data unless --patterns is given
FRACTIONS = tuple(k / 20 for k in range(1, 21))  # d₁/d₂ at which its distribution is recorded
CURVES = ("return_probability", "entropy", "dimension", "agreement")
NUMBERS = {  # quantity: (label, digits)
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


@dataclass(frozen=True)
class Survey:
    """What to survey.

    Attributes
    ----------
    data : a data set.
    size : N of random data.
    draws : noised points per noise level, and samples that a model draws.
    generated : a .npy or .npz file of samples like the data, or None.
    held_out : the same of data that a model has not seen.
    model : a denoiser that was trained on the data, by path, or a local one by name; or None.
    dynamics : of its reverse process, "flow" or "sde".
    steps : of the same.
    window : of a local denoiser by name.
    label, scheduler, batch_size : how the model is read, as `bridges.models.Reading` has them.
    only : "copies" to judge samples alone, without the geometry of the data; None for all.
    also : "mirrored" and "shifted" copies to look for.
    drawn : whether `generated` is what the model drew.
    device : where the model and what it is given live.
    """

    data: str
    size: int | None = None
    draws: int = 500
    generated: str | None = None
    held_out: str | None = None
    model: str | None = None
    dynamics: str = "flow"
    steps: int = Options.steps
    window: int = Options.window
    label: int | None = None
    scheduler: str | None = None
    batch_size: int | None = None
    only: str | None = None
    also: Sequence[str] = ()
    drawn: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse a device that is not there. Raises ValueError."""
        check_device(self.device)

    def columns(self) -> Point:
        """What all points of the run share, for the rows of its table; N is the `size`."""
        size = (self.size or 100) if is_drawn(self.data) else load_data(self.data).rows.shape[1]
        shared = {"data": Path(self.data).name, "size": size, "draws": self.draws}
        return shared | ({} if is_drawn(self.data) else {"vectors": count(self.data)})

    @classmethod
    def of(cls, study: Study) -> Survey:
        """The survey of a run; its files by names that hold in any folder."""
        asked = study.config["parameters"]
        setting = {f.name: asked[f.name] for f in fields(cls) if f.name in asked}
        return cls(**setting | {k: place(setting[k]) for k in FILES if setting[k]})

    def unchanged(self, asked: Point, *, model: bool = False) -> bool:
        """Whether data, and the model, are as the parameters of a run have them; never if drawn."""
        if is_drawn(self.data):
            return False
        try:
            for name in FILES:
                place = getattr(self, name)
                if place and fingerprint(place) != asked[f"content of {name}"]:
                    return False
            content = asked.get(f"content of {self.model}") if model else None  # None by name
            return content is None or content_of(str(self.model)) == content
        except (ValueError, OSError, KeyError):
            return False

    def points(self, patterns: Sequence[int] | None) -> list[Point]:
        """A point a number of memories P, None for all data, once all files are known to be good.

        Raises ValueError.
        """
        memories, held_out, _ = self.split(_LEAST, 0)
        drawn = f"draws: {self.draws} noised points of {memories.shape[1]} sites"
        _checks.within_memory(8 * 6 * self.draws * memories.shape[1], drawn, each_job=True)
        samples = self.judged(memories.shape[1])
        if not is_drawn(self.data):
            own = load_data(self.data).rows
            if samples is not None and not self.drawn:
                _checks.check_units("generated", samples, own, mend=_options)
            if self.held_out is not None and held_out is not None:
                _checks.check_units("held-out", held_out, own, mend=self._held_out_in)
        self._check_what_is_asked(patterns, memories.shape[1])
        points: list[Point] = []
        asked: Sequence[int | None] = patterns or [None]
        for P in asked:
            memories = self.split(P, 0)[0]
            if len(memories) < _LEAST:
                raise ValueError(f"patterns must be at least {_LEAST}, got {len(memories)}")
            point: Point = {} if self.model is None else {"model": self.model}
            point["patterns"] = len(memories)
            if self.only is None:
                some = surveyed(len(memories), memories.shape[1]) if P is None else None
                if some is not None:  # of the geometry alone: copies are looked for among all
                    point["surveyed"], memories = len(some), memories[some]
                point["sigma"] = [float(s) for s in noise_grid(standardised(memories.double())[0])]
            points.append(point)
        return points

    def _check_what_is_asked(self, patterns: Sequence[int] | None, size: int) -> None:
        """Refuse options that do not go together. Raises ValueError."""
        judged = self.model is not None or self.generated is not None
        if self.only is not None and not judged:
            raise ValueError("only: copies are those among samples; give --generated or --model")
        if self.only is not None and len(patterns or ()) > 1:
            raise ValueError(f"patterns must be one number for --only {self.only}, got {patterns}")
        if self.also and (not judged or is_drawn(self.data)):
            raise ValueError("also: copies are listed among samples of data; give --generated")
        for word in self.also:
            _checks.choice("also", word, ALSO)
        if self.also and self.shape is None:
            raise ValueError(f"also: {self.data} must hold images, got vectors of size {size}")
        if self.model is None:
            names = ("class", "scheduler", "batch-size")
            for name, value in zip(
                names, (self.label, self.scheduler, self.batch_size), strict=True
            ):
                if value is not None:
                    raise ValueError(f"{name} is for --model, got none")
            return
        if patterns:
            raise ValueError(
                "patterns takes a part of the data, and the model was trained on all; leave it out"
            )
        memory = self.trained.memory(0)
        memory.retrieve(memory.patterns[:1], 0.5)  # refuses data that the model does not take

    def files(self) -> list[str]:
        """What the survey reads, by name."""
        return [getattr(self, name) for name in FILES if getattr(self, name) is not None]

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of an image of the data; None where they are vectors."""
        if is_drawn(self.data):
            return None
        found = load_data(self.data)
        own, size = found.shape, found.rows.shape[1]
        return own if len(own) > 1 and is_picture(own, size) else None

    @property
    def trained(self) -> Trained:
        """The model, where one is given."""
        from bridges.verbs.drawn import Trained  # what it needs is slow to import

        assert self.model is not None
        reading = Reading(self.label, self.scheduler, self.batch_size)
        way = self.dynamics, self.steps, self.window
        return Trained(self.model, self.data, *way, reading, self.device)

    def split(self, P: int | None, seed: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """P memories (P, N), held-out points if there are any, and classes of the memories."""
        if is_drawn(self.data):
            P = P or _RANDOM
            self._refuse_too_many(P, self.size or 100, P)
            rows = pattern_set(self.data, "real", 2 * P, self.size, seed)
            labels = pattern_classes(self.data, 2 * P, seed)
        else:
            found = load_data(self.data)
            rows, labels = found.rows, found.labels
            some = None if P else surveyed(len(rows), rows.shape[1])
            P = P or len(rows)
            if self.size not in (None, rows.shape[1]):
                raise ValueError(
                    f"size is for random data; {self.data} has size {rows.shape[1]}, "
                    f"got {self.size}"
                )
            if len(rows) < P:
                raise ValueError(f"patterns must lie in [1, {len(rows)}] for {self.data}, got {P}")
            self._refuse_too_many(P, rows.shape[1], P if some is None else len(some))
        order = torch.arange(len(rows))
        if len(rows) > P:
            order = torch.randperm(len(rows), generator=_checks.generator_from(seed, "survey"))
        rest = order[P:][: max(2, int(_REST / (8 * rows.shape[1])))]
        memories = rows if len(rows) == P else rows[order[:P]]  # as they are stored
        held_out = self.unseen(rows.shape[1])
        if held_out is None and len(rest) > 1:
            held_out = rows[rest]
        return memories, held_out, None if labels is None else labels[order[:P]]

    def _refuse_too_many(self, P: int, size: int, surveyed: int) -> None:
        """Raise a ValueError for more memories than a survey has memory for."""
        most = size * (2 * P + (0 if self.only else 8 * 8 * surveyed))
        _checks.within_memory(most, f"patterns: {P} of {size} sites", each_job=True)

    def unseen(self, size: int) -> Tensor | None:
        """The held-out points of a file (H, N), if one is given. Raises ValueError."""
        if self.held_out is None:
            return None
        return self._like("held-out", self.held_out, size)

    def _held_out_in(self, scale: float, shift: float) -> str:
        """The name of the held-out set in the units of the data."""
        return f"--held-out {joined(str(self.held_out), scale=scale, shift=shift)}"

    def judged(self, size: int) -> Tensor | None:
        """The samples to judge (B, N), if any. Raises ValueError."""
        if self.generated is None:
            return None
        return self._like("generated", self.generated, size)

    def _like(self, option: str, path: str, size: int) -> Tensor:
        """The rows of a file, of the size and the shape of the data."""
        found = load_data(path)
        rows = found.rows
        if rows.shape[1] != size:
            raise ValueError(f"{option} must hold vectors of size {size}, got {tuple(rows.shape)}")
        shape = () if is_drawn(self.data) else load_data(self.data).shape
        own, other = _long_axes(shape), _long_axes(found.shape)
        if own != other and min(len(own), len(other)) > 1:
            raise ValueError(
                f"{option} must hold rows of the shape {own} of the data, got {other}; bring its "
                "axes into that order with numpy.transpose"
            )
        return rows


def surveyed(count: int, size: int) -> Tensor | None:
    """Which of all data (n, N) have their geometry measured: a fixed part of many, None for all."""
    most = max(_LEAST, _SURVEYED // size)
    return None if count <= most else part_of(count, most)


def _options(scale: float, shift: float) -> str:
    """The options that bring what was generated into the units of the data."""
    return f"--scale {scale}" + (f" --shift {shift}" if shift else "")


def _long_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of a row that are longer than 1."""
    return tuple(n for n in shape if n > 1)


def _tell(text: str) -> None:
    """Write a line beside the progress, on a terminal."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)


def measure(survey: Survey, point: Point, seed: int) -> list[Row]:
    """Geometry and criteria of one set of memories, and of a model, for `run_study`."""
    memories, held_out, labels = survey.split(point["patterns"], seed)
    judge = partial(_judged, survey, memories, held_out, seed)
    # the verdict comes first, but where the memory that it takes would be added to a geometry's
    judged = None if "surveyed" in point else judge()
    rows = [] if survey.only else _geometry(survey, point, memories, labels, seed)
    unseen = survey.unseen(memories.shape[1])
    if survey.model is not None and unseen is not None:
        rows += survey.trained.gap_rows(unseen, survey.draws, seed)
    return rows + (judge() if judged is None else judged)


def _geometry(
    survey: Survey, point: Point, memories: Tensor, labels: Tensor | None, seed: int
) -> list[Row]:
    """The data as memories."""
    if "surveyed" in point:
        some = surveyed(*memories.shape)
        memories, labels = memories[some], None if labels is None else labels[some]
    sigma = np.array(point["sigma"])
    geometry = memory_geometry(memories.double(), labels, sigma, survey.draws, seed)
    rows: list[Row] = [
        {"quantity": name, "value": float(getattr(geometry, name))} for name in ("unit", *NUMBERS)
    ]
    for name in CURVES:
        values = getattr(geometry, name).tolist()
        if not np.isnan(values).any():
            rows += [
                {"sigma": s, "quantity": name, "value": value}
                for s, value in zip(point["sigma"], values, strict=True)
            ]
    return rows


def _measured(
    memories: Tensor, held_out: Tensor | None, samples: Tensor | None
) -> tuple[Measured, dict[str, Tensor] | None]:
    """What a calibration needs, and the measures of samples."""
    known = measured(memories, held_out)
    return known, None if samples is None else measures_of(samples, known.data)


@lru_cache(maxsize=1)
def _measured_once(survey: Survey, *_: str) -> tuple[Measured, dict[str, Tensor] | None]:
    """The same of all data, which no seed changes. Kept as long as no file has another state."""
    memories, held_out = survey.split(count(survey.data), 0)[:2]
    return _measured(memories, held_out, survey.judged(memories.shape[1]))


def _judged(survey: Survey, memories: Tensor, held_out: Tensor | None, seed: int) -> list[Row]:
    """The criteria of a copy on these memories, and the samples by them if there are any."""
    rows: list[Row] = []
    samples = survey.judged(memories.shape[1])
    if is_drawn(survey.data) or len(memories) < count(survey.data):
        known, measures = _measured(memories, held_out, samples)
    else:
        known, measures = _measured_once(replace(survey, also=()), *map(state, survey.files()))
    calibration = calibrated(known, _LEVEL, seed)
    found = {"held-out": calibration.held_out["ratio"]}
    if samples is not None and measures is not None:
        report = calibration.judge_measured(measures)
        if survey.drawn:
            rows += unlike_rows(samples, calibration.data, held_out)
        found["samples"] = measures["ratio"]
        _tell(f"P = {len(memories)}: {report.verdict}")
    for name, criterion in calibration.criteria.items():
        numbers = {"threshold": criterion.threshold, "false_alarms": criterion.false_alarms}
        if not np.isnan(criterion.chance):
            numbers["chance"] = criterion.chance
        if samples is not None:
            copies = report.copies[name]
            numbers |= {"flagged": copies.fraction, "excess": copies.excess}
            numbers |= {"excess_sem": copies.sem, "p_value": copies.p_value}
        rows += [{"criterion": name, "quantity": q, "value": v} for q, v in numbers.items()]
    rows += [
        {"points": who, "ratio": c, "quantity": "below", "value": float((r < c).double().mean())}
        for who, r in found.items()
        for c in FRACTIONS
    ]
    return rows
