r"""Probability that the stored pattern nearest to a cue is the one it came from, at finite N.

No memory of random patterns can retrieve more; dense memories at low temperature, the
reverse flow and nearest-neighbour search all reach it. The exact laws are smooth. At N < 100
they are far from the thresholds α = ½ ln(1 + 1/s²) (sphere) and α = I(m) (spins) of the
limit N → ∞, with α = ln P/N: compare simulations with the exact laws.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import ArrayLike

from hopfield._checks import number, whole
from hopfield.theory import _checks
from hopfield.theory._checks import LARGEST, Array

_NODES = 200
_WIDE = 0.5  # noise beyond which the cues of a circle reach its other side
_LARGEST_EXPONENT = 700  # e^x is finite


def argmax_retrieval(patterns: ArrayLike, size: int, noise: float) -> Array:
    r"""Probability that the nearest pattern is the cued one, on the sphere, cue x = ξ + sz.

    E[F_N(q₁)^{P−1}]: F_N is the law of the cosine of two independent directions,
    1 − F_N(q) = ½ I_{1−q²}((N−1)/2, ½), and q₁ = r/sqrt(r² + s²χ²_{N−1}), r = √N + sz, the
    cosine of the cue with its own pattern.

    Parameters
    ----------
    patterns : P ≥ 1, a number or an array.
    size : N ≥ 2; patterns are uniform on the sphere |ξ|² = N.
    noise : s ≥ 0.

    Returns
    -------
    Probability, the shape of `patterns`; quadrature error below 10⁻⁴.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(float(argmax_retrieval(403, 20, 1.0)), 2)
    0.81
    """
    counts = _checks.at_least("patterns", patterns, 1)
    size = whole("size", size, low=2)
    s = number("noise", noise, low=0, high=LARGEST)
    if size == 2 and s > _WIDE:
        return _on_a_circle(counts, s)
    z, across, weights = cue_nodes(size)
    along = np.sqrt(size) + s * z[:, None]
    cosine = along / np.sqrt(along**2 + s**2 * across)
    tail = scipy.special.betainc((size - 1) / 2, 0.5, 1 - cosine**2) / 2
    worse = np.where(
        cosine >= 0, np.log1p(-np.minimum(tail, 0.5)), np.log(np.maximum(tail, 1e-300))
    )
    powers = np.exp((counts[..., None, None] - 1) * worse)
    return (powers * weights).sum((-1, -2))


def _on_a_circle(counts: Array, noise: float) -> Array:
    """Probability `argmax_retrieval` at N = 2, from the law of the angle θ of the cue.

    The others are farther than θ with probability 1 − θ/π = v, and the density of θ is that of a
    projected normal. The mean of v^{P−1} is one over u = v^P.
    """
    u, weights = np.polynomial.legendre.leggauss(_NODES)
    angle = np.pi * (1 - ((u + 1) / 2) ** (1 / counts[..., None]))
    along = np.sqrt(2) * np.cos(angle) / noise
    tail = np.exp(-((np.sin(angle) / noise) ** 2)) * scipy.special.ndtr(along)
    density = np.exp(-(noise**-2)) + np.sqrt(2 * np.pi) * along * tail
    return (density * weights / 2).sum(-1) / counts


def argmax_retrieval_normal(patterns: ArrayLike, size: int, noise: float) -> Array:
    r"""Normal approximation of `argmax_retrieval`, Φ((NC − ln P + ½ ln N)/√(NV)).

    C = ½ ln(1 + S), S = 1/s², and V = S(S + 2)/(2(S + 1)²), the dispersion of the channel
    (Polyanskiy, Poor & Verdú 2010). For 100 patterns or more it is within 0.03 of the exact
    law where that is above 0.8, within 0.06 where it is above 0.5, and closer at small noise.
    It is poor in the tail.

    Parameters
    ----------
    patterns : P ≥ 1, a number or an array.
    size : N ≥ 2.
    noise : s > 0.

    Returns
    -------
    Probability, the shape of `patterns`.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(float(argmax_retrieval_normal(403, 20, 1.0)), 2)
    0.81
    """
    counts = _checks.at_least("patterns", patterns, 1)
    size, snr = whole("size", size, low=2), _checks.one_noise(noise) ** -2
    dispersion = snr * (snr + 2) / (2 * (snr + 1) ** 2)
    margin = size * np.log1p(snr) / 2 - np.log(counts) + np.log(size) / 2
    return scipy.special.ndtr(margin / np.sqrt(size * dispersion))


def argmax_capacity(size: int, noise: float, success: float = 0.5) -> float:
    r"""Load α = ln P/N at which the nearest pattern is the cued one with a given probability.

    It follows from the exact law on the sphere, and tends to ½ ln(1 + 1/s²) as N grows; the
    rest falls like ln N/N at success ½ and like 1/√N elsewhere.

    Parameters
    ----------
    size : N ≥ 2.
    noise : s > 0.
    success : probability in (0, 1).

    Returns
    -------
    α in nats per site.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(argmax_capacity(20, 1.0), 3), round(argmax_capacity(20, 1.0, 0.9), 3)
    (0.429, 0.242)
    """
    success = number("success", success, low=0, high=1, open_low=True, open_high=True)
    size, noise = whole("size", size, low=2), _checks.one_noise(noise)
    limit = np.log1p(noise**-2) / 2

    def excess(load: float) -> float:
        return float(argmax_retrieval(np.exp(load * size), size, noise)) - success

    upper = limit + 10 / np.sqrt(size)
    if size * upper > _LARGEST_EXPONENT:
        raise ValueError(f"size must leave P = e^(αN) finite, got {size} at noise {noise:g}")
    return float(scipy.optimize.brentq(excess, 0, upper, xtol=1e-12))


def argmax_retrieval_spins(patterns: ArrayLike, size: int, overlap: float) -> Array:
    r"""Probability that the nearest pattern is the cued one, spins with round((1−m)N/2) flips.

    The other patterns agree with the cue at Binomial(N, ½) sites, the cued one at k =
    N − flips. Ties are broken at random, which gives (F(k)^P − F(k−1)^P)/(P p(k)) with p
    and F the binomial law and its sum.

    Parameters
    ----------
    patterns : P ≥ 1, a number or an array.
    size : N ≥ 1.
    overlap : m of the cue with its pattern, in [−1, 1].

    Returns
    -------
    Probability, the shape of `patterns`.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> float(argmax_retrieval_spins(1, 10, 0.5))
    1.0
    """
    counts = _checks.at_least("patterns", patterns, 1)
    size = whole("size", size)
    m = number("overlap", overlap, low=-1, high=1)
    agree = size - round((1 - m) * size / 2)
    below = scipy.special.bdtr(agree - 1, size, 0.5) if agree else 0.0
    upto = scipy.special.bdtr(agree, size, 0.5)
    # The quotient is the mean of F^{P−1} over [F(k−1), F(k)]: smooth where p(k) underflows.
    nodes, weights = np.polynomial.legendre.leggauss(64)
    between = below + (upto - below) * (nodes + 1) / 2
    return (between ** (counts[..., None] - 1) * weights / 2).sum(-1)


@lru_cache(maxsize=64)
def cue_nodes(size: int) -> tuple[Array, ...]:
    """Nodes of z and of χ²_{N−1}, the noise of a cue along its pattern and across it.

    Returns
    -------
    z (n,), χ² (n,), and their common weights (n, n).
    """
    z, z_weights = np.polynomial.hermite_e.hermegauss(_NODES)
    u, u_weights = np.polynomial.legendre.leggauss(_NODES)
    across = 2 * scipy.special.gammaincinv((size - 1) / 2, (u + 1) / 2)
    return z, across, np.outer(z_weights / z_weights.sum(), u_weights / 2)
