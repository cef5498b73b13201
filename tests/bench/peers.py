"""Our side of what other libraries do too; their side is `peers_side.py`."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from clock import row, timed

from hopfield import HopfieldNetwork, flip_spins, hebbian, random_patterns


def lines(python: str) -> None:
    xi = random_patterns(25, 500, seed=0)
    cues = flip_spins(xi.repeat(8, 1), 0.7, seed=1)
    (ours,) = timed(lambda: HopfieldNetwork(hebbian(xi)).relax(cues, seed=2))
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/problem.npz"
        np.savez(file, patterns=xi.numpy().astype(np.int8), cues=cues.numpy().astype(np.int8))
        script = Path(__file__).with_name("peers_side.py")
        done = subprocess.run([python, str(script), file], capture_output=True, text=True)
    if done.returncode:
        print("the peers did not run:", done.stderr.strip().splitlines()[-1])
        return
    for peer, seconds in json.loads(done.stdout).items():
        what = "store 25, retrieve 200 cues, N=500"
        row(what, f"{ours * 1e3:.1f} ms", f"{peer} {seconds * 1e3:.0f} ms", seconds / ours, ">= 1")
