"""Folders of images as vectors: as their files say, and no more of them than memory allows.

A file of 20 kB may hold 13 000² pixels. All heads are read first; they say how much memory the
pixels will take, and which images cannot stand beside the others.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridges import _checks
from bridges.data.labels import in_order
from bridges.data.raw import Raw, reading, say
from bridges.data.reading import Reading

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_COMMON = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")  # any of them under any of their endings
_OTHERS = {  # each under its own; no other decoder sees a file, least of all one that runs programs
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), "PPM"),
    **dict.fromkeys((".jp2", ".j2k", ".jpf", ".jpx"), "JPEG2000"),
    **dict.fromkeys((".sgi", ".rgb", ".rgba", ".bw"), "SGI"),
    ".avif": "AVIF",
    ".tga": "TGA",
    ".pcx": "PCX",
    ".qoi": "QOI",
    ".ico": "ICO",
}
ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
    *_OTHERS,
)
_LEVELS = ("*", "*/*"), ("*/*/*",)  # where images lie; the second where there are none in the first
_DEPTHS = {"uint8": "8 bits", "int32": "16 or 32 bits", "float32": "floats"}
_WORK = 16  # bytes per pixel that a decoder may take, besides what is kept


@dataclass(frozen=True)
class Picture:
    """A file of an image, or its bytes under a name."""

    path: Path
    content: bytes | None = None

    @contextmanager
    def opened(self) -> Iterator[ImageFile]:
        """The image, not yet decoded. Raises ValueError for whatever a broken one raises."""
        from PIL import Image

        own = _OTHERS.get(self.path.suffix.lower())
        source = self.path if self.content is None else io.BytesIO(self.content)
        formats = _COMMON if own is None else (own,)
        with reading(self.path), Image.open(source, formats=formats) as image:
            yield image


@dataclass(frozen=True)
class _Head:
    """What the head of an image says; which side is up is known only once it is decoded."""

    picture: Picture
    size: tuple[int, int]
    dtype: str
    grey: bool
    several: bool


def files_in(folder: Path) -> list[Path]:
    """The images in a folder, or in its sub-folders, in the order of their names.

    Where there are none, those in sub-folders of sub-folders.
    """
    for level in _LEVELS:
        found = [
            path
            for pattern in level
            for path in folder.glob(pattern)
            if path.suffix.lower() in ENDINGS and path.is_file() and not _hidden(path, folder)
        ]
        if found:
            return sorted(found)
    return []


def folder(path: Path, files: Sequence[Path], how: Reading) -> Raw:
    """Images of one size, (n, h, w) or with colour (n, h, w, 3); a sub-folder is a class."""
    how.refuse_all_but("folders of images", "grey", "ground", "resize")
    values, several = pixels(path, [Picture(file) for file in files], how)
    _say_left_out(path, files, several)
    axes = "HWC" if values.ndim > 3 else "HW"
    names = class_folders(path, files)
    if names is None:
        return Raw(values, axes=axes)
    number = {name: k for k, name in enumerate(names)}
    labels = np.array([number[one.parent.name] for one in files], dtype=np.int64)
    return Raw(values, labels, names, axes)


def pixels(place: Path, pictures: Sequence[Picture], how: Reading) -> tuple[np.ndarray, int]:
    """All images as one array, and how many of them have further frames.

    Parameters
    ----------
    place : where they lie, for errors.
    pictures : at least one.
    how : their size, ground and colours.

    Raises
    ------
    ValueError : an image that cannot be read, several sizes or depths, more than memory holds.
    """
    ground = _ground(how.ground)
    with _no_bomb_of_its_own():
        heads = [_head(one) for one in pictures]
        _refuse_unlike(place, heads, how)
        return _decoded(place, heads, how, ground), sum(head.several for head in heads)


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


def _ground(name: str) -> tuple[int, ...]:
    """The colour that shows where an image is transparent. Raises ValueError."""
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(name)[:3]
    except ValueError as error:
        raise ValueError(
            f"ground must be the name of a colour, or #rrggbb, got {name!r}"
        ) from error


@contextmanager
def _no_bomb_of_its_own() -> Iterator[None]:
    """The block in which our limit of memory rules, not the image library's warning."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _head(picture: Picture) -> _Head:
    """What an image says before it is decoded. Raises ValueError for what is not read."""
    with picture.opened() as image:
        deep = image.mode[0] in "IF"
        cut = not deep and any(re.search(";16[BLN]", str(tile[3])) for tile in image.tile)
        if cut or (deep and _clear(image)):
            what = "transparency" if deep else "colour"
            raise ValueError(f"more than 8 bits with {what} are not read; pass a .npy file")
        dtype = {"I": "int32", "F": "float32"}.get(image.mode[0], "uint8")
        grey = deep or (image.mode in ("1", "L") and not _clear(image))
        return _Head(picture, image.size, dtype, grey, getattr(image, "is_animated", False))


def _clear(image: Image) -> bool:
    """Whether an image may be transparent."""
    return "A" in image.getbands() or "transparency" in image.info


def _refuse_unlike(place: Path, heads: Sequence[_Head], how: Reading) -> None:
    """Raise a ValueError for images of several sizes or depths, and for more than memory holds."""
    first = heads[0]
    for head in heads:
        unlike = sorted(head.size) != sorted(first.size)  # lying images may yet be turned upright
        if unlike and how.resize is None:
            _refuse_sizes(place, first, first.size, head, head.size)
        if head.dtype != first.dtype:
            raise ValueError(
                f"data: images of {place} must have one depth, got {_DEPTHS[first.dtype]} "
                f"({first.picture.path.name}) and {_DEPTHS[head.dtype]} ({head.picture.path.name})"
            )
    width, height = how.resize or first.size
    bytes_each = _channels(heads, how) * np.dtype(first.dtype).itemsize
    largest = max(head.size[0] * head.size[1] for head in heads)
    _checks.within_memory(
        len(heads) * width * height * bytes_each + _WORK * largest,
        f"data: {len(heads)} images of {width}×{height} in {place}",
    )


def _refuse_sizes(
    place: Path, one: _Head, size: Sequence[int], other: _Head, unlike: Sequence[int]
) -> None:
    raise ValueError(
        f"data: images of {place} must have one size, got {size[0]}×{size[1]} "
        f"({one.picture.path.name}) and {unlike[0]}×{unlike[1]} ({other.picture.path.name}); bring "
        f"them to one with --resize {min(*size, *unlike)}"
    )


def _channels(heads: Sequence[_Head], how: Reading) -> int:
    """1 where no image can have colour, otherwise 3."""
    return 1 if how.grey or all(head.grey for head in heads) else 3


def _decoded(
    place: Path, heads: Sequence[_Head], how: Reading, ground: tuple[int, ...]
) -> np.ndarray:
    """All images, grey ones in three equal colours if one has colour."""
    channels, colour = _channels(heads, how), False
    values = np.empty(0)
    for k, head in enumerate(heads):
        image = _image(head.picture, how, ground)
        if k == 0:
            shape = image.shape[:2]
            values = np.empty((len(heads), *shape, channels), head.dtype)
        elif image.shape[:2] != shape:
            _refuse_sizes(place, heads[0], shape[::-1], head, image.shape[1::-1])
        colour |= image.ndim > 2
        values[k] = image if image.ndim > 2 else image[..., None]
    return values if colour else np.ascontiguousarray(values[..., 0])


def _image(picture: Picture, how: Reading, ground: tuple[int, ...]) -> np.ndarray:
    """Grey levels (height, width), or (height, width, 3) of an image with colour.

    Upright, on the ground where it is transparent, the first frame of several; bytes 0 to 255, or
    the values of a grey image with more bits.
    """
    from PIL import ImageOps

    with picture.opened() as image:
        clear = _clear(image)
        upright = ImageOps.exif_transpose(image)
        if image.mode[0] in "IF":
            wide = upright.convert(image.mode[0]) if how.resize else upright  # which can be scaled
            return np.asarray(_resized(wide, how))
        return _colours(upright, clear, how, ground)


def scaled(values: np.ndarray, how: Reading) -> np.ndarray:
    """Grey images (n, height, width), stored as numbers, in the size that is asked for.

    Bytes stay bytes; other numbers are scaled in single precision.
    """
    if how.resize is None or how.resize == values.shape[:0:-1]:
        return values
    from PIL import Image  # slow to load, and needed by few

    if values.ndim != 3:
        raise ValueError(
            f"data: resize concerns images (height, width), got rows of shape {values.shape[1:]}"
        )
    width, height = how.resize
    kind = np.uint8 if values.dtype == np.uint8 else np.float32
    small = np.empty((len(values), height, width), kind)
    _checks.within_memory(small.nbytes, f"data: {len(values)} images of {width}×{height}")
    for k, one in enumerate(values):
        small[k] = _resized(Image.fromarray(one.astype(kind, copy=False)), how)
    return small


def _resized(image: Image, how: Reading) -> Image:
    """An image scaled, not cut, to the size that is asked for."""
    from PIL import Image

    if how.resize is None or image.size == how.resize:
        return image
    return image.resize(how.resize, Image.Resampling.LANCZOS)


def _colours(image: Image, clear: bool, how: Reading, ground: tuple[int, ...]) -> np.ndarray:
    """Bytes on the ground: grey ones, of an image whose three colours are the same."""
    from PIL import Image

    if clear:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (*ground, 255)), image)
    elif image.mode in ("1", "L"):
        return np.asarray(_resized(image.convert("L"), how))
    colours = np.asarray(_resized(image.convert("RGB"), how))
    if (colours == colours[..., :1]).all():
        return colours[..., 0]
    return np.asarray(Image.fromarray(colours).convert("L")) if how.grey else colours


def _say_left_out(folder: Path, files: Sequence[Path], longer: int) -> None:
    """Say what of a folder is not read."""
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
        say(f"data: {len(left)} other files of {folder} left out: {listed}")
    if longer:
        say(f"data: only the first frame of {longer} images of {folder} is read")
