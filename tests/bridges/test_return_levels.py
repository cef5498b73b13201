"""Return levels of data, and what they tell of copies, against laws and other statistics."""

import math

import numpy as np
import pytest
import torch
from known import Toy, normal
from scipy.optimize import brentq
from scipy.stats import norm, rankdata, spearmanr

from bridges import as_memory, copy_prediction, return_levels
from bridges.memorization.return_levels import ReturnLevels
from bridges.memory import NearestPattern
from diffusion import EmpiricalDenoiser
from hopfield import HopfieldNetwork, hebbian, random_patterns

GRID = np.geomspace(0.1, 6.0, 16)


def test_at_its_level_the_posterior_weight_of_a_datum_is_one_half():
    """With noise of its own and explicit distances."""
    data = normal(12, 3)
    found = return_levels(EmpiricalDenoiser(data), GRID, draws=200, seed=0)
    inside = np.flatnonzero(np.isfinite(found.level))
    assert len(inside) > 6
    for k in inside:
        x = data[k] + found.level[k] * normal(4000, 3, seed=1)
        squares = ((x[:, None] - data) ** 2).sum(2)
        own = torch.softmax(-squares / (2 * found.level[k] ** 2), 1)[:, k]
        error = 4 * float(own.std()) * math.hypot(4000**-0.5, 200**-0.5)
        assert abs(float(own.mean()) - 0.5) < error + 0.02  # of interpolation
    assert found.nearest == pytest.approx((torch.cdist(data, data) + 9e9 * torch.eye(12)).amin(1))
    assert (np.diff(found.returned, axis=0) < 0.1).all()


def test_the_nearest_pattern_returns_by_the_normal_law():
    """Cells of points (3, 0), (3, 1), (3, 5): (½, 3) along y for the second one."""
    data = torch.tensor([[3.0, 0.0], [3.0, 1.0], [3.0, 5.0]], dtype=torch.float64)
    found = return_levels(NearestPattern(data), GRID, draws=800, seed=0)
    law = brentq(lambda s: norm.cdf(2 / s) - norm.cdf(-0.5 / s) - 0.5, 0.1, 9)
    assert abs(found.level[1] - law) < 4 * found.sem[1] + 0.02 * law
    assert np.isinf(found.level[[0, 2]]).all()  # half of the noise points away from the others
    assert found.returned[:, 1] == pytest.approx(
        norm.cdf(2 / GRID) - norm.cdf(-0.5 / GRID),
        abs=4 * 0.5 / 800**0.5,  # 4 s.e.
    )


def test_the_error_of_a_level_is_the_spread_between_draws():
    """Of the centres of 300 triples far apart: all have one law, and noise of their own."""
    centres = 1e4 * torch.arange(300.0, dtype=torch.float64)
    data = (centres[:, None] + torch.tensor([0.0, -1.0, 1.0], dtype=torch.float64)).reshape(-1, 1)
    grid, index = np.geomspace(0.3, 2.4, 4), torch.arange(0, 900, 3)
    found = return_levels(EmpiricalDenoiser(data), grid, draws=96, index=index, seed=0)
    told = math.sqrt((found.sem**2).mean())
    assert found.level.std(ddof=1) == pytest.approx(told, rel=4 / math.sqrt(600))


def test_all_draws_count_alike_where_parts_of_them_are_unequal():
    line = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
    counted = 12 * return_levels(NearestPattern(line), [0.5, 1.0], draws=12, seed=0).returned
    assert counted == pytest.approx(counted.round())


def test_ends_that_are_less_alike_than_asked_are_not_at_home():
    """Ends (1, ±1, 1 + √3), whose cosine with (1, ±1, 1) is 0.888."""
    aside = torch.tensor([0.0, 0.0, 1.0])
    memory = Toy(lambda x: (x + x.norm(dim=1, keepdim=True) * aside, torch.ones(len(x)).bool()))
    for threshold, share in ((0.88, 1), (0.89, 0)):
        found = return_levels(memory, [0.5, 1.0], draws=8, threshold=threshold, seed=0)
        assert (found.returned == share).all()
        assert found.level.tolist() == [math.inf if share else 0] * 2


def test_flows_and_spins_have_levels_too():
    data = normal(6, 4)
    flow = return_levels(as_memory(EmpiricalDenoiser(data), dynamics="flow"), GRID[::3], 8, seed=0)
    assert (flow.returned[0] > 0.95).all()
    xi = random_patterns(3, 60, seed=0)
    net = return_levels(as_memory(HopfieldNetwork(hebbian(xi)), xi), [0.2, 1.0, 20.0], 8, seed=0)
    assert (net.returned[0] == 1).all()
    assert net.returned[2].mean() < 0.6
    again = return_levels(as_memory(HopfieldNetwork(hebbian(xi)), xi), [0.2, 1.0, 20.0], 8, seed=0)
    assert (again.returned == net.returned).all()


def test_a_part_of_the_data_has_the_levels_that_it_has_among_all():
    """Against the law of one cell between two others, and all data asked in another order."""
    data = torch.tensor([[3.0, 0.0], [3.0, 1.0], [3.0, 5.0]], dtype=torch.float64)
    found = return_levels(NearestPattern(data), GRID, draws=800, index=[1], seed=0)
    assert found.returned[:, 0] == pytest.approx(
        norm.cdf(2 / GRID) - norm.cdf(-0.5 / GRID),
        abs=4 * 0.5 / 800**0.5,  # 4 s.e.
    )
    assert found.nearest.tolist() == [1]
    assert len(found) == 1
    exact = EmpiricalDenoiser(normal(12, 3))
    index = torch.tensor([7, 2])
    some = return_levels(exact, GRID, draws=400, index=index, seed=0)
    every = return_levels(exact, GRID, draws=400, seed=1)
    error = np.hypot(some.sem, every.sem[[7, 2]])
    assert (np.abs(some.level - every.level[[7, 2]]) < 4 * error).all()
    assert some.nearest == pytest.approx(every.nearest[[7, 2]])


def residual(ranks, of):
    """What a straight line through other ranks leaves."""
    return ranks - np.polyval(np.polyfit(of, ranks, 1), of)


def test_predictions_are_rank_correlations():
    data = normal(40, 3)
    levels = return_levels(EmpiricalDenoiser(data), GRID, seed=0)
    copies = np.random.default_rng(0).poisson(levels.nearest)
    found = copy_prediction(levels, copies)
    assert found.level == pytest.approx(spearmanr(levels.level, copies).statistic)
    assert found.nearest == pytest.approx(spearmanr(levels.nearest, copies).statistic)
    level, near, count = (rankdata(x) for x in (levels.level, levels.nearest, copies))
    partial = np.corrcoef(residual(level, near), residual(count, near))[0, 1]
    assert found.partial == pytest.approx(partial)
    assert 0.05 < found.level_sem < 0.4  # 1/√40 = 0.16
    assert found.copied == (copies > 0).sum()
    alike = copy_prediction(levels, np.zeros(40))
    assert math.isnan(alike.level)
    assert copy_prediction(levels, levels.level).level == pytest.approx(1)


@pytest.mark.parametrize("sign", [1, -1])
def test_at_a_fixed_distance_nothing_is_left_of_what_has_its_order(sign):
    numbers = np.random.default_rng(0)
    for P in range(5, 60):
        near, copies = numbers.random(P), numbers.poisson(1.0, P)
        levels, none = sign * near**3, np.zeros(P)
        of_levels = ReturnLevels(levels, none, near, np.ones(1), none[None])
        assert math.isnan(copy_prediction(of_levels, copies).partial)
        of_copies = ReturnLevels(numbers.random(P), none, near, np.ones(1), none[None])
        assert math.isnan(copy_prediction(of_copies, levels + 1).partial)


def test_the_error_of_a_prediction_is_the_spread_between_data_sets():
    found = []
    for seed in range(12):
        levels = return_levels(EmpiricalDenoiser(normal(60, 3, seed=seed)), GRID[::3], 8, seed=0)
        copies = np.random.default_rng(seed).poisson(levels.nearest)
        found.append(copy_prediction(levels, copies))
    spread = np.std([one.nearest for one in found], ddof=1)
    told = np.mean([one.nearest_sem for one in found])
    assert 0.5 < told / spread < 2  # χ of 11 degrees of freedom: 20 %, and of the jackknife


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sigmas": [1.0]}, "sigmas must be at least two levels that increase"),
        ({"sigmas": [1.0, 0.5]}, "sigmas must be at least two levels that increase"),
        ({"sigmas": [0.0, 0.5]}, "sigmas must be at least two levels that increase"),
        ({"draws": 7}, "draws must be a whole number of at least 8"),
        ({"threshold": 2}, r"threshold must lie in \[-1, 1\]"),
        ({"index": [0, 3]}, r"index must be different whole numbers in \[0, 2\], got \[0, 3\]"),
        ({"index": [1, 1]}, "index must be different whole numbers"),
        ({"index": [0.5]}, "index must be different whole numbers"),
        ({"index": []}, "index must be different whole numbers"),
        ({"source": EmpiricalDenoiser(torch.ones(1, 2))}, "source must hold at least 2 data"),
    ],
)
def test_other_arguments_are_refused(options, said):
    given = {"source": EmpiricalDenoiser(normal(3, 2)), "sigmas": [0.5, 1.0]} | options
    with pytest.raises(ValueError, match=said):
        return_levels(**given)


def test_other_copies_are_refused():
    levels = return_levels(EmpiricalDenoiser(normal(6, 2)), [0.5, 1.0], seed=0)
    for copies in ([1.0] * 5, [-1.0] * 6):
        with pytest.raises(ValueError, match="copies must be 6 numbers that are not negative"):
            copy_prediction(levels, copies)
    few = return_levels(EmpiricalDenoiser(normal(4, 2)), [0.5, 1.0], seed=0)
    with pytest.raises(ValueError, match="levels must be of at least 5 data, got 4"):
        copy_prediction(few, [1, 0, 0, 0])
    with pytest.raises(TypeError, match="adapt it with as_memory"):
        return_levels(normal(3, 2), [0.5, 1.0])
