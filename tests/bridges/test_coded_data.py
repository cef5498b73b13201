"""Patterns of 0 and 1 and of colours, drawn and made of data."""

import numpy as np
import pytest
import torch

from bridges.data import CODING, Coding, as_patterns, as_rows, load_data, pattern_set
from bridges.models import Options


def drawn(kind, patterns=40, seed=5, data="random", **coding):
    return pattern_set(data, kind, patterns, 37, seed, coding=Coding(**coding))


def test_models_and_data_have_the_same_defaults():
    assert Options().coding == CODING


@pytest.mark.parametrize("data", ["random", "clustered", "clustered@clusters=3,overlap=0.6"])
@pytest.mark.parametrize("kind", ["sparse", "colours"])
def test_the_patterns_of_fewer_are_the_first_of_more(kind, data):
    many, few = (drawn(kind, P, data=data) for P in (40, 11))
    assert torch.equal(many[:11], few)
    assert not torch.equal(few, drawn(kind, 11, 6, data=data))
    if kind == "sparse":
        assert many.shape == (40, 37)
        assert (many.sum(1) == round(0.1 * 37)).all()
    else:
        assert (many.reshape(40, 37, 3).sum(2) == 1).all()
    assert ((many == 0) | (many == 1)).all()


@pytest.mark.parametrize("kind", ["sparse", "colours"])
def test_random_ones_and_colours_are_even(kind):
    found = drawn(kind, 4000, activity=0.3, colours=4).mean(0)
    share = {"sparse": 11 / 37, "colours": 1 / 4}[kind]
    width = (share * (1 - share) / 4000) ** 0.5
    assert (found - share).abs().max() < 5 * width  # of 148 entries at most


@pytest.mark.parametrize("overlap", [0.0, 0.5, 1.0])
def test_clusters_have_the_overlap_of_the_formula(overlap):
    """Two patterns of a cluster: cosine about m² + …, overlaps of colours m² in the mean."""
    data, N, q = f"clustered@clusters=1,overlap={overlap}", 400, 4
    means = []
    for seed in range(8):
        xi = pattern_set(data, "colours", 20, N, seed, coding=Coding(colours=q))
        agree = (xi @ xi.T / N)[~torch.eye(20, dtype=bool)].mean()
        means.append(float((q * agree - 1) / (q - 1)))
    error = np.std(means, ddof=1) / 8**0.5
    assert abs(np.mean(means) - overlap**2) < 4 * error + 1e-12
    eta = pattern_set(data, "sparse", 20, N, 0)
    shared = (eta @ eta.T)[~torch.eye(20, dtype=bool)].mean() / 40
    # K m of the centre are kept by both with m², and else ones agree by chance, about K/N
    assert float(shared) == pytest.approx(overlap**2 + (1 - overlap) ** 2 * 0.1, abs=0.04)


def test_ones_of_data_are_the_sites_farthest_above_the_mean():
    rows = load_data("digits").rows
    kept = rows.amin(0) != rows.amax(0)
    above = (rows - rows.mean(0))[:, kept]
    eta = as_patterns("digits", "sparse", rows[:50], Coding(activity=0.1))
    assert (eta.sum(1) == 6).all()
    for row, ones in zip(above[:50], eta, strict=True):
        assert row[ones == 1].min() >= row[ones == 0].max()


def test_colours_of_data_are_levels_and_are_shown_as_grey():
    rows = load_data("digits").rows
    hot = as_patterns("digits", "colours", rows[:9], Coding(colours=4))
    shown = as_rows("digits", "colours", hot, rows[:9])
    kept = rows.amin(0) != rows.amax(0)
    levels = np.minimum(rows[:9][:, kept].numpy() // 4, 3)  # of 0 … 16
    assert shown[:, kept].numpy() == pytest.approx(levels * 16 / 3)
    eta = as_patterns("digits", "sparse", rows[:9])
    assert torch.equal(as_rows("digits", "sparse", eta, rows[:9])[:, kept], 16 * eta)


def test_drawn_states_are_shown_as_levels():
    xi = drawn("colours")
    shown = as_rows("random", "colours", xi, torch.zeros(1, 37))
    assert shown.shape == (40, 37)
    assert sorted(shown.unique().tolist()) == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: drawn("sparse", activity=0.001), "activity must leave 1 to 36 ones of 37 sites"),
        (lambda: drawn("sparse", activity=0.999), "activity must leave 1 to 36 ones of 37 sites"),
        (lambda: drawn("sparse", activity=2), r"activity must lie in \[0, 1\]"),
        (
            lambda: pattern_set("digits", "sparse", 3, None, 0, coding=Coding(activity=0.6)),
            "activity 0.6 asks for 37 ones, and a vector of digits is above the mean of the data",
        ),
        (
            lambda: pattern_set("digits", "colours", 3, None, 0, coding=Coding(colours=18)),
            "colours must be at most the 17 different values of digits, got 18",
        ),
        (lambda: drawn("grey"), "kind must be one of"),
    ],
)
def test_what_cannot_be_drawn_is_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()
