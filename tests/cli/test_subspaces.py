"""Subspaces of a manifold: exact, of P points, and of a network."""

import math

import losing_dimensions as subspaces
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from reports.order_of_loss import OrderOfLoss, last_rise

from bridges.study.results import Study
from diffusion import EmpiricalDenoiser, LinearManifoldDenoiser, manifold_factors

MANIFOLD = {"dimension": 20, "subspaces": [3, 3], "variances": [1.0, 0.05]}
NOISE = [0.001, 0.01, 0.1]


def point(part, P, **settings):
    return {"part": part, "patterns": P, "noise": NOISE, "draws": 24} | MANIFOLD | settings


def values(rows, quantity):
    return [row["value"] for row in rows if row["quantity"] == quantity]


def test_what_is_trained_is_measured_as_the_exact_score_is(monkeypatch):
    """A network that is the exact score of its points, and one that is that of the manifold."""
    asked = []

    def memorize(data, width, steps, seed):
        asked.append((len(data), width, steps))
        return EmpiricalDenoiser(data)

    monkeypatch.setattr(subspaces, "train", memorize)
    network = point("trained", 50, width=9, steps=7)
    empirical = subspaces.measure(point("empirical", 50), 3)
    learnt, *rows = subspaces.measure(network, 3)
    assert learnt["quantity"] == "learnt"
    assert rows == empirical
    assert asked == [(50, 9, 7)]

    F = manifold_factors(20, [3, 3], [1.0, 0.05], seed=3)
    monkeypatch.setattr(subspaces, "train", lambda *_: LinearManifoldDenoiser(F))
    rows = subspaces.measure(network, 3)
    for name, lam in (("first", 1.0), ("second", 0.05)):
        expected = [3 * lam / (lam + t) for t in NOISE]
        assert values(rows, name) == pytest.approx(expected, rel=1e-9)
    both = np.array(values(rows, "first")) + values(rows, "second")
    assert values(rows, "effective") == pytest.approx(both)
    assert values(rows, "gap") == [6, 6, 3]
    assert min(values(empirical, "effective")) < 0.01 < 6  # and its points alone keep none


def trained_study(retentions, unlearnt=()):
    """A study of which only networks at t = 0.1 were measured: {P: (first, second) by sample}."""
    sizes = sorted(retentions)
    points = [point("trained", P, noise=[0.1]) for P in sizes]
    rows = []
    for P in sizes:
        rows.append([])
        for kept in retentions[P]:
            left = [k * 3 * lam / (lam + 0.1) for k, lam in zip(kept, (1.0, 0.05), strict=True)]
            rows[-1].append(
                [{"quantity": "learnt", "value": 1.0 if P in unlearnt else 0.5}]
                + [
                    {"t": 0.1, "quantity": q, "value": v}
                    for q, v in zip(("first", "second"), left, strict=True)
                ]
            )
    parameters = {"patterns": 10, "trained": sizes} | MANIFOLD
    config = {"parameters": parameters, "samples": len(rows[0]), "seed": 0}
    return Study(config, points, rows, None, 0)


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        ({10: 0.1, 100: 0.4, 1000: 0.6}, "small variance first"),
        ({10: 0.6, 100: 0.8, 1000: 1.0}, "not seen"),  # kept throughout
        ({10: 0.2, 100: 0.8, 1000: 1.0}, "undecided"),
        ({10: 0.49, 100: 0.9, 1000: 1.0}, "large variance first"),
    ],
)
def test_the_order_of_loss_of_networks_is_what_was_measured(second, verdict):
    first = {10: 0.2, 100: 0.8, 1000: 1.0}
    spread = (-0.005, 0.0, 0.005)
    study = trained_study(
        {
            P: [(first[P] + s, second[P] - (s if verdict == "undecided" else 0)) for s in spread]
            for P in first
        }
    )
    order = OrderOfLoss(study)
    (found,) = order.networks.values()
    assert order.marks == {0.1: 0}
    assert found["lost_first"] == verdict
    # half of the retention midway between 10 and 100, in the logarithm
    assert found["large_variance"]["mean"] == pytest.approx(10**1.5, rel=1e-2)
    kept = order.retention(100, 1, "trained")
    assert kept[:, 0] == pytest.approx([0.795, 0.8, 0.805])


def test_networks_that_have_not_learnt_have_no_place_in_the_order_of_loss():
    kept = {10: (0.2, 0.1), 100: (0.8, 0.4), 1000: (1.0, 0.6)}
    by_sample = {P: [both] * 3 for P, both in kept.items()}
    order = OrderOfLoss(trained_study(by_sample, unlearnt=[10]))
    assert order.learnt == [100, 1000]
    (found,) = order.networks.values()
    assert math.isnan(found["large_variance"]["mean"])  # at P ≥ 100 more than half is kept
    assert found["small_variance"]["mean"] == pytest.approx(10**2.5, rel=1e-6)
    assert OrderOfLoss(trained_study(by_sample, unlearnt=kept)).networks == {}


def test_a_curve_that_does_not_rise_is_not_read():
    assert math.isnan(last_rise([1, 10], [-1, -0.5]))
    assert math.isnan(last_rise([1, 10], [0.5, 1]))
    assert last_rise([1, 10, 100, 1000], [-1, 1, -1, 1]) == pytest.approx(10**2.5)


@pytest.mark.slow
def test_networks_lose_dimensions_as_their_data_dwindle():
    """Three layers of 256, 5000 steps: whole at 1000 points, more than half lost at 10.

    Where the exact score of either has collapsed to nothing (t = 0.001 and 0.01).
    """
    found = {}
    for P in (10, 1000):
        rows = subspaces.measure(point("trained", P, width=256, steps=5000), 0)
        found[P] = {name: values(rows, name) for name in ("first", "second", "gap", "effective")}
        exact = subspaces.measure(point("empirical", P), 0)
        assert max(values(exact, "effective")[:2]) < (0.2 if P == 10 else 2.5)
    assert found[1000]["gap"] == pytest.approx([6, 6, 3], abs=0.1)
    expected = {"first": [3.0, 2.97, 2.73], "second": [2.94, 2.5, 1.0]}  # the distribution's
    for name, left in expected.items():
        assert found[1000][name] == pytest.approx(left, rel=0.12)  # 2.71 and 1.06 at t = 0.1
        for few, many in zip(found[10][name], found[1000][name], strict=True):
            assert few < many
    assert found[10]["effective"][2] < 0.6 * found[1000]["effective"][2]


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(1, 3), st.integers(1, 2), st.floats(0.01, 3), st.integers(0, 2**32))
def test_subspaces_keep_at_most_their_dimensions(first, second, noise, seed):
    point = {"part": "empirical", "dimension": 6, "subspaces": [first, second], "patterns": 9}
    point |= {"variances": [1.0, 0.1], "noise": [noise], "draws": 3}
    point |= {"spectrum": True}
    rows = subspaces.measure(point, seed)
    value = {r["quantity"]: r["value"] for r in rows if r["quantity"] != "spectrum"}
    assert -1e-9 <= value["first"] <= value["effective"] + 1e-9
    assert value["first"] + value["second"] == pytest.approx(value["effective"])  # none across
    assert all(r["t"] == noise and math.isfinite(r["value"]) for r in rows)
    assert sum(r["quantity"] == "spectrum" for r in rows) == min(first + second + 1, 6)
    assert rows == subspaces.measure(point, seed)
    others = [r for r in rows if r["quantity"] != "spectrum"]
    assert others == subspaces.measure(point | {"spectrum": False}, seed)
    fixed = subspaces.measure(point | {"part": "fixed", "sets": 4}, seed)
    held = [r["value"] for r in fixed if r["quantity"] == "condensation"]
    assert all(1 / 9 - 1e-9 <= one <= 1 + 1e-9 for one in held)


def test_a_network_for_subspaces_is_trained_the_same_again():
    data = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one, other = (subspaces.train(data, width=4, steps=2, seed=1)(data, 0.5) for _ in range(2))
    assert torch.equal(one, other)
    assert torch.isfinite(one).all()
