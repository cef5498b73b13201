"""Guidance of models that do not know small noise: each wrapper answers for what its parts do."""

from types import SimpleNamespace

import pytest
import torch

from bridges import as_memory, find_attractors
from diffusion import VE, DiffusersDenoiser, GuidedDenoiser, ImageDenoiser, sample, uturn
from diffusion.guidance import PowerLawGuidance, ProjectedGuidance, autoguided

SIGNAL = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
SCHEDULER = SimpleNamespace(alphas_cumprod=SIGNAL, config=SimpleNamespace(prediction_type="sample"))
LEAST = float(((1 - SIGNAL[0]) / SIGNAL[0]).sqrt())


def constant(value):
    return DiffusersDenoiser(lambda x, t: 0 * x + value, SCHEDULER, shape=(1, 2, 2))


WRAPPERS = {  # of D_c = 1 and D_u = 0: 1 + w
    "plain, w = 0": (lambda c, u: GuidedDenoiser(c, u, 0.0), 1.0),
    "plain, w = 1": (lambda c, u: GuidedDenoiser(c, u, 1.0), 2.0),
    "autoguided": (lambda c, u: autoguided(c, u, scale=3.0), 3.0),
    "power law": (lambda c, u: PowerLawGuidance(c, u, omega=0.5, exponent=0.0), 1.5),
    "projected": (lambda c, u: ProjectedGuidance(c, u, w=1.0, parallel=1.0), 2.0),
    "of one guided": (lambda c, u: GuidedDenoiser(GuidedDenoiser(c, u, 1.0), u, 0.0), 2.0),
}


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("method", ["euler", "heun", "sde", "stochastic-heun"])
def test_guided_models_are_sampled(name, method):
    make, expected = WRAPPERS[name]
    guided = make(constant(1.0), constant(0.0))
    assert guided.noise_range == constant(1.0).noise_range
    x = 50 * torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    found = sample(guided, x, VE(), method, start=50.0, seed=0)
    torch.testing.assert_close(found, torch.full_like(x, expected))
    back = uturn(guided, x, VE(), time=0.1 * LEAST, method=method, seed=0)
    torch.testing.assert_close(back, torch.full_like(x, expected))


def test_the_range_of_a_wrapper_is_the_overlap_of_those_of_its_parts():
    ranges = {"low": (0.1, 2.0), "high": (0.5, 9.0), "far": (5.0, 9.0)}
    models = {
        name: ImageDenoiser(lambda x, sigma: x, (2,), noise_range=each)
        for name, each in ranges.items()
    }
    guided = GuidedDenoiser(models["low"], models["high"], 1.0)
    assert guided.noise_range == (0.5, 2.0)
    assert GuidedDenoiser(guided, lambda x, sigma: x, 1.0).noise_range == (0.5, 2.0)
    with pytest.raises(ValueError, match=r"must overlap, got \[0.1, 2\] and \[5, 9\]"):
        GuidedDenoiser(models["low"], models["far"], 1.0)


@pytest.mark.parametrize("dynamics", ["flow", "sde"])
@pytest.mark.parametrize("guided", [False, True])
def test_attractors_of_a_pretrained_model_are_found(dynamics, guided):
    model = constant(0.5)
    if guided:
        model = GuidedDenoiser(model, model, 1.0)
    memory = as_memory(model, torch.full((1, 4), 0.5), dynamics, sigma=5.0)
    starts = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    found = find_attractors(memory, starts, seed=0)
    assert found.kind == ("memory",)
    assert found.counts.tolist() == [8]
    torch.testing.assert_close(found.states, torch.full((1, 4), 0.5))
