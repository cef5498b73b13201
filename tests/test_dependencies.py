"""What is imported is declared, and what is declared is imported."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OWN = {"hopfield", "diffusion", "bridges", "scripts", "tests"}
INSTALLED = packages_distributions()


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements):
    return {normal(re.match(r"[\w.-]+", one)[0]) for one in requirements}


def imported(*folders):
    """Distributions that the modules of these folders import, each with one of the files."""
    found = {}
    for folder in folders:
        files = sorted((ROOT / folder).rglob("*.py"))
        local = {file.stem for file in files} | {file.parent.name for file in files}
        for file in files:
            for node in ast.walk(ast.parse(file.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module]
                for name in {name.split(".")[0] for name in names}:
                    if name not in sys.stdlib_module_names | OWN | local:
                        for one in INSTALLED.get(name, [name]):
                            found[normal(one)] = file
    return found


REQUIRED = named(PROJECT["dependencies"])
EXTRAS = {name: named(them) for name, them in PROJECT["optional-dependencies"].items()}


def test_what_the_packages_import_is_declared():
    allowed = REQUIRED | EXTRAS["cluster"] | EXTRAS["interop"] | EXTRAS.get("data", set())
    found = imported("hopfield", "diffusion", "bridges", "scripts")
    assert {"torch", "pillow", "filelock"} <= found.keys()
    assert {one: str(file) for one, file in found.items() if one not in allowed} == {}


def test_what_the_packages_need_is_imported():
    found = imported("hopfield", "diffusion", "bridges")
    assert (REQUIRED | EXTRAS["cluster"]) - found.keys() == set()


@pytest.mark.parametrize("name", sorted(REQUIRED.union(*EXTRAS.values())))
def test_constraints_pin_what_is_declared(name):
    pins = dict(one.split("==") for one in (ROOT / "constraints.txt").read_text().split())
    assert name in {normal(one) for one in pins}
