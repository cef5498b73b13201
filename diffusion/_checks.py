"""Checks at the public door of `diffusion`: one form of message, one place.

Every check names the argument, says what was given and what is allowed, and returns
the argument in the form the inner code trusts. Inner code does not check again.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffusion._arguments import (
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
    scalar as scalar,
    settle as settle,
    several as several,
    shown as shown,
    tensor as tensor,
    together as together,
    whole as whole,
)
from diffusion._modules import at_least_single

_NUMBERS = 2**22  # looked at together
_ASYMMETRY = 1e-5  # allowed rounding of a covariance
_LEVELS = {torch.float64: (1e-150, 1e150)}  # σ whose σ² and 1/σ² are numbers of the precision
SINGLE = (1e-18, 1e18)  # those of single precision
Level = float | Tensor  # a noise level σ: one per batch or one per row


def points(
    name: str,
    value: Any,
    *,
    dimension: int | None = None,
    double: bool = False,
    stored: bool = False,
) -> Tensor:
    """`value` as a finite floating tensor of shape (rows, d); see `tensor` for `double`.

    stored : whole numbers stay what they are, to be converted a block of rows at a time.
    """
    given = tensor(name, value, double=double)
    if not (given.is_floating_point() or stored):
        given = given.to(torch.float64)
    if given.ndim != 2 or given.shape[1] == 0 or dimension not in (None, given.shape[1]):
        wanted = f"(rows, {'d' if dimension is None else dimension})"
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(given.shape)}")
    if given.is_floating_point():
        blocks = given.split(max(1, _NUMBERS // given.shape[1]))
        # a sum costs no temporary; what is infinite in it need not be in the entries
        odd = (block for block in blocks if not torch.isfinite(block.sum()))
        bad = sum(int((~torch.isfinite(block)).sum()) for block in odd)
        if bad:
            raise ValueError(f"{name} must be finite, got {bad} NaN or infinite entries")
    return given


def row(name: str, value: Any, dimension: int | None = None) -> Tensor:
    """`value` as one finite point, (d,)."""
    given = tensor(name, value)
    if given.ndim != 1 or len(given) == 0 or dimension not in (None, len(given)):
        wanted = f"({'d' if dimension is None else dimension},)"
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(given.shape)}")
    return points(name, given[None])[0]


def covariance(value: Any, d: int) -> Tensor:
    """A finite covariance (d, d), symmetric, or its diagonal (d,); no variance is negative."""
    given = tensor("covariance", value, double=True).detach()
    if given.shape not in ((d,), (d, d)) or not torch.isfinite(given).all():
        shapes = f"({d},) or ({d}, {d})"
        raise ValueError(f"covariance must be finite, {shapes}, got {tuple(given.shape)}")
    values = given = given.double()
    if given.ndim == 2:
        rounding = _ASYMMETRY * float(given.abs().max())
        if (asymmetry := float((given - given.mT).abs().max())) > rounding:
            raise ValueError(
                f"covariance must be symmetric, got entries that differ by {asymmetry:g}"
            )
        values = torch.linalg.eigvalsh(given)
    if (least := float(values.min())) < -_ASYMMETRY * float(values.abs().max()):
        raise ValueError(f"covariance must have no negative variance, got {least:g}")
    return given


def noise_level(sigma: Level, x: Tensor) -> Tensor:
    """`sigma` as a (B, 1) column on the device of `x` (B, d), in float64."""
    plain = sigma if isinstance(sigma, float) else tensor("sigma", sigma, double=True)
    level = torch.as_tensor(plain, dtype=torch.float64, device=x.device)
    if level.ndim > 1 or (level.ndim == 1 and len(level) not in (1, len(x))):
        raise ValueError(
            f"sigma must be a number or have shape ({len(x)},), got {tuple(level.shape)}"
        )
    low, high = _LEVELS.get(x.dtype, SINGLE)
    if not ((level >= low) & (level <= high)).all():
        worst = float(level.min() if bool((level < low).any()) else level.max())
        if 0 < worst < math.inf:
            raise ValueError(f"sigma must lie in [{low:g}, {high:g}] for {x.dtype}, got {worst:g}")
        raise ValueError(f"sigma must be positive and finite, got {worst:g}")
    return level.reshape(-1, 1).expand(len(x), 1)


def directions(name: str, value: Any, dimension: int) -> Tensor:
    """`value` as a finite floating tensor of `dimension` rows, one direction per column."""
    given = tensor(name, value)
    if given.ndim != 2 or given.shape[0] != dimension:
        raise ValueError(
            f"{name} must have shape ({dimension}, directions), got {tuple(given.shape)}"
        )
    return points(name, given)


def classes(labels: Any, points: int) -> Tensor:
    """`labels` as one class 0, 1, … per point, (points,)."""
    given = tensor("labels", labels)
    if given.shape != (points,) or given.is_floating_point() or (given < 0).any():
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
    used = given.unique().tolist()
    if used[-1] != len(used) - 1:  # before a list of as many classes as the largest label says
        missing = next(c for c, label in enumerate(used) if c != label)
        raise ValueError(f"labels must use every class 0 to {used[-1]}, got none of {missing}")
    return [(given == c).nonzero().squeeze(1) for c in used]


def one_per_label(x: Tensor, labels: Tensor) -> None:
    """Raise a ValueError unless `x` has one row per label."""
    if len(x) != len(labels):
        raise ValueError(f"x must have a row for each of the {len(labels)} labels, got {len(x)}")


def positive(name: str, value: Any) -> float:
    """`value` as a positive and finite float."""
    result = real(name, value)
    if not 0 < result < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}")
    return result


def finite(name: str, value: Any, wanted: str = "a finite number") -> float:
    """`value` as a finite float, in the words of `wanted`."""
    result = real(name, value, wanted)
    if not math.isfinite(result):
        raise ValueError(f"{name} must be {wanted}, got {value}")
    return result


def rising(name: str, value: Any) -> tuple[float, float]:
    """The two ends of a range of noise levels, as floats."""
    ends = several(name, value)
    if len(ends) != 2 or not 0 < ends[0] < ends[1] < math.inf:
        raise ValueError(f"{name} must increase from above 0, two numbers, got {shown(value)}")
    return float(ends[0]), float(ends[1])


def whole_seed(seed: Seed) -> int | None:
    """`seed` as a whole number, which can be written down; a generator draws one."""
    if isinstance(seed, torch.Generator):
        return int(torch.randint(2**63 - 1, (1,), generator=seed, device=seed.device))
    return None if seed is None else whole("seed", seed, low=0, high=None)


def normal_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers of the shape, dtype and device of `x`."""
    noise = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype)
    return noise.to(x.device)


def level_of_rows(sigma: Level, x: Tensor) -> Tensor:
    """σ as (B,) in the precision of `x`, at least single: a network need not take another."""
    return noise_level(sigma, x).detach().squeeze(1).to(at_least_single(x.dtype))


def asked_at(denoiser: object, name: str, x: Any) -> Tensor:
    """Points (B, d) that a denoiser is asked at, at least in single precision.

    In half precision nothing finer than its answer could be computed from them.
    """
    given = points(name, x, dimension=getattr(denoiser, "dimension", None))
    return given.to(at_least_single(given.dtype))


def falling(levels: Any) -> list[float]:
    """Noise levels of a sampler: at least two, falling, the last not negative."""
    path = tensor("levels", levels, double=True).double()
    falls = path.ndim == 1 and len(path) > 1 and bool((path.diff() < 0).all())
    if not falls or not torch.isfinite(path).all() or path[-1] < 0:
        raise ValueError(
            "levels must be at least two noise levels that fall, the last not negative, "
            f"got {path.tolist() if path.numel() < 6 else f'{path.numel()} numbers'}"
        )
    return [float(level) for level in path]
