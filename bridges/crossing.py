r"""Where a measured probability crosses a level: fits of monotone curves, and their intervals.

    "isotonic"   the monotone curve nearest to the means, interpolated: assumes nothing else
    "probit"     Φ((x − x₀)/w), by quasi-likelihood: smoother, uses all the x measured,
                 and also gives the width w of the transition

95 % intervals come from a bootstrap over the samples, which are independent pattern sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import log_ndtr, ndtri

from bridges._checks import Result
from bridges.estimates import with_interval

FITS = ("isotonic", "probit")
Array = np.ndarray
_LEAST_WIDTH = 0.05  # of a probit fit, in spacings of x, about: data cannot resolve less
_ITERATIONS = 60


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
    """

    value: float
    width: float
    values: Array
    widths: Array

    @property
    def interval(self) -> tuple[float, float]:
        """The middle 95 % of the bootstrap, NaN without one."""
        return middle(self.values) if len(self.values) else (float("nan"), float("nan"))

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
        none, and neither interval nor error.
    fit : "isotonic" or "probit"; see the head of the module.

    Returns
    -------
    Crossings.

    Raises
    ------
    ValueError : x that does not increase, or curves that are not (S, K) or not finite.

    Examples
    --------
    >>> crossings(np.arange(3.0), np.array([[0.0, 0.4, 1.0], [0.2, 0.6, 1.0]]), 0.5, rising=True)
    Crossings(1.0, 95 % 0.8 … 1.2, width 0.59)
    """
    _curves(x, by_sample)
    generator, samples = np.random.default_rng(0), len(by_sample)
    resamples = 0 if samples == 1 else resamples
    rows = [generator.integers(samples, size=samples) for _ in range(resamples)]
    curves = np.stack([by_sample.mean(0), *(by_sample[row].mean(0) for row in rows)])
    values = np.array([isotonic_crossing(x, curve, level, rising) for curve in curves])
    widths = np.full(len(values), np.nan)
    inside = np.isfinite(values)
    if inside.any():
        up, height = (curves, level) if rising else (1 - curves, 1 - level)
        middles, widths[inside] = probit(x, up[inside], values[inside])
        if fit == "probit":
            values[inside] = middles + widths[inside] * ndtri(height)
    return Crossings(float(values[0]), float(widths[0]), values[1:], widths[1:])


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


def middle(draws: Array) -> tuple[float, float]:
    """The middle 95 % of bootstrap draws, which may be infinite."""
    ordered, last = np.sort(draws), len(draws) - 1
    return float(ordered[int(0.025 * last)]), float(ordered[int(np.ceil(0.975 * last))])
