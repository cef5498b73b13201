"""Checks at the public door of `hopfield`: one form of message, one place.

Every check names the argument, says what was given and what is allowed, and returns
the argument in the form that the inner code relies on. Inner code does not check again.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Seed = int | torch.Generator | None


def tensor_of(value: Any) -> Tensor:
    """Return `value` as a tensor; plain numbers and lists of them keep double precision.

    It is for what takes the precision of something else, or is computed in double.
    """
    return value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))


def working(tensor: Tensor) -> Tensor:
    """Return a tensor in a precision to compute in: single at least, its own beyond.

    Half precision is one of storage: sums of its numbers have no digits left.
    """
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def matrix(name: str, value: Any, *, columns: int | None = None) -> Tensor:
    """Return `value` as a finite, non-empty floating tensor of shape (rows, columns)."""
    tensor = torch.as_tensor(value)
    if tensor.is_complex():
        raise ValueError(f"{name} must be real, got {tensor.dtype}; take its .real or .abs()")
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.float64)
    if tensor.ndim != 2 or (columns is not None and tensor.shape[1] != columns):
        wanted = f"(rows, {'columns' if columns is None else columns})"
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(tensor.shape)}")
    if tensor.shape[1] == 0:
        raise ValueError(f"{name} must have at least one column, got {tuple(tensor.shape)}")
    if not torch.isfinite(tensor.sum()):  # costs no temporary of that size
        bad = int((~torch.isfinite(tensor)).sum())
        if bad:
            raise ValueError(f"{name} must be finite, got {bad} NaN or infinite entries")
    return tensor


def spins(name: str, value: Any, *, columns: int | None = None) -> Tensor:
    """Return `value` as a (rows, columns) tensor with entries ±1."""
    tensor = matrix(name, value, columns=columns)
    if not (tensor.abs() == 1).all():
        low, high = float(tensor.min()), float(tensor.max())
        distinct = len(torch.unique(tensor))
        raise ValueError(
            f"{name} must have entries ±1, got {distinct} values in [{low:g}, {high:g}]; "
            "binarise them with hopfield.binarize"
        )
    return tensor


def stored(name: str, value: Any, *, binary: bool, columns: int | None = None) -> Tensor:
    """Return `value` as a set of at least one pattern, ±1 if `binary`."""
    tensor = (spins if binary else matrix)(name, value, columns=columns)
    if len(tensor) == 0:
        raise ValueError(f"{name} must hold at least one pattern, got shape {tuple(tensor.shape)}")
    return tensor


def square(name: str, value: Any) -> Tensor:
    """Return `value`, or the `couplings` of what training returns, as a finite square matrix."""
    tensor = matrix(name, getattr(value, "couplings", value))
    if tensor.shape[0] != tensor.shape[1]:
        raise ValueError(f"{name} must be square, (N, N), got {tuple(tensor.shape)}")
    return tensor


def symmetric(name: str, value: Any) -> Tensor:
    """Return `value` as a finite symmetric matrix, to rounding."""
    tensor = square(name, value)
    if not is_symmetric(tensor):
        rows = working(tensor)
        largest = float((rows - rows.T).abs().max())
        raise ValueError(
            f"{name} must be symmetric, got a largest |{name} − {name}ᵀ| of {largest:g}"
        )
    return tensor


def is_symmetric(matrix: Tensor) -> bool:
    """True if a square matrix equals its transpose to rounding."""
    rows = working(matrix)
    rounding = 100 * torch.finfo(rows.dtype).eps * float(rows.abs().max())
    return float((rows - rows.T).abs().max()) <= rounding


def number(
    name: str,
    value: float,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
) -> float:
    """Return `value` as a float inside [low, high], or (low, high] if `open_low`."""
    result = float(value)
    if not (low <= result <= high) or (open_low and result == low):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}]"
        raise ValueError(f"{name} must lie in {interval}, got {value}")
    return result


def positive(name: str, value: float) -> float:
    """Return `value` as a finite float above 0."""
    result = float(value)
    if not 0 < result < math.inf:
        raise ValueError(f"{name} must be a finite number above 0, got {value}")
    return result


def whole(name: str, value: int, *, low: int = 1) -> int:
    """Return `value` as an integer of at least `low`."""
    if not math.isfinite(value) or int(value) != value or value < low:
        raise ValueError(f"{name} must be a whole number of at least {low}, got {value}")
    return int(value)


def choice(name: str, value: str, allowed: Sequence[str]) -> str:
    """Return `value`, one of the `allowed` words."""
    if value not in allowed:
        words = ", ".join(repr(word) for word in allowed)
        raise ValueError(f"{name} must be one of {words}, got {value!r}")
    return value


def generator_from(seed: Seed, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator: `seed` itself, one seeded by it, or for None one from fresh entropy.

    Parameters
    ----------
    seed : int, torch.Generator or None.
    stream : word for what the numbers are used for
        One whole number, given as seed to two functions, must not give both the same numbers.
    device : device of the generator.

    Raises
    ------
    ValueError : a seed that is not a whole number of at least 0.
    """
    if isinstance(seed, torch.Generator):
        return seed
    generator = torch.Generator(device=device)
    if seed is None:
        generator.seed()
    else:
        words = [whole("seed", seed, low=0), zlib.crc32(stream.encode())]
        generator.manual_seed(int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0]))
    return generator
