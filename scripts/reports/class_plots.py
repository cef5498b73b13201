"""Figures of classes: when each appears, is learnt, is memorized."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from reports.class_dynamics import DynamicsReport
from reports.class_speciation import CLASSES, SpeciationReport

from bridges.estimates import mean_and_sem
from bridges.study import figures
from diffusion.theory import class_collapse_points


def speciation_figure(report: SpeciationReport) -> Figure:
    """Return to the class, times by definition, memorization by class, capacity by class."""
    with figures.look():
        figure = Figure(figsize=(9.0, 7.4), layout="constrained")
        (a, b), (c, d) = figure.subplots(2, 2)
        _curves(a, report)
        _times(b, report)
        _basins(c, report)
        _capacities(d, report)
        figures.headline(figure, report.finding())
    return figure


def _curves(axes: Axes, report: SpeciationReport) -> None:
    weights = report.chosen["weights"]
    shown = [weights[k] for k in sorted({0, len(weights) // 2, len(weights) - 1})]
    for w, (color, marker) in zip(shown, figures.SERIES, strict=False):
        labels = {"kind": "speciation", "weight": w, "class": "minority"}
        t, by_sample = report.curve("own_class", **labels)
        fine = np.linspace(t[0], t[-1], 200)
        axes.plot(fine, report.own_class(w, fine), color=color, lw=1.2, zorder=1)
        figures.points(axes, t, by_sample, (color, marker), ms=4, ls="", label=rf"$\rho$ = {w:g}")
        t, by_sample = report.curve("uturn", **labels)
        figures.points(axes, t, by_sample, (color, marker), ms=8, ls="", mfc="none")
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
    for (name, label), (color, marker) in zip(names.items(), figures.SERIES, strict=False):
        axes.plot(fine, [getattr(one, name) for one in theory], color=color, lw=1.2, zorder=1)
        kept = [w for w in weights if name in report.measured(w)]
        values = np.array([report.measured(w)[name] for w in kept]).T
        figures.points(axes, np.array(kept), values, (color, marker), ls="", label=label)
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
        (figures.SERIES[1][0], figures.SERIES[0][0]),
        ("-", "--"),
        strict=True,
    ):
        labels = {"kind": "basins", "class": name}
        who = f"{name} ($n$ = {n})"
        t, by_sample = report.curve("datum", **labels)
        near = t <= 1.6 * max(theory for theory, _ in report.collapse.values())
        figures.points(axes, t[near], by_sample[:, near], (color, "o"), ms=4, label=f"datum, {who}")
        t, by_sample = report.curve("own_class", **labels)
        figures.points(
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
    for s2, (color, marker) in zip(report.holding["variances"], figures.SERIES, strict=False):
        s, by_sample = report.capacities(s2)
        if not by_sample.size:
            continue
        fine = np.linspace(s[0], s[-1], 100)
        law = class_collapse_points(s2, fine, report.holding["dimension"])
        axes.plot(fine, law, color=color, lw=1.2, zorder=1)
        figures.points(axes, s, by_sample, (color, marker), ls="", label=f"$s^2$ = {s2:g}")
    axes.set_yscale("log")
    axes.set_xlabel(r"noise level $\sigma$")
    axes.set_ylabel("points of a class it is memorized to")
    d = report.holding["dimension"]
    axes.set_title(
        rf"(d) capacity by class, $d$ = {d}; lines: $(1+s^2/\sigma^2)^{{d/2}}$", fontsize=9.5
    )
    axes.legend(fontsize=8)


def dynamics_figure(report: DynamicsReport) -> Figure:
    """Spectrum, and the order of two classes against what is varied."""
    with figures.look():
        figure = Figure(figsize=(11.6, 7.2), layout="constrained")
        panels = figure.subplots(2, 3).ravel()
        _spectrum(panels[0], report)
        _order(panels[1], report, "variance", "ratio")
        panels[1].set_xlabel(r"ratio of variances $\sigma_1^2/\sigma_2^2$")
        panels[1].set_title("(b) the wider class is first", fontsize=9.5)
        panels[1].set_xscale("log")
        ticks = [report.study.points[k]["ratio"] for k in report.points("variance")]
        panels[1].set_xticks(ticks, [f"{one:g}" for one in ticks])
        panels[1].minorticks_off()
        _centres(panels[2], report)
        _order(panels[3], report, "imbalance", "fraction")
        panels[3].set_xlabel(r"share of the wider class $\rho_1$")
        panels[3].set_title("(d) imbalance modulates; colours of (b)", fontsize=9.5)
        _subspaces(panels[4], report)
        _digits(panels[5], report)
        for axes, room in zip(panels[1:], (1.0, 3.0, 1.0, 1.0, 1.0), strict=True):
            _ratio_axis(axes, room)
        panels[1].legend(fontsize=7.5)
        figures.headline(figure, report.finding())
    return figure


_SHOWN = {
    "spectral": r"spectral: memorization",
    "gap": "gap opens: overfitting",
    "opt": "least test loss",
    "gen63": "generalization (63 %)",
}


def _order(axes: Axes, report: DynamicsReport, kind: str, along: str) -> None:
    places = report.points(kind)
    x = np.array([report.study.points[k][along] for k in places])
    for (name, label), series in zip(_SHOWN.items(), figures.SERIES, strict=False):
        _leads(axes, report, places, x, name, label, series)


def _ratio_axis(axes: Axes, room: float) -> None:
    """τ₂/τ₁ on a logarithmic axis, plain numbers at the ticks; `room` for a legend above."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * room)
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if low <= t <= high * room]
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.axhline(1, color="0.6", lw=0.8, zorder=0)
    axes.set_ylabel(r"$\tau_2/\tau_1$ (above 1: class 1 first)")


def _leads(
    axes: Axes,
    report: DynamicsReport,
    places: list[int],
    x: np.ndarray,
    name: str,
    label: str,
    series: tuple[str, str],
    **settings: Any,
) -> None:
    """Geometric mean of τ₂/τ₁ and its standard error."""
    lead = np.array([report.lead(k, name) for k in places])  # (K, samples)
    lead[~np.isfinite(lead)] = np.nan
    mean, sem = mean_and_sem(lead.T)
    color, marker = series
    ratio = np.exp(mean)
    usual: dict[str, Any] = {"ms": 5, "lw": 1, "capsize": 2, "label": label}
    axes.errorbar(
        *(x, ratio),
        yerr=ratio * np.nan_to_num(sem),
        color=color,
        marker=marker,
        **(usual | settings),
    )


def _spectrum(axes: Axes, report: DynamicsReport) -> None:
    x, found, fine, theory = report.spectrum()
    axes.plot(fine, theory, **figures.THEORY[0], label="theory")
    kept = found.mean(0) > 0
    figures.points(
        axes,
        x[kept],
        found[:, kept],
        figures.SERIES[0],
        ms=3.5,
        ls="",
        label="features, $d$ finite",
    )
    axes.set_xscale("log")
    top = 1.6 * float(theory.max())  # the atom, of most features, is higher
    axes.set_ylim(0, top)
    higher = found.mean(0)[found.mean(0) > top]
    if len(higher):
        words = f"↑ {len(higher)} more, up to {higher.max():.2f}"
        axes.annotate(words, (0.02, 0.96), xycoords="axes fraction", fontsize=7.5, color="0.3")
    axes.set_xlabel(r"eigenvalue $\lambda$ of $U$")
    axes.set_ylabel(r"density per $\log\lambda$")
    axes.set_title("(a) memorized (left), generalized (right), $t$ = 0.01", fontsize=9.5)
    axes.legend(fontsize=8)


def _centres(axes: Axes, report: DynamicsReport) -> None:
    places = report.points("centroid")
    for ratio, fill in ((1.0, "none"), (2.0, None)):
        of_ratio = [k for k in places if report.study.points[k]["ratio"] == ratio]
        x = np.array([report.study.points[k]["norm"] for k in of_ratio])
        for name, series in (("gap", figures.SERIES[1]), ("gen63", figures.SERIES[3])):
            settings = {"mfc": fill, "ls": ":"} if fill else {}
            label = f"{_SHOWN[name].split(':')[0]}, variances {ratio:g} : 1"
            _leads(axes, report, of_ratio, x, name, label, series, **settings)
    axes.set_xlabel(r"norm of the second centre $|\mu_2|/\sqrt{d}$ (first: 1)")
    axes.set_title("(c) smaller centres slightly first, variance before", fontsize=9.5)
    axes.legend(fontsize=7.5)


def _subspaces(axes: Axes, report: DynamicsReport) -> None:
    places = report.points("subspaces")
    x = np.array([report.study.points[k]["fraction"] for k in places])
    shown = {k: _SHOWN[k] for k in ("gap", "opt", "gen63")} | {"speed": "speed in the spectrum"}
    looks = (*figures.SERIES[1:4], figures.SERIES[4])
    for (name, label), series in zip(shown.items(), looks, strict=True):
        _leads(axes, report, places, x, name, label, series)
    axes.axvline(
        report.spectral_inversion(),
        **figures.THEORY[1],
        label=r"$\rho_1^*$ of the spectrum, theory",
    )
    axes.set_xlabel(r"share of the wider class $\rho_1$")
    axes.set_title("(e) classes in subspaces of their own", fontsize=9.5)
    axes.legend(fontsize=7.5)


def _digits(axes: Axes, report: DynamicsReport) -> None:
    places = report.points("digits")
    pairs = list(dict.fromkeys(report.study.points[k]["pair"] for k in places))
    for pair, series in zip(pairs, figures.SERIES, strict=False):
        own = [k for k in places if report.study.points[k]["pair"] == pair]
        x = np.array([report.study.points[k]["first"] / 100 for k in own])
        _leads(axes, report, own, x, "gap", f"digits {pair}", series)
    axes.set_xlabel("share of the first digit, of 100 images")
    axes.set_title("(f) digits: overfitting sets in", fontsize=9.5)
    axes.legend(fontsize=8)
