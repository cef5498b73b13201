r"""Which of two classes does a trained network learn, overfit and copy first?

A network learns to denoise images of two classes, in several proportions, and does not see
their labels. Followed along its training are the train and test loss of each class, and with few
images the fraction of samples that are copies. By

    best     the step of least test loss: afterwards the class is overfit
    gap      the first step at which the test loss exceeds the train loss by 0.05
    learnt   the first step at which the train loss is below 0.3

a class is first where its step is smaller in every sample; the least test loss says how well it
was learnt. Copies (nearer to a datum than a third of the distance to the next) come late
and are a confirmation. Nothing is said of networks that have not learnt (as in
`memorization_to_generalization`). With --data fashion --network unet this is the setting of real
images, for a machine that has the data and a GPU. (arXiv 2605.06367 for the question; the
measures are ours.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from reports import trained
from reports.two_classes import TwoClasses, class_rows, two_classes

from bridges.estimates import estimate
from bridges.study import figures, options
from bridges.study.command import Run, study_command
from bridges.study.numbers import Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray

_QUICK: dict[str, Any] = {
    "data": "digits",
    "classes": (1, 0),
    "network": "mlp",
    "images": 80,
    "few": 20,
    "steps": 600,
    "copy_steps": 2400,
    "rate": 0.004,
    "held_out": 60,
    "drawn": 300,
    "samples": 2,
}
_PAPER = {
    "steps": 4000,
    "copy_steps": 16000,
    "rate": 0.002,
    "drawn": 1000,
    "samples": 10,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
SHARES = (0.25, 0.5, 0.75)  # of the first class
GAP, LEARNT = 0.05, 0.3
MEASURES = ("best", "gap", "learnt")
CURVES = ("train", "test", "copies")


@study_command(PRESETS)
@options.shared("data", default=None)
@click.option("--classes", type=(Whole(), Whole()), help="Two labels of the data.")
@click.option("--network", type=click.Choice(["mlp", "unet"]), help="What is trained.")
@click.option("--images", type=Whole(8), help="Training images of both classes together.")
@click.option("--few", type=Whole(4), help="The same, where copies are counted.")
@click.option("--steps", type=Whole(10), help="Gradient steps.")
@click.option("--copy-steps", type=Whole(10), help="Gradient steps for copies.")
@click.option("--rate", type=options.RATE, help="Learning rate.")
@click.option("--held-out", type=Whole(2), help="Test images of each class.")
@click.option("--drawn", type=Whole(2), help="Samples drawn each time that copies are counted.")
def main(run: Run, **chosen: Any) -> Report:
    """Losses and copies of each class along the training of a network."""
    from bridges._checks import within_memory
    from bridges.data import fingerprint, load, place

    data, pair = chosen["data"], chosen["classes"]
    if pair[0] == pair[1]:
        raise ValueError(f"classes must be two different labels, got {pair[0]} twice")
    rows, labels = load(data)
    most = max(round(max(SHARES) * chosen["images"]), -(-chosen["few"] // 2))
    needed = most + chosen["held_out"]
    if labels is None:
        raise ValueError(f"data must have classes, got none in {place(data)}")
    for label in pair:
        if (found := int((labels == label).sum())) < needed:
            raise ValueError(
                f"classes must have {needed} images each, got {found} of label {label}"
            )
    drawn = f"drawn: {chosen['drawn']} samples"
    within_memory(16 * chosen["drawn"] * rows.shape[1:].numel(), drawn, each_job=True)
    shared: Point = {"data": place(data), "content": fingerprint(data), "labels": list(pair)}
    shared |= {k: chosen[k] for k in ("network", "rate", "held_out")}
    losses = {"kind": "losses", "images": chosen["images"], "steps": chosen["steps"], "drawn": 0}
    copies = {"kind": "copies", "images": chosen["few"], "steps": chosen["copy_steps"]}
    copies["drawn"] = chosen["drawn"]
    cases = [*((losses, share) for share in SHARES), (copies, 0.5)]
    points = [{"kind": case["kind"], "share": share} | case | shared for case, share in cases]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """One training, on images of its own."""
    from bridges._checks import generator_from
    from bridges.classes.training import class_training
    from bridges.data import load, standardised

    rows, labels = load(point["data"])
    images, generator = standardised(rows)[0].float(), generator_from(seed, "class_training")
    first = round(point["share"] * point["images"])
    counts = first, point["images"] - first
    found = class_training(
        *two_classes(images, labels, point["labels"], counts, point["held_out"], generator),
        network=point["network"],
        steps=point["steps"],
        rate=point["rate"],
        samples=point["drawn"],
        seed=seed,
    )
    scalars = {
        "best": found.best_step,
        "gap": found.opens(GAP),
        "learnt": found.reaches(LEARNT),
        "least_test": found.best_test,
    }
    measured = class_rows(scalars)
    measured.append({"quantity": "learnt", "value": found.over_constant})
    for name in CURVES:
        for step, values in zip(found.steps.tolist(), getattr(found, name), strict=True):
            measured += class_rows({name: values}, step=step)
    return measured


class Report(TwoClasses):
    """Losses by class along the training, and which class is first by every measure."""

    figsize = (12.4, 3.8)

    @property
    def labels(self) -> list[int]:
        """The two classes in the data."""
        return [*self.setting["classes"]]

    def curve(self, point: Point, quantity: str, label: int) -> tuple[ndarray, ndarray]:
        """Steps (K,) and values (samples, K)."""
        where = {"kind": point["kind"], "share": point["share"], "class": label}
        return self.study.curve(quantity, "step", **where)

    @staticmethod
    def images(point: Point) -> str:
        """Images of both classes, in words."""
        first = round(point["share"] * point["images"])
        return f"{first} + {point['images'] - first}"

    def first(self, point: Point, measure: str) -> str:
        """The label of the class that comes first in every sample; ? where there is none.

        Of networks that have learnt nothing neither is first.
        """
        if not self.learnt(point):
            return "?"
        one, two = (self.values(point, measure, c) for c in (1, 2))
        if (one < two).all():
            return str(self.labels[0])
        return str(self.labels[1]) if (two < one).all() else "?"

    def learnt(self, point: Point) -> bool:
        """Whether the networks of a proportion have learnt."""
        whole = {"kind": point["kind"], "share": point["share"], "class": None}
        found = self.study.curve("learnt", "share", **whole)
        return bool(trained.learnt(found[1]).all())

    def finding(self) -> str:
        """Whose gap opens first, by the proportion."""
        known = [point for point in self.points("losses")[::-1] if self.learnt(point)]
        if not known:
            return f"Of classes {self.labels[0]} and {self.labels[1]}: {trained.NOTHING}"
        by_class: dict[str, list[str]] = {}
        for point in known:
            by_class.setdefault(self.first(point, "gap"), []).append(self.images(point))
        words = "; ".join(
            f"{'of neither' if label == '?' else f'of class {label}'} at {', '.join(images)}"
            for label, images in by_class.items()
        )
        pair = f"{self.labels[0]} and {self.labels[1]}"
        return f"Images of classes {pair}, the gap that opens first in every sample: {words}"

    def conclusions(self) -> Point:
        """The class that is first by every measure, training by training."""
        trainings = [
            {"kind": point["kind"], "images": self.images(point), "learnt": self.learnt(point)}
            | {"first": {name: self.first(point, name) for name in MEASURES}}
            for point in self.study.points
        ]
        return {"trainings": trainings}

    def heading(self) -> str:
        """The classes."""
        data = Path(self.setting["data"]).name
        return f"class {self.labels[0]} / class {self.labels[1]} of {data}"

    def tables(self) -> Iterator[str]:
        """Steps by every measure, least test losses and copies, class by class."""
        yield (
            "steps at which a class is overfit, its gap opens, its train loss is low;\n"
            "first: by these three, the class that is first in every sample, ? if none is"
        )
        rows = []
        for point in self.study.points:
            cells = [
                " / ".join(of_samples(self.values(point, name, c), digits) for c in (1, 2))
                for name, digits in (*((m, 0) for m in MEASURES), ("least_test", 3))
            ]
            cells.append(", ".join(self.first(point, name) for name in MEASURES))
            ends = "—"
            if point["drawn"]:
                curves = (self.curve(point, "copies", c)[1] for c in (1, 2))
                ends = " / ".join(of_samples(by_sample[:, -1], 2) for by_sample in curves)
            rows.append([self.images(point), str(point["steps"]), *cells, ends])
        heading = ["images", "steps", "least test loss at", f"gap {GAP:g} at"]
        heading += [f"train < {LEARNT:g} at", "least test loss", "first", "copies at the end"]
        yield table(heading, rows)
        unlearnt = [self.images(point) for point in self.study.points if not self.learnt(point)]
        if unlearnt:
            yield trained.nothing_of(f"the networks of {', '.join(unlearnt)} images")
        yield self.finding()

    def draw(self, figure: Figure) -> None:
        """Losses by class in each proportion, and copies."""
        panels = figure.subplots(1, len(self.study.points))
        for axes, point in zip(panels, self.study.points, strict=True):
            (self._losses if point["kind"] == "losses" else self._copies)(axes, point)
        panels[0].set_ylabel("loss, in units of the noise")
        panels[0].legend()

    def _losses(self, axes: Axes, point: Point) -> None:
        for c, (color, _) in zip((1, 2), figures.SERIES, strict=False):
            for quantity, style in (("test", "-"), ("train", ":")):
                look = {"ls": style, "label": f"{quantity}, class {self.labels[c - 1]}"}
                figures.band(axes, *self.curve(point, quantity, c), color, alpha=0.25, **look)
            opens = estimate(self.values(point, "gap", c))["mean"]
            if not math.isnan(opens):
                axes.axvline(opens, color=color, lw=0.8, ls="--", zorder=0)
        axes.set(ylim=(0, 1), xlabel="gradient steps")
        axes.set_title(f"{self.images(point)} images; dashed: gap opens")

    def _copies(self, axes: Axes, point: Point) -> None:
        for c, series in zip((1, 2), figures.SERIES, strict=False):
            found = self.curve(point, "copies", c)
            figures.points(axes, *found, series, label=f"class {self.labels[c - 1]}")
        axes.set(ylim=(-0.03, 1.05), xlabel="gradient steps")
        axes.set(ylabel="samples that are copies", title=f"{self.images(point)} images")
        axes.legend()


if __name__ == "__main__":
    main()
