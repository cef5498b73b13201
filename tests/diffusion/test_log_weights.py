"""Log-weights of data: a point of weight k is k points, and a class of no width."""

import math

import numpy as np
import pytest
import torch
from gaussian import randn

from diffusion import (
    VE,
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    _attention,
    planted_posterior,
    sample,
)

DATA, X = 3 + randn(7, 4), 3 + randn(9, 4, seed=1)
TIMES = torch.tensor([1, 3, 2, 1, 5, 1, 2])
WEIGHTED = EmpiricalDenoiser(DATA, TIMES.double().log())
REPEATED = EmpiricalDenoiser(DATA.repeat_interleave(TIMES, 0))
SIGMAS = (0.05, 0.7, 4.0)


def measures(denoiser, x, sigma):
    axes = torch.eye(4, dtype=torch.float64)[:, :2]
    return {
        "mean": denoiser(x, sigma),
        "score": denoiser.score(x, sigma),
        "log density": denoiser.log_density(x, sigma),
        "jacobian": denoiser.jacobian(x, sigma),
        "eigenvalues": denoiser.jacobian_eigenvalues(x, sigma),
        "trace": denoiser.jacobian_trace(x, sigma),
        "along": denoiser.jacobian_along(x, sigma, axes),
    }


def agree(one, other, slack=1e-9):
    for name, value in one.items():
        size = 1 + float(other[name].double().abs().max())
        assert (value.double() - other[name].double()).abs().max() < slack * size, name


@pytest.mark.parametrize("sigma", SIGMAS)
def test_a_point_of_weight_k_is_k_points(sigma):
    agree(measures(WEIGHTED, X, sigma), measures(REPEATED, X, sigma))
    owner = torch.arange(len(DATA)).repeat_interleave(TIMES)
    apart = REPEATED.weights(X, sigma)
    together = torch.zeros(len(X), len(DATA)).double().index_add_(1, owner, apart)
    assert (WEIGHTED.weights(X, sigma) - together).abs().max() < 1e-12
    trace = WEIGHTED.trace_of_weights(X, sigma, together)
    assert (trace - WEIGHTED.jacobian_trace(X, sigma)).abs().max() < 1e-9 * (1 + trace.max())


@pytest.mark.parametrize("sigma", SIGMAS)
def test_it_is_a_mixture_of_classes_without_width(sigma):
    chances = TIMES.double() / TIMES.sum()
    mixture = GaussianMixtureDenoiser(DATA, 1e-12, chances)
    for name in ("__call__", "log_density", "jacobian"):
        one, other = (getattr(each, name)(X, sigma) for each in (WEIGHTED, mixture))
        assert (one - other).abs().max() < 1e-7 * (1 + other.abs().max()), name


@pytest.mark.parametrize("sigma", SIGMAS)
def test_keys_that_are_not_kept_and_single_precision_give_the_same(sigma, monkeypatch):
    known = measures(WEIGHTED, X, sigma)
    monkeypatch.setattr(_attention, "_KEPT", 0)
    monkeypatch.setattr(_attention, "_BYTES", 64)  # a few keys in a block
    agree(measures(EmpiricalDenoiser(DATA, TIMES.log()), X, sigma), known, 1e-6)
    agree(measures(EmpiricalDenoiser(DATA, TIMES.double().log()), X, sigma), known)
    single = EmpiricalDenoiser(DATA.float(), TIMES.double().log())
    assert single(X.float(), sigma).dtype == torch.float32
    agree(measures(single, X.float(), sigma), known, 2e-3 if sigma > 0.1 else 2e-2)


def test_data_on_disk_and_bytes_have_weights(tmp_path):
    rows = torch.randint(256, (50, 6), dtype=torch.uint8, generator=torch.Generator())
    np.save(tmp_path / "rows.npy", rows.numpy())
    weights = randn(50)
    mapped = EmpiricalDenoiser(np.load(tmp_path / "rows.npy", mmap_mode="r"), weights)
    plain = EmpiricalDenoiser(rows.double(), weights)
    x = 128 + 60 * randn(5, 6)
    assert (mapped(x, 40.0) - plain(x, 40.0)).abs().max() < 1e-9
    assert (mapped.log_density(x, 40.0) - plain.log_density(x, 40.0)).abs().max() < 1e-9


def test_what_all_weights_share_changes_nothing():
    shifted = EmpiricalDenoiser(DATA, TIMES.double().log() + 700)
    agree(measures(shifted, X, 0.7), measures(WEIGHTED, X, 0.7))
    equal = EmpiricalDenoiser(DATA, torch.full((7,), -3.0))
    agree(measures(equal, X, 0.7), measures(EmpiricalDenoiser(DATA), X, 0.7))
    large = EmpiricalDenoiser(DATA.float(), torch.linspace(0, 1e6, 7))  # beyond single precision
    assert large.weights(X.float(), 0.7)[:, -1].min() == 1
    assert EmpiricalDenoiser(DATA).log_weights is None


def test_one_noise_level_a_row_and_derivatives():
    sigma = torch.linspace(0.2, 3.0, len(X)).double()
    rows = torch.cat([WEIGHTED(X[k : k + 1], float(s)) for k, s in enumerate(sigma)])
    assert (WEIGHTED(X, sigma) - rows).abs().max() < 1e-12
    x = X.clone().requires_grad_()
    (score,) = torch.autograd.grad(WEIGHTED.log_density(x, 0.6).sum(), x)
    assert (WEIGHTED.score(X, 0.6) - score).abs().max() < 1e-10


def test_draws_and_flows_follow_the_weights():
    x = X[:1].repeat(4000, 1)
    drawn = WEIGHTED.posterior_sample(x, 1.5, seed=0)
    share = (drawn[:, None] == DATA).all(2).double().mean(0)
    weights = WEIGHTED.weights(X[:1], 1.5)[0]
    assert ((share - weights).abs() < 4 * (weights * (1 - weights) / 4000).sqrt() + 1e-9).all()
    noise = DATA.mean(0) + 100 * randn(2000, 4, seed=3)
    ends = sample(WEIGHTED, noise, VE(), "ancestral", steps=20, start=100.0, seed=0)
    share = torch.cdist(ends, DATA).argmin(1).bincount(minlength=7) / 2000
    chances = TIMES / TIMES.sum()
    assert ((share - chances).abs() < 4 * (chances * (1 - chances) / 2000).sqrt()).all()


def test_under_its_own_noise_each_point_holds_its_weight():
    """∫ p_σ w_μ dx = π_μ, by quadrature."""
    points = torch.tensor([[-1.0], [0.3], [2.0]], dtype=torch.float64)
    chances = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    grid = torch.linspace(-12, 14, 20001, dtype=torch.float64)
    weighted = EmpiricalDenoiser(points, chances.log())
    density = weighted.log_density(grid[:, None], 0.8).exp()
    held = torch.trapezoid(density[:, None] * weighted.weights(grid[:, None], 0.8), grid, dim=0)
    assert (held - chances).abs().max() < 1e-9


def test_planted_points_are_drawn_by_the_weights():
    found = planted_posterior(WEIGHTED, 1.0, draws=4000, seed=0)
    difference = found.participation - found.own_weight  # Nishimori: 0 on average
    assert abs(difference.mean()) < 4 * difference.std() / math.sqrt(4000)
    wrong = planted_posterior(WEIGHTED, 1e-3, draws=4000, seed=0)
    assert wrong.own_weight.min() > 0.999


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (torch.zeros(6), r"log_weights must have shape \(7,\), got \(6,\)"),
        (torch.zeros(7, 1), r"log_weights must have shape \(7,\), got \(7, 1\)"),
        ([0.0] * 6 + [-math.inf], "log_weights must be finite"),
        ("equal", "log_weights must be"),
    ],
)
def test_other_weights_are_refused(weights, said):
    with pytest.raises(ValueError, match=said):
        EmpiricalDenoiser(DATA, weights)
