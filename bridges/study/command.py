"""A run at the command line: its options, its folder, and a study's own command."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridges.study import options
from bridges.study.files import printable
from bridges.study.folders import load_run
from bridges.study.page import Page
from bridges.study.record import Point, Row
from bridges.study.results import Study
from bridges.study.run import run_study
from bridges.study.tasks import Measure

if TYPE_CHECKING:
    from bridges.study.report import Report

HELP = {"help_option_names": ["-h", "--help"]}
_FIGURE, _RUN = (
    {name.replace("-", "_") for name in names} for names in (options.FIGURE, options.RUN)
)  # names of parameters
_WORDS = f"{__name__}.words"  # where a context keeps the words that were typed


class Unfinished(click.ClickException):
    """Points are missing, so that there is nothing to conclude from."""

    def format_message(self) -> str:
        """The message, which quotes the errors of measurements."""
        return printable(self.message)


class Interrupted(click.ClickException):
    """The user stopped a run; what was measured is kept."""

    exit_code = 130  # as a shell has it for a process that Ctrl-C ended

    def __init__(self, folder: Path) -> None:
        study = load_run(folder)
        total = len(study.points) * study.config["samples"]
        super().__init__(
            f"stopped: {total - study.missing} of {total} measurements are saved in {folder}; "
            "the same command goes on from there"
        )


class Command(click.Command):
    """A command that remembers the words it was given, and tells its options by groups.

    The width of its figure is --width too, where nothing else is.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if not any("--width" in param.opts for param in self.params):
            for param in self.params:
                if param.name == "figure_width":
                    param.opts.insert(0, "--width")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of the command, of a run, of its figure."""
        groups: dict[str, list[tuple[str, str]]] = {"Options": [], "Run": [], "Figure": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                group = "Figure" if param.name in _FIGURE else "Run" if param.name in _RUN else ""
                groups[group or "Options"].append(record)
        for name, records in groups.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words, then parse them."""
        ctx.meta[_WORDS] = list(args)
        return super().parse_args(ctx, args)


def words_given(started: str) -> str:
    """The line that started the command, for all parts of a run: no folder, no part, no looks."""
    context = click.get_current_context()
    left_out = {"--out", "--shard"}
    for param in context.command.params:
        if param.name in _FIGURE:
            left_out.update(param.opts)
    words, kept = iter(context.meta[_WORDS]), [*started.split()]
    for word in words:
        name = word.split("=")[0]
        if name in left_out:
            if "=" not in word:
                next(words, None)
        elif name.removeprefix("--") not in options.FLAGS:
            kept.append(word)
    return shlex.join(kept)


@dataclass(frozen=True)
class Conduct:
    """How a run at the command line goes: the options of `options.RUN`."""

    samples: int | None
    seed: int
    jobs: int
    cluster: str | None
    shard: tuple[int, int] | None
    out: Path | None
    json: bool
    quiet: bool
    overwrite: bool
    show: bool
    page: Page

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> Conduct:
        """Take its own out of the options of a command."""
        own = {f.name: given.pop(f.name) for f in fields(cls) if f.name != "page"}
        return cls(**own, page=Page.taken_from(given))

    def folder(self, usual: str) -> Path:
        """Where the run goes: `results/usual` unless asked for, a shard beside the others."""
        part = "" if self.shard is None else f"-shard-{self.shard[0]}-of-{self.shard[1]}"
        return self.out or Path("results") / f"{usual}{part}"

    def run(
        self,
        name: str,
        measure: Measure,
        points: Sequence[Point],
        *,
        parameters: Point,
        samples: int,
        folder: Path,
        started: str,
        complete: bool = False,
    ) -> Study:
        """`run_study`, of which only a whole is returned.

        Raises Unfinished, exit code 1, if measurements failed or were interrupted; leaves, with
        0, after a shard.
        """
        from bridges._checks import gigabytes_given

        if (gigabytes := gigabytes_given()) is not None:  # processes do not inherit it
            measure = partial(_within, gigabytes, measure)
        try:
            study = run_study(
                name,
                measure,
                points,
                parameters=parameters,
                samples=samples,
                seed=self.seed,
                jobs=self.jobs,
                cluster=self.cluster,
                shard=self.shard,
                out=folder,
                overwrite=self.overwrite,
                quiet=self.quiet or self.json,
                complete=complete,
                command=words_given(started),
            )
        except KeyboardInterrupt:
            raise Interrupted(folder) from None
        if study.failed:
            raise Unfinished(study.lacks())
        if self.shard is not None:
            if not self.quiet:
                click.echo(f"written to {folder}; `bridges merge` joins it with the others")
            raise click.exceptions.Exit(0)
        return study

    def publish(self, report: Report) -> None:
        """Write what was found beside the record, and print what is wanted."""
        report.publish(self.page, json=self.json, quiet=self.quiet, show=self.show)


def _within(gigabytes: float, measure: Measure, point: Point, seed: int) -> list[Row]:
    """A measurement with a limit on memory."""
    from bridges._checks import memory_limit

    with memory_limit(gigabytes):
        return measure(point, seed)


def study_command(
    presets: Mapping[str, Mapping[str, Any]],
) -> Callable[[Callable[..., Report]], click.Command]:
    """Make a command of a study, with the options that all studies share.

    The decorated function takes `run(measure, points)`, to call once, and its options by
    name; it returns the Report of the study that `run` returns.

    Parameters
    ----------
    presets : "quick" and "paper", each a value for every option of the study and for
        `samples`; an option that is given wins over its preset.
    """

    def decorate(function: Callable[..., Report]) -> click.Command:
        name = Path(inspect.getfile(function)).stem

        @options.plain_errors
        def command(preset: str, **given: Any) -> None:
            conduct = Conduct.taken_from(given)
            chosen = dict(presets[preset]) | {k: v for k, v in given.items() if v is not None}
            usual = chosen.pop("samples")
            run = partial(
                conduct.run,
                name,
                parameters=chosen,
                samples=conduct.samples or usual,
                folder=conduct.folder(f"{name}-{preset}"),
                started=f"python scripts/{name}.py",
                complete=True,  # the measure of a study is given its point alone
            )
            conduct.publish(function(run, **chosen))

        command.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        for option in reversed(options.RUN):
            command = options.shared(option, default=None if option == "samples" else ...)(command)
        command = click.option(
            "--preset",
            type=click.Choice(list(presets)),
            default="quick",
            show_default=True,
            help="quick: under a minute on 2 cores; paper: the full figure.",
        )(command)
        about = {"help": function.__doc__, "epilog": _in_words(presets)}
        return click.command(name, cls=Command, context_settings=HELP, **about)(command)

    return decorate


Run = Callable[[Measure, Sequence[Point]], Study]


def _in_words(presets: Mapping[str, Mapping[str, Any]]) -> str:
    """The presets as options, one paragraph each; of flags those that are set."""

    def option(name: str, value: Any) -> str:
        if isinstance(value, bool):
            return f"--{name.replace('_', '-')}" if value else ""
        # several words of one option, but a list of numbers in one
        between = " " if isinstance(value, tuple) else ","
        words = between.join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        return f"--{name.replace('_', '-')} {words}"

    return "\n\n".join(
        f"{preset}: " + " ".join(filter(None, (option(*one) for one in values.items())))
        for preset, values in presets.items()
    )
