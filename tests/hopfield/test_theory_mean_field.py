"""Amit–Gutfreund–Sompolinsky, Gardner, and the first step of retrieval."""

from __future__ import annotations

import numpy as np
import pytest
from measured import mean_and_error
from scipy.integrate import quad

from hopfield import HopfieldNetwork, flip_spins, hebbian, overlap, random_patterns, stabilities
from hopfield.theory import (
    ags_capacity,
    ags_overlap,
    gardner_kappa,
    hebbian_one_step,
    one_step_overlap,
)

AGS = {
    0.05: 0.9999922,
    0.08: 0.999557,
    0.1: 0.997999,
    0.12: 0.993223,
    0.13: 0.987212,
    0.137: 0.975444,
}
GARDNER = {
    0.2: 2.0014,
    0.3: 1.5344,
    0.4: 1.2423,
    0.5: 1.0343,
    0.6: 0.8749,
    0.8: 0.6402,
    1.0: 0.4707,
    1.5: 0.1861,
    2.0: 0.0,
}


def test_ags_table():
    np.testing.assert_allclose(ags_overlap(list(AGS)), list(AGS.values()), atol=1e-6)
    assert ags_capacity() == pytest.approx(0.137906, abs=1e-6)
    assert ags_overlap(ags_capacity() * (1 - 1e-10)) == pytest.approx(0.96742, abs=1e-4)


def test_ags_ends():
    assert ags_overlap(0) == 1.0
    assert ags_overlap(0.138) == 0.0
    assert ags_overlap(1e-6) == 1.0
    assert isinstance(ags_overlap(0.1), float)
    assert ags_overlap(np.full((2, 3), 0.1)).shape == (2, 3)


@pytest.mark.parametrize("load", [-0.1, np.nan, np.inf])
def test_ags_refuses(load):
    with pytest.raises(ValueError, match="load must be finite and at least 0"):
        ags_overlap(load)


def test_gardner_table():
    np.testing.assert_allclose(gardner_kappa(list(GARDNER)), list(GARDNER.values()), atol=1e-4)


@pytest.mark.parametrize("load", [0.01, 0.3, 1.7])
def test_gardner_solves_the_integral(load):
    kappa = gardner_kappa(load)
    density = lambda t: np.exp(-t * t / 2) / np.sqrt(2 * np.pi) * (t + kappa) ** 2  # noqa: E731
    assert quad(density, -kappa, 40)[0] == pytest.approx(1 / load, rel=1e-6)


@pytest.mark.parametrize("load", [0.0, 2.01, [0.5, 3.0]])
def test_gardner_refuses(load):
    with pytest.raises(ValueError, match=r"load must lie in \(0, 2\]"):
        gardner_kappa(load)


def test_one_step_map_of_given_couplings():
    """Mean over cues against erf, on couplings of a real network."""
    xi = random_patterns(100, 400, seed=0)
    network = HopfieldNetwork(hebbian(xi))
    measured = [
        float(overlap(network.step(flip_spins(xi, 0.4, seed=seed)), xi).mean())
        for seed in range(20)
    ]
    theory = one_step_overlap(stabilities(network.couplings, xi).numpy(), 0.4).mean()
    mean, error = mean_and_error(measured)
    # Flips of an exact number keep the sum over sites fixed, a correction of order 1/N.
    assert abs(mean - theory) < 4 * error + 1 / 400


def test_hebbian_map_is_the_average_over_normal_stabilities():
    """Δ is normal with mean 1/√α and variance 1 for Hebb's couplings."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    for load, m in ((0.1, 0.3), (0.5, 0.8)):
        spread = one_step_overlap(1 / np.sqrt(load) + nodes, m)
        mean = (weights * spread).sum() / weights.sum()
        assert mean == pytest.approx(hebbian_one_step(m, load), abs=1e-8)


def test_one_step_map_at_clean_cues_is_the_sign():
    np.testing.assert_array_equal(one_step_overlap([-0.5, 0.0, 2.0], 1.0), [-1.0, 0.0, 1.0])


def test_one_step_maps_refuse():
    with pytest.raises(ValueError, match="overlap must lie in"):
        one_step_overlap(1.0, 1.1)
    with pytest.raises(ValueError, match="overlap must lie in"):
        hebbian_one_step(-2, 0.1)
    with pytest.raises(ValueError, match="load must be above 0"):
        hebbian_one_step(0.5, 0.0)


def test_ags_overlap_is_that_of_large_networks():
    found = {}
    for load in (0.1, 0.16, 0.2):
        ends = []
        for seed in range(3):
            xi = random_patterns(round(load * 2000), 2000, seed=seed)
            relaxed = HopfieldNetwork(hebbian(xi)).relax(xi[:60], seed=seed)
            assert relaxed.converged.all()
            ends.append(float(overlap(relaxed.states, xi[:60]).mean()))
        found[load] = np.mean(ends)
    assert abs(found[0.1] - ags_overlap(0.1)) < 0.001  # finite size at N = 2000
    assert found[0.16] < 0.75  # the state itself has gone; what remains falls with N
    assert found[0.2] < 0.35
