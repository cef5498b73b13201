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
import io
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Point = dict[str, Any]
Row = dict[str, Any]
Measure = Callable[[Point, int], list[Row]]

_PACKAGES = ("hopfield-diffusion", "torch", "numpy", "numba", "scipy")


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

    def results(self) -> list[Row]:
        """One row a measured value: the point's settings, the mean, `sem` and `n`."""
        table = []
        for point, samples in zip(self.points, self.samples, strict=True):
            grouped: dict[tuple[Any, ...], list[float]] = {}
            for rows in samples:
                for row in rows:
                    key = tuple((k, v) for k, v in row.items() if k != "value")
                    grouped.setdefault(key, []).append(row["value"])
            settings = {k: v for k, v in point.items() if not isinstance(v, list)}
            for key, values in grouped.items():
                mean, sem = _mean_and_sem(values)
                table.append(settings | dict(key) | {"value": mean, "sem": sem, "n": len(values)})
        return table


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
    record = None if out is None else _Record(Path(out), config, overwrite)
    done = {} if record is None else record.read()
    reused = len(done)
    tasks = [(p, s) for p in range(len(points)) for s in range(samples) if (p, s) not in done]
    bar = _progress(name, len(points) * samples, reused, quiet)
    for p, s, rows in _computed(measure, points, _seeds(seed, samples), tasks, jobs):
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


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all; NaN and infinities become null."""
    write_text(path, json.dumps(finite(value), indent=2, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """`value` with NaN and infinities, which JSON has no word for, as None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value


class _Record:
    """The folder of a run."""

    def __init__(self, folder: Path, config: Point, overwrite: bool) -> None:
        self.folder = folder
        self.points = folder / "points.jsonl"
        given = json.loads(json.dumps(config))
        file = folder / "config.json"
        if file.exists() and not overwrite:
            self._same(file, given)
            return
        if self.points.exists() and not overwrite:
            raise ValueError(f"out: {folder} holds points of an unknown run; pass --overwrite")
        folder.mkdir(parents=True, exist_ok=True)
        for old in ("points.jsonl", "results.csv", "summary.json", "figure.png"):
            (folder / old).unlink(missing_ok=True)
        write_json(file, given | {"versions": _versions()})

    def _same(self, file: Path, config: Point) -> None:
        try:
            found = json.loads(file.read_text())
            changed = [k for k in config if found.get(k) != config[k]]
        except (ValueError, AttributeError) as error:
            raise ValueError(f"out: {file} is not a readable record: {error}") from error
        if changed:
            raise ValueError(
                f"out: {self.folder} holds another run ({', '.join(changed)} differ); "
                "choose another --out or pass --overwrite"
            )

    def read(self) -> dict[tuple[int, int], list[Row]]:
        """What is finished. A last line cut short by a kill is dropped, from the file too."""
        if not self.points.exists():
            return {}
        done = {}
        text = self.points.read_text()
        whole = text[: text.rfind("\n") + 1]
        for line in whole.splitlines():
            entry = json.loads(line)
            done[entry["point"], entry["sample"]] = entry["rows"]
        if whole != text:
            write_text(self.points, whole)
        return done

    def append(self, point: int, sample: int, rows: list[Row]) -> None:
        with self.points.open("a") as file:
            file.write(json.dumps({"point": point, "sample": sample, "rows": rows}) + "\n")


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


def _seeds(root: int, samples: int) -> list[int]:
    import numpy as np

    return [
        int(np.random.SeedSequence(root, spawn_key=(k,)).generate_state(1)[0])
        for k in range(samples)
    ]


def _mean_and_sem(values: list[float]) -> tuple[float, float | None]:
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)


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


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def _progress(name: str, total: int, done: int, quiet: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, initial=done, desc=name, disable=quiet or None, file=sys.stderr)
