"""Margins, spectra, features and times of unlearning: what holds for any input that they allow."""

import torch
from drawn import close, few, fewer, precisions, seeds, signs, spins
from hypothesis import assume, given, strategies as st

from hopfield import (
    CouplingPath,
    NotSeparableError,
    RandomFeaturesPatterns,
    SpectralGroups,
    SymmetricMargin,
    UnlearningTimes,
    clipped_spectrum,
    coupling_path,
    hebbian,
    random_features_patterns,
    spectral_groups,
    spectral_rule,
    stabilities,
    symmetric_margin,
    unlearn_top,
    unlearning_times,
)


@few
@given(spins(rows=(1, 4), sites=(2, 9)), seeds)
def test_a_symmetric_margin_is_proved(xi, seed):
    try:
        found = symmetric_margin(xi)
    except NotSeparableError:
        return
    assert isinstance(found, SymmetricMargin)
    J = found.couplings
    assert J.dtype == xi.dtype
    assert torch.equal(J, J.T)
    assert 0 < found.margin <= found.bound <= found.margin * (1 + 2e-5)
    assert (stabilities(J, xi) > 0).all()
    flips = signs(xi.shape[1], seed).to(xi)  # a gauge: the margin is that of the products
    again = symmetric_margin(xi * flips)
    assert abs(again.margin - found.margin) <= 2e-5 * found.margin


@few
@given(spins(rows=(1, 5), sites=(3, 12)), st.floats(0.01, 20))
def test_spectral_rules_are_symmetric_and_scale(xi, level):
    J = clipped_spectrum(xi, level)
    assert J.dtype == xi.dtype
    assert torch.equal(J, J.T)
    assert (J.diagonal() == 0).all()
    assert close(spectral_rule(xi, lambda x: 3 * x.clamp(max=level)), 3 * J, xi.dtype, level)


@few
@given(spins(rows=(1, 5), sites=(6, 12)), st.integers(0, 5), st.floats(0.01, 0.5))
def test_groups_of_a_spectrum_add_up(xi, steps, rate):
    J = unlearn_top(hebbian(xi), steps, rate)
    assert J.dtype == xi.dtype
    found = spectral_groups(J, xi)
    assert isinstance(found, SpectralGroups)
    P, N = xi.shape
    assert found.lowest <= found.lower_edge <= found.upper_edge <= found.largest
    assert close(P * found.mean_upper + (N - P) * found.mean_lower, 0, xi.dtype)
    assert -1e-9 <= found.share_in_span <= 1 + 1e-6


@few
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 7), seeds, precisions, st.data())
def test_random_features_patterns_are_spins_of_their_seed(P, N, D, seed, dtype, data):
    mix = data.draw(st.sampled_from(range(1, D + 1, 2)))
    made = random_features_patterns(P, N, D, mix, seed, dtype=dtype)
    assert isinstance(made, RandomFeaturesPatterns)
    assert made.patterns.shape == (P, N)
    assert made.patterns.dtype == dtype
    assert (made.patterns.abs() == 1).all()
    assert (made.coefficients.abs().sum(1) == mix).all()
    again = random_features_patterns(P, N, made.features, mix, seed, dtype=dtype)
    assert torch.equal(again.features, made.features)


@fewer
@given(st.floats(0.05, 0.4), st.floats(0.05, 0.4), st.floats(0.1, 10))
def test_times_scale_with_the_dreams(low, width, unit):
    D = torch.linspace(0, 1, 101).double()
    curve = -(D - low) * (D - low - width)
    assume(bool((curve > 0).any()))
    one, other = (unlearning_times(u * D, curve[None]) for u in (1.0, unit))
    assert isinstance(one, UnlearningTimes)
    assert close(one.D_in * unit, other.D_in)
    assert close(one.D_fin * unit, other.D_fin)
    assert one.D_in <= one.D_opt <= one.D_fin


@few
@given(spins(rows=(2, 5), sites=(4, 9)), st.floats(0.1, 9), seeds)
def test_a_path_does_not_see_the_scale(xi, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    start, goal, J = torch.randn(3, *2 * (xi.shape[1],), generator=generator).double()
    one, other = (coupling_path([c * J], start, scale * goal) for c in (1.0, scale))
    assert isinstance(one, CouplingPath)
    assert close(one.cosine, other.cosine)
    assert close(scale * one.norm_ratio, other.norm_ratio)
    total = one.cosine**2 + one.sideways**2 + one.out_of_plane**2
    assert close(total, torch.ones(1))
