"""Patterns, rules and memories of `hopfield`: what holds for any input that they allow."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from drawn import close, few, points, precisions, seeds, shuffled, signs, spins
from hypothesis import assume, given, strategies as st
from scipy.optimize import linprog

from hopfield import (
    HopfieldNetwork,
    LowRankCouplings,
    NotSeparableError,
    Relaxation,
    binarize,
    clustered_patterns,
    dreaming_kernel,
    flip_spins,
    hebbian,
    max_margin,
    overlap,
    paramagnetic_unlearning,
    pseudo_inverse,
    random_patterns,
    stabilities,
    storkey,
)

RULES = {
    "hebbian": hebbian,
    "pseudo_inverse": pseudo_inverse,
    "storkey": storkey,
    "dreaming_kernel": lambda xi: dreaming_kernel(xi, 2.0),
    "late dreaming_kernel": lambda xi: dreaming_kernel(xi, 1e9),
}
overlaps = st.floats(-1, 1)


# ------------------------------------------------------------------ patterns


@few
@given(st.integers(1, 9), st.integers(1, 9), seeds, precisions)
def test_random_patterns_are_spins_of_their_seed(P, N, seed, dtype):
    xi = random_patterns(P, N, seed, dtype=dtype)
    assert xi.shape == (P, N)
    assert xi.dtype == dtype
    assert (xi.abs() == 1).all()
    assert torch.equal(xi, random_patterns(P, N, seed, dtype=dtype))


@few
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.floats(0, 1), seeds)
def test_clustered_patterns_are_copies_at_overlap_one(clusters, members, N, m, seed):
    xi = clustered_patterns(clusters, members, N, m, seed)
    assert xi.shape == (clusters * members, N)
    assert (xi.abs() == 1).all()
    assert torch.equal(xi, clustered_patterns(clusters, members, N, m, seed))
    alike = clustered_patterns(clusters, members, N, 1.0, seed).view(clusters, members, N)
    assert (alike == alike[:, :1]).all()


@few
@given(points(), st.sampled_from([0.25, 2.0, 1024.0]))
def test_binarize_sees_no_scale_and_keeps_spins(data, factor):
    xi = binarize(data)
    assert xi.dtype == data.dtype
    assert (xi.abs() == 1).all()
    assert torch.equal(binarize(factor * data), xi)  # a power of two: exact
    assert torch.equal(binarize(xi, 0.0), xi)
    cut = data.double().mean(0).to(data)
    assert torch.equal(
        binarize(data, cut), -binarize(-data, -cut) * torch.where(data == cut, -1, 1)
    )


@few
@given(spins(sites=(1, 60)), overlaps, seeds)
def test_flips_are_counted_exactly(xi, m, seed):
    kept = xi.clone()
    flipped = flip_spins(xi, m, seed)
    assert torch.equal(xi, kept)
    assert (flipped.abs() == 1).all()
    assert flipped.dtype == xi.dtype
    assert ((flipped != xi).sum(1) == round((1 - m) * xi.shape[1] / 2)).all()
    assert torch.equal(flipped, flip_spins(xi, m, seed))
    assert torch.equal(flip_spins(xi, -1, seed), -xi)
    assert flip_spins(xi[:0], m, seed).shape == (0, xi.shape[1])


@few
@given(spins(), seeds)
def test_overlap_is_bounded_symmetric_and_blind_to_gauge(xi, seed):
    other, gauge = xi.flip(0), signs(xi.shape[1], seed).to(xi)
    m = overlap(xi[:, None], other)
    assert m.shape == (len(xi), len(xi))
    assert m.dtype == xi.dtype
    assert (m.abs() <= 1).all()
    assert torch.equal(m, overlap(other, xi[:, None]))
    assert torch.equal(m, overlap(xi[:, None] * gauge, other * gauge))
    assert torch.equal(torch.stack([overlap(row, other) for row in xi]), m)


# --------------------------------------------------------------------- rules


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@few
@given(spins(sites=(1, 12)), seeds)
def test_rules_follow_gauge_and_order_of_the_sites(rule, xi, seed):
    J, N = rule(xi), xi.shape[1]
    assert J.dtype == xi.dtype
    assert (J.diagonal() == 0).all()
    assert torch.isfinite(J).all()
    assert close(J, J.T, xi.dtype)
    gauge, order = signs(N, seed).to(xi), shuffled(N, seed)
    assert close(rule(xi * gauge), gauge[:, None] * J * gauge, xi.dtype)
    assert close(rule(xi[:, order]), J[order][:, order], xi.dtype)
    assert close(rule(signs(len(xi), seed).to(xi)[:, None] * xi), J, xi.dtype)


@pytest.mark.parametrize("name", [name for name in RULES if name != "storkey"])
@few
@given(spins(), seeds)
def test_the_order_of_the_patterns_does_not_matter(name, xi, seed):
    assert close(RULES[name](xi[shuffled(len(xi), seed)]), RULES[name](xi), xi.dtype)


@few
@given(spins())
def test_pseudo_inverse_projects(xi):
    """J ξ = (1 − 𝒫_ii) ξ, the same for all patterns; duplicates change nothing."""
    J = pseudo_inverse(xi)
    gain = xi * (xi @ J.T)
    assert close(gain, gain[:1].expand_as(gain), xi.dtype)
    assert bool((gain > -1e-5).all() and (gain < 1 + 1e-5).all())
    assert close(pseudo_inverse(torch.cat([xi, xi])), J, xi.dtype)


@few
@given(spins())
def test_dreaming_runs_from_hebb_to_the_pseudo_inverse(xi):
    twice, end = torch.cat([xi, xi]), pseudo_inverse(xi)
    assert torch.equal(dreaming_kernel(xi, 0.0), hebbian(xi))
    assert close(dreaming_kernel(twice, math.inf), end, xi.dtype)
    times = (1.0, 10.0, 1e3, 1e6, 1e17, 1e300)
    away = [float((dreaming_kernel(twice, t) - end).norm()) for t in times]
    assert all(later <= now + 1e-4 for now, later in pairwise(away))
    assert away[-1] < 1e-4


def separable(xi):
    """Test by linear programming whether every site has couplings with a margin."""
    rows = xi.double().numpy()
    for i in range(rows.shape[1]):
        others = np.delete(rows, i, 1) * rows[:, [i]]
        found = linprog(
            np.zeros(others.shape[1]), -others, -np.ones(len(rows)), bounds=(None, None)
        )
        if not found.success:
            return False
    return True


@few
@given(spins(rows=(1, 4), sites=(4, 9)))
def test_max_margin_is_no_less_than_any_other(xi):
    try:
        J = max_margin(xi)
    except NotSeparableError:
        assert not separable(xi)
        return
    assert separable(xi)
    assert J.dtype == xi.dtype
    assert close(J.norm(dim=1), torch.ones(len(J)), xi.dtype)
    own = stabilities(J, xi).amin(0)
    assert bool((own >= stabilities(pseudo_inverse(xi), xi).amin(0) - 1e-4).all())
    assert close(stabilities(max_margin(torch.cat([xi, xi])), xi).amin(0), own, torch.float32)


@few
@given(spins(), st.floats(1e-6, 1.0), st.floats(0.01, 0.99), seeds)
def test_paramagnetic_unlearning_is_linear_in_its_rate(xi, rate, share, seed):
    xi = xi.double()
    J, gauge = hebbian(xi), signs(xi.shape[1], seed)
    top = float(torch.linalg.eigvalsh(J)[-1])
    assume(top > 1e-3)
    beta = share / top
    once, twice = (paramagnetic_unlearning(J, k * rate, beta) for k in (1, 2))
    assert close(twice - J, 2 * (once - J))
    turned = paramagnetic_unlearning(gauge[:, None] * J * gauge, rate, beta)
    assert close(turned, gauge[:, None] * once * gauge)
    assert paramagnetic_unlearning(J.float(), rate, beta).dtype == torch.float32
    with pytest.raises(ValueError, match="beta must lie below"):
        paramagnetic_unlearning(J, rate, 1.001 / top)


# ------------------------------------------------------------------ networks


@few
@given(spins(), st.sampled_from([1e-200, 1e-30, 1e-6, 1e6, 1e30, 1e200]), seeds)
def test_stabilities_do_not_depend_on_the_scale(xi, factor, seed):
    xi = xi.double()
    J, gauge = storkey(xi), signs(xi.shape[1], seed)
    delta = stabilities(J, xi)
    assert bool((delta.abs() <= xi.shape[1] ** 0.5 + 1e-9).all())  # Cauchy and Schwarz
    assert close(stabilities(factor * J, xi), delta)
    assert close(stabilities(gauge[:, None] * J * gauge, xi * gauge), delta)
    assert torch.equal(HopfieldNetwork(J).stabilities(xi), delta)


@few
@given(spins(sites=(1, 12)), seeds, precisions)
def test_relaxation_never_climbs_and_ends_at_fixed_points(xi, seed, dtype):
    network, start = HopfieldNetwork(hebbian(xi).to(dtype)), xi[shuffled(len(xi), seed)]
    start = flip_spins(start, 0.2, seed)
    kept = start.clone()
    end = network.relax(start, seed=seed)
    assert isinstance(end, Relaxation)
    assert set(end.to_dict()) == {"states", "converged", "sweeps", "cycles"}
    assert torch.equal(start, kept)
    assert end.states.dtype == start.dtype
    assert end.converged.all()
    assert bool((network.energy(end.states) <= network.energy(start) + 1e-5).all())
    assert torch.equal(network.step(end.states), end.states)
    assert torch.equal(network.relax(start, seed=seed).states, end.states)
    assert close(network.energy(-start), network.energy(start), dtype)
    assert torch.equal(network.fields(-start), -network.fields(start))
    assert network.fields(start).dtype == dtype


@few
@given(spins(), seeds)
def test_synchronous_steps_end_in_cycles_of_two(xi, seed):
    """A batch equals its rows, in any gauge; what is not fixed alternates between two states."""
    J, gauge = hebbian(xi), signs(xi.shape[1], seed).to(xi)
    start = flip_spins(xi, 0.0, seed)
    end = HopfieldNetwork(J).relax(start, "synchronous")
    assert (end.converged ^ end.cycles).all()
    rows = [HopfieldNetwork(J).relax(row[None], "synchronous").states[0] for row in start]
    assert torch.equal(torch.stack(rows), end.states)
    turned = HopfieldNetwork(gauge[:, None] * J * gauge).relax(start * gauge, "synchronous")
    assert torch.equal(turned.states * gauge, end.states)


@few
@given(spins(), st.sampled_from([1e-160, 1e-30, 1e30, 1e160]), seeds)
def test_dynamics_do_not_depend_on_the_scale(xi, factor, seed):
    J, start = hebbian(xi.double()), flip_spins(xi.double(), 0.0, seed)
    for dynamics in ("asynchronous", "synchronous"):
        ends = [HopfieldNetwork(f * J).relax(start, dynamics, seed=seed) for f in (1.0, factor)]
        assert torch.equal(ends[0].states, ends[1].states)


@few
@given(spins(), st.sampled_from([1e-300, 1e-6, 1.0, 1e6, math.inf]), seeds)
def test_heat_baths_leave_spins(xi, temperature, seed):
    network = HopfieldNetwork(hebbian(xi))
    for dynamics in ("asynchronous", "synchronous"):
        ends = [network.relax(xi, dynamics, temperature, 3, seed=seed).states for _ in range(2)]
        assert torch.equal(ends[0], ends[1])
        assert (ends[0].abs() == 1).all()
        assert (
            network.relax(xi[:0], dynamics, temperature, 3, seed=seed).states.shape == xi[:0].shape
        )


@few
@given(spins(), seeds, precisions)
def test_factors_and_sparse_couplings_are_the_same_network(xi, seed, dtype):
    xi, start = xi.to(dtype), flip_spins(xi.to(dtype), 0.0, seed)
    factors = LowRankCouplings.hebbian(xi)
    assert factors.size == xi.shape[1]
    assert close(factors.dense(), hebbian(xi), dtype)
    full = HopfieldNetwork(hebbian(xi))
    for other in (HopfieldNetwork(factors), HopfieldNetwork(hebbian(xi).to_sparse())):
        assert close(other.fields(start), full.fields(start), dtype)
        assert close(other.energy(start), full.energy(start), dtype)
        ended = other.relax(start, seed=seed)
        assert ended.converged.all()
        assert torch.equal(ended.states, full.relax(start, seed=seed).states)
