"""Data sets known by name: scikit-learn's digits, MNIST and Fashion-MNIST."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from bridges.data import arrays
from bridges.data.raw import Raw
from diffusion.files import write_whole

NAMED = ("digits", "random", "mnist", "fashion")
_OPENML = {"mnist": "mnist_784", "fashion": "Fashion-MNIST"}
_SIDE = 28  # pixels of their images


def named(name: str) -> Raw:
    """The vectors of a data set that has a name.

    Raises
    ------
    ValueError : random patterns, which are not stored; a set of openml.org that is neither here
        nor to be had.
    """
    if name == "random":
        raise ValueError("data: random patterns are drawn anew, none are stored")
    if name == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Raw(digits.images, digits.target.astype(np.int64), axes="HW")
    return _openml(name)


def _openml(name: str) -> Raw:
    """A set of openml.org, parsed once: its text takes a minute to read, its bytes none."""
    from sklearn.datasets import fetch_openml, get_data_home

    title = _OPENML[name]
    parsed = Path(get_data_home()) / f"{title}.npz"
    if parsed.exists():
        kept = arrays.array(parsed)
        return _images(kept.values.astype(np.uint8, copy=False), kept.labels)
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
    return _images(rows, labels.astype(np.int64))


def _images(rows: np.ndarray, labels: np.ndarray | None) -> Raw:
    """Rows as square images where they are."""
    if rows.shape[1] == _SIDE**2:
        return Raw(rows.reshape(-1, _SIDE, _SIDE), labels, axes="HW")
    return Raw(rows, labels)
