r"""Basins of a plane: what a dense memory, a denoiser and a reverse flow make of five points.

Three ways to go home, in one plane:

    nearest        the cells of Voronoi
    fixed σ        x ← D(x, σ), the dense memory at β = 1/σ²: attractors are the minima of
                   its energy. At small σ their basins are the cells; two memories Δ apart
                   merge at σ = Δ/2 (spurious midpoints), and in the end all do
    flow from σ    dy/dσ = (y − D)/σ from σ to 0: attractors are the data at any σ, while
                   basins turn away from the cells as σ grows

The flow transports p_σ, the noised data, to the data: under that measure its basins hold 1/P
each, exactly. Under a uniform box the same basins can hold any share (Ambrogioni 2023; Menck et
al. 2013). Entropies say how entangled basins are: S_b, and S_bb, which is above log 2 if the
boundary is fractal (Daza et al. 2016).

Pictures; below them fractions of the flow under both measures, with errors between independent
sets of starts; how much of the box goes to the nearest memory, or to no memory at all; basin
entropies.

    python scripts/basins.py --preset quick
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray

MEMORIES = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.2], [-1.5, -0.5], [0.8, -1.3]]
SIDE = 3.0  # of the box, from −SIDE to SIDE
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "sigmas": [0.1, 0.3, 0.5, 0.7, 1.0, 2.0, 4.0, 8.0],
        "points": 120,
        "starts": 5000,
        "samples": 4,
    },
    "paper": {
        "sigmas": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0],
        "points": 480,
        "starts": 50_000,
        "samples": 8,
    },
}
STEPS = 60  # of the flow
SWEEPS = 5000
BOXES = 20  # along a side of a picture
LARGEST_FIXED = 1.0  # σ above which the fixed level has one attractor only
SHOWN = (0.5, 2.0, 8.0)  # σ of the pictures, the nearest that there are
MODELS = {"fixed-noise": "fixed σ", "flow": "flow from σ"}


@study_command(PRESETS)
@options.own(
    sigmas=(Numbers(Real(0, 1e3, min_open=True)), "Noise levels σ."),
    points=(Whole(BOXES, 2000), "Points along a side, of 20 boxes."),
    starts=(Whole(1), "Starts per measure and noise level."),
)
def main(run: Run, sigmas: list[float], points: int, starts: int) -> Report:
    """Basins of five memories in a plane: cells, dense memory and reverse flow.

    Pictures, fractions under two reference measures against the exact 1/P, and entropies.
    """
    from bridges._checks import within_memory

    if points % BOXES:
        raise ValueError(f"points must be a multiple of {BOXES}, the boxes, got {points}")
    within_memory(8 * 20 * starts, f"starts: {starts} of them", each_job=True)
    settings: list[Point] = [
        {"dynamics": name, "sigma": s, "points": points, "starts": starts}
        for name in MODELS
        for s in sigmas
        if name == "flow" or s <= LARGEST_FIXED
    ]
    return Report(run(measure, settings))


def measure(point: Point, seed: int) -> list[Row]:
    """Fractions of two measures; the pictures, which have no randomness, add their entropy."""
    import numpy as np
    import torch

    from bridges import basin_entropy, basin_fractions
    from bridges.starts import box, noised

    xi, memory = torch.tensor(MEMORIES, dtype=torch.float64), memory_of(point)
    low, high = [-SIDE] * 2, [SIDE] * 2
    drawn = {
        "noised": noised(xi, point["sigma"], point["starts"], seed),
        "box": box(low, high, point["starts"], seed),
    }
    rows: list[Row] = []
    for name, starts in drawn.items():
        found = basin_fractions(memory, starts, seed=seed)
        ends = dict(enumerate(found.by_pattern(len(xi)).tolist())) | {-1: 0.0}
        ends[-1] = 1 - math.fsum(ends.values())  # spurious, or none
        rows += [
            {"measure": name, "memory": k, "quantity": "fraction", "value": value}
            for k, value in ends.items()
        ]
    labels, cells, spurious = picture(point, memory)
    uncertain = basin_entropy(labels, point["points"] // BOXES)
    numbers = {
        "entropy": uncertain.entropy,
        "boundary": uncertain.boundary,
        "agreement": float((labels == cells).mean()),
        "spurious": float(np.mean(spurious)),
    }
    return rows + [{"quantity": name, "value": value} for name, value in numbers.items()]


def memory_of(point: Point) -> Any:
    """The memory of a point."""
    import torch

    from bridges import as_memory
    from diffusion import EmpiricalDenoiser

    exact = EmpiricalDenoiser(torch.tensor(MEMORIES, dtype=torch.float64))
    asked = {name: point[name] for name in ("dynamics", "sigma")}
    return as_memory(exact, **asked, steps=STEPS, max_sweeps=SWEEPS)


def picture(point: Point, memory: Any) -> tuple[ndarray, ndarray, ndarray]:
    """The end of each point of the box, its cell, and whether that end is no memory.

    Ends that are memories have their number, others one of their own from P on.
    """
    import numpy as np
    import torch

    from bridges import basin_fractions
    from bridges.starts import grid

    starts = grid([-SIDE] * 2, [SIDE] * 2, point["points"])
    found = basin_fractions(memory, starts)
    kept = np.array([kind == "memory" for kind in found.attractors.kind])
    number = np.where(kept, found.attractors.nearest, len(MEMORIES) + np.arange(len(kept)))
    labels = np.append(number, -1)[found.labels.numpy()]
    cells = torch.cdist(starts.states, torch.tensor(MEMORIES, dtype=torch.float64)).argmin(1)
    shape = (point["points"],) * 2
    spurious = ~np.append(kept, False)[found.labels.numpy()]
    return labels.reshape(shape), cells.numpy().reshape(shape), spurious.reshape(shape)


class Report(base.Report):
    """Where the starts of two measures end, and what the pictures show."""

    between = "sets of starts"
    figsize = 10.4, 5.6

    def sigmas(self, dynamics: str) -> list[float]:
        """Noise levels of the one or the other."""
        return [p["sigma"] for p in self.study.points if p["dynamics"] == dynamics]

    def fraction(self, dynamics: str, sigma: float, measure: str, memory: int) -> ndarray:
        """Fraction of the starts that end in a memory, −1 for elsewhere, (samples,)."""
        labels = {"dynamics": dynamics, "measure": measure, "memory": memory}
        at, by_sample = self.study.curve("fraction", "sigma", **labels)
        return by_sample[:, at == sigma][:, 0]

    def number(self, quantity: str, dynamics: str) -> tuple[ndarray, ndarray]:
        """σ (K,) and a number of the pictures (K,), the same in all samples."""
        sigma, by_sample = self.study.curve(quantity, "sigma", dynamics=dynamics)
        return sigma, by_sample[0]

    def deviation(self, sigma: float) -> float:
        """χ² per degree of freedom of the flow's fractions under p_σ against 1/P."""
        P, count = len(MEMORIES), self.samples * self.setting["starts"]
        found = [float(self.fraction("flow", sigma, "noised", k).mean()) for k in range(P)]
        return count * math.fsum((f - 1 / P) ** 2 * P for f in found) / (P - 1)

    def finding(self) -> str:
        """The most unequal shares of the box, where those of the noised data are equal."""
        far = self.sigmas("flow")[-1]
        first = max(float(self.fraction("flow", far, "box", k).mean()) for k in range(5))
        return (
            f"one flow, from $\\sigma$ = {far:g}: a fifth of the noised data goes to each of "
            f"5 memories, but {first:.0%} of a box to one"
        )

    def conclusions(self) -> Point:
        """The exact share of a memory, and how far the flow is from it."""
        return {
            "exact_fraction": 1 / len(MEMORIES),
            "chi2": {f"{sigma:g}": self.deviation(sigma) for sigma in self.sigmas("flow")},
        }

    def heading(self) -> str:
        """The memories and the starts."""
        return (
            f"{len(MEMORIES)} memories in a plane; sets of {self.setting['starts']} starts per "
            "measure and noise level"
        )

    def tables(self) -> Iterator[str]:
        """Fractions under both measures, and the numbers of the pictures."""
        yield self._fractions_table("noised", "p_σ")
        yield self._fractions_table("box", "the box")
        yield self._pictures_table()

    def _fractions_table(self, measure: str, title: str) -> str:
        ends, tested = (*range(len(MEMORIES)), -1), measure != "box"
        rows = [
            [f"{label}, σ = {sigma:g}"]
            + [of_samples(self.fraction(name, sigma, measure, k), 4) for k in ends]
            + ([f"{self.deviation(sigma):.2f}" if name == "flow" else ""] * tested)
            for name, label in MODELS.items()
            for sigma in self.sigmas(name)
        ]
        heads = [f"fractions of {title}", *(f"ξ{k + 1}" for k in ends[:-1]), "elsewhere"]
        return table(heads + ["χ²/4 of 1/P"] * tested, rows)

    def _pictures_table(self) -> str:
        rows = [
            [f"{label}, σ = {sigma:g}"]
            + [f"{self.number(q, name)[1][k]:.4f}" for q in ("agreement", "entropy", "boundary")]
            for name, label in MODELS.items()
            for k, sigma in enumerate(self.sigmas(name))
        ]
        note = (
            f"({self.setting['points']}² points of the box [−{SIDE:g}, {SIDE:g}]²; a fractal "
            f"boundary would have S_bb > log 2 = {math.log(2):.4f})"
        )
        return table(["pictures", "as the cells", "S_b", "S_bb"], rows) + f"\n\n{note}"

    def draw(self, figure: Figure) -> None:
        """Pictures above; fractions, agreement with the cells and entropies below."""
        above, below = figure.subfigures(2, 1, height_ratios=[1, 1.35])
        self._pictures(list(above.subplots(1, 5, sharey=True)))
        panels = self._fractions, self._agreement, self._entropy
        for axes, panel in zip(below.subplots(1, 3), panels, strict=True):
            panel(axes)

    def _nearest(self, dynamics: str, wanted: float) -> Point | None:
        """The point of a dynamics whose noise level is next to one, if there is any."""
        there = [point for point in self.study.points if point["dynamics"] == dynamics]
        return min(there, key=lambda p: abs(math.log(p["sigma"] / wanted)), default=None)

    def _pictures(self, panels: list[Axes]) -> None:
        """The cells, and both dynamics at a few noise levels."""
        import numpy as np

        fixed = self._nearest("fixed-noise", SHOWN[0])
        wanted = [None, fixed, *(self._nearest("flow", sigma) for sigma in SHOWN)]
        for axes, which in zip(panels, wanted, strict=True):
            point = which or self.study.points[-1]
            labels, cells, _ = picture(point, memory_of(point))
            image = _coloured(cells if which is None else labels)
            axes.imshow(image.swapaxes(0, 1), origin="lower", extent=[-SIDE, SIDE] * 2)
            axes.plot(*np.array(MEMORIES).T, "o", color="black", ms=4, mec="white")
            axes.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
            title = f"{MODELS[point['dynamics']]} = {point['sigma']:g}"
            title = title if which else "nearest memory"
            axes.set(title=title.replace("σ", "$\\sigma$"), xlabel="$x_1$")
        panels[0].set_ylabel("$x_2$")

    def _fractions(self, axes: Axes) -> None:
        """Shares of the flow: under p_σ as points, of the box as lines."""
        for k, (color, marker) in enumerate(figures.SERIES[: len(MEMORIES)]):
            labels = {"dynamics": "flow", "memory": k}
            x, noised = self.study.curve("fraction", "sigma", measure="noised", **labels)
            aside = x * 1.07 ** (k - 2)  # lest the points hide each other
            label = f"$\\xi^{k + 1}$"
            figures.points(axes, aside, noised, (color, marker), ls="", ms=4, label=label)
            x, box = self.study.curve("fraction", "sigma", measure="box", **labels)
            axes.plot(x, box.mean(0), color=color, lw=1, ls=":")
        axes.axhline(1 / len(MEMORIES), **figures.THEORY[0], label="exact")
        axes.plot([], [], color="0.4", lw=1, ls=":", label="box")
        axes.set(xscale="log", title=r"flow: of $p_\sigma$ (points), of the box")
        axes.set(xlabel=r"noise level $\sigma$ of the start", ylabel="fraction of the starts")
        axes.legend(ncols=2, loc="upper left")

    def _agreement(self, axes: Axes) -> None:
        words = {"agreement": ("-", "as the cells"), "spurious": (":", "in no memory")}
        self._numbers(axes, words, "fraction of the box", "against the nearest memory")
        axes.set(ylim=(-0.03, 1.5), yticks=[0, 0.25, 0.5, 0.75, 1])  # room for the legend
        axes.legend(loc="upper right")

    def _entropy(self, axes: Axes) -> None:
        words = {"boundary": ("-", "$S_{bb}$"), "entropy": (":", "$S_b$")}
        self._numbers(axes, words, "basin entropy", "how entangled basins are")
        axes.axhline(math.log(2), **figures.THEORY[0], label=r"$\log\,2$: fractal above")
        axes.set_ylim(0, 0.78)
        axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.6))

    def _numbers(
        self, axes: Axes, words: dict[str, tuple[str, str]], label: str, title: str
    ) -> None:
        """Numbers of the pictures of both dynamics, each with its line and its name."""
        for (name, dynamics), (color, marker) in zip(MODELS.items(), figures.SERIES, strict=False):
            for quantity, (style, word) in words.items():
                x, y = self.number(quantity, name)
                if quantity == "spurious" and not y.any():
                    continue
                text = f"{word}, {dynamics}".replace("σ", "$\\sigma$")
                axes.plot(x, y, color=color, marker=marker, ms=4, ls=style, label=text)
        axes.set(xscale="log", xlabel=r"noise level $\sigma$", ylabel=label, title=title)


def _coloured(ends: ndarray) -> ndarray:
    """Colours of a picture: one per memory, shades of grey for other attractors."""
    import numpy as np
    from matplotlib.colors import to_rgb

    image = np.full((*ends.shape, 3), 0.25)
    for k, (color, _) in enumerate(figures.SERIES[: len(MEMORIES)]):
        image[ends == k] = 0.35 + 0.65 * np.array(to_rgb(color))
    other = [k for k in np.unique(ends) if k >= len(MEMORIES)]
    for place, k in enumerate(other):
        image[ends == k] = 0.92 - 0.42 * place / max(1, len(other) - 1)
    return image


if __name__ == "__main__":
    main()
