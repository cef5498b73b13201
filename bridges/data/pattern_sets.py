"""Pattern sets of a data set: random subsets. A seed fixes an order, P takes its first P."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges.data.sets import centre_of, class_labels, on_sphere, patterns_of, stored
from bridges.data.sources import state
from hopfield import random_patterns


def pattern_set(data: str, kind: str, patterns: int, size: int | None, seed: int) -> Tensor:
    """P patterns of a data set for models with "binary" or "real" states.

    Parameters
    ----------
    data : as for `load`, or "random".
    kind : "binary" or "real". Random patterns are unbiased spins, or uniform on the sphere
        |ξ|² = N.
    patterns : P, at most the number of vectors the data set has.
    size : N of random patterns (100 if None); only for them.
    seed : whole number; chooses the patterns.

    Returns
    -------
    (P, N), float64.

    Raises
    ------
    ValueError : as for `load`; P too large, `size` where the data has its own.

    Examples
    --------
    >>> pattern_set("digits", "binary", 10, None, seed=0).shape
    torch.Size([10, 64])
    """
    _checks.choice("kind", kind, ("binary", "real"))
    if data == "random":
        size = 100 if size is None else _checks.whole("size", size)
        if kind == "binary":
            return random_patterns(patterns, size, seed=seed)
        patterns = _checks.whole("patterns", patterns)
        normal = np.random.default_rng(seed).standard_normal((patterns, size))  # row by row
        return on_sphere(torch.from_numpy(normal))
    content = state(data)
    rows, mean = stored(data, content)[0], centre_of(data, content, kind)
    if size is not None and size != rows.shape[1]:
        raise ValueError(f"size is for random data; {data} has size {rows.shape[1]}, got {size}")
    if not 1 <= patterns <= len(rows):
        raise ValueError(f"patterns must lie in [1, {len(rows)}] for {data}, got {patterns}")
    return patterns_of(rows[_order(len(rows), seed)[:patterns]], kind, mean)


def pattern_classes(data: str, patterns: int, seed: int) -> Tensor | None:
    """The class of each row of `pattern_set(data, …, patterns, …, seed)`, where it is known.

    Examples
    --------
    >>> pattern_classes("digits", 5, seed=0).shape
    torch.Size([5])
    """
    labels = None if data == "random" else class_labels(data)
    return None if labels is None else labels[_order(len(labels), seed)[:patterns]]


def _order(count: int, seed: int) -> Tensor:
    """The order in which a seed takes the vectors of a data set."""
    return torch.randperm(count, generator=_checks.generator_from(seed, "pattern_set"))
