"""Least times, and the machine's own rate to hold them against."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numba
import numpy as np
import torch
from threadpoolctl import threadpool_limits


def timed(*functions: Callable[[], object], repeats: int = 9, in_turn: bool = False) -> list[float]:
    """Least seconds of each function, after a first, uncounted run of it.

    The least, since other work on the machine only ever adds. Each function's runs follow
    each other: thread pools of several libraries keep spinning for a while after their work,
    and would slow whatever comes in turn. Functions of one library that are held against each
    other within some percent are better run in turn, on the same heap and clock rate.
    """
    turns = [functions] if in_turn else [(one,) for one in functions]
    result: list[float] = []
    for together in turns:
        runs = [[seconds(one) for one in together] for _ in range(repeats + 1)]
        result += (min(own) for own in zip(*runs[1:], strict=True))
    return result


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def on_threads(function: Callable[[], object]) -> tuple[float, float]:
    """Least seconds with all threads, and with one."""
    (many,) = timed(function)
    with one_thread():
        (one,) = timed(function)
    return many, one


@contextmanager
def one_thread() -> Iterator[None]:
    """Compiled loops, torch and the products of numpy on one thread each."""
    products, compiled = torch.get_num_threads(), numba.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        numba.set_num_threads(compiled)
        torch.set_num_threads(products)


ROWS: list[dict[str, str | float]] = []  # every row of this run, for its record


def row(what: str, ours: str, other: str, ratio: float, goal: str) -> None:
    ROWS.append({"what": what, "ours": ours, "against": other, "ratio": ratio, "goal": goal})
    print(f"{what:<52}{ours:>14}{other:>30}{ratio:>9.2f}   {goal}", flush=True)


def misses(ratio: float, goal: str) -> bool:
    """Whether a ratio lies on the wrong side of its goal, such as `>= 0.9`; "" is met."""
    side, _, number = goal.partition(" ")
    return bool(goal) and (ratio < float(number) if side == ">=" else ratio > float(number))


def record(where: dict[str, str | int | float], name: str = "") -> Path:
    """Say which goals were missed, and write all rows down with what they were measured on."""
    rows = [each | {"missed": misses(float(each["ratio"]), str(each["goal"]))} for each in ROWS]
    missed = [str(each["what"]).strip() for each in rows if each["missed"]]
    print("\nmissed: " + ("; ".join(missed) or "none"))
    now = datetime.now(UTC)
    file = Path("results/bench") / f"{name}{now:%Y%m%dT%H%M%SZ}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    found = {"date": f"{now:%Y-%m-%d}", "machine": where, "rows": rows}
    file.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return file


def _told_of_cpu(word: str) -> list[str]:
    """What Linux says of each core under a word; elsewhere nothing."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(word)]


def cpu_flags() -> list[str]:
    """Instruction sets of the processor, as Linux names them."""
    return next(iter(_told_of_cpu("flags")), "").split()


def machine() -> dict[str, str | int | float]:
    """What the rows were measured on; its load says whether it was quiet."""
    cpu = _told_of_cpu("model name")
    (product,) = timed(matrix_product())
    return {
        "processor": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 2),
        "product_gflops": round(FLOPS / product / 1e9, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numba": numba.__version__,
        "numpy": np.__version__,
    }


def matrix_product() -> Callable[[], object]:
    """A float32 product of 2·2048³ operations."""
    a, b = torch.randn(2, 2048, 2048).unbind()
    return lambda: a @ b


FLOPS = 2 * 2048**3
