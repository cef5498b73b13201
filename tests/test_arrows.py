"""The import arrows: hopfield and diffusion → bridges → scripts, none back, and no circle.

Imports for types and inside functions count as others do. `from package import name` is an
arrow to the submodule of that name, or to the package's `__init__` if there is none.
"""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("hopfield", "diffusion", "bridges")
HOUSE = {*PACKAGES, "scripts", "tests"}
ALLOWED = {
    "hopfield": {"hopfield"},
    "diffusion": {"diffusion"},
    "bridges": {"hopfield", "diffusion", "bridges"},
    "scripts": {"hopfield", "diffusion", "bridges"},
}
LOADERS = {"spec_from_file_location", "SourceFileLoader", "run_path", "exec_module"}
BEHIND_THE_DOORS = {"bridges._checks", "bridges._results"}
MOST_LINES, MOST_ENTRIES, FEWER_ARROWS = 450, 35, 90


def files(folder):
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_follow_the_arrows(package):
    for file in files(package):
        strangers = set(imported(file)) & HOUSE - ALLOWED[package]
        assert not strangers, f"{file.relative_to(ROOT)} imports {strangers}"


@pytest.mark.parametrize("package", ALLOWED)
def test_no_relative_imports_hide_from_the_check(package):
    for file in files(package):
        for node in ast.walk(ast.parse(file.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), file


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_loads_code_by_its_path(package):
    """But for the file of the user's that holds a model."""
    for file in files(package):
        for node in ast.walk(ast.parse(file.read_text())):
            names = {getattr(node, field, None) for field in ("id", "attr", "name")}
            assert not names & LOADERS or file == ROOT / "bridges/models/paths.py", file
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value.strip("/") != "scripts", file


def arrows(*folders, home=ROOT):
    """Module → the modules that it imports, among all modules of these folders."""
    sources = [file for folder in folders for file in sorted((home / folder).rglob("*.py*"))]
    sources = [file for file in sources if file.suffix in (".py", ".pyi")]
    names = {file: file.relative_to(home).with_suffix("").parts for file in sources}
    names = {
        file: parts[:-1] if parts[-1] == "__init__" else parts for file, parts in names.items()
    }
    found = {".".join(parts): set() for parts in names.values()}
    for file, parts in names.items():
        own = ".".join(parts)
        package = parts if file.stem == "__init__" else parts[:-1]
        for node in ast.walk(ast.parse(file.read_text())):
            reached = []
            if isinstance(node, ast.Import):
                reached = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) + 1 - node.level] if node.level else ()
                base = ".".join([*above, *([node.module] if node.module else [])])
                submodules = (f"{base}.{alias.name}" for alias in node.names)
                reached = [name if name in found else base for name in submodules]
            found[own].update(name for name in reached if name in found and name != own)
    return found


@pytest.mark.parametrize(
    ("home", "folders"),
    [
        *((ROOT, (package,)) for package in PACKAGES),
        (ROOT / "scripts", (".",)),
    ],
    ids=[*PACKAGES, "scripts"],
)
def test_there_is_no_circle(home, folders):
    found = arrows(*folders, home=home)
    assert sum(map(len, found.values())) > 5
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        pytest.fail(" ← ".join(error.args[1]))


def test_a_circle_would_be_found(tmp_path):
    for name, text in {
        "p/__init__.pyi": "from .a import f",
        "p/a.py": "def f():\n    from p import b",
        "p/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import f",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert arrows("p", home=tmp_path) == {"p": {"p.a"}, "p.a": {"p.b"}, "p.b": {"p"}}


def test_bridges_looks_behind_no_door():
    for module, reached in arrows(*PACKAGES).items():
        if module.startswith("bridges") and module not in BEHIND_THE_DOORS:
            inner = {
                name
                for name in reached
                if not name.startswith("bridges") and any(p[0] == "_" for p in name.split("."))
            }
            assert not inner, f"{module} imports {inner}"


@pytest.mark.parametrize("name", ["_arguments.py", "_plots.py"])
def test_what_both_packages_share_is_one_text(name):
    """Neither may import the other."""
    texts = {(ROOT / p / name).read_text().replace(f"from {p}", "") for p in PACKAGES[:2]}
    assert len(texts) == 1


def test_bridges_stays_small_enough_to_be_seen():
    entries = {entry.name for entry in (ROOT / "bridges").iterdir()} - {"__pycache__"}
    assert len(entries) <= MOST_ENTRIES
    between = {
        (module.split(".")[1], [*name.split("."), "__init__"][1])
        for module, reached in arrows("bridges").items()
        for name in reached
        if module != "bridges"
    }
    assert len({(one, other) for one, other in between if one != other}) < FEWER_ARROWS


@pytest.mark.parametrize("folder", [*PACKAGES, "scripts", "tests"])
def test_no_file_is_longer_than_a_reader_has_patience(folder):
    long = {
        str(file.relative_to(ROOT)): lines
        for file in files(folder)
        if (lines := len(file.read_text().splitlines())) > MOST_LINES
    }
    assert not long
