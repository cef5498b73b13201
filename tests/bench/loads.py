"""Capacity scans: one trial of Hebb's rule, store, corrupt and recall."""

from __future__ import annotations

from clock import one_thread, row, timed
from side import beside

from bridges import as_memory, capacity
from hopfield import HopfieldNetwork, hebbian, random_patterns

SIZE, PATTERNS, TRIALS = 100, 13, 40


def build(load: float, seed: int) -> object:
    xi = random_patterns(round(load * SIZE), SIZE, seed=seed)
    return as_memory(HopfieldNetwork(hebbian(xi)), xi)


def scan(cues: int) -> object:
    """As hopfieldkit scans: a new network a trial, cues with 15 spins flipped."""
    load = PATTERNS / SIZE
    return capacity(build, [load], 0.7, samples=TRIALS, trials=cues, threshold=1.0, seed=0)


def lines(python: str | None = None) -> None:
    with one_thread():  # as the peer: work this small waits longer for a second one
        found = timed(lambda: scan(1), lambda: scan(PATTERNS), repeats=5)
    one, all_ = (least / TRIALS for least in found)
    other, name = 8e-4, "0.8 ms"
    if python is not None:
        words = map(str, (SIZE, PATTERNS, TRIALS))
        other = beside("peers_side.py", python, "scan", *words)["hopfieldkit"]
        name = f"hopfieldkit {other * 1e3:.2f} ms"
    what = f"capacity scan, N={SIZE}, P={PATTERNS}, network and cue"
    row(what, f"{one * 1e3:.2f} ms", name, other / one, "")
    each = all_ / PATTERNS
    row("  a cue, where all patterns are cued", f"{each * 1e3:.2f} ms", name, other / each, ">= 1")
