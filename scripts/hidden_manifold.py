r"""Does a network discover what its patterns are made of? Daydreaming on random features.

Patterns ξ^μ = sign(Σ_k c_k^μ f_k) mix L of D hidden features f_k of N spins. What a network does
with P of them has three phases (Serricchio et al., arXiv 2405.08777; Negri et al., 2303.16880):

    storage          the stored patterns are attractors, and nothing else of interest is
    learning         the features are, though none was ever shown
    generalization   so are unseen patterns, new mixtures of the same features

with a glass where nothing is. Three probes start at a stored pattern, an unseen one and a
feature; a probe succeeds if it ends at an overlap of 0.95 with where it began. A phase has what
more than half of the probes have, and is unsure where a share is within two errors of a half.

Daydreaming, J ← J + (ε/N)(ξξᵀ − SSᵀ), learns a pattern and unlearns a dream at once. The
authors divide J by its spectral norm after each epoch of N dreams: Hebb's largest eigenvalue
grows like P/D here, and steps of one size soon do nothing. Results depend on the number of epochs
at large P, where 60 are not enough to converge.

    python scripts/hidden_manifold.py --preset quick
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray
    from torch import Tensor

_QUICK: dict[str, Any] = {
    "size": 200,
    "loads": [4, 20, 60, 200, 400, 1000],
    "features": 12,
    "mix": 3,
    "epochs": 60,
    "rate": 0.01,
    "trials": 200,
    "samples": 4,
}
_PAPER = {
    "size": 400,
    "loads": [4, 8, 20, 40, 60, 100, 200, 400, 1000, 2000, 4000],
    "features": 24,
    "epochs": 200,
    "trials": 1000,
    "samples": 12,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
RULES = {
    "daydream-spectral": "daydreaming, spectral norm",
    "daydream": "daydreaming, plain",
    "hebb": "Hebb",
}
PROBES = {"stored": "stored patterns", "feature": "features", "unseen": "unseen patterns"}
THRESHOLD = 0.95


@study_command(PRESETS)
@options.shared("size", default=None, help="Sites N.")
@options.shared("loads", help="Numbers of patterns P.")
@click.option("--features", type=Whole(1, 100_000), help="Hidden features D.")
@click.option("--mix", type=Whole(1, 100_000), help="Features in each pattern, L, odd.")
@click.option("--epochs", type=Whole(1, 100_000), help="Epochs of daydreaming, of N dreams each.")
@options.shared("rate", default=None, help="Rate of a dream, ε.")
@options.shared("trials", default=None, help="Probes of a kind at most, but for features.")
def main(run: Run, loads: list[int], **setting: Any) -> Report:
    """Storage, learning and generalization of networks whose patterns mix hidden features.

    Which states are attractors after daydreaming on P mixtures of D features: the patterns, the
    features, mixtures that were never shown (arXiv 2405.08777, 2303.16880).
    """
    from bridges._checks import within_memory

    N, D, mix = setting["size"], setting["features"], setting["mix"]
    if mix % 2 == 0 or mix > D:
        raise ValueError(f"mix must be odd and at most the {D} features, got {mix}")
    within_memory(8 * 6 * N * N, f"size: couplings of {N} sites", each_job=True)
    rows = max(*loads, setting["trials"], D)
    within_memory(8 * 6 * rows * (N + D), f"loads: {rows} patterns of {N} sites", each_job=True)
    points = [{"rule": rule, "patterns": P, **setting} for P in loads for rule in RULES]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """One rule on one set of patterns: what becomes of each kind of probe."""
    import torch

    from hopfield import HopfieldNetwork, overlap, random_features_patterns

    P, N, D, mix = (point[name] for name in ("patterns", "size", "features", "mix"))
    made = random_features_patterns(P, N, D, mix, seed=seed)
    trials = point["trials"]
    new = random_features_patterns(trials, N, made.features, mix, seed=seed + 1)
    couplings = _couplings(point, made.patterns, seed)
    network = HopfieldNetwork(couplings)
    probes = {
        "stored": made.patterns[:trials],  # drawn alike: the first are as good as any
        "feature": made.features,
        "unseen": new.patterns,
    }
    rows: list[Row] = [
        {"quantity": "largest", "value": float(torch.linalg.eigvalsh(couplings)[-1])}
    ]
    for name, states in probes.items():
        ends = network.relax(states, seed=seed).states
        m = overlap(ends, states)
        values = {
            "success": (m >= THRESHOLD - 1e-9).double(),
            "overlap": m,
            # The reversed state is an attractor as good as the state: −J S = −(J S).
            "either_sign": (m.abs() >= THRESHOLD - 1e-9).double(),
            "nearest_feature": overlap(ends[:, None], made.features).abs().amax(1),
        }
        rows += [
            {"probe": name, "quantity": quantity, "value": float(value.mean())}
            for quantity, value in values.items()
        ]
    return rows


def _couplings(point: Point, patterns: Tensor, seed: int) -> Tensor:
    """Couplings of a rule, by its name."""
    from hopfield import daydream, hebbian

    if point["rule"] == "hebb":
        return hebbian(patterns)
    normalize = "spectral" if point["rule"] == "daydream-spectral" else None
    steps, rate = point["epochs"] * point["size"], point["rate"]
    result = daydream(
        patterns, steps=steps, rate=rate, normalize=normalize, seed=seed, checkpoints=[]
    )
    return result.couplings


class Report(base.Report):
    """What each rule has as attractors, against P."""

    grid = (1, 3)
    figsize = 11.6, 4.2
    between = "sets of features and patterns"

    def probe(self, rule: str, name: str, quantity: str = "success") -> tuple[ndarray, ndarray]:
        """P (K,) and values (samples, K) of one rule and one kind of probe."""
        return self.study.curve(quantity, "patterns", rule=rule, probe=name)

    def phases(self, rule: str) -> list[str]:
        """Phase at each P, by the majority of each kind of probe, and whether it is sure."""
        shares = {name: mean_and_sem(self.probe(rule, name)[1]) for name in PROBES}
        found = []
        for k in range(len(self.loads)):
            phase = _phase({name: bool(mean[k] > 0.5) for name, (mean, _) in shares.items()})
            near = any(abs(mean[k] - 0.5) < 2 * sem[k] for mean, sem in shares.values())
            found.append(f"{phase}, unsure" if near else phase)
        return found

    @property
    def loads(self) -> list[int]:
        """Numbers of patterns, increasing."""
        return sorted(self.setting["loads"])

    def finding(self) -> str:
        """From how many patterns on features are learnt, and how far unseen patterns get."""
        rule = "daydream-spectral"
        learnt = mean_and_sem(self.probe(rule, "feature")[1])[0] > 0.5
        unseen = self.probe(rule, "unseen")[1][:, -1]
        first = int(learnt.argmax())
        features = f"features from $P$ = {self.loads[first]} on" if learnt.any() else "no features"
        kept = of_samples(self.probe(rule, "stored")[1][:, first if learnt.any() else 0], 2)
        return (
            f"Daydreaming learns {features}, where {kept} of the patterns are still stored; "
            f"unseen patterns return with {of_samples(unseen, 2)} at $P$ = {self.loads[-1]}"
        )

    def conclusions(self) -> Point:
        """Phases by rule, and each probe at the largest P."""
        largest = {
            rule: {name: estimate(self.probe(rule, name)[1][:, -1]) for name in PROBES}
            for rule in RULES
        }
        phases = {rule: self.phases(rule) for rule in RULES}
        return {"loads": self.loads, "phases": phases, "at_largest_load": largest}

    def heading(self) -> str:
        """The patterns and the training."""
        s = self.setting
        return (
            f"N = {s['size']}, mixtures of {s['mix']} of {s['features']} features; "
            f"{s['epochs']} epochs of N dreams, ε = {s['rate']:g}"
        )

    def tables(self) -> Iterator[str]:
        """Shares and mean overlaps of each kind of probe, by rule and P, and the phase."""
        yield (
            f"Share of probes that end at an overlap of {THRESHOLD:g} with where they began (and "
            "mean overlap)"
        )
        rows = []
        for rule in RULES:
            phases = self.phases(rule)
            for k, P in enumerate(self.loads):
                cells = []
                for name in PROBES:
                    share, mean = (self.probe(rule, name, q)[1] for q in ("success", "overlap"))
                    cells += [of_samples(share[:, k]), of_samples(mean[:, k])]
                largest = self.study.curve("largest", "patterns", rule=rule)[1][:, k]
                rows.append([f"{rule}, P = {P}", *cells, of_samples(largest, 2), phases[k]])
        header = ["", "stored", "m", "feature", "m", "unseen", "m", "λ_max", "phase"]
        yield table(header, rows)

    def panels(self) -> tuple[base.Panel, ...]:
        """A panel for each rule."""
        return tuple(partial(self._curves, rule) for rule in RULES)

    def _curves(self, rule: str, axes: Axes) -> None:
        """Probabilities of one rule against P."""
        for (name, label), series in zip(PROBES.items(), figures.SERIES, strict=False):
            figures.points(axes, *self.probe(rule, name), series, label=label)
            x, mean = self.probe(rule, name, "overlap")
            axes.plot(x, mean_and_sem(mean)[0], color=series[0], lw=1, ls=":", zorder=1)
        figures.ticks(axes, self.loads)
        axes.axhline(0.5, color="0.85", lw=0.8, zorder=0)
        axes.set(xlabel="patterns $P$", ylabel="share that returns; dotted: mean overlap")
        axes.set(ylim=(-0.03, 1.05), title=RULES[rule])
        if rule == [*RULES][-1]:
            figures.legend_of(axes)


def _phase(has: dict[str, bool]) -> str:
    """Name of what is an attractor: a phase of the papers, or what it lacks of one."""
    if has["unseen"] and has["feature"]:
        return "generalization"
    if has["feature"]:
        return "learning" if has["stored"] else "learning, nothing stored"
    return "storage" if has["stored"] else "glass"


if __name__ == "__main__":
    main()
