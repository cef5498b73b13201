"""Trainings that see states of the network's own reverse paths."""

import numpy as np
import pytest
import torch

from diffusion import ResidualMLP, UNet, train_denoiser

LEVELS, STEPS, BATCH = (0.05, 3.0), 40, 2000


class Watched(ResidualMLP):
    """A network whose output is 0 and stays so, which keeps what it is trained on."""

    def forward(self, y, level, labels=None):
        if torch.is_grad_enabled():
            SEEN.append(y.detach().numpy().copy())
        return 0 * self.write(self.read(y))


SEEN: list[np.ndarray] = []


def states_seen(own_states):
    """What the network sees of points ±1, as it is given: y/√(1 + σ²)."""
    SEEN.clear()
    data = torch.tensor([[-1.0], [1.0]])
    network = Watched(1, width=4, depth=1, seed=0)
    options = {"steps": STEPS, "levels": LEVELS, "own_states": own_states, "quiet": True}
    train_denoiser(data.repeat(BATCH, 1), network=network, batch=BATCH, seed=0, **options)
    return np.concatenate(SEEN)


def followed(own, rng):
    """The same by a program of its own: D(y, σ) = y/(1 + σ²) is what an output of 0 means."""
    count = STEPS * BATCH
    low, high = LEVELS
    sigma = low * (high / low) ** rng.random(count)
    clean, noise = rng.choice([-1.0, 1.0], count), rng.normal(size=count)
    if not own:
        return (clean + sigma * noise) / np.sqrt(1 + sigma**2)
    start = sigma * (high / sigma) ** rng.random(count)
    y = clean + start * noise
    for k in range(3):
        here, there = (start * (sigma / start) ** ((k + j) / 3) for j in (0, 1))
        slope = (y - y / (1 + here**2)) / here  # dx/dσ of the reverse flow
        y = y + (there - here) * slope
    return y / np.sqrt(1 + sigma**2)


@pytest.mark.parametrize("own", [0, 1])
def test_what_is_seen_is_noised_data_or_a_path_of_the_network_from_there(own):
    found, expected = states_seen(float(own)), followed(own, np.random.default_rng(0))
    for power in (2, 4):  # of a sum of ±1 and noise the fourth moment tells the share of both
        one, other = found.ravel() ** power, expected**power
        error = np.hypot(one.std(), other.std()) / len(one) ** 0.5
        assert abs(one.mean() - other.mean()) < 4 * error
    if own:  # and not what it sees without
        plain = followed(False, np.random.default_rng(1)) ** 4
        assert abs((found**4).mean() - plain.mean()) > 8 * plain.std() / len(plain) ** 0.5


def test_a_share_of_the_points_is_replaced():
    moments = [(states_seen(share) ** 4).mean() for share in (0.0, 0.5, 1.0)]
    error = (states_seen(0.0) ** 4).std() / (STEPS * BATCH) ** 0.5
    assert abs(moments[1] - (moments[0] + moments[2]) / 2) < 5 * error


@pytest.mark.parametrize(
    "network", [ResidualMLP(16, width=8, classes=2, seed=0), UNet((4, 4), 8, 2, 2, seed=0)]
)
def test_images_and_classes_go_the_same_way_and_the_seed_says_which(network):
    data = torch.randn(20, 16, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(20) % 2
    options = {"network": network, "steps": 5, "batch": 2, "quiet": True}  # often none is replaced
    one, same, plain = (
        train_denoiser(data, labels, own_states=share, seed=1, **options)
        for share in (0.3, 0.3, 0.0)
    )
    assert torch.equal(one.history.loss, same.history.loss)
    assert not torch.equal(one.history.loss, plain.history.loss)
    assert one.history.loss.isfinite().all()
