import json
import threading
import time

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from bridges import run_study
from bridges.study.engine import compute
from bridges.study.record import Record
from bridges.study.tasks import Task

POINTS = [{"x": x} for x in range(4)]


def measure(point, seed):
    if point["x"] == point.get("fails", 2):
        raise ZeroDivisionError("one over nothing")
    threads = max([torch.get_num_threads(), *products()])
    return [{"quantity": "value", "value": point["x"] + seed % 7, "threads": threads}]


def products():
    """Threads of the products of numpy and scipy."""
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def refused(point, seed):
    raise ValueError("beta must be positive, got -1")


def test_a_failing_point_is_recorded_and_the_others_go_on(tmp_path):
    study = run_study("test", measure, POINTS, samples=2, out=tmp_path)
    assert study.failed == dict.fromkeys([(2, 0), (2, 1)], "ZeroDivisionError: one over nothing")
    assert study.missing == 2
    assert [row["x"] for row in study.results()] == [0, 1, 3]
    lines = [json.loads(line) for line in (tmp_path / "points.jsonl").read_text().splitlines()]
    assert len(lines) == 8
    (trace, _) = (line["traceback"] for line in lines if "error" in line)
    assert "in measure" in trace


def test_what_failed_is_measured_again_and_nothing_else(tmp_path):
    run_study("test", measure, POINTS, samples=2, out=tmp_path)
    again = []

    def mended(point, seed):
        again.append(point["x"])
        return [{"quantity": "value", "value": 0.0}]

    study = run_study("test", mended, POINTS, samples=2, out=tmp_path)
    assert again == [2, 2]
    assert (study.reused, study.missing, study.failed) == (6, 0, {})
    run_study("test", mended, POINTS, samples=2, out=tmp_path)
    assert again == [2, 2]


def test_what_refuses_every_point_is_the_users_to_mend():
    with pytest.raises(ValueError, match=r"^beta must be positive, got -1$"):
        run_study("test", refused, POINTS, samples=2)


def test_workers_use_one_thread_and_leave_the_callers_alone():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with threadpool_limits(2):
            study = run_study("test", measure, [{"x": 1}], samples=2)
            assert {row["threads"] for rows in study.samples[0] for row in rows} == {1}
            assert torch.get_num_threads() == 2
            assert set(products()) == {2}
    finally:
        torch.set_num_threads(before)


def test_one_process_at_a_time_writes_into_a_folder(tmp_path):
    entered, leave = threading.Event(), threading.Event()

    def holds():
        with Record(tmp_path, {"study": "test", "points": []}, overwrite=False):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=holds)
    thread.start()
    entered.wait(10)
    try:
        with pytest.raises(ValueError, match="another process is writing to"):
            run_study("test", measure, POINTS, samples=1, out=tmp_path)
    finally:
        leave.set()
        thread.join()
    assert run_study("test", measure, POINTS, samples=1, out=tmp_path).missing == 1


@pytest.fixture(scope="module")
def scheduler():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster.scheduler_address


def test_a_cluster_finds_what_this_machine_finds(scheduler, tmp_path):
    here = run_study("test", measure, POINTS, samples=3)
    there = run_study("test", measure, POINTS, samples=3, cluster=scheduler, out=tmp_path)
    assert there.samples == here.samples
    assert there.failed == here.failed
    assert len((tmp_path / "points.jsonl").read_text().splitlines()) == 12


def test_outcomes_of_a_cluster_come_as_they_are_ready(scheduler):
    def slow(point, seed):
        time.sleep(0.5 * point["x"])
        return []

    tasks = [Task(p, 0, {"x": x}, 0) for p, x in enumerate((1, 0))]
    assert [outcome.p for outcome in compute(slow, tasks, cluster=scheduler)] == [1, 0]


def test_no_scheduler_is_a_clear_error(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("bridges.study.cluster._PATIENCE", 0.5)
    for address in ("tcp://127.0.0.1:1", "nowhere"):
        with pytest.raises(ValueError, match="cluster must be the address of a running scheduler"):
            run_study("test", measure, POINTS, samples=1, cluster=address)
