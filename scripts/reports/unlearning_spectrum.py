"""Spectrum of the couplings along the dreams: what a mark records, and its panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridges.estimates import mean_and_sem
from bridges.study import figures
from bridges.study.record import Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray
    from torch import Tensor

EDGES = ("lowest", "lower_edge", "upper_edge", "largest", "mean_upper")
SHAPE = {
    "relative_spread": "relative spread",
    "share_in_span": "share in the span",
    "cosine_to_pseudo_inverse": "cosine, pseudo-inv.",
}


def spectrum(couplings: Tensor, patterns: Tensor) -> list[Row]:
    """Edges and shape of both groups of eigenvalues; nothing of as many patterns as spins."""
    from hopfield import pseudo_inverse, spectral_groups

    if len(patterns) >= patterns.shape[1]:
        return []
    groups = spectral_groups(couplings, patterns)
    flat = pseudo_inverse(patterns)
    norms = couplings.norm() * flat.norm()
    cosine = float((couplings * flat).sum() / norms) if norms > 0 else float("nan")
    found = {name: getattr(groups, name) for name in (*EDGES, "relative_spread", "share_in_span")}
    found["cosine_to_pseudo_inverse"] = cosine
    return [{"quantity": name, "value": value} for name, value in found.items()]


def table_of_spectra(curves: dict[str, tuple[ndarray, ndarray]], load: float) -> str:
    """Edges and shape along the dreams, at every other mark."""
    D = next(iter(curves.values()))[0]
    rows = [
        [f"{mark:.3f}", *(of_samples(values[:, k]) for _, values in curves.values())]
        for k, mark in enumerate(D)
        if k % 2 == 0
    ]
    header = ["lowest", "lower edge", "upper edge", "λ_max", "mean upper", "spread", "in span"]
    return table([f"spectrum, α = {load:g}, D =", *header, "cos pinv"], rows)


def draw_edges(axes: Axes, curves: dict[str, tuple[ndarray, ndarray]]) -> None:
    """Both groups as bands between their edges, against D."""
    for (low, high), color, label in (
        (("upper_edge", "largest"), figures.SERIES[1][0], "upper $P$ eigenvalues"),
        (("lowest", "lower_edge"), figures.SERIES[0][0], "lower $N - P$"),
    ):
        D, bottom = curves[low]
        if bottom.size:
            ends = [mean_and_sem(curves[name][1])[0] for name in (low, high)]
            axes.fill_between(D, *ends, color=color, alpha=0.3, lw=0, label=label)
            for end in ends:
                axes.plot(D, end, color=color, lw=1)
    D, mean = curves["mean_upper"]
    if mean.size:
        axes.plot(D, mean_and_sem(mean)[0], **figures.THEORY[1], label="mean of the upper")
    axes.axhline(0, color="0.85", lw=0.8, zorder=0)


def draw_shape(axes: Axes, curves: dict[str, tuple[ndarray, ndarray]], **settings: Any) -> None:
    """Flatness of the upper group, and what its eigenvectors and the couplings are near to."""
    for (name, label), series in zip(SHAPE.items(), figures.SERIES[2:], strict=False):
        D, by_sample = curves[name]
        if by_sample.size:
            figures.points(axes, D, by_sample, series, ms=3.5, label=label, **settings)
