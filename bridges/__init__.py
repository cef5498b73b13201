"""One measurement for every memory: diffusion memorization mapped onto attractor basins.

Names are loaded when they are first used, so that the `bridges` command answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridges import equivalence
    from bridges.classes import PromptedMemory, class_memories, memory_of_classes
    from bridges.geometry import (
        DimensionContrast,
        MemoryGeometry,
        dimension_contrast,
        memory_geometry,
    )
    from bridges.memorization import (
        Calibration,
        MemorizationFractions,
        MemorizationReport,
        calibrate,
        memorization_fractions,
        memorization_report,
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
    "DimensionContrast": "geometry",
    "MemorizationFractions": "memorization",
    "MemorizationReport": "memorization",
    "Memory": "memory",
    "MemoryGeometry": "geometry",
    "PromptedMemory": "classes",
    "Retrieval": "memory",
    "RetrievalMap": "retrieval",
    "Study": "study",
    "as_memory": "memory",
    "basin_radius": "retrieval",
    "calibrate": "memorization",
    "capacity": "retrieval",
    "class_memories": "classes",
    "dimension_contrast": "geometry",
    "memorization_fractions": "memorization",
    "memorization_report": "memorization",
    "memory_geometry": "geometry",
    "memory_of_classes": "classes",
    "retrieval_map": "retrieval",
    "run_study": "study",
}

__all__ = [
    "BasinRadius",
    "Calibration",
    "Capacity",
    "DimensionContrast",
    "MemorizationFractions",
    "MemorizationReport",
    "Memory",
    "MemoryGeometry",
    "PromptedMemory",
    "Retrieval",
    "RetrievalMap",
    "Study",
    "as_memory",
    "basin_radius",
    "calibrate",
    "capacity",
    "class_memories",
    "dimension_contrast",
    "equivalence",
    "memorization_fractions",
    "memorization_report",
    "memory_geometry",
    "memory_of_classes",
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
