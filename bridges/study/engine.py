"""Where the tasks of a study are computed: in processes here, or on a Dask cluster.

A task that raises comes back as its error: the others go on. A run of a few seconds starts no
other process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from bridges.study.processes import in_processes
from bridges.study.tasks import Measure, Outcome, Task, Work, outcome, taken

_ALONE = 4  # seconds in which a run starts no other process; these take about as long to start
_GLANCE = 0.5  # seconds of measurements that tell how long the others will take
_MOMENT = 0.1  # seconds to wait for an outcome while processes start


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
    """Outcomes of this process, and of others if that takes longer than they take to start.

    While they start this one goes on.
    """
    waiting = deque(tasks)
    if jobs == 1 or len(tasks) == 1:
        yield from map(work, waiting)
        return
    done: SimpleQueue[Outcome | None] = SimpleQueue()
    thread = Thread(target=_empty, args=(work, waiting, done), daemon=True)
    thread.start()
    begun = first = monotonic()
    known = 0  # outcomes after the first, which takes longer than others: it loads what they use
    try:
        while (outcome := _next(done, begun + _ALONE - monotonic())) is not None:
            yield outcome
            first, known = (monotonic(), 0) if first == begun else (first, known + 1)
            seen = monotonic() - first
            if seen > _GLANCE and seen / known * len(waiting) > 2 * _ALONE:
                break
        own = partial(_next, done, 0.0)
        if waiting:
            for outcome in in_processes(work, waiting, jobs, partial(_next, done, _MOMENT)):
                yield outcome
                yield from iter(own, None)  # the last one here, which may have taken long
        thread.join()  # at most one task more
        yield from iter(own, None)
    finally:
        waiting.clear()  # whoever stops listening stops the thread too
        thread.join(_ALONE)  # a process that ends while a thread computes ends badly


def _empty(work: Work, waiting: deque[Task], done: SimpleQueue[Outcome | None]) -> None:
    """Compute what is waiting until nothing is, and say so by None."""
    while (task := taken(waiting)) is not None:
        done.put(work(task))
    done.put(None)


def _next(done: SimpleQueue[Outcome | None], seconds: float) -> Outcome | None:
    """The next outcome, None if there is none in time, or none will follow."""
    try:
        return done.get(timeout=max(seconds, 0.001))
    except Empty:
        return None
