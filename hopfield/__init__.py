"""Recurrent associative memories: patterns, learning rules, networks, dense memories."""

from hopfield.couplings import hebbian, pseudo_inverse
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
    "flip_spins",
    "hebbian",
    "overlap",
    "pseudo_inverse",
    "random_patterns",
    "stabilities",
]
