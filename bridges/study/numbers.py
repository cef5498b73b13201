"""Numbers at the command line: finite, of a size to compute with, in a range, alone or in a list.

Every option that takes a number has one of these types. A number that is none (NaN), has no
end, or is so large or small that its square is not a number, never gets past them.
"""

from __future__ import annotations

import math
from typing import Any

import click

_MOST = 10**9  # of anything that is counted
_LARGEST = 1e30  # in size; squares and fourth powers of it are numbers, and of its inverse
_LONGEST = 10_000  # numbers in a list
_READ = 40  # letters of a value that an error repeats


class Whole(click.IntRange):
    """A whole number from `min` to `max`, at most `most` where there is no `max`."""

    name = "integer"

    def __init__(self, min: int | None = None, max: int | None = None, most: int = _MOST) -> None:
        super().__init__(min, max)
        self.most = most

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{shortened(value)} is not a whole number", param, ctx)
        if abs(number) > self.most:
            self.fail(f"{shortened(value)} is more than {self.most} in size", param, ctx)
        return int(super().convert(number, param, ctx))


class Real(click.FloatRange):
    """A finite number from `min` to `max`: 0, or from 1e-30 to 1e30 in size."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """The number."""
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{shortened(value)} is not a number", param, ctx)
        if not math.isfinite(number):
            self.fail(f"{shortened(value)} is not a finite number", param, ctx)
        if number and not 1 / _LARGEST <= abs(number) <= _LARGEST:
            sizes = f"{1 / _LARGEST:g} to {_LARGEST:g}"
            self.fail(f"{shortened(value)} is neither 0 nor from {sizes} in size", param, ctx)
        return float(super().convert(number, param, ctx))

    def _describe_range(self) -> str:
        return "" if self.min is None and self.max is None else super()._describe_range()


def shortened(value: Any) -> str:
    """What was given, as far as it is read at a glance; no line feeds, no escapes."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= _READ else f"{text[:_READ]}…")


class OneCount(Whole):
    """One number of what the option is named after, at least 1."""

    def __init__(self) -> None:
        super().__init__(1)

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number."""
        if "," in str(value):
            what = getattr(param, "name", None) or "them"
            self.fail(f"one number of {what}, got {value}", param, ctx)
        return super().convert(value, param, ctx)


class Odd(Whole):
    """An odd whole number, at least 1."""

    def __init__(self) -> None:
        super().__init__(1)

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number."""
        number = super().convert(value, param, ctx)
        if number % 2 == 0:
            self.fail(f"{number} is not odd", param, ctx)
        return number


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """A list of numbers of a kind: `0.1,0.2`, a range of whole ones `0-63`, or one number."""

    name = "list"

    def __init__(self, one: Whole | Real) -> None:
        self.one = one

    def convert(self, value: Any, param: Any, ctx: Any) -> list[Any]:
        """The numbers, increasing and distinct."""
        if isinstance(value, list):
            return value
        numbers: set[Any] = set()
        for part in str(value).split(","):
            numbers.update(self._numbers(part.strip(), param, ctx))
            if len(numbers) > _LONGEST:
                self.fail(f"the list has more than {_LONGEST} numbers", param, ctx)
        return sorted(numbers)

    def _numbers(self, part: str, param: Any, ctx: Any) -> Any:
        """What one part of the list says."""
        whole = isinstance(self.one, Whole)
        first, dash, last = part.partition("-")
        try:
            ends = [int(first), int(last)] if whole and first and dash else [float(part)]
        except ValueError:
            self.fail(f"{shortened(part)} is not a number or a range like 0-63", param, ctx)
        if len(ends) == 1:
            if whole and "." in part:
                self.fail(self._no_count(part, param), param, ctx)
            return [self.one.convert(part, param, ctx)]
        low, high = (self.one.convert(end, param, ctx) for end in ends)
        if high < low:
            self.fail(
                f"{shortened(part)} is a range that falls; the lower end comes first", param, ctx
            )
        if high - low > _LONGEST:
            self.fail(f"{shortened(part)} has more than {_LONGEST} numbers", param, ctx)
        return range(int(low), int(high) + 1)

    def _no_count(self, part: str, param: Any) -> str:
        """Why a part is no whole number."""
        loads = "; loads are numbers of patterns P, see --alpha for P/N"
        about = getattr(param, "name", None) in ("loads", "patterns")
        return f"{shortened(part)} is not a whole number{loads if about else ''}"
