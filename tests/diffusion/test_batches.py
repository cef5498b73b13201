"""A denoiser asked a part of the rows at a time is the same denoiser."""

import pytest
import torch
from gaussian import randn

from diffusion import EmpiricalDenoiser
from diffusion.batches import Batched

EXACT = EmpiricalDenoiser(randn(7, 5))


class Small:
    """A denoiser that has memory for `fits` rows, and counts what it is asked."""

    dimension = 5

    def __init__(self, fits, error):
        self.fits, self.error, self.asked = fits, error, []

    def __call__(self, x, sigma):
        self.asked.append(len(x))
        if len(x) > self.fits:
            raise self.error
        return EXACT(x, sigma)


@pytest.mark.parametrize("size", [None, 1, 3, 11, 20])
def test_batches_change_nothing(size):
    x, sigma = randn(11, 5, seed=1), torch.linspace(0.1, 3, 11, dtype=torch.float64)
    asked = Small(11, None)
    found = Batched(asked, size)
    torch.testing.assert_close(found(x, sigma), EXACT(x, sigma), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found(x, 0.7), EXACT(x, 0.7), rtol=1e-12, atol=1e-12)
    assert max(asked.asked) <= (size or 11)
    assert sum(asked.asked) == 22


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried …"),
    ],
)
def test_what_does_not_fit_is_halved_once_and_for_all(error):
    x, asked = randn(16, 5, seed=2), Small(3, error)
    found = Batched(asked)
    torch.testing.assert_close(found(x, 0.5), EXACT(x, 0.5), rtol=1e-12, atol=1e-12)
    assert asked.asked == [16, 8, 4, *[2] * 8]
    found(x, 0.5)
    assert asked.asked[-8:] == [2] * 8


def test_other_errors_are_the_denoisers_own():
    with pytest.raises(RuntimeError, match="shapes"):
        Batched(Small(3, RuntimeError("shapes do not agree")))(randn(9, 5), 0.5)
    with pytest.raises(MemoryError):
        Batched(Small(0, MemoryError()))(randn(4, 5), 0.5)


def test_it_is_what_it_holds_otherwise():
    found = Batched(EXACT, 2)
    assert found.dimension == 5
    assert found.noise_range == EXACT.noise_range
    assert torch.equal(found.data, EXACT.data)
    with pytest.raises(ValueError, match="size must be a whole number of at least 1, got 0"):
        Batched(EXACT, 0)
    with pytest.raises(ValueError, match=r"denoiser must be a denoiser D\(x, sigma\), got 3"):
        Batched(3)
    with pytest.raises(ValueError, match="x must have shape"):
        found(randn(5), 0.5)
