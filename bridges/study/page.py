"""How a figure is to stand on a page: files, style, width, limits, scales and title.

None of it changes what is measured, nor the record of a run.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click

from bridges.study.numbers import Real, shortened
from bridges.study.places import Place

FORMATS = ("png", "pdf", "svg")
NONE = "none"  # the title of a figure that has none
_PROGRAM = ("backend", "interactive", "savefig.directory", "savefig.format", "toolbar", "webagg")
"""How the names of settings begin that are about a program, not about how a figure looks."""


class Limits(NamedTuple):
    """The ends of an axis, of one panel by its letter or of all."""

    panel: str | None
    low: float
    high: float


class Scale(NamedTuple):
    """The axes, of "xy", that become logarithmic, of one panel by its letter or of all."""

    panel: str | None
    axes: str


@dataclass(frozen=True)
class Page:
    """What a figure is asked to be.

    Attributes
    ----------
    formats : of the files, of FORMATS.
    style : settings of matplotlib, over those of the house.
    width : inches; None: as wide as the figure is drawn for.
    xlim, ylim : limits, the last that names a panel wins.
    log : logarithmic axes.
    title : instead of the finding; "none" for none, None for the finding.
    """

    formats: tuple[str, ...] = ("png",)
    style: Mapping[str, Any] | None = None
    width: float | None = None
    xlim: tuple[Limits, ...] = ()
    ylim: tuple[Limits, ...] = ()
    log: tuple[Scale, ...] = ()
    title: str | None = None

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> Page:
        """Take its own out of the options of a command."""
        return cls(
            formats=tuple(given.pop("format")),
            width=given.pop("figure_width"),
            style=given.pop("style"),
            xlim=tuple(given.pop("xlim")),
            ylim=tuple(given.pop("ylim")),
            log=tuple(given.pop("log")),
            title=given.pop("title"),
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the style; where a width is asked for, nothing is cut off it."""
        own = dict(self.style or {})
        return own if self.width is None else own | {"savefig.bbox": None}

    def files(self, stem: str) -> list[str]:
        """Names of the files of a figure."""
        return [f"{stem}.{ending}" for ending in self.formats]

    def headline(self, finding: str) -> str:
        """What stands above the figure; nothing where no title is wanted."""
        return "" if self.title == NONE else self.title or finding


USUAL = Page()


class Formats(click.ParamType):  # type: ignore[type-arg]
    """Kinds of files, `png,pdf,svg`."""

    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        """The kinds, distinct."""
        if isinstance(value, list):
            return value
        found = list(dict.fromkeys(part.strip() for part in str(value).split(",")))
        for one in found:
            if one not in FORMATS:
                self.fail(f"{shortened(one)} is not one of {', '.join(FORMATS)}", param, ctx)
        return found


class _OfPanel(click.ParamType):  # type: ignore[type-arg]
    """Something that is said of one panel, `b:…`, or of all."""

    def parts(self, value: Any, param: Any, ctx: Any) -> tuple[str | None, str]:
        """The letter of the panel, and the rest."""
        letter, colon, rest = str(value).rpartition(":")
        if colon and not re.fullmatch("[a-z]", letter):
            self.fail(f"{shortened(letter)} is not the letter of a panel, a to z", param, ctx)
        return letter or None, rest


class LimitsType(_OfPanel):
    """Limits of an axis, `LOW,HIGH` of all panels or `b:LOW,HIGH` of one."""

    name = "low,high"

    def convert(self, value: Any, param: Any, ctx: Any) -> Limits:
        """The limits, finite and rising."""
        if isinstance(value, Limits):
            return value
        panel, rest = self.parts(value, param, ctx)
        ends = rest.split(",")
        if len(ends) != 2:
            self.fail(f"{shortened(value)} is not LOW,HIGH, two numbers", param, ctx)
        low, high = (Real().convert(end.strip(), param, ctx) for end in ends)
        if not low < high:
            self.fail(f"{shortened(value)} does not rise; the lower end comes first", param, ctx)
        return Limits(panel, low, high)


class ScaleType(_OfPanel):
    """Axes to be logarithmic, `x`, `y` or `xy` of all panels or `b:y` of one."""

    name = "x|y|xy"

    def convert(self, value: Any, param: Any, ctx: Any) -> Scale:
        """The axes."""
        if isinstance(value, Scale):
            return value
        panel, axes = self.parts(value, param, ctx)
        if axes not in ("x", "y", "xy"):
            self.fail(f"{shortened(value)} is not one of x, y, xy", param, ctx)
        return Scale(panel, axes)


class TitleType(click.ParamType):  # type: ignore[type-arg]
    """A line of text, in which `$…$` is a formula."""

    name = "text"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The text, if its formulas can be read."""
        from matplotlib.cbook import is_math_text
        from matplotlib.mathtext import MathTextParser

        from bridges.study.figures import printed

        if not str(value).strip():
            self.fail(f"it is empty; {NONE!r} is for no title", param, ctx)
        text = printed(str(value))
        try:
            if is_math_text(text):
                MathTextParser("path").parse(text)
        except ValueError as error:
            reason = str(error).splitlines()[-1]
            self.fail(f"{shortened(text)} has a formula that cannot be read: {reason}", param, ctx)
        return text


class Style(Place):
    """A style sheet of matplotlib, as its settings."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The settings."""
        if isinstance(value, dict):
            return value
        try:
            return read_style(Path(super().convert(value, param, ctx)))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def read_style(path: Path) -> dict[str, Any]:
    """The settings of a style sheet of matplotlib; those of programs, such as `backend`, left out.

    Raises
    ------
    ValueError : a file that is no text, a line that is no setting, a setting that is unknown or of
        a wrong value, LaTeX asked for where there is none.
    """
    import matplotlib

    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("matplotlib")
    log.addHandler(handler)
    try:
        found = matplotlib.rc_params_from_file(
            path.absolute(), fail_on_error=True, use_default_template=False
        )
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is no style sheet: {_short(error)}") from error
    finally:
        log.removeHandler(handler)
    for words in said:
        if not words.startswith("Duplicate"):
            raise ValueError(f"{path} is no style sheet: {_short(words)}")
    if found.get("text.usetex") and shutil.which("latex") is None:
        raise ValueError(f"{path} asks for LaTeX (text.usetex), which is not installed")
    return {name: value for name, value in found.items() if not name.startswith(_PROGRAM)}


def _short(error: Any) -> str:
    """What matplotlib says of a style sheet, in a line, without the path of the file."""
    text = " ".join(str(error).split()).partition(" You probably need")[0]
    return re.sub(r" in file .*, (line \d+)", r" in \1", text)
