"""Score models: schedules, exact denoisers, samplers, and the geometry of what they keep."""

from diffusion.denoisers import Denoiser, EmpiricalDenoiser, ExactDenoiser
from diffusion.geometry import (
    ManifoldDimension,
    SignalToNoise,
    jacobian_spectrum,
    manifold_dimension,
    subspace_dimension,
    subspace_signal_to_noise,
)
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
    "ManifoldDimension",
    "Schedule",
    "SignalToNoise",
    "jacobian_spectrum",
    "manifold_dimension",
    "manifold_factors",
    "noise_to",
    "sample",
    "subspace_dimension",
    "subspace_signal_to_noise",
    "uturn",
]
