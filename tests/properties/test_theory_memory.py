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
@given(
    st.sampled_from(["symmetric", "bidirectional", "sequence", "diluted"]),
    st.floats(0, 5),
    st.floats(0, 0.9),
    st.floats(1e-12, 1),
)
def test_crosstalk_overlaps_fall_with_the_load_and_jump_at_the_capacity(kind, d, known, part):
    capacity = memory.crosstalk_capacity(kind, d, known)
    load = part * min(capacity, 1.0)
    m = memory.crosstalk_overlap([0.0, load / 2, load, 2 * load], kind, d, known)
    assert falls(m)
    assert m[0] == 1
    assert bool((m >= known).all())
    assert memory.crosstalk_capacity(kind, d + 0.1, known) <= capacity
    if not known:
        assert memory.crosstalk_overlap(capacity * (1 + 1e-9), kind, d) == 0
    assert memory.potts_capacity(2) == memory.crosstalk_capacity()
    assert memory.potts_capacity(5) == 10 * memory.potts_capacity(2)
    d = memory.coupling_noise(levels=3, keep=0.5)
    assert (1 + d) == pytest.approx(2 * (1 + memory.coupling_noise(levels=3)))


@few
@given(st.floats(0, 5), st.floats(0, 1), st.integers(1, 6))
def test_sequences_are_odd_in_the_cue_and_begin_without_feedback(load, m0, steps):
    m = memory.sequence_overlap(load, m0, steps)
    assert 0 <= m <= 1
    assert memory.sequence_overlap(load, -m0, steps) == -m
    first = math.erf(m0 / math.sqrt(2 * load)) if load > 1e-300 else float(m0 > 0)
    assert memory.sequence_overlap(load, m0, 1) == pytest.approx(first)


@few
@given(st.sampled_from([5, 40, 1e4]), st.floats(1, 1e5), st.floats(1, 1e5))
def test_diluted_overlaps_fall_with_the_patterns(degree, one, other):
    few_, more = sorted((one, other))
    m = memory.diluted_overlap([few_, more], degree)
    assert falls(m)
    assert memory.diluted_overlap(few_, 2 * degree) >= m[0] - 1e-12


@fewer
@given(st.floats(0, 0.15), st.floats(0.02, 1.1))
def test_heat_lowers_overlaps_and_capacities(load, temperature):
    m = [memory.ags_overlap(load, T) for T in (temperature, 1.2 * temperature)]
    assert falls(m)
    holds = memory.ags_temperature(load)
    if abs(temperature / holds - 1 if holds else 1) > 1e-3 and load < memory.ags_capacity():
        assert (m[0] > 0) == (temperature < holds)
    assert memory.ags_capacity(temperature) <= 0.1382
    assert memory.ags_temperature(load, "glass") >= 1 >= holds


@fewer
@given(st.floats(0.02, 0.5), st.floats(0.05, 0.95), st.floats(0, 1.2))
def test_sparse_overlaps_fall_with_the_load(activity, share, part):
    best, theta = memory.sparse_capacity(activity), memory.sparse_threshold(activity)
    chosen = share * (theta + activity) - activity
    capacity = memory.sparse_capacity(activity, chosen)
    assert 0 <= capacity <= best * (1 + 1e-6)
    m = memory.sparse_overlap([0.0, part * capacity / 2, part * capacity], activity, chosen)
    assert falls(m)
    assert bool((m >= 0).all() and (m <= 1).all())
    cosine = memory.sparse_cosine([0.0, part * capacity], activity, chosen)
    assert bool((cosine >= 0).all() and (cosine <= 1 + 1e-9).all())
    assert cosine[0] >= cosine[1] - 1e-9


@few
@given(st.integers(2, 60), st.integers(1, 12), st.integers(1, 500), st.integers(1, 12))
def test_willshaw_errors_grow_with_the_patterns(size, active, patterns, given_):
    active = min(active, size)
    given_ = min(given_, active)
    errors = [memory.willshaw_errors(P, size, active, given_) for P in (patterns, 2 * patterns)]
    assert rises(errors)
    assert 0 <= errors[0] <= size - active + 1e-9
    assert memory.willshaw_errors(patterns, size, active) <= errors[0] + 1e-9
    fill = memory.willshaw_fill(patterns, size, active)
    assert 0 <= fill <= 1
    if 2 <= active <= size - 2:
        most = memory.willshaw_capacity(size, active)
        assert memory.willshaw_errors(most, size, active) <= 1


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


@few
@given(st.integers(2, 1000), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_larger_radius_isolates_fewer(P, one, other):
    small, large = sorted((one, other))
    kept = memory.isolated_patterns(P, [0.0, small, large, 1.0])
    assert falls(kept)
    assert kept[0] == P
    assert kept[-1] == 0


@few
@given(st.integers(1, 9), st.floats(1e-3, 1e3), st.integers(1, 100))
def test_the_error_of_features_is_at_most_that_of_aligned_ones(P, beta, features):
    rows = np.random.default_rng(P).normal(size=(P, 3))
    found = memory.random_feature_variance(rows, rows, beta, features)
    assert bool((found >= 0).all())
    assert bool((found <= P**2 / features + 1e-9).all())
    moved = memory.random_feature_variance(rows + 1, rows + 1, beta, features)
    assert moved == pytest.approx(found, rel=1e-6, abs=1e-9)
