r"""What is left of two subspaces of a data manifold: by the exact score, and by a trained one.

Data of two variances λ₁ > λ₂ on a linear manifold of m₁ + m₂ of d dimensions, P points of
it, noise variance t = σ² ("Losing dimensions: Geometric memorization in generative
diffusion", arXiv 2410.08727; gaps of the spectrum: arXiv 2410.05898). `measure` has a part
for each side of the question:

    empirical  planted points ξ + σz seen by the exact score of P points: the spectrum of
               −σ²∇∇ log p, three dimensions, the phase, and what is left of each subspace,
               D_A = Σ_A (1 + tJ_kk), to be compared with m λ/(λ + t) of the distribution
    trained    the same of a network trained on those points
    fixed      fixed points seen by many data sets: signal to noise between the sets of the
               Jacobian and of the score along each subspace, and Σ w² of the posterior

`reports.losing_dimensions` makes findings of the rows.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bridges.study.record import Point, Row
from diffusion import (
    Denoiser,
    EmpiricalDenoiser,
    LinearManifoldDenoiser,
    ResidualMLP,
    jacobian_spectrum,
    manifold_dimension,
    manifold_factors,
    subspace_dimension,
    subspace_signal_to_noise,
    train_denoiser,
)
from diffusion.geometry import PHASES

_LEVELS = (1e-2, 10**0.5)  # noise levels of training, in signal units


def spectrum_of(subspaces: list[int], variances: list[float]) -> list[float]:
    """The variance of each direction of the manifold.

    Examples
    --------
    >>> spectrum_of([1, 2], [1.0, 0.01])
    [1.0, 0.01, 0.01]
    """
    return [lam for m, lam in zip(subspaces, variances, strict=True) for _ in range(m)]


def measure(point: Point, seed: int) -> list[Row]:
    """The rows of one point on one sample, for `run_study`.

    Parameters
    ----------
    point : "part" as at the head of the module; "dimension" d, "subspaces" [m₁, m₂],
        "variances" [λ₁, λ₂], "patterns" P and the noise variances "noise"; then "draws",
        planted points a noise level, and of a network also its "width" and training
        "steps"; or "sets", data sets of the fixed points.
    seed : whole number. All parts of a sample share the data of a size.
    """
    return _fixed(point, seed) if point["part"] == "fixed" else _planted(point, seed)


def _planted(point: Point, seed: int) -> list[Row]:
    F = manifold_factors(point["dimension"], point["subspaces"], point["variances"], seed=seed)
    data = LinearManifoldDenoiser(F).draw(point["patterns"], seed=seed)
    bases = list((F / F.norm(dim=0)).split(point["subspaces"], 1))
    generator = torch.Generator().manual_seed(seed)
    own = torch.randperm(len(data), generator=generator)
    own = own.repeat(-(-point["draws"] // len(own)))[: point["draws"]]
    noise = torch.randn(len(own), len(F), generator=generator, dtype=torch.float64)
    denoiser: Denoiser
    if point["part"] == "trained":
        denoiser = train(data, point["width"], point["steps"], seed)
    else:
        denoiser = EmpiricalDenoiser(data)
    rows: list[Row] = []
    for t in point["noise"]:
        sigma = math.sqrt(t)
        x = data[own] + sigma * noise
        found = _seen(denoiser, x, sigma, bases)
        rows += [{"t": t} | row for row in found]
    return rows


def train(data: Tensor, width: int, steps: int, seed: int) -> Denoiser:
    """A network trained on the data at t in [10⁻⁴, 10], as its geometry is to be seen."""
    scale = float((data - data.mean(0)).square().mean().sqrt())
    network = ResidualMLP(data.shape[1], width=width, depth=2, seed=seed)  # 3 of SiLU
    low, high = (level / scale for level in _LEVELS)
    return train_denoiser(
        data, network=network, steps=steps, levels=(low, high), device="cpu", seed=seed, quiet=True
    ).denoiser


def _seen(denoiser: Denoiser, x: Tensor, sigma: float, bases: list[Tensor]) -> list[Row]:
    """Dimensions, phases and the lowest part of the spectrum at the points x, on average."""
    s = -jacobian_spectrum(denoiser, x, sigma)
    gap = manifold_dimension(denoiser, x, sigma, "gap")
    half = manifold_dimension(denoiser, x, sigma, "half-count")
    left = subspace_dimension(denoiser, x, sigma, [*bases, *_normal(bases)]).mean(0)
    values = {
        "effective": float(left.sum()),  # not of s: a network's Jacobian is not symmetric
        "gap": float(gap.value.mean()),
        "half-count": float(half.value.mean()),
        "first": float(left[0]),
        "second": float(left[1]),
    }
    values |= {phase: gap.phase.count(phase) / len(x) for phase in PHASES}
    lowest = s.sort(1).values.mean(0)[: sum(basis.shape[1] for basis in bases) + 1]
    return [
        *({"quantity": name, "value": value} for name, value in values.items()),
        *(
            {"index": k + 1, "quantity": "spectrum", "value": float(value)}
            for k, value in enumerate(lowest)
        ),
    ]


def _normal(bases: list[Tensor]) -> list[Tensor]:
    """A basis of what is across the manifold, if there is anything."""
    along = torch.cat(bases, 1)
    normal = torch.linalg.qr(along, mode="complete").Q[:, along.shape[1] :]
    return [normal] if normal.shape[1] else []


def _fixed(point: Point, seed: int) -> list[Row]:
    """In the coordinates of the manifold: the posterior does not see the others."""
    lam = torch.tensor(spectrum_of(point["subspaces"], point["variances"]), dtype=torch.float64)
    bases = list(torch.eye(len(lam), dtype=torch.float64).split(list(point["subspaces"]), 1))
    generator = torch.Generator().manual_seed(seed)
    sets = [
        EmpiricalDenoiser(
            torch.randn(point["patterns"], len(lam), generator=generator, dtype=torch.float64)
            * lam.sqrt()
        )
        for _ in range(point["sets"])
    ]
    signs = torch.randint(0, 2, (4, len(lam)), generator=generator).double() * 2 - 1
    along = torch.stack([(basis.sum(1) * lam.sqrt()) for basis in bases])  # one query a subspace
    rows: list[Row] = []
    for t in point["noise"]:
        sigma = math.sqrt(t)
        snr = subspace_signal_to_noise(sets, signs * (lam + t).sqrt(), sigma, bases)
        Y = torch.stack([each.weights(along, sigma).square().sum(1) for each in sets]).mean(0)
        found = {"jacobian": snr.jacobian.mean(0), "score": snr.score.mean(0), "condensation": Y}
        rows += [
            {"t": t, "subspace": a + 1, "quantity": name, "value": float(value)}
            for name, values in found.items()
            for a, value in enumerate(values)
        ]
    return rows
