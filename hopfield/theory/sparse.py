r"""Memories of sparse 0/1 patterns: the covariance rule.

Patterns of activity a, load α = P/N, N → ∞ (after Tsodyks & Feigelman 1988;
replica symmetric). A unit of a pattern that is 1 or 0 is on with f± = Φ(−x±), x₊ < 0 < x₋:

    M = f₊ − f₋,  s = M/(x₋ − x₊),  C = [aφ(x₊) + (1 − a)φ(x₋)]/s,
    q = (1 − 2a)[af₊ + (1 − a)f₋] + a²,
    α = s²(1 − C)²/q,  θ = s x₋ − aM + (½ − a) αC/(1 − C),

the last term of which is the reaction of a 0/1 unit to itself. A capacity is the largest α, at a
given threshold θ or over all. At a = ½, θ = 0 it is Hebb's network. The law 1/(2a|ln a|) of
a → 0 is twice too large even at a = 0.001.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize

from hopfield._checks import number
from hopfield.theory import _checks
from hopfield.theory._checks import Array

_LEAST_ACTIVITY = 1e-6
_CLEAN = 9.0  # least |x±| of the state from which a line is followed, without errors
_STEP, _FINEST = 0.03, 1e-7  # along it, at first and next to its end
_GAP = 0.1  # of the load, and in M, between two lines of states that go on from each other
_SHIFTS = 1e-5 * np.eye(2)  # for differences of logarithms


def sparse_capacity(activity: float, threshold: float | None = None) -> float:
    """Load up to which the covariance rule retrieves patterns of some activity.

    Parameters
    ----------
    activity : a in [1e-6, 1 − 1e-6].
    threshold : θ; None takes the best one.

    Returns
    -------
    α_c; 0 for a threshold outside (−a, 1 − a), which no field of a pattern reaches.

    Raises
    ------
    ValueError : an activity outside its range, a threshold that is not finite.

    Examples
    --------
    >>> [round(sparse_capacity(0.1, theta), 3) for theta in (None, 0.4)]
    [0.484, 0.336]
    """
    a, theta = _model(activity, threshold)
    if theta is None:
        return _best(a).load
    return max((line[-1].load for line in _branches(a, theta)), default=0.0)


def sparse_threshold(activity: float) -> float:
    """Threshold θ* at which the covariance rule stores most.

    Parameters
    ----------
    activity : a in [1e-6, 1 − 1e-6].

    Returns
    -------
    θ*: 0 at a = ½, above ½ − a for sparse patterns.

    Raises
    ------
    ValueError : an activity outside its range.

    Examples
    --------
    >>> round(sparse_threshold(0.1), 3)
    0.548
    """
    a, _ = _model(activity, None)
    return _threshold(a) * (1 if activity <= 0.5 else -1)


def sparse_overlap(load: ArrayLike, activity: float, threshold: float | None = None) -> Any:
    """Overlap M = Σ(η − a)(S − a)/(a(1 − a)N) of the retrieval state of the covariance rule.

    Parameters
    ----------
    load : α ≥ 0, a number or an array.
    activity : a in [1e-6, 1 − 1e-6].
    threshold : θ; None takes `sparse_threshold(activity)`.

    Returns
    -------
    M, of the shape of `load`; 0 above the capacity at this threshold.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(float(sparse_overlap(0.3, 0.1, threshold=0.55)), 5)
    0.97569
    """
    alpha = _checks.from_zero("load", load)
    a, theta = _model(activity, threshold)
    if theta is None:
        theta = _threshold(a)
    found = np.vectorize(lambda one: getattr(_retrieved(one, a, theta), "overlap", 0.0))
    return np.asarray(found(alpha), dtype=np.float64)[()]


def sparse_cosine(load: ArrayLike, activity: float, threshold: float | None = None) -> Any:
    """Cosine of 0/1 patterns and their retrieval state of the covariance rule.

    With the shares f₊ of the ones and f₋ of the zeros that are on, M = f₊ − f₋, it is
    √a f₊/√(a f₊ + (1 − a) f₋).

    Parameters
    ----------
    load, activity, threshold : as for `sparse_overlap`.

    Returns
    -------
    Of the shape of `load`; 0 above the capacity at this threshold.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(float(sparse_cosine(0.3, 0.1, threshold=0.55)), 5)
    0.98749
    """
    alpha = _checks.from_zero("load", load)
    a, theta = _model(activity, threshold)
    if theta is None:
        theta = _threshold(a)

    def cosine(one: float) -> float:
        found = _retrieved(one, a, theta)
        if found is None:
            return 0.0
        hits, false = 1 - found.silent, found.false
        if activity > 0.5:  # 0 and 1 are exchanged
            hits, false = 1 - false, 1 - hits
        share = activity * hits
        return math.sqrt(share * hits / (share + (1 - activity) * false))

    return np.vectorize(cosine, otypes=[np.float64])(alpha)[()]


class _State(NamedTuple):
    """A state: its overlap M, its load α and the threshold θ at which it is one.

    silent, false : shares of the ones that are off and of the zeros that are on.
    """

    overlap: float
    load: float
    threshold: float
    silent: float
    false: float


class _Point(NamedTuple):
    """A state of a given threshold by log |x₊| and log x₋, and its load."""

    logs: Array
    load: float


def _model(activity: float, threshold: float | None) -> tuple[float, float | None]:
    """Activity of at most ½ and threshold: 0 and 1 may be exchanged, which inverts the fields."""
    a = number("activity", activity, low=_LEAST_ACTIVITY, high=1 - _LEAST_ACTIVITY)
    theta = None
    if threshold is not None:
        theta = number("threshold", threshold, low=-_checks.LARGEST, high=_checks.LARGEST)
    return (a, theta) if a <= 0.5 else (1 - a, None if theta is None else -theta)


def _state(on: float, off: float, a: float) -> _State:
    """The state at x₊ = −on, x₋ = off."""
    silent, false = _tail(on), _tail(off)
    M = 1 - silent - false
    s = M / (on + off)
    C = (a * _density(on) + (1 - a) * _density(off)) / s
    q = (1 - 2 * a) * (a * (1 - silent) + (1 - a) * false) + a**2
    if C >= 1:
        return _State(M, 0.0, math.nan, silent, false)
    load = (s * (1 - C)) ** 2 / q
    theta = s * off - a * M + (0.5 - a) * load * C / (1 - C)
    return _State(M, load, theta, silent, false)


def _threshold(a: float) -> float:
    return 0.0 if a == 0.5 else _at(_best(a).logs, a).threshold


def _tail(x: float) -> float:
    return math.erfc(x / math.sqrt(2)) / 2


def _density(x: float) -> float:
    return math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _at(logs: Array, a: float) -> _State:
    on, off = np.exp(logs).tolist()
    return _state(on, off, a)


@lru_cache(256)
def _best(a: float) -> _Point:
    """The state of the largest load at any threshold."""
    found = minimize(
        lambda logs: -math.log(_at(logs, a).load + 1e-300),
        np.array([0.0, 0.9]),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-15, "maxiter": 4000},
    )
    return _Point(found.x, _at(found.x, a).load)


@lru_cache(256)
def _branches(a: float, theta: float) -> list[list[_Point]]:
    """Retrieval states of a threshold, in order of their load, M falling; one or two lines.

    The first begins at states without errors. Where the threshold has a saddle in the plane
    (a < 0.1), the states of the largest loads are on a line of their own, which is taken where it
    goes on from the first: next to the best threshold, where networks of a few thousand units do.
    """
    slack = min(theta + a, 1 - a - theta)
    if slack <= 0:
        return []
    clean = _on_line(np.log(np.array([1 - a - theta, theta + a]) * _CLEAN / slack), a, theta)
    near = _on_line(_best(a).logs, a, theta)
    if clean is None:  # pragma: no cover  # Newton's method begins on the line
        return []
    lines = [_climb(clean, np.array([-1.0, -1.0]), a, theta)]
    if near is not None:
        uphill = np.array([_at(near + d, a).load - _at(near - d, a).load for d in _SHIFTS])
        top = _climb(near, uphill, a, theta)[-1]
        end = lines[0][-1]
        if top.load > end.load * (1 + 1e-6):
            other = _descend(top, end.load, a, theta)[::-1]
            overlaps = [_at(point.logs, a).overlap for point in other if point.load >= end.load]
            drop = _at(end.logs, a).overlap - max(overlaps)
            if -0.002 < drop < _GAP and other[0].load < end.load * (1 + _GAP):
                lines.append(other)
    return lines


def _climb(logs: Array, heading: Array, a: float, theta: float) -> list[_Point]:
    """States along the line of a threshold while their load rises.

    Neither x₊ nor x₋ need be monotonic on it, so that it is followed in the plane of their
    logarithms, in ever shorter steps where the load would fall: it can turn sharply there.
    """
    line, step = [_Point(logs, _at(logs, a).load)], _STEP
    while step > _FINEST:
        along = _tangent(line[-1].logs, heading, a)
        following = _on_line(line[-1].logs + step * along, a, theta)
        if following is not None and (load := _at(following, a).load) > line[-1].load:
            line.append(_Point(following, load))
            heading = along
        else:  # from the point before, since the last one may lie beyond the largest load
            line = line[:-1] if len(line) > 1 else line
            step /= 4
    return line


def _descend(top: _Point, load: float, a: float, theta: float) -> list[_Point]:
    """States along the line from its largest load down to a given one, to the side of larger M."""
    line, step = [top], _STEP / 4
    heading = np.array([1.0, 1.0])  # M = 1 − Φ(−|x₊|) − Φ(−x₋)
    while line[-1].load > load:
        heading = _tangent(line[-1].logs, heading, a)
        following = _on_line(line[-1].logs + step * heading, a, theta)
        if following is None or (found := _at(following, a).load) >= line[-1].load:
            break
        line.append(_Point(following, found))
    return line


def _tangent(logs: Array, heading: Array, a: float) -> Array:
    """Direction of the line of constant threshold, to the side of `heading`."""
    slope = _slope(logs, a)
    along = np.array([-slope[1], slope[0]]) / math.hypot(*slope)
    return along if along @ heading > 0 else -along


def _slope(logs: Array, a: float) -> Array:
    """Gradient of the threshold by log |x₊| and log x₋."""
    rises = [_at(logs + d, a).threshold - _at(logs - d, a).threshold for d in _SHIFTS]
    return np.array(rises) / (2 * _SHIFTS[0, 0])


def _on_line(logs: Array, a: float, theta: float) -> Array | None:
    """The point next to a given one at which the threshold is θ; Newton's method, None if lost."""
    for _ in range(40):
        miss, slope = _at(logs, a).threshold - theta, _slope(logs, a)
        if abs(miss) < 1e-13:
            return logs
        size = float(slope @ slope)
        if not size > 1e-20:
            return None
        step = miss * slope / size
        logs = logs - step / max(1.0, 4 * math.hypot(*step))
        if not np.abs(logs).max() < 20:
            return None
    return logs if abs(miss) < 1e-10 else None


def _retrieved(load: float, a: float, theta: float) -> _State | None:
    """The retrieval state; None above the capacity."""
    for line in _branches(a, theta):
        if load <= line[0].load:
            return _at(line[0].logs, a)
        if load <= line[-1].load:
            after = next(k for k, point in enumerate(line) if point.load >= load)
            return _between(line[after - 1], line[after], load, a, theta)
    return None


def _between(first: _Point, last: _Point, load: float, a: float, theta: float) -> _State:
    def state(share: float) -> _State:
        logs = _on_line(first.logs + share * (last.logs - first.logs), a, theta)
        return _at(last.logs if logs is None else logs, a)

    if state(1.0).load <= load:
        return state(1.0)
    return state(brentq(lambda share: state(share).load - load, 0, 1, xtol=1e-13))
