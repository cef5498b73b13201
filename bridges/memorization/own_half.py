r"""Two trainings on disjoint halves of the data: is a sample nearer to the half of its own model?

Two models of one kind are made from halves A and B, of P points each. For a sample of either,
d_own and d_other are the distances to the nearest point of its own half and of the other,

    π = P(d_own < d_other), a tie counted ½        chance is exactly ½
    x = E(d_other − d_own)/E d_other               chance is 0

where nothing but the points themselves tells the halves apart: a model that does not depend on
its half may exchange them (arXiv 2603.03469 calls an excess biased generalization). **An excess is
not yet memory**: samples of the Gaussian that was fitted to the half have one too, though they
copy nothing. It is measured beside. `diffusion.theory.own_half_fraction` has π of half copies.

Errors are between pairs of trainings, never between the samples of one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result, Seed, check_units
from bridges.estimates import mean_and_sem, mean_of, with_error
from diffusion import neighbour_distances

_SURE = 3.0  # standard errors by which an onset is above chance
Array = np.ndarray


@dataclass(frozen=True, repr=False)
class OwnHalf(Result):
    """How much nearer samples are to the half that their model was made from.

    Attributes
    ----------
    fraction : π, a mean over both models; chance is ½.
    sem : its standard error between pairs of trainings, NaN of a single pair.
    excess : x, chance is 0.
    excess_sem : its standard error.
    gaussian : π of as many samples of the Gaussians that were fitted to the halves.
    gaussian_sem : its standard error.
    gaussian_excess : x of these.
    gaussian_excess_sem : its standard error.
    by_pair : (pairs, 4), fraction, excess, and both of the Gaussians, of each pair.
    """

    fraction: float
    sem: float
    excess: float
    excess_sem: float
    gaussian: float
    gaussian_sem: float
    gaussian_excess: float
    gaussian_excess_sem: float
    by_pair: Array

    def _parts(self) -> list[tuple[str, Any]]:
        """The pairs by their number."""
        return [*super()._parts()[:-1], ("pairs", len(self.by_pair))]

    def __repr__(self) -> str:
        one = with_error(self.fraction, self.sem), with_error(self.excess, self.excess_sem)
        fit = with_error(self.gaussian, self.gaussian_sem)
        return f"OwnHalf({one[0]} of their own half, excess {one[1]}; Gaussian fits {fit})"


def own_half_excess(
    samples_a: Tensor,
    samples_b: Tensor,
    half_a: Tensor,
    half_b: Tensor,
    seed: Seed = None,
) -> OwnHalf:
    """How much nearer samples of two models are to the half that each was made from.

    Parameters
    ----------
    samples_a : (B, N), of the model of half A, after the last denoising; or (pairs, B, N) of
        several pairs of trainings.
    samples_b : the same of the model of half B.
    half_a : (P, N), or (pairs, P, N), what the models A were made from.
    half_b : the same of B, of as many points.
    seed : int, torch.Generator or None, for the samples of the Gaussians.

    Returns
    -------
    OwnHalf.

    Raises
    ------
    ValueError : shapes that disagree, halves of unequal size, no sample, or samples in other
        units than the data.

    Examples
    --------
    >>> points = torch.randn(600, 20, generator=torch.Generator().manual_seed(0))
    >>> a, b, fresh = points.split(200)
    >>> own_half_excess(a + 0.01, b + 0.01, a, b, seed=0).fraction
    1.0
    >>> abs(own_half_excess(fresh[:100], fresh[100:], a, b, seed=0).fraction - 0.5) < 0.2
    True
    """
    a, b = paired(half_a, half_b)
    rows_a, rows_b = _judged("samples_a", samples_a, a), _judged("samples_b", samples_b, a)
    return judged_halves(rows_a, rows_b, a, b, seed=seed)


def judged_halves(
    samples_a: Tensor, samples_b: Tensor, half_a: Tensor, half_b: Tensor, seed: Seed = None
) -> OwnHalf:
    """`own_half_excess` of (pairs, …) each, samples of networks that may have learnt nothing."""
    generator = _checks.generator_from(seed, "own_half_excess")
    by_pair = []
    for ours, theirs, a, b in zip(samples_a, samples_b, half_a, half_b, strict=True):
        one, other = _gaussian(a, len(ours), generator), _gaussian(b, len(theirs), generator)
        by_pair.append([*_nearer(ours, theirs, a, b), *_nearer(one, other, a, b)])
    table = np.array(by_pair)
    (fraction, sem), (excess, excess_sem), fit, fit_excess = (mean_of(one) for one in table.T)
    return OwnHalf(
        fraction=fraction,
        sem=sem,
        excess=excess,
        excess_sem=excess_sem,
        gaussian=fit[0],
        gaussian_sem=fit[1],
        gaussian_excess=fit_excess[0],
        gaussian_excess_sem=fit_excess[1],
        by_pair=table,
    )


def bias_onset(steps: Sequence[float], fractions: Array, counted: int = 1) -> float:
    """The first step of a training at which samples are nearer to their own half than by chance.

    That is where the mean of π − ½ is above three standard errors. Few pairs may agree by
    chance: the error is no less than that of as many fair coins as samples were judged.

    Parameters
    ----------
    steps : (K,), ascending.
    fractions : (pairs, K), π of each pair at each step.
    counted : samples that each π is of, at least 1.

    Returns
    -------
    The step, or infinity where there is none.

    Raises
    ------
    ValueError : shapes that disagree, a fraction outside [0, 1], or steps out of order.

    Examples
    --------
    >>> bias_onset([10, 100, 1000], [[0.49, 0.52, 0.70], [0.51, 0.50, 0.74]], counted=500)
    1000.0
    """
    step = _checks.doubles("steps", steps).reshape(-1)
    pi = np.atleast_2d(_checks.doubles("fractions", fractions))
    counted = _checks.whole("counted", counted)
    if pi.ndim != 2 or pi.shape[1] != len(step) or not len(step):
        raise ValueError(f"fractions must have shape (pairs, {len(step)}), got {pi.shape}")
    if not ((pi >= 0) & (pi <= 1)).all():
        raise ValueError("fractions must lie in [0, 1], got others")
    if not (np.diff(step) > 0).all():
        raise ValueError(f"steps must ascend, got {_checks.shown(steps)}")
    above = surely_above(pi - 0.5, counted)
    return float(step[above.argmax()]) if above.any() else math.inf


def surely_above(gap: Array, counted: int) -> Array:
    """Where the mean of (pairs, K) is above 0 by three standard errors, (K,) bool.

    Few pairs may agree by chance: the error is no less than that of `counted` fair coins per pair.
    """
    mean, sem = mean_and_sem(gap)
    least = 0.5 / math.sqrt(counted * len(gap))
    return np.asarray(mean > _SURE * np.fmax(sem, least))


def paired(half_a: Tensor, half_b: Tensor) -> tuple[Tensor, Tensor]:
    """Halves of pairs, (pairs, P, N) each. Raises a ValueError where they are not of equal size."""
    a, b = _stack("half_a", half_a), _stack("half_b", half_b)
    if a.shape != b.shape:
        raise ValueError(
            f"half_b must have the shape of half_a, {tuple(a.shape)}, for halves of equal size, "
            f"got {tuple(b.shape)}"
        )
    return a, b


def _judged(name: str, samples: Tensor, halves: Tensor) -> Tensor:
    """Samples (pairs, B, N) of the models of halves (pairs, P, N), in their units."""
    rows = _stack(name, samples)
    if (len(rows), rows.shape[2]) != (len(halves), halves.shape[2]):
        raise ValueError(
            f"{name} must be points of {halves.shape[2]} entries for each of {len(halves)} pairs, "
            f"got shape {tuple(rows.shape)}"
        )
    for own, half in zip(rows, halves, strict=True):
        check_units(name, own, half, of="half_a")
    return rows


def _stack(name: str, value: Tensor) -> Tensor:
    """Points of one pair, (B, N), or of several, as (pairs, B, N), not empty."""
    rows = _checks.tensor(name, value)
    if rows.ndim not in (2, 3) or 0 in rows.shape:
        raise ValueError(
            f"{name} must have shape (rows, N) or (pairs, rows, N), not empty, "
            f"got {tuple(rows.shape)}"
        )
    flat = _checks.points(name, rows.reshape(-1, rows.shape[-1]), stored=True).detach()
    return flat.reshape(-1, *rows.shape[-2:])


def _nearer(ours: Tensor, theirs: Tensor, a: Tensor, b: Tensor) -> tuple[float, float]:
    """π and x, means over the samples `ours` of A and `theirs` of B."""
    shares, excesses = [], []
    for samples, own, other in ((ours, a, b), (theirs, b, a)):
        near, far = (neighbour_distances(samples, half, 1)[:, 0] for half in (own, other))
        shares.append(float(((near < far).double() + (near == far).double() / 2).mean()))
        total = float(far.mean())
        excesses.append(float((far - near).mean()) / total if total > 0 else 0.0)
    return sum(shares) / 2, sum(excesses) / 2


def _gaussian(half: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Samples of the Gaussian of the mean and the covariance of a half, (count, N)."""
    rows = half.double()
    mean, (P, size) = rows.mean(0), rows.shape
    factor = (rows - mean) / math.sqrt(P)  # factorᵀ factor is the covariance
    if size < P:  # as many normal numbers as entries, not as points
        values, basis = torch.linalg.eigh(factor.T @ factor)
        factor = values.clip(0).sqrt()[:, None] * basis.T
    drawn = torch.empty(count, len(factor), dtype=torch.float64, device=mean.device)
    return mean + _checks.normal_like(drawn, generator) @ factor
