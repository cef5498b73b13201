"""One picture, or one vector, of a user's as a row of a data set: of its size, in its units."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges.data import images
from bridges.data.arrays import array
from bridges.data.data_set import load_data
from bridges.data.drawn import is_drawn
from bridges.data.reading import Reading
from bridges.data.shapes import image_shape
from bridges.data.sources import as_name

_BYTE = 255  # the largest value of a picture of bytes
_NEGATIVE = -0.2  # correlation with the mean of the data, below which dark and bright are swapped
_ROWS = 10_000  # of the data, from which their mean is taken


def picture_as_row(cue: str | Path, data: str) -> tuple[Tensor, bool]:
    """A picture or a vector as a row of a data set.

    Parameters
    ----------
    cue : an image of any size, which is scaled to the size of the data's; or a file as of
        `load_data` that holds one row, in the units of the data; of .npy a vector (N,) too.
    data : as for `load_data`, or "random", of which vectors can be rows.

    Returns
    -------
    (1, N), float64, and whether dark and bright were swapped: a picture in grey whose correlation
    with the mean of the data is below −0.2 is a negative, as ink on paper is of digits.

    Raises
    ------
    ValueError : no such file, one that cannot be read, data that are no images where the file is
        one, another number of values than a row has, a picture of one colour.
    """
    _checks.instance("cue", cue, (str, Path), "a picture or a file of one row")
    path, data = Path(cue), as_name(data)
    if path.is_dir() or not path.exists():
        raise ValueError(f"cue must be a picture or a file of one row, got {_checks.shown(cue)}")
    picture = path.suffix.lower() in images.ENDINGS
    if picture and is_drawn(data):
        raise ValueError("cue must be a vector for random data, which are no images, got a picture")
    try:
        row = _pixels(path, data) if picture else _vector(path, data)
    except ValueError as error:
        words = re.sub(r"^data:? ", "", str(error))
        raise ValueError(words if words.startswith("cue") else f"cue: {words}") from error
    if picture and bool((row == row[0, 0]).all()):
        raise ValueError(f"cue must show something, but {path.name} is the same all over")
    if not picture or image_shape(data, row.shape[1]).channels > 1 or not _is_negative(row, data):
        return row, False
    low, high = load_data(data).range
    return low + high - row, True


def mean_row(data: str) -> Tensor:
    """The mean of the rows of a data set, (N,), of at most 10 000 spread evenly."""
    rows = load_data(data).rows
    return rows[:: -(-len(rows) // _ROWS)].double().mean(0)


def _vector(path: Path, data: str) -> Tensor:
    """The one row of a file, which may have the shape of an image, or be no more than a vector."""
    alone = array(path).values if path.suffix.lower() == ".npy" else np.empty((0, 0))
    if alone.ndim == 1:
        rows = _checks.matrix("cue", alone[None]).double()
    else:
        rows = load_data(path).rows.double()
    if is_drawn(data) and len(rows) == 1:
        return rows
    size = rows.shape[1] if is_drawn(data) else load_data(data).rows.shape[1]
    if rows.numel() != size or is_drawn(data):
        raise ValueError(f"cue must hold one row of {size} numbers, got {tuple(rows.shape)}")
    return rows.reshape(1, size)


def _pixels(path: Path, data: str) -> Tensor:
    """The pixels of a picture in the order, the colours and the units of the data."""
    found = load_data(data)
    size = found.rows.shape[1]
    try:
        channels, height, width, last = image_shape(data, size)
    except ValueError as error:
        words = str(error).removeprefix("data must hold ")
        raise ValueError(f"cue is a picture, so that data must hold {words}") from error
    if channels not in (1, 3):
        raise ValueError(f"cue is a picture, but images of {data} have {channels} colours")
    how = Reading(resize=(width, height), grey=channels == 1)
    values = images.pixels(path.parent, [images.Picture(path)], how)[0][0]
    most = _BYTE if values.dtype == np.uint8 else float(values.max())
    shares = torch.from_numpy(values / (most or 1.0)).double()
    if channels > 1:
        shares = shares[..., None].expand(height, width, 3) if shares.ndim == 2 else shares
        shares = shares if last else shares.movedim(-1, 0)
    low, high = found.range
    return low + (high - low) * shares.reshape(1, size)


def _is_negative(row: Tensor, data: str) -> bool:
    mean = mean_row(data)
    both = torch.stack([row[0] - row.mean(), mean - mean.mean()])
    norms = both.norm(dim=1).prod()
    return bool(norms > 0) and float(both[0] @ both[1] / norms) < _NEGATIVE
