"""Closed forms for associative memories: plain functions of plain numbers."""

from hopfield.theory.decoding import (
    argmax_capacity,
    argmax_retrieval,
    argmax_retrieval_normal,
    argmax_retrieval_spins,
)
from hopfield.theory.dense import (
    critical_noise,
    dense_load,
    dense_load_at_overlap,
    dense_load_of_all,
    flip_information,
    least_overlap,
    query_gain,
    spins_of_information,
)
from hopfield.theory.finite import fixed_point_load, posterior_weight_bound, sphere_average
from hopfield.theory.mean_field import (
    ags_capacity,
    ags_overlap,
    gardner_kappa,
    hebbian_one_step,
    one_step_overlap,
)
from hopfield.theory.sign_dynamics import (
    polynomial_capacity,
    polynomial_error,
    sign_dynamics_bound,
    sign_dynamics_load,
)
from hopfield.theory.training import noise_minimum, noise_norm, perceptron_loss, retrieval_loss

__all__ = [
    "ags_capacity",
    "ags_overlap",
    "argmax_capacity",
    "argmax_retrieval",
    "argmax_retrieval_normal",
    "argmax_retrieval_spins",
    "critical_noise",
    "dense_load",
    "dense_load_at_overlap",
    "dense_load_of_all",
    "fixed_point_load",
    "flip_information",
    "gardner_kappa",
    "hebbian_one_step",
    "least_overlap",
    "noise_minimum",
    "noise_norm",
    "one_step_overlap",
    "perceptron_loss",
    "polynomial_capacity",
    "polynomial_error",
    "posterior_weight_bound",
    "query_gain",
    "retrieval_loss",
    "sign_dynamics_bound",
    "sign_dynamics_load",
    "sphere_average",
    "spins_of_information",
]
