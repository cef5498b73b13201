"""How ways home are drawn: a line of pictures per model, and the overlap against the step.

The stages of a way that are shown part its length, as the states travel it, into equal pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Patch

from bridges.estimates import with_count
from bridges.models import label_of
from bridges.study import figures
from bridges.verbs.pictures import images_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from bridges.verbs.recall import Report, Way

STAGES = 4  # shown between the cue and the end
HOME, ELSEWHERE = "#0072B2", "#D55E00"  # frames of the ends
_COLUMNS = STAGES + 4
_CELL, _WORDS = 1.12, 0.2  # inches of a picture, and of the words beneath
_LOW = 0.45  # inches of a strip, which is no image
_CURVES = 2.5  # inches of the curves
_TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def heights(report: Report) -> tuple[float, float]:
    """Inches of the pictures of all models, and of the curves."""
    ways = report.ways
    strips = bool(ways) and len(images_of(ways[0].rows[:1], report.recall.setting.data)[0]) == 1
    line = _WORDS + (_LOW if strips else _CELL)
    return line * len(ways) + 0.5 * bool(ways), _CURVES


def size(report: Report) -> tuple[float, float]:
    """Width and height of the figure, inches."""
    return _COLUMNS * _CELL + 1.2, sum(heights(report)) + 0.3


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


def draw(figure: Figure, report: Report) -> None:
    """The pictures of the first sample, and beneath them the curves of all."""
    pictures, curves = heights(report)
    if not report.ways:
        _curves(figure.add_subplot(), report)
        return
    parts = figure.add_gridspec(2, 1, height_ratios=[pictures, curves])
    above, beneath = (figure.add_subfigure(parts[k]) for k in range(2))
    grid = above.subplots(len(report.ways), _COLUMNS, squeeze=False)
    for way, cells in zip(report.ways, grid, strict=True):
        _line(list(cells), way, report, first=way is report.ways[0])
    _curves(beneath.add_subplot(), report)


def _line(cells: list[Axes], way: Way, report: Report, first: bool) -> None:
    """Pattern, cue, stages, end and the pattern nearest to it."""
    data, found = report.recall.setting.data, way.found
    last = int(found.steps[0])
    shown = stages(way, STAGES)
    of = "nearest\nto the cue" if report.recall.cues.file else "pattern"
    titles = [of, "cue", "on the way", *[""] * (STAGES - 1), "end", "nearest\nto the end"]
    rows = [way.pattern[0], way.rows[0], *way.rows[shown]]
    words = ["", f"$m$ = {_overlap(way, 0)}"] + [
        f"{stage_name(way, k)}: {_overlap(way, k)}" for k in shown
    ]
    rows += [None] * (STAGES - len(shown)) + [way.rows[-1], way.nearest[0]]
    words += [""] * (STAGES - len(shown)) + [f"{stage_name(way, last)}: {_overlap(way, last)}", ""]
    limits = float(way.pattern.min()), float(way.pattern.max())
    for axes, row, title, word in zip(cells, rows, titles, words, strict=True):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if first:
            axes.set_title(title, fontsize=8.5)
        if row is not None:
            picture(axes, row, data, limits)
            axes.set_xlabel(word, fontsize=7, labelpad=2)
        else:  # the way has fewer stages
            axes.text(0.5, 0.5, "→", ha="center", va="center", color="0.6", fontsize=14)
            axes.set_box_aspect(cells[0].get_box_aspect() or 1)
    frame_end(cells[-2], way)
    cells[0].set_ylabel(name_of(way), fontsize=9, rotation=0, ha="right", va="center", labelpad=6)


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


def _curves(axes: Axes, report: Report) -> None:
    """The overlap with the pattern against the step, with errors between the samples."""
    looks = figures.looks(report.models)
    arrived = max(float(np.max(report.number(m, "steps"))) for m in report.models)
    far = max(1.0, arrived)
    for model in report.models:
        steps, overlap = report.curve(model)
        n = len(report.study.by_sample("quantity", "model")["end", model])
        label = with_count(label_of(model), n, report.samples)
        near = steps <= far
        figures.points(axes, steps[near], overlap[:, near], looks[model], ms=4, label=label)
    threshold = report.recall.setting.threshold
    axes.axhline(threshold, color="0.8", lw=0.8, zorder=0)
    axes.set_xscale("symlog", linthresh=1, linscale=0.5)
    axes.set_xlim(-0.1, 1.1 * far)
    axes.set_xticks([k for k in _TICKS if k <= far], [str(k) for k in _TICKS if k <= far])
    axes.minorticks_off()
    axes.set_xlabel("step: a sweep, an update or a noise level")
    axes.set_ylabel("overlap with the pattern, $m$")
    handles = axes.get_legend_handles_labels()[0]
    if report.ways:
        handles += [Patch(fc="none", ec=HOME, lw=2, label="end is home, above the line")]
        handles += [Patch(fc="none", ec=ELSEWHERE, lw=2, label="end is elsewhere")]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5))
