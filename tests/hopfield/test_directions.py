"""Paths of unlearning and of the perceptron in the space of couplings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from measured import normal, random_couplings

from hopfield import (
    coupling_path,
    hebbian,
    max_margin,
    pseudo_inverse,
    random_patterns,
    symmetric_perceptron,
    unlearn,
)


def test_coordinates_of_a_plane_and_of_what_lies_out_of_it():
    """Three orthogonal directions, mixed with known coefficients."""
    i, j = np.triu_indices(9, 1)
    basis = np.linalg.qr(normal(36, 3, seed=0).numpy())[0].T

    def matrix(v):
        J = np.zeros((9, 9))
        J[i, j] = v
        return torch.from_numpy(J + J.T + 7 * np.eye(9))  # the diagonal does not count

    start, goal = matrix(2.0 * basis[0]), matrix(0.6 * basis[0] + 0.8 * basis[1])
    mixed = matrix(basis.T @ np.array([1.0, 2.0, 2.0]))
    found = coupling_path([start, mixed], start, goal)
    np.testing.assert_allclose(found.norm_ratio, [1.0, 1.5])
    np.testing.assert_allclose(found.cosine, [1.0, 1 / 3])
    np.testing.assert_allclose(found.sideways, [0.0, 2 / 3], atol=1e-12)
    np.testing.assert_allclose(found.out_of_plane, [0.0, 2 / 3], atol=1e-12)
    np.testing.assert_allclose(found.cosine_to_goal, [0.6, (0.6 + 2 * 0.8) / 3])
    np.testing.assert_allclose(found.directions[1], basis.T @ np.array([1, 2, 2]) / 3)


def test_only_the_symmetric_part_counts():
    J, skew = random_couplings(8, 0), random_couplings(8, 1, symmetric=False)
    goal = random_couplings(8, 2)
    one = coupling_path([J + skew - skew.T], J, goal)
    assert float(one.cosine[0]) == pytest.approx(1)
    assert float(one.norm_ratio[0]) == pytest.approx(1)


def test_what_is_wrong_is_named():
    J, other = random_couplings(5, 0), random_couplings(5, 1)
    for args, message in (
        (([J], J, 2 * J), "goal must lie in another direction than start, got the same"),
        (([J], torch.eye(5), other), "start must not be zero off the diagonal, got zeros"),
        (([torch.zeros(5, 5)], J, other), "couplings must not be zero off the diagonal"),
        (([random_couplings(4, 0)], J, other), r"couplings must have shape \(5, 5\), got \(4, 4\)"),
        (([J], J, random_couplings(4, 0)), r"goal must have shape \(5, 5\)"),
        (([J[:3]], J, other), "couplings must be square"),
    ):
        with pytest.raises(ValueError, match=message):
            coupling_path(*args)
    assert len(coupling_path([], J, other).cosine) == 0
    assert repr(coupling_path([], J, other)) == "CouplingPath(no couplings)"


# N = 100, α = 0.4, ε = 0.01, mean over pattern sets.
def test_unlearning_shrinks_couplings_and_the_perceptron_stretches_them():
    rows, same, learned = [], [], []
    for seed in range(6):
        xi = random_patterns(40, 100, seed=seed)
        start = hebbian(xi)
        dreamt = [unlearn(start, 2000, seed=100 * seed + k).couplings for k in (1, 2)]
        trained = symmetric_perceptron(xi, 0.8).couplings
        path = coupling_path([*dreamt, trained], start, max_margin(xi))
        rows.append([float(path.norm_ratio[:2].mean()), float(path.cosine[:2].mean())])
        same.append(float(path.directions[0] @ path.directions[1]))
        learned.append([float(path.norm_ratio[2]), float(path.cosine[2])])
        assert torch.allclose(
            path.out_of_plane**2, 1 - path.cosine**2 - path.sideways**2, atol=1e-9
        )
    norm, cosine = np.mean(rows, 0)
    assert norm == pytest.approx(0.505, abs=0.006)
    assert cosine == pytest.approx(0.919, abs=0.008)
    assert np.mean(same) == pytest.approx(0.9966, abs=0.001)
    stretched, cosine = np.mean(learned, 0)
    assert stretched > 1
    assert cosine == pytest.approx(0.952, abs=0.007)


def test_after_the_top_dreams_point_at_the_pseudo_inverse():
    nearest = []
    for seed in range(4):
        xi = random_patterns(40, 100, seed=seed)
        J, path, goal = hebbian(xi), [], pseudo_inverse(xi)
        for k in range(9):  # up to D = 0.45
            J = unlearn(J, 500, seed=10 * seed + k).couplings
            path.append(J)
        nearest.append(coupling_path(path, hebbian(xi), goal).cosine_to_goal.tolist())
    mean = np.mean(nearest, 0)
    assert 0.3 < 0.05 * (mean.argmax() + 1) < 0.44  # measured: 0.40
    assert mean.max() == pytest.approx(0.975, abs=0.006)
