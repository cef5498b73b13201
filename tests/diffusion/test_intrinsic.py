"""Measures on data: reference tables, an independent code's numbers, and known laws."""

import numpy as np
import pytest
import torch
from gaussian import randn
from sklearn.datasets import load_digits

from diffusion import (
    VE,
    EmpiricalDenoiser,
    LinearManifoldDenoiser,
    calibrated_distance,
    chance_ratio,
    copy_fraction,
    likelihood_dimension,
    local_pca_dimension,
    manifold_factors,
    neighbour_distances,
    neighbour_ratio,
    participation_ratio,
    sample,
    two_nn_dimension,
)

ESTIMATORS = {
    "likelihood": likelihood_dimension,
    "fit": two_nn_dimension,
    "ml": lambda data: two_nn_dimension(data, "likelihood"),
    "ratio": participation_ratio,
}
TABLE = {  # sizes, variances, noise: means over 5 data sets of 1000 points, d = 50
    ((4,), (1.0,), 0.0): (4.06, 4.11, 4.13, 3.99),
    ((10,), (1.0,), 0.0): (8.86, 9.42, 9.40, 9.90),
    ((2, 2), (1.0, 0.01), 0.0): (3.14, 3.81, 3.85, 2.04),
    ((10, 10), (1.0, 0.1), 0.0): (11.33, 13.6, 13.8, 11.9),
    ((4,), (1.0,), 0.02): (4.37, 5.07, 5.16, 4.02),
}


@pytest.mark.parametrize("case", TABLE)
def test_dimensions_of_linear_manifolds(case):
    sizes, variances, noise = case
    exact = LinearManifoldDenoiser(manifold_factors(50, sizes, variances, seed=0))
    found = []
    for seed in range(10):
        data = exact.draw(1000, seed=seed) + noise * randn(1000, 50, seed=100 + seed)
        found.append([estimator(data) for estimator in ESTIMATORS.values()])
    found = np.array(found)
    sem = found.std(0, ddof=1) * (1 / 10 + 1 / 5) ** 0.5  # of these 10 and of the table's 5
    assert (np.abs(found.mean(0) - TABLE[case]) < 4 * sem + 0.005).all(), found.mean(0)


@pytest.mark.parametrize(
    ("case", "expected"),
    [(((4,), (1.0,), 0.0), 4.00), (((10,), (1.0,), 0.0), 8.89), (((4,), (1.0,), 0.02), 4.00)],
)
def test_local_pca_of_linear_manifolds(case, expected):
    sizes, variances, noise = case
    exact = LinearManifoldDenoiser(manifold_factors(50, sizes, variances, seed=0))
    data = exact.draw(1000, seed=1) + noise * randn(1000, 50, seed=2)
    assert float(local_pca_dimension(data).mean()) == pytest.approx(expected, abs=0.1)


def test_numbers_of_an_independent_code():
    # scikit-dimension 0.5.0: MLE (20 neighbours, inverse mean), TwoNN (10 % discarded), and
    # lPCA (ratio 0.95, 30 neighbours) of the first 400 digits; a scale changes none of them
    digits = load_digits().data[:400]
    assert likelihood_dimension(digits) == pytest.approx(4.973453638999733, rel=1e-9)
    assert two_nn_dimension(digits) == pytest.approx(7.393974405158945, rel=1e-9)
    assert float(local_pca_dimension(digits).mean()) == pytest.approx(14.03, abs=1e-9)


def test_participation_ratio_from_either_side():
    for shape in ((50, 8), (8, 50)):
        data = randn(*shape) * torch.arange(1, shape[1] + 1)
        values = torch.linalg.eigvalsh(torch.cov(data.T)).clamp(min=0)
        expected = float(values.sum() ** 2 / values.square().sum())
        assert participation_ratio(data) == pytest.approx(expected)


def test_distances_of_copies_keep_their_digits():
    data = randn(500, 60) + 100
    samples = data[:20] + 1e-9 * randn(20, 60, seed=1)
    found = neighbour_distances(samples, data, 3)
    expected = torch.stack([(s - data).norm(dim=1).sort().values[:3] for s in samples])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_chance_level_of_the_ratio(dimension):  # T15: 3^{−D}
    rates, medians = [], []
    for seed in range(20):
        points = randn(3000, dimension, seed=seed)
        ratio = neighbour_ratio(points[1000:], points[:1000])
        rates.append(float((ratio < 1 / 3).double().mean()))
        medians.append(float(ratio.median()))
    sem = np.std(rates, ddof=1) / 20**0.5
    expected = chance_ratio(dimension)
    # 4 s.e. between data sets; up to 10 % more, as the density is not flat
    assert expected - 4 * sem < np.mean(rates) < 1.1 * expected + 4 * sem
    assert np.mean(medians) == pytest.approx(2 ** (-1 / dimension), rel=0.03)


def test_repeated_data_points_count_once():
    data = torch.tensor([[0.0], [0.0], [1.0]])
    found = neighbour_ratio(torch.tensor([[0.0], [0.25]]), data)
    torch.testing.assert_close(found, torch.tensor([0.0, 1 / 3], dtype=torch.float64))


@pytest.mark.parametrize(
    ("dimension", "rate"), [(1, 1.00), (3, 0.93), (4, 0.72), (6, 0.27), (10, 0.024)]
)
def test_calibrated_distance_flags_nearly_everything_in_few_dimensions(dimension, rate):
    found = []
    for seed in range(10):
        points = randn(2000, dimension, seed=seed)
        flagged = calibrated_distance(points[1000:], points[:1000]) < 1
        found.append(float(flagged.double().mean()))
    sem = np.std(found, ddof=1) * (1 / 10 + 1) ** 0.5  # the reference is one data set
    assert abs(np.mean(found) - rate) < 4 * sem + 0.005


def test_copies_beyond_chance():
    points = randn(3000, 10)
    data, held_out, fresh = points[:1000], points[1000:2000], points[2000:]
    for measure, threshold in ((neighbour_ratio, 1 / 3), (calibrated_distance, 1.0)):
        none = copy_fraction(fresh, data, held_out, measure, threshold)
        assert abs(none.excess) < 4 * none.sem + 1e-9
        half = torch.cat([fresh[:500], data[:500] + 1e-3 * randn(500, 10, seed=1)])
        some = copy_fraction(half, data, held_out, measure, threshold)
        assert abs(some.excess - 0.5) < 4 * some.sem + 0.05  # what chance flags among the rest
        assert some.fraction - some.baseline == some.excess == some.to_dict()["excess"]


@pytest.mark.parametrize(
    ("P", "t", "raw", "clean"), [(1000, 1e-3, 0.0, 0.88), (100, 1e-4, 0.64, 1)]
)
def test_noise_across_the_manifold_hides_copies(P, t, raw, clean):
    rates = []
    for seed in range(6):
        exact = LinearManifoldDenoiser(manifold_factors(50, (2, 2), (1.0, 0.01), seed=seed))
        data = exact.draw(P, seed=seed)
        denoiser, start = EmpiricalDenoiser(data), 10.0
        x = start * randn(200, 50, seed=seed)
        samples = sample(denoiser, x, VE(), "sde", steps=60, start=start, stop=t**0.5, seed=seed)
        seen = [samples, denoiser(samples, t**0.5)]
        rates.append([float((neighbour_ratio(p, data) < 1 / 3).double().mean()) for p in seen])
    mean, spread = np.mean(rates, 0), np.std(rates, 0, ddof=1)
    for rate, expected, own in zip(mean, (raw, clean), spread, strict=True):
        # The reference is one data set, ours are six; 0.005: its rounding.
        assert abs(rate - expected) < 4 * own * (1 + 1 / 6) ** 0.5 + 0.005


POINTS = randn(20, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: neighbour_distances(POINTS, POINTS, 21), "data must hold at least 21"),
        (lambda: neighbour_distances(POINTS, POINTS, 0), "count must be a whole number"),
        (lambda: neighbour_ratio(POINTS[:, :2], POINTS), r"samples must have shape \(rows, 3\)"),
        (lambda: neighbour_ratio(POINTS, POINTS[:1].repeat(5, 1)), "at least 2 different points"),
        (lambda: chance_ratio(-1), "dimension must lie in"),
        (lambda: chance_ratio(2, threshold=2.0), r"threshold must lie in \[0, 1\]"),
        (lambda: calibrated_distance(POINTS, POINTS), "data must hold at least 50"),
        (lambda: calibrated_distance(POINTS, POINTS, 5, scale=0.0), "scale must lie in"),
        (lambda: copy_fraction(POINTS[:0], POINTS, POINTS), "samples must hold at least one point"),
        (lambda: copy_fraction(POINTS, POINTS, POINTS[:0]), "held_out must hold at least one"),
        (lambda: likelihood_dimension(POINTS), "data must hold more than 20 points, got 20"),
        (lambda: likelihood_dimension(POINTS, 2), "neighbours must be a whole number of at least"),
        (lambda: two_nn_dimension(POINTS, "ml"), "method must be one of 'fit', 'likelihood'"),
        (lambda: two_nn_dimension(POINTS, discard=1.0), r"discard must lie in \[0, 1\)"),
        (lambda: two_nn_dimension(POINTS.repeat(2, 1)), "data must not repeat points, got 40"),
        (lambda: local_pca_dimension(POINTS, 5, 1.0), r"explained must lie in \(0, 1\)"),
        (lambda: participation_ratio(torch.ones(5, 2)), "data must hold at least 2 different"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
