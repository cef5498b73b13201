"""Our side of what other libraries do too; their side is `peers_side.py`."""

from __future__ import annotations

import tempfile

import numpy as np
from clock import row, timed
from side import beside

from hopfield import HopfieldNetwork, flip_spins, hebbian, random_patterns


def peer_lines(python: str) -> None:
    xi = random_patterns(25, 500, seed=0)
    cues = flip_spins(xi.repeat(8, 1), 0.7, seed=1)
    (ours,) = timed(lambda: HopfieldNetwork(hebbian(xi)).relax(cues, seed=2))
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/problem.npz"
        np.savez(file, patterns=xi.numpy().astype(np.int8), cues=cues.numpy().astype(np.int8))
        times = beside("peers_side.py", python, file)
    for peer, seconds in times.items():
        what = "store 25, retrieve 200 cues, N=500"
        row(what, f"{ours * 1e3:.1f} ms", f"{peer} {seconds * 1e3:.0f} ms", seconds / ours, ">= 1")
