"""Data sets known by name: scikit-learn's digits, MNIST and Fashion-MNIST; and what is drawn.

MNIST and Fashion-MNIST are looked for where people keep them, then where the system's package
manager puts them, then where scikit-learn keeps what it has fetched; only then are they fetched.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bridges.data import arrays, idx
from bridges.data.drawn import is_drawn
from bridges.data.images import scaled
from bridges.data.raw import Raw, in_a_line
from bridges.data.reading import AS_IT_IS, Reading
from diffusion.files import write_whole

NAMED = ("digits", "random", "clustered", "mnist", "fashion")
VARIABLE = "BRIDGES_DATA"  # of the environment: a folder of data sets
_OPENML = {"mnist": "mnist_784", "fashion": "Fashion-MNIST"}
_FOLDERS = {  # what people call theirs, in any case and with any of "-_ "
    "mnist": ("mnist",),
    "fashion": ("fashion", "fashionmnist"),
}
_PACKAGES = {"mnist": "dataset-mnist", "fashion": "dataset-fashion-mnist"}  # of Debian
_LISTS = Path("/var/lib/dpkg/info")  # where it lists the files of its packages
_DIGITS = "datasets/data/digits.csv.gz"  # of scikit-learn: rows of 8×8 values and a class
_SIDE = 28  # pixels of their images
_CLOTHES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"


def is_named(data: str) -> bool:
    """Whether data are known by name, and not by a place."""
    return data in NAMED or is_drawn(data)


def named(name: str, how: Reading) -> Raw:
    """The vectors of a data set that has a name.

    Raises
    ------
    ValueError : patterns that are drawn, not stored; a set that is neither here nor to be had.
    """
    how.refuse_all_but(f"{name!r}", *([] if is_drawn(name) else ["resize"]))
    if is_drawn(name):
        raise ValueError(f"data: {name} patterns are drawn anew, none are stored")
    if name == "digits":
        raw = _digits()
    else:
        folder = next(_folders(name), None)
        raw = _openml(name) if folder is None else idx.idx(folder, AS_IT_IS)
    return Raw(scaled(raw.values, how), raw.labels, class_names(name), raw.axes)


def class_names(name: str) -> list[str] | None:
    """The names of the classes of a set, where they have any besides their numbers."""
    return _CLOTHES.split(",") if name == "fashion" else None


def folder_in(place: Path, name: str) -> Path:
    """The folder below a place in which a set lies as IDX files.

    Raises
    ------
    ValueError : there is none, or the set is not one that comes so.
    """
    if name not in _FOLDERS:
        raise ValueError(f"data-dir is for {' and '.join(_FOLDERS)}, got data {name!r}")
    found = next(_below(place, name), None)
    if found is None:
        raise ValueError(f"data-dir: no IDX files of {name} in {place}, nor in a folder so called")
    return found


def _digits() -> Raw:
    """The digits, from the file that scikit-learn brings: its module takes long to load."""
    package = find_spec("sklearn")
    file = Path(package.origin or "").parent / _DIGITS if package else Path()
    if file.is_file():
        table = np.loadtxt(file, delimiter=",")
        return Raw(table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64), axes="HW")
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Raw(digits.images, digits.target.astype(np.int64), axes="HW")


def _folders(name: str) -> Iterator[Path]:
    """Where a set lies as IDX files, the likeliest first."""
    given = os.environ.get(VARIABLE)
    if given:
        yield from _below(Path(given), name)
    listed = _LISTS / f"{_PACKAGES[name]}.list"
    lines = listed.read_text(errors="replace").splitlines() if listed.is_file() else []
    yield from (
        Path(line).parent for line in lines if idx.is_idx(Path(line)) and Path(line).is_file()
    )


def _below(place: Path, name: str) -> Iterator[Path]:
    """The folder itself or ones in it, of the name of a set, or `raw` in them, with IDX files."""
    if not place.is_dir():
        return
    called = [one for one in (place, *sorted(place.iterdir())) if one.is_dir()]
    for one in called:
        if one.name.lower().translate({ord(c): None for c in "-_ "}) in _FOLDERS[name]:
            yield from (inner for inner in (one, one / "raw") if idx.files_of(inner))


def _openml(name: str) -> Raw:
    """A set of openml.org, parsed once: its text takes a minute to read, its bytes none."""
    from sklearn.datasets import fetch_openml, get_data_home

    title = _OPENML[name]
    parsed = Path(get_data_home()) / f"{title}.npz"
    if parsed.exists():
        kept = arrays.array(parsed, AS_IT_IS)
        return _images(kept.values.astype(np.uint8, copy=False), kept.labels)
    try:
        with warnings.catch_warnings():  # that it tries again is no news to who reads the error
            warnings.simplefilter("ignore", UserWarning)
            found = fetch_openml(title, version=1, as_frame=False, parser="liac-arff")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"data: {name} is not stored in {parsed.parent} and cannot be fetched from "
            f"openml.org ({in_a_line(error)}); run once where there is a network, install the "
            f"system's package {_PACKAGES[name]} where there is one, or name a folder that holds "
            f"{_FOLDERS[name][0]}/train-images-idx3-ubyte.gz and its like with --data-dir or in "
            f"the variable {VARIABLE}"
        ) from error
    rows = np.ascontiguousarray(found.data, dtype=np.uint8)
    labels = np.unique(np.asarray(found.target).astype(str), return_inverse=True)[1]
    content = io.BytesIO()
    np.savez_compressed(content, data=rows, labels=labels)
    write_whole(parsed, content.getvalue())
    return _images(rows, labels.astype(np.int64))


def _images(rows: np.ndarray, labels: np.ndarray | None) -> Raw:
    """Rows as square images where they are."""
    if rows.shape[1] == _SIDE**2:
        return Raw(rows.reshape(-1, _SIDE, _SIDE), labels, axes="HW")
    return Raw(rows, labels)
