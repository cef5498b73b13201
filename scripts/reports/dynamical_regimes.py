"""What the study of dynamical regimes found: speciation, collapse, and the edge of basins."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import entr, expit

from bridges.crossing import crossing
from bridges.estimates import mean_of
from bridges.study.report import Findings
from bridges.study.tables import table, uncertain
from diffusion import OU
from diffusion.theory import (
    basin_edge,
    clone_probability,
    collapse_sigma,
    mutual_information,
    participation_ratio,
    speciation_time,
)

if TYPE_CHECKING:
    from bridges.study.results import Study

RATIOS = [k / 5 for k in range(10)]  # ρ of the cues
LOOKS = {
    "return": ("return to the datum $Y$", "#0072B2", "o"),
    "entropy": (r"entropy $H/\log P$", "#D55E00", "s"),
    "agreement": (r"clones in one class $\varphi$", "#009E73", "^"),
}
ERRORS = "mixtures and memories are drawn anew, the digits are one data set under new noise"


class Mixture:
    """Two Gaussian classes at ±m, and what theory says of P points of them."""

    def __init__(self, P: int, dimension: int, distance: float, variance: float) -> None:
        self.P, self.distance, self.variance = P, distance, variance
        self.spectrum = [variance] * dimension
        self.speciation = speciation_time([variance + distance**2, variance])
        self.collapse = float(OU().time(float(collapse_sigma(P / 2, self.spectrum))))

    def curves(self, times: Any) -> dict[str, Any]:
        """Y at finite size, H/log P at infinite size and φ, at Ornstein–Uhlenbeck times."""
        sigma = OU().noise_level(times).numpy()
        left = math.log(self.P) - mutual_information(self.spectrum, sigma) - self._class(times)
        return {
            "return": participation_ratio(self.P / 2, self.spectrum, sigma),
            "entropy": np.maximum(left, 0) / math.log(self.P),
            "agreement": clone_probability(self.distance, self.variance, times),
        }

    def _class(self, times: Any) -> Any:
        """Information on the class, log 2 − E h(p), p = sigmoid(2(r + √r g)), r = a²/G."""
        fading = np.exp(-2 * times)
        r = (self.distance**2 * fading / (1 - fading + self.variance * fading))[:, None]
        g = np.linspace(-8, 8, 801)
        mass = np.exp(-(g**2) / 2)
        p = expit(2 * (r + np.sqrt(r) * g))
        return math.log(2) - (entr(p) + entr(1 - p)) @ (mass / mass.sum())


class RegimesReport:
    """What the study found."""

    def __init__(
        self, study: Study, mixture: Mixture, digits: float, spectrum: list[float]
    ) -> None:
        self.study, self.mixture, self.spectrum = study, mixture, spectrum
        grouped = study.by_sample("data", "quantity", "time")
        self.times = {p["data"]: p["times"] for p in study.points if "times" in p}
        self.curves = {
            (data, name): np.array([grouped[data, name, t] for t in times]).T  # (samples, times)
            for data, times in self.times.items()
            for name in ("return", "own", "entropy", "agreement")
        }
        self.speciation = {"mixture": mixture.speciation, "digits": digits}
        self.noises = [p["noise"] for p in study.points if "noise" in p]
        basin = study.by_sample("data", "quantity", "noise", "ratio")
        self.basin = {
            name: np.array([[basin["basin", name, t, r] for r in RATIOS] for t in self.noises])
            for name in ("one-step", "fixed-point")
        }  # (noises, ratios, samples)

    def collapse(self, data: str) -> tuple[float, float]:
        """Time at which Y = ½, and its standard error between samples."""
        Y, times = self.curves[data, "return"], np.array(self.times[data])
        return mean_of([float(np.interp(-0.5, -one, times)) for one in Y])

    def at(self, data: str, quantity: str, time: float) -> tuple[float, float]:
        """A curve at one of its times, and its standard error."""
        return mean_of(self.curves[data, quantity][:, self.times[data].index(time)].tolist())

    @cached_property
    def edges(self) -> dict[str, Any]:
        """By criterion t, the ρ at which half of the cues are retrieved, its error, (3, noises)."""

        def half(by_sample: Any) -> float:
            return crossing(np.array(RATIOS), by_sample, 0.5, rising=False, resamples=1)[0]

        found = {}
        for criterion, tables in self.basin.items():
            rows = []
            for t, successes in zip(self.noises, tables, strict=True):
                each = [half(one[None]) for one in successes.T]
                error = mean_of(each)[1] if np.isfinite(each).all() else math.nan
                rows.append((t, half(successes.T), error))
            found[criterion] = np.array(rows).T
        return found

    def findings(self) -> Findings:
        """Text, record and figure."""
        return Findings(self.text(), self.summary(), self.figure())

    def summary(self) -> dict[str, Any]:
        """Times of speciation and collapse, measured and by theory; the basin edge."""
        found: dict[str, Any] = {"samples": self.study.config["samples"], "errors": ERRORS}
        for data, t_S in self.speciation.items():
            time, sem = self.collapse(data)
            found[data] = {
                "speciation_time": t_S,
                "agreement_at_speciation": _plain(self.at(data, "agreement", t_S)),
                "collapse_time": {"value": time, "sem": sem},
                "collapse_noise_variance": math.expm1(2 * time),
                "largest_nishimori_violation": self._nishimori(data),
            }
        mixture, t_C = self.mixture, self.mixture.collapse
        found["mixture"] |= {
            "agreement_theory": float(
                clone_probability(mixture.distance, mixture.variance, mixture.speciation)
            ),
            "collapse_time_theory": t_C,
            "return_at_theory": _plain(self.at("mixture", "return", t_C)),
            "entropy_at_theory": _plain(self.at("mixture", "entropy", t_C)),
        }
        P = self.mixture.P
        found["basin"] = [
            {"noise": t, "theory": float(basin_edge(P, self.spectrum, math.sqrt(t)))}
            | {
                name: {"value": float(edge[1, k]), "sem": float(edge[2, k])}
                for name, edge in self.edges.items()
            }
            for k, t in enumerate(self.noises)
        ]
        return found

    def _nishimori(self, data: str) -> float:
        """Largest |E Y − E w_planted| over the times, in its standard errors."""
        gap = self.curves[data, "return"] - self.curves[data, "own"]
        if len(gap) == 1:
            return math.nan
        sem = gap.std(0, ddof=1) / math.sqrt(len(gap))
        return float((np.abs(gap.mean(0))[sem > 1e-9] / sem[sem > 1e-9]).max(initial=0))

    def text(self) -> str:
        """Tables for a person."""
        lines = [f"errors: s.e. between {self.study.config['samples']} samples; {ERRORS}"]
        theory = self.mixture.curves(np.array(self.times["mixture"]))
        for data, times in self.times.items():
            rows = []
            for k, t in enumerate(times):
                row = [f"{t:.3f}", f"{math.expm1(2 * t):.3g}"]
                for name in ("return", "entropy", "agreement"):
                    row.append(uncertain(*self.at(data, name, t), 3))
                    if data == "mixture":
                        row.append(f"{theory[name][k]:.3f}")
                rows.append(row)
            names = ["Y", "H/log P", "same class φ"]
            if data == "mixture":
                names = [n for name in names for n in (name, "theory")]
            time = uncertain(*self.collapse(data), 3)
            known = f" (theory, infinite d: {self.mixture.collapse:.3f})" * (data == "mixture")
            lines += [
                "",
                f"{data}: t_S = {self.speciation[data]:.4f}, Y = 1/2 at s = {time}{known}",
                table(["time s", "σ²", *names], rows),
            ]
        one, fixed = self.edges["one-step"], self.edges["fixed-point"]
        rows = [
            [
                f"{t:.3f}",
                f"{float(basin_edge(self.mixture.P, self.spectrum, math.sqrt(t))):.2f}",
                *(edge_in_words(edge[1:, k]) for edge in (one, fixed)),
            ]
            for k, t in enumerate(self.noises)
        ]
        heading = ["dense memory, σ² = 1/β", "ρ* theory", "one-step", "fixed-point"]
        return "\n".join([*lines, "", table(heading, rows)])

    def figure(self) -> Any:
        """Mixture, digits, basin."""
        from matplotlib.figure import Figure

        with figures.look():
            figure = Figure(figsize=(11.6, 4.2), layout="constrained")
            mixture, digits, basin = figure.subplots(1, 3)
            self._curves(mixture, "mixture")
            fine = np.linspace(self.times["mixture"][0], self.times["mixture"][-1], 300)
            for name, values in self.mixture.curves(fine).items():
                mixture.plot(fine, values, color=LOOKS[name][1], lw=1.4, zorder=1)
            figures.mark(mixture, self.mixture.collapse, "$t_C$", "-")
            mixture.set_title("two Gaussian classes (lines: theory)", fontsize=9.5)
            mixture.legend(fontsize=8, loc=(0.38, 0.16))
            self._curves(digits, "digits")
            figures.mark(digits, self.collapse("digits")[0], "$Y=1/2$", "-")
            digits.set_title("digits: choices of class and datum overlap", fontsize=9.5)
            noise = np.linspace(self.noises[0], self.noises[-1], 200)
            P = self.mixture.P
            figures.basin_edge_panel(
                basin,
                np.array(self.noises),
                np.array(RATIOS),
                self.basin["one-step"].mean(2),
                (noise, basin_edge(P, self.spectrum, np.sqrt(noise))),
                [
                    ("half retrieved, one step", self.edges["one-step"]),
                    ("half retrieved, fixed point", self.edges["fixed-point"]),
                ],
            )
            figures.mark(basin, float(collapse_sigma(P, self.spectrum)) ** 2, "$t_C$", "-")
            basin.axhline(1, color="0.35", lw=0.8, ls=":")
            basin.set_title(f"dense memory, $P$ = {P}, $m$ = {len(self.spectrum)}", fontsize=9.5)
            figures.headline(figure, self.finding())
        return figure

    def _curves(self, axes: Any, data: str) -> None:

        for name, (label, color, marker) in LOOKS.items():
            found = np.array([self.at(data, name, t) for t in self.times[data]]).T
            axes.errorbar(
                *(self.times[data], found[0]),
                yerr=np.nan_to_num(found[1]),
                color=color,
                marker=marker,
                ms=4,
                capsize=2,
                ls="" if data == "mixture" else "-",
                lw=0.7,
                label=label,
                zorder=2,
            )
        figures.mark(axes, self.speciation[data], "$t_S$", "--")
        axes.set_ylim(-0.03, 1.05)
        axes.set_xlabel("Ornstein–Uhlenbeck time $s$")
        axes.set_ylabel("posterior weights of the data")

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        apart = self.mixture.speciation - self.collapse("mixture")[0]
        digits = self.speciation["digits"] - self.collapse("digits")[0]
        return (
            f"The class is chosen {apart:.2f} before the datum in a mixture, {digits:.2f} in "
            "digits; the collapse is the edge of a dense memory's basins"
        )


def _plain(pair: tuple[float, float]) -> dict[str, float]:
    return {"value": pair[0], "sem": pair[1]}


def edge_in_words(pair: tuple[float, float]) -> str:
    """ρ with its error, or on which side of all cues it lies."""
    value, sem = float(pair[0]), float(pair[1])
    if math.isnan(value) or value < RATIOS[0]:  # not even the pattern itself comes home
        return "none"
    return f"> {RATIOS[-1]:g}" if math.isinf(value) else uncertain(value, sem)


def basin_edge_panel(
    axes: Axes,
    noise: np.ndarray,
    ratio: np.ndarray,
    success: np.ndarray,
    edge: tuple[np.ndarray, np.ndarray],
    crossings: Sequence[tuple[str, np.ndarray]],
) -> None:
    """The basin edge ρ*(t) over the measured probability of retrieval, and where that is ½.

    noise : (T,) noise variances t. ratio : (R,) squared distances ρ of the cues. success :
    (T, R). edge : t and ρ* of theory. crossings : (label, (3, T): t, ρ and its error).
    """
    cells = axes.pcolormesh(
        *(noise, ratio, success.T),
        cmap=figures.shades(),
        vmin=0,
        vmax=1,
        shading="nearest",
        zorder=0,
    )
    bar = axes.figure.colorbar(cells, ax=axes, pad=0.01, aspect=30)
    bar.set_label("probability of retrieval, one step")
    axes.plot(*edge, color=figures.SERIES[1][0], lw=1.8, label=r"$\rho^*(t)$ (theory)", zorder=2)
    for (label, found), (color, marker) in zip(
        crossings, (figures.SERIES[0], figures.SERIES[2]), strict=False
    ):
        known = np.isfinite(found).all(0)
        axes.errorbar(
            *(found[0, known], found[1, known]),
            yerr=found[2, known],
            color=color,
            marker=marker,
            ms=5,
            ls="",
            capsize=2,
            mec="white",
            label=label,
            zorder=3,
        )
    axes.set_xlabel(r"noise variance $t=\sigma^2=1/\beta$")
    axes.set_ylabel(r"squared distance of the cue $\rho$ (units of $tm$)")
    axes.set_ylim(ratio[0], ratio[-1])
    axes.legend(fontsize=8, loc="upper right", frameon=True, edgecolor="none", framealpha=0.9)
