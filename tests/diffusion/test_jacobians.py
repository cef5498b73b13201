"""Spectra of Jacobians: closed forms, differentiation, networks."""

import pytest
import torch
from gaussian import randn
from torch import nn

from diffusion import (
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    jacobian_spectrum,
    manifold_dimension,
    subspace_dimension,
)
from diffusion.geometry import METHODS


def scaled_network(d):
    """A small differentiable denoiser that is no gradient, and its weights."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(d, 32), nn.Tanh(), nn.Linear(32, d)).double()
    return (lambda x, sigma: net(x) / (1 + torch.as_tensor(sigma).reshape(-1, 1))), net


@pytest.mark.parametrize("count", [3, 40])  # fewer points than dimensions, and more
def test_spectrum_of_an_empirical_denoiser(count):
    denoiser = EmpiricalDenoiser(randn(count, 8))
    x, sigma = randn(5, 8, seed=1), torch.tensor([0.2, 0.5, 1.0, 2.0, 8.0])
    eye = torch.eye(8, dtype=torch.float64)
    expected = torch.linalg.eigvalsh(denoiser.jacobian(x, sigma) - eye)
    torch.testing.assert_close(jacobian_spectrum(denoiser, x, sigma), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_differentiation_finds_the_closed_form(dtype):
    data, sigma = randn(20, 6).to(dtype), torch.tensor([0.2, 0.5, 1.0, 2.0, 8.0])
    x = randn(5, 6, seed=1).to(dtype)
    for exact in (GaussianMixtureDenoiser(data, 0.3), EmpiricalDenoiser(data)):
        found = jacobian_spectrum(lambda x, sigma, exact=exact: exact(x, sigma), x, sigma)
        expected = jacobian_spectrum(exact, x, sigma)
        rounding = 1e-12 if dtype == torch.float64 else 1e-4
        torch.testing.assert_close(found, expected, rtol=0, atol=rounding)


def test_differentiation_of_a_network_against_finite_differences():
    denoiser, _ = scaled_network(6)
    x, h = randn(3, 6, seed=1), 1e-6
    columns = [
        (denoiser(x + h * e, 0.5) - denoiser(x - h * e, 0.5)) / (2 * h)
        for e in torch.eye(6, dtype=x.dtype)
    ]
    tj = torch.stack(columns, 2).detach() - torch.eye(6, dtype=x.dtype)
    spectrum = jacobian_spectrum(denoiser, x, 0.5)
    singular = torch.linalg.svdvals(tj).sort(1).values
    torch.testing.assert_close(spectrum.abs().sort(1).values, singular, rtol=1e-7, atol=1e-8)
    trace = manifold_dimension(denoiser, x, 0.5, "effective").value
    torch.testing.assert_close(trace, 6 + torch.einsum("bii->b", tj), rtol=1e-7, atol=1e-8)
    basis = torch.linalg.qr(randn(6, 2, seed=3)).Q
    along = subspace_dimension(denoiser, x, 0.5, [basis]).squeeze(1)
    expected = 2 + torch.einsum("dm,bde,em->b", basis, tj, basis)
    torch.testing.assert_close(along, expected, rtol=1e-7, atol=1e-8)


def test_a_network_of_single_precision_sees_no_other():
    net = nn.Linear(10, 9)

    def denoiser(x, sigma):
        return net(torch.cat([x, sigma[:, None]], 1))  # fails on float64

    x = randn(3, 9).float()
    assert jacobian_spectrum(denoiser, x, 0.5).dtype == torch.float32
    for method in METHODS:
        found = manifold_dimension(denoiser, x, 0.5, method, seed=0)
        assert found.value.shape == (3,)
        assert not found.value.requires_grad


@pytest.mark.parametrize("sigma", [1e-8, 1e-5, 1e-3, 0.3])
def test_a_trace_at_small_noise_is_that_of_the_points_that_matter(sigma):
    data = torch.randint(0, 255, (50, 20), generator=torch.Generator().manual_seed(0))
    denoiser = EmpiricalDenoiser(data.to(torch.uint8))
    x = data[:5].double()
    if sigma > 0.1:  # two points at the same distance, which less noise tells apart by rounding
        x = torch.cat([x, x[:2].mean(0, keepdim=True)])
    near = torch.cdist(x, data.double()).square()
    weights = torch.softmax(-near / (2 * sigma**2), 1)
    away = data.double() - (weights @ data.double())[:, None]
    expected = (weights * away.square().sum(2)).sum(1) / sigma**2
    found = denoiser.jacobian_trace(x, sigma)
    torch.testing.assert_close(found, expected.to(found), rtol=1e-6, atol=1e-4)
    given = denoiser.trace_of_weights(x, sigma, weights)
    torch.testing.assert_close(given, expected.to(given), rtol=1e-6, atol=1e-4)


def test_differentiation_leaves_no_trace():
    denoiser, net = scaled_network(4)
    x = randn(2, 4)
    with torch.no_grad():
        found = jacobian_spectrum(denoiser, x, 1.0)
    assert not found.requires_grad
    assert not x.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())


def test_blocks_of_backward_passes_add_up(monkeypatch):
    denoiser, _ = scaled_network(7)
    x = randn(3, 7)
    whole = [jacobian_spectrum(denoiser, x, 1.0), manifold_dimension(denoiser, x, 1.0).value]
    monkeypatch.setattr("diffusion._jacobians._NUMBERS", 50)  # two rows at a time
    parts = [jacobian_spectrum(denoiser, x, 1.0), manifold_dimension(denoiser, x, 1.0).value]
    torch.testing.assert_close(parts, whole)


class OneByOne(torch.autograd.Function):
    """x → x³ whose backward pass reads numbers, which no batch of passes can."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, slope):
        (x,) = ctx.saved_tensors
        return torch.tensor(slope.tolist(), dtype=x.dtype) * 3 * x**2


def test_layers_without_a_batched_backward_pass_are_differentiated_too():
    x = randn(3, 4)
    found = jacobian_spectrum(lambda x, sigma: OneByOne.apply(x), x, 1.0)
    torch.testing.assert_close(found, (3 * x**2 - 1).sort(1).values)
