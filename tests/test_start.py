"""What is loaded before anything is measured: no figures, no optimisers, no compiled loops.

Each takes some tenths of a second, and is loaded by the function that needs it. `import scipy`
alone loads none of its parts.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = {"matplotlib", "sklearn", "networkx", "numba", "PIL", "joblib", "pandas", "distributed"}
VERBS = ("basins", "classical", "compare", "guide", "maps", "memorization", "recall", "scaling")
VERBS += ("sizes", "train")


def at_once(body):
    """The imports that run when a module is loaded: (module, name) or (module, None)."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_once(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = (getattr(node, part, []) for part in ("body", "orelse", "handlers"))
            yield from at_once(one for part in inner if isinstance(part, list) for one in part)


@cache
def imports_of(file):
    return [*at_once(ast.parse(file.read_text()).body)]


def file_of(module):
    """The file of a module of ours, None of another's."""
    path = ROOT / module.replace(".", "/")
    return next((f for f in (path / "__init__.py", path.with_suffix(".py")) if f.exists()), None)


def home_of(module, name):
    """The module that a name is of, as the loader of the package's stub finds it."""
    if name is not None and file_of(f"{module}.{name}"):
        return f"{module}.{name}"
    stub = ROOT / module.replace(".", "/") / "__init__.pyi"
    if stub.exists():
        for node in ast.parse(stub.read_text()).body:
            if isinstance(node, ast.ImportFrom) and name in {one.name for one in node.names}:
                return f"{module}.{node.module}" if node.module else f"{module}.{name}"
    return module


def loaded(*roots):
    """Modules that are loaded with these, ours and others': by whom."""
    found, waiting = {}, [(root, "") for root in roots]
    while waiting:
        module, by = waiting.pop()
        if module in found:
            continue
        found[module] = by
        waiting += [(module.rpartition(".")[0], by)] if "." in module else []
        if (file := file_of(module)) is not None:
            for one, name in imports_of(file):
                waiting.append((home_of(one, name), module))
    return found


def slow(modules):
    return {
        module: by
        for module, by in modules.items()
        if module.split(".")[0] in SLOW or module.startswith("scipy.")
    }


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_loads_nothing_slow_before_it_measures(verb):
    found = loaded("bridges.cli", f"bridges.verbs.{verb}")
    assert {"torch", "bridges.study.engine", "bridges.memory.interface"} <= found.keys()
    assert not slow(found)


def test_the_packages_themselves_load_almost_nothing():
    for package in ("bridges", "hopfield", "diffusion"):
        assert {name.split(".")[0] for name in loaded(package)} == {
            package,
            "importlib",
            "lazy_loader",
        }


def test_what_is_slow_would_be_found():
    found = loaded("bridges.verbs.graph")
    assert slow(found) == {"networkx": "bridges.graph"}  # of which all it measures is made
    assert "numba" in loaded("hopfield._kernels")
    assert "scipy.optimize" in slow(loaded("hopfield.theory.sparse"))
