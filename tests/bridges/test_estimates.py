"""Numbers known by samples, and how they are written."""

import numpy as np
import pytest

from bridges.estimates import (
    estimate,
    mean_and_sem,
    mean_of,
    short_table,
    with_error,
    with_interval,
)

nan, inf = float("nan"), float("inf")


def test_means_and_errors_are_those_of_numpy():
    by_sample = np.random.default_rng(0).normal(size=(7, 3))
    mean, sem = mean_and_sem(by_sample)
    assert mean == pytest.approx(by_sample.mean(0))
    assert sem == pytest.approx(by_sample.std(0, ddof=1) / 7**0.5)
    assert mean_of(by_sample[:, 0]) == pytest.approx((mean[0], sem[0]))
    assert estimate(by_sample[:, 1]) == {"mean": mean[1], "sem": sem[1], "n": 7}


def test_samples_without_a_number_are_left_out():
    mean, sem = mean_and_sem(np.array([[nan, 1.0, inf], [nan, nan, 2.0]]))
    assert (mean[1], mean[2]) == (1.0, inf)
    assert np.isnan(mean[0])
    assert np.isnan(sem).all()
    assert estimate(np.array([nan, 3.0]))["n"] == 1


@pytest.mark.parametrize(
    ("value", "sem", "text"),
    [
        (0.18349, 0.0041, "0.183 ± 0.004"),
        (1234.5, 67.0, "1234 ± 67"),
        (0.5, 0.0, "0.5"),
        (1 / 3, nan, "0.333"),
        (inf, 0.1, "inf"),
        (nan, nan, "nan"),
        (0.25, inf, "0.25"),
    ],
)
def test_a_number_has_the_digits_that_its_error_deserves(value, sem, text):
    assert with_error(value, sem) == text


def test_an_interval_has_the_digits_of_its_width():
    assert with_interval(0.5, (0.4, 0.6)) == "0.50, 95 % 0.40 … 0.60"
    assert with_interval(0.5, (0.5, 0.5)) == "0.5, 95 % 0.5 … 0.5"
    assert with_interval(0.5, (0.4, inf)) == "0.5, 95 % 0.4 … inf"
    assert with_interval(2 / 3, (nan, nan)) == "0.667"


def test_a_table_is_short_whatever_the_curves():
    x = np.linspace(0, 1, 101)
    lines = short_table("Curve", {"x": (x, None), "y": (x**2, np.full(101, 0.01))}).splitlines()
    assert lines[1].split() == ["x", "0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert lines[2].endswith("1.00 ± 0.01")
    assert short_table("None", {"x": (x[:0], None)}).splitlines() == ["None", "  x"]
