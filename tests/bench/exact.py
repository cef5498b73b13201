"""Exact scores, samplers and TwoNN, against other libraries on one thread."""

from __future__ import annotations

from clock import row
from side import SHORT, beside


def peer_lines(python: str) -> None:
    for what, found in beside("exact_side.py", python).items():
        ours = found.pop("ours")
        for peer, seconds in found.items():
            other = f"{peer} {seconds * 1e3:.0f} ms"
            goal = "" if peer == SHORT else ">= 1"  # that loop serves one mixture only
            row(what, f"{ours * 1e3:.0f} ms", other, seconds / ours, goal)
