"""How the data of a verb are read: options that become part of the names of the data sets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bridges.study.numbers import Real
from bridges.study.options import Command, Place, Word

_READINGS: dict[str, dict[str, Any]] = {
    "array": {"type": Word(), "help": "Array or column that holds the data, of a file of several."},
    "label": {"type": Word(), "help": "Array or column that holds the classes."},
    "grey": {"is_flag": True, "help": "Images without their colour."},
    "ground": {"type": Word(), "help": "Colour of what is transparent.  [default: white]"},
    "resize": {"type": Word(), "metavar": "SIZE", "help": "Scale images: 32, or WIDTHxHEIGHT."},
    "data-dir": {
        "type": Place(file_okay=False, exists=True),
        "help": "Folder of mnist and fashion as IDX files.  [default: the variable BRIDGES_DATA]",
    },
}
_UNITS: dict[str, dict[str, Any]] = {
    "scale": {"type": Real(), "help": "Factor from the units of --generated to those of --data."},
    "shift": {"type": Real(), "help": "What is then added."},
}
_OWN = "reading_"  # how their parameters begin: a verb may call others so, as a model's label
_OF_IMAGES = ("grey", "ground", "resize")


def reads(*others: str) -> Callable[[Command], Command]:
    """The options that say how `data` is read, and `others`, sets that are compared with it.

    Images are read alike in all of them; --scale and --shift are of `generated`.
    """
    options = _READINGS | (_UNITS if "generated" in others else {})

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def read(*args: Any, **kwargs: Any) -> Any:
            names = [name.replace("-", "_") for name in options]
            given = {name: kwargs.pop(f"{_OWN}{name}") for name in names}
            kwargs["data"] = _named(kwargs["data"], given)
            if kwargs.get("generated") is None:
                wrong = [name for name in _UNITS if given.get(name) is not None]
                if wrong:
                    raise ValueError(f"{wrong[0]} is for --generated, got none")
            for other in others:
                if kwargs[other] is not None:
                    kwargs[other] = _like_data(other, kwargs[other], given)
            return command(*args, **kwargs)

        for name, settings in reversed(options.items()):
            parameter = _OWN + name.replace("-", "_")
            read = click.option(f"--{name}", parameter, **settings)(read)
        return read

    return decorate


def _named(data: str, given: dict[str, Any]) -> str:
    """The name of the data, with all that is said of how to read it. Raises ValueError."""
    from bridges.data.named import folder_in
    from bridges.data.reading import joined

    if given["data_dir"] is not None:
        data = str(folder_in(Path(given["data_dir"]), data))
    own = {name: given[name] for name in ("array", "label", "ground", "resize")}
    return joined(data, **own, grey=given["grey"] or None)


def _like_data(option: str, other: str, given: dict[str, Any]) -> str:
    """The name of a set that is compared with the data, read as they are where it has images.

    Raises ValueError, by the name of the option, where nothing can be read.
    """
    from bridges.data.reading import joined
    from bridges.data.sources import holds_images, state

    try:
        state(other)
    except ValueError as error:
        name, fault = option.replace("_", "-"), str(error).removeprefix("data")
        raise ValueError(f"{name}{fault}") from error

    own: dict[str, Any] = {}
    if holds_images(other):
        own = {name: given[name] or None for name in _OF_IMAGES}
    if option == "generated":
        own |= {name: given[name] for name in _UNITS}
    return joined(other, **own)
