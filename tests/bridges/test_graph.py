"""Graphs of memories: communities, committors, and what they must be."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from known import FIVE

from bridges import (
    attractor_graph,
    chain_committor,
    committors,
    communities,
    summarise,
    transition_matrix,
)
from bridges.graph import layout, undirected
from diffusion import VE, EmpiricalDenoiser, sample


def clusters(seed, centres=5, members=6, size=20, within=0.5):
    generator = torch.Generator().manual_seed(seed)
    middle = torch.randn(centres, 1, size, dtype=torch.float64, generator=generator)
    noise = torch.randn(centres, members, size, dtype=torch.float64, generator=generator)
    return (middle + within * noise).flatten(0, 1), np.repeat(np.arange(centres), members)


def test_the_graph_holds_the_matrix():
    T = np.array([[0.7, 0.2, 0.0005], [0.3, 0.6, 0.1], [0.0, 0.05, 0.95]])
    graph = attractor_graph(T)
    assert isinstance(graph, nx.DiGraph)
    assert set(graph.edges) == {(0, 1), (1, 0), (1, 2), (2, 1)}
    assert graph.edges[1, 2]["weight"] == 0.1
    assert graph.nodes[0]["stay"] == 0.7
    assert graph.nodes[0]["lost"] == pytest.approx(0.0995)
    assert graph.nodes[2]["lost"] == 0
    assert undirected(T).edges[0, 1]["weight"] == pytest.approx(0.25)
    assert attractor_graph(T, threshold=0.15).number_of_edges() == 2
    assert attractor_graph(np.eye(4)).number_of_nodes() == 4


def test_communities_are_those_of_the_networkx_example():
    """Zachary's club: Louvain's modularity is .42 (Blondel et al. 2008), and never above."""
    club = nx.to_numpy_array(nx.karate_club_graph(), weight=None)
    T = 0.01 * club + np.diag(1 - 0.01 * club.sum(1))
    labels = communities(T, seed=0)
    parts = [set(np.flatnonzero(labels == k).tolist()) for k in range(labels.max() + 1)]
    found = nx.community.modularity(nx.from_numpy_array(club), parts)
    assert 0.40 < found <= 0.4198 + 1e-4
    assert labels[0] == 0
    assert (np.sort(np.unique(labels)) == np.arange(labels.max() + 1)).all()
    assert (communities(T, seed=0) == labels).all()
    assert (communities(np.eye(3)) == [0, 1, 2]).all()


# σ: edges, communities, ARI, return probability, row entropy of one set of 5 × 6 memories.
ROWS = {
    0.2: (0, 30, 0.0, 1.0000, None),
    0.4: (7, 23, 0.18, 0.998, None),
    0.6: (65, 5, 1.0, 0.958, None),
    1.0: (None, None, 1.0, 0.715, 1.045),
    2.0: (None, None, None, 0.275, 2.489),
    5.0: (None, None, None, 0.067, 3.337),
}


@pytest.mark.parametrize("sigma", ROWS)
def test_clustered_memories_merge_into_their_clusters(sigma):
    found = []
    for seed in range(5):
        memories, classes = clusters(seed)
        T = transition_matrix(EmpiricalDenoiser(memories), sigma, draws=400, seed=seed)
        one = summarise(T, classes)
        found.append(
            [one.edges, one.communities, one.agreement, one.return_probability, one.entropy]
        )
        assert one.asymmetry < 0.05  # at 400 draws, largest of 435 pairs
        if sigma in (0.6, 1.0):
            assert one.communities == 5
            assert one.agreement == 1
    spread = np.std(found, axis=0, ddof=1)
    for value, mean, deviation in zip(ROWS[sigma], np.mean(found, axis=0), spread, strict=True):
        if value is not None:  # one set there, five here, and their third digit
            assert abs(value - mean) < 4 * deviation * (1 + 1 / 5) ** 0.5 + 5e-4


def test_the_committor_of_five_points():
    x = torch.tensor([[0.5, 0.4]], dtype=torch.float64)
    denoiser = EmpiricalDenoiser(FIVE)
    w = committors(denoiser, x, 1.2)
    assert w[0].tolist() == pytest.approx([0.2879, 0.2879, 0.2437, 0.0625, 0.1180], abs=5e-5)
    grouped = committors(denoiser, x, 1.2, groups=[0, 1, 0, 2, 1])[0]
    assert grouped.tolist() == pytest.approx(
        [float(w[0, 0] + w[0, 2]), float(w[0, 1] + w[0, 4]), float(w[0, 3])]
    )


@pytest.mark.parametrize(("method", "steps", "bias"), [("ancestral", 3, 0.0), ("sde", 200, 0.010)])
def test_the_reverse_sde_ends_as_its_committor_says(method, steps, bias):
    """The discretised SDE is off by up to .010 at 200 steps; the exact one at no number."""
    draws = 2000
    denoiser = EmpiricalDenoiser(FIVE)
    x = torch.tensor([[0.5, 0.4]], dtype=torch.float64)
    ends = sample(denoiser, x.repeat(draws, 1), VE(), method, steps, start=1.2, seed=0)
    index = torch.cdist(ends, FIVE).argmin(1)
    found = torch.bincount(index, minlength=5) / draws
    w = committors(denoiser, x, 1.2)[0]
    assert ((found - w).abs() < 4 * (w * (1 - w) / draws).sqrt() + bias).all()


@pytest.mark.parametrize("bias", [0.5, 0.3])
def test_the_gambler_is_ruined_as_the_closed_form_says(bias):
    n = 12
    T = np.zeros((n + 1, n + 1))
    T[0, 0] = T[n, n] = 1
    for k in range(1, n):
        T[k, k + 1], T[k, k - 1], T[k, k] = 0.9 * bias, 0.9 * (1 - bias), 0.1
    k, ratio = np.arange(n + 1), (1 - bias) / bias
    exact = k / n if bias == 0.5 else (ratio**k - 1) / (ratio**n - 1)
    assert chain_committor(T, [0], [n]) == pytest.approx(exact, abs=1e-12)
    rare = 1e-25 * T + (1 - 1e-25) * np.eye(n + 1)  # 1 − T_kk is rounded away
    assert chain_committor(rare, [0], [n]) == pytest.approx(exact, abs=1e-12)


def test_chains_that_lose_and_chains_that_stay_away():
    """From 1: to 2 with .3, to 0 with .1, lost with .2. Nodes 3 and 4 keep to themselves."""
    T = np.zeros((5, 5))
    T[0, 0] = T[2, 2] = 1
    T[1] = [0.1, 0.4, 0.3, 0, 0]
    T[3, 4] = T[4, 3] = 1
    found = chain_committor(T, [0], [2])
    assert found[:3] == pytest.approx([0, 0.5, 1])
    assert np.isnan(found[3:]).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 8), st.integers(0, 10_000))
def test_committors_of_the_two_directions_sum_to_one(P, seed):
    T = np.random.default_rng(seed).dirichlet(np.ones(P), size=P)
    forth, back = chain_committor(T, [0], [1]), chain_committor(T, [1], [0])
    assert forth + back == pytest.approx(np.ones(P))
    inner = slice(2, P)
    assert (T @ forth)[inner] == pytest.approx(forth[inner])


def test_committors_of_memories_follow_their_clusters():
    memories, classes = clusters(0, centres=2)
    T = transition_matrix(EmpiricalDenoiser(memories), 1.2, draws=200, seed=0)
    q = chain_committor(T, start=[0], target=[11])
    assert q[classes == 0].max() < 0.5 < q[classes == 1].min()


def test_places_are_finite_and_reproducible():
    memories, _ = clusters(0)
    T = transition_matrix(EmpiricalDenoiser(memories), 0.6, draws=50, seed=0)
    places = layout(T, seed=3)
    assert places.shape == (30, 2)
    assert np.isfinite(places).all()
    assert (layout(T, seed=3) == places).all()
