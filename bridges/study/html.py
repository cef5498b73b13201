"""A report to send: a run in one file of HTML, which asks no network for anything.

It has the finding, the figure, the tables of the report, every measured value, the parameters,
the versions and the command that repeats the run. The page around them is `report.html` beside
this module. All that comes from a run is escaped. A policy in the head of the file forbids every
request and every script but the one that sorts the tables.
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from bridges.study import figures, plain
from bridges.study.files import LONGEST, open_regular, printable, version_of
from bridges.study.page import NONE, USUAL, Page
from bridges.study.record import written
from bridges.study.results import Study
from bridges.study.rows import Row, is_number
from bridges.study.tables import blocks, cells, digits, entry, parted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bridges.study.report import Report

_ROWS = 5000  # of the results, at most
_TALL = 30  # rows, above which a table scrolls
_PICTURES = 24  # from files, at most
_DRAWN = 3_000_000  # bytes of a figure, above which it is a picture of dots
_NARROW = 3.4  # inches of a telephone
_KINDS = {"svg": "svg+xml", "png": "png", "gif": "gif"}  # of pictures that browsers show
_SHOWN = {
    "figure": "The figure that the run has drawn.",
    "picture": "The landscape.",
    "copies": "The clearest pairs, each sample beside its datum.",
    "recall": "The ways home.",
    "samples": "Samples of training {}, and under each its nearest datum.",
}
_SIGNS = {"infty": "∞", "cdot": "·", "times": "×", "sqrt": "√", "approx": "≈", "leq": "≤"}
_SIGNS |= {"geq": "≥", "pm": "±", "to": "→", "langle": "⟨", "rangle": "⟩", "log": "log"}
_NUMBER = re.compile(
    r"[<>≤≥≈]? ?([−-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?:\([^)]*\))?(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?"
)
_WORDS = ' class="words"'  # of a column that holds no numbers
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def document(study: Study, report: Report | None, page: Page = USUAL) -> str:
    """The whole file.

    Parameters
    ----------
    study : a run, finished or not.
    report : what its verb makes of it; None where that is not at hand or not all is measured.
    page : how the figure is to stand; of its formats none is asked.
    """
    study = _without_home(study)
    name = study.config["study"]
    if report is None:
        finding, heading = f"{figures.literal(name)}: the results as measured", _samples(study)
    else:
        finding, heading = report.finding(), f"{report.heading()}; {report.errors()}"
    title = formula(finding if page.title in (None, NONE) else page.title or "")
    template = files("bridges.study").joinpath("report.html").read_text("utf-8")
    script = template.partition("<script>")[2].partition("</script>")[0]
    return Template(template).substitute(
        version=text(version_of("hopfield-diffusion")),
        digest=f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}",
        title=re.sub("<[^>]*>", "", title),
        study=text(name),
        finding=title,
        heading=text(heading),
        body="\n".join(_parts(study, report, replace(page, title=NONE))),
    )


def _without_home(study: Study) -> Study:
    """A run without the folder that all its paths share, which tells a reader nothing."""
    asked = [
        *study.config["parameters"].items(),
        *(pair for p in study.points for pair in p.items()),
    ]
    words = [one for pair in asked for one in pair if isinstance(one, str)]
    paths = [path for one in words if (path := one.removeprefix("content of ")).startswith("/")]
    home = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else "/"
    if home == "/":
        return study

    def shorter(value: Any) -> Any:
        if isinstance(value, dict):
            return {shorter(k): shorter(v) for k, v in value.items()}
        if isinstance(value, list):
            return [shorter(one) for one in value]
        return value.replace(f"{home}/", "") if isinstance(value, str) else value

    config, points, samples = map(shorter, (study.config, study.points, study.samples))
    return replace(study, config=config, points=points, samples=samples)


def _parts(study: Study, report: Report | None, page: Page) -> Iterator[str]:
    """What stands below the heading."""
    if study.missing:
        yield f'<p class="warning" role="status">Not finished. {text(study.lacks())}</p>'
    else:
        yield from _figures(study, report, page)
    if report is not None:
        yield "<h2>What was found</h2>"
        yield from _found(part for one in report.tables() for part in blocks(one))
    elif concluded := _concluded(study):
        yield "<h2>What was found</h2>"
        yield _table([["conclusion", "mean", "n"], *concluded])
    yield from _results(study.results())
    yield from _about(study)


def _samples(study: Study) -> str:
    """What the errors are, where no report says it."""
    n = study.config["samples"]
    return "1 sample: no errors" if n == 1 else f"errors: s.e. between {n} samples"


def text(words: object) -> str:
    """Words as they are, harmless in HTML and on the screen."""
    return escape(printable(str(words)))


def formula(words: str) -> str:
    r"""A line for a figure in HTML: variables in italics, indices lowered or raised.

    Examples
    --------
    >>> formula(r"$P$ = 3 at $\sigma_s$ < 2")
    '<i>P</i> = 3 at <i>σ</i><sub><i>s</i></sub> &lt; 2'
    """
    parts = re.split(r"(?<!\\)\$", words)
    if len(parts) % 2 == 0:  # a dollar that begins nothing
        return text(words)
    shown = [_letters(part) if k % 2 else text(part) for k, part in enumerate(parts)]
    return "".join(shown).replace(r"\$", "$")


def _letters(source: str) -> str:
    """A formula between dollars."""
    found, rest = "", source
    while rest:
        if index := re.match(r"([_^])(?:\{([^{}]*)\}|(\\[A-Za-z]+|.))", rest):
            tag = "sub" if index[1] == "_" else "sup"
            found += f"<{tag}>{_letters(index[2] if index[2] is not None else index[3])}</{tag}>"
        elif index := re.match(r"\\math(?:rm|bf|tt)\{([^{}]*)\}", rest):
            found += text(index[1])
        elif index := re.match(r"\\([A-Za-z]+) ?", rest):
            found += _named(index[1])
        elif index := re.match(r"\\.", rest):
            found += "\u2009"
        elif index := re.match(r"[A-Za-z]", rest):
            found += f"<i>{index[0]}</i>"
        else:
            index = re.match(r".", rest, re.DOTALL)
            assert index is not None
            found += "" if index[0] in "{}" else text(index[0])
        rest = rest[index.end() :]
    return found


def _named(name: str) -> str:
    """The sign of a command of a formula, or its name."""
    size = "CAPITAL" if name[:1].isupper() else "SMALL"
    letter = {"epsilon": "epsilon", "lambda": "lamda"}.get(name.lower(), name)
    try:
        return f"<i>{unicodedata.lookup(f'GREEK {size} LETTER {letter.upper()}')}</i>"
    except KeyError:
        return text(_SIGNS.get(name, name))


# ── figures ───────────────────────────────────────────────────────────────────────────────


def _figures(study: Study, report: Report | None, page: Page) -> Iterator[str]:
    """The figure, drawn anew where that can be, and the pictures that lie in the folder."""
    kept = [] if study.out is None else list(_kept(study, study.out))
    own = [one for one in kept if one[0] == "figure"]
    if report is not None and (report.at_hand or not own):
        yield _drawn(study, report, page)
    else:
        yield from (_picture(*one) for one in own)
        if report is None:
            yield _drawn(study, None, page)
    yield from (_picture(*one) for one in kept if one[0] != "figure")


def _drawn(study: Study, report: Report | None, page: Page) -> str:
    """The figure for a wide screen and, unless a width is asked for, for a narrow one."""

    def figure(page: Page) -> Figure:
        return plain.figure(study, page) if report is None else report.figure(page)

    found = []
    widths = (
        {"wide": page} if page.width else {"narrow": replace(page, width=_NARROW), "wide": page}
    )
    for name, asked in widths.items():
        drawn = figure(asked)
        content = figures.content(drawn, "svg", asked.settings)
        if len(content) > _DRAWN:
            content = figures.content(drawn, "png", asked.settings)
            found.append(f'<img class="{name}" alt="The figure" src="{_data(content, "png")}">')
        else:
            found.append(inline(content.decode(), name))
    return f'<figure><div class="drawn">{"".join(found)}</div></figure>'


def inline(svg: str, name: str) -> str:
    """A figure of matplotlib as a part of a page.

    What it defines is named after it, so that of two figures on a page neither takes what the
    other has defined, and its style is its own.

    Parameters
    ----------
    svg : the file.
    name : of the figure on the page, its class too.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    tags = re.compile(r"<[^>]*>")  # text between them, which may read like these, stays

    def own(tag: re.Match[str]) -> str:
        named = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", tag[0])
        return named.replace("<svg ", f'<svg class="{name}" role="img" aria-label="The figure" ', 1)

    return tags.sub(own, body).replace("*{stroke", f".{name} *{{stroke", 1)


def _kept(study: Study, folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Pictures of a run in its folder that it is known to write: name, kind and content."""
    samples = {Path(name).stem for names in written(study.config).values() for name in names}
    stems = [*_SHOWN, *sorted(one for one in samples if one.startswith("samples-"))]
    for stem in stems[: len(_SHOWN) + _PICTURES]:
        for kind in _KINDS:
            try:
                with open_regular(folder / f"{stem}.{kind}") as file:
                    content = file.read(LONGEST)
            except (OSError, ValueError):
                continue
            yield stem, kind, content
            break


def _picture(stem: str, kind: str, content: bytes) -> str:
    """A picture of a file; a script in it would not run."""
    known, _, number = stem.partition("-")
    words = _SHOWN[known].format(number or 1)
    image = f'<div class="drawn kept"><img alt="{text(words)}" src="{_data(content, kind)}"></div>'
    return f"<figure>{image}<figcaption>{text(words)}</figcaption></figure>"


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{_KINDS[kind]};base64,{b64encode(content).decode()}"


# ── tables ────────────────────────────────────────────────────────────────────────────────


def sortable(cell: str) -> float | None:
    """The number by which a cell of a table is sorted, its mean; None where it has none.

    Examples
    --------
    >>> sortable("0.14(2)"), sortable("2.84(54)·10⁴"), sortable("> 80, n = 2"), sortable("—")
    (0.14, 28400.0, 80.0, None)
    """
    found = _NUMBER.match(cell)
    if found is None:
        return None
    power = int(found[2].translate(_LOWERED)) if found[2] else 0
    return (
        float(f"{found[1].replace('−', '-')}e{power}") if "e" not in found[1] else float(found[1])
    )


def _found(parts: Iterable[str]) -> Iterator[str]:
    """The tables and notes of a report; tables that go on below themselves are whole again."""
    known: list[list[list[str]]] = []
    for rows, block in [*((cells(part), part) for part in parts), (None, "")]:
        if rows is not None and known and [r[0] for r in rows] == [r[0] for r in known[-1]]:
            known[-1] = [[*one, *more[1:]] for one, more in zip(known[-1], rows, strict=True)]
            continue
        yield from map(_table, known)
        known = [] if rows is None else [rows]
        if block and rows is None:
            yield f'<p class="note">{text(block)}</p>'


def _table(rows: Sequence[Sequence[str]], values: Sequence[Sequence[Any]] | None = None) -> str:
    """A table whose first row is its head; `values` are what its other rows are sorted by."""
    if values is None:
        values = [[sortable(cell) for cell in row] for row in rows[1:]]
    numbers = [any(map(_is_known, column)) for column in zip(*values, strict=True)]
    head = "".join(
        f'<th scope="col"{"" if number else _WORDS}>{text(cell)}</th>'
        for cell, number in zip(rows[0], numbers, strict=True)
    )
    lines = "\n".join(_line(*one, numbers) for one in zip(rows[1:], values, strict=True))
    tall = " tall" if len(rows) > _TALL else ""
    return (
        f'<div class="box{tall}" tabindex="0" role="region" aria-label="Table: {text(rows[0][0])}">'
        f'<table class="sortable"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )


def _is_known(value: Any) -> bool:
    """Whether something can be sorted by a value."""
    return is_number(value) and math.isfinite(value)


def _line(row: Sequence[str], values: Sequence[Any], numbers: Sequence[bool]) -> str:
    """A row of a table."""
    found = []
    for cell, value, number in zip(row, values, numbers, strict=True):
        by = f' data-value="{value!r}"' if _is_known(value) else ""
        found.append(f"<td{by}{'' if number else _WORDS}>{text(cell)}</td>")
    return f"<tr>{''.join(found)}</tr>"


def _results(results: list[Row]) -> Iterator[str]:
    """Every measured value: what all have in common in a line, the rest in a table."""
    if not results:
        return
    shared, differ = parted(results)
    shown = results[:_ROWS]
    yield "<h2>Every measured value</h2>"
    said = ", ".join(f"{name} = {entry(value)}" for name, value in shared.items())
    if len(results) > len(shown):
        said += f"\nThe first {_ROWS} of {len(results)} rows; all are in results.csv."
    yield f'<p class="note">{text(said.strip())}</p>'
    rows, values = [], []
    for row in shown:
        rows.append([*(entry(row.get(k, "")) for k in differ), digits(row["value"], row["sem"])])
        rows[-1].append(str(row["n"]))
        values.append([row.get(k) for k in (*differ, "value", "n")])
    yield _table([[*differ, "value", "n"], *rows], values)


def _concluded(study: Study) -> list[list[str]]:
    """Numbers with errors in the summary of a run, by what they are of."""
    try:
        summary = study.summary
    except ValueError:
        return []

    def leaves(value: Any, name: Sequence[str]) -> Iterator[list[str]]:
        if not isinstance(value, dict):
            return
        if {"mean", "sem", "n"} <= value.keys() and is_number(value["mean"]):
            sem = value["sem"] if is_number(value["sem"]) else None
            yield [", ".join(name), digits(value["mean"], sem), str(value["n"])]
            return
        for key, one in value.items():
            yield from leaves(one, [*name, str(key).replace("_", " ")])

    try:
        return list(leaves(summary, []))
    except RecursionError:  # no summary of ours
        return []


# ── the run ───────────────────────────────────────────────────────────────────────────────


def _about(study: Study) -> Iterator[str]:
    """Parameters, versions, and the command."""
    config = study.config
    asked = {k: v for k, v in config["parameters"].items() if v is not None}
    asked |= {"points": len(study.points), "samples": config["samples"], "seed": config["seed"]}
    yield "<h2>Parameters</h2>"
    yield _pairs(asked.items())
    yield "<h2>To repeat it</h2>"
    command = config.get("command")
    words = "The run was started from Python." if command is None else ""
    yield f"<p>{words}</p>" if words else f'<pre tabindex="0">{text(command)}</pre>'
    others = config.get("versions")
    versions = others.items() if isinstance(others, dict) else ()
    yield _pairs([("hopfield-diffusion", config.get("version", "unknown")), *versions])


def _pairs(pairs: Iterable[tuple[str, Any]]) -> str:
    """Names and values."""
    lines = (
        f'<tr><th scope="row">{text(name)}</th><td>{text(_listed(value))}</td></tr>'
        for name, value in pairs
    )
    return f'<div class="box pairs"><table><tbody>{"".join(lines)}</tbody></table></div>'


def _listed(value: Any) -> str:
    return ", ".join(map(entry, value)) if isinstance(value, list | tuple) else entry(value)
