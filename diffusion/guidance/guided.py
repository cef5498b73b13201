r"""Guided denoisers: a conditional and an unconditional denoiser, combined into one.

    D = (1 + w) D_c − w D_u,   w = 0 conditional, w = −1 unconditional,

the same as for the scores (classifier-free guidance, Ho & Salimans 2022). Variants, with
d = D_c − D_u:

    autoguidance  D_u a weaker model of the same condition           (Karras et al., 2406.02507)
    projected     momentum and a bound on d, its part along D_c cut  (APG; Sadat et al., 2410.02416)
    CFG++         the constant kind with a schedule, `guidance.cfg_plus_plus`
    by the state  w depends on x too: `diffusion.guidance.rules`

Each answers for the noise levels that both denoisers answer for (`noise_range`).

Guidance does not sample the power p_c^{1+w} p_u^{−w}. The flow and the SDE sample neither that
nor the same density as each other.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Level
from diffusion.denoisers import Denoiser, DenoiserLike, noise_range
from diffusion.flat import answering
from diffusion.guidance.schedules import Weight, as_schedule, extra_weight, weight_at


class Pair(Denoiser):
    """A conditional and an unconditional denoiser of the same space."""

    def __init__(self, conditional: DenoiserLike, unconditional: DenoiserLike) -> None:
        sizes = []
        for name, model in (("conditional", conditional), ("unconditional", unconditional)):
            wanted = "a denoiser D(x, sigma), as `.condition(label)` of one with classes is"
            _checks.function(name, model, wanted)
            sizes.append(getattr(model, "dimension", None))
        if None not in sizes and sizes[0] != sizes[1]:
            raise ValueError(
                "conditional and unconditional must have one dimension, "
                f"got {sizes[0]} and {sizes[1]}"
            )
        self.conditional = answering(conditional, "conditional")
        self.unconditional = answering(unconditional, "unconditional")
        self.noise_range = noise_range(conditional, unconditional)
        self.dimension: Any = sizes[1] if sizes[0] is None else sizes[0]

    def _both(self, x: Tensor, sigma: Level) -> tuple[Tensor, Tensor]:
        """Both posterior means, (B, d), in the precision of the conditional one."""
        conditional = self.conditional(x, sigma)
        return conditional, self.unconditional(x, sigma).to(conditional)

    def _about(self) -> str:
        return f"conditional {type(self.conditional).__name__}, d={self.dimension}, {self._rule()}"

    def _rule(self) -> str:
        """What says how much guidance there is."""
        return f"w={getattr(self, 'w', None)}"


class GuidedDenoiser(Pair):
    """D = (1 + w)·conditional − w·unconditional.

    Parameters
    ----------
    conditional : denoiser D(x, sigma) of the wanted condition.
    unconditional : denoiser of the same space without it.
    w : extra weight, a number or a schedule w(σ) of the noise level (`diffusion.guidance`);
        `extra_weight` gives it from a scale s = 1 + w.

    Raises
    ------
    ValueError : a denoiser that cannot be called, dimensions that disagree, a w that is
        neither a finite number nor a function; on a call, a schedule that returns NaN.

    Examples
    --------
    >>> from diffusion import GaussianMixtureDenoiser
    >>> mixture = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5)
    >>> guided = GuidedDenoiser(mixture.condition(1), mixture, w=0.5)
    >>> guided(torch.tensor([[0.0]]), sigma=1.0)  # 1.5·0.6667 − 0.5·0
    tensor([[1.0000]])
    """

    def __init__(self, conditional: DenoiserLike, unconditional: DenoiserLike, w: Weight) -> None:
        super().__init__(conditional, unconditional)
        self.w = as_schedule(w)

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Guided posterior mean, (B, d). Arguments and errors as for the two denoisers."""
        x = _checks.points("x", x)
        weight = self._weights(x, sigma)
        if isinstance(weight, Tensor):
            conditional, unconditional = self._both(x, sigma)
            return (1 + weight) * conditional - weight * unconditional
        if weight == 0:
            return self.conditional(x, sigma)
        if weight == -1:
            return self.unconditional(x, sigma)
        return torch.lerp(*self._both(x, sigma), -weight)

    def during(self, high: float, low: float) -> GuidedDenoiser:
        """The denoiser of a sampler's step, where w has weights of steps (`PerStep`); else itself.

        Parameters
        ----------
        high, low : noise levels between which the step leads.

        Raises
        ------
        ValueError : a step that is none of those.
        """
        if not hasattr(self.w, "during"):
            return self
        return GuidedDenoiser(self.conditional, self.unconditional, self.w.during(high, low))

    def _weights(self, x: Tensor, sigma: Level) -> float | Tensor:
        """w, one number where the batch has one noise level, else (B, 1)."""
        level = _checks.noise_level(sigma, x)
        if isinstance(sigma, int | float):
            return weight_at(self.w, float(sigma))
        if level.stride(0) == 0 and len(x):  # one number for all rows
            return weight_at(self.w, float(level[0]))
        levels, where = level.squeeze(1).unique(return_inverse=True)
        weights = torch.tensor([weight_at(self.w, level) for level in levels.tolist()])
        return weights.to(x)[where, None]


def autoguided(model: DenoiserLike, weaker: DenoiserLike, scale: float) -> GuidedDenoiser:
    """Autoguidance: away from a weaker model of the same condition, D₀ + s(D₁ − D₀).

    Parameters
    ----------
    model : D₁.
    weaker : D₀, smaller or less trained.
    scale : s, finite; 1 is the model alone.

    Raises
    ------
    ValueError : as for `GuidedDenoiser`.

    Examples
    --------
    >>> autoguided(lambda x, sigma: 2 * x, lambda x, sigma: x, scale=3.0)(torch.ones(1, 1), 1.0)
    tensor([[4.]])
    """
    models = answering(model, "model"), answering(weaker, "weaker")
    return GuidedDenoiser(*models, extra_weight(scale))


class ProjectedGuidance(Pair):
    """Adaptive projected guidance: D_c + w(g_⊥ + η g_∥), with momentum and a bound on g.

    g ← d + β g_before, shortened to |g| ≤ ρ; g_∥ is its part along D_c. With ρ = ∞, β = 0
    and η = 1 it is `GuidedDenoiser`. The momentum is that of the last call. It is dropped when
    the noise level rises or the batch changes. So use it for one run at a time, with methods
    of one call per step ("euler", "sde").

    Parameters
    ----------
    conditional, unconditional : as for `GuidedDenoiser`.
    w : extra weight, finite.
    radius : ρ, positive.
    parallel : η, finite.
    momentum : β, |β| < 1.

    Raises
    ------
    ValueError : as for `GuidedDenoiser`, or a radius or momentum outside its range.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.0]])
    >>> unconditional = lambda x, sigma: 0 * x + torch.tensor([[0.5, 1.0]])
    >>> ProjectedGuidance(lambda x, sigma: x, unconditional, w=2.0)(x, 1.0)
    tensor([[ 1., -2.]])
    """

    conservative = False  # what is projected is no gradient

    def __init__(
        self,
        conditional: DenoiserLike,
        unconditional: DenoiserLike,
        w: float,
        radius: float = math.inf,
        parallel: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(conditional, unconditional)
        self.w = _checks.finite("w", w)
        self.radius = _checks.number("radius", radius, low=0, open_low=True)
        self.parallel = _checks.finite("parallel", parallel)
        self.momentum = _checks.number(
            "momentum", momentum, low=-1, high=1, open_low=True, open_high=True
        )
        self._last: tuple[float, Tensor] | None = None

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Guided posterior mean, (B, d). Arguments and errors as for the two denoisers."""
        conditional, unconditional = self._both(x, sigma)
        pull = conditional - unconditional
        if self.momentum:
            level = float(_checks.noise_level(sigma, x).max())
            if self._last and self._last[0] >= level and self._last[1].shape == pull.shape:
                pull = pull + self.momentum * self._last[1]
            self._last = level, pull
        if self.radius < math.inf:
            length = torch.linalg.vector_norm(pull, dim=1, keepdim=True)
            pull = pull * (self.radius / length.clamp(min=self.radius))
        axis = torch.nn.functional.normalize(conditional, dim=1)
        along = (pull * axis).sum(1, keepdim=True) * axis
        return conditional + self.w * (pull - along + self.parallel * along)
