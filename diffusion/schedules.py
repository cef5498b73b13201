r"""Schedules: time t → (α_t, σ_t), with x_t = α_t x₀ + σ_t z and z standard normal.

Any schedule is a relabelling of one family of noised densities: with the noise level
σ = σ_t/α_t in signal units, x_t/α_t = x₀ + σz, so that the denoiser of a schedule is
D(x_t/α_t, σ) (Karras et al. 2022). `noise_level` and `time` go from t to σ and back.

    VE       α = 1,          σ_t = t
    OU       α = e^{−t},     σ_t = sqrt(1 − e^{−2t}),   σ² = e^{2t} − 1   (variance preserving)
    Cosine   α = cos(πt/2),  σ_t = sin(πt/2),           t in [0, 1)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from diffusion import _checks


class Schedule(ABC):
    """A forward process. Times are numbers or tensors; results are float64 tensors.

    Examples
    --------
    >>> ou = OU()
    >>> round(float(ou.time(ou.noise_level(0.7))), 12)
    0.7
    """

    end: ClassVar[float] = math.inf  # times lie in [0, end)

    def alpha(self, time: float | Tensor) -> Tensor:
        """Signal scale α_t.

        Parameters
        ----------
        time : number or tensor, in [0, end).

        Raises
        ------
        ValueError : a time outside [0, end).
        """
        return self._alpha(self._time(time))

    def sigma(self, time: float | Tensor) -> Tensor:
        """Noise scale σ_t.

        Parameters
        ----------
        time : number or tensor, in [0, end).

        Raises
        ------
        ValueError : a time outside [0, end).
        """
        return self._sigma(self._time(time))

    def noise_level(self, time: float | Tensor) -> Tensor:
        """Noise level σ_t/α_t in signal units.

        Parameters
        ----------
        time : number or tensor, in [0, end).

        Raises
        ------
        ValueError : a time outside [0, end).
        """
        t = self._time(time)
        return self._sigma(t) / self._alpha(t)

    def time(self, noise_level: float | Tensor) -> Tensor:
        """The time at which the noise level has a given value.

        Parameters
        ----------
        noise_level : number or tensor, at least 0 and finite.

        Raises
        ------
        ValueError : a noise level outside its range.
        """
        level = _checks.tensor("noise_level", noise_level, double=True).double()
        if not ((level >= 0) & torch.isfinite(level)).all():
            worst = float(level.min() if bool((level < 0).any()) else level.max())
            raise ValueError(f"noise_level must be at least 0 and finite, got {worst:g}")
        return self._inverse(level)

    def _time(self, time: float | Tensor) -> Tensor:
        t = _checks.tensor("time", time, double=True).double()
        if not ((t >= 0) & (t < self.end)).all():
            raise ValueError(f"time must lie in [0, {self.end:g}), got {float(t.min()):g}")
        return t

    @abstractmethod
    def _alpha(self, t: Tensor) -> Tensor: ...

    @abstractmethod
    def _sigma(self, t: Tensor) -> Tensor: ...

    @abstractmethod
    def _inverse(self, level: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class VE(Schedule):
    """Variance exploding: the time is the noise level."""

    def _alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def _sigma(self, t: Tensor) -> Tensor:
        return t

    def _inverse(self, level: Tensor) -> Tensor:
        return level


@dataclass(frozen=True)
class OU(Schedule):
    """Ornstein–Uhlenbeck, dX = −X dt + √2 dW: variance preserving for unit-variance data."""

    def _alpha(self, t: Tensor) -> Tensor:
        return torch.exp(-t)

    def _sigma(self, t: Tensor) -> Tensor:
        return torch.sqrt(-torch.expm1(-2 * t))

    def _inverse(self, level: Tensor) -> Tensor:
        return torch.log1p(level**2) / 2


@dataclass(frozen=True)
class Cosine(Schedule):
    """The cosine schedule of Nichol & Dhariwal (2021), without its offset."""

    end: ClassVar[float] = 1.0

    def _alpha(self, t: Tensor) -> Tensor:
        return torch.cos(math.pi * t / 2)

    def _sigma(self, t: Tensor) -> Tensor:
        return torch.sin(math.pi * t / 2)

    def _inverse(self, level: Tensor) -> Tensor:
        return 2 / math.pi * torch.atan(level)
