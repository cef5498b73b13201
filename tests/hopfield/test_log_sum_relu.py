import math

import numpy as np
import pytest
import torch
from measured import agree, mean_and_error, normal

from hopfield import DenseMemory, emergent_minima
from hopfield.theory import isolated_patterns


def memory_of(xi, radius):
    return DenseMemory(xi, "log-sum-relu", beta=2 / radius**2)


def test_energy_and_update_are_their_definitions():
    xi, x = normal(20, 3, seed=0), normal(60, 3, seed=1)
    memory = memory_of(xi, 1.3)
    for one, energy, step in zip(x, memory.energy(x), memory.step(x), strict=True):
        square = (one - xi).square().sum(1)
        total = sum(max(0.0, 1 - float(s) / 1.3**2) for s in square)
        assert float(energy) == pytest.approx(-(1.3**2) / 2 * math.log(1e-10 + total))
        near = xi[square < 1.3**2]
        assert torch.allclose(step, near.mean(0) if len(near) else one)
    assert torch.equal(memory.active(x), (torch.cdist(x, xi) < 1.3).sum(1))
    felt = memory.active(x) > 0
    assert torch.allclose((memory.weights(x) @ xi)[felt], memory.step(x)[felt])
    assert (memory.weights(x)[~felt] == 0).all()


def test_where_nothing_is_active_a_state_stays_and_has_not_converged():
    xi = normal(5, 4, seed=0)
    relaxed = memory_of(xi, 0.5).relax(torch.cat([xi + 0.1, xi + 50]))
    assert relaxed.converged.tolist() == [True] * 5 + [False] * 5
    assert torch.equal(relaxed.states[5:], xi + 50)
    assert (relaxed.states[:5] == xi).all()  # exactly


def test_steps_lower_the_energy_and_the_gradient_points_at_the_mean():
    memory = memory_of(normal(40, 5, seed=0), 1.8)
    x = normal(80, 5, seed=1).requires_grad_()
    (slope,) = torch.autograd.grad(memory.energy(x).sum(), x)
    x = x.detach()
    felt = memory.active(x) > 0
    move = memory.step(x) - x
    assert (torch.cosine_similarity(move, -slope)[felt] > 1 - 1e-9).all()
    for _ in range(6):
        following = memory.step(x)
        assert (memory.energy(following) <= memory.energy(x) + 1e-12).all()
        x = following


@pytest.mark.parametrize(
    ("radius", "sizes"), [(0.4, [2]), (0.6, [2, 1, 1]), (1.1, [2]), (0.45, [1, 1])]
)
def test_two_patterns_at_distance_one(radius, sizes):
    """r < ρ: the middle alone; ρ < r < 2ρ: three minima; r > 2ρ: two."""
    found = emergent_minima(torch.tensor([[0.0], [1.0]]), radius)
    expected = {0.4: [1, 1], 0.6: [1, 1, 2], 1.1: [2], 0.45: [1, 1]}[radius]
    assert found.sizes.tolist() == expected
    if 2 in expected:
        assert found.states[-1].item() == 0.5


# Reference: 8 patterns at spacing 1, number of minima and the sizes |S|.
@pytest.mark.parametrize(
    ("radius", "minima", "sizes"),
    [
        (0.4, 8, [1]),
        (0.6, 15, [1, 2]),
        (0.9, 15, [1, 2]),
        (1.2, 13, [2, 3]),
        (1.7, 11, [3, 4]),
        (2.3, 9, [4, 5]),
    ],
)
def test_a_grid_is_counted_exactly(radius, minima, sizes):
    grid = torch.arange(8.0, dtype=torch.float64)[:, None]
    found = emergent_minima(grid, radius)
    assert found.complete
    assert len(found.states) == minima
    assert found.sizes.unique().tolist() == sizes
    assert found.kept == (found.sizes == 1).sum()
    assert found.kinds.count("emergent") == found.emergent == minima - found.kept
    # the same by following a fine grid of starts
    starts = torch.linspace(-3, 10, 2602, dtype=torch.float64)[:, None]
    followed = emergent_minima(grid, radius, starts)
    assert torch.equal(followed.states, found.states)
    assert (followed.starts > 0).all()
    outside = (torch.cdist(starts, grid) >= radius).all(1).sum()
    assert followed.nothing == outside
    assert int(followed.starts.sum()) + followed.nothing == len(starts)


def test_minima_are_fixed_points_with_their_active_sets():
    xi = normal(25, 3, seed=0)
    found = emergent_minima(xi, 1.2, starts=500, seed=0)
    memory = memory_of(xi, 1.2)
    assert torch.equal(memory.active(found.states), found.sizes)
    assert (memory.step(found.states) - found.states).abs().max() < 1e-12
    assert len(torch.unique(found.states, dim=0)) == len(found.states)
    isolated = torch.cdist(xi, xi).fill_diagonal_(9).amin(1) >= 1.2
    assert found.kept == isolated.sum()
    assert {*map(tuple, found.states[found.sizes == 1].tolist())} == {
        *map(tuple, xi[isolated].tolist())
    }
    # minima of the energy, not only fixed points
    around = found.states[:, None] + 1e-4 * normal(len(found.states), 30, 3, seed=1)
    rise = (
        memory.energy(around.flatten(0, 1)).reshape(-1, 30) - memory.energy(found.states)[:, None]
    )
    assert (rise > 0).all()


def test_the_list_of_a_line_is_that_of_all_sets():
    """Against all 2⁸ subsets of 8 points, each tried by the definition."""
    for seed in range(5):
        x = torch.rand(8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        expected = []
        for bits in range(1, 2**8):
            member = torch.tensor([bool(bits >> k & 1) for k in range(8)])
            centre = x[member].mean()
            if torch.equal((x - centre).abs() < 0.13, member):
                expected.append(float(centre))
        found = emergent_minima(x[:, None], 0.13)
        assert sorted(found.states[:, 0].tolist()) == pytest.approx(sorted(expected))


# Reference: P = 30 uniform points of [0, 1], ρ = a/P, 200 draws.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("a", "kept", "emergent"),
    [
        (0.25, (18.6, 0.2), (10.8, 0.2)),
        (0.5, (10.9, 0.2), (16.7, 0.2)),
        (1.0, (4.2, 0.1), (19.5, 0.3)),
    ],
)
def test_uniform_points(a, kept, emergent):
    found = [
        emergent_minima(np.random.default_rng(seed).random((30, 1)), a / 30) for seed in range(200)
    ]
    own = [one.kept for one in found]
    agree(own, kept, "kept")
    agree([one.emergent for one in found], emergent, "emergent")
    agree(own, (isolated_patterns(30, a / 30), 0.0), "theory")


# Reference: P = 20 Gaussian patterns, ρ in units of the median distance to the nearest
# neighbour, 2000 starts, 8 draws: share kept and emergent minima. Starts are uniform in the balls.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("N", "ratio", "kept", "emergent"),
    [
        (8, 0.5, (0.99, 0.01), (1.2, 0.3)),
        (8, 1.0, (0.49, 0.01), (34.5, 4.2)),
        (8, 2.0, (0.0, 0.0), (1.2, 0.2)),
        (2, 0.5, (0.81, 0.03), (5.9, 0.6)),
        (2, 1.0, (0.48, 0.01), (17.0, 3.0)),
        (2, 2.0, (0.19, 0.04), (20.5, 4.9)),
    ],
)
def test_gaussian_patterns(N, ratio, kept, emergent):
    shares, random_starts, all_starts = [], [], []
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        xi = normal(20, N, seed=generator)
        apart = torch.cdist(xi, xi).fill_diagonal_(math.inf).amin(1)
        radius = ratio * float(apart.quantile(0.5))
        away = normal(2000, N, seed=generator)
        reach = torch.rand(2000, 1, generator=generator, dtype=torch.float64) ** (1 / N)
        which = torch.randint(20, (2000,), generator=generator)
        starts = xi[which] + radius * reach * away / away.norm(dim=1, keepdim=True)
        found = emergent_minima(xi, radius, starts)
        random_starts.append(found.emergent)
        shares.append((apart >= radius).double().mean().item())
        all_starts.append(emergent_minima(xi, radius, 2000, seed=seed).emergent)
    agree(shares, kept, "kept", rounding=0.011)  # .5 and .49: one pattern is the median
    agree(random_starts, emergent, "emergent")
    # middles of close pairs find what random starts miss where balls share little
    if (N, ratio) in ((8, 0.5), (8, 1.0)):
        mean, error = mean_and_error(np.subtract(all_starts, random_starts))
        assert mean > 4 * error


def test_ties_at_the_radius_are_not_active():
    """A neighbour at exactly ρ: 1 − (β/2)ρ² = 0."""
    found = emergent_minima(torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64), 1.0)
    assert found.sizes.tolist() == [1, 1, 1, 2, 2]


def test_far_patterns_are_taken_about_their_mean():
    xi = normal(15, 2, seed=0)
    near, far = (emergent_minima(xi + shift, 0.7, seed=0) for shift in (0.0, 1e6))
    assert torch.equal(near.sizes, far.sizes)
    assert (far.states - 1e6 - near.states).abs().max() < 1e-8


def test_a_small_radius_keeps_every_pattern():
    """ρ of 10⁻⁹ |ξ|, where |x|² + |ξ|² − 2x·ξ has no digit left."""
    xi = 10 * normal(20, 10, seed=0)
    assert emergent_minima(xi, 1e-8, 50, seed=0).kept == 20
    memory = memory_of(xi, 1e-8)
    assert torch.equal(memory.active(xi), torch.ones(20, dtype=torch.int64))
    beside = xi + 2e-8 * torch.nn.functional.normalize(normal(20, 10, seed=1))
    assert memory.active(beside).sum() == 0


def test_starts_that_find_nothing_find_nothing():
    found = emergent_minima(normal(3, 2, seed=0), 1.0, starts=torch.full((4, 2), 50.0))
    assert (found.nothing, found.kept, len(found.states)) == (4, 0, 0)
    assert repr(found) == "EmergentMinima(radius 1: 0 of 3 patterns kept, 0 emergent found)"


def test_seed_and_blocks_change_nothing(monkeypatch):
    xi = normal(200, 4, seed=0)
    one, two = (emergent_minima(xi, 0.6, 300, seed=3) for _ in range(2))
    assert torch.equal(one.states, two.states)
    assert torch.equal(one.starts, two.starts)
    monkeypatch.setattr("hopfield.interactions.interaction._BLOCK", 3000)
    three = emergent_minima(xi, 0.6, 300, seed=3)
    assert torch.equal(three.sizes, one.sizes)
    assert torch.allclose(three.states, one.states, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda xi: emergent_minima(xi, 0), "radius must be a finite number above 0"),
        (lambda xi: emergent_minima(xi, 1e-200), "radius must have a square"),
        (lambda xi: emergent_minima(xi, 1.0, -1), "starts must be a whole number of at least 0"),
        (lambda xi: emergent_minima(xi, 1.0, xi[:, :2]), r"starts must have shape \(rows, 4\)"),
        (lambda xi: emergent_minima(xi[[0, 1, 0]], 1.0), "patterns must be different ones, got 2"),
        (lambda xi: emergent_minima(xi[:0], 1.0), "patterns must hold at least one pattern"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(normal(3, 4, seed=0))
