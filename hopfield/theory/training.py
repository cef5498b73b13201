r"""Training with noise on average: the losses it lowers, their minimisers, its norm.

A state S at mean overlap m with ξ^μ puts on spin i, in units of ‖J_i‖, a field of which
x = ξ_i h_i is normal with mean mΔ and variance 1 − m² (N → ∞). With a = mΔ/√(1 − m²) and
H(a) = erfc(a/√2)/2 the probability of an error, φ the normal density:

    L = −⟨erf(a/√2)⟩ = ⟨2H(a) − 1⟩      minus the overlap after one step (Wong & Sherrington
                                        1990); on the sphere J_i ∝ Σ_μ e^{−a²/2} ξ_i^μ ξ^μ,
    V = ⟨√(1 − m²)(φ(a) − a H(a))⟩      the mean of (−x)₊, which the rule δJ_ij ∝ e_i ξ_i S_j
                                        lowers: J_i ∝ Σ_μ H(a) ξ_i^μ ξ^μ,

averages over spins and patterns. Both go to Hebb's rule as m → 0 and to the largest margin
as m → 1. Per step of the plain rule, of constant rate λ, ‖J_i‖² loses 2(λ/N)‖J_i‖V and gains
λ²⟨H⟩/N: the norm is stationary at ‖J_i‖ = λ⟨H⟩/(2V), from any start. The missing diagonal
lowers this by 1/N. The skew of x, of order 1/√N, lowers it by more where errors are rare (at
N = 100, by a tenth for m = 0.8).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import erfcx, log_ndtr, ndtr
from torch import Tensor

from hopfield import _checks
from hopfield.couplings import hebbian
from hopfield.theory._checks import LARGEST

_LOG_2PI = np.log(2 * np.pi)
_ANGLE = 1e-4  # largest error of a row's direction that counts as a minimum


def retrieval_loss(stabilities: ArrayLike, overlap: float) -> float:
    """Loss L: minus the overlap after one step from cues of the training overlap.

    Parameters
    ----------
    stabilities : Δ of all spins and patterns, any shape.
    overlap : m in [0, 1).

    Returns
    -------
    In [−1, 1].

    Raises
    ------
    ValueError : an overlap outside [0, 1), stabilities that are not finite.

    Examples
    --------
    >>> round(retrieval_loss([1.0], 0.8), 4)
    -0.8176
    """
    return float(np.mean(2 * ndtr(-_scaled(stabilities, overlap)[0]) - 1))


def perceptron_loss(stabilities: ArrayLike, overlap: float) -> float:
    """Loss V: mean depth (−ξ_i h_i)₊ of the errors on states of the training overlap.

    Parameters
    ----------
    stabilities : Δ of all spins and patterns, any shape.
    overlap : m in [0, 1).

    Returns
    -------
    Above 0, in units of the row norms.

    Raises
    ------
    ValueError : an overlap outside [0, 1), stabilities that are not finite.

    Examples
    --------
    >>> round(perceptron_loss([1.0], 0.0), 4)
    0.3989
    """
    a, overlap = _scaled(stabilities, overlap)
    return float(np.mean(np.sqrt(1 - overlap**2) * np.exp(_log_depth(a))))


def noise_norm(stabilities: ArrayLike, overlap: float, rate: float) -> Any:
    """Row norms at which plain training with uniform noise is stationary, λ⟨H⟩/(2V).

    Parameters
    ----------
    stabilities : (P, N), Δ; the mean over patterns is taken first.
    overlap : m in [0, 1).
    rate : λ > 0.

    Returns
    -------
    (N,), ‖J_i‖; reached after about N‖J_i‖/(λV) steps from a norm ‖J_i‖ at the start.

    Raises
    ------
    ValueError : an overlap outside [0, 1), a rate that is not positive, stabilities that are
        not finite.

    Examples
    --------
    >>> noise_norm([[1.0, 0.5]], overlap=0.0, rate=1.0).round(4)
    array([0.6267, 0.6267])
    """
    rate = _checks.positive("rate", rate)
    a, overlap = _scaled(stabilities, overlap)
    if a.ndim == 0:
        raise ValueError("stabilities must be those of patterns, (P, …), got a number")
    errors = np.exp(log_ndtr(-a) - _log_depth(a).max(0))
    depths = np.exp(_log_depth(a) - _log_depth(a).max(0))
    return rate * errors.mean(0) / (2 * np.sqrt(1 - overlap**2) * depths.mean(0))


def noise_minimum(patterns: Tensor, overlap: float, loss: str = "perceptron") -> Tensor:
    r"""Couplings that minimise a loss of training with noise, without the noise.

    Each row is minimised on the sphere ‖J_i‖ = 1, J_ii = 0, from Hebb's, by L-BFGS on the
    logarithm of its loss (for L, of its error ⟨H⟩): the loss itself becomes smaller than
    rounding as m → 1.

    Parameters
    ----------
    patterns : (P, N), entries ±1.
    overlap : m in (0, 1).
    loss : "perceptron" for V, "retrieval" for L
        L is not convex: the descent from Hebb's couplings ends in a local minimum, in which
        some patterns may be given up.

    Returns
    -------
    (N, N), rows of norm 1, zero diagonal.

    Raises
    ------
    ValueError : patterns not (P, N) spins, an overlap outside (0, 1), an unknown loss, an
        empty row of Hebb's couplings.
    RuntimeWarning : no minimum was reached, as happens for L above m = 0.9, V above 0.995.

    Examples
    --------
    >>> from hopfield import random_patterns, stabilities
    >>> xi = random_patterns(15, 50, seed=0)
    >>> bool((stabilities(noise_minimum(xi, 0.7), xi) > 0).all())
    True
    """
    patterns = _checks.stored("patterns", patterns, binary=True)
    _checks.choice("loss", loss, ("perceptron", "retrieval"))
    overlap = _checks.number("overlap", overlap, low=0, high=1, open_low=True, open_high=True)
    xi = patterns.detach().to("cpu", torch.float64)
    start = hebbian(xi)
    if not (start.norm(dim=1) > 0).all():
        raise ValueError(
            "patterns must give every spin a coupling by Hebb's rule, got an empty row"
        )
    known = xi.numpy()
    slope = overlap / np.sqrt(1 - overlap**2)

    def losses(unit: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """Sum over rows of the log of the loss, up to a constant, and its gradient."""
        a = slope * known * (known @ unit.T)
        if loss == "perceptron":
            logs, fall = _log_depth(a), log_ndtr(-a)
        else:
            logs, fall = log_ndtr(-a), -(a**2 + _LOG_2PI) / 2
        top = logs.max(0)
        total = np.exp(logs - top).sum(0)
        gradient = -slope * (np.exp(fall - top) / total * known).T @ known
        np.fill_diagonal(gradient, 0.0)
        return float((top + np.log(total)).sum()), gradient

    def on_sphere(flat: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        rows = flat.reshape(start.shape)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = rows / norms
        value, gradient = losses(unit)
        gradient -= (gradient * unit).sum(1, keepdims=True) * unit
        return value, (gradient / norms).ravel()

    found = minimize(
        on_sphere,
        (start / start.norm(dim=1, keepdim=True)).numpy().ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "maxfun": 4000, "maxcor": 20, "ftol": 0.0, "gtol": 1e-7},
    )
    rows = found.x.reshape(start.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    _, gradient = losses(rows)
    # At a minimum each row points against its gradient. The optimiser's own verdict does not
    # help: it also calls a search abnormal that has reached the precision of the numbers.
    angle = np.abs(gradient / np.linalg.norm(gradient, axis=1, keepdims=True) + rows).max()
    if angle > _ANGLE:
        warnings.warn(
            f"noise_minimum stopped before a minimum of the {loss!r} loss at overlap {overlap}: "
            f"a row is {angle:.1e} from the direction it should have",
            RuntimeWarning,
            stacklevel=2,
        )
    return torch.from_numpy(rows).to(patterns)


def _scaled(stabilities: ArrayLike, overlap: float) -> tuple[NDArray[Any], float]:
    """Scaled stability a = mΔ/√(1 − m²), and m."""
    overlap = _checks.number("overlap", overlap, low=0, high=1, open_high=True)
    delta = _checks.doubles("stabilities", stabilities)
    if delta.size == 0 or not np.isfinite(delta).all():
        raise ValueError(
            f"stabilities must be finite, at least one, got shape {delta.shape} with "
            f"{int((~np.isfinite(delta)).sum())} NaN or infinite"
        )
    if not (abs(delta) <= LARGEST).all():
        raise ValueError(f"stabilities must be at most {LARGEST:g}, got {abs(delta).max():g}")
    return np.asarray(overlap * delta / np.sqrt(1 - overlap**2)), overlap


def _log_depth(a: NDArray[Any]) -> NDArray[Any]:
    """Logarithm of φ(a) − a H(a), from the scaled complementary error function where a is large."""
    high = np.maximum(a, 0.0)
    tail = 1 / np.sqrt(2 * np.pi) - high / 2 * erfcx(high / np.sqrt(2))
    low = np.minimum(a, 0.0)
    plain = np.exp(-(low**2) / 2) / np.sqrt(2 * np.pi) - low * ndtr(-low)
    return np.where(a > 0, np.log(np.maximum(tail, 1e-300)) - high**2 / 2, np.log(plain))
