"""U-turns of the exact score: the flow decodes, the reverse SDE samples the posterior."""

import numpy as np
import pytest
import torch

from diffusion import VE, EmpiricalDenoiser, noise_to, uturn
from hopfield.theory import argmax_retrieval

P, N, BOOKS, CUES = 55, 20, 16, 20


def sphere(seed):
    generator = torch.Generator().manual_seed(seed)
    xi = torch.randn(P, N, dtype=torch.float64, generator=generator)
    return xi * (N**0.5 / xi.norm(dim=1, keepdim=True))


@pytest.mark.parametrize("sigma", [0.75, 1.0, 1.25, 1.5, 2.0, 3.0])
def test_return_of_a_uturn(sigma):
    books, truth = [], torch.arange(P * CUES) % P
    for seed in range(BOOKS):
        xi = sphere(seed)
        denoiser, many = EmpiricalDenoiser(xi), xi.repeat(CUES, 1)
        weights = denoiser.weights(noise_to(many, VE(), sigma, seed=seed), sigma)
        returned = [
            uturn(denoiser, many, VE(), sigma, method, steps, seed=seed)
            for method, steps in (("ancestral", 5), ("heun", 50))
        ]
        books.append(
            [
                weights.gather(1, truth[:, None]).mean(),
                (weights.argmax(1) == truth).double().mean(),
                *((torch.cdist(r, xi).argmin(1) == truth).double().mean() for r in returned),
            ]
        )
    books = np.array(books)
    mean, sem = books.mean(0), books.std(0, ddof=1) / BOOKS**0.5
    posterior, nearest, drawn, flowed = mean
    assert abs(nearest - argmax_retrieval(P, N, sigma)) < 4 * sem[1] + 1e-3
    # Cues of drawn and posterior are independent: 4 s.e. of the difference.
    assert abs(drawn - posterior) < 4 * np.hypot(sem[0], sem[2]) + 1e-3
    assert abs(flowed - nearest) < 4 * np.hypot(sem[1], sem[3]) + 0.01  # decoding, nearly
    if sigma >= 1.25:
        assert flowed - drawn > 4 * np.hypot(sem[2], sem[3])
