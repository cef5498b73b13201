r"""Where guided flows and SDEs end with exponentially many classes: dynamical mean field.

K = e^{αd} centres N(0, s²), classes N(μ, g²), v = g² + σ². At x = aμ + √V z, Q = a²s² + V, the
own class and all others weigh, per dimension, (random energy model)

    f_own = −½ log v − [(1 − a)² s² + V]/2v
    f_oth = α − ½ log(v + s²) − Q/2(v + s²)                           if α ≥ KL(Q, v)
    KL(Q, v) = ½ [log(1 + s²/v) + s²(Q − s² − v)/(s² + v)²]

Else the others are frozen: with KL(Q, v_f) = α, b = v/v_f,
f_oth = −½ log v + [α − ½ log(1 + s²/v_f) − Q/2(v_f + s²)]/b. The own class holds the posterior
with p₁ = sigmoid(d(f_own − f_oth)), and in x = −log v (κ = ½, λ = 0 along the flow; 1, 1 for
the SDE)

    da/dx = κ{−(1 + w)(a − 1) + w[p₁(a − 1) + (1 − p₁) a v/(v + s²)]}
    dlog V/dx = −2κ{1 + w − w[p₁ + (1 − p₁) v/(v + s²)]} + λv/V

Once the own class dominates, guidance has no effect; before, it acts as with infinitely many
classes (`guided_moments`). Guidance moves this transition to larger noise, σ*² ~ s²(1 + 2w)/2α
for α → 0, where all distortions vanish. The theory is valid unless the others are frozen while
they dominate. (Model and question: arXiv 2602.00716; see `diffusion.theory.guidance`.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import expit

from diffusion._checks import choice, flag, number, positive
from diffusion._results import Result
from diffusion.guidance.schedules import GuidanceSchedule, Weight, as_schedule, weight_at
from diffusion.theory.guidance import METHODS, guided_moments

_LIMIT = 1e5  # dimension that stands for infinitely many
_MOST = 1e6  # strength ω beyond which the integration does not end
_START = 1e8  # σ² of the start, in units of s² and of the time of condensation
_TOLERANCE = 1e-8


@dataclass(frozen=True, repr=False)
class MeanField(Result):
    """The end of a guided path, and what happened on the way."""

    overlap: float  # a at the data
    ratio: float  # R at the data
    dominance: float  # p₁ at the data
    condensation: float  # noise variance at which the own class first took over; 0: never
    frozen: bool  # whether others froze while they dominated: then this theory does not hold


def guided_mean_field(
    alpha: float,
    w: Weight,
    ratio: float,
    method: str = "flow",
    dimension: float | None = None,
    between: float = 1.0,
    annealed: bool = False,
) -> tuple[float, float]:
    """Overlap a and variance ratio R of guided samples, K = e^{αd} classes.

    Parameters
    ----------
    alpha : log K/d, positive. Above ½ log 1/r classes overlap even in the data; guidance
        still makes the own class stand out, later.
    w : extra weight, a number or a schedule w(σ).
    ratio : r, variance of a class over that of the whole, in (0, 1).
    method : "flow" or "sde"; do not compare their results, which differ.
    dimension : d of a finite-size prediction; None: the limit.
    between : s², positive, the unit of σ²; for schedules alone.
    annealed : never let the others freeze; this is the theory of `guidance.planted_classes`.
        It differs where the others come back after the own class took over, along the flow at
        large w (w = 7, α from 0.5 to 0.7 at r = 0.2). Real classes are frozen there and do not
        come back.

    Returns
    -------
    a, R. `mean_field_path` says whether the theory holds along the way.

    Raises
    ------
    ValueError : an argument outside its range, or a schedule that returns NaN.

    Examples
    --------
    >>> a, R = guided_mean_field(0.4, 3.0, 0.2)
    >>> round(a, 3), round(R, 3)
    (1.511, 0.609)
    """
    found = mean_field_path(alpha, w, ratio, method, dimension, between, annealed)
    return found.overlap, found.ratio


def mean_field_path(
    alpha: float,
    w: Weight,
    ratio: float,
    method: str = "flow",
    dimension: float | None = None,
    between: float = 1.0,
    annealed: bool = False,
) -> MeanField:
    """`guided_mean_field` with what happened on the way; the same arguments and errors.

    Examples
    --------
    >>> found = mean_field_path(0.4, 3.0, 0.2)
    >>> round(found.condensation, 2), found.frozen
    (5.31, False)
    """
    model = _model(alpha, ratio, between, annealed)
    choice("method", method, METHODS)
    d = _LIMIT if dimension is None else positive("dimension", dimension)
    schedule, sde = as_schedule(w), float(method == "sde")
    kappa = (1 + sde) / 2

    def slope(x: float, state: np.ndarray) -> list[float]:
        a, V = float(state[0]), math.exp(state[1] - x)
        v = math.exp(-x)
        weight = weight_at(schedule, math.sqrt(max(v - model.within, 0.0)))
        p, far = float(expit(d * model.advantage(a, V, v))), v / (v + model.between)
        pull = p + (1 - p) * far  # of the unconditional score
        return [
            kappa * (-(1 + weight) * (a - 1) + weight * (p * (a - 1) + (1 - p) * a * far)),
            1 - 2 * kappa * (1 + weight - weight * pull) + sde * v / V,
        ]

    first = _START * (model.between + 1 / alpha)
    state = [1 + weight_at(schedule, math.sqrt(first)), 0.0]
    path = [np.array([[-math.log(first)], *([one] for one in state)])]
    for low, high in pairwise(_stretches(schedule, model.within, first)):
        solved = solve_ivp(
            slope, (low, high), state, "LSODA", rtol=_TOLERANCE, atol=_TOLERANCE, max_step=0.5
        )
        if not solved.success:
            raise ValueError(f"w changes too fast for the integration: {solved.message}")
        state = solved.y[:, -1].tolist()
        path.append(np.vstack([solved.t, solved.y]))
    return _summary(model, np.hstack(path), d)


def guided_condensation(
    alpha: float, w: float, ratio: float, method: str = "flow", between: float = 1.0
) -> float:
    """Noise variance t* at which the own class takes over under guidance of constant w.

    It is the first zero of f_own − f_oth on the path of infinitely many classes: at w = 0 t_C
    of `class_condensation`, for α → 0 about s²(1 + 2w)/2α.

    Parameters
    ----------
    alpha : log K/d, positive.
    w : a number, at least 0.
    ratio, method, between : as for `guided_mean_field`.

    Returns
    -------
    t*, 0 if it never does.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(guided_condensation(0.4, 3.0, 0.2), 3)
    5.315
    """
    model = _model(alpha, ratio, between)
    choice("method", method, METHODS)
    w = number("w", w, low=0, high=math.inf, open_high=True)

    def advantage(log_v: float) -> float:
        v = math.exp(log_v)
        a, R = guided_moments(v / (v + model.between), w, method)
        return model.advantage(float(a), float(R) * v, v)

    highest = math.log(100 * model.between * (1 + 2 * w) * (1 + 1 / alpha) + 100 * model.within)
    grid = np.linspace(highest, math.log(model.within), 400).tolist()
    for high, low in pairwise(grid):
        if advantage(low) >= 0:
            return math.exp(brentq(advantage, low, high, xtol=1e-13)) - model.within
    return 0.0


def guided_power_law(
    ratio: float, omega: float, exponent: float = 0.9, method: str = "flow"
) -> tuple[float, float]:
    """a and R under `guidance.PowerLawGuidance` with infinitely many classes, d → ∞.

    The weight is then w = ω d^{k/2} q^k, q² = s²[1/v − as²/v(v + s²)]² + V[s²/v(v + s²)]².

    Parameters
    ----------
    ratio : r, in (0, 1).
    omega : ω d^{k/2} in units of s² = 1, not negative.
    exponent : k, not negative.
    method : "flow" or "sde".

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> a, R = guided_power_law(0.2, 1.0)
    >>> round(a, 3), round(R, 3)
    (1.166, 0.359)
    """
    model = _model(1.0, ratio, 1.0)
    choice("method", method, METHODS)
    omega = number("omega", omega, low=0, high=_MOST)
    exponent = number("exponent", exponent, low=0, high=math.inf, open_high=True)
    sde = float(method == "sde")
    kappa = (1 + sde) / 2

    def slope(x: float, state: np.ndarray) -> list[float]:
        v, a = math.exp(-x), float(state[0])
        V, far = math.exp(state[1] - x), v / (v + 1)
        q = math.hypot((1 - a / (v + 1)) / v, math.sqrt(V) / (v * (v + 1)))
        weight = omega * q**exponent
        return [
            kappa * (-(1 + weight) * (a - 1) + weight * a * far),
            1 - 2 * kappa * (1 + weight - weight * far) + sde * v / V,
        ]

    span = (-math.log(_START), -math.log(model.within))
    solved = solve_ivp(slope, span, [1.0, 0.0], "LSODA", rtol=_TOLERANCE, atol=_TOLERANCE)
    return float(solved.y[0, -1]), float(math.exp(solved.y[1, -1]))


@dataclass(frozen=True)
class _Classes:
    """Free energies of the classes, per dimension."""

    alpha: float
    within: float
    between: float
    annealed: bool

    def advantage(self, a: float, V: float, v: float) -> float:
        """f_own − f_oth at x = aμ + √V z."""
        own = ((1 - a) ** 2 * self.between + V) / v  # −2 f_own − log v
        Q = a**2 * self.between + V
        if self.annealed or self.information(Q, v) <= self.alpha:
            total = v + self.between
            return (math.log(total / v) + Q / total - own) / 2 - self.alpha
        frozen = self._condensed(Q, v)
        rest = self.alpha - math.log1p(self.between / frozen) / 2 - Q / (frozen + self.between) / 2
        return -own / 2 - frozen / v * rest

    def information(self, Q: float, v: float) -> float:
        """KL(Q, v), above α where the others are frozen."""
        total = self.between + v
        return (math.log1p(self.between / v) + self.between * (Q - total) / total**2) / 2

    def _condensed(self, Q: float, v: float) -> float:
        high = 2 * v
        while self.information(Q, high) > self.alpha:
            high *= 2
        return float(brentq(lambda one: self.information(Q, one) - self.alpha, v, high))


def _model(alpha: float, ratio: float, between: float, annealed: bool = False) -> _Classes:
    load, r = positive("alpha", alpha), positive("ratio", ratio)
    if r >= 1:
        raise ValueError(f"ratio must lie in (0, 1), got {r:g}")
    unit = positive("between", between)
    return _Classes(load, unit * r / (1 - r), unit, flag("annealed", annealed))


def _stretches(schedule: GuidanceSchedule, within: float, first: float) -> list[float]:
    """Ends of the stretches to integrate, in −log v: w may jump between them."""
    last = -math.log(within)
    jumps = (-math.log(within + sigma**2) for sigma in getattr(schedule, "breaks", ()))
    low = -math.log(first)
    return [low, *sorted(x for x in jumps if low < x < last), last]


def _summary(model: _Classes, path: np.ndarray, d: float) -> MeanField:
    """The result of a path (x, a, log V/v)."""
    x, a, log_ratio = path
    v = np.exp(-x)
    V = np.exp(log_ratio) * v
    points = list(zip(a.tolist(), V.tolist(), v.tolist(), strict=True))
    ahead = np.array([model.advantage(*point) for point in points])
    frozen = [model.information(p[0] ** 2 * model.between + p[1], p[2]) for p in points]
    first = int(np.argmax(ahead > 0)) if (ahead > 0).any() else 0
    condensed = 0.0
    if first > 0:
        part = -ahead[first - 1] / (ahead[first] - ahead[first - 1])
        condensed = math.exp(-(x[first - 1] + part * (x[first] - x[first - 1]))) - model.within
    return MeanField(
        overlap=float(a[-1]),
        ratio=float(math.exp(log_ratio[-1])),
        dominance=float(expit(d * ahead[-1])),
        condensation=condensed,
        frozen=bool(((np.array(frozen) > model.alpha) & (ahead < 0)).any()),
    )
