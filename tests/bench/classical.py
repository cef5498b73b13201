"""Classical memories: each beside the same work done plainly, or beside Hebb's network."""

from __future__ import annotations

import numpy as np
import torch
from clock import row, timed
from numba import njit

from hopfield import (
    CovarianceMemory,
    HopfieldNetwork,
    PottsMemory,
    WillshawMemory,
    active_sites,
    displace_ones,
    flip_spins,
    hebbian,
    random_patterns,
    sparse_patterns,
)
from hopfield.relaxation import Relaxation


def covariance(size: int = 1000, replicas: int = 1000) -> None:
    """A sweep of 0/1 units against a sweep of Hebb's spins; fields change with each flip."""
    eta, xi = sparse_patterns(size // 10, size, size // 10, seed=0), random_patterns(50, size, 0)
    memory, network = CovarianceMemory(eta), HopfieldNetwork(hebbian(xi))
    cues = displace_ones(eta[torch.arange(replicas) % len(eta)], 0.7, seed=1)
    spins = flip_spins(xi[torch.arange(replicas) % len(xi)], 0.7, seed=1)

    def each(found: Relaxation) -> float:  # µs per sweep of a replica
        return 1e6 / int((found.sweeps + 1).sum())  # and the one that sees rest

    ours, hebb = timed(lambda: memory.relax(cues, seed=2), lambda: network.relax(spins, seed=2))
    ours *= each(memory.relax(cues, seed=2))
    hebb *= each(network.relax(spins, seed=2))
    what = f"a sweep of the covariance rule, N={size}"
    row(what, f"{ours:.0f} µs", f"Hebb {hebb:.0f} µs", hebb / ours, ">= 1")


def willshaw(size: int = 10_000, active: int = 13, patterns: int = 400_000) -> None:
    """Storing bits, and a step of 200 cues against a product of matrices of one byte each."""
    sites = active_sites(patterns, size, active, seed=0)
    (storing,) = timed(lambda: WillshawMemory.of_sites(sites, size), repeats=1)
    memory = WillshawMemory.of_sites(sites, size)
    cues = torch.zeros(200, size).scatter(1, sites[:200], 1.0)
    couplings = memory.couplings.float()
    ours, product = timed(lambda: memory.step(cues), lambda: cues @ couplings >= active, repeats=3)
    what = f"Willshaw, N={size}, K={active}, P={patterns}: a cue"
    each = 1e6 / len(cues)
    row(what, f"{ours * each:.0f} µs", f"product {product * each:.0f} µs", product / ours, ">= 3")
    rate = patterns / storing
    row("  storing its patterns", f"{rate / 1e3:.0f} k/s", "100 k/s", rate / 1e5, ">= 1")


@njit(cache=True)
def plain_potts(patterns: np.ndarray, colours: int, states: np.ndarray, seed: int) -> None:
    """The same dynamics with a field of all couplings at each visit, N²q² of them made before."""
    count, size = patterns.shape
    J = np.zeros((size, colours, size, colours))
    for mu in range(count):
        for i in range(size):
            for j in range(size):
                if i != j:
                    J[i, patterns[mu, i], j, patterns[mu, j]] += 1.0
    np.random.seed(seed)
    for b in range(len(states)):
        s = states[b]
        moved = True
        while moved:
            moved = False
            for i in np.random.permutation(size):
                h = np.zeros(colours)
                for j in range(size):
                    for k in range(colours):
                        h[k] += J[i, k, j, s[j]] * colours
                        for other in range(colours):
                            h[k] -= J[i, k, j, other]
                best = s[i]
                for k in range(colours):
                    if h[k] > h[best]:
                        best = k
                if best != s[i]:
                    s[i], moved = best, True


def potts(size: int = 300, colours: int = 3, replicas: int = 100) -> None:
    """Sums over patterns that are kept, PN a sweep, against fields made anew, N²q²."""
    draws = torch.Generator().manual_seed(0)
    xi = torch.randint(colours, (size // 5, size), generator=draws)
    memory = PottsMemory(xi, colours)
    patterns = memory.patterns[torch.arange(replicas) % len(xi)]
    cues = memory.corrupt(patterns, 0.7, torch.Generator().manual_seed(1))
    states = memory.colours_of(cues)
    ours, plain = timed(
        lambda: memory.relax(cues, seed=2),
        lambda: plain_potts(xi.numpy(), colours, states.numpy().copy(), 2),
        repeats=3,
    )
    what = f"Potts relaxation from 0.7, N={size}, q={colours}"
    each = 1e6 / replicas
    row(what, f"{ours * each:.0f} µs", f"plain loop {plain * each:.0f} µs", plain / ours, ">= 5")


def lines() -> None:
    covariance()
    willshaw()
    potts()
