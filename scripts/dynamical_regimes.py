r"""When does a diffusion model choose a class, when a datum? And is that the memory's capacity?

Three regimes of the reverse process with the exact score of P points (Biroli, Bonnaire, de
Bortoli & Mézard, arXiv 2402.18491), in Ornstein–Uhlenbeck time s with σ² = e^{2s} − 1:

    speciation   t_S = ½ log Λ, Λ the largest eigenvalue of the covariance of the data: two
                 clones end in one class with probability φ = E Σ_c p_c², from 1 to 1/classes
    collapse     t_C: log P = I(σ), the information that a noised point holds on its datum; a
                 U-turn returns to its datum with probability Y = E Σ_μ w_μ², from 1 to 0

Data: two Gaussian classes at ±m in d dimensions, |m|² = dμ², of variance s² within, where
log P = log 2 + (d/2) log(1 + s²/σ²) at the collapse if the classes are apart there; and the
1797 digits of scikit-learn, ten classes. All is read off the posterior weights at noised data:
no dynamics is run. The entropy H of the weights tends to log P − I above the collapse and to
0 below. It is never negative and crosses no level there, so that the collapse is measured at
Y = ½, which in finite dimension lies 10 to 40 % above t_C in σ².

The third panel is the same threshold seen from the dense memory at β = 1/σ²: a cue at squared
distance ρσ²m finds its pattern iff ρ < ρ*(σ), with ρ* = 1 at the collapse (arXiv 2502.09578).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from bridges import options
from bridges.study import Findings, Run, study_command

if TYPE_CHECKING:
    from bridges.record import Point, Row
    from bridges.results import Study

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "patterns": 1000,
        "dimension": 100,
        "separation": 1.0,
        "variance": 1.0,
        "intrinsic": 20,
        "levels": 14,
        "draws": 400,
        "samples": 4,
    },
    "paper": {
        "patterns": 2000,
        "dimension": 200,
        "separation": 1.0,
        "variance": 1.0,
        "intrinsic": 40,
        "levels": 40,
        "draws": 2000,
        "samples": 16,
    },
}
_DIGITS_COLLAPSE = 0.55  # about where Y = ½, to lay the times around
RATIOS = [k / 5 for k in range(10)]  # ρ of the cues


def measure(point: Point, seed: int) -> list[Row]:
    """Posterior statistics of one data set at all times, or one noise level of the basins."""
    if point["data"] == "basin":
        return _basin(point, seed)
    import torch

    from bridges.data import class_labels, raw_vectors, standardised
    from diffusion import OU, EmpiricalDenoiser, GaussianMixtureDenoiser, planted_posterior

    if point["data"] == "digits":
        data, labels = standardised(raw_vectors("digits"))[0], class_labels("digits")
    else:
        axis = torch.zeros(2, point["dimension"], dtype=torch.float64)
        axis[0, 0], axis[1, 0] = point["distance"], -point["distance"]
        mixture = GaussianMixtureDenoiser(axis, point["variance"])
        data, labels = mixture.draw(point["patterns"], seed=seed)
    denoiser = EmpiricalDenoiser(data)
    rows = []
    for time in point["times"]:
        sigma = float(OU().noise_level(time))
        found = planted_posterior(denoiser, sigma, point["draws"], labels, seed=seed)
        values = {
            "return": found.participation,
            "own": found.own_weight,
            "entropy": found.entropy / math.log(len(data)),
            "agreement": found.agreement,
        }
        rows += [
            {"time": time, "quantity": name, "value": float(value.mean())}
            for name, value in values.items()
        ]
    return rows


def _basin(point: Point, seed: int) -> list[Row]:
    from bridges.basin_edge import basin_edge_map

    found = basin_edge_map(
        point["patterns"],
        [1.0] * point["intrinsic"],
        math.sqrt(point["noise"]),
        RATIOS,
        point["draws"],
        seed=seed,
    )
    return [
        {"ratio": ratio, "quantity": name, "value": float(values[k])}
        for name, values in (("one-step", found.one_step), ("fixed-point", found.fixed_point))
        for k, ratio in enumerate(RATIOS)
    ]


@study_command(PRESETS)
@options.shared("patterns", default=None, help="Points of the mixture and of the memory, P.")
@click.option("--dimension", type=click.IntRange(2), help="d of the mixture.")
@click.option("--separation", type=click.FloatRange(0, min_open=True), help="μ, |m| = μ √d.")
@click.option("--variance", type=click.FloatRange(0, min_open=True), help="s² within a class.")
@click.option("--intrinsic", type=click.IntRange(2), help="Dimension m of the memory's patterns.")
@click.option("--levels", type=click.IntRange(4), help="Times of a curve.")
@options.shared("draws", default=None)
def main(run: Run, **chosen: Any) -> Findings:
    """Speciation into classes and collapse onto data: mixtures, digits, dense memories."""
    from diffusion.theory import collapse_sigma, onset_sigma

    P, d, levels = chosen["patterns"], chosen["dimension"], chosen["levels"]
    if P < 4:
        raise ValueError(f"patterns must be at least 4, got {P}")
    distance = chosen["separation"] * math.sqrt(d)
    mixture = Mixture(P, d, distance, chosen["variance"])
    shared = {"draws": chosen["draws"]}
    digits, spectrum = digits_speciation(), [1.0] * chosen["intrinsic"]
    low, high = (float(f(P, spectrum)) ** 2 for f in (collapse_sigma, onset_sigma))
    points: list[Point] = [
        {
            "data": "mixture",
            "patterns": P,
            "dimension": d,
            "distance": distance,
            "variance": chosen["variance"],
            "times": _grid(mixture.collapse, mixture.speciation, levels),
        }
        | shared,
        {"data": "digits", "times": _grid(_DIGITS_COLLAPSE, digits, levels)} | shared,
    ]
    noises = [low * (0.75 + (high / low - 0.75) * k / 7) for k in range(8)]
    points += [
        {"data": "basin", "patterns": P, "intrinsic": chosen["intrinsic"], "noise": t}
        | {"draws": max(50, chosen["draws"] // 4)}
        for t in noises
    ]
    return Report(run(measure, points), mixture, digits, spectrum).findings()


class Mixture:
    """Two Gaussian classes at ±m, and what theory says of P points of them."""

    def __init__(self, P: int, dimension: int, distance: float, variance: float) -> None:
        from diffusion import OU
        from diffusion.theory import collapse_sigma, speciation_time

        self.P, self.distance, self.variance = P, distance, variance
        self.spectrum = [variance] * dimension
        self.speciation = speciation_time([variance + distance**2, variance])
        self.collapse = float(OU().time(float(collapse_sigma(P / 2, self.spectrum))))

    def curves(self, times: Any) -> dict[str, Any]:
        """Y at finite size, H/log P at infinite size and φ, at Ornstein–Uhlenbeck times."""
        import numpy as np

        from diffusion import OU
        from diffusion.theory import clone_probability, mutual_information, participation_ratio

        sigma = OU().noise_level(times).numpy()
        left = math.log(self.P) - mutual_information(self.spectrum, sigma) - self._class(times)
        return {
            "return": participation_ratio(self.P / 2, self.spectrum, sigma),
            "entropy": np.maximum(left, 0) / math.log(self.P),
            "agreement": clone_probability(self.distance, self.variance, times),
        }

    def _class(self, times: Any) -> Any:
        """Information on the class, log 2 − E h(p), p = sigmoid(2(r + √r g)), r = a²/G."""
        import numpy as np
        from scipy.special import entr, expit

        fading = np.exp(-2 * times)
        r = (self.distance**2 * fading / (1 - fading + self.variance * fading))[:, None]
        g = np.linspace(-8, 8, 801)
        mass = np.exp(-(g**2) / 2)
        p = expit(2 * (r + np.sqrt(r) * g))
        return math.log(2) - (entr(p) + entr(1 - p)) @ (mass / mass.sum())


def digits_speciation() -> float:
    """t_S of the digits, of mean pixel variance 1."""
    import torch

    from bridges.data import raw_vectors, standardised
    from diffusion.theory import speciation_time

    return speciation_time(torch.cov(standardised(raw_vectors("digits"))[0].T).numpy())


def _grid(collapse: float, speciation: float, levels: int) -> list[float]:
    """Times over both transitions, both among them."""
    import numpy as np

    low, high = sorted((collapse, speciation))
    spread = np.linspace(max(0.05, 0.4 * low), high + 1.0, levels - 2)
    return sorted({float(t) for t in spread} | {collapse, speciation})


class Report:
    """What the study found."""

    def __init__(
        self, study: Study, mixture: Mixture, digits: float, spectrum: list[float]
    ) -> None:
        import numpy as np

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
        import numpy as np

        Y, times = self.curves[data, "return"], np.array(self.times[data])
        return _mean([float(np.interp(-0.5, -one, times)) for one in Y])

    def at(self, data: str, quantity: str, time: float) -> tuple[float, float]:
        """A curve at one of its times, and its standard error."""
        return _mean(self.curves[data, quantity][:, self.times[data].index(time)].tolist())

    @cached_property
    def edges(self) -> dict[str, Any]:
        """By criterion t, the ρ at which half of the cues are retrieved, its error, (3, noises)."""
        import numpy as np

        from bridges.retrieval import crossing

        def half(by_sample: Any) -> float:
            return crossing(np.array(RATIOS), by_sample, 0.5, rising=False, resamples=1)[0]

        found = {}
        for criterion, tables in self.basin.items():
            rows = []
            for t, table in zip(self.noises, tables, strict=True):
                each = [half(one[None]) for one in table.T]
                error = _mean(each)[1] if np.isfinite(each).all() else math.nan
                rows.append((t, half(table.T), error))
            found[criterion] = np.array(rows).T
        return found

    def findings(self) -> Findings:
        """Text, record and figure."""
        return Findings(self.text(), self.summary(), self.figure())

    def summary(self) -> dict[str, Any]:
        """Times of speciation and collapse, measured and by theory; the basin edge."""
        from diffusion.theory import basin_edge, clone_probability

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
        import numpy as np

        gap = self.curves[data, "return"] - self.curves[data, "own"]
        if len(gap) == 1:
            return math.nan
        sem = gap.std(0, ddof=1) / math.sqrt(len(gap))
        return float((np.abs(gap.mean(0))[sem > 1e-9] / sem[sem > 1e-9]).max(initial=0))

    def text(self) -> str:
        """Tables for a person."""
        from bridges.tables import table, uncertain
        from diffusion.theory import basin_edge

        lines = [f"errors: s.e. between {self.study.config['samples']} samples; {ERRORS}"]
        theory = self.mixture.curves(_array(self.times["mixture"]))
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
                *(_edge(edge[1:, k]) for edge in (one, fixed)),
            ]
            for k, t in enumerate(self.noises)
        ]
        heading = ["dense memory, σ² = 1/β", "ρ* theory", "one-step", "fixed-point"]
        return "\n".join([*lines, "", table(heading, rows)])

    def figure(self) -> Any:
        """Mixture, digits, basin."""
        import numpy as np
        from matplotlib.figure import Figure

        from bridges import plots
        from diffusion.theory import basin_edge, collapse_sigma

        with plots.look():
            figure = Figure(figsize=(11.6, 4.2), layout="constrained")
            mixture, digits, basin = figure.subplots(1, 3)
            self._curves(mixture, "mixture")
            fine = np.linspace(self.times["mixture"][0], self.times["mixture"][-1], 300)
            for name, values in self.mixture.curves(fine).items():
                mixture.plot(fine, values, color=LOOKS[name][1], lw=1.4, zorder=1)
            plots.mark(mixture, self.mixture.collapse, "$t_C$", "-")
            mixture.set_title("two Gaussian classes (lines: theory)", fontsize=9.5)
            mixture.legend(fontsize=8, loc=(0.38, 0.16))
            self._curves(digits, "digits")
            plots.mark(digits, self.collapse("digits")[0], "$Y=1/2$", "-")
            digits.set_title("digits: choices of class and datum overlap", fontsize=9.5)
            noise = np.linspace(self.noises[0], self.noises[-1], 200)
            P = self.mixture.P
            plots.basin_edge_panel(
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
            plots.mark(basin, float(collapse_sigma(P, self.spectrum)) ** 2, "$t_C$", "-")
            basin.axhline(1, color="0.35", lw=0.8, ls=":")
            basin.set_title(f"dense memory, $P$ = {P}, $m$ = {len(self.spectrum)}", fontsize=9.5)
            figure.suptitle(self.finding(), fontsize=10.5)
        return figure

    def _curves(self, axes: Any, data: str) -> None:
        import numpy as np

        from bridges import plots

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
        plots.mark(axes, self.speciation[data], "$t_S$", "--")
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


LOOKS = {
    "return": ("return to the datum $Y$", "#0072B2", "o"),
    "entropy": (r"entropy $H/\log P$", "#D55E00", "s"),
    "agreement": (r"clones in one class $\varphi$", "#009E73", "^"),
}
ERRORS = "mixtures and memories are drawn anew, the digits are one data set under new noise"


def _array(values: list[float]) -> Any:
    import numpy as np

    return np.array(values)


def _mean(values: list[float]) -> tuple[float, float]:
    """Mean and standard error, NaN for a single value."""
    import numpy as np

    from bridges.results import mean_and_sem

    mean, sem = mean_and_sem(np.array(values))
    return float(mean), float(sem)


def _plain(pair: tuple[float, float]) -> dict[str, float]:
    return {"value": pair[0], "sem": pair[1]}


def _edge(pair: Any) -> str:
    """ρ with its error, or on which side of all cues it lies."""
    from bridges.tables import uncertain

    value, sem = float(pair[0]), float(pair[1])
    if math.isnan(value):
        return "none"
    return f"> {RATIOS[-1]:g}" if math.isinf(value) else uncertain(value, sem)


if __name__ == "__main__":
    main()
