"""Files of many images stay on disk, and what is made of them does not depend on their number."""

import subprocess
import sys

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc"),
]
N, MOST = 3072, 700  # pixels; megabytes, half of them for the libraries and the mapped file
_RUN = """
import sys
from bridges.cli import main
main(sys.argv[1:], standalone_mode=False)
print("peak", open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""


def images(path, rows, seed=0):
    """Noisy blends of 40 pictures, as bytes, written a block at a time."""
    rng = np.random.default_rng(0)
    pictures, rng = rng.normal(size=(40, N)), np.random.default_rng(seed)
    file = np.lib.format.open_memmap(path, "w+", np.uint8, (rows, N))
    for start in range(0, rows, 1000):
        block = file[start : start + 1000]
        blend = rng.normal(size=(len(block), 40)) @ pictures
        block[:] = np.clip(128 + 6 * blend + 10 * rng.normal(size=block.shape), 0, 255)
    file.flush()


def peak(*words):
    """Megabytes of one process that does all of a run."""
    line = [sys.executable, "-c", _RUN, *" ".join(words).split(), "--quiet", "--jobs", "1"]
    found = subprocess.run(line, capture_output=True, text=True, check=True)
    return int(found.stdout.split("peak")[1]) / 1024


@pytest.mark.parametrize("model", ["hebb", "flow", "exponential-real"])
def test_few_patterns_of_many_images(model, tmp_path):
    """In double precision the file would take 1475 MB."""
    images(tmp_path / "large.npy", 60_000)
    words = "--patterns 10 --samples 2 --trials 4 --overlaps 0.5,1"
    assert peak(f"retrieve --data {tmp_path}/large.npy --model {model}", words) < MOST


@pytest.mark.parametrize("words", ["--only copies", "--draws 100"])
def test_copies_among_many_images(words, tmp_path):
    """All are looked at, a part is left out in turn, and no block of them stays."""
    images(tmp_path / "large.npy", 60_000)
    images(tmp_path / "samples.npy", 1000, seed=1)
    words += f" --generated {tmp_path}/samples.npy --samples 1 --out {tmp_path}/run"
    assert peak(f"memorization --data {tmp_path}/large.npy", words) < MOST
