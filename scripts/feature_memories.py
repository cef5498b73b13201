r"""How many random features does a memory need that keeps one vector instead of its patterns?

T = Σ_μ φ(ξ^μ) of Y random features replaces all P patterns (arXiv 2410.24153), at an error of
φ(x)·T whose variance is at most about v = P/(2Y). Three numbers of features follow from it:

    Y ≫ P/2            the energy at a pattern is right
    Y ≫ (P/2) e^{βr²}  a cue at a distance r is felt: its signal is e^{−βr²/2}
    Y > 2NP            the update contracts onto a pattern, whose surroundings are a random field:
                       the slope of the update is a random matrix with an edge at 2√(Nv)

The first part measures the error beside its law, at states 0.3 off patterns with |ξ|² ~ 1. In the
others patterns are Gaussian with |ξ|² ~ N and β = 1, and cues are ξ + sz, r² = s²N.

    python scripts/feature_memories.py --preset quick
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row

if TYPE_CHECKING:
    from torch import Tensor

_QUICK: dict[str, Any] = {
    "patterns": 20,
    "dimension": 10,
    "betas": [0.5, 2.0, 8.0],
    "features": [100, 300, 1000, 3000, 10_000],
    "sizes": [10, 20, 40],
    "noises": [0.0, 0.4, 0.6],
    "per_pattern": [1.0, 3.0, 10.0, 30.0, 100.0, 300.0],
    "per_entry": [0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0],
    "draws": 200,
    "trials": 20,
    "samples": 6,
}
_PAPER = {"draws": 1000, "trials": 200, "samples": 24}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}


@study_command(PRESETS)
@options.shared("patterns", help="Patterns P.")
@options.own(
    dimension=(Whole(2, 10_000), "Dimension N of the patterns whose energy is measured."),
    betas=(Numbers(options.POSITIVE), "β of these, where |ξ|² ~ 1."),
    features=(Numbers(Whole(1, 10**7)), "Numbers of features Y of the energy."),
    sizes=(Numbers(Whole(2, 10_000)), "Dimensions N of patterns that are retrieved, |ξ|² ~ N."),
    noises=(Numbers(Real(0, 100)), "Noise levels s of their cues, in the middle dimension."),
    per_pattern=(Numbers(options.POSITIVE), "Features per pattern, Y/P, of these."),
    per_entry=(Numbers(options.POSITIVE), "Features per entry of a pattern, Y/NP, of clean cues."),
)
@options.shared("draws", default=None, help="States at which the energy is measured.")
@options.shared("trials", default=None)
def main(run: Run, **asked: Any) -> base.Report:
    """Errors, basins and convergence of a memory of random features.

    How the number of features limits what a dense memory retrieves that keeps one vector (arXiv
    2410.24153).
    """
    from reports.feature_memories import Report

    from bridges._checks import within_memory

    P, sizes = asked["patterns"], sorted(asked["sizes"])
    middle = sizes[len(sizes) // 2]
    most = max(
        max(asked["features"]),
        P * max(asked["per_pattern"]),
        P * max(sizes) * max(asked["per_entry"]),
    )
    within_memory(
        32.0 * most * max(*sizes, asked["dimension"]), f"features: {most:g}", each_job=True
    )
    for name in ("draws", "trials"):
        within_memory(
            32.0 * asked[name] * (P + max(*sizes, asked["dimension"])),
            f"{name}: {asked[name]} states",
            each_job=True,
        )
    energy = {"part": "energy", "patterns": P, "dimension": asked["dimension"]}
    energy |= {"draws": asked["draws"]}
    cued = {"patterns": P, "trials": asked["trials"]}
    points: list[Point] = [
        *(
            energy | {"beta": beta, "features": Y}
            for beta in asked["betas"]
            for Y in asked["features"]
        ),
        *(
            cued | {"part": "basin", "dimension": middle, "noise": s, "per_pattern": y}
            for s in asked["noises"]
            for y in asked["per_pattern"]
        ),
        *(
            cued | {"part": "clean", "dimension": N, "per_entry": y}
            for N in sizes
            for y in asked["per_entry"]
        ),
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """Errors of the energy, or what becomes of cues, of one set of patterns and features."""
    found = _energy(point, seed) if point["part"] == "energy" else _cued(point, seed)
    return [{"quantity": name, "value": float(value)} for name, value in found.items()]


def _normal(seed: int, *shape: int) -> Tensor:
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _energy(point: Point, seed: int) -> dict[str, float]:
    """Mean square error of φ·T, its law, and the median error of E."""
    import torch
    from reports.feature_memories import BALL

    from hopfield import DenseMemory
    from hopfield.theory import random_feature_variance

    P, N, beta, Y = (point[name] for name in ("patterns", "dimension", "beta", "features"))
    xi, away = _normal(seed, P, N) / N**0.5, _normal(seed + 1, point["draws"], N)
    x = xi[torch.arange(len(away)) % P] + BALL * away / away.norm(dim=1, keepdim=True)
    memory = DenseMemory(xi, "random-features", beta=beta, features=Y, seed=seed)
    exact = (-beta / 2 * torch.cdist(x, xi).square()).exp().sum(1)
    energy = memory.energy(x)
    felt = (-beta * energy).exp()  # φ·T, and ε where that is below 0
    return {
        "square": (felt - exact).square().mean(),
        "law": random_feature_variance(x[:P], xi, beta, Y).mean(),
        "energy": (energy + exact.log() / beta).abs().median(),
    }


def _cued(point: Point, seed: int) -> dict[str, float]:
    """Shares of the cues that come home, that came to rest, and how far they end."""
    import torch
    from reports.feature_memories import COSINE, SWEEPS

    from hopfield import DenseMemory

    P, N = point["patterns"], point["dimension"]
    per = point["per_pattern"] if point["part"] == "basin" else N * point["per_entry"]
    xi = _normal(seed, P, N)
    own = torch.arange(point["trials"]) % P
    cues = xi[own] + point.get("noise", 0.0) * _normal(seed + 1, len(own), N)
    memory = DenseMemory(xi, "random-features", features=max(1, round(per * P)), seed=seed)
    ended = memory.relax(cues, max_sweeps=SWEEPS)

    def home(states: Tensor) -> Tensor:
        return (torch.cosine_similarity(states, xi[own]) >= COSINE).double().mean()

    exact = DenseMemory(xi).relax(cues, max_sweeps=SWEEPS).states
    return {
        "end": home(ended.states),
        "one_step": home(memory.step(cues)),
        "exact": home(exact),
        "converged": ended.converged.double().mean(),
        "sweeps": ended.sweeps.double().mean(),
        "displaced": (ended.states - xi[own]).square().sum(1).mean() / N,
    }


if __name__ == "__main__":
    main()
