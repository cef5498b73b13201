r"""The softmax over a data set that every empirical score needs, in bounded memory.

Logits L_μ(x) = β(x·ξ^μ − |ξ^μ|²/2), with one β per row; |x|² cancels in the softmax. As
attention they need no mask: query β[x, 1], key [ξ, −|ξ|²/2], value the key itself, whose
last column is dropped. On the CPU the mean is then one fused kernel; elsewhere, and where
single precision would cost the logits their digits, blocks of keys are added one by one with a
running maximum (online softmax, Milakov & Gimelshein 2018).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS = 1024  # queries in a block
_BYTES = 2**22  # of logits, or of coordinates, in a block
_LOSS = 1e-2  # largest error of a logit that single precision may cause


class Keys:
    """A data set (n, d) ready to be attended to, about its centre."""

    def __init__(self, data: Tensor) -> None:
        self.centre = data.mean(0)  # smaller vectors, smaller logits, fewer lost digits
        self.array = data.new_empty(len(data), data.shape[1] + 1)  # the only copy of the data
        points = torch.sub(data, self.centre, out=self.array[:, :-1])
        half_norms = torch.linalg.vector_norm(points, dim=1).square_().div_(2)
        self.array[:, -1] = -half_norms
        self.largest = float(half_norms.max()) * 2

    def mean(self, x: Tensor, beta: Tensor) -> Tensor:
        """Σ_μ w_μ ξ^μ for x (B, d) and β (B, 1)."""
        work = self._precision(x, beta)
        if work == x.dtype and x.device.type == "cpu":
            query, keys = self._queries(x, beta, work)[None, None], self.array[None, None]
            mean = F.scaled_dot_product_attention(query, keys, keys, scale=1.0)
            return mean[0, 0, :, :-1]
        return torch.cat([self._fold(q, work)[1] for q in self._query_blocks(x, beta, work)]).to(x)

    def variance(self, x: Tensor, beta: Tensor) -> Tensor:
        """Σ_μ w_μ |ξ^μ − mean|², (B,), in float64: E|ξ|² − |Eξ|² would cancel in single."""
        parts = []
        for queries in self._query_blocks(x, beta, torch.float64):
            _, mean, half_norm = self._fold(queries, torch.float64)
            parts.append((-2 * half_norm - mean.square().sum(1)).clamp(min=0))
        return torch.cat(parts)

    def log_sum_exp(self, x: Tensor, beta: Tensor) -> Tensor:
        """logsumexp_μ L_μ, (B,), in float64."""
        work = self._precision(x, beta)
        parts = []
        for queries in self._query_blocks(x, beta, work):
            total = torch.full((len(queries),), -math.inf, dtype=work, device=x.device)
            for keys in self._key_blocks(queries):
                total = torch.logaddexp(total, torch.logsumexp(queries @ keys.T, 1))
            parts.append(total.double())
        return torch.cat(parts)

    def weights(self, x: Tensor, beta: Tensor) -> Tensor:
        """Softmax weights w_μ, (B, n)."""
        work = self._precision(x, beta)
        queries = self._queries(x, beta, work)
        logits = torch.cat([queries @ keys.T for keys in self._key_blocks(queries)], 1)
        return torch.softmax(logits, 1).to(x)

    def draw(self, x: Tensor, beta: Tensor, generator: torch.Generator) -> Tensor:
        """One index per row, drawn from the weights: first a block of keys, then a key in it."""
        uniform = torch.rand(
            len(x), 2, generator=generator, device=generator.device, dtype=torch.float64
        ).to(x.device)
        size = max(1, math.isqrt(len(self.array)))
        parts = []
        work = self._precision(x, beta)
        for rows, queries in zip(
            uniform.split(_ROWS), self._query_blocks(x, beta, work), strict=True
        ):
            masses = torch.stack(
                [torch.logsumexp(queries @ _at(k, work).T, 1) for k in self.array.split(size)], 1
            )
            block = _categorical(masses, rows[:, 0])
            index = torch.empty_like(block)
            for b in block.unique().tolist():
                chosen = block == b
                logits = queries[chosen] @ _at(self.array[b * size : (b + 1) * size], work).T
                index[chosen] = b * size + _categorical(logits, rows[chosen, 1])
            parts.append(index)
        return torch.cat(parts)

    def _precision(self, x: Tensor, beta: Tensor) -> torch.dtype:
        """float64 where single precision would cost the logits their digits."""
        if len(x) == 0 or x.dtype == torch.float64:
            return x.dtype
        largest = max(float(x.detach().square().sum(1).max()), self.largest)
        error = torch.finfo(x.dtype).eps * float(beta.max()) * largest
        return torch.float64 if error > _LOSS else x.dtype

    @staticmethod
    def _queries(x: Tensor, beta: Tensor, work: torch.dtype) -> Tensor:
        ones = torch.ones_like(x[:, :1])
        return torch.cat([x, ones], 1).to(work) * beta.to(work)

    def _query_blocks(self, x: Tensor, beta: Tensor, work: torch.dtype) -> Iterator[Tensor]:
        for rows, betas in zip(x.split(_ROWS), beta.split(_ROWS), strict=True):
            yield self._queries(rows, betas, work)

    def _key_blocks(self, queries: Tensor) -> Iterator[Tensor]:
        rows = _BYTES // queries.element_size() // max(1, *queries.shape)
        for keys in self.array.split(max(1, rows)):
            yield _at(keys, queries.dtype)

    def _fold(self, queries: Tensor, work: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """logsumexp, mean ξ and mean −|ξ|²/2 of one block of queries, key block by key block."""
        # Added to a logit of 10¹² a sum of exponentials is rounded to 10⁻⁴, and the weights
        # would not sum to 1: it is kept apart from the maximum, which has no rounding.
        top = torch.full((len(queries), 1), -math.inf, dtype=work, device=queries.device)
        mass = torch.zeros_like(top)
        mean = torch.zeros(len(queries), self.array.shape[1], dtype=work, device=queries.device)
        for keys in self._key_blocks(queries):
            logits = queries @ keys.T
            higher = torch.maximum(top, logits.detach().amax(1, keepdim=True))
            kept, shares = torch.exp(top - higher), torch.exp(logits - higher)
            mass = mass * kept + shares.sum(1, keepdim=True)
            mean = mean * kept + shares @ keys
            top = higher
        mean = mean / mass
        return top + mass.log(), mean[:, :-1], mean[:, -1]


def _at(keys: Tensor, work: torch.dtype) -> Tensor:
    """Augmented keys in the precision of the work, where their norms are computed again."""
    if keys.dtype == work:
        return keys
    keys = keys.to(work)
    keys[:, -1] = keys[:, :-1].square().sum(1) / -2
    return keys


def _categorical(logits: Tensor, uniform: Tensor) -> Tensor:
    """One index per row of softmax(logits), by inverting the cumulative weights."""
    cumulative = torch.softmax(logits.double(), 1).cumsum(1)
    index = torch.searchsorted(cumulative, (uniform * cumulative[:, -1])[:, None], right=True)
    return index.squeeze(1).clamp(max=logits.shape[1] - 1)
