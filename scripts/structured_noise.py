r"""Does the structure of training noise matter? Basins against the training overlap.

Training with noise (Gardner, Stroud & Wallace 1989) shows a network states S at overlap m_t
with a pattern ξ and corrects the spins they mislead,

    δJ_ij = (λ/N) e_i ξ_i S_j,    e_i = 1 if ξ_i h_i(S) ≤ 0 else 0,    J_ii = 0.

With uniform noise the mean step descends V, the mean depth of the errors. The minimum of V goes
from Hebb's couplings (m_t → 0) to those of maximum margin (m_t → 1): noise that is maximal
teaches nothing beyond Hebb. The states of structured noise are fixed points of the current
landscape, reached from overlap m_t. Their step at m_t = 0 is Hebbian unlearning, and basins come
close to those of maximum margin (Benedetti & Ventura, arXiv 2302.13417).

At a constant rate λ uniform noise does not reach that minimum; the lower λ, the closer it comes.
Both rules start at Hebb's couplings and are read where their smallest stability is largest:
at m_t = 0 neither has a stationary state, and stopping is part of the rule. Structured noise
is symmetrised, (δJ + δJᵀ)/2, so that its fixed points exist; a control symmetrises uniform
noise at maximal noise too. Samples are paired: all rules learn the same pattern sets.

    python scripts/structured_noise.py --preset quick
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, looks, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray
    from torch import Tensor

_QUICK: dict[str, Any] = {
    "size": 100,
    "patterns": 50,
    "training_overlaps": [0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9],
    "overlaps": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
    "overlap": 0.8,
    "trials": 100,
    "rate": 0.02,
    "time": 1.6,
    "samples": 12,
}
_PAPER = {
    "size": 200,
    "patterns": 100,
    "training_overlaps": [*(k / 10 for k in range(10)), 0.95],
    "overlaps": [k / 20 for k in range(2, 21)],
    "trials": 200,
    "time": 2.0,
    "samples": 16,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
NOISES: dict[str, dict[str, Any]] = {
    "uniform": {"noise": "uniform"},
    "structured": {"noise": "fixed-point", "symmetric": True},
    "uniform, symmetrised": {"noise": "uniform", "symmetric": True},
}
LOOKS = {"structured": "twn-structured", "uniform": "twn", "hebb": "hebb", "margin": "max-margin"}
LIMITS = {"margin": "--", "hebb": ":"}
LABELS = {
    "structured": "structured noise",
    "uniform": "uniform noise",
    "minimum": "uniform noise, $\\lambda \\to 0$ (minimum of $V$)",
    "hebb": "Hebb",
    "margin": "maximum margin",
}


@study_command(PRESETS)
@options.shared("size", default=None, help="Sites N.")
@options.shared("patterns", default=None)
@click.option(
    "--training-overlaps",
    type=Numbers(Real(0, 1)),
    help="Training overlaps m_t; the least is the maximal noise.",
)
@options.shared("overlaps", "overlap", "trials", default=None)
@options.shared("rate", default=None, help="Learning rate λ.")
@click.option("--time", type=options.DURATION, help="Longest training, in N/λ steps.")
def main(
    run: Run,
    training_overlaps: list[float],
    overlaps: list[float],
    overlap: float,
    **setting: Any,
) -> Report:
    """Training with structured and with uniform noise: classification and basins.

    Fixed points of the landscape as training noise widen basins even at maximal noise, where
    uniform noise teaches nothing beyond Hebb's rule (arXiv 2302.13417).
    """
    from bridges._checks import within_memory

    N, P, trials = (setting[name] for name in ("size", "patterns", "trials"))
    within_memory(8 * 6 * N * N, f"size: couplings of {N} sites", each_job=True)
    within_memory(8 * 4 * P * N, f"patterns: {P} patterns of {N} sites", each_job=True)
    within_memory(8 * 4 * trials * N, f"trials: {trials} cues of {N} sites", each_job=True)
    cues = sorted({*overlaps, overlap})
    schemes = [("hebb", None), ("margin", None), ("uniform, symmetrised", training_overlaps[0])]
    schemes += [(s, m) for m in training_overlaps for s in ("uniform", "structured", "minimum")]
    points = [
        {"scheme": scheme, "training_overlap": m, "overlaps": cues, **setting}
        for scheme, m in schemes
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """One rule at one training overlap: its stabilities and its retrieval map."""
    from bridges import as_memory, retrieval_map
    from hopfield import HopfieldNetwork, NotSeparableError, random_patterns, stabilities

    xi = random_patterns(point["patterns"], point["size"], seed=seed).double()
    found: dict[str, float] = {}
    try:
        if point["scheme"] in NOISES:
            couplings, found = _trained(point, xi, seed)
        else:
            couplings = _limit(point["scheme"], point["training_overlap"], xi)
    except NotSeparableError:
        return []  # a load beyond any couplings: no largest margin to compare with
    delta = stabilities(couplings, xi)
    found |= {
        "min_stability": float(delta.min()),
        "satisfied_sites": float((delta > 0).double().mean()),
        "satisfied_patterns": float((delta > 0).all(1).double().mean()),
    }
    memory = as_memory(HopfieldNetwork(couplings), xi)
    curve = retrieval_map(memory, point["overlaps"], point["trials"], threshold=1.0, seed=seed)
    mapped = {"overlap": curve.overlap_out, "exact": curve.success, "converged": curve.converged}
    return [{"quantity": name, "value": value} for name, value in found.items()] + [
        {"cue_overlap": m, "quantity": name, "value": float(values[k])}
        for k, m in enumerate(point["overlaps"])
        for name, values in mapped.items()
    ]


def _trained(point: Point, patterns: Tensor, seed: int) -> tuple[Tensor, dict[str, float]]:
    """Couplings where the smallest stability was largest, and when that was."""
    from hopfield import train_with_noise

    unit = point["size"] / point["rate"]  # steps

    def train(steps: int, every: int) -> Any:
        return train_with_noise(
            patterns,
            point["training_overlap"],
            **NOISES[point["scheme"]],
            steps=steps,
            rate=point["rate"],
            seed=seed,
            checkpoints=range(0, steps, every),
        )

    steps = round(point["time"] * unit)
    history = train(steps, max(1, round(unit / 100))).history
    best = int(history.steps[history.min_stability.argmax()])
    result = train(best, max(1, best))  # the same path again, up to there
    ends = ("asymmetry", "norm_ratio", "unsettled")
    found = {name: float(getattr(result.history, name)[-1]) for name in ends}
    return result.couplings, {"time": best / unit} | found


def _limit(scheme: str, training_overlap: float | None, patterns: Tensor) -> Tensor:
    """Hebb's couplings, those of maximum margin, and what lies between: the minimum of V."""
    from hopfield import hebbian, max_margin
    from hopfield.theory import noise_minimum

    if scheme == "hebb" or training_overlap == 0:
        return hebbian(patterns)
    if scheme == "margin" or training_overlap == 1:
        return max_margin(patterns)
    assert training_overlap is not None
    return noise_minimum(patterns, training_overlap)


class Report(base.Report):
    """What each rule made of the pattern sets, against m_t."""

    figsize = 9.6, 4.3

    @property
    def overlap(self) -> float:
        """The overlap of the cues that are followed."""
        return float(self.setting["overlap"])

    @property
    def least(self) -> float:
        """m_t of the maximal noise."""
        return float(self.setting["training_overlaps"][0])

    def against_noise(self, scheme: str, quantity: str, **labels: Any) -> tuple[ndarray, ndarray]:
        """m_t (K,) and values (samples, K)."""
        return self.study.curve(quantity, "training_overlap", scheme=scheme, **labels)

    def at(self, scheme: str, training_overlap: float | None) -> dict[str, ndarray]:
        """Values (samples,) of a rule by what they are called in the table of the gain."""
        setting = {"scheme": scheme, "training_overlap": training_overlap}
        satisfied = self.study.curve("satisfied_patterns", "patterns", **setting)[1]
        cues, retrieved = self.study.curve("overlap", "cue_overlap", **setting)
        found = {f"m_f({m:g})": values for m, values in zip(cues, retrieved.T, strict=True)}
        return {"n_SAT": satisfied[:, 0]} | found if satisfied.size else found

    @cached_property
    def maximal(self) -> dict[str, dict[str, ndarray]]:
        """Values at maximal noise, by rule and name; no rule that has none."""
        limits = {name: self.at(name, None) for name in ("hebb", "margin")}
        found = limits | {name: self.at(name, self.least) for name in NOISES}
        return {name: values for name, values in found.items() if values}

    def gain(self, rival: str) -> dict[str, ndarray]:
        """How much more structured noise has than a rival at maximal noise, (samples,), by name."""
        own = self.maximal["structured"]
        return {name: own[name] - values for name, values in self.maximal[rival].items()}

    def finding(self) -> str:
        """Where cues end after maximal noise of both kinds."""
        name, noises = f"m_f({self.overlap:g})", ("structured", "uniform")
        structured, uniform = (of_samples(self.maximal[noise][name], 2) for noise in noises)
        return (
            f"Trained on maximal noise, cues at $m_0$ = {self.overlap:g} end at $m_f$ = "
            f"{structured} if it is structured, {uniform} if uniform"
        )

    def conclusions(self) -> Point:
        """Paired gains at maximal noise, and training states that were no fixed points."""
        gains = {
            rival: {name: estimate(values) for name, values in self.gain(rival).items()}
            for rival in self.maximal
            if rival != "structured"
        }
        maximal = {"training_overlap": self.least, "gain_of_structured_over": gains}
        return {"maximal_noise": maximal, "unsettled": round(self.study.total("unsettled"))}

    def heading(self) -> str:
        """The patterns, the rate and the cues."""
        s = self.setting
        return (
            f"N = {s['size']}, P = {s['patterns']}, λ = {s['rate']:g}; {s['trials']} cues per "
            "pattern set"
        )

    def tables(self) -> Iterator[str]:
        """Both noises by m_t, and all rules at maximal noise."""
        yield (
            "Each rule is read where its smallest stability is largest, up to "
            f"{self.setting['time']:g} N/λ steps.\n"
            f"{self.study.total('unsettled'):.0f} training states were no fixed points."
        )
        yield self._noise_table()
        yield self._gain_table()

    def _noise_table(self) -> str:
        followed, rows = ("overlap", {"cue_overlap": self.overlap}), []
        shown = [(name, {}) for name in ("time", "min_stability", "satisfied_patterns")]
        for scheme in ("uniform", "structured"):
            columns = [self.against_noise(scheme, q, **one)[1] for q, one in [*shown, followed]]
            for k, m in enumerate(self.setting["training_overlaps"]):
                cells = [of_samples(column[:, k]) for column in columns]
                rows.append([LABELS[scheme], f"{m:g}", *cells])
        return table(["", "m_t", "D λ/N", "Δ_min", "n_SAT", f"m_f({self.overlap:g})"], rows)

    def _gain_table(self) -> str:
        rows, over_hebb = [], self.gain("hebb")
        for name, gain in self.gain("uniform").items():
            found = [of_samples(values[name]) for values in self.maximal.values()]
            rows.append([name, *found, of_samples(gain), of_samples(over_hebb[name])])
        heading = [f"maximal noise, m_t = {self.least:g}", *self.maximal]
        return (
            table([*heading, "gain", "over hebb"], rows)
            + "\n\nn_SAT: share of the patterns that are fixed points"
            + "\ngain: of structured over uniform noise, paired by pattern set"
        )

    def draw(self, figure: Figure) -> None:
        """Classification and retrieval against m_t, and the retrieval map at maximal noise."""
        left, middle, right = figure.subplots(1, 3)
        self._against_noise(left, "satisfied_patterns")
        left.set(ylabel=r"stored patterns, $n_\mathrm{SAT}$", title="classification")
        self._against_noise(middle, "overlap", cue_overlap=self.overlap)
        title = f"cues at $m_0$ = {self.overlap:g}"
        middle.set(ylabel="retrieved overlap $m_f$", title=title)
        self._maximal_noise(right)
        for axes in (left, middle, right):
            axes.set_ylim(-0.03, 1.05)
        known = dict(zip(*reversed(left.get_legend_handles_labels()), strict=True))
        labels = [label for label in LABELS.values() if label in known]
        handles = [known[label] for label in labels]
        figures.legend_below(figure, handles, labels, 5)

    def _maximal_noise(self, axes: Axes) -> None:
        for scheme, look in LOOKS.items():
            m = None if scheme in LIMITS else self.least
            setting = {"scheme": scheme, "training_overlap": m}
            found = self.study.curve("overlap", "cue_overlap", **setting)
            figures.points(axes, *found, looks.LOOKS[look], ls=LIMITS.get(scheme, "-"))
        axes.plot([0, 1], [0, 1], color="0.85", lw=0.8, zorder=0)
        axes.set(xlabel="overlap of the cue $m_0$", ylabel="retrieved overlap $m_f$")
        axes.set_title(f"maximal noise, $m_t$ = {self.least:g}")

    def _against_noise(self, axes: Axes, quantity: str, **labels: Any) -> None:
        """Both noises against m_t, between the limits, with the average rule as theory."""
        for scheme in ("structured", "uniform"):
            found, look = self.against_noise(scheme, quantity, **labels), LOOKS[scheme]
            figures.points(axes, *found, looks.LOOKS[look], label=LABELS[scheme])
        x, by_sample = self.against_noise("minimum", quantity, **labels)
        axes.plot(x, mean_and_sem(by_sample)[0], **figures.THEORY[0], label=LABELS["minimum"])
        for scheme, style in LIMITS.items():
            _, limit = self.study.curve(quantity, "patterns", scheme=scheme, **labels)
            if limit.size:
                color = looks.LOOKS[LOOKS[scheme]][0]
                mean = float(mean_and_sem(limit)[0][0])
                axes.axhline(mean, color=color, ls=style, lw=1.2, label=LABELS[scheme], zorder=1)
        axes.set_xlabel(r"training overlap $m_t$ ($\leftarrow$ noisier)")


if __name__ == "__main__":
    main()
