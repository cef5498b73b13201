"""The import arrows: hopfield and diffusion → bridges → scripts, and none the other way."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = {"hopfield", "diffusion", "bridges", "scripts", "tests"}
ALLOWED = {
    "hopfield": {"hopfield"},
    "diffusion": {"diffusion"},
    "bridges": {"hopfield", "diffusion", "bridges"},
    "scripts": {"hopfield", "diffusion", "bridges"},
}


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_follow_the_arrows(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        strangers = set(imported(file)) & HOUSE - ALLOWED[package]
        assert not strangers, f"{file.relative_to(ROOT)} imports {strangers}"


def test_no_relative_imports_hide_from_the_check():
    for package in ALLOWED:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                assert not (isinstance(node, ast.ImportFrom) and node.level), file
