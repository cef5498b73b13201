r"""The one way to run a study: parameters → points × samples → results on disk.

A study measures every point (a dictionary of settings) on several independent samples. The
seed of sample k is spawned from the root seed and k alone: a result depends neither on
where nor in what order it was computed, and all points see the same samples, so that
comparisons between them are paired.

A run writes into its folder

    config.json    every parameter, the seed, the versions
    points.jsonl   one line a finished point × sample, the record that resuming reads
    results.csv    one row a measured value: mean, `sem` between samples, `n` samples
    summary.json   written by the caller, last: a run that has it is finished

A run started again with the same parameters measures only what is missing. Another run in
its folder is refused unless overwriting is asked for.
"""

from __future__ import annotations

import csv
import inspect
import io
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridges import options
from bridges.record import Point, Record, Row, finite, write_json, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy import ndarray

Measure = Callable[[Point, int], list[Row]]


@dataclass(frozen=True)
class Study:
    """config : what was asked. points, and for each of them the rows of every sample; rows
    carry a "quantity", a "value" and whatever else tells them apart. out : the folder, if
    any. reused : how many point × samples were read from an earlier run."""

    config: Point
    points: list[Point]
    samples: list[list[list[Row]]]
    out: Path | None
    reused: int

    def to_dict(self) -> dict[str, Any]:
        """What was asked and what was found."""
        return {"config": self.config, "results": self.results()}

    def results(self) -> list[Row]:
        """One row a measured value: the point's settings, the mean, `sem` and `n`."""
        import numpy as np

        table = []
        for point, samples in zip(self.points, self.samples, strict=True):
            grouped: dict[tuple[Any, ...], list[float]] = {}
            for rows in samples:
                for row in rows:
                    key = tuple((k, v) for k, v in row.items() if k != "value")
                    grouped.setdefault(key, []).append(row["value"])
            settings = {k: v for k, v in point.items() if not isinstance(v, list)}
            for key, values in grouped.items():
                mean, sem = (float(one) for one in mean_and_sem(np.array(values)))
                found = {"value": mean, "sem": sem if len(values) > 1 else None, "n": len(values)}
                table.append(settings | dict(key) | found)
        return table

    def total(self, quantity: str) -> float:
        """Sum of a quantity over all points and samples."""
        rows = (row for samples in self.samples for rows in samples for row in rows)
        return math.fsum(row["value"] for row in rows if row["quantity"] == quantity)

    def curve(self, quantity: str, along: str, **labels: Any) -> tuple[ndarray, ndarray]:
        """A quantity of every sample along one setting or label.

        along : name of a setting of the points or of a label of the rows, numbers. labels :
        settings and labels that select what is meant.

        Returns x (K,), increasing, and the values (samples, K), NaN where a sample has none.
        Raises ValueError if the labels leave more than one value.
        """
        import numpy as np

        wanted = labels | {"quantity": quantity}
        found: dict[float, list[float]] = {}
        for point, samples in zip(self.points, self.samples, strict=True):
            if any(point.get(k, v) != v for k, v in wanted.items()):
                continue
            for s, rows in enumerate(samples):
                for row in rows:
                    both = point | row
                    if along not in both or any(both.get(k) != v for k, v in wanted.items()):
                        continue
                    values = found.setdefault(both[along], [math.nan] * len(samples))
                    if not math.isnan(values[s]):
                        raise ValueError(
                            f"{quantity} at {along} = {both[along]} is not unique; add labels"
                        )
                    values[s] = row["value"]
        x = sorted(found)
        table = np.array([found[one] for one in x]).reshape(len(x), self.config["samples"])
        return np.array(x, dtype=float), table.T

    def by_sample(self, *names: str) -> dict[tuple[Any, ...], list[float]]:
        """Values grouped by these settings and labels, in the order of the samples.

        A group that has one row a sample lines up with every other such group: samples are
        shared by all points, so that differences between groups are paired.
        """
        grouped: dict[tuple[Any, ...], list[float]] = {}
        for point, samples in zip(self.points, self.samples, strict=True):
            for rows in samples:
                for row in rows:
                    key = tuple(row.get(name, point.get(name)) for name in names)
                    grouped.setdefault(key, []).append(row["value"])
        return grouped


def run_study(
    name: str,
    measure: Measure,
    points: Sequence[Point],
    *,
    parameters: Point | None = None,
    samples: int = 8,
    seed: int = 0,
    jobs: int = 1,
    out: str | Path | None = None,
    overwrite: bool = False,
    quiet: bool = True,
) -> Study:
    """Measure every point on every sample; resume, record and reduce.

    Parameters
    ----------
    name : of the study, part of its record.
    measure : measure(point, seed) → rows, dictionaries with "quantity", "value" and any
        labels; importable by name when jobs > 1.
    points : settings, JSON values only.
    parameters : further settings that the results depend on, JSON values only.
    samples : independent samples a point, at least 1. seed : root seed, at least 0.
    jobs : processes; each computes with one thread, so that the result is the same for any
        number of them.
    out : folder of the record, made if missing; None keeps everything in memory.
    overwrite : replace another run found there.
    quiet : no progress bar on standard error (there is none off a terminal).

    Returns
    -------
    Study.

    Raises
    ------
    ValueError : samples or jobs below 1, a negative seed, or a folder that holds another
        run and `overwrite` was not asked for.

    Examples
    --------
    >>> def measure(point, seed):
    ...     return [{"quantity": "square", "value": point["x"] ** 2 + 0 * seed}]
    >>> run_study("squares", measure, [{"x": 3}], samples=2).results()
    [{'x': 3, 'quantity': 'square', 'value': 9.0, 'sem': 0.0, 'n': 2}]
    """
    for label, number, least in (("samples", samples, 1), ("jobs", jobs, 1), ("seed", seed, 0)):
        if number < least:
            raise ValueError(f"{label} must be at least {least}, got {number}")
    config = {
        "study": name,
        "parameters": parameters or {},
        "seed": seed,
        "samples": samples,
        "points": list(points),
    }
    record = None if out is None else Record(Path(out), config, overwrite)
    asked = [(p, s) for p in range(len(points)) for s in range(samples)]
    done = {} if record is None else record.read(set(asked))
    reused = len(done)
    tasks = [task for task in asked if task not in done]
    bar = _progress(name, len(points) * samples, reused, quiet)
    for p, s, rows in _computed(measure, points, sample_seeds(seed, samples), tasks, jobs):
        done[p, s] = rows
        if record is not None:
            record.append(p, s, rows)
        bar.update()
    bar.close()
    study = Study(
        config=config,
        points=list(points),
        samples=[[done[p, s] for s in range(samples)] for p in range(len(points))],
        out=None if record is None else record.folder,
        reused=reused,
    )
    if record is not None:
        write_text(record.folder / "results.csv", _csv(study.results()))
    return study


@dataclass(frozen=True)
class Findings:
    """What a study found: a text for a person, a summary for a program, a figure."""

    text: str
    summary: Point
    figure: Figure

    def publish(self, folder: Path, *, json: bool, quiet: bool, show: bool) -> None:
        """Write summary and figure into the folder of the run, and print what is wanted."""
        from bridges import plots

        plots.save(self.figure, folder / "figure.png")
        write_json(folder / "summary.json", self.summary)
        if json:
            click.echo(dumps(finite(self.summary), indent=2))
        elif not quiet:
            click.echo(self.text)
            click.echo(f"written to {folder}: results.csv, summary.json, figure.png")
        if show:
            click.launch(str(folder / "figure.png"))


Run = Callable[[Measure, Sequence[Point]], Study]


def study_command(
    presets: Mapping[str, Mapping[str, Any]],
) -> Callable[[Callable[..., Findings]], click.Command]:
    """Make a command of a study, with the options that all studies share.

    presets : "quick" and "paper", each a value for every option of the study and for
    `samples`; an option that is given wins over its preset.

    The decorated function takes `run(measure, points)`, to call once, and its options by
    name; it returns Findings.
    """

    def decorate(function: Callable[..., Findings]) -> click.Command:
        name = Path(inspect.getfile(function)).stem

        @options.plain_errors
        def command(
            preset: str,
            samples: int | None,
            seed: int,
            jobs: int,
            out: Path | None,
            json: bool,
            quiet: bool,
            overwrite: bool,
            show: bool,
            **given: Any,
        ) -> None:
            chosen = dict(presets[preset]) | {k: v for k, v in given.items() if v is not None}
            usual = chosen.pop("samples")
            folder = out or Path("results") / f"{name}-{preset}"
            run = partial(
                run_study,
                name,
                parameters=chosen,
                samples=samples or usual,
                seed=seed,
                jobs=jobs,
                out=folder,
                overwrite=overwrite,
                quiet=quiet or json,
            )
            function(run, **chosen).publish(folder, json=json, quiet=quiet, show=show)

        command.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        for option in reversed(("samples", "seed", "jobs", "out", *options.FLAGS)):
            command = options.shared(option, default=None if option == "samples" else ...)(command)
        command = click.option(
            "--preset",
            type=click.Choice(list(presets)),
            default="quick",
            show_default=True,
            help="quick: under a minute on 2 cores; paper: the full figure.",
        )(command)
        return click.command(name, help=function.__doc__, epilog=_in_words(presets))(command)

    return decorate


def _in_words(presets: Mapping[str, Mapping[str, Any]]) -> str:
    """The presets as options, a paragraph each."""

    def word(value: Any) -> str:
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    return "\n\n".join(
        f"{preset}: "
        + " ".join(f"--{name.replace('_', '-')} {word(value)}" for name, value in values.items())
        for preset, values in presets.items()
    )


def _computed(
    measure: Measure,
    points: Sequence[Point],
    seeds: list[int],
    tasks: list[tuple[int, int]],
    jobs: int,
) -> Iterator[tuple[int, int, list[Row]]]:
    """Finished tasks as they come."""
    if not tasks:
        return
    from joblib import Parallel, delayed

    jobs = min(jobs, len(tasks))
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
    yield from parallel(delayed(_task)(measure, points[p], seeds[s], p, s) for p, s in tasks)


def _task(measure: Measure, point: Point, seed: int, p: int, s: int) -> tuple[int, int, list[Row]]:
    """One point on one sample, computed with one thread."""
    import numba
    import torch

    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    try:
        return p, s, measure(point, seed)
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])


def sample_seeds(root: int, samples: int) -> list[int]:
    """The seeds of the samples of a study; a sample's does not depend on their number.

    Examples
    --------
    >>> sample_seeds(0, 3)[:2] == sample_seeds(0, 2)
    True
    """
    import numpy as np

    return [
        int(np.random.SeedSequence(root, spawn_key=(k,)).generate_state(1)[0])
        for k in range(samples)
    ]


def mean_and_sem(by_sample: ndarray) -> tuple[ndarray, ndarray]:
    """Mean over the first axis and its standard error; NaN are left out, and come of nothing.

    Examples
    --------
    >>> import numpy as np
    >>> mean, sem = mean_and_sem(np.array([[1.0, 5.0], [3.0, np.nan]]))
    >>> mean.tolist(), sem.tolist()
    ([2.0, 5.0], [1.0, nan])
    """
    import numpy as np

    known = ~np.isnan(by_sample)
    n = known.sum(0)
    with np.errstate(invalid="ignore"):  # an infinite value has an infinite mean and no error
        mean = np.where(known, by_sample, 0).sum(0) / np.where(n > 0, n, np.nan)
        squares = np.where(known, by_sample - mean, 0) ** 2
        return mean, np.sqrt(squares.sum(0) / np.where(n > 1, (n - 1) * n, np.nan))


def estimate(by_sample: ndarray) -> dict[str, float]:
    """Mean and error of a number known by samples, for a summary."""
    mean, sem = mean_and_sem(by_sample)
    return {"mean": float(mean), "sem": float(sem)}


def _csv(rows: list[Row]) -> str:
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
    last = [c for c in columns if c not in ("quantity", "value", "sem", "n")]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*last, "quantity", "value", "sem", "n"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _progress(name: str, total: int, done: int, quiet: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, initial=done, desc=name, disable=quiet or None, file=sys.stderr)
