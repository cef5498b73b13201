"""Recall by libraries that do it too, on one thread; their side is `peers_side.py`.

A short loop in numpy stands for what one would write without any library: it neither checks
its input nor sees cycles.
"""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from clock import one_thread, row, timed
from networks import numpy_asynchronous
from side import SHORT, beside

from hopfield import HopfieldNetwork, flip_spins, hebbian, random_patterns

SIZE, PATTERNS, CUES, FLIPPED = 500, 25, 64, 0.15


def numpy_synchronous(couplings: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Steps of all replicas until none moves."""
    s = states
    while True:
        h = s @ couplings
        new = np.where(np.abs(h) < 1e-9, s, np.sign(h))
        if (new == s).all():
            return s
        s = new


def peer_lines(python: str) -> None:
    xi = random_patterns(PATTERNS, SIZE, seed=0)
    cues = flip_spins(xi[torch.arange(CUES) % PATTERNS], 1 - 2 * FLIPPED, seed=1)
    network = HopfieldNetwork(hebbian(xi))
    couplings, states = network.couplings.double().numpy(), cues.double().numpy()
    with one_thread():
        together, together_numpy, each, each_numpy = timed(
            lambda: network.relax(cues, "synchronous"),
            lambda: numpy_synchronous(couplings, states),
            lambda: network.relax(cues, seed=2),
            lambda: numpy_asynchronous(couplings, states, np.random.default_rng(0)),
        )
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/problem.npz"
        np.savez(file, patterns=xi.numpy().astype(np.int8), cues=cues.numpy().astype(np.int8))
        found = beside("peers_side.py", python, file)
    for dynamics, ours, plain in (
        ("synchronous", together, together_numpy),
        ("asynchronous", each, each_numpy),
    ):
        what = f"recall of {CUES} cues, N={SIZE}, P={PATTERNS}, {dynamics}"
        for other, seconds in {SHORT: plain, **found[dynamics]}.items():
            against = f"{other} {seconds * 1e3:.1f} ms"
            goal = "" if other == SHORT else ">= 1"
            row(what, f"{ours * 1e3:.1f} ms", against, seconds / ours, goal)
