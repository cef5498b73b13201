"""A grid of samples, each above the datum that is nearest to it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bridges.data import image_shape
from diffusion.files import write_whole
from diffusion.neighbours import nearest

_COLUMNS, _PAIRS = 12, 4  # of a grid
_DOTS = 64  # of an image in it, at least, along its longer side
_STRIP = 0.15  # height of a vector that is no image, of its length
_MOST = 160  # dots of an image, beyond which it has a line for itself

Images = NDArray[np.float64]


def save_grid(path: Path, samples: Tensor, data: Tensor, name: str, about: str) -> None:
    """Draw samples (B, N), spread evenly, and under each its nearest row of `data` (n, N).

    Parameters
    ----------
    path : of the PNG file.
    name : of the data set, whose shape the images have; vectors that are no images are strips.
    about : what the file says of itself, as its description.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    count = min(len(samples), _COLUMNS * _PAIRS)
    shown = samples[torch.linspace(0, len(samples) - 1, count).round().long()].double()
    shown, rows = torch.nan_to_num(shown), data.double().cpu()
    _, index = nearest(shown.numpy(), rows.numpy(), 1)
    low, high = float(rows.min()), float(rows.max())
    both = [shown, rows[torch.from_numpy(index[:, 0])]]
    pairs = [_seen(((part - low) / (high - low)).clamp(0, 1), name) for part in both]
    grid = (255 * _mosaic(*pairs)).round().astype(np.uint8)
    said, content = PngInfo(), io.BytesIO()
    said.add_text("Description", f"{about}; samples, and under each its nearest datum")
    picture = Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid)
    picture.save(content, format="PNG", pnginfo=said)
    write_whole(path, content.getvalue())


def images_of(rows: Tensor, name: str) -> Images:
    """Rows (B, N) of a data set as images (B, height, width, channels); vectors have height 1."""
    size = rows.shape[1]
    try:
        channels, height, width, last = image_shape(name, size)
    except ValueError:
        return rows.reshape(-1, 1, size, 1).numpy()
    if last:
        return rows.reshape(-1, height, width, channels).numpy()
    return rows.reshape(-1, channels, height, width).movedim(1, -1).numpy()


def _seen(rows: Tensor, name: str) -> Images:
    """The same, large enough to be seen; vectors as strips."""
    images = images_of(rows, name)
    height, width = images.shape[1:3]
    dots = max(1, _DOTS // max(height, width))
    tall = max(1, round(_STRIP * width * dots)) if height == 1 else dots
    return images.repeat(tall, 1).repeat(dots, 2)


def _mosaic(samples: Images, below: Images) -> Images:
    """Pairs of images on white, each close together and apart from the others."""
    count, height, width, channels = samples.shape
    columns = min(_COLUMNS, count) if width < _MOST else 1
    lines = -(-count // columns)
    wide, gap = width + 4, max(8, height // 6)
    tall = 2 * height + 2 + gap
    whole = np.ones((lines * tall - gap, columns * wide - 4, channels))
    for k in range(count):
        top, left = k // columns * tall, k % columns * wide
        whole[top : top + height, left : left + width] = samples[k]
        whole[top + height + 2 : top + 2 * height + 2, left : left + width] = below[k]
    return whole
