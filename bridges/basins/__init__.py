"""Basins of attraction of any memory: how large they are, how entangled, and their picture."""

from bridges.basins.fractions import (
    BasinEntropy as BasinEntropy,
    BasinFractions as BasinFractions,
    basin_entropy as basin_entropy,
    basin_entropy_sampled as basin_entropy_sampled,
    basin_fractions as basin_fractions,
)
from bridges.basins.landscape import (
    Landscape as Landscape,
    landscape as landscape,
)
