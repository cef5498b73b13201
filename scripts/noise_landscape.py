r"""Which noise will help? ω against Δ for states of the Hebbian landscape.

Training on a state S, with S¹ = sign(JS), changes the stabilities of all patterns. Its
unlearning half, δJ_ij = −(λ/2N) S¹_i S_j, changes them by δΔ_i^μ = −λ ω_i^μ/(2‖J_i‖) + O(λ²), where

    ω_i^μ = m_μ χ_i^μ − Δ_i^μ |h_i|/(N‖J_i‖),  m_μ = (1/N) Σ_{j≠i} S_j ξ_j^μ,  χ_i^μ = ξ_i^μ S¹_i

(Benedetti & Ventura, arXiv 2302.13417; the term j = i is left out because J_ii = 0, `--plain`
keeps it). A noise helps if ω is negative at small Δ, which a negative intercept and a positive
slope of ω against Δ show: weak spins gain at the cost of strong ones. Random states have neither.
Fixed points of Hebb's couplings have both, and so have thermal states below T_g = 1 + √α, where
the Hebbian spin glass freezes. Temperatures are those of J = ΞᵀΞ/N.

Slope and intercept are fitted state by state among |Δ| < 1, and averaged over the states of
a pattern set; errors are between pattern sets.

    python scripts/noise_landscape.py --preset quick
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray

_QUICK: dict[str, Any] = {
    "size": 400,
    "patterns": 200,
    "states": 20,
    "temperatures": [0.2, 0.4, 0.7, 1.0, 1.3, 1.7, 2.1, 2.5, 3.0],
    "sweeps": 60,
    "training_overlap": 0.0,
    "plain": False,
    "samples": 16,
}
_PAPER = {
    "size": 1000,
    "patterns": 500,
    "states": 100,
    "temperatures": [k / 10 for k in range(1, 31)],
    "sweeps": 200,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
BIN = 0.25  # width in Δ
FEWEST = 50  # spins × patterns that make the mean of a bin
COLUMNS = {
    "slope": "N slope",
    "intercept": "N intercept",
    "pearson": "Pearson",
    "unstable": "unstable",
    "energy": "E/N",
    "largest_overlap": "max |m|",
}


@study_command(PRESETS)
@options.shared("size", default=None, help="Sites N.")
@options.shared("patterns", default=None)
@click.option("--states", type=Whole(1), help="Training states per pattern set.")
@click.option("--temperatures", type=options.LEVELS, help="Temperatures T of thermal states.")
@click.option("--sweeps", type=Whole(1), help="Sweeps made of thermal states.")
@options.shared("training-overlap", help="Overlap m_t with a pattern that states start from.")
@click.option("--plain", is_flag=True, default=None, help="Keep the term j = i in m_μ.")
def main(run: Run, temperatures: list[float], **setting: Any) -> Report:
    """The test of a noise: how training on its states would change strong and weak spins.

    ω against the stability Δ, for random, fixed-point and thermal states on Hebb's couplings
    (arXiv 2302.13417).
    """
    from bridges._checks import within_memory

    N, P, states = (setting[name] for name in ("size", "patterns", "states"))
    if P < 2:
        raise ValueError(f"patterns must be at least 2, of different stabilities, got {P}")
    within_memory(8 * 4 * N * N, f"size: couplings of {N} sites", each_job=True)
    within_memory(8 * 8 * P * N, f"patterns: {P} patterns of {N} sites", each_job=True)
    within_memory(8 * 4 * states * (N + P), f"states: {states} of {N} sites", each_job=True)
    kinds = [("random", None), ("fixed-point", 0.0), *(("thermal", T) for T in temperatures)]
    points = [{"noise": kind, "temperature": T, **setting} for kind, T in kinds]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """The structure of one noise on one pattern set, N ω in bins of Δ, and what states it has."""
    import torch

    from hopfield import HopfieldNetwork, hebbian, noise_structure, random_patterns
    from hopfield.noise import FixedPoint, Thermal, Uniform

    N = point["size"]
    xi = random_patterns(point["patterns"], N, seed=seed).double()
    couplings = hebbian(xi)
    source: Uniform | FixedPoint | Thermal = Uniform()
    if point["noise"] == "fixed-point":
        source = FixedPoint()
    elif point["noise"] == "thermal":
        source = Thermal(point["temperature"], point["sweeps"])
    generator = torch.Generator().manual_seed(seed)
    targets = xi[torch.randint(len(xi), (point["states"],), generator=generator)]
    states = source(couplings, targets, point["training_overlap"], generator)
    found = noise_structure(couplings, xi, states, corrected=not point["plain"])
    network = HopfieldNetwork(couplings)
    values = {
        "slope": N * found.slope.mean(),
        "intercept": N * found.intercept.mean(),
        "pearson": found.pearson.mean(),
        "unstable": (network.step(states) != states).double().mean(),
        "energy": network.energy(states).mean() / N,
        "largest_overlap": (states @ xi.T / N).abs().amax(1).mean(),
    }
    rows: list[Row] = [{"quantity": name, "value": float(value)} for name, value in values.items()]
    bins = (found.stability / BIN).floor()
    for one in bins.unique():
        inside = bins == one
        if int(inside.sum()) >= FEWEST:
            mean = N * float(found.omega[inside].mean())
            middle = BIN * (float(one) + 0.5)
            rows.append({"stability": middle, "quantity": "omega", "value": mean})
    return rows


class Report(base.Report):
    """ω against Δ for each noise that was measured."""

    figsize = 8.2, 4.2

    @property
    def load(self) -> float:
        """α."""
        return float(self.setting["patterns"] / self.setting["size"])

    @property
    def glass_temperature(self) -> float:
        """T_g, at which the Hebbian spin glass freezes."""
        return 1 + math.sqrt(self.load)

    @property
    def shown(self) -> dict[str, tuple[str, float | None]]:
        """The noises of panel (a) by their labels."""
        T = min(self.setting["temperatures"], key=lambda one: abs(one - 1))
        return {
            "random states": ("random", None),
            "fixed points": ("fixed-point", 0.0),
            f"thermal states, $T$ = {T:g}": ("thermal", T),
        }

    def values(self, quantity: str, noise: str, temperature: float | None) -> ndarray:
        """A number of a noise, (samples,)."""
        setting = {"noise": noise, "temperature": temperature}
        return self.study.curve(quantity, "patterns", **setting)[1][:, 0]

    def finding(self) -> str:
        """The effect on weak spins."""
        fixed, random = (
            of_samples(self.values("intercept", *noise), 2).replace("-", "−")
            for noise in (("fixed-point", 0.0), ("random", None))
        )
        return (
            f"Weak spins ($\\Delta$ = 0): $N\\omega$ = {fixed} for fixed points, {random} for "
            "random states; negative helps"
        )

    def conclusions(self) -> Point:
        """The temperature to hold those of the states against."""
        return {"glass_temperature": self.glass_temperature}

    def heading(self) -> str:
        """The load and the states."""
        s = self.setting
        overlap = "" if s["training_overlap"] == 0 else f" from m_t = {s['training_overlap']:g}"
        return (
            f"N = {s['size']}, α = {self.load:g}; {s['states']} states per pattern set and "
            f"noise{overlap}"
        )

    def tables(self) -> Iterator[str]:
        """The fits, and what states they are, a row per noise."""
        yield (
            f"ω with the {'plain' if self.setting['plain'] else 'corrected'} overlap, fits of ω "
            f"against Δ in |Δ| < 1; T_g = {self.glass_temperature:.2f}"
        )
        rows = []
        for point in self.study.points:
            noise, T = point["noise"], point["temperature"]
            cells = [of_samples(self.values(name, noise, T)) for name in COLUMNS]
            rows.append([f"thermal, T = {T:g}" if noise == "thermal" else noise, *cells])
        yield table(["", *COLUMNS.values()], rows)

    def panels(self) -> tuple[base.Panel, ...]:
        """ω against Δ, and what temperature does to its fits."""
        return self._structure, self._temperatures

    def _structure(self, axes: Axes) -> None:
        import numpy as np

        window = np.array([-1.0, 1.0])
        for (label, (noise, T)), series in zip(self.shown.items(), figures.SERIES, strict=False):
            setting = {"noise": noise, "temperature": T}
            x, by_sample = self.study.curve("omega", "stability", **setting)
            whole = ~np.isnan(by_sample).any(0)
            figures.points(axes, x[whole], by_sample[:, whole], series, ms=4, ls="", label=label)
            slope, intercept = (self.values(n, noise, T).mean() for n in ("slope", "intercept"))
            axes.plot(window, intercept + slope * window, color=series[0], lw=1.5)
        axes.axhline(0, color="0.85", lw=0.8, zorder=0)
        axes.axvspan(-1, 1, color="0.96", zorder=-1)
        axes.set(xlabel=r"stability $\Delta_i^\mu$", ylabel=r"mean of $N\omega_i^\mu$")
        axes.set_title(r"lines: fits in $|\Delta| < 1$")
        axes.legend(loc="upper left")

    def _temperatures(self, axes: Axes) -> None:
        for series, name in zip(figures.SERIES[3:5], ("slope", "intercept"), strict=True):
            thermal = self.study.curve(name, "temperature", noise="thermal")
            figures.points(axes, *thermal, series, label=f"$N$ × {name}, thermal")
            fixed = self.study.curve(name, "temperature", noise="fixed-point")
            look = {"ms": 7, "mfc": "white", "ls": "", "label": f"$N$ × {name}, fixed points"}
            figures.points(axes, *fixed, series, **look)
        axes.axhline(0, color="0.85", lw=0.8, zorder=0)
        label = rf"$T_g = 1 + \sqrt{{\alpha}}$ = {self.glass_temperature:.2f}"
        axes.axvline(self.glass_temperature, **figures.THEORY[1], label=label)
        axes.set_xlabel("temperature $T$ of the training states")
        axes.set_ylabel(r"fit of $N\omega$ against $\Delta$")
        axes.set_title(f"structure melts, $\\alpha$ = {self.load:g}")
        axes.legend(loc="best")


if __name__ == "__main__":
    main()
