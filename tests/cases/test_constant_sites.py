"""Fifty bits beside a thousand constant columns: the capacity is that of the fifty."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner

from bridges.cli import main


@pytest.mark.parametrize("constant", [0, 255])
def test_constant_columns_change_no_number(tmp_path, monkeypatch, constant):
    monkeypatch.chdir(tmp_path)
    bits = (np.random.default_rng(0).random((500, 50)) > 0.5) * 255
    np.save("bare.npy", bits)
    np.save("margin.npy", np.hstack([bits, np.full((500, 1000), constant)]))
    values = {}
    for name in ("bare", "margin"):
        words = f"capacity --data {name}.npy --model hebb,pseudo-inverse,flow --loads 5,50,500"
        rest = f"--samples 2 --trials 20 --jobs 1 --out {name}"
        found = CliRunner().invoke(main, [*words.split(), *rest.split()])
        assert found.exit_code == 0, found.output
        assert ("1000 constant" in found.output) == (name == "margin")
        with open(f"{name}/results.csv") as file:
            rows = list(csv.DictReader(file))
        values[name] = [
            (row["model"], row["patterns"], row["quantity"], row["value"]) for row in rows
        ]
        assert {row["size"] for row in rows} == {"50"}
        assert {float(row["value"]) for row in rows if row["quantity"] == "cycles"} == {0}
    assert values["bare"] == values["margin"]
