"""The ways home as a film: every model at the same part of its way."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

from bridges.study import figures, report as base
from bridges.verbs.recall import Report
from bridges.verbs.recalled import frame_end, name_of, picture, shown_image, stage_name, stages
from bridges.verbs.recalling import Way
from diffusion.files import write_whole

_FRAMES, _HELD = 24, 10  # of the way, and of its end
_RATE = 8  # frames per second
_DOTS = 100  # per inch
_ACROSS = 6  # models in a line
_CELL = 1.5  # inches of a picture with its words


def check_writer(kind: str) -> None:
    """Refuse a film that cannot be written here. Raises ValueError."""
    if kind == "mp4" and shutil.which("ffmpeg") is None:
        raise ValueError("animate: mp4 needs the program ffmpeg, got none here; take gif")


def write_film(report: base.Report, kind: str) -> Path:
    """Write `recall.gif` or `recall.mp4` into the folder of a run, and say where it is."""
    from matplotlib.animation import FFMpegWriter, PillowWriter

    assert isinstance(report, Report)
    folder, ways = report.study.out, report.ways
    assert folder is not None
    if not ways:
        raise ValueError("animate: the data or the models of the run are not at hand any more")
    with figures.look(), tempfile.TemporaryDirectory() as home:
        film = _Film(ways, report.recall.setting.data)
        file = Path(home) / f"recall.{kind}"
        writer = (PillowWriter if kind == "gif" else FFMpegWriter)(fps=_RATE)
        with writer.saving(film.figure, str(file), _DOTS):
            for k in range(_FRAMES + _HELD):
                film.show(min(k, _FRAMES - 1))
                writer.grab_frame()
        path = folder / file.name
        write_whole(path, file.read_bytes())
    return path


class _Film:
    """A moving picture per model, above its pattern."""

    def __init__(self, ways: list[Way], data: str) -> None:
        self.ways, self.data = ways, data
        self.steps = [stages(way, _FRAMES, ends=True) for way in ways]
        self.limits = [(float(way.pattern.min()), float(way.pattern.max())) for way in ways]
        across = min(len(ways), _ACROSS)
        lines = -(-len(ways) // across)
        inches = (_CELL * across + 0.4, 2.5 * _CELL * lines)
        self.figure = Figure(figsize=inches, layout="constrained")
        grid = self.figure.subplots(2 * lines, across, squeeze=False)
        for axes in grid.flat:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        self.cells = list(grid[::2].flat)
        self.drawn = []
        for k, (way, limits) in enumerate(zip(ways, self.limits, strict=True)):
            self.drawn.append(picture(self.cells[k], way.rows[0], data, limits))
            below = grid[1::2].flat[k]
            picture(below, way.pattern[0], data, limits)
            below.set_xlabel("pattern", fontsize=8)

    def show(self, frame: int) -> None:
        """Show all models at a part of their way."""
        for k, way in enumerate(self.ways):
            step, axes = self.steps[k][frame], self.cells[k]
            self.drawn[k].set_data(shown_image(way.rows[step], self.data, self.limits[k]))
            axes.set_title(f"{name_of(way)}\n{stage_name(way, step)}", fontsize=8)
            axes.set_xlabel(f"$m$ = {float(way.found.overlap[step, 0]):.2f}", fontsize=8)
            if frame == _FRAMES - 1:
                frame_end(axes, way)
