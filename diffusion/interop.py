r"""Other people's models as denoisers D(x, σ) of flat rows.

A model of images (B, channels, height, width), or of any `shape`, has the conventions of its
library. The adapter takes x₀ + σz in signal units and returns the posterior mean, flat:

    ImageDenoiser      any callable D(images, sigma), sigma of (B,): the style of k-diffusion
                       and of the EDM networks (Karras et al., arXiv 2206.00364)
    DiffusersDenoiser  a diffusers network and its scheduler, which says how it was noised and
                       what it predicts: noise, velocity or x₀ of a diffusion, the velocity of a
                       flow, or the preconditioned x₀ of EDM (`diffusion._noising`)
    AzulaDenoiser      an azula denoiser: the mean of its posterior at α_t x, at the time t in
                       [0, 1] where σ_t/α_t of its schedule is σ

Each has a range of noise levels, `noise_range`, and refuses σ outside it: samplers take
their last step from its lower end. A model is asked in evaluation mode and left as it was;
times and noise levels are in single precision or better, also where its weights are not. None
of the libraries is imported, except by `DiffusersDenoiser.from_pretrained`.

A torch module of flat rows needs no adapter: `diffusion.flat`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from diffusion import _checks, _modules, _pretrained
from diffusion._checks import Level
from diffusion._noising import noising_of
from diffusion.denoisers import Denoiser
from diffusion.latents import LatentSpace

_ROUNDING = 1e-6  # relative, by which σ may leave the range: times in single precision
_PARTS = 64  # of an interval of times, divided again and again until it has no digits left
_CLASSES = ("class_labels", "labels", "y")  # inputs of a model that may be one whole number


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
        self.shape = tuple(_checks.whole("shape", n) for n in _checks.several("shape", shape))
        if not self.shape:
            raise ValueError("shape must have at least one axis, got ()")
        self.dimension = math.prod(self.shape)
        ends = _checks.several("noise_range", noise_range)
        if len(ends) != 2 or not 0 <= ends[0] < ends[1]:
            raise ValueError(f"noise_range must rise from 0 or above, got {tuple(ends)}")
        low, high = map(float, ends)
        self.noise_range = (low, high)

    def _about(self) -> str:
        low, high = self.noise_range
        kind = type(self.model).__name__
        return f"{kind}, shape={self.shape}, noise_range=({low:.4g}, {high:.4g})"

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean E[x₀ | x₀ + σz = x] by the model.

        Parameters
        ----------
        x : (B, d), finite; d is the product of `shape`. It is converted to the precision of the
            model's weights, or to single precision where that is half.
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
        weight = _modules.weight_of(self.model)
        with (
            torch.set_grad_enabled(torch.is_grad_enabled() and x.requires_grad),
            _modules.mixed(weight),
        ):
            images = x.to(self._precision(weight, x)).reshape(-1, *self.shape)
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

    def _precision(self, weight: Tensor | None, x: Tensor) -> torch.dtype:
        """The precision of the images that `_mean` is given."""
        return _modules.precision_of(weight, x)

    def _ask(self, images: Tensor, level: Tensor) -> Tensor:
        """The model's answer, its inputs of one row given to each of the images."""
        inputs = {
            name: torch.as_tensor(value, device=images.device).reshape(-1)
            if name in _CLASSES and isinstance(value, int)
            else value
            for name, value in self.inputs.items()
        }
        found = self.model(images, level, **_modules.of_each_row(inputs, len(images)))
        return _modules.tensor_of(found, type(self.model).__name__)

    def _column(self, values: Tensor, images: Tensor) -> Tensor:
        """Numbers (B,), to be multiplied with the images."""
        return values.to(images).reshape(-1, *(1 for _ in self.shape))


class ImageDenoiser(_ForeignDenoiser):
    """Any callable D(images, sigma), as k-diffusion's wrappers and EDM networks are.

    Parameters
    ----------
    model : called as model(images, sigma, **inputs), with images (B, *shape) at noise level
        sigma (B,), both in the precision of its weights and at least in single precision;
        returns the denoised images, alone, first of a tuple, or as the `sample` or `mean` of
        an output. A torch module is asked in evaluation mode.
    shape : of one image, such as (channels, height, width); any number of axes.
    noise_range : least and largest σ of the model; None: its own `sigma_min` and
        `sigma_max` if it has them, otherwise all.
    inputs : further keyword arguments of the model, such as a class. Tensors of one row are
        given to each image of a batch.

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
        _checks.function("model", model, "a network or a function of images")
        if noise_range is None:
            own = (getattr(model, "sigma_min", 0.0), getattr(model, "sigma_max", math.inf))
            noise_range = (float(own[0]), float(own[1]))
        super().__init__(model, shape, noise_range, inputs)

    def _mean(self, images: Tensor, sigma: Tensor) -> Tensor:
        return self._ask(images, sigma.to(images))


class DiffusersDenoiser(_ForeignDenoiser):
    """A network of diffusers with its scheduler.

    Parameters
    ----------
    model : UNet2DModel or a model that is called like it: model(images, timestep, **inputs).
        Its result has a `sample` of the images' shape, or of twice their channels: the second
        half is then a learned variance, which is not used. It is asked in evaluation mode, for
        images in the precision of its weights. Timesteps are floats; at the noise levels of
        training they are whole.
    scheduler : with `alphas_cumprod` and a `prediction_type` (DDPMScheduler, DDIMScheduler
        and similar ones), of flow matching (FlowMatchEulerDiscreteScheduler), or of EDM.
        Samples are not clipped: clipping is no part of the model. Levels without signal (zero
        terminal SNR, the end of a flow) are outside the range.
    shape : of one image; None: by the model's configuration.
    inputs : further keyword arguments of the model, such as class_labels=3. Tensors of one row
        are given to each image of a batch.

    Attributes
    ----------
    latents : LatentSpace of a model of codes, None of one of images.
    classes : number of classes of a class-conditional model, 0 of others.

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
        self.scheduler, self._noising = scheduler, noising_of(scheduler)
        self.latents: LatentSpace | None = None
        self.classes, self._null = _classes_of(model)
        shape = _shape_of(model) if shape is None else shape
        super().__init__(model, shape, self._noising.noise_range, inputs)

    @classmethod
    def from_pretrained(cls, path: str, scheduler: Any = None, **inputs: Any) -> DiffusersDenoiser:
        """The denoiser of a diffusers pipeline, or of a model alone.

        Weights are read from safetensors alone, never from a pickle. That of a latent pipeline
        is a denoiser of codes, with the autoencoder as its `latents`.

        Parameters
        ----------
        path : a folder, or a name of the hub.
        scheduler : of the model, itself, the name of its class or the folder it lies in; None:
            that of the pipeline, or one that lies in the folder of the model or in `scheduler`
            beside it.
        inputs : `shape` and further keyword arguments of the model. Options of the loader, such
            as torch_dtype, variant, revision and subfolder, go there.

        Raises
        ------
        ImportError : diffusers is not installed.
        ValueError : nothing readable there, a pipeline without a network and a `scheduler`, or
            a model alone without a scheduler.
        """
        options = {k: inputs.pop(k) for k in list(inputs) if k in _pretrained.OPTIONS}
        found = _pretrained.read(path, scheduler, options)
        denoiser = cls(found.network, found.scheduler, **inputs)
        if found.autoencoder is not None:
            denoiser.latents = LatentSpace(found.autoencoder, denoiser.shape)
        return denoiser

    def condition(self, label: int | None) -> DiffusersDenoiser:
        """The denoiser of one class, 0 to K − 1; None: of no class, for a model that knows it.

        Raises
        ------
        ValueError : no such class, or a model without.
        """
        if label is None and not self._null:
            raise ValueError("label must be given: this model knows no class that stands for none")
        chosen = self.classes if label is None else _checks.whole("label", label, low=0)
        if chosen > self.classes - (label is not None):
            known = f"0 to {self.classes - 1}" if self.classes else "of a model that has them"
            raise ValueError(f"label must be a class {known}, got {label}")
        inputs = self.inputs | {"class_labels": chosen}
        found = DiffusersDenoiser(self.model, self.scheduler, self.shape, **inputs)
        found.latents = self.latents
        return found

    def _precision(self, weight: Tensor | None, x: Tensor) -> torch.dtype:
        """The finer one: the network is given its own, and what is done with its answer is ours."""
        return _modules.at_least_single(x.dtype, super()._precision(weight, x))

    def _mean(self, images: Tensor, sigma: Tensor) -> Tensor:
        return self._noising.mean(images, sigma, self._column(sigma, images), self._answer)

    def _answer(self, images: Tensor, timestep: Tensor) -> Tensor:
        """What the network predicts, in the precision of `images`."""
        weight = _modules.weight_of(self.model)
        precision = images.dtype if weight is None else weight.dtype
        time = timestep.to(_modules.precision_of(weight, images))
        found = self._ask(images.to(precision), time)
        channels = images.shape[1]
        if found.ndim == images.ndim and found.shape[1] == 2 * channels:
            found = found[:, :channels]  # the others are a learned variance
        return found.to(images)


class AzulaDenoiser(_ForeignDenoiser):
    """A denoiser of azula (Rozet et al.): its posterior mean, for any of its schedules.

    Parameters
    ----------
    model : azula.denoise.Denoiser, or a model called like it: model(x_t, t, **inputs) returns
        a posterior with its `mean`; `model.schedule(t)` returns (α_t, σ_t), with σ_t/α_t
        increasing for t in [0, 1]. Times are found by sectioning and passed in double
        precision, (B,), or () where all rows have one noise level. It is asked in evaluation
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
        self._casts = hasattr(model, "backbone")  # azula's own cast for it and keep the states
        ends = [float(self._log_level(torch.tensor(t, dtype=torch.float64))) for t in (0.0, 1.0)]
        if not ends[0] < ends[1]:
            raise ValueError(f"model must have a schedule of rising noise, got log σ/α {ends}")
        super().__init__(model, shape, (math.exp(ends[0]), math.exp(ends[1])), inputs)

    def _mean(self, images: Tensor, sigma: Tensor) -> Tensor:
        if len(sigma) and bool((sigma == sigma[:1]).all()):
            sigma = sigma[0]  # all that azula's analytical denoisers take
        t = self._time(sigma)
        alpha = self._column(self._schedule(t)[0], images)
        return self._ask(alpha * images, t)

    def _precision(self, weight: Tensor | None, x: Tensor) -> torch.dtype:
        own = super()._precision(weight, x)
        return _modules.at_least_single(x.dtype, own) if self._casts else own

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


def _shape_of(model: Any) -> tuple[int, ...]:
    """(channels, height, width), or (channels, length), by the configuration of a model."""
    config = getattr(model, "config", None)
    channels, size = (getattr(config, name, None) for name in ("in_channels", "sample_size"))
    if channels is None or size is None:
        raise ValueError(
            "shape must be given for a model without in_channels and sample_size, got None"
        )
    if not isinstance(size, int):
        return (channels, *size)
    axes = _axes_of(model)
    if axes > 2:
        raise ValueError(
            f"shape must be given for {type(model).__name__}, as (channels, frames, height, "
            f"width): its sample_size {size} does not say how many frames"
        )
    return (channels, *(size,) * axes)


def _classes_of(model: Any) -> tuple[int, bool]:
    """Number of classes that a model was trained with, and whether one more stands for none."""
    config = getattr(model, "config", None)
    transformer = getattr(config, "num_embeds_ada_norm", None)
    if transformer and getattr(config, "norm_type", None) == "ada_norm_zero":
        return int(transformer), True  # Peebles & Xie, arXiv 2212.09748
    return int(getattr(config, "num_class_embeds", None) or 0), False


def _axes_of(model: Any) -> int:
    """Axes of a sample besides its channels: by the names of the model, or its first layer."""
    names = [kind.__name__ for kind in type(model).__mro__]
    for axes in (1, 3):
        if any(f"{axes}D" in name for name in names):
            return axes
    layers = model.modules() if isinstance(model, torch.nn.Module) else ()
    first = next((m for m in layers if isinstance(m, torch.nn.modules.conv._ConvNd)), None)
    return 2 if first is None else len(first.kernel_size)
