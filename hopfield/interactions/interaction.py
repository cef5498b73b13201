r"""What an interaction is, and the logits and blocks that several of them share.

An interaction has an energy E(S) and a step that never raises it. It sees states that were
checked, and the patterns in a precision to compute in. Those with real states work about a
`centre` where the patterns lie far from 0, and sums over patterns are made block by block.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

EPS = 1e-10  # of a sum that is 0 where no pattern is near, so that its logarithm stays finite
_ROWS = 1024  # states worked on at once
_BLOCK = 2**20  # numbers of a (batch × patterns) block held at once
LOSS = 1e-2  # largest error of a logit that single precision may cause


class Interaction(ABC):
    """Patterns (P, N) and what they do to states (B, N)."""

    def __init__(self, rows: Tensor, beta: float, centre: Tensor | None = None) -> None:
        self.rows, self.beta, self.centre = rows, beta, centre

    @property
    def size(self) -> int:
        """N."""
        return self.rows.shape[1]

    @abstractmethod
    def energy(self, states: Tensor) -> Tensor:
        """E of each state, (B,)."""

    @abstractmethod
    def step(self, states: Tensor) -> Tensor:
        """One update of all coordinates or spins at once, (B, N)."""

    def weights(self, states: Tensor) -> Tensor | None:
        """Weights (B, P) of the patterns in the step, or None where it is no mean of them."""
        return None

    def felt(self, states: Tensor) -> Tensor:
        """Which states a pattern acts on, (B,) bool; the others stay because nothing is there."""
        return torch.ones(len(states), dtype=torch.bool, device=states.device)

    def about(self, rows: Tensor) -> Tensor:
        """Rows about the centre of the patterns, where these are far from 0."""
        return rows if self.centre is None else rows - self.centre

    def blocks(self, states: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Pairs of rows of the batch and patterns that keep each block of overlaps small."""
        for rows in batches(len(states)):
            for block in self.pattern_blocks(min(_ROWS, len(states))):
                yield rows, block

    def pattern_blocks(self, rows: int) -> Iterator[Tensor]:
        """Patterns, as many at once as so many states leave room for."""
        yield from self.rows.split(max(1, _BLOCK // max(1, rows)))

    @cached_property
    def largest_norm(self) -> float:
        """Largest |ξ|² about the centre."""
        return float(self.about(self.rows).square().sum(1).max())


class Logits(Interaction):
    """What softmax and entmax share: logits L_μ = β ξ^μ·S − b β|ξ^μ|²/2."""

    def __init__(self, rows: Tensor, beta: float, centre: Tensor | None, corrected: bool) -> None:
        super().__init__(rows, beta, centre)
        self.corrected = corrected

    def logits(self, states: Tensor, block: Tensor) -> Tensor:
        """Logits (B, p) of states and patterns, both about the centre, up to what is common."""
        logits = self.beta * (states @ block.T)
        if self.corrected:
            logits = logits - self.beta / 2 * block.square().sum(1)
        elif self.centre is not None:
            logits = logits + self.beta * (block @ self.centre.to(block))
        return logits

    def own_energy(self, about: Tensor) -> Tensor:
        """|S|²/2 less what all logits have in common over β, of states about the centre."""
        own = about.square().sum(1) / 2
        if self.centre is None or self.corrected:
            return own
        return own - self.centre.square().sum() / 2

    def precision(self, states: Tensor) -> torch.dtype:
        """Precision of the logits: float64 where single precision would err by too much."""
        if len(states) == 0 or states.dtype == torch.float64:
            return states.dtype
        largest = max(float(states.detach().square().sum(1).max()), self.largest_norm)
        error = torch.finfo(states.dtype).eps * self.beta * largest
        return torch.float64 if error > LOSS else states.dtype


def batches(count: int, columns: int = 1) -> Iterator[slice]:
    """Slices of a batch of `count` states, few enough for a block of so many columns."""
    rows = min(_ROWS, max(1, _BLOCK // max(1, columns)))
    for start in range(0, count, rows):
        yield slice(start, start + rows)
