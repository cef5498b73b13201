r"""Torch modules of flat rows (B, d) → (B, d), used as denoisers as they are.

A module D(x, sigma), or a callable that holds one, may stand wherever a denoiser may. It is
asked as the adapters of `diffusion.interop` ask theirs: in evaluation mode, and left as it was;
in the precision of its weights, or in mixed precision where that is half; and its answer may be
a tuple or an output. A model of images is refused with the adapter that it needs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffusion import _checks, _modules
from diffusion._checks import Level
from diffusion._modules import weight_of as weight_of
from diffusion.denoisers import Denoiser, DenoiserLike, ExactDenoiser, noise_range


class _Flat(Denoiser):
    """A callable of flat rows that holds torch modules, asked as the adapters ask theirs."""

    def __init__(self, model: DenoiserLike) -> None:
        self.model = model
        self.dimension = getattr(model, "dimension", None)  # type: ignore[assignment]
        self.noise_range = noise_range(model)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "model":
            raise AttributeError(name)
        return getattr(self.model, name)

    def _about(self) -> str:
        return type(self.model).__name__

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """What the model returns, like `x`. Raises ValueError where it takes no flat rows."""
        weight = _modules.weight_of(self.model)
        states = x.to(_modules.precision_of(weight, x))
        level = sigma.to(states) if isinstance(sigma, Tensor) else sigma
        try:
            with _modules.mixed(weight):
                found = _modules.tensor_of(self.model(states, level), self._about())
        except (TypeError, RuntimeError, IndexError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise ValueError(self._advice(x, str(error).strip().split("\n")[0])) from error
        if found.shape != x.shape:
            raise ValueError(self._advice(x, f"it returned shape {tuple(found.shape)}"))
        return found.to(x)

    def _advice(self, x: Tensor, fault: str) -> str:
        """What to wrap the model with."""
        parts = [part for module in _modules.modules_of(self.model) for part in module.modules()]
        first = next((p for p in parts if isinstance(p, torch.nn.modules.conv._ConvNd)), None)
        shape: tuple[int, ...] = (x.shape[1],)
        if first is not None and x.shape[1] % first.in_channels == 0:
            pixels, axes = x.shape[1] // first.in_channels, len(first.kernel_size)
            side = round(pixels ** (1 / axes))
            shape = (first.in_channels, *(side,) * axes) if side**axes == pixels else shape
        return (
            f"denoiser must take rows {tuple(x.shape)} and one noise level or {len(x)}, got "
            f"{self._about()} ({fault}); wrap it: ImageDenoiser(net, shape={shape}), or "
            "DiffusersDenoiser(net, scheduler) for a network of diffusers"
        )


def as_denoiser(model: DenoiserLike) -> DenoiserLike:
    """A model of flat rows as a denoiser; what needs no adapter is returned as it is.

    Torch modules, and callables that hold them, are asked in evaluation mode, in the precision
    of their weights, and may return tuples or outputs.

    Parameters
    ----------
    model : D(x, sigma), (B, d) → (B, d), with sigma a number or (B,).

    Raises
    ------
    ValueError : on a call, for a model that takes no flat rows; the message says what to wrap.

    Examples
    --------
    >>> class Half(torch.nn.Module):
    ...     def forward(self, x, sigma):
    ...         return x / 2
    >>> as_denoiser(Half())(torch.ones(1, 2), 1.0)
    tensor([[0.5000, 0.5000]])
    """
    if isinstance(model, Denoiser) or not callable(model) or not _modules.modules_of(model):
        return model
    return _Flat(model)


class _Answering:
    """A denoiser of a user, whose answers are checked."""

    def __init__(self, model: DenoiserLike, name: str, names_all: bool) -> None:
        self.model, self._name, self._names_all = model, name, names_all

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "model":
            raise AttributeError(name)
        return getattr(self.model, name)

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        try:
            found = self.model(x, sigma)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except ValueError as error:
            if not self._names_all:
                raise
            raise ValueError(f"{self._name}: {error}") from error
        except Exception as error:  # of the user's own code
            if "alloc" in str(error):  # memory that ran out, in the words of torch
                raise
            words = (str(error).strip().splitlines() or ["no words"])[0]
            raise ValueError(f"{self._name} failed: {type(error).__name__}: {words}") from error
        return rows_like(x, found, self._name)


def answering(model: DenoiserLike, name: str = "denoiser", names_all: bool = False) -> DenoiserLike:
    """A model of flat rows as a denoiser, whose every answer is finite and shaped as it was asked.

    Parameters
    ----------
    model : as for `as_denoiser`.
    name : the argument that it was given as, or where it comes from.
    names_all : whether errors that the model raises itself are said under that name too.

    Raises
    ------
    ValueError : a model that cannot be called; on a call, an error of its own, or an answer that
        is no finite (B, d).

    Examples
    --------
    >>> answering(lambda x, sigma: x[:, :1])(torch.ones(1, 2), 1.0)
    Traceback (most recent call last):
    ...
    ValueError: denoiser must return real rows of shape (1, 2), got torch.float32 of shape (1, 1)
    """
    _checks.function(name, model, "a denoiser D(x, sigma)")
    own = isinstance(model, ExactDenoiser)  # its x and sigma are checked, and so its answer is fine
    if own or isinstance(model, _Answering):
        return model
    return _Answering(as_denoiser(model), name, names_all)


def rows_like(x: Tensor, found: Any, name: str) -> Tensor:
    """What `name` returned for the rows `x`: finite rows of the same shape."""
    if not isinstance(found, Tensor) or found.shape != x.shape or not found.is_floating_point():
        raise ValueError(
            f"{name} must return real rows of shape {tuple(x.shape)}, got {_checks.shown(found)}"
        )
    answer = found.detach()
    if not torch.isfinite(answer.sum()):  # costs no temporary of that size
        bad = int((~torch.isfinite(answer)).sum())
        if bad:
            raise ValueError(f"{name} must return finite numbers, got {bad} NaN or infinite ones")
    return found
