"""What memories are given: images, lists, half precision, gradients, networks, complex data."""

import numpy as np
import pytest
import torch

from bridges import as_memory, find_attractors, match, retrieval_map
from bridges.memory import NearestPattern
from bridges.starts import noised
from diffusion import EmpiricalDenoiser, ImageDenoiser
from hopfield import HopfieldNetwork, hebbian

ROWS = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))


class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)

    def forward(self, x, sigma):
        return self.layer(x)


@pytest.mark.parametrize("dynamics", ["flow", "sde", "fixed-noise"])
def test_a_network_in_single_precision_takes_patterns_in_double(dynamics):
    memory = as_memory(Linear(), ROWS.double(), dynamics, sigma=0.5, steps=5)
    found = retrieval_map(memory, [0.5], trials=5, seed=0)
    assert np.isfinite(found.overlap_out).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.bfloat16(),
        lambda x: x.half(),
        lambda x: x.clone().requires_grad_(),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: x.reshape(5, 2, 2, 2),
    ],
)
def test_rows_of_any_kind_are_patterns(change):
    given = change(ROWS)
    memory = as_memory(lambda x, sigma: x / (1 + sigma**2), given, "flow", sigma=0.5)
    assert memory.patterns.shape == (5, 8)
    assert not memory.patterns.requires_grad
    assert torch.allclose(memory.patterns.float(), ROWS, atol=0.02)  # of bfloat16
    assert np.isfinite(retrieval_map(memory, [0.5], trials=5, seed=0).success).all()
    assert retrieval_map(NearestPattern(given), [1.0], trials=5, seed=0).success[0] == 1
    spins = change(ROWS.sign())
    network = HopfieldNetwork(hebbian(ROWS.sign()))
    assert retrieval_map(as_memory(network, spins), [1.0], trials=5, seed=0).overlap_in[0] == 1


def test_starts_of_any_kind():
    memory = as_memory(EmpiricalDenoiser(ROWS), sigma=0.3)
    for starts in (ROWS.tolist(), ROWS.bfloat16(), ROWS.clone().requires_grad_(), ROWS.numpy()):
        found = find_attractors(memory, starts, seed=0)
        assert found.kind == ("memory",) * 5
        assert len(match(found, found.states.tolist(), 0.01).pairs) == 5
    assert not noised(ROWS.clone().requires_grad_(), 0.3, 4, seed=0).states.requires_grad


def test_the_shape_of_images_is_kept():
    images = ROWS.reshape(5, 2, 2, 2)
    exact = EmpiricalDenoiser(ROWS)
    model = ImageDenoiser(lambda x, s: exact(x.flatten(1), s).reshape(x.shape), shape=(2, 2, 2))
    for given in (images, ROWS):
        memory = as_memory(model, given, "flow", sigma=0.5)
        assert memory.shape == (2, 2, 2)
        assert torch.equal(memory.patterns, ROWS)
    assert as_memory(exact).shape == (8,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z: as_memory(lambda x, s: x, z), "patterns must be real, got torch.complex64"),
        (lambda z: NearestPattern(z), "patterns must be real"),
        (
            lambda z: find_attractors(as_memory(EmpiricalDenoiser(ROWS), sigma=1.0), z),
            "starts must",
        ),
        (lambda z: as_memory(EmpiricalDenoiser(ROWS), centre=z[0]), "centre must be real"),
        (
            lambda z: retrieval_map(as_memory(lambda x, s: x + 0j, ROWS, sigma=1.0), [0.5]),
            "must return real",
        ),
    ],
)
def test_complex_data_are_not_cut(call, message):
    with pytest.raises(ValueError, match=message):
        call(ROWS + 1j)
