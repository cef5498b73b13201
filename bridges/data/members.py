"""Files that hold several arrays by name: which are the data, which their labels, and how large."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bridges import _checks
from bridges.data import labels
from bridges.data.raw import Raw
from bridges.data.reading import Reading

_SHOWN = 8  # names that an error lists
_LABELS = ("label", "labels", "y", "target", "targets")  # in any case


@dataclass(frozen=True)
class Head:
    """What is known of an array before it is read: shape, dtype, bytes of all numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype
    bytes: int


@dataclass(frozen=True)
class Members:
    """The arrays of a file by name: their heads, and how one is read."""

    path: Path
    heads: Mapping[str, Head]
    take: Callable[[str], np.ndarray]


def is_label(name: str) -> bool:
    """Whether a name alone says that something holds labels."""
    return name.lower() in _LABELS


def label_column(path: Path, names: list[str], how: Reading) -> str | None:
    """The name of the column of labels of a table, if any.

    Raises
    ------
    ValueError : no such column, or several that may be meant.
    """
    if how.label is not None:
        if how.label not in names:
            raise ValueError(
                f"data: label of {path} must be a column, {_listed(names)}, got {how.label!r}"
            )
        return how.label
    place = {"x", "y"} <= {name.lower() for name in names}  # y is then a coordinate
    found = [name for name in names if is_label(name) and not (place and name.lower() == "y")]
    if len(found) > 1:
        raise ValueError(
            f"data: {path} must hold one column of labels, got {found}; say which with --label"
        )
    return found[0] if found and len(names) > 1 else None


def gathered(found: Members, how: Reading) -> Raw:
    """The data of a file and their labels, read once their heads are found to be good.

    Raises
    ------
    ValueError : no array, or several that may be meant; no numbers; labels that do not fit; more
        than memory holds.
    """
    path, heads = found.path, found.heads
    data, label = chosen(found, how)
    refuse_no_numbers(path, heads[data].dtype)
    count = (heads[data].shape or (0,))[0]
    if label is not None:
        labels.refuse_misfits(path, label, heads[label].dtype, _line(heads[label].shape), count)
    taken = sum(heads[name].bytes for name in (data, label) if name is not None)
    _checks.within_memory(taken, f"data: arrays of {path}")
    values = found.take(data)
    if label is None:
        return Raw(values)
    return Raw(values, *labels.numbered(path, label, found.take(label).reshape(-1), len(values)))


def refuse_no_numbers(path: Path, dtype: np.dtype) -> None:
    """Raise a ValueError for an array that is not of real numbers."""
    if dtype.kind not in "biuf":
        raise ValueError(f"data: {path} must hold real numbers, got dtype {dtype}")


def chosen(found: Members, how: Reading) -> tuple[str, str | None]:
    """The names of the array of data and of that of labels, if any. Raises ValueError."""
    path, names = found.path, list(found.heads)
    for option, name in (("array", how.array), ("label", how.label)):
        if name is not None and name not in names:
            raise ValueError(
                f"data: {option} of {path} must be one of {_listed(names)}, got {name!r}"
            )
    rest = [name for name in names if name != how.array]
    alone = how.array is None and len(names) == 1  # it is the data, whatever its name
    label = how.label or (None if alone else _labels(path, rest))
    left = [name for name in names if name != label]
    if how.array is not None:
        return how.array, label
    if "data" in left:
        return "data", label
    if len(left) != 1:
        raise ValueError(
            f"data: {path} must hold one array, or one named 'data', got {_listed(left)}; say "
            "which with --array"
        )
    return left[0], label


def _labels(path: Path, names: list[str]) -> str | None:
    """The array that holds labels, if any."""
    found = [name for name in names if is_label(name)]
    if not found:
        return None
    if "labels" in found:
        return "labels"
    if len(found) > 1:
        raise ValueError(
            f"data: {path} must hold one array of labels, or one named 'labels', got {found}; say "
            "which with --label"
        )
    return found[0]


def _listed(names: list[str]) -> str:
    """Names for an error, a few of them."""
    shown = ", ".join(map(repr, names[:_SHOWN])) or "none"
    return f"[{shown}, … {len(names)} in all]" if len(names) > _SHOWN else f"[{shown}]"


def _line(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of labels: a row or a column of them is a line."""
    long = tuple(n for n in shape if n != 1)
    return long if len(long) == 1 and len(shape) == 2 else shape
