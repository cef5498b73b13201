"""How a data set is read, as part of its name: PATH@OPTION=VALUE,OPTION=VALUE.

One name then says all that the numbers depend on, in the record of a run and on every machine:
`faces@resize=32,grey` are the images of a folder in grey, of 32 × 32 pixels.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from bridges.data.drawn import is_drawn

_OPTIONS = re.compile(r"(.+)@([a-z]+(?:=[^,@=]*)?(?:,[a-z]+(?:=[^,@=]*)?)*)", re.DOTALL)
_SIDES = (1, 65_536)


@dataclass(frozen=True)
class Reading:
    """How the numbers of a file come to be.

    array, label : names of the array or column that holds the data, and of that of the labels.
    grey, ground, resize : of images: without colour, on which colour where they are transparent,
    and of which width and height. scale, shift : values are multiplied, then added to.
    """

    array: str | None = None
    label: str | None = None
    grey: bool = False
    ground: str = "white"
    resize: tuple[int, int] | None = None
    scale: float = 1.0
    shift: float = 0.0

    def refuse_all_but(self, what: str, *allowed: str) -> None:
        """Raise a ValueError for an option that means nothing for `what` is read."""
        for option in fields(self):
            if option.name not in ("scale", "shift", *allowed) and (
                getattr(self, option.name) != option.default
            ):
                raise ValueError(
                    f"data: {option.name} does not concern {what}, got "
                    f"{_text(option.name, getattr(self, option.name))}"
                )


AS_IT_IS = Reading()
_KNOWN: dict[str, Any] = {f.name: f.default for f in fields(Reading)}


def split(data: str) -> tuple[str, Reading]:
    """The place of a data set, and how it is read.

    Raises
    ------
    ValueError : a value that an option cannot have.

    Examples
    --------
    >>> place, how = split("faces@resize=32,grey")
    >>> place, how.resize, how.grey
    ('faces', (32, 32), True)
    """
    there = os.path.exists(data)  # False also of a text too long for a name
    found = None if there else _OPTIONS.fullmatch(data)
    given = [part.partition("=") for part in found[2].split(",")] if found else []
    if found is None or not all(name in _KNOWN for name, _, _ in given):
        return data, Reading()
    return found[1], Reading(**{name: _value(name, unquote(text)) for name, _, text in given})


def joined(data: str | Path, **options: Any) -> str:
    """The name of a data set with options added; those as they are by default say nothing.

    Raises
    ------
    ValueError : a value that an option cannot have.

    Examples
    --------
    >>> joined("faces", resize=32, grey=True)
    'faces@grey,resize=32'
    >>> joined("faces@grey", ground="white")
    'faces@grey'
    """
    place, how = split(str(data))
    values = {name: getattr(how, name) for name in _KNOWN}
    given = {name: value for name, value in options.items() if value is not None}
    values |= {name: _value(name, _plain(value)) for name, value in given.items()}
    said = [_text(name, value) for name, value in values.items() if value != _KNOWN[name]]
    return f"{place}@{','.join(said)}" if said else place


def called(data: str) -> str:
    """A data set in a title, or in the name of a folder: without its place, and its ending.

    Examples
    --------
    >>> called("images/faces.npy@scale=0.5"), called("clustered@clusters=3,overlap=0.9")
    ('faces@scale=0.5', 'clustered@clusters=3,overlap=0.9')
    """
    place, _ = split(data)
    if is_drawn(place):
        return data
    return Path(place).stem + data.removeprefix(place)


def moved(data: str, place: str | Path) -> str:
    """The name of a data set that lies elsewhere and is read in the same way."""
    _, how = split(data)
    return joined(place, **{name: getattr(how, name) for name in _KNOWN})


def _plain(value: Any) -> str:
    """A value in the words of an option."""
    if isinstance(value, tuple | list):
        return "x".join(map(str, value))
    return "" if value is True else str(value)  # False as such


def _text(name: str, value: Any) -> str:
    if value is True:
        return name
    if name == "resize":
        width, height = value
        return f"resize={width}" if width == height else f"resize={width}x{height}"
    return f"{name}={quote(_plain(value), safe=' ')}"


def _value(name: str, text: str) -> Any:
    """The value of an option from its text. Raises ValueError."""
    if name == "grey":
        if text not in ("", "False"):
            raise ValueError(f"{name} is said without a value, got {text!r}")
        return text == ""
    if name in ("scale", "shift"):
        return _number(name, text)
    if name == "resize":
        sides = re.fullmatch(r"(\d{1,6})(?:[x×](\d{1,6}))?", text)
        size = (int(sides[1]), int(sides[2] or sides[1])) if sides else (0, 0)
        if not all(_SIDES[0] <= side <= _SIDES[1] for side in size):
            raise ValueError(f"resize must be a size like 32, or WIDTHxHEIGHT, got {text!r}")
        return size
    if not text:
        raise ValueError(f"{name} must be a name, got none")
    return text


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (name == "scale" and value == 0):
        wanted = "a finite number" + (" other than 0" if name == "scale" else "")
        raise ValueError(f"{name} must be {wanted}, got {text!r}")
    return value
