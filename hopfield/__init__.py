"""Recurrent associative memories: patterns, learning rules, networks, dense memories."""

from hopfield.couplings import (
    dreaming_kernel,
    hebbian,
    max_margin,
    paramagnetic_unlearning,
    pseudo_inverse,
    storkey,
)
from hopfield.dense import DenseMemory
from hopfield.network import HopfieldNetwork, stabilities
from hopfield.patterns import (
    binarize,
    clustered_patterns,
    flip_spins,
    overlap,
    random_patterns,
)
from hopfield.relaxation import Relaxation

__all__ = [
    "DenseMemory",
    "HopfieldNetwork",
    "Relaxation",
    "binarize",
    "clustered_patterns",
    "dreaming_kernel",
    "flip_spins",
    "hebbian",
    "max_margin",
    "overlap",
    "paramagnetic_unlearning",
    "pseudo_inverse",
    "random_patterns",
    "stabilities",
    "storkey",
]
