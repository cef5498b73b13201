r"""The exact denoiser of a mixture of Gaussian classes.

One Gaussian N(m, C), C = U diag(λ) Uᵀ, noised at σ is N(m, C + σ²), so that with
r = Uᵀ(x − m)

    D = m + U [λ/(λ + σ²)] r,      ∂D/∂x = U [λ/(λ + σ²)] Uᵀ,
    ∇ log p_σ = −U r/(λ + σ²),     log p_σ = −½ Σ_k [r_k²/(λ_k + σ²) + log 2π(λ_k + σ²)].

Mixture, weights π_k: with the responsibilities p_k = softmax(log π_k + log p_σ^k),

    D = Σ_k p_k D_k,      ∂D/∂x = Σ_k p_k [∂D_k/∂x + (D_k − D)(D_k − D)ᵀ/σ²].

Classes of one covariance are denoised by two matrix products (`diffusion._class_means`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Level, Seed
from diffusion._class_means import ClassOfRow, SharedCovariance
from diffusion._modules import at_least_single
from diffusion.denoisers import Denoiser, ExactDenoiser

_NUMBERS = 2**22  # numbers of a block held at once
_LOSS = 1e-2  # largest error of a logit that single precision may cause
_ROUNDING = 1e-5  # allowed error of a sum of weights, or of the symmetry of a covariance


class GaussianMixtureDenoiser(ExactDenoiser):
    """The exact denoiser of a mixture of K Gaussian classes.

    Parameters
    ----------
    means : (K, d), finite; dtype and device of the results.
    variances : variances of each class, positive: a number (all alike), (K,) (isotropic),
        (K, d) (diagonal) or (K, d, d) (symmetric, positive definite).
    weights : (K,), not negative, of sum 1; None: equal.

    Raises
    ------
    ValueError : a wrong shape, a variance that is not positive, a covariance that is not
        symmetric and positive definite, weights that are negative or do not sum to 1.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5, [0.5, 0.5])
    >>> mixture(torch.tensor([[0.0]]), sigma=0.7)
    tensor([[0.]])
    >>> mixture.condition(1)(torch.tensor([[0.0]]), sigma=1.0)  # 1 + (0.5/1.5)(0 − 1)
    tensor([[0.6667]])
    """

    def __init__(
        self, means: Tensor, variances: float | Tensor, weights: Tensor | None = None
    ) -> None:
        means = _checks.points("means", means).detach()
        self.means = means.to(at_least_single(means.dtype))
        classes, self.dimension = self.means.shape
        if classes == 0:
            raise ValueError(f"means must hold at least one class, got {(0, self.dimension)}")
        self.weights = _weights(weights, self.means)
        self._eigenvalues, self._basis = _spectra(variances, self.means)
        self._log_weights = self.weights.log()
        self._shared = self._shared_covariance()

    def __len__(self) -> int:
        """Number of classes K."""
        return len(self.means)

    def _about(self) -> str:
        return f"K={len(self)}, d={self.dimension}"

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean Σ_k p_k D_k.

        Parameters
        ----------
        x : (B, d), finite.
        sigma : noise level, a number or (B,), positive, in signal units.

        Returns
        -------
        (B, d), like `means`.

        Raises
        ------
        ValueError : x not (B, d) or not finite; sigma not positive or of another length.
        """
        if self._shared is not None:
            x = _checks.points("x", x, dimension=self.dimension).to(self.means)
            return self._shared.mean(x, _checks.noise_level(sigma, x))
        return torch.cat([self._mean(p) for p in self._posteriors(x, sigma)])

    def score(self, x: Tensor, sigma: Level) -> Tensor:
        """Score Σ_k p_k ∇ log p_σ^k, (B, d). Arguments and errors as for a call."""
        parts = self._posteriors(x, sigma)
        return torch.cat([-self._mixed(p.mass, p.pull) for p in parts])

    def log_density(self, x: Tensor, sigma: Level) -> Tensor:
        """log p_σ(x) of the noised density, (B,). Arguments and errors as for a call."""
        parts = [torch.logsumexp(p.logits, 1) for p in self._posteriors(x, sigma)]
        return torch.cat(parts).to(self.means)

    def responsibilities(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior class probabilities p_k(x), (B, K). Arguments and errors as for a call."""
        return torch.cat([p.mass for p in self._posteriors(x, sigma)])

    def jacobian(self, x: Tensor, sigma: Level) -> Tensor:
        """∂D/∂x, (B, d, d): symmetric, positive, dimensionless. Errors as for a call."""
        return torch.cat([self._jacobian(p) for p in self._posteriors(x, sigma)])

    def jacobian_trace(self, x: Tensor, sigma: Level) -> Tensor:
        """tr ∂D/∂x, (B,), without a (d, d) matrix. Arguments and errors as for a call."""
        parts = []
        for p in self._posteriors(x, sigma):
            between = self._spread(p).square().sum((1, 2)) / p.variance
            parts.append((p.mass * p.gain.sum(2)).sum(1) + between)
        return torch.cat(parts)

    @overload
    def condition(self, label: int) -> GaussianMixtureDenoiser: ...

    @overload
    def condition(self, label: Tensor) -> Denoiser: ...

    def condition(self, label: int | Tensor) -> Denoiser:
        """The denoiser of one class alone, or of the class that is given for each row.

        Parameters
        ----------
        label : class, 0 to K − 1; or (B,) whole numbers, one class per row.

        Returns
        -------
        GaussianMixtureDenoiser of one class; for several labels a denoiser of B rows.

        Raises
        ------
        ValueError : no such class.

        Examples
        --------
        >>> mixture = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5)
        >>> mixture.condition(torch.tensor([0, 1]))(torch.zeros(2, 1), sigma=1.0)
        tensor([[-0.6667],
                [ 0.6667]])
        """
        labels = _checks.tensor("label", label).to(self.means.device)
        if labels.ndim == 0 and labels == labels.round():
            labels = labels.long()
        if (
            labels.is_floating_point()
            or labels.ndim > 1
            or ((labels < 0) | (labels >= len(self))).any()
        ):
            given = label if labels.ndim == 0 else f"{labels.dtype}, {tuple(labels.shape)}"
            raise ValueError(
                f"label must be a class 0 to {len(self) - 1}, or one per row, got {given}"
            )
        if labels.ndim == 1:
            return ClassOfRow(self.means, self._eigenvalues, self._basis, labels.long())
        one = int(labels)
        own = GaussianMixtureDenoiser(self.means[one][None], self._eigenvalues[one][None])
        if self._basis is not None:  # known, and as costly to find again as d³
            own._basis = self._basis[one][None]
            own._shared = own._shared_covariance()
        return own

    def covariances(self) -> Tensor:
        """Covariance of each class, (K, d, d)."""
        if self._basis is None:
            return torch.diag_embed(self._eigenvalues)
        return (self._basis * self._eigenvalues[:, None, :]) @ self._basis.mT

    @property
    def spectra(self) -> tuple[Tensor, Tensor | None]:
        """Variances (K, d) of each class, along its eigenvectors (K, d, d) or the axes (None)."""
        return self._eigenvalues, self._basis

    def draw(self, count: int, seed: Seed = None) -> tuple[Tensor, Tensor]:
        """Points of the mixture (count, d) and their classes (count,).

        Parameters
        ----------
        count : number of points, at least 1.
        seed : int, torch.Generator or None.

        Raises
        ------
        ValueError : count below 1.

        Examples
        --------
        >>> points, labels = GaussianMixtureDenoiser([[-9.0], [9.0]], 1.0).draw(100, seed=0)
        >>> bool(((points[:, 0] > 0) == (labels == 1)).all())
        True
        """
        generator = _checks.generator_from(seed, "draw", self.means.device)
        count = _checks.whole("count", count)
        shape = self.means.new_empty(count, self.dimension)
        labels = torch.multinomial(
            self.weights.to(generator.device), count, replacement=True, generator=generator
        ).to(self.means.device)
        noise = _checks.normal_like(shape, generator) * self._eigenvalues[labels].sqrt()
        if self._basis is not None:
            for label in labels.unique():
                noise[labels == label] = noise[labels == label] @ self._basis[label].mT
        return self.means[labels] + noise, labels

    def _shared_covariance(self) -> SharedCovariance | None:
        """The quick way to the mean, where all classes spread alike."""
        values, basis = self._eigenvalues, self._basis
        for each in (values, basis):
            if each is not None and not (each == each[:1]).all():
                return None
        turn = None if basis is None else basis[0]
        return SharedCovariance(self.means, self._log_weights, values[0], turn)

    def _posteriors(self, x: Tensor, sigma: Level) -> Iterator[_Posterior]:
        """What is known of the clean point and its class, block of rows by block."""
        x = _checks.points("x", x, dimension=self.dimension).to(self.means)
        variance = _checks.noise_level(sigma, x).square()
        full = self._basis is not None
        size = max(1, _NUMBERS // (self.means.numel() * (self.dimension if full else 1)))
        for rows, v in zip(x.split(size), variance.split(size), strict=True):
            total = self._eigenvalues + v.to(x)[:, :, None]
            pull = self._into_basis(rows[:, None, :] - self.means) / total
            logits = self._logits(pull, total)
            if x.dtype != torch.float64 and not self._precise(logits):
                logits = self._logits(pull.double(), self._eigenvalues.double() + v[:, :, None])
            mass = torch.softmax(logits, 1).to(x)
            yield _Posterior(
                logits=logits,
                mass=mass,
                pull=pull,
                gain=self._eigenvalues / total,
                variance=v.squeeze(1).to(x),
            )

    def _logits(self, pull: Tensor, total: Tensor) -> Tensor:
        """log π_k p_σ^k(x), (B, K)."""
        energy = (pull.square() * total + torch.log(2 * math.pi * total)).sum(2) / 2
        return self._log_weights - energy

    @staticmethod
    def _precise(logits: Tensor) -> bool:
        """Whether logits of single precision kept their digits; overflow loses them."""
        if len(logits) == 0:
            return True
        largest = torch.where(logits == -math.inf, 0.0, logits.detach()).abs().max()
        lost = bool((logits == -math.inf).all(1).any())
        return not lost and float(largest) * torch.finfo(logits.dtype).eps <= _LOSS

    def _mean(self, posterior: _Posterior) -> Tensor:
        """Σ_k p_k D_k, (b, d)."""
        inner = self._mixed(posterior.mass, self._eigenvalues * posterior.pull)
        return posterior.mass @ self.means + inner

    def _mixed(self, mass: Tensor, vectors: Tensor) -> Tensor:
        """Σ_k p_k U_k v_k of vectors (b, K, d) in the eigenbasis of their class."""
        if self._basis is None:
            return (mass[:, :, None] * vectors).sum(1)
        least = torch.finfo(mass.dtype).eps ** 2  # what no sum would show: of many, most are so
        there = (mass > least).any(0).nonzero().squeeze(1).tolist()
        found = torch.zeros_like(vectors[:, 0])
        for k in there:
            found = found + (mass[:, k, None] * vectors[:, k]) @ self._basis[k].mT
        return found

    def _spread(self, posterior: _Posterior) -> Tensor:
        """sqrt(p_k)(D_k − D), (b, K, d)."""
        mean = self.means + self._from_basis(self._eigenvalues * posterior.pull)
        centre = (posterior.mass[:, :, None] * mean).sum(1, keepdim=True)
        return posterior.mass.sqrt()[:, :, None] * (mean - centre)

    def _jacobian(self, posterior: _Posterior) -> Tensor:
        spread = self._spread(posterior)
        between = spread.mT @ spread / posterior.variance[:, None, None]
        gain = posterior.mass[:, :, None] * posterior.gain
        if self._basis is None:
            return between + torch.diag_embed(gain.sum(1))
        return between + torch.einsum("kde,bke,kfe->bdf", self._basis, gain, self._basis)

    def _into_basis(self, vectors: Tensor) -> Tensor:
        """Vectors (B, K, d) in the eigenbasis of their class."""
        if self._basis is None:
            return vectors
        return torch.einsum("bkd,kde->bke", vectors, self._basis)

    def _from_basis(self, vectors: Tensor) -> Tensor:
        if self._basis is None:
            return vectors
        return torch.einsum("bke,kde->bkd", vectors, self._basis)


@dataclass(frozen=True)
class _Posterior:
    """Posterior mean and probability of each class at B noised points."""

    logits: Tensor  # (B, K) log π_k p_σ^k(x)
    mass: Tensor  # (B, K) responsibilities
    pull: Tensor  # (B, K, d) (x − m)/(λ + σ²) in the eigenbasis of each class
    gain: Tensor  # (B, K, d) λ/(λ + σ²)
    variance: Tensor  # (B,) σ²


def _weights(weights: Tensor | None, means: Tensor) -> Tensor:
    """Class weights (K,) of sum 1."""
    if weights is None:
        return means.new_full((len(means),), 1 / len(means))
    result = _checks.tensor("weights", weights, double=True).detach().to(means)
    if result.shape != means.shape[:1]:
        raise ValueError(f"weights must have shape ({len(means)},), got {tuple(result.shape)}")
    if not (result >= 0).all():
        raise ValueError(f"weights must not be negative, got {float(result.min()):g}")
    total = float(result.sum())
    if abs(total - 1) > _ROUNDING:
        raise ValueError(f"weights must sum to 1, got a sum of {total:g}")
    return result / total


def _spectra(variances: float | Tensor, means: Tensor) -> tuple[Tensor, Tensor | None]:
    """Eigenvalues (K, d) of each class, and their eigenvectors where they are not the axes."""
    classes, d = means.shape
    given = _checks.tensor("variances", variances, double=True).detach().to(means)
    if not torch.isfinite(given).all():
        raise ValueError("variances must be finite, got NaN or infinite entries")
    basis = None
    if given.shape == (classes, d, d):
        asymmetry = float((given - given.mT).abs().max())
        if asymmetry > _ROUNDING * float(given.abs().max()):
            raise ValueError(
                f"variances must be symmetric, got entries that differ by {asymmetry:g}"
            )
        values, basis = torch.linalg.eigh(given)
        floor = torch.finfo(means.dtype).eps * d * values[:, -1:]
    elif given.ndim == 0 or given.shape in ((classes,), (classes, d)):
        values = (given[:, None] if given.ndim == 1 else given).expand(classes, d)
        floor = torch.zeros_like(values)
    else:
        shapes = f"a number, ({classes},), ({classes}, {d}) or ({classes}, {d}, {d})"
        raise ValueError(f"variances must be {shapes}, got {tuple(given.shape)}")
    if not (values > floor).all():
        raise ValueError(
            f"variances must be positive definite, got an eigenvalue {float(values.min()):g}; "
            "use EmpiricalDenoiser for data without width, LinearManifoldDenoiser for flat data"
        )
    return values, basis
