"""Networks as denoisers: the preconditioning, classes, files, and every door they go through."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from diffusion import (
    VE,
    NetworkDenoiser,
    ResidualMLP,
    UNet,
    jacobian_spectrum,
    load_denoiser,
    manifold_dimension,
    sample,
    save_denoiser,
    uturn,
)

NETWORKS = {
    "mlp": lambda classes=0: ResidualMLP(16, width=16, depth=2, classes=classes, seed=0),
    "unet": lambda classes=0: UNet((4, 4), channels=8, levels=2, classes=classes, seed=0),
    "odd unet": lambda classes=0: UNet((1, 4, 4), channels=8, levels=1, classes=classes, seed=0),
    "colour unet": lambda classes=0: UNet(
        (4, 2, 2), 16, levels=1, classes=classes, seed=0, attention=True, channels_last=True
    ),
}
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


def shaken(network, seed=1):
    """Weights away from their start, at which F = 0 for any input."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data.add_(0.2 * noise.to(parameter))
    return network


def points(rows, d=16, seed=0):
    return torch.randn(rows, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", NETWORKS)
def test_an_untrained_network_is_the_exact_denoiser_of_a_gaussian(kind):
    mean = torch.linspace(-1, 1, 16)
    denoiser = NetworkDenoiser(NETWORKS[kind](), scale=0.7, mean=mean)
    x = points(5)
    for sigma in (1e-3, 0.3, 40.0):
        exact = mean + 0.49 / (0.49 + sigma**2) * (x - mean)
        assert torch.allclose(denoiser(x, sigma), exact, atol=1e-6)


def test_the_preconditioning_is_that_of_karras():
    """D = μ + c_skip y + c_out F(c_in y, ¼ log σ/s), written out again."""
    asked = []

    class Recorder(nn.Module):
        dimension = 2

        def forward(self, y, level, labels=None):
            asked.append((y, level))
            return torch.full_like(y, 3.0)

    mean, s = torch.tensor([1.0, -2.0]), 0.5
    denoiser = NetworkDenoiser(Recorder(), s, mean, levels=(0.1, 10.0))
    x, sigma = points(3, 2), torch.tensor([0.2, 1.0, 100.0])
    found = denoiser(x, sigma)
    y, level = asked[0]
    total = (sigma**2 + s**2).sqrt()[:, None]
    assert torch.allclose(y, (x - mean) / total)
    assert torch.allclose(level, (torch.tensor([0.2, 1.0, 10.0]) / s).log() / 4)  # 100 > 10
    by_hand = mean + s**2 / total**2 * (x - mean) + sigma[:, None] * s / total * 3.0
    assert torch.allclose(found, by_hand)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", NETWORKS)
def test_it_keeps_the_promises_of_a_denoiser(kind, device):
    denoiser = NetworkDenoiser(shaken(NETWORKS[kind]()), scale=0.8).to(device)
    denoiser.network.requires_grad_(False)
    x = points(6).to(device)
    before, levels = x.clone(), torch.linspace(0.2, 2.0, 6)
    batch = denoiser(x, levels)
    loop = torch.cat([denoiser(x[k : k + 1], float(levels[k])) for k in range(6)])
    assert torch.allclose(batch, loop, atol=1e-5)
    assert torch.equal(x, before)
    assert batch.dtype == torch.float32
    assert batch.device.type == device
    for same in (torch.full((6,), 0.5), torch.tensor(0.5), np.full(6, 0.5)):
        assert torch.allclose(denoiser(x, 0.5), denoiser(x, same), atol=1e-6)
    double = denoiser.to(torch.float64)
    assert double(x, 0.5).dtype == torch.float64
    assert torch.allclose(double(x, 0.5).float(), denoiser(x, 0.5), atol=1e-4)
    score = (denoiser(x, 0.5) - x) / 0.25
    assert torch.allclose(denoiser.score(x, 0.5), score)


@pytest.mark.parametrize("kind", NETWORKS)
def test_its_jacobian_is_that_of_finite_differences(kind):
    denoiser = NetworkDenoiser(shaken(NETWORKS[kind]()).double(), scale=0.8)
    x, eps = points(2).double(), 1e-6
    spectrum = jacobian_spectrum(denoiser, x, 0.5)
    for row in range(2):
        axes = eps * torch.eye(16, dtype=torch.float64)
        with torch.no_grad():
            ahead, behind = denoiser(x[row] + axes, 0.5), denoiser(x[row] - axes, 0.5)
        values = torch.linalg.svdvals(((ahead - behind) / (2 * eps)).T - torch.eye(16))
        assert torch.allclose(spectrum[row].abs().sort().values, values.sort().values, atol=1e-7)
    assert manifold_dimension(denoiser, x, 0.5).value.shape == (2,)


@pytest.mark.parametrize("kind", NETWORKS)
def test_it_goes_through_the_samplers(kind):
    denoiser = NetworkDenoiser(shaken(NETWORKS[kind]()), scale=0.8)
    x = points(3)
    for method in ("euler", "heun", "sde"):
        ends = sample(denoiser, 5 * x, VE(), method, 5, start=5.0, seed=0)
        assert not ends.requires_grad
        assert torch.equal(ends, sample(denoiser, 5 * x, VE(), method, 5, start=5.0, seed=0))
        assert uturn(denoiser, x, VE(), 0.5, method, 5, seed=0).shape == x.shape


def test_channels_that_come_last_are_those_that_come_first():
    first, last = (UNet((3, 4, 4), 8, seed=0, channels_last=one) for one in (False, True))
    shaken(first), shaken(last)
    images, level = points(5, 48).view(5, 3, 4, 4), torch.tensor([0.1])
    found = last(images.permute(0, 2, 3, 1).flatten(1), level)
    back = found.view(5, 4, 4, 3).permute(0, 3, 1, 2).flatten(1)
    assert torch.allclose(back, first(images.flatten(1), level), atol=1e-5)


@pytest.mark.parametrize("channels", [8, 64, 96])
def test_attention_is_that_of_torch_by_heads(channels):
    """Against `nn.MultiheadAttention` of the same weights; one that has not learnt does nothing."""
    network = UNet((8, 8), channels, levels=1, attention=True, seed=0)
    h = points(2, channels * 15).view(2, channels, 3, 5)
    assert torch.equal(network.attention(h), h)
    own = shaken(network).attention
    other = nn.MultiheadAttention(channels, {8: 1, 64: 2, 96: 3}[channels], batch_first=True)
    weights = {
        "in_proj_weight": own.read.weight.flatten(1),
        "in_proj_bias": own.read.bias,
        "out_proj.weight": own.write.weight.flatten(1),
        "out_proj.bias": own.write.bias,
    }
    other.load_state_dict(weights)
    tokens = own.norm(h).flatten(2).transpose(1, 2)
    found = h + other(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2).view(h.shape)
    assert torch.allclose(own(h), found, atol=1e-4)


@pytest.mark.parametrize("kind", ["mlp", "unet", "colour unet"])
def test_classes_are_told_apart_and_the_mixture_is_one_more(kind):
    denoiser = NetworkDenoiser(shaken(NETWORKS[kind](3)), scale=0.8)
    x = points(4)
    answers = [denoiser(x, 0.5), *(denoiser.condition(k)(x, 0.5) for k in range(3))]
    for k, one in enumerate(answers):
        for other in answers[:k]:
            assert (one - other).abs().max() > 1e-3
    labels = torch.tensor([0, 2, 1, 3])  # one per row; 3 is none
    level = torch.tensor([math.log(0.5 / 0.8) / 4])
    total = math.hypot(0.5, 0.8)
    rows = 0.64 / total**2 * x + 0.4 / total * denoiser.network(x / total, level, labels)
    mixed = torch.stack([answers[1][0], answers[3][1], answers[2][2], answers[0][3]])
    assert torch.allclose(rows, mixed, atol=1e-5)
    asked = denoiser.condition(torch.tensor([0, 2, 1, 0]))(x, 0.5)
    mixed[3] = answers[1][3]
    assert torch.allclose(asked, mixed, atol=1e-5)
    assert denoiser.label is None
    assert denoiser.condition(1).condition(2).label == 2


@pytest.mark.parametrize("kind", NETWORKS)
def test_first_weights_come_from_the_seed_alone(kind):
    state = torch.random.get_rng_state()
    one, same = NETWORKS[kind](), NETWORKS[kind]()
    assert torch.equal(torch.random.get_rng_state(), state)
    for a, b in zip(one.parameters(), same.parameters(), strict=True):
        assert torch.equal(a, b)
    other = ResidualMLP(16, width=16, depth=2, seed=1)
    assert not torch.equal(
        other.read.weight, ResidualMLP(16, width=16, depth=2, seed=0).read.weight
    )


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_file_gives_the_same_denoiser_back(kind, tmp_path):
    denoiser = NetworkDenoiser(shaken(NETWORKS[kind](2)), 0.8, points(1)[0], (0.01, 9.0), label=1)
    save_denoiser(denoiser, tmp_path / "one.safetensors")
    found = load_denoiser(tmp_path / "one.safetensors")
    x = points(4)
    assert torch.equal(found(x, 0.5), denoiser(x, 0.5))
    assert (found.scale, found.levels, found.label) == (0.8, (0.01, 9.0), 1)
    assert not found(x, 0.5).requires_grad
    assert [p.name for p in tmp_path.iterdir()] == ["one.safetensors"]  # nothing left behind


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ResidualMLP(0), "dimension must be a whole number of at least 1, got 0"),
        (lambda: ResidualMLP(4, depth=0), "depth must be a whole number"),
        (lambda: ResidualMLP(4, classes=-1), "classes must be a whole number"),
        (lambda: UNet((8,)), r"shape must be \(height, width\)"),
        (lambda: UNet((8, 8), channels=12), "channels must be a multiple of 8, got 12"),
        (lambda: UNet((8, 8), levels=4), "levels must leave at least 2 pixels per side of 8×8"),
        (lambda: NetworkDenoiser(NETWORKS["mlp"](), scale=0.0), "scale must be positive"),
        (lambda: NetworkDenoiser(NETWORKS["mlp"](), 1.0, torch.zeros(3)), r"mean must have shape"),
        (lambda: NetworkDenoiser(NETWORKS["mlp"](), levels=(2.0, 1.0)), "levels must increase"),
        (lambda: NetworkDenoiser(nn.Linear(2, 2)), "mean must be given for a network without"),
        (lambda: NetworkDenoiser(NETWORKS["mlp"](2)).condition(2), "label must be a class 0 to 1"),
        (lambda: NetworkDenoiser(NETWORKS["mlp"]()).condition(0), "label must be a class of a net"),
        (
            lambda: NetworkDenoiser(NETWORKS["mlp"](2)).condition(torch.tensor([0, 2])),
            "label must be classes 0 to 1",
        ),
        (
            lambda: NetworkDenoiser(NETWORKS["mlp"](2)).condition(torch.tensor([0]))(
                points(4), 1.0
            ),
            "x must have a row for each of the 1 labels, got 4",
        ),
        (lambda: NetworkDenoiser(NETWORKS["mlp"]())(points(2, 3), 1.0), "x must have shape"),
        (lambda: NetworkDenoiser(NETWORKS["mlp"]())(points(2) * torch.nan, 1.0), "x must be fin"),
        (lambda: NetworkDenoiser(NETWORKS["mlp"]())(points(2), -1.0), "sigma must be positive"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
