"""Potts memory against loops, Hebb's network at two colours, and measurements."""

import itertools

import numpy as np
import pytest
import torch
from measured import mean_and_error

from hopfield import HopfieldNetwork, PottsMemory, hebbian, random_patterns


def colours(P, N, q, seed):
    return torch.randint(q, (P, N), generator=torch.Generator().manual_seed(seed))


def fields_by_loops(xi, q, s):
    P, N = xi.shape
    u = q * np.eye(q) - 1
    h = np.zeros((N, q))
    for i, k, mu in itertools.product(range(N), range(q), range(P)):
        others = sum(u[xi[mu, j], s[j]] for j in range(N) if j != i)
        h[i, k] += u[k, xi[mu, i]] * others / (q**2 * N)
    return h


@pytest.mark.parametrize("q", [2, 3, 5])
def test_fields_energy_and_steps_against_loops(q):
    xi, s = colours(4, 7, q, 0), colours(6, 7, q, 1)
    memory = PottsMemory(xi, q)
    states = memory.states_of(s)
    fields, energy, step = (
        memory.fields(states),
        memory.energy(states),
        memory.colours_of(memory.step(states)),
    )
    for b in range(6):
        h = fields_by_loops(xi.numpy(), q, s[b].numpy())
        np.testing.assert_allclose(fields[b], h, atol=1e-12)
        own = h[np.arange(7), s[b].numpy()]
        assert energy[b].item() == pytest.approx(-own.sum() / 2, abs=1e-12)
        chosen, best = step[b].numpy(), h.max(1) - 1e-9
        assert (h[np.arange(7), chosen] >= best).all()  # of equal ones any
        assert (chosen == s[b].numpy())[own >= best].all()


def test_ends_are_exactly_the_enumerated_ones():
    """All 3^7 starts: an end is a state in which no site has a better colour."""
    memory = PottsMemory(colours(3, 7, 3, 0), 3)
    every = torch.tensor(list(itertools.product(range(3), repeat=7)))
    states = memory.states_of(every)
    fields = memory.fields(states)
    own = fields.gather(2, every[:, :, None])[:, :, 0]
    fixed = (own >= fields.amax(2) - 1e-9).all(1)
    found = memory.relax(states, seed=0)
    assert found.converged.all()
    assert (memory.energy(found.states) <= memory.energy(states) + 1e-12).all()
    assert (found.sweeps[fixed] == 0).all()
    assert torch.equal(found.states[fixed], states[fixed])
    ends = {tuple(row) for row in memory.colours_of(found.states).tolist()}
    assert ends == {tuple(row) for row in every[fixed].tolist()}


def test_two_colours_are_hebb():
    xi, spins = random_patterns(30, 200, seed=0), random_patterns(50, 200, seed=1)
    memory = PottsMemory((1 + xi) / 2, 2)
    network = HopfieldNetwork(hebbian(xi))
    states = memory.states_of((1 + spins) / 2)
    h = memory.fields(states)
    assert (h[:, :, 1] - h[:, :, 0] - network.fields(spins) / 2).abs().max() < 1e-14
    ours, hebb = memory.relax(states, seed=2), network.relax(spins, seed=2)
    assert torch.equal(2 * memory.colours_of(ours.states) - 1, hebb.states.long())
    assert torch.equal(ours.sweeps, hebb.sweeps)
    energy = memory.energy(states) - network.energy(spins) / 4
    assert (energy - energy[0]).abs().max() < 1e-12
    m = memory.overlap(states, memory.states_of((1 + xi[:1].repeat(50, 1)) / 2))
    assert (m - spins @ xi[0] / 200).abs().max() < 1e-12


@pytest.mark.parametrize(("share", "changed"), [(1.0, 0), (0.7, 30), (0.25, 75), (0.0, 100)])
def test_cues_have_other_colours_at_random(share, changed):
    q, xi = 4, colours(200, 100, 4, 0)
    memory = PottsMemory(xi, q)
    cues = memory.colours_of(
        memory.corrupt(memory.patterns, share, torch.Generator().manual_seed(1))
    )
    assert ((cues != xi).sum(1) == changed).all()
    turns = (cues - xi)[cues != xi] % q
    for turn in (1, 2, 3) if changed else ():
        odds = (turns == turn).double().mean()
        assert abs(odds - 1 / 3) < 4.5 * (2 / 9 / len(turns)) ** 0.5
    cosine = (memory.states_of(cues) * memory.patterns).sum(1) / 100
    assert (cosine == share).all()


# P/N, and the overlap from a pattern in other hands
@pytest.mark.parametrize(
    ("q", "N", "load", "measured", "tolerance"),
    [
        (3, 600, 0.30, 0.9965, 0.003),
        (3, 600, 0.38, 0.985, 0.012),
        (5, 300, 1.0, 0.995, 0.006),
        (5, 300, 1.3, 0.975, 0.006),
    ],
)
def test_overlaps_below_capacity(q, N, load, measured, tolerance):
    found = []
    for seed in range(3):
        memory = PottsMemory(colours(int(load * N), N, q, seed), q)
        cues = memory.patterns[:60]
        found.append(float(memory.overlap(memory.relax(cues, seed=seed).states, cues).mean()))
    mean, _ = mean_and_error(found)
    assert abs(mean - measured) < tolerance
    if (q, load) == (3, 0.3):
        assert mean > 0.99


def test_overlap_above_capacity_is_lost():
    memory = PottsMemory(colours(300, 600, 3, 0), 3)
    cues = memory.patterns[:60]
    assert memory.overlap(memory.relax(cues, seed=0).states, cues).mean() < 0.87


def test_colours_are_found_from_the_patterns():
    assert PottsMemory([[0, 1, 4], [2, 1, 0]]).colours == 5
    assert PottsMemory([[0, 0, 0]]).colours == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PottsMemory([[0, 1]], 1), "colours must be a whole number of at least 2"),
        (lambda: PottsMemory([[0, 3]], 3), "patterns must be whole numbers from 0 to 2"),
        (lambda: PottsMemory([[0, -1]], 3), "patterns must be whole numbers from 0 to 2"),
        (lambda: PottsMemory([[0.5, 1]], 3), "patterns must be whole numbers"),
        (lambda: PottsMemory([[0, 1]], 2).relax([[1.0, 1, 0, 1]]), "states must have one colour"),
        (
            lambda: PottsMemory([[0, 1]], 2).states_of([[0, 2]]),
            "colours must be whole numbers from",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
