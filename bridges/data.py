"""Data sets by name, as patterns of either kind.

A data set is n real vectors; spin models store them binarised about the mean of each site,
real-valued ones centred and scaled to |ξ|² = N, so that a cue of cosine m means the same
for all. Pattern sets are random subsets: a seed fixes an order, P takes its first P. What a
model is trained on is such a subset too, apart from vectors that are held out for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bridges import sources
from bridges.sources import NAMED, fingerprint
from hopfield import binarize, checks, random_patterns
from hopfield.checks import Seed

__all__ = [
    "NAMED",
    "Split",
    "class_labels",
    "count",
    "fingerprint",
    "load",
    "pattern_set",
    "place",
    "raw_vectors",
    "standardised",
    "subset",
    "vectors",
]

_ALMOST_SPINS = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
_BLOCK = 4096  # vectors looked at together


@dataclass(frozen=True)
class Split:
    """Vectors to train on (P, N) and held out (H, N), with their classes where known."""

    train: Tensor
    train_labels: Tensor | None
    held_out: Tensor
    held_out_labels: Tensor | None


def load(data: str) -> tuple[Tensor, Tensor | None]:
    """All vectors of a data set as they are stored, and their classes.

    Parameters
    ----------
    data : "digits" (scikit-learn's 1797 real images, 8×8), "mnist" or "fashion" (70000, 28×28,
        from openml.org by scikit-learn, which keeps them), a .npy or .npz file of shape
        (n, …), or a folder of PNG or JPEG images of one size, taken in grey. Classes are
        those of the set, the array `labels` of a .npz, or the sub-folders of the images.

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
    rows, labels = _stored(data, sources.state(data))
    copied = rows.to(torch.float64, copy=True)
    return copied, None if labels is None else labels.clone()


def subset(
    rows: Tensor,
    labels: Tensor | None = None,
    *,
    size: int | None = None,
    counts: Mapping[int, int] | None = None,
    held_out: int = 0,
    seed: Seed = 0,
) -> Split:
    """A training set of a given size or make-up, apart from vectors held out for good.

    The held-out vectors depend on `rows` and their number alone: they are the same for every
    seed and size. No vector equal to one of them is trained on. A seed fixes an order of the
    others, in which a smaller set (of all, or of each class) is part of a larger one.

    Parameters
    ----------
    rows : (n, N). labels : (n,), their classes; needed for `counts`.
    size : vectors to train on; None: all that are left.
    counts : how many of each class, {class: count}, in place of `size`.
    held_out : vectors to hold out.
    seed : int, torch.Generator or None.

    Returns
    -------
    Split(train, train_labels, held_out, held_out_labels).

    Raises
    ------
    ValueError : more vectors than there are, a class that is not there, both `size` and
        `counts`, counts without labels, or labels that do not fit.

    Examples
    --------
    >>> rows, labels = load("digits")
    >>> split = subset(rows, labels, counts={3: 90, 8: 10}, held_out=200)
    >>> split.train.shape, split.train_labels.bincount().tolist()
    (torch.Size([100, 64]), [0, 0, 0, 90, 0, 0, 0, 0, 10])
    """
    rows = checks.matrix("rows", rows)
    n = len(rows)
    if labels is not None:
        labels = torch.as_tensor(labels)
        if labels.shape != (n,):
            raise ValueError(f"labels must have shape ({n},), got {tuple(labels.shape)}")
    checks.whole("held_out", held_out, low=0)
    if held_out > n:
        raise ValueError(f"held_out must lie in [0, {n}], got {held_out}")
    order = torch.randperm(n, generator=checks.generator_from(0, "held out"))
    kept = order[:held_out]
    free = _unlike(rows, kept)
    order = torch.randperm(n, generator=checks.generator_from(seed, "subset"))
    order = order[free[order]]
    chosen = _first(order, size) if counts is None else _of_classes(order, labels, counts, size)
    return Split(
        rows[chosen.to(rows.device)],
        None if labels is None else labels[chosen.to(labels.device)],
        rows[kept.to(rows.device)],
        None if labels is None else labels[kept.to(labels.device)],
    )


def pattern_set(data: str, kind: str, patterns: int, size: int | None, seed: int) -> Tensor:
    """P patterns of a data set for models with "binary" or "real" states.

    Parameters
    ----------
    data : as for `load`, or "random".
    kind : "binary" or "real". Random patterns are unbiased spins, or uniform on the sphere
        |ξ|² = N.
    patterns : P, at most the number of vectors the data set has.
    size : N of random patterns (100 if None); only for them.
    seed : whole number; chooses the patterns.

    Returns
    -------
    (P, N), float64.

    Raises
    ------
    ValueError : as for `load`; P too large, `size` where the data has its own.

    Examples
    --------
    >>> pattern_set("digits", "binary", 10, None, seed=0).shape
    torch.Size([10, 64])
    """
    checks.choice("kind", kind, ("binary", "real"))
    if data == "random":
        size = 100 if size is None else checks.whole("size", size)
        if kind == "binary":
            return random_patterns(patterns, size, seed=seed)
        patterns = checks.whole("patterns", patterns)
        normal = np.random.default_rng(seed).standard_normal((patterns, size))  # row by row
        return _on_sphere(torch.from_numpy(normal))
    state = sources.state(data)
    stored, mean = _stored(data, state)[0], _mean(data, state, kind)
    if size is not None and size != stored.shape[1]:
        raise ValueError(f"size is for random data; {data} has size {stored.shape[1]}, got {size}")
    if not 1 <= patterns <= len(stored):
        raise ValueError(f"patterns must lie in [1, {len(stored)}] for {data}, got {patterns}")
    return _patterns(stored[_order(len(stored), seed)[:patterns]], kind, mean)


def pattern_classes(data: str, patterns: int, seed: int) -> Tensor | None:
    """The class of each row of `pattern_set(data, …, patterns, …, seed)`, where it is known.

    Examples
    --------
    >>> pattern_classes("digits", 5, seed=0).shape
    torch.Size([5])
    """
    labels = None if data == "random" else class_labels(data)
    return None if labels is None else labels[_order(len(labels), seed)[:patterns]]


def _order(count: int, seed: int) -> Tensor:
    """The order in which a seed takes the vectors of a data set."""
    return torch.randperm(count, generator=checks.generator_from(seed, "pattern_set"))


def vectors(data: str, kind: str) -> Tensor:
    """All n vectors of a data set, binarised or on the sphere, (n, N). Raises ValueError."""
    state = sources.state(data)
    return _patterns(_stored(data, state)[0], kind, _mean(data, state, kind))


def count(data: str) -> int:
    """Number n of the vectors of a data set. Raises ValueError."""
    return len(_stored(data, sources.state(data))[0])


def place(data: str) -> str:
    """A data set by a name that holds in any folder: workers may stand in another."""
    return data if data in NAMED else str(Path(data).resolve())


def raw_vectors(data: str) -> Tensor:
    """All n vectors of a data set as they are stored, (n, N). Raises ValueError."""
    return load(data)[0]


def class_labels(data: str) -> Tensor | None:
    """The class of each vector of `raw_vectors(data)`, (n,), where it is known."""
    return load(data)[1]


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
    centred = rows - rows.mean(0)
    unit = float(centred.square().mean().sqrt())
    if not unit > 0:
        raise ValueError(f"data must hold at least 2 different vectors, got {len(rows)} alike")
    return centred / unit, unit


def _on_sphere(rows: Tensor) -> Tensor:
    return rows * (rows.shape[1] ** 0.5 / rows.norm(dim=1, keepdim=True))


@lru_cache(maxsize=4)
def _stored(data: str, _: str) -> tuple[Tensor, Tensor | None]:
    """Vectors as they are stored, images as bytes, and classes."""
    rows, labels = sources.read(data)
    return torch.from_numpy(rows), None if labels is None else torch.from_numpy(labels).long()


@lru_cache(maxsize=8)
def _mean(data: str, state: str, kind: str) -> Tensor | None:
    """The mean that patterns are taken about; None for spins, which are patterns already.

    Raises ValueError if some vector would be no pattern; a block of them is made at a time.
    """
    rows = _stored(data, state)[0]
    blocks = rows.split(_BLOCK)
    if all(bool((block.double().abs() == 1).all()) for block in blocks):
        return None
    almost = all(bool(torch.isin(block.double(), _ALMOST_SPINS).all()) for block in blocks)
    if almost and bool(rows.min() < 0):
        raise ValueError(f"data: {data} must have spins ±1, got {int((rows == 0).sum())} zeros")
    mean = rows.mean(0, dtype=torch.float64)
    if kind == "real":
        norms = torch.cat([(block.double() - mean).norm(dim=1) for block in blocks])
        if not (norms > 0).all():
            raise ValueError(f"data: {data} has vectors equal to its mean, which have no direction")
        if not torch.isfinite(norms).all():
            raise ValueError(f"data: {data} has vectors of infinite norm; scale them down")
    return mean


def _patterns(rows: Tensor, kind: str, mean: Tensor | None) -> Tensor:
    rows = rows.to(torch.float64, copy=True)
    if mean is None:
        return rows
    return binarize(rows, mean) if kind == "binary" else _on_sphere(rows - mean)


def _unlike(rows: Tensor, kept: Tensor) -> Tensor:
    """Which rows equal none of the `kept` ones, (n,); −0 is 0."""
    content = [row.tobytes() for row in (rows.cpu() + 0.0).numpy()]
    held = {content[k] for k in kept.tolist()}
    return torch.tensor([one not in held for one in content], dtype=torch.bool)


def _first(order: Tensor, size: int | None) -> Tensor:
    if size is None:
        return order
    if not 1 <= size <= len(order):
        raise ValueError(f"size must lie in [1, {len(order)}], what is not held out, got {size}")
    return order[:size]


def _of_classes(
    order: Tensor, labels: Tensor | None, counts: Mapping[int, int], size: int | None
) -> Tensor:
    """The first of each class, in the order of all."""
    if size is not None:
        raise ValueError(f"counts take the place of size, got both, size = {size}")
    if labels is None:
        raise ValueError("counts need the labels of the rows, got none")
    classes = labels.cpu()[order]
    taken = torch.zeros(len(order), dtype=torch.bool)
    for name, wanted in counts.items():
        mine = (classes == name).nonzero().squeeze(1)
        if not 0 <= checks.whole("counts", wanted, low=0) <= len(mine):
            raise ValueError(
                f"counts must lie in [0, {len(mine)}] for class {name}, what is not held out, "
                f"got {wanted}"
            )
        taken[mine[:wanted]] = True
    if not taken.any():
        raise ValueError(f"counts must ask for at least one row, got {dict(counts)}")
    return order[taken]
