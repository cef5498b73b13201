r"""Where dense memories and diffusion models are one object, checked on given patterns.

A denoiser of the empirical density at noise level σ and the exponential dense memory of
the same patterns at β = 1/σ² are one object (Ambrogioni 2023; Pham et al. 2025):

    1  E(x) = −σ² log p_σ(x) − σ²[log P + (N/2) log 2πσ²]        energy = −log-density
    2  D(x) = x + σ² ∇log p_σ(x) = x − ∇E(x)                     denoiser = Hopfield update
    3  D(x) = attention, query β[x, 1], key [ξ, −|ξ|²/2], value ξ
    4  b = 0 equals b = 1 iff all |ξ^μ| are equal
    5  E(D(x)) ≤ E(x) − |x − D(x)|²/2                            an update lowers the energy
    6  an Euler step σ → σ' of the flow is x ← (1 − η)x + ηD(x), η = 1 − σ'/σ
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from bridges import _checks
from bridges.equivalence import dense_memory_of, energy_of_log_density
from diffusion import VE, EmpiricalDenoiser, sample
from hopfield import DenseMemory


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
    states = _checks.matrix("states", states, columns=size).to(denoiser.data)
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
