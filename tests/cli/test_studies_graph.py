"""The graph of memories and U-turns, as a user measures them: a verb and two studies."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from terminal import ENVIRONMENT, FILES, ROOT, call, run

from bridges.cli import main
from hopfield.theory import argmax_retrieval

TINY = {
    "attractor_graph": "--patterns 12 --sigmas 0.5,2 --draws 5",
    "uturn": "--loads 3,9 --sigmas 0.5,1,2 --trials 20 --steps 5",
}
VERB = "graph --data random --size 16 --patterns 8 --draws 8 --samples 2 --jobs 1"


def summary(folder):
    return json.loads((Path(folder) / "summary.json").read_text())


@pytest.mark.parametrize("study", TINY)
def test_a_study_writes_its_files_and_is_not_repeated(study):
    words = [*TINY[study].split(), "--samples", 2, "--jobs", 1, "--out", "run"]
    text = run(study, *words)
    assert "s.e. between" in text
    assert sorted(file.name for file in Path("run").iterdir()) == FILES
    with open("run/results.csv") as file:
        assert {row["n"] for row in csv.DictReader(file)} == {"2"}
    before = {file.name: file.read_bytes() for file in Path("run").iterdir()}
    assert json.loads(run(study, *words, "--json")) == summary("run")
    assert before == {file.name: file.read_bytes() for file in Path("run").iterdir()}
    assert "holds another run" in run(study, *words, "--seed", 1, code=2)


@pytest.mark.slow
def test_processes_do_not_change_the_results():
    """Against a run from the command line, where `measure` belongs to the script itself."""
    words = [*TINY["attractor_graph"].split(), "--samples", "2", "--quiet"]
    run("attractor_graph", *words, "--jobs", 1, "--out", "1")
    command = [sys.executable, str(ROOT / "scripts" / "attractor_graph.py"), *words]
    subprocess.run([*command, "--jobs", "2", "--out", "2"], check=True, env=ENVIRONMENT)
    for name in ("results.csv", "summary.json"):
        assert Path("1", name).read_bytes() == Path("2", name).read_bytes()


def test_clusters_merge_before_they_are_lost_and_digits_too():
    words = "--patterns 60 --sigmas 0.2,0.8,1.5,5 --draws 30 --samples 2 --jobs 1 --out run"
    text = run("attractor_graph", *words.split())
    found = summary("run")
    clusters, digits = found["graphs"]["clusters"], found["graphs"]["digits"]
    assert clusters["0.2"]["communities"]["mean"] == 30
    assert clusters["0.8"]["agreement"]["mean"] == 1
    assert digits["0.2"]["effective_number"]["mean"] == pytest.approx(60, abs=1e-3)
    assert digits["5"]["effective_number"]["mean"] < 10
    best = found["best"]
    assert best["sigma"] in (0.8, 1.5)
    # Chance is 0 and perfection 1; k-means on so few digits reaches about .5.
    assert best["agreement"]["mean"] > 0.3
    assert best["return_probability"]["mean"] > 0.8
    assert f"{found['k_means']['mean']:.3f}" in text


def test_uturns_follow_their_laws():
    words = "--loads 55 --sigmas 0.75,1.5,3 --trials 110 --samples 6 --steps 20 --jobs 1 --out run"
    run("uturn", *words.split())
    found = summary("run")["by_load"]["55"]
    assert found["collapse_time"] == pytest.approx(0.554, abs=5e-4)
    for sigma, row in found["return"].items():
        law = float(argmax_retrieval(55, 20, float(sigma)))
        assert row["nearest_law"] == law
        assert abs(row["nearest"]["mean"] - law) < 4 * row["nearest"]["sem"] + 1e-3
        # Same cues: the flow decodes nearly as the nearest pattern does.
        assert abs(row["flow"]["mean"] - row["nearest"]["mean"]) < 0.03
        error = np.hypot(row["sde"]["sem"], row["posterior"]["sem"])
        assert abs(row["sde"]["mean"] - row["posterior"]["mean"]) < 4 * error + 1e-3
    high = found["return"]["1.5"]
    assert high["flow"]["mean"] - high["sde"]["mean"] > 4 * np.hypot(
        high["flow"]["sem"], high["sde"]["sem"]
    )
    assert found["return"]["3"]["fixed-noise"]["mean"] == 0  # the landscape has lost them
    assert found["return"]["3"]["flow"]["mean"] > 0.1
    halves = found["half_time"]
    assert found["collapse_time"] < halves["sde"] < halves["flow"]


def test_the_verb_measures_any_model_and_compares_classes():
    text = call(main, *VERB.split(), "--sigmas", "0.3,1,3", "--out", "run")
    assert sorted(file.name for file in Path("run").iterdir()) == FILES
    assert "exact reverse SDE" in text
    assert "ARI" not in text  # random patterns have no classes
    levels = summary("run")["graphs"]["exact"]
    returned = [level["return_probability"]["value"] for level in levels.values()]
    assert returned == sorted(returned, reverse=True)
    assert returned[0] > 0.99
    words = ["--data", "digits", "--size", 64, "--patterns", 20, "--sigmas", "1", "--draws", 20]
    digits = json.loads(call(main, *VERB.split(), *words, "--out", "digits", "--json"))
    assert 0 <= digits["graphs"]["exact"]["1"]["agreement"]["value"] <= 1


def test_the_verb_finds_the_sde_to_be_the_exact_one_and_the_flow_to_return_more():
    words = ["--patterns", 40, "--size", 12, "--draws", 20, "--samples", 4, "--overlaps", "0.6"]
    call(main, *VERB.split(), *words, "--model", "sde,flow,hebb", "--out", "counted", "--quiet")
    call(main, *VERB.split(), *words, "--out", "exact", "--quiet")
    (exact,) = summary("exact")["graphs"]["exact"].values()
    counted = {k: next(iter(v.values())) for k, v in summary("counted")["graphs"].items()}
    value, sem = (exact["return_probability"][name] for name in ("value", "sem"))
    sde, flow = (counted[name]["return_probability"] for name in ("sde", "flow"))
    assert abs(sde["value"] - value) < 4 * np.hypot(sem, sde["sem"])
    assert flow["value"] - value > 4 * np.hypot(sem, flow["sem"])
    assert counted["hebb"]["lost"]["value"] > 0.5  # 40 patterns on 12 spins


def test_overlaps_and_noise_are_one_axis():
    call(main, *VERB.split(), "--sigmas", "0.75", "--out", "s", "--quiet")
    call(main, *VERB.split(), "--overlaps", "0.8", "--out", "m", "--quiet")
    assert summary("s")["graphs"] == summary("m")["graphs"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--sigmas 0", "0.0 is not in (0, inf]"),
        ("--sigmas many", "'many' is not a number"),
        ("--overlaps 1.5", "1.5 is not in (0, 1]"),
        ("--overlaps 1", "overlaps must be below 1"),
        ("--sigmas 1 --overlaps 0.5", "sigmas and overlaps say the same"),
        ("--edge 1", "Invalid value for '--edge'"),
        ("--draws 0", "Invalid value for '--draws'"),
        ("--model hopfeld", "unknown model 'hopfeld'"),
        ("--model flow --criterion one-step", "criterion 'one-step' is not for flow"),
        ("--data digits --patterns 2000", "patterns must lie in [1, 1797]"),
        ("--data missing.npy", "no file 'missing.npy'"),
        ("--device gpu9", "device 'gpu9' cannot be used here"),
    ],
)
def test_bad_options_of_the_verb_exit_2_with_one_line(words, message):
    text = call(main, "graph", *words.split(), code=2)
    error = [line for line in text.splitlines() if line.startswith("Error:")]
    assert len(error) == 1
    assert message in error[0]
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("study", "words", "message"),
    [
        ("attractor_graph", "--sigmas -1", "-1.0 is not in (0, inf]"),
        ("attractor_graph", "--patterns 2000", "patterns must lie in [1, 1797]"),
        ("attractor_graph", "--patterns 100 --edge 0.02", "edge must be below 1/P = 0.01"),
        ("attractor_graph", "--clusters 0", "--clusters"),
        ("uturn", "--loads 1,5", "loads must be at least 2"),
        ("uturn", "--sigmas 0,1", "0.0 is not in (0, inf]"),
        ("uturn", "--trials 0", "--trials"),
    ],
)
def test_bad_options_of_the_studies_are_named(study, words, message):
    assert message in run(study, *words.split(), "--out", "run", code=2)
    assert not Path("run").exists()
