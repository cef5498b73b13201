r"""Dense memories of spins that follow the sign of their field: errors and capacities.

Polynomial memory, F(m) = m^n (Krotov & Hopfield 2016): the crosstalk of P random patterns on
a spin of a stored one is nearly Gaussian, of variance (2n − 3)!! P/N^{n−1} in units of the
signal squared. Exponential memory, F = e^{λ ξ·S} (Demircigil et al. 2017), P = e^{αN}.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from hopfield._checks import together, whole
from hopfield.theory import _checks
from hopfield.theory._checks import Array
from hopfield.theory.dense import dense_load_at_overlap, flip_information


def polynomial_error(patterns: ArrayLike, size: ArrayLike, degree: int) -> Any:
    """Share of the spins of a stored pattern that one update of the polynomial memory flips.

    ½ erfc √(N^{n−1}/(2P(2n − 3)!!)) takes the crosstalk of P patterns at N sites as Gaussian
    (Krotov & Hopfield 2016). For n ≤ 4, N ≥ 20 and P ≥ 50 it is within 30 % of the exact share
    where it exceeds 0.01, and within 20 % where it exceeds 0.02. Below, the true tail is fatter
    (n > 2); with few patterns it is thinner.

    Parameters
    ----------
    patterns : P ≥ 1, a number or an array.
    size : N ≥ 2, a number or an array that broadcasts with P.
    degree : n ≥ 2; n = 2 is Hebb's rule.

    Returns
    -------
    Probability, of the broadcast shape.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(float(polynomial_error(400, 60, 3)), 4)
    0.0416
    """
    P, N = together(
        patterns=_checks.at_least("patterns", patterns, 1), size=_checks.at_least("size", size, 2)
    )
    n = whole("degree", degree, low=2)
    return (special.erfc(np.exp((_log_signal(N, n) - np.log(2 * P)) / 2)) / 2)[()]


def polynomial_capacity(size: ArrayLike, degree: int) -> Any:
    """Number P of patterns up to which each keeps all its spins, polynomial memory, large N.

    N^{n−1}/(2(2n − 3)!! ln N) (Krotov & Hopfield 2016).

    Parameters
    ----------
    size : N ≥ 2, a number or an array.
    degree : n ≥ 2.

    Returns
    -------
    P, of the shape of `size`.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(float(polynomial_capacity(100, 3)))
    362
    """
    N, n = _checks.at_least("size", size, 2), whole("degree", degree, low=2)
    with np.errstate(over="ignore"):  # ∞ where P is too large for a number
        return (np.exp(_log_signal(N, n)) / (2 * np.log(N)))[()]


def sign_dynamics_bound(overlap: ArrayLike) -> Any:
    """Load α below which the sign dynamics of the exponential memory, λ = 1, surely retrieves.

    It is half of the information that the cue has of its pattern, I(m)/2 (Demircigil et al.
    2017).

    Parameters
    ----------
    overlap : m in [0, 1] of the cue, a number or an array.

    Returns
    -------
    α in nats per site, of the shape of `overlap`.

    Raises
    ------
    ValueError : an overlap outside [0, 1].

    Examples
    --------
    >>> round(float(sign_dynamics_bound(0.8)), 4)  # a tenth of the spins flipped
    0.184
    """
    return flip_information(overlap) / 2


def sign_dynamics_load(overlap: ArrayLike, beta: ArrayLike = 1.0) -> Any:
    """Load α up to which the first step of the sign dynamics typically retrieves; heuristic.

    A wrong spin costs 2λ of the logit: α = 2λm − ln cosh 2λ, or I(m) where tanh 2λ ≥ m. All
    spins move at once; one at a time they retrieve more.

    Parameters
    ----------
    overlap : m in [0, 1] of the cue, a number or an array.
    beta : λ > 0, a number or an array that broadcasts with m.

    Returns
    -------
    α in nats per site, of the broadcast shape.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> [round(float(sign_dynamics_load(m)), 3) for m in (1.0, 0.9, 0.8, 0.75, 0.6)]
    [0.675, 0.495, 0.368, 0.316, 0.193]
    """
    return dense_load_at_overlap(2 * _checks.above("beta", beta), overlap, "spins")


def _log_signal(size: Array, degree: int) -> Array:
    """Logarithm of N^{n−1}/(2n − 3)!!, both of which overflow at large n."""
    odd = special.gammaln(degree - 0.5) + (degree - 1) * np.log(2) - np.log(np.pi) / 2
    return (degree - 1) * np.log(size) - odd
