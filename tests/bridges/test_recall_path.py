"""The states on the way, against steps that are made by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from known import Toy, sphere

from bridges import Retrieval, as_memory, recall_path
from bridges.memory.prompts import PromptedMemory
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser
from diffusion.samplers import geometric_levels
from hopfield import DenseMemory, HopfieldNetwork, hebbian, random_patterns


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def test_one_pattern_is_found_in_one_sweep_whatever_the_order():
    xi = random_patterns(1, 50, seed=0)
    memory = as_memory(HopfieldNetwork(hebbian(xi)), xi)
    found = recall_path(memory, memory.corrupt(xi.repeat(4, 1), 0.2, generator()), seed=0)
    assert found.states.shape == (2, 4, 50)
    assert torch.equal(found.states[1], xi.repeat(4, 1))
    assert found.overlap[0].tolist() == pytest.approx([0.2] * 4)
    assert found.energy[1].tolist() == pytest.approx([-(50 - 1) / 2] * 4)  # E = −(N − 1)/2
    assert found.steps.tolist() == [1] * 4


def test_synchronous_states_are_those_of_the_sign_of_the_fields():
    xi = random_patterns(12, 60, seed=0)
    couplings = hebbian(xi)
    memory = as_memory(HopfieldNetwork(couplings), xi, dynamics="synchronous")
    starts = random_patterns(30, 60, seed=1)
    path = memory.trajectory(starts, 1.0)
    assert len(path) > 4
    J, states = couplings.numpy(), starts.numpy()
    ended = np.zeros(30, dtype=bool)  # at a fixed point, or in a 2-cycle, of which one state stays
    before = np.zeros_like(states)
    for one in path[1:].numpy():
        fields = states @ J.T
        following = np.where(np.abs(fields) < 1e-12, states, np.sign(fields))
        following[ended] = states[ended]
        assert (one == following).all()
        ended |= (following == states).all(1) | (following == before).all(1)
        before, states = states, following
    assert torch.equal(path[-1], memory.retrieve(starts, 1.0).states)
    assert not memory.retrieve(starts, 1.0).converged.all()  # some are in 2-cycles


def test_a_flow_passes_the_states_of_heuns_rule_at_its_levels():
    denoiser = EmpiricalDenoiser(sphere(6, 24, seed=0))
    memory = as_memory(denoiser, dynamics="flow", steps=7)
    cues = memory.corrupt(memory.patterns, 0.6, generator())
    found = recall_path(memory, cues, 0.6, patterns=memory.patterns, seed=0)
    assert found.levels[0] == pytest.approx(4 / 3)  # √(1/m² − 1)
    assert found.levels[-1] == 0
    assert len(found.levels) == len(found.states) == 8
    for k in range(6):
        a, b = found.levels[k : k + 2].tolist()
        slope = (found.states[k] - denoiser(found.states[k], a)) / a
        ahead = found.states[k] + (b - a) * slope
        other = (ahead - denoiser(ahead, b)) / b
        by_hand = found.states[k] + (b - a) * (slope + other) / 2
        assert torch.allclose(found.states[k + 1], by_hand, atol=1e-12)
    for k in range(7):  # weights are those whose mean is the denoiser
        mean = denoiser(found.states[k], float(found.levels[k]))
        assert torch.allclose(found.weights[k] @ memory.patterns, mean, atol=1e-10)
    assert torch.equal(found.weights[-1].argmax(1), found.nearest)
    assert found.energy is None


def test_updates_are_followed_with_their_weights_and_energies():
    xi = sphere(6, 24, seed=0)
    source = DenseMemory(xi, beta=0.4)
    memory = as_memory(source)
    found = recall_path(memory, xi + 0.8, patterns=xi)
    for k in range(len(found.states) - 1):
        moving = found.steps > k
        following = found.weights[k] @ xi
        assert torch.allclose(found.states[k + 1][moving], following[moving], atol=1e-10)
    assert torch.allclose(found.energy, torch.stack([source.energy(s) for s in found.states]))
    assert (found.energy.diff(dim=0) < 1e-12).all()


def test_denoising_at_a_level_is_an_update_of_the_dense_memory():
    xi = sphere(6, 24, seed=0)
    one = recall_path(as_memory(EmpiricalDenoiser(xi), sigma=0.4**-0.5), xi + 0.8)
    other = recall_path(as_memory(DenseMemory(xi, beta=0.4)), xi + 0.8)
    assert torch.allclose(one.states, other.states, atol=1e-8)
    assert torch.allclose(one.energy, other.energy, atol=1e-8)


def test_the_way_of_single_precision_states_is_in_it():
    memory = as_memory(EmpiricalDenoiser(sphere(3, 9, 0).float()), dynamics="sde", steps=4)
    path = memory.trajectory(memory.patterns, 0.5, generator())
    assert path.dtype == torch.float32
    assert torch.equal(path[-1], memory.retrieve(memory.patterns, 0.5, generator()).states)


def test_a_prompted_way_ends_in_the_centre_of_a_class():
    classes = GaussianMixtureDenoiser([[-3.0, 0.0], [3.0, 0.0]], 1.0)
    memory = PromptedMemory(classes, 1, 1.0, "flow", 5)
    cues = torch.tensor([[0.5, 2.0], [-9.0, 0.0]], dtype=classes.means.dtype)
    found = recall_path(memory, cues, 0.3, seed=0)
    assert torch.equal(found.states[-1], memory.retrieve(cues, 0.3).states)
    assert len(found.levels) == len(found.states)


def test_cues_of_ones_own_belong_to_the_nearest_pattern():
    xi = random_patterns(4, 30, seed=0)
    memory = as_memory(HopfieldNetwork(hebbian(xi)), xi)
    cues = xi[[2, 0]].clone()
    cues[:, :3] *= -1
    found = recall_path(memory, cues)
    assert torch.equal(found.patterns, xi[[2, 0]])
    assert found.told == pytest.approx(1 - 6 / 30)  # measured
    assert recall_path(memory, cues, 0.3).told == 0.3
    images = recall_path(memory, cues.reshape(2, 5, 6))
    assert torch.equal(images.states[0], cues)


def test_a_memory_without_a_trajectory_shows_its_ends():
    found = recall_path(Toy(), torch.tensor([[0.3, -0.2, 0.9]]))
    assert found.states.tolist() == pytest.approx(torch.tensor([[[0.3, -0.2, 0.9]], [[1, -1, 1]]]))
    assert found.overlap[-1].tolist() == pytest.approx([1.0])
    assert (found.weights, found.levels) == (None, None)


class Wrong(Toy):
    def __init__(self, path):
        self.path = path

    def retrieve(self, cues, overlap):
        return Retrieval(cues, torch.ones(len(cues), dtype=torch.bool))

    def trajectory(self, cues, overlap):
        return self.path(cues)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (lambda cues: cues, r"trajectory of shape \(K, 1, 3\), got \(1, 3\)"),
        (lambda cues: torch.empty(0, 1, 3), r"got \(0, 1, 3\)"),
        (lambda cues: cues[None, :, :2], "must return states of shape"),
        (lambda cues: [cues, cues * torch.nan], "must return finite states, got NaN"),
    ],
)
def test_what_a_memory_says_of_its_way_is_checked(path, said):
    with pytest.raises(ValueError, match=said):
        recall_path(Wrong(path), torch.ones(1, 3))


def test_a_list_of_states_is_a_way():
    found = recall_path(Wrong(lambda cues: [cues, -cues, cues]), torch.ones(1, 3))
    assert found.overlap[:, 0].tolist() == pytest.approx([1, -1, 1])


def test_arguments_are_refused_by_name():
    memory = as_memory(EmpiricalDenoiser(sphere(3, 9, 0)))
    with pytest.raises(ValueError, match="cues must have shape"):
        recall_path(memory, torch.ones(2, 8))
    with pytest.raises(ValueError, match="patterns must be one per cue, got 1 for 2 cues"):
        recall_path(memory, torch.ones(2, 9), patterns=torch.ones(1, 9))
    with pytest.raises(ValueError, match=r"overlap must lie in \(0, 1\], got 0"):
        recall_path(memory, torch.ones(2, 9), 0)
    with pytest.raises(TypeError, match="memory must be a Memory"):
        recall_path(EmpiricalDenoiser(sphere(3, 9, 0)), torch.ones(2, 9))


def test_a_way_is_drawn():
    memory = as_memory(EmpiricalDenoiser(sphere(3, 9, 0)), dynamics="flow", steps=5)
    found = recall_path(memory, memory.patterns + 0.3, seed=0)
    _, ax = plt.subplots()
    assert found.plot(ax) is ax
    assert [line.get_ydata().tolist() for line in ax.lines] == found.overlap.T.tolist()
    plt.close("all")
    assert found.plot().get_ylabel() == "overlap with the pattern, $m$"


def test_levels_of_a_sampler_are_what_it_is_seen_to_pass():
    from diffusion import VE, sample

    passed = []
    denoiser = EmpiricalDenoiser(sphere(3, 9, 0))
    end = sample(
        *(denoiser, sphere(2, 9, 1), VE(), "heun", 5),
        start=2.0,
        watch=lambda sigma, y: passed.append((sigma, y.clone())),
    )
    assert [sigma for sigma, _ in passed] == geometric_levels(2.0, 0.0, 5)[1:]
    assert torch.equal(passed[-1][1], end)
