"""How far a call has come: bars on standard error, on a terminal alone, of what takes its time."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from threading import Event, Thread
from time import time
from typing import Any, TypeVar

T = TypeVar("T")
_QUICK = 3.0  # seconds before a bar is shown
_TICK = 1.0  # seconds between two looks at the clock
_silent: list[None] = []  # an entry for each `silently` that has not ended


@contextmanager
def silently(wanted: bool = True) -> Iterator[None]:
    """Show no bar of what is called inside, if so wanted."""
    if not wanted:
        yield
        return
    _silent.append(None)
    try:
        yield
    finally:
        _silent.pop()


def silent() -> bool:
    """Whether no bar is shown: inside `silently`, and in processes that compute for another."""
    return bool(_silent) or parent_process() is not None


def followed(steps: Collection[T], label: str) -> Iterator[T]:
    """The same steps, with a bar once they have taken some seconds.

    Examples
    --------
    >>> [2 * k for k in followed([1, 2], "doubling")]
    [2, 4]
    """
    from tqdm import tqdm

    bar = tqdm(
        desc=label,
        total=len(steps),
        leave=False,
        delay=_QUICK,
        disable=True if silent() else None,
        file=sys.stderr,
    )
    with bar, ticking(bar):
        for step in steps:
            yield step
            bar.update()


@contextmanager
def ticking(bar: Any) -> Iterator[None]:
    """Draw a bar every second, with the time that has passed, however long a step takes."""
    if bar.disable:
        yield
        return
    over = Event()

    def draw() -> None:
        while not over.wait(_TICK):
            if bar.format_dict["elapsed"] >= bar.delay:
                bar.refresh()
                bar.last_print_t = time()  # or the bar would not know that it has to be cleared

    thread = Thread(target=draw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
