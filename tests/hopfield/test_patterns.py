import numpy as np
import pytest
import torch

from hopfield import binarize, clustered_patterns, flip_spins, overlap, random_patterns


def test_every_site_is_flipped_equally_often():
    xi = torch.ones(20000, 10, dtype=torch.float64)
    rate = (flip_spins(xi, 0.4, seed=0) < 0).double().mean(0)
    assert (rate - 0.3).abs().max() < 4.5 * (0.3 * 0.7 / 20000) ** 0.5  # 4.5 s.e., 10 sites


def test_random_patterns_are_unbiased_and_uncorrelated():
    xi = random_patterns(200, 500, seed=3)
    assert xi.mean().abs() < 4 / (200 * 500) ** 0.5
    overlaps = (xi @ xi.T / 500)[~torch.eye(200, dtype=torch.bool)]
    assert overlaps.square().mean().item() == pytest.approx(1 / 500, rel=0.05)


def test_seed_and_generator_reproduce():
    a = random_patterns(3, 7, seed=5)
    assert torch.equal(a, random_patterns(3, 7, seed=5))
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    b, c = (random_patterns(3, 7, seed=g) for g in generators)
    assert torch.equal(b, c)
    assert not torch.equal(random_patterns(3, 7, seed=generators[0]), b)  # it moves on
    assert not torch.equal(a, random_patterns(3, 7, seed=6))


def test_clusters_have_the_overlap_that_was_asked_for():
    xi = clustered_patterns(5, 40, 2000, overlap=0.6, seed=0).reshape(5, 40, 2000)
    inside = torch.einsum("cin,cjn->cij", xi, xi) / 2000
    inside = inside[:, ~torch.eye(40, dtype=torch.bool)]
    assert inside.mean().item() == pytest.approx(0.36, abs=0.01)  # overlap², 5 centres
    across = overlap(xi[0, :, None], xi[1, None])
    assert across.mean().abs() < 0.6**2 * 4 / 2000**0.5  # 4 s.e. of one pair of centres


def test_binarize_cuts_at_the_mean_of_each_site_or_at_a_threshold():
    data = np.array([[0.0, 5.0], [4.0, 5.0], [2.1, 8.0]])
    assert binarize(data).tolist() == [[-1, -1], [1, -1], [1, 1]]
    assert binarize(data, 4.5).tolist() == [[-1, 1], [-1, 1], [-1, 1]]
    assert binarize(data, np.array([3.0, 6.0])).tolist() == [[-1, -1], [1, -1], [-1, 1]]


def test_overlap_broadcasts():
    xi = random_patterns(4, 30, seed=0)
    full = overlap(xi[:, None], xi)
    assert full.shape == (4, 4)
    assert torch.equal(full.diagonal(), overlap(xi, xi))
    assert (overlap(xi, -xi) == -1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_patterns(0, 5), "P must be a whole number of at least 1, got 0"),
        (lambda: random_patterns(5, 2.5), "N must be a whole number"),
        (lambda: flip_spins(torch.zeros(1, 3), 0.5), "patterns must have entries ±1, got 1 values"),
        (lambda: flip_spins(torch.ones(1, 3), 1.5), r"overlap must lie in \[-1, 1\], got 1.5"),
        (lambda: flip_spins(torch.ones(3), 0.5), r"patterns must have shape \(rows, columns\)"),
        (lambda: binarize(torch.tensor([[float("nan")]])), "data must be finite, got 1 NaN"),
        (lambda: binarize(torch.ones(2, 3), torch.ones(2)), "threshold must be a number or"),
        (lambda: overlap(torch.ones(3), torch.ones(4)), "same number of spins"),
        (lambda: clustered_patterns(1, 0, 5, 0.5), "per_cluster must be a whole number"),
        (lambda: random_patterns(2, 2, seed=-1), "seed must be a whole number of at least 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_same_seed_gives_patterns_and_flips_that_are_independent():
    """Otherwise `random_patterns(seed=0)` and `flip_spins(seed=0)` would be correlated."""
    xi = random_patterns(400, 500, seed=0)
    flipped = (flip_spins(xi, 0.5, seed=0) != xi).double()
    correlation = torch.corrcoef(torch.stack([xi.flatten(), flipped.flatten()]))[0, 1]
    assert abs(correlation) < 4 / (400 * 500) ** 0.5
