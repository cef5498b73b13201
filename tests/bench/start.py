"""Start-up: what passes between a command and its first measurement, in fresh processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clock import row, seconds

FIRST, IMPORT = 2.0, 0.2  # at most, in seconds
VERBS = {
    "retrieve": "retrieve --model hebb --data random --patterns 20 --jobs 2",
    "compare": "compare --jobs 2",
    "capacity": "capacity --data digits --jobs 2",
    "memorization": "memorization --data digits --jobs 2",
}
REPEATS = 3


def python(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True)


def until_measured(words: str) -> float:
    """Seconds until a run has written down the first of its measurements; it is ended then."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "run", "points.jsonl")
        command = [sys.executable, "-m", "bridges", *words.split(), "--quiet", "--out"]
        begun = time.perf_counter()
        run = subprocess.Popen([*command, str(record.parent)])
        while run.poll() is None and not (record.exists() and record.stat().st_size):
            time.sleep(0.002)
        taken = time.perf_counter() - begun
        run.terminate()
        run.wait()
    return taken


def least(what: list[str]) -> float:
    return min(seconds(lambda: python(*what)) for _ in range(REPEATS))


def lines() -> None:
    bare, ours, torch = (least(["-c", text]) for text in ("", "import bridges", "import torch"))
    taken = ours - bare
    what = f"at most {IMPORT * 1e3:.0f} ms"
    row("import bridges", f"{taken * 1e3:.0f} ms", what, taken / IMPORT, "<= 1")
    for verb, words in VERBS.items():
        taken = min(until_measured(words) for _ in range(REPEATS))
        what = f"at most {FIRST:.0f} s; torch alone {torch:.1f} s"
        row(f"first measurement of {verb}", f"{taken:.2f} s", what, taken / FIRST, "<= 1")
