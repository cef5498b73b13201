r"""The dictionary between associative memories and diffusion models.

A denoiser of the empirical density at noise level σ and the exponential dense memory of
the same patterns at β = 1/σ² are one object (Ambrogioni 2023; Pham et al. 2025):

    1  E(x) = −σ² log p_σ(x) − σ²[log P + (N/2) log 2πσ²]        energy = −log-density
    2  D(x) = x + σ² ∇log p_σ(x) = x − ∇E(x)                     denoiser = Hopfield update
    3  D(x) = attention, query β[x, 1], key [ξ, −|ξ|²/2], value ξ
    4  b = 0 equals b = 1 iff all |ξ^μ| are equal
    5  E(D(x)) ≤ E(x) − |x − D(x)|²/2                            an update lowers the energy
    6  an Euler step σ → σ' of the flow is x ← (1 − η)x + ηD(x), η = 1 − σ'/σ

Corruption ties spins to real states through the cosine m of a cue with its pattern: for
x = ξ + sz with |ξ|² = N, m = 1/sqrt(1 + s²), and f = (1 − m)/2 is the fraction of flips.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from diffusion import VE, EmpiricalDenoiser, sample
from hopfield import DenseMemory, checks


def noise_of_overlap(overlap: float) -> float:
    """Noise s, in units of a pattern's rms entry, that leaves a cosine: s² = 1/m² − 1.

    Parameters
    ----------
    overlap : cosine m of cue and pattern, in (0, 1].

    Raises
    ------
    ValueError : an overlap outside (0, 1].

    Examples
    --------
    >>> round(noise_of_overlap(0.8), 12)
    0.75
    """
    m = checks.number("overlap", overlap, low=0, high=1, open_low=True)
    return math.sqrt((1 - m) * (1 + m)) / m


def overlap_of_noise(noise: float) -> float:
    """Cosine m = 1/sqrt(1 + s²) that a noise s ≥ 0 leaves; the inverse of `noise_of_overlap`.

    Raises
    ------
    ValueError : a negative noise.

    Examples
    --------
    >>> round(overlap_of_noise(0.75), 12)
    0.8
    """
    return 1 / math.sqrt(1 + checks.number("noise", noise, low=0) ** 2)


def dense_memory_of(denoiser: EmpiricalDenoiser, sigma: float) -> DenseMemory:
    """The exponential dense memory, b = 1, β = 1/σ², whose update is the denoiser at σ.

    Raises
    ------
    ValueError : sigma not positive.

    Examples
    --------
    >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]]))
    >>> dense_memory_of(denoiser, 1.0).step(torch.tensor([[0.5]]))
    tensor([[0.4621]])
    """
    sigma = checks.number("sigma", sigma, low=0, open_low=True)
    return DenseMemory(denoiser.data, "exponential", beta=sigma**-2)


def energy_of_log_density(log_density: Tensor, sigma: float, patterns: int, size: int) -> Tensor:
    """Energy E of the dense memory from log p_σ of its P patterns in N dimensions.

    E = −σ² log p_σ − σ²[log P + (N/2) log 2πσ²] (identity 1).

    Raises
    ------
    ValueError : sigma not positive, P or N below 1.

    Examples
    --------
    >>> energy_of_log_density(torch.tensor(0.0), 1.0, patterns=1, size=2)
    tensor(-1.8379)
    """
    sigma = checks.number("sigma", sigma, low=0, open_low=True)
    patterns, size = checks.whole("patterns", patterns), checks.whole("size", size)
    constant = math.log(patterns) + size / 2 * math.log(2 * math.pi * sigma**2)
    return -(sigma**2) * (log_density + constant)


@dataclass(frozen=True)
class Identities:
    """Largest violation of each identity over a batch; all but `norm_bias` vanish.

    energy (1), update (2, against the score), attention (3, against explicit distances),
    norm_bias (4: how far the b = 0 update is from b = 1), descent (5: the largest rise of
    E over its bound, 0 if none), flow (6).
    """

    energy: float
    update: float
    attention: float
    norm_bias: float
    descent: float
    flow: float

    def to_dict(self) -> dict[str, float]:
        """The violations by name."""
        return asdict(self)


def identities(patterns: Tensor, states: Tensor, sigma: float) -> Identities:
    """Check identities 1–6 for given patterns, states and noise level.

    Parameters
    ----------
    patterns : (P, N), real; in float64 the violations are rounding.
    states : (B, N), where to check.
    sigma : noise level, positive.

    Raises
    ------
    ValueError : shapes disagree, or sigma is not positive.

    Examples
    --------
    >>> from hopfield import random_patterns
    >>> xi = random_patterns(20, 10, seed=0)
    >>> found = identities(xi, xi + 0.5, sigma=0.8)
    >>> max(found.to_dict().values()) < 1e-10  # spins: equal norms, so 4 holds too
    True
    """
    denoiser = EmpiricalDenoiser(patterns)
    memory = dense_memory_of(denoiser, sigma)
    count, size = denoiser.data.shape
    states = checks.matrix("states", states, columns=size).to(denoiser.data)
    update, denoised = memory.step(states), denoiser(states, sigma)

    log_density = denoiser.log_density(states, sigma)
    energy = memory.energy(states)
    distances = torch.cdist(
        states, denoiser.data, compute_mode="donot_use_mm_for_euclid_dist"
    ).square()
    by_distance = torch.softmax(-distances / (2 * sigma**2), 1) @ denoiser.data
    plain = DenseMemory(denoiser.data, "exponential", beta=memory.beta, norm_correction=False)
    fall = (states - update).square().sum(1) / 2
    half = sample(denoiser, states, VE(), "euler", steps=1, start=sigma, stop=sigma / 2)

    def worst(difference: Tensor) -> float:
        return float(difference.abs().max())

    return Identities(
        energy=worst(energy - energy_of_log_density(log_density, sigma, count, size)),
        update=worst(update - states - sigma**2 * denoiser.score(states, sigma)),
        attention=worst(denoised - by_distance),
        norm_bias=worst(plain.step(states) - update),
        descent=float((memory.energy(update) - energy + fall).clamp(min=0).max()),
        flow=worst(half - (states + update) / 2),
    )
