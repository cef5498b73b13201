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
    "area_law",
    "basin_edge",
    "clone_probability",
    "collapse_sigma",
    "condensation_sigma",
    "critical_size_jacobian",
    "critical_size_score",
    "effective_number",
    "excess_entropy",
    "final_gap",
    "intermediate_gap",
    "marchenko_pastur_edges",
    "mutual_information",
    "onset_sigma",
    "participation_ratio",
    "return_probability",
    "snr_jacobian",
    "snr_score",
    "speciation_time",
    "switch_sigma",
    "widest_gap_sigma",
]
