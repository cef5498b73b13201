r"""What guidance does to the classes of a model: `bridges guide`.

Samples of each class under several schedules of guidance, along the flow, against the same
sampler without guidance: separability (Fisher ratio J), diversity (Vendi score), the variance
within classes R, and the retention, the share of samples that stay in their class. The model is
the exact mixture of Gaussians fitted to the classes of the data, or a class-conditional network
by path, which is judged by the five nearest data; measures are those of
`diffusion.guidance.distortion`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bridges.data import (
    called,
    class_names,
    image_shape,
    raw_vectors,
)
from bridges.estimates import estimate, mean_and_sem
from bridges.models import Reading, find_model, label_of
from bridges.study import figures, report as base
from bridges.study.looks import looks_of
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.study.tables import of_samples, table
from bridges.verbs import captured
from bridges.verbs.schedules import CONTROL, check_steps
from bridges.verbs.subject import Subject, check_classes, fit, labels_of, pairs_of
from diffusion.guidance import distortion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXACT = "exact"
MEASURES = {  # of `Distortion`: heading
    "variance_ratio": "R",
    "retention": "retention",
    "fisher_ratio": "J",
    "vendi": "Vendi",
}
_FEWEST = 4  # guided samples of a class
_SHOWN, _CLASSES = 6, 20  # schedules and classes whose samples are drawn
_APART = ((1, 1), (1, 1), (0, 0))  # a white frame of each


@dataclass(frozen=True)
class Guide:
    """What to guide.

    Attributes
    ----------
    data : with classes.
    classes : the labels that are asked for, None for all.
    trials : samples of each class, at least 4.
    steps : of the flow.
    scheduler, batch_size : of models by path.
    null : class that stands for none, for models that have one among their classes.
    sigmas : noise levels, in units of the data, of own basin and capture; none where empty.
    """

    data: str
    classes: tuple[int, ...] | None
    trials: int
    steps: int
    scheduler: str | None = None
    batch_size: int | None = None
    null: int | None = None
    sigmas: tuple[float, ...] = ()

    def columns(self) -> Point:
        """What all points of the run share."""
        return {"data": Path(self.data).name, "trials": self.trials, "steps": self.steps}

    def points(self, models: list[str], schedules: list[str]) -> list[Point]:
        """A point per model, which has all schedules. Raises ValueError for what cannot be."""
        if self.trials < _FEWEST:
            raise ValueError(f"trials must be at least {_FEWEST}, got {self.trials}")
        check_steps(schedules, self.steps)
        for name in models:
            if name == EXACT:  # knows any noise; the fit is for whoever measures
                check_classes(labels_of(self.data))
                continue
            low, high = self.subject(name).noise
            if not low < high:
                raise ValueError(f"model {name} knows no noise below that of the data, got {low}")
        return [{"model": model, "schedules": schedules} for model in models]

    def subject(self, name: str) -> Subject:
        """A model with its classes. Raises ValueError for what cannot be guided."""
        rows, labels = raw_vectors(self.data), labels_of(self.data)
        there: list[int] = labels.unique().tolist()
        wanted = there if self.classes is None else list(self.classes)
        if name == EXACT:
            mixture = fit(rows, labels)
            exact = {k: (mixture.condition(there.index(k)), mixture) for k in wanted}
            return Subject(exact, rows, labels, mixture)
        model = find_model(name, Reading(None, self.scheduler, self.batch_size))
        pairs = pairs_of(model.source, name, wanted, self.null, self.batch_size)
        codes = rows if model.latents is None else model.latents.encode(rows)
        return Subject(pairs, codes, labels, fit(codes, labels), rows, model.latents)


def chosen(data: str, words: Sequence[str]) -> tuple[int, ...]:
    """The labels of classes that are given by name, or by number where no class is named so.

    Raises
    ------
    ValueError : data without classes, or a class that they do not have.

    Examples
    --------
    >>> chosen("digits", ["3", "7"])
    (3, 7)
    """
    there: list[int] = labels_of(data).unique().tolist()
    names = class_names(data) or []
    known = {str(label): label for label in there}
    known |= {names[label]: label for label in there if label < len(names)}
    missing = [word for word in words if word not in known]
    if missing:
        listed = f"{', '.join(names)} or their numbers {there}" if names else f"{there}"
        raise ValueError(f"classes must be among {listed}, got {', '.join(missing)}")
    return tuple(sorted({known[word] for word in words}))


def measure(guide: Guide, point: Point, seed: int) -> list[Row]:
    """All schedules of one model, from the same noise, for `run_study`."""
    subject = guide.subject(point["model"])
    rows, asked = subject.rows, list(subject.pairs)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(asked), guide.trials, rows.shape[1], generator=generator)
    place = torch.searchsorted(subject.labels.unique(), torch.tensor(asked))
    wanted = place.repeat_interleave(guide.trials)
    mixture, classify, centre = subject.mixture, subject.judge, rows.mean(0)
    found: list[Row] = []
    for text in point["schedules"]:
        by_class = zip(asked, noise, strict=True)
        x = torch.cat([subject.sampled(text, k, one, guide.steps) for k, one in by_class])
        values = distortion(x, wanted, mixture, classify, centre=centre).means()
        found += [{"schedule": text, "quantity": q, "value": values[q]} for q in MEASURES]
        shown = _images(subject.pictures(x[:: guide.trials]).numpy(), guide.data)
        found += [
            {"schedule": text, "quantity": "picture", "class": label, "value": 1.0}
            | {"axes": " ".join(map(str, image.shape)), "numbers": image.tobytes().hex()}
            for label, image in zip(asked, shown, strict=True)
        ]
        for sigma in guide.sigmas:
            shares = captured.shares(subject, text, sigma, guide.trials, guide.steps, seed)
            found += [{"schedule": text, "sigma": sigma, **row} for row in shares]
    return found


class Report(base.Report):
    """Separability, diversity, variance and retention by schedule, relative to no guidance."""

    between = "draws of the noise"

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.schedules: list[str] = study.points[0]["schedules"]

    @property
    def models(self) -> list[str]:
        """The models, in the order that was asked for."""
        return [point["model"] for point in self.study.points]

    @cached_property
    def _values(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("model", "schedule", "quantity")

    def relative(self, model: str, text: str, quantity: str) -> np.ndarray:
        """A measure over the same model's without guidance, by sample; the retention itself."""
        own = np.array(self._values[model, text, quantity])
        if quantity == "retention":
            return own
        return own / np.array(self._values[model, CONTROL, quantity])

    def conclusions(self) -> Point:
        """By model and schedule the measures, those of no guidance themselves."""
        return {
            "control": {
                model: {q: estimate(np.array(self._values[model, CONTROL, q])) for q in MEASURES}
                for model in self.models
            },
            "relative": {
                model: {
                    text: {q: estimate(self.relative(model, text, q)) for q in MEASURES}
                    for text in self.schedules
                }
                for model in self.models
            },
        }

    def finding(self) -> str:
        """What the strongest separation costs."""
        model = self.models[0]
        best = max(
            self.schedules[1:] or self.schedules,
            key=lambda text: float(self.relative(model, text, "fisher_ratio").mean()),
        )
        J, diversity, kept = (
            of_samples(self.relative(model, best, q), 2)
            for q in ("fisher_ratio", "vendi", "retention")
        )
        return (
            f"{called(self.setting['data'])}, {_label(model)}: guidance {best} separates "
            f"classes × {J}, diversity × {diversity}, retention {kept}"
        )

    def heading(self) -> str:
        """What was sampled, and what measures are relative to."""
        s = self.setting
        return (
            f"{Path(s['data']).name}, {s['trials']} samples of each class along the flow, "
            f"{s['steps']} steps; R, J and Vendi relative to the same model without guidance (0)"
        )

    def tables(self) -> Iterator[str]:
        """All schedules, model by model, under the control itself."""
        for model in self.models:
            itself = [of_samples(np.array(self._values[model, CONTROL, q])) for q in MEASURES]
            rows = [
                [text, *(of_samples(self.relative(model, text, q)) for q in MEASURES)]
                for text in self.schedules
            ]
            yield table([_label(model), *MEASURES.values()], [["0 itself", *itself], *rows])
        yield "(R: variance within classes; J: Fisher ratio; Vendi: diversity within classes)"
        if self.basins:
            for model in self.models:
                yield captured.shown(self.study, model, _label(model), self.schedules)
            yield captured.NOTE

    @property
    def basins(self) -> bool:
        """Whether own basins and captures were measured."""
        return bool(self.setting.get("sigmas"))

    @property
    def figsize(self) -> tuple[float, float]:
        """Two panels above the pictures, or three."""
        return 13.0 if self.basins else 9.0, 4.0 + 0.75 * min(len(self.schedules), _SHOWN)

    def draw(self, figure: Figure) -> None:
        """What separation costs in diversity and in retention, and samples of each schedule."""
        lines = min(len(self.schedules), _SHOWN)
        parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[4.0, 0.75 * lines])
        upper, lower = parts[:, 0]
        panels = upper.subplots(1, 3 if self.basins else 2)
        for axes, quantity in zip(panels, ("vendi", "retention"), strict=False):
            self._plane(axes, quantity)
        if self.basins:
            captured.draw(panels[2], self.study, self.models[0], self.schedules)
            panels[2].set_title(_label(self.models[0]))
        if len(self.models) > 1:  # else the title names it
            figures.legend_of(axes)
        self._gallery(lower.subplots())

    def _plane(self, axes: Axes, quantity: str) -> None:
        """A measure against the separability, all schedules of all models."""
        named = []
        for model, look in looks_of(self.models).items():
            x, x_error = mean_and_sem(
                np.array([self.relative(model, t, "fisher_ratio") for t in self.schedules]).T
            )
            found = mean_and_sem(
                np.array([self.relative(model, t, quantity) for t in self.schedules]).T
            )
            error = np.nan_to_num(x_error)
            figures.means(axes, x, found, look, xerr=error, ls="", label=_label(model))
            named.append((x, found[0], look[0]))
        figures.log_axis(axes)
        if len(self.schedules) > 1:  # room for the names
            left, right = axes.get_xlim()
            axes.set_xlim(left, right * (right / left) ** 0.4)
            figures.log_axis(axes)
        words = {"vendi": "diversity (Vendi), relative to none", "retention": "retention"}
        axes.set(xlabel="separability $J$, relative to none", ylabel=words[quantity])
        if quantity == "retention":
            axes.set_ylim(min(0.9, axes.get_ylim()[0]), 1.02)
        if quantity == "vendi":
            low, high = axes.get_ylim()
            axes.set_ylim(min(0.95, low), max(1.05, high))  # no axis of rounding errors
            axes.axhline(1, **figures.THEORY[1])
        for x, y, color in named:
            figures.name_points(axes, self.schedules, x, y, color)

    def _gallery(self, axes: Axes) -> None:
        """A sample of each class of the first model in a column, a schedule in a line."""
        schedules = self.schedules[:_SHOWN]
        found = [row for row in self.study.samples[0][0] if row["quantity"] == "picture"]
        labels = sorted({row["class"] for row in found})[:_CLASSES]
        shown = {(row["schedule"], row["class"]): _framed(row) for row in found}
        wall = np.vstack([np.hstack([shown[text, k] for k in labels]) for text in schedules])
        look: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "nearest"}
        strips = found[0]["axes"].startswith("1 ")  # vectors that are no images
        axes.imshow(wall.squeeze(), aspect="auto" if strips else "equal", **look)
        high, wide = (n / len(of) for n, of in zip(wall.shape, (schedules, labels), strict=False))
        axes.set_yticks([(i + 0.5) * high - 0.5 for i in range(len(schedules))], schedules)
        axes.set_xticks([(k + 0.5) * wide - 0.5 for k in range(len(labels))], labels)
        axes.tick_params(length=0, labelsize=8, top=False, labeltop=True, labelbottom=False)
        axes.spines[:].set_visible(False)
        axes.xaxis.set_label_position("top")
        axes.set(xlabel="a sample of each class", ylabel="guidance")


def _framed(row: Row) -> np.ndarray:
    """A picture of a record, (height, width, channels), in a white frame."""
    shape = [int(length) for length in row["axes"].split()]
    image = np.frombuffer(bytes.fromhex(row["numbers"]), dtype=np.uint8).reshape(shape)
    return np.pad(image, _APART, constant_values=255)


def _images(rows: np.ndarray, data: str) -> np.ndarray:
    """Rows as images (B, height, width, channels); vectors that are none as strips."""
    try:
        channels, height, width, last = image_shape(data, rows.shape[1])
    except ValueError:
        return rows.reshape(len(rows), 1, -1, 1)
    if last:
        return rows.reshape(len(rows), height, width, channels)
    return np.moveaxis(rows.reshape(len(rows), channels, height, width), 1, -1)


def _label(model: str) -> str:
    return "Gaussian fit, exact" if model == EXACT else label_of(model)
