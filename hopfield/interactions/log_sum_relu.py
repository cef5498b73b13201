r"""Log-sum-ReLU memories: kernels of finite radius, exact memories and emergent ones.

Hoover et al., arXiv 2506.10801. With the radius ρ = √(2/β),

    E(x) = −(1/β) ln(ε + Σ_μ [1 − (β/2)|x − ξ^μ|²]₊),
    x ← D(x), the mean of the active set {μ : |x − ξ^μ| < ρ}.

D is the mean shift of Epanechnikov's kernel and never raises E. As a kernel it has the variance
σ² per coordinate with ρ² = (N + 4)σ².

Fixed points are the means c_S of sets S of patterns such that S is the active set of c_S. A
pattern is one iff its nearest neighbour is at ρ or farther; a mean of several is an *emergent*
memory, that nobody stored. Where nothing is active E is flat: the state stays, and has not
converged.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hopfield.interactions.interaction import EPS, Interaction

_FAR = 1e12  # β|x|² beyond which |x|² + |ξ|² − 2x·ξ errs by more than 10⁻³ of ρ²


class LogSumReLU(Interaction):
    """E = −(1/β) ln(ε + Σ [1 − (β/2)|x − ξ|²]₊).

    All is done in double precision: whether a pattern is active hangs on the sign of a small
    difference.
    """

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the head of the module, (B,)."""
        total = states.new_zeros(len(states), dtype=torch.float64)
        for rows, block in self.blocks(states):
            total[rows] += self._depths(states[rows], block).clamp(min=0).sum(1)
        return (-(total + EPS).log() / self.beta).to(states)

    def step(self, states: Tensor) -> Tensor:
        """Mean of the active set; a state without one stays, (B, N)."""
        count, total = self._active(states)
        mean = (total / count.clamp(min=1)[:, None]).to(states)
        mean = mean if self.centre is None else mean + self.centre
        return torch.where(count[:, None] > 0, mean, states)

    def weights(self, states: Tensor) -> Tensor:
        """Weights 1/|S| of the active set, (B, P); all 0 where nothing is active."""
        active = (self._depths(states, self.rows) > 0).to(states)
        return active / active.sum(1, keepdim=True).clamp(min=1)

    def active(self, states: Tensor) -> Tensor:
        """How many patterns are active at each state, (B,)."""
        return self._active(states)[0].long()

    def felt(self, states: Tensor) -> Tensor:
        """Which states have an active pattern, (B,)."""
        return self.active(states) > 0

    def _active(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Number of active patterns (B,) and their sum about the centre, (B, N)."""
        count = states.new_zeros(len(states), dtype=torch.float64)
        total = torch.zeros_like(states, dtype=torch.float64)
        for rows, block in self.blocks(states):
            active = (self._depths(states[rows], block) > 0).double()
            count[rows] += active.sum(1)
            total[rows] += active @ self.about(block).double()
        return count, total

    def _depths(self, states: Tensor, block: Tensor) -> Tensor:
        """1 − (β/2)|x − ξ|² of states and patterns, (B, p)."""
        x, rows = self.about(states).double(), self.about(block).double()
        own = x.square().sum(1, keepdim=True)
        if len(x) and self.beta * max(self.largest_norm, float(own.detach().max())) > _FAR:
            apart = [(one - rows).square().sum(1) for one in x]
            return 1 - self.beta / 2 * torch.stack(apart)
        return 1 - self.beta / 2 * (own + rows.square().sum(1) - 2 * x @ rows.T)
