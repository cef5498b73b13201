"""Sphinx extension: a reference page for each package, from its docstrings.

A page has a section for each module that the names of `__all__` come from, with the head of
the module, its formulas, and then these names; a new name appears by itself. The docstrings
are plain text with formulas: what reStructuredText would take for markup is escaped, formulas
that stand indented keep their lines, and the sections of the NumPy style become fields.
"""

import inspect
import re
from importlib import import_module
from pathlib import Path

PAGES = Path(__file__).parent / "api"
PACKAGES = ("hopfield", "hopfield.theory", "diffusion", "diffusion.theory", "bridges")
CODE = re.compile(r"``[^`]+``|`[^`]+`")


def write_pages(app):
    """A page a package; one that has not changed is left as it is, and not built again."""
    PAGES.mkdir(exist_ok=True)
    wanted = {f"{package}.md": page(package) for package in PACKAGES}
    listed = "\n".join(PACKAGES)
    wanted["index.md"] = f"# Reference\n\n```{{toctree}}\n:maxdepth: 2\n\n{listed}\n```\n"
    for name, text in wanted.items():
        file = PAGES / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def page(package):
    """The reference of a package, module by module."""
    found = import_module(package)
    lines = [f"# {package}", "", inspect.getdoc(found).splitlines()[0], ""]
    for module, names in sorted(sections(package).items()):
        lines += [f"## {module}", "", "```{eval-rst}", f".. automodule:: {module}"]
        lines += ["   :no-index:", ""]  # a function may have the name of its module
        for name, value in names.items():
            lines += [f".. auto{kind(value)}:: {name}"]
            lines += ["   :members:", "   :show-inheritance:"] * inspect.isclass(value) + [""]
        lines += ["```", ""]
    return "\n".join(lines)


def sections(package):
    """By module, the objects that are documented there, each once, by their full names.

    The names of the package stand under the modules they come from; those of a module that is
    itself one of its names stand under that module.
    """
    found = import_module(package)
    modules = {name: getattr(found, name) for name in found.__all__}
    modules = {f"{package}.{name}": it for name, it in modules.items() if inspect.ismodule(it)}
    homes, seen = {}, set()
    for owner, module in ({package: found} | modules).items():
        for name in public(module):
            value = getattr(module, name)
            home = getattr(value, "__module__", owner)
            home = home if home.startswith(package) else owner  # as of an alias of a type
            itself = home, getattr(value, "__qualname__", name)
            if not inspect.ismodule(value) and itself not in seen:
                seen.add(itself)
                homes.setdefault(home if module is found else owner, {})[f"{owner}.{name}"] = value
    return homes


def public(module):
    """The names of a module that are meant for others."""
    own = (n for n, it in vars(module).items() if getattr(it, "__module__", "") == module.__name__)
    return getattr(module, "__all__", [name for name in own if not name.startswith("_")])


def kind(value):
    """The word that autodoc has for an object."""
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if inspect.isroutine(value) else "data"


def to_rst(lines):
    """A docstring of this house as reStructuredText, line by line."""
    sections = [["", []]]
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
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
        if text[end : end + 1].isalnum():  # as in `overlap`², which must not touch
            found += r"\ "
    return found + _escape(text[end:])


def _escape(text):
    text = re.sub(r"([\\*|`])", r"\\\1", text)
    return re.sub(r"_(?!\w)", r"\\_", text).replace("::", r":\:")


def convert(app, what, name, obj, options, lines):
    """Rewrite a docstring before it is parsed; data are not told what their type is."""
    lines[:] = [] if what == "data" and obj.__doc__ == type(obj).__doc__ else to_rst(lines)


def skip(app, what, name, obj, skipped, options):
    """Leave out the words that Python puts on the fields of a named tuple."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field") else None


def setup(app):
    """What Sphinx calls."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", convert)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
