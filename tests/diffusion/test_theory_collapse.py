"""Closed forms of collapse, subspaces and speciation against reference tables and brute force."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit

from diffusion import theory

SIZES = (10, 1e2, 1e3, 1e4, 1e5)
TABLE = {  # σ² of collapse and onset at each of SIZES; dimensions and variances of subspaces
    ((4,), (1.0,)): (
        (0.46248, 0.11111, 0.032655, 0.010101, 0.0031723),
        (1.058, 0.27956, 0.086246, 0.027193, 0.0085963),
    ),
    ((40,), (1.0,)): (
        (8.1955, 3.8621, 2.4240, 1.7097, 1.2849),
        (16.628, 7.9483, 5.0595, 3.6186, 2.757),
    ),
    ((2, 2), (1.0, 0.01)): (
        (0.12138, 0.016372, 0.0037095, 0.0010518, 0.00032132),
        (0.29942, 0.041126, 0.0093966, 0.0027557, 0.00086102),
    ),
    ((10, 10), (1.0, 0.1)): (
        (1.9676, 0.8093, 0.44447, 0.27553, 0.18295),
        (4.1177, 1.7606, 0.99764, 0.63363, 0.42867),
    ),
    ((20, 20), (1.0, 0.01)): (
        (3.9106, 1.7367, 1.0246, 0.6778, 0.4768),
        (8.0429, 3.6702, 2.2226, 1.507, 1.0847),
    ),
}


def spectrum(sizes, variances):
    return np.repeat(variances, sizes)


@pytest.mark.parametrize("case", TABLE)
def test_collapse_and_onset(case):  # T4
    collapse, onset = TABLE[case]
    lam = spectrum(*case)
    np.testing.assert_allclose(theory.collapse_sigma(SIZES, lam) ** 2, collapse, rtol=1e-4)
    np.testing.assert_allclose(theory.onset_sigma(SIZES, lam) ** 2, onset, rtol=2e-4)
    with_zeros = np.r_[lam, np.zeros(60)]  # the ambient dimension does not matter
    assert theory.collapse_sigma(100, with_zeros) == pytest.approx(
        theory.collapse_sigma(100, lam), rel=1e-10
    )


def test_isotropic_collapse_is_explicit():
    for m, variance, P in ((3, 0.5, 7), (12, 2.0, 1e6), (784, 0.1, 6e4)):
        expected = variance / (P ** (2 / m) - 1)
        found = theory.collapse_sigma(P, [variance] * m) ** 2
        assert found == pytest.approx(expected, rel=1e-9)


def test_collapse_in_ornstein_uhlenbeck_time():
    cases = (
        (100, 1000, 1.0, 1.0238),
        (100, 2e4, 1.0, 0.8583),
        (20, 1000, 1.0, 0.3478),
        (8, 2e4, 1.0, 0.0439),
        (784, 6e4, 0.1, 0.7535),
        (1024, 2000, 0.5, 1.7695),
    )
    for d, n, variance, time in cases:
        t = theory.collapse_sigma(n, [variance] * d) ** 2
        assert 0.5 * math.log1p(t) == pytest.approx(time, abs=6e-5)


def test_condensation_at_a_query():
    lam = spectrum((20, 20), (1.0, 0.25))
    reference = {1e3: (0.3707, 0.6966, 0.4511, 0.7618), 1e4: (0.2747, 0.5165, 0.3441, 0.5779)}
    typical = [np.zeros(40), lam * (lam == 1), lam * (lam < 1), lam]
    for P, times in reference.items():
        found = [theory.condensation_sigma(P, lam, np.sqrt(x2)) ** 2 for x2 in typical]
        np.testing.assert_allclose(found, times, atol=6e-5)
    # a query typical of the noised density is the planted case, on average
    t = theory.collapse_sigma(1e4, lam) ** 2
    assert theory.condensation_sigma(1e4, lam, np.sqrt(lam + t)) ** 2 == pytest.approx(t, rel=1e-9)


def test_basin_edge():
    lam = np.ones(20)
    times, edges = (1.005, 1.220, 1.482, 1.799, 2.185), (1.00, 0.795, 0.566, 0.303, 0.0)
    found = theory.basin_edge(1000, lam, np.sqrt(times))
    np.testing.assert_allclose(found, edges, atol=2e-3)
    for P in (50, 1e4):
        assert theory.basin_edge(P, lam, theory.collapse_sigma(P, lam)) == pytest.approx(1)
        assert theory.basin_edge(P, lam, theory.onset_sigma(P, lam)) == pytest.approx(0, abs=1e-9)


def test_information_falls_by_half_the_dimensions():
    lam, u, h = spectrum((3, 2), (1.0, 0.1)), np.linspace(-4, 3, 8), 1e-5
    above, below = (theory.mutual_information(lam, np.exp((u + s * h) / 2)) for s in (1, -1))
    dimensions = (lam / (lam + np.exp(u)[:, None])).sum(1)
    np.testing.assert_allclose((above - below) / (2 * h), -dimensions / 2, rtol=1e-8)


def test_excess_entropy_vanishes_at_collapse():
    lam = spectrum((10, 10), (1.0, 0.1))
    sigma = theory.collapse_sigma(1e3, lam)
    assert theory.excess_entropy(1e3, lam, sigma) == pytest.approx(0, abs=1e-10)
    assert theory.excess_entropy(1e3, lam, 1e6) == pytest.approx(math.log(1e3) / 20)
    assert theory.excess_entropy(1e3, lam, 1e6, dimension=50) == pytest.approx(math.log(1e3) / 50)


def test_participation_law_against_sampling():
    lam, P, sigma = np.ones(20), 1000, 1.0
    g = np.random.default_rng(0).standard_normal(200_000)
    kept, information = 20 / (1 + sigma**2), 10 * math.log(2)
    draws = expit(information + math.sqrt(kept) * g - math.log(P - 1))
    sem = draws.std() / len(draws) ** 0.5
    assert abs(theory.participation_ratio(P, lam, sigma) - draws.mean()) < 4 * sem
    assert theory.return_probability(P, lam, sigma) == theory.participation_ratio(P, lam, sigma)


def test_gaps_against_a_grid():  # T5
    a, b = theory.marchenko_pastur_edges(100, 20, 1 / 40)[0], 0.045
    t = np.geomspace(1e-4, 1e2, 200_001)
    gaps = theory.intermediate_gap(a, b, np.sqrt(t))
    widest = theory.widest_gap_sigma(a, b)
    assert widest**2 == pytest.approx(t[gaps.argmax()], rel=1e-3)
    expected = (math.sqrt(a) - math.sqrt(b)) / (math.sqrt(a) + math.sqrt(b))
    assert theory.intermediate_gap(a, b, widest) == pytest.approx(expected)
    for small, switch in ((0.01, 0.010204), (0.09, 0.109756)):
        final = theory.final_gap(small, np.sqrt(t))
        middle = theory.intermediate_gap(1.0, small, np.sqrt(t))
        assert t[final > middle].max() == pytest.approx(switch, rel=1e-3)
        assert theory.switch_sigma(1.0, small) ** 2 == pytest.approx(switch, rel=1e-4)
    assert math.isinf(theory.switch_sigma(1.0, 0.5))
    assert math.isinf(theory.switch_sigma(1.0, 0.8))


def test_marchenko_pastur_reference():
    edges = (
        (theory.marchenko_pastur_edges(100, 20, 1 / 40)[0], 0.7639),
        (theory.marchenko_pastur_edges(80, 20, 0.01 / 40)[1], 0.0450),  # beside 20 larger ones
        (theory.marchenko_pastur_edges(800, 200, 0.09 / 400)[1], 0.405),
    )
    for found, expected in edges:
        assert found == pytest.approx(expected, abs=6e-5)


LOSS = {  # σ² at which SNR = 1: of tJ in A1, A2; of the score in A1, A2
    ((2, 2), (1.0, 0.05)): {
        1e2: (0.2743, 0.04863, 0.1206, 0.03952),
        1e3: (0.1281, 0.02429, 0.04515, 0.01564),
        1e4: (0.06369, 0.01267, 0.01867, 0.006654),
        1e5: (0.03297, 0.006822, 0.008166, 0.002959),
    },
    ((3, 3), (1.0, 0.1)): {
        1e2: (0.4088, 0.1330, 0.2443, 0.1237),
        1e3: (0.2124, 0.07369, 0.1094, 0.05846),
        1e4: (0.1175, 0.04241, 0.05376, 0.02941),
        1e5: (0.0678, 0.02518, 0.02793, 0.01546),
    },
}


@pytest.mark.parametrize("case", LOSS)
def test_noise_levels_of_loss(case):
    lam = spectrum(*case)
    for P, expected in LOSS[case].items():
        found = [
            brentq(lambda t, f=f, k=k, P=P: math.log(f(P, lam, t**0.5)[k]), 1e-5, 3)
            for f in (theory.snr_jacobian, theory.snr_score)
            for k in (0, -1)
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_critical_sizes():
    lam = spectrum((2, 2), (1.0, 0.05))
    sigma = np.sqrt((1, 0.3, 0.1, 0.03, 0.01))
    jacobian = theory.critical_size_jacobian(lam, sigma)
    score = theory.critical_size_score(lam, sigma)
    np.testing.assert_allclose(jacobian[:, 0], (3.5, 77.5, 2221, 1.405e5, 8.42e6), rtol=0.02)
    np.testing.assert_allclose(jacobian[1:, 2], (0.40, 10.5, 488, 2.39e4), rtol=0.02)
    np.testing.assert_allclose(score[:, 0], (2.2, 15.9, 151, 2835, 5.63e4), rtol=0.02)
    np.testing.assert_allclose(score[1:, 2], (1.24, 12.1, 194, 3271), rtol=0.02)
    information = np.exp(theory.mutual_information(lam, sigma))
    np.testing.assert_allclose(information, (2.1, 5.06, 16.5, 91.6, 606), rtol=0.01)


def test_the_larger_variance_is_lost_first():  # T10, the order
    lam = np.array([1.0, 0.3, 0.05, 0.0])
    for sigma in (0.1, 0.3, 1.0):
        for snr in (theory.snr_jacobian(1e4, lam, sigma), theory.snr_score(1e4, lam, sigma)):
            assert (np.diff(snr) > 0).all()
            assert math.isinf(snr[-1])
    assert theory.snr_score(1e4, lam, 0.3, x=0.0).max() == 0


def test_effective_number_by_quadrature():
    # one dimension: P/N₂ = ∫ p(y|x)²/p(y) dy at a fixed x
    lam, t, x = 0.7, 0.4, 1.3
    y = np.linspace(-12, 12, 40_001)

    def normal(mean, variance):
        return np.exp(-((y - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)

    posterior = normal(x * lam / (lam + t), lam * t / (lam + t))
    ratio = np.trapezoid(posterior**2 / normal(0, lam), y)
    assert theory.effective_number(100, [lam], t**0.5, x) == pytest.approx(100 / ratio, rel=1e-8)


def test_speciation_times():
    cases = ((100, 1, 1, 2.3076), (1024, 1, 0.5, 3.4660), (256, 0.5, 0.25, 2.0814))
    for d, mu, variance, time in cases:
        m = np.full(d, mu)
        covariance = variance * np.eye(d) + np.outer(m, m)
        assert theory.speciation_time(covariance) == pytest.approx(time, abs=6e-5)
    assert theory.speciation_time([101.0, 1.0]) == pytest.approx(2.3076, abs=6e-5)


def test_clone_probability():  # T12
    offsets = {-1: 0.9950, -0.5: 0.9262, 0: 0.7752, 0.5: 0.6391, 1: 0.5601}
    times = math.log(50) + np.array(list(offsets))
    found = theory.clone_probability(50.0, 1.0, times)
    np.testing.assert_allclose(found, list(offsets.values()), atol=6e-5)
    assert theory.clone_probability(10.0, 1.0, 2.3076) == pytest.approx(0.7736, abs=6e-5)
    assert theory.clone_probability(8.0, 0.25, 2.0814) == pytest.approx(0.7764, abs=6e-5)
    assert theory.clone_probability(0.0, 1.0, 1.0) == pytest.approx(0.5)


def test_clone_probability_by_quadrature():
    a, G = 3.0 * math.exp(-0.8), 1 - math.exp(-1.6) + 0.4 * math.exp(-1.6)
    y = np.linspace(-15, 15, 20_001)
    plus, minus = (np.exp(-((y - s * a) ** 2) / (2 * G)) for s in (1, -1))
    both = (plus**2 + minus**2) / (plus + minus) / math.sqrt(2 * math.pi * G)
    expected = np.trapezoid(both, y) / 2
    assert theory.clone_probability(3.0, 0.4, 0.8) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "call",
    [
        lambda: theory.mutual_information([1.0], 1.0),
        lambda: theory.collapse_sigma(10, [1.0]),
        lambda: theory.condensation_sigma(10, [1.0]),
        lambda: theory.basin_edge(10, [1.0], 1.0),
        lambda: theory.participation_ratio(10, [1.0], 1.0),
        lambda: theory.excess_entropy(10, [1.0], 1.0),
        lambda: theory.area_law(10),
        lambda: theory.final_gap(1.0, 1.0),
        lambda: theory.widest_gap_sigma(1.0, 0.1),
        lambda: theory.switch_sigma(1.0, 0.1),
        lambda: theory.effective_number(10, [1.0], 1.0),
        lambda: theory.clone_probability(1.0, 1.0, 1.0),
    ],
)
def test_a_number_gives_a_number(call):
    assert isinstance(call(), float)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.collapse_sigma(1, [1.0]), "P must be a number of points above 1, got 1"),
        (lambda: theory.collapse_sigma(10, [-1.0, 1.0]), "variances must be .* not negative"),
        (lambda: theory.collapse_sigma(10, [0.0]), "at least one of them positive"),
        (lambda: theory.onset_sigma(10, [[1.0]]), r"got shape \(1, 1\)"),
        (lambda: theory.basin_edge(10, [1.0], 0.0), "sigma must be positive and finite, got 0"),
        (lambda: theory.condensation_sigma(10, [1.0, 2.0], [1.0] * 3), r"of shape \(2,\), got"),
        (lambda: theory.snr_score(10, [1.0], 1.0, x=np.nan), "x must be finite"),
        (
            lambda: theory.excess_entropy(10, [1.0], 1.0, dimension=0),
            "dimension must be a whole number",
        ),
        (lambda: theory.switch_sigma(0.1, 1.0), "large must be at least small"),
        (lambda: theory.marchenko_pastur_edges(10, 5, 0.0), "entry_variance must be positive"),
        (lambda: theory.speciation_time([[1.0, 2.0]]), r"covariance must have shape \(d, d\)"),
        (lambda: theory.speciation_time([[1.0, 2.0], [0.0, 1.0]]), "covariance must be symmetric"),
        (lambda: theory.speciation_time([0.0]), "covariance must have a positive eigenvalue"),
        (lambda: theory.clone_probability(-1.0, 1.0, 1.0), "distance must not be negative"),
        (lambda: theory.clone_probability(1.0, 1.0, 0.0), "time must be positive"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
