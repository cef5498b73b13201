"""Trained networks: steps of training, and sampling, against bare loops and other libraries."""

from __future__ import annotations

import math

import torch
from clock import cpu_flags, one_thread, row, timed
from side import beside

from diffusion import VE, NetworkDenoiser, ResidualMLP, UNet, sample, train_denoiser

ROWS = 128  # as many as a step of training takes


def training(network: torch.nn.Module, what: str, steps: int) -> None:
    """Steps a second, against the least loop that trains the same network as well."""
    data = torch.randn(1000, network.dimension)

    def bare() -> None:
        own = type(network)(**network.config, seed=0)
        parameters = list(own.parameters())
        average = [p.detach().clone() for p in parameters]
        optimizer = torch.optim.Adam(parameters, 1e-3, fused=True)
        for _ in range(steps):
            x = data[torch.randint(len(data), (ROWS,))]
            sigma = torch.exp(torch.rand(ROWS, 1) * math.log(1000)) / 100
            noise = torch.randn_like(x)
            into = (1 + sigma.square()).rsqrt()
            found = own((x + sigma * noise) * into, sigma.log().squeeze(1) / 4)
            loss = (found - (sigma * x - noise) * into).square().mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            with torch.no_grad():
                torch._foreach_lerp_(average, parameters, 1e-3)

    options = {"network": network, "steps": steps, "seed": 0, "device": "cpu", "quiet": True}
    ours, other = timed(lambda: train_denoiser(data, **options), bare, repeats=3)
    row(
        f"training, {what}, batch {ROWS}",
        f"{steps / ours:.0f} steps/s",
        f"bare loop {steps / other:.0f} steps/s",
        other / ours,
        ">= 0.9",
    )


def half_precision(batch: int = 64, steps: int = 20) -> None:
    """A U-Net of 28×28 images with layers in bfloat16, against single precision, on one thread.

    Layers with the channels last gain nothing: torch's group norm is several times as slow there.
    A processor without such products takes ten times as long with them, and is not asked.
    """
    if "avx512_bf16" not in cpu_flags():
        return
    data, network = torch.randn(1000, 784), UNet((28, 28), seed=0)
    options = {"network": network, "steps": steps, "batch": batch, "device": "cpu", "quiet": True}
    with one_thread():
        half, single = timed(
            lambda: train_denoiser(data, precision="bf16", seed=0, **options),
            lambda: train_denoiser(data, precision="float32", seed=0, **options),
            repeats=2,
        )
    row(
        f"training, U-Net of 28×28 images, batch {batch}, bf16",
        f"{steps / half:.1f} steps/s",
        f"float32 {steps / single:.1f} steps/s",
        single / half,
        ">= 1.5",
    )


@torch.no_grad()
def sampling(network: torch.nn.Module, what: str, batch: int) -> None:
    """64 Euler steps, against 64 calls of the network."""
    denoiser = NetworkDenoiser(network.requires_grad_(False))
    x = torch.randn(batch, network.dimension)
    levels = torch.zeros(batch)

    def bare() -> None:
        for _ in range(64):
            network(x, levels)

    ours, other = timed(
        lambda: sample(denoiser, 10 * x, VE(), "euler", 64, start=10.0),
        bare,
        repeats=15,
        in_turn=True,
    )
    row(
        f"sampling, {what}, 64 steps of {batch}",
        f"{ours * 1e3:.0f} ms",
        f"64 calls {other * 1e3:.0f} ms",
        ours / other,
        "<= 1.05",
    )


def lines() -> None:
    training(ResidualMLP(64, seed=0), "MLP 3×128", 300)
    training(UNet((8, 8), channels=16, seed=0), "U-Net of 8×8 images", 30)
    half_precision()
    sampling(ResidualMLP(64, width=256, seed=0), "MLP 3×256", 1024)
    sampling(UNet((8, 8), channels=16, seed=0), "U-Net of 8×8 images", 128)


def peer_lines(python: str) -> None:
    """The same network sampled by other libraries, all in one process of their environment."""
    found = beside("training_side.py", python)
    ours = found.pop("ours")
    for peer, seconds in found.items():
        what = "sampling, MLP 3×256, 64 Euler steps of 256"
        row(what, f"{ours * 1e3:.0f} ms", f"{peer} {seconds * 1e3:.0f} ms", seconds / ours, ">= 1")
