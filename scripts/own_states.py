r"""Does it help to train a denoiser on states of its own paths, as it helps a Hopfield network?

Training with structured noise shows a network fixed points of its own landscape, and widens its
basins (`structured_noise`). The same for denoising score matching: a share p of the noised inputs
x₀ + σz is replaced by states of the network's own reverse flow, which starts where x₀ is noised to
a level above σ and is followed down to σ; the target stays x₀ (`train_denoiser(own_states=p)`).

Plain denoising score matching has the exact denoiser as its optimum. A share of own states does
not: at such a state the best answer is the posterior mean of where the path began, which is less
certain. So nothing says that it must help. Measured at equal steps, with the same data, weights
and random numbers for every share: the loss on held-out data, how many samples are copies and how
many spurious, and the least overlap of cues of stored data, and of data never seen, that come
home along the flow.

    python scripts/own_states.py --preset quick
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from reports import trained

from bridges.estimates import mean_and_sem
from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table, uncertain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray

_QUICK: dict[str, Any] = {
    "data": "digits",
    "network": "mlp",
    "shares": [0.0, 0.5],
    "patterns": 32,
    "steps": 500,
    "rate": 3e-3,
    "width": 64,
    "sigma": 0.3,
    "turn": 1.0,
    "count": 100,
    "held_out": 300,
    "device": "cpu",
    "samples": 4,
}
_PAPER = {"shares": [0.0, 0.25, 0.5], "steps": 2000, "width": 128, "count": 400, "samples": 8}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
QUANTITIES = {
    "loss": "held-out error",
    "memorized": "copies",
    "spurious": "spurious",
    "generalized": "new",
    "learnt": "relative loss",
    "radius": "stored radius",
    "radius_unseen": "unseen radius",
}
"""What is compared, and its heading."""
_OVERLAPS = [k / 10 for k in range(1, 11)]  # of the cues
_SEEN = 0.01  # the least difference that the finding names


@study_command(PRESETS)
@click.option("--shares", type=Numbers(Real(0, 1)), help="Shares p of own states; 0 is among them.")
@options.shared("patterns", default=None)
@click.option("--steps", type=Whole(1), help="Gradient steps of a training.")
@trained.shared_options
def main(run: Run, data: str, shares: list[float], **setting: Any) -> Report:
    """Structured noise in denoising score matching: own states of the network as inputs."""
    if not max(shares) > 0:
        raise ValueError(f"shares must have one above 0, got {shares}")
    shares = sorted({0.0, *shares})
    most = trained.room(data, setting["held_out"])
    if not 2 <= setting["patterns"] <= most:
        raise ValueError(f"patterns must be 2 to {most} for {data}, got {setting['patterns']}")
    asked = (setting[name] for name in ("width", "count"))
    trained.within(data, *asked, setting["patterns"] + setting["held_out"])
    points: list[Point] = [
        one | {"share": share} | setting for one in trained.data_sets(data) for share in shares
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """One training with a share of own states, on the same data and numbers as the others."""
    from bridges import as_memory, generalization_report, retrieval_map
    from bridges._checks import silent
    from bridges.generalization import halves, loss_over_constant
    from diffusion import denoising_error, train_denoiser

    found = halves(point["data"], point["patterns"], point["held_out"], seed)
    own = train_denoiser(
        found.first,
        network=trained.network_of(point, found.first, seed),
        own_states=point["share"],
        seed=seed,
        quiet=silent(),
        **{name: point[name] for name in ("steps", "rate", "device")},
    ).denoiser.to("cpu")
    asked = {name: point[name] for name in ("sigma", "turn", "count")} | {"seed": seed}
    report = generalization_report(own, found.first, found.held_out, **asked)
    values = {name: getattr(report, name) for name in ("memorized", "spurious", "generalized")}
    turn, memory = point["turn"], as_memory(own, found.first, "flow")
    values["loss"] = float(denoising_error(own, found.held_out, turn, 2, seed).mean())
    values["learnt"] = loss_over_constant(own, found.first, found.held_out, point["sigma"], seed)
    rows: list[Row] = [{"quantity": name, "value": value} for name, value in values.items()]
    for name, patterns in (("success", None), ("success_unseen", found.held_out)):
        curve = retrieval_map(memory, _OVERLAPS, point["count"], patterns=patterns, seed=seed)
        rows += [
            {"cue_overlap": m, "quantity": name, "value": float(one)}
            for m, one in zip(_OVERLAPS, curve.success, strict=True)
        ]
    return rows


class Report(base.Report):
    """What each share changes against plain training, sample by sample."""

    between = "data sets"
    figsize = (10.2, 6.2)

    @property
    def sets(self) -> list[str]:
        """The data sets."""
        return list(dict.fromkeys(point["data"] for point in self.study.points))

    @property
    def shares(self) -> list[float]:
        """The shares above 0."""
        return sorted({point["share"] for point in self.study.points} - {0.0})

    def values(self, data: str, quantity: str, share: float) -> ndarray:
        """One quantity in every sample, (samples,); a radius where half of the cues return."""
        import numpy as np

        from bridges.crossing import crossing

        if not quantity.startswith("radius"):
            known, by_sample = self.study.curve(quantity, "share", data=data, cue_overlap=None)
            return by_sample[:, known == share].ravel()
        name = quantity.replace("radius", "success")
        m, by_sample = self.study.curve(name, "cue_overlap", data=data, share=share)
        each = [crossing(m, row[None], 0.5, True)[0] for row in by_sample]
        return np.array([one if 0 < one <= 1 else np.nan for one in each])

    def change(self, data: str, quantity: str, share: float) -> tuple[float, float, int]:
        """Mean paired difference to plain training, its error, and of how many samples."""
        import numpy as np

        gap = self.values(data, quantity, share) - self.values(data, quantity, 0.0)
        gap = gap[np.isfinite(gap)]
        if not gap.size:
            return np.nan, np.nan, 0
        mean, sem = mean_and_sem(gap)
        return float(mean), float(sem), len(gap)

    def learnt(self, data: str) -> bool:
        """Whether all networks of a data set have learnt."""
        return bool(trained.learnt(self.study.curve("learnt", "share", data=data)[1]).all())

    def decided(self, data: str, quantity: str, share: float) -> bool:
        """Whether a share changes a quantity by more than its error allows for chance."""
        return self.learnt(data) and trained.decided(*self.change(data, quantity, share))

    def finding(self) -> str:
        """What changes with the largest share."""
        share, words = self.shares[-1], []
        for data in self.sets:
            changed = [
                f"{QUANTITIES[name]} {uncertain(*self.change(data, name, share)[:2])}"
                for name in QUANTITIES
                if name != "learnt"
                and self.decided(data, name, share)
                and abs(self.change(data, name, share)[0]) >= _SEEN
            ]
            effect = ", ".join(changed) or "no effect"
            said = effect if self.learnt(data) else trained.NOTHING
            words.append(f"{trained.shown_name(data)}: {said}")
        return f"Own states, $p$ = {share:g} against none: " + "; ".join(words)

    def conclusions(self) -> Point:
        """The paired differences, by data set and share."""
        return {
            "changes": [
                {"data": data, "share": share, "quantity": name, "decided": bool(decided)}
                | dict(zip(("mean", "sem", "n"), self.change(data, name, share), strict=True))
                for data in self.sets
                for share in self.shares
                for name in QUANTITIES
                for decided in [self.decided(data, name, share)]
            ]
        }

    def heading(self) -> str:
        """The trainings."""
        s = self.setting
        return (
            f"P = {s['patterns']}, width {s['width']}, {s['steps']} steps at rate {s['rate']:g}; "
            f"{s['count']} samples of each network"
        )

    def tables(self) -> Iterator[str]:
        """Every quantity by share, and its paired difference to plain training."""
        yield (
            f"held-out error: of one denoising at σ = {self.setting['turn']:g} per entry; relative "
            f"loss: at σ = {self.setting['sigma']:g}, of\nthe data, or of unseen ones where that "
            "is smaller, over that of a constant; radius: the overlap\nat which half of the cues "
            "come home by the flow, of stored data and of data never seen (—: at none);\n"
            "Δ: paired difference to p = 0"
        )
        heads = ["p = 0", *(word for p in self.shares for word in (f"p = {p:g}", f"Δ({p:g})"))]
        for data in self.sets:
            rows = []
            for name, words in QUANTITIES.items():
                cells = [of_samples(self.values(data, name, 0.0), 3)]
                for share in self.shares:
                    cells.append(of_samples(self.values(data, name, share), 3))
                    cells.append(uncertain(*self.change(data, name, share)[:2]))
                rows.append([words, *cells])
            name = "sphere S^7" if data == trained.SPHERE else Path(data).stem
            yield table([name, *heads], rows)
            if not self.learnt(data):
                yield trained.nothing_of(f"networks of {name}")

    @property
    def grid(self) -> tuple[int, int]:
        """A row per data set: samples, held-out error, retrieval."""
        return len(self.sets), 3

    def panels(self) -> list[base.Panel]:
        """Those of each data set."""
        kinds = (self._samples, self._loss, self._retrieval)
        return [partial(kind, data=data) for data in self.sets for kind in kinds]

    def _samples(self, axes: Axes, data: str) -> None:
        for name, series in zip(trained.CLASSES, figures.SERIES, strict=False):
            found = self.study.curve(name, "share", data=data, cue_overlap=None)
            figures.points(axes, *found, series, label=QUANTITIES[name])
        axes.set(xlabel="share of own states $p$", ylabel="fraction of the samples")
        axes.set(title=f"{trained.shown_name(data)}: samples", ylim=(-0.03, 1.25))
        axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
        axes.legend(fontsize=7.5, ncol=3, loc="upper center", columnspacing=0.7, handlelength=1.2)

    def _loss(self, axes: Axes, data: str) -> None:
        found = self.study.curve("loss", "share", data=data, cue_overlap=None)
        figures.points(axes, *found, figures.SERIES[0])
        axes.set(xlabel="share of own states $p$", ylabel="error per entry")
        axes.set(title=f"held-out data at $\\sigma$ = {self.setting['turn']:g}")

    def _retrieval(self, axes: Axes, data: str) -> None:
        for share, (color, _) in zip((0.0, *self.shares), figures.SERIES, strict=False):
            for name, style in (("success", "-"), ("success_unseen", ":")):
                found = self.study.curve(name, "cue_overlap", data=data, share=share)
                label = f"$p$ = {share:g}" if style == "-" else None
                figures.band(axes, *found, color, ls=style, label=label)
        axes.set(xlabel="overlap of the cue", ylabel="probability to come home")
        axes.set(title="stored data (full), unseen (dotted)", ylim=(-0.03, 1.05))
        axes.legend(fontsize=7.5)


if __name__ == "__main__":
    main()
