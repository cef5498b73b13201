"""The graph of memories and U-turns, as a user measures them: a verb and two studies."""

import re

import numpy as np
import pytest
from terminal import measured, rows, run, summary

from hopfield.theory import argmax_retrieval

VERB = "--data random --size 16 --patterns 8 --draws 8 --samples 2 --jobs 1"


def test_clusters_merge_before_they_are_lost_and_digits_too():
    words = "--patterns 60 --sigmas 0.2,0.8,1.5,5 --draws 30 --samples 2 --jobs 1 --out run"
    text = run("attractor_graph", words)

    def found(data, sigma, quantity):
        return measured(data=data, sigma=sigma, quantity=quantity)[0]

    assert found("clusters", 0.2, "communities") == 30
    assert found("clusters", 0.8, "agreement") == 1
    assert found("digits", 0.2, "effective_number") == pytest.approx(60, abs=1e-3)
    assert found("digits", 5, "effective_number") < 10
    best = summary()["best"]
    assert best["sigma"] in (0.8, 1.5)
    # Chance is 0 and perfection 1; k-means on so few digits reaches about .5.
    assert best["agreement"]["mean"] > 0.3
    assert best["return_probability"]["mean"] > 0.8
    shown = re.search(r"k-means on the same digits: ARI ([0-9.]+)\(", text)[1]
    assert float(shown) == pytest.approx(measured(quantity="k-means")[0], abs=0.006)


def test_uturns_follow_their_laws():
    words = "--loads 55 --sigmas 0.75,1.5,3 --trials 110 --samples 6 --steps 20 --jobs 1 --out run"
    run("uturn", words)
    found = summary()["by_load"]["55"]

    def returned(dynamics, sigma):
        return measured(patterns=55, sigma=sigma, dynamics=dynamics, quantity="return")

    assert found["collapse_time"] == pytest.approx(0.554, abs=5e-4)
    for sigma in (0.75, 1.5, 3):
        law = float(argmax_retrieval(55, 20, sigma))
        assert found["nearest_law"][f"{sigma:g}"] == law
        nearest, flow, sde, posterior = (
            returned(name, sigma) for name in ("nearest", "flow", "sde", "posterior")
        )
        assert abs(nearest[0] - law) < 4 * nearest[1] + 1e-3
        # Same cues: the flow decodes nearly as the nearest pattern does.
        assert abs(flow[0] - nearest[0]) < 0.03
        assert abs(sde[0] - posterior[0]) < 4 * np.hypot(sde[1], posterior[1]) + 1e-3
    (flow, flow_error), (sde, sde_error) = (returned(name, 1.5) for name in ("flow", "sde"))
    assert flow - sde > 4 * np.hypot(flow_error, sde_error)
    assert returned("fixed-noise", 3)[0] == 0  # the landscape has lost them
    assert returned("flow", 3)[0] > 0.1
    halves = found["half_time"]
    assert found["collapse_time"] < halves["sde"] < halves["flow"]


def test_the_verb_measures_any_model_and_compares_classes():
    text = run("bridges graph", VERB, "--sigmas 0.3,1,3 --out run")
    assert "exact reverse SDE" in text
    assert "ARI" not in text  # random patterns have no classes
    levels = sorted(rows(quantity="return_probability"), key=lambda row: -float(row["overlap"]))
    returned = [float(row["value"]) for row in levels]
    assert returned == sorted(returned, reverse=True)
    assert returned[0] > 0.99
    words = "--data digits --size 64 --patterns 20 --sigmas 1 --draws 20 --out digits"
    run("bridges graph", VERB, words)
    assert 0 <= measured("digits", quantity="agreement")[0] <= 1


def test_the_verb_finds_the_sde_to_be_the_exact_one_and_the_flow_to_return_more():
    words = f"{VERB} --patterns 40 --size 12 --draws 20 --samples 4 --overlaps 0.6"
    run("bridges graph", words, "--model sde,flow,hebb --out counted --quiet")
    run("bridges graph", words, "--out exact --quiet")
    value, sem = measured("exact", quantity="return_probability")
    sde, flow = (
        measured("counted", model=name, quantity="return_probability") for name in ("sde", "flow")
    )
    assert abs(sde[0] - value) < 4 * np.hypot(sem, sde[1])
    assert flow[0] - value > 4 * np.hypot(sem, flow[1])
    lost = measured("counted", model="hebb", quantity="lost")[0]
    assert lost > 0.5  # 40 patterns on 12 spins


def test_overlaps_and_noise_are_one_axis():
    run("bridges graph", VERB, "--sigmas 0.75 --out s --quiet")
    run("bridges graph", VERB, "--overlaps 0.8 --out m --quiet")
    assert rows("s") == rows("m")
