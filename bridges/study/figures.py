"""The figures, one look for all: data as points with error bars, theory as lines.

A model has the same colour and marker everywhere. The colours are Okabe and Ito's, which
colour-blind readers can distinguish; the markers serve in print. Matplotlib is loaded when
something is drawn.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bridges.estimates import mean_and_sem

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator
    from numpy.typing import ArrayLike

T = TypeVar("T")
LOOKS: dict[str, tuple[str, str]] = {
    "hebb": ("#000000", "o"),
    "pseudo-inverse": ("#E69F00", "s"),
    "polynomial": ("#009E73", "^"),
    "exponential": ("#CC79A7", "v"),
    "exponential-real": ("#56B4E9", "D"),
    "denoiser": ("#0072B2", "x"),
    "flow": ("#D55E00", "P"),
    "sde": ("#8C6D1F", "*"),
    "storkey": ("#999933", "h"),
    "max-margin": ("#332288", "d"),
    "unlearned": ("#882255", "<"),
    "daydream": ("#44AA99", ">"),
    "twn": ("#AA4466", "p"),
    "twn-structured": ("#117733", "X"),
}
_OTHERS: tuple[tuple[str, str], ...] = (
    ("#DC267F", "H"),
    ("#785EF0", "8"),
    ("#B8860B", "p"),
    ("#648FFF", "d"),
    ("#5C4033", "^"),
)  # of models that have no name: those given by a path
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
_LETTERS = 14  # of a headline to the inch
_LETTER = 1 / 30  # of the length of an axis, that a letter of a tick takes
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
    "savefig.dpi": 200,
}
THEORY: tuple[dict[str, Any], ...] = (
    {"color": "0.35", "lw": 1.2, "ls": "-", "zorder": 1},
    {"color": "0.35", "lw": 1.2, "ls": ":", "zorder": 1},
)


def looks(models: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each model: its own, or those of the next that has no name."""
    others = cycle(_OTHERS)
    return {model: LOOKS.get(model) or next(others) for model in dict.fromkeys(models)}


def look() -> AbstractContextManager[None]:
    """The one look; figures are made, and drawn on, inside it."""
    import matplotlib

    return matplotlib.rc_context(_STYLE)


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
    low, high = axes.get_xlim()
    axes.set_xticks(x, _labels(x, min(low, *x), max(high, *x)))
    axes.minorticks_off()


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
    lines = [line for one in text.splitlines() for line in even_lines(one, width)]
    figure.suptitle("\n".join(lines), fontsize=10.5)


def even_lines(text: str, width: int) -> list[str]:
    """Text on as few lines as its width asks for, and none of them much shorter than others.

    Examples
    --------
    >>> even_lines("beyond these dreams all is lost", 30)
    ['beyond these', 'dreams all is lost']
    """
    least = len(textwrap.wrap(text, width))
    narrow = next(k for k in range(1, width + 1) if len(textwrap.wrap(text, k)) <= least)
    return textwrap.wrap(text, narrow)


def literal(text: str) -> str:
    r"""Words of the user's, as of a file, for a figure: nothing in them is a formula.

    Dollars are kept from beginning one, letters that the font does not have are boxes, and what
    is too long for a title is cut.

    Examples
    --------
    >>> literal("a$b_c"), literal("two\nlines 記")
    ('a\\$b_c', 'two□lines □')
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    cut = text if len(text) <= _NAME else f"{text[:_NAME]}…"
    seen = (c if c.isprintable() and font.get_char_index(ord(c)) else "□" for c in cut)
    return "".join(seen).replace("$", r"\$")


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
        locator = MaxNLocator(5)
    axis.set_major_locator(locator)
    if low >= 1e-3 and high < 1e5:
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


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


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    from diffusion.files import write_whole

    content = io.BytesIO()
    with look():
        figure.savefig(content, format="png")
    write_whole(path, content.getvalue())
