"""Boltzmann machines that are Hopfield networks, and classical memories as bridges asks them."""

import itertools
import math

import numpy as np
import pytest
import torch
from memories import MEMORIES

from bridges import as_memory, retrieval_map
from bridges.memory import Memory
from hopfield import DenseMemory, HopfieldNetwork, SequenceMemory, hebbian, random_patterns

BETA, N, P = 0.7, 8, 3
STATES = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=N))).double()
XI = random_patterns(P, N, seed=0)


def test_gaussian_hidden_units_give_hebb_with_its_diagonal():
    """∫ dz exp(−β|z|²/2 + (β/√N) z·ξS), unit by unit by Gauss–Hermite, is e^{−βE} with J_ii."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    pull = (STATES @ XI.T).numpy() / math.sqrt(N)
    z = nodes / math.sqrt(BETA)
    each = (weights * np.exp(BETA * pull[:, :, None] * z)).sum(2) / math.sqrt(BETA)
    marginal = torch.from_numpy(each.prod(1) / (2 * math.pi / BETA) ** (P / 2))
    network = HopfieldNetwork(hebbian(XI))
    energy = network.energy(STATES) - P / 2  # J_ii = P/N adds −P/2 to every state
    assert (marginal / torch.exp(-BETA * energy) - 1).abs().max() < 1e-12
    with_diagonal = HopfieldNetwork(hebbian(XI) + P / N * torch.eye(N))
    assert (with_diagonal.energy(STATES) - energy).abs().max() < 1e-14
    assert marginal.sum() / torch.exp(-BETA * energy).sum() == pytest.approx(1, abs=1e-12)


def test_its_alternation_without_noise_is_the_synchronous_step():
    """z ← ξS/√N, S ← sign(ξᵀz): the step of Hebb's couplings and αI."""
    z = STATES @ XI.T / math.sqrt(N)
    fields = z @ XI / math.sqrt(N)
    step = HopfieldNetwork(hebbian(XI) + P / N * torch.eye(N)).step(STATES)
    clear = fields.abs() > 1e-9
    assert torch.equal(step[clear], fields[clear].sign())
    assert torch.equal(step[~clear], STATES[~clear])


def test_one_categorical_hidden_unit_is_the_exponential_dense_memory():
    """Σ over the states μ of the unit of e^{βξ^μ·S}, its energy and its probabilities."""
    joint = torch.stack([torch.exp(BETA * (STATES @ row)) for row in XI], 1)
    dense = DenseMemory(XI, beta=BETA, states="binary", norm_correction=False)
    marginal = joint.sum(1)
    assert (torch.exp(dense.log_partition(STATES)) / marginal - 1).abs().max() < 1e-12
    assert (dense.weights(STATES) - joint / marginal[:, None]).abs().max() < 1e-12
    energy = dense.energy(STATES) + torch.log(marginal) / BETA
    assert (energy - N / 2).abs().max() < 1e-12  # |S|²/2


@pytest.mark.parametrize("name", MEMORIES)
def test_bridges_takes_every_classical_memory_as_it_is(name):
    memory = MEMORIES[name]()
    assert isinstance(memory, Memory)
    assert as_memory(memory) is memory
    found = retrieval_map(memory, [0.9, 1.0], trials=2, seed=0)
    if "sequence" not in name:  # which takes cues to other patterns, its targets
        assert found.success[-1] >= 0.8  # small loads


def test_a_sequence_that_goes_round_ends_on_itself():
    memory = SequenceMemory(random_patterns(5, 200, seed=0), steps=5)
    found = retrieval_map(memory, [0.6, 1.0], trials=3, seed=0)
    assert (found.success == 1).all()
    cues = memory.corrupt(memory.patterns, 0.6, torch.Generator().manual_seed(0))
    assert torch.equal(memory.retrieve(cues, 0.6)[0], memory.patterns)
