r"""Which states of two sets are the same.

As many as possible are matched within a threshold, and these at the least total distance (Kuhn's
assignment; as Datseris & Wagemakers 2022 match attractors).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result
from bridges.attractors.finding import Attractors


@dataclass(frozen=True, repr=False)
class Matching(Result):
    """Which states of two sets are the same.

    Attributes
    ----------
    pairs : (K, 2) rows of the one set and of the other that match.
    distance : (K,) rms per entry.
    lost : rows of the one without a match.
    new : rows of the other without a match.
    """

    pairs: np.ndarray
    distance: np.ndarray
    lost: np.ndarray
    new: np.ndarray

    def __repr__(self) -> str:
        return f"Matching({len(self.pairs)} pairs, {len(self.lost)} lost, {len(self.new)} new)"


def match(one: Attractors | Tensor, other: Attractors | Tensor, threshold: float) -> Matching:
    """The states of one set that are states of another.

    Parameters
    ----------
    one, other : Attractors, or their states (A, N) and (B, N). Attractors are compared on the
        sites that vary for both.
    threshold : largest rms distance per entry of a match, in the units of the states, not
        negative; spins of overlap m are sqrt(2 − 2m) apart.

    Returns
    -------
    Matching.

    Raises
    ------
    ValueError : states of different N, or a negative threshold.

    Examples
    --------
    >>> match(torch.tensor([[0.0], [5.0]]), torch.tensor([[5.5], [9.0], [0.25]]), 1.0).to_dict()
    {'pairs': [[0, 2], [1, 0]], 'distance': [0.25, 0.5], 'lost': [], 'new': [1]}
    """
    from scipy.optimize import linear_sum_assignment

    first, second = (
        _checks.matrix(name, value.states if isinstance(value, Attractors) else value).double()
        for name, value in (("one", one), ("other", other))
    )
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"other must have shape (B, {first.shape[1]}), got {tuple(second.shape)}")
    sites = torch.ones(first.shape[1], dtype=torch.bool)
    for found in (one, other):
        if isinstance(found, Attractors) and found.varying is not None:
            sites = sites & found.varying.cpu()
    if not sites.all():
        first, second = first[:, sites.to(first.device)], second[:, sites.to(second.device)]
    threshold = _checks.number("threshold", threshold, low=0)
    distance = torch.cdist(
        first, second.to(first.device), compute_mode="donot_use_mm_for_euclid_dist"
    ).numpy(force=True) / np.sqrt(first.shape[1])
    near = (distance <= threshold) & np.isfinite(distance)
    cost = np.where(near, distance, 0.0)
    scale = cost.max(initial=0.0)
    apart = 1.0 + min(distance.shape)  # costs more than all matches together
    cost = np.where(near, cost / scale if scale > 0 else cost, apart)
    rows, columns = linear_sum_assignment(cost)
    kept = near[rows, columns]
    pairs = np.stack([rows[kept], columns[kept]], 1)
    return Matching(
        pairs,
        distance[pairs[:, 0], pairs[:, 1]],
        np.setdiff1d(np.arange(len(first)), pairs[:, 0]),
        np.setdiff1d(np.arange(len(second)), pairs[:, 1]),
    )
