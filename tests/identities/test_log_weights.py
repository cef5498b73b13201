"""A weighted dense memory and the denoiser of weighted data are one object."""

import math

import pytest
import torch

from bridges import as_memory
from bridges.equivalence import dense_memory_of, energy_of_log_density
from bridges.identities import identities
from diffusion import EmpiricalDenoiser


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


XI, X, A = normal(9, 5), normal(20, 5, seed=1), 2 * normal(9, seed=2)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 3.0])
def test_all_identities_hold_with_log_weights(sigma):
    found = identities(XI, X, sigma, A).to_dict()
    assert max(value for name, value in found.items() if name != "norm_bias") < 1e-9
    same = XI / XI.norm(dim=1, keepdim=True)
    assert identities(same, X, sigma, A).norm_bias < 1e-9


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_both_adapters_have_the_same_energy_weights_and_attractors(sigma):
    denoiser = EmpiricalDenoiser(XI, A)
    one = as_memory(denoiser, sigma=sigma)
    other = as_memory(dense_memory_of(denoiser, sigma))
    assert (one.energy(X) - other.energy(X)).abs().max() < 1e-9
    assert (one.weights(X, 1.0) - other.weights(X, 1.0)).abs().max() < 1e-12
    ends = one.retrieve(X, 1.0).states, other.retrieve(X, 1.0).states
    assert (ends[0] - ends[1]).abs().max() < 1e-6
    assert one.temperature == pytest.approx(other.temperature)
    again = [each.reweighted(-A) for each in (one, other)]
    assert (again[0].energy(X) - again[1].energy(X)).abs().max() < 1e-9
    assert (again[0].energy(X) - one.energy(X)).abs().max() > 0.1  # and the first is as it was


def test_the_energy_has_the_mass_of_the_weights_as_its_constant():
    """One pattern of log-weight a at the state itself: E = −σ²a."""
    denoiser = EmpiricalDenoiser(XI[:1], [0.7])
    log_density = denoiser.log_density(XI[:1], 0.5)
    found = energy_of_log_density(log_density, 0.5, 1, 5, torch.tensor([0.7]))
    assert float(found) == pytest.approx(-0.25 * 0.7)
    with pytest.raises(ValueError, match=r"log_weights must have shape \(2,\), got \(1,\)"):
        energy_of_log_density(log_density, 0.5, 2, 5, torch.tensor([0.7]))
    equal = energy_of_log_density(log_density, 0.5, 2, 5, torch.zeros(2))
    assert float(equal) == pytest.approx(float(energy_of_log_density(log_density, 0.5, 2, 5)))
    assert math.isfinite(float(equal))
