"""Compiled loops for learning: dreams, training with noise, dual ascent of the margin.

Couplings are held by columns, columns[j] = (J_ij)_i, so that a field, a flip and an update
are all sums of contiguous columns, in an order that does not depend on the number of
threads. The first states of a block of steps have their fields from one pass over the matrix,
and the updates of the block are taken in another (`hopfield._waiting_kernels`). A run may be cut
into calls: each step draws from a stream of its own, and arrays hold the stream of those streams,
the site order and the norm from one call to the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from hopfield._kernels import _FAST, _below, _next, _shuffle, _uniform, heat, settle, swap
from hopfield._waiting_kernels import (
    BLOCK,
    Waiting,
    add,
    block_of,
    field,
    fields_of,
    flush,
    has_all_rows,
    look_at,
    nothing_waits,
    take,
)

Array = NDArray[Any]

UNIFORM, FIXED_POINT, THERMAL, KAWASAKI = range(4)
_CANCELLED = 0.1  # of the squares that a norm is the sum of: with less left, digits are lost
_SHARED = 4  # replicas whose first fields one thread makes together


@njit(cache=True)
def _random_spins(s: Array, state: Any) -> Any:
    """Draw unbiased spins in place, 64 from each number; the next state of the stream."""
    for start in range(0, len(s), 64):
        state, bits = _next(state)
        for i in range(start, min(start + 64, len(s))):
            s[i] = 2.0 * np.float64(bits & np.uint64(1)) - 1.0
            bits >>= np.uint64(1)
    return state


@njit(cache=True)
def _flip(target: Array, overlap: float, s: Array, state: Any) -> Any:
    """Keep each spin of the target with probability (1 + m)/2, else flip it; the next state."""
    keep = 0.5 * (1.0 + overlap)
    for i in range(len(s)):
        state, bits = _next(state)
        s[i] = target[i] if _uniform(bits) < keep else -target[i]
    return state


@njit(cache=True)
def _flip_exactly(target: Array, overlap: float, s: Array, state: Any) -> Any:
    """Flip exactly round((1 − m)N/2) random spins of the target; the next state."""
    order = np.arange(len(s))
    state = _shuffle(order, np.empty_like(order), state)
    s[:] = target
    for k in range(round((1.0 - overlap) * len(s) / 2.0)):
        s[order[k]] = -s[order[k]]
    return state


@njit(cache=True, fastmath=_FAST)
def learn(
    waiting: Waiting,
    place: int,
    target: Array,
    s: Array,
    h: Array,
    tie: Array,
    amount: float,
    symmetric: bool,
    normalize: bool,
    norm2: Array,
) -> tuple[int, bool]:
    """Let δJ_ij = a e_i ξ_i S_j wait, e_i = 1 where ξ_i h_i ≤ 0, with Σ J_ij² in norm2[0].

    `symmetric` takes (δJ + δJᵀ)/2 instead. `normalize` brings each row back from norm 1 to norm
    1, but for rows of which so little is left that their norm must be that of the matrix.

    Returns
    -------
    The next place of the block, and whether no row is left to the matrix.
    """
    size = len(s)
    g = np.empty(size)
    work, along, errors = 0.0, 0.0, 0.0
    for i in range(size):
        g[i] = target[i] if target[i] * h[i] <= tie[i] else 0.0
        work += g[i] * h[i]
        along += g[i] * s[i]
        errors += abs(g[i])
    if errors == 0.0:
        return place, True
    if symmetric:
        half = 0.5 * amount
        # gSᵀ + Sgᵀ by two terms that are each symmetric, so that the sum is, rounding included.
        place = add(waiting, place, 0.5 * half, g + s, g + s)
        place = add(waiting, place, -0.5 * half, g - s, g - s)
        norm2[0] += 2.0 * amount * work + 2.0 * half**2 * ((size - 2) * errors + along * along)
        return place, True
    place = add(waiting, place, amount, g, s)
    norm2[0] += amount * (2.0 * work + amount * (size - 1) * errors)
    sure = True
    if normalize:
        scale, added = waiting[4], amount**2 * (size - 1)
        for i in range(size):
            left = 1.0 + 2.0 * amount * g[i] * h[i] + added
            if g[i] != 0.0 and left > _CANCELLED * (1.0 + added):
                scale[i] /= np.sqrt(left)
            elif g[i] != 0.0:
                sure = False
    return place, sure


@njit(cache=True, fastmath=_FAST)
def _noised(
    landscape: Array,
    waiting: Waiting,
    kind: int,
    temperature: float,
    sweeps: int,
    tie: Array,
    target: Array,
    s: Array,
    h: Array,
    order: Array,
    state: Any,
) -> bool:
    """Let the dynamics of the noise move a state from where it starts; whether it settled."""
    look_at(waiting, s)
    if kind == FIXED_POINT:
        return bool(settle(landscape, waiting, tie, s, h, order, state, sweeps)[2])
    if kind == THERMAL:
        heat(landscape, waiting, s, h, order, state, temperature, sweeps)
    elif kind == KAWASAKI:
        swap(landscape, waiting, target, s, h, order, state, temperature, sweeps)
    return True


@njit(cache=True, fastmath=_FAST)
def train(
    columns: Array,
    patterns: Array,
    frozen: Array,
    kind: int,
    overlap: float,
    temperature: float,
    sweeps: int,
    rates: Array,
    symmetric: bool,
    normalize: bool,
    tie: Array,
    order: Array,
    stream: Array,
    norm2: Array,
) -> int:
    """Train with noise in place; the number of states that did not settle.

    Temperatures of the current landscape follow its norm, T·√(norm2[0]/norm2[1]).

    Parameters
    ----------
    columns : (N, N), the couplings by columns.
    patterns : (P, N).
    frozen : columns of the landscape that makes the states, or (0, 0) for the current one.
    kind : UNIFORM, FIXED_POINT, THERMAL or KAWASAKI.
    overlap : m_t.
    temperature : T of the last two kinds, 0 for the others.
    sweeps : number of sweeps, or the largest for FIXED_POINT.
    rates : λ of each step; one pattern is learned per step.
    symmetric : as in `learn`.
    normalize : as in `learn`.
    tie : (N,), fields that count as zero.
    order : (N,), the site order.
    stream : (1,), state of the random stream.
    norm2 : (2,), Σ J_ij² now and at the start.
    """
    size = len(columns)
    each, current = 2 if symmetric else 1, len(frozen) == 0
    together = block_of(size, each, current and kind != UNIFORM)
    spins, fields = np.empty((together, size)), np.empty((together, size))
    targets, streams = np.empty(together, np.int64), np.empty(together, np.uint64)
    waiting, all_taken = nothing_waits(size, together * each), nothing_waits(size, 0)
    seen = waiting if together > 1 else all_taken
    left, _, diagonal, overlaps, scale = seen
    all_rows = not normalize or has_all_rows(columns)
    unsettled = 0
    for first in range(0, len(rates), together):
        count = min(together, len(rates) - first)
        for b in range(count):
            stream[0], state = _next(stream[0])
            state, bits = _next(state)
            targets[b] = _below(bits, len(patterns))
            target = patterns[targets[b]]
            if kind == KAWASAKI:
                streams[b] = _flip_exactly(target, overlap, spins[b], state)
            else:
                streams[b] = _flip(target, overlap, spins[b], state)
        if not current:
            fields_of(frozen, spins[:count], fields)
            for b in range(count):
                target, s, h = patterns[targets[b]], spins[b], fields[b]
                unsettled += not _noised(
                    frozen,
                    all_taken,
                    kind,
                    temperature,
                    sweeps,
                    tie,
                    target,
                    s,
                    h,
                    order,
                    streams[b],
                )
        fields_of(columns, spins[:count], fields)
        place = 0
        for b in range(count):
            target, s, h = patterns[targets[b]], spins[b], fields[b]
            if current:
                scaled = temperature
                if temperature > 0.0 and not normalize:
                    scaled *= np.sqrt(max(norm2[0], 0.0) / norm2[1])
                unsettled += not _noised(
                    columns, seen, kind, scaled, sweeps, tie, target, s, h, order, streams[b]
                )
            else:
                look_at(seen, s)
            for i in range(size):
                h[i] = field(left, diagonal, overlaps, scale, h, s, i)
            amount = rates[first + b] / size
            place, sure = learn(
                waiting, place, target, s, h, tie, amount, symmetric, normalize, norm2
            )
            if place > 0 and (b == count - 1 or not (sure and all_rows)):
                all_rows, place = flush(columns, waiting, normalize), 0
                fields_of(columns, spins[b + 1 : count], fields[b + 1 :])
    return unsettled


@njit(cache=True, fastmath=_FAST)
def dream(
    columns: Array,
    patterns: Array,
    dreams: int,
    rate: float,
    tie: Array,
    max_sweeps: int,
    order: Array,
    stream: Array,
) -> int:
    """Dream one by one, J_ij ← J_ij − (ε/N) S_i S_j, in place; the number not settled.

    With patterns, each dream also adds (ε/N) ξ_i ξ_j of one of them, drawn at random.
    """
    size = len(columns)
    amount, awake = rate / size, len(patterns) > 0
    each = 2 if awake else 1
    together = block_of(size, each, True)
    spins, fields = np.empty((together, size)), np.empty((together, size))
    streams, waiting = np.empty(together, np.uint64), nothing_waits(size, together * each)
    seen = waiting if together > 1 else nothing_waits(size, 0)
    unsettled = 0
    for first in range(0, dreams, together):
        count = min(together, dreams - first)
        for b in range(count):
            stream[0], state = _next(stream[0])
            streams[b] = _random_spins(spins[b], state)
        fields_of(columns, spins[:count], fields)
        place = 0
        for b in range(count):
            s = spins[b]
            look_at(seen, s)
            state, _, settled = settle(
                columns, seen, tie, s, fields[b], order, streams[b], max_sweeps
            )
            unsettled += not settled
            if awake:
                state, bits = _next(state)
                target = patterns[_below(bits, len(patterns))]
                place = add(waiting, place, amount, target, target)
            place = add(waiting, place, -amount, s, s)
        flush(columns, waiting, False)
    return unsettled


@njit(parallel=True, cache=True, fastmath=_FAST)
def dream_together(
    columns: Array,
    dreams: int,
    rate: float,
    tie: Array,
    max_sweeps: int,
    orders: Array,
    streams: Array,
) -> int:
    """Dream in batches of len(streams) at frozen couplings, all replicas in parallel.

    The last batch may be smaller. Each replica has its stream and site order, and every
    coupling adds up the replicas in the same order, so that the result does not depend on
    the number of threads.
    """
    size = len(columns)
    replicas = len(streams)
    spins = np.zeros((-(-replicas // BLOCK) * BLOCK, size))
    fields = np.empty((replicas, size))
    settled = np.empty(replicas, np.bool_)
    amount = rate / size
    all_taken, unsettled = nothing_waits(size, 0), 0
    for start in range(0, dreams, replicas):
        batch = min(replicas, dreams - start)
        spins[batch:] = 0.0
        for part in prange(-(-batch // _SHARED)):
            low, high = part * _SHARED, min((part + 1) * _SHARED, batch)
            for b in range(low, high):
                streams[b] = _random_spins(spins[b], streams[b])
            fields_of(columns, spins[low:high], fields[low:high])
        for b in prange(batch):
            streams[b], _, settled[b] = settle(
                columns, all_taken, tie, spins[b], fields[b], orders[b], streams[b], max_sweeps
            )
        for j in prange(size):
            column, shares = columns[j], -amount * spins[:, j]
            for b in range(0, batch, BLOCK):
                take(column, spins[b : b + BLOCK], shares[b : b + BLOCK])
            column[j] = 0.0
        for b in range(batch):
            unsettled += not settled[b]
    return unsettled


@njit(parallel=True, cache=True, fastmath=_FAST)
def ascend(
    patterns: Array,
    gram: Array,
    tolerance: float,
    max_sweeps: int,
    multipliers: Array,
    lower: Array,
    upper: Array,
) -> None:
    """Find each row's largest margin by over-relaxed ascent of the dual (AdaTron), in place.

    Row i minimises ½ aᵀGa − Σ a over a ≥ 0, G_μν = ξ_i^μ ξ_i^ν ξ^μ·ξ^ν − 1 (no self-coupling);
    w = Σ_μ a_μ ξ_i^μ ξ^μ. Any a ≥ 0 bounds the margin, min_μ ξ_i^μ w·ξ^μ/‖w‖ ≤ κ ≤ ‖w‖/Σ a.

    Parameters
    ----------
    patterns : (P, N).
    gram : (P, P), ξ^μ·ξ^ν.
    tolerance : a row is done when its two bounds differ by this part of the upper one.
    max_sweeps : largest number of passes over the patterns.
    multipliers : (N, P), zero at the start; becomes a.
    lower : (N,), becomes the lower bound of the margin.
    upper : (N,), becomes the upper one.
    """
    count, size = patterns.shape
    step = 1.5 / (size - 1)
    for i in prange(size):
        a, y = multipliers[i], patterns[:, i].copy()
        field = np.zeros(count)  # Σ_ν a_ν y_ν ξ^μ·ξ^ν
        total = 0.0
        for sweep in range(max_sweeps):
            for mu in range(count):
                new = max(0.0, a[mu] + step * (1.0 + total - y[mu] * field[mu]))
                change = new - a[mu]
                if change != 0.0:
                    a[mu] = new
                    total += change
                    change *= y[mu]
                    row = gram[mu]
                    for nu in range(count):
                        field[nu] += change * row[nu]
            if sweep % 10 == 0 or sweep == max_sweeps - 1:
                norm2, smallest = 0.0, np.inf
                for mu in range(count):
                    margin = y[mu] * field[mu] - total
                    norm2 += a[mu] * margin
                    smallest = min(smallest, margin)
                norm = np.sqrt(max(norm2, 1e-300))
                lower[i], upper[i] = smallest / norm, norm / total
                if upper[i] - lower[i] <= tolerance * upper[i]:
                    break


@njit(cache=True, fastmath=_FAST)
def ascend_symmetric(
    patterns: Array, tolerance: float, max_sweeps: int, multipliers: Array, couplings: Array
) -> Any:
    """Find the largest margin of symmetric couplings by over-relaxed dual ascent, in place.

    Parameters
    ----------
    patterns : (P, N).
    tolerance : done when the two bounds differ by this part of the upper one.
    max_sweeps : largest number of passes over all spins of all patterns.
    multipliers : (P, N), zero at the start; becomes x.
    couplings : (N, N), zero at the start; becomes Σ_μ (x_i^μ + x_j^μ) ξ_i^μ ξ_j^μ.

    Returns
    -------
    The margin of the couplings at rows of norm 1 in mean square, and the upper bound of all.
    """
    count, size = patterns.shape
    step = 1.5 / (size - 1)
    lower, upper = -np.inf, np.inf
    for sweep in range(max_sweeps):
        for mu in range(count):
            xi, x = patterns[mu], multipliers[mu]
            for i in range(size):
                row = couplings[i]
                field = 0.0
                for j in range(size):
                    field += row[j] * xi[j]
                new = max(0.0, x[i] + step * (1.0 - xi[i] * field))
                change = new - x[i]
                if change != 0.0:
                    x[i] = new
                    amount = change * xi[i]
                    for j in range(size):
                        row[j] += amount * xi[j]
                    row[i] = 0.0
                    for j in range(size):
                        couplings[j, i] = row[j]
        if sweep % 10 == 9 or sweep == max_sweeps - 1:
            norm = np.sqrt(size * (couplings * couplings).sum())
            smallest = ((couplings @ patterns.T).T * patterns).min()
            lower, upper = smallest * size / norm, norm / (2.0 * multipliers.sum())
            if upper - lower <= tolerance * upper:
                break
    return lower, upper
