r"""Dense memories of random features: all patterns in one vector of 2Y numbers.

Hoover et al., arXiv 2410.24153. With frequencies w_i ~ N(0, β I), i = 1 … Y, and

    φ(x) = [cos w_i·x, sin w_i·x]/√Y,    φ(x)·φ(y) ≈ e^{−β|x − y|²/2},

the memory keeps T = Σ_μ φ(ξ^μ) and no pattern:

    E(x) = −(1/β) ln max[φ(x)·T, ε],    x ← x + (1/β) ∇ ln φ(x)·T,

which is the softmax mean of the exponential interaction where the kernel is exact. The error of
φ·T has a variance v = P/(2Y) where patterns are well apart (`random_feature_variance`), everywhere
in space. It is a smooth random field of correlation e^{−βr²/2}, from which follows, at N β ≫ 1,

    a cue at a distance r is felt          for Y ≫ (P/2) e^{βr²}, its signal being e^{−βr²/2};
    a pattern's fixed point is displaced   by √(N v/β);
    the update contracts onto it           for Y > 2NP: its slope there has the eigenvalues of a
                                           random symmetric matrix, up to 2√(N v).

So a memory that is iterated needs more features than its patterns have entries.

Where the error outweighs the signal, the update is too long and may raise E. So no step is longer
than the exact kernel's could be, |x| + max|ξ| about the centre of the patterns, and a step that
raises E is halved until it does not. Where φ·T ≤ ε, E is flat: the state stays, and has not
converged.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hopfield._limits import within_memory
from hopfield.interactions.interaction import EPS, Interaction, batches

_HALVINGS = 20
_ROUNDING = 4  # errors of rounding by which a step may lower φ·T


def enough_features(patterns: int, size: int) -> int:
    """Features with which the update contracts by 1/2, Y = 8NP, and φ·T errs by 0.1, Y = 50P."""
    return patterns * max(50, 8 * size)


class RandomFeatures(Interaction):
    """E = −(1/β) ln max[φ(x)·T, ε]."""

    def __init__(
        self,
        rows: Tensor,
        beta: float,
        centre: Tensor | None,
        features: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__(rows, beta, centre)
        size = rows.shape[1]
        within_memory(
            rows.element_size() * 2.0 * features * (size + 1),
            f"features: {features} random features of {size} coordinates",
        )
        drawn = torch.randn(
            features, size, generator=generator, device=generator.device, dtype=torch.float64
        )
        self.frequencies = (math.sqrt(beta) * drawn).to(rows)
        self._radius = math.sqrt(self.largest_norm)
        cosines, sines = rows.new_zeros(2, features)
        for some in batches(len(rows), features):
            angles = self.about(rows[some]) @ self.frequencies.T
            cosines += angles.cos().sum(0)
            sines += angles.sin().sum(0)
        self._cosines, self._sines = cosines, sines  # √Y T

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the head of the module, (B,)."""
        return -self.overlap(states).clamp(min=EPS).log() / self.beta

    def overlap(self, states: Tensor) -> Tensor:
        """φ(x)·T of states, (B,)."""
        about = self.about(states)
        parts = [self._values(about[rows]) for rows in self._batches(about)]
        return torch.cat(parts) if parts else about.new_zeros(0)

    def step(self, states: Tensor) -> Tensor:
        """The update, halved where it would raise E, (B, N)."""
        about = self.about(states)
        parts = [self._moved(about[rows]) for rows in self._batches(about)]
        moved = torch.cat(parts) if parts else about
        return moved if self.centre is None else moved + self.centre

    def felt(self, states: Tensor) -> Tensor:
        """Which states have φ·T > ε, (B,)."""
        return self.overlap(states) > EPS

    def _batches(self, about: Tensor) -> list[slice]:
        return list(batches(len(about), len(self.frequencies)))

    def _values(self, about: Tensor) -> Tensor:
        angles = about @ self.frequencies.T
        return (angles.cos() @ self._cosines + angles.sin() @ self._sines) / len(self.frequencies)

    def _moved(self, about: Tensor) -> Tensor:
        angles = about @ self.frequencies.T
        cos, sin = angles.cos(), angles.sin()
        values = (cos @ self._cosines + sin @ self._sines) / len(self.frequencies)
        slopes = (cos * self._sines - sin * self._cosines) @ self.frequencies
        pull = slopes / len(self.frequencies) / self.beta
        move = torch.where(values[:, None] > EPS, pull / values.clamp(min=EPS)[:, None], 0.0)
        reach = about.norm(dim=1, keepdim=True) + self._radius
        limits = torch.finfo(about.dtype)
        move = move * (reach / move.norm(dim=1, keepdim=True).clamp(min=limits.tiny)).clamp(max=1)
        least = values - _ROUNDING * limits.eps * values.abs()
        result, left = about.clone(), torch.arange(len(about), device=about.device)
        for _ in range(_HALVINGS):
            trial = about[left] + move[left]
            good = self._values(trial) >= least[left]
            result[left[good]] = trial[good]
            left = left[~good]
            if len(left) == 0:
                break
            move = move / 2
        return result
