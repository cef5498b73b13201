"""Checks at the public door of `bridges`: those of the two packages that it joins.

The only module of `bridges` that reaches behind the doors of the others, so that all three
refuse an argument in the same words.
"""

from diffusion._checks import Level, noise_level, normal_like, points, rows_of_classes
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

__all__ = [
    "Level",
    "Seed",
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
]
