"""Closed forms of memories: bounds, monotonicity, inverses."""

import math

import numpy as np
import pytest
from drawn import falls, few, fewer, levels, rises
from hypothesis import given, strategies as st

from hopfield import theory as memory

ENSEMBLES = ("spherical", "gaussian", "gaussian-uncorrected", "spins")
sizes = st.sampled_from([2, 3, 10, 100, 1000])
loads = st.floats(1e-12, 0.69)
betas = st.sampled_from([1e-6, 0.1, 1.0, 30.0, 1e6])


@few
@given(st.floats(1e-12, 0.2), st.floats(1e-12, 0.2))
def test_hebbian_overlaps_fall_with_the_load_to_the_capacity(one, other):
    few_, more = sorted((one, other))
    m = memory.ags_overlap([few_, more])
    assert falls(m)
    assert all(
        (v > 0.9) == (a < memory.ags_capacity()) for v, a in zip(m, (few_, more), strict=True)
    )
    assert falls(memory.gardner_kappa([few_, more]))
    assert memory.gardner_kappa(2.0) == 0
    assert falls(memory.gardner_kappa_diluted([few_, more]))
    assert memory.gardner_kappa_diluted(more) < memory.gardner_kappa(more)


@few
@given(st.floats(-1, 1), st.floats(-50, 50), st.floats(1e-6, 10))
def test_one_step_maps_are_odd_and_bounded(m, delta, load):
    for call in (
        lambda x: memory.one_step_overlap(delta, x),
        lambda x: memory.hebbian_one_step(x, load),
    ):
        assert abs(call(m)) <= 1
        assert call(-m) == -call(m)
    assert rises(memory.one_step_overlap(np.array([delta, delta + 1]), abs(m)))


@fewer
@given(sizes, st.sampled_from([1e-6, 0.1, 1.0, 10.0, 1e6]))
def test_decoding_falls_with_patterns_and_with_noise(size, s):
    counts = [1, 2, 10, 1e6, 1e100]
    for law in (
        memory.argmax_retrieval,
        memory.argmax_retrieval_normal,
        memory.posterior_weight_bound,
    ):
        p = law(counts, size, s)
        assert falls(p, 1e-7)
        assert bool((p >= 0).all() and (p <= 1 + 1e-12).all())
        if law is not memory.argmax_retrieval_normal:  # poor in the tail, as its docstring says
            assert falls([law(10, size, k * s) for k in (1.0, 2.0, 4.0)], 1e-4)
    exact, bound = (
        f(counts, size, s) for f in (memory.argmax_retrieval, memory.posterior_weight_bound)
    )
    assert bool((bound <= exact + 2e-4).all())  # no weight beats the best guess
    spins = [memory.argmax_retrieval_spins(10, size, m) for m in (1.0, 0.5, 0.0, -1.0)]
    assert falls(spins)
    assert abs(spins[0] - memory.argmax_retrieval_spins([10], size, 1.0)[0]) < 1e-15


@fewer
@given(st.sampled_from([2, 5, 20, 100]), st.floats(0.3, 10), st.floats(0.01, 0.99))
def test_the_capacity_inverts_the_retrieval(size, s, success):
    alpha = memory.argmax_capacity(size, s, success)
    assert abs(memory.argmax_retrieval(np.exp(alpha * size), size, s) - success) < 1e-6


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@few
@given(betas, st.sampled_from([0.0, 1e-6, 0.3, 1.0, 1e6]))
def test_dense_loads_grow_with_beta_and_fall_with_noise(ensemble, beta, s):
    assert falls([memory.dense_load(b, s, ensemble) for b in (math.inf, 1e6, beta, beta / 2)])
    if s:
        assert falls([memory.dense_load(math.inf, k * s, ensemble) for k in (1, 2, 4)])
    if ensemble != "gaussian":
        all_, one = memory.dense_load_of_all(beta, ensemble), memory.dense_load(beta, 0.0, ensemble)
        assert all_ <= one + 1e-12
    if s:
        gain = memory.query_gain(beta, s)
        assert math.isfinite(gain)
        assert abs(memory.query_gain(1 / s**2, s) - 1) < 1e-9


@pytest.mark.parametrize("ensemble", ["spherical", "spins"])
@few
@given(loads, betas)
def test_least_overlap_and_critical_noise_invert_the_load(ensemble, load, beta):
    m, s = memory.least_overlap(load, ensemble=ensemble), memory.critical_noise(load, ensemble)
    if m < 0.999:
        assert memory.dense_load_at_overlap(math.inf, m, ensemble) == pytest.approx(
            load, rel=1e-5, abs=1e-13
        )
    if s > 0.02:
        assert memory.dense_load(math.inf, s, ensemble) == pytest.approx(load, rel=1e-4)
    assert memory.least_overlap(load, beta, ensemble) >= m - 1e-12
    assert rises(memory.least_overlap([load, 2 * load, 50.0, 1e3], ensemble=ensemble))
    assert falls(memory.critical_noise([load, 2 * load, 50.0, 1e3], ensemble))


@few
@given(loads, st.floats(0, 1), betas)
def test_information_of_flips_and_its_inverse(information, m, beta):
    assert memory.flip_information(memory.spins_of_information(information)) == pytest.approx(
        information, rel=1e-6, abs=1e-13
    )
    assert memory.spins_of_information(0.7) == math.inf
    assert memory.sign_dynamics_bound(m) == memory.flip_information(m) / 2
    assert memory.sign_dynamics_load(m, beta) <= memory.flip_information(m) + 1e-12


@few
@given(sizes, st.integers(2, 400), st.sampled_from([1, 10, 1e6, 1e100]))
def test_polynomial_errors_grow_with_the_load(size, degree, count):
    p = memory.polynomial_error([count, 2 * count, 1e3 * count], size, degree)
    assert rises(p)
    assert bool((p >= 0).all() and (p <= 0.5).all())
    assert memory.polynomial_capacity(size, degree) >= 0
    assert rises(memory.polynomial_capacity([size, 2 * size], degree))


@few
@given(st.sampled_from([2, 3, 4, 20, 1000, 10**5]), st.sampled_from([0, 1e-9, 0.1, 1.0, 1e3, 1e6]))
def test_finite_averages_lie_between_nothing_and_all(size, k):
    """0 ≤ ζ_N(k) ≤ k, convex; a fixed point's load lies below k."""
    low, middle, high = memory.sphere_average([k, 1.5 * k, 2 * k], size)
    assert 0 <= low <= k * (1 + 1e-9) + 1e-100
    assert middle <= (low + high) / 2 + 1e-9 * (1 + k)
    if 0.1 <= k <= 1e3:
        assert 0 < memory.fixed_point_load(k, size) <= k + math.log(2)


@few
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6), st.floats(0, 0.999), levels)
def test_losses_of_training_fall_with_stability(deltas, m, rate):
    delta = np.array(deltas)
    assert -1 <= memory.retrieval_loss(delta, m) <= 1
    assert falls([memory.retrieval_loss(delta + k, m) for k in (0, 1, 2)])
    assert falls([memory.perceptron_loss(delta + k, m) for k in (0, 1, 2)])
    norms = memory.noise_norm(delta[None], m, rate)
    assert bool((norms > 0).all())
    assert memory.noise_norm(delta[None], m, 2 * rate) == pytest.approx(2 * norms)
