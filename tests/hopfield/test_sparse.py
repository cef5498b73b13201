"""Sparse patterns, their cues, and the covariance rule."""

import itertools

import numpy as np
import pytest
import torch
from measured import mean_and_error

from hopfield import (
    CovarianceMemory,
    HopfieldNetwork,
    active_sites,
    covariance,
    displace_ones,
    erase_ones,
    hebbian,
    random_patterns,
    sparse_patterns,
)
from hopfield.theory import sparse_overlap, sparse_threshold


def test_patterns_have_their_number_of_ones_at_even_odds():
    eta = sparse_patterns(4000, 20, 5, seed=0)
    assert (eta.sum(1) == 5).all()
    assert ((eta == 0) | (eta == 1)).all()
    odds = eta.mean(0)  # of each site, 4.5 s.e. of 4000
    assert ((odds - 0.25).abs() < 4.5 * (0.25 * 0.75 / 4000) ** 0.5).all()
    pairs = (eta.T @ eta / 4000)[np.triu_indices(20, 1)]
    exact = 5 * 4 / (20 * 19)
    assert ((pairs - exact).abs() < 4.5 * (exact / 4000) ** 0.5).all()
    sites = active_sites(4000, 20, 5, seed=0)
    assert torch.equal(torch.zeros(4000, 20).double().scatter(1, sites, 1.0), eta)
    assert (sparse_patterns(3, 7, 7, seed=1) == 1).all()
    assert sparse_patterns(2, 9, 3, seed=1, dtype=torch.float32).dtype == torch.float32


@pytest.mark.parametrize("overlap", [1.0, 0.9, 0.5, 0.1, 0.0])
def test_displaced_ones_keep_the_activity(overlap):
    eta = sparse_patterns(50, 200, 20, seed=0)
    cues = displace_ones(eta, overlap, seed=1)
    assert (cues.sum(1) == 20).all()
    assert ((cues * eta).sum(1) == round(20 * overlap)).all()  # the cosine, times K
    spins = displace_ones(2 * eta - 1, 0.9, seed=1)
    assert (spins.mean(1) == -0.8).all()
    assert ((spins * (2 * eta - 1)).mean(1) == 0.9).all()


def test_displaced_ones_go_anywhere():
    eta = sparse_patterns(1, 10, 3, seed=0).repeat(20_000, 1)
    lost = (displace_ones(eta, 2 / 3, seed=1) != eta).double().mean(0)
    ones = eta[0] == 1
    assert (lost[ones] - 1 / 3).abs().max() < 4.5 * (2 / 9 / 20_000) ** 0.5
    assert (lost[~ones] - 1 / 7).abs().max() < 4.5 * (6 / 49 / 20_000) ** 0.5


@pytest.mark.parametrize(("overlap", "kept"), [(1.0, 16), (0.5, 4), (0.75, 9), (0.01, 1)])
def test_erased_ones_leave_the_cosine(overlap, kept):
    eta = sparse_patterns(50, 200, 16, seed=0)
    cues = erase_ones(eta, overlap, seed=1)
    assert (cues.sum(1) == kept).all()
    assert (cues <= eta).all()


def test_patterns_of_unequal_activity_move_their_own_share():
    eta = torch.zeros(2, 20)
    eta[0, :4], eta[1, :10] = 1, 1
    assert displace_ones(eta, 0.5, seed=0).sum(1).tolist() == [4, 10]
    assert ((displace_ones(eta, 0.5, seed=0) * eta).sum(1) == torch.tensor([2, 5])).all()


def test_couplings_against_loops():
    eta = sparse_patterns(4, 9, 3, seed=0)
    J, a = covariance(eta, 0.3), 0.3
    for i, j in itertools.product(range(9), repeat=2):
        wanted = sum(float((x[i] - a) * (x[j] - a)) for x in eta) / (a * (1 - a) * 9)
        assert J[i, j].item() == pytest.approx(wanted * (i != j), abs=1e-12)
    of_spins = covariance(2 * eta - 1, 0.3)
    assert (J - of_spins).abs().max() < 1e-15
    assert (covariance(torch.cat([eta, eta]), 0.3) - 2 * J).abs().max() < 1e-14  # duplicates


def test_at_half_activity_it_is_hebb_bit_for_bit():
    xi = random_patterns(30, 200, seed=0)
    memory = CovarianceMemory(xi, threshold=0, activity=0.5)
    network = HopfieldNetwork(hebbian(xi))
    assert torch.equal(memory.couplings, network.couplings)
    starts = random_patterns(100, 200, seed=1)
    ours, hebb = memory.relax(starts, seed=2), network.relax(starts, seed=2)
    assert torch.equal(ours.states, hebb.states)
    assert torch.equal(ours.sweeps, hebb.sweeps)
    assert torch.equal(memory.energy(starts), network.energy(starts))
    assert torch.equal(memory.step(starts), network.step(starts))
    assert sparse_threshold(0.5) == 0


def test_biased_spins_are_the_same_model():
    eta = sparse_patterns(40, 300, 60, seed=0)
    units, spins = CovarianceMemory(eta, 0.3), CovarianceMemory(2 * eta - 1, 0.3)
    cues = displace_ones(eta, 0.7, seed=1)
    assert (2 * units.fields(cues) - spins.fields(2 * cues - 1)).abs().max() < 1e-14
    ends = units.relax(cues, seed=2).states
    assert torch.equal(2 * ends - 1, spins.relax(2 * cues - 1, seed=2).states)
    difference = 4 * units.energy(cues) - spins.energy(2 * cues - 1)
    assert (difference - difference[0]).abs().max() < 1e-10  # a constant
    same = units.overlap(cues, eta) - spins.overlap(2 * cues - 1, 2 * eta - 1)
    assert same.abs().max() < 1e-12


def test_fields_and_energy_against_loops():
    eta = sparse_patterns(5, 12, 4, seed=0)
    memory = CovarianceMemory(eta, threshold=0.2)
    J, a = memory.couplings.numpy(), memory.activity
    assert a == pytest.approx(1 / 3)
    states = torch.tensor(list(itertools.product([0.0, 1.0], repeat=12))[::37]).double()
    for S, field, energy in zip(
        states.numpy(), memory.fields(states), memory.energy(states), strict=True
    ):
        np.testing.assert_allclose(field, J @ (S - a), atol=1e-12)
        assert energy.item() == pytest.approx(
            -0.5 * (S - a) @ J @ (S - a) + 0.2 * S.sum(), abs=1e-12
        )
    step = memory.step(states)
    assert torch.equal(step, (memory.fields(states) > 0.2).double())
    ends = memory.relax(states, seed=0)
    assert ends.converged.all()
    assert torch.equal(memory.step(ends.states), ends.states)


@pytest.mark.parametrize(("load", "theta"), [(0.2, 0.55), (0.3, 0.55), (0.3, 0.4)])
def test_overlaps_of_large_networks(load, theta):
    """N = 1000, a = 0.1, started at the patterns; .9937(6), .9758(11), .9967(2) in other hands."""
    found = []
    for seed in range(5):
        eta = sparse_patterns(int(load * 1000), 1000, 100, seed=seed)
        memory = CovarianceMemory(eta, theta)
        cues = eta[:100]
        found.append(float(memory.overlap(memory.relax(cues, seed=seed).states, cues).mean()))
    mean, error = mean_and_error(found)
    theory = sparse_overlap(load, 0.1, theta)
    assert abs(mean - theory) < 4 * error + 0.003  # finite size at N = 1000
    if (load, theta) == (0.3, 0.55):
        assert abs(mean - 0.976) < 0.005


def test_hebb_forgets_biased_patterns_and_the_covariance_rule_does_not():
    eta = sparse_patterns(10, 400, 320, seed=0)  # mean +0.6
    xi = 2 * eta - 1
    hebb = HopfieldNetwork(hebbian(xi)).relax(xi, seed=0).states
    assert hebb.mean() > 0.9  # nearly all spins up, of overlap 0.6 with each
    assert abs((hebb * xi).mean() - 0.612) < 0.03
    memory = CovarianceMemory(xi)
    assert torch.equal(memory.relax(xi, seed=0).states, xi)


def test_the_best_threshold_stores_more_than_the_symmetric_one():
    """At a load between the capacities .336 (θ = ½ − a) and .484 (θ*)."""
    eta = sparse_patterns(400, 1000, 100, seed=0)
    cues = eta[:100]
    best, usual = (CovarianceMemory(eta, theta) for theta in (None, 0.4))
    assert best.threshold == pytest.approx(0.548, abs=1e-3)
    good = best.overlap(best.relax(cues, seed=0).states, cues)
    poor = usual.overlap(usual.relax(cues, seed=0).states, cues)
    assert good.mean() > 0.9 > poor.mean()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sparse_patterns(1, 5, 0), "active must be a whole number"),
        (lambda: sparse_patterns(1, 5, 6), "active must be a whole number of at least 1 and at"),
        (lambda: covariance(torch.ones(2, 4)), "patterns must have entries of both kinds"),
        (lambda: covariance(torch.full((2, 4), 0.5)), "patterns must have entries 0 and 1, or ±1"),
        (lambda: covariance(torch.eye(3), 1.0), r"activity must lie in \(0, 1\)"),
        (lambda: CovarianceMemory(torch.eye(3), threshold=torch.nan), "threshold must lie in"),
        (lambda: CovarianceMemory(torch.eye(3), corruption="flip"), "corruption must be one of"),
        (
            lambda: CovarianceMemory(2 * torch.eye(3) - 1, corruption="erase"),
            "corruption must be 'displace' for patterns of ±1",
        ),
        (
            lambda: displace_ones(torch.tensor([[1.0, 1, 1, 0]]), 0.2),
            "overlap must move at most 1",
        ),
        (lambda: erase_ones(torch.eye(3), 0), r"overlap must lie in \(0, 1\]"),
        (lambda: erase_ones(-torch.eye(3), 0.5), "patterns must have entries 0 and 1"),
        (
            lambda: CovarianceMemory(torch.eye(4)).relax(2 * torch.eye(4) - 1),
            r"states must have entries 0 and 1, .*take \(1 \+ states\)/2",
        ),
        (lambda: hebbian(torch.eye(3)), "patterns must have entries ±1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
