"""How a verb is conducted: measure, report, record and print; and the options that many share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridges.models import MODELS, plugins
from bridges.study import options

if TYPE_CHECKING:
    from bridges.study.record import Point
    from bridges.study.report import Report

SETTING = (
    *("size", "criterion", "threshold", "trials", "beta", "degree"),
    *("rate", "training-overlap", "training-steps"),
    *("activity", "theta", "gain", "levels", "keep", "colours", "clip", "temperature"),
    *("entmax", "features", "window"),
    *("dynamics", "steps", "class", "scheduler", "batch-size"),
)
STORED = "Patterns stored, P.  [default: {}, or all of fewer]"
RUN = ("device", *options.RUN)


def stored(data: str, most: int) -> int:
    """How many patterns are stored unless it is said: `most`, or all of fewer."""
    from bridges.data import count, is_drawn

    return most if is_drawn(data) else min(most, count(data))


def conduct(
    verb: str,
    data: str,
    home: str,
    asked: Any,
    points: list[Point],
    files: Mapping[str, str] | None = None,
    **shared: Any,
) -> Report:
    """Measure, report, record and print. home : the module of `bridges.verbs`.

    files : data sets by the option that names them, `data` alone unless it is said.
    """
    from dataclasses import asdict
    from functools import partial
    from importlib import import_module

    from bridges.data import called, fingerprint
    from bridges.models import content_of
    from bridges.study.command import Conduct
    from bridges.verbs.setting import read_by

    module = import_module(f"bridges.verbs.{home}")
    files = files or {"data": data}
    contents = {f"content of {name}": fingerprint(file) for name, file in files.items()}
    paths = {p["model"] for p in points if "model" in p} - MODELS.keys() - plugins().keys()
    contents |= {f"content of {path}": content_of(path) for path in sorted(paths - {"exact"})}
    samples = shared["samples"]
    run = Conduct.taken_from(shared)
    folder = run.folder(f"{verb.replace(' --', '-')}-{called(data)}")
    given = [asked]
    if hasattr(module, "Home"):  # the verb writes files of its own into the folder of the run
        quiet = run.quiet or run.json or samples * len(points) > 1
        given.append(module.Home(folder.resolve(), run.seed, samples, quiet))
    study = run.run(
        f"bridges {verb}",  # a study in scripts/ may have the verb's name
        partial(module.measure, *given),
        [asked.columns() | read_by(asked, point) | point for point in points],
        parameters=asdict(asked) | dict(files) | contents,
        samples=samples,
        folder=folder,
        started=f"bridges {verb.partition(' ')[0]}",
    )
    report: Report = module.Report(study)
    run.publish(report)
    return report
