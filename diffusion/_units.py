"""Whether two sets of rows are in the same units, range and order of axes, as far as they show it.

A model may draw samples that are blurred, narrow or far from its data. Refused is what looks
like a change of units alone: all entries scaled by one large factor, or moved by one number, or
rows whose means fit those of the other set once their axes are in another order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import permutations

import torch
from torch import Tensor

_ROWS, _ENTRIES = 4, 100  # of a set, from which it shows its units
_MOST, _NUMBERS = 4000, 2_000_000  # rows, and their entries, of a set that are looked at
_FACTOR = 4.0  # between mean deviations of all entries, from which units differ
_NARROW = 1.5  # the same where the means lie apart too, as of [0, 1] and [−1, 1]
_APART = (0.5, 1.5)  # of means, in deviations: beside such a factor, and alone
_USUAL = (2.0, 8.0, 10.0, 255 / 16, 16.0, 100.0, 127.5, 255.0, 1000.0, 65535.0)  # named whole
_CLOSE = 0.05  # to such a factor
_PROFILE = 30  # rows of a set, from which its means are known entry by entry
_IMAGE = 36  # entries of a row, of which so many means do not agree by chance
_FITS, _BETTER = 0.9, 0.25  # correlation of means in the right order, and how far below others lie
_CHANNELS = (1, 3, 4)


def check_units(
    name: str,
    rows: Tensor,
    data: Tensor,
    of: str = "data",
    mend: Callable[[float, float], str] | None = None,
) -> None:
    """Refuse rows (n, N) that are `data` (m, N) in other units or order, with a ValueError.

    mend : says how rows are multiplied by the first number, then the second added, for the error.
    """
    if min(len(rows), len(data)) < _ROWS or min(rows.numel(), data.numel()) < _ENTRIES:
        return
    rows, data = _some(rows), _some(data)
    width, wanted = (float((one - one.mean()).abs_().mean()) for one in (rows, data))
    if not (0 < width < math.inf and 0 < wanted < math.inf):
        return
    apart = abs(float(rows.mean()) - float(data.mean())) / max(width, wanted)
    ratio = wanted / width
    scaled = max(ratio, 1 / ratio)
    got = f"{_range(rows)} against {_range(data)} of {of}"
    if scaled > _FACTOR or (scaled > _NARROW and apart > _APART[0]):
        factor = _named(float(data.max() - data.min()) / float(rows.max() - rows.min()), ratio)
        more = f"multiply by {factor:.4g}" if factor >= 1 else f"divide by {1 / factor:.4g}"
        shift = float(data.min()) - factor * float(rows.min())
        if abs(shift) <= 0.1 * wanted:
            shift = 0.0
        elif abs(shift / factor - 1) < _CLOSE:  # from a range about 0 to one that begins there
            shift = factor
        if shift:
            more += f" and {'add' if shift > 0 else 'subtract'} {abs(shift):.4g}"
        words = f"a factor of {max(factor, 1 / factor):.4g}; {more}"
    elif apart > _APART[1]:
        factor, shift = 1.0, float(data.mean() - rows.mean())
        words = f"a shift of {shift:.4g}; add it, or invert the values"
    else:
        _check_order(name, rows, data, of)
        return
    said = "" if mend is None else f" ({mend(factor, shift)})"
    raise ValueError(f"{name} must be in the units of {of}, got values in {got}: {words}{said}")


def _some(rows: Tensor) -> Tensor:
    """Rows enough to know their units, spread evenly."""
    most = max(_PROFILE, min(_MOST, _NUMBERS // rows.shape[1]))
    return rows.detach()[:: -(-len(rows) // most)].double().cpu()


def _check_order(name: str, rows: Tensor, data: Tensor, of: str) -> None:
    """Refuse rows of images whose axes come in another order than those of the data."""
    if min(len(rows), len(data)) < _PROFILE or data.shape[1] < _IMAGE:
        return
    mean, own = data.mean(0), rows.mean(0)
    found = _correlation(own, mean)
    for words, order in _orders(data.shape[1]):
        fit = _correlation(own[order], mean)
        if fit > _FITS and (1 - found) > _BETTER * (1 - _FITS) + 4 * (1 - fit):
            raise ValueError(
                f"{name} must have the order of axes of {of}, got {words}: the means of their "
                f"entries agree so (correlation {fit:.2f}) and not as they are ({found:.2f})"
            )


def _orders(size: int) -> Iterator[tuple[str, Tensor]]:
    """Other orders of the entries of a square image, by what they do to it."""
    for channels in _CHANNELS:
        side = math.isqrt(size // channels)
        if side < 2 or channels * side**2 != size:
            continue
        shapes = {"H": side, "W": side, "C": channels}
        for first, second in permutations(("HWC", "CHW", "WHC", "CWH"), 2):
            if channels == 1 and {first, second} != {"HWC", "WHC"}:
                continue
            index = torch.arange(size).view([shapes[axis] for axis in first])
            order = index.permute([first.index(axis) for axis in second]).reshape(-1)
            words = f"the order {first} against {second}"
            yield ("height and width exchanged" if channels == 1 else words), order


def _correlation(one: Tensor, other: Tensor) -> float:
    """Of two vectors, 0 where one is constant."""
    return float(torch.cosine_similarity(one - one.mean(), other - other.mean(), dim=0))


def _range(rows: Tensor) -> str:
    return f"[{float(rows.min()):.4g}, {float(rows.max()):.4g}]"


def _named(by_range: float, by_width: float) -> float:
    """The factor by which units differ: a usual one where the ranges are about that far apart."""
    both = [factor for usual in _USUAL for factor in (usual, 1 / usual)]
    nearest = min(both, key=lambda factor: abs(math.log(by_range / factor)))
    return nearest if abs(by_range / nearest - 1) < _CLOSE else by_width
