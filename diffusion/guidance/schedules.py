r"""Guidance schedules: the extra weight w as a function of the noise level σ.

A schedule is any function w(σ) of one positive number, σ in signal units (for the
Ornstein–Uhlenbeck time s, σ² = e^{2s} − 1: `OU().noise_level`). w = 0 is the conditional
model, w = −1 the unconditional one; scales written s or "guidance_scale" are s = 1 + w.

    Constant         w
    Interval         w for low < σ ≤ high, else 0             (Kynkäänniemi et al., 2404.07724)
    Clamped          max(least, another schedule)
    Window           w outside, `inside` ≥ −1 for low < σ ≤ high; with low = 0 a step
    LinearWindow     w0 + ωσ², −1 ≤ w0, ω > 0                 (arXiv 2602.00716)

Shapes of the progress of a run stand in `diffusion.guidance.progress`, weights step by step in
`diffusion.guidance.steps`. For exact Gaussian classes of one isotropic covariance, every schedule
that is nowhere negative shrinks the variance; a negative window near the data restores it
(`diffusion.theory.guided_moments`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from diffusion import _checks

GuidanceSchedule = Callable[[float], float]
Weight = float | GuidanceSchedule


def extra_weight(scale: float) -> float:
    """w = s − 1 of a guidance scale s, the convention of Stable Diffusion, Imagen and EDM.

    Parameters
    ----------
    scale : s, finite; 1 is the conditional model.

    Raises
    ------
    ValueError : a scale that is not finite.

    Examples
    --------
    >>> extra_weight(7.5)
    6.5
    """
    return _checks.finite("scale", scale) - 1


@dataclass(frozen=True)
class Constant:
    """The same w at all noise levels.

    Parameters
    ----------
    w : extra weight, finite.

    Raises
    ------
    ValueError : a w that is not finite.

    Examples
    --------
    >>> Constant(3.0)(0.5)
    3.0
    """

    w: float
    breaks: ClassVar[tuple[float, ...]] = ()

    def __post_init__(self) -> None:
        _checks.settle(self, w=_checks.finite("w", self.w, "a finite number or a schedule"))

    def __call__(self, sigma: float) -> float:
        level_of(sigma)
        return self.w


@dataclass(frozen=True)
class Interval:
    """w for low < σ ≤ high, else 0.

    Parameters
    ----------
    w : extra weight inside, finite.
    low : its lower end, at least 0.
    high : its upper end, above `low` and finite.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> limited = Interval(7.0, low=0.28, high=5.42)
    >>> limited(0.28), limited(1.0), limited(6.0)
    (0.0, 7.0, 0.0)
    """

    w: float
    low: float
    high: float

    def __post_init__(self) -> None:
        low, high = _interval(self.low, self.high)
        _checks.settle(self, w=_checks.finite("w", self.w), low=low, high=high)

    @property
    def breaks(self) -> tuple[float, ...]:
        """Noise levels at which w jumps."""
        return (self.low, self.high)

    def __call__(self, sigma: float) -> float:
        return self.w if self.low < level_of(sigma) <= self.high else 0.0


@dataclass(frozen=True)
class Window:
    """w outside, `inside` for low < σ ≤ high: a negative window, with low = 0 a last step.

    Parameters
    ----------
    w : extra weight outside of the window, finite.
    high : its upper end, above `low` and finite.
    inside : extra weight in the window, at least −1: less would extrapolate beyond the
        unconditional model.
    low : its lower end, at least 0.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> step = Window(3.0, high=1.33)
    >>> step(2.0), step(1.0)
    (3.0, -1.0)
    """

    w: float
    high: float
    inside: float = -1.0
    low: float = 0.0

    def __post_init__(self) -> None:
        low, high = _interval(self.low, self.high)
        inside = _at_least_minus_one("inside", self.inside)
        _checks.settle(self, w=_checks.finite("w", self.w), low=low, high=high, inside=inside)

    @property
    def breaks(self) -> tuple[float, ...]:
        """Noise levels at which w jumps."""
        return (self.low, self.high)

    def __call__(self, sigma: float) -> float:
        return self.inside if self.low < level_of(sigma) <= self.high else self.w


@dataclass(frozen=True)
class LinearWindow:
    """w0 + ωσ², at most `largest`: positive at large noise, negative near the data if w0 < 0.

    Under the flow the variance goes to 0 like σ_T^{−2ω s²} as the first noise level σ_T grows
    (s²: the variance of the class centres). Bound w by `largest`, or use the SDE.

    Parameters
    ----------
    w0 : at least −1.
    omega : ω, positive.
    largest : bound of w, above w0.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> LinearWindow(-0.5, 2.0)(1.0)
    1.5
    """

    w0: float
    omega: float
    largest: float = math.inf

    def __post_init__(self) -> None:
        _checks.settle(
            self,
            w0=_at_least_minus_one("w0", self.w0),
            omega=_checks.positive("omega", self.omega),
            largest=_checks.real("largest", self.largest),
        )
        if not self.largest > self.w0:
            raise ValueError(f"largest must be above w0 = {self.w0}, got {self.largest}")

    @property
    def breaks(self) -> tuple[float, ...]:
        """Where the bound sets in, a kink."""
        bound = (self.largest - self.w0) / self.omega
        return (math.sqrt(bound),) if math.isfinite(bound) else ()

    def __call__(self, sigma: float) -> float:
        return min(self.w0 + self.omega * level_of(sigma) ** 2, self.largest)


def variance_preserving(within: float) -> LinearWindow:
    """w = −½ + σ²/(2·within): R = 1 exactly under the SDE, for any class centres.

    The overlap 1/(1 − r) is the largest that any w ≥ −1 reaches under the SDE.

    Parameters
    ----------
    within : variance within a class, positive.

    Raises
    ------
    ValueError : within not positive.

    Examples
    --------
    >>> variance_preserving(0.25)
    LinearWindow(w0=-0.5, omega=2.0, largest=inf)
    """
    return LinearWindow(-0.5, 1 / (2 * _checks.positive("within", within)))


@dataclass(frozen=True)
class Clamped:
    """max(least, schedule).

    Parameters
    ----------
    schedule : another schedule w(σ).
    least : its lower bound, finite.

    Raises
    ------
    ValueError : a bound that is not finite.

    Examples
    --------
    >>> Clamped(Constant(0.5), least=1.0)(2.0)
    1.0
    """

    schedule: GuidanceSchedule
    least: float

    def __post_init__(self) -> None:
        _checks.function("schedule", self.schedule, "a schedule w(σ)")
        _checks.settle(self, least=_checks.finite("least", self.least))

    @property
    def breaks(self) -> tuple[float, ...]:
        """Noise levels at which the schedule jumps."""
        return tuple(getattr(self.schedule, "breaks", ()))

    def __call__(self, sigma: float) -> float:
        return max(self.least, weight_at(self.schedule, sigma))


def as_schedule(w: Weight) -> GuidanceSchedule:
    """The schedule itself, or a number as the constant one.

    Parameters
    ----------
    w : a number, or a function w(σ) of the noise level.

    Raises
    ------
    ValueError : neither, or a number that is not finite.

    Examples
    --------
    >>> as_schedule(2)
    Constant(w=2.0)
    """
    return w if callable(w) and not isinstance(w, type) else Constant(w)  # type: ignore[arg-type]


def weight_at(schedule: GuidanceSchedule, sigma: float) -> float:
    """The weight at a noise level, checked.

    Parameters
    ----------
    schedule : a function w(σ).
    sigma : noise level.

    Raises
    ------
    ValueError : the schedule returned something that is not a finite number.

    Examples
    --------
    >>> weight_at(lambda sigma: 2 * sigma, 0.5)
    1.0
    """
    _checks.function("schedule", schedule, "a schedule w(σ)")
    sigma = level_of(sigma)
    value = schedule(sigma)
    try:
        weight = _checks.real("w", value)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        got = _checks.shown(value)
        raise ValueError(f"w must be a finite number at every noise level, got {got} at {sigma:g}")
    return weight


def level_of(sigma: float) -> float:
    """A noise level, also 0: that of the data."""
    return sigma if type(sigma) is float else _checks.number("sigma", sigma, low=0)


def _interval(low: float, high: float) -> tuple[float, float]:
    ends = _checks.real("low", low), _checks.real("high", high)
    if not 0 <= ends[0] < ends[1] < math.inf:
        raise ValueError(f"low and high must be noise levels 0 ≤ low < high, got {low} and {high}")
    return ends


def _at_least_minus_one(name: str, value: float) -> float:
    number = _checks.real(name, value)
    if not -1 <= number < math.inf:
        raise ValueError(
            f"{name} must be at least −1 (the unconditional model) and finite, got {number}"
        )
    return number
