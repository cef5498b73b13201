"""Where the tasks of a study are computed: in processes here, or on a Dask cluster.

A task is one point on one sample, computed with one thread of torch, of compiled loops and of
the products of numpy and scipy, so that neither the place nor the number of workers changes its
result. A task that raises comes back as its error: the others go on. A run of a few seconds
starts no other process.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, NamedTuple

from bridges.study.record import Outcome, Point, Row

Measure = Callable[[Point, int], list[Row]]

_ALONE = 4  # seconds in which a run starts no other process; these take about as long to start
_PATIENCE = 10  # seconds in which a scheduler must answer


class Task(NamedTuple):
    """Point p on sample s, with the point's settings and the sample's seed."""

    p: int
    s: int
    point: Point
    seed: int


def compute(
    measure: Measure, tasks: Sequence[Task], jobs: int = 1, cluster: str | None = None
) -> Iterator[Outcome]:
    """Outcomes as they come, in any order.

    Parameters
    ----------
    measure : measure(point, seed) → rows.
    tasks : to compute.
    jobs : processes here.
    cluster : address of a running Dask scheduler, "tcp://host:port", whose workers compute
        instead; they need this package, and the file of `measure`.

    Raises
    ------
    ValueError : no scheduler answers at `cluster`, or Dask is not installed.
    RuntimeError : a process died, as when memory runs out.
    """
    if not tasks:
        return iter(())
    return _here(measure, tasks, jobs) if cluster is None else _there(measure, tasks, cluster)


def _here(measure: Measure, tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    """Outcomes of this process, and of others if that takes longer than they take to start."""
    waiting = deque(tasks)
    if jobs == 1 or len(tasks) == 1:
        yield from (_outcome(measure, task) for task in waiting)
        return
    done: SimpleQueue[Outcome | None] = SimpleQueue()
    thread = Thread(target=_empty, args=(measure, waiting, done), daemon=True)
    thread.start()
    end = monotonic() + _ALONE
    try:
        while (outcome := _next(done, end - monotonic())) is not None:
            yield outcome
        rest = list(iter(partial(_taken, waiting), None))
        if rest:
            yield from _processes(measure, rest, jobs)
        thread.join()  # at most one task more
        yield from iter(partial(_next, done, 0.0), None)
    finally:
        waiting.clear()  # whoever stops listening stops the thread too
        thread.join(_ALONE)  # a process that ends while a thread computes ends badly


def _empty(measure: Measure, waiting: deque[Task], done: SimpleQueue[Outcome | None]) -> None:
    """Compute what is waiting until nothing is, and say so by None."""
    while (task := _taken(waiting)) is not None:
        done.put(_outcome(measure, task))
    done.put(None)


def _taken(waiting: deque[Task]) -> Task | None:
    """The next task, taken by one thread alone."""
    try:
        return waiting.popleft()
    except IndexError:
        return None


def _next(done: SimpleQueue[Outcome | None], seconds: float) -> Outcome | None:
    """The next outcome, None if there is none in time, or none will follow."""
    try:
        return done.get(timeout=max(seconds, 0.001))
    except Empty:
        return None


def _processes(measure: Measure, tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parallel = Parallel(n_jobs=min(jobs, len(tasks)), return_as="generator_unordered")
    try:
        yield from parallel(delayed(_outcome)(measure, task) for task in tasks)
    except TerminatedWorkerError as error:
        raise RuntimeError(
            f"a process died, perhaps of too little memory; {jobs} ran at once"
        ) from error
    except BaseException:  # Ctrl-C, or a caller that stops listening: leave no process behind
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
        raise


def _there(measure: Measure, tasks: Sequence[Task], cluster: str) -> Iterator[Outcome]:
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ValueError(
            "cluster needs the extra of that name: pip install '.[cluster]', in a clone"
        ) from error
    try:
        client = Client(cluster, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"cluster must be the address of a running scheduler, tcp://host:port, got {cluster!r}"
        ) from error
    with client:
        futures = client.map(lambda task: _outcome(measure, task), list(tasks), pure=False)
        of = {future.key: task for future, task in zip(futures, tasks, strict=True)}
        for future in as_completed(futures):
            if future.status == "finished":
                yield future.result()
            else:  # its workers died with it
                task = of[future.key]
                yield Outcome(task.p, task.s, [], _words(future.exception()))
            future.release()


def _outcome(measure: Measure, task: Task) -> Outcome:
    """The outcome of a task, computed with one thread."""
    try:
        with _one_thread():
            return Outcome(task.p, task.s, measure(task.point, task.seed))
    except Exception as error:
        return Outcome(task.p, task.s, [], _words(error), traceback.format_exc())


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch, compiled loops and the products of numpy and scipy."""
    import numba
    import torch

    before = torch.get_num_threads(), numba.get_num_threads()  # the second may raise the first
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    try:
        with _pools().limit(limits=1):
            yield
    finally:
        numba.set_num_threads(before[1])
        torch.set_num_threads(before[0])


@cache
def _pools() -> Any:
    """The thread pools of the libraries that are loaded; finding them takes milliseconds."""
    import numpy.linalg  # noqa: F401  # the pools of these two should be among them
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _words(error: Any) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": \n")
