"""The studies of training with noise and of unlearning, small, as a user runs them."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from terminal import ENVIRONMENT, FILES, ROOT, run, script

STUDIES = ("structured_noise", "unlearning", "noise_landscape")
TINY = {
    "structured_noise": ["--size", 30, "--patterns", 9, "--training-overlaps", "0,1"],
    "unlearning": ["--size", 30, "--loads", "6,9", "--batches", "1,10"],
    "noise_landscape": ["--size", 40, "--patterns", 20, "--states", 3, "--temperatures", "1"],
}


@pytest.mark.parametrize("study", STUDIES)
def test_a_run_writes_its_files_says_what_it_found_and_is_not_repeated(study):
    text = run(study, *TINY[study], "--samples", 2, "--jobs", 1, "--out", "run")
    assert "s.e. between pattern sets" in text
    assert sorted(file.name for file in Path("run").iterdir()) == FILES
    with open("run/results.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["n"] for row in rows} <= {"1", "2"}
    before = {file.name: file.read_bytes() for file in Path("run").iterdir()}
    found = run(study, *TINY[study], "--samples", 2, "--jobs", 1, "--out", "run", "--json")
    assert json.loads(found) == json.loads(Path("run/summary.json").read_text())
    after = {file.name: file.read_bytes() for file in Path("run").iterdir()}
    assert before == after


@pytest.mark.parametrize("study", STUDIES)
def test_the_paper_preset_asks_for_no_less_than_the_quick_one(study):
    quick, paper = (script(study).PRESETS[name] for name in ("quick", "paper"))
    assert quick.keys() == paper.keys()
    for name, value in quick.items():
        if isinstance(value, list):
            assert len(paper[name]) >= len(value)
        else:
            assert paper[name] >= value


def test_processes_do_not_change_the_results():
    """From the command line, where `measure` belongs to the script itself."""
    script = str(ROOT / "scripts" / "noise_landscape.py")
    for jobs in ("1", "2"):
        options = [*TINY["noise_landscape"], "--samples", 2, "--jobs", jobs, "--out", jobs]
        command = [sys.executable, script, "--quiet", *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
        assert done.stdout == ""
    assert Path("1/results.csv").read_bytes() == Path("2/results.csv").read_bytes()
    assert Path("1/summary.json").read_bytes() == Path("2/summary.json").read_bytes()


def test_one_sample_has_no_errors():
    for study in STUDIES:
        run(study, *TINY[study], "--samples", 1, "--jobs", 1, "--out", study)
        with open(f"{study}/results.csv") as file:
            assert {row["sem"] for row in csv.DictReader(file)} == {""}


def test_structured_noise_widens_basins_where_uniform_noise_cannot():
    text = run(
        "structured_noise",
        *["--training-overlaps", "0,0.5", "--overlaps", "0.6,0.8,1", "--trials", 50],
        *["--samples", 5, "--jobs", 1, "--out", "run"],
    )
    found = json.loads(Path("run/summary.json").read_text())
    assert found["unsettled"] == 0
    gain = found["maximal_noise"]["gain_of_structured_over"]
    assert set(gain) == {"hebb", "margin", "uniform", "uniform, symmetrised"}
    for rival in ("uniform", "uniform, symmetrised", "hebb"):
        for name in ("n_SAT", "m_f(0.6)", "m_f(0.8)", "m_f(1)"):
            assert gain[rival][name]["mean"] > 4 * gain[rival][name]["sem"], (rival, name)
    # The limit is close, and not passed: 0.06 at m_0 = 0.8 for N = 100, α = 0.5.
    assert -0.15 < gain["margin"]["m_f(0.8)"]["mean"] < 4 * gain["margin"]["m_f(0.8)"]["sem"]
    # m_t = 0.5, α = 0.5: 0.98 of the patterns stored, and 0.09 (4 s.e. over 5 pattern sets).
    for noise, least, most in (("structured", 0.9, 1.0), ("uniform", 0.0, 0.3)):
        assert least <= found["by_training_overlap"][noise]["0.5"]["n_SAT"]["mean"] <= most
    # The table prints what the summary holds.
    size = found["maximal_noise"]["gain_of_structured_over"]["uniform"]["m_f(0.8)"]
    line = next(line for line in text.splitlines() if line.startswith("m_f(0.8)"))
    assert f"{size['mean']:.3f}({round(1000 * size['sem'])})" in line


def test_dreams_have_their_three_times_and_basins_are_widest_before_the_top():
    run("unlearning", "--loads", "30,50", "--samples", 5, "--jobs", 1, "--out", "run")
    found = json.loads(Path("run/summary.json").read_text())
    assert found["unsettled"] == 0
    # D_in, D_top, D_fin at N = 100, ε = 0.01, with the reference's errors over 10 pattern sets;
    # ours over 5 are larger by √2.
    references = {
        "0.3": {"D_in": (0.123, 0.0081), "D_top": (0.2495, 0.0058), "D_fin": (0.3375, 0.0015)},
        "0.5": {"D_in": (0.3555, 0.0117), "D_top": (0.444, 0.0069), "D_fin": (0.5155, 0.0020)},
    }
    for load_, times in references.items():
        measured = [found["times"][load_][name]["mean"] for name in times]
        assert measured == sorted(measured)
        for name, (value, error) in times.items():
            ours = found["times"][load_][name]
            # Marks are 0.005 apart there and finer here: the last one is up to that later.
            allowed = 4 * np.hypot(error, max(ours["sem"], error * 2**0.5)) + 0.005
            assert abs(ours["mean"] - value) < allowed, (load_, name)
        assert abs(measured[2] / float(load_) - 1) < 0.2  # the trace argument, D = α
    widest = found["widest_basins"]["D"]
    top = found["times"]["0.3"]["D_top"]
    assert top["mean"] - widest["mean"] > 2 * np.hypot(top["sem"], widest["sem"])
    low = [found["batches"][B]["min_stability"]["mean"] for B in ("1", "20", "250")]
    assert low[2] < min(low[0], low[1]) - 0.15
    with open("run/results.csv") as file:
        path = [
            row
            for row in csv.DictReader(file)
            if (row["kind"], row["patterns"], row["quantity"])
            == ("path", "30", "satisfied_patterns")
        ]
    assert max(float(row["value"]) for row in path) == 1.0
    assert float(path[-1]["value"]) == 0.0  # dreamt too long


def test_fixed_points_have_the_structure_that_helps_and_random_states_none():
    words = ["--states", 10, "--temperatures", "1,2.5", "--samples", 6, "--jobs", 1, "--out", "run"]
    run("noise_landscape", *words)
    found = json.loads(Path("run/summary.json").read_text())
    by_noise = {(one["noise"], one["temperature"]): one for one in found["noises"]}
    for noise in (("fixed-point", 0.0), ("thermal", 1.0), ("thermal", 2.5)):
        slope, intercept = by_noise[noise]["slope"], by_noise[noise]["intercept"]
        assert slope["mean"] > 4 * slope["sem"], noise
        assert intercept["mean"] < -4 * intercept["sem"], noise
    assert by_noise["thermal", 2.5]["slope"]["mean"] < by_noise["thermal", 1.0]["slope"]["mean"]
    assert by_noise["fixed-point", 0.0]["unstable"]["mean"] == 0
    for name in ("slope", "intercept", "pearson"):
        random = by_noise["random", None][name]
        assert abs(random["mean"]) < 4 * random["sem"] + 0.01, name
    # The term j = i of m_μ adds (ξ_i S_i/N)(ξ_i S¹_i) = 1/N to every ω where S¹ = S.
    run("noise_landscape", *words, "--plain", "--overwrite")
    plain = json.loads(Path("run/summary.json").read_text())["noises"][1]
    exact = by_noise["fixed-point", 0.0]
    assert plain["intercept"]["mean"] - exact["intercept"]["mean"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("study", "words", "message"),
    [
        ("structured_noise", ["--rate", "0"], "--rate"),
        ("structured_noise", ["--training-overlaps", "0,1.5"], "1.5 is not in [0, 1]"),
        ("structured_noise", ["--overlaps", "0"], "0.0 is not in (0, 1]"),
        ("structured_noise", ["--preset", "huge"], "--preset"),
        ("unlearning", ["--loads", "many"], "'many' is not a number"),
        ("unlearning", ["--batches", "0"], "0 is not in [1, inf]"),
        ("unlearning", ["--time", "-1"], "--time"),
        ("noise_landscape", ["--temperatures", "0"], "0.0 is not in (0, inf]"),
        ("noise_landscape", ["--states", "0"], "--states"),
        ("noise_landscape", ["--samples", "0"], "--samples"),
    ],
)
def test_bad_options_are_named(study, words, message):
    assert message in run(study, *words, "--out", "run", code=2)
    assert not Path("run").exists()


def test_another_run_in_the_folder_is_refused():
    words = [*TINY["noise_landscape"], "--samples", 1, "--jobs", 1, "--out", "run"]
    run("noise_landscape", *words)
    assert "holds another run" in run("noise_landscape", *words, "--seed", 1, code=2)
