"""A pretrained flow whose least noise level is far above a kick: its attractors are found."""

from types import SimpleNamespace

import pytest
import torch

from bridges import as_memory, basin_fractions, find_attractors, retrieval_map
from diffusion import DiffusersDenoiser

CUMULATED = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
SCHEDULER = SimpleNamespace(
    alphas_cumprod=CUMULATED, config=SimpleNamespace(prediction_type="sample")
)


@pytest.mark.parametrize("dynamics", ["flow", "sde"])
def test_the_one_point_that_a_model_knows_is_its_attractor(dynamics):
    model = DiffusersDenoiser(lambda x, t: 0 * x + 0.5, SCHEDULER, shape=(1, 2, 2))
    memory = as_memory(model, torch.full((1, 4), 0.5), dynamics, sigma=5.0)
    starts = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    found = find_attractors(memory, starts, seed=0)
    assert found.kind == ("memory",)
    assert torch.allclose(found.states, torch.full((1, 4), 0.5))
    assert basin_fractions(memory, starts, seed=0).fractions.tolist() == [1]
    own = as_memory(model, torch.full((1, 4), 0.5), dynamics)
    assert retrieval_map(own, [0.9999], trials=5, seed=0).success[0] == 1  # below the range too
