"""Checks at the public door of `bridges`, and the base of its results.

The only module of `bridges` that reaches behind the doors of the two packages that it joins, so
that all three refuse an argument in the same words and write a result in the same form.
"""

import torch

from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser
from diffusion._checks import (
    SINGLE as SINGLE,
    Level as Level,
    noise_level as noise_level,
    normal_like as normal_like,
    one_per_row as one_per_row,
    points as points,
    rows_of_classes as rows_of_classes,
)
from diffusion._units import check_units as check_units
from hopfield._checks import (
    Seed as Seed,
    array as array,
    choice as choice,
    converted as converted,
    doubles as doubles,
    flag as flag,
    function as function,
    generator_from as generator_from,
    instance as instance,
    matrix as matrix,
    number as number,
    positive as positive,
    real as real,
    settle as settle,
    several as several,
    shown as shown,
    stored as stored,
    tensor as tensor,
    whole as whole,
)
from hopfield._limits import (
    gigabytes_given as gigabytes_given,
    memory_limit as memory_limit,
    within_memory as within_memory,
)
from hopfield._plots import (
    AT as AT,
    POINTS as POINTS,
    Line as Line,
    Plotted as Plotted,
    at as at,
    axes_of as axes_of,
    draw as draw,
    finish as finish,
    styled as styled,
)
from hopfield._progress import (
    followed as followed,
    silent as silent,
    silently as silently,
    ticking as ticking,
)
from hopfield._results import Result as Result


def whole_seed(seed: Seed) -> int:
    """One whole number from an int, a generator or fresh entropy."""
    if seed is not None and not isinstance(seed, torch.Generator):
        return whole("seed", seed, low=0, high=None)
    generator = generator_from(seed, "whole_seed")
    return int(torch.randint(2**62, (1,), generator=generator, device=generator.device))


def shuffled(count: int, generator: torch.Generator) -> torch.Tensor:
    """A random order, (count,), on the CPU, by a generator of any device."""
    return torch.randperm(count, generator=generator, device=generator.device).cpu()


def share(name: str, value: float) -> float:
    """`value` as a float inside (0, 1)."""
    return number(name, value, low=0, high=1, open_low=True, open_high=True)


def mixture(value: object) -> None:
    """Raise a ValueError unless `value` is a mixture of classes."""
    instance("mixture", value, GaussianMixtureDenoiser)


def empirical(value: object) -> None:
    """Raise a ValueError unless `value` is the exact denoiser of a data set."""
    instance("denoiser", value, EmpiricalDenoiser, "an EmpiricalDenoiser")
