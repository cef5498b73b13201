"""The dictionary of noise, against definitions and the formulas of others."""

import math

import numpy as np
import pytest
import torch

from bridges.equivalence import (
    MAPS,
    QUANTITIES,
    beta_elsewhere,
    energy_elsewhere,
    load_of_patterns,
    noise_of_overlap,
    overlap_of_noise,
    patterns_of_load,
    translate,
)
from diffusion import OU, EmpiricalDenoiser
from hopfield import DenseMemory, random_patterns


@pytest.mark.parametrize("rule", MAPS)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_word_is_the_inverse_of_itself(quantity, rule):
    sigma = np.array([0.6, 0.9, 1.4, 5.0])
    value = translate(sigma, "sigma", quantity, rule)
    assert value.shape == sigma.shape
    assert translate(value, quantity, "sigma", rule) == pytest.approx(sigma, rel=1e-9)
    for source in QUANTITIES:
        given = translate(sigma, "sigma", source, rule)
        assert translate(given, source, quantity, rule) == pytest.approx(value, rel=1e-9)
    one = translate(0.9, "sigma", quantity, rule)
    assert isinstance(one, float)
    assert one == pytest.approx(value[1])


def test_words_mean_what_they_say():
    """Against definitions, or against what is measured on many noisy spins."""
    sigma, generator = 0.7, torch.Generator().manual_seed(0)
    xi = random_patterns(1, 1_000_000, seed=0)
    x = xi + sigma * torch.randn(xi.shape, generator=generator, dtype=torch.float64)
    cosine = float(torch.cosine_similarity(x, xi))
    assert translate(sigma, "sigma", "cosine") == pytest.approx(cosine, abs=4e-3)
    agree = float((x.sign() * xi).mean())
    assert translate(sigma, "sigma", "overlap", "hard") == pytest.approx(agree, abs=4e-3)
    assert translate(sigma, "sigma", "flips", "hard") == pytest.approx((1 - agree) / 2, abs=2e-3)
    time = translate(sigma, "sigma", "time")
    signal, noise = float(OU().alpha(time)), float(OU().sigma(time))
    assert noise / signal == pytest.approx(sigma)
    assert translate(sigma, "sigma", "snr") == pytest.approx((signal / noise) ** 2)
    m = translate(sigma, "sigma", "overlap", "information")
    f = (1 - m) / 2
    tells = math.log(2) + f * math.log(f) + (1 - f) * math.log(1 - f)
    assert tells == pytest.approx(0.5 * math.log1p(sigma**-2))


def test_ends_of_the_scale():
    for rule in ("cosine", "hard"):
        assert overlap_of_noise(0.0, rule) == 1
        assert noise_of_overlap(1.0, rule) == 0
    assert noise_of_overlap(1.0, "information") == pytest.approx(3**-0.5)
    assert overlap_of_noise(3**-0.5, "information") == pytest.approx(1)
    assert translate(0.0, "sigma", "beta") == math.inf
    assert translate(math.inf, "beta", "time") == 0
    for rule in MAPS:  # all maps agree on what is nearly nothing, up to a factor
        assert 0 < overlap_of_noise(1e4, rule) < 2e-4


def test_loads_both_ways():
    P, N = np.array([1.0, 3.0, 3.0, 55.0, 1e4, 1e6]), np.array([1, 7, 10, 20, 30, 40])
    for kind in ("linear", "quadratic", "cubic", "exponential"):
        load = load_of_patterns(P, N, kind)
        assert patterns_of_load(load, N, kind) == pytest.approx(P)
    assert load_of_patterns(14, 100) == pytest.approx(0.14)
    assert load_of_patterns(403, 20, "exponential") == pytest.approx(math.log(403) / 20)
    assert load_of_patterns(800, 20, "quadratic") == 2


@pytest.mark.parametrize("b", [True, False])
def test_units_of_others_from_their_own_formulas(b):
    generator = torch.Generator().manual_seed(0)
    xi = torch.randn(30, 8, generator=generator, dtype=torch.float64)
    x = torch.randn(5, 8, generator=generator, dtype=torch.float64)
    beta = 0.8
    memory = DenseMemory(xi, beta=beta, norm_correction=b)
    if b:  # E_P = −(1/β_P) log Σ exp(−β_P|x − ξ|²)
        own = beta_elsewhere(beta, "pham", 8)
        theirs = -torch.logsumexp(-own * torch.cdist(x, xi) ** 2, 1) / own
        found = energy_elsewhere(memory.energy(x), "pham", beta, xi)
    else:  # E_R = −lse(β, Ξx) + |x|²/2 + ln P/β + M²/2
        own = beta_elsewhere(beta, "ramsauer", 8)
        theirs = -torch.logsumexp(own * x @ xi.T, 1) / own + x.square().sum(1) / 2
        theirs += math.log(30) / own + xi.norm(dim=1).max() ** 2 / 2
        found = energy_elsewhere(memory.energy(x), "ramsauer", beta, xi)
    assert torch.allclose(found, theirs, atol=1e-12)


def test_beta_of_attention_and_of_unit_norms():
    xi, x = random_patterns(12, 16, seed=0), random_patterns(4, 16, seed=1)
    beta = 0.3
    scale = beta_elsewhere(beta, "attention", 16) / 4  # its default is 1/√N
    attended = torch.nn.functional.scaled_dot_product_attention(
        x[None], xi[None], xi[None], scale=scale
    )
    assert torch.allclose(attended[0], DenseMemory(xi, beta=beta).step(x))
    unit = DenseMemory(xi / 4, beta=beta_elsewhere(beta, "unit-norm", 16)).step(x / 4)
    assert torch.allclose(4 * unit, DenseMemory(xi, beta=beta).step(x))
    sigma = translate(beta, "beta", "sigma")
    assert torch.allclose(EmpiricalDenoiser(xi)(x, sigma), DenseMemory(xi, beta=beta).step(x))
