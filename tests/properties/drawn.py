"""What property tests draw: shapes, seeds, precisions, levels, and what they compare with."""

from itertools import pairwise

import pytest
import torch
from hypothesis import settings, strategies as st

from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser, LinearManifoldDenoiser

few = settings(max_examples=15, deadline=None, derandomize=True)
fewer = settings(max_examples=6, deadline=None, derandomize=True)

seeds = st.integers(0, 2**32)
precisions = st.sampled_from([torch.float32, torch.float64])
KINDS = ("empirical", "isotropic", "diagonal", "full", "manifold")
levels = st.sampled_from([1e-6, 1e-3, 0.03, 0.3, 1.0, 3.0, 1e2, 1e6])


def refused(name):
    """That a block raises a ValueError which begins with the name of the argument."""
    return pytest.raises(ValueError, match=f"^{name} must")


def rises(values, slack=1e-9):
    """Whether numbers, none of them NaN, never fall by more than rounding."""
    return all(b >= a - slack * (1 + abs(a)) or a == b for a, b in pairwise(map(float, values)))


def falls(values, slack=1e-9):
    return rises([-float(v) for v in values], slack)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def tolerance(dtype):
    """Relative error that some dozen operations of order-one numbers may leave."""
    return 2e-4 if dtype == torch.float32 else 1e-9


def close(a, b, dtype=torch.float64, scale=1.0):
    """a = b to rounding, on a scale of at least `scale`."""
    a, b = (torch.as_tensor(x).double() for x in (a, b))
    size = max(float(b.abs().max()) if b.numel() else 0.0, scale)
    return a.shape == b.shape and bool(((a - b).abs() <= tolerance(dtype) * size).all())


@st.composite
def spins(draw, rows=(1, 6), sites=(2, 12)):
    """(P, N) of ±1, some with a row that is there twice."""
    P, N = draw(st.integers(*rows)), draw(st.integers(*sites))
    bits = torch.randint(2, (P, N), generator=generator(draw(seeds)))
    xi = (2 * bits - 1).to(draw(precisions))
    if draw(st.booleans()):
        xi[-1] = xi[0]
    return xi


@st.composite
def points(draw, rows=(1, 7), columns=(1, 5), scale=1.0):
    """(n, d) normal numbers, some with a row that is there twice."""
    n, d = draw(st.integers(*rows)), draw(st.integers(*columns))
    x = scale * normal(n, d, draw(seeds))
    if draw(st.booleans()):
        x[-1] = x[0]
    return x.to(draw(precisions))


@st.composite
def rows(draw, least=1, most=6, size=None):
    """Halves of small whole numbers, (n, d): rows repeat, and may be 0."""
    count, size = draw(st.integers(least, most)), size or draw(st.integers(1, 4))
    numbers = st.lists(st.integers(-3, 3), min_size=count * size, max_size=count * size)
    return torch.tensor(draw(numbers), dtype=draw(precisions)).view(count, size) / 2


def normal(rows, columns, seed, dtype=torch.float64):
    """Normal numbers: the same in both precisions."""
    return torch.randn(rows, columns, generator=generator(seed), dtype=torch.float64).to(dtype)


def normal_like(x, seed, rows=None):
    """Normal numbers of the columns and the precision of x, in as many rows or in `rows`."""
    return normal(len(x) if rows is None else rows, x.shape[1], seed, x.dtype)


def signs(size, seed):
    return (2 * torch.randint(2, (size,), generator=generator(seed)) - 1).double()


def shuffled(size, seed):
    return torch.randperm(size, generator=generator(seed))


def rotation(size, seed):
    return torch.linalg.qr(normal(size, size, seed)).Q


def denoiser_of(kind, data):
    """An exact denoiser of the dimension and the precision of the data."""
    if kind == "empirical":
        return EmpiricalDenoiser(data)
    if kind == "manifold":
        return LinearManifoldDenoiser(data.T.contiguous())
    K, d = data.shape
    spread = {
        "isotropic": 0.5,
        "diagonal": 0.2 + torch.arange(K * d).reshape(K, d).to(data) / 9,
        "full": torch.eye(d).to(data) + data[:, :, None] * data[:, None, :],
    }[kind]
    return GaussianMixtureDenoiser(data, spread)


class Toy:
    """A memory of one's own, of any dynamics."""

    def __init__(self, patterns, dynamics=lambda x: x):
        self.patterns, self.dynamics = patterns, dynamics

    def corrupt(self, patterns, overlap, generator):
        return patterns + (1 - overlap) * torch.randn(patterns.shape, generator=generator)

    def retrieve(self, cues, overlap):
        return self.dynamics(cues), torch.ones(len(cues), dtype=torch.bool)

    def step(self, cues, overlap):
        return self.dynamics(cues)

    def energy(self, states):
        return None
