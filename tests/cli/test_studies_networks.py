"""The studies of trained networks, small, as a user runs them."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from terminal import ENVIRONMENT, FILES, ROOT, run

TINY = {
    "memorization_to_generalization": "--loads 4 --steps 20 --width 16 --count 30 --held-out 40",
    "training_time": "--patterns 6 --steps 100 --snapshots 2 --width 16 --count 30 --held-out 40",
}


@pytest.mark.parametrize(
    "study",
    [
        pytest.param(s, marks=[pytest.mark.slow] * (s != "memorization_to_generalization"))
        for s in TINY
    ],
)
def test_a_run_writes_its_files_and_does_not_depend_on_the_jobs(study):
    words = [*TINY[study].split(), "--samples", "2", "--quiet"]
    assert run(study, *words, "--jobs", 1, "--out", "j1") == ""
    command = [sys.executable, str(ROOT / "scripts" / f"{study}.py"), *words]
    subprocess.run([*command, "--jobs", "2", "--out", "j2"], check=True, env=ENVIRONMENT)
    assert sorted(p.name for p in Path("j1").iterdir()) == FILES
    assert Path("j1/results.csv").read_bytes() == Path("j2/results.csv").read_bytes()
    assert Path("j1/figure.png").read_bytes().startswith(b"\x89PNG")
    with open("j1/results.csv") as file:
        table = list(csv.DictReader(file))
    assert {row["n"] for row in table} <= {"1", "2"}
    shares = [float(row["value"]) for row in table if row["quantity"] == "memorized"]
    assert all(0 <= share <= 1 for share in shares)


def test_the_sphere_is_memorized_then_generalized_and_a_file_may_stand_beside_it():
    rows = np.random.default_rng(0).normal(size=(200, 8))
    np.save("mine.npy", rows)
    words = "--data mine.npy --loads 3,60 --steps 500 --width 64 --count 100 --held-out 80"
    found = json.loads(
        run("memorization_to_generalization", *words.split(), "--samples", 1, "--jobs", 1, "--json")
    )
    for rows in found["results"].values():
        few, many = rows
        assert few["memorized"]["mean"] > many["memorized"]["mean"]
        assert few["dimension"]["mean"] < many["dimension"]["mean"]
        assert few["memorized"]["sem"] is None
    assert len(found["results"]) == 2
    assert found["thresholds"]["sphere"]["delta_memorized"]["mean"] == pytest.approx(0.2, abs=0.01)


def test_a_training_learns_its_data_by_heart_in_time():
    words = (
        "--patterns 4 --steps 600 --snapshots 3 --width 64 --count 60 --held-out 80 --rate 0.003"
    )
    found = json.loads(run("training_time", *words.split(), "--samples", 1, "--jobs", 1, "--json"))
    first, _, last = found["results"]["sphere"]
    assert first["memorized"]["mean"] < 0.2 < 0.5 < last["memorized"]["mean"]
    assert first["gap"]["mean"] < last["gap"]["mean"]
    assert "kept" not in first
    assert 0 <= last["kept"]["mean"] <= 1
    assert found["least_held_out_loss"]["sphere"]["mean"] < 600


@pytest.mark.parametrize(
    ("study", "words", "message"),
    [
        ("memorization_to_generalization", "--loads 1,4", "loads must be 2 to 698 for digits"),
        ("memorization_to_generalization", "--loads 5000", "loads must be 2 to 698 for digits"),
        ("memorization_to_generalization", "--data photos", "data must be one of"),
        ("memorization_to_generalization", "--sigma 0", "--sigma"),
        ("memorization_to_generalization", "--device tpu", "device must be one of 'auto'"),
        ("training_time", "--patterns 1", "patterns must be 2 to 698 for digits, got 1"),
        ("training_time", "--patterns 999", "patterns must be 2 to 698 for digits, got 999"),
        ("training_time", "--snapshots 1", "--snapshots"),
        ("training_time", "--rate 1e20 --patterns 4 --steps 100", "let the loss become"),
    ],
)
def test_bad_options_exit_2_with_one_clear_line(study, words, message):
    text = run(study, *words.split(), "--jobs", 1, "--samples", 1, code=2)
    (error,) = (line for line in text.splitlines() if line.startswith("Error:"))
    assert message in error
