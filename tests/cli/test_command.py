"""The `bridges` command, as a user types it."""

import csv
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import terminal
from terminal import ENVIRONMENT

from bridges.cli import main
from bridges.models import MODELS, SIDE_BY_SIDE

call = partial(terminal.call, main)
SMALL = ["--data", "random", "--size", "30", "--samples", "3", "--trials", "20", "--jobs", "1"]


def test_help_of_every_command_names_its_options():
    shared = "model data size seed samples jobs device out json quiet overwrite show"
    for verb in ("retrieve", "capacity", "compare"):
        text = call(verb, "--help")
        for option in shared.split():
            assert f"--{option}" in text


def test_models_are_listed():
    text = call("models")
    assert all(name in text for name in MODELS)
    assert set(json.loads(call("models", "--json"))) == set(MODELS)


def test_compare_writes_all_its_files_and_prints_tables():
    text = call("compare", *SMALL, "--loads", "2,8,32", "--overlaps", "0.4,0.7,1", "--out", "run")
    assert sorted(p.name for p in Path("run").iterdir()) == [
        "config.json",
        "figure.png",
        "points.jsonl",
        "results.csv",
        "summary.json",
    ]
    for model in SIDE_BY_SIDE:
        assert text.count(MODELS[model].label) >= 2  # a row in each table
    with open("run/results.csv") as file:
        rows = list(csv.DictReader(file))
    kinds = {(r["axis"], r["model"], r["quantity"]) for r in rows}
    assert kinds == {
        (axis, model, quantity)
        for axis in ("load", "corruption")
        for model in SIDE_BY_SIDE
        for quantity in ("success", "overlap", "converged", "cycles")
    }
    assert {r["n"] for r in rows} == {"3"}
    assert Path("run/figure.png").read_bytes().startswith(b"\x89PNG")
    summary = json.loads(Path("run/summary.json").read_text())
    assert set(summary["capacity"]) == set(summary["basin"]) == set(SIDE_BY_SIDE)
    config = json.loads(Path("run/config.json").read_text())
    assert config["seed"] == 0
    assert config["versions"]["torch"]


def test_the_two_sides_of_the_bridge_agree_in_the_record():
    call("compare", *SMALL, "--model", "exponential-real,denoiser", "--loads", "8,64", "--out", "r")
    summary = json.loads(Path("r/summary.json").read_text())
    for axis in ("capacity", "basin"):
        assert summary[axis]["exponential-real"] == summary[axis]["denoiser"]


def test_json_is_the_summary_and_nothing_else():
    found = json.loads(call("capacity", *SMALL, "--loads", "1-4,8,16", "--json", "--out", "r"))
    assert found["capacity"]["hebb"]["measured_up_to"] == 16
    assert found == json.loads(Path("r/summary.json").read_text())
    assert call("retrieve", *SMALL, "--quiet", "--out", "q") == ""


def test_the_number_of_jobs_does_not_change_the_result():
    words = ["compare", *SMALL[:-2], "--samples", "2", "--loads", "12", "--overlaps", "0.5"]
    words += ["--model", "hebb,polynomial,flow,sde"]
    for jobs in (1, 2):
        call(*words, "--jobs", jobs, "--out", f"j{jobs}", "--quiet")
    assert Path("j1/results.csv").read_bytes() == Path("j2/results.csv").read_bytes()
    call(*words, "--jobs", 1, "--seed", 1, "--out", "other", "--quiet")
    assert Path("j1/results.csv").read_bytes() != Path("other/results.csv").read_bytes()


def test_a_killed_run_is_finished_without_repeating():
    words = ["compare", "--samples", "2", "--jobs", "1", "--model", "hebb,flow,denoiser", "--quiet"]
    command = [sys.executable, "-m", "bridges", *words, "--out", "killed"]
    points = Path("killed/points.jsonl")
    process = subprocess.Popen(command, env=ENVIRONMENT)
    while process.poll() is None and (not points.exists() or points.read_text().count("\n") < 5):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = points.read_text()
    before = before[: before.rfind("\n") + 1]
    assert 5 <= before.count("\n") < 2 * 3 * 11  # killed on its way
    assert not Path("killed/summary.json").exists()
    call(*words, "--out", "killed")
    after = points.read_text()
    assert after.startswith(before)
    entries = [json.loads(line) for line in after.splitlines()]
    pairs = [(e["point"], e["sample"]) for e in entries]
    assert len(pairs) == len(set(pairs)) == 2 * 3 * 11
    call(*words, "--out", "whole")
    assert Path("killed/results.csv").read_bytes() == Path("whole/results.csv").read_bytes()


def test_results_are_not_overwritten_unless_asked():
    call("retrieve", *SMALL, "--out", "run", "--quiet")
    kept = Path("run/results.csv").read_bytes()
    text = call("retrieve", *SMALL, "--seed", 5, "--out", "run", code=2)
    assert "holds another run (seed differ)" in text
    assert Path("run/results.csv").read_bytes() == kept
    call("retrieve", *SMALL, "--seed", 5, "--out", "run", "--overwrite", "--quiet")
    assert Path("run/results.csv").read_bytes() != kept
    assert "(3 measurements found there, not repeated)" in call(
        "retrieve", *SMALL, "--seed", 5, "--out", "run"
    )


def test_a_file_of_ones_own_is_compared():
    np.savez("mine.npz", data=np.random.default_rng(0).normal(size=(40, 6, 5)))
    found = json.loads(
        call("compare", "--data", "mine.npz", "--samples", 2, "--jobs", 1, "--trials", 10, "--json")
    )
    assert found["capacity"]["flow"]["measured_up_to"] == 32  # powers of two up to 40
    assert Path("results/compare-mine/figure.png").exists()


def test_fewer_rows_than_usual_are_all_stored():
    np.save("few.npy", np.random.default_rng(0).normal(size=(5, 12)))
    words = ["--data", "few.npy", "--samples", 1, "--jobs", 1, "--json", "--out"]
    assert (
        json.loads(call("compare", *words, "c", "--trials", 4, "--model", "flow"))["patterns"] == 5
    )
    assert json.loads(call("retrieve", *words, "r", "--trials", 4))["patterns"] == 5
    (case,) = json.loads(call("basins", *words, "b", "--starts", 10))["cases"]
    assert case["patterns"] == 5
    assert json.loads(call("graph", *words, "g", "--draws", 4))["patterns"] == 5


def test_a_changed_file_is_another_run():
    for seed in (0, 1):
        np.save("mine.npy", np.random.default_rng(seed).normal(size=(20, 9)))
        words = ["retrieve", "--data", "mine.npy", *SMALL[4:], "--out", "run"]
        text = call(*words, code=0 if seed == 0 else 2)
    assert "holds another run (parameters differ)" in text


def test_overwriting_resumes_what_was_not_finished():
    words = ["retrieve", *SMALL, "--out", "run", "--overwrite", "--json"]
    call(*words)
    Path("run/summary.json").unlink()
    lines = Path("run/points.jsonl").read_text().splitlines(keepends=True)
    Path("run/points.jsonl").write_text("".join(lines[:2]))
    call(*words)
    assert Path("run/points.jsonl").read_text().splitlines(keepends=True)[:2] == lines[:2]
    before = Path("run/points.jsonl").stat().st_ino
    call(*words)  # finished: measured anew
    assert Path("run/points.jsonl").stat().st_ino != before or len(lines) == 3


def test_one_step_is_for_memories_that_have_one():
    words = ["compare", *SMALL, "--criterion", "one-step", "--loads", "4,8"]
    text = call(*words, code=2)
    assert "criterion 'one-step' is not for flow: it has no single step" in text
    assert not Path("results").exists()
    found = json.loads(call(*words, "--model", "hebb,denoiser,nearest", "--json"))
    assert set(found["basin"]) == {"hebb", "denoiser", "nearest"}
    with open("results/compare-random/results.csv") as file:
        assert {r["quantity"] for r in csv.DictReader(file)} == {"success", "overlap"}


def test_a_load_without_a_solution_is_left_out():
    words = ["capacity", *SMALL, "--model", "hebb,max-margin", "--loads", "10,90"]
    text = call(*words, "--overlap", "1", "--out", "run")
    assert "—" in text
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["capacity"]["max-margin"]["measured_up_to"] == 10
    assert summary["capacity"]["max-margin"]["crossed"] == "beyond"


def test_learning_rules_are_told_their_options():
    words = ["retrieve", *SMALL, "--model", "unlearned", "--patterns", "9", "--json"]
    found = [
        json.loads(call(*words, "--training-steps", steps, "--out", steps))["basin"]["unlearned"]
        for steps in ("0", "150", "5000")
    ]
    plain = json.loads(call("retrieve", *SMALL, "--patterns", "9", "--json", "--out", "h"))
    assert found[0] == plain["basin"]["hebb"]  # no dream yet
    reached = [2.0 if f["crossed"] == "never" else f["overlap"] for f in found]
    assert reached[1] < reached[0]
    assert reached[1] < reached[2]  # too many dreams


def test_edges_out_of_sight_are_told():
    easy = ["retrieve", *SMALL, "--patterns", "2", "--overlaps", "0.8,1", "--model", "denoiser"]
    assert "< 0.8" in call(*easy, "--out", "easy")
    summary = json.loads(Path("easy/summary.json").read_text())
    assert summary["basin"]["denoiser"]["crossed"] == "beyond"
    hard = ["capacity", *SMALL, "--loads", "25,29", "--overlap", "0.5", "--out", "hard"]
    assert "none" in call(*hard)
    assert json.loads(Path("hard/summary.json").read_text())["capacity"]["hebb"]["patterns"] == 0
    assert "nearest pattern" in call("capacity", *SMALL, "--model", "nearest", "--out", "near")


BAD = [
    ("compare --data missing.npy", "no file 'missing.npy'"),
    ("compare --data nan.npy", "must be finite, got 1 NaN"),
    ("retrieve --data flat.npy", "must have shape (rows, columns), got (3,)"),
    (
        "retrieve --data photos",
        "data must be one of digits, random, mnist, fashion, a .npy or .npz file",
    ),
    ("retrieve --data almost.npy", "must have spins ±1, got 1 zeros"),
    ("retrieve --data huge.npy --model flow", "infinite norm"),
    ("retrieve --patterns 2000", "patterns must lie in [1, 1797] for digits, got 2000"),
    ("capacity --loads 5,5000", "patterns must lie in [1, 1797] for digits, got 5000"),
    ("capacity --loads 0,5", "0 is not in [1, inf]"),
    ("capacity --loads=-3", "-3 is not in [1, inf]"),
    ("capacity --loads a,b", "'a' is not a number or a range like 0-63"),
    ("capacity --loads 1-1000000000000", "has more than 10000 numbers"),
    ("capacity --data random --loads 1000000000000", "patterns must lie in [1, 1e+07]"),
    ("capacity --overlap 0", "Invalid value for '--overlap': 0.0 is not in the range 0<x<=1"),
    ("retrieve --overlaps 0.5,1.5", "1.5 is not in (0, 1]"),
    ("retrieve --model hopfeld", "unknown model 'hopfeld'; the models are hebb, "),
    ("retrieve --samples 0", "Invalid value for '--samples': 0 is not in the range x>=1"),
    ("retrieve --beta 0", "Invalid value for '--beta': 0.0 is not in the range x>0"),
    ("retrieve --model denoiser --beta 1e308", "sigma must lie in"),
    ("retrieve --model exponential --beta 1e308", "beta must leave β|ξ|² finite"),
    ("retrieve --model polynomial --degree 100000", "degree must be at most 1000"),
    ("retrieve --size 32", "digits has size 64, got 32"),
    ("retrieve --device gpu9", "device 'gpu9' cannot be used here"),
    ("retrieve --device meta", "device 'meta' cannot be used here"),
    ("retrieve --jobs 0", "Invalid value for '--jobs': 0 is not in the range x>=1"),
    ("retrieve --out flat.npy/run", "Not a directory"),
    ("frobnicate", "No such command 'frobnicate'"),
]


@pytest.mark.parametrize(("words", "message"), BAD)
def test_bad_input_exits_2_with_one_clear_line(words, message):
    np.save("nan.npy", np.array([[1.0, np.nan], [0.0, 1.0]]))
    np.save("flat.npy", np.ones(3))
    np.save("almost.npy", np.array([[1, -1, 0], [1, 1, -1]]))
    np.save("huge.npy", 1e200 * np.random.default_rng(0).normal(size=(12, 5)))
    text = call(*words.split(), code=2)
    assert "Traceback" not in text
    error = [line for line in text.splitlines() if line.startswith("Error:")]
    assert len(error) == 1
    assert message in error[0]
    assert not Path("results").exists()


@pytest.mark.parametrize(
    "line", ['{"a": 1}', "null", "not json", '{"point": 77, "sample": 0, "rows": []}', "\udcff"]
)
def test_a_tampered_record_is_refused_by_file_and_line(line):
    call("retrieve", *SMALL, "--out", "run", "--quiet")
    points = Path("run/points.jsonl")
    points.write_text(points.read_text() + line + "\n", errors="surrogateescape")
    text = call("retrieve", *SMALL, "--out", "run", code=2)
    assert "line 4 of run/points.jsonl is not a point of this run" in text


def test_the_figure_and_the_table_have_the_errors_of_the_record():
    from bridges.study.run import run_study
    from bridges.verbs.compare import Setting, curves, load_points
    from hopfield.theory import argmax_retrieval, argmax_retrieval_spins

    setting = Setting("random", size=20, trials=10)
    points = load_points(["hebb", "flow"], [3, 9], 0.7)
    study = run_study("test", setting.measure(), points, samples=4)
    recorded = {
        (r["model"], r["patterns"]): r for r in study.results() if r["quantity"] == "success"
    }
    for curve in curves(study, "load"):
        for x, mean, sem in zip(curve.x, curve.mean, curve.sem, strict=True):
            row = recorded[curve.model, int(x)]
            assert (mean, sem) == pytest.approx((row["value"], row["sem"]))

    from bridges.verbs.compare import Report

    laws = list(Report(study, setting, 0.7, None).theory.values())
    noise = (1 / 0.7**2 - 1) ** 0.5
    assert laws[0](9, 0.7) == argmax_retrieval(9, 20, noise)
    assert laws[1](9, 0.7) == argmax_retrieval_spins(9, 20, 0.7)
