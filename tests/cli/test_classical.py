"""`bridges compare --model classical`: capacities in three units, against what is known."""

import csv
import math

import numpy as np
import pytest
from terminal import refuses, rows, run, summary

from bridges import as_memory, basin_radius, capacity, load_run
from bridges.models import MODELS
from bridges.models.classical import CODES, DENSE
from bridges.verbs import classical, report
from bridges.verbs.setting import Setting
from hopfield import HopfieldNetwork, hebbian, random_patterns

SMALL = "--data random --size 40 --trials 8 --samples 3 --jobs 1 --overlap 0.9 --activity 0.1"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The text of a run of all, and its folder."""
    folder = tmp_path_factory.mktemp("classical") / "all"
    return run("bridges compare --model classical", SMALL, f"--out {folder}"), folder


def test_all_memories_have_a_row_and_their_units_agree(table):
    text, folder = table
    found = summary(folder)["memories"]
    assert set(found) == {*DENSE, *CODES}
    for name, one in found.items():
        assert MODELS[name].label in text
        P, load = one["patterns"]["mean"], one["load"]["mean"]
        assert load == pytest.approx(P / 40)
        bits = {"willshaw": math.log2(math.comb(40, 4)), "covariance": math.log2(math.comb(40, 4))}
        bits |= {"potts": 40 * math.log2(3), "bam": 20}
        if name != "kernel":  # whose numbers grow with P
            wanted = P * bits.get(name, 40) / one["numbers"]
            assert one["stored_bits"]["mean"] == pytest.approx(wanted)
        assert one["patterns"]["n"] == 3
        assert one["patterns"]["sem"] >= 0
    assert found["kernel"]["beyond"]
    assert found["clipped"]["precision"] == found["willshaw"]["precision"] == 1
    assert found["hebb"]["theory"] == pytest.approx(0.137906 * 40, rel=1e-4)
    assert found["clipped-spectrum"]["theory"] is None


def test_the_run_is_shown_again_with_its_figure(table):
    text, folder = table
    found = report(load_run(folder))
    assert isinstance(found, classical.Report)
    assert found.text().startswith(text.split("\nwritten to")[0])
    figure = found.figure()
    assert len(figure.axes) == 6
    assert [len(group) for group in found.groups] == [len(DENSE), len(CODES)]
    assert "holds most patterns" in found.finding()


def test_each_model_has_the_options_that_it_reads_in_its_rows(table):
    _, folder = table
    with (folder / "results.csv").open() as file:
        read = {row["model"]: row for row in csv.DictReader(file)}
    assert float(read["covariance"]["active_share"]) == 0.1
    assert read["hebb"]["active_share"] == ""
    assert read["potts"]["colours"] == "3"
    assert read["sequence"]["steps"] == "50"


def measured(name, overlap, samples, **setting):
    """By quantity, the values of the samples of one model."""
    setting = Setting("random", **setting)
    (point,) = classical.points(setting, [name], overlap)
    found = [classical.measure(setting, point, seed) for seed in range(samples)]
    return {
        row["quantity"]: [
            r["value"] for rows in found for r in rows if r["quantity"] == row["quantity"]
        ]
        for row in found[0]
    }


def built(load, seed):
    xi = random_patterns(round(load * 100), 100, seed=seed + 10**6)
    return as_memory(HopfieldNetwork(hebbian(xi)), xi)


def test_capacity_and_forgiveness_are_those_of_other_measurements():
    """Half of the cues, from grids of loads and of overlaps, of other samples."""
    own = measured("hebb", 1.0, 8, size=100, trials=30)
    loads = np.array(own["patterns"]) / 100
    found = capacity(built, [0.1, 0.15, 0.2, 0.25, 0.3, 0.35], samples=12, trials=30, seed=1)
    low, high = found.interval
    error = math.hypot((high - low) / 4, loads.std(ddof=1) / 8**0.5)
    assert abs(loads.mean() - found.load) < 4 * error + 0.01  # loads between which it is a line
    half = loads.mean() / 2
    radius = basin_radius([built(half, seed) for seed in range(8)], trials=30, seed=0)
    error = np.std(own["least_overlap"], ddof=1) / 8**0.5
    low, high = radius.interval
    assert (
        abs(np.mean(own["least_overlap"]) - radius.overlap)
        < 4 * math.hypot(error, (high - low) / 4) + classical._NEAR / 2
    )


def test_models_of_ones_own_are_compared_too(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from hopfield import CovarianceMemory, hebbian\n"
        "def rule(patterns, seed):\n    return hebbian(patterns)\n"
        "def ones(patterns, seed):\n    return CovarianceMemory(patterns)\n"
        "ones.states = 'sparse'\n"
    )
    words = f"bridges compare --model {file}:rule,{file}:ones,classical"
    text = run(words, SMALL.replace("--size 40", "--size 20"), "--trials 8 --out mine")
    found = summary("mine")["memories"]
    own = {name.rpartition(":")[2]: one for name, one in found.items() if ":" in name}
    assert own["rule"]["patterns"] == found["hebb"]["patterns"]
    assert own["ones"]["patterns"] == found["covariance"]["patterns"]
    assert own["rule"]["numbers"] is None
    assert "—" in text
    assert {row["states"] for row in rows("mine")} == {"binary", "sparse", "colours"}


@pytest.mark.parametrize("at", [3, 17, 40, 100, 399])
@pytest.mark.parametrize("start", [1, 12, 300])
def test_the_search_finds_a_step(at, start):
    asked = []

    def success(patterns):
        asked.append(patterns)
        return float(patterns <= at)

    found, beyond = classical._capacity(success, 1, start, 500)
    assert not beyond
    assert at / 1.1 <= found <= (at + 1) * 1.1  # between loads of that ratio
    assert len(asked) == len(set(asked)) < 20


def test_the_search_ends_where_nothing_or_all_is_held():
    assert classical._capacity(lambda P: 0.0, 2, 30, 100) == (0.0, False)
    assert classical._capacity(lambda P: 1.0, 2, 30, 100) == (100.0, True)
    assert math.isnan(classical._least_overlap(lambda m: 0.2))
    assert classical._least_overlap(lambda m: 1.0) == 0
    found = classical._least_overlap(lambda m: 1 / (1 + math.exp(-40 * (m - 0.37))))
    assert found == pytest.approx(0.37, abs=0.002)


def test_data_that_give_no_ones_are_refused():
    refuses("bridges compare --model classical --activity 0.6", "activity 0.6 asks for 37 ones")
