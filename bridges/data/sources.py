"""Where data sets are read from: scikit-learn, openml.org, files and folders of images.

`read` gives the vectors as they are stored, images as bytes; `bridges.data.sets` makes patterns
of them. No file of a user's is ever unpickled.
"""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path

import numpy as np

from bridges import _checks
from diffusion.files import write_whole

NAMED = ("digits", "random", "mnist", "fashion")
ALLOWED = f"one of {', '.join(NAMED)}, a .npy or .npz file or a folder of images"
_OPENML = {"mnist": "mnist_784", "fashion": "Fashion-MNIST"}
_ARRAYS = (".npy", ".npz")
_LARGEST_LABEL = 2.0**53  # to which every whole number is a float
_IMAGES = (".png", ".jpg", ".jpeg")

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
            array = loaded if archive is None else _only_array(path, archive)
            labelled = archive is not None and "labels" in archive.files
            labels = loaded["labels"] if labelled else None
    except Exception as error:  # of zipfile, zlib, lzma, struct …: a broken file raises anything
        words = str(error) or type(error).__name__
        raise ValueError(f"data: {path} cannot be read: {words}") from error
    if not isinstance(array, np.ndarray) or not isinstance(labels, np.ndarray | None):
        raise ValueError(f"data: {path} must hold arrays alone, got other files in it")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"data: {path} must hold numbers, got dtype {array.dtype}")
    values: np.ndarray = np.ascontiguousarray(array, dtype=dtype)
    if values.ndim > 2:  # images: one row each
        values = values.reshape(len(values), -1)
    if dtype is np.float64:
        values = _checks.stored(f"data {path}", values, binary=False).numpy()
    return values, None if labels is None else _classes(path, labels, len(values))


def _only_array(path: Path, archive: np.lib.npyio.NpzFile) -> np.ndarray:
    names = [name for name in archive.files if name != "labels"]
    if "data" in names:
        return archive["data"]
    if len(names) == 1:
        return archive[names[0]]
    raise ValueError(f"{path} must hold one array, or one named 'data', got {names}")


def _classes(path: Path, labels: np.ndarray, count: int) -> np.ndarray:
    whole = labels.dtype.kind in "biuf" and bool(
        ((labels == np.floor(labels)) & (abs(labels.astype(float)) < _LARGEST_LABEL)).all()
    )
    if labels.shape != (count,) or not whole:
        raise ValueError(
            f"data: labels of {path} must be {count} whole numbers, got dtype {labels.dtype} "
            f"and shape {labels.shape}"
        )
    return labels.astype(np.int64)


def _images(folder: Path) -> list[Path]:
    """The images in a folder, or in its sub-folders, in the order of their names."""
    found = [
        path
        for path in (*folder.glob("*"), *folder.glob("*/*"))
        if path.suffix.lower() in _IMAGES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise ValueError(f"data: {folder} holds no images ({', '.join(_IMAGES)})")
    return sorted(found)


def _folder(folder: Path) -> Stored:
    """Images of one size in grey, one per row; a sub-folder is a class, by its name."""
    files = _images(folder)
    images = [_image(path) for path in files]
    for path, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            (height, width), (first, second) = image.shape, images[0].shape
            raise ValueError(
                f"data: images of {folder} must have one size, got {second}×{first} "
                f"({files[0].name}) and {width}×{height} ({path.name})"
            )
    rows = np.stack(images).reshape(len(images), -1)
    nested = [path.parent != folder for path in files]
    if not any(nested):
        return rows, None
    if not all(nested):
        raise ValueError(
            f"data: images of {folder} must lie in it, or all in sub-folders, one per class; "
            f"got {sum(nested)} of {len(nested)} in sub-folders"
        )
    return rows, np.unique([path.parent.name for path in files], return_inverse=True)[1]


def _image(path: Path) -> np.ndarray:
    """Grey levels 0 to 255, (height, width)."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode[0] in "IF":
                raise ValueError(f"its pixels have more than 8 bits (mode {image.mode})")
            return np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"data: {path} cannot be read: {error}") from error
