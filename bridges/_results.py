"""What every result of `bridges` shares: the base of the packages that it joins."""

from hopfield._results import Result

__all__ = ["Result"]
