"""Samples nearer to the half of their own model: half copies, fits and fresh points."""

import math

import numpy as np
import pytest
import torch
from known import normal
from scipy.spatial import cKDTree

from bridges import bias_onset, own_half_excess, two_halves
from diffusion import EmpiricalDenoiser, LinearManifoldDenoiser
from diffusion.theory import own_half_fraction

D, PAIRS, COUNT = 20, 6, 400
EXCESS = {20: (0.282, 0.002), 100: (0.199, 0.001), 500: (0.132, 0.001)}  # x of half copies
GAUSSIAN = {  # π and x of samples of N(0, S), by an independent program
    20: ((0.769, 0.009), (0.106, 0.004)),
    100: ((0.605, 0.006), (0.030, 0.002)),
    500: ((0.529, 0.004), (0.0076, 0.0009)),
}


def halves(P, seed=0):
    return normal(2, PAIRS, P, D, seed=seed)


def agree(mean, sem, known, error):
    """4 s.e. of both programs."""
    return abs(mean - known) < 4 * math.hypot(sem, error)


@pytest.mark.parametrize("P", EXCESS)
def test_half_copies_are_as_near_as_is_known_exactly(P):
    data = halves(P)
    rows = torch.randint(P, (COUNT,), generator=torch.Generator().manual_seed(1))
    samples = (data[:, :, rows] + normal(2, PAIRS, COUNT, D, seed=2)) / 2**0.5  # σ = 1
    found = own_half_excess(*samples, *data, seed=0)
    assert agree(found.fraction, found.sem, float(own_half_fraction(P, D, 1.0)), 0)
    assert agree(found.excess, found.excess_sem, *EXCESS[P])


@pytest.mark.parametrize("P", GAUSSIAN)
def test_a_fit_that_copies_nothing_is_nearer_to_its_half_too(P):
    data = halves(P, seed=3)
    fits = [
        torch.stack([LinearManifoldDenoiser(y.T / P**0.5).draw(COUNT, seed=k) for y in half])
        for k, half in enumerate(data)
    ]
    found = own_half_excess(*fits, *data, seed=0)
    (fraction, error), (excess, its_error) = GAUSSIAN[P]
    assert agree(found.fraction, found.sem, fraction, error)
    assert agree(found.excess, found.excess_sem, excess, its_error)
    assert found.gaussian > found.fraction - 4 * found.sem  # about its own mean, nearer still


def test_chance_is_one_half_on_the_law_itself():
    found = own_half_excess(*normal(2, PAIRS, COUNT, D, seed=5), *halves(50, seed=4), seed=0)
    assert abs(found.fraction - 0.5) < 4 * found.sem
    assert abs(found.excess) < 4 * found.excess_sem
    assert found.by_pair.shape == (PAIRS, 4)


def test_models_that_change_places_change_the_side():
    data, samples = halves(30)[:, 0], normal(2, 60, D, seed=7)
    one = own_half_excess(samples[0], samples[1], *data, seed=0)
    other = own_half_excess(samples[1], samples[0], *data, seed=0)
    same = own_half_excess(samples[0], samples[0], *data, seed=0)
    assert same.fraction == 0.5  # whatever is nearer to A is farther from B
    assert one.fraction + other.fraction == pytest.approx(1)
    assert math.isnan(one.sem)


def test_ties_are_one_half_and_the_order_of_points_is_nothing():
    half = normal(9, 3)
    assert own_half_excess(half, half + 0.1, half, half.flip(0), seed=0).fraction == 0.5
    twice = own_half_excess(half[:4], half[:4], half, half, seed=0)
    assert (twice.fraction, twice.excess, twice.gaussian) == (0.5, 0, 0.5)


def test_gaussians_have_the_covariance_of_their_half():
    """Of more points than entries, and of fewer."""
    from bridges.memorization.own_half import _gaussian

    for P in (3, 400):
        half = 2 + normal(P, 5, seed=P) @ normal(5, 5, seed=1)
        drawn = _gaussian(half, 100_000, torch.Generator().manual_seed(0))
        covariance = torch.cov(half.T, correction=0)
        size = float(covariance.abs().max())
        assert (torch.cov(drawn.T) - covariance).abs().max() < 0.03 * size  # 4 s.e.
        assert (drawn.mean(0) - half.mean(0)).abs().max() < 4 * (size / 1e5) ** 0.5


def test_two_memories_are_nearer_to_their_own_halves_and_apart():
    one, other, held_out = normal(300, 8, seed=0).split(100)
    models = EmpiricalDenoiser(one), EmpiricalDenoiser(other)
    options = {"count": 100, "seed": 0}
    found = two_halves(*models, held_out, data=(one, other), **options)
    assert found.own_half.fraction == 1
    assert found.own_half.excess == pytest.approx(1)
    assert 0.2 < found.distance < 2**0.5
    assert two_halves(*models, held_out, **options).own_half is None
    assert two_halves(*models[:1] * 2, held_out, **options).distance == 0
    with pytest.raises(ValueError, match=r"half_b must have the shape of half_a, \(1, 100, 8\)"):
        two_halves(*models, held_out, data=(one, other[:90]), **options)


def test_an_onset_is_the_first_step_above_three_errors():
    steps = [1, 10, 100, 1000]
    rising = 0.5 + np.array([[0.0, 0.01, 0.2, 0.4], [0.0, -0.01, 0.22, 0.42]])
    assert bias_onset(steps, rising, counted=200) == 100
    # two pairs that agree by chance are no better than as many fair coins
    agreeing = 0.5 + np.array([[0.0, 0.02, 0.03, 0.3], [0.0, 0.021, 0.03, 0.3]])
    assert bias_onset(steps, agreeing, counted=10**6) == 10
    assert bias_onset(steps, agreeing, counted=300) == 1000
    assert bias_onset(steps, np.full((3, 4), 0.5)) == math.inf


def test_three_errors_are_of_all_coins_together():
    """Four pairs that agree, of 100 samples each: the error is 0.5/√400."""
    for gap, onset in ((0.07, math.inf), (0.08, 10)):
        pairs = np.tile([0.5, 0.5 + gap], (4, 1))
        assert bias_onset([1, 10], pairs, counted=100) == onset


def test_both_models_count_alike():
    """A's samples at 1 of 0 and 10: x = (9 − 1)/9. Those of B at 4: x = (4 − 6)/4."""
    a, b = (torch.tensor([[at], [at + 100.0]], dtype=torch.float64) for at in (0, 10))
    ours, theirs = (torch.tensor([[at], [at + 100]], dtype=torch.float64) for at in (1.0, 4.0))
    found = own_half_excess(ours, theirs, a, b, seed=0)
    assert found.fraction == 0.5
    assert found.excess == pytest.approx((8 / 9 - 1 / 2) / 2)


def test_the_gaussian_beside_is_that_of_another_program():
    data, found = halves(30, seed=8).numpy(), []
    rng = np.random.default_rng(0)
    for a, b in data.transpose(1, 0, 2, 3):
        shares = []
        for own, other in ((a, b), (b, a)):
            x = rng.multivariate_normal(own.mean(0), np.cov(own.T, ddof=0), size=2000)
            near, far = (cKDTree(half).query(x)[0] for half in (own, other))
            shares.append(((near < far).mean(), 1 - near.mean() / far.mean()))
        found.append(np.mean(shares, 0))
    mean, sem = np.mean(found, 0), np.std(found, 0, ddof=1) / math.sqrt(PAIRS)
    ours = own_half_excess(*normal(2, PAIRS, 2000, D, seed=9), *halves(30, seed=8), seed=0)
    # the halves are the same, so that 4 s.e. between them are more than enough
    assert agree(ours.gaussian, ours.gaussian_sem, mean[0], sem[0])
    assert agree(ours.gaussian_excess, ours.gaussian_excess_sem, mean[1], sem[1])
    assert mean[1] > 10 * sem[1]  # and the test can tell


def test_what_cannot_be_compared_is_refused():
    a, b = normal(2, 10, 3)
    with pytest.raises(ValueError, match="halves of equal size"):
        own_half_excess(a, b, a, b[:9])
    with pytest.raises(ValueError, match=r"samples_b must be points of 3 entries for each of 1"):
        own_half_excess(a, b[:, :2], a, b)
    with pytest.raises(ValueError, match="steps must ascend"):
        bias_onset([2, 1], [[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"fractions must have shape \(pairs, 2\), got \(1, 3\)"):
        bias_onset([1, 2], [[0.5, 0.5, 0.5]])
