r"""Willshaw's memory of sparse 0/1 patterns (Willshaw, Buneman & Longuet-Higgins 1969).

P patterns of K ones among N: a cue of k true ones turns on a unit outside its pattern, which r
others of the patterns hold, with probability [1 − (1 − (K−1)/(N−1))^r]^k; r is binomial
(Buckingham & Willshaw 1992).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlog1py, xlogy

from hopfield._checks import together, whole
from hopfield.theory import _checks

_MOST_SITES = 10**9


def willshaw_fill(patterns: ArrayLike, size: ArrayLike, active: ArrayLike) -> Any:
    """Mean share of Willshaw's couplings i ≠ j that are 1.

    Parameters
    ----------
    patterns : P ≥ 1, a number or an array.
    size : N ≥ 2 sites, a number or an array that broadcasts.
    active : K ones of a pattern, 1 ≤ K ≤ N, a number or an array that broadcasts.

    Returns
    -------
    1 − (1 − K(K − 1)/(N(N − 1)))^P, exact for independent patterns, of the broadcast shape.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(float(willshaw_fill(5000, 1000, 10)), 4)
    0.3627
    """
    P, N, K = together(
        patterns=_checks.at_least("patterns", patterns, 1),
        size=_checks.at_least("size", size, 2),
        active=_checks.at_least("active", active, 1),
    )
    if (K > N).any():
        raise ValueError(f"active must be at most the size, got {K.max():g} of {N.min():g} sites")
    with np.errstate(divide="ignore"):  # K = N fills all
        return -np.expm1(P * np.log1p(-(K / N) * ((K - 1) / (N - 1))))[()]


def willshaw_errors(patterns: int, size: int, active: int, given: int | None = None) -> float:
    """Mean number of false ones that a cue of true ones turns on in Willshaw's memory.

    Buckingham & Willshaw's formula; (N − K) fill^k, which takes the couplings of a unit as
    independent, is too small by a factor of up to 3.

    Parameters
    ----------
    patterns : P, from 1 to 1e9.
    size : N ≥ 2 sites.
    active : K ones of a pattern, 1 ≤ K ≤ N.
    given : k ones of the cue, 1 ≤ k ≤ K; None for all.

    Returns
    -------
    False ones per cue, from 0 to N − K.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(willshaw_errors(5000, 1000, 10, given=7), 2)
    1.04
    """
    P = whole("patterns", patterns, high=_MOST_SITES)
    N, K, k = _sizes(size, active, given)
    return _willshaw_errors(P, N, K, k)


def willshaw_capacity(size: int, active: int) -> int:
    """Number of patterns up to which a full cue turns on at most one false one.

    It is largest for K ≈ log₂ N, where it approaches ln 2 (N/K)².

    Parameters
    ----------
    size : N ≥ 2 sites.
    active : K ones of a pattern, 2 ≤ K ≤ N − 2.

    Returns
    -------
    P.

    Raises
    ------
    ValueError : an argument outside its range, or a capacity beyond 1e9.

    Examples
    --------
    >>> willshaw_capacity(1000, 10)
    7433
    """
    N, K, _ = _sizes(size, active, None)
    if not 2 <= K <= N - 2:
        raise ValueError(f"active must lie in [2, {N - 2}], got {active}")
    low, high = 1, 2
    while _willshaw_errors(high, N, K, K) <= 1:
        low, high = high, 2 * high
        if high > _MOST_SITES:
            raise ValueError(f"active must leave a capacity below {_MOST_SITES:g}, got {active}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _willshaw_errors(middle, N, K, K) <= 1 else (low, middle)
    return low


def _sizes(size: int, active: int, given: int | None) -> tuple[int, int, int]:
    N = whole("size", size, low=2, high=_MOST_SITES)
    K = whole("active", active, high=N)
    return N, K, K if given is None else whole("given", given, high=K)


def _willshaw_errors(P: int, N: int, K: int, k: int) -> float:
    share, others = K / N, P - 1
    mean, width = others * share, math.sqrt(others * share * (1 - share))
    first = max(0, math.floor(mean - 12 * width - 30))
    r = np.arange(first, min(others, math.ceil(mean + 12 * width + 30)) + 1, dtype=np.float64)
    count = gammaln(others + 1) - gammaln(r + 1) - gammaln(others - r + 1)
    log_binomial = count + xlogy(r, share) + xlog1py(others - r, -share)
    linked = -np.expm1(xlog1py(r, -(K - 1) / (N - 1)))
    return float((N - K) * (np.exp(log_binomial) * linked**k).sum())
