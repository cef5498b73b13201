r"""Exponential interaction (Demircigil et al. 2017; Ramsauer et al. 2020; Lucibello & Mézard 2024).

With logits L_μ(S) = β ξ^μ·S − b β|ξ^μ|²/2 + a_μ and w = softmax(L):

    E(S) = |S|²/2 − (1/β) log Σ_μ e^{L_μ},    real update  S ← Σ_μ w_μ ξ^μ.

b = 1 makes the update the posterior mean of a denoiser at σ² = 1/β; b = 0 is the softmax update
without it. They differ unless all |ξ^μ| are equal. The log-weights a_μ, 0 unless given, are
log π_μ of patterns that a denoiser draws with chances π_μ, up to a constant.

A spin i flips, others fixed, iff the patterns that disagree with it hold more than the share
1/(1 + e^{2β}) of the weights w, that is S_i D_i < tanh β with the softmax mean D.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hopfield.interactions.interaction import LOSS, Logits, batches


class Exponential(Logits):
    """E = |S|²/2 − (1/β) log Σ e^L of real states or of spins."""

    def __init__(
        self,
        rows: Tensor,
        beta: float,
        centre: Tensor | None,
        corrected: bool,
        binary: bool,
        log_weights: Tensor | None = None,
    ) -> None:
        super().__init__(rows, beta, centre, corrected)
        self.binary, self.log_weights = binary, log_weights

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the head of the module, (B,)."""
        about = self.about(states)
        return self.own_energy(about) - self._log_sums(about) / self.beta

    def log_partition(self, states: Tensor) -> Tensor:
        """The log Σ_μ e^{L_μ(S)} with all that logits have in common, (B,)."""
        logs = self._log_sums(self.about(states))
        if self.centre is None:
            return logs
        centre, rows = self.centre.double(), self.about(states).double()
        part = 0.5 if self.corrected else 1.0
        common = rows @ centre + part * centre.square().sum()
        return (logs + self.beta * common).to(states)

    def weights(self, states: Tensor) -> Tensor:
        """Softmax weights (B, P)."""
        about = self.about(states)
        work = self.precision(about)
        logits = self.logits(about.to(work), self.about(self.rows).to(work))
        return torch.softmax(self._weighted(logits, 0), 1).to(states)

    def step(self, states: Tensor) -> Tensor:
        """The softmax mean, or the spins that it flips."""
        return self._flips(states) if self.binary else self._mean(states)

    @property
    def tie(self) -> float:
        """Share of Σe^L that may be rounding error of the sum and of its terms."""
        return torch.finfo(torch.float64).eps * (64 + 4 * self.beta * self.size)

    def precision(self, states: Tensor) -> torch.dtype:
        """Precision of the logits, which log-weights may ask to be float64 too."""
        if self.log_weights is not None and len(states) and states.dtype != torch.float64:
            error = torch.finfo(states.dtype).eps * float(self.log_weights.abs().max())
            if error > LOSS:
                return torch.float64
        return super().precision(states)

    def table(self, reach: np.ndarray) -> np.ndarray:
        """Factors e^{βx} by which terms change, for changes x of N m."""
        factors: np.ndarray = np.exp(np.clip(self.beta * reach, -745.0, 700.0))
        return factors

    def _log_sums(self, about: Tensor) -> Tensor:
        """Log-partition functions (B,) of states about the centre, up to what is common."""
        parts = [self._log_sum(about[rows]) for rows in batches(len(about))]
        return torch.cat(parts) if parts else about.new_zeros(0)

    def _log_sum(self, states: Tensor) -> Tensor:
        """Log-partition function of a few states, one block of patterns after the other."""
        work = self.precision(states)
        total = torch.full((len(states),), -math.inf, dtype=work, device=states.device)
        low = 0
        for block in self.pattern_blocks(len(states)):
            logits = self.logits(states.to(work), self.about(block).to(work))
            total = torch.logaddexp(total, torch.logsumexp(self._weighted(logits, low), 1))
            low += len(block)
        return total.to(states.dtype)

    def _mean(self, states: Tensor) -> Tensor:
        """Mean D(S) = softmax(L)Ξ as fused attention: key [ξ, −b|ξ|²/2], query β[S, 1]."""
        states = self.about(states)
        work = self.precision(states)
        keys = self._keys if work == self.rows.dtype else self._augmented(work)
        queries = self.beta * torch.cat([states, torch.ones_like(states[:, :1])], 1).to(work)
        mean = F.scaled_dot_product_attention(
            queries[None, None], keys[None, None], keys[None, None], scale=1.0
        )
        mean = mean[0, 0, :, :-1].to(states.dtype)
        return mean if self.centre is None else mean + self.centre

    @cached_property
    def _keys(self) -> Tensor:
        return self._augmented(self.rows.dtype)

    def _augmented(self, work: torch.dtype) -> Tensor:
        """Keys in the precision of the work, where their norms are computed too."""
        rows = self.about(self.rows).to(work)
        last = -rows.square().sum(1, keepdim=True) / 2 * self.corrected
        if self.centre is not None and not self.corrected:
            last = rows @ self.centre[:, None].to(rows)
        if self.log_weights is not None:
            last = last + (self.log_weights / self.beta).to(last)[:, None]
        return torch.cat([rows, last], 1)

    def _weighted(self, logits: Tensor, low: int) -> Tensor:
        """Logits (B, p) of the patterns from `low` on, with their log-weights."""
        if self.log_weights is None:
            return logits
        return logits + self.log_weights[low : low + logits.shape[1]].to(logits)

    def _flips(self, states: Tensor) -> Tensor:
        """Flip the spins with which too much weight disagrees.

        The shares of weight for and against are averages of 0 and 1 over the patterns, each
        a sum of positive terms: S·D itself would lose its digits at large β.
        """
        spins, keys = states.double(), self.rows.double()
        up, down = (
            F.scaled_dot_product_attention(
                self.beta * spins[None, None], keys[None, None], share[None, None], scale=1.0
            )[0, 0]
            for share in ((1 + keys) / 2, (1 - keys) / 2)
        )
        against = torch.where(spins > 0, down, up)
        share = 1 / (1 + math.exp(min(2 * self.beta, 700.0)))
        return torch.where(against > share * (1 + self.tie), -states, states)
