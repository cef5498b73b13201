r"""Intrinsic dimension of data, from its points alone: the value that a score should find.

Neighbour distances r₁ ≤ r₂ ≤ … of a point of a D-dimensional manifold:

    maximum likelihood   1/D = mean over points of (1/(k−1)) Σ_{j<k} log(r_k/r_j)
                         (Levina & Bickel 2004, averaged as MacKay & Ghahramani 2005)
    TwoNN                P(r₂/r₁ > μ) = μ^{−D} (Facco et al. 2017)
    local PCA            principal directions that hold 95 % of a neighbourhood's variance
    participation ratio  (Σ λ)²/Σ λ² of the covariance's spectrum, a count of directions

All but the last look at one scale, that of the neighbour distances. In high dimensions that
scale is not small, and their values are too low.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from diffusion import _checks
from diffusion.neighbours import nearest

_NUMBERS = 2**20  # coordinates of neighbours held at once


def likelihood_dimension(data: Tensor, neighbours: int = 20) -> float:
    """Maximum-likelihood dimension from the k nearest neighbours of every point.

    Parameters
    ----------
    data : (n, d), finite, no point twice.
    neighbours : k, at least 3 and below n.

    Returns
    -------
    D, the inverse of the mean inverse over points; ∞ where all neighbours are at one distance,
    as on a grid.

    Raises
    ------
    ValueError : a wrong shape, not finite, repeated points, or too few points.

    Examples
    --------
    >>> plane = torch.zeros(2000, 5)
    >>> plane[:, :2] = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0))
    >>> round(likelihood_dimension(plane))
    2
    """
    distances, _ = _around(data, _checks.whole("neighbours", neighbours, low=3))
    logs = np.log(distances[:, -1:] / distances[:, :-1])
    return float(1 / logs.mean()) if logs.any() else math.inf


def two_nn_dimension(data: Tensor, method: str = "fit", discard: float = 0.1) -> float:
    """Dimension from the ratio of the distances to the two nearest neighbours.

    Parameters
    ----------
    data : (n, d), finite, no point twice, n at least 3.
    method : "fit", the slope of −log(1 − F) against log μ through the origin, or
        "likelihood", the unbiased (n − 1)/Σ log μ.
    discard : fraction of the largest ratios that "fit" leaves out, 0 to below 1.

    Returns
    -------
    D; ∞ where all neighbours are at one distance, as on a grid.

    Raises
    ------
    ValueError : a wrong shape, not finite, repeated points, too few points, an unknown
        method, or a fraction outside [0, 1).

    Examples
    --------
    >>> plane = torch.zeros(2000, 5)
    >>> plane[:, :2] = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0))
    >>> round(two_nn_dimension(plane))
    2
    """
    _checks.choice("method", method, ("fit", "likelihood"))
    discard = _checks.number("discard", discard, low=0, high=1, open_high=True)
    return two_nn_of_distances(_around(data, 2)[0], method, discard)


def two_nn_of_distances(distances: np.ndarray, method: str, discard: float = 0.1) -> float:
    """`two_nn_dimension` where the distances (n, 2) to the two nearest others are known."""
    logs = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    n = len(logs)
    if method == "likelihood":
        return float((n - 1) / logs.sum()) if logs.any() else math.inf
    kept = min(n - 1, max(1, int(n * (1 - discard))))  # 1 − F of the last one is 0
    heights = -np.log1p(-np.arange(1, kept + 1) / n)
    logs = logs[:kept]
    return float(heights @ logs / (logs @ logs)) if logs.any() else math.inf


def local_pca_dimension(data: Tensor, neighbours: int = 30, explained: float = 0.95) -> Tensor:
    """Principal directions of each point's neighbourhood that hold most of its variance.

    Parameters
    ----------
    data : (n, d), finite, no point twice.
    neighbours : how many nearest neighbours make the neighbourhood, at least 2 and below n.
    explained : fraction of the variance to hold, inside (0, 1).

    Returns
    -------
    (n,) whole numbers, in float64; their mean is the estimate.

    Raises
    ------
    ValueError : a wrong shape, not finite, repeated points, too few points, or a fraction
        outside (0, 1).

    Examples
    --------
    >>> plane = torch.zeros(500, 5)
    >>> plane[:, :2] = torch.rand(500, 2, generator=torch.Generator().manual_seed(0))
    >>> float(local_pca_dimension(plane).mean())
    2.0
    """
    explained = _checks.number("explained", explained, low=0, high=1, open_low=True, open_high=True)
    _, indices = _around(data, _checks.whole("neighbours", neighbours, low=2))
    given = _checks.points("data", data, double=True).detach()
    points = given.double().cpu()
    rows = max(1, _NUMBERS // (indices.shape[1] * points.shape[1]))
    found = torch.empty(len(points), dtype=torch.float64)  # small pieces would pin large ones
    for kept, around in zip(found.split(rows), torch.from_numpy(indices).split(rows), strict=True):
        kept[:] = _directions(points[around], explained)
    return found.to(given.device)


def _directions(around: Tensor, explained: float) -> Tensor:
    """Principal directions that hold the fraction of the variance, of each (k, d) of (B, k, d).

    The smaller Gram matrix has the spectrum of the covariance, at a tenth of the work for k ≪ d.
    """
    centred = around - around.mean(1, keepdim=True)
    centred = centred / centred.abs().amax((1, 2), keepdim=True)  # squares neither 0 nor infinite
    turned = centred.mT
    gram = centred @ turned if centred.shape[1] <= centred.shape[2] else turned @ centred
    spectrum = torch.linalg.eigvalsh(gram).clamp(min=0).flip(1)
    held = spectrum.cumsum(1) / spectrum.sum(1, keepdim=True)
    return (held <= explained).sum(1).double() + 1


def participation_ratio(data: Tensor) -> float:
    """(Σ λ)²/Σ λ² of the spectrum of the covariance: how many directions share the variance.

    Parameters
    ----------
    data : (n, d), finite, n at least 2, not all alike.

    Returns
    -------
    1 to min(n − 1, d).

    Raises
    ------
    ValueError : a wrong shape, not finite, or data without variance.

    Examples
    --------
    >>> participation_ratio([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    2.0
    """
    points = _checks.points("data", data, double=True).detach().double().numpy(force=True)
    if len(points) < 2 or not np.ptp(points, axis=0).any():
        raise ValueError(f"data must hold at least 2 different points, got {points.shape}")
    # tr² / |·|² of the covariance is that of the smaller Gram matrix: no spectrum is needed
    points = points / _largest(points)  # powers of four neither overflow nor vanish
    points -= points.mean(0)
    points /= _largest(points)
    gram = points.T @ points if points.shape[1] <= len(points) else points @ points.T
    return float(np.trace(gram) ** 2 / np.square(gram).sum())


def _largest(points: np.ndarray) -> float:
    """The largest size of an entry, without an array of sizes."""
    return float(max(points.max(), -points.min()))


def _around(data: Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices (n, count) of the nearest other points."""
    points = _checks.points("data", data, double=True).detach()
    if len(points) <= count:
        raise ValueError(f"data must hold more than {count} points, got {len(points)}")
    array = points.double().numpy(force=True)
    distances, indices = nearest(array, array, count + 1)
    if not distances[:, 1].all():
        repeated = int((distances[:, 1] == 0).sum())
        raise ValueError(
            f"data must not repeat points, got {repeated} that do; "
            "drop them with torch.unique(data, dim=0)"
        )
    return distances[:, 1:], indices[:, 1:]
