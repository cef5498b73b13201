"""The study of all memories on one axis, small, as a user runs it."""

import csv
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from terminal import FILES, run

from hopfield.theory import argmax_retrieval, argmax_retrieval_spins

call = partial(run, "one_axis")
TINY = ["--size", 12, "--loads", "2,6,40", "--patterns", 4, "--overlaps", "0.5,1", "--trials", 20]


def test_a_run_writes_its_files_says_what_it_found_and_is_not_repeated():
    words = [*TINY, "--samples", 2, "--jobs", 1, "--out", "run"]
    text = call(*words)
    assert "exact at m0 = 0.7071, P =" in text
    assert "thresholds, N → ∞" in text
    assert sorted(file.name for file in Path("run").iterdir()) == FILES
    before = {file.name: file.read_bytes() for file in Path("run").iterdir()}
    assert json.loads(call(*words, "--json")) == json.loads(Path("run/summary.json").read_text())
    assert before == {file.name: file.read_bytes() for file in Path("run").iterdir()}
    with open("run/results.csv") as file:
        rows = list(csv.DictReader(file))
    models = {row["model"] for row in rows}
    assert models == {
        *("hebb", "unlearned", "polynomial", "exponential", "exponential-real", "flow", "sde")
    }
    assert "written to" in call(*TINY, "--samples", 1, "--jobs", 1, "--out", "alone")
    found = json.loads(Path("alone/summary.json").read_text())
    assert found["capacity"]["flow"]["interval"] == [None, None]  # one sample has no spread


def test_models_follow_their_laws():
    text = call(
        *["--model", "hebb,exponential,flow,sde,nearest", "--size", 16, "--loads", "4,32,256,1000"],
        *["--patterns", 20, "--overlaps", "0.4,0.7", "--trials", 40, "--samples", 10],
        *["--jobs", 1, "--out", "run"],
    )
    with open("run/results.csv") as file:
        rows = [r for r in csv.DictReader(file) if r["quantity"] == "success"]
    found = {
        (r["axis"], r["model"], int(r["patterns"]), float(r["cue_overlap"])): (
            float(r["value"]),
            float(r["sem"]),
        )
        for r in rows
    }
    assert ("load", "hebb", 1000, 0.7071) not in found  # far beyond what it can hold
    exact = json.loads(Path("run/summary.json").read_text())["exact"]
    P = exact["load"]["patterns"]
    assert P == [4, 32, 256, 1000]
    noise = (1 / 0.7071**2 - 1) ** 0.5
    assert exact["load"]["real"] == pytest.approx(argmax_retrieval(P, 16, noise))
    assert exact["load"]["binary"] == pytest.approx(argmax_retrieval_spins(P, 16, 0.7071))
    for k, count in enumerate(P):
        for axis, overlap, law in (
            ("load", 0.7071, {name: exact["load"][name][k] for name in ("real", "draw")}),
        ):
            for model in ("flow", "nearest"):  # the flow decodes up to .02
                mean, sem = found[axis, model, int(count), overlap]
                assert abs(mean - law["real"]) < 4 * sem + 0.025, (model, count)
            mean, sem = found[axis, "sde", int(count), overlap]
            assert law["draw"] - 4 * sem - 0.01 < mean < law["real"] + 4 * sem + 0.01
            mean, sem = found[axis, "exponential", int(count), overlap]
            assert mean < exact["load"]["binary"][k] + 4 * sem + 0.01
    assert found["load", "hebb", 32, 0.7071][0] < 0.1
    for k, overlap in enumerate(exact["corruption"]["overlap"]):
        mean, sem = found["corruption", "flow", 20, overlap]
        assert abs(mean - exact["corruption"]["real"][k]) < 4 * sem + 0.025
    held = json.loads(Path("run/summary.json").read_text())["capacity"]
    assert held["hebb"]["patterns"] < 20 < held["exponential"]["patterns"]
    assert f"{np.exp(16 * np.log(2) / 2):.3g}" in text  # ½ ln(1 + 1/s²) at s = 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--model hopfeld", "unknown model 'hopfeld'"),
        ("--overlap 0", "Invalid value for '--overlap'"),
        ("--size 1", "Invalid value for '--size'"),
        ("--loads 0,5", "0 is not in [1, inf]"),
        ("--model exponential --beta 1e308", "beta must leave β|ξ|² finite"),
        ("--samples 0", "Invalid value for '--samples'"),
    ],
)
def test_bad_input_exits_2_with_one_clear_line(words, message):
    text = call(*words.split(), code=2)
    error = [line for line in text.splitlines() if line.startswith("Error:")]
    assert len(error) == 1
    assert message in error[0]
    assert not Path("results").exists()
