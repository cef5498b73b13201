"""Vectors to train on, apart from others that are held out for good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Seed


@dataclass(frozen=True)
class Split:
    """Vectors to train on (P, N) and held out (H, N), with their classes where known."""

    train: Tensor
    train_labels: Tensor | None
    held_out: Tensor
    held_out_labels: Tensor | None


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
    rows : (n, N).
    labels : (n,), their classes; needed for `counts`.
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
    >>> from bridges.data import load
    >>> rows, labels = load("digits")
    >>> split = subset(rows, labels, counts={3: 90, 8: 10}, held_out=200)
    >>> split.train.shape, split.train_labels.bincount().tolist()
    (torch.Size([100, 64]), [0, 0, 0, 90, 0, 0, 0, 0, 10])
    """
    rows = _checks.matrix("rows", rows)
    n = len(rows)
    if labels is not None:
        labels = _checks.tensor("labels", labels)
        if labels.shape != (n,):
            raise ValueError(f"labels must have shape ({n},), got {tuple(labels.shape)}")
    held_out = _checks.whole("held_out", held_out, low=0)
    if held_out > n:
        raise ValueError(f"held_out must lie in [0, {n}], got {held_out}")
    order = torch.randperm(n, generator=_checks.generator_from(0, "held out"))
    kept = order[:held_out]
    free = _unlike(rows, kept)
    order = _checks.shuffled(n, _checks.generator_from(seed, "subset"))
    order = order[free[order]]
    chosen = _first(order, size) if counts is None else _of_classes(order, labels, counts, size)
    return Split(
        rows[chosen.to(rows.device)],
        None if labels is None else labels[chosen.to(labels.device)],
        rows[kept.to(rows.device)],
        None if labels is None else labels[kept.to(labels.device)],
    )


def _unlike(rows: Tensor, kept: Tensor) -> Tensor:
    """Which rows equal none of the `kept` ones, (n,); −0 is 0."""
    content = [row.tobytes() for row in (_checks.doubles("rows", rows) + 0.0)]
    held = {content[k] for k in kept.tolist()}
    return torch.tensor([one not in held for one in content], dtype=torch.bool)


def _first(order: Tensor, size: int | None) -> Tensor:
    if size is None:
        return order
    size = _checks.whole("size", size, low=0)
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
    _checks.instance("counts", counts, Mapping, "numbers of rows by class")
    for name, asked in counts.items():
        mine = (classes == name).nonzero().squeeze(1)
        wanted = _checks.whole("counts", asked, low=0)
        if wanted > len(mine):
            raise ValueError(
                f"counts must lie in [0, {len(mine)}] for class {name}, what is not held out, "
                f"got {wanted}"
            )
        taken[mine[:wanted]] = True
    if not taken.any():
        raise ValueError(f"counts must ask for at least one row, got {dict(counts)}")
    return order[taken]
