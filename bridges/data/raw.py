"""What a file gives before it is a data set, and how a file that gives nothing is refused."""

from __future__ import annotations

import importlib
import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        raise ValueError(f"data: {path} cannot be read: {in_a_line(error)}") from error


def in_a_line(error: Exception) -> str:
    """What another library says, which may be of several lines or nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def say(line: str) -> None:
    """Say on standard error, once for all workers, what of a data set is not read."""
    if multiprocessing.parent_process() is None:
        print(line, file=sys.stderr)


def need(module: str, what: str) -> Any:
    """A library of the extra `data`.

    Raises
    ------
    ValueError : it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise ValueError(
            f"data: {what} need {name}, of the extra: pip install 'hopfield-diffusion[data]'"
        ) from error
