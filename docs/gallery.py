"""Sphinx extension: the studies' figures and tables, made by the build itself.

Each `scripts/NAME.py` that has a page `studies/NAME.md` is run with its `quick` preset into
`results/docs/NAME`. The script of a run that is finished there measures nothing and only shows
it again; while no code has changed, no script is run. Delete `results/docs` to measure
everything anew. A page whose script does not exist is left out, so that the text may come first.

    ```{study} NAME      its figure and printed table, on its page
    ```{record} NAME     the same of its record, a larger run (`docs/record.py`), with its command
                         and the machine that made it
    ```{gallery}         every study with its figure
    ```{verb} NAME       a command of `bridges`, its content, with its figure and printed table

The commands of verbs are run likewise. One whose data are not on this machine, and cannot be
fetched, is shown alone.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from bridges.study.tables import blocks, cells

DOCS = Path(__file__).parent
ROOT = DOCS.parent
FIGURES = DOCS / "figures"
RECORDS = DOCS / "records"
CODE = ("scripts", "hopfield", "diffusion", "bridges")
VERB = re.compile(r"^```\{verb\} (\S+)\nbridges (.*?)\n```", re.MULTILINE)
log = logging.getLogger(__name__)


def pages():
    """Names of the studies that have a page, whether they exist or not."""
    return sorted(page.stem for page in (DOCS / "studies").glob("*.md") if page.stem != "index")


def exists(name):
    """Whether a study is there to be run."""
    return (ROOT / "scripts" / f"{name}.py").is_file()


def verbs():
    """The commands of verbs that are shown, by the name of their figure."""
    text = "\n".join(page.read_text() for page in sorted(DOCS.glob("*.md")))
    return {name: shlex.split(words) for name, words in VERB.findall(text)}


def leave_out(app, config):
    """Leave out the pages of studies that do not exist."""
    config.exclude_patterns += [f"studies/{name}.md" for name in pages() if not exists(name)]


def measure(app):
    """Run every study and verb that is older than the code, and keep its figure and its table."""
    if not app.config.gallery_run:
        return
    FIGURES.mkdir(exist_ok=True)
    changed = max(file.stat().st_mtime for room in CODE for file in (ROOT / room).rglob("*.py"))
    for name in filter(exists, pages()):
        keep(name, changed, f"scripts/{name}.py", "--preset", "quick")
    for name, words in verbs().items():
        keep(name, changed, "-m", "bridges", *words)


def keep(name, changed, *command):
    """Run a command, unless its figure and table are newer than the code, and keep these."""
    table = FIGURES / f"{name}.txt"
    if table.exists() and table.stat().st_mtime > changed:
        return
    log.info("gallery: %s, a minute or two unless it has been run", " ".join(command))
    done = run(*command, "--out", folder(name))
    if done.returncode == 2 and "another run" in done.stderr:  # its options have changed
        done = run(*command, "--out", folder(name), "--overwrite")
    if done.returncode == 2 and "cannot be fetched" in done.stderr:
        log.info("gallery: %s is left out, as its data are not here", name)
    elif done.returncode:
        log.warning("%s failed:\n%s", " ".join(command), done.stderr)
    else:
        shutil.copyfile(folder(name) / "figure.png", FIGURES / f"{name}.png")
        table.write_text(done.stdout[: done.stdout.rindex("written to ")])


def run(*command):
    """A study or a verb as a user runs it."""
    found = os.environ.get("PYTHONPATH")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT)] + [found] * bool(found))}
    words = [sys.executable, *command]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)


def folder(name):
    """Where a study's results are kept from one build to the next."""
    return ROOT / "results" / "docs" / name


def shown(block):
    """A table as a table, else a paragraph."""
    rows = cells(block)
    if rows is None:
        return [nodes.paragraph("", " ".join(block.split()))]
    group = nodes.tgroup(cols=len(rows[0]))
    group += [nodes.colspec(colwidth=1) for _ in rows[0]]
    for part, those in ((nodes.thead(), rows[:1]), (nodes.tbody(), rows[1:])):
        for row in those:
            entries = [nodes.entry("", nodes.paragraph("", cell)) for cell in row]
            part += nodes.row("", *entries)
        group += part
    return [nodes.table("", group, classes=["colwidths-auto"])]


def full_size(app, doctree):
    """Let a figure open at its full size, which a column of text does not have."""
    for image in doctree.findall(nodes.image):
        if not {"width", "scale", "height"} & {*image.attributes}:
            image["width"] = "100%"  # which Sphinx links to the file


class Study(SphinxDirective):
    """The figure that a study makes and what it prints; the page has its command."""

    required_arguments = 1

    def run(self):
        return kept(self.env, self.arguments[0])


class Record(SphinxDirective):
    """The figure of a record and what its run printed, where and in what time."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        home = RECORDS / name
        table, made = home / "table.txt", home / "made.json"
        for file in (table, made):
            self.env.note_dependency(str(file))
        if not (home / "summary.json").exists():  # none was begun, or it is not finished
            return [nodes.paragraph("", "Only the preset quick has been run.")]
        command = json.loads((home / "config.json").read_text())["command"]
        shown = nodes.literal("", re.sub(r" --jobs \d+", "", command))
        said = nodes.Text(f", {said_of(json.loads(made.read_text()))}.")
        image = nodes.image(
            uri=f"/records/{name}/figure.png", alt=f"The figure of the record {name}"
        )
        head = nodes.paragraph(
            "", "", nodes.strong("", "The record"), nodes.Text(": "), shown, said
        )
        return [head, image, *tables(table)]


class Verb(SphinxDirective):
    """A command of `bridges`, its figure and what it prints."""

    required_arguments = 1
    has_content = True

    def run(self):
        text = "\n".join(self.content)
        command = nodes.literal_block(text, text, language="sh")
        return [command, *kept(self.env, self.arguments[0])]


def kept(env, name):
    """A figure and a table that were kept, or where they come from."""
    table, figure = FIGURES / f"{name}.txt", FIGURES / f"{name}.png"
    env.note_dependency(str(table))
    if not (table.exists() and figure.exists()):
        return [nodes.paragraph("", "They are made by `make docs`, where the data are at hand.")]
    image = nodes.image(uri=f"/figures/{name}.png", alt=f"The figure of {name}")
    return [image, *tables(table)]


def tables(file):
    """What a run printed."""
    return [node for block in blocks(file.read_text()) for node in shown(block)]


def said_of(sittings):
    """Where and when a record was made, and in what time.

    >>> one = {"date": "2026-11-30", "processor": "AMD EPYC", "cores": 2, "torch": "2.13.0"}
    >>> said_of([one | {"seconds": 7000}, one | {"seconds": 2000}])
    'on 2 cores of AMD EPYC, torch 2.13.0, 2026-11-30: 2.5 hours'
    """
    seconds: dict[str, float] = {}
    for one in sittings:
        where = f"on {one['cores']} cores of {one['processor']}, torch {one['torch']}"
        where = f"{where}, {one['date']}"
        seconds[where] = seconds.get(where, 0) + one["seconds"]
    return "; then ".join(f"{where}: {duration(took)}" for where, took in seconds.items())


def duration(seconds):
    """A time in words."""
    if seconds < 5400:
        minutes = max(1, round(seconds / 60))
        return f"{minutes} minute{'s' * (minutes > 1)}"
    return f"{seconds / 3600:.1f} hours"


class Gallery(SphinxDirective):
    """Every study: a link to its page, under its figure."""

    def run(self):
        lines = []
        for name in filter(exists, pages()):
            title = (DOCS / "studies" / f"{name}.md").read_text().splitlines()[0].lstrip("# ")
            lines += [f"**[{title}]({name}.md)**", ""]
            self.env.note_dependency(str(FIGURES / f"{name}.png"))
            if (FIGURES / f"{name}.png").exists():
                lines += [f"[![{title}](/figures/{name}.png)]({name}.md)", ""]
        holder = nodes.container()
        self.state.nested_parse(StringList(lines), 0, holder)
        return holder.children


def setup(app):
    """What Sphinx calls; `-D gallery_run=0` builds without running any study."""
    app.add_config_value("gallery_run", True, "env", bool)
    app.add_directive("study", Study)
    app.add_directive("record", Record)
    app.add_directive("gallery", Gallery)
    app.add_directive("verb", Verb)
    app.connect("config-inited", leave_out)
    app.connect("builder-inited", measure)
    app.connect("doctree-read", full_size)
    return {"parallel_read_safe": True}
