"""The studies of geometry and `bridges memorization`, small, as a user runs them."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reports.dynamical_regimes import edge_in_words
from terminal import ENVIRONMENT, FILES, ROOT, call, run

from bridges.cli import main
from diffusion.theory import collapse_sigma, onset_sigma, switch_sigma

TINY = {
    "losing_dimensions": "--loads 10,100 --patterns 30 --levels 4 --draws 4 --sets 3 "
    "--dimension 8 --subspaces 2 2 --trained 5,10 --training-steps 4 --width 8",
    "dynamical_regimes": "--patterns 60 --levels 4 --draws 20 --dimension 20 --intrinsic 5",
}


@pytest.mark.parametrize(
    "study", [pytest.param(s, marks=[pytest.mark.slow] * (s != "losing_dimensions")) for s in TINY]
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
        assert {row["n"] for row in csv.DictReader(file)} == {"2"}


@pytest.mark.parametrize("study", TINY)
def test_one_sample_has_no_error_and_says_so(study):
    found = json.loads(run(study, *TINY[study].split(), "--samples", 1, "--jobs", 1, "--json"))
    assert found == json.loads(Path(f"results/{study}-quick/summary.json").read_text())
    assert '"sem": null' in json.dumps(found)


def test_dimensions_are_kept_and_lost_as_theory_says():
    words = "--dimension 12 --subspaces 2 2 --variances 1 0.05 --patterns 1000 --loads 30,1000"
    words += " --levels 13 --draws 40 --sets 40 --samples 5 --jobs 1 --json"
    words += " --trained 20 --training-steps 5 --width 8"
    found = json.loads(run("losing_dimensions", *words.split()))
    order = found["order"]
    # noise variances of SNR = 1, dims (2, 2), P = 1000
    for criterion, expected in (("jacobian", 0.1281), ("score", 0.04515)):
        one = order[criterion]
        assert one["theory"][0] == pytest.approx(expected, rel=1e-3)
        # a tenth: the curve of the formula at N₂ ≈ 50, and the grid it is read from
        assert abs(math.log(one["large_variance"]["value"] / expected)) < (
            0.1 + 4 * one["large_variance"]["sem"] / expected
        )
        assert one["lost_first"] == "large variance first"  # provable for these two
        assert one["theory_holds"][0]
    assert {one["lost_first"] for one in order.values()} <= {
        "large variance first",
        "small variance first",
        "undecided",
    }
    spectrum = [1.0, 1.0, 0.05, 0.05]
    assert found["collapse"]["1000"] == pytest.approx(float(collapse_sigma(1000, spectrum)) ** 2)
    assert found["onset"]["1000"] == pytest.approx(float(onset_sigma(1000, spectrum)) ** 2)
    assert found["switch"] == pytest.approx(float(switch_sigma(1.0, 0.05)) ** 2)
    for exact in found["exact"]:
        t = exact["t"]
        assert exact["effective"] == pytest.approx(2 / (1 + t) + 2 * 0.05 / (0.05 + t))
        # down to ten times the onset P points see what the distribution has, less 1 %
        if t > 10 * found["onset"]["1000"]:
            (one,) = (d for d in found["dimensions"] if d["patterns"] == 1000 and d["t"] == t)
            effective = one["effective"]
            assert abs(effective["value"] - exact["effective"]) < 4 * effective["sem"] + 0.03
    phases = {(d["patterns"], d["t"]): d["phase"] for d in found["dimensions"]}
    low, high = (f(d["t"] for d in found["dimensions"]) for f in (min, max))
    assert phases[1000, low] == phases[30, low] == "collapsed"  # not the place of a gap in noise
    assert phases[1000, high] == phases[30, high] == "trivial"
    collapsed = [d for d in found["dimensions"] if d["t"] == low]
    assert all(d["gap"]["value"] < 0.2 for d in collapsed)


def test_speciation_collapse_and_basins_lie_where_theory_puts_them():
    words = "--patterns 1000 --dimension 100 --levels 6 --draws 300 --samples 3 --jobs 1 --json"
    found = json.loads(run("dynamical_regimes", *words.split()))
    mixture, digits = found["mixture"], found["digits"]
    assert mixture["speciation_time"] == pytest.approx(2.3076, abs=1e-4)
    assert mixture["agreement_theory"] == pytest.approx(0.7736, abs=1e-4)
    agreement = mixture["agreement_at_speciation"]
    # 4 s.e. between 3 sets; the set has 1000 points of its own, hence 0.01
    assert abs(agreement["value"] - 0.7736) < 4 * agreement["sem"] + 0.01
    assert abs(mixture["return_at_theory"]["value"] - 0.58) < 0.08
    ratio = mixture["collapse_noise_variance"] / math.expm1(2 * mixture["collapse_time_theory"])
    assert 1.05 < ratio < 1.25
    assert mixture["entropy_at_theory"]["value"] > 0
    assert digits["speciation_time"] == pytest.approx(1.1275, abs=1e-4)
    agreement = digits["agreement_at_speciation"]
    assert abs(agreement["value"] - 0.477) < 0.06  # 4 s.e. of 900 draws
    assert abs(digits["collapse_noise_variance"] - 1.974) < 0.2  # read from 6 times
    for basin in found["basin"][1:-1]:
        one = basin["one-step"]
        assert abs(one["value"] - basin["theory"]) < 0.15 + 4 * (one["sem"] or 0)
    assert found["basin"][-1]["theory"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("study", "words", "message"),
    [
        ("losing_dimensions", "--variances 0.1 1", "variances must fall, λ₁ > λ₂, got 0.1 and 1"),
        ("losing_dimensions", "--dimension 3", "subspaces must fit into 3 dimensions, got 3 + 3"),
        ("losing_dimensions", "--patterns 1", "loads and trained must be at least 2, got 1, "),
        ("losing_dimensions", "--loads 1,10", "patterns, loads and trained must be at least 2"),
        ("losing_dimensions", "--trained 1,5", "patterns, loads and trained must be at least 2"),
        ("losing_dimensions", "--subspaces 0 2", "--subspaces"),
        ("losing_dimensions", "--levels 2", "--levels"),
        ("losing_dimensions", "--preset slow", "'slow' is not one of 'quick', 'paper'"),
        ("dynamical_regimes", "--patterns 3", "patterns must be at least 4, got 3"),
        ("dynamical_regimes", "--variance 0", "--variance"),
        ("dynamical_regimes", "--samples 0", "--samples"),
    ],
)
def test_bad_options_exit_2_with_one_clear_line(study, words, message):
    text = run(study, *words.split(), code=2)
    (error,) = (line for line in text.splitlines() if line.startswith("Error:"))
    assert message in error


def test_memorization_surveys_random_data_and_judges_samples():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(360, 6))
    np.save("data.npy", points[:120])
    np.save("held.npy", points[120:240])
    np.save("copies.npy", points[:60] + 0.01)
    np.save("fresh.npy", points[240:])
    words = "--data data.npy --held-out held.npy --draws 60 --samples 2 --jobs 1"
    for name, flagged in (("copies", 1.0), ("fresh", 0.0)):
        judged = f"{words} --samples-file {name}.npy --out {name}"
        text = call(main, "memorization", *judged.split())
        assert "what counts is the excess over false alarms" in text
        assert sorted(p.name for p in Path(name).iterdir()) == FILES
        (found,) = json.loads(Path(name, "summary.json").read_text())["cases"]
        one = found["criteria"]["ratio"]
        assert abs(one["flagged"]["value"] - flagged) < 0.05  # 3^-6 by chance
        assert ("beyond chance" in found["verdict"]) == (name == "copies")
    assert abs(found["area"]["value"] - 1) < 0.15  # 4 s.e. of 120 draws
    assert found["patterns"] == 120


def test_memorization_of_random_data_draws_them_anew():
    words = "--data random --size 8 --patterns 80 --draws 50 --samples 3 --jobs 1 --json"
    (found,) = json.loads(call(main, "memorization", *words.split()))["cases"]
    assert found["errors"] == "between 3 sets of memories"
    assert found["collapse_sigma"]["sem"] > 0
    # uniform on the sphere, 7 dimensions: near the collapse of Gaussians, which are no tighter
    theory = float(collapse_sigma(80, [1.0] * 7))
    assert 0.9 < found["collapse_sigma"]["value"] / theory < 1.4


def test_more_memories_collapse_at_less_noise():
    rng = np.random.default_rng(0)
    np.save("data.npy", rng.normal(size=(200, 6)))
    np.save("copies.npy", rng.normal(size=(10, 6)))
    words = "--data data.npy --samples-file copies.npy --draws 50 --samples 2 --jobs 1"
    text = call(main, "memorization", *words.split(), "--patterns", "20,60,180", "--out", "run")
    assert sorted(p.name for p in Path("run").iterdir()) == FILES
    assert "P = 180: no more copies than among held-out points: an excess of" in text
    cases = json.loads(Path("run/summary.json").read_text())["cases"]
    assert [case["patterns"] for case in cases] == [20, 60, 180]
    sigma = [case["collapse_sigma"]["value"] for case in cases]
    assert sigma[0] > sigma[1] > sigma[2]
    alone = [*words.split(), "--patterns", "60", "--out", "alone", "--json"]
    assert json.loads(call(main, "memorization", *alone))["cases"] == [cases[1]]
    Path("run/figure.png").unlink()
    assert call(main, "show", "run").splitlines()[0] == text.splitlines()[0]
    assert Path("run/figure.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--data missing.npy", "no file 'missing.npy'"),
        (
            "--data photos",
            "data must be one of digits, random, mnist, fashion, a .npy or .npz file",
        ),
        ("--samples-file narrow.npy", "samples-file must hold vectors of size 64, got (9, 3)"),
        ("--held-out narrow.npy", "held-out must hold vectors of size 64, got (9, 3)"),
        ("--samples-file missing.npy", "no file 'missing.npy'"),
        ("--patterns 2000", "patterns must lie in [1, 1797] for digits, got 2000"),
        ("--patterns 3,100", "patterns must be at least 4, got 3"),
        ("--size 10", "digits has size 64, got 10"),
        ("--draws 1", "--draws"),
    ],
)
def test_memorization_refuses_bad_input_in_one_line(words, message):
    np.save("narrow.npy", np.random.default_rng(0).normal(size=(9, 3)))
    text = call(main, "memorization", *words.split(), code=2)
    (error,) = (line for line in text.splitlines() if line.startswith("Error:"))
    assert message in error


def test_an_edge_beyond_the_cues_is_told_by_its_side():
    assert edge_in_words((math.inf, math.nan)) == "> 1.8"
    assert edge_in_words((-math.inf, math.nan)) == edge_in_words((math.nan, math.nan)) == "none"
    assert edge_in_words((0.5, 0.02)) == "0.50(2)"
