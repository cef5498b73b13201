r"""Class-conditional means of a Gaussian mixture in two special forms that need no (B, K, d).

Classes of one covariance U diag(λ) Uᵀ: in its eigenbasis, with v = λ + σ² per direction,

    p_k = softmax_k(log π_k + Σ_e (x_e m_ke − m_ke²/2)/v_e),
    D_e = [λ_e x_e + σ² Σ_k p_k m_ke]/v_e,

two matrix products for the whole batch. Where the class of each row is given, that class
alone counts: D = m + U [λ/v] Uᵀ(x − m).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Level
from diffusion.denoisers import Denoiser

_LOGITS = 2**20  # of a block: they should stay in the cache
_SHORT = 32  # classes, up to which a softmax is quicker across the rows
_LOSS = 1e-2  # largest error of a logit that single precision may cause


class SharedCovariance:
    """Posterior means of K classes of one covariance.

    Parameters
    ----------
    means : (K, d).
    log_weights : (K,).
    spread : λ (d,).
    basis : U (d, d); None: the axes.
    """

    def __init__(
        self, means: Tensor, log_weights: Tensor, spread: Tensor, basis: Tensor | None
    ) -> None:
        self.centre = means.mean(0)  # smaller vectors, smaller logits, fewer lost digits
        self.basis, self.spread, self.log_weights = basis, spread, log_weights
        self.means = self._turned(means - self.centre)
        self._centred = not bool(self.centre.any())
        self._reach = float(torch.linalg.vector_norm(self.means, dim=1).max())

    def mean(self, x: Tensor, level: Tensor) -> Tensor:
        """D for x (B, d) at σ (B, 1), like x."""
        if len(x) == 0:
            return x
        # One noise level for all, as a number is expanded: what follows from it is one row.
        one = level.stride(0) == 0 or bool((level == level[:1]).all())
        variance = (level[:1] if one else level).square()
        away = x if self._centred else x - self.centre
        work = self._turned(away).to(self._precision(away, variance))
        noise, centre = variance.to(work), self.centre.to(work)
        means, spread = self.means.to(work), self.spread.to(work)
        squares, offset = means.square().T / 2, self.log_weights.to(work)
        gain = 1 / (spread + noise)  # 1/v
        common = offset - gain @ squares if one else None
        keys, values = (gain * means, noise * gain * means) if one else (means, means)
        if one and self.basis is None:
            values = values + centre  # of weights that sum to 1
        parts, rows = [], max(1, _LOGITS // len(means))
        for block in (slice(low, low + rows) for low in range(0, len(x), rows)):
            seen = work[block] if one else work[block] * gain[block]
            bias = offset - gain[block] @ squares if common is None else common
            parts.append(_weights(seen, keys, bias) @ values)
        pulled = parts[0] if len(parts) == 1 else torch.cat(parts) if parts else work
        if one:
            mean = torch.addcmul(pulled, work, gain * spread)
        else:
            mean = gain * torch.addcmul(spread * work, noise, pulled)
        if self.basis is not None:
            mean = torch.addmm(centre, mean, self.basis.to(work).mT)
        elif not one:
            mean = mean + centre
        return mean.to(x)

    def _turned(self, vectors: Tensor) -> Tensor:
        return vectors if self.basis is None else vectors @ self.basis

    def _precision(self, away: Tensor, variance: Tensor) -> torch.dtype:
        """float64 where single precision would cost the logits their digits."""
        if away.dtype == torch.float64:
            return away.dtype
        longest = float(torch.linalg.vector_norm(away.detach(), dim=1).max())
        narrowest = float(variance.min() + self.spread.min())
        error = torch.finfo(away.dtype).eps * self._reach * (longest + self._reach) / narrowest
        return torch.float64 if error > _LOSS else away.dtype


def _weights(seen: Tensor, keys: Tensor, bias: Tensor) -> Tensor:
    """Softmax of seen·keys + bias, (b, K); across the rows where they are short, ten times as fast.

    The product of few keys with many rows, too, is quicker than that of the rows with the keys.
    """
    if len(keys) > _SHORT:
        return torch.softmax(torch.addmm(bias, seen, keys.T), 1)
    return torch.softmax(torch.addmm(bias.T, keys, seen.T), 0).T


class ClassOfRow(Denoiser):
    """D, score and density of the class that is given for each row, for batches of B rows.

    Parameters
    ----------
    means : (K, d).
    spread : λ of each class (K, d).
    basis : U of each class (K, d, d); None: the axes.
    labels : class of each row (B,).
    """

    def __init__(self, means: Tensor, spread: Tensor, basis: Tensor | None, labels: Tensor) -> None:
        self.dimension = means.shape[1]
        self._means, self._spread, self._basis = means[labels], spread, basis
        self._labels = labels
        self._groups = [] if self._basis is None else [(k, labels == k) for k in labels.unique()]

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean of each row's own class, (B, d).

        Raises
        ------
        ValueError : x not (B, d) with one row per label, or not finite; sigma not positive.
        """
        x, variance = self._given(x, sigma)
        away, spread = self._away(x)
        return self._means + self._turned(spread / (spread + variance) * away, back=True)

    def score(self, x: Tensor, sigma: Level) -> Tensor:
        """Score of each row's own class, (B, d). Arguments and errors as for a call."""
        x, variance = self._given(x, sigma)
        away, spread = self._away(x)
        return -self._turned(away / (spread + variance), back=True)

    def log_density(self, x: Tensor, sigma: Level) -> Tensor:
        """log p_σ of each row's own class, (B,). Arguments and errors as for a call."""
        x, variance = self._given(x, sigma)
        away, spread = (one.double() for one in self._away(x))
        total = spread + variance.double()
        energy = (away.square() / total + torch.log(2 * math.pi * total)).sum(1) / 2
        return (-energy).to(x)

    def _given(self, x: Tensor, sigma: Level) -> tuple[Tensor, Tensor]:
        """Points and σ² (B, 1), checked."""
        given = _checks.points("x", x, dimension=self.dimension)
        x = _checks.converted("x", given, self._means)
        _checks.one_per_label(x, self._labels)
        return x, _checks.noise_level(sigma, x).square().to(x)

    def _away(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x − m in the eigenbasis of each row's class, and the variances there, (B, d)."""
        return self._turned(x - self._means), self._spread[self._labels]

    def _turned(self, vectors: Tensor, *, back: bool = False) -> Tensor:
        """Vectors (B, d) into the eigenbasis of each row's class, or out of it."""
        if self._basis is None:
            return vectors
        result = torch.empty_like(vectors)
        for label, rows in self._groups:
            basis = self._basis[label]
            result[rows] = vectors[rows] @ (basis.mT if back else basis)
        return result
