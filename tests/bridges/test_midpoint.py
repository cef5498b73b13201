"""Midpoints, final overlaps of every cue, and how a midpoint goes as the network grows."""

import numpy as np
import pytest
import torch
from known import Threshold, hebb

from bridges import as_memory, midpoint_radius, retrieval_map, size_dependence
from bridges.memory.adapters import SpinMemory
from bridges.memory.similarity import Similarity
from diffusion import EmpiricalDenoiser
from hopfield import (
    HopfieldNetwork,
    clipped_spectrum,
    flip_spins,
    hebbian,
    max_margin,
    pseudo_inverse,
    random_patterns,
    unlearn,
)


class Still:
    """What it is cued with is what comes back, so that m_f = m₀."""

    def __init__(self, P=20, N=100, seed=0):
        self.patterns = random_patterns(P, N, seed=seed)

    def corrupt(self, patterns, overlap, generator):
        return flip_spins(patterns, overlap, generator)

    def retrieve(self, cues, overlap):
        return cues, torch.ones(len(cues), dtype=torch.bool)

    def energy(self, states):
        return None


# ── final overlaps ────────────────────────────────────────────────────────────────────────


def test_finals_are_kept_on_request_alone():
    memories = [hebb(0.3, 40, seed=k) for k in range(3)]
    asked = retrieval_map(memories, [0.5, 1.0], trials=24, seed=0, finals=True)
    plain = retrieval_map(memories, [0.5, 1.0], trials=24, seed=0)
    assert plain.finals is None
    assert asked.finals.shape == (3, 2, 24)
    assert asked.finals.mean((0, 2)) == pytest.approx(asked.overlap_out)
    assert asked.finals.mean(2) == pytest.approx(asked.overlap_by_sample)
    assert (asked.finals >= 0.95 - 1e-6).mean(2) == pytest.approx(asked.by_sample)
    assert (asked.overlap_out == plain.overlap_out).all()


def test_finals_of_one_memory_are_sorted_by_pattern():
    memory = hebb(0.3, 40, seed=0)  # 12 patterns
    found = retrieval_map(memory, [0.6], trials=36, seed=0, finals=True)
    by_pattern = found.finals.reshape(12, 3)
    assert by_pattern.mean(1) == pytest.approx(found.overlap_by_sample[:, 0])


def test_independent_flips_spread_as_their_law_says():
    """Var m = (1 − m₀²)/N over cues; exact flips have none."""
    memory = Still(N=100)
    exact, independent = (
        retrieval_map(memory, [0.6], trials=4000, seed=0, flips=flips, finals=True).finals
        for flips in ("exact", "independent")
    )
    assert (np.abs(exact - 0.6) < 1e-12).all()
    assert independent.mean() == pytest.approx(0.6, abs=4 * 0.08 / 4000**0.5)
    assert independent.var() == pytest.approx(0.64 / 100, rel=0.09)  # 4 s.e., √(2/4000)


def test_independent_flips_leave_constant_sites():
    xi = random_patterns(30, 60, seed=0)
    xi[:, :10] = 1.0
    network = HopfieldNetwork(torch.zeros(60, 60))  # no field: every state stays
    varying = torch.arange(60) >= 10
    memory = SpinMemory(network, xi, "asynchronous", 9, Similarity(varying=varying))
    found = retrieval_map(memory, [0.2], trials=3000, flips="independent", seed=0)
    assert found.overlap_out[0] == pytest.approx(0.2, abs=0.015)  # 4 s.e. of 50 sites
    assert "independent flips" in repr(found)


def test_flips_are_refused_where_there_are_no_spins():
    real = as_memory(EmpiricalDenoiser(torch.randn(9, 4).double()))
    with pytest.raises(ValueError, match=r"patterns must have .*±1"):
        retrieval_map(real, [0.5], trials=2, flips="independent")
    with pytest.raises(ValueError, match="flips must be one of 'exact', 'independent', got 'no'"):
        midpoint_radius(Still(), flips="no")
    with pytest.raises(ValueError, match="finals must be True or False"):
        retrieval_map(Still(), [0.5], finals=1)


# ── midpoints ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("flips", ["exact", "independent"])
def test_a_memory_that_stays_has_its_midpoint_at_one_half(flips):
    memories = [Still(seed=k) for k in range(4)]
    found = midpoint_radius(memories, trials=400, flips=flips, seed=0)
    assert found.flips == found.curve.flips == flips
    # The flips are whole numbers, or 4 s.e. of 1600 cues.
    assert found.overlap == pytest.approx(0.5, abs=1e-9 if flips == "exact" else 0.009)
    assert (np.diff(found.curve.overlap_in[(found.curve.overlap_in > 0.41)][:9]) < 0.021).all()


def test_a_midpoint_is_where_the_mean_overlap_jumps():
    found = midpoint_radius(Threshold(0.61), trials=20, seed=0)  # from −1 to 1
    assert 0.6 < found.overlap < 0.62
    assert midpoint_radius(Threshold(1.5), trials=5, seed=0).overlap == np.inf
    assert midpoint_radius(Threshold(0.0), trials=5, seed=0).overlap == 0


RULES = {
    "pseudo-inverse": (40, lambda xi, seed: pseudo_inverse(xi), 0.513, 0.012),
    "margin": (40, lambda xi, seed: max_margin(xi), 0.491, 0.012),
    "unlearning": (40, lambda xi, seed: unlearn(hebbian(xi), 3500, seed=seed), 0.505, 0.012),
    "clipped": (30, lambda xi, seed: clipped_spectrum(xi, 0.7), 0.377, 0.03),
}


def midpoint(name, flips="independent", samples=8):
    """Midpoint of a rule at N = 100 over several pattern sets."""
    P, rule, *_ = RULES[name]
    memories = []
    for seed in range(samples):
        xi = random_patterns(P, 100, seed=seed)
        memories.append(as_memory(HopfieldNetwork(rule(xi, seed)), xi))
    return midpoint_radius(memories, trials=200, flips=flips, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_midpoints_of_rules(name):
    found = midpoint(name)
    assert found.overlap == pytest.approx(RULES[name][2], abs=RULES[name][3])
    if name == "clipped":
        xi = [random_patterns(30, 100, seed=seed) for seed in range(8)]
        plain = midpoint_radius(
            [as_memory(HopfieldNetwork(pseudo_inverse(one)), one) for one in xi],
            *(200, "fixed-point", "independent", 0),
        )
        assert found.overlap < plain.overlap - 0.02


@pytest.mark.slow
def test_exact_flips_have_the_larger_midpoint():
    exact, independent = (midpoint("pseudo-inverse", flips) for flips in ("exact", "independent"))
    paired = exact.overlap - independent.overlap
    assert paired == pytest.approx(0.0155, abs=0.012)  # 4 s.e. of 0.003, on the same samples
    assert paired > 0


# ── as the network grows ──────────────────────────────────────────────────────────────────

N = np.array([100, 200, 400, 800])


def test_a_line_in_one_over_n_is_told_from_one_in_its_root():
    sems = np.full(4, 2e-4)
    for exponent in (1.0, 0.5):
        found = size_dependence(N, 0.45 - 0.8 * N**-exponent, sems)
        right, wrong = (found.inverse, found.root)[:: 1 if exponent == 1 else -1]
        assert right.limit == pytest.approx(0.45, abs=1e-9)
        assert right.misfit == pytest.approx(0, abs=1e-9)
        assert wrong.misfit > 1
        assert not found.decided
        assert "limit not decided" in repr(found)
        assert "sizes span a factor 8" in repr(found)


def test_what_does_not_depend_on_the_size_has_a_limit():
    found = size_dependence(N, [0.41, 0.4105, 0.4095, 0.41], np.full(4, 1e-3))
    assert found.decided
    assert "limits agree" in repr(found)
    noisy = size_dependence(N, [0.41, 0.45, 0.38, 0.41], np.full(4, 1e-3))
    assert not noisy.decided  # no law holds
    assert not size_dependence(N[:2], [0.41, 0.41], [1e-3, 1e-3]).decided  # any law would
    assert not size_dependence(N, [0.41, np.nan, 0.41, 0.41], np.full(4, 1e-3)).decided


def test_size_dependence_names_what_is_wrong():
    for args, message in (
        (([100], [1.0], [0.1]), "sizes must be at least two whole numbers"),
        (([200, 100], [1.0, 1.0], [0.1, 0.1]), "sizes must increase"),
        (([100, 200], [1.0], [0.1]), r"values and sems must have shape \(2,\)"),
        (([100, 200], [1.0, 1.0], [0.1, -0.1]), "sems must be at least 0, got -0.1"),
    ):
        with pytest.raises(ValueError, match=message):
            size_dependence(*args)
