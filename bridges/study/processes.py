"""Tasks in processes here, none of which outlives the one that started them.

A process that dies, as when memory runs out, takes its task along. What was under way is
computed again, a task at a time in a process of its own: a task whose process dies then too has
failed, and the others go on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING

from bridges.study.tasks import Outcome, Task, failure

if TYPE_CHECKING:
    from concurrent.futures import Future

_AHEAD = 2  # tasks per process that are handed out, of which one is computed
_IDLE = 60  # seconds after which a process without tasks ends
_POLL = 1.0  # seconds
_THREADS = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMBA", "NUMEXPR")
_PR_SET_PDEATHSIG = 1  # from linux/prctl.h
_DIED = "a process died, perhaps of too little memory"


def in_processes(
    work: Callable[[Task], Outcome], tasks: Sequence[Task], jobs: int
) -> Iterator[Outcome]:
    """Outcomes of tasks in as many processes, as they come."""
    from tqdm import tqdm

    waiting = deque(tasks)
    while waiting:
        lost = yield from _pool(work, waiting, min(jobs, len(waiting)))
        if lost:
            tqdm.write(f"{_DIED}; trying its points again, one at a time", file=sys.stderr)
        for task in lost:
            if (yield from _pool(work, deque([task]), 1)):
                yield failure(task, RuntimeError(_DIED))


def _pool(
    work: Callable[[Task], Outcome], waiting: deque[Task], workers: int
) -> Generator[Outcome, None, list[Task]]:
    """Outcomes of what is waiting; returns the tasks under way when a process died."""
    from joblib.externals.loky import (
        FIRST_COMPLETED,
        BrokenProcessPool,
        get_reusable_executor,
        wait,
    )
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    pool = get_reusable_executor(
        workers,
        timeout=_IDLE,
        initializer=_end_with,
        initargs=(os.getpid(),),
        env={f"{library}_NUM_THREADS": "1" for library in _THREADS},
    )
    running: dict[Future[Outcome], Task] = {}
    lost: list[Task] = []
    try:
        while running or (waiting and not lost):
            while waiting and not lost and len(running) < _AHEAD * workers:
                task = waiting.popleft()
                try:
                    running[pool.submit(work, task)] = task
                except TerminatedWorkerError:
                    lost.append(task)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                try:
                    outcome = future.result()
                except TerminatedWorkerError:
                    lost.append(task)
                    continue
                except BrokenProcessPool:
                    raise
                except Exception as error:  # a measure that cannot travel
                    outcome = failure(task, error)
                yield outcome
    except BaseException:  # Ctrl-C, or a caller that stops listening: leave no process behind
        pool.shutdown(wait=True, kill_workers=True)
        raise
    return lost


def _end_with(parent: int) -> None:
    """Let this process end when its parent does, whatever ends that; Ctrl-C is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # even within a compiled loop
    else:
        Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before this process could know
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        sleep(_POLL)
    os._exit(1)
