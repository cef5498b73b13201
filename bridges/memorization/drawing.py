"""Samples of a denoiser, to be judged."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from tqdm import tqdm

from bridges import _checks
from bridges._checks import Seed
from diffusion import VE, DenoiserLike, sample
from diffusion.denoisers import noise_range

_FAR = 50.0  # noise level that samples start from at most, in rms deviations of the data
_NUMBERS = 2**18  # of the samples drawn together


def draw(
    denoiser: DenoiserLike,
    data: Tensor,
    count: int,
    steps: int = 40,
    seed: Seed = None,
    *,
    method: str = "heun",
    quiet: bool = True,
) -> Tensor:
    """Samples of a denoiser's reverse process, (count, N), from noise as wide as noised data.

    Parameters
    ----------
    denoiser : D(x, sigma); it starts at 50 rms deviations of the data, or at the highest noise
        level that the denoiser answers for or was trained at, if that is less.
    data : (P, N), for the mean and the width of the first noise.
    count : samples, at least 1.
    steps : of the process, at least 1.
    seed : int, torch.Generator or None.
    method : as for `diffusion.sample`.
    quiet : whether no progress is shown; it never is off a terminal.

    Raises
    ------
    ValueError : a number out of range, or data that are all alike.

    Examples
    --------
    >>> from diffusion import EmpiricalDenoiser
    >>> data = torch.tensor([[-1.0], [1.0]])
    >>> draw(EmpiricalDenoiser(data), data, 3, seed=0).abs()
    tensor([[1.],
            [1.],
            [1.]])
    """
    data = _checks.matrix("data", data)
    unit = deviation("data", data)
    start = min(_FAR * unit, _highest(denoiser))
    shape = data.new_empty(_checks.whole("count", count), data.shape[1])
    generator = _checks.generator_from(seed, "draw", data.device)
    noise = math.hypot(start, unit) * _checks.normal_like(shape, generator)
    first = data.double().mean(0).to(data) + noise
    parts = first.split(max(1, _NUMBERS // first.shape[1]))
    parts = tqdm(parts, "samples drawn", disable=quiet or None)  # None: off a terminal
    drawn = [sample(denoiser, x, VE(), method, steps, start, seed=generator) for x in parts]
    return torch.cat(drawn)


def _highest(denoiser: DenoiserLike) -> float:
    """The highest noise level that a denoiser answers for, and was trained at if that is known."""
    levels = getattr(denoiser, "levels", None)  # a network of the user's may call anything so
    trained = levels[1] if isinstance(levels, tuple) and len(levels) == 2 else math.inf
    return min(noise_range(denoiser)[1], float(trained))


def deviation(name: str, data: Tensor) -> float:
    """Rms deviation of the data from their mean, or a ValueError where there is none."""
    norm = torch.linalg.vector_norm(data - data.mean(0), dtype=torch.float64)
    unit = float(norm) / math.sqrt(data.numel() or 1)
    if not 0 < unit < math.inf:
        raise ValueError(
            f"{name} must hold at least 2 different points, of finite variance, "
            f"got {len(data)} of rms deviation {unit:g}"
        )
    return unit
