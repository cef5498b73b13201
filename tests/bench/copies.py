"""Copies among samples of images: the nearest data, and the whole list."""

from __future__ import annotations

import torch
from clock import FLOPS, matrix_product, row, timed

from bridges import list_copies
from diffusion import neighbour_distances

_GOAL = 15.0  # seconds


def copies(B: int = 2000, n: int = 4000, d: int = 3072, count: int = 50) -> None:
    data, samples = (torch.randint(0, 256, (rows, d)).byte() for rows in (n, B))
    samples[:20] = data[:20]
    near, listed, product = timed(
        lambda: neighbour_distances(samples, data, count),
        lambda: list_copies(samples, data),
        matrix_product(),
        repeats=2,
    )
    what = f"{count} nearest of n={n}, B={B}, d={d}, in bytes"
    rate, peak = 2 * B * n * d / near, FLOPS / product
    row(what, f"{rate / 1e9:.0f} GF/s", f"product {peak / 1e9:.0f} GF/s", rate / peak, ">= 0.1")
    row("  list of copies", f"{listed:.1f} s", f"goal {_GOAL:g} s", listed / _GOAL, "<= 1")


def lines() -> None:
    copies()
