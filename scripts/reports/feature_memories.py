"""What the study of feature memories found: errors, basins, and where iteration converges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray

from bridges.crossing import crossing
from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import by_column, of_each, uncertain

BALL = 0.3  # distance of the states at which the error is measured
COSINE = 0.95  # of a state with its pattern that counts as home
SWEEPS = 200  # most updates of a cue
CONTRACTS = 2.0  # Y/NP from which the update contracts onto patterns


class Report(base.Report):
    """Error of the energy against its law, retrieval and convergence against Y."""

    between = "sets of patterns and features"
    grid = (1, 3)
    figsize = 11.6, 4.4

    def energy(self, quantity: str, beta: float) -> tuple[ndarray, ndarray]:
        """Y (K,) and values (samples, K)."""
        return self.study.curve(quantity, "features", part="energy", beta=beta)

    def basin(self, quantity: str, noise: float) -> tuple[ndarray, ndarray]:
        """Y/P (K,) and values (samples, K)."""
        return self.study.curve(quantity, "per_pattern", part="basin", noise=noise)

    def clean(self, quantity: str, size: int) -> tuple[ndarray, ndarray]:
        """Y/NP (K,) and values (samples, K)."""
        return self.study.curve(quantity, "per_entry", part="clean", dimension=size)

    @property
    def middle(self) -> int:
        """Dimension in which noisy cues are measured."""
        sizes: list[int] = sorted(self.setting["sizes"])
        return sizes[len(sizes) // 2]

    def ratios(self, beta: float) -> tuple[ndarray, ndarray]:
        """rms error over the law at each Y, and its error by the spread of mean squares."""
        square, law = (self.energy(name, beta)[1] for name in ("square", "law"))
        mean, sem = mean_and_sem(square / law)
        return np.sqrt(mean), sem / (2 * np.sqrt(mean))

    def needed(self, noise: float) -> float:
        """Y/P at which half of the cues come home."""
        y, found = self.basin("end", noise)
        return math.exp(crossing(np.log(y), found, 0.5, rising=True)[0])

    def in_words(self, noise: float) -> str:
        """The same after a sign, or beyond which of the numbers there were it lies."""
        y, needed = self.basin("end", noise)[0], self.needed(noise)
        if needed < y[0]:
            return f"< {y[0]:g}"
        return f"= {needed:.2g}" if math.isfinite(needed) else f"> {y[-1]:g}"

    def felt(self, noise: float) -> float:
        """Y/P at which a cue's signal equals the error, ½ e^{βr²}."""
        return 0.5 * math.exp(noise**2 * self.middle)

    def finding(self) -> str:
        """How many features cues of each kind need, and iteration."""
        low, high = min(self.setting["noises"]), max(self.setting["noises"])
        N = max(self.setting["sizes"])
        rest = mean_and_sem(self.clean("converged", N)[1])[0]
        many = self.clean("converged", N)[0]
        enough = many[rest > 0.9]
        found = f"from $Y/NP$ = {enough[0]:g} on" if len(enough) else "nowhere"
        return (
            f"Half of the cues come home at $Y/P$ {self.in_words(low)} for $s$ = {low:g}, "
            f"{self.in_words(high)} for $s$ = {high:g}; "
            f"iteration comes to rest {found} ($N$ = {N})"
        )

    def conclusions(self) -> Point:
        """Errors over the law, features that half of the cues need, and convergence."""
        laws = {}
        for beta in self.setting["betas"]:
            Y = self.energy("square", beta)[0]
            mean, sem = self.ratios(beta)
            laws[f"{beta:g}"] = [
                {
                    "features": float(y),
                    "rms_over_law": {"mean": float(m), "sem": float(e), "n": self.samples},
                }
                for y, m, e in zip(Y, mean, sem, strict=True)
            ]
        return {
            "error": laws,
            "half_home": {
                f"{s:g}": {
                    "features_per_pattern": self.needed(s),
                    "signal_equals_error": self.felt(s),
                }
                for s in self.setting["noises"]
            },
            "clean": {
                str(N): [
                    {"features_per_entry": float(y), "converged": estimate(one)}
                    for y, one in zip(*_by_column(self.clean("converged", N)), strict=True)
                ]
                for N in self.setting["sizes"]
            },
        }

    def heading(self) -> str:
        """The patterns, and what is measured."""
        s = self.setting
        return (
            f"P = {s['patterns']}; errors at {BALL:g} from patterns of N = {s['dimension']}, "
            f"|ξ|² ~ 1; others |ξ|² ~ N, β = 1, home at a cosine of {COSINE:g} within {SWEEPS} "
            "steps"
        )

    def tables(self) -> Iterator[str]:
        """Errors and their law, cues by noise, clean cues by dimension."""
        for beta in self.setting["betas"]:
            Y, square = self.energy("square", beta)
            law = np.sqrt(mean_and_sem(self.energy("law", beta)[1])[0])
            over = [uncertain(m, e) for m, e in zip(*self.ratios(beta), strict=True)]
            columns = (
                [f"{y:g}" for y in Y],
                [f"{v:.3g}" for v in np.sqrt(square.mean(0))],
                [f"{v:.3g}" for v in law],
                over,
                of_each(self.energy("energy", beta)[1]),
            )
            heading = ["Y", "rms of φ·T", "law", "over law", "median error of E"]
            yield f"Errors at β = {beta:g}\n\n" + by_column(heading, *columns)
        for noise in self.setting["noises"]:
            y, end = self.basin("end", noise)
            columns = (
                [f"{v:g}" for v in y],
                of_each(self.basin("one_step", noise)[1]),
                of_each(end),
                of_each(self.basin("exact", noise)[1]),
            )
            line = f"Cues at s = {noise:g}, N = {self.middle}: half come home at Y/P "
            line += f"{self.in_words(noise)}, signal = error at {self.felt(noise):.2g}"
            heading = ["Y/P", "home in one step", "at the end", "exact kernel"]
            yield line + "\n\n" + by_column(heading, *columns)
        for N in self.setting["sizes"]:
            y, rest = self.clean("converged", N)
            scaled = self.clean("displaced", N)[1] * 2 * N * y  # |x − ξ|²·2Yβ/(NP)
            columns = (
                [f"{v:g}" for v in y],
                of_each(rest),
                *(of_each(self.clean(q, N)[1]) for q in ("sweeps", "end")),
                of_each(scaled),
            )
            heading = ["Y/NP", "came to rest", "steps", "home", "|x − ξ|²·2Y/NP"]
            yield f"Clean cues, N = {N}\n\n" + by_column(heading, *columns)

    def panels(self) -> tuple[base.Panel, ...]:
        """The error, convergence, the basins."""
        return self._error, self._convergence, self._basins

    def _error(self, axes: Axes) -> None:
        for beta, series in zip(self.setting["betas"], figures.SERIES, strict=False):
            Y, square = self.energy("square", beta)
            mean, sem = mean_and_sem(square)
            found = np.sqrt(mean), sem / (2 * np.sqrt(mean))
            figures.means(axes, Y, found, series, ls="", label=f"$\\beta$ = {beta:g}")
            law = np.sqrt(self.energy("law", beta)[1].mean(0))
            axes.plot(Y, law, color=series[0], lw=1.2, zorder=1)
        axes.plot(
            Y,
            np.sqrt(self.setting["patterns"] / (2 * Y)),
            color="0.4",
            ls=":",
            label="$\\sqrt{P/2Y}$",
        )
        axes.set_yscale("log")
        figures.ticks(axes, Y)
        axes.set(xlabel="features $Y$", ylabel=r"rms error of $\varphi(x)\cdot T$")
        axes.set_title("error and its law (lines)")
        axes.legend()

    def _basins(self, axes: Axes) -> None:
        for noise, series in zip(self.setting["noises"], figures.SERIES, strict=False):
            y, end = self.basin("end", noise)
            label = f"$s$ = {noise:g}" if noise else "clean"
            figures.points(axes, y, end, series, lw=0.8, label=label)
            look: dict[str, Any] = {"ls": ":", "lw": 0.8, "mfc": "white", "ms": 4}
            one = self.basin("one_step", noise)[1]
            figures.points(axes, y, one, series, label=f"{label}, one step", **look)
            axes.axvline(self.felt(noise), color=series[0], ls="--", lw=1, zorder=0)
        figures.mark(axes, CONTRACTS * self.middle, "$2NP$", "-")
        axes.set(xlim=(y[0] / 3, y[-1] * 4))
        figures.ticks(axes, y)
        axes.set(xlabel="features per pattern $Y/P$", ylabel="share of cues that come home")
        axes.set(ylim=(-0.03, 1.05))
        axes.set_title(f"$N$ = {self.middle}; dashed: $Y/P=\\frac{{1}}{{2}}e^{{\\beta r^2}}$")
        figures.legend_of(axes)

    def _convergence(self, axes: Axes) -> None:
        for N, series in zip(self.setting["sizes"], figures.SERIES, strict=False):
            y, rest = self.clean("converged", N)
            figures.points(axes, y, rest, series, lw=0.8, label=f"$N$ = {N}")
        figures.mark(axes, CONTRACTS, "$Y=2NP$", "--")
        figures.ticks(axes, y)
        axes.set(xlabel="features per entry of a pattern $Y/NP$", ylim=(-0.03, 1.05))
        axes.set(ylabel=f"share that comes to rest in {SWEEPS} steps")
        axes.set_title("iteration from clean cues")
        axes.legend(loc="lower right")


def _by_column(curve: tuple[ndarray, ndarray]) -> tuple[ndarray, ndarray]:
    """x and the samples at each of them."""
    return curve[0], curve[1].T
