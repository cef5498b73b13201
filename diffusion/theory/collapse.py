r"""When the empirical score of P points stops being that of their distribution.

Gaussian data of variances λ_1 … λ_m along m directions, noise t = σ² (variance exploding;
for the Ornstein–Uhlenbeck time s, t = e^{2s} − 1). The posterior weights of the P points
are those of a random energy model (Lucibello & Mézard, arXiv 2304.14964; Biroli et al.,
arXiv 2402.18491; Achilli et al., arXiv 2502.09578):

    I(σ) = ½ Σ log(1 + λ/t)                               information of a noised point, in nats
    collapse      log P = I                               at planted x the own point takes over
    onset         log P = ½ Σ [log(1 + λ/t) + λ/(t + λ)]  it first holds a basin of attraction
    basin edge    ρ* = 1 − (2 log P − Σ log(1 + λ/t)) / Σ λ/(λ + t)
    condensation  log P = ½ Σ [log(1 + λ/t) − λ/(t + λ) + λx²/(t + λ)²]    at a fixed query x

Directions without variance do not count: only the intrinsic dimension matters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy  # whose parts are loaded when they are first used
from numpy.typing import ArrayLike

from diffusion._checks import whole
from diffusion.theory import _checks
from diffusion.theory._checks import Array

_REACH = 300.0  # logarithms of t searched, about the scale of the data


def mutual_information(variances: ArrayLike, sigma: ArrayLike) -> Array:
    """I = ½ Σ log(1 + λ/σ²), the information in a noised point about the clean one, in nats.

    Parameters
    ----------
    variances : (m,), not negative.
    sigma : noise level, a number or an array, positive.

    Returns
    -------
    Shaped like `sigma`; dI/d log σ² = −D_eff/2 with D_eff = Σ λ/(λ + σ²).

    Raises
    ------
    ValueError : a negative variance, or sigma not positive.

    Examples
    --------
    >>> round(float(mutual_information([3.0, 3.0], 1.0)), 4)  # log 4
    1.3863
    """
    return _information(_checks.spectrum(variances), _checks.noise_variance(sigma))


def collapse_sigma(P: ArrayLike, variances: ArrayLike) -> Array:
    """Noise level below which the posterior at a planted point rests on its own datum.

    log P = I(σ). For m equal variances σ² = λ/(P^{2/m} − 1).

    Parameters
    ----------
    P : number of data points above 1, a number or an array.
    variances : (m,), not negative.

    Returns
    -------
    Shaped like `P`.

    Raises
    ------
    ValueError : P not above 1, or a negative variance.

    Examples
    --------
    >>> round(float(collapse_sigma(100, [1.0] * 4)) ** 2, 5)  # 1/9
    0.11111
    """
    lam = _checks.spectrum(variances)
    return _solve(lambda t: _information(lam, t), np.log(_checks.size(P)), lam)


def onset_sigma(P: ArrayLike, variances: ArrayLike) -> Array:
    """Noise level below which data points first hold basins of attraction.

    log P = ½ Σ [log(1 + λ/σ²) + λ/(σ² + λ)]; above the collapse. Arguments and errors are
    those of `collapse_sigma`.

    Examples
    --------
    >>> round(float(onset_sigma(100, [1.0] * 4)) ** 2, 5)
    0.27956
    """
    lam = _checks.spectrum(variances)
    return _solve(lambda t: _information(lam, t) + _kept(lam, t) / 2, np.log(_checks.size(P)), lam)


def basin_edge(P: ArrayLike, variances: ArrayLike, sigma: ArrayLike) -> Array:
    """Edge ρ* of the basin of a datum: a query closer than sqrt(ρ*σ²m) along the manifold finds it.

    ρ* is 1 at the collapse, larger at smaller noise, and 0 from the onset upwards.

    Parameters
    ----------
    P : number of data points above 1.
    variances : (m,), not negative.
    sigma : noise level, positive. P and sigma broadcast.

    Returns
    -------
    At least 0, of the shape of P and sigma together.

    Raises
    ------
    ValueError : P not above 1, a negative variance, or sigma not positive.

    Examples
    --------
    >>> variances = [1.0] * 20
    >>> round(float(basin_edge(1000, variances, collapse_sigma(1000, variances))), 6)
    1.0
    """
    lam, t = _checks.spectrum(variances), _checks.noise_variance(sigma)
    excess = 2 * np.log(_checks.size(P)) - 2 * _information(lam, t)
    return np.maximum(1 - excess / _kept(lam, t), 0)


def condensation_sigma(P: ArrayLike, variances: ArrayLike, x: ArrayLike = 0.0) -> Array:
    """Noise level below which the posterior at a fixed query x rests on few data points.

    log P = KL(p(x₀|x, σ) ‖ p(x₀)), where the posterior's entropy vanishes. Below it the
    mean of Σ w² over data sets is 1 − σ²/σ_c² (random energy model). The query here is
    independent of the data; the collapse is the planted case.

    Parameters
    ----------
    P : number of data points above 1, a number or an array.
    variances : (m,), not negative.
    x : the query, (m,) or one number for all directions.

    Returns
    -------
    Shaped like `P`.

    Raises
    ------
    ValueError : P not above 1, a negative variance, x of another length or not finite.

    Examples
    --------
    >>> spectrum = [1.0] * 20 + [0.25] * 20
    >>> round(float(condensation_sigma(1000, spectrum)) ** 2, 4)
    0.3707
    """
    lam = _checks.spectrum(variances)
    squared = _checks.query(x, lam) ** 2

    def divergence(t: float) -> Array:
        bend = (lam * squared / (t + lam) ** 2).sum()
        return _information(lam, t) + (bend - _kept(lam, t)) / 2

    return _solve(divergence, np.log(_checks.size(P)), lam + squared)


def axis_condensation_sigma(
    P: ArrayLike, variances: ArrayLike, sigma: ArrayLike | None = None
) -> Array:
    """Noise level of the condensation for a query along each axis, x = σ e_k.

    It is `condensation_sigma` at the points at which a score is compared with that of the
    origin. Unless data have unit norm, the direction hardly matters.

    Parameters
    ----------
    P : number of data points above 1.
    variances : (m,), not negative; a direction of variance 0 has the value of the origin.
    sigma : noise level σ of the query, positive. P and sigma broadcast. None: that of the
        condensation itself.

    Returns
    -------
    (…, m).

    Raises
    ------
    ValueError : P not above 1, a negative variance, or sigma not positive.

    Examples
    --------
    >>> (axis_condensation_sigma(1000, [1.0] * 2 + [0.09] * 5)[[0, -1]] ** 2).round(4)
    array([0.0108, 0.011 ])
    """
    lam = _checks.spectrum(variances)
    different, index = np.unique(lam, return_inverse=True)
    squared = np.array(np.nan) if sigma is None else _checks.noise_variance(sigma)
    size = _checks.size(P)[..., None]
    along = np.vectorize(partial(_along, lam), otypes=[np.float64])
    return along(size, different, squared[..., None])[..., index]


def _along(lam: Array, P: float, own: float, squared: float) -> float:
    """σ_c of a query of x² = `squared`, NaN for σ_c², along a direction of variance `own`."""

    def divergence(t: float) -> Array:
        bend = own / (t + own) * (t if np.isnan(squared) else squared) / (t + own)
        return _information(lam, t) + (bend - _kept(lam, t)) / 2

    return float(_solve(divergence, np.log(P), lam + np.nan_to_num(squared)))


def participation_ratio(P: ArrayLike, variances: ArrayLike, sigma: ArrayLike) -> Array:
    """Finite-size law of Y = E Σ_μ w_μ², the mean of the planted weight.

    Y ≈ E_g sigmoid(I + sqrt(V) g − log(P − 1)), g standard normal, V = Σ λ/(λ + σ²): the
    planted energy fluctuates, the others are averaged. By Jensen's inequality it is too small,
    by at most about 0.13. The measured Y = ½ lies at a σ² above the collapse: by at most 60 % for
    m ≥ 3 equal variances, and up to three times as large for m ≤ 2 (P from 10 to 10⁴).

    Parameters
    ----------
    P : number of data points above 1.
    variances : (m,), not negative.
    sigma : noise level, positive. P and sigma broadcast.

    Returns
    -------
    In (0, 1), of the shape of P and sigma together.

    Raises
    ------
    ValueError : P not above 1, a negative variance, or sigma not positive.

    Examples
    --------
    >>> bool(participation_ratio(1000, [1.0] * 20, 0.1) > 0.999)
    True
    """
    lam, t = _checks.spectrum(variances), _checks.noise_variance(sigma)
    bias = _information(lam, t) - np.log(_checks.size(P) - 1)
    g = np.linspace(-8, 8, 801)
    density = np.exp(-(g**2) / 2)
    spread = np.sqrt(_kept(lam, t))
    return scipy.special.expit(bias[..., None] + spread[..., None] * g) @ (density / density.sum())


def return_probability(P: ArrayLike, variances: ArrayLike, sigma: ArrayLike) -> Array:
    """Probability that a U-turn through noise level `sigma` ends on the datum it left.

    The reverse process draws from the posterior weights. So this is Y of
    `participation_ratio`, as is the probability that two clones agree. Arguments and errors
    are those of `participation_ratio`.

    Examples
    --------
    >>> bool(return_probability(1000, [1.0] * 20, 10.0) < 0.01)
    True
    """
    return participation_ratio(P, variances, sigma)


def excess_entropy(
    P: ArrayLike, variances: ArrayLike, sigma: ArrayLike, dimension: int | None = None
) -> Array:
    """f = (log P − I)/d of the distribution; crosses zero at the collapse (Biroli et al.).

    The excess entropy of the empirical score, E H(w)/d, is never negative and has no zero.

    Parameters
    ----------
    P : number of data points above 1.
    variances : (m,), not negative.
    sigma : noise level, positive. P and sigma broadcast.
    dimension : d; None: the number of positive variances.

    Raises
    ------
    ValueError : P not above 1, a negative variance, sigma not positive, or d below 1.

    Examples
    --------
    >>> bool(excess_entropy(1000, [1.0] * 20, 2.0) > 0)
    True
    """
    lam, t = _checks.spectrum(variances), _checks.noise_variance(sigma)
    d = np.count_nonzero(lam) if dimension is None else whole("dimension", dimension)
    return (np.log(_checks.size(P)) - _information(lam, t)) / d


def area_law(P: ArrayLike) -> Array:
    """∫ D_eff d log σ² = 2 log P for any P distinct points: the capacity of P points.

    It follows from dI/d log σ² = −D_eff/2, as I runs from log P to 0: forty dimensions over
    one decade of σ² need log P = 46.

    Parameters
    ----------
    P : number of data points above 1, a number or an array.

    Raises
    ------
    ValueError : P not above 1.

    Examples
    --------
    >>> round(float(area_law(1797)), 2)  # the digits of scikit-learn
    14.99
    """
    return 2 * np.log(_checks.size(P))


def _information(lam: Array, t: ArrayLike) -> Array:
    return np.log1p(lam / np.asarray(t)[..., None]).sum(-1) / 2


def _kept(lam: Array, t: ArrayLike) -> Array:
    """Σ λ/(λ + t), the effective dimension of the distribution."""
    return (lam / (lam + np.asarray(t)[..., None])).sum(-1)


def _solve(information: Callable[[float], Array], target: Array, scales: Array) -> Array:
    """σ at which `information`(σ²), falling from ∞ to 0, meets each target."""
    centre = np.log(scales.max())

    def root(wanted: float) -> float:
        def excess(u: float) -> float:
            return float(information(np.exp(centre + u))) - wanted

        if excess(-_REACH) < 0:  # σ² below what a float can hold
            return 0.0
        root = scipy.optimize.brentq(excess, -_REACH, _REACH, xtol=1e-13)
        return float(np.exp((centre + root) / 2))

    return np.vectorize(root, otypes=[np.float64])(target)[()]
