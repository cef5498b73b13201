"""Checks at the public door of `hopfield.theory`, whose arguments are numbers and arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hopfield._checks import doubles, number, positive, shown

Array = NDArray[np.float64]

LARGEST = 1e150  # its square is finite


def above(name: str, value: ArrayLike, *, finite: bool = False) -> Array:
    """Return `value` as an array of numbers above 0, infinity among them unless `finite`."""
    array = doubles(name, value)
    if not ((array > 0) & ((array < np.inf) | (not finite))).all():
        wanted = f"{'finite and ' if finite else ''}above 0"
        raise ValueError(f"{name} must be {wanted}, got {shown(value)}")
    return _with_squares(name, array)


def at_least(name: str, value: ArrayLike, low: float = 0) -> Array:
    """Return `value` as an array of finite numbers of at least `low`."""
    array = doubles(name, value)
    if not ((array >= low) & (array < np.inf)).all():
        raise ValueError(f"{name} must be finite and at least {low:g}, got {shown(value)}")
    return array


def from_zero(name: str, value: ArrayLike) -> Array:
    """Return `value` as an array of numbers of at least 0 whose squares are finite."""
    return _with_squares(name, at_least(name, value))


def one_noise(value: float) -> float:
    """Return one noise level s > 0; the squares of s and of 1/s are finite."""
    return number("noise", positive("noise", value), low=1 / LARGEST, high=LARGEST)


def within(
    name: str, value: ArrayLike, low: float = 0, high: float = 1, *, open_low: bool = False
) -> Array:
    """Return `value` as an array of numbers in [low, high], or (low, high] if `open_low`."""
    array = doubles(name, value)
    if not ((array >= low) & (array <= high)).all() or (open_low and (array == low).any()):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}]"
        raise ValueError(f"{name} must lie in {interval}, got {shown(value)}")
    return array


def _with_squares(name: str, array: Array) -> Array:
    """Return numbers whose squares are finite, or which are infinite themselves."""
    if not ((array <= LARGEST) | (array == np.inf)).all():
        raise ValueError(f"{name} must be at most {LARGEST:g}, got {array.max():g}")
    return array
