import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from gaussian import randn

from diffusion import EmpiricalDenoiser


def log_weights(data, x, sigma):
    """Explicit distances, nothing shared with the implementation."""
    return -((x[:, None] - data) ** 2).sum(2) / (2 * sigma**2)


@pytest.mark.parametrize("sigma", [0.05, 0.7, 4.0])
def test_against_explicit_distances(sigma):
    data, x = 3 + randn(40, 6), 3 + randn(11, 6, seed=1)
    denoiser = EmpiricalDenoiser(data)
    logits = log_weights(data, x, sigma)
    weights = torch.softmax(logits, 1)
    mean = weights @ data
    density = torch.logsumexp(logits, 1) - math.log(40) - 3 * math.log(2 * math.pi * sigma**2)
    assert (denoiser.weights(x, sigma) - weights).abs().max() < 1e-12
    assert (denoiser(x, sigma) - mean).abs().max() < 1e-12
    assert (denoiser.score(x, sigma) - (mean - x) / sigma**2).abs().max() < 1e-9
    assert (denoiser.log_density(x, sigma) - density).abs().max() < 1e-9
    spread = data[None] - mean[:, None]
    cov = torch.einsum("bn,bni,bnj->bij", weights, spread, spread)
    assert (denoiser.jacobian(x, sigma) - cov / sigma**2).abs().max() < 1e-11


def test_score_and_jacobian_are_derivatives():
    data, x = randn(30, 4), randn(5, 4, seed=1).requires_grad_()
    denoiser = EmpiricalDenoiser(data)
    (score,) = torch.autograd.grad(denoiser.log_density(x, 0.6).sum(), x)
    assert (denoiser.score(x.detach(), 0.6) - score).abs().max() < 1e-11
    jacobian = torch.autograd.functional.jacobian(lambda y: denoiser(y[None], 0.6)[0], x[0])
    assert (denoiser.jacobian(x.detach(), 0.6)[0] - jacobian).abs().max() < 1e-12


def test_log_density_is_normalised():
    denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [0.5], [2.0]], dtype=torch.float64))
    grid = torch.linspace(-12, 14, 20001, dtype=torch.float64)[:, None]
    density = denoiser.log_density(grid, 0.8).exp()
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1, abs=1e-9)


def test_one_noise_level_a_row():
    denoiser, x = EmpiricalDenoiser(randn(20, 3)), randn(4, 3, seed=1)
    sigma = torch.tensor([0.1, 0.5, 1.0, 3.0])
    for method in (denoiser, denoiser.log_density, denoiser.weights, denoiser.jacobian):
        rows = torch.cat([method(x[k : k + 1], float(sigma[k])) for k in range(4)])
        assert torch.allclose(method(x, sigma), rows, atol=1e-12)


def test_blocks_do_not_change_the_result(monkeypatch):
    data, x = randn(300, 5), randn(9, 5, seed=1)
    denoiser = EmpiricalDenoiser(data)
    fused, density = denoiser(x, 0.5), denoiser.log_density(x, 0.5)
    monkeypatch.setattr("diffusion._attention._ROWS", 4)
    monkeypatch.setattr("diffusion._attention._BYTES", 800)
    assert torch.allclose(denoiser.log_density(x, 0.5), density, atol=1e-12)
    keys, beta = denoiser._keys, torch.full((9, 1), 4.0, dtype=torch.float64)
    folded = keys._averaged(x, beta, torch.float64)[:, :-1] + keys.centre
    assert (folded - fused).abs().max() < 1e-13


@pytest.mark.parametrize("sigma", [1e-3, 1e-2, 0.3, 2.0])
def test_single_precision_stays_accurate(sigma):
    """Logits of size |ξ|²/σ² would lose all their digits at the smallest of these."""
    data, x = 5 * randn(200, 50), 5 * randn(20, 50, seed=1)
    x = data[:20] + sigma * x / 5
    exact = EmpiricalDenoiser(data)
    single = EmpiricalDenoiser(data.float())
    assert single(x.float(), sigma).dtype == torch.float32
    assert (single(x.float(), sigma) - exact(x.float().double(), sigma)).abs().max() < 2e-3
    weights = single.weights(x.float(), sigma) - exact.weights(x.float().double(), sigma)
    assert weights.abs().max() < 2e-3


def test_extreme_noise_levels_stay_finite():
    denoiser = EmpiricalDenoiser(randn(50, 8))
    x = 1e3 * randn(5, 8, seed=1)
    for sigma in (1e-8, 1e-3, 1e8):
        for method in (denoiser, denoiser.score, denoiser.log_density, denoiser.jacobian):
            assert torch.isfinite(method(x, sigma)).all()
    assert torch.allclose(denoiser(x, 1e9), denoiser.data.mean(0).expand(5, 8), atol=1e-6)
    nearest = torch.cdist(x, denoiser.data).argmin(1)
    assert torch.allclose(denoiser(x, 1e-6), denoiser.data[nearest], atol=1e-12)


def test_posterior_draws_have_the_posterior_law():
    data = randn(30, 2)
    denoiser, x = EmpiricalDenoiser(data), randn(2, 2, seed=1)
    draws = denoiser.posterior_sample(x.repeat_interleave(40000, 0), 0.7, seed=0)
    for k in range(2):
        drawn = (draws[k * 40000 : (k + 1) * 40000, None] == data).all(2).double().mean(0)
        law = denoiser.weights(x[k : k + 1], 0.7)[0]
        error = (law * (1 - law) / 40000).sqrt()
        assert ((drawn - law).abs() < 4.5 * error + 1e-4).all()  # 30 weights at a time


def test_duplicates_single_points_and_empty_batches():
    twice = EmpiricalDenoiser(torch.tensor([[1.0, 2.0], [1.0, 2.0]]))
    assert torch.allclose(twice.weights(torch.zeros(1, 2), 1.0), torch.full((1, 2), 0.5))
    one = EmpiricalDenoiser(np.array([[1.0, 2.0]]))
    assert torch.equal(one(torch.zeros(3, 2), 0.1), one.data.expand(3, 2))
    assert (one.jacobian(torch.zeros(1, 2), 0.1) == 0).all()
    empty = torch.zeros(0, 2)
    assert one(empty, 1.0).shape == (0, 2)
    assert one.log_density(empty, 1.0).shape == (0,)
    assert one.posterior_sample(empty, 1.0).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d, x: EmpiricalDenoiser(x[:0]), "data must hold at least one point"),
        (lambda d, x: EmpiricalDenoiser(x[0]), r"data must have shape \(rows, d\)"),
        (lambda d, x: EmpiricalDenoiser(x * torch.nan), "data must be finite, got 6 NaN"),
        (lambda d, x: d(x[:, :2], 1.0), r"x must have shape \(rows, 3\), got \(2, 2\)"),
        (lambda d, x: d(x, 0.0), "sigma must be positive and finite, got 0"),
        (lambda d, x: d(x, 1e-160), "sigma must lie in"),
        (lambda d, x: d.score(x, -1.0), "sigma must be positive and finite, got -1"),
        (lambda d, x: d.log_density(x, torch.ones(3)), "sigma must be a number or have shape"),
        (lambda d, x: d.jacobian(x * torch.inf, 1.0), "x must be finite"),
        (lambda d, x: d(x.double() * 1e300, 1.0), "x must be finite in torch.float32, got entries"),
    ],
)
def test_bad_input_is_named(call, message):
    x = torch.ones(2, 3)
    with pytest.raises(ValueError, match=message):
        call(EmpiricalDenoiser(x), x)


def test_data_with_gradients_are_taken_as_they_are():
    data = torch.ones(2, 3, requires_grad=True)
    assert not EmpiricalDenoiser(data)(torch.zeros(1, 3), 1.0).requires_grad


@pytest.mark.slow
def test_memory_does_not_grow_with_batch_times_points(tmp_path):
    """200 MB beyond 128 MB of data; the full softmax would take 2 GB."""
    code = """
import torch
from diffusion import EmpiricalDenoiser
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
x, data = torch.randn(1024, 64), torch.randn(500_000, 64)
EmpiricalDenoiser(data[:1000])(x, 1.0)
before = peak()
exact = EmpiricalDenoiser(data)
exact(x, 1.0), exact.log_density(x, 1.0), exact(x, 1e-4)
print((peak() - before) / 1000)
"""
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert float(done.stdout) < 200


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_below_all_normal_numbers_are_zero_and_nothing_else_changes(dtype):
    """Products of subnormal numbers are slow; far points have such weights at small noise."""
    points = torch.linspace(0, 60, 400, dtype=dtype)[:, None]
    x = torch.tensor([[0.0], [30.0]], dtype=dtype)
    denoiser = EmpiricalDenoiser(points)
    weights = denoiser.weights(x, 1.0)
    own = torch.softmax(-((x.double() - points.double().T) ** 2) / 2, 1)
    subnormal = (own < torch.finfo(dtype).tiny) & (own > 0)
    assert subnormal.any()
    assert (weights[own < torch.finfo(dtype).tiny / 2] == 0).all()
    assert (weights[weights > 0] >= torch.finfo(dtype).tiny).all()
    error = 3600 * torch.finfo(dtype).eps  # of the largest logit
    assert torch.allclose(weights.double(), own, rtol=error, atol=1e-37)
    assert torch.allclose(denoiser(x, 1.0).double(), own @ points.double(), rtol=0, atol=error)
