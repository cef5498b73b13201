"""The models that the command knows by name, and those that it is given by path."""

from bridges.models.model import (
    Model as Model,
    Options as Options,
    Reading as Reading,
)
from bridges.models.named import (
    FIRST as FIRST,
    MODELS as MODELS,
    NETWORKS as NETWORKS,
    SIDE_BY_SIDE as SIDE_BY_SIDE,
    SPANNED as SPANNED,
)
from bridges.models.paths import (
    content_of as content_of,
    find_model as find_model,
    label_of as label_of,
    load_model as load_model,
    place as place,
    plugins as plugins,
)
