"""Matching against permutations, and attractors followed along a parameter."""

import numpy as np
import pytest
import torch
from known import Toy, normal

from bridges import as_memory, continuation, match
from bridges.starts import gaussian, grid
from diffusion import EmpiricalDenoiser


def test_matching_finds_a_permutation():
    one = normal(30, 8)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    found = match(one, one[order] + 0.01 * normal(30, 8, seed=2), 0.1)
    assert torch.equal(order[found.pairs[:, 1]], torch.from_numpy(found.pairs[:, 0]))
    assert found.distance == pytest.approx(np.full(30, 0.01), abs=0.01)
    assert len(found.lost) == len(found.new) == 0


def test_as_many_as_possible_match_and_none_beyond_the_threshold():
    one = torch.tensor([[0.0], [1.0], [10.0]])
    found = match(one, torch.tensor([[0.9], [1.8], [30.0]]), 1.0)
    assert found.pairs.tolist() == [[0, 0], [1, 1]]  # nearer alone would be 1 → 0, and 0 lost
    assert found.lost.tolist() == [2]
    assert found.new.tolist() == [2]
    assert match(one[:0], one, 1.0).new.tolist() == [0, 1, 2]


def test_attractors_are_followed_until_they_merge():
    xi = torch.tensor([[-1.0], [0.0], [4.0]], dtype=torch.float64)
    found = continuation(
        lambda sigma: as_memory(EmpiricalDenoiser(xi), sigma=sigma, max_sweeps=1000),
        [0.3, 0.4, 0.7, 1.0],  # −1 and 0 merge at ½
        grid([-3], [6], 90),  # no point on a saddle
        0.45,  # a third of a unit at a time
    )
    assert [len(one) for one in found.attractors] == [3, 3, 2, 2]
    there = ~np.isnan(found.fractions)
    assert there[:, :3].all(1).tolist() == [True, True, False, False]
    last = found.attractors[0].nearest.tolist().index(2)
    assert there[:, last].all()  # 4 stays all along
    assert np.nansum(found.fractions, 1) == pytest.approx(np.ones(4), abs=1e-12)


def test_an_attractor_is_followed_when_no_start_finds_it():
    xi = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    found = continuation(
        lambda sigma: as_memory(EmpiricalDenoiser(xi), sigma=sigma),
        [0.3, 0.5],
        lambda sigma: xi if sigma == 0.3 else xi[:1],
        0.3,
    )
    assert found.fractions.tolist() == [[0.5, 0.5], [1.0, 0.0]]


def test_ten_lines_are_followed():
    along = continuation(lambda value: Toy(), [1, 2], gaussian(50, 3, 1.0, seed=0), 0.1)
    assert along.fractions.shape == (2, 8)
