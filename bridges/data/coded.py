r"""Patterns in a code of their own: 0/1 of exact activity, and sites of a few colours.

`sparse` patterns have K = round(aN) ones each, at independent sites; of a data set the ones are the
K sites at which a vector is farthest above the mean of the site. `colours` are rows of N·q entries,
a 1 at the colour of each site; of a data set the colours are q levels of equal width, from its
least value to its largest. Clustered patterns have the mean overlap m with a centre of their kind:

    sparse     K(1 − m) ones of the centre are moved: the cosine is m
    colours    a site keeps the colour of the centre with probability m, and else has any:
               (q·agree − 1)/(q − 1) is m in the mean
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges.data.data_set import load_data
from bridges.data.drawn import clusters_of
from bridges.data.sets import blocks_of, mean_of, seen, varying_of
from hopfield import displace_ones, sparse_patterns

CODED = ("sparse", "colours")


@dataclass(frozen=True)
class Coding:
    """What patterns in a code depend on.

    Attributes
    ----------
    activity : share a of ones of sparse patterns, in (0, 1).
    colours : q ≥ 2 of a site.
    """

    activity: float = 0.1
    colours: int = 3

    def __post_init__(self) -> None:
        activity = _checks.number("activity", self.activity, low=0, high=1)
        colours = _checks.whole("colours", self.colours, low=2, high=2**15)
        object.__setattr__(self, "activity", activity)  # plain numbers, whatever they came as
        object.__setattr__(self, "colours", colours)

    def ones(self, size: int) -> int:
        """Ones K of a sparse pattern of N sites. Raises ValueError where they are none or all."""
        a, ones = self.activity, round(self.activity * size)
        if not 0 < ones < size:
            raise ValueError(
                f"activity must leave 1 to {size - 1} ones of {size} sites, got {a:g}, {ones} ones"
            )
        return ones


CODING = Coding()


def drawn_in_code(
    data: str, kind: str, patterns: int, size: int, seed: int, coding: Coding
) -> Tensor:
    """P random or clustered patterns, (P, N) or (P, N·q); the first of more of the same seed."""
    draw = _sparse if kind == "sparse" else _colours
    patterns, found = _checks.whole("patterns", patterns, low=0), clusters_of(data)
    if found is None:
        made = draw(None, 0.0, patterns, size, seed, coding)
    else:
        made = torch.empty(patterns, size, dtype=torch.float64)
        for cluster in range(min(found.clusters, patterns)):
            own = made[cluster :: found.clusters]
            child = int(
                np.random.SeedSequence([seed, cluster]).generate_state(1, np.uint64)[0] >> 1
            )
            centre = draw(None, 0.0, 1, size, child, coding)
            own[:] = draw(centre, found.overlap, len(own), size, child ^ 1, coding)
    return made if kind == "sparse" else one_hot(made, coding.colours)


def _sparse(
    centre: Tensor | None, overlap: float, count: int, size: int, seed: int, coding: Coding
) -> Tensor:
    ones = coding.ones(size)
    if centre is None:
        none = torch.zeros(0, size, dtype=torch.float64)
        return sparse_patterns(count, size, ones, seed=seed) if count else none
    generator = torch.Generator().manual_seed(seed)
    rows = [displace_ones(centre, overlap, generator) for _ in range(count)]
    return torch.cat(rows) if rows else centre[:0]


def _colours(
    centre: Tensor | None, overlap: float, count: int, size: int, seed: int, coding: Coding
) -> Tensor:
    """Colours (count, N), row by row: fewer rows are the first of more."""
    rng = np.random.default_rng(seed)
    kept, drawn = np.moveaxis(rng.random((count, size, 2)), 2, 0)
    found = torch.from_numpy(np.floor(drawn * coding.colours))
    return found if centre is None else torch.where(torch.from_numpy(kept) < overlap, centre, found)


def rows_in_code(data: str, content: str, kind: str, rows: Tensor, coding: Coding) -> Tensor:
    """Rows (B, N) of a data set in a code, on the sites that vary. Raises ValueError."""
    make: Callable[[str, str, Tensor, Coding], Tensor]
    make = _ones_of_rows if kind == "sparse" else _colours_of_rows
    return make(data, content, rows, coding)


def _ones_of_rows(data: str, content: str, rows: Tensor, coding: Coding) -> Tensor:
    varying = varying_of(data, content)
    mean = seen(mean_of(data, content)[None], varying)
    above = seen(rows, varying).double() - mean
    ones = coding.ones(above.shape[1])
    if (fewest := min(int((above > 0).sum(1).min()), _fewest_above(data, content))) < ones:
        raise ValueError(
            f"activity {coding.activity:g} asks for {ones} ones, and a vector of {data} is above "
            f"the mean of the data at {fewest} sites only"
        )
    sites = above.topk(ones, dim=1).indices
    return torch.zeros_like(above).scatter_(1, sites, 1.0)


def _colours_of_rows(data: str, content: str, rows: Tensor, coding: Coding) -> Tensor:
    low, high = load_data(data).range
    if (known := _values(data, content, coding.colours)) < coding.colours:
        raise ValueError(
            f"colours must be at most the {known} different values of {data}, got {coding.colours}"
        )
    share = (seen(rows, varying_of(data, content)).double() - low) / (high - low)
    levels = (share * coding.colours).floor().clamp(0, coding.colours - 1)
    return one_hot(levels, coding.colours)


@lru_cache(maxsize=4)
def _fewest_above(data: str, content: str) -> int:
    """The least number of sites at which a vector of a data set is above the mean of the site."""
    varying, mean = varying_of(data, content), mean_of(data, content)
    above = (seen(block.double() - mean, varying) > 0 for block in blocks_of(data, content))
    return min(int(block.sum(1).min()) for block in above)


@lru_cache(maxsize=8)
def _values(data: str, content: str, most: int) -> int:
    """How many different values a data set has, of which no more than `most` are looked for."""
    known: set[float] = set()
    for block in blocks_of(data, content):
        known |= set(torch.unique(block)[: most + 1].tolist())
        if len(known) >= most:
            break
    return len(known)


def one_hot(colours: Tensor, count: int) -> Tensor:
    """Rows (B, N·q) of colours (B, N)."""
    hot = torch.zeros(*colours.shape, count, dtype=torch.float64)
    return hot.scatter_(2, colours.to(torch.int64)[:, :, None], 1.0).flatten(1)


def levels_of(states: Tensor, sites: int) -> Tensor:
    """Colours (B, N) of states (B, N·q), as shares 0 … 1 of the largest; of 0/1 states themselves.

    Examples
    --------
    >>> levels_of(torch.tensor([[0.0, 1, 0, 0, 0, 1]]), 2)
    tensor([[0.5000, 1.0000]])
    """
    if states.shape[1] == sites:
        return states
    hot = states.reshape(len(states), sites, -1)
    return hot.argmax(2).to(states) / (hot.shape[2] - 1)
