"""Capacity at several sizes from the command: the fit of the library on what was recorded."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from bridges import as_memory, load_run
from bridges.capacities import capacity
from bridges.cli import main
from bridges.verbs.scaling import Report
from hopfield import HopfieldNetwork, hebbian, random_patterns

WORDS = "--data random --model hebb --overlap 1 --samples 3 --trials 20 --jobs 1 --quiet"


def run(*words):
    return CliRunner().invoke(main, ["capacity", *WORDS.split(), *words])


def test_half_of_the_cues_is_where_a_second_program_finds_it(tmp_path):
    alpha = [0.1, 0.16, 0.22, 0.3, 0.45]
    out = tmp_path / "run"
    given = ",".join(map(str, alpha))
    found = run("--sizes", "60,120", "--alpha", given, "--out", str(out))
    assert found.exit_code == 0, found.output
    held = json.loads((out / "summary.json").read_text())["capacity"]["hebb"]

    def build(load, seed):
        xi = random_patterns(round(load * 120), 120, seed=seed)
        return as_memory(HopfieldNetwork(hebbian(xi)), xi)

    again = capacity(build, alpha, samples=12, trials=20, seed=5, fit="probit", scale="linear")
    assert abs(held["sizes"]["120"]["mean"] - again.load) < 4 * held["sizes"]["120"]["sem"] + 0.02
    load, x = [held["sizes"][N]["mean"] for N in ("60", "120")], np.array([60, 120.0]) ** (-2 / 3)
    line = load[0] - x[0] * (load[1] - load[0]) / (x[1] - x[0])  # through two points
    assert held["limit"]["mean"] == pytest.approx(line, rel=1e-9)
    assert held["misfit"] is None
    shown = CliRunner().invoke(main, ["show", str(out)])
    assert "capacity α, N =" in shown.output
    assert Report(load_run(out)).scalings["hebb"].sizes.tolist() == [60, 120]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--sizes 40", "sizes must be at least two, to be extrapolated, got 40"),
        ("--sizes 40,80 --model flow", "model must have couplings, which fill up in P/N, got flow"),
        ("--sizes 40,80 --data digits", "sizes are those of patterns that are drawn, got"),
        ("--sizes 40,80 --size 50", "sizes take the place of size, got both, size = 50"),
        ("--sizes 40,80 --loads 3", "loads are numbers of patterns; give --alpha with --sizes"),
        ("--alpha 0.1 --loads 3", "loads and alpha say the same; give one of them"),
        ("--alpha 0", "0.0 is not in the range 0<x<=1000000.0"),
    ],
)
def test_what_has_no_limit_is_refused(words, message, tmp_path):
    found = run(*words.split(), "--out", str(tmp_path / "run"))
    assert found.exit_code == 2
    assert message in found.output
    assert not (tmp_path / "run").exists()


def test_loads_in_p_over_n_are_those_patterns(tmp_path):
    out = tmp_path / "run"
    assert run("--size", "50", "--alpha", "0.02,0.1,0.101", "--out", str(out)).exit_code == 0
    assert [point["patterns"] for point in load_run(out).points] == [1, 5]
