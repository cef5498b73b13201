r"""When a noised point commits to a class: speciation.

Ornstein–Uhlenbeck time t, x_t = e^{−t} x₀ + sqrt(1 − e^{−2t}) z. The classes part at the
time at which the largest variance of the data has shrunk to that of the noise,
Λ e^{−2t_S} = 1 (Biroli et al., arXiv 2402.18491). Two clones of one noised point, run back
independently, end in the same class with probability φ = E[Σ_c p(c|x_t)²].
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

from diffusion._checks import doubles, together
from diffusion.theory import _checks
from diffusion.theory._checks import Array


def speciation_time(covariance: ArrayLike) -> float:
    """Speciation time t_S = ½ log Λ, an Ornstein–Uhlenbeck time.

    Parameters
    ----------
    covariance : (d, d) covariance of the data, symmetric; or (d,) its eigenvalues.

    Returns
    -------
    ½ log of the largest eigenvalue: negative where that is below 1, the noise's variance.

    Raises
    ------
    ValueError : a wrong shape, not finite, not symmetric, or no positive eigenvalue.

    Examples
    --------
    >>> round(speciation_time([101.0, 1.0, 1.0]), 4)
    2.3076
    """
    array = doubles("covariance", covariance)
    square = array.ndim == 2 and array.shape[0] == array.shape[1]
    if not (square or array.ndim == 1) or array.size == 0:
        raise ValueError(f"covariance must have shape (d, d) or (d,), got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("covariance must be finite, got NaN or infinite entries")
    if square and np.abs(array - array.T).max() > 1e-6 * np.abs(array).max():
        raise ValueError("covariance must be symmetric, got a matrix that is not")
    largest = float(np.linalg.eigvalsh(array)[-1] if square else array.max())
    if not largest > 0:
        raise ValueError(f"covariance must have a positive eigenvalue, got at most {largest:g}")
    return float(np.log(largest) / 2)


def clone_probability(distance: ArrayLike, variance: ArrayLike, time: ArrayLike) -> Array:
    """Probability that two clones of a noised point end in the same of two classes.

    Two Gaussians of equal weight at ±m: with a = |m|e^{−t} and G = 1 − e^{−2t} + s²e^{−2t},
    φ = E[p₊² + p₋²], p₊ = sigmoid(2ay/G), y ~ N(a, G).

    Parameters
    ----------
    distance : |m|, from the midpoint of the classes to the centre of each (the centres
        are 2|m| apart), not negative.
    variance : s² within a class, along m, not negative.
    time : Ornstein–Uhlenbeck time of the split, positive. All broadcast.

    Returns
    -------
    From 1 (early on the way up) to ½, of the shape of the arguments together.

    Raises
    ------
    ValueError : a negative distance or variance, or a time that is not positive.

    Examples
    --------
    >>> round(float(clone_probability(10.0, 1.0, np.log(10.0))), 4)  # |m|e^{−t} = 1
    0.7752
    """
    t, gap, s2 = together(
        time=_checks.positive("time", time),
        distance=_checks.not_negative("distance", distance),
        variance=_checks.not_negative("variance", variance),
    )
    fading = np.exp(-2 * t)
    total = -np.expm1(-2 * t) + s2 * fading
    ratio = gap**2 * fading / total  # a²/G, all that matters
    g = np.linspace(-9, 9, 1801)
    density = np.exp(-(g**2) / 2)
    plus = scipy.special.expit(2 * (ratio[..., None] + np.sqrt(ratio)[..., None] * g))
    return (plus**2 + (1 - plus) ** 2) @ (density / density.sum())
