r"""How long should a network dream? Stability and basins along Hebbian unlearning.

A dream takes a fixed point S, reached from random spins, out of Hebb's couplings,

    J_ij ← J_ij − (ε/N) S_i S_j,    J_ii = 0

(Hopfield, Feinstein & Palmer 1983; Benedetti et al., arXiv 2201.00032). Dreams D are counted
in units of N/ε. Three times matter: from D_in on all patterns are stable (Δ_min > 0), at D_top
Δ_min is largest, and D_fin is the last time at which all patterns are stable. Soon after it all
is lost. Each dream takes ε off the trace αN of ΞᵀΞ/N: about D = α nothing is left. Each pattern
set has these times; the authors' D_in, D_opt and D_fin are those of the mean Δ_min over sets.

(a) stabilities along the dreams, with the largest margin any couplings have: Gardner's for
N → ∞ (1988), and that of these samples; (b) basins: where cues end, and the least overlap m_0
from which half of the cues recover their pattern exactly (basins are widest well before D_top);
(c) the times of the mean against the load, and the authors' (open); (d) dreams in batches at
frozen couplings, as good as serial ones while Bε ≲ 0.2; (e) the spectrum: dreams press the P
upper eigenvalues into a band that falls through zero, the trace is zero all along (arXiv
2308.13445); (f) how flat this band is, and how near the couplings come to the pseudo-inverse.

    python scripts/unlearning.py --preset quick
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, looks, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.record import Point, Row
from bridges.study.tables import by_column, of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray

_QUICK: dict[str, Any] = {
    "size": 100,
    "loads": [30, 40, 50, 60],
    "batches": [1, 5, 20, 50, 100, 250],
    "overlaps": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
    "rate": 0.01,
    "time": 1.3,
    "trials": 120,
    "samples": 12,
}
_PAPER = {
    "size": 400,
    "loads": [80, 120, 160, 200, 220, 240, 260],
    "batches": [1, 2, 5, 10, 20, 50, 100, 250, 500],
    "overlaps": [k / 20 for k in range(2, 21)],
    "trials": 400,
    "samples": 16,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
TIMES = {"D_in": r"$D_\mathrm{in}$", "D_top": r"$D_\mathrm{top}$", "D_fin": r"$D_\mathrm{fin}$"}
NAMES = (*TIMES, "top_stability")
RECORDED = ("min_stability", "mean_stability", "satisfied_patterns")
DREAMS = r"dreams $D$ [$N/\epsilon$]"
STRETCHES = 26  # between the marks at which basins are measured
FINER = 10  # marks of the stabilities in each
BATCHED = 5 / 6  # dreams of the comparison of batches, in αN/ε: about D_top


@study_command(PRESETS)
@options.shared("size", default=None, help="Sites N.")
@options.shared("loads", help="Numbers of patterns P; the least is shown along the dreams.")
@click.option("--batches", type=options.COUNTS, help="Dreams at the same couplings, B, to compare.")
@options.shared("overlaps", "trials", default=None)
@options.shared("rate", default=None, help="Learning rate of a dream, ε.")
@click.option("--time", type=options.DURATION, help="Dreams made, in αN/ε = P/ε.")
def main(run: Run, loads: list[int], batches: list[int], time: float, **setting: Any) -> Report:
    """Hebbian unlearning: stability and basins along the dreams, and when to stop.

    The least of the loads is shown along the dreams and dreamt in batches; the times D_in,
    D_top and D_fin, in units of N/ε, are found for all of them (arXiv 2201.00032).
    """
    from bridges._checks import within_memory

    N, P, trials = setting["size"], loads[-1], setting["trials"]
    within_memory(8 * 6 * N * N, f"size: couplings of {N} sites", each_job=True)
    within_memory(8 * 4 * P * N, f"loads: {P} patterns of {N} sites", each_job=True)
    within_memory(8 * 4 * trials * N, f"trials: {trials} cues of {N} sites", each_job=True)
    points: list[Point] = [
        {"kind": "path", "patterns": P, "basins": loads[0] == P, "time": time, **setting}
        for P in loads
    ]
    points += [
        {"kind": "batch", "patterns": loads[0], "basins": True, "time": BATCHED, **setting}
        | {"batch": B}
        for B in batches
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """One path of dreams, stability all along and basins at fewer marks; or its end alone."""
    from reports.unlearning_spectrum import spectrum

    from hopfield import hebbian, random_patterns, unlearn

    xi = random_patterns(point["patterns"], point["size"], seed=seed).double()
    rate, along = point["rate"], point["kind"] == "path"
    dreams = point["time"] * point["patterns"] / rate
    marks = sorted({round(dreams * k / STRETCHES) for k in range(STRETCHES + 1)})
    couplings, unsettled = hebbian(xi), 0
    rows: list[Row] = []
    if point["basins"] and along:
        rows += _largest_margin(xi)
    path: dict[int, dict[str, float]] = {}
    marks = marks if along else marks[-1:]
    for k, (first, last) in enumerate(zip([0, *marks], marks, strict=False)):
        result = unlearn(
            couplings,
            last - first,
            rate,
            point.get("batch", 1),
            seed + k,
            patterns=xi,
            checkpoints=range(0, last - first, max(1, round((last - first) / FINER))),
        )
        couplings, history = result.couplings, result.history
        unsettled += int(history.unsettled[-1])
        recorded = {name: getattr(history, name).tolist() for name in RECORDED}
        for entry, step in enumerate((first + history.steps).tolist()):
            path[step] = {name: values[entry] for name, values in recorded.items()}
        if point["basins"]:
            measured = _basins(point, couplings, xi, seed)
            measured += spectrum(couplings, xi) if along else []
            rows += [{"D": _time(point, last), **row} for row in measured]
    for step in path if along else [max(path)]:
        D = _time(point, step)
        rows += [{"D": D, "quantity": name, "value": value} for name, value in path[step].items()]
    rows.append({"quantity": "unsettled", "value": float(unsettled)})
    return rows + (_times(point, path) if along else [])


def _largest_margin(patterns: Any) -> list[Row]:
    """The largest least stability that any couplings give these patterns; none beyond 2N."""
    from hopfield import NotSeparableError, max_margin, stabilities

    try:
        least = float(stabilities(max_margin(patterns), patterns).min())
    except NotSeparableError:
        return []
    return [{"quantity": "largest_margin", "value": least}]


def _time(point: Point, dreams: int) -> float:
    """Dreams in units of N/ε."""
    return dreams * point["rate"] / point["size"]


def _basins(point: Point, couplings: Any, patterns: Any, seed: int) -> list[Row]:
    """Where cues end, how many recover their pattern, and the cue from which half of them do."""
    import numpy as np

    from bridges import as_memory, retrieval_map
    from bridges.crossing import crossing
    from hopfield import HopfieldNetwork

    memory = as_memory(HopfieldNetwork(couplings), patterns)
    found = retrieval_map(memory, point["overlaps"], point["trials"], threshold=1.0, seed=seed)
    rows: list[Row] = [
        {"cue_overlap": m, "quantity": name, "value": float(values[k])}
        for k, m in enumerate(point["overlaps"])
        for name, values in (("overlap", found.overlap_out), ("exact", found.success))
    ]
    edge, _ = crossing(np.array(point["overlaps"]), found.success[None], 0.5, True)
    return rows if math.isinf(edge) else [*rows, {"quantity": "basin_edge", "value": edge}]


def _times(point: Point, path: dict[int, dict[str, float]]) -> list[Row]:
    """D_in, D_top and D_fin, as far as there are such times, and Δ_min at D_top."""
    low = {step: values["min_stability"] for step, values in path.items()}
    top = max(low, key=lambda step: low[step])
    stable = [step for step, value in low.items() if value > 0]
    times = {"D_top": top} | ({"D_in": min(stable), "D_fin": max(stable)} if stable else {})
    rows = [{"quantity": q, "value": _time(point, step)} for q, step in times.items()]
    return [*rows, {"quantity": "top_stability", "value": low[top]}]


class Report(base.Report):
    """What was measured along the dreams, and what they come to."""

    grid = (2, 3)
    figsize = 11.5, 7.2

    @property
    def loads(self) -> list[int]:
        """The numbers of patterns; the least is shown in full."""
        return list(self.setting["loads"])

    @property
    def load(self) -> float:
        """α of the path that is shown."""
        return self.loads[0] / self.setting["size"]

    def along(self, quantity: str, **labels: Any) -> tuple[ndarray, ndarray]:
        """D (K,) in N/ε and values (samples, K) along the dreams of the least load."""
        return self.study.curve(quantity, "D", kind="path", patterns=self.loads[0], **labels)

    def batches(self, quantity: str, **labels: Any) -> tuple[ndarray, ndarray]:
        """Bε (K,) and values (samples, K) at the end of batched dreams."""
        B, by_sample = self.study.curve(quantity, "batch", kind="batch", **labels)
        return B * self.setting["rate"], by_sample

    @cached_property
    def cue(self) -> float:
        """The overlap of the cues that are followed: the one nearest to 0.6."""
        return min(self.setting["overlaps"], key=lambda m: abs(m - 0.6))

    @cached_property
    def widest(self) -> ndarray:
        """D at which half recover from the least overlap, (samples,); NaN of samples without."""
        import numpy as np

        D, edge = self.along("basin_edge")
        if not D.size:
            return np.full(self.samples, np.nan)
        ever = ~np.isnan(edge).all(1)
        found = np.where(np.isnan(edge), np.inf, edge).argmin(1)
        return np.where(ever, D[found], np.nan)

    def time(self, name: str, P: int) -> ndarray:
        """One of the times, or Δ_min at D_top, (samples,); NaN where a sample has none."""
        found = self.study.curve(name, "patterns", kind="path", patterns=P)[1]
        return found[:, 0] if found.size else found.mean(1)

    @cached_property
    def of_mean(self) -> dict[int, Any]:
        """Times of the mean over the pattern sets, by the number of patterns."""
        from reports.unlearning_times import times_of_mean

        curve = self.study.curve
        return {
            P: times_of_mean(*curve("min_stability", "D", kind="path", patterns=P))
            for P in self.loads
        }

    def margin(self) -> ndarray:
        """Largest least stability of the samples of the least load, (samples,)."""
        found = self.study.curve("largest_margin", "patterns", kind="path", patterns=self.loads[0])
        return found[1][:, 0] if found[1].size else found[1].mean(1)

    def finding(self) -> str:
        """When basins are widest, stabilities highest, and all is lost."""
        top, end = (of_samples(self.time(name, self.loads[0])) for name in ("D_top", "D_fin"))
        last = "not all patterns ever are stable" if end == "never" else f"beyond {end} all is lost"
        return (
            f"$\\alpha$ = {self.load:g}: basins are widest after $D$ = {of_samples(self.widest)} "
            f"$N/\\epsilon$, stabilities at {top}; {last}"
        )

    def conclusions(self) -> Point:
        """The dreams after which basins are widest, and those without a fixed point."""
        widest = {"load": self.load, "D": estimate(self.widest)}
        times = {P: found.to_dict() for P, found in self.of_mean.items() if found is not None}
        return {
            "widest_basins": widest,
            "times_of_mean": times,
            "top_stability_in_largest_margin": estimate(self._top_ratio()),
            "unsettled": round(self.study.total("unsettled")),
        }

    def heading(self) -> str:
        """The network, its dreams and the cues."""
        s = self.setting
        return f"N = {s['size']}, ε = {s['rate']:g}; {s['trials']} cues per pattern set"

    def tables(self) -> Iterator[str]:
        """The times by load, the path of the least load with its spectrum, and batches."""
        from reports.unlearning_spectrum import EDGES, SHAPE, table_of_spectra
        from reports.unlearning_times import table_of_means

        yield (
            "D counts dreams in units of N/ε; "
            f"{self.study.total('unsettled'):.0f} dreams reached no fixed point"
        )
        yield self._times_table()
        yield table_of_means(self.of_mean, self.samples, self.setting)
        least, most = (of_samples(x) for x in (self._top_ratio(), self.margin()))
        yield f"at P = {self.loads[0]} Δ_min(D_top) is {least} of the sample's largest, {most}"
        yield self._path_table()
        yield table_of_spectra({name: self.along(name) for name in (*EDGES, *SHAPE)}, self.load)
        change, low = self.batches("min_stability")
        retrieved = self.batches("overlap", cue_overlap=self.cue)[1]
        B = [f"{b:g}" for b in self.setting["batches"]]
        heading = f"at D = {BATCHED * self.load:.3f}, B ="
        yield by_column(
            [heading, "Bε", "Δ_min", f"m_f({self.cue:g})"],
            *(B, [f"{x:g}" for x in change], low, retrieved),
        )

    def _times_table(self) -> str:
        rows = [
            [
                f"{P / self.setting['size']:g}",
                *(of_samples(self.time(name, P)) for name in NAMES),
                of_samples(self.time("D_fin", P) * self.setting["size"] / P),
            ]
            for P in self.loads
        ]
        return table(["α", *TIMES, "Δ_min(D_top)", "D_fin/α"], rows)

    def _top_ratio(self) -> ndarray:
        """Stability at D_top over the largest that any couplings have, (samples,)."""
        return self.time("top_stability", self.loads[0]) / self.margin()

    def _path_table(self) -> str:
        quantities = ("min_stability", "satisfied_patterns", "basin_edge")
        columns = [self.along(quantity) for quantity in quantities]
        columns.insert(2, self.along("overlap", cue_overlap=self.cue))
        rows = []
        for mark in columns[2][0][::2]:
            cells = [values[:, x == mark] for x, values in columns]
            rows.append([f"{mark:.3f}", *(of_samples(c[:, 0]) if c.size else "—" for c in cells)])
        heading = f"α = {self.load:g}, D ="
        return table([heading, "Δ_min", "n_SAT", f"m_f({self.cue:g})", "m0 at 1/2"], rows)

    def panels(self) -> tuple[base.Panel, ...]:
        """Stabilities and basins along the dreams, the times, batches, the spectrum."""
        return (
            *(self._stability, self._basins, self._times),
            *(self._batches, self._edges, self._shape),
        )

    def _stability(self, axes: Axes) -> None:
        from hopfield.theory import gardner_kappa

        for name, label, (color, _) in (
            ("mean_stability", r"mean stability $\langle\Delta\rangle$", figures.SERIES[0]),
            ("min_stability", r"least stability $\Delta_\mathrm{min}$", figures.SERIES[1]),
        ):
            figures.band(axes, *self.along(name), color, label=label)
        if self.load <= 2:
            label = r"largest $\Delta_\mathrm{min}$, $N \to \infty$ (Gardner)"
            axes.axhline(gardner_kappa(self.load), **figures.THEORY[1], label=label)
        if self.margin().size and not (self.margin() != self.margin()).all():
            label = r"largest $\Delta_\mathrm{min}$ of the samples"
            most = float(mean_and_sem(self.margin())[0])
            axes.axhline(most, color=looks.LOOKS["max-margin"][0], ls="--", lw=1.2, label=label)
        axes.axhline(0, color="0.85", lw=0.8, zorder=0)
        self._mark_times(axes)
        axes.set(xlabel=DREAMS, ylabel=r"stability $\Delta$", ylim=(-3, 2.6))
        axes.set_title(f"stability, $\\alpha$ = {self.load:g}")
        axes.legend(loc="lower center")

    def _basins(self, axes: Axes) -> None:
        cues = sorted({self.cue, *(m for m in self.setting["overlaps"] if m in (0.4, 0.8))})
        for m, series in zip(cues[::-1], figures.SERIES, strict=False):
            look = {"ms": 4, "label": f"$m_f$ of cues at $m_0$ = {m:g}"}
            figures.points(axes, *self.along("overlap", cue_overlap=m), series, **look)
        x, by_sample = self.along("basin_edge")
        whole = ~(by_sample != by_sample).any(0)  # where every sample has one
        look = {"ms": 4, "ls": ":", "label": "$m_0$ from which half recover"}
        figures.points(axes, x[whole], by_sample[:, whole], ("#000000", "x"), **look)
        self._mark_times(axes)
        axes.set(xlabel=DREAMS, ylabel="overlap", ylim=(-0.03, 1.14))
        axes.set_title(f"basins, $\\alpha$ = {self.load:g}")
        axes.legend(loc="lower left")

    def _mark_times(self, axes: Axes) -> None:
        """The three times, below the upper edge."""
        for name, label in TIMES.items():
            at = estimate(self.time(name, self.loads[0]))["mean"]
            if not math.isnan(at):
                axes.axvline(at, ymax=0.93, color="0.85", lw=0.8, zorder=0)
                axes.annotate(
                    label, (at, 0.995), xycoords=("data", "axes fraction"), ha="center", va="top"
                )

    def _times(self, axes: Axes) -> None:
        from reports.unlearning_times import LABELS, authors

        N = self.setting["size"]
        theirs = authors(N, self.setting["rate"])
        for (name, label), series in zip(LABELS.items(), figures.SERIES, strict=False):
            found = [
                (P / N, getattr(one, name), getattr(one, f"{name}_sem"))
                for P, one in self.of_mean.items()
                if one is not None and math.isfinite(getattr(one, name))
            ]
            if found:
                x, mean, sem = zip(*found, strict=True)
                figures.means(axes, x, (mean, sem), series, label=label)
            look = {"ls": "", "marker": series[1], "ms": 8, "mfc": "none", "mec": series[0]}
            axes.plot([P / N for P in theirs], [times[name] for times in theirs.values()], **look)
        if theirs:
            axes.plot([], [], ls="", marker="o", ms=8, mfc="none", mec="0.4", label="the authors'")
        ends = (0, 1.1 * max(self.loads) / N)
        axes.plot(ends, ends, **figures.THEORY[0], label=r"trace argument, $D = \alpha$")
        axes.set(xlabel=r"load $\alpha = P/N$", ylabel=DREAMS, xlim=ends, ylim=ends)
        axes.set_title(r"times of the mean $\Delta_\mathrm{min}$")
        axes.legend(loc="upper left")

    def _edges(self, axes: Axes) -> None:
        from reports.unlearning_spectrum import EDGES, draw_edges

        draw_edges(axes, {name: self.along(name) for name in EDGES})
        self._mark_times(axes)
        axes.set(xlabel=DREAMS, ylabel="eigenvalue of $J$")
        axes.set_title(f"spectrum, $\\alpha$ = {self.load:g}")
        axes.legend(loc="center right")

    def _shape(self, axes: Axes) -> None:
        from reports.unlearning_spectrum import SHAPE, draw_shape

        draw_shape(axes, {name: self.along(name) for name in SHAPE})
        self._mark_times(axes)
        axes.set(xlabel=DREAMS, ylabel="spread, share, cosine", ylim=(0, 1.14))
        axes.set_title(f"upper group, $\\alpha$ = {self.load:g}")
        axes.legend(loc="center", bbox_to_anchor=(0.56, 0.55))

    def _batches(self, axes: Axes) -> None:
        x, low = self.batches("min_stability")
        figures.points(axes, x, low, figures.SERIES[1], label=r"$\Delta_\mathrm{min}$")
        retrieved = self.batches("overlap", cue_overlap=self.cue)
        label = f"$m_f$ of cues at $m_0$ = {self.cue:g}"
        figures.points(axes, *retrieved, figures.SERIES[0], label=label)
        mean, sem = mean_and_sem(low)
        least = min(0.0, float((mean - sem).min())) - 0.03
        most = max(1.0, float((mean + sem).max())) + 0.05
        axes.set(ylabel="stability, overlap", ylim=(least, most))
        figures.ticks(axes, x)
        axes.set_xlabel(r"change at frozen couplings, $B\epsilon$")
        at = f"{BATCHED * self.load:.2f}"
        axes.set_title(f"batches of $B$ dreams, $D$ = {at} $N/\\epsilon$")
        axes.legend(loc="lower left")


if __name__ == "__main__":
    main()
