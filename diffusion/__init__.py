"""Score models: schedules, exact denoisers, samplers."""

from diffusion.denoisers import Denoiser, EmpiricalDenoiser
from diffusion.samplers import noise_to, sample, uturn
from diffusion.schedules import OU, VE, Cosine, Schedule

__all__ = [
    "OU",
    "VE",
    "Cosine",
    "Denoiser",
    "EmpiricalDenoiser",
    "Schedule",
    "noise_to",
    "sample",
    "uturn",
]
