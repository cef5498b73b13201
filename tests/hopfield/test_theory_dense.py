import math

import numpy as np
import pytest
from measured import mean_and_error
from scipy.integrate import quad

from hopfield import DenseMemory, random_patterns
from hopfield.theory import (
    critical_noise,
    dense_load,
    dense_load_at_overlap,
    dense_load_of_all,
    flip_information,
    least_overlap,
    polynomial_capacity,
    polynomial_error,
    query_gain,
    sign_dynamics_bound,
    sign_dynamics_load,
    spins_of_information,
)


# Reference values, clean cue: uncorrected Gaussian α₁ and α_c, corrected Gaussian, sphere, spins
@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        (0.25, (0.21875, 0.10557, 0.21157, 0.21965, 0.21907)),
        (0.5, (0.37500, 0.15274, 0.36940, 0.38701, 0.37989)),
        (0.75, (0.46875, 0.17655, 0.49409, 0.51734, 0.49173)),
        (1.0, (0.50000, 0.18394, 0.59657, 0.62257, 0.56622)),
        (2.0, (0.50000, 0.18394, 0.88264, 0.90875, 0.67500)),
        (5.0, (0.50000, 0.18394, 1.31255, 1.32970, 0.69310)),
    ],
)
def test_thresholds_of_clean_cues(beta, expected):
    found = (
        dense_load(beta, 0, "gaussian-uncorrected"),
        dense_load_of_all(beta, "gaussian-uncorrected"),
        dense_load(beta, 0, "gaussian"),
        dense_load(beta, 0, "spherical"),
        dense_load(beta, 0, "spins"),
    )
    assert found == pytest.approx(expected, abs=1e-5)
    for ensemble in ("spherical", "spins"):
        assert dense_load_of_all(beta, ensemble) == dense_load(beta, 0, ensemble)
        assert dense_load_at_overlap(beta, 1, ensemble) == pytest.approx(
            dense_load(beta, 0, ensemble)
        )


# Reference values: α, then m_c on the sphere and of spins, critical noise of both
@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (0.05, (0.30848, 0.31356, 3.08356, 3.08333)),
        (0.1, (0.42576, 0.43959, 2.12524, 2.12407)),
        (0.2, (0.57418, 0.61035, 1.42592, 1.42010)),
        (0.3, (0.67171, 0.73283, 1.10289, 1.08785)),
        (0.4, (0.74207, 0.82803, 0.90331, 0.87284)),
        (0.5, (0.79506, 0.90362, 0.76287, 0.70722)),
        (0.6, (0.83595, 0.96249, 0.65652, 0.55528)),
    ],
)
def test_edges_of_cues(load, expected):
    found = (
        least_overlap(load),
        least_overlap(load, ensemble="spins"),
        critical_noise(load),
        critical_noise(load, "spins"),
    )
    assert found == pytest.approx(expected, abs=1e-5)
    assert critical_noise(load, "gaussian") == critical_noise(load)


# Reference values: edge of basins on the sphere at ln P/N = 0.3
@pytest.mark.parametrize(("beta", "edge"), [(0.6, 0.762), (1, 0.677), (2, 0.672), (5, 0.672)])
def test_basins_shrink_when_warm(beta, edge):
    found = least_overlap(0.3, beta)
    assert found == pytest.approx(edge, abs=5e-4)
    assert dense_load_at_overlap(beta, found) == pytest.approx(0.3)  # the same threshold, inverted
    spins = least_overlap(0.3, beta, "spins")
    assert dense_load_at_overlap(beta, spins, "spins") == pytest.approx(0.3)


def test_the_plateau_begins_at_the_temperature_of_the_noise():
    """α₁ is largest, and from there constant, where λ is the inverse noise of the cue."""
    s = np.array([0.5, 1.0, 1.5])
    capacity = np.array([0.80472, 0.34657, 0.18386])  # reference values, ½ ln(1 + 1/s²)
    for ensemble in ("gaussian", "spherical"):
        assert dense_load(s**-2, s, ensemble) == pytest.approx(capacity, abs=1e-5)
        assert dense_load(100.0, s, ensemble) == pytest.approx(capacity, abs=1e-5)
    for ensemble in ("gaussian", "spherical", "spins"):
        below = dense_load(0.9 * s**-2, s, ensemble)
        assert (below < dense_load(s**-2, s, ensemble)).all()
        # the slope vanishes there: a maximum, not a corner
        ends = [dense_load((1 - h) * s**-2, s, ensemble) for h in (1e-3, 0)]
        assert (ends[1] - ends[0] < 1e-5).all()
    m = np.array([0.3, 0.6, 0.9])
    assert dense_load_at_overlap(50.0, m) == pytest.approx(-np.log(1 - m**2) / 2)


def test_spins_by_integration():
    """E ln cosh against scipy's quadrature: fixed nodes must do at every noise."""
    for s in (0.2, 0.5, 1.0, 3.0):
        for lam in (0.3 * s**-2, s**-2):

            def term(z, lam=lam, s=s):
                h = abs(lam * (1 + s * z))
                log_cosh = h + math.log1p(math.exp(-2 * h)) - math.log(2)
                return log_cosh * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

            kink = -1 / s
            average = sum(quad(term, *ends)[0] for ends in ((-40, kink), (kink, 40)))
            assert dense_load(lam, s, "spins") == pytest.approx(lam - average, abs=2e-6)


def test_the_rule_behind_the_table():
    """α₁ = L_1/N − ζ with ζ = (1/N) log E e^L: for Gaussian patterns, cue by cue, by sampling.

    One coordinate: L_1 = λxξ − bλξ²/2 in the mean, ζ = E_x log E_ξ e^{λxξ − bλξ²/2}.
    """
    lam, s = 0.6, 0.5
    z, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    xi, noise = np.meshgrid(z, z, indexing="ij")
    both = np.outer(weights, weights)
    x = xi + s * noise
    for b, ensemble in ((1, "gaussian"), (0, "gaussian-uncorrected")):
        own = (both * (lam * x * xi - b * lam * xi**2 / 2)).sum()
        other = np.log((weights * np.exp(lam * x[..., None] * z - b * lam * z**2 / 2)).sum(-1))
        zeta = (both * other).sum()
        assert dense_load(lam, s, ensemble) == pytest.approx(own - zeta, abs=1e-9)


def test_a_gain_of_the_query_does_not_help_at_the_right_temperature():
    lam, s = 2.0, 1.2

    def load(c):
        """Corrected Gaussian: L_1 = cλ − λ/2, ζ = −½ ln(1+λ) + (cλ)²(1+s²)/(2(1+λ))."""
        return c * lam - lam / 2 + np.log1p(lam) / 2 - (c * lam) ** 2 * (1 + s**2) / (2 * (1 + lam))

    best = query_gain(lam, s)
    assert load(best) > max(load(best - 0.01), load(best + 0.01))
    assert query_gain(s**-2, s) == pytest.approx(1)
    assert load(1.0) == pytest.approx(
        np.log1p(lam) / 2 + lam * (1 - lam * s**2) / (2 * (1 + lam))
    )  # what `dense_load` has below its plateau


def test_sign_dynamics():
    m = 1 - 2 * np.array([0, 0.1, 0.2, 0.3])
    assert sign_dynamics_bound(m) == pytest.approx([0.3466, 0.1840, 0.0964, 0.0411], abs=5e-5)
    found = sign_dynamics_load([1, 0.9, 0.8, 0.75, 0.6])
    assert found == pytest.approx([0.675, 0.495, 0.368, 0.316, 0.193], abs=1e-3)
    assert (sign_dynamics_bound(m) < sign_dynamics_load(m)).all()
    assert sign_dynamics_load(1.0, 50.0) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("degree", "N", "P", "expected"),
    [
        (2, 200, 40, 0.01267),
        (3, 60, 200, 0.00715),
        (3, 60, 400, 0.0416),
        (4, 30, 1000, 0.0899),
        (2, 200, 20, 0.00078),
        (4, 30, 400, 0.0170),
    ],
)
def test_polynomial_error(degree, N, P, expected):
    assert polynomial_error(P, N, degree) == pytest.approx(expected, rel=6e-3)


@pytest.mark.parametrize(("degree", "N", "P"), [(2, 200, 40), (3, 60, 200), (3, 60, 400)])
def test_polynomial_error_against_one_step(degree, N, P):
    """The Gaussian crosstalk is good to 15 % here."""
    rates = []
    for seed in range(20):
        xi = random_patterns(P, N, seed=100 + seed)
        memory = DenseMemory(xi, "polynomial", degree=degree, states="binary")
        rates.append((memory.step(xi) != xi).double().mean().item())
    (mean, error), law = mean_and_error(rates), polynomial_error(P, N, degree)
    assert abs(mean - law) < 0.15 * law + 4 * error


def test_polynomial_capacity_is_where_the_error_reaches_one_spin():
    """N P_e = N^{-1}·const/√ln N at K_max: P_e ≈ e^{−ln N}/(2√(π ln N)), for any degree."""
    N = np.array([50.0, 1e3, 1e6])
    for degree in (2, 3, 4):
        error = polynomial_error(polynomial_capacity(N, degree), N, degree)
        x = np.log(N)
        assert error * 2 * np.sqrt(math.pi * x) * N == pytest.approx(1 - 1 / (2 * x), rel=0.06)


def test_limits_and_shapes():
    assert dense_load(math.inf, 0) == math.inf
    assert dense_load(math.inf, 0, "spins") == pytest.approx(math.log(2))
    assert dense_load_at_overlap([1.0, 5.0], 0.0) == pytest.approx([0, 0])
    assert dense_load_at_overlap(math.inf, 1.0, "spins") == pytest.approx(math.log(2))
    assert least_overlap(0.7, ensemble="spins") == math.inf  # more than ln 2
    assert least_overlap(0.5, beta=0.25) == math.inf  # α₁ of clean cues is 0.22
    assert critical_noise(0.7, "spins") == 0
    assert dense_load(np.ones((2, 1)), np.ones(3)).shape == (2, 3)
    small = critical_noise([1e-9, 1e-3], "spins")
    assert small == pytest.approx((2 * np.array([1e-9, 1e-3])) ** -0.5, rel=1e-2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dense_load(0.0), "beta must be above 0, got 0.0"),
        (lambda: dense_load(1.0, -1.0), "noise must be finite and at least 0, got -1.0"),
        (lambda: dense_load(math.nan), "beta must be above 0, got nan"),
        (lambda: dense_load(1.0, 0.0, "cubic"), "ensemble must be one of 'spherical'"),
        (lambda: dense_load_at_overlap(1.0, 1.5), r"overlap must lie in \[0, 1\], got 1.5"),
        (lambda: dense_load_at_overlap(1.0, 0.5, "gaussian"), "ensemble must be one of"),
        (lambda: dense_load_of_all(1.0, "gaussian"), "ensemble must be one of"),
        (lambda: least_overlap(0.0), "load must be above 0"),
        (lambda: least_overlap(0.1, 0.0), "beta must be above 0, got 0"),
        (lambda: critical_noise(-0.1), "load must be above 0"),
        (lambda: query_gain(1.0, -1.0), "noise must be finite and at least 0"),
        (lambda: polynomial_error(0, 10, 3), "patterns must be finite and at least 1"),
        (lambda: polynomial_error(5, 10, 1), "degree must be a whole number of at least 2"),
        (lambda: polynomial_capacity(1, 3), "size must be finite and at least 2"),
        (lambda: sign_dynamics_bound(2.0), r"overlap must lie in \[0, 1\]"),
        (lambda: sign_dynamics_load(0.5, 0.0), "beta must be above 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_information_of_hardly_any_overlap_keeps_its_digits():
    """Against forty digits: the two terms of the closed form cancel there."""
    from mpmath import log, mpf, workdps

    for m in (1e-12, 1e-7, 0.00499, 0.00501, 0.3, 0.999):
        with workdps(40):
            x = mpf(m)
            exact = float(((1 + x) * log(1 + x) + (1 - x) * log(1 - x)) / 2)
        assert float(flip_information(m)) == pytest.approx(exact, rel=1e-11)
        assert float(spins_of_information(exact)) == pytest.approx(m, rel=1e-11)
