"""Cues coming home, step by step, in pictures and in numbers: `bridges recall`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.data import called, fingerprint, said
from bridges.estimates import estimate, fraction_and_sem, with_count
from bridges.models import content_of, label_of
from bridges.study import figures, report as base
from bridges.study.looks import looks_of
from bridges.study.record import Point
from bridges.study.results import Study
from bridges.study.run import sample_seeds
from bridges.study.tables import WIDTH, of_samples, table
from bridges.verbs.recalled import Lines, frames
from bridges.verbs.recalling import Recall, Way, asked, digest, measure
from hopfield import NotSeparableError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Recall", "Report", "asked", "measure"]
_CURVES = 2.8  # inches of the curves, with the title of the figure
_TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Report(base.Report):
    """What became of the cues."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.recall = Recall.of(study)
        if not self.models:
            raise ValueError(f"model stores the patterns in no case: {', '.join(self.wanted)}")

    @property
    def wanted(self) -> list[str]:
        """Names of the models that were asked for."""
        return [point["model"] for point in self.study.points]

    @cached_property
    def models(self) -> list[str]:
        """Names of those that have a measurement, in this order."""
        pairs = zip(self.wanted, self.study.samples, strict=True)
        return [name for name, samples in pairs if any(samples)]

    @property
    def patterns(self) -> int:
        """Number of patterns P that each model stores."""
        return int(self.study.points[0]["patterns"])

    def number(self, model: str, quantity: str) -> np.ndarray:
        """A number of each sample that has it, (samples,) or fewer."""
        return self.between_sets(self.patterns, np.array(self._grouped[quantity, model, None]))

    @cached_property
    def _grouped(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("quantity", "model", "step")

    def curve(self, model: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps (K,), and the overlap there (samples, K)."""
        steps, overlap = self.study.curve("overlap", "step", model=model)
        return steps, self.between_sets(self.patterns, overlap)

    def conclusions(self) -> Point:
        """By model where its cues came to."""
        found = {}
        for model in self.models:
            numbers = {
                name: estimate(self.number(model, name)) for name in ("cue", "end", "steps", "told")
            }
            for name in ("home", "nearest"):
                share = self.number(model, name)
                mean, sem = fraction_and_sem(share)
                numbers[name] = {"mean": float(mean), "sem": float(sem), "n": len(share)}
            found[model] = numbers
        return {"models": found}

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        shares = {model: float(self.number(model, "home").mean()) for model in self.models}
        best, worst = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
        what = f"{figures.literal(called(self.recall.setting.data))}, $P$ = {self.patterns}"
        words = f"{what}: of {self._cues()}, {shares[best]:.0%} come home ({label_of(best)})"
        return words if best == worst else f"{words}, {shares[worst]:.0%} ({label_of(worst)})"

    def _cues(self) -> str:
        cues, index = self.recall.cues, self.recall.setting.first
        of = "cues" if index is None else f"cues of row {index}"
        if cues.file is not None:
            of = f"the cue {figures.literal(Path(cues.file).name)}"
        return f"{of} {cues.words()}".strip()

    def heading(self) -> str:
        """The data and the cues."""
        s, point = self.recall.setting, self.study.points[0]
        return (
            f"{Path(s.data).name}, N = {point['size']}, P = {self.patterns}; one cue per pattern "
            f"set, {self._cues()}; home: cosine ≥ {s.threshold:g}{said(point)}"
        )

    def tables(self) -> Iterator[str]:
        """A row per model."""
        names = {"cue": 3, "end": 3, "home": 2, "nearest": 2, "steps": 1}
        rows = []
        for model in self.models:
            n = len(self._grouped["end", model, None])
            cells = [of_samples(self.number(model, name), d) for name, d in names.items()]
            rows.append([with_count(label_of(model), n, self.samples), *cells])
        yield table(["model", "overlap of the cue", "of the end", "home", "found", "steps"], rows)
        of = "nearest to it" if self.recall.cues.file else "that the cue is made of"
        notes = [f"Overlaps are with the pattern {of}; found: the end is nearest to this one"]
        notes += ["pictures are of the first pattern set"]
        left = [label_of(name) for name in self.wanted if name not in self.models]
        notes += [f"left out, as no couplings store the patterns: {', '.join(left)}"] * bool(left)
        yield textwrap.fill(f"{'; '.join(notes)}.", WIDTH)

    @property
    def at_hand(self) -> bool:
        """Whether data, models and cue can still be read, and are the same; pictures need them."""
        parameters = self.setting
        try:
            if fingerprint(self.recall.setting.data) != parameters["content of data"]:
                return False
            if self.recall.cues.file and digest(self.recall.cues.file) != self.recall.content:
                return False
            contents = ((name, parameters.get(f"content of {name}")) for name in self.models)
            return all(was is None or content_of(name) == was for name, was in contents)
        except (OSError, ValueError):
            return False

    @cached_property
    def ways(self) -> list[Way]:
        """The ways of the cue of the first sample; none where they cannot be made again."""
        seed = sample_seeds(self.study.config["seed"], 1)[0]
        found = []
        for name in self.models if self.at_hand else ():
            try:
                found.append(Way.of(self.recall, name, self.patterns, seed))
            except NotSeparableError:
                continue
        return found

    @cached_property
    def _lines(self) -> Lines:
        """The pictures."""
        of = "nearest\nto the cue" if self.recall.cues.file else "pattern"
        return Lines(self.ways, self.recall.setting.data, of)

    @property
    def figsize(self) -> tuple[float, float]:
        """A line of pictures per model, above the curves."""
        width, height = self._lines.size
        return width, height + _CURVES

    def draw(self, figure: Figure) -> None:
        """The pictures, and beneath them the overlap against the step."""
        if not self.ways:
            self._curves(figure.add_subplot())
            return
        parts = figure.add_gridspec(2, 1, height_ratios=[self._lines.size[1], _CURVES])
        self._lines.draw(figure.add_subfigure(parts[0]))
        self._curves(figure.add_subfigure(parts[1]).add_subplot())

    def _curves(self, axes: Axes) -> None:
        """The overlap with the pattern against the step, with errors between the samples."""
        looks = looks_of(self.models)
        far = max(1.0, *(float(np.max(self.number(m, "steps"))) for m in self.models))
        for model in self.models:
            steps, overlap = self.curve(model)
            n = len(self._grouped["end", model, None])
            label = with_count(label_of(model), n, self.samples)
            near = steps <= far
            figures.points(axes, steps[near], overlap[:, near], looks[model], ms=4, label=label)
        axes.axhline(self.recall.setting.threshold, color="0.8", lw=0.8, zorder=0)
        axes.set_xscale("symlog", linthresh=1, linscale=0.5)
        axes.set_xlim(-0.1, 1.1 * far)
        axes.set_xticks([k for k in _TICKS if k <= far], [str(k) for k in _TICKS if k <= far])
        axes.minorticks_off()
        axes.set_xlabel("step: a sweep, an update or a noise level")
        axes.set_ylabel("overlap with the pattern, $m$")
        figures.legend_of(axes, frames() if self.ways else ())
