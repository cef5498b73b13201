r"""Which dimension is lost: spectral gaps, and signal over noise of each direction.

Gaps. For data x₀ = F z the eigenvalues of σ²∇∇ log p_σ are −t/(t + λ), t = σ². Let a be the
smallest eigenvalue of a subspace of large variance, b the largest of one of small variance.
Between them opens an intermediate gap t/(t + b) − t/(t + a), widest at t = sqrt(ab); below the
smallest eigenvalue a of all opens the final gap a/(t + a) (Achilli et al., arXiv 2410.08727;
Ventura et al., arXiv 2410.05898). If F has entries of variance s², its eigenvalues fill the
Marchenko–Pastur interval s²(√d ± √m)².

Noise between data sets. The score of P independent points fluctuates with the data set as if
N₂ = P e^{−D₂} points mattered (Rényi's entropy of order 2):

    D₂ = Σ_k {log[(λ + t)/sqrt(t(2λ + t))] + x_k²[1/(λ + t) − 1/(2λ + t)]}
    Var(tJ_kk) = [3v'² + 6v'δ² + δ⁴ − 2v(v' + δ²) + v²]/(N₂ t²),     Var(σ² score_k) = (v' + δ²)/N₂
    v = λt/(λ + t),   v' = λt/(2λ + t),   δ² = x_k² [2λ/(2λ + t) − λ/(λ + t)]²

within 25 % at N₂ = 10 and 10 % at 30, for typical x in one to four dimensions of equal variance.
A direction is lost where the signal, t/(t + λ) and |x_k|t/(t + λ), falls below the noise: at one
noise level the larger variance goes first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diffusion._checks import positive, together
from diffusion.theory import _checks
from diffusion.theory._checks import Array


def marchenko_pastur_edges(rows: int, columns: int, entry_variance: float) -> tuple[float, float]:
    """Smallest and largest non-zero eigenvalue of F Fᵀ, F of independent entries.

    They are s²(√d − √m)² and s²(√d + √m)². For a second subspace beside one of m₁ columns of
    much larger variance, put d − m₁ in the place of d.

    Parameters
    ----------
    rows : d of F, positive.
    columns : m of F, positive.
    entry_variance : s², positive; σ²/m for a subspace of variance σ² in the convention of
        `diffusion.manifold_factors`.

    Raises
    ------
    ValueError : a number that is not positive.

    Examples
    --------
    >>> low, high = marchenko_pastur_edges(100, 40, 1 / 40)
    >>> round(low, 4), round(high, 4)
    (0.3377, 6.6623)
    """
    d, m = positive("rows", rows), positive("columns", columns)
    variance = positive("entry_variance", entry_variance)
    low, high = np.abs(np.sqrt(d) - np.sqrt(m)), np.sqrt(d) + np.sqrt(m)
    return float(variance * low**2), float(variance * high**2)


def final_gap(lowest: ArrayLike, sigma: ArrayLike) -> Array:
    """Gap a/(σ² + a) between the manifold, of smallest variance a, and its normals.

    Parameters
    ----------
    lowest : a, positive.
    sigma : noise level, positive. They broadcast.

    Raises
    ------
    ValueError : a number that is not positive.

    Examples
    --------
    >>> float(final_gap(1.0, 1.0))
    0.5
    """
    a, t = _checks.positive("lowest", lowest), _checks.noise_variance(sigma)
    return a / (t + a)


def intermediate_gap(lowest: ArrayLike, highest: ArrayLike, sigma: ArrayLike) -> Array:
    """Gap σ²/(σ² + b) − σ²/(σ² + a) between two subspaces; negative where they overlap.

    Parameters
    ----------
    lowest : a, smallest variance of the subspace of large variance, positive.
    highest : b, largest variance of the subspace of small variance, positive.
    sigma : noise level, positive. They broadcast.

    Raises
    ------
    ValueError : a number that is not positive.

    Examples
    --------
    >>> round(float(intermediate_gap(1.0, 0.25, widest_gap_sigma(1.0, 0.25))), 4)
    0.3333
    """
    a, b = together(
        lowest=_checks.positive("lowest", lowest), highest=_checks.positive("highest", highest)
    )
    t = _checks.noise_variance(sigma)
    return t / (t + b) - t / (t + a)


def widest_gap_sigma(lowest: ArrayLike, highest: ArrayLike) -> Array:
    """Noise level of the widest intermediate gap, σ² = sqrt(ab).

    The gap is then (√a − √b)/(√a + √b). Arguments and errors as for `intermediate_gap`.

    Examples
    --------
    >>> round(float(widest_gap_sigma(1.0, 0.0001)), 6)
    0.1
    """
    return (_checks.positive("lowest", lowest) * _checks.positive("highest", highest)) ** 0.25


def switch_sigma(large: ArrayLike, small: ArrayLike) -> Array:
    """Noise level below which the final gap is wider than the intermediate one.

    σ² = λ₁λ₂/(λ₁ − 2λ₂); infinite for λ₁ ≤ 2λ₂, where the final gap is always the wider.
    Below it the largest gap counts both subspaces instead of the first alone.

    Parameters
    ----------
    large : variance λ₁ of an isotropic subspace, positive.
    small : variance λ₂ of another, positive, at most λ₁. They broadcast.

    Raises
    ------
    ValueError : a number that is not positive, or λ₁ < λ₂.

    Examples
    --------
    >>> round(float(switch_sigma(1.0, 0.01)) ** 2, 6)
    0.010204
    """
    first, second = _checks.positive("large", large), _checks.positive("small", small)
    if (first < second).any():
        raise ValueError(f"large must be at least small, got {first.min():g} and {second.max():g}")
    excess = np.maximum(first - 2 * second, 0)
    with np.errstate(divide="ignore"):
        return np.sqrt(first * second / excess)


def effective_number(
    P: ArrayLike, variances: ArrayLike, sigma: ArrayLike, x: ArrayLike | None = None
) -> Array:
    """Effective number N₂ (Rényi-2) of points on which the posterior at x rests.

    Parameters
    ----------
    P : number of data points above 1.
    variances : (m,), not negative.
    sigma : noise level, positive. P and sigma broadcast.
    x : query, (m,) or a number; None: a typical one, x_k² = λ_k + σ².

    Returns
    -------
    Shaped like P and sigma together; a value below 1 only means "collapsed".

    Raises
    ------
    ValueError : P not above 1, a negative variance, sigma not positive, x of another shape.

    Examples
    --------
    >>> bool(effective_number(1000, [1.0, 1.0], 1.0) > 100)
    True
    """
    _, _, divergence = _terms(variances, sigma, x)
    return _checks.size(P) * np.exp(-divergence)


def snr_jacobian(
    P: ArrayLike, variances: ArrayLike, sigma: ArrayLike, x: ArrayLike | None = None
) -> Array:
    """Signal over noise of tJ_kk along each direction; arguments as for `effective_number`.

    Returns
    -------
    (…, m), infinite along directions without variance.

    Raises
    ------
    ValueError : as for `effective_number`.

    Examples
    --------
    >>> snr = snr_jacobian(1000, [1.0, 1.0, 0.05, 0.05], 0.1)
    >>> bool(snr[0] < snr[2])  # the larger variance is lost first
    True
    """
    return _ratio(P, critical_size_jacobian(variances, sigma, x))


def snr_score(
    P: ArrayLike, variances: ArrayLike, sigma: ArrayLike, x: ArrayLike | None = None
) -> Array:
    """Signal over noise of the score along each direction, as `snr_jacobian`.

    Examples
    --------
    >>> bool(snr_score(1000, [1.0, 1.0], 1.0)[0] > 10)
    True
    """
    return _ratio(P, critical_size_score(variances, sigma, x))


def critical_size_jacobian(
    variances: ArrayLike, sigma: ArrayLike, x: ArrayLike | None = None
) -> Array:
    """P* at which the signal over noise of tJ_kk is 1, along each direction, (…, m).

    Parameters
    ----------
    variances : (m,), not negative.
    sigma : noise level, positive, a number or an array.
    x : query, (m,) or a number; None: a typical one, x_k² = λ_k + σ².

    Raises
    ------
    ValueError : a negative variance, sigma not positive, or x of another shape.

    Examples
    --------
    >>> round(float(critical_size_jacobian([1.0, 1.0, 0.05, 0.05], 0.1**0.5)[0]))
    2221
    """
    lam, t, divergence = _terms(variances, sigma, x)
    v, wide, shift = _moments(lam, t, x)
    variance = 3 * wide**2 + 6 * wide * shift + shift**2 - 2 * v * (wide + shift) + v**2
    return _grown(divergence, variance / t**2 * ((t + lam) / t) ** 2)


def critical_size_score(
    variances: ArrayLike, sigma: ArrayLike, x: ArrayLike | None = None
) -> Array:
    """P* at which the signal over noise of the score is 1, as `critical_size_jacobian`.

    It is infinite where x_k = 0: there is no signal.

    Examples
    --------
    >>> round(float(critical_size_score([1.0, 1.0, 0.05, 0.05], 0.1**0.5)[0]))
    151
    """
    lam, t, divergence = _terms(variances, sigma, x)
    _, wide, shift = _moments(lam, t, x)
    signal = _squared(lam, t, x) * (t / (t + lam)) ** 2
    ratio = np.full_like(signal, np.inf)
    np.divide(wide + shift, signal, out=ratio, where=signal > 0)
    return _grown(divergence, ratio)


def _grown(divergence: Array, ratio: Array) -> Array:
    """e^{D₂} times a ratio (…, m): infinite where that is too large, 0 where the ratio is."""
    with np.errstate(over="ignore", divide="ignore"):
        return np.exp(divergence[..., None] + np.log(ratio))


def _ratio(P: ArrayLike, critical: Array) -> Array:
    """Signal over noise: its square is linear in P, and 1 at the critical size."""
    with np.errstate(divide="ignore"):
        return np.sqrt(_checks.size(P)[..., None] / critical)


def _terms(
    variances: ArrayLike, sigma: ArrayLike, x: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """λ (m,), t = σ² (…, 1) and D₂ (…)."""
    lam = _checks.spectrum(variances)
    t = _checks.noise_variance(sigma)[..., None]
    logs = np.log1p(lam / t) - np.log1p(2 * lam / t) / 2
    bend = lam / ((lam + t) * (2 * lam + t))
    return lam, t, (logs + _squared(lam, t, x) * bend).sum(-1)


def _squared(lam: Array, t: Array, x: ArrayLike | None) -> Array:
    """x_k² (…, m)."""
    return lam + t if x is None else np.broadcast_to(_checks.query(x, lam) ** 2, (lam + t).shape)


def _moments(lam: Array, t: Array, x: ArrayLike | None) -> tuple[Array, Array, Array]:
    """v, v' and δ², (…, m)."""
    shift = _squared(lam, t, x) * (lam * t / ((2 * lam + t) * (lam + t))) ** 2
    return lam * t / (lam + t), lam * t / (2 * lam + t), shift
