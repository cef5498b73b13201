"""What every study and every verb that measures promises, from one table.

A study or a verb without a row fails a test. Each is run once, into a folder that all processes
of the tests share; a test looks at a copy of it.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import terminal
from filelock import FileLock
from runs import MEASURE_NOTHING, STUDIES, VERBS
from terminal import ENVIRONMENT, FILES, SCRIPTS, contents, refuses, rows, run, summary

from bridges import load_run
from bridges.cli import main
from bridges.study import options
from bridges.study.tables import blocks, cells, results_table

TABLE = STUDIES | VERBS
AMISS = {  # options that all share
    "--samples 0": "Invalid value for '--samples': 0 is not in the range x>=1",
    "--jobs 0": "Invalid value for '--jobs': 0 is not in the range x>=1",
    "--seed -1": "--seed",
    "--shard 3/2": "is not i/n",
    "--lodas 3": "No such option",
    "--out flat.npy/run": "Not a directory",
    "--out=": "Invalid value for '--out': it is empty",
    "--samples nan": "Invalid value for '--samples': 'nan' is not a whole number",
    "--samples 1000000000000": "'1000000000000' is more than 1000000 in size",
    "--samples 1000000 --max-memory 0.1": "samples need about",
    "--max-memory inf": "'inf' is not a finite number",
    "--cluster ucx://x": "'ucx://x' is not an address, tcp://host:port",
}
NO_DATA = {  # of all verbs
    "--data missing.npy": "no file 'missing.npy'",
    "--data photos": "data must be one of digits, random, clustered, mnist, fashion, a .npy",
}
SHARED = [f"--{name}" for name in options.RUN]
TWO = "--samples 2 --jobs 1 --out run"

each = pytest.mark.parametrize("name", TABLE)


@pytest.fixture(scope="session")
def measure_once(tmp_path_factory):
    """A run of two samples in a folder that all processes of the tests share, and its text."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def measured(name):
        home = shared / name.replace(" ", "-")
        text = home.with_suffix(".txt")
        with FileLock(home.with_suffix(".lock")):
            if not text.exists():
                text.write_text(run(name, TABLE[name].tiny, "--samples 2 --jobs 1 --out", home))
        return home, text.read_text()

    return measured


@pytest.fixture
def printed(name, measure_once):
    """What the tiny run printed; a copy of its folder is `run`."""
    home, text = measure_once(name)
    shutil.copytree(home, "run")
    return text


def test_every_study_and_every_verb_has_a_row():
    assert list(STUDIES) == SCRIPTS
    measuring = main.commands.keys() - MEASURE_NOTHING
    assert VERBS.keys() == {f"bridges {verb}" for verb in measuring}


def heading(text):
    """The first block of a report, in one line."""
    return " ".join(text.split("\n\n")[0].split())


@each
def test_a_run_writes_its_files_and_says_between_what_its_errors_are(name, printed):
    assert sorted(contents()) == sorted([*FILES, *TABLE[name].files.split()])
    assert contents()["figure.png"].startswith(b"\x89PNG")
    assert re.search(r"; errors: s\.e\. between 2 [a-z ]+$", heading(printed))
    assert all(re.search(word, printed.replace(" ", "")) for word in TABLE[name].tables.split())
    for block in blocks(printed[: printed.rindex("written to ")]):
        if "\n" in block and re.search(r"\S {3,}\S", block):
            found = cells(block)  # as the pages and a report to send read it again
            assert found is not None, block
            assert all(found[0][1:]), block
    assert printed.endswith(f"{name.replace(' ', '-')}: results.csv, summary.json, figure.png\n")
    table = rows()
    assert list(table[0])[-4:] == ["quantity", "value", "sem", "n"]
    assert max(int(row["n"]) for row in table) == 2
    assert all((row["sem"] == "") == (row["n"] == "1") for row in table)
    config = json.loads(contents()["config.json"])
    assert (config["samples"], config["seed"]) == (2, 0)
    assert config["versions"]["torch"]


@each
def test_numbers_of_the_summary_have_one_shape(name, printed):
    def check(value, path):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        if isinstance(value, dict) and value.keys() & {"mean", "sem"}:
            assert {"mean", "sem", "n"} <= value.keys(), path
        for key, inner in inside:
            if isinstance(inner, dict | list):
                check(inner, f"{path}.{key}")

    check(summary(), "summary")
    assert summary()["samples"] == 2
    assert summary()["seed"] == 0


@each
def test_started_again_it_measures_nothing_and_json_is_the_summary(name, printed):
    before = contents()
    text = run(name, TABLE[name].tiny, TWO, "--json")
    assert text.encode() == before["summary.json"]
    assert contents() == before
    assert "another run (seed differ)" in refuses(name, TABLE[name].tiny, TWO, "--seed 1")
    assert contents() == before


@each
def test_one_sample_has_no_errors(name, printed):
    """The record of the first sample is there already, so that nothing is measured."""
    config = json.loads(Path("run/config.json").read_text())
    Path("run/config.json").write_text(json.dumps(config | {"samples": 1}))
    lines = contents()["points.jsonl"].decode().splitlines(keepends=True)
    first = [line for line in lines if json.loads(line)["sample"] == 0]
    Path("run/points.jsonl").write_text("".join(first))
    text = run(name, TABLE[name].tiny, "--samples 1 --jobs 1 --out run")
    assert re.search(r"(^|[; ])1 (?!of)[a-z ]+: no errors$", heading(text))
    assert f"({len(first)} measurements found there, not repeated)" in text
    assert {row["sem"] for row in rows()} == {""}
    assert '"sem": null' in json.dumps(summary()) or '"sem"' not in json.dumps(summary())


SLOW = TABLE.keys() - {"noise_landscape", "losing_dimensions", "bridges compare"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in TABLE]
)
def test_processes_do_not_change_the_results(name, printed):
    """Against a run from a command line, where `measure` belongs to the script itself."""
    words = f"{TABLE[name].tiny} --samples 2 --jobs 2 --out two --quiet".split()
    command = [*terminal.line(name), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert (done.stdout, done.stderr) == ("", "")
    for file in ("results.csv", "summary.json"):
        assert contents("two")[file] == contents("run")[file]


@each
def test_show_needs_no_more_than_the_folder(name, printed):
    before, text, after = contents(), run("bridges show run"), contents()
    if name in VERBS:
        assert heading(text) == heading(printed)
        assert "measurements found there, not repeated" in text
        assert after == before
        return
    assert after.pop("results.png").startswith(b"\x89PNG")
    assert after == before
    assert text.startswith(results_table(load_run("run").results()))
    assert text.splitlines()[-1].endswith(
        f"again: python scripts/{name}.py {TABLE[name].tiny} {TWO}"
    )


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [(name, words, said) for name, row in TABLE.items() for words, said in row.refused.items()],
)
def test_bad_options_are_refused_in_one_line(name, words, message):
    files_of_a_user()
    assert message in refuses(name, words)


@each
def test_options_that_all_share_are_refused_alike(name):
    files_of_a_user()
    own = NO_DATA if name in VERBS else {"--preset huge": "'huge' is not one of 'quick', 'paper'"}
    for words, message in (AMISS | own).items():
        assert message in refuses(name, TABLE[name].tiny, words)


def files_of_a_user():
    """Data that are not what a command wants."""
    rng = np.random.default_rng(0)
    np.save("nan.npy", np.array([[1.0, np.nan], [0.0, 1.0]]))
    np.save("flat.npy", np.ones(3))
    np.save("almost.npy", np.array([[1, -1, 0], [1, 1, -1]]))
    np.save("huge.npy", 1e200 * rng.normal(size=(12, 5)))
    np.save("narrow.npy", rng.normal(size=(9, 3)))


@pytest.mark.parametrize("name", STUDIES)
def test_the_paper_preset_asks_for_no_less_than_the_quick_one(name):
    quick, paper = (terminal.script(name).PRESETS[preset] for preset in ("quick", "paper"))
    assert quick.keys() == paper.keys()
    for option, value in quick.items():
        if isinstance(value, list | tuple | str):
            assert len(paper[option]) >= len(value)
        elif option == "rate":  # finer steps of learning cost more
            assert paper[option] <= value
        else:
            assert paper[option] >= value


def seconds_of(command):
    """Of its own: seconds of the clock would measure what else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, done


@pytest.fixture(scope="module")
def bare():
    """What click alone takes: 0.08 s, and more on a machine that is slow or shared."""
    return min(seconds_of([sys.executable, "-c", "import click"])[0] for _ in range(3))


@pytest.mark.parametrize("name", ["bridges", *TABLE])
def test_help_answers_in_less_than_a_third_of_a_second(name, bare):
    command = [*terminal.line(name), "--help"]
    taken, done = min((seconds_of(command) for _ in range(2)), key=lambda one: one[0])
    assert taken < max(0.3, 4 * bare)
    own = ["--preset", "quick:", "paper:"] if name in STUDIES else ["--data"]
    for word in main.commands if name == "bridges" else SHARED + own:
        assert word in done.stdout
