"""The three times of unlearning: on curves known in closed form, and against the authors'."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hopfield import hebbian, random_patterns, unlearn, unlearning_times

D = np.linspace(0, 1, 201)


def test_times_of_a_parabola():
    """0.04 − (D − 0.5)² crosses zero at 0.3 and 0.7; ±0.009 moves that to 0.3 ∓ …"""
    found = unlearning_times(D, [0.04 - (D - 0.5) ** 2])
    assert found.D_in == pytest.approx(0.3, abs=1e-9)
    assert found.D_opt == pytest.approx(0.5, abs=1e-9)
    assert found.D_fin == pytest.approx(0.7, abs=1e-9)
    assert math.isnan(found.D_in_sem)


def test_a_maximum_between_grid_points():
    assert unlearning_times(D, [-((D - 0.5023) ** 2)]).D_opt == pytest.approx(0.5023, abs=1e-9)
    assert unlearning_times(D, [D]).D_opt == 1.0  # no parabola: the point itself
    assert unlearning_times([0.0, 1.0], [[0.0, -1.0]]).D_opt == 0.0


def test_times_that_are_not_there():
    never = unlearning_times(D, [-0.1 - (D - 0.5) ** 2])
    assert math.isnan(never.D_in)
    assert math.isnan(never.D_fin)
    assert never.D_opt == pytest.approx(0.5)
    always = unlearning_times(D, [np.ones_like(D)])
    assert always.D_in == 0
    assert always.D_fin == math.inf


def test_times_are_of_the_mean_curve_and_errors_of_its_bootstrap():
    """Curves c_s − (D − 0.5)², of which the mean crosses at 0.5 ∓ √⟨c⟩."""
    rng = np.random.default_rng(0)
    heights = 0.09 + 0.01 * rng.standard_normal(50)
    found = unlearning_times(D, [c - (D - 0.5) ** 2 for c in heights])
    root = math.sqrt(heights.mean())
    assert found.D_in == pytest.approx(0.5 - root, abs=1e-4)  # lines between points 0.005 apart
    assert found.D_fin == pytest.approx(0.5 + root, abs=1e-4)
    expected = heights.std(ddof=1) / math.sqrt(50) / (2 * root)
    # The bootstrap has its own error, of 1/√800, and is biased by √(49/50).
    assert found.D_in_sem == pytest.approx(expected, rel=0.15)
    assert found.D_fin_sem == pytest.approx(expected, rel=0.15)
    # A curve that is far below moves the mean's times, but has none itself.
    low = unlearning_times(D, [0.09 - (D - 0.5) ** 2, -0.01 - (D - 0.5) ** 2])
    assert low.D_in == pytest.approx(0.3, abs=1e-9)


def test_what_is_wrong_is_named():
    for args, message in (
        (([0.0], [[1.0]]), "D must be at least 2 rising numbers"),
        (([0.0, 0.0], [[1.0, 2.0]]), "D must be at least 2 rising numbers"),
        (([0.0, 1.0], [1.0, 2.0]), r"min_stability must have shape \(S, 2\), got \(2,\)"),
        (([0.0, 1.0], [[1.0, np.nan]]), "min_stability must be finite"),
        (([0.0, 1.0], np.empty((0, 2))), r"min_stability must have shape \(S, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            unlearning_times(*args)


def measured(N, P, samples, rate=0.01):
    """Times of `samples` pattern sets on a grid of 0.005, up to D = 0.55."""
    grid, last = round(0.005 * N / rate), round(0.55 * N / rate)
    marks = range(0, last + 1, grid)
    curves = []
    for seed in range(samples):
        xi = random_patterns(P, N, seed=seed)
        history = unlearn(
            hebbian(xi), last, rate, seed=seed, patterns=xi, checkpoints=marks
        ).history
        curves.append(history.min_stability.numpy())
    return unlearning_times(np.array(marks) * rate / N, curves)


@pytest.mark.slow
def test_times_at_a_hundred_sites():
    found = measured(100, 40, 40)
    assert found.D_fin == pytest.approx(0.428, abs=0.005)
    assert found.D_in == pytest.approx(0.222, abs=0.02)


@pytest.mark.slow
def test_times_at_two_hundred_sites_are_the_authors():
    found = measured(200, 80, 20)
    assert found.D_in == pytest.approx(0.241, abs=0.015)
    assert found.D_opt == pytest.approx(0.353, abs=0.015)
    assert found.D_fin == pytest.approx(0.429, abs=0.006)
