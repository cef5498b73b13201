"""The shape of one image of a data set."""

from __future__ import annotations

from math import isqrt, prod
from typing import NamedTuple

from bridges import _checks
from bridges.data.data_set import load_data
from bridges.data.drawn import is_drawn
from bridges.data.sources import as_name

_CHANNELS = (1, 3, 4)  # of images, by which their axis is told


class ImageShape(NamedTuple):
    """Sizes of an image, and whether the channels of a pixel lie beside each other in a row."""

    channels: int
    height: int
    width: int
    channels_last: bool


def image_shape(data: str, size: int) -> ImageShape:
    """The shape of the images that the rows of a data set are.

    Parameters
    ----------
    data : as for `load`.
    size : N, numbers in a row.

    Raises
    ------
    ValueError : rows that are no images, are of another size, or whose axes are not known.

    Examples
    --------
    >>> image_shape("digits", 64)
    ImageShape(channels=1, height=8, width=8, channels_last=False)
    """
    data, size = as_name(data), _checks.whole("size", size)
    axes = (size,) if is_drawn(data) else load_data(data).shape
    if prod(axes) != size:
        raise ValueError(f"size must be {prod(axes)}, as of the rows of {data}, got {size}")
    if len(axes) == 1 and isqrt(size) ** 2 == size:
        axes = (isqrt(size),) * 2
    if len(axes) == 2:
        return ImageShape(1, *axes, channels_last=False)
    if len(axes) == 3 and min(axes[0], axes[2]) in _CHANNELS:  # an image is not so narrow
        if axes[2] <= axes[0]:
            return ImageShape(axes[2], *axes[:2], channels_last=True)
        return ImageShape(*axes, channels_last=False)
    raise ValueError(
        "data must hold images (height, width), (height, width, channels) or (channels, height, "
        f"width) of {', '.join(map(str, _CHANNELS))} channels, got rows of shape {axes}"
    )
