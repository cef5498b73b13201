"""The verbs of the command that measure, one module each, and what shows their runs again."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridges.study.report import Report
    from bridges.study.results import Study

_HOMES = {verb: verb for verb in ("basins", "compare", "graph", "guide", "memorization", "train")}
_HOMES |= dict.fromkeys(("capacity", "retrieve"), "compare") | {
    "capacity --sizes": "scaling",
    "train --patterns": "sizes",
}


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
        found: Report = import_module(f"bridges.verbs.{_HOMES[verb]}").Report(study)
        found.text()
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(
            f"the run in {study.out} is not one that {name!r} writes "
            f"({type(error).__name__}: {error})"
        ) from error
    return found
