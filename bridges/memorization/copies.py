r"""Are samples copies? Criteria of a copy, and whether more are flagged than by chance.

A sample near a datum proves nothing by itself: in D dimensions a share 3^{−D} of
fresh points has its nearest datum at a third of the distance to the next. Each criterion is
a measure that is small for copies, and a threshold below which a point is flagged,

    ratio        d₁/d₂ < 1/3                                   (Yoon et al. 2023)
    local        d₁/(½ mean of the 50 nearest distances) < 1   (Carlini et al. 2023)
    calibrated   the same below the quantile at which 1 % of held-out points are flagged
    match        d₁/d₂ so small that chance allows it once in 10⁸ points

and what counts is how much oftener samples are flagged than held-out points: by Fisher's exact
test, in which the false alarms have their own error. Without held-out data each datum is left
out in turn and compared to the others; neighbours are flagged together then, so that half as
many count. The calibrated threshold is set on one half of the held-out points, and its false
alarms are counted on the other.

A match is beyond chance by itself, be it the only one. The law d₁/d₂ < c of points of dimension
D falls as c^D below the smallest ratio of all real points; to be sure ¾ D is taken. Values on a
grid, as those of pixels, coincide by chance: as often as c^D has it within half a step, or as
independent entries do if that is more. Where that is too often, or real points repeat one
another, nothing is a match.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bridges._checks import Result, shuffled
from bridges.statistics import binomial_sem, order_threshold
from diffusion import CopyFraction, chance_ratio, neighbour_distances

_NUMBERS = 2**18  # of the data looked at together
_CLOSE = 0.2  # largest δ_m, in rms deviations of the data
_ROUNDING = 1e-9
CRITERIA = ("ratio", "local", "calibrated", "match")
VERDICTS = ("no more copies than among held-out points", "not decided", "copies beyond chance")
_RATIO, _LOCAL = 1 / 3, 1.0  # the thresholds of the literature
_DECIDE = ("calibrated", "ratio", "match")  # "local" has more false alarms than copies
_CLEAR = (0.02275, 3.17e-5)  # p-values of a hint and of a clear excess, of 2 and 4 errors
_MATCH = 1e-8  # chance of a match of a point that is no copy
_COARSE = 1e-5  # the same of values on a grid, above which a match proves nothing
_STEEP = 0.75  # of the dimension, by which ratios below all seen become rarer at least


@dataclass(frozen=True, repr=False)
class Criterion(Result):
    """A threshold, and how often it flags points that cannot be copies."""

    threshold: float
    false_alarms: float  # their rate among held-out points
    tested: int  # held-out points that the rate was counted on
    chance: float  # the rate that theory expects; NaN where it has none

    together: int = 1  # points flagged together: 2 where data are left out in turn

    def judge(self, values: Tensor) -> CopyFraction:
        """How often samples of these values (B,) are flagged, beyond false alarms."""
        flagged, held_out = int((values < self.threshold).sum()), self.tested // self.together
        false_alarms = math.ceil(round(self.false_alarms * self.tested) / self.together)
        found = CopyFraction.counted(flagged, len(values), min(false_alarms, held_out), held_out)
        excess = found.fraction - self.false_alarms
        return replace(found, baseline=self.false_alarms, excess=excess)


@dataclass(frozen=True, repr=False)
class Match(Criterion):
    """A threshold so low that few samples below it are beyond chance, most often a single one."""

    def judge(self, values: Tensor) -> CopyFraction:
        """How often samples of these values (B,) are flagged, against chance."""
        from scipy.stats import binom  # slow to import

        count, flagged = len(values), int((values < self.threshold).sum())
        rate, chance = flagged / count, float(binom.sf(flagged - 1, count, self.chance))
        return CopyFraction(rate, 0.0, rate, binomial_sem(rate, count), chance)


def copy_criteria(
    ratio: Tensor,
    local: Tensor,
    dimension: float,
    level: float,
    *,
    match: tuple[float, float],
    together: int,
) -> dict[str, Criterion]:
    """The criteria by name, CRITERIA.

    Parameters
    ----------
    ratio : (H,) d₁/d₂ of held-out points.
    local : (H,) the local distances of the same, in random order.
    dimension : D of the data.
    level : of the calibrated threshold, which half of `local` sets.
    match : threshold and chance of a match, see `matching`.
    together : held-out points that are flagged together.
    """
    setting, testing = local.tensor_split(2)
    threshold, had = order_threshold(setting, level)
    return {
        "ratio": _criterion(ratio, _RATIO, chance_ratio(dimension, _RATIO), together),
        "local": _criterion(local, _LOCAL, math.nan, together),
        "calibrated": _criterion(testing, threshold, had, together),
        "match": Match(match[0], 0.0, len(ratio), match[1]),
    }


def clearest(p_values: Mapping[str, float]) -> tuple[str, str]:
    """One of VERDICTS, and the name of the criterion that it comes from.

    Parameters
    ----------
    p_values : by criterion, the probability of as many flagged by chance.
    """
    name = min(_DECIDE, key=lambda name: p_values[name])
    return VERDICTS[sum(p_values[name] < most for most in _CLEAR)], name


def _criterion(held_out: Tensor, threshold: float, chance: float, together: int) -> Criterion:
    rate = float((held_out < threshold).double().mean())
    return Criterion(threshold, rate, len(held_out), chance, together)


def matching(data: Tensor, near: Tensor | None, dimension: float) -> tuple[float, float]:
    """d₁/d₂ below which a point matches its datum, and the chance of a point that is no copy.

    The ratio is 0 where none is. `near` (K, 2) holds both distances of all real points, data (n, d)
    left out and held out; None where real points repeat one another.
    """
    if near is None:
        return 0.0, _MATCH
    ratios, farthest = near[:, 0] / near[:, 1], float(near[:, 1].max())
    least, count = float(ratios.min()), len(ratios) + 1
    if least == 0:
        return 0.0, _MATCH
    step, equal = _grid(data)
    # values on a grid coincide where no entry differs by half a step: of a distance like this
    N = data.shape[1]
    spread = math.sqrt(N / max(1.0, 2 * math.log(N)))
    by_law = (step / 2 * spread / (near[:, 1] * least)).clamp(max=1) ** dimension
    chance = max(float(by_law.mean()) / count, equal)
    if chance <= _MATCH:
        return least * (_MATCH * count) ** (1 / (_STEEP * dimension)), _MATCH
    return (step / 2 / farthest if chance <= _COARSE else 0.0), chance


def _grid(data: Tensor) -> tuple[float, float]:
    """Smallest step between values of an entry, and the chance that a point equals some datum.

    The latter as if entries were independent.
    """
    least, log = math.inf, 0.0
    for entries in data.split(max(1, _NUMBERS // len(data)), dim=1):
        steps, counts = (_of_bytes if data.dtype == torch.uint8 else _of_numbers)(entries)
        log += float((counts.square().sum(1) / len(data) ** 2).log().sum())
        least = min([least, float(steps.min())] if len(steps) else [least])
    return least, min(1.0, len(data) * math.exp(log))


def _of_numbers(entries: Tensor) -> tuple[Tensor, Tensor]:
    """Steps between the values of each column (n, k), and how often each value is there, (k, …)."""
    ordered = entries.T.double().contiguous().sort(dim=1).values
    steps = ordered.diff(dim=1)
    value = torch.cat([torch.zeros_like(ordered[:, :1]), steps > 0], 1).cumsum(1).long()
    counts = torch.zeros_like(ordered).scatter_add_(1, value, torch.ones_like(ordered))
    return steps[steps > 0], counts


def _of_bytes(entries: Tensor) -> tuple[Tensor, Tensor]:
    """The same of bytes, which need not be sorted."""
    first = 256 * torch.arange(entries.shape[1], device=entries.device)
    places = (entries.long() + first).flatten()
    counts = torch.bincount(places, minlength=256 * entries.shape[1]).view(-1, 256)
    column, value = counts.nonzero(as_tuple=True)
    return value.diff()[column.diff() == 0].double(), counts.double()


def thresholds(
    held_out: Tensor, train: Tensor, size: int, level: float, generator: torch.Generator
) -> tuple[tuple[float, float], tuple[float, float]]:
    """δ_m and δ_s with the levels they have, the latter for sets of `size` samples."""
    near = rms(neighbour_distances(held_out, train, 1)[:, 0].cpu(), train)
    unit = (held_out - held_out.mean(0)).double().square().mean().sqrt()
    close = min(order_threshold(near, level)[0], _CLOSE * float(unit))
    below = float((near <= close).double().sum()) / (len(near) + 1)
    order = shuffled(len(held_out), generator)
    size = min(size, len(held_out))
    sets = order[: len(order) // size * size].view(-1, size).to(held_out.device)
    twins = torch.cat([twin_distances(held_out[one])[:, 0] for one in sets]).sort().values
    # close points come by two: the j-th pair of n points has 2j/n of as many fresh ones below
    pairs = max(1, math.floor(level * len(twins) / 2 + _ROUNDING))
    return (close, below), (float(twins[2 * pairs - 1]), 2 * pairs / len(twins))


def rms(distances: Tensor, like: Tensor) -> Tensor:
    """Distances as rms per entry."""
    return distances / math.sqrt(like.shape[1])


def twin_distances(rows: Tensor, count: int = 1) -> Tensor:
    """Rms distances of each row to the nearest others, at most (B, count)."""
    found = neighbour_distances(rows, rows, min(count + 1, len(rows)))
    return rms(found[:, 1:].cpu(), rows)
