"""The list of copies of a run of `bridges memorization`: samples.csv, and the clearest pairs."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridges.data import load_data
from bridges.memorization import calibrate
from bridges.memorization.listing import COLUMNS, KINDS, CopyList, listed, pictures
from bridges.study import figures
from bridges.study.files import read_table, write_text
from bridges.study.page import FORMATS, Page
from bridges.verbs.survey import Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

SAMPLES, PAIRS = "samples.csv", "copies"
_SHOWN, _ACROSS = 24, 6  # pairs, and in a row of the figure


def write_list(survey: Survey, match: float | None, folder: Path, page: Page) -> None:
    """Judge the samples of a survey one by one, and write the list and its clearest pairs.

    Parameters
    ----------
    survey : of data that are not random, with samples.
    match : ratio below which a sample matches its datum, as the survey found it on all data.
    folder : of the run.
    page : what the files of the pairs are to be.
    """
    data = load_data(survey.data).rows
    samples, held_out = survey.judged(data.shape[1]), survey.unseen(data.shape[1])
    assert samples is not None
    if match is None:
        match = calibrate(data, held_out, seed=0).criteria["match"].threshold
    found = listed(samples, data, held_out, match, also=survey.also, shape=survey.shape)
    write_text(folder / SAMPLES, found.to_csv())
    drawn = pairs(found, samples, data, survey.shape)
    for name in page.files(PAIRS):
        figures.save(drawn, folder / name)


def counted(folder: Path) -> tuple[dict[str, int], int] | None:
    """How many copies of each kind, and of how many samples; None where no list was written."""
    path = folder / SAMPLES
    if not path.exists():
        return None
    words = read_table(path, COLUMNS, words="copy")["copy"].tolist()
    found = Counter(words)
    return {kind: found[kind] for kind in KINDS}, len(words)


def files_of(folder: Path) -> list[str]:
    """Names of the files of a list of copies that are there."""
    pictures = (f"{PAIRS}.{kind}" for kind in FORMATS)
    return [name for name in (SAMPLES, *pictures) if (folder / name).exists()]


def pairs(found: CopyList, samples: Tensor, data: Tensor, shape: tuple[int, ...] | None) -> Figure:
    """The clearest copies, each beside its datum, one sample per datum; the nearest if none is."""
    from matplotlib.figure import Figure

    listed = found.listed.tolist() or found.ratio.argsort(stable=True).tolist()
    by_datum = {int(found.nearest[k]): k for k in reversed(listed)}
    shown = [k for k in listed if by_datum[int(found.nearest[k])] == k][:_SHOWN]
    rows = np.concatenate([samples[shown].numpy(), data[found.nearest[shown]].numpy()])
    images = _seen(rows, shape)
    limits = float(rows.min()), float(rows.max())
    across = _ACROSS if shape is not None else 1
    down = math.ceil(len(shown) / across)
    high = 1.1 if shape is not None else 0.62
    with figures.look():
        figure = Figure(figsize=(1.6 * _ACROSS, high * down + 0.6), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, k, i in zip(grid.flat, shown, range(len(shown)), strict=False):
            _pair(axes, images[i], images[len(shown) + i], limits, shape is not None)
            word = found.copy[k] or f"$d_1/d_2$ = {float(found.ratio[k]):.2f}"
            named = f"sample {k}, datum {int(found.nearest[k])}"
            axes.set_title(named + ("\n" if across > 1 else ": ") + word, fontsize=7)
        what = "the clearest copies" if len(found.listed) else "no copies: the nearest pairs"
        where = "a sample beside its datum" if across > 1 else "a sample above its datum"
        figures.headline(figure, f"{what}, {where}")
    return figure


def _seen(rows: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
    """Rows as images (B, height, width, colours); as strips of one line where they are none."""
    return rows[:, None, :, None] if shape is None else pictures(rows, shape)


def _pair(
    axes: Axes, one: np.ndarray, other: np.ndarray, limits: tuple[float, float], beside: bool
) -> None:
    """Two images side by side, or two strips one above the other, with a gap."""
    axis = 1 if beside else 0
    if not beside:
        one, other = (strip.repeat(4, 0) for strip in (one, other))  # a gap is thinner
    shape = list(one.shape)
    shape[axis] = max(1, shape[axis] // 16)
    joined = np.concatenate([one, np.full(shape, np.nan), other], axis)
    low, high = limits
    if joined.shape[2] >= 3:
        scaled = np.nan_to_num((joined[..., :3] - low) / ((high - low) or 1.0), nan=1.0)
        axes.imshow(scaled, interpolation="nearest")
        return
    axes.imshow(
        joined[..., 0],
        cmap="gray",
        vmin=low,
        vmax=high,
        interpolation="nearest",
        aspect="equal" if beside else "auto",
    )
