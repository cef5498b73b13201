r"""Which dimensions of its data does a diffusion model lose, when, and in which order?

Data of two variances λ₁ > λ₂ on a linear manifold of m₁ + m₂ of d dimensions ("Losing
dimensions: Geometric memorization in generative diffusion", arXiv 2410.08727; gaps of the
spectrum: arXiv 2410.05898), P points of it, noise variance t = σ². The exact score of the
distribution keeps λ/(λ + t) of a direction, D_eff = Σ λ/(λ + t) in all; −σ²∇∇ log p has the
values t/(t + λ), between which the gap is the intermediate one down to t = λ₁λ₂/(λ₁ − 2λ₂)
and the final one below. The exact score of P points loses them as the noise falls, a network
trained on P points as the points dwindle. "Lost" has meanings that need not agree, told apart
in `reports.losing_dimensions`; each is measured, and the order that is printed is what came out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bridges.study import options
from bridges.study.command import Run, study_command
from bridges.study.report import Findings

if TYPE_CHECKING:
    from bridges.study.record import Point

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "dimension": 20,
        "subspaces": [3, 3],
        "variances": [1.0, 0.05],
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
        "subspaces": [20, 20],
        "variances": [1.0, 0.01],
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


@study_command(PRESETS)
@click.option("--dimension", type=click.IntRange(2), help="d of the space.")
@click.option("--subspaces", type=click.IntRange(1), nargs=2, help="Dimensions m₁ m₂.")
@click.option(
    "--variances", type=click.FloatRange(0, min_open=True), nargs=2, help="Variances λ₁ λ₂."
)
@options.shared("patterns", help="Points P whose order of loss is measured.")
@options.shared("loads", default=None, help="Numbers of points P of the map.")
@click.option("--levels", type=click.IntRange(3), help="Noise levels.")
@click.option("--draws", type=click.IntRange(2), help="Noised points a noise level.")
@click.option("--sets", type=click.IntRange(3), help="Data sets that a signal to noise is over.")
@click.option("--trained", type=options.COUNTS, help="Numbers of points P of the networks.")
@options.shared("training-steps", default=None, help="Gradient steps of a network.")
@click.option("--width", type=click.IntRange(1), help="Units of a network's layer.")
def main(run: Run, **chosen: Any) -> Findings:
    """Dimension against noise level and data-set size, and the order in which it is lost."""
    import numpy as np
    from reports.losing_dimensions import SubspaceReport
    from reports.subspaces import measure

    manifold = {k: chosen[k] for k in ("dimension", "subspaces", "variances")}
    manifold |= {k: list(manifold[k]) for k in ("subspaces", "variances")}
    large, small = manifold["variances"]
    if large <= small:
        raise ValueError(f"variances must fall, λ₁ > λ₂, got {large:g} and {small:g}")
    if sum(manifold["subspaces"]) > chosen["dimension"]:
        raise ValueError(
            f"subspaces must fit into {chosen['dimension']} dimensions, "
            f"got {' + '.join(map(str, manifold['subspaces']))}"
        )
    P, loads, trained = (chosen[k] for k in ("patterns", "loads", "trained"))
    if min(P, *loads, *trained) < 2:
        raise ValueError(
            f"patterns, loads and trained must be at least 2, got {P}, {loads} and {trained}"
        )
    noise = [float(t) for t in np.geomspace(small / 100, 10 * large, chosen["levels"])]
    planted = manifold | {"noise": noise, "draws": chosen["draws"]}
    network = {"steps": chosen["training_steps"], "width": chosen["width"]}
    points: list[Point] = [
        *({"part": "empirical", "patterns": n} | planted for n in sorted({P, *loads, *trained})),
        *({"part": "trained", "patterns": n} | planted | network for n in trained),
        {"part": "fixed", "patterns": P, "sets": chosen["sets"], "noise": noise} | manifold,
    ]
    study = run(measure, points)
    return SubspaceReport(study, manifold, noise, P, sorted({P, *loads}), trained).findings()


if __name__ == "__main__":
    main()
