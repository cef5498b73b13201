r"""Who returns from a U-turn? Flow and SDE, decoding and sampling, and the collapse.

P patterns on the sphere |ξ|² = N are noised to σ, at the Ornstein–Uhlenbeck time
t = ½ log(1 + σ²), and run back with their exact score. The two reverse processes answer
different questions:

    SDE    samples the posterior: returns with probability E w_1 (Biroli et al., arXiv
           2402.18491)
    flow   nearly decodes: returns about as often as the nearest pattern is the right one, of
           which the law at finite N is exact

Both fall from 1 to 0 around the collapse, beyond which the posterior is no longer that of the
own datum, t_C = ½ log(1 + 1/(P^{2/N} − 1)). The fall is a step in the limit N → ∞, and wide at
N of tens. Iterating the denoiser at the noise level of the cue is a dense memory at β = 1/σ².
Its landscape has lost the patterns already where the flow, which lowers σ on its way, still
returns.

    python scripts/uturn.py --preset quick
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from bridges.study import figures, looks, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Whole
from bridges.study.record import Point, Row
from bridges.study.tables import by_column, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray

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
ITERATED: dict[str, Any] = {"ls": ":", "ms": 3, "mfc": "white", "lw": 0.8}
_DRAWN = 5  # steps of the SDE: it is sampled exactly in any number
_HOME = 0.9  # cosine with its own pattern at which an iterated cue has come home


@study_command(PRESETS)
@options.shared("size", default=None, help="Sites N.")
@options.shared("loads", help="Numbers of patterns P.")
@options.shared("sigmas", help="Noise levels of the turn, σ.")
@options.shared("trials", default=None, help="U-turns per pattern set, at least one per pattern.")
@click.option("--steps", type=Whole(1, most=10**6), help="Steps of the reverse flow.")
def main(run: Run, loads: list[int], sigmas: list[float], **setting: Any) -> Report:
    """Return probability of flow and SDE against noise, with exact laws and the collapse."""
    from bridges._checks import within_memory

    if loads[0] < 2:
        raise ValueError(f"loads must be at least 2: one pattern always returns, got {loads[0]}")
    P, N = loads[-1], setting["size"]
    within_memory(8 * P * (8 * P + 4 * N), f"loads: {P} patterns of {N} sites", each_job=True)
    points: list[Point] = [
        {"patterns": P, "sigma": sigma, **setting} for P in loads for sigma in sigmas
    ]
    return Report(run(measure, points))


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


class Report(base.Report):
    """Return probabilities against noise, the exact laws beside them."""

    figsize = 10.2, 4.2

    @property
    def loads(self) -> list[int]:
        """The numbers of patterns P."""
        return list(self.setting["loads"])

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

    def collapse(self, P: float) -> float:
        """σ_C; its time is t_C."""
        from diffusion.theory import collapse_sigma

        return float(collapse_sigma(P, [1.0] * self.size))

    def half(self, dynamics: str, P: int) -> tuple[float, tuple[float, float]]:
        """The time at which half of the U-turns return, and its 95 % interval."""
        from bridges.crossing import crossing

        sigma, by_sample = self.curve(dynamics, P)
        return crossing(time_of(sigma), by_sample, 0.5, rising=False)

    def finding(self) -> str:
        """Up to which time half of the U-turns return, by both processes."""
        P = self.loads[len(self.loads) // 2]
        flow, sde = (self.half(name, P)[0] for name in (FLOW, SDE))
        return (
            f"$N$ = {self.size}, $P$ = {P}: half of the U-turns return up to $t$ = "
            f"{_number(sde, 2)} by the SDE, up to {_number(flow, 2)} by the flow; "
            f"collapse at $t_C$ = {time_of(self.collapse(P)):.2f}"
        )

    def conclusions(self) -> Point:
        """By load the collapse, the times of half return and the exact law."""
        sigma = self.curve(POSTERIOR, self.loads[0])[0]
        by_load = {
            str(P): {
                "collapse_sigma": self.collapse(P),
                "collapse_time": time_of(self.collapse(P)),
                "half_time": {name: self.half(name, P)[0] for name in DYNAMICS},
                "half_time_of_law": self.law_halves[P],
                "nearest_law": {f"{s:g}": float(p) for s, p in zip(sigma, law, strict=True)},
            }
            for P, law in zip(self.loads, self.laws.T, strict=True)
        }
        return {"by_load": by_load}

    def heading(self) -> str:
        """The patterns and the U-turns."""
        return (
            f"N = {self.size}, patterns on the sphere; at least {self.setting['trials']} U-turns "
            "per pattern set"
        )

    def tables(self) -> Iterator[str]:
        """A table per load, and the times of half return."""
        yield "sampling the posterior: E w_1 and the SDE; decoding: flow and nearest pattern"
        for P, law in zip(self.loads, self.laws.T, strict=True):
            at = self.collapse(P)
            yield f"σ_C = {at:.3f}, t_C = {time_of(at):.3f}\n\n{self._returns_table(P, law)}"
        yield self._halves_table()

    def _returns_table(self, P: int, law: ndarray) -> str:
        sigma = self.curve(POSTERIOR, P)[0]
        *found, iterated = (self.curve(name, P)[1] for name in DYNAMICS)
        heads = ("t", "E w_1", "SDE", "flow", "nearest", "its law", "iterated")
        at = [f"{one:g}" for one in sigma], [f"{time_of(one):.3f}" for one in sigma]
        columns = (*at, *found, [f"{one:.3f}" for one in law], iterated)
        return by_column([f"P = {P}: σ", *heads], *columns)

    def _halves_table(self) -> str:
        rows = [
            [f"{P}", f"{time_of(self.collapse(P)):.3f}", _number(self.law_halves[P])]
            + [_number(self.half(name, P)[0]) for name in (POSTERIOR, SDE, FLOW, FIXED)]
            for P in self.loads
        ]
        heads = ("t_C", "nearest, law", "E w_1", "SDE", "flow", "iterated")
        return table(["half return at time: P", *heads], rows)

    def draw(self, figure: Figure) -> None:
        """Return by the SDE, by the flow, and where half return."""
        sampling, decoding, halves = figure.subplots(1, 3)
        self._process(sampling, SDE, "reverse SDE: a draw from the posterior")
        self._process(decoding, FLOW, "reverse flow: decoding, nearly")
        self._halves(halves)

    def _process(self, axes: Axes, dynamics: str, title: str) -> None:
        """Return by one process at a few loads."""
        line, name = "nearest pattern, exact law", "flow"
        if dynamics == SDE:
            line, name = r"exact $E\,w_1$", "SDE"
        for P, series in zip(figures.three(self.loads), figures.SERIES, strict=False):
            self._returns(axes, dynamics, P, series)
        axes.plot([], [], color="0.35", lw=1, label=line)
        if dynamics == FLOW:
            label = "iterated at the cue's $\\sigma$"
            axes.plot([], [], color="0.35", marker="o", **ITERATED, label=label)
        axes.plot([], [], color="0.35", lw=0.8, ls="--", label="collapse $t_C$")
        axes.set(ylim=(-0.03, 1.45), yticks=[k / 5 for k in range(6)])  # room for the legend
        axes.set_xlabel(r"time of the turn $t=\frac{1}{2}\log(1+\sigma^2)$")
        axes.set(ylabel=f"return probability, {name}", title=title)
        axes.legend(loc="upper right")

    def _returns(self, axes: Axes, dynamics: str, P: int, series: tuple[str, str]) -> None:
        """One process at one load, on what it is held against."""
        color = series[0]
        sigma, by_sample = self.curve(dynamics, P)
        t, label = time_of(sigma), None
        if dynamics == SDE:
            label = f"$P$ = {P}"
            figures.band(axes, t, self.curve(POSTERIOR, P)[1], color, alpha=0.2, lw=1, zorder=2)
        else:
            all_P, fine, law = self.fine
            inside = (fine >= sigma[0]) & (fine <= sigma[-1])
            own = law[inside, all_P.index(P)]
            axes.plot(time_of(fine[inside]), own, color=color, lw=1, zorder=2)
            figures.points(axes, t, self.curve(FIXED, P)[1], series, **ITERATED, zorder=2)
        figures.points(axes, t, by_sample, series, ls="", ms=4.5, label=label)
        at = time_of(self.collapse(P))
        if at < t[-1]:
            axes.plot([at, at], [-0.03, 1.05], color=color, lw=0.8, ls="--", zorder=0)

    def _halves(self, axes: Axes) -> None:
        import numpy as np

        P, law = list(self.law_halves), list(self.law_halves.values())
        times = [time_of(self.collapse(p)) for p in P]
        axes.plot(P, times, **figures.THEORY[0], label="collapse $t_C$")
        axes.plot(P, law, **figures.THEORY[1], label="nearest pattern, exact law")
        # a little aside, where both would lie on each other
        for name, label, aside in ((FLOW, "reverse flow", 0.97), (SDE, "reverse SDE", 1.03)):
            found = [self.half(name, p) for p in self.loads]
            half, interval = (np.array(part) for part in zip(*found, strict=True))
            with np.errstate(invalid="ignore"):  # no half, or an open end
                reach = np.nan_to_num(np.abs(interval.T - half), posinf=0.0)
            known = np.isfinite(half)
            look = {"ms": 6, "lw": 1.5, "ls": "", "label": label}
            x = np.array(self.loads)[known] * aside
            figures.means(axes, x, (half[known], reach[:, known]), looks.LOOKS[name], **look)
        figures.ticks(axes, self.loads)
        axes.set_ylabel("time at which half of the U-turns return")
        axes.set(xlabel="number of patterns $P$", title="half return (95 % intervals)")
        axes.legend(loc="upper right")


def laws(loads: Sequence[float], size: int, sigmas: Iterable[float]) -> ndarray:
    """How often the nearest of P patterns is the own one, exactly, (σ, P)."""
    import numpy as np

    from hopfield.theory import argmax_retrieval

    return np.stack([argmax_retrieval(list(loads), size, float(sigma)) for sigma in sigmas])


def time_of(sigma: Any) -> Any:
    """Ornstein–Uhlenbeck time t = ½ log(1 + σ²)."""
    import numpy as np

    return np.log1p(np.square(sigma)) / 2


def _number(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "—"


if __name__ == "__main__":
    main()
