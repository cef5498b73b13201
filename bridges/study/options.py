"""The options of the command and of the studies, spelled the same everywhere."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from bridges.models import FIRST, MODELS, Options, place, plugins
from bridges.study.files import printable
from bridges.study.numbers import Numbers, Odd, OneCount, Real, Whole, shortened
from bridges.study.page import Formats, LimitsType, ScaleType, Style, TitleType
from bridges.study.places import Address, Classes as Classes, Place as Place, Word as Word

Command = Callable[..., Any]
COUNTS = Numbers(Whole(1))
OVERLAP = Real(0, 1, min_open=True)
OVERLAPS = Numbers(OVERLAP)
POSITIVE = Real(0, min_open=True)
LEVELS = Numbers(POSITIVE)
LOADS = Numbers(Real(0, 1e6, min_open=True))
SIZES = Numbers(Whole(2, 100_000))
RATE = Real(1e-6, 1e6)  # of learning; the steps it asks for can be counted
DURATION = Real(0, 1e6, min_open=True)  # in units in which all is over at about 1
SEVERAL: dict[str, Any] = {"type": COUNTS}
"""Of `patterns`, where a run measures several loads."""
SIGMAS = [0.5, 0.7, 1.0, 1.4, 2.0]
_SEEDS = 2**63 - 1
_SAMPLES = 10**6  # more would not fit into a record


class Names(click.ParamType):  # type: ignore[type-arg]
    """A list of models by name or path: `hebb,flow`, or `all` names; `own` ones of a verb."""

    name = "list"

    def __init__(self, *own: str) -> None:
        self.own = own

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        """The models, known and distinct, by names that hold in any folder."""
        if isinstance(value, list):
            return value
        if value == "all":
            return [name for name, model in MODELS.items() if not model.images]
        try:
            parts = [part.strip() for part in str(value).split(",")]
            return list(dict.fromkeys(p if p in self.own else place(p) for p in parts))
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """Names that go on so, and files."""
        before, comma, last = incomplete.rpartition(",")
        names = [name for name in (*MODELS, *plugins()) if name.startswith(last)]
        found = [CompletionItem(f"{before}{comma}{name}") for name in names]
        return found or [CompletionItem(incomplete, type="file")]


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
            self.fail(f"{shortened(value)} is not i/n with 1 ≤ i ≤ n", param, ctx)
        return int(first), int(last)


MODELS_HELP = "Models by name or path, or 'all' names but those of images alone."
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_OPTIONS: dict[str, dict[str, Any]] = {
    "model": {"type": Names(), "default": ",".join(FIRST), "help": MODELS_HELP},
    "data": {
        "type": Place(),
        "metavar": "DATA",
        "default": "digits",
        "help": "digits, mnist, fashion, random, clustered, a file (.npy, .csv, .h5 …) or a "
        "folder of images.",
    },
    "patterns": {"type": OneCount(), "help": "Patterns stored, P."},
    "loads": {
        "type": COUNTS,
        "help": "Numbers of patterns P to measure.  [default: 2, 4, 8 … as the data allow]",
    },
    "alpha": {"type": LOADS, "help": "Loads P/N to measure, instead of --loads."},
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
    "size": {
        "type": Whole(2, 100_000),
        "help": "N of patterns that are drawn.  [default: 100]",
    },
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
    "trials": {"type": Whole(1), "default": 64, "help": "Cues per pattern set."},
    "beta": {
        "type": POSITIVE,
        "default": 1.0,
        "help": "Inverse temperature; σ² = 1/β of the iterated denoiser.",
    },
    "degree": {"type": Whole(2, 1000), "default": 3, "help": "Degree of the polynomial."},
    "dynamics": {
        "type": click.Choice(["flow", "sde", "fixed-noise"]),
        "default": Options.dynamics,
        "help": "How a denoiser by path, or of windows, takes cues home.",
    },
    "steps": {
        "type": Whole(1, 100_000),
        "default": Options.steps,
        "help": "Steps of the reverse flow or SDE of a network, and along a sequence.",
    },
    "class": {
        "flags": ("--class", "label"),
        "type": Whole(0),
        "help": "Class of a class-conditional model by path.",
    },
    "scheduler": {
        "metavar": "NAME|FOLDER",
        "help": "Scheduler of a diffusers model by path.  [default: its own]",
    },
    "batch-size": {
        "type": Whole(1),
        "help": "Rows that a network sees at once.  [default: as many as fit]",
    },
    "rate": {
        "type": RATE,
        "default": Options.rate,
        "help": "Learning rate of dreams and of structured noise.",
    },
    "training-overlap": {
        "type": Real(0, 1),
        "help": "Overlap of training with noise.  [default: the rule's own]",
    },
    "training-steps": {
        "type": Whole(0),
        "help": "Dreams, or steps of a learning rule.  [default: the rule's own]",
    },
    "activity": {
        "type": Real(0, 1, min_open=True, max_open=True),
        "default": Options.activity,
        "help": "Share of ones of 0/1 patterns.",
    },
    "theta": {
        "type": Real(-1, 1),
        "help": "Threshold of the covariance rule.  [default: the best of large networks]",
    },
    "gain": {"type": POSITIVE, "default": Options.gain, "help": "Gain of the kernel."},
    "levels": {
        "type": Whole(2, 256),
        "default": Options.levels,
        "help": "Values of clipped couplings.",
    },
    "keep": {
        "type": Real(0, 1, min_open=True),
        "default": Options.keep,
        "help": "Share of couplings that dilution leaves.",
    },
    "colours": {
        "type": Whole(2, 256),
        "default": Options.colours,
        "help": "Colours of a site of the Potts memory.",
    },
    "window": {
        "type": Odd(),
        "default": Options.window,
        "help": "Width of the windows of local denoisers, in pixels.",
    },
    "clip": {
        "type": POSITIVE,
        "default": Options.clip,
        "help": "Level at which a spectrum is cut.",
    },
    "temperature": {
        "type": Real(0, 1e6),
        "default": Options.temperature,
        "help": "Temperature of the heat bath.",
    },
    "entmax": {
        "type": Real(1, 10),
        "default": Options.entmax,
        "help": "α of the entmax memory; 1 is the softmax, 2 sparsemax.",
    },
    "features": {
        "type": Whole(1),
        "help": "Random features Y of that memory.  [default: 8NP, at least 50P]",
    },
    "held-out": {"type": Place(), "help": "Data the model has not seen."},
    "draws": {"type": Whole(2), "default": 500, "help": "Noised points per noise level."},
    "samples": {"type": Whole(1, most=_SAMPLES), "default": 8, "help": "Independent pattern sets."},
    "seed": {"type": Whole(0, most=_SEEDS), "default": 0, "help": "Root of all randomness."},
    "jobs": {"type": Whole(1), "default": _CORES, "help": "Processes."},
    "cluster": {"type": Address(), "help": "Dask scheduler that computes, tcp://host:port."},
    "shard": {"type": Shard(), "help": "Measure the i-th of n parts only."},
    "max-memory": {
        "type": POSITIVE,
        "metavar": "GB",
        "help": "What a run may take.  [default: three quarters of what is free]",
    },
    "device": {
        "type": Word(),
        "default": "cpu",
        "help": "Where tensors live: cpu, cuda, cuda:1, …",
    },
    "network": {
        "type": click.Choice(["mlp", "unet"]),
        "default": "mlp",
        "help": "Kind of network; unet is for images, in colour or not.",
    },
    "width": {
        "type": Whole(1),
        "help": "Units per layer of an mlp, channels of a unet.  [default: 128, 32]",
    },
    "depth": {
        "type": Whole(1),
        "help": "Blocks of an mlp, resolutions of a unet.  [default: 3, 2]",
    },
    "classes": {"is_flag": True, "help": "Tell the network the class of each datum."},
    "attention": {"is_flag": True, "help": "Attention at the lowest resolution of a unet."},
    "batch": {
        "type": Whole(1),
        "help": "Images per step, at most P.  [default: 128, drawn repeatedly]",
    },
    "until": {
        "type": click.Choice(["steps", "loss", "copies"]),
        "default": "steps",
        "help": "End: after all steps, past the least held-out loss (whose denoiser is kept), or "
        "at the first copies beyond chance.",
    },
    "looks": {
        "type": Whole(1, 50),
        "default": 10,
        "help": "Times that samples are drawn and judged on the way.",
    },
    "precision": {
        "type": click.Choice(["float32", "bf16"]),
        "help": "Of the layers in training.  [default: float32, on a GPU bf16]",
    },
    "compile": {"is_flag": True, "help": "Compile the network first; for long trainings."},
    "threads": {
        "type": Whole(1),
        "default": 1,
        "help": "Threads of a training; another number rounds differently.",
    },
    "out": {
        "type": Place(file_okay=False, path_type=Path),
        "help": "Folder of the run.  [default: results/VERB-DATA, or STUDY-PRESET]",
    },
    "json": {"is_flag": True, "help": "Print the summary as JSON, nothing else."},
    "quiet": {"is_flag": True, "help": "Print no progress and no table."},
    "overwrite": {"is_flag": True, "help": "Replace another run found in --out."},
    "show": {"is_flag": True, "help": "Open the figure."},
    "format": {
        "type": Formats(),
        "default": "png",
        "help": "Kinds of files of the figure: png, pdf, svg, or several.",
    },
    "style": {
        "type": Style(exists=True, dir_okay=False),
        "metavar": "FILE.mplstyle",
        "help": "Style sheet of matplotlib, over the look of the house.",
    },
    "figure-width": {
        "type": Real(2.5, 40),
        "metavar": "INCHES",
        "help": "Width of the figure; panels that do not fit stand below each other.",
    },
    "xlim": {
        "type": LimitsType(),
        "multiple": True,
        "metavar": "LOW,HIGH",
        "help": "Ends of the x axes; b:LOW,HIGH of panel b alone. May be repeated.",
    },
    "ylim": {
        "type": LimitsType(),
        "multiple": True,
        "metavar": "LOW,HIGH",
        "help": "The same of the y axes.",
    },
    "log": {
        "type": ScaleType(),
        "multiple": True,
        "metavar": "x|y|xy",
        "help": "Axes to be logarithmic; b:y of panel b alone. May be repeated.",
    },
    "title": {"type": TitleType(), "help": "Title instead of the finding, or 'none'."},
}
for _settings in _OPTIONS.values():
    _settings.setdefault("show_default", True)
FIGURE = ("format", "style", "figure-width", "xlim", "ylim", "log", "title")
RUN = (
    *("samples", "seed", "jobs", "cluster", "shard", "max-memory", "out"),
    *("json", "quiet", "overwrite", "show", *FIGURE),
)
FLAGS = ("json", "quiet", "overwrite", "show")


def shared(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """The options of these names, in this order; `settings` replace their own, … keeps them."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            own = {k: v for k, v in settings.items() if v is not ...}
            asked = _OPTIONS[name] | own
            flags = asked.pop("flags", (f"--{name}",))
            command = click.option(*flags, **asked)(command)
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
            choose = click.option(f"--{name}", type=Real(), help=_NOISE[name])(choose)
        return choose

    return decorate


def plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """What the library refuses, or the disk, is the user's to change: one line, exit code 2.

    Inside, --max-memory is the limit that is held, for --jobs at once.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        from bridges._checks import memory_limit

        jobs = 1 if kwargs.get("cluster") else kwargs.get("jobs", 1)
        try:
            with memory_limit(kwargs.pop("max_memory", None), jobs):
                return command(*args, **kwargs)
        except BrokenPipeError:
            raise  # nobody reads on: click leaves without a word
        except (ValueError, OSError) as error:
            raise click.UsageError(printable(str(error))) from error
        except ImportError as error:
            if "pip install" not in str(error):  # no library of an extra
                raise
            raise click.UsageError(printable(str(error))) from error
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "alloc" not in str(error):
                raise
            raise click.UsageError("this needs more memory than there is") from error

    return run
