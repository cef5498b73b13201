"""Attractors: what starts end in, on memories whose attractors are known."""

import itertools
import json

import numpy as np
import pytest
import torch
from known import Toy, hebb, normal

from bridges import as_memory, basin_fractions, find_attractors
from bridges.attractors import KINDS
from bridges.starts import box, cues, gaussian, grid, noised, spins
from diffusion import EmpiricalDenoiser
from hopfield import DenseMemory, HopfieldNetwork, hebbian, random_patterns

# ------------------------------------------------------------------ same states


# ------------------------------------------------------------------ known attractors


@pytest.mark.parametrize(("sigma", "ends"), [(0.49, [-0.16959, 0.16959]), (0.51, [0.0])])
def test_two_memories_merge_at_half_their_distance(sigma, ends):
    """x = ½ tanh(x/2σ²): pitchfork at σ = Δ/2 = ½."""
    pair = torch.tensor([[-0.5], [0.5]], dtype=torch.float64)
    memory = as_memory(EmpiricalDenoiser(pair), sigma=sigma, max_sweeps=2000)
    found = find_attractors(memory, box([-1], [1], 50, seed=0))
    assert found.unconverged == 0
    assert sorted(found.states.flatten().tolist()) == pytest.approx(ends, abs=1e-5)


def test_slow_dynamics_is_reported_and_is_no_attractor():
    pair = torch.tensor([[-0.5], [0.5]], dtype=torch.float64)
    memory = as_memory(EmpiricalDenoiser(pair), sigma=0.5, max_sweeps=100)  # at the merge
    found = find_attractors(memory, box([-1], [1], 50, seed=0))
    assert found.unconverged == 50
    assert len(found) == 0
    assert (found.labels == -1).all()


RING = {0.2: 0.97936, 0.4: 0.90687, 0.6: 0.67730, 0.7: 0.19866, 0.72: 0.0}


@pytest.mark.parametrize("sigma", RING)
def test_on_a_ring_attractors_have_the_radius_of_theory(sigma):
    """r = R I₁/I₀(rR/σ²), above 0 while σ² < R²/2."""
    angle = torch.arange(400, dtype=torch.float64) * 2 * np.pi / 400
    ring = torch.stack([angle.cos(), angle.sin()], 1)
    memory = as_memory(EmpiricalDenoiser(ring), sigma=sigma, max_sweeps=5000)
    found = find_attractors(memory, gaussian(20, 2, 0.7, seed=0))
    assert found.unconverged == 0
    radius = found.states.norm(dim=1)
    assert torch.allclose(radius, torch.full_like(radius, RING[sigma]), atol=1e-4)
    assert set(found.kind) <= {"mixture", "global"}  # though at 0.2 each is close to a datum
    assert (found.k_eff > 10).all()


def test_saddles_are_rejected_by_the_kick():
    xi = torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    memory = as_memory(EmpiricalDenoiser(xi), sigma=0.5)
    axis = torch.stack([torch.zeros(7), torch.linspace(-1, 1, 7)], 1)  # the axis of symmetry
    found = find_attractors(memory, torch.cat([axis, torch.tensor([[0.3, 0.1]])]))
    assert found.at_saddles == 7
    assert found.unconverged == 0
    assert found.saddles.abs().max() < 1e-6
    assert found.labels.tolist() == [-1] * 7 + [0]
    assert found.kind == ("memory",)
    assert found.nearest.tolist() == [1]


def test_memories_and_midpoint_are_told_apart():
    xi = torch.tensor([[0.0, 0.0], [0.8, 0.0], [9.0, 0.0], [0.0, 9.0]], dtype=torch.float64)
    memory = as_memory(EmpiricalDenoiser(xi), sigma=0.5)  # the first two have merged
    found = find_attractors(memory, box([-1, -1], [10, 10], 300, seed=0), labels=[0, 0, 1, 2])
    kinds = dict(zip(found.kind, range(len(found)), strict=True))
    assert sorted(found.kind) == ["memory", "memory", "prototype"]
    assert found.k_eff[kinds["prototype"]] == pytest.approx(2, abs=1e-3)
    assert found.states[kinds["prototype"]].tolist() == pytest.approx([0.4, 0.0], abs=1e-3)
    plain = find_attractors(memory, box([-1, -1], [10, 10], 300, seed=0))
    assert sorted(plain.kind) == ["memory", "memory", "mixture"]
    wide = find_attractors(as_memory(EmpiricalDenoiser(xi), sigma=20.0), xi)
    assert wide.kind == ("global",)


def test_a_short_distance_to_dense_data_is_no_memory():
    angle = 2 * np.pi * torch.rand(512, generator=torch.Generator().manual_seed(0)).double()
    ring = torch.stack([angle.cos(), angle.sin()], 1)
    memory = as_memory(EmpiricalDenoiser(ring), sigma=0.3, max_sweeps=20000)
    found = find_attractors(memory, noised(ring, 0.3, 50, seed=1))
    assert (found.distance < 0.05).all()
    assert found.count("memory") == 0
    memory.denoiser = lambda x, sigma: EmpiricalDenoiser(ring)(x, sigma)  # weights unknown
    assert find_attractors(memory, noised(ring, 0.3, 50, seed=1)).count("memory") == 50


def test_hebb_has_memories_their_inverses_and_three_mixtures_at_low_load():
    """At P ≪ N (Amit, Gutfreund & Sompolinsky 1985): ±ξ, and sign(±ξ¹ ± ξ² ± ξ³)."""
    xi = random_patterns(3, 501, seed=0, dtype=torch.float64)
    memory = as_memory(HopfieldNetwork(hebbian(xi)), xi)
    found = find_attractors(memory, spins(2000, 501, seed=1), seed=2)
    assert found.unconverged == 0
    inverse = {
        int(n) for n, kind in zip(found.nearest, found.kind, strict=True) if kind == "inverse"
    }
    memories = {int(n) for n, k in zip(found.nearest, found.kind, strict=True) if k == "memory"}
    assert memories == inverse == {0, 1, 2}
    for k, kind in enumerate(found.kind):
        if kind == "inverse":
            assert found.overlap[k] <= -0.95
    mixtures = [
        (torch.tensor(signs, dtype=torch.float64) @ xi).sign()
        for signs in itertools.product([-1.0, 1.0], repeat=3)
    ]
    spurious = found.states[[kind == "spurious" for kind in found.kind]]
    best = (spurious @ torch.stack(mixtures).T / 501).max(1).values
    assert len(spurious) >= 2
    assert (best > 0.97).all()
    # each mixture is at overlap ½ with each of its three patterns: 4 s.e., N = 501
    assert ((spurious @ xi.T / 501).abs() - 0.5).abs().max() < 4 * 0.866 / 501**0.5


def test_even_energies_have_inverses_odd_ones_have_not():
    xi = random_patterns(5, 60, seed=0)
    starts = torch.cat([xi, -xi])
    for degree, inverses in ((2, True), (4, True), (3, False)):
        memory = as_memory(DenseMemory(xi, "polynomial", degree=degree, states="binary"))
        found = find_attractors(memory, starts, seed=0)
        assert found.count("memory") >= 5
        assert (found.count("inverse") == 5) == inverses


def test_blinking_states_are_not_attractors():
    xi = random_patterns(30, 60, seed=0)
    network = HopfieldNetwork(hebbian(xi))
    starts = spins(300, 60, seed=1)
    cycles = network.relax(starts.states, "synchronous").cycles
    found = find_attractors(as_memory(network, xi, dynamics="synchronous"), starts)
    assert found.unconverged == int(cycles.sum()) > 0
    assert torch.equal(found.labels < 0, cycles)


@pytest.mark.parametrize("dynamics", ["flow", "sde"])
def test_attractors_of_a_reverse_process_are_the_data(dynamics):
    xi = normal(6, 10)
    memory = as_memory(EmpiricalDenoiser(xi), dynamics=dynamics, sigma=5.0)
    found = find_attractors(memory, gaussian(300, 10, 5.0, seed=0), seed=1)
    assert found.kind == ("memory",) * 6
    assert sorted(found.nearest.tolist()) == list(range(6))
    assert found.at_saddles == 0  # a kick of their own small noise level is taken back
    assert torch.allclose(found.states, xi[found.nearest], atol=1e-3)


def clustered(count, seed, centres=10, size=20):
    classes = torch.arange(centres).repeat_interleave(count)
    middle = normal(centres, size, seed=seed)
    return middle[classes] + 0.5 * normal(len(classes), size, seed=1000 + seed), classes


def kinds_of_clusters(sigma, count, books, starts=64):
    """(books, 3): memory, mixture across clusters, prototype."""
    rows = []
    for seed in range(books):
        xi, classes = clustered(count, seed)
        memory = as_memory(EmpiricalDenoiser(xi), sigma=sigma, max_sweeps=20_000)
        found = find_attractors(memory, noised(xi, sigma, starts, seed=seed), labels=classes)
        assert found.unconverged == found.at_saddles == 0
        rows.append([found.count(k) / starts for k in ("memory", "mixture", "prototype")])
    return np.array(rows)


@pytest.mark.slow
def test_mixtures_peak_between_memories_and_prototypes():
    few, some, many = (kinds_of_clusters(0.8, n, 12) for n in (16, 64, 128))
    for other in (few, many):
        gap = some[:, 1] - other[:, 1]
        assert gap.mean() > 2 * gap.std(ddof=1) / 12**0.5
    assert few[:, 0].mean() > 0.8
    assert many[:, 2].mean() > 0.8


CLUSTERS = [  # measured with 8 books: memory, mixture, prototype, each with its error
    (0.8, 16, (0.986, 0.014, 0.0), (0.01, 0.01, 0.01)),
    (0.8, 32, (0.659, 0.245, 0.096), (0.022, 0.034, 0.024)),
    (0.8, 64, (0.156, 0.324, 0.520), (0.010, 0.036, 0.038)),
    (0.8, 128, (0.037, 0.041, 0.921), (0.01, 0.020, 0.020)),
    (0.95, 4, (0.953, 0.0, 0.048), (0.02, 0.01, 0.02)),
    (0.95, 8, (0.844, 0.041, 0.115), (0.040, 0.013, 0.034)),
    (0.95, 16, (0.266, 0.204, 0.530), (0.023, 0.027, 0.038)),
    (0.95, 32, (0.025, 0.0, 0.975), (0.01, 0.01, 0.01)),
    (0.95, 128, (0.0, 0.0, 1.0), (0.01, 0.01, 0.01)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "count", "expected", "error"), CLUSTERS)
def test_clustered_memories_pass_from_memory_to_prototype(sigma, count, expected, error):
    found = kinds_of_clusters(sigma, count, 24)
    own = found.std(0, ddof=1) / 24**0.5
    assert (abs(found.mean(0) - expected) < 4 * np.hypot(own, error)).all(), found.mean(0)


RINGS = {  # K: modes and the part of the starts in modes of k_eff < 1.5
    2: (1.75, 0.10, 0.750),
    4: (2.70, 0.16, 0.404),
    8: (3.80, 0.17, 0.169),
    16: (4.15, 0.19, 0.017),
    64: (3.90, 0.16, 0.0),
    512: (3.80, 0.15, 0.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("K", RINGS)
def test_modes_of_a_ring_are_few_and_no_memories_when_it_is_dense(K):
    books = {2: 100, 4: 100, 8: 80, 16: 60, 64: 30, 512: 20}[K]
    rows = []
    for seed in range(books):
        turn = torch.rand(K, generator=torch.Generator().manual_seed(seed)).double()
        ring = torch.stack([(2 * np.pi * turn).cos(), (2 * np.pi * turn).sin()], 1)
        memory = as_memory(EmpiricalDenoiser(ring), sigma=0.3, max_sweeps=20000)
        found = find_attractors(memory, noised(ring, 0.3, 100, seed=seed))
        single = found.counts[found.k_eff < 1.5].sum() / 100
        rows.append([len(found), single, (found.distance * 2**0.5 < 0.05).mean()])
    modes, single, close = np.mean(rows, 0)
    sem = np.std(rows, 0, ddof=1) / books**0.5
    expected, error, fraction = RINGS[K]
    assert abs(modes - expected) < 4 * np.hypot(sem[0], error)
    # of 20 rings each: their error is that of 20 of ours
    assert abs(single - fraction) < 4 * sem[1] * (1 + books / 20) ** 0.5 + 0.01
    if K >= 64:
        assert close > 0.5
        assert single == 0


# ------------------------------------------------------------------ any memory, bad memories


def test_ten_lines_go_through_everything():
    found = find_attractors(Toy(), grid([-1, -1, -1], [1, 1, 1], 4))
    assert len(found) == 8  # the corners
    assert found.counts.tolist() == [8] * 8
    assert {*found.kind} == {"memory", "inverse", "spurious"}
    assert found.kind.count("memory") == found.kind.count("inverse") == 2
    assert np.isnan(found.k_eff).all()
    kinds = sum(found.count(kind) for kind in KINDS)
    assert kinds == len(found.labels) == 64
    record = json.loads(json.dumps(found.to_dict()))
    assert record["counts"] == [8] * 8
    assert record["measure"] == "grid on the box [-1, 1]³"
    assert basin_fractions(Toy(), cues(Toy(), 0.5, 20, seed=0)).fractions.sum() == 1


def test_the_seed_reproduces_and_the_starts_are_untouched():
    memory, states = hebb(20 / 60, 60, seed=0), random_patterns(200, 60, seed=1)
    kept = states.clone()
    one, two, other = (find_attractors(memory, states, seed=s) for s in (3, 3, 4))
    assert torch.equal(one.labels, two.labels)
    assert torch.equal(one.states, two.states)
    assert not torch.equal(one.states, other.states)  # asynchronous orders differ
    assert torch.equal(states, kept)
    assert one.states.dtype == memory.patterns.dtype
    assert find_attractors(memory, states.numpy(), seed=3).counts.tolist() == one.counts.tolist()


def test_a_memory_may_answer_in_another_precision():
    toy = Toy(lambda cues: (cues.sign().double(), torch.tensor(True)))
    found = find_attractors(toy, torch.eye(3).double() + 0.5)
    assert found.states.dtype == toy.patterns.dtype == torch.float32
    assert found.kind == ("memory",)
    real = Toy(lambda cues: (0.5 * cues.sign().double(), True))
    assert find_attractors(real, torch.eye(3) + 0.5).counts.tolist() == [3]


def test_the_threshold_of_spins_is_an_overlap():
    xi = random_patterns(1, 20, seed=0)
    cue = xi.clone()
    cue[0, 0] *= -1  # overlap 0.9
    memory = Toy(lambda cues: (cues, True))
    memory.patterns = xi
    for threshold, kind in ((0.9, ("memory",)), (0.91, ("spurious",))):
        assert find_attractors(memory, cue, threshold=threshold).kind == kind
    opposite = find_attractors(memory, -cue, threshold=0.9)
    assert opposite.kind == ("inverse",)
    assert opposite.overlap == pytest.approx([-0.9])
    assert opposite.distance == pytest.approx([(2 + 2 * 0.9) ** 0.5])


# ------------------------------------------------------------------ matching


def test_a_mean_near_minus_a_memory_is_no_inverse():
    """The weights are known, so that it is what they say: here all of the points."""
    xi = torch.tensor([[-0.1, 0.0], [3.0, 1.0], [-2.7, -1.0]], dtype=torch.float64)
    memory = as_memory(EmpiricalDenoiser(xi), sigma=9.0)
    found = find_attractors(memory, xi)
    assert (found.states[0] + xi[0]).abs().max() < 0.2  # −ξ⁰, as the spread of the data sees it
    assert found.kind == ("global",)
