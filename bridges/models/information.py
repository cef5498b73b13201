r"""What a memory stores and what it costs, in bits: one axis for dense, sparse and coloured ones.

The *stored* information is that of what cues should become, P patterns: a bit for a spin, log₂
C(N, K) for K ones among N, log₂ q for a site of q colours; of a bidirectional memory that of the
halves that are asked for. It is that of independent random patterns, and of others the most that
they can have. The cue brings a part of it. What the cue leaves open is log₂ of a number of
patterns: C(N, n) of n flipped spins, C(K, d) C(N − K, d) of d ones moved, C(N − k, K − k) of k ones
that are left, C(N, c)(q − 1)^c of c other colours, 2^(N − n) of n spins that are known; all of them
where another pattern is asked for.

An answer need only be near to its pattern, at a cosine of the threshold. So it leaves something
open too: log₂ of the largest number of patterns to which one answer can be as near. What recall
*adds* is the difference, or nothing where cues are as near by themselves. For spins that is
N[H((1 − m)/2) − H((1 − θ)/2)], the rate at which a source of flips is known up to a distortion.
Stored information may exceed what the couplings can hold, one bit each for Willshaw's, as clean
cues ask for nothing that they do not bring; what recall adds to the cues that come home cannot.

Both are divided by the numbers that a memory keeps: N(N − 1)/2 symmetric couplings (J_ij and J_ji
are one; counted per synapse, as by those who say 0.138 bits, symmetric ones have half as many
bits), N(N − 1) of a sequence, N·M of a bidirectional memory, what dilution leaves, N(N + 1)/2 of
Willshaw's with its diagonal, (q − 1)² N(N − 1)/2 of Potts', P·N duals of a kernel memory. The
precision is log₂ of how many values such a number can take: 1 for signs and for Willshaw's, log₂ L
of L levels, log₂(P + 1) of Hebb's sum of P products; that of real numbers is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from bridges.models.model import Options

_WHOLE = 1e-9  # by which a count of sites may miss a whole number


class Information(NamedTuple):
    """Of a model that stores P patterns.

    Attributes
    ----------
    stored : bits of all patterns.
    added : bits that recall adds to P cues, one of each pattern, that come home.
    numbers : that the memory keeps; NaN: not known.
    precision : bits of one of them; NaN: real numbers, or not known.
    """

    stored: float
    added: float
    numbers: float
    precision: float


def information(
    name: str,
    kind: str,
    patterns: float,
    size: int,
    overlap: float,
    options: Options,
    threshold: float = 1.0,
) -> Information:
    """What a model stores and costs.

    Parameters
    ----------
    name, kind : of the model.
    patterns : P.
    size : N.
    overlap : of the cues.
    options : of the model.
    threshold : cosine with its pattern that an answer must have, in (0, 1].

    Raises
    ------
    ValueError : a kind whose patterns have no such information, real numbers.

    Examples
    --------
    >>> found = information("hebb", "binary", 138, 1000, 1.0, Options())
    >>> round(found.stored / found.numbers, 3), round(found.precision, 1), found.added
    (0.276, 7.1, 0.0)
    """
    of_one, left = _bits(name, kind, size, overlap, options)
    added = max(0.0, left - _accepted(name, kind, size, overlap, options, threshold))
    numbers = _numbers(name, patterns, size, options)
    precision = _precision(name, patterns, options)
    return Information(patterns * of_one, patterns * added, numbers, precision)


def _bits(name: str, kind: str, N: int, m: float, options: Options) -> tuple[float, float]:
    """Bits of a pattern, and those that a cue leaves open."""
    if kind == "sparse":
        K = options.coding.ones(N)
        if name == "willshaw":
            kept = max(1, round(m**2 * K))
            return _choices(N, K), _choices(N - kept, K - kept)
        moved = round((1 - m) * K)
        return _choices(N, K), _choices(K, moved) + _choices(N - K, moved)
    if kind == "colours":
        changed = round((1 - m) * N)
        other = changed * math.log2(options.colours - 1)
        return N * math.log2(options.colours), _choices(N, changed) + other
    if kind != "binary":
        raise ValueError(f"model must store spins, 0/1 patterns or colours, got {name}")
    if name == "bam":
        return float(N - N // 2), float(N - N // 2)
    if name in ("sequence", "dense-sequence"):
        return float(N), float(N)
    if name == "clamped":
        return float(N), float(N - round(m * N))
    return float(N), _choices(N, round((1 - m) * N / 2))


def _accepted(name: str, kind: str, N: int, m: float, options: Options, threshold: float) -> float:
    """Bits that an answer leaves open which has just the cosine of the threshold."""
    if kind == "sparse":
        K = options.coding.ones(N)
        return _near_ones(N, K, max(1, round(m**2 * K)) if name == "willshaw" else 0, threshold)
    if kind == "colours":
        wrong = math.floor((1 - threshold) * N + _WHOLE)
        other = math.log2(options.colours - 1)
        return _sum(_choices(N, c) + c * other for c in range(wrong + 1))
    asked = N - N // 2 if name == "bam" else N
    wrong = math.floor((1 - threshold) * asked / 2 + _WHOLE)
    free = N - round(m * N) if name == "clamped" else asked
    return _sum(_choices(free, c) for c in range(min(wrong, free) + 1))


def _near_ones(N: int, K: int, known: int, threshold: float) -> float:
    """Bits of the patterns with K of N ones that one answer is near to; both have those known.

    An answer of s ones shares t of them with a pattern, and the cosine is t/√(sK).
    """
    most = 0.0
    fewest = max(1, known, math.ceil(threshold**2 * K - _WHOLE))
    for s in range(fewest, min(N, math.floor(K / threshold**2 + _WHOLE)) + 1):
        least = max(known, math.ceil(threshold * math.sqrt(s * K) - _WHOLE))
        shared = range(least, min(s, K) + 1)
        ways = (_choices(s - known, t - known) + _choices(N - s, K - t) for t in shared)
        most = max(most, _sum(ways))
    return most


def _sum(bits: Iterable[float]) -> float:
    """log₂ Σ 2^b; −∞ for none."""
    found = [*bits]
    most = max(found, default=-math.inf)
    if most == -math.inf:
        return most
    return most + math.log2(math.fsum(2.0 ** (b - most) for b in found))


def _choices(N: int, K: int) -> float:
    """log₂ of the number of ways to choose K of N; −∞ for none."""
    if not 0 <= K <= N:
        return -math.inf
    parts = math.lgamma(N + 1) - math.lgamma(K + 1) - math.lgamma(N - K + 1)
    return max(0.0, parts) / math.log(2)


def _numbers(name: str, P: float, N: int, options: Options) -> float:
    pairs = N * (N - 1) / 2
    known = {
        "clipped-spectrum": pairs,
        "diluted": options.keep * pairs,
        "sequence": 2 * pairs,
        "bam": float(N // 2 * (N - N // 2)),
        "willshaw": pairs + N,
        "potts": (options.colours - 1) ** 2 * pairs,
        "kernel": P * N,
    }
    symmetric = ("hebb", "pseudo-inverse", "clipped", "thermal", "clamped", "covariance")
    return known.get(name, pairs if name in symmetric else math.nan)


def _precision(name: str, P: float, options: Options) -> float:
    if name == "willshaw":
        return 1.0
    if name == "clipped":
        return math.log2(options.levels)
    sums = ("hebb", "diluted", "thermal", "clamped", "sequence", "bam")
    return math.log2(P + 1) if name in sums else math.nan
