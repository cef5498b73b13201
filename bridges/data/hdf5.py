"""HDF5 files, by h5py of the extra `data`."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from bridges.data.arrays import MAPPED
from bridges.data.members import Head, Members, gathered
from bridges.data.raw import Raw, need, reading
from bridges.data.reading import Reading


def hdf5(path: Path, how: Reading) -> Raw:
    """The datasets of an HDF5 file, also in its groups."""
    how.refuse_all_but("HDF5 files", "array", "label")
    return gathered(members(path), how)


def members(path: Path) -> Members:
    """The datasets of an HDF5 file by name, "group/name" in groups.

    Raises
    ------
    ValueError : h5py is not installed, or no HDF5 file.
    """
    library = need("h5py", "HDF5 files")
    heads: dict[str, Head] = {}

    def visit(name: str, one: Any) -> None:
        if isinstance(one, library.Dataset):
            heads[name] = _head(library, one)

    with reading(path), library.File(path, "r") as file:
        file.visititems(visit)

    def take(name: str) -> np.ndarray:
        with reading(path), library.File(path, "r") as file:
            return _taken(path, library, file[name])

    return Members(path, heads, take)


def _head(library: Any, dataset: Any) -> Head:
    shape, dtype = dataset.shape or (), dataset.dtype
    if library.check_string_dtype(dtype) is not None:
        dtype = np.dtype("U1")
    return Head(shape, dtype, prod(shape) * dtype.itemsize)


def _taken(path: Path, library: Any, dataset: Any) -> np.ndarray:
    """The numbers of a dataset, mapped where they lie in one large piece."""
    if library.check_string_dtype(dataset.dtype) is not None:
        return dataset.asstr()[()].astype(str)
    offset = dataset.id.get_offset()
    if offset is not None and dataset.nbytes >= MAPPED and dataset.external is None:
        return np.memmap(path, dataset.dtype, "c", offset, dataset.shape)
    return dataset[()]
