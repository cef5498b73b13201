"""Checks at the public door of `hopfield.theory`, whose arguments are numbers and arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def above(name: str, value: ArrayLike) -> Array:
    """`value` as an array of numbers above 0; ∞ is one."""
    array = np.asarray(value, dtype=float)
    if not (array > 0).all():
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return array


def at_least(name: str, value: ArrayLike, low: float = 0) -> Array:
    """`value` as an array of finite numbers of at least `low`."""
    array = np.asarray(value, dtype=float)
    if not ((array >= low) & (array < np.inf)).all():
        raise ValueError(f"{name} must be finite and at least {low:g}, got {value!r}")
    return array


def noise(value: ArrayLike) -> Array:
    """`value` as an array of noise levels s ≥ 0 whose squares are numbers."""
    array = at_least("noise", value)
    if not (array <= 1e150).all():
        raise ValueError(f"noise must be at most 1e150, got {value!r}")
    return array


def within(name: str, value: ArrayLike) -> Array:
    """`value` as an array of numbers in [0, 1]."""
    array = np.asarray(value, dtype=float)
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"{name} must lie in [0, 1], got {value!r}")
    return array
