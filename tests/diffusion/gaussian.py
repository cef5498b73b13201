"""Normal numbers, noised data points, and means with their errors."""

import torch

from diffusion import EmpiricalDenoiser, LinearManifoldDenoiser, manifold_factors

TWO = ((2, 2), (1.0, 0.01))  # dimensions and variances of subspaces


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def mean_sem(values):
    values = torch.as_tensor(values, dtype=torch.float64)
    return float(values.mean()), float(values.std() / len(values) ** 0.5)


def manifold(case, d=50):
    return LinearManifoldDenoiser(manifold_factors(d, *case, seed=0))


def planted(exact, P, t, seed, count=30):
    """The empirical denoiser of P points of the manifold, and noised points of its data."""
    generator = torch.Generator().manual_seed(seed)
    data = exact.draw(P, generator)
    own = data.repeat(-(-count // P), 1)[:count]
    noise = torch.randn(own.shape, generator=generator, dtype=own.dtype)
    return EmpiricalDenoiser(data), own + t**0.5 * noise
