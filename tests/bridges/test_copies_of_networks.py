"""Networks of known truth: one that holds 100 images, and one that has learnt from 2 000."""

import pytest
import torch

from bridges import as_memory, held_out_gap, list_copies, memorization_report
from bridges.data import load, subset
from bridges.memorization.drawing import draw
from diffusion import ResidualMLP, train_denoiser

pytestmark = pytest.mark.slow


def bumps(count, seed):
    """Images 8×8 of two bumps of any place, width and height: 8 dimensions."""
    g = torch.Generator().manual_seed(seed)
    place = torch.arange(8.0)
    total = torch.zeros(count, 8, 8)
    for _ in range(2):
        x, y, width, height = (torch.rand(count, 1, 1, generator=g) for _ in range(4))
        apart = (place - 7 * x) ** 2 + (place[:, None] - 7 * y) ** 2
        total += (0.5 + height) * torch.exp(-apart / (2 * (0.8 + 1.2 * width) ** 2))
    return total.flatten(1)


def trained(data, steps, rate):
    network = ResidualMLP(64, 256, depth=3, gate=True, seed=0)
    done = train_denoiser(
        data, network=network, steps=steps, rate=rate, quiet=True, device="cpu", seed=0
    )
    return as_memory(done.denoiser, data, "flow")


def test_a_network_that_holds_a_hundred_images_copies_them():
    split = subset(load("digits")[0].float() / 8 - 1, size=100, held_out=1000, seed=0)
    data, control, held_out = split.train, split.held_out[:300], split.held_out[300:]
    memory = trained(data, 6000, 3e-3)
    samples = draw(memory.denoiser, data, 300, 50, 0)
    assert memorization_report(samples, data, held_out, seed=0).verdict == "copies beyond chance"
    mixed = torch.cat([samples, control, data[:20]])
    found = list_copies(mixed, data, held_out)
    wrong = sum(bool(word) for word in found.copy[300:600])  # data that no network has seen
    right = sum(bool(word) for word in found.copy) - wrong
    assert right / (right + wrong) >= 0.95
    assert found.copy[600:] == ["exact"] * 20
    deviation = float((data - data.mean(0)).square().mean().sqrt())
    clear = [word for word, d in zip(found.copy, found.d1 / 8, strict=True) if d < 0.1 * deviation]
    assert len(clear) > 100
    assert sum(map(bool, clear)) / len(clear) > 0.95
    gap = held_out_gap(memory, split.held_out, trials=200, seed=0)
    assert gap.verdict == "a memory of these"
    assert gap.gap > 0.6  # 0.78(2), of at most 0.84(1)
    assert gap.gap < gap.ceiling + 4 * gap.ceiling_sem


def test_a_network_that_has_learnt_from_two_thousand_makes_new_ones():
    data, held_out = bumps(2000, 0), bumps(1000, 1)
    memory = trained(data, 4000, 1e-3)
    samples = draw(memory.denoiser, data, 300, 50, 0)
    assert memorization_report(samples, data, held_out, seed=0).verdict.startswith("no more copies")
    assert len(list_copies(samples, data, held_out).listed) <= 1
    gap = held_out_gap(memory, held_out, trials=1000, seed=0)
    assert gap.verdict == "a model of their kind"
    assert abs(gap.gap) < 4 * gap.sem + 0.02
    assert gap.ceiling > 0.2  # and a memory would have shown
