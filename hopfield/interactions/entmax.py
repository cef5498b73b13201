r"""Fenchel–Young memories: weights of α-entmax, sparse, so that retrieval can be exact.

Santos et al., arXiv 2402.13725. With logits z_μ = β ξ^μ·x − b β|ξ^μ|²/2 and Tsallis' entropy,

    p = argmax_p [p·z − Ω(p)],    Ω(p) = (Σ p^α − 1)/(α(α − 1)),    α > 1,
    p_μ = [(α − 1) z_μ − τ]₊^{1/(α − 1)},    τ from Σ p = 1,
    E(x) = |x|²/2 − (1/β) max_p [p·z − Ω(p)],    x ← D(x) = Σ_μ p_μ ξ^μ = x − ∇E.

α → 1 is the softmax, where Ω is minus the entropy, and α = 2 sparsemax. The first term of E is
convex and the second concave, so that D never raises E.

One step gives ξ^μ exactly iff z_μ − z_ν ≥ 1/(α − 1) for all ν ≠ μ: never for α = 1, and at a
clean pattern iff β|ξ^μ − ξ^ν|²/2 ≥ 1/(α − 1) for patterns of equal norm.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from hopfield import _checks
from hopfield.interactions.interaction import Logits, batches

LARGEST_ALPHA = 10.0
_SOFT = 1e-8  # α − 1 below which powers of 1/(α − 1) have no digits left, and softmax is as near
_HALVINGS = 64
_NEWTON = 2  # steps, for three derivatives


class Entmax(Logits):
    """E = |x|²/2 − (1/β) max_p [p·z − Ω_α(p)]."""

    def __init__(
        self, rows: Tensor, beta: float, centre: Tensor | None, corrected: bool, alpha: float
    ) -> None:
        super().__init__(rows, beta, centre, corrected)
        self.alpha = alpha

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the head of the module, (B,); its gradient is x − D."""
        about = self.about(states)
        most = about.new_zeros(len(about))
        for rows in batches(len(about), len(self.rows)):
            most[rows] = _most(self._scores(about[rows]), self.alpha).to(about)
        return self.own_energy(about) - most / self.beta

    def step(self, states: Tensor) -> Tensor:
        """The mean D(x) of the patterns with the weights p, (B, N)."""
        about = self.about(states)
        mean = torch.empty_like(about)
        for rows in batches(len(about), len(self.rows)):
            p = entmax_rows(self._scores(about[rows]), self.alpha)
            mean[rows] = (p @ self.about(self.rows).to(p)).to(about)
        return mean if self.centre is None else mean + self.centre

    def weights(self, states: Tensor) -> Tensor:
        """Weights p, (B, P)."""
        return entmax_rows(self._scores(self.about(states)), self.alpha).to(states)

    def active(self, states: Tensor) -> Tensor:
        """How many patterns have a weight, (B,)."""
        about = self.about(states)
        count = torch.zeros(len(about), dtype=torch.int64, device=about.device)
        for rows in batches(len(about), len(self.rows)):
            count[rows] = (entmax_rows(self._scores(about[rows]), self.alpha) > 0).sum(1)
        return count

    def exact(self, states: Tensor) -> Tensor:
        """Index of the pattern that one step gives exactly, −1 where there is none, (B,)."""
        found = torch.full((len(states),), -1, dtype=torch.int64, device=states.device)
        if len(self.rows) == 1:
            return found + 1
        if self.alpha - 1 < _SOFT:
            return found
        about = self.about(states)
        for rows in batches(len(states), len(self.rows)):
            top, index = self._scores(about[rows]).topk(2, dim=1)
            parted = top[:, 0] - top[:, 1] >= 1 / (self.alpha - 1)
            found[rows] = torch.where(parted, index[:, 0], -1)
        return found

    def _scores(self, about: Tensor) -> Tensor:
        """Logits z of states about the centre, up to what is common."""
        work = self.precision(about)
        return self.logits(about.to(work), self.about(self.rows).to(work))


def entmax(logits: Tensor, alpha: float = 1.5) -> Tensor:
    """Weights p = argmax_p [p·z − Ω_α(p)] on the simplex, sparse for α > 1.

    α = 1 is the softmax, α = 2 sparsemax. These and α = 1.5 are found by sorting, other α by
    bisection of τ in [max − 1, max] of (α − 1)z.

    Parameters
    ----------
    logits : (B, P), z, finite.
    alpha : α in [1, 10].

    Returns
    -------
    (B, P), rows of sum 1.

    Raises
    ------
    ValueError : logits of another shape, without columns or not finite, α outside its range.

    Examples
    --------
    >>> entmax(torch.tensor([[1.0, 0.5, -1.0]]), alpha=2)
    tensor([[0.7500, 0.2500, 0.0000]])
    """
    given = _checks.matrix("logits", logits)
    alpha = _checks.number("alpha", alpha, low=1, high=LARGEST_ALPHA)
    return entmax_rows(_checks.working(given), alpha).to(given)


def entmax_rows(z: Tensor, alpha: float) -> Tensor:
    """Weights of logits that were checked, (B, P)."""
    if alpha - 1 < _SOFT:
        return torch.softmax(z, 1)
    work = z if alpha in _SORTED else z.double()  # where 1/(α − 1) is large, digits are few
    scaled = (alpha - 1) * (work - work.amax(1, keepdim=True).detach())
    threshold = _SORTED.get(alpha, partial(_by_bisection, alpha=alpha))(scaled.detach())
    if torch.is_grad_enabled():
        threshold = _following(threshold, scaled, alpha)
    p = _lifted(scaled - threshold, 1 / (alpha - 1))
    return (p if alpha in _SORTED else p / p.sum(1, keepdim=True)).to(z)


def _following(threshold: Tensor, z: Tensor, alpha: float) -> Tensor:
    """The threshold τ as it follows z, (B, 1): of the same value, with the derivatives of Σ p = 1.

    Each step of Newton's doubles the number of derivatives that are right.
    """
    power = 1 / (alpha - 1)
    for _ in range(_NEWTON):
        p, slope = (_lifted(z - threshold, k).sum(1, keepdim=True) for k in (power, power - 1))
        step = (p - 1) / (power * slope)
        threshold = threshold + (step - step.detach())
    return threshold


def _lifted(above: Tensor, power: float) -> Tensor:
    """[x]₊ to a power, 0 with all its derivatives where x ≤ 0."""
    kept = above > 0
    return torch.where(kept, torch.where(kept, above, 1.0) ** power, 0.0)


def _sparsemax_threshold(z: Tensor) -> Tensor:
    """τ with Σ [z − τ]₊ = 1, (B, 1): the k largest are above it."""
    ordered = z.sort(1, descending=True).values
    above = ordered.cumsum(1) - 1
    count = torch.arange(1, z.shape[1] + 1, device=z.device, dtype=z.dtype)
    k = (ordered * count > above).sum(1, keepdim=True)
    return above.gather(1, k - 1) / k


def _middle_threshold(z: Tensor) -> Tensor:
    """τ with Σ [z − τ]₊² = 1, (B, 1), the smaller root of a quadratic of the k largest."""
    ordered = z.sort(1, descending=True).values.clamp(min=-1)  # from max − 1 on none has weight
    count = torch.arange(1, z.shape[1] + 1, device=z.device, dtype=z.dtype)
    mean = ordered.cumsum(1) / count
    spread = ordered.square().cumsum(1) - count * mean.square()
    thresholds = mean - ((1 - spread) / count).clamp(min=0).sqrt()
    k = ((thresholds <= ordered) & (ordered > -1)).sum(1, keepdim=True)
    return thresholds.gather(1, k - 1)


def _by_bisection(z: Tensor, alpha: float) -> Tensor:
    """τ between −1 and 0, where z ≤ 0 has its maximum at 0, (B, 1)."""
    low, high = torch.full_like(z[:, :1], -1.0), torch.zeros_like(z[:, :1])
    power = 1 / (alpha - 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = ((z - middle).clamp(min=0) ** power).sum(1, keepdim=True) >= 1
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    return low


_SORTED = {2.0: _sparsemax_threshold, 1.5: _middle_threshold}


def _most(z: Tensor, alpha: float) -> Tensor:
    """max_p [p·z − Ω(p)] of rows, (B,)."""
    if alpha - 1 < _SOFT:
        return torch.logsumexp(z, 1)
    top = z.amax(1, keepdim=True).detach()
    p = entmax_rows(z, alpha)
    logs = torch.where(p > 0, p, 1.0).log()
    omega = (p * torch.expm1((alpha - 1) * logs)).sum(1) / (alpha * (alpha - 1))  # with Σ p = 1
    return top.squeeze(1) + (p * (z - top)).sum(1) - omega
