"""Score models: schedules, exact denoisers, samplers, and the geometry of what they keep."""

from importlib.metadata import version

from diffusion import guidance
from diffusion.checkpoints import load_denoiser, save_denoiser
from diffusion.class_times import ClassTimes, class_times, spectral_times
from diffusion.denoisers import Denoiser, DenoiserLike, EmpiricalDenoiser, ExactDenoiser
from diffusion.geometry import (
    ManifoldDimension,
    SignalToNoise,
    jacobian_spectrum,
    manifold_dimension,
    subspace_dimension,
    subspace_signal_to_noise,
)
from diffusion.guidance import GuidedDenoiser
from diffusion.interop import AzulaDenoiser, DiffusersDenoiser, ImageDenoiser
from diffusion.intrinsic import (
    likelihood_dimension,
    local_pca_dimension,
    participation_ratio,
    two_nn_dimension,
)
from diffusion.linear_manifold import LinearManifoldDenoiser, manifold_factors
from diffusion.mixture import GaussianMixtureDenoiser
from diffusion.neighbours import (
    CopyFraction,
    calibrated_distance,
    chance_ratio,
    copy_fraction,
    neighbour_distances,
    neighbour_ratio,
)
from diffusion.networks import NetworkDenoiser, ResidualMLP, UNet
from diffusion.planted import PlantedPosterior, planted_posterior
from diffusion.random_features import FeatureFlow, RandomFeatureScore
from diffusion.samplers import noise_levels, noise_to, sample, uturn
from diffusion.schedules import OU, VE, Cosine, Schedule
from diffusion.trainer import History, Training
from diffusion.training import denoising_error, train_denoiser

__version__ = version("hopfield-diffusion")

__all__ = [
    "OU",
    "VE",
    "AzulaDenoiser",
    "ClassTimes",
    "CopyFraction",
    "Cosine",
    "Denoiser",
    "DenoiserLike",
    "DiffusersDenoiser",
    "EmpiricalDenoiser",
    "ExactDenoiser",
    "FeatureFlow",
    "GaussianMixtureDenoiser",
    "GuidedDenoiser",
    "History",
    "ImageDenoiser",
    "LinearManifoldDenoiser",
    "ManifoldDimension",
    "NetworkDenoiser",
    "PlantedPosterior",
    "RandomFeatureScore",
    "ResidualMLP",
    "Schedule",
    "SignalToNoise",
    "Training",
    "UNet",
    "calibrated_distance",
    "chance_ratio",
    "class_times",
    "copy_fraction",
    "denoising_error",
    "guidance",
    "jacobian_spectrum",
    "likelihood_dimension",
    "load_denoiser",
    "local_pca_dimension",
    "manifold_dimension",
    "manifold_factors",
    "neighbour_distances",
    "neighbour_ratio",
    "noise_levels",
    "noise_to",
    "participation_ratio",
    "planted_posterior",
    "sample",
    "save_denoiser",
    "spectral_times",
    "subspace_dimension",
    "subspace_signal_to_noise",
    "train_denoiser",
    "two_nn_dimension",
    "uturn",
]
