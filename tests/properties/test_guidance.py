"""Guidance: linear in its weight, schedules in their ranges, distortions of no direction."""

import math
from itertools import pairwise

import pytest
import torch
from drawn import close, few, fewer, levels, normal, normal_like, points, rotation, seeds
from hypothesis import assume, given, strategies as st

from diffusion import GaussianMixtureDenoiser, GuidedDenoiser, guidance

weights = st.floats(-1, 10)


@few
@given(points(), levels, weights, seeds)
def test_guidance_is_a_line_through_both_denoisers(data, sigma, w, seed):
    mixture, x = GaussianMixtureDenoiser(data, 0.5), normal_like(data, seed, rows=3)
    own = mixture.condition(0)
    guided = GuidedDenoiser(own, mixture, w)
    found = guided(x, sigma)
    wanted = (1 + w) * own(x, sigma) - w * mixture(x, sigma)
    assert found.dtype == data.dtype
    assert close(found, wanted, torch.float32, 10)
    assert torch.equal(GuidedDenoiser(own, mixture, 0.0)(x, sigma), own(x, sigma))
    assert torch.equal(GuidedDenoiser(own, mixture, -1.0)(x, sigma), mixture(x, sigma))
    scheduled = GuidedDenoiser(own, mixture, lambda _: w)
    assert close(scheduled(x, torch.full((3,), sigma).double()), found, torch.float32, 10)
    assert close(scheduled(x.numpy(), sigma), found, torch.float32, 10)
    assert scheduled(x[:0], torch.empty(0)).shape == x[:0].shape
    auto = guidance.autoguided(own, mixture, 1 + w)
    assert close(auto(x, sigma), found, torch.float32, 10)
    assert guidance.extra_weight(1 + w) == pytest.approx(w)
    power = guidance.PowerLawGuidance(own, mixture, w, exponent=0.0)
    plain = guidance.ProjectedGuidance(own, mixture, w, parallel=1.0)
    assert close(power(x, sigma), found, torch.float32, 10)
    assert close(plain(x, sigma), found, torch.float32, 10)
    bound = guidance.ProjectedGuidance(own, mixture, 1.0, radius=0.1, momentum=0.5)
    pulled = (bound(x, sigma) - own(x, sigma)).norm(dim=1)
    assert bool((pulled <= 0.1 + 1e-4).all())


@few
@given(weights, levels, levels, levels)
def test_schedules_jump_only_where_they_say(w, one, other, sigma):
    assume(one != other)
    low, high = sorted((one, other))
    for schedule, inside, outside in (
        (guidance.Interval(w, low, high), w, 0.0),
        (guidance.Window(w, high, -1.0, low), -1.0, w),
    ):
        assert schedule(sigma) == (inside if low < sigma <= high else outside)
        assert schedule.breaks == (low, high)
    assert guidance.Constant(w)(sigma) == w == guidance.as_schedule(w)(sigma)
    assert guidance.weight_at(guidance.Constant(w), sigma) == w
    clamped = guidance.Clamped(guidance.Interval(w, low, high), 0.5)
    assert clamped(sigma) == max(0.5, guidance.Interval(w, low, high)(sigma))
    linear = guidance.LinearWindow(-0.5, high, largest=7.0)
    assert -0.5 <= linear(low) <= linear(high) <= 7.0
    assert guidance.variance_preserving(low)(math.sqrt(low)) == pytest.approx(0)
    steps = guidance.cfg_plus_plus([high, low, 0.0], 1.0)
    assert steps(low) == 0  # all of the way at once
    assert steps(high) >= 0


@few
@given(st.lists(weights, min_size=1, max_size=5), st.floats(0.1, 100), levels)
def test_weights_of_steps_are_those_of_their_levels(given, start, sigma):
    places = [start * 0.5**k for k in range(len(given))] + [0.0]
    steps = guidance.PerStep(given, places)
    k = max([k for k, level in enumerate(places[:-1]) if level >= sigma], default=0)
    assert steps(sigma) == given[k]
    assert [steps.during(a, b).w for a, b in pairwise(places)] == given
    text = "+".join(f"1x{1 + w!r}" for w in given)
    assert guidance.step_scales(text) == pytest.approx(given, abs=1e-12)


@few
@given(weights, st.floats(0.1, 1e4), st.floats(0.01, 10), st.floats(0.05, 0.95), st.floats(-9, 9))
def test_triangles_and_exponentials_have_their_mean(w, start, width, peak, rate):
    whole = math.log1p((start / width) ** 2)
    parts = [(k + 0.5) / 400 for k in range(400)]
    sigmas = [width * math.sqrt(math.expm1((1 - p) * whole)) for p in parts]
    for schedule in (
        guidance.Triangle(w, start, width, peak),
        guidance.Exponential(w, start, width, rate),
    ):
        values = [schedule(sigma) for sigma in sigmas]
        assert sum(values) / 400 == pytest.approx(w, rel=1e-2, abs=1e-9)
        assert all(value * w >= 0 for value in values)


@few
@given(points(), levels, st.floats(0, 5), st.floats(0, 0.9), seeds)
def test_rules_lie_between_what_they_combine(data, sigma, cap, share, seed):
    mixture, x = GaussianMixtureDenoiser(data, 0.5), normal_like(data, seed, rows=3)
    own = mixture.condition(0)
    rule = guidance.Capped(guidance.Power(2.0, 0.5), cap)
    r = torch.linspace(0, 3, 4)
    assert bool((rule(torch.ones(4), r) <= cap).all())
    capped = guidance.GeneralGuidance(own, mixture, rule)(x, sigma)
    apart = own(x, sigma) - mixture(x, sigma)
    pulled = (capped - own(x, sigma)).norm(dim=1)
    assert bool((pulled <= cap * apart.norm(dim=1) * (1 + 1e-3) + 1e-3).all())
    feedback = guidance.FeedbackGuidance(mixture, mixture, share)  # ρ = 1: nothing to undo
    assert close(feedback(x, sigma), mixture(x, sigma), torch.float32, 10)


@fewer
@given(st.floats(-1, 3), seeds)
def test_densities_of_guided_samples_are_finite_and_basins_are_shares(w, seed):
    mixture = guidance.random_classes(3, 2, seed=seed)
    x, path = mixture.draw(4, seed=seed)[0], [9.0, 3.0, 1.0, 0.5]
    guided = GuidedDenoiser(mixture.condition(0), mixture, w)
    assert bool(torch.isfinite(guidance.guided_log_density(guided, x, path)).all())
    found = guidance.power_samples(guided, 9 * x, path, seed=seed)
    assert found.samples.shape == x.shape
    assert 1 - 1e-9 <= found.effective <= 4 + 1e-9
    basins = guidance.guided_basins(mixture, [w, w + 1], [0.5, 2.0], trials=4, steps=5, seed=seed)
    assert bool(((basins.own >= 0) & (basins.own <= 1)).all())
    assert bool(((basins.capture >= 0) & (basins.capture <= 1)).all())
    ways = [guidance.two_class_path(4, w, [0.5], count=5, steps=5, seed=seed) for _ in range(2)]
    assert torch.equal(ways[0].q, ways[1].q)


@pytest.mark.parametrize("shape", guidance.SHAPES)
@few
@given(weights, st.floats(0.1, 1e4), st.floats(0.01, 10), st.floats(0.5, 3))
def test_progressive_weights_have_their_mean(shape, w, start, width, exponent):
    schedule = guidance.Progressive(shape, w, start, width, exponent)
    assert schedule.progress(start) == pytest.approx(0, abs=1e-9)
    assert schedule.progress(0.0) == 1
    whole = math.log1p((start / width) ** 2)
    parts = [(k + 0.5) / 400 for k in range(400)]
    values = [schedule(width * math.sqrt(math.expm1((1 - p) * whole))) for p in parts]
    if shape == "powered-cosine":
        assert all(min(0, w) - 1e-9 <= v <= max(0, w) + 1e-9 for v in values)
    else:
        assert sum(values) / 400 == pytest.approx(w, rel=1e-2, abs=1e-9)


@few
@given(points(rows=(1, 8)), st.floats(0.1, 10), seeds)
def test_vendi_counts_points_in_any_frame(data, width, seed):
    x = data.double()
    score = guidance.vendi_score(x, width)
    assert 1 - 1e-9 <= score <= len(x) + 1e-9
    assert guidance.vendi_score(torch.cat([x, x]), width) == pytest.approx(score, rel=1e-4)
    moved = x @ rotation(x.shape[1], seed) + 3
    assert guidance.vendi_score(moved, width) == pytest.approx(score, rel=1e-4)
    assert guidance.vendi_score(x, 1e-200) == pytest.approx(len(x.unique(dim=0)), abs=2)
    assert guidance.vendi_score(x, 1e200) == pytest.approx(1)


@fewer
@given(st.integers(1, 4), st.integers(1, 5), st.floats(0.05, 2), seeds)
def test_distortions_turn_with_their_classes(K, d, within, seed):
    mixture = guidance.random_classes(K, d, within, seed=seed)
    labels = torch.arange(5 * K) % K
    x = mixture.means[labels] + normal(5 * K, d, seed).to(mixture.means)
    turn = rotation(d, seed)
    turned = GaussianMixtureDenoiser(mixture.means @ turn, within)
    one = guidance.distortion(x, labels, mixture)
    other = guidance.distortion(x @ turn, labels, turned)
    assert isinstance(one, guidance.Distortion)
    if len(labels.unique()) == len(mixture):
        along = guidance.direction_ratios(x, labels, mixture)
        assert along.mean(1).tolist() == pytest.approx(one.variance_ratio.tolist(), rel=1e-6)
    for name, value in vars(one).items():
        assert value == pytest.approx(vars(other)[name], rel=1e-6, abs=1e-6, nan_ok=True)
    told = guidance.most_probable(x, mixture)
    assert bool(((one.retention >= 0) & (one.retention <= 1)).all())
    assert close(one.retention.mean(), (told == labels).double().mean())
    made = guidance.generate(mixture, labels, 1.0, steps=4, seed=seed)
    assert made.dtype == mixture.means.dtype
    assert torch.equal(made, guidance.generate(mixture, labels, 1.0, steps=4, seed=seed))
    assert guidance.generate(mixture, labels[:0], 1.0, steps=4).shape == (0, d)


@few
@given(st.integers(4, 9), st.integers(1, 4), st.sampled_from(["own", "shared", "isotropic"]), seeds)
def test_fitted_classes_move_with_the_data(n, d, covariance, seed):
    x, labels = normal(n, d, seed), torch.arange(n) % 2
    fit, moved = (guidance.fitted_classes(y, labels, covariance) for y in (x, 2 * x + 1))
    assert close(moved.means, 2 * fit.means + 1)
    assert close(moved.covariances(), 4 * fit.covariances())
    assert close(fit.weights.sum(), 1.0)


@few
@given(st.integers(1, 9), st.floats(0.7, 30), seeds)
def test_a_planted_class_is_one_of_many(d, alpha, seed):
    planted = guidance.planted_classes(d, alpha, seed=seed)
    assert float(planted.weights[0]) == pytest.approx(math.exp(-alpha * d))
    assert torch.equal(planted.means, guidance.planted_classes(d, alpha, seed=seed).means)
