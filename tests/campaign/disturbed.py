"""A run to be disturbed, in a process of its own, and what it must come to in the end.

python disturbed.py OUT JOBS [CLUSTER]
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
POINTS = [{"x": x, "seconds": 0.05 + 0.02 * (x % 7)} for x in range(24)]
SAMPLES = 3
TOTAL = len(POINTS) * SAMPLES
FILES = {"config.json", "points.jsonl", "results.csv"}
_PATHS = [str(HERE), str(HERE.parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(_PATHS)}


class Counts(Counter):
    """How often something came out well, of how many times."""

    def saw(self, what, good):
        self.update({(what, bool(good)): 1})
        if not good:
            print(f"  not so: {what}", file=sys.stderr, flush=True)

    def table(self):
        names = dict.fromkeys(what for what, _ in self)
        return {what: (self[what, True], self[what, True] + self[what, False]) for what in names}


def measure(point, seed):
    time.sleep(point["seconds"])
    return [
        {"quantity": "value", "at": at, "value": (seed % 1009) / 7 + point["x"] * at}
        for at in (0.1, 0.5)
    ]


def start(out, jobs=2, cluster=None, **settings):
    """The run as a process."""
    words = [str(HERE / "disturbed.py"), str(out), str(jobs), *([cluster] if cluster else [])]
    return python(*words, **settings)


def python(*words, **settings):
    """A process of Python that finds our packages."""
    return subprocess.Popen(
        [sys.executable, *words], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, **settings
    )


def lines(out):
    """The lines of a record that are whole."""
    file = Path(out, "points.jsonl")
    text = file.read_text() if file.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def whole(home):
    """A run that nothing disturbs."""
    out = home / "undisturbed"
    if not out.exists():
        assert start(out, jobs=1).wait() == 0
    return out


def is_whole(out, undisturbed):
    """Whether a run has each measurement once, and every byte of the table."""
    same = Path(out, "results.csv").read_bytes() == Path(undisturbed, "results.csv").read_bytes()
    seen = measured(out)
    return same and len(seen) == len(set(seen)) == TOTAL


def measured(out):
    """Point and sample of each line of a record."""
    return [(entry["point"], entry["sample"]) for entry in map(json.loads, lines(out))]


if __name__ == "__main__":
    from bridges import run_study
    from bridges.study import engine

    engine._ALONE = 0.2
    out, jobs, *cluster = sys.argv[1:]
    address = cluster[0] if cluster else None
    study = run_study(
        "disturbed", measure, POINTS, samples=SAMPLES, out=out, jobs=int(jobs), cluster=address
    )
    sys.exit(3 if study.failed else 0)
