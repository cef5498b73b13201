import numpy as np
import pytest
import torch
from measured import normal

from hopfield.theory import argmax_retrieval, argmax_retrieval_spins


# Reference values, known to .001
@pytest.mark.parametrize(
    ("P", "N", "noise", "expected"),
    [
        (403, 20, 0.75, 0.9733),
        (403, 20, 1.0, 0.8085),
        (403, 20, 2.0, 0.1830),
        (8103, 30, 1.25, 0.5184),
        (2981, 40, 1.5, 0.6244),
    ],
)
def test_law_on_the_sphere(P, N, noise, expected):
    assert argmax_retrieval(P, N, noise) == pytest.approx(expected, abs=1.5e-3)


# Reference values: exact capacity ln P_c / N
@pytest.mark.parametrize(
    ("noise", "N", "level", "load"),
    [(1, 20, 0.5, 0.4292), (1, 100, 0.9, 0.2931), (2, 50, 0.5, 0.1450), (2, 20, 0.9, 0.0521)],
)
def test_capacity_on_the_sphere(noise, N, level, load):
    assert argmax_retrieval(np.exp(load * N), N, noise) == pytest.approx(level, abs=4e-3)


def test_law_on_the_sphere_against_sampling():
    N, P, s, trials = 12, 50, 0.8, 20000
    generator = torch.Generator().manual_seed(0)
    xi = normal(trials, P, N, seed=generator)
    xi = xi * (N**0.5 / xi.norm(dim=2, keepdim=True))
    cue = xi[:, 0] + s * normal(trials, N, seed=generator)
    hit = (torch.einsum("tpn,tn->tp", xi, cue).argmax(1) == 0).double().mean().item()
    law = float(argmax_retrieval(P, N, s))
    assert abs(hit - law) < 4 * (law * (1 - law) / trials) ** 0.5


def test_law_of_spins_against_sampling():
    N, P, flips, trials = 15, 30, 4, 20000
    generator = np.random.default_rng(0)
    xi = generator.choice([-1, 1], size=(trials, P, N)).astype(np.int8)
    cue = xi[:, 0].copy()
    cue[:, :flips] *= -1
    score = np.einsum("tpn,tn->tp", xi, cue, dtype=np.int64)
    best = score == score.max(1, keepdims=True)
    hit = (best[:, 0] / best.sum(1)).mean()  # ties at random
    law = float(argmax_retrieval_spins(P, N, 1 - 2 * flips / N))
    assert abs(hit - law) < 4 * (law * (1 - law) / trials) ** 0.5


def test_limits():
    assert argmax_retrieval(1, 10, 1.0) == pytest.approx(1)
    assert argmax_retrieval([1000, 1e9], 50, 0.0) == pytest.approx(1)
    assert argmax_retrieval_spins(8, 1, 1.0) == pytest.approx(2 * (1 - 0.5**8) / 8)
    both = argmax_retrieval([10.0, 100.0, 1000.0], 20, 1.0)
    assert both.shape == (3,)
    assert (np.diff(both) < 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: argmax_retrieval(0, 10, 1.0), "patterns must be finite and at least 1"),
        (lambda: argmax_retrieval(5, 1, 1.0), "size must be a whole number of at least 2"),
        (lambda: argmax_retrieval(5, 10, -1.0), r"noise must lie in \[0, 1e\+150\]"),
        (lambda: argmax_retrieval_spins(5, 10, 2.0), r"overlap must lie in \[-1, 1\]"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
