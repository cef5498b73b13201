"""The vectors of a data set by its name, as they are stored and as patterns of either kind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges.data.data_set import stored
from bridges.data.drawn import clusters_of, is_drawn, on_sphere
from bridges.data.named import is_named
from bridges.data.reading import moved, split
from bridges.data.sources import as_name, state
from bridges.memory.similarity import similarity_of_data, varying_sites
from hopfield import binarize

_ALMOST_SPINS = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
_BLOCK = 5_000_000  # numbers looked at together: 40 MB, which the system takes back at once


def load(data: str) -> tuple[Tensor, Tensor | None]:
    """All vectors of a data set as they are stored, and their classes.

    Parameters
    ----------
    data : a name, a file or a folder of images, as for `load_data`.

    Returns
    -------
    (n, N), float64, and (n,), int64, or None where no classes are known.

    Raises
    ------
    ValueError : an unknown name or file, a wrong shape, NaN, labels that do not fit; MNIST
        asked for where it is neither stored nor to be fetched.

    Examples
    --------
    >>> rows, labels = load("digits")
    >>> rows.shape, labels.unique().tolist()
    (torch.Size([1797, 64]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    found = stored(data, state(data))
    rows, labels = found.rows, found.labels
    _checks.within_memory(8 * rows.numel(), f"data: {tuple(rows.shape)} numbers of {data}")
    copied = rows.to(torch.float64, copy=True)
    return copied, None if labels is None else labels.clone()


def vectors(data: str, kind: str) -> Tensor:
    """All n vectors as patterns of either kind, on the sites that vary, (n, N).

    Raises ValueError.
    """
    _checks.choice("kind", kind, ("binary", "real"))
    content = state(data)
    rows = stored(data, content).rows
    return patterns_of(rows, kind, centre_of(data, content, kind), varying_of(data, content))


def count(data: str) -> int:
    """Number n of the vectors of a data set. Raises ValueError."""
    return len(stored(data, state(data)).rows)


def place(data: str) -> str:
    """A data set by a name that holds in any folder: workers may stand in another."""
    data = as_name(data)
    if is_drawn(data):
        return str(clusters_of(data) or data)  # with all that they depend on
    where, _ = split(data)
    return data if is_named(where) else moved(data, Path(where).resolve())


def raw_vectors(data: str) -> Tensor:
    """All n vectors of a data set as they are stored, (n, N). Raises ValueError."""
    return load(data)[0]


def class_labels(data: str) -> Tensor | None:
    """The class of each vector of `raw_vectors(data)`, (n,), where it is known."""
    labels = stored(data, state(data)).labels
    return None if labels is None else labels.clone()


def standardised(rows: Tensor) -> tuple[Tensor, float]:
    """Rows (n, N) about their mean and of mean variance 1, and the unit they were divided by.

    Raises
    ------
    ValueError : rows that are all alike.

    Examples
    --------
    >>> rows, unit = standardised(torch.tensor([[3.0], [7.0]]))
    >>> rows.squeeze(1).tolist(), unit
    ([-1.0, 1.0], 2.0)
    """
    rows = _checks.matrix("rows", rows)
    centred = rows - rows.mean(0)
    norm = torch.linalg.vector_norm(centred, dtype=torch.float64)
    unit = float(norm) / math.sqrt(centred.numel())
    if not unit > 0:
        raise ValueError(f"data must hold at least 2 different vectors, got {len(rows)} alike")
    return centred.div_(unit), unit


@lru_cache(maxsize=4)
def varying_of(data: str, content: str) -> Tensor | None:
    """Sites (N,) that are not constant in a data set of at least 20 vectors; None: all.

    Raises ValueError if all vectors are alike.
    """
    found = stored(data, content)
    varying = varying_sites(found.rows)
    found.let_go()
    if varying is not None and not varying.any():
        raise ValueError(f"data: {data} must hold different vectors, got all of them alike")
    return varying


def seen(rows: Tensor, varying: Tensor | None) -> Tensor:
    """Rows on the sites that vary."""
    return rows if varying is None else rows[:, varying]


@lru_cache(maxsize=8)
def centre_of(data: str, content: str, kind: str) -> Tensor | None:
    """The mean that patterns are taken about, on the sites that vary.

    None for spins, which are patterns already; but their mean for real states, if it is beyond
    chance. Raises ValueError if some vector would be no pattern; a block of them is made at a
    time.
    """
    rows, varying = stored(data, content).rows, varying_of(data, content)

    def blocks() -> Iterator[Tensor]:
        return (seen(block, varying) for block in blocks_of(data, content))

    spins = all(bool((block.double().abs() == 1).all()) for block in blocks())
    if spins and (kind == "binary" or similarity_of_data(seen(rows, varying)).centre is None):
        return None
    almost = not spins and all(
        bool(torch.isin(block.double(), _ALMOST_SPINS).all()) for block in blocks()
    )
    if almost and bool((rows := seen(rows, varying)).min() < 0):
        raise ValueError(f"data: {data} must have spins ±1, got {int((rows == 0).sum())} zeros")
    mean = seen(mean_of(data, content)[None], varying)[0]
    if kind == "real":
        # made before the blocks: small pieces kept among them would leave gaps in memory
        norms = torch.empty(len(rows), dtype=torch.float64)
        done = 0
        for block in blocks():
            norms[done : done + len(block)] = (block.double() - mean).norm(dim=1)
            done += len(block)
        if not (norms > 0).all():
            raise ValueError(f"data: {data} has vectors equal to its mean, which have no direction")
        if not torch.isfinite(norms).all():
            raise ValueError(f"data: {data} has vectors of infinite norm; scale them down")
    return mean


@lru_cache(maxsize=4)
def mean_of(data: str, content: str) -> Tensor:
    """The mean of each site, in float64; of whole numbers, without a copy in that precision."""
    found = stored(data, content)
    rows = found.rows
    if rows.is_floating_point():
        return rows.mean(0, dtype=torch.float64)
    total = np.add.reduce(rows.numpy(), axis=0, dtype=np.int64)
    found.let_go()
    return torch.from_numpy(total).double() / len(rows)


def blocks_of(data: str, content: str) -> Iterator[Tensor]:
    """The rows of a data set, as many at a time as are some tens of megabytes in float64.

    Those of a file on disk are in memory a block at a time.
    """
    found = stored(data, content)
    for block in found.rows.split(max(1, _BLOCK // max(found.rows.shape[1], 1))):
        yield block
        found.let_go()


def patterns_of(rows: Tensor, kind: str, mean: Tensor | None, varying: Tensor | None) -> Tensor:
    rows = seen(rows, varying).to(torch.float64, copy=True)
    if mean is None:
        return rows
    return binarize(rows, mean) if kind == "binary" else on_sphere(rows - mean)
