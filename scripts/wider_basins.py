r"""Is a datum with a wider basin copied more often?

In a Hopfield network a memory with a wider basin is reached from more starts. The return level
σ_½(μ) of a datum is the noise from which it comes home half of the time: by the exact score of the
data, which knows nothing of any network, and along the flow of a network that was trained on them.
How well does either tell which data the network copies, and how often?

An isolated datum comes home from more noise than one with near neighbours, so that the distance to
the nearest other datum may tell as much. Hence three rank correlations with the number of copies:
of the level, of that distance, and of the level at a fixed distance (`bridges.copy_prediction`).
Networks are trained on P images each, for several P: with few all are copied, with many none.

    python scripts/wider_basins.py --preset quick
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from reports import trained

from bridges.estimates import estimate
from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Real, Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_each, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray

_QUICK: dict[str, Any] = {
    "data": "digits",
    "network": "mlp",
    "loads": [40, 60],
    "steps": 2000,
    "rate": 3e-3,
    "width": 128,
    "count": 400,
    "draws": 16,
    "held_out": 300,
    "device": "cpu",
    "samples": 3,
}
_PAPER = {"loads": [20, 40, 80, 160], "steps": 4000, "count": 2000, "draws": 32, "samples": 8}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
SCORES = {"exact": "exact score", "model": "network"}
"""By whose levels, and how they are called."""
_SIGMAS = [0.1, 0.2, 0.4, 0.6, 0.9, 1.3, 2.0, 3.0, 4.5, 7.0, 10.0]  # rms deviations of the data
_HOME = 0.95  # least cosine with the datum of what the flow of a network brings home
_PARTS = 5  # of the data, by their levels


@study_command(PRESETS)
@options.shared("data", default=None)
@options.shared("loads", default=None, help="Numbers of data P.")
@click.option("--network", type=click.Choice(["mlp", "unet"]), help="What learns them.")
@click.option("--steps", type=Whole(1), help="Gradient steps of a training.")
@options.shared("rate", default=None, type=Real(1e-6, 1), help="Learning rate.")
@options.own(
    width=(Whole(1), "Units per layer; a U-Net has an eighth as many channels."),
    count=(Whole(10), "Samples of each network."),
    draws=(Whole(8), "Cues per datum and noise level."),
    held_out=(Whole(2), "Points that no network sees."),
)
@options.shared("device", default=None)
def main(run: Run, data: str, loads: list[int], **setting: Any) -> Report:
    """Whether a datum with a wider basin is copied more often by a trained network."""
    from bridges.data import fingerprint, place

    most = trained.room(data, setting["held_out"])
    if not 5 <= min(loads) <= max(loads) <= most:
        raise ValueError(f"loads must be 5 to {most} for {data}, got {loads}")
    trained.within(data, setting["width"], setting["count"], max(loads) + setting["held_out"])
    shared = {"data": place(data), "content": fingerprint(data)} | setting
    return Report(run(measure, [{"patterns": P} | shared for P in sorted(loads)]))


def measure(point: Point, seed: int) -> list[Row]:
    """One training: how often each datum is copied, its levels, and how they go together."""
    import numpy as np

    from bridges import as_memory, copy_prediction, list_copies, return_levels
    from bridges._checks import silent
    from bridges.generalization import halves, loss_over_constant
    from bridges.memorization.drawing import draw
    from diffusion import EmpiricalDenoiser, train_denoiser

    found = halves(point["data"], point["patterns"], point["held_out"], seed)
    data, held_out = found.first, found.held_out
    own = train_denoiser(
        data,
        network=trained.network_of(point, data, seed),
        seed=seed,
        quiet=silent(),
        **{name: point[name] for name in ("steps", "rate", "device")},
    ).denoiser.to("cpu")
    judged = list_copies(draw(own, data, point["count"], seed=seed), data, held_out)
    copies = np.bincount(judged.nearest[judged.listed].numpy(), minlength=len(data))
    asked = {"draws": point["draws"], "seed": seed}
    levels = {
        "exact": return_levels(EmpiricalDenoiser(data.double()), _SIGMAS, **asked),
        "model": return_levels(as_memory(own, data, "flow"), _SIGMAS, threshold=_HOME, **asked),
    }
    rows: list[Row] = [
        {"quantity": "memorized", "value": len(judged.listed) / point["count"]},
        {"quantity": "learnt", "value": loss_over_constant(own, data, held_out, 1.0, seed)},
    ]
    for whose, level in levels.items():
        told = copy_prediction(level, copies)
        values = {"level": told.level, "partial": told.partial, "median": np.median(level.level)}
        values |= {"distance": told.nearest} if whose == "exact" else {}
        rows += [{"whose": whose, "quantity": k, "value": float(v)} for k, v in values.items()]
        order = np.argsort(level.level, kind="stable")
        rows += [
            {"whose": whose, "part": k + 1, "quantity": "share", "value": float(share)}
            for k, part in enumerate(np.array_split(order, _PARTS))
            for share in [copies[part].mean() / copies.mean() if copies.any() else np.nan]
        ]
    return rows


class Report(base.Report):
    """What levels and distances tell of copies, by the number of data."""

    between = "data sets"
    grid = (1, 3)
    figsize = (12.4, 3.9)

    def curve(self, quantity: str, **labels: Any) -> tuple[ndarray, ndarray]:
        """A quantity against P: P (K,) and values (samples, K); NaN where nothing was learnt."""
        import numpy as np

        P, by_sample = self.study.curve(quantity, "patterns", **labels)
        learnt = trained.learnt(self.study.curve("learnt", "patterns")[1])
        return P, np.where(learnt, by_sample, np.nan)

    @property
    def correlations(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Quantity and labels of each rank correlation, by its name."""
        levels = {f"σ_½, {name}": ("level", {"whose": k}) for k, name in SCORES.items()}
        fixed = {
            f"σ_½, {name}, at a fixed distance": ("partial", {"whose": k})
            for k, name in SCORES.items()
        }
        return levels | {"distance to the nearest": ("distance", {"whose": "exact"})} | fixed

    def signs(self, whose: str) -> list[int]:
        """Sign of the correlation with the levels at each P, 0 where it is not decided."""
        found = (estimate(one) for one in self.curve("level", whose=whose)[1].T)
        return [(1 if one["mean"] > 0 else -1) if trained.decided(**one) else 0 for one in found]

    def finding(self) -> str:
        """What the levels of each score tell."""
        P, memorized = self.curve("memorized")
        if not (memorized == memorized).any():
            return trained.NOTHING
        words = []
        for whose, name in SCORES.items():
            signs = self.signs(whose)
            more, fewer = (
                ", ".join(f"{p:g}" for p, s in zip(P, signs, strict=True) if s == sign)
                for sign in (1, -1)
            )
            said = [f"more at $P$ = {more}"] * bool(more) + [f"less at $P$ = {fewer}"] * bool(fewer)
            words.append(f"{name}: {' and '.join(said) or 'not decided'}")
        return f"Are data of wider basins copied more? {'; '.join(words)}"

    def conclusions(self) -> Point:
        """Every rank correlation by P, and whether those of the levels differ from 0."""
        P = self.curve("memorized")[0]
        found = {
            f"{quantity}, {labels['whose']}": [
                estimate(one) for one in self.curve(quantity, **labels)[1].T
            ]
            for quantity, labels in self.correlations.values()
        }
        signs = {whose: self.signs(whose) for whose in SCORES}
        return {"patterns": P.tolist(), "correlations": found, "signs": signs}

    def heading(self) -> str:
        """The trainings."""
        s = self.setting
        return (
            f"{s['steps']} steps at rate {s['rate']:g}, width {s['width']}; {s['count']} samples "
            f"of each network, {s['draws']} cues per datum and noise level"
        )

    def tables(self) -> Iterator[str]:
        """Copies and median levels by P; rank correlations of copies with all else."""
        P = self.curve("memorized")[0]
        counted = {"samples that are copies": ("memorized", {})} | {
            f"median σ_½ by the {name}, rms": ("median", {"whose": whose})
            for whose, name in SCORES.items()
        }
        for head, rows in (("", counted), ("rank correlation of copies with", self.correlations)):
            cells = [
                [name, *of_each(self.curve(quantity, **labels)[1], 2)]
                for name, (quantity, labels) in rows.items()
            ]
            yield table([head, *(f"P = {p:g}" for p in P)], cells)
        unlearnt = self.study.curve("learnt", "patterns")[1]
        if left := [f"P = {p:g}" for p in P[~trained.learnt(unlearnt)]]:
            yield trained.nothing_of(f"networks of {', '.join(left)}")

    def panels(self) -> list[base.Panel]:
        """Copies along the ranks of the levels, and rank correlations against P."""
        return [
            self._shares,
            lambda axes: self._against(axes, "level", "rank correlation with copies"),
            lambda axes: self._against(axes, "partial", "the same at a fixed distance"),
        ]

    def _shares(self, axes: Axes) -> None:
        P = self.curve("memorized")[0]
        styles = dict(zip(SCORES, ("-", "--"), strict=True))
        for p, series in zip(figures.three(P.tolist()), figures.SERIES, strict=False):
            for whose, style in styles.items():
                found = self.study.curve("share", "part", patterns=int(p), whose=whose)
                label = f"$P$ = {p:g}, {SCORES[whose]}"
                figures.points(axes, *found, series, ls=style, label=label)
        axes.axhline(1, color="0.6", lw=1, ls=":", zorder=0)
        axes.set(xlabel="fifth of the data, by $\\sigma_{1/2}$", ylabel="copies over their mean")
        figures.even_ticks(axes, range(1, _PARTS + 1))
        axes.legend(fontsize=7.5)

    def _against(self, axes: Axes, quantity: str, label: str) -> None:
        for (whose, name), series in zip(SCORES.items(), figures.SERIES, strict=False):
            figures.points(axes, *self.curve(quantity, whose=whose), series, label=name)
        P, distance = self.curve("distance", whose="exact")
        if quantity == "level":
            look = {"ls": ":", "label": "distance instead"}
            figures.points(axes, P, distance, figures.SERIES[2], **look)
        axes.axhline(0, color="0.6", lw=1, ls=":", zorder=0)
        figures.ticks(axes, P)
        axes.set(xlabel="number of data $P$", ylabel=label)
        axes.legend(fontsize=7.5)


if __name__ == "__main__":
    main()
