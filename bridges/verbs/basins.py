"""The attractors of models and their basins, side by side: `bridges basins`.

Every sample stores its own patterns. Starts are the patterns corrupted to an overlap m
("noised"), or states without any pattern in them that are as large ("random": random spins;
N(0, rms²/m²) for real states, which a model that starts at the noise of its cue takes to be at m).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bridges.attractors import COLOURS, KINDS
from bridges.basins import Landscape
from bridges.data import called, said
from bridges.estimates import estimate, mean_and_sem, with_count
from bridges.models import label_of
from bridges.study import figures, report as base
from bridges.study.looks import looks_of
from bridges.study.page import Page
from bridges.study.record import Point
from bridges.study.results import Study
from bridges.study.run import sample_seeds
from bridges.study.tables import WIDTH, of_samples, table
from bridges.verbs import landscapes
from bridges.verbs.ends import BasinSurvey, measure
from bridges.verbs.landscapes import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BasinSurvey", "Report", "measure"]
ENDS = (*KINDS, "none")
_NUMBERS = {
    "attractors": ("attractors found", 1),
    "held": ("patterns with a basin", 3),
    "effective": ("effective attractors", 1),
}


_REPEATS = 200  # of a count, for its mean to be a line


class Case(NamedTuple):
    """A model and the number of patterns that it stores."""

    model: str
    patterns: int


class Report(base.Report):
    """What the survey found."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.survey = BasinSurvey.of(study)
        if not self.cases:
            raise ValueError(f"model stores the patterns in no case: {'; '.join(self.left_out)}")
        self.panels_seen: dict[Panel, Landscape] | None = None
        if self.survey.picture is not None and study.out is not None:
            self.panels_seen = landscapes.load(study.out / "picture.npz", landscapes.digest(study))

    @cached_property
    def cases(self) -> list[Case]:
        """Models and numbers of patterns, as asked for; those that have a measurement."""
        pairs = zip(self.study.points, self.study.samples, strict=True)
        return [Case(point["model"], point["patterns"]) for point, rows in pairs if any(rows)]

    @property
    def left_out(self) -> list[str]:
        """Names of the other cases, whose patterns no couplings store."""
        asked = [Case(point["model"], point["patterns"]) for point in self.study.points]
        return [f"{label_of(m)}, P = {P}" for m, P in asked if (m, P) not in self.cases]

    @property
    def models(self) -> list[str]:
        """Names of the models, as asked for."""
        return list(dict.fromkeys(case.model for case in self.cases))

    @property
    def loads(self) -> list[int]:
        """Numbers of patterns P, as asked for."""
        return list(dict.fromkeys(case.patterns for case in self.cases))

    @property
    def ends(self) -> list[str]:
        """Kinds of ends that any model has."""
        return [end for end in ENDS if any(self.fraction(c, end).any() for c in self.cases)]

    def name(self, case: Case) -> str:
        """The label of a case: of its model, of its load where there are several, and its n."""
        label = label_of(case.model)
        label = label if len(self.loads) == 1 else f"{label}, P = {case.patterns}"
        return with_count(label, self.stored(case), self.samples)

    def stored(self, case: Case) -> int:
        """How many samples a case could store."""
        return len(self._grouped["held", *case, None])

    def fraction(self, case: Case, end: str) -> np.ndarray:
        """Fraction of starts that end so, (samples,), fewer where some stored no patterns."""
        return self.between_sets(case.patterns, np.array(self._grouped["fraction", *case, end]))

    def number(self, case: Case, quantity: str) -> np.ndarray:
        """ "attractors", "held" or "effective", (samples,)."""
        return self.between_sets(case.patterns, np.array(self._grouped[quantity, *case, None]))

    @cached_property
    def _grouped(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("quantity", "model", "patterns", "end")

    def ranked(self, case: Case) -> tuple[np.ndarray, np.ndarray]:
        """Ranks (K,) of patterns by their basins, and these (samples, K)."""
        rank, by_sample = self.study.curve("basin", "rank", **case._asdict())
        return rank, self.between_sets(case.patterns, by_sample)

    def held(self, model: str) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of patterns P (K,), and the fraction that ends in a memory (samples, K)."""
        P, by_sample = self.study.curve("fraction", "patterns", model=model, end="memory")
        for k in [k for k, one in enumerate(P.tolist()) if self.one_set(int(one))]:
            by_sample[:, k] = [by_sample[:, k].mean()] + [np.nan] * (len(by_sample) - 1)
        return P, by_sample

    def conclusions(self) -> Point:
        """By case what was found."""
        cases = [
            case._asdict()
            | {name: estimate(self.number(case, name)) for name in _NUMBERS}
            | {"ends": {end: estimate(self.fraction(case, end)) for end in ENDS}}
            for case in self.cases
        ]
        return {"cases": cases}

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        data, P = figures.literal(called(self.survey.setting.data)), max(self.loads)
        full = [case for case in self.cases if case.patterns == P]
        shares = {c.model: float(self.fraction(c, "memory").mean()) for c in full}
        best, worst = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
        load = f"$P$ = {P}, $P/N$ = {P / self.study.points[0]['size']:.2g}"
        words = f"{data}, {load}: {shares[best]:.0%} of the starts end in a memory"
        if best == worst:
            return f"{words} ({label_of(best)})"
        return f"{words} ({label_of(best)}), {shares[worst]:.0%} ({label_of(worst)})"

    def describe(self) -> str:
        """The measure in words."""
        noise = f"overlap {self.survey.overlap:g}"
        if self.survey.measure == "noised":
            return f"patterns corrupted to {noise}"
        return f"random spins, or N(0, σ²) of the size of patterns at {noise}"

    def heading(self) -> str:
        """The data and the starts."""
        s, loads = self.survey.setting, ", ".join(map(str, self.loads))
        size, starts = self.study.points[0]["size"], self.survey.starts
        unit = self.study.points[0].get("unit")
        words = "" if unit is None else f"; real states are the points, in units of {unit:.3g}"
        return (
            f"{Path(s.data).name}, N = {size}, P = {loads}; {starts} starts per pattern set: "
            f"{self.describe()}{said(self.study.points[0])}{words}"
            + s.ones_of_cues((p["model"] for p in self.study.points), size)
        )

    def tables(self) -> Iterator[str]:
        """A row per case."""
        rows = [
            [
                self.name(case),
                *(of_samples(self.number(case, name), d) for name, (_, d) in _NUMBERS.items()),
                *(of_samples(self.fraction(case, end)) for end in self.ends),
            ]
            for case in self.cases
        ]
        yield table(["model", *(label for label, _ in _NUMBERS.values()), *self.ends], rows)
        note = "effective attractors: exp of the entropy of their basins; none: not converged, or a"
        note += " saddle"
        if any(self.stored(case) < self.samples for case in self.cases):
            note += "; n: samples whose patterns couplings store"
        left_out = f"(left out, as no couplings store the patterns: {'; '.join(self.left_out)})"
        yield textwrap.fill(f"({note})", WIDTH) + (f"\n{left_out}" if self.left_out else "")

        if self.panels_seen:
            yield from landscapes.numbers(self.panels_seen)

    def publish(self, page: Page, *, json: bool, quiet: bool, show: bool) -> None:
        """As every report does, and the picture, which is measured unless it is there."""
        out = self.study.out
        if self.survey.picture is not None and out is not None:
            content = self.setting["content of data"]
            if self.panels_seen is None and self.survey.setting.has(content):
                seed = sample_seeds(self.study.config["seed"], 1)[0]
                self.panels_seen = landscapes.measure(
                    self.survey, self.survey.picture, self.cases, seed, quiet or json
                )
                run = landscapes.digest(self.study)
                landscapes.save(out / "picture.npz", self.panels_seen, run)
            if self.panels_seen:
                picture = landscapes.draw(self.panels_seen, self._of_the_plane(self.panels_seen))
                for name in page.files("picture"):
                    figures.save(picture, out / name, page.settings)
        super().publish(page, json=json, quiet=quiet, show=show)

    def _of_the_plane(self, seen: dict[Panel, Landscape]) -> str:
        """What the picture shows in a line: the most and the least of a plane in memories."""
        shares = {
            landscapes.name_of(p, seen): landscapes.in_memories(one) for p, one in seen.items()
        }
        best, worst = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
        data = figures.literal(called(self.survey.setting.data))
        words = f"{data}: {shares[best]:.0%} of the plane ends in a memory ({best})"
        if best != worst:
            words += f", {shares[worst]:.0%} ({worst})"
        return words.replace("σ", r"$\sigma$").replace("P =", "$P$ =")

    @property
    def figsize(self) -> tuple[float, float]:
        """A line per case."""
        least = 3.2 if len(self.loads) == 1 else 4.0
        return 10.2, max(least, 1.4 + 0.33 * len(self.cases))

    def draw(self, figure: Figure) -> None:
        """Where the starts end; how even the basins are at one load, or what loads change."""
        ends, beside = figure.subplots(1, 2)
        _draw_ends(ends, self)
        (_draw_sizes if len(self.loads) == 1 else _draw_loads)(beside, self)


def _draw_ends(axes: Axes, report: Report) -> None:
    """A bar per case, a piece per kind of end, with its error at the end of the piece."""
    place = np.arange(len(report.cases))[::-1]
    left = np.zeros(len(place))
    for end in report.ends:
        last = end == report.ends[-1]
        found = [mean_and_sem(report.fraction(case, end)) for case in report.cases]
        mean, sem = np.array(found).T
        axes.barh(place, mean, left=left, height=0.62, color=COLOURS[end], label=end)
        left += mean
        shown = (mean > 0.005) & (left < 0.995) & (not last)
        x, error = left[shown], np.nan_to_num(sem)[shown]
        axes.errorbar(x, place[shown], xerr=error, ls="", color="black", lw=1)
    axes.set_yticks(place, [report.name(case).replace("P =", "$P$ =") for case in report.cases])
    axes.set(xlim=(0, 1), xlabel="fraction of the starts that end in …")
    columns = min(4, len(report.ends))
    axes.legend(loc="lower left", bbox_to_anchor=(0.06, 0.99), ncols=columns, columnspacing=1)


def _draw_sizes(axes: Axes, report: Report) -> None:
    """Basins of the patterns, the largest first, against equal ones, counted and sorted alike."""
    from matplotlib.ticker import MaxNLocator  # slow to import

    looks = looks_of(report.models)
    for case in report.cases:
        rank, by_sample = report.ranked(case)
        figures.points(axes, rank, by_sample, looks[case.model], ms=4, label=report.name(case))
    (P,) = report.loads
    rank, even = _equal_shares(P, report.survey.starts)
    axes.plot(rank, even, **figures.THEORY[0], label="equal basins, sorted too")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("pattern, by the size of its basin")
    axes.set_ylabel("fraction of the starts")
    figures.legend_of(axes)


def _draw_loads(axes: Axes, report: Report) -> None:
    """What ends in a memory, against load."""
    looks = looks_of(report.models)
    for model in report.models:
        label = "\n".join(
            [label_of(model)]
            + [
                with_count(f"  at {P}", n, report.samples)
                for m, P in report.cases
                if m == model and (n := report.stored(Case(m, P))) < report.samples
            ]
        )
        figures.points(axes, *report.held(model), looks[model], ms=4, label=label)
    figures.ticks(axes, sorted(report.loads))
    axes.set(ylim=(-0.03, 1.05), xlabel="number of patterns $P$")
    axes.set_ylabel("fraction that ends in a memory")
    figures.legend_of(axes)


def _equal_shares(patterns: int, starts: int) -> tuple[np.ndarray, np.ndarray]:
    """Ranks, and the mean shares of equal basins once the starts are counted and sorted."""
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(starts, np.full(patterns, 1 / patterns), size=_REPEATS) / starts
    return np.arange(1, patterns + 1), np.sort(drawn, 1)[:, ::-1].mean(0)
