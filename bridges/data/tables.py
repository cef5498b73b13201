"""Tables of numbers as text: CSV and TSV, with or without a header, with a column of labels."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bridges import _checks
from bridges.data.labels import numbered
from bridges.data.members import label_column
from bridges.data.raw import Raw, reading, say
from bridges.data.reading import Reading

_SEPARATORS = "\t;,"  # the first that a row has; a comma may be that of a decimal
_UNFOLDS = 8  # bytes that a byte of text may take as a number, while it is read


@dataclass(frozen=True)
class _Layout:
    """Where the numbers of a table stand.

    names : of all columns, their numbers from 1 where there is no header.
    """

    separator: str
    header: bool
    names: list[str]
    data: list[int]
    label: int | None


def table(path: Path, how: Reading) -> Raw:
    """The rows of a table of numbers, with a column of labels where it has one.

    Labels are the column that is said, one called so (`members.label_column`), or the only one of
    text where no header names the columns.
    """
    how.refuse_all_but("tables", "label")
    _checks.within_memory(_UNFOLDS * path.stat().st_size, f"data: numbers of {path}")
    layout = _layout(path, how)
    values = _columns(path, layout, layout.data, np.float64)
    if layout.label is None:
        return Raw(values)
    texts = _columns(path, layout, [layout.label], np.str_)[:, 0]
    name = f"column {layout.names[layout.label]!r}"
    return Raw(values, *numbered(path, name, _numbers(texts), len(values)))


def _columns(path: Path, layout: _Layout, columns: list[int], dtype: Any) -> np.ndarray:
    with reading(path):
        return np.loadtxt(
            path,
            dtype=dtype,
            comments=None,
            delimiter=layout.separator,
            skiprows=int(layout.header),
            usecols=columns,
            ndmin=2,
            encoding="utf-8-sig",
            quotechar='"',
        )


def _numbers(texts: np.ndarray) -> np.ndarray:
    """Texts as numbers where all of them are."""
    stripped = np.char.strip(texts)
    try:
        return stripped.astype(np.float64)
    except ValueError:
        return stripped


def _layout(path: Path, how: Reading) -> _Layout:
    """What the first lines say: a header names columns that hold numbers below it."""
    with reading(path), path.open(encoding="utf-8-sig", newline="") as file:
        lines = [next(file, "") for _ in range(2)]
        row = lines[1] or lines[0]
        separator = next((one for one in _SEPARATORS if one in row), ",")
        top, below = (next(csv.reader([line], delimiter=separator), []) for line in lines)
        if not top:
            raise ValueError("it holds no table")
    below = below or top
    header = not any(map(_is_number, top)) or any(
        not _is_number(a) and _is_number(b) for a, b in zip(top, below, strict=False)
    )
    if header and not lines[1].strip():
        raise ValueError(f"data: {path} must hold rows of numbers, got a header alone")
    names = [cell.strip() for cell in top] if header else [str(k + 1) for k in range(len(top))]
    text = [k for k, cell in enumerate(below) if not _is_number(cell)]
    named = label_column(path, names, how)
    only = text[0] if not header and len(text) == 1 and len(names) > 1 else None
    label = only if named is None else names.index(named)
    dropped = [0] if header and names[0] == "" and label != 0 else []
    if dropped:
        say(f"data: the first column of {path}, which has no name, is left out as an index")
    data = [k for k in range(len(names)) if k != label and k not in dropped]
    wrong = [names[k] for k in data if k in text]
    if wrong or not data:
        listed = ", ".join(map(repr, islice(wrong, 3))) or "none"
        raise ValueError(
            f"data: {path} must hold columns of numbers and one of labels, named with --label, got "
            f"{'text in ' if wrong else ''}{listed}"
        )
    return _Layout(separator, header, names, data, label)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
