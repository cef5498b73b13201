"""Guided samples direction by direction, beside the theory of one dimension."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import of_each, of_samples, table
from diffusion import theory as laws

_WORDS = {0.25: "before speciation", 1.0: "at speciation", 4.0: "after speciation"}
_BINS = 0.25
METHODS = {"flow": "flow", "sde": "SDE"}


class Report(base.Report):
    """Potential and density of two classes, their ends, and R along directions."""

    between = "samples"
    figsize = (11.0, 9.6)

    @property
    def weights(self) -> list[float]:
        """All weights of the two classes, 0 first."""
        return [point["w"] for point in self.study.points if point["part"] == "path"]

    def looks(self) -> dict[float, tuple[str, str]]:
        """Colour and marker of each weight."""
        return dict(zip(self.weights, [("#000000", "o"), *figures.SERIES], strict=False))

    def ends(self, quantity: str, method: str, w: float) -> tuple[ndarray, ndarray]:
        """d (K,) and a quantity (samples, K)."""
        return self.study.curve(quantity, "dimension", part="ends", method=method, w=w)

    def theory(self, method: str, w: float, d: ndarray) -> tuple[ndarray, ndarray]:
        """Overshoot and variance at dimensions d."""
        mean, variance = laws.guided_two_classes(np.sqrt(d), w, method)
        return mean - np.sqrt(d), variance

    @cached_property
    def _densities(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("part", "quantity", "w", "g", "bin")

    def density(self, w: float, g: float) -> tuple[ndarray, ndarray]:
        """Bins of q and the mean density in them."""
        found = {
            key[4]: sum(values) / self.samples
            for key, values in self._densities.items()
            if key[:4] == ("path", "density", w, g)
        }
        bins = np.arange(min(found), max(found) + 1)
        return bins * _BINS, np.array([found.get(k, 0.0) for k in bins.tolist()])

    def lag(self, w: float, g: float) -> ndarray:
        """Mean of q by sample."""
        return np.array(self._densities["path", "mean", w, g, None])

    def pair(self, method: str, w: float) -> tuple[ndarray, ndarray]:
        """a/b (K,) and R (samples, K) of the pair of Gaussians."""
        return self.study.curve("variance_ratio", "ratio", part="pair", method=method, w=w)

    def groups(self, method: str, w: float) -> tuple[ndarray, ndarray]:
        """a/b and R of the groups of axes of the classes, (samples, K) both; NaN for none."""
        found = self.study.by_sample("part", "method", "w", "group", "quantity")
        both = []
        for quantity in ("ratio", "variance_ratio"):
            columns = []
            for k in range(9):
                values = found.get(("classes", method, w, k, quantity))
                if values is not None and len(values) == self.samples:
                    columns.append(values)
            both.append(np.array(columns).T)
        return both[0], both[1]

    def trace(self, method: str, w: float) -> ndarray:
        """R of the trace of the classes, by sample."""
        found = self.study.by_sample("part", "method", "w", "quantity")
        return np.array(found["classes", method, w, "trace_ratio"])

    @cached_property
    def strengths(self) -> list[float]:
        """Weights of the directions."""
        return sorted({p["w"] for p in self.study.points if p["part"] == "pair"})

    def finding(self) -> str:
        """How far both samplers overshoot, and what the trace hides."""
        w = self.weights[-1]
        d = self.ends("overshoot", "flow", w)[0]
        ends = {
            method: " to ".join(
                of_samples(self.ends("overshoot", method, w)[1][:, k], 2) for k in (0, -1)
            )
            for method in METHODS
        }
        strong = self.strengths[-1]
        R = self.groups("flow", strong)[1]
        return (
            f"$w$ = {w:g}, $d$ = {d[0]:g} to {d[-1]:g}: the overshoot goes from {ends['flow']} "
            f"along the flow, from {ends['sde']} with the SDE;\n{self.setting['classes']} classes: "
            f"$w$ = {strong:g} leaves $R$ = {of_samples(R[:, 0], 2)} to {of_samples(R[:, -1], 2)} "
            f"by direction, {of_samples(self.trace('flow', strong), 2)} of the trace"
        )

    def conclusions(self) -> Point:
        """Ends with theory, the lag of the path, and R by direction."""
        found: Point = {"ends": {}, "path": {}, "directions": {}}
        for method in METHODS:
            for w in self.weights[1:]:
                d, overshoot = self.ends("overshoot", method, w)
                variance = self.ends("variance", method, w)[1]
                law = self.theory(method, w, d)
                found["ends"][f"{method}, w = {w:g}"] = {
                    f"{size:g}": {
                        "overshoot": estimate(overshoot[:, k]),
                        "variance": estimate(variance[:, k]),
                        "theory": {"overshoot": float(law[0][k]), "variance": float(law[1][k])},
                    }
                    for k, size in enumerate(d)
                }
            for w in self.strengths:
                at, R = self.groups(method, w)
                found["directions"][f"{method}, w = {w:g}"] = {
                    "trace": estimate(self.trace(method, w)),
                    "groups": [
                        {"ratio": estimate(at[:, k]), "variance_ratio": estimate(R[:, k])}
                        for k in range(R.shape[1])
                    ],
                }
        for w in self.weights:
            found["path"][f"{w:g}"] = {
                f"{g:g}": {"q": estimate(self.lag(w, g)), "minimum": self._minimum(w, g)}
                for g in _WORDS
            }
        return found

    def _minimum(self, w: float, g: float) -> float:
        return float(laws.guided_minimum(g, w)[0])

    def heading(self) -> str:
        """What was guided."""
        s = self.setting
        return f"{s['trials']} guided samples per point, {s['steps']} steps; exact scores"

    def tables(self) -> Iterable[str]:
        """The path, the ends, the pair and the classes."""
        rows = [
            [f"w = {w:g}"]
            + [
                x
                for g in _WORDS
                for x in (of_samples(self.lag(w, g), 3), f"{self._minimum(w, g):.3f}")
            ]
            for w in self.weights
        ]
        head = [x for g in _WORDS for x in (f"E q, g = {g:g}", "minimum of V")]
        yield table(["SDE, d = 64", *head], rows)
        for method, name in METHODS.items():
            for w in self.weights[1:]:
                d, overshoot = self.ends("overshoot", method, w)
                law = self.theory(method, w, d)
                cells = [
                    of_each(overshoot),
                    [f"{x:.3f}" for x in law[0]],
                    of_each(self.ends("variance", method, w)[1]),
                    [f"{x:.3f}" for x in law[1]],
                ]
                body = [
                    [f"{x:g}", *row] for x, row in zip(d, zip(*cells, strict=True), strict=True)
                ]
                yield table(
                    [f"{name}, w = {w:g}: d", "E q − √d", "theory", "Var q", "theory"], body
                )
        yield self._of_pair()
        yield self._of_classes()

    def _of_pair(self) -> str:
        rows = []
        for method, name in METHODS.items():
            for w in self.strengths:
                r, R = self.pair(method, w)
                law = laws.guided_directions(r, 1.0, w, method)[1]
                for k, one in enumerate(r):
                    rows.append([name, f"{w:g}", f"{one:g}", of_samples(R[:, k]), f"{law[k]:.4g}"])
        return table(["pair of Gaussians", "w", "a/b", "R", "theory"], rows)

    def _of_classes(self) -> str:
        rows = []
        for method, name in METHODS.items():
            for w in self.strengths:
                at, R = self.groups(method, w)
                for k in range(R.shape[1]):
                    rows.append([name, f"{w:g}", of_samples(at[:, k]), of_samples(R[:, k])])
                rows.append([name, f"{w:g}", "trace", of_samples(self.trace(method, w))])
        return table([f"{self.setting['classes']} classes", "w", "a/b", "R"], rows)

    def draw(self, figure: Figure) -> None:
        """The path above, the ends and the directions below."""
        upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1.9])
        row = upper.subplots(1, 3)
        for axes, g in zip(row, _WORDS, strict=True):
            self._path(axes, g)
        handles, labels = row[0].get_legend_handles_labels()
        figures.legend_below(upper, handles, labels, 9)
        panels = lower.subplots(2, 2)
        self._overshoot(panels[0][0], "overshoot", r"overshoot $\mathrm{E}\,q-\sqrt{d}$")
        self._overshoot(panels[0][1], "variance", r"$\mathrm{Var}\,q$ along $m$")
        self._directions(panels[1][0], "pair")
        self._directions(panels[1][1], "classes")

    def _path(self, axes: Axes, g: float) -> None:
        """V above its minimum, and the density of q in units of its largest value."""
        reach = [self._minimum(w, g) for w in self.weights]
        reach += [float(self.lag(w, g).mean()) for w in self.weights]  # may be far from it
        at = np.linspace(min(reach) - 3.5, max(reach) + 3, 600)
        for w, (color, _) in self.looks().items():
            V = laws.guided_potential(at, g, w)
            axes.plot(at, V - V.min(), color=color, lw=1.2, label=f"$V$, $w$ = {w:g}")
            left, density = self.density(w, g)
            edges = np.append(left, left[-1] + _BINS)
            look: dict[str, Any] = {"color": color, "alpha": 0.18, "fill": True}
            axes.stairs(density / density.max(), edges, **look)
            axes.stairs(density / density.max(), edges, color=color, lw=0.8)
        axes.set(ylim=(0, 3), xlim=(at[0], at[-1]), xlabel="projection $q$")
        axes.set_ylabel(r"$V-\min V$, density")
        axes.set_title(f"$g$ = {g:g}, {_WORDS[g]} (SDE)")

    def _overshoot(self, axes: Axes, quantity: str, label: str) -> None:
        which = 0 if quantity == "overshoot" else 1
        for w in self.weights[1:]:
            color, marker = self.looks()[w]
            for method, style in (("flow", "-"), ("sde", "--")):
                d, by_sample = self.ends(quantity, method, w)
                fine = np.geomspace(d[0], d[-1], 9)
                axes.plot(fine, self.theory(method, w, fine)[which], color=color, ls=style, lw=1.2)
                look: dict[str, Any] = {"ls": "", "label": f"{METHODS[method]}, $w$ = {w:g}"}
                if method == "sde":
                    look["mfc"] = "white"
                figures.points(axes, d, by_sample, (color, marker), **look)
        figures.ticks(axes, d, base=2)
        if which == 0:
            axes.set_yscale("log")
            axes.set_title("ends: lines are theory")
            axes.legend(fontsize=7, ncols=3, loc="lower left")
            figures.plain_ticks(axes.yaxis)
        else:
            axes.axhline(1, **figures.THEORY[1])
            axes.set_ylim(0, 1.1)
            axes.set_title("variance at the data; 1 is right")
        axes.set(xlabel="dimension $d$", ylabel=label)

    def _directions(self, axes: Axes, part: str) -> None:
        """R against a/b, log-log, with the lines of Gaussians."""
        fine = np.geomspace(0.1, 4.0, 80) if part == "classes" else np.geomspace(0.15, 2.6, 80)
        for w, series in zip(self.strengths, figures.SERIES, strict=False):
            for method, style in (("flow", "-"), ("sde", "--")):
                law = laws.guided_directions(fine, 1.0, w, method)[1]
                axes.plot(fine, law, color=series[0], ls=style, lw=1.1)
                look: dict[str, Any] = {"ls": "", "label": f"{METHODS[method]}, $w$ = {w:g}"}
                if method == "sde":
                    look["mfc"] = "white"
                if part == "pair":
                    figures.points(axes, *self.pair(method, w), series, **look)
                else:
                    at, R = self.groups(method, w)
                    (x, x_error), found = mean_and_sem(at), mean_and_sem(R)
                    figures.means(axes, x, found, series, xerr=np.nan_to_num(x_error), **look)
        axes.axhline(1, **figures.THEORY[1])
        axes.axvline(1, **figures.THEORY[1])
        axes.set(
            xscale="log", yscale="log", xlabel="variance $a$ of the class over $b$ of the whole"
        )
        axes.set(ylabel="variance ratio $R$", xlim=(fine[0], fine[-1]))
        for axis in (axes.xaxis, axes.yaxis):
            figures.plain_ticks(axis)
        axes.legend(fontsize=7.5, loc="upper left")
        words = {
            "pair": "directions of two Gaussians",
            "classes": f"axes of {self.setting['classes']} classes, $d$ = {self.setting['axes']}",
        }
        axes.set_title(words[part])
        if part == "classes":
            axes.set(xlim=(0.1, 4), ylim=(0.3, 4))  # lines of infinitely many classes go on
            for axis in (axes.xaxis, axes.yaxis):
                figures.plain_ticks(axis)
