"""Sweeps of many points on a Dask cluster of real processes, of which some end on the way."""

import sys
import time
from pathlib import Path

import pytest

from bridges.study.tasks import LITTLE

pytest.importorskip("distributed")
COUNT = 10_000
SWEEP = """
import sys
import numpy as np
from bridges import run_study

count, held, address, out = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
data = np.zeros(held)

def tiny(point, seed):
    return [{"quantity": "x", "value": point["x"] + data.sum()}]

points = [{"x": x} for x in range(count)]
study = run_study("sweep", tiny, points, samples=1, cluster=address, out=out)
sys.exit(3 if study.failed or study.missing else 0)
"""


sys.path.append(str(Path(__file__).parents[1] / "campaign"))
from clusters import Cluster  # noqa: E402
from disturbed import lines, measured, python  # noqa: E402


def worker_ends(cluster, start, run):
    worker = cluster.workers.pop(0)
    worker.kill()
    worker.wait()
    cluster.workers.append(cluster.start_worker())
    return run


def scheduler_restarts(cluster, start, run):
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    cluster.scheduler = cluster.start_scheduler()
    cluster.workers += [cluster.start_worker() for _ in range(2)]
    return run


def client_ends(cluster, start, run):
    run.kill()
    run.communicate()
    return start()


@pytest.mark.slow
@pytest.mark.parametrize("held", [0, 10 * LITTLE // 8], ids=["little data", "much data"])
@pytest.mark.parametrize("fault", [worker_ends, scheduler_restarts, client_ends])
def test_a_sweep_loses_nothing_and_has_nothing_twice(tmp_path, fault, held):
    count = COUNT if fault is worker_ends and held else COUNT // 10
    out = tmp_path / "run"
    with Cluster() as cluster:

        def start():
            return python("-c", SWEEP, str(count), str(held), cluster.address, str(out))

        run = start()
        while len(lines(out)) < count // 20:
            assert run.poll() is None, run.communicate()[1]
            time.sleep(0.05)
        run = fault(cluster, start, run)
        said = run.communicate()[1]
    assert run.returncode == 0, said
    seen = measured(out)
    assert len(seen) == len(set(seen)) == count
