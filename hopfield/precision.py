r"""Imprecise couplings: few levels, or a share of them only.

Replacing couplings J by Q(J) of correlation ϱ with them multiplies the signal by ϱ and leaves the
norm: the crosstalk grows by d = 1/ϱ² − 1 (Sompolinsky 1986; `hopfield.theory.crosstalk_capacity`).
Signs keep ϱ² = 2/π of normal couplings, L levels at their best places (Lloyd 1982, Max 1960) more:
0.8098 for three. Dilution to a share c keeps ϱ² = c.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed

_MOST_LEVELS = 256


class Quantiser(NamedTuple):
    """Best `levels` ≥ 0 of the sizes |x| of normal numbers, `cuts` between them, and ϱ² `kept`."""

    levels: NDArray[np.float64]
    cuts: NDArray[np.float64]
    kept: float


def clip_couplings(couplings: Tensor, levels: int = 2) -> Tensor:
    """Couplings that take a few values only.

    Two levels are signs, with sign(0) = 0: Hebb's couplings of an even number of patterns have
    exact zeros, √(2/πP) of them, so that they take three values. More levels lie where they are
    best for normal couplings of the rms of these, over the bonds i ≠ j.

    Parameters
    ----------
    couplings : (N, N), finite; the diagonal of the result is zero.
    levels : number of values, from 2 to 256.

    Returns
    -------
    (N, N), in units of the rms of the couplings; symmetric if they are.

    Raises
    ------
    ValueError : couplings not square or not finite, fewer than 2 levels or more than 256.

    Examples
    --------
    >>> clip_couplings(torch.tensor([[0.0, 0.5], [-0.1, 0.0]]))
    tensor([[ 0.,  1.],
            [-1.,  0.]])
    """
    given = _checks.square("couplings", couplings).detach()
    levels = _checks.whole("levels", levels, low=2, high=_MOST_LEVELS)
    rows = _checks.working(given).clone().fill_diagonal_(0.0)
    if levels == 2:
        return torch.sign(rows).to(given)
    largest = float(rows.abs().max())
    if largest == 0:
        return rows.to(given)
    rows = rows / largest  # whose squares neither overflow nor vanish
    rms = math.sqrt(float(rows.double().square().sum()) / max(1, len(rows) * (len(rows) - 1)))
    best = quantiser(levels)
    # The outermost levels in turn, from above and from below, so that Q(−J) = −Q(J) at a cut too.
    sizes = (rows.abs().double() / rms).contiguous()
    places = torch.bucketize(sizes, torch.from_numpy(best.cuts).to(rows.device), right=True)
    values = torch.from_numpy(best.levels).to(rows.device)[places] * torch.sign(rows)
    return values.fill_diagonal_(0.0).to(given)


def dilute(couplings: Tensor, keep: float, symmetric: bool = True, seed: Seed = None) -> Tensor:
    """Couplings of which a random share is kept and the rest is zero.

    Parameters
    ----------
    couplings : (N, N), finite.
    keep : probability in (0, 1] of each bond to be kept, as it is.
    symmetric : whether J_ij and J_ji are kept together, or each by a draw of its own.
    seed : int, torch.Generator or None.

    Returns
    -------
    (N, N), dtype and device of `couplings`.

    Raises
    ------
    ValueError : couplings not square or not finite, a share outside (0, 1].

    Examples
    --------
    >>> from hopfield import hebbian, random_patterns
    >>> J = dilute(hebbian(random_patterns(3, 100, seed=0)), 0.3, seed=1)
    >>> bool((J == J.T).all())
    True
    """
    given = _checks.square("couplings", couplings).detach()
    keep = _checks.number("keep", keep, low=0, high=1, open_low=True)
    symmetric = _checks.flag("symmetric", symmetric)
    generator = _checks.generator_from(seed, "dilute", given.device)
    drawn = torch.rand(given.shape, generator=generator, device=generator.device).to(given.device)
    if symmetric:
        drawn = torch.triu(drawn)
        drawn = torch.maximum(drawn, drawn.T)
    return torch.where(drawn < keep, given, 0.0)


@cache
def quantiser(levels: int) -> Quantiser:
    """Levels of least mean square error for normal numbers of variance 1.

    Each level is the mean of the numbers between its cuts, each cut lies midway between two
    levels (Lloyd 1982, Max 1960). The error is then that of a projection, E xQ = E Q² = ϱ².
    """
    zero = levels % 2  # an odd number has a level at 0

    def means(cuts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        ends = np.concatenate([[0.0], cuts, [np.inf]])
        density = np.exp(-(ends**2) / 2) / math.sqrt(2 * math.pi)
        mass = np.diff(scipy.special.ndtr(ends))
        inside = -np.diff(density) / mass
        inside[:zero] = 0.0
        return inside, 2 * mass

    def off_the_middle(cuts: NDArray[np.float64]) -> NDArray[np.float64]:
        inside, _ = means(cuts)
        return cuts - (inside[1:] + inside[:-1]) / 2

    # Many levels have the density φ^(1/3) (Panter & Dite 1951): quantiles of variance 3.
    above = np.arange(levels // 2 + 1, levels) / levels
    start = math.sqrt(3) * scipy.special.ndtri(above)
    cuts = scipy.optimize.root(off_the_middle, start, tol=1e-13).x if levels > 2 else np.empty(0)
    inside, mass = means(cuts)
    return Quantiser(inside, cuts, float((mass * inside**2).sum()))
