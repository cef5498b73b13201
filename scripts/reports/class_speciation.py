"""What a study of speciation measured, beside what theory says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import by_column, of_each, of_samples, table
from diffusion import theory as laws

CLASSES = ("minority", "majority")
DEFINITIONS = {
    "median": "median",
    "threshold": r"$\varphi=3/4$",
    "halfway": r"$\varphi=(1+\rho)/2$",
}


class Report(base.Report):
    """When a class appears by every definition, and when it is memorized."""

    between = "samples"
    figsize = (9.0, 7.4)
    grid = (2, 2)

    @property
    def distance2(self) -> float:
        """|Δμ|² of the two classes."""
        return float(self.study.points[0]["distance2"])

    @cached_property
    def holding(self) -> Point:
        """Dimension and variances of the classes whose capacities were measured."""
        return next(p for p in self.study.points if p["kind"] == "capacity")

    @cached_property
    def counts(self) -> dict[str, int]:
        """Points by class of the data that is memorized."""
        few = round(self.setting["minority"] * self.setting["patterns"])
        return dict(zip(CLASSES, (few, self.setting["patterns"] - few), strict=True))

    def curve(self, quantity: str, kind: str, name: str, **labels: Any) -> tuple[ndarray, ndarray]:
        """Times (K,) and values (samples, K) of a class."""
        return self.study.curve(quantity, "time", **{"kind": kind, "class": name} | labels)

    def theory(self, weight: float) -> laws.SpeciationTimes:
        """Times at which a class of this weight appears."""
        return laws.speciation_times(weight, self.distance2, self.setting["variance"])

    def own_class(self, weight: float, times: ndarray) -> ndarray:
        """φ of theory for a class of this weight."""
        D = laws.class_divergence(self.distance2, self.setting["variance"], times)
        return laws.own_class_probability(weight, D)

    def measured(self, weight: float) -> dict[str, ndarray]:
        """Times of each definition that a simulation can have, (samples,)."""
        own = self.curve("own_class", "speciation", "minority", weight=weight)
        found = {"threshold": _falls_to(own, 0.75), "halfway": _falls_to(own, (1 + weight) / 2)}
        if weight < 0.5:
            above = self.curve("above_half", "speciation", "minority", weight=weight)
            found["median"] = _falls_to(above, 0.5)
        return found

    @cached_property
    def collapse(self) -> dict[str, tuple[float, ndarray]]:
        """By class t_C of theory, and the times at which R = ½, (samples,)."""
        s2, d = self.setting["variance"], self.setting["dimension"]
        halves = (_falls_to(self.curve("datum", "basins", name), 0.5) for name in CLASSES)
        times = (float(laws.class_collapse_time(n, s2, d)) for n in self.counts.values())
        return dict(zip(CLASSES, zip(times, halves, strict=True), strict=True))

    def identity(self, weight: float) -> float:
        """Root mean square over the times of ρ₁(1 − φ₁) − ρ₂(1 − φ₂), in standard errors."""
        few, many = (
            rho * (1 - self.curve("own_class", "speciation", name, weight=weight)[1])
            for name, rho in zip(CLASSES, (weight, 1 - weight), strict=True)
        )
        mean, sem = mean_and_sem(few - many)
        return float(np.sqrt((mean**2).mean() / (sem**2).mean()))

    def capacities(self, variance: float) -> tuple[ndarray, ndarray]:
        """σ (K,) and the capacities (samples, K) of a class of this variance."""
        return self.study.curve("capacity", "sigma", kind="capacity", variance=variance)

    def finding(self) -> str:
        """How much later a rare class appears, and how much earlier it is memorized."""
        rho = self.setting["minority"]
        few, many = (self.collapse[name][1] for name in CLASSES)
        later = self.theory(0.5).threshold - self.theory(rho).threshold
        return (
            f"A class of {100 * rho:g} % appears {later:.2f} later than one of half of the data, "
            f"and is memorized {of_samples(few - many, 2)} earlier than the other"
        )

    def conclusions(self) -> Point:
        """Times at which classes appear and are memorized, theory beside what was measured."""
        speciation = {
            f"{w:g}": {
                "theory": self.theory(w).to_dict(),
                "measured": {name: estimate(v) for name, v in self.measured(w).items()},
                "identity_in_errors": self.identity(w),
            }
            for w in self.setting["weights"]
        }
        collapse = {
            name: {"points": self.counts[name], "theory": theory, "measured": estimate(found)}
            for name, (theory, found) in self.collapse.items()
        }
        return {"speciation": speciation, "collapse": collapse}

    def heading(self) -> str:
        """The classes."""
        s = self.setting
        return f"d = {s['dimension']}, |Δμ|² = {self.distance2:g}, s² = {s['variance']:g}"

    def tables(self) -> Iterator[str]:
        """Times of each definition, U-turns, unequal classes, memorization, capacities."""
        yield (
            "times t of the Ornstein–Uhlenbeck process; theory beside what was measured;\n"
            "identity: rms deviation from ρ₁(1 − φ₁) = ρ₂(1 − φ₂) in standard errors, ≈ 1 if exact"
        )
        yield self._times_table()
        yield self._turns_table()
        yield self._unequal_table()
        yield self._collapse_table()
        yield self._basins_table()
        yield self._capacity_table()
        yield self.finding()

    def _times_table(self) -> str:
        rows = []
        for w in self.setting["weights"]:
            theory, found = self.theory(w), self.measured(w)
            cells = [f"{w:g}"]
            for name in DEFINITIONS:
                measured = of_samples(found[name]) if name in found else "—"
                cells += [_time(getattr(theory, name)), measured]
            rows.append([*cells, _time(theory.bimodal), f"{self.identity(w):.1f}"])
        heading = ["minority ρ", "median", "measured", "threshold", "measured", "half-way"]
        return table([*heading, "measured", "bimodal", "identity"], rows)

    def _turns_table(self) -> str:
        rows, heading = [], [""]
        for w in self.setting["weights"]:
            for name, weight in zip(CLASSES, (w, 1 - w), strict=True):
                t, found = self.curve("uturn", "speciation", name, weight=w)
                theory = self.own_class(weight, t)
                cells = [f"{of_samples(found[:, k])} / {theory[k]:.3f}" for k in range(len(t))]
                rows.append([f"{w:g} {name}", *cells])
                heading = ["at t =", *(f"{x:.2f}" for x in t)]
        return "U-turns that land in their class, measured / theory\n\n" + table(heading, rows)

    def _unequal_table(self) -> str:
        rows = []
        for point, samples in zip(self.study.points, self.study.samples, strict=True):
            if point["kind"] != "unequal":
                continue
            w, gap, pair, theory = point["weight"], point["distance2"], point["variances"], math.nan
            if w < 0.5:
                theory = laws.divergence_speciation_time(w, 1 - w, gap, *pair, point["dimension"])
            found = of_samples(np.array([row["value"] for one in samples for row in one]))
            rows.append([" / ".join(f"{s2:g}" for s2 in pair), f"{gap:g}", _time(theory), found])
        first = f"s² of {self.setting['minority']:g} / the rest"
        return table([first, "|Δμ|²", "KL = log odds", "median, measured"], rows)

    def _collapse_table(self) -> str:
        rows = []
        for name, (theory, found) in self.collapse.items():
            n = self.counts[name]
            appears = _time(self.theory(n / self.setting["patterns"]).threshold)
            rows.append([name, str(n), appears, f"{theory:.3f}", of_samples(found)])
        return table(["class", "n", "appears (threshold)", "t_C theory", "R = 1/2"], rows)

    def _basins_table(self) -> str:
        shown = {"datum": ("R", 3), "effective_number": ("N_eff", 1), "own_class": ("φ", 3)}
        heading, columns = ["t"], []
        for name in CLASSES:
            for quantity, (label, digits) in shown.items():
                times, found = self.curve(quantity, "basins", name)
                heading.append(f"{label}, {name}")
                columns.append(of_each(found, digits))
        return by_column(heading, [f"{t:.3f}" for t in times], *columns)

    def _capacity_table(self) -> str:
        d, rows = self.holding["dimension"], []
        for s2 in self.holding["variances"]:
            sigma, found = self.capacities(s2)
            for s, words in zip(sigma, of_each(found, 1), strict=True):
                law = laws.class_collapse_points(s2, s, d)
                rows.append([f"{s2:g}", f"{s:g}", words, f"{law:.1f}"])
        heading = [f"class of s², d = {d}", "σ", "capacity (R = 1/2)", "(1 + s²/σ²)^(d/2)"]
        return table(heading, rows)

    def panels(self) -> tuple[base.Panel, ...]:
        """Return to the class, times by definition, memorization by class, capacity by class."""
        return self._curves, self._times, self._basins, self._capacities

    def _curves(self, axes: Axes) -> None:
        for w, series in zip(figures.three(self.setting["weights"]), figures.SERIES, strict=False):
            t, found = self.curve("own_class", "speciation", "minority", weight=w)
            fine = np.linspace(t[0], t[-1], 200)
            axes.plot(fine, self.own_class(w, fine), color=series[0], lw=1.2, zorder=1)
            figures.points(axes, t, found, series, ms=4, ls="", label=rf"$\rho$ = {w:g}")
            turned = self.curve("uturn", "speciation", "minority", weight=w)
            figures.points(axes, *turned, series, ms=8, ls="", mfc="none")
        axes.axhline(0.75, color="0.85", lw=0.8, zorder=0)
        d = self.setting["dimension"]
        axes.set_ylim(-0.03, 1.05)
        axes.set_title(f"$d$ = {d}; dots: posterior, open: U-turns, lines: theory")
        axes.set(xlabel="Ornstein–Uhlenbeck time $t$", ylabel=r"return to the own class $\varphi$")
        axes.legend()

    def _times(self, axes: Axes) -> None:
        weights = self.setting["weights"]
        fine = np.geomspace(min(weights), min(0.499, max(weights)), 100)
        theory = [self.theory(float(w)) for w in fine]
        measured = {w: self.measured(w) for w in weights}
        for (name, label), series in zip(DEFINITIONS.items(), figures.SERIES, strict=False):
            known = [getattr(one, name) for one in theory]
            axes.plot(fine, known, color=series[0], lw=1.2, zorder=1)
            kept = {w: found[name] for w, found in measured.items() if name in found}
            if kept:  # halves have no median
                values = np.array([*kept.values()]).T
                figures.points(axes, np.array([*kept]), values, series, ls="", label=label)
        wells = [one.bimodal for one in theory]
        axes.plot(fine, wells, color="0.35", ls=":", label="two wells")
        figures.ticks(axes, weights)
        top = self.theory(0.5).threshold + 0.6  # the median goes to infinity
        axes.set(ylim=(min(wells) - 0.1, top), title="the rarer the later, by every definition")
        axes.set(xlabel=r"weight of the minority $\rho$", ylabel="time at which it appears $t_S$")
        axes.legend()

    def _basins(self, axes: Axes) -> None:
        last = 1.6 * max(theory for theory, _ in self.collapse.values())
        colors = (figures.SERIES[1][0], figures.SERIES[0][0])
        looks = zip(self.counts.items(), colors, ("-", "--"), strict=True)
        for (name, n), color, style in looks:
            t, found = self.curve("datum", "basins", name)
            near, look = t <= last, {"ms": 4, "label": f"datum, {name}"}
            figures.points(axes, t[near], found[:, near], (color, "o"), **look)
            t, found = self.curve("own_class", "basins", name)
            look = {"ms": 4, "mfc": "none", "ls": ":", "label": f"class, {name}"}
            figures.points(axes, t, found, (color, "s"), **look)
            appears = self.theory(n / self.setting["patterns"]).threshold
            for label, time in (("$t_C$", self.collapse[name][0]), ("$t_S$", appears)):
                if not math.isnan(time):
                    axes.axvline(time, ymax=0.94, color=color, lw=1, ls=style, zorder=0)
                    at: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "fontsize": 8}
                    axes.annotate(label, (time, 1), ha="center", va="top", color=color, **at)
        axes.axhline(0.5, color="0.85", lw=0.8, zorder=0)
        axes.set_ylim(-0.03, 1.13)
        axes.set_xlabel("Ornstein–Uhlenbeck time $t$  (the way back runs to the left)")
        few, many = self.counts.values()
        axes.set_title(f"return to the datum and to the class, $P$ = {few} + {many}")
        axes.set_ylabel("return of a U-turn")
        axes.legend(fontsize=7.5, loc=(0.66, 0.54))

    def _capacities(self, axes: Axes) -> None:
        d = self.holding["dimension"]
        for s2, series in zip(self.holding["variances"], figures.SERIES, strict=False):
            s, by_sample = self.capacities(s2)
            if not by_sample.size:
                continue
            fine = np.linspace(s[0], s[-1], 100)
            law = laws.class_collapse_points(s2, fine, d)
            axes.plot(fine, law, color=series[0], lw=1.2, zorder=1)
            figures.points(axes, s, by_sample, series, ls="", label=f"$s^2$ = {s2:g}")
        axes.set(yscale="log", xlabel=r"noise level $\sigma$")
        axes.set_ylabel("points of a class it is memorized to")
        axes.set_title(rf"capacity by class, $d$ = {d}; lines: $(1+s^2/\sigma^2)^{{d/2}}$")
        axes.legend()


def _falls_to(curve: tuple[ndarray, ndarray], level: float) -> ndarray:
    """The time at which each sample's curve falls to a level, NaN where it does not."""
    times, by_sample = curve
    inside = (by_sample.max(1) >= level) & (level >= by_sample.min(1))
    found = np.array([np.interp(-level, -one, times) for one in by_sample])
    return np.where(inside, found, np.nan)


def _time(value: float) -> str:
    """A time of theory, if there is one."""
    return "—" if math.isnan(value) else f"{value:.3f}"
