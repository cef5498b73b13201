from . import guidance as guidance
from ._trainer import History as History, Training as Training
from .architectures import ResidualMLP as ResidualMLP, UNet as UNet
from .bias_variance import (
    BiasVariance as BiasVariance,
    bias_and_variance as bias_and_variance,
)
from .checkpoints import load_denoiser as load_denoiser, save_denoiser as save_denoiser
from .denoisers import (
    Denoiser as Denoiser,
    DenoiserLike as DenoiserLike,
    EmpiricalDenoiser as EmpiricalDenoiser,
    ExactDenoiser as ExactDenoiser,
)
from .emphasis import level_emphasis as level_emphasis
from .energies import (
    RelativeEnergy as RelativeEnergy,
    relative_energy as relative_energy,
    score_antisymmetry as score_antisymmetry,
)
from .geometry import (
    ManifoldDimension as ManifoldDimension,
    SignalToNoise as SignalToNoise,
    jacobian_spectrum as jacobian_spectrum,
    manifold_dimension as manifold_dimension,
    subspace_dimension as subspace_dimension,
    subspace_signal_to_noise as subspace_signal_to_noise,
)
from .guidance import GuidedDenoiser as GuidedDenoiser
from .interop import (
    AzulaDenoiser as AzulaDenoiser,
    DiffusersDenoiser as DiffusersDenoiser,
    ImageDenoiser as ImageDenoiser,
)
from .intrinsic import (
    likelihood_dimension as likelihood_dimension,
    local_pca_dimension as local_pca_dimension,
    participation_ratio as participation_ratio,
    two_nn_dimension as two_nn_dimension,
)
from .learning_times import (
    ClassTimes as ClassTimes,
    class_times as class_times,
    spectral_times as spectral_times,
)
from .linear_manifold import (
    LinearManifoldDenoiser as LinearManifoldDenoiser,
    block_data as block_data,
    manifold_factors as manifold_factors,
)
from .local import LocalDenoiser as LocalDenoiser
from .mixture import GaussianMixtureDenoiser as GaussianMixtureDenoiser
from .neighbours import (
    CopyFraction as CopyFraction,
    calibrated_distance as calibrated_distance,
    chance_ratio as chance_ratio,
    copy_fraction as copy_fraction,
    neighbour_distances as neighbour_distances,
    neighbour_ratio as neighbour_ratio,
)
from .networks import NetworkDenoiser as NetworkDenoiser
from .perturbations import perturbation_spectrum as perturbation_spectrum
from .planted import PlantedPosterior as PlantedPosterior, planted_posterior as planted_posterior
from .random_features import FeatureFlow as FeatureFlow, RandomFeatureScore as RandomFeatureScore
from .samplers import (
    noise_levels as noise_levels,
    noise_to as noise_to,
    sample as sample,
    uturn as uturn,
)
from .schedules import OU as OU, VE as VE, Cosine as Cosine, Schedule as Schedule
from .training import denoising_error as denoising_error, train_denoiser as train_denoiser
from .windows import (
    WindowInformation as WindowInformation,
    window_information as window_information,
)

__version__: str
