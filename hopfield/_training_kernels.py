"""Compiled loops for learning: dreams, training with noise, dual ascent of the margin.

Couplings are held by columns, columns[j] = (J_ij)_i, so that a field, a flip and an update
are all sums of contiguous columns, in an order that does not depend on the number of
threads. A run may be cut into calls: arrays hold the random stream, the site order and the
norm from one call to the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from hopfield._kernels import _FAST, _below, _next, _shuffle, _uniform, heat, settle, swap

Array = NDArray[Any]

UNIFORM, FIXED_POINT, THERMAL, KAWASAKI = range(4)


@njit(cache=True, fastmath=_FAST)
def _fields(columns: Array, s: Array, h: Array) -> None:
    """Set h_i = Σ_j J_ij S_j, four columns at a time, so that h is read and written less often."""
    size = len(s)
    h[:] = 0.0
    whole = size - size % 4
    for j in range(0, whole, 4):
        a, b, c, d = columns[j], columns[j + 1], columns[j + 2], columns[j + 3]
        p, q, r, t = s[j], s[j + 1], s[j + 2], s[j + 3]
        for i in range(size):
            h[i] += (p * a[i] + q * b[i]) + (r * c[i] + t * d[i])
    for j in range(whole, size):
        column = columns[j]
        for i in range(size):
            h[i] += s[j] * column[i]


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
def _flip_exactly(target: Array, overlap: float, s: Array, order: Array, state: Any) -> Any:
    """Flip exactly round((1 − m)N/2) spins of the target, the first sites of `order`."""
    state = _shuffle(order, state)
    s[:] = target
    for k in range(round((1.0 - overlap) * len(s) / 2.0)):
        s[order[k]] = -s[order[k]]
    return state


@njit(cache=True, fastmath=_FAST)
def learn(
    columns: Array,
    target: Array,
    s: Array,
    h: Array,
    tie: Array,
    amount: float,
    symmetric: bool,
    normalize: bool,
    norm2: Array,
) -> None:
    """Add δJ_ij = a e_i ξ_i S_j, e_i = 1 where ξ_i h_i ≤ 0; in place, with Σ J_ij² in norm2[0].

    `symmetric` takes (δJ + δJᵀ)/2 instead. `normalize` brings each row back to norm 1.
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
        return
    if symmetric:
        half = 0.5 * amount
        for j in range(size):
            column, a, b = columns[j], half * s[j], half * g[j]
            for i in range(size):
                column[i] += a * g[i] + b * s[i]  # the sum is exact: a multiple of `half`
            column[j] = 0.0
        norm2[0] += 2.0 * amount * work + 2.0 * half**2 * ((size - 2) * errors + along * along)
        return
    for j in range(size):
        column, a = columns[j], amount * s[j]
        for i in range(size):
            column[i] += a * g[i]
        column[j] = 0.0
    norm2[0] += amount * (2.0 * work + amount * (size - 1) * errors)
    if normalize:
        # The norms come from the couplings themselves. Those computed from h would keep
        # their errors, which grow where training shrinks the rows.
        scale = np.zeros(size)
        for j in range(size):
            column = columns[j]
            for i in range(size):
                scale[i] += column[i] * column[i]
        for i in range(size):
            scale[i] = 1.0 / np.sqrt(scale[i]) if scale[i] > 0.0 else 1.0
        for j in range(size):
            column = columns[j]
            for i in range(size):
                column[i] *= scale[i]


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
    s, h = np.empty(size), np.empty(size)
    landscape = frozen if len(frozen) > 0 else columns
    unsettled = 0
    state = stream[0]
    for rate in rates:
        state, bits = _next(state)
        target = patterns[_below(bits, len(patterns))]
        if kind == KAWASAKI:
            state = _flip_exactly(target, overlap, s, order, state)
        else:
            state = _flip(target, overlap, s, state)
        _fields(landscape, s, h)
        scaled = temperature
        if temperature > 0.0 and len(frozen) == 0 and not normalize:
            scaled *= np.sqrt(max(norm2[0], 0.0) / norm2[1])
        if kind == FIXED_POINT:
            state, _, settled = settle(landscape, tie, s, h, order, state, sweeps)
            unsettled += not settled
        elif kind == THERMAL:
            state = heat(landscape, s, h, order, state, scaled, sweeps)
        elif kind == KAWASAKI:
            state = swap(landscape, target, s, h, order, state, scaled, sweeps)
        if len(frozen) > 0:
            _fields(columns, s, h)
        learn(columns, target, s, h, tie, rate / size, symmetric, normalize, norm2)
    stream[0] = state
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
    s, h = np.empty(size), np.empty(size)
    amount = rate / size
    unsettled = 0
    state = stream[0]
    for _ in range(dreams):
        state = _random_spins(s, state)
        _fields(columns, s, h)
        state, _, settled = settle(columns, tie, s, h, order, state, max_sweeps)
        unsettled += not settled
        if len(patterns) > 0:
            state, bits = _next(state)
            target = patterns[_below(bits, len(patterns))]
            for j in range(size):
                column, a, b = columns[j], amount * target[j], amount * s[j]
                for i in range(size):
                    column[i] += a * target[i] - b * s[i]
                column[j] = 0.0
        else:
            for j in range(size):
                column, b = columns[j], amount * s[j]
                for i in range(size):
                    column[i] -= b * s[i]
                column[j] = 0.0
    stream[0] = state
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
    spins = np.empty((replicas, size))
    settled = np.empty(replicas, np.bool_)
    amount = rate / size
    unsettled = 0
    for start in range(0, dreams, replicas):
        batch = min(replicas, dreams - start)
        for b in prange(batch):
            s, h = spins[b], np.empty(size)
            state = _random_spins(s, streams[b])
            _fields(columns, s, h)
            state, _, settled[b] = settle(columns, tie, s, h, orders[b], state, max_sweeps)
            streams[b] = state
        for j in prange(size):
            column = columns[j]
            for b in range(batch):
                s = spins[b]
                c = amount * s[j]
                for i in range(size):
                    column[i] -= c * s[i]
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
