r"""What a scheduler of diffusers says of its network: when it is asked, and what it predicts.

A scheduler noises x₀ to α_t x₀ + σ_t z, which at σ = σ_t/α_t is α_t y of y = x₀ + σz. From the
network's answer at the time of σ comes the posterior mean D:

    alphas_cumprod ᾱ, α² = ᾱ, σ = sqrt((1 − ᾱ)/ᾱ), at a continuous timestep, found from log σ by
    linear interpolation between the whole ones

        epsilon        D = y − σ ε          (Ho et al., arXiv 2006.11239)
        v_prediction   D = α² y − α σ v     (Salimans & Ho, arXiv 2202.00512)
        sample         D itself

    flow matching, (1 − s) x₀ + s z with s = σ/(1 + σ), at the timestep s T

        velocity       D = (1 − s) y − s v  (Lipman et al., arXiv 2210.02747)

    EDM schedulers bring their own preconditioning (Karras et al., arXiv 2206.00364)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from diffusion import _checks

PREDICTIONS = ("epsilon", "v_prediction", "sample")
FLOW = "flow_prediction"
_NO_SIGNAL = 2**-24  # ᾱ that diffusers puts in place of 0

Ask = Callable[[Tensor, Tensor], Tensor]  # (noised images, times (B,)) → the network's answer


class Noising(Protocol):
    """How a network is asked. noise_range : least and largest σ that it knows."""

    noise_range: tuple[float, float]

    def mean(self, images: Tensor, sigma: Tensor, column: Tensor, ask: Ask) -> Tensor:
        """D of images y at σ (B,), which is also given as a column to multiply with."""


def noising_of(scheduler: Any) -> Noising:
    """The kind of a scheduler. Raises ValueError for one that is none of these."""
    config = getattr(scheduler, "config", None)
    prediction = getattr(config, "prediction_type", None)
    if hasattr(scheduler, "precondition_outputs"):
        return _Preconditioned(scheduler, prediction)
    if prediction == FLOW or "FlowMatch" in type(scheduler).__name__:
        return _Flow(config)
    if hasattr(scheduler, "alphas_cumprod"):
        return _VariancePreserving(scheduler, prediction)
    raise ValueError(
        "scheduler must have alphas_cumprod, as DDPMScheduler does, or be an EDM or a flow "
        f"matching scheduler, got {type(scheduler).__name__}"
    )


class _Preconditioned:
    """An EDM scheduler."""

    def __init__(self, scheduler: Any, prediction: Any) -> None:
        _checks.choice("prediction_type", prediction, PREDICTIONS[:2])
        self.scheduler = scheduler
        self.noise_range = (float(scheduler.config.sigma_min), float(scheduler.config.sigma_max))

    def mean(self, images: Tensor, sigma: Tensor, column: Tensor, ask: Ask) -> Tensor:
        scaled = self.scheduler.precondition_inputs(images, column)
        answer = ask(scaled, self.scheduler.precondition_noise(sigma.to(images)))
        mean: Tensor = self.scheduler.precondition_outputs(images, answer, column)
        return mean


class _Flow:
    """A flow matching scheduler; its shift is a matter of the steps, not of the network."""

    def __init__(self, config: Any) -> None:
        if getattr(config, "invert_sigmas", False):
            raise ValueError("scheduler must count noise upwards, got one with invert_sigmas")
        self.steps = _checks.whole("num_train_timesteps", getattr(config, "num_train_timesteps", 0))
        if self.steps < 2:
            raise ValueError(f"num_train_timesteps must be at least 2, got {self.steps}")
        self.noise_range = (1 / (self.steps - 1), float(self.steps - 1))

    def mean(self, images: Tensor, sigma: Tensor, column: Tensor, ask: Ask) -> Tensor:
        noise, signal = column / (1 + column), 1 / (1 + column)
        return signal * images - noise * ask(signal * images, self.steps * sigma / (1 + sigma))


class _VariancePreserving:
    """A scheduler with `alphas_cumprod`."""

    def __init__(self, scheduler: Any, prediction: Any) -> None:
        self.prediction = _checks.choice("prediction_type", prediction, PREDICTIONS)
        zero = bool(getattr(scheduler.config, "rescale_betas_zero_snr", False))
        self.log_levels = _log_levels(scheduler.alphas_cumprod, without_last=zero)
        self.noise_range = (float(self.log_levels[0].exp()), float(self.log_levels[-1].exp()))

    def mean(self, images: Tensor, sigma: Tensor, column: Tensor, ask: Ask) -> Tensor:
        alpha = (1 / (1 + sigma.square()).sqrt()).to(images).reshape(column.shape)
        answer = ask(alpha * images, self._timestep(sigma))
        if self.prediction == "epsilon":
            return images - column * answer
        if self.prediction == "v_prediction":
            return alpha * (alpha * images - column * answer)
        return answer

    def _timestep(self, sigma: Tensor) -> Tensor:
        """The timestep of each σ (B,), log σ linear between the whole ones."""
        table, wanted = self.log_levels.to(sigma.device), sigma.log()
        above = torch.searchsorted(table, wanted).clamp(1, len(table) - 1)
        low, high = table[above - 1], table[above]
        return above - 1 + (wanted - low) / (high - low)


def _log_levels(alphas_cumprod: Any, *, without_last: bool) -> Tensor:
    """log σ of each timestep that has signal. Raises ValueError."""
    every = torch.as_tensor(alphas_cumprod).detach().cpu().double()
    signal = every[: int((every > 0).sum())]
    if 1 < len(signal) == len(every):
        before, last = signal[-2:].tolist()
        if last <= _NO_SIGNAL and (without_last or last >= before):
            signal = signal[:-1]
    levels = ((1 - signal) / signal).log() / 2
    if len(levels) < 2 or not (torch.isfinite(levels).all() and (levels.diff() > 0).all()):
        raise ValueError("scheduler must have alphas_cumprod that fall from below 1")
    return levels
