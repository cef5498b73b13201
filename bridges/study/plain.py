"""The bare results of any run, where the study that measured them is not at hand."""

from __future__ import annotations

import shlex
from json import dumps
from typing import TYPE_CHECKING, Any

import click

from bridges.study import figures, panels
from bridges.study.files import finite, printable
from bridges.study.page import USUAL, Page
from bridges.study.results import Study
from bridges.study.rows import Row, is_number
from bridges.study.tables import entry, results_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 9  # panels of a figure
_LINES, _LETTERS = 6, 30  # of a legend
_ROW = "row of the table"
_LAST = ("quantity", "value", "sem", "n")


def show(study: Study, page: Page, *, json: bool, quiet: bool, open_figure: bool) -> None:
    """Print the tidy table of a run in a folder, draw it, and name the command it is of."""
    assert study.out is not None
    rows = study.results()
    drawn = [study.out / name for name in page.files("results")]
    if not study.missing:
        picture = figure(study, page)
        for file in drawn:
            figures.save(picture, file, page.settings)
    if json:
        click.echo(dumps(finite(rows), indent=2))
    elif not quiet:
        click.echo(printable(results_table(rows)))
        if not study.missing:
            click.echo(f"drawn plainly in {', '.join(map(str, drawn))}")
            if command := study.config.get("command"):
                folder = shlex.quote(str(study.out))
                words = f"its own report, nothing measured again: {command} --out {folder}"
                click.echo(printable(words))
    if open_figure and not study.missing:
        click.launch(str(drawn[0]))


def figure(study: Study, page: Page = USUAL) -> Figure:
    """A panel per quantity: its means against the setting that varies most, with errors."""
    rows = study.results()
    quantities = list(dict.fromkeys(row["quantity"] for row in rows))[:_MOST]
    columns = min(3, len(quantities)) or 1
    lines = -(-len(quantities) // columns) or 1

    def draw(drawn: Figure) -> None:
        grid = drawn.subplots(lines, columns, squeeze=False).ravel()
        for axes, quantity in zip(grid, quantities, strict=False):
            _panel(axes, [row for row in rows if row["quantity"] == quantity])
            axes.set_title(figures.literal(quantity))
        for axes in grid[len(quantities) :]:
            axes.remove()

    title = f"{figures.literal(study.config['study'])}: the results as measured"
    return panels.composed(draw, (3.6 * columns, 2.8 * lines), title, page)


def _panel(axes: Axes, rows: list[Row]) -> None:
    """A quantity against the number that varies most, one line per group of the others."""
    values: dict[str, set[Any]] = {}
    for row in rows:
        for name, value in row.items():
            if name not in _LAST:
                values.setdefault(name, set()).add(value)
    along = max(
        (n for n, found in values.items() if len(found) > 1 and all(map(is_number, found))),
        key=lambda name: len(values[name]),
        default=None,
    )
    labels = [name for name, found in values.items() if name != along and len(found) > 1]
    groups: dict[str, list[Row]] = {}
    for k, row in enumerate(rows):
        if along is None or along in row:
            label = ", ".join(entry(row[name]) for name in labels if name in row)
            groups.setdefault(label, []).append({_ROW: k} | row)
    for k, (label, group) in enumerate(groups.items()):
        found = sorted(group, key=lambda row: row[along or _ROW])
        color, marker = figures.SERIES[k % len(figures.SERIES)]
        axes.errorbar(
            [row[along or _ROW] for row in found],
            [row["value"] for row in found],
            yerr=[row["sem"] or 0.0 for row in found],
            color=color,
            marker=marker,
            ms=3,
            lw=0.8,
            capsize=2,
            label=figures.literal(label),
        )
    axes.set_xlabel(figures.literal(along or _ROW))
    if 1 < len(groups) <= _LINES and max(map(len, groups)) < _LETTERS:
        axes.legend()
