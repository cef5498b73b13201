"""The panels of a figure once they are drawn: their letters, their places on a page, their axes.

A study draws its panels for a figure of its usual width. What is here moves them below each other
where a page is narrower, and gives them the limits and scales that are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

from bridges.study import figures
from bridges.study.page import Page, Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.gridspec import GridSpec
    from matplotlib.text import Text

_LEAST, _PICTURE = 2.6, 1.1  # inches that a panel of curves needs, and a picture
_TITLED = 0.036  # inches to the letter of its title, on lines of which two make one
_KEPT = 0.85  # of its usual width, at which any panel is readable
_FLAT = 0.8  # least height of a panel that became narrower, of its usual one
_LINE = 0.18  # inches of a line of a legend
_PASSES = 3  # over words that are too long
_ROOM = 1.05  # of the side of its panel, that a title or a label may take


def composed(
    draw: Callable[[Figure], None], usual: tuple[float, float], finding: str, page: Page
) -> Figure:
    """A figure in the one look, as it is to stand on a page.

    Parameters
    ----------
    draw : draws the panels on an empty figure.
    usual : width and height that they are drawn for, inches.
    finding : the title, unless the page has another.

    Raises
    ------
    ValueError : the page asks for what the figure does not have.
    """
    from matplotlib.figure import Figure

    with figures.look(page.settings):
        figure = Figure(figsize=(page.width or usual[0], usual[1]), layout="constrained")
        draw(figure)
        place(figure, usual, page)
        set_axes(figure, page)
        if title := page.headline(finding):
            figures.headline(figure, title)
        letter(figure)
    return figure


def panels(figure: Figure) -> list[Axes]:
    """The panels, row by row; scales of colours are none."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def lettered(figure: Figure) -> list[Axes]:
    """The panels that have letters: all but the pictures of a wall of them."""
    return [
        axes
        for axes in panels(figure)
        if axes.get_label() == figures.PICTURE
        or (axes.axison and (len(axes.get_xticks()) or len(axes.get_yticks())))
    ]


def place(figure: Figure, usual: tuple[float, float], page: Page) -> None:
    """Move the panels of a figure below each other where the page is narrow."""
    if page.width is None:
        return
    height = usual[1]
    parts: Sequence[Figure | SubFigure] = figure.subfigs or [figure]
    shares = [part.bbox.height / figure.bbox.height for part in parts]
    heights = [
        height * share * _stacked(part, usual[0], page.width)
        for part, share in zip(parts, shares, strict=True)
    ]
    rows = sum(_legend_lines(part) for part in {figure, *parts})
    if figure.subfigs:
        grid = figure.subfigs[0]._subplotspec.get_gridspec()  # type: ignore[attr-defined]
        grid.set_height_ratios(heights)
    figure.set_size_inches(page.width, sum(heights) + _LINE * rows)


def _stacked(part: Figure | SubFigure, usual: float, width: float) -> float:
    """Move panels into fewer columns; by what factor the part becomes higher."""
    grids: dict[Any, list[Axes]] = {}
    for axes in part.axes:
        if (spec := axes.get_subplotspec()) is not None:
            grids.setdefault(spec.get_gridspec(), []).append(axes)
    ((grid, members),) = grids.items()
    columns = grid.ncols
    needed = max(_needed(axes, usual / columns) for axes in members)
    fewer = max(1, min(columns, int(width / needed)))
    narrowed = min(1.0, max(_FLAT, (width / fewer) / (usual / columns)))
    if fewer == columns:
        return narrowed
    places = _places(len(members), fewer, columns if _pictures(members) else None)
    _move(part, members, places, fewer, columns)
    return narrowed * (places[-1][0] + 1) / grid.nrows


def _pictures(members: Sequence[Axes]) -> bool:
    """Whether panels are pictures, which have no axes, in lines of their own."""
    return not any(len(axes.get_xticks()) or len(axes.get_yticks()) for axes in members)


def _places(count: int, columns: int, line: int | None) -> list[tuple[int, int]]:
    """Rows and columns of panels one after the other; each `line` of so many begins a row.

    Examples
    --------
    >>> _places(4, 2, None), _places(4, 1, 2), _places(6, 2, 3)[3:]
    ([(0, 0), (0, 1), (1, 0), (1, 1)], [(0, 0), (1, 0), (2, 0), (3, 0)], [(2, 0), (2, 1), (3, 0)])
    """
    line = line or count
    down = math.ceil(line / columns)
    places = (divmod(k % line, columns) for k in range(count))
    return [(k // line * down + row, column) for k, (row, column) in enumerate(places)]


def _needed(axes: Axes, usual: float) -> float:
    """Inches that a panel needs at least."""
    if axes.axison and axes.get_aspect() == "auto":
        return min(_KEPT * usual, _LEAST)
    longest = max(map(len, axes.get_title().splitlines()), default=0)
    return min(_KEPT * usual, max(_PICTURE, longest * _TITLED))


def _move(
    part: Figure | SubFigure,
    members: Sequence[Axes],
    places: Sequence[tuple[int, int]],
    columns: int,
    before: int,
) -> None:
    """Move panels from rows of `before` into fewer columns; what a row said once is repeated."""
    from matplotlib.gridspec import GridSpec as Grid

    grid: GridSpec = Grid(places[-1][0] + 1, columns, figure=part)  # type: ignore[arg-type]  # of a part too
    named = [axes.get_ylabel() for axes in members]
    for k, axes in enumerate(members):
        axes.set_subplotspec(grid[places[k]])
        first = places[k][1] == 0
        if first and not _numbered(axes):
            axes.tick_params(labelleft=True)
        if first and axes.axison and len(axes.get_yticks()):
            axes.set_ylabel(axes.get_ylabel() or named[k - k % before])


def _numbered(axes: Axes) -> bool:
    """Whether there are numbers along the y axis of a panel, and not of its neighbour alone."""
    return bool(axes.yaxis.get_tick_params().get("labelleft", True))


def _legend_lines(part: Figure | SubFigure) -> int:
    """Lines of the legends below the panels."""
    found = 0
    for legend in part.legends:
        labels = [text.get_text() for text in legend.get_texts()]
        deep = max((label.count("\n") + 1 for label in labels), default=0)
        found += math.ceil(len(labels) / legend._ncols) * deep  # type: ignore[attr-defined]
    return found


def set_axes(figure: Figure, page: Page) -> None:
    """Give the panels the scales and limits that the page asks for.

    Logarithmic axes whose ticks nobody has chosen have the same numbers in all figures.

    Raises
    ------
    ValueError : a panel that is not there, a logarithmic axis of what is not positive.
    """
    for axes in panels(figure):
        for axis in (axes.xaxis, axes.yaxis):
            if figures.plainly_logarithmic(axis):
                figures.plain_ticks(axis)
    for scale in page.log:
        for letter, axes in _asked(figure, "log", scale.panel):
            if scale.panel is not None:
                for name in scale.axes:
                    _stand_alone(axes, name)
            _make_logarithmic(axes, scale, letter)
    for name, wanted in (("xlim", page.xlim), ("ylim", page.ylim)):
        for panel, low, high in sorted(wanted, key=lambda one: one.panel is not None):
            for letter, axes in _asked(figure, name, panel):
                if panel is not None:
                    _stand_alone(axes, name[0])
                axis = axes.xaxis if name == "xlim" else axes.yaxis
                if axis.get_scale() == "log" and low <= 0:
                    raise ValueError(
                        f"{name} must be positive on the logarithmic axis of panel {letter}, "
                        f"got {low:g}"
                    )
                ends = (high, low) if axis.get_inverted() else (low, high)
                axes.set(**{name: ends})
                _number(axes, name[0])
                if axis.get_scale() == "log" and not figures.fixed(axis):
                    figures.plain_ticks(axis)


def _asked(figure: Figure, name: str, panel: str | None) -> list[tuple[str, Axes]]:
    """The panel of a letter, or all that have axes, with their letters."""
    named = zip(ascii_lowercase, lettered(figure), strict=False)
    found = {k: axes for k, axes in named if axes.axison}
    if panel is None:
        return [(k, one) for k, one in found.items() if one.get_aspect() == "auto"]
    if panel not in found:
        there = "a panel of curves, and there is none"
        if found:
            first, last = min(found), max(found)
            there = f"a panel {first} to {last}" if first < last else f"panel {first}"
        raise ValueError(f"{name} must be of {there}, got {panel}")
    return [(panel, found[panel])]


def _stand_alone(axes: Axes, name: str) -> None:
    """Part a panel from those whose x or y axis it shares, as it is; all are then numbered.

    Axes that are shared have one scale, one range, and the same objects that find their ticks.
    """
    group = axes._shared_axes[name]  # type: ignore[attr-defined]
    others = [one for one in group.get_siblings(axes) if one is not axes]
    if not others:
        return
    axes.get_xlim(), axes.get_ylim()  # ranges that are still to be found are those of all
    group.remove(axes)
    own, remaining = (one.xaxis if name == "x" else one.yaxis for one in (axes, others[0]))
    for which in ("major", "minor"):
        shared = getattr(remaining, which)
        ticker = copy(shared)
        ticker.locator, ticker.formatter = copy(shared.locator), copy(shared.formatter)
        setattr(own, which, ticker)
        for finds, axis in ((ticker, own), (shared, remaining)):
            finds.locator.set_axis(axis)
            finds.formatter.set_axis(axis)
    for one in (axes, *others):
        one.tick_params(**{"labelbottom" if name == "x" else "labelleft": True})


def _make_logarithmic(axes: Axes, scale: Scale, letter: str) -> None:
    for name in scale.axes:
        axis = axes.xaxis if name == "x" else axes.yaxis
        if axis.get_scale() == "log":
            continue
        if not math.isfinite(axis.get_minpos()):
            raise ValueError(f"log: panel {letter} has nothing positive along {name}")
        axes.set(**{f"{name}scale": "log"})
        _number(axes, name)
        axes.autoscale(axis="x" if name == "x" else "y")
        figures.plain_ticks(axis)


def letter(figure: Figure) -> None:
    """Give the panels letters before their titles, if there are several; no words too long."""
    found, named = panels(figure), lettered(figure)
    if len(named) > 1:
        for name, axes in zip(ascii_lowercase, named, strict=False):
            _entitle(axes, rf"$\mathbf{{{name}}}$  {_title(axes)}".rstrip())
    for _ in range(_PASSES):  # a broken label moves its panel
        if not _broken(figure, found):
            break


def _broken(figure: Figure, found: Sequence[Axes]) -> bool:
    """Break the titles and labels that are too long; whether there were any."""
    figure.draw_without_rendering()
    ends, changed = figure.bbox, False
    for axes in found:
        box, label = axes.get_window_extent(), axes.xaxis.label.get_window_extent()
        for text in (axes.title, axes._left_title):  # type: ignore[attr-defined]
            room = min(box.width * _ROOM, ends.x1 - box.x0)
            changed |= _break(text, text.get_window_extent().width, room)
        middle = (label.x0 + label.x1) / 2
        edges = 2 * min(middle - ends.x0, ends.x1 - middle)
        changed |= _break(axes.xaxis.label, label.width, min(box.width * _ROOM, edges))
        high = axes.yaxis.label.get_window_extent().height
        changed |= _break(axes.yaxis.label, high, box.height * _ROOM)
    return changed


def _break(text: Text, long: float, room: float) -> bool:
    """Break a text into lines that there is room for; a bracket that ends it is a line first."""
    words = text.get_text()
    if not words or long <= room:
        return False
    width = int(max(map(figures.letters, words.splitlines())) * room / long)
    start, bracket, end = words.rpartition(" (")
    if bracket and end.endswith(")") and figures.letters(start) <= width:
        text.set_text(f"{start}\n({end}")
    else:
        text.set_text(figures.evenly(" ".join(words.splitlines()), width))
    return text.get_text() != words


def _number(axes: Axes, name: str) -> None:
    """Numbers along a y axis that is no longer its neighbour's."""
    if name == "y":
        axes.tick_params(labelleft=True)


def _title(axes: Axes) -> str:
    return axes.get_title("left") or axes.get_title()


def _entitle(axes: Axes, text: str) -> None:
    size = axes.title.get_fontsize()
    axes.set_title("")
    axes.set_title(text, loc="left", fontsize=size)
