r"""Effective potential of guided samples of two Gaussian classes, in the OU clock.

Classes at ±m, |m|² = d, of variance 1 within. Along q = x·m/|m| of X = e^{−s} x₀ + … the
process is one-dimensional, with g = e^{−(s − s_S)}, s_S = ½ log d the time of speciation and w
the extra weight of the class at +m:

    SDE     dq = −V'(q) dτ + √2 dW,   V = q²/2 − 2gq + 2w[log cosh(gq) − gq]
    flow    dq/dτ = g + wg[1 − tanh(gq)]

V'' = 1 + 2wg²/cosh²(gq) ≥ 1 for w ≥ 0: at all times there is one minimum. Guidance moves it
most before speciation (g < 1), and not at all long after. (Derived here. With the scores' own
convention x + 2s for the drift the bracket has 2w; arXiv 2502.07849 is read with w there.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diffusion._checks import number, together
from diffusion.theory import _checks
from diffusion.theory._checks import Array

_MOST = 1e6  # weight beyond which the minimum is not searched
_HALVINGS = 200


def guided_potential(q: ArrayLike, g: ArrayLike, w: ArrayLike) -> Array:
    """V(q), whose gradient is the drift of the guided reverse SDE.

    Parameters
    ----------
    q : projection on the direction of the class, finite.
    g : e^{−(s − s_S)}, positive; above 1 before the end, after speciation.
    w : extra weight, finite. All broadcast.

    Raises
    ------
    ValueError : a number outside its range.

    Examples
    --------
    >>> round(float(guided_potential(2.0, g=1.0, w=0.0)), 4)  # q²/2 − 2q
    -2.0
    """
    at, lag, weight = together(
        q=_checks.finite("q", q), g=_checks.positive("g", g), w=_checks.finite("w", w)
    )
    z = lag * at
    inner = np.logaddexp(0.0, -2 * z) - np.log(2)  # log cosh z − z
    return at**2 / 2 - 2 * z + 2 * weight * inner


def guided_minimum(g: ArrayLike, w: float) -> tuple[Array, Array]:
    """Place of the minimum of V and its curvature there.

    Parameters
    ----------
    g : as for `guided_potential`.
    w : extra weight, from 0 to 10⁶: with less than 0 there may be several minima.

    Returns
    -------
    q*, V''(q*), of the shape of g; 2g and 1 without guidance.

    Raises
    ------
    ValueError : a number outside its range.

    Examples
    --------
    >>> q, curvature = guided_minimum([0.25, 1.0, 4.0], w=3.0)
    >>> q.round(5).tolist(), curvature.round(5).tolist()
    ([1.47173, 2.1581, 8.0], [1.32849, 1.31203, 1.0])
    """
    lag = _checks.positive("g", g)
    weight = number("w", w, low=0, high=_MOST)
    low, high = 2 * lag, 2 * lag * (1 + weight)  # V' rises from below 0 to above it
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        falls = middle < 2 * lag + 2 * weight * lag * (1 - np.tanh(lag * middle))
        low, high = np.where(falls, middle, low), np.where(falls, high, middle)
    q = (low + high) / 2
    return q, 1 + 2 * weight * (lag / np.cosh(np.minimum(lag * q, 300.0))) ** 2
