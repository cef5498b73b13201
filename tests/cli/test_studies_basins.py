"""`bridges basins` and the study of basins in a plane, small, as a user runs them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from terminal import FILES, call, run, script

from bridges.cli import main

TINY = ["--sigmas", "0.3,0.8,2", "--points", 40, "--starts", 200]
SMALL = ["--data", "random", "--size", 40, "--patterns", 3, "--starts", 100, "--jobs", 1]


# ------------------------------------------------------------------ the study


def test_the_study_finds_equal_shares_of_the_noised_data_and_not_of_the_box():
    text = run("basins", *TINY, "--samples", 2, "--jobs", 1, "--out", "run")
    assert "fractions of p_σ" in text
    assert sorted(file.name for file in Path("run").iterdir()) == FILES
    with open("run/results.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["n"] for row in rows} == {"2"}
    shares = {
        (row["dynamics"], row["sigma"], row["measure"], row["memory"]): float(row["value"])
        for row in rows
        if row["quantity"] == "fraction"
    }
    error = 4 * (0.2 * 0.8 / 400) ** 0.5  # 4 s.e. of 400 starts
    for k in range(5):
        for sigma in ("0.3", "0.8", "2.0"):
            assert abs(shares["flow", sigma, "noised", str(k)] - 0.2) < error
    assert shares["flow", "0.3", "box", "0"] < 0.2 - error
    assert shares["fixed-noise", "0.8", "noised", "-1"] == 1  # all have merged
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["exact_fraction"] == 0.2
    assert summary["flow"]["0.3"]["agreement"] > 0.99
    assert summary["flow"]["2"]["chi2"] < 6  # mean 1, s.d. 0.7
    before = (Path("run") / "figure.png").read_bytes()
    found = call(
        script("basins").main, *TINY, "--samples", 2, "--jobs", 1, "--out", "run", "--json"
    )
    assert json.loads(found) == summary
    assert (Path("run") / "figure.png").read_bytes() == before


def test_noise_levels_without_a_fixed_one_and_one_sample_are_shown_too():
    words = ["--sigmas", "2", "--points", 20, "--starts", 50, "--samples", 1, "--jobs", 1]
    assert "flow from σ" in run("basins", *words, "--out", "run")
    assert sorted(file.name for file in Path("run").iterdir()) == FILES


def test_the_paper_preset_asks_for_no_less():
    quick, paper = (script("basins").PRESETS[name] for name in ("quick", "paper"))
    assert quick.keys() == paper.keys()
    assert all(np.size(paper[k]) >= np.size(v) for k, v in quick.items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--points", 50], "points must be a multiple of 20, the boxes, got 50"),
        (["--points", 10], "10 is not in the range"),
        (["--sigmas", "0"], "0.0 is not in (0, 1000]"),
        (["--starts", 0], "0 is not in the range"),
        (["--out", "file/run"], "Not a directory"),
    ],
)
def test_bad_options_of_the_study_exit_2(words, message):
    Path("file").write_text("")
    text = run("basins", *words, code=2)
    assert message in text
    assert "Traceback" not in text


# ------------------------------------------------------------------ the verb


def test_the_verb_writes_its_files_and_tells_kinds_of_ends():
    models = ["hebb", "denoiser", "flow", "sde"]
    words = ["basins", *SMALL, "--model", ",".join(models), "--samples", 2, "--measure", "random"]
    text = call(main, *words, "--out", "run")
    assert sorted(file.name for file in Path("run").iterdir()) == FILES
    assert "errors: s.e. between pattern sets" in text
    summary = json.loads(Path("run/summary.json").read_text())
    cases = {case["model"]: case for case in summary["cases"]}
    for model in models:
        ends = cases[model]["ends"]
        assert sum(end["mean"] for end in ends.values()) == pytest.approx(1)
    assert cases["hebb"]["ends"]["inverse"]["mean"] > 0.1
    for model in ("flow", "sde"):  # all their attractors are data
        assert cases[model]["ends"]["memory"]["mean"] == 1
        assert cases[model]["attractors"]["mean"] == 3
    found = call(main, *words, "--out", "run", "--json")
    assert json.loads(found) == summary
    assert "(8 measurements found there, not repeated)" in call(main, *words, "--out", "run")


def test_cues_of_few_patterns_come_home_and_digits_have_prototypes():
    words = ["basins", *SMALL, "--overlap", 0.9, "--samples", 2, "--json"]
    (found,) = json.loads(call(main, *words, "--out", "near"))["cases"]
    assert found["ends"]["memory"]["mean"] == 1
    assert found["held"]["mean"] == 1
    words = ["basins", "--model", "denoiser", "--patterns", 1000, "--starts", 100, "--samples", 1]
    for beta, kind in ((1, "memory"), (0.15, "prototype")):  # digits of a class melt together
        out = ["--beta", beta, "--overlap", 0.8, "--jobs", 1, "--json", "--out", kind]
        (found,) = json.loads(call(main, *words, *out))["cases"]
        ends = {name: one["mean"] for name, one in found["ends"].items()}
        assert ends["memory"] == (kind == "memory")
        assert (ends["prototype"] > 0.1) == (kind == "prototype")
        assert ends["spurious"] == 0  # the weights of all are known


def test_fewer_starts_end_in_a_memory_as_hebbs_load_grows():
    words = ["basins", *SMALL, "--model", "hebb,nearest", "--patterns", "1,4,12", "--samples", 2]
    text = call(main, *words, "--out", "run")
    assert "Hebb, P = 12" in text
    cases = json.loads(Path("run/summary.json").read_text())["cases"]
    assert [(c["model"], c["patterns"]) for c in cases] == [
        (model, P) for model in ("hebb", "nearest") for P in (1, 4, 12)
    ]
    held = [case["ends"]["memory"]["mean"] for case in cases]
    assert held[0] > held[1] > held[2]
    assert min(held[3:]) == 1
    alone = [*words[:-4], "--patterns", 4, *words[-2:], "--json", "--out", "alone"]
    assert json.loads(call(main, *alone))["cases"] == [cases[1], cases[4]]


def test_a_load_that_no_couplings_store_is_left_out():
    words = ["basins", *SMALL, "--model", "hebb,max-margin", "--patterns", "3,120", "--samples", 2]
    text = call(main, *words, "--out", "run")
    assert "left out, as no couplings store the patterns: maximum margin, P = 120" in text
    cases = json.loads(Path("run/summary.json").read_text())["cases"]
    assert [(c["model"], c["patterns"]) for c in cases] == [
        ("hebb", 3),
        ("hebb", 120),
        ("max-margin", 3),
    ]
    hard = ["basins", *SMALL, "--model", "max-margin", "--patterns", 120, "--samples", 1]
    assert "model stores the patterns in no case" in call(main, *hard, "--out", "hard", code=2)


@pytest.mark.slow
def test_the_number_of_jobs_does_not_change_the_result():
    words = ["basins", *SMALL[:-2], "--model", "hebb,sde", "--samples", 2, "--quiet"]
    for jobs in (1, 2):
        call(main, *words, "--jobs", jobs, "--out", f"j{jobs}")
    assert Path("j1/results.csv").read_bytes() == Path("j2/results.csv").read_bytes()
    call(main, *words, "--jobs", 1, "--seed", 1, "--out", "other")
    assert Path("j1/results.csv").read_bytes() != Path("other/results.csv").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--model hopfeld", "unknown model 'hopfeld'"),
        ("--measure box", "'box' is not one of 'noised', 'random'"),
        ("--starts 0", "0 is not in the range"),
        ("--overlap 0", "0.0 is not in the range"),
        ("--patterns 5000", "patterns must lie in [1, 1797] for digits, got 5000"),
        ("--data missing.npy", "no file 'missing.npy'"),
        ("--device gpu9", "device 'gpu9' cannot be used here"),
    ],
)
def test_bad_options_of_the_verb_exit_2(words, message):
    text = call(main, "basins", *words.split(), code=2)
    assert message in text
    assert "Traceback" not in text
    assert not Path("results").exists()
