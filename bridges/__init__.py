"""One measurement for every memory: diffusion memorization mapped onto attractor basins.

Names are loaded when they are first used, so that the `bridges` command answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridges import equivalence
    from bridges.graph import (
        GraphSummary,
        attractor_graph,
        chain_committor,
        committors,
        communities,
        summarise,
    )
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
    from bridges.transitions import ReturnCurve, Transitions, return_curve, transition_matrix

_HOMES = {
    "BasinRadius": "retrieval",
    "Calibration": "memorization",
    "Capacity": "retrieval",
    "DimensionContrast": "memorization",
    "GraphSummary": "graph",
    "MemorizationReport": "memorization",
    "Memory": "memory",
    "MemoryGeometry": "memorization",
    "Retrieval": "memory",
    "RetrievalMap": "retrieval",
    "ReturnCurve": "transitions",
    "Study": "study",
    "Transitions": "transitions",
    "as_memory": "memory",
    "attractor_graph": "graph",
    "basin_radius": "retrieval",
    "calibrate": "memorization",
    "capacity": "retrieval",
    "chain_committor": "graph",
    "committors": "graph",
    "communities": "graph",
    "dimension_contrast": "memorization",
    "memorization_report": "memorization",
    "memory_geometry": "memorization",
    "retrieval_map": "retrieval",
    "return_curve": "transitions",
    "run_study": "study",
    "summarise": "graph",
    "transition_matrix": "transitions",
}

__all__ = [
    "BasinRadius",
    "Calibration",
    "Capacity",
    "DimensionContrast",
    "GraphSummary",
    "MemorizationReport",
    "Memory",
    "MemoryGeometry",
    "Retrieval",
    "RetrievalMap",
    "ReturnCurve",
    "Study",
    "Transitions",
    "as_memory",
    "attractor_graph",
    "basin_radius",
    "calibrate",
    "capacity",
    "chain_committor",
    "committors",
    "communities",
    "dimension_contrast",
    "equivalence",
    "memorization_report",
    "memory_geometry",
    "retrieval_map",
    "return_curve",
    "run_study",
    "summarise",
    "transition_matrix",
]


def __getattr__(name: str) -> Any:
    if name == "equivalence":
        return import_module("bridges.equivalence")
    if name in _HOMES:
        return getattr(import_module(f"bridges.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'bridges' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
