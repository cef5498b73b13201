"""Checks at the public door of `bridges`, and the base of its results.

The only module of `bridges` that reaches behind the doors of the two packages that it joins, so
that all three refuse an argument in the same words and write a result in the same form.
"""

import torch

from diffusion._checks import Level, noise_level, normal_like, points, rows_of_classes
from diffusion._units import check_units
from hopfield._checks import (
    Seed,
    choice,
    generator_from,
    matrix,
    number,
    positive,
    stored,
    whole,
)
from hopfield._results import Result

__all__ = [
    "Level",
    "Result",
    "Seed",
    "check_units",
    "choice",
    "generator_from",
    "matrix",
    "noise_level",
    "normal_like",
    "number",
    "points",
    "positive",
    "rows_of_classes",
    "stored",
    "whole",
    "whole_seed",
]


def whole_seed(seed: Seed) -> int:
    """One whole number from an int, a generator or fresh entropy."""
    if seed is not None and not isinstance(seed, torch.Generator):
        return whole("seed", seed, low=0)
    return int(torch.randint(2**62, (1,), generator=generator_from(seed, "whole_seed")))
