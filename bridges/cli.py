"""The `bridges` command: the shared measurements on any memory.

Heavy imports are inside the commands, so that help answers at once.
"""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridges.models import MODELS, SIDE_BY_SIDE, find_model, plugins
from bridges.study import options
from bridges.study.command import HELP, Command
from bridges.study.files import finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridges.study.record import Point
    from bridges.study.results import Study


_SETTING = (
    *("size", "criterion", "threshold", "trials", "beta", "degree"),
    *("dynamics", "rate", "training-overlap", "training-steps"),
)
_STORED = "Patterns stored, P.  [default: {}, or all of fewer]"
_FILE = click.Path(dir_okay=False)
_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)
_RUN = ("device", *options.RUN)


class Verbs(click.Group):
    """The verbs, which remember the words they were given."""

    command_class = Command


@click.group(cls=Verbs, context_settings=HELP)
@click.version_option(package_name="hopfield-diffusion")
def main() -> None:
    """What a network remembers, and how far a cue may be from a memory and still come home.

    Hopfield networks, dense memories and diffusion models, measured by the same tools.

    Words: a sample is one independent set of patterns (errors are standard errors between
    samples); a trial is one cue; a draw is one noised data point; a start is one state from
    which a survey of basins begins.
    """


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the models that --model takes by name.

    It also takes models by path: a checkpoint FILE.safetensors, a folder of a diffusers model, or
    FILE.py:function, a function of (patterns, seed), or of nothing.
    """
    known = MODELS | {name: find_model(name) for name in plugins()}
    if as_json:
        listed = {
            name: {"label": model.label, "kind": model.kind, "about": model.about}
            for name, model in known.items()
        }
        click.echo(dumps(listed, indent=2))
        return
    for name, model in known.items():
        click.echo(f"{name:<18}{model.kind:<8}{model.about}")


@main.command()
@options.shared("model", "data")
@options.shared("patterns", help=_STORED.format(10))
@options.shared("overlaps", *_SETTING, *_RUN)
@options.plain_errors
def retrieve(
    model: list[str], data: str, patterns: int | None, overlaps: list[float], **shared: Any
) -> None:
    """Retrieval against corruption: from how far cues come home."""
    P = patterns or _stored(data, 10)
    _run("retrieve", model, None, None, P, overlaps, data=data, **shared)


@main.command()
@options.shared("model", "data", "loads", "overlap", *_SETTING, *_RUN)
@options.plain_errors
def capacity(model: list[str], loads: list[int] | None, overlap: float, **shared: Any) -> None:
    """Retrieval against load: how many patterns are held."""
    _run("capacity", model, loads, overlap, None, None, **shared)


@main.command()
@options.shared("model", "data")
@options.shared("patterns", **options.SEVERAL, help=_STORED.format(10))
@click.option(
    "--measure",
    type=click.Choice(["noised", "random"]),
    default="noised",
    show_default=True,
    help="Starts: patterns corrupted to --overlap, or random states as large.",
)
@click.option(
    "--starts",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Starts per pattern set.",
)
@options.shared("overlap", *(name for name in _SETTING if name not in ("criterion", "trials")))
@options.shared(*_RUN)
@options.plain_errors
def basins(
    model: list[str],
    data: str,
    patterns: list[int] | None,
    measure: str,
    starts: int,
    overlap: float,
    **shared: Any,
) -> None:
    """Attractors and their basins: where many starts end."""
    from bridges.verbs.basins import BasinSurvey
    from bridges.verbs.setting import Setting

    setting = Setting.taken_from(data, shared)
    loads = patterns or [_stored(data, 10)]
    setting.check(model, loads)
    points = [{"model": name, "patterns": P} for name in model for P in loads]
    survey = BasinSurvey(setting, measure, overlap, starts)
    _conduct("basins", data, "basins", survey, points, **shared)


@main.command()
@options.shared("model", default=",".join(SIDE_BY_SIDE))
@options.shared("data", "loads", "overlap")
@options.shared("patterns", help=_STORED.format(10))
@options.shared("overlaps", *_SETTING, *_RUN)
@options.plain_errors
def compare(
    model: list[str],
    data: str,
    loads: list[int] | None,
    overlap: float,
    patterns: int | None,
    overlaps: list[float],
    **shared: Any,
) -> None:
    """Memories side by side, against load and against corruption."""
    P = patterns or _stored(data, 10)
    _run("compare", model, loads, overlap, P, overlaps, data=data, **shared)


@main.command()
@options.shared("data", "size")
@options.shared(
    "patterns",
    **options.SEVERAL,
    help="Memories per sample, P.  [default: all; 200 random]",
)
@click.option("--generated", type=_FILE, help="What a model generated, to be judged: .npy or .npz.")
@click.option(
    "--held-out",
    type=_FILE,
    help="Data the model has not seen.  [default: what --patterns leaves, or leave one out]",
)
@options.shared(
    "model",
    default=None,
    help="A denoiser trained on the data, by path: its samples are judged, unless --generated "
    "is given, and how it retrieves data and --held-out.",
)
@options.shared("dynamics", type=click.Choice(["flow", "sde"]))
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
def memorization(
    patterns: list[int] | None, model: list[str] | None, samples: int | None, **shared: Any
) -> None:
    """Data as memories: up to which noise they return, what is a copy.

    With --generated, whether what a model generated are copies of the data beyond chance, and
    which. With --model, whether it is a memory of these data or a model of their kind.
    """
    from dataclasses import fields

    from bridges.data import place
    from bridges.study.command import Conduct
    from bridges.verbs.memorization import FILES, Survey

    if model is not None and len(model) > 1:
        raise ValueError(f"model must be one model, got {', '.join(model)}")
    shared |= {"model": None if model is None else model[0]}
    shared["samples"] = samples or (1 if shared["only"] and not patterns else 4)
    given = {f.name: shared.pop(f.name) for f in fields(Survey)}
    if model is not None and given["generated"] is None:
        from bridges.verbs.drawn import drawn_file

        Survey(**given).points(patterns)  # refuses what could not be measured
        folder = Conduct.taken_from(dict(shared)).folder(f"memorization-{Path(given['data']).stem}")
        drawn = drawn_file(
            *(folder, given["model"], given["data"], given["dynamics"]),
            *(given["draws"], shared["seed"], shared["quiet"] or shared["json"]),
        )
        given["generated"] = str(drawn)
    files = {name: given[name] for name in FILES if given[name]}
    points = Survey(**given).points(patterns)  # refuses a file by the name that was given
    survey = Survey(**(given | {name: place(file) for name, file in files.items()}))
    _conduct("memorization", given["data"], "memorization", survey, points, files, **shared)


@main.command()
@options.shared(
    "model",
    default=None,
    help=f"{options.MODELS_HELP}  [default: the exact reverse SDE of the data]",
)
@options.shared("data", "size")
@options.shared("patterns", help=_STORED.format(200))
@options.shared("sigmas")
@options.shared(
    "overlaps", default=None, help="Overlaps of the cues, instead of --sigmas: m = 1/√(1 + σ²)."
)
@click.option(
    "--edge",
    type=click.FloatRange(0, 1, max_open=True),
    default=1e-3,
    show_default=True,
    help="Least probability that joins two memories.",
)
@options.shared("draws", default=50, help="Noised points, or cues, per memory.")
@options.shared(*(name for name in _SETTING if name not in ("size", "trials")))
@options.shared("samples", default=4)
@options.shared("device", *options.RUN[1:])
@options.plain_errors
def graph(
    data: str,
    model: list[str] | None,
    patterns: int | None,
    sigmas: list[float] | None,
    overlaps: list[float] | None,
    edge: float,
    draws: int,
    **shared: Any,
) -> None:
    """Which memories are taken for which: the graph of U-turns.

    A memory is noised, retrieved, and seen as the memory that it ends on; the graph has
    communities, and a memory returns to itself or not.
    """
    from bridges.equivalence import overlap_of_noise
    from bridges.verbs.graph import EXACT, GraphSurvey
    from bridges.verbs.setting import Setting

    if sigmas and overlaps:
        raise ValueError("sigmas and overlaps say the same; give one of them")
    levels = overlaps or [overlap_of_noise(s) for s in sigmas or options.SIGMAS]
    survey = GraphSurvey(Setting.taken_from(data, shared, trials=draws), edge)
    points = survey.points(model or [EXACT], patterns or _stored(data, 200), levels)
    _conduct("graph", data, "graph", survey, points, **shared)


@main.command()
@options.one_of("sigma", "cosine", "overlap", "flips", "time", "beta", "snr")
@click.option(
    "--map",
    "rule",
    type=click.Choice(["cosine", "hard", "information"]),
    default="cosine",
    show_default=True,
    help="What ties --overlap and --flips of spins to noise.",
)
@click.option("--dim", "--size", "size", type=click.IntRange(2, 100_000), help="Sites N.")
@click.option("--patterns", type=options.OneCount(), help="Patterns P; needs --dim.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.plain_errors
def convert(
    given: tuple[str, float], rule: str, size: int | None, patterns: int | None, as_json: bool
) -> None:
    """The noise of a cue in all units: σ, overlap, time, β, flips."""
    from bridges.verbs.convert import convert as converted

    found = converted(given[1], given[0], rule, size, patterns)
    click.echo(dumps(finite(found.to_dict()), indent=2) if as_json else found.table())


@main.command()
@click.argument("folder", type=_FOLDER)
@options.shared("json", "quiet", "show")
@options.plain_errors
def show(folder: Path, **wanted: bool) -> None:
    """Show a run again and redraw its figure; nothing is measured."""
    from bridges.study.folders import load_run

    _show(load_run(folder), **wanted)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=_FOLDER)
@options.shared("out", required=True, help="Folder of the whole run.")
@options.shared(*options.FLAGS)
@options.plain_errors
def merge(folders: tuple[Path, ...], out: Path, overwrite: bool, **wanted: bool) -> None:
    """Join the shards of a run into one, and show it."""
    from bridges.study.folders import merge as join

    _show(join(folders, out, overwrite), **wanted)


def _show(study: Study, json: bool, quiet: bool, show: bool) -> None:
    """What a run on disk found; its bare results where it is not whole, or of a script."""
    from bridges import verbs
    from bridges.study import plain
    from bridges.study.command import Unfinished

    report = None if study.missing else verbs.report(study)
    if report is not None:
        report.publish(json=json, quiet=quiet, show=show)
        return
    plain.show(study, json=json, quiet=quiet, open_figure=show)
    if study.missing:
        raise Unfinished(study.lacks())


def _stored(data: str, most: int) -> int:
    """How many patterns are stored unless it is said: `most`, or all of fewer."""
    from bridges.data import count

    return most if data == "random" else min(most, count(data))


def _run(
    verb: str,
    models: list[str],
    loads: list[int] | None,
    overlap: float | None,
    patterns: int | None,
    overlaps: list[float] | None,
    *,
    data: str,
    **shared: Any,
) -> None:
    """Measure the axes that are asked for."""
    from bridges.verbs import compare
    from bridges.verbs.setting import Setting

    setting = Setting.taken_from(data, shared)
    points: list[Point] = []
    if overlap is not None:
        storing = [name for name in models if not find_model(name).trained]
        if not (storing or patterns):
            raise ValueError(
                f"model must store the patterns that it is given, got {models[0]}, which was "
                "trained before; see how far its cues come home with `bridges retrieve`"
            )
        points += compare.load_points(storing, loads or setting.loads(), overlap)
    if patterns is not None and overlaps is not None:
        points += compare.corruption_points(models, patterns, overlaps)
    setting.check(models, sorted({point["patterns"] for point in points}))
    _conduct(verb, data, "compare", setting, points, **shared)


def _conduct(
    verb: str,
    data: str,
    home: str,
    asked: Any,
    points: list[Point],
    files: Mapping[str, str] | None = None,
    **shared: Any,
) -> None:
    """Measure, report, record and print. home : the module of `bridges.verbs`.

    files : data sets by the option that names them, `data` alone unless it is said.
    """
    from dataclasses import asdict
    from functools import partial
    from importlib import import_module

    from bridges.data import fingerprint
    from bridges.models import content_of
    from bridges.study.command import Conduct

    module = import_module(f"bridges.verbs.{home}")
    files = files or {"data": data}
    contents = {f"content of {name}": fingerprint(file) for name, file in files.items()}
    paths = {p["model"] for p in points if "model" in p} - MODELS.keys() - plugins().keys()
    contents |= {f"content of {path}": content_of(path) for path in sorted(paths - {"exact"})}
    samples = shared["samples"]
    conduct = Conduct.taken_from(shared)
    study = conduct.run(
        f"bridges {verb}",  # a study in scripts/ may have the verb's name
        partial(module.measure, asked),
        [asked.columns() | point for point in points],
        parameters=asdict(asked) | dict(files) | contents,
        samples=samples,
        folder=conduct.folder(f"{verb}-{Path(data).stem}"),
        started=f"bridges {verb}",
    )
    conduct.publish(module.Report(study))
