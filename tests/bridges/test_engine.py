import json
import os
import socket
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import torch
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_info, threadpool_limits

from bridges import run_study
from bridges.study.cluster import on_cluster
from bridges.study.engine import compute
from bridges.study.processes import in_processes
from bridges.study.record import Record
from bridges.study.tasks import LITTLE, Outcome, Task

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


def test_a_lock_holds_although_its_file_is_removed(tmp_path, monkeypatch):
    """A run removes its lock file before it releases it, while others try to get hold of it."""
    fcntl = pytest.importorskip("fcntl")
    file, real = tmp_path / ".lock", fcntl.flock

    def too_late(*given):
        file.unlink(missing_ok=True)  # by whoever leaves, after this one has opened it
        return real(*given)

    monkeypatch.setattr(fcntl, "flock", too_late)
    with suppress(Timeout), FileLock(file, timeout=0):
        pytest.fail("holds a file that is no longer there")
    monkeypatch.undo()
    leaving = FileLock(file)
    leaving.acquire()
    file.unlink()
    with FileLock(file, timeout=0):
        leaving.release()
        assert file.exists()  # else a third one would make it anew, and hold it too


@contextmanager
def cluster_of(workers, **settings):
    """A cluster here with so many workers."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
        **settings,
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def scheduler():
    with cluster_of(2) as cluster:
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


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:1", "nowhere", "ucx://x", "tcp://", "http://127.0.0.1:9", "", "inproc://x"],
)
def test_no_scheduler_is_a_clear_error(monkeypatch, address):
    pytest.importorskip("distributed")
    monkeypatch.setattr("bridges.study.cluster._PATIENCE", 0.5)
    with pytest.raises(ValueError, match="cluster must be the address of a running scheduler"):
        run_study("test", measure, POINTS, samples=1, cluster=address)


def test_what_a_cluster_is_missing_is_said_within_seconds(monkeypatch, tmp_path):
    monkeypatch.setattr("bridges.study.cluster._PATIENCE", 3.0)
    foreign = tmp_path / "foreign.py"
    foreign.write_text("import sys\nsys.modules['bridges'] = None\n")  # cannot be imported

    def refusal(address, message):
        start = time.monotonic()
        with pytest.raises(ValueError, match=message):
            run_study("test", measure, POINTS, samples=1, cluster=address)
        assert time.monotonic() - start < 9

    with socket.create_server(("127.0.0.1", 0)) as mute:
        refusal(f"tcp://127.0.0.1:{mute.getsockname()[1]}", r"no answer in 3 s")
    with cluster_of(0) as empty:
        refusal(empty.scheduler_address, "has no workers; start one: dask worker tcp://")
    with cluster_of(1, preload=[str(foreign)]) as cluster:
        (worker,) = cluster.scheduler_info["workers"]
        refusal(cluster.scheduler_address, f"the worker at {worker} lacks the package bridges")
        refusal(worker, r"\(a worker answers there\)")


def test_a_worker_with_another_version_is_refused(scheduler, monkeypatch):
    monkeypatch.setattr("bridges.study.cluster._own_version", lambda: "99.0")
    with pytest.raises(ValueError, match=r"has hopfield-diffusion .*, needed 99\.0"):
        run_study("test", measure, POINTS, samples=1, cluster=scheduler)


def test_what_a_cluster_loses_is_computed_again(scheduler, capsys):
    """All tasks of a cluster that is restarted are lost with it."""
    distributed = pytest.importorskip("distributed")
    done = []

    def slow(point, seed):
        time.sleep(0.2)
        return [{"quantity": "q", "value": point["x"] + seed % 7}]

    def restart():
        with distributed.Client(scheduler) as client:
            client.restart()

    tasks = [Task(p, 0, {"x": p}, p) for p in range(12)]
    thread = threading.Thread(target=restart)
    for outcome in compute(slow, tasks, cluster=scheduler):
        done.append(outcome)
        if len(done) == 1:
            thread.start()
    thread.join()
    assert sorted(outcome.p for outcome in done) == [*range(12)]
    assert {outcome.error for outcome in done} == {""}
    assert "trying them again" in capsys.readouterr().err


class Data:
    """Numbers that write down where they arrive."""

    def __init__(self, folder):
        self.folder, self.numbers = folder, np.zeros(10 * LITTLE // 8)

    def __setstate__(self, state):
        self.__dict__ |= state
        (self.folder / f"{os.getpid()}-{time.monotonic_ns()}").touch()


def holding(folder):
    """A work that holds data, and says where it was done."""
    data = Data(folder)

    def work(task):
        time.sleep(0.02)
        pid = os.getpid() + int(data.numbers[0])
        return Outcome(task.p, task.s, [{"quantity": "pid", "value": pid}])

    return work


TWENTY = [Task(p, 0, {}, 0) for p in range(20)]


@pytest.mark.slow
def test_a_cluster_is_sent_the_data_of_a_measure_once(scheduler, tmp_path):
    outcomes = [*on_cluster(holding(tmp_path), TWENTY, scheduler)]
    assert sorted(outcome.p for outcome in outcomes) == [*range(20)]
    workers = {outcome.rows[0]["value"] for outcome in outcomes}
    assert len(workers) == 2
    arrived = [int(file.name.split("-")[0]) for file in tmp_path.iterdir()]
    assert set(arrived) == {*workers, os.getpid()}  # where the scheduler is
    assert len(arrived) == 3


@pytest.mark.slow
def test_a_process_is_sent_the_data_of_a_measure_once(tmp_path):
    outcomes = [*in_processes(holding(tmp_path), deque(TWENTY), 2)]
    assert sorted(outcome.p for outcome in outcomes) == [*range(20)]
    arrived = [file.name.split("-")[0] for file in tmp_path.iterdir()]
    assert {int(outcome.rows[0]["value"]) for outcome in outcomes} <= {int(one) for one in arrived}
    assert len(arrived) == len(set(arrived)) <= 2
