"""Guidance with exponentially many classes: the table, its limits, other integrators."""

import math
import time

import numpy as np
import pytest

from diffusion.guidance import Window
from diffusion.theory import (
    class_condensation,
    guided_condensation,
    guided_mean_field,
    guided_moments,
    guided_power_law,
    mean_field_path,
    mutual_information,
)

R, WITHIN = 0.2, 0.25
CASES = [(method, w) for method in ("flow", "sde") for w in (1, 3, 7)]
TABLE = {  # α: (a, R) of each case; then t* of the flow
    0.005: "1.0288 .99665 1.0566 .99569 1.0902 .99530 1.0008 1 1.0011 1 1.0012 1",
    0.01: "1.0408 .99331 1.0801 .99138 1.1277 .99061 1.0017 .99999 1.0022 .99999 1.0024 1",
    0.05: "1.0911 .96633 1.1795 .95651 1.2865 .95254 1.0085 .99971 1.0110 .99984 1.0120 .99992",
    0.1: "1.1287 .93206 1.2543 .91181 1.4065 .90352 1.0172 .99875 1.0224 .99930 1.0245 .99964",
    0.2: "1.1812 .86171 1.3608 .81815 1.5788 .79975 1.0356 .99436 1.0471 .99675 1.0520 .99831",
    0.4: "1.2518 .71460 1.5106 .60901 1.8296 .55661 1.0756 .97057 1.1053 .98091 1.1206 .98917",
    0.6: "1.2979 .56357 1.6096 .36082 1.8898 .12411 1.1173 .91259 1.1739 .92817 1.2149 .94076",
    0.8: "1.3240 .41999 1.6098 .12779 1.7038 .00847 1.1552 .79849 1.2234 .79710 1.2477 .79548",
    1.0: "1.3313 .29837 1.5192 .03714 1.4976 .00067 1.1849 .60456 1.2419 .57780 1.2499 .57197",
}
TIMES = {
    0.1: (13.47, 31.75, 68.25),
    0.4: (2.254, 5.313, 11.20),
    0.6: (1.041, 2.221, 3.430),
    1.0: (0.175, 0.251, 0.294),
}


@pytest.mark.parametrize("alpha", TABLE)
def test_the_table_of_the_limit(alpha):
    """The others averaged at all noise levels; the next test is where they come back."""
    numbers = [float(word) for word in TABLE[alpha].split()]
    for (method, w), expected in zip(CASES, np.reshape(numbers, (6, 2)), strict=True):
        found = guided_mean_field(alpha, w, R, method, annealed=True)
        assert found == pytest.approx(expected, abs=3e-4), (method, w)
        if (alpha, method, w) != (0.6, "flow", 7):
            assert guided_mean_field(alpha, w, R, method) == pytest.approx(expected, abs=3e-4)


def test_frozen_classes_do_not_come_back():
    """α = 0.5 and 0.6, w = 7: averaged others come back; frozen ones do not.

    Then a = 1 + (a* − 1)√(g²/v*), R = u*^w in closed form, and no class is confused.
    """
    for alpha, closed, averaged in (
        (0.5, (1.9301, 0.4006), (1.8939, 0.3533)),
        (0.6, (1.9872, 0.1859), (1.8898, 0.1241)),
    ):
        assert guided_mean_field(alpha, 7, R) == pytest.approx(closed, abs=2e-4)
        assert guided_mean_field(alpha, 7, R, annealed=True) == pytest.approx(averaged, abs=3e-4)
        path = mean_field_path(alpha, 7, R)
        assert path.dominance == 1
        assert not path.frozen


@pytest.mark.parametrize("alpha", TIMES)
def test_guidance_makes_the_class_stand_out_earlier(alpha):
    for w, expected in zip((1, 3, 7), TIMES[alpha], strict=True):
        assert guided_condensation(alpha, w, R) == pytest.approx(expected, rel=1.5e-3, abs=5e-4)
        path = mean_field_path(alpha, w, R)
        # read off between two steps of the integration
        assert path.condensation == pytest.approx(guided_condensation(alpha, w, R), rel=5e-3)
    plain = guided_condensation(alpha, 0, R)
    assert plain == pytest.approx(float(class_condensation(alpha, WITHIN, 1.0)), abs=1e-9)
    assert plain < guided_condensation(alpha, 1, R)


@pytest.mark.parametrize(("method", "w"), CASES)
@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.4])
def test_the_end_follows_in_closed_form_from_the_transition(alpha, method, w):
    t = guided_condensation(alpha, w, R, method)
    v = WITHIN + t
    a, ratio = (float(x) for x in guided_moments(v / (v + 1), w, method))
    left = WITHIN / v
    if method == "flow":
        expected = 1 + (a - 1) * math.sqrt(left), ratio
    else:
        expected = 1 + (a - 1) * left, 1 - (1 - ratio) * left
    assert guided_mean_field(alpha, w, R, method) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("w", [1, 3, 7])
def test_sub_exponentially_many_classes_are_not_distorted(w):
    """The leading laws of α → 0; what they leave is of relative order √α."""
    for alpha in (1e-3, 1e-5):
        x = alpha / (1 + 2 * w)
        flow, sde = (guided_mean_field(alpha, w, R, m, dimension=1e9) for m in ("flow", "sde"))
        assert flow[0] - 1 == pytest.approx(w * math.sqrt(2 * x * WITHIN), rel=6 * alpha**0.5)
        assert 1 - flow[1] == pytest.approx(2 * w * x, rel=6 * alpha**0.5)
        assert sde[0] - 1 == pytest.approx(2 * w * x * WITHIN, rel=6 * alpha**0.5, abs=1e-6)
        t = guided_condensation(alpha, w, R)
        assert t == pytest.approx((1 + 2 * w) / (2 * alpha), rel=6 * alpha**0.5)
    sde = guided_mean_field(1e-2, w, R, "sde", dimension=1e9)
    assert 1 - sde[1] == pytest.approx(w * WITHIN * (2e-2 / (1 + 2 * w)) ** 2, rel=0.2, abs=2e-6)


def test_more_classes_than_that_are_infinitely_many():
    for method in ("flow", "sde"):
        found = guided_mean_field(30.0, 3, R, method)
        assert found == pytest.approx([float(x) for x in guided_moments(R, 3, method)], abs=1e-4)
    none, all_ = guided_mean_field(0.4, 0, R), guided_mean_field(5.0, -1, R)
    assert none == pytest.approx((1, 1), abs=1e-6)
    assert all_ == pytest.approx((0, 1 / R), abs=1e-4)


def test_another_integrator_finds_the_same():
    """α = 0.6, w = 7 at d = 500: Runge and Kutta's steps from the start of infinitely many."""
    alpha, w, d = 0.6, 7, 500

    def information(Q, v):
        return 0.5 * (math.log(1 + 1 / v) + (Q - 1 - v) / (1 + v) ** 2)

    def slope(x, state):
        a, V, v = state[0], math.exp(state[1]), math.exp(-x)
        own, Q = -0.5 * math.log(v) - ((1 - a) ** 2 + V) / (2 * v), a * a + V
        others = alpha - 0.5 * math.log(v + 1) - Q / (2 * (v + 1))
        if information(Q, v) > alpha:
            low, high = v, 1e4
            for _ in range(60):
                middle = (low * high) ** 0.5
                low, high = (middle, high) if information(Q, middle) > alpha else (low, middle)
            inner = alpha - 0.5 * math.log(1 + 1 / low) - Q / (2 * (low + 1))
            others = -0.5 * math.log(v) + low / v * inner
        p = 1 / (1 + math.exp(min(d * (others - own), 700)))
        far = v / (v + 1)
        da = 0.5 * (-(1 + w) * (a - 1) + w * (p * (a - 1) + (1 - p) * a * far))
        return np.array([da, -(1 + w - w * (p + (1 - p) * far))])

    v, steps = 50.0, 1500
    x, h = -math.log(v), (math.log(v) - math.log(WITHIN)) / steps
    a, ratio = guided_moments(v / (v + 1), w)
    state = np.array([float(a), math.log(float(ratio) * v)])
    for _ in range(steps):
        k1 = slope(x, state)
        k2 = slope(x + h / 2, state + h / 2 * k1)
        k3 = slope(x + h / 2, state + h / 2 * k2)
        k4 = slope(x + h, state + h * k3)
        state, x = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), x + h
    found = guided_mean_field(alpha, w, R, dimension=d)
    assert found == pytest.approx((state[0], math.exp(state[1]) / WITHIN), abs=1e-4)


@pytest.mark.parametrize(
    ("alpha", "w", "switch", "a"),
    [
        (0.2, 1, 7.62, 1.1038),
        (0.2, 3, 26.0, 1.1967),
        (0.2, 7, 81.8, 1.2881),
        (0.4, 1, 3.06, 1.1592),
        (0.4, 3, 10.7, 1.3086),
        (0.4, 7, 33.6, 1.4555),
        (0.6, 1, 1.54, 1.2140),
    ],
)
def test_the_window_restores_the_variance_only_above_the_transition(alpha, w, switch, a):
    found = guided_mean_field(alpha, Window(w, switch**0.5), R)
    assert found[0] == pytest.approx(a, abs=6e-3)  # t_s has three digits
    assert found[1] == pytest.approx(1, abs=0.02)
    plain = guided_mean_field(alpha, w, R)
    late = 0.5 * guided_condensation(alpha, w, R)  # the own class is all there is: inert
    assert guided_mean_field(alpha, Window(w, late**0.5), R) == pytest.approx(plain, abs=2e-4)


def test_too_early_a_window_loses_the_class():
    path = mean_field_path(0.4, Window(3.0, 100.0**0.5), R)
    assert path.overlap < 1
    assert path.dominance < 0.5


def test_under_the_sde_the_last_step_is_inert_or_loses_the_class():
    """Its response is discontinuous: no switch gives R = 1."""
    ratios = [
        guided_mean_field(0.4, Window(3.0, t**0.5), R, "sde")[1] for t in np.geomspace(0.1, 40, 25)
    ]
    assert not any(0.99 < ratio < 1.5 for ratio in ratios)
    assert min(ratios) < 0.99 < 1.5 < max(ratios)


def test_power_law_guidance():
    # published from mean 0 at T = 10⁶, hence less in the overlap by √(g²R/T) = 3·10⁻⁴
    assert guided_power_law(R, 1.0) == pytest.approx((1.1655, 0.3589), abs=4e-4)
    assert guided_power_law(R, 3.0) == pytest.approx((1.2737, 0.1139), abs=4e-4)
    for method in ("flow", "sde"):  # of exponent 0 it is constant guidance
        constant = [float(x) for x in guided_moments(R, 2.0, method)]
        assert guided_power_law(R, 2.0, 0.0, method) == pytest.approx(constant, abs=2e-4)


def test_the_class_condenses_where_its_information_is_that_of_the_classes():
    """log K = I of d directions at noise within + t_C: the collapse with classes for data."""
    t = float(class_condensation(0.3, WITHIN, 1.0))
    assert mutual_information([1.0] * 10, math.sqrt(WITHIN + t)) == pytest.approx(3.0)


@pytest.mark.slow
def test_the_table_takes_less_than_five_seconds():
    start = time.process_time()
    for alpha in TABLE:
        for method, w in CASES:
            guided_mean_field(alpha, w, R, method)
            guided_condensation(alpha, w, R, method)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: guided_mean_field(0.0, 1, R), "alpha must be positive and finite, got 0"),
        (lambda: guided_mean_field(0.4, 1, 1.0), r"ratio must lie in \(0, 1\), got 1"),
        (lambda: guided_mean_field(0.4, math.inf, R), "w must be a finite number or a schedule"),
        (lambda: guided_mean_field(0.4, lambda s: math.nan, R), "w must be a finite number at ev"),
        (lambda: guided_mean_field(0.4, 1, R, "heun"), "method must be one of 'flow', 'sde'"),
        (lambda: guided_mean_field(0.4, 1, R, dimension=0), "dimension must be positive"),
        (lambda: guided_condensation(0.4, -1, R), "w must lie in"),
        (lambda: guided_power_law(R, -1.0), "omega must lie in"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
