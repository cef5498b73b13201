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

_UNSEEN = "Data the model has not seen."


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
@options.shared("held-out", help=f"{_UNSEEN}  [default: what --patterns leaves, or leave one out]")
@options.shared(
    "model",
    default=None,
    help="A denoiser trained on the data, by path, or local or equivariant: its samples are "
    "judged, unless --generated is given, and how it retrieves data and --held-out.",
)
@options.shared("dynamics", type=click.Choice(["flow", "sde"]))
@options.shared("steps", "window", "class", "scheduler", "batch-size", "device")
@click.option(
    "--only",
    type=click.Choice(["copies"]),
    help="Judge samples, without the survey of the data.",
)
@click.option(
    "--also", type=options.Words(), default="", help="Copies to look for too: mirrored, shifted."
)
@options.shared("draws", help="Noised points per noise level; samples that --model draws.")
@options.shared("samples", default=None, help="Sets of memories.  [default: 4; copies alone: 1]")
@options.shared(*options.RUN[1:])
@options.plain_errors
@reads("generated", "held_out")
def memorization(
    patterns: list[int] | None, model: list[str] | None, samples: int | None, **shared: Any
) -> None:
    """Data as memories: up to which noise they return, what is a copy.

    With --generated, whether what a model generated are copies of the data beyond chance, and
    which. With --model, whether it is a memory of these data or a model of their kind.
    """
    from dataclasses import fields

    from bridges.data import called, place
    from bridges.verbs.memorization import FILES, Survey

    if model is not None and len(model) > 1:
        raise ValueError(f"model must be one model, got {', '.join(model)}")
    shared |= {"model": None if model is None else model[0]}
    shared["samples"] = samples or (1 if shared["only"] and not patterns else 4)
    given = {f.name: shared.pop(f.name) for f in fields(Survey) if f.name in shared}
    if model is not None and given["generated"] is None:
        from bridges.study.command import Conduct

        asked = Survey(**given)
        asked.points(patterns)  # refuses what could not be measured
        folder = Conduct.taken_from(dict(shared)).folder(f"memorization-{called(given['data'])}")
        quiet = shared["quiet"] or shared["json"]
        drawn = asked.trained.drawn(folder, asked.draws, shared["seed"], quiet)
        given |= {"generated": str(drawn), "drawn": True}
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
@click.option(
    "--classes", type=options.Classes(), help="Classes by name or number.  [default: all]"
)
@options.shared(
    "sigmas",
    help="Noise levels, in units of the data's deviation, from which data of the class and of "
    "others flow to it: own basin and capture.  [default: none]",
)
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
    classes: list[str] | None,
    sigmas: list[float] | None,
    **shared: Any,
) -> None:
    """What guidance does to the classes of a model: separability, diversity, retention."""
    from dataclasses import replace

    from bridges.data import place
    from bridges.verbs.guide import EXACT, Guide, chosen

    own = {name: shared.pop(name) for name in ("trials", "steps", "scheduler", "batch_size")}
    labels = chosen(data, classes) if classes else None
    levels = tuple(sorted(set(sigmas or ())))
    asked = Guide(data, labels, **own, null=shared.pop("null"), sigmas=levels)
    points = asked.points(model or [EXACT], guidance)  # refuses a file by the name that was given
    asked = replace(asked, data=place(data))
    conduct("guide", data, "guide", asked, points, **shared)


@click.command(cls=Command)
@options.shared("data", "size")
@options.shared(
    "patterns",
    **options.SEVERAL,
    help="Points trained on, P, or several numbers.  [default: 4/5 of all; 200 random]",
)
@options.shared("held-out", help=f"{_UNSEEN}  [default: what --patterns leaves, at most 1000]")
@options.shared("network", "width", "depth", "classes", "attention")
@options.shared("steps", type=Whole(1), default=3000, help="Gradient steps, at most.")
@options.shared("batch")
@options.shared("rate", default=1e-3, help="Learning rate, which falls to 0.")
@options.shared("until", "looks")
@options.shared("draws", help="Samples per look.")
@options.shared("precision", "compile", "threads", "device")
@options.shared("samples", default=1, help="Independent trainings.")
@options.shared(*options.RUN[1:])
@options.plain_errors
@reads("held_out")
def train(patterns: list[int] | None, **shared: Any) -> None:
    """Train a denoiser on any data, and see from when on it copies them.

    With several --patterns, see from how many data on it no longer does. The run's folder has
    denoiser.safetensors (of several, denoiser-P50.safetensors), for --model of the other verbs.
    Started again after an interruption, the training goes on where it was.
    """
    from dataclasses import fields

    from bridges.data import place
    from bridges.verbs.train import Course, follow

    given = {f.name: shared.pop(f.name) for f in fields(Course)}
    files = {name: given[name] for name in ("data", "held_out") if given[name]}
    points = Course(**given).points(patterns)  # refuses a file by the name that was given
    course = Course(**(given | {name: place(file) for name, file in files.items()}))
    verb, home = ("train", "train") if len(points) == 1 else ("train --patterns", "sizes")
    team = course.team()
    if not team.first:
        return follow(course)
    if team.count > 1:
        shared["jobs"] = 1  # the processes of torchrun share each training
    try:
        conduct(verb, given["data"], home, course, points, files, **shared)
    finally:
        team.said(None)
