r"""Guidance schedules: the extra weight w as a function of the noise level σ.

A schedule is any function w(σ) of one positive number, σ in signal units (for the
Ornstein–Uhlenbeck time s, σ² = e^{2s} − 1: `OU().noise_level`). w = 0 is the conditional
model, w = −1 the unconditional one; scales written s or "guidance_scale" are s = 1 + w.

    Constant         w
    Interval         w for low < σ ≤ high, else 0             (Kynkäänniemi et al., 2404.07724)
    Progressive      a shape of the progress p, of mean w     (Wang et al., 2404.13040)
    Clamped          max(least, another schedule)
    Window           w outside, `inside` ≥ −1 for low < σ ≤ high; with low = 0 a step
    LinearWindow     w0 + ωσ², −1 ≤ w0, ω > 0                 (arXiv 2602.00716)

Progress runs from 0 at the largest noise level to 1 at the data, evenly in log(width² + σ²).
For exact Gaussian classes of one isotropic covariance, every schedule that is nowhere negative
shrinks the variance; a negative window near the data restores it
(`diffusion.theory.guided_moments`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from diffusion import _checks

GuidanceSchedule = Callable[[float], float]
Weight = float | GuidanceSchedule

_SHAPES: dict[str, Callable[[float, float], float]] = {  # of mean 1 over p in [0, 1]
    "power": lambda p, k: (1 + k) * p**k,
    "inverse-linear": lambda p, _: 2 * (1 - p),
    "cosine": lambda p, _: 1 - math.cos(math.pi * p),
    "sine": lambda p, _: 1 + math.cos(math.pi * p),
    "v": lambda p, _: 2 * abs(1 - 2 * p),
    "lambda": lambda p, _: 2 * (1 - abs(1 - 2 * p)),
    "powered-cosine": lambda p, k: (1 - math.cos(math.pi * p**k)) / 2,
}
SHAPES = tuple(_SHAPES)


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
        _level(sigma)
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
        return self.w if self.low < _level(sigma) <= self.high else 0.0


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
        return self.inside if self.low < _level(sigma) <= self.high else self.w


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
        return min(self.w0 + self.omega * _level(sigma) ** 2, self.largest)


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
class Progressive:
    """w times a shape of the progress p from the largest noise level to the data.

    Shapes, all but the last of mean 1: "power" (1 + k)p^k (k = 1: linear), "inverse-linear"
    2(1 − p), "cosine" 1 − cos πp, "sine" 1 + cos πp, "v" 2|1 − 2p|, "lambda"
    2(1 − |1 − 2p|), "powered-cosine" (1 − cos πp^k)/2.

    Parameters
    ----------
    shape : one of `SHAPES`.
    w : its mean, finite.
    start : largest noise level, positive.
    width : see the head of the module, positive.
    exponent : k, positive.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> linear = Progressive("power", 3.0, start=100.0, width=0.5)
    >>> linear(100.0), linear(0.0)
    (0.0, 6.0)
    """

    shape: str
    w: float
    start: float
    width: float
    exponent: float = 1.0
    breaks: ClassVar[tuple[float, ...]] = ()

    def __post_init__(self) -> None:
        _checks.choice("shape", self.shape, SHAPES)
        positive = {
            name: _checks.positive(name, getattr(self, name))
            for name in ("start", "width", "exponent")
        }
        _checks.settle(self, w=_checks.finite("w", self.w), **positive)

    def progress(self, sigma: float) -> float:
        """p at a noise level, 0 from `start` upwards, 1 at the data."""
        whole = math.log1p((self.start / self.width) ** 2)
        return max(0.0, 1 - math.log1p((_level(sigma) / self.width) ** 2) / whole)

    def __call__(self, sigma: float) -> float:
        return self.w * _SHAPES[self.shape](self.progress(sigma), self.exponent)


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


def cfg_plus_plus(levels: Sequence[float], strength: float) -> GuidanceSchedule:
    """CFG++ as a schedule for method "euler" on exactly these noise levels.

    CFG++ denoises to D_u + λ(D_c − D_u) and adds the unconditional noise again. That is a DDIM
    step of scale λσ_n/(σ_n − σ_{n+1}) (Chung et al., 2406.08070). So guidance grows with the
    number of steps, and the scale is never negative.

    Parameters
    ----------
    levels : noise levels of the sampler, falling.
    strength : λ, not negative.

    Raises
    ------
    ValueError : λ negative, levels that do not fall; from the schedule: another noise level.

    Examples
    --------
    >>> cfg_plus_plus([2.0, 1.0, 0.0], strength=0.75)(2.0)  # scale 0.75·2/(2 − 1)
    0.5
    """
    strength = _checks.number("strength", strength, low=0, high=math.inf, open_high=True)
    given = [float(level) for level in _checks.several("levels", levels)]
    steps = list(pairwise(given))
    if not steps or not all(high > low >= 0 for high, low in steps):
        raise ValueError(f"levels must fall, two at least, the last not negative, got {given}")
    following = dict(steps)

    def schedule(sigma: float) -> float:
        if sigma not in following:
            raise ValueError(f"sigma must be one of the {len(following)} levels, got {sigma:g}")
        return strength * sigma / (sigma - following[sigma]) - 1

    return schedule


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
    sigma = _level(sigma)
    value = schedule(sigma)
    try:
        weight = _checks.real("w", value)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        got = _checks.shown(value)
        raise ValueError(f"w must be a finite number at every noise level, got {got} at {sigma:g}")
    return weight


def _level(sigma: float) -> float:
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
