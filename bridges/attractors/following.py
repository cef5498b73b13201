r"""Attractors followed along a parameter: a noise level, a load, a step of training.

The attractors of one value are also starts at the next one. So each is carried on: it relaxes,
and what it ends in is the same attractor, if it is within a threshold. Where several end in one
they have joined; the nearest of them goes on, the others end there. Basin fractions are those of
the starts alone. What relaxes nowhere, and attractors of a process that runs from noise (which
does not start at them), are matched by their distance (`match`).

Two points ±a at noise level σ are the fixed points of x = a tanh(ax/σ²): they join at σ = a.
(Datseris & Wagemakers 2022 for the continuation of attractors and basin fractions.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result, Seed, axes_of, finish
from bridges.attractors.finding import COLOURS, KINDS, Attractors, find_attractors
from bridges.attractors.matching import match
from bridges.memory import Memory
from bridges.memory.clusters import rms_distance
from bridges.starts import Starts, as_starts
from bridges.statistics import binomial_sem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUANTITIES = ("position", "overlap", "distance", "k_eff", "energy", "fraction")
_LABELS = {
    "overlap": "overlap with the nearest memory",
    "distance": "rms distance from the nearest memory",
    "k_eff": r"patterns that contribute, $k_{\mathrm{eff}}$",
    "energy": "energy $E$",
    "fraction": "fraction of the starts",
}
_PLANE = 2  # dimensions up to which a position says more than an overlap
_THIN, _THICK = 0.7, 6.0  # width of a branch without a basin, and of one that has all starts


@dataclass(frozen=True, repr=False)
class Continuation(Result):
    """Attractors along V values of a parameter; J different ones were seen.

    Attributes
    ----------
    values : (V,) as given.
    attractors : V times what was found, from the starts and from the attractors before, which
        its counts include.
    identity : V arrays, the number 0 to J − 1 of each attractor found, by which it is followed.
    fractions : (V, J) of the starts, 0 for one that is there but catches none, NaN for one that
        is not there.
    sem : (V, J) their binomial standard errors; NaN for starts on a grid, which are no draws.
    joined : (M, 3) where branches end in others: the place k of the first value at which they
        are one, the number of the branch that ends, and of the one that goes on.
    """

    values: np.ndarray
    attractors: tuple[Attractors, ...]
    identity: tuple[np.ndarray, ...]
    fractions: np.ndarray
    sem: np.ndarray
    joined: np.ndarray

    def along(self, quantity: str) -> np.ndarray:
        """A quantity of each attractor at each value, (V, J), NaN where it is not there.

        Parameters
        ----------
        quantity : "overlap", "distance", "k_eff" and "energy" as in `Attractors`; "fraction"; or
            "position", the state itself in one dimension, else its coordinate along the first
            principal direction of all attractors, from their mean.

        Raises
        ------
        ValueError : another quantity.
        """
        _checks.choice("quantity", quantity, QUANTITIES)
        if quantity == "fraction":
            return self.fractions.copy()
        if quantity == "position":
            columns = self._positions()[0]
        else:
            columns = [getattr(found, quantity) for found in self.attractors]
        table = np.full(self.fractions.shape, np.nan)
        for row, number, column in zip(table, self.identity, columns, strict=True):
            row[number] = column
        return table

    def _positions(self) -> tuple[list[np.ndarray], str]:
        """The position of each attractor at each value, and what it is."""
        states = torch.cat([found.states.double().cpu() for found in self.attractors])
        sizes = [len(found) for found in self.attractors]
        if states.shape[1] == 1:
            position, words = states[:, 0], "state $x$"
        else:
            about = states - states.mean(0)
            _, stretch, axes = torch.linalg.svd(about, full_matrices=False)
            axis = axes[0] * axes[0][axes[0].abs().argmax()].sign()
            position, total = about @ axis, float(stretch.square().sum())
            share = float(stretch[0] ** 2) / total if total > 0 else 1.0
            words = f"position along principal direction 1\n({share:.0%} of the variance)"
        return [part.numpy() for part in position.split(sizes)], words

    def plot(self, ax: Axes | None = None, quantity: str | None = None) -> Axes:
        """Draw the bifurcation diagram: a branch per attractor, as wide as its basin.

        Parameters
        ----------
        ax : axes to draw on, which keep the title and the labels that they have; None: those of
            a new figure of pyplot, with a legend.
        quantity : as for `along`; None: "position" in one or two dimensions, "overlap" in more.

        Returns
        -------
        The axes. Branches have the colour of the kind of their attractor, and the width of its
        basin; fractions are drawn with their errors. A cross is where a branch joins another.
        """
        from matplotlib.collections import LineCollection

        if quantity is None:
            plane = self.attractors[0].states.shape[1] <= _PLANE
            quantity = "position" if plane else "overlap"
        own, ax = ax is None, axes_of(ax)
        y, x = self.along(quantity), self._places()
        pieces, widths, colours = self._pieces(x, y)
        ax.add_collection(
            LineCollection(pieces, linewidths=widths, colors=colours, capstyle="round")
        )
        counted = quantity == "fraction"
        error = np.nan_to_num(self.sem) if counted else np.zeros_like(y)
        for k, j in np.argwhere(~np.isnan(y if counted else _alone(y))):
            ax.errorbar(
                x[k], y[k, j], error[k, j], fmt=".", ms=4, color=self._colour(k, j), capsize=2
            )
        if len(self.joined):
            at, lost, into = self.joined.T
            ends = np.stack([[x[at - 1], y[at - 1, lost]], [x[at], y[at, into]]]).transpose(2, 0, 1)
            ax.add_collection(LineCollection(list(ends), linewidths=_THIN, colors="0.35", ls=":"))
            ax.plot(x[at], y[at, into], "x", color="black", ms=5, zorder=4, label="joined")
        kinds = {kind for found in self.attractors for kind in found.kind}
        for kind in (kind for kind in KINDS if kind in kinds):
            ax.plot([], [], color=COLOURS[kind], lw=3, label=kind)
        ax.autoscale_view()
        if not np.issubdtype(self.values.dtype, np.number):
            ax.set_xticks(x, [str(value) for value in self.values])
        words = self._positions()[1] if quantity == "position" else _LABELS[quantity]
        finish(ax, ("parameter", words))
        if own:
            ax.legend(title="as wide as its basin", loc="center left", bbox_to_anchor=(1.02, 0.5))
        return ax

    def _places(self) -> np.ndarray:
        """Where the values are drawn: at themselves, or one by one where they are no numbers."""
        if np.issubdtype(self.values.dtype, np.number):
            return self.values.astype(float)
        return np.arange(float(len(self.values)))

    def _colour(self, k: int, j: int) -> str:
        """That of the kind of attractor j at value k."""
        return COLOURS[self.attractors[k].kind[self.identity[k].tolist().index(j)]]

    def _pieces(
        self, x: np.ndarray, y: np.ndarray
    ) -> tuple[list[list[tuple[float, float]]], list[float], list[str]]:
        """The pieces of all branches, each half of a step as it is at its own end."""
        pieces, widths, colours = [], [], []
        for k, j in np.argwhere(~np.isnan(y)):
            for other in (k - 1, k + 1):
                if 0 <= other < len(x) and not np.isnan(y[other, j]):
                    half = ((x[k] + x[other]) / 2, (y[k, j] + y[other, j]) / 2)
                    pieces.append([(x[k], y[k, j]), half])
                    widths.append(_THIN + (_THICK - _THIN) * float(self.fractions[k, j]))
                    colours.append(self._colour(k, j))
        return pieces, widths, colours

    def __repr__(self) -> str:
        found = [len(one) for one in self.attractors]
        return (
            f"Continuation({len(self.values)} values, {self.fractions.shape[1]} attractors, "
            f"{min(found)} to {max(found)} at a time, {len(self.joined)} joined)"
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
    values : of the parameter, at least one, in the order to follow. What joins as the noise
        grows parts as it falls: follow from the side that has more attractors.
    starts : (B, N) for all values, or starts(value), as for `find_attractors`.
    threshold : as for `match`; what is farther from where it was is another attractor.
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
    >>> found = continuation(lambda s: as_memory(pair, sigma=s), [0.5, 0.9, 1.2], starts, 0.7)
    >>> [len(one) for one in found.attractors], found.fractions[:2].tolist()
    ([2, 2, 1], [[0.5, 0.5], [0.5, 0.5]])
    >>> found.joined[:, 0].tolist(), abs(found.along("position").round(2)).tolist()
    ([2], [[1.0, 1.0], [0.7, 0.7], [0.0, nan]])
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
    joined: list[tuple[int, int, int]] = []
    seen = 0
    for k, value in enumerate(values):
        given, memory = as_starts(starts(value) if callable(starts) else starts), memory_at(value)
        again = found[-1].states.to(given.states) if found else given.states[:0]
        seeded = replace(given, states=torch.cat([again, given.states]))
        here = find_attractors(memory, seeded, seed=generator, **options)
        number = np.full(len(here), -1)
        ends = here.labels[: len(again)].numpy(force=True)
        if hasattr(memory, "revisit"):  # a process from noise: no relaxation from an attractor
            ends = np.full(len(again), -1)
        if found:
            rows, same = _same(found[-1], here, ends, threshold)
            number[same] = identity[-1][rows]
        unseen = number < 0
        number[unseen] = seen + np.arange(unseen.sum())
        seen += int(unseen.sum())
        if found:
            joined += [(k, *pair) for pair in _joined(identity[-1], number, ends)]
        shares.append(_shares(here, len(again), given.drawn))
        found.append(here)
        identity.append(number)
    table = np.full((2, len(found), seen), np.nan)
    for k, (number, share) in enumerate(zip(identity, shares, strict=True)):
        table[:, k, number] = share
    joins = np.array(joined, dtype=np.int64).reshape(-1, 3)
    fractions, sem = table
    return Continuation(np.asarray(values), tuple(found), tuple(identity), fractions, sem, joins)


def _shares(here: Attractors, skipped: int, drawn: bool) -> np.ndarray:
    """Fraction of the starts that each attractor catches and its error, (2, A).

    The first `skipped` are attractors carried on, which are no starts.
    """
    caught = here.labels[skipped:].numpy(force=True)
    n = len(caught)
    share = np.bincount(caught[caught >= 0], minlength=len(here)) / n
    return np.array([share, [binomial_sem(f, n) if drawn else np.nan for f in share.tolist()]])


def _alone(y: np.ndarray) -> np.ndarray:
    """What is there at one value alone, so that no branch shows it; NaN elsewhere."""
    there = ~np.isnan(np.pad(y, ((1, 1), (0, 0)), constant_values=np.nan))
    return np.where(there[:-2] | there[2:], np.nan, y)


def _same(
    before: Attractors, here: Attractors, ends: np.ndarray, threshold: float
) -> tuple[list[int], list[int]]:
    """Rows of `before`, and the rows of `here` that are the same attractors.

    ends : (A,) the attractor that each of `before` relaxed to, −1 for none.
    """
    threshold = _checks.number("threshold", threshold, low=0)
    relaxed, left = np.flatnonzero(ends >= 0), np.flatnonzero(ends < 0)
    sites = slice(None) if here.varying is None else here.varying.cpu()
    apart = rms_distance(
        before.states[relaxed].cpu()[:, sites], here.states[ends[relaxed]].cpu()[:, sites]
    ).numpy()
    went_on: dict[int, int] = {}  # row of `here`: the nearest of those that relaxed to it
    for k in np.argsort(apart, kind="stable"):
        if apart[k] <= threshold:
            went_on.setdefault(int(ends[relaxed[k]]), int(relaxed[k]))
    free = np.setdiff1d(np.arange(len(here)), list(went_on))
    if len(left) and len(free):
        one, other = (
            replace(whole, states=whole.states[rows])
            for whole, rows in ((before, left), (here, free))
        )
        went_on |= {int(free[j]): int(left[i]) for i, j in match(one, other, threshold).pairs}
    return list(went_on.values()), list(went_on)


def _joined(before: np.ndarray, number: np.ndarray, ends: np.ndarray) -> list[tuple[int, int]]:
    """Numbers of the branches that end, and of those that they end in.

    A branch that ends where no other one does, far from where it was, has joined none.
    """
    lost = [(i, j) for i, j in enumerate(ends.tolist()) if j >= 0 and number[j] != before[i]]
    return [
        (int(before[i]), int(number[j]))
        for i, j in lost
        if (ends == j).sum() > 1 or number[j] in before
    ]
