"""Dask: workers and schedulers that are killed and come back, or were never fit to compute."""

import signal
import socket
import subprocess
import sys
import time

from disturbed import ENVIRONMENT, Counts, is_whole, lines, start, whole

FOREIGN = "import sys; sys.modules['bridges'] = None; "  # where it cannot be imported
_REFUSED = 40  # seconds for a refusal, of which most start Python


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, workers=2, foreign=False):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler = self.start_scheduler()
        self.workers = [self.start_worker(foreign) for _ in range(workers)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()

    def start_scheduler(self):
        return self._start("scheduler", "--host", "127.0.0.1", "--port", str(self.port))

    def start_worker(self, foreign=False):
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny", foreign=foreign)

    def _start(self, kind, *words, foreign=False):
        text = f"from distributed.cli.dask_{kind} import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", FOREIGN * foreign + text, *words, "--no-dashboard"],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def campaign(home, rounds):
    """Counts of what holds."""
    counts = Counts()
    for k in range(max(1, rounds // 10)):
        out = home / f"client-{k}"
        with Cluster() as cluster:
            _computing(cluster, out, 4 + 9 * k).kill()
            start(out, cluster=cluster.address).communicate()
        counts.saw("kill client: whole, byte for byte", is_whole(out, whole(home)))
        for fault in (_kill_workers, _kill_scheduler, _stop_worker):
            out = home / f"{fault.__name__}-{k}"
            with Cluster() as cluster:
                run = _computing(cluster, out, 4 + 9 * k)
                fault(cluster)
                run.communicate()
            name = fault.__name__.strip("_").replace("_", " ")
            counts.saw(f"{name}: all measured, none failed", run.returncode == 0)
            counts.saw(f"{name}: whole, byte for byte", is_whole(out, whole(home)))
    out = home / "gone"
    with Cluster() as cluster:
        run = _computing(cluster, out, 6)
        _end(cluster)
        said = run.communicate()[1].splitlines()
    counts.saw("a cluster that ends for good is said", "is not back after" in said[-1])
    start(out, jobs=1).communicate()
    counts.saw("and the run goes on here", is_whole(out, whole(home)))
    with Cluster(workers=0) as empty:
        counts.saw("no workers are said", "has no workers" in _refusal(home, empty.address))
    with Cluster(workers=1, foreign=True) as foreign:
        said = _refusal(home, foreign.address)
        counts.saw("a missing package is said", "lacks the package bridges" in said)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        said = _refusal(home, f"tcp://127.0.0.1:{mute.getsockname()[1]}")
        counts.saw("a mute port is said", "no answer in" in said)
    for address in ("ucx://x", "nowhere", "tcp://127.0.0.1:1"):
        said = _refusal(home, address)
        counts.saw("an address that is none is said", "must be the address of a running" in said)
    return counts.table()


def _computing(cluster, out, done):
    """A run on the cluster that has measured so much."""
    run = start(out, cluster=cluster.address)
    while run.poll() is None and len(lines(out)) < done:
        time.sleep(0.02)
    return run


def _kill_workers(cluster):
    for _ in range(2):
        cluster.workers.pop(0).kill()
        cluster.workers.append(cluster.start_worker())
        time.sleep(3)


def _kill_scheduler(cluster):
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    time.sleep(2)
    cluster.scheduler = cluster.start_scheduler()
    cluster.workers += [cluster.start_worker() for _ in range(2)]


def _stop_worker(cluster):
    """One that is there and does nothing for a while."""
    cluster.workers[0].send_signal(signal.SIGSTOP)
    time.sleep(5)
    cluster.workers[0].send_signal(signal.SIGCONT)


def _end(cluster):
    for process in (cluster.scheduler, *cluster.workers):
        process.kill()


def _refusal(home, address):
    """What a run says that is refused in time."""
    begun, run = time.monotonic(), start(home / "refused", cluster=address)
    said = run.communicate()[1]
    return said if time.monotonic() - begun < _REFUSED and run.returncode == 1 else ""
