"""Nearest data, against all differences; at all sizes of blocks, precisions and degeneracies."""

import numpy as np
import pytest
import torch

from diffusion import neighbour_distances, neighbours, two_nn_dimension
from diffusion.intrinsic import two_nn_of_distances
from diffusion.neighbours import nearest


def by_differences(samples, data, count):
    """All distances in double precision, sorted."""
    apart = samples[:, None].astype(float) - data[None].astype(float)
    return np.sort(np.sqrt((apart**2).sum(2)), axis=1)[:, :count]


def drawn(kind, n, d, seed):
    rng = np.random.default_rng(seed)
    if kind == "bytes":
        return rng.integers(0, 256, (n, d)).astype(np.uint8)
    if kind == "spins":  # distances coincide all the time
        return rng.choice([-1, 1], (n, d)).astype(np.int8)
    if kind == "repeated":
        return rng.normal(size=(max(1, n // 3), d))[np.arange(n) % max(1, n // 3)]
    if kind == "single":
        return rng.normal(size=(n, d)).astype(np.float32)
    offset, scale = {"offset": (1e8, 1.0), "tiny": (0, 1e-120), "huge": (0, 1e120)}.get(
        kind, (0, 1)
    )
    return offset + scale * rng.normal(size=(n, d))


KINDS = ("plain", "single", "bytes", "spins", "repeated", "offset", "tiny", "huge")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [3, 40, 300])
def test_distances_are_those_of_all_differences(kind, d, monkeypatch):
    monkeypatch.setattr(neighbours, "_ROWS", 17)  # many blocks
    data, samples = drawn(kind, 90, d, 0), drawn(kind, 40, d, 1)
    samples[:5] = data[:5]
    found, indices = nearest(samples, data, 6)
    assert found == pytest.approx(by_differences(samples, data, 6), rel=1e-12)
    assert (found[:5, 0] == 0).all()
    apart = samples[:, None].astype(float) - data[indices].astype(float)
    assert np.sqrt((apart**2).sum(2)) == pytest.approx(found, rel=1e-12)
    assert all(len(set(row)) == 6 for row in indices.tolist())


def test_what_single_precision_cannot_tell_apart_is_looked_at_again(monkeypatch):
    """Data on a sphere, all but alike: squares differ by less than rounding in float32."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(400, 64))
    data = data / np.linalg.norm(data, axis=1, keepdims=True) * (1 + 1e-9 * rng.random((400, 1)))
    data = np.concatenate([data, 50 * rng.normal(size=(5, 64))])  # far ones, that set the scale
    asked, near = [], neighbours._Screen.near

    def noted(self, about, count, dtype):
        asked.append(dtype)
        return near(self, about, count, dtype)

    monkeypatch.setattr(neighbours._Screen, "near", noted)
    found, _ = nearest(np.zeros((3, 64)), data, 9)
    assert asked == [torch.float32, torch.float64]
    assert found == pytest.approx(by_differences(np.zeros((3, 64)), data, 9), rel=1e-14)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64, torch.float32])
def test_numbers_are_taken_as_they_are_stored(dtype):
    rows = torch.randint(0, 100, (60, 50), generator=torch.Generator().manual_seed(0))
    found = neighbour_distances(rows[:10].to(dtype), rows.to(dtype), 4)
    assert torch.equal(found, neighbour_distances(rows[:10].double(), rows.double(), 4))
    assert found.dtype == torch.float64


def test_no_sample_has_no_neighbour():
    distances, indices = nearest(np.zeros((0, 30)), np.zeros((4, 30)), 2)
    assert distances.shape == indices.shape == (0, 2)


def test_the_dimension_follows_from_the_distances_alone():
    data = torch.rand(300, 3, generator=torch.Generator().manual_seed(0))
    near = neighbour_distances(data, data, 3)[:, 1:]
    for method in ("fit", "likelihood"):
        assert two_nn_of_distances(near.numpy(), method) == two_nn_dimension(data, method)
