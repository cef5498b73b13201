"""Speciation of unequal classes: tables, an exact identity, and U-turns run in full."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from diffusion import OU, GaussianMixtureDenoiser, noise_to, uturn
from diffusion.theory import (
    class_collapse_time,
    class_divergence,
    clone_probability,
    collapse_sigma,
    divergence_speciation_time,
    gaussian_divergence,
    minority_speciation_time,
    needed_divergences,
    own_class_probability,
    speciation_times,
)

WEIGHTS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001)
NEEDED = {
    "threshold": (1.7017, 2.8382, 3.5334, 4.5538, 5.4745, 6.6222, 7.4632, 10.1794),
    "bimodal": (2, 3.6845, 4.4422, 5.4930, 6.4105, 7.5329, 8.3462, 10.9448),
    "halfway": (1.7017, 1.8386, 2.0600, 2.5547, 3.1355, 3.9750, 4.6392, 6.9119),
}
TIMES = {  # d = 100, centres ±sqrt(d), s² = 1
    0.5: (math.nan, 2.303, 2.383),
    0.2: (2.486, 1.904, 2.288),
    0.1: (2.256, 1.797, 2.180),
    0.05: (2.109, 1.720, 2.078),
    0.02: (1.970, 1.640, 1.959),
    0.01: (1.887, 1.588, 1.882),
    0.001: (1.683, 1.453, 1.683),
}


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0, 60))
@settings(max_examples=60, deadline=None)
def test_what_leaves_one_class_comes_back_from_the_other(rho, divergence):
    phi, back = (float(own_class_probability(one, divergence)) for one in (rho, 1 - rho))
    assert abs(rho * (1 - phi) - (1 - rho) * (1 - back)) < 1e-10


@pytest.mark.parametrize("name", NEEDED)
def test_needed_divergences(name):
    found = [needed_divergences(rho)[name] for rho in WEIGHTS]
    np.testing.assert_allclose(found, NEEDED[name], atol=1e-4)


def test_the_bimodal_divergence_is_where_the_density_gets_a_second_well():
    x = np.linspace(-1, 6, 70001)
    for rho in (0.5, 0.1, 0.01):
        for factor, wells in ((0.99, 1), (1.01, 2)):
            gap = math.sqrt(2 * factor * needed_divergences(rho)["bimodal"])  # |Δμ|, unit variance
            density = (1 - rho) * np.exp(-(x**2) / 2) + rho * np.exp(-((x - gap) ** 2) / 2)
            rising = np.diff(np.sign(np.diff(density)))
            assert np.count_nonzero(rising < 0) == wells


@pytest.mark.parametrize("rho", TIMES)
def test_times_of_each_definition(rho):
    found = speciation_times(rho, 400.0, 1.0)
    reached = (found.median, found.bimodal, found.halfway)
    np.testing.assert_allclose(reached, TIMES[rho], atol=1e-3)
    if rho < 0.5:
        assert minority_speciation_time(rho, 400.0, 1.0) == pytest.approx(found.median)
        other = speciation_times(1 - rho, 400.0, 1.0)
        assert other.halfway == pytest.approx(found.halfway, abs=1e-8)  # cannot tell them apart
        assert other.bimodal == pytest.approx(found.bimodal, abs=1e-8)
        assert not other.threshold <= found.threshold  # the majority first, or always there
    larger = speciation_times(rho, 4 * 784.0, 1.0)
    assert larger.halfway - found.halfway == pytest.approx(1.030, abs=1e-3)


def test_balanced_bimodality_is_the_known_speciation_time():
    assert speciation_times(0.5, 400.0, 1.0).bimodal == pytest.approx(math.log(100) / 2, abs=1e-9)
    # and the delay of a minority behind it: ½ log(L/2)
    for rho in (0.05, 0.001):
        delay = math.log(100) / 2 - float(minority_speciation_time(rho, 400.0, 1.0))
        assert delay == pytest.approx(math.log(math.log((1 - rho) / rho) / 2) / 2, abs=1e-9)


def test_clones_of_balanced_classes():  # both clones of a point drawn from either class
    t = np.array([0.5, 1.5, 2.5])
    divergence = class_divergence(4 * 9.0, 0.7, t)
    found = own_class_probability(0.5, divergence)
    assert (np.abs(found - clone_probability(3.0, 0.7, t)) < 1e-9).all()


def test_equal_variances_are_a_case_of_the_divergence():
    assert divergence_speciation_time(0.1, 0.9, 400.0, 1.3, 1.3, 100) == pytest.approx(
        float(minority_speciation_time(0.1, 400.0, 1.3)), abs=1e-9
    )
    t = np.array([0.1, 1.0])
    np.testing.assert_allclose(
        gaussian_divergence(t, 36.0, 0.7, 0.7, 50), class_divergence(36.0, 0.7, t), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("variances", "distance2", "expected"),
    [
        ((1.6, 0.4), 0.0, (0.7265, 0.5557)),
        ((0.4, 1.6), 0.0, (0.6778, 0.4864)),
        ((1.6, 0.4), 400.0, (2.2598, 1.8955)),
        ((0.4, 1.6), 400.0, (2.2533, 1.8818)),
    ],
)
def test_speciation_of_unequal_variances(variances, distance2, expected):
    d = 100
    for rho, time in zip((0.1, 0.01), expected, strict=True):
        found = divergence_speciation_time(rho, 1 - rho, distance2, *variances, d)
        assert found == pytest.approx(time, abs=1e-3)
        # and posteriors of drawn points are above ½ for half of them
        means = torch.zeros(2, d, dtype=torch.float64)
        means[0, 0] = math.sqrt(distance2)
        mixture = GaussianMixtureDenoiser(means, torch.tensor(variances), [rho, 1 - rho])
        x, _ = mixture.condition(0).draw(4000, seed=0)
        sigma = float(OU().noise_level(found))
        noised = noise_to(x, OU(), found, seed=1) / float(OU().alpha(found))
        share = float((mixture.responsibilities(noised, sigma)[:, 0] > 0.5).double().mean())
        assert abs(share - 0.5) < 4 * 0.5 / math.sqrt(4000) + 0.02  # skew of the log-odds, d = 100


@pytest.mark.parametrize(
    ("rho", "expected"),
    [(0.1, (0.193, 0.360, 0.675, 0.947)), (0.5, (0.601, 0.715, 0.871, 0.981))],
)
def test_u_turns_land_in_their_class_as_often_as_theory_says(rho, expected):
    d, paths = 100, 2000
    means = torch.zeros(2, 3, dtype=torch.float64)  # further directions would not matter
    means[0, 0], means[1, 0] = math.sqrt(d), -math.sqrt(d)
    mixture = GaussianMixtureDenoiser(means, 1.0, [rho, 1 - rho])
    x, _ = mixture.condition(0).draw(paths, seed=0)
    for time, value in zip((3.0, 2.5, 2.0, 1.5), expected, strict=True):
        phi = float(own_class_probability(rho, class_divergence(4 * d, 1.0, time)))
        assert phi == pytest.approx(value, abs=1e-3)
        back = uturn(mixture, x, OU(), time, "sde", steps=100, seed=1)
        found = float((back[:, 0] > 0).double().mean())
        # 4 s.e. of the paths, and the bias of finite steps
        assert abs(found - phi) < 4 * math.sqrt(phi * (1 - phi) / paths) + 0.01


def test_a_minority_collapses_earlier_and_speciates_later():
    for s2, times in ((0.4, (1.006, 0.761, 0.617)), (1.6, (1.646, 1.364, 1.187))):
        found = class_collapse_time([20, 200, 2000], s2, 100)
        np.testing.assert_allclose(found, times, atol=1e-3)
        t = collapse_sigma([20, 200, 2000], [s2] * 100) ** 2
        np.testing.assert_allclose(found, np.log1p(t) / 2, rtol=1e-8)
    few, many = speciation_times(0.01, 400.0, 0.4), speciation_times(0.3, 400.0, 0.4)
    assert few.threshold < many.threshold
    assert few.median < many.median


def test_classes_that_clean_data_does_not_tell_apart_have_no_time():
    assert minority_speciation_time(0.01, 1.0, 4.0) == 0
    assert divergence_speciation_time(0.01, 0.99, 0.1, 1.0, 1.0, 5) == 0
    assert math.isnan(speciation_times(0.8, 10.0, 1.0).threshold)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minority_speciation_time(0.5, 1.0, 1.0), r"weight must lie in \(0, 0.5\)"),
        (lambda: minority_speciation_time(0.1, -1.0, 1.0), "distance2 must be positive"),
        (lambda: minority_speciation_time(0.1, 1.0, 0.0), "variance must be positive"),
        (lambda: own_class_probability(1.0, 1.0), r"weight must lie in \(0, 1\)"),
        (lambda: own_class_probability(0.5, -1.0), "divergence must not be negative"),
        (lambda: divergence_speciation_time(0.9, 0.1, 1.0, 1.0, 1.0, 3), "must be below other"),
        (lambda: divergence_speciation_time(0.4, 0.9, 1.0, 1.0, 1.0, 3), "at most 1"),
        (lambda: class_collapse_time(1, 1.0, 10), "points must be a number of points above 1"),
        (lambda: gaussian_divergence(-1.0, 1.0, 1.0, 1.0), "time must not be negative"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
