"""What a file gives before it is a data set, and how a file that gives nothing is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Raw:
    """Values (n, …) as they are stored.

    labels : (n,), numbers or texts, None where no classes are known. names : of the classes,
    where labels are their numbers. axes : of a row in order, as "HWC"; "" where it is not known.
    """

    values: np.ndarray
    labels: np.ndarray | None = None
    names: list[str] | None = None
    axes: str = ""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """The block in which a library reads a file: whatever a broken file raises is one sentence."""
    try:
        yield
    except Exception as error:  # of zipfile, zlib, lzma, struct …: a broken file raises anything
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"data: {path} cannot be read: {words}") from error
