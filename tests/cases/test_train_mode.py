"""Networks in training mode: asked in evaluation mode, and left as they were."""

import functools
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bridges import as_memory, retrieval_map
from diffusion import (
    OU,
    VE,
    AzulaDenoiser,
    Denoiser,
    DiffusersDenoiser,
    GuidedDenoiser,
    ImageDenoiser,
    NetworkDenoiser,
    denoising_error,
    jacobian_spectrum,
    manifold_dimension,
    sample,
    train_denoiser,
    uturn,
)

D = 8
X = torch.randn(6, D, generator=torch.Generator().manual_seed(0))
MEAN, VARIANCE = torch.linspace(-1, 1, D), torch.linspace(1, 2, D)


class Noisy(nn.Module):
    """The posterior mean of N(0, 1), but for dropout and batch statistics of training mode."""

    dimension = D

    def __init__(self):
        super().__init__()
        self.dropout, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(D, eps=0.0)
        self.norm.running_mean.copy_(MEAN)
        self.norm.running_var.copy_(VARIANCE)
        self.frozen = nn.Dropout(0.5).eval()

    def forward(self, x, sigma, labels=None):
        level = torch.as_tensor(sigma)
        x = x / (1 + (level[:, None] if level.ndim else level) ** 2)
        clean = self.norm(x) * VARIANCE.sqrt() + MEAN  # x itself, by the running statistics
        return self.dropout(self.frozen(clean))


class Held:
    def __init__(self, network):
        self.networks = [network]

    def __call__(self, x, sigma):
        return self.networks[0](x, sigma)

    def method(self, x, sigma):
        return self(x, sigma)


class Own(Denoiser):
    dimension = D

    def __init__(self, network):
        self.network = network

    def __call__(self, x, sigma):
        return self.network(x, sigma)


def by_azula(network):
    class Azula(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def schedule(self, t):
            return torch.ones_like(t), 1e-3 * 1e6**t

        def forward(self, x, t):
            return SimpleNamespace(mean=self.inner(x, self.schedule(t)[1]))

    return AzulaDenoiser(Azula(), (D,))


def by_diffusers(network):
    signal = 1 / (1 + torch.logspace(-3, 3, 1000, dtype=torch.float64) ** 2)
    scheduler = SimpleNamespace(
        alphas_cumprod=signal, config=SimpleNamespace(prediction_type="sample")
    )

    class Unet(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, x_t, t):
            sigma = (10 ** (-3 + 6 * t.double() / 999)).to(x_t)
            return self.inner(x_t * (1 + sigma**2).sqrt()[:, None], sigma)

    return DiffusersDenoiser(Unet(), scheduler, (D,))


FORMS = {
    "itself": lambda n: n,
    "function": lambda n: lambda x, sigma: n(x, sigma),
    "partial": lambda n: functools.partial(n, labels=None),
    "object": Held,
    "method": lambda n: Held(n).method,
    "own class": Own,
    "images": lambda n: ImageDenoiser(n, (D,)),
    "images by a function": lambda n: ImageDenoiser(lambda x, sigma: n(x, sigma), (D,)),
    "diffusers": by_diffusers,
    "azula": by_azula,
    "guided": lambda n: GuidedDenoiser(n, lambda x, sigma: n(x, sigma), 0.5),
}
each_form = pytest.mark.parametrize("form", FORMS)


def modes(network):
    return [part.training for part in network.modules()]


@each_form
def test_the_network_is_asked_in_evaluation_mode_and_left_as_it_was(form):
    network = Noisy().train()
    network.frozen.eval()
    before, kept = modes(network), {k: v.clone() for k, v in network.state_dict().items()}
    model = FORMS[form](network)
    expected = X / (1 + 0.5**2)
    found = as_memory(model, X, "fixed-noise", sigma=0.5).step(X, 1.0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    s = -(0.5**2) / (1 + 0.5**2)
    spectrum = jacobian_spectrum(model, X, 0.5)
    torch.testing.assert_close(spectrum, torch.full_like(X, s), atol=1e-5, rtol=0)
    dimension = manifold_dimension(model, X, 0.5, "effective").value
    torch.testing.assert_close(dimension, torch.full((6,), D * (1 + s)), atol=1e-4, rtol=0)
    for act in (
        lambda: sample(model, X, VE(), start=1.0, stop=0.1, steps=5),
        lambda: uturn(model, X, OU(), 0.5, "sde", steps=5, seed=1),
        lambda: denoising_error(model, X, 0.5, seed=1),
        lambda: retrieval_map(as_memory(model, X, "flow"), [0.7], 10, seed=0).overlap_out,
    ):
        one, other = (torch.as_tensor(act()) for _ in range(2))
        assert torch.equal(one, other)
    assert modes(network) == before
    network.train()  # set by its owner after it was wrapped
    found = as_memory(model, X, "fixed-noise", sigma=0.5).step(X, 1.0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert all(modes(network))
    assert all(torch.equal(v, kept[k]) for k, v in network.state_dict().items())


def test_a_network_that_fails_is_left_as_it_was():
    network = Noisy().train()
    network.norm = nn.BatchNorm1d(D + 1)
    with pytest.raises(ValueError, match="wrap it"):
        sample(network, X, VE(), start=1.0)
    assert all(part.training for part in (network, network.norm, network.dropout))


class Output(nn.Module):
    """F = dropout of a constant, in the form of our networks."""

    dimension, classes = D, 0

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(D))
        self.dropout = nn.Dropout(0.5)

    def forward(self, y, level, labels=None):
        return self.dropout(self.weight.expand_as(y))


def test_our_preconditioning_asks_in_evaluation_mode_too():
    network = Output()
    found = NetworkDenoiser(network)(X, 1.0)  # D = x/2 + F/√2
    torch.testing.assert_close(found, X / 2 + 0.5**0.5)
    assert network.training
    assert network.dropout.training


def test_held_out_losses_of_a_training_are_those_of_its_denoiser():
    """Without dropout the constant network of rate 10⁻⁹ has one loss at all marks."""
    losses = [
        train_denoiser(
            X, network=Output(), held_out=X, steps=20, rate=1e-12, quiet=True, seed=seed
        ).history.held_out
        for seed in (0, 0)
    ]
    assert torch.equal(*losses)
    assert float(losses[0].std()) < 1e-6
