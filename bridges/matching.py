r"""Which attractor became which: matching along a parameter.

Attractors found at one value of a parameter (noise level, load, training step) are matched to
those at the next so that as many as possible stay within a threshold of themselves, and these
at the least total distance (Kuhn's assignment; as Datseris & Wagemakers 2022 continue
attractors). The attractors of one value are also starts at the next one. Otherwise an attractor
could be lost only because its basin has become too small for the starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import POINTS, Line, Plotted, Result, Seed
from bridges.attractors import Attractors, find_attractors
from bridges.memory import Memory
from bridges.starts import Starts, as_starts

_NAMED = 10  # attractors in the legend of a figure


@dataclass(frozen=True, repr=False)
class Matching(Result):
    """Which states of two sets are the same.

    Attributes
    ----------
    pairs : (K, 2) rows of the one set and of the other that match.
    distance : (K,) rms per entry.
    lost : rows of the one without a match.
    new : rows of the other without a match.
    """

    pairs: np.ndarray
    distance: np.ndarray
    lost: np.ndarray
    new: np.ndarray

    def __repr__(self) -> str:
        return f"Matching({len(self.pairs)} pairs, {len(self.lost)} lost, {len(self.new)} new)"


@dataclass(frozen=True, repr=False)
class Continuation(Plotted):
    """Attractors along V values of a parameter; J different ones were seen.

    Attributes
    ----------
    values : (V,) as given.
    attractors : V times what was found, from the starts and from the attractors before, which
        its counts include.
    identity : V arrays, the number 0 to J − 1 of each attractor found, by which it is followed.
    fractions : (V, J) of the starts, 0 for one that is there but catches none, NaN for one that
        is not there.
    """

    values: np.ndarray
    attractors: tuple[Attractors, ...]
    identity: tuple[np.ndarray, ...]
    fractions: np.ndarray
    _titles = ("value of the parameter", "fraction of the starts")

    def _lines(self) -> list[Line]:
        """One curve per attractor, the largest ten of them named."""
        order = np.argsort(-np.nan_to_num(self.fractions).max(0, initial=0.0), kind="stable")
        named = {int(j) for j in order[:_NAMED]}
        return [
            Line(self.values, one, label=f"attractor {j}" if j in named else None, look=POINTS)
            for j, one in enumerate(self.fractions.T)
        ]

    def __repr__(self) -> str:
        found = [len(one) for one in self.attractors]
        return (
            f"Continuation({len(self.values)} values, {self.fractions.shape[1]} attractors, "
            f"{min(found)} to {max(found)} at a time)"
        )


def match(one: Attractors | Tensor, other: Attractors | Tensor, threshold: float) -> Matching:
    """The states of one set that are states of another.

    Parameters
    ----------
    one, other : Attractors, or their states (A, N) and (B, N). Attractors are compared on the
        sites that vary for both.
    threshold : largest rms distance per entry of a match, in the units of the states, not
        negative; spins of overlap m are sqrt(2 − 2m) apart.

    Returns
    -------
    Matching.

    Raises
    ------
    ValueError : states of different N, or a negative threshold.

    Examples
    --------
    >>> match(torch.tensor([[0.0], [5.0]]), torch.tensor([[5.5], [9.0], [0.25]]), 1.0).to_dict()
    {'pairs': [[0, 2], [1, 0]], 'distance': [0.25, 0.5], 'lost': [], 'new': [1]}
    """
    from scipy.optimize import linear_sum_assignment

    first, second = (
        _checks.matrix(name, value.states if isinstance(value, Attractors) else value).double()
        for name, value in (("one", one), ("other", other))
    )
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"other must have shape (B, {first.shape[1]}), got {tuple(second.shape)}")
    sites = torch.ones(first.shape[1], dtype=torch.bool)
    for found in (one, other):
        if isinstance(found, Attractors) and found.varying is not None:
            sites = sites & found.varying.cpu()
    if not sites.all():
        first, second = first[:, sites.to(first.device)], second[:, sites.to(second.device)]
    threshold = _checks.number("threshold", threshold, low=0)
    distance = torch.cdist(
        first, second.to(first.device), compute_mode="donot_use_mm_for_euclid_dist"
    ).numpy(force=True) / np.sqrt(first.shape[1])
    near = (distance <= threshold) & np.isfinite(distance)
    cost = np.where(near, distance, 0.0)
    scale = cost.max(initial=0.0)
    apart = 1.0 + min(distance.shape)  # costs more than all matches together
    cost = np.where(near, cost / scale if scale > 0 else cost, apart)
    rows, columns = linear_sum_assignment(cost)
    kept = near[rows, columns]
    pairs = np.stack([rows[kept], columns[kept]], 1)
    return Matching(
        pairs,
        distance[pairs[:, 0], pairs[:, 1]],
        np.setdiff1d(np.arange(len(first)), pairs[:, 0]),
        np.setdiff1d(np.arange(len(second)), pairs[:, 1]),
    )


def continuation(
    memory_at: Callable[[Any], Memory],
    values: Sequence[Any],
    starts: Tensor | Starts | Callable[[Any], Tensor | Starts],
    threshold: float,
    *,
    seed: Seed = None,
    **options: Any,
) -> Continuation:
    """Follow the attractors of a memory along a parameter.

    Parameters
    ----------
    memory_at : memory_at(value) → Memory, all of one dimension N: at a noise level, of the
        first patterns of a list, of a snapshot of training.
    values : of the parameter, at least one, numbers, in the order to follow.
    starts : (B, N) for all values, or starts(value), as for `find_attractors`.
    threshold : as for `match`, between neighbouring values.
    seed : int, torch.Generator or None.
    options : of `find_attractors`.

    Returns
    -------
    Continuation. An attractor that comes back after it was lost counts as a new one.

    Raises
    ------
    ValueError, TypeError : no value, or as for `find_attractors` and `match`.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from diffusion import EmpiricalDenoiser
    >>> pair = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]]))  # they merge at σ = 1
    >>> starts = torch.linspace(-2, 2, 10)[:, None]
    >>> found = continuation(lambda s: as_memory(pair, sigma=s), [0.5, 0.9, 1.2], starts, 0.5)
    >>> [len(one) for one in found.attractors], found.fractions[:2].tolist()
    ([2, 2, 1], [[0.5, 0.5, nan], [0.5, 0.5, nan]])
    """
    if isinstance(values, Tensor | np.ndarray):
        values = _checks.array("values", values)
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str | bytes):
        raise ValueError(f"values must be a sequence of values, got {_checks.shown(values)}")
    if len(values) == 0:
        raise ValueError("values must hold at least one value, got none")
    _checks.function("memory_at", memory_at, "a function of a value that makes a Memory")
    generator = _checks.generator_from(seed, "continuation")
    found: list[Attractors] = []
    identity: list[np.ndarray] = []
    shares: list[np.ndarray] = []
    seen = 0
    for value in values:
        given = as_starts(starts(value) if callable(starts) else starts)
        states = given.states
        again = found[-1].states.to(states) if found else states[:0]
        seeded = replace(given, states=torch.cat([again, states]))
        here = find_attractors(memory_at(value), seeded, seed=generator, **options)
        number = np.full(len(here), -1)
        if found:
            pairs = match(found[-1], here, threshold).pairs
            number[pairs[:, 1]] = identity[-1][pairs[:, 0]]
        unseen = number < 0
        number[unseen] = seen + np.arange(unseen.sum())
        seen += int(unseen.sum())
        caught = here.labels[len(again) :].numpy(force=True)
        shares.append(np.bincount(caught[caught >= 0], minlength=len(here)) / len(states))
        found.append(here)
        identity.append(number)
    fractions = np.full((len(found), seen), np.nan)
    for row, number, share in zip(fractions, identity, shares, strict=True):
        row[number] = share
    return Continuation(np.asarray(values), tuple(found), tuple(identity), fractions)
