"""The `bridges` command: the shared measurements on any memory.

Heavy imports are inside the commands, so that help answers at once.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridges.models import MODELS

if TYPE_CHECKING:
    from bridges.study import Point


class Numbers(click.ParamType):
    """A list of numbers: `0.1,0.2`, a range of whole ones `0-63`, or one number."""

    name = "list"

    def __init__(self, kind: type, low: float, high: float, open_low: bool = False) -> None:
        self.kind, self.low, self.high, self.open_low = kind, low, high, open_low

    def convert(self, value: Any, param: Any, ctx: Any) -> list[Any]:
        """The numbers, increasing and distinct."""
        if isinstance(value, list):
            return value
        numbers: set[Any] = set()
        for part in str(value).split(","):
            try:
                first, dash, last = part.strip().partition("-")
                if dash and first and self.kind is int:
                    numbers.update(range(int(first), int(last) + 1))
                else:
                    numbers.add(self.kind(part))
            except ValueError:
                self.fail(f"{part!r} is not a number or a range like 0-63", param, ctx)
        for number in numbers:
            inside = self.low <= number <= self.high and not (self.open_low and number == self.low)
            if not inside:
                bracket = "(" if self.open_low else "["
                self.fail(f"{number} is not in {bracket}{self.low:g}, {self.high:g}]", param, ctx)
        if not numbers:
            self.fail("the list is empty", param, ctx)
        return sorted(numbers)


COUNTS = Numbers(int, 1, float("inf"))
OVERLAPS = Numbers(float, 0, 1, open_low=True)
OVERLAP = click.FloatRange(0, 1, min_open=True)


class Names(click.ParamType):
    """A list of model names: `hebb,flow`, or `all`."""

    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        """The names, known and distinct."""
        if value == "all":
            return list(MODELS)
        names = list(dict.fromkeys(part.strip() for part in str(value).split(",")))
        for name in names:
            if name not in MODELS:
                known = ", ".join(MODELS)
                self.fail(f"unknown model {name!r}; the models are {known}", param, ctx)
        return names


def options(*names: str, **defaults: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The shared options of these names, spelled the same everywhere."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed([*names, *_ALWAYS]):
            settings = dict(_OPTIONS[name])
            if name in defaults:
                settings["default"] = defaults[name]
            command = click.option(f"--{name}", **settings)(command)
        return command

    return decorate


_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_OPTIONS: dict[str, dict[str, Any]] = {
    "model": {"type": Names(), "default": "hebb", "help": "Models, or 'all'."},
    "data": {"default": "digits", "help": "digits, random, or a .npy or .npz file (n, N)."},
    "patterns": {"type": click.IntRange(1), "default": 10, "help": "Patterns stored, P."},
    "loads": {
        "type": COUNTS,
        "help": "Numbers of patterns P to measure.  [default: 2, 4, 8 … as the data allow]",
    },
    "overlap": {"type": OVERLAP, "default": 0.6, "help": "Overlap of the cues."},
    "overlaps": {
        "type": OVERLAPS,
        "default": "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1",
        "help": "Overlaps of the cues to measure.",
    },
    "size": {"type": click.IntRange(2), "help": "N of random patterns.  [default: 100]"},
    "criterion": {
        "type": click.Choice(["fixed-point", "one-step"]),
        "default": "fixed-point",
        "help": "The end of the dynamics, or a single update.",
    },
    "threshold": {
        "type": OVERLAP,
        "default": 0.95,
        "help": "Cosine with the pattern that counts as retrieval.",
    },
    "trials": {"type": click.IntRange(1), "default": 64, "help": "Cues a pattern set."},
    "beta": {
        "type": click.FloatRange(0, min_open=True),
        "default": 1.0,
        "help": "Inverse temperature; σ² = 1/β of the iterated denoiser.",
    },
    "degree": {"type": click.IntRange(2), "default": 3, "help": "Degree of the polynomial."},
    "samples": {"type": click.IntRange(1), "default": 8, "help": "Independent pattern sets."},
    "seed": {"type": click.IntRange(0), "default": 0, "help": "Root of all randomness."},
    "jobs": {"type": click.IntRange(1), "default": _CORES, "help": "Processes."},
    "device": {"default": "cpu", "help": "Where tensors live: cpu, cuda, cuda:1, …"},
    "out": {
        "type": click.Path(file_okay=False, path_type=Path),
        "help": "Folder of the results.  [default: results/VERB-DATA]",
    },
    "json": {"is_flag": True, "help": "Print the summary as JSON, nothing else."},
    "quiet": {"is_flag": True, "help": "Print no progress and no table."},
    "overwrite": {"is_flag": True, "help": "Replace another run found in --out."},
    "show": {"is_flag": True, "help": "Open the figure."},
}
for _settings in _OPTIONS.values():
    _settings.setdefault("show_default", True)
_ALWAYS = (
    *("size", "criterion", "threshold", "trials", "beta", "degree", "samples", "seed"),
    *("jobs", "device", "out", "json", "quiet", "overwrite", "show"),
)


def plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """A ValueError of the library is the user's input: one line, exit code 2."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    return run


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
@options("model", "data", "patterns", "overlaps")
@plain_errors
def retrieve(model: list[str], patterns: int, overlaps: list[float], **shared: Any) -> None:
    """Retrieval against corruption: cue stored patterns at several overlaps."""
    _run("retrieve", model, None, None, patterns, overlaps, **shared)


@main.command()
@options("model", "data", "loads", "overlap")
@plain_errors
def capacity(model: list[str], loads: list[int] | None, overlap: float, **shared: Any) -> None:
    """Retrieval against load: how many patterns, until half of the cues are lost."""
    _run("capacity", model, loads, overlap, None, None, **shared)


@main.command()
@options("model", "data", "loads", "overlap", "patterns", "overlaps", model="all")
@plain_errors
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


def _run(
    verb: str,
    models: list[str],
    loads: list[int] | None,
    overlap: float | None,
    patterns: int | None,
    overlaps: list[float] | None,
    *,
    data: str,
    samples: int,
    seed: int,
    jobs: int,
    out: Path | None,
    json: bool,
    quiet: bool,
    overwrite: bool,
    show: bool,
    **setting: Any,
) -> None:
    """Measure the axes that are asked for; print, record and draw them."""
    from dataclasses import asdict

    from bridges import comparison, plots
    from bridges.study import finite, run_study, write_json

    shared = comparison.Setting(data, **setting)
    points: list[Point] = []
    if overlap is not None:
        points += comparison.load_points(models, shared.loads(loads), overlap)
    if patterns is not None and overlaps is not None:
        points += comparison.corruption_points(models, shared.counts([patterns])[0], overlaps)
    folder = out or Path("results") / f"{verb}-{Path(data).stem}"
    study = run_study(
        verb,
        shared.measure(),
        points,
        parameters=asdict(shared),
        samples=samples,
        seed=seed,
        jobs=jobs,
        out=folder,
        overwrite=overwrite,
        quiet=quiet or json,
    )
    report = comparison.Report(study, shared, overlap, patterns)
    write_json(folder / "summary.json", report.summary())
    plots.save(plots.comparison_figure(report), folder / "figure.png")
    if json:
        click.echo(dumps(finite(report.summary()), indent=2))
    elif not quiet:
        click.echo(report.text())
        if study.reused:
            click.echo(f"({study.reused} of {len(points) * samples} measurements found there)")
        click.echo(f"written to {folder}: results.csv, summary.json, figure.png")
    if show:
        click.launch(str(folder / "figure.png"))


if __name__ == "__main__":
    sys.exit(main())
