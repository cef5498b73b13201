r"""The networks inside a trained denoiser: a residual MLP and a small U-Net.

F(y, level, labels) returns numbers of order one at every noise level; `diffusion.networks` makes a
denoiser of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from diffusion import _checks
from diffusion._checks import Seed

_WAVES = 8  # sines and cosines of the noise level
_SLOWEST, _FASTEST = 0.125, 8.0  # their periods of ¼ log σ


class Network(nn.Module):
    """F(y, level, labels), (B, d) → (B, d): the network inside the preconditioning.

    `level` is ¼ log(σ/s), (1,) or (B,); `labels` (B,) or (1,) are classes 0 to K − 1, or K
    for none.

    Attributes
    ----------
    dimension : d.
    classes : K; 0 for a network without classes.
    config : the arguments that make it again, JSON values.
    """

    dimension: int
    classes: int
    config: dict[str, Any]


class ResidualMLP(Network):
    """A multilayer perceptron with residual blocks.

    h = W y, then `depth` times h ← h + V a(U h + E e), all with biases, with a = SiLU and e an
    embedding of noise level and class; F = R[(1 + G e) ∘ a(h)], and R and G start at zero. The
    gate is for directions across the data, along which F must be −c_in y s/σ: a gain that
    depends on the noise level alone.

    Parameters
    ----------
    dimension : d of the data.
    width : units of each layer.
    depth : blocks, at least 1.
    classes : K, 0 for a network without classes.
    gate : whether the read-out has its gate; without it G = 0, and directions across the
        data are learnt late.
    seed : int, torch.Generator or None, for the first weights.

    Raises
    ------
    ValueError : a number that is not whole, or below 1 (classes: below 0).

    Examples
    --------
    >>> network = ResidualMLP(8, width=64, depth=2, seed=0)
    >>> network(torch.zeros(5, 8), torch.zeros(1)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        dimension: int,
        width: int = 128,
        depth: int = 3,
        classes: int = 0,
        gate: bool = True,
        seed: Seed = None,
    ) -> None:
        super().__init__()
        self.dimension = _checks.whole("dimension", dimension)
        self.classes = _checks.whole("classes", classes, low=0)
        width, depth = _checks.whole("width", width), _checks.whole("depth", depth)
        gate = _checks.flag("gate", gate)
        own = {"dimension": self.dimension, "width": width, "depth": depth}
        self.config = own | {"classes": self.classes, "gate": gate}
        with _first_weights(seed):
            self.embedding = _Embedding(width, self.classes)
            self.read = nn.Linear(self.dimension, width)
            self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
            self.gate = _zero(nn.Linear(width, width)) if gate else None
            self.write = _zero(nn.Linear(width, self.dimension))

    def forward(self, y: Tensor, level: Tensor, labels: Tensor | None = None) -> Tensor:
        e = self.embedding(level, labels)
        h = self.read(y)
        for block in self.blocks:
            h = block(h, e)
        h = functional.silu(h)
        return self.write(h if self.gate is None else (1 + self.gate(e)) * h)


class UNet(Network):
    """A small U-Net: residual blocks of convolutions, halved and doubled again in size.

    Parameters
    ----------
    shape : (height, width) or (channels, height, width) of an image; a row of the data is one
        image, row-major.
    channels : of the first resolution, a multiple of 8; each further one has twice as many.
    levels : resolutions, at least 1; the smallest image must have at least 2 pixels per side.
    attention : whether each pixel of the lowest resolution attends to all others there.
    channels_last : whether a row of the data is an image (height, width, channels), as image
        files are read; `shape` has the channels first all the same.
    classes, seed : as for `ResidualMLP`.

    Raises
    ------
    ValueError : a shape of another form, too many levels for it, or channels not a multiple
        of 8.

    Examples
    --------
    >>> network = UNet((8, 8), channels=8, seed=0)
    >>> network(torch.zeros(5, 64), torch.zeros(1)).shape
    torch.Size([5, 64])
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: int = 32,
        levels: int = 2,
        classes: int = 0,
        seed: Seed = None,
        *,
        attention: bool = False,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.shape = _image_shape(shape)
        self.dimension = math.prod(self.shape)
        self.classes = _checks.whole("classes", classes, low=0)
        levels = _checks.whole("levels", levels)
        channels = _checks.whole("channels", channels)
        if channels % 8:
            raise ValueError(f"channels must be a multiple of 8, got {channels}")
        if min(self.shape[1:]).bit_length() <= levels:
            raise ValueError(
                f"levels must leave at least 2 pixels per side of {self.shape[1]}×{self.shape[2]} "
                f"images, got {levels}"
            )
        attention = _checks.flag("attention", attention)
        self.channels_last = _checks.flag("channels_last", channels_last)
        own = {"shape": list(self.shape), "channels": channels}
        self.config: dict[str, Any] = own | {"levels": levels, "classes": self.classes}
        chosen = {"attention": attention, "channels_last": self.channels_last}
        self.config |= {name: True for name, value in chosen.items() if value}
        sizes = [channels * 2**k for k in range(levels)]
        with _first_weights(seed):
            self.embedding = _Embedding(4 * channels, self.classes)
            self.read = nn.Conv2d(self.shape[0], channels, 3, padding=1)
            self.down = nn.ModuleList(
                _ConvBlock(before, after, 4 * channels)
                for before, after in zip([channels, *sizes], sizes, strict=False)
            )
            self.middle = _ConvBlock(sizes[-1], sizes[-1], 4 * channels)
            self.attention = _Attention(sizes[-1]) if attention else None
            self.up = nn.ModuleList(
                _ConvBlock(2 * after, before, 4 * channels)
                for before, after in zip([channels, *sizes], sizes, strict=False)
            )
            self.norm = nn.GroupNorm(8, channels)
            self.write = _zero(nn.Conv2d(channels, self.shape[0], 3, padding=1))

    def forward(self, y: Tensor, level: Tensor, labels: Tensor | None = None) -> Tensor:
        e = self.embedding(level, labels)
        h = self.read(self._images(y))
        kept = []
        for k, block in enumerate(self.down):
            h = block(functional.avg_pool2d(h, 2) if k else h, e)
            kept.append(h)
        h = self.middle(h, e)
        if self.attention is not None:
            h = self.attention(h)
        for block, skip in zip(reversed(self.up), reversed(kept), strict=True):
            if h.shape[-2:] != skip.shape[-2:]:
                h = functional.interpolate(h, skip.shape[-2:], mode="nearest")
            h = block(torch.cat([h, skip], 1), e)
        found = self.write(functional.silu(self.norm(h)))
        return (found.movedim(1, -1) if self.channels_last else found).flatten(1)

    def _images(self, y: Tensor) -> Tensor:
        """Rows as images (B, channels, height, width)."""
        if not self.channels_last:
            return y.reshape(-1, *self.shape)
        channels, *sides = self.shape
        return y.reshape(-1, *sides, channels).movedim(-1, 1)


ARCHITECTURES: dict[str, type[Network]] = {"mlp": ResidualMLP, "unet": UNet}
"""Our networks, by their names in a checkpoint."""


class _Embedding(nn.Module):
    """e: waves of the noise level and a row of the class, mixed and through a SiLU."""

    waves: Tensor

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        periods = torch.logspace(math.log10(_SLOWEST), math.log10(_FASTEST), _WAVES)
        self.register_buffer("waves", 2 * math.pi / periods, persistent=False)
        self.first = nn.Linear(2 * _WAVES, width)
        self.table = nn.Embedding(classes + 1, width) if classes else None

    def _apply(self, *args: Any, **options: Any) -> _Embedding:
        waves = self.waves  # in half precision they would be those of other noise levels
        super()._apply(*args, **options)
        self.waves = waves.to(self.waves.device)
        return self

    def forward(self, level: Tensor, labels: Tensor | None) -> Tensor:
        phase = level[:, None] * self.waves
        e = self.first(torch.cat([phase.cos(), phase.sin()], 1))
        if self.table is not None:
            if labels is None:
                labels = torch.full((1,), self.table.num_embeddings - 1, device=level.device)
            e = e + self.table(labels)
        return functional.silu(e)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.shift = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        return h + self.outer(functional.silu(self.inner(h) + self.shift(e)))


class _ConvBlock(nn.Module):
    """Two convolutions with group norms, the embedding between them, and a residual."""

    def __init__(self, before: int, after: int, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(8, before), nn.GroupNorm(8, after)])
        self.inner = nn.Conv2d(before, after, 3, padding=1)
        self.shift = nn.Linear(width, after)
        self.outer = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        inner = self.inner(functional.silu(self.norms[0](h))) + self.shift(e)[:, :, None, None]
        return self.skip(h) + self.outer(functional.silu(self.norms[1](inner)))


class _Attention(nn.Module):
    """h + W attention(q, k, v), each pixel a token, heads of about 32 channels; W starts at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = math.gcd(channels // 8, max(1, channels // 32))  # each has whole channels
        self.norm = nn.GroupNorm(8, channels)
        self.read = nn.Conv2d(channels, 3 * channels, 1)
        self.write = _zero(nn.Conv2d(channels, channels, 1))

    def forward(self, h: Tensor) -> Tensor:
        tokens = self.read(self.norm(h)).flatten(2).unflatten(1, (3, self.heads, -1))
        query, key, value = tokens.transpose(-1, -2).unbind(1)  # each (B, heads, pixels, c)
        found = functional.scaled_dot_product_attention(query, key, value)
        return h + self.write(found.transpose(-1, -2).reshape(h.shape))


@contextmanager
def _first_weights(seed: Seed) -> Iterator[None]:
    """The block in which weights are drawn: from `seed`, leaving torch's own stream alone."""
    own = _checks.generator_from(_checks.whole_seed(seed), "first weights").initial_seed()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(own)
        yield


def _zero(layer: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    sizes = [_checks.whole("shape", size) for size in _checks.several("shape", shape)]
    if len(sizes) not in (2, 3):
        raise ValueError(f"shape must be (height, width) or (channels, height, width), got {shape}")
    channels, height, width = [1, *sizes][-3:]
    return channels, height, width
