r"""What does a denoiser learn first, and what if it is trained on and on?

A network is trained on P points, and snapshots of it, at steps a constant factor apart, are
asked what they made of the data: which of their samples are copies, which are spurious, which
new; whether a second network on as many other points agrees; what their fixed points are, and
which of these the snapshot before had already (matched as attractors are along a parameter).
A network first learns what all data share and only later the single datum, so that stopping
early may generalize where the last step memorizes (Bonnaire et al. 2025; Biroli et al.
2024). The losses on its own and on held-out data tell the same from outside: what the one
gains after the other has begun to rise is memory.

    python scripts/training_time.py --preset quick
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from bridges.estimates import estimate
from bridges.study import figures, options
from bridges.study.command import Run, study_command
from bridges.study.record import Point, Row
from bridges.study.report import Findings
from bridges.study.results import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray

_USUAL = {
    "data": "digits",
    "width": 128,
    "sigma": 0.3,
    "turn": 1.0,
    "held_out": 400,
    "device": "cpu",
}
PRESETS: dict[str, dict[str, Any]] = {
    "quick": _USUAL
    | {"patterns": 32, "rate": 3e-3, "steps": 2000, "snapshots": 6, "count": 300, "samples": 2},
    "paper": _USUAL
    | {"patterns": 64, "rate": 1e-3, "steps": 60_000, "snapshots": 11, "count": 1000, "samples": 4},
}
AXIS = "gradient steps"
CLASSES = ("memorized", "spurious", "generalized")
COLUMNS = {
    "memorized": "memorized",
    "spurious": "spurious",
    "generalized": "generalized",
    "flow_return": "return, flow",
    "sde_return": "return, SDE",
    "basins_of_data": "basins of data",
    "attractors": "attractors",
    "kept": "of them kept",
    "halves": "two halves",
    "dimension": "dimension",
    "gap": "gap",
}
_FIRST = 50  # steps of the first snapshot
_SAME = 0.1  # rms distance, in rms deviations of the data, within which attractors match


@study_command(PRESETS)
@options.shared("data", default=None, help="Real data beside the sphere: digits, mnist, FILE…")
@options.shared("patterns")
@click.option("--width", type=click.IntRange(1), help="Units of a layer of the network.")
@click.option("--steps", type=click.IntRange(2 * _FIRST), help="Gradient steps of a training.")
@click.option("--snapshots", type=click.IntRange(2), help="Snapshots along it.")
@options.shared("rate", default=None, help="Learning rate.")
@click.option(
    "--sigma",
    type=click.FloatRange(0, min_open=True),
    help="Noise level of attractors, dimension and gap.",
)
@click.option("--turn", type=click.FloatRange(0, min_open=True), help="Noise level of U-turns.")
@click.option("--count", type=click.IntRange(10), help="Samples of a snapshot, and starts.")
@click.option("--held-out", type=click.IntRange(2), help="Points that no network sees.")
@options.shared("device", default=None)
def main(run: Run, data: str, snapshots: int, **setting: Any) -> Findings:
    """Memorized, spurious, generalized: one training, snapshot by snapshot."""
    import numpy as np

    from bridges.data import count, fingerprint, place

    room = (count(data) - setting["held_out"]) // 2
    if not 2 <= setting["patterns"] <= room:
        raise ValueError(f"patterns must be 2 to {room} for {data}, got {setting['patterns']}")
    steps = sorted({round(s) for s in np.geomspace(_FIRST, setting["steps"], snapshots)})
    shared = setting | {"snapshots": steps}
    points: list[Point] = [
        {"data": "sphere"} | shared,
        {"data": place(data), "content": fingerprint(data)} | shared,
    ]
    return Report(run(measure, points), [point["data"] for point in points]).findings()


def measure(point: Point, seed: int) -> list[Row]:
    """Two trainings on disjoint data, their losses, and what each snapshot of the first is."""
    from bridges import generalization_report, match, two_halves
    from bridges.generalization import halves, perceptron
    from diffusion import train_denoiser

    found = halves(point["data"], point["patterns"], point["held_out"], seed)
    trained = [
        train_denoiser(
            rows,
            network=perceptron(point["data"], rows, point["width"], seed),
            steps=point["steps"],
            rate=point["rate"],
            snapshots=point["snapshots"],
            held_out=found.held_out,
            device=point["device"],
            seed=seed + k,
            quiet=True,
        )
        for k, rows in enumerate((found.first, found.second))
    ]
    history = trained[0].history
    rows: list[Row] = [
        {"mark": int(step), "quantity": name, "value": float(value)}
        for name, losses in (("loss", history.loss), ("held_out_loss", history.held_out))
        for step, value in zip(history.step, losses, strict=True)
    ]
    asked = {k: point[k] for k in ("sigma", "count")} | {"seed": seed}
    before = None
    for step in point["snapshots"]:
        own, other = (training.snapshots[step].to("cpu") for training in trained)
        one = generalization_report(own, found.first, found.held_out, turn=point["turn"], **asked)
        values = one.to_dict() | {"halves": two_halves(own, other, found.held_out, **asked).samples}
        if before is not None and len(before):
            kept = match(before, one.attractors, _SAME) if len(one.attractors) else None
            values["kept"] = 0.0 if kept is None else len(kept.pairs) / len(before)
        before = one.attractors
        rows += [{"step": step, "quantity": k, "value": v} for k, v in values.items()]
    return rows


@dataclass(frozen=True)
class Report:
    """What was measured, on the sphere and on real data."""

    study: Study
    sets: list[str]

    @property
    def setting(self) -> Point:
        return self.study.config["parameters"]

    def curve(self, data: str, quantity: str) -> tuple[ndarray, ndarray]:
        """Steps (K,) and values (samples, K) of the snapshots."""
        return self.study.curve(quantity, "step", data=data)

    def losses(self, data: str, quantity: str) -> tuple[ndarray, ndarray]:
        """Steps (K,) and values (samples, K) of a loss."""
        return self.study.curve(quantity, "mark", data=data)

    def turned(self, data: str) -> ndarray:
        """The step at which the held-out loss is least, (samples,)."""
        step, by_sample = self.losses(data, "held_out_loss")
        return step[by_sample.argmin(1)]

    def findings(self) -> Findings:
        return Findings(self.text(), self.summary(), self.figure())

    def at(self, data: str, quantity: str, step: float) -> ndarray:
        """A quantity at a snapshot, (samples,) or (0,) where there is none."""
        x, by_sample = self.curve(data, quantity)
        return by_sample[:, x == step].ravel()

    def summary(self) -> Point:
        results = {
            data: [
                {"step": float(step)}
                | {
                    name: estimate(values)
                    for name in COLUMNS
                    if len(values := self.at(data, name, step))
                }
                for step in self.curve(data, "memorized")[0]
            ]
            for data in self.sets
        }
        return {
            **self.setting,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
            "results": results,
            "least_held_out_loss": {data: estimate(self.turned(data)) for data in self.sets},
        }

    def text(self) -> str:
        from reports.panels import shown_name

        from bridges.study.tables import of_samples, table

        s = self.setting
        lines = [
            f"P = {s['patterns']}, width {s['width']}, {s['steps']} steps; "
            f"{self.study.config['samples']} data sets, two networks each; {s['count']} samples; "
            "errors: s.e. between data sets",
            f"U-turns turn at σ = {s['turn']:g}; attractors, dimension and gap at "
            f"σ = {s['sigma']:g}, in rms deviations of the data",
        ]
        for data in self.sets:
            rows = []
            for step in self.curve(data, "memorized")[0]:
                cells = [self.at(data, name, step) for name in COLUMNS]
                rows.append([f"{step:g}", *(of_samples(c, 2) if len(c) else "—" for c in cells)])
            heading = f"{shown_name(data).replace('$', '')}, step"
            lines += ["", table([heading, *COLUMNS.values()], rows)]
            lines.append(f"held-out loss least at step {of_samples(self.turned(data), 0)}")
        return "\n".join(lines)

    def figure(self) -> Figure:
        from matplotlib.figure import Figure
        from reports.panels import shown_name

        from bridges.study.tables import of_samples

        with figures.look():
            figure = Figure(figsize=(10.2, 3.1 * len(self.sets) + 0.5), layout="constrained")
            grid = figure.subplots(len(self.sets), 3, squeeze=False)
            for row, data in zip(grid, self.sets, strict=True):
                self._classes(row[0], data)
                self._losses(row[1], data)
                self._attractors(row[2], data)
            words = " and ".join(
                f"{of_samples(self.at(data, 'memorized', self.setting['steps']), 2)} "
                f"({shown_name(data)})"
                for data in self.sets
            )
            figures.headline(
                figure,
                f"$P$ = {self.setting['patterns']}: after {self.setting['steps']} steps the "
                f"memorized fraction is {words}",
            )
        return figure

    def _classes(self, axes: Axes, data: str) -> None:
        from reports.panels import fractions_panel, shown_name

        curves = {name: self.curve(data, name) for name in CLASSES}
        title = f"{shown_name(data)}: samples"
        fractions_panel(axes, curves, AXIS, "fraction of the samples", title)

    def _losses(self, axes: Axes, data: str) -> None:
        from reports.panels import dress

        from bridges.estimates import mean_and_sem

        for name, label, (color, _) in (
            ("loss", "its own data", figures.SERIES[0]),
            ("held_out_loss", "held-out data", figures.SERIES[1]),
        ):
            step, by_sample = self.losses(data, name)
            middle, sem = mean_and_sem(by_sample)
            axes.plot(step, middle, color=color, label=label)
            axes.fill_between(step, middle - sem, middle + sem, color=color, alpha=0.3, lw=0)
        dress(axes, AXIS, "weighted denoising loss", "loss along the training")
        axes.set_yscale("log")
        axes.legend(fontsize=7.5)

    def _attractors(self, axes: Axes, data: str) -> None:
        from reports.panels import fractions_panel

        shown = {
            "U-turn, flow": "flow_return",
            "attractors kept": "kept",
            "basins of data": "basins_of_data",
            "two halves": "halves",
        }
        curves = {label: self.curve(data, name) for label, name in shown.items()}
        turn, sigma = self.setting["turn"], self.setting["sigma"]
        title = f"U-turns at $\\sigma$ = {turn:g}, attractors at $\\sigma$ = {sigma:g}"
        fractions_panel(axes, curves, AXIS, "fraction, cosine", title)


if __name__ == "__main__":
    main()
