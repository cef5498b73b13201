r"""What theory says of a model of the command: the cosine that it retrieves, and its capacity.

One place answers for all models, P random patterns of N sites, cues at overlap m₀. A theory gives
the mean cosine of a pattern (or the target of it) and what is retrieved; its capacity is the
largest P at which that is at least the cosine which counts as retrieval. Most are of N → ∞ and of
clean cues: the load up to which a state at the pattern exists, which no basin may exceed. Those of
sequences, of partial cues and of Willshaw's memory know the overlap of the cue.

    hebb, thermal         α_c(T), Amit, Gutfreund & Sompolinsky (1985, 1987)
    clipped, diluted      the same with coupling noise d (Sompolinsky 1986)
    bam                   Kurchan, Peliti & Saber (1994); α counts the spins of a layer, N/2
    clamped               a share m₀ of the spins is known and right
    sequence              Düring, Coolen & Sherrington (1998), step by step
    covariance            Tsodyks & Feigelman (1988), at the activity K/N
    willshaw              Buckingham & Willshaw (1992), exact N, false ones of the cue
    pseudo-inverse        all patterns up to P = N; max-margin up to 2N (Cover 1965)
    potts                 α_c q(q − 1)/2 (Kanter 1988), a capacity alone, approximate
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bridges.models.model import Options

Cosine = Callable[[float, int, float, Options], float]  # (P, N, m₀, options)
Limit = Callable[[int, Options], float]  # (N, options) → P
_MOST = 1e12  # patterns, from which a capacity is without limit
_FEW = 1e-3  # patterns, below which none are held


@dataclass(frozen=True)
class Theory:
    """The theory of a model.

    Attributes
    ----------
    source : of the formula, in words.
    retrieved : (P, N, m₀, options) → the mean cosine that is retrieved; None: not known.
    limit : (N, options) → P beyond which nothing is, where the capacity alone is known.
    of_cue : whether it knows the overlap of the cue; else it is of clean ones.
    """

    source: str
    retrieved: Cosine | None = None
    limit: Limit | None = None
    of_cue: bool = False

    def cosine(self, patterns: float, size: int, overlap: float, options: Options) -> float:
        """Mean cosine of what is retrieved from cues at `overlap`; NaN where it is not known."""
        if self.retrieved is None:
            return math.nan
        return self.retrieved(patterns, size, overlap, options)

    def capacity(self, size: int, overlap: float, threshold: float, options: Options) -> float:
        """Largest P retrieved at a cosine of `threshold` at least; 0 for none, ∞ for all."""
        if self.retrieved is None:
            assert self.limit is not None
            return self.limit(size, options)

        def held(patterns: float) -> bool:
            return self.cosine(patterns, size, overlap, options) >= threshold

        if not held(_FEW):
            return 0.0
        low, high = _FEW, 1.0
        while held(high):
            low, high = high, 4 * high
            if high > _MOST:
                return math.inf
        while high / low > 1 + 1e-6:
            middle = math.sqrt(low * high)
            low, high = (middle, high) if held(middle) else (low, middle)
        return low

    def least_overlap(
        self, patterns: float, size: int, threshold: float, options: Options
    ) -> float:
        """Least overlap of a cue that is retrieved so; NaN where the theory is of clean cues."""
        if not self.of_cue:
            return math.nan
        low, high = 0.0, 1.0
        if self.cosine(patterns, size, high, options) < threshold:
            return math.inf
        while high - low > 1e-5:
            middle = (low + high) / 2
            held = self.cosine(patterns, size, middle, options) >= threshold
            low, high = (low, middle) if held else (middle, high)
        return high


def _crosstalk(P: float, N: int, m: float, options: Options, kind: str = "symmetric") -> float:
    from hopfield.theory import crosstalk_overlap

    return float(crosstalk_overlap(P / N, kind))


def _clipped(P: float, N: int, m: float, options: Options) -> float:
    from hopfield.theory import coupling_noise, crosstalk_overlap

    return float(crosstalk_overlap(P / N, d=coupling_noise(levels=options.levels)))


def _diluted(P: float, N: int, m: float, options: Options) -> float:
    from hopfield.theory import coupling_noise, crosstalk_overlap

    return float(crosstalk_overlap(P / N, d=coupling_noise(keep=options.keep)))


def _pairs(P: float, N: int, m: float, options: Options) -> float:
    return _crosstalk(P, max(1, N // 2), m, options, "bidirectional")


def _clamped(P: float, N: int, m: float, options: Options) -> float:
    from hopfield.theory import crosstalk_overlap

    known = round(m * N) / N
    return 1.0 if known == 1 else float(crosstalk_overlap(P / N, known=known))


def _thermal(P: float, N: int, m: float, options: Options) -> float:
    from hopfield.theory import ags_overlap

    return float(ags_overlap(P / N, options.temperature))


def _sequence(P: float, N: int, m: float, options: Options) -> float:
    from hopfield.theory import sequence_overlap

    return sequence_overlap(P / N, m, options.steps)


def _covariance(P: float, N: int, m: float, options: Options) -> float:
    from hopfield.theory import sparse_cosine

    activity = options.coding.ones(N) / N
    return float(sparse_cosine(P / N, activity, options.theta))


def _willshaw(P: float, N: int, m: float, options: Options) -> float:
    from hopfield.theory import willshaw_errors

    ones = options.coding.ones(N)
    false = willshaw_errors(max(1, int(P)), N, ones, max(1, round(m**2 * ones)))
    return math.sqrt(ones / (ones + false))


def _potts(N: int, options: Options) -> float:
    from hopfield.theory import potts_capacity

    return N * potts_capacity(options.colours)


THEORIES: dict[str, Theory] = {
    "hebb": Theory("Amit, Gutfreund & Sompolinsky 1985", _crosstalk),
    "pseudo-inverse": Theory(
        "linearly independent patterns", lambda P, N, m, _: float(P < N), of_cue=False
    ),
    "max-margin": Theory("Cover 1965", lambda P, N, m, _: float(P < 2 * N)),
    "clipped": Theory("Sompolinsky 1986", _clipped),
    "diluted": Theory("Sompolinsky 1986", _diluted),
    "thermal": Theory("Amit, Gutfreund & Sompolinsky 1987", _thermal),
    "clamped": Theory("Amit, Gutfreund & Sompolinsky, known spins", _clamped, of_cue=True),
    "sequence": Theory("Düring, Coolen & Sherrington 1998", _sequence, of_cue=True),
    "bam": Theory("Kurchan, Peliti & Saber 1994", _pairs),
    "covariance": Theory("Tsodyks & Feigelman 1988", _covariance),
    "willshaw": Theory("Buckingham & Willshaw 1992", _willshaw, of_cue=True),
    "potts": Theory("Kanter 1988", limit=_potts),
}
"""By name, the models whose patterns, if they are random, have a theory."""
