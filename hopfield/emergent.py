r"""The minima of a log-sum-ReLU memory: patterns that are kept, and memories that emerge.

With kernels of radius ρ the energy (head of `hopfield.interactions.log_sum_relu`; Hoover et al.,
arXiv 2506.10801) has a minimum at each mean c_S of a set S of patterns such that S is the set
{μ : |c_S − ξ^μ| < ρ}. One pattern alone is a kept memory. Several are an *emergent* one, which
nobody stored: two patterns at a distance r have it in their middle for r < 2ρ, and keep
themselves as well for ρ ≤ r.

In one dimension S is a run of neighbours, and all runs are tried: the list is complete. In more
dimensions starts are followed to their minima, and those of narrow basins may be missed: the
number found is a lower bound. Random starts alone miss most of them beyond a few dimensions, as
the part that two balls share is small, so that middles of close pairs are starts too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield._limits import within_memory
from hopfield._plots import POINTS, Line, Plotted
from hopfield.interactions.interaction import batches
from hopfield.interactions.log_sum_relu import LogSumReLU
from hopfield.patterns import offset
from hopfield.relaxation import fixed_point

KINDS = ("memory", "emergent")
_STEPS = 10_000  # of one start; the active set changes finitely often


@dataclass(frozen=True, repr=False)
class EmergentMinima(Plotted):
    """Minima of a log-sum-ReLU memory.

    Parameters
    ----------
    states : (M, N), the minima, smaller sets first.
    sizes : (M,) int, the number |S| of patterns whose mean a minimum is.
    starts : (M,) int, how many starts ended there; 0 each where none were followed.
    nothing : starts where no pattern was active, which stayed.
    radius : ρ.
    patterns : P.
    complete : whether these are all minima, as in one dimension; else those that were found.
    """

    states: Tensor
    sizes: Tensor
    starts: Tensor
    nothing: int
    radius: float
    patterns: int
    complete: bool

    _titles: ClassVar[tuple[str, str]] = ("patterns $|S|$ of a minimum", "minima")

    @property
    def kinds(self) -> tuple[str, ...]:
        """What each minimum is, "memory" or "emergent"."""
        return tuple(KINDS[size > 1] for size in self.sizes.tolist())

    @property
    def kept(self) -> int:
        """Number of patterns that are minima."""
        return int((self.sizes == 1).sum())

    @property
    def emergent(self) -> int:
        """Number of minima that are means of several patterns."""
        return int((self.sizes > 1).sum())

    def _lines(self) -> list[Line]:
        sizes, count = self.sizes.unique(return_counts=True)
        return [Line(sizes, count, look=POINTS)]

    def __repr__(self) -> str:
        found = "" if self.complete else " found"
        largest = f", |S| up to {int(self.sizes.max())}" if len(self.sizes) else ""
        return (
            f"EmergentMinima(radius {self.radius:.4g}: {self.kept} of {self.patterns} patterns "
            f"kept, {self.emergent} emergent{found}{largest})"
        )


def emergent_minima(
    patterns: Tensor, radius: float, starts: int | Tensor = 2000, seed: Seed = None
) -> EmergentMinima:
    """Minima of the log-sum-ReLU memory with kernels of radius ρ.

    Parameters
    ----------
    patterns : (P, N), real, different ones.
    radius : ρ > 0, in the units of the patterns; β = 2/ρ².
    starts : how many random starts, at least 0, or (B, N), the starts themselves
        Random ones are uniform in the balls of radius ρ about patterns, which cover all that is
        not flat. To them come the patterns and the middles of the closest pairs, as many again.
        In one dimension only starts that are given are followed.
    seed : int, torch.Generator or None.

    Returns
    -------
    EmergentMinima

    Raises
    ------
    ValueError : patterns or starts of a wrong shape, a pattern given twice, a radius that is not
        positive.

    Examples
    --------
    >>> grid = torch.arange(8.0)[:, None]
    >>> emergent_minima(grid, 0.6)
    EmergentMinima(radius 0.6: 8 of 8 patterns kept, 7 emergent, |S| up to 2)
    >>> emergent_minima(grid, 1.2).sizes.unique()
    tensor([2, 3])
    """
    given = _checks.stored("patterns", patterns, binary=False).detach()
    radius = _checks.positive("radius", radius)
    rows, square = given.double(), radius * radius
    different = len(rows.unique(dim=0))
    if different < len(rows):
        raise ValueError(
            f"patterns must be different ones, got {different} different of {len(rows)}; "
            "take patterns.unique(dim=0)"
        )
    if not 1e-300 < square < math.inf:
        raise ValueError(f"radius must have a square that is finite and above 0, got {radius:g}")
    beta = 2 / square
    law = LogSumReLU(rows, beta, offset(rows, beta))
    line = rows.shape[1] == 1
    if getattr(starts, "ndim", 0) == 0 and not isinstance(starts, list | tuple):
        count = _checks.whole("starts", starts, low=0)
        generator = _checks.generator_from(seed, "emergent_minima", rows.device)
        begun = rows[:0] if line else _starts(rows, radius, count, generator)
    else:
        begun = _checks.matrix("starts", starts, columns=rows.shape[1]).detach().to(rows)
    sets, states, ended, nothing = _followed(law, begun)
    if line:
        whole, means = _runs(rows[:, 0], radius)
        known = {bytes(one): n for one, n in zip(sets, ended.tolist(), strict=True)}
        ended = torch.tensor([known.get(bytes(one), 0) for one in whole], dtype=torch.int64)
        sets, states = whole, means[:, None]
    sizes = torch.from_numpy(np.unpackbits(sets, axis=1).sum(1, dtype=np.int64))
    order = sizes.sort(stable=True).indices
    return EmergentMinima(
        states=states[order.to(states.device)].to(given),
        sizes=sizes[order].to(given.device),
        starts=ended[order].to(given.device),
        nothing=nothing,
        radius=radius,
        patterns=len(rows),
        complete=line,
    )


def _starts(rows: Tensor, radius: float, count: int, generator: torch.Generator) -> Tensor:
    """Patterns, middles of the closest pairs, and points uniform in balls about patterns."""
    P, N = rows.shape
    within_memory(8.0 * P * (P + N), f"patterns: distances of {P} of them")
    within_memory(8.0 * 3 * (2 * count + P) * N, f"starts: {count} of {N} coordinates")
    at = generator.device
    pairs = torch.triu_indices(P, P, 1, device=rows.device)
    apart = torch.pdist(rows)
    near = apart.topk(min(count, len(apart)), largest=False)
    first, second = pairs[:, near.indices[near.values < 2 * radius]]
    which = torch.randint(P, (count,), generator=generator, device=at).to(rows.device)
    away = torch.randn(count, N, generator=generator, device=at, dtype=rows.dtype)
    share = torch.rand(count, 1, generator=generator, device=at, dtype=rows.dtype)
    away *= share ** (1 / N) / away.norm(dim=1, keepdim=True)
    middles = (rows[first] + rows[second]) / 2
    return torch.cat([rows, middles, rows[which] + radius * away.to(rows)])


def _followed(law: LogSumReLU, starts: Tensor) -> tuple[np.ndarray, Tensor, Tensor, int]:
    """Ends of starts: their sets, packed (M, ⌈P/8⌉), states (M, N), starts (M,); those of none."""
    ended = fixed_point(law.step, starts, _STEPS, 0.0, law.centre)
    ends = ended.states[ended.converged]
    sets = [law.weights(ends[rows]) > 0 for rows in batches(len(ends), len(law.rows))]
    packed = [np.packbits(one.numpy(force=True), axis=1) for one in sets]
    width = -(-len(law.rows) // 8)
    listed = np.concatenate(packed) if packed else np.zeros((0, width), np.uint8)
    unique, first, count = np.unique(listed, axis=0, return_index=True, return_counts=True)
    felt = unique.any(1)
    states = ends[torch.from_numpy(first[felt]).to(ends.device)]
    return unique[felt], states, torch.from_numpy(count[felt]), int(count[~felt].sum())


def _runs(points: Tensor, radius: float) -> tuple[np.ndarray, Tensor]:
    """All minima of points on a line: packed sets and their means.

    The mean of the sorted points i … j is a minimum if both ends are nearer than ρ and the next
    ones on either side are not.
    """
    x, order = points.sort()
    centre = x.mean()
    sums = torch.cat([x.new_zeros(1), (x - centre).cumsum(0)])
    outside = torch.cat([x.new_full((1,), -math.inf), x, x.new_full((1,), math.inf)])
    sets, means = [], []
    for size in range(1, len(x) + 1):
        mean = centre + (sums[size:] - sums[:-size]) / size
        mean = x if size == 1 else mean
        low, high = x[: len(x) - size + 1], x[size - 1 :]
        if not (high - low < 2 * radius).any():
            break
        inside = (mean - low < radius) & (high - mean < radius)
        alone = (mean - outside[: len(mean)] >= radius) & (outside[size + 1 :] - mean >= radius)
        for i in (inside & alone).nonzero()[:, 0].tolist():
            member = torch.zeros(len(x), dtype=torch.bool)
            member[order[i : i + size].cpu()] = True
            sets.append(np.packbits(member.numpy()))
            means.append(mean[i])
    return np.stack(sets), torch.stack(means)
