"""Doors of diffusion: what comes in works, or one line says what is wanted."""

import re

import pytest
import torch
from torch import nn

from bridges import as_memory, memorization_report, retrieval_map
from diffusion import (
    VE,
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    GuidedDenoiser,
    ImageDenoiser,
    denoising_error,
    jacobian_spectrum,
    sample,
    train_denoiser,
)
from diffusion.flat import as_denoiser

G = torch.Generator().manual_seed(0)
X = torch.randn(20, 8, generator=G)
SPINS = torch.sign(torch.randn(5, 8, generator=G))


class Half(nn.Module):
    """D = x/2, by a layer."""

    def __init__(self, answer=lambda x: x):
        super().__init__()
        self.layer, self.answer = nn.Linear(8, 8, bias=False), answer
        nn.init.eye_(self.layer.weight)

    def forward(self, x, sigma):
        return self.answer(self.layer(x) / 2)


def test_patterns_may_be_finer_than_the_network():
    network = Half()
    for denoiser in (network, lambda x, sigma: network(x, sigma)):
        memory = as_memory(denoiser, SPINS.double(), "flow", steps=5)
        found = retrieval_map(memory, [0.5, 0.999], trials=5, seed=0)
        assert found.overlap_out[1] == pytest.approx(1, abs=1e-2)
        assert torch.equal(memory.denoiser(SPINS.double(), 1.0), SPINS.double() / 2)


@pytest.mark.parametrize("answer", [lambda x: (x, None), lambda x: {"sample": x}])
def test_modules_of_flat_rows_may_return_more_than_rows(answer):
    model = as_denoiser(Half(answer))
    assert torch.equal(model(X, 1.0), X / 2)
    assert float(jacobian_spectrum(Half(answer), X, 1.0).abs().max()) == 0.5
    error = denoising_error(Half(answer), torch.zeros(4000, 8), 1.0, seed=0)
    assert float(error.mean()) == pytest.approx(0.25, abs=0.01)  # 4 s.e. are 0.008
    assert torch.equal(GuidedDenoiser(Half(answer), Half(answer), 1.0)(X, 1.0), X / 2)


def test_what_needs_no_adapter_is_the_same_object():
    def function(x, sigma):
        return x

    exact = EmpiricalDenoiser(X)
    assert as_denoiser(function) is function
    assert as_denoiser(exact) is exact


def test_an_adapted_module_keeps_its_attributes():
    network = Half()
    network.noise_range, network.data = (0.1, 3.0), SPINS
    model = as_denoiser(network)
    assert model.noise_range == (0.1, 3.0)
    assert torch.equal(as_memory(network).patterns, SPINS)
    with pytest.raises(AttributeError, match="posterior_sample"):
        _ = model.posterior_sample


class Images(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, images, sigma):
        return self.layer(images)


@pytest.mark.parametrize(
    ("layer", "d", "shape"),
    [
        (nn.Conv2d(3, 3, 3, padding=1), 3072, "(3, 32, 32)"),
        (nn.Conv2d(1, 1, 1), 64, "(1, 8, 8)"),
        (nn.Conv1d(2, 2, 1), 20, "(2, 10)"),
        (nn.Conv2d(3, 3, 1), 3 * 7, "(21,)"),
    ],
)
def test_models_of_images_given_flat_rows_say_what_to_wrap(layer, d, shape):
    network = Images(layer)
    wanted = re.escape(f"wrap it: ImageDenoiser(net, shape={shape})")
    for act in (
        lambda x: sample(network, x, VE(), start=1.0),
        lambda x: jacobian_spectrum(network, x, 1.0),
        lambda x: GuidedDenoiser(network, network, 1.0)(x, 1.0),
        lambda x: as_memory(network, x, sigma=1.0).retrieve(x, 1.0),
    ):
        with pytest.raises(ValueError, match=wanted):
            act(torch.ones(5, d))
    if shape != "(21,)":
        model = ImageDenoiser(network, eval(shape))
        assert sample(model, torch.ones(5, d), VE(), start=1.0, steps=2).shape == (5, d)


def test_a_module_that_takes_no_number_says_what_to_wrap():
    class Levels(nn.Module):
        def forward(self, x, sigma):
            return x / (1 + sigma[:, None] ** 2)

    with pytest.raises(ValueError, match=r"shape=\(8,\)"):
        sample(Levels(), X, VE(), start=1.0)
    wrapped = ImageDenoiser(Levels(), (8,))
    torch.testing.assert_close(wrapped(X, 1.0), X / 2)


@pytest.mark.parametrize("kind", ["list", "grad"])
def test_lists_and_tensors_of_a_graph_are_taken(kind):
    x = X.tolist() if kind == "list" else X.clone().requires_grad_()
    exact = EmpiricalDenoiser(x)
    torch.testing.assert_close(exact(x, 0.5), EmpiricalDenoiser(X)(X, 0.5), check_dtype=False)
    torch.testing.assert_close(
        sample(exact, x, VE(), start=1.0), sample(exact, X, VE(), start=1.0), check_dtype=False
    )
    found = retrieval_map(as_memory(exact, x, "flow"), [0.5], trials=5, seed=0)
    assert 0 <= found.success[0] <= 1
    assert GaussianMixtureDenoiser(x[:3], 0.1)(X, 0.5).shape == X.shape
    assert train_denoiser(x, held_out=x, steps=2, quiet=True).step == 2


def test_a_report_denoises_with_a_network_in_training_mode():
    data, held_out, samples = (
        torch.randn(120, 8, generator=torch.Generator().manual_seed(k)) for k in range(3)
    )
    network = nn.Sequential(nn.Dropout(0.5), Half())
    network.forward = lambda x, sigma: network[1](network[0](x), sigma)
    reports = [
        memorization_report(samples, data, held_out, denoiser=network, sigma=0.1, seed=0).to_dict()
        for _ in range(2)
    ]
    assert reports[0] == reports[1]
    assert network[0].training
