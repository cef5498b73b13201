"""The dictionary between dense memories and denoisers, bridged both ways."""

import math

import pytest
import torch

from bridges import as_memory, equivalence, retrieval_map
from bridges.equivalence import noise_of_overlap, overlap_of_noise
from bridges.identities import identities
from diffusion import EmpiricalDenoiser
from hopfield import DenseMemory, random_patterns


def ensemble(name, P, N, seed):
    if name == "binary":
        return random_patterns(P, N, seed=seed)
    xi = torch.randn(P, N, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return xi if name == "gaussian" else xi * (N**0.5 / xi.norm(dim=1, keepdim=True))


@pytest.mark.parametrize("name", ["gaussian", "spherical", "binary"])
@pytest.mark.parametrize("sigma", [0.3, 0.8, 1.2, 3.0])
def test_identities_one_to_six(name, sigma):
    xi = ensemble(name, 60, 20, 0)
    states = ensemble(name, 40, 20, 1) + 0.5 * ensemble("gaussian", 40, 20, 2)
    found = identities(xi, states, sigma).to_dict()
    bias = found.pop("norm_bias")
    assert max(found.values()) < 1e-10, found
    if name == "gaussian":
        assert bias > 0.1  # b = 0 is another memory
    else:
        assert bias < 1e-10


def test_without_its_correction_the_memory_has_a_tilted_prior():
    """b = 0 weights pattern μ by exp(β|ξ|²/2) before it sees the state."""
    xi, x = ensemble("gaussian", 50, 10, 0), ensemble("gaussian", 5, 10, 1)
    beta = 0.8
    distances = ((x[:, None] - xi) ** 2).sum(2)
    tilted = torch.softmax(beta * (xi**2).sum(1) / 2 - beta * distances / 2, 1) @ xi
    step = DenseMemory(xi, beta=beta, norm_correction=False).step(x)
    assert (step - tilted).abs().max() < 1e-12
    assert (step - EmpiricalDenoiser(xi)(x, beta**-0.5)).abs().max() > 0.1


@pytest.mark.parametrize("name", ["gaussian", "spherical", "binary"])
@pytest.mark.parametrize("sigma", [0.8, 1.2])
def test_a_memory_and_a_denoiser_iterate_to_equal_states(name, sigma):
    xi = ensemble(name, 2000, 30, 0)
    x = y = xi[:200] + sigma * ensemble("gaussian", 200, 30, 1)
    memory, denoiser = DenseMemory(xi, beta=sigma**-2), EmpiricalDenoiser(xi)
    for _ in range(30):
        x, y = memory.step(x), y + sigma**2 * denoiser.score(y, sigma)
    assert torch.allclose(x, y, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["gaussian", "spherical", "binary"])
def test_a_memory_and_a_denoiser_retrieve_equally(name):
    xi, overlaps = ensemble(name, 400, 24, 3), [0.5, 0.7, 0.9]
    maps = [
        retrieval_map(memory, overlaps, trials=300, criterion=criterion, seed=0)
        for criterion in ("fixed-point", "one-step")
        for memory in (
            as_memory(DenseMemory(xi, beta=1.0)),
            as_memory(EmpiricalDenoiser(xi), dynamics="fixed-noise", sigma=1.0),
        )
    ]
    for dense, denoised in (maps[:2], maps[2:]):
        assert (dense.success == denoised.success).all()
        assert abs(dense.overlap_out - denoised.overlap_out).max() < 1e-10
    assert maps[0].success[0] < maps[0].success[2]  # the question is not trivial


def test_energies_of_the_two_adapters_agree():
    xi, x = ensemble("gaussian", 30, 8, 0), ensemble("gaussian", 6, 8, 1)
    dense = as_memory(DenseMemory(xi, beta=0.5))
    denoised = as_memory(EmpiricalDenoiser(xi), dynamics="fixed-noise", sigma=math.sqrt(2))
    assert torch.allclose(dense.energy(x), denoised.energy(x), atol=1e-12)
    assert as_memory(EmpiricalDenoiser(xi), dynamics="flow").energy(x) is None


def test_overlap_and_noise_are_inverse_and_true():
    for m in (0.05, 0.3, 0.8, 1.0):
        assert overlap_of_noise(noise_of_overlap(m)) == pytest.approx(m, abs=1e-12)
    xi = ensemble("spherical", 200, 2000, 0)
    noised = xi + noise_of_overlap(0.4) * ensemble("gaussian", 200, 2000, 1)
    cosine = torch.cosine_similarity(noised, xi, dim=1)
    assert cosine.mean().item() == pytest.approx(0.4, abs=4 * 0.02 / 200**0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: noise_of_overlap(0.0), r"overlap must lie in \(0, 1\]"),
        (lambda: overlap_of_noise(-1.0), "noise must lie in"),
        (
            lambda: equivalence.dense_memory_of(EmpiricalDenoiser(torch.ones(1, 1)), 0.0),
            "sigma must lie in",
        ),
        (lambda: identities(torch.ones(2, 3), torch.ones(2, 4), 1.0), "states must"),
        (
            lambda: equivalence.energy_of_log_density(torch.zeros(1), 1.0, 0, 3),
            "patterns must be a whole number",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
