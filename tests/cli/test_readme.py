"""Every block of the README runs as it stands."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bridges.cli import main

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^\.venv/bin/bridges (.*?)(?:\s+#.*)?$", README, re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS)
def test_python_blocks(block, capsys):
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", np.random.default_rng(0).normal(size=(40, 20)))
    words = shlex.split(command)
    trials = "--draws" if words[0] == "memorization" else "--trials"
    cheap = [] if words == ["models"] else ["--samples", "2", trials, "10", "--jobs", "1"]
    result = CliRunner().invoke(main, words + cheap)
    assert result.exit_code == 0, result.output


def test_there_is_something_to_test():
    assert len(BLOCKS) >= 2
    assert len(COMMANDS) >= 4


def test_make_targets_exist():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
