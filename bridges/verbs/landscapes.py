"""The picture of `bridges basins --picture`: a plane of each model, for loads or noise levels.

Panels are of the first pattern set. What they are drawn from lies beside the picture, in
`picture.npz`, so that a run can be shown again without its data.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np
from tqdm import tqdm

from bridges import _checks
from bridges.basins import Landscape, basin_entropy, landscape
from bridges.basins.landscape import GREYS, NOWHERE, TINTS, cell_colours
from bridges.models import label_of
from bridges.study import figures
from bridges.study.files import LONGEST, open_regular
from bridges.study.tables import table
from bridges.verbs.ends import BasinSurvey, Picture
from diffusion.files import write_whole
from hopfield import NotSeparableError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bridges.study.results import Study

_MOST = 36  # panels
_COLUMNS = 4  # of panels that are one series
_SIDE = 3.1  # of a panel, inches
_WORDS = ("names", "height_name", "kind")  # of a landscape, which are no arrays


class Panel(NamedTuple):
    """A model, the number of patterns that it stores, and the noise level; None for its own."""

    model: str
    patterns: int
    sigma: float | None


def panels(survey: BasinSurvey, picture: Picture, cases: Sequence[tuple[str, int]]) -> list[Panel]:
    """The panels of models and loads; a model without a noise level has one for all levels."""
    found = []
    for model, P in cases:
        levels: Sequence[float | None] = picture.sigmas or [None]
        if not survey.has_level(model, P):
            levels = [None]
        found += [Panel(model, P, sigma) for sigma in levels]
    return found


def check(survey: BasinSurvey, picture: Picture, models: Sequence[str], loads: list[int]) -> None:
    """Refuse a picture that could not be made, before anything is measured. Raises ValueError."""
    asked = panels(survey, picture, [(name, P) for name in models for P in loads])
    if picture.sigmas and all(panel.sigma is None for panel in asked):
        raise ValueError(
            f"sigmas are noise levels, which {', '.join(map(label_of, models))} do not have; give "
            "--model denoiser, flow, sde or exponential-real"
        )
    if len(asked) > _MOST:
        raise ValueError(f"picture: at most {_MOST} panels, got {len(asked)}; give fewer --sigmas")
    size = survey.memory(models[0], min(loads), 0, untrained=True).patterns.shape[1]
    words = f"points: {picture.points}² states of {size} sites"
    _checks.within_memory(8 * 8 * picture.points**2 * size, words)
    for panel in asked:
        try:
            _seen(survey, replace(picture, points=2), panel, 0, untrained=True)
        except NotSeparableError:
            continue
        except ValueError as error:
            raise ValueError(f"picture: {label_of(panel.model)}: {error}") from error


def measure(
    survey: BasinSurvey,
    picture: Picture,
    cases: Sequence[tuple[str, int]],
    seed: int,
    quiet: bool,
) -> dict[Panel, Landscape]:
    """The landscapes of all panels, but of those whose patterns no couplings store."""
    found = {}
    asked = panels(survey, picture, cases)
    for panel in tqdm(asked, "panels of the picture", disable=quiet or None):
        try:
            found[panel] = _seen(survey, picture, panel, seed)
        except NotSeparableError:
            continue
    return found


def _seen(
    survey: BasinSurvey, picture: Picture, panel: Panel, seed: int, untrained: bool = False
) -> Landscape:
    """The landscape of a panel, in the units of the data for data of a plane."""
    memory = survey.memory(panel.model, panel.patterns, seed, panel.sigma, untrained)
    found = landscape(
        memory,
        picture.plane,
        picture.points,
        overlap=survey.overlap_at(memory, panel.model, panel.sigma),
        threshold=survey.setting.threshold,
        seed=_checks.generator_from(seed, "picture"),
    )
    if not survey.flat(panel.model) or picture.plane is not None:
        return found
    mean, unit = survey.units()
    return replace(
        found,
        x=mean[0] + unit * found.x,
        y=mean[1] + unit * found.y,
        attractors=mean + unit * found.attractors,
        patterns=mean + unit * found.patterns,
    )


# ------------------------------------------------------------------ the file


def digest(study: Study) -> str:
    """What tells the picture of one run from that of another."""
    asked = {name: study.config[name] for name in ("study", "parameters", "seed", "points")}
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def save(path: Path, found: dict[Panel, Landscape], run: str) -> None:
    """Write the landscapes of a run, whole or not at all."""
    about: list[Any] = []
    arrays: dict[str, np.ndarray] = {}
    for k, (panel, one) in enumerate(found.items()):
        about.append([*panel, {name: getattr(one, name) for name in _WORDS}])
        for field in fields(Landscape):
            if field.name not in _WORDS:
                arrays[f"{k}.{field.name}"] = getattr(one, field.name)
    content = io.BytesIO()
    arrays["about"] = np.array(json.dumps({"run": run, "panels": about}))
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    write_whole(path, content.getvalue())


def load(path: Path, run: str) -> dict[Panel, Landscape] | None:
    """The landscapes of a run; None where no readable file has them."""
    try:
        with open_regular(path) as file:
            with ZipFile(file) as whole:
                if sum(part.file_size for part in whole.infolist()) > LONGEST:
                    return None
            file.seek(0)
            arrays = dict(np.load(file, allow_pickle=False))
        about = json.loads(str(arrays["about"]))
        if about["run"] != run:
            return None
        return dict(_panel(k, words, arrays) for k, words in enumerate(about["panels"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, BadZipFile):
        return None


def _panel(k: int, words: list[Any], arrays: dict[str, np.ndarray]) -> tuple[Panel, Landscape]:
    model, patterns, sigma, about = words
    given: dict[str, Any] = {
        f.name: arrays[f"{k}.{f.name}"] for f in fields(Landscape) if f.name not in _WORDS
    }
    given |= {name: tuple(about[name]) for name in ("names", "kind")}
    found = Landscape(**given, height_name=str(about["height_name"]))
    shape = len(found.y), len(found.x)
    if found.labels.shape != shape or found.height.shape != shape:
        raise ValueError(f"labels and height must have shape {shape}")
    return Panel(model, patterns, sigma), found


# ------------------------------------------------------------------ what it shows


def name_of(panel: Panel, found: dict[Panel, Landscape]) -> str:
    """The label of a panel: its model, and what differs between panels."""
    words = [label_of(panel.model)]
    if len({one.patterns for one in found}) > 1:
        words.append(f"P = {panel.patterns}")
    if panel.sigma is not None:
        words.append(f"σ = {panel.sigma:g}")
    return ", ".join(words)


def in_memories(one: Landscape) -> float:
    """The part of the plane that ends in a memory."""
    return float(
        sum(f for f, kind in zip(one.fractions, one.kind, strict=True) if kind == "memory")
    )


def numbers(found: dict[Panel, Landscape]) -> Iterator[str]:
    """A row per panel: attractors, the part of the plane in memories, basin entropy."""
    rows = []
    for panel, one in found.items():
        side = max(1, len(one.x) // 20)
        cut = len(one.x) // side * side  # as many whole boxes as there are
        entropy = basin_entropy(one.labels[:cut, :cut], side)
        cells = f"{len(one.kind)}", f"{in_memories(one):.3f}", f"{(one.labels < 0).mean():.3f}"
        rows.append([name_of(panel, found), *cells, f"{entropy.entropy:.3f}"])
    yield table(["picture.png", "attractors", "in memories", "none", "basin entropy"], rows)
    one = next(iter(found.values()))
    yield f"({len(one.x)}² points of a plane, of the first pattern set; data in picture.npz)"


def draw(found: dict[Panel, Landscape], headline: str) -> Figure:
    """The picture: a panel per landscape, a series in a row."""
    from matplotlib.figure import Figure

    grid = _grid(list(found))
    rows, columns = len(grid), max(map(len, grid))
    with figures.look():
        figure = Figure((_SIDE * columns + 0.4, (_SIDE + 0.35) * rows + 0.9), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        colours = dict(zip(found, cell_colours(list(found.values())), strict=True))
        for line, shown in zip(axes, grid, strict=True):
            for ax in line[len(shown) :]:
                ax.remove()
            for ax, panel in zip(line, shown, strict=False):
                one = found[panel]
                one.draw(ax, colours[panel])
                contours = f"\ncontours: {one.height_name}" if one.height_name else ""
                title = name_of(panel, found).replace("σ", r"$\sigma$").replace("P =", "$P$ =")
                ax.set_title(f"{title}{contours}", fontsize=9)
                ax.xaxis.label.set_size(8)
                ax.yaxis.label.set_size(8)
                ax.tick_params(labelsize=7.5)
        _legend(figure, list(found.values()))
        figures.headline(figure, headline)
    return figure


def _grid(shown: list[Panel]) -> list[list[Panel]]:
    """Panels in rows: a row per model and load for noise levels, per model for loads."""
    by_load = all(panel.sigma is None for panel in shown)
    series: dict[Any, list[Panel]] = {}
    for panel in shown:
        series.setdefault(panel.model if by_load else panel[:2], []).append(panel)
    lines = list(series.values())
    if max(map(len, lines)) > 1:
        return lines
    return [shown[k : k + _COLUMNS] for k in range(0, len(shown), _COLUMNS)]


def _legend(figure: Figure, shown: Sequence[Landscape]) -> None:
    """What marks and greys are, below the panels."""
    from matplotlib.patches import Patch

    found: dict[str, Any] = {}
    for ax in figure.axes:
        found |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    cells = {
        "cell of a memory": (TINTS[0], any("memory" in one.kind for one in shown)),
        "of another attractor": (GREYS[1], any({*one.kind} - {"memory"} for one in shown)),
        "of none": (NOWHERE, any((one.labels < 0).any() for one in shown)),
    }
    for label, (colour, there) in cells.items():
        if there:
            found[label] = Patch(fc=colour, ec="0.25", lw=0.6)
    columns = 4 if figure.get_figwidth() > 2 * _SIDE else 2
    handles = list(found.values())
    figure.legend(handles, list(found), loc="outside lower center", ncols=columns, fontsize=7.5)
