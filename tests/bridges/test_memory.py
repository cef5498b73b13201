"""One contract for every memory, whatever kind it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from known import Toy, sphere

from bridges import Memory, as_memory, retrieval_map
from bridges.data import pattern_set
from bridges.memory.cueing import recall, recall_near, recalled_along
from bridges.models import MODELS, Options
from diffusion import EmpiricalDenoiser
from hopfield import DenseMemory, HopfieldNetwork, hebbian, random_patterns

# three ones of 24, a network at rest, images
OPTIONS = Options(activity=1 / 8, temperature=0.0, shape=(4, 6))
OF_FEATURES = replace(OPTIONS, beta=0.25, features=4000)  # cues have a signal e^{−βr²/2} ≫ √(P/2Y)
SEQUENCES = ("sequence", "dense-sequence")
WINDOWS = ("local", "equivariant")
WITHOUT_ENERGY = ("flow", "sde", "nearest", "kernel", "willshaw", *SEQUENCES, *WINDOWS)
RANDOM_ORDER = ("covariance", "potts", "thermal", "clamped")


def options_of(name):
    return OF_FEATURES if name == "random-features" else OPTIONS


def patterns_for(kind, dtype=torch.float64):
    if kind in ("sparse", "colours"):
        return pattern_set("random", kind, 6, 24, 0, coding=OPTIONS.coding).to(dtype)
    return {"binary": random_patterns, "real": sphere, "stored": sphere}[kind](6, 24, seed=0).to(
        dtype
    )


def likeness(name, cues, patterns):
    """What the overlap of a cue is for a memory, and in what steps it can be had."""
    if name == "willshaw":  # k of K ones are left, cosine √(k/K): its square
        return torch.cosine_similarity(cues, patterns) ** 2, 1 / 3
    if name == "clamped":
        return (cues * patterns).mean(1), 1 / 24
    if name == "bam":
        return torch.cosine_similarity(cues[:, :12], patterns[:, :12]), 1 / 6
    steps = {"covariance": 1 / 3, "potts": 1 / 24}.get(name, 1 / 12)
    return torch.cosine_similarity(cues, patterns), steps


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


@pytest.fixture
def model(name):
    return MODELS[name]


@pytest.fixture
def memory(name, model):
    return model.build(patterns_for(model.kind), options_of(name), 0)


def cue(memory, overlap=0.8, copies=4):
    patterns = memory.patterns.repeat(copies, 1)
    return memory.corrupt(patterns, overlap, generator(3))


def test_it_is_a_memory(memory):
    assert isinstance(memory, Memory)
    assert as_memory(memory) is memory


def test_cues_have_the_overlap_that_was_asked_for(name, memory):
    for overlap in (0.3, 0.6, 1.0):
        patterns = memory.patterns.repeat(500, 1)
        cues = memory.corrupt(patterns, overlap, generator())
        found, steps = likeness(name, cues, patterns)
        wanted = max(1 / 3, overlap**2) if name == "willshaw" else overlap  # one is left
        if memory.patterns.unique().numel() == 2:
            assert (found - wanted).abs().max() <= steps / 2 + 1e-12  # to the nearest site
        else:
            # E cos of a noisy cue at N = 24 lies below its large-N value by O(1/N)
            assert found.mean().item() == pytest.approx(overlap, abs=0.02)


def test_the_energy_falls_where_there_is_one(name, memory):
    cues = cue(memory, 0.5)
    before = memory.energy(cues)
    if name in WITHOUT_ENERGY:
        assert before is None
        return
    after = memory.energy(recall(memory, cues, 0.5, generator()).states)
    assert (after <= before + 1e-9).all()


def test_what_is_retrieved_stays(name, memory):
    if name in SEQUENCES:  # goes on
        return
    states, converged = recall(memory, cue(memory), 0.8, generator())
    assert converged.all()
    again = recall(memory, states, 1.0, generator()).states
    assert torch.allclose(again, states, atol=1e-6)


def test_a_trajectory_leads_from_the_cue_to_what_is_retrieved(memory):
    for overlap in (0.3, 0.8, 1.0):
        cues, one, two = cue(memory, overlap), generator(7), generator(7)
        path = recalled_along(memory, cues, overlap, one)
        assert torch.equal(path[0], cues)
        assert torch.equal(path[-1], recall(memory, cues, overlap, two).states)
        assert torch.equal(one.get_state(), two.get_state())  # no more is drawn than there


def test_the_energy_never_rises_on_the_way(memory):
    """All couplings here are symmetric, and asynchronous at T = 0; the others descend."""
    path = recalled_along(memory, cue(memory, 0.3), 0.3, generator())
    energies = [memory.energy(states) for states in path]
    if energies[0] is not None:
        assert (torch.stack(energies).diff(dim=0) <= 1e-9).all()


def test_seed_reproduces(memory):
    cues = cue(memory, 0.3)
    one, two = (recall(memory, cues, 0.3, generator(7)).states for _ in range(2))
    assert torch.equal(one, two)


@pytest.mark.parametrize("dynamics", ["flow", "sde"])
def test_a_reverse_process_starts_from_a_given_noise_level(dynamics):
    xi = patterns_for("real")
    denoiser = EmpiricalDenoiser(xi)
    starts = 3 * torch.randn(40, 24, generator=generator(), dtype=torch.float64)
    fixed = as_memory(denoiser, dynamics=dynamics, sigma=3.0)
    states = [recall(fixed, starts, m, generator(5)).states for m in (0.2, 0.9)]
    assert torch.equal(*states)  # whatever the overlap is said to be
    own = as_memory(denoiser, dynamics=dynamics)  # |ξ|² = N: s = 3 at m = 1/√10
    same = recall(own, starts, 10**-0.5, generator(5)).states
    assert torch.allclose(states[0], same, atol=1e-6)
    for m in (0.2, 1.0):  # near an attractor only the small noise is left to remove
        again = recall_near(fixed, xi + 1e-3, 1e-3, m, generator()).states
        assert torch.allclose(again, xi, atol=1e-6)


def test_weights_are_those_that_make_the_update():
    xi = patterns_for("real")
    cues = xi + 0.3
    for memory in (
        as_memory(EmpiricalDenoiser(xi), sigma=1.5),
        as_memory(DenseMemory(xi, beta=0.4)),
        as_memory(DenseMemory(xi, "entmax", beta=0.05)),
        as_memory(DenseMemory(xi, "log-sum-relu", beta=0.03)),  # several patterns within ρ
    ):
        weights = memory.weights(cues, 0.5)
        assert torch.allclose(weights @ xi, memory.step(cues, 0.5))
    for interaction in ("polynomial", "random-features"):
        assert as_memory(DenseMemory(xi, interaction, seed=0)).weights(cues, 0.5) is None
    assert as_memory(lambda x, sigma: x, xi).weights(cues, 0.5) is None
    assert as_memory(EmpiricalDenoiser(xi), xi[:3]).weights(cues, 0.5) is None  # of other patterns


@pytest.mark.parametrize("scale", [0.1, 30.0])
def test_real_cues_have_their_overlap_at_any_scale(scale):
    xi = scale * sphere(6, 400, seed=0)
    for dynamics in ("fixed-noise", "flow"):
        memory = as_memory(EmpiricalDenoiser(xi), dynamics=dynamics)
        cues = memory.corrupt(xi.repeat(50, 1), 0.6, generator())
        cosine = torch.cosine_similarity(cues, xi.repeat(50, 1))
        assert cosine.mean().item() == pytest.approx(0.6, abs=4 * 0.03 / 300**0.5)
        # and the dynamics starts at their level: the cue comes home
        assert torch.allclose(memory.retrieve(cues, 0.6).states, xi.repeat(50, 1), atol=scale / 100)


def test_a_network_that_learns_is_a_denoiser_too():
    xi = patterns_for("real", dtype=torch.float32)

    class Shrink(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, x, sigma):
            return self.scale * x / (1 + sigma**2)

    for dynamics in ("fixed-noise", "flow", "sde"):
        memory = as_memory(Shrink(), xi.double(), dynamics)
        found = retrieval_map(memory, [0.8], trials=12, seed=0)
        assert np.isfinite(found.overlap_out).all()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "sde"])
def test_a_batch_equals_a_loop(name):
    """But for the SDE, where every row has noise of its own."""
    model = MODELS[name]
    memory = model.build(patterns_for(model.kind), options_of(name), 0)
    if model.kind == "binary":
        memory.dynamics = "synchronous"  # no random order
    cues = cue(memory, 0.6)

    def ends(rows):
        if name in (*RANDOM_ORDER, "random-features"):  # rounding grows where there is no signal
            return memory.step(rows, 0.6)
        return recall(memory, rows, 0.6, generator()).states

    batch, loop = ends(cues), torch.cat([ends(c[None]) for c in cues])
    assert torch.allclose(batch, loop, atol=1e-9)


def test_dtype_follows_and_the_callers_tensor_is_untouched(model):
    xi = patterns_for(model.kind, dtype=torch.float32)
    memory = model.build(xi, OPTIONS, 0)
    cues = memory.corrupt(xi, 0.7, generator())
    copies = xi.clone(), cues.clone()
    states = recall(memory, cues, 0.7, generator()).states
    assert states.dtype == torch.float32
    assert states.device == cues.device
    assert torch.equal(xi, copies[0])
    assert torch.equal(cues, copies[1])


def test_a_dense_sequence_holds_what_a_plain_one_loses():
    """150 patterns of 200: the degree of an energy m³ weighs them by m²."""
    xi = random_patterns(150, 200, seed=0)
    for name, found in (("sequence", 0), ("dense-sequence", 1)):
        memory = MODELS[name].build(xi, Options(steps=5, degree=3), 0)
        assert retrieval_map(memory, [0.8], trials=50, seed=0).success[0] == found


def test_at_a_temperature_a_memory_answers_and_does_not_rest():
    xi = random_patterns(4, 200, seed=0)
    warm = MODELS["thermal"].build(xi, Options(temperature=0.5), 0)
    states, converged = recall(warm, xi, 1.0, generator())
    assert converged.all()
    assert not torch.equal(recall(warm, states, 1.0, generator(2)).states, states)


def test_ten_lines_are_a_memory():
    first = Toy(lambda cues: (Toy.patterns[[0] * len(cues)], torch.ones(len(cues), dtype=bool)))
    found = retrieval_map(as_memory(first), [0.5, 1.0], trials=30, seed=0)
    assert found.success == pytest.approx([1 / 2, 1 / 2])  # of the two patterns, at overlap 1/3
    assert found.overlap_out == pytest.approx([2 / 3, 2 / 3])
    assert found.converged == pytest.approx([1, 1])


def test_a_networks_dynamics_is_chosen():
    xi = random_patterns(30, 60, seed=0)
    network = HopfieldNetwork(hebbian(xi))
    memory = as_memory(network, xi, dynamics="synchronous")
    starts = random_patterns(100, 60, seed=1)
    cycles = network.relax(starts, "synchronous").cycles
    assert cycles.any()
    assert torch.equal(memory.retrieve(starts, 1.0).converged, ~cycles)
