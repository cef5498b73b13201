"""Least times, and the machine's own rate to hold them against."""

from __future__ import annotations

import time
from collections.abc import Callable

import numba
import torch


def timed(*functions: Callable[[], object], repeats: int = 9) -> list[float]:
    """Least seconds of each function, after a first, uncounted run of it.

    The least, since other work on the machine only ever adds. Each function's runs follow
    each other: thread pools of several libraries keep spinning for a while after their work,
    and would slow whatever comes in turn.
    """
    result = []
    for function in functions:
        function()
        own = []
        for _ in range(repeats):
            start = time.perf_counter()
            function()
            own.append(time.perf_counter() - start)
        result.append(min(own))
    return result


def on_threads(function: Callable[[], object]) -> tuple[float, float]:
    """Least seconds with all threads, and with one."""
    threads = numba.get_num_threads()
    (many,) = timed(function)
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    (one,) = timed(function)
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)
    return many, one


def row(what: str, ours: str, other: str, ratio: float, goal: str) -> None:
    print(f"{what:<52}{ours:>14}{other:>26}{ratio:>9.2f}   {goal}", flush=True)


def matrix_product() -> Callable[[], object]:
    """A float32 product of 2·2048³ operations."""
    a, b = torch.randn(2, 2048, 2048).unbind()
    return lambda: a @ b


FLOPS = 2 * 2048**3
