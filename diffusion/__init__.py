"""Score models: schedules, exact denoisers, samplers, and the geometry of what they keep."""

from diffusion.checkpoints import load_denoiser, save_denoiser
from diffusion.denoisers import Denoiser, EmpiricalDenoiser, ExactDenoiser
from diffusion.geometry import (
    ManifoldDimension,
    SignalToNoise,
    jacobian_spectrum,
    manifold_dimension,
    subspace_dimension,
    subspace_signal_to_noise,
)
from diffusion.interop import AzulaDenoiser, DiffusersDenoiser, ImageDenoiser
from diffusion.intrinsic import (
    likelihood_dimension,
    local_pca_dimension,
    participation_ratio,
    two_nn_dimension,
)
from diffusion.manifold import LinearManifoldDenoiser, manifold_factors
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
from diffusion.regimes import PlantedPosterior, planted_posterior
from diffusion.samplers import noise_to, sample, uturn
from diffusion.schedules import OU, VE, Cosine, Schedule
from diffusion.trainer import History, Training
from diffusion.training import denoising_error, train_denoiser

__all__ = [
    "OU",
    "VE",
    "AzulaDenoiser",
    "CopyFraction",
    "Cosine",
    "Denoiser",
    "DiffusersDenoiser",
    "EmpiricalDenoiser",
    "ExactDenoiser",
    "GaussianMixtureDenoiser",
    "History",
    "ImageDenoiser",
    "LinearManifoldDenoiser",
    "ManifoldDimension",
    "NetworkDenoiser",
    "PlantedPosterior",
    "ResidualMLP",
    "Schedule",
    "SignalToNoise",
    "Training",
    "UNet",
    "calibrated_distance",
    "chance_ratio",
    "copy_fraction",
    "denoising_error",
    "jacobian_spectrum",
    "likelihood_dimension",
    "load_denoiser",
    "local_pca_dimension",
    "manifold_dimension",
    "manifold_factors",
    "neighbour_distances",
    "neighbour_ratio",
    "noise_to",
    "participation_ratio",
    "planted_posterior",
    "sample",
    "save_denoiser",
    "subspace_dimension",
    "subspace_signal_to_noise",
    "train_denoiser",
    "two_nn_dimension",
    "uturn",
]
