"""IDX files, with or without gzip: the format of MNIST and of what has followed it."""

from __future__ import annotations

import gzip
import re
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from bridges import _checks
from bridges.data.images import scaled
from bridges.data.labels import numbered
from bridges.data.raw import Raw, reading
from bridges.data.reading import Reading

_NAME = re.compile(
    r"(?i).+[-.]idx\d-(?:ubyte|byte|short|int|float|double)(?:\.gz)?|.+\.idx(?:\.gz)?"
)
_DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_PARTS = ("train", "t10k")  # of a set, in this order
_MOST = 8  # dimensions


def is_idx(path: Path) -> bool:
    """Whether a file is called as IDX files are."""
    return _NAME.fullmatch(path.name) is not None


def files_of(path: Path) -> list[Path]:
    """The files of a set: images and their labels, of a folder or beside the file of images.

    None are found in a folder without images in this format.
    """
    if not path.is_dir():
        beside = _labels_of(path)
        return [path] if beside is None else [path, beside]
    images = [one for one in sorted(path.iterdir()) if is_idx(one) and "images" in one.name.lower()]
    known: dict[str, Path] = {}
    for one in images:  # with and without gzip are one
        known.setdefault(one.name.lower().removesuffix(".gz"), one)
    ordered = sorted(known.values(), key=lambda one: (_part(one), one.name))
    return [file for one in ordered for file in files_of(one)]


def idx(path: Path, how: Reading) -> Raw:
    """The images of a file, or of all in a folder, the training set first, with their labels."""
    how.refuse_all_but("IDX files", "resize")
    files = files_of(path)
    images = [one for one in files if path == one or "images" in one.name.lower()]
    found = [_array(one) for one in images]
    if any(one.shape[1:] != found[0].shape[1:] for one in found):
        sizes = ", ".join(f"{a.shape[1:]} ({f.name})" for a, f in zip(found, images, strict=True))
        raise ValueError(f"data: images of {path} must have one size, got {sizes}")
    values = scaled(np.concatenate(found) if len(found) > 1 else found[0], how)
    beside = [_labels_of(one) for one in images]
    if any(one is None for one in beside):
        return Raw(values, axes=_axes(values))
    given = np.concatenate([_array(one) for one in beside if one is not None])
    labels, _ = numbered(path, "labels", given, len(values))
    return Raw(values, labels, axes=_axes(values))


def _axes(values: np.ndarray) -> str:
    return "HW" if values.ndim == 3 else ""


def _part(path: Path) -> int:
    """Where the part of a set that a file holds comes in its order."""
    starts = [path.name.lower().startswith(part) for part in _PARTS]
    return starts.index(True) if any(starts) else len(_PARTS)


def _labels_of(images: Path) -> Path | None:
    """The file of labels beside one of images, where its name has the usual form."""
    if "images" not in images.name:
        return None
    name = images.name.replace("images", "labels")
    name = re.sub(r"idx\d", "idx1", name).removesuffix(".gz")
    return next(
        (one for one in (images.parent / name, images.parent / f"{name}.gz") if one.is_file()), None
    )


def _array(path: Path) -> np.ndarray:
    """The array of one file, once its head is found to fit into memory and the file."""
    with reading(path), _opened(path) as file:
        shape, dtype = _head(file)
    size = prod(shape) * dtype.itemsize
    _checks.within_memory(2 * size, f"data: numbers of {path}")
    with reading(path), _opened(path) as file:
        _head(file)
        content = file.read(size)
        if len(content) < size:
            raise ValueError(f"it is cut short, after {len(content)} of {size} bytes")
        if file.read(1):
            raise ValueError(f"it has more than the {size} bytes of its shape {shape}")
    return np.frombuffer(bytearray(content), dtype).reshape(shape)


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]


def _head(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype; the file then stands at its numbers."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise ValueError(f"it does not begin as an IDX file does, got {magic!r}")
    if not 1 <= magic[3] <= _MOST:
        raise ValueError(f"it has {magic[3]} dimensions, not 1 to {_MOST}")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ValueError("it is cut short in its head")
    return tuple(np.frombuffer(sizes, ">u4").tolist()), np.dtype(_DTYPES[magic[2]])
