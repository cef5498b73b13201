"""A task: one point on one sample, computed with one thread, that ends in rows or in an error.

One thread of torch, of compiled loops and of the products of numpy and scipy: neither the place
nor the number of workers changes a result.
"""

from __future__ import annotations

import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from bridges.study.rows import Point, Row, check_finite, plain_rows

Measure = Callable[[Point, int], list[Row]]


class Task(NamedTuple):
    """Point p on sample s, with the point's settings and the sample's seed."""

    p: int
    s: int
    point: Point
    seed: int


class Outcome(NamedTuple):
    """What a task came to: its rows, or an error ("ValueError: …") and its traceback."""

    p: int
    s: int
    rows: list[Row]
    error: str = ""
    traceback: str = ""


Work = Callable[[Task], Outcome]

LITTLE = 2**16  # bytes of a work that may travel with each of its tasks; more travels once


def packed(work: Work) -> bytes:
    """A work as bytes, that of a function which no other process can import too."""
    from joblib.externals.loky.backend.reduction import dumps

    return bytes(dumps(work))


def taken(waiting: deque[Task]) -> Task | None:
    """The next task, taken by one thread alone; None if there is none."""
    try:
        return waiting.popleft()
    except IndexError:
        return None


def outcome(measure: Measure, task: Task) -> Outcome:
    """The outcome of a task. What is no row is an error of the task, as what raises is."""
    try:
        check_finite(task.point, f"point {task.p}")
        with _one_thread():
            return Outcome(task.p, task.s, plain_rows(measure(task.point, task.seed)))
    except Exception as error:
        return failure(task, error, traceback.format_exc())


def failure(task: Task, error: BaseException, trace: str = "") -> Outcome:
    """The outcome of a task that an error ended."""
    words = f"{type(error).__name__}: {error}".rstrip(": \n")
    return Outcome(task.p, task.s, [], words, trace)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch, compiled loops and the products of numpy and scipy.

    Compiled loops only where they are loaded: that takes 60 MB, and not all tasks have any. The
    first task that loads them may use more threads, if its process was given more.
    """
    import torch

    loops = sys.modules.get("numba")
    before = torch.get_num_threads()
    compiled = loops.get_num_threads() if loops else 1  # which may raise the number of torch
    if loops:
        loops.set_num_threads(1)
    torch.set_num_threads(1)
    try:
        with _pools().limit(limits=1):
            yield
    finally:
        if loops:
            loops.set_num_threads(compiled)
        torch.set_num_threads(before)


@cache
def _pools() -> Any:
    """The thread pools of the libraries that are loaded; finding them takes milliseconds."""
    import numpy.linalg  # noqa: F401  # the pools of these two should be among them
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
