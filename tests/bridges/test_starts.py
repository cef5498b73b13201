"""Starts know what they were drawn from, and their noise."""

import torch
from known import FIVE

from bridges import as_memory, basin_fractions
from bridges.starts import grid, noised
from diffusion import EmpiricalDenoiser


def test_starts_know_the_noise_that_a_flow_without_a_level_starts_from():
    starts = noised(FIVE, 8.0, 500, seed=0)
    given, own = (
        basin_fractions(as_memory(EmpiricalDenoiser(FIVE), dynamics="flow", sigma=s), starts)
        for s in (8.0, None)
    )
    assert torch.equal(own.attractors.states[own.labels], given.attractors.states[given.labels])


def test_a_grid_has_its_corners_and_is_no_draw():
    found = grid([-1, 0], [1, 4], 3)
    assert found.states[[0, -1]].tolist() == [[-1.0, 0.0], [1.0, 4.0]]
    assert len(found) == 9
    assert not found.drawn
