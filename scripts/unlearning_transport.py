r"""What do dreams do to the weights of a dense memory? They solve optimal transport.

Give each memory a potential g_μ, a log-weight g_μ/σ² in the softmax, and dream: start from a
reference measure ρ, see which memories hold the state, and lower their potential,
g_μ ← g_μ + η (1/P − w_μ). Dreams end where each memory holds 1/P of ρ. That is the entropic optimal
transport from ρ to the memories with regularisation σ², of which dreaming is the stochastic
gradient (Genevay, Cuturi, Peyré & Bach, arXiv 1605.08527); at σ → 0 the cells are a power diagram.
Where ρ is the noised density p_σ itself, equal weights are the end already.

(a, b) the cells of five points of a plane before and after, ρ = N(0, 1.5²); (c) their masses at
several σ, and under p_σ; (d) entropies of what digits hold along the dreams, ρ white noise,
with the weights at the start and at the attractor; (e) what a dose of the
potentials does, from none to twice what dreams lead to: basins, mixtures, recall, and which
patterns still are fixed points; (f) recall against the noise of the cue before and after.

    python scripts/unlearning_transport.py --preset quick
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row

if TYPE_CHECKING:
    from torch import Tensor

    from bridges import UnlearnedWeights

_QUICK: dict[str, Any] = {
    "sigmas": [0.05, 0.5, 1.0],
    "starts": 10_000,
    "steps": 300,
    "loads": [30, 100],
    "ratios": [0.5, 2.0],
    "width": 0.3,
    "doses": [0.0, 0.5, 1.0, 1.5, 2.0, 3.0],
    "noises": [1.0, 1.5, 2.0, 2.5, 3.0],
    "trials": 300,
    "samples": 4,
}
_PAPER: dict[str, Any] = {
    "sigmas": [0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5],
    "starts": 100_000,
    "steps": 2000,
    "loads": [30, 100, 500],
    "ratios": [0.25, 0.5, 1.0, 1.5, 2.0],
    "doses": [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0],
    "trials": 2000,
    "samples": 8,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
PLANE = 1.5  # width of ρ in the plane
BATCH = 100  # dreams at the same weights
SWEEPS = 50
FEWER = 4  # times fewer steps of dreams that run to an attractor


@study_command(PRESETS)
@options.own(
    sigmas=(options.LEVELS, "Noise levels σ of the plane."),
    starts=(Whole(100), "Starts from N(0, 1.5²) of the plane."),
    steps=(Whole(20, 10**6), "Steps of 100 dreams each; a quarter as many to the attractor."),
    ratios=(options.LEVELS, "Noise levels of the digits, in their rms deviation."),
    width=(options.POSITIVE, "Width of the noise that digits are dreamt from, in the same unit."),
    doses=(Numbers(Real(0, 10)), "Parts of the potentials, 0 and 1 among them."),
    noises=(options.LEVELS, "Noise levels of the cues, in the same unit."),
)
@options.shared("loads", default=None, help="Numbers of digits P.")
@options.shared("trials", default=None)
def main(run: Run, **asked: Any) -> base.Report:
    """Unlearning the weights of a dense memory, as optimal transport.

    Dreams lower the potential of the memories that hold them, until all hold as much; what this
    does to basins, mixtures and recall, for five points of a plane and for digits.
    """
    from reports.unlearning_transport import Report

    from bridges._checks import within_memory
    from bridges.data import count

    most, trials = max(asked["loads"]), asked["trials"]
    if min(asked["loads"]) < 2 or most > count("digits"):
        raise ValueError(f"loads must lie in [2, {count('digits')}], got {asked['loads']}")
    if not {0.0, 1.0} <= {*asked["doses"]}:
        raise ValueError(f"doses must have 0 and 1 among them, got {asked['doses']}")
    within_memory(8.0 * 8 * asked["starts"], f"starts: {asked['starts']} of them", each_job=True)
    within_memory(8.0 * 4 * trials * (most + 64), f"trials: {trials} states", each_job=True)
    shared = {"steps": asked["steps"]}
    plane = shared | {"part": "plane", "starts": asked["starts"]}
    digits = shared | {"part": "digits", "trials": trials}
    digits |= {name: asked[name] for name in ("width", "doses", "noises")}
    points: list[Point] = [
        *(plane | {"sigma": s} for s in asked["sigmas"]),
        *(digits | {"patterns": P, "ratio": r} for P in asked["loads"] for r in asked["ratios"]),
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """Masses and potentials of one set of memories at one noise level."""
    return _plane(point, seed) if point["part"] == "plane" else _digits(point, seed)


def _plane(point: Point, seed: int) -> list[Row]:
    """Masses and potentials of each memory: exact for these starts, and dreamt."""
    import torch
    from reports.unlearning_transport import MEMORIES

    from bridges import as_memory, balanced_weights, unlearn_weights
    from bridges.starts import gaussian, noised
    from diffusion import EmpiricalDenoiser

    xi, sigma = torch.tensor(MEMORIES, dtype=torch.float64), point["sigma"]
    memory = as_memory(EmpiricalDenoiser(xi), sigma=sigma)
    starts = gaussian(point["starts"], 2, PLANE, seed)
    exact = balanced_weights(memory, starts)
    dreamt = unlearn_weights(
        memory, lambda n, g: gaussian(n, 2, PLANE, g), point["steps"], batch=BATCH, seed=seed
    )
    own = balanced_weights(memory, noised(xi, sigma, point["starts"], seed), max_steps=1)
    columns = {
        "before": exact.before,
        "after": exact.after,
        "potential": exact.potentials,
        "dreamt": dreamt.potentials,
        "own": own.before,
    }
    rows: list[Row] = [
        {"memory": k, "quantity": name, "value": float(value)}
        for name, column in columns.items()
        for k, value in enumerate(column)
    ]
    error = (dreamt.potentials - exact.potentials).square().mean().sqrt()
    return [*rows, {"quantity": "dream_error", "value": float(error)}]


def _digits(point: Point, seed: int) -> list[Row]:
    """Entropies of what digits hold along the dreams, and what doses of the potentials do."""
    import torch

    from bridges import as_memory, balanced_weights, unlearn_weights
    from bridges.data import pattern_set
    from bridges.starts import gaussian, noised
    from diffusion import EmpiricalDenoiser

    P, sigma, trials, width = (point[k] for k in ("patterns", "ratio", "trials", "width"))
    xi = pattern_set("digits", "real", P, None, seed)
    xi = xi - xi.mean(0)
    xi = xi / xi.square().mean().sqrt()
    N = xi.shape[1]
    plain = as_memory(EmpiricalDenoiser(xi), sigma=sigma, max_sweeps=SWEEPS, centre=0.0)
    start, dream = gaussian(max(trials, 20 * P), N, width, seed), {"batch": BATCH, "seed": seed}

    def white(count: int, generator: torch.Generator) -> Any:
        return gaussian(count, N, width, generator)

    exact = balanced_weights(plain, start, tolerance=1e-4)
    paths = {
        "start": unlearn_weights(plain, white, point["steps"], **dream),
        "attractor": unlearn_weights(
            plain, white, point["steps"] // FEWER, held_by="attractor", **dream
        ),
    }
    own = balanced_weights(plain, noised(xi, sigma, len(start), seed), max_steps=1)
    rows: list[Row] = [
        {"quantity": "entropy", "of": "before", "value": exact.entropy[0] / math.log(P)},
        {"quantity": "entropy", "of": "after", "value": exact.entropy[-1] / math.log(P)},
        {"quantity": "entropy", "of": "own noise", "value": own.entropy[0] / math.log(P)},
    ]
    for name, path in paths.items():
        rows += _along(name, path)
    generator = torch.Generator().manual_seed(seed)
    own_of = torch.arange(trials) % P
    cues = [
        (s, xi[own_of] + s * torch.randn(trials, N, generator=generator, dtype=torch.float64))
        for s in sorted(point["noises"])
    ]

    def add(potentials: Tensor, some: list[tuple[float, Tensor]], **label: Any) -> None:
        """What these potentials do to basins, patterns and some cues."""
        memory = plain.reweighted(potentials / sigma**2)  # type: ignore[attr-defined]
        ends = _ends(memory, start.states[:trials])
        share = torch.bincount(ends[ends >= 0], minlength=P) / trials
        numbers = {
            "basins": -float(torch.xlogy(share, share).sum()) / math.log(P),
            "mixtures": float((ends < 0).double().mean()),
            "kept": float((_ends(memory, xi) == torch.arange(P)).double().mean()),
            **_radii(xi, potentials),
        }
        rows.extend(label | {"quantity": name, "value": v} for name, v in numbers.items())
        for s, states in some:
            home = float((_ends(memory, states) == own_of).double().mean())
            rows.append(label | {"noise": s, "quantity": "recall", "value": home})

    middle = cues[len(cues) // 2 : len(cues) // 2 + 1]
    for dose in point["doses"]:
        add(dose * exact.potentials, cues if dose in (0, 1) else middle, dose=dose)
    add(paths["attractor"].potentials, middle, by="attractor")
    return rows


def _along(name: str, path: UnlearnedWeights) -> list[Row]:
    """Entropy of the masses along dreams, in log P, and the part that no memory holds alone."""
    P = len(path.after)
    rows: list[Row] = []
    for k, at in enumerate(path.steps.tolist()):
        row = {"held_by": name, "dreams": at * BATCH}
        value = float(path.entropy[k]) / math.log(P)
        rows.append(row | {"quantity": "along", "value": value})
        rows.append(row | {"quantity": "undecided", "value": float(path.undecided[k])})
    return rows


def _radii(patterns: Tensor, potentials: Tensor) -> dict[str, float]:
    """Distance of a pattern to the edge of its power cell, negative outside, in √N: mean, least."""
    import torch

    apart = torch.cdist(patterns, patterns).fill_diagonal_(torch.inf)
    edges = apart / 2 + (potentials[:, None] - potentials) / apart
    radius = edges.amin(1) / patterns.shape[1] ** 0.5
    return {"radius": float(radius.mean()), "least_radius": float(radius.min())}


def _ends(memory: Any, states: Tensor) -> Tensor:
    """Which memory holds more than half of where each state ends, −1 for none."""
    weights, index = memory.weights(memory.retrieve(states, 1.0).states, 1.0).max(1)
    index[weights <= 0.5] = -1
    return index


if __name__ == "__main__":
    main()
