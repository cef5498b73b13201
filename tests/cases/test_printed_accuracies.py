"""Accuracies that docstrings print, measured over the range that they state."""

import numpy as np
import pytest
from scipy import special, stats

from diffusion.theory import (
    collapse_sigma,
    effective_number,
    feature_coefficients,
    feature_spectrum,
    participation_ratio,
    snr_jacobian,
    snr_score,
)
from hopfield.theory import argmax_retrieval, polynomial_error, posterior_weight_bound
from hopfield.theory.finite import _log_average

_LEGENDRE = np.polynomial.legendre.leggauss(16)


def _composite(edges):
    """Nodes and weights of Gauss–Legendre sums between all edges."""
    x, w = _LEGENDRE
    width = np.diff(edges)
    return (edges[:-1, None] + width[:, None] * (x + 1) / 2).ravel(), (
        width[:, None] * w / 2
    ).ravel()


def _exact_share(degree, N, P):
    """Share of flipped spins from the exact law of the crosstalk of P − 1 patterns.

    Another pattern adds (a + s)^n − (a − s)^n, s = ±1 and a a sum of N − 1 spins. The law of the
    sum is the power of its characteristic function, on a lattice of at most 2²⁰ points; a step
    of the lattice is less than 2⁻¹⁵ of the signal.
    """
    a = np.arange(-(N - 1), N, 2)
    chance = stats.binom.pmf((a + N - 1) // 2, N - 1, 0.5) / 2
    one = [(a + s) ** degree - (a - s) ** degree for s in (1, -1)]
    signal = N**degree - (N - 2) ** degree
    unit = np.gcd.reduce(np.append(np.concatenate(one), signal))
    step = max(1.0, signal / unit / 2**15)
    law = np.zeros(size := 2**20)
    for values in one:
        np.add.at(law, np.rint(values / unit / step).astype(int) % size, chance)
    total = np.fft.irfft(np.fft.rfft(law) ** (P - 1), size)
    place = (np.arange(size) + size // 2) % size - size // 2
    return total[place < -signal / unit / step - 1e-6].sum()


def test_the_exact_share_is_that_of_a_binomial_law_for_two_spins_at_a_time():
    """n = 2 is Hebb's rule: the crosstalk is a sum of (P − 1)(N − 1) spins."""
    count = 19 * 100
    assert _exact_share(2, 101, 20) == pytest.approx(
        stats.binom.cdf((count - 100) / 2 - 1e-9, count, 0.5), rel=1e-9
    )


@pytest.mark.parametrize("degree", [2, 3, 4])
@pytest.mark.parametrize("N", [20, 21, 30, 50])
def test_polynomial_error(degree, N):
    for low, allowed in ((0.01, 0.30), (0.02, 0.20)):
        tried = np.unique(np.geomspace(50, 3e4, 200).astype(int))
        laws = polynomial_error(tried, N, degree)
        inside = (laws >= low) & (laws < 3 * low)
        for P in tried[inside][:3]:  # where it is worst
            exact = _exact_share(degree, N, int(P))
            assert abs(polynomial_error(P, N, degree) / exact - 1) < allowed


def _angle_law(N, s):
    """Nodes θ and the weights of a projected normal law, N = 2 or 3."""
    edges = np.concatenate([[0], np.geomspace(1e-6, np.pi, 80), np.linspace(0.02, np.pi, 80)])
    theta, weights = _composite(np.unique(edges))
    a = np.sqrt(N) * np.cos(theta) / s
    tail = np.sqrt(2 * np.pi) * np.exp(-N / 2 * (np.sin(theta) / s) ** 2) * special.ndtr(a)
    core = np.exp(-N / 2 / s**2)
    density = core + a * tail if N == 2 else np.sin(theta) * (a * core + (1 + a**2) * tail)
    return theta, weights * density / (weights @ density)


@pytest.mark.parametrize("N", [2, 3])
@pytest.mark.parametrize("s", [0.01, 0.1, 0.4, 0.6, 1.0, 3.0, 10.0, 100.0])
def test_argmax_retrieval_in_few_dimensions(N, s):
    P = np.array([2, 3, 5, 10, 20, 100, 1e3, 1e5, 1e8])
    theta, law = _angle_law(N, s)
    farther = 1 - theta / np.pi if N == 2 else (1 + np.cos(theta)) / 2
    with np.errstate(divide="ignore"):
        exact = np.exp((P[:, None] - 1) * np.log(farther)) @ law
    assert np.abs(argmax_retrieval(P, N, s) - exact).max() < 1e-4


@pytest.mark.parametrize("N", [4, 6, 20, 100])
@pytest.mark.parametrize("s", [0.03, 0.3, 1.0, 10.0])
def test_argmax_retrieval_in_more(N, s):
    P = np.array([2, 5, 20, 100, 1e3, 1e5, 1e8])
    z, over_z = _composite(np.linspace(-8.5, 8.5, 25))
    y, over_y = _composite(np.linspace(max(0, (N - 1) ** 0.5 - 7), (N - 1) ** 0.5 + 7, 25))
    along = N**0.5 + s * z[:, None]
    q = along / np.hypot(along, s * y)
    tail = special.betainc((N - 1) / 2, 0.5, 1 - q**2) / 2
    logs = np.where(q >= 0, np.log1p(-tail), np.log(np.maximum(tail, 1e-300)))
    over_z, over_y = over_z * stats.norm.pdf(z), over_y * stats.chi.pdf(y, N - 1)
    exact = [over_z @ np.exp((one - 1) * logs) @ over_y for one in P]
    assert np.abs(argmax_retrieval(P, N, s) - exact).max() < 1e-4


@pytest.mark.parametrize(("N", "allowed"), [(2, 1e-3), (3, 1e-4), (4, 1e-4), (20, 1e-4)])
def test_the_bound_of_the_weight(N, allowed):
    """E e^{xq} of the circle is I₀, of the sphere sinh x/x; else its integral."""
    P = np.array([2, 5, 100, 1e6])
    y, over_y = _composite(np.linspace(max(0, (N - 1) ** 0.5 - 7), (N - 1) ** 0.5 + 7, 25))
    over_y = over_y * stats.chi.pdf(y, N - 1)
    for s in (0.1, 0.3, 1.0, 3.0, 10.0):
        z, over_z = _composite(np.linspace(-8.5, 8.5, 101))
        over_z = over_z * stats.norm.pdf(z)
        for lam in (s**-2, 1.0, 10.0):
            along = N**0.5 + s * z[:, None]
            x = lam * N**0.5 * np.hypot(along, s * y)
            nu = N / 2 - 1
            logs = np.log(special.ive(nu, x)) + x + special.gammaln(nu + 1) + nu * np.log(2 / x)
            gain = lam * N**0.5 * along - logs
            exact = [over_z @ special.expit(gain - np.log(one - 1)) @ over_y for one in P]
            found = posterior_weight_bound(P, N, s, lam)
            assert np.abs(found - exact).max() < allowed


def _planted_weights(P, m, t, trials):
    rng = np.random.default_rng(0)
    found = np.empty(trials)
    for k in range(trials):
        data = rng.standard_normal((P, m))
        x = data[0] + np.sqrt(t) * rng.standard_normal(m)
        energy = np.square(x - data).sum(1) / (-2 * t)
        found[k] = 1 / np.exp(energy - energy[0]).sum()
    return found.mean(), found.std() / np.sqrt(trials)


@pytest.mark.parametrize(
    ("m", "P", "least", "most"),
    [
        (1, 10, 2.0, 3.0),
        (1, 100, 1.7, 3.0),
        (2, 10, 1.5, 3.0),
        (2, 100, 1.3, 3.0),
        (3, 100, 1.0, 1.6),
        (4, 10, 1.0, 1.6),
        (10, 100, 1.0, 1.6),
        (20, 100, 1.0, 1.6),
    ],
)
def test_participation_ratio(m, P, least, most):
    """Y = ½ between `least` and `most` times σ² of the collapse; the law is too small by ≤ 0.13."""
    collapse = float(collapse_sigma(P, [1.0] * m)) ** 2
    for factor in (0.3, 1.0, least, most):
        t = factor * collapse
        mean, sem = _planted_weights(P, m, t, 4000)
        gap = mean - float(participation_ratio(P, [1.0] * m, np.sqrt(t)))
        assert -4 * sem < gap < 0.13 + 4 * sem
        if factor in (least, most):
            assert (mean - 0.5) * (1 if factor == least else -1) > -4 * sem


@pytest.mark.parametrize("N", [60, 150, 202, 1002, 10_002, 40_002])
def test_the_average_of_an_exponential_on_the_sphere(N):
    """Against the series of ₀F₁; from N = 150 on Bessel's function underflows."""
    nu = N / 2 - 1
    for x in N * np.array([1e-3, 0.01, 0.1, 0.3, 1.0, 2.0]):
        k = np.arange(int(2 * x + 300))
        exact = special.logsumexp(
            2 * k * np.log(x / 2)
            - special.gammaln(k + 1)
            - special.gammaln(nu + 1 + k)
            + special.gammaln(nu + 1)
        )
        assert abs(_log_average(np.array(x), N) - exact) < 1e-9


def _turning_points(psi_p, psi_n, t):
    """Values of z(q) at real q where it turns, for one isotropic class of variance 1.

    They hold all edges of the density (Silverstein & Choi 1995). At a given q, e solves a
    quadratic equation.
    """
    found, parts, r = [], feature_coefficients("tanh", t, 1.0), psi_p / psi_n
    a2, b2 = np.exp(-2 * t) * float(parts.a) ** 2, float(parts.b) ** 2
    v2, s2 = float(parts.v2), float(parts.s2)
    for sign in (-1, 1):
        q = sign * np.geomspace(1e-5, 1e6, 400_000)
        # (e − r v² q)(1 + e + ψ q (b²(1 + e) + a²)) = r a² q (1 + e), in y = 1 + e
        lead, far = 1 + psi_p * q * b2, psi_p * q * a2
        shift = 1 + r * v2 * q
        linear = far - shift * lead - r * a2 * q
        root = linear**2 + 4 * lead * shift * far
        for branch in (-1, 1):
            with np.errstate(all="ignore"):
                y = (-linear + branch * np.sqrt(root)) / (2 * lead)
                m = b2 + a2 / y
                z = s2 + v2 / y + m / (1 + psi_p * m * q) - 1 / q
                slopes = np.diff(z)
                turns = slopes[:-1] * slopes[1:] < 0
            found.append(z[1:-1][turns])
    return np.concatenate(found)


@pytest.mark.parametrize("t", [0.01, 0.1, 1.0])
@pytest.mark.parametrize(("psi_p", "psi_n"), [(64, 8), (16, 4), (8, 16)])
def test_edges_of_bulks(psi_p, psi_n, t):
    edges = _turning_points(psi_p, psi_n, t)
    bulks = feature_spectrum(psi_p, psi_n, [1.0], [1.0], t).bulks()
    assert bulks
    for one in bulks:
        for edge in (one.low, one.high):
            assert np.abs(edges / edge - 1).min() < 5e-3


@pytest.mark.parametrize(("N2", "allowed"), [(10, 0.25), (30, 0.10)])
@pytest.mark.parametrize(("m", "t"), [(1, 0.01), (2, 0.1), (4, 0.3)])
def test_noise_of_a_score_between_data_sets(m, t, N2, allowed):
    rng, lam = np.random.default_rng(0), np.ones(m)
    x = np.full(m, np.sqrt(1 + t))  # a typical query
    P = round(2 * N2 / float(effective_number(2, lam, np.sqrt(t), x)))
    score, jacobian = np.empty((2, 3000, m))
    for k in range(3000):
        data = rng.standard_normal((P, m))
        weights = special.softmax(-np.square(x - data).sum(1) / (2 * t))
        score[k] = weights @ data
        jacobian[k] = (weights @ data**2 - score[k] ** 2) / t
    error = 4 * (2 / 3000 / m) ** 0.5
    for measured, snr, signal in (
        (score, snr_score, x * t / (t + 1)),
        (jacobian, snr_jacobian, t / (t + 1)),
    ):
        law = np.square(signal / snr(P, lam, np.sqrt(t), x)).mean()
        assert abs(measured.var(0).mean() / law - 1) < allowed + error
