"""Pattern sets of a data set: random subsets. A seed fixes an order, P takes its first P."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges.data.coded import CODED, CODING, Coding, drawn_in_code, levels_of, rows_in_code
from bridges.data.data_set import load_data, stored
from bridges.data.drawn import SIZE, classes_drawn, drawn, is_drawn
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

KINDS = ("binary", "real", "stored", *CODED)


def pattern_set(
    data: str,
    kind: str,
    patterns: int,
    size: int | None,
    seed: int,
    first: int | None = None,
    coding: Coding = CODING,
) -> Tensor:
    """P patterns of a data set for models of a kind of states, or as they are stored.

    Parameters
    ----------
    data : as for `load`, or "random", or "clustered@clusters=5,overlap=0.8".
    kind : "binary", "real", "stored", "sparse" or "colours". Random patterns are unbiased spins,
        or uniform on the sphere |ξ|² = N. Clustered ones are at a mean `overlap` with the centre
        of their cluster, as `hopfield.clustered_patterns` or on that sphere; they take turns
        between clusters. For 0/1 patterns and colours see the head of `bridges.data.coded`.
    patterns : P, at most the number of vectors the data set has.
    size : N of patterns that are drawn (100 if None); only for them.
    seed : whole number; chooses the patterns.
    first : row of the data, from 0, that comes first in the set, whatever the seed; of random
        patterns, one of the P that there are.
    coding : activity of sparse patterns and number of colours; only for them.

    Returns
    -------
    (P, N), of q colours (P, N·q), float64, on the sites that vary in a data set of at least 20
    vectors; `about` says which. Stored patterns have all sites, and the values of the data.

    Raises
    ------
    ValueError : as for `load`; a parameter that clustered patterns do not have; P too large,
        `size` where the data has its own, no row `first`; data that have no such ones or colours.

    Examples
    --------
    >>> pattern_set("digits", "binary", 10, None, seed=0).shape
    torch.Size([10, 61])
    """
    data, patterns = as_name(data), _checks.whole("patterns", patterns, low=0)
    seed = _checks.whole("seed", seed, low=0, high=None)
    size = None if size is None else _checks.whole("size", size)
    _checks.choice("kind", kind, KINDS)
    _checks.instance("coding", coding, Coding, "a Coding, of activity and colours")
    if first is not None:
        most = patterns if is_drawn(data) else len(stored(data, state(data)).rows)
        first = _checks.whole("first", first, low=0, high=most - 1)
    if is_drawn(data):
        if kind in CODED:
            found = drawn_in_code(data, kind, patterns, size or SIZE, seed, coding)
        else:
            found = drawn(data, kind, patterns, size, seed)
        return found if first is None else found.roll(-first, 0)
    content = state(data)
    rows = stored(data, content).rows
    if size is not None and size != rows.shape[1]:
        raise ValueError(f"size is for random data; {data} has size {rows.shape[1]}, got {size}")
    if not 1 <= patterns <= len(rows):
        raise ValueError(f"patterns must lie in [1, {len(rows)}] for {data}, got {patterns}")
    chosen = rows[_order(len(rows), seed, first)[:patterns]]
    if kind == "stored":
        return chosen.to(torch.float64)
    if kind in CODED:
        return rows_in_code(data, content, kind, chosen, coding)
    return patterns_of(chosen, kind, centre_of(data, content, kind), varying_of(data, content))


def as_patterns(data: str, kind: str, rows: Tensor, coding: Coding = CODING) -> Tensor:
    """Rows (B, N) in the units of a data set as patterns of it, as `pattern_set` makes its own.

    Parameters
    ----------
    data : as for `pattern_set`. What is compared with random patterns is taken about 0.
    kind, coding : as for `pattern_set`.
    rows : (B, N), all sites.

    Raises
    ------
    ValueError : rows of another size, or one equal to the mean of the data, for real states.

    Examples
    --------
    >>> from bridges.data import raw_vectors, vectors
    >>> again = as_patterns("digits", "real", raw_vectors("digits")[:9])
    >>> bool(torch.equal(again, vectors("digits", "real")[:9]))
    True
    """
    data = as_name(data)
    _checks.choice("kind", kind, KINDS)
    _checks.instance("coding", coding, Coding, "a Coding, of activity and colours")
    wide = None if is_drawn(data) else stored(data, state(data)).rows.shape[1]
    given = _checks.matrix("rows", rows, columns=wide)
    return _patterns_of_rows(data, kind, given.cpu(), coding).to(given.device)


def _patterns_of_rows(data: str, kind: str, rows: Tensor, coding: Coding) -> Tensor:
    """The same, of rows on the CPU, where the data are."""
    mean: Tensor | None = None
    varying: Tensor | None = None
    if is_drawn(data):
        if kind in CODED:
            return rows.to(torch.float64)
        mean = torch.zeros(rows.shape[1], dtype=torch.float64)
    else:
        content = state(data)
        if kind in CODED:
            return rows_in_code(data, content, kind, rows, coding)
        mean, varying = centre_of(data, content, kind), varying_of(data, content)
    if kind == "stored":
        return rows.to(torch.float64)
    if kind == "real" and mean is not None and (seen(rows, varying) == mean).all(1).any():
        raise ValueError("rows must differ from the mean of the data, got one that equals it")
    return patterns_of(rows, kind, mean, varying)


def as_rows(data: str, kind: str, states: Tensor, like: Tensor) -> Tensor:
    """States of models as rows of a data set, to be looked at.

    Spins, 0/1 units and colours go from the least to the largest value of the rows, real states
    have the mean of the data and the deviation of the rows; sites that no pattern has are as in
    the rows.

    Parameters
    ----------
    data, kind : as for `pattern_set`.
    states : (B, n), on the sites that vary.
    like : (P, N), rows as they are stored.

    Returns
    -------
    (B, N), float64.

    Raises
    ------
    ValueError : states or rows of another size.

    Examples
    --------
    >>> from bridges.data import raw_vectors
    >>> rows = raw_vectors("digits")[:1]
    >>> shown = as_rows("digits", "real", as_patterns("digits", "real", rows), rows)
    >>> bool(torch.allclose(shown, rows))
    True
    """
    data = as_name(data)
    _checks.choice("kind", kind, KINDS)
    states = _checks.matrix("states", states).double().cpu()
    if kind == "stored" or (is_drawn(data) and kind not in CODED):
        return states
    if is_drawn(data):
        return levels_of(states, like.shape[1])
    content = state(data)
    varying = varying_of(data, content)
    size = stored(data, content).rows.shape[1]
    like = _checks.matrix("like", like, columns=size).double().cpu()
    sites = size if varying is None else int(varying.sum())
    if kind in CODED:
        low, high = load_data(data).range
        return _on_all_sites(low + levels_of(states, sites) * (high - low), varying, like)
    states, mean = _checks.matrix("states", states, columns=sites), centre_of(data, content, kind)
    if mean is not None and kind == "binary":
        low, high = float(like.min()), float(like.max())
        states = low + (states + 1) / 2 * (high - low)
    elif mean is not None:
        states = mean + (seen(like, varying) - mean).square().mean().sqrt() * states
    return _on_all_sites(states, varying, like)


def _on_all_sites(states: Tensor, varying: Tensor | None, like: Tensor) -> Tensor:
    """Rows whose sites that do not vary are as in other rows."""
    if varying is None:
        return states
    rows = like[:1].repeat(len(states), 1)
    rows[:, varying] = states
    return rows


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


def _order(count: int, seed: int, first: int | None = None) -> Tensor:
    """The order in which a seed takes the vectors of a data set, one of them before all others."""
    order = torch.randperm(count, generator=_checks.generator_from(seed, "pattern_set"))
    if first is None:
        return order
    return torch.cat([torch.tensor([first]), order[order != first]])
