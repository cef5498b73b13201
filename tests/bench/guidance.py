"""Guidance: a mixture of thousands of classes, and the tables of theory."""

from __future__ import annotations

import time

import torch
from clock import FLOPS, matrix_product, row, timed

from diffusion import GaussianMixtureDenoiser
from diffusion.guidance import Window, generate, random_classes
from diffusion.theory import guided_condensation, guided_mean_field, guided_moments, window_switch

ALPHAS = (0.005, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


def mixture(
    kind: torch.dtype, classes: int = 3000, d: int = 16, paths: int = 2000, steps: int = 200
) -> None:
    """The enumerated mixture along the flow, against the rate of its two matrix products."""
    exact = GaussianMixtureDenoiser(random_classes(classes, d, seed=0).means.to(kind), 0.25)
    labels = torch.arange(paths) % classes
    (product,) = timed(matrix_product(), repeats=3)
    start = time.perf_counter()
    generate(exact, labels, 3.0, steps=steps, seed=0)
    ours = time.perf_counter() - start
    what = f"guided flow, K={classes}, {steps} steps, {paths} paths, {str(kind)[6:]}"
    rate, peak = 4 * classes * d * paths * (2 * steps - 3) / ours, FLOPS / product
    row(what, f"{ours:.1f} s", f"{rate / 1e9:.0f} of {peak / 1e9:.0f} GF/s", ours / 10, "<= 1")


def tables() -> None:
    """All tables of theory: constants, schedules, windows, mean field, transitions."""
    start = time.perf_counter()
    for method in ("flow", "sde"):
        for ratio in (0.2, 0.5, 0.8):
            for w in (-1.0, -0.5, 0.0, 1.0, 3.0, 7.0):
                guided_moments(ratio, w, method)
        for w in (1.0, 3.0, 7.0):
            guided_moments(0.2, Window(w, window_switch(0.2, w, method=method)), method)
            for alpha in ALPHAS:
                guided_mean_field(alpha, w, 0.2, method)
                guided_condensation(alpha, w, 0.2, method)
    ours = time.perf_counter() - start
    row("tables of guidance theory", f"{ours:.2f} s", "5 s", ours / 5, "<= 1")


def lines() -> None:
    mixture(torch.float32)
    mixture(torch.float64)
    tables()
