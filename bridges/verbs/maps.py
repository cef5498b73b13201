"""Retrieval maps at several loads: `bridges retrieve --patterns 10,20,40`.

At each number of patterns P a map shows which cues come home; the basins shrink as P grows. Pattern
sets and seeds are shared by all models, and those of a smaller P are the first of a larger one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from bridges.data import called
from bridges.models import label_of
from bridges.study import figures
from bridges.study.record import Point
from bridges.study.tables import table
from bridges.verbs import compare
from bridges.verbs.compare import (
    Curve,
    Edge,
    basin_words,
    curve_table,
    curves,
    measure,
    stated,
)
from bridges.verbs.laws import DECODERS, kind_of, retrieved_table, strokes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Report", "measure"]
_COLUMNS = 4  # panels side by side


class Report(compare.Report):
    """What was found at each load: a map per model."""

    @cached_property
    def maps(self) -> dict[int, list[Curve]]:
        """By number of patterns, the curves of the models that stored them."""
        loads = sorted({int(point["patterns"]) for point in self.study.points})
        return {P: curves(self.study, "corruption", self.one_set, P) for P in loads}

    @cached_property
    def corruption(self) -> list[Curve]:
        """The curves of all loads."""
        return [curve for found in self.maps.values() for curve in found]

    @cached_property
    def radii(self) -> dict[str, dict[int, Edge]]:
        """By model and number of patterns, the least overlap of a cue that is retrieved."""
        found: dict[str, dict[int, Edge]] = {}
        for P, own in self.maps.items():
            for curve in own:
                found.setdefault(curve.model, {})[P] = Edge.of(curve, self.level, rising=True)
        asked = dict.fromkeys(point["model"] for point in self.study.points)
        return {model: found[model] for model in asked if model in found}

    @property
    def left_out(self) -> list[str]:
        """Names of the models that have no curve, with the numbers of patterns of which."""
        lost: dict[str, list[str]] = {}
        for point in self.study.points:
            if point["patterns"] not in self.radii.get(point["model"], {}):
                lost.setdefault(point["model"], []).append(str(point["patterns"]))
        return [f"{label_of(model)}, P = {', '.join(P)}" for model, P in lost.items()]

    def conclusions(self) -> Point:
        """By model and number of patterns the basin with its 95 % interval."""
        basins = {
            model: {str(P): edge.summary("overlap") for P, edge in found.items()}
            for model, found in self.radii.items()
        }
        found: Point = {"level": self.level, "patterns": list(self.maps), "basin": basins}
        retrieved = {str(P): self.theories.retrieved(self.study, P) for P in self.maps}
        return found | ({"retrieved": retrieved} if any(retrieved.values()) else {})

    def finding(self) -> str:
        """The least and the most patterns, of the memory that retrieves most."""
        whole = {m: [c for c in self.corruption if c.model == m] for m in self.radii}
        best = max(whole, key=lambda m: float(np.mean([np.nanmean(c.by_sample) for c in whole[m]])))
        ends = [min(self.radii[best]), max(self.radii[best])]
        found = {f"$P$ = {P}": basin_words(self.radii[best][P]) for P in dict.fromkeys(ends)}
        data = figures.literal(called(self.asked.data))
        return f"{data}, {label_of(best)}: half of the cues come home from {stated('$m_0$', found)}"

    def tables(self) -> Iterator[str]:
        """A table per load, and the basins of all."""
        for P, own in self.maps.items():
            if own:
                ends = {"m0 at 1/2": [basin_words(self.radii[curve.model][P]) for curve in own]}
                yield curve_table(own, f"retrieval at P = {P}, m0 =", ends)
                if retrieved := self.theories.retrieved(self.study, P):
                    yield retrieved_table(retrieved, P)
        rows = [
            [label_of(m), *(basin_words(edges[P]) if P in edges else "—" for P in self.maps)]
            for m, edges in self.radii.items()
        ]
        yield table(["m0 at 1/2, P =", *map(str, self.maps)], rows)
        yield from self.notes()

    @property
    def figsize(self) -> tuple[float, float]:
        """A panel per model."""
        rows, columns = self._grid
        return 1.6 + 3.1 * columns, 0.9 + 3.1 * rows

    @property
    def _grid(self) -> tuple[int, int]:
        rows = math.ceil(len(self.radii) / _COLUMNS)
        return rows, math.ceil(len(self.radii) / rows)

    def draw(self, figure: Figure) -> None:
        """The maps of each model, a curve per load."""
        drawn = figure.subplots(*self._grid, sharex=True, sharey=True, squeeze=False).ravel()
        for model, axes in zip(self.radii, drawn, strict=False):
            self._draw_maps(axes, model)
        for axes in drawn[len(self.radii) :]:
            axes.remove()
        for axes in drawn[: len(self.radii)][-self._grid[1] :]:
            axes.tick_params(labelbottom=True)  # also where there is no panel below
            axes.set_xlabel("overlap of the cue $m_0$")
        for axes in drawn[: len(self.radii) : self._grid[1]]:
            axes.set_ylabel(f"retrieval ({self.when})")
        drawn[0].invert_xaxis()
        drawn[0].set_ylim(-0.03, 1.05)
        entries: dict[str, Artist] = {}
        for axes in drawn[: len(self.radii)]:
            handles, labels = axes.get_legend_handles_labels()
            entries |= dict(zip(labels, handles, strict=True))
        figures.legend_beside(figure, list(entries.values()), list(entries))

    def _draw_maps(self, axes: Axes, model: str) -> None:
        for (P, own), look in zip(self.maps.items(), cycle(figures.SERIES), strict=False):
            label = f"$P$ = {P}, $P/N$ = {P / self.size:.2g}"
            for curve in own:
                if curve.model == model:
                    figures.means(axes, curve.x, (curve.mean, curve.sem), look, label=label)
                    self._draw_theory(axes, model, P, look[0])
                    edge = {m: x for m, x in self.theories.edges(P).items() if m == model}
                    strokes(axes, edge, self.level, look[0])
        axes.axhline(self.level, color="0.85", lw=0.8, zorder=0)
        axes.set_title(label_of(model))

    def _draw_theory(self, axes: Axes, model: str, patterns: int, color: str) -> None:
        """What the best decoder of random patterns retrieves, where it is known."""
        kind = kind_of(next(p for p in self.study.points if p["model"] == model))
        if not self.theory or kind not in DECODERS:
            return
        x = self.corruption[0].x
        m = np.linspace(x[0], min(0.999, x[-1]), 60)
        law = [DECODERS[kind](patterns, self.size, float(one)) for one in m]
        label = "best decoder (theory)" if patterns == max(self.maps) else None
        axes.plot(m, law, color=color, ls=":", lw=1.2, zorder=1, label=label)
