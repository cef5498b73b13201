r"""Which samples are copies: a list, with the nearest datum and a p-value of each sample.

A sample with the ratio r = d₁/d₂ of the distances to its two nearest data has the p-value

    p = (1 + number of H held-out points with a ratio of at most r)/(H + 1)

whatever the law of the data, and the list has a false discovery rate: of the samples on it, at
most that share are no copies, by the procedure of Benjamini and Hochberg (which these p-values
allow: Bates et al. 2023, theorem 2). Without held-out data each datum is left out in turn; as
neighbours have their small ratios together, half as many count: p = (2 + number)/(n + 2).

No p-value is below 1/(H + 1), too much for a few copies among many samples. Two kinds of copies
are therefore listed by rules of their own, and the procedure looks at the others:

    equal     d₁ is rounding. Not where equal points are as common by chance: expected are as
              many as among held-out points, or as on a grid of independent entries, and these
              may be no more than the false discovery rate allows
    match     d₁/d₂ is so small that chance allows it once in 10⁸ points

Mirrored and shifted copies are looked for on request. Held-out points are then mirrored and
shifted too, and the smallest ratio of each point counts: the p-values stay what they are.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Line, Plotted, check_units, points
from bridges.memorization.calibration import calibrate
from bridges.memorization.distances import part_of
from diffusion.neighbours import as_stored, distinct, nearest

Array = np.ndarray
ALSO = ("mirrored", "shifted")
KINDS = ("exact", "close", *ALSO)
COLUMNS = ("sample", "nearest", "d1", "d2", "ratio", "p_value", "copy")
RATE = 0.05  # of false discoveries, unless it is asked for
_EQUAL = 16 * float(np.finfo(np.float32).eps)  # of the largest deviation, per entry
_NEVER = 1e-12  # a chance that is none
_COLOURS = (1, 3, 4)


@dataclass(frozen=True, repr=False)
class CopyList(Plotted):
    """Samples one by one: how near the nearest datum is, and whether that is a copy.

    Attributes
    ----------
    nearest : (B,) row of the nearest datum; of the mirrored or shifted sample where that is nearer.
    d1 : (B,) distance to it, in the units of the data.
    d2 : (B,) distance to the next datum.
    ratio : (B,) d₁/d₂.
    p_value : (B,) probability of a ratio as small among points that are no copies.
    copy : one word per sample: "exact", "close", "mirrored", "shifted", or "" for no copy.
    rate : of false discoveries.
    least_p_value : that the held-out points can give.
    coincide : share of points that equal a datum by chance.
    """

    nearest: Tensor
    d1: Tensor
    d2: Tensor
    ratio: Tensor
    p_value: Tensor
    copy: list[str]
    rate: float
    least_p_value: float
    coincide: float
    _titles = ("distance to the next datum $d_2$", "distance to the nearest datum $d_1$")

    def __len__(self) -> int:
        """Number of samples that were judged."""
        return len(self.copy)

    @property
    def listed(self) -> Tensor:
        """The samples that are copies, the clearest first."""
        kept = torch.tensor([k for k, word in enumerate(self.copy) if word], dtype=torch.long)
        return kept[self.ratio[kept].argsort(stable=True)]

    @property
    def counts(self) -> dict[str, int]:
        """How many copies of each kind."""
        found = Counter(self.copy)
        return {kind: found[kind] for kind in KINDS}

    def _lines(self) -> list[Line]:
        """Both distances of each sample; d₁ = d₂ is a line."""
        copied = torch.tensor([bool(word) for word in self.copy], dtype=torch.bool)
        ends = [0.0, float(self.d2.max()) if len(self) else 1.0]
        parts = {"copies": copied, "no copies": ~copied}
        dots = {"ls": "", "marker": "o", "ms": 3}
        return [
            *(Line(self.d2[k], self.d1[k], label=name, look=dots) for name, k in parts.items()),
            Line(ends, ends, label="$d_1 = d_2$", look={"color": "0.6", "ls": ":", "marker": ""}),
        ]

    def to_csv(self) -> str:
        """A header and a row per sample: sample,nearest,d1,d2,ratio,p_value,copy."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        numbers = zip(self.d1, self.d2, self.ratio, self.p_value, strict=True)
        for k, (near, four) in enumerate(zip(self.nearest.tolist(), numbers, strict=True)):
            writer.writerow([k, near, *(f"{float(one):.6g}" for one in four), self.copy[k]])
        return text.getvalue()

    def __repr__(self) -> str:
        return f"CopyList({said(self.counts, len(self))}, at a false discovery rate {self.rate:g})"


def said(counts: dict[str, int], samples: int) -> str:
    """How many samples are copies, and of which kinds.

    Examples
    --------
    >>> said({"exact": 10, "close": 2, "mirrored": 0}, 100)
    '12 of 100 samples are copies: 10 exact, 2 close'
    """
    total = sum(counts.values())
    if not total:
        return f"no copy can be named among {samples} samples"
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return f"{total} of {samples} samples are copies: {kinds}"


def list_copies(
    samples: Tensor,
    data: Tensor,
    held_out: Tensor | None = None,
    *,
    also: Sequence[str] = (),
    shape: Sequence[int] | None = None,
    rate: float = RATE,
) -> CopyList:
    """List the samples that are copies of a datum, at a false discovery rate.

    Parameters
    ----------
    samples : (B, N), at least one, denoised.
    data : (n, N), what a model was made from, at least 4 different points.
    held_out : (H, N), H at least 2, of the same kind but unseen; None: the data themselves,
        each left out in turn.
    also : "mirrored" (left and right exchanged) and "shifted" (by up to 2 pixels, 1 of images
        below 16 pixels) copies are looked for too.
    shape : of an image, (height, width), with colours last or first; needed for `also`.
    rate : of false discoveries, in (0, 1).

    Returns
    -------
    CopyList.

    Raises
    ------
    ValueError : as for `calibrate`, no sample, samples in other units than the data, an
        unknown word in `also`, no shape or one that does not fit, or a rate outside (0, 1).

    Examples
    --------
    >>> points = torch.randn(600, 16, generator=torch.Generator().manual_seed(0))
    >>> data, held_out, fresh = points[:200], points[200:500], points[500:]
    >>> samples = torch.cat([data[:3], data[3:10] + 0.01, fresh])
    >>> found = list_copies(samples, data, held_out)
    >>> found
    CopyList(10 of 110 samples are copies: 3 exact, 7 close, at a false discovery rate 0.05)
    >>> found.nearest[:4].tolist()
    [0, 1, 2, 3]
    """
    data = points("data", data)
    samples = points("samples", samples, dimension=data.shape[1])
    check_units("samples", samples, data)
    match = calibrate(data, held_out, seed=0).criteria["match"].threshold
    return listed(samples, data, held_out, match, also=also, shape=shape, rate=rate)


def listed(
    samples: Tensor,
    data: Tensor,
    held_out: Tensor | None,
    match: float,
    *,
    also: Sequence[str] = (),
    shape: Sequence[int] | None = None,
    rate: float = RATE,
) -> CopyList:
    """`list_copies` of samples in the units of the data, where the ratio of a match is known."""
    rate = _checks.share("rate", rate)
    data = points("data", data, stored=True)
    samples = points("samples", samples, dimension=data.shape[1], stored=True)
    if len(samples) == 0:
        raise ValueError("samples must hold at least one point, got none")
    views = _views(also, shape, data.shape[1])
    rows = distinct(data)
    stored = as_stored(data if len(rows) == len(data) else data[rows])
    own: Array | None = None
    if held_out is not None:
        real = as_stored(points("held_out", held_out, dimension=data.shape[1], stored=True))
        together = 1
    else:
        own, together = part_of(len(stored)).numpy(), 2  # neighbours have small ratios together
        real = stored if len(own) == len(stored) else stored[own]
    equal = _EQUAL * _largest_deviation(stored) * data.shape[1] ** 0.5
    found = _nearest_view(as_stored(samples), stored, views, equal)
    chance = _nearest_view(real, stored, views, equal, own)
    p_value = _p_values(found.scores, chance.scores, together)
    exact, coincide = (
        found.distances[:, 0] <= equal,
        float((chance.distances[:, 0] <= equal).mean()),
    )
    if held_out is None:
        coincide = max(coincide, 1 - len(rows) / len(data))
    if exact.any() and coincide == 0:
        coincide = min(1.0, len(views) * _coincidence(stored))
    copies = np.zeros(len(samples), bool)
    if match <= chance.scores.min():
        copies |= found.scores < match
    if len(samples) * coincide <= rate * int(exact.sum()):
        copies |= exact
    copies[~copies] = _discovered(p_value[~copies], rate)
    return CopyList(
        nearest=rows[torch.from_numpy(found.indices)],
        d1=torch.from_numpy(found.distances[:, 0]),
        d2=torch.from_numpy(found.distances[:, 1]),
        ratio=torch.from_numpy(_ratio(found.distances)),
        p_value=torch.from_numpy(p_value),
        copy=[
            (views[view].word or ("exact" if equals else "close")) if one else ""
            for one, view, equals in zip(copies, found.view, exact, strict=True)
        ],
        rate=rate,
        least_p_value=together / (together + len(real)),
        coincide=coincide,
    )


def _p_values(scores: Array, chance: Array, together: int) -> Array:
    """How often chance has scores as small, (B,), from those of points that are no copies."""
    below = np.searchsorted(np.sort(chance), scores, side="right")
    return (together + below) / (together + len(chance))


def _largest_deviation(data: Array) -> float:
    """Of an entry of the data (n, N) from its mean."""
    low, high = data.min(0).astype(np.float64), data.max(0).astype(np.float64)
    mean = data.mean(0, dtype=np.float64)
    return float(np.maximum(high - mean, mean - low).max())


def _coincidence(data: Array) -> float:
    """Chance that a point equals some datum (n, N), as if its entries were independent."""
    n, logs = len(data), 0.0
    for values in data.T:
        counts = np.unique(values, return_counts=True)[1]
        alike = float((counts * (counts - 1)).sum()) / (n * (n - 1))
        if alike == 0 or n * math.exp(logs) < _NEVER:
            return 0.0
        logs += math.log(alike)
    return min(1.0, n * math.exp(logs))


def _discovered(p_value: Array, rate: float) -> Array:
    """Which are discovered at a false discovery rate, (B,) bool."""
    from scipy.stats import false_discovery_control  # slow to import

    if len(p_value) == 0:
        return np.zeros(0, bool)
    return np.asarray(false_discovery_control(p_value) <= rate)


class _View(NamedTuple):
    """A way to look at a point and at the data that it may be a copy of."""

    word: str  # "" for points as they are
    turned: Callable[[Array], Array]  # of the points, (B, N) → (B, M)
    kept: Callable[[Array], Array]  # of the data


class _Near(NamedTuple):
    """Of each point the view in which it is nearest to a datum."""

    distances: Array  # (B, 2) to the two nearest data
    indices: Array  # (B,) of the nearest
    view: Array  # (B,)
    scores: Array  # (B,) d₁/d₂, 0 where d₁ is rounding


def _nearest_view(
    rows: Array, data: Array, views: Sequence[_View], equal: float, own: Array | None = None
) -> _Near:
    """The nearest data of points (B, N). own : (B,) the datum that each point is, left out."""
    distances, indices = (
        np.stack(parts)
        for parts in zip(*(_two_nearest(rows, data, view, own) for view in views), strict=True)
    )
    scores = np.where(distances[..., 0] <= equal, 0.0, _ratio(distances))
    best, all_points = scores.argmin(0), np.arange(len(rows))
    found = (distances[best, all_points], indices[best, all_points], best)
    return _Near(*found, scores[best, all_points])


def _two_nearest(rows: Array, data: Array, view: _View, own: Array | None) -> tuple[Array, Array]:
    """Distances to the two nearest data (B, 2), as of all entries, and the index of the first."""
    seen, kept = view.turned(rows), view.kept(data)
    distances, indices = nearest(seen, kept, 2 if own is None else 3)
    if own is not None:
        others = np.argsort(indices == own[:, None], axis=1, kind="stable")  # its own one last
        distances, indices = (np.take_along_axis(a, others, 1) for a in (distances, indices))
    return distances[:, :2] * (rows.shape[1] / seen.shape[1]) ** 0.5, indices[:, 0]


def _ratio(distances: Array) -> Array:
    """d₁/d₂ (…), 0 where both vanish."""
    d1, d2 = distances[..., 0], distances[..., 1]
    return np.divide(d1, d2, out=np.zeros_like(d1), where=d2 > 0)


def _views(also: Sequence[str], shape: Sequence[int] | None, size: int) -> list[_View]:
    """Points as they are, and the other views that are asked for."""
    views = [_View("", _same, _same)]
    _checks.instance("also", also, (list, tuple), f"a list of words from {', '.join(ALSO)}")
    for word in also:
        _checks.choice("also", word, ALSO)
    if shape is not None:
        shape = [_checks.whole("shape", side) for side in _checks.several("shape", shape)]
    if not also:
        return views
    if shape is None:
        raise ValueError(f"shape of an image must be given for {' and '.join(also)} copies")
    height, width = picture_shape(shape, size)[:2]
    if "mirrored" in also:
        views.append(_View("mirrored", _crop(shape, step=-1), _crop(shape)))
    if "shifted" in also:
        far = 2 if min(height, width) >= 16 else 1
        moves = sorted(set(product(range(-far, far + 1), repeat=2)) - {(0, 0)})
        views += [_View("shifted", _crop(shape, y, x), _crop(shape, -y, -x)) for y, x in moves]
    return views


def _same(rows: Array) -> Array:
    return rows


def _crop(shape: Sequence[int], down: int = 0, right: int = 0, step: int = 1) -> Any:
    """What stays in view of images that are moved, or mirrored, by so many pixels."""

    def cropped(rows: Array) -> Array:
        images = pictures(rows, shape)
        height, width = images.shape[1:3]
        y = slice(max(0, down), height + min(0, down))
        x = slice(max(0, right), width + min(0, right))
        return np.ascontiguousarray(images[:, y, x][:, :, ::step]).reshape(len(rows), -1)

    return cropped


def picture_shape(shape: Sequence[int], size: int) -> tuple[int, int, int]:
    """Height, width and colours of images (height, width), with colours last or first.

    Raises
    ------
    ValueError : a shape that is not one of an image of `size` entries.

    Examples
    --------
    >>> picture_shape((3, 8, 8), 192), picture_shape((8, 8), 64)
    ((8, 8, 3), (8, 8, 1))
    """
    if not is_picture(shape, size):
        raise ValueError(
            f"shape must be that of an image of {size} entries, (height, width), "
            f"(height, width, 3) or (3, height, width), got {tuple(shape)}"
        )
    if len(shape) == 2:
        return shape[0], shape[1], 1
    if shape[2] in _COLOURS:
        return shape[0], shape[1], shape[2]
    return shape[1], shape[2], shape[0]


def is_picture(shape: Sequence[int], size: int) -> bool:
    """Whether rows of a shape are images of `size` entries, with colours last, first or none.

    Examples
    --------
    >>> is_picture((8, 8), 64), is_picture((8, 4, 2), 64)
    (True, False)
    """
    colours = len(shape) == 3 and (shape[2] in _COLOURS or shape[0] in _COLOURS)
    return math.prod(shape) == size and (len(shape) == 2 or colours)


def pictures(rows: Array, shape: Sequence[int]) -> Array:
    """Rows (B, N) as images (B, height, width, colours)."""
    wanted = picture_shape(shape, rows.shape[1])
    images = rows.reshape(len(rows), *shape)
    if len(shape) == 3 and tuple(shape) != wanted:
        images = np.moveaxis(images, 1, -1)
    return images.reshape(len(rows), *wanted)
