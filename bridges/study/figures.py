"""The figures, one look for all: data as points with error bars, theory as lines.

A model has the same colour and marker everywhere. The colours are Okabe and Ito's, which
colour-blind readers can distinguish; the markers serve in print. Matplotlib is loaded when
something is drawn.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bridges.estimates import mean_and_sem

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.ticker import Locator
    from numpy.typing import ArrayLike

T = TypeVar("T")
SERIES: tuple[tuple[str, str], ...] = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
)
"""Colours and markers of what is no model: loads, cues, kinds of noise."""
_WIDE = 500  # ends of a logarithmic axis, from which it has powers of ten alone
_NAME = 60  # letters of a name that a title has room for
_FORMULA = re.compile(r"(?<!\\)\$.*?(?<!\\)\$")
_NAMED, _MARKS = re.compile(r"\\(?!mathrm|mathbf)[A-Za-z]+"), re.compile(r"\\\w*|[${}^_]")
_LETTERS = 13  # of a headline to the inch
_SMALL, _HANDLE = 16.5, 0.5  # letters of a legend to the inch; inches of what stands by a label
_DOTS = 100  # of a picture, to the inch
_ROW = 0.11  # of the height of a panel, that a line of its legend takes
_NARROW = 6.0  # inches, below which a figure has no room for a legend beside it
_LETTER = 1 / 30  # of the length of an axis, that a letter of a tick takes
_TOUCH = 0.05  # of an axis, within which points have one label
PICTURE = "picture"  # label of a panel without axes, which has a letter all the same
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": 10,
    "axes.titlesize": 9.5,
    "errorbar.capsize": 2,
    "legend.fontsize": 8,
    "legend.framealpha": 0.6,  # read where it lies on what is drawn
    "legend.edgecolor": "none",
    "figure.titlesize": 10.5,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # fonts that editors of figures, and publishers, can read
    "ps.fonttype": 42,
    "svg.fonttype": "none",  # text is text
    "svg.hashsalt": "hopfield-diffusion",  # the same figure is the same file
}
_UNDATED = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
THEORY: tuple[dict[str, Any], ...] = (
    {"color": "0.35", "lw": 1.2, "ls": "-", "zorder": 1},
    {"color": "0.35", "lw": 1.2, "ls": ":", "zorder": 1},
)


def look(style: Mapping[str, Any] | None = None) -> AbstractContextManager[None]:
    """The one look, under a style of the user's; figures are made, and drawn on, inside it."""
    import matplotlib

    return matplotlib.rc_context(_STYLE | dict(style or {}))


def points(
    axes: Axes, x: np.ndarray, by_sample: np.ndarray, series: tuple[str, str], **settings: Any
) -> None:
    """Data: means over the samples (S, K) at x (K,), with their standard errors."""
    means(axes, x, mean_and_sem(by_sample), series, **settings)


def means(
    axes: Axes,
    x: ArrayLike,
    found: tuple[ArrayLike, ArrayLike] | np.ndarray,
    series: tuple[str, str],
    **settings: Any,
) -> None:
    """Data: `found` are means (K,) at x (K,), and their errors, (K,) or (2, K), NaN for none."""
    import numpy as np

    (mean, error), (color, marker) = found, series
    usual: dict[str, Any] = {"color": color, "marker": marker, "ms": 5, "lw": 1, "zorder": 3}
    axes.errorbar(x, mean, yerr=np.nan_to_num(error), **(usual | settings))


def band(
    axes: Axes,
    x: ArrayLike,
    by_sample: np.ndarray,
    color: str,
    alpha: float = 0.3,
    **settings: Any,
) -> None:
    """Data so dense that they are a line: means of (S, K) at x (K,), errors as a band."""
    mean, sem = mean_and_sem(by_sample)
    axes.plot(x, mean, color=color, **settings)
    axes.fill_between(x, mean - sem, mean + sem, color=color, alpha=alpha, lw=0)


def ticks(axes: Axes, x: Sequence[float] | np.ndarray, base: int = 10) -> None:
    """A logarithmic x axis whose ticks are what was measured; numbers too close are left out."""
    axes.set_xscale("log", base=base)
    ends = [end for end in (*axes.get_xlim(), *x) if end > 0]  # where nothing is drawn one is not
    axes.set_xticks(x, _labels(x, min(ends), max(ends)))
    axes.minorticks_off()


def even_ticks(axes: Axes, x: Sequence[float] | np.ndarray) -> None:
    """Ticks of a linear x axis at what was measured; of many, every k-th up to the last has one."""
    low, high = sorted(axes.get_xlim())
    longest = _LETTER * (max(len(f"{one:g}") for one in x) + 1)
    gap = abs(x[-1] - x[0]) / max(high - low, 1e-300) / max(1, len(x) - 1)
    every = math.ceil(longest / gap) if gap else 1
    kept = [k % every == (len(x) - 1) % every for k in range(len(x))]
    axes.set_xticks(x, [f"{one:g}" if k else "" for one, k in zip(x, kept, strict=True)])


def three(values: Sequence[T]) -> list[T]:
    """The first, the middle and the last of what would be too much to draw; all of fewer."""
    return [values[k] for k in sorted({0, len(values) // 2, len(values) - 1})]


def shades() -> Colormap:
    """The colours of maps, light enough for lines and points to be seen on them."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shades", ["white", "0.45"])


def headline(figure: Figure, text: str) -> None:
    """The finding as the title of a figure, on as many lines as its width asks for."""
    width = int(_LETTERS * figure.get_figwidth())
    text = re.sub(r"(?<!\S)-(?=\d)", "−", text)  # as on the axes
    figure.suptitle("\n".join(evenly(line, width) for line in text.splitlines()))


def evenly(text: str, width: int) -> str:
    r"""Text on as few lines of `width` letters as there can be, all about as long.

    No line ends inside a formula, or before or after its `=`.

    Examples
    --------
    >>> print(evenly(r"an area of $2\,\log P$ where $D$ = 3", 24))
    an area of $2\,\log P$
    where $D$ = 3
    """
    whole = _FORMULA.sub(lambda one: one[0].replace(" ", "\0"), text)
    words = re.sub(r" ([=<>]) ", "\0\\1\0", whole).split(" ")
    few = len(_lines(words, width))
    narrow = next(w for w in range(1, letters(text) + 1) if len(_lines(words, w)) <= few)
    return "\n".join(_lines(words, narrow)).replace("\0", " ")


def letters(text: str) -> int:
    r"""About how many letters a line of text shows, its formulas without their marks.

    Examples
    --------
    >>> letters(r"$N_{\mathrm{eff}}$ of $\sigma$")
    9
    """
    return len(_FORMULA.sub(lambda one: _MARKS.sub("", _NAMED.sub("x", one[0])), text)) or 1


def _lines(words: Sequence[str], width: int) -> list[str]:
    """Words on lines of at most `width` letters, but for a word that is longer."""
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        if letters(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def legend_beside(
    figure: Figure | SubFigure, handles: Sequence[Any], labels: Sequence[str]
) -> None:
    """A legend right of the panels of a figure, or below them where that would be narrow."""
    if _width(figure) < _NARROW:
        legend_below(figure, handles, labels)
    else:
        figure.legend(handles, labels, loc="outside right center")


def legend_of(axes: Axes, others: Sequence[Any] = ()) -> None:
    """The legend of the last panel of a row, right of it, or below all where that is narrow.

    others : artists that it names too.
    """
    handles = [*axes.get_legend_handles_labels()[0], *others]
    labels = [str(one.get_label()) for one in handles]
    if _width(axes.figure) < _NARROW:
        legend_below(axes.figure, handles, labels)
    else:
        axes.legend(handles, labels, loc="center left", bbox_to_anchor=(1.02, 0.5))


def room_for_legend(axes: Axes, lines: int) -> None:
    """Room above what is drawn for a legend of so many lines, which hides nothing then."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + (high - low) * _ROW * lines)
    axes.legend(loc="upper left")


def legend_below(
    figure: Figure | SubFigure, handles: Sequence[Any], labels: Sequence[str], columns: int = 9
) -> None:
    """A legend below the panels, in as many columns, at most, as there is room for."""
    longest = max((len(one) for label in labels for one in label.splitlines()), default=1)
    fits = int(_width(figure) / (_HANDLE + longest / _SMALL)) or 1
    figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, fits))


def _width(figure: Figure | SubFigure) -> float:
    """Inches."""
    return float(figure.bbox.width / figure.get_dpi())


def literal(text: str) -> str:
    r"""Words of the user's, as of a file, for a figure: nothing in them is a formula.

    Dollars are kept from beginning one, letters that the font does not have are boxes, and what
    is too long for a title is cut.

    Examples
    --------
    >>> literal("a$b_c"), literal("two\nlines 記")
    ('a\\$b_c', 'two□lines □')
    """
    cut = text if len(text) <= _NAME else f"{text[:_NAME]}…"
    return printed(cut).replace("$", r"\$")


def printed(text: str) -> str:
    """Text with a box for each letter that the font does not have."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    seen = (c if c.isprintable() and font.get_char_index(ord(c)) else "□" for c in text)
    return "".join(seen)


def log_axis(axes: Axes) -> None:
    """A logarithmic x axis for what has been drawn."""
    axes.set_xscale("log")
    plain_ticks(axes.xaxis)


def plain_ticks(axis: Axis, at: np.ndarray | None = None) -> None:
    """Legible numbers on a logarithmic axis: at some places, or at 1, 2, 5, 10 …

    A wide axis has powers of ten alone, a narrow one even steps.
    """
    import numpy as np
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_minor_formatter(NullFormatter())
    if at is not None:
        axis.set_ticks(at, _labels(at, low, high))
        return
    locator: Locator = LogLocator(subs=(1.0, 2.0, 5.0) if high < _WIDE * low else (1.0,))
    ticks = np.asarray(locator.tick_values(low, high))
    if ((low <= ticks) & (ticks <= high)).sum() < 2:
        locator = MaxNLocator(5, steps=[1, 2, 5, 10])
    axis.set_major_locator(locator)
    if low >= 1e-3 and high < 1e5:
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


def alike(row: Sequence[Axes]) -> None:
    """Panels of a row with the same y axis: its numbers beside the first alone."""
    for axes in row[1:]:
        axes.tick_params(labelleft=False)


def plainly_logarithmic(axis: Axis) -> bool:
    """Whether an axis is logarithmic, to base 10, and has the ticks that matplotlib gives it."""
    from matplotlib.ticker import LogFormatterSciNotation

    formatter = axis.get_major_formatter()
    return isinstance(formatter, LogFormatterSciNotation) and formatter._base == 10  # type: ignore[attr-defined]


def fixed(axis: Axis) -> bool:
    """Whether the ticks of an axis are at what was measured."""
    from matplotlib.ticker import FixedLocator

    return isinstance(axis.get_major_locator(), FixedLocator)


def _labels(at: Sequence[float] | np.ndarray, low: float, high: float) -> list[str]:
    """The numbers of ticks on a logarithmic axis, empty where the last one is in the way."""
    import numpy as np

    shown: list[str] = []
    free = -math.inf  # from where on the axis, of length 1, there is room
    for x, place in zip(at, np.log(np.asarray(at) / low) / np.log(high / low), strict=True):
        text = f"{x:g}"
        half = _LETTER * (len(text) + 1) / 2
        shown.append(text if place - half >= free else "")
        free = place + half if shown[-1] else free
    return shown


def mark(axes: Axes, x: float, label: str, style: str) -> None:
    """A vertical line with its name at the top, inside; each name a line below the last."""
    above = sum(text.get_gid() == "mark" for text in axes.texts)
    axes.axvline(x, color="0.35", lw=1, ls=style, zorder=0)
    axes.annotate(
        label,
        (x, 1),
        xycoords=("data", "axes fraction"),
        xytext=(2, -2 - 10 * above),
        textcoords="offset points",
        va="top",
        fontsize=8,
        gid="mark",
        color="0.25",
    )


def name_points(
    axes: Axes,
    names: Sequence[str],
    x: np.ndarray,
    y: np.ndarray,
    color: str,
    below: bool = False,
) -> None:
    """Write the names of points beside them, those of points that coincide as one.

    x, y : (K,), NaN for what has no place. The scales and limits of the axes are those to be.
    """
    import numpy as np

    places = (axes.transScale + axes.transLimits).transform(np.column_stack([x, y]))
    left = list(range(len(names)))
    while left:
        near = [k for k in left if (np.abs(places[k] - places[left[0]]) <= _TOUCH).all()]
        same = near or left[:1]  # NaN is not even near itself
        axes.annotate(
            ", ".join(names[k] for k in same),
            (float(x[same].mean()), float(y[same].mean())),
            textcoords="offset points",
            xytext=(4, -4 if below else 4),
            va="top" if below else "baseline",
            fontsize=7,
            color=color,
        )
        left = [k for k in left if k not in same]


def bare(axes: Axes) -> None:
    """No axes around a panel that is a picture or a graph; it has its letter all the same."""
    axes.set_axis_off()
    axes.set_label(PICTURE)


def picture(path: Path) -> Figure:
    """A picture of dots, as a figure of its size, for files of other kinds."""
    import numpy as np
    from matplotlib.figure import Figure
    from PIL import Image

    with Image.open(path) as image:
        dots = np.asarray(image.convert("RGB"))  # of 8 bits, which stay as they are
    figure = Figure(figsize=(dots.shape[1] / _DOTS, dots.shape[0] / _DOTS))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(dots, interpolation="none", aspect="auto")
    axes.axis("off")
    return figure


def content(figure: Figure, kind: str, style: Mapping[str, Any] | None = None) -> bytes:
    """A figure as a file of a kind: png, pdf or svg."""
    found = io.BytesIO()
    with look(style):
        figure.savefig(found, format=kind, metadata=_UNDATED.get(kind))
    return found.getvalue()


def save(figure: Figure, path: Path, style: Mapping[str, Any] | None = None) -> None:
    """Write a figure in the format that its name ends with, whole or not at all."""
    from diffusion.files import write_whole

    write_whole(path, content(figure, path.suffix.removeprefix("."), style))
