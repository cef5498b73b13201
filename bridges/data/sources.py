"""Where data sets are read from: scikit-learn, openml.org, files and folders of images.

`read` gives the vectors as they are stored, images as bytes; `bridges.data.sets` makes patterns
of them. No file of a user's is ever unpickled.
"""

from __future__ import annotations

import io
import multiprocessing
import re
import sys
from collections.abc import Sequence
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridges import _checks
from diffusion.files import write_whole

if TYPE_CHECKING:
    from PIL.Image import Image

NAMED = ("digits", "random", "mnist", "fashion")
ALLOWED = f"one of {', '.join(NAMED)}, a .npy or .npz file or a folder of images"
_OPENML = {"mnist": "mnist_784", "fashion": "Fashion-MNIST"}
_ARRAYS = (".npy", ".npz")
_LARGEST_LABEL = 2.0**53  # to which every whole number is a float
_LABELS = ("label", "labels", "y", "target", "targets")  # of a .npz, in any case
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")  # no other decoder sees a file
_IMAGES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif"),
    *(".bmp", ".tif", ".tiff", ".webp"),
)
_DEPTHS = {"uint8": "8 bits", "int32": "16 or 32 bits", "float32": "floats"}

Stored = tuple[np.ndarray, np.ndarray | None]  # (n, N) vectors, (n,) classes where known


def read(data: str) -> Stored:
    """The vectors (n, N) of a data set as stored, and their classes (n,) where known.

    Raises
    ------
    ValueError : an unknown name, no such file or folder, or one that cannot be used; a set of
        openml.org that is neither here nor to be had.
    """
    if data == "random":
        raise ValueError("data: random patterns are drawn anew, none are stored")
    if data == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return digits.data, digits.target
    if data in _OPENML:
        return _openml(data)
    path = _existing(data)
    return _folder(path) if path.is_dir() else _array(path)


def fingerprint(data: str) -> str:
    """A digest of the content of a file or folder; the name of a data set that has one."""
    if data in NAMED:
        return data
    path = _existing(data)
    if not path.is_dir():
        return sha256(path.read_bytes()).hexdigest()
    digest = sha256()
    for image in _images(path):
        content = sha256(image.read_bytes()).hexdigest()
        digest.update(f"{image.relative_to(path).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def state(data: str) -> str:
    """As `fingerprint`, without reading each image again: by when it was last written."""
    path = Path(data)
    if data in NAMED or not path.is_dir():
        return fingerprint(data)
    written = ((image, image.stat()) for image in _images(path))
    return "\n".join(f"{image} {s.st_size} {s.st_mtime_ns}" for image, s in written)


def _existing(data: str) -> Path:
    path = Path(data)
    if path.is_dir():
        return path
    if path.suffix.lower() not in _ARRAYS:
        raise ValueError(f"data must be {ALLOWED}, got {data!r}")
    if not path.is_file():
        raise ValueError(f"data: no file {data!r}")
    return path


def _openml(name: str) -> Stored:
    """A set of openml.org, parsed once: its text takes a minute to read, its bytes none."""
    from sklearn.datasets import fetch_openml, get_data_home

    title = _OPENML[name]
    parsed = Path(get_data_home()) / f"{title}.npz"
    if parsed.exists():
        return _array(parsed, np.uint8)
    try:
        found = fetch_openml(title, version=1, as_frame=False, parser="liac-arff")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"data: {name} is not stored in {parsed.parent} and cannot be fetched from "
            f"openml.org ({error}); run once where there is a network, or pass a file of your own"
        ) from error
    rows = np.ascontiguousarray(found.data, dtype=np.uint8)
    labels = np.unique(np.asarray(found.target).astype(str), return_inverse=True)[1]
    content = io.BytesIO()
    np.savez_compressed(content, data=rows, labels=labels)
    write_whole(parsed, content.getvalue())
    return rows, labels


def _array(path: Path, dtype: type = np.float64) -> Stored:
    try:
        with path.open("rb") as file:  # closed whatever is wrong with it
            loaded = np.load(file, allow_pickle=False)
            archive = loaded if isinstance(loaded, np.lib.npyio.NpzFile) else None
            name = None if archive is None else _labels_in(path, archive.files)
            array = loaded if archive is None else _only_array(path, archive, name)
            labels = None if name is None else loaded[name]
    except Exception as error:  # of zipfile, zlib, lzma, struct …: a broken file raises anything
        words = str(error) or type(error).__name__
        raise ValueError(f"data: {path} cannot be read: {words}") from error
    if not isinstance(array, np.ndarray) or not isinstance(labels, np.ndarray | None):
        raise ValueError(f"data: {path} must hold arrays alone, got other files in it")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"data: {path} must hold real numbers, got dtype {array.dtype}")
    values: np.ndarray = np.ascontiguousarray(array, dtype=dtype)
    if values.ndim > 2:  # images: one row each
        values = values.reshape(len(values), -1)
    if dtype is np.float64:
        values = _checks.stored(f"data {path}", values, binary=False).numpy()
    return values, None if labels is None else _classes(path, f"{name}", labels, len(values))


def _labels_in(path: Path, names: Sequence[str]) -> str | None:
    """The array of an archive that holds labels, beside one that does not."""
    found = [name for name in names if name.lower() in _LABELS]
    if not found or len(names) == 1:
        return None
    if "labels" in found:
        return "labels"
    if len(found) > 1:
        raise ValueError(
            f"{path} must hold one array of labels, or one named 'labels', got {found}"
        )
    return found[0]


def _only_array(path: Path, archive: np.lib.npyio.NpzFile, labels: str | None) -> np.ndarray:
    names = [name for name in archive.files if name != labels]
    if "data" in names:
        return archive["data"]
    if len(names) == 1:
        return archive[names[0]]
    raise ValueError(f"{path} must hold one array, or one named 'data', got {names}")


def _classes(path: Path, name: str, labels: np.ndarray, count: int) -> np.ndarray:
    whole = labels.dtype.kind in "biuf" and bool(
        ((labels == np.floor(labels)) & (abs(labels.astype(float)) < _LARGEST_LABEL)).all()
    )
    if labels.shape != (count,) or not whole:
        raise ValueError(
            f"data: {name} of {path} must be {count} whole numbers, got dtype {labels.dtype} "
            f"and shape {labels.shape}"
        )
    return labels.astype(np.int64)


def first_image(folder: Path) -> np.ndarray:
    """The first image of a folder, (height, width) or (height, width, 3). Raises ValueError."""
    return _image(_images(folder)[0])[0]


def _images(folder: Path) -> list[Path]:
    """The images in a folder, or in its sub-folders, in the order of their names."""
    found = [
        path
        for path in (*folder.glob("*"), *folder.glob("*/*"))
        if path.suffix.lower() in _IMAGES and path.is_file() and not _hidden(path, folder)
    ]
    if not found:
        raise ValueError(f"data: {folder} holds no images ({', '.join(_IMAGES)})")
    return sorted(found)


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _folder(folder: Path) -> Stored:
    """Images of one size, one per row, (h·w·3) if one has colour; a sub-folder is a class."""
    files = _images(folder)
    images, frames = zip(*map(_image, files), strict=True)
    rows = _one_mode(folder, files, images)
    _say_left_out(folder, files, sum(count > 1 for count in frames))
    names = _class_folders(folder, files)
    if names is None:
        return rows, None
    return rows, np.array([names.index(path.parent.name) for path in files])


def class_names(data: str) -> list[str] | None:
    """The name of each class, by its number; None where classes have no names.

    Parameters
    ----------
    data : as for `load`. Names are those of the sub-folders of a folder of images: in numeric
        order where all are numbers, otherwise in that of the alphabet with the numbers in them in
        numeric order, "run2" before "run10".

    Raises
    ------
    ValueError : no such file or folder, or images both in the folder and in sub-folders.

    Examples
    --------
    >>> class_names("digits") is None
    True
    """
    if data in NAMED or not _existing(data).is_dir():
        return None
    return _class_folders(Path(data), _images(Path(data)))


def _class_folders(folder: Path, files: Sequence[Path]) -> list[str] | None:
    nested = [path.parent != folder for path in files]
    if not any(nested):
        return None
    if not all(nested):
        raise ValueError(
            f"data: images of {folder} must lie in it, or all in sub-folders, one per class; "
            f"got {sum(nested)} of {len(nested)} in sub-folders"
        )
    names = sorted({path.parent.name for path in files})
    if all(_is_number(name) for name in names):
        return sorted(names, key=float)
    return sorted(names, key=_by_numbers_within)


def _is_number(name: str) -> bool:
    try:
        return isfinite(float(name))
    except ValueError:
        return False


def _by_numbers_within(name: str) -> list[str | int]:
    """Text and whole numbers, by turns."""
    parts = re.split("([0-9]+)", name)
    return [int(part) if k % 2 else part for k, part in enumerate(parts)]


def _one_mode(folder: Path, files: Sequence[Path], images: Sequence[np.ndarray]) -> np.ndarray:
    """One row per image, all in grey or all in colour. Raises ValueError for several sizes."""
    for path, image in zip(files, images, strict=True):
        if image.shape[:2] != images[0].shape[:2]:
            (height, width), (high, wide) = image.shape[:2], images[0].shape[:2]
            raise ValueError(
                f"data: images of {folder} must have one size, got {wide}×{high} "
                f"({files[0].name}) and {width}×{height} ({path.name})"
            )
        if image.dtype != images[0].dtype:
            first, second = _DEPTHS[images[0].dtype.name], _DEPTHS[image.dtype.name]
            raise ValueError(
                f"data: images of {folder} must have one depth, got {first} "
                f"({files[0].name}) and {second} ({path.name})"
            )
    if any(image.ndim > 2 for image in images):
        images = [image if image.ndim > 2 else np.stack([image] * 3, -1) for image in images]
    rows = np.stack(images).reshape(len(images), -1)
    if rows.dtype == np.uint8:
        return rows
    return _checks.stored(f"data {folder}", rows.astype(np.float64), binary=False).numpy()


def _image(path: Path) -> tuple[np.ndarray, int]:
    """Grey levels (height, width), or (height, width, 3) of an image with colour; its frames.

    Upright, on white where it is transparent, the first frame of several; bytes 0 to 255, or the
    values of a grey image with more bits.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=_FORMATS) as image:
            deep = image.mode[0] in "IF"
            clear = "A" in image.getbands() or "transparency" in image.info
            cut = not deep and any(re.search(";16[BLN]", str(tile[3])) for tile in image.tile)
            if cut or (deep and clear):
                what = "transparency" if deep else "colour"
                raise ValueError(f"more than 8 bits with {what} are not read; pass a .npy file")
            frames = getattr(image, "n_frames", 1)
            upright = ImageOps.exif_transpose(image)
            if not deep:
                return _colours(upright, clear), frames
            values = np.asarray(upright)
            return values.astype(np.float32 if values.dtype.kind == "f" else np.int32), frames
    except Exception as error:  # of zlib, struct …: a broken file raises anything
        words = str(error) or type(error).__name__
        raise ValueError(f"data: {path} cannot be read: {words}") from error


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
    deeper = {path for path in left if path.suffix.lower() in _IMAGES}
    endings = {
        (path.suffix.lower() or "no ending") + (" in deeper folders" if path in deeper else "")
        for path in left
    }
    if left:
        listed = ", ".join(sorted(endings))
        print(f"data: {len(left)} other files of {folder} left out: {listed}", file=sys.stderr)
    if longer:
        print(f"data: only the first frame of {longer} images of {folder} is read", file=sys.stderr)
