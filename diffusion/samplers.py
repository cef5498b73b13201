r"""Samplers: from noise, or from a noised point, back to data.

Each sampler is written once, in the variance-exploding view y = x_t/α_t, σ = σ_t/α_t, on
a geometric grid of noise levels, or on one that is given. One step from σ = a to b < a:

    euler            y ← D + (b/a)(y − D)                          flow dy/dσ = (y − D)/σ; DDIM
    heun             the same flow, trapezoidal (order 2)
    sde              y ← D + (b/a)²(y − D) + b sqrt(1 − b²/a²) z   reverse SDE (ancestral step)
    stochastic-heun  reverse SDE dy = (D − y)/σ² d(−σ²) + dW, trapezoidal in σ² with the same
                     noise in both stages (weak order 2)
    ancestral        a draw ξ^μ ~ w(y, a) for the D of sde: exact at any number of steps

(Karras et al. 2022, algorithm 1; Ho et al. 2020; Song et al. 2021). A last step to b = 0
replaces y by the denoiser, or the draw. With η = 1 − b/a an Euler step is the damped
Hopfield update y ← (1 − η) y + η D(y).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Seed
from diffusion._modules import at_least_single, evaluation
from diffusion.denoisers import DenoiserLike, noise_range
from diffusion.flat import answering, rows_like
from diffusion.schedules import Schedule

METHODS = ("euler", "heun", "sde", "stochastic-heun", "ancestral")
_LAST = 1e-3  # last positive noise level of a run to 0, in units of the first,
_FINEST = 1e-2  # or this, if that is less
_JUMPED = 1 + 1e-9  # the upper side of a jump of the denoiser, or of the end of its range
_BELOW_WIDTH = 1e-3  # last positive level of `noise_levels`, in widths of the data


@torch.no_grad()
def sample(
    denoiser: DenoiserLike,
    x: Tensor,
    schedule: Schedule,
    method: str = "heun",
    steps: int = 50,
    start: float | None = None,
    stop: float = 0.0,
    seed: Seed = None,
    *,
    levels: Sequence[float] | Tensor | None = None,
    watch: Callable[[float, Tensor], object] | None = None,
) -> Tensor:
    """Follow the reverse process from time `start` to time `stop`.

    Parameters
    ----------
    denoiser : D(x, sigma), (B, d) → (B, d); "ancestral" also needs its
        `posterior_sample(x, sigma, seed)`, which exact denoisers of finite data have. One that
        has weights of steps, such as a guided one, says by `during(high, low)` what it is in
        the step between two levels.
    x : (B, d) at time `start`, in the coordinates x_t = α_t x₀ + σ_t z.
    schedule : VE(), OU(), Cosine() or another Schedule.
    method : "euler" (DDIM), "heun", "sde", "stochastic-heun" or "ancestral"; see the head
        of the module.
    steps : number of steps, at least 1.
    start : time of `x`, above `stop`.
    stop : time of the result, at least 0. With stop = 0 the last of several steps goes to
        clean data from 10⁻³ of the first noise level, or from 0.01 if that is less: fine
        enough for data with entries of order one. If the denoiser's `noise_range` ends above
        that level, the last step starts from that end. On the way to a time below that end the
        denoiser is asked at the end itself.
    seed : int, torch.Generator or None; used by all but "euler" and "heun".
    levels : noise levels σ to step through, falling, the last may be 0; instead of `steps`,
        `start` and `stop`. x is then at the time of the first. See `noise_levels`.
    watch : called after each step with the noise level σ that was reached and the points
        y = x_t/α_t there, (B, d), which it must not change.

    Returns
    -------
    (B, d) at time `stop`, like `x`, which is left untouched.

    Raises
    ------
    ValueError : a wrong shape, an unknown method, start ≤ stop, neither or both of `start`
        and `levels`, levels that do not fall, or "ancestral" with a denoiser that has no
        `posterior_sample`.

    Examples
    --------
    >>> from diffusion import EmpiricalDenoiser, OU
    >>> data = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    >>> sample(EmpiricalDenoiser(data), torch.tensor([[0.3, 0.2]]), OU(), start=1.0)
    tensor([[1., 0.]])
    """
    asked = answering(denoiser)
    x = _checks.points("x", x)
    _checks.instance("schedule", schedule, Schedule)
    _checks.choice("method", method, METHODS)
    if watch is not None:
        _checks.function("watch", watch, "a function of σ and the points, or None")
    steps = _checks.whole("steps", steps)
    stop = _checks.number("stop", stop, low=0)
    if levels is not None:
        if start is not None:
            raise ValueError(f"start must be left out where levels are given, got {start}")
        path = _checks.falling(levels)
        start, stop = (float(schedule.time(level)) for level in (path[0], path[-1]))
    else:
        given, start = start, math.nan if start is None else _checks.real("start", start)
        if not start > stop:
            raise ValueError(f"start must be a time above stop = {stop}, got {given}")
        _checks.number("start", start, low=0, high=schedule.end, open_high=True)
        first, last = (float(schedule.noise_level(time)) for time in (start, stop))
        if not math.isfinite(first):
            raise ValueError(f"start must be a time that leaves some signal, got {start}")
        path = geometric_levels(first, last, steps, noise_range(denoiser)[0])
    if method == "ancestral" and not hasattr(denoiser, "posterior_sample"):
        raise ValueError(
            "method 'ancestral' needs a denoiser with posterior_sample, "
            f"got {type(denoiser).__name__}; use method 'sde'"
        )
    generator = _checks.generator_from(seed, "sample", x.device)
    y = x.to(at_least_single(x.dtype)) / float(schedule.alpha(start))
    advance = _STEPS[method]
    with evaluation(denoiser):
        for a, b in pairwise(path):
            own = answering(asked.during(a, b)) if hasattr(asked, "during") else asked
            limited = own if method == "ancestral" else _within(own, path[0])
            y = advance(limited, y, a, b, generator)
            if watch is not None:
                watch(b, y)
    return (y * float(schedule.alpha(stop))).to(x)


def noise_levels(
    start: float, steps: int, width: float, jumps: Sequence[float] = ()
) -> list[float]:
    """Noise levels for data of a known width: σ_k = width·sinh z_k with z_k evenly spaced.

    Far above the width they are geometric, below it evenly spaced. So the path of smooth data
    is smooth in k down to σ = 0, and the samplers keep their order. They are meant for the
    argument `levels` of `sample`.

    Parameters
    ----------
    start : largest noise level, positive.
    steps : number of steps, at least 2. The last one goes to 0 from 10⁻³ widths, or from half
        of the level before if that is less: it is the denoiser alone.
    width : standard deviation of the narrowest structure that must be resolved, positive.
    jumps : noise levels at which the denoiser is discontinuous, such as those at which
        guidance is switched: a level is added on either side, so that no step crosses them.

    Returns
    -------
    `steps` + 1 levels, and two more per jump below `start`, falling from `start` to 0.

    Raises
    ------
    ValueError : start or width not positive and finite, steps below 2, or a jump that is NaN.

    Examples
    --------
    >>> [round(level, 4) for level in noise_levels(100.0, 4, width=0.5)]
    [100.0, 13.5675, 1.8081, 0.0005, 0.0]
    """
    start, width = _checks.positive("start", start), _checks.positive("width", width)
    jumps = _checks.several("jumps", jumps)
    top, count = math.asinh(start / width), _checks.whole("steps", steps, low=2) - 1
    if any(math.isnan(jump) for jump in jumps):
        raise ValueError("jumps must be noise levels, got NaN")
    inner = [width * math.sinh(top * (1 - k / count)) for k in range(1, count)]
    last = min(_BELOW_WIDTH * width, (inner[-1] if inner else start) / 2)
    sides = [s for jump in jumps for s in (jump, jump * _JUMPED) if last < jump * _JUMPED < start]
    return [start, *sorted({*inner, *sides}, reverse=True), last, 0.0]


def noise_to(x: Tensor, schedule: Schedule, time: float, seed: Seed = None) -> Tensor:
    """Forward noising x_t = α_t x + σ_t z.

    Parameters
    ----------
    x : (B, d) clean points.
    schedule : VE(), OU(), Cosine() or another Schedule.
    time : t in [0, schedule.end).
    seed : int, torch.Generator or None.

    Returns
    -------
    (B, d), a new tensor like `x`.

    Raises
    ------
    ValueError : x not (B, d), or a time outside the schedule.

    Examples
    --------
    >>> from diffusion import VE
    >>> noise_to(torch.zeros(1, 2), VE(), 0.0)
    tensor([[0., 0.]])
    """
    x = _checks.points("x", x)
    _checks.instance("schedule", schedule, Schedule)
    time = _checks.real("time", time)
    noise = _checks.normal_like(x, _checks.generator_from(seed, "noise_to", x.device))
    return float(schedule.alpha(time)) * x + float(schedule.sigma(time)) * noise


def uturn(
    denoiser: DenoiserLike,
    x: Tensor,
    schedule: Schedule,
    time: float,
    method: str = "heun",
    steps: int = 50,
    seed: Seed = None,
) -> Tensor:
    """Noise clean points up to `time` and run back to clean data.

    A flow ("euler", "heun") decodes the noised point; "sde" and "ancestral" draw from its
    posterior, and return to the starting point less often.

    Parameters
    ----------
    denoiser : as for `sample`.
    x : (B, d) clean points.
    schedule : VE(), OU(), Cosine() or another Schedule.
    time : turning time, above 0. From below the denoiser's `noise_range` the way back is one
        step, with the denoiser at the lower end of the range.
    method, steps, seed : as for `sample`.

    Returns
    -------
    (B, d) clean points.

    Raises
    ------
    ValueError : as for `sample` and `noise_to`.

    Examples
    --------
    >>> from diffusion import EmpiricalDenoiser, VE
    >>> data = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    >>> uturn(EmpiricalDenoiser(data), data, VE(), time=0.1, seed=0)[:, 0]
    tensor([-1.,  1.])
    """
    x = _checks.points("x", x)
    time = _checks.real("time", time)
    generator = _checks.generator_from(seed, "uturn", x.device)
    noised = noise_to(x, schedule, time, generator)
    if not time > 0:
        raise ValueError(f"time must be above 0, got {time}")
    least = noise_range(denoiser)[0]
    if float(schedule.noise_level(time)) < least:
        low = float(schedule.time(least))
        noised, time = noised * float(schedule.alpha(low) / schedule.alpha(time)), low
    return sample(denoiser, noised, schedule, method, steps, start=time, seed=generator)


def geometric_levels(first: float, last: float, steps: int, least: float = 0.0) -> list[float]:
    """The noise levels that `sample` steps through unless it is given others.

    Parameters
    ----------
    first : largest noise level, positive.
    last : smallest, from 0 to below `first`.
    steps : number of steps, at least 1.
    least : level below which the denoiser is not asked; the last step to 0 starts there, or above.

    Returns
    -------
    `steps` + 1 levels, or the two ends where `first` is the least level. They are geometric,
    except for a last step to 0.

    Examples
    --------
    >>> [round(level, 4) for level in geometric_levels(8.0, 1.0, 3)]
    [8.0, 4.0, 2.0, 1.0]
    """
    if last > 0:
        return [first * (last / first) ** (k / steps) for k in range(steps + 1)]
    if first <= least * _JUMPED:
        return [first, 0.0]
    smallest = max(min(_LAST, _FINEST / first), min(1.0, least / first))
    ratio = smallest ** (1 / max(1, steps - 1))
    return [first * ratio**k for k in range(steps)] + [0.0]


def _within(denoiser: DenoiserLike, start: float) -> DenoiserLike:
    """The denoiser, asked no lower than its `noise_range` allows in a run from inside of it."""
    least = noise_range(denoiser)[0]
    if not 0 < least <= start:
        return denoiser
    return lambda y, level: denoiser(y, max(level, least))


def _euler(denoiser: DenoiserLike, y: Tensor, a: float, b: float, _: object) -> Tensor:
    mean = denoiser(y, a)
    return torch.add(mean, y - mean, alpha=b / a)


def _heun(denoiser: DenoiserLike, y: Tensor, a: float, b: float, _: object) -> Tensor:
    slope = (y - denoiser(y, a)) / a
    ahead = y + (b - a) * slope
    if b == 0:
        return ahead
    return y + (b - a) * (slope + (ahead - denoiser(ahead, b)) / b) / 2


def _sde(
    denoiser: DenoiserLike, y: Tensor, a: float, b: float, generator: torch.Generator
) -> Tensor:
    return _bridge(y, denoiser(y, a), a, b, generator)


def _stochastic_heun(
    denoiser: DenoiserLike, y: Tensor, a: float, b: float, generator: torch.Generator
) -> Tensor:
    mean = denoiser(y, a)
    if b == 0:
        return mean
    span = a**2 - b**2
    noise = span**0.5 * _checks.normal_like(y, generator)
    drift = (mean - y) / a**2
    ahead = y + span * drift + noise
    return y + span * (drift + (denoiser(ahead, b) - ahead) / b**2) / 2 + noise


def _ancestral(denoiser: Any, y: Tensor, a: float, b: float, generator: torch.Generator) -> Tensor:
    drawn = rows_like(y, denoiser.posterior_sample(y, a, generator), "denoiser.posterior_sample")
    return _bridge(y, drawn, a, b, generator)


def _bridge(y: Tensor, clean: Tensor, a: float, b: float, generator: torch.Generator) -> Tensor:
    """A draw of the point at level b, given the point y at level a and the clean point."""
    ratio = (b / a) ** 2
    if b == 0:
        return clean
    return clean + ratio * (y - clean) + b * (1 - ratio) ** 0.5 * _checks.normal_like(y, generator)


_STEPS = {
    "euler": _euler,
    "heun": _heun,
    "sde": _sde,
    "stochastic-heun": _stochastic_heun,
    "ancestral": _ancestral,
}
