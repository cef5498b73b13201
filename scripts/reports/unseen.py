"""Data that networks have seen against data that they have not, in both studies of them.

Errors of one denoising on both, beside two controls that are known exactly: a linear denoiser, the
Gaussian of the data, which meets its held-out error at P ~ N, and the empirical denoiser, a memory
alone, which does at log P ~ I. Retrieval of both, and samples of two trainings beside the halves
that they were made from.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any

from reports import trained

from bridges.study import figures
from bridges.study.record import Point
from bridges.study.tables import WIDTH, of_samples, table, uncertain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bridges.generalization import Halves
    from bridges.memorization.meetings import Meeting
    from bridges.memorization.own_half import OwnHalf
    from diffusion import DenoiserLike

MODELS = {"network": "the network", "linear": "linear", "empirical": "empirical"}
_COLUMNS = {
    "network_error": "error",
    "network_unseen": "unseen",
    "linear_error": "linear",
    "linear_unseen": "unseen ",
    "empirical_error": "empirical",
    "empirical_unseen": " unseen",
    "retrieved": "retrieved",
    "retrieved_unseen": " unseen ",
    "retrieved_nearest": "nearest",
    "own_half": "own half",
    "own_half_gaussian": "Gaussian",
    "own_half_excess": "excess",
}
"""Quantities and the headings of their columns; a trailing blank tells columns apart."""


def errors(found: Halves, network: DenoiserLike, sigma: float, seed: int) -> Point:
    """Errors of one denoising per entry, of a network and of both controls of its data."""
    from diffusion import EmpiricalDenoiser, LinearManifoldDenoiser, denoising_error

    data = found.first
    models = {
        "network": network,
        "linear": LinearManifoldDenoiser(data.T / len(data) ** 0.5),
        "empirical": EmpiricalDenoiser(data),
    }
    draws = -(-len(found.held_out) // len(data))
    return {
        f"{name}_{kind}": float(denoising_error(model, rows, sigma, count, seed).mean())
        for name, model in models.items()
        for kind, rows, count in (("error", data, draws), ("unseen", found.held_out, 1))
    }


def retrieval(found: Halves, network: DenoiserLike, point: Point, seed: int) -> Point:
    """How often cues noised to `turn` come home by the flow: data, held-out data, and ceilings."""
    from bridges import as_memory, held_out_gap
    from bridges.equivalence import overlap_of_noise

    gap = held_out_gap(
        as_memory(network, found.first, "flow"),
        found.held_out,
        [overlap_of_noise(point["turn"])],
        max(2, point["count"]),
        seed=seed,
    )
    success = {who: float(one[0]) for who, one in gap.success.items()}
    return {
        "retrieved": success["data"],
        "retrieved_unseen": success["held-out"],
        "retrieved_nearest": success["nearest data"],
        "retrieved_blind": gap.blind,
    }


def nearness(found: OwnHalf) -> Point:
    """What is recorded of one pair of trainings."""
    return {
        "own_half": found.fraction,
        "own_half_excess": found.excess,
        "own_half_gaussian": found.gaussian,
        "own_half_gaussian_excess": found.gaussian_excess,
    }


class UnseenReport(trained.TrainedReport):
    """A report of networks with what they do to data that they have not seen."""

    def meets(self, data: str, model: str) -> Meeting:
        """Where the error of a model on held-out data comes down to that on its own."""
        from bridges import meeting

        x, unseen = self.met(data, f"{model}_unseen", model)
        if not x.size:
            return meeting([1.0], [[1.0]], [[0.0]])  # nowhere
        return meeting(x, unseen, self.met(data, f"{model}_error", model)[1])

    def met(self, data: str, quantity: str, model: str) -> tuple[Any, Any]:
        """A curve of a control, or of networks that have learnt."""
        return (self.known if model == "network" else self.curve)(data, quantity)

    def tables(self) -> Iterator[str]:
        """The tables of the networks, and one of unseen data per data set."""
        yield from super().tables()
        turn = self.setting["turn"]
        yield textwrap.fill(
            f"unseen data: errors of one denoising at σ = {turn:g} per entry (1 is a blind guess, "
            "the mean of the data), of the network, of the linear denoiser and of the empirical "
            f"one; retrieved: cues noised to σ = {turn:g} that come home, with the nearest datum "
            "as ceiling; own half: samples nearer to their own half (chance 0.5), those of "
            "Gaussian fits, and the relative excess of distance",
            WIDTH,
        )
        for data in self.sets:
            rows = [
                [
                    f"{x:g}",
                    *(of_samples(self.at(data, name, x), 2) for name in _COLUMNS),
                ]
                for x in self.curve(data, "own_half")[0]
            ]
            yield table([f"{self.name(data)}, {self.symbol}", *_COLUMNS.values()], rows)

    def name(self, data: str) -> str:
        """A data set as tables call it."""
        return "sphere S^7" if data == trained.SPHERE else trained.Path(data).stem

    def errors_panel(self, axes: Axes, data: str) -> None:
        """Errors on data (full) and on held-out data (open), of the network and both controls."""
        from bridges.sphere import sphere_error

        for (model, label), series in zip(MODELS.items(), figures.SERIES, strict=False):
            for kind, look in (
                ("error", {"ls": "-", "label": label}),
                ("unseen", {"ls": "--", "mfc": "white"}),
            ):
                x, by_sample = self.met(data, f"{model}_{kind}", model)
                if x.size:
                    figures.points(axes, x, by_sample, series, lw=0.9, **look)
        axes.axhline(1, color="0.6", lw=1, ls="--", zorder=0, label="blind guess")
        if data == trained.SPHERE:
            bayes = sphere_error(self.setting["turn"])
            axes.axhline(bayes, **figures.THEORY[1], label="Bayes")
        figures.ticks(axes, self.curve(data, "own_half")[0])
        label = f"error per entry at $\\sigma$ = {self.setting['turn']:g}"
        axes.set(xlabel=self.axis, ylabel=label, title="its own data full, unseen data open")
        axes.set_ylim(0, 1.55 * max(1.0, axes.dataLim.y1))
        axes.legend(fontsize=7.5, loc="upper center", ncol=2, columnspacing=1)

    def retrieval_panel(self, axes: Axes, data: str) -> None:
        """How often cues of data and of held-out data come home, and what bounds it."""
        shown = {"its own data": "retrieved", "held-out data": "retrieved_unseen"}
        for (label, quantity), look in zip(
            {"nearest datum": "retrieved_nearest", "blind guess": "retrieved_blind"}.items(),
            figures.THEORY,
            strict=True,
        ):
            x, by_sample = self.curve(data, quantity)
            axes.plot(x, by_sample.mean(0), label=label, **look)
        title = f"retrieval at $\\sigma$ = {self.setting['turn']:g}, by the flow"
        self.fractions_panel(axes, data, shown, "probability to come home", title)

    def own_half_panel(self, axes: Axes, data: str) -> None:
        """Samples nearer to their own half, beside Gaussian fits and chance."""
        shown = {"networks": "own_half", "Gaussian fits": "own_half_gaussian"}
        axes.axhline(0.5, color="0.6", lw=1, ls="--", zorder=0, label="chance")
        title = "samples nearer to their own half"
        self.fractions_panel(axes, data, shown, "fraction $\\pi$", title)
        axes.set(ylim=(0.4, 1.3), yticks=[0.5, 0.6, 0.7, 0.8, 0.9, 1])

    def of_unseen(self, data: str) -> Point:
        """Where the errors meet, by model."""
        found = {model: self.meets(data, model) for model in MODELS}
        return {
            model: {"size": one.size if isfinite(one.size) else None} | _number(one, self.samples)
            for model, one in found.items()
        }

    def said_of_meetings(self, data: str) -> str:
        """The same in a line."""
        return "errors on unseen and on own data meet: " + ", ".join(
            f"{label} " + (f"at {self.symbol} {one.size:g} ({uncertain(one.value, one.sem)})")
            if isfinite(one.size)
            else f"{label} nowhere"
            for label, one in ((MODELS[model], self.meets(data, model)) for model in MODELS)
        )

    def beyond_a_fit(self, data: str) -> list[float]:
        """The x at which π is above that of the Gaussian fits by three errors of the difference.

        Its error is no less than that of as many fair coins.
        """
        from bridges.memorization.own_half import surely_above

        x, own = self.known(data, "own_half")
        if not x.size:
            return []
        gap = own - self.known(data, "own_half_gaussian")[1]
        # a difference of two shares of 2 count samples each
        return [float(one) for one in x[surely_above(gap, self.setting["count"])]]


def _number(one: Meeting, samples: int) -> Point:
    return {"mean": one.value, "sem": one.sem, "n": samples}
