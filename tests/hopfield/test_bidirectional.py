"""Bidirectional memory against Hebb's network on both layers, and the theory."""

import itertools

import pytest
import torch
from measured import mean_and_error

from hopfield import BidirectionalMemory, HopfieldNetwork, overlap, random_patterns
from hopfield.theory import crosstalk_overlap


def test_it_is_hebb_between_the_layers():
    """Couplings, energy and fixed points of the network on N + M spins with two blocks."""
    x, y = random_patterns(3, 5, seed=0), random_patterns(3, 4, seed=1)
    memory = BidirectionalMemory(x, y)
    J = torch.zeros(9, 9).double()
    for a, b in zip(x, y, strict=True):
        J[5:, :5] += torch.outer(b, a) / 5
    J[:5, 5:] = J[5:, :5].T
    assert (memory.couplings - J[5:, :5]).abs().max() < 1e-15
    network = HopfieldNetwork(J)
    states = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=9))).double()
    assert (memory.energy(states) - network.energy(states)).abs().max() < 1e-12
    ours = (memory.step(states) == states).all(1)
    theirs = (network.step(states) == states).all(1)
    assert torch.equal(ours, theirs)
    assert torch.equal(memory.relax(states).converged, torch.ones(512, dtype=torch.bool))


def test_answers_alternate_and_the_energy_falls():
    x, y = random_patterns(60, 200, seed=0), random_patterns(60, 150, seed=1)
    memory = BidirectionalMemory(x, y)
    states = random_patterns(100, 350, seed=2)
    energy = memory.energy(states)
    for _ in range(20):
        s, u = states[:, :200], states[:, 200:]
        field = s @ memory.couplings.T
        u = torch.where(field.abs() < 1e-9, u, field.sign())
        field = u @ memory.couplings
        s = torch.where(field.abs() < 1e-9, s, field.sign())
        states = memory.step(states)
        assert torch.equal(states, torch.cat([s, u], 1))
        assert (memory.energy(states) <= energy + 1e-9).all()
        energy = memory.energy(states)
    found = memory.relax(random_patterns(100, 350, seed=2))
    assert found.converged.all()
    assert (found.sweeps > 1).any()
    assert torch.equal(memory.step(found.states), found.states)
    assert not memory.relax(random_patterns(100, 350, seed=2), 1).converged.all()


def test_a_cue_calls_its_other_half():
    x, y = random_patterns(30, 500, seed=0), random_patterns(30, 300, seed=1)
    memory = BidirectionalMemory(x, y)
    cues = memory.corrupt(memory.patterns, 0.6, torch.Generator().manual_seed(0))
    assert (cues[:, 500:] == 0).all()
    assert (overlap(cues[:, :500], x) == 0.6).all()
    ends, converged = memory.retrieve(cues)
    assert converged.all()
    assert torch.equal(memory.answer(ends), y)
    assert torch.equal(memory.targets, y)
    twice = BidirectionalMemory(torch.cat([x, x[:3]]), torch.cat([y, y[:3]]))  # duplicates
    assert overlap(twice.answer(twice.retrieve(cues)[0]), y).min() > 0.99
    nothing = memory.relax(torch.zeros(1, 800))
    assert (nothing.states == 0).all()  # no field says anything


@pytest.mark.parametrize(
    ("load", "measured", "tolerance"), [(0.1, 0.9986, 0.001), (0.15, 0.989, 0.003)]
)
def test_overlap_of_the_answers(load, measured, tolerance):
    """N = M = 1000, from a pair."""
    found = []
    for seed in range(4):
        P = int(load * 1000)
        x, y = random_patterns(P, 1000, seed=seed), random_patterns(P, 1000, seed=50 + seed)
        memory = BidirectionalMemory(x, y)
        ends, converged = memory.retrieve(memory.patterns)
        assert converged.all()
        found.append(float(overlap(memory.answer(ends), y).mean()))
    mean, error = mean_and_error(found)
    assert abs(mean - measured) < tolerance
    assert abs(mean - crosstalk_overlap(load, "bidirectional")) < 4 * error + 0.001  # finite size


def test_halves_must_belong_together():
    with pytest.raises(ValueError, match="right must hold as many patterns as left, 2, got 3"):
        BidirectionalMemory(torch.ones(2, 4), torch.ones(3, 4))
    with pytest.raises(ValueError, match="left must have entries ±1"):
        BidirectionalMemory(torch.zeros(2, 4), torch.ones(2, 4))
