r"""Which dimensions of its data does a diffusion model lose, when, and in which order?

Data of two variances λ₁ > λ₂ on a linear manifold of m₁ + m₂ of d dimensions ("Losing
dimensions: Geometric memorization in generative diffusion", arXiv 2410.08727; gaps of the
spectrum: arXiv 2410.05898), P points of it, noise variance t = σ². The exact score of the
distribution keeps λ/(λ + t) of a direction, D_eff = Σ λ/(λ + t) in all; −σ²∇∇ log p has the
values t/(t + λ), between which the gap is the intermediate one down to t = λ₁λ₂/(λ₁ − 2λ₂)
and the final one below. The exact score of P points loses them as the noise falls, a network
trained on P points as the points dwindle. There is a part for each side of the question:

    empirical  planted points ξ + σz seen by the exact score of P points: the spectrum of
               −σ²∇∇ log p, three dimensions, the phase, and what is left of each subspace,
               D_A = Σ_A (1 + tJ_kk), to be compared with m λ/(λ + t) of the distribution
    trained    the same of a network trained on those points
    fixed      fixed points seen by many data sets: signal to noise between the sets of the
               Jacobian and of the score along each subspace, and Σ w² of the posterior

Beside them stands the paper to the letter, on its own data, blocks of standard deviations 1, 0.3
and 0.01 (`diffusion.block_data`):

    score      |S(σe_k) − S(0)| of many data sets, beside the paper's curve and a form of ours
    order      Σ w² at σe_k of data of unit norm, in 400 and in 30 dimensions
    kinks      the paper's second difference and the half-count of the same values, by the exact
               score of P points
    networks   the same of a network trained on them

"Lost" has meanings that need not agree, told apart in `reports.order_of_loss`; each is
measured, and the order that is printed is what came out. Nothing is said of networks that have
not learnt (as in `memorization_to_generalization`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Whole
from bridges.study.record import Point, Row

if TYPE_CHECKING:
    from torch import Tensor

    from diffusion import Denoiser

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "dimension": 20,
        "subspaces": (3, 3),
        "variances": (1.0, 0.05),
        "patterns": 1000,
        "loads": [10, 30, 100, 300, 1000, 3000, 10000],
        "levels": 13,
        "draws": 20,
        "sets": 48,
        "trained": [3, 5, 10, 20, 50],
        "training_steps": 1000,
        "width": 128,
        "samples": 4,
    },
    "paper": {
        "dimension": 100,
        "subspaces": (20, 20),
        "variances": (1.0, 0.01),
        "patterns": 1000,
        "loads": [10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000],
        "levels": 25,
        "draws": 60,
        "sets": 50,
        "trained": [20, 60, 200, 600, 2000],
        "training_steps": 5000,
        "width": 256,
        "samples": 16,
    },
}
_HELD_OUT = 200  # fresh points on which a network may show that it has learnt
_LEVELS = (1e-2, 10**0.5)  # noise levels of training, in signal units
_BLOCKS = {"dimension": 30, "subspaces": [2, 5]}  # the paper's, with networks
_ORDERS = ({"dimension": 400, "subspaces": [200, 200]}, {"dimension": 30, "subspaces": [5, 10]})
_BEFORE = (0.02, 0.06, 0.25, 0.6, 1.0)  # noise variances, in units of where λ₁ condenses
_KINKS = (250, 20000)  # points of the data whose kinks are counted
_STEPS = (0.05, 0.1, 0.2, 0.4)  # noise levels at which they are
_SEEN = 6  # of the points at which they are


@study_command(PRESETS)
@click.option("--dimension", type=Whole(2), help="Dimension d of the space.")
@click.option("--subspaces", type=Whole(1), nargs=2, help="Dimensions m₁ m₂ of the subspaces.")
@click.option(
    "--variances", type=options.POSITIVE, nargs=2, help="Variances λ₁ λ₂ of the subspaces."
)
@options.shared("patterns", help="Points P whose order of loss is measured.")
@options.shared("loads", default=None, help="Numbers of points P of the map.")
@click.option("--levels", type=Whole(3, most=10**4), help="Noise levels.")
@click.option("--draws", type=Whole(2), help="Noised points per noise level.")
@click.option("--sets", type=Whole(3), help="Data sets that a signal to noise is over.")
@click.option("--trained", type=options.COUNTS, help="Numbers of points P of the networks.")
@options.shared("training-steps", default=None, help="Gradient steps of a network.")
@click.option("--width", type=Whole(1), help="Units of a network's layer.")
def main(run: Run, **chosen: Any) -> base.Report:
    """Dimension against noise level and data-set size, and the order in which it is lost."""
    import numpy as np
    from reports.losing_dimensions import Report

    from bridges._checks import within_memory

    manifold = {k: chosen[k] for k in ("dimension", "subspaces", "variances")}
    manifold |= {k: list(manifold[k]) for k in ("subspaces", "variances")}
    large, small = manifold["variances"]
    if large <= small:
        raise ValueError(f"variances must fall, λ₁ > λ₂, got {large:g} and {small:g}")
    if sum(manifold["subspaces"]) > chosen["dimension"]:
        sizes = " + ".join(map(str, manifold["subspaces"]))
        raise ValueError(f"subspaces must fit into {chosen['dimension']} dimensions, got {sizes}")
    P, loads, trained = (chosen[k] for k in ("patterns", "loads", "trained"))
    if min(P, *loads, *trained) < 2:
        raise ValueError(
            f"patterns, loads and trained must be at least 2, got {P}, {loads} and {trained}"
        )
    d, drawn = chosen["dimension"], chosen["draws"]
    for numbers, what in (
        (4 * d * (d + max(P, *loads, *trained)), f"dimension: points in {d} dimensions"),
        (4 * drawn * d * d, f"draws: {drawn} Jacobians in {d} dimensions"),
        (8 * chosen["width"] * (chosen["width"] + 2 * d), f"width: layers of {chosen['width']}"),
        (4 * P * _ORDERS[0]["dimension"], f"patterns: {P} points in 400 dimensions"),
        (4 * chosen["sets"] * P * sum(manifold["subspaces"]), f"sets: {chosen['sets']} of them"),
    ):
        within_memory(8 * numbers, what, each_job=True)
    noise = [float(t) for t in np.geomspace(small / 100, 10 * large, chosen["levels"])]
    planted = manifold | {"noise": noise, "draws": chosen["draws"]}
    network = {"steps": chosen["training_steps"], "width": chosen["width"]}
    points: list[Point] = [
        *(
            {"part": "empirical", "patterns": n, "spectrum": n == P} | planted
            for n in sorted({P, *loads, *trained})
        ),
        *({"part": "trained", "patterns": n} | planted | network for n in trained),
        {"part": "fixed", "patterns": P, "sets": chosen["sets"], "noise": noise} | manifold,
        *paper(P, chosen["sets"], network),
    ]
    return Report(run(measure, points))


def paper(P: int, sets: int, network: Point) -> list[Point]:
    """What is measured on the paper's own data."""
    import numpy as np

    from diffusion.theory import paper_condensation_sigma

    many = {"patterns": P, "sets": sets}
    noise = [float(t) for t in np.geomspace(1e-3, 1.0, 9)]
    points: list[Point] = [{"part": "score", "noise": noise} | many | _BLOCKS]
    for blocks in _ORDERS:
        t = float(paper_condensation_sigma(P, unit_variances(blocks), unit_norm=True)[0]) ** 2
        points.append({"part": "order", "noise": [t * part for part in _BEFORE]} | many | blocks)
    for n in _KINKS:
        at = {"patterns": n, "noise": [sigma**2 for sigma in _STEPS]} | _BLOCKS
        points += [{"part": "kinks"} | at, {"part": "networks"} | at | network]
    return points


def unit_variances(blocks: Point) -> list[float]:
    """Variances of the blocks after each point is divided by its norm."""
    import numpy as np

    from diffusion.theory import unit_norm_variances

    sizes = [*blocks["subspaces"], blocks["dimension"] - sum(blocks["subspaces"])]
    return [float(v) for v in unit_norm_variances(np.repeat([1.0, 0.09, 1e-4], sizes))]


def measure(point: Point, seed: int) -> list[Row]:
    """One part on one sample; all parts of a sample share the data of a size."""
    if point["part"] in _OF_THE_PAPER:
        return _OF_THE_PAPER[point["part"]](point, seed)
    return _fixed(point, seed) if point["part"] == "fixed" else _planted(point, seed)


def _planted(point: Point, seed: int) -> list[Row]:
    """What is left at noised points of the data, by their exact score or by a network."""
    import torch

    from bridges.generalization import loss_over_constant
    from diffusion import EmpiricalDenoiser, LinearManifoldDenoiser, manifold_factors

    F = manifold_factors(point["dimension"], point["subspaces"], point["variances"], seed=seed)
    data = LinearManifoldDenoiser(F).draw(point["patterns"], seed=seed)
    bases = list((F / F.norm(dim=0)).split(point["subspaces"], 1))
    generator = torch.Generator().manual_seed(seed)
    own = torch.randperm(len(data), generator=generator)
    own = own.repeat(-(-point["draws"] // len(own)))[: point["draws"]]
    noise = torch.randn(len(own), len(F), generator=generator, dtype=torch.float64)
    denoiser: Denoiser = EmpiricalDenoiser(data)
    learnt: list[Row] = []
    if point["part"] == "trained":
        denoiser = train(data, point["width"], point["steps"], seed)
        held_out = LinearManifoldDenoiser(F).draw(_HELD_OUT, seed=generator)
        sigma = math.sqrt(min(point["variances"]))  # that of the order of loss
        value = loss_over_constant(denoiser, data, held_out, sigma, seed)
        learnt.append({"quantity": "learnt", "value": value})
    return learnt + [
        {"t": t} | row
        for t in point["noise"]
        for row in _seen(
            denoiser,
            data[own] + math.sqrt(t) * noise,
            math.sqrt(t),
            bases,
            spectrum=point.get("spectrum", False),
        )
    ]


def train(data: Tensor, width: int, steps: int, seed: int) -> Denoiser:
    """A network trained on the data at t in [10⁻⁴, 10], as its geometry is to be seen."""
    from bridges._checks import silent
    from diffusion import ResidualMLP, train_denoiser

    scale = float((data - data.mean(0)).square().mean().sqrt())
    network = ResidualMLP(data.shape[1], width=width, depth=2, seed=seed)  # 3 of SiLU
    low, high = (level / scale for level in _LEVELS)
    return train_denoiser(
        data,
        network=network,
        steps=steps,
        levels=(low, high),
        device="cpu",
        seed=seed,
        quiet=silent(),
    ).denoiser


def _seen(
    denoiser: Denoiser, x: Tensor, sigma: float, bases: list[Tensor], *, spectrum: bool
) -> list[Row]:
    """Dimensions, phases and, if asked, the lowest part of the spectrum at x, on average."""
    from diffusion import jacobian_spectrum, manifold_dimension, subspace_dimension
    from diffusion.geometry import PHASES

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
    rows: list[Row] = [{"quantity": name, "value": value} for name, value in values.items()]
    if not spectrum:
        return rows
    lowest = s.sort(1).values.mean(0)[: sum(basis.shape[1] for basis in bases) + 1]
    return rows + [
        {"index": k, "quantity": "spectrum", "value": value}
        for k, value in enumerate(lowest.tolist(), 1)
    ]


def _normal(bases: list[Tensor]) -> list[Tensor]:
    """A basis of what is across the manifold, if there is anything."""
    import torch

    along = torch.cat(bases, 1)
    normal = torch.linalg.qr(along, mode="complete").Q[:, along.shape[1] :]
    return [normal] if normal.shape[1] else []


def _fixed(point: Point, seed: int) -> list[Row]:
    """In the coordinates of the manifold: the posterior does not see the others."""
    import torch

    from diffusion import EmpiricalDenoiser, subspace_signal_to_noise

    sizes = point["subspaces"]
    lam = torch.tensor(point["variances"], dtype=torch.float64)
    lam = lam.repeat_interleave(torch.tensor(sizes))
    bases = list(torch.eye(len(lam), dtype=torch.float64).split(sizes, 1))
    generator = torch.Generator().manual_seed(seed)
    noise: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    drawn = (torch.randn(point["patterns"], len(lam), **noise) for _ in range(point["sets"]))
    sets = [EmpiricalDenoiser(data * lam.sqrt()) for data in drawn]
    signs = torch.randint(0, 2, (4, len(lam)), generator=generator).double() * 2 - 1
    along = torch.stack([(basis.sum(1) * lam.sqrt()) for basis in bases])  # a query per subspace
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


def _score(point: Point, seed: int) -> list[Row]:
    """Root mean square of σ |S(σe_k) − S(0)| over data sets, along the first of each block."""
    return _along_axes(point, seed, "difference", unit_norm=False)


def _order(point: Point, seed: int) -> list[Row]:
    """Mean over data sets of Σ w² at σe_k, of data of unit norm."""
    return _along_axes(point, seed, "condensation", unit_norm=True)


def _along_axes(point: Point, seed: int, quantity: str, *, unit_norm: bool) -> list[Row]:
    import torch

    from diffusion import EmpiricalDenoiser, block_data

    d, generator = point["dimension"], torch.Generator().manual_seed(seed)
    axes = torch.eye(d, dtype=torch.float64)[[0, point["subspaces"][0]]]
    total = torch.zeros(len(point["noise"]), len(axes), dtype=torch.float64)
    for _ in range(point["sets"]):
        drawn: dict[str, Any] = {"unit_norm": unit_norm, "seed": generator}
        data = block_data(point["patterns"], point["subspaces"], dimension=d, **drawn)
        exact = EmpiricalDenoiser(data)
        for row, t in zip(total, point["noise"], strict=True):
            sigma = math.sqrt(t)
            if unit_norm:
                row += exact.weights(sigma * axes, sigma).square().sum(1)
            else:
                moved = exact.score(sigma * axes, sigma) - exact.score(0 * axes, sigma)
                row += t * moved.square().sum(1)
    total /= point["sets"]
    found = total if unit_norm else total.sqrt()
    return [
        {"t": t, "subspace": a + 1, "quantity": quantity, "value": float(value)}
        for t, row in zip(point["noise"], found, strict=True)
        for a, value in enumerate(row)
    ]


def _kinks(point: Point, seed: int) -> list[Row]:
    """The second difference and the half-count at some points of the data, on average."""
    import torch

    from bridges.generalization import loss_over_constant
    from diffusion import EmpiricalDenoiser, block_data, manifold_dimension

    generator = torch.Generator().manual_seed(seed)
    sizes = {"subspaces": point["subspaces"], "dimension": point["dimension"]}
    data = block_data(point["patterns"], seed=generator, **sizes)
    held_out = block_data(_HELD_OUT, seed=generator, **sizes)
    denoiser: Denoiser = EmpiricalDenoiser(data)
    rows: list[Row] = []
    if point["part"] == "networks":
        denoiser = train(data, point["width"], point["steps"], seed)
        loss = loss_over_constant(denoiser, data, held_out, math.sqrt(point["noise"][0]), seed)
        rows.append({"quantity": "learnt", "value": loss})
    for t in point["noise"]:
        method = {"method": "second-difference", "seed": seed}
        found = manifold_dimension(denoiser, data[:_SEEN], math.sqrt(t), **method)
        counted = found.value[found.value.isfinite()]
        values = {"half-count": float(found.half_count.mean())}
        values["answered"] = len(counted) / len(found.value)
        values["kink"] = float(counted.mean()) if len(counted) else 0.0
        rows += [{"t": t, "quantity": name, "value": value} for name, value in values.items()]
    return rows


_OF_THE_PAPER = {"score": _score, "order": _order, "kinks": _kinks, "networks": _kinks}


if __name__ == "__main__":
    main()
