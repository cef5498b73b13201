"""States that are the same are found, whatever their kind."""

import pytest
import torch
from known import normal

from bridges.memory.clusters import groups
from hopfield import random_patterns


def same_partition(one, other):
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


@pytest.mark.parametrize("size", [1, 2, 12])
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_isolated_states_are_grouped_by_their_centre(size, scale):
    centres = scale * normal(2000, size, seed=1).unique(dim=0)
    if size == 1:
        centres = scale * torch.arange(2000.0, dtype=torch.float64)[:, None] / 100
    own = torch.randint(2000, (9000,), generator=torch.Generator().manual_seed(2))
    states = centres[own] + 1e-6 * scale * normal(9000, size, seed=3)
    labels, leaders = groups(states, 1e-4 * scale)
    assert same_partition(labels.tolist(), own.tolist())
    assert torch.equal(leaders, leaders.sort().values)
    assert torch.equal(labels[leaders], torch.arange(len(leaders)))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_leaders_of_a_continuum_are_apart_and_near_to_all(size):
    states = torch.rand(4000, size, generator=torch.Generator().manual_seed(0)).double()
    labels, leaders = groups(states, 0.1)
    apart = torch.cdist(states[leaders], states[leaders]) / size**0.5
    assert apart.fill_diagonal_(1).min() > 0.1
    distance = (states - states[leaders][labels]).square().mean(1).sqrt()
    assert distance.max() <= 0.1 * (1 + 1 / 8)  # the tolerance and a rounding


@pytest.mark.parametrize("size", [3, 64, 65, 200])
def test_spins_are_grouped_by_all_their_bits(size):
    few = random_patterns(30, size, seed=0)
    states = few[torch.randint(30, (500,), generator=torch.Generator().manual_seed(1))]
    flipped = states.clone()
    flipped[::2, -1] *= -1
    for rows in (states, flipped):
        labels, leaders = groups(rows, 0.5)
        assert torch.equal(rows[leaders][labels], rows)
        assert len(leaders) == len(rows.unique(dim=0))
