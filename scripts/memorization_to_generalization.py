r"""When does a trained denoiser stop copying its data and begin to make new ones?

A network is trained anew on P points, and asked what it made of them. On few it is a memory:
its samples are its data, its fixed points too, and a U-turn comes back to where it started. On
many it draws what it has never seen. In between its samples gather at states that are none of
the data, blends of a few: spurious states, as in a Hopfield network beyond its capacity (Pham
et al. 2025). Whether it knows the distribution is seen without any threshold by training a
second network on as many other points: both agree then, and only then (Kadkhodaie et al.
2024).

The data are points of a sphere in 8 dimensions, of which there are as many as one likes, and
real images. Dimension, U-turn and fixed points each have a passage of their own; none of them
is assumed to fall together with another.

    python scripts/memorization_to_generalization.py --preset quick
"""

from __future__ import annotations

import math
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

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "data": "digits",
        "loads": [4, 16, 64, 256],
        "steps": 1200,
        "rate": 3e-3,
        "width": 128,
        "sigma": 0.3,
        "turn": 1.0,
        "count": 300,
        "held_out": 400,
        "device": "cpu",
        "samples": 2,
    },
    "paper": {
        "data": "digits",
        "loads": [4, 8, 16, 32, 64, 128, 256, 512, 1024],
        "steps": 3000,
        "rate": 1e-3,
        "width": 128,
        "sigma": 0.3,
        "turn": 1.0,
        "count": 1000,
        "held_out": 400,
        "device": "cpu",
        "samples": 5,
    },
}
AXIS = "number of data $P$"
CLASSES = ("memorized", "spurious", "generalized")
COLUMNS = {
    "memorized": "memorized",
    "spurious": "spurious",
    "generalized": "generalized",
    "flow_return": "return, flow",
    "sde_return": "return, SDE",
    "basins_of_data": "basins of data",
    "halves": "two halves",
    "disagreement": "disagreement",
    "dimension": "dimension",
    "in_play": "in play",
    "gap": "gap",
}


@study_command(PRESETS)
@options.shared("data", default=None, help="Real data beside the sphere: digits, mnist, FILE…")
@options.shared("loads", default=None, help="Numbers of points P; as far as the data allow.")
@click.option("--steps", type=click.IntRange(1), help="Gradient steps of a training.")
@options.shared("rate", default=None, help="Learning rate.")
@click.option("--width", type=click.IntRange(1), help="Units of a layer of the network.")
@click.option(
    "--sigma",
    type=click.FloatRange(0, min_open=True),
    help="Noise level of attractors, dimension and data in play.",
)
@click.option("--turn", type=click.FloatRange(0, min_open=True), help="Noise level of U-turns.")
@click.option("--count", type=click.IntRange(10), help="Samples of a model, and starts.")
@click.option("--held-out", type=click.IntRange(2), help="Points that no network sees.")
@options.shared("device", default=None)
def main(run: Run, data: str, loads: list[int], **setting: Any) -> Findings:
    """Memorized, spurious, generalized: trained denoisers against the size of their data."""
    from bridges.data import count, fingerprint, place

    room = (count(data) - setting["held_out"]) // 2
    fitting = [P for P in loads if room >= P]
    if min(loads) < 2 or not fitting:
        raise ValueError(f"loads must be 2 to {room} for {data}, got {loads}")
    content = {"content": fingerprint(data)}
    points: list[Point] = [{"data": "sphere", "patterns": P} | setting for P in loads]
    points += [{"data": place(data), "patterns": P} | content | setting for P in fitting]
    return Report(run(measure, points), ["sphere", place(data)]).findings()


def measure(point: Point, seed: int) -> list[Row]:
    """Two networks of disjoint data: what the first made of its own, and whether they agree."""
    from bridges.generalization import generalization_report, halves, perceptron, two_halves
    from diffusion import train_denoiser

    found = halves(point["data"], point["patterns"], point["held_out"], seed)
    trained = []
    for k, rows in enumerate((found.first, found.second)):
        network = perceptron(point["data"], rows, point["width"], seed)  # the same start
        training = train_denoiser(
            rows,
            network=network,
            steps=point["steps"],
            rate=point["rate"],
            device=point["device"],
            seed=seed + k,
            quiet=True,
        )
        trained.append(training.denoiser.to("cpu"))
    asked = {k: point[k] for k in ("sigma", "count")} | {"seed": seed}
    one = generalization_report(
        trained[0], found.first, found.held_out, turn=point["turn"], **asked
    )
    both = two_halves(*trained, found.held_out, **asked)
    values = one.to_dict() | {
        "halves": both.samples,
        "denoised": both.denoised,
        "disagreement": both.disagreement,
        "size": float(found.first.shape[1]),
    }
    return [{"quantity": name, "value": value} for name, value in values.items()]


@dataclass(frozen=True)
class Report:
    """What was measured, on the sphere and on real data."""

    study: Study
    sets: list[str]

    @property
    def setting(self) -> Point:
        return self.study.config["parameters"]

    def curve(self, data: str, quantity: str) -> tuple[ndarray, ndarray]:
        """P (K,) and values (samples, K)."""
        return self.study.curve(quantity, "patterns", data=data)

    def passage(self, data: str) -> dict[str, Any]:
        """Where half is memorized, where most is spurious, where half is generalized."""
        import numpy as np

        from bridges.retrieval import crossing

        found: dict[str, Any] = {}
        for name, falls in (("memorized", True), ("generalized", False)):
            P, by_sample = self.curve(data, name)
            each = [
                math.exp(crossing(np.log(P), row[None], 0.5, not falls)[0]) for row in by_sample
            ]
            known = np.array([x if 0 < x < math.inf else math.nan for x in each])
            found[name] = estimate(known)
        P, by_sample = self.curve(data, "spurious")
        found["spurious_peak"] = {
            "patterns": float(P[by_sample.mean(0).argmax()]),
            **estimate(by_sample[:, by_sample.mean(0).argmax()]),
        }
        return found

    def findings(self) -> Findings:
        return Findings(self.text(), self.summary(), self.figure())

    def summary(self) -> Point:
        rows = {
            data: [
                {"patterns": float(P)}
                | {
                    name: estimate(self.curve(data, name)[1][:, k])
                    for name in (*COLUMNS, "denoised", "basins_of_others", "basins_of_none")
                }
                for k, P in enumerate(self.curve(data, "memorized")[0])
            ]
            for data in self.sets
        }
        return {
            **self.setting,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
            "results": rows,
            "passage": {data: self.passage(data) for data in self.sets},
            "thresholds": {
                data: {
                    name: estimate(self.curve(data, name)[1].mean(1))
                    for name in ("delta_memorized", "delta_spurious")
                }
                for data in self.sets
            },
        }

    def text(self) -> str:
        from reports.panels import shown_name

        from bridges.study.tables import of_samples, table

        s = self.setting
        lines = [
            f"{s['steps']} steps at rate {s['rate']:g}, width {s['width']}; "
            f"{self.study.config['samples']} data sets of each size, two networks each; "
            f"{s['count']} samples; errors: s.e. between data sets",
            f"U-turns turn at σ = {s['turn']:g}; attractors, dimension, data in play and gap at "
            f"σ = {s['sigma']:g}, in rms deviations of the data",
        ]
        for data in self.sets:
            close, twin = (
                self.curve(data, name)[1].mean() for name in ("delta_memorized", "delta_spurious")
            )
            size = int(self.curve(data, "size")[1][0, 0])
            P = self.curve(data, "memorized")[0]
            rows = [
                [f"{p:g}", *(of_samples(self.curve(data, name)[1][:, k], 2) for name in COLUMNS)]
                for k, p in enumerate(P)
            ]
            heading = f"{shown_name(data).replace('$', '')}, N = {size}, P ="
            lines += ["", table([heading, *COLUMNS.values()], rows)]
            lines.append(
                f"thresholds, means: δ_m = {close:.3f}, δ_s = {twin:.3f} rms; " + self.words(data)
            )
        return "\n".join(lines)

    def words(self, data: str) -> str:
        """The passage in words."""
        found = self.passage(data)

        def at(name: str) -> str:
            mean, sem = found[name]["mean"], found[name]["sem"]
            if math.isnan(mean):
                return "beyond what was measured"
            return f"P = {mean:.0f}" + ("" if math.isnan(sem) else f" ± {sem:.0f}")

        peak = found["spurious_peak"]
        return (
            f"half is memorized up to {at('memorized')}, half generalizes from "
            f"{at('generalized')}; most is spurious, {peak['mean']:.2f}, "
            f"at P = {peak['patterns']:g}"
        )

    def headline(self, data: str) -> str:
        """The finding in a line."""
        from reports.panels import shown_name

        peak = self.passage(data)["spurious_peak"]
        if peak["mean"] < 0.05:
            return f"{shown_name(data)}: no spurious samples"
        return f"{shown_name(data)}: most spurious samples, {peak['mean']:.2f}, at $P$ = " + (
            f"{peak['patterns']:g}"
        )

    def figure(self) -> Figure:
        from matplotlib.figure import Figure

        with figures.look():
            figure = Figure(figsize=(10.2, 3.1 * len(self.sets) + 0.5), layout="constrained")
            grid = figure.subplots(len(self.sets), 3, squeeze=False)
            for row, data in zip(grid, self.sets, strict=True):
                self._classes(row[0], data)
                self._memory(row[1], data)
                self._dimension(row[2], data)
            figures.headline(figure, "; ".join(self.headline(data) for data in self.sets))
        return figure

    def _classes(self, axes: Axes, data: str) -> None:
        from reports.panels import fractions_panel, shown_name

        curves = {name: self.curve(data, name) for name in CLASSES}
        title = f"{shown_name(data)}: samples"
        fractions_panel(axes, curves, AXIS, "fraction of the samples", title)

    def _memory(self, axes: Axes, data: str) -> None:
        from reports.panels import fractions_panel

        shown = {
            "U-turn, flow": "flow_return",
            "U-turn, SDE": "sde_return",
            "basins of data": "basins_of_data",
            "two halves": "halves",
        }
        curves = {label: self.curve(data, name) for label, name in shown.items()}
        turn, sigma = self.setting["turn"], self.setting["sigma"]
        title = f"U-turns at $\\sigma$ = {turn:g}, basins at $\\sigma$ = {sigma:g}"
        fractions_panel(axes, curves, AXIS, "fraction returned or caught, cosine", title)

    def _dimension(self, axes: Axes, data: str) -> None:
        from reports.panels import dress

        from bridges.generalization import sphere_dimension

        dimension = self.curve(data, "dimension")
        figures.points(axes, *dimension, figures.SERIES[0], label="of the trained denoiser")
        if data == "sphere":
            exact = sphere_dimension(self.setting["sigma"])
            axes.axhline(exact, **figures.THEORY[0], label="of the exact denoiser")
        title = f"dimension seen at $\\sigma$ = {self.setting['sigma']:g}"
        dress(axes, AXIS, r"effective dimension $D_{\mathrm{eff}}$", title)
        axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
        axes.legend(fontsize=7.5, loc="upper left")


if __name__ == "__main__":
    main()
