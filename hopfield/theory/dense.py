r"""Thresholds of dense memories: how many random patterns they hold, and from how noisy a cue.

Exponential memories hold P = e^{αN} patterns. A cue x of pattern 1 competes with a random
energy model of the others (Lucibello & Mézard, arXiv 2304.14964; Biroli et al., arXiv
2402.18491): with ζ(λ) = lim (1/N) log E e^L, L the logit λ x·ξ (− λ|ξ|²/2 with the norm
correction) of a pattern that was not cued, one pattern is retrieved iff

    α < α₁(λ) = L_1/N − ζ(λ),    λ = β = 1/σ², in units where |ξ|² = N,

while the others do not condense; beyond the λ at which they do, α₁ stays constant. This λ is
the inverse noise of the cue, where retrieval is decoding at the Nishimori temperature, and
the constant is the information I that the cue carries on its pattern:

    Gaussian noise s, sphere or Gaussian patterns    I = ½ ln(1 + 1/s²)       at λ = 1/s²
    cosine m, sphere                                 I = −½ ln(1 − m²)        at λ = m/(1 − m²)
    flips that leave m, spins                        I = ½[(1+m) ln(1+m) + (1−m) ln(1−m)]
                                                                              at λ = artanh m
    Gaussian noise s, spins                          I of the binary-input channel, λ = 1/s²

Without the norm correction, Gaussian patterns of unequal norm condense at 1/(1 + s²) and lose
capacity. These are limits N → ∞ of one step; `hopfield.theory.finite` has finite N and the
fixed points, `hopfield.theory.sign_dynamics` spins that follow their own signs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy  # whose parts are loaded when they are first used
from numpy.typing import ArrayLike

from hopfield._checks import choice, number, together
from hopfield.theory import _checks
from hopfield.theory._checks import Array

_SERIES = 0.005  # overlap below which the information is taken from its series
ENSEMBLES = ("spherical", "gaussian", "gaussian-uncorrected", "spins")
_z, _weights = np.polynomial.hermite_e.hermegauss(200)
_Z, _WEIGHTS = _z, _weights / _weights.sum()


def dense_load(beta: ArrayLike, noise: ArrayLike = 0.0, ensemble: str = "spherical") -> Any:
    """Load α₁ = ln P/N up to which a cue with Gaussian noise retrieves its pattern.

    Parameters
    ----------
    beta : λ = β > 0, a number or an array.
    noise : s ≥ 0 of the cue x = ξ + sz, a number or an array that broadcasts with λ.
    ensemble : "spherical", "gaussian", "gaussian-uncorrected" or "spins"
        Gaussian patterns have the norm correction unless "uncorrected", where α₁ =
        λ − λ²(1 + s²)/2 ends at 1/(2(1 + s²)) ≤ ½.

    Returns
    -------
    α₁ in nats per site, of the broadcast shape; below 0 one other pattern is too many.

    Raises
    ------
    ValueError : β not positive, a negative noise, an unknown ensemble.

    Examples
    --------
    >>> [round(float(dense_load(1.0, 0.0, one)), 5) for one in ENSEMBLES]
    [0.62257, 0.59657, 0.5, 0.56622]
    >>> round(float(dense_load(9.0, 1.0)), 5)  # ½ ln 2
    0.34657
    """
    choice("ensemble", ensemble, ENSEMBLES)
    lam, s = together(beta=_checks.above("beta", beta), noise=_checks.from_zero("noise", noise))
    if ensemble == "gaussian-uncorrected":
        lam = np.minimum(lam, 1 / (1 + s**2))
        return (lam - lam**2 * (1 + s**2) / 2)[()]
    with np.errstate(divide="ignore"):
        lam = np.minimum(lam, s**-2.0)
    limit = math.log(2) if ensemble == "spins" else math.inf  # of a clean cue, λ → ∞
    cold, lam = np.isinf(lam), np.where(np.isinf(lam), 1.0, lam)
    if ensemble == "gaussian":
        load = np.log1p(lam) / 2 + lam * (1 - lam * s**2) / (2 * (1 + lam))
    elif ensemble == "spherical":
        load = lam - sphere_log_average(lam * np.sqrt(1 + s**2))
    else:
        y = lam[..., None] * (1 + s[..., None] * _Z)  # of mean λ, so that nothing large cancels
        warm = math.log(2) - np.logaddexp(0, -2 * y) @ _WEIGHTS
        load = np.where(lam > 1, warm, lam - _log_cosh(np.minimum(y, 1e3)) @ _WEIGHTS)
    return np.where(cold, limit, load)[()]


def dense_load_at_overlap(beta: ArrayLike, overlap: ArrayLike, ensemble: str = "spherical") -> Any:
    """Load α₁ up to which a cue of given overlap retrieves: a cosine, or flipped spins.

    Parameters
    ----------
    beta : λ = β > 0, a number or an array.
    overlap : m in [0, 1], a number or an array that broadcasts with λ.
    ensemble : "spherical", where m is the cosine, or "spins".

    Returns
    -------
    α₁ in nats per site, of the broadcast shape.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(float(dense_load_at_overlap(5.0, 0.8)), 5)  # −½ ln(1 − 0.64)
    0.51083
    """
    choice("ensemble", ensemble, ("spherical", "spins"))
    lam, m = together(beta=_checks.above("beta", beta), overlap=_checks.within("overlap", overlap))
    with np.errstate(divide="ignore"):
        matched = m / (1 - m**2) if ensemble == "spherical" else np.arctanh(m)
    lam = np.minimum(lam, matched)
    limit = math.log(2) if ensemble == "spins" else math.inf  # of a clean cue, λ → ∞
    cold, lam = np.isinf(lam), np.where(np.isinf(lam), 1.0, lam)
    if ensemble == "spherical":
        load = lam * m - sphere_log_average(lam)
    else:  # λ and ln cosh λ have nearly all their digits in common where λ is large
        far = math.log(2) - np.log1p(np.exp(-2 * lam)) - lam * (1 - m)
        load = np.where(lam > 1, far, lam * m - _log_cosh(lam))
    return np.where(cold, limit, load)[()]


def dense_load_of_all(beta: ArrayLike, ensemble: str = "spherical") -> Any:
    r"""Load α_c up to which all patterns, not only typical ones, are retrieved from clean cues.

    It equals α₁ where all norms are equal. Of uncorrected Gaussian patterns the small ones are
    lost first: α_c = ½(ρ − 1 − ln ρ) with ρ(1 − λ)² = 1 + ln ρ below λ = 1, and 1/(2e) above.

    Parameters
    ----------
    beta : λ = β > 0, a number or an array.
    ensemble : "spherical", "spins" or "gaussian-uncorrected".

    Returns
    -------
    α_c in nats per site, of the shape of `beta`.

    Raises
    ------
    ValueError : β not positive, another ensemble.

    Examples
    --------
    >>> round(float(dense_load_of_all(0.5, "gaussian-uncorrected")), 5)
    0.15274
    """
    choice("ensemble", ensemble, ("spherical", "spins", "gaussian-uncorrected"))
    if ensemble != "gaussian-uncorrected":
        return dense_load(beta, 0.0, ensemble)

    def one(lam: float) -> float:
        if lam >= 1:
            return 1 / (2 * math.e)
        rho = scipy.optimize.brentq(
            lambda r: r * (1 - lam) ** 2 - 1 - math.log(r), math.exp(-1), 1, xtol=1e-14
        )
        return (rho - 1 - math.log(rho)) / 2

    return np.vectorize(one, otypes=[np.float64])(_checks.above("beta", beta))[()]


def least_overlap(load: ArrayLike, beta: float = math.inf, ensemble: str = "spherical") -> Any:
    """Overlap m_c above which cues retrieve their pattern at a load; the edge of the basins.

    Parameters
    ----------
    load : α = ln P/N > 0, a number or an array; below ln 2 for spins.
    beta : λ > 0; ∞ for the best decoder.
    ensemble : "spherical" or "spins".

    Returns
    -------
    m_c, of the shape of `load`; ∞ where not even clean cues retrieve.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> [round(float(least_overlap(0.3, ensemble=one)), 5) for one in ("spherical", "spins")]
    [0.67171, 0.73283]
    >>> round(float(least_overlap(0.3, beta=0.6)), 3)
    0.762
    """
    choice("ensemble", ensemble, ("spherical", "spins"))
    alpha = _checks.above("load", load)
    beta = float(_checks.above("beta", number("beta", beta)))
    if ensemble == "spherical":
        edge = np.sqrt(-np.expm1(-2 * alpha))
        with np.errstate(over="ignore"):
            matched = edge * np.exp(2 * alpha)  # m/(1 − m²), where 1 − m² has no digits left
    else:
        edge = np.asarray(spins_of_information(np.minimum(alpha, 1.0)))  # ∞ beyond ln 2
        with np.errstate(divide="ignore"):
            matched = np.arctanh(np.minimum(edge, 1.0))
    if beta == math.inf:
        return np.where(edge > 1, np.inf, edge)[()]
    average = sphere_log_average if ensemble == "spherical" else _log_cosh
    warm = (alpha + average(np.asarray(beta))) / beta
    return np.where(beta < matched, np.where(warm > 1, np.inf, warm), edge)[()]


def critical_noise(load: ArrayLike, ensemble: str = "spherical") -> Any:
    """Noise s of a cue up to which it is decoded: its information on its pattern is then α.

    On the sphere, and for Gaussian patterns, s² = 1/(e^{2α} − 1): the noise σ_C at which the
    empirical score of the P patterns collapses onto them.

    Parameters
    ----------
    load : α = ln P/N > 0, a number or an array; below ln 2 for spins.
    ensemble : "spherical", "gaussian" or "spins".

    Returns
    -------
    s, of the shape of `load`, in units of a pattern's rms entry; 0 for spins beyond ln 2.

    Raises
    ------
    ValueError : a load that is not positive, another ensemble.

    Examples
    --------
    >>> [round(float(critical_noise(0.3, one)), 5) for one in ("spherical", "spins")]
    [1.10289, 1.08785]
    """
    choice("ensemble", ensemble, ("spherical", "gaussian", "spins"))
    alpha = _checks.above("load", load)
    if ensemble != "spins":
        return (np.exp(-alpha) / np.sqrt(-np.expm1(-2 * alpha)))[()]

    def one(target: float) -> float:
        if target >= math.log(2):
            return 0.0

        def excess(log_noise: float) -> float:
            return float(dense_load(math.inf, math.exp(log_noise), "spins")) - target

        # A cue of spins carries less information than one of the sphere, whose noise bounds
        # theirs; 0.1 is added because both are rounded.
        upper = 0.1 - math.log(math.expm1(2 * target)) / 2
        root = scipy.optimize.brentq
        return math.exp(root(excess, -7, upper, xtol=1e-13)) if excess(-7) > 0 else 0.0

    return np.vectorize(one, otypes=[np.float64])(alpha)[()]


def query_gain(beta: ArrayLike, noise: ArrayLike) -> Any:
    """Factor c by which a noisy cue of corrected Gaussian patterns is best multiplied.

    c = (1 + λ)/(λ(1 + s²)) makes α₁ largest; it is 1 where λ is the inverse noise, 1/s².

    Parameters
    ----------
    beta : λ = β > 0, a number or an array.
    noise : s ≥ 0, a number or an array that broadcasts with λ.

    Returns
    -------
    c, of the broadcast shape.

    Raises
    ------
    ValueError : β not positive, a negative noise.

    Examples
    --------
    >>> float(query_gain(4.0, 0.5))
    1.0
    """
    lam, s = together(beta=_checks.above("beta", beta), noise=_checks.from_zero("noise", noise))
    return ((1 + 1 / lam) / (1 + s**2))[()]


def sphere_log_average(k: ArrayLike) -> Any:
    """Limit ζ(k) = lim (1/N) log E e^{kN q}, q the cosine of two random directions.

    ζ = k q + ½ ln(1 − q²) at q = (√(1 + 4k²) − 1)/(2k) = 2k/(√(1 + 4k²) + 1). Inner code:
    nothing is checked.

    Parameters
    ----------
    k : λ|x|/√N ≥ 0, a number or an array.

    Returns
    -------
    ζ, of the shape of `k`.

    Examples
    --------
    >>> round(float(sphere_log_average(1.0)), 5)  # 1 − α₁ of clean cues at λ = 1
    0.37743
    """
    k = np.asarray(k, dtype=float)
    inverse = 2 / (np.sqrt(1 + 4 * k**2) + 1)  # q/k = 1 − q², which keeps its digits as q → 1
    return k**2 * inverse + np.log(inverse) / 2


def flip_information(overlap: ArrayLike) -> Any:
    """Information I(m) that a spin flipped with probability (1 − m)/2 carries, in nats.

    ½[(1+m) ln(1+m) + (1−m) ln(1−m)], the capacity of the binary symmetric channel.

    Parameters
    ----------
    overlap : m in [0, 1], a number or an array.

    Returns
    -------
    I in [0, ln 2], of the shape of `overlap`.

    Raises
    ------
    ValueError : an overlap outside [0, 1].

    Examples
    --------
    >>> round(float(flip_information(0.8)), 4)
    0.3681
    """
    m = _checks.within("overlap", overlap)
    exact = (scipy.special.xlog1py(1 + m, m) + scipy.special.xlogy(1 - m, 1 - m)) / 2
    # The two terms are ±m to leading order, and their sum m²/2 has no digits left at small m.
    return np.where(m < _SERIES, m**2 * (1 / 2 + m**2 * (1 / 12 + m**2 / 30)), exact)[()]


def _log_cosh(x: Array) -> Array:
    """Logarithm of cosh, without overflow at large x or loss of digits at small."""
    x = np.abs(x)
    small = np.log1p(2 * np.sinh(np.minimum(x, 1.0) / 2) ** 2)  # where the others cancel
    return np.where(x < 1, small, x + np.log1p(np.exp(-2 * x)) - math.log(2))


def spins_of_information(information: ArrayLike) -> Any:
    """Overlap m of flipped spins that carry a given information; inverts `flip_information`.

    Parameters
    ----------
    information : I ≥ 0 in nats, a number or an array.

    Returns
    -------
    m in [0, 1], of the shape of `information`; ∞ beyond ln 2, more than a spin can carry.

    Raises
    ------
    ValueError : a negative information.

    Examples
    --------
    >>> round(float(spins_of_information(0.3)), 5)
    0.73283
    """

    def one(target: float) -> float:
        if target > math.log(2):
            return math.inf
        # m²/2 ≤ I ≤ m² ln 2, widened by rounding
        low, high = math.sqrt(target / math.log(2)), math.sqrt(2 * target)
        edges = low * (1 - 1e-9), min(high * (1 + 1e-9), 1)
        root = scipy.optimize.brentq
        return root(lambda m: float(flip_information(m)) - target, *edges, xtol=1e-300)

    given = _checks.at_least("information", information)
    return np.vectorize(one, otypes=[np.float64])(given)[()]
