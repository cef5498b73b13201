"""Pattern sets of a data set: random subsets. A seed fixes an order, P takes its first P."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges.data.data_set import stored
from bridges.data.drawn import classes_drawn, drawn, is_drawn
from bridges.data.sets import (
    blocks_of,
    centre_of,
    class_labels,
    patterns_of,
    seen,
    varying_of,
)
from bridges.data.sources import as_name, state
from bridges.memory.similarity import BEYOND_CHANCE, FEWEST


def pattern_set(data: str, kind: str, patterns: int, size: int | None, seed: int) -> Tensor:
    """P patterns of a data set for models of binary or real states, or as they are stored.

    Parameters
    ----------
    data : as for `load`, or "random", or "clustered@clusters=5,overlap=0.8".
    kind : "binary", "real" or "stored". Random patterns are unbiased spins, or uniform on the
        sphere |ξ|² = N. Clustered ones are at a mean `overlap` with the centre of their cluster,
        as `hopfield.clustered_patterns` or on that sphere; they take turns between clusters.
    patterns : P, at most the number of vectors the data set has.
    size : N of patterns that are drawn (100 if None); only for them.
    seed : whole number; chooses the patterns.

    Returns
    -------
    (P, N), float64, on the sites that vary in a data set of at least 20 vectors; `about` says
    which. Stored patterns have all sites, and the values of the data.

    Raises
    ------
    ValueError : as for `load`; a parameter that clustered patterns do not have; P too large,
        `size` where the data has its own.

    Examples
    --------
    >>> pattern_set("digits", "binary", 10, None, seed=0).shape
    torch.Size([10, 61])
    """
    data, patterns = as_name(data), _checks.whole("patterns", patterns, low=0)
    seed = _checks.whole("seed", seed, low=0, high=None)
    size = None if size is None else _checks.whole("size", size)
    _checks.choice("kind", kind, ("binary", "real", "stored"))
    if is_drawn(data):
        return drawn(data, kind, patterns, size, seed)
    content = state(data)
    rows = stored(data, content).rows
    if size is not None and size != rows.shape[1]:
        raise ValueError(f"size is for random data; {data} has size {rows.shape[1]}, got {size}")
    if not 1 <= patterns <= len(rows):
        raise ValueError(f"patterns must lie in [1, {len(rows)}] for {data}, got {patterns}")
    chosen = rows[_order(len(rows), seed)[:patterns]]
    if kind == "stored":
        return chosen.to(torch.float64)
    return patterns_of(chosen, kind, centre_of(data, content, kind), varying_of(data, content))


def pattern_classes(data: str, patterns: int, seed: int) -> Tensor | None:
    """The class or cluster of each row of `pattern_set(data, …, patterns, …, seed)`, if known.

    Examples
    --------
    >>> pattern_classes("digits", 5, seed=0).shape
    torch.Size([5])
    """
    data, patterns = as_name(data), _checks.whole("patterns", patterns)
    seed = _checks.whole("seed", seed, low=0, high=None)
    if is_drawn(data):
        return classes_drawn(data, patterns)
    labels = class_labels(data)
    return None if labels is None else labels[_order(len(labels), seed)[:patterns]]


def about(data: str) -> dict[str, float | str]:
    """What its patterns are of a data set, as settings of a run; nothing for those that are drawn.

    Parameters
    ----------
    data : as for `pattern_set`.

    Returns
    -------
    dict with `centre`, of real states, "mean" or "zero"; and where they are above chance
    `constant_sites`, which are left out, `activity`, the part of spins +1, and
    `shared_overlap`, the mean overlap of two different patterns of spins.

    Examples
    --------
    >>> about("digits")["constant_sites"]
    3
    """
    data = as_name(data)
    return {} if is_drawn(data) else dict(_about(data, state(data)))


def said(settings: Mapping[str, Any]) -> str:
    """What `about` put among the settings of a run, in words that end a heading.

    Examples
    --------
    >>> said({"centre": "zero", "constant_sites": 3})
    '; 3 constant sites left out'
    >>> said({})
    ''
    """
    words = []
    if "constant_sites" in settings:
        words.append(f"{settings['constant_sites']} constant sites left out")
    if settings.get("centre") == "mean":
        words.append("real states about the mean of the data")
    if "shared_overlap" in settings:
        words.append(
            f"{settings['activity']:.0%} of the spins +1, so that two patterns share an overlap of "
            f"{settings['shared_overlap']:.2g} (unbiased ones 0)"
        )
    return "".join(f"; {one}" for one in words)


@lru_cache(maxsize=4)
def _about(data: str, content: str) -> dict[str, float | str]:
    """The same for a content, read once."""
    rows, varying = stored(data, content).rows, varying_of(data, content)
    found: dict[str, float | str] = {"centre": "mean"}
    if centre_of(data, content, "real") is None:
        found["centre"] = "zero"
    if varying is not None:
        found["constant_sites"] = int((~varying).sum())
    mean, n = centre_of(data, content, "binary"), len(rows)
    total = torch.full_like(seen(rows[:1], varying)[0], -n, dtype=torch.float64)
    for block in blocks_of(data, content):  # no small piece is kept among them, see `centre_of`
        values = seen(block, varying).double()
        total += 2 * (values > (0 if mean is None else mean)).sum(0)  # spins +1, see `patterns_of`
    squares = float(total.square().mean())  # n, were the patterns independent and unbiased
    if n >= FEWEST and squares > BEYOND_CHANCE * n:
        found["activity"] = (1 + float(total.mean()) / n) / 2
        found["shared_overlap"] = (squares - n) / (n * (n - 1))
    return found


def _order(count: int, seed: int) -> Tensor:
    """The order in which a seed takes the vectors of a data set."""
    return torch.randperm(count, generator=_checks.generator_from(seed, "pattern_set"))
