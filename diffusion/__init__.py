"""Score models: schedules, exact denoisers, samplers, and the geometry of what they keep."""

from diffusion.denoisers import Denoiser, EmpiricalDenoiser, ExactDenoiser
from diffusion.manifold import LinearManifoldDenoiser, manifold_factors
from diffusion.mixture import GaussianMixtureDenoiser
from diffusion.samplers import noise_to, sample, uturn
from diffusion.schedules import OU, VE, Cosine, Schedule

__all__ = [
    "OU",
    "VE",
    "Cosine",
    "Denoiser",
    "EmpiricalDenoiser",
    "ExactDenoiser",
    "GaussianMixtureDenoiser",
    "LinearManifoldDenoiser",
    "Schedule",
    "manifold_factors",
    "noise_to",
    "sample",
    "uturn",
]
