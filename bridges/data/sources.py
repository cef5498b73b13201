"""Where data sets are read from: names, files of many formats, and folders.

`read` gives values as they are stored; `bridges.data.sets` makes patterns of them. No file of a
user's is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import file_digest, sha256
from importlib import import_module
from pathlib import Path

from bridges import _checks
from bridges.data import idx, images
from bridges.data.drawn import clusters_of, is_drawn
from bridges.data.named import NAMED, is_named, named
from bridges.data.raw import Raw
from bridges.data.reading import Reading, split

_FORMATS = {  # ending: where and by what it is read
    **dict.fromkeys((".npy", ".npz"), ("arrays", "array")),
    **dict.fromkeys((".csv", ".tsv"), ("tables", "table")),
    **dict.fromkeys((".parquet", ".pq"), ("parquet", "parquet")),
    **dict.fromkeys((".h5", ".hdf5", ".hdf"), ("hdf5", "hdf5")),
    **dict.fromkeys((".pt", ".pth"), ("tensors", "torch_file")),
    ".mat": ("matlab", "mat"),
    ".safetensors": ("tensors", "safetensors"),
}
ALLOWED = (
    f"one of {', '.join(NAMED)}, a .npy or .npz file or a folder of images, or a file that ends "
    f"in {', '.join(sorted(_FORMATS.keys() - {'.npy', '.npz'}))} or idx3-ubyte(.gz)"
)


def as_name(data: str | Path) -> str:
    """A data set by its name, or by the path of a file or folder. Raises ValueError."""
    _checks.instance("data", data, (str, Path), ALLOWED)
    if not str(data):  # it would be the folder one is in
        raise ValueError(f"data must be {ALLOWED}, got no text")
    return str(data)


def read(data: str) -> Raw:
    """What a data set holds, as it is stored.

    Raises
    ------
    ValueError : an unknown name, no such file or folder, or one that cannot be used; a set of
        openml.org that is neither here nor to be had.
    """
    place, how = split(data)
    if is_named(place):
        return named(place, how)
    path = _existing(place)
    if idx.is_idx(path) or (path.is_dir() and idx.files_of(path)):
        return idx.idx(path, how)
    if path.is_dir():
        return images.folder(path, files_of(path), how)
    return _reader(path)(path, how)


def _reader(path: Path) -> Callable[[Path, Reading], Raw]:
    module, name = _FORMATS[path.suffix.lower()]
    return getattr(import_module(f"bridges.data.{module}"), name)


def fingerprint(data: str) -> str:
    """A digest of the content of a file or folder; the name of a data set that has one."""
    data = as_name(data)
    place, _ = split(data)
    return _fingerprint(place, state(place))


@lru_cache(maxsize=16)
def _fingerprint(place: str, _: str) -> str:
    """The same, read once per state."""
    if is_named(place):
        return place
    path = _existing(place)
    files = files_of(path)
    if files == [path]:
        return _digest(path)
    digest = sha256()
    for file in files:
        name = file.relative_to(path if path.is_dir() else path.parent).as_posix()
        digest.update(f"{name} {_digest(file)}\n".encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def state(data: str) -> str:
    """What changes with the content of a data set and is known without reading it.

    Its name, and when its files were last written.
    """
    place, _ = split(as_name(data))
    if is_drawn(place):
        clusters_of(place)  # refuses parameters that they do not have
    if is_named(place):
        return place
    written = ((file, file.stat()) for file in files_of(_existing(place)))
    return "\n".join(
        f"{file} {s.st_ino} {s.st_size} {s.st_mtime_ns} {s.st_ctime_ns}" for file, s in written
    )


def files_of(path: Path) -> list[Path]:
    """All files that a data set is read from. Raises ValueError for a folder without any."""
    if not path.is_dir():
        return idx.files_of(path) if idx.is_idx(path) else [path]
    found = idx.files_of(path) or images.files_in(path)
    if not found:
        endings = ", ".join(images.ENDINGS)
        raise ValueError(f"data: {path} holds no images ({endings}) and no IDX files")
    return found


def holds_images(data: str) -> bool:
    """Whether a data set is a folder of images or may be a table of them."""
    path = Path(split(data)[0])
    return path.suffix.lower() in (".parquet", ".pq") or (path.is_dir() and not idx.files_of(path))


def _existing(place: str) -> Path:
    path = Path(place)
    try:
        if path.is_dir():
            return path
    except OSError as error:  # a name that no file can have
        raise ValueError(f"data: no file {_checks.shown(place)}") from error
    if path.suffix.lower() not in _FORMATS and not idx.is_idx(path):
        raise ValueError(f"data must be {ALLOWED}, got {place!r}")
    if not path.is_file():
        raise ValueError(f"data: no file {place!r}")
    return path
