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
Level = float | Tensor  # a noise level σ: one per batch or one per row


def tensor_of(value: Any) -> Tensor:
    """`value` as a tensor; plain numbers and lists of them keep double precision.

    It is for what takes the precision of something else, or is computed in double.
    """
    return value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))


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
    """`value` as a finite floating tensor of `dimension` rows, one direction per column."""
    tensor = torch.as_tensor(value)
    if tensor.ndim != 2 or tensor.shape[0] != dimension:
        raise ValueError(
            f"{name} must have shape ({dimension}, directions), got {tuple(tensor.shape)}"
        )
    return points(name, tensor)


def classes(labels: Any, points: int) -> Tensor:
    """`labels` as one class 0, 1, … per point, (points,)."""
    given = torch.as_tensor(labels)
    if (
        given.shape != (points,)
        or given.is_floating_point()
        or given.is_complex()
        or (given < 0).any()
    ):
        raise ValueError(
            f"labels must be whole numbers from 0, of shape ({points},), "
            f"got {given.dtype} of shape {tuple(given.shape)}"
        )
    return given


def rows_of_classes(labels: Any, points: int) -> list[Tensor]:
    """The rows of each class 0, 1, … among `points` labels, none of them empty, on the CPU."""
    given = classes(labels, points).cpu()
    if points == 0:
        raise ValueError("labels must be those of at least one point, got none")
    rows = [(given == c).nonzero().squeeze(1) for c in range(int(given.max()) + 1)]
    for c, own in enumerate(rows):
        if len(own) == 0:
            raise ValueError(f"labels must use every class 0 to {len(rows) - 1}, got none of {c}")
    return rows


def one_per_label(x: Tensor, labels: Tensor) -> None:
    """Raise a ValueError unless `x` has one row per label."""
    if len(x) != len(labels):
        raise ValueError(f"x must have a row for each of the {len(labels)} labels, got {len(x)}")


def all_positive(**values: float) -> None:
    """Raise a ValueError for the first number that is not positive and finite."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")


def rising(name: str, low: float, high: float) -> tuple[float, float]:
    """The two ends of a range of noise levels, as floats."""
    if not 0 < low < high < math.inf:
        raise ValueError(f"{name} must increase from above 0, got {(low, high)}")
    return float(low), float(high)


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

    Parameters
    ----------
    seed : int, torch.Generator or None.
    stream : what the numbers are for. One whole number may seed two functions, such as those
        for patterns and for the noise on them: they then still draw different numbers.
    device : where a new generator lives.
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


def whole_seed(seed: Seed) -> int | None:
    """`seed` as a whole number, which can be written down; a generator draws one."""
    if isinstance(seed, torch.Generator):
        return int(torch.randint(2**63 - 1, (1,), generator=seed, device=seed.device))
    return None if seed is None else whole("seed", seed, low=0)


def normal_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers of the shape, dtype and device of `x`."""
    noise = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype)
    return noise.to(x.device)
