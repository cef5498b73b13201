"""Closed forms for associative memories: plain functions of plain numbers."""

from hopfield.theory.decoding import argmax_retrieval, argmax_retrieval_spins
from hopfield.theory.mean_field import (
    ags_capacity,
    ags_overlap,
    gardner_kappa,
    hebbian_one_step,
    one_step_overlap,
)
from hopfield.theory.training import noise_minimum, noise_norm, perceptron_loss, retrieval_loss

__all__ = [
    "ags_capacity",
    "ags_overlap",
    "argmax_retrieval",
    "argmax_retrieval_spins",
    "gardner_kappa",
    "hebbian_one_step",
    "noise_minimum",
    "noise_norm",
    "one_step_overlap",
    "perceptron_loss",
    "retrieval_loss",
]
