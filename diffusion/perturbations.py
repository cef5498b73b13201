r"""Singular values of the scores around a point, and the dimension at their kink.

Scores at x + σ q_i, i = 1 … 4d, times σ, are rows

    plain       σ S(x + σ q_i)                      q_i the rows of 4 random orthogonal matrices
    symmetric   σ [S(x + σ q_i) − S(x − σ q_i)]/2   the same without even terms and mean score
    gaussian    σ S(x + σ q_i)                      q_i standard normal

whose singular values s_k, over sqrt(Σ|q_i|²/d), are those of σ² × the score's Jacobian where the
score is linear: near 1 across the manifold, near 0 along it. Elsewhere they are finite
differences over a distance σ and not a Jacobian. Plain rows carry the score at x as one large
value. With s descending and its five largest left out, the estimator of "Losing dimensions"
(Achilli et al., arXiv 2410.08727, as its code has it) is

    D_i = |s_{i+1} − 2 s_i + s_{i−1}|,    k = (first i with D_i > 10 median D) + 1 + 5,    d − k

It sees a kink one index before the gap. On the clean spectrum of a linear score it answers the
dimension + 1 (symmetric) or + 2 (plain). It reads a kink also where all directions are lost:
read it beside the number of s_k < 1/2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Level, Seed
from diffusion.denoisers import DenoiserLike
from diffusion.flat import answering

KINDS = ("symmetric", "plain", "gaussian")
LEAST = 9  # coordinates for which the rule has four second differences or more
PER_DIMENSION = 4  # rows per coordinate
_DROPPED = 5  # largest singular values that the rule leaves out
_STANDS_OUT = 10.0  # second difference of a kink, in units of their median
_NUMBERS = 2**22  # numbers of a block of rows


def perturbation_spectrum(
    denoiser: DenoiserLike,
    x: Tensor,
    sigma: Level,
    perturbations: str = "symmetric",
    seed: Seed = None,
) -> Tensor:
    """Singular values of 4d scores around each point, in units of pure noise.

    Parameters
    ----------
    denoiser : D(x, sigma), (B, d) → (B, d), each row on its own; it is not differentiated.
    x : (B, d), finite.
    sigma : noise level, and length of the perturbations; a number or (B,), positive.
    perturbations : "symmetric", "plain" or "gaussian", see the head of the module.
    seed : int, torch.Generator or None, for their directions.

    Returns
    -------
    (B, d), descending, not negative.

    Raises
    ------
    ValueError : a wrong shape, sigma not positive, or an unknown kind.

    Examples
    --------
    >>> from diffusion import LinearManifoldDenoiser
    >>> line = LinearManifoldDenoiser(torch.tensor([[1.0], [0.0]]))
    >>> perturbation_spectrum(line, torch.zeros(1, 2), 0.5, seed=0)  # 1 and σ²/(σ² + 1)
    tensor([[1.0000, 0.2000]])
    """
    _checks.choice("perturbations", perturbations, KINDS)
    x = _checks.asked_at(denoiser, "x", x)
    level = _checks.level_of_rows(sigma, x)
    generator = _checks.generator_from(seed, "perturbation_spectrum", x.device)
    return spectrum(answering(denoiser), x, level, perturbations, generator)


def spectrum(
    denoiser: DenoiserLike, x: Tensor, level: Tensor, kind: str, generator: torch.Generator
) -> Tensor:
    """`perturbation_spectrum` of checked arguments."""
    values = []
    for centre, sigma in zip(x, level, strict=True):
        steps = sigma * _directions(centre, kind, generator)
        rows = _pulls(denoiser, centre, steps, sigma)
        if kind == "symmetric":
            rows = (rows - _pulls(denoiser, centre, -steps, sigma)) / 2
        values.append(torch.linalg.svdvals(rows / PER_DIMENSION**0.5 / _length(centre, kind)))
    return torch.stack(values) if values else x.new_empty(x.shape)


def kink(s: Tensor) -> tuple[Tensor, Tensor]:
    """The dimension at the first kink of s (B, d), descending, and its second difference.

    NaN and 0 where no second difference is ten times their median, nor above rounding.
    """
    bends = s[:, _DROPPED:].diff(n=2, dim=1).abs()
    rounding = 100 * torch.finfo(s.dtype).eps * s[:, :1]
    large = bends > (_STANDS_OUT * bends.median(1, keepdim=True).values).maximum(rounding)
    first = large.int().argmax(1)
    size = bends.gather(1, first[:, None]).squeeze(1)
    found = large.any(1)
    value = (s.shape[1] - (first + 1 + _DROPPED)).to(s)
    return torch.where(found, value, torch.nan), torch.where(found, size, 0.0)


def _directions(centre: Tensor, kind: str, generator: torch.Generator) -> Tensor:
    """The rows q_i, (4d, d)."""
    d = len(centre)
    shape = centre.new_empty(PER_DIMENSION * d, d, dtype=torch.float64)  # so in any precision
    normal = _checks.normal_like(shape, generator)
    if kind != "gaussian":
        normal = torch.linalg.qr(normal.view(PER_DIMENSION, d, d)).Q.reshape(-1, d)
    return normal.to(centre)


def _length(centre: Tensor, kind: str) -> float:
    """Root of the mean of |q_i|²."""
    return len(centre) ** 0.5 if kind == "gaussian" else 1.0


def _pulls(denoiser: DenoiserLike, centre: Tensor, steps: Tensor, sigma: Tensor) -> Tensor:
    """σ S = (D − y)/σ at y = x + each step, asked for in blocks."""
    found = []
    for y in (centre + steps).split(max(1, _NUMBERS // len(centre))):
        found.append((denoiser(y, sigma.expand(len(y))) - y).detach() / sigma)
    return torch.cat(found)
