"""Compiled loops of sparse 0/1 patterns: drawing them, and Willshaw's couplings, a bit each.

Row i of the couplings is a row of 64-bit words, bit j of which is W_ij.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from hopfield._kernels import _below, _next

_ONE = np.uint64(1)
_SIX = np.uint64(6)
_LOW = np.uint64(63)


@njit(cache=True)
def draw_sites(size, seed, sites):
    """Fill sites (P, K) with K different random sites of 0…size−1 in each row.

    The first K steps of a shuffle, from any order of the sites, choose them with equal odds.
    """
    state, order = np.uint64(seed), np.arange(size)
    for mu in range(sites.shape[0]):
        for k in range(sites.shape[1]):
            state, bits = _next(state)
            other = k + _below(bits, size - k)
            order[k], order[other] = order[other], order[k]
            sites[mu, k] = order[k]


@njit(cache=True)
def store(sites, words):
    """Set the bits W_ij of all pairs of sites (P, K) of a pattern, i = j among them, in place."""
    for mu in range(sites.shape[0]):
        for a in range(sites.shape[1]):
            row = words[sites[mu, a]]
            for b in range(sites.shape[1]):
                j = np.uint64(sites[mu, b])
                row[j >> _SIX] |= _ONE << (j & _LOW)


@njit(cache=True)
def count_bits(words):
    """Number of bits that are set."""
    total = 0
    for i in range(words.shape[0]):
        for k in range(words.shape[1]):
            word = words[i, k]
            while word:
                word &= word - _ONE
                total += 1
    return total


@njit(parallel=True, cache=True)
def intersect(words, starts, sites, size, out):
    """Units that all ones of a cue are linked to: rows of W, and-ed; out (B, N) is set to 0 or 1.

    A cue without ones turns on none.

    Parameters
    ----------
    words : (N, ⌈N/64⌉) uint64.
    starts : (B + 1,), where the ones of each cue begin in `sites`.
    sites : ones of all cues, one after the other.
    size : N.
    out : (B, N) uint8.
    """
    for b in prange(len(starts) - 1):
        some = starts[b + 1] > starts[b]
        both = np.full(words.shape[1], ~np.uint64(0) if some else np.uint64(0))
        for k in range(starts[b], starts[b + 1]):
            row = words[sites[k]]
            for w in range(len(both)):
                both[w] &= row[w]
        for i in range(size):
            j = np.uint64(i)
            out[b, i] = (both[j >> _SIX] >> (j & _LOW)) & _ONE


@njit(parallel=True, cache=True)
def add_rows(words, starts, sites, size, out):
    """Fields Σ_j W_ij S_j of cues, as `intersect`; out (B, N) int32."""
    for b in prange(len(starts) - 1):
        total = out[b]
        total[:] = 0
        for k in range(starts[b], starts[b + 1]):
            row = words[sites[k]]
            for w in range(size >> 6):
                word = row[w]
                for bit in range(64):
                    total[64 * w + bit] += np.int32((word >> np.uint64(bit)) & _ONE)
            for i in range(size & ~63, size):
                j = np.uint64(i)
                total[i] += np.int32((row[j >> _SIX] >> (j & _LOW)) & _ONE)


@njit(cache=True)
def draw_inputs(seed, inputs):
    """Fill inputs (N, C) with C different random sites of all but i in row i."""
    size = inputs.shape[0]
    state, others = np.uint64(seed), np.arange(size - 1)
    for i in range(size):
        for k in range(inputs.shape[1]):
            state, bits = _next(state)
            other = k + _below(bits, size - 1 - k)
            others[k], others[other] = others[other], others[k]
            inputs[i, k] = others[k] + (others[k] >= i)


@njit(parallel=True, cache=True)
def couple(sites, inputs, sums):
    """Fill sums (N, C) with Σ_μ ξ_i^μ ξ_j^μ of the inputs j of i; sites (N, P)."""
    for i in prange(inputs.shape[0]):
        for k in range(inputs.shape[1]):
            total = 0.0
            other = sites[inputs[i, k]]
            for mu in range(sites.shape[1]):
                total += sites[i, mu] * other[mu]
            sums[i, k] = total


@njit(parallel=True, cache=True)
def gather(inputs, sums, spins, fields):
    """Fields (B, N) of states (B, N) that the inputs of each spin give."""
    for b in prange(spins.shape[0]):
        s = spins[b]
        for i in range(inputs.shape[0]):
            total = 0.0
            for k in range(inputs.shape[1]):
                total += sums[i, k] * s[inputs[i, k]]
            fields[b, i] = total
