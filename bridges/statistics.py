"""Errors of counted fractions, thresholds of counted points, and how many patterns weights hold."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bridges import _checks

_ROUNDING = 1e-9
_SUM = 1e-3  # allowed error of a sum of weights, for single precision


def binomial_sem(fraction: float, trials: int) -> float:
    """Standard error of a fraction counted in independent trials.

    sqrt(f(1 − f)/n); where f is 0 or 1, and that would vanish, the far end of Wilson's
    interval of one standard error, 1/(n + 1).

    Parameters
    ----------
    fraction : f in [0, 1].
    trials : n, at least 1.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> binomial_sem(0.5, 100), binomial_sem(0.0, 99)
    (0.05, 0.01)
    """
    f = _checks.number("fraction", fraction, low=0, high=1)
    n = _checks.whole("trials", trials)
    return math.sqrt(f * (1 - f) / n) if 0 < f < 1 else 1 / (n + 1)


def order_threshold(values: Tensor, level: float) -> tuple[float, float]:
    """Value below which a fresh point lies with a probability of at most `level`, and that.

    The k-th smallest of n values has k/(n + 1) of all fresh ones below it, whatever their law:
    k = ⌊level (n + 1)⌋. Where that is 0 the smallest value serves, at the level 1/(n + 1).

    Parameters
    ----------
    values : (n,), at least one, of the law of the fresh ones.
    level : in (0, 1).

    Examples
    --------
    >>> order_threshold(torch.arange(1.0, 200), 0.01), order_threshold(torch.arange(1.0, 50), 0.01)
    ((2.0, 0.01), (1.0, 0.02))
    """
    n = len(values)
    k = min(max(1, math.floor(level * (n + 1) + _ROUNDING)), n)
    return float(values.double().kthvalue(k).values), k / (n + 1)


def effective_number(
    weights: Tensor, *, rows: int | None = None, columns: int | None = None
) -> Tensor:
    """Number of patterns that weights are spread over: k_eff = exp H(w), H = −Σ w log w.

    Parameters
    ----------
    weights : (B, P), not negative, each row of sum 1.
    rows : B, if known.
    columns : P, if known.

    Returns
    -------
    (B,), 1 (a single pattern) to P, float64.

    Raises
    ------
    ValueError : another shape, a negative weight, a row that does not sum to 1.

    Examples
    --------
    >>> effective_number(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([1., 2.], dtype=torch.float64)
    """
    w = _checks.matrix("weights", weights, columns=columns).double()
    if rows not in (None, len(w)):
        raise ValueError(f"weights must have {rows} rows, got {len(w)}")
    if not (w >= 0).all() or not ((w.sum(1) - 1).abs() <= _SUM).all():
        raise ValueError("weights must be rows of sum 1 without negative entries")
    return torch.special.entr(w).sum(1).exp()
