"""The transition matrix of the exact score, and the communities of its graph."""

from __future__ import annotations

import torch
from clock import row, timed

from bridges import communities, transition_matrix
from diffusion import EmpiricalDenoiser

_GOAL = 20.0  # seconds


def transitions(P: int = 2000, d: int = 64, draws: int = 100, sigma: float = 1.6) -> None:
    data = torch.randn(P, d)
    denoiser, block = EmpiricalDenoiser(data), torch.randn(P, d)

    def products() -> None:
        for _ in range(draws):
            block @ data.T

    ours, bare = timed(
        lambda: transition_matrix(denoiser, sigma, draws=draws, seed=0), products, repeats=2
    )
    what = f"T(σ), P={P}, d={d}, {draws} draws a memory"
    row(what, f"{ours:.2f} s", f"goal {_GOAL:g} s", ours / _GOAL, "<= 1")
    row("  against its bare products XYᵀ", f"{ours:.2f} s", f"{bare:.2f} s", ours / bare, "")


def graph(P: int = 500, d: int = 64, sigma: float = 1.6) -> None:
    T = transition_matrix(EmpiricalDenoiser(torch.randn(P, d)), sigma, draws=50, seed=0)
    ours, matrix = timed(
        lambda: communities(T, seed=0),
        lambda: transition_matrix(EmpiricalDenoiser(torch.randn(P, d)), sigma, draws=50, seed=0),
        repeats=2,
    )
    what = f"communities of P={P}, in costs of T at 50 draws"
    row(what, f"{ours:.2f} s", f"{matrix:.2f} s", ours / matrix, "")


def lines() -> None:
    transitions()
    graph()
