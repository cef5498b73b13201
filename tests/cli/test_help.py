"""Help answers at once, and tells the presets of a study."""

import os
import resource
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUDIES = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))


def told(*command: str) -> str:
    """What a command prints, in less than 0.3 s of its own.

    Seconds of the clock would measure what else the machine does.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.3
    return done.stdout


def test_the_command():
    text = told("-m", "bridges")
    for verb in ("models", "retrieve", "basins", "capacity", "graph", "memorization", "compare"):
        assert verb in text


@pytest.mark.parametrize("study", STUDIES)
def test_a_study(study):
    text = told(str(ROOT / "scripts" / f"{study}.py"))
    assert "--preset" in text
    assert "quick:" in text
    spec = spec_from_file_location(study, ROOT / "scripts" / f"{study}.py")
    module = module_from_spec(spec)
    sys.modules[study] = module
    spec.loader.exec_module(module)
    quick, paper = module.PRESETS["quick"], module.PRESETS["paper"]
    assert quick.keys() == paper.keys()
