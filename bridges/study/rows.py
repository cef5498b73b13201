"""What may stand in a record: plain JSON values, and rows of which each says one thing once.

Values and settings come from measures and callers that anyone writes; they are converted and
checked here, where they enter, and trusted ever after.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

Point = dict[str, Any]
Row = dict[str, Any]

_RESERVED = ("sem", "n")  # columns that the table of results adds
_EXACT = 2**53  # whole numbers up to here are numbers of double precision
_DEEPEST = 20  # levels of lists and dictionaries in a setting


def plain_rows(rows: Any) -> list[Row]:
    """Rows as a record holds them; scalars of numpy and torch become plain numbers.

    Parameters
    ----------
    rows : what a measure returned, an iterable of dictionaries. Each has a "quantity", a "value"
        (a number; NaN where the sample has none) and labels that tell it from the others.

    Returns
    -------
    list of new dictionaries.

    Raises
    ------
    ValueError : what is no row, in a sentence; or two rows of the same quantity and labels.

    Examples
    --------
    >>> import numpy as np
    >>> plain_rows([{"quantity": "q", "at": np.int64(3), "value": np.float32(0.5)}])
    [{'quantity': 'q', 'at': 3, 'value': 0.5}]
    """
    if isinstance(rows, str | bytes | Mapping) or not hasattr(rows, "__iter__"):
        raise ValueError(f"measure must return a list of rows, got {_short(rows)}")
    found = [_plain_row(row) for row in rows]
    labels = set()
    for row in found:
        label = tuple(sorted((k, v, type(v) is str) for k, v in row.items() if k != "value"))
        if label in labels:
            words = ", ".join(f"{k} = {v}" for k, v in row.items() if k != "value")
            raise ValueError(f"measure must return each row once, got two of {words}")
        labels.add(label)
    return found


def _plain_row(row: Any) -> Row:
    if not isinstance(row, Mapping):
        raise ValueError(f"a row must be a dictionary, got {_short(row)}")
    if not all(isinstance(name, str) for name in row):
        raise ValueError(f"the names in a row must be words, got {_short(dict(row))}")
    found = {name: _scalar(value) for name, value in row.items()}
    if not (isinstance(found.get("quantity"), str) and found["quantity"]):
        raise ValueError(f"a row must have a quantity, its name, got {_short(found)}")
    if "value" not in found or not isinstance(found["value"], int | float):
        got = _short(found["value"]) if "value" in found else "none"
        raise ValueError(f"the value of {found['quantity']} must be a number, got {got}")
    found["value"] = _double(found["value"], f"the value of {found['quantity']}")
    for name in found.keys() - {"value"}:
        _check_label(name, found[name])
    return found


def _check_label(name: str, label: Any) -> None:
    if name in _RESERVED:
        raise ValueError(f"a row must not have a label {name!r}, which results have")
    if not isinstance(label, str | int | float | None):
        raise ValueError(f"{name} of a row must be a number or a word, got {_short(label)}")
    if not isinstance(label, str | None):
        check_finite(_double(label, f"{name} of a row"), f"{name} of a row")


def plain(value: Any, name: str, depth: int = _DEEPEST) -> Any:
    """A setting as JSON has it; scalars of numpy and torch become plain numbers.

    Raises
    ------
    ValueError : what JSON has no word for, with the name; numbers that are not finite are left.
    """
    value = _scalar(value)
    if isinstance(value, int | float):
        _double(value, name)
    if value is None or isinstance(value, str | int | float):
        return value
    if not depth:
        raise ValueError(f"{name} must be nested at most {_DEEPEST} times")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError(f"{name} must be named by words, got {_short(dict(value))}")
        return {key: plain(one, f"{name}: {key}", depth - 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        found = [plain(one, name, depth - 1) for one in value]
        return tuple(found) if isinstance(value, tuple) else found
    raise ValueError(f"{name} must be numbers, words, and lists of these, got {_short(value)}")


def check_finite(setting: Any, name: str) -> None:
    """Refuse a number in a plain setting that is not finite. Raises ValueError."""
    if isinstance(setting, dict):
        for key, one in setting.items():
            check_finite(one, f"{name}: {key}")
    elif isinstance(setting, list | tuple):
        for one in setting:
            check_finite(one, name)
    elif isinstance(setting, float) and not math.isfinite(setting):
        raise ValueError(f"{name} must be finite, got {setting}")


def _scalar(value: Any) -> Any:
    """A scalar of numpy or torch, or an array of one number, as Python's own."""
    if isinstance(value, str | int | float | None) and type(value).__module__ == "builtins":
        return value
    if getattr(value, "ndim", 1) == 0 and not getattr(value, "mask", False):
        value = value.item()
    for kind in (bool, int, float, str):  # of a subclass: an enumeration
        if isinstance(value, kind):
            return kind(value)
    return float(value) if isinstance(value, Real) else value  # a fraction, a long double


def _double(number: float, name: str) -> float:
    """A number that double precision holds."""
    try:
        return number if isinstance(number, float) or abs(number) <= _EXACT else float(number)
    except OverflowError as error:
        raise ValueError(f"{name} must be a number of double precision, got {error}") from error


def _short(value: Any) -> str:
    words = " ".join(repr(value).split())
    return words if len(words) <= 80 else f"{words[:77]}…"


def is_number(value: Any) -> bool:
    """Whether a value is a number, not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)
