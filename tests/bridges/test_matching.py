"""Matching against permutations."""

import numpy as np
import pytest
import torch
from known import normal

from bridges import match


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
