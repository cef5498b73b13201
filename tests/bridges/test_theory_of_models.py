"""What the command says of its models by theory, against closed forms and simulation."""

import math

import numpy as np
import pytest
import torch

from bridges.models import MODELS, Options
from bridges.models.theory import THEORIES
from hopfield import CovarianceMemory, SequenceMemory, overlap, random_patterns, sparse_patterns
from hopfield.theory import (
    crosstalk_overlap,
    sequence_overlap,
    sparse_cosine,
    sparse_overlap,
    willshaw_capacity,
    willshaw_errors,
)

N = 10**6


def capacity(name, threshold=0.5, m=1.0, size=N, **options):
    return THEORIES[name].capacity(size, m, threshold, Options(**options))


@pytest.mark.parametrize(
    ("name", "load", "options"),
    [
        ("hebb", 0.137906, {}),
        ("clipped", 0.101839, {}),
        ("diluted", 0.086542, {"keep": 0.5}),
        ("bam", 0.199802 / 2, {}),  # α counts the spins of a layer
        ("thermal", 0.103330, {"temperature": 0.3}),
        ("thermal", 0.137906, {"temperature": 0.0}),
        ("covariance", 0.48416, {"activity": 0.1}),
        ("potts", 3 * 0.137906, {"colours": 3}),
        ("pseudo-inverse", 1.0, {}),
        ("max-margin", 2.0, {}),
    ],
)
def test_capacities_are_those_of_the_literature(name, load, options):
    assert capacity(name, **options) / N == pytest.approx(load, rel=2e-5)


def test_a_threshold_above_the_edge_lowers_the_capacity():
    """m = 0.967 at Hebb's edge; a diluted sequence fades without a jump."""
    assert capacity("hebb", 0.96) == capacity("hebb", 0.5)
    P = capacity("hebb", 0.98)
    assert crosstalk_overlap(P / N) == pytest.approx(0.98, abs=1e-5)
    P = capacity("sequence", 0.95)
    assert crosstalk_overlap(P / N, "sequence") == pytest.approx(0.95, abs=1e-4)


def test_willshaw_loses_a_pattern_with_one_false_one():
    """cos = √(K/(K + 1)) at one false one per cue."""
    threshold = math.sqrt(10 / 11)
    found = capacity("willshaw", threshold, size=1000, activity=0.01)
    assert abs(found - willshaw_capacity(1000, 10)) <= 1
    assert willshaw_errors(int(found), 1000, 10) == pytest.approx(1, abs=1e-3)


def test_known_spins_raise_the_capacity_to_no_end():
    assert capacity("clamped", 0.9, 0.1) / N == pytest.approx(0.14620, abs=1e-5)
    assert capacity("clamped", 0.5, 0.6) == math.inf  # above the threshold by themselves


@pytest.mark.parametrize("load", [0.05, 0.1, 0.2, 0.25])
def test_a_long_sequence_has_the_stationary_overlap(load):
    assert sequence_overlap(load, 1.0, 200) == pytest.approx(
        crosstalk_overlap(load, "sequence"), abs=1e-8
    )


def test_a_sequence_is_followed_step_by_step():
    """From cues at 0.4, at a load of which the steps differ; the error is that of 6 samples."""
    size, load = 2000, 0.15
    for steps in (1, 2, 3, 6):
        found = []
        for seed in range(6):
            memory = SequenceMemory(random_patterns(int(load * size), size, seed=seed), steps)
            rows = memory.patterns[:40]
            cues = memory.corrupt(rows, 0.4, torch.Generator().manual_seed(seed))
            found.append(float(overlap(memory.relax(cues).states, memory.targets[:40]).mean()))
        error = np.std(found, ddof=1) / 6**0.5
        assert abs(np.mean(found) - sequence_overlap(load, 0.4, steps)) < 4 * error + 0.004


def test_the_least_overlap_of_a_sequence_is_where_theory_fails():
    theory, options = THEORIES["sequence"], Options(steps=50)
    P = int(0.2 * N)
    edge = theory.least_overlap(P, N, 0.9, options)
    assert 0.2 < edge < 0.6
    assert (
        theory.cosine(P, N, edge + 0.01, options) > 0.9 > theory.cosine(P, N, edge - 0.01, options)
    )
    assert theory.least_overlap(N, N, 0.9, options) == math.inf
    assert math.isnan(THEORIES["hebb"].least_overlap(P, N, 0.9, options))


def test_the_cosine_of_sparse_patterns():
    """At a = ½ it is (1 + m)/2; else against networks of 1500 units."""
    loads = [0.02, 0.1, 0.13]
    found = sparse_cosine(loads, 0.5)
    assert found == pytest.approx((1 + crosstalk_overlap(loads)) / 2, abs=1e-9)
    assert sparse_cosine(0.2, 0.5) == 0  # above the capacity
    for a in (0.1, 0.9):
        measured, overlaps = [], []
        for seed in range(4):
            eta = sparse_patterns(450, 1500, round(a * 1500), seed=seed)
            memory = CovarianceMemory(eta, 0.55 if a < 0.5 else -0.55, a)
            ends = memory.relax(eta[:60], seed=seed).states
            measured.append(float(torch.cosine_similarity(ends, eta[:60]).mean()))
            overlaps.append(float(memory.overlap(ends, eta[:60]).mean()))
        for found, law in ((measured, sparse_cosine), (overlaps, sparse_overlap)):
            error = np.std(found, ddof=1) / 4**0.5
            wanted = law(0.3, a, 0.55 if a < 0.5 else -0.55)
            assert abs(np.mean(found) - wanted) < 4 * error + 0.003


def test_every_theory_is_of_a_model():
    assert set(THEORIES) <= set(MODELS)
