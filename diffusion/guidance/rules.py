r"""Guidance whose weight depends on the point: s = s_c + φ(σ, r)(s_c − s_u), r = |s_c − s_u|.

    constant     φ = w: `GuidedDenoiser`
    Power        γ r^k, or γ (r/σ)^k: the rule γ [(1 − t) r/t]^k of flow matching, whose time
                 t = σ/(1 + σ) is 1 at the noise                          (arXiv 2502.07849)
    Capped       min(w, another rule)

r is that of the scores of x₀ + σz, in units of 1/x, and grows like √d. Any rule with r φ → 0 as
r → 0 leaves the conditional model alone where both models agree.

Feedback guidance has an exact target. If the conditional model is spoilt by the unconditional
one, p_c = (1 − π) p* + π p_u, then at every σ, with the ratio ρ = p_c/p_u at x and σ,

    w = π/(ρ − π)     gives     s_c + w(s_c − s_u) = s*

since p_c − π p_u, noised, is (1 − π) times p*, noised (rule: arXiv 2506.06085; this form is
derived here). So it distorts nothing, where a window or a constant w does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Level
from diffusion.denoisers import DenoiserLike
from diffusion.guidance.guided import Pair

GuidanceRule = Callable[[Tensor, Tensor], Tensor | float]


@dataclass(frozen=True)
class Power:
    """φ = γ r^k, or γ (r/σ)^k.

    Parameters
    ----------
    gamma : γ, finite.
    exponent : k, at least 0; 0 is the constant γ.
    over_noise : whether r is divided by σ, in signal units; see the head of the module.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> Power(2.0, exponent=2.0)(torch.tensor([0.5]), torch.tensor([3.0]))
    tensor([18.])
    """

    gamma: float
    exponent: float = 0.9
    over_noise: bool = False

    def __post_init__(self) -> None:
        exponent = _checks.number("exponent", self.exponent, low=0, high=math.inf, open_high=True)
        gamma, over = (
            _checks.finite("gamma", self.gamma),
            _checks.flag("over_noise", self.over_noise),
        )
        _checks.settle(self, gamma=gamma, exponent=exponent, over_noise=over)

    def __call__(self, sigma: Tensor, r: Tensor) -> Tensor:
        """Extra weight φ(σ, r), (B,)."""
        sigma, r = _checks.tensor("sigma", sigma), _checks.tensor("r", r)
        return self.gamma * (r / sigma if self.over_noise else r) ** self.exponent


@dataclass(frozen=True)
class Capped:
    """φ = min(w, another rule).

    Parameters
    ----------
    rule : φ(σ, r), both (B,).
    w : its upper bound, finite.

    Raises
    ------
    ValueError : a rule that cannot be called, or a bound that is not finite.

    Examples
    --------
    >>> Capped(Power(2.0, exponent=2.0), w=5.0)(torch.ones(2), torch.tensor([1.0, 3.0]))
    tensor([2., 5.])
    """

    rule: GuidanceRule
    w: float

    def __post_init__(self) -> None:
        _checks.function("rule", self.rule, "a function of σ and r")
        _checks.settle(self, w=_checks.finite("w", self.w))

    def __call__(self, sigma: Tensor, r: Tensor) -> Tensor:
        """Extra weight φ(σ, r), (B,)."""
        found = _weights(self.rule, _checks.tensor("sigma", sigma), _checks.tensor("r", r))
        return found.clamp(max=self.w)


class GeneralGuidance(Pair):
    """D_c + φ(σ, |s_c − s_u|)(D_c − D_u), for any rule φ.

    Parameters
    ----------
    conditional, unconditional : as for `GuidedDenoiser`.
    phi : rule φ(σ, r) → extra weight (B,), of σ (B,) in signal units and r (B,) in units of 1/x.

    Raises
    ------
    ValueError : as for `GuidedDenoiser`, or a phi that cannot be called; on a call, weights that
        are not finite or not (B,).

    Examples
    --------
    >>> from diffusion import GaussianMixtureDenoiser
    >>> mixture = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5)
    >>> guided = GeneralGuidance(mixture.condition(1), mixture, lambda sigma, r: 3 * r / (1 + r))
    >>> guided(torch.tensor([[0.0]]), sigma=1.0)  # (1 + 3·0.4)·0.6667
    tensor([[1.4667]])
    """

    conservative = False  # φ(|∇f|)∇f is no gradient in more than one dimension

    def __init__(
        self, conditional: DenoiserLike, unconditional: DenoiserLike, phi: GuidanceRule
    ) -> None:
        super().__init__(conditional, unconditional)
        _checks.function("phi", phi, "a function of σ and r")
        self.phi = phi

    def _rule(self) -> str:
        return f"φ={self.phi if isinstance(self.phi, Power | Capped) else _checks.shown(self.phi)}"

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Guided posterior mean, (B, d). Arguments and errors as for the two denoisers."""
        x = _checks.points("x", x)
        conditional, unconditional = self._both(x, sigma)
        level = _checks.noise_level(sigma, conditional).squeeze(1).to(conditional)
        r = torch.linalg.vector_norm(conditional - unconditional, dim=1) / level.square()
        r = torch.where(r > 0, r, r.detach())  # where both agree φ does not matter, nor its slope
        return torch.lerp(conditional, unconditional, -_weights(self.phi, level, r)[:, None])


class PowerLawGuidance(GeneralGuidance):
    """D_c + ω|s_c − s_u|^k (D_c − D_u): strong where the two scores differ.

    Parameters
    ----------
    conditional, unconditional : as for `GuidedDenoiser`.
    omega : ω, finite. |s_c − s_u| grows like √d: choose ω for each d.
    exponent : k, at least 0; 0 is constant guidance of w = ω.

    Raises
    ------
    ValueError : as for `GuidedDenoiser`, or a negative exponent.

    Examples
    --------
    >>> from diffusion import GaussianMixtureDenoiser
    >>> mixture = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5)
    >>> guided = PowerLawGuidance(mixture.condition(1), mixture, omega=2.0, exponent=1.0)
    >>> guided(torch.tensor([[0.0]]), sigma=1.0)  # (1 + 2·0.6667)·0.6667
    tensor([[1.5556]])
    """

    def __init__(
        self,
        conditional: DenoiserLike,
        unconditional: DenoiserLike,
        omega: float,
        exponent: float = 0.9,
    ) -> None:
        rule = Power(_checks.finite("omega", omega), exponent)
        super().__init__(conditional, unconditional, rule)
        self.omega, self.exponent = rule.gamma, rule.exponent


class FeedbackGuidance(Pair):
    """D_c + w(D_c − D_u) with w = π/(ρ − π): what is left of p_c without its share π of p_u.

    Parameters
    ----------
    conditional, unconditional : as for `GuidedDenoiser`; both with `log_density(x, sigma)`,
        unless the ratio is given. A condition per row is one too, `mixture.condition(labels)`.
    share : π, in [0, 1).
    largest : bound of w, not negative. Far from the class ρ → π and w → ∞; a model that is not
        exact may have ρ < π there.
    log_ratio : log p_c/p_u at the noise level, (x, sigma) → (B,), for models that know it
        otherwise, such as a classifier: log p(c|x)/p(c). None: from their densities.

    Raises
    ------
    ValueError : as for `GuidedDenoiser`, an argument outside its range, or models without
        densities; on a call, a ratio that is NaN or not (B,).

    Examples
    --------
    >>> from diffusion import GaussianMixtureDenoiser
    >>> whole = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5)
    >>> spoilt = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5, [0.1, 0.9])  # 0.8 class 1
    >>> x = torch.tensor([[0.4]])
    >>> FeedbackGuidance(spoilt, whole, share=0.2)(x, 1.0), whole.condition(1)(x, 1.0)
    (tensor([[0.8000]]), tensor([[0.8000]]))
    """

    def __init__(
        self,
        conditional: DenoiserLike,
        unconditional: DenoiserLike,
        share: float,
        largest: float = 1e6,
        log_ratio: Callable[[Tensor, Level], Tensor] | None = None,
    ) -> None:
        super().__init__(conditional, unconditional)
        self.share = _checks.number("share", share, low=0, high=1, open_high=True)
        self.largest = _checks.number("largest", largest, low=0, high=math.inf, open_high=True)
        if log_ratio is None:
            for name in ("conditional", "unconditional"):
                if not hasattr(getattr(self, name), "log_density"):
                    raise ValueError(
                        f"{name} must have log_density(x, sigma), or log_ratio be given, "
                        f"got {type(getattr(self, name)).__name__}"
                    )
        else:
            _checks.function("log_ratio", log_ratio, "a function of x and sigma, or None")
        self._given = log_ratio

    def _rule(self) -> str:
        return f"share={self.share:.4g}"

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Guided posterior mean, (B, d). Arguments and errors as for the two denoisers."""
        x = _checks.points("x", x)
        conditional, unconditional = self._both(x, sigma)
        weight = self.weights(x, sigma).to(conditional)[:, None]
        return torch.lerp(conditional, unconditional, -weight)

    def weights(self, x: Tensor, sigma: Level) -> Tensor:
        """Extra weight w of each point, (B,), float64. Arguments and errors as for a call."""
        x = _checks.points("x", x)
        left = torch.expm1(self._log_ratio(x, sigma)) + (1 - self.share)  # ρ − π
        if not self.share:
            return torch.zeros_like(left)
        weight = torch.where(left > 0, self.share / left, self.largest)
        return weight.clamp(max=self.largest)

    def _log_ratio(self, x: Tensor, sigma: Level) -> Tensor:
        if self._given is None:
            models: tuple[Any, Any] = self.conditional, self.unconditional
            own, whole = (model.log_density(x, sigma).double() for model in models)
            return own - whole
        found = _checks.tensor("log_ratio(x, sigma)", self._given(x, sigma)).double()
        if found.shape != x.shape[:1] or torch.isnan(found).any():
            raise ValueError(
                f"log_ratio(x, sigma) must be numbers ({len(x)},), got {_checks.shown(found)}"
            )
        return found.to(x.device)


def _weights(rule: GuidanceRule, sigma: Tensor, r: Tensor) -> Tensor:
    """The weights of a rule, one finite number per point."""
    r = r if r.is_floating_point() else r.to(torch.get_default_dtype())
    found = _checks.tensor("phi(sigma, r)", rule(sigma, r))
    if found.shape not in ((), r.shape) or not torch.isfinite(found).all():
        raise ValueError(
            f"phi(sigma, r) must be finite numbers ({len(r)},), got {_checks.shown(found)}"
        )
    return found.to(r).expand(r.shape)
