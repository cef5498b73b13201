"""The curves of "Losing dimensions": printed values, and what the exact score says of them."""

import numpy as np
import pytest
import torch
from gaussian import mean_sem

from diffusion import EmpiricalDenoiser, block_data, theory

SMALL, LARGE = (2, 5), (5, 10)  # directions of deviation 1 and 0.3, in 30 dimensions


def spectrum(sizes, rest=0.0, dimension=30):
    one, two = sizes
    return [1.0] * one + [0.09] * two + [rest] * (dimension - one - two)


def each(values, sizes=SMALL):
    """The values along one direction of each block."""
    return np.asarray(values)[..., [0, sizes[0], -1]]


# the table of the curve, 2 + 5 directions, P = 1000

CURVE = {  # t: of data with and without a norm of their own
    0.01: ((1.24846e7, 1.24836e7, 1.24835e7), (4.07156e6, 10, 100)),
    0.05: ((67013.0, 66851.5, 66834.9), (6915.67, 7.14286, 20)),
    0.07: ((20381.3, 20277.4, 20266.6), (226.507, 6.25, 14.2857)),
    0.1: ((5362.36, 5298.74, 5292.00), (0.909091, 5.26316, 10)),
    0.2: ((237.788, 215.043, 212.497), (0.833333, 3.44828, 5)),
    0.5: ((0.666667, 1.69492, 2), (0.666667, 1.69492, 2)),
}


@pytest.mark.parametrize("t", CURVE)
def test_the_curve_of_the_paper(t):
    for unit_norm, expected in zip((False, True), CURVE[t], strict=True):
        found = theory.paper_spectrum(1000, spectrum(SMALL, 1e-12), t**0.5, unit_norm)
        assert each(found) == pytest.approx(expected, rel=1e-5)


def test_condensation_by_the_paper():
    lam = spectrum(SMALL)
    at = [theory.paper_condensation_sigma(1000, lam, 0.1**0.5, one) ** 2 for one in (False, True)]
    assert each(at[0]) == pytest.approx([0.28476, 0.27295, 0.27175], abs=5e-6)
    assert each(at[1]) == pytest.approx([0.08508, 0.02552, 0.0], abs=5e-6)
    for P in (250, 500, 1000, 20_000):  # λ/(2 log P)
        found = theory.paper_condensation_sigma(P, lam, unit_norm=True) ** 2
        assert found == pytest.approx(np.array(lam) / (2 * np.log(P)), rel=1e-12)


CONDENSATION = {  # sizes, P: along deviation 1 and 0.3, and at the origin; paper's and exact
    (SMALL, 250): ((0.35259, 0.30806, 0.30396), (0.01758, 0.01798, 0.01752)),
    (SMALL, 500): ((0.32954, 0.29015, 0.28650), (0.01370, 0.01395, 0.01367)),
    (SMALL, 1000): ((0.31034, 0.27503, 0.27175), (0.01080, 0.01095, 0.01078)),
    (SMALL, 20_000): ((0.25360, 0.22924, 0.22696), (0.00416, 0.00418, 0.00416)),
    (LARGE, 20_000): ((0.38427, 0.36042, 0.35814), (0.02835, 0.02877, 0.02827)),
}


@pytest.mark.parametrize(("sizes", "P"), CONDENSATION)
def test_condensation_where_the_query_is_at_its_own_noise(sizes, P):
    laws = theory.paper_condensation_sigma, theory.axis_condensation_sigma
    for law, expected in zip(laws, CONDENSATION[sizes, P], strict=True):
        found = law(P, spectrum(sizes))
        assert each(found**2, sizes) == pytest.approx(expected, abs=6e-6)  # five digits
        for k in (0, sizes[0], -1):  # it is the fixed point of the law at given noise
            again = law(P, spectrum(sizes), found[k])
            assert again[k] == pytest.approx(found[k], rel=1e-9)


def test_condensation_along_an_axis_is_that_of_a_query_there():
    lam = spectrum((3, 2), dimension=6)
    found = theory.axis_condensation_sigma([30, 1e4], lam, [0.7, 0.2])
    for row, P, sigma in zip(found, (30, 1e4), (0.7, 0.2), strict=True):
        queries = [np.eye(6)[k] * sigma for k in range(6)]
        assert row == pytest.approx([theory.condensation_sigma(P, lam, x) for x in queries])


def test_the_homogeneous_spectrum():
    lam = np.array(spectrum(SMALL, 1e-4))
    t = np.array([0.001, 0.002, 0.005])
    found = t[:, None] * theory.homogeneous_spectrum(1000, lam, t**0.5)
    assert found[:, 0] == pytest.approx([4.05, 3.61, 2.77], abs=0.006)  # three digits
    scaled = 9 * t[:, None] * theory.homogeneous_spectrum(1000, 9 * lam, 3 * t**0.5)
    assert scaled == pytest.approx(found, rel=1e-9)
    # above the condensation nothing is left but the linear score
    late = theory.homogeneous_spectrum(1000, lam, 1.0)
    assert late == pytest.approx(1 / (1 + lam), rel=1e-12)
    # the paper's has no such invariance: its shape changes
    shapes = [each(theory.paper_spectrum(1000, a * lam, (0.2 * a) ** 0.5)) for a in (1, 9)]
    ratios = [shape / shape[-1] for shape in shapes]
    assert abs(ratios[0] - ratios[1]).max() > 0.05


def test_variances_of_unit_norm():
    a, b = 1.3, 0.4  # in two dimensions E a²x²/(a²x² + b²y²) = a/(a + b)
    assert theory.unit_norm_variances([a**2, b**2]) == pytest.approx([a / (a + b), b / (a + b)])
    assert theory.unit_norm_variances([0.3] * 7) == pytest.approx(np.full(7, 1 / 7))
    lam = spectrum(SMALL, 1e-4)
    found, data = theory.unit_norm_variances(lam), block_data(10**5, SMALL, seed=0)
    assert found.sum() == pytest.approx(1)
    squared = data.square().numpy()
    for k in (slice(0, 2), slice(2, 7), slice(7, 30)):
        rows = squared[:, k].mean(1)
        assert rows.mean() == pytest.approx(found[k][0], abs=4 * rows.std() / len(data) ** 0.5)


def test_block_data():
    data = block_data(10_000, (3, 4), (2.0, 0.5, 0.1), 9, unit_norm=False, seed=1)
    expected = torch.tensor([2.0] * 3 + [0.5] * 4 + [0.1] * 2)
    assert data.std(0).numpy() == pytest.approx(expected.numpy(), rel=4 / 20_000**0.5)
    normalised = block_data(10_000, (3, 4), (2.0, 0.5, 0.1), 9, seed=1)
    torch.testing.assert_close(normalised, data / data.norm(dim=1, keepdim=True))
    assert normalised.dtype == torch.float64


# what the exact score of P points says


def weights_of(sizes, dimension, sets, points, unit_norm):
    """Σ w² at each of the points (B, d), (sets, B), of P = 1000 points."""
    deviations, found = (1.0, 0.3, 0.01), []
    for seed in range(sets):
        data = block_data(1000, sizes, deviations, dimension, unit_norm, seed)
        exact = EmpiricalDenoiser(data)
        found.append([exact.weights(x, s).square().sum(1) for x, s in points])
    return torch.tensor(np.array(found)).squeeze(-1)


def axes(dimension, sizes, noise):
    """Queries σ e_k along the first direction of each block, with their σ."""
    for t in noise:
        for k in (0, sizes[0]):
            x = torch.zeros(1, dimension, dtype=torch.float64)
            x[0, k] = t**0.5
            yield x, t**0.5


def test_at_the_origin_of_unit_norm_all_weights_are_equal():
    exact = EmpiricalDenoiser(block_data(500, seed=0))
    for sigma in (1e-3, 0.03, 1.0):
        found = exact.weights(torch.zeros(1, 30, dtype=torch.float64), sigma)
        # 1e-12 of a weight is 1e-6 σ² in a squared norm, which has a rounding of 1e-16
        assert abs(found * 500 - 1).max() < 1e-12 + 1e-15 / sigma**2


def test_without_norm_the_paper_condenses_far_too_early():
    reference = {  # t: Σ w² at the origin, and its error
        0.002: (0.856, 0.025),
        0.01: (0.519, 0.029),
        0.02: (0.250, 0.017),
        0.05: (0.0401, 0.0009),
        0.1: (0.0108, 0.0001),
    }
    origin = torch.zeros(1, 30, dtype=torch.float64)
    points = [(origin, t**0.5) for t in reference]
    found = weights_of(SMALL, 30, 60, points, unit_norm=False)
    for column, (expected, error) in zip(found.T, reference.values(), strict=True):
        value, sem = mean_sem(column)
        assert abs(value - expected) < 4 * np.hypot(sem, error)
    lam = spectrum(SMALL, 1e-4)
    exact = float(theory.axis_condensation_sigma(1000, lam)[-1]) ** 2
    paper = float(theory.paper_condensation_sigma(1000, lam)[-1]) ** 2
    assert 0.01 < exact < 0.012  # where about half of the weight is on one point
    assert paper > 24 * exact


ORDER = {  # sizes, dimension: {t: Σ w² and its error along direction 1, direction 2}
    ((200, 200), 400): {
        7.47e-6: ((0.873, 0.025), (0.584, 0.035)),
        2.08e-5: ((0.800, 0.028), (0.336, 0.032)),
        8.30e-5: ((0.587, 0.035), (0.056, 0.010)),
    },
    (LARGE, 30): {
        2.76e-4: ((0.487, 0.032), (0.768, 0.032)),
        1.10e-3: ((0.212, 0.017), (0.443, 0.035)),
        3.07e-3: ((0.075, 0.004), (0.166, 0.022)),
    },
}


@pytest.mark.parametrize(("sizes", "dimension"), ORDER)
def test_the_order_of_loss_holds_in_high_dimension_and_is_reversed_in_low(sizes, dimension):
    reference = ORDER[sizes, dimension]
    points = [*axes(dimension, sizes, reference)]
    found = weights_of(sizes, dimension, 40, points, unit_norm=True).view(40, -1, 2)
    for column, pair in zip(found.transpose(0, 1), reference.values(), strict=True):
        for k, (expected, error) in enumerate(pair):
            value, sem = mean_sem(column[:, k])
            assert abs(value - expected) < 4 * np.hypot(sem, error), (sizes, expected)
    middle, sem = mean_sem(found[:, -1 if dimension == 400 else 1].diff(dim=1))
    if dimension == 400:  # at t = 8.3e-5 the large variance is condensed and the small is not
        assert -middle > 10 * sem
        lam = theory.unit_norm_variances([1.0] * 200 + [0.09] * 200)
        for t, ((first, error), _) in reference.items():
            t_c = theory.paper_condensation_sigma(1000, lam, t**0.5, unit_norm=True)[0] ** 2
            assert abs(1 - t / t_c - first) < 0.1 + 2 * error  # rounding near t_c, finite P
    else:  # at t = 1.1e-3
        assert middle > 4 * sem


def test_the_homogeneous_form_is_within_its_tolerance_of_scores():
    lam = np.array(spectrum(SMALL, 1e-4))
    for t in (0.001, 0.002, 0.005):
        points, sigma = torch.cat([x for x, _ in axes(30, SMALL, [t])]), t**0.5
        squared = []
        for seed in range(100):
            exact = EmpiricalDenoiser(block_data(1000, SMALL, unit_norm=False, seed=seed))
            there, origin = exact.score(points, sigma), exact.score(0 * points, sigma)
            squared.append((t**0.5 * (there - origin)).square().sum(1))
        squared = torch.stack(squared)
        found, sem = squared.mean(0), squared.std(0) / 100**0.5
        expected = (t * theory.homogeneous_spectrum(1000, lam, sigma)[[0, 2]]) ** 2
        paper = t * theory.paper_spectrum(1000, lam, sigma)[0]
        for one, error, law in zip(found.tolist(), sem.tolist(), expected, strict=True):
            assert law / 1.4**2 < one + 4 * error
            assert one - 4 * error < law * 1.4**2
        assert paper > 1e3 * float(found.max()) ** 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.paper_spectrum(1, [1.0], 1.0), "P must be a number of points above 1"),
        (lambda: theory.paper_spectrum(9, [-1.0, 2.0], 1.0), "variances must be .* not negative"),
        (lambda: theory.paper_spectrum(9, [1.0], 1.0, 2), "unit_norm must be True or False, got 2"),
        (lambda: theory.paper_condensation_sigma(9, [1.0], 0.0), "sigma must be positive"),
        (lambda: theory.axis_condensation_sigma(9, [1.0], -1.0), "sigma must be positive"),
        (lambda: theory.homogeneous_spectrum([9, 9], [1.0], [1.0] * 3), "P and sigma must broad"),
        (lambda: theory.unit_norm_variances([0.0]), "at least one of them positive"),
        (lambda: block_data(5, (3, 4), dimension=6), "subspaces must fit into 6 dimensions, got 7"),
        (lambda: block_data(5, (3,)), "deviations must be one for each of subspaces"),
        (lambda: block_data(5, deviations=(1.0, 0.0, 1.0)), "deviations must be positive"),
        (lambda: block_data(0), "count must be a whole number of at least 1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
