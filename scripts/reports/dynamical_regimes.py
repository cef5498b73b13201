"""What the study of dynamical regimes found: speciation, collapse, and the edge of basins."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy import ndarray
from scipy.special import entr, expit

from bridges.crossing import crossing
from bridges.data import raw_vectors, standardised
from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import by_column, of_each, of_samples, uncertain
from diffusion import OU, theory as laws

SHOWN = {
    "return": "return to the datum $Y$",
    "entropy": r"entropy $H/\log P$",
    "agreement": r"clones in one class $\varphi$",
}
CRITERIA = {"one-step": "half retrieved, one step", "fixed-point": "half retrieved, fixed point"}


class Mixture:
    """Two Gaussian classes at ±m, and what theory says of P points of them."""

    def __init__(self, P: int, dimension: int, distance: float, variance: float) -> None:
        self.P, self.distance, self.variance = P, distance, variance
        self.spectrum = [variance] * dimension
        self.speciation = laws.speciation_time([variance + distance**2, variance])
        self.collapse = float(OU().time(float(laws.collapse_sigma(P / 2, self.spectrum))))

    def curves(self, times: ndarray) -> dict[str, ndarray]:
        """Y at finite size, H/log P at infinite size and φ, at Ornstein–Uhlenbeck times."""
        sigma = OU().noise_level(times).numpy()
        left = math.log(self.P) - laws.mutual_information(self.spectrum, sigma) - self._class(times)
        return {
            "return": laws.participation_ratio(self.P / 2, self.spectrum, sigma),
            "entropy": np.maximum(left, 0) / math.log(self.P),
            "agreement": laws.clone_probability(self.distance, self.variance, times),
        }

    def _class(self, times: ndarray) -> ndarray:
        """Information on the class, log 2 − E h(p), p = sigmoid(2(r + √r g)), r = a²/G."""
        fading = np.exp(-2 * times)
        r = (self.distance**2 * fading / (1 - fading + self.variance * fading))[:, None]
        g = np.linspace(-8, 8, 801)
        mass = np.exp(-(g**2) / 2)
        p = expit(2 * (r + np.sqrt(r) * g))
        return math.log(2) - (entr(p) + entr(1 - p)) @ (mass / mass.sum())


def digits_speciation() -> float:
    """t_S of the digits, of mean pixel variance 1."""
    return laws.speciation_time(torch.cov(standardised(raw_vectors("digits"))[0].T).numpy())


class Report(base.Report):
    """Choices of a class and of a datum, and which cues a dense memory retrieves."""

    between = "samples"
    figsize = (11.6, 4.2)
    grid = (1, 3)

    @cached_property
    def mixture(self) -> Mixture:
        """The two classes and their theory."""
        point = self.study.points[0]
        return Mixture(*(point[k] for k in ("patterns", "dimension", "distance", "variance")))

    @cached_property
    def speciation(self) -> dict[str, float]:
        """By data t_S."""
        return {"mixture": self.mixture.speciation, "digits": digits_speciation()}

    def curve(self, data: str, quantity: str) -> tuple[ndarray, ndarray]:
        """Times (K,) and values (samples, K)."""
        return self.study.curve(quantity, "time", data=data)

    def at(self, data: str, quantity: str, time: float) -> ndarray:
        """A curve at one of its times, (samples,)."""
        times, by_sample = self.curve(data, quantity)
        return by_sample[:, np.abs(times - time).argmin()]

    def collapse(self, data: str) -> ndarray:
        """Time at which Y = ½, (samples,)."""
        times, Y = self.curve(data, "return")
        return np.array([np.interp(-0.5, -one, times) for one in Y])

    def basin(self, criterion: str, noise: float) -> tuple[ndarray, ndarray]:
        """ρ of the cues (R,) and the probability that they are retrieved, (samples, R)."""
        return self.study.curve(criterion, "ratio", data="basin", noise=noise)

    @cached_property
    def noises(self) -> ndarray:
        """Noise variances of the dense memory."""
        return np.array([p["noise"] for p in self.study.points if p["data"] == "basin"])

    @cached_property
    def edge(self) -> ndarray:
        """ρ* of theory at each of them."""
        return self.edge_at(self.noises)

    def edge_at(self, noise: ndarray) -> ndarray:
        """ρ* of theory."""
        return laws.basin_edge(self.mixture.P, [1.0] * self.setting["intrinsic"], np.sqrt(noise))

    @cached_property
    def edges(self) -> dict[str, ndarray]:
        """By criterion the ρ at which half of the cues are retrieved, its error, (2, noises)."""

        def half(ratios: ndarray, by_sample: ndarray) -> float:
            return crossing(ratios, by_sample, 0.5, rising=False)[0]

        found = {}
        for criterion in CRITERIA:
            rows = []
            for t in self.noises:
                ratios, by_sample = self.basin(criterion, t)
                each = np.array([half(ratios, one[None]) for one in by_sample])
                error = mean_and_sem(each)[1] if np.isfinite(each).all() else math.nan
                rows.append((half(ratios, by_sample), error))
            found[criterion] = np.array(rows).T
        return found

    def finding(self) -> str:
        """How long the class is chosen before the datum."""
        apart = {data: t - self.collapse(data).mean() for data, t in self.speciation.items()}
        return (
            f"The class is chosen {apart['mixture']:.2f} before the datum in a mixture, "
            f"{apart['digits']:.2f} in digits; the collapse is the edge of a dense memory's basins"
        )

    def conclusions(self) -> Point:
        """Times of speciation and collapse, measured and by theory; the basin edge."""
        found: Point = {
            data: {
                "speciation_time": t_S,
                "agreement_at_speciation": estimate(self.at(data, "agreement", t_S)),
                "collapse_time": estimate(self.collapse(data)),
                "largest_nishimori_violation": self._nishimori(data),
            }
            for data, t_S in self.speciation.items()
        }
        mixture, t_C = self.mixture, self.mixture.collapse
        agreement = laws.clone_probability(mixture.distance, mixture.variance, mixture.speciation)
        found["mixture"] |= {
            "agreement_theory": float(agreement),
            "collapse_time_theory": t_C,
            "return_at_theory": estimate(self.at("mixture", "return", t_C)),
            "entropy_at_theory": estimate(self.at("mixture", "entropy", t_C)),
        }
        found["basin"] = [
            {"noise": float(t), "theory": float(self.edge[k])}
            | {
                name: {"mean": float(mean[k]), "sem": float(sem[k]), "n": self.samples}
                for name, (mean, sem) in self.edges.items()
            }
            for k, t in enumerate(self.noises)
        ]
        return found

    def _nishimori(self, data: str) -> float:
        """Largest |E Y − E w_planted| over the times, in its standard errors."""
        mean, sem = mean_and_sem(self.curve(data, "return")[1] - self.curve(data, "own")[1])
        if self.samples == 1:
            return math.nan
        return float((np.abs(mean)[sem > 1e-9] / sem[sem > 1e-9]).max(initial=0))

    def heading(self) -> str:
        """The data, and what is drawn anew for a sample."""
        s = self.setting
        return (
            f"P = {s['patterns']}; mixtures (d = {s['dimension']}) and memories "
            f"(m = {s['intrinsic']}) drawn anew, digits one data set under new noise"
        )

    def tables(self) -> Iterator[str]:
        """Curves of the mixture and of the digits, and the edge of the basins."""
        for data in self.speciation:
            yield self._regimes_table(data)
        farthest = float(self.basin("one-step", self.noises[0])[0][-1])  # ρ of a cue
        measured = ([edge_in_words(*one, farthest) for one in e.T] for e in self.edges.values())
        theory = [f"{edge:.2f}" for edge in self.edge]
        heading = ["dense memory, σ² = 1/β", "ρ* theory", *CRITERIA]
        yield by_column(heading, [f"{t:.3f}" for t in self.noises], theory, *measured)

    def _regimes_table(self, data: str) -> str:
        times = self.curve(data, "return")[0]
        theory = self.mixture.curves(times) if data == "mixture" else {}
        heading, known = ["time s", "σ²"], ""
        columns = [[f"{t:.3f}" for t in times], [f"{math.expm1(2 * t):.3g}" for t in times]]
        for name, label in zip(SHOWN, ("Y", "H/log P", "same class φ"), strict=True):
            heading.append(label)
            columns.append(of_each(self.curve(data, name)[1]))
            if theory:
                heading.append("theory")
                columns.append([f"{value:.3f}" for value in theory[name]])
                known = f" (theory, infinite d: {self.mixture.collapse:.3f})"
        time = of_samples(self.collapse(data))
        line = f"{data}: t_S = {self.speciation[data]:.4f}, Y = 1/2 at s = {time}{known}"
        return f"{line}\n\n{by_column(heading, *columns)}"

    def panels(self) -> tuple[base.Panel, ...]:
        """Mixture, digits, basin."""
        return self._mixture, self._digits, self._basin

    def _mixture(self, axes: Axes) -> None:
        times = self._curves(axes, "mixture", "")
        fine = np.linspace(times[0], times[-1], 300)
        theory = self.mixture.curves(fine).values()
        for values, (color, _) in zip(theory, figures.SERIES, strict=False):
            axes.plot(fine, values, color=color, lw=1.4, zorder=1)
        figures.mark(axes, self.mixture.collapse, "$t_C$", "-")
        size = f"$P$ = {self.mixture.P}, $d$ = {self.setting['dimension']}"
        axes.set_title(f"mixture, {size}; lines: theory")

    def _digits(self, axes: Axes) -> None:
        self._curves(axes, "digits", "-")
        figures.mark(axes, self.collapse("digits").mean(), "$Y=1/2$", "-")
        axes.set_title(f"digits, $P$ = {len(raw_vectors('digits'))}: both choices overlap")
        axes.legend(loc=(0.54, 0.37), fontsize=7.5)

    def _curves(self, axes: Axes, data: str, style: str) -> ndarray:
        for (name, label), series in zip(SHOWN.items(), figures.SERIES, strict=False):
            times, by_sample = self.curve(data, name)
            look: dict[str, Any] = {"ms": 4, "ls": style, "lw": 0.7, "label": label}
            figures.points(axes, times, by_sample, series, **look)
        figures.mark(axes, self.speciation[data], "$t_S$", "--")
        axes.set(ylim=(-0.03, 1.16), xlabel="Ornstein–Uhlenbeck time $s$")
        axes.set_ylabel("posterior weights of the data")
        return times

    def _basin(self, axes: Axes) -> None:
        """The edge ρ*(t) over the measured probability of retrieval, and where that is ½."""
        P, m, noise = self.mixture.P, self.setting["intrinsic"], self.noises
        success = np.array([self.basin("one-step", t)[1].mean(0) for t in noise])
        ratios = self.basin("one-step", noise[0])[0]
        look: dict[str, Any] = {"cmap": figures.shades(), "vmin": 0, "vmax": 1, "zorder": 0}
        cells = axes.pcolormesh(noise, ratios, success.T, shading="nearest", **look)
        bar = axes.figure.colorbar(cells, ax=axes, pad=0.01, aspect=30)
        bar.set_label("probability of retrieval, one step")
        fine = np.linspace(noise[0], noise[-1], 200)
        color, label = figures.SERIES[1][0], r"$\rho^*(t)$ (theory)"
        axes.plot(fine, self.edge_at(fine), color=color, lw=1.8, label=label, zorder=2)
        for (name, label), series in zip(CRITERIA.items(), figures.SERIES[::2], strict=False):
            known = np.isfinite(self.edges[name]).all(0)
            look = {"lw": 1.5, "ls": "", "mec": "white", "label": label}
            figures.means(axes, noise[known], self.edges[name][:, known], series, **look)
        figures.mark(axes, float(laws.collapse_sigma(P, [1.0] * m)) ** 2, "$t_C$", "-")
        axes.axhline(1, color="0.35", lw=0.8, ls=":")
        axes.set(xlabel=r"noise variance $t=\sigma^2=1/\beta$", ylim=(ratios[0], ratios[-1]))
        axes.set_ylabel(r"squared distance of the cue $\rho$ (units of $tm$)")
        axes.legend(loc="upper right", frameon=True, edgecolor="none", framealpha=0.9)
        axes.set_title(f"dense memory, $P$ = {P}, $m$ = {m}")


def edge_in_words(edge: float, error: float, farthest: float) -> str:
    """ρ with its error, or on which side of all cues it lies.

    Examples
    --------
    >>> edge_in_words(0.5, 0.02, 1.8), edge_in_words(math.inf, math.nan, 1.8)
    ('0.50(2)', '> 1.8')
    """
    if math.isnan(edge) or edge < 0:  # not even the pattern itself comes home
        return "none"
    return f"> {farthest:g}" if math.isinf(edge) else uncertain(edge, error)
