"""The paper "Losing dimensions" to the letter: its curve, its order of loss, its estimator.

Its curve stands beside the exact score of as many points, and its order beside the weights of the
posterior: confirmed in high dimension, where 2 λ log P ≪ 1, and reversed in 30 dimensions. Its
second difference is never shown without the half-count of the same values.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray
from reports.trained import learnt

from bridges.estimates import estimate
from bridges.study import figures
from bridges.study.record import Point
from bridges.study.results import Study
from bridges.study.tables import of_samples, table
from diffusion import theory as laws

_PAPER = (1.0, 0.09, 1e-4)  # variances of the blocks, before normalising
_NAMES = {1: "direction 1", 2: "direction 2"}


class ToTheLetter:
    """What the paper says of its own data, and what is measured on them.

    Parameters
    ----------
    study : a run of `losing_dimensions`.
    """

    def __init__(self, study: Study) -> None:
        names = "part", "patterns", "dimension", "quantity", "t", "subspace"
        self._found = study.by_sample(*names)
        parts: dict[str, list[Point]] = {}
        for point in study.points:
            parts.setdefault(point["part"], []).append(point)
        (self.score,) = parts["score"]
        self.orders = parts["order"]
        self.kinks = parts["kinks"]

    def curve(self, point: Point, quantity: str, part: str = "", subspace: Any = None) -> ndarray:
        """A quantity at every noise variance of a point, (samples, T)."""
        key = part or point["part"], point["patterns"], point["dimension"], quantity
        return np.array([self._found[(*key, t, subspace)] for t in point["noise"]]).T

    @cached_property
    def verdicts(self) -> dict[int, dict[str, Any]]:
        """By dimension, whether direction 1 is lost before direction 2: Σ w² over all t."""
        found = {}
        for point in self.orders:
            first, second = (self.curve(point, "condensation", subspace=a) for a in (1, 2))
            mean = estimate((first - second).mean(1))
            apart = abs(mean["mean"]) > 3 * mean["sem"]  # not where an error is NaN
            word = "confirmed" if mean["mean"] > 0 else "reversed"
            said = word if apart else "undecided"
            found[point["dimension"]] = {"difference": mean, "large_variance_first": said}
        return found

    def has_learnt(self, point: Point) -> bool:
        """Whether the networks of a size are below the loss of a constant."""
        key = "networks", point["patterns"], point["dimension"], "learnt", None, None
        return bool(learnt(np.array(self._found[key])))

    def words(self) -> str:
        """The order of loss in each dimension."""
        return ", ".join(
            f"{found['large_variance_first']} in {d} dimensions"
            for d, found in self.verdicts.items()
        )

    def tables(self) -> list[str]:
        """The order of loss, and the dimensions by the paper's rule beside half-counts."""
        rows = []
        for point in self.orders:
            both = [self.curve(point, "condensation", subspace=a) for a in (1, 2)]
            for k, t in enumerate(point["noise"]):
                cells = [of_samples(one[:, k], 3) for one in both]
                rows.append([str(point["dimension"]), f"{t:.3g}", *cells])
        order = table(["unit norm, d", "t", "Σw², direction 1", "direction 2"], rows)
        rows = []
        for point in self.kinks:
            for part in ("kinks", *("networks",) * self.has_learnt(point)):
                kink, half = (self.curve(point, name, part) for name in ("kink", "half-count"))
                answered = self.curve(point, "answered", part)
                for k, t in enumerate(point["noise"]):
                    value = of_samples(kink[:, k], 1) if answered[:, k].all() else "––"
                    who = "network" if part == "networks" else "exact"
                    cells = [value, of_samples(half[:, k], 1)]
                    rows.append([str(point["patterns"]), who, f"{t**0.5:.3g}", *cells])
        kinks = table(["kinks, P", "score", "σ", "second difference", "half-count"], rows)
        said = f"(the larger variance first: {self.words()})"
        return [f"{order}\n\n{said}", f"{kinks}\n\n(–– where some sample is collapsed)"]

    def draw_curve(self, axes: Axes) -> None:
        """The paper's curve, the homogeneous one, and the score."""
        point = self.score
        rest = point["dimension"] - sum(point["subspaces"])
        lam = np.repeat(_PAPER, [*point["subspaces"], rest])
        t = np.geomspace(point["noise"][0], point["noise"][-1], 200)
        for law, label, style in (
            (laws.paper_spectrum, "paper's formula", "--"),
            (laws.homogeneous_spectrum, "homogeneous, ours", "-"),
        ):
            values = t * law(point["patterns"], lam, np.sqrt(t))[:, 0]
            axes.plot(t, values, color="0.35", ls=style, lw=1.4, label=label)
        for a, name in _NAMES.items():
            found = self.curve(point, "difference", subspace=a)
            look: dict[str, Any] = {"ls": "", "label": f"exact score, {name}"}
            figures.points(axes, np.array(point["noise"]), found, figures.SERIES[a - 1], **look)
        axes.set(xscale="log", yscale="log", xlabel=r"noise variance $t=\sigma^2$")
        axes.set_ylabel(r"$t\,s_k$  or  $\sigma\,|S(\sigma e_k)-S(0)|$")
        axes.legend(fontsize=7.5)
        axes.set_title(f"paper's data, no norm, $P$ = {point['patterns']}")

    def draw_order(self, axes: Axes) -> None:
        """Σ w² of both directions in both dimensions, against t/t*₁."""
        for place, point in enumerate(self.orders):
            scaled = np.array(point["noise"]) / point["noise"][-1]
            for a, name in _NAMES.items():
                color, marker = figures.SERIES[a - 1]
                found = self.curve(point, "condensation", subspace=a)
                look: dict[str, Any] = {"ls": ("-", ":")[place], "label": f"{name}, $d$ = "}
                look["label"] += str(point["dimension"])
                look["mfc"] = "white" if place else color
                figures.points(axes, scaled, found, (color, marker), **look)
        t = np.geomspace(0.02, 1, 200)
        label = r"$1-\sqrt{t/t^*_k}$, large $d$"
        for ratio in (_PAPER[1] / _PAPER[0], 1.0):
            values = np.maximum(1 - np.sqrt(t / ratio), 0)
            axes.plot(t, values, color="0.6", lw=1, zorder=1, label=label if ratio == 1 else None)
        axes.set(xscale="log", xlabel="noise variance $t/t^*_1$", ylabel=r"$\Sigma_\mu w_\mu^2$")
        axes.legend(fontsize=7.5)
        axes.set_title(f"larger variance first:\n{self.words()}")

    def draw_kinks(self, axes: Axes) -> None:
        """Second difference (open) and half-count (full) of the small data set."""
        point = self.kinks[0]
        sigma = np.sqrt(point["noise"])
        parts = {"kinks": "exact score", "networks": "network"}
        if not self.has_learnt(point):
            del parts["networks"]
        for (part, label), (color, marker) in zip(parts.items(), figures.SERIES, strict=False):
            half, kink = (self.curve(point, name, part) for name in ("half-count", "kink"))
            figures.points(axes, sigma, half, (color, marker), label=f"half-count, {label}")
            kink = np.where(self.curve(point, "answered", part) > 0, kink, np.nan)
            look: dict[str, Any] = {"ls": ":", "mfc": "white", "label": f"2nd difference, {label}"}
            figures.points(axes, sigma, kink, (color, marker), **look)
        true = sum(point["subspaces"]) - 1
        axes.axhline(true, color="0.6", lw=1, zorder=1)
        axes.set(
            xscale="log", xlabel=r"noise level $\sigma$", ylabel="dimension", ylim=(-0.5, None)
        )
        axes.set_xticks(list(sigma), [f"{s:g}" for s in sigma])
        axes.minorticks_off()
        axes.legend(fontsize=7.5)
        axes.set_title(f"unit norm, $P$ = {point['patterns']}: a sphere of {true} dimensions")
