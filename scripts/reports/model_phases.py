"""The phase diagram of a trained network: its regions beside those of its data's exact score."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy import ndarray
from reports.trained import learnt

from bridges.crossing import crossing
from bridges.data import called
from bridges.estimates import estimate, mean_and_sem
from bridges.models.paths import label_of
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.tables import of_each, of_samples, table

REGIONS = {"retrieved": "#56B4E9", "class": "#E69F00", "lost": "#EDEDED"}  # colours
WORDS = {"retrieved": "retrieved", "class": "class only", "lost": "lost"}
WHO = {"model": "network", "exact": "exact score"}
KEPT = "kept"  # the datum, or another of its class
LINES = {  # of theory: symbol and style
    "collapse_class": (r"$\sigma_\mathrm{C}(n_c)$, within the class", "-"),
    "onset_class": (r"$\sigma_\mathrm{on}(n_c)$, within the class", "-."),
    "collapse_all": (r"$\sigma_\mathrm{C}(P)$, all data", "--"),
    "speciation": (r"speciation $\sigma_\mathrm{S}$", ":"),
}
TRAINED = "trained"
SIGMA = r"noise level $\sigma$ / rms deviation"


class Report(base.Report):
    """Regions over noise, guidance and training size, of a model and of its data's exact score."""

    between = "draws of data and noise"

    @cached_property
    def weights(self) -> ndarray:
        """w, rising."""
        return np.array(self.study.points[0]["weights"])

    @cached_property
    def sigmas(self) -> ndarray:
        """σ in rms deviations of the data, rising."""
        return np.array(self.study.points[0]["sigmas"])

    @cached_property
    def sizes(self) -> list[int]:
        """P, rising; each is of a model."""
        return sorted(point["patterns"] for point in self.study.points)

    @cached_property
    def w(self) -> float:
        """The weight that is looked at along P: the class alone, or what is nearest to it."""
        return float(min(self.weights, key=abs))

    @cached_property
    def shown(self) -> list[float]:
        """The weights whose curves are drawn: none, the class alone, the largest."""
        return sorted({float(self.weights[0]), self.w, float(self.weights[-1])})

    def named(self, P: int) -> str:
        """What the model of a training size is called."""
        (model,) = (p["model"] for p in self.study.points if p["patterns"] == P)
        return "trained here" if model == TRAINED else label_of(model)

    @property
    def _several(self) -> bool:
        """Whether tables have to tell models by path apart."""
        return any(self.named(P) != "trained here" for P in self.sizes)

    @cached_property
    def _found(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("of", "patterns", "quantity", "w", "sigma")

    def shares(self, who: str, P: int, w: float, region: str) -> ndarray:
        """A region along σ, (samples, S); `kept` is retrieved or class only."""
        if region == KEPT:
            return self.shares(who, P, w, "retrieved") + self.shares(who, P, w, "class")
        return np.array([self._found[who, P, region, w, s] for s in self.sigmas.tolist()]).T

    def edge(self, who: str, P: int, w: float, region: str) -> ndarray:
        """σ at which a share falls to half, (samples,); NaN where it does not among those σ."""
        levels = [
            crossing(np.log(self.sigmas), one[None], 0.5, rising=False)[0]
            for one in self.shares(who, P, w, region)
        ]
        return np.array([math.exp(x) if math.isfinite(x) else math.nan for x in levels])

    def _edge(self, who: str, P: int, w: float, region: str) -> str:
        """The same in words: of a share that is never half, on which side of these σ it is."""
        found = self.edge(who, P, w, region)
        if not np.isnan(found).all():
            return of_samples(found, 2)
        first = float(self.shares(who, P, w, region)[:, 0].mean())
        return f"> {self.sigmas[-1]:g}" if first >= 0.5 else f"< {self.sigmas[0]:g}"

    def line(self, name: str, P: int) -> ndarray:
        """A noise level of theory of each sample's data, (samples,), or none."""
        return np.array(self._found.get((None, P, name, None, None), [math.nan]))

    def learnt(self, P: int) -> bool:
        """Whether the networks of a training size have learnt."""
        return bool(learnt(self.line("learnt", P)))

    def finding(self) -> str:
        """Up to which noise the network and the exact score find the datum, and keep the class."""
        P = self.sizes[-1]
        data = figures.literal(called(self.setting["data"]))
        if not self.learnt(P):
            return f"{data}, $P$ = {P}: the network has learnt nothing"
        network, exact = (self._level(who, P, self.w, "retrieved") for who in WHO)
        start = f"{data}, $P$ = {P}, $w$ = {self.w:g}: "
        found = f"the network finds half of the data again {network}, the exact score {exact}"
        w = float(self.weights[0])
        none, kept = (self._level(who, P, w, KEPT) for who in WHO)
        return f"{start}{found};\nat $w$ = {w:g} half keep their class, {none} and {kept}"

    def _level(self, who: str, P: int, w: float, region: str) -> str:
        """Up to which noise, for a title."""
        edge = self._edge(who, P, w, region)
        return f"up to $\\sigma$ {'' if edge[0] in '<>' else '= '}{edge}"

    def conclusions(self) -> Point:
        """The noise levels at which half are retrieved, and keep their class; lines of theory."""
        return {
            "edges": [
                {
                    "patterns": P,
                    "of": who,
                    "w": w,
                    **{q: estimate(self.edge(who, P, w, q)) for q in ("retrieved", KEPT)},
                }
                for P in self.sizes
                for who in WHO
                for w in self.weights.tolist()
            ],
            "lines": [
                {"patterns": P, **{name: estimate(self.line(name, P)) for name in LINES}}
                for P in self.sizes
            ],
            "loss_over_constant": [
                {"patterns": P, "value": estimate(self.line("learnt", P))} for P in self.sizes
            ],
        }

    def heading(self) -> str:
        """The cues and the criterion."""
        s = self.setting
        return (
            f"{Path(s['data']).name}: {s['trials']} cues per noise level, σ in rms deviations; "
            f"flow in {s['steps']} steps; retrieved: overlap ≥ {s['threshold']:g} with the datum"
        )

    def tables(self) -> Iterable[str]:
        """Edges by size and weight beside theory; the regions of the largest size."""
        rows = []
        for P in self.sizes:
            name = f"{P}, {self.named(P)}" if self._several else f"{P}"
            for w in self.weights.tolist():
                edges = [self._edge(who, P, w, q) for q in ("retrieved", KEPT) for who in WHO]
                rows.append([f"{name}, w = {w:g}", *edges])
        heads = ("datum: network", "exact", "class: network", "exact")
        yield "σ at which half of the cues find their datum, or keep its class\n\n" + table(
            ["P", *heads], rows
        )
        lines = [
            [f"{P}", *(_known(self.line(q, P)) for q in (*LINES, "learnt"))] for P in self.sizes
        ]
        heads = ("σ_C(n_c)", "σ_on(n_c)", "σ_C(P)", "σ_S", "loss over constant")
        yield "lines of the exact score, and what the network has learnt\n\n" + table(
            ["P", *heads], lines
        )
        for P in self.sizes:
            if not self.learnt(P):
                yield f"the network of P = {P} has learnt nothing: nothing is said of it"
        P = self.sizes[-1]
        for who, name in WHO.items():
            for region in ("retrieved", "class"):
                body = [
                    [f"{w:g}", *of_each(self.shares(who, P, w, region), 2)]
                    for w in self.weights.tolist()
                ]
                head = [f"w, {name}: {WORDS[region]} at σ ="]
                yield table([*head, *(f"{s:g}" for s in self.sigmas)], body)

    @property
    def _maps(self) -> list[str]:
        """The axes beside the noise along which there is more than one place."""
        return ["w"] * (len(self.weights) > 1) + ["P"] * (len(self.sizes) > 1)

    @property
    def grid(self) -> tuple[int, int]:
        """The network above the exact score; on the right the curves."""
        return 2, 1 + len(self._maps)

    @property
    def figsize(self) -> tuple[float, float]:
        """A column per axis, and the curves."""
        return 3.6 * self.grid[1] + 0.4, 7.4

    def draw(self, figure: Figure) -> None:
        """The panels, and one legend of the regions and the lines below them."""
        super().draw(figure)
        if not self._maps:
            return
        handles: list[Any] = [
            Patch(color=colour, label=WORDS[region]) for region, colour in REGIONS.items()
        ]
        for label, style in LINES.values():
            handles += figure.axes[0].plot([], [], color="black", lw=1.3, ls=style, label=label)
        figures.legend_below(figure, handles, [str(one.get_label()) for one in handles])

    def panels(self) -> Iterable[base.Panel]:
        """A map per axis and the curves, of the datum above and of the class below."""
        for who, region in zip(WHO, ("retrieved", KEPT), strict=True):
            for along in self._maps:
                yield partial(self._map, who=who, along=along)
            yield partial(self._curves, region=region)

    def _map(self, axes: Axes, who: str, along: str) -> None:
        """Shares of the regions as a mixture of their colours, under the lines of theory."""
        P = self.sizes[-1]
        cells = [(P, w) for w in self.weights.tolist()]
        if along == "P":
            cells = [(one, self.w) for one in self.sizes]
        image = sum(
            np.array([self.shares(who, *cell, region).mean(0) for cell in cells]).T[..., None]
            * np.array(to_rgb(colour))
            for region, colour in REGIONS.items()
        )
        axes.imshow(np.clip(image, 0, 1), origin="lower", aspect="auto", interpolation="nearest")
        places = np.arange(len(cells))
        for name, (_, style) in LINES.items():
            levels = np.array([self.line(name, one).mean() for one, _ in cells])
            heights = self._heights(levels)
            look: dict[str, Any] = {"color": "black", "lw": 1.3, "ls": style}
            if along == "w":
                axes.plot([-0.5, len(cells) - 0.5], [heights[0]] * 2, **look)
            else:
                axes.plot(places, heights, **look)
        half = np.array([mean_and_sem(self.edge(who, *cell, "retrieved"))[0] for cell in cells])
        axes.plot(places, self._heights(half), "o", color="black", mfc="white", ms=5, clip_on=False)
        shown = [f"{w:g}" for _, w in cells] if along == "w" else [f"{one}" for one, _ in cells]
        axes.set_xticks(places, shown)
        axes.set_yticks(range(len(self.sigmas)), [f"{s:g}" for s in self.sigmas])
        axes.tick_params(length=0)
        axes.set_xlim(-0.5, len(cells) - 0.5)
        axes.set_ylim(-0.5, len(self.sigmas) - 0.5)
        label = "extra weight $w$" if along == "w" else "training size $P$"
        fixed = f"$P$ = {P}" if along == "w" else f"$w$ = {self.w:g}"
        axes.set(xlabel=label, ylabel=SIGMA, title=f"{WHO[who]}, {fixed}; ○ half retrieved")

    def _heights(self, levels: ndarray) -> ndarray:
        """Noise levels as places among the rows of a map; NaN outside of it."""
        at = np.interp(np.log(levels), np.log(self.sigmas), np.arange(len(self.sigmas)))
        inside = (levels >= self.sigmas[0]) & (levels <= self.sigmas[-1])
        return np.where(inside, at, math.nan)

    def _curves(self, axes: Axes, region: str) -> None:
        """A share along the noise, of the network as points, of the exact score as lines."""
        P = self.sizes[-1]
        for w, series in zip(self.shown, figures.SERIES, strict=False):
            found = self.shares("model", P, w, region)
            figures.points(axes, self.sigmas, found, series, ls="", label=f"$w$ = {w:g}")
            exact = self.shares("exact", P, w, region).mean(0)
            axes.plot(self.sigmas, exact, color=series[0], lw=1.2)
        axes.axhline(0.5, color="0.85", lw=0.8, zorder=0)
        figures.ticks(axes, self.sigmas)
        names = (
            ("collapse_class", "onset_class", "collapse_all")
            if region == "retrieved"
            else ("speciation",)
        )
        for name in names:
            level = float(self.line(name, P).mean())
            if self.sigmas[0] <= level <= self.sigmas[-1]:
                symbol = LINES[name][0].split(",")[0].removeprefix("speciation ")
                figures.mark(axes, level, symbol, LINES[name][1])
        words = "datum retrieved" if region == "retrieved" else "class kept"
        axes.set(xlabel=SIGMA, ylabel="share of the cues", ylim=(-0.03, 1.08))
        axes.set_title(f"{words}, $P$ = {P}; lines: exact score")
        axes.legend(loc="lower left")


def _known(level: ndarray) -> str:
    """A number of the exact score; that of a class is none where no class is told."""
    return "—" if np.isnan(level).all() else of_samples(level, 3)
