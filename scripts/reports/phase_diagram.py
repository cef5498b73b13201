"""What the study of phases found: times, cells, losses beside their closed form, ranks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from numpy import ndarray

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import by_column, of_each, of_samples, table
from diffusion.learning_times import PHASES
from diffusion.theory import best_ridge, double_descent

_FITTED = 4.0  # n/d from which exponents of the score error are fitted
_PAPER_EXPONENT = 0.59  # of the score error at its minimum (2505.17638)
_COLOURS = dict(zip(PHASES, ("#D9D9D9", "#56B4E9", "#E69F00", "#009E73"), strict=True))
_FINE = 120  # places of a line of theory
_LOSSES = {
    "pairs": "on the pairs",
    "own": "own points, fresh noise",
    "test": "fresh points",
}
_SPLIT = {"bias2": r"$B^2$", "variance": "$V$"}


class Report(base.Report):
    """Phases over n, p and τ, double descent and truncation."""

    between = "data sets and features"
    grid = (2, 3)
    figsize = 11.8, 7.6

    def along(self, quantity: str, features: float, **labels: Any) -> tuple[ndarray, ndarray]:
        """n/d (K,) and values (samples, K) at a p/d of the diagram."""
        return self.study.curve(quantity, "points", kind="phase", features=features, **labels)

    def fit(self, quantity: str, ridge: float) -> tuple[ndarray, ndarray]:
        """p/d (K,) and values (samples, K) of the regressions."""
        return self.study.curve(quantity, "features", kind="descent", ridge=ridge)

    def cut(self, quantity: str) -> tuple[ndarray, ndarray]:
        """r/d (K,) and values (samples, K) of the truncated fit."""
        return self.study.curve(quantity, "rank", kind="rank")

    @property
    def features(self) -> list[float]:
        """p/d of the diagram."""
        return list(self.setting["features"])

    @property
    def equal(self) -> float:
        """p/d = nm/d, where there are as many parameters as numbers to fit."""
        return float(self.setting["fitted_points"] * self.setting["draws"])

    def exponent(self, features: float) -> ndarray:
        """d log E_opt/d log n from n/d = `_FITTED` on, (samples,), NaN of fewer than two n."""
        n, found = self.along("score_error", features)
        used = n >= _FITTED
        if used.sum() < 2:
            return np.full(self.samples, np.nan)
        x = np.log(n[used])
        x = x - x.mean()
        return np.asarray((np.log(found[:, used]) @ x) / (x @ x))

    def growth(self, quantity: str, features: float) -> ndarray:
        """A time with the most data over that with the fewest, (samples,), NaN where it misses."""
        found = self._of_all(quantity, features)
        return np.asarray(found[:, -1] / found[:, 0])

    def local(self, features: float) -> tuple[ndarray, ndarray]:
        """n/d between neighbours (K − 1,) and slopes of the score error there, (samples, K − 1)."""
        n, found = self.along("score_error", features)
        slopes = np.diff(np.log(found), axis=1) / np.diff(np.log(n))
        return np.sqrt(n[1:] * n[:-1]), slopes

    def cells(self, tau: float) -> ndarray:
        """The phase that most samples are in, as its place in PHASES, (n, p)."""
        shares = [
            [self.along(word, p, flow_time=tau)[1].mean(0) for p in self.features]
            for word in PHASES
        ]
        return np.array(shares).argmax(0).T

    @cached_property
    def peak(self) -> float:
        """p/d of the largest test loss at the smallest ridge."""
        p, found = self.fit("test", min(self.setting["ridges"]))
        return float(p[found.mean(0).argmax()])

    def theory(self, p: ndarray, ridge: float) -> Any:
        """The closed form at p/d."""
        s = self.setting
        return double_descent(p, s["fitted_points"], s["draws"], ridge, s["time"])

    def finding(self) -> str:
        """What waits for data, and where the peak is."""
        p, n = max(self.features), self.setting["points"]
        gen, gap = (of_samples(self.growth(name, p), 2) for name in ("gen63", "gap"))
        late = "never comes" if gap == "never" else f"{gap} times"
        p_fit = self.fit("test", min(self.setting["ridges"]))[0]
        inside = p_fit.min() < self.peak < p_fit.max()
        where = (
            f"has its peak at $p/d$ = {self.peak:g}" if inside else "has no peak inside the grid"
        )
        peak = f"the test loss of fits {where} ($nm/d$ = {self.equal:g})"
        if len(n) == 1:
            return peak[0].upper() + peak[1:]
        return (
            f"At $p/d$ = {p:g} with {n[-1] / n[0]:g} times the data generalization takes {gen} "
            f"times as long, overfitting {late}; {peak}"
        )

    def conclusions(self) -> Point:
        """Exponents of the score error, growth of times, cells, the peak and the best rank."""
        ridge = min(self.setting["ridges"])
        rank, test = self.cut("test")
        return {
            "exponents": {
                f"{p:g}": {
                    "score_error": estimate(self.exponent(p)),
                    "growth": {
                        name: estimate(self.growth(name, p)) for name in ("gen63", "gap", "mem50")
                    },
                    "local": [
                        {"points": float(n), "slope": estimate(one)}
                        for n, one in zip(self.local(p)[0], self.local(p)[1].T, strict=True)
                    ],
                }
                for p in self.features
            },
            "cells": {
                f"{tau:g}": [[PHASES[k] for k in row] for row in self.cells(tau).tolist()]
                for tau in self.setting["flow_times"]
            },
            "peak": {"features": self.peak, "equal": self.equal, "ridge": ridge},
            "best_rank": float(rank[test.mean(0).argmin()]),
        }

    def heading(self) -> str:
        """The data and the model."""
        s = self.setting
        return (
            f"N(0, I) in d = {s['dimension']}, t = {s['time']:g}, tanh; fits on m = {s['draws']} "
            f"draws of each of n = {s['fitted_points']:g} d points"
        )

    def tables(self) -> Iterator[str]:
        """Times, gaps and cells by n and p; the fits beside theory; the ranks."""
        for p in self.features:
            yield self._phases_table(p)
        for tau in self.setting["flow_times"]:
            rows = [
                [f"{n:g}", *(PHASES[k] for k in row)]
                for n, row in zip(self.setting["points"], self.cells(tau), strict=True)
            ]
            heading = ["n/d", *(f"p/d = {p:g}" for p in self.features)]
            yield f"What most samples are doing at τ = {tau:g}\n\n" + table(heading, rows)
        for ridge in self.setting["ridges"]:
            yield self._fits_table(ridge)
        yield self._best_table()
        rank = self.cut("test")[0]
        columns = [[f"{r:g}" for r in rank], *(of_each(self.cut(q)[1]) for q in _LOSSES)]
        most = max(self.setting["fitted_features"])
        yield (
            f"Losses of the r largest modes at p/d = {most:g}, without a ridge\n\n"
            + by_column(["r/d", *_LOSSES.values()], *columns)
        )
        yield self.finding().replace("$", "")

    def _phases_table(self, p: float) -> str:
        n = self.along("gen63", p)[0]
        named: list[tuple[str, ndarray]] = [
            *((name, self._of_all(q, p)) for name, q in _TIMES.items()),
            *(
                (f"L_gen({tau:g})", self.along("L_gen", p, flow_time=tau)[1])
                for tau in self.setting["flow_times"]
            ),
        ]
        columns = [[f"{one:g}" for one in n], *(of_each(found) for _, found in named)]
        fitted = self._slope(p, 3) or "too few"
        local = ", ".join(of_each(self.local(p)[1], 2))
        growth = ", ".join(
            f"{name} {of_samples(self.growth(_TIMES[name], p), 2)}"
            for name in ("τ_gen", "τ_gap", "τ_half")
        )
        return (
            f"p/d = {p:g}\n\n"
            + by_column(["n/d", *(name for name, _ in named)], *columns)
            + f"\n\nslopes of E_opt in n, neighbour by neighbour: {local};\n"
            f"fitted from n/d = {_FITTED:g} on: {fitted};\n"
            f"times with the most data over the fewest: {growth}"
        )

    def _slope(self, p: float, digits: int) -> str:
        """The exponent of the score error, empty if there is none."""
        found = self.exponent(p)
        return "" if np.isnan(found).all() else of_samples(found, digits)

    def _of_all(self, quantity: str, p: float) -> ndarray:
        """Values at every n/d, (samples, K), NaN where none is known."""
        n, found = self.along(quantity, p)
        whole = self.along("gen63", p)[0]
        values = np.full((self.samples, len(whole)), np.nan)
        values[:, np.searchsorted(whole, n)] = found
        return values

    def _fits_table(self, ridge: float) -> str:
        p = self.fit("test", ridge)[0]
        law = self.theory(p, ridge)
        quantities = (*_LOSSES, *_SPLIT)
        theory = [
            f"{a:.3f}, {b:.3f}, {c:.3f}"
            for a, b, c in zip(law.test, law.bias2, law.variance, strict=True)
        ]
        columns = [
            [f"{one:g}" for one in p],
            *(of_each(self.fit(q, ridge)[1]) for q in quantities),
            theory,
        ]
        heading = ["p/d", "pairs", "own", "test", "B²", "V", "theory: test, B², V"]
        return f"Ridge {ridge:g}\n\n" + by_column(heading, *columns)

    def _best_table(self) -> str:
        p, best = self.setting["fitted_features"], self._best
        rows = [
            [f"{a:g}", f"{b:.3g}", f"{c:.4f}"]
            for a, b, c in zip(p, best.ridge, best.test, strict=True)
        ]
        return "The best ridge, in theory\n\n" + table(["p/d", "ridge", "test"], rows)

    @cached_property
    def _best(self) -> Any:
        """The closed form at the best ridge of each p/d."""
        s = self.setting
        p = np.array(s["fitted_features"])
        return best_ridge(p, s["fitted_points"], s["draws"], s["time"])

    def panels(self) -> tuple[base.Panel, ...]:
        """Times, cells, the score error; test loss, bias and variance, ranks."""
        return self._times, self._cells, self._error, self._descent, self._split, self._ranks

    def _times(self, axes: Axes) -> None:
        p = max(self.features)
        n = self.along("gen63", p)[0]
        shown = {name: mean_and_sem(self._of_all(name, p))[0] for name in ("gen63", "gap")}
        top = 10 ** math.ceil(math.log10(max(self.setting["flow_times"][-1], 1e4)))
        top = min(top, 1e6)
        low = 10 ** math.floor(math.log10(np.nanmin(shown["gen63"])))
        gap = np.where(np.isnan(shown["gap"]), top, shown["gap"])
        axes.fill_between(n, low, shown["gen63"], color=_COLOURS["learning"], lw=0, alpha=0.6)
        axes.fill_between(n, shown["gen63"], gap, color=_COLOURS["generalizing"], lw=0, alpha=0.35)
        axes.fill_between(n, gap, top, color=_COLOURS["memorizing"], lw=0, alpha=0.35)
        for one, series in zip(figures.three(self.features), figures.SERIES, strict=False):
            look = {"label": f"$\\tau_\\mathrm{{gap}}$, $p/d$ = {one:g}"}
            gaps = self._of_all("gap", one)
            whole = ~np.isnan(gaps).any(0)
            figures.points(axes, n[whole], gaps[:, whole], series, **look)
            figures.points(axes, n, self._of_all("gen63", one), series, mfc="white", ls=":", ms=4)
        axes.plot(
            [], [], "o:", color="0.3", mfc="white", ms=4, label=r"$\tau_\mathrm{gen}$, the same"
        )
        ends = low, float(shown["gen63"][-1]), float(gap[-1]), top
        for word, below, above in zip(PHASES, ends, ends[1:], strict=False):
            at = n[-1] ** 0.98, math.sqrt(below * above)
            axes.annotate(word, at, ha="right", va="center", fontsize=8, color="0.25")
        axes.set(yscale="log", ylim=(low, top), ylabel=r"training time $\tau$")
        figures.ticks(axes, n)
        axes.set_xlabel("points per dimension $n/d$")
        axes.margins(x=0)
        axes.set_title(f"shaded: phases at $p/d$ = {p:g}")
        axes.legend(loc="upper left", fontsize=7)

    def _cells(self, axes: Axes) -> None:
        taus, n = self.setting["flow_times"], self.setting["points"]
        found = np.stack([self.cells(tau) for tau in taus], 2).reshape(len(n), -1)
        colours = ListedColormap([_COLOURS[word] for word in PHASES])
        axes.imshow(
            found, origin="lower", aspect="auto", cmap=colours, vmin=-0.5, vmax=len(PHASES) - 0.5
        )
        k, wide = len(self.features), len(taus)
        axes.set_xticks(np.arange(k) * wide + (wide - 1) / 2, [f"{p:g}" for p in self.features])
        axes.set_yticks(range(len(n)), [f"{one:g}" for one in n])
        for edge in range(1, k):
            axes.axvline(edge * wide - 0.5, color="white", lw=4)
        for edge in range(1, len(n)):
            axes.axhline(edge - 0.5, color="white", lw=1.5)
        axes.tick_params(length=0)
        axes.set(xlabel="features per dimension $p/d$", ylabel="points per dimension $n/d$")
        at = ", ".join(_power(tau) for tau in taus)
        axes.set_title(f"columns of each $p/d$: $\\tau$ = {at}")
        seen = [word for j, word in enumerate(PHASES) if (found == j).any()]
        handles = [Patch(color=_COLOURS[word], label=word) for word in seen]
        axes.legend(
            handles=handles,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.17),
            ncols=2,
            fontsize=7.5,
        )

    def _error(self, axes: Axes) -> None:
        for p, series in zip(figures.three(self.features), figures.SERIES, strict=False):
            n, found = self.along("score_error", p)
            slope = self._slope(p, 2)
            label = f"$p/d$ = {p:g}" + (f": slope {slope}" if slope else "")
            figures.points(axes, n, found, series, label=label)
        last = found.mean(0)[-1]
        guide = last * (n / n[-1]) ** -_PAPER_EXPONENT
        label = f"$n^{{-{_PAPER_EXPONENT:g}}}$, the paper's"
        axes.plot(n, guide, **figures.THEORY[1], label=label)
        axes.set(yscale="log", ylabel=r"least score error $E_\mathrm{opt}$")
        figures.ticks(axes, n)
        figures.plain_ticks(axes.yaxis)
        axes.set_xlabel("points per dimension $n/d$")
        axes.set_title(f"the best time; slopes from $n/d$ = {_FITTED:g} on")
        axes.legend(loc="lower left", fontsize=7.5)

    def _descent(self, axes: Axes) -> None:
        for ridge, series in zip(self.setting["ridges"], figures.SERIES, strict=False):
            p, found = self.fit("test", ridge)
            figures.points(axes, p, found, series, ls="", label=f"$\\lambda$ = {ridge:g}")
            fine = self._fine(p)
            axes.plot(fine, self.theory(fine, ridge).test, color=series[0], lw=1.2, zorder=1)
        look = figures.THEORY[0] | {"ls": "--", "label": r"best $\lambda$, theory"}
        axes.plot(p, self._best.test, **look)
        self._mark(axes)
        axes.set(yscale="log", ylabel="test loss")
        figures.ticks(axes, p)
        figures.plain_ticks(axes.yaxis)
        axes.set_xlabel("features per dimension $p/d$")
        axes.set_title("double descent; lines: theory, $d \\to \\infty$")
        axes.legend(loc="upper left")

    def _split(self, axes: Axes) -> None:
        ridge = min(self.setting["ridges"])
        p = self.fit("test", ridge)[0]
        fine = self._fine(p)
        law = self.theory(fine, ridge)
        for (name, label), series in zip(_SPLIT.items(), figures.SERIES[2:], strict=False):
            mean, sem = mean_and_sem(self.fit(name, ridge)[1])
            shown = mean > 0  # an estimate without bias may be below
            found = mean[shown], sem[shown]
            figures.means(axes, p[shown], found, series, ls="", label=label)
            axes.plot(fine, getattr(law, name), color=series[0], lw=1.2, zorder=1)
        self._mark(axes)
        low = 0.3 * float(min(law.bias2.min(), law.variance.min()))
        axes.set(yscale="log", ylabel="of the score, per dimension")
        axes.set_ylim(bottom=max(low, 1e-3))
        figures.ticks(axes, p)
        axes.set_xlabel("features per dimension $p/d$")
        axes.set_title(f"bias and variance, $\\lambda$ = {ridge:g}")
        axes.legend(loc="lower right")

    def _mark(self, axes: Axes) -> None:
        figures.mark(axes, self.equal, "$p=nm$", ":")

    def _fine(self, p: ndarray) -> ndarray:
        return np.geomspace(p[0], p[-1], _FINE)

    def _ranks(self, axes: Axes) -> None:
        for (name, label), series in zip(_LOSSES.items(), figures.SERIES, strict=False):
            rank, found = self.cut(name)
            figures.points(axes, rank, found, series, label=label)
        axes.axvline(1.0, **figures.THEORY[1], label="$r=d$")
        figures.ticks(axes, rank)
        axes.set(xlabel="modes per dimension $r/d$", ylabel="loss")
        axes.set_title(f"the $r$ largest modes, $p/d$ = {max(self.setting['fitted_features']):g}")
        figures.room_for_legend(axes, 4)


_TIMES = {
    "τ_gen": "gen63",
    "τ_opt": "opt",
    "τ_gap": "gap",
    "τ_half": "mem50",
    "E_opt": "score_error",
}


def _power(tau: float) -> str:
    """A time as a power of ten where it is one."""
    power = math.log10(tau)
    return f"$10^{{{power:.0f}}}$" if abs(power - round(power)) < 1e-9 else f"{tau:g}"
