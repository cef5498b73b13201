import json
from pathlib import Path

import pytest

from bridges import run_study
from bridges.study.folders import load_run, merge

POINTS = [{"x": x} for x in range(5)]


def measure(point, seed):
    return [{"quantity": "value", "value": point["x"] + seed % 7}]


def run(out, **settings):
    return run_study("test", measure, POINTS, samples=3, out=out, **settings)


def test_a_run_is_read_as_it_was_measured(tmp_path):
    study = run(tmp_path)
    found = load_run(tmp_path)
    assert found.samples == study.samples
    assert found.results() == study.results()
    assert found.missing == 0


@pytest.mark.parametrize("n", [1, 2, 7])
def test_shards_share_the_work_and_join_into_the_whole(tmp_path, n):
    whole = run(tmp_path / "whole")
    parts = [tmp_path / f"part{k}" for k in range(n)]
    for k, part in enumerate(parts):
        study = run(part, shard=(k + 1, n))
        assert 15 - study.missing == len(range(k, 15, n))
    joined = merge(parts, tmp_path / "joined")
    assert joined.samples == whole.samples
    assert joined.missing == 0
    for name in ("results.csv", "config.json"):
        assert (tmp_path / "joined" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert run(tmp_path / "joined").reused == 15  # and goes on like any run


def test_merging_again_adds_what_is_new(tmp_path):
    for k in (1, 2):
        run(tmp_path / str(k), shard=(k, 2))
    assert merge([tmp_path / "1"], tmp_path / "out").missing == 7
    assert merge([tmp_path / "1", tmp_path / "2"], tmp_path / "out").missing == 0
    assert len((tmp_path / "out" / "points.jsonl").read_text().splitlines()) == 15


def test_parts_of_different_runs_are_refused(tmp_path):
    run(tmp_path / "1", shard=(1, 2))
    run(tmp_path / "2", shard=(2, 2), seed=1)
    with pytest.raises(ValueError, match=r"2 is no part of the run of .*1: seed differ"):
        merge([tmp_path / "1", tmp_path / "2"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_parts_that_disagree_are_refused(tmp_path):
    for name in ("1", "2"):
        run(tmp_path / name)
    points = tmp_path / "2" / "points.jsonl"
    entry = json.loads(points.read_text().splitlines()[0])
    entry["rows"][0]["value"] += 1
    points.write_text(json.dumps(entry) + "\n")
    with pytest.raises(ValueError, match="disagree about point 0, sample 0"):
        merge([tmp_path / "1", tmp_path / "2"], tmp_path / "out")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "holds no run: it has no config.json"),
        ("{", "config.json is not a readable record of a run"),
        ("[]", "config.json is not a readable record of a run"),
        ('{"study": "test"}', "config.json is not a readable record of a run"),
    ],
)
def test_a_folder_without_a_run_is_named(tmp_path: Path, config, message):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(ValueError, match=message):
        load_run(tmp_path)


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), (1, 0)])
def test_a_shard_out_of_range_is_named(tmp_path, shard):
    with pytest.raises(ValueError, match="shard must be i/n with 1 ≤ i ≤ n"):
        run(tmp_path, shard=shard)
