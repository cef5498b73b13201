"""Clipped, quantised and diluted couplings; the strongly diluted network; heat."""

import math

import numpy as np
import pytest
import torch
from measured import mean_and_error, normal

from hopfield import (
    DilutedMemory,
    HopfieldNetwork,
    ThermalMemory,
    clip_couplings,
    dilute,
    hebbian,
    overlap,
    random_patterns,
)
from hopfield.theory import (
    ags_overlap,
    coupling_noise,
    crosstalk_overlap,
    diluted_overlap,
)


def test_signs_of_couplings():
    J = hebbian(random_patterns(4, 40, seed=0))  # an even number: exact zeros
    clipped = clip_couplings(J)
    assert torch.equal(clipped, torch.sign(J))
    assert (clipped == 0).double().mean() > 0.2  # of P = 4, 3/8
    assert torch.equal(
        clip_couplings(hebbian(random_patterns(5, 40, seed=0))).unique(),
        torch.tensor([-1.0, 0, 1]).double(),
    )  # the diagonal


@pytest.mark.parametrize("levels", [3, 4, 5, 8])
def test_levels_lie_where_they_keep_most(levels):
    J = normal(600, 600, seed=0)
    J = (J + J.T).fill_diagonal_(0)
    clipped = clip_couplings(7.3 * J, levels)
    assert torch.equal(clipped, clipped.T)
    assert torch.equal(clip_couplings(-J, levels), -clipped)
    off = ~torch.eye(600, dtype=torch.bool)
    assert len(clipped[off].unique()) == levels
    correlation = float(np.corrcoef(J[off].numpy(), clipped[off].numpy())[0, 1])
    assert 1 / correlation**2 - 1 == pytest.approx(coupling_noise(levels), rel=0.02)
    # levels are the means of the couplings that they stand for
    unit = J / J[off].square().mean().sqrt()
    for value in clipped[off].unique():
        mean = float(unit[off][clipped[off] == value].mean())
        assert mean == pytest.approx(float(value), abs=0.02)  # 360 000/2 couplings


def test_clipping_does_not_depend_on_the_scale():
    J = hebbian(random_patterns(7, 30, seed=0))
    for levels in (2, 3, 6):
        for factor in (1e-300, 1e300):
            assert torch.equal(clip_couplings(factor * J, levels), clip_couplings(J, levels))
    assert (clip_couplings(torch.zeros(4, 4), 3) == 0).all()
    assert clip_couplings(J.float(), 3).dtype == torch.float32


def test_dilution_keeps_its_share():
    J = normal(400, 400, seed=0)
    for symmetric in (True, False):
        kept = dilute(J + J.T, 0.3, symmetric, seed=1)
        there = kept != 0
        assert torch.equal(kept[there], (J + J.T)[there])
        assert torch.equal(there, there.T) == symmetric
        bonds = 400 * 399 / (2 if symmetric else 1)
        share = there[~torch.eye(400, dtype=torch.bool)].double().mean()
        assert abs(share - 0.3) < 4.5 * (0.21 / bonds) ** 0.5
    assert torch.equal(dilute(J, 1.0, seed=0), J)
    assert torch.equal(dilute(J, 0.5, seed=3), dilute(J, 0.5, seed=3))


RULES = {
    "signs": (lambda J, seed: clip_couplings(J), 81, coupling_noise(2), 0.992, 0.003),
    "three levels": (lambda J, seed: clip_couplings(J, 3), 81, coupling_noise(3), 0.9983, 0.002),
    "half": (lambda J, seed: dilute(J, 0.5, seed=seed), 70, coupling_noise(keep=0.5), 0.99, 0.004),
}


@pytest.mark.parametrize("name", RULES)
def test_imprecise_couplings_recall_as_the_theory_says(name):
    """N = 1000; an odd number of patterns, whose signs have no zeros."""
    rule, P, noise, measured, tolerance = RULES[name]
    found = []
    for seed in range(5):
        xi = random_patterns(P, 1000, seed=seed)
        ends = HopfieldNetwork(rule(hebbian(xi), seed)).relax(xi, seed=seed).states
        found.append(float(overlap(ends, xi).mean()))
    mean, error = mean_and_error(found)
    assert abs(mean - measured) < tolerance
    assert abs(mean - crosstalk_overlap(P / 1000, d=noise)) < 4 * error + 0.002  # finite size


# ------------------------------------------------------------------ strongly diluted


def test_inputs_are_drawn_from_all_others():
    xi = random_patterns(3, 40, seed=0)
    memory = DilutedMemory(xi, degree=39, seed=1)
    full = hebbian(xi) * 40 / 39
    states = random_patterns(20, 40, seed=2)
    assert (memory.fields(states) - states @ full.T).abs().max() < 1e-12
    inputs = DilutedMemory(random_patterns(2, 2000, seed=0), 10, seed=1)._inputs
    assert (inputs != torch.arange(2000)[:, None]).all()
    assert (inputs.sort(1).values.diff(dim=1) > 0).all()
    counts = torch.bincount(inputs.flatten(), minlength=2000).double()
    assert counts.var() == pytest.approx(10, rel=0.15)  # Poisson, 4.5 s.e.


@pytest.mark.parametrize("P", [9, 17])
def test_strong_dilution_has_the_overlap_of_its_degree(P):
    """C = 40 inputs, N = 20 000; .9746(5) and .7746(61) in other hands."""
    found = []
    for seed in range(3):
        xi = random_patterns(P, 20_000, seed=seed)
        memory = DilutedMemory(xi, 40, seed=seed)
        states, ends = xi, []
        for step in range(40):
            states = memory.step(states)
            if step >= 20:
                ends.append(float(overlap(states, xi).mean()))
        found.append(np.mean(ends))
    mean, error = mean_and_error(found)
    theory = diluted_overlap(P, 40)
    # C²/N = 0.08: loops, and fluctuations of C inputs, shift it by 0.005
    assert abs(mean - theory) < 4 * error + 0.006
    assert abs(mean - crosstalk_overlap(P / 40, "diluted")) > abs(mean - theory)


# ------------------------------------------------------------------ temperature


@pytest.mark.slow
def test_thermal_overlap_of_a_large_network():
    found = []
    for seed in range(4):
        xi = random_patterns(100, 2000, seed=seed)
        memory = ThermalMemory(hebbian(xi), xi, 0.3, sweeps=100)
        ends, converged = memory.retrieve(xi, generator=torch.Generator().manual_seed(seed))
        assert converged.all()
        found.append(float(overlap(ends, xi).mean()))
    mean, _ = mean_and_error(found)
    assert ags_overlap(0.05, 0.3) == pytest.approx(0.9912, abs=1e-4)
    assert abs(mean - 0.9912) < 0.003


def test_one_pattern_has_the_magnetisation_of_a_ferromagnet():
    """P = 1: m = tanh(m/T), by the last state; the mean of the sweeps is the pattern itself."""
    xi = random_patterns(1, 1000, seed=0)
    cues = xi.repeat(20, 1)
    T = 0.6
    ends = ThermalMemory(hebbian(xi), xi, T, sweeps=60).relax(cues, seed=1)
    m = overlap(ends.states, cues)
    mean, error = mean_and_error(m)
    theory = ags_overlap(0.0, T)
    assert theory == pytest.approx(math.tanh(theory / T), abs=1e-10)
    assert abs(mean - theory) < 4 * error + 1 / 1000
    averaged = ThermalMemory(hebbian(xi), xi, T, sweeps=20, averaged=60).relax(cues, seed=1)
    assert overlap(averaged.states, cues).mean() > 0.999
    assert (averaged.sweeps == 80).all()


def test_at_zero_temperature_it_is_the_network():
    xi = random_patterns(10, 100, seed=0)
    starts = random_patterns(20, 100, seed=1)
    cold = ThermalMemory(hebbian(xi), xi, 0, averaged=5).relax(starts, seed=2)
    assert cold.converged.all()
    step = HopfieldNetwork(hebbian(xi)).step(cold.states)
    assert torch.equal(step, cold.states)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: clip_couplings(torch.zeros(2, 2), 1),
            "levels must be a whole number of at least 2",
        ),
        (lambda: clip_couplings(torch.zeros(2, 3)), "couplings must be square"),
        (lambda: dilute(torch.zeros(2, 2), 0), r"keep must lie in \(0, 1\]"),
        (lambda: dilute(torch.zeros(2, 2), 0.5, symmetric=1), "symmetric must be True or False"),
        (lambda: DilutedMemory(torch.ones(1, 5), 5), "degree must be a whole number"),
        (lambda: DilutedMemory(torch.ones(1, 1), 1), "patterns must have at least 2 spins"),
        (lambda: ThermalMemory(torch.zeros(2, 2), torch.ones(1, 2), -1), "temperature must lie in"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
