"""The models that the command knows by name."""

from bridges.models.named import (
    FIRST as FIRST,
    MODELS as MODELS,
    NETWORKS as NETWORKS,
    SIDE_BY_SIDE as SIDE_BY_SIDE,
    Model as Model,
    Options as Options,
)
