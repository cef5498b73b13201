"""The options of the command and of the studies, spelled the same everywhere."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bridges.models import FIRST, MODELS, Options, place

Command = Callable[..., Any]
_LONGEST = 10_000  # numbers in a range


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """A list of numbers: `0.1,0.2`, a range of whole ones `0-63`, or one number."""

    name = "list"

    def __init__(self, kind: type, low: float, high: float, open_low: bool = False) -> None:
        self.kind, self.low, self.high, self.open_low = kind, low, high, open_low

    def convert(self, value: Any, param: Any, ctx: Any) -> list[Any]:
        """The numbers, increasing and distinct."""
        if isinstance(value, list):
            return value
        numbers: set[Any] = set()
        for part in str(value).split(","):
            try:
                first, dash, last = part.strip().partition("-")
                if dash and first and self.kind is int:
                    if int(last) - int(first) > _LONGEST:
                        self.fail(f"{part!r} has more than {_LONGEST} numbers", param, ctx)
                    numbers.update(range(int(first), int(last) + 1))
                else:
                    numbers.add(self.kind(part))
            except ValueError:
                self.fail(self._not_taken(part, param), param, ctx)
        for number in numbers:
            inside = self.low <= number <= self.high and not (self.open_low and number == self.low)
            if not inside:
                bracket = "(" if self.open_low else "["
                self.fail(f"{number} is not in {bracket}{self.low:g}, {self.high:g}]", param, ctx)
        if not numbers:
            self.fail("the list is empty", param, ctx)
        return sorted(numbers)

    def _not_taken(self, part: str, param: Any) -> str:
        """Why a part is none of these numbers."""
        if self.kind is int and part.replace(".", "", 1).strip().isdecimal():
            name = getattr(param, "name", None)
            loads = "; loads are numbers of patterns P, α times N of a load α"
            return f"{part!r} is not a whole number{loads if name in ('loads', 'patterns') else ''}"
        return f"{part!r} is not a number or a range like 0-63"


class OneCount(click.IntRange):
    """One number of what the option is named after, at least 1."""

    def __init__(self) -> None:
        super().__init__(1)

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number."""
        if "," in str(value):
            what = getattr(param, "name", None) or "them"
            self.fail(f"one number of {what}, got {value}", param, ctx)
        return int(super().convert(value, param, ctx))


COUNTS = Numbers(int, 1, float("inf"))
OVERLAPS = Numbers(float, 0, 1, open_low=True)
LEVELS = Numbers(float, 0, float("inf"), open_low=True)
SEVERAL: dict[str, Any] = {"type": COUNTS}
"""Of `patterns`, where a run measures several loads."""
SIGMAS = [0.5, 0.7, 1.0, 1.4, 2.0]
OVERLAP = click.FloatRange(0, 1, min_open=True)
POSITIVE = click.FloatRange(0, min_open=True)


class Names(click.ParamType):  # type: ignore[type-arg]
    """A list of models by name or path: `hebb,flow`, or `all` names."""

    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        """The models, known and distinct, by names that hold in any folder."""
        if isinstance(value, list):
            return value
        if value == "all":
            return list(MODELS)
        try:
            return list(dict.fromkeys(place(part.strip()) for part in str(value).split(",")))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Words(click.ParamType):  # type: ignore[type-arg]
    """A list of words, `one,two`, or none."""

    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        """The words, distinct."""
        if isinstance(value, list):
            return value
        return list(dict.fromkeys(part.strip() for part in str(value).split(",") if part.strip()))


class Shard(click.ParamType):  # type: ignore[type-arg]
    """The i-th of n parts, `i/n`."""

    name = "i/n"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """i and n, 1 ≤ i ≤ n."""
        first, _, last = str(value).partition("/")
        if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
            self.fail(f"{value!r} is not i/n with 1 ≤ i ≤ n", param, ctx)
        return int(first), int(last)


MODELS_HELP = "Models by name or path, or 'all' names."
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_OPTIONS: dict[str, dict[str, Any]] = {
    "model": {"type": Names(), "default": ",".join(FIRST), "help": MODELS_HELP},
    "data": {
        "default": "digits",
        "help": "digits, mnist, fashion, random, a .npy or .npz file (n, N) or a folder of images.",
    },
    "patterns": {"type": OneCount(), "help": "Patterns stored, P."},
    "loads": {
        "type": COUNTS,
        "help": "Numbers of patterns P to measure.  [default: 2, 4, 8 … as the data allow]",
    },
    "overlap": {"type": OVERLAP, "default": 0.6, "help": "Overlap of the cues."},
    "overlaps": {
        "type": OVERLAPS,
        "default": "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1",
        "help": "Overlaps of the cues to measure.",
    },
    "sigmas": {
        "type": LEVELS,
        "help": "Noise levels of the cues, σ.  [default: " + ", ".join(map(str, SIGMAS)) + "]",
    },
    "size": {"type": click.IntRange(2, 100_000), "help": "N of random patterns.  [default: 100]"},
    "criterion": {
        "type": click.Choice(["fixed-point", "one-step"]),
        "default": "fixed-point",
        "help": "The end of the dynamics, or a single update.",
    },
    "threshold": {
        "type": OVERLAP,
        "default": 0.95,
        "help": "Cosine with the pattern that counts as retrieval.",
    },
    "trials": {"type": click.IntRange(1), "default": 64, "help": "Cues per pattern set."},
    "beta": {
        "type": POSITIVE,
        "default": 1.0,
        "help": "Inverse temperature; σ² = 1/β of the iterated denoiser.",
    },
    "degree": {"type": click.IntRange(2), "default": 3, "help": "Degree of the polynomial."},
    "dynamics": {
        "type": click.Choice(["flow", "sde", "fixed-noise"]),
        "default": Options.dynamics,
        "help": "How a denoiser by path takes cues home.",
    },
    "rate": {
        "type": POSITIVE,
        "default": Options.rate,
        "help": "Learning rate of dreams and of structured noise.",
    },
    "training-overlap": {
        "type": click.FloatRange(0, 1),
        "help": "Overlap of training with noise.  [default: the rule's own]",
    },
    "training-steps": {
        "type": click.IntRange(0),
        "help": "Dreams, or steps of a learning rule.  [default: the rule's own]",
    },
    "draws": {"type": click.IntRange(2), "default": 500, "help": "Noised points per noise level."},
    "samples": {"type": click.IntRange(1), "default": 8, "help": "Independent pattern sets."},
    "seed": {"type": click.IntRange(0), "default": 0, "help": "Root of all randomness."},
    "jobs": {"type": click.IntRange(1), "default": _CORES, "help": "Processes."},
    "cluster": {"metavar": "ADDRESS", "help": "Dask scheduler that computes, tcp://host:port."},
    "shard": {"type": Shard(), "help": "Measure the i-th of n parts only."},
    "device": {"default": "cpu", "help": "Where tensors live: cpu, cuda, cuda:1, …"},
    "out": {
        "type": click.Path(file_okay=False, path_type=Path),
        "help": "Folder of the run.  [default: results/VERB-DATA, or STUDY-PRESET]",
    },
    "json": {"is_flag": True, "help": "Print the summary as JSON, nothing else."},
    "quiet": {"is_flag": True, "help": "Print no progress and no table."},
    "overwrite": {"is_flag": True, "help": "Replace another run found in --out."},
    "show": {"is_flag": True, "help": "Open the figure."},
}
for _settings in _OPTIONS.values():
    _settings.setdefault("show_default", True)
RUN = ("samples", "seed", "jobs", "cluster", "shard", "out", "json", "quiet", "overwrite", "show")
FLAGS = ("json", "quiet", "overwrite", "show")


def shared(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """The options of these names, in this order; `settings` replace their own, … keeps them."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            own = {k: v for k, v in settings.items() if v is not ...}
            command = click.option(f"--{name}", **(_OPTIONS[name] | own))(command)
        return command

    return decorate


def own(**named: tuple[Any, str]) -> Callable[[Command], Command]:
    """The options that a study alone has, in this order: by name the type and the help."""

    def decorate(command: Command) -> Command:
        for name, (kind, words) in reversed(named.items()):
            command = click.option(f"--{name.replace('_', '-')}", type=kind, help=words)(command)
        return command

    return decorate


_NOISE = {
    "sigma": "Noise level σ, in units of a pattern's rms entry.",
    "cosine": "Cosine of a noisy cue with its pattern.",
    "overlap": "Overlap of flipped spins with their pattern.",
    "flips": "Share of the spins flipped.",
    "time": "Ornstein–Uhlenbeck time t.",
    "beta": "Inverse temperature β = λ = 1/σ².",
    "snr": "Ratio of signal to noise, 1/σ².",
}


def one_of(*names: str) -> Callable[[Command], Command]:
    """Options of which exactly one is given, handed on as `given`, its name and value."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def choose(*args: Any, **kwargs: Any) -> Any:
            values = {name: kwargs.pop(name) for name in names}
            given = [(name, value) for name, value in values.items() if value is not None]
            if len(given) != 1:
                listed = ", ".join(f"--{name}" for name in names)
                got = ", ".join(f"--{name}" for name, _ in given) or "none"
                raise click.UsageError(f"give exactly one of {listed}, got {got}")
            return command(*args, given=given[0], **kwargs)

        for name in reversed(names):
            choose = click.option(f"--{name}", type=float, help=_NOISE[name])(choose)
        return choose

    return decorate


def plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """What the library refuses, or the disk, is the user's to change: one line, exit code 2."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:
            raise  # nobody reads on: click leaves without a word
        except (ValueError, OSError) as error:
            raise click.UsageError(str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "alloc" not in str(error):
                raise
            raise click.UsageError("this needs more memory than there is") from error

    return run
