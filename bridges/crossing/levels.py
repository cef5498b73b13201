r"""Where a measured probability crosses a level: fits of monotone curves, and their intervals.

    "isotonic"   the monotone curve nearest to the means, interpolated: assumes nothing else
    "probit"     Φ((x − x₀)/w), by quasi-likelihood: smoother, uses all the x measured,
                 and also gives the width w of the transition

Samples are independent pattern sets. A 95 % interval of n of them rests on Student's t with
n − 1 degrees of freedom, as three samples need it.

Isotonic: it holds every x at which the mean curve is not told from the level (Fieller 1954),
and that of the mean of the samples' own crossings, where each has one: curves that jump have no
spread beside their jumps. (Such a mean tells of the level ½: at the level .8 of four sets that
jump, 81 % of the intervals hold the truth.) Between two x it holds what a curve may do that bends
there as it does beside them: anything where it jumps. The standard error is the spread of the
crossings of the mean with its noise once more, normal with the covariance of the samples; sem² is
.8 to 1.4 of the variance in the mean, as a crossing bends with the noise.

Probit: it is that of the jackknife, but not below 1.96 errors of the fit as if cues were
independent, since few samples may agree by chance. A mean that jumps from 1 to 0 between two x
crosses anywhere there. The standard error is that of the jackknife; sem² is .95 to 1.1 of the
variance in the mean.

Where all samples agree they have no spread. The error is that of a crossing anywhere in the
interval then, its length over √12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # whose parts are loaded when they are first used

from bridges._checks import Result
from bridges.estimates import with_interval

FITS = ("isotonic", "probit")
Array = np.ndarray
_LEAST_WIDTH = 0.05  # of a probit fit to a sample, in spacings of x: data resolve no less
_ITERATIONS = 60
_DRAWS = 400  # of the mean, for the error of an isotonic crossing
_ROUNDING = 1e-9


@dataclass(frozen=True, repr=False)
class Crossings(Result):
    """Where a mean curve crosses a level.

    Attributes
    ----------
    value : ±∞ where the crossing lies beyond the x measured, on the side where a wider x would
        find it.
    width : of the probit fit, NaN where there is no crossing.
    sem : its standard error; see the head of the module. NaN where the value is not finite, and
        for a single sample.
    interval : of 95 %; see the head of the module. NaN for a single sample.
    """

    value: float
    width: float
    sem: float
    interval: tuple[float, float]

    def __repr__(self) -> str:
        return f"Crossings({with_interval(self.value, self.interval)}, width {self.width:.2g})"


def crossing(
    x: Array, by_sample: Array, level: float, rising: bool, fit: str = "isotonic"
) -> tuple[float, tuple[float, float]]:
    """Value and 95 % interval of `crossings`, which has the same arguments."""
    found = crossings(x, by_sample, level, rising, fit)
    return found.value, found.interval


def crossings(
    x: Array, by_sample: Array, level: float, rising: bool, fit: str = "isotonic"
) -> Crossings:
    """Where a monotone curve crosses a level, with its error.

    Parameters
    ----------
    x : (K,), increasing.
    by_sample : (S, K), the curve of each sample.
    level : to cross.
    rising : whether the curve rises with x, or falls.
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
    if rising:
        found = _falling(-x[::-1], by_sample[:, ::-1], level, fit)
        low, high = found.interval
        return Crossings(-found.value, found.width, found.sem, (-high, -low))
    return _falling(x, by_sample, level, fit)


def _falling(x: Array, by_sample: Array, level: float, fit: str) -> Crossings:
    mean = by_sample.mean(0, keepdims=True)
    values, widths = _probit_crossings(x, mean, level, len(by_sample))
    width = float(widths[0])
    if fit == "isotonic":
        values = isotonic_crossings(x, mean, level)
    value = float(values[0])
    if len(by_sample) == 1:
        return Crossings(value, width, np.nan, (np.nan, np.nan))
    error = _probit_error if fit == "probit" else _isotonic_error
    sem, (low, high) = error(x, by_sample, level, value, width)
    low, high = (value if abs(end - value) < _ROUNDING * np.ptp(x) else end for end in (low, high))
    low, high = min(low, value), max(high, value)
    if not np.isfinite(value):
        sem = np.nan
    elif sem < _ROUNDING * np.ptp(x):  # all samples agree
        sem = (high - low) / 12**0.5
    interval = -np.inf if low < x[0] else low, np.inf if high > x[-1] else high
    return Crossings(value, width, sem, interval)


def _isotonic_error(
    x: Array, by_sample: Array, level: float, value: float, _: float
) -> tuple[float, tuple[float, float]]:
    """Standard error and 95 % interval of the crossing of a falling mean."""
    n, mean = len(by_sample), by_sample.mean(0)
    t = _student(n)
    normal = np.random.default_rng(0).standard_normal((_DRAWS, n))
    drawn = mean + normal @ (by_sample - mean) / (n * (n - 1)) ** 0.5
    sem = _spread(isotonic_crossings(x, drawn, level))
    ends = [*_undecided(x, by_sample, t, level)]
    own = isotonic_crossings(x, by_sample, level)
    if np.isfinite(value):
        ends += _bent(x, _isotonic(mean).x, level, value)
        if np.isfinite(own).all():
            half = t * float(own.std(ddof=1)) / n**0.5
            ends += [float(own.mean()) - half, float(own.mean()) + half]
    return sem, (min(ends), max(ends))


def _probit_error(
    x: Array, by_sample: Array, level: float, value: float, width: float
) -> tuple[float, tuple[float, float]]:
    """The same of a probit fit."""
    n, mean = len(by_sample), by_sample.mean(0)
    others = _probit_crossings(x, (by_sample.sum(0) - by_sample) / (n - 1), level, n - 1)[0]
    sem = (n - 1) / n**0.5 * _spread(others)
    if not np.isfinite([value, *others]).all():
        return sem, (min(value, others.min()), max(value, others.max()))
    half = _student(n) * sem
    if np.minimum(mean, 1 - mean).max() < _ROUNDING:  # jumps
        gap = _bent(x, mean.round(), level, value)
        return sem, (min(value - half, *gap), max(value + half, *gap))
    independent = _independent_error(x, by_sample, level, value, width)
    half = max(half, float(scipy.special.ndtri(0.975)) * independent)
    return sem, (value - half, value + half)


def _independent_error(
    x: Array, by_sample: Array, level: float, value: float, width: float
) -> float:
    """Of a probit fit to cues that are independent, dispersed as the residuals are."""
    special, z = scipy.special, (value - x) / width
    u = z + special.ndtri(level)
    share, variance = special.ndtr(u), special.ndtr(u) * special.ndtr(-u)
    weight = np.exp(-(u**2) - special.log_ndtr(u) - special.log_ndtr(-u)) / (2 * np.pi)
    left = ((by_sample - share) ** 2).sum() / variance.sum()
    dispersion = left * len(x) / max(by_sample.size - 2, 1)
    known = len(by_sample) * (weight.sum() - (weight @ z) ** 2 / (weight @ z**2))
    return width * float(np.sqrt(dispersion / known))


def _student(n: int) -> float:
    """Half of a 95 % interval of n samples, in standard errors."""
    return float(scipy.special.stdtrit(n - 1, 0.975))


def _isotonic(curve: Array) -> Any:
    """The isotonic fit to a falling curve."""
    return scipy.optimize.isotonic_regression(curve, increasing=False)


def _spread(values: Array) -> float:
    """Standard deviation of the finite values, NaN where fewer than two are."""
    finite = values[np.isfinite(values)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else float("nan")


def _bent(x: Array, curve: Array, level: float, value: float) -> list[float]:
    """Crossings of a falling curve's lines beside the gap of x that it crosses the level in.

    A curve that bends to one side, or first to the one and then to the other, lies between
    them. They are the ends of the gap where the curve is flat beside it.
    """
    k = int(np.searchsorted(x, value).clip(1, len(x) - 1))
    steps = np.append(np.insert(np.diff(curve) / np.diff(x), 0, 0.0), 0.0)
    ends = []
    for start, slope, far in ((k - 1, steps[k - 1], x[k]), (k, steps[k + 1], x[k - 1])):
        away = level - curve[start]
        shift = 0.0 if away == 0 else away / slope if slope else np.copysign(np.inf, -away)
        ends.append(float(np.clip(x[start] + shift, *sorted((x[start], far)))))
    return ends


def _undecided(x: Array, by_sample: Array, t: float, level: float) -> tuple[float, float]:
    """First and last x at which the level lies within t standard errors of the monotone mean.

    ±∞ where an end of x is one of them; (∞, −∞) where none is.
    """
    n, blocks = len(by_sample), _isotonic(by_sample.mean(0)).blocks
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


def isotonic_crossings(x: Array, curves: Array, level: float) -> Array:
    """Where the falling curves nearest to some curves (R, K) cross the level, (R,); ±∞ beyond x.

    The nearest falling curve stays above the level up to where the curve's sum above it is
    largest; the blocks beside are the lowest mean up to there and the highest from there.
    """
    count = len(x)
    sums = np.insert((curves - level).cumsum(1), 0, 0.0, axis=1)
    last = sums[:, ::-1] >= sums.max(1, keepdims=True) - 1e-12
    above = count - last.argmax(1)  # x at which the curve is not below the level
    k = above.clip(1, count - 1)
    top, length = np.take_along_axis(sums, k[:, None], 1), np.arange(count + 1) - k[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = (sums - top) / length
    over = np.where(length < 0, slopes, np.inf).min(1)
    under = np.where(length > 0, slopes, -np.inf).max(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = x[k - 1] + over / (over - under) * (x[k] - x[k - 1])
    return np.where(above == 0, -np.inf, np.where(above == count, np.inf, inside))


def _probit_crossings(x: Array, curves: Array, level: float, samples: int) -> tuple[Array, Array]:
    """Crossings and widths (R,) of probit fits to falling curves (R, K); ±∞ and NaN beyond x."""
    values = isotonic_crossings(x, curves, level)
    widths = np.full(len(values), np.nan)
    inside = np.isfinite(values)
    if inside.any():
        middles, widths[inside] = probit(x, 1 - curves[inside], values[inside], samples)
        values[inside] = middles - widths[inside] * scipy.special.ndtri(level)
    values[values < x[0]], values[values > x[-1]] = -np.inf, np.inf
    return values, np.where(np.isfinite(values), widths, np.nan)


def probit(x: Array, curves: Array, start: Array, samples: int = 1) -> tuple[Array, Array]:
    """x₀ and w of Φ((x − x₀)/w), the most likely for equally many trials at each x.

    Fisher scoring in (a, b), Φ(a + b(x − start)), in which the likelihood is concave; a small
    penalty on b keeps a curve that jumps from 0 to 1 between two x from having no answer. It is
    that of one sample, so that the bias it leaves is small beside the error of many.

    Parameters
    ----------
    x : (K,), increasing, K ≥ 2.
    curves : (R, K), each rising.
    start : (R,), inside x.
    samples : of which the curves are means.

    Returns
    -------
    x₀ : (R,)
    w : (R,)
    """
    log_ndtr = scipy.special.log_ndtr
    spacing, penalty = float(np.diff(x).min()), _LEAST_WIDTH**2 / samples
    z = (x - start[:, None]) / spacing
    a, b = np.zeros(len(z)), np.full(len(z), 1 / max(1.0, 0.2 * (x[-1] - x[0]) / spacing))

    def loss(a: Array, b: Array) -> Array:
        u = a[:, None] + b[:, None] * z
        likelihood = curves * log_ndtr(u) + (1 - curves) * log_ndtr(-u)
        return -likelihood.sum(1) + penalty * b**2 / 2

    now = loss(a, b)
    for _ in range(_ITERATIONS):
        u = a[:, None] + b[:, None] * z
        low, high, density = log_ndtr(-u), log_ndtr(u), -(u**2) / 2 - np.log(2 * np.pi) / 2
        pull = curves * np.exp(density - high) - (1 - curves) * np.exp(density - low)
        weight = np.exp(2 * density - low - high)
        force = np.stack([pull.sum(1), (pull * z).sum(1) - penalty * b], 1)
        bend = np.stack([weight.sum(1), (weight * z).sum(1), (weight * z**2).sum(1)], 1)
        bend += np.array([1e-9, 0, penalty])
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
