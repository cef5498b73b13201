r"""Local denoisers: each pixel is denoised from the window around it alone.

The exact denoiser of P images y^μ compares whole images and so returns what it has stored. A
network of small receptive field cannot. Its ideal is, at pixel i with the window Ω_i of odd
width k around it (Kamb & Ganguli, arXiv 2412.20292),

    D_i(x, σ) = Σ_μ w_μ^i y_i^μ,    w^i = softmax_μ(−|x_Ω − y_Ω^μ|²/2σ²)

    "local"               y^μ at the same place; windows end at the borders
    "equivariant"         patches of all L places l are candidates and y_l^μ is what they say;
                          borders are glued together
    "equivariant-border"  the same with borders: places whose windows end alike

Each window may choose an image of its own, so that D mixes the data into images that are none of
them. With k ≥ 2 max(height, width) − 1 "local" is the `EmpiricalDenoiser`. Otherwise D − x is no
gradient: there is neither density nor energy.

Patches of all places are images shifted by all shifts, so that every kind is a loop over shifts.
The distances of all windows are sums of squared differences over boxes, at a cost that does not
depend on k.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Level
from diffusion._modules import at_least_single
from diffusion.denoisers import Denoiser

MODES = ("local", "equivariant", "equivariant-border")
_NUMBERS = 2**18  # of a block of differences, which should stay in the cache
_LOSS = 1e-2  # largest error of a logit that single precision may cause

_Shift = tuple[int, int, Tensor | None]  # rows, columns, and the pixels (h, w) that it is for


class LocalDenoiser(Denoiser):
    """The ideal denoiser of windows of a finite set of images.

    Memory does not grow with (batch × P) nor with k; time grows with batch × P × L for pixels
    at the same place, and with batch × P × L² for all places. Differentiable in x.

    Parameters
    ----------
    data : (P, h, w), (P, c, h, w), or rows (P, d) with a `shape`; finite. Its dtype (at least
        single precision) and device are those of the results.
    window : k, odd; the width of the window in pixels, as high as wide.
    mode : "local", "equivariant" or "equivariant-border", see the head of the module.
    shape : (h, w) or (c, h, w) of an image; needed for rows only.

    Attributes
    ----------
    data : (P, d), the images as rows.

    Raises
    ------
    ValueError : data that are no images, empty or not finite; an even window; an unknown mode.

    Examples
    --------
    >>> images = torch.tensor([[[1.0, 1.0, 1.0]], [[-1.0, -1.0, -1.0]]])
    >>> LocalDenoiser(images, window=1)(torch.tensor([[2.0, 0.0, -2.0]]), 1.0)  # pixel by pixel
    tensor([[ 0.9640,  0.0000, -0.9640]])
    >>> LocalDenoiser(images, window=5)(torch.tensor([[2.0, 0.0, -2.0]]), 1.0)  # whole images
    tensor([[0., 0., 0.]])
    """

    conservative = False  # each pixel has a softmax of its own

    def __init__(
        self,
        data: Tensor,
        window: int,
        mode: str = "local",
        shape: Sequence[int] | None = None,
    ) -> None:
        images, self.shape = images_of("data", data, shape)
        self.window, self.mode = odd(window), _checks.choice("mode", mode, MODES)
        self.data = images.flatten(1)
        self.dimension = self.data.shape[1]
        self._pixels = self._apart(self.data)  # (h, w, c, P)
        self._bands = tuple(
            _band(side, self.window, mode == "equivariant").to(images) for side in images.shape[2:]
        )
        height, width = self.shape[-2:]
        self._shifts = _shifts(height, width, self.window, mode, images.device)
        self._centre = float(self.data.double().mean())
        self._largest = self._size(self.data)

    def __len__(self) -> int:
        """Number of images P."""
        return len(self.data)

    def _about(self) -> str:
        return f"P={len(self)}, shape={self.shape}, window={self.window}, {self.mode}"

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Σ_μ w_μ^i y_i^μ at each pixel i.

        Parameters
        ----------
        x : (B, d), finite.
        sigma : noise level, a number or (B,), positive, in signal units.

        Returns
        -------
        (B, d), like `data`.

        Raises
        ------
        ValueError : x not (B, d) or not finite; sigma not positive or of another length.
        """
        parts = [self._fold(*block)[2].permute(2, 3, 0, 1) for block in self._queries(x, sigma)]
        return torch.cat([part.flatten(1) for part in parts]).to(self.data)

    def weights(self, x: Tensor, sigma: Level) -> Tensor:
        """Weight of each image, the mean over pixels, (B, P); of all its places together.

        Rows sum to 1. Arguments and errors as for a call.
        """
        found = []
        for points, beta in self._queries(x, sigma):
            least, mass, _ = self._fold(points, beta)
            total = torch.zeros(points.shape[-1], len(self), dtype=beta.dtype, device=beta.device)
            for columns, distances in self._distances(points):
                shares = torch.exp(-beta * (distances - least) / 2) / mass
                total[:, columns] = total[:, columns] + shares.mean((0, 1))
            found.append(total)
        return torch.cat(found).to(self.data)

    def own_weights(self, x: Tensor, sigma: Level, own: Tensor) -> Tensor:
        """Weight w_ν^i, at each pixel, of the patch that one image has at that place.

        Its mean over pixels says how much of the image ν is retrieved.

        Parameters
        ----------
        x : (B, d), finite.
        sigma : noise level, a number or (B,), positive, in signal units.
        own : (B,), the image ν of each row, a whole number from 0.

        Returns
        -------
        (B, h, w), between 0 and 1.

        Raises
        ------
        ValueError : as for a call; `own` of another length, or no image.
        """
        own = self._images(own, len(_checks.points("x", x, dimension=self.dimension)))
        found, low = [], 0
        for points, beta in self._queries(x, sigma):
            least, mass, _ = self._fold(points, beta)
            mine = self._pixels[..., own[low : low + points.shape[-1]]].to(points)
            distances = self._boxes((points - mine).square().sum(2))[..., None]
            weights = torch.exp(-beta * (distances - least) / 2) / mass
            found.append(weights.squeeze(-1).permute(2, 0, 1))
            low += points.shape[-1]
        return torch.cat(found).to(self.data)

    def _images(self, own: Any, rows: int) -> Tensor:
        """An image of the data for each row."""
        given = _checks.tensor("own", own).to(self.data.device)
        whole = not given.is_floating_point() and bool(((given >= 0) & (given < len(self))).all())
        if given.shape != (rows,) or not whole:
            raise ValueError(
                f"own must be whole numbers from 0 to {len(self) - 1}, of shape ({rows},), "
                f"got {given.dtype} of shape {tuple(given.shape)}"
            )
        return given.long()

    def _queries(self, x: Tensor, sigma: Level) -> Iterator[tuple[Tensor, Tensor]]:
        """Blocks of rows as (h, w, c, b), with their β = 1/σ² as (b, 1)."""
        x = _checks.points("x", x, dimension=self.dimension).to(self.data)
        beta = _checks.noise_level(sigma, x) ** -2
        work = x.dtype
        if len(x) and work != torch.float64:
            size = (self._size(x.detach()) + self._largest) ** 2
            error = torch.finfo(work).eps * float(beta.max()) * size
            work = torch.float64 if error > _LOSS else work
        rows = max(1, _NUMBERS // self.dimension)
        for points, level in zip(x.split(rows), beta.split(rows), strict=True):
            yield self._apart(points.to(work)), level.to(work)

    def _fold(self, x: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Least distance and sum of weights, both (h, w, b, 1), and the mean, (h, w, b, c).

        Weights are relative to that of the nearest patch so far: no logit overflows.
        """
        height, width, channels, rows = x.shape
        least = torch.full((height, width, rows, 1), torch.inf, dtype=x.dtype, device=x.device)
        fall = -beta / 2
        mass = torch.zeros_like(least)
        mean = torch.zeros(height, width, rows, channels, dtype=x.dtype, device=x.device)
        for shift in self._shifts:
            for columns in self._columns(x):
                values = self._shifted(shift, columns, x)
                distances = self._compared(x, values, shift)
                lower = torch.minimum(least, distances.detach().amin(-1, keepdim=True))
                kept = torch.exp(fall * (least - lower))
                shares = torch.exp(fall * (distances - lower))
                mass = mass * kept + shares.sum(-1, keepdim=True)
                mean = mean * kept + shares @ values.mT
                least = lower
        return least, mass, mean / mass

    def _distances(self, x: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """|x_Ω − y_Ω|² of all candidates, block by block, (h, w, b, p), and which images."""
        for shift in self._shifts:
            for columns in self._columns(x):
                yield columns, self._compared(x, self._shifted(shift, columns, x), shift)

    def _columns(self, x: Tensor) -> Iterator[slice]:
        """Images of a block whose differences with `x` fit."""
        size = max(1, _NUMBERS // max(1, x.numel()))
        return (slice(low, low + size) for low in range(0, len(self), size))

    def _shifted(self, shift: _Shift, columns: slice, x: Tensor) -> Tensor:
        """Images (h, w, c, p) of which each pixel is that at the place it is compared with."""
        values = self._pixels[..., columns].to(x.dtype)
        return values if shift[:2] == (0, 0) else values.roll((-shift[0], -shift[1]), (0, 1))

    def _compared(self, x: Tensor, values: Tensor, shift: _Shift) -> Tensor:
        """Distances of the windows, infinite where a shift is not for a pixel."""
        squares = (x[..., None] - values[..., None, :]).square()
        found = self._boxes(squares.squeeze(2) if squares.shape[2] == 1 else squares.sum(2))
        allowed = shift[2]
        return found if allowed is None else found.masked_fill(~allowed, torch.inf)

    def _boxes(self, squares: Tensor) -> Tensor:
        """Sums over the windows of pixels (h, w, …), which come first."""
        rows, columns = (band.to(squares.dtype) for band in self._bands)
        height, width = squares.shape[:2]
        down = (rows @ squares.reshape(height, -1)).view(height, width, -1)
        return (columns @ down).view(squares.shape)

    def _apart(self, rows: Tensor) -> Tensor:
        """Rows (b, d) as pixels (h, w, c, b)."""
        channels = self.shape[0] if len(self.shape) == 3 else 1
        images = rows.reshape(len(rows), channels, *self.shape[-2:])
        return images.permute(2, 3, 1, 0).contiguous()

    def _size(self, rows: Tensor) -> float:
        """Largest norm of a row about the mean of all pixels."""
        return float((rows - self._centre).norm(dim=1).max())


def images_of(name: str, value: Any, shape: Sequence[int] | None) -> tuple[Tensor, tuple[int, ...]]:
    """Images (P, c, h, w) of an argument, and the shape of one as given. Raises ValueError."""
    given = _checks.tensor(name, value).detach()
    own = tuple(given.shape[1:])
    if shape is not None:
        own = tuple(_checks.whole("shape", side) for side in _checks.several("shape", shape))
        if len(own) not in (2, 3):
            raise ValueError(
                f"shape must be (height, width) or (channels, height, width), got {own}"
            )
        numbers = math.prod(own)
        if tuple(given.shape[1:]) not in ((numbers,), own):
            raise ValueError(
                f"{name} must be rows of {numbers} numbers, images of shape {own}, "
                f"got {tuple(given.shape)}"
            )
    if len(own) not in (2, 3) or given.numel() == 0:
        raise ValueError(
            f"{name} must be images (P, height, width) or (P, channels, height, width), or rows "
            f"with their shape, got {tuple(given.shape)}"
        )
    rows = _checks.points(name, given.reshape(len(given), -1))
    return rows.to(at_least_single(rows.dtype)).reshape(len(rows), -1, *own[-2:]), own


def odd(window: Any) -> int:
    """The width of a window, an odd whole number. Raises ValueError."""
    found = _checks.whole("window", window)
    if found % 2 == 0:
        raise ValueError(f"window must be odd, a pixel and as many on either side, got {found}")
    return found


def _band(side: int, window: int, circular: bool) -> Tensor:
    """Which of the pixels of a side are in the window of which, (side, side), 0 or 1."""
    places = torch.arange(side)
    apart = (places[:, None] - places).abs()
    if circular:
        apart = torch.minimum(apart, side - apart)
    return apart <= window // 2


def _shifts(height: int, width: int, window: int, mode: str, device: torch.device) -> list[_Shift]:
    """The shifts of a mode; the first is none, which every pixel can make."""
    if mode == "local":
        return [(0, 0, None)]
    if mode == "equivariant":
        return [(row, column, None) for row in range(height) for column in range(width)]
    found: list[_Shift] = []
    across = _like_places(width, window)
    for row, rows in _like_places(height, window):
        for column, columns in across:
            allowed = (rows[:, None] & columns).to(device)
            found.append((row, column, allowed[..., None, None]))
    return found


def _like_places(side: int, window: int) -> list[tuple[int, Tensor]]:
    """Shifts along a side, and the pixels whose window ends alike where each leads, (side,)."""
    places = torch.arange(side)
    ends = torch.stack([places, side - 1 - places], 1).clamp(max=window // 2)
    found = []
    for shift in sorted(range(1 - side, side), key=abs):
        there = places + shift
        inside = (there >= 0) & (there < side)
        alike = inside & (ends == ends[there.clamp(0, side - 1)]).all(1)
        if alike.any():
            found.append((shift, alike))
    return found
