r"""Where guided flows and guided SDEs of Gaussian classes end: infinitely many classes.

Centres N(0, s²), classes N(μ, g²), r = g²/(g² + s²), extra weight w(σ), v = g² + σ². With
infinitely many classes the unconditional density is N(0, g² + s²) and everything is linear:
along the flow (κ = ½, λ = 0) and the SDE (κ = 1, λ = 1), in x = aμ + √V z,

    da/dτ = κ[−(1 + w)(a − 1)/v + wa/(v + s²)],   dV/dτ = −2κ[(1 + w)/v − w/(v + s²)] V + λ,

−dτ = dσ². With R = V/g² at the data and G(v) = ∫ w s²/(v'(v' + s²)) dv' from g² to v,

    a − 1 = κ ∫ w (g²/v)^κ e^{−κG} dv/(v + s²)                          any w(σ)
    R_flow = e^{−G(∞)} = r^w̄,     R_SDE = (1/g²) ∫ (g²/v)² e^{−2G} dv

w̄ is the mean of w over log u, u = v/(v + s²) from r to 1: any w ≥ 0 shrinks. Constant w:

    a_flow = (1 + w) ₂F₁(1, −w/2; 3/2; 1 − r),    R_flow = r^w
    a_SDE = (1 − r^{1+w})/(1 − r),                R_SDE = (1 − r^{1+2w})/[(1 + 2w)(1 − r)]

Where the covariances of class and whole commute, each eigendirection has its own r; r > 1,
a class wider than the whole, makes R > 1. (Model and question: arXiv 2602.00716; constant
w at r = ½: Bradley & Nakkiran, arXiv 2408.09000.)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import exprel, hyp2f1

from diffusion._checks import choice, finite, number, positive, together
from diffusion.guidance.schedules import Constant, GuidanceSchedule, Weight, as_schedule, weight_at
from diffusion.theory import _checks
from diffusion.theory._checks import Array

METHODS = ("flow", "sde")
_NEAR, _FAR = 40.0, 200.0  # e-folds of v above g² taken in fine and in coarse panels
_FINE, _COARSE = 0.04, 0.4
_JUMP = 0.1  # change of w in a panel, in units of 1 + |w|, that is searched for a jump
_ROOT = math.sqrt(15)
_NODES = 0.5 + np.array([-1.0, 0.0, 1.0]) * _ROOT / 10  # Gauss–Legendre, order 6
_WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18
_UP_TO = np.array(  # integrals from the start of a panel to each of its nodes
    [
        [5 / 36, 2 / 9 - _ROOT / 15, 5 / 36 - _ROOT / 30],
        [5 / 36 + _ROOT / 24, 2 / 9, 5 / 36 - _ROOT / 24],
        [5 / 36 + _ROOT / 30, 2 / 9 + _ROOT / 15, 5 / 36],
    ]
)


def guided_moments(
    ratio: ArrayLike,
    w: ArrayLike | GuidanceSchedule,
    method: str = "flow",
    between: float = 1.0,
    start: float = math.inf,
) -> tuple[Array, Array]:
    """Overlap a and variance ratio R of guided samples, infinitely many classes.

    Parameters
    ----------
    ratio : r, variance of a class over that of the whole, positive. It exceeds 1 along a
        direction in which the class is wider than the whole.
    w : extra weight; a number, an array (broadcast with `ratio`), or a schedule w(σ).
    method : "flow" or "sde"; do not compare their results, which differ.
    between : s², positive, the unit of σ²; for schedules alone. For r > 1 it is the excess of
        the variance of the class over that of the whole.
    start : noise level from which to sample, from mean 0; infinite: the limit.

    Returns
    -------
    a, R : 1 and 1 without distortion; shaped like `ratio` and `w` together.

    Raises
    ------
    ValueError : ratio, between or start not positive, an unknown method, a w that is not
        finite, or r = 1 with a schedule (σ then has no unit).

    Examples
    --------
    >>> a, R = guided_moments(0.2, 3.0)
    >>> round(float(a), 6), round(float(R), 6)
    (1.396842, 0.008)
    >>> a, R = guided_moments(0.2, lambda sigma: 3.0 if sigma > 1.33 else -1.0)
    >>> round(float(a), 2), round(float(R), 2)
    (1.78, 1.0)
    """
    r = _checks.positive("ratio", ratio)
    choice("method", method, METHODS)
    start = number("start", start, low=0, open_low=True)
    if isinstance(w, type):
        raise ValueError(f"w must be numbers or a schedule, got {w.__name__}")
    if callable(w) or start != math.inf:
        unit = positive("between", between)
        if callable(w):
            pairs = [(one, w) for one in r.ravel().tolist()]
        else:
            r, weight = together(ratio=r, w=_checks.finite("w", w))
            pairs = [(one, Constant(v)) for one, v in zip(r.flat, weight.flat, strict=True)]
        ends = [_integrated(*_scales(float(one), unit), v, method, start) for one, v in pairs]
        a, R = np.array(ends).reshape(-1, 2).T.reshape(2, *r.shape)
        return a[()], R[()]
    r, weight = together(ratio=r, w=_checks.finite("w", w))
    log = np.log(r)
    with np.errstate(over="ignore"):  # r > 1 and a large w: R is beyond all numbers
        if method == "flow":
            a = (1 + weight) * hyp2f1(1, -weight / 2, 1.5, 1 - r)
            return a, np.exp(weight * log)
        a = (1 + weight) * exprel((1 + weight) * log) / exprel(log)
        return a, exprel((1 + 2 * weight) * log) / exprel(log)


def guided_directions(
    own: ArrayLike,
    whole: ArrayLike,
    w: Weight,
    method: str = "flow",
    start: float = math.inf,
) -> tuple[Array, Array]:
    """Overlap a and variance ratio R along each common eigenvector of class and whole.

    Both are Gaussians, of covariances that commute. Where the class is narrower than the whole,
    w > 0 shrinks it, and where it is wider, w > 0 widens it: along the flow R = (own/whole)^w.
    The trace over all directions hides this.

    Parameters
    ----------
    own : variance of the class along each direction, positive.
    whole : variance of the whole, positive. They broadcast.
    w : extra weight, a number or a schedule w(σ), σ in the units of the variances' roots.
    method, start : as for `guided_moments`.

    Returns
    -------
    a, R : the mean along the direction over that of the class, both from the mean of the whole,
        and the variance over `own`. Both of the shape of the variances together.

    Raises
    ------
    ValueError : a variance that is not positive, or as for `guided_moments`.

    Examples
    --------
    >>> a, R = guided_directions([2.0, 1.0], [1.0, 1.2], 1.0)
    >>> a.round(4).tolist(), R.round(4).tolist()
    ([2.5708, 1.8849], [2.0, 0.8333])
    """
    inner, outer = together(
        own=_checks.positive("own", own), whole=_checks.positive("whole", whole)
    )
    choice("method", method, METHODS)
    start = number("start", start, low=0, open_low=True)
    schedule = as_schedule(w)
    if isinstance(schedule, Constant) and start == math.inf:
        return guided_moments(inner / outer, schedule.w, method)
    pairs = zip(inner.flat, outer.flat, strict=True)
    ends = [_integrated(float(c), float(u - c), schedule, method, start) for c, u in pairs]
    a, R = np.array(ends).reshape(-1, 2).T.reshape(2, *inner.shape)
    return a[()], R[()]


def mean_weight(ratio: float, w: Weight, between: float = 1.0) -> float:
    """w̄, the mean of w over log u from log r to 0: R = r^w̄ along the flow.

    Parameters
    ----------
    ratio : r, positive, not 1.
    w, between : as for `guided_moments`.

    Raises
    ------
    ValueError : as for `guided_moments`.

    Examples
    --------
    >>> round(mean_weight(0.2, lambda sigma: 3.0), 6)
    3.0
    """
    r = positive("ratio", ratio)
    schedule = as_schedule(w)
    unit = positive("between", between)
    R = _integrated(*_scales(r, unit), schedule, "flow", math.inf)[1]
    if not 0 < R < math.inf:
        raise ValueError(f"w must leave R = r^w̄ a number, got {R:g} at r = {r:g}")
    return math.log(R) / math.log(r)


def window_switch(
    ratio: float, w: float, inside: float = -1.0, method: str = "flow", between: float = 1.0
) -> float:
    """Noise level below which guidance must turn from w to `inside` for R = 1.

    Flow: u_s = r^{|inside|/(w + |inside|)}, σ_s² = [u_s(g² + s²) − g²]/(1 − u_s). For the SDE
    an equation is solved. This is for infinitely many classes: with finitely many the switch
    must come earlier.

    Parameters
    ----------
    ratio : r, in (0, 1).
    w : positive.
    inside : in [−1, 0).
    method : "flow" or "sde".
    between : s², positive.

    Returns
    -------
    σ_s, for `diffusion.guidance.Window(w, σ_s, inside)`.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(window_switch(0.2, 3.0) ** 2, 4)
    1.7688
    """
    r = positive("ratio", ratio)
    choice("method", method, METHODS)
    unit = positive("between", between)
    w, inside = finite("w", w), finite("inside", inside)
    if not (r < 1 and w > 0 and -1 <= inside < 0):
        raise ValueError(
            "ratio must lie in (0, 1), w be positive and inside lie in [−1, 0), "
            f"got {r:g}, {w:g} and {inside:g}"
        )
    if method == "flow":
        u = r ** (-inside / (w - inside))
    else:
        u = float(brentq(lambda one: _window_ratio(r, w, inside, one) - 1, r, 1 - 1e-12))
    within = unit * r / (1 - r)
    return math.sqrt((u * (within + unit) - within) / (1 - u))


def class_condensation(alpha: ArrayLike, within: ArrayLike, between: ArrayLike) -> Array:
    """Noise variance t_C below which the posterior at a noised point rests on its own class.

    α = log K/d = ½ log[1 + between/(within + t_C)]: the condensation of a random energy model
    of K patterns μ_k at noise within + t_C. It is the collapse of `collapse_sigma`, with
    classes in place of data. An Ornstein–Uhlenbeck time is ½ log(1 + t_C).

    Parameters
    ----------
    alpha : log K/d, positive.
    within : variance of a class, per coordinate, positive.
    between : variance of the centres, per coordinate, positive. All broadcast.

    Returns
    -------
    t_C, of the shape of the arguments together; 0 above α = ½ log(1 + between/within), where
    classes overlap and the posterior never rests on one.

    Raises
    ------
    ValueError : an argument that is not positive.

    Examples
    --------
    >>> [round(float(t), 3) for t in class_condensation([0.1, 0.4, 1.0], 0.25, 1.0)]
    [4.267, 0.566, 0.0]
    """
    a, inner, outer = together(
        alpha=_checks.positive("alpha", alpha),
        within=_checks.positive("within", within),
        between=_checks.positive("between", between),
    )
    with np.errstate(over="ignore"):
        return np.maximum(outer / np.expm1(2 * a) - inner, 0)


def capture_sigma(within: ArrayLike, w: ArrayLike) -> Array:
    """Noise level from which a guided flow captures half of the data of another class.

    A datum of class c′ noised to σ keeps s_u = s_c′ until it is half-way to the class c of the
    guidance. On the line between their centres, p = 0 at c′ and 1 at c, the flow is
    dp/dv = [p − (1 + w)]/2v, so that from p = 0 it gets to (1 + w)(1 − g/√(g² + σ²)); that is ½ at

        σ_½ = g √(3 + 4w)/(1 + 2w)

    wherever the centres are. (Derived here.) It is exact for two classes at w = 0, and else for
    classes far apart, |μ_c − μ_c′| ≫ σ, of equal variance. Other classes near by raise it.

    Parameters
    ----------
    within : variance g² of a class, per coordinate, positive.
    w : extra weight, finite. They broadcast.

    Returns
    -------
    σ_½, infinite for w ≤ −½: half is never captured.

    Raises
    ------
    ValueError : a variance that is not positive, a w that is not finite.

    Examples
    --------
    >>> capture_sigma(0.25, [-0.5, 0.0, 1.0, 3.0]).round(3).tolist()
    [inf, 0.866, 0.441, 0.277]
    """
    inner, weight = together(within=_checks.positive("within", within), w=_checks.finite("w", w))
    scale = np.maximum(1 + 2 * weight, 0.0)
    with np.errstate(divide="ignore", over="ignore"):
        return np.sqrt(inner * (2 / scale + 1 / scale**2))


def _window_ratio(r: float, w: float, inside: float, u: float) -> float:
    """R under the SDE for w down to u, `inside` from there, by the solutions of constant w."""
    at, end = (float(guided_moments(one, inside, "sde")[1]) for one in (u, r))
    before = float(guided_moments(u, w, "sde")[1])
    ratio = r / (1 - r) * (1 - u) / u  # g²/v_s
    return end + (before - at) * ratio * (r / u) ** (2 * inside)


def _scales(r: float, between: float) -> tuple[float, float]:
    """Variance of the class, and what the whole has beyond it, of their ratio r."""
    if r == 1:
        raise ValueError("ratio must differ from 1 with a schedule, got 1, which gives σ no unit")
    return between * r / abs(1 - r), math.copysign(between, 1 - r)


def _integrated(
    within: float, excess: float, w: GuidanceSchedule, method: str, start: float
) -> tuple[float, float]:
    """a and R of any schedule, by collocation in y = log(v/g²)."""
    kappa = 0.5 if method == "flow" else 1.0
    top = min(_FAR, math.log1p(start**2 / within)) if start < math.inf else _FAR
    edges = _panels(w, within, top)
    width = np.diff(edges)
    y = edges[:-1, None] + width[:, None] * _NODES
    v = within * np.exp(y)
    sigma = np.sqrt(within * np.expm1(y))
    weight = np.array([weight_at(w, one) for one in sigma.ravel().tolist()]).reshape(y.shape)
    pull = weight * excess / (v + excess)  # dG/dy
    panels = width * (pull @ _WEIGHTS)
    before = np.concatenate([[0.0], np.cumsum(panels)])
    G = before[:-1, None] + width[:, None] * (pull @ _UP_TO.T)

    def integral(values: Array) -> float:
        return float(width @ (values @ _WEIGHTS))

    last, total = edges[-1], float(before[-1])
    decay = float(np.exp(-kappa * (last + total))) if start < math.inf else 0.0
    highest = 1 + excess / within * math.exp(-last)  # V/v at the start
    with np.errstate(over="ignore"):  # as for constant w
        a = 1 - decay + kappa * integral(weight * v / (v + excess) * np.exp(-kappa * (y + G)))
        if method == "flow":
            return a, float(highest * np.exp(-total))
        rest = float(highest * np.exp(-last - 2 * total)) if start < math.inf else 0.0
        return a, rest + integral(np.exp(-y - 2 * G))


def _panels(w: GuidanceSchedule, within: float, top: float) -> Array:
    """Edges of the panels in y, at the jumps of w too."""
    fine, coarse = np.arange(0, min(_NEAR, top), _FINE), np.arange(_NEAR, top, _COARSE)
    finest = min(top, _FINE) / 2.0 ** np.arange(1, 16)  # σ is like √y where the data begin
    edges = np.unique(np.concatenate([fine, coarse, finest, [top]]))
    if hasattr(w, "breaks"):
        jumps = [math.log1p(sigma**2 / within) for sigma in w.breaks]
    else:
        jumps = _search(w, within, edges)
    return np.unique(np.concatenate([edges, [y for y in jumps if 0 < y < top]]))


def _search(w: GuidanceSchedule, within: float, edges: Array) -> list[float]:
    """Where a function w jumps, found by bisection of the panels over which it changes most."""

    def at(y: float) -> float:
        return weight_at(w, math.sqrt(within * math.expm1(max(y, 1e-12))))

    values = np.array([at(y) for y in edges.tolist()])
    change = np.abs(np.diff(values)) / (1 + np.abs(values[1:]))
    jumps = []
    for k in np.flatnonzero(change > _JUMP)[:100].tolist():
        low, high = float(edges[k]), float(edges[k + 1])
        below, above = values[k], values[k + 1]
        while high - low > 1e-12 * (1 + high):
            middle = (low + high) / 2
            value = at(middle)
            if abs(value - below) > abs(value - above):
                high, above = middle, value
            else:
                low, below = middle, value
        jumps.append(high)
    return jumps
