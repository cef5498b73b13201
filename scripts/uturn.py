r"""Who returns from a U-turn? Flow and SDE, decoding and sampling, and the collapse.

P patterns on the sphere |ξ|² = N are noised to σ, in Ornstein–Uhlenbeck time
t = ½ log(1 + σ²), and run back with their exact score. The two reverse processes answer
different questions, and are never to be compared as if they were one:

    SDE    samples the posterior: returns with probability E w_1 (Biroli et al., arXiv
           2402.18491)
    flow   nearly decodes: returns about as often as the nearest pattern is the own one, for
           which the law at finite N is exact

Both fall from 1 to 0 around the collapse, where an own datum loses the posterior,
t_C = ½ log(1 + 1/(P^{2/N} − 1)): a step in the limit N → ∞, wide at N of tens. Iterating the
denoiser at the noise level of the cue is a dense memory at β = 1/σ²; its landscape has lost
the patterns already where the flow, which lowers σ on its way, still returns.

    python scripts/uturn.py --preset quick
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, options
from bridges.study.command import Run, study_command
from bridges.study.report import Findings
from bridges.study.results import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray

    from bridges.study.record import Point, Row

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "size": 20,
        "loads": [7, 55, 403],
        "sigmas": [0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0],
        "trials": 400,
        "steps": 40,
        "samples": 8,
    },
    "paper": {
        "size": 20,
        "loads": [7, 20, 55, 150, 403, 1100],
        "sigmas": [0.5, 0.625, *(k / 8 for k in range(6, 17)), 2.25, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0],
        "trials": 2000,
        "steps": 100,
        "samples": 16,
    },
}
POSTERIOR, SDE, FLOW, NEAREST, FIXED = "posterior", "sde", "flow", "nearest", "fixed-noise"
DYNAMICS = (POSTERIOR, SDE, FLOW, NEAREST, FIXED)
_DRAWN = 5  # steps of the SDE: it is sampled exactly in any number
_HOME = 0.9  # cosine with its own pattern at which an iterated cue has come home


@study_command(PRESETS)
@options.shared("size", default=None)
@options.shared("loads", help="Numbers of patterns P.")
@options.shared("sigmas", help="Noise levels of the turn, σ.")
@options.shared("trials", default=None, help="U-turns a pattern set, at least one a pattern.")
@click.option("--steps", type=click.IntRange(1), help="Steps of the reverse flow.")
def main(run: Run, loads: list[int], sigmas: list[float], **setting: Any) -> Findings:
    """Return probability of flow and SDE against noise, with exact laws and the collapse."""
    if loads[0] < 2:
        raise ValueError(f"loads must be at least 2: one pattern always returns, got {loads[0]}")
    points: list[Point] = [
        {"patterns": P, "sigma": sigma, **setting} for P in loads for sigma in sigmas
    ]
    return Report(run(measure, points), loads).findings()


def measure(point: Point, seed: int) -> list[Row]:
    """Return probabilities of one pattern set at one noise level."""
    from bridges import as_memory, transition_matrix
    from bridges.data import pattern_set
    from bridges.equivalence import overlap_of_noise
    from bridges.memory import NearestPattern
    from diffusion import EmpiricalDenoiser

    xi = pattern_set("random", "real", point["patterns"], point["size"], seed)
    denoiser, trials = EmpiricalDenoiser(xi), -(-point["trials"] // len(xi))
    memories = {
        SDE: (as_memory(denoiser, dynamics="sde", steps=_DRAWN), -1.0),
        FLOW: (as_memory(denoiser, dynamics="flow", steps=point["steps"]), -1.0),
        NEAREST: (NearestPattern(xi), -1.0),
        FIXED: (as_memory(denoiser, dynamics="fixed-noise", max_sweeps=300), _HOME),
    }
    found = {POSTERIOR: transition_matrix(denoiser, point["sigma"], draws=trials, seed=seed)}
    for name, (memory, threshold) in memories.items():
        found[name] = transition_matrix(
            memory,
            overlap=overlap_of_noise(point["sigma"]),
            trials=trials,
            threshold=threshold,
            seed=seed,
        )
    return [
        {"dynamics": name, "quantity": "return", "value": T.return_probability}
        for name, T in found.items()
    ]


@dataclass(frozen=True)
class Report:
    """What was measured; `loads` are the numbers of patterns."""

    study: Study
    loads: Sequence[int]

    @cached_property
    def setting(self) -> Point:
        return self.study.config["parameters"]

    @property
    def size(self) -> int:
        """N."""
        return int(self.setting["size"])

    def curve(self, dynamics: str, P: int) -> tuple[ndarray, ndarray]:
        """σ (K,) and the return probability (samples, K)."""
        return self.study.curve("return", "sigma", dynamics=dynamics, patterns=P)

    @cached_property
    def laws(self) -> ndarray:
        """How often the nearest pattern is the own one, exactly, (σ measured, P)."""
        return laws(self.loads, self.size, self.curve(POSTERIOR, self.loads[0])[0])

    @cached_property
    def fine(self) -> tuple[list[float], ndarray, ndarray]:
        """More numbers of patterns P, finer σ, and the same law, (σ, P)."""
        import numpy as np

        between = np.geomspace(max(3, self.loads[0]), 1.2 * self.loads[-1], 12)
        P = sorted({*map(float, self.loads), *between.tolist()})
        sigma = np.geomspace(0.2, 20.0, 60)
        return P, sigma, laws(P, self.size, sigma)

    @cached_property
    def law_halves(self) -> dict[float, float]:
        """P → the time at which half of the nearest patterns are the own ones; NaN at P = 2."""
        import numpy as np

        P, sigma, found = self.fine
        times = time_of(sigma)
        return {
            p: float(np.interp(-0.5, -found[:, k], times, right=np.nan)) for k, p in enumerate(P)
        }

    def collapse(self, P: int) -> float:
        """σ_C; its time is t_C."""
        from diffusion.theory import collapse_sigma

        return float(collapse_sigma(P, [1.0] * self.size))

    def half(self, dynamics: str, P: int) -> tuple[float, tuple[float, float]]:
        """The time at which half of the U-turns return, and its 95 % interval."""
        import numpy as np

        from bridges.retrieval import crossing

        sigma, by_sample = self.curve(dynamics, P)
        return crossing(time_of(np.asarray(sigma)), by_sample, 0.5, rising=False)

    def findings(self) -> Findings:
        return Findings(self.text(), self.summary(), self.figure())

    def summary(self) -> Point:
        by_load: dict[str, Any] = {}
        for P, law in zip(self.loads, self.laws.T, strict=True):
            sigma, _ = self.curve(POSTERIOR, P)
            by_load[str(P)] = {
                "collapse_sigma": self.collapse(P),
                "collapse_time": time_of(self.collapse(P)),
                "half_time": {name: self.half(name, P)[0] for name in DYNAMICS},
                "half_time_of_law": self.law_halves[P],
                "return": {
                    f"{s:g}": {name: estimate(self.curve(name, P)[1][:, k]) for name in DYNAMICS}
                    | {"nearest_law": float(law[k])}
                    for k, s in enumerate(sigma)
                },
            }
        return {
            **self.setting,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
            "by_load": by_load,
        }

    def text(self) -> str:
        from bridges.study.tables import of_samples, table

        s = self.setting
        lines = [
            f"N = {s['size']}, patterns on the sphere; {self.study.config['samples']} pattern "
            f"sets, at least {s['trials']} U-turns each; errors: s.e. between pattern sets",
            "sampling the posterior: E w_1 and the SDE; decoding: flow and nearest pattern",
        ]
        for P, law in zip(self.loads, self.laws.T, strict=True):
            sigma, _ = self.curve(POSTERIOR, P)
            rows = [
                [
                    f"{one:g}",
                    f"{time_of(one):.3f}",
                    *(of_samples(self.curve(name, P)[1][:, k]) for name in (POSTERIOR, SDE)),
                    *(of_samples(self.curve(name, P)[1][:, k]) for name in (FLOW, NEAREST)),
                    f"{law[k]:.3f}",
                    of_samples(self.curve(FIXED, P)[1][:, k]),
                ]
                for k, one in enumerate(sigma)
            ]
            at = self.collapse(P)
            header = [f"P = {P}: σ", "t", "E w_1", "SDE", "flow", "nearest", "its law", "iterated"]
            lines += ["", f"σ_C = {at:.3f}, t_C = {time_of(at):.3f}", table(header, rows)]
        halves = [
            [f"{P}", f"{time_of(self.collapse(P)):.3f}", _number(self.law_halves[P])]
            + [_number(self.half(name, P)[0]) for name in (POSTERIOR, SDE, FLOW, FIXED)]
            for P in self.loads
        ]
        header = [
            "half return at time: P",
            "t_C",
            "nearest, law",
            "E w_1",
            "SDE",
            "flow",
            "iterated",
        ]
        return "\n".join([*lines, "", table(header, halves)])

    def figure(self) -> Figure:
        from matplotlib.figure import Figure

        with figures.look():
            figure = Figure(figsize=(10.2, 4.2), layout="constrained")
            sampling, decoding, halves = figure.subplots(1, 3)
            self._returns(sampling, SDE, "(a) reverse SDE: a draw from the posterior")
            self._returns(decoding, FLOW, "(b) reverse flow: decoding, nearly")
            self._halves(halves)
            P = self.loads[len(self.loads) // 2]
            flow, sde = (self.half(name, P)[0] for name in (FLOW, SDE))
            figures.headline(
                figure,
                f"$N$ = {self.size}, $P$ = {P}: half of the U-turns return up to $t$ = "
                f"{_number(sde, 2)} by the SDE, up to {_number(flow, 2)} by the flow; "
                f"collapse at $t_C$ = {time_of(self.collapse(P)):.2f}",
            )
        return figure

    def _returns(self, axes: Axes, dynamics: str, title: str) -> None:

        shown = [self.loads[k] for k in _three(len(self.loads))]
        for P, series in zip(shown, figures.SERIES, strict=False):
            sigma, by_sample = self.curve(dynamics, P)
            t = time_of(sigma)
            if dynamics == SDE:
                mean, sem = mean_and_sem(self.curve(POSTERIOR, P)[1])
                axes.plot(t, mean, color=series[0], lw=1, zorder=2)
                axes.fill_between(t, mean - sem, mean + sem, color=series[0], alpha=0.2, lw=0)
            else:
                all_P, fine, law = self.fine
                inside = (fine >= sigma[0]) & (fine <= sigma[-1])
                own = law[inside, all_P.index(P)]
                axes.plot(time_of(fine[inside]), own, color=series[0], lw=1, zorder=2)
                iterated = self.curve(FIXED, P)[1]
                figures.points(
                    axes, t, iterated, series, ls=":", ms=3, mfc="white", lw=0.8, zorder=2
                )
            label = f"$P$ = {P}" if dynamics == SDE else None
            figures.points(axes, t, by_sample, series, ls="", ms=4.5, label=label)
            at = time_of(self.collapse(P))
            if at < t[-1]:
                axes.plot([at, at], [-0.03, 1.05], color=series[0], lw=0.8, ls="--", zorder=0)
        line = r"exact $E\,w_1$" if dynamics == SDE else "nearest pattern, exact law"
        axes.plot([], [], color="0.35", lw=1, label=line)
        if dynamics == FLOW:
            small = {"marker": "o", "ms": 3, "mfc": "white", "lw": 0.8, "ls": ":"}
            axes.plot([], [], color="0.35", label="iterated at the cue's $\\sigma$", **small)
        axes.plot([], [], color="0.35", lw=0.8, ls="--", label="collapse $t_C$")
        axes.set_ylim(-0.03, 1.45)  # room for the legend
        axes.set_yticks([k / 5 for k in range(6)])
        axes.set_xlabel(r"time of the turn $t=\frac{1}{2}\log(1+\sigma^2)$")
        axes.set_ylabel(f"return probability, {'SDE' if dynamics == SDE else 'flow'}")
        axes.set_title(title, fontsize=9.5)
        axes.legend(fontsize=8, loc="upper right")

    def _halves(self, axes: Axes) -> None:
        import numpy as np

        P = self.fine[0]
        axes.plot(
            P, [time_of(self.collapse(p)) for p in P], **figures.THEORY[0], label="collapse $t_C$"
        )
        axes.plot(
            P,
            list(self.law_halves.values()),
            **figures.THEORY[1],
            label="nearest pattern, exact law",
        )
        shift = {SDE: 1.03, FLOW: 0.97}  # where both would lie on each other
        for name in (FLOW, SDE):
            color, marker = figures.LOOKS[name]
            halves = [self.half(name, p) for p in self.loads]
            known = [k for k, (value, _) in enumerate(halves) if math.isfinite(value)]
            x = np.array([self.loads[k] for k in known]) * shift[name]
            y = np.array([halves[k][0] for k in known])
            ends = np.array([halves[k][1] for k in known]).reshape(-1, 2).T
            reach = np.nan_to_num(np.abs(ends - y), posinf=0.0)
            axes.errorbar(
                x,
                y,
                yerr=reach,
                color=color,
                marker=marker,
                ms=6,
                ls="",
                capsize=2,
                label=f"reverse {'SDE' if name == SDE else name}",
            )
        axes.set_xscale("log")
        axes.set_xlabel("number of patterns $P$")
        axes.set_ylabel("time at which half of the U-turns return")
        axes.set_title("(c) half return (95 % intervals)", fontsize=9.5)
        axes.legend(fontsize=8, loc="upper right")


def laws(loads: Sequence[float], size: int, sigmas: Sequence[float]) -> ndarray:
    """How often the nearest of P patterns is the own one, exactly, (σ, P)."""
    import numpy as np

    from hopfield.theory import argmax_retrieval

    return np.stack([argmax_retrieval(list(loads), size, float(sigma)) for sigma in sigmas])


def time_of(sigma: Any) -> Any:
    """Ornstein–Uhlenbeck time t = ½ log(1 + σ²)."""
    import numpy as np

    return np.log1p(np.square(sigma)) / 2


def _three(count: int) -> list[int]:
    """The first, the middle and the last of so many, or as many as there are."""
    return sorted({0, count // 2, count - 1})


def _number(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "—"


if __name__ == "__main__":
    main()
