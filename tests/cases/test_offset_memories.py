"""Single-precision data far from zero: neighbours and attractors as in double precision."""

import pytest
import torch

from bridges import as_memory, find_attractors
from bridges.memory import NearestPattern
from diffusion import EmpiricalDenoiser


@pytest.mark.parametrize("offset", [1e4, -1e4])
@pytest.mark.parametrize("rows", [8, 40, 200])
def test_sensors_at_ten_thousand(offset, rows):
    draws = torch.Generator().manual_seed(0)
    data = offset + torch.randn(rows, 8, generator=draws)
    cues = data + 0.01 * torch.randn(rows, 8, generator=draws)
    exact = torch.cdist(cues.double(), data.double()).argmin(1)
    assert (exact == torch.arange(rows)).all()
    assert torch.equal(NearestPattern(data).step(cues, 1.0), data)
    found = find_attractors(as_memory(EmpiricalDenoiser(data), sigma=0.05), cues, seed=0)
    assert found.kind == ("memory",) * rows
    assert sorted(found.nearest.tolist()) == list(range(rows))


def test_offsets_of_double_precision_too():
    data = 1e9 + torch.randn(200, 8, generator=torch.Generator().manual_seed(0)).double()
    assert torch.equal(NearestPattern(data).step(data + 0.01, 1.0), data)
