"""A data set: its rows as they are stored, what a row is, and its classes."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges.data import images, named
from bridges.data.reading import joined, split
from bridges.data.sources import as_name, files_of, read, state

_COMPUTED = [np.dtype(t) for t in ("u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8")]
_WIDER = {"bool": np.uint8, "uint16": np.int32, "uint32": np.int64}  # for dtypes that torch lacks
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, repr=False)
class DataSet(_checks.Result):
    """Rows as they are stored, what a row is, and classes where they are known."""

    rows: Tensor  # (n, N), of the dtype of the file, and on disk where the file is large
    shape: tuple[int, ...]  # of a row: (28, 28), (32, 32, 3), (61,)
    axes: str  # of a row, in order: "HW", "HWC", "CHW"; "" where it is not known
    labels: Tensor | None  # (n,), int64
    class_names: list[str] | None  # by their numbers
    _map: mmap.mmap | None = field(default=None, repr=False, compare=False)  # of a file on disk

    @cached_property
    def range(self) -> tuple[float, float]:
        """The least and the largest value of all rows."""
        return float(self.rows.min()), float(self.rows.max())

    def __len__(self) -> int:
        return len(self.rows)

    def _parts(self) -> list[tuple[str, Any]]:
        return [part for part in super()._parts() if part[0] != "_map"]

    def let_go(self) -> None:
        """Take what was read of a file on disk out of memory, until it is read again."""
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on every system
            self._map.madvise(mmap.MADV_DONTNEED)


def load_data(
    data: str | Path,
    *,
    array: str | None = None,
    label: str | None = None,
    grey: bool = False,
    ground: str | None = None,
    resize: int | str | Sequence[int] | None = None,
    scale: float | None = None,
    shift: float | None = None,
) -> DataSet:
    """A data set by its name, or from a file or folder as it lies on a disk.

    Parameters
    ----------
    data : "digits" (scikit-learn's 1797 real images, 8×8), "mnist" or "fashion" (70000, 28×28),
        a file, or a folder of images of one size. Files are .npy, .npz, IDX (with or without
        gzip), .csv, .tsv, .mat, .pt (tensors alone), .safetensors and, with the extra `data`,
        Parquet and HDF5. Images are upright, the first frame of several, in colour if one has
        colour. Options may be part of the name: "faces@resize=32,grey".
    array : name of the array or column that holds the data, where a file has several.
    label : name of the array or column of the classes; texts become names. Found without it are
        `labels`, `label`, `y`, `target`, `targets`, in any case, and the sub-folders of images.
    grey : images without colour.
    ground : colour of what is transparent, a name or "#rrggbb"; white unless it is said.
    resize : side of the images, (width, height) or "32x24": they are scaled, not cut, those of
        a folder and those that a set stores as grey levels.
    scale, shift : values are multiplied, then added to.

    Returns
    -------
    DataSet(rows, shape, axes, labels, class_names). A large .npy file is mapped: it must not
    change while it is used.

    Raises
    ------
    ValueError : an unknown name or file, one that is broken or asks for more memory than there
        is, a wrong shape, NaN, labels that do not fit, an option that does not concern the file.

    Examples
    --------
    >>> digits = load_data("digits")
    >>> digits
    DataSet(rows=(1797, 64), shape=[8, 8], axes='HW', labels=(1797), class_names=None)
    >>> digits.range
    (0.0, 16.0)
    """
    for word, text in (("array", array), ("label", label), ("ground", ground)):
        if text is not None:
            _checks.instance(word, text, str, "a text")
    if resize is not None and not isinstance(resize, int | str):
        resize = [_checks.whole("resize", side) for side in resize]
    name = joined(
        as_name(data),
        array=array,
        label=label,
        grey=_checks.flag("grey", grey) or None,
        ground=ground,
        resize=resize,
        scale=None if scale is None else _checks.number("scale", scale),
        shift=None if shift is None else _checks.number("shift", shift),
    )
    found = stored(name, state(name))
    _checks.settle(found, _map=None)  # whoever has the rows may write into them: they stay
    return replace(found, labels=None if found.labels is None else found.labels.clone())


@lru_cache(maxsize=4)
def stored(data: str, _: str) -> DataSet:
    """The same, read once per state of the data; nothing of it may be changed."""
    found, (_place, how) = read(data), split(data)
    values = _tensor(found.values)
    shape = tuple(values.shape[1:])
    rows = values.flatten(1) if values.ndim > 2 else values
    looked_at = rows if rows.is_floating_point() else rows[:1]  # whole numbers are finite
    _checks.stored(f"data {data}", looked_at, binary=False)
    if (how.scale, how.shift) != (1.0, 0.0):
        _checks.within_memory(16 * rows.numel(), f"data: scaled numbers of {data}")
        rows = rows.double() * how.scale + how.shift
    labels = None if found.labels is None else torch.from_numpy(found.labels)
    own = getattr(found.values, "_mmap", None) if rows.data_ptr() == values.data_ptr() else None
    return DataSet(rows, shape, found.axes or _axes(shape), labels, found.names, own)


def class_names(data: str) -> list[str] | None:
    """The name of each class, by its number; None where classes have no names.

    Parameters
    ----------
    data : as for `load_data`. Names are those of the sub-folders of a folder of images, or labels
        that are texts: in numeric order where all are numbers, otherwise in that of the alphabet
        with the numbers in them in numeric order, "run2" before "run10".

    Raises
    ------
    ValueError : no such file or folder, or images both in the folder and in sub-folders.

    Examples
    --------
    >>> class_names("digits") is None
    True
    """
    place, _ = split(as_name(data))
    if named.is_named(place):
        return named.class_names(place)
    if Path(place).is_dir() and images.files_in(Path(place)):  # none need be decoded
        return images.class_folders(Path(place), files_of(Path(place)))
    return stored(data, state(data)).class_names


def _tensor(values: np.ndarray) -> Tensor:
    """An array as a tensor that shares its memory where torch computes in its dtype."""
    if values.dtype.newbyteorder("=") not in _COMPUTED:
        values = values.astype(_WIDER.get(values.dtype.name, np.float64))
    elif not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    writable = values if values.flags.writeable else values.copy()  # torch wants no others
    return torch.from_numpy(np.ascontiguousarray(writable))


def _axes(shape: tuple[int, ...]) -> str:
    """The axes of a row by its shape, where it shows them."""
    if len(shape) == 2:
        return "HW"
    if len(shape) != 3 or (shape[0] in _CHANNELS) == (shape[2] in _CHANNELS):
        return ""
    return "CHW" if shape[0] in _CHANNELS else "HWC"
