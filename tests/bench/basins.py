"""Basins: what it costs to put the ends of many starts together."""

from __future__ import annotations

import torch
from clock import row, timed

from bridges import as_memory, basin_fractions
from bridges.memory import Memory
from bridges.memory.cueing import recall
from bridges.starts import Starts, noised, spins
from diffusion import EmpiricalDenoiser
from hopfield import HopfieldNetwork, hebbian, random_patterns

_ROWS = 2**14  # as the measurement retrieves them


def basins(what: str, memory: Memory, starts: Starts) -> None:
    """Seconds of the measurement, and what it adds to the dynamics alone."""

    def dynamics() -> None:
        generator = torch.Generator().manual_seed(0)
        for part in starts.states.split(_ROWS):
            recall(memory, part, starts.overlap, generator)

    bare, ours = timed(
        dynamics, lambda: basin_fractions(memory, starts, seed=0), repeats=8, in_turn=True
    )
    row(what, f"{ours:.1f} s", "10 s", 10 / ours, ">= 1")
    row("  against the dynamics alone", f"{ours:.2f} s", f"{bare:.2f} s", ours / bare, "<= 1.1")


def lines() -> None:
    xi = torch.randn(1000, 64, generator=torch.Generator().manual_seed(0))
    exact, starts = EmpiricalDenoiser(xi), noised(xi, 1.0, 100_000, seed=1)
    basins("basins, 100000 starts, P=1000, d=64, fixed σ", as_memory(exact, sigma=1.0), starts)
    flow = as_memory(EmpiricalDenoiser(xi[:50]), dynamics="flow", sigma=1.0)
    basins("basins, 20000 starts of a flow, P=50, d=64", flow, noised(xi[:50], 1.0, 20_000, seed=1))
    binary = random_patterns(12, 200, seed=0)
    network = as_memory(HopfieldNetwork(hebbian(binary)), binary)
    basins("basins, 20000 random spins, N=200, P=12", network, spins(20_000, 200, seed=1))
