r"""One-shot learning rules: patterns → couplings J (N, N) with zero diagonal.

Row i of J holds the couplings into spin i, h_i = Σ_j J_ij S_j. The diagonal is zero for
every rule: a self-coupling freezes spins, and the stabilities it adds are not basins.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hopfield import checks


def hebbian(patterns: Tensor) -> Tensor:
    """Hebb's rule J_ij = (1/N) Σ_μ ξ_i^μ ξ_j^μ, J_ii = 0 (Hopfield 1982).

    Parameters
    ----------
    patterns : (P, N), entries ±1.

    Returns
    -------
    (N, N), symmetric, zero diagonal.

    Raises
    ------
    ValueError : not (P, N), no pattern, or entries that are not ±1.

    Examples
    --------
    >>> hebbian(torch.tensor([[1.0, -1.0]]))
    tensor([[ 0.0000, -0.5000],
            [-0.5000,  0.0000]])
    """
    patterns = checks.stored("patterns", patterns, binary=True)
    couplings = patterns.T @ patterns / patterns.shape[1]
    return couplings.fill_diagonal_(0.0)


def pseudo_inverse(patterns: Tensor) -> Tensor:
    r"""Pseudo-inverse rule J = 𝒫 − diag 𝒫 (Kanter & Sompolinsky 1987).

    𝒫 = Ξ⁺Ξ projects on the span of the patterns. Every pattern then has the stability
    Δ_i = sqrt((1 − 𝒫_ii)/𝒫_ii), the same for all μ. Duplicate or linearly dependent
    patterns are allowed: only their span counts. A spin that the span leaves free
    (𝒫_ii = 1, as for all spins once P ≥ N independent patterns are stored) gets a row of
    exact zeros, and keeps its value under the dynamics.

    Parameters
    ----------
    patterns : (P, N), entries ±1.

    Returns
    -------
    (N, N), symmetric, zero diagonal.

    Raises
    ------
    ValueError : not (P, N), no pattern, or entries that are not ±1.

    Examples
    --------
    >>> from hopfield import random_patterns, stabilities
    >>> xi = random_patterns(5, 20, seed=0)
    >>> bool((stabilities(pseudo_inverse(xi), xi) > 0).all())
    True
    """
    patterns = checks.stored("patterns", patterns, binary=True)
    _, singular, rows = torch.linalg.svd(patterns, full_matrices=False)
    smallest = singular[0] * max(patterns.shape) * torch.finfo(patterns.dtype).eps
    basis = rows[singular > smallest]
    projector = basis.T @ basis
    # Σ_{j≠i} 𝒫_ij² = 𝒫_ii(1 − 𝒫_ii): where 𝒫_ii = 1 the row is rounding noise, which
    # sign() would take for a field.
    free = 1 - projector.diagonal() < max(patterns.shape) * torch.finfo(patterns.dtype).eps
    couplings = projector.fill_diagonal_(0.0)
    couplings[free] = 0.0
    couplings[:, free] = 0.0
    return couplings
