"""The learning rate after its warm-up: a cosine to 0, or the same all along."""

import math

import torch

from diffusion import ResidualMLP, train_denoiser


def trained(steps, course):
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    network = ResidualMLP(2, width=16, depth=1, seed=0)
    return train_denoiser(
        points,
        network=network,
        steps=steps,
        rate_course=course,
        snapshots=[40],
        seed=0,
        quiet=True,
    )


def weights(denoiser):
    return torch.cat([p.flatten() for p in denoiser.network.parameters()])


def test_a_constant_rate_does_not_depend_on_the_horizon():
    """Two trainings whose warm-ups are alike make the same steps; with a cosine they do not."""
    same, other = (
        [weights(trained(steps, course).snapshots[40]) for steps in (40, 49)]  # warm-up: 4 steps
        for course in ("constant", "cosine")
    )
    assert torch.equal(*same)
    assert not torch.equal(*other)


def test_rates_are_those_of_their_course():
    history = trained(40, "constant").history
    made = history.step.double() + 1  # of the next step
    assert torch.allclose(history.rate, 1e-3 * (made / 4).clamp(max=1), rtol=1e-12)
    falling = trained(40, "cosine").history.rate
    part = ((made - 4) / 37).clamp(min=0)
    expected = 1e-3 * torch.where(made <= 4, made / 4, (1 + (math.pi * part).cos()) / 2)
    assert torch.allclose(falling, expected, rtol=1e-5)
