"""Compiled loops for sequential dynamics: one spin at a time, all replicas in parallel.

Each replica draws its site order from a random stream of its own, seeded from outside,
so that the result does not depend on the number of threads.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import get_num_threads, njit, prange

from hopfield._waiting_kernels import field, nothing_waits, turn


def _start_threads() -> None:
    """Start numba's threads, which change OpenMP's and torch's numbers, and set torch's back."""
    before = torch.get_num_threads()
    get_num_threads()
    torch.set_num_threads(before)


_start_threads()
_FAST = {"contract"}  # fused multiply-add only: no reordering, so results stay reproducible


@njit(inline="always")
def _mixed(state):
    """64 random bits of a state of SplitMix64 (Steele, Lea & Flood 2014)."""
    bits = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@njit(inline="always")
def _after(state, draws):
    """State of the stream after a number of draws."""
    return np.uint64(state + np.uint64(draws) * np.uint64(0x9E3779B97F4A7C15))


@njit(inline="always")
def _next(state):
    """Next state of the stream and 64 random bits."""
    state = _after(state, 1)
    return state, _mixed(state)


@njit(inline="always")
def _uniform(bits):
    """A number in [0, 1) from 64 random bits."""
    return np.float64(bits >> np.uint64(11)) * 2.0**-53


@njit(inline="always")
def _below(bits, bound):
    """A whole number in [0, bound), bound < 2³², from 64 random bits."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@njit(inline="always")
def _shuffle(order, places, state):
    """Fisher–Yates in place; the next state of the stream. `places` (N,) is room for the draws.

    All draws come first: a loop without the swaps is a vector one. Unsigned places need no check
    whether they count from the end.
    """
    size = len(order)
    for i in range(size):
        places[i] = _below(_mixed(_after(state, size - i)), i + 1)
    for k in range(1, size):
        last = np.uint64(size - k)
        drawn = np.uint64(places[last])
        order[last], order[drawn] = order[drawn], order[last]
    return _after(state, size - 1)


@njit(inline="always")
def _heated(field, temperature, bits):
    """A spin of the heat bath, P(S = +1) = 1/(1 + e^{−2h/T}); a clamped one stays."""
    pull = -2.0 * field / temperature
    up = 1.0 / (1.0 + math.exp(pull)) if pull < 700.0 else 0.0
    return 1.0 if _uniform(bits) < up else -1.0


@njit(cache=True, fastmath=_FAST)
def settle(columns, waiting, tie, s, h, order, state, max_sweeps):
    """Relax one replica to a fixed point, in place.

    Parameters
    ----------
    columns : (N, N); columns[i] holds J_ji for all j, by which spin i acts on the others.
    waiting : updates that the columns have not taken, with the overlaps of s.
    tie : (N,); a field of at most this size keeps its spin.
    s : (N,), the spins.
    h : (N,), their fields of the columns.
    order : (N,), the site order to shuffle.
    state : state of the random stream.
    max_sweeps : largest number of sweeps.

    Returns
    -------
    The state of the stream, the sweeps made, and whether the end is a fixed point.
    """
    left, right, diagonal, overlaps, scale = waiting
    places = np.empty_like(order)
    sweeps = 0
    while True:
        unstable = 0
        for k in range(len(s)):
            unstable += field(left, diagonal, overlaps, scale, h, s, k) * s[k] < -tie[k]
        if unstable == 0 or sweeps == max_sweeps:
            return state, sweeps, unstable == 0
        sweeps += 1
        state = _shuffle(order, places, state)
        for k in range(len(s)):
            i = np.uint64(order[k])
            if field(left, diagonal, overlaps, scale, h, s, i) * s[i] < -tie[i]:
                s[i] = -s[i]
                turn(columns, right, overlaps, h, i, 2.0 * s[i])


@njit(cache=True, fastmath=_FAST)
def heat(columns, waiting, s, h, order, state, temperature, sweeps):
    """Make heat-bath sweeps of one replica in place, P(S_i = +1) = 1/(1 + e^{−2h_i/T})."""
    left, right, diagonal, overlaps, scale = waiting
    places = np.empty_like(order)
    for _ in range(sweeps):
        state = _shuffle(order, places, state)
        for k in range(len(s)):
            i = order[k]
            state, bits = _next(state)
            pull = field(left, diagonal, overlaps, scale, h, s, i)
            new = _heated(pull, temperature, bits)
            if new != s[i]:
                s[i] = new
                turn(columns, right, overlaps, h, i, 2.0 * new)
    return state


@njit(cache=True, fastmath=_FAST)
def swap(columns, waiting, target, s, h, order, state, temperature, sweeps):
    """Make Kawasaki sweeps of one replica in place: Metropolis at fixed overlap with the target.

    A move flips a spin that disagrees with the target and one that agrees, chosen at
    random; ΔE = 2(S_i h_i + S_j h_j) − 4 J_ij S_i S_j of symmetric couplings. A sweep has N moves.
    """
    left, right, diagonal, overlaps, scale = waiting
    size = len(s)
    wrong = 0  # order[:wrong] are the sites that disagree
    for i in range(size):
        order[i] = i
    for i in range(size):
        if s[i] != target[i]:
            order[wrong], order[i] = order[i], order[wrong]
            wrong += 1
    if wrong == 0 or wrong == size:
        return state
    for _ in range(sweeps * size):
        state, bits = _next(state)
        a = _below(bits, wrong)
        state, bits = _next(state)
        b = wrong + _below(bits, size - wrong)
        state, bits = _next(state)
        i, j = order[a], order[b]
        work = s[i] * field(left, diagonal, overlaps, scale, h, s, i)
        work += s[j] * field(left, diagonal, overlaps, scale, h, s, j)
        bond = columns[j, i]
        for c in range(len(overlaps)):
            bond += left[i, c] * right[j, c]
        change = 2.0 * work - 4.0 * scale[i] * bond * s[i] * s[j]
        if change <= 0.0 or _uniform(bits) < math.exp(max(-change / temperature, -700.0)):
            order[a], order[b] = j, i
            s[i], s[j] = -s[i], -s[j]
            turn(columns, right, overlaps, h, i, 2.0 * s[i])
            turn(columns, right, overlaps, h, j, 2.0 * s[j])
    return state


@njit(parallel=True, cache=True, fastmath=_FAST)
def relax(columns, fields, tie, spins, seeds, max_sweeps, sweeps, converged):
    """Relax all replicas to fixed points at zero temperature, in place; spins (B, N)."""
    replicas, size = spins.shape
    all_taken = nothing_waits(size, 0)
    for b in prange(replicas):
        order, stream = np.arange(size), np.uint64(seeds[b])
        _, sweeps[b], converged[b] = settle(
            columns, all_taken, tie, spins[b], fields[b], order, stream, max_sweeps
        )


@njit(parallel=True, cache=True, fastmath=_FAST)
def glauber(columns, fields, spins, seeds, temperature, sweeps):
    """Make heat-bath sweeps of all replicas, in place; spins (B, N)."""
    replicas, size = spins.shape
    all_taken = nothing_waits(size, 0)
    for b in prange(replicas):
        order, stream = np.arange(size), np.uint64(seeds[b])
        heat(columns, all_taken, spins[b], fields[b], order, stream, temperature, sweeps)


@njit(parallel=True, cache=True, fastmath=_FAST)
def kawasaki(columns, targets, spins, fields, seeds, temperature, sweeps):
    """Make Kawasaki sweeps of all replicas, in place; targets, spins (B, N)."""
    replicas, size = spins.shape
    all_taken = nothing_waits(size, 0)
    for b in prange(replicas):
        order, stream = np.arange(size), np.uint64(seeds[b])
        swap(
            columns, all_taken, targets[b], spins[b], fields[b], order, stream, temperature, sweeps
        )


@njit(parallel=True, cache=True, fastmath={"contract", "reassoc"})
def relax_dense(sites, table, relative, tie, spins, overlaps, seeds, max_sweeps, sweeps, converged):
    """Relax the replicas of a dense memory one spin at a time, E = −Σ_μ F(ξ^μ·S), in place.

    Parameters
    ----------
    sites : (N, P) int8, the patterns by site.
    table : F at every whole number k, as `table[k + len(table)//2]`.
    relative : whether F counts up to a common factor, as F(x − max_μ x)
        It keeps exponentials finite.
    tie : a flip must raise Σ_μ F by more than this part of Σ_μ |F|.
    spins : (B, N) int8.
    overlaps : (B, P) int64, ξ^μ·S.
    seeds : (B,), of the random streams.
    max_sweeps : largest number of sweeps.
    sweeps : (B,), zero; counts the sweeps made.
    converged : (B,), False; becomes True at fixed points.
    """
    replicas, size = spins.shape
    patterns = sites.shape[1]
    for b in prange(replicas):
        state = np.uint64(seeds[b])
        order, places = np.arange(size), np.empty(size, np.int64)
        s, x = spins[b], overlaps[b]
        down, up = np.empty(patterns), np.empty(patterns)
        total, scale = _tabulate(x, table, relative, down, up)
        while not converged[b]:
            may_flip = sweeps[b] < max_sweeps  # if not, only check whether any spin would flip
            state = _shuffle(order, places, state)
            silent = True
            for k in range(size):
                i = order[k]
                site = sites[i]
                flipped = 0.0
                for mu in range(patterns):
                    flipped += down[mu] if site[mu] == s[i] else up[mu]
                if flipped - total > tie * scale:
                    silent = False
                    if not may_flip:
                        break
                    s[i] = -s[i]
                    for mu in range(patterns):
                        x[mu] += 2 * s[i] * site[mu]
                    total, scale = _tabulate(x, table, relative, down, up)
            if silent:
                converged[b] = True
            elif may_flip:
                sweeps[b] += 1
            else:
                break


@njit(inline="always")
def _tabulate(x, table, relative, down, up):
    """Sums ΣF and Σ|F| at the overlaps x; in place F(x − 2) and F(x + 2), to which flips lead."""
    shift = len(table) // 2
    if relative:
        shift -= x.max()
    total, scale = 0.0, 0.0
    for mu in range(len(x)):
        place = x[mu] + shift
        down[mu] = table[place - 2]
        up[mu] = table[place + 2]
        total += table[place]
        scale += abs(table[place])
    return total, scale


@njit(parallel=True, cache=True)
def relax_potts(sites, counts, states, sums, seeds, max_sweeps, sweeps, converged):
    """Relax replicas of a Potts memory one site at a time, in place.

    The pull of colour k at site i is Σ_{μ: ξ_i = k} (sums_μ − u(k, s_i)): what the fields of all
    colours have in common does not count. All numbers are whole.

    Parameters
    ----------
    sites : (N, P) int16, the colours of the patterns by site.
    counts : (N, q) int64, patterns of each colour.
    states : (B, N) int64.
    sums : (B, P) int64, Σ_j u(ξ_j^μ, s_j).
    seeds : (B,), of the random streams.
    max_sweeps : largest number of sweeps.
    sweeps : (B,), zero; counts the sweeps made.
    converged : (B,), False; becomes True at fixed points.
    """
    replicas, size = states.shape
    patterns, colours = sites.shape[1], counts.shape[1]
    for b in prange(replicas):
        stream, pull = np.uint64(seeds[b]), np.empty(colours, np.int64)
        order, places = np.arange(size), np.empty(size, np.int64)
        s, x = states[b], sums[b]
        while not converged[b]:
            may_change = sweeps[b] < max_sweeps  # if not, only look whether any site would
            stream = _shuffle(order, places, stream)
            silent = True
            for k in range(size):
                i = order[k]
                site, own = sites[i], s[i]
                pull[:] = counts[i]
                pull[own] -= colours * counts[i, own]
                for mu in range(patterns):
                    pull[site[mu]] += x[mu]
                best = own
                for colour in range(colours):
                    if pull[colour] > pull[best]:
                        best = colour
                if best != own:
                    silent = False
                    if not may_change:
                        break
                    s[i] = best
                    for mu in range(patterns):
                        if site[mu] == best:
                            x[mu] += colours
                        elif site[mu] == own:
                            x[mu] -= colours
            if silent:
                converged[b] = True
            elif may_change:
                sweeps[b] += 1
            else:
                break
