"""A run with two workers, killed again and again: itself, or one of its workers."""

import random
import signal
import time

import psutil
from disturbed import Counts, is_whole, lines, start, whole

ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
_SECONDS = 5  # in which all processes must be gone
_MOST = 4  # lines on standard error about a worker that died


def campaign(home, rounds):
    """Counts of what holds."""
    counts, rng = Counts(), random.Random(0)
    out = home / "run"
    for k in range(rounds):
        before = len(lines(out))
        run = start(out)
        if _wait_for_workers(run):
            time.sleep(rng.uniform(0, 2))
        others = psutil.Process(run.pid).children(recursive=True) if run.poll() is None else []
        run.send_signal(ENDS[k % 3])
        run.communicate()
        counts.saw(f"no process {_SECONDS} s after the kill", not _left(others))
        counts.saw("no line lost by a kill", len(lines(out)) >= before)
    for k in range(max(1, rounds // 5)):
        one = home / f"worker-{k}"
        run = start(one)
        if _wait_for_workers(run):
            time.sleep(rng.uniform(0, 1))
        workers = _workers(run)
        if workers:
            rng.choice(workers).kill()
        said = run.communicate()[1]
        counts.saw("all measured though a worker was killed", is_whole(one, whole(home)))
        counts.saw("a worker's death said in a line or two", len(said.splitlines()) <= _MOST)
    start(out).communicate()
    counts.saw("what was killed so often is whole, byte for byte", is_whole(out, whole(home)))
    return counts.table()


def _workers(run):
    try:
        found = psutil.Process(run.pid).children(recursive=True)
        return [one for one in found if "popen_loky" in " ".join(one.cmdline())]
    except psutil.NoSuchProcess:
        return []


def _wait_for_workers(run):
    while run.poll() is None:
        if len(_workers(run)) == 2:
            return True
        time.sleep(0.02)
    return False


def _left(processes):
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        left = [one for one in processes if one.is_running() and one.status() != "zombie"]
        if not left:
            return []
        time.sleep(0.05)
    return left
