"""Samples of a model that are unlike its data: how far they lie off, and in which range.

A network that has learnt little, or that was given data in other units, draws samples from which
nothing follows. That is a finding, and no reason to measure nothing else of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges.study.record import Row
from bridges.study.tables import uncertain
from diffusion.neighbours import neighbour_distances

FAR = 2.0  # times the distance of points that are no samples, from which nothing is a copy
SAMPLES, DATA = "samples", "data"
_SEEN = 1000  # points of a set that are looked at
_RANGE = ("least", "largest")
_WHY = "the model has learnt too little, or data in other units than --data"
Found = Mapping[tuple[Any, ...], tuple[float, float | None]]  # by (quantity, …, points, ratio)


def unlike_rows(samples: Tensor, data: Tensor, held_out: Tensor | None) -> list[Row]:
    """How far samples (B, N) lie from data (n, N), against held-out points or the data themselves.

    Beside that the ranges of both, where the samples are in other units than the data.
    """
    near = neighbour_distances(_some(samples), data, 1).median()
    if held_out is None:
        usual = neighbour_distances(_some(data), data, 2)[:, 1]
    else:
        usual = neighbour_distances(_some(held_out), data, 1)[:, 0]
    usual = usual[usual > 0]  # not of points that are there twice
    rows: list[Row] = []
    if len(usual):
        far = float(near / usual.median())
        rows.append({"points": SAMPLES, "quantity": "distance", "value": far})
    try:
        _checks.check_units(SAMPLES, samples, data)
    except ValueError:
        rows += [
            {"points": who, "quantity": name, "value": float(end)}
            for who, points in ((SAMPLES, samples), (DATA, data))
            for name, end in zip(_RANGE, points.aminmax(), strict=True)
        ]
    return rows


def distance(found: Found) -> tuple[float, float | None] | None:
    """How many times as far from the data as other points samples lie, if it was measured."""
    return found.get(("distance", None, None, SAMPLES, None))


def unlike(found: Found, other: str) -> str | None:
    """What is to be said of samples, None where they are like the data.

    other : what their distance was compared with.
    """
    far, said, why = distance(found), "samples are unlike the data", _WHY
    ends = [found.get((name, None, None, who, None)) for who in (SAMPLES, DATA) for name in _RANGE]
    values = [f"{end[0]:.3g}" for end in ends if end is not None]
    if far is not None and far[0] > FAR:
        off = uncertain(*far, 1)
        said = f"samples lie {off} times as far from the data as {other}: no copies to speak of"
    elif not values:
        return None
    if values:
        low, high, least, largest = values
        why += f";\nsamples take values in [{low}, {high}], the data in [{least}, {largest}]"
    return f"{said}\n({why})"


def _some(rows: Tensor) -> Tensor:
    """Rows enough to know a median, spread evenly."""
    return rows[torch.linspace(0, len(rows) - 1, min(len(rows), _SEEN)).round().long()]
