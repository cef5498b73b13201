r"""When to stop dreaming: the three times of unlearning, from several pattern sets.

Dreams D are counted in units of N/ε. Of the least stability Δ_min(D), averaged over pattern
sets, D_in is the zero crossing upwards, D_fin the last one downwards, and D_opt the maximum
(Benedetti et al., arXiv 2201.00032). These are not the means of the times of single sets, which
have some also where the mean is never positive. Errors are those of a bootstrap over the sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hopfield import _checks
from hopfield._results import Result

_DRAWS = 400  # of the bootstrap
_WINDOW = 0.04  # of D on either side of the largest mean, in which a parabola is fitted

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class UnlearningTimes(Result):
    """Times of unlearning in units of N/ε, each with the standard error of its mean curve.

    Parameters
    ----------
    D_in : first zero crossing of the mean least stability; NaN if that is never positive.
    D_opt : its maximum.
    D_fin : its last zero crossing; NaN if it is never positive, infinite if it still is at the
        end.
    D_in_sem : NaN for a single set, or where some draws of the sets have no such time.
    D_opt_sem : as before.
    D_fin_sem : as before.
    """

    D_in: float
    D_opt: float
    D_fin: float
    D_in_sem: float
    D_opt_sem: float
    D_fin_sem: float


def unlearning_times(D: ArrayLike, min_stability: ArrayLike) -> UnlearningTimes:
    """The three times of the mean of several paths of unlearning.

    Parameters
    ----------
    D : (K,), rising, dreams in units of N/ε; a grid of 0.005 is fine enough.
    min_stability : (S, K), `history.min_stability` of each of S pattern sets.

    Returns
    -------
    UnlearningTimes; crossings are of lines between neighbours, and the maximum is that of a
    parabola through the points within 0.04 of the largest one.

    Raises
    ------
    ValueError : D that does not rise, or stabilities that are not (S, K) and finite.

    Examples
    --------
    >>> D = np.linspace(0, 1, 101)
    >>> unlearning_times(D, [0.04 - (D - 0.5) ** 2 + shift for shift in (-0.001, 0.001)])
    ... # doctest: +ELLIPSIS
    UnlearningTimes(D_in=0.3, D_opt=0.5, D_fin=0.7, D_in_sem=0.00..., D_opt_sem=..., ...)
    """
    x, curves = _checks.doubles("D", D), _checks.doubles("min_stability", min_stability)
    if x.ndim != 1 or len(x) < 2 or not (np.isfinite(x).all() and (np.diff(x) > 0).all()):
        raise ValueError(f"D must be at least 2 rising numbers, got {_checks.shown(D)}")
    if curves.ndim != 2 or not len(curves) or curves.shape[1] != len(x):
        raise ValueError(f"min_stability must have shape (S, {len(x)}), got {curves.shape}")
    if not np.isfinite(curves).all():
        raise ValueError("min_stability must be finite, got NaN or infinite entries")
    sets = len(curves)
    errors = np.full(3, np.nan)
    if sets > 1:
        drawn = np.random.default_rng(0).integers(sets, size=(_DRAWS, sets))
        times = np.array([_times(x, curves[rows].mean(0)) for rows in drawn])
        known = np.isfinite(times).all(0)
        errors[known] = times[:, known].std(0, ddof=1)
    return UnlearningTimes(*_times(x, curves.mean(0)), *errors.tolist())


def _times(x: Array, mean: Array) -> tuple[float, float, float]:
    """D_in, D_opt and D_fin of one curve."""
    best = _maximum(x, mean)
    above = np.flatnonzero(mean > 0)
    if not len(above):
        return float("nan"), best, float("nan")
    first, last = int(above[0]), int(above[-1])
    begin = float(x[0]) if first == 0 else _zero(x, mean, first - 1)
    end = float("inf") if last == len(x) - 1 else _zero(x, mean, last)
    return begin, best, end


def _zero(x: Array, curve: Array, k: int) -> float:
    """Zero of the line through the points k and k + 1."""
    return float(x[k] - curve[k] * (x[k + 1] - x[k]) / (curve[k + 1] - curve[k]))


def _maximum(x: Array, curve: Array) -> float:
    """Top of a parabola about the largest point, or that point where there is no such parabola."""
    top = x[curve.argmax()]
    near = np.abs(x - top) <= _WINDOW * (1 + 1e-9)
    if near.sum() > 3:
        bend, slope, _ = np.polyfit(x[near] - top, curve[near], 2)
        if bend < 0 and abs(slope / (2 * bend)) <= _WINDOW:
            return float(top - slope / (2 * bend))
    return float(top)
