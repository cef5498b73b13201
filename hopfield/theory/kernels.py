r"""Memories of kernels: the error of random features, and the patterns that a radius isolates.

A memory of Y random features knows Σ_μ k_μ(x), k_μ = e^{−β|x − ξ^μ|²/2}, as a mean of Y
independent terms Σ_μ cos w·(x − ξ^μ), w ~ N(0, βI). The variance of one of them follows from
cos a cos b = ½[cos(a − b) + cos(a + b)] and E cos w·u = e^{−β|u|²/2}:

    Var = (1/Y) {½ Σ_μν [e^{−β|ξ^μ − ξ^ν|²/2} + e^{−β|2x − ξ^μ − ξ^ν|²/2}] − (Σ_μ k_μ)²},

P/(2Y) where the patterns are well apart and x is far from them.

P points uniform in [0, 1] have, with none of the others nearer than ρ ≤ ½,

    E kept = (P − 2)(1 − 2ρ)^P + 2(1 − ρ)^P    of them, about P e^{−2a} at ρ = a/P;

the second term is that of the points near the two ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hopfield._checks import matrix, positive, stored, together, whole
from hopfield.theory import _checks
from hopfield.theory._checks import Array

_BLOCK = 2**20


def random_feature_variance(
    states: ArrayLike, patterns: ArrayLike, beta: float, features: int
) -> Array:
    """Variance of φ(x)·T of a memory of random features, over its features.

    Parameters
    ----------
    states : (B, N), x.
    patterns : (P, N).
    beta : β > 0.
    features : Y ≥ 1.

    Returns
    -------
    (B,), exact. The work is B P².

    Raises
    ------
    ValueError : shapes that disagree, β not positive, no feature.

    Examples
    --------
    >>> apart = 100 * np.eye(6)
    >>> [round(float(v), 4) for v in random_feature_variance([[9.0] * 6], apart, 1.0, 100)]
    [0.03]
    """
    rows = stored("patterns", patterns, binary=False).double().numpy(force=True)
    given = matrix("states", states).double().numpy(force=True)
    if given.shape[1] != rows.shape[1]:
        raise ValueError(
            f"patterns and states must have rows of one length, got {rows.shape} and {given.shape}"
        )
    beta, Y = positive("beta", beta), whole("features", features)
    step = max(1, _BLOCK // len(rows))
    blocks = [slice(k, k + step) for k in range(0, len(rows), step)]
    between = sum(float(_kernel(rows[b], rows, beta).sum()) for b in blocks)
    found = np.empty(len(given))
    for k, x in enumerate(given):
        away = x - rows  # x − ξ^μ and, mirrored, ξ^ν − x: |2x − ξ^μ − ξ^ν| is their distance
        mirrored = sum(float(_kernel(away[b], -away, beta).sum()) for b in blocks)
        own = _kernel(away, np.zeros_like(away[:1]), beta).sum()
        found[k] = max(0.0, (between + mirrored) / 2 - own**2) / Y
    return found


def isolated_patterns(patterns: ArrayLike, radius: ArrayLike) -> Any:
    """Mean number of P uniform points in [0, 1] whose neighbours are all at ρ or farther.

    They are the patterns that a log-sum-ReLU memory of radius ρ keeps.

    Parameters
    ----------
    patterns : P ≥ 2, a number or an array.
    radius : ρ ≥ 0, a number or an array that broadcasts.

    Returns
    -------
    E kept in [0, P], of the broadcast shape; exact.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> [round(float(isolated_patterns(30, a / 30)), 2) for a in (0.25, 0.5, 1.0)]
    [18.47, 11.33, 4.26]
    """
    P, rho = together(
        patterns=_checks.at_least("patterns", patterns, 2),
        radius=_checks.at_least("radius", radius),
    )
    inner, outer = (1 - k * np.minimum(rho, 1 / k) for k in (2, 1))
    return ((P - 2) * inner**P + 2 * outer**P)[()]


def _kernel(some: Array, others: Array, beta: float) -> Array:
    squares = np.square(some).sum(1)[:, None] + np.square(others).sum(1) - 2 * some @ others.T
    with np.errstate(over="ignore"):
        kernel: Array = np.exp(-beta / 2 * np.maximum(squares, 0))
    return kernel
