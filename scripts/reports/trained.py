"""What the studies of trained networks share: their options, their data, their panels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click

from bridges.study import figures, options, report as base
from bridges.study.numbers import Real, Whole
from bridges.study.record import Point
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray
    from torch import Tensor, nn

    from bridges.generalization import Halves
    from diffusion import Training

Panel = Callable[["Axes", str], None]
SPHERE = "sphere"
CLASSES = ("memorized", "spurious", "generalized")
HEADINGS = {
    "flow_return": "return, flow",
    "sde_return": "return, SDE",
    "basins_of_data": "basins of data",
    "kept": "of them kept",
    "halves": "two halves",
    "in_play": "in play",
}
"""Of quantities in tables, where they differ from their names."""
NOTHING = "the networks have learnt nothing"
_LEARNT = 0.9  # loss over that of a constant, below which a network has learnt
_LEAST, _DECIDED = 3, 3.0  # samples that decide, and errors from 0 beyond which a number is not 0
_LEVEL = Real(1e-6, 1e6)  # whose squares are numbers of single precision
_SHARED = (
    options.shared("data", default=None, help="Real data beside the sphere: digits, mnist, FILE…"),
    options.shared("rate", default=None, type=Real(1e-6, 1), help="Learning rate."),
    click.option("--network", type=click.Choice(["mlp", "unet"]), help="What learns real data."),
    options.own(
        width=(Whole(1), "Units per layer; a U-Net has an eighth as many channels."),
        sigma=(_LEVEL, "Noise level of attractors, dimension, data in play and gap."),
        turn=(_LEVEL, "Noise level of U-turns."),
        count=(Whole(10), "Samples per network, and starts."),
        held_out=(Whole(2), "Points that no network sees."),
    ),
    options.shared("device", default=None),
)


def shared_options(command: options.Command) -> options.Command:
    """The options of both studies."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


def room(data: str, held_out: int) -> int:
    """How many points each of two networks can have besides those held out. Raises ValueError."""
    from bridges.data import count

    most = count(data) - 4
    if held_out > most:
        raise ValueError(f"held-out must be at most {most} for {data}, got {held_out}")
    return (count(data) - held_out) // 2


def within(data: str, width: int, count: int, points: int) -> None:
    """Refuse networks, samples or points that would not fit into memory. Raises ValueError."""
    from bridges._checks import within_memory
    from bridges.data import raw_vectors

    N = max(8, raw_vectors(data).shape[1])
    for numbers, what in (
        (8 * width * (3 * width + 2 * N), f"width: layers of {width}"),
        (8 * count * N, f"count: {count} samples of {N} entries"),
        (8 * 2 * points * 8, f"points: {points} on the sphere"),
    ):
        within_memory(8 * numbers, what, each_job=True)


def data_sets(data: str) -> list[Point]:
    """The settings that tell apart the sphere and real data, by a name that holds anywhere."""
    from bridges.data import fingerprint, place

    return [{"data": SPHERE}, {"data": place(data), "content": fingerprint(data)}]


def two_trainings(point: Point, seed: int) -> tuple[Halves, list[Training]]:
    """Two networks with one start, each trained on its half; followed where there are snapshots."""
    from bridges._checks import silent
    from bridges.generalization import halves
    from diffusion import train_denoiser

    found = halves(point["data"], point["patterns"], point["held_out"], seed)
    asked = {name: point[name] for name in ("steps", "rate", "device")}
    if "snapshots" in point:
        asked |= {"snapshots": point["snapshots"], "held_out": found.held_out}
    trained = []
    for k, rows in enumerate((found.first, found.second)):
        network = network_of(point, rows, seed)
        trained.append(
            train_denoiser(rows, network=network, **asked, seed=seed + k, quiet=silent())
        )
    return found, trained


def network_of(point: Point, rows: Tensor, seed: int) -> nn.Module:
    """The network of a setting, before it has learnt its rows. Raises ValueError: no images."""
    from bridges.data import image_shape
    from bridges.generalization import perceptron
    from diffusion import UNet

    if point["data"] == SPHERE or point["network"] == "mlp":
        return perceptron(point["data"], rows, point["width"], seed)
    channels, height, width, channels_last = image_shape(point["data"], rows.shape[1])
    filters = max(8, point["width"] // 8 // 8 * 8)
    return UNet((channels, height, width), filters, seed=seed, channels_last=channels_last)


def learnt(over_constant: ndarray) -> ndarray:
    """Whether networks have learnt, (…), by their `loss_over_constant` (samples, …)."""
    return over_constant.mean(0) < _LEARNT


def decided(mean: float, sem: float, n: int) -> bool:
    """Whether a number that n samples have differs from 0 by more than chance."""
    return n >= _LEAST and abs(mean) > _DECIDED * sem


def nothing_of(networks: str) -> str:
    """Why nothing is said of these networks."""
    return (
        f"{networks} have learnt nothing: neither on their own data nor on others is their loss "
        f"below {_LEARNT:g} of that of a constant; nothing is said of them. Train longer, or a "
        "larger network"
    )


def shown_name(data: str) -> str:
    """A data set as figures call it."""
    return "sphere $S^7$" if data == SPHERE else figures.literal(Path(data).stem)


class TrainedReport(base.Report):
    """What was measured of networks along one axis, on the sphere and on real data.

    Attributes
    ----------
    axis : name of the axis in figures.
    along : the setting or label that has its values.
    symbol : what stands before one of these values.
    columns : quantities in the tables, after those of CLASSES.
    """

    between = "data sets"
    axis: ClassVar[str]
    along: ClassVar[str]
    symbol: ClassVar[str]
    columns: ClassVar[Sequence[str]]

    @property
    def sets(self) -> list[str]:
        """The data sets."""
        return list(dict.fromkeys(point["data"] for point in self.study.points))

    @property
    def figsize(self) -> tuple[float, float]:
        """Rows of three panels per data set."""
        return 10.2, 3.1 * self.grid[0] + 0.5

    def curve(self, data: str, quantity: str) -> tuple[ndarray, ndarray]:
        """x (K,) and values (samples, K)."""
        return self.study.curve(quantity, self.along, data=data)

    def at(self, data: str, quantity: str, x: float) -> ndarray:
        """Values at one x, (samples,) or (0,) where there are none."""
        known, by_sample = self.curve(data, quantity)
        return by_sample[:, known == x].ravel()

    def unlearnt(self, data: str) -> list[float]:
        """The x at which networks have learnt nothing: their loss is that of a constant."""
        x, loss = self.curve(data, "learnt")
        return x[~learnt(loss)].tolist()

    def known(self, data: str, quantity: str) -> tuple[ndarray, ndarray]:
        """As `curve`, where networks have learnt."""
        import numpy as np

        x, by_sample = self.curve(data, quantity)
        kept = ~np.isin(x, self.unlearnt(data))
        return x[kept], by_sample[:, kept]

    def left_out(self, data: str) -> str:
        """What is said of the networks that have learnt nothing; "" where there are none."""
        found = ", ".join(f"{x:g}" for x in self.unlearnt(data))
        return nothing_of(f"the networks of {self.symbol} {found}") if found else ""

    def row_heading(self, data: str) -> str:
        """What a row of the table of a data set is."""
        return self.along

    @abstractmethod
    def words(self, data: str) -> str:
        """The conclusion on a data set, in words."""

    @abstractmethod
    def row(self) -> tuple[Panel, ...]:
        """What draws the panels of a data set, three or six, on axes and by its name."""

    def tables(self) -> Iterator[str]:
        """A table per data set, a row per x, and what it comes to."""
        turn, sigma = self.setting["turn"], self.setting["sigma"]
        yield (
            f"U-turns turn at σ = {turn:g}; all else with a noise level is measured at "
            f"σ = {sigma:g}, in rms deviations of the data"
        )
        names = (*CLASSES, *self.columns)
        heads = [HEADINGS.get(name, name) for name in names]
        for data in self.sets:
            rows = []
            for x in self.curve(data, "memorized")[0]:
                cells = [self.at(data, name, x) for name in names]
                rows.append([f"{x:g}", *(of_samples(c, 2) if c.size else "—" for c in cells)])
            name = "sphere S^7" if data == SPHERE else Path(data).stem
            heading = f"{name}, {self.row_heading(data)}"
            yield f"{table([heading, *heads], rows)}\n\n{self.words(data)}"

    @property
    def grid(self) -> tuple[int, int]:
        """Rows of three panels per data set."""
        return len(self.sets) * (len(self.row()) // 3), 3

    def panels(self) -> list[base.Panel]:
        """The panels of each data set."""
        return [partial(panel, data=data) for data in self.sets for panel in self.row()]

    def classes_panel(self, axes: Axes, data: str) -> None:
        """How many samples are memorized, spurious and new."""
        curves = {name: name for name in CLASSES}
        size = self.curve(data, "size")[1][0, 0]
        title = f"{shown_name(data)}, $N$ = {size:g}: samples"
        self.fractions_panel(axes, data, curves, "fraction of the samples", title)

    def fractions_panel(
        self, axes: Axes, data: str, curves: Mapping[str, str], label: str, title: str
    ) -> None:
        """Several fractions along the axis, quantities by their names, the legend above them."""
        for (name, quantity), series in zip(curves.items(), figures.SERIES, strict=False):
            self.curve_of_networks(axes, data, quantity, series, name)
        if self.unlearnt(data):
            look = {"ls": "", "mfc": "white", "label": "nothing learnt"}
            figures.means(axes, [nan], ([nan], [nan]), ("0.35", "o"), **look)
        figures.ticks(axes, self.curve(data, "memorized")[0])
        axes.set(xlabel=self.axis, ylabel=label, title=title)
        axes.set(ylim=(-0.05, 1.42), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
        axes.legend(fontsize=7.5, loc="upper center", ncol=2, columnspacing=1)

    def curve_of_networks(
        self, axes: Axes, data: str, quantity: str, series: tuple[str, str], name: str
    ) -> None:
        """One quantity along the axis; open points are networks that have learnt nothing."""
        import numpy as np

        x, by_sample = self.curve(data, quantity)
        if x.size:
            figures.points(axes, x, by_sample, series, label=name)
            open_ = np.isin(x, self.unlearnt(data))
            figures.points(axes, x[open_], by_sample[:, open_], series, ls="", mfc="white")
