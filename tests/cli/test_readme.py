"""Every block and every command of the README and of the documentation runs as it stands.

The Python blocks of the README run each alone, those of a page of docs/ one after another, as
they are read; one that begins with the name of a file is that file, for the others. Commands of
`bridges` are run in the order of their page, with fewer samples
and trials; those that need a cluster, and the studies, whose own tests run them, are parsed by
the command they call: names and values of all options are checked, nothing is measured.
"""

import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import version
from inspect import isfunction
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image
from terminal import ROOT, script

import bridges
import diffusion
import hopfield
from bridges.cli import main
from bridges.data.named import _folders
from diffusion import guidance, theory as of_noise
from hopfield import theory as of_memory

DOCS = ROOT / "docs"
STUDIES = sorted(page.stem for page in (DOCS / "studies").glob("*.md") if page.stem != "index")
PAGES = [
    ROOT / "README.md",
    *sorted(DOCS.glob("*.md")),
    *(DOCS / "studies" / f"{name}.md" for name in STUDIES),
]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
VERB = re.compile(r"```\{verb\} \S+\n(bridges .*?)\n```")
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"```(?:python|sh)\n.*?```", re.DOTALL)
COMMAND = re.compile(r"^(?:\.venv/bin/)?((?:bridges|python scripts/\w+\.py) .*?)(?:\s+#.*)?$", re.M)
MEASURING = {  # verbs, and the option that makes a sample of theirs cheap
    "retrieve": "--trials",
    "capacity": "--trials",
    "compare": "--trials",
    "basins": "--starts",
    "graph": "--draws",
    "guide": "--trials",
    "memorization": "--draws",
    "recall": "--steps",
    "train": "--steps",
}


FILE = re.compile(r"# (\w+\.py)\n")


def blocks(page):
    return [block for block in PYTHON.findall(page.read_text()) if not FILE.match(block)]


def commands(page):
    """The commands of a page, each as a list of words."""
    return commands_in(page.read_text())


def commands_in(text):
    found = [line for block in SHELL.findall(text) for line in COMMAND.findall(block)]
    return [shlex.split(line) for line in found]


def has_diffusers():
    """Whether diffusers is there, and can be imported."""
    try:
        return bool(importlib.import_module("diffusers").DDPMPipeline)
    except (ImportError, RuntimeError):
        return False


README = PAGES[0]
THEIRS = re.compile(r"my-model|my-classes|nets\.py:model|diffusers")  # in a part of a page
MODEL = """
from bridges.data import load
from diffusion import EmpiricalDenoiser

def trained():
    return EmpiricalDenoiser(load("mine.npy")[0])
"""
POINTS = [
    *((-1.2, 2.3), (1.4, 1.2), (9.1, 0.6), (4.2, 7.3), (3.4, 8.4), (-6.2, 5.8), (-7.3, 6.9)),
    *((-7.1, -5.2), (-6.3, -3.9), (5.2, -7.4), (6.1, -6.6), (0.2, -0.9)),
]
RUN = [page for page in PAGES[1:] if blocks(page) or commands(page)]


def follow(words):
    """Run a command, cheaply; or have it parsed by what it calls."""
    if words[0] == "python":
        script(Path(words[1]).stem).main.make_context(words[1], words[2:])
        return
    if "--cluster" in words or "fashion" in words:  # whose data may have to be fetched
        verb = main.commands[words[1]]
        verb.make_context(words[1], words[2:])
        return
    cheap = []
    if words[1] in MEASURING:
        cheap = ["--samples", "2", MEASURING[words[1]], "8", "--jobs", "1"]
    if THEIRS.search(" ".join(words)):
        cheap += ["--steps", "3"]
    result = CliRunner().invoke(main, words[1:] + cheap)
    assert result.exit_code == 0, result.output


@pytest.fixture(autouse=True)
def data_of_a_user(elsewhere):
    """What commands call mine.npy, unseen.npy, samples.npy, points.csv and my.py:trained."""
    mine = np.random.default_rng(0).normal(size=(120, 20))
    for name, rows in zip(("mine", "unseen", "samples"), np.split(mine, 3), strict=True):
        np.save(f"{name}.npy", rows)
    Path("my.py").write_text(MODEL)
    np.savetxt("points.csv", POINTS, "%g", ",", header="x,y", comments="")


def folders_of_a_user():
    """Images in folders, and untrained models of diffusers where that is there."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, 60, 8, 8), dtype=np.uint8)
    names = ("my-images/cat", "my-images/dog", "unseen-images", "my-samples")
    for name, images in zip(names, pixels, strict=True):
        Path(name).mkdir(parents=True)
        for k, image in enumerate(images):
            Image.fromarray(image).save(f"{name}/{k}.png")
    if not has_diffusers():
        return
    import diffusers
    import torch

    torch.manual_seed(0)
    small = {"sample_size": 8, "in_channels": 1, "out_channels": 1, "norm_num_groups": 4}
    small |= {"layers_per_block": 1, "block_out_channels": (8, 8)}
    small |= {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    for name, classes in (("my-model", None), ("my-classes", 3)):
        network = diffusers.UNet2DModel(**small, num_class_embeds=classes)
        diffusers.DDPMPipeline(network, diffusers.DDPMScheduler()).save_pretrained(name)


@pytest.mark.parametrize("block", blocks(README))
def test_blocks_of_the_readme(block, capsys):
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize("words", commands(README), ids=" ".join)
def test_commands_of_the_readme(words):
    follow(words)


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_pages(page, capsys):
    names, parts = {"__name__": page.stem}, BLOCK.findall(page.read_text())
    if "my-images" in page.read_text():
        folders_of_a_user()
    if not has_diffusers():
        parts = [part for part in parts if not THEIRS.search(part)]
    for part in parts:  # in the order of a reader
        for words in commands_in(part):
            follow(words)
        for block in PYTHON.findall(part):
            if found := FILE.match(block):
                Path(found[1]).write_text(block)
                continue
            capsys.readouterr()
            exec(compile(block, page.name, "exec"), names)
            assert capsys.readouterr().out, block


@pytest.mark.parametrize("words", VERB.findall((DOCS / "recall.md").read_text()))
def test_commands_with_a_figure(words):
    follow(shlex.split(words))


@pytest.mark.slow
def test_fashion_from_its_own_files():
    """As they stand on the page, where the data are at hand."""
    if next(_folders("fashion"), None) is None:
        pytest.skip("needs the files of Fashion-MNIST")
    found = [words for words in commands(DOCS / "data.md") if "fashion" in words]
    assert {words[1] for words in found} == {"compare", "memorization", "train"}
    for words in found:
        result = CliRunner().invoke(main, words[1:])
        assert result.exit_code == 0, result.output


def test_there_is_something_to_test():
    assert len(blocks(README)) >= 2
    assert len(commands(README)) >= 4
    assert {page.stem for page in RUN} >= {"tutorial", "extending", "coming-from", "scale"}


def test_a_wrong_option_would_be_found():
    with pytest.raises(Exception, match="No such option"):
        follow(["python", "scripts/unlearning.py", "--lodas", "3"])
    with pytest.raises(Exception, match="is not a number"):
        follow(["bridges", "retrieve", "--cluster", "tcp://127.0.0.1:1", "--overlaps", "half"])


@pytest.mark.parametrize("package", [hopfield, of_memory, diffusion, of_noise, guidance, bridges])
def test_every_public_function_is_met(package):
    """By a study, a verb or a page, such as the one of formulas."""
    read = [*PAGES, *(ROOT / "scripts").rglob("*.py"), *(ROOT / "bridges/verbs").glob("*.py")]
    met = set(re.findall(r"\w+", "\n".join(path.read_text("utf-8") for path in read)))
    functions = {name for name in package.__all__ if isfunction(getattr(package, name))}
    assert functions - met == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_make_targets_exist(page):
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_study_has_a_page_that_shows_it():
    """Its command before its figure: only a built page has the figure."""
    scripts = {script.stem for script in (ROOT / "scripts").glob("*.py")}
    assert scripts <= set(STUDIES)
    for name in STUDIES:
        command = f"```sh\npython scripts/{name}.py --preset quick\n```"
        shown = f"{command}\n\n```{{study}} {name}\n```\n\n```{{record}} {name}\n```"
        assert shown in (DOCS / "studies" / f"{name}.md").read_text()


def test_the_citation_names_the_version_and_what_it_must():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"]
    assert {package.__version__ for package in (hopfield, diffusion, bridges)} == {
        version("hopfield-diffusion")
    }
    assert citation["license"] == project["license"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


@pytest.mark.slow
def test_the_pages_are_built_without_a_warning(tmp_path):
    """Without figures: those are the gallery's, which runs the studies."""
    pytest.importorskip("sphinx", reason="needs the extra docs")
    words = ["-W", "--keep-going", "-q", "-D", "gallery_run=0", "docs", str(tmp_path)]
    command = [sys.executable, "-m", "sphinx", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "api" / "bridges.html").read_text()
    assert 'id="bridges.retrieval_map"' in reference
    assert (tmp_path / "studies" / "unlearning.html").exists()
