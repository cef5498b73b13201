"""Attractors followed along noise, load and training, against closed forms and all states."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from known import Toy
from scipy.optimize import brentq

from bridges import as_memory, continuation
from bridges.attractors.following import QUANTITIES
from bridges.starts import gaussian, grid, spins
from diffusion import EmpiricalDenoiser
from hopfield import DenseMemory, HopfieldNetwork, hebbian, random_patterns, unlearn
from hopfield.theory import ags_overlap


def exact(points, sigma):
    rows = torch.tensor(points, dtype=torch.float64)
    return as_memory(EmpiricalDenoiser(rows), sigma=sigma, max_sweeps=5000)


def dense(points, sigma):
    rows = torch.tensor(points, dtype=torch.float64)
    return as_memory(
        DenseMemory(rows, "exponential", beta=sigma**-2, states="real"), max_sweeps=5000
    )


A = 1.3  # half the distance of a pair
EVEN = grid([-3], [3], 40)  # as many on either side, none on the saddle


@pytest.mark.parametrize("memory", [exact, dense])
def test_a_pair_joins_at_half_its_distance(memory):
    """Fixed points of x = a tanh(ax/σ²), and energies of −σ² log of the mixture at them."""
    sigma = A * np.array([0.4, 0.6, 0.8, 0.9, 0.97, 1.03, 1.2])
    found = continuation(lambda s: memory([[-A], [A]], s), sigma, EVEN, 0.7)
    assert [len(one) for one in found.attractors] == [2] * 5 + [1] * 2
    assert found.joined[:, 0].tolist() == [5]  # between 0.97 a and 1.03 a
    assert {*found.joined[0, 1:]} == {0, 1}
    assert np.isnan(found.sem).all()  # a grid is no draw
    x = np.sort(found.along("position"), 1)
    for k, s in enumerate(sigma[:5]):
        root = brentq(lambda x, s=s: x - A * np.tanh(A * x / s**2), 1e-3, 2 * A)
        # iterated until a step is 1e-8, at a rate of a²(1 − x²/a²)/σ², 0.93 at the last
        assert x[k] == pytest.approx([-root, root], abs=1e-6)
        assert found.fractions[k].tolist() == [0.5, 0.5]
        u = root * A / s**2
        energy = (root**2 + A**2) / 2 - s**2 * np.log(2 * np.cosh(u))
        assert found.along("energy")[k] == pytest.approx([energy] * 2, abs=1e-9)
    assert x[5:, 0] == pytest.approx([0, 0], abs=1e-6)
    assert np.nansum(found.fractions, 1) == pytest.approx(np.ones(7))


def test_a_chain_joins_in_the_order_of_its_gaps():
    """Far pairs do not feel each other: each joins at half its own distance."""
    halves = np.array([0.5, 0.8, 0.65])
    points = [[c + side * a] for c, a in zip((-20, 0, 20), halves, strict=True) for side in (-1, 1)]
    sigma = np.array([0.4, 0.48, 0.52, 0.62, 0.68, 0.77, 0.83])
    found = continuation(lambda s: exact(points, s), sigma, grid([-25], [25], 600), 0.6)
    assert [len(one) for one in found.attractors] == [6, 6, 5, 5, 4, 4, 3]
    at, lost, into = found.joined.T
    assert at.tolist() == [2, 4, 6]
    place = found.along("position")[0]
    assert (place[lost] + place[into]) / 2 == pytest.approx([-20, 20, 0], abs=1e-4)
    assert np.abs(place[lost] - place[into]) / 2 == pytest.approx(np.sort(halves), abs=0.1)


def test_fractions_have_binomial_errors_and_are_halves_by_symmetry():
    starts = gaussian(900, 1, 2.0, seed=0)
    found = continuation(lambda s: exact([[-A], [A]], s), [0.5, 0.9], starts, 0.5)
    assert found.sem == pytest.approx(np.full((2, 2), 0.5 / 30), rel=0.01)
    assert (abs(found.fractions - 0.5) < 4 * found.sem).all()


def test_branches_are_followed_until_they_merge():
    xi = [[-1.0], [0.0], [4.0]]
    found = continuation(lambda s: exact(xi, s), [0.3, 0.4, 0.7, 1.0], grid([-3], [6], 90), 0.45)
    assert [len(one) for one in found.attractors] == [3, 3, 2, 2]  # −1 and 0 merge at ½
    there = ~np.isnan(found.fractions)
    last = found.attractors[0].nearest.tolist().index(2)
    assert there[:, last].all()  # 4 stays all along
    lost, into = found.joined[0, 1:]
    assert found.joined[:, 0].tolist() == [2]
    assert {lost, into} == {0, 1, 2} - {last}
    assert found.fractions.shape[1] == 3 + (into > 2)
    assert np.nansum(found.fractions, 1) == pytest.approx(np.ones(4), abs=1e-12)


def test_an_attractor_is_followed_when_no_start_finds_it():
    xi = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    found = continuation(
        lambda s: exact(xi.tolist(), s), [0.3, 0.5], lambda s: xi if s == 0.3 else xi[:1], 0.3
    )
    assert found.fractions.tolist() == [[0.5, 0.5], [1.0, 0.0]]
    assert found.sem[1].tolist() == [0.5, 0.5]  # of one start
    assert len(found.joined) == 0


def test_what_jumps_away_has_joined_only_where_another_branch_is():
    """The memory at −1 is taken away, so that its attractor ends at 1."""
    memories = [[[-1.0], [1.0]], [[1.0], [9.0]]]
    for starts, joins in ([[-1.0]], 0), ([[-1.0], [1.0]], 1):
        found = continuation(lambda xi: exact(xi, 0.2), memories, torch.tensor(starts), 0.3)
        assert found.fractions.shape == (2, 2)
        assert len(found.joined) == joins
    there = found.identity[1][0]
    assert found.joined.tolist() == [[1, 1 - there, there]]
    assert found.attractors[0].nearest[found.identity[0].tolist().index(there)] == 1


def test_a_flow_has_the_data_at_any_noise():
    """Its attractors are no starts of a relaxation: from σ far above, a datum ends at another."""
    points = torch.tensor([[-2.0], [0.5], [1.0]], dtype=torch.float64)
    found = continuation(
        lambda s: as_memory(EmpiricalDenoiser(points), dynamics="flow", sigma=s),
        [0.2, 1.0, 8.0],
        grid([-20], [20], 200),
        0.1,
    )
    assert found.fractions.shape == (3, 3)
    assert len(found.joined) == 0


def test_memories_of_hebb_along_load():
    """Overlaps of what is followed are those of the saddle-point equations, until none is left."""
    N, xi = 1000, random_patterns(200, 1000, seed=0)
    loads = [20, 60, 100, 200]

    def memory(P):
        return as_memory(HopfieldNetwork(hebbian(xi[:P])), xi[:P])

    found = continuation(memory, loads, lambda P: xi[:10], 0.6)
    followed = found.identity[0]
    overlap = found.along("overlap")[:, followed]
    assert len(followed) == 10
    for k, P in enumerate(loads[:3]):
        # finite-size, N = 1000: 10 states of 1000 sites each have (1 − m²)/N of variance
        assert overlap[k].mean() == pytest.approx(ags_overlap(P / N), abs=0.01)
    assert np.isnan(overlap[3]).all()  # 0.2 is above α_c = 0.138
    assert (found.along("energy")[0, followed] < -N / 2 * 0.9).all()


def test_all_fixed_points_are_followed_along_unlearning():
    """Against all 2¹⁰ states; each is a start, so that fractions are those of all states."""
    xi = random_patterns(3, 10, seed=1)
    states = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=10)))
    couplings = {0: hebbian(xi)}
    for t in (4, 8, 16):
        couplings[t] = unlearn(hebbian(xi), t, 0.05, seed=0, checkpoints=[]).couplings

    def memory(t):
        return as_memory(HopfieldNetwork(couplings[t]), xi)

    found = continuation(memory, list(couplings), states, 0.0, seed=0)
    for k, J in enumerate(couplings.values()):
        stays = (states * (states.double() @ J.double()) >= -1e-12).all(1)  # a zero field keeps
        here = {tuple(state) for state in found.attractors[k].states.tolist()}
        assert here == {tuple(state) for state in states[stays].tolist()}
        assert np.nansum(found.fractions[k]) == pytest.approx(1)
        ends = found.attractors[k].states
        energy = -0.5 * torch.einsum("ai,ij,aj->a", ends, J.to(ends), ends)
        assert found.along("energy")[k, found.identity[k]] == pytest.approx(energy.numpy())


def test_ten_lines_are_followed():
    along = continuation(lambda value: Toy(), [1, 2], gaussian(50, 3, 1.0, seed=0), 0.1)
    assert along.fractions.shape == (2, 8)
    assert np.isnan(along.along("energy")).all()


@pytest.fixture
def pitchfork():
    sigma = [0.5, 0.9, 1.2, 1.5]
    return continuation(lambda s: exact([[-A], [A]], s), sigma, gaussian(90, 1, 2.0, seed=0), 1.0)


def test_the_diagram_has_branches_as_wide_as_their_basins(pitchfork):
    ax = pitchfork.plot()
    branches, joins = ax.collections
    widths, there = np.array(branches.get_linewidths()), ~np.isnan(pitchfork.fractions)
    assert len(widths) == 2 * (there[1:] & there[:-1]).sum()  # a step has two halves
    share = (widths - 0.7) / (6.0 - 0.7)
    assert share.max() == pytest.approx(1)  # all starts, above the joining
    assert share.min() == pytest.approx(np.nanmin(pitchfork.fractions))
    assert len(joins.get_segments()) == len(pitchfork.joined) == 1
    assert ax.get_ylabel() == "state $x$"
    assert "joined" in [text.get_text() for text in ax.get_legend().get_texts()]
    plt.close(ax.figure)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_any_quantity_is_drawn(pitchfork, quantity):
    ax = plt.subplots()[1]
    assert pitchfork.plot(ax, quantity) is ax
    assert pitchfork.along(quantity).shape == (4, 2)
    plt.close(ax.figure)


def test_values_that_are_no_numbers_are_drawn_by_name():
    found = continuation(lambda name: Toy(), ["one", "two"], spins(20, 3, seed=0), 0.1)
    ax = found.plot()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["one", "two"]
    plt.close(ax.figure)
    with pytest.raises(ValueError, match="quantity must be one of"):
        found.along("height")
