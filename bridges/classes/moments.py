r"""How wide the classes of a data set are, and how far their centres lie from that of all.

With the mean μ of all n points, the mean μ_c of the n_c of class c, and s² = Σ|x − μ|²/(nd),

    v_c = Σ_{x∈c} |x − μ_c|²/(n_c d s²)      variance of class c per entry
    r_c = |μ_c − μ|²/(d s²)                  squared distance of its centre, per entry

so that Σ_c n_c(v_c + r_c)/n = 1: the two add up. Both are in the
units in which a network sees its data, an rms deviation of 1 about the mean of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result

Array = np.ndarray


@dataclass(frozen=True, repr=False)
class ClassMoments(Result):
    """Two moments of each class, in units of the rms deviation of all points about their mean.

    Attributes
    ----------
    counts : (C,) points of each class.
    variance : (C,) v_c.
    distance : (C,) r_c.
    centres : (C, d) μ_c − μ, in these units.
    mean : (d,) μ, as the data are stored.
    unit : s, likewise.
    """

    counts: Array
    variance: Array
    distance: Array
    centres: Tensor
    mean: Tensor
    unit: float

    def standardised(self, rows: Tensor) -> Tensor:
        """Rows (m, d) of the data about the mean of all and in these units, single precision."""
        rows = _checks.points("rows", rows, dimension=len(self.mean))
        return ((rows.double() - self.mean) / self.unit).float()


def class_moments(rows: Tensor, labels: Tensor) -> ClassMoments:
    """The two moments of each class of a data set.

    Parameters
    ----------
    rows : (n, d), as they are stored; a class at a time is taken to double precision.
    labels : (n,) whole numbers from 0, none of them without rows.

    Returns
    -------
    ClassMoments.

    Raises
    ------
    ValueError : labels that do not fit, rows that are not finite, or all alike.

    Examples
    --------
    >>> rows = torch.tensor([[0.0], [2.0], [5.0], [5.0]])
    >>> found = class_moments(rows, torch.tensor([0, 0, 1, 1]))
    >>> found.variance.round(3).tolist(), found.distance.round(3).tolist()
    ([0.222, 0.0], [0.889, 0.889])
    """
    rows = _checks.tensor("rows", rows)
    if rows.ndim != 2:
        raise ValueError(f"rows must have shape (n, d), got {tuple(rows.shape)}")
    members = _checks.rows_of_classes(labels, len(rows))
    counts = torch.tensor([len(one) for one in members], dtype=torch.float64)
    centres, within = rows.new_empty(len(members), rows.shape[1], dtype=torch.float64), []
    for c, one in enumerate(members):  # a class at a time: a large set has a copy of none
        own = rows[one].double()
        centres[c] = own.mean(0)
        within.append((own - centres[c]).square().mean())
    share = counts / counts.sum()
    mean = share @ centres
    away = centres - mean
    total = float(share @ (torch.stack(within) + away.square().mean(1)))
    if not 0 < total < float("inf"):
        raise ValueError(f"rows must be finite and not all alike, got a variance of {total:g}")
    return ClassMoments(
        counts=counts.long().numpy(),
        variance=(torch.stack(within) / total).numpy(),
        distance=(away.square().mean(1) / total).numpy(),
        centres=away / total**0.5,
        mean=mean,
        unit=total**0.5,
    )
