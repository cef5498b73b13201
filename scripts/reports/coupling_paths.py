"""Paths of unlearning and of the perceptron, their ends and their basins: `coupling_paths`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bridges.crossing import Crossings, SizeDependence, crossings, size_dependence
from bridges.estimates import mean_and_sem
from bridges.study import figures, looks, report as base
from bridges.study.record import Point
from bridges.study.tables import of_samples, table, uncertain
from hopfield.theory import gardner_kappa

LABELS = {
    "hebb": "Hebb",
    "D_in": r"dreams, $D_\mathrm{in}$",
    "D_opt": r"dreams, $D_\mathrm{opt}$",
    "D_fin": r"dreams, $D_\mathrm{fin}$",
    "perceptron": "perceptron",
    "max-margin": "max margin",
    "pseudo-inverse": "pseudo-inverse",
    "clipped": "clipped spectrum",
}
LOOKS = {
    "hebb": looks.LOOKS["hebb"],
    "D_in": ("#CC6677", "<"),
    "D_opt": looks.LOOKS["unlearned"],
    "D_fin": ("#44081A", "v"),
    "perceptron": ("#009E73", "^"),
    "max-margin": looks.LOOKS["max-margin"],
    "pseudo-inverse": looks.LOOKS["pseudo-inverse"],
    "clipped": ("#56B4E9", "D"),
}
_SHARES = ("recovered", "near", "spurious", "reversed")
_MOMENTS = ("mean", "std", "skewness", "least", "ratio")


class Report(base.Report):
    """What both rules do to the couplings, and what the couplings then do."""

    grid = (2, 3)

    figsize = 11.5, 7.2

    @property
    def load(self) -> float:
        """α."""
        return float(self.setting["patterns"] / self.setting["size"])

    @property
    def sizes(self) -> list[int]:
        """All sizes at which midpoints were measured."""
        return sorted({point["size"] for point in self.study.points if point["kind"] != "paths"})

    def along(self, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """D (K,) in N/ε and values (samples, K) along the dreams."""
        return self.study.curve(quantity, "D", kind="paths")

    def dreams(self, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """D (K,) and a coordinate (samples, K) of the dreams' path."""
        return self.study.curve(quantity, "D", kind="paths", path="dreams")

    def passes(self, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """Share of the passes made (K,) and a coordinate (samples, K) of the perceptron's path."""
        return self.study.curve(quantity, "progress", kind="paths", path="perceptron")

    def of_rule(self, rule: str, quantity: str) -> np.ndarray:
        """A number of one rule, (samples,), NaN where a sample has none."""
        found = self.study.curve(quantity, "patterns", kind="rule", rule=rule)[1]
        return found[:, 0] if found.size else np.full(self.samples, np.nan)

    @cached_property
    def midpoints(self) -> dict[tuple[str, int], Crossings]:
        """Midpoint by rule and size, where some samples have a curve."""
        found = {}
        for point in self.study.points:
            if point["kind"] == "paths":
                continue
            labels = {key: point[key] for key in ("kind", "rule", "size")}
            x, by_sample = self.study.curve("overlap", "cue_overlap", **labels)
            whole = by_sample[~np.isnan(by_sample).any(1)] if by_sample.size else by_sample
            if len(whole):
                key = point["rule"], point["size"]
                found[key] = crossings(x, (1 + whole) / 2, 0.75, rising=True)
        return found

    @cached_property
    def trends(self) -> dict[str, SizeDependence]:
        """Dependence of the midpoints on the size, of rules that have one at each of them."""
        found = {}
        for rule in LABELS:
            known = [self.midpoints.get((rule, size)) for size in self.sizes]
            values = [one.value for one in known if one is not None]
            sems = [one.sem for one in known if one is not None]
            if len(values) == len(self.sizes) > 1 and np.isfinite([*values, *sems]).all():
                found[rule] = size_dependence(
                    self.sizes, np.array(values), np.array(sems), self.samples
                )
        return found

    @cached_property
    def together(self) -> tuple[float, float]:
        """The least mean cosine of both paths at equal angle to Hebb, and the D of that."""
        D, by_sample = self.along("between_paths")
        shared = ~np.isnan(by_sample).any(0) if by_sample.size else np.zeros(0, bool)
        if not shared.any():
            return math.nan, math.nan
        mean = by_sample[:, shared].mean(0)
        return float(mean.min()), float(D[shared][mean.argmin()])

    def finding(self) -> str:
        """How alike the paths are, and where each goes from there."""
        cosine, _ = self.together
        to_goal = self.dreams("cosine_to_goal")[1]
        learned = self.passes("cosine_to_goal")[1]
        if not to_goal.size:
            return "No pattern set is separable: there is nothing to compare"
        best = to_goal[:, to_goal.mean(0).argmax()]
        return (
            f"At equal angles to Hebb both paths have a cosine of {cosine:.3f} or more; then "
            f"dreams go on to {of_samples(best)} with the largest margin (perceptron "
            f"{of_samples(learned[:, -1])})"
        )

    def conclusions(self) -> Point:
        """Likeness of the paths, midpoints, and what their sizes say."""
        cosine, D = self.together
        midpoints = {
            f"{rule} N={size}": {"mean": one.value, "sem": one.sem, "n": self.samples}
            for (rule, size), one in self.midpoints.items()
        }
        trends = {
            rule: {
                "decided": one.decided,
                "span": one.span,
                "inverse": _fit(one.inverse, self.samples),
                "root": _fit(one.root, self.samples),
            }
            for rule, one in self.trends.items()
        }
        paths = {"least_cosine": cosine, "at_D": D}
        return {"paths": paths, "midpoints": midpoints, "size_dependence": trends}

    def heading(self) -> str:
        """The network, the rules and the cues."""
        s = self.setting
        return (
            f"N = {s['size']}, α = {self.load:g}, ε = λ = {s['rate']:g}; perceptron at "
            f"{s['margin']:g} of the largest least stability; {s['trials']} cues per pattern set"
        )

    def tables(self) -> Iterator[str]:
        """The paths, the rules, the midpoints by size."""
        yield self._path_table()
        yield self._rule_table()
        yield self._size_table()

    def _path_table(self) -> str:
        names = ("norm_ratio", "cosine", "sideways", "out_of_plane", "cosine_to_goal")
        D = self.dreams("cosine")[0]
        columns = [self.dreams(name) for name in names]
        columns += [self.along(name) for name in ("between_seeds", "between_paths")]
        rows = []
        for k in range(0, len(D), 3):
            cells = [values[:, x == D[k]] for x, values in columns]
            cells_of = [of_samples(c[:, 0]) if c.size else "—" for c in cells]
            rows.append([f"dreams, D = {D[k]:.3f}", *cells_of])
        ends = [self.passes(name)[1] for name in names]
        rows.append(["perceptron, end", *(of_samples(e[:, -1]) if e.size else "—" for e in ends)])
        rows[-1] += ["", ""]
        header = ["", "norm", "c_H", "side", "out", "to margin", "seeds", "to perceptron"]
        axes, shares = self.study.curve("explained", "axis", kind="paths")
        share = ", ".join(of_samples(one) for one in shares.T) if len(axes) else "—"
        return (
            table(header, rows)
            + f"\n\nto perceptron: at the same c_H; first axes of all directions: {share}"
        )

    def _rule_table(self) -> str:
        rows = []
        for rule in LABELS:
            moments = [self.of_rule(rule, f"stability_{name}") for name in _MOMENTS]
            ends = [self.of_rule(rule, name) for name in (*_SHARES, "mean_final")]
            found = self.midpoints.get((rule, self.setting["size"]))
            middle = "never" if found is None else _number(found)
            rows.append([rule, *map(of_samples, [*moments, *ends]), middle])
        header = ["", "⟨Δ⟩", "std Δ", "skew", "Δ_min", "Δ_min/κ"]
        header += ["≥ .95", "(.5, .95)", "(0, .5]", "≤ 0", "m_f", "midpoint"]
        return (
            table(header, rows)
            + f"\n\nκ: largest least stability of the sample; Gardner's κ for N → ∞ is "
            f"{float(gardner_kappa(self.load)):.4f}\nshares: of final overlaps from exact cues at "
            f"{self.setting['overlap']:g}; midpoint: m_f = 1/2, independent flips"
        )

    def _size_table(self) -> str:
        rows = []
        for rule, trend in self.trends.items():
            cells = [_number(self.midpoints[rule, size]) for size in self.sizes]
            fits = [uncertain(f.limit, f.sem, 3) for f in (trend.inverse, trend.root)]
            misfits = [f"{f.misfit:.2g}" for f in (trend.inverse, trend.root)]
            verdict = "limits agree" if trend.decided else "not decided"
            rows.append([rule, *cells, fits[0], misfits[0], fits[1], misfits[1], verdict])
        header = ["midpoint", *(f"N = {size}" for size in self.sizes)]
        return table([*header, "a + b/N", "χ²/dof", "a + b/√N", "χ²/dof", "limit"], rows)

    def panels(self) -> tuple[base.Panel, ...]:
        """Paths, norms, stabilities, final overlaps, midpoints, sizes."""
        return (
            *(self._plane, self._likeness, self._stabilities),
            *(self._finals, self._midpoints, self._sizes),
        )

    def _plane(self, axes: Axes) -> None:
        for found, rule, label in (
            (self.dreams, "D_opt", "dreams"),
            (self.passes, "perceptron", "perceptron"),
        ):
            numbers = (found(q)[1] for q in ("cosine", "sideways", "out_of_plane"))
            x, y, out = (mean_and_sem(one)[0] for one in numbers)
            color, marker = LOOKS[rule]
            axes.plot(x, y, color=color, lw=1.5, zorder=1, marker=marker, ms=7, label=label)
            look = {"cmap": "viridis", "vmin": 0, "vmax": 0.3, "zorder": 2, "s": 16}
            shown = axes.scatter(x, y, c=out, marker=marker, **look)
        bar = axes.figure.colorbar(shown, ax=axes, pad=0.01)
        bar.set_label("out of the plane")
        circle = np.linspace(0, math.pi / 2, 90)
        axes.plot(np.cos(circle), np.sin(circle), color="0.85", lw=0.8, zorder=0)
        axes.set(xlabel=r"$c_H$, cosine with Hebb", ylabel="towards the largest margin")
        axes.set(xlim=(1.02, 0.65), ylim=(-0.03, 0.75), title="the plane of Hebb and margin")
        axes.legend(loc="upper left")

    def _likeness(self, axes: Axes) -> None:
        series = figures.SERIES
        for quantity, label, look in (
            ("between_paths", r"dreams · perceptron, same $c_H$", series[0]),
            ("between_seeds", "two paths of dreams", series[2]),
            ("cosine_to_goal", "dreams · largest margin", series[1]),
        ):
            x, by_sample = self.along(quantity) if "between" in quantity else self.dreams(quantity)
            kept = ~np.isnan(by_sample).all(0)
            figures.points(axes, x[kept], by_sample[:, kept], look, ms=3.5, label=label)
        figures.points(
            axes, *self.dreams("norm_ratio"), ("0.4", ""), ls="--", label=r"norm of $J$ / Hebb's"
        )
        for time in self.setting["times"]:
            axes.axvline(time, color="0.85", lw=0.8, zorder=0)
        axes.set(xlabel=r"dreams $D$ [$N/\epsilon$]", ylabel="cosine, norm", ylim=(0, 1.04))
        axes.set_title(f"along the dreams, $\\alpha$ = {self.load:g}")
        axes.legend(loc="lower left")

    def _histogram(self, axes: Axes, quantity: str, rules: tuple[str, ...]) -> None:
        for rule in rules:
            x, by_sample = self.study.curve(f"{quantity}_density", quantity, kind="rule", rule=rule)
            if by_sample.size:
                half = (x[1] - x[0]) / 2
                edges, mean = np.append(x - half, x[-1] + half), mean_and_sem(by_sample)[0]
                axes.stairs(mean, edges, color=LOOKS[rule][0], lw=1.3, label=LABELS[rule])

    def _stabilities(self, axes: Axes) -> None:
        rules = ("hebb", "D_in", "D_opt", "D_fin", "perceptron", "max-margin", "pseudo-inverse")
        self._histogram(axes, "stability", rules)
        axes.set(xlabel=r"stability $\Delta$", ylabel="density", xlim=(-1, 4), ylim=(0, None))
        axes.set_title("stabilities")
        axes.legend(loc="upper right", fontsize=7)

    def _finals(self, axes: Axes) -> None:
        rules = ("hebb", "D_in", "D_opt", "D_fin", "perceptron", "max-margin", "clipped")
        self._histogram(axes, "final", rules)
        axes.axvline(self.setting["overlap"], color="0.85", lw=0.8, zorder=0)
        axes.set(xlabel=r"final overlap $m_f$", ylabel="density", xlim=(-0.5, 1), ylim=(0, None))
        axes.set_title(f"ends of cues at $m_0$ = {self.setting['overlap']:g}")
        axes.legend(loc="upper left", fontsize=7)

    def _midpoints(self, axes: Axes) -> None:
        shown = [rule for rule in LABELS if self._finite(rule)]
        for k, rule in enumerate(shown):
            found = self.midpoints[rule, self.setting["size"]]
            look = {"ms": 7, "ls": ""}
            figures.means(axes, [k], ([found.value], [found.sem]), LOOKS[rule], **look)
        axes.set_xticks(
            range(len(shown)), [LABELS[rule] for rule in shown], rotation=35, ha="right"
        )
        axes.set(ylabel=r"midpoint $m_0^{1/2}$", xlim=(-0.6, len(shown) - 0.4))
        axes.set_title(f"smaller is wider, $N$ = {self.setting['size']}")

    def _finite(self, rule: str) -> bool:
        found = self.midpoints.get((rule, self.setting["size"]))
        return found is not None and math.isfinite(found.value)

    def _sizes(self, axes: Axes) -> None:
        x = np.linspace(0, 1.05 / min(self.sizes), 100)
        for rule, trend in self.trends.items():
            verdict = "" if trend.decided else ": limit not decided"
            found = trend.values, trend.sems
            look = {"ls": "", "label": f"{LABELS[rule]}{verdict}"}
            figures.means(axes, 1 / trend.sizes, found, LOOKS[rule], **look)
            for fit, style in ((trend.inverse, "-"), (trend.root, ":")):
                law = fit.limit + fit.slope * x**fit.exponent
                axes.plot(x, law, color=LOOKS[rule][0], lw=1, ls=style, zorder=1)
        axes.set(xlabel="$1/N$", ylabel=r"midpoint $m_0^{1/2}$", xlim=(0, x[-1]))
        axes.set_title(r"lines: $a + b/N$; dotted: $a + b/\sqrt{N}$")
        if self.trends:
            axes.legend(loc="upper right", fontsize=7)


def _number(found: Crossings) -> str:
    """A midpoint with its error, or on which side of all cues it lies."""
    if not math.isfinite(found.value):
        return "above all" if found.value > 0 else "below all"
    return uncertain(found.value, found.sem, 3)


def _fit(fit: Any, samples: int) -> Point:
    limit = {"mean": fit.limit, "sem": fit.sem, "n": samples}
    return {"limit": limit, "misfit": fit.misfit, "slope": fit.slope}
