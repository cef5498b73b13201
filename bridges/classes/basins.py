r"""Basins by class: which class of the data holds its points, and from what noise on.

The exact denoiser of P points in C classes, a point ξ^μ of class c noised to σ and run back by
the exact reverse process, which ends in its posterior weights w (no dynamics is run):

    R_c = E_{μ∈c} w_μ               return to the datum itself: class c is memorized from ½ on
    N_c = n_c R_c                   how many of its n_c data can be told apart
    T_cc' = E_{μ∈c} Σ_{ν∈c'} w_ν    into which class it falls; φ_c = T_cc

The weights are a symmetric kernel, so that n_c T_cc' = n_c' T_c'c whatever the data are. The
capacity of a class at σ is the n_c at which R_c falls to ½: in d dimensions of variance s² about
(1 + s²/σ²)^{d/2}, were the class alone. Few points are a small load: a minority appears late on
the way back, and is memorized early. (Biroli et al., arXiv 2402.18491, for classes that are
equal.) Cues by overlap are a Memory's: `as_memory(denoiser, patterns=data[labels == c])` gives
all shared measurements of one class among the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import (
    POINTS,
    Line,
    Plotted,
    Seed,
    generator_from,
    noise_level,
    normal_like,
    rows_of_classes,
    whole,
    whole_seed,
)
from bridges.crossing import crossing
from bridges.estimates import mean_and_sem, short_table
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser

_NUMBERS = 2**22  # weights of a block held at once
Array = np.ndarray


@dataclass(frozen=True, repr=False)
class ClassBasins(Plotted):
    """What the posterior weights say of each class; errors are between planted points.

    Attributes
    ----------
    counts : (C,) n_c.
    datum : (C,) R_c.
    datum_sem : (C,) its standard error.
    effective_number : (C,) N_c = n_c R_c.
    classes : (C, C), T_cc', rows of sum 1.
    classes_sem : (C, C), their standard errors.
    """

    counts: Array
    datum: Array
    datum_sem: Array
    effective_number: Array
    classes: Array
    classes_sem: Array
    _titles = ("points of the class $n_c$", "return probability")

    @property
    def own_class(self) -> Array:
        """φ_c = T_cc, (C,): a U-turn lands in the class it came from."""
        return self.classes.diagonal()

    def __repr__(self) -> str:
        own = self.own_class, self.classes_sem.diagonal()
        rows = {"n_c": (self.counts, None), "R_c": (self.datum, self.datum_sem), "φ_c": own}
        return short_table(f"ClassBasins({len(self.counts)} classes)", rows)

    def _lines(self) -> list[Line]:
        """Both returns of each class against its number of points."""
        dots, own = POINTS | {"ls": ""}, self.classes_sem.diagonal()
        return [
            Line(self.counts, self.datum, self.datum_sem, "to the datum", dots),
            Line(self.counts, self.own_class, own, "to the class", dots),
        ]


@dataclass(frozen=True, repr=False)
class ClassCapacity(Plotted):
    """The number of points up to which each class is memorized.

    Attributes
    ----------
    load : (C,) the n_c at which R_c falls to ½; 0 if the least load misses it, inf if the
        largest still reaches it.
    intervals : (C, 2), 95 %.
    counts : (K, C), n_c of the loads.
    by_sample : (S, K, C), R_c that the load was read from.
    """

    load: Array
    intervals: Array
    counts: Array
    by_sample: Array
    _titles = ("points of the class $n_c$", "return to the datum $R_c$")
    _log = "x"

    def __repr__(self) -> str:
        rows = {"load": self.load, "from": self.intervals[:, 0], "to": self.intervals[:, 1]}
        table = {name: (values, None) for name, values in rows.items()}
        return short_table(f"ClassCapacity({len(self.load)} classes, 95 %)", table)

    def _lines(self) -> list[Line]:
        """One curve per class."""
        mean, sem = mean_and_sem(self.by_sample)
        return [
            Line(self.counts[:, c], mean[:, c], sem[:, c], f"class {c}", POINTS)
            for c in range(mean.shape[1])
        ]


@torch.no_grad()
def class_basins(
    denoiser: EmpiricalDenoiser,
    labels: Tensor,
    sigma: float,
    draws: int = 400,
    seed: Seed = None,
) -> ClassBasins:
    """Return to the datum and to the class, by class.

    Parameters
    ----------
    denoiser : the exact denoiser of P points.
    labels : (P,), whole numbers from 0, none of them without points.
    sigma : noise level, positive, in signal units.
    draws : noised points per class, at least 2, spread evenly over its data.
    seed : int, torch.Generator or None.

    Returns
    -------
    ClassBasins.

    Raises
    ------
    ValueError : labels of another length or kind, a class without points, or sigma or draws
        out of range.

    Examples
    --------
    >>> data = torch.tensor([[-2.0], [-1.9], [2.0]])
    >>> found = class_basins(EmpiricalDenoiser(data), torch.tensor([0, 0, 1]), 0.5, seed=0)
    >>> bool((found.own_class > 0.99).all()), found.datum.round(1)  # two that are one memory
    (True, array([0.5, 1. ]))
    """
    _checks.empirical(denoiser)
    data, draws = denoiser.data, whole("draws", draws, low=2)
    sigma = _checks.real("sigma", sigma)
    noise_level(sigma, denoiser.points(slice(1)))
    rows = rows_of_classes(labels, len(data))
    member = torch.zeros(len(data), len(rows), dtype=torch.float64)
    for c, own in enumerate(rows):
        member[own, c] = 1
    member = member.to(data.device, denoiser.dtype)
    generator = generator_from(seed, "class_basins", data.device)
    tables = []
    for own in rows:
        order = own[_checks.shuffled(len(own), generator)]
        planted = order.repeat(-(-draws // len(order)))[:draws].to(data.device)
        parts = []
        for block in planted.split(max(1, _NUMBERS // len(data))):
            clean = denoiser.points(block)
            x = clean + sigma * normal_like(clean, generator)
            weights = denoiser.weights(x, sigma)
            parts.append(torch.cat([weights.gather(1, block[:, None]), weights @ member], 1))
        tables.append(torch.cat(parts).double().cpu().numpy())
    mean, sem = (np.stack(one) for one in zip(*map(mean_and_sem, tables), strict=True))
    counts = np.array([len(own) for own in rows])
    return ClassBasins(
        counts=counts,
        datum=mean[:, 0],
        datum_sem=sem[:, 0],
        effective_number=counts * mean[:, 0],
        classes=mean[:, 1:],
        classes_sem=sem[:, 1:],
    )


def class_capacity(
    mixture: GaussianMixtureDenoiser,
    sigma: float,
    loads: Sequence[int],
    samples: int = 8,
    draws: int = 200,
    seed: Seed = 0,
) -> ClassCapacity:
    """The number of points up to which each class of a mixture is memorized at σ.

    Parameters
    ----------
    mixture : where data come from; class c has its share of P points, at least 2.
    sigma : noise level, positive, in signal units.
    loads : numbers P of points of all classes together, increasing.
    samples : independent data sets per load.
    draws : noised points per class and data set.
    seed : int, torch.Generator or None; sample k has the same seed at every load.

    Returns
    -------
    ClassCapacity, interpolated in the logarithm of n_c.

    Raises
    ------
    ValueError : an argument outside its range, or too few points for the least class.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser([[-3.0] * 8, [3.0] * 8], torch.tensor([1.0, 0.3]))
    >>> found = class_capacity(mixture, 0.6, [16, 64, 256, 1024], samples=2, draws=50)
    >>> bool(found.load[0] > 3 * found.load[1])  # the wider class holds more
    True
    """
    _checks.mixture(mixture)
    grid = [whole("loads", load, low=2) for load in _checks.several("loads", loads)]
    if sorted(set(grid)) != grid or not grid:
        raise ValueError(f"loads must increase, got {grid}")
    counts = np.array([[round(float(w) * P) for w in mixture.weights] for P in grid])
    if counts.min() < 2:
        raise ValueError(
            f"loads must give each class at least 2 points, got {counts.min()} of {grid[0]}"
        )
    seeds = np.random.SeedSequence(whole_seed(seed)).generate_state(whole("samples", samples))
    table = np.empty((len(seeds), *counts.shape))
    for s, one in enumerate(seeds.tolist()):
        for k, row in enumerate(counts.tolist()):
            data, labels = draw_classes(mixture, row, one)
            table[s, k] = class_basins(EmpiricalDenoiser(data), labels, sigma, draws, one).datum
    found = [crossing(np.log(n), table[:, :, c], 0.5, rising=False) for c, n in enumerate(counts.T)]
    return ClassCapacity(
        load=np.exp([value for value, _ in found]),
        intervals=np.exp([interval for _, interval in found]),
        counts=counts,
        by_sample=table,
    )


def draw_classes(
    mixture: GaussianMixtureDenoiser, counts: Sequence[int], seed: Seed
) -> tuple[Tensor, Tensor]:
    """Points of given numbers per class, (n, d), class after class, and their labels (n,)."""
    generator = generator_from(seed, "draw_classes", mixture.means.device)
    points = [mixture.condition(c).draw(n, generator)[0] for c, n in enumerate(counts)]
    return torch.cat(points), torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
