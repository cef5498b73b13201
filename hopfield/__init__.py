"""Recurrent associative memories: patterns, learning rules, networks, dense memories."""

from importlib.metadata import version

from hopfield.couplings import (
    NotSeparableError,
    dreaming_kernel,
    hebbian,
    max_margin,
    paramagnetic_unlearning,
    pseudo_inverse,
    storkey,
)
from hopfield.dense import DenseMemory
from hopfield.dreams import daydream, unlearn
from hopfield.history import History, TrainingResult
from hopfield.network import HopfieldNetwork, stabilities
from hopfield.noise import FixedPoint, Kawasaki, NoiseStructure, Thermal, Uniform, noise_structure
from hopfield.patterns import (
    binarize,
    clustered_patterns,
    flip_spins,
    overlap,
    random_patterns,
)
from hopfield.relaxation import Relaxation
from hopfield.training import symmetric_perceptron, train_with_noise

__version__ = version("hopfield-diffusion")

__all__ = [
    "DenseMemory",
    "FixedPoint",
    "History",
    "HopfieldNetwork",
    "Kawasaki",
    "NoiseStructure",
    "NotSeparableError",
    "Relaxation",
    "Thermal",
    "TrainingResult",
    "Uniform",
    "binarize",
    "clustered_patterns",
    "daydream",
    "dreaming_kernel",
    "flip_spins",
    "hebbian",
    "max_margin",
    "noise_structure",
    "overlap",
    "paramagnetic_unlearning",
    "pseudo_inverse",
    "random_patterns",
    "stabilities",
    "storkey",
    "symmetric_perceptron",
    "train_with_noise",
    "unlearn",
]
