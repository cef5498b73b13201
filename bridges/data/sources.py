"""Where data sets are read from: names, files and folders of images.

`read` gives values as they are stored; `bridges.data.sets` makes patterns of them. No file of a
user's is ever unpickled.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path

from bridges.data import arrays, images
from bridges.data.named import NAMED, named
from bridges.data.raw import Raw

ALLOWED = f"one of {', '.join(NAMED)}, a .npy or .npz file or a folder of images"
_ARRAYS = (".npy", ".npz")


def read(data: str) -> Raw:
    """What a data set holds, as it is stored.

    Raises
    ------
    ValueError : an unknown name, no such file or folder, or one that cannot be used; a set of
        openml.org that is neither here nor to be had.
    """
    if data in NAMED:
        return named(data)
    path = _existing(data)
    return images.folder(path) if path.is_dir() else arrays.array(path)


def fingerprint(data: str) -> str:
    """A digest of the content of a file or folder; the name of a data set that has one."""
    return _fingerprint(data, state(data))


@lru_cache(maxsize=16)
def _fingerprint(data: str, _: str) -> str:
    """The same, read once per state."""
    if data in NAMED:
        return data
    path = _existing(data)
    if not path.is_dir():
        return _digest(path)
    digest = sha256()
    for image in images.files_in(path):
        digest.update(f"{image.relative_to(path).as_posix()} {_digest(image)}\n".encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def state(data: str) -> str:
    """What changes with the content of a data set and is known without reading it.

    Its name, and when its files were last written.
    """
    if data in NAMED:
        return data
    written = ((file, file.stat()) for file in _files(_existing(data)))
    return "\n".join(
        f"{file} {s.st_ino} {s.st_size} {s.st_mtime_ns} {s.st_ctime_ns}" for file, s in written
    )


def _files(path: Path) -> list[Path]:
    """All files that a data set is read from."""
    return images.files_in(path) if path.is_dir() else [path]


def _existing(data: str) -> Path:
    path = Path(data)
    if path.is_dir():
        return path
    if path.suffix.lower() not in _ARRAYS:
        raise ValueError(f"data must be {ALLOWED}, got {data!r}")
    if not path.is_file():
        raise ValueError(f"data: no file {data!r}")
    return path


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
    return images.class_folders(Path(data), images.files_in(Path(data)))
