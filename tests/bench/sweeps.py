"""Sweeps: what many points and several processes cost."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from clock import row, seconds, timed

from bridges import run_study

EQUAL, TINY = 400, 10_000  # the first are many seconds: a shorter run starts no other process
EACH, AGAIN = 2e-3, 3.0  # at most, in seconds


def equal(point: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """A point of much work, the same at every point."""
    a = torch.ones(600, 600) / 600
    for _ in range(20):
        a = a @ a
    return [{"quantity": "one", "value": float(a.sum()) / 600}]


def tiny(point: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    return [{"quantity": "x", "value": point["x"]}]


def sweep(jobs: int) -> object:
    points = [{"x": x} for x in range(EQUAL)]
    return run_study("equal", equal, points, samples=1, jobs=jobs)


def lines() -> None:
    cold = seconds(lambda: sweep(2))
    one, two = timed(lambda: sweep(1), lambda: sweep(2), repeats=2)
    what = f"{EQUAL} points of {one / EQUAL * 1e3:.0f} ms, two processes"
    row(what, f"{two:.2f} s", f"one process {one:.2f} s", one / two, ">= 1.8")
    row("  and starting them", f"{cold:.2f} s", f"one process {one:.2f} s", one / cold, "")
    points = [{"x": x} for x in range(TINY)]
    with tempfile.TemporaryDirectory() as folder:

        def run() -> object:
            return run_study("tiny", tiny, points, samples=1, jobs=2, out=folder)

        each = seconds(run) / TINY
        again = seconds(run)
    what = f"a point that costs nothing, of {TINY}"
    row(what, f"{each * 1e3:.2f} ms", f"at most {EACH * 1e3:.0f} ms", each / EACH, "<= 1")
    what = f"{TINY} finished points, found again"
    row(what, f"{again:.2f} s", f"at most {AGAIN:.0f} s", again / AGAIN, "<= 1")
