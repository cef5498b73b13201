"""Commands as a user types them, and what a run leaves; for the tests beside this file."""

import importlib.util
import os
import sys
from pathlib import Path

from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}  # of commands in a process of their own
FILES = ["config.json", "figure.png", "points.jsonl", "results.csv", "summary.json"]


def script(study):
    """A script as a module, read afresh."""
    spec = importlib.util.spec_from_file_location(study, ROOT / "scripts" / f"{study}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[study] = module  # where dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[study]
    return module


def call(command, *words, code=0):
    """What a command prints; it must end with this exit code, and never with a traceback."""
    result = CliRunner().invoke(command, [str(word) for word in words])
    assert result.exit_code == code, result.output or repr(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.output


def run(study, *words, code=0):
    """What a study prints."""
    return call(script(study).main, *words, code=code)
