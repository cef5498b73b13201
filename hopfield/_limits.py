"""How much memory a call may take: one estimate before the work, one limit, one sentence.

Whoever is about to make something large says how large it will be; what would not fit is refused
before anything is read, drawn or started, instead of the process being ended by the system.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from math import inf
from pathlib import Path
from typing import NamedTuple

_SHARE = 0.75  # of the memory that is free, which a call may take unless it is said
_GIGA = 1e9


class Limit(NamedTuple):
    """Bytes that may be taken, None for a share of what is free, by so many jobs at once."""

    bytes: float | None = None
    jobs: int = 1


_LIMIT: ContextVar[Limit] = ContextVar("limit", default=Limit())  # noqa: B039  # a constant


@contextmanager
def memory_limit(gigabytes: float | None = None, jobs: int = 1) -> Iterator[None]:
    """Set the limit of what is called inside.

    Parameters
    ----------
    gigabytes : that all jobs together may take; None is three quarters of what is free.
    jobs : processes that compute at once, each of which takes what a point needs.
    """
    token = _LIMIT.set(Limit(None if gigabytes is None else gigabytes * _GIGA, jobs))
    try:
        yield
    finally:
        _LIMIT.reset(token)


def gigabytes_given() -> float | None:
    """Gigabytes of the limit, None if it was left to the machine."""
    limit = _LIMIT.get().bytes
    return None if limit is None else limit / _GIGA


def within_memory(bytes: float, what: str, *, each_job: bool = False) -> None:
    """Refuse what needs more memory than is allowed.

    Parameters
    ----------
    bytes : an estimate of what is held at once.
    what : needs them, led by the argument that it comes from: "data: 6 images of 13000 × 13000".
    each_job : every process needs as much for itself.

    Raises
    ------
    ValueError : more than the limit.

    Examples
    --------
    >>> within_memory(8e6, "size: couplings of 1000 sites")
    >>> with memory_limit(2):
    ...     within_memory(7.2e9, "size: couplings of 30000 sites")
    Traceback (most recent call last):
    ValueError: size: couplings of 30000 sites need about 7.2 GB, more than the 2 GB of --max-memory
    """
    limit, jobs = _LIMIT.get()
    at_once = jobs if each_job else 1
    allowed = _SHARE * _free() if limit is None else limit
    if bytes <= allowed / at_once:
        return
    try:
        needed = f"about {bytes * at_once / _GIGA:.3g} GB"
    except OverflowError:
        needed = "more gigabytes than can be counted"
    for_all = f" in {at_once} --jobs" if at_once > 1 else ""
    raise ValueError(
        f"{what} need {needed}{for_all}, more than the {allowed / _GIGA:.3g} GB of --max-memory"
    )


@cache
def _free() -> float:
    """Bytes that were free when they were first asked for; infinite where no one says."""
    return min(_free_of_machine(), _allowed_by_group())


def _free_of_machine() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024.0 * int(s.split()[1]) for s in lines if s.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:  # elsewhere all there is, a part of which is taken
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return inf


def _allowed_by_group() -> float:
    """What a container or a batch system leaves to its processes."""
    try:
        return float(Path("/sys/fs/cgroup/memory.max").read_text())  # "max" is no number
    except (OSError, ValueError):
        return inf
