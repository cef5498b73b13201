r"""When does a trained denoiser stop copying its data and begin to make new ones?

A network is trained anew on P points, and what it made of them is measured. On few points it is
a memory: its samples and its fixed points are its data, and a U-turn comes back to where it
started. On many points it draws what it has never seen. In between its samples gather at states
that are none of the data but blends of a few: spurious states, as in a Hopfield network beyond
its capacity (Pham et al. 2025). A second network, trained on as many other points, shows without
any threshold whether the distribution is known: both networks agree then, and only then
(Kadkhodaie et al. 2024).

The data are points of a sphere in 8 dimensions, of which any number can be drawn, and real
images. Samples, dimension, U-turns and fixed points each have a passage of their own; no two are
assumed to coincide.

Both networks are asked about data that neither has seen, too. A linear denoiser of the same data
treats unseen data as its own from P ~ N on, the empirical denoiser, a memory alone, only from
log P ~ I on: where is a network between the two? And are its samples nearer to its own half of the
data than to the other, by more than those of a Gaussian that was fitted to that half?

Nothing is said of networks that have not learnt: their loss must lie below that of a constant, a
network whose output does not depend on its input, on their own data if they are to be a memory
and on held-out data if they are to know the distribution.

    python scripts/memorization_to_generalization.py --preset quick
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click
from reports import trained, unseen

from bridges.estimates import estimate
from bridges.study import figures, options
from bridges.study.command import Run, study_command
from bridges.study.numbers import Whole
from bridges.study.record import Point, Row
from bridges.study.tables import uncertain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_QUICK: dict[str, Any] = {
    "data": "digits",
    "network": "mlp",
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
}
_PAPER = {
    "data": "fashion@resize=14",
    "network": "unet",
    "loads": [16, 64, 256, 1024, 4096],
    "steps": 3000,
    "rate": 2e-3,
    "samples": 3,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
COLUMNS = (
    *("flow_return", "sde_return", "basins_of_data", "halves", "disagreement"),
    *("dimension", "in_play", "gap", "copies", "chance", "learnt"),
)


@study_command(PRESETS)
@options.shared("loads", default=None, help="Numbers of points P; as far as the data allow.")
@click.option("--steps", type=Whole(1), help="Gradient steps of a training.")
@trained.shared_options
def main(run: Run, data: str, loads: list[int], **setting: Any) -> Report:
    """Memorized, spurious, generalized: trained denoisers against the size of their data."""
    most = trained.room(data, setting["held_out"])
    if not 2 <= min(loads) <= most:
        raise ValueError(f"loads must be 2 to {most} for {data}, got {loads}")
    asked = (setting[name] for name in ("width", "count"))
    trained.within(data, *asked, max(loads) + setting["held_out"])
    points: list[Point] = [
        one | {"patterns": P} | setting
        for one in trained.data_sets(data)
        for P in loads
        if most >= P or one["data"] == trained.SPHERE
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """Two networks of disjoint data: what the first made of its own, and whether they agree."""
    from bridges.generalization import generalization_report, loss_over_constant, two_halves

    found, networks = trained.two_trainings(point, seed)
    own, other = (training.denoiser.to("cpu") for training in networks)
    asked = {k: point[k] for k in ("sigma", "count")} | {"seed": seed}
    one = generalization_report(own, found.first, found.held_out, turn=point["turn"], **asked)
    both = two_halves(own, other, found.held_out, data=(found.first, found.second), **asked)
    values = vars(one) | {
        "attractors": float(len(one.attractors)),
        "halves": both.samples,
        "denoised": both.denoised,
        "disagreement": both.disagreement,
        "size": float(found.first.shape[1]),
        "learnt": loss_over_constant(own, found.first, found.held_out, point["sigma"], seed),
        **unseen.errors(found, own, point["turn"], seed),
        **unseen.retrieval(found, own, point, seed),
        **unseen.nearness(both.own_half),
    }
    return [{"quantity": name, "value": value} for name, value in values.items()]


class Report(unseen.UnseenReport):
    """What was measured against the number of data."""

    axis, along, symbol, columns = "number of data $P$", "patterns", "P =", COLUMNS

    def passage(self, data: str) -> dict[str, Any]:
        """The P at which half is memorized, half is generalized, and most samples are spurious."""
        import numpy as np

        from bridges.crossing import crossing

        found: dict[str, Any] = {"unlearnt": self.unlearnt(data)}
        if not self.known(data, "spurious")[0].size:
            return found
        for name, rises in (("memorized", False), ("generalized", True)):
            P, by_sample = self.known(data, name)
            each = [math.exp(crossing(np.log(P), row[None], 0.5, rises)[0]) for row in by_sample]
            found[name] = estimate(np.array([x if 0 < x < math.inf else math.nan for x in each]))
        P, by_sample = self.known(data, "spurious")
        k = by_sample.mean(0).argmax()
        found["spurious_peak"] = {"patterns": float(P[k])} | estimate(by_sample[:, k])
        return found

    def thresholds(self, data: str) -> dict[str, Any]:
        """The distances that a copy, and a spurious state, are told by; means over P."""
        names = ("delta_memorized", "delta_spurious")
        return {name: estimate(self.curve(data, name)[1].mean(1)) for name in names}

    def finding(self) -> str:
        """Where most samples are spurious."""
        return "; ".join(self._peak(data) for data in self.sets)

    def _peak(self, data: str) -> str:
        found, name = self.passage(data), trained.shown_name(data)
        if "spurious_peak" not in found:
            return f"{name}: {trained.NOTHING}"
        peak = found["spurious_peak"]
        if peak["mean"] < 0.05:
            return f"{name}: no spurious samples"
        share = uncertain(peak["mean"], peak["sem"])
        return f"{name}: most spurious samples, {share}, at $P$ = {peak['patterns']:g}"

    def conclusions(self) -> Point:
        """The passage and the thresholds, by data set."""
        return {
            "passage": {data: self.passage(data) for data in self.sets},
            "thresholds": {data: self.thresholds(data) for data in self.sets},
            "errors_meet": {data: self.of_unseen(data) for data in self.sets},
            "nearer_than_a_fit": {data: self.beyond_a_fit(data) for data in self.sets},
        }

    def heading(self) -> str:
        """The trainings and the samples."""
        s = self.setting
        return (
            f"{s['steps']} steps at rate {s['rate']:g}, width {s['width']}; two networks per data "
            f"set, {s['count']} samples of each"
        )

    def row_heading(self, data: str) -> str:
        """N and P."""
        return f"N = {self.curve(data, 'size')[1][0, 0]:g}, P ="

    def words(self, data: str) -> str:
        """The thresholds and the passage."""
        found, distances = self.passage(data), self.thresholds(data)
        left_out = self.left_out(data)
        if "spurious_peak" not in found:
            return left_out

        def at(name: str) -> str:
            mean, sem = found[name]["mean"], found[name]["sem"]
            if not math.isnan(mean):
                return f"P = {uncertain(mean, sem, 0)}"
            most = (self.known(data, name)[1].mean(0) >= 0.5).all()
            return "every P measured" if most else "no P measured"

        close, twin = (distances[f"delta_{name}"]["mean"] for name in ("memorized", "spurious"))
        peak = found["spurious_peak"]
        return (
            f"thresholds: δ_m = {close:.3f}, δ_s = {twin:.3f} rms\n"
            f"half is memorized at {at('memorized')}, half is generalized at {at('generalized')}; "
            f"the spurious fraction is largest, {uncertain(peak['mean'], peak['sem'])}, at "
            f"P = {peak['patterns']:g}\n{self.said_of_meetings(data)}"
            + (f"\n{left_out}" if left_out else "")
        )

    def row(self) -> tuple[trained.Panel, ...]:
        """Samples, memory and dimension; errors, retrieval and samples beside both halves."""
        known = self.classes_panel, self._memory, self._dimension
        return *known, self.errors_panel, self.retrieval_panel, self.own_half_panel

    def _memory(self, axes: Axes, data: str) -> None:
        shown = {
            "U-turn, flow": "flow_return",
            "U-turn, SDE": "sde_return",
            "basins of data": "basins_of_data",
            "two halves": "halves",
        }
        turn, sigma = self.setting["turn"], self.setting["sigma"]
        title = f"U-turns at $\\sigma$ = {turn:g}, basins at $\\sigma$ = {sigma:g}"
        self.fractions_panel(axes, data, shown, "fraction returned or caught, cosine", title)

    def _dimension(self, axes: Axes, data: str) -> None:
        from bridges.sphere import sphere_dimension

        look = figures.SERIES[0]
        self.curve_of_networks(axes, data, "dimension", look, "of the trained denoiser")
        if data == trained.SPHERE:
            exact = sphere_dimension(self.setting["sigma"])
            axes.axhline(exact, **figures.THEORY[0], label="of the exact denoiser")
        title = f"dimension seen at $\\sigma$ = {self.setting['sigma']:g}"
        axes.set(xlabel=self.axis, title=title)
        figures.ticks(axes, self.curve(data, "dimension")[0])
        axes.set_ylabel(r"effective dimension $D_{\mathrm{eff}}$")
        axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
        axes.legend(fontsize=7.5, loc="upper left")


if __name__ == "__main__":
    main()
