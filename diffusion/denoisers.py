r"""Exact denoisers: D(x, σ) = E[x₀ | x₀ + σz = x] in closed form.

With p_σ the density of x₀ + σz, Tweedie's formula gives the score and the Jacobian:

    ∇ log p_σ(x) = (D(x, σ) − x)/σ²,      ∂D/∂x = Cov(x₀ | x)/σ².

The Jacobian is symmetric, positive and dimensionless: an eigenvalue near 1 is a direction
that denoising keeps, near 0 one that it removes. Its trace is the denoising error
E|x₀ − D|²/σ² at x, a count of dimensions.

Empirical density, n points ξ^μ of equal weight: the posterior weights are
w = softmax(−|x − ξ^μ|²/2σ²), D = Σ_μ w_μ ξ^μ, and
log p_σ(x) = logsumexp_μ(−|x − ξ^μ|²/2σ²) − log n − (d/2) log 2πσ². Points
of other weights π_μ have log π_μ added to the logits, at every noise level, in place of −log n.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._attention import Keys
from diffusion._checks import Level, Seed
from diffusion._modules import at_least_single, evaluated

_NUMBERS = 2**22  # numbers of a block held at once
_WEIGHTS = 2**23  # of a block of rows: 100 and more share a table of products well
_NEGLIGIBLE = 1e-20  # weight below which a point adds nothing to a covariance
_TABLE = 6  # from this many near points per datum, one table of products is faster
_PRODUCTS = 2**18  # numbers of the table held at once: they should stay in the cache
_STRIP = 8  # its width in coordinates
_ROUNDING = 1e-4  # error that E ξξᵀ − DDᵀ may leave in a Jacobian


DenoiserLike = Callable[[Tensor, Any], Tensor]
"""Anything that is called like a denoiser: D(x, σ) → (B, d), σ a number or one per row."""


class Denoiser(ABC):
    """D(x, σ), the posterior mean of clean data; the one door by which models enter.

    Torch modules that a denoiser holds are in evaluation mode while it is called. Afterwards
    they are in the mode that they were in.

    Attributes
    ----------
    dimension : d of the data.
    noise_range : least and largest σ that it answers for.
    conservative : whether D − x is a gradient, so that it has an energy.
    """

    dimension: int
    noise_range: tuple[float, float] = (0.0, math.inf)
    conservative: bool = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__call__" in vars(cls):
            cls.__call__ = evaluated(cls.__call__)  # type: ignore[method-assign]

    @abstractmethod
    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean E[x₀ | x₀ + σz = x], (B, d)."""

    def score(self, x: Tensor, sigma: Level) -> Tensor:
        """Score ∇ log p_σ(x) = (D(x, σ) − x)/σ² of the noised density, (B, d)."""
        x = _checks.points("x", x, dimension=self.dimension)
        return (self(x, sigma) - x) / _checks.noise_level(sigma, x).square().to(x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._about()})"

    def _about(self) -> str:
        """What a repr says of it, on one line."""
        return f"d={self.dimension}"


def noise_range(*denoisers: DenoiserLike) -> tuple[float, float]:
    """The noise levels that all of these denoisers answer for.

    Parameters
    ----------
    denoisers : D(x, sigma), each; one that states no `noise_range` answers for all levels.

    Returns
    -------
    Least and largest σ.

    Raises
    ------
    ValueError : ranges that do not overlap.

    Examples
    --------
    >>> noise_range(EmpiricalDenoiser([[-1.0], [1.0]]))
    (0.0, inf)
    """
    ranges = [getattr(each, "noise_range", (0.0, math.inf)) for each in denoisers]
    low, high = max(low for low, _ in ranges), min(high for _, high in ranges)
    if low > high:
        words = " and ".join(f"[{least:g}, {most:g}]" for least, most in ranges)
        raise ValueError(f"noise_range of all denoisers must overlap, got {words}")
    return float(low), float(high)


class ExactDenoiser(Denoiser):
    """A denoiser whose noised density is known in closed form.

    A kind that needs no full Jacobian for one of the last three methods overrides it.
    """

    @abstractmethod
    def log_density(self, x: Tensor, sigma: Level) -> Tensor:
        """log p_σ(x) of the noised density, (B,). Arguments and errors as for a call."""

    @abstractmethod
    def jacobian(self, x: Tensor, sigma: Level) -> Tensor:
        """∂D/∂x = Cov(x₀ | x)/σ², (B, d, d). Arguments and errors as for a call."""

    def jacobian_eigenvalues(self, x: Tensor, sigma: Level) -> Tensor:
        """Eigenvalues of ∂D/∂x, ascending, (B, d). Arguments and errors as for a call."""
        return torch.linalg.eigvalsh(self.jacobian(x, sigma))

    def jacobian_trace(self, x: Tensor, sigma: Level) -> Tensor:
        """tr ∂D/∂x, (B,). Arguments and errors as for a call."""
        return self.jacobian(x, sigma).diagonal(dim1=1, dim2=2).sum(1)

    def jacobian_along(self, x: Tensor, sigma: Level, directions: Tensor) -> Tensor:
        """q·(∂D/∂x)q for each column q of `directions` (d, m), (B, m); errors as for a call."""
        directions = _checks.directions("directions", directions, self.dimension)
        jacobian = self.jacobian(x, sigma)
        return torch.einsum(
            "dm,bde,em->bm", directions.to(jacobian), jacobian, directions.to(jacobian)
        )


class EmpiricalDenoiser(ExactDenoiser):
    """The exact denoiser of a finite data set, each point of weight 1/n or of the weights given.

    The mean is fused attention over the data, so that memory does not grow with
    (batch × n). At noise levels so small that single-precision logits would lose their
    digits, single-precision data is computed in double precision. A call costs 4Bnd
    operations, the log-density and a draw half of it.

    All points are multiplied at every noise level, though few have weight at small ones. On a way
    back from σ = 80 to 0.02 rms deviations of 60 000 images, half of the steps lie where most
    points count: to leave out the rest would save a factor of 2 to 3 at most.

    Parameters
    ----------
    data : (n, d), finite; kept as it is stored, bytes and halves too, and not copied: of a
        memory-mapped array only blocks are in memory. Keys of up to 256 MB are kept beside it.
    log_weights : (n,), finite, added to the logits at every noise level as they are: point μ has
        the weight π_μ = e^{a_μ}/Σ_ν e^{a_ν}. None: all are equal.

    Attributes
    ----------
    data : (n, d), as it is stored.
    dtype : of the results: that of the data, at least single precision; double precision of
        whole numbers. They are on the device of the data.
    log_weights : (n,), float64, as given; None where all are equal.

    Raises
    ------
    ValueError : data not (n, d), empty, or not finite; log_weights not (n,), or not finite.

    Examples
    --------
    >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]]))
    >>> denoiser(torch.tensor([[0.5]]), sigma=1.0)  # tanh(x/σ²)
    tensor([[0.4621]])
    >>> weights = torch.tensor([0.25, 0.75])
    >>> weighted = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]]), weights.log())
    >>> weighted(torch.tensor([[0.0]]), sigma=1.0)  # 0.75 − 0.25
    tensor([[0.5000]])
    """

    def __init__(self, data: Tensor, log_weights: Tensor | None = None) -> None:
        self.data = _checks.points("data", data, stored=True).detach()
        real = self.data.is_floating_point()
        self.dtype = at_least_single(self.data.dtype) if real else torch.float64
        if len(self.data) == 0:
            raise ValueError(f"data must hold at least one point, got {tuple(self.data.shape)}")
        self.dimension = self.data.shape[1]
        self.log_weights: Tensor | None = None
        self._log_mass = math.log(len(self.data))
        if log_weights is not None:
            self.log_weights = _checks.one_per_row("log_weights", log_weights, self.data)
            self._log_mass = float(torch.logsumexp(self.log_weights, 0))
        self._keys = Keys(self.data, self.dtype, self.log_weights)

    def __len__(self) -> int:
        """Number of data points n."""
        return len(self.data)

    def _about(self) -> str:
        weighted = "" if self.log_weights is None else ", weighted"
        return f"n={len(self)}, d={self.dimension}{weighted}"

    def points(self, index: Tensor | slice = slice(None)) -> Tensor:
        """Data points of some indices, all unless given, in the dtype of the results."""
        return self.data[index].to(self.dtype)

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean Σ_μ w_μ ξ^μ.

        Parameters
        ----------
        x : (B, d), finite.
        sigma : noise level, a number or (B,), positive, in signal units.

        Returns
        -------
        (B, d), of the `dtype`.

        Raises
        ------
        ValueError : x not (B, d) or not finite; sigma not positive or of another length.
        """
        return self._keys.mean(*self._query(x, sigma))

    def log_density(self, x: Tensor, sigma: Level) -> Tensor:
        """log p_σ(x) of the noised density, (B,). Arguments and errors as for a call."""
        x, beta = self._query(x, sigma)
        volume = self.dimension / 2 * torch.log(2 * math.pi / beta.squeeze(1))
        return (self._keys.log_sum_exp(x, beta) - self._log_mass - volume).to(x)

    def weights(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior weights w_μ(x), (B, n). Arguments and errors as for a call."""
        return self._keys.weights(*self._query(x, sigma))

    def jacobian(self, x: Tensor, sigma: Level) -> Tensor:
        """∂D/∂x = Cov_w(ξ)/σ², (B, d, d): symmetric, positive, dimensionless.

        Points of weight below 10⁻²⁰ are left out, so that a row costs one outer product per point
        that matters, d² operations by symmetry. Where all matter, rows share a table of products,
        which pays the more the more rows there are: ask for 100 and more at a time. Arguments and
        errors as for a call.
        """
        x, beta = self._query(x, sigma)
        result = x.new_empty(len(x), self.dimension, self.dimension)
        for rows in self._blocks(len(x)):
            weights = self._keys.weights(x[rows], beta[rows])
            result[rows] = self._covariance(weights, beta[rows]) * beta[rows, :, None].to(x)
        return result

    def jacobian_eigenvalues(self, x: Tensor, sigma: Level) -> Tensor:
        """Eigenvalues of ∂D/∂x, ascending, (B, d); no (d, d) matrix where k < d points matter.

        They are then those of the (k, k) Gram matrix of the weighted deviations, and zeros.
        Arguments and errors as for a call.
        """
        x, beta = self._query(x, sigma)
        result = x.new_zeros(len(x), self.dimension)
        for rows in self._blocks(len(x)):
            weights = self._keys.weights(x[rows], beta[rows])
            count = _near_count(weights)
            if count < self.dimension:
                near = weights.topk(count, 1).indices
                spread = self._deviations(weights, near, self._keys.average(weights))
                values = torch.linalg.eigvalsh(spread @ spread.mT)
                result[rows, self.dimension - count :] = values
            else:
                result[rows] = torch.linalg.eigvalsh(self._covariance(weights, beta[rows]))
        return result * beta.to(x)

    def jacobian_trace(self, x: Tensor, sigma: Level) -> Tensor:
        """tr ∂D/∂x = Σ_μ w_μ|ξ^μ − D|²/σ², (B,), without a (d, d) matrix or (B, n) weights.

        It costs a call, in double precision where single precision would leave an error of
        10⁻⁴ or more. Where double precision would too, the weights are made after all: few points
        have one there. Arguments and errors as for a call.
        """
        x, beta = self._query(x, sigma)
        if self._lost(beta, torch.float64) < _ROUNDING:
            return (self._keys.variance(x, beta) * beta.squeeze(1)).to(x)
        result = x.new_empty(len(x))
        for rows in self._blocks(len(x)):
            spread = self._spread(self._keys.weights(x[rows], beta[rows]))
            result[rows] = (spread * beta[rows, 0]).to(x)
        return result

    def trace_of_weights(self, x: Tensor, sigma: Level, weights: Tensor) -> Tensor:
        """`jacobian_trace` where the `weights` (B, n) at x are known, at half of its cost.

        In single precision they lack the digits for it, and are not used.
        """
        if weights.dtype != torch.float64:
            return self.jacobian_trace(x, sigma)
        _, beta = self._query(x, sigma)
        exact = self._lost(beta, torch.float64) < _ROUNDING
        spread = self._keys.variance_of(weights) if exact else self._spread(weights)
        return spread * beta.squeeze(1)

    def jacobian_along(self, x: Tensor, sigma: Level, directions: Tensor) -> Tensor:
        """q·(∂D/∂x)q for each column q of `directions` (d, m), (B, m); errors as for a call."""
        x, beta = self._query(x, sigma)
        directions = _checks.directions("directions", directions, self.dimension)
        return (self._keys.variance_along(x, beta, directions.to(x)) * beta).to(x)

    def posterior_sample(self, x: Tensor, sigma: Level, seed: Seed = None) -> Tensor:
        """One data point per row, drawn from the posterior weights, (B, d).

        Parameters
        ----------
        x : (B, d), finite.
        sigma : noise level, a number or (B,), positive, in signal units.
        seed : int, torch.Generator or None.

        Raises
        ------
        ValueError : as for a call.
        """
        x, beta = self._query(x, sigma)
        generator = _checks.generator_from(seed, "posterior_sample", x.device)
        return self.points(self._keys.draw(x, beta, generator))

    def _query(self, x: Tensor, sigma: Level) -> tuple[Tensor, Tensor]:
        """x in the precision and on the device of the results, β = 1/σ² as a (B, 1) in float64."""
        given = _checks.points("x", x, dimension=self.dimension)
        x = _checks.converted("x", given, self._keys.centre)
        return x, _checks.noise_level(sigma, x) ** -2

    def _blocks(self, rows: int) -> Iterator[slice]:
        """Slices of the batch whose weights fit into memory together."""
        size = max(1, _WEIGHTS // len(self))
        return (slice(low, low + size) for low in range(0, rows, size))

    def _covariance(self, weights: Tensor, beta: Tensor) -> Tensor:
        """Σ_μ w_μ (ξ^μ − D)(ξ^μ − D)ᵀ for each row of weights (b, n), (b, d, d)."""
        count = _near_count(weights)
        mean = self._keys.average(weights)
        rounding = self._lost(beta, weights.dtype)
        if len(weights) * count > _TABLE * len(self) and rounding < _ROUNDING:
            return self._second_moments(weights) - mean[:, :, None] * mean[:, None, :]
        near = weights.topk(count, 1).indices  # rows with fewer are filled up with the next
        result = weights.new_zeros(len(weights), self.dimension, self.dimension)
        for part in near.split(max(1, _NUMBERS // mean.numel()), 1):
            spread = self._deviations(weights, part, mean)
            result.baddbmm_(spread.mT, spread)
        return result

    def _lost(self, beta: Tensor, work: torch.dtype) -> float:
        """Error of a Jacobian that is what is left of second moments in a precision."""
        if len(beta) == 0:
            return 0.0
        return torch.finfo(work).eps * float(beta.max()) * self._keys.largest

    def _spread(self, weights: Tensor) -> Tensor:
        """Σ_μ w_μ |ξ^μ − D|² for each row of weights (b, n), (b,), by the points that matter."""
        mean, near = self._keys.average(weights), weights.topk(_near_count(weights), 1).indices
        parts = near.split(max(1, _NUMBERS // mean.numel()), 1)
        return sum(
            (self._deviations(weights, part, mean).square().sum((1, 2)) for part in parts),
            weights.new_zeros(len(weights)),
        )

    def _deviations(self, weights: Tensor, near: Tensor, mean: Tensor) -> Tensor:
        """sqrt(w_μ)(ξ^μ − D) for the points `near` (b, k) of each row, (b, k, d)."""
        root = weights.gather(1, near).sqrt()
        return root[:, :, None] * (self._keys.points(near) - mean[:, None, :])

    def _second_moments(self, weights: Tensor) -> Tensor:
        """Σ_μ w_μ ξ^μ ξ^μᵀ: all rows share one table of products, half of it by symmetry."""
        rows, d = len(weights), self.dimension
        edges = [(low, min(low + _STRIP, d)) for low in range(0, d, _STRIP)]
        strips = [weights.new_zeros(rows, (high - low) * (d - low)) for low, high in edges]
        size = max(1, _PRODUCTS // (_STRIP * d))
        blocks = self._keys.blocks(size, weights.dtype)
        for keys, mass in zip(blocks, weights.split(size, 1), strict=True):
            points = self._keys.coordinates(keys).contiguous()
            for strip, (low, high) in zip(strips, edges, strict=True):
                products = points[:, low:high, None] * points[:, None, low:]
                strip.addmm_(mass, products.flatten(1))
        result = weights.new_empty(rows, d, d)
        for strip, (low, high) in zip(strips, edges, strict=True):
            result[:, low:high, low:] = strip.view(rows, high - low, -1)
            result[:, high:, low:high] = result[:, low:high, high:].mT
        return result


def _near_count(weights: Tensor) -> int:
    """The most points that matter to a row of `weights` (b, n)."""
    return int((weights > _NEGLIGIBLE).sum(1).max())
