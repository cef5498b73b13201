"""Recurrent networks: relaxation, dreams, training."""

from __future__ import annotations

import numpy as np
import torch
from clock import FLOPS, matrix_product, on_threads, one_thread, row, timed
from numba import njit

from hopfield import (
    HopfieldNetwork,
    flip_spins,
    hebbian,
    pseudo_inverse,
    random_patterns,
    train_with_noise,
    unlearn,
)


def synchronous(size: int = 1000, replicas: int = 2000) -> None:
    xi = random_patterns(size // 5, size, seed=0)
    network = HopfieldNetwork(pseudo_inverse(xi).float())
    rows = torch.arange(replicas) % len(xi)
    cues = flip_spins(xi[rows].float(), 0.4, seed=1)
    steps = int(network.relax(cues, "synchronous").sweeps.sum()) + replicas  # and one to see
    product, ours = timed(matrix_product(), lambda: network.relax(cues, "synchronous"))
    rate, peak = 2 * size**2 * steps / ours, FLOPS / product
    what = f"synchronous relaxation, N={size}, {replicas} replicas"
    row(what, f"{rate / 1e9:.0f} GF/s", f"product {peak / 1e9:.0f} GF/s", rate / peak, ">= 0.5")


def numpy_asynchronous(
    couplings: np.ndarray, states: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """All replicas at once, one site order for all, incremental fields."""
    s = states.copy()
    h = s @ couplings
    while (h * s < -1e-12).any():
        for i in rng.permutation(len(couplings)):
            flip = np.flatnonzero(h[:, i] * s[:, i] < -1e-12)
            if len(flip):
                s[flip, i] *= -1
                h[flip] += 2 * s[flip, i, None] * couplings[i]
    return s


@njit(cache=True, fastmath={"contract"})
def column_updates(columns: np.ndarray, count: int, fields: np.ndarray) -> None:
    """The sums of that many flips, at random sites, and nothing else."""
    np.random.seed(0)
    for _ in range(count):
        column = columns[np.random.randint(len(columns))]
        for j in range(len(fields)):
            fields[j] += column[j]


@njit(cache=True)
def flips_of(columns: np.ndarray, spins: np.ndarray, fields: np.ndarray) -> int:
    """Flips on the way to a fixed point, sweep by sweep in random orders."""
    count, moved = 0, True
    while moved:
        moved = False
        for i in np.random.permutation(len(spins)):
            if fields[i] * spins[i] < -1e-9:
                spins[i] = -spins[i]
                fields += 2.0 * spins[i] * columns[i]
                count, moved = count + 1, True
    return count


def against_bare(network: HopfieldNetwork, cues: torch.Tensor, ours: float) -> None:
    """One thread against what no such relaxation can do without: fields of the cues, and flips.

    What is left is the random order, four draws and looks for each flip of these cues, which at
    N = 100 cost more than the 100 sums of a flip: 0.7 is out of reach there.
    """
    columns, some = network.form.like.T.contiguous().numpy(), cues.double()[:100]
    fields = network.form.fields(some).numpy()
    flips = sum(map(flips_of, 100 * [columns], some.clone().numpy(), fields)) / len(some)
    count, sums = round(flips * len(cues)), np.zeros(len(columns))
    with one_thread():
        product, bare = timed(
            lambda: network.form.fields(cues.double()),
            lambda: column_updates(columns, count, sums),
        )
    kind, each = str(network.form.like.dtype)[6:], 1e6 / len(cues)
    row(
        f"  on one thread, {kind}, against its {flips:.0f} flips alone",
        f"{ours * each:.1f} µs",
        f"product and flips {(product + bare) * each:.1f} µs",
        (product + bare) / ours,
        ">= 0.7",
    )


def asynchronous(size: int, replicas: int = 2000) -> None:
    xi = random_patterns(size // 5, size, seed=0)
    network = HopfieldNetwork(pseudo_inverse(xi))
    rows = torch.arange(replicas) % len(xi)
    cues = flip_spins(xi[rows], 0.6, seed=1)
    couplings, states = network.couplings.numpy(), cues.numpy()
    rng = np.random.default_rng(0)

    def relaxed() -> object:
        return network.relax(cues, seed=2)

    ours, one = on_threads(relaxed)
    (other,) = timed(lambda: numpy_asynchronous(couplings, states, rng))
    what = f"asynchronous relaxation from 0.6, N={size}"
    each = 1e6 / replicas
    row(
        what,
        f"{ours * each:.1f} µs",
        f"batched numpy {other * each:.1f} µs",
        other / ours,
        ">= 2.5",
    )
    row(
        "  on two threads, against one",
        f"{ours * each:.1f} µs",
        f"{one * each:.1f} µs",
        one / ours,
        ">= 1.9",
    )
    against_bare(network, cues, one)
    single = HopfieldNetwork(network.couplings.float())
    with one_thread():
        (one,) = timed(lambda: single.relax(cues, seed=2))
    against_bare(single, cues, one)


@njit(cache=True)
def plain_dreams(couplings: np.ndarray, dreams: int, rate: float, seed: int) -> None:
    """Unlearning as one would write it down: a full field at every visit's flip."""
    np.random.seed(seed)
    size = len(couplings)
    for _ in range(dreams):
        s = np.where(np.random.random(size) < 0.5, -1.0, 1.0)
        h = np.dot(couplings, s)
        moved = True
        while moved:
            moved = False
            for i in np.random.permutation(size):
                if h[i] * s[i] < 0:
                    s[i] = -s[i]
                    h += 2 * s[i] * couplings[i]
                    moved = True
        couplings -= rate / size * np.outer(s, s)
        for i in range(size):
            couplings[i, i] = 0.0


def dreams(size: int, count: int) -> None:
    couplings = hebbian(random_patterns(3 * size // 10, size, seed=0))

    def batched() -> object:
        return unlearn(couplings, count, 0.005, batch=40, seed=1, checkpoints=[])

    two, one = on_threads(batched)  # before the plain loop, whose BLAS threads go on spinning
    ours, other = timed(
        lambda: unlearn(couplings, count, 0.01, seed=1, checkpoints=[]),
        lambda: plain_dreams(couplings.numpy().copy(), count, 0.01, 1),
        repeats=3,
    )
    each = 1e6 / count
    what = f"a serial dream, N={size}"
    row(what, f"{ours * each:.1f} µs", f"plain loop {other * each:.1f} µs", other / ours, ">= 3")
    what = "  batched by 40, on two threads against one"
    row(what, f"{two * each:.1f} µs", f"{one * each:.1f} µs", one / two, ">= 1.7")


def learning() -> None:
    xi = random_patterns(30, 100, seed=0)
    couplings = hebbian(xi)
    (top,) = timed(lambda: unlearn(couplings, 2500, 0.01, seed=1, checkpoints=[]))
    row("unlearning to D_top, N=100", f"{top * 1e3:.0f} ms", "200 ms", 0.2 / top, ">= 1")
    steps = 100_000
    (trained,) = timed(
        lambda: train_with_noise(xi, 0.5, steps=steps, rate=0.1, seed=1, checkpoints=[])
    )
    rate = steps / trained
    row("training with noise, N=100", f"{rate / 1e3:.0f} k/s", "100 k/s", rate / 1e5, ">= 1")


def lines() -> None:
    synchronous()
    for size in (100, 400, 1000):
        asynchronous(size)
    for size, count in ((100, 4000), (400, 800), (1000, 200)):
        dreams(size, count)
    learning()
