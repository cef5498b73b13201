r"""Polynomial interaction (Krotov & Hopfield 2016), with m_μ = ξ^μ·S/N.

    E(S) = −(N/n) Σ_μ F(m_μ),    F(m) = m^n;

real states live on the sphere |S|² = N and move to S ← √N g/|g|, g = Σ_μ F'(m_μ) ξ^μ. For
odd n, real states use the rectified F(m) = max(m, 0)^n, convex, so that this step lowers
the energy for every n.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from hopfield.interactions.interaction import Interaction


class Polynomial(Interaction):
    """E = −(N/n) Σ m^n of real states or of spins."""

    def __init__(self, rows: Tensor, degree: int, binary: bool) -> None:
        super().__init__(rows, 1.0)
        self.degree, self.binary = degree, binary

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the head of the module, (B,)."""
        total = states.new_zeros(len(states))
        for rows, block in self.blocks(states):
            total[rows] += self._power(states[rows] @ block.T / self.size, self.degree).sum(1)
        return -self.size / self.degree * total

    def step(self, states: Tensor) -> Tensor:
        """Move on the sphere, or flip spins."""
        return self._flips(states) if self.binary else self._turn(states)

    @property
    def tie(self) -> float:
        """Share of ΣF that may be rounding error of the sum and of F, in double precision."""
        return torch.finfo(torch.float64).eps * (64 + 4 * self.degree)

    def table(self, reach: np.ndarray) -> np.ndarray:
        """Values F(x/N) of all overlaps x that a flip can reach."""
        within = np.clip(reach, -self.size - 2, self.size + 2)
        powers: np.ndarray = (within / self.size) ** float(self.degree)
        return powers

    def _power(self, overlaps: Tensor, exponent: int) -> Tensor:
        if not self.binary and self.degree % 2:
            overlaps = overlaps.clamp(min=0)
        return overlaps**exponent

    def _turn(self, states: Tensor) -> Tensor:
        """Move to S ← √N g/|g|.

        Only the direction of g counts. Overlaps are taken in units of the largest so far, so
        that their powers neither overflow nor vanish, which would leave the state unmoved.
        """
        pull, largest = torch.zeros_like(states), torch.zeros_like(states[:, :1])
        for rows, block in self.blocks(states):
            m = self._power(states[rows] @ block.T / self.size, 1)
            top = torch.maximum(largest[rows], m.abs().amax(1, keepdim=True))
            unit = torch.where(top > 0, top, 1.0)
            pull[rows] *= (largest[rows] / unit) ** (self.degree - 1)
            pull[rows] += (m / unit) ** (self.degree - 1) @ block
            largest[rows] = top
        norm = pull.norm(dim=1, keepdim=True)
        return torch.where(norm > 0, math.sqrt(self.size) * pull / norm, states)

    def _flips(self, states: Tensor) -> Tensor:
        """Flip the spins whose flip raises Σ_μ F, using F(m ± 2/N) of every pattern.

        Flipping spin i turns m_μ into m_μ − 2 ξ_i S_i/N. With f± = F(m ± 2/N) the sum
        over μ after the flip is Σ (f₊ + f₋)/2 − S_i Σ_μ ξ_i^μ (f₊ − f₋)/2.
        """
        constant = states.new_zeros(len(states), 1, dtype=torch.float64)
        scale, pull = torch.zeros_like(constant), torch.zeros_like(states, dtype=torch.float64)
        for rows, block in self.blocks(states):
            patterns = block.double()
            m = states[rows].double() @ patterns.T / self.size
            now, up, down = (
                self._power(m + 2 * shift / self.size, self.degree) for shift in (0, 1, -1)
            )
            constant[rows] += (now - (up + down) / 2).sum(1, keepdim=True)
            scale[rows] += now.abs().sum(1, keepdim=True)
            pull[rows] += (up - down) / 2 @ patterns
        return torch.where(states * pull + constant < -self.tie * scale, -states, states)
