"""What the study of unlearning as transport found: cells, masses, dreams, doses, recall."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from numpy import ndarray

from bridges.basins.landscape import TINTS
from bridges.estimates import estimate
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import by_column, of_each, of_samples, table

MEMORIES = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.2], [-1.5, -0.5], [0.8, -1.3]]
_GRID, _SIDE = 400, 3.6  # cells along a side of a picture, and half of it
_LABELS = {"before": "equal weights", "after": "after dreams", "own": r"$\rho = p_\sigma$"}
_DOSED = {  # quantity → label of what a dose does
    "basins": "entropy of basins",
    "mixtures": "starts that end in a mixture",
    "kept": "patterns that are fixed points",
}
_RADII = ("radius", "least_radius")  # of the power cells


class Report(base.Report):
    """Masses before and after, entropies along the dreams, and what the potentials do."""

    between = "sets of starts and of digits"
    grid = (2, 3)
    figsize = 11.6, 7.4

    @property
    def shown(self) -> tuple[int, float]:
        """P and σ/rms of the digits that a dose is shown for: the most, at the largest level."""
        return max(self.setting["loads"]), max(self.setting["ratios"])

    @property
    def cue(self) -> float:
        """Noise of the cues that a dose is judged by: the middle one."""
        return float(sorted(self.setting["noises"])[len(self.setting["noises"]) // 2])

    def plane(self, quantity: str, sigma: float) -> ndarray:
        """Of each memory of the plane, (samples, 5)."""
        return self.study.curve(quantity, "memory", part="plane", sigma=sigma)[1]

    def entropy(self, of: str, P: int) -> tuple[ndarray, ndarray]:
        """σ/rms (K,) and entropies in log P of digits, (samples, K)."""
        return self.study.curve("entropy", "ratio", part="digits", patterns=P, of=of)

    def dosed(self, quantity: str, P: int, ratio: float, **labels: Any) -> tuple[ndarray, ndarray]:
        """Doses (K,) and what they do, (samples, K)."""
        return self.study.curve(quantity, "dose", patterns=P, ratio=ratio, **labels)

    def recall(self, dose: float, P: int, ratio: float) -> tuple[ndarray, ndarray]:
        """Noise of the cues (K,) and the share that comes home, (samples, K)."""
        return self.study.curve("recall", "noise", patterns=P, ratio=ratio, dose=dose)

    def change(self, quantity: str, P: int, ratio: float, **labels: Any) -> tuple[ndarray, ndarray]:
        """A number at equal weights and after dreams, (samples,) each."""
        doses, found = self.dosed(quantity, P, ratio, **labels)
        return found[:, doses == 0][:, 0], found[:, doses == 1][:, 0]

    def by_attractor(self, quantity: str, P: int, ratio: float) -> ndarray:
        """A number after dreams to the attractor, (samples,)."""
        where = {"patterns": P, "ratio": ratio, "by": "attractor"}
        return self.study.curve(quantity, "patterns", **where)[1][:, 0]

    def finding(self) -> str:
        """How evenly digits share white noise before and after, and what it costs."""
        P, ratio = self.shown
        (before, after), (recall, then) = (
            self.change("basins", P, ratio),
            self.change("recall", P, ratio, noise=self.cue),
        )
        return (
            f"Dreams share noise out among {P} digits: the entropy of basins goes from "
            f"{of_samples(before, 2)} to {of_samples(after, 2)} $\\log P$, recall of cues at "
            f"$s$ = {self.cue:g} from {of_samples(recall, 2)} to {of_samples(then, 2)}"
        )

    def conclusions(self) -> Point:
        """Masses and potentials of the plane, and the numbers of the digits before and after."""
        s = self.setting
        plane = {
            f"{sigma:g}": {
                name: [estimate(one) for one in self.plane(name, sigma).T]
                for name in ("before", "after", "own", "potential", "dreamt")
            }
            for sigma in s["sigmas"]
        }
        digits = {}
        for P in s["loads"]:
            for ratio in s["ratios"]:
                here: dict[str, Any] = {}
                for name in (*_DOSED, *_RADII, "recall"):
                    labels = {"noise": self.cue} if name == "recall" else {}
                    pair = self.change(name, P, ratio, **labels)
                    here[name] = {
                        "before": estimate(pair[0]),
                        "after": estimate(pair[1]),
                        "change": estimate(pair[1] - pair[0]),
                        "by_attractor": estimate(self.by_attractor(name, P, ratio)),
                    }
                digits[f"P={P} ratio={ratio:g}"] = here
        return {"plane": plane, "digits": digits}

    def heading(self) -> str:
        """The memories and the measures that dreams start from."""
        s = self.setting
        return (
            f"five points of a plane, {s['starts']} starts from N(0, 1.5²); digits about their "
            f"mean in units of their rms, starts from N(0, {s['width']:g}²), {s['trials']} cues"
        )

    def tables(self) -> Iterator[str]:
        """The plane by σ, entropies of the digits, and what the potentials do to them."""
        s = self.setting
        for sigma in s["sigmas"]:
            names = ("before", "after", "own", "potential", "dreamt")
            columns = [of_each(self.plane(name, sigma)) for name in names]
            heading = [f"σ = {sigma:g}", "before", "after", "ρ = p_σ", "potential", "dreamt"]
            yield by_column(heading, [str(k + 1) for k in range(5)], *columns)
        error = [of_samples(self._dream_error(sigma)) for sigma in s["sigmas"]]
        yield by_column(
            ["σ", "rms error of the dreamt potentials"], [f"{x:g}" for x in s["sigmas"]], error
        )
        for P in s["loads"]:
            ratios = [f"{r:g}" for r in s["ratios"]]
            columns = [of_each(self.entropy(of, P)[1]) for of in ("before", "after", "own noise")]
            heading = [f"P = {P}, σ =", "before", "after", "ρ = p_σ"]
            yield "Entropy of the masses, in log P\n\n" + by_column(heading, ratios, *columns)
            yield self._dose_table(P)

    def _dream_error(self, sigma: float) -> ndarray:
        """Rms difference of dreamt potentials from the exact ones, (samples,)."""
        found = self.study.curve("dream_error", "sigma", part="plane", sigma=sigma)[1]
        return found[:, 0]

    def _dose_table(self, P: int) -> str:
        names = (*_DOSED, *_RADII, "recall")
        rows = []
        for ratio in self.setting["ratios"]:
            pairs = [
                self.change(name, P, ratio, **({"noise": self.cue} if name == "recall" else {}))
                for name in names
            ]
            ends = [self.by_attractor(name, P, ratio) for name in names]
            for what, cells in (
                ("equal", [one for one, _ in pairs]),
                ("weights", [other for _, other in pairs]),
                ("attractor", ends),
            ):
                rows.append([f"{ratio:g}, {what}", *map(of_samples, cells)])
        heading = [f"P = {P}, σ =", "basins", "mixtures", "fixed points", "cell radius", "least"]
        return table([*heading, f"recall from {self.cue:g}"], rows)

    def panels(self) -> tuple[base.Panel, ...]:
        """Two pictures, masses, dreams, doses, recall."""
        pictures = (partial(self._picture, name) for name in ("before", "after"))
        return *pictures, self._masses, self._dreams, self._doses, self._recall

    def _picture(self, name: str, axes: Axes) -> None:
        """Cells of the plane at the least σ, and the masses that they hold."""
        sigma, xi = min(self.setting["sigmas"]), np.array(MEMORIES)
        potentials = self.plane("potential", sigma).mean(0) * (name == "after")
        side = np.linspace(-_SIDE, _SIDE, _GRID)
        grid = np.stack(np.meshgrid(side, side), -1)
        cost = ((grid[:, :, None] - xi) ** 2).sum(-1) / 2 - potentials
        style: dict[str, Any] = {"shading": "nearest", "rasterized": True, "vmin": 0, "vmax": 4}
        axes.pcolormesh(side, side, cost.argmin(-1), cmap=ListedColormap(TINTS[:5]), **style)
        for radius in (1.5, 3.0):
            turn = np.linspace(0, 2 * np.pi, 200)
            axes.plot(radius * np.cos(turn), radius * np.sin(turn), color="0.35", lw=0.7, ls=":")
        axes.plot(*xi.T, "o", color="black", ms=4)
        for (x, y), mass in zip(xi, self.plane(name, sigma).mean(0), strict=True):
            axes.annotate(f"{mass:.3f}", (x, y), (4, 4), textcoords="offset points", fontsize=8)
        axes.set(aspect="equal")
        figures.bare(axes)
        words = "equal weights" if name == "before" else "after dreams"
        axes.set_title(f"{words}: masses of $\\rho$, $\\sigma$ = {sigma:g}")

    def _masses(self, axes: Axes) -> None:
        """Masses of the five memories against σ: at equal weights, after dreams, under p_σ."""
        sigmas = np.array(sorted(self.setting["sigmas"]))
        shift = 1.02 ** np.arange(-2, 3)
        for k in range(5):
            for name, marker in (("before", "o"), ("after", "D"), ("own", "x")):
                values = np.stack([self.plane(name, s)[:, k] for s in sigmas], 1)
                series = (figures.SERIES[k % len(figures.SERIES)][0], marker)
                look: dict[str, Any] = {"ls": "-" if name == "before" else "", "lw": 0.8, "ms": 4}
                look["label"] = _LABELS[name] if k == 0 else None
                figures.points(axes, sigmas * shift[k], values, series, **look)
        axes.axhline(0.2, color="0.4", ls=":", lw=1)
        figures.ticks(axes, sigmas)
        axes.set(xlabel=r"noise level $\sigma$", ylabel=r"mass $E_\rho w_\mu$ of each memory")
        axes.set_title("five memories, one colour each")
        axes.legend(loc="center left", bbox_to_anchor=(0.0, 0.36))

    def _dreams(self, axes: Axes) -> None:
        """Entropy of the masses of the digits along the dreams."""
        P, _ = self.shown
        for ratio, series in zip(self.setting["ratios"], figures.SERIES, strict=False):
            for held_by, style in (("start", "-"), ("attractor", "--")):
                dreams, found = self.study.curve(
                    "along", "dreams", patterns=P, ratio=ratio, held_by=held_by
                )
                label = f"$\\sigma$ = {ratio:g}, {'weights' if held_by == 'start' else 'attractor'}"
                x = dreams + dreams[1] / 2  # the first, 0, is left of the axis otherwise
                figures.band(axes, x, found, series[0], ls=style, lw=1.3, label=label)
        figures.log_axis(axes)
        axes.set(xlabel="dreams", ylabel=r"entropy of the masses [$\log P$]")
        axes.set_title(f"{P} digits, starts $N(0, {self.setting['width']:g}^2)$")
        axes.legend(loc="lower right")

    def _doses(self, axes: Axes) -> None:
        """What parts of the potentials do to basins, mixtures, fixed points and recall."""
        P, ratio = self.shown
        labels: dict[str, dict[str, Any]] = {name: {} for name in _DOSED}
        words = _DOSED | {"recall": f"recall of cues at $s$ = {self.cue:g}"}
        labels["recall"] = {"noise": self.cue}
        for (name, where), series in zip(labels.items(), figures.SERIES, strict=False):
            doses, found = self.dosed(name, P, ratio, **where)
            figures.points(axes, doses, found, series, ls="-", lw=0.8, label=words[name])
        axes.axvline(1, color="0.4", ls=":", lw=1)
        axes.set(xlabel="part of the potentials that dreams lead to", ylabel="share, or entropy")
        axes.set(ylim=(-0.03, 1.0), yticks=np.linspace(0, 1, 6))
        axes.set_title(f"{P} digits, $\\sigma$ = {ratio:g}")
        figures.room_for_legend(axes, 4)

    def _recall(self, axes: Axes) -> None:
        """Recall against the noise of the cue, at equal weights and after dreams."""
        _, ratio = self.shown
        for P, series in zip(self.setting["loads"], figures.SERIES, strict=False):
            for dose, style in ((0.0, "-"), (1.0, "--")):
                look: dict[str, Any] = {"ls": style, "lw": 0.9}
                look["mfc"] = series[0] if dose == 0 else "white"
                look["label"] = f"$P$ = {P}, {'equal weights' if dose == 0 else 'after dreams'}"
                figures.points(axes, *self.recall(dose, P, ratio), series, **look)
        axes.set(xlabel="noise of the cue $s$ (rms of the digits)", ylabel="share that comes home")
        axes.set(ylim=(-0.03, 1.05))
        axes.set_title(f"recall at $\\sigma$ = {ratio:g}")
        axes.legend(loc="best")
