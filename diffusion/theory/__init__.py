"""Closed forms: plain functions of plain numbers, floats or arrays."""

from diffusion.theory.collapse import (
    area_law,
    basin_edge,
    collapse_sigma,
    condensation_sigma,
    excess_entropy,
    mutual_information,
    onset_sigma,
    participation_ratio,
    return_probability,
)
from diffusion.theory.guidance import class_condensation, guided_moments, mean_weight, window_switch
from diffusion.theory.mean_field import (
    MeanField,
    guided_condensation,
    guided_mean_field,
    guided_power_law,
    mean_field_path,
)
from diffusion.theory.speciation import clone_probability, speciation_time
from diffusion.theory.subspaces import (
    critical_size_jacobian,
    critical_size_score,
    effective_number,
    final_gap,
    intermediate_gap,
    marchenko_pastur_edges,
    snr_jacobian,
    snr_score,
    switch_sigma,
    widest_gap_sigma,
)

__all__ = [
    "MeanField",
    "area_law",
    "basin_edge",
    "class_condensation",
    "clone_probability",
    "collapse_sigma",
    "condensation_sigma",
    "critical_size_jacobian",
    "critical_size_score",
    "effective_number",
    "excess_entropy",
    "final_gap",
    "guided_condensation",
    "guided_mean_field",
    "guided_moments",
    "guided_power_law",
    "intermediate_gap",
    "marchenko_pastur_edges",
    "mean_field_path",
    "mean_weight",
    "mutual_information",
    "onset_sigma",
    "participation_ratio",
    "return_probability",
    "snr_jacobian",
    "snr_score",
    "speciation_time",
    "switch_sigma",
    "widest_gap_sigma",
    "window_switch",
]
