"""Tasks in processes of this machine: none is lost, none outlives its run."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import deque
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from bridges.study import processes
from bridges.study.engine import compute
from bridges.study.processes import in_processes
from bridges.study.tasks import Outcome, Task

TWENTY = [Task(p, 0, {}, 0) for p in range(20)]

DIED = "a process died, perhaps of too little memory"
WAITS = """
import os, time
from collections import deque
from pathlib import Path
from bridges.study.processes import in_processes
from bridges.study.tasks import Outcome, Task

def work(task):
    Path(f"process-{os.getpid()}").touch()
    time.sleep(60)

list(in_processes(work, deque(Task(p, 0, {}, 0) for p in range(6)), 2))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_process_that_dies_fails_its_point_alone(capsys):
    def work(task):
        if task.p == 7:  # as the system does where memory runs out
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        return Outcome(task.p, task.s, [])

    tasks = deque(Task(p, 0, {}, 0) for p in range(12))
    errors = {outcome.p: outcome.error for outcome in in_processes(work, tasks, 2)}
    assert errors == dict.fromkeys(range(12), "") | {7: f"RuntimeError: {DIED}"}
    assert capsys.readouterr().err == f"{DIED}; trying its points again, one at a time\n"


def test_processes_of_others_and_ours_follow_one_another():
    """joblib has one pool per program: scikit-learn asks for it as before, after a study too."""

    def squares():
        return Parallel(n_jobs=2)(delayed(pow)(number, 2) for number in range(4))

    def ours():
        tasks = deque(Task(p, 0, {}, 0) for p in range(4))
        return sorted(one.p for one in in_processes(lambda t: Outcome(t.p, t.s, []), tasks, 2))

    assert squares() == [0, 1, 4, 9]
    assert ours() == [0, 1, 2, 3]
    assert squares() == [0, 1, 4, 9]
    assert ours() == [0, 1, 2, 3]


def test_a_measure_that_cannot_travel_fails_and_says_so():
    lock = threading.Lock()

    def work(task):
        with lock:
            return Outcome(task.p, task.s, [])

    (outcome,) = in_processes(work, deque([Task(0, 0, {}, 0)]), 2)
    assert "cannot pickle '_thread.lock'" in outcome.error or "Could not pickle" in outcome.error


@pytest.mark.slow
def test_a_process_that_has_loaded_much_goes_on():
    """As those do whose first task asks for torch and a data set, and later ones compile."""

    def work(task):
        time.sleep(0.4)
        held = sys.modules.setdefault("kept by the tests of processes", [])
        held.append(np.ones(2**24))  # 128 MB
        return Outcome(task.p, task.s, [{"value": os.getpid()}])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = [*in_processes(work, deque(Task(p, 0, {}, 0) for p in range(6)), 1)]
    assert len({outcome.rows[0]["value"] for outcome in outcomes}) == 1
    get_reusable_executor().shutdown(kill_workers=True)


def test_others_go_on_until_a_process_is_ready(monkeypatch):
    ready, waiting, taken = Future(), deque(TWENTY), []
    pool = SimpleNamespace(submit=lambda *given: ready)
    monkeypatch.setattr(processes, "_processes", lambda workers: pool)

    def of_processes(sent, rest, workers):
        yield from (Outcome(task.p, task.s, []) for task in rest)
        rest.clear()
        return []

    def meanwhile():
        if len(taken) == 3:
            ready.set_result(None)
            return None
        taken.append(waiting.popleft())
        return Outcome(taken[-1].p, 0, [])

    monkeypatch.setattr(processes, "_pool", of_processes)
    outcomes = [*in_processes(len, waiting, 2, meanwhile)]
    assert [outcome.p for outcome in outcomes] == [*range(20)]
    assert [task.p for task in taken] == [0, 1, 2]
    assert not waiting  # the others have no more


@pytest.mark.slow
def test_this_process_goes_on_while_others_start(monkeypatch):
    get_reusable_executor(1).shutdown(wait=True, kill_workers=True)
    monkeypatch.setattr("bridges.study.engine._ALONE", 0.05)

    def busy(point, seed):
        time.sleep(0.05)
        return [{"quantity": "pid", "value": os.getpid()}]

    outcomes = [*compute(busy, [Task(p, 0, {}, 0) for p in range(200)], jobs=2)]
    assert sorted(outcome.p for outcome in outcomes) == [*range(200)]
    where = [int(outcome.rows[0]["value"]) for outcome in outcomes]
    assert {*where[:4]} == {os.getpid()}  # two of them at most before others are started
    assert len({*where}) == 3


@pytest.mark.slow
def test_a_run_that_ends_before_others_have_started_leaves_none(monkeypatch):
    psutil = pytest.importorskip("psutil")
    get_reusable_executor(1).shutdown(wait=True, kill_workers=True)
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    monkeypatch.setattr("bridges.study.engine._ALONE", 0.05)

    def short(point, seed):
        time.sleep(0.03)
        return []

    outcomes = [*compute(short, [Task(p, 0, {}, 0) for p in range(6)], jobs=2)]
    assert len(outcomes) == 6
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    assert not [p for p in left if "popen_loky" in " ".join(p.cmdline())]


def test_the_last_outcome_of_this_process_does_not_wait_for_all_others(monkeypatch):
    monkeypatch.setattr("bridges.study.engine._ALONE", 0.05)
    over = threading.Event()

    def work(point, seed):
        if point["x"] == 0:  # still under way when others are ready
            over.wait(10)
        return [{"quantity": "x", "value": point["x"]}]

    def others(work, waiting, jobs, meanwhile):
        rest = [*waiting]
        waiting.clear()
        for task in rest:
            yield work(task)
            over.set()
            time.sleep(0.3)

    monkeypatch.setattr("bridges.study.engine.in_processes", others)
    tasks = [Task(p, 0, {"x": p}, 0) for p in range(6)]
    found = [outcome.p for outcome in compute(work, tasks, jobs=2)]
    assert sorted(found) == list(range(6))
    assert found.index(0) < 5


def test_long_runs_start_others_sooner(monkeypatch):
    """As soon as half a second of measurements tells how long the others will take."""
    started = []

    def here(work, waiting, jobs, meanwhile):
        started.append(time.monotonic())
        waiting.clear()
        return iter(())

    monkeypatch.setattr("bridges.study.engine.in_processes", here)

    def wait(point, seed):
        time.sleep(0.1)
        return []

    for tasks, soon in ((1000, True), (25, False)):
        begun = time.monotonic()
        list(compute(wait, [Task(p, 0, {}, 0) for p in range(tasks)], jobs=2))
        assert bool(started) is soon
        assert time.monotonic() - begun < 4
        started.clear()


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGHUP"])
def test_no_process_outlives_the_run_that_started_it(tmp_path, name):
    psutil = pytest.importorskip("psutil")
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.Popen(
        [sys.executable, "-c", WAITS], cwd=tmp_path, env=os.environ | paths, stderr=subprocess.PIPE
    )
    while len([*tmp_path.glob("process-*")]) < 2:
        assert run.poll() is None
        time.sleep(0.05)
    others = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(getattr(signal, name))
    run.communicate()
    end = time.monotonic() + 5
    while left := [one for one in others if one.is_running() and one.status() != "zombie"]:
        assert time.monotonic() < end, left
        time.sleep(0.05)
