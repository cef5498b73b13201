r"""Largest margin of symmetric couplings: a convex program, and the certificate of its answer.

Two margins may be asked of J = Jᵀ, J_ii = 0. The stabilities Δ_i^μ have each row to norm 1: no
couplings, symmetric or not, have a least one above min_i κ_i of `max_margin`. The margin of this
file has the rows to norm 1 in mean square,

    κ₂ = max min_{i,μ} ξ_i^μ h_i(ξ^μ)   at   Σ_ij J_ij² = N,

so that κ₂² = N / min Σ_ij J_ij² where ξ_i^μ h_i(ξ^μ) ≥ 1: a quadratic program. At its solution
J_ij = Σ_μ (x_i^μ + x_j^μ) ξ_i^μ ξ_j^μ with x ≥ 0, and any x ≥ 0 bounds it from above,
κ₂ ≤ √(N Σ_ij J_ij²)/(2 Σ x): the Cauchy–Schwarz inequality for Σ x ξ_i h_i.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._results import Result
from hopfield.couplings import NotSeparableError

_GAP = 1e-5  # relative distance from its upper bound at which a margin counts as maximal
_SWEEPS = 20_000  # of the dual ascent; patterns at the edge of what can be stored need thousands


@dataclass(frozen=True, repr=False)
class SymmetricMargin(Result):
    """Symmetric couplings of largest margin, and the proof that no others have a larger one.

    Parameters
    ----------
    couplings : (N, N), symmetric, zero diagonal, rows of norm 1 in mean square.
    margin : their margin, min ξ_i^μ h_i(ξ^μ).
    bound : that no symmetric couplings exceed, above the margin by a relative 1e-5 at most.
    """

    couplings: Tensor
    margin: float
    bound: float

    def __repr__(self) -> str:
        shape = tuple(self.couplings.shape)
        return f"SymmetricMargin(couplings {shape}, margin {self.margin:.6g} ≤ {self.bound:.6g})"


def symmetric_margin(patterns: Tensor) -> SymmetricMargin:
    r"""Symmetric couplings of the largest margin κ₂, by dual coordinate ascent.

    x_i^μ ← max(0, x_i^μ + ω(1 − ξ_i^μ h_i)/(N − 1)) in turn, until the margin of J reaches the
    bound of x: AdaTron with multipliers that act on both ends of a bond.

    Parameters
    ----------
    patterns : (P, N), entries ±1; duplicates are allowed.

    Returns
    -------
    SymmetricMargin
        As N grows at a fixed load, κ₂ lies above √((1 − α)/α), that of the pseudo-inverse rule,
        and below Gardner's κ of any couplings. `hopfield.theory.gardner_kappa_diluted` is no
        bound of it.

    Raises
    ------
    ValueError : not (P, N), no pattern, entries that are not ±1, or a single spin.
    NotSeparableError : patterns that no symmetric couplings store with a margin; it is a
        ValueError.

    Examples
    --------
    >>> from hopfield import random_patterns, symmetric_margin
    >>> symmetric_margin(random_patterns(15, 50, seed=0)).margin > 1.4
    True
    """
    from hopfield import _training_kernels  # numba is needed, and loaded, only here

    patterns = _checks.stored("patterns", patterns, binary=True)
    rows = patterns.detach().to("cpu", torch.float64).contiguous()
    count, size = rows.shape
    if size == 1:
        raise ValueError("patterns must have at least 2 spins, got 1: a spin has no couplings")
    multipliers = torch.zeros(count, size, dtype=torch.float64)
    couplings = torch.zeros(size, size, dtype=torch.float64)
    margin, bound = _training_kernels.ascend_symmetric(
        rows.numpy(), _GAP, _SWEEPS, multipliers.numpy(), couplings.numpy()
    )
    if not 0 < bound * (1 - _GAP) <= margin:
        raise NotSeparableError(
            "patterns must be separable by symmetric couplings, got a set for which none have a "
            f"margin above {bound:.1e}; store fewer patterns, or drop those that differ from "
            "another at one site only"
        )
    scale = (size / couplings.square().sum()).sqrt()
    return SymmetricMargin((scale * couplings).to(patterns), margin, bound)
