"""The `bridges` command, as a user types it."""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from terminal import ENVIRONMENT, contents, refuses, rows, run, summary

from bridges import load_run, run_study
from bridges._checks import memory_limit
from bridges.cli import main
from bridges.models import MODELS, SIDE_BY_SIDE

call = partial(run, "bridges")
SMALL = "--data random --size 30 --samples 3 --trials 20 --jobs 1"
HEBB = "--model hebb"


def test_help_of_every_command_names_its_options():
    for verb in ("retrieve", "capacity", "compare"):
        text = call(verb, "--help")
        assert all(option in text for option in ("--model", "--size", "--device"))


def test_models_are_listed():
    text = call("models")
    assert all(name in text for name in MODELS)
    assert set(json.loads(call("models", "--json"))) == set(MODELS)


def test_compare_measures_every_memory_on_two_axes():
    text = call("compare", SMALL, "--loads 2,8,32 --overlaps 0.4,0.7,1 --out run")
    for model in SIDE_BY_SIDE:
        assert text.count(MODELS[model].label) >= 2  # a row in each table
    assert {(r["axis"], r["model"], r["quantity"]) for r in rows()} == {
        (axis, model, quantity)
        for axis in ("load", "corruption")
        for model in SIDE_BY_SIDE
        for quantity in ("success", "overlap", "converged", "cycles")
    }
    assert {row["n"] for row in rows()} == {"3"}
    assert set(summary()["capacity"]) == set(summary()["basin"]) == set(SIDE_BY_SIDE)


def test_the_two_sides_of_the_bridge_agree_in_the_record():
    call("compare", SMALL, "--model exponential-real,denoiser --loads 8,64 --out run")
    for axis in ("capacity", "basin"):
        assert summary()[axis]["exponential-real"] == summary()[axis]["denoiser"]


def test_a_quiet_run_prints_nothing():
    call("capacity", SMALL, "--loads 1-4,8,16 --out run")
    assert summary()["capacity"]["hebb"]["measured_to"] == 16
    assert call("retrieve", SMALL, "--quiet --out q") == ""


def test_another_seed_gives_other_results():
    words = "--loads 12 --overlaps 0.5 --model hebb,polynomial,flow,sde --quiet --out"
    for seed in (0, 1):
        call("compare", SMALL, "--seed", seed, words, seed)
    assert contents("0")["results.csv"] != contents("1")["results.csv"]


def test_a_killed_run_is_finished_without_repeating():
    words = "compare --samples 2 --jobs 1 --model hebb,flow,denoiser --quiet"
    command = [sys.executable, "-m", "bridges", *words.split(), "--out", "killed"]
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
    call(words, "--out killed")
    after = points.read_text()
    assert after.startswith(before)
    entries = [json.loads(line) for line in after.splitlines()]
    pairs = [(e["point"], e["sample"]) for e in entries]
    assert len(pairs) == len(set(pairs)) == 2 * 3 * 11
    call(words, "--out whole")
    assert contents("killed")["results.csv"] == contents("whole")["results.csv"]


def test_results_are_not_overwritten_unless_asked():
    call("retrieve", SMALL, HEBB, "--out", "run", "--quiet")
    kept = Path("run/results.csv").read_bytes()
    text = call("retrieve", SMALL, HEBB, "--seed", 5, "--out", "run", code=2)
    assert "holds another run (seed differ)" in text
    assert Path("run/results.csv").read_bytes() == kept
    call("retrieve", SMALL, HEBB, "--seed", 5, "--out", "run", "--overwrite", "--quiet")
    assert Path("run/results.csv").read_bytes() != kept
    assert "(3 measurements found there, not repeated)" in call(
        "retrieve", SMALL, HEBB, "--seed", 5, "--out", "run"
    )


def test_a_file_of_ones_own_is_compared():
    np.savez("mine.npz", data=np.random.default_rng(0).normal(size=(40, 6, 5)))
    found = json.loads(
        call("compare", "--data", "mine.npz", "--samples", 2, "--jobs", 1, "--trials", 10, "--json")
    )
    assert found["capacity"]["flow"]["measured_to"] == 32  # powers of two up to 40
    assert Path("results/compare-mine/figure.png").exists()


def test_fewer_rows_than_usual_are_all_stored():
    np.save("few.npy", np.random.default_rng(0).normal(size=(5, 12)))
    for verb, own in (
        ("compare", "--model flow --trials 4 --loads 5"),
        ("retrieve", "--trials 4"),
        ("basins", "--starts 10"),
        ("graph", "--draws 4"),
    ):
        call(verb, "--data few.npy --samples 1 --jobs 1 --quiet", own, "--out", verb)
        assert {row["patterns"] for row in rows(verb)} == {"5"}


def test_a_changed_file_is_another_run():
    for seed in (0, 1):
        np.save("mine.npy", np.random.default_rng(seed).normal(size=(20, 9)))
        words = ["retrieve", "--data", "mine.npy", "--samples 3 --trials 20 --jobs 1 --out", "run"]
        text = call(*words, code=0 if seed == 0 else 2)
    assert "holds another run (parameters differ)" in text


def test_overwriting_resumes_what_was_not_finished():
    words = ["retrieve", SMALL, "--out", "run", "--overwrite", "--json"]
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
    words = ["compare", SMALL, "--criterion", "one-step", "--loads", "4,8"]
    text = call(*words, code=2)
    assert "criterion 'one-step' is not for flow: it has no single step" in text
    assert not Path("results").exists()
    found = json.loads(call(*words, "--model", "hebb,denoiser,nearest", "--json"))
    assert set(found["basin"]) == {"hebb", "denoiser", "nearest"}
    assert {r["quantity"] for r in rows("results/compare-random")} == {"success", "overlap"}


def test_a_load_without_a_solution_is_left_out():
    words = ["capacity", SMALL, "--model", "hebb,max-margin", "--loads", "10,90"]
    text = call(*words, "--overlap", "1", "--out", "run")
    assert "—" in text
    found = summary()["capacity"]["max-margin"]
    assert (found["measured_to"], found["crossed"]) == (10, "beyond")


def test_learning_rules_are_told_their_options():
    words = ["retrieve", SMALL, "--model", "unlearned", "--patterns", "9", "--json"]
    found = [
        json.loads(call(*words, "--training-steps", steps, "--out", steps))["basin"]["unlearned"]
        for steps in ("0", "150", "5000")
    ]
    plain = json.loads(call("retrieve", SMALL, "--patterns", "9", "--json", "--out", "h"))
    assert found[0] == plain["basin"]["hebb"]  # no dream yet
    reached = [2.0 if f["crossed"] == "never" else f["overlap"]["mean"] for f in found]
    assert reached[1] < reached[0]
    assert reached[1] < reached[2]  # too many dreams


def test_edges_out_of_sight_are_told():
    easy = ["retrieve", SMALL, "--patterns", "2", "--overlaps", "0.8,1", "--model", "denoiser"]
    assert "< 0.8" in call(*easy, "--out", "easy")
    assert summary("easy")["basin"]["denoiser"]["crossed"] == "beyond"
    hard = ["capacity", SMALL, "--loads", "25,29", "--overlap", "0.5", "--out", "hard"]
    assert "none" in call(*hard)
    assert summary("hard")["capacity"]["hebb"]["patterns"]["mean"] == 0
    assert "nearest pattern" in call("capacity", SMALL, "--model", "nearest", "--out", "near")


def test_no_such_verb():
    assert "No such command 'frobnicate'" in refuses("bridges", "frobnicate")


@pytest.mark.parametrize(
    "line", ['{"a": 1}', "null", "not json", '{"point": 77, "sample": 0, "rows": []}']
)
def test_a_tampered_record_is_refused_by_file_and_line(line):
    call("retrieve", SMALL, HEBB, "--out", "run", "--quiet")
    points = Path("run/points.jsonl")
    points.write_text(points.read_text() + line + "\n")
    text = call("retrieve", SMALL, HEBB, "--out", "run", code=2)
    assert "line 4 of run/points.jsonl is not a point of this run" in text


def test_the_figure_and_the_table_have_the_errors_of_the_record():
    from bridges.verbs.compare import Report, curves
    from hopfield.theory import argmax_retrieval, argmax_retrieval_spins

    words = "--data random --size 20 --trials 10 --samples 4 --model hebb,flow --loads 3,9"
    call("capacity", words, "--overlap 0.7 --jobs 1 --out run")
    study = load_run(Path("run"))
    recorded = {
        (r["model"], r["patterns"]): r for r in study.results() if r["quantity"] == "success"
    }
    for curve in curves(study, "load"):
        for x, mean, sem in zip(curve.x, curve.mean, curve.sem, strict=True):
            row = recorded[curve.model, int(x)]
            error = row["sem"] if 0 < mean < 1 else 1 / (10 * row["n"] + 1)  # Wilson, of all cues
            assert (mean, sem) == pytest.approx((row["value"], error))
    laws = list(Report(study).theory.values())
    noise = (1 / 0.7**2 - 1) ** 0.5
    assert laws[0](9, 0.7) == argmax_retrieval(9, 20, noise)
    assert laws[1](9, 0.7) == argmax_retrieval_spins(9, 20, 0.7)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("bridges retr", {"retrieve"}),
        ("bridges retrieve --mod", {"--model"}),
        ("bridges retrieve --model he", {"hebb"}),
        ("bridges retrieve --model hebb,pol", {"hebb,polynomial"}),
        ("bridges retrieve --model rules", {"rules"}),  # a file, which the shell completes
    ],
)
def test_the_shell_completes(words, expected):
    """As click's script for bash asks."""
    last = str(len(words.split()) - 1)
    asked = {"_BRIDGES_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": last}
    found = CliRunner().invoke(main, [], prog_name="bridges", env=asked)
    assert {line.partition(",")[2] for line in found.stdout.split()} == expected


def refuses_all(point, seed):
    raise ValueError(f"x must be above 0, got {point['x']}")


def fails_differently(point, seed):
    raise FloatingPointError(f"seed {seed}")


def succeeds(point, seed):
    return [{"quantity": "x", "value": point["x"]}]


def test_a_refused_run_leaves_no_folder_in_the_way_of_the_next():
    for out in ("made/for/it", "."):
        before = sorted(Path().rglob("*"))
        with pytest.raises(ValueError, match="x must be above 0, got -1"):
            run_study("s", refuses_all, [{"x": -1}], samples=2, out=out)
        assert sorted(Path().rglob("*")) == before
    Path("mine").mkdir()
    Path("mine/note.txt").write_text("kept")
    with pytest.raises(ValueError, match="x must be above 0, got -1"):
        run_study("s", refuses_all, [{"x": -1}], samples=2, out="mine")
    assert sorted(Path("mine").iterdir()) == [Path("mine/note.txt")]


def test_a_run_that_measured_nothing_gives_way_to_another():
    assert len(run_study("s", fails_differently, [{"x": 1}], samples=2, out="run").failed) == 2
    assert run_study("s", succeeds, [{"x": 2}], samples=2, out="run").missing == 0
    with pytest.raises(ValueError, match="holds another run"):
        run_study("s", succeeds, [{"x": 3}], samples=2, out="run")


def test_a_run_of_more_measurements_than_fit_is_refused():
    with memory_limit(0.001), pytest.raises(ValueError, match="samples: 2 points × 1000 samples"):
        run_study("s", succeeds, [{"x": 1}, {"x": 2}], samples=1000)
