"""Networks whose matrix would not fit: factors of the couplings, and what is left of the matrix."""

from __future__ import annotations

import subprocess
import sys

import torch
from clock import row, seconds, timed

from hopfield import (
    HopfieldNetwork,
    LowRankCouplings,
    flip_spins,
    hebbian,
    random_patterns,
    storkey,
)

_STORE = """
import resource, time
from hopfield import HopfieldNetwork, LowRankCouplings, flip_spins, random_patterns
HopfieldNetwork(LowRankCouplings.hebbian(random_patterns(2, 2000, seed=0))).relax(
    random_patterns(1, 2000, seed=1)
)  # compiled, or read from the cache
start = time.perf_counter()
xi = random_patterns({count}, {size}, seed=0)
network = HopfieldNetwork(LowRankCouplings.hebbian(xi))
found = network.relax(flip_spins(xi[:{cues}], 0.3, seed=1), seed=2)
assert bool((found.states == xi[:{cues}]).all())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(time.perf_counter() - start, peak)
"""


def without_a_matrix(size: int = 100_000, count: int = 100, cues: int = 64) -> None:
    """In a fresh process, whose memory the system counts."""
    script = _STORE.format(size=size, count=count, cues=cues)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    taken, peak = (float(word) for word in done.stdout.split())
    what = f"store P={count}, relax {cues} cues, N={size}"
    row(what, f"{taken:.1f} s", "goal 60 s", taken / 60, "<= 1")
    row("  memory", f"{peak:.2f} GB", "goal 2 GB", peak / 2, "<= 1")


def crossover(size: int, count: int, cues: int = 64) -> None:
    """Store and relax, by the matrix and by the factors."""
    xi = random_patterns(count, size, seed=0)
    starts = flip_spins(xi[torch.arange(cues) % count], 0.3, seed=1)
    full, few = timed(
        lambda: HopfieldNetwork(hebbian(xi)).relax(starts, seed=2),
        lambda: HopfieldNetwork(LowRankCouplings.hebbian(xi)).relax(starts, seed=2),
        repeats=2,
    )
    what = f"  factors, N={size}, P={count}"
    row(what, f"{few * 1e3:.0f} ms", f"matrix {full * 1e3:.0f} ms", full / few, ">= 1")


def lines() -> None:
    without_a_matrix()
    for size, count in ((1000, 10), (1000, 60), (4000, 10), (4000, 250)):
        crossover(size, count)
    xi = random_patterns(20, 4096, seed=0)
    taken = min(seconds(lambda: storkey(xi)) for _ in range(2))
    row("Storkey's rule, N=4096, P=20", f"{taken:.2f} s", "goal 3 s", taken / 3, "<= 1")
