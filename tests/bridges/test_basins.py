"""Basin fractions and basin entropy against exact laws and independent pictures."""

from dataclasses import astuple

import numpy as np
import pytest
import torch
from known import FIVE

from bridges import BasinEntropy, as_memory, basin_entropy, basin_entropy_sampled, basin_fractions
from bridges.starts import box, grid, noised
from diffusion import EmpiricalDenoiser
from hopfield import DenseMemory

LINE = torch.tensor([[-1.0], [0.0], [3.0]], dtype=torch.float64)
SQUARE = grid([-3, -3], [3, 3], 120)


def flow(patterns, sigma, steps=50):
    return as_memory(EmpiricalDenoiser(patterns), dynamics="flow", sigma=sigma, steps=steps)


def picture(found):
    """The nearest pattern of each start's attractor, on the square."""
    nearest = np.append(found.attractors.nearest, -1)
    return nearest[found.labels.numpy()].reshape(120, 120)


def edges(memory, low, high, points=4001):
    """Where the label changes along a line."""
    starts = grid([low], [high], points)
    labels = basin_fractions(memory, starts).labels.numpy()
    x = starts.states[:, 0].numpy()
    at = np.flatnonzero(np.diff(labels))
    return (x[at] + x[at + 1]) / 2


def test_in_one_dimension_flow_basins_end_at_the_quantiles():
    """The flow keeps the order of points, so that basins cut p_σ into thirds."""
    sigma, points = 10.0, np.linspace(-60, 60, 240001)
    density = sum(np.exp(-((points - x) ** 2) / 2 / sigma**2) for x in (-1, 0, 3))
    cumulative = np.cumsum(density) / density.sum()
    exact = np.interp([1 / 3, 2 / 3], cumulative, points)
    assert exact == pytest.approx([-3.7065, 5.0328], abs=1e-3)
    found = [edges(flow(LINE, sigma, 400), x - 0.05, x + 0.05, 401)[0] for x in exact]
    assert found == pytest.approx(exact, abs=5e-3)


def test_at_small_noise_basins_of_the_fixed_level_are_voronoi_cells():
    memory = as_memory(EmpiricalDenoiser(LINE), sigma=0.05)
    assert edges(memory, -2, 4, 2400) == pytest.approx([-0.5, 1.5], abs=0.0025)


@pytest.mark.parametrize("steps", [50, 200])
def test_a_flow_gives_each_memory_its_equal_share_of_the_noised_data(steps):
    """4 s.e. of each of five fractions: transport preserves mass."""
    found = basin_fractions(flow(FIVE, 8.0, steps), noised(FIVE, 8.0, 6000, seed=1))
    assert found.by_pattern(5) == pytest.approx(np.full(5, 0.2), abs=4 * 0.00516)
    assert found.none == 0
    assert found.measure == "p_σ, σ = 8"
    assert found.sem == pytest.approx(np.full(5, 0.00516), abs=2e-4)


def test_the_same_flow_gives_other_shares_of_a_box():
    on_box = basin_fractions(flow(FIVE, 8.0), box([-3, -3], [3, 3], 4000, seed=0))
    expected = np.array([0.9149, 0.0851, 0, 0, 0])
    errors = np.sqrt(expected * (1 - expected) / 4000)
    assert (abs(on_box.by_pattern(5) - expected) <= 4 * errors + 1e-12).all()


VORONOI = torch.cdist(SQUARE.states, FIVE).argmin(1).reshape(120, 120).numpy()
FLOWS = [  # σ, agreement with the cells, S_b and S_bb where they are known
    (0.5, 0.9973, None),
    (1.0, 0.9689, None),
    (2.0, 0.8154, (0.0808, 0.4754)),
    (8.0, 0.0874, None),
]


def test_pictures_of_cells_and_of_the_fixed_level():
    fractions = np.bincount(VORONOI.ravel()) / 14400
    assert fractions == pytest.approx([0.0526, 0.1679, 0.2802, 0.2729, 0.2263], abs=5e-5)
    assert astuple(basin_entropy(VORONOI, 6)) == pytest.approx((0.0602, 0.5015), abs=5e-5)
    found = basin_fractions(as_memory(EmpiricalDenoiser(FIVE), sigma=0.1), SQUARE)
    assert (picture(found) == VORONOI).mean() == pytest.approx(0.9995, abs=1e-4)
    assert np.isnan(found.sem).all()  # a grid is no sample


@pytest.mark.parametrize(("sigma", "agreement", "entropy"), FLOWS)
def test_pictures_of_the_flow(sigma, agreement, entropy):
    """Points of the grid next to an edge may fall on either side: a thousandth of them."""
    found = basin_fractions(flow(FIVE, sigma, 100), SQUARE)
    labels = picture(found)
    assert (labels == VORONOI).mean() == pytest.approx(agreement, abs=1e-3)
    if entropy:
        assert astuple(basin_entropy(labels, 6)) == pytest.approx(entropy, abs=1e-3)
        expected = [0.1956, 0.1951, 0.2297, 0.1992, 0.1804]
        assert found.by_pattern(5) == pytest.approx(expected, abs=1e-3)
    if sigma == 8:
        assert found.by_pattern(5) == pytest.approx([0.9149, 0.0851, 0, 0, 0], abs=1e-3)


def test_denoiser_and_dense_memory_have_the_same_basins():
    starts = box([-3, -3], [3, 3], 2000, seed=0)
    one = basin_fractions(as_memory(EmpiricalDenoiser(FIVE), sigma=0.4), starts)
    two = basin_fractions(as_memory(DenseMemory(FIVE, beta=1 / 0.4**2)), starts)
    assert torch.equal(one.labels, two.labels)
    assert one.attractors.kind == two.attractors.kind
    assert one.attractors.k_eff == pytest.approx(two.attractors.k_eff)


def test_thousands_of_starts_on_hundreds_of_memories_equal_the_nearest():
    """At small σ a start that is much nearer to one memory than to others ends there."""
    xi = torch.randn(200, 16, generator=torch.Generator().manual_seed(0))
    starts = noised(xi, 0.3, 20_000, seed=1)
    found = basin_fractions(as_memory(EmpiricalDenoiser(xi), sigma=0.3), starts)
    assert len(found.attractors) == 200
    near = torch.cdist(starts.states, xi).argmin(1)
    assert (found.attractors.nearest[found.labels] == near.numpy()).mean() > 0.999
    assert found.fractions.sum() == pytest.approx(1)
    expected = np.bincount(near, minlength=200) / 20_000
    assert found.by_pattern(200) == pytest.approx(expected, abs=1e-3)


# ------------------------------------------------------------------ entropy


def entropy_by_hand(grid, side):
    """Box by box, label by label."""
    total, boundary, count = 0.0, 0, 0
    for i in range(0, grid.shape[0], side):
        for j in range(0, grid.shape[1], side):
            values, counts = np.unique(grid[i : i + side, j : j + side], return_counts=True)
            p = counts / side**2
            total -= (p * np.log(p)).sum()
            boundary += len(values) > 1
            count += 1
    return total / count, total / max(boundary, 1)


def test_entropy_is_the_one_counted_by_hand():
    rng = np.random.default_rng(0)
    for labels in (rng.integers(-1, 4, (24, 36)), np.add.outer(np.arange(24), np.arange(36)) // 20):
        for side in (1, 2, 6, 12):
            found = basin_entropy(labels, side)
            assert astuple(found) == pytest.approx(entropy_by_hand(labels, side))
    assert basin_entropy(labels).entropy == basin_entropy(labels, 2).entropy  # a tenth of 24
    assert basin_entropy(rng.integers(0, 3, (60, 60, 60)), 30).entropy == pytest.approx(
        np.log(3), abs=1e-3
    )


def test_riddled_labels_are_fractal_and_a_straight_edge_is_not():
    rng = np.random.default_rng(0)
    assert basin_entropy(rng.integers(0, 3, (60, 60)), 6).fractal
    assert not basin_entropy(VORONOI, 6).fractal
    assert basin_entropy(np.zeros((20, 20), int)) == BasinEntropy(0, 0)


def test_sampled_entropy_of_random_labels_is_that_of_their_boxes():
    """E S of k = 25 labels drawn from two: log 2 less about 1/2k (Miller 1955)."""
    points = torch.randn(3000, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(2, (3000,), generator=torch.Generator().manual_seed(1))
    found = basin_entropy_sampled(points, labels, 25)
    assert found.entropy == pytest.approx(np.log(2) - 1 / 50, abs=0.005)
    assert basin_entropy_sampled(points, torch.zeros(3000, dtype=int)) == BasinEntropy(0, 0)


def test_sampled_and_gridded_entropy_agree_on_a_picture():
    starts = box([-3, -3], [3, 3], 14400, seed=0)
    near = torch.cdist(starts.states, FIVE).argmin(1)
    found = basin_entropy_sampled(starts.states, near, 36)  # as many points as a box of 6 × 6
    # a ball is rounder than its box, and fewer of them meet an edge: within a fifth
    assert found.entropy == pytest.approx(0.0602, rel=0.2)
    assert found.boundary == pytest.approx(0.5015, rel=0.2)
