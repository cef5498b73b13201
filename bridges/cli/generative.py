"""The verbs that ask generative models and their data: copies, guidance."""

from __future__ import annotations

from typing import Any

import click

from bridges.cli.conduct import conduct
from bridges.study import options
from bridges.study.command import Command
from bridges.study.numbers import Whole
from bridges.verbs import schedules
from bridges.verbs.readings import reads


@click.command(cls=Command)
@options.shared("data", "size")
@options.shared(
    "patterns",
    **options.SEVERAL,
    help="Memories per sample, P.  [default: all; 200 random]",
)
@click.option(
    "--generated",
    type=options.Place(),
    help="What a model generated, to be judged: a file or a folder, as of --data.",
)
@click.option(
    "--held-out",
    type=options.Place(),
    help="Data the model has not seen.  [default: what --patterns leaves, or leave one out]",
)
@options.shared("draws")
@options.shared("samples", default=4)
@options.shared(*options.RUN[1:])
@options.plain_errors
@reads("generated", "held_out")
def memorization(patterns: list[int] | None, **shared: Any) -> None:
    """Data as memories: up to which noise they return, what is a copy.

    With --generated, whether what a model generated are copies of the data beyond chance.
    """
    from dataclasses import fields

    from bridges.data import place
    from bridges.verbs.memorization import FILES, Survey

    given = {f.name: shared.pop(f.name) for f in fields(Survey)}
    files = {name: given[name] for name in FILES if given[name]}
    points = Survey(**given).points(patterns)  # refuses a file by the name that was given
    survey = Survey(**(given | {name: place(file) for name, file in files.items()}))
    conduct("memorization", given["data"], "memorization", survey, points, files, **shared)


@click.command(cls=Command)
@options.shared(
    "model",
    type=options.Names("exact"),
    default=None,
    help="Class-conditional models by path, or 'exact'.  [default: exact, a Gaussian a class]",
)
@options.shared("data")
@click.option(
    "--guidance",
    type=schedules.Guidance(),
    default="1,3,interval:3:0.3:5,window:3:4,linear:3",
    show_default=True,
    help=schedules.HELP,
)
@click.option("--classes", type=options.CLASSES, help="Labels to sample.  [default: all]")
@options.shared("trials", help="Samples of each class.")
@options.shared("steps", "scheduler", "batch-size")
@click.option("--null-class", "null", type=Whole(0), help="Class that stands for none.")
@options.shared("samples", default=4)
@options.shared(*options.RUN[1:])
@options.plain_errors
@reads()
def guide(
    model: list[str] | None,
    data: str,
    guidance: list[str],
    classes: list[int] | None,
    **shared: Any,
) -> None:
    """What guidance does to the classes of a model: separability, diversity, retention."""
    from bridges.data import place
    from bridges.verbs.guide import EXACT, Guide

    own = {name: shared.pop(name) for name in ("trials", "steps", "scheduler", "batch_size")}
    asked = Guide(place(data), tuple(classes) if classes else None, **own, null=shared.pop("null"))
    points = asked.points(model or [EXACT], guidance)
    conduct("guide", data, "guide", asked, points, **shared)
