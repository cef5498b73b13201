"""The verbs that measure nothing: the models there are, units of noise, runs shown and joined."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridges.models import MODELS, find_model, plugins
from bridges.study import options
from bridges.study.command import Command
from bridges.study.files import finite, printable
from bridges.study.numbers import OneCount, Whole
from bridges.study.page import Page

if TYPE_CHECKING:
    from bridges.study.results import Study

_FOLDER = options.Place(file_okay=False, exists=True, path_type=Path)


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the models that --model takes by name.

    It also takes models by path: a checkpoint FILE.safetensors, a folder of a diffusers model, or
    FILE.py:function, a function of (patterns, seed), or of nothing.
    """
    known = MODELS | {name: find_model(name) for name in plugins()}
    if as_json:
        listed = {
            name: {"label": model.label, "kind": model.kind, "about": model.about}
            for name, model in known.items()
        }
        click.echo(dumps(listed, indent=2))
        return
    for name, model in known.items():
        click.echo(f"{name:<18}{model.kind:<8}{model.about}")


@click.command(cls=Command)
@options.one_of("sigma", "cosine", "overlap", "flips", "time", "beta", "snr")
@click.option(
    "--map",
    "rule",
    type=click.Choice(["cosine", "hard", "information"]),
    default="cosine",
    show_default=True,
    help="What ties --overlap and --flips of spins to noise.",
)
@click.option("--dim", "--size", "size", type=Whole(2, 100_000), help="Sites N.")
@click.option("--patterns", type=OneCount(), help="Patterns P; needs --dim.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.plain_errors
def convert(
    given: tuple[str, float], rule: str, size: int | None, patterns: int | None, as_json: bool
) -> None:
    """The noise of a cue in all units: σ, overlap, time, β, flips."""
    from bridges.verbs.convert import convert as converted

    found = converted(given[1], given[0], rule, size, patterns)
    click.echo(dumps(finite(found.to_dict()), indent=2) if as_json else found.table())


@click.command(cls=Command)
@click.argument("folder", type=_FOLDER)
@click.option("--html", is_flag=True, help="Write report.html too, one file to send.")
@options.shared("json", "quiet")
@options.shared("overwrite", help="Replace a report.html that is of something else.")
@options.shared("show", help="Open the figure, or the report.")
@options.shared(*options.FIGURE)
@options.plain_errors
def show(folder: Path, **wanted: Any) -> None:
    """Show a run again and redraw its figure; nothing is measured."""
    from bridges.study.folders import load_run

    _show(load_run(folder), **wanted)


@click.command(cls=Command)
@click.argument("folders", nargs=-1, required=True, type=_FOLDER)
@options.shared("out", required=True, help="Folder of the whole run.")
@options.shared(*options.FLAGS, *options.FIGURE)
@options.plain_errors
def merge(folders: tuple[Path, ...], out: Path, overwrite: bool, **wanted: Any) -> None:
    """Join the shards of a run into one, and show it."""
    from bridges.study.folders import merge as join

    _show(join(folders, out, overwrite), **wanted)


def _show(
    study: Study,
    json: bool,
    quiet: bool,
    show: bool,
    html: bool = False,
    overwrite: bool = False,
    **figure: Any,
) -> None:
    """What a run on disk found; its bare results where it is not whole, or of a script."""
    from bridges import verbs
    from bridges.study import plain
    from bridges.study.command import Unfinished

    page = Page.taken_from(figure)
    report = None if study.missing else verbs.report(study)
    if html:
        verbs.report_file(study, overwrite=overwrite)  # refused before anything is drawn
    if report is not None:
        report.publish(page, json=json, quiet=quiet, show=show and not html)
    else:
        plain.show(study, page, json=json, quiet=quiet, open_figure=show and not html)
    if html:
        file = verbs.write_report(study, page=page, overwrite=overwrite)
        if not (json or quiet):
            click.echo(printable(f"a report to send: {file}"))
        if show:
            click.launch(str(file))
    if study.missing:
        raise Unfinished(study.lacks())
