r"""All classical memories on one axis: `bridges compare --model classical`.

Each sample finds, for each memory, the number of patterns P at which half of the cues come home,
by doubling and bisection of P (pattern sets of a seed are nested), a straight line in ln P between
the last two; and at half as many patterns the least overlap from which half of the cues do. The
capacity is given as P, as load P/N, and as bits per number that the memory keeps
(`bridges.models.information`); errors are between samples. A capacity at which a memory still
retrieves at the largest P that is tried is a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.estimates import mean_and_sem
from bridges.models import label_of
from bridges.models.classical import CODES, DENSE
from bridges.models.information import Information, information
from bridges.retrieval import retrieval_map
from bridges.study import figures, report as base
from bridges.study.looks import looks_of
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.study.tables import table, uncertain
from bridges.verbs.laws import Laws
from bridges.verbs.setting import Setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL = 0.5  # of the probability of retrieval
_FINE = 1.1  # ratio of the loads between which the capacity is interpolated
_NEAR = 0.03  # of the overlaps likewise
_MOST = {"binary": 4, "colours": 8, "sparse": 16}  # times N, patterns that are tried


def named(models: Sequence[str]) -> list[str]:
    """The models of a list in which `classical` stands for all classical memories."""
    found = [(*DENSE, *CODES) if name == "classical" else (name,) for name in models]
    return list(dict.fromkeys(name for part in found for name in part))


def points(setting: Setting, models: Sequence[str], overlap: float) -> list[Point]:
    """A point per model. Raises ValueError for models whose patterns have no bits."""
    found = []
    for name in models:
        model = setting.model(name)
        if model.trained or model.kind not in _MOST:
            raise ValueError(
                f"model must store spins, 0/1 patterns or colours beside classical, got {name}"
            )
        found.append({"axis": "capacity", "model": name, "states": model.kind, "overlap": overlap})
    return found


def measure(setting: Setting, point: Point, seed: int) -> list[Row]:
    """Capacity of one model, and what it forgives at half of that, for `run_study`."""
    name, model = point["model"], setting.model(point["model"])
    trials, threshold = setting.trials, setting.threshold
    size = setting.sites

    def success(patterns: int, overlap: float) -> float:
        memory = setting.memory(name, patterns, seed)
        asked = [overlap], trials, setting.criterion, threshold
        return float(retrieval_map(memory, *asked, seed=seed).success[0])

    most = setting.at_most(_MOST[model.kind] * size)
    P, beyond = _capacity(lambda P: success(P, point["overlap"]), model.least, size // 8, most)
    rows = [
        {"quantity": "patterns", "value": P},
        {"quantity": "beyond", "value": float(beyond)},
    ]
    half = max(model.least, round(P / 2))
    if P:
        least = _least_overlap(lambda m: success(half, m))
        rows.append({"quantity": "least_overlap", "value": least})
    return rows


def _capacity(
    success: Callable[[int], float], least: int, start: int, most: int
) -> tuple[float, bool]:
    """P at which retrieval falls to the level, 0 for never; and whether it is beyond `most`."""
    known: dict[int, float] = {}

    def held(patterns: int) -> bool:
        if patterns not in known:
            known[patterns] = success(patterns)
        return known[patterns] >= LEVEL

    low = high = min(max(least, start), most)
    while not held(low):
        if low == least:
            return 0.0, False
        low, high = max(least, low // 2), low
    while held(high):
        if high == most:
            return float(most), True
        low, high = high, min(2 * high, most)
    while high - low > 1 and high / low > _FINE:
        middle = round(math.sqrt(low * high))
        middle = min(max(middle, low + 1), high - 1)
        low, high = (middle, high) if held(middle) else (low, middle)
    share = (known[low] - LEVEL) / (known[low] - known[high])
    return math.exp(math.log(low) + share * math.log(high / low)), False


def _least_overlap(success: Callable[[float], float]) -> float:
    """The overlap at which retrieval rises to the level; 0 where it is above throughout."""
    low, high, below, above = 0.0, 1.0, 0.0, success(1.0)
    if above < LEVEL:
        return math.nan
    while high - low > _NEAR:
        middle = (low + high) / 2
        found = success(middle)
        if found >= LEVEL:
            high, above = middle, found
        else:
            low, below = middle, found
    return low + (high - low) * (LEVEL - below) / (above - below) if low else 0.0


@dataclass(frozen=True)
class Found:
    """What was found of a memory: means over samples and their errors."""

    model: str
    kind: str
    patterns: float
    sem: float
    beyond: bool
    forgives: float
    forgives_sem: float
    bits: Information
    at_least: bool  # these per number
    theory: float


class Report(base.Report):
    """What a comparison of the classical memories found."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.asked = Setting.of(study)
        self.size: int = study.points[0]["size"]
        self.overlap: float = study.points[0]["overlap"]

    @cached_property
    def found(self) -> list[Found]:
        """The memories, those of spins first, each sort by its capacity in patterns."""
        law = Laws.of(self.study, self.asked, self.size).capacities(self.overlap)
        rows = [self._of(point, law) for point in self.study.points]
        order = ["binary", "colours", "sparse"]
        return sorted(rows, key=lambda one: (order.index(one.kind), one.patterns))

    def _of(self, point: Point, law: dict[str, float]) -> Found:
        name, kind = point["model"], point["states"]
        P = self._by_sample("patterns", name)
        beyond = bool(self._by_sample("beyond", name).any())
        patterns, sem = (float(x) for x in mean_and_sem(P))
        edges = self._by_sample("least_overlap", name)
        edges = edges[~np.isnan(edges)]
        forgives, error = map(float, mean_and_sem(edges)) if len(edges) else (math.nan, math.nan)
        bits, twice = (self._bits(name, kind, number) for number in (patterns, 2 * patterns))
        least = beyond and twice.numbers == bits.numbers  # of a kernel both grow with P
        theory = law.get(name, math.nan)
        return Found(name, kind, patterns, sem, beyond, forgives, error, bits, least, theory)

    def _bits(self, name: str, kind: str, patterns: float) -> Information:
        asked = self.asked
        known = patterns, self.size, self.overlap, asked.options, asked.threshold
        return information(name, kind, *known)

    def _by_sample(self, quantity: str, model: str) -> np.ndarray:
        return np.array(self._values.get((quantity, model), []), dtype=float)

    @cached_property
    def _values(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("quantity", "model")

    def conclusions(self) -> Point:
        """By model the capacity in its units, and what it forgives."""
        return {
            "level": LEVEL,
            "overlap": self.overlap,
            "memories": dict(map(self._summary, self.found)),
        }

    def _summary(self, one: Found) -> tuple[str, Point]:
        P, n = max(one.patterns, 1e-300), self.samples

        def scaled(unit: float) -> Point:
            return {"mean": one.patterns * unit, "sem": one.sem * unit, "n": n}

        return one.model, {
            "beyond": one.beyond,
            "patterns": scaled(1),
            "load": scaled(1 / self.size),
            "stored_bits": scaled(one.bits.stored / P / one.bits.numbers),
            "added_bits": scaled(one.bits.added / P / one.bits.numbers),
            "numbers": one.bits.numbers,
            "precision": one.bits.precision,
            "least_overlap": {"mean": one.forgives, "sem": one.forgives_sem, "n": n},
            "theory": one.theory,
        }

    def finding(self) -> str:
        """The most patterns and the most bits."""
        most = max(self.found, key=lambda one: one.patterns)
        known = [one for one in self.found if _added(one) > 0]
        words = (
            f"$N$ = {self.size}, cues at $m_0$ = {self.overlap:g}: {label_of(most.model)} holds "
            f"most patterns, {_words(most)}"
        )
        if known:
            best = max(known, key=_added)
            bits = f"{_bound(best, best.bits.added)}{_added(best):.2g}"
            words += f"; {label_of(best.model)} adds most bits per number, {bits}"
        return words

    def heading(self) -> str:
        """The data, the cues, the criterion."""
        s, o = self.asked, self.asked.options
        kinds = {one.kind for one in self.found}
        own = [f"{o.colours} colours"] * ("colours" in kinds)
        return (
            f"{s.data}, N = {self.size}; {s.trials} cues at overlap {self.overlap:g} per pattern "
            f"set; {s.criterion}, retrieved: cosine ≥ {s.threshold:g}"
            + s.ones_of_cues((one.model for one in self.found), self.size)
            + "".join(f"; {words}" for words in own)
        )

    def tables(self) -> Iterator[str]:
        """A row per memory."""
        rows = [
            [
                *(label_of(one.model), _words(one), _shown(one.theory, ".4g")),
                ("> " if one.beyond else "") + _uncertain(one.patterns, one.sem, 1 / self.size),
                _bound(one, one.bits.stored) + _shown(one.bits.stored / one.bits.numbers, ".3f"),
                _bound(one, one.bits.added)
                + _uncertain(one.patterns, one.sem, _added(one) / max(one.patterns, 1e-300)),
                *(_shown(one.bits.numbers, ".3g"), _shown(one.bits.precision, ".1f")),
                _uncertain(one.forgives, one.forgives_sem),
            ]
            for one in self.found
        ]
        heads = ["memory", "P", "theory", "P/N", "bits stored", "bits added", "numbers"]
        yield table([*heads, "bits of each", "m0 at P/2"], rows)
        yield (
            "(bits per number that the memory keeps: stored, of random patterns, and added to the\n"
            "cues that come home, up to the threshold; m0 at P/2: the overlap from which half of\n"
            "the cues come home at half of the capacity; >: the most that was tried; theory: of\n"
            "clean cues unless it knows the cue)"
        )

    @property
    def groups(self) -> list[list[Found]]:
        """Memories of ±1 patterns, and the others, if any."""
        spins = [one for one in self.found if one.kind == "binary"]
        others = [one for one in self.found if one.kind != "binary"]
        return [group for group in (spins, others) if group]

    @property
    def figsize(self) -> tuple[float, float]:
        """A line for each memory."""
        return 9.6, 1.9 + 0.32 * len(self.found) + 0.5 * len(self.groups)

    def draw(self, figure: Figure) -> None:
        """Capacity as load, bits per number, and what is forgiven; ±1 above, others below."""
        from matplotlib.lines import Line2D  # slow to import

        heights = [len(group) + 1.2 for group in self.groups]
        drawn = figure.subplots(len(heights), 3, height_ratios=heights, squeeze=False, sharey="row")
        for axes, group in zip(drawn, self.groups, strict=True):
            _draw_loads(axes[0], group, self.size)
            _draw_bits(axes[1], group)
            _draw_forgiven(axes[2], group)
            axes[0].set_yticks(range(len(group)), [label_of(one.model) for one in group])
            axes[0].set_ylim(-0.6, len(group) - 0.4)
        kinds = ["±1 patterns"] if self.groups[0][0].kind == "binary" else []
        kinds += ["0/1 patterns, colours"] * (len(self.groups) > len(kinds))
        for axes, words in zip(drawn[:, 0], kinds, strict=True):
            axes.set_title(words)
        drawn[-1, 0].set_xlabel(f"capacity $P/N$, $m_0$ = {self.overlap:g}")
        drawn[-1, 1].set_xlabel("bits per number that is kept")
        drawn[-1, 2].set_xlabel("least overlap $m_0$ at half of that")
        entries = {
            "theory": Line2D([], [], color="0.35", lw=1.6),
            "added by recall": Line2D([], [], color="0.35", marker="o", ls=""),
            "stored": Line2D([], [], color="0.35", marker="o", mfc="none", ls=""),
            "at least": Line2D([], [], color="0.35", marker=">", mfc="none", ls=""),
        }
        if not any(one.beyond for one in self.found):
            del entries["at least"]
        if not any(_has_law(one) for one in self.found):
            del entries["theory"]
        figures.legend_beside(figure, list(entries.values()), list(entries))


def _added(one: Found) -> float:
    """Bits that recall adds, per number."""
    return one.bits.added / one.bits.numbers


def _bound(one: Found, bits: float) -> str:
    """The sign before bits that are a lower bound."""
    return "> " if one.at_least and bits > 0 else ""


def _words(one: Found) -> str:
    """The capacity in patterns."""
    if one.beyond:
        return f"> {one.patterns:.0f}"
    return uncertain(one.patterns, one.sem) if one.patterns else "none"


def _uncertain(mean: float, sem: float, unit: float = 1.0) -> str:
    """A number with its error in another unit, a dash for none."""
    return "—" if math.isnan(mean * unit) else uncertain(mean * unit, sem * unit, 3)


def _shown(number: float, form: str) -> str:
    if number == math.inf:
        return "∞"
    return "—" if number != number else f"{number:{form}}"


def _has_law(one: Found) -> bool:
    """Whether theory says where its capacity ends."""
    return math.isfinite(one.theory) and one.theory > 0


def _draw_loads(axes: Axes, group: list[Found], size: int) -> None:
    looks = looks_of(one.model for one in group)
    for y, one in enumerate(group):
        look = looks[one.model]
        error = [one.sem / size]
        axes.errorbar(
            *([one.patterns / size], [y]),
            xerr=None if one.sem != one.sem else error,
            color=look[0],
            marker=">" if one.beyond else look[1],
            ms=6,
            mfc="none" if one.beyond else look[0],
        )
        if _has_law(one):
            ends = [y - 0.36, y + 0.36]
            axes.plot([one.theory / size] * 2, ends, color="0.35", lw=1.6, zorder=1)
    axes.set_xscale("log")
    axes.grid(axis="y", color="0.92")


def _draw_bits(axes: Axes, group: list[Found]) -> None:
    looks = looks_of(one.model for one in group)
    for y, one in enumerate(group):
        color, marker = looks[one.model]
        stored, added = one.bits.stored / one.bits.numbers, _added(one)
        if stored != stored:
            continue
        share = one.sem / one.patterns if one.patterns else math.nan
        for bits, filled in ((added, color), (stored, "none")):
            error = None if share != share else [share * bits]
            look: dict[str, Any] = {"color": color, "marker": marker, "mfc": filled, "ms": 6}
            axes.errorbar([bits], [y], xerr=error, ls="", **look)
    axes.set_xlim(left=0)
    axes.grid(axis="y", color="0.92")


def _draw_forgiven(axes: Axes, group: list[Found]) -> None:
    looks = looks_of(one.model for one in group)
    for y, one in enumerate(group):
        color, marker = looks[one.model]
        error = None if one.forgives_sem != one.forgives_sem else [one.forgives_sem]
        axes.errorbar([one.forgives], [y], xerr=error, color=color, marker=marker, ms=6)
    axes.set_xlim(0, 1)
    axes.grid(axis="y", color="0.92")
