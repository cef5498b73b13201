"""Which array of a file that holds several by name are the data, and which their labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_LABELS = ("label", "labels", "y", "target", "targets")  # in any case


def is_label(name: str) -> bool:
    """Whether a name alone says that something holds labels."""
    return name.lower() in _LABELS


def chosen(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str | None]:
    """The names of the array of data and of that of labels, if any.

    Parameters
    ----------
    path : the file, for errors.
    shapes : of the arrays, by name.

    Raises
    ------
    ValueError : none, or several that may be meant.
    """
    labels = _labels(path, list(shapes))
    names = [name for name in shapes if name != labels]
    if "data" in names:
        data = "data"
    elif len(names) == 1:
        data = names[0]
    else:
        raise ValueError(f"data: {path} must hold one array, or one named 'data', got {names}")
    return data, labels


def _labels(path: Path, names: list[str]) -> str | None:
    """The array that holds labels, beside one that does not."""
    found = [name for name in names if is_label(name)]
    if not found or len(names) == 1:
        return None
    if "labels" in found:
        return "labels"
    if len(found) > 1:
        raise ValueError(
            f"data: {path} must hold one array of labels, or one named 'labels', got {found}"
        )
    return found[0]
