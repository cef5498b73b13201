"""The notebooks run from top to bottom, hold no output, and say what their cells find.

The cells are run in one namespace, as by a reader without Jupyter; the build of the pages runs
them in Jupyter.
"""

import ast
import json
import re
import shlex
from pathlib import Path

import matplotlib
import pytest
from click.testing import CliRunner
from matplotlib import pyplot
from terminal import ROOT

from bridges.cli import main

FOLDER = ROOT / "docs" / "notebooks"
NAMES = ("ten-digits-five-memories", "does-a-diffusion-model-remember", "a-rule-of-my-own")


def cells(name, kind="code"):
    """The sources of the cells of a kind."""
    found = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


@pytest.fixture
def run(elsewhere):
    """Run a notebook; what its cells have named."""
    before = matplotlib.get_backend()
    pyplot.switch_backend("agg")

    def all_of(name):
        names = {"__name__": name}
        for cell in cells(name):
            exec(compile(cell, name, "exec"), names)
        assert pyplot.get_fignums()
        for number in pyplot.get_fignums():
            pyplot.figure(number).canvas.draw()
        return names

    yield all_of
    pyplot.close("all")
    pyplot.switch_backend(before)


@pytest.mark.parametrize("name", NAMES)
def test_no_output_is_kept(name):
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))
    assert notebook["nbformat"] == 4
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []


@pytest.mark.parametrize("name", NAMES)
def test_pages_they_link_to_exist(name):
    targets = re.findall(r"\]\(([^)#]+\.md)", "\n".join(cells(name, "markdown")))
    assert [one for one in targets if not (FOLDER / one).is_file()] == []


def test_every_notebook_is_run_and_listed():
    assert {file.stem for file in FOLDER.glob("*.ipynb")} == set(NAMES)
    index = (ROOT / "docs" / "index.md").read_text()
    assert [name for name in NAMES if f"notebooks/{name}" not in index] == []


def test_ten_digits(run):
    found = run("ten-digits-five-memories")
    radius = {name: one.overlap for name, one in found["radii"].items()}
    assert radius["hebb"] > 1  # not even the patterns themselves stay
    assert found["home"]["hebb"] <= 1
    assert min(home for name, home in found["home"].items() if name != "hebb") >= 8
    # As the text says, within their 95 % intervals, which are about 0.03 wide.
    assert radius["pseudo-inverse"] == pytest.approx(0.4, abs=0.04)
    assert radius["exponential"] < radius["pseudo-inverse"] - 0.1
    assert radius["flow"] == pytest.approx(0.2, abs=0.04)
    assert radius["denoiser"] == pytest.approx(radius["flow"], abs=0.03)


def test_a_diffusion_model(run):
    found = run("does-a-diffusion-model-remember")
    few, many = "40 images", "1200 images"
    assert found["reports"][few].verdict == "copies beyond chance"
    assert found["reports"][many].verdict == "no more copies than among held-out points"
    assert len(found["lists"][few].listed) > 0
    assert len(found["lists"][many].listed) == 0
    assert found["gaps"][few].verdict == "a memory of these"
    assert found["gaps"][many].verdict == "a model of their kind"
    assert 0.01 < found["share"] < 3 / 200  # 1 − 0.05^(1/200) = 1.49 %


def test_a_rule(run):
    found = run("a-rule-of-my-own")
    limit = {name: one.extrapolation for name, one in found["scalings"].items()}
    # Known: 0.138 (AGS) to 0.144 (dynamics); 3 s.e. of this fit.
    assert limit["hebb"].limit == pytest.approx(0.141, abs=0.003 + 3 * limit["hebb"].sem)
    ratio = limit["corrected"].limit / limit["hebb"].limit
    assert ratio == pytest.approx(4 / 3, abs=0.12)  # 3 s.e.
    assert found["least"][0.2] < 0 < found["least"][0.1]  # (1 + √α)² is 2 at α = 0.17
    radius = {name: one.overlap for name, one in found["radii"].items()}
    assert radius["pseudo-inverse"] < radius["corrected"] < radius["hebb"]
    assert radius["hebb"] == pytest.approx(0.37, abs=0.04)  # its 95 % interval


def test_the_rule_on_the_command_line(elsewhere):
    """The command of the notebook, cheaply, with the function that its cell defines."""
    (cell,) = (one for one in cells("a-rule-of-my-own") if "def corrected" in one)
    (function,) = (one for one in ast.parse(cell).body if isinstance(one, ast.FunctionDef))
    Path("mine.py").write_text(f"import torch\n\n\n{ast.unparse(function)}\n")
    text = "\n".join(cells("a-rule-of-my-own", "markdown"))
    (command,) = re.findall(r"```sh\nbridges (.*)\n```", text)
    cheap = ["--samples", "2", "--trials", "8", "--jobs", "1", "--out", "found"]
    result = CliRunner().invoke(main, [*shlex.split(command), *cheap])
    assert result.exit_code == 0, result.output
    assert "corrected" in result.output
