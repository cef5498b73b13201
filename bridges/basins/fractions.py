r"""Basins of attraction of any memory: how large they are, and how entangled.

The fraction of starts that an attractor catches is its basin stability (Menck et al. 2013).
Every start is an independent draw, so that its error is binomial. It belongs to the measure
that the starts were drawn from: each of P data points catches 1/P of the noised data under the
flow made for them, which transports that density, and quite other fractions of a box.

Basin entropy (Daza et al. 2016). Cut a picture of labels into boxes; with p_ij the fraction of
box i that has label j,

    S_b  = −Σ_ij p_ij log p_ij / (number of boxes)
    S_bb = the same sum / (number of boxes with at least two labels).

S_bb > log 2 proves a fractal boundary. In many dimensions the boxes are the k nearest
neighbours of each of a sample of points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bridges import _checks
from bridges._checks import POINTS, Line, Plotted, Result
from bridges.attractors import Attractors, find_attractors
from bridges.estimates import with_error
from bridges.memory import Memory
from bridges.starts import Starts
from bridges.statistics import binomial_sem

_BOXES = 10  # along a side of a picture, by default


@dataclass(frozen=True, repr=False)
class BasinFractions(Plotted):
    """Basins of A attractors under one measure.

    Attributes
    ----------
    fractions : (A,) of the starts, in the order of `attractors`.
    sem : (A,) binomial standard errors; NaN for starts on a grid, which are no draws.
    labels : (B,) attractor of each start, −1 for none.
    attractors : what was found.
    measure : what the starts were drawn from.
    """

    fractions: np.ndarray
    sem: np.ndarray
    labels: Tensor
    attractors: Attractors
    measure: str
    _titles = ("attractor, by the size of its basin", "fraction of the starts")

    @property
    def none(self) -> float:
        """Fraction of starts that ended in no attractor: not converged, or in a saddle."""
        return float((self.labels < 0).double().mean())

    def by_pattern(self, patterns: int) -> np.ndarray:
        """Fraction of starts that ended in the memory of each of P `patterns`, (P,)."""
        found = self.attractors
        memories = np.array([kind == "memory" for kind in found.kind], dtype=bool)
        return np.bincount(found.nearest[memories], self.fractions[memories], minlength=patterns)

    def _parts(self) -> list[tuple[str, Any]]:
        """Not single starts."""
        own = [("fractions", self.fractions), ("sem", self.sem), ("none", self.none)]
        return own + self.attractors._parts()

    def __repr__(self) -> str:
        largest = ", ".join(map(with_error, self.fractions[:3].tolist(), self.sem.tolist()))
        more = ", …" if len(self.fractions) > 3 else ""
        return (
            f"BasinFractions({len(self.fractions)} attractors of starts from {self.measure}: "
            f"{largest}{more}; none {self.none:.3g})"
        )

    def _lines(self) -> list[Line]:
        order = np.argsort(-self.fractions, kind="stable")
        rank = np.arange(1, len(order) + 1)
        return [Line(rank, self.fractions[order], self.sem[order], look=POINTS)]


@dataclass(frozen=True, repr=False)
class BasinEntropy(Result):
    """How entangled basins are.

    Attributes
    ----------
    entropy : S_b, in nats.
    boundary : S_bb; 0 without a boundary.
    """

    entropy: float
    boundary: float

    @property
    def fractal(self) -> bool:
        """Whether S_bb > log 2, which proves a fractal boundary."""
        return self.boundary > float(np.log(2))


def basin_fractions(memory: Memory, starts: Tensor | Starts, **options: Any) -> BasinFractions:
    """The part of the starts that each attractor catches.

    Parameters
    ----------
    memory, starts, options : as for `find_attractors`.

    Returns
    -------
    BasinFractions.

    Raises
    ------
    ValueError, TypeError : as for `find_attractors`.

    Examples
    --------
    >>> import torch
    >>> from bridges import as_memory
    >>> from bridges.starts import noised
    >>> from diffusion import EmpiricalDenoiser
    >>> xi = torch.tensor([[-1.0], [0.0], [3.0]])
    >>> flow = as_memory(EmpiricalDenoiser(xi), dynamics="flow", sigma=10.0)
    >>> found = basin_fractions(flow, noised(xi, 10.0, 900, seed=0))
    >>> bool((abs(found.fractions - 1 / 3) < 4 * found.sem).all())  # exactly 1/P each
    True
    """
    found = find_attractors(memory, starts, **options)
    total = len(found.labels)
    fractions = found.counts / total
    drawn = not isinstance(starts, Starts) or starts.drawn
    sem = [binomial_sem(f, total) if drawn else np.nan for f in fractions.tolist()]
    return BasinFractions(fractions, np.array(sem), found.labels, found, found.measure)


def basin_entropy(labels: ArrayLike | Tensor, box: int | None = None) -> BasinEntropy:
    """Basin entropy of a picture: how uncertain the end is, to the size of a box.

    Parameters
    ----------
    labels : a grid of labels of any dimension, whole numbers; −1, no attractor, is one too.
    box : points along a side of a box, which must divide every side of the grid. None: a
        tenth of the least side.

    Returns
    -------
    BasinEntropy, in nats.

    Raises
    ------
    ValueError : an empty grid, labels that are not whole, a box that does not divide it.

    Examples
    --------
    >>> half = np.arange(20) > 9  # 0 to the left, 1 to the right
    >>> found = basin_entropy(np.tile(half, (20, 1)), box=4)  # one column of boxes is mixed
    >>> round(found.boundary / float(np.log(2)), 12), found.fractal
    (1.0, False)
    """
    grid = _whole(labels)
    side = max(1, min(grid.shape) // _BOXES) if box is None else _checks.whole("box", box)
    if any(length % side for length in grid.shape):
        raise ValueError(f"box must divide the sides of the grid {grid.shape}, got {side}")
    split = [part for length in grid.shape for part in (length // side, side)]
    axes = [*range(0, len(split), 2), *range(1, len(split), 2)]
    boxes = grid.reshape(split).transpose(axes).reshape(-1, side**grid.ndim)
    return _entropy(boxes)


def basin_entropy_sampled(
    points: Tensor, labels: ArrayLike | Tensor, neighbours: int = 25
) -> BasinEntropy:
    """Basin entropy of a sample of points in any dimension.

    Parameters
    ----------
    points : (B, N) starts.
    labels : (B,) attractor of each, −1 for none.
    neighbours : points in the box around each point, itself among them; 2 to B.

    Returns
    -------
    BasinEntropy, in nats. Boxes overlap: errors come from other samples.

    Raises
    ------
    ValueError : shapes that disagree, points that are not finite, too few points.

    Examples
    --------
    >>> import torch
    >>> points = torch.rand(1000, 2, generator=torch.Generator().manual_seed(0))
    >>> basin_entropy_sampled(points, points[:, 0] > 0.5).fractal
    False
    """
    from sklearn.neighbors import NearestNeighbors

    rows = _checks.doubles("points", _checks.matrix("points", points))
    found = _whole(labels)
    if found.shape != (len(rows),):
        raise ValueError(f"labels must have shape ({len(rows)},), got {found.shape}")
    k = _checks.whole("neighbours", neighbours, low=2)
    if k > len(rows):
        raise ValueError(f"neighbours must be at most the {len(rows)} points, got {k}")
    near = NearestNeighbors(n_neighbors=k).fit(rows).kneighbors(return_distance=False, X=rows)
    return _entropy(found[near])


def _whole(labels: ArrayLike | Tensor) -> np.ndarray:
    if isinstance(labels, Tensor) and labels.dtype == torch.bool:  # two kinds
        labels = labels.long()
    elif type(labels) is np.ndarray and labels.dtype == np.bool_:
        labels = labels.astype(np.int64)
    array = _checks.tensor("labels", labels).numpy(force=True)
    if array.size == 0 or array.ndim == 0:
        raise ValueError(f"labels must hold a grid or a list, got shape {array.shape}")
    if array.dtype.kind not in "biu":
        raise ValueError(f"labels must be whole numbers, got {array.dtype}")
    return array.astype(np.int64)


def _entropy(boxes: np.ndarray) -> BasinEntropy:
    """Entropy of boxes (n, members) of labels, sorted so that each label is a run."""
    size = boxes.shape[1]
    ordered = np.sort(boxes, axis=1)
    starts = np.concatenate([np.ones((len(boxes), 1), bool), np.diff(ordered, axis=1) != 0], 1)
    flat = np.flatnonzero(starts.ravel())
    p = np.diff(np.append(flat, starts.size)) / size
    total = float(-(p * np.log(p)).sum())
    mixed = int((starts.sum(1) > 1).sum())
    return BasinEntropy(total / len(boxes) + 0.0, total / mixed if mixed else 0.0)
