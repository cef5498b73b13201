"""Folders of images as vectors: as their files say, and no more of them than memory allows.

A file of 20 kB may hold 13 000² pixels. All heads are read first; they say how much memory the
pixels will take, and which images cannot stand beside the others.
"""

from __future__ import annotations

import multiprocessing
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridges import _checks
from bridges.data.labels import in_order
from bridges.data.raw import Raw, reading

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")  # no other decoder sees a file
ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif"),
    *(".bmp", ".tif", ".tiff", ".webp"),
)
_DEPTHS = {"uint8": "8 bits", "int32": "16 or 32 bits", "float32": "floats"}
_WORK = 16  # bytes per pixel that a decoder may take, besides what is kept


@dataclass(frozen=True)
class _Head:
    """What the head of an image says. upright is known only once it is decoded."""

    path: Path
    size: tuple[int, int]
    dtype: str
    grey: bool
    several: bool

    @property
    def pixels(self) -> int:
        return self.size[0] * self.size[1]


def files_in(folder: Path) -> list[Path]:
    """The images in a folder, or in its sub-folders, in the order of their names."""
    found = [
        path
        for path in (*folder.glob("*"), *folder.glob("*/*"))
        if path.suffix.lower() in ENDINGS and path.is_file() and not _hidden(path, folder)
    ]
    if not found:
        raise ValueError(f"data: {folder} holds no images ({', '.join(ENDINGS)})")
    return sorted(found)


def folder(path: Path) -> Raw:
    """Images of one size, (n, h, w) or with colour (n, h, w, 3); a sub-folder is a class."""
    files = files_in(path)
    with _no_bomb_of_its_own():
        heads = [_head(one) for one in files]
        _refuse_unlike(path, heads)
        values = _decoded(path, heads)
    _say_left_out(path, files, sum(head.several for head in heads))
    names = class_folders(path, files)
    axes = "HWC" if values.ndim > 3 else "HW"
    if names is None:
        return Raw(values, axes=axes)
    number = {name: k for k, name in enumerate(names)}
    labels = np.array([number[one.parent.name] for one in files], dtype=np.int64)
    return Raw(values, labels, names, axes)


def class_folders(folder: Path, files: Sequence[Path]) -> list[str] | None:
    """The names of the sub-folders that images lie in, in order; None where there are none."""
    nested = [path.parent != folder for path in files]
    if not any(nested):
        return None
    if not all(nested):
        raise ValueError(
            f"data: images of {folder} must lie in it, or all in sub-folders, one per class; "
            f"got {sum(nested)} of {len(nested)} in sub-folders"
        )
    return in_order({path.parent.name for path in files})


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


@contextmanager
def _no_bomb_of_its_own() -> Iterator[None]:
    """The block in which our limit of memory rules, not the image library's warning."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _head(path: Path) -> _Head:
    """What an image says before it is decoded. Raises ValueError for what is not read."""
    from PIL import Image

    with reading(path), Image.open(path, formats=_FORMATS) as image:
        deep = image.mode[0] in "IF"
        cut = not deep and any(re.search(";16[BLN]", str(tile[3])) for tile in image.tile)
        if cut or (deep and _clear(image)):
            what = "transparency" if deep else "colour"
            raise ValueError(f"more than 8 bits with {what} are not read; pass a .npy file")
        dtype = {"I": "int32", "F": "float32"}.get(image.mode[0], "uint8")
        grey = deep or (image.mode in ("1", "L") and not _clear(image))
        return _Head(path, image.size, dtype, grey, getattr(image, "is_animated", False))


def _clear(image: Image) -> bool:
    """Whether an image may be transparent."""
    return "A" in image.getbands() or "transparency" in image.info


def _refuse_unlike(folder: Path, heads: Sequence[_Head]) -> None:
    """Raise a ValueError for images of several sizes or depths, and for more than memory holds."""
    first = heads[0]
    for head in heads:
        if sorted(head.size) != sorted(first.size):  # lying images may yet be turned upright
            _refuse_sizes(folder, first.path, first.size, head.path, head.size)
        if head.dtype != first.dtype:
            raise ValueError(
                f"data: images of {folder} must have one depth, got {_DEPTHS[first.dtype]} "
                f"({first.path.name}) and {_DEPTHS[head.dtype]} ({head.path.name})"
            )
    kept = len(heads) * first.pixels * _channels(heads) * np.dtype(first.dtype).itemsize
    width, height = first.size
    what = f"data: {len(heads)} images of {width}×{height} in {folder}"
    _checks.within_memory(kept + _WORK * first.pixels, what)


def _refuse_sizes(
    folder: Path, one: Path, size: Sequence[int], other: Path, unlike: Sequence[int]
) -> None:
    raise ValueError(
        f"data: images of {folder} must have one size, got {size[0]}×{size[1]} ({one.name}) and "
        f"{unlike[0]}×{unlike[1]} ({other.name})"
    )


def _channels(heads: Sequence[_Head]) -> int:
    """1 where no image can have colour, otherwise 3."""
    return 1 if all(head.grey for head in heads) else 3


def _decoded(folder: Path, heads: Sequence[_Head]) -> np.ndarray:
    """All images, grey ones in three equal colours if one has colour."""
    channels, colour = _channels(heads), False
    values = np.empty(0)
    for k, head in enumerate(heads):
        image = _image(head.path)
        if k == 0:
            shape = image.shape[:2]
            values = np.empty((len(heads), *shape, channels), head.dtype)
        elif image.shape[:2] != shape:
            sizes = shape[::-1], image.shape[1::-1]
            _refuse_sizes(folder, heads[0].path, sizes[0], head.path, sizes[1])
        colour |= image.ndim > 2
        values[k] = image if image.ndim > 2 else image[..., None]
    return values if colour else np.ascontiguousarray(values[..., 0])


def _image(path: Path) -> np.ndarray:
    """Grey levels (height, width), or (height, width, 3) of an image with colour.

    Upright, on white where it is transparent, the first frame of several; bytes 0 to 255, or the
    values of a grey image with more bits.
    """
    from PIL import Image, ImageOps

    with reading(path), Image.open(path, formats=_FORMATS) as image:
        clear = _clear(image)
        upright = ImageOps.exif_transpose(image)
        return np.asarray(upright) if image.mode[0] in "IF" else _colours(upright, clear)


def _colours(image: Image, clear: bool) -> np.ndarray:
    """Bytes on white: grey ones, of an image whose three colours are the same."""
    from PIL import Image

    if clear:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    elif image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    colours = np.asarray(image.convert("RGB"))
    grey = (colours == colours[..., :1]).all()
    return colours[..., 0] if grey else colours


def _say_left_out(folder: Path, files: Sequence[Path], longer: int) -> None:
    """Say on standard error, once for all workers, what of a folder is not read."""
    if multiprocessing.parent_process() is not None:
        return
    taken = set(files)
    left = [
        path
        for path in folder.rglob("*")
        if path not in taken and path.is_file() and not _hidden(path, folder)
    ]
    deeper = {path for path in left if path.suffix.lower() in ENDINGS}
    endings = {
        (path.suffix.lower() or "no ending") + (" in deeper folders" if path in deeper else "")
        for path in left
    }
    if left:
        listed = ", ".join(sorted(endings))
        print(f"data: {len(left)} other files of {folder} left out: {listed}", file=sys.stderr)
    if longer:
        print(f"data: only the first frame of {longer} images of {folder} is read", file=sys.stderr)
