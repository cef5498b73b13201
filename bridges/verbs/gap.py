"""What a model made of its data and of held-out data, in a report: table, line and panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.memorization.unseen import ALIKE, DATA, GAPS, SURE, UNSEEN, judged
from bridges.study import figures
from bridges.study.record import Point
from bridges.study.tables import table, uncertain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Key = tuple[Any, ...]  # (quantity, sigma, criterion, points, ratio)
_NAMES = ("gap", "error_gap", "ceiling")
_SAID = {
    GAPS[0]: "the model is a model of their kind",
    GAPS[1]: "whether the model is a memory of these data is not decided",
    GAPS[2]: "the model is a memory of these data",
}


@dataclass(frozen=True)
class Gap:
    """The rows of a model in a survey, their means and standard errors between samples."""

    found: Mapping[Key, tuple[float, float | None]]
    samples: int

    @classmethod
    def of(cls, found: Mapping[Key, tuple[float, float | None]], samples: int) -> Gap | None:
        """The same, None where no model was cued."""
        return cls(found, samples) if ("gap", None, None, None, None) in found else None

    @property
    def levels(self) -> list[float]:
        """The noise levels of the cues."""
        return sorted(key[1] for key in self.found if key[0] == "success" and key[3] == DATA)

    def curve(self, quantity: str, who: str) -> np.ndarray:
        """Means and standard errors of "success" or "error" over the noise, (2, K)."""
        pairs = [self.found[(quantity, sigma, None, who, None)] for sigma in self.levels]
        return np.array([(mean, sem or 0.0) for mean, sem in pairs]).T

    def value(self, name: str) -> tuple[float, float]:
        """A gap, and the larger of its errors: between patterns, and between samples."""
        mean, sem = self.found[(name, None, None, None, None)]
        own = self.found[(f"{name}_sem", None, None, None, None)][0]
        return mean, max(own, sem or 0.0)

    @property
    def verdict(self) -> str:
        """One of GAPS."""
        return judged(*self.value("gap"), *self.value("error_gap"))

    def conclusions(self) -> Point:
        """The verdict, and the gaps with their errors."""
        gaps = {name: self.value(name) for name in _NAMES}
        return {"model": self.verdict} | {
            name: {"mean": mean, "sem": sem, "n": self.samples}
            for name, (mean, sem) in gaps.items()
        }

    def table(self) -> str:
        """By noise level how often cues come home, and the errors of a denoising."""
        columns = {
            f"{before}{who}": self.curve(quantity, who)
            for quantity, before in (("success", ""), ("error", "error, "))
            for who in (DATA, UNSEEN, f"nearest {DATA}", f"nearest {UNSEEN}")
        }
        rows = [
            [f"{sigma:.2f}", *(uncertain(*found[:, k]) for found in columns.values())]
            for k, sigma in enumerate(self.levels)
        ]
        return table(["cues come home from σ", *columns], rows)

    def line(self) -> str:
        """The verdict, with what it rests on, and chance and ceilings beside."""
        gap, error, ceiling = (uncertain(*self.value(name)) for name in _NAMES)
        middle = len(self.levels) // 2
        unseen, nearest = (
            uncertain(*self.curve("error", who)[:, middle]) for who in (UNSEEN, f"nearest {UNSEEN}")
        )
        return (
            f"{_SAID[self.verdict]}: of the cues of data {gap} more come home than of held-out "
            f"data\n(nearest pattern {ceiling}); the error of a denoising is {error} larger on "
            f"held-out data, in units of a blind guess\n(held-out data at σ = "
            f"{self.levels[middle]:.2f}: {unseen}; nearest pattern {nearest}, blind guess 1)"
        )

    @property
    def met(self) -> tuple[bool, float]:
        """Whether data and held-out data come home alike, and how often the latter do."""
        gap, sem = self.value("gap")
        return gap < max(ALIKE, SURE * sem), float(self.curve("success", UNSEEN)[0].mean())

    def draw(self, axes: Axes) -> None:
        """How often cues of data and of held-out data come home, and what bounds it."""
        for who, series in zip((DATA, UNSEEN), figures.SERIES, strict=False):
            look = {"ms": 4, "lw": 0.7, "label": who}
            figures.means(axes, self.levels, self.curve("success", who), series, **look)
            nearest = self.curve("success", f"nearest {who}")[0]
            line = figures.THEORY[0 if who == DATA else 1]
            axes.plot(self.levels, nearest, label=f"nearest, {who}", **line)
        blind = self.found[("blind", None, None, None, None)][0]
        axes.axhline(blind, color="0.6", lw=1, ls="--", zorder=0, label="blind guess")
        axes.set_xscale("log")
        figures.ticks(axes, self.levels)
        axes.set(ylim=(-0.03, 1.05), ylabel="probability to come home")
        axes.set_xlabel(r"noise level $\sigma$ (rms deviations of the data)")
        axes.legend()
        gap, sem = self.value("gap")
        axes.set_title(f"a memory, or a model: a gap of {uncertain(gap, sem)}")
