"""What a memory is: anything that can be cued. Every measurement sees it through `Memory` alone."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from hopfield.relaxation import Relaxation

CRITERIA = ("fixed-point", "one-step")
ROUNDING = 1e-6  # of a cosine of single-precision states


class Retrieval(NamedTuple):
    """What cues were retrieved as: `states` (B, N), and which `converged`, (B,) bool."""

    states: Tensor
    converged: Tensor


@runtime_checkable
class Memory(Protocol):
    """What a measurement needs of a memory; a class of ten lines can have it.

    A memory whose dynamics is random takes a keyword `generator` in `retrieve`. Optional:
    `step(cues, overlap)`, a single update as against the whole dynamics;
    `weights(states, overlap)`, (B, P), how much each pattern contributes to a state;
    `revisit(states, noise, generator)`, where states at an rms distance of `noise` from an
    attractor are taken, if that is not what `retrieve` does at any overlap;
    `similarity`, the centre and the sites that overlaps are measured on, if these are not zero
    and all (see `similarity`); `cycling(states, overlap)`, (B,), which unconverged states
    are in 2-cycles; `level(overlap)`, the noise level that `retrieve` takes states to be at;
    `trajectory(cues, overlap, generator=None)`, (K, B, N), the cues and the states after each
    sweep, update or noise level, of which the last are those that `retrieve` returns;
    `levels(overlap)`, (K,), the noise levels of these states where they fall on the way, and
    `posterior(states, sigma)`, the weights of the patterns at one of them;
    `log_density(states, overlap)`, (B,), of the noised data at that level;
    `targets`, (P, N′), what the cue of each pattern should end as where that is not the pattern,
    and `answer(states)`, (B, N′), the part of states that is compared with them where N′ ≠ N;
    `energy_spread(states)`, (B,), by how much an energy that is integrated from a score depends
    on the path, or None where it does not;
    `reweighted(log_weights)`, the same memory with log-weights (P,) of its patterns added to the
    logits of their weights, and `temperature`, times which they are potentials, in the units of
    the energy.

    Attributes
    ----------
    patterns : (P, N), what was stored.
    """

    patterns: Tensor

    def corrupt(self, patterns: Tensor, overlap: float, generator: torch.Generator) -> Tensor:
        """Cues (B, N) at `overlap`, in (0, 1], with the given patterns (B, N)."""

    def retrieve(self, cues: Tensor, overlap: float) -> Retrieval | tuple[Tensor, Tensor]:
        """Where the dynamics takes cues (B, N) of a known overlap."""

    def energy(self, states: Tensor) -> Tensor | None:
        """Energy of each state (B,), or None where the dynamics has none."""


def ended(relaxation: Relaxation) -> Retrieval:
    """Where a relaxation ended."""
    return Retrieval(relaxation.states, relaxation.converged)
