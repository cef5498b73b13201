"""What a measure returns is checked where it enters: only that point fails, with a sentence."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from bridges import load_run, run_study
from bridges.study.rows import plain, plain_rows

ROW = {"quantity": "q", "value": 1.0}
SCALARS = {
    "a float of numpy": (np.float32(0.5), 0.5),
    "a whole number of numpy": (np.int64(7), 7),
    "a truth of numpy": (np.bool_(True), True),
    "a tensor": (torch.tensor(0.5, dtype=torch.bfloat16, requires_grad=True), 0.5),
    "an array of no axes": (np.array(3, dtype=">i4"), 3),
    "a long double": (np.longdouble(0.25), 0.25),
    "a fraction": (Fraction(1, 4), 0.25),
    "infinity": (math.inf, math.inf),
}
REFUSED = {
    "None": (None, "measure must return a list of rows, got None"),
    "a row alone": (ROW, "measure must return a list of rows, got {'quantity': 'q', 'value': 1.0}"),
    "numbers": ([3.0], "a row must be a dictionary, got 3.0"),
    "no quantity": ([{"value": 1}], "a row must have a quantity, its name, got {'value': 1}"),
    "no value": ([{"quantity": "q"}], "the value of q must be a number, got none"),
    "a value None": ([ROW | {"value": None}], "the value of q must be a number, got None"),
    "a word": ([ROW | {"value": "much"}], "the value of q must be a number, got 'much'"),
    "complex": ([ROW | {"value": 1j}], "the value of q must be a number, got 1j"),
    "a vector": ([ROW | {"value": np.ones(2)}], "the value of q must be a number, got array"),
    "masked": ([ROW | {"value": np.ma.masked}], "the value of q must be a number, got masked"),
    "vast": ([ROW | {"value": 10**400}], "the value of q must be a number of double precision"),
    "a label NaN": ([ROW | {"at": np.float64("nan")}], "at of a row must be finite, got nan"),
    "a vast label": ([ROW | {"at": 10**400}], "at of a row must be a number of double precision"),
    "a label list": ([ROW | {"at": [1]}], r"at of a row must be a number or a word, got \[1\]"),
    "a column": ([ROW | {"n": 3}], "a row must not have a label 'n', which results have"),
    "numbers as names": ([ROW | {3: 3}], "the names in a row must be words, got {"),
    "twice": ([ROW | {"at": 3}, ROW | {"at": 3.0, "value": 2}], "each row once, got two of quan"),
}


@pytest.mark.parametrize("case", SCALARS)
def test_scalars_become_plain_numbers(case, tmp_path):
    given, wanted = SCALARS[case]
    (row,) = plain_rows([ROW | {"value": given}])
    assert row["value"] == wanted
    assert type(row["value"]) is type(wanted)
    study = run_study("s", lambda point, seed: [ROW | {"value": given}], [{}], out=tmp_path)
    assert study.failed == {}
    assert load_run(tmp_path).samples == study.samples


def test_nan_is_a_value_that_a_sample_has_not():
    assert math.isnan(plain_rows([ROW | {"value": np.float32("nan")}])[0]["value"])


@pytest.mark.parametrize("case", REFUSED)
def test_only_the_point_that_returns_no_rows_fails(case, tmp_path):
    given, message = REFUSED[case]

    def measure(point, seed):
        return given if point["x"] == 1 else [ROW]

    study = run_study("s", measure, [{"x": 0}, {"x": 1}], samples=2, out=tmp_path)
    assert set(study.failed) == {(1, 0), (1, 1)}
    with pytest.raises(ValueError, match=message):
        plain_rows(given)
    assert study.failed[1, 0].startswith("ValueError: ")
    assert [row["x"] for row in study.results()] == [0]
    assert load_run(tmp_path).failed == study.failed


def test_a_point_that_is_not_finite_fails_alone_and_blocks_no_folder(tmp_path):
    asked = []

    def measure(point, seed):
        asked.append(point["x"])
        return [ROW]

    points = [{"x": 1.0}, {"x": math.nan}, {"x": -math.inf}]
    for _ in range(2):
        study = run_study("s", measure, points, samples=1, out=tmp_path)
        assert study.failed == {
            (1, 0): "ValueError: point 1: x must be finite, got nan",
            (2, 0): "ValueError: point 2: x must be finite, got -inf",
        }
    assert asked == [1.0]
    json.loads((tmp_path / "config.json").read_text(), parse_constant=pytest.fail)


def test_settings_of_other_libraries_are_plain_in_the_record(tmp_path):
    points = [{"x": np.float64(0.5), "y": [np.int8(2), torch.tensor(3)]}]
    study = run_study("s", lambda point, seed: [ROW], points, samples=1, out=tmp_path)
    assert study.points == [{"x": 0.5, "y": [2, 3]}]
    assert run_study("s", lambda point, seed: [ROW], points, samples=1, out=tmp_path).reused == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"points": [{}, {"x": np.ones(3)}]}, "point 1: x must be numbers, words, and lists of"),
        ({"points": [{"x": 10**400}]}, "point 0: x must be a number of double"),
        ({"points": [3]}, "points must be dictionaries, got 3"),
        ({"parameters": {"x": {3: 4}}}, "parameters: x must be named by words, got {3: 4}"),
        ({"parameters": {"x": [1, math.inf]}}, "parameters: x must be finite, got inf"),
        ({"samples": 10**12}, "samples: 1 points × 1000000000000 samples need"),
    ],
)
def test_settings_that_a_record_cannot_hold_are_refused_before_a_folder_is_made(
    settings, message, tmp_path
):
    given = {"points": [{}], "samples": 1} | settings
    with pytest.raises(ValueError, match=message):
        run_study("s", lambda point, seed: [ROW], **given, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_settings_nested_too_deeply_are_refused():
    nested = []
    for _ in range(30):
        nested = [nested]
    with pytest.raises(ValueError, match="x must be nested at most 20 times"):
        plain(nested, "x")
