"""A model of another library as a memory: what its exact twin would retrieve."""

import math
from types import SimpleNamespace

import pytest
import torch

from bridges import as_memory, basin_radius, retrieval_map
from diffusion import AzulaDenoiser, DiffusersDenoiser, GaussianMixtureDenoiser, ImageDenoiser
from hopfield import random_patterns

SHAPE = (1, 4, 5)
PATTERNS = random_patterns(6, 20, seed=0)
EXACT = GaussianMixtureDenoiser(PATTERNS, 0.01)


def straight(t):
    return 1e-3 * t + 1 - t, t + 1e-3 * (1 - t)


class Clean(torch.nn.Module):
    """The exact posterior mean as it comes: a k-diffusion model, or azula's posterior."""

    def __init__(self, schedule=None):
        super().__init__()
        self.schedule = schedule

    def forward(self, images, level):
        if self.schedule is None:
            return EXACT(images.flatten(1), level).reshape(images.shape)
        alpha, sigma = (each.reshape(-1, 1) for each in self.schedule(level))
        x = images.flatten(1) / alpha
        mean = EXACT(x, (sigma / alpha).expand(len(x), 1).squeeze(1))
        return SimpleNamespace(mean=mean.reshape(images.shape))


class Noise(torch.nn.Module):
    """The noise a diffusers network predicts, at ᾱ = exp(−(t + 1)²/10⁵)."""

    def forward(self, images, timestep):
        t = timestep[:1]  # between whole times the logarithm of σ is linear
        below, above = (self.level(whole(t)) for whole in (torch.floor, torch.ceil))
        sigma = below * (above / below) ** (t - t.floor())
        alpha = 1 / (1 + sigma**2).sqrt()
        x = images.flatten(1) / alpha
        return SimpleNamespace(sample=((x - EXACT(x, float(sigma))) / sigma).reshape(images.shape))

    @staticmethod
    def level(t):
        return torch.special.expm1((t + 1) ** 2 / 1e5).sqrt()


def diffusers_model():
    t = torch.arange(1000, dtype=torch.float64)
    scheduler = SimpleNamespace(
        alphas_cumprod=torch.exp(-((t + 1) ** 2) / 1e5),
        config=SimpleNamespace(prediction_type="epsilon"),
    )
    return DiffusersDenoiser(Noise(), scheduler, SHAPE)


MODELS = {
    "k-diffusion": lambda: ImageDenoiser(Clean(), SHAPE),
    "diffusers": diffusers_model,
    "azula": lambda: AzulaDenoiser(Clean(straight), SHAPE),
}


@pytest.mark.parametrize("library", MODELS)
@pytest.mark.parametrize("dynamics", ["fixed-noise", "flow", "sde"])
def test_retrieval_is_that_of_the_exact_denoiser(library, dynamics):
    sigma = 0.8 if dynamics == "fixed-noise" else None
    overlaps = [0.3, 0.5, 0.8, 1.0]
    theirs, ours = (
        retrieval_map(
            as_memory(model, PATTERNS, dynamics, sigma=sigma, steps=20), overlaps, 20, seed=1
        )
        for model in (MODELS[library](), EXACT)
    )
    assert theirs.success.tolist() == ours.success.tolist()
    assert 0 < ours.success[0] < 1
    # the last step is from the least noise level that the model knows
    assert theirs.overlap_out == pytest.approx(ours.overlap_out, abs=2e-3)


def test_a_basin_is_measured_without_knowing_whose_model_it_is():
    found = [
        basin_radius(as_memory(model, PATTERNS, "flow", steps=10), seed=0).overlap
        for model in (MODELS["azula"](), EXACT)
    ]
    assert math.isclose(*found, abs_tol=1e-2)
