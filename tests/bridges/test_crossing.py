"""Where curves cross a level, against known curves, and intervals that must cover it."""

import numpy as np
import pytest
from scipy.stats import norm

from bridges.crossing import crossing, crossings


def test_crossing_interpolates_and_its_interval_covers():
    """Binomial samples around a line that crosses ½ at x = 0.5: 95 % of intervals cover it."""
    x, covered = np.linspace(0, 1, 11), 0
    generator = np.random.default_rng(0)
    for _ in range(200):
        by_sample = generator.binomial(20, x, size=(16, 11)) / 20
        value, (low, high) = crossing(x, by_sample, 0.5, rising=True)
        assert low <= value <= high
        covered += low <= 0.5 <= high
    assert 0.93 < covered / 200 <= 1  # binomial s.e. .015
    exact = np.array([[0.0, 0.2, 0.6, 1.0]])
    assert crossing(np.arange(4.0), exact, 0.5, rising=True)[0] == pytest.approx(1.75)
    assert crossing(np.arange(4.0), 1 - exact, 0.5, rising=False)[0] == pytest.approx(1.75)


def test_crossings_out_of_sight_count_in_the_interval():
    """Four samples of nine never reach the level: the interval must reach as far."""
    by_sample = np.repeat([[0.0, 0.1, 0.2], [0.2, 0.6, 1.0]], [5, 4], axis=0)
    value, (low, high) = crossing(np.arange(3.0), by_sample, 0.5, rising=True)
    assert value == pytest.approx(1 + (0.5 - 2.9 / 9) / (2.1 / 9))  # means 2.9/9 and 5/9
    assert high == np.inf
    assert low < value
    alone = crossing(np.arange(3.0), by_sample[-1:], 0.5, rising=True)
    assert alone[0] == pytest.approx(0.75)
    assert np.isnan(alone[1]).all()


def test_probit_fit_finds_middle_and_width():
    x = np.linspace(0, 1, 11)
    for middle, width in ((0.4, 0.1), (0.55, 0.3)):
        curve = norm.cdf((middle - x) / width)[None]
        found = crossings(x, curve, 0.5, rising=False, fit="probit")
        assert found.value == pytest.approx(middle, abs=1e-4)
        assert found.width == pytest.approx(width, rel=5e-3)
        level = crossings(x, curve, 0.9, rising=False, fit="probit").value
        assert level == pytest.approx(middle - width * norm.ppf(0.9), abs=2e-3)
        up = crossings(x, 1 - curve, 0.1, rising=True, fit="probit").value
        assert up == pytest.approx(level, abs=1e-9)
    step = (x < 0.47).astype(float)[None]  # no width can be resolved
    assert 0.4 < crossings(x, step, 0.5, rising=False, fit="probit").value < 0.5


def test_probit_is_the_more_certain_fit_and_its_intervals_cover():
    x, generator = np.linspace(0, 1, 11), np.random.default_rng(0)
    law = norm.cdf((0.45 - x) / 0.2)
    errors, covered = {"isotonic": [], "probit": []}, 0
    for _ in range(60):
        by_sample = generator.binomial(10, law, size=(16, 11)) / 10
        for fit, found in errors.items():
            value, (low, high) = crossing(x, by_sample, 0.5, False, fit)
            found.append(value - 0.45)
        covered += low <= 0.45 <= high
    assert 0.85 < covered / 60 <= 1  # binomial s.e. .03
    assert np.std(errors["probit"]) < np.std(errors["isotonic"])
    assert abs(np.mean(errors["probit"])) < 4 * np.std(errors["probit"]) / 60**0.5


def test_an_error_goes_with_its_interval_and_none_with_what_is_out_of_sight():
    x, generator = np.linspace(0, 1, 11), np.random.default_rng(0)
    by_sample = generator.binomial(20, x, size=(16, 11)) / 20
    found = crossings(x, by_sample, 0.5, rising=True)
    low, high = found.interval
    assert found.sem == pytest.approx((high - low) / 4, rel=0.3)  # nearly normal
    assert np.isnan(crossings(x, by_sample[:1], 0.5, rising=True).sem)  # a single sample
    never = crossings(x, by_sample / 4, 0.5, rising=True)
    assert never.value == np.inf
    assert np.isnan(never.sem)
