"""The .mat files of MATLAB: of version 5 by scipy, of version 7.3, which are HDF5, by h5py."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from bridges.data.hdf5 import members
from bridges.data.members import Head, Members, chosen, gathered
from bridges.data.raw import Raw, reading
from bridges.data.reading import Reading

_DTYPES = {
    "double": "f8",
    "single": "f4",
    "logical": "?",
    "char": "U1",
    **{f"int{8 * size}": f"i{size}" for size in (1, 2, 4, 8)},
    **{f"uint{8 * size}": f"u{size}" for size in (1, 2, 4, 8)},
}
_OWN = "#"  # how names begin that MATLAB gives itself


def mat(path: Path, how: Reading) -> Raw:
    """The arrays of a .mat file; rows stand along its last axis where the labels do."""
    how.refuse_all_but(".mat files", "array", "label")
    with reading(path), path.open("rb") as file:
        new = b"MATLAB 7.3" in file.read(128)
    return gathered(_rows_first(_of_version_7(path) if new else _of_version_5(path), how), how)


def _of_version_5(path: Path) -> Members:
    from scipy.io import loadmat, whosmat

    with reading(path):
        heads = {name: _head(shape, kind) for name, shape, kind in whosmat(path)}

    def take(name: str) -> np.ndarray:
        with reading(path):
            return loadmat(path, variable_names=[name])[name]

    return Members(path, heads, take)


def _head(shape: tuple[int, ...], kind: str) -> Head:
    dtype = np.dtype(_DTYPES.get(kind, "O"))
    return Head(shape, dtype, prod(shape) * dtype.itemsize)


def _of_version_7(path: Path) -> Members:
    """The same of an HDF5 file, in which axes come in the other order."""
    found = members(path)
    heads = {
        name: Head(head.shape[::-1], head.dtype, head.bytes)
        for name, head in found.heads.items()
        if not name.startswith(_OWN)
    }
    return Members(path, heads, lambda name: found.take(name).T)


def _rows_first(found: Members, how: Reading) -> Members:
    """The same with the axis of the data first that has a label for each entry."""
    data, label = chosen(found, how)
    shape = found.heads[data].shape
    if label is None or len(shape) < 2 or not _is_last(shape, prod(found.heads[label].shape)):
        return found
    moved = Head((shape[-1], *shape[:-1]), found.heads[data].dtype, found.heads[data].bytes)

    def take(name: str) -> np.ndarray:
        value = found.take(name)
        return np.moveaxis(value, -1, 0) if name == data else value

    return Members(found.path, {**found.heads, data: moved}, take)


def _is_last(shape: tuple[int, ...], count: int) -> bool:
    return shape[0] != count == shape[-1]
