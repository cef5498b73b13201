r"""What all adapters of memories share: patterns, how states are compared, 2-cycles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges.similarity import Similarity

_RETURNED = 0.01  # of a step, within which two steps return in a 2-cycle


class Adapted:
    """What adapters share: the patterns, and how states are compared with them.

    Attributes
    ----------
    patterns : (P, N), at least single precision.
    similarity : about what overlaps are measured, decided once for the data.
    shape : of a pattern, (N,) for flat rows.
    """

    step: Callable[[Tensor, float], Tensor]

    def __init__(self, patterns: Tensor, similarity: Similarity, *, binary: bool) -> None:
        stored = _checks.stored("patterns", patterns, binary=binary).detach()
        self.patterns = stored.to(torch.promote_types(stored.dtype, torch.float32))
        self.similarity = similarity.fits(stored.shape[1])
        self.shape: tuple[int, ...] = (stored.shape[1],)

    @property
    def centre(self) -> Tensor:
        """The centre about which overlaps are cosines, (N,)."""
        centre = self.similarity.centre
        return self.patterns.new_zeros(self.patterns.shape[1]) if centre is None else centre

    def cycling(self, states: Tensor, overlap: float) -> Tensor:
        """Which states a step takes elsewhere and a second one back, (B,)."""
        once = self.step(states, overlap)
        back = (self.step(once, overlap) - states).norm(dim=1)
        return back < _RETURNED * (once - states).norm(dim=1)

    def __repr__(self) -> str:
        count, size = self.patterns.shape
        return f"{type(self).__name__}({count} patterns of {size}; overlap {self.similarity})"


def flat(patterns: Any, shape: Any) -> tuple[Tensor | None, Any]:
    """Patterns (P, N) of rows or images, and the shape of one, that of the model for rows."""
    if patterns is None:
        return None, shape
    given = patterns if isinstance(patterns, Tensor) else torch.as_tensor(np.asarray(patterns))
    if given.is_complex():
        raise ValueError(f"patterns must be real, got {given.dtype}; take their .real or .abs()")
    if given.ndim <= 2:
        return given.detach(), shape
    return given.detach().flatten(1), tuple(given.shape[1:])
