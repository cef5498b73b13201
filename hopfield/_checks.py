"""Checks at the public door of `hopfield`: one form of message, one place.

Every check names the argument, says what was given and what is allowed, and returns
the argument in the form that the inner code relies on. Inner code does not check again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hopfield._arguments import (
    Seed as Seed,
    array as array,
    choice as choice,
    converted as converted,
    device as device,
    doubles as doubles,
    dtype as dtype,
    flag as flag,
    function as function,
    generator_from as generator_from,
    instance as instance,
    number as number,
    one_per_row as one_per_row,
    real as real,
    settle as settle,
    several as several,
    shown as shown,
    tensor as tensor,
    together as together,
    whole as whole,
)


def working(tensor: Tensor) -> Tensor:
    """Return a tensor in a precision to compute in: single at least, its own beyond.

    Half precision is one of storage: sums of its numbers have no digits left.
    """
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def matrix(name: str, value: Any, *, columns: int | None = None) -> Tensor:
    """Return `value` as a finite, non-empty floating tensor of shape (rows, columns)."""
    given = tensor(name, value)
    if not given.is_floating_point():
        given = given.to(torch.float64)
    if given.ndim != 2 or (columns is not None and given.shape[1] != columns):
        wanted = f"(rows, {'columns' if columns is None else columns})"
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(given.shape)}")
    if given.shape[1] == 0:
        raise ValueError(f"{name} must have at least one column, got {tuple(given.shape)}")
    if not torch.isfinite(given.sum()):  # costs no temporary of that size
        bad = int((~torch.isfinite(given)).sum())
        if bad:
            raise ValueError(f"{name} must be finite, got {bad} NaN or infinite entries")
    return given


def spins(name: str, value: Any, *, columns: int | None = None) -> Tensor:
    """Return `value` as a (rows, columns) tensor with entries ±1."""
    given = matrix(name, value, columns=columns)
    if not (given.abs() == 1).all():
        low, high = float(given.min()), float(given.max())
        distinct = len(torch.unique(given))
        raise ValueError(
            f"{name} must have entries ±1, got {distinct} values in [{low:g}, {high:g}]; "
            "binarise them with hopfield.binarize"
        )
    return given


def known_spins(name: str, value: Any, *, columns: int | None = None) -> Tensor:
    """Return `value` as a (rows, columns) tensor with entries ±1, and 0 for what is not known."""
    given = matrix(name, value, columns=columns)
    if not ((given == 0) | (given.abs() == 1)).all():
        low, high = float(given.min()), float(given.max())
        raise ValueError(f"{name} must have entries ±1 or 0, got values in [{low:g}, {high:g}]")
    return given


def stored(name: str, value: Any, *, binary: bool, columns: int | None = None) -> Tensor:
    """Return `value` as a set of at least one pattern, ±1 if `binary`."""
    given = (spins if binary else matrix)(name, value, columns=columns)
    if len(given) == 0:
        raise ValueError(f"{name} must hold at least one pattern, got shape {tuple(given.shape)}")
    return given


def square(name: str, value: Any) -> Tensor:
    """Return `value`, or the `couplings` of what training returns, as a finite square matrix."""
    value = getattr(value, "couplings", value)
    if hasattr(value, "dense"):  # factors of couplings
        raise ValueError(f"{name} must be a matrix, got {type(value).__name__}; take its .dense()")
    given = matrix(name, value)
    if given.shape[0] != given.shape[1]:
        raise ValueError(f"{name} must be square, (N, N), got {tuple(given.shape)}")
    return given


def sparse_square(name: str, value: Tensor) -> Tensor:
    """Return a sparse tensor as finite couplings, (N, N)."""
    if value.ndim != 2 or value.shape[0] != value.shape[1] or len(value) == 0:
        raise ValueError(f"{name} must be square, (N, N), got {tuple(value.shape)}")
    entries = value.detach().to_sparse_coo().coalesce()
    if entries.is_complex() or not torch.isfinite(entries.values()).all():
        raise ValueError(f"{name} must be real and finite, got others among {value.dtype}")
    return entries if entries.is_floating_point() else entries.to(torch.float64)


def symmetric(name: str, value: Any) -> Tensor:
    """Return `value` as a finite symmetric matrix, to rounding."""
    given = square(name, value)
    if not is_symmetric(given):
        rows = working(given.detach())
        largest = float((rows - rows.T).abs().max())
        raise ValueError(
            f"{name} must be symmetric, got a largest |{name} − {name}ᵀ| of {largest:g}"
        )
    return given


def is_symmetric(matrix: Tensor) -> bool:
    """True if a square matrix equals its transpose to rounding."""
    rows = working(matrix.detach())
    rounding = 100 * torch.finfo(rows.dtype).eps * float(rows.abs().max())
    return float((rows - rows.T).abs().max()) <= rounding


def vector(name: str, value: Any, like: Tensor) -> Tensor:
    """Return `value` as finite numbers, one per column of a matrix, in its precision."""
    given = tensor(name, value, double=True).detach()
    if given.shape != like.shape[1:]:
        raise ValueError(f"{name} must have shape ({like.shape[1]},), got {tuple(given.shape)}")
    if not torch.isfinite(given).all():
        raise ValueError(f"{name} must be finite, got NaN or infinite entries")
    return converted(name, given, like)


def mask(name: str, value: Any, like: Tensor) -> Tensor:
    """Return truths, one per entry of a matrix, or per column for all of its rows."""
    wanted = f"True or False in the shape {tuple(like.shape)} or ({like.shape[1]},)"
    try:
        found = value if isinstance(value, Tensor) else np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be {wanted}, got rows that differ") from error
    fits = found.shape in (like.shape, like.shape[1:])
    if found.dtype not in (torch.bool, np.bool_) or not fits or getattr(found, "is_meta", False):
        raise ValueError(f"{name} must be {wanted}, got {shown(value)}")
    found = torch.as_tensor(found)
    return found.to(like.device).expand(like.shape)


def zeros_and_ones(name: str, value: Any, *, columns: int | None = None) -> Tensor:
    """Return `value` as a (rows, columns) tensor with entries 0 and 1."""
    given = matrix(name, value, columns=columns)
    if not ((given == 0) | (given == 1)).all():
        low, high = float(given.min()), float(given.max())
        hint = f"; take (1 + {name})/2" if (given.abs() == 1).all() else ""
        raise ValueError(
            f"{name} must have entries 0 and 1, got values in [{low:g}, {high:g}]{hint}"
        )
    return given


def two_levels(name: str, value: Any) -> tuple[Tensor, bool]:
    """Return patterns of 0 and 1, or of ±1, at least one, and whether they are the latter."""
    given = stored(name, value, binary=False)
    if (given == -1).any():
        return spins(name, given), True
    if not ((given == 0) | (given == 1)).all():
        low, high = float(given.min()), float(given.max())
        raise ValueError(f"{name} must have entries 0 and 1, or ±1, got [{low:g}, {high:g}]")
    return given, False


def positive(name: str, value: float) -> float:
    """Return `value` as a finite float above 0."""
    result = real(name, value)
    if not 0 < result < math.inf:
        raise ValueError(f"{name} must be a finite number above 0, got {value}")
    return result


def streams(count: int, generator: torch.Generator) -> Tensor:
    """Seeds of so many random streams of compiled loops, (count,), on the CPU."""
    return torch.randint(2**62, (count,), generator=generator, device=generator.device).cpu()
