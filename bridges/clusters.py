r"""Final states that are the same: spins by a hash, real states by their distance.

Spins are packed to bits and hashed. Real states are led: a state belongs to the first leader
within the tolerance, or becomes one. States within the tolerance of each other are so along
any direction, too; cutting the batch wherever sorted projections leave a larger gap takes
apart what cannot belong together, in O(B log B), before any two states are compared.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_DIRECTIONS = 6
_ROWS = 2**14  # states compared at once


def groups(states: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """Same states share a group.

    Parameters
    ----------
    states : (B, N), finite. tolerance : rms distance an entry to a leader; real states only.

    Returns
    -------
    labels : (B,) group of each state, 0 to A − 1. leaders : (A,) its first member.
    """
    if len(states) == 0:
        empty = torch.empty(0, dtype=torch.int64, device=states.device)
        return empty, empty
    coarse = _packed(states) if are_spins(states) else _apart(states, tolerance)
    labels = torch.from_numpy(coarse).to(states.device)
    if not are_spins(states):
        labels = _led(states, labels, tolerance)
    return _numbered(labels)


def are_spins(states: Tensor) -> bool:
    """Whether all entries are ±1."""
    return bool((states.abs() == 1).all())


def rms_distance(one: Tensor, other: Tensor) -> Tensor:
    """Rms distance an entry of rows (B, N), in float64, (B,); exact for close rows."""
    parts = [
        (a.double() - b.double()).square().mean(1).sqrt()
        for a, b in zip(one.split(_ROWS), other.split(_ROWS), strict=True)
    ]
    return torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64, device=one.device)


def _packed(states: Tensor) -> np.ndarray:
    """A number for each state of spins, (B,), equal where all bits are."""
    bits = np.packbits((states > 0).numpy(force=True), axis=1)
    words = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : bits.shape[1]] = bits
    keys = words.view(np.uint64)
    if keys.shape[1] == 1:
        return np.unique(keys[:, 0], return_inverse=True)[1].reshape(-1)
    odd = np.random.default_rng(0).integers(2**63, size=keys.shape[1], dtype=np.uint64) * 2 + 1
    with np.errstate(over="ignore"):
        mixed = ((keys ^ (keys >> np.uint64(32))) * odd).sum(1, dtype=np.uint64)
    _, first, group = np.unique(mixed, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    if (keys == keys[first[group]]).all():
        return group
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)  # a collision, once in 10⁹


def _apart(states: Tensor, tolerance: float) -> np.ndarray:
    """Groups (B,) so that states within the tolerance are in the same one."""
    size = states.shape[1]
    axes = np.random.default_rng(0).standard_normal((size, min(size, _DIRECTIONS)))
    axes = np.linalg.qr(axes)[0]
    directions = torch.from_numpy(axes).to(states.device)
    along = torch.cat([rows.double() @ directions for rows in states.split(_ROWS)])
    reach = tolerance * math.sqrt(size) * (1 + 1e-9)
    group = np.zeros(len(states), dtype=np.int64)
    for x in along.numpy(force=True).T:
        order = np.lexsort((x, group))
        cut = (np.diff(group[order]) != 0) | (np.diff(x[order]) > reach)
        group[order] = np.concatenate([[0], np.cumsum(cut)])
    return group


def _led(states: Tensor, coarse: Tensor, tolerance: float) -> Tensor:
    """Index of each state's leader, (B,): all groups are led at the same time."""
    leader = torch.full_like(coarse, -1)
    left = torch.arange(len(states), device=states.device)
    while len(left):
        _, inverse = torch.unique(coarse[left], return_inverse=True)
        first = torch.full((int(inverse.max()) + 1,), len(left), device=left.device)
        place = torch.arange(len(left), device=left.device)
        first = first.scatter_reduce(0, inverse, place, "amin")
        ahead = left[first[inverse]]
        close = rms_distance(states[left], states[ahead]) <= tolerance
        leader[left[close]] = ahead[close]
        left = left[~close]
    return leader


def _numbered(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Labels 0 to A − 1, and the first member of each."""
    _, inverse = torch.unique(labels, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(labels), device=labels.device)
    place = torch.arange(len(labels), device=labels.device)
    return inverse, first.scatter_reduce(0, inverse, place, "amin")
