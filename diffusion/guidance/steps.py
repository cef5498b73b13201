r"""Guidance step by step: weights of the n steps of a sampler, not of noise levels.

    PerStep         weight k on (σ_{k+1}, σ_k], for all that step k asks of the denoiser
    cfg_plus_plus   scale λσ_k/(σ_k − σ_{k+1}) of step k             (Chung et al., 2406.08070)

The second stage of a Heun step asks at σ_{k+1}, where the weight of the next step begins. So
`sample` asks a guided denoiser for itself `during` a step.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from diffusion import _checks
from diffusion.guidance.schedules import Constant, GuidanceSchedule, extra_weight, level_of

_RUN = re.compile(r"(\d+)x([^x+]+)", re.ASCII)
_MOST = 10**6  # steps of a text


@dataclass(frozen=True)
class PerStep:
    """One weight per step: weight k from noise level k down to noise level k + 1.

    As a schedule it is constant in pieces: w(σ) is weight k on (σ_{k+1}, σ_k], the first above
    all levels, the last at and below the lowest.

    Parameters
    ----------
    weights : (n,) extra weights, finite.
    levels : (n + 1,) noise levels of the sampler, falling, the last not negative.

    Raises
    ------
    ValueError : another number of weights than of steps, a weight that is not finite, or levels
        that do not fall; on a step that crosses one of the levels: that step.

    Examples
    --------
    >>> steps = PerStep([4.0, -1.0], levels=[2.0, 1.0, 0.0])
    >>> steps(2.0), steps(1.0), steps.during(2.0, 1.0)
    (4.0, -1.0, Constant(w=4.0))
    """

    weights: tuple[float, ...]
    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        levels = tuple(_checks.falling(self.levels))
        given = _checks.several("weights", self.weights)
        weights = tuple(_checks.finite("weights", one, "finite numbers") for one in given)
        if len(weights) != len(levels) - 1:
            raise ValueError(
                f"weights must be one per step, {len(levels) - 1} for {len(levels)} levels, "
                f"got {len(weights)}"
            )
        _checks.settle(self, weights=weights, levels=levels)

    @property
    def breaks(self) -> tuple[float, ...]:
        """Noise levels at which w jumps."""
        return self.levels[-2:0:-1]

    def __call__(self, sigma: float) -> float:
        return self.weights[self._step(level_of(sigma))]

    def during(self, high: float, low: float) -> Constant:
        """The weight of a step from noise level `high` to `low`.

        Parameters
        ----------
        high, low : noise levels of one step; a last one to 0 may cross others, since it asks
            the denoiser at `high` alone.

        Raises
        ------
        ValueError : a step that crosses a level.
        """
        step, last = self._step(level_of(high)), level_of(low)
        end = self.levels[step + 1]
        if 0 < last < end:
            raise ValueError(
                f"levels must be those of the weights, got a step from {high:g} to {last:g} "
                f"across {end:g}"
            )
        return Constant(self.weights[step])

    def _step(self, sigma: float) -> int:
        """The step of a noise level: the k with σ_{k+1} < σ ≤ σ_k."""
        above = sum(level >= sigma for level in self.levels)
        return min(max(above, 1), len(self.weights)) - 1


def step_scales(text: str) -> list[float]:
    """Extra weights of a text of guidance scales, "10x5.0+20x7.5": 10 steps of 5, 20 of 7.5.

    Scales s are as in Stable Diffusion: w = s − 1, so that 1 is the conditional model and 0 the
    unconditional one. A negative window at the end of 50 steps is "30x4+20x0".

    Parameters
    ----------
    text : runs COUNTxSCALE, joined by +.

    Returns
    -------
    One extra weight per step, for `PerStep`.

    Raises
    ------
    ValueError : a text of another form, or a scale that is not finite.

    Examples
    --------
    >>> step_scales("1x5.0+2x7.5")
    [4.0, 6.5, 6.5]
    """
    runs = [_RUN.fullmatch(run) for run in text.split("+")] if isinstance(text, str) else [None]
    try:
        found = [(int(run[1]), float(run[2])) for run in runs if run]
    except ValueError:
        found = []
    if len(found) != len(runs) or not all(0 < count <= _MOST for count, _ in found):
        raise ValueError(
            "text must be runs COUNTxSCALE joined by +, such as 10x5.0+20x7.5, "
            f"got {_checks.shown(text)}"
        )
    return [extra_weight(scale) for count, scale in found for _ in range(count)]


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
    following = dict(pairwise(_checks.falling(levels)))

    def schedule(sigma: float) -> float:
        if sigma not in following:
            raise ValueError(f"sigma must be one of the {len(following)} levels, got {sigma:g}")
        return strength * sigma / (sigma - following[sigma]) - 1

    return schedule
