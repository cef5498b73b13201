"""The spectrum of random features: tables, closed forms, and eigenvalues of actual features."""

import math

import numpy as np
import pytest
import torch
from scipy.special import erf

from diffusion import GaussianMixtureDenoiser, RandomFeatureScore
from diffusion.theory import (
    feature_coefficients,
    feature_spectrum,
    feature_stieltjes,
    generalization_times,
    inversion_fraction,
    memorization_times,
)

COEFFICIENTS = [  # activation, t, χ²: a, b, v², s²
    ("tanh", 0.01, 0.5, (0.72313, 0.10176, 0.008988, 0.0012418)),
    ("tanh", 0.01, 1.0, (0.60571, 0.08523, 0.025542, 0.0018735)),
    ("tanh", 0.01, 2.0, (0.48179, 0.06780, 0.056268, 0.0023063)),
    ("tanh", 0.1, 0.5, (0.69870, 0.29748, 0.003989, 0.0089676)),
    ("tanh", 0.1, 1.0, (0.60571, 0.25788, 0.013841, 0.0135739)),
    ("tanh", 0.1, 2.0, (0.49693, 0.21157, 0.036283, 0.0176602)),
    ("erf", 0.01, 1.0, (0.65147, 0.09167, 0.037362, 0.0027838)),
    ("erf", 0.1, 1.0, (0.65147, 0.27737, 0.020084, 0.0200621)),
]
HALVES = np.repeat([0.5, 1.5], 50)
TRANSFORMS = [  # ψ_p, ψ_n, ρ, variances, z, q; tanh at t = 0.01
    (8, 4, [1.0], [1.0], 0.02 + 0.01j, -16.06979 + 25.04599j),
    (8, 4, [1.0], [1.0], 2 + 0.5j, -0.41103 + 0.18134j),
    (8, 4, [1.0], [HALVES], 0.02 + 0.01j, -16.05601 + 25.10372j),
    (64, 8, [1.0], [1.0], 0.1 + 0.02j, -7.34660 + 2.60966j),
    (8, 4, [0.5, 0.5], [0.5, 2.0], 0.02 + 0.01j, -21.2495 + 24.378j),
    (8, 4, [0.5, 0.5], [0.5, 2.0], 1 + 0.5j, -0.6592 + 0.4365j),
    (8, 4, [0.9, 0.1], [0.5, 2.0], 0.02 + 0.01j, -25.506 + 31.033j),
    (8, 4, [0.9, 0.1], [0.5, 2.0], 1 + 0.5j, -0.6617 + 0.4486j),
]


@pytest.mark.parametrize(("activation", "t", "chi2", "expected"), COEFFICIENTS)
def test_coefficients(activation, t, chi2, expected):
    found = feature_coefficients(activation, t, chi2)
    parts = [found.a, found.b, found.v2, found.s2]
    np.testing.assert_allclose(parts, expected, atol=1e-5)
    assert found.b == pytest.approx(math.sqrt(-math.expm1(-2 * t)) * found.a, rel=1e-12)


def test_coefficients_of_erf_are_closed_forms():
    t, chi2 = np.array([0.01, 0.1, 0.5])[:, None], np.array([0.3, 1.0, 1.7])
    kept = np.exp(-2 * t) * chi2
    gamma2 = kept + 1 - np.exp(-2 * t)
    a = 2 / math.sqrt(math.pi) / np.sqrt(1 + 2 * gamma2)
    whole = 2 / math.pi * np.arcsin(2 * gamma2 / (1 + 2 * gamma2))
    v2 = 2 / math.pi * np.arcsin(2 * kept / (1 + 2 * gamma2)) - a**2 * kept
    found = feature_coefficients("erf", t, chi2)
    np.testing.assert_allclose(found.a, a, rtol=1e-9)
    np.testing.assert_allclose(found.v2, v2, rtol=1e-7)
    np.testing.assert_allclose(found.v2 + found.s2 + found.b**2 + a**2 * kept, whole, rtol=1e-9)


def test_a_linear_activation_has_nothing_but_a_and_b():
    found = feature_coefficients(lambda x: 3 * x, 0.2, 1.3)
    assert found.a == pytest.approx(3)
    assert abs(found.v2) + abs(found.s2) < 1e-10


def test_what_is_nonlinear_grows_with_the_variance():  # why wide classes are memorized first
    v2 = feature_coefficients("tanh", 0.01, [0.25, 0.5, 1.0, 1.5, 2.0, 4.0]).v2
    np.testing.assert_allclose(v2, [0.0024, 0.0090, 0.0255, 0.0417, 0.0563, 0.0997], atol=5e-5)


@pytest.mark.parametrize(("psi_p", "psi_n", "rho", "variances", "z", "expected"), TRANSFORMS)
def test_transforms(psi_p, psi_n, rho, variances, z, expected):
    found = feature_stieltjes(z, psi_p, psi_n, rho, variances, 0.01, "tanh")
    assert abs(found - expected) < 1e-4 * abs(expected)


def test_one_class_obeys_the_three_equations_of_the_saddle_point():
    psi_p, psi_n, t, z = 12.0, 3.0, 0.05, 0.3 + 0.02j
    lam = np.repeat([0.4, 1.6], 20)
    found = feature_coefficients("tanh", t, lam.mean())
    a, b, v2, s2 = found.a, found.b, found.v2, found.s2
    spectrum = feature_spectrum(psi_p, psi_n, [1.0], [lam], t)
    q, e = spectrum.resolvents(z)
    # Bonnaire et al.: q̂, r̂, ŝ conjugate to q, r = tr(WΣWᵀ …), s = tr(WWᵀ …)
    r_hat = psi_p * a**2 * math.exp(-2 * t) / (1 + e[0])
    s_hat = b**2 * psi_p + 1 / q
    r = (lam / (s_hat + r_hat * lam)).mean()
    s = (1 / (s_hat + r_hat * lam)).mean()
    assert e[0] == pytest.approx(psi_p / psi_n * (a**2 * math.exp(-2 * t) * r + v2 * q), rel=1e-9)
    right = s2 - z + v2 / (1 + e[0]) + (1 / psi_p) * (1 / q - s / q**2)
    assert 1 / q == pytest.approx(right, rel=1e-9)
    large = 1e6 * (1 + 1j)  # q → −1/z
    assert spectrum.resolvents(large)[0] == pytest.approx(-1 / large, rel=1e-4)


@pytest.mark.parametrize(
    ("psi_n", "t", "edges"),
    [
        (8, 0.01, [(0.0037, 0.0101), (0.0923, 0.359), (9.89, 44.7)]),
        (8, 0.1, [(0.0232, 0.0462), (0.0631, 0.2065), (11.7, 41.2)]),
    ],
)
def test_bulks_and_their_masses(psi_n, t, edges):
    found = feature_spectrum(64, psi_n, [1.0], [1.0], t).bulks()
    np.testing.assert_allclose([(b.low, b.high) for b in found], edges, rtol=0.02)
    masses = [1 / 64, (psi_n - 1) / 64, 1 / 64]  # noise left over, memorization, population
    np.testing.assert_allclose([b.mass for b in found], masses, rtol=0.02)


def mean_of_memorization(psi_p, psi_n):
    """Mean of the bulk below the population's, t = 0.01."""
    spectrum = feature_spectrum(psi_p, psi_n, [1.0], [1.0], 0.01)
    bulk = spectrum.bulks()[-2]
    x = np.geomspace(bulk.low * 0.98, bulk.high * 1.02, 800)
    rho = spectrum.density(x)
    return np.trapezoid(rho * x**2, np.log(x)) / np.trapezoid(rho * x, np.log(x))


def test_the_memorization_bulk_halves_as_the_data_double():
    found = np.array([mean_of_memorization(64, n) for n in (2, 4, 8, 16)])
    parts = feature_coefficients("tanh", 0.01, 1.0)
    np.testing.assert_allclose(found, parts.s2 + parts.v2 * 64 / np.array([2, 4, 8, 16]), rtol=0.03)
    ratios = found[:-1] / found[1:]
    assert ((ratios > 1.85) & (ratios < 2.25)).all()


def test_its_mean_is_that_of_gaussian_features_and_of_nonlinear_ones_in_high_dimension():
    parts = feature_coefficients("tanh", 0.01, 1.0)
    a, b, v2, s2 = parts.a, parts.b, parts.v2, parts.s2
    mean, off = mean_of_memorization(16, 2), []
    for d in (20, 80):
        rng, p, n = np.random.default_rng(0), 16 * d, 2 * d
        W = rng.standard_normal((p, d))
        G = a * math.exp(-0.01) * W @ rng.standard_normal((d, n)) / math.sqrt(d)
        G += math.sqrt(v2) * rng.standard_normal((p, n))
        U = G @ G.T / n + b**2 * W @ W.T / d + s2 * np.eye(p)
        found = np.linalg.eigvalsh(U)[::-1][d:n].mean()
        assert found == pytest.approx(mean, rel=0.04 if d == 20 else 0.02)  # fluctuations of 1/d
        data = torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        lam = RandomFeatureScore(p, d, time=0.01, seed=0).fit(data).eigenvalues[d:n]
        off.append(1 - float(lam.mean()) / mean)
    assert 0.02 < off[1] < off[0] / 1.5  # a correction of 1/d, from what is not Gaussian
    assert off[1] < 0.08


def test_classes_of_equal_law_are_one_class():
    z = np.array([0.02 + 0.01j, 1 + 0.5j])
    one = feature_stieltjes(z, 8, 4, [1.0], [0.7], 0.1, "erf")
    three = feature_stieltjes(z, 8, 4, [0.2, 0.5, 0.3], [0.7, 0.7, 0.7], 0.1, "erf")
    np.testing.assert_allclose(one, three, rtol=1e-9)
    _, e = feature_spectrum(8, 4, [0.2, 0.8], [0.7, 0.7], 0.1).resolvents(z)
    np.testing.assert_allclose(e[:, 0], e[:, 1], rtol=1e-9)


def test_the_transform_is_that_of_actual_features():  # beyond Gaussian equivalence: the exact U
    d, psi_p, psi_n, rho, variances = 100, 8, 4, [0.5, 0.5], [0.5, 2.0]
    mixture = GaussianMixtureDenoiser(torch.zeros(2, d).double(), torch.tensor(variances))
    z = np.array([0.02 + 0.01j, 0.3 + 0.05j, 1 + 0.5j, 2 + 0.5j])
    theory = feature_stieltjes(z, psi_p, psi_n, rho, variances, 0.01, "tanh")
    data, labels = mixture.draw(psi_n * d, seed=0)
    flow = RandomFeatureScore(psi_p * d, d, time=0.01, seed=0).fit(data, labels)
    lam = flow.eigenvalues.numpy()
    found = (1 / (lam[:, None] - z)).mean(0)
    off = np.abs(found - theory) / np.abs(theory)
    assert (off[:2] < 0.05).all()  # the lowest bulks, finite d
    assert (off[2:] < 0.01).all()


def test_the_class_resolved_measure_is_that_of_gaussian_features():
    d, psi_p, psi_n, t, z = 60, 8, 4, 0.01, 0.3 + 0.05j
    variances, expected = [1.6, 0.4], (0.14791 + 0.07076j, 0.16147 + 0.02162j)
    spectrum = feature_spectrum(psi_p, psi_n, [0.5, 0.5], variances, t)
    e = spectrum.resolvents(z)[1]
    np.testing.assert_allclose(e / (1 + e), expected, atol=1e-4)
    rng = np.random.default_rng(0)
    p, half = psi_p * d, psi_n * d // 2
    draws = []
    for _ in range(8):
        W = rng.standard_normal((p, d))
        blocks = [
            a * math.exp(-t) * W @ (rng.standard_normal((d, half)) * s2**0.5) / math.sqrt(d)
            + math.sqrt(v2) * rng.standard_normal((p, half))
            for s2, a, v2 in zip(variances, spectrum.a, spectrum.v2, strict=True)
        ]
        G = np.hstack(blocks)
        noise = (spectrum.weights @ spectrum.b**2) * W @ W.T / d + spectrum.floor * np.eye(p)
        inverse = np.linalg.inv(G @ G.T / (2 * half) + noise - z * np.eye(p))
        draws.append([np.einsum("pn,pq,qn->", g, inverse, g, optimize=True) for g in blocks])
    draws = np.array(draws) / (2 * half * half)
    sem = draws.std(0, ddof=1) / math.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - e / (1 + e)) < 5 * sem + 1e-3).all()  # corrections of 1/d


def test_class_densities_count_the_points_of_each_class():
    spectrum = feature_spectrum(16, 4, [0.7, 0.3], [1.6, 0.4], 0.01)
    x = np.geomspace(spectrum.floor * 1.002, 200, 3000)
    ours = np.trapezoid(spectrum.class_density(x) * x[:, None], np.log(x), axis=0)
    # Σ_c ρ_c Σ_ν g·(U − z)⁻¹g/(n n_c) = tr (GGᵀ/n)(U − z)⁻¹/n, whose mass is tr GGᵀ/n²
    slopes = spectrum.a**2 * np.exp(-0.02) * [1.6, 0.4] + spectrum.v2
    np.testing.assert_allclose(ours, 4 * slopes, rtol=0.02)


def test_the_inversion_is_where_the_directions_of_two_classes_tie():
    for (one, two), t, expected in (
        ((8 / 3, 4 / 3), 0.1, 0.4124),
        ((8 / 3, 4 / 3), 0.01, 0.4287),
        ((3.2, 0.8), 0.1, 0.3188),
    ):
        lam = np.array([one, two])
        rho = inversion_fraction(lam, t, chi2=lam * 1.05 / 2)
        assert rho == pytest.approx(expected, abs=1e-4)
        rows = [np.repeat([one, 0.05 * one], 10), np.repeat([0.05 * two, two], 10)]
        times = generalization_times([rho, 1 - rho], rows, t)
        assert times[0] == pytest.approx(times[-1], rel=1e-9)
        above = generalization_times([rho + 0.1, 0.9 - rho], rows, t)
        assert above[0] < above[-1]


def test_memorization_times_grow_as_the_data():
    times = [memorization_times(32, n, [0.5, 0.5], [4 / 3, 2 / 3], 0.01) for n in (4, 8, 16)]
    np.testing.assert_allclose(times, [(2750, 6944), (5467, 13675), (10802, 26542)], rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [0.5, 0.4]}, "weights must have shape .* sum to 1, got a sum of 0.9"),
        ({"weights": [1.5, -0.5]}, "weights must be positive"),
        ({"variances": [1.0]}, "variances must have shape"),
        ({"variances": [1.0, 0.0]}, "variances must not be negative, and be positive somewhere"),
        ({"variances": [1.0, -1.0]}, "variances must not be negative"),
        ({"time": 0.0}, "time must be positive"),
        ({"psi_p": -1.0}, "psi_p must be positive"),
        ({"activation": "relu"}, "activation must be one of 'tanh', 'erf'"),
        ({"z": 1.0}, "z must be finite with a positive imaginary part"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    usual = {"z": 1 + 1j, "psi_p": 8.0, "psi_n": 4.0, "time": 0.1, "activation": "tanh"}
    usual |= {"weights": [0.5, 0.5], "variances": [1.0, 2.0]}
    with pytest.raises(ValueError, match=message):
        feature_stieltjes(**(usual | change))


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="distance2 must not be negative"):
        feature_spectrum(8, 4, [1.0], [1.0], 0.1, distance2=-1.0)
    with pytest.raises(ValueError, match=r"must have shape \(2,\)"):
        inversion_fraction([1.0, 2.0, 3.0], 0.1)
    with pytest.warns(UserWarning, match="activation is not odd"):
        feature_coefficients(torch.relu, 0.1, 1.0)


@pytest.mark.parametrize("activation", ["tanh", "erf"])
@pytest.mark.parametrize(("time", "chi2"), [(0.1, 25.0), (1.0, 100.0), (0.01, 1e4), (0.1, 1.0)])
def test_coefficients_of_wide_classes(activation, time, chi2):
    """v² and s² by another way: pairs of fields of correlation ρ = e^{−2t}χ²/Γ².

    E[(E_w σ)²] = E σ(h)σ(h′); the pair is turned into sum and difference, whose widths differ.
    """
    function = {"tanh": np.tanh, "erf": erf}[activation]
    D, kept = -np.expm1(-2 * time), np.exp(-2 * time) * chi2
    found = feature_coefficients(activation, time, chi2)
    z = np.linspace(-9, 9, 20_001)
    w = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    gamma = np.sqrt(kept + D)
    a = (z * function(gamma * z)) @ w / gamma
    y = np.linspace(-9, 9, 201)
    over_y = np.exp(-(y**2) / 2) / np.exp(-(y**2) / 2).sum()
    both = np.zeros_like(z)
    for shift, weight in zip(np.sqrt(D / 2) * y, over_y, strict=True):
        middle = np.sqrt(kept + D / 2) * z
        both += weight * function(middle + shift) * function(middle - shift)
    v2 = both @ w - a**2 * kept
    s2 = function(gamma * z) ** 2 @ w - v2 - a**2 * (kept + D)
    assert [float(one) for one in (found.a, found.v2, found.s2)] == pytest.approx(
        [a, v2, s2], abs=3e-8
    )
