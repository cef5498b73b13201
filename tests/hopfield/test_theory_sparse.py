"""Covariance rule and Willshaw's memory: tables, limits, and independent sums."""

import math

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom

from hopfield.theory import (
    crosstalk_overlap,
    sparse_capacity,
    sparse_overlap,
    sparse_threshold,
    willshaw_capacity,
    willshaw_errors,
    willshaw_fill,
)

CAPACITY = {
    0.5: 0.13791,
    0.4: 0.14505,
    0.3: 0.17120,
    0.2: 0.24020,
    0.1: 0.48416,
    0.05: 0.98377,
    0.02: 2.3523,
    0.01: 4.4037,
    0.005: 8.1540,
    0.001: 34.047,
}
OVERLAP_AT_CAPACITY = {0.5: 0.967, 0.3: 0.954, 0.1: 0.835, 0.05: 0.764, 0.01: 0.735, 0.001: 0.766}
THRESHOLD = {0.5: 0.0, 0.2: 0.395, 0.1: 0.548, 0.05: 0.620, 0.02: 0.662}


@pytest.mark.parametrize("activity", CAPACITY)
def test_capacity_at_the_best_threshold(activity):
    best = sparse_capacity(activity)
    assert best == pytest.approx(CAPACITY[activity], rel=1e-4 if activity != 0.1 else 1e-5)
    theta = sparse_threshold(activity)
    assert theta == pytest.approx(THRESHOLD.get(activity, theta), abs=1e-3)
    assert sparse_capacity(activity, theta) == pytest.approx(best, rel=1e-8)
    for other in (theta - 0.02, theta + 0.02):
        assert sparse_capacity(activity, other) < best
    m = sparse_overlap(best * (1 - 1e-9), activity)
    assert m == pytest.approx(OVERLAP_AT_CAPACITY.get(activity, m), abs=1e-3)
    assert sparse_overlap(best * (1 + 1e-6), activity) == 0


def test_capacity_at_given_thresholds():
    found = [sparse_capacity(0.1, theta) for theta in (0.4, 0.5, 0.55)]
    np.testing.assert_allclose(found, [0.336, 0.454, 0.484], atol=6e-4)
    found = [sparse_capacity(0.05, theta) for theta in (0.45, 0.62)]
    np.testing.assert_allclose(found, [0.570, 0.982], atol=6e-4)
    assert sparse_capacity(0.1, 0.95) == sparse_capacity(0.1, -0.15) == 0


def test_overlaps_of_the_table():
    found = sparse_overlap([0.2, 0.3, 0.4], 0.1, 0.55)
    # θ = .55 and its rounded best value, 0.5481, differ by as much
    np.testing.assert_allclose(found, [0.99472, 0.97559, 0.93556], atol=3e-4)
    np.testing.assert_allclose(sparse_overlap([0.2, 0.3], 0.1, 0.4), [0.99979, 0.99625], atol=1e-4)


def test_half_of_the_units_on_is_hebb():
    loads = [0, 1e-5, 0.05, 0.1, 0.13, 0.1379, 0.14]
    np.testing.assert_allclose(sparse_overlap(loads, 0.5), crosstalk_overlap(loads), atol=1e-9)


def test_ones_and_zeros_may_be_exchanged():
    assert sparse_threshold(0.9) == pytest.approx(-sparse_threshold(0.1), abs=1e-7)
    assert sparse_capacity(0.9, -0.5) == pytest.approx(sparse_capacity(0.1, 0.5))
    assert sparse_overlap(0.3, 0.9) == pytest.approx(sparse_overlap(0.3, 0.1))


@pytest.mark.parametrize(
    ("load", "a", "theta"), [(0.3, 0.1, 0.55), (0.2, 0.1, 0.4), (0.1, 0.3, 0.2)]
)
def test_overlaps_solve_the_equations_of_a_unit(load, a, theta):
    """Iterating M, q and the response C with independent code ends at the same M."""
    M, q, C = 1.0, a * (1 - a), 0.0
    for _ in range(4000):
        s = math.sqrt(load * q) / (1 - C)
        off = (theta + a * M - (0.5 - a) * load * C / (1 - C)) / s
        on = M / s - off
        f_on, f_off = ndtr(on), ndtr(-off)
        slope = (a * math.exp(-(on**2) / 2) + (1 - a) * math.exp(-(off**2) / 2)) / s
        M += 0.1 * (f_on - f_off - M)
        q += 0.1 * ((1 - 2 * a) * (a * f_on + (1 - a) * f_off) + a**2 - q)
        C += 0.1 * (slope / math.sqrt(2 * math.pi) - C)
    assert sparse_overlap(load, a, theta) == pytest.approx(M, abs=1e-8)


# ------------------------------------------------------------------ Willshaw


def test_willshaw_tables():
    assert willshaw_fill([3000, 5000], 1000, 10) == pytest.approx([0.2368, 0.3627], abs=5e-5)
    found = [willshaw_errors(P, 1000, 10, k) for P in (3000, 5000) for k in (10, 7, 5)]
    assert found == pytest.approx([0.0014, 0.0660, 0.929, 0.0643, 1.041, 6.99], rel=0.02)
    assert [willshaw_capacity(*one) for one in ((1000, 10), (4000, 12), (10_000, 13))] == [
        7433,
        83_018,
        431_457,
    ]


def test_willshaw_errors_are_the_sum_over_memberships():
    P, N, K, k = 60, 40, 4, 3
    r = np.arange(P)
    linked = (1 - (1 - (K - 1) / (N - 1)) ** r) ** k
    exact = (N - K) * (binom.pmf(r, P - 1, K / N) * linked).sum()
    assert willshaw_errors(P, N, K, k) == pytest.approx(exact, rel=1e-12)
    naive = (N - K) * willshaw_fill(P, N, K) ** k
    assert naive < exact


def test_willshaw_ends():
    assert willshaw_errors(1, 10, 3) == 0
    assert willshaw_errors(5, 10, 10) == 0
    assert willshaw_fill(3, 10, 10) == 1
    assert willshaw_fill(3, 10, 1) == 0
    P = willshaw_capacity(200, 6)
    assert willshaw_errors(P, 200, 6) <= 1 < willshaw_errors(P + 1, 200, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sparse_capacity(0), "activity must lie in"),
        (lambda: sparse_capacity(0.1, math.nan), "threshold must lie in"),
        (lambda: sparse_overlap(-1, 0.1), "load must be finite and at least 0"),
        (lambda: willshaw_fill(1, 3, 4), "active must be at most the size"),
        (lambda: willshaw_errors(0, 3, 2), "patterns must be a whole number"),
        (lambda: willshaw_errors(1, 3, 4), "active must be a whole number"),
        (lambda: willshaw_errors(1, 5, 3, 4), "given must be a whole number"),
        (lambda: willshaw_capacity(10, 1), r"active must lie in \[2, 8\]"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
