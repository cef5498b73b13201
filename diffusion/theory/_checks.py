"""Checks at the public door of `diffusion.theory`, whose arguments are numbers and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffusion._checks import doubles, shown

Array = NDArray[np.float64]


def positive(name: str, value: Any) -> Array:
    """`value` as a float64 array of positive finite numbers, of any shape."""
    array = doubles(name, value)
    if not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"{name} must be positive and finite, got {_worst(array)}")
    return array


def noise_variance(sigma: Any) -> Array:
    """σ² of noise levels σ whose squares, and their inverses, are numbers."""
    level = positive("sigma", sigma)
    if not ((level > 1e-150) & (level < 1e150)).all():
        raise ValueError(f"sigma must lie in (1e-150, 1e150), got {_worst(level)}")
    return level**2


def finite(name: str, value: Any) -> Array:
    """`value` as a float64 array of finite numbers, of any shape."""
    array = doubles(name, value)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinite entries")
    return array


def not_negative(name: str, value: Any) -> Array:
    """`value` as a float64 array of finite numbers from 0, of any shape."""
    array = doubles(name, value)
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"{name} must not be negative, got {np.min(array):g}")
    return array


def spectrum(variances: ArrayLike) -> Array:
    """The variances of a spectrum, (m,): none negative, and not all of them zero."""
    array = np.atleast_1d(doubles("variances", variances))
    if array.ndim != 1 or not (np.isfinite(array) & (array >= 0)).all() or not array.any():
        raise ValueError(
            "variances must be a list of numbers that are not negative, at least one of them "
            f"positive, got shape {array.shape} and smallest entry {_worst(array)}"
        )
    return array


def query(x: ArrayLike, variances: Array) -> Array:
    """A query along the directions of the `variances`, (m,)."""
    array = doubles("x", x)
    if array.shape not in ((), variances.shape) or not np.isfinite(array).all():
        raise ValueError(
            f"x must be finite, a number or of shape {variances.shape}, got shape {array.shape}"
        )
    return np.broadcast_to(array, variances.shape)


def size(P: ArrayLike, name: str = "P") -> Array:
    """A number of data points, more than 1."""
    array = doubles(name, P)
    if not (np.isfinite(array) & (array > 1)).all():
        raise ValueError(f"{name} must be a number of points above 1, got {_worst(array)}")
    return array


def within(name: str, value: Any, low: float, high: float) -> Array:
    """`value` as a float64 array of numbers in (low, high), of any shape."""
    array = doubles(name, value)
    if not ((array > low) & (array < high)).all():
        raise ValueError(f"{name} must lie in ({low:g}, {high:g}), got {shown(value)}")
    return array


def class_weights(weights: ArrayLike) -> Array:
    """Shares of classes (K,), positive, of sum 1. Raises ValueError."""
    rho = np.atleast_1d(positive("weights", weights))
    if rho.ndim != 1 or abs(rho.sum() - 1) > 1e-6:
        raise ValueError(f"weights must have shape (K,) and sum to 1, got a sum of {rho.sum():g}")
    return rho / rho.sum()


def _worst(array: Array) -> str:
    return f"{array.min():g}" if array.size else "nothing"
