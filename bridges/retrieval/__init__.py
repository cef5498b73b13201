"""What comes back from a cue: how often, from how far, and by which way."""

from bridges.retrieval.map import (
    BasinRadius as BasinRadius,
    MidpointRadius as MidpointRadius,
    RetrievalMap as RetrievalMap,
    basin_radius as basin_radius,
    midpoint_radius as midpoint_radius,
    positive_grid as positive_grid,
    retrieval_map as retrieval_map,
)
from bridges.retrieval.path import RecallPath as RecallPath, recall_path as recall_path
