from .bidirectional import BidirectionalMemory as BidirectionalMemory
from .couplings import (
    NotSeparableError as NotSeparableError,
    dreaming_kernel as dreaming_kernel,
    hebbian as hebbian,
    max_margin as max_margin,
    paramagnetic_unlearning as paramagnetic_unlearning,
    pseudo_inverse as pseudo_inverse,
    storkey as storkey,
)
from .dense import DenseMemory as DenseMemory
from .dilution import DilutedMemory as DilutedMemory
from .directions import CouplingPath as CouplingPath, coupling_path as coupling_path
from .dreaming_times import (
    UnlearningTimes as UnlearningTimes,
    unlearning_times as unlearning_times,
)
from .dreams import daydream as daydream, unlearn as unlearn
from .emergent import EmergentMinima as EmergentMinima, emergent_minima as emergent_minima
from .features import (
    RandomFeaturesPatterns as RandomFeaturesPatterns,
    random_features_patterns as random_features_patterns,
)
from .history import History as History, TrainingResult as TrainingResult
from .interactions.entmax import entmax as entmax
from .kernel import KernelMemory as KernelMemory
from .low_rank import LowRankCouplings as LowRankCouplings
from .margins import SymmetricMargin as SymmetricMargin, symmetric_margin as symmetric_margin
from .memory import CuedMemory as CuedMemory
from .network import HopfieldNetwork as HopfieldNetwork, stabilities as stabilities
from .noise import (
    FixedPoint as FixedPoint,
    Kawasaki as Kawasaki,
    NoiseStructure as NoiseStructure,
    Thermal as Thermal,
    Uniform as Uniform,
    noise_structure as noise_structure,
)
from .partial import PartialCueMemory as PartialCueMemory
from .patterns import (
    binarize as binarize,
    clustered_patterns as clustered_patterns,
    flip_spins as flip_spins,
    overlap as overlap,
    random_patterns as random_patterns,
)
from .potts import PottsMemory as PottsMemory
from .precision import clip_couplings as clip_couplings, dilute as dilute
from .relaxation import Relaxation as Relaxation
from .sequences import SequenceMemory as SequenceMemory
from .sparse import (
    CovarianceMemory as CovarianceMemory,
    active_sites as active_sites,
    covariance as covariance,
    displace_ones as displace_ones,
    erase_ones as erase_ones,
    sparse_patterns as sparse_patterns,
)
from .spectral import (
    SpectralGroups as SpectralGroups,
    clipped_spectrum as clipped_spectrum,
    spectral_groups as spectral_groups,
    spectral_rule as spectral_rule,
    unlearn_top as unlearn_top,
)
from .thermal import ThermalMemory as ThermalMemory
from .training import (
    symmetric_perceptron as symmetric_perceptron,
    train_with_noise as train_with_noise,
)
from .willshaw import WillshawMemory as WillshawMemory

__version__: str
