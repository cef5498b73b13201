"""Networks in half precision: times, noise levels and states keep their digits around them."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from diffusion import (
    OU,
    VE,
    AzulaDenoiser,
    DiffusersDenoiser,
    EmpiricalDenoiser,
    ImageDenoiser,
    NetworkDenoiser,
    ResidualMLP,
    jacobian_spectrum,
    manifold_dimension,
    noise_to,
    planted_posterior,
    sample,
    train_denoiser,
)
from diffusion.flat import as_denoiser

D = 4
X = 100 + torch.rand(5, D, generator=torch.Generator().manual_seed(0))  # bf16 ends at 0.5 here
each_half = pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])


class Residual(nn.Module):
    """D(x, σ) = x + 0·Wx: a skip connection of its own around a layer of half precision."""

    def __init__(self, dtype, answer=lambda x: x):
        super().__init__()
        self.layer = nn.Linear(D, D).to(dtype)
        self.answer, self.seen, self.asked = answer, [], []

    def forward(self, x, level):
        self.seen += torch.as_tensor(level).double().reshape(-1).tolist()
        inner = self.layer(x.flatten(1))
        self.asked.append(inner.dtype)
        return self.answer(x + 0 * inner.reshape(x.shape))


def by_images(half):
    network = Residual(half)
    return network, ImageDenoiser(network, (1, 2, 2))


def by_azula(half):
    network = Residual(half, lambda x: SimpleNamespace(mean=x))
    network.schedule = lambda t: (torch.ones_like(t), 1e-3 * 1e6**t)
    return network, AzulaDenoiser(network, (1, 2, 2))


def as_it_is(half):
    network = Residual(half)
    return network, as_denoiser(network)


@each_half
@pytest.mark.parametrize("make", [by_images, by_azula, as_it_is])
def test_states_and_noise_levels_keep_their_digits(make, half):
    network, model = make(half)
    sigma = torch.tensor([0.1234567, 1.2345678, 12.345678, 0.1, 0.3])
    assert torch.equal(model(X, sigma), X)
    assert network.asked == [half]
    seen = torch.tensor(network.seen, dtype=torch.float64)
    if make is by_azula:
        seen = 1e-3 * 1e6**seen
    torch.testing.assert_close(seen, sigma.double(), rtol=1e-6, atol=0)
    found = model(X.to(half), 0.5)
    assert found.dtype == half
    assert torch.equal(found, X.to(half))
    assert jacobian_spectrum(model, X, 0.5).abs().max() == 0  # D = x


@each_half
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_diffusers_networks_are_asked_at_their_timesteps(half, prediction):
    signal = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
    scheduler = SimpleNamespace(
        alphas_cumprod=signal, config=SimpleNamespace(prediction_type=prediction)
    )
    network = Residual(half, lambda x: 0 * x)
    model = DiffusersDenoiser(network, scheduler, (1, 2, 2))
    for t in (1, 333, 750, 999):
        sigma = float(((1 - signal[t]) / signal[t]).double().sqrt())
        alpha = 1 if prediction == "epsilon" else 1 / (1 + sigma**2)
        torch.testing.assert_close(model(X, sigma), alpha * X, rtol=1e-6, atol=0)
    assert network.seen[::5] == pytest.approx([1, 333, 750, 999], abs=2e-3)


def test_double_states_keep_their_digits_beside_a_network_of_single_precision():
    scheduler = SimpleNamespace(
        alphas_cumprod=torch.tensor([0.9, 0.5]), config=SimpleNamespace(prediction_type="epsilon")
    )
    x = X.double() + 1e-9
    network = Residual(torch.float32, lambda x: 0 * x)
    assert torch.equal(DiffusersDenoiser(network, scheduler, (D,))(x, 1.0), x)


def test_the_noise_level_of_our_own_networks_is_not_rounded():
    """With weights that half precision has, only layers round: by σ times their output."""
    network = ResidualMLP(D, width=16, depth=1, seed=0)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_((weight + 0.1).bfloat16())
    fine = NetworkDenoiser(network, scale=1.0, mean=torch.full((D,), 100.5))
    coarse = fine.to(torch.bfloat16)
    assert next(coarse.network.parameters()).dtype == torch.bfloat16
    assert coarse.dtype == torch.float32
    waves = [each.network.embedding.waves for each in (fine, coarse)]
    assert torch.equal(*waves)
    for sigma in (1e-3, 1e-2, 0.1, torch.full((5,), 0.1)):
        with torch.no_grad():
            one, other = fine(X, sigma), coarse(X, sigma)
        level = float(torch.as_tensor(sigma).max())
        size = float((one - X).abs().max())
        assert float((one - other).abs().max()) < 0.05 * size  # a few roundings of 2⁻⁸
        assert size < 20 * level


def test_data_of_half_precision_is_handled_in_single():
    data = torch.randn(40, D, generator=torch.Generator().manual_seed(1)).bfloat16()
    exact, same = EmpiricalDenoiser(data), EmpiricalDenoiser(data.float())
    x = data[:5]
    assert torch.equal(exact.jacobian_eigenvalues(x, 0.5), same.jacobian_eigenvalues(x, 0.5))
    assert torch.equal(jacobian_spectrum(same, x, 0.5), jacobian_spectrum(same, x.float(), 0.5))
    for method in ("gap", "effective", "normal-bundle", "flipd"):
        found = manifold_dimension(same, x, 0.37, method, seed=0).value
        assert torch.equal(found, manifold_dimension(same, x.float(), 0.37, method, seed=0).value)
    ends = [sample(same, y, VE(), start=0.5) for y in (x, x.float())]
    assert torch.equal(ends[0], ends[1].bfloat16())
    assert noise_to(x, OU(), 0.5, seed=0).dtype == torch.bfloat16
    assert torch.isfinite(planted_posterior(exact, 0.5, 10, seed=0).dimension).all()
    losses = [
        train_denoiser(each, steps=3, quiet=True, seed=0).history.loss
        for each in (data, data.float(), data.float().requires_grad_())
    ]
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(losses[0], losses[2])
