"""A finished folder that gets more samples or points measures only what is new."""

import json
from pathlib import Path

import pytest

from bridges.study.folders import load_run, merge
from bridges.study.run import run_study

ASKED = []  # what the measure was called for


def measure(point, seed):
    ASKED.append((point["x"], seed))
    return [{"quantity": "q", "value": point["x"] + (seed % 100) / 7}]


def run(out, xs, samples, **settings):
    ASKED.clear()
    return run_study("grown", measure, [{"x": x} for x in xs], samples=samples, out=out, **settings)


def test_more_samples_and_points_give_the_table_of_a_fresh_run(tmp_path):
    run(tmp_path / "grown", [1, 2], 2)
    grown = run(tmp_path / "grown", [0, 2, 5, 1], 3)
    assert len(ASKED) == 4 * 3 - 2 * 2
    assert grown.reused == 4
    again = run(tmp_path / "grown", [5, 1, 0, 2, 7], 3)
    assert len(ASKED) == 3
    run(tmp_path / "fresh", [5, 1, 0, 2, 7], 3)
    table = (tmp_path / "fresh" / "results.csv").read_bytes()
    assert (tmp_path / "grown" / "results.csv").read_bytes() == table
    assert again.results() == load_run(tmp_path / "fresh").results()
    assert load_run(tmp_path / "grown").results() == load_run(tmp_path / "fresh").results()


def test_a_grown_run_is_complete_when_it_is_started_again(tmp_path):
    run(tmp_path, [1], 1)
    run(tmp_path, [0, 1], 2)
    lines = (tmp_path / "points.jsonl").read_bytes()
    run(tmp_path, [0, 1], 2)
    assert ASKED == []
    assert (tmp_path / "points.jsonl").read_bytes() == lines


@pytest.mark.parametrize(("xs", "samples"), [([1], 2), ([1, 3], 2), ([1, 2], 1)])
def test_fewer_or_other_points_are_another_run(tmp_path, xs, samples):
    run(tmp_path, [1, 2], 2)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"out: .* holds another run \((points|samples) differ\)"):
        run(tmp_path, xs, samples)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_other_parameters_are_another_run_unless_points_hold_all(tmp_path):
    run(tmp_path, [1], 1, parameters={"loads": [1]})
    with pytest.raises(ValueError, match="parameters"):
        run(tmp_path, [1, 2], 1, parameters={"loads": [1, 2]})
    run(tmp_path, [1, 2], 1, parameters={"loads": [1, 2]}, complete=True)
    assert [x for x, _ in ASKED] == [2]
    assert json.loads((tmp_path / "config.json").read_text())["parameters"] == {"loads": [1, 2]}


def test_a_kill_before_the_new_points_are_measured_loses_nothing(tmp_path):
    """The configuration is replaced in one step, and no line is written anew."""
    run(tmp_path, [1, 2], 2)
    lines = (tmp_path / "points.jsonl").read_text()

    def killed(point, seed):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study("grown", killed, [{"x": x} for x in (3, 2, 1)], samples=2, out=tmp_path)
    assert (tmp_path / "points.jsonl").read_text() == lines
    study = load_run(tmp_path)
    assert study.missing == 2
    assert [row["x"] for row in study.results()] == [2, 1]
    assert run(tmp_path, [3, 2, 1], 2).reused == 4


def test_what_is_grown_can_be_merged(tmp_path):
    run(tmp_path / "a", [2], 2)
    run(tmp_path / "a", [1, 2], 2)
    joined = merge([tmp_path / "a"], tmp_path / "b")
    assert joined.results() == run(tmp_path / "c", [1, 2], 2).results()


def test_forged_numbers_of_points_are_refused(tmp_path):
    run(tmp_path, [1, 2], 1)
    file = Path(tmp_path / "config.json")
    config = json.loads(file.read_text())
    for ids in ([0], [0, 0], ["0", 1], [0, 1, 2]):
        file.write_text(json.dumps(config | {"ids": ids}))
        with pytest.raises(ValueError, match="not a readable record"):
            load_run(tmp_path)
