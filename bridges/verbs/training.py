"""A denoiser trained on a data set, watched for copies: `bridges train`.

Every sample of the run is a training of its own, on points of its own where some are left out.
It writes the denoiser that it keeps, `denoiser.safetensors`, and a grid of its samples, each above
its nearest datum, `samples.png`; the second training writes `denoiser-2.safetensors`, and so on
(`bridges.study.record.written`). What it needs to go on after an interruption lies in
`.unfinished` until the run is done.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bridges._checks import check_units, within_memory
from bridges.data import (
    class_labels,
    image_shape,
    is_drawn,
    load,
    load_data,
    pattern_classes,
    pattern_set,
    raw_vectors,
    standardised,
    subset,
)
from bridges.data.drawn import clusters_of
from bridges.memorization.monitor import Look, MemorizationMonitor
from bridges.study.files import write_json
from bridges.study.record import UNFINISHED, Point, Row, ending
from bridges.study.results import Study
from bridges.study.run import sample_seeds
from bridges.verbs.pictures import save_grid
from bridges.verbs.setting import check_device
from diffusion import (
    DenoiserLike,
    History,
    NetworkDenoiser,
    ResidualMLP,
    Training,
    UNet,
    load_denoiser,
    save_denoiser,
    train_denoiser,
)
from diffusion.neighbours import distinct
from diffusion.processes import Processes

__all__ = ["Course", "Home", "follow", "measure", "trained"]
ROWS = 128  # images of a step unless --batch is given
_COPIES = 4  # of weights and samples, held at once
_RESOLUTIONS = 16  # more halve no image
_MARKS = 50  # of a training, as `train_denoiser` has them
_PATIENCE = 10  # marks without a new least held-out loss, after which it has been
_LEAST, _RANDOM = 4, 200  # points that a network is trained on; of random data by default
_MOST, _SHARE = 1000, 5  # points held out at most, and of how many one is
_COUNTED = {  # quantity: the field of a `CopyFraction`
    "flagged": "fraction",
    "false_alarms": "baseline",
    "excess": "excess",
    "excess_sem": "sem",
    "p_value": "p_value",
}


@dataclass(frozen=True)
class Split:
    """Points to train on, their classes 0, 1, … if the network has them, and those held out."""

    train: Tensor
    labels: Tensor | None
    held_out: Tensor | None


@dataclass(frozen=True)
class Course:
    """What is trained on what, until when, and how it is watched."""

    data: str
    size: int | None = None
    held_out: str | None = None
    network: str = "mlp"
    width: int | None = None
    depth: int | None = None
    classes: bool = False
    attention: bool = False
    steps: int = 3000
    batch: int | None = None
    rate: float = 1e-3
    until: str = "steps"
    looks: int = 10
    draws: int = 500
    precision: str | None = None
    compile: bool = False
    threads: int = 1
    device: str = "cpu"

    @classmethod
    def of(cls, study: Study) -> Course:
        """The course of a run."""
        asked = study.config["parameters"]
        return cls(**{f.name: asked[f.name] for f in fields(cls)})

    def points(self, patterns: Sequence[int] | None) -> list[Point]:
        """A point a number P of points to train on, None for all there are. Raises ValueError."""
        check_device(self.device)
        sizes = sorted(patterns or ())
        several = len(sizes) > 1
        self._check_memory(sizes[-1] if sizes else None)
        if several:
            self.split(sizes[-1], 0, several)  # refuses more than there are
        split = self.split(sizes[0] if sizes else None, 0, several)
        P = len(split.train)
        if P < _LEAST:
            raise ValueError(f"patterns must be at least {_LEAST}, got {P}")
        standardised(split.train)  # refuses points that are all alike
        different = len(distinct(split.train))
        if different < _LEAST:
            raise ValueError(f"data must hold at least {_LEAST} different points, got {different}")
        if self.held_out and split.held_out is not None:
            check_units("held-out", split.held_out, split.train)
        if self.batch is not None and self.batch > P:
            raise ValueError(f"batch must be at most the {P} points trained on, got {self.batch}")
        if self.until == "loss" and split.held_out is None:
            raise ValueError(
                f"until loss needs data that are held out, got none: {P} patterns are all there are"
            )
        self.make_network(split.train.shape[1], 0)
        if not several:
            return [{"patterns": P}]
        if split.held_out is None:
            raise ValueError(
                f"patterns: sizes are compared on data held out, got none in {self.data}"
            )
        return [{"patterns": P, "held_out": len(split.held_out)} for P in sizes]

    def _check_memory(self, patterns: int | None) -> None:
        """Refuse what would not fit into memory, before it is made. Raises ValueError."""
        size = (self.size or 100) if is_drawn(self.data) else load_data(self.data).rows.shape[1]
        width, depth = self.width or 128, self.depth or 3
        layers = 2 * depth * width * (width + size)
        if self.network == "unet":
            layers = 40 * (width * 2 ** min(depth, _RESOLUTIONS)) ** 2
        for numbers, what in (
            (layers, f"width or depth: weights of a network of width {width} and depth {depth}"),
            (2 * (patterns or 1) * size, f"patterns: {patterns} points of {size} sites"),
            (self.draws * size, f"draws: {self.draws} samples of {size} sites"),
        ):
            within_memory(8 * _COPIES * numbers, what, each_job=True)

    def columns(self) -> Point:
        """What all points of the run share, for the rows of its table; N is the `size`."""
        split = self.split(_LEAST, 0)
        named = {"data": Path(self.data).name, "size": split.train.shape[1]}
        named |= {"network": self.network, "steps": self.steps, "rate": self.rate}
        return named | {"batch": self.batch or ROWS, "until": self.until, "draws": self.draws}

    def split(self, P: int | None, seed: int, several: bool = False) -> Split:
        """P points to train on, None for all that are not held out, and the held-out ones.

        One of `several` sizes is part of the larger ones, and has the same held-out points.
        """
        if is_drawn(self.data):
            P = P or _RANDOM
            kept = _MOST if several else P
            points = pattern_set(self.data, "real", kept + P, self.size, seed)
            classes = pattern_classes(self.data, kept + P, seed)
            own, others = slice(kept, None), slice(kept)
            if not several:
                own, others = others, own
            known = None if classes is None else classes[own]
            return Split(points[own], self._labels(points[own], known), points[others])
        rows, labels = load(self.data)
        n = len(rows)
        if self.size not in (None, rows.shape[1]):
            raise ValueError(
                f"size is for random data; {self.data} has size {rows.shape[1]}, got {self.size}"
            )
        if P is not None and n < P:
            raise ValueError(f"patterns must lie in [1, {n}] for {self.data}, got {P}")
        rest = n // _SHARE if P is None or several else n - P
        kept = 0 if self.held_out else min(_MOST, rest)
        if P is not None and n - kept < P:
            raise ValueError(
                f"patterns must be at most {n - kept} for {self.data}, of which {kept} points are "
                f"held out for all sizes, got {P}"
            )
        try:
            found = subset(rows, self._labels(rows, labels), size=P, held_out=kept, seed=seed)
        except ValueError as error:  # points that equal one held out are not trained on
            raise ValueError(f"patterns: {error}") from error
        held_out = found.held_out if kept > 1 else None
        if self.held_out:
            held_out = raw_vectors(self.held_out)
            if held_out.shape[1] != rows.shape[1]:
                raise ValueError(
                    f"held-out must hold vectors of size {rows.shape[1]}, "
                    f"got {tuple(held_out.shape)}"
                )
        return Split(found.train, found.train_labels, held_out)

    def _labels(self, rows: Tensor, labels: Tensor | None) -> Tensor | None:
        """Classes as 0, 1, …, in the order of the labels; None unless they are asked for."""
        if not self.classes:
            return None
        if labels is None:
            raise ValueError(f"classes need data with labels, got none in {self.data}")
        return labels.unique(return_inverse=True)[1]

    @cached_property
    def _class_count(self) -> int:
        if is_drawn(self.data):
            clusters = clusters_of(self.data) if self.classes else None
            return 0 if clusters is None else clusters.clusters
        labels = class_labels(self.data) if self.classes else None
        return 0 if labels is None else len(labels.unique())

    def make_network(self, size: int, seed: int) -> ResidualMLP | UNet:
        """The untrained network for rows of N numbers. Raises ValueError."""
        given = {"width": self.width, "depth": self.depth}
        sizes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if self.network == "mlp":
            if self.attention:
                raise ValueError("attention is between the pixels of a unet, got the network mlp")
            return ResidualMLP(size, classes=self._class_count, seed=seed, **sizes)
        *shape, channels_last = image_shape(self.data, size)
        own = {"width": "channels", "depth": "levels"}
        try:
            return UNet(
                shape,
                classes=self._class_count,
                attention=self.attention,
                channels_last=channels_last,
                seed=seed,
                **{own[name]: value for name, value in sizes.items()},
            )
        except ValueError as error:
            raise ValueError(f"width and depth of a unet: {error}") from error

    def team(self) -> Processes:
        """The processes that train together: this one alone, or those that torchrun started."""
        gpu = self.device != "cpu" and torch.cuda.is_available()
        return Processes(torch.device("cuda" if gpu else "cpu"))

    def train(self, split: Split, seed: int, **how: Any) -> Training:
        """Train on the points of a split."""
        return train_denoiser(
            split.train,
            split.labels,
            network=self.make_network(split.train.shape[1], seed),
            steps=self.steps,
            batch=self.batch,
            rate=self.rate,
            held_out=split.held_out,
            device=self.device,
            precision=self.precision,
            compile=self.compile,
            seed=seed,
            **how,
        )

    @property
    def look_steps(self) -> set[int]:
        """The steps at which samples are judged, spread evenly; the last is one of them."""
        marks = {round(self.steps * k / _MARKS) for k in range(1, _MARKS + 1)} - {0}
        ordered = sorted(marks)
        count = min(self.looks, len(ordered))
        return {ordered[ceil(len(ordered) * k / count) - 1] for k in range(1, count + 1)}


@dataclass(frozen=True)
class Home:
    """The folder of a run, where each training has its files."""

    folder: Path
    root: int  # seed of the run
    samples: int
    quiet: bool

    def ending(self, seed: int, patterns: int | None = None) -> str:
        """What the names of the files of a training end with, of P patterns if there are several.

        Nothing for the first sample, then -2 …
        """
        return ending(sample_seeds(self.root, self.samples).index(seed), patterns)


def measure(course: Course, home: Home, point: Point, seed: int) -> list[Row]:
    """Train once, for `run_study`: losses, looks, and the files of the training."""
    split = course.split(point["patterns"], seed)
    return trained(course, home, split, home.ending(seed), seed)[0]


def trained(
    course: Course, home: Home, split: Split, ending: str, seed: int
) -> tuple[list[Row], NetworkDenoiser]:
    """Losses and looks of a training, and the denoiser that it keeps, whose files are written."""
    state = home.folder / UNFINISHED / f"training{ending}"
    state.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(course.threads)
    watch = Watch(course, split, state, home.folder / f"samples{ending}.png", seed)
    course.team().said((split, seed))
    training = course.train(
        split,
        seed,
        stop=watch.stop,
        watch=watch,
        checkpoint=state / "checkpoint.safetensors",
        quiet=home.quiet,
    )
    step, kept = watch.kept(training)
    save_denoiser(kept, home.folder / f"denoiser{ending}.safetensors")
    return _rows(training.history, watch.looks, watch.look(step, kept).to_dict()), kept


def follow(course: Course) -> None:
    """Take part in each training that the first of several processes says, until it says None."""
    torch.set_num_threads(course.threads)
    while (said := course.team().said(None)) is not None:
        with suppress(Exception):  # the first process has it too, and records it
            course.train(*said, quiet=True)


class Watch:
    """What is kept of a training under way, in files, so that one that goes on lacks nothing.

    state : a folder of its own. picture : the file of the grid of samples.
    """

    def __init__(self, course: Course, split: Split, state: Path, picture: Path, seed: int) -> None:
        self.course, self.split, self.picture = course, split, picture
        self.monitor = MemorizationMonitor(
            split.train, split.held_out, draws=course.draws, seed=seed
        )
        self.file, self.best = state / "looks.json", state / "best.safetensors"
        self.looks: list[dict[str, Any]] = []
        if self.file.exists():
            self.looks = json.loads(self.file.read_text())
        self.latest: NetworkDenoiser | None = None

    def __call__(self, step: int, denoiser: NetworkDenoiser) -> None:
        """A mark of the training."""
        self.latest = denoiser
        if step in self.course.look_steps:
            look = self.look(step, denoiser)
            _tell(str(look))
            self.looks = [one for one in self.looks if one["step"] < step] + [look.to_dict()]
            write_json(self.file, self.looks)

    def look(self, step: int, denoiser: NetworkDenoiser) -> Look:
        """Judge samples, of all classes as often as the data are, and draw the grid of them."""
        samples = self.monitor.draw(self._of_classes(denoiser)).cpu()
        look = self.monitor.judge(step, samples)
        save_grid(self.picture, samples, self.split.train, self.course.data, str(look))
        return look

    def _of_classes(self, denoiser: NetworkDenoiser) -> DenoiserLike:
        if self.split.labels is None:
            return denoiser
        labels, draws = self.split.labels.sort().values, self.course.draws
        return denoiser.condition(labels[torch.arange(draws) * len(labels) // draws])

    def stop(self, history: History) -> bool:
        """Whether the training ends at its last mark, as --until asks for."""
        if self.course.until == "copies":
            last = int(history.step[-1])
            return any(one["copied"] for one in self.looks if one["step"] <= last)
        if self.course.until == "loss":
            last, least = len(history.step) - 1, int(history.held_out.argmin())
            if least == last and self.latest is not None:
                save_denoiser(self.latest, self.best)
            return last - least >= _PATIENCE
        return False

    def kept(self, training: Training) -> tuple[int, NetworkDenoiser]:
        """The step and the denoiser that the training is for."""
        if self.course.until != "loss":
            return training.step, training.denoiser
        least = int(training.history.held_out.argmin())
        step = int(training.history.step[least])
        return step, load_denoiser(self.best, training.denoiser.device)


def _rows(history: History, looks: Sequence[Point], kept: Point) -> list[Row]:
    """Losses at the marks, criteria at the looks and of the denoiser that is kept."""
    rows: list[Row] = []
    for name, losses in (("loss", history.loss), ("held_out_loss", history.held_out)):
        if losses.isfinite().all():
            pairs = zip(history.step.tolist(), losses.tolist(), strict=True)
            rows += [{"mark": step, "quantity": name, "value": value} for step, value in pairs]
    for labels, look in (*(({"look": one["step"]}, one) for one in looks), ({}, kept)):
        for name, copies in look["copies"].items():
            of = {**labels, "criterion": name}
            rows += [of | {"quantity": q, "value": copies[key]} for q, key in _COUNTED.items()]
    numbers = {"kept_step": kept["step"], "last_step": int(history.step[-1])}
    if history.held_out.isfinite().all():
        numbers["least_loss_step"] = int(history.step[int(history.held_out.argmin())])
    first = next((one["step"] for one in looks if one["copied"]), None)
    if first is not None:
        numbers["first_copies_step"] = first
    return rows + [{"quantity": name, "value": float(value)} for name, value in numbers.items()]


def _tell(text: str) -> None:
    """Write a line beside the progress, on a terminal."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)
