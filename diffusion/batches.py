"""A denoiser that sees a bounded number of rows at once.

A network of images needs far more memory a row than the row has. Rows that do not fit are halved
until they do, and are not tried at once again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Level
from diffusion.denoisers import Denoiser, DenoiserLike, noise_range

_NUMBERS = 2**20  # of the rows that a network is given at once, unless it is said


class Batched(Denoiser):
    """A denoiser that is asked `size` rows at a time, halved where memory runs out.

    Parameters
    ----------
    denoiser : D(x, sigma).
    size : most rows at once; None: as many as have 2²⁰ numbers.

    Raises
    ------
    ValueError : a size below 1; on a call, what the denoiser refuses.

    Examples
    --------
    >>> from diffusion import EmpiricalDenoiser
    >>> denoiser = EmpiricalDenoiser([[-1.0], [1.0]])
    >>> x = torch.linspace(-2, 2, 5)[:, None]
    >>> bool(torch.equal(Batched(denoiser, 2)(x, 0.5), denoiser(x, 0.5)))
    True
    """

    def __init__(self, denoiser: DenoiserLike, size: int | None = None) -> None:
        _checks.function("denoiser", denoiser, "a denoiser D(x, sigma)")
        self.denoiser = denoiser
        self.size = None if size is None else _checks.whole("size", size)
        self.dimension = getattr(denoiser, "dimension", None)  # type: ignore[assignment]
        self.noise_range = noise_range(denoiser)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "denoiser":
            raise AttributeError(name)
        return getattr(self.denoiser, name)

    def _about(self) -> str:
        return f"{self.denoiser!r}, size={self.size}"

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean E[x₀ | x₀ + σz = x], (B, d), of as many rows at once as fit.

        Parameters
        ----------
        x : (B, d).
        sigma : noise level, a number or (B,).

        Raises
        ------
        ValueError : points that are none, or what the denoiser refuses.
        MemoryError : a single row does not fit.
        """
        x = _checks.points("x", x)
        size = self.size or max(1, _NUMBERS // max(1, x.shape[1]))
        while len(x) > 1:
            try:
                return torch.cat([self._ask(x, sigma, k, size) for k in range(0, len(x), size)])
            except (RuntimeError, MemoryError) as error:
                size = min(size, len(x))
                if size == 1 or not _of_memory(error):
                    raise
            size = self.size = size // 2
        return self.denoiser(x, sigma)

    def _ask(self, x: Tensor, sigma: Level, first: int, size: int) -> Tensor:
        rows = slice(first, first + size)
        each = isinstance(sigma, Tensor) and sigma.ndim > 0 and len(sigma) == len(x)
        return self.denoiser(x[rows], sigma[rows] if each else sigma)  # type: ignore[index]


def _of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or "not enough memory" in str(error)
