"""The studies of classes and imbalance, small, as a user runs them."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from terminal import ENVIRONMENT, FILES, ROOT, run

from diffusion.theory import class_collapse_time, minority_speciation_time

TINY = {
    "class_dynamics": "--dimension 10 --ratios 1,4 --norms 0.25 --fractions 0.5"
    " --subspace-fractions 0.3,0.6 --features 9",
    "class_speciation": "--weights 0.1,0.5 --levels 6 --draws 300 --paths 50 --steps 20"
    " --patterns 60 --dimension 20",
    "class_training": "--steps 10 --copy-steps 10 --images 12 --few 8 --held-out 8 --drawn 20",
}

PRINTED = {
    "class_dynamics": ("gen63", "opt", "gap", "mem50", "train50", "spectral", "quality", "none"),
    "class_speciation": ("median", "threshold", "half-way", "bimodal", "identity", "N_eff", "t_C"),
    "class_training": ("least test loss", "gap 0.05", "copies at the end"),
}


@pytest.mark.parametrize("study", TINY)
def test_a_run_writes_its_files_and_is_taken_up_again(study):
    words = [*TINY[study].split(), "--samples", 2, "--jobs", 1, "--out", "run"]
    text = run(study, *words)
    for word in PRINTED[study]:
        assert word in text
    assert sorted(p.name for p in Path("run").iterdir()) == FILES
    assert Path("run/figure.png").read_bytes().startswith(b"\x89PNG")
    with open("run/results.csv") as file:
        rows = list(csv.DictReader(file))
    assert max(int(row["n"]) for row in rows) == 2
    before = Path("run/results.csv").read_bytes()
    found = json.loads(run(study, *words, "--json"))  # all is there: nothing is measured again
    assert found == json.loads(Path("run/summary.json").read_text())
    assert Path("run/results.csv").read_bytes() == before
    assert found["samples"] == 2


@pytest.mark.slow
def test_results_do_not_depend_on_the_jobs():
    words = [*TINY["class_speciation"].split(), "--samples", "2", "--quiet"]
    run("class_speciation", *words, "--jobs", 1, "--out", "j1")
    command = [sys.executable, str(ROOT / "scripts" / "class_speciation.py"), *words]
    subprocess.run([*command, "--jobs", "2", "--out", "j2"], check=True, env=ENVIRONMENT)
    assert Path("j1/results.csv").read_bytes() == Path("j2/results.csv").read_bytes()


@pytest.mark.slow
def test_the_wider_class_is_first_and_subspaces_invert():
    words = "--dimension 30 --ratios 1,4 --norms 1 --fractions 0.1,0.9 --samples 4 --jobs 1"
    words += " --subspace-fractions 0.2,0.4,0.6,0.8 --json"
    found = json.loads(run("class_dynamics", *words.split()))
    equal, wide = found["variance"]
    for name in ("spectral", "gap", "opt"):
        one, two = wide["times"][name]
        assert one["mean"] < two["mean"]
        assert equal["first"][name] == 0  # no order where there is none
    assert wide["first"]["spectral"] == wide["first"]["gap"] == 1
    assert wide["quality"][0]["mean"] > wide["quality"][1]["mean"]
    isotropic, subspaces = (found["inversions"][kind] for kind in ("imbalance", "subspaces"))
    assert all(isotropic[name] is None for name in ("spectral", "gap", "opt", "gen63"))
    assert subspaces["gap"]["mean"] == pytest.approx(0.55, abs=0.08)  # of four shares, d = 30
    theory = found["spectral_inversion_theory"]
    assert theory == pytest.approx(0.4124, abs=1e-4)
    speed = subspaces["speed"]  # at n/d = 4, where the unit test has 8
    assert abs(speed["mean"] - theory) < 4 * speed["sem"] + 0.02
    slopes = {name: one[0]["mean"] for name, one in found["growth_exponents"].items()}
    assert abs(slopes["gen63"]) < 0.15  # generalization does not wait for more data
    assert slopes["spectral"] > 0.6  # memorization does, up to the floor of the spectrum


def test_a_minority_appears_when_theory_says_and_is_memorized_earlier():
    words = "--weights 0.1 --levels 12 --draws 2000 --paths 100 --steps 20 --samples 3 --jobs 1"
    words += " --patterns 600 --json"
    found = json.loads(run("class_speciation", *words.split()))
    one = found["speciation"]["0.1"]
    assert one["theory"]["median"] == pytest.approx(
        float(minority_speciation_time(0.1, 400.0, 1.0)), abs=1e-6
    )
    for name in ("median", "threshold", "halfway"):
        measured = one["measured"][name]
        # 4 s.e. of 3 samples, and the straight line between 12 times
        assert abs(measured["mean"] - one["theory"][name]) < 4 * measured["sem"] + 0.015
    assert 0.2 < one["identity_in_errors"] < 3
    few, many = found["collapse"]["minority"], found["collapse"]["majority"]
    assert few["theory"] == pytest.approx(float(class_collapse_time(60, 1.0, 100)))
    error = math.hypot(few["measured"]["sem"], many["measured"]["sem"])
    assert few["measured"]["mean"] - many["measured"]["mean"] > 4 * error
    for one in (few, many):  # R = ½ lies 10 to 40 % above the collapse in σ²
        ratio = math.expm1(2 * one["measured"]["mean"]) / math.expm1(2 * one["theory"])
        assert 1.02 < ratio < 1.4
    for one in found["unequal"]:  # the skew of log-odds at d = 100 moves the median
        assert abs(one["measured"]["mean"] - one["theory"]) < 4 * one["measured"]["sem"] + 0.03
    capacities = {(c["variance"], c["sigma"]): c["measured"]["mean"] for c in found["capacity"]}
    assert capacities[1.6, 1.0] > 5 * capacities[0.4, 1.0]


@pytest.mark.parametrize(
    ("study", "words", "message"),
    [
        ("class_dynamics", "--fractions 1", "fractions must leave each class some of 200 points"),
        ("class_dynamics", "--subspace-fractions 0.001", "subspace-fractions must leave each"),
        ("class_dynamics", "--features 2", "features must be at least 2 times points"),
        ("class_dynamics", "--ratios 0.5", "0.5 is not in [1, 100]"),
        ("class_dynamics", "--activation relu", "'relu' is not one of 'tanh', 'erf'"),
        ("class_dynamics", "--time 0", "--time"),
        ("class_speciation", "--weights 0.7", "0.7 is not in (0, 0.5]"),
        ("class_speciation", "--patterns 10", "patterns must give the minority at least 2"),
        ("class_speciation", "--separation 0.01", "separation must part the classes"),
        ("class_speciation", "--steps 0", "--steps"),
        ("class_training", "--classes 1 1", "classes must be two different labels, got 1 twice"),
        (
            "class_training",
            "--classes 1 12",
            "classes must have 120 images each, got 0 of label 12",
        ),
        ("class_training", "--images 300", "classes must have 285 images each, got 182 of label 1"),
        ("class_training", "--data bare.npy", "data must have classes, got none"),
        ("class_training", "--data missing.npy", "no file"),
        ("class_training", "--network resnet", "'resnet' is not one of 'mlp', 'unet'"),
    ],
)
def test_bad_options_exit_2_with_one_clear_line(study, words, message):
    np.save("bare.npy", np.random.default_rng(0).normal(size=(9, 3)))
    text = run(study, *words.split(), code=2)
    (error,) = (line for line in text.splitlines() if line.startswith("Error:"))
    assert message in error
