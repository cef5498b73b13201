"""Samples of a denoiser, to be judged."""

from __future__ import annotations

import math

from torch import Tensor

from bridges import _checks
from bridges._checks import Seed
from diffusion import VE, DenoiserLike, sample

_FIRST = 10.0  # noise level that samples start from, in rms deviations, where none is known


def draw(
    denoiser: DenoiserLike, data: Tensor, count: int, steps: int = 40, seed: Seed = None
) -> Tensor:
    """Samples of a denoiser's reverse flow, (count, N), from noise as wide as noised data.

    Parameters
    ----------
    denoiser : D(x, sigma); its flow starts at the highest level it was trained at, 10 rms
        deviations of the data if that is not known.
    data : (P, N), for the mean and the width of the first noise.
    count : samples, at least 1.
    steps : of the flow, at least 1.
    seed : int, torch.Generator or None.

    Raises
    ------
    ValueError : a number out of range, or data that are all alike.

    Examples
    --------
    >>> import torch
    >>> from diffusion import EmpiricalDenoiser
    >>> data = torch.tensor([[-1.0], [1.0]])
    >>> draw(EmpiricalDenoiser(data), data, 3, seed=0).abs()
    tensor([[1.],
            [1.],
            [1.]])
    """
    data = _checks.matrix("data", data)
    unit = deviation("data", data)
    levels = getattr(denoiser, "levels", None)
    start = _FIRST * unit if levels is None else levels[1]
    shape = data.new_empty(_checks.whole("count", count), data.shape[1])
    generator = _checks.generator_from(seed, "draw", data.device)
    width = (start**2 + unit**2) ** 0.5
    noise = data.mean(0) + width * _checks.normal_like(shape, generator)
    return sample(denoiser, noise, VE(), "heun", steps, start=start)


def deviation(name: str, data: Tensor) -> float:
    """Rms deviation of the data from their mean, or a ValueError where there is none."""
    unit = float((data - data.mean(0)).square().mean().sqrt())
    if not 0 < unit < math.inf:
        raise ValueError(
            f"{name} must hold at least 2 different points, of finite variance, "
            f"got {len(data)} of rms deviation {unit:g}"
        )
    return unit
