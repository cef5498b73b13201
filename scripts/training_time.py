r"""What does a denoiser learn first, and what if it is trained on and on?

A network is trained on P points, with snapshots at steps a constant factor apart. Each snapshot
is measured: which of its samples are copies, which are spurious, which are new; whether a second
network on as many other points agrees; what its fixed points are, and which of these the snapshot
before had already (matched as attractors are along a parameter).

A network first learns what all data share and only later the single datum, so that stopping
early may generalize where the last step memorizes (Bonnaire et al. 2025; Biroli et al.
2024). The losses on its own data and on held-out data say the same from outside: once the loss
on held-out data rises, what is still gained on its own data is memory. The same is asked of
samples: from which step τ_bias on are they nearer to the half of the data that their network was
trained on, and from which by more than samples of a Gaussian that was fitted to that half? Nothing
is said of networks that have not learnt by the last step (as in `memorization_to_generalization`).

    python scripts/training_time.py --preset quick
"""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import click
from reports import trained, unseen

from bridges.estimates import estimate
from bridges.study import figures, options
from bridges.study.command import Run, study_command
from bridges.study.numbers import Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray

_USUAL = {
    "data": "digits",
    "network": "mlp",
    "width": 128,
    "sigma": 0.3,
    "turn": 1.0,
    "held_out": 400,
    "device": "cpu",
}
PRESETS: dict[str, dict[str, Any]] = {
    "quick": _USUAL
    | {"patterns": 24, "rate": 3e-3, "steps": 1000, "snapshots": 5, "count": 100, "samples": 2}
    | {"held_out": 150},
    "paper": _USUAL
    | {"patterns": 64, "rate": 1e-3, "steps": 60_000, "snapshots": 11, "count": 1000, "samples": 4},
}
COLUMNS = (
    *("flow_return", "sde_return", "basins_of_data", "attractors", "kept"),
    *("halves", "dimension", "gap", "learnt"),
)
_FIRST = 50  # steps of the first snapshot
_SAME = 0.1  # rms distance, in rms deviations of the data, within which attractors match


@study_command(PRESETS)
@options.shared("patterns")
@click.option("--steps", type=Whole(2 * _FIRST), help="Gradient steps of a training.")
@click.option("--snapshots", type=Whole(2, most=10**4), help="Snapshots along it.")
@trained.shared_options
def main(run: Run, data: str, snapshots: int, **setting: Any) -> Report:
    """Memorized, spurious, generalized: one training, snapshot by snapshot."""
    import numpy as np

    most = trained.room(data, setting["held_out"])
    if not 2 <= setting["patterns"] <= most:
        raise ValueError(f"patterns must be 2 to {most} for {data}, got {setting['patterns']}")
    asked = (setting[name] for name in ("width", "count"))
    trained.within(data, *asked, setting["patterns"] + setting["held_out"])
    steps = sorted({round(s) for s in np.geomspace(_FIRST, setting["steps"], snapshots)})
    return Report(
        run(measure, [one | setting | {"snapshots": steps} for one in trained.data_sets(data)])
    )


def measure(point: Point, seed: int) -> list[Row]:
    """Two trainings on disjoint data, their losses, and what each snapshot of the first is."""
    from bridges import generalization_report, match, two_halves
    from bridges.generalization import loss_over_constant

    found, networks = trained.two_trainings(point, seed)
    history = networks[0].history
    rows: list[Row] = [
        {"mark": int(step), "quantity": name, "value": float(value)}
        for name, losses in (("loss", history.loss), ("held_out_loss", history.held_out))
        for step, value in zip(history.step, losses, strict=True)
    ]
    asked = {k: point[k] for k in ("sigma", "count")} | {"seed": seed}
    before = None
    for step in point["snapshots"]:
        own, other = (training.snapshots[step].to("cpu") for training in networks)
        one = generalization_report(own, found.first, found.held_out, turn=point["turn"], **asked)
        values = vars(one) | {"attractors": float(len(one.attractors))}
        values["learnt"] = loss_over_constant(
            own, found.first, found.held_out, point["sigma"], seed
        )
        values["size"] = float(found.first.shape[1])
        both = two_halves(own, other, found.held_out, data=(found.first, found.second), **asked)
        values |= {"halves": both.samples} | unseen.nearness(both.own_half)
        values |= unseen.errors(found, own, point["turn"], seed)
        values |= unseen.retrieval(found, own, point, seed)
        if before is not None and len(before):
            kept = match(before, one.attractors, _SAME) if len(one.attractors) else None
            values["kept"] = 0.0 if kept is None else len(kept.pairs) / len(before)
        before = one.attractors
        rows += [{"step": step, "quantity": k, "value": v} for k, v in values.items()]
    return rows


class Report(unseen.UnseenReport):
    """What was measured along the training."""

    axis, along, symbol, columns = "gradient steps", "step", "step", COLUMNS

    def losses(self, data: str, quantity: str) -> tuple[ndarray, ndarray]:
        """Steps (K,) and values (samples, K) of a loss."""
        return self.study.curve(quantity, "mark", data=data)

    def turned(self, data: str) -> ndarray:
        """The step at which the held-out loss is least, (samples,)."""
        step, by_sample = self.losses(data, "held_out_loss")
        return step[by_sample.argmin(1)]

    def onset(self, data: str) -> float:
        """τ_bias: the first step at which samples are nearer to their own half than by chance.

        That is asked of networks that have not learnt yet, too: theirs are nearer to neither.
        """
        from bridges import bias_onset

        step, own = self.curve(data, "own_half")
        return bias_onset(step, own, 2 * self.setting["count"]) if step.size else inf

    def finding(self) -> str:
        """What is memorized in the end."""
        words = "; ".join(f"{trained.shown_name(data)}, {self._end(data)}" for data in self.sets)
        return (
            f"After {self.setting['steps']} steps on $P$ = {self.setting['patterns']} data: {words}"
        )

    def _end(self, data: str) -> str:
        if not self.concluded(data):
            return trained.NOTHING
        copied = of_samples(self.at(data, "memorized", self.setting["steps"]))
        return f"{copied} of the samples are copies"

    def concluded(self, data: str) -> bool:
        """Whether networks have learnt by the last step, so that something is said of them."""
        return self.setting["steps"] not in self.unlearnt(data)

    def conclusions(self) -> Point:
        """By data set the step at which the held-out loss is least, and the unlearnt snapshots."""
        known = [data for data in self.sets if self.concluded(data)]
        return {
            "least_held_out_loss": {data: estimate(self.turned(data)) for data in known},
            "bias_onset": {data: _or_none(self.onset(data)) for data in known},
            "nearer_than_a_fit": {data: self.beyond_a_fit(data) for data in known},
            "unlearnt": {data: self.unlearnt(data) for data in self.sets},
        }

    def heading(self) -> str:
        """The trainings and the samples."""
        s = self.setting
        return (
            f"P = {s['patterns']}, width {s['width']}, {s['steps']} steps at rate {s['rate']:g}; "
            f"two networks per data set, {s['count']} samples of each"
        )

    def words(self, data: str) -> str:
        """The step at which the held-out loss is least, of networks that have learnt."""
        left_out = self.left_out(data)
        if not self.concluded(data):
            return left_out
        lines = [
            f"held-out loss least at step {of_samples(self.turned(data), 0)}",
            f"samples are nearer to their own half than by chance {_from(self.onset(data))}, and "
            f"than Gaussian fits {_from(min(self.beyond_a_fit(data), default=inf))}",
        ]
        return "\n".join([*lines, *([left_out] if left_out else [])])

    def row(self) -> tuple[trained.Panel, ...]:
        """Samples, losses and attractors; errors, retrieval and samples beside both halves."""
        known = self.classes_panel, self._losses, self._attractors
        return *known, self.errors_panel, self.retrieval_panel, self._own_half

    def _losses(self, axes: Axes, data: str) -> None:
        for name, label, (color, _) in (
            ("loss", "its own data", figures.SERIES[0]),
            ("held_out_loss", "held-out data", figures.SERIES[1]),
        ):
            figures.band(axes, *self.losses(data, name), color, label=label)
        axes.set(yscale="log", xlabel=self.axis, ylabel="weighted denoising loss")
        figures.ticks(axes, self.curve(data, "memorized")[0])
        axes.set_title(f"{trained.shown_name(data)}: loss")
        axes.legend(fontsize=7.5)

    def _own_half(self, axes: Axes, data: str) -> None:
        self.own_half_panel(axes, data)
        if self.concluded(data):
            turned = self.turned(data).mean()
            look = {"color": "0.35", "ls": ":", "lw": 1, "zorder": 0}
            axes.axvline(turned, 0, 0.67, label="least held-out loss", **look)
            axes.legend(fontsize=7.5, loc="upper center", ncol=2, columnspacing=1)

    def _attractors(self, axes: Axes, data: str) -> None:
        shown = {
            "U-turn, flow": "flow_return",
            "attractors kept": "kept",
            "basins of data": "basins_of_data",
            "two halves": "halves",
        }
        turn, sigma = self.setting["turn"], self.setting["sigma"]
        title = f"U-turns at $\\sigma$ = {turn:g}, attractors at $\\sigma$ = {sigma:g}"
        self.fractions_panel(axes, data, shown, "fraction, cosine", title)


def _or_none(step: float) -> float | None:
    return step if isfinite(step) else None


def _from(step: float) -> str:
    return f"from step {step:g} on" if isfinite(step) else "at no step"


if __name__ == "__main__":
    main()
