from . import (
    equivalence as equivalence,
)
from .attractors import (
    Attractors as Attractors,
    find_attractors as find_attractors,
)
from .attractors.following import (
    Continuation as Continuation,
    continuation as continuation,
)
from .attractors.matching import (
    Matching as Matching,
    match as match,
)
from .basins import (
    BasinEntropy as BasinEntropy,
    BasinFractions as BasinFractions,
    basin_entropy as basin_entropy,
    basin_entropy_sampled as basin_entropy_sampled,
    basin_fractions as basin_fractions,
)
from .basins.landscape import (
    Landscape as Landscape,
    landscape as landscape,
)
from .basins.transport import (
    UnlearnedWeights as UnlearnedWeights,
    balanced_weights as balanced_weights,
    unlearn_weights as unlearn_weights,
)
from .capacities import (
    Capacity as Capacity,
    CapacityScaling as CapacityScaling,
    capacity as capacity,
    capacity_scaling as capacity_scaling,
)
from .classes.appearance import (
    class_appearance as class_appearance,
    class_uturns as class_uturns,
    median_appearance as median_appearance,
)
from .classes.basins import (
    ClassBasins as ClassBasins,
    ClassCapacity as ClassCapacity,
    class_basins as class_basins,
    class_capacity as class_capacity,
)
from .crossing import (
    SizeDependence as SizeDependence,
    size_dependence as size_dependence,
)
from .data import (
    DataSet as DataSet,
    load_data as load_data,
)
from .generalization import (
    Generalization as Generalization,
    TwoHalves as TwoHalves,
    generalization_report as generalization_report,
    two_halves as two_halves,
)
from .geometry import (
    DimensionContrast as DimensionContrast,
    MemoryGeometry as MemoryGeometry,
    dimension_contrast as dimension_contrast,
    memory_geometry as memory_geometry,
)
from .graph import (
    GraphSummary as GraphSummary,
    attractor_graph as attractor_graph,
    chain_committor as chain_committor,
    committors as committors,
    communities as communities,
    summarise as summarise,
)
from .memorization import (
    Calibration as Calibration,
    MemorizationFractions as MemorizationFractions,
    MemorizationReport as MemorizationReport,
    calibrate as calibrate,
    memorization_fractions as memorization_fractions,
    memorization_report as memorization_report,
)
from .memorization.listing import (
    CopyList as CopyList,
    list_copies as list_copies,
)
from .memorization.meetings import (
    HeldOutCurve as HeldOutCurve,
    Meeting as Meeting,
    held_out_curve as held_out_curve,
    meeting as meeting,
)
from .memorization.monitor import (
    Look as Look,
    MemorizationMonitor as MemorizationMonitor,
)
from .memorization.own_half import (
    OwnHalf as OwnHalf,
    bias_onset as bias_onset,
    own_half_excess as own_half_excess,
)
from .memorization.return_levels import (
    CopyPrediction as CopyPrediction,
    ReturnLevels as ReturnLevels,
    copy_prediction as copy_prediction,
    return_levels as return_levels,
)
from .memorization.unseen import (
    HeldOutGap as HeldOutGap,
    held_out_gap as held_out_gap,
)
from .memory import (
    Memory as Memory,
    Retrieval as Retrieval,
    as_memory as as_memory,
)
from .memory.prompts import (
    PromptedMemory as PromptedMemory,
    class_memories as class_memories,
    memory_of_classes as memory_of_classes,
)
from .models import (
    load_model as load_model,
)
from .retrieval import (
    BasinRadius as BasinRadius,
    MidpointRadius as MidpointRadius,
    RecallPath as RecallPath,
    RetrievalMap as RetrievalMap,
    basin_radius as basin_radius,
    midpoint_radius as midpoint_radius,
    recall_path as recall_path,
    retrieval_map as retrieval_map,
)
from .starts import (
    Starts as Starts,
)
from .study.folders import (
    load_run as load_run,
)
from .study.results import (
    Study as Study,
)
from .study.run import (
    run_study as run_study,
)
from .transitions import (
    ReturnCurve as ReturnCurve,
    Transitions as Transitions,
    return_curve as return_curve,
    transition_matrix as transition_matrix,
)
from .verbs import (
    write_report as write_report,
)

__version__: str
