r"""Patterns that are drawn anew for each sample, none of them stored: random and clustered ones.

`random` are independent. `clustered@clusters=C,overlap=m` are the patterns of
`hopfield.clustered_patterns`: pattern μ is of cluster μ mod C, and has the mean overlap m with the
centre of it. Two patterns of a cluster have the mean overlap m², two of different clusters 0:

    spins          ξ_i = ±c_i, with probability (1 ± m)/2
    real states    ξ ∝ m c + √(1 − m²) z on the sphere |ξ|² = N, c on it too and z standard normal;
                   their mean overlaps are m and m² up to O(1/N)
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from hopfield import clustered_patterns, random_patterns

DRAWN = ("random", "clustered")
SIZE = 100  # N unless it is said


@dataclass(frozen=True)
class Clusters:
    """What clustered patterns depend on, as it stands in their name."""

    clusters: int = 5
    overlap: float = 0.8

    def __str__(self) -> str:
        return f"clustered@clusters={self.clusters},overlap={self.overlap}"


def is_drawn(data: str) -> bool:
    """Whether a name is that of patterns which are drawn. Raises ValueError where it is none.

    Examples
    --------
    >>> is_drawn("clustered@clusters=3"), is_drawn("digits")
    (True, False)
    """
    _checks.instance("data", data, (str, Path), "a name or a path")
    data = str(data)
    if "@" not in data or os.path.exists(data):
        return data in DRAWN
    return data.partition("@")[0] == "clustered" and "@" not in data.partition("@")[2]


def clusters_of(data: str) -> Clusters | None:
    """The clusters of patterns that are drawn; None where there are none.

    Raises
    ------
    ValueError : a parameter that they do not have, or a value that it cannot have.

    Examples
    --------
    >>> print(clusters_of("clustered@overlap=0.9"))
    clustered@clusters=5,overlap=0.9
    """
    if data == "random":
        return None
    parts = [part for text in data.split("@")[1:] for part in text.split(",")]
    return Clusters(**dict(map(_parameter, parts)))


def drawn(data: str, kind: str, patterns: int, size: int | None, seed: int) -> Tensor:
    """P patterns (P, N), spins where `kind` is "binary"; the first of more of the same seed."""
    size, found = SIZE if size is None else size, clusters_of(data)
    if found is None and kind == "binary":
        return random_patterns(patterns, size, seed=seed)
    patterns = _checks.whole("patterns", patterns)
    if found is None:
        return on_sphere(_normal(patterns, size, seed))
    result = torch.empty(patterns, size, dtype=torch.float64)
    for cluster in range(min(found.clusters, patterns)):
        own = result[cluster :: found.clusters]
        child = seed_of_cluster(seed, cluster)
        if kind == "binary":
            own[:] = clustered_patterns(1, len(own), size, found.overlap, seed=child)
        else:
            own[:] = _around_one_centre(found.overlap, len(own), size, child)
    return result


def seed_of_cluster(seed: int, cluster: int) -> int:
    """The seed of a cluster of a pattern set."""
    return int(np.random.SeedSequence([seed, cluster]).generate_state(1, np.uint64)[0] >> 1)


def classes_drawn(data: str, patterns: int) -> Tensor | None:
    """The cluster of each pattern of `drawn`, (P,); None where there are none."""
    found = clusters_of(data)
    return None if found is None else torch.arange(patterns) % found.clusters


def on_sphere(rows: Tensor) -> Tensor:
    return rows * (rows.shape[1] ** 0.5 / rows.norm(dim=1, keepdim=True))


def _around_one_centre(overlap: float, count: int, size: int, seed: int) -> Tensor:
    """Real states of one cluster, (count, N)."""
    normal = _normal(1 + count, size, seed)
    apart = (1 - overlap**2) ** 0.5
    return on_sphere(overlap * on_sphere(normal[:1]) + apart * normal[1:])


def _normal(count: int, size: int, seed: int) -> Tensor:
    """Standard normal numbers, row by row: fewer rows are the first of more."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, size)))


def _parameter(text: str) -> tuple[str, Any]:
    """A parameter of clustered patterns and its value. Raises ValueError."""
    name, _, value = text.partition("=")
    allowed = [f.name for f in fields(Clusters)]
    if name not in allowed:
        raise ValueError(f"data: clustered takes {' and '.join(allowed)}, got {text!r}")
    try:
        number: int | float = int(value) if name == "clusters" else float(value)
    except ValueError:
        wanted = "a whole number" if name == "clusters" else "a number"
        raise ValueError(f"data: {name} must be {wanted}, got {value!r}") from None
    if name == "clusters":
        return name, _checks.whole("data: clusters", number)
    return name, _checks.number("data: overlap", number, low=0, high=1)
