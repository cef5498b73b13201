"""One measurement for every memory: diffusion memorization mapped onto attractor basins.

Names are loaded when they are first used, so that the `bridges` command answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridges import equivalence
    from bridges.attractors import Attractors, find_attractors
    from bridges.basins import (
        BasinEntropy,
        BasinFractions,
        basin_entropy,
        basin_entropy_sampled,
        basin_fractions,
    )
    from bridges.generalization import (
        Generalization,
        TwoHalves,
        generalization_report,
        two_halves,
    )
    from bridges.geometry import (
        DimensionContrast,
        MemoryGeometry,
        dimension_contrast,
        memory_geometry,
    )
    from bridges.matching import Continuation, Matching, continuation, match
    from bridges.memorization import (
        Calibration,
        MemorizationFractions,
        MemorizationReport,
        calibrate,
        memorization_fractions,
        memorization_report,
    )
    from bridges.memory import Memory, Retrieval, as_memory
    from bridges.results import Study
    from bridges.retrieval import (
        BasinRadius,
        Capacity,
        RetrievalMap,
        basin_radius,
        capacity,
        retrieval_map,
    )
    from bridges.starts import Starts
    from bridges.study import run_study

_HOMES = {
    "Attractors": "attractors",
    "BasinEntropy": "basins",
    "BasinFractions": "basins",
    "BasinRadius": "retrieval",
    "Calibration": "memorization",
    "Capacity": "retrieval",
    "Continuation": "matching",
    "DimensionContrast": "geometry",
    "Generalization": "generalization",
    "Matching": "matching",
    "MemorizationFractions": "memorization",
    "MemorizationReport": "memorization",
    "Memory": "memory",
    "MemoryGeometry": "geometry",
    "Retrieval": "memory",
    "RetrievalMap": "retrieval",
    "Starts": "starts",
    "Study": "study",
    "TwoHalves": "generalization",
    "as_memory": "memory",
    "basin_entropy": "basins",
    "basin_entropy_sampled": "basins",
    "basin_fractions": "basins",
    "basin_radius": "retrieval",
    "calibrate": "memorization",
    "capacity": "retrieval",
    "continuation": "matching",
    "dimension_contrast": "geometry",
    "find_attractors": "attractors",
    "generalization_report": "generalization",
    "match": "matching",
    "memorization_fractions": "memorization",
    "memorization_report": "memorization",
    "memory_geometry": "geometry",
    "retrieval_map": "retrieval",
    "run_study": "study",
    "two_halves": "generalization",
}

__all__ = [
    "Attractors",
    "BasinEntropy",
    "BasinFractions",
    "BasinRadius",
    "Calibration",
    "Capacity",
    "Continuation",
    "DimensionContrast",
    "Generalization",
    "Matching",
    "MemorizationFractions",
    "MemorizationReport",
    "Memory",
    "MemoryGeometry",
    "Retrieval",
    "RetrievalMap",
    "Starts",
    "Study",
    "TwoHalves",
    "as_memory",
    "basin_entropy",
    "basin_entropy_sampled",
    "basin_fractions",
    "basin_radius",
    "calibrate",
    "capacity",
    "continuation",
    "dimension_contrast",
    "equivalence",
    "find_attractors",
    "generalization_report",
    "match",
    "memorization_fractions",
    "memorization_report",
    "memory_geometry",
    "retrieval_map",
    "run_study",
    "two_halves",
]


def __getattr__(name: str) -> Any:
    if name == "equivalence":
        return import_module("bridges.equivalence")
    if name in _HOMES:
        return getattr(import_module(f"bridges.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'bridges' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
