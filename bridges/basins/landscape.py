r"""The landscape of a memory on a plane: cells, contours and attractors.

Every point of a grid is a start, and its cell is the attractor that it ends in. Contours are those
of the energy, where the dynamics descends one; of the log-density log p_σ at the noise that a
reverse process starts from; there are none where neither is known.

    two sites       the plane itself
    more sites      a plane through three memories, or along two principal directions
    spins           at a point x of the plane, |x_i| ≤ 1, each spin is ±1 with mean x_i (beyond,
                    its sign), by one draw for all points: S_i = sign(x_i − u_i), u_i uniform in
                    (−1, 1). So memories are where they are, a point m ξ is a cue of overlap m, and
                    the energy is the mean over draws
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result, Seed, axes_of, finish
from bridges.attractors import find_attractors
from bridges.basins.plane import Plane, plane_of
from bridges.memory import Memory
from bridges.memory.clusters import are_bits, are_spins
from bridges.memory.cueing import cue, energy_of, stored_patterns
from bridges.starts import Starts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 1000  # points along a side
_COPIES = 8  # of the states of the grid, held at once
_DRAWS = 16  # of spins, that an energy is the mean of
_ON = 0.02  # of the piece's side, within which a state off the plane is drawn as on it
_SHOWN = 30  # attractors of the most points, which are drawn
_NUMBERED = 12  # memories whose numbers there is room for
_SOME = 0.1  # sides between cells per point, above which they are noise more than lines
_LEVELS = 8  # contours, between which there is as much of the plane
TINTS = ("#8FC7EA", "#F4C56A", "#98D9A8", "#BF86B1", "#F2EA9C", "#5C9DF0", "#E58A5E", "#A6A632")
"""Of cells of memories: light, and distinct to colour-blind readers side by side."""
GREYS = ("0.95", "0.75", "0.85", "0.65", "0.55")
"""Of cells of attractors that are no memories."""
NOWHERE = "0.3"
"""Of points that end in no attractor."""


@dataclass(frozen=True, repr=False)
class Landscape(Result):
    """G² points of a plane, A attractors that they end in, P memories.

    Attributes
    ----------
    x, y : (G,) coordinates of the points.
    names : of the two coordinates; they say which plane it is.
    labels : (G, G) attractor of each point, rows along y; −1 for none.
    height : (G, G) NaN where it is not known.
    height_name : what it is, "energy" or "log-density"; "" for nothing.
    kind, nearest, fractions : (A,) kinds and nearest memories of the attractors, as in
        `Attractors`, and the fraction of the points that end there.
    attractors, attractors_off : (A, 2) where they are seen, and (A,) how far off the plane, in
        the units of the coordinates.
    patterns, patterns_off : (P, 2) and (P,), the same of the memories.
    """

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, str]
    labels: np.ndarray
    height: np.ndarray
    height_name: str
    kind: tuple[str, ...]
    nearest: np.ndarray
    fractions: np.ndarray
    attractors: np.ndarray
    attractors_off: np.ndarray
    patterns: np.ndarray
    patterns_off: np.ndarray

    def __repr__(self) -> str:
        kinds = ", ".join(f"{self.kind.count(k)} {k}" for k in dict.fromkeys(self.kind))
        return (
            f"Landscape({len(self.x)}² points, {len(self.kind)} attractors: {kinds or 'none'}; "
            f"{self.height_name or 'no height'})"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the cells, the contours, the attractors and the memories, with a legend.

        Parameters
        ----------
        ax : axes to draw on, which keep the title and the labels that they have; None: those of
            a new figure of pyplot, with a legend.

        Returns
        -------
        The axes. Cells of memories are coloured, those of other attractors grey; the 30
        attractors of the most points are marked.
        """
        own, ax = ax is None, axes_of(ax)
        self.draw(ax, cell_colours([self])[0])
        if self.height_name:
            ax.plot([], [], color="0.3", lw=0.6, label=self.height_name)
        if own:
            ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0))
        return ax

    def draw(self, ax: Axes, colours: Sequence[str]) -> None:
        """Draw it without a legend; `colours` of the A cells are those of `cell_colours`."""
        self._cells(ax, colours)
        self._contours(ax)
        self._marks(ax)
        ax.set(xlim=_edges(self.x), ylim=_edges(self.y), aspect="equal")
        finish(ax, self.names)

    def _cells(self, ax: Axes, colours: Sequence[str]) -> None:
        """The cells and thin lines between them."""
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgb

        table = np.array([to_rgb(one) for one in (*colours, NOWHERE)])
        extent = (*_edges(self.x), *_edges(self.y))
        ax.imshow(table[self.labels], origin="lower", extent=extent, interpolation="nearest")
        x, y = (_between(axis) for axis in (self.x, self.y))
        row, column = np.nonzero(self.labels[:, 1:] != self.labels[:, :-1])
        upright = np.stack([[x[column + 1], y[row]], [x[column + 1], y[row + 1]]])
        row, column = np.nonzero(self.labels[1:] != self.labels[:-1])
        level = np.stack([[x[column], y[row + 1]], [x[column + 1], y[row + 1]]])
        lines = np.concatenate([upright, level], 2).transpose(2, 0, 1)
        width = 0.6 if len(lines) < _SOME * self.labels.size else 0.15
        ax.add_collection(LineCollection(list(lines), colors="0.25", linewidths=width))

    def _contours(self, ax: Axes) -> None:
        """Lines of equal height with their numbers."""
        known = self.height[np.isfinite(self.height)]
        if known.size == 0:
            return
        levels = np.quantile(known, (np.arange(_LEVELS) + 0.5) / _LEVELS)
        step = (levels[-1] - levels[0]) / 50
        if not step > 0:
            return
        digits = max(0, -int(np.floor(np.log10(step))))
        levels = np.unique(levels.round(digits))
        height = np.ma.masked_invalid(self.height)
        style: dict[str, Any] = {"colors": "0.3", "linewidths": 0.6, "linestyles": "solid"}
        lines = ax.contour(self.x, self.y, height, levels, alpha=0.8, **style)
        ax.clabel(lines, fontsize=6, fmt=f"%.{digits}f")

    def _marks(self, ax: Axes) -> None:
        """Attractors as circles, memories as crosses; faint where they lie off the plane."""
        on = _ON * (self.x[-1] - self.x[0])
        circle = {"marker": "o", "mfc": "white", "ms": 6}
        cross = {"marker": "x", "ms": 4.5, "mew": 1.2}
        for points, off, label, style in (
            (self.attractors[:_SHOWN], self.attractors_off[:_SHOWN], "attractor", circle),
            (self.patterns, self.patterns_off, "memory", cross),
        ):
            for which, words, alpha in (
                (off > on, f"{label} off the plane", 0.25),
                (off <= on, label, 1.0),
            ):
                if which.any():
                    look: dict[str, Any] = {"ls": "", "color": "black", "alpha": alpha, **style}
                    ax.plot(*points[which].T, label=words, **look)
        there = np.flatnonzero(self.patterns_off <= on)
        for k in there if len(there) <= _NUMBERED else ():
            ax.annotate(
                str(k),
                self.patterns[k],
                (5, 4),
                textcoords="offset points",
                fontsize=7,
                annotation_clip=True,
            )


def landscape(
    memory: Memory,
    plane: str | Sequence[int] | Plane | None = None,
    points: int = 120,
    *,
    overlap: float = 1.0,
    seed: Seed = None,
    **options: Any,
) -> Landscape:
    """Cells, heights and attractors on a plane through the states of a memory.

    Parameters
    ----------
    memory : a Memory of P patterns in N dimensions, N ≥ 2.
    plane : "memories", through the first three, or the first two and zero where there are no
        more; "principal", along two principal directions of them; three numbers of memories;
        or a Plane. None: the plane itself for N = 2, else "memories".
    points : G along each side, 2 to 1000.
    overlap : in (0, 1], what the memory takes its starts to have, where its dynamics depends
        on that: the noise of a reverse process.
    seed : int, torch.Generator or None; for spins and random dynamics.
    options : of `find_attractors`.

    Returns
    -------
    Landscape.

    Raises
    ------
    ValueError : an argument outside its range, memories that span no plane, or as for
        `find_attractors`.
    TypeError : something that is no Memory.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from diffusion import EmpiricalDenoiser
    >>> corners = EmpiricalDenoiser(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    >>> found = landscape(as_memory(corners, sigma=0.2), points=20)
    >>> found
    Landscape(20² points, 3 attractors: 3 memory; energy)
    >>> found.nearest[found.labels[0]].tolist()[::6]  # the lowest row: nearest to 0, then to 1
    [0, 0, 1, 1]
    """
    patterns = stored_patterns(memory)
    points = _checks.whole("points", points, low=2, high=MOST)
    overlap = _checks.number("overlap", overlap, low=0, high=1, open_low=True)
    size = patterns.shape[1]
    _checks.within_memory(
        8 * _COPIES * points**2 * size, f"points: {points}² states of {size} sites", each_job=True
    )
    piece = plane_of(patterns, plane)
    generator = _checks.generator_from(seed, "landscape", patterns.device)
    x, y = (
        torch.linspace(*ends, points, dtype=torch.float64)
        for ends in zip(piece.low, piece.high, strict=True)
    )
    grid = torch.cartesian_prod(y, x).flip(1)
    rows = piece.at(grid.to(patterns.device)).to(patterns)
    cued = cue(memory, patterns[:1], 0.5, generator)  # what its states are
    if not are_spins(cued) and are_spins(cued, unknown=True):
        got = "0 and 1" if are_bits(cued) else "spins of which some are unknown"
        raise ValueError(
            "memory must have real states, or spins that cues know all of, for a plane, got "
            f"{type(memory).__name__}, whose cues are {got}"
        )
    if are_spins(cued):
        starts = _spins(rows, generator)
        draws = (energy_of(memory, _spins(rows, generator)) for _ in range(_DRAWS))
        height, name = torch.stack([*draws]).mean(0), "energy"
    else:
        starts = rows
        height, name = _height(memory, rows, overlap)
    measure = f"{points}² points of a plane"
    given = Starts(starts, measure, overlap, drawn=False)
    found = find_attractors(memory, given, seed=generator, **options)
    seen = [
        part.numpy(force=True) for states in (found.states, patterns) for part in piece.seen(states)
    ]
    known = bool(height.isfinite().any())
    return Landscape(
        x.numpy(),
        y.numpy(),
        piece.names,
        found.labels.reshape(points, points).numpy(force=True),
        height.reshape(points, points).numpy(force=True),
        name if known else "",
        found.kind,
        found.nearest,
        found.counts / points**2,
        *seen,
    )


def _spins(means: Tensor, generator: torch.Generator) -> Tensor:
    """Spins of given means (B, N), drawn alike for all rows."""
    uniform = torch.rand(means.shape[1], generator=generator, device=generator.device)
    return torch.where(means > 2 * uniform.to(means) - 1, 1.0, -1.0).to(means)


def _height(memory: Memory, states: Tensor, overlap: float) -> tuple[Tensor, str]:
    """Energy of the states, or the log-density that a reverse process starts from, (B,)."""
    energy = energy_of(memory, states)
    known = getattr(memory, "log_density", None)
    if known is None or not energy.isnan().all():
        return energy, "energy"
    density = known(states, overlap)
    return (energy, "") if density is None else (density.double(), "log-density")


def cell_colours(landscapes: Sequence[Landscape]) -> list[list[str]]:
    """Colours of the attractors of each landscape: cells side by side differ.

    A memory has one colour in all of them. Cells with few others beside them choose last (a map in
    a plane then needs six colours at most): of those that no neighbour has, the one least in use.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from diffusion import EmpiricalDenoiser
    >>> corners = EmpiricalDenoiser(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    >>> found = landscape(as_memory(corners, sigma=0.2), points=20)
    >>> len({*cell_colours([found])[0]})
    3
    """
    from networkx import Graph
    from networkx.algorithms.coloring import strategy_smallest_last

    names = [_cell_names(k, one) for k, one in enumerate(landscapes)]
    area: dict[Any, float] = {}
    for one, own in zip(landscapes, names, strict=True):
        for name, fraction in zip(own, one.fractions, strict=True):
            area[name] = area.get(name, 0.0) + float(fraction)
    number = {name: k for k, name in enumerate(area)}  # words have another order in each process
    beside = Graph()
    beside.add_nodes_from(number.values())
    for one, own in zip(landscapes, names, strict=True):
        beside.add_edges_from(
            (number[own[a]], number[own[b]])
            for a, b in _borders(one.labels)
            if _palette(own[a]) is _palette(own[b])
        )
    chosen: dict[Any, str] = {}
    used = dict.fromkeys((*TINTS, *GREYS), 0.0)
    known = [*area]
    for k in strategy_smallest_last(beside, {}):
        name, near = known[k], [chosen[known[j]] for j in beside[k] if known[j] in chosen]
        chosen[name] = min(_palette(name), key=lambda tint: (near.count(tint), used[tint]))
        used[chosen[name]] += area[name]
    return [[chosen[name] for name in own] for own in names]


def _palette(name: tuple[Any, ...]) -> tuple[str, ...]:
    """The colours that a cell may have."""
    return TINTS if name[0] == "memory" else GREYS


def _cell_names(k: int, one: Landscape) -> list[tuple[Any, ...]]:
    """Names of cells: of its memory, in all landscapes, where it is the first of that memory."""
    found: list[tuple[Any, ...]] = []
    for a, (kind, near) in enumerate(zip(one.kind, one.nearest.tolist(), strict=True)):
        name = ("memory", near)
        alone = kind == "memory" and name not in found
        found.append(name if alone else (kind, k, a))
    return found


def _borders(labels: np.ndarray) -> list[tuple[int, int]]:
    """Attractors whose cells touch, a < b."""
    sides = ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1]))
    pairs = np.concatenate([np.stack([a.ravel(), b.ravel()], 1) for a, b in sides])
    pairs = np.unique(np.sort(pairs, 1), axis=0)
    return [(a, b) for a, b in pairs.tolist() if 0 <= a < b]


def _between(axis: np.ndarray) -> np.ndarray:
    """The edges of the points of an axis, (G + 1,)."""
    half = (axis[1] - axis[0]) / 2
    return np.append(axis - half, axis[-1] + half)


def _edges(axis: np.ndarray) -> tuple[float, float]:
    """Where the outermost points end."""
    edges = _between(axis)
    return float(edges[0]), float(edges[-1])
