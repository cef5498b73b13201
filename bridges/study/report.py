"""A report is made of a study alone: the finding, a text, a summary, a figure.

A study writes a subclass that says what is its own (`finding`, `heading`, `tables`,
`conclusions`, `panels` or `draw`); what all reports share stands here once: the samples and the
seed, what the errors are between, how much was found on disk, the look of the figure and its
headline.
A folder that is finished can be shown again from what is in it, by `Report(load_run(folder))`.
"""

from __future__ import annotations

import math
import re
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click

from bridges.estimates import mean_and_sem, pattern_sets
from bridges.study.files import finite, printable, write_json
from bridges.study.page import USUAL, Page
from bridges.study.record import Point, written
from bridges.study.results import Study
from bridges.study.tables import WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray

Panel = Callable[["Axes"], None]


class Report(ABC):
    """What a study found.

    Attributes
    ----------
    between : what the independent samples are, in the plural; errors are between them.
    grid : rows and columns of the panels.
    """

    between: ClassVar[str] = "pattern sets"
    grid: tuple[int, int] = (1, 2)

    def __init__(self, study: Study) -> None:
        self.study = study

    @property
    def setting(self) -> Point:
        """The parameters of the run."""
        parameters: Point = self.study.config["parameters"]
        return parameters

    @property
    def samples(self) -> int:
        """The number of independent samples."""
        return int(self.study.config["samples"])

    @property
    def figsize(self) -> tuple[float, float]:
        """Width and height of the figure, inches."""
        return 8.2, 7.2

    @property
    def at_hand(self) -> bool:
        """Whether all is at hand that the figure is drawn from."""
        return True

    @abstractmethod
    def finding(self) -> str:
        """The result in a line, the title of the figure."""

    @abstractmethod
    def heading(self) -> str:
        """What was measured, for the first line of the text."""

    @abstractmethod
    def tables(self) -> Iterable[str]:
        """The tables of the text, and notes on them, one block each."""

    def conclusions(self) -> Point:
        """What does not follow from `study.results()` by reading a row of it."""
        return {}

    def panels(self) -> Iterable[Panel]:
        """What draws the panels of the grid, row by row."""
        return ()

    def draw(self, figure: Figure) -> None:
        """Draw all panels on an empty figure; here those of a grid."""
        for axes, panel in zip(figure.subplots(*self.grid).ravel(), self.panels(), strict=True):
            panel(axes)

    def errors(self) -> str:
        """What the errors are."""
        if self.samples == 1:
            one = re.sub(r"s(?= of |$)", "", self.between, count=1)
            return f"1 {one}: no errors"
        stored = sorted({P for point in self.study.points if (P := point.get("patterns"))})
        whole = [P for P in stored if self.one_set(P)]
        if whole and whole == stored:
            return f"all {whole[0]} vectors stored, so that there is 1 pattern set: no errors"
        errors = f"errors: s.e. between {self.samples} {self.between}"
        one = f"; at P = {whole[0]}, all vectors, there is 1 pattern set: no error" if whole else ""
        return errors + one

    def one_set(self, patterns: int) -> bool:
        """Whether all samples store the same patterns: all vectors of the data of the run."""
        rows = self.study.points[0].get("vectors", math.inf)
        return self.samples > 1 and pattern_sets(self.samples, [patterns], rows) == 1

    def between_sets(self, patterns: int, by_sample: ndarray) -> ndarray:
        """Numbers of the samples, as one where these store the same patterns: without error."""
        if not self.one_set(patterns):
            return by_sample
        return mean_and_sem(by_sample)[0][None]

    def text(self) -> str:
        """Tables for a person."""
        heading = textwrap.fill(f"{self.heading()}; {self.errors()}", WIDTH)
        blocks = [heading, *self.tables()]
        if self.study.reused:
            blocks.append(f"({self.study.reused} measurements found there, not repeated)")
        return "\n\n".join(blocks)

    def summary(self) -> Point:
        """Settings and conclusions, for a program; every measured number has a mean, sem, n."""
        asked = {"samples": self.samples, "seed": self.study.config["seed"]}
        return self.setting | asked | self.conclusions()

    def figure(self, page: Page = USUAL) -> Figure:
        """The figure, in the one look, with the finding as its title.

        Raises
        ------
        ValueError : the page asks for what the figure does not have.
        """
        from bridges.study import panels

        return panels.composed(self.draw, self.figsize, self.finding(), page)

    def publish(self, page: Page, *, json: bool, quiet: bool, show: bool) -> None:
        """Write summary and figure into the folder of the run, and print what is wanted."""
        from bridges.study import figures

        folder, summary = self.study.out, self.summary()
        assert folder is not None
        names = page.files("figure")
        missing = [name for name in names if self.at_hand or not (folder / name).exists()]
        figure = self.figure(page) if missing else None  # else one that shows more is there
        for name in missing:
            assert figure is not None
            figures.save(figure, folder / name, page.settings)
        self._convert(folder, page)
        write_json(folder / "summary.json", summary)
        if json:
            click.echo(dumps(finite(summary), indent=2))
        elif not quiet:
            words = f"written to {folder}: results.csv, summary.json, {', '.join(names)}"
            click.echo(printable(f"{self.text()}\n{words}"))
        if show:
            click.launch(str(folder / names[0]))

    def _convert(self, folder: Path, page: Page) -> None:
        """Write the pictures that measurements wrote, which are PNG, in other formats too."""
        from bridges.study import figures

        own = (name for names in written(self.study.config).values() for name in names)
        for name in (one for one in own if one.endswith(".png") and (folder / one).exists()):
            for other in page.files(name.removesuffix(".png")):
                if other != name:
                    figures.save(figures.picture(folder / name), folder / other)
