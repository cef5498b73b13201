"""Samples against data in other units: refused by the command, with what mends them."""

import re

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_digits

from bridges.cli import main
from bridges.memorization import VERDICTS


@pytest.fixture(autouse=True)
def sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    images = load_digits().images
    images = images[rng.permutation(len(images))]
    colours = images[..., None] / 16 * 255 * rng.random((len(images), 1, 1, 3))
    colours = colours.astype(np.uint8)
    np.save("data.npy", colours[:300])
    np.save("held.npy", colours[300:600])
    np.save("fresh01.npy", colours[600:800] / 255)
    np.save("first.npy", colours[600:800].transpose(0, 3, 1, 2))
    rows = images.reshape(-1, 64)
    np.save("g.npy", rows[:300])
    np.save("gheld.npy", rows[300:600])
    np.save("gcopy01.npy", rows[:200] / 16)
    np.save("gten.npy", np.concatenate([rows[:10], rows[600:690]]))


def judged(data, held_out, generated):
    words = f"memorization --data {data} --held-out {held_out} --generated {generated}"
    options = "--samples 1 --draws 5 --jobs 1 --out run"
    return CliRunner().invoke(main, [*words.split(), *options.split()])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("data.npy", "held.npy", "fresh01.npy"), "generated must be in the units of data, .* 255"),
        (("g.npy", "gheld.npy", "gcopy01.npy"), "a factor of 16; multiply by 16"),
        (("g.npy", "gcopy01.npy", "gten.npy"), "held-out must be in the units of data"),
        (("data.npy", "held.npy", "first.npy"), r"shape \(8, 8, 3\) of the data, got \(3, 8, 8\)"),
    ],
)
def test_other_units_and_orders_are_refused(files, message):
    found = judged(*files)
    assert found.exit_code == 2
    (line,) = (line for line in found.output.splitlines() if line.startswith("Error:"))
    assert re.search(message, line)


def test_ten_identical_samples_of_a_hundred_are_copies():
    found = judged("g.npy", "gheld.npy", "gten.npy")
    assert found.exit_code == 0
    assert VERDICTS[2] in found.output
