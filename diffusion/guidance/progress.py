r"""Guidance schedules that follow the progress p of a run, whatever its noise levels are.

Progress runs from 0 at the largest noise level to 1 at the data, evenly in log(width² + σ²).

    Progressive   one of seven shapes                                 (Wang et al., 2404.13040)
    Triangle      2wp/peak up to the peak, 2w(1 − p)/(1 − peak) after it  (after 2509.22007)
    Exponential   wL e^{Lp}/(e^L − 1), growing towards the data for L > 0  (after 2603.08155)

All but "powered-cosine" have the mean w over p. None of them, with w ≥ 0, keeps the variance:
along the flow R = r^w̄, with the mean of w over log u in place of that over p
(`diffusion.theory.mean_weight`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from diffusion import _checks
from diffusion.guidance.schedules import level_of

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
_ENDS = ("start", "width")
_STEEPEST = 300.0  # rate beyond which e^L is hardly a number


class _OfProgress:
    """What all of them have: the noise levels between which progress is made."""

    w: float
    start: float
    width: float

    def _settle(self, **others: float) -> None:
        positive = {name: _checks.positive(name, getattr(self, name)) for name in _ENDS}
        _checks.number("start/width", positive["start"] / positive["width"], low=1e-100, high=1e100)
        _checks.settle(self, w=_checks.finite("w", self.w), **positive, **others)

    def progress(self, sigma: float) -> float:
        """p at a noise level, 0 from `start` upwards, 1 at the data."""
        level = level_of(sigma)
        if level >= self.start:
            return 0.0
        whole = math.log1p((self.start / self.width) ** 2)
        return max(0.0, 1 - math.log1p((level / self.width) ** 2) / whole)


@dataclass(frozen=True)
class Progressive(_OfProgress):
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
        self._settle(exponent=_checks.positive("exponent", self.exponent))

    def __call__(self, sigma: float) -> float:
        return self.w * _SHAPES[self.shape](self.progress(sigma), self.exponent)


@dataclass(frozen=True)
class Triangle(_OfProgress):
    """w times a triangle of mean 1: rising to twice that at p = peak, then falling to 0.

    Parameters
    ----------
    w : its mean, finite.
    start : largest noise level, positive.
    width : see the head of the module, positive.
    peak : progress at which guidance is strongest, in (0, 1); ½ is the shape "lambda".

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> early = Triangle(3.0, start=100.0, width=0.5, peak=0.25)
    >>> early(100.0), round(early(13.0), 1), early(0.0)
    (0.0, 4.9, 0.0)
    """

    w: float
    start: float
    width: float
    peak: float = 0.5

    def __post_init__(self) -> None:
        peak = _checks.number("peak", self.peak, low=0, high=1, open_low=True, open_high=True)
        self._settle(peak=peak)

    @property
    def breaks(self) -> tuple[float, ...]:
        """The noise level of the peak, a kink."""
        rest = (1 - self.peak) * math.log1p((self.start / self.width) ** 2)
        return (self.width * math.sqrt(math.expm1(rest)),)

    def __call__(self, sigma: float) -> float:
        p = self.progress(sigma)
        return 2 * self.w * min(p / self.peak, (1 - p) / (1 - self.peak))


@dataclass(frozen=True)
class Exponential(_OfProgress):
    """w times an exponential of mean 1 in the progress: wL e^{Lp}/(e^L − 1).

    Parameters
    ----------
    w : its mean, finite.
    start : largest noise level, positive.
    width : see the head of the module, positive.
    rate : L, between −300 and 300: above 0 guidance grows towards the data, below it decays,
        and 0 is the constant w.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> late = Exponential(3.0, start=100.0, width=0.5, rate=2.0)
    >>> round(late(100.0), 3), round(late(0.0), 3)
    (0.939, 6.939)
    """

    w: float
    start: float
    width: float
    rate: float = 1.0
    breaks: ClassVar[tuple[float, ...]] = ()

    def __post_init__(self) -> None:
        self._settle(rate=_checks.number("rate", self.rate, low=-_STEEPEST, high=_STEEPEST))

    def __call__(self, sigma: float) -> float:
        p, rate = self.progress(sigma), self.rate
        if rate == 0:
            return self.w
        return self.w * rate * math.exp(rate * p) / math.expm1(rate)
