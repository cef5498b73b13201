"""One measurement for every memory: diffusion memorization mapped onto attractor basins.

Names are loaded when they are first used, so that the `bridges` command answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridges import equivalence
    from bridges.capacities import Capacity, CapacityScaling, capacity, capacity_scaling
    from bridges.memorization import (
        Calibration,
        DimensionContrast,
        MemorizationReport,
        MemoryGeometry,
        calibrate,
        dimension_contrast,
        memorization_report,
        memory_geometry,
    )
    from bridges.memory import Memory, Retrieval, as_memory
    from bridges.results import Study
    from bridges.retrieval import BasinRadius, RetrievalMap, basin_radius, retrieval_map
    from bridges.study import run_study

_HOMES = {
    "BasinRadius": "retrieval",
    "Calibration": "memorization",
    "Capacity": "capacities",
    "CapacityScaling": "capacities",
    "DimensionContrast": "memorization",
    "MemorizationReport": "memorization",
    "Memory": "memory",
    "MemoryGeometry": "memorization",
    "Retrieval": "memory",
    "RetrievalMap": "retrieval",
    "Study": "study",
    "as_memory": "memory",
    "basin_radius": "retrieval",
    "calibrate": "memorization",
    "capacity": "capacities",
    "capacity_scaling": "capacities",
    "dimension_contrast": "memorization",
    "memorization_report": "memorization",
    "memory_geometry": "memorization",
    "retrieval_map": "retrieval",
    "run_study": "study",
}

__all__ = [
    "BasinRadius",
    "Calibration",
    "Capacity",
    "CapacityScaling",
    "DimensionContrast",
    "MemorizationReport",
    "Memory",
    "MemoryGeometry",
    "Retrieval",
    "RetrievalMap",
    "Study",
    "as_memory",
    "basin_radius",
    "calibrate",
    "capacity",
    "capacity_scaling",
    "dimension_contrast",
    "equivalence",
    "memorization_report",
    "memory_geometry",
    "retrieval_map",
    "run_study",
]


def __getattr__(name: str) -> Any:
    if name == "equivalence":
        return import_module("bridges.equivalence")
    if name in _HOMES:
        return getattr(import_module(f"bridges.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'bridges' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
