r"""Bias and variance of learnt scores over data sets and drawn models.

Of k runs with data and first layers of their own, all asked at the same points x, e_a = s_a − s*:

    B² = E|s* − ⟨s⟩|²/d  by the mean of e_a·e_b/d over pairs of runs a ≠ b,
    V  = E⟨|s − ⟨s⟩|²⟩/d  by the mean of |e_a|²/d, less B².

Both are unbiased for any k ≥ 2, as the mean over runs in place of ⟨s⟩ would not be: it has V/k in
it. B² may come out slightly negative for that reason. L_test = L* + D(B² + V), L* the least loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._results import Result


@dataclass(frozen=True, repr=False)
class BiasVariance(Result):
    """Bias and variance of scores per dimension, with standard errors between runs.

    The errors are those of leaving out one run after the other, NaN of fewer than three.
    """

    bias2: float  # B²
    bias2_sem: float
    variance: float  # V
    variance_sem: float
    error: float  # B² + V, the mean square error
    runs: int


def bias_and_variance(scores: Tensor, exact: Tensor) -> BiasVariance:
    """B² and V of scores that were learnt by independent runs, without bias of their number.

    Parameters
    ----------
    scores : (k, S, d), k ≥ 2 runs with data and first layers of their own, at common points.
    exact : (S, d), the exact score at these points.

    Returns
    -------
    BiasVariance, per dimension.

    Raises
    ------
    ValueError : shapes that disagree, fewer than two runs, or numbers that are not finite.

    Examples
    --------
    >>> exact = torch.zeros(1000, 3, dtype=torch.float64)
    >>> noise = torch.randn(4, 1000, 3, generator=torch.Generator().manual_seed(0))
    >>> found = bias_and_variance(0.5 + noise, exact)  # off by ½, each run by another noise
    >>> round(found.bias2, 1), round(found.variance, 1)
    (0.2, 1.0)
    """
    given = _checks.tensor("scores", scores, double=True)
    right = _checks.points("exact", exact, double=True).detach().double()
    if given.ndim != 3 or len(given) < 2 or given.numel() == 0:
        raise ValueError(
            f"scores must have shape (runs, points, d), two runs at least, got {tuple(given.shape)}"
        )
    if right.shape != given.shape[1:]:
        raise ValueError(
            f"exact must have shape {tuple(given.shape[1:])}, as each of scores, got "
            f"{tuple(right.shape)}"
        )
    k = len(given)
    error = _checks.points("scores", given.reshape(k, -1)).detach().double() - right.reshape(-1)
    products = (error @ error.mT / right.numel()).tolist()
    square = [products[a][a] for a in range(k)]
    pairs = [sum(row) - own for row, own in zip(products, square, strict=True)]
    total = sum(pairs)
    bias2, mean = total / (k * (k - 1)), sum(square) / k
    without = [(total - 2 * one) / ((k - 1) * (k - 2)) for one in pairs] if k > 2 else []
    left = [(sum(square) - one) / (k - 1) for one in square] if k > 2 else []
    return BiasVariance(
        bias2=bias2,
        bias2_sem=_jackknife(without),
        variance=mean - bias2,
        variance_sem=_jackknife([m - b for m, b in zip(left, without, strict=True)]),
        error=mean,
        runs=k,
    )


def _jackknife(values: list[float]) -> float:
    """The standard error of what is known without each of the runs; NaN where it is not."""
    k = len(values)
    if k == 0:
        return float("nan")
    found = torch.tensor(values, dtype=torch.float64)
    return float(((k - 1) / k * (found - found.mean()).square().sum()).sqrt())
