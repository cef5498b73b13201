r"""Averages of random features over points and noise: U = E σσᵀ and V = E σξᵀ.

Averages over all noise are Hermite series: given x the fields h = Wx_t/√d are Gaussian of mean m
and covariance DWWᵀ/d. So are those of a Gaussian class, averaged over its points as well. A series
ends where less than 10⁻⁶ of the mean of σ² is left of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from diffusion import _checks
from diffusion._feature_losses import Averages, add_below, mirrored
from diffusion._hermite import Rule, coefficients, rule_for

_ORDER, _NODES = 12, 40  # of the Hermite series and of its integrals, to begin with
_MOST = 2**12  # largest order of the series
_TRIED = 8  # points, and features, on which the integrals are tried
_NEGLIGIBLE = 1e-6  # what may be left of the series, of the mean of σ²
_NUMBERS = 2**22  # activations held at once, in a block
_BLOCK = 512  # fewest points of a block: with fewer, products of entries take most of the time


@dataclass(frozen=True)
class Layer:
    """A frozen layer of features on data that are noised with variance D."""

    weights: Tensor  # W (p, d)
    activation: Callable[[Tensor], Tensor]
    noise: float  # D

    @property
    def dimension(self) -> int:
        """d."""
        return self.weights.shape[1]

    def series(self, means: Tensor, covariance: Tensor, variance: float) -> Averages:
        """U and V of fields of these means (n, p) and of `variance` times this covariance."""
        scale = covariance.diagonal().sqrt()
        correlation = covariance / (scale[:, None] * scale)
        correlation.fill_diagonal_(0)
        largest = float(correlation.abs().max())
        width = variance**0.5 * scale
        U, slope = torch.zeros_like(correlation), torch.zeros_like(scale)
        square = torch.zeros_like(scale)
        order, start = _ORDER, 0
        rule = self._rule(means, width, order)
        while start < len(means):
            rows = _BLOCK if order == _ORDER else max(1, _NUMBERS // (order * means.shape[1]))
            block = means[start : start + rows]
            parts = block.split(max(1, _NUMBERS // (len(rule[0]) * block.shape[1])))
            found = [coefficients(self.activation, m, width, order, rule) for m in parts]
            c = torch.cat([one for one, _ in found], 1)
            squares = torch.cat([one for _, one in found]).sum(0)
            terms = _terms(c, squares, largest)
            if terms <= order:
                add_below(U, correlation, c[: terms + 1])
            elif self.dimension == 1:
                for m in parts:
                    U += self._on_a_line(m, width, rule)
            else:
                order = self._higher(order, width)
                rule = self._rule(means, width, order)
                continue
            slope += c[1].sum(0)
            square += squares
            start += len(block)
        n = len(means)
        U = mirrored(U)
        U.diagonal().copy_(square)
        V = (slope / (n * width) * self.noise**0.5)[:, None] * self.weights
        return U / n, V / self.dimension**0.5

    def drawn(self, data: Tensor, signal: float, generator: Generator) -> tuple[Averages, float]:
        """U and V over points (n, d) at e^{−t} = `signal`, one draw of the noise each; |ξ|²/d."""
        W, root = self.weights, self.dimension**0.5
        U = W.new_zeros(len(W), len(W))
        V, square = torch.zeros_like(W), 0.0
        for block in data.split(max(1, _NUMBERS // len(W))):
            noise = _checks.normal_like(block, generator)
            x = signal * block + self.noise**0.5 * noise
            sigma = self.activation(x @ W.mT / root)
            U.addmm_(sigma.mT, sigma)
            V.addmm_(sigma.mT, noise)
            square += float(noise.square().sum())
        return (U / len(data), V / len(data)), square / data.numel()

    def _on_a_line(self, means: Tensor, width: Tensor, rule: Rule) -> Tensor:
        """Σ over points of E σ(h_i)σ(h_j) in one dimension, where all fields share one z."""
        z, weights = rule
        spread = z.to(width)[:, None] * width * self.weights[:, 0].sign()
        value = self.activation(means[:, None, :] + spread)  # (rows, nodes, p)
        return torch.einsum("nzp,z,nzq->pq", value, weights.to(width), value)

    def _higher(self, order: int, width: Tensor) -> int:
        """The next order to try, twice the last one."""
        if order >= _MOST:
            raise ValueError(
                f"data must not give fields as wide as {float(width.max()):.3g} in "
                f"d = {self.dimension}, got a series that {order} terms do not end; scale the "
                "data down"
            )
        return min(2 * order, _MOST)

    def _rule(self, means: Tensor, width: Tensor, order: int) -> Rule:
        """Nodes and weights that suffice for the widest fields, and for some of the others."""
        features = torch.cat([width.argsort()[-_TRIED:], _spaced(len(width)).to(width.device)])
        tried = means[_spaced(len(means)).to(means.device)][:, features]
        tried = torch.cat([tried, torch.zeros_like(tried[:1])])  # and those without a mean
        return rule_for(self.activation, tried, width[features].expand_as(tried), order, _NODES)


def _spaced(count: int) -> Tensor:
    """A few of `count` numbers, evenly spaced."""
    return torch.linspace(0, count - 1, min(count, _TRIED), dtype=torch.float64).round().long()


def _terms(c: Tensor, squares: Tensor, largest: float) -> int:
    """The last term that a series of these coefficients needs; one more than there are: not all."""
    left = squares.clone()
    for k, column in enumerate(c):
        left -= column.square().sum(0)
        if largest ** (k + 1) * float(left.max()) < _NEGLIGIBLE * float(squares.mean()):
            return k
    return len(c)
