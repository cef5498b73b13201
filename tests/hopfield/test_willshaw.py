"""Willshaw's memory against dense matrices and the theory of its errors."""

import numpy as np
import pytest
import torch
from measured import agree, mean_and_error

from hopfield import WillshawMemory, active_sites, displace_ones, erase_ones, sparse_patterns
from hopfield.theory import willshaw_errors, willshaw_fill


@pytest.mark.parametrize("size", [5, 64, 65, 200])
def test_bits_are_the_couplings(size):
    eta = sparse_patterns(15, size, 4, seed=size)
    memory = WillshawMemory(eta)
    W = (eta.T @ eta > 0).double()
    assert torch.equal(memory.couplings, W)
    assert memory.fill == pytest.approx(float(W.fill_diagonal_(0).sum()) / (size * (size - 1)))
    states = (torch.rand(40, size, generator=torch.Generator().manual_seed(0)) < 0.2).double()
    assert torch.equal(memory.fields(states), states @ memory.couplings)
    k = states.sum(1, keepdim=True)
    wanted = ((states @ memory.couplings >= k) & (k > 0)).double()
    assert torch.equal(memory.step(states), wanted)


def test_both_forms_of_patterns_give_the_same_memory():
    eta, sites = sparse_patterns(30, 100, 6, seed=0), active_sites(30, 100, 6, seed=0)
    one, other = WillshawMemory(eta), WillshawMemory.of_sites(sites, 100)
    assert torch.equal(one.couplings, other.couplings)
    assert torch.equal(other.patterns, eta)
    assert one.fill == other.fill
    assert one.active == other.active == 6


@pytest.mark.parametrize("given", [10, 7, 5])
def test_no_true_one_is_ever_lost(given):
    eta = sparse_patterns(3000, 1000, 10, seed=0)
    cues = erase_ones(eta, (given / 10) ** 0.5, seed=1)
    assert (cues.sum(1) == given).all()
    ends, converged = WillshawMemory(torch.cat([eta, eta[:9]])).retrieve(cues)  # duplicates too
    assert (ends >= eta).all()
    assert converged.all()


@pytest.fixture(scope="module")
def five_thousand():
    found = []
    for seed in range(6):
        eta = sparse_patterns(5000, 1000, 10, seed=seed)
        found.append((eta[:200], WillshawMemory(eta), WillshawMemory(eta, "winners")))
    return found


def test_fill_is_that_of_independent_patterns(five_thousand):
    mean, error = mean_and_error([memory.fill for _, memory, _ in five_thousand])
    assert abs(mean - willshaw_fill(5000, 1000, 10)) < 4 * error


@pytest.mark.parametrize("given", [10, 7, 5])
def test_false_ones_are_those_of_buckingham_and_willshaw(five_thousand, given):
    found = []
    for seed, (eta, memory, _) in enumerate(five_thousand):
        ends, _ = memory.retrieve(erase_ones(eta, (given / 10) ** 0.5, seed=seed))
        found.append(float((ends - eta).sum(1).mean()))
    mean, error = mean_and_error(found)
    theory = willshaw_errors(5000, 1000, 10, given)
    assert abs(mean - theory) < 4 * error
    if given < 10:  # the formula that takes the couplings as independent is too small
        assert mean - 990 * willshaw_fill(5000, 1000, 10) ** given > 4 * error


# 6 samples of 200 cues in other hands: exact recovery after one step, and at the fixed set
@pytest.mark.parametrize(
    ("cosine", "once", "fixed"), [(0.9, 0.388, 0.664), (0.8, 0.012, 0.354), (0.7, 0, 0.108)]
)
def test_winners_mend_displaced_cues(five_thousand, cosine, once, fixed):
    first, last = [], []
    for seed, (eta, _, memory) in enumerate(five_thousand):
        cues = displace_ones(eta, cosine, seed=seed)
        first.append(float((memory.step(cues) == eta).all(1).double().mean()))
        found = memory.relax(cues, seed=seed)
        assert (found.states.sum(1) == 10).all()
        assert found.converged[found.sweeps < 20].all()
        last.append(float((found.states == eta).all(1).double().mean()))
    error = np.sqrt(0.25 / 1200)  # the largest of 1200 cues
    agree(first, (once, error))
    agree(last, (fixed, 2 * error))  # cues of one memory share their ties


def test_a_million_bits_of_very_sparse_patterns():
    """N = 10 000, K = 13, at the capacity of one false one a cue."""
    sites = active_sites(100_000, 10_000, 13, seed=0)
    memory = WillshawMemory.of_sites(sites, 10_000)
    assert memory.fill == pytest.approx(float(willshaw_fill(100_000, 10_000, 13)), rel=1e-3)
    cues = torch.zeros(100, 10_000).scatter(1, sites[:100, :6], 1.0)
    ends = memory.step(cues)
    assert (ends.gather(1, sites[:100]) == 1).all()
    false = ends.sum(1) - 13
    theory = willshaw_errors(100_000, 10_000, 13, 6)
    assert abs(float(false.mean()) - theory) < 4.5 * (theory / 100) ** 0.5 + 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: WillshawMemory(torch.tensor([[1.0, 1, 0], [1, 0, 0]])), "patterns must have the"),
        (lambda: WillshawMemory(torch.zeros(2, 3)), "patterns must have the same number of ones"),
        (lambda: WillshawMemory(2 * torch.eye(3) - 1), r"take \(1 \+ patterns\)/2"),
        (lambda: WillshawMemory(torch.eye(3), "softmax"), "dynamics must be one of 'threshold'"),
        (lambda: WillshawMemory.of_sites([[0, 0]], 3), "sites must be different"),
        (lambda: WillshawMemory.of_sites([[0, 3]], 3), "sites must be whole numbers from 0 to 2"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
