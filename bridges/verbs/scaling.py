r"""Capacity at several sizes, and its limit for large N: `bridges capacity --sizes`.

The load is α = P/N, in which couplings fill up; patterns are drawn. At each size the capacity
is where the probability of retrieval falls through a half, and α(N) = α_∞ + a N^{−2/3}
(`bridges.capacities`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from bridges.capacities import Capacity, CapacityCurve, CapacityScaling, scaling
from bridges.crossing import crossing
from bridges.data import is_drawn
from bridges.estimates import fraction_and_sem
from bridges.models import NETWORKS, label_of
from bridges.study import figures, report as base
from bridges.study.looks import looks_of
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.study.tables import table, uncertain
from bridges.verbs import compare
from bridges.verbs.laws import Laws
from bridges.verbs.setting import Setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALPHA = (0.04, 0.07, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.23, 0.27, 0.33, 0.4, 0.5, 0.7, 0.9)
"""The loads that are measured unless it is said."""
EXPONENT = 2 / 3
_LARGE = 10**6  # sites at which theory is taken for that of N → ∞
_LINES = (":", "--", "-.")


def points(
    setting: Setting,
    models: Sequence[str],
    sizes: Sequence[int],
    loads: Sequence[float],
    overlap: float,
) -> list[Point]:
    """A point per model, size and load. Raises ValueError for what has no capacity in P/N."""
    if not is_drawn(setting.data):
        raise ValueError(f"sizes are those of patterns that are drawn, got data {setting.data}")
    if setting.size is not None:
        raise ValueError(f"sizes take the place of size, got both, size = {setting.size}")
    if len(sizes) < 2:
        raise ValueError(f"sizes must be at least two, to be extrapolated, got {sizes[0]}")
    for name in models:
        if name not in NETWORKS and setting.model(name).kind not in ("binary", "colours"):
            raise ValueError(f"model must have couplings, which fill up in P/N, got {name}")
    return [
        {"model": model, "size": size, "alpha": a, "patterns": max(1, round(a * size))}
        | {"overlap": overlap}
        for model in models
        for size in sizes
        for a in loads
    ]


def check(setting: Setting, models: Sequence[str], points: Sequence[Point]) -> None:
    """Refuse what could not be measured at the largest size. Raises ValueError."""
    largest = max(points, key=lambda point: point["size"] * point["patterns"])
    fewest = min(point["patterns"] for point in points)
    replace(setting, size=largest["size"]).check(models, [fewest, largest["patterns"]])


def measure(setting: Setting, point: Point, seed: int) -> list[Row]:
    """Retrieval of one model at one size and load, for `run_study`."""
    size = int(point["size"])
    own = int(np.random.SeedSequence([seed, size]).generate_state(1)[0])  # other sets at each size
    asked = {"model": point["model"], "patterns": point["patterns"]}
    found = compare.measure(
        replace(setting, size=size), asked | {"overlaps": [point["overlap"]]}, own
    )
    return [{name: row[name] for name in ("quantity", "value")} for row in found]


class Report(base.Report):
    """What was found at each size, and its limit."""

    level = 0.5

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.asked = Setting.of(study)
        self.overlap: float = study.points[0]["overlap"]
        if not self.scalings:
            raise ValueError("model stores the patterns at no size")

    @cached_property
    def scalings(self) -> dict[str, CapacityScaling]:
        """By model, its capacities; of the sizes that all samples could store somewhere."""
        found = {}
        for model in dict.fromkeys(p["model"] for p in self.study.points):
            sizes = dict.fromkeys(p["size"] for p in self.study.points if p["model"] == model)
            measured = {N: one for N in sizes if (one := self._capacity(model, N)) is not None}
            if len(measured) > 1:
                found[model] = scaling(
                    np.array(list(measured), dtype=float), list(measured.values()), self.level
                )
        return found

    def _capacity(self, model: str, size: int) -> Capacity | None:
        """Of one size; None where fewer than two loads were stored by all samples."""
        load, by_sample = self.study.curve("success", "alpha", model=model, size=size)
        whole = ~np.isnan(by_sample).any(0) if by_sample.size else np.zeros(0, dtype=bool)
        if whole.sum() < 2:
            return None
        load, by_sample = load[whole], by_sample[:, whole]
        mean, sem = fraction_and_sem(by_sample, self.asked.trials)
        value, interval = crossing(load, by_sample, self.level, False, fit="probit")
        asked = (self.asked.criterion, self.asked.threshold)
        curve = CapacityCurve(load, np.full_like(mean, np.nan), mean, sem, by_sample, *asked)
        return Capacity(max(0.0, value), interval, curve)

    @cached_property
    def limits(self) -> dict[str, float]:
        """By model, α up to which theory has clean cues of random patterns retrieved."""
        if self.overlap < 1:
            return {}
        laws = Laws(self.asked, tuple(self.scalings), _LARGE)
        found = {model: P / _LARGE for model, P in laws.capacities(1.0).items()}
        return {model: load for model, load in found.items() if np.isfinite(load)}

    def conclusions(self) -> Point:
        """By model the capacity at each size, and the limit with its interval."""
        return {
            "level": self.level,
            "overlap": self.overlap,
            "capacity": {
                model: {
                    "limit": {
                        "mean": found.extrapolation.limit,
                        "sem": found.extrapolation.sem,
                        "n": self.samples,
                        "interval": list(found.extrapolation.interval),
                    },
                    "misfit": found.extrapolation.misfit,
                    **({"theory": self.limits[model]} if model in self.limits else {}),
                    "sizes": {
                        str(int(N)): {"mean": load, "sem": sem, "n": self.samples}
                        for N, load, sem in zip(
                            found.sizes, found.load.tolist(), found.sem.tolist(), strict=True
                        )
                    },
                }
                for model, found in self.scalings.items()
            },
        }

    def finding(self) -> str:
        """The limits in a line."""
        words = [
            f"{label_of(model)} $\\alpha_\\infty$ = {_limit(found)}"
            for model, found in self.scalings.items()
        ]
        cues = "clean cues" if self.overlap == 1 else f"cues at $m_0$ = {self.overlap:g}"
        return f"half of the {cues} come home for large $N$ up to " + ", ".join(words)

    def heading(self) -> str:
        """The patterns, the cues, the criterion."""
        s = self.asked
        return (
            f"{s.data} patterns; {s.trials} cues at overlap {self.overlap:g} per pattern set; "
            f"{s.criterion}, retrieved: cosine ≥ {s.threshold:g}; α = P/N at which half return"
        )

    def tables(self) -> Iterator[str]:
        """A row per model, a column per size."""
        sizes = sorted({int(N) for found in self.scalings.values() for N in found.sizes})
        rows, law = [], {m: f"{load:.4f}" for m, load in self.limits.items()}
        for model, found in self.scalings.items():
            known = dict(zip(found.sizes.astype(int).tolist(), _words(found), strict=True))
            cells = [known.get(N, "—") for N in sizes]
            misfit = found.extrapolation.misfit
            chi = f"{misfit:.2g}" if np.isfinite(misfit) else "—"  # two sizes are always on a line
            words = [*cells, _limit(found), chi]
            rows.append([label_of(model), *words, *([law.get(model, "—")] if law else [])])
        heads = ["capacity α, N =", *map(str, sizes), "N → ∞", "χ²/dof"]
        yield table([*heads, "theory"] if law else heads, rows)
        yield f"(N → ∞: α(N) = α_∞ + a N^(−{EXPONENT:.2g}); see χ² per degree of freedom)"

    @property
    def figsize(self) -> tuple[float, float]:
        """Two panels."""
        return 9.0, 4.0

    def draw(self, figure: Figure) -> None:
        """Retrieval against load at each size of the first model; capacities against size."""
        curves, limits = figure.subplots(1, 2)
        self._draw_curves(curves)
        self._draw_limits(limits)

    def _draw_curves(self, axes: Axes) -> None:
        model, found = next(iter(self.scalings.items()))
        for look, N, one in zip(cycle(figures.SERIES), found.sizes, found.capacities, strict=False):
            curve = one.curve
            measured = curve.success, curve.sem
            figures.means(axes, curve.load, measured, look, label=f"$N$ = {N:g}")
        axes.axhline(self.level, color="0.85", lw=0.8, zorder=0)
        axes.set(xlabel=r"load $\alpha = P/N$", ylabel="probability of retrieval")
        axes.set_title(label_of(model))
        axes.set_ylim(-0.03, 1.05)
        axes.legend()

    def _draw_limits(self, axes: Axes) -> None:
        for model, look in looks_of(self.scalings).items():
            found = self.scalings[model]
            z = found.sizes**-EXPONENT
            known = np.isfinite(found.load)
            figures.means(
                *(axes, z[known], (found.load[known], found.sem[known]), look),
                ls="",
                label=label_of(model),
            )
            fit = found.extrapolation
            if np.isfinite(fit.limit):
                ends = np.array([0, z.max()])
                axes.plot(ends, fit.limit + fit.slope * ends, color=look[0], lw=1)
                figures.means(axes, [0], ([fit.limit], [fit.sem]), look, mfc="white")
        for (model, law), style in zip(self.limits.items(), cycle(_LINES), strict=False):
            color = looks_of(self.scalings)[model][0]
            label = f"{label_of(model)}, theory {law:.3f}"
            axes.axhline(law, color=color, ls=style, lw=1.2, zorder=1, label=label)
        sizes = sorted({N for found in self.scalings.values() for N in found.sizes.tolist()})
        axes.set_xticks([0, *(N**-EXPONENT for N in sizes)], ["∞", *(f"{N:g}" for N in sizes)])
        axes.set(xlabel=r"size $N$, on an axis of $N^{-2/3}$", ylabel=r"capacity $\alpha$")
        axes.set_ylim(bottom=0)
        if len(self.scalings) > 1:  # too many lines to lie on what is drawn
            figures.legend_of(axes)
        else:
            axes.legend()


def _limit(found: CapacityScaling) -> str:
    """The limit with its error, in as many digits as it has."""
    fit = found.extrapolation
    return uncertain(fit.limit, fit.sem, 3) if np.isfinite(fit.limit) else "not known"


def _words(found: CapacityScaling) -> list[str]:
    """The capacity at each size."""
    ends = [(one.curve.load[0], one.curve.load[-1]) for one in found.capacities]
    return [
        uncertain(load, sem, 3)
        if low < load < high
        else (f"> {high:g}" if load >= high else f"< {low:g}")
        for load, sem, (low, high) in zip(
            found.load.tolist(), found.sem.tolist(), ends, strict=True
        )
    ]
