"""Places, words and classes at the command line: names, addresses, files opened without waiting."""

from __future__ import annotations

import os
import re
import stat
from typing import Any

import click

from bridges.study.numbers import Numbers, Whole, shortened


class Place(click.Path):
    """A file or a folder, one that is opened without waiting for somebody, or one to be made."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The path."""
        try:
            mode = os.stat(_named(self, value, param, ctx)).st_mode
        except FileNotFoundError:
            mode = stat.S_IFDIR if self.dir_okay else stat.S_IFREG
        except OSError as error:
            self.fail(f"{shortened(value)}: {error.strerror}", param, ctx)
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe, a device
            self.fail(f"{shortened(value)} is neither a file nor a folder", param, ctx)
        return super().convert(value, param, ctx)


class Word(click.ParamType):  # type: ignore[type-arg]
    """Some text."""

    name = "text"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The text."""
        return str(_named(self, value, param, ctx))


class Address(click.ParamType):  # type: ignore[type-arg]
    """Where a scheduler listens, `tcp://host:port`."""

    name = "address"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The address."""
        if not re.fullmatch(r"(tcp|tls)://[^\s/:]+:\d{1,5}", str(value)):
            self.fail(f"{shortened(value)} is not an address, tcp://host:port", param, ctx)
        return str(value)


class Classes(click.ParamType):  # type: ignore[type-arg]
    """A list of classes by name or number: `cat,dog`, `0-3`."""

    name = "list"
    _numbers = Numbers(Whole(0, 10**6))

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        """The names and the numbers, distinct, as words; ranges in full."""
        if isinstance(value, list):
            return value
        found: list[str] = []
        for part in str(_named(self, value, param, ctx)).split(","):
            if re.fullmatch(r"-?[\d.]+(-\d+)?", part.strip()):
                found += map(str, self._numbers.convert(part, param, ctx))
            else:
                found.append(part.strip())
        return list(dict.fromkeys(found))


def _named(kind: click.ParamType, value: Any, param: Any, ctx: Any) -> Any:  # type: ignore[type-arg]
    """What names something; an empty name, as of an unset variable of a shell, names nothing."""
    if not str(value).strip():
        kind.fail("it is empty", param, ctx)
    return value
