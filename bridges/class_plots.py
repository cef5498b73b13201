"""Figures of classes: when each appears, is learnt, is memorized."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridges import plots
from bridges.speciation_report import CLASSES, SpeciationReport
from diffusion.theory import class_collapse_points


def speciation_figure(report: SpeciationReport) -> Figure:
    """Return to the class, times by definition, memorization by class, capacity by class."""
    with plots.look():
        figure = Figure(figsize=(9.0, 7.4), layout="constrained")
        (a, b), (c, d) = figure.subplots(2, 2)
        _curves(a, report)
        _times(b, report)
        _basins(c, report)
        _capacities(d, report)
        figure.suptitle(report.finding(), fontsize=10.5)
    return figure


def _curves(axes: Axes, report: SpeciationReport) -> None:
    weights = report.chosen["weights"]
    shown = [weights[k] for k in sorted({0, len(weights) // 2, len(weights) - 1})]
    for w, (color, marker) in zip(shown, plots.SERIES, strict=False):
        labels = {"kind": "speciation", "weight": w, "class": "minority"}
        t, by_sample = report.curve("own_class", **labels)
        fine = np.linspace(t[0], t[-1], 200)
        axes.plot(fine, report.own_class(w, fine), color=color, lw=1.2, zorder=1)
        plots.points(axes, t, by_sample, (color, marker), ms=4, ls="", label=rf"$\rho$ = {w:g}")
        t, by_sample = report.curve("uturn", **labels)
        plots.points(axes, t, by_sample, (color, marker), ms=8, ls="", mfc="none")
    axes.axhline(0.75, color="0.85", lw=0.8, zorder=0)
    axes.set_ylim(-0.03, 1.05)
    axes.set_xlabel("Ornstein–Uhlenbeck time $t$")
    axes.set_ylabel(r"return to the own class $\varphi$")
    axes.set_title("(a) dots: posterior, open: U-turns, lines: theory", fontsize=9.5)
    axes.legend(fontsize=8)


def _times(axes: Axes, report: SpeciationReport) -> None:
    weights = report.chosen["weights"]
    fine = np.geomspace(min(weights), min(0.499, max(weights)), 100)
    theory = [report.theory(float(w)) for w in fine]
    names = {
        "median": "median",
        "threshold": r"$\varphi=3/4$",
        "halfway": r"$\varphi=(1+\rho)/2$",
    }
    for (name, label), (color, marker) in zip(names.items(), plots.SERIES, strict=False):
        axes.plot(fine, [getattr(one, name) for one in theory], color=color, lw=1.2, zorder=1)
        kept = [w for w in weights if name in report.measured(w)]
        values = np.array([report.measured(w)[name] for w in kept]).T
        plots.points(axes, np.array(kept), values, (color, marker), ls="", label=label)
    axes.plot(fine, [one.bimodal for one in theory], color="0.35", ls=":", label="two wells")
    axes.set_xscale("log")
    axes.set_xticks(weights, [f"{w:g}" for w in weights])
    axes.minorticks_off()
    low = min(one.bimodal for one in theory)
    axes.set_ylim(low - 0.1, report.theory(0.5).threshold + 0.6)  # the median goes to infinity
    axes.set_xlabel(r"weight of the minority $\rho$")
    axes.set_ylabel("time at which it appears $t_S$")
    axes.set_title("(b) the rarer the later, by every definition", fontsize=9.5)
    axes.legend(fontsize=8)


def _basins(axes: Axes, report: SpeciationReport) -> None:
    total = sum(report.counts)
    for (name, n), color, style in zip(
        zip(CLASSES, report.counts, strict=True),
        (plots.SERIES[1][0], plots.SERIES[0][0]),
        ("-", "--"),
        strict=True,
    ):
        labels = {"kind": "basins", "class": name}
        who = f"{name} ($n$ = {n})"
        t, by_sample = report.curve("datum", **labels)
        near = t <= 1.6 * max(theory for theory, _ in report.collapse.values())
        plots.points(axes, t[near], by_sample[:, near], (color, "o"), ms=4, label=f"datum, {who}")
        t, by_sample = report.curve("own_class", **labels)
        plots.points(
            axes, t, by_sample, (color, "s"), ms=4, mfc="none", ls=":", label=f"class, {who}"
        )
        marks = {"$t_C$": report.collapse[name][0], "$t_S$": report.theory(n / total).threshold}
        for label, time in marks.items():
            if not math.isnan(time):
                axes.axvline(time, ymax=0.94, color=color, lw=1, ls=style, zorder=0)
                axes.annotate(
                    label,
                    (time, 1),
                    xycoords=("data", "axes fraction"),
                    ha="center",
                    va="top",
                    fontsize=8,
                    color=color,
                )
    axes.axhline(0.5, color="0.85", lw=0.8, zorder=0)
    axes.set_ylim(-0.03, 1.13)
    axes.set_xlabel("Ornstein–Uhlenbeck time $t$  (the way back runs to the left)")
    axes.set_ylabel("return of a U-turn")
    axes.set_title("(c) return to the datum and to the class", fontsize=9.5)
    axes.legend(fontsize=7.5, loc=(0.58, 0.54))


def _capacities(axes: Axes, report: SpeciationReport) -> None:
    for s2, (color, marker) in zip(report.holding["variances"], plots.SERIES, strict=False):
        s, by_sample = report.capacities(s2)
        if not by_sample.size:
            continue
        fine = np.linspace(s[0], s[-1], 100)
        law = class_collapse_points(s2, fine, report.holding["dimension"])
        axes.plot(fine, law, color=color, lw=1.2, zorder=1)
        plots.points(axes, s, by_sample, (color, marker), ls="", label=f"$s^2$ = {s2:g}")
    axes.set_yscale("log")
    axes.set_xlabel(r"noise level $\sigma$")
    axes.set_ylabel("points of a class it is memorized to")
    d = report.holding["dimension"]
    axes.set_title(
        rf"(d) capacity by class, $d$ = {d}; lines: $(1+s^2/\sigma^2)^{{d/2}}$", fontsize=9.5
    )
    axes.legend(fontsize=8)
