r"""Where dense memories and diffusion models are one object, measured on patterns.

A denoiser of the empirical density at noise level σ and the exponential dense memory of
the same patterns at β = 1/σ² are one object (Ambrogioni 2023; Pham et al. 2025):

    1  E(x) = −σ² log p_σ(x) − σ²[log P + (N/2) log 2πσ²]        energy = −log-density
    2  D(x) = x + σ² ∇log p_σ(x) = x − ∇E(x)                     denoiser = Hopfield update
    3  D(x) = attention, query β[x, 1], key [ξ, −|ξ|²/2], value ξ
    4  b = 0 equals b = 1 iff all |ξ^μ| are equal
    5  E(D(x)) ≤ E(x) − |x − D(x)|²/2                            an update lowers the energy
    6  an Euler step σ → σ' of the flow is x ← (1 − η)x + ηD(x), η = 1 − σ'/σ

Log-weights a_μ of the patterns, added to the logits, are log π_μ of points of chances π_μ, up to a
constant: log P in 1 is log Σ_μ e^{a_μ}. In 4, b = 0 equals b = 1 with a_μ − β|ξ^μ|²/2: norms are
log-weights.

Their thresholds are one, too. Take P Gaussian patterns of variances λ_1 … λ_m, and a cue at
squared distance ρσ²m from one of them. It finds the pattern iff ρ < ρ*(σ)
(`diffusion.theory.basin_edge`). At ρ = 1 the cue is what noise σ makes of the pattern: ρ* = 1 at
σ = σ_C, the collapse of the P patterns, which for the memory at this β is the load log P = I(σ),
its capacity. ρ* = 0 at the onset, above which no pattern has a basin. Two criteria, never mixed:

    one-step      the cued pattern has more than half of the update's weight, to which ρ* applies
    fixed-point   iterating the update ends at the pattern (cosine of at least `threshold`);
                  well above the collapse no longer, though its first update still finds it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bridges import _checks
from bridges._checks import POINTS, Line, Plotted, Result, Seed, at
from bridges.equivalence import dense_memory_of, energy_of_log_density
from diffusion import VE, EmpiricalDenoiser, sample
from diffusion.theory import basin_edge
from hopfield import DenseMemory

Array = np.ndarray
_SWEEPS, _SETTLED = 50, 1e-3  # enough to tell a pattern from the middle of the cloud


@dataclass(frozen=True, repr=False)
class Identities(Result):
    """Largest violation of each identity over a batch; all but `norm_bias` vanish.

    Attributes
    ----------
    energy : identity 1.
    update : identity 2, against the score.
    attention : identity 3, against explicit distances.
    norm_bias : identity 4, how far the b = 0 update is from b = 1.
    descent : identity 5, the largest rise of E over its bound, 0 if none.
    flow : identity 6.
    """

    energy: float
    update: float
    attention: float
    norm_bias: float
    descent: float
    flow: float


def identities(
    patterns: Tensor, states: Tensor, sigma: float, log_weights: Tensor | None = None
) -> Identities:
    """Check identities 1–6 for given patterns, states and noise level.

    Parameters
    ----------
    patterns : (P, N), real; in float64 the violations are rounding.
    states : (B, N), where to check.
    sigma : noise level, positive.
    log_weights : (P,), finite, of the patterns; None: equal.

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
    denoiser = EmpiricalDenoiser(patterns, log_weights)
    memory = dense_memory_of(denoiser, sigma)
    data, weights = denoiser.points(), denoiser.log_weights
    count, size = data.shape
    states = _checks.matrix("states", states, columns=size).to(data)
    update, denoised = memory.step(states), denoiser(states, sigma)

    log_density = denoiser.log_density(states, sigma)
    energy = memory.energy(states)
    distances = torch.cdist(states, data, compute_mode="donot_use_mm_for_euclid_dist").square()
    logits = -distances / (2 * sigma**2) + (0 if weights is None else weights.to(data))
    by_distance = torch.softmax(logits, 1) @ data
    plain = DenseMemory(
        data, "exponential", beta=memory.beta, norm_correction=False, log_weights=weights
    )
    fall = (states - update).square().sum(1) / 2
    half = sample(denoiser, states, VE(), "euler", steps=1, start=sigma, stop=sigma / 2)

    def worst(difference: Tensor) -> float:
        return float(difference.abs().max())

    return Identities(
        energy=worst(energy - energy_of_log_density(log_density, sigma, count, size, weights)),
        update=worst(update - states - sigma**2 * denoiser.score(states, sigma)),
        attention=worst(denoised - by_distance),
        norm_bias=worst(plain.step(states) - update),
        descent=float((memory.energy(update) - energy + fall).clamp(min=0).max()),
        flow=worst(half - (states + update) / 2),
    )


@dataclass(frozen=True, repr=False)
class BasinEdgeMap(Plotted):
    """Retrieval by squared distance of the cue, at one noise level.

    Attributes
    ----------
    ratio : (K,) ρ.
    one_step : (K,) probability of retrieval.
    fixed_point : (K,) the same by the other criterion.
    edge : ρ* of theory.
    """

    ratio: Array
    one_step: Array
    fixed_point: Array
    edge: float
    _titles = (r"squared distance of the cue $\rho$", "probability of retrieval")

    def _lines(self) -> list[Line]:
        return [
            Line(self.ratio, self.one_step, label="one step", look=POINTS),
            Line(self.ratio, self.fixed_point, label="fixed point", look=POINTS),
            *at(self.edge, r"$\rho^*$ of theory"),
        ]


def basin_edge_map(
    P: int,
    variances: ArrayLike,
    sigma: float,
    ratios: Sequence[float],
    trials: int = 100,
    threshold: float = 0.9,
    seed: Seed = None,
) -> BasinEdgeMap:
    """Cue one dense memory of Gaussian patterns at given distances; see what it retrieves.

    Parameters
    ----------
    P : number of patterns, at least 2.
    variances : (m,) positive, of the patterns' coordinates.
    sigma : noise level, positive; β = 1/σ².
    ratios : ρ, not negative: squared distances of the cues in units of σ²m.
    trials : cues at each ρ, spread evenly over the patterns; all ρ share their directions.
    threshold : cosine with the pattern that counts as retrieved by the fixed point.
    seed : int, torch.Generator or None.

    Returns
    -------
    BasinEdgeMap.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> found = basin_edge_map(1000, [1.0] * 20, 1.0, [0.1, 3.0], seed=0)
    >>> bool(found.one_step[0] > 0.9), bool(found.one_step[1] < 0.3)
    (True, True)
    """
    grid = _checks.doubles("ratios", ratios).reshape(-1)
    if len(grid) == 0 or not (grid >= 0).all():
        raise ValueError(f"ratios must be numbers that are not negative, got {ratios}")
    edge = float(basin_edge(_checks.whole("P", P, low=2), variances, sigma))
    generator = _checks.generator_from(seed, "basin_edge_map")
    scales = torch.from_numpy(_checks.doubles("variances", variances)).sqrt()
    m = len(scales)
    patterns = torch.randn(P, m, generator=generator, dtype=torch.float64) * scales
    own = torch.arange(_checks.whole("trials", trials)) % P
    directions = torch.randn(trials, m, generator=generator, dtype=torch.float64)
    directions *= m**0.5 / directions.norm(dim=1, keepdim=True)
    denoiser = EmpiricalDenoiser(patterns)
    memory = dense_memory_of(denoiser, sigma)
    one_step, fixed_point = np.empty(len(grid)), np.empty(len(grid))
    for k, ratio in enumerate(grid):
        cues = patterns[own] + ratio**0.5 * sigma * directions
        weight = denoiser.weights(cues, sigma).gather(1, own[:, None])
        one_step[k] = float((weight > 0.5).double().mean())
        ends = memory.relax(cues, max_sweeps=_SWEEPS, tolerance=_SETTLED).states
        cosine = torch.cosine_similarity(ends, patterns[own])
        fixed_point[k] = float((cosine >= threshold).double().mean())
    return BasinEdgeMap(grid, one_step, fixed_point, edge)
