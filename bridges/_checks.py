"""Checks at the public door of `bridges`, and the base of its results.

The only module of `bridges` that reaches behind the doors of the two packages that it joins, so
that all three refuse an argument in the same words and write a result in the same form.
"""

import torch

from diffusion._checks import (
    Level as Level,
    noise_level as noise_level,
    normal_like as normal_like,
    points as points,
    rows_of_classes as rows_of_classes,
)
from diffusion._units import check_units as check_units
from hopfield._checks import (
    Seed as Seed,
    choice as choice,
    generator_from as generator_from,
    matrix as matrix,
    number as number,
    positive as positive,
    stored as stored,
    whole as whole,
)
from hopfield._limits import (
    gigabytes_given as gigabytes_given,
    memory_limit as memory_limit,
    within_memory as within_memory,
)
from hopfield._progress import (
    followed as followed,
    silent as silent,
    silently as silently,
    ticking as ticking,
)
from hopfield._results import Result as Result


def whole_seed(seed: Seed) -> int:
    """One whole number from an int, a generator or fresh entropy."""
    if seed is not None and not isinstance(seed, torch.Generator):
        return whole("seed", seed, low=0)
    return int(torch.randint(2**62, (1,), generator=generator_from(seed, "whole_seed")))
