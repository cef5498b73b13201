r"""The one way to run a study: parameters → points × samples → results on disk.

A study measures every point (a dictionary of settings) on several independent samples. The
seed of sample k is spawned from the root seed and k alone: a result depends neither on
where nor in what order it was computed, and all points see the same samples, so that
comparisons between them are paired.

A run writes into its folder

    config.json    every parameter, the seed, the versions
    points.jsonl   one line per finished point × sample, the record that resuming reads
    results.csv    one row per measured value: mean, `sem` between samples, `n` samples
    summary.json   written by the caller, last: a run that has it is finished

A run started again with the same parameters measures only what is missing, and again what
failed; with more samples or further points it measures what is new. Another run in its folder
is refused unless overwriting is asked for. A run can be
spread: over processes, over a Dask cluster, or as shards of which each has a folder of its
own, joined afterwards by `merge`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from operator import index
from pathlib import Path
from typing import Any

from bridges.study.engine import compute
from bridges.study.record import Record, check_number
from bridges.study.results import Study
from bridges.study.rows import Point, check_finite, plain
from bridges.study.tasks import Measure, Task

_REFUSED = "ValueError: "  # how an error that is the user's to mend begins


def run_study(
    name: str,
    measure: Measure,
    points: Sequence[Point],
    *,
    parameters: Point | None = None,
    samples: int = 8,
    seed: int = 0,
    jobs: int = 1,
    cluster: str | None = None,
    shard: tuple[int, int] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    quiet: bool = True,
    complete: bool = False,
    command: str | None = None,
) -> Study:
    """Measure every point on every sample; resume, record and reduce.

    Parameters
    ----------
    name : of the study, part of its record.
    measure : measure(point, seed) → rows, dictionaries with "quantity", "value" (NaN where the
        sample has none) and any labels, each once; importable by name when jobs > 1.
    points : settings, JSON values and scalars of numpy and torch; finite, or that point fails.
    parameters : further settings that the results depend on, likewise.
    samples : independent samples per point, at least 1.
    seed : root seed, at least 0.
    jobs : processes; each computes with one thread, so that the result is the same for any
        number of them.
    cluster : "tcp://host:port" of a running Dask scheduler, whose workers compute instead.
    shard : (i, n), 1 ≤ i ≤ n: measure every n-th point × sample only, from the i-th.
    out : folder of the record, made if missing; None keeps everything in memory.
    overwrite : replace another run found there.
    quiet : no progress bar on standard error (there is none off a terminal).
    complete : points hold all that the results depend on, so that a folder of which every point
        is asked for again is added to even if other parameters differ.
    command : the line that started the run, kept in its record.

    Returns
    -------
    Study. Where `measure` raised, or returned what is no row, the error is kept in `failed` and
    in the record, and the others go on.

    Raises
    ------
    ValueError : samples or jobs below 1, a negative seed, a shard out of range, settings that
        JSON has no word for, more measurements than fit into memory, a folder that another
        process is writing, or that holds another run and `overwrite` was not asked for, or
        that is moved meanwhile, no scheduler; or the one ValueError that every point was
        refused with, which leaves no folder behind.

    Examples
    --------
    >>> def measure(point, seed):
    ...     return [{"quantity": "square", "value": point["x"] ** 2 + 0 * seed}]
    >>> run_study("squares", measure, [{"x": 3}], samples=2).results()
    [{'x': 3, 'quantity': 'square', 'value': 9.0, 'sem': 0.0, 'n': 2}]
    """
    samples, jobs = _whole("samples", samples, 1), _whole("jobs", jobs, 1)
    seed = _whole("seed", seed, 0)
    for label, right, wanted, given in (
        ("name", isinstance(name, str), "a text", name),
        ("measure", callable(measure) and not isinstance(measure, type), "a function", measure),
        ("points", isinstance(points, list | tuple), "a list of settings by name", points),
        *(
            (label, isinstance(given, bool), "True or False", given)
            for label, given in (
                ("overwrite", overwrite),
                ("quiet", quiet),
                ("complete", complete),
            )
        ),
    ):
        if not right:
            raise ValueError(f"{label} must be {wanted}, got {type(given).__name__}")
    if strangers := [point for point in points if not isinstance(point, Mapping)]:
        raise ValueError(f"points must be dictionaries, got {strangers[0]!r}")
    check_number(len(points), samples)
    config = {
        "study": name,
        "parameters": plain(parameters or {}, "parameters"),
        "seed": int(seed),
        "samples": int(samples),
        "points": [plain(point, f"point {p}") for p, point in enumerate(points)],
    }
    check_finite(config["parameters"], "parameters")
    asked = [(p, s) for p in range(len(points)) for s in range(samples)]
    if shard is not None:
        k, n = shard
        if not 1 <= k <= n:
            raise ValueError(f"shard must be i/n with 1 ≤ i ≤ n, got {k}/{n}")
        asked, config = asked[k - 1 :: n], config | {"shard": f"{k}/{n}"}
    if out is None:
        return _measured(config, measure, asked, None, jobs, cluster, quiet)
    with Record(Path(out), config, overwrite, complete, command) as record:
        study = _measured(config, measure, asked, record, jobs, cluster, quiet)
        record.finish(study.to_csv())
        if not study.failed:
            record.tidy()
        return study


def _whole(name: str, value: Any, least: int) -> int:
    """A whole number; the checks of the other rooms load torch, which a study need not."""
    try:
        plain = int(value) if isinstance(value, float) and value.is_integer() else value
        truth = isinstance(plain, bool) or str(getattr(plain, "dtype", "")).endswith("bool")
        number = -1 if truth else index(plain)
    except TypeError:
        number = -1
    if not least <= number < 2**63:
        got = value if isinstance(value, int | float) and number < 2**63 else type(value).__name__
        raise ValueError(f"{name} must be a whole number of at least {least}, got {got}")
    return number


def _measured(
    config: Point,
    measure: Measure,
    asked: list[tuple[int, int]],
    record: Record | None,
    jobs: int,
    cluster: str | None,
    quiet: bool,
) -> Study:
    """The study, after what the record does not have has been measured."""
    from bridges import _checks

    done = {} if record is None else record.read(set(asked))[0]
    reused, failed = len(done), {}
    seeds = sample_seeds(config["seed"], config["samples"])
    order = sorted(asked, key=lambda one: one[1])  # one sample of all: what is cut short compares
    tasks = [Task(p, s, config["points"][p], seeds[s]) for p, s in order if (p, s) not in done]
    bar = _progress(config["study"], len(asked), reused, quiet)
    with _checks.silently(quiet), bar, _checks.ticking(bar):
        for outcome in compute(measure, tasks, jobs, cluster):
            if record is not None:
                record.append(outcome)
            key = outcome.p, outcome.s
            if outcome.error:
                failed[key] = outcome.error
            else:
                done[key] = outcome.rows
            bar.update()
    errors = set(failed.values())
    if len(failed) == len(asked) and len(errors) == 1:
        (error,) = errors
        if error.startswith(_REFUSED):
            if record is not None and not reused:
                record.withdraw()
            raise ValueError(error.removeprefix(_REFUSED))
    return Study.of(config, done, failed, None if record is None else record.folder, reused)


def sample_seeds(root: int, samples: int) -> list[int]:
    """Seeds of the samples of a study; the seed of a sample does not depend on their number.

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


def _progress(name: str, total: int, done: int, quiet: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, initial=done, desc=name, disable=quiet or None, file=sys.stderr)
