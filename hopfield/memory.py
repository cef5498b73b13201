"""What the classical memories share: they are cued, relax, and say what they retrieved.

A memory of this kind has its `patterns`, and four methods by which any measurement can ask it:
`corrupt` makes cues, `retrieve` says where they go, `energy` what falls on the way, `step` makes
one update. What a cue should become, where that is not its own pattern, stands in `targets`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from hopfield._checks import Seed
from hopfield.relaxation import Relaxation


class CuedMemory(ABC):
    """A memory of given patterns.

    Attributes
    ----------
    patterns : (P, N), what is stored, as states of the memory.
    """

    patterns: Tensor

    @property
    def size(self) -> int:
        """Number of entries N of a state."""
        return self.patterns.shape[1]

    def __repr__(self) -> str:
        count, size = self.patterns.shape
        return f"{type(self).__name__}({count} patterns of {size}{self._details()})"

    def _details(self) -> str:
        """What else there is to say, after a semicolon."""
        return ""

    @abstractmethod
    def corrupt(
        self, patterns: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Cues (B, N) of a given overlap with the patterns (B, N)."""

    @abstractmethod
    def relax(self, states: Tensor, max_sweeps: int = 100, seed: Seed = None) -> Relaxation:
        """Where the dynamics takes states (B, N), which are left untouched."""

    @abstractmethod
    def step(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """One update of all entries at once, (B, N)."""

    @abstractmethod
    def energy(self, states: Tensor) -> Tensor | None:
        """Energy of each state (B,), or None where the dynamics has none."""

    def retrieve(
        self, cues: Tensor, overlap: float = 1.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """What each cue (B, N) becomes, and whether it came to rest, (B,)."""
        found = self.relax(cues, seed=generator)
        return found.states, found.converged
