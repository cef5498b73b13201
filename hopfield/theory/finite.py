r"""Finite-N laws of the exponential dense memory on the sphere |ξ|² = N.

A pattern drawn at random has, in the mean, the weight e^{Nζ_N(k)} at a state of norm |x|,
k = λ|x|/√N, with

    ζ_N(k) = (1/N) log E e^{kN q} = (1/N) log[Γ(ν+1) (2/kN)^ν I_ν(kN)],    ν = N/2 − 1,

q the cosine of two random directions; ζ_N → ζ of `hopfield.theory.dense` as N → ∞.

    weight   E w_1 ≥ E[1/(1 + (P − 1) e^{−i})],  i = λ x·ξ − N ζ_N(λ|x|/√N), by Jensen's
             inequality for the other patterns. At λ = 1/s² a draw from the posterior (the
             reverse SDE) retrieves with probability E w_1, the best guess at least as often.
    update   a state of overlap r = x·ξ/N with its pattern, and with no other one, moves to
             r ← w + (1 − w) q(λr),  w = σ(N[λr − log(P − 1)/N − ζ_N(λr)]),  q = ζ_N′.
             At small N the fixed point next to the pattern is lost at a load far below α₁:
             one step and the end of the dynamics are different criteria.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.optimize import brentq, minimize_scalar

from hopfield._checks import number, whole
from hopfield.theory import _checks
from hopfield.theory._checks import Array
from hopfield.theory.decoding import cue_nodes

_LARGEST_BETA = 1e300  # λ|x|√N stays finite


def sphere_average(k: ArrayLike, size: int) -> Any:
    """Average ζ_N(k) over the sphere: (1/N) log of the mean weight of a random pattern.

    Parameters
    ----------
    k : λ|x|/√N ≥ 0, a number or an array.
    size : N ≥ 2.

    Returns
    -------
    ζ_N ≥ 0, of the shape of `k`.

    Raises
    ------
    ValueError : a negative k, N below 2.

    Examples
    --------
    >>> round(float(sphere_average(2.0, 3)), 6)  # (1/3) log(sinh 6/6)
    1.171696
    """
    size = whole("size", size, low=2)
    x = _checks.from_zero("k", k) * size
    return (_log_average(x, size) / size)[()]


def posterior_weight_bound(patterns: ArrayLike, size: int, noise: float, beta: float = 0.0) -> Any:
    """Least mean weight E w_1 of the cued pattern, cue x = ξ + sz.

    Parameters
    ----------
    patterns : P ≥ 1, a number or an array.
    size : N ≥ 2; patterns are uniform on the sphere |ξ|² = N.
    noise : s > 0.
    beta : λ > 0 of the weights; 0 for the λ of the cue, 1/s².

    Returns
    -------
    In [0, 1], of the shape of `patterns`; quadrature error below 10⁻⁴, at N = 2 below 10⁻³.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(float(posterior_weight_bound(403, 20, 1.0)), 2)
    0.63
    """
    counts = _checks.at_least("patterns", patterns, 1)
    size, s = whole("size", size, low=2), _checks.one_noise(noise)
    lam = number("beta", beta, low=0, high=_LARGEST_BETA) or s**-2
    z, across, weights = cue_nodes(size)
    along = math.sqrt(size) + s * z[:, None]
    norm = np.sqrt(along**2 + s**2 * across)  # |x|; x·ξ = √N along
    gain = lam * math.sqrt(size) * along - _log_average(lam * math.sqrt(size) * norm, size)
    with np.errstate(divide="ignore"):
        others = np.log(counts - 1)[..., None, None]
    return (special.expit(gain - others) * weights).sum((-1, -2))


def fixed_point_load(beta: ArrayLike, size: int) -> Any:
    """Load α_fp = ln P/N up to which the update has a fixed point next to a pattern, w > ½.

    The fixed point is lost with a jump, or at small N and large λ by a continuous move to the
    mean of all patterns.

    Parameters
    ----------
    beta : λ > 0, a number or an array.
    size : N ≥ 2.

    Returns
    -------
    α_fp, of the shape of `beta`.

    Raises
    ------
    ValueError : β not positive, N below 2.

    Examples
    --------
    >>> [round(float(fixed_point_load(1.0, N)), 4) for N in (20, 100)]
    [0.5298, 0.5855]
    """
    size = whole("size", size, low=2)
    lam = _checks.above("beta", beta, finite=True)
    return np.vectorize(lambda one: _fixed_point_load(one, size), otypes=[np.float64])(lam)[()]


def _fixed_point_load(lam: float, size: int) -> float:
    """First maximum of the load along the fixed points, r from 1 down to w = ½."""

    def odds(log_distance: ArrayLike) -> Array:
        """Odds log w/(1 − w), w = (r − q)/(1 − q), of the fixed point at r = 1 − distance."""
        distance = np.exp(log_distance)
        excess = 1 - distance - _mean_cosine(lam * (1 - distance) * size, size)
        return np.log(np.maximum(excess, 1e-300)) - np.log(distance)

    def log_others(log_distance: ArrayLike) -> Array:
        """Number log(P − 1) of other patterns at which the fixed point is there."""
        x = lam * (1 - np.exp(log_distance)) * size
        return x - _log_average(x, size) - odds(log_distance)

    end = brentq(odds, math.log(1e-12), math.log(0.5))  # r > w ≥ ½
    grid = np.linspace(math.log(1e-12), end, 1000)
    turns = np.flatnonzero(np.diff(log_others(grid)) < 0)
    best = float(log_others(end))
    if len(turns):
        around = grid[max(turns[0] - 1, 0)], grid[turns[0] + 1]
        best = -minimize_scalar(
            lambda g: -float(log_others(g)), bounds=around, method="bounded"
        ).fun
    return float(np.logaddexp(0, best)) / size


def _log_average(x: Array, size: int) -> Array:
    """Logarithm of E e^{x q} by Bessel's function.

    Where that underflows, its uniform expansion for large order (Debye) is exact to 10⁻⁹.
    """
    nu = size / 2 - 1
    x = np.maximum(x, 1e-100)
    small = x < 1e-4  # E e^{xq} = 1 + x²/2N + …
    with np.errstate(divide="ignore", under="ignore"):
        scaled = special.ive(nu, x)
        direct = special.gammaln(nu + 1) + nu * np.log(2 / x) + np.log(scaled) + x
    direct = np.where(scaled > 1e-280, direct, _debye(x, nu))
    return np.where(small, x**2 / (2 * size), direct)


def _debye(x: Array, nu: float) -> Array:
    """Debye's expansion of log[Γ(ν+1) (2/x)^ν I_ν(x)] for large ν, to 1/ν³ (DLMF 10.41.3)."""
    if nu == 0:  # where x is too large for Bessel's function
        return x - np.log(2 * math.pi * x) / 2
    z = x / nu
    root = np.sqrt(1 + z**2)
    t = 1 / root
    series = (
        1
        + (3 * t - 5 * t**3) / (24 * nu)
        + (81 * t**2 - 462 * t**4 + 385 * t**6) / (1152 * nu**2)
        + (30375 * t**3 - 369603 * t**5 + 765765 * t**7 - 425425 * t**9) / (414720 * nu**3)
    )
    # ν log(2/x) and ν log(z/(1 + √(1+z²))) together, so that nothing large cancels
    main = special.gammaln(nu + 1) + nu * (root + np.log(2 / (nu * (1 + root))))
    return main - np.log(2 * math.pi * nu * root) / 2 + np.log(series)


def _mean_cosine(x: Array, size: int) -> Array:
    """Mean q = ζ_N′ = I_{ν+1}(x)/I_ν(x), by differences of ζ_N where both underflow."""
    nu = size / 2 - 1
    low, high = special.ive(nu, x), special.ive(nu + 1, x)
    ok = high > 1e-280
    step = 1e-5 * np.maximum(x, 1e-3)
    slope = (_log_average(x + step, size) - _log_average(x - step, size)) / (2 * step)
    return np.where(ok, high / np.where(ok, low, 1.0), slope)
