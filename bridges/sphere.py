r"""The "sphere" that studies train networks on, in closed form: uniform on |x| = R, R² = d = 8.

Its exact denoiser is D(x) = R A(κ) x/r with r = |x|, κ = rR/σ² and A = I_{d/2}/I_{d/2−1}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray


def sphere_dimension(sigma: float) -> float:
    """Directions left at noise level σ of the exact denoiser of the "sphere".

    d + tr tJ = (R/σ)² A′(κ) + (d − 1) R A(κ)/r, a mean over noised points, whose r²/σ² is a
    noncentral χ².

    Raises
    ------
    ValueError : sigma outside [10⁻³, 10⁴], between which it goes from 7 to 0.

    Examples
    --------
    >>> round(sphere_dimension(0.05), 2), sphere_dimension(20.0) < 0.03
    (6.99, True)
    """
    radius, pull, kappa = _on_the_sphere(sigma)
    steeper = 1 - pull**2 - 7 * pull / kappa
    return float((8 / sigma**2 * steeper + 7 * 8**0.5 * pull / radius).mean())


def sphere_error(sigma: float) -> float:
    """Error per entry of the exact denoiser of the "sphere" at noise level σ, 1 − E A(κ)².

    Symbols and errors are those of `sphere_dimension`. No model has less on data that it has not
    seen.

    Examples
    --------
    >>> sphere_error(0.01) < 1e-4, round(sphere_error(1e3), 3)
    (True, 1.0)
    """
    return float((1 - _on_the_sphere(sigma)[1] ** 2).mean())


def _on_the_sphere(sigma: float) -> tuple[ndarray, ndarray, ndarray]:
    """|x| of noised points of the "sphere", 200 of equal probability, and A and κ there."""
    import numpy as np
    from scipy.special import ive
    from scipy.stats import ncx2

    if not 1e-3 <= sigma <= 1e4:
        raise ValueError(f"sigma must lie in [0.001, 10000], got {sigma}")
    variance = sigma**2
    d, R = 8, 8**0.5
    r = np.sqrt(variance * ncx2.ppf((np.arange(200) + 0.5) / 200, d, R**2 / variance))
    kappa = r * R / variance
    return r, ive(d / 2, kappa) / ive(d / 2 - 1, kappa), kappa
