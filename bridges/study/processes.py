"""Tasks in processes here, none of which outlives the one that started them.

The measure, with whatever data it holds, travels to each process once; a task is a few numbers.
A process that dies, as when memory runs out, takes its task along. What was under way is
computed again, a task at a time in a process of its own: a task whose process dies then too has
failed, and the others go on.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

from bridges.study.tasks import LITTLE, Outcome, Task, Work, failure, packed, taken

if TYPE_CHECKING:
    from concurrent.futures import Future

_AHEAD = 2  # tasks per process that are handed out, of which one is computed
_IDLE = 60  # seconds after which a process without tasks ends
_POLL = 1.0  # seconds between two looks at who the parent is
_THREADS = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMBA", "NUMEXPR")
_PR_SET_PDEATHSIG = 1  # from linux/prctl.h
_DIED = "a process died, perhaps of too little memory"


def in_processes(
    work: Work,
    waiting: deque[Task],
    jobs: int,
    meanwhile: Callable[[], Outcome | None] | None = None,
) -> Iterator[Outcome]:
    """Outcomes of tasks in as many processes, as they come.

    waiting : the tasks. As long as no process is ready others may take of them too.
    meanwhile : the next outcome of these others, None if there is none for a moment.
    """
    from tqdm import tqdm

    with _sent(work) as sent:
        if isinstance(sent, Exception):
            yield from (failure(task, sent) for task in iter(partial(taken, waiting), None))
            return
        if meanwhile is not None:
            yield from _until_ready(sent, waiting, jobs, meanwhile)
        rest = deque(iter(partial(taken, waiting), None))
        while rest:
            lost = yield from _pool(sent, rest, min(jobs, len(rest)))
            if lost:
                tqdm.write(f"{_DIED}; trying its points again, one at a time", file=sys.stderr)
            for task in lost:
                if (yield from _pool(sent, deque([task]), 1)):
                    yield failure(task, RuntimeError(_DIED))


def _until_ready(
    sent: bytes | str, waiting: deque[Task], jobs: int, meanwhile: Callable[[], Outcome | None]
) -> Iterator[Outcome]:
    """Start processes; outcomes of the others until the first is ready, or nothing is left."""
    pool = _processes(max(1, min(jobs, len(waiting))))
    ready = pool.submit(_prepare, sent)
    try:
        while waiting and not ready.done():
            if (outcome := meanwhile()) is not None:
                yield outcome
    finally:
        if not ready.done():  # the end of this process would wait for them to start
            pool.shutdown(wait=True, kill_workers=True)


@contextmanager
def _sent(work: Work) -> Iterator[bytes | str | Exception]:
    """What each process makes the work from: its bytes, or a file of them; or why there is none."""
    try:
        content = packed(work)
    except Exception as error:  # a measure that cannot travel
        yield error
        return
    if len(content) <= LITTLE:
        yield content
        return
    with tempfile.TemporaryDirectory(prefix="bridges-") as folder:
        file = Path(folder) / "work"
        file.write_bytes(content)
        yield str(file)


@lru_cache(maxsize=1)
def _received(sent: bytes | str) -> Work:
    """The work in a process that it was sent to."""
    content = Path(sent).read_bytes() if isinstance(sent, str) else sent
    found: Work = pickle.loads(content)
    return found


def _prepare(sent: bytes | str) -> None:
    _received(sent)


def _compute(sent: bytes | str, task: Task) -> Outcome:
    return _received(sent)(task)


def _processes(workers: int) -> Any:
    """So many processes, started now unless they are there.

    joblib has one pool per program and expects it to be of its own kind: a plain one of loky's
    would break the next `joblib.Parallel`, which scikit-learn calls.
    """
    from joblib.executor import get_memmapping_executor

    return get_memmapping_executor(
        workers,
        max_nbytes=None,  # tasks are small
        timeout=_IDLE,
        initializer=_begin,
        initargs=(os.getpid(),),
        env={f"{library}_NUM_THREADS": "1" for library in _THREADS},
    )


def _pool(
    sent: bytes | str, waiting: deque[Task], workers: int
) -> Generator[Outcome, None, list[Task]]:
    """Outcomes of what is waiting; returns the tasks under way when a process died."""
    from joblib.externals.loky import FIRST_COMPLETED, BrokenProcessPool, wait
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    pool = _processes(workers)
    running: dict[Future[Outcome], Task] = {}
    lost: list[Task] = []
    try:
        while running or (waiting and not lost):
            while waiting and not lost and len(running) < _AHEAD * workers:
                task = waiting.popleft()
                try:
                    running[pool.submit(_compute, sent, task)] = task
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
                except Exception as error:  # a measure that cannot arrive
                    outcome = failure(task, error)
                yield outcome
    except BaseException:  # Ctrl-C, or a caller that stops listening: leave no process behind
        pool.shutdown(wait=True, kill_workers=True)
        raise
    return lost


def _begin(parent: int) -> None:
    """What a process does first."""
    process_executor: Any = sys.modules["joblib.externals.loky.process_executor"]
    process_executor._USE_PSUTIL = False  # else it ends, as a leak, once a task has loaded much
    _end_with(parent)


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
