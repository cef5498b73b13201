"""Arrays on disk: .npy, which stay there, and .npz, whose sizes are known before they unfold.

A few bytes may ask for any amount of memory. So the head of an array is read first, and what it
asks for is held against the file and against the memory that may be taken.
"""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from bridges.data.members import Head, Members, gathered, refuse_no_numbers
from bridges.data.raw import Raw, reading
from bridges.data.reading import AS_IT_IS, Reading

_LONGEST = 65_536  # bytes of a head of an array
MAPPED = 2**26  # bytes from which a file stays on disk; it must then not change while in use
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # how numpy packs; others ask for memory


def array(path: Path, how: Reading = AS_IT_IS) -> Raw:
    """The array of a .npy file, or the arrays of data and labels of a .npz file."""
    with reading(path):
        packed = zipfile.is_zipfile(path)
    return _packed(path, how) if packed else _plain(path, how)


def _plain(path: Path, how: Reading) -> Raw:
    """One array, memory-mapped if it is large."""
    how.refuse_all_but(".npy files")
    with reading(path), path.open("rb") as file:
        head = _head(file)
        left = path.stat().st_size - file.tell()
        if head.bytes > left:
            raise ValueError(f"it is cut short, after {left} of {head.bytes} bytes")
    refuse_no_numbers(path, head.dtype)
    with reading(path):
        if head.bytes >= MAPPED:  # a copy on write: torch wants arrays that may be written to
            return Raw(np.load(path, mmap_mode="c", allow_pickle=False))
        return Raw(np.load(path, allow_pickle=False))


def _packed(path: Path, how: Reading) -> Raw:
    """The array of data of an archive, and its labels, if any."""
    how.refuse_all_but(".npz files", "array", "label")
    with reading(path), zipfile.ZipFile(path) as archive:
        heads = {}
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                raise ValueError(f"it must hold arrays alone, got {name[:40]!r}")
            if member.compress_type not in _PLAIN:
                raise ValueError(f"{name[:40]!r} is packed in a way that numpy does not know")
            with archive.open(member) as file:
                heads[name] = _head(file)
            if heads[name].bytes > member.file_size:
                raise ValueError(f"{name[:40]!r} is cut short")

    def take(name: str) -> np.ndarray:
        with reading(path), np.load(path, allow_pickle=False) as archive:
            return archive[name]

    return gathered(Members(path, heads, take), how)


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
