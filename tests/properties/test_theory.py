"""Closed forms of noise: bounds, monotonicity, inverses; and what all closed forms refuse."""

import math

import numpy as np
import pytest
from drawn import falls, few, fewer, levels, rises
from hypothesis import given, settings, strategies as st

from diffusion import theory as noise

ratios = st.floats(1e-3, 0.99)
spectra = st.lists(st.sampled_from([0.0, 1e-3, 0.5, 1.0, 30.0]), min_size=1, max_size=40).filter(
    any
)


# ----------------------------------------------------------- diffusion.theory


@few
@given(spectra, st.sampled_from([1.001, 3.0, 1e3, 1e30]), levels)
def test_collapse_onset_and_condensation_follow_the_data(lam, P, sigma):
    onset, collapse = noise.onset_sigma(P, lam), noise.collapse_sigma(P, lam)
    condensed = noise.condensation_sigma(P, lam)
    assert 0 <= condensed <= collapse <= onset
    for law in (noise.onset_sigma, noise.collapse_sigma, noise.condensation_sigma):
        assert falls(law([P, 2 * P, 5 * P], lam))
        assert law(P, [4 * v for v in lam]) == pytest.approx(2 * law(P, lam), rel=1e-6)
        assert law(P, [*lam, 0.0]) == pytest.approx(
            law(P, lam)
        )  # directions without variance do not count
    if collapse > 1e-10:
        assert noise.mutual_information(lam, collapse) == pytest.approx(math.log(P), rel=1e-6)
        assert noise.basin_edge(P, lam, collapse) == pytest.approx(1, abs=1e-5)
        assert noise.excess_entropy(P, lam, collapse) == pytest.approx(0, abs=1e-6 * math.log(P))
    assert falls(noise.mutual_information(lam, [sigma, 2 * sigma]))
    assert falls(noise.basin_edge(P, lam, [sigma, 2 * sigma]))
    Y = noise.participation_ratio([P, 2 * P], lam, sigma)
    assert falls(Y)
    assert bool((Y >= 0).all() and (Y <= 1 + 1e-12).all())
    assert noise.return_probability(P, lam, sigma) == pytest.approx(Y[0])
    assert noise.area_law(P) == pytest.approx(2 * math.log(P))


@few
@given(spectra, st.sampled_from([1.001, 1e3, 1e30]), levels, st.floats(-3, 3))
def test_signal_over_noise_is_one_at_the_critical_size(lam, P, sigma, x):
    assert 0 <= noise.effective_number(P, lam, sigma, x) <= P
    for critical, snr in (
        (noise.critical_size_jacobian, noise.snr_jacobian),
        (noise.critical_size_score, noise.snr_score),
    ):
        size, ratio = critical(lam, sigma, x), snr(P, lam, sigma, x)
        assert size.shape == ratio.shape == (len(lam),)
        assert not np.isnan(size).any()
        assert not np.isnan(ratio).any()
        fine = (size > 1e-200) & (size < 1e200)
        assert ratio[fine] ** 2 * size[fine] == pytest.approx(P)


@few
@given(st.sampled_from([1e-6, 0.1, 1.0, 3.0, 1e3]), levels)
def test_data_and_unseen_data_are_apart_by_less_and_less(ratio, sigma):
    more = [ratio, 0.5 * ratio, 0.1 * ratio]
    own, unseen = noise.linear_error(more, sigma), noise.linear_held_out_error(more, sigma)
    bayes = sigma**2 / (1 + sigma**2)
    assert rises(own / bayes)
    assert (own <= bayes * (1 + 1e-9)).all()
    assert (unseen >= bayes * (1 - 1e-9)).all()
    assert falls((unseen - own) / bayes) or sigma > 1  # a peak where P = d


@settings(fewer, max_examples=3)
@given(st.integers(1, 50), st.integers(1, 9), levels)
def test_a_half_keeps_less_of_its_own_with_points_and_noise(P, d, sigma):
    found = noise.own_half_fraction([P, 2 * P], d, sigma)
    assert ((found >= 0.5 - 1e-6) & (found <= 1)).all()
    assert falls(found, 1e-6)
    assert falls(noise.own_half_fraction(P, d, [sigma, 2 * sigma]), 1e-6)


@few
@given(spectra, st.sampled_from([1.001, 3.0, 1e3, 1e30]), levels)
def test_spectra_of_the_paper_rest_on_their_condensation(lam, P, sigma):
    linear = 1 / (np.array(lam) + sigma**2)
    for spectrum in (
        noise.paper_spectrum([P, P], lam, sigma)[0],
        noise.paper_spectrum(P, lam, sigma, unit_norm=True),
        noise.homogeneous_spectrum(P, lam, sigma),
    ):
        assert spectrum.shape == (len(lam),)
        assert bool((spectrum >= linear * (1 - 1e-9)).all())
    exact = noise.homogeneous_spectrum(P, [4 * v for v in lam], 2 * sigma)
    assert 4 * exact == pytest.approx(noise.homogeneous_spectrum(P, lam, sigma), rel=1e-5)
    condensed = noise.paper_condensation_sigma(P, lam, sigma)
    own = noise.paper_condensation_sigma(P, lam)
    assert bool(((condensed <= own * (1 + 1e-9)) == (sigma <= own * (1 + 1e-9))).all()) or (
        not np.all(lam)  # at the origin it does not depend on the query
    )
    axes = noise.axis_condensation_sigma(P, [*lam, 0.0])
    assert axes[-1] == pytest.approx(noise.condensation_sigma(P, lam), rel=1e-6)
    assert bool((axes >= axes[-1] * (1 - 1e-9)).all())
    variances = noise.unit_norm_variances(lam)
    assert variances.sum() == pytest.approx(1)
    order = np.argsort(lam)
    assert rises(variances[order])


@few
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), levels)
def test_gaps_lie_between_nothing_and_all(one, other, sigma):
    b, a = sorted((one, other))
    assert 0 <= noise.final_gap(a, sigma) <= 1
    widest = noise.widest_gap_sigma(a, b)
    assert 0 <= noise.intermediate_gap(a, b, sigma) <= noise.intermediate_gap(a, b, widest) + 1e-12
    assert noise.intermediate_gap(b, a, sigma) == -noise.intermediate_gap(a, b, sigma)
    switch = noise.switch_sigma(a, b)
    if math.isfinite(switch) and switch < 1e6:
        assert noise.intermediate_gap(a, b, switch) == pytest.approx(noise.final_gap(b, switch))
    low, high = noise.marchenko_pastur_edges(40, 7, a)
    assert 0 <= low < high
    assert (low, high) == noise.marchenko_pastur_edges(7, 40, a)


@few
@given(st.floats(0, 1e3), st.floats(0, 1e3), st.sampled_from([1e-6, 0.1, 1.0, 1e6]))
def test_clones_part_with_time_and_meet_with_distance(distance, variance, time):
    p = noise.clone_probability(distance, variance, [time, 2 * time])
    assert bool((p >= 0.5 - 1e-9).all() and (p <= 1 + 1e-9).all())
    assert falls(p, 1e-7)
    assert rises(noise.clone_probability([distance, distance + 1], variance, time), 1e-7)
    assert noise.speciation_time(np.diag([distance + 1, 1.0])) == pytest.approx(
        math.log(distance + 1) / 2, abs=1e-12
    )


@few
@given(ratios, st.floats(-1, 5), st.sampled_from(["flow", "sde"]))
def test_guided_moments_shrink_with_the_weight(r, w, method):
    a, R = noise.guided_moments(r, [0.0, w, abs(w)], method)
    assert a[0] == pytest.approx(1)
    assert R[0] == pytest.approx(1)
    assert R[2] <= 1 + 1e-9 <= a[2] + 2e-9
    (same, ratio), start = noise.guided_moments(r, lambda _: w, method), 1e7
    assert same == pytest.approx(a[1], rel=1e-6, abs=1e-6)
    assert ratio == pytest.approx(R[1], rel=1e-6)
    late = noise.guided_moments(r, [w, abs(w)], method, start=start)[0]
    assert late == pytest.approx(a[1:], rel=1e-3, abs=1e-3)
    assert noise.mean_weight(r, w) == pytest.approx(w, abs=1e-6)
    for weight in (w, lambda _: w):  # of one direction, in its own units
        along = noise.guided_directions([r, r], 1.0, weight, method)
        assert along[0] == pytest.approx([a[1]] * 2, rel=1e-6, abs=1e-6)
        assert along[1] == pytest.approx([R[1]] * 2, rel=1e-6)


@few
@given(st.floats(0.05, 20), st.floats(0, 50), st.floats(-9, 9))
def test_the_guided_potential_has_its_minimum_where_it_says(g, w, q):
    place, curvature = noise.guided_minimum(g, w)
    assert curvature >= 1
    assert 2 * g - 1e-9 <= place <= 2 * g * (1 + w) + 1e-9
    least = noise.guided_potential(place, g, w)
    assert noise.guided_potential(q, g, w) >= least + (q - place) ** 2 / 2 - 1e-6 * (1 + abs(least))


@fewer
@given(st.floats(0.05, 30), st.floats(-1, 20), st.sampled_from(["flow", "sde"]))
def test_guidance_moves_two_classes_outwards_and_narrows_them(g, w, method):
    mean, variance = noise.guided_two_classes(g, w, method)
    assert (mean - g) * w >= -1e-6
    assert (1 - variance) * w >= -1e-3 * (1 + abs(w))


@few
@given(st.floats(0.01, 9), st.floats(-0.4, 50), st.floats(0.01, 9))
def test_more_guidance_captures_from_less_noise(within, w, more):
    sigma = noise.capture_sigma(within, [w, w + more])
    assert sigma[1] < sigma[0]
    # the way to half: (1 + w)(1 − g/√(g² + σ²)) = ½
    gone = 1 - (within / (within + sigma[0] ** 2)) ** 0.5
    assert (1 + w) * gone == pytest.approx(0.5, rel=1e-9)


@fewer
@given(
    st.floats(0.01, 0.9), st.floats(0.3, 10), st.floats(-1, -0.2), st.sampled_from(["flow", "sde"])
)
def test_the_window_restores_the_variance(r, w, inside, method):
    sigma = noise.window_switch(r, w, inside, method)
    ratio = noise.guided_moments(r, lambda s: w if s > sigma else inside, method)[1]
    assert ratio == pytest.approx(1, abs=1e-5)


@fewer
@given(st.floats(0.1, 1.5), st.floats(0.1, 0.9), st.floats(0, 4), st.sampled_from(["flow", "sde"]))
def test_many_classes_distort_less_than_infinitely_many(alpha, r, w, method):
    a, R = noise.guided_mean_field(alpha, w, r, method)
    far = noise.guided_moments(r, w, method)
    assert far[1] - 1e-3 <= R <= 1 + 1e-3
    assert noise.guided_mean_field(30.0, w, r, method) == pytest.approx(far, rel=1e-3)
    found = noise.mean_field_path(alpha, w, r, method)
    assert isinstance(found, noise.MeanField)
    assert (found.overlap, found.ratio) == (a, R)
    between, within = 1.0, r / (1 - r)
    t = noise.class_condensation(alpha, within, between)
    assert noise.guided_condensation(alpha, 0.0, r, method) == pytest.approx(float(t), abs=1e-9)
    assert noise.guided_condensation(alpha, w, r, method) >= t - 1e-9
    a, R = noise.guided_power_law(r, w, 0.0, method)  # exponent 0: a constant weight
    assert (a, R) == pytest.approx((float(far[0]), float(far[1])), rel=1e-3)  # from σ = 10⁴


@few
@given(st.floats(1e-6, 0.49), st.floats(0, 30))
def test_what_leaves_a_class_comes_back_from_the_other(rho, D):
    own, other = noise.own_class_probability([rho, 1 - rho], D)
    assert rho * (1 - own) == pytest.approx((1 - rho) * (1 - other), abs=1e-9)
    assert own >= rho - 1e-9
    needed = noise.needed_divergences(rho)
    assert noise.own_class_probability(rho, needed["threshold"]) == pytest.approx(0.75)
    assert noise.own_class_probability(rho, needed["halfway"]) == pytest.approx((1 + rho) / 2)


@few
@given(
    st.floats(1e-6, 0.49),
    st.sampled_from([1e-6, 1.0, 400.0, 1e6]),
    st.sampled_from([1e-6, 1.0, 9.0]),
)
def test_speciation_times_solve_their_divergences(rho, gap, variance):
    times = noise.speciation_times(rho, gap, variance)
    assert isinstance(times, noise.SpeciationTimes)
    needed = noise.needed_divergences(rho)
    for name, t in times.to_dict().items():
        assert t >= 0
        if t > 1e-3:
            assert noise.class_divergence(gap, variance, t) == pytest.approx(needed[name], rel=1e-6)
    minority = noise.minority_speciation_time(rho, gap, variance)
    assert minority == pytest.approx(times.median)
    general = noise.divergence_speciation_time(rho, 1 - rho, gap, variance, variance, 1)
    assert general == pytest.approx(minority, abs=1e-6)
    centres = np.array([[0.0], [gap**0.5]])
    found = noise.median_speciation_times([1 - rho, rho], centres, [variance, variance])
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(minority, abs=1e-6)
    assert rises(noise.minority_speciation_time([rho / 2, rho], gap, variance))
    assert noise.gaussian_divergence(1.0, gap, variance, variance) == pytest.approx(
        noise.class_divergence(gap, variance, 1.0)
    )


@settings(few, max_examples=10)
@given(st.floats(0.02, 0.98), st.sampled_from([0.01, 1.0, 5.0]), st.sampled_from([6, 100, 1e6]))
def test_a_class_is_learnt_in_its_direction_and_up_to_its_weight(weight, snr, dimension):
    course = noise.class_course([0.0, 1.0, 1e5], snr, dimension, weight)
    assert course.rho[0] == pytest.approx(0.5)
    assert course.m[0] == pytest.approx((snr * dimension) ** -0.5)
    low, high = sorted((0.5, weight))
    assert ((course.rho >= low - 1e-4) & (course.rho <= high + 1e-4)).all()
    found = noise.hierarchy_times(0.34, min(snr, 1.0), dimension)
    assert math.isnan(found.small) or found.small > 0


@few
@given(st.floats(1e-6, 1 - 1e-6), st.sampled_from([0.0, 1.0, 1e3]), levels)
def test_a_flow_puts_a_class_between_one_half_and_its_weight(weight, distance, sigma):
    found = noise.flow_class_fraction(weight, distance, [sigma, 1e3 * sigma])
    other = noise.flow_class_fraction(1 - weight, distance, [sigma, 1e3 * sigma])
    assert found + other == pytest.approx(1, abs=1e-9)
    low, high = sorted((0.5, weight))
    assert ((found >= low - 1e-9) & (found <= high + 1e-9)).all()


@few
@given(st.floats(1.1, 1e6), st.floats(1e-3, 1e3), st.integers(1, 500))
def test_class_collapse_is_told_by_time_and_by_points(points, variance, dimension):
    t = noise.class_collapse_time(points, variance, dimension)
    if t > 1e-3:
        sigma = math.sqrt(math.expm1(2 * t))
        assert noise.class_collapse_points(variance, sigma, dimension) == pytest.approx(
            points, rel=1e-6
        )
    assert falls(noise.class_collapse_time([points, 2 * points], variance, dimension))


@few
@given(st.sampled_from(["tanh", "erf"]), st.floats(1e-3, 5), st.floats(1e-2, 5))
def test_feature_coefficients_are_parts_of_the_second_moment(activation, time, chi2):
    found = noise.feature_coefficients(activation, time, chi2)
    assert isinstance(found, noise.FeatureCoefficients)
    a, b, v2, s2 = (float(one) for one in (found.a, found.b, found.v2, found.s2))
    kept = math.exp(-2 * time) * chi2
    assert min(v2, s2) >= 0
    assert a**2 * kept + b**2 + v2 + s2 <= 1  # E σ², |σ| ≤ 1
    assert b == pytest.approx(math.sqrt(-math.expm1(-2 * time)) * a)


psi = st.sampled_from([0.1, 1.0, 8.0, 64.0])


@few
@given(psi, psi, st.floats(0.05, 0.95), st.floats(0.01, 2), st.sampled_from([1e-3, 1.0, 1e3]))
def test_the_transform_of_features_is_one_of_a_density(p, n, rho, time, height):
    """Im q > 0 and |q| ≤ 1/Im z; classes that are alike, or in another order, change nothing."""
    z = np.array([0.5, 2.0]) + 1j * height
    weights, variances = [rho, 1 - rho], [1.6, 0.4]
    q = noise.feature_stieltjes(z, p, n, weights, variances, time)
    assert bool((q.imag > 0).all() and (np.abs(q) <= 1 / height + 1e-9).all())
    swapped = noise.feature_stieltjes(z, p, n, weights[::-1], variances[::-1], time)
    assert np.allclose(q, swapped)
    one, two = (
        noise.feature_stieltjes(z, p, n, w, v, time)
        for w, v in (([1.0], [1.0]), (weights, [1.0, 1.0]))
    )
    assert np.allclose(one, two)
    early, late = noise.memorization_times(p, n, weights, variances, time)
    assert early <= late  # the wider class first
    first = noise.generalization_times(weights, [[2.0, 0.1], [0.1, 0.1]], time)
    assert first[0] <= first[1]
    share = noise.inversion_fraction([1.6, 0.4], time)
    assert share + noise.inversion_fraction([0.4, 1.6], time) == pytest.approx(1)


many = st.sampled_from([1, 2, 8, math.inf])


@few
@given(psi, psi, many, st.sampled_from([1e-4, 0.1, 10.0]), st.floats(0.01, 2))
def test_bias_and_variance_add_up_to_the_excess_loss(p, n, m, ridge, time):
    found = noise.double_descent(p, n, m, ridge, time)
    assert isinstance(found, noise.DoubleDescent)
    D = -math.expm1(-2 * time)
    assert found.test == pytest.approx(1 - D + D * (found.bias2 + found.variance))
    assert found.bias2 >= 0
    assert found.variance >= -1e-9
    assert -1e-9 <= found.train <= 1


@fewer
@given(st.sampled_from([0.5, 8.0]), psi, many)
def test_no_other_ridge_is_better_than_the_best(p, n, m):
    best = noise.best_ridge(p, n, m, 0.1)
    others = noise.double_descent(p, n, m, best.ridge * np.geomspace(0.01, 100, 9), 0.1)
    assert bool((others.test >= best.test - 1e-9).all())


@few
@given(spectra, st.integers(0, 30), st.integers(1, 9), st.floats(0.01, 2))
def test_the_eigenvalues_of_a_gram_matrix_add_up_to_its_trace(lam, more, m, time):
    n = len(lam) + more
    found = noise.gram_spectrum(n, m, lam, time)
    assert isinstance(found, noise.GramSpectrum)
    bulks = np.concatenate([found.generalization, found.memorization])
    assert len(bulks) + found.point_modes + found.noise_modes == n * m
    atoms = found.point_modes * found.point_atom + found.noise_modes * found.noise_atom
    D = -math.expm1(-2 * time)
    noised = np.exp(-2 * time) * np.mean(lam) + D
    each = found.own + found.shared + found.linear * noised
    assert bulks.sum() + atoms == pytest.approx(n * m * each)
    assert falls(found.flow_times([0.1, 1.0]))


def test_bulks_hold_their_mass():
    spectrum = noise.feature_spectrum(64, 8, [1.0], [1.0], 0.01)
    assert isinstance(spectrum, noise.FeatureSpectrum)
    bulks = spectrum.bulks()
    assert all(isinstance(one, noise.Bulk) and one.low < one.high for one in bulks)
    assert sum(one.mass for one in bulks) == pytest.approx((1 + 8) / 64, rel=0.02)  # + the atom
