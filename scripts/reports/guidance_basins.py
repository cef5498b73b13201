"""Basins of guided classes: the diagram of σ against w, and what schedules keep."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import of_each, of_samples, table
from diffusion import theory as laws
from diffusion.guidance import densities

_CONTOURS = (0.5, 0.75, 0.9)  # of the own basin
FAMILIES = {
    "constant": "constant $w$",
    "window": "−1 below $\\sigma_s$",
    "triangle": "triangle",
    "exponential": "exponential",
    "feedback": "feedback",
}
MEASURES = {"variance_ratio": "R", "overlap": "a", "retention": "retention"}


class Report(base.Report):
    """Own basins and captures, and the trade of variance against retention."""

    between = "mixtures"
    grid = (2, 2)
    figsize = (9.6, 8.0)

    @cached_property
    def points(self) -> dict[str, Point]:
        """A point of each part."""
        return {point["part"]: point for point in self.study.points}

    @cached_property
    def _grid(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("part", "quantity", "w", "sigma")

    def diagram(self, quantity: str) -> ndarray:
        """Own basin or capture of each mixture, (samples, W, S)."""
        point = self.points["diagram"]
        found = [
            [self._grid["diagram", quantity, w, s] for s in point["sigmas"]]
            for w in point["weights"]
        ]
        return np.moveaxis(np.array(found), 2, 0)

    @cached_property
    def half(self) -> ndarray:
        """Noise level at which half is captured, (samples, W); NaN where it is not crossed."""
        sigmas = np.array(self.points["diagram"]["sigmas"])
        return np.array(
            [[_crossing(sigmas, curve) for curve in one] for one in self.diagram("capture")]
        )

    @cached_property
    def ways(self) -> dict[tuple[str, str], dict[str, dict[str, ndarray]]]:
        """By part and family, by name of the schedule, its measures by sample."""
        found: dict[tuple[str, str], dict[str, dict[str, ndarray]]] = {}
        names = "part", "family", "schedule", "quantity"
        for (part, family, name, quantity), values in self.study.by_sample(*names).items():
            if family is not None:
                own = found.setdefault((part, family), {}).setdefault(name, {})
                own[quantity] = np.array(values)
        return found

    def part(self, part: str) -> dict[str, dict[str, ndarray]]:
        """All schedules of a part by name."""
        return {n: q for (p, _), many in self.ways.items() if p == part for n, q in many.items()}

    @property
    def effective(self) -> tuple[ndarray, ndarray]:
        """w (K,) and effective shares (samples, K)."""
        return self.study.curve("effective_share", "w", part="weighted")

    def nearest(self, part: str) -> str:
        """The window whose R is nearest to 1."""
        windows = self.ways[part, "window"]
        return min(windows, key=lambda n: abs(float(windows[n]["variance_ratio"].mean()) - 1))

    @cached_property
    def feedback(self) -> str:
        """The name of the feedback guidance."""
        return next(iter(self.ways["spoilt", "feedback"]))

    def finding(self) -> str:
        """Where half is captured, and what feedback keeps beside the best window."""
        weights = self.points["diagram"]["weights"]
        w = 1.0 if 1.0 in weights else weights[-1]
        half = self.half[:, weights.index(w)]
        level = (
            f"$\\sigma$ = {of_samples(half, 3)}" if np.isfinite(half).all() else "none of these σ"
        )
        window = self.part("spoilt")[self.nearest("spoilt")]
        feedback = self.part("spoilt")[self.feedback]
        s = self.setting
        kept = [
            f"$R$ = {of_samples(one['variance_ratio'], 2)}, retention "
            f"{of_samples(one['retention'], 2)}"
            for one in (feedback, window)
        ]
        return (
            f"$K$ = {s['classes']}, $d$ = {s['dimension']}: $w$ = {w:g} captures half of "
            f"other classes from {level} on;\na spoilt model has {kept[0]} by feedback, "
            f"{kept[1]} by a window"
        )

    def conclusions(self) -> Point:
        """σ_½ by weight with theory, all schedules, and the effective shares."""
        weights = self.points["diagram"]["weights"]
        within = self.setting["within"]
        w, shares = self.effective
        return {
            "half_captured": {
                f"{w:g}": {"sigma": estimate(self.half[:, k])}
                | {"theory": float(laws.capture_sigma(within, w)) if w > -0.5 else None}
                for k, w in enumerate(weights)
                if np.isfinite(self.half[:, k]).all()
            },
            **{
                part: {
                    name: {q: estimate(values) for q, values in found.items()}
                    for name, found in self.part(part).items()
                }
                for part in ("schedules", "spoilt")
            },
            "effective_share": {f"{x:g}": estimate(shares[:, k]) for k, x in enumerate(w)},
        }

    def heading(self) -> str:
        """The mixtures."""
        s = self.setting
        return (
            f"K = {s['classes']} classes of variance {s['within']:g} in d = {s['dimension']}, "
            f"centres of variance 1; flow but for the weighted paths"
        )

    def tables(self) -> Iterable[str]:
        """The diagram, σ_½ with theory, the schedules of both models, the effective shares."""
        weights, sigmas = (self.points["diagram"][k] for k in ("weights", "sigmas"))
        for quantity, name in (("own", "B_own"), ("capture", "B_other")):
            found = self.diagram(quantity)
            rows = [[f"{s:g}", *of_each(found[:, :, j], 3)] for j, s in enumerate(sigmas)]
            yield table([f"{name}: σ", *(f"w={w:g}" for w in weights)], rows)
        within = self.setting["within"]
        rows = [
            [
                f"{w:g}",
                of_samples(self.half[:, k], 3),
                *(
                    _cell(float(level))
                    for level in (laws.capture_sigma(within, w), *self._levels(w))
                ),
            ]
            for k, w in enumerate(weights)
        ]
        yield table(["w", "σ_½", "theory", "√t* (flow)", "σ_s (infinite K)"], rows)
        for part, title in (("schedules", "exact class"), ("spoilt", "spoilt class")):
            found_of = self.part(part)
            body = [
                [name, *(of_samples(found[q], 3) for q in MEASURES)]
                for name, found in found_of.items()
            ]
            yield table([title, *MEASURES.values()], body)
        w, shares = self.effective
        yield table(
            ["weighted paths of the SDE: w", "effective share"],
            [[f"{x:g}", of_samples(shares[:, k], 3)] for k, x in enumerate(w)],
        )

    def _levels(self, w: float) -> tuple[float, float]:
        """√t* and σ_s at a weight, NaN where they are not defined."""
        s = self.setting
        alpha, ratio = math.log(s["classes"]) / s["dimension"], s["within"] / (1 + s["within"])
        start = laws.guided_condensation(alpha, w, ratio) ** 0.5 if w >= 0 else math.nan
        switch = laws.window_switch(ratio, w) if w > 0 else math.nan
        return start, switch

    def panels(self) -> Iterable[base.Panel]:
        """The diagram, the schedules of both models, the effective shares."""
        return self._diagram, self._exact, self._spoilt, self._effective

    def _diagram(self, axes: Axes) -> None:
        weights, sigmas = (np.array(self.points["diagram"][k]) for k in ("weights", "sigmas"))
        own, capture = (self.diagram(q).mean(0).T for q in ("own", "capture"))
        filled = axes.contourf(weights, sigmas, capture, np.linspace(0, 1, 11), cmap="Blues")
        axes.figure.colorbar(filled, ax=axes, label="capture $B_\\mathrm{other}$")
        lines = axes.contour(weights, sigmas, own, _CONTOURS, colors="tab:red", linestyles="--")
        axes.clabel(lines, fmt="own %g", fontsize=7)
        half, error = mean_and_sem(self.half)
        there = np.isfinite(self.half).all(0)
        look: dict[str, Any] = {"ls": "", "label": r"$\sigma_{1/2}$, measured", "clip_on": False}
        black = "#000000", "o"
        figures.means(axes, weights[there], (half[there], error[there]), black, **look)
        fine = np.linspace(max(-0.45, weights[0]), weights[-1], 60)
        level = laws.capture_sigma(self.setting["within"], fine)
        axes.plot(fine, level, color="black", lw=1.2, label=r"$\sigma_{1/2}$, isolated classes")
        levels = np.array([self._levels(w) for w in fine])
        axes.plot(fine, levels[:, 0], color="#E69F00", lw=1.4, ls="-.", label=r"$\sqrt{t^*(w)}$")
        axes.plot(
            fine, levels[:, 1], color="#009E73", lw=1.4, ls=":", label=r"window $\sigma_s(w)$"
        )
        axes.set(yscale="log", ylim=(sigmas[0], sigmas[-1]), xlim=(weights[0], weights[-1]))
        axes.set_yticks(sigmas, [f"{s:g}" for s in sigmas])
        axes.minorticks_off()
        axes.set(xlabel="extra weight $w$", ylabel=r"noise level $\sigma$")
        axes.legend(loc="lower left", fontsize=7.5)
        axes.set_title("basins: own (red), other classes (blue)")

    def _exact(self, axes: Axes) -> None:
        self._trade(axes, "schedules")
        axes.set_title(f"exact class; mean $w$ = {self.setting['strength']:g}")

    def _spoilt(self, axes: Axes) -> None:
        self._trade(axes, "spoilt")
        axes.set_title(f"spoilt class, $\\pi$ = {self.setting['share']:g}: feedback has a target")

    def _trade(self, axes: Axes, part: str) -> None:
        """Retention against the variance ratio, by family."""
        cap = self.part("schedules")["w = 0"]["retention"].mean()
        axes.axvline(1, **figures.THEORY[1])
        axes.axhline(cap, **figures.THEORY[1])
        drawn = []
        for (family, label), series in zip(FAMILIES.items(), figures.SERIES, strict=False):
            found = self.ways.get((part, family), {})
            if not found:
                continue
            x, y = (
                np.array([one[q] for one in found.values()]).T
                for q in ("variance_ratio", "retention")
            )
            (x_mean, x_error), measured = mean_and_sem(x), mean_and_sem(y)
            joined = "-" if family in ("constant", "window") else ""
            look: dict[str, Any] = {"ls": joined, "xerr": np.nan_to_num(x_error), "label": label}
            if family == "feedback":
                look |= {"ms": 9, "marker": "*"}
            figures.means(axes, x_mean, measured, series, **look)
            if family in ("constant", "window"):  # of the others the table has the names
                words = [name.split(" at ")[-1].removeprefix("w = ") for name in found]
                drawn.append((words, x_mean, measured[0], series[0], family == "window"))
        axes.set(
            xlabel="variance ratio $R$",
            ylabel=r"retention, $B_\mathrm{own}(\sigma_\mathrm{max})$",
        )
        axes.margins(x=0.08, y=0.08)
        for words, x_mean, y_mean, color, below in drawn:
            figures.name_points(axes, words, x_mean, y_mean, color, below)
        axes.legend(loc="lower left", fontsize=7.5)

    def _effective(self, axes: Axes) -> None:
        w, shares = self.effective
        figures.points(axes, w, shares, figures.SERIES[0])
        axes.axhline(densities.LEAST_SHARE, **figures.THEORY[1])
        axes.annotate(
            "no mean below",
            (w[0], densities.LEAST_SHARE),
            (0, 3),
            fontsize=8,
            textcoords="offset points",
            color="0.35",
        )
        axes.set(yscale="log", xlabel="extra weight $w$", ylabel="effective share of the paths")
        axes.set_title("SDE, weighted to $p_c^{1+w}p_u^{-w}$")


def _crossing(sigmas: ndarray, capture: ndarray) -> float:
    """Where a capture first rises through ½, by interpolation in log σ."""
    up = np.flatnonzero((capture[:-1] < 0.5) & (capture[1:] >= 0.5))
    if not len(up):
        return math.nan
    k = up[0]
    part = (0.5 - capture[k]) / (capture[k + 1] - capture[k])
    return float(sigmas[k] * (sigmas[k + 1] / sigmas[k]) ** part)


def _cell(level: float) -> str:
    """A noise level of theory; it may be nowhere, or not defined."""
    if math.isnan(level):
        return "—"
    return f"{level:.3f}" if math.isfinite(level) else "never"
