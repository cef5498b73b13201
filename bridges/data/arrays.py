"""Arrays on disk: .npy, which stay there, and .npz, whose sizes are known before they unfold.

A few bytes may ask for any amount of memory. So the head of an array is read first, and what it
asks for is held against the file and against the memory that may be taken.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from bridges import _checks
from bridges.data import labels
from bridges.data.members import chosen
from bridges.data.raw import Raw, reading

_LONGEST = 65_536  # bytes of a head of an array
_MAPPED = 2**26  # bytes from which a file stays on disk; it must then not change while in use
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # how numpy packs; others ask for memory


@dataclass(frozen=True)
class Head:
    """What the head of an array says: shape, dtype, bytes of all numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype
    bytes: int


def array(path: Path) -> Raw:
    """The array of a .npy file, or the arrays of data and labels of a .npz file."""
    with reading(path):
        packed = zipfile.is_zipfile(path)
    return _packed(path) if packed else _plain(path)


def _plain(path: Path) -> Raw:
    """One array, memory-mapped if it is large."""
    with reading(path), path.open("rb") as file:
        head = _head(file)
        left = path.stat().st_size - file.tell()
        if head.bytes > left:
            raise ValueError(f"it is cut short, after {left} of {head.bytes} bytes")
    refuse_no_numbers(path, head.dtype)
    with reading(path):
        if head.bytes >= _MAPPED:  # a copy on write: torch wants arrays that may be written to
            return Raw(np.load(path, mmap_mode="c", allow_pickle=False))
        return Raw(np.load(path, allow_pickle=False))


def _packed(path: Path) -> Raw:
    """The array of data of an archive, and its labels, if any."""
    with reading(path), zipfile.ZipFile(path) as archive:
        heads = {}
        for member in archive.infolist():
            own = member.filename.removesuffix(".npy")
            if own == member.filename:
                raise ValueError(f"it must hold arrays alone, got {own[:40]!r}")
            if member.compress_type not in _PLAIN:
                raise ValueError(f"{own[:40]!r} is packed in a way that numpy does not know")
            with archive.open(member) as file:
                heads[own] = _head(file)
            if heads[own].bytes > member.file_size:
                raise ValueError(f"{own[:40]!r} is cut short")
    data, name = chosen(path, {one: head.shape for one, head in heads.items()})
    refuse_no_numbers(path, heads[data].dtype)
    taken = heads[data].bytes
    if name is not None:
        count = (heads[data].shape or (0,))[0]
        labels.refuse_misfits(path, name, heads[name].dtype, heads[name].shape, count)
        taken += heads[name].bytes
    _checks.within_memory(taken, f"data: arrays of {path}")
    with reading(path), np.load(path, allow_pickle=False) as archive:
        values = archive[data]
        if name is None:
            return Raw(values)
        given = archive[name]
    return Raw(values, *labels.numbered(path, name, given, len(values)))


def refuse_no_numbers(path: Path, dtype: np.dtype) -> None:
    """Raise a ValueError for an array that is not of real numbers."""
    if dtype.kind not in "biuf":
        raise ValueError(f"data: {path} must hold real numbers, got dtype {dtype}")


def _head(file: IO[bytes]) -> Head:
    """The head of an array; the file then stands at its numbers."""
    version = npy_format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"a .npy file of version {version} is not known")
    size = file.read(2 if version == (1, 0) else 4)
    if int.from_bytes(size, "little") > _LONGEST:
        raise ValueError(f"its head has {int.from_bytes(size, 'little')} bytes, no array's does")
    file.seek(-len(size), 1)
    if version == (1, 0):
        shape, _, dtype = npy_format.read_array_header_1_0(file, max_header_size=_LONGEST)
    else:  # 3.0 differs in the names of fields alone, of which an array of numbers has none
        shape, _, dtype = npy_format.read_array_header_2_0(file, max_header_size=_LONGEST)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled")
    if min(shape, default=0) < 0:
        raise ValueError(f"its head has the shape {shape}")
    return Head(shape, dtype, prod(shape) * dtype.itemsize)
