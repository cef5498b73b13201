r"""Density of guided samples, and samples of the density that guidance is thought to sample.

Let h = p_c^{1+w} p_u^{−w} at noise variance v = σ², with the w of that level. Both p solve the
heat equation; so with Δs = s_c − s_u and

    C = −½ ∫ w(1 + w)|Δs|² dv + ∫ log(p_c/p_u) dw,      v from the data to the start σ_T,

    flow   log ρ(x) = log h(x) − log h_T(x_T) + log ρ_T(x_T) + C     at each point, in any d
    SDE    started from h_T/Z_T, the weights e^{−C} of its paths turn its samples into samples of
           h/Z, and their mean is Z/Z_T

with no divergence to compute (after arXiv 2607.19725; derived here). A jump of w at v_j, from w₋
below it to w₊ above, adds (w₊ − w₋) log(p_c/p_u) there. h is what guidance would sample if it
sampled the product; C says by how much it does not. For −1 < w < 0 its sign turns.

The weights of paths are an average of Jarzynski's kind: at large w few paths make up the mean.
Always read the effective sample size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Seed
from diffusion._results import Result
from diffusion.guidance.guided import GuidedDenoiser
from diffusion.guidance.schedules import weight_at
from diffusion.samplers import sample
from diffusion.schedules import VE

LEAST_SHARE = 0.05  # effective sample size, in samples, below which a mean says nothing
_NEAR = 1e-3  # what stands for a level 0, in units of the level before it
_OVER = torch.tensor(  # ∫ f dw of quadratics through the start, the middle and the end of a step
    [[-1 / 2, 2 / 3, -1 / 6], [-2 / 3, 0.0, 2 / 3], [1 / 6, -2 / 3, 1 / 2]], dtype=torch.float64
)


@dataclass(frozen=True, repr=False)
class WeightedSamples(Result):
    """Samples of the guided SDE, and the weights that make them samples of p_c^{1+w} p_u^{−w}."""

    samples: Tensor  # (B, d)
    log_weights: Tensor  # (B,), of e^{−C}

    @property
    def effective(self) -> float:
        """Effective sample size (Σ weights)²/Σ weights², 1 to B."""
        log = self.log_weights
        return float(torch.exp(2 * torch.logsumexp(log, 0) - torch.logsumexp(2 * log, 0)))

    @property
    def log_ratio(self) -> float:
        """log Z/Z_T, from the mean of the weights: too low where the effective size is small."""
        return float(torch.logsumexp(self.log_weights, 0)) - math.log(len(self.log_weights))

    def mean(self, function: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Mean of a function of the samples under p_c^{1+w} p_u^{−w}.

        Parameters
        ----------
        function : samples (B, d) → (B,) or (B, m); None: the samples themselves.

        Returns
        -------
        () or (m,), float64.

        Raises
        ------
        ValueError : an effective sample size below 5 % of the samples, or another shape.
        """
        share = self.effective / len(self.log_weights)
        if share < LEAST_SHARE:
            raise ValueError(
                f"samples must have an effective size of {LEAST_SHARE:.0%} of them or more for a "
                f"mean, got {share:.2%}: take a smaller w"
            )
        found = self.samples
        if function is not None:
            _checks.function("function", function, "a function of the samples, or None")
            found = _checks.tensor("function(samples)", function(self.samples))
        if found.ndim not in (1, 2) or len(found) != len(self.log_weights):
            raise ValueError(
                f"function must return ({len(self.log_weights)}, …), got {tuple(found.shape)}"
            )
        return torch.softmax(self.log_weights, 0) @ found.double()

    def __repr__(self) -> str:
        count, d = self.samples.shape
        return (
            f"WeightedSamples({count} in {d} dimensions: effective size {self.effective:.4g}, "
            f"log Z/Z_T = {self.log_ratio:.4g})"
        )


@torch.no_grad()
def guided_log_density(
    guided: GuidedDenoiser, x: Tensor, levels: Sequence[float] | Tensor
) -> Tensor:
    """log ρ of the samples of a guided flow, at given points.

    The points are followed back to the first noise level, where the flow starts from p_u.

    Parameters
    ----------
    guided : of two models with `score(x, sigma)` and `log_density(x, sigma)`, such as Gaussian
        mixtures, also with a condition per row of `x`.
    x : (B, d), points at the last level.
    levels : noise levels, falling; a 0 at the end stands for 10⁻³ of the level before it. Take
        `noise_levels(start, steps, width, jumps=guided.w.breaks)`; the error falls like steps⁻⁴.

    Returns
    -------
    (B,), float64.

    Raises
    ------
    ValueError : models without densities, x not (B, d) or not finite, or levels that do not fall.

    Examples
    --------
    >>> from diffusion import GaussianMixtureDenoiser, noise_levels
    >>> mixture = GaussianMixtureDenoiser(torch.tensor([[-1.0], [1.0]]).double(), 0.5)
    >>> guided = GuidedDenoiser(mixture.condition(1), mixture, w=3.0)
    >>> x = torch.linspace(-5, 9, 500, dtype=torch.float64)[:, None]
    >>> density = guided_log_density(guided, x, noise_levels(30.0, 100, width=0.7)).exp()
    >>> round(float(torch.trapezoid(density, x[:, 0])), 4)  # p_c^4/p_u^3 has another integral
    1.0
    """
    models = _models(guided)
    path = _path(levels)[::-1]
    y = _checks.points("x", x).double()
    low = _terms(models, guided, y, path[0])
    log_density, correction = low.log_power, torch.zeros_like(low.log_power)
    for a, b in pairwise(path):
        y, middle, high = _followed(models, guided, low, y, a, b)
        three = torch.stack([low.log_ratio, middle.log_ratio, high.log_ratio], 1)
        weights = torch.tensor([low.w, middle.w, high.w], dtype=torch.float64, device=y.device)
        correction += three @ (_OVER.to(y.device) @ weights)
        correction -= (low.rate + 4 * middle.rate + high.rate) * ((b**2 - a**2) / 6)
        low = high
    start = models[1].log_density(y, path[-1]).double()
    return log_density - low.log_power + start + correction


@torch.no_grad()
def power_samples(
    guided: GuidedDenoiser,
    x: Tensor,
    levels: Sequence[float] | Tensor,
    log_weights: Tensor | None = None,
    seed: Seed = None,
) -> WeightedSamples:
    """Samples of p_c^{1+w} p_u^{−w}: those of the guided SDE, weighted by their paths.

    Parameters
    ----------
    guided, levels : as for `guided_log_density`; the error falls like steps⁻².
    x : (B, d) at the first level, drawn from h_T/Z_T; or from any other density q, with
    log_weights : (B,) of them, log h_T(x) − log q(x). None: all alike.
    seed : int, torch.Generator or None.

    Returns
    -------
    WeightedSamples, at the last level.

    Raises
    ------
    ValueError : as for `guided_log_density`, no point, or log_weights that are not (B,) and finite.

    Examples
    --------
    >>> from diffusion import GaussianMixtureDenoiser, noise_levels
    >>> own = GaussianMixtureDenoiser(torch.ones(1, 1).double(), 1.0)
    >>> whole = GaussianMixtureDenoiser(torch.zeros(1, 1).double(), 2.0)
    >>> guided = GuidedDenoiser(own, whole, w=1.0)  # own²/whole: N(4/3, 2/3)
    >>> start, levels = 9.0, noise_levels(9.0, 60, width=1.0)
    >>> x = start * torch.randn(4000, 1, generator=torch.Generator().manual_seed(0)).double()
    >>> q = GaussianMixtureDenoiser(torch.zeros(1, 1).double(), start**2 - 1e-3)
    >>> log_h = 2 * own.log_density(x, start) - whole.log_density(x, start)
    >>> found = power_samples(guided, x, levels, log_h - q.log_density(x, 1e-3**0.5), seed=1)
    >>> bool(abs(found.mean() - 4 / 3) < 0.1)
    True
    """
    models, path = _models(guided), _path(levels)
    y = _checks.points("x", x).double()
    if len(y) == 0:
        raise ValueError(f"x must hold at least one point, got shape {tuple(y.shape)}")
    log = torch.zeros(len(y), dtype=torch.float64, device=y.device)
    if log_weights is not None:
        log = _checks.tensor("log_weights", log_weights).detach().double().to(y.device)
        if log.shape != y.shape[:1] or not torch.isfinite(log).all():
            raise ValueError(
                f"log_weights must be finite numbers ({len(y)},), got {_checks.shown(log_weights)}"
            )
    above, high = path[0], _terms(models, guided, y, path[0])

    def watch(level: float, points: Tensor) -> None:
        nonlocal log, above, high
        low = _terms(models, guided, points, level)
        log = log + (high.rate + low.rate) * ((above**2 - level**2) / 2)
        log = log - (high.w - low.w) * (high.log_ratio + low.log_ratio) / 2
        above, high = level, low

    ends = sample(guided, y, VE(), "stochastic-heun", levels=path, seed=seed, watch=watch)
    return WeightedSamples(ends, log)


@dataclass(frozen=True)
class _Terms:
    """What both densities say of points at a noise level."""

    w: float
    slope: Tensor  # (B, d) dx/dv of the flow, −s/2
    rate: Tensor  # (B,) ½ w(1 + w)|Δs|²
    log_ratio: Tensor  # (B,) log p_c/p_u
    log_power: Tensor  # (B,) log h


def _terms(models: tuple[Any, Any], guided: GuidedDenoiser, x: Tensor, sigma: float) -> _Terms:
    w = weight_at(guided.w, sigma)
    own, whole = (model.score(x, sigma).double() for model in models)
    log_own, log_whole = (model.log_density(x, sigma).double() for model in models)
    rate = w * (1 + w) / 2 * (own - whole).square().sum(1)
    ratio = log_own - log_whole
    return _Terms(w, _slope(own, whole, w), rate, ratio, log_own + w * ratio)


def _slope(own: Tensor, whole: Tensor, w: float) -> Tensor:
    """dx/dv of the flow, of both scores."""
    return -torch.lerp(own, whole, -w) / 2


def _followed(
    models: tuple[Any, Any], guided: GuidedDenoiser, low: _Terms, x: Tensor, a: float, b: float
) -> tuple[Tensor, _Terms, _Terms]:
    """A step of the flow from level a up to b (Runge–Kutta in v), and the terms on its way."""
    span, half = b**2 - a**2, math.sqrt((a**2 + b**2) / 2)

    def slope(at: Tensor, sigma: float) -> Tensor:
        own, whole = (model.score(at, sigma).double() for model in models)
        return _slope(own, whole, weight_at(guided.w, sigma))

    k1 = low.slope
    k2 = slope(x + span / 2 * k1, half)
    k3 = slope(x + span / 2 * k2, half)
    k4 = slope(x + span * k3, b)
    end = x + span / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    high = _terms(models, guided, end, b)
    inside = (x + end) / 2 + span / 8 * (k1 - high.slope)  # cubic through both ends
    return end, _terms(models, guided, inside, half), high


def _models(guided: Any) -> tuple[Any, Any]:
    _checks.instance("guided", guided, GuidedDenoiser)
    models = guided.conditional, guided.unconditional
    for name, model in zip(("conditional", "unconditional"), models, strict=True):
        if not (hasattr(model, "log_density") and hasattr(model, "score")):
            raise ValueError(
                f"guided must have a {name} model with score and log_density, "
                f"got {type(model).__name__}"
            )
    return models


def _path(levels: Sequence[float] | Tensor) -> list[float]:
    """Positive levels, falling, the last of them near 0 where 0 was given."""
    given = _checks.falling(levels)
    return given if given[-1] else [*given[:-1], _NEAR * given[-2]]
