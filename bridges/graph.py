r"""The graph of memories: which are confused with which, and in what groups.

The transition matrix T of `bridges.transitions` is a chain on the memories. Its graph has an
edge wherever T_μν exceeds a threshold; communities are those of largest modularity (Louvain,
Blondel et al. 2008) of (T + Tᵀ)/2 without its diagonal, so that a memory that cues never leave
is a community of its own. At small noise all are alone; as it grows, those of one class merge
before the classes do.

Committors give the probabilities of where a state ends. The exact reverse process samples the
posterior: from x at noise level σ it ends at memory μ with probability w_μ(x, σ). This holds for
the exact SDE, and for no other; along the flow it is 0 or 1. On the chain, q_μ is the probability
to be in a set B before a set A:

    q = Σ_ν T_μν q_ν outside both,     q = 0 on A,     q = 1 on B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from torch import Tensor

from bridges import _checks
from bridges._checks import Level, Result
from bridges.transitions import Transitions
from diffusion import EmpiricalDenoiser

_ROUNDING = 1e-5  # of a row's sum in single precision
Array = np.ndarray


@dataclass(frozen=True, repr=False)
class GraphSummary(Result):
    """The graph of a transition matrix in numbers; the last five are those of `Transitions`.

    Attributes
    ----------
    edges : pairs of memories joined, by the symmetrised matrix.
    communities : their number.
    agreement : adjusted Rand index of communities and true classes, 1 if equal and 0 by chance;
        NaN if no classes are known.
    return_probability : R.
    effective_number : N_eff.
    entropy : of where a cue goes, in nats.
    lost : mean part of the cues that came home to no memory.
    asymmetry : largest |T_μν − T_νμ|.
    """

    edges: int
    communities: int
    agreement: float
    return_probability: float
    effective_number: float
    entropy: float
    lost: float
    asymmetry: float


def attractor_graph(T: Transitions | Tensor | Array, threshold: float = 1e-3) -> nx.DiGraph:
    """The directed graph of the moves between memories.

    Parameters
    ----------
    T : (P, P), entries at least 0, rows that sum to at most 1.
    threshold : an edge μ → ν, μ ≠ ν, is a T_μν above it; in [0, 1). Keep it below 1/P, or
        memories that are all alike have no edges.

    Returns
    -------
    networkx.DiGraph of nodes 0 … P−1, with `stay` T_μμ and `lost` 1 − Σ_ν T_μν of each node,
    and `weight` T_μν of each edge.

    Raises
    ------
    ValueError : T is no such matrix, or a threshold outside its range.

    Examples
    --------
    >>> graph = attractor_graph([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.0, 0.0, 1.0]])
    >>> list(graph.edges(data="weight"))
    [(0, 1, 0.1), (1, 0, 0.2)]
    """
    chain = _chain(T)
    threshold = _below_one(threshold)
    graph = nx.DiGraph()
    leaving = _leak(chain)
    for node, (stay, lost) in enumerate(zip(np.diag(chain), leaving, strict=True)):
        graph.add_node(node, stay=float(stay), lost=float(lost))
    rows, columns = np.nonzero(_without_diagonal(chain) > threshold)
    weights = chain[rows, columns].tolist()
    graph.add_weighted_edges_from(zip(rows.tolist(), columns.tolist(), weights, strict=True))
    return graph


def communities(
    T: Transitions | Tensor | Array,
    threshold: float = 1e-3,
    resolution: float = 1.0,
    seed: int = 0,
) -> Array:
    """Groups of memories that are confused with each other.

    The time is that of the E edges, some 10 µs each, and E is at most P over the threshold: raise
    it where P is in the thousands.

    Parameters
    ----------
    T, threshold : as for `attractor_graph`; the threshold is one of (T + Tᵀ)/2.
    resolution : of the modularity, positive; larger for smaller groups.
    seed : of the order in which Louvain's method visits the nodes.

    Returns
    -------
    (P,), the community of each memory, from 0, numbered by their first members.

    Raises
    ------
    ValueError : as for `attractor_graph`, or a resolution that is not positive.

    Examples
    --------
    >>> communities([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.0, 0.0, 1.0]])
    array([0, 0, 1])
    """
    weights = _symmetric(T, threshold)
    largest = weights.max()  # modularity knows no unit, and squares of small weights vanish
    graph = nx.from_numpy_array(weights / largest if largest > 0 else weights)
    found = nx.community.louvain_communities(
        graph,
        resolution=_checks.positive("resolution", resolution),
        seed=_checks.whole("seed", seed, low=0),
    )
    labels = np.empty(len(graph), dtype=int)
    for label, members in enumerate(sorted(found, key=min)):
        labels[list(members)] = label
    return labels


def undirected(T: Transitions | Tensor | Array, threshold: float = 1e-3) -> nx.Graph:
    """The graph of (T + Tᵀ)/2 above the threshold, without loops; as for `attractor_graph`."""
    return nx.from_numpy_array(_symmetric(T, threshold))


def summarise(
    T: Transitions,
    classes: Tensor | Array | None = None,
    threshold: float = 1e-3,
    seed: int = 0,
) -> GraphSummary:
    """The graph in numbers, its communities against the true classes.

    Parameters
    ----------
    T : of `transition_matrix`.
    classes : (P,), the class of each memory, or None.
    threshold, seed : as for `communities`.

    Raises
    ------
    ValueError : as for `communities`, or classes of another length.

    Examples
    --------
    >>> from bridges import transition_matrix
    >>> denoiser = EmpiricalDenoiser([[0.0], [0.1], [5.0], [5.1]])
    >>> T = transition_matrix(denoiser, sigma=0.3, draws=50, seed=0)
    >>> found = summarise(T, classes=[0, 0, 1, 1])
    >>> found.communities, found.agreement
    (2, 1.0)
    """
    _checks.instance("T", T, Transitions, "what transition_matrix returns")
    labels = communities(T, threshold, seed=seed)
    agreement = float("nan")
    if classes is not None:
        from sklearn.metrics import adjusted_rand_score

        true = _checks.tensor("classes", classes).numpy(force=True)
        if true.shape != labels.shape:
            raise ValueError(f"classes must have shape {labels.shape}, got {true.shape}")
        if true.dtype.kind == "f" and not np.isfinite(true).all():
            raise ValueError("classes must be finite, got NaN or infinite entries")
        agreement = float(adjusted_rand_score(true, labels))
    return GraphSummary(
        edges=int(np.count_nonzero(_symmetric(T, threshold))),
        communities=int(labels.max()) + 1,
        agreement=agreement,
        return_probability=T.return_probability,
        effective_number=T.effective_number,
        entropy=T.entropy,
        lost=float(T.lost.double().mean()),
        asymmetry=T.asymmetry,
    )


def committors(
    denoiser: EmpiricalDenoiser, x: Tensor, sigma: Level, groups: Tensor | Array | None = None
) -> Tensor:
    """Where the exact reverse SDE from x at noise level σ ends, exactly.

    Parameters
    ----------
    denoiser : of P memories.
    x : (B, d) states.
    sigma : a number or (B,), positive.
    groups : (P,), whole numbers from 0, a class of each memory; None: each for itself.

    Returns
    -------
    (B, P), or (B, groups): probabilities, rows that sum to 1.

    Raises
    ------
    ValueError : x not (B, d) or not finite, sigma not positive, or groups of another length
        or kind, or of numbers so large that the result would not fit into memory.

    Examples
    --------
    >>> denoiser = EmpiricalDenoiser([[-1.0], [1.0], [1.0]])
    >>> committors(denoiser, [[0.0]], 1.0, groups=[0, 1, 1])
    tensor([[0.3333, 0.6667]])
    """
    _checks.empirical(denoiser)
    weights = denoiser.weights(x, sigma)
    if groups is None:
        return weights
    index = _checks.tensor("groups", groups)
    if index.shape != (len(denoiser),) or index.is_floating_point() or (index < 0).any():
        raise ValueError(
            f"groups must be whole numbers from 0, of shape ({len(denoiser)},), "
            f"got {index.dtype} of shape {tuple(index.shape)}"
        )
    count = int(index.max()) + 1
    _checks.within_memory(weights.element_size() * len(weights) * count, f"groups: {count} of them")
    result = weights.new_zeros(len(weights), count)
    return result.index_add_(1, index.to(weights.device).long(), weights)


def chain_committor(
    T: Transitions | Tensor | Array, start: Sequence[int], target: Sequence[int]
) -> Array:
    """Probability that the chain T is in `target` before `start`, from each memory.

    Parameters
    ----------
    T : (P, P), as for `attractor_graph`; what a row lacks to 1 is lost for good.
    start : memories, at least one.
    target : memories, at least one, none of them in `start`.

    Returns
    -------
    (P,): 0 on `start`, 1 on `target`, NaN where the chain stays away from both for ever.

    Raises
    ------
    ValueError : T is no such matrix, or sets that are empty, overlap or leave [0, P).

    Examples
    --------
    >>> walk = [[0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5]]
    >>> chain_committor(walk, start=[0], target=[3]).round(3)
    array([0.   , 0.333, 0.667, 1.   ])
    """
    chain = _chain(T)
    P = len(chain)
    first, last = _members("start", start, P), _members("target", target, P)
    both = np.union1d(first, last)
    if len(both) < len(first) + len(last):
        raise ValueError(f"start and target must have no memory in common, got {start}, {target}")
    leaving, leak = _without_diagonal(chain), _leak(chain)
    known = leak > 0
    known[both] = True
    while True:  # memories from which a cue can get to an end, or be lost
        reaching = known | (leaving[:, known] > 0).any(1)
        if (reaching == known).all():
            break
        known = reaching
    result = np.where(known, 0.0, np.nan)
    result[last] = 1.0
    inner = np.setdiff1d(np.flatnonzero(known), both)
    if inner.size:
        elsewhere = np.setdiff1d(
            np.arange(P), np.union1d(inner, last)
        )  # and those that never return
        ends = np.stack([leaving[:, last].sum(1), leaving[:, elsewhere].sum(1) + leak], 1)
        result[inner] = _absorbed(leaving[np.ix_(inner, inner)], ends[inner])
    return result


def _absorbed(jumps: Array, ends: Array) -> Array:
    """Probability of the first of two ends (n, 2), from each of n memories that jump (n, n).

    Memories are taken out one by one, their visitors sent on to where they go: Gaussian
    elimination without a difference (Grassmann, Taksar & Heyman 1985), so that no digits are
    lost where hardly anything leaves. A solver of 1 − T would find it singular.
    """
    n = len(jumps)
    table = np.concatenate([ends, jumps], 1)  # columns: two ends, then the memories
    table[:, 2:] -= np.diag(np.diag(jumps))
    for k in range(n - 1, 0, -1):
        table[k, : k + 2] /= table[k, : k + 2].sum()
        table[:k, : k + 2] += table[:k, k + 2, None] * table[k, : k + 2]
        np.fill_diagonal(table[:k, 2 : k + 2], 0)  # what came back is still there
    table[0, :2] /= table[0, :2].sum()
    found = np.zeros(n)
    for k in range(n):
        found[k] = table[k, 0] + table[k, 2 : k + 2] @ found[:k]
    return found


def layout(T: Transitions | Tensor | Array, seed: int = 0) -> Array:
    """Places (P, 2) for a picture, memories that are confused close together.

    t-SNE (van der Maaten & Hinton 2008) of the squared distances −log (T + Tᵀ)/2, which for the
    exact score grow with those of the memories. What never happened is as far as the rarest of
    what did. Errors as for `attractor_graph`.

    Examples
    --------
    >>> layout([[0.9, 0.1], [0.1, 0.9]]).shape
    (2, 2)
    """
    chain = _chain(T)
    both = (chain + chain.T) / 2
    P = len(both)
    happened = both[both > 0]
    rarest = happened.min() if happened.size else 1.0
    far = np.sqrt(-np.log(np.clip(both, rarest, 1.0)))
    np.fill_diagonal(far, 0)
    if P < 4 or not far.any():  # too few for neighbourhoods, or none at all
        turn = 2 * np.pi * np.arange(P) / P
        return np.stack([np.cos(turn), np.sin(turn)], 1)
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (P - 1) / 3)
    method = TSNE(
        metric="precomputed", init="random", perplexity=perplexity, random_state=seed, n_jobs=1
    )
    return method.fit_transform(far)


def _chain(T: Any) -> Array:
    """A transition matrix for numpy, in float64."""
    chain: Array = _checks.doubles("T", T)
    if chain.ndim != 2 or chain.shape[0] != chain.shape[1] or not len(chain):
        raise ValueError(f"T must be square, (P, P), got {chain.shape}")
    if not np.isfinite(chain).all() or chain.min() < 0:
        raise ValueError(f"T must have finite entries of at least 0, got {chain.min():g}")
    if chain.sum(1).max() > 1 + _ROUNDING:
        raise ValueError(f"T must have rows that sum to at most 1, got {chain.sum(1).max():g}")
    return chain


def _symmetric(T: Any, threshold: float) -> Array:
    """(T + Tᵀ)/2 above its diagonal and above the threshold, 0 elsewhere."""
    chain = _chain(T)
    weights: Array = np.triu((chain + chain.T) / 2, 1)
    weights[weights <= _below_one(threshold)] = 0
    return weights


def _leak(chain: Array) -> Array:
    """What a row lacks to 1, (P,)."""
    missing = 1 - chain.sum(1)
    return np.where(missing > _ROUNDING, missing, 0.0)


def _without_diagonal(chain: Array) -> Array:
    return chain - np.diag(np.diag(chain))


def _below_one(threshold: float) -> float:
    value = _checks.number("threshold", threshold, low=0)
    if value >= 1:
        raise ValueError(f"threshold must lie in [0, 1), got {threshold}")
    return value


def _members(name: str, nodes: Sequence[int], P: int) -> Array:
    members = np.asarray(_checks.several(name, nodes))
    whole = members.ndim == 1 and members.size and np.issubdtype(members.dtype, np.integer)
    if not whole or members.min() < 0 or members.max() >= P:
        raise ValueError(f"{name} must be memories in [0, {P}), at least one, got {nodes}")
    return np.unique(members)
