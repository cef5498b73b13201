"""One measurement for every memory: diffusion memorization mapped onto attractor basins.

Names are loaded when they are first used, so that the `bridges` command answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridges import equivalence
    from bridges.appearance import class_appearance, class_uturns, median_appearance
    from bridges.attractors import Attractors, find_attractors
    from bridges.basins import (
        BasinEntropy,
        BasinFractions,
        basin_entropy,
        basin_entropy_sampled,
        basin_fractions,
    )
    from bridges.capacities import Capacity, CapacityScaling, capacity, capacity_scaling
    from bridges.classes import ClassBasins, ClassCapacity, class_basins, class_capacity
    from bridges.generalization import Generalization, TwoHalves, generalization_report, two_halves
    from bridges.geometry import (
        DimensionContrast,
        MemoryGeometry,
        dimension_contrast,
        memory_geometry,
    )
    from bridges.graph import (
        GraphSummary,
        attractor_graph,
        chain_committor,
        committors,
        communities,
        summarise,
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
    from bridges.prompts import PromptedMemory, class_memories, memory_of_classes
    from bridges.results import Study
    from bridges.retrieval import BasinRadius, RetrievalMap, basin_radius, retrieval_map
    from bridges.starts import Starts
    from bridges.study import run_study
    from bridges.transitions import ReturnCurve, Transitions, return_curve, transition_matrix

_HOMES = {
    "Attractors": "attractors",
    "BasinEntropy": "basins",
    "BasinFractions": "basins",
    "BasinRadius": "retrieval",
    "Calibration": "memorization",
    "Capacity": "capacities",
    "CapacityScaling": "capacities",
    "ClassBasins": "classes",
    "ClassCapacity": "classes",
    "Continuation": "matching",
    "DimensionContrast": "geometry",
    "Generalization": "generalization",
    "GraphSummary": "graph",
    "Matching": "matching",
    "MemorizationFractions": "memorization",
    "MemorizationReport": "memorization",
    "Memory": "memory",
    "MemoryGeometry": "geometry",
    "PromptedMemory": "prompts",
    "Retrieval": "memory",
    "RetrievalMap": "retrieval",
    "ReturnCurve": "transitions",
    "Starts": "starts",
    "Study": "results",
    "Transitions": "transitions",
    "TwoHalves": "generalization",
    "as_memory": "memory",
    "attractor_graph": "graph",
    "basin_entropy": "basins",
    "basin_entropy_sampled": "basins",
    "basin_fractions": "basins",
    "basin_radius": "retrieval",
    "calibrate": "memorization",
    "capacity": "capacities",
    "capacity_scaling": "capacities",
    "chain_committor": "graph",
    "class_appearance": "appearance",
    "class_basins": "classes",
    "class_capacity": "classes",
    "class_memories": "prompts",
    "class_uturns": "appearance",
    "committors": "graph",
    "communities": "graph",
    "continuation": "matching",
    "dimension_contrast": "geometry",
    "find_attractors": "attractors",
    "generalization_report": "generalization",
    "match": "matching",
    "median_appearance": "appearance",
    "memorization_fractions": "memorization",
    "memorization_report": "memorization",
    "memory_geometry": "geometry",
    "memory_of_classes": "prompts",
    "retrieval_map": "retrieval",
    "return_curve": "transitions",
    "run_study": "study",
    "summarise": "graph",
    "transition_matrix": "transitions",
    "two_halves": "generalization",
}

__all__ = [
    "Attractors",
    "BasinEntropy",
    "BasinFractions",
    "BasinRadius",
    "Calibration",
    "Capacity",
    "CapacityScaling",
    "ClassBasins",
    "ClassCapacity",
    "Continuation",
    "DimensionContrast",
    "Generalization",
    "GraphSummary",
    "Matching",
    "MemorizationFractions",
    "MemorizationReport",
    "Memory",
    "MemoryGeometry",
    "PromptedMemory",
    "Retrieval",
    "RetrievalMap",
    "ReturnCurve",
    "Starts",
    "Study",
    "Transitions",
    "TwoHalves",
    "as_memory",
    "attractor_graph",
    "basin_entropy",
    "basin_entropy_sampled",
    "basin_fractions",
    "basin_radius",
    "calibrate",
    "capacity",
    "capacity_scaling",
    "chain_committor",
    "class_appearance",
    "class_basins",
    "class_capacity",
    "class_memories",
    "class_uturns",
    "committors",
    "communities",
    "continuation",
    "dimension_contrast",
    "equivalence",
    "find_attractors",
    "generalization_report",
    "match",
    "median_appearance",
    "memorization_fractions",
    "memorization_report",
    "memory_geometry",
    "memory_of_classes",
    "retrieval_map",
    "return_curve",
    "run_study",
    "summarise",
    "transition_matrix",
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
