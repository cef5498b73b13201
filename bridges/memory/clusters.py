r"""Final states that are the same: spins by a hash, real states by their distance.

Spins are packed to bits and hashed. A real state joins the nearest leader within the tolerance,
or becomes a leader itself. States that converged to one attractor share all but their last
digits. They are therefore first rounded to a small part of the tolerance and hashed, so that
leaders are sought, by matrix products, among the few that are left.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from hopfield.patterns import offset

_PART = 1 / 16  # of the tolerance, to which states are rounded
_ROWS = 2**12  # states compared at once
_NUMBERS = 2**22  # distances held at once
_BLOCK = 1024  # states among which new leaders are sought at once


def groups(states: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """Groups of states that are the same.

    Parameters
    ----------
    states : (B, N), finite.
    tolerance : rms distance per entry to a leader; real states only.

    Returns
    -------
    labels : (B,) group of each state, 0 to A − 1, in the order of their leaders.
    leaders : (A,) a member of each group; those of real states are farther apart than the
        tolerance.
    """
    binary = are_spins(states)
    found = _alike(states) if binary else _rounded_alike(states, tolerance * _PART)
    labels, firsts = (torch.from_numpy(part).to(states.device) for part in found)
    order = torch.argsort(firsts)
    rank = torch.argsort(order)[labels]
    if binary:
        return rank, firsts[order]
    leads, leader = _led(states[firsts[order]], tolerance)
    return leader[rank], firsts[order][leads]


def are_spins(states: Tensor, unknown: bool = False) -> bool:
    """Whether all entries are ±1, or 0 for what is `unknown`, if that may be."""
    if unknown:
        return are_bits(states.abs())
    one = states[:1]  # most often enough to say no
    return bool((one.abs() == 1).all()) and all(_of_one(part.abs()) for part in states.split(_ROWS))


def are_bits(states: Tensor) -> bool:
    """Whether all entries are 0 or 1."""
    one = states[:1]  # most often enough to say no
    return bool(((one == 0) | (one == 1)).all()) and all(
        bool(((part == 0) | (part == 1)).all()) for part in states.split(_ROWS)
    )


def rms_distance(one: Tensor, other: Tensor) -> Tensor:
    """Rms distance per entry of rows (B, N), in float64, (B,); exact for close rows."""
    parts = [
        (a.double() - b.double()).square().mean(1).sqrt()
        for a, b in zip(one.split(_ROWS), other.split(_ROWS), strict=True)
    ]
    return torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64, device=one.device)


def nearest(states: Tensor, patterns: Tensor) -> Tensor:
    """The pattern (P, N) nearest to each state (B, N), (B,)."""
    centre = offset(patterns)
    if centre is not None:
        states, patterns = states - centre, patterns - centre
    return torch.cdist(states, patterns).argmin(1)


def _of_one(sizes: Tensor) -> bool:
    """Whether all are 1: their range is found twice as fast as each is compared."""
    if sizes.numel() == 0:
        return True
    low, high = sizes.aminmax()
    return bool((low == 1) & (high == 1))


def _bits(states: Tensor) -> np.ndarray:
    """Spins packed into words of 64, (B, words)."""
    bits = np.packbits((states > 0).numpy(force=True), axis=1)
    words = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : bits.shape[1]] = bits
    return words.view(np.uint64)


def _alike(states: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Number of each state of spins, the same for the same spins, and the first of each."""
    words = _bits(states)
    keys = words[:, 0]
    if words.shape[1] > 1:
        odd = np.random.default_rng(0).integers(2**63, size=words.shape[1], dtype=np.uint64) * 2 + 1
        keys = ((words ^ (words >> np.uint64(32))) * odd).sum(1, dtype=np.uint64)
    number, first = _unique(keys)
    if (words == words[first[number]]).all():
        return number, first
    _, first, number = np.unique(words, axis=0, return_index=True, return_inverse=True)
    return number.reshape(-1), first  # two states of one hash, once in 10⁹ runs


def _rounded_alike(states: Tensor, part: float) -> tuple[np.ndarray, np.ndarray]:
    """The same for real states, rounded to multiples of `part`; two hashes, one to check."""
    axes = torch.from_numpy(np.random.default_rng(0).standard_normal((states.shape[1], 2)))
    axes = axes.to(states.device)
    blocks = states.split(_ROWS)
    rounded = ((rows / part).round_() if part > 0 else rows for rows in blocks)
    one, other = torch.cat([rows.double() @ axes for rows in rounded]).numpy(force=True).T
    number, first = _unique(one)
    if np.isfinite(one).all() and (other == other[first[number]]).all():
        return number, first
    everyone = np.arange(len(states))
    return everyone, everyone


def _unique(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    return number.reshape(-1), first


def _led(states: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """Leaders (A,) among states (M, N), in their order, and the leader's number of each, (M,)."""
    centred = (states - states.mean(0)).double()
    reach = tolerance**2 * states.shape[1]
    leader = torch.full((len(states),), -1, device=states.device)
    leads = torch.empty(0, dtype=torch.int64, device=states.device)
    for start in range(0, len(states), _BLOCK):
        block = torch.arange(start, min(start + _BLOCK, len(states)), device=states.device)
        nearest = torch.full((len(block),), math.inf, dtype=torch.float64, device=states.device)
        number = torch.zeros_like(block)
        for low in range(0, len(leads), _NUMBERS // _BLOCK):
            some = leads[low : low + _NUMBERS // _BLOCK]
            least, which = _squares(centred[block], centred[some]).min(1)
            number = torch.where(least < nearest, which + low, number)
            nearest = torch.minimum(nearest, least)
        led = nearest <= reach
        leader[block[led]] = number[led]
        left = block[~led]
        joined, new = _greedy(_squares(centred[left], centred[left]) <= reach)
        leader[left] = joined.to(left) + len(leads)
        leads = torch.cat([leads, left[new.to(left)]])
    return leads, leader


def _greedy(near: Tensor) -> tuple[Tensor, Tensor]:
    """The leader that each row follows, by number, and the rows that lead; `near` (M, M)."""
    table = near.numpy(force=True)
    if np.count_nonzero(table) == len(table):  # each is near itself alone, as most often
        return torch.arange(len(table)), torch.arange(len(table))
    joined = np.full(len(table), -1)
    leads: list[int] = []
    for k in range(len(table)):
        if joined[k] < 0:
            joined[table[k] & (joined < 0)] = len(leads)
            joined[k] = len(leads)
            leads.append(k)
    return torch.from_numpy(joined), torch.tensor(leads, dtype=torch.int64)


def _squares(one: Tensor, other: Tensor) -> Tensor:
    """Squared distances of rows, (A, B), in double precision and about their centre."""
    norms = one.square().sum(1)[:, None] + other.square().sum(1)
    return norms - 2 * one @ other.T
