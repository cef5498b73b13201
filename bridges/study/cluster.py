"""Tasks on the workers of a Dask scheduler that somebody runs.

Before anything is computed the scheduler must answer, have workers, and these must have this
package, of the same version as here and for the same Python. What a scheduler or a worker that
ends takes along is computed again, once the scheduler is back.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from time import monotonic, sleep
from typing import Any

from bridges.study.tasks import LITTLE, Outcome, Task, Work, failure, packed

_PATIENCE = 8.0  # seconds in which a scheduler must answer, and workers
_RETURN = 60.0  # seconds in which a scheduler that was there must be back
_PAUSE = 0.5  # seconds between two looks whether it is
_ROUNDS = 3  # times that tasks are lost without an outcome, until they are given up
_DISTRIBUTION = "hopfield-diffusion"


def on_cluster(work: Work, tasks: Sequence[Task], address: str) -> Iterator[Outcome]:
    """Outcomes of tasks of a cluster, as they come. Raises ValueError as `engine.compute`."""
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise ValueError(
            "cluster needs the extra of that name: pip install '.[cluster]', in a clone"
        ) from error
    with _quiet():
        client, waiting, vain = _client(address), list(tasks), 0
        while waiting:
            try:
                lost = yield from _gathered(client, work, waiting)
            finally:
                with suppress(TimeoutError):  # a scheduler that is gone does not say goodbye
                    client.close(timeout=_PATIENCE)
            vain = vain + 1 if len(lost) == len(waiting) else 0
            if vain == _ROUNDS:
                raise ValueError(f"cluster {address!r} lost the same tasks {_ROUNDS} times")
            if waiting := lost:
                _tell(f"cluster {address!r} was lost with {len(lost)} tasks; trying them again")
                client = _returned(address, len(lost))


def _gathered(
    client: Any, work: Work, tasks: Sequence[Task]
) -> Generator[Outcome, None, list[Task]]:
    """Outcomes of the tasks; returns those that were lost on the way."""
    from distributed import as_completed

    lost: list[Task] = []
    try:
        futures = _handed(client, work, tasks)
    except _gone():
        return list(tasks)
    of = {future.key: task for future, task in zip(futures, tasks, strict=True)}
    for batch in as_completed(futures).batches():
        known = _together(client, batch)
        for future in batch:
            task = of[future.key]
            try:
                if future.status == "error":  # its workers died with it, too often
                    outcome = failure(task, future.exception())
                else:
                    outcome = known[future.key] if future.key in known else future.result()
            except _gone():
                lost.append(task)
            else:
                yield outcome
            future.release()
    return lost


def _handed(client: Any, work: Work, tasks: Sequence[Task]) -> list[Any]:
    """Hand the tasks to the scheduler, and a work that holds much data once to each worker.

    Such a work is the result of a task: workers that come later fetch it from others, and if all
    that had it end, it is made again.
    """
    if len(packed(work)) <= LITTLE:
        return list(client.map(work, list(tasks), pure=False))
    with warnings.catch_warnings():  # that it is large
        warnings.simplefilter("ignore", UserWarning)
        sent = client.submit(_itself, work, pure=False)
    client.replicate([sent])  # a worker without it would be given nothing before it is idle
    return list(client.map(_compute, list(tasks), work=sent, pure=False))


def _itself(work: Work) -> Work:
    return work


def _compute(task: Task, work: Work) -> Outcome:
    return work(task)


def _together(client: Any, batch: Sequence[Any]) -> dict[str, Outcome]:
    """Outcomes of tasks that are ready, in one answer of the scheduler; none if one is lost."""
    ready = [future for future in batch if future.status == "finished"]
    try:
        outcomes = client.gather(ready)
    except Exception:  # each is asked for on its own then
        return {}
    return {future.key: outcome for future, outcome in zip(ready, outcomes, strict=True)}


def _gone() -> tuple[type[BaseException], ...]:
    """What is raised for a task that its scheduler, or the way there, took along."""
    from concurrent.futures import CancelledError as Ended

    from distributed import CancelledError

    return CancelledError, Ended, asyncio.CancelledError, OSError


def _returned(address: str, tasks: int) -> Any:
    """A client of a scheduler that was there before. Raises ValueError if it does not return."""
    deadline = monotonic() + _RETURN
    while True:
        try:
            return _client(address)
        except ValueError as error:
            if monotonic() > deadline:
                raise ValueError(
                    f"cluster {address!r} ended with {tasks} measurements missing, and is not "
                    f"back after {_RETURN:g} s ({error}); the same command goes on from there"
                ) from error
        sleep(_PAUSE)


def _client(address: str) -> Any:
    """A client of the scheduler. Raises ValueError, which says what is missing."""
    from distributed import Client

    try:
        _knock(address)
        client = Client(address, timeout=_PATIENCE)
    except Exception as error:  # each transport has its own
        reason = " ".join(str(error).split()) or f"no answer in {_PATIENCE:g} s"
        raise ValueError(
            "cluster must be the address of a running scheduler, tcp://host:port, "
            f"got {address!r} ({reason})"
        ) from error
    try:
        _check_workers(client, address)
    except BaseException:
        client.close()
        raise
    return client


def _knock(address: str) -> None:
    """Ask who is there, in limited time: a client would wait for minutes at a mute port."""
    from distributed.comm.core import connect
    from distributed.security import Security

    async def ask() -> str:
        connection = Security().get_connection_args("client")
        comm = await connect(address, timeout=_PATIENCE, **connection)
        try:
            await comm.write({"op": "identity", "reply": True})
            return str((await comm.read())["type"])
        finally:
            comm.abort()

    async def limited() -> str:
        return await asyncio.wait_for(ask(), _PATIENCE)

    with ThreadPoolExecutor(1) as thread:  # whose loop is none of the caller's
        kind = thread.submit(asyncio.run, limited()).result()
    if kind != "Scheduler":
        raise ValueError(f"a {kind.lower()} answers there")


def _check_workers(client: Any, address: str) -> None:
    """Refuse workers that are none or could not compute what is asked. Raises ValueError."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError as error:
        raise ValueError(
            f"cluster {address!r} has no workers; start one: dask worker {address}"
        ) from error

    def has() -> tuple[str, bool, str]:  # travels by value, as it is no module's
        import sys
        from importlib import import_module
        from importlib.metadata import PackageNotFoundError, version

        try:
            known = version("hopfield-diffusion")
        except PackageNotFoundError:
            known = ""
        try:
            import_module("bridges")
        except ImportError:
            return ".".join(map(str, sys.version_info[:2])), False, known
        return ".".join(map(str, sys.version_info[:2])), True, known

    try:
        answers = client.run(has, callback_timeout=_PATIENCE)
    except TimeoutError:  # they compute, perhaps for somebody else
        _tell(f"cluster {address!r}: the workers are busy, and are not asked for their versions")
        return
    python = ".".join(map(str, sys.version_info[:2]))
    for worker, (their_python, found, known) in answers.items():
        if their_python != python:
            raise ValueError(
                f"cluster: the worker at {worker} has Python {their_python}, needed {python}"
            )
        if not found:
            raise ValueError(
                f"cluster: the worker at {worker} lacks the package bridges; "
                f"install {_DISTRIBUTION} there"
            )
        if known and known != _own_version():
            raise ValueError(
                f"cluster: the worker at {worker} has {_DISTRIBUTION} {known}, "
                f"needed {_own_version()}"
            )


def _own_version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """No tracebacks of the library about connections that end: what matters is said here."""
    logger = logging.getLogger("distributed")
    before, logger.handlers = logger.handlers, [logging.NullHandler()]
    try:
        yield
    finally:
        logger.handlers = before


def _tell(words: str) -> None:
    from tqdm import tqdm

    tqdm.write(words, file=sys.stderr)
