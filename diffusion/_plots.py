"""A result on axes: its curves with their errors, on axes of the caller's or on new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from torch import Tensor

from diffusion._results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Line(NamedTuple):
    """A curve: y at x, its standard errors if it has any, and its own look and label."""

    x: Any
    y: Any
    error: Any = None
    label: str | None = None
    look: Mapping[str, Any] = {}


POINTS: dict[str, Any] = {"marker": "o", "ms": 4, "capsize": 2}
"""Of what was measured with errors."""
AT: dict[str, Any] = {"color": "0.35", "ls": ":", "lw": 1}
"""Of a number that was read off a curve."""


def at(x: float, words: str) -> list[Line]:
    """A vertical line where a curve from 0 to 1 crosses a level; none where it does not."""
    return [Line([x, x], [0, 1], label=words, look=AT)] if np.isfinite(x) else []


class Plotted(Result):
    """Base of the results that one looks at; they say in `_lines` what is drawn.

    Attributes
    ----------
    _titles : labels of both axes.
    _log : the axes, of "xy", that are logarithmic in a figure of its own.
    """

    _titles: ClassVar[tuple[str, str]]
    _log: ClassVar[str] = ""

    def _lines(self) -> Sequence[Line]:
        """The curves of the figure."""
        raise NotImplementedError

    def plot(self, ax: Axes | None = None, **style: Any) -> Axes:
        """Draw the result.

        Parameters
        ----------
        ax : axes to draw on, which keep their scales, limits, title and the labels that they
            have; None: those of a new figure of pyplot.
        **style : properties of matplotlib's lines, such as `color`, `marker`, `label`. Of several
            curves each adds its own name to the label.

        Returns
        -------
        The axes.

        Raises
        ------
        ValueError : `ax` is no Axes, or a property that lines do not have.
        """
        return draw(ax, self._lines(), self._titles, style, self._log)


def draw(
    ax: Axes | None,
    lines: Sequence[Line],
    titles: tuple[str, str],
    style: Mapping[str, Any],
    log: str = "",
) -> Axes:
    """Draw curves as `Plotted.plot` does."""
    own = ax is None
    axes = axes_of(ax)
    for line in lines:
        named = [word for word in (style.get("label"), line.label) if word]
        asked: dict[str, Any] = {**line.look, **style, "label": ", ".join(named) or None}
        error = None if line.error is None else np.nan_to_num(_plain(line.error))
        styled(axes.errorbar, _plain(line.x), _plain(line.y), yerr=error, **asked)
    finish(axes, titles)
    if own:
        for name in log:
            axes.set(**{f"{name}scale": "log"})
        if any(line.label for line in lines) or "label" in style:
            axes.legend()
    return axes


def axes_of(ax: Axes | None) -> Axes:
    """The axes, or those of a new figure. Raises ValueError."""
    from matplotlib.axes import Axes as Kind

    if ax is None:
        from matplotlib import pyplot

        return pyplot.subplots(layout="constrained")[1]
    if not isinstance(ax, Kind):
        raise ValueError(f"ax must be an Axes of matplotlib, got {type(ax).__name__}")
    return ax


def styled(function: Any, *args: Any, **asked: Any) -> Any:
    """What a function of matplotlib draws, or a ValueError that names the property it lacks."""
    try:
        return function(*args, **asked)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"style: {' '.join(str(error).split())}") from error


def finish(axes: Axes, titles: tuple[str, str]) -> None:
    """Label the axes where nobody has."""
    axes.set_xlabel(axes.get_xlabel() or titles[0])
    axes.set_ylabel(axes.get_ylabel() or titles[1])


def _plain(values: Any) -> np.ndarray:
    found = values.detach().cpu() if isinstance(values, Tensor) else values
    return np.asarray(found, dtype=float)
