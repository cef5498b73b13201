"""Exact denoisers in the forms of other libraries."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gaussian import randn

from diffusion import (
    AzulaDenoiser,
    DiffusersDenoiser,
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    ImageDenoiser,
)

SHAPE = (2, 3, 4)
D = math.prod(SHAPE)
PREDICTIONS = ("epsilon", "v_prediction", "sample")
LEVELS = (0.02, 0.3, 1.0, 7.0, 100.0)


MIXTURE = GaussianMixtureDenoiser(randn(3, D), 0.3, [0.2, 0.3, 0.5])
DATA = EmpiricalDenoiser(randn(5, D, seed=1))


def schedule_of(kind, prediction):
    """ᾱ falling from 0.9999 to about 4e-5, by hand or as diffusers makes it."""
    if kind == "by hand":
        signal = np.exp(-(np.linspace(1e-2, math.sqrt(10.05), 1000) ** 2))
        config = SimpleNamespace(prediction_type=prediction)
        return SimpleNamespace(alphas_cumprod=torch.from_numpy(signal), config=config)
    schedulers = pytest.importorskip("diffusers.schedulers")
    return getattr(schedulers, kind)(prediction_type=prediction)


class Network(torch.nn.Module):
    """The output of a perfectly trained network of this prediction type."""

    def __init__(self, denoiser, scheduler):
        super().__init__()
        self.denoiser, self.prediction = denoiser, scheduler.config.prediction_type
        signal = scheduler.alphas_cumprod.double().numpy()
        self.log_level = np.log((1 - signal) / signal) / 2

    def forward(self, images, timestep):
        clock = np.arange(len(self.log_level))
        level = np.exp(np.interp(timestep.numpy(), clock, self.log_level))
        level = torch.from_numpy(level)[:, None]
        alpha = 1 / (1 + level**2).sqrt()
        x_t = images.flatten(1)
        clean = self.denoiser(x_t / alpha, level.squeeze(1))
        noise = (x_t - alpha * clean) / (alpha * level)
        velocity = alpha * noise - alpha * level * clean
        found = {"epsilon": noise, "v_prediction": velocity, "sample": clean}[self.prediction]
        return SimpleNamespace(sample=found.reshape(images.shape))


class Posterior(torch.nn.Module):
    """An exact denoiser in the form of azula's."""

    def __init__(self, denoiser, schedule):
        super().__init__()
        self.denoiser, self.schedule = denoiser, schedule

    def forward(self, x_t, t):
        alpha, sigma = (each.reshape(-1) for each in self.schedule(t))
        mean = self.denoiser(x_t.flatten(1) / alpha[:, None], (sigma / alpha).expand(len(x_t)))
        return SimpleNamespace(mean=mean.reshape(x_t.shape))


def straight(t):
    """A schedule by hand: σ/α from 0.001 to 1000."""
    return 1e-3 * t + 1 - t, t + 1e-3 * (1 - t)


def diffusers_denoiser(exact, kind="by hand", prediction="epsilon"):
    scheduler = schedule_of(kind, prediction)
    return DiffusersDenoiser(Network(exact, scheduler), scheduler, SHAPE)


def azula_denoiser(exact, kind="by hand"):
    if kind == "by hand":
        return AzulaDenoiser(Posterior(exact, straight), SHAPE)
    noise = pytest.importorskip("azula.noise")
    return AzulaDenoiser(Posterior(exact, getattr(noise, kind)()), SHAPE)


def image_denoiser(exact):
    def call(images, sigma):
        assert images.shape[1:] == SHAPE
        assert sigma.shape == (len(images),)
        return exact(images.flatten(1), sigma).reshape(images.shape)

    return ImageDenoiser(call, SHAPE)


KINDS = [
    *(("diffusers", kind, p) for kind in ("by hand", "DDPMScheduler") for p in PREDICTIONS),
    ("diffusers", "DDIMScheduler", "v_prediction"),
    *(("azula", kind) for kind in ("by hand", "VESchedule", "VPSchedule", "CosineSchedule")),
    ("azula", "RectifiedSchedule"),
    ("image",),
]
MAKERS = {"diffusers": diffusers_denoiser, "azula": azula_denoiser, "image": image_denoiser}
each_kind = pytest.mark.parametrize("kind", KINDS, ids="-".join)
each_library = pytest.mark.parametrize(
    "kind", [("diffusers", "by hand"), ("azula", "by hand"), ("image",)], ids=lambda kind: kind[0]
)


def wrapped(kind, exact):
    library, *words = kind
    return MAKERS[library](exact, *words)
