"""One measurement for every memory: diffusion memorization mapped onto attractor basins.

Names are loaded when they are first used, so that the `bridges` command answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridges import equivalence
    from bridges.appearance import class_appearance, class_uturns, median_appearance
    from bridges.classes import ClassBasins, ClassCapacity, class_basins, class_capacity
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
    from bridges.retrieval import (
        BasinRadius,
        Capacity,
        RetrievalMap,
        basin_radius,
        capacity,
        retrieval_map,
    )
    from bridges.study import Study, run_study

_HOMES = {
    "BasinRadius": "retrieval",
    "Calibration": "memorization",
    "Capacity": "retrieval",
    "ClassBasins": "classes",
    "ClassCapacity": "classes",
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
    "capacity": "retrieval",
    "class_appearance": "appearance",
    "class_basins": "classes",
    "class_capacity": "classes",
    "class_uturns": "appearance",
    "dimension_contrast": "memorization",
    "median_appearance": "appearance",
    "memorization_report": "memorization",
    "memory_geometry": "memorization",
    "retrieval_map": "retrieval",
    "run_study": "study",
}

__all__ = [
    "BasinRadius",
    "Calibration",
    "Capacity",
    "ClassBasins",
    "ClassCapacity",
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
    "class_appearance",
    "class_basins",
    "class_capacity",
    "class_uturns",
    "dimension_contrast",
    "equivalence",
    "median_appearance",
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
