"""How ways home are drawn: a line of pictures per model, from the cue to the end.

The stages of a way that are shown part its length, as the states travel it, into equal pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.models import label_of
from bridges.verbs.pictures import images_of
from bridges.verbs.recalling import Way

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from matplotlib.patches import Patch
    from torch import Tensor

STAGES = 4  # shown between the cue and the end
HOME, ELSEWHERE = "#0072B2", "#D55E00"  # frames of the ends
_COLUMNS = STAGES + 4
_CELL, _WORDS = 1.12, 0.2  # inches of a picture, and of the words beneath
_LOW = 0.45  # inches of a strip, which is no image


def stages(way: Way, count: int, ends: bool = False) -> list[int]:
    """Steps that part the way of a cue into equal pieces, `count` at most, without its ends.

    ends : as many as asked for, from the cue to the end, some of them repeatedly.
    """
    states = way.found.states[: int(way.found.steps[0]) + 1, 0].double()
    pieces = states.diff(dim=0).norm(dim=1).cumsum(0).numpy(force=True)
    last = len(pieces)
    if ends:
        goals = np.linspace(0, 1, count) * (pieces[-1] if last else 0.0)
        reached = np.concatenate([[0.0], pieces])
        return [int(np.abs(reached - goal).argmin()) for goal in goals[:-1]] + [last]
    if last - 1 <= count:
        return list(range(1, last))
    goals = np.arange(1, count + 1) / (count + 1) * pieces[-1]
    found: list[int] = []
    for k, goal in enumerate(goals):
        near = int(np.abs(pieces - goal).argmin()) + 1
        least = found[-1] + 1 if found else 1
        found.append(min(max(near, least), last - count + k))
    return found


def stage_name(way: Way, step: int) -> str:
    """What a state on the way is called: by its noise level, or by its number."""
    levels = way.found.levels
    return f"step {step}" if levels is None else f"$\\sigma$ = {float(levels[step]):.2g}"


class Lines:
    """The pictures of several ways, a line each.

    of : what the first picture is, the pattern of the cue or the one nearest to it.
    """

    def __init__(self, ways: Sequence[Way], data: str, of: str) -> None:
        self.ways, self.data, self.of = ways, data, of

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, inches."""
        strips = any(len(images_of(way.rows[:1], self.data)[0]) == 1 for way in self.ways)
        line = _WORDS + (_LOW if strips else _CELL)
        return _COLUMNS * _CELL + 1.2, line * len(self.ways) + 0.5 * bool(self.ways)

    def draw(self, figure: SubFigure) -> None:
        """Draw all lines, under the names of their columns."""
        grid = figure.subplots(len(self.ways), _COLUMNS, squeeze=False)
        titles = (self.of, "cue", "on the way", *[""] * (STAGES - 1), "end", "nearest\nto the end")
        for axes, title in zip(grid[0], titles, strict=True):
            axes.set_title(title, fontsize=8.5)
        for way, cells in zip(self.ways, grid, strict=True):
            self._line(way, list(cells))

    def _line(self, way: Way, cells: list[Axes]) -> None:
        """Pattern, cue, stages, end and the pattern nearest to it."""
        last, shown = int(way.found.steps[0]), stages(way, STAGES)
        blank = STAGES - len(shown)  # of a way that has fewer stages
        rows = [way.pattern[0], way.rows[0], *way.rows[shown], *[None] * blank]
        rows += [way.rows[-1], way.nearest[0]]
        words = ["", f"$m$ = {_overlap(way, 0)}", *(_words(way, k) for k in shown), *[""] * blank]
        words += [_words(way, last), ""]
        limits = float(way.pattern.min()), float(way.pattern.max())
        for axes, row, word in zip(cells, rows, words, strict=True):
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if row is not None:
                picture(axes, row, self.data, limits)
                axes.set_xlabel(word, fontsize=7, labelpad=2)
            else:
                axes.text(0.5, 0.5, "→", ha="center", va="center", color="0.6", fontsize=14)
                axes.set_box_aspect(cells[0].get_box_aspect() or 1)
        frame_end(cells[-2], way)
        label: dict[str, Any] = {
            "fontsize": 9,
            "rotation": 0,
            "ha": "right",
            "va": "center",
            "labelpad": 6,
        }
        cells[0].set_ylabel(name_of(way), **label)


def _words(way: Way, step: int) -> str:
    return f"{stage_name(way, step)}: {_overlap(way, step)}"


def name_of(way: Way) -> str:
    """The label of a model, on two lines."""
    return label_of(way.name).replace(" ", "\n", 1)


def _overlap(way: Way, step: int) -> str:
    return f"{float(way.found.overlap[step, 0]):.2f}"


def frame_end(axes: Axes, way: Way) -> None:
    """Frame an end by whether it is home."""
    axes.spines[:].set(visible=True, color=HOME if way.home else ELSEWHERE, linewidth=2)


def picture(axes: Axes, row: Tensor, data: str, limits: tuple[float, float]) -> Any:
    """Draw a row of the data as an image, or as a strip where it is none."""
    image = shown_image(row, data, limits)
    strip = image.shape[0] == 1
    drawn = axes.imshow(
        image,
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        aspect="auto" if strip else None,
    )
    if strip:
        axes.set_box_aspect(_LOW / _CELL)
        axes.spines[:].set(visible=True, color="0.7", linewidth=0.5)
    return drawn


def shown_image(row: Tensor, data: str, limits: tuple[float, float]) -> np.ndarray:
    """A row as an image of values in [0, 1], (height, width) or with colours."""
    low, high = limits
    scaled = ((row[None] - low) / ((high - low) or 1.0)).clamp(0, 1)
    image = images_of(scaled, data)[0]
    return image[..., :3] if image.shape[-1] >= 3 else image[..., 0]


def frames() -> list[Patch]:
    """What the frames of the ends mean, for a legend."""
    from matplotlib.patches import Patch  # slow to import

    meant = {HOME: "end is home, above the line", ELSEWHERE: "end is elsewhere"}
    return [Patch(fc="none", ec=colour, lw=2, label=words) for colour, words in meant.items()]
