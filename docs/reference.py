"""Sphinx extension: a reference page for each package, from its docstrings.

The pages list what a package names in `__all__`, so that a new name appears by itself. The
docstrings are plain text with formulas: what reStructuredText would take for markup is
escaped, formulas that stand indented keep their lines, and the sections of the NumPy style
become fields.
"""

import inspect
import re
from importlib import import_module
from pathlib import Path

PAGES = Path(__file__).parent / "api"
PACKAGES = ("hopfield", "hopfield.theory", "diffusion", "diffusion.theory", "bridges")
PAGE = """# {name}

```{{eval-rst}}
.. automodule:: {name}
   :members:
   :show-inheritance:
```
"""
CODE = re.compile(r"``[^`]+``|`[^`]+`")


def documented():
    """The packages, and the modules that they count among their names."""
    for package in PACKAGES:
        yield package
        found = import_module(package)
        for name in found.__all__:
            if inspect.ismodule(getattr(found, name)):
                yield f"{package}.{name}"


def write_pages(app):
    """A page a module; one that has not changed is left as it is, and not built again."""
    PAGES.mkdir(exist_ok=True)
    wanted = {f"{name}.md": PAGE.format(name=name) for name in documented()}
    listed = "\n".join(sorted(name.removesuffix(".md") for name in wanted))
    wanted["index.md"] = f"# Reference\n\n```{{toctree}}\n{listed}\n```\n"
    for page in PAGES.glob("*.md"):
        if page.name not in wanted:
            page.unlink()
    for name, text in wanted.items():
        page = PAGES / name
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


def to_rst(lines):
    """A docstring of this house as reStructuredText, line by line."""
    sections = [["", []]]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.strip() and re.fullmatch("-{3,}", following):
            sections.append([line.strip(), []])
        elif not (re.fullmatch("-{3,}", line) and not sections[-1][1]):
            sections[-1][1].append(line)
    found = []
    for title, body in sections:
        if not title:
            found += prose(body)
            continue
        inner = prose(body) if title == "Examples" else fields(body)
        found += ["", f":{title}:", *("    " + line if line else "" for line in inner), ""]
    return found


def prose(lines):
    """Text escaped, indented lines as they stand, doctests untouched."""
    found, indented, doctest = [], False, False
    for line in lines:
        doctest = line.startswith(">>>") or (doctest and bool(line.strip()))
        deeper = not doctest and line.startswith(" ")
        if deeper and not indented:
            found += ["", "::", ""]
        elif indented and line.strip() and not deeper:
            found.append("")
        if line.strip():
            indented = deeper
        found.append(line if doctest or deeper else escape(line))
    return found


def fields(lines):
    """Paragraphs `**name** : text`; what continues one is joined to it."""
    items = []
    for line in lines:
        if not items or (line.strip() and not line.startswith(" ") and " : " in line):
            items.append("")
        items[-1] = f"{items[-1]} {line.strip()}".strip()
    found = []
    for item in items:
        name, colon, text = item.partition(" : ")
        found += [f"**{escape(name)}** : {escape(text)}" if colon else escape(item), ""]
    return found


def escape(text):
    """`code` as literal text, the rest without anything that would be markup."""
    found, end = "", 0
    for code in CODE.finditer(text):
        found += _escape(text[end : code.start()]) + f"``{code[0].strip('`')}``"
        end = code.end()
    return found + _escape(text[end:])


def _escape(text):
    text = re.sub(r"([\\*|`])", r"\\\1", text)
    return re.sub(r"_(?!\w)", r"\\_", text).replace("::", r":\:")


def convert(app, what, name, obj, options, lines):
    """Rewrite a docstring before it is parsed."""
    lines[:] = to_rst(lines)


def skip(app, what, name, obj, skipped, options):
    """Leave out the words that Python puts on the fields of a named tuple."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field") else None


def setup(app):
    """What Sphinx calls."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", convert)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
