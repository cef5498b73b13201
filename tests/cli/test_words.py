"""Plain words: what was stored by all samples, what by none, and who stops reading."""

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from click.testing import CliRunner
from runs import MEASURE_NOTHING
from terminal import ENVIRONMENT, SCRIPTS, refuses, rows, run, script, summary

from bridges.cli import main
from bridges.study import figures
from bridges.study.folders import load_run
from bridges.verbs import report

VERBS = {
    "retrieve": "--trials 5 --model hebb --overlaps 0.5,1",
    "capacity": "--trials 5 --model hebb --loads 4,30",
    "compare": "--trials 5 --model hebb,flow --overlaps 0.5 --loads 4",
    "basins": "--starts 20 --model hebb",
    "graph": "--draws 4 --patterns 8 --sigmas 0.5,1",
    "memorization": "--draws 10",
    "recall": "--model hebb,flow --steps 5 --mask 0.3",
}


@pytest.fixture
def vectors():
    np.save("x.npy", np.random.default_rng(0).normal(size=(30, 16)))


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_is_enough(vectors, verb, monkeypatch):
    words = (verb, VERBS[verb], "--samples 1 --jobs 1 --out")
    shown = run("bridges", *words, "run", "--data x.npy").split("written to")[0].strip()
    for place in ("resumed", "gone"):
        Path(place).mkdir()
        shutil.copytree("run", f"{place}/run")
    monkeypatch.chdir("resumed")
    again = run("bridges", *words, "run", "--data ../x.npy")
    assert "found there, not repeated" in again
    assert again.startswith(shown)
    monkeypatch.chdir("../gone")
    Path("../x.npy").unlink()
    assert run("bridges", "show run").startswith(shown)


def test_other_vectors_under_the_same_name_are_another_run(vectors):
    words = ("retrieve", VERBS["retrieve"], "--samples 1 --jobs 1 --data x.npy --out run")
    run("bridges", *words)
    np.save("x.npy", np.random.default_rng(1).normal(size=(30, 16)))
    assert "holds another run" in refuses("bridges", *words)


@pytest.mark.parametrize("verb", ["retrieve", "compare", "basins", "graph", "recall"])
def test_all_vectors_are_one_pattern_set(vectors, verb):
    words = VERBS[verb].replace("--patterns 8", "").replace("--loads 4", "--loads 30")
    words += " --samples 3 --jobs 1 --data x.npy --patterns 30 --out run"
    text = " ".join(run("bridges", verb, words).split())
    assert "all 30 vectors stored, so that there is 1 pattern set: no errors" in text
    assert "(" not in text.split("no errors")[1].split("written")[0].split("(effective")[0]

    def numbers(found):
        if isinstance(found, dict):
            if "sem" in found:
                yield found
            for one in found.values():
                yield from numbers(one)
        for one in found if isinstance(found, list) else []:
            yield from numbers(one)

    assert all(one["sem"] is None and one["n"] == 1 for one in numbers(summary()))


def test_only_the_load_of_all_vectors_has_no_error(vectors):
    text = run(
        "bridges capacity --trials 10 --model hebb --loads 5,30 --samples 3 --data x.npy --jobs 1"
    )
    assert "at P = 30, all vectors, there is 1 pattern set: no error" in " ".join(text.split())
    (line,) = (one for one in text.splitlines() if one.startswith("Hebb"))
    assert ["(" in cell for cell in line.split()[1:3]] == [True, False]


def test_loads_that_some_samples_store_say_how_many():
    words = "--model max-margin,hebb --data random --size 20 --samples 3 --trials 10 --jobs 1"
    text = run(f"bridges capacity {words} --loads 2,30,60 --out run")
    known = {int(row["patterns"]): int(row["n"]) for row in rows(model="max-margin")}
    assert known[2] == 3
    assert 1 <= known[30] < 3  # else the seeds must be others
    assert 60 not in known
    assert f", n = {known[30]}" in text
    assert "n: samples whose patterns couplings store" in text
    drawn = report(load_run("run")).figure()
    (legend,) = drawn.legends
    labels = [one.get_text() for one in legend.get_texts()]
    assert any(f"at 30, n = {known[30]}" in label for label in labels)
    plt.close(drawn)


def test_graph_of_samples_that_some_store_has_numbers():
    words = "--model max-margin --data random --size 20 --samples 3 --draws 4 --sigmas 0.5 --jobs 1"
    text = run(f"bridges graph {words} --patterns 30 --out run")
    (n,) = {int(row["n"]) for row in rows(quantity="return_probability")}
    assert n < 3
    assert f", n = {n}" in text
    assert "nan" not in report(load_run("run")).finding()


@pytest.mark.parametrize("verb", ["capacity --loads 30,60", "retrieve --patterns 60"])
def test_models_that_store_no_case_are_refused_in_a_line(verb):
    words = f"{verb} --model max-margin --data random --size 10 --samples 1 --jobs 1 --out run"
    text = run("bridges", words, code=2)
    assert text.splitlines()[-1].startswith("Error: model stores the patterns in no case: maximum")
    run("bridges show run", code=2)
    graph = "graph --model max-margin --data random --size 10 --samples 1 --jobs 1 --draws 4"
    assert "no case" in run("bridges", graph, "--patterns 60", code=2)


def test_others_are_shown_without_the_model_that_stores_nothing():
    words = "--model max-margin,hebb --data random --size 10 --samples 1 --jobs 1 --trials 5"
    text = run("bridges capacity --loads 30,60", words)
    assert "left out" in text
    assert "maximum margin, P = 30, 60" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("capacity --loads 0.05", "'0.05' is not a whole number; loads are numbers of patterns P"),
        ("compare --patterns 10,20", "one number of patterns, got 10,20"),
        ("graph --patterns 10,20", "one number of patterns, got 10,20"),
        ("convert --sigma 1 --dim 9 --patterns 10,20", "one number of patterns, got 10,20"),
    ],
)
def test_what_is_meant_by_a_number_is_said(words, said):
    assert said in refuses("bridges", words)


@pytest.mark.parametrize("words", ["models", "show run", "convert --sigma 1"])
def test_a_pipe_that_closes_early_is_no_error(words):
    run(f"bridges retrieve {VERBS['retrieve']} --data random --size 9 --samples 1 --out run")
    read, write = os.pipe()
    os.close(read)  # nobody reads, from the first letter on
    found = subprocess.run(
        [sys.executable, "-m", "bridges", *words.split()],
        stdout=write,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        check=False,
    )
    os.close(write)
    assert found.stderr == b""
    assert found.returncode != 2


@pytest.mark.parametrize("study", SCRIPTS)
def test_studies_take_a_short_h(study):
    result = CliRunner().invoke(script(study).main, ["-h"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_verbs_take_a_short_h():
    for verb in (*VERBS, *MEASURE_NOTHING):
        assert CliRunner().invoke(main, [verb, "-h"]).exit_code == 0


@pytest.mark.parametrize(
    "at", [[9500.0, 10000.0, 20000.0], np.geomspace(1, 2, 6), [10, 11, 12, 1000]]
)
def test_numbers_of_ticks_keep_apart(at):
    figure, (one, other) = plt.subplots(1, 2, figsize=(6, 3))
    for axes in (one, other):
        axes.plot(at, at)
        axes.set_xscale("log")
    figures.plain_ticks(one.xaxis, np.array(at))
    figures.ticks(other, at)
    figure.canvas.draw()
    for axes in (one, other):
        shown = [label for label in axes.get_xticklabels() if label.get_text()]
        boxes = [label.get_window_extent() for label in shown]
        assert len(boxes) >= 2
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
    plt.close(figure)


def test_numbers_of_ticks_are_written_out():
    figure, axes = plt.subplots()
    axes.plot([100, 30000], [0, 1])
    figures.log_axis(axes)
    figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert "10000" in labels
    plt.close(figure)


def test_a_summary_is_json_where_there_is_one_set(vectors):
    words = "--trials 5 --model hebb --samples 3 --data x.npy --patterns 30 --jobs 1 --json"
    assert json.loads(run("bridges retrieve", words))["basin"]["hebb"]["overlap"]["n"] == 1


NAMES = ["$x", "a$\\frac$b", "$$", "x_^%\\{", "two\nlines", "é記", "-dash", "x" * 200]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_file_can_stand_above_a_figure(name, vectors):
    Path("x.npy").rename(f"./{name}.npy")
    words = ["--trials=2", "--model=hebb", "--loads=2", "--samples=1", "--jobs=1", "--out=run"]
    result = CliRunner().invoke(main, ["capacity", f"--data=./{name}.npy", *words])
    assert result.exit_code == 0, result.output
    figure = report(load_run("run")).figure()  # warnings, as of letters without a glyph, are errors
    figure.canvas.draw()
    letters = {"\n": "□", "記": "□", "$": "\\$"}
    said = "".join(letters.get(letter, letter) for letter in name[:60])
    assert figure.get_suptitle().replace("\n", "").startswith(said)
