"""Panels that the studies of trained networks share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from bridges.study.figures import SERIES, points

Curve = tuple[np.ndarray, np.ndarray]  # x (K,) and values (samples, K)


def shown_name(data: str) -> str:
    """A data set as figures and tables call it."""
    return "sphere $S^7$" if data == "sphere" else Path(data).stem


def fractions_panel(
    axes: Axes, curves: Mapping[str, Curve], axis: str, label: str, title: str
) -> None:
    """Several fractions along one axis, by their names, with the legend above them."""
    for (name, curve), series in zip(curves.items(), SERIES, strict=False):
        if len(curve[0]):
            points(axes, *curve, series, label=name)
    dress(axes, axis, label, title)
    axes.set_ylim(-0.05, 1.42)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.legend(fontsize=7.5, loc="upper center", ncol=2, columnspacing=1)


def dress(axes: Axes, axis: str, label: str, title: str) -> None:
    """Labels, a logarithmic axis and a title."""
    axes.set_xscale("log")
    axes.set_xlabel(axis)
    axes.set_ylabel(label)
    axes.set_title(title, fontsize=9.5)
