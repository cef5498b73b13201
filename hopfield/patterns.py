r"""Patterns: what is stored.

A pattern is a row ξ^μ of ±1 spins, μ = 1…P, i = 1…N. Its overlap with a state S is
m = (1/N) Σ_i ξ_i S_i; flipping a fraction f of the spins leaves m = 1 − 2f.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed

_PART, _LOSS = 1e3, 1e-2  # see `offset`
_CANCELLED = 1e-9  # of |mean|², below which a difference is taken before it is squared


def random_patterns(
    P: int,
    N: int,
    seed: Seed = None,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Independent unbiased spins.

    Parameters
    ----------
    P : number of patterns, at least 1.
    N : number of spins, at least 1.
    seed : int, torch.Generator or None.
    dtype : type of the entries.
    device : where the patterns are made.

    Returns
    -------
    (P, N), entries ±1.

    Raises
    ------
    ValueError : P or N below 1.

    Examples
    --------
    >>> random_patterns(2, 5, seed=0).shape
    torch.Size([2, 5])
    """
    P, N = _checks.whole("P", P), _checks.whole("N", N)
    dtype, device = _checks.dtype("dtype", dtype), _checks.device("device", device)
    generator = _checks.generator_from(seed, "random_patterns", device)
    bits = torch.randint(2, (P, N), generator=generator, device=generator.device)
    return (2 * bits - 1).to(dtype=dtype, device=device)


def clustered_patterns(
    clusters: int,
    per_cluster: int,
    N: int,
    overlap: float,
    seed: Seed = None,
    *,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Hierarchical patterns: random centres, and members at a mean overlap with them.

    Each spin of a member equals that of its centre with probability (1 + overlap)/2. Two
    members of one cluster then have the mean overlap `overlap`², members of two clusters zero.

    Parameters
    ----------
    clusters : number of clusters, at least 1.
    per_cluster : number of patterns per cluster, at least 1.
    N : number of spins, at least 1.
    overlap : mean overlap of a member with its centre, in [0, 1].
    seed : int, torch.Generator or None.
    dtype : type of the entries.

    Returns
    -------
    (clusters · per_cluster, N), entries ±1; members of a cluster are consecutive rows.

    Raises
    ------
    ValueError : a count below 1, or an overlap outside [0, 1].

    Examples
    --------
    >>> xi = clustered_patterns(3, 4, 1000, overlap=0.9, seed=0)
    >>> bool((xi[0] * xi[1]).mean() > 0.7)
    True
    """
    clusters = _checks.whole("clusters", clusters)
    per_cluster = _checks.whole("per_cluster", per_cluster)
    overlap = _checks.number("overlap", overlap, low=0, high=1)
    generator = _checks.generator_from(seed, "clustered_patterns")
    centres = random_patterns(clusters, N, generator, dtype=dtype)
    members = centres.repeat_interleave(per_cluster, dim=0)
    noise = torch.rand(members.shape, generator=generator, device=generator.device)
    return torch.where(noise.to(members.device) < (1 - overlap) / 2, -members, members)


def binarize(data: Tensor, threshold: float | Tensor | None = None) -> Tensor:
    """Real data, such as images, as ±1 patterns.

    Parameters
    ----------
    data : (P, N), real.
    threshold : a number, one number per site (N,), or None; entries above it become +1
        None takes the mean of each site over the data, the counterpart of centring for spins.

    Returns
    -------
    (P, N), entries ±1, dtype of `data`.

    Raises
    ------
    ValueError : data not (P, N) or not finite; a threshold that does not fit it, or NaN.

    Examples
    --------
    >>> binarize(torch.tensor([[0.0, 3.0], [1.0, 1.0]]))
    tensor([[-1.,  1.],
            [ 1., -1.]])
    """
    given = _checks.stored("data", data, binary=False)
    values = given
    if threshold is None:
        values = _checks.working(values)
        cut = values.mean(0)
    else:
        cut = _checks.tensor("threshold", threshold, double=True).to(values)
    if cut.ndim > 1 or cut.numel() not in (1, values.shape[1]):
        raise ValueError(
            f"threshold must be a number or have shape ({values.shape[1]},), got {tuple(cut.shape)}"
        )
    if cut.isnan().any():
        raise ValueError(f"threshold must be a number, got {int(cut.isnan().sum())} NaN")
    return torch.where(values > cut, 1.0, -1.0).to(given.dtype)


def overlap(states: Tensor, patterns: Tensor) -> Tensor:
    """Overlap m = (1/N) Σ_i S_i ξ_i over the last axis, the others broadcast.

    Parameters
    ----------
    states : (..., N)
        States (B, N) with patterns (B, N) give one overlap per row; states[:, None] with
        patterns (P, N) give all B·P of them.
    patterns : (..., N), which broadcasts with `states`.

    Returns
    -------
    (...), in [−1, 1] for spins.

    Raises
    ------
    ValueError : shapes that do not broadcast, no spin, NaN or infinite entries.

    Examples
    --------
    >>> overlap(torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.])
    """
    states, patterns = _checks.tensor("states", states), _checks.tensor("patterns", patterns)
    shapes = f"{tuple(states.shape)} and {tuple(patterns.shape)}"
    spins = states.shape[-1:]
    if spins != patterns.shape[-1:] or spins in ((), (0,)):
        raise ValueError(
            f"states and patterns must have the same number of spins, at least one, got {shapes}"
        )
    try:
        result = _checks.working(states * patterns).sum(-1) / spins[0]
    except RuntimeError as error:
        raise ValueError(f"states and patterns must broadcast, got {shapes}") from error
    if not torch.isfinite(result).all():
        raise ValueError("states and patterns must be finite, got NaN or infinite entries")
    return result


def offset(patterns: Tensor, beta: float = 0.0) -> Tensor | None:
    """Mean of the patterns where sums about 0 would lose their digits in it, else None.

    Differences of patterns are then to be taken of what is left, ξ − mean. It is so where
    |mean|² exceeds the mean square v of what is left, and ε|mean|² max(β, 1000/v) exceeds 0.01
    with the precision ε of the patterns: offsets of 10 rms deviations in single precision, of
    2·10⁵ in double.

    Parameters
    ----------
    patterns : (P, N), finite.
    beta : factor of squared distances in an exponent, 0 if there is none.

    Returns
    -------
    (N,), like the patterns, or None.

    Examples
    --------
    >>> offset(torch.tensor([[1000.0], [1002.0]])), offset(torch.tensor([[0.0], [2.0]]))
    (tensor([1001.]), None)
    """
    mean = patterns.mean(0, dtype=torch.float64)
    size = float(mean.square().sum())
    total = float(torch.linalg.vector_norm(patterns, dtype=torch.float64)) ** 2
    spread = total / len(patterns) - size
    if spread < _CANCELLED * size:  # the difference has lost its own digits
        spread = float((patterns.double() - mean).square().sum()) / len(patterns)
    lost = torch.finfo(patterns.dtype).eps * size * max(beta, _PART / spread if spread > 0 else 0.0)
    return mean.to(patterns) if size > spread and lost > _LOSS else None


def flip_spins(patterns: Tensor, overlap: float, seed: Seed = None) -> Tensor:
    """Patterns with exactly round((1 − m)N/2) of their spins flipped, at random sites.

    Parameters
    ----------
    patterns : (P, N), entries ±1.
    overlap : m of the result with its pattern, in [−1, 1].
    seed : int, torch.Generator or None.

    Returns
    -------
    (P, N), a new tensor, dtype and device of `patterns`.

    Raises
    ------
    ValueError : entries that are not ±1, or an overlap outside [−1, 1].

    Examples
    --------
    >>> xi = random_patterns(3, 10, seed=0)
    >>> overlap(flip_spins(xi, 0.6, seed=1), xi)
    tensor([0.6000, 0.6000, 0.6000], dtype=torch.float64)
    """
    patterns = _checks.spins("patterns", patterns)
    overlap = _checks.number("overlap", overlap, low=-1, high=1)
    generator = _checks.generator_from(seed, "flip_spins", patterns.device)
    flips = round((1 - overlap) * patterns.shape[1] / 2)
    if flips == 0:
        return patterns.clone()
    noise = torch.rand(patterns.shape, generator=generator, device=generator.device)
    sites = noise.topk(flips, dim=1).indices.to(patterns.device)
    return patterns.scatter(1, sites, -patterns.gather(1, sites))
