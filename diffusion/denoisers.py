r"""Exact denoisers: D(x, σ) = E[x₀ | x₀ + σz = x] in closed form.

With p_σ the density of x₀ + σz, Tweedie's formula gives the score and the Jacobian:

    ∇ log p_σ(x) = (D(x, σ) − x)/σ²,      ∂D/∂x = Cov(x₀ | x)/σ².

Empirical density, n points ξ^μ of equal weight: the posterior weights are
w = softmax(−|x − ξ^μ|²/2σ²), D = Σ_μ w_μ ξ^μ, and
log p_σ(x) = logsumexp_μ(−|x − ξ^μ|²/2σ²) − log n − (d/2) log 2πσ².
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from diffusion import checks
from diffusion.attention import Keys
from diffusion.checks import Level, Seed


class Denoiser(ABC):
    """D(x, σ), the posterior mean of clean data; the one door by which models enter."""

    dimension: int

    @abstractmethod
    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean E[x₀ | x₀ + σz = x], (B, d)."""

    def score(self, x: Tensor, sigma: Level) -> Tensor:
        """Score ∇ log p_σ(x) = (D(x, σ) − x)/σ² of the noised density, (B, d)."""
        x = checks.points("x", x, dimension=self.dimension)
        return (self(x, sigma) - x) / checks.noise_level(sigma, x).square().to(x)


class EmpiricalDenoiser(Denoiser):
    """The exact denoiser of a finite data set, each point of weight 1/n.

    The mean is fused attention over the data, so that memory does not grow with
    (batch × n). Single-precision data is worked on in double precision at noise levels
    so small that its logits would lose their digits.

    Parameters
    ----------
    data : (n, d), finite; dtype and device of the results.

    Raises
    ------
    ValueError : data not (n, d), empty, or not finite.

    Examples
    --------
    >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]]))
    >>> denoiser(torch.tensor([[0.5]]), sigma=1.0)  # tanh(x/σ²)
    tensor([[0.4621]])
    """

    def __init__(self, data: Tensor) -> None:
        self.data = checks.points("data", data)
        if len(self.data) == 0:
            raise ValueError(f"data must hold at least one point, got {tuple(self.data.shape)}")
        self.dimension = self.data.shape[1]
        self._keys = Keys(self.data)

    def __len__(self) -> int:
        """Number of data points n."""
        return len(self.data)

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean Σ_μ w_μ ξ^μ.

        Parameters
        ----------
        x : (B, d), finite.
        sigma : noise level, a number or (B,), positive, in signal units.

        Returns
        -------
        (B, d), like `data`.

        Raises
        ------
        ValueError : x not (B, d) or not finite; sigma not positive or of another length.
        """
        x, beta = self._query(x, sigma)
        return self._keys.mean(x, beta) + self._keys.centre

    def log_density(self, x: Tensor, sigma: Level) -> Tensor:
        """log p_σ(x) of the noised density, (B,). Arguments and errors as for a call."""
        x, beta = self._query(x, sigma)
        closeness = self._keys.log_sum_exp(x, beta)
        beta = beta.squeeze(1)
        distance = closeness - beta * x.double().square().sum(1) / 2
        normalisation = math.log(len(self)) + self.dimension / 2 * torch.log(2 * math.pi / beta)
        return (distance - normalisation).to(x)

    def weights(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior weights w_μ(x), (B, n). Arguments and errors as for a call."""
        return self._keys.weights(*self._query(x, sigma))

    def jacobian(self, x: Tensor, sigma: Level) -> Tensor:
        """∂D/∂x = Cov_w(ξ)/σ², (B, d, d): symmetric, positive, dimensionless.

        Points of weight below 10⁻²⁰ are left out, so that a row costs as many outer
        products as points matter. Arguments and errors as for a call.
        """
        x, beta = self._query(x, sigma)
        result = x.new_empty(len(x), self.dimension, self.dimension)
        for row in range(len(x)):
            weights = self._keys.weights(x[row : row + 1], beta[row : row + 1])[0]
            near = (weights > 1e-20).nonzero().squeeze(1)
            weights = weights[near].to(x)
            points = self.data[near]
            spread = weights.sqrt()[:, None] * (points - weights @ points)
            result[row] = spread.T @ spread * beta[row].to(x)
        return result

    def posterior_sample(self, x: Tensor, sigma: Level, seed: Seed = None) -> Tensor:
        """One data point a row, drawn from the posterior weights, (B, d).

        Arguments and errors as for a call; `seed` is an int, a generator or None.
        """
        x, beta = self._query(x, sigma)
        return self.data[
            self._keys.draw(x, beta, checks.generator_from(seed, "posterior_sample", x.device))
        ]

    def _query(self, x: Tensor, sigma: Level) -> tuple[Tensor, Tensor]:
        """x about the centre of the data, and β = 1/σ² as a (B, 1) column in float64."""
        x = checks.points("x", x, dimension=self.dimension).to(self.data)
        return x - self._keys.centre, checks.noise_level(sigma, x) ** -2
