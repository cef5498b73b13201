r"""Collapse of diffusion and capacity of the dense memory are one threshold.

P Gaussian patterns of variances λ_1 … λ_m, and the exponential dense memory of them at
β = 1/σ², whose update is the denoiser at noise level σ. A cue at squared distance ρσ²m from
a pattern finds it iff ρ < ρ*(σ) (`diffusion.theory.basin_edge`). At ρ = 1 the cue is what
noise σ makes of the pattern: ρ* = 1 at σ = σ_C, the collapse of the P patterns, which for the
memory at this β is the load log P = I(σ), its capacity. ρ* = 0 at the onset, above which
patterns hold no basin. Two criteria, never mixed:

    one-step      the cued pattern holds more than half of the update's weight; ρ* speaks of it
    fixed-point   iterating the update ends at the pattern (cosine of at least `threshold`);
                  well above the collapse no longer, though its first update still finds it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from bridges import _checks
from bridges._checks import Seed
from bridges.equivalence import dense_memory_of
from diffusion import EmpiricalDenoiser
from diffusion.theory import basin_edge

Array = np.ndarray
_SWEEPS, _SETTLED = 50, 1e-3  # enough to tell a pattern from the middle of the cloud


@dataclass(frozen=True)
class BasinEdgeMap:
    """Retrieval by squared distance of the cue, at one noise level; (K,) each but `edge`.

    ratio : ρ. one_step, fixed_point : probabilities of retrieval. edge : ρ* of theory.
    """

    ratio: Array
    one_step: Array
    fixed_point: Array
    edge: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for a result file."""
        return {k: v.tolist() if isinstance(v, Array) else v for k, v in asdict(self).items()}


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
    grid = np.asarray(ratios, dtype=np.float64).reshape(-1)
    if len(grid) == 0 or not (grid >= 0).all():
        raise ValueError(f"ratios must be numbers that are not negative, got {ratios}")
    edge = float(basin_edge(_checks.whole("P", P, low=2), variances, sigma))
    generator = _checks.generator_from(seed, "basin_edge_map")
    scales = torch.as_tensor(np.asarray(variances, dtype=np.float64)).sqrt()
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
