"""What the study of losing dimensions found: spectra, dimensions, phases, the order of loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from numpy import ndarray
from reports.order_of_loss import OrderOfLoss
from reports.to_the_letter import ToTheLetter

from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import of_samples, table
from diffusion import LinearManifoldDenoiser, manifold_dimension, manifold_factors, theory as laws
from diffusion.geometry import PHASES

_DIMENSIONS = ("effective", "gap", "half-count")
_LETTERS = dict(zip(PHASES, ("tr", "cv", "cs", "––"), strict=True))
_COLORS = tuple(color for color, _ in figures.SERIES[:2])  # of the subspaces
_MARKERS = "osD^vP*"
_NOISE = r"noise variance $t=\sigma^2$"


class Report(base.Report):
    """Dimension against noise and data, and the order in which it is lost."""

    between = "data sets"
    figsize = (15.0, 11.4)
    grid = (3, 3)

    @cached_property
    def order(self) -> OrderOfLoss:
        """What is left of the subspaces, and which of them is lost first."""
        return OrderOfLoss(self.study)

    @cached_property
    def letter(self) -> ToTheLetter:
        """The paper's own data."""
        return ToTheLetter(self.study)

    @property
    def loads(self) -> list[int]:
        """Numbers of points P of the exact score, increasing."""
        return sorted({self.order.P, *self.setting["loads"]})

    @cached_property
    def exact(self) -> dict[str, ndarray]:
        """Dimensions of the distribution itself, (T,), by the estimators measured."""
        order, d = self.order, self.setting["dimension"]
        F = manifold_factors(d, order.subspaces, order.variances, seed=0)
        denoiser, sigma = LinearManifoldDenoiser(F), torch.tensor(order.noise).sqrt()
        x = torch.zeros(len(sigma), d)
        return {n: manifold_dimension(denoiser, x, sigma, n).value.numpy() for n in _DIMENSIONS}

    @cached_property
    def phases(self) -> dict[int, list[str]]:
        """By P the commonest phase of the planted points at each noise variance."""
        found = {}
        for P in self.loads:
            shares = np.array([self.order.curve(P, phase).sum(0) for phase in PHASES])
            found[P] = [PHASES[k] for k in shares.argmax(0)]
        return found

    def finding(self) -> str:
        """Which subspace is lost first."""
        return self.order.finding()

    def conclusions(self) -> Point:
        """The order of loss by criterion, and the marks of theory."""
        order, spectrum = self.order, self.order.spectrum
        return {
            "order": order.exact,
            "unlearnt": [P for P in order.trained if P not in order.learnt],
            "trained_order": [{"t": t} | found for t, found in order.networks.items()],
            "collapse": {P: float(laws.collapse_sigma(P, spectrum)) ** 2 for P in self.loads},
            "onset": {P: float(laws.onset_sigma(P, spectrum)) ** 2 for P in self.loads},
            "paper": {str(d): found for d, found in self.letter.verdicts.items()},
            "switch": float(laws.switch_sigma(*order.variances)) ** 2,
            "exact": [
                {"t": t} | {name: float(values[k]) for name, values in self.exact.items()}
                for k, t in enumerate(order.noise)
            ],
        }

    def heading(self) -> str:
        """The manifold."""
        sizes = " + ".join(map(str, self.order.subspaces))
        widths = ", ".join(f"{v:g}" for v in self.order.variances)
        return f"d = {self.setting['dimension']}, subspaces {sizes} of variances {widths}"

    def tables(self) -> Iterator[str]:
        """Dimensions and phases by P and t, and the order of loss."""
        yield self._dimension_table("effective", "D_eff")
        note = "(tr trivial, cv coverage, cs consolidation, –– collapsed)"
        yield f"{self._dimension_table('gap', 'largest gap')}\n\n{note}"
        yield self.order.table()
        yield self.order.table_of_networks()
        yield from self.letter.tables()

    def _dimension_table(self, name: str, label: str) -> str:
        rows = []
        for k, t in reversed([*enumerate(self.order.noise)]):
            cells = [of_samples(self.order.curve(P, name)[:, k], 2) for P in self.loads]
            if name == "gap":
                phases = [_LETTERS[self.phases[P][k]] for P in self.loads]
                cells = [f"{c} {p}" for c, p in zip(cells, phases, strict=True)]
            rows.append([f"{t:.3g}", *cells, f"{self.exact[name][k]:.2f}"])
        return table([f"{label}, t", *(f"P = {P}" for P in self.loads), "exact"], rows)

    def panels(self) -> tuple[base.Panel, ...]:
        """What scores keep, where each subspace is lost, and the paper to the letter."""
        above = self._spectrum, self._curves, self._trained
        middle = self._map, self.order.draw, self.order.draw_networks
        letter = self.letter
        return (*above, *middle, letter.draw_curve, letter.draw_order, letter.draw_kinks)

    def _spectrum(self, axes: Axes) -> None:
        order, (one, two) = self.order, _COLORS
        t = np.geomspace(order.noise[0], order.noise[-1], 300)
        first, second = (t / (t + v) for v in order.variances)
        axes.fill_between(t, first, second, color=two, alpha=0.12, lw=0, label="gaps (exact)")
        axes.fill_between(t, second, 1, color=one, alpha=0.12, lw=0)
        for a, curve in enumerate((first, second)):
            axes.plot(t, curve, color=_COLORS[a], lw=1.3, label=rf"$t/(t+\lambda_{a + 1})$")
        axes.axhline(1, color="0.35", lw=1.3)
        edge, total = order.subspaces[0], len(order.spectrum)
        for k in range(1, total + 2):
            found = order.curve(order.P, "spectrum", index=k)
            a = int(k > edge)
            series = ("0.35", "x") if k > total else figures.SERIES[a]
            label = f"{order.P} points, $A_{a + 1}$" if k in (1, edge + 1) else None
            look = {"ls": "", "ms": 3.5, "capsize": 1.5, "label": label}
            figures.points(axes, order.noise, found, series, **look)
        figures.mark(axes, float(laws.collapse_sigma(order.P, order.spectrum)) ** 2, "$t_C$", "-")
        switch = float(laws.switch_sigma(*order.variances)) ** 2
        if math.isfinite(switch):
            figures.mark(axes, switch, "widest gap\nswitches", ":")
        axes.set_xscale("log")
        axes.set_ylim(top=1 + 0.22 * (1 - axes.get_ylim()[0]))  # room for the names of the marks
        axes.set(xlabel=_NOISE, ylabel=r"sorted values of $-\sigma^2\nabla\nabla\log p_\sigma$")
        axes.legend(fontsize=7.5, loc="lower left")
        d = self.setting["dimension"]
        axes.set_title(f"spectrum and gaps in $d$ = {d}: 1 is denoised away")

    def _curves(self, axes: Axes) -> None:
        self._dimensions(axes, self.loads[:: max(1, len(self.loads) // 4)], "empirical")
        axes.legend()
        axes.set_title(r"exact score: $P$ points hold an area of $2\,\log P$")

    def _trained(self, axes: Axes) -> None:
        colors = self._dimensions(axes, self.order.trained, "trained")
        for P, color in colors.items():
            exact = self.order.curve(P, "effective").mean(0)
            axes.plot(self.order.noise, exact, color=color, lw=0.9, ls=":")
        axes.plot([], [], color="0.35", lw=0.9, ls=":", label="exact score of them")
        axes.legend()
        axes.set_title("networks keep dimensions where the exact score collapses")

    def _dimensions(self, axes: Axes, sizes: Sequence[int], part: str) -> dict[int, Any]:
        """D_eff of the distribution and of some P; returns the colours of these."""
        noise = self.order.noise
        t = np.geomspace(noise[0], noise[-1], 300)
        exact = sum(v / (v + t) for v in self.order.spectrum)
        axes.plot(t, exact, color="black", lw=1.5, label="distribution (exact)")
        shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(sizes)))
        colors = dict(zip(sizes, shades, strict=True))
        for k, (P, color) in enumerate(colors.items()):
            found = self.order.curve(P, "effective", part)
            series = color, _MARKERS[k % len(_MARKERS)]
            figures.points(axes, noise, found, series, ms=4, lw=0.8, label=f"$P$ = {P}")
        axes.set(xscale="log", xlabel=_NOISE, ylabel=r"effective dimension $D_{\mathrm{eff}}$")
        return colors

    def _map(self, axes: Axes) -> None:
        noise, loads, spectrum = self.order.noise, self.loads, self.order.spectrum
        means = [self.order.curve(P, "effective").mean(0) for P in loads]
        look: dict[str, Any] = {"cmap": figures.shades(), "shading": "nearest", "vmin": 0}
        cells = axes.pcolormesh(noise, loads, np.array(means), **look)
        axes.figure.colorbar(cells, ax=axes, label=r"$D_{\mathrm{eff}}$, measured", pad=0.01)
        sizes = np.geomspace(loads[0], loads[-1], 200)
        t = np.geomspace(noise[0], noise[-1], 400)
        t_C = laws.collapse_sigma(sizes, spectrum) ** 2
        axes.plot(t_C, sizes, color="black", lw=1.8, label="$t_C$")
        for critical, style, name in (
            (laws.critical_size_jacobian, "--", "Jacobian"),
            (laws.critical_size_score, ":", "score"),
        ):
            found = critical(spectrum, np.sqrt(t))[:, [0, -1]]  # a direction of each subspace
            for a, color in enumerate(_COLORS):
                label = f"SNR = 1, {name}, $A_{a + 1}$"
                axes.plot(t, found[:, a], color=color, ls=style, lw=1.6, label=label)
        axes.set(xscale="log", yscale="log", xlim=(noise[0], noise[-1]))
        axes.set(ylim=(loads[0], loads[-1]), xlabel=_NOISE, ylabel="number of points $P$")
        axes.legend(fontsize=7, loc="lower left")  # where nothing is left to see
        axes.set_title("exact score: dimension against noise and data")
