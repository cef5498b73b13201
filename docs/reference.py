"""Sphinx extension: a reference page for each package, from its docstrings.

A page has a section for each module that the names of `__all__` come from, with the head of
the module, its formulas, and then these names; a new name appears by itself. Napoleon parses
the docstrings. They are plain text with formulas, which is made safe for it first.
"""

import inspect
import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path

PAGES = Path(__file__).parent / "api"
PACKAGES = ("hopfield", "hopfield.theory", "diffusion", "diffusion.theory", "bridges")
ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
ENTRIES = ("Parameters", "Attributes", "Raises")


def write_pages(app):
    """One page per package; one that has not changed is left as it is, and not built again."""
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


def prepare(app, what, name, obj, options, lines):
    """Make a docstring fit for napoleon, which parses its sections afterwards.

    What reStructuredText would take for markup is escaped, formulas that stand indented keep
    their lines, and all of an entry `name : text` is its text: types are in the signature.
    """
    if what == "data" and obj.__doc__ == type(obj).__doc__:
        lines.clear()  # as of a number: that of its type
    found, section, doctest, formula = [], "", False, False
    if what in ("attribute", "data", "property"):
        found += ["..", ""]  # or what precedes a colon in the first line is taken for a type
    for line, following in pairwise([*lines, ""]):
        if line.strip() and re.fullmatch("-{3,}", following):
            section = line.strip()
        doctest = line.startswith(">>>") or (doctest and bool(line.strip()))
        deeper, listed = line.startswith(" "), section in (*ENTRIES, "Returns")
        if listed and not deeper and line[-1:] not in ".,;:" and following[4:5].isupper():
            line += "."  # a description under what would be a type
        if not listed and deeper and not doctest and not formula:
            found += ["", "::", ""]
        if formula and line.strip() and not deeper:
            found.append("")
        if line.strip():
            formula = not listed and deeper and not doctest
        if doctest or formula:
            found.append(line)
        elif section in ENTRIES and not deeper and " : " in line:
            name, _, text = line.partition(" : ")
            found += [name, "    " + escape(text)]
        else:
            found.append(escape(line.strip() if section == "Returns" else line))
    lines[:] = found


def escape(text):
    """`code` as literal text, the rest without anything that would be markup."""
    parts = re.split(r"(`+[^`]+`+)", text)
    parts[::2] = [re.sub(r"([\\*|`]|_(?!\w)|(?<=:):)", r"\\\1", part) for part in parts[::2]]
    # A letter may follow at once, as in `overlap`², which must not touch.
    return "".join(
        f"``{part.strip('`')}``" + r"\ " * after[:1].isalnum() if k % 2 else part
        for k, (part, after) in enumerate(pairwise([*parts, ""]))
    )


def shorten(app, what, name, obj, options, signature, returns):
    """Write aliases of types by their names, in unions too."""
    return [text and ALIAS.sub(r"\1", text) for text in (signature, returns)]


def skip(app, what, name, obj, skipped, options):
    """Leave out the words that Python puts on the fields of a named tuple."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field") else None


def setup(app):
    """What Sphinx calls."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", prepare, priority=400)  # napoleon has 500
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
