"""Files that are there whole or not at all, reading that never waits, text that does no harm.

JSON has no NaN, and a terminal gets no character that would steer it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import stat
import unicodedata
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from numpy import ndarray

_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, directions of writing, ends of lines
REPORT = "report.html"  # to send, in the folder of a run
_MARK = b'<meta name="generator" content="hopfield-diffusion'  # in the head of such a file
_HEAD = 200  # bytes that the mark is in
LONGEST = 2**26  # bytes of a line, or of a file that is read at once: more is no record of a run


def open_regular(path: Path) -> BinaryIO:
    """A file opened for reading.

    Raises
    ------
    FileNotFoundError : there is none.
    ValueError : a pipe, a socket, a device or a folder, which could keep a reader for ever.
    """
    handle = -1
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return os.fdopen(handle, "rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_file():
            raise
        raise ValueError(f"{path} is not a regular file") from error
    os.close(handle)
    raise ValueError(f"{path} is not a regular file")


def read_json(path: Path) -> Any:
    """What a regular file of JSON holds.

    Raises
    ------
    FileNotFoundError : there is none.
    ValueError : it is not regular, too long, or not JSON.
    """
    with open_regular(path) as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise ValueError(f"{path} has more than {LONGEST} bytes")
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply") from error


def read_table(path: Path, columns: Sequence[str], words: str = "") -> dict[str, ndarray]:
    """The columns of a table as a command wrote it: numbers, NaN where blank, but one of words.

    Raises
    ------
    FileNotFoundError : there is none.
    ValueError : it is not regular, has other columns or cells, or was cut short.
    """
    import numpy as np

    with open_regular(path) as file:
        content = file.read()
    try:
        heads, *rows = csv.reader(io.StringIO(content.decode()), strict=True)
        if heads != [*columns] or not content.endswith(b"\n"):
            raise ValueError(f"it has the columns {heads}")
        cells = [*zip(*rows, strict=True)] or [()] * len(heads)
        return {
            name: np.array(column if name == words else [float(one or "nan") for one in column])
            for name, column in zip(heads, cells, strict=True)
        }
    except (ValueError, csv.Error) as error:
        raise ValueError(
            f"{path} must be as it was written, with the columns {', '.join(columns)}; remove it, "
            "and it is made again where the data are there"
        ) from error


def is_report(path: Path) -> bool:
    """Whether a file is a report to send that was written here, not something of the user's."""
    try:
        with open_regular(path) as file:
            return _MARK in file.read(_HEAD)
    except (OSError, ValueError):
        return False


def remove_report(folder: Path) -> None:
    """Remove the report to send from the folder of a run; what is the user's stays."""
    if is_report(folder / REPORT):
        (folder / REPORT).unlink()


def version_of(package: str) -> str:
    """The version of a package that is installed, `unknown` of one that is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    from diffusion.files import write_whole  # loads torch

    write_whole(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all; NaN and infinities become null."""
    write_text(path, json.dumps(finite(value), indent=2, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """`value` with NaN and infinities, which JSON has no word for, as None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value


def printable(text: str) -> str:
    r"""Text from a file or a name, for a terminal: what would steer it is written out.

    Examples
    --------
    >>> print(printable("a \x1b[2J word\nand σ"))
    a \x1b[2J word
    and σ
    """
    return "".join(
        one if one == "\n" or unicodedata.category(one) not in _STEERING else _escaped(one)
        for one in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
