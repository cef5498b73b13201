r"""What is known exactly of data that a denoiser has not seen: x₀ ~ N(0, I_d), P points, q = d/P.

The linear denoiser D = S(S + σ²)⁻¹x of the second moments S = YᵀY/P has the errors of one
denoising, per entry and over the eigenvalues λ of S,

    train       σ² E λ/(λ + σ²)                    = σ² u
    held-out    E (σ⁴ + σ²λ²)/(λ + σ²)²            = 1 − (1 − σ²)u − σ²(1 + σ²)u/R

in the limit of Marchenko & Pastur (1967), where u = E λ/(λ + σ²) solves
qu² − (1 + σ² + q)u + 1 = 0 and R² = (1 + σ² + q)² − 4q. The gap falls as 2qσ⁴/(1 + σ²)³, so that
both meet at P ~ d; those of the empirical denoiser meet at log P ~ (d/2) log(1 + 1/σ²). Both tend
to σ²/(1 + σ²), the error of the exact denoiser of the distribution.

A sample x = (y₁ + σz)/√(1 + σ²), half copy of the first of the P points of a half A, has the law
of the data whatever σ. Beside P points B that it has not seen, its nearest point is y₁ with
probability p₁ = E[(1 − F)^{2P−1}], F the distribution of a noncentral χ²_d(|x|²) at |x − y₁|², and
any of A with probability p₁ + (1 − p₁)(P − 1)/(2P − 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diffusion._checks import together, whole
from diffusion.theory import _checks
from diffusion.theory._checks import Array

_OUTER, _INNER = 40, 80  # nodes of the two quadratures
_MOST, _WIDEST = 1e100, 10**5  # points and entries
_RANGE, _HALVINGS = 300.0, 40  # of log |x − y₁|, for where (1 − F)^{2P−1} has vanished
_LOST = -40.0  # its logarithm there
_REACH = 6.0  # beyond which the length of a normal vector is not looked for: its deviation is ≤ 1


def linear_error(ratio: ArrayLike, sigma: ArrayLike) -> Array:
    """Error per entry of the linear denoiser of normal data on the data themselves.

    Parameters
    ----------
    ratio : d/P, entries over data, positive; above 1 too.
    sigma : noise level in deviations of the data, positive. Both broadcast.

    Returns
    -------
    In (0, σ²/(1 + σ²)), of the shape of both together.

    Raises
    ------
    ValueError : a ratio or sigma not positive.

    Examples
    --------
    >>> round(float(linear_error(0.2, 1.0)), 4)
    0.4751
    """
    _, variance, root, coefficient = _terms(ratio, sigma)
    return np.asarray(variance * 2 / (coefficient + root))


def linear_held_out_error(ratio: ArrayLike, sigma: ArrayLike) -> Array:
    """Error per entry of the linear denoiser of normal data on other data of their kind.

    Parameters
    ----------
    ratio, sigma : as for `linear_error`.

    Returns
    -------
    Above σ²/(1 + σ²), of the shape of both together.

    Raises
    ------
    ValueError : a ratio or sigma not positive.

    Examples
    --------
    >>> round(float(linear_held_out_error(0.2, 1.0)), 4)
    0.5273
    """
    q, variance, root, coefficient = _terms(ratio, sigma)
    u = 2 / (coefficient + root)
    less = 1 + variance - q
    # (1 − u)/σ², the transform of the spectrum at −σ²; of two forms that without cancellation
    with np.errstate(divide="ignore", invalid="ignore"):
        m = np.where(less > 0, 2 / (less + root), (root - less) / (2 * q) / variance)
    more = q / root * ((q - 2 + 2 * variance) / (root + 1 + variance))  # 1 − (1 + σ²)/R
    return np.asarray(variance * (m + u * more))


def own_half_fraction(P: ArrayLike, d: int, sigma: ArrayLike) -> Array:
    """How often the nearest of 2P normal points to a noised, rescaled one is of its own half.

    The sample is (y₁ + σz)/√(1 + σ²) of one of P points y ~ N(0, I_d) of its half; the other half
    has P points too. It has the law of the data: an excess over ½ is memory alone.

    Parameters
    ----------
    P : points per half, at least 1, a number or an array.
    d : dimension, 1 to 100 000.
    sigma : noise level, positive. P and sigma broadcast.

    Returns
    -------
    In (½, 1), of the shape of P and sigma together.

    Raises
    ------
    ValueError : P or d out of range, or sigma not positive.

    Examples
    --------
    >>> own_half_fraction([20, 100, 500], 20, 1.0).round(4)
    array([0.9608, 0.9014, 0.8137])
    """
    points, variance = together(P=_points(P), sigma=_checks.noise_variance(sigma))
    d = whole("d", d, high=_WIDEST)
    found = [_found(n, d, t) for n, t in zip(points.ravel(), variance.ravel(), strict=True)]
    p = np.reshape(found, points.shape)
    return np.asarray(p + (1 - p) * (points - 1) / (2 * points - 1))


def _terms(ratio: ArrayLike, sigma: ArrayLike) -> tuple[Array, Array, Array, Array]:
    """q, σ², R, 1 + σ² + q."""
    q, variance = together(
        ratio=_checks.positive("ratio", ratio), sigma=_checks.noise_variance(sigma)
    )
    root = np.hypot(1 + variance - q, 2 * np.sqrt(q) * np.sqrt(variance))
    return q, variance, root, 1 + variance + q


def _points(P: ArrayLike) -> Array:
    points = _checks.positive("P", P)
    if not ((points >= 1) & (points < _MOST)).all():
        worst = points[~((points >= 1) & (points < _MOST))][0]
        raise ValueError(f"P must lie in [1, {_MOST:g}), got {worst:g}")
    return points


def _found(P: float, d: int, variance: float) -> float:
    """p₁, by Gauss–Legendre over |x| and |x − y₁|.

    y₁ = cx + √(1 − c²)w with c² = 1/(1 + σ²), so that |x − y₁|²/(1 − c²) is a noncentral χ² of
    |x|²(1 − c)/(1 + c).
    """
    from scipy.stats import chi, ncx2

    def beyond(y: Array, radius: Array) -> Array:
        """(2P − 1) log(1 − F) at a distance of `width` y from a point of length `radius`."""
        place = (width * y) ** 2, d, radius**2
        near = ncx2.cdf(*place)  # whose complement has no digits of it where it is small
        return (2 * P - 1) * np.where(
            near < 0.5, np.log1p(-np.minimum(near, 0.5)), ncx2.logsf(*place)
        )

    root = np.sqrt(1 + variance)
    width = np.sqrt(variance) / root  # √(1 − c²)
    nearness = (root - 1) / (root + 1)  # (1 − c)/(1 + c)
    x, weights = _nodes(np.sqrt(d), _OUTER)
    weights = weights * chi.pdf(x, d)
    pushes = nearness * x**2
    ends = np.log(np.sqrt(d + pushes) + _REACH)
    low, high = ends - _RANGE, ends  # where nobody of the other points is likely to be nearer
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        alone = beyond(np.exp(middle), x) > _LOST
        low, high = np.where(alone, middle, low), np.where(alone, high, middle)
    total = 0.0
    for radius, weight, push, end in zip(x, weights, pushes, np.exp(high), strict=True):
        y, inner = _nodes(np.sqrt(d + push), _INNER, end)
        density = 2 * y * ncx2.pdf(y**2, d, push)
        total += weight * float(inner @ (density * np.exp(beyond(y, radius))))
    return min(total, 1.0)


def _nodes(middle: float, count: int, end: float = np.inf) -> tuple[Array, Array]:
    """Nodes and weights of an integral over the length of a normal vector of this rms length.

    It ends at `end` where what is integrated with it does.
    """
    x, weights = np.polynomial.legendre.leggauss(count)
    low, high = max(0.0, middle - _REACH), min(middle + _REACH, end)
    low = low if low < high else 0.0
    return low + (high - low) * (x + 1) / 2, weights * (high - low) / 2
