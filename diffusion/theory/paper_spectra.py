r"""The spectra that "Losing dimensions" draws, and the same with units that agree.

Gaussian data of variances λ_1 … λ_m, P points, noise variance t = σ². The singular value s_k of
the score near the origin, along direction k, where the query is x = σ e_k. The curve of the
figure of arXiv 2410.08727, as its code computes it (γ = 1; γ = 0 for data of unit norm):

    t_c(t, k)² = [γ Σ λ_j²/2 + t λ_k]/(2 log P)     condensation, second cumulant of energies
    φ_k = (1/t − 1/t_c(t, k))₊,   φ_0 = φ of λ_k = 0 (0 for γ = 0),   F = Σ λ_j/[t²(t + λ_j)]
    paper          s_k² = (t + λ_k)^−2 + [F (φ_0 + φ_k)]²

Between data sets the difference of two scores at distance σ has the variance tF(φ_0 + φ_k) in
units of t. That gives a form whose terms are all of one dimension. It is ours, not the paper's,
and φ has the exact condensation (`axis_condensation_sigma`):

    homogeneous    s_k² = (t + λ_k)^−2 + t F (φ_0 + φ_k)

The paper's curve is not the exact score of P points. Its t_c needs log P ≪ m/2, and is otherwise
far too large: 25 times for 2 + 5 directions and P = 1000. At unit norm, t_c = σ sqrt(λ_k/2 log P)
needs 2 λ_k log P ≪ 1. There the weights condense at t* = λ_k/(2 log P), the larger variance first,
with Σ w² = 1 − sqrt(t/t*); that holds in 400 dimensions and is reversed in 30. The term Fφ is
length^−6 beside length^−2, so that the shape of the curve changes when data are rescaled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from diffusion._checks import flag, together
from diffusion.theory import _checks
from diffusion.theory._checks import Array
from diffusion.theory.collapse import axis_condensation_sigma

_STEP = 0.05  # of log u in an integral over u; the error falls as e^{−π²/step}
_BEYOND = 80.0  # logarithms past the scales of the data, where its integrand has vanished


def paper_spectrum(
    P: ArrayLike, variances: ArrayLike, sigma: ArrayLike, unit_norm: bool = False
) -> Array:
    """Singular values of the score of P points by the paper's formula, not the exact ones.

    Parameters
    ----------
    P : number of data points above 1.
    variances : (m,), not negative; directions of variance 0 count. For data of unit norm the
        figure of the paper has those before normalising, `unit_norm_variances` the actual ones.
    sigma : noise level, positive. P and sigma broadcast.
    unit_norm : whether data have unit norm (γ = 0): no energy fluctuates at the origin.

    Returns
    -------
    (…, m), in units of 1/σ²: times σ² they are 1 across the manifold. Infinite where too large.

    Raises
    ------
    ValueError : P not above 1, a negative variance, sigma not positive, or no true or false.

    Examples
    --------
    >>> paper_spectrum(1000, [1.0] * 2 + [0.09] * 5, 0.5**0.5)[[0, -1]].round(6)
    array([0.666667, 1.694915])
    """
    size, lam, t = _setting(P, variances, sigma)
    condensed = paper_condensation_sigma(size, lam, np.sqrt(t), unit_norm) ** 2
    origin = 0.0 if flag("unit_norm", unit_norm) else _excess(t, _spread(size, lam))
    smooth, t, kept, phi = _terms(lam, t, origin, condensed)
    with np.errstate(over="ignore"):
        return np.hypot(smooth, kept * phi / t / t)


def paper_condensation_sigma(
    P: ArrayLike, variances: ArrayLike, sigma: ArrayLike | None = None, unit_norm: bool = False
) -> Array:
    """Noise level of condensation by the paper's second cumulant, for a query along each axis.

    Below it Σ w² = 1 − σ²/σ_c² (random energy model). `axis_condensation_sigma` is exact.

    Parameters
    ----------
    P : number of data points above 1.
    variances : (m,), not negative; a direction of variance 0 has the value of the origin.
    sigma : noise level at which the query is σ e_k. P and sigma broadcast. None: that of the
        condensation itself, for data of unit norm sqrt(λ_k/2 log P).
    unit_norm : as for `paper_spectrum`.

    Returns
    -------
    (…, m).

    Raises
    ------
    ValueError : as for `paper_spectrum`.

    Examples
    --------
    >>> (paper_condensation_sigma(1000, [1.0] * 2 + [0.09] * 5)[[0, -1]] ** 2).round(5)
    array([0.31034, 0.27503])
    """
    lam = _checks.spectrum(variances)
    size = _checks.size(P)
    if sigma is not None:
        size, lam, t = _setting(P, variances, sigma)
    fixed = 0.0 if flag("unit_norm", unit_norm) else _spread(size, lam)[..., None]
    linear = lam / (2 * np.log(size))[..., None]
    if sigma is not None:
        return np.sqrt(np.hypot(fixed, np.sqrt(t[..., None]) * np.sqrt(linear)))
    return np.sqrt(linear / 2 + np.hypot(linear / 2, fixed))


def homogeneous_spectrum(P: ArrayLike, variances: ArrayLike, sigma: ArrayLike) -> Array:
    """Singular values of the score of P points by the homogeneous form, ours.

    Within 40 % of the score measured, for 2 + 5 directions and P = 1000 below the condensation.
    Part of that are two errors that cancel: below it the score freezes at the condensation, and
    neighbouring queries share their data.

    Parameters
    ----------
    P : number of data points above 1.
    variances : (m,), not negative; directions of variance 0 count.
    sigma : noise level, positive. P and sigma broadcast.

    Returns
    -------
    (…, m), in units of 1/σ²; σ² s_k is dimensionless and stays when data are rescaled.

    Raises
    ------
    ValueError : P not above 1, a negative variance, or sigma not positive.

    Examples
    --------
    >>> variances, sigma = np.array([1.0] * 2 + [0.09] * 5), 0.1
    >>> small = sigma**2 * homogeneous_spectrum(1000, variances, sigma)
    >>> np.allclose(small, 4 * sigma**2 * homogeneous_spectrum(1000, 4 * variances, 2 * sigma))
    True
    """
    size, lam, t = _setting(P, variances, sigma)
    along = np.append(lam, 0.0)  # the origin as well
    condensed = axis_condensation_sigma(size, along, np.sqrt(t)) ** 2
    origin = _excess(t, condensed[..., -1])
    smooth, t, kept, phi = _terms(lam, t, origin, condensed[..., :-1])
    return np.hypot(smooth, np.sqrt(kept * phi) / np.sqrt(t))


def unit_norm_variances(variances: ArrayLike) -> Array:
    """Variances of Gaussian data along its axes after each point is divided by its norm.

    E λ_k z_k²/Σ λ_j z_j² = λ_k ∫ du (1 + 2λ_k u)^−1 Π_j (1 + 2λ_j u)^−1/2 over u > 0.

    Parameters
    ----------
    variances : (m,), not negative; before normalising.

    Returns
    -------
    (m,), of sum 1; in high dimensions near λ_k/Σ λ_j.

    Raises
    ------
    ValueError : a negative variance.

    Examples
    --------
    >>> unit_norm_variances([1.0] * 2 + [0.09] * 5 + [1e-4] * 23)[[0, 2]].round(4)
    array([0.3516, 0.059 ])
    """
    lam = _checks.spectrum(variances)
    different, index, count = np.unique(lam, return_inverse=True, return_counts=True)
    with np.errstate(divide="ignore"):
        scales = np.log(different / different[-1])
    u = np.arange(-_BEYOND, _BEYOND - scales[np.isfinite(scales)][0], _STEP)  # log 2u λ_max
    grown = u + scales[:, None]
    left = np.exp(-(count[:, None] * np.logaddexp(0, grown)).sum(0) / 2)
    return (expit(grown) / 2 * left).sum(1)[index] * _STEP


def _setting(P: ArrayLike, variances: ArrayLike, sigma: ArrayLike) -> tuple[Array, Array, Array]:
    """P (…), λ (m,) and t (…)."""
    size, t = together(P=_checks.size(P), sigma=_checks.noise_variance(sigma))
    return size, _checks.spectrum(variances), t


def _spread(size: Array, lam: Array) -> Array:
    """t_c at the origin, sqrt(Σ λ²/4 log P)."""
    return np.asarray(np.hypot.reduce(lam) / np.sqrt(4 * np.log(size)))


def _excess(t: Array, condensed: Array) -> Array:
    """φ = (1/t − 1/t_c)₊, 0 where nothing condenses."""
    inverse = np.full_like(condensed, np.inf)
    np.divide(1, condensed, out=inverse, where=condensed > 0)
    return np.maximum(1 / t - inverse, 0)


def _terms(lam: Array, t: Array, origin: Array | float, condensed: Array) -> tuple[Array, ...]:
    """1/(t + λ) (…, m), t (…, 1), t² F (…, 1) and φ_0 + φ_k (…, m)."""
    t = t[..., None]
    phi = np.asarray(origin)[..., None] + _excess(t, condensed)
    return 1 / (t + lam), t, (lam / (t + lam)).sum(-1, keepdims=True), phi
