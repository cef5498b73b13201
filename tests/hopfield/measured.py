"""Random numbers, and measured means with their errors, for the tests of `hopfield`."""

import math

import numpy as np
import torch


def normal(*shape, seed):
    """Normal numbers in double precision, from a whole number or a generator."""
    if not isinstance(seed, torch.Generator):
        seed = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=seed, dtype=torch.float64)


def sphere(P, N, seed):
    """Patterns (P, N), uniform on |ξ|² = N."""
    xi = normal(P, N, seed=seed)
    return xi * (N**0.5 / xi.norm(dim=1, keepdim=True))


def random_couplings(N, seed, symmetric=True):
    """Normal couplings (N, N) with zero diagonal."""
    J = normal(N, N, seed=seed)
    return (J + J.T if symmetric else J).fill_diagonal_(0)


def mean_and_error(values):
    """Mean of independent values, and its standard error."""
    values = np.asarray(values, dtype=float)
    return values.mean(), values.std(ddof=1) / math.sqrt(len(values))


def agree(values, reference, what="", rounding=0.0):
    """Compare the mean of our values with a reference (mean, standard error), within 4 errors.

    Fractions of 1 have no spread: `rounding` allows for the last digit of a table.
    """
    (mean, own), (expected, error) = mean_and_error(values), reference
    assert abs(mean - expected) < 4 * math.hypot(error, own) + rounding, (
        f"{what}: {mean:.4f}±{own:.4f}, {reference}"
    )
