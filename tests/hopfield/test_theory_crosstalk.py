"""One theory of memories with linear fields: constants, tables, and the equations themselves."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, erfinv

from hopfield.theory import (
    ags_capacity,
    ags_overlap,
    coupling_noise,
    crosstalk_capacity,
    crosstalk_overlap,
    diluted_overlap,
)

RESPONSES = {
    "symmetric": lambda C: 1 / (1 - C) ** 2,
    "bidirectional": lambda C: (1 + C**2) / (1 - C**2) ** 2,
    "sequence": lambda C: 1 / (1 - C**2),
    "diluted": lambda C: 1.0 + 0 * C,
}
CAPACITIES = {
    "symmetric": 0.137906,
    "bidirectional": 0.199802,
    "sequence": 0.269062,
    "diluted": 2 / math.pi,
}
OVERLAPS = {  # at loads 0.10, 0.15, 0.25
    "symmetric": (0.99800, 0, 0),
    "bidirectional": (0.99840, 0.98843, 0),
    "sequence": (0.99840, 0.98908, 0.91400),
    "diluted": (0.99841, 0.98937, 0.93984),
}


@pytest.mark.parametrize("kind", CAPACITIES)
def test_constants_of_the_literature(kind):
    assert crosstalk_capacity(kind) == pytest.approx(CAPACITIES[kind], abs=2e-6)
    # the table has five digits, some of them cut
    np.testing.assert_allclose(
        crosstalk_overlap([0.1, 0.15, 0.25], kind), OVERLAPS[kind], atol=2e-5
    )


def test_quantised_and_diluted_couplings_store_less():
    assert crosstalk_capacity(d=coupling_noise(2)) == pytest.approx(0.101839, abs=2e-6)
    assert crosstalk_capacity(d=coupling_noise(3)) == pytest.approx(0.11968, abs=2e-5)
    for keep, capacity in {0.8: 0.118711, 0.5: 0.086542, 0.3: 0.061017, 0.1: 0.027629}.items():
        assert crosstalk_capacity(d=coupling_noise(keep=keep)) == pytest.approx(capacity, abs=2e-6)
    m = crosstalk_overlap([0.05, 0.08], d=math.pi / 2 - 1)
    np.testing.assert_allclose(m, [0.99962, 0.99298], atol=1e-5)
    edge = crosstalk_overlap(crosstalk_capacity(d=coupling_noise(2)), d=math.pi / 2 - 1)
    assert edge == pytest.approx(0.94795, abs=5e-5)


def test_noise_of_couplings_is_that_of_the_best_quantiser():
    """ϱ² of L levels is the largest correlation² of a step function with a normal number."""
    grid = np.linspace(0.3, 1.0, 701)
    density = np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    tails = [quad(lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi), c, 40)[0] for c in grid]
    best = (2 * density**2 / tails).max()  # E[x sign(x) 1(|x|>c)]²/P(|x|>c)
    assert coupling_noise(3) == pytest.approx(1 / best - 1, abs=1e-6)
    assert coupling_noise(2) == pytest.approx(math.pi / 2 - 1, abs=1e-12)
    assert coupling_noise() == 0
    kept = [1 / (1 + coupling_noise(levels)) for levels in (2, 3, 4, 8, 16)]
    # Max (1960), table I: 1 − ϱ² of 2, 3, 4, 8 and 16 levels
    np.testing.assert_allclose(
        [1 - k for k in kept], [0.3634, 0.1902, 0.1175, 0.03454, 0.009497], atol=5e-5
    )


@pytest.mark.parametrize("kind", RESPONSES)
@pytest.mark.parametrize(("d", "known"), [(0.0, 0.0), (0.7, 0.0), (0.0, 0.1), (0.3, 0.5)])
def test_overlaps_solve_their_equations(kind, d, known):
    capacity = min(crosstalk_capacity(kind, d, known), 1.0)
    for load in np.array([1e-4, 0.1, 0.5, 0.9, 0.999]) * capacity:
        m = crosstalk_overlap(load, kind, d, known)
        y = float(erfinv((m - known) / (1 - known)))
        if y > 5:  # m = 1 to rounding
            assert load <= 1 / (2 * 5**2 * (1 + d))
            continue
        C = (1 - known) * 2 / math.sqrt(math.pi) * y / m * math.exp(-(y**2))
        width = math.sqrt(2 * load * (RESPONSES[kind](C) + d))
        assert erf(m / width) == pytest.approx(erf(y), abs=1e-7)


@pytest.mark.parametrize("kind", ["symmetric", "bidirectional", "sequence"])
def test_the_state_is_the_largest_root(kind):
    """No root lies above it, on a grid of y that knows nothing of folds."""
    y = np.linspace(1e-3, 20, 400_000)
    C = 2 / math.sqrt(math.pi) * y * np.exp(-(y**2)) / erf(y)
    loads = erf(y) ** 2 / (2 * y**2 * RESPONSES[kind](C))
    assert crosstalk_capacity(kind) == pytest.approx(loads.max(), abs=1e-8)
    for load in (0.03, 0.1, 0.13):
        last = np.flatnonzero(loads > load).max()
        assert crosstalk_overlap(load, kind) == pytest.approx(erf(y[last]), abs=1e-4)


def test_hebb_is_the_special_case():
    loads = [0, 1e-6, 0.05, 0.1, 0.137]
    np.testing.assert_array_equal(ags_overlap(loads), crosstalk_overlap(loads))
    assert ags_capacity() == crosstalk_capacity()
    of_ones_own = crosstalk_capacity(lambda C: 1 / (1 - C) ** 2)
    assert of_ones_own == pytest.approx(ags_capacity(), abs=1e-12)


def test_known_spins_hold_a_state_up():
    known = [0.0, 0.02, 0.05, 0.1, 0.15]
    found = [crosstalk_capacity(known=one) for one in known]
    np.testing.assert_allclose(found, [0.13791, 0.13938, 0.14175, 0.14620, 0.15149], atol=1e-5)
    # the first-order line ends at ρ = .2870, α = .1752
    assert crosstalk_capacity(known=0.2860) < 0.1752 + 1e-3
    assert crosstalk_capacity(known=0.2870 - 2e-4) == pytest.approx(0.1752, abs=1e-3)
    assert crosstalk_capacity(known=0.2870 + 2e-4) == math.inf
    free = lambda load, rho: (crosstalk_overlap(load, known=rho) - rho) / (1 - rho)  # noqa: E731
    end = 0.2870 - 1e-4
    assert free(crosstalk_capacity(known=end), end) == pytest.approx(0.843, abs=0.01)  # √1e-4
    assert free(0.1, 0.2) == pytest.approx(0.9981, abs=1e-4)
    assert free(0.2, 0.5) == pytest.approx(0.9406, abs=1e-4)
    assert free(0.2, 0.3) == pytest.approx(0.65, abs=0.005)
    assert crosstalk_overlap(1e100, known=0.3) == pytest.approx(0.3)


def test_strong_dilution_at_finite_and_infinite_degree():
    m = 1.0
    for _ in range(2000):
        m = math.erf(m / math.sqrt(0.6))
    assert crosstalk_overlap(0.3, "diluted") == pytest.approx(m, abs=1e-12)
    assert m == pytest.approx(0.89941, abs=5e-5)
    np.testing.assert_allclose(diluted_overlap([9, 17, 21], 40), [0.9691, 0.7720, 0.582], atol=5e-4)
    for P in (5, 17, 21):
        m = diluted_overlap(P, 40)
        assert m == pytest.approx(math.erf(m / math.sqrt(2 * (P - m**2) / 40)), abs=1e-10)
    assert diluted_overlap(3e5, 1e6) == pytest.approx(crosstalk_overlap(0.3, "diluted"), abs=1e-5)
    assert diluted_overlap(1, 10) == 1.0
    assert diluted_overlap(40, 40) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crosstalk_overlap(-1), "load must be finite and at least 0"),
        (lambda: crosstalk_overlap(0.1, "hopfield"), "r must be one of 'symmetric'"),
        (lambda: crosstalk_overlap(0.1, lambda C: C), "r must return finite numbers of at least 1"),
        (lambda: crosstalk_capacity(lambda C: "one"), "r must be a function of C"),
        (lambda: crosstalk_capacity(d=-0.1), "d must lie in"),
        (lambda: crosstalk_capacity(known=1), r"known must lie in \[0, 1\)"),
        (lambda: coupling_noise(1), "levels must be a whole number of at least 2"),
        (lambda: coupling_noise(keep=0), "keep must lie in"),
        (lambda: diluted_overlap(0.5, 3), "patterns must be finite and at least 1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
