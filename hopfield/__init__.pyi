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
from .dreams import daydream as daydream, unlearn as unlearn
from .history import History as History, TrainingResult as TrainingResult
from .network import HopfieldNetwork as HopfieldNetwork, stabilities as stabilities
from .noise import (
    FixedPoint as FixedPoint,
    Kawasaki as Kawasaki,
    NoiseStructure as NoiseStructure,
    Thermal as Thermal,
    Uniform as Uniform,
    noise_structure as noise_structure,
)
from .patterns import (
    binarize as binarize,
    clustered_patterns as clustered_patterns,
    flip_spins as flip_spins,
    overlap as overlap,
    random_patterns as random_patterns,
)
from .relaxation import Relaxation as Relaxation
from .training import (
    symmetric_perceptron as symmetric_perceptron,
    train_with_noise as train_with_noise,
)

__version__: str
