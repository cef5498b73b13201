"""The verbs of the command that measure, one module each, and what shows their runs again."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridges.study.record import Point
    from bridges.study.report import Report
    from bridges.study.results import Study

_MEASURE = ("basins", "compare", "graph", "guide", "memorization", "recall", "train")
_HOMES = {verb: verb for verb in _MEASURE}
_HOMES |= dict.fromkeys(("capacity", "retrieve"), "compare") | {
    "capacity --sizes": "scaling",
    "compare --classical": "classical",
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
