"""Checks at the public door of `hopfield.theory`, whose arguments are numbers and arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hopfield._checks import number, positive

Array = NDArray[np.float64]

LARGEST_NOISE = 1e150  # its square is finite


def above(name: str, value: ArrayLike, *, finite: bool = False) -> Array:
    """Return `value` as an array of numbers above 0, infinity among them unless `finite`."""
    array = np.asarray(value, dtype=float)
    if not ((array > 0) & ((array < np.inf) | (not finite))).all():
        raise ValueError(f"{name} must be {'finite and ' if finite else ''}above 0, got {value!r}")
    return array


def at_least(name: str, value: ArrayLike, low: float = 0) -> Array:
    """Return `value` as an array of finite numbers of at least `low`."""
    array = np.asarray(value, dtype=float)
    if not ((array >= low) & (array < np.inf)).all():
        raise ValueError(f"{name} must be finite and at least {low:g}, got {value!r}")
    return array


def noise(value: ArrayLike) -> Array:
    """Return `value` as an array of noise levels s ≥ 0 whose squares are finite."""
    array = at_least("noise", value)
    if not (array <= LARGEST_NOISE).all():
        raise ValueError(f"noise must be at most {LARGEST_NOISE:g}, got {value!r}")
    return array


def one_noise(value: float) -> float:
    """Return one noise level s > 0; the squares of s and of 1/s are finite."""
    return number("noise", positive("noise", value), low=1 / LARGEST_NOISE, high=LARGEST_NOISE)


def within(
    name: str, value: ArrayLike, low: float = 0, high: float = 1, *, open_low: bool = False
) -> Array:
    """Return `value` as an array of numbers in [low, high], or (low, high] if `open_low`."""
    array = np.asarray(value, dtype=float)
    if not ((array >= low) & (array <= high)).all() or (open_low and (array == low).any()):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}]"
        raise ValueError(f"{name} must lie in {interval}, got {value!r}")
    return array
