"""What trainings of a denoiser came to, and from when on they copy: `bridges train`."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridges.data import called
from bridges.estimates import estimate, mean_and_sem, with_count
from bridges.memorization.copies import CRITERIA, VERDICTS, clearest
from bridges.memorization.monitor import UNJUDGED
from bridges.study import figures, report as base
from bridges.study.record import Point
from bridges.study.results import Study
from bridges.study.tables import WIDTH, of_samples, table, uncertain
from bridges.verbs.training import Course, Home, follow, measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Course", "Home", "Report", "follow", "measure"]
SHOWN = {
    "ratio": "d₁/d₂ < 1/3",
    "calibrated": "local distance < its quantile",
    "match": "d₁/d₂ below all chance",
}
SHORT = dict(zip(VERDICTS, ("no", "not decided", "beyond chance"), strict=True))
SHORT[UNJUDGED] = UNJUDGED


def trained_on(course: Course, point: Point, sizes: str) -> str:
    """The data, how many of them, the network, and what a step is."""
    classes = " with classes" if course.classes else ""
    until = {
        "steps": "",
        "loss": ", kept where the held-out loss is least",
        "copies": ", or until the first copies beyond chance",
    }[course.until]
    return (
        f"{Path(course.data).name}, N = {point['size']}, P = {sizes}; {course.network}{classes}, "
        f"{course.steps} steps of {point['batch']} images{until}; {course.draws} samples per look"
    )


class Report(base.Report):
    """What was seen along the trainings, and what the denoisers are that are kept."""

    between = "trainings"

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.course = Course.of(study)
        (self.point,) = study.points
        _ = self.number("kept_step")

    @property
    def figsize(self) -> tuple[float, float]:
        """Two panels."""
        return 9.2, 3.7

    @cached_property
    def found(self) -> dict[tuple[str, int | None, str | None], list[float]]:
        """Values of the samples by quantity, step of the look (None: what is kept), criterion."""
        return self.study.by_sample("quantity", "look", "criterion")

    def number(self, quantity: str) -> np.ndarray:
        """A number of each training that has it, (samples,) or fewer."""
        return np.array(self.found.get((quantity, None, None), []))

    @cached_property
    def looks(self) -> list[int]:
        """Steps at which some training was judged."""
        return sorted({look for _, look, _ in self.found if look is not None})

    def judgement(self, look: int | None) -> tuple[str, str]:
        """Verdict of all trainings at a step, None for what is kept, and its criterion.

        Twice the mean of p-values is one, however they depend on each other.
        """
        p = {name: self.found.get(("p_value", look, name), []) for name in CRITERIA}
        if not p["ratio"]:
            return UNJUDGED, "ratio"
        return clearest({c: min(2, len(one)) * sum(one) / len(one) for c, one in p.items()})

    def excess(self, look: int | None, criterion: str) -> tuple[float, float]:
        """Copies in excess of false alarms, and the larger of the errors within and between."""
        values = (self.found[name, look, criterion] for name in ("excess", "excess_sem"))
        excess, own = (np.array(one) for one in values)
        mean, sem = (float(one) for one in mean_and_sem(excess))
        return mean, max(float(own.mean()) / math.sqrt(len(own)), 0.0 if math.isnan(sem) else sem)

    @cached_property
    def first(self) -> np.ndarray:
        """Steps of the first copies beyond chance, of the trainings that have them."""
        return self.number("first_copies_step")

    def conclusions(self) -> Point:
        """Steps and images of what matters, and the verdict on the denoisers that are kept."""
        nan = np.full(self.samples, np.nan)
        steps = {
            "kept": self.number("kept_step"),
            "least_held_out_loss": self.number("least_loss_step"),
            "first_copies": np.concatenate([self.first, nan[len(self.first) :]]),
        }
        verdict, criterion = self.judgement(None)
        found: Point = {f"{name}_step": estimate(s if len(s) else nan) for name, s in steps.items()}
        return found | {
            "patterns": self.point["patterns"],
            "images_per_step": self.point["batch"],
            "verdict": verdict,
            "criterion": criterion,
            "denoiser": "denoiser.safetensors",
        }

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        verdict = self.judgement(None)[0]
        kept = of_samples(self.number("kept_step"), 0)
        line = f"{self.name}, $P$ = {self.point['patterns']}: {verdict} at step {kept}"
        if len(self.first):
            line += f"; the first at step {self._of_first()}"
        return line

    def _of_first(self) -> str:
        """The step of the first copies, and how many trainings have them."""
        return with_count(of_samples(self.first, 0), len(self.first), self.samples)

    @property
    def name(self) -> str:
        """The data as figures and tables call them."""
        return called(self.course.data)

    def heading(self) -> str:
        """The data, the network, and what a step is."""
        return trained_on(self.course, self.point, str(self.point["patterns"]))

    def tables(self) -> Iterator[str]:
        """The looks, and what they come to."""
        yield table(
            ["step", "each seen", "loss", "held-out", *SHOWN, "copies"],
            [self._row(look) for look in self.looks],
        )
        yield "\n".join(textwrap.fill(words, WIDTH) for words in self._words())
        meant = "; ".join(f"{name}: {words}" for name, words in SHOWN.items())
        yield textwrap.fill(
            "(each seen: how often each datum was; then losses on data of the training and on "
            "held-out data, and the samples flagged in excess of the false alarms of held-out "
            f"data, by {meant})",
            WIDTH,
        )

    def _row(self, look: int) -> list[str]:
        seen = look * self.point["batch"] / self.point["patterns"]
        losses = (self.losses(name) for name in ("loss", "held_out_loss"))
        cells = [of_samples(y[:, x == look].ravel()) if x.size else "—" for x, y in losses]
        shares = [uncertain(*self.excess(look, name), 3) for name in SHOWN]
        return [str(look), f"{seen:.0f}", *cells, *shares, SHORT[self.judgement(look)[0]]]

    def losses(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps of the marks (K,) and a loss there (samples, K)."""
        return self.study.curve(name, "mark")

    def _words(self) -> Iterator[str]:
        """What matters, in words."""
        images, P = self.point["batch"], self.point["patterns"]
        if len(self.first):
            step = float(self.first.mean())
            yield (
                f"first copies beyond chance at step {self._of_first()}: after {step * images:.0f} "
                f"images, each datum {step * images / P:.0f} times"
            )
        else:
            yield f"no copies beyond chance in {of_samples(self.number('last_step'), 0)} steps"
        least = self.number("least_loss_step")
        if len(least):
            open_end = (least == self.number("last_step")).any()
            note = "; it still falls there" if open_end else ""
            yield f"held-out loss least at step {of_samples(least, 0)}{note}"
        verdict, criterion = self.judgement(None)
        kept = f"kept, as denoiser.safetensors, of step {of_samples(self.number('kept_step'), 0)}: "
        if verdict == UNJUDGED:
            yield kept + "not judged, as its samples are not in the units of the data"
        else:
            found = uncertain(*self.excess(None, criterion), 3)
            yield f"{kept}{verdict}: an excess of {found} over false alarms ({criterion})"

    def panels(self) -> list[base.Panel]:
        """Losses, and copies."""
        return [self._losses, self._copies]

    def _losses(self, axes: Axes) -> None:
        shown = {"loss": "data of the training", "held_out_loss": "held-out data"}
        for (name, label), (color, _) in zip(shown.items(), figures.SERIES, strict=False):
            x, y = self.losses(name)
            if x.size:
                figures.band(axes, x, y, color, label=label)
        axes.set(yscale="log", ylabel="weighted denoising loss")
        figures.plain_ticks(axes.yaxis)
        self._step_axis(axes)

    def _copies(self, axes: Axes) -> None:
        for (name, label), series in zip(SHOWN.items(), figures.SERIES, strict=False):
            found = np.array([self.excess(look, name) for look in self.looks]).reshape(-1, 2).T
            figures.means(axes, self.looks, found, series, label=label)
        axes.axhline(0, color="0.35", lw=1, ls=":", zorder=0)
        axes.set(ylabel="samples flagged, beyond false alarms")
        self._step_axis(axes)
        if len(self.looks):  # else it ended before the first
            figures.ticks(axes, self.looks)
        figures.room_for_legend(axes, len(axes.get_legend_handles_labels()[1]))

    def _step_axis(self, axes: Axes) -> None:
        marks = {"first copies": (self.first, "--")}
        if self.course.until == "loss":  # else it is the last
            marks["kept"] = (self.number("kept_step"), "-")
        for label, (steps, style) in marks.items():
            if len(steps):
                axes.axvline(steps.mean(), color="0.35", lw=1, ls=style, zorder=0, label=label)
        axes.legend()
        figures.log_axis(axes)
        axes.set_xlabel(f"gradient steps of {self.point['batch']} images")
