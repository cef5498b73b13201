"""What holds for every chain on memories, cluster of states and crossing of a curve."""

import math

import networkx as nx
import numpy as np
import pytest
import torch
from drawn import Toy, few, fewer, normal, rows, seeds
from hypothesis import given, settings, strategies as st

from bridges import (
    Capacity,
    CapacityScaling,
    ReturnCurve,
    Transitions,
    as_memory,
    attractor_graph,
    balanced_weights,
    capacity,
    capacity_scaling,
    chain_committor,
    committors,
    communities,
    copy_prediction,
    return_curve,
    return_levels,
    summarise,
    transition_matrix,
    unlearn_weights,
)
from bridges.crossing import crossing, crossings, probit
from bridges.graph import layout, undirected
from bridges.memory import NearestPattern
from bridges.memory.clusters import are_spins, groups, rms_distance
from bridges.transitions import nearest_pattern
from diffusion import EmpiricalDenoiser
from hopfield import random_patterns

nan, inf = float("nan"), float("inf")


@st.composite
def chains(draw, least=1, leak=True):
    """Transition matrices of any sparsity, with jumps of any size, and some that are lost."""
    P, rng = draw(st.integers(least, 7)), np.random.default_rng(draw(seeds))
    sizes = 10.0 ** -rng.choice(draw(st.sampled_from([[0], [0, 20], [0, 100, 200]])), (P, P))
    T = rng.random((P, P)) * (rng.random((P, P)) < draw(st.sampled_from([0.3, 0.7, 1.0]))) * sizes
    T[np.diag_indices(P)] = rng.random(P)
    T /= T.sum(1, keepdims=True)
    return T * draw(st.sampled_from([1.0, 0.6])) if leak else T


@few
@given(rows(), st.sampled_from([1e-6, 0.3, 1.0, 4.0, 1e6]), seeds)
def test_transitions_are_doubly_stochastic_and_symmetric(patterns, sigma, seed):
    draws, P = 300, len(patterns)
    T = transition_matrix(EmpiricalDenoiser(patterns), sigma, draws=draws, seed=seed)
    assert isinstance(T, Transitions)
    assert T.dtype == patterns.dtype
    matrix, error = T.matrix.double(), T.sem.double()
    ones = torch.ones(P, dtype=torch.float64)
    assert torch.allclose(matrix.sum(1), ones, atol=1e-5)
    slack = 6 * error.square().sum(0).sqrt() + 30 / draws * (sigma < 1e3) + 1e-5
    assert ((matrix.sum(0) - 1).abs() <= slack).all()
    slack = 6 * (error.square() + error.T.square()).sqrt() + 30 / draws + 1e-5
    assert ((matrix - matrix.T).abs() <= slack).all()
    assert T.effective_number == pytest.approx(float(matrix.trace()), rel=1e-5)
    alike = (patterns[:, None] == patterns).all(2).double()
    if sigma == 1e-6:  # at once, those that are equal share
        assert torch.allclose(matrix, alike / alike.sum(1), atol=1e-5)
    if sigma == 1e6:
        assert torch.allclose(matrix, torch.full_like(matrix, 1 / P), atol=1e-5)
    assert torch.equal(
        T, transition_matrix(EmpiricalDenoiser(patterns), sigma, draws=draws, seed=seed)
    )


@few
@given(rows(), st.sampled_from([0.2, 0.9, 1.0]), st.sampled_from([-1.0, 0.5, 1.0]), seeds)
def test_counted_transitions_and_what_is_lost_make_up_all(patterns, overlap, threshold, seed):
    memory = NearestPattern(patterns)
    T = transition_matrix(memory, overlap=overlap, trials=7, threshold=threshold, seed=seed)
    assert torch.allclose(T.sum(1) + T.lost, torch.ones_like(T.lost))
    if threshold == -1:
        assert not T.lost.any()
    assert T.to_dict()["draws"] == 7
    home = nearest_pattern(patterns, patterns)
    assert (patterns.norm(dim=1)[home.clamp(min=0)] > 0).any() or not patterns.any()


@few
@given(rows(), seeds)
def test_memories_that_return_are_counted_between_one_and_all(patterns, seed):
    found = return_curve(EmpiricalDenoiser(patterns), [0.1, 1.0, 1e5], draws=50, seed=seed)
    assert isinstance(found, ReturnCurve)
    assert (found.effective_number <= len(patterns) + 1e-4).all()
    assert found.effective_number[-1] == pytest.approx(1, abs=1e-4)
    assert (found.entropy <= math.log(len(patterns)) + 1e-5).all()
    assert (found.entropy >= -1e-6).all()
    alone = return_curve(EmpiricalDenoiser(patterns), [1.0], draws=50, seed=seed)
    assert alone.effective_number[0] == found.effective_number[1]
    assert found.to_dict()["memories"] == len(patterns)


@few
@given(chains(), st.sampled_from([0.0, 0.1]))
def test_the_graph_holds_all_of_the_chain_above_the_threshold(T, threshold):
    graph = attractor_graph(T, threshold)
    assert len(graph) == len(T)
    assert all(weight > threshold for _, _, weight in graph.edges(data="weight"))
    if threshold == 0:
        for node, about in graph.nodes(data=True):
            out = math.fsum(weight for _, _, weight in graph.out_edges(node, data="weight"))
            assert about["stay"] + about["lost"] + out == pytest.approx(1)


@few
@given(chains(), st.sampled_from([0.0, 1e-3]), st.integers(0, 5))
def test_communities_are_a_partition_of_what_is_connected(T, threshold, seed):
    labels = communities(T, threshold, seed=seed)
    assert labels.shape == (len(T),)
    firsts = [int(np.flatnonzero(labels == c)[0]) for c in range(labels.max() + 1)]
    assert firsts == sorted(firsts)
    graph = undirected(T, threshold)
    for part in range(labels.max() + 1):
        members = np.flatnonzero(labels == part).tolist()
        (joined,) = [c for c in nx.connected_components(graph) if members[0] in c]
        assert {*members} <= joined
    if threshold == 0:  # the modularity has no unit
        assert (communities(T * 2.0**-200, 0.0, seed=seed) == labels).all()


@pytest.mark.parametrize("P", [1, 3, 5])
def test_every_memory_has_a_place_in_the_picture(P):
    T = np.random.default_rng(P).dirichlet(np.ones(P), P)
    places = layout(T, seed=1)
    assert places.shape == (P, 2)
    assert len(np.unique(places.round(9), axis=0)) == P


@few
@given(rows(least=2), seeds)
def test_the_summary_of_a_graph_agrees_with_its_parts(patterns, seed):
    T = transition_matrix(EmpiricalDenoiser(patterns), 0.5, draws=20, seed=seed)
    found = summarise(T, communities(T))
    assert found.agreement == 1
    assert found.edges == undirected(T).number_of_edges()
    assert found.communities == communities(T).max() + 1
    assert math.isnan(summarise(T).agreement)
    assert found.to_dict()["effective_number"] == T.effective_number


@few
@given(rows(), st.sampled_from([1e-3, 0.5, 1e5]), st.integers(1, 3))
def test_committors_are_probabilities_that_add_up_in_groups(patterns, sigma, kinds):
    denoiser, x = EmpiricalDenoiser(patterns), patterns + 0.1
    found = committors(denoiser, x, sigma)
    assert ((found >= 0) & (found <= 1 + 1e-6)).all()
    assert torch.allclose(found.sum(1), torch.ones(len(x)).to(found), atol=1e-5)
    label = torch.arange(len(patterns)) % kinds
    summed = committors(denoiser, x, sigma, label)
    for kind in range(int(label.max()) + 1):
        assert torch.allclose(summed[:, kind], found[:, label == kind].sum(1), atol=1e-6)
    assert committors(denoiser, x[:0], sigma).shape == (0, len(patterns))


@few
@given(chains(least=3))
def test_committors_of_a_chain_are_harmonic_and_complete(T):
    q = chain_committor(T, [0], [1])
    known = np.isfinite(q)
    assert ((q[known] >= 0) & (q[known] <= 1 + 1e-12)).all()
    assert (q[0], q[1]) == (0, 1)
    inner = known.copy()
    inner[:2] = False
    moves = T - np.diag(np.diag(T))
    lost = 1 - T.sum(1)
    out = moves.sum(1) + np.where(lost > 1e-5, lost, 0)
    assert np.allclose((moves[:, known] @ q[known])[inner] / out[inner], q[inner], atol=1e-9)
    back = chain_committor(T, [1], [0])
    assert (np.isfinite(back) == known).all()
    assert (q[known] + back[known] <= 1 + 1e-9).all()
    reached = inner & (np.count_nonzero(moves > 0, axis=1) == len(T) - 1)
    if reached.all() and (lost < 1e-5).all():
        assert np.allclose(q + back, 1)


def test_a_committor_keeps_its_digits_where_hardly_anything_leaves():
    pair = [[1.0, 0, 0, 0], [1e-20, 0.5, 0.5, 0], [0, 0.5, 0.5, 3e-20], [0, 0, 0, 1.0]]
    assert chain_committor(pair, [0], [3]) == pytest.approx([0, 0.75, 0.75, 1], rel=1e-12)


@few
@given(rows(), st.sampled_from([0.0, 0.5, 2.0, 100.0]))
def test_a_group_is_near_its_leader_and_leaders_are_apart(states, tolerance):
    labels, leaders = groups(states, tolerance)
    spins = are_spins(states)
    assert spins == bool((states.abs() == 1).all())
    assert labels[leaders].tolist() == list(range(len(leaders)))
    reach = 0.0 if spins else tolerance * (1 + 1e-6)
    assert (rms_distance(states, states[leaders][labels]) <= reach).all()
    for k in range(len(leaders)):
        others = states[leaders[[j for j in range(len(leaders)) if j != k]]]
        apart = rms_distance(states[leaders[k]].expand_as(others), others)
        assert (apart > (0 if spins else tolerance * (1 - 1e-6))).all()
    empty, none = groups(states[:0], tolerance)
    assert len(empty) == len(none) == 0


@few
@given(seeds, st.integers(1, 130), st.integers(1, 9))
def test_spins_are_put_together_as_they_are_equal(seed, size, count):
    spins = random_patterns(count, size, seed=seed).repeat(2, 1)
    labels, leaders = groups(spins, 0.5)
    unique = np.unique(spins.numpy(), axis=0, return_inverse=True)[1].reshape(-1)
    assert len(leaders) == unique.max() + 1
    assert ((labels[:, None] == labels).numpy() == (unique[:, None] == unique)).all()


@few
@given(st.integers(2, 6), st.integers(1, 5), seeds, st.booleans())
def test_a_crossing_rises_with_its_level_and_follows_its_axis(count, samples, seed, rising):
    rng = np.random.default_rng(seed)
    x, curves = np.arange(count) + 1.0, rng.random((samples, count)).round(2)
    levels = (0.2, 0.5, 0.8)
    found = [crossing(x, curves, level, rising)[0] for level in levels]
    assert found == sorted(found, reverse=not rising)
    moved = crossing(3 * x - 2, curves, 0.5, rising)
    whole = crossings(x, curves, 0.5, rising)
    assert moved[0] == pytest.approx(3 * whole.value - 2)
    assert whole.interval[0] <= whole.interval[1] or samples == 1
    monotone = np.sort(curves[0])[:: 1 if rising else -1]
    if len({*monotone}) == count and monotone.min() < 0.5 < monotone.max():
        order = slice(None, None, 1 if rising else -1)
        wanted = np.interp(0.5, monotone[order], x[order])
        assert crossing(x, monotone[None], 0.5, rising)[0] == pytest.approx(wanted)
    fitted = crossing(x, curves, 0.5, rising, fit="probit")[0]
    assert not math.isnan(fitted)


@few
@given(st.floats(2, 5), st.floats(0.5, 2))
def test_a_probit_curve_gives_its_middle_and_width_back(middle_x, width):
    from scipy.special import ndtr

    x = np.linspace(0, 7, 15)
    at, wide = probit(x, ndtr((x - middle_x) / width)[None], np.array([3.5]))
    assert at[0] == pytest.approx(middle_x, abs=0.01)
    assert wide[0] == pytest.approx(width, rel=0.02)  # its penalty is small


def filled(holds):
    """A memory of one pattern that holds up to a load, and forgets beyond."""
    return Toy(torch.ones(1, 2), torch.clone if holds else torch.neg)


@few
@given(st.floats(0.5, 8.5), st.floats(0, 2), st.sampled_from(["log", "linear"]))
def test_a_capacity_falls_with_its_level_and_is_where_memories_fill_up(limit, spread, scale):
    loads = [1.0, 2.0, 4.0, 8.0]

    def build(load, seed):
        return filled(load <= limit + spread * (seed % 5))

    found = [
        capacity(build, loads, success=s, samples=5, trials=1, seed=3, scale=scale)
        for s in (0.1, 0.5, 0.9)
    ]
    assert isinstance(found[0], Capacity)
    assert found[0].load >= found[1].load >= found[2].load
    assert (np.diff(found[0].curve.success) <= 0).all()
    one = capacity(
        lambda m, _: filled(m <= limit), loads, samples=1, trials=1, seed=0, bisections=9
    )
    if limit < 1 or limit >= 8:
        assert one.load == (0 if limit < 1 else inf)
    else:  # halved nine times
        assert one.load == pytest.approx(limit, rel=0.01)
    assert one.to_dict()["load"] == (one.load if one.load < inf else None)


@settings(few, max_examples=2)
@given(st.floats(1.5, 3), st.floats(0.2, 2))
def test_the_limit_of_large_sizes_is_found(limit, slope):
    sizes, x = [16, 64, 256], 0.5

    def build(load, size, seed):
        noise = np.random.default_rng(seed).normal(0, 0.02)
        return filled(load <= limit + slope * size**-x + noise)

    found = capacity_scaling(
        build, sizes, np.linspace(1, 4, 13), samples=8, trials=1, seed=0, bisections=5,
        fit="isotonic", exponent=x,
    )  # fmt: skip
    assert isinstance(found, CapacityScaling)
    assert found.extrapolation.limit == pytest.approx(limit, abs=0.06)
    assert (np.diff(found.load) <= 0.05).all()


@fewer
@given(st.integers(2, 5), st.integers(1, 3), st.sampled_from([0.3, 1.0]), seeds)
def test_unlearnt_weights_know_neither_order_nor_origin(P, N, sigma, seed):
    patterns, starts = normal(P, N, seed), normal(60, N, seed + 1)
    found = balanced_weights(as_memory(EmpiricalDenoiser(patterns), sigma=sigma), starts)
    assert found.imbalance < 1e-4
    assert found.entropy[-1] >= found.entropy[0] - 1e-6
    order = torch.randperm(P, generator=torch.Generator().manual_seed(seed))
    moved = as_memory(EmpiricalDenoiser(patterns[order] + 3), sigma=sigma)
    again = balanced_weights(moved, starts + 3)
    assert torch.allclose(again.potentials, found.potentials[order], atol=1e-3)
    assert again.cost == pytest.approx(found.cost, abs=1e-6)
    dreamt = unlearn_weights(moved, starts + 3, steps=5, batch=3, seed=seed)
    assert dreamt.after.sum() == pytest.approx(1)
    assert float(dreamt.log_weights.sum()) == pytest.approx(0, abs=1e-6)


@fewer
@given(st.integers(5, 9), st.integers(1, 4), seeds)
def test_return_levels_scale_with_the_data(P, N, seed):
    data, grid = normal(P, N, seed), [0.1, 0.3, 1.0, 3.0]
    found = return_levels(EmpiricalDenoiser(data), grid, draws=8, seed=0)
    wide = return_levels(EmpiricalDenoiser(4 * data), [4 * s for s in grid], draws=8, seed=0)
    assert np.allclose(wide.level, 4 * found.level, rtol=1e-6)
    assert np.allclose(wide.nearest, 4 * found.nearest)
    assert ((found.returned >= 0) & (found.returned <= 1 + 1e-9)).all()
    copies = np.random.default_rng(seed % 2**32).integers(0, 3, P)
    one, other = (copy_prediction(each, copies) for each in (found, wide))
    for name in ("level", "nearest", "partial"):
        a, b = getattr(one, name), getattr(other, name)
        assert math.isnan(a) or -1 - 1e-9 <= a <= 1 + 1e-9
        assert a == pytest.approx(b, nan_ok=True)
