"""The nearest pattern: the decoder that every memory is measured against."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges.memory.clusters import nearest
from bridges.memory.denoising import RealMemory
from bridges.memory.interface import Retrieval
from bridges.memory.similarity import Similarity, chosen_similarity, flat


class NearestPattern(RealMemory):
    """The stored pattern nearest to the cue: the best decoder of patterns of equal norm.

    No memory can beat it on average, so that the others are measured against it.
    """

    def __init__(self, patterns: Any, centre: Tensor | Similarity | float | None = None) -> None:
        """Take patterns (P, N) or images (P, …), and a `centre` as `as_memory` does."""
        rows, shape = flat(patterns, None)
        stored = _checks.stored("patterns", rows, binary=False)
        super().__init__(stored, chosen_similarity(centre, stored, stored.shape[1]))
        self.shape = shape or self.shape

    def retrieve(self, cues: Tensor, overlap: float) -> Retrieval:
        """The nearest pattern of each cue."""
        found = torch.ones(len(cues), dtype=torch.bool, device=cues.device)
        return Retrieval(self.step(cues, overlap), found)

    def step(self, cues: Tensor, overlap: float) -> Tensor:
        """The nearest pattern of each cue: decoding takes one step."""
        return self.patterns[
            nearest(self.similarity.seen(cues), self.similarity.seen(self.patterns))
        ]

    def trajectory(self, cues: Tensor, overlap: float) -> Tensor:
        """The cues, and their nearest patterns, (2, B, N)."""
        return torch.stack([cues, self.step(cues, overlap).to(cues)])

    def energy(self, states: Tensor) -> None:
        """None: there is no dynamics."""
