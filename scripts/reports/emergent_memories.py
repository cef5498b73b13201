"""What the study of emergent memories found: pictures of basins, counts, exact retrieval."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from numpy import ndarray
from torch import Tensor

from bridges.estimates import estimate
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import by_column, of_each, of_samples
from hopfield import DenseMemory, EmergentMinima, emergent_minima
from hopfield.theory import isolated_patterns

COSINE = 0.95  # of a fixed point with its pattern that counts as retrieval
PICTURES = (0.5, 1.0, 2.0)  # radii in median distances of neighbours
_GRID, _MARGIN, _PICTURED = 260, 0.5, 7  # cells a side, a part of the spread, and the seed
_COLOURS = ("#FFFFFF", "#BCD6EA", "#F6C9A8")  # of nothing, of a memory, of an emergent one
_MEMORY, _EMERGENT = "#0072B2", "#D55E00"


class Report(base.Report):
    """Kept and emergent minima against the radius, and what entmax retrieves exactly."""

    between = "sets of patterns"
    grid = (2, 3)
    figsize = 11.6, 7.6

    def minima(self, quantity: str, dimension: int) -> tuple[ndarray, ndarray]:
        """ρ in median distances (K,) and minima per pattern of Gaussian patterns, (samples, K)."""
        where = {"part": "gaussian", "dimension": dimension}
        return self.study.curve(quantity, "ratio", **where)

    def line(self, quantity: str) -> tuple[ndarray, ndarray]:
        """a = ρP (K,) and minima per point of the line, (samples, K)."""
        return self.study.curve(quantity, "a", part="line")

    def shares(self, quantity: str, alpha: float) -> tuple[ndarray, ndarray]:
        """Noise levels (K,) and shares of the cues, (samples, K)."""
        return self.study.curve(quantity, "noise", part="entmax", alpha=alpha)

    def theory(self, a: ndarray) -> ndarray:
        """Share of the points of a line that is kept, exact."""
        P = self.setting["line_patterns"]
        return isolated_patterns(P, a / P) / P

    def peak(self, dimension: int) -> tuple[float, ndarray]:
        """ρ at which the mean number of emergent minima is largest, and there, (samples,)."""
        ratios, found = self.minima("emergent", dimension)
        k = int(found.mean(0).argmax())
        return float(ratios[k]), found[:, k]

    def finding(self) -> str:
        """How many memories emerge where half of the patterns are kept."""
        N = max(self.setting["dimensions"])
        ratio, found = self.peak(N)
        return (
            f"Memories emerge as patterns are lost: {of_samples(found, 2)} per "
            f"pattern at most, at $\\rho$ = {ratio:g} distances of neighbours in $N$ = {N}; sparse "
            "weights retrieve exactly what the softmax blurs"
        )

    def conclusions(self) -> Point:
        """Peaks by dimension, the line against its theory, entmax against decoding."""
        a, kept = self.line("kept")
        peaks = {}
        for N in self.setting["dimensions"]:
            ratio, found = self.peak(N)
            here = self.minima("kept", N)
            there = here[1][:, int(np.abs(here[0] - ratio).argmin())]
            peaks[str(N)] = {
                "ratio": ratio,
                "emergent_per_pattern": estimate(found),
                "kept": estimate(there),
            }
        exact = {
            f"{alpha:g}": {
                name: [estimate(one) for one in self.shares(name, alpha)[1].T]
                for name in ("one_step", "fixed_point", "nearest")
            }
            for alpha in self.setting["alphas"]
        }
        return {
            "peaks": peaks,
            "line": [
                {"a": float(x), "theory": float(t), "kept": estimate(one)}
                for x, t, one in zip(a, self.theory(a), kept.T, strict=True)
            ],
            "noises": sorted(self.setting["noises"]),
            "entmax": exact,
            "steps_against_the_rule": self.study.total("against_the_rule"),
        }

    def heading(self) -> str:
        """The patterns of the three parts."""
        s = self.setting
        return (
            f"{s['line_patterns']} uniform points of a line, {s['patterns']} Gaussian patterns, "
            f"{s['stored']} patterns on a sphere of N = {s['size']} for entmax"
        )

    def tables(self) -> Iterator[str]:
        """Minima per pattern of both kinds, and shares of the cues of entmax."""
        a, kept = self.line("kept")
        theory = [f"{t:.3f}" for t in self.theory(a)]
        columns = [f"{x:g}" for x in a], of_each(kept), theory, of_each(self.line("emergent")[1])
        yield "Minima per point of a line\n\n" + by_column(
            ["a = ρP", "kept", "theory", "emergent"], *columns
        )
        for N in self.setting["dimensions"]:
            ratios, kept = self.minima("kept", N)
            columns = (
                [f"{x:g}" for x in ratios],
                of_each(kept),
                *(of_each(self.minima(q, N)[1]) for q in ("emergent", "mean_size", "largest")),
            )
            heading = ["ρ/d_NN", "kept", "emergent", "|S| of these", "largest |S|"]
            yield f"Minima per Gaussian pattern found, N = {N}\n\n" + by_column(heading, *columns)
        for alpha in self.setting["alphas"]:
            s, one = self.shares("one_step", alpha)
            columns = (
                [f"{x:g}" for x in s],
                of_each(one),
                *(of_each(self.shares(q, alpha)[1]) for q in ("fixed_point", "nearest")),
            )
            heading = ["s = σ", "exact in one step", f"cosine ≥ {COSINE:g} at the end", "nearest"]
            yield f"Cues of entmax, α = {alpha:g}\n\n" + by_column(heading, *columns)

    def panels(self) -> tuple[base.Panel, ...]:
        """Three pictures, the line, Gaussian patterns, entmax."""
        pictures = (partial(self._picture, ratio) for ratio in PICTURES)
        return *pictures, self._line, self._gaussian, self._entmax

    def _picture(self, ratio: float, axes: Axes) -> None:
        """Basins of the plane by what they lead to, with the minima."""
        rows, unit = gaussian_patterns(self.setting["patterns"], 2, _PICTURED)
        found = emergent_minima(rows, ratio * unit, 2000, seed=_PICTURED)
        x, y, kinds, edges = _basins(rows, found)
        flat: dict[str, Any] = {"shading": "nearest", "rasterized": True, "zorder": 0}
        axes.pcolormesh(x, y, kinds.T, cmap=ListedColormap(_COLOURS), vmin=0, vmax=2, **flat)
        axes.pcolormesh(x, y, edges.T, cmap=ListedColormap(["0.55"]), **flat)
        axes.plot(*rows.numpy().T, "x", color="black", ms=4, mew=0.9, label="pattern that is lost")
        style: dict[str, Any] = {"ls": "", "mec": "white", "mew": 0.4, "ms": 5}
        kept, mean = (found.states[one].numpy().T for one in (found.sizes == 1, found.sizes > 1))
        axes.plot(*kept, marker="o", color=_MEMORY, label="pattern that is kept", **style)
        axes.plot(*mean, marker="D", color=_EMERGENT, label="emergent memory", **style)
        axes.set(aspect="equal")
        figures.bare(axes)
        axes.set_title(
            f"$\\rho$ = {ratio:g} $d_{{NN}}$: {found.kept} kept, {found.emergent} emerge"
        )
        if ratio == PICTURES[-1]:
            words = ("flat", "basin of a pattern", "basin of a mean")
            colours = zip(_COLOURS, words, strict=True)
            figures.legend_of(axes, [Patch(fc=c, ec="0.55", label=word) for c, word in colours])

    def _line(self, axes: Axes) -> None:
        """Minima per point of a line, with the exact theory of those that are kept."""
        a = self.line("kept")[0]
        fine = np.geomspace(a[0], a[-1], 200)
        axes.plot(fine, self.theory(fine), color=_MEMORY, lw=1.4, zorder=1, label="exact")
        axes.plot(fine, np.exp(-2 * fine), color="0.4", lw=1, ls=":", label="$e^{-2a}$")
        for name, series in (("kept", (_MEMORY, "o")), ("emergent", (_EMERGENT, "D"))):
            look = {"ls": "", "label": name} if name == "kept" else {"lw": 0.7, "label": name}
            figures.points(axes, *self.line(name), series, **look)
        figures.ticks(axes, a)
        P = self.setting["line_patterns"]
        axes.set(xlabel=r"radius $a=\rho P$", ylabel="minima per pattern", ylim=(-0.03, 1.05))
        axes.set_title(f"{P} points of a line, all minima")
        axes.legend(loc="upper right")

    def _gaussian(self, axes: Axes) -> None:
        """Emergent minima per pattern by dimension, and the share that is kept."""
        for N, series in zip(self.setting["dimensions"], figures.SERIES, strict=False):
            ratios, found = self.minima("emergent", N)
            some = found.mean(0) > 0
            look: dict[str, Any] = {"lw": 0.8, "label": f"emergent, $N$ = {N}"}
            figures.points(axes, ratios[some], found[:, some], series, **look)
            kept = self.minima("kept", N)[1].mean(0)
            axes.plot(
                ratios, np.where(kept > 0, kept, np.nan), color=series[0], ls=":", lw=1.2, zorder=1
            )
        axes.plot([], [], color="0.4", ls=":", label="kept")
        figures.ticks(axes, ratios)
        axes.set_yscale("log")
        axes.set(ylim=(0.02, None), xlabel=r"radius $\rho$ (median distance of neighbours)")
        axes.set(ylabel="minima per pattern")
        axes.set_title(f"{self.setting['patterns']} Gaussian patterns, minima found")
        axes.legend(loc="lower left")

    def _entmax(self, axes: Axes) -> None:
        """Shares of the cues that come home exactly, against the noise."""
        for alpha, series in zip(self.setting["alphas"], figures.SERIES, strict=False):
            s, one = self.shares("one_step", alpha)
            label = f"$\\alpha$ = {alpha:g}"
            figures.points(axes, s, one, series, ls="-", lw=0.8, label=f"{label}, one step")
            look: dict[str, Any] = {"ls": "--", "lw": 0.8, "mfc": "white", "ms": 4}
            ends = self.shares("fixed_point", alpha)[1]
            figures.points(axes, s, ends, series, label=f"{label}, at the end", **look)
        nearest = self.shares("nearest", self.setting["alphas"][0])[1].mean(0)
        axes.plot(s, nearest, color="0.4", ls=":", lw=1.6, zorder=1, label="nearest pattern")
        N, P = self.setting["size"], self.setting["stored"]
        axes.set(xlabel=r"noise of the cue $s=\sigma$", ylabel="share of cues", ylim=(-0.03, 1.05))
        axes.set_title(f"entmax, $N$ = {N}, $P$ = {P}")
        figures.legend_of(axes)


def gaussian_patterns(P: int, N: int, seed: int) -> tuple[Tensor, float]:
    """Patterns (P, N), and the median distance of a pattern to its nearest neighbour."""
    rows = torch.randn(P, N, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    apart = torch.cdist(rows, rows).fill_diagonal_(torch.inf).amin(1)
    return rows, float(apart.quantile(0.5))


def _basins(rows: Tensor, found: EmergentMinima) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """Cells of a square of the plane: x, y, what starts there end as (0, 1, 2), and their edges."""
    low, high = rows.amin(0), rows.amax(0)
    side = (high - low).max() / 2 + _MARGIN
    x, y = (middle + torch.linspace(-1, 1, _GRID) * side for middle in (low + high) / 2)
    memory = DenseMemory(rows, "log-sum-relu", beta=2 / found.radius**2)
    ends = memory.relax(torch.cartesian_prod(x, y).to(rows), max_sweeps=1000).states
    kinds = memory.active(ends).clamp(max=2)
    label = torch.where(kinds > 0, torch.cdist(ends, found.states).argmin(1), -1)
    cells = label.reshape(_GRID, _GRID)
    edges = torch.zeros(_GRID, _GRID)
    edges[:-1] += cells.diff(dim=0) != 0
    edges[:, :-1] += cells.diff(dim=1) != 0
    drawn = np.ma.masked_less_equal(edges.numpy(), 0)
    return x.numpy(), y.numpy(), kinds.reshape(_GRID, _GRID).numpy(), drawn
