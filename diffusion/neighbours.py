r"""Are samples copies? Distances of samples to the data, calibrated.

Distance alone proves nothing: in few dimensions every sample is close to some datum. With
d₁ ≤ d₂ the distances to the two nearest data points,

    ratio        d₁/d₂ < 1/3 flags a copy (Yoon et al. 2023). Fresh samples of a D-dimensional
                 manifold fall below c with probability c^D (the law behind TwoNN, Facco et
                 al. 2017): 3^{−D} by chance, so that it says nothing for D ≤ 3
    calibrated   d₁/(a · mean of the n smallest distances) < 1 (Carlini et al. 2023); in few
                 dimensions this one too flags nearly everything

so that a fraction of copies only counts by its excess over that of held-out data. Samples
stopped at a noise level σ carry noise √(d − D)σ across the manifold: denoise them first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffusion import _checks
from diffusion._results import Result, with_error
from diffusion._units import check_units

_LOST = 1e4  # rounding errors of a square of the size of the data that a distance must exceed
_MORE = 8  # neighbours found in single precision beyond those that are asked for
_NUMBERS = 2**18  # of differences held at once: what a cache holds
_ROWS, _SCREENED = 2048, 2**20  # of a block that distances are estimated in: rows, and numbers
_STORED = (
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.float32,
    torch.float64,
)
_TREE = 20  # up to this dimension a tree finds neighbours faster than brute force


@dataclass(frozen=True, repr=False)
class CopyFraction(Result):
    """Fraction of samples flagged as copies, against that of held-out data."""

    fraction: float  # of the samples
    baseline: float  # of the held-out points: the rate of false alarms
    excess: float  # the difference
    sem: float  # standard error of the excess
    p_value: float  # probability of as many flagged among points that are no copies

    @classmethod
    def counted(cls, flagged: int, samples: int, false_alarms: int, held_out: int) -> CopyFraction:
        """Of samples and held-out points that were flagged, by Fisher's exact test.

        The error has a floor where all or none of either are: 1/(n + 1) of n points.
        """
        from scipy.stats import hypergeom  # slow to import

        samples, held_out = _checks.whole("samples", samples), _checks.whole("held_out", held_out)
        flagged = _checks.whole("flagged", flagged, low=0, high=samples)
        false_alarms = _checks.whole("false_alarms", false_alarms, low=0, high=held_out)
        rate, baseline = flagged / samples, false_alarms / held_out
        total = samples + held_out
        chance = hypergeom.sf(flagged - 1, total, flagged + false_alarms, samples)
        error = math.hypot(_counted_error(rate, samples), _counted_error(baseline, held_out))
        return cls(rate, baseline, rate - baseline, error, float(chance))

    def __repr__(self) -> str:
        excess = with_error(self.excess, self.sem)
        return f"CopyFraction({self.fraction:.4g}, baseline {self.baseline:.4g}, excess {excess})"


def neighbour_ratio(samples: Tensor, data: Tensor) -> Tensor:
    """d₁/d₂, the distance to the nearest data point over that to the next one.

    Parameters
    ----------
    samples : (B, d), finite.
    data : (n, d), finite, at least 2 different points; repeated points count once.

    Returns
    -------
    (B,), 0 (on a data point) to 1, float64.

    Raises
    ------
    ValueError : a wrong shape, not finite, or fewer than 2 different data points.

    Examples
    --------
    >>> neighbour_ratio(torch.tensor([[1.0]]), torch.tensor([[0.0], [0.0], [5.0]]))
    tensor([0.2500], dtype=torch.float64)
    """
    data = _checks.points("data", data, double=True, stored=True)
    kept = distinct(data)
    near = neighbour_distances(samples, data if len(kept) == len(data) else data[kept], 2)
    return near[:, 0] / near[:, 1]


def chance_ratio(dimension: float, threshold: float = 1 / 3) -> float:
    """Probability that a fresh sample of a manifold has d₁/d₂ < `threshold`, by chance.

    Parameters
    ----------
    dimension : D ≥ 0 of the manifold.
    threshold : 0 to 1.

    Returns
    -------
    threshold^D, from the Poisson law of neighbours: flat, many points.

    Raises
    ------
    ValueError : a negative dimension, or a threshold outside [0, 1].

    Examples
    --------
    >>> round(chance_ratio(2), 4)
    0.1111
    """
    dimension = _checks.number("dimension", dimension, low=0)
    return _checks.number("threshold", threshold, low=0, high=1) ** dimension


def calibrated_distance(
    samples: Tensor, data: Tensor, neighbours: int = 50, scale: float = 0.5
) -> Tensor:
    """Distance to the nearest data point in units of the usual one, d₁/(a · mean dₙ).

    Parameters
    ----------
    samples : (B, d).
    data : (n, d).
    neighbours : how many of the nearest data points make the mean, at least 2, at most n.
    scale : a, positive.

    Returns
    -------
    (B,), float64; below 1 is Carlini's flag of a copy.

    Raises
    ------
    ValueError : a wrong shape, not finite, too few data points, or a scale not positive.

    Examples
    --------
    >>> line = torch.linspace(0, 1, 101)[:, None]
    >>> calibrated_distance(torch.tensor([[0.5]]), line)
    tensor([0.], dtype=torch.float64)
    """
    scale = _checks.number("scale", scale, low=0, open_low=True)
    near = neighbour_distances(samples, data, _checks.whole("neighbours", neighbours, low=2))
    usual = scale * near.mean(1)
    return torch.where(usual > 0, near[:, 0] / usual, 0.0)  # a copy of points that are repeated


def copy_fraction(
    samples: Tensor,
    data: Tensor,
    held_out: Tensor,
    measure: Callable[[Tensor, Tensor], Tensor] = neighbour_ratio,
    threshold: float = 1 / 3,
) -> CopyFraction:
    """Fraction of samples that a measure flags as copies, beyond that of held-out data.

    Parameters
    ----------
    samples : (B, d), denoised.
    data : (n, d), from which the model was made.
    held_out : (H, d), data of the same kind that the model was not made from.
    measure : measure(samples, data) → (B,), small for copies: `neighbour_ratio` or
        `calibrated_distance`.
    threshold : flag below it: 1/3 for the ratio, 1 for the calibrated distance, or a
        quantile of the measure on other held-out data.

    Returns
    -------
    CopyFraction.

    Raises
    ------
    ValueError : a wrong shape, no sample, no held-out point, or a threshold that is NaN.

    Examples
    --------
    >>> points = torch.randn(300, 10, generator=torch.Generator().manual_seed(0))
    >>> copy_fraction(points[:50] + 0.01, points[:200], points[200:]).excess
    1.0
    """
    _checks.function("measure", measure, "a function of samples and data")
    threshold = _checks.real("threshold", threshold)
    if math.isnan(threshold):
        raise ValueError("threshold must be a number, got NaN")
    counts = []
    for name, value in (("samples", samples), ("held_out", held_out)):
        value = _checks.points(name, value, double=True)
        if len(value) == 0:
            raise ValueError(f"{name} must hold at least one point, got {tuple(value.shape)}")
        check_units(name, value, _checks.points("data", data))
        counts += [int((measure(value, data) < threshold).sum()), len(value)]
    return CopyFraction.counted(*counts)


def _counted_error(fraction: float, trials: int) -> float:
    """Binomial standard error, of 1/(n + 1) where it would vanish."""
    return math.sqrt(fraction * (1 - fraction) / trials) if 0 < fraction < 1 else 1 / (trials + 1)


def neighbour_distances(samples: Tensor, data: Tensor, count: int) -> Tensor:
    """Distances to the `count` nearest data points, ascending, (B, count), float64.

    Parameters
    ----------
    samples : (B, d).
    data : (n, d).
    count : 1 to n.

    Raises
    ------
    ValueError : a wrong shape, not finite, or fewer than `count` data points.

    Examples
    --------
    >>> neighbour_distances(torch.zeros(1, 1), torch.tensor([[3.0], [-1.0]]), 2)
    tensor([[1., 3.]], dtype=torch.float64)
    """
    data = _checks.points("data", data, double=True, stored=True)
    wide = data.shape[1]
    samples = _checks.points("samples", samples, dimension=wide, double=True, stored=True)
    count = _checks.whole("count", count)
    if len(data) < count:
        raise ValueError(f"data must hold at least {count} different points, got {len(data)}")
    distances, _ = nearest(as_stored(samples), as_stored(data), count)
    return torch.from_numpy(distances).to(samples.device)


def distinct(data: Tensor) -> Tensor:
    """Indices, ascending, of the first of each different point of data (n, d).

    Points are told apart by a sum of their bits with random factors, and only those with equal
    sums by their numbers: of many data, none is copied. −0 is 0.
    """
    rows = as_stored(_checks.tensor("data", data))
    step = _rows_at_once(rows.shape[1])
    marks = np.concatenate([_marks(rows[k : k + step]) for k in range(0, len(rows) or 1, step)])
    order = np.argsort(marks, kind="stable")
    follows = np.flatnonzero(marks[order[1:]] == marks[order[:-1]])
    first, kept = set(), np.ones(len(rows), bool)
    for k in np.unique(order[np.concatenate([follows, follows + 1])]):
        numbers = (rows[k] + 0).tobytes()
        kept[k] = numbers not in first
        first.add(numbers)
    return torch.from_numpy(np.flatnonzero(kept))


def _marks(rows: np.ndarray) -> np.ndarray:
    """A number (B,) per row, alike for equal rows and, but for one pair in 2⁴⁰, for no others."""
    plain = np.ascontiguousarray(rows + 0)
    width = plain.shape[1] * plain.itemsize
    bits = next(size for size in (64, 32, 16, 8) if width % (size // 8) == 0)
    words = plain.view(f"u{bits // 8}")
    # the last bits of whole numbers in floating point are all 0, and would stay so in products
    words = (words ^ (words >> (bits // 2))).astype(np.uint64)
    factors = np.random.default_rng(0).integers(2**64, size=words.shape[1], dtype=np.uint64) | 1
    found: np.ndarray = (words * factors).sum(1, dtype=np.uint64)
    return found


def as_stored(rows: Tensor) -> np.ndarray:
    """Rows as an array of the same numbers, in their own precision where numpy has it."""
    known = rows.detach() if rows.dtype in _STORED else rows.detach().double()
    array: np.ndarray = known.numpy(force=True)
    return array


def nearest(samples: np.ndarray, data: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices (B, count) of the nearest data points, without checks.

    A tree finds them in few dimensions. In many they are found by |x|² − 2x·y + |y|² about the mean
    of the data, a block of rows at a time, so that neither set is held in another precision; the
    distances are then computed again, as rounding would hide that of a copy. Single precision
    finds some more than are asked for. Where no other could be nearer for all its rounding, these
    are the nearest; elsewhere double precision looks again, and where even its rounding is not
    small beside the distances, the neighbours are those of all differences x − y.
    """
    if len(samples) == 0:
        return np.empty((0, count)), np.empty((0, count), dtype=np.int64)
    if data.shape[1] <= _TREE:
        from sklearn.neighbors import NearestNeighbors  # slow to import

        points, kept = (one.astype(np.float64, copy=False) for one in (samples, data))
        finder = NearestNeighbors(n_neighbors=count).fit(kept)
        indices = finder.kneighbors(points, return_distance=False)
        return _sorted(_norms(points, kept, indices), indices)
    screen = _Screen.of(data)
    distances = np.empty((len(samples), count))
    indices = np.empty((len(samples), count), dtype=np.int64)
    step = _rows_at_once(data.shape[1])
    for start in range(0, len(samples), step):
        block = slice(start, start + step)
        points = samples[block].astype(np.float64)
        distances[block], indices[block] = _screened(points, data, screen, count)
    return distances, indices


@dataclass(frozen=True)
class _Screen:
    """What is known of data (n, d) before neighbours are looked for: the mean, squares about it."""

    data: np.ndarray
    centre: np.ndarray  # (d,)
    squares: np.ndarray  # (n,)

    @classmethod
    def of(cls, data: np.ndarray) -> _Screen:
        whole = np.issubdtype(data.dtype, np.integer)
        total = np.add.reduce(data, axis=0, dtype=np.int64 if whole else np.float64)
        centre = total / len(data)
        step = _rows_at_once(data.shape[1])
        blocks = (data[k : k + step] - centre for k in range(0, len(data), step))
        return cls(data, centre, np.concatenate([_squares(one) for one in blocks]))

    def near(self, about: np.ndarray, count: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """|y|² − 2x·y of points x (B, d) about the centre and their nearest data, and these.

        Both (B, count), unordered, of what is computed in a precision; the farthest last.
        """
        scale = math.sqrt(max(self.squares.max(), _squares(about).max())) or 1.0
        points = torch.from_numpy(about / -scale).to(dtype).mul_(2)
        step = -(-_rows_at_once(self.data.shape[1]) // 2)  # half as many, held in two precisions
        # written over by each block: what is allocated anew stays with the process
        double = np.empty((min(step, len(self.data)), self.data.shape[1]))
        rounded = torch.empty(double.shape, dtype=dtype)
        products = torch.empty(len(about) * len(double), dtype=dtype)
        best, at = torch.empty(len(about), 0, dtype=dtype), torch.empty(len(about), 0).long()
        for start in range(0, len(self.data), step):
            data = self.data[start : start + step]
            block = np.subtract(data, self.centre, out=double[: len(data)])
            block /= scale
            squares = torch.from_numpy(self.squares[start : start + step] / scale**2).to(dtype)
            found = products[: len(about) * len(data)].view(len(about), len(data))
            near = rounded[: len(data)].copy_(torch.from_numpy(block))
            torch.addmm(squares, points, near.T, out=found)
            if best.shape[1] < count:
                values, own = found.topk(min(count, len(data)), largest=False, sorted=False)
            else:  # few are nearer than what was found before
                values, own = _below(found, best.amax(1, keepdim=True))
            best, at = torch.cat([best, values], 1), torch.cat([at, own + start], 1)
            if best.shape[1] > count:
                best, kept = best.topk(count, largest=False)
                at = at.gather(1, kept)
        return best.double() * scale**2, at


def _below(found: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers (B, m) of rows (B, k) below the limit (B, 1) of each, and their columns.

    Rows that have fewer than others are filled up with infinities.
    """
    row, column = (found < limit).nonzero(as_tuple=True)
    counts = torch.bincount(row, minlength=len(found))
    place = torch.arange(len(row)) - (counts.cumsum(0) - counts)[row]
    values = found.new_full((len(found), int(counts.max())), math.inf)
    columns = torch.zeros(values.shape, dtype=torch.long)
    values[row, place], columns[row, place] = found[row, column], column
    return values, columns


def _screened(
    points: np.ndarray, data: np.ndarray, screen: _Screen, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices of the nearest data of a block of points, in ascending order."""
    about = points - screen.centre
    squares = _squares(about)
    sizes = squares + screen.squares.max()
    more = min(len(data), count + _MORE)
    best, at = screen.near(about, more, torch.float32)
    distances, indices = _sorted(_norms(points, data, at.numpy()), at.numpy())
    distances, indices = distances[:, :count], indices[:, :count]
    if more < len(data):
        rounding = max(8.0, math.sqrt(data.shape[1])) * np.finfo(np.float32).eps * sizes
        others = best.amax(1).numpy() + squares - rounding
        again = np.flatnonzero(~(np.square(distances[:, -1]) < others))
        if len(again):
            distances[again], indices[again] = _in_double(
                points[again], data, screen, count, sizes[again]
            )
    return distances, indices


def _in_double(
    points: np.ndarray, data: np.ndarray, screen: _Screen, count: int, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same in double precision, and by all differences where that is too coarse too."""
    _, at = screen.near(points - screen.centre, count, torch.float64)
    indices = at.numpy()
    distances = _norms(points, data, indices)
    lost = _LOST * np.finfo(np.float64).eps * sizes > np.square(distances).max(1)
    for row in np.flatnonzero(lost):
        apart = _apart(points[row], data)
        indices[row] = np.argpartition(apart, count - 1)[:count]
        distances[row] = apart[indices[row]]
    return _sorted(distances, indices)


def _apart(point: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Distances (n,) of a point to all data, block by block."""
    step = _rows_at_once(data.shape[1])
    blocks = (point - data[k : k + step] for k in range(0, len(data), step))
    return np.concatenate([np.linalg.norm(one, axis=1) for one in blocks])


def _squares(rows: np.ndarray) -> np.ndarray:
    """|x|² of each row, (B,)."""
    found: np.ndarray = np.einsum("ij,ij->i", rows, rows)
    return found


def _rows_at_once(dimension: int) -> int:
    return max(1, min(_ROWS, _SCREENED // dimension))


def _sorted(distances: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1)


def _norms(samples: np.ndarray, data: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Distances (B, count) of rows to the data of the indices (B, count), block by block."""
    found = np.empty(indices.shape)
    rows = max(1, _NUMBERS // (indices.shape[1] * data.shape[1]))
    for start in range(0, len(samples), rows):
        block = slice(start, start + rows)
        apart = data[indices[block]].astype(np.float64, copy=False)
        apart -= samples[block, None]
        apart *= apart
        found[block] = np.sqrt(apart.sum(2))
    return found
