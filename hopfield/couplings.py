r"""One-shot learning rules: patterns → couplings J (N, N) with zero diagonal.

Row i of J holds the couplings into spin i, h_i = Σ_j J_ij S_j. The diagonal is zero for
every rule: a self-coupling freezes spins, and the stabilities that it adds make no basins.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hopfield import _checks

_GAP = 1e-8  # relative distance from its upper bound at which a margin counts as maximal
_TOGETHER = 32  # patterns of Storkey's rule that the matrix takes at once
_SWEEPS = 20_000  # of the dual ascent; 1.5N random patterns need about 3000


class NotSeparableError(ValueError):
    """Error of patterns that no couplings store with a margin."""


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
    patterns = _checks.stored("patterns", patterns, binary=True)
    rows = _checks.working(patterns)
    couplings = rows.T @ rows / rows.shape[1]
    return couplings.fill_diagonal_(0.0).to(patterns)


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
    patterns = _checks.stored("patterns", patterns, binary=True)
    basis = projector_basis(_checks.working(patterns))
    # The product of a matrix with itself may round unevenly.
    return _symmetric(basis.T @ basis).to(patterns)


def storkey(patterns: Tensor) -> Tensor:
    r"""Storkey's incremental local rule (Storkey 1997), patterns stored in the order given.

    J_ij ← J_ij + (ξ_i ξ_j − ξ_i h_ji − h_ij ξ_j)/N with h_ij = Σ_{k≠i,j} J_ik ξ_k, J = 0 at
    first: what the couplings already predict of a pattern is not stored again.

    Parameters
    ----------
    patterns : (P, N), entries ±1; another order of the rows gives other couplings.

    Returns
    -------
    (N, N), symmetric, zero diagonal.

    Raises
    ------
    ValueError : not (P, N), no pattern, or entries that are not ±1.

    Examples
    --------
    >>> from hopfield import random_patterns, stabilities
    >>> xi = random_patterns(10, 100, seed=0)
    >>> bool((stabilities(storkey(xi), xi) > 0).all())
    True
    """
    patterns = _checks.stored("patterns", patterns, binary=True)
    size = patterns.shape[1]
    rows = _checks.working(patterns)
    couplings, grown = rows.new_zeros(size, size), 1 + 2 / size
    for block in rows.split(_TOGETHER):
        # Without a diagonal h_ij = h_i − J_ij ξ_j, so that the rule adds
        # ξξᵀ − ξhᵀ − hξᵀ + 2J = vvᵀ − hhᵀ + 2J with v = ξ − h. The pairs v, h of a block wait as
        # factors, and meet the matrix together: it is read and written once per block.
        waiting, shares = rows.new_zeros(2 * len(block), size), rows.new_zeros(2 * len(block))
        diagonal = rows.new_zeros(size)  # of the product of the factors, which J does not have
        fields = block @ couplings
        for k, (x, known) in enumerate(zip(block, fields, strict=True)):
            h = grown**k * known + (shares * (waiting @ x)) @ waiting - diagonal * x
            waiting[2 * k], waiting[2 * k + 1] = x - h, h
            shares *= grown
            shares[2 * k], shares[2 * k + 1] = 1 / size, -1 / size
            diagonal = grown * diagonal + ((x - h).square() - h.square()) / size
        beta = grown ** len(block)
        couplings.addmm_(waiting.T * shares, waiting, beta=beta).fill_diagonal_(0.0)
    return _symmetric(couplings).to(patterns)  # but for rounding it is


def dreaming_kernel(patterns: Tensor, time: float) -> Tensor:
    r"""Reinforcement and removal in closed form (Fachechi, Agliari & Barra 2019).

    J = (1/N) Ξᵀ (1 + t)(I + tC)⁻¹ Ξ with C = ΞΞᵀ/N, J_ii = 0: Hebb's rule at t = 0, the
    pseudo-inverse as t → ∞.

    Parameters
    ----------
    patterns : (P, N), entries ±1
        Duplicates are allowed: only the span counts at late times.
    time : dreaming time t ≥ 0; infinity gives the pseudo-inverse.

    Returns
    -------
    (N, N), symmetric, zero diagonal.

    Raises
    ------
    ValueError : not (P, N), no pattern, entries that are not ±1, or a negative time.

    Examples
    --------
    >>> from hopfield import random_patterns
    >>> xi = random_patterns(5, 20, seed=0)
    >>> bool(torch.equal(dreaming_kernel(xi, 0.0), hebbian(xi)))
    True
    """
    patterns = _checks.stored("patterns", patterns, binary=True)
    time = _checks.number("time", time, low=0)
    rows = _checks.working(patterns)
    epsilon = torch.finfo(rows.dtype).eps
    if time * epsilon > 1:  # the kernel differs from it by 1/t
        return pseudo_inverse(patterns)
    count, size = rows.shape
    if time > epsilon**-0.5:
        # I + tC is then singular to rounding where patterns depend on each other.
        spectrum, basis = eigenspace(rows)
        return _symmetric((basis.T * dreamed(spectrum, time)) @ basis).to(patterns)
    # Divided by 1 + t, the matrix stays of order one at all times.
    mixed = (torch.eye(count).to(rows) + time * (rows @ rows.T) / size) / (1 + time)
    return _symmetric(rows.T @ torch.linalg.solve(mixed, rows) / size).to(patterns)


def max_margin(patterns: Tensor) -> Tensor:
    r"""Couplings of maximal stability: each row a support vector machine (Gardner 1988).

    Row i maximises κ_i = min_μ Δ_i^μ with J_ii = 0. It is found by dual coordinate ascent
    (AdaTron, Anlauf & Biehl 1989), until κ_i reaches its dual bound to a relative 1e-8.

    Parameters
    ----------
    patterns : (P, N), entries ±1; duplicates are allowed
        Random patterns have no solution for P above about 2N.

    Returns
    -------
    (N, N), not symmetric, zero diagonal, rows of norm 1
        The fields on the patterns are then their stabilities.

    Raises
    ------
    ValueError : not (P, N), no pattern, or entries that are not ±1.
    NotSeparableError : patterns that no couplings store with a margin, such as two that
        differ at one site only; it is a ValueError.

    Examples
    --------
    >>> from hopfield import random_patterns, stabilities
    >>> xi = random_patterns(30, 100, seed=0)
    >>> gain = stabilities(max_margin(xi), xi).amin(0) - stabilities(pseudo_inverse(xi), xi).amin(0)
    >>> bool((gain > -1e-7).all())
    True
    """
    from hopfield import _training_kernels  # numba is needed, and loaded, only here

    patterns = _checks.stored("patterns", patterns, binary=True)
    rows = patterns.detach().to("cpu", torch.float64).contiguous()
    count, size = rows.shape
    multipliers = torch.zeros(size, count, dtype=torch.float64)
    lower, upper = torch.zeros(2, size, dtype=torch.float64)
    if size > 1:  # a single spin has no couplings, and a margin of zero
        _training_kernels.ascend(
            rows.numpy(),
            (rows @ rows.T).numpy(),
            _GAP,
            _SWEEPS,
            multipliers.numpy(),
            lower.numpy(),
            upper.numpy(),
        )
    failed = ~((lower > 0) & (upper - lower <= _GAP * upper))
    if failed.any():
        raise NotSeparableError(
            "patterns must be separable at every site, got a set for which no couplings have a "
            f"margin above {float(upper[failed].max()):.1e} at {int(failed.sum())} of {size} "
            "sites; store fewer patterns, or drop those that differ from another at one site only"
        )
    couplings = ((multipliers * rows.T) @ rows).fill_diagonal_(0.0)
    return (couplings / couplings.norm(dim=1, keepdim=True)).to(patterns)


def paramagnetic_unlearning(couplings: Tensor, rate: float, beta: float) -> Tensor:
    r"""Unlearning in one step, from states of high temperature (Nokura 1996).

    J' = J − ε (I − βJ)⁻¹ off the diagonal: the matrix is the correlation ⟨S_i S_j⟩ of the
    network at inverse temperature β, to the second order in β.

    Parameters
    ----------
    couplings : (N, N), symmetric.
    rate : ε > 0.
    beta : inverse temperature β > 0, below 1/λ_max, the largest eigenvalue of the couplings.

    Returns
    -------
    (N, N), symmetric, zero diagonal.

    Raises
    ------
    ValueError : couplings not square, not finite or not symmetric; a rate or β that is not
        positive; β at or above 1/λ_max, where the network is not paramagnetic.

    Examples
    --------
    >>> from hopfield import random_patterns, stabilities
    >>> xi = random_patterns(20, 100, seed=0)
    >>> unlearned = paramagnetic_unlearning(hebbian(xi), rate=0.5, beta=0.4)
    >>> bool(stabilities(unlearned, xi).min() > stabilities(hebbian(xi), xi).min())
    True
    """
    given = _checks.symmetric("couplings", couplings).detach()
    rate, beta = _checks.positive("rate", rate), _checks.positive("beta", beta)
    rows = _checks.working(given)
    largest = float(torch.linalg.eigvalsh(rows)[-1])
    if beta * largest >= 1:
        raise ValueError(f"beta must lie below 1/λ_max = {1 / largest:g}, got {beta}")
    identity = torch.eye(len(rows)).to(rows)
    return _symmetric(rows - rate * torch.linalg.inv(identity - beta * rows)).to(given)


def _symmetric(couplings: Tensor) -> Tensor:
    """Symmetric part of couplings, with zero diagonal."""
    return ((couplings + couplings.T) / 2).fill_diagonal_(0.0)


def eigenspace(patterns: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues λ (r,) of ΞᵀΞ/N above rounding, and orthonormal vectors (r, N) of them.

    The vectors span what the patterns span.
    """
    _, singular, rows = torch.linalg.svd(patterns, full_matrices=False)
    smallest = singular[0] * max(patterns.shape) * torch.finfo(patterns.dtype).eps
    kept = singular > smallest
    return singular[kept].square() / patterns.shape[1], rows[kept]


def projector_basis(patterns: Tensor) -> Tensor:
    """Vectors B (r, N) with BᵀB = 𝒫 of the pseudo-inverse rule, but for spins that are left free.

    Σ_{j≠i} 𝒫_ij² = 𝒫_ii(1 − 𝒫_ii): where 𝒫_ii = 1 a row is rounding noise, which sign() would take
    for a field. B is zero there.
    """
    _, basis = eigenspace(patterns)
    free = 1 - basis.square().sum(0) < max(patterns.shape) * torch.finfo(basis.dtype).eps
    return basis.masked_fill(free, 0.0)


def dreamed(spectrum: Tensor, time: float) -> Tensor:
    """Eigenvalues (1 + t)λ/(1 + tλ) of the dreaming kernel, from those of Hebb's rule."""
    return (1 + time) * spectrum / (1 + time * spectrum)
