"""Held spins and fields from outside, against enumeration; partial cues."""

import itertools
import math

import pytest
import torch
from measured import mean_and_error, random_couplings

from hopfield import HopfieldNetwork, PartialCueMemory, hebbian, overlap, random_patterns
from hopfield.theory import crosstalk_overlap


def every_state(N):
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=N)), dtype=torch.float64)


def relaxed(network, states, dynamics, temperature, clamped, seed):
    """By name, or by the batched order of devices without compiled loops."""
    if dynamics != "shared":
        return network.relax(states, dynamics, temperature, 30, clamped, seed)
    generator = torch.Generator().manual_seed(seed)
    return network._shared_order(states, temperature, 30, clamped, generator)


@pytest.mark.parametrize("dynamics", ["asynchronous", "synchronous", "shared"])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1e9, math.inf])
def test_clamped_spins_never_change(dynamics, temperature):
    if dynamics == "shared" and temperature == math.inf:
        temperature = 1e300  # the door above it does as much
    network, states = HopfieldNetwork(random_couplings(30, 0)), random_patterns(200, 30, seed=1)
    clamped = torch.rand(200, 30, generator=torch.Generator().manual_seed(2)) < 0.5
    kept = states.clone()
    found = relaxed(network, states, dynamics, temperature, clamped, 3)
    assert torch.equal(found.states[clamped], states[clamped])
    assert torch.equal(states, kept)
    assert not torch.equal(found.states, states)


@pytest.mark.parametrize("dynamics", ["asynchronous", "synchronous", "shared"])
def test_free_spins_come_to_rest_in_the_field_of_the_others(dynamics):
    network = HopfieldNetwork(random_couplings(10, 3))
    states = every_state(10)
    clamped = torch.zeros(1024, 10, dtype=torch.bool)
    clamped[:, [1, 4, 7]] = True
    found = relaxed(network, states, dynamics, 0.0, clamped, 0)
    stable = found.states * network.fields(found.states) > 0
    assert torch.equal(found.converged, (stable | clamped).all(1))
    if dynamics != "synchronous":
        assert found.converged.all()
        assert (network.energy(found.states) <= network.energy(states)).all()
    one = relaxed(network, states, dynamics, 0.0, clamped[0], 0) if dynamics != "shared" else found
    assert torch.equal(one.states, found.states)  # one mask for all rows


def test_without_clamps_nothing_changes():
    network, states = HopfieldNetwork(random_couplings(30, 0)), random_patterns(50, 30, seed=1)
    none = torch.zeros(50, 30, dtype=torch.bool)
    for dynamics in ("asynchronous", "synchronous"):
        for T in (0.0, 0.7):
            ends = [network.relax(states, dynamics, T, 9, mask, seed=4) for mask in (None, none)]
            assert torch.equal(ends[0].states, ends[1].states)


@pytest.mark.parametrize("dynamics", ["asynchronous", "synchronous"])
def test_all_spins_clamped_is_the_cue(dynamics):
    network, states = HopfieldNetwork(random_couplings(9, 0)), random_patterns(5, 9, seed=1)
    found = network.relax(states, dynamics, clamped=torch.ones(5, 9, dtype=torch.bool), seed=0)
    assert torch.equal(found.states, states)
    assert found.converged.all()


def test_thermal_spins_have_the_law_under_the_held_ones():
    """Boltzmann's law of the free spins, with a bias too."""
    T, runs, states = 1.5, 40_000, every_state(5)
    bias = torch.tensor([0.3, -0.8, 0.0, 1.1, 0.2]).double()
    network = HopfieldNetwork(random_couplings(5, 5), bias)
    starts = random_patterns(runs, 5, seed=0)
    starts[:, 0], starts[:, 3] = 1, -1
    clamped = torch.tensor([True, False, False, True, False])
    ends = network.relax(starts, temperature=T, max_sweeps=30, clamped=clamped, seed=1).states
    allowed = (states[:, 0] == 1) & (states[:, 3] == -1)
    law = torch.exp(-network.energy(states) / T) * allowed
    law = law / law.sum()
    counts = (ends[:, None] == states).all(2).double().mean(0)
    assert ((counts - law).abs() <= 4.5 * (law * (1 - law) / runs).sqrt()).all()


def test_a_bias_is_a_spin_that_is_held():
    """Fields and fixed points are those of one spin more, held up, with couplings b."""
    J, bias = random_couplings(8, 1), torch.linspace(-2, 2, 8).double()
    wider = torch.zeros(9, 9).double()
    wider[:8, :8], wider[:8, 8], wider[8, :8] = J, bias, bias
    network, ghost = HopfieldNetwork(J, bias), HopfieldNetwork(wider)
    states = every_state(8)
    up = torch.cat([states, torch.ones(256, 1)], 1)
    assert (network.fields(states) - ghost.fields(up)[:, :8]).abs().max() < 1e-14
    assert (network.energy(states) - ghost.energy(up)).abs().max() < 1e-13
    held = torch.tensor([False] * 8 + [True])
    ends = ghost.relax(up, "synchronous", clamped=held)
    ours = network.relax(states, "synchronous")
    assert torch.equal(ours.states, ends.states[:, :8])
    assert torch.equal(ours.converged, ends.converged)
    fixed = {tuple(s) for s in states[(states * network.fields(states) > 0).all(1)].tolist()}
    found = network.relax(states, seed=0)
    assert found.converged.all()
    assert {tuple(s) for s in found.states.tolist()} == fixed


# ------------------------------------------------------------------ partial cues


def test_cues_know_their_share():
    xi = random_patterns(20, 400, seed=0)
    memory = PartialCueMemory(hebbian(xi), xi)
    cues = memory.corrupt(xi, 0.3, torch.Generator().manual_seed(0))
    assert ((cues != 0).sum(1) == 120).all()
    assert (overlap(cues, xi) - 0.3).abs().max() < 1e-12
    assert (cues * xi >= 0).all()
    filled = memory.step(cues)
    known = cues != 0
    assert torch.equal(filled[known], cues[known])
    fields = cues @ memory.network.couplings.T
    clear = ~known & (fields.abs() > 1e-9)
    assert torch.equal(filled[clear], fields[clear].sign())
    assert (filled[~known & ~clear] == 0).all()  # exact ties, of an even number of patterns
    assert (~known & ~clear).any()
    assert memory.energy(cues).shape == (20,)
    assert torch.equal(memory.energy(xi), memory.network.energy(xi))
    nothing = torch.zeros(2, 400).double()
    ends, converged = memory.retrieve(nothing, generator=torch.Generator().manual_seed(0))
    assert (ends.abs() == 1).all()
    assert converged.all()


@pytest.mark.parametrize(("load", "share", "least"), [(0.1, 0.3, 0.99), (0.2, 0.5, 0.90)])
def test_known_spins_widen_the_basins(load, share, least):
    """Free spins, N = 400: clamped .997(1), .937(6) in other hands, unclamped .51, .34."""
    held, loose = [], []
    for seed in range(6):
        xi = random_patterns(int(load * 400), 400, seed=seed)
        memory = PartialCueMemory(hebbian(xi), xi)
        generator = torch.Generator().manual_seed(seed)
        cues = memory.corrupt(xi, share, generator)
        free = cues == 0
        ends, converged = memory.retrieve(cues, share, generator)
        assert converged.all()
        assert torch.equal(ends[~free], cues[~free])
        held.append(float((ends * xi)[free].mean()))
        start = torch.where(free, random_patterns(len(xi), 400, seed=90 + seed), cues)
        ends = memory.network.relax(start, seed=seed).states
        loose.append(float((ends * xi)[free].mean()))
    (mean, error), (without, _) = mean_and_error(held), mean_and_error(loose)
    theory = (crosstalk_overlap(load, known=share) - share) / (1 - share)
    assert abs(mean - theory) < 4 * error + 0.003  # finite size at N = 400
    assert mean > least
    assert without < 0.7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, s: n.relax(s, clamped=torch.ones(2, 4) > 0), r"clamped must be True or False"),
        (lambda n, s: n.relax(s, clamped=torch.ones(2, 3)), "clamped must be True or False"),
        (lambda n, s: n.relax(s, clamped="all"), "clamped must be True or False"),
        (
            lambda n, s: HopfieldNetwork(torch.zeros(3, 3), [1.0, 2.0]),
            r"bias must have shape \(3,\)",
        ),
        (
            lambda n, s: HopfieldNetwork(torch.zeros(3, 3), [1.0, 2.0, math.inf]),
            "bias must be finite",
        ),
        (lambda n, s: PartialCueMemory(torch.zeros(3, 3), torch.ones(1, 4)), "patterns must have"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(HopfieldNetwork(torch.zeros(3, 3)), torch.ones(2, 3))
