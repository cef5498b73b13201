"""Labels as numbers of classes, and classes by their names in an order that people expect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from pathlib import Path

import numpy as np

_LARGEST = 2.0**53  # to which every whole number is a float
_TEXT = "US"  # kinds of dtypes


def refuse_misfits(path: Path, name: str, dtype: np.dtype, shape: object, count: int) -> None:
    """Raise a ValueError for an array that cannot hold a label per row, before it is read."""
    if shape != (count,) or dtype.kind not in "biuf" + _TEXT:
        _refuse(path, name, dtype, shape, count)


def numbered(
    path: Path, name: str, labels: np.ndarray, count: int
) -> tuple[np.ndarray, list[str] | None]:
    """Labels (count,) as int64 and, of texts, the names of the classes by these numbers.

    Raises
    ------
    ValueError : another number of labels, or numbers that are not whole.
    """
    refuse_misfits(path, name, labels.dtype, labels.shape, count)
    if labels.dtype.kind in _TEXT:
        texts = np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels
        names = in_order(set(texts.tolist()))
        number = {one: k for k, one in enumerate(names)}
        return np.array([number[one] for one in texts.tolist()], dtype=np.int64), names
    whole = (labels == np.floor(labels)) & (abs(labels.astype(float)) < _LARGEST)
    if not whole.all():
        _refuse(path, name, labels.dtype, labels.shape, count)
    return labels.astype(np.int64), None


def _refuse(path: Path, name: str, dtype: np.dtype, shape: object, count: int) -> None:
    raise ValueError(
        f"data: {name} of {path} must be {count} whole numbers or names, got dtype "
        f"{dtype} and shape {shape}"
    )


def in_order(names: Iterable[str]) -> list[str]:
    """Names of classes: in numeric order where all are numbers, otherwise in that of the alphabet
    with the numbers in them in numeric order, "run2" before "run10".

    Examples
    --------
    >>> in_order(["run10", "run2"]), in_order(["10", "9", "1e1"])
    (['run2', 'run10'], ['9', '10', '1e1'])
    """
    found = sorted(names)
    if all(_is_number(name) for name in found):
        return sorted(found, key=float)
    return sorted(found, key=_by_numbers_within)


def _is_number(name: str) -> bool:
    try:
        return isfinite(float(name))
    except ValueError:
        return False


def _by_numbers_within(name: str) -> list[str | int]:
    """Text and whole numbers, by turns."""
    parts = re.split("([0-9]+)", name)
    return [int(part) if k % 2 else part for k, part in enumerate(parts)]
