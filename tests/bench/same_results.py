"""Whether a change of the code changed a number: `results.csv` of every study and verb.

    python tests/bench/same_results.py run before        # in the tree as it was
    python tests/bench/same_results.py run after         # in the tree as it is
    python tests/bench/same_results.py compare before after

`run` starts every study's quick preset and the commands of the README, with one seed, in the
tree that the script is started from; a finished run is not repeated. `compare` reads the tables
value by value as text, so that equal means equal to the last digit. A column that only the
later table has is allowed, and so is a setting where a cell was empty.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

VERBS = {
    "compare": "compare --data digits",
    "compare-file": "compare --data mine.npy --model hebb,flow",
    "retrieve": "retrieve --model pseudo-inverse --patterns 20",
    "capacity": "capacity --model hebb --data random --size 400 --loads 20,40,60,80 --overlap 1",
    "memorization": "memorization --data mine.npy",
    "basins": "basins --model hebb,denoiser,flow",
    "graph": "graph --data digits --patterns 100",
}


def commands(tree):
    """Name and words of everything that is run."""
    for script in sorted((tree / "scripts").glob("*.py")):
        yield script.stem, [sys.executable, str(script), "--preset", "quick"]
    for name, words in VERBS.items():
        yield f"bridges-{name}", [sys.executable, "-m", "bridges", *words.split()]


def run(folder):
    """Run everything from the tree that the caller stands in; the exit code is 1 if any fails."""
    tree, folder = Path.cwd(), folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(0).normal(size=(60, 24))
    np.save(folder / "mine.npy", data * np.linspace(0.5, 2, 24))
    failed = 0
    for name, words in commands(tree):
        if (folder / name / "summary.json").exists():
            continue
        print(name, flush=True)
        shared = ["--jobs", "2", "--quiet", "--out", str(folder / name)]
        done = subprocess.run(
            [*words, *shared], cwd=folder, env=os.environ | {"PYTHONPATH": str(tree)}
        )
        failed += bool(done.returncode)
    return bool(failed)


def compare(before, after):
    """Name every table that differs; the exit code is 1 if any does."""
    different = 0
    for old in sorted(before.glob("*/results.csv")):
        new = after / old.parent.name / "results.csv"
        verdict = _difference(old, new)
        different += verdict is not None
        print(f"{old.parent.name:<34}{verdict or 'the same'}")
    return bool(different)


def _difference(old, new):
    """What differs first between two tables, None if nothing does."""
    if not new.exists():
        return "missing"
    if old.read_bytes() == new.read_bytes():
        return None
    with old.open(newline="") as one, new.open(newline="") as other:
        first, second = csv.DictReader(one), csv.DictReader(other)
        if lost := set(first.fieldnames) - set(second.fieldnames):
            return f"columns are gone: {', '.join(sorted(lost))}"
        rows, others = list(first), list(second)
    if len(rows) != len(others):
        return f"{len(rows)} rows were, {len(others)} are"
    for number, (row, other) in enumerate(zip(rows, others, strict=True), 2):
        for column, value in row.items():
            if value and other[column] != value:
                return f"line {number}, {column}: {value} was, {other[column]} is"
    return None


if __name__ == "__main__":
    verb, *folders = sys.argv[1:]
    sys.exit({"run": run, "compare": compare}[verb](*map(Path, folders)))
