r"""How many images does a network hold, by the number of its parameters?

The capacity of a Hopfield network is a load: P/N patterns of N spins, for N² couplings, that is
P N/p numbers stored per parameter, with α_c = 0.138 for Hebb's rule. A trained denoiser has a load
in the same units. K images of d pixels are learnt by a network of p parameters, and K_c is the
number of them at which half of its samples are copies, or half of the cues of stored images come
home by the reverse flow; its load is K_c d/p. A memory that keeps its data as they are, as dense
memories do, has p = K d and a load of 1, whatever its capacity is.

What a network holds depends on how long it has learnt: every load is measured after half and
after all of the steps, and where both differ it has not settled. Nothing is said of networks that
have not learnt at all (as in `memorization_to_generalization`).

    python scripts/network_load.py --preset quick
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from reports import trained

from bridges.estimates import estimate
from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray

_QUICK: dict[str, Any] = {
    "data": "digits",
    "widths": [64, 128],
    "loads": [2, 8, 32],
    "steps": 400,
    "rate": 3e-3,
    "turn": 1.0,
    "count": 100,
    "held_out": 300,
    "device": "cpu",
    "samples": 2,
}
_PAPER = {"loads": [4, 8, 16, 32, 64, 128, 256], "steps": 6000, "rate": 1e-3, "samples": 3}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
CAPACITIES = {"memorized": "half of the samples are copies", "returned": "half of the cues return"}
_NAMES = {"mlp": "MLP", "unet": "U-Net"}


@study_command(PRESETS)
@options.shared("data", default=None)
@click.option("--widths", type=Numbers(Whole(1)), help="Units per layer; a U-Net has an eighth.")
@options.shared("loads", default=None, help="Numbers of images K.")
@click.option("--steps", type=Whole(2), help="Gradient steps of a training.")
@options.shared("rate", default=None, type=Real(1e-6, 1), help="Learning rate.")
@click.option("--turn", type=Real(1e-6, 1e6), help="Noise level of cues.")
@click.option("--count", type=Whole(10), help="Samples, and cues, of each network.")
@click.option("--held-out", type=Whole(2), help="Images that no network sees.")
@options.shared("device", default=None)
def main(run: Run, data: str, widths: list[int], loads: list[int], **setting: Any) -> Report:
    """Capacity of trained denoisers per parameter, beside Hopfield networks."""
    from bridges.data import fingerprint, place

    most = trained.room(data, setting["held_out"])
    if not 2 <= min(loads) <= max(loads) <= most:
        raise ValueError(f"loads must be 2 to {most} for {data}, got {loads}")
    trained.within(data, max(widths), setting["count"], max(loads) + setting["held_out"])
    shared = {"data": place(data), "content": fingerprint(data)} | setting
    points = [
        {"network": network, "width": width, "images": K} | shared
        for network in _NAMES
        for width in widths
        for K in sorted(loads)
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """One training: copies among its samples and cues that return, halfway and in the end."""
    from bridges import as_memory, retrieval_map
    from bridges._checks import silent
    from bridges.equivalence import overlap_of_noise
    from bridges.generalization import halves, loss_over_constant
    from bridges.memorization import classified
    from bridges.memorization.drawing import draw
    from diffusion import train_denoiser

    found = halves(point["data"], point["images"], point["held_out"], seed)
    data, held_out = found.first, found.held_out
    network = trained.network_of(point, data, seed)
    training = train_denoiser(
        data,
        network=network,
        snapshots=(point["steps"] // 2, point["steps"]),
        seed=seed,
        quiet=silent(),
        **{name: point[name] for name in ("steps", "rate", "device")},
    )
    size = float(sum(one.numel() for one in network.parameters()))
    rows: list[Row] = [
        {"quantity": "parameters", "value": size},
        {"quantity": "size", "value": float(data.shape[1])},
    ]
    cue = overlap_of_noise(point["turn"])
    for when, denoiser in zip(("half", "end"), training.snapshots.values(), strict=True):
        own = denoiser.to("cpu")
        samples = draw(own, data, point["count"], seed=seed)
        memory = as_memory(own, data, "flow")
        values = {
            "memorized": classified(samples, data, held_out, seed=seed).memorized,
            "returned": float(retrieval_map(memory, [cue], point["count"], seed=seed).success[0]),
            "learnt": loss_over_constant(own, data, held_out, point["turn"], seed),
        }
        rows += [{"when": when, "quantity": name, "value": one} for name, one in values.items()]
    return rows


class Report(base.Report):
    """Capacities of the networks, and their loads."""

    between = "data sets"
    grid = (1, 3)
    figsize = (12.4, 3.9)

    @property
    def networks(self) -> list[tuple[str, int]]:
        """Kind and width of each, in order."""
        return list(dict.fromkeys((one["network"], one["width"]) for one in self.study.points))

    def name(self, network: tuple[str, int]) -> str:
        """A network in words."""
        kind, width = network
        return f"{_NAMES[kind]}, width {width}"

    def along(self, network: tuple[str, int], quantity: str, when: str | None) -> Any:
        """A quantity against K: K (L,) and values (samples, L)."""
        kind, width = network
        return self.study.curve(quantity, "images", network=kind, width=width, when=when)

    def parameters(self, network: tuple[str, int]) -> float:
        """p."""
        return float(self.along(network, "parameters", None)[1][0, 0])

    def learnt(self, network: tuple[str, int]) -> bool:
        """Whether a network learns at any K."""
        return bool(trained.learnt(self.along(network, "learnt", "end")[1]).any())

    def capacity(self, network: tuple[str, int], quantity: str, when: str = "end") -> ndarray:
        """K_c of each sample, (samples,); NaN where the fraction does not fall through ½."""
        import numpy as np

        from bridges.crossing import crossing

        K, by_sample = self.along(network, quantity, when)
        if not self.learnt(network):
            return np.full(len(by_sample), np.nan)
        each = [crossing(np.log(K), row[None], 0.5, False)[0] for row in by_sample]
        return np.array([math.exp(one) if math.isfinite(one) else np.nan for one in each])

    def number(self, network: tuple[str, int], quantity: str, when: str = "end") -> str:
        """K_c with its error, or the side of all numbers of images measured that it is on."""
        side = self.side(network, quantity, when)
        if side is None:
            return of_samples(self.capacity(network, quantity, when), 0)
        return f"{side[0]} {side[1]:g}"

    def side(
        self, network: tuple[str, int], quantity: str, when: str = "end"
    ) -> tuple[str, float] | None:
        """Where K_c lies if no sample has one: ">" or "<" of a number of images measured."""
        import numpy as np

        found = self.capacity(network, quantity, when)
        if np.isfinite(found).any() or not self.learnt(network):
            return None
        K, by_sample = self.along(network, quantity, when)
        above = bool(by_sample[:, -1].mean() >= 0.5)
        return (">", float(K[-1])) if above else ("<", float(K[0]))

    def each(self, network: tuple[str, int]) -> float:
        """d/p, the load of one image."""
        size = float(self.along(network, "size", None)[1][0, 0])
        return size / self.parameters(network)

    def load(self, network: tuple[str, int], quantity: str) -> ndarray:
        """K_c d/p of each sample."""
        return self.capacity(network, quantity) * self.each(network)

    def load_shown(self, network: tuple[str, int], quantity: str) -> str:
        """K_c d/p with its error, or the side of a load that it is on."""
        side = self.side(network, quantity)
        if side is None:
            return of_samples(self.load(network, quantity), 3)
        return f"{side[0]} {side[1] * self.each(network):.2g}"

    def finding(self) -> str:
        """The range of loads."""
        import numpy as np

        means = [estimate(self.load(one, "memorized"))["mean"] for one in self.networks]
        known = [one for one in means if not math.isnan(one)]
        if not any(self.learnt(one) for one in self.networks):
            return trained.NOTHING
        if not known:
            return "No network passes from copies to other samples at the numbers of images asked"
        ends = (f"{float(end(known)):.2g}" for end in (np.min, np.max))
        return (
            f"Half of the samples are copies up to $K_c d/p$ = {' to '.join(dict.fromkeys(ends))}, "
            f"after {self.setting['steps']} steps; Hebb's rule has 0.138 per parameter"
        )

    def conclusions(self) -> Point:
        """Capacities and loads of each network."""
        return {
            "networks": [
                {"network": one[0], "width": one[1], "parameters": self.parameters(one)}
                | {f"{name}_capacity": estimate(self.capacity(one, name)) for name in CAPACITIES}
                | {f"{name}_load": estimate(self.load(one, name)) for name in CAPACITIES}
                for one in self.networks
            ]
        }

    def heading(self) -> str:
        """The trainings."""
        s = self.setting
        return (
            f"{s['steps']} steps at rate {s['rate']:g}; {s['count']} samples and cues of each "
            f"network, cues at σ = {s['turn']:g} rms"
        )

    def tables(self) -> Iterator[str]:
        """Capacities after half and all of the steps, and loads, by what is counted."""
        for quantity, words in CAPACITIES.items():
            rows = [
                [
                    self.name(one),
                    f"{self.parameters(one):.0f}",
                    self.number(one, quantity, "half"),
                    self.number(one, quantity),
                    self.load_shown(one, quantity),
                ]
                for one in self.networks
            ]
            heads = ["parameters p", "K_c, half of the steps", "K_c", "K_c d/p"]
            yield table([words, *heads], rows)
        unlearnt = [self.name(one) for one in self.networks if not self.learnt(one)]
        if unlearnt:
            yield trained.nothing_of("; ".join(unlearnt))

    def panels(self) -> list[base.Panel]:
        """Copies and cues against the number of images, and loads against parameters."""
        return [
            lambda axes: self._fraction(axes, "memorized", "samples that are copies"),
            lambda axes: self._fraction(axes, "returned", "cues that return"),
            self._loads,
        ]

    def _fraction(self, axes: Axes, quantity: str, label: str) -> None:
        for network, series in zip(self.networks, figures.SERIES, strict=False):
            found = self.along(network, quantity, "end")
            figures.points(axes, *found, series, label=self.name(network))
        axes.axhline(0.5, color="0.6", lw=1, ls="--", zorder=0)
        figures.ticks(axes, self.along(self.networks[0], quantity, "end")[0])
        axes.set(xlabel="number of images $K$", ylabel=label, ylim=(-0.03, 1.05))
        if quantity == "memorized":
            axes.legend(fontsize=7.5)

    def _loads(self, axes: Axes) -> None:
        for (quantity, label), (color, marker) in zip(
            CAPACITIES.items(), figures.SERIES, strict=False
        ):
            for network in self.networks:
                look = {"ls": "", "mfc": color if network[0] == "mlp" else "white"}
                p, side = self.parameters(network), self.side(network, quantity)
                if side is not None:  # an arrow from the load that it is above or below
                    ends = {"arrowprops": {"arrowstyle": "->", "color": color, "lw": 1.3}}
                    load = side[1] * self.each(network)
                    end = load * (2 if side[0] == ">" else 0.5)
                    beside = p * (0.95 if quantity == "memorized" else 1.05)  # both are seen
                    axes.annotate("", (beside, end), (beside, load), **ends)
                    continue
                load = self.load(network, quantity)
                figures.points(axes, [p], load[:, None], (color, marker), **look)
            axes.plot([], [], marker, color=color, label=label)
        sizes = [self.parameters(one) for one in self.networks]
        axes.set_xlim(min(sizes) / 2, max(sizes) * 2)
        axes.axhline(0.138, **figures.THEORY[0], label="Hebb's rule, $\\alpha_c$")
        axes.axhline(1, **figures.THEORY[1], label="data kept as they are")
        axes.set(xscale="log", yscale="log", xlabel="parameters $p$", ylabel="load $K_c d/p$")
        axes.set_ylim(top=20)  # room for the legend
        axes.set_title("MLP full, U-Net open; arrows: bounds")
        axes.legend(fontsize=7.5)


if __name__ == "__main__":
    main()
