import csv
import json

import numpy as np
import pytest

from bridges import run_study
from bridges.estimates import mean_and_sem

CALLS = []
POINTS = [{"x": 1}, {"x": 2, "tags": [1, 2, 3, 4, 5]}, {"x": 3}]


def measure(point, seed):
    CALLS.append((point["x"], seed))
    return [
        {"at": 0.5, "quantity": "value", "value": point["x"] + seed % 7},
        {"at": 1.0, "quantity": "value", "value": float(seed % 5)},
    ]


@pytest.fixture(autouse=True)
def no_calls_yet():
    CALLS.clear()


def run(out=None, **settings):
    return run_study("test", measure, POINTS, samples=3, out=out, **settings)


def test_mean_and_error_are_between_samples(tmp_path):
    study = run(tmp_path / "run")
    seeds = [seed for x, seed in CALLS if x == 1]
    values = [1 + seed % 7 for seed in seeds]
    row = study.results()[0]
    mean = sum(values) / 3
    assert row["value"] == pytest.approx(mean)
    assert row["sem"] == pytest.approx((sum((v - mean) ** 2 for v in values) / 2 / 3) ** 0.5)
    assert (row["x"], row["at"], row["quantity"], row["n"]) == (1, 0.5, "value", 3)
    assert len(study.results()) == 6
    with (tmp_path / "run" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["x", "at", "quantity", "value", "sem", "n"]
    assert [float(r["value"]) for r in rows] == [r["value"] for r in study.results()]


def test_points_share_their_samples_and_seeds_differ_between_them():
    run()
    by_point = {x: [seed for y, seed in CALLS if y == x] for x in (1, 2, 3)}
    assert by_point[1] == by_point[2] == by_point[3]
    assert len(set(by_point[1])) == 3


def test_a_finished_run_is_read_not_repeated(tmp_path):
    first = run(tmp_path)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    CALLS.clear()
    second = run(tmp_path)
    assert CALLS == []
    assert second.reused == 9
    assert second.results() == first.results()
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before


def test_an_interrupted_run_is_finished_without_repeating(tmp_path):
    whole = run(tmp_path / "whole")
    done = []

    def stops(point, seed):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append((point["x"], seed))
        return measure(point, seed)

    with pytest.raises(KeyboardInterrupt):
        run_study("test", stops, POINTS, samples=3, out=tmp_path / "broken")
    assert not (tmp_path / "broken" / "results.csv").exists()
    CALLS.clear()
    study = run(tmp_path / "broken")
    assert study.reused == 4
    assert len(CALLS) == 5
    assert not set(CALLS) & set(done)
    for name in ("results.csv", "config.json"):
        assert (tmp_path / "broken" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert study.results() == whole.results()


def test_a_line_cut_short_is_dropped_and_measured_again(tmp_path):
    whole = run(tmp_path).results()
    points = tmp_path / "points.jsonl"
    points.write_text(points.read_text()[:-20])
    CALLS.clear()
    assert run(tmp_path).results() == whole
    assert len(CALLS) == 1
    assert len(points.read_text().splitlines()) == 9


def test_another_run_in_the_folder_is_refused(tmp_path):
    run(tmp_path, seed=1)
    with pytest.raises(
        ValueError, match=r"holds another run \(seed differ\); choose another --out"
    ):
        run(tmp_path, seed=2)
    kept = json.loads((tmp_path / "config.json").read_text())
    assert kept["seed"] == 1
    run(tmp_path, seed=2, overwrite=True)
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 2
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="is not a readable record"):
        run(tmp_path, seed=2)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ValueError, match="holds points of an unknown run"):
        run(tmp_path, seed=2)


def test_nothing_half_written_is_left(tmp_path):
    run(tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "config.json",
        "points.jsonl",
        "results.csv",
    ]


def test_a_curve_gathers_a_quantity_along_a_setting_or_a_label():
    study = run()
    x, by_sample = study.curve("value", "x", at=1.0)
    assert x.tolist() == [1, 2, 3]
    assert by_sample.shape == (3, 3)
    assert (by_sample[:, 0] == by_sample[:, 2]).all()  # the same samples at every point
    x, by_sample = study.curve("value", "at", x=2)
    assert x.tolist() == [0.5, 1.0]
    assert by_sample[:, 0].tolist() == [rows[0]["value"] for rows in study.samples[1]]
    with pytest.raises(ValueError, match=r"value at at = 0\.5 is not unique"):
        study.curve("value", "at")
    assert study.curve("other", "x")[1].shape == (3, 0)


def test_a_curve_is_nan_where_a_sample_has_no_value():
    def some(point, seed):
        return [{"quantity": "odd", "value": 1.0}] * (seed % 2 and point["x"])

    study = run_study("some", some, [{"x": 1}], samples=8)
    _, by_sample = study.curve("odd", "x")
    odd = np.array([bool(rows) for rows in study.samples[0]])
    assert 0 < odd.sum() < 8
    assert (np.isfinite(by_sample[:, 0]) == odd).all()
    mean, sem = mean_and_sem(by_sample)
    assert (mean[0], sem[0]) == (1.0, 0.0)
