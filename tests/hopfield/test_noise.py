"""Sources of training noise, and ω against Δ."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from measured import mean_and_error, normal, random_couplings

from hopfield import (
    FixedPoint,
    HopfieldNetwork,
    Kawasaki,
    Thermal,
    Uniform,
    hebbian,
    noise_structure,
    overlap,
    random_patterns,
    stabilities,
)
from hopfield.theory import retrieval_loss

SOURCES = {
    "uniform": Uniform(),
    "fixed-point": FixedPoint(),
    "thermal": Thermal(0.3, sweeps=5),
    "kawasaki": Kawasaki(0.3, sweeps=5),
}

# Random starts on Hebb's couplings at α = 0.5: mean and standard error over 40 states at
# N = 400 of Pearson's coefficient, N · slope and N · intercept, from the plain overlap m_μ.
STRUCTURES = {
    "random": (None, (-0.001, 0.002), (-0.06, 0.05), (0.05, 0.04)),
    "fixed points": (FixedPoint(), (0.093, 0.002), (3.89, 0.10), (-4.41, 0.12)),
    "one sweep": (FixedPoint(max_sweeps=1), (0.056, 0.002), (2.07, 0.10), (-2.06, 0.10)),
    "two sweeps": (FixedPoint(max_sweeps=2), (0.074, 0.002), (2.89, 0.11), (-3.17, 0.13)),
    "T = 0.4": (Thermal(0.4), (0.104, 0.001), (4.42, 0.08), (-5.20, 0.09)),
    "T = 1": (Thermal(1.0), (0.106, 0.001), (4.21, 0.07), (-5.09, 0.06)),
    "T = 1.5": (Thermal(1.5), (0.078, 0.002), (2.69, 0.11), (-3.17, 0.13)),
    "T = 2.5": (Thermal(2.5), (0.029, 0.001), (0.74, 0.06), (-0.78, 0.05)),
}


@pytest.fixture(scope="module")
def landscapes():
    """Hebb's couplings of N = 400, α = 0.5, their patterns, and random states."""
    made = []
    for seed in range(8):
        xi = random_patterns(200, 400, seed=seed)
        made.append((hebbian(xi), xi, random_patterns(5, 400, seed=100 + seed)))
    return made


@pytest.mark.parametrize("name", STRUCTURES)
def test_structure_of_states_on_hebbs_landscape(landscapes, name):
    source, *references = STRUCTURES[name]
    found = []
    for seed, (couplings, xi, states) in enumerate(landscapes):
        made = states if source is None else source(couplings, states, 1.0, seed)
        found.append(noise_structure(couplings, xi, made, corrected=False))
    for field, scale, (value, error) in zip(
        ("pearson", "slope", "intercept"), (1, 400, 400), references, strict=True
    ):
        means = [scale * float(getattr(one, field).mean()) for one in found]
        mean, own = mean_and_error(means)
        spread = own * math.sqrt(len(means))
        # The references' errors are between the states of one pattern set; sets differ by
        # `spread`, 0.5 in the slope, which is several times as much.
        assert abs(mean - value) < 4 * math.hypot(error, own, spread), field
        if source is not None:  # the noise that helps: ω < 0 where Δ is small, and rising
            assert (-1 if field == "intercept" else 1) * mean > 4 * own, field


def test_correction_takes_one_nth_of_the_overlap_off_stable_states(landscapes):
    couplings, xi, states = landscapes[0]
    fixed = FixedPoint()(couplings, states, 1.0, 0)
    plain = noise_structure(couplings, xi, fixed, corrected=False)
    exact = noise_structure(couplings, xi, fixed)
    # m_μ χ loses ξ_i S_i ξ_i S_i/N = 1/N where S¹ = S.
    torch.testing.assert_close(exact.omega, plain.omega - 1 / 400)


def test_sum_rule_on_hebbs_couplings():
    xi = random_patterns(30, 100, seed=0)
    states = random_patterns(5, 100, seed=1)
    corrected = noise_structure(hebbian(xi), xi, states)
    assert corrected.omega.sum(0).abs().max() < 1e-10
    fixed = FixedPoint()(hebbian(xi), states, 1.0, 2)
    plain = noise_structure(hebbian(xi), xi, fixed, corrected=False)
    assert 100 * float(plain.omega.sum(0).mean()) / 30 == pytest.approx(1.0, abs=1e-10)


@pytest.fixture
def asymmetric():
    """Couplings with no symmetry and zero diagonal, patterns, and a state that is not fixed."""
    xi = random_patterns(18, 60, seed=4)
    couplings = (hebbian(xi) + 0.03 * normal(60, 60, seed=3)).fill_diagonal_(0.0)
    return couplings, xi, random_patterns(1, 60, seed=5)


def _unlearned(couplings, state, rate):
    """The unlearning half of a step of training, −(λ/2N) S¹_i S_j off the diagonal."""
    after = torch.where(couplings @ state[0] > 0, 1.0, -1.0)
    step = torch.outer(after, state[0]).fill_diagonal_(0.0)
    return couplings - rate / (2 * len(couplings)) * step


def test_omega_is_the_derivative_of_the_stabilities(asymmetric):
    couplings, xi, state = asymmetric
    rate = 1e-4
    ahead = stabilities(_unlearned(couplings, state, rate), xi)
    behind = stabilities(_unlearned(couplings, state, -rate), xi)
    measured = (ahead - behind) / (2 * rate)
    omega = noise_structure(couplings, xi, state).omega
    predicted = -omega / (2 * couplings.norm(dim=1))
    assert (measured - predicted).abs().max() < 1e-6 * predicted.abs().max()


def test_omega_gives_the_derivative_of_the_loss(asymmetric):
    couplings, xi, state = asymmetric
    m, rate = 0.6, 1e-4
    losses = [
        retrieval_loss(stabilities(_unlearned(couplings, state, r), xi).numpy(), m)
        for r in (rate, -rate)
    ]
    measured = (losses[0] - losses[1]) / (2 * rate)
    structure = noise_structure(couplings, xi, state)
    size, load = 60, 18 / 60
    sigma = couplings.norm(dim=1) / math.sqrt(size)
    weight = torch.exp(-(m**2) * structure.stability**2 / (2 * (1 - m**2)))
    scale = m / (2 * load * size**2.5) * math.sqrt(2 / (math.pi * (1 - m**2)))
    predicted = scale * float((weight * structure.omega / sigma).sum())
    assert measured == pytest.approx(predicted, rel=1e-5)


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_keeps_its_promises(name):
    xi = random_patterns(6, 50, seed=0, dtype=torch.float32)
    before = xi.clone()
    couplings = hebbian(xi)
    states = SOURCES[name](couplings, xi, 0.6, seed=1)
    assert states.shape == xi.shape
    assert states.dtype == xi.dtype
    assert (states.abs() == 1).all()
    assert torch.equal(xi, before)
    assert torch.equal(states, SOURCES[name](couplings, xi, 0.6, seed=1))
    with pytest.raises(ValueError, match=r"overlap must lie in \[0, 1\]"):
        SOURCES[name](couplings, xi, 1.2, seed=1)
    with pytest.raises(ValueError, match="targets must have entries ±1"):
        SOURCES[name](couplings, 0.5 * xi, 0.5, seed=1)


def test_uniform_states_have_their_overlap_on_average():
    xi = random_patterns(20, 1000, seed=0)
    m = overlap(Uniform()(hebbian(xi), xi, 0.3, seed=1), xi)
    assert abs(float(m.mean()) - 0.3) < 4 * math.sqrt((1 - 0.09) / 20_000)
    assert torch.equal(Uniform()(hebbian(xi), xi, 1.0, seed=1), xi)


def test_fixed_points_of_a_frozen_landscape():
    xi = random_patterns(30, 100, seed=0)
    frozen = hebbian(xi)
    states = FixedPoint(landscape=frozen)(-frozen, xi, 0.0, seed=1)
    assert torch.equal(HopfieldNetwork(frozen).step(states), states)


def test_kawasaki_keeps_the_overlap_and_is_boltzmann():
    """All states of 8 spins at m = 0.5: the energies of samples against the exact average."""
    couplings = random_couplings(8, seed=1) / 4
    target = torch.ones(1, 8, dtype=torch.float64)
    network, temperature = HopfieldNetwork(couplings), 0.7
    pairs = [(i, j) for i in range(8) for j in range(i)]
    every = torch.ones(len(pairs), 8, dtype=torch.float64)
    for row, (i, j) in enumerate(pairs):
        every[row, [i, j]] = -1
    energies = network.energy(every)
    exact = float((torch.softmax(-energies / temperature, 0) * energies).sum())
    states = Kawasaki(temperature, sweeps=40)(couplings, target.expand(4000, 8), 0.5, seed=2)
    assert (overlap(states, target) == 0.5).all()
    sampled = network.energy(states)
    assert abs(float(sampled.mean()) - exact) < 4 * float(sampled.std()) / math.sqrt(4000)


@pytest.mark.parametrize("m", [0.0, 1.0])
def test_kawasaki_at_the_ends(m):
    xi = random_patterns(3, 20, seed=0)
    states = Kawasaki(0.5, sweeps=2)(hebbian(xi), xi, m, seed=0)
    assert (overlap(states, xi) == m).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FixedPoint(max_sweeps=0), "max_sweeps must be a whole number of at least 1"),
        (lambda: FixedPoint(landscape=torch.zeros(2, 3)), "landscape must be square"),
        (lambda: Thermal(temperature=0), "temperature must be a finite number above 0"),
        (lambda: Thermal(sweeps=0), "sweeps must be a whole number of at least 1"),
        (lambda: Kawasaki(temperature=-1), "temperature must be a finite number above 0"),
        (lambda: Kawasaki(landscape=torch.zeros(2, 3)), "landscape must be square"),
    ],
)
def test_sources_name_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_structure_names_what_is_wrong():
    xi = random_patterns(4, 20, seed=0)
    couplings = hebbian(xi)
    with pytest.raises(ValueError, match="states must have shape"):
        noise_structure(couplings, xi, torch.ones(3, 19))
    with pytest.raises(ValueError, match="patterns must have shape"):
        noise_structure(couplings, xi[:, :19], xi)
    with pytest.raises(ValueError, match="window must be a finite number above 0"):
        noise_structure(couplings, xi, xi, window=0.0)
    with pytest.raises(ValueError, match="window must hold at least two"):
        noise_structure(couplings, xi, xi, window=1e-9)
    with pytest.raises(ValueError, match="couplings must have no empty row"):
        noise_structure(torch.zeros(20, 20), xi, xi)


def test_structure_is_the_mean_over_its_states():
    xi = random_patterns(20, 60, seed=0)
    couplings, states = hebbian(xi), random_patterns(3, 60, seed=1)
    whole = noise_structure(couplings, xi, states)
    single = [noise_structure(couplings, xi, state[None]) for state in states]
    torch.testing.assert_close(whole.omega, sum(one.omega for one in single) / 3)
    torch.testing.assert_close(whole.slope, torch.cat([one.slope for one in single]))
    near = whole.stability.abs() < 1
    slope, intercept = np.polyfit(whole.stability[near], single[0].omega[near], 1)
    assert float(whole.slope[0]) == pytest.approx(slope)
    assert float(whole.intercept[0]) == pytest.approx(intercept)
    assert set(whole.to_dict()) == {"stability", "omega", "slope", "intercept", "pearson"}
