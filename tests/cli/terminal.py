"""Commands as a user types them, and what a run leaves; for the tests beside this file."""

import csv
import importlib.util
import json
import os
import sys
from pathlib import Path

from click.testing import CliRunner

from bridges.cli import main

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}  # of commands in a process of their own
FILES = ["config.json", "figure.png", "points.jsonl", "results.csv", "summary.json"]


def script(study):
    """A script as a module, read afresh; what lies beside it is on the path (`conftest`)."""
    spec = importlib.util.spec_from_file_location(study, ROOT / "scripts" / f"{study}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[study] = module  # where dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[study]
    return module


def line(name):
    """How a process of its own starts a study (`unlearning`) or a verb (`bridges graph`)."""
    if name in SCRIPTS:
        return [sys.executable, str(ROOT / "scripts" / f"{name}.py")]
    return [sys.executable, "-m", *name.split()]


def run(name, *words, code=0):
    """What a study (`unlearning`) or a verb (`bridges graph`) prints.

    Words are split at blanks. The command must end with this exit code, never with a traceback.
    """
    command, given = (script(name).main, words) if name in SCRIPTS else (main, (name, *words))
    split = [word for one in given for word in str(one).split()]
    result = CliRunner().invoke(command, split[name not in SCRIPTS :])
    assert result.exit_code == code, result.output or repr(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.output


def refuses(name, *words):
    """The one line with which a command refuses; nothing new is written."""
    before = sorted(Path().rglob("*"))
    text = run(name, *words, code=2)
    (error,) = (one for one in text.splitlines() if one.startswith("Error:"))
    assert text.rstrip().endswith(error)
    assert sorted(Path().rglob("*")) == before
    return error


def contents(folder="run"):
    """Every file of a folder, by its name."""
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def summary(folder="run"):
    """What a run concluded."""
    return json.loads((Path(folder) / "summary.json").read_text())


def rows(folder="run", **labels):
    """The rows of the results of a run that have these labels."""

    def alike(text, label):
        return text == str(label) or (isinstance(label, int | float) and text == str(float(label)))

    with (Path(folder) / "results.csv").open(newline="") as file:
        return [
            row
            for row in csv.DictReader(file)
            if all(alike(row[name], label) for name, label in labels.items())
        ]


def measured(folder="run", **labels):
    """The mean and its error (NaN for one sample) in the one row that has these labels."""
    (row,) = rows(folder, **labels)
    return float(row["value"]), float(row["sem"] or "nan")
