"""Sphinx extension: the table of speeds, from the record of a `make bench` in docs/speed.json.

```{speed}          the machine, and a table of the rows
```{speed} gpu      the same of a `make bench-gpu` in docs/speed-gpu.json, if there is one
```{speed} first    of another record, in docs/speed-first.json
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).parent


class Speed(SphinxDirective):
    """What was measured on which machine."""

    optional_arguments = 1

    def run(self):
        file = HERE / "-".join(["speed", *self.arguments])
        file = file.with_suffix(".json")
        self.env.note_dependency(str(file))
        if not file.exists():
            return [nodes.paragraph("", "Not measured.")]
        record = json.loads(file.read_text())
        found = record["machine"]
        lines = [
            f"Measured on {record['date']}: {found['processor']}, {found['threads']} threads, "
            f"torch {found['torch']}, float32 matrix product {found['product_gflops']:.0f} GF/s.",
            "",
            "| work | ours | against | ratio | goal |",
            "|---|---|---|---|---|",
            *(line(row) for row in record["rows"]),
        ]
        holder = nodes.container()
        self.state.nested_parse(StringList(lines), 0, holder)
        return holder.children


def line(row):
    """A row of the table; an indented one belongs to the one above it."""
    what = row["what"]
    name = f"… {what.strip()}" if what.startswith(" ") else what
    goal = row["goal"] + " (missed)" * row["missed"]
    cells = (name, row["ours"], row["against"], f"{row['ratio']:.3g}", goal)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def setup(app):
    """What Sphinx calls."""
    app.add_directive("speed", Speed)
    return {"parallel_read_safe": True}
