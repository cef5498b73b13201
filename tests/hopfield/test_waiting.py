"""Updates that wait for the matrix: the same fields, the same couplings as without waiting."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hopfield import (
    Kawasaki,
    Thermal,
    daydream,
    hebbian,
    random_patterns,
    train_with_noise,
    unlearn,
)
from hopfield._compiled import forget_stale
from hopfield._waiting_kernels import BLOCK, add, field, fields_of, flush, look_at, nothing_waits

SIZE = 530  # whose matrix is no longer near: blocks are used in sweeps too
XI = random_patterns(41, SIZE, seed=0)
RATE = {"rate": 0.5, "steps": 11}  # a block and a part of one
RULES = {
    "unlearn": lambda **kw: unlearn(hebbian(XI), 11, 0.5, **kw),
    "daydream": lambda **kw: daydream(XI, rate=0.5, steps=11, **kw),
    "uniform": lambda **kw: train_with_noise(XI, 0.3, **RATE, **kw),
    "normalised": lambda **kw: train_with_noise(XI, 0.3, **RATE, normalize=True, **kw),
    "fixed-point": lambda **kw: train_with_noise(XI, 0.3, "fixed-point", **RATE, **kw),
    "thermal": lambda **kw: train_with_noise(XI, 0.3, Thermal(0.5, 2), **RATE, **kw),
    "kawasaki": lambda **kw: train_with_noise(
        XI, 0.3, Kawasaki(0.5, 2), **RATE, symmetric=True, **kw
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_blocks_do_not_change_what_is_learned(name):
    """A record cuts a block: with one after each step, no update ever waits for another."""
    together = RULES[name](seed=0, checkpoints=[]).couplings
    alone = RULES[name](seed=0, checkpoints=range(12)).couplings
    assert torch.equal(together, alone)
    assert not torch.equal(together, RULES[name](seed=1, checkpoints=[]).couplings)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("size", [1, 3, 37, 600])
def test_waiting_updates_are_part_of_the_couplings(size, normalize):
    """Fields before the matrix takes them, and the matrix after, against dense sums."""
    draws = np.random.default_rng(size)
    couplings = draws.normal(size=(size, size))
    np.fill_diagonal(couplings, 0.0)
    couplings[0] = 0.0
    columns, waiting = couplings.T.copy(), nothing_waits(size, BLOCK)
    left, _, diagonal, overlaps, scale = waiting
    if normalize:
        scale[:] = draws.uniform(0.5, 2, size)
    dense = couplings * scale[:, None]
    place = 0
    for amount in draws.normal(size=BLOCK - 1):
        into, out_of = draws.normal(size=(2, size))
        into[0] = 0.0  # a row without couplings stays one
        place = add(waiting, place, amount, into, out_of)
        dense += amount * np.outer(into, out_of)
    np.fill_diagonal(dense, 0.0)
    spins, fields = draws.choice([-1.0, 1.0], (3, size)), np.empty((3, size))
    fields_of(columns, spins, fields)
    np.testing.assert_allclose(fields, spins @ couplings.T, atol=1e-10)  # rounding of 600 terms
    look_at(waiting, spins[1])
    found = [field(left, diagonal, overlaps, scale, fields[1], spins[1], i) for i in range(size)]
    np.testing.assert_allclose(found, dense @ spins[1], atol=1e-10)
    assert flush(columns, waiting, normalize) != normalize
    if normalize:
        norms = np.linalg.norm(dense, axis=1, keepdims=True)
        dense /= np.where(norms > 0, norms, 1.0)
    np.testing.assert_allclose(columns.T, dense, atol=1e-12)
    assert not left.any()
    assert (scale == 1).all()


def test_code_compiled_from_other_sources_is_forgotten(tmp_path):
    kept, loops = tmp_path / "__pycache__", tmp_path / "_some_kernels.py"
    loops.write_text("BLOCK = 8")
    forget_stale(tmp_path)
    index = kept / "some.nbi"
    index.write_text("")
    forget_stale(tmp_path)
    assert index.exists()
    (tmp_path / "_other_kernels.py").write_text("")  # which may hold what the first calls
    forget_stale(tmp_path)
    assert not index.exists()
    index.write_text("")
    loops.write_text("BLOCK = 16")
    forget_stale(tmp_path)
    assert not index.exists()
