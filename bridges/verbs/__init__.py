"""The verbs of the command that measure, one module each, and what shows their runs again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridges.study.page import Page
    from bridges.study.record import Point
    from bridges.study.report import Report
    from bridges.study.results import Study

_MEASURE = ("basins", "compare", "graph", "guide", "memorization", "recall", "train")
_HOMES = {verb: verb for verb in _MEASURE}
_HOMES |= dict.fromkeys(("capacity", "retrieve"), "compare") | {
    "capacity --sizes": "scaling",
    "compare classical": "classical",
    "train --patterns": "sizes",
}


def home(verb: str, points: Sequence[Point]) -> str:
    """The module of a verb that reports what was measured at these points."""
    several = len({point.get("patterns") for point in points}) > 1
    return "maps" if verb == "retrieve" and several else _HOMES[verb]


def report(study: Study) -> Report | None:
    """The report of a verb's run; None for a run of a study, whose script has its own.

    Raises
    ------
    ValueError : the record is not one that the verb writes.
    """
    name = study.config["study"]
    command, _, verb = name.partition(" ")
    if command != "bridges" or verb not in _HOMES:
        return None
    try:
        found: Report = import_module(f"bridges.verbs.{home(verb, study.points)}").Report(study)
        found.text()
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(
            f"the run in {study.out} is not one that {name!r} writes "
            f"({type(error).__name__}: {error})"
        ) from error
    return found


def write_report(
    study: Study,
    path: str | Path | None = None,
    *,
    page: Page | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a run as a report to send: one file of HTML that asks no network for anything.

    It holds the finding, the figure, the tables, every measured value, the parameters, the
    versions and the command that repeats the run. Of a study of `scripts`, or of one's own, it
    has the bare results and the figure that lies in the folder. Of paths only the parts are
    shown in which they differ.

    Parameters
    ----------
    study : a run, as `load_run` or `run_study` return it; one that is not finished says so.
    path : of the file; None: `report.html` in the folder of the run.
    page : how the figure is to stand; None: as usual. Its formats do not matter.
    overwrite : replace a file that is no report of a run.

    Returns
    -------
    The path.

    Raises
    ------
    ValueError : no run, no page, no path for a run without a folder, a path that is a folder or is
        in none, a file there that is no such report.
    OSError : the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from bridges import run_study
    >>> def measure(point, seed):
    ...     return [{"quantity": "square", "value": point["x"] ** 2}]
    >>> study = run_study("squares", measure, [{"x": 3}, {"x": 4}], samples=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(study, f"{folder}/squares.html").name
    'squares.html'
    """
    from bridges import _checks
    from bridges.study.files import write_text
    from bridges.study.html import document
    from bridges.study.page import USUAL, Page
    from bridges.study.results import Study

    _checks.instance("study", study, Study)
    page = USUAL if page is None else page
    _checks.instance("page", page, Page)
    overwrite = _checks.flag("overwrite", overwrite)
    if not isinstance(path, str | Path | None):
        raise ValueError(f"path must be the path of a file, got {_checks.shown(path)}")
    file = report_file(study, path, overwrite=overwrite)
    found = None if study.missing else report(study)
    write_text(file, document(study, found, page))
    return file


def report_file(study: Study, path: str | Path | None = None, *, overwrite: bool = False) -> Path:
    """Where the report of a run is to be. Raises ValueError, as `write_report` does."""
    from bridges.study.files import REPORT, is_report

    if path is None and study.out is None:
        raise ValueError("path must be given for a run that has no folder")
    file = Path(study.out or "", REPORT) if path is None else Path(path)
    if file.is_dir() or not file.parent.is_dir():
        raise ValueError(f"path must name a file in a folder that is there, got {file}")
    if os.path.lexists(file) and not is_report(file) and not overwrite:
        raise ValueError(f"{file} is no report of a run; pass overwrite to replace it")
    return file
