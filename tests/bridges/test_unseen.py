"""Retrieval of data a memory has not seen: exact memories against exact models of the kind."""

import json

import numpy as np
import pytest
import torch
from known import Threshold, normal, sphere

from bridges import as_memory, held_out_gap, retrieval_map
from bridges.equivalence import overlap_of_noise
from bridges.memorization.unseen import GAPS, judged
from bridges.memory import NearestPattern
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser
from hopfield import HopfieldNetwork, pseudo_inverse, random_patterns

KIND = GaussianMixtureDenoiser(torch.zeros(1, 20, dtype=torch.float64), 1.0)
SIGMAS = (0.5, 1.0, 2.0)
OVERLAPS = [overlap_of_noise(sigma) for sigma in SIGMAS]


def test_cueing_the_stored_patterns_by_name_changes_nothing():
    memory = as_memory(EmpiricalDenoiser(sphere(10, 30, 0)), dynamics="flow")
    one, other = (
        retrieval_map(memory, [0.4, 0.8], trials=20, patterns=patterns, seed=3)
        for patterns in (None, memory.patterns)
    )
    assert (one.by_sample == other.by_sample).all()
    assert (one.overlap_out == other.overlap_out).all()


def test_other_patterns_are_cued_instead_and_not_found():
    stored, unseen = sphere(20, 40, 0), sphere(7, 40, 1)
    found = retrieval_map(NearestPattern(stored), [0.9], trials=70, patterns=unseen, seed=0)
    assert found.by_sample.shape == (7, 1)
    assert found.success[0] == 0
    # the nearest of 20 directions is at a cosine of about √(2 log 20/40)
    assert 0.2 < found.overlap_out[0] < 0.6
    assert retrieval_map(Threshold(0.5), [0.6], patterns=-Threshold(0.5).patterns).success[0] == 1
    with pytest.raises(ValueError, match=r"patterns must have shape \(rows, 40\), got \(3, 4\)"):
        retrieval_map(NearestPattern(stored), [0.9], patterns=torch.ones(3, 4))


def gap(memory, seed=0, trials=100):
    bayes = as_memory(KIND, memory.patterns, "flow")
    held_out = normal(150, 20, seed=999 + seed)
    return held_out_gap(memory, held_out, OVERLAPS, trials, bayes=bayes, seed=seed)


def test_the_data_of_an_exact_memory_come_home_and_no_others():
    memory = as_memory(EmpiricalDenoiser(normal(100, 20, seed=0)), dynamics="flow", centre=0)
    found = gap(memory)
    assert found.verdict == "a memory of these"
    assert found.success["data"][0] > 0.95
    assert found.success["held-out"].max() == 0
    ceiling = found.success["nearest data"]
    assert np.abs(found.success["data"] - ceiling).max() < 0.1  # no memory is above: same cues
    assert found.gap == pytest.approx(found.success["data"].mean(), abs=0.01)
    assert abs(found.gap - found.ceiling) < 4 * np.hypot(found.sem, found.ceiling_sem)
    assert found.blind == 0


def test_a_model_of_the_kind_treats_both_alike():
    found = gap(as_memory(KIND, normal(100, 20, seed=0), "flow", centre=0))
    assert found.verdict == "a model of their kind"
    assert abs(found.gap) < 4 * found.sem
    assert abs(found.error_gap) < 4 * found.error_gap_sem
    for who in ("data", "held-out", "Bayes held-out"):
        # N(0, 1): σ²/(1 + σ²); 4 s.e., and the blind guess is measured on 100 points
        exact = np.square(SIGMAS) / (1 + np.square(SIGMAS))
        assert (np.abs(found.error[who] - exact) < 4 * found.error_sem[who] + 0.1 * exact).all()


def test_errors_of_an_exact_memory_are_those_known():
    """d = 20, σ = 1, P = 100: 0.106(6) on data, 0.868(9) on others, means of 6 sets."""
    data, unseen, gaps = [], [], []
    for seed in range(6):
        memory = as_memory(EmpiricalDenoiser(normal(100, 20, seed=seed)), centre=0)
        found = held_out_gap(memory, normal(200, 20, seed=50 + seed), [0.5**0.5], 200, seed=seed)
        data.append(found.error["data"][0])
        unseen.append(found.error["held-out"][0])
        gaps.append(found.error_gap)
    known_gap = (gaps, 0.868 - 0.106, np.hypot(0.006, 0.009))
    for values, known, error in ((data, 0.106, 0.006), (unseen, 0.868, 0.009), known_gap):
        sem = np.std(values, ddof=1) / 6**0.5
        assert abs(np.mean(values) - known) < 4 * np.hypot(sem, error)


def test_each_curve_is_of_its_own_model_and_set():
    """Cosines of one denoising are about (1 + σ²)^−½ of the kind, and 1 and 0.3 of a memory."""
    data, unseen, overlaps = normal(60, 20, seed=0), normal(60, 20, seed=1), [overlap_of_noise(0.5)]
    memory = as_memory(EmpiricalDenoiser(data), dynamics="flow", centre=0)
    kind = as_memory(KIND, data, "flow", centre=0)
    options = {"trials": 60, "threshold": 0.88, "bayes": memory, "seed": 0}
    found = held_out_gap(kind, unseen, overlaps, **options)
    assert found.success["Bayes held-out"][0] == 0  # of the data, in its place, and so none
    assert found.success["held-out"][0] > 0.3
    assert (found.success["nearest data"][0], found.success["nearest held-out"][0]) == (1, 0)
    assert found.ceiling == 1
    both = [found.success_sem[who][0] for who in ("data", "held-out")]
    assert found.sem == pytest.approx(np.hypot(*both), rel=0.05)
    # cues that are hard for all are no error of the gap
    plain = np.hypot(*(found.error_sem[who][0] for who in ("data", "held-out")))
    assert 0 < found.error_gap_sem < 0.3 * plain


def test_a_shift_of_all_data_changes_no_error():
    data, unseen, found = normal(80, 20, seed=0), normal(80, 20, seed=1), []
    for shift in (0.0, 9.0):
        centre = torch.full((20,), shift, dtype=torch.float64)
        kind = GaussianMixtureDenoiser(centre[None], 1.0)
        memory = as_memory(kind, data + shift, "flow", centre=centre)
        found.append(held_out_gap(memory, unseen + shift, OVERLAPS, 60, seed=0))
    one, other = found
    for who in ("data", "held-out"):
        assert other.error[who] == pytest.approx(one.error[who], rel=1e-6)
    assert other.error_gap == pytest.approx(one.error_gap, abs=1e-6)


def test_the_error_of_the_gap_is_honest():
    """Gaps of a model of the kind scatter as their errors say, about none."""
    found = [
        gap(as_memory(KIND, normal(60, 20, seed=seed), "flow", centre=0), seed, trials=60)
        for seed in range(1, 13)
    ]
    for name, sem in (("gap", "sem"), ("error_gap", "error_gap_sem")):
        values = np.array([getattr(one, name) for one in found])
        errors = np.array([getattr(one, sem) for one in found])
        assert abs(values.mean()) < 4 * np.sqrt((errors**2).mean() / 12)
        assert values.std(ddof=1) < 2 * np.sqrt((errors**2).mean())  # χ, 11 degrees of freedom


def test_spins_have_a_gap_without_a_denoiser():
    patterns, unseen = random_patterns(20, 100, seed=0), random_patterns(30, 100, seed=1)
    memory = as_memory(HopfieldNetwork(pseudo_inverse(patterns)), patterns)
    found = held_out_gap(memory, unseen, [0.5, 0.9], 60, seed=0)
    assert found.verdict == "a memory of these"
    assert not found.error
    assert np.isnan(found.error_gap)
    assert found.success["nearest data"].min() == 1
    json.dumps(found.to_dict(), allow_nan=False)
    assert "a memory of these" in repr(found)


def test_a_verdict_needs_what_it_rests_on():
    assert judged(0.3, 0.2) == GAPS[1]
    assert judged(0.03, 0.015) == judged(0.0, 0.0, 0.04, 0.01) == GAPS[1]  # up to 0.06
    assert judged(0.03, 0.005) == judged(0.0, 0.0, 0.04, 0.004) == GAPS[0]
    assert (judged(0.1, 0.02), judged(0.1, 0.03)) == (GAPS[2], GAPS[1])
    assert judged(0.0, 0.01, 0.2, 0.01) == GAPS[1]  # overfitted, and yet no datum comes home
    with pytest.raises(ValueError, match="held_out must hold at least 2 points, got 1"):
        held_out_gap(NearestPattern(sphere(4, 9, 0)), sphere(1, 9, 1))


def test_a_memory_of_bayes_is_one_of_the_same_size():
    data, other = normal(4, 3, seed=0), normal(4, 2, seed=1)
    memories = [as_memory(EmpiricalDenoiser(one), dynamics="flow") for one in (data, other)]
    with pytest.raises(ValueError, match="bayes must be a memory of patterns of 3 entries, got 2"):
        held_out_gap(memories[0], data, bayes=memories[1])
