"""The ways home as a film: every model at the same part of its way."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

from bridges.models import label_of
from bridges.study import figures, report as base
from bridges.verbs.recall import Report
from bridges.verbs.recalled import frame, picture, shown_image, stage_name, stages
from diffusion.files import write_whole

_FRAMES, _HELD = 24, 10  # of the way, and of its end
_RATE = 8  # frames per second
_DOTS = 100  # per inch
_ACROSS = 6  # pictures in a line
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
    data = report.recall.setting.data
    shown = [stages(way, _FRAMES, ends=True) for way in ways]
    with figures.look(), tempfile.TemporaryDirectory() as home:
        count = len(ways) + 2
        across = min(count, _ACROSS)
        down = -(-count // across)
        figure = Figure(figsize=(_CELL * across, 1.35 * _CELL * down + 0.4), layout="constrained")
        cells = list(figure.subplots(down, across, squeeze=False).flat)
        limits = [(float(way.pattern.min()), float(way.pattern.max())) for way in ways]
        for axes in cells:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        for axes, row, title in zip(
            cells, (ways[0].pattern[0], ways[0].rows[0]), ("pattern", "cue"), strict=False
        ):
            picture(axes, row, data, limits[0])
            axes.set_title(f"{title}\n")
        moving = cells[2:]
        drawn = [
            picture(axes, way.rows[0], data, limit)
            for axes, way, limit in zip(moving, ways, limits, strict=False)
        ]
        file = Path(home) / f"recall.{kind}"
        writer = (PillowWriter if kind == "gif" else FFMpegWriter)(fps=_RATE)
        with writer.saving(figure, str(file), _DOTS):
            for k in range(_FRAMES + _HELD):
                for axes, way, steps, image, limit in zip(
                    moving, ways, shown, drawn, limits, strict=False
                ):
                    step = steps[min(k, _FRAMES - 1)]
                    image.set_data(shown_image(way.rows[step], data, limit))
                    axes.set_title(f"{label_of(way.name)}\n{stage_name(way, step)}")
                    axes.set_xlabel(f"$m$ = {float(way.found.overlap[step, 0]):.2f}")
                    if k == _FRAMES - 1:
                        frame(axes, way)
                writer.grab_frame()
        path = folder / file.name
        write_whole(path, file.read_bytes())
    return path
