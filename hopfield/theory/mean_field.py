r"""Mean field of large networks: the largest margin, one step of retrieval.

Load α = P/N, N → ∞, random patterns. Any couplings (Gardner 1988) can give all patterns the
stability κ as long as

    1/α ≥ ∫_{−κ}^∞ Dt (t + κ)² = (1 + κ²) Φ(κ) + κ φ(κ).

Symmetric couplings of a strongly diluted network have less (Gardner, Gutfreund & Yekutieli
1989): with t normal, r = E(u + t)₊ = u Φ(u) + φ(u) and κ = u + r,

    1/(2α) = E(u + t)₊² + r² = (1 + u²) Φ(u) + u φ(u) + r².

One synchronous step from a random cue of overlap m: the field on a spin of stability Δ is
normal with mean mΔ and variance 1 − m², in units of ‖J_i‖.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import erf, ndtr

from hopfield._checks import doubles, together
from hopfield.theory import _checks


def gardner_kappa(load: ArrayLike) -> Any:
    """Largest stability κ that couplings can give to all of αN random patterns.

    Parameters
    ----------
    load : α in (0, 2], a number or an array.

    Returns
    -------
    κ ≥ 0, of the shape of `load`; 0 at the capacity α = 2.

    Raises
    ------
    ValueError : a load outside (0, 2].

    Examples
    --------
    >>> round(float(gardner_kappa(0.5)), 4)
    1.0343
    """
    alpha = _checks.within("load", load, high=2, open_low=True)
    return np.vectorize(_gardner_kappa, otypes=[np.float64])(alpha)[()]


def gardner_kappa_diluted(load: ArrayLike) -> Any:
    r"""Largest mean stability κ of symmetric couplings in a strongly diluted network.

    No bound for a network in which every spin is coupled to every other: loops between the
    bonds let symmetric couplings do better there. The pseudo-inverse rule, which is symmetric,
    has √((1 − α)/α), 1.528 at α = 0.3 where this is 1.295. What symmetric couplings of one
    pattern set can have is in `hopfield.symmetric_margin`.

    Parameters
    ----------
    load : α in (0, α_c], a number or an array; α_c = 1.277907.

    Returns
    -------
    κ ≥ 0, of the shape of `load`, always below `gardner_kappa`; 0 at α_c.

    Raises
    ------
    ValueError : a load outside (0, α_c].

    Examples
    --------
    >>> round(float(gardner_kappa_diluted(0.5)), 4)
    0.7671
    """
    alpha = _checks.within("load", load, high=_diluted_capacity(), open_low=True)
    return np.vectorize(_gardner_kappa_diluted, otypes=[np.float64])(alpha)[()]


def one_step_overlap(stabilities: ArrayLike, overlap: ArrayLike) -> Any:
    r"""Mean of ξ_i S'_i after one synchronous step from a random cue, erf(mΔ/√(2(1−m²))).

    Its average over sites and patterns is the one-step retrieval map of the couplings.

    Parameters
    ----------
    stabilities : Δ, a number or an array.
    overlap : m in [−1, 1] of the cue, a number or an array that broadcasts with Δ.

    Returns
    -------
    In [−1, 1], of the broadcast shape; the sign of mΔ at |m| = 1.

    Raises
    ------
    ValueError : an overlap outside [−1, 1], a stability that is not finite.

    Examples
    --------
    >>> round(float(one_step_overlap(1.0, 0.8)), 4)
    0.8176
    """
    m, delta = together(
        overlap=_checks.within("overlap", overlap, -1),
        stabilities=doubles("stabilities", stabilities),
    )
    if not np.isfinite(delta).all():
        raise ValueError("stabilities must be finite, got NaN or infinite entries")
    signal, width = m * delta, np.sqrt(2 * (1 - m**2))
    clean = width == 0
    return np.where(clean, np.sign(signal), erf(signal / np.where(clean, 1.0, width)))[()]


def hebbian_one_step(overlap: ArrayLike, load: ArrayLike) -> Any:
    r"""Overlap after the first step from a random cue with Hebb's couplings, erf(m/√(2α)).

    Parameters
    ----------
    overlap : m in [−1, 1] of the cue, a number or an array.
    load : α > 0, a number or an array that broadcasts with m.

    Returns
    -------
    In [−1, 1], of the broadcast shape (Kinzel 1985).

    Raises
    ------
    ValueError : an overlap outside [−1, 1], a load that is not positive.

    Examples
    --------
    >>> round(float(hebbian_one_step(0.5, 0.1)), 4)
    0.8862
    """
    m, alpha = together(
        overlap=_checks.within("overlap", overlap, -1), load=_checks.above("load", load)
    )
    return erf(m / np.sqrt(2 * alpha))[()]


def _neighbours(u: float) -> float:
    """Value of r = E(u + t)₊."""
    return u * float(ndtr(u)) + math.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)


def _diluted_inverse_load(u: float) -> float:
    """Value of 1/α of strongly diluted symmetric couplings with κ = u + r."""
    density = math.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
    return 2 * ((1 + u**2) * float(ndtr(u)) + u * density + _neighbours(u) ** 2)


@cache
def _diluted_capacity() -> float:
    """Load at which κ = 0."""
    return 1 / _diluted_inverse_load(brentq(lambda u: u + _neighbours(u), -1.0, 0.0, xtol=1e-15))


def _gardner_kappa_diluted(load: float) -> float:
    # Both terms are at least u² for u ≥ 0, so that u ≤ ½/√α.
    high = 0.5 / math.sqrt(load)
    u = brentq(lambda u: _diluted_inverse_load(u) - 1 / load, -1.0, high, xtol=1e-13)
    return max(u + _neighbours(u), 0.0)


def _gardner_kappa(load: float) -> float:
    def excess(kappa: float) -> float:
        density = math.exp(-(kappa**2) / 2) / math.sqrt(2 * math.pi)
        return (1 + kappa**2) * float(ndtr(kappa)) + kappa * density - 1 / load

    # The integral is at least κ² Φ(κ) ≥ κ²/2.
    return brentq(excess, 0.0, math.sqrt(2 / load), xtol=1e-13)
