r"""Effective potential of guided samples of two Gaussian classes, in the OU clock.

Classes at ±m, |m|² = d, of variance 1 within. Along q = x·m/|m| of X = e^{−s} x₀ + … the
process is one-dimensional, with g = e^{−(s − s_S)}, s_S = ½ log d the time of speciation and w
the extra weight of the class at +m:

    SDE     dq = −V'(q) dτ + √2 dW,   V = q²/2 − 2gq + 2w[log cosh(gq) − gq]
    flow    dq/dτ = g + wg[1 − tanh(gq)]

V'' = 1 + 2wg²/cosh²(gq) ≥ 1 for w ≥ 0: at all times there is one minimum. Guidance moves it
most before speciation (g < 1), and not at all long after. (Derived here. With the scores' own
convention x + 2s for the drift the bracket has 2w; arXiv 2502.07849 is read with w there.)

Both start from N(0, 1) at g = 0, and dg = g dτ. So the flow, dq/dg = 1 + w[1 − tanh(gq)], runs
parallel to q = g from speciation on: E q − g and Var q do not depend on d. The SDE forgets,
E q − g ∝ 1/g: its overshoot is ∝ 1/√d, and 1/d relative to the centre.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_banded
from scipy.special import ndtri

from diffusion._checks import choice, number, together
from diffusion.theory import _checks
from diffusion.theory._checks import Array
from diffusion.theory.guidance import METHODS

_HALVINGS = 200
_HIGHEST, _HEAVIEST = 100.0, 100.0  # g and w up to which moments are integrated
_QUANTILES, _STEP = 1001, 0.04  # of the flow: points, and a step in g (1 + w)
_FIRST, _TIME, _CELL, _TAIL = 1e-3, 0.02, 0.04, 8.0  # of the SDE: g, step in log g, in q; its end


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
    w : extra weight, from 0, finite: with less than 0 there may be several minima.

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
    weight = number("w", w, low=0, high=np.inf, open_high=True)
    beyond = np.log(4) + np.log(lag) + np.log(max(weight, 1e-300))  # 4wg e^{−2gy} ≤ y from here
    low, high = 2 * lag, 2 * lag + np.maximum(1, beyond / (2 * lag))  # V' rises through 0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        with np.errstate(over="ignore"):
            rest = 2 / (1 + np.exp(2 * lag * middle))  # 1 − tanh, to all its digits
            falls = middle < 2 * lag + 2 * weight * lag * rest
        low, high = np.where(falls, middle, low), np.where(falls, high, middle)
    q = (low + high) / 2
    return q, 1 + 2 * weight * (lag / np.cosh(np.minimum(lag * q, 300.0))) ** 2


def guided_two_classes(g: ArrayLike, w: float, method: str = "flow") -> tuple[Array, Array]:
    """Mean and variance of q of guided samples of the class at +m, without sampling.

    The flow takes quantiles of the start; for the SDE the equation of Fokker and Planck is solved.

    Parameters
    ----------
    g : positive, at most 100; √d at the data.
    w : extra weight, from −1 to 100.
    method : "flow" or "sde".

    Returns
    -------
    E q and Var q, of the shape of g; g and 1 without guidance. Errors are below 10⁻³ (1 + w).

    Raises
    ------
    ValueError : a number outside its range, or an unknown method.

    Examples
    --------
    >>> mean, variance = guided_two_classes([2.0, 8.0], w=1.0)
    >>> (mean - [2.0, 8.0]).round(2).tolist(), variance.round(2).tolist()
    ([0.65, 0.65], [0.52, 0.52])
    """
    gains = _checks.positive("g", g)
    if (gains > _HIGHEST).any():
        raise ValueError(f"g must be at most {_HIGHEST:g}, got {gains.max():g}")
    weight = number("w", w, low=-1, high=_HEAVIEST)
    choice("method", method, METHODS)
    kept = np.unique(gains)
    found = (_along_flow if method == "flow" else _along_sde)(kept, weight)
    mean, variance = np.moveaxis(found[np.searchsorted(kept, gains)], -1, 0)
    return mean[()], variance[()]


def _along_flow(gains: Array, w: float) -> Array:
    """E q and Var q at each g, (m, 2), by Runge and Kutta's method for y = q − g."""
    y, at, found = ndtri((np.arange(_QUANTILES) + 0.5) / _QUANTILES), 0.0, []
    y /= y.std()

    def slope(y: Array, g: float) -> Array:
        return w * (1 - np.tanh(g * (y + g)))

    for end in gains.tolist():
        steps = int(np.ceil((end - at) * (1 + abs(w)) / _STEP))
        h = (end - at) / steps
        for g in (at + h * np.arange(steps)).tolist():
            k1 = slope(y, g)
            k2 = slope(y + h / 2 * k1, g + h / 2)
            k3 = slope(y + h / 2 * k2, g + h / 2)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(y + h * k3, g + h))
        at = end
        found.append((end + y.mean(), y.var()))
    return np.array(found).reshape(-1, 2)


def _along_sde(gains: Array, w: float) -> Array:
    """E q and Var q at each g, (m, 2), by finite volumes for y = q − g."""
    ahead = max(float(guided_minimum(g, max(w, 0.0))[0]) - g for g in (0.1, 0.3, 1.0))
    cells = np.arange(-_TAIL, ahead + _TAIL, _CELL)
    p = np.exp(-(cells**2) / 2)
    p /= p.sum()
    at, found = np.log(_FIRST), []
    for end in np.log(gains).tolist():
        steps = max(0, int(np.ceil((end - at) / _TIME)))
        for k in range(steps):
            h = (end - at) / steps
            p = _diffused(cells, p, np.exp(at + (k + 0.5) * h), w, h)
        at = max(at, end)
        mean = p @ cells
        found.append((np.exp(end) + mean, p @ (cells - mean) ** 2))
    return np.array(found).reshape(-1, 2)


def _diffused(y: Array, p: Array, g: float, w: float, h: float) -> Array:
    """A step h of ∂p/∂τ = ∂(U'p + ∂p/∂y)/∂y, by Crank and Nicolson; e^{−U} stays as it is.

    The frame moves with g: U = V + gy.
    """
    rise = np.diff(guided_potential(y + g, g, w) + g * y)
    up, down = (_bernoulli(sign * rise) / _CELL**2 for sign in (1, -1))
    out = np.zeros_like(p)
    out[:-1] += up
    out[1:] += down
    change = -out * p
    change[1:] += up * p[:-1]
    change[:-1] += down * p[1:]
    bands = np.zeros((3, len(p)))
    bands[0, 1:], bands[1], bands[2, :-1] = -h / 2 * down, 1 + h / 2 * out, -h / 2 * up
    return np.asarray(solve_banded((1, 1), bands, p + h / 2 * change))


def _bernoulli(x: Array) -> Array:
    """x/(eˣ − 1)."""
    return np.where(x == 0, 1.0, x) / np.where(x == 0, 1.0, np.expm1(x))
