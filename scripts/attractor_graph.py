r"""Do the confusions of a diffusion model know the classes? The graph of U-turns as noise grows.

T_μν(σ) = E_z w_ν(ξ^μ + σz) is the probability that the exact score of P memories, noised from
memory μ to σ and run back by its reverse SDE, ends at memory ν. It is symmetric and doubly
stochastic; tr T counts the memories that σ leaves distinguishable. At small σ every memory
returns and the graph of T has no edges. As σ grows memories are confused, with those of their
own class first: there the communities of the graph (Louvain) are the classes, while most
U-turns still return. At large σ all memories are alike.

Two data sets: the digits of scikit-learn, ten classes, as patterns of |ξ|² = N = 61, with
k-means on the same memories to compare with; and Gaussian clusters in d dimensions, whose
centres have unit variance.

    python scripts/attractor_graph.py --preset quick
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import click

from bridges.estimates import estimate
from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Real, Whole
from bridges.study.record import Point, Row
from bridges.study.run import sample_seeds
from bridges.study.tables import of_samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy import ndarray
    from torch import Tensor

    from bridges.verbs.graph import Picture

_QUICK: dict[str, Any] = {
    "patterns": 200,
    "sigmas": [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0],
    "draws": 100,
    "edge": 1e-3,
    "clusters": 5,
    "members": 6,
    "dimension": 20,
    "within": 0.5,
    "samples": 4,
}
_PAPER = {
    "patterns": 600,
    "sigmas": [round(0.2 * 25 ** (k / 20), 3) for k in range(21)],
    "draws": 400,
    "samples": 10,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
DIGITS, CLUSTERS, K_MEANS = "digits", "clusters", "k-means"
QUANTITIES = ("return_probability", "communities", "agreement")


@study_command(PRESETS)
@options.shared("patterns", help="Digits stored, P.")
@options.shared("sigmas", help="Noise levels, σ.")
@options.shared("draws", default=None, help="Noised points per memory.")
@click.option(
    "--edge",
    type=Real(0, 1, max_open=True),
    help="Least probability that joins two memories; keep it below 1/P.",
)
@click.option("--clusters", type=Whole(1), help="Gaussian clusters.")
@click.option("--members", type=Whole(1), help="Memories per cluster.")
@click.option("--dimension", type=Whole(1), help="d of the clusters.")
@click.option("--within", type=Real(0), help="Deviation within a cluster.")
def main(run: Run, sigmas: list[float], patterns: int, **setting: Any) -> Report:
    """Communities of the graph of U-turns against the true classes, as the noise grows."""
    from bridges._checks import within_memory

    P, d = setting["clusters"] * setting["members"], setting["dimension"]
    within_memory(8 * P * (6 * P + 4 * d), f"clusters: {P} memories of {d}", each_job=True)
    digits: Point = {"data": DIGITS, "patterns": patterns}
    clusters: Point = {"data": CLUSTERS, **setting}
    shared = {name: setting[name] for name in ("draws", "edge")}
    memories(digits, 0)  # refuses what could not be measured
    if setting["edge"] * patterns >= 1:
        raise ValueError(
            f"edge must be below 1/P = {1 / patterns:g}, where all memories are alike, "
            f"got {setting['edge']:g}"
        )
    points: list[Point] = [digits | shared | {"sigma": s} for s in sigmas]
    points += [clusters | {"sigma": s} for s in sigmas]
    points.append(digits | {"method": K_MEANS})
    return Report(run(measure, points))


def memories(point: Point, seed: int) -> tuple[Tensor, Tensor]:
    """The memories (P, d) of a sample and their classes (P,)."""
    import torch

    from bridges._checks import generator_from
    from bridges.data import pattern_classes, pattern_set

    if point["data"] == DIGITS:
        labels = pattern_classes("digits", point["patterns"], seed)
        assert labels is not None
        return pattern_set("digits", "real", point["patterns"], None, seed), labels
    generator = generator_from(seed, "clusters")
    shape = (point["clusters"], point["members"], point["dimension"])
    centres = torch.randn(shape[0], 1, shape[2], dtype=torch.float64, generator=generator)
    spread = torch.randn(shape, dtype=torch.float64, generator=generator)
    found = (centres + point["within"] * spread).flatten(0, 1)
    return found, torch.arange(shape[0]).repeat_interleave(shape[1])


def measure(point: Point, seed: int) -> list[Row]:
    """The graph of one set of memories at one noise level, or their classes by k-means."""
    from bridges.verbs.graph import summary_rows

    xi, classes = memories(point, seed)
    if point.get("method") == K_MEANS:
        from sklearn.cluster import KMeans
        from sklearn.metrics import adjusted_rand_score

        count = len(classes.unique())
        found = KMeans(count, n_init=10, random_state=seed % 2**31).fit_predict(xi.numpy())
        return [{"quantity": "k-means", "value": float(adjusted_rand_score(classes, found))}]
    return summary_rows(transitions(point, seed), classes, point["edge"])


def transitions(point: Point, seed: int) -> Any:
    """T of one set of memories at one noise level."""
    from bridges import transition_matrix
    from diffusion import EmpiricalDenoiser

    denoiser = EmpiricalDenoiser(memories(point, seed)[0])
    return transition_matrix(denoiser, point["sigma"], draws=point["draws"], seed=seed)


class Report(base.Report):
    """The graphs of both data sets, and how well their communities agree with the classes."""

    figsize = 10.2, 7.0

    def curve(self, quantity: str, data: str) -> tuple[ndarray, ndarray]:
        """σ (K,) and the values (samples, K) of one data set."""
        return self.study.curve(quantity, "sigma", data=data)

    @cached_property
    def k_means(self) -> ndarray:
        """The agreement of k-means with the classes of the digits, (samples,)."""
        import numpy as np

        return np.array(self.study.by_sample("quantity")[(K_MEANS,)])

    @cached_property
    def best(self) -> int:
        """The noise level at which the communities of the digits are most like their classes."""
        return int(self.curve("agreement", DIGITS)[1].mean(0).argmax())

    def at_best(self, quantity: str) -> dict[str, float]:
        """A number of the digits at that noise level."""
        return estimate(self.curve(quantity, DIGITS)[1][:, self.best])

    @property
    def best_sigma(self) -> float:
        """That noise level, σ."""
        return float(self.curve("agreement", DIGITS)[0][self.best])

    @cached_property
    def pictures(self) -> list[Picture]:
        """The graph of the first digits at half the best noise, at the best, at double."""
        from bridges.verbs.graph import Picture

        levels = [p for p in self.study.points if p["data"] == DIGITS and "sigma" in p]
        chosen = {
            min(levels, key=lambda p: abs(p["sigma"] / (self.best_sigma * f) - 1))["sigma"]
            for f in (0.5, 1, 2)
        }
        seed = sample_seeds(self.study.config["seed"], 1)[0]
        return [
            Picture(transitions(p, seed), memories(p, seed)[1], p["sigma"])
            for p in levels
            if p["sigma"] in chosen
        ]

    def finding(self) -> str:
        """The best agreement of communities and classes, and what returns there."""
        agreement, returned = (
            of_samples(self.curve(name, DIGITS)[1][:, self.best])
            for name in ("agreement", "return_probability")
        )
        return (
            f"{self.setting['patterns']} digits at $\\sigma$ = {self.best_sigma:.2g}: communities "
            f"follow the classes with an ARI of {agreement} while {returned} of all U-turns return"
        )

    def conclusions(self) -> Point:
        """The noise level at which the communities are most like the classes, and k-means."""
        best = {"sigma": self.best_sigma} | {name: self.at_best(name) for name in QUANTITIES}
        return {"best": best, "k_means": estimate(self.k_means)}

    def heading(self) -> str:
        """The process and the graph."""
        return (
            f"exact reverse SDE, {self.setting['draws']} noised points per memory; edges above "
            f"{self.setting['edge']:g}"
        )

    def tables(self) -> Iterator[str]:
        """A table per data set, and k-means."""
        from bridges.verbs.graph import levels_table

        s = self.setting
        yield levels_table(f"{s['patterns']} digits", partial(self.curve, data=DIGITS))
        size = f"{s['clusters']} × {s['members']} memories, d = {s['dimension']}"
        yield levels_table(size, partial(self.curve, data=CLUSTERS))
        yield f"k-means on the same digits: ARI {of_samples(self.k_means)}"

    def draw(self, figure: Figure) -> None:
        """Graphs of the digits at growing noise, and below them the numbers of both data sets."""
        from bridges.verbs.graph import Series, draw_graphs

        s = self.setting
        known = (10, ("k-means", self.k_means)), (s["clusters"],)
        labels = {
            DIGITS: f"digits, $P$ = {s['patterns']}",
            CLUSTERS: f"clusters, $P$ = {s['clusters'] * s['members']}, $d$ = {s['dimension']}",
        }
        series = []
        for (data, label), style, truth in zip(labels.items(), figures.SERIES, known, strict=False):
            curves = {name: self.curve(name, data) for name in QUANTITIES}
            series.append(Series(label, style, curves, *truth))
        draw_graphs(figure, self.pictures, series, self.setting["edge"])


if __name__ == "__main__":
    main()
