r"""Where a measured probability crosses a level: fits of monotone curves, and their intervals.

    "isotonic"   the monotone curve nearest to the means, interpolated: assumes nothing else
    "probit"     Φ((x − x₀)/w), by quasi-likelihood: smoother, uses all the x measured,
                 and also gives the width w of the transition

Samples are independent pattern sets. A 95 % interval of n of them rests on Student's t with
n − 1 degrees of freedom, as three samples need it. It holds every x at which the mean curve is
not told from the level (Fieller 1954), and that of the mean of the samples' own crossings, where
each has one: curves that jump have no spread beside their jumps. A probit fit has that of its
jackknife instead. Errors come from a bootstrap that draws n − 1 of the n samples, so that the
variance of its means is right: with n it would be too small by 1 − 1/n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import log_ndtr, ndtri, stdtrit

from bridges._checks import Result
from bridges.estimates import with_interval

FITS = ("isotonic", "probit")
Array = np.ndarray
_LEAST_WIDTH = 0.05  # of a probit fit, in spacings of x, about: data cannot resolve less
_ITERATIONS = 60
_ROUNDING = 1e-9


@dataclass(frozen=True, repr=False)
class Crossings(Result):
    """Where a mean curve crosses a level, and where bootstrap means do.

    A value is ±∞ where the crossing lies beyond the x measured, on the side where a wider x
    would find it; its width is NaN then.

    Attributes
    ----------
    value : of the mean curve.
    width : of the probit fit to it.
    values : (resamples,), of bootstrap means.
    widths : (resamples,)
    interval : of 95 %; see the head of the module. NaN for a single sample.
    """

    value: float
    width: float
    values: Array
    widths: Array
    interval: tuple[float, float]

    @property
    def sem(self) -> float:
        """Standard deviation of the finite bootstrap values, NaN where fewer than two are."""
        finite = self.values[np.isfinite(self.values)]
        return float(finite.std(ddof=1)) if len(finite) > 1 else float("nan")

    def __repr__(self) -> str:
        return f"Crossings({with_interval(self.value, self.interval)}, width {self.width:.2g})"


def crossing(
    x: Array, by_sample: Array, level: float, rising: bool, **options: Any
) -> tuple[float, tuple[float, float]]:
    """Value and 95 % interval of `crossings`, which has the same arguments."""
    found = crossings(x, by_sample, level, rising, **options)
    return found.value, found.interval


def crossings(
    x: Array,
    by_sample: Array,
    level: float,
    rising: bool,
    resamples: int = 400,
    fit: str = "isotonic",
) -> Crossings:
    """Where a monotone curve crosses a level, and its bootstrap.

    Parameters
    ----------
    x : (K,), increasing.
    by_sample : (S, K), the curve of each sample.
    level : to cross.
    rising : whether the curve rises with x, or falls.
    resamples : of the bootstrap over the samples, which has a fixed seed; a single sample has
        none, and neither interval nor error. The interval needs none.
    fit : "isotonic" or "probit"; see the head of the module.

    Returns
    -------
    Crossings.

    Raises
    ------
    ValueError : x that does not increase, or curves that are not (S, K) or not finite.

    Examples
    --------
    >>> curves = np.array([[0.0, 0.4, 1.0], [0.1, 0.6, 1.0], [0.2, 0.5, 1.0]])
    >>> crossings(np.arange(3.0), curves, 0.5, rising=True)
    Crossings(1.0, 95 % 0.5 … 1.4, width 0.59)
    """
    _curves(x, by_sample)
    generator, samples = np.random.default_rng(0), len(by_sample)
    resamples = 0 if samples == 1 else resamples
    rows = [generator.integers(samples, size=samples - 1) for _ in range(resamples)]
    curves = np.stack([by_sample.mean(0), *(by_sample[row].mean(0) for row in rows)])
    values, widths = _fitted(x, curves, level, rising, fit)
    low, high = _interval(x, by_sample, float(values[0]), level, rising, fit)
    return Crossings(
        value=float(values[0]),
        width=float(widths[0]),
        values=values[1:],
        widths=widths[1:],
        interval=(-np.inf if low < x[0] else low, np.inf if high > x[-1] else high),
    )


def _fitted(x: Array, curves: Array, level: float, rising: bool, fit: str) -> tuple[Array, Array]:
    """Crossings and widths (R,) of curves (R, K)."""
    values = np.array([isotonic_crossing(x, curve, level, rising) for curve in curves])
    widths = np.full(len(values), np.nan)
    inside = np.isfinite(values)
    if inside.any():
        up, height = (curves, level) if rising else (1 - curves, 1 - level)
        middles, widths[inside] = probit(x, up[inside], values[inside])
        if fit == "probit":
            values[inside] = middles + widths[inside] * ndtri(height)
    return values, widths


def _interval(
    x: Array, by_sample: Array, value: float, level: float, rising: bool, fit: str
) -> tuple[float, float]:
    """Of 95 %, around the crossing of the mean curve; NaN for a single sample."""
    n = len(by_sample)
    if n == 1:
        return float("nan"), float("nan")
    t = float(stdtrit(n - 1, 0.975))
    if fit == "probit":
        left_out = (by_sample.sum(0) - by_sample) / (n - 1)
        others = _fitted(x, left_out, level, rising, fit)[0]
        if not np.isfinite([value, *others]).all():
            return min(value, others.min()), max(value, others.max())
        each = n * value - (n - 1) * others
        half = t * float(each.std(ddof=1)) / n**0.5
        return value - half, value + half
    low, high = _undecided(x, by_sample, t, level, rising)
    own = np.array([isotonic_crossing(x, curve, level, rising) for curve in by_sample])
    if np.isfinite(own).all() and np.isfinite(value):
        middle, half = float(own.mean()), t * float(own.std(ddof=1)) / n**0.5
        low, high = min(low, middle - half), max(high, middle + half)
    low, high = (value if abs(end - value) < _ROUNDING * np.ptp(x) else end for end in (low, high))
    return min(low, value), max(high, value)


def _undecided(
    x: Array, by_sample: Array, t: float, level: float, rising: bool
) -> tuple[float, float]:
    """First and last x at which the level lies within t standard errors of the monotone mean.

    ±∞ where an end of x is one of them; (∞, −∞) where none is.
    """
    n, blocks = len(by_sample), isotonic_regression(by_sample.mean(0), increasing=rising).blocks
    pooled = np.add.reduceat(by_sample, blocks[:-1], axis=1) / np.diff(blocks)
    away = np.repeat(pooled, np.diff(blocks), axis=1) - level  # (n, K)
    start, step = away[:, :-1], np.diff(away, axis=1)

    def excess(one: Array, other: Array) -> Array:
        """mean · mean − t² covariance of the mean, not above 0 where the level is in reach."""
        a, b = one.mean(0), other.mean(0)
        spread = ((one - a) * (other - b)).sum(0) / (n * (n - 1))
        return np.asarray(a * b - t**2 * spread)

    a, b, c = excess(step, step), excess(start, step), excess(start, start)  # a w² + 2 b w + c
    with np.errstate(invalid="ignore", divide="ignore"):
        q = -b - np.copysign(np.sqrt(np.maximum(b**2 - a * c, 0)), b)
        w = np.stack([q / a, c / q])
    real = (w >= 0) & (w <= 1) & (b**2 - a * c >= -1e-12 * b**2)  # a double root is rounded
    found = (x[:-1] + w * np.diff(x))[real]
    ends = excess(away[:, [0, -1]], away[:, [0, -1]]) <= 0
    low, high = (found.min(), found.max()) if found.size else (np.inf, -np.inf)
    return -np.inf if ends[0] else float(low), np.inf if ends[1] else float(high)


def _curves(x: Array, by_sample: Array) -> None:
    shape = np.shape(by_sample)
    if len(shape) != 2 or shape[0] == 0 or shape[1:] != np.shape(x) or not shape[1]:
        raise ValueError(f"by_sample must have shape (S, {len(x)}), got {shape}")
    if not np.isfinite(by_sample).all():
        raise ValueError("by_sample must be finite, got NaN or infinite entries")
    if not (np.isfinite(x).all() and (np.diff(x) > 0).all()):
        raise ValueError(f"x must increase and be finite, got {list(x)}")


def isotonic_crossing(x: Array, curve: Array, level: float, rising: bool) -> float:
    """Where the monotone curve nearest to one curve (K,) crosses the level; ±∞ beyond x."""
    monotone = isotonic_regression(curve, increasing=rising).x
    above = monotone >= level - 1e-12
    if above.all():
        return -np.inf if rising else np.inf
    if not above.any():
        return np.inf if rising else -np.inf
    k = int(np.argmax(above)) if rising else len(x) - int(np.argmax(above[::-1]))
    part = (level - monotone[k - 1]) / (monotone[k] - monotone[k - 1])
    return float(x[k - 1] + part * (x[k] - x[k - 1]))


def probit(x: Array, curves: Array, start: Array) -> tuple[Array, Array]:
    """x₀ and w of Φ((x − x₀)/w), the most likely for equally many trials at each x.

    Fisher scoring in (a, b), Φ(a + b(x − start)), in which the likelihood is concave; a small
    penalty on b keeps a curve that jumps from 0 to 1 between two x from having no answer.

    Parameters
    ----------
    x : (K,), increasing, K ≥ 2.
    curves : (R, K), each rising.
    start : (R,), inside x.

    Returns
    -------
    x₀ : (R,)
    w : (R,)
    """
    spacing = float(np.diff(x).min())
    z = (x - start[:, None]) / spacing
    a, b = np.zeros(len(z)), np.full(len(z), 1 / max(1.0, 0.2 * (x[-1] - x[0]) / spacing))

    def loss(a: Array, b: Array) -> Array:
        u = a[:, None] + b[:, None] * z
        likelihood = curves * log_ndtr(u) + (1 - curves) * log_ndtr(-u)
        return -likelihood.sum(1) + (_LEAST_WIDTH * b) ** 2 / 2

    now = loss(a, b)
    for _ in range(_ITERATIONS):
        u = a[:, None] + b[:, None] * z
        low, high, density = log_ndtr(-u), log_ndtr(u), -(u**2) / 2 - np.log(2 * np.pi) / 2
        pull = curves * np.exp(density - high) - (1 - curves) * np.exp(density - low)
        weight = np.exp(2 * density - low - high)
        force = np.stack([pull.sum(1), (pull * z).sum(1) - _LEAST_WIDTH**2 * b], 1)
        bend = np.stack([weight.sum(1), (weight * z).sum(1), (weight * z**2).sum(1)], 1)
        bend += np.array([1e-9, 0, _LEAST_WIDTH**2])
        determinant = bend[:, 0] * bend[:, 2] - bend[:, 1] ** 2
        step_a = (bend[:, 2] * force[:, 0] - bend[:, 1] * force[:, 1]) / determinant
        step_b = (bend[:, 0] * force[:, 1] - bend[:, 1] * force[:, 0]) / determinant
        size = np.ones(len(z))
        for _ in range(30):  # shorten what does not go down
            new_a, new_b = a + size * step_a, b + size * step_b
            new = loss(new_a, new_b)
            worse = ~(new <= now) | (new_b <= 0)
            if not worse.any():
                break
            size[worse] /= 2
        a, b = np.where(worse, a, new_a), np.where(worse, b, new_b)
        moved, now = np.where(worse, 0, now - new), np.where(worse, now, new)
        if (moved < 1e-12).all():
            break
    return start - spacing * a / b, spacing / b
