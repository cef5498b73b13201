"""The latent space of a diffusion model: images as the codes of its autoencoder, and back.

A latent diffusion model (Rombach et al., arXiv 2112.10752) noises codes, (E(x) − shift)·scale with
E(x) the mean of the encoder's Gaussian. What is measured of it is measured there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from diffusion import _checks, _modules

_ROWS = 64  # images that the autoencoder is given at once


class LatentSpace:
    """The codes of an autoencoder of diffusers (AutoencoderKL or one that is called like it).

    Parameters
    ----------
    autoencoder : with `encode(images).latent_dist.mean`, or `.latents`, and
        `decode(codes).sample`; asked in evaluation mode.
    shape : of one code, (channels, height, width).
    image : of one image; None: by the configuration of the autoencoder.

    Raises
    ------
    ValueError : something that neither encodes nor decodes, or shapes that are not of whole
        numbers.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> class Half:  # in place of AutoencoderKL: codes of half the size
    ...     config = SimpleNamespace(scaling_factor=2.0, in_channels=1, block_out_channels=(4, 4))
    ...     def encode(self, images):
    ...         return SimpleNamespace(latents=torch.nn.functional.avg_pool2d(images, 2))
    ...     def decode(self, codes):
    ...         return SimpleNamespace(sample=codes.repeat_interleave(2, 2).repeat_interleave(2, 3))
    >>> space = LatentSpace(Half(), (1, 1, 2))
    >>> space.image, space.encode(torch.ones(1, 8)), space.decode(torch.ones(1, 2))[0, :2]
    ((1, 2, 4), tensor([[2., 2.]]), tensor([0.5000, 0.5000]))
    """

    def __init__(
        self, autoencoder: Any, shape: Sequence[int], image: Sequence[int] | None = None
    ) -> None:
        if not all(callable(getattr(autoencoder, name, None)) for name in ("encode", "decode")):
            raise ValueError(
                "autoencoder must have encode(images) and decode(codes), "
                f"got {_checks.shown(autoencoder)}"
            )
        self.autoencoder = autoencoder
        self.shape = _axes("shape", shape)
        config = getattr(autoencoder, "config", None)
        self._scale = float(getattr(config, "scaling_factor", None) or 1.0)
        self._shift = float(getattr(config, "shift_factor", None) or 0.0)
        if image is None:
            times = 2 ** (len(getattr(config, "block_out_channels", (1,))) - 1)
            channels = getattr(config, "in_channels", self.shape[0])
            image = (channels, *(times * side for side in self.shape[1:]))
        self.image = _axes("image", image)

    def __repr__(self) -> str:
        return f"LatentSpace({type(self.autoencoder).__name__}, {self.image} as {self.shape})"

    @torch.no_grad()
    def encode(self, rows: Tensor) -> Tensor:
        """Codes (B, d) of images (B, D), in the precision of the autoencoder or better.

        Raises ValueError for rows of another size.
        """
        rows = _checks.points("rows", rows, dimension=math.prod(self.image))

        def code(images: Tensor) -> Tensor:
            found = self.autoencoder.encode(images)
            law = getattr(found, "latent_dist", None)
            latents: Tensor = found.latents if law is None else law.mean
            return (latents - self._shift) * self._scale

        return self._of_parts(code, rows, self.image, self.shape)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Images (B, D) of codes (B, d). Raises ValueError for codes of another size."""
        codes = _checks.points("codes", codes, dimension=math.prod(self.shape))

        def image(latents: Tensor) -> Tensor:
            found: Tensor = self.autoencoder.decode(latents / self._scale + self._shift).sample
            return found

        return self._of_parts(image, codes, self.shape, self.image)

    def _of_parts(
        self, ask: Any, rows: Tensor, shape: tuple[int, ...], wanted: tuple[int, ...]
    ) -> Tensor:
        """What the autoencoder makes of rows, a part of them at a time."""
        weight = _modules.weight_of(self.autoencoder)
        given = rows if weight is None else rows.to(weight)
        with _modules.evaluation(self.autoencoder):
            parts = [ask(part.reshape(-1, *shape)) for part in given.split(_ROWS)]
        found = torch.cat(parts)
        if tuple(found.shape[1:]) != wanted:
            raise ValueError(
                f"autoencoder must return shape {wanted}, got {tuple(found.shape[1:])}; give the "
                "shape of an image as `image`"
            )
        return found.flatten(1).to(rows)


def _axes(name: str, value: Sequence[int]) -> tuple[int, ...]:
    """Sizes (channels, height, width), or of fewer or more axes."""
    sizes = tuple(_checks.whole(name, size) for size in _checks.several(name, value))
    if not sizes:
        raise ValueError(f"{name} must be (channels, height, width), got {sizes}")
    return sizes
