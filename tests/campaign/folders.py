"""Folders that are moved, replaced or removed under a run, and disks that fill up."""

import resource
import shutil
import time
from pathlib import Path

from disturbed import Counts, is_whole, lines, start, whole

_FULL = 3000  # bytes that a file may have


def campaign(home, rounds):
    """Counts of what holds."""
    counts = Counts()
    for k in range(max(1, rounds // 5)):
        for how in (_move, _replace, _remove):
            out, elsewhere = home / f"{how.__name__}-{k}", home / f"elsewhere-{how.__name__}-{k}"
            run = start(out, jobs=1)
            while len(lines(out)) < 3 + k:
                time.sleep(0.01)
            how(out, elsewhere)
            said = run.communicate()[1].splitlines()
            counts.saw("stopped with an error", run.returncode not in (0, 3))
            counts.saw("and a sentence", "was moved or removed while the run was" in said[-1])
            if elsewhere.exists():
                counts.saw(
                    "nothing written to another's folder",
                    not out.exists() or not any(out.iterdir()),
                )
                start(elsewhere).communicate()
                counts.saw("goes on from where it is", is_whole(elsewhere, whole(home)))
    for k in range(max(1, rounds // 5)):
        out, limit = home / f"full-{k}", _FULL + 700 * k
        run = start(out, jobs=1, preexec_fn=lambda limit=limit: _limit(limit))
        said = run.communicate()[1]
        counts.saw("a full disk is an error", run.returncode not in (0, 3) and "too large" in said)
        start(out).communicate()
        counts.saw("whole after there is room", is_whole(out, whole(home)))
    return counts.table()


def _move(out: Path, elsewhere: Path):
    out.rename(elsewhere)


def _replace(out: Path, elsewhere: Path):
    out.rename(elsewhere)
    out.mkdir()


def _remove(out: Path, elsewhere: Path):
    shutil.rmtree(out)


def _limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
