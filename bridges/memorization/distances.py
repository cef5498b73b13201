"""Distances to the nearest data, of held-out points and of data left out in turn.

What the criteria of copies are set by, and nearly all of their work: no seed enters, so that it
is done once for all that is asked of the same points.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bridges._checks import check_units, points
from bridges.memorization.copies import matching
from diffusion import neighbour_distances
from diffusion.intrinsic import two_nn_of_distances
from diffusion.neighbours import distinct

_SCALE, _NEIGHBOURS = 0.5, 50  # Carlini's a and n
IN_TURN = 10_000  # data left out in turn, of more: their errors are 1 % of a rate


class Measured(NamedTuple):
    """What is known of data and of held-out points before these are parted."""

    data: Tensor  # (n, d), the different points
    repeated: int
    left_out: bool
    held_out: dict[str, Tensor]
    dimension: float
    match: tuple[float, float]  # its threshold, and its chance


def measured(data: Tensor, held_out: Tensor | None) -> Measured:
    """What `calibrate` needs of data (n, d) and of held-out points (H, d), or of none.

    Raises ValueError, as `calibrate` does.
    """
    data = points("data", data, stored=True).detach()
    kept = distinct(data)
    different = data if len(kept) == len(data) else data[kept]  # no copy of large sets
    if len(different) < 4:
        raise ValueError(f"data must hold at least 4 different points, got {len(different)}")
    left_out = near = _left_out(different)
    if held_out is not None:
        held_out = points("held_out", held_out, dimension=data.shape[1], stored=True).detach()
        if len(held_out) < 2:
            raise ValueError(f"held_out must hold at least 2 points, got {len(held_out)}")
        check_units("held_out", held_out, data)
        near = neighbour_distances(held_out, different, _count(different)).cpu()
    dimension = two_nn_of_distances(left_out[:, :2].numpy(), "likelihood")
    repeated = len(data) - len(different)
    real = near if held_out is None else torch.cat([near, left_out])
    match = matching(different, None if repeated else real[:, :2], dimension)
    return Measured(different, repeated, held_out is None, _measures(near), dimension, match)


def _count(data: Tensor) -> int:
    """Neighbours that make the local scale: one fewer than there are, to leave one out."""
    return min(_NEIGHBOURS, len(data) - 1)


def measures_of(samples: Tensor, data: Tensor) -> dict[str, Tensor]:
    """The measures of samples (B, d) against different points (n, d)."""
    return _measures(neighbour_distances(samples, data, _count(data)).cpu())


def _measures(near: Tensor) -> dict[str, Tensor]:
    """Both measures, (B,), from ascending distances (B, k)."""
    return {"ratio": near[:, 0] / near[:, 1], "local": near[:, 0] / (_SCALE * near.mean(1))}


def part_of(count: int, most: int = IN_TURN) -> Tensor:
    """A fixed random part of so many data, at most `most`, ascending: all of few."""
    if count <= most:
        return torch.arange(count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return order[:most].sort().values


def _left_out(data: Tensor) -> Tensor:
    """Distances of data left out in turn to the nearest others, ascending, (n, k)."""
    some = data if len(data) <= IN_TURN else data[part_of(len(data))]
    return neighbour_distances(some, data, _count(data) + 1)[:, 1:].cpu()
