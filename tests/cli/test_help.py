"""Help answers at once, and tells the presets of a study."""

import resource
import subprocess
import sys

import pytest
from terminal import ENVIRONMENT, ROOT, script

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
        env=ENVIRONMENT,
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
    quick, paper = (script(study).PRESETS[name] for name in ("quick", "paper"))
    assert quick.keys() == paper.keys()
