"""Checks at the public door of `diffusion`: one form of message, one place.

Every check names the argument, says what was given and what is allowed, and returns
the argument in the form the inner code trusts. Inner code does not check again.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

_LEVELS = {torch.float64: (1e-150, 1e150)}  # σ whose σ² and 1/σ² are numbers of the precision
_SINGLE = (1e-18, 1e18)
Seed = int | torch.Generator | None
Level = float | Tensor  # a noise level σ: one for the batch, or one a row


def points(name: str, value: Any, *, dimension: int | None = None) -> Tensor:
    """`value` as a finite floating tensor of shape (rows, d)."""
    tensor = torch.as_tensor(value)
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.float64)
    if tensor.ndim != 2 or tensor.shape[1] == 0 or dimension not in (None, tensor.shape[1]):
        wanted = f"(rows, {'d' if dimension is None else dimension})"
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(tensor.shape)}")
    if not torch.isfinite(tensor.sum()):  # costs no temporary of that size
        bad = int((~torch.isfinite(tensor)).sum())
        if bad:
            raise ValueError(f"{name} must be finite, got {bad} NaN or infinite entries")
    return tensor


def noise_level(sigma: Level, x: Tensor) -> Tensor:
    """`sigma` as a (B, 1) column on the device of `x` (B, d), in float64."""
    level = torch.as_tensor(sigma, dtype=torch.float64, device=x.device)
    if level.ndim > 1 or (level.ndim == 1 and len(level) not in (1, len(x))):
        raise ValueError(
            f"sigma must be a number or have shape ({len(x)},), got {tuple(level.shape)}"
        )
    low, high = _LEVELS.get(x.dtype, _SINGLE)
    if not ((level >= low) & (level <= high)).all():
        worst = float(level.min() if bool((level < low).any()) else level.max())
        if 0 < worst < math.inf:
            raise ValueError(f"sigma must lie in [{low:g}, {high:g}] for {x.dtype}, got {worst:g}")
        raise ValueError(f"sigma must be positive and finite, got {worst:g}")
    return level.reshape(-1, 1).expand(len(x), 1)


def directions(name: str, value: Any, dimension: int) -> Tensor:
    """`value` as a finite floating tensor of `dimension` rows, a direction a column."""
    tensor = torch.as_tensor(value)
    if tensor.ndim != 2 or tensor.shape[0] != dimension:
        raise ValueError(
            f"{name} must have shape ({dimension}, directions), got {tuple(tensor.shape)}"
        )
    return points(name, tensor)


def rows_of_classes(labels: Any, points: int) -> list[Tensor]:
    """The rows of each class 0, 1, … among `points` labels, none of them empty, on the CPU."""
    given = torch.as_tensor(labels).cpu()
    if given.shape != (points,) or given.is_floating_point() or (given < 0).any():
        raise ValueError(
            f"labels must be whole numbers from 0, of shape ({points},), "
            f"got {given.dtype} of shape {tuple(given.shape)}"
        )
    if points == 0:
        raise ValueError("labels must be those of at least one point, got none")
    rows = [(given == c).nonzero().squeeze(1) for c in range(int(given.max()) + 1)]
    for c, own in enumerate(rows):
        if len(own) == 0:
            raise ValueError(f"labels must use every class 0 to {len(rows) - 1}, got none of {c}")
    return rows


def whole(name: str, value: int, *, low: int = 1) -> int:
    """`value` as an integer of at least `low`."""
    if not math.isfinite(value) or int(value) != value or value < low:
        raise ValueError(f"{name} must be a whole number of at least {low}, got {value}")
    return int(value)


def choice(name: str, value: str, allowed: Sequence[str]) -> str:
    """`value`, one of the `allowed` words."""
    if value not in allowed:
        words = ", ".join(repr(word) for word in allowed)
        raise ValueError(f"{name} must be one of {words}, got {value!r}")
    return value


def generator_from(seed: Seed, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator: `seed` itself, one seeded by it, or (None) one from fresh entropy.

    stream : what the numbers are for. The same whole number given to two functions, for
    patterns and for the noise on them, say, must not give them the same numbers.
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


def normal_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers of the shape, dtype and device of `x`."""
    noise = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype)
    return noise.to(x.device)
