r"""Other people's models as denoisers D(x, σ) of flat rows.

A model of images (B, channels, height, width), or of any `shape`, has the conventions of its
library. The adapter takes x₀ + σz in signal units and returns the posterior mean, flat:

    ImageDenoiser      any callable D(images, sigma), sigma of (B,): the style of k-diffusion
                       and of the EDM networks (Karras et al., arXiv 2206.00364)
    DiffusersDenoiser  a diffusers network and its scheduler. With ᾱ_t its `alphas_cumprod`,
                       σ = sqrt((1 − ᾱ)/ᾱ) and α = 1/sqrt(1 + σ²), the network sees αx and

                           epsilon        D = x − σ ε          (Ho et al., arXiv 2006.11239)
                           v_prediction   D = α² x − α σ v     (Salimans & Ho, arXiv 2202.00512)
                           sample         D itself

                       at a continuous timestep, found from log σ by linear interpolation
                       between the whole ones. EDM schedulers bring their own preconditioning.
    AzulaDenoiser      an azula denoiser: the mean of its posterior at α_t x, at the time t in
                       [0, 1] where σ_t/α_t of its schedule is σ

Each has a range of noise levels, `noise_range`, and refuses σ outside it: samplers take
their last step from its lower end. None of the libraries is imported, except by
`DiffusersDenoiser.from_pretrained`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Level
from diffusion.denoisers import Denoiser

PREDICTIONS = ("epsilon", "v_prediction", "sample")
_ROUNDING = 1e-6  # relative, by which σ may leave the range: times in single precision
_PARTS = (
    64  # into which an interval of times is divided, again and again until it has no digits left
)


class _ForeignDenoiser(Denoiser):
    """Base of the adapters: shapes, the range of noise levels, dtype, device and gradients."""

    def __init__(
        self,
        model: Callable[..., Any],
        shape: Sequence[int],
        noise_range: tuple[float, float],
        inputs: dict[str, Any],
    ) -> None:
        self.model, self.inputs = model, inputs
        self.shape = tuple(_checks.whole("shape", size) for size in shape)
        if not self.shape:
            raise ValueError("shape must have at least one axis, got ()")
        self.dimension = math.prod(self.shape)
        low, high = (float(end) for end in noise_range)
        if not 0 <= low < high:
            raise ValueError(f"noise_range must rise from 0 or above, got ({low:g}, {high:g})")
        self.noise_range = (low, high)
        if isinstance(model, torch.nn.Module):
            model.eval()

    def _about(self) -> str:
        low, high = self.noise_range
        kind = type(self.model).__name__
        return f"{kind}, shape={self.shape}, noise_range=({low:.4g}, {high:.4g})"

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean E[x₀ | x₀ + σz = x] by the model.

        Parameters
        ----------
        x : (B, d), finite; d is the product of `shape`. It is converted to the precision of the
            model's weights.
        sigma : noise level, a number or (B,), in signal units, within `noise_range`.

        Returns
        -------
        (B, d), like `x`. Differentiable in x.

        Raises
        ------
        ValueError : x not (B, d) or not finite; sigma outside the range; a model that returns
            another shape, or numbers that are not finite.
        """
        x = _checks.points("x", x, dimension=self.dimension)
        level = self._within(_checks.noise_level(sigma, x))
        with torch.set_grad_enabled(torch.is_grad_enabled() and x.requires_grad):
            images = x.to(self._dtype(x)).reshape(-1, *self.shape)
            mean = self._mean(images, level.squeeze(1))
        name = type(self.model).__name__
        if mean.shape != images.shape:
            raise ValueError(
                f"{name} must return shape {tuple(images.shape)}, got {tuple(mean.shape)}"
            )
        total = mean.detach().sum(dtype=torch.float64)  # half precision ends at 65504
        if not torch.isfinite(total):
            raise ValueError(f"{name} must return finite numbers, got NaN or infinity")
        return mean.flatten(1).to(x)

    @abstractmethod
    def _mean(self, images: Tensor, sigma: Tensor) -> Tensor:
        """The posterior mean of images (B, *shape) at σ (B,), float64, within the range."""

    def _within(self, level: Tensor) -> Tensor:
        low, high = self.noise_range
        if not ((level >= low * (1 - _ROUNDING)) & (level <= high * (1 + _ROUNDING))).all():
            outside = level.min() if bool((level < low).any()) else level.max()
            raise ValueError(
                f"sigma must lie in [{low:g}, {high:g}], the noise levels of "
                f"{type(self.model).__name__}, got {float(outside):g}"
            )
        return level.clamp(low, high)

    def _dtype(self, x: Tensor) -> torch.dtype:
        """The precision of the model's weights, or of x where it has none."""
        weights = self.model.parameters() if isinstance(self.model, torch.nn.Module) else ()
        return next((w.dtype for w in weights if w.is_floating_point()), x.dtype)

    def _column(self, values: Tensor, images: Tensor) -> Tensor:
        """Numbers (B,), to be multiplied with the images."""
        return values.to(images).reshape(-1, *(1 for _ in self.shape))


class ImageDenoiser(_ForeignDenoiser):
    """Any callable D(images, sigma), as k-diffusion's wrappers and EDM networks are.

    Parameters
    ----------
    model : called as model(images, sigma, **inputs), with images (B, *shape) at noise level
        sigma (B,), both in the precision of its weights; returns the denoised images. A
        torch module is put into evaluation mode.
    shape : of one image, such as (channels, height, width); any number of axes.
    noise_range : least and largest σ of the model; None: its own `sigma_min` and
        `sigma_max` if it has them, otherwise all.
    inputs : further keyword arguments of the model, such as a class.

    Raises
    ------
    ValueError : a shape that is not of whole numbers, or a range that does not rise from 0.

    Examples
    --------
    >>> def gaussian(images, sigma):  # exact for pixels of N(0, 1)
    ...     return images / (1 + sigma**2)[:, None, None, None]
    >>> denoiser = ImageDenoiser(gaussian, shape=(1, 2, 2))
    >>> denoiser(torch.ones(1, 4), sigma=1.0)
    tensor([[0.5000, 0.5000, 0.5000, 0.5000]])
    """

    def __init__(
        self,
        model: Callable[..., Tensor],
        shape: Sequence[int],
        noise_range: tuple[float, float] | None = None,
        **inputs: Any,
    ) -> None:
        if noise_range is None:
            own = (getattr(model, "sigma_min", 0.0), getattr(model, "sigma_max", math.inf))
            noise_range = (float(own[0]), float(own[1]))
        super().__init__(model, shape, noise_range, inputs)

    def _mean(self, images: Tensor, sigma: Tensor) -> Tensor:
        return self.model(images, sigma.to(images), **self.inputs)


class DiffusersDenoiser(_ForeignDenoiser):
    """A network of diffusers with its scheduler.

    Parameters
    ----------
    model : UNet2DModel or a model that is called like it: model(images, timestep, **inputs).
        Its result has a `sample` of the images' shape, or of twice their channels where the
        scheduler's variance is learned (the variance is not used). It is put into evaluation
        mode. Timesteps are floats; at the noise levels of training they are whole.
    scheduler : with `alphas_cumprod` and a `prediction_type` (DDPMScheduler, DDIMScheduler
        and similar ones), or an EDM scheduler. Samples are not clipped: clipping is no part of
        the model. A last level without signal (zero terminal SNR) is outside the range.
    shape : of one image; None: by the model's configuration.
    inputs : further keyword arguments of the model, such as class_labels=torch.tensor([3]).

    Raises
    ------
    ValueError : an unknown prediction type, another kind of scheduler, or no shape.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> scheduler = SimpleNamespace(  # in place of DDPMScheduler()
    ...     alphas_cumprod=torch.tensor([0.9, 0.5, 0.1]),
    ...     config=SimpleNamespace(prediction_type="epsilon"),
    ... )
    >>> def network(images, timestep):  # exact for pixels of N(0, 1): ε = σx_t, here at ᾱ = 1/2
    ...     return images * 0.5**0.5
    >>> denoiser = DiffusersDenoiser(network, scheduler, shape=(1, 1, 2))
    >>> denoiser(torch.ones(1, 2), sigma=1.0)
    tensor([[0.5000, 0.5000]])
    """

    def __init__(
        self,
        model: Callable[..., Any],
        scheduler: Any,
        shape: Sequence[int] | None = None,
        **inputs: Any,
    ) -> None:
        self.scheduler = scheduler
        self._own = hasattr(scheduler, "precondition_outputs")
        config = scheduler.config if hasattr(scheduler, "config") else None
        prediction = getattr(config, "prediction_type", None)
        if self._own:
            _checks.choice("prediction_type", prediction, PREDICTIONS[:2])  # type: ignore[arg-type]
            noise_range = (float(config.sigma_min), float(config.sigma_max))  # type: ignore[union-attr]
        elif hasattr(scheduler, "alphas_cumprod"):
            self._prediction = _checks.choice("prediction_type", prediction, PREDICTIONS)  # type: ignore[arg-type]
            self._log_levels = _log_levels(scheduler.alphas_cumprod)
            noise_range = (float(self._log_levels[0].exp()), float(self._log_levels[-1].exp()))
        else:
            raise ValueError(
                "scheduler must have alphas_cumprod, as DDPMScheduler does, or be an EDM "
                f"scheduler, got {type(scheduler).__name__}"
            )
        self._learned = str(getattr(config, "variance_type", "")).startswith("learned")
        super().__init__(model, _shape_of(model) if shape is None else shape, noise_range, inputs)

    @classmethod
    def from_pretrained(cls, path: str, **inputs: Any) -> DiffusersDenoiser:
        """The denoiser of an unconditional diffusers pipeline.

        Weights are read from safetensors alone, never from a pickle.

        Parameters
        ----------
        path : a folder, or a name of the hub.
        inputs : further keyword arguments of the model.

        Raises
        ------
        ImportError : diffusers is not installed.
        ValueError : nothing readable there, or a pipeline without a `unet` and a `scheduler`.
        """
        try:
            from diffusers import DiffusionPipeline
        except (ImportError, RuntimeError) as error:  # RuntimeError: its own imports failed
            raise ImportError(
                f"reading {path} needs diffusers; pip install 'hopfield-diffusion[interop]' "
                f"({error})"
            ) from error
        try:
            pipeline = DiffusionPipeline.from_pretrained(path, use_safetensors=True)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"path: no diffusers pipeline could be read from {path}: {error}"
            ) from error
        if not (hasattr(pipeline, "unet") and hasattr(pipeline, "scheduler")):
            raise ValueError(
                "path must hold a pipeline with a unet and a scheduler, "
                f"got {type(pipeline).__name__}"
            )
        return cls(pipeline.unet, pipeline.scheduler, **inputs)

    def _mean(self, images: Tensor, sigma: Tensor) -> Tensor:
        level = self._column(sigma, images)
        if self._own:
            scaled = self.scheduler.precondition_inputs(images, level)
            noise = self.scheduler.precondition_noise(sigma.to(images))
            answer = self._answer(scaled, noise)
            return self.scheduler.precondition_outputs(images, answer, level)
        alpha = self._column(1 / (1 + sigma.square()).sqrt(), images)
        answer = self._answer(alpha * images, self._timestep(sigma).to(images))
        if self._prediction == "epsilon":
            return images - level * answer
        if self._prediction == "v_prediction":
            return alpha * (alpha * images - level * answer)
        return answer

    def _answer(self, images: Tensor, timestep: Tensor) -> Tensor:
        found = self.model(images, timestep, **self.inputs)
        found = found[0] if isinstance(found, tuple) else getattr(found, "sample", found)
        channels = images.shape[1]
        if self._learned and found.shape[1] == 2 * channels:
            found = found[:, :channels]
        return found

    def _timestep(self, sigma: Tensor) -> Tensor:
        """The timestep of each σ (B,), log σ linear between the whole ones."""
        table, wanted = self._log_levels.to(sigma.device), sigma.log()
        above = torch.searchsorted(table, wanted).clamp(1, len(table) - 1)
        low, high = table[above - 1], table[above]
        return above - 1 + (wanted - low) / (high - low)


class AzulaDenoiser(_ForeignDenoiser):
    """A denoiser of azula (Rozet et al.): its posterior mean, for any of its schedules.

    Parameters
    ----------
    model : azula.denoise.Denoiser, or a model called like it: model(x_t, t, **inputs) returns
        a posterior with its `mean`; `model.schedule(t)` returns (α_t, σ_t), with σ_t/α_t
        increasing for t in [0, 1]. Times are found by sectioning and passed in double
        precision, (B,), or () where all rows have one noise level. It is put into evaluation
        mode.
    shape : of one image, or (d,) for a model of flat rows.
    inputs : further keyword arguments of the model.

    Raises
    ------
    ValueError : a model without a schedule, or a schedule that does not increase.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> class Exact:  # in place of azula's KarrasDenoiser: pixels of N(0, 1)
    ...     def schedule(self, t):
    ...         return 1 - t, t + 0.01
    ...     def __call__(self, x_t, t):
    ...         alpha, sigma = self.schedule(t)
    ...         return SimpleNamespace(mean=alpha * x_t / (alpha**2 + sigma**2))
    >>> AzulaDenoiser(Exact(), shape=(2,))(torch.ones(1, 2), sigma=1.0)
    tensor([[0.5000, 0.5000]])
    """

    def __init__(self, model: Any, shape: Sequence[int], **inputs: Any) -> None:
        if not callable(getattr(model, "schedule", None)):
            raise ValueError(
                f"model must have a schedule, as azula's denoisers do, got {type(model).__name__}"
            )
        self._schedule = model.schedule
        ends = [float(self._log_level(torch.tensor(t, dtype=torch.float64))) for t in (0.0, 1.0)]
        if not ends[0] < ends[1]:
            raise ValueError(f"model must have a schedule of rising noise, got log σ/α {ends}")
        super().__init__(model, shape, (math.exp(ends[0]), math.exp(ends[1])), inputs)

    def _mean(self, images: Tensor, sigma: Tensor) -> Tensor:
        if len(sigma) and bool((sigma == sigma[:1]).all()):
            sigma = sigma[0]  # all that azula's analytical denoisers take
        t = self._time(sigma)
        alpha = self._column(self._schedule(t)[0], images)
        return self.model(alpha * images, t, **self.inputs).mean

    def _log_level(self, t: Tensor) -> Tensor:
        alpha, sigma = self._schedule(t)
        return (sigma / alpha).log()

    def _time(self, sigma: Tensor) -> Tensor:
        wanted, low, width = sigma.log(), torch.zeros_like(sigma), 1.0
        inner = torch.arange(1, _PARTS, device=sigma.device, dtype=sigma.dtype) / _PARTS
        while width > 2**-53:
            below = self._log_level(low[..., None] + width * inner) < wanted[..., None]
            width /= _PARTS
            low = low + width * below.sum(-1)
        return low + width / 2


def _log_levels(alphas_cumprod: Any) -> Tensor:
    """log σ of each timestep that has signal. Raises ValueError."""
    signal = torch.as_tensor(alphas_cumprod).detach().cpu().double()
    signal = signal[: int((signal > 0).sum())]
    levels = ((1 - signal) / signal).log() / 2
    if len(levels) < 2 or not (torch.isfinite(levels).all() and (levels.diff() > 0).all()):
        raise ValueError("scheduler must have alphas_cumprod that fall from below 1")
    return levels


def _shape_of(model: Any) -> tuple[int, ...]:
    """(channels, height, width) by the configuration of a diffusers model."""
    config = getattr(model, "config", None)
    channels, size = (getattr(config, name, None) for name in ("in_channels", "sample_size"))
    if channels is None or size is None:
        raise ValueError(
            "shape must be given for a model without in_channels and sample_size, got None"
        )
    return (channels, size, size) if isinstance(size, int) else (channels, *size)
