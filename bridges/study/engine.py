"""Where the tasks of a study are computed: in processes here, or on a Dask cluster.

A task that raises comes back as its error: the others go on. A run of a few seconds starts no
other process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from bridges.study.processes import in_processes
from bridges.study.tasks import Measure, Outcome, Task, outcome

Work = Callable[[Task], Outcome]

_ALONE = 4  # seconds in which a run starts no other process; these take about as long to start


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
    ValueError : no scheduler answers at `cluster`, it has no workers, or these lack this
        package; or Dask is not installed.
    """
    if not tasks:
        return iter(())
    work = partial(outcome, measure)
    if cluster is None:
        return _here(work, tasks, jobs)
    from bridges.study.cluster import on_cluster

    return on_cluster(work, tasks, cluster)


def _here(work: Work, tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    """Outcomes of this process, and of others if that takes longer than they take to start."""
    waiting = deque(tasks)
    if jobs == 1 or len(tasks) == 1:
        yield from map(work, waiting)
        return
    done: SimpleQueue[Outcome | None] = SimpleQueue()
    thread = Thread(target=_empty, args=(work, waiting, done), daemon=True)
    thread.start()
    end = monotonic() + _ALONE
    try:
        while (outcome := _next(done, end - monotonic())) is not None:
            yield outcome
        rest = list(iter(partial(_taken, waiting), None))
        if rest:
            yield from in_processes(work, rest, jobs)
        thread.join()  # at most one task more
        yield from iter(partial(_next, done, 0.0), None)
    finally:
        waiting.clear()  # whoever stops listening stops the thread too
        thread.join(_ALONE)  # a process that ends while a thread computes ends badly


def _empty(work: Work, waiting: deque[Task], done: SimpleQueue[Outcome | None]) -> None:
    """Compute what is waiting until nothing is, and say so by None."""
    while (task := _taken(waiting)) is not None:
        done.put(work(task))
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
