"""Attractors of any memory: where many starts end, and what becomes of it along a parameter."""

from bridges.attractors.finding import (
    COLOURS as COLOURS,
    KINDS as KINDS,
    Attractors as Attractors,
    find_attractors as find_attractors,
)
