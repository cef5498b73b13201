"""Energies of memories whose denoiser knows no density: integrals of its score."""

import pytest
import torch
from known import sphere

from bridges import as_memory, find_attractors, landscape, recall_path
from diffusion import (
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    GuidedDenoiser,
    ResidualMLP,
    train_denoiser,
)
from diffusion.guidance import FeedbackGuidance, PowerLawGuidance, ProjectedGuidance


def without_density(denoiser):
    return lambda x, sigma: denoiser(x, sigma)


@pytest.mark.parametrize(("sigma", "error"), [(0.3, 5e-3), (0.6, 5e-3), (1.0, 1e-4), (2.0, 1e-9)])
def test_an_exact_score_has_the_energy_of_its_density(sigma, error):
    """At small noise the score falls in steps of σ²/|x|, which the nodes resolve in part."""
    xi = sphere(6, 24, seed=0)
    exact = EmpiricalDenoiser(xi)
    known, integrated = (as_memory(one, xi, sigma=sigma) for one in (exact, without_density(exact)))
    cues = known.corrupt(xi.repeat(3, 1), 0.6, torch.Generator().manual_seed(0))
    energy = known.energy(cues)
    found = integrated.energy(cues)
    assert (found - energy).std() < error * energy.std()
    assert known.energy_spread(cues) is None
    spread = integrated.energy_spread(cues)
    assert spread.shape == (18,)
    assert (spread < 0.1 * energy.std()).all()
    assert torch.equal(found, integrated.energy(cues))
    each = torch.cat([integrated.energy(row[None]) for row in cues])
    assert torch.allclose(found, each, atol=1e-10)  # a batch is a loop
    assert integrated.energy(cues[:0]).shape == (0,)


def test_a_gaussian_has_its_parabola_and_is_zero_at_the_mean_of_the_data():
    data = torch.tensor([[1.0, 0.0], [3.0, 0.0], [2.0, 3.0]]).double()
    gaussian = GaussianMixtureDenoiser(torch.tensor([[2.0, 1.0]]).double(), 3.0)
    memory = as_memory(without_density(gaussian), data, sigma=2.0)
    x = torch.tensor([[2.0, 1.0], [5.0, 1.0], [2.0, -3.0]]).double()
    assert memory.energy(x).tolist() == pytest.approx([0, 4 * 9 / 14, 4 * 16 / 14], abs=1e-10)


def test_what_turns_has_no_energy_and_the_spread_says_so():
    """A rotation does no work along rays, and much along other paths."""
    turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]]).double()
    data = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0], [0.0, -2.0]]).double()
    found = []
    for strength in (0.0, 0.5, 1.0):
        memory = as_memory(lambda x, sigma, e=strength: x / 2 + e * x @ turn, data, sigma=1.0)
        assert memory.energy(data).tolist() == pytest.approx([1.0] * 4)  # |x|²/4
        found.append(memory.energy_spread(data))
    assert found[0].max() < 1e-12
    assert torch.allclose(found[2], 2 * found[1])  # linear in the rotation
    assert (found[2] > 0.1).all()


def test_there_is_none_where_it_is_not_defined():
    mixture = GaussianMixtureDenoiser(2 * torch.eye(3).double(), 0.5)
    own = mixture.condition(0)
    xi, x = mixture.means, torch.zeros(2, 3).double()
    for denoiser in (PowerLawGuidance(own, mixture, 1.0), ProjectedGuidance(own, mixture, 1.0)):
        memory = as_memory(denoiser, xi, sigma=1.0)
        assert memory.energy(x) is None
        assert memory.energy_spread(x) is None
    score = without_density(mixture)
    for memory in (
        as_memory(score, xi),  # the noise of the cue: another energy for each
        as_memory(score, xi, "flow", sigma=1.0),
        as_memory(score, xi, "sde", sigma=1.0),
    ):
        assert memory.energy(x) is None


@pytest.mark.parametrize("w", [0.0, 2.0])
def test_guidance_of_constant_weight_has_that_of_both_densities(w):
    mixture = GaussianMixtureDenoiser(torch.tensor([[-1.0, 0.0], [1.0, 1.0]]).double(), 0.5)
    own, sigma = mixture.condition(1), 0.8
    memory = as_memory(GuidedDenoiser(own, mixture, w), mixture.means, sigma=sigma)
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    log_h = (1 + w) * own.log_density(x, sigma) - w * mixture.log_density(x, sigma)
    gap = memory.energy(x) + sigma**2 * log_h
    assert gap.std() < 1e-6


def test_feedback_is_a_gradient_too():
    """w is a function of the ratio ρ alone: that of the class without what spoils it."""
    means = torch.tensor([[-1.0, 0.0], [1.0, 1.0]]).double()
    whole = GaussianMixtureDenoiser(means, 0.5)
    spoilt = GaussianMixtureDenoiser(means, 0.5, torch.tensor([0.15, 0.85]))
    memory = as_memory(FeedbackGuidance(spoilt, whole, share=0.3), means, sigma=0.8)
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gap = memory.energy(x) + 0.8**2 * whole.condition(1).log_density(x, 0.8)
    assert gap.std() < 1e-5


def test_a_network_has_one_and_what_measures_it_shows_it():
    xi = sphere(4, 12, seed=0)
    small = ResidualMLP(12, width=16, depth=1, seed=0)
    network = train_denoiser(xi, network=small, steps=20, device="cpu", seed=0, quiet=True)
    memory = as_memory(network.denoiser, xi, sigma=0.7, max_sweeps=5)
    cues = memory.corrupt(memory.patterns, 0.8, torch.Generator().manual_seed(0))
    energy, spread = memory.energy(cues), memory.energy_spread(cues)
    assert torch.isfinite(energy).all()
    assert (spread > 0).all()
    path = recall_path(memory, cues, patterns=memory.patterns, seed=0)
    assert path.energy.shape == path.states.shape[:2]
    found = find_attractors(memory, cues, seed=0)
    assert (found.energy == found.energy).all()  # no NaN
    assert landscape(memory, points=5, seed=0).height_name == "energy"
