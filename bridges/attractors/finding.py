r"""Attractors of any memory: where many starts end, and what is there.

Starts are retrieved, and those whose dynamics converged are put together: spins by a hash,
real states within a tolerance; distances count the sites, and overlaps the centre, that the
memory states (`bridges.memory.similarity`). A real state is then kicked and retrieved again;
one that does not come back is a saddle, not an attractor. Each attractor is one of

    memory      a stored pattern: spins and 0/1 of overlap ≥ `threshold`, real states at an rms
                distance ≤ `delta`; and where the memory knows the weights w of its patterns,
                that one has more than half. A short distance to dense data is no memory
    inverse     the same of −ξ alone, about the centre, where the memory knows no weights:
                energies that are even in the state have both
    prototype   one class has more than 0.9 of the weight, on more than half its patterns
    global      more than half of all patterns contribute: the mean of the data
    mixture     any other of known weights
    spurious    any other

The number of patterns that contribute to a state is k_eff = exp H(w).
(Ambrogioni 2023; Pham et al. 2025; for spins Amit, Gutfreund & Sompolinsky 1985.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result, Seed
from bridges.memory import Memory
from bridges.memory.clusters import are_bits, are_spins, groups, rms_distance
from bridges.memory.cueing import energy_of, one_cue, recall, recall_near, stored_patterns
from bridges.memory.similarity import WHOLE, Similarity, similarity_of
from bridges.starts import Starts, as_starts
from bridges.statistics import effective_number
from hopfield.patterns import offset

KINDS = ("memory", "inverse", "prototype", "global", "mixture", "spurious")
COLOURS: dict[str, str] = {
    "memory": "#0072B2",
    "inverse": "#56B4E9",
    "prototype": "#009E73",
    "global": "#CC79A7",
    "mixture": "#E69F00",
    "spurious": "#D55E00",
    "none": "0.8",
}
"""Of the kinds of attractors: what is stored blue, what is not warm."""
_ROWS = 2**14  # starts retrieved at once
_NUMBERS = 2**22  # numbers of an (attractors × patterns) block held at once
_MOST = 0.51  # weight above which a state is of one pattern: a majority, clear of a tie
_ROUNDING = 1e-6  # of a distance of single-precision states
_CLASS = 0.9  # weight that one class must hold for a prototype


@dataclass(frozen=True, repr=False)
class Attractors(Result):
    """What the starts ended in, the most visited first; A attractors of P patterns.

    Attributes
    ----------
    states : (A, N)
    counts : (A,) starts that ended there.
    kind : (A,) words, KINDS.
    nearest : (A,) the pattern that is nearest, or whose inverse is.
    overlap : (A,) cosine with it.
    distance : (A,) rms distance per entry from it.
    k_eff : (A,) patterns that contribute to the state, exp H(w); NaN where the memory knows no
        weights.
    energy : (A,) as the memory has it; NaN where it has none.
    labels : (B,) attractor of each start, −1 for none.
    converged : (B,) whether its dynamics did.
    saddles : (S, N) states that starts ended in, and left when kicked.
    measure : what the starts were drawn from.
    varying : (N,) bool, the sites that distances are taken on; None: all.
    """

    states: Tensor
    counts: np.ndarray
    kind: tuple[str, ...]
    nearest: np.ndarray
    overlap: np.ndarray
    distance: np.ndarray
    k_eff: np.ndarray
    energy: np.ndarray
    labels: Tensor
    converged: Tensor
    saddles: Tensor
    measure: str
    varying: Tensor | None = None

    def __len__(self) -> int:
        """Number of attractors A."""
        return len(self.states)

    @property
    def unconverged(self) -> int:
        """Starts whose dynamics had not converged when it was stopped."""
        return int((~self.converged).sum())

    @property
    def at_saddles(self) -> int:
        """Starts that ended in a saddle."""
        return int(((self.labels < 0) & self.converged).sum())

    def count(self, kind: str) -> int:
        """Starts that ended in an attractor of this kind, one of KINDS."""
        _checks.choice("kind", kind, KINDS)
        return int(self.counts[[k == kind for k in self.kind]].sum())

    def _parts(self) -> list[tuple[str, Any]]:
        """Neither states nor single starts."""
        names = ("measure", "unconverged", "at_saddles")
        columns = ("kind", "counts", "nearest", "overlap", "distance", "k_eff", "energy")
        starts = ("starts", len(self.labels))
        return [starts, *((name, getattr(self, name)) for name in (*names, *columns))]

    def __repr__(self) -> str:
        kinds = ", ".join(f"{self.kind.count(k)} {k}" for k in KINDS if k in self.kind)
        return (
            f"Attractors({len(self)} of {len(self.labels)} starts from {self.measure}: "
            f"{kinds or 'none'}; {self.unconverged} unconverged, {self.at_saddles} at saddles)"
        )


def find_attractors(
    memory: Memory,
    starts: Tensor | Starts,
    *,
    labels: Tensor | None = None,
    tolerance: float = 0.01,
    kick: float = 1e-3,
    threshold: float = 0.95,
    delta: float = 0.15,
    seed: Seed = None,
) -> Attractors:
    """Retrieve many starts and see what they end in.

    Parameters
    ----------
    memory : a Memory of P patterns in N dimensions.
    starts : (B, N), at least one; or Starts, which carry the name of their measure and the
        overlap that the memory is given. That of a plain tensor is 1, which a denoiser without
        a level of its own takes for no noise: it is refused, since all starts would stay.
    labels : (P,) class of each pattern, whole numbers from 0; without them no state is a
        prototype.
    tolerance : rms distance per entry within which real states are the same, in units of the
        patterns' rms deviation from their mean, as `kick` and `delta` are.
    kick : rms size of the noise that an attractor must come back from, positive.
    threshold : overlap of spins with a pattern that makes a memory, in (0, 1].
    delta : rms distance of a real state from a pattern that does.
    seed : int, torch.Generator or None; for random dynamics and the kick.

    Returns
    -------
    Attractors.

    Raises
    ------
    ValueError : no start, an argument outside its range, labels that are not (P,), a denoiser
        that knows no noise level of the starts, a memory that returns NaN, states of a wrong
        shape, or weights that are none.
    TypeError : something that is no Memory.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from diffusion import EmpiricalDenoiser
    >>> pair = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]]))  # they merge at σ = 1
    >>> found = find_attractors(as_memory(pair, sigma=0.3), torch.linspace(-2, 2, 9)[:, None])
    >>> found.counts.tolist(), found.kind, found.at_saddles  # the start at 0 stays there
    ([4, 4], ('memory', 'memory'), 1)
    """
    patterns = stored_patterns(memory)
    given = as_starts(starts)
    states = given.states.detach()
    states = states.to(patterns)  # before: it may make them infinite
    states = _checks.matrix("starts", states, columns=patterns.shape[1])
    if len(states) == 0:
        raise ValueError(f"starts must hold at least one state, got shape {tuple(states.shape)}")
    similarity = similarity_of(memory)
    overlap = _overlap(memory, given, similarity)
    unit = _unit(similarity.seen(patterns))
    tolerance = unit * _checks.positive("tolerance", tolerance)
    kick = unit * _checks.positive("kick", kick)
    delta = unit * _checks.number("delta", delta, low=0)
    threshold = _checks.number("threshold", threshold, low=0, high=1, open_low=True)
    classes = None if labels is None else _classes(labels, len(patterns))
    generator = _checks.generator_from(seed, "find_attractors")

    blocks = _checks.followed(states.split(_ROWS), "starts")
    parts = [recall(memory, rows, overlap, generator) for rows in blocks]
    ends = torch.cat([part.states for part in parts]).to(patterns)
    converged = torch.cat([part.converged for part in parts]).to(ends.device)
    settled = ends if converged.all() else ends[converged]
    bits, spins = _coded(memory, settled)
    seen = similarity.seen(settled)
    group, leaders = groups(2 * seen - 1 if bits else seen, tolerance)
    found = settled[leaders]
    kept = torch.ones(len(found), dtype=torch.bool, device=found.device)
    if not (bits or spins):
        kicked = found + kick * _checks.normal_like(found, generator)
        again = recall_near(memory, kicked, kick, overlap, generator)
        left = rms_distance(similarity.seen(again.states.to(found)), similarity.seen(found))
        kept = again.converged.to(kept) & (left <= tolerance)
    counts = torch.bincount(group, minlength=len(found))
    order = torch.argsort(counts * kept, descending=True, stable=True)[: int(kept.sum())]
    number = torch.full((len(found),), -1, device=found.device)
    number[order] = torch.arange(len(order), device=found.device)
    assigned = torch.full((len(ends),), -1, device=ends.device)
    assigned[converged] = number[group]
    asked = classes, threshold, delta, bits, spins
    described = _describe(memory, found[order], overlap, patterns, *asked)
    return Attractors(
        states=found[order],
        counts=counts[order].numpy(force=True),
        labels=assigned,
        converged=converged,
        saddles=found[~kept],
        measure=given.measure,
        varying=similarity.varying,
        **described,
    )


def _coded(memory: Memory, states: Tensor) -> tuple[bool, bool]:
    """Whether states are 0 and 1, and whether they are spins: neither can be kicked.

    A spin in zero field that was unknown stays so, 0. The cues of a memory tell: real states have
    noise there.
    """
    if are_spins(states):
        return False, True
    if not are_spins(states, unknown=True):
        return False, False
    cued = one_cue(memory)
    bits = are_bits(states) and are_bits(cued)
    return bits, not bits and are_spins(cued, unknown=True)


def _overlap(memory: Memory, starts: Starts, similarity: Similarity) -> float:
    """The overlap that the memory takes the starts to have."""
    overlap = starts.overlap
    if starts.sigma is not None and similarity is not WHOLE:
        overlap = similarity.overlap_of_noise(starts.sigma, memory.patterns)
    level = getattr(memory, "level", None)
    if level is not None and level(overlap) == 0:
        raise ValueError(
            "memory must know the noise level of the starts, got a denoiser at that of its cues "
            f"and starts of overlap {overlap:g}, no noise, which all stay; give "
            "as_memory(…, sigma=…), or starts of bridges.starts with noise"
        )
    return overlap


def _describe(
    memory: Memory,
    states: Tensor,
    overlap: float,
    patterns: Tensor,
    classes: Tensor | None,
    threshold: float,
    delta: float,
    bits: bool,
    spins: bool,
) -> dict[str, Any]:
    """Kind, nearest pattern, overlap, distance, k_eff and energy of each state."""
    rows = max(1, _NUMBERS // len(patterns))
    pieces = [_weighed(memory, part, overlap, patterns, classes) for part in states.split(rows)]
    near, far, held, k_eff, share, half = (
        torch.cat(column) for column in zip(*pieces, strict=True)
    )
    similarity = similarity_of(memory)
    shown, known = similarity.seen(states), similarity.seen(patterns)
    turned = similarity.seen(similarity.opposite(states))
    distance, opposite = rms_distance(shown, known[near]), rms_distance(turned, known[far])
    # spins at overlap m are sqrt(2 − 2m) apart
    reach = math.sqrt(2 - 2 * threshold) + _ROUNDING if spins else delta
    close, inverse = distance <= reach, opposite <= reach
    if bits:  # of which −ξ is no state
        close = similarity.cosine(states, patterns[near]) >= threshold - _ROUNDING
        inverse = torch.zeros_like(close)
    inverse &= ~close & held.isnan()  # weights of patterns leave no room for an even energy
    nearest = torch.where(inverse, far, near)
    distance[inverse] = rms_distance(shown[inverse], known[far[inverse]])
    kinds = np.full(len(states), "spurious", dtype=object)
    for kind, which in (  # the last that holds counts
        ("mixture", ~held.isnan()),
        ("global", k_eff > len(patterns) / 2),
        ("prototype", (share > _CLASS) & (k_eff > half)),
        ("inverse", inverse),
        ("memory", close & ~(held <= _MOST)),
    ):
        kinds[which.numpy(force=True)] = kind
    return {
        "kind": tuple(kinds.tolist()),
        "nearest": nearest.numpy(force=True),
        "overlap": similarity.cosine(states, patterns[nearest]).numpy(force=True),
        "distance": distance.numpy(force=True),
        "k_eff": k_eff.numpy(force=True),
        "energy": energy_of(memory, states).numpy(force=True),
    }


def _weighed(
    memory: Memory, states: Tensor, overlap: float, patterns: Tensor, classes: Tensor | None
) -> tuple[Tensor, ...]:
    """Nearest pattern and inverse of each state, and what the weights say of it.

    Next come the weight of that pattern, k_eff, the largest share of a class and half the size
    of that class; NaN where there are no weights or classes.
    """
    near, far = _nearest(states, patterns, similarity_of(memory))
    unknown = torch.full((len(states),), torch.nan, dtype=torch.float64, device=states.device)
    known = getattr(memory, "weights", None)
    weights = None if known is None else known(states, overlap)
    if weights is None:
        return near, far, unknown, unknown, unknown, unknown
    try:
        k_eff = effective_number(weights, rows=len(states), columns=len(patterns))
    except ValueError as error:
        raise ValueError(f"{type(memory).__name__} must return weights: {error}") from error
    held = weights.gather(1, near[:, None]).squeeze(1).double()
    if classes is None:
        return near, far, held, k_eff, unknown, unknown
    sizes = torch.bincount(classes).to(states.device)
    shares = k_eff.new_zeros(len(states), len(sizes))
    shares.index_add_(1, classes.to(states.device), weights.double())
    share, largest = shares.max(1)
    return near, far, held, k_eff, share, sizes[largest] / 2


def _nearest(states: Tensor, patterns: Tensor, similarity: Similarity) -> tuple[Tensor, Tensor]:
    """The pattern nearest to each state, and to its inverse, on the sites that count."""
    turned, states = similarity.seen(similarity.opposite(states)), similarity.seen(states)
    patterns = similarity.seen(patterns)
    centre = offset(patterns)
    if centre is not None:
        turned, states, patterns = turned - centre, states - centre, patterns - centre
    half_norms = patterns.square().sum(1) / 2
    near, far = ((rows @ patterns.T - half_norms).argmax(1) for rows in (states, turned))
    return near, far


def _unit(patterns: Tensor) -> float:
    """Rms deviation of the patterns from their mean; of a single one, from 0."""
    deviation = patterns - patterns.mean(0)
    for rows in (deviation, patterns):
        rms = float(rows.double().square().mean().sqrt())
        if rms == math.inf:
            raise ValueError("memory.patterns must have a finite rms deviation; scale them down")
        if rms > 0:
            return rms
    return 1.0


def _classes(labels: Tensor, patterns: int) -> Tensor:
    classes = _checks.tensor("labels", labels)
    if classes.shape != (patterns,) or classes.is_floating_point() or not (classes >= 0).all():
        raise ValueError(
            f"labels must be {patterns} whole numbers from 0, got {classes.dtype} of shape "
            f"{tuple(classes.shape)}"
        )
    return classes.long()
