r"""Which memories does a sparse dense memory make up, and which does it retrieve exactly?

Two interactions whose weights are exactly zero beyond a distance, unlike those of a softmax:

    log-sum-ReLU    E = −(1/β) ln(ε + Σ_μ [1 − |x − ξ^μ|²/ρ²]₊), ρ² = 2/β (arXiv 2506.10801)
    α-entmax        E = |x|²/2 − σ² max_p [p·z − Ω_α(p)] (arXiv 2402.13725)

A minimum of the first is a pattern, iff its nearest neighbour is at ρ or farther, or the mean of
several that are all nearer than ρ to it: an emergent memory, that nobody stored. How many there
are is counted without error for uniform points of a line, ρ = a/P, and by following starts for
Gaussian patterns. A step of the second gives a pattern exactly iff z_μ − z_ν ≥ 1/(α − 1) for all
others; cues are ξ + sz, at σ = s, and nearest decoding is what no memory exceeds.

    python scripts/emergent_memories.py --preset quick
"""

from __future__ import annotations

from typing import Any

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row

_QUICK: dict[str, Any] = {
    "patterns": 20,
    "line_patterns": 30,
    "ranges": [0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0],
    "lines": 25,
    "dimensions": [2, 4, 8],
    "ratios": [0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0],
    "starts": 1000,
    "size": 20,
    "stored": 55,
    "alphas": [1.0, 1.5, 2.0],
    "noises": [0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0],
    "trials": 60,
    "samples": 8,
}
_PAPER = {"lines": 100, "starts": 10_000, "trials": 400, "samples": 24}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
_EXACT = 1e-9  # of the length of a pattern


@study_command(PRESETS)
@options.own(
    patterns=(Whole(2, 1000), "Gaussian patterns P."),
    line_patterns=(Whole(2, 1000), "Points P of the line."),
    ranges=(Numbers(Real(0, 100, min_open=True)), "Radii a = ρP of the line."),
    lines=(Whole(1, 10**6), "Lines that are drawn in each sample."),
    dimensions=(Numbers(Whole(1, 1000)), "Dimensions N of the Gaussian patterns."),
    ratios=(Numbers(Real(0, 100, min_open=True)), "Radii ρ in median distances of neighbours."),
    starts=(Whole(1, 10**6), "Random starts that are followed."),
    size=(Whole(2, 10_000), "Dimension N of the patterns that entmax stores."),
    stored=(Whole(2, 10**6), "Patterns P that entmax stores."),
    alphas=(Numbers(Real(1, 10)), "α of entmax."),
    noises=(options.LEVELS, "Noise levels s of its cues."),
)
@options.shared("trials", default=None)
def main(run: Run, **asked: Any) -> base.Report:
    """Emergent memories of log-sum-ReLU, exact retrieval of entmax.

    What a memory with sparse weights keeps, makes up (arXiv 2506.10801) and retrieves without
    error (arXiv 2402.13725).
    """
    from reports.emergent_memories import Report

    from bridges._checks import within_memory

    P, N = asked["patterns"], max(asked["dimensions"])
    for name, rows, columns in (("starts", asked["starts"], N), ("trials", asked["trials"], P)):
        within_memory(80.0 * rows * max(columns, P), f"{name}: {rows} states", each_job=True)
    stored = asked["stored"] * (asked["size"] + asked["trials"])
    within_memory(32.0 * stored, f"stored: {asked['stored']} patterns", each_job=True)
    line = {"part": "line", "patterns": asked["line_patterns"], "lines": asked["lines"]}
    gaussian = {"part": "gaussian", "patterns": P, "starts": asked["starts"]}
    sparse = {"part": "entmax", "patterns": asked["stored"]}
    sparse |= {name: asked[name] for name in ("size", "trials")}
    points: list[Point] = [
        *(line | {"a": a} for a in asked["ranges"]),
        *(
            gaussian | {"dimension": d, "ratio": r}
            for d in asked["dimensions"]
            for r in asked["ratios"]
        ),
        *(sparse | {"alpha": a, "noise": s} for a in asked["alphas"] for s in asked["noises"]),
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """Counts of minima, or shares of cues, of one sample."""
    found = {"line": _line, "gaussian": _gaussian, "entmax": _entmax}[point["part"]](point, seed)
    return [{"quantity": name, "value": float(value)} for name, value in found.items()]


def _line(point: Point, seed: int) -> dict[str, float]:
    """Minima per pattern of uniform points on a line, all of them."""
    import torch

    from hopfield import emergent_minima

    P, generator = point["patterns"], torch.Generator().manual_seed(seed)
    kept = emergent = 0
    for _ in range(point["lines"]):
        points = torch.rand(P, 1, generator=generator, dtype=torch.float64)
        found = emergent_minima(points, point["a"] / P)
        kept, emergent = kept + found.kept, emergent + found.emergent
    per = P * point["lines"]
    return {"kept": kept / per, "emergent": emergent / per}


def _gaussian(point: Point, seed: int) -> dict[str, float]:
    """Minima per pattern that were found, and how many patterns their sets have."""
    from reports.emergent_memories import gaussian_patterns

    from hopfield import emergent_minima

    P = point["patterns"]
    rows, unit = gaussian_patterns(P, point["dimension"], seed)
    found = emergent_minima(rows, point["ratio"] * unit, point["starts"], seed=seed)
    sizes = found.sizes[found.sizes > 1].double()
    return {
        "kept": found.kept / P,
        "emergent": found.emergent / P,
        "largest": float(found.sizes.max()),
        "mean_size": float(sizes.mean()) if len(sizes) else float("nan"),
    }


def _entmax(point: Point, seed: int) -> dict[str, float]:
    """Shares of the cues that one step gives exactly, that come home, and that are decoded."""
    import torch
    from reports.emergent_memories import COSINE

    from hopfield import DenseMemory

    P, N, s = point["patterns"], point["size"], point["noise"]
    generator = torch.Generator().manual_seed(seed)
    xi = torch.randn(P, N, generator=generator, dtype=torch.float64)
    xi *= N**0.5 / xi.norm(dim=1, keepdim=True)
    own = torch.randint(P, (point["trials"],), generator=generator)
    cues = xi[own] + s * torch.randn(len(own), N, generator=generator, dtype=torch.float64)
    memory = DenseMemory(xi, "entmax", beta=s**-2, alpha=point["alpha"])
    ends = memory.relax(cues, max_sweeps=500).states
    exact = (memory.step(cues) - xi[own]).norm(dim=1) < _EXACT * N**0.5
    predicted = memory.exact(cues) == own
    return {
        "one_step": exact.double().mean(),
        "fixed_point": (torch.cosine_similarity(ends, xi[own]) >= COSINE).double().mean(),
        "nearest": (torch.cdist(cues, xi).argmin(1) == own).double().mean(),
        # the softmax blurs every cue, though by less than can be seen where cues are clean
        "against_the_rule": (exact != predicted).double().mean() * (point["alpha"] > 1),
    }


if __name__ == "__main__":
    main()
