"""What the studies of trained classes share: their images, their rows, their numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridges.study import report as base
from bridges.study.record import Point, Row

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Generator, Tensor


def split_classes(
    images: Tensor,
    labels: Tensor,
    wanted: Sequence[int],
    counts: Sequence[int],
    held_out: int,
    generator: Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images of some labels, as many of each as asked, and their classes; then others, held out."""
    import torch

    train, rest = [], []
    for label, n in zip(wanted, counts, strict=True):
        rows = (labels == label).nonzero().squeeze(1)
        rows = rows[torch.randperm(len(rows), generator=generator)]
        train.append(images[rows[:n]])
        rest.append(images[rows[n : n + held_out]])
    classes = torch.arange(len(wanted))
    return (
        *(torch.cat(train), classes.repeat_interleave(torch.tensor(counts))),
        *(torch.cat(rest), classes.repeat_interleave(held_out)),
    )


def class_rows(quantities: Mapping[str, Any], **labels: Any) -> list[Row]:
    """A row per quantity and class, 1, 2 …; what never comes has none."""
    return [
        {**labels, "class": c, "quantity": name, "value": float(value)}
        for name, values in quantities.items()
        for c, value in enumerate(values, 1)
        if math.isfinite(value)
    ]


class TwoClasses(base.Report):
    """What was measured of two classes or more."""

    between = "samples"

    def points(self, kind: str) -> list[Point]:
        """The points of a kind."""
        return [point for point in self.study.points if point["kind"] == kind]

    def values(self, point: Point, quantity: str, label: int) -> ndarray:
        """A quantity of class 1, 2 …, (samples,), NaN where a sample has none."""
        import numpy as np

        wanted = {"quantity": quantity, "class": label}.items()
        samples = self.study.samples[self.study.points.index(point)]
        found = [[row["value"] for row in rows if row.items() >= wanted] for rows in samples]
        return np.array([one[0] if one else math.nan for one in found])
