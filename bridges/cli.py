"""The `bridges` command: the shared measurements on any memory.

Heavy imports are inside the commands, so that help answers at once.
"""

from __future__ import annotations

import sys
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridges import options
from bridges.models import MODELS, SIDE_BY_SIDE

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridges.record import Point
    from bridges.study import Findings, Measure, Study


_SETTING = (
    *("size", "criterion", "threshold", "trials", "beta", "degree"),
    *("rate", "training-overlap", "training-steps"),
)
_FILE = click.Path(dir_okay=False)
_RUN = ("samples", "seed", "jobs", "device", "out", *options.FLAGS)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hopfield-diffusion")
def main() -> None:
    """What a network remembers, and how far a cue may be from a memory and still come home.

    Hopfield networks, dense memories and diffusion models, measured by the same tools.
    """


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the models."""
    if as_json:
        listed = {
            name: {"label": model.label, "kind": model.kind, "about": model.about}
            for name, model in MODELS.items()
        }
        click.echo(dumps(listed, indent=2))
        return
    for name, model in MODELS.items():
        click.echo(f"{name:<18}{model.kind:<8}{model.about}")


@main.command()
@options.shared("model", "data", "patterns", "overlaps", *_SETTING, *_RUN)
@options.plain_errors
def retrieve(model: list[str], patterns: int, overlaps: list[float], **shared: Any) -> None:
    """Retrieval against corruption: cue stored patterns at several overlaps."""
    _run("retrieve", model, None, None, patterns, overlaps, **shared)


@main.command()
@options.shared("model", "data", "loads", "overlap", *_SETTING, *_RUN)
@options.plain_errors
def capacity(model: list[str], loads: list[int] | None, overlap: float, **shared: Any) -> None:
    """Retrieval against load: how many patterns, until half of the cues are lost."""
    _run("capacity", model, loads, overlap, None, None, **shared)


@main.command()
@options.shared("model", "data", "patterns")
@click.option(
    "--measure",
    type=click.Choice(["noised", "random"]),
    default="noised",
    show_default=True,
    help="Starts: patterns corrupted to --overlap, or random states as large.",
)
@click.option(
    "--starts", type=click.IntRange(1), default=2000, show_default=True, help="Starts a memory."
)
@options.shared("overlap", *(name for name in _SETTING if name not in ("criterion", "trials")))
@options.shared(*_RUN)
@options.plain_errors
def basins(
    model: list[str],
    data: str,
    patterns: int,
    measure: str,
    starts: int,
    overlap: float,
    size: int | None,
    threshold: float,
    beta: float,
    degree: int,
    rate: float,
    training_overlap: float | None,
    training_steps: int | None,
    device: str,
    **shared: Any,
) -> None:
    """Attractors and their basins: where many starts end, and what that is."""
    from dataclasses import asdict

    from bridges.basin_survey import BasinReport, BasinSurvey
    from bridges.comparison import Setting
    from bridges.data import fingerprint, place

    content = fingerprint(data)
    setting = Setting(
        place(data),
        size,
        threshold=threshold,
        beta=beta,
        degree=degree,
        rate=rate,
        training_overlap=training_overlap,
        training_steps=training_steps,
        device=device,
    )
    survey = BasinSurvey(setting, patterns, measure, overlap, starts)
    setting.check(model, [patterns])
    _conduct(
        "basins",
        data,
        survey.measurement(),
        [{"model": name} for name in model],
        asdict(survey) | {"data": data, "content": content},
        lambda study: BasinReport(study, survey).findings(),
        **shared,
    )


@main.command()
@options.shared("model", default=",".join(SIDE_BY_SIDE))
@options.shared("data", "loads", "overlap", "patterns", "overlaps", *_SETTING, *_RUN)
@options.plain_errors
def compare(
    model: list[str],
    loads: list[int] | None,
    overlap: float,
    patterns: int,
    overlaps: list[float],
    **shared: Any,
) -> None:
    """Every memory on two axes: retrieval against load and against corruption."""
    _run("compare", model, loads, overlap, patterns, overlaps, **shared)


@main.command()
@options.shared("data", "size")
@options.shared("patterns", default=None, help="Memories of a sample.  [default: all; 200 random]")
@click.option("--samples-file", type=_FILE, help="Samples of a model to judge, .npy or .npz.")
@click.option(
    "--held-out",
    type=_FILE,
    help="Data the model has not seen.  [default: what --patterns leaves, or leave one out]",
)
@options.shared("draws")
@options.shared("samples", default=4)
@options.shared("seed", "jobs", "out", *options.FLAGS)
@options.plain_errors
def memorization(**shared: Any) -> None:
    """Data as memories, samples as copies: when each datum is held, what a distance proves."""
    from dataclasses import asdict, fields

    from bridges.data import fingerprint, place
    from bridges.survey import Survey, SurveyReport

    setting = {f.name: shared.pop(f.name) for f in fields(Survey)}
    files = {k: setting[k] for k in ("data", "samples_file", "held_out") if setting[k]}
    contents = {f"content of {k}": fingerprint(file) for k, file in files.items()}
    survey = Survey(**(setting | {k: place(file) for k, file in files.items()}))
    _conduct(
        "memorization",
        setting["data"],
        survey.measure(),
        survey.points(),
        asdict(survey) | files | contents,
        lambda study: SurveyReport(study, survey).findings(),
        **shared,
    )


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
    from dataclasses import asdict, fields

    from bridges import comparison
    from bridges.data import fingerprint, place

    content = fingerprint(data)
    names = [f.name for f in fields(comparison.Setting) if f.name in shared]
    setting = comparison.Setting(place(data), **{name: shared.pop(name) for name in names})
    points: list[Point] = []
    if overlap is not None:
        points += comparison.load_points(models, loads or setting.loads(), overlap)
    if patterns is not None and overlaps is not None:
        points += comparison.corruption_points(models, patterns, overlaps)
    setting.check(models, sorted({point["patterns"] for point in points}))
    _conduct(
        verb,
        data,
        setting.measure(),
        points,
        asdict(setting) | {"data": data, "content": content},
        lambda study: comparison.Report(study, setting, overlap, patterns).findings(),
        **shared,
    )


def _conduct(
    verb: str,
    data: str,
    measure: Measure,
    points: list[Point],
    parameters: Point,
    conclude: Callable[[Study], Findings],
    *,
    samples: int,
    seed: int,
    jobs: int,
    out: Path | None,
    json: bool,
    quiet: bool,
    overwrite: bool,
    show: bool,
) -> None:
    """Measure, conclude, record and print."""
    from bridges.study import run_study

    folder = out or Path("results") / f"{verb}-{Path(data).stem}"
    study = run_study(
        verb,
        measure,
        points,
        parameters=parameters,
        samples=samples,
        seed=seed,
        jobs=jobs,
        out=folder,
        overwrite=overwrite,
        quiet=quiet or json,
    )
    conclude(study).publish(folder, json=json, quiet=quiet, show=show)


if __name__ == "__main__":
    sys.exit(main())
