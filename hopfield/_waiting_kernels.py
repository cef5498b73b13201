"""Rank-one updates of couplings that wait: the matrix is read and written once per block of them.

While updates wait, the couplings are J_ij = D_i (J⁰_ij + Σ_a L_ia R_ja) for i ≠ j, with J⁰ in
memory, J_ii = 0, and D = 1 but where rows are normalised. Loops keep the fields h of J⁰ and the
overlaps m_a = Σ_j R_ja S_j: a flip costs one column of J⁰, and a look at a field the few numbers
of its site,

    D_i (h_i + Σ_a L_ia m_a − S_i Σ_a L_ia R_ia).

Columns take the waiting updates one after the other, so that the couplings do not depend on
where a block ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from hopfield._compiled import forget_stale

forget_stale(Path(__file__).parent)  # all loops import this module before they are compiled

BLOCK = 8  # updates that wait together: a cache line per site
_NEAREST, _NEAR = 2**15, 2**18  # couplings that a core's own cache gives at once, and holds
_TILE = 512  # sites whose fields stay in the nearest cache
_FAST = {"contract"}  # as in `hopfield._kernels`
_SUMS = {"contract", "reassoc"}  # sums in the order that fits the registers

# left L and right R (N, BLOCK), diagonal Σ_a L_ia R_ia (N,), overlaps m (BLOCK,), scale D (N,)
Waiting = Any


@njit(cache=True)
def block_of(size, each, looks):
    """Steps of a block, where each step makes `each` updates; one where the matrix is near anyway.

    Where sweeps look at fields (`looks`), which a block makes twice as dear, it must be farther.
    """
    return BLOCK // each if size * size > (_NEAR if looks else _NEAREST) else 1


@njit(cache=True)
def nothing_waits(size, room):
    """No updates; room for a block, or with `room` 0 for none: the columns are then all."""
    left, right = np.zeros((size, room)), np.zeros((size, room))
    return left, right, np.zeros(size), np.zeros(room), np.ones(size)


@njit(inline="always", fastmath=_SUMS)
def field(left, diagonal, overlaps, scale, h, s, i):
    """Field at site i, where h are those of the matrix."""
    if len(overlaps) == 0:
        return h[i]
    total, row = h[i] - diagonal[i] * s[i], left[i]
    for a in range(BLOCK):
        total += row[a] * overlaps[a]
    return scale[i] * total


@njit(inline="always", fastmath=_FAST)
def turn(columns, right, overlaps, h, i, change):
    """Let fields and overlaps follow a change of spin i."""
    column, row = columns[i], right[i]
    for j in range(len(h)):
        h[j] += change * column[j]
    for a in range(len(overlaps)):
        overlaps[a] += change * row[a]


@njit(cache=True, fastmath=_FAST)
def look_at(waiting, s):
    """Set the overlaps to those of a state."""
    right, overlaps = waiting[1], waiting[3]
    overlaps[:] = 0.0
    for j in range(len(s)):
        for a in range(len(overlaps)):
            overlaps[a] += s[j] * right[j, a]


@njit(cache=True, fastmath=_FAST)
def add(waiting, place, amount, left, right):
    """Let a · left ⊗ right wait at a place of the block; the place after it."""
    lefts, rights, diagonal, _, scale = waiting
    for i in range(len(left)):
        own = amount * left[i] / scale[i]
        lefts[i, place], rights[i, place] = own, right[i]
        diagonal[i] += own * right[i]
    return place + 1


@njit(cache=True, fastmath=_FAST)
def take(column, lefts, rights):
    """Add Σ_a L_ia R_a to a column, L (BLOCK, N) by updates, one after the other."""
    a, b, c, d = lefts[0], lefts[1], lefts[2], lefts[3]
    e, f, g, h = lefts[4], lefts[5], lefts[6], lefts[7]
    p, q, r, t = rights[0], rights[1], rights[2], rights[3]
    u, v, w, x = rights[4], rights[5], rights[6], rights[7]
    for i in range(len(column)):
        y = column[i] + p * a[i]
        y = y + q * b[i]
        y = y + r * c[i]
        y = y + t * d[i]
        y = y + u * e[i]
        y = y + v * f[i]
        y = y + w * g[i]
        column[i] = y + x * h[i]


@njit(cache=True, fastmath=_FAST)
def _take_few(columns, lefts, right):
    """Add the one or two updates of a single step to all columns: views are made once."""
    first, second = lefts[0], lefts[-1]
    if len(lefts) == 1:
        for j in range(len(columns)):
            column, p = columns[j], right[j, 0]
            for i in range(len(column)):
                column[i] += p * first[i]
    else:
        for j in range(len(columns)):
            column, p, q = columns[j], right[j, 0], right[j, 1]
            for i in range(len(column)):
                y = column[i] + p * first[i]
                column[i] = y + q * second[i]


@njit(cache=True, fastmath=_FAST)
def flush(columns, waiting, normalize):
    """Let the matrix take all that waits; `normalize` takes D too, and brings rows to norm 1.

    Their norms come from the matrix: those that learning keeps have errors, which would grow
    where it shrinks the rows. Returns whether all rows have a norm.
    """
    left, right, diagonal, _, scale = waiting
    lefts = left.T.copy()
    if len(lefts) == BLOCK:
        for j in range(len(columns)):
            take(columns[j], lefts, right[j])
    else:
        _take_few(columns, lefts, right)
    for j in range(len(columns)):
        columns[j, j] = 0.0
    all_rows = not normalize or _normalize(columns, scale)
    left[:], right[:], diagonal[:], scale[:] = 0.0, 0.0, 0.0, 1.0
    return all_rows


@njit(cache=True, fastmath=_FAST)
def _normalize(columns, scale):
    """Scale the rows by D, then to norm 1; whether none of them is zero."""
    squares = np.zeros(len(scale))
    for j in range(len(columns)):
        column = columns[j]
        for i in range(len(column)):
            column[i] *= scale[i]
            squares[i] += column[i] * column[i]
    for i in range(len(squares)):
        squares[i] = 1.0 / np.sqrt(squares[i]) if squares[i] > 0.0 else 0.0
    for j in range(len(columns)):
        column = columns[j]
        for i in range(len(column)):
            column[i] *= squares[i]
    return squares.min() > 0.0


@njit(cache=True)
def has_all_rows(columns):
    """Whether no row of the couplings is zero."""
    there = np.zeros(len(columns), np.bool_)
    for column in columns:
        there |= column != 0.0
    return there.all()


@njit(cache=True, fastmath=_FAST)
def fields_of(columns, spins, fields):
    """Set h_i = Σ_j J_ij S_j of states (B, N), with the matrix read once for all of them."""
    size = spins.shape[1]
    whole = size - size % 4
    fields[: len(spins)] = 0.0
    for low in range(0, size, _TILE):
        high = min(low + _TILE, size)
        for j in range(0, whole, 4):
            a, b = columns[j, low:high], columns[j + 1, low:high]
            c, d = columns[j + 2, low:high], columns[j + 3, low:high]
            for k in range(len(spins)):
                s, h = spins[k], fields[k, low:high]
                p, q, r, t = s[j], s[j + 1], s[j + 2], s[j + 3]
                for i in range(len(h)):
                    h[i] += (p * a[i] + q * b[i]) + (r * c[i] + t * d[i])
        for j in range(whole, size):
            a = columns[j, low:high]
            for k in range(len(spins)):
                p, h = spins[k, j], fields[k, low:high]
                for i in range(len(h)):
                    h[i] += p * a[i]
