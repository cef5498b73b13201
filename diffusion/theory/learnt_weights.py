r"""How the weight of a class is learnt at one noise level, and where a flow puts it.

Data ω at +μ and 1 − ω at −μ, |μ|² = d, of variance 1 within a class; x = αx₀ + βz with
α² + β² = 1, so that x has variance 1 within a class at every level. Λ = α²d is the signal of the
classes: they part at Λ = 1, that is at σ = β/α = √(d − 1). The score, and a model that has it,

    s*(x) = −x + αμ tanh(αμ·x + b*),    2b* = log(ω/(1 − ω))
    s(x)  = c x + w tanh(w·x + b)

follow the gradient flow dA/dτ = −∇L, L = (β²/d) E|s − s*|², from c(0) = −½, b(0) = 0 and a
random direction: |w| = 1, at cosine 1/√d with μ. E is over two Gaussian directions, along μ and
along the rest of w, besides d − 2 that see c alone; so the flow is one of four numbers, exact at
any d, and

    m = w·μ/(αd)                  to 1: the direction is learnt
    q = |w − w_μ|²/(α²d)          to 0
    ρ = 1/(1 + e^{−2b})           to ω: the weight is learnt

Far above the noise, Λ of order d, the classes do not overlap: m is learnt at τ of order d, and ρ
stays at ½, for b moves only where tanh does not saturate. At Λ of order 1 both are learnt at τ of
order d. So a training that seldom sees these levels knows the classes but not their weights.

Of two independent pairs, s₁μ₁ + s₂μ₂ with |μ_i|² = κ_i d on κ_i d coordinates, both are learnt
together at high Λ, and one after the other at Λ = 1, the later the smaller κ_i Λ.

A flow from N(0, σ²) instead of the noised data gives class +μ another weight than ω, even with
the exact score: it keeps quantiles along μ, so that starts above θ end there, with θ the quantile
1 − ω of the noised data (up to what lies beyond the midpoint in clean data).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import expit, log_ndtr, logit, ndtr

from diffusion._checks import number, positive
from diffusion._plots import Line, Plotted
from diffusion._results import Result
from diffusion.theory import _checks
from diffusion.theory._checks import Array

_ALONG = np.linspace(-8, 8, 97)  # along μ, where tanh may be steep: even steps converge best
_ACROSS = np.linspace(-7.5, 7.5, 31)  # along the rest of w, where it is not
_MASS = np.exp(-(_ALONG[:, None] ** 2 + _ACROSS**2) / 2)
_MASS /= _MASS.sum()
_TOLERANCE = {"rtol": 1e-7, "atol": 1e-10}
_LONGEST, _LAST = 1e6, 1e4  # τ/d that a course may have; up to which a hierarchy is followed
_LEAST = 1e-6  # Λ at which nothing is learnt within these
_REACH, _OVERFLOW = 40.0, 700.0  # of θ beyond the classes; of an exponent
_CLEAN = 1e-9  # σ, in deviations of the noised class, at which the data are clean
_SETTLED = 0.1  # distance of w from its end, relative to that


@dataclass(frozen=True, repr=False)
class ClassCourse(Plotted):
    """What is known of two classes along the gradient flow at one noise level."""

    time: Array  # (T,) τ/d
    m: Array  # (T,) overlap with the direction of the classes, to 1
    q: Array  # (T,) square of what w has besides, to 0
    rho: Array  # (T,) weight of the class at +μ, to ω
    c: Array  # (T,) coefficient of the linear part, to −1
    _titles = (r"$\tau/d$", "overlap, weight")
    _log = "x"

    def _lines(self) -> list[Line]:
        return [Line(self.time, self.m, label="$m$"), Line(self.time, self.rho, label=r"$\rho$")]


@dataclass(frozen=True, repr=False)
class HierarchyTimes(Result):
    """τ/d at which each of two pairs of classes is learnt, m = ½; NaN where it never is."""

    small: float  # of the pair with less of the square distance
    large: float

    @property
    def ratio(self) -> float:
        """The smaller pair's time over the larger one's."""
        return self.small / self.large


def class_course(
    times: ArrayLike, snr: float, dimension: float, weight: float = 0.8
) -> ClassCourse:
    """Direction and weight of two classes along the gradient flow at one noise level.

    Parameters
    ----------
    times : (T,) τ/d, rising from 0 or above, at most 10⁶.
    snr : Λ = α²d, in [10⁻⁶, d).
    dimension : d, at least 2.
    weight : ω of the class at +μ, in (0, 1).

    Returns
    -------
    ClassCourse.

    Raises
    ------
    ValueError : a number outside its range, or times that do not rise.

    Examples
    --------
    >>> course = class_course([0.3, 1, 3, 10, 100], snr=1.0, dimension=1024)
    >>> course.rho.round(3).tolist()
    [0.503, 0.531, 0.71, 0.796, 0.8]
    >>> class_course([100.0], snr=300.0, dimension=1024).rho.round(2).tolist()  # above the noise
    [0.5]
    """
    at = np.atleast_1d(_checks.not_negative("times", times))
    if at.ndim != 1 or not len(at) or (np.diff(at) <= 0).any() or at[-1] > _LONGEST:
        raise ValueError(
            f"times must be a list that rises, at most {_LONGEST:g}, got shape {at.shape} "
            f"from {at.min(initial=np.inf):g} to {at.max(initial=-np.inf):g}"
        )
    d = number("dimension", dimension, low=2, high=1e9)
    signal = number("snr", snr, low=_LEAST, high=d, open_high=True)
    b = float(logit(number("weight", weight, low=0, high=1, open_low=True, open_high=True))) / 2
    start = [-0.5, d**-0.5, (1 - 1 / d) ** 0.5, 0.0]
    flow = _Flow(signal, d, [1.0], b)
    end = max(at[-1], 1e-12)  # of one time, 0, there is no course
    found = solve_ivp(flow, (0.0, end), start, "LSODA", t_eval=at, **_TOLERANCE)
    c, u, v, b_now = found.y
    return ClassCourse(at, u / signal**0.5, v**2 / signal, expit(2 * b_now), c)


def hierarchy_times(share: float, snr: float, dimension: float) -> HierarchyTimes:
    """When each of two pairs of classes is learnt at one noise level, s₁μ₁ + s₂μ₂ in all.

    The four classes have one weight, and b = 0. Each pair lies on its own κ_i d coordinates, with
    a direction w_i of its own there, at first of |w_i| = 1 and of cosine 1/√(κ_i d) with μ_i; the
    linear part, at first −1, is one for both.

    Parameters
    ----------
    share : κ of the smaller pair, in (0, ½); the other has 1 − κ.
    snr : Λ = α²d, in [10⁻⁶, d).
    dimension : d, at least 2/κ.

    Returns
    -------
    HierarchyTimes(small, large), the last times at which m rises through ½.

    Raises
    ------
    ValueError : a number outside its range.

    Examples
    --------
    >>> high, low = (hierarchy_times(0.1, snr, 1024) for snr in (300.0, 1.0))
    >>> round(high.ratio, 1), round(low.ratio, 1)  # together, and one after the other
    (1.0, 4.6)
    """
    kappa = number("share", share, low=0, high=0.5, open_low=True, open_high=True)
    d = number("dimension", dimension, low=2 / kappa, high=1e9)
    signal = number("snr", snr, low=_LEAST, high=d, open_high=True)
    shares = [kappa, 1 - kappa]
    start = [-1.0]
    for own in shares:
        start += [(own * d) ** -0.5, (1 - 1 / (own * d)) ** 0.5, 0.0]
    flow = _Flow(signal, d, shares, 0.0)
    events = [_Half(1 + 3 * k, (own * signal) ** 0.5 / 2) for k, own in enumerate(shares)]
    found = solve_ivp(
        flow, (0.0, _LAST), start, "LSODA", events=[*events, _Settled(shares, signal)], **_TOLERANCE
    )
    small, large = (float(t[-1]) if len(t) else np.nan for t in found.t_events[:2])
    return HierarchyTimes(small, large)


def flow_class_fraction(
    weight: float, distance: float, sigma: ArrayLike, variance: float = 1.0
) -> Array:
    """Share of the samples of an exact flow that end on the side of +μ, started at N(0, σ²).

    Parameters
    ----------
    weight : ω of the class at +μ, in (0, 1); the other is at −μ.
    distance : |μ|, from the midpoint of the classes to each, not negative.
    sigma : noise level of the start, positive.
    variance : within a class, along μ, positive.

    Returns
    -------
    Of the shape of `sigma`: about ω far above |μ|, and ½ far below.

    Raises
    ------
    ValueError : a number outside its range.

    Examples
    --------
    >>> flow_class_fraction(0.8, 8.0, [1.0, 12.8, 1000.0]).round(4).tolist()
    [0.5668, 0.7125, 0.7987]
    """
    omega = number("weight", weight, low=0, high=1, open_low=True, open_high=True)
    gap = number("distance", distance, low=0, high=1e9)
    within = positive("variance", variance) ** 0.5
    noise = _checks.noise_variance(sigma)
    found = [_above(omega, gap, within, s2) for s2 in noise.reshape(-1).tolist()]
    return np.array(found).reshape(noise.shape)


def _above(omega: float, gap: float, within: float, noise: float) -> float:
    """The share of N(0, `noise`) above θ, where the noised data have what lies below 0 in clean.

    Both sides of F(θ) = F₀(0) lack the 1 − ω that is below in any case, and are in units of the
    tail of one class at the midpoint: so nothing is lost where the classes hardly overlap.
    """
    total = (within**2 + noise) ** 0.5
    if noise**0.5 < _CLEAN * total:
        return 0.5  # θ is 0 in these units, to more digits than it could be found with
    apart = gap / total
    tail = log_ndtr(-apart)
    clean = np.exp(log_ndtr(-gap / within) - tail)

    def surplus(y: float) -> float:
        own, other = np.exp(np.minimum(log_ndtr([y - apart, -y - apart]) - tail, _OVERFLOW))
        return float(omega * (own - clean) - (1 - omega) * (other - clean))

    reach = apart + _REACH
    fine = min(2e-12, 1e-9 * (noise**0.5 / total))  # of θ, whose error is seen in units of σ
    theta = brentq(surplus, -reach, reach, xtol=fine, maxiter=1000)
    return float(ndtr(-theta * total / noise**0.5))


class _Half:
    """m − ½ of one pair, an event of the flow where it rises through 0."""

    direction = 1.0

    def __init__(self, entry: int, level: float) -> None:
        self.entry, self.level = entry, level

    def __call__(self, time: float, state: Array) -> float:
        return float(state[self.entry] - self.level)


class _Settled:
    """An event at which the directions of all pairs are learnt: then a flow ends."""

    direction, terminal = -1.0, True

    def __init__(self, shares: Sequence[float], snr: float) -> None:
        self.exact = (np.array(shares) * snr) ** 0.5

    def __call__(self, time: float, state: Array) -> float:
        u, v, _ = np.asarray(state)[1:].reshape(-1, 3).T / self.exact
        return float(np.hypot(u - 1, v).max() - _SETTLED)


class _Flow:
    """d/d(τ/d) of c and, for each pair of classes, of u, v (w along μ_i and across it) and b."""

    def __init__(self, snr: float, dimension: float, shares: Sequence[float], b: float) -> None:
        self.rate = 2 * (1 - snr / dimension)  # 2β²
        self.pairs: list[tuple[float, Array, Array, Array]] = []
        plus = expit(2 * b)
        for share in shares:
            a = (share * snr) ** 0.5  # α|μ_i|
            x = np.stack([a + _ALONG, _ALONG - a])[:, :, None]
            mass = np.array([plus, 1 - plus])[:, None, None] * _MASS
            exact = a * np.tanh(a * x + b)
            self.pairs.append((share * dimension, x, mass, exact))

    def __call__(self, time: float, state: Array) -> Array:
        slopes = np.zeros_like(state)
        off = state[0] + 1
        y = _ACROSS
        for k, (dimension, x, mass, exact) in enumerate(self.pairs):
            own = slice(1 + 3 * k, 4 + 3 * k)
            u, v, b = state[own]
            bent = np.tanh(u * x + v * y + b)
            along = off * x + u * bent - exact  # of s − s*
            across = off * y + v * bent
            weighted = mass * bent
            inner = mass * (u * along + v * across) * (1 - bent**2)
            slopes[0] += (mass * (along * x + across * y)).sum() + (dimension - 2) * off
            slopes[own] = (
                (weighted * along).sum() + (inner * x).sum(),
                (weighted * across).sum() + (inner * y).sum(),
                inner.sum(),
            )
        return -self.rate * slopes
