r"""Bidirectional memory of pairs of patterns (Kosko 1988).

Pairs (x^μ, y^μ) of N and M spins, W = Σ_μ y^μ (x^μ)ᵀ/N. The layers answer each other,

    u ← sign(W s),    s ← sign(Wᵀ u),

a spin in zero field as it was, until neither changes: E = −u·Ws never rises, and a fixed pair is
always reached. It is Hebb's network on N + M spins with the couplings between the layers alone, and
stores up to α_c = 0.1998 for N = M (`hopfield.theory.crosstalk_capacity("bidirectional")`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._forms import row_norms
from hopfield.memory import SynchronousMemory
from hopfield.patterns import flip_spins


class BidirectionalMemory(SynchronousMemory):
    """Memory of pairs: the first half of a pattern calls the second.

    A state is a row [s, u]. A cue knows s in part and u not at all: its entries are 0. An entry 0
    in zero field stays 0.

    Parameters
    ----------
    left : (P, N), entries ±1, the cued halves x.
    right : (P, M), entries ±1, the halves y that are asked for; duplicates are allowed.

    Attributes
    ----------
    patterns : (P, N + M), rows [x, y].
    targets : (P, M), the halves y, which `answer` reads of a state.
    couplings : (M, N), W.

    Raises
    ------
    ValueError : other entries, halves of different numbers of patterns.

    Examples
    --------
    >>> from hopfield import overlap, random_patterns
    >>> x, y = random_patterns(20, 400, seed=0), random_patterns(20, 300, seed=1)
    >>> memory = BidirectionalMemory(x, y)
    >>> cues = memory.corrupt(memory.patterns, 0.6, torch.Generator().manual_seed(0))
    >>> ends, converged = memory.retrieve(cues)
    >>> bool(overlap(memory.answer(ends), y).min() > 0.99)
    True
    """

    def __init__(self, left: Tensor, right: Tensor) -> None:
        x = _checks.stored("left", left, binary=True).detach()
        y = _checks.stored("right", right, binary=True).detach().to(x)
        if len(x) != len(y):
            raise ValueError(f"right must hold as many patterns as left, {len(x)}, got {len(y)}")
        self.patterns, self.targets = torch.cat([x, y], 1), y
        self._first = x.shape[1]
        rows = _checks.working(x)
        self.couplings = _checks.working(y).T @ rows / self._first
        epsilon = torch.finfo(rows.dtype).eps
        self._tie_right = 4 * math.sqrt(self._first) * epsilon * row_norms(self.couplings)
        self._tie_left = 4 * math.sqrt(y.shape[1]) * epsilon * row_norms(self.couplings.T)

    def answer(self, states: Tensor) -> Tensor:
        """The part of states (B, N + M) that `targets` are to be compared with, (B, M)."""
        return states[:, self._first :]

    def corrupt(
        self, patterns: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Cues [x′, 0]: round((1 − m)N/2) spins of the first half flipped, the second unknown."""
        given = _checks.spins("patterns", patterns, columns=self.size)
        left = flip_spins(given[:, : self._first], overlap, generator)
        return torch.cat([left, torch.zeros_like(self.answer(given))], 1)

    def energy(self, states: Tensor) -> Tensor:
        """Energy −u·Ws of each state, (B,)."""
        s, u = self._layers(self._states(states))
        return -(u * (s @ self.couplings.T)).sum(1)

    def _states(self, states: Tensor) -> Tensor:
        return _checks.known_spins("states", states, columns=self.size).detach()

    def _layers(self, states: Tensor) -> tuple[Tensor, Tensor]:
        spins = states.to(self.couplings)
        return spins[:, : self._first], spins[:, self._first :]

    def _step(self, states: Tensor) -> Tensor:
        s, u = self._layers(states)
        fields = s @ self.couplings.T
        u = torch.where(fields.abs() <= self._tie_right, u, fields.sign())
        fields = u @ self.couplings
        s = torch.where(fields.abs() <= self._tie_left, s, fields.sign())
        return torch.cat([s, u], 1).to(states)
