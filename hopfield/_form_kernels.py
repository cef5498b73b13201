"""Compiled loops of sequential dynamics for couplings that are no full matrix.

They draw the same site orders as the loops of `hopfield._kernels` from the same seeds.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from hopfield._kernels import _FAST, _heated, _next, _shuffle

_SUMS = {"contract", "reassoc"}  # sums in the order that fits the registers


@njit(inline="always")
def _unstable(fields, spins, tie):
    """True if any spin points against its field."""
    for i in range(len(spins)):
        if fields[i] * spins[i] < -tie[i]:
            return True
    return False


@njit(inline="always", fastmath=_SUMS)
def _field(left, overlaps, diagonal, bias, s, i):
    """Field at site i."""
    total = 0.0
    row = left[i]
    for a in range(len(overlaps)):
        total += row[a] * overlaps[a]
    return total - diagonal[i] * s[i] + bias[i]


@njit(inline="always")
def _overlaps(right, s):
    """Overlaps m_a = Σ_j R_ja S_j of a state."""
    overlaps = np.zeros(right.shape[1])
    for j in range(len(s)):
        for a in range(right.shape[1]):
            overlaps[a] += right[j, a] * s[j]
    return overlaps


@njit(cache=True, fastmath=_SUMS)
def _settle(left, right, diagonal, bias, held, tie, s, state, most):
    """Relax one replica to a fixed point in place: sweeps made, and whether it was reached."""
    size, order, overlaps = len(s), np.arange(len(s)), _overlaps(right, s)
    sweeps, places = 0, np.empty_like(order)
    while True:
        unstable = False
        for i in range(size):
            if not held[i] and _field(left, overlaps, diagonal, bias, s, i) * s[i] < -tie[i]:
                unstable = True
                break
        if not unstable:
            return sweeps, True
        if sweeps == most:
            return sweeps, False
        sweeps += 1
        state = _shuffle(order, places, state)
        for k in range(size):
            i = order[k]
            if held[i]:
                continue
            if _field(left, overlaps, diagonal, bias, s, i) * s[i] < -tie[i]:
                s[i] = -s[i]
                row = right[i]
                for a in range(len(overlaps)):
                    overlaps[a] += 2.0 * s[i] * row[a]


@njit(parallel=True, cache=True, fastmath=_FAST)
def relax_low_rank(left, right, diagonal, bias, held, tie, spins, seeds, most, sweeps, converged):
    """Relax all replicas to fixed points at zero temperature, in place.

    Parameters
    ----------
    left, right : (N, r), the factors by site.
    diagonal : (N,), Σ_a L_ia R_ia, which couplings do not have.
    bias : (N,), fields from outside.
    held : (B, N) bool, spins that do not move.
    tie : (N,); a field of at most this size keeps its spin.
    spins : (B, N).
    seeds : (B,), of the random streams.
    most : largest number of sweeps.
    sweeps, converged : (B,), to be written.
    """
    for b in prange(len(spins)):
        sweeps[b], converged[b] = _settle(
            left, right, diagonal, bias, held[b], tie, spins[b], np.uint64(seeds[b]), most
        )


@njit(parallel=True, cache=True, fastmath=_SUMS)
def heat_low_rank(left, right, diagonal, bias, held, spins, seeds, temperature, sweeps):
    """Make heat-bath sweeps of all replicas, in place; the rest as for `relax_low_rank`."""
    replicas, size = spins.shape
    for b in prange(replicas):
        s, order, state = spins[b], np.arange(size), np.uint64(seeds[b])
        places = np.empty_like(order)
        overlaps = _overlaps(right, s)
        for _ in range(sweeps):
            state = _shuffle(order, places, state)
            for k in range(size):
                i = order[k]
                state, bits = _next(state)
                if held[b, i]:
                    continue
                field = _field(left, overlaps, diagonal, bias, s, i)
                new = _heated(field, temperature, bits)
                if new != s[i]:
                    s[i] = new
                    row = right[i]
                    for a in range(len(overlaps)):
                        overlaps[a] += 2.0 * new * row[a]


@njit(parallel=True, cache=True, fastmath=_FAST)
def relax_sparse(starts, into, values, fields, tie, spins, seeds, most, sweeps, converged):
    """Relax all replicas to fixed points at zero temperature, in place.

    Parameters
    ----------
    starts : (N + 1,), where the couplings that leave each spin begin.
    into, values : spins that they go into, and their sizes.
    fields : (B, N); infinite along spins that do not move.
    tie, spins, seeds, most, sweeps, converged : as for `relax_low_rank`.
    """
    replicas, size = spins.shape
    for b in prange(replicas):
        s, h, order, state = spins[b], fields[b], np.arange(size), np.uint64(seeds[b])
        places = np.empty_like(order)
        while _unstable(h, s, tie) and sweeps[b] < most:
            sweeps[b] += 1
            state = _shuffle(order, places, state)
            for k in range(size):
                i = order[k]
                if h[i] * s[i] < -tie[i]:
                    s[i] = -s[i]
                    for j in range(starts[i], starts[i + 1]):
                        h[into[j]] += 2.0 * s[i] * values[j]
        converged[b] = not _unstable(h, s, tie)


@njit(parallel=True, cache=True, fastmath=_FAST)
def heat_sparse(starts, into, values, fields, spins, seeds, temperature, sweeps):
    """Make heat-bath sweeps of all replicas, in place; the rest as for `relax_sparse`."""
    replicas, size = spins.shape
    for b in prange(replicas):
        s, h, order, state = spins[b], fields[b], np.arange(size), np.uint64(seeds[b])
        places = np.empty_like(order)
        for _ in range(sweeps):
            state = _shuffle(order, places, state)
            for k in range(size):
                i = order[k]
                state, bits = _next(state)
                new = _heated(h[i], temperature, bits)
                if new != s[i]:
                    s[i] = new
                    for j in range(starts[i], starts[i + 1]):
                        h[into[j]] += 2.0 * new * values[j]
