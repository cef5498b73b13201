r"""The softmax over a data set that every empirical score needs, in bounded memory.

Logits L_μ(x) = β(x·ξ^μ − |ξ^μ|²/2), with one β per row; |x|² cancels in the softmax. As
attention they need no mask: query β[x, 1], key [ξ, −|ξ|²/2], value the key itself. A point's
log-weight a is one column more, query [βx, β, 1] and key [ξ, −|ξ|²/2, a]. Keys of few numbers are
kept, and on the CPU their mean is one fused kernel. Keys of many are made of the rows as they are
stored, a block at a time, and so are those in double precision, where single precision would cost
the logits their digits. Blocks are added up below a running maximum
(online softmax, Milakov & Gimelshein 2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

_KEPT = 2**28  # bytes of the keys that are kept
_ROWS = 1024  # queries in a block
_DRAWN = 2048  # keys, at most, of a block that is drawn before one of its keys is
_BYTES = 2**21  # of logits, or of coordinates, in a block: they should stay in the cache
_LOSS = 1e-2  # largest error of a logit that single precision may cause
_CANCELS = 1e-4  # the same where a variance is what is left of second moments


class Keys:
    """A data set (n, d), as it is stored, ready to be attended to about its centre.

    Attributes
    ----------
    data : (n, d).
    dtype : of what is computed.
    centre : (d,), the mean: smaller vectors, smaller logits, fewer lost digits.
    largest : |ξ|² about it.
    log_weights : (n,), added to the logits, or None.
    """

    def __init__(self, data: Tensor, dtype: torch.dtype, log_weights: Tensor | None = None) -> None:
        self.data, self.dtype, self.log_weights = data, dtype, log_weights
        n, d = data.shape
        self._size, self._width = d, d + 1 if log_weights is None else d + 2
        self._heaviest = 0.0 if log_weights is None else float(log_weights.abs().max())
        blocks = data.split(_rows_of(_BYTES // 8, d))
        total = torch.zeros(d, dtype=torch.float64, device=data.device)
        for block in blocks:
            total += block.double().sum(0)
        self.centre = (total / n).to(dtype)
        few = n * self._width * dtype.itemsize <= _KEPT
        self._kept = torch.empty(n, self._width, dtype=dtype, device=data.device) if few else None
        least, low = 0.0, 0
        for block in blocks:
            rows = slice(low, low + len(block))
            out = None if self._kept is None else self._kept[rows]
            least = min(least, float(self._made(rows, dtype, out)[:, d].min()))
            low += len(block)
        self.largest = -2 * least

    def coordinates(self, keys: Tensor) -> Tensor:
        """ξ^μ − centre of keys, or what is computed like them, (k, d)."""
        return keys[:, : self._size]

    def points(self, index: Tensor | slice) -> Tensor:
        """ξ^μ − centre of some rows, in the precision of what is computed."""
        return self.data[index].to(self.dtype) - self.centre

    def blocks(self, rows: int, work: torch.dtype, *, reused: bool = True) -> Iterator[Tensor]:
        """All keys in a precision, so many at a time. reused : a block is lost with the next."""
        if self._kept is not None and work == self.dtype:
            yield from self._kept.split(rows)
            return
        n = len(self.data)
        most = (min(rows, n), self._width)
        out = torch.empty(most, dtype=work, device=self.data.device) if reused else None
        for low in range(0, n, rows):
            part = slice(low, min(low + rows, n))
            yield self._made(part, work, None if out is None else out[: part.stop - low])

    def mean(self, x: Tensor, beta: Tensor) -> Tensor:
        """Σ_μ w_μ ξ^μ for x (B, d) and β (B, 1), like x."""
        work = self._precision(x, beta, _LOSS)
        if work == self.dtype and x.device.type == "cpu" and self._kept is not None:
            query, keys = self._queries(x, beta, work)[None, None], self._kept[None, None]
            mean = F.scaled_dot_product_attention(query, keys, keys, scale=1.0)[0, 0]
        else:
            mean = self._averaged(x, beta, work, self.coordinates).to(work)
        return (self.coordinates(mean) + self.centre.to(work)).to(x)

    def variance(self, x: Tensor, beta: Tensor) -> Tensor:
        """Σ_μ w_μ |ξ^μ − mean|², (B,), in float64."""
        return self._variance(self._averaged(x, beta, self._precision(x, beta, _CANCELS)))

    def variance_of(self, weights: Tensor) -> Tensor:
        """The same for given weights (b, n) in float64, (b,)."""
        return self._variance(self._weighed(weights))

    def variance_along(self, x: Tensor, beta: Tensor, directions: Tensor) -> Tensor:
        """Σ_μ w_μ (q·(ξ^μ − mean))² of each column q of (d, m), (B, m), in float64."""
        columns = directions.double()

        def values(keys: Tensor) -> Tensor:
            along = self.coordinates(keys) @ columns
            return torch.cat([along, along.square()], 1)

        first, second = self._averaged(x, beta, torch.float64, values).chunk(2, 1)
        return (second - first.square()).clamp(min=0)

    def log_sum_exp(self, x: Tensor, beta: Tensor) -> Tensor:
        """logsumexp_μ of −β|x − ξ^μ|²/2, and of the log-weights, (B,), in float64."""
        parts = []
        for queries in self._query_blocks(x, beta, self._precision(x, beta, _LOSS)):
            total, _ = self._fold(queries, None)
            fine = queries.double()
            own = self.coordinates(fine).square().sum(1) / (2 * fine[:, self._size])
            parts.append(total - own)
        return torch.cat(parts)

    def weights(self, x: Tensor, beta: Tensor) -> Tensor:
        """Softmax weights w_μ, (B, n)."""
        work = self._precision(x, beta, _LOSS)
        queries = self._queries(x, beta, work)
        found, low = queries.new_empty(len(x), len(self.data)), 0
        for keys, logits in self._attended(queries):
            found[:, low : low + len(keys)] = logits
            low += len(keys)
        return _without_subnormal(torch.softmax(found, 1).to(x))

    def draw(self, x: Tensor, beta: Tensor, generator: torch.Generator) -> Tensor:
        """One index per row, drawn from the weights: first a block of keys, then a key in it."""
        uniform = torch.rand(
            len(x), 2, generator=generator, device=generator.device, dtype=torch.float64
        ).to(x.device)
        size = max(1, min(math.isqrt(len(self.data)), _DRAWN))
        parts = []
        work = self._precision(x, beta, _LOSS)
        for rows, queries in zip(
            uniform.split(_ROWS), self._query_blocks(x, beta, work), strict=True
        ):
            masses = queries.new_empty(len(queries), -(-len(self.data) // size))
            attended = self._attended(queries / math.log(2), size)
            for mass, (_, logits) in zip(masses.T, attended, strict=True):
                top = logits.amax(1)
                mass[:] = top + logits.sub_(top[:, None]).exp2_().sum(1).log2()
            block = _categorical(masses * math.log(2), rows[:, 0])
            index = torch.empty_like(block)
            for b in block.unique().tolist():
                chosen = block == b
                keys = self._made(slice(b * size, (b + 1) * size), work)
                logits = queries[chosen] @ keys.T
                index[chosen] = b * size + _categorical(logits, rows[chosen, 1])
            parts.append(index)
        return torch.cat(parts)

    def _made(self, rows: slice, work: torch.dtype, out: Tensor | None = None) -> Tensor:
        """Keys of some stored points in a precision, of which their norms are computed."""
        points, d = self.data[rows], self._size
        if out is None:
            out = torch.empty(len(points), self._width, dtype=work, device=points.device)
        near = torch.sub(points.to(work), self.centre.to(work), out=out[:, :d])
        out[:, d] = torch.linalg.vector_norm(near, dim=1).square_().div_(-2)
        if self.log_weights is not None:
            out[:, d + 1] = self.log_weights[rows]
        return out

    def _precision(self, x: Tensor, beta: Tensor, allowed: float) -> torch.dtype:
        """float64 where the error of a logit in single precision is above what is allowed."""
        if len(x) == 0 or self.dtype == torch.float64:
            return self.dtype
        reach = math.sqrt(self.largest)
        away = torch.linalg.vector_norm(x.detach() - self.centre, dim=1).clamp(min=reach)
        logit = reach * float((beta.squeeze(1) * away).max()) + self._heaviest
        error = torch.finfo(self.dtype).eps * logit
        return torch.float64 if error > allowed else self.dtype

    def _queries(self, x: Tensor, beta: Tensor, work: torch.dtype) -> Tensor:
        about = x.to(work) - self.centre.to(work)
        queries = torch.cat([about, torch.ones_like(about[:, :1])], 1) * beta.to(work)
        if self.log_weights is None:
            return queries
        return torch.cat([queries, torch.ones_like(about[:, :1])], 1)

    def _query_blocks(self, x: Tensor, beta: Tensor, work: torch.dtype) -> Iterator[Tensor]:
        for rows, betas in zip(x.split(_ROWS), beta.split(_ROWS), strict=True):
            yield self._queries(rows, betas, work)

    def _attended(
        self, queries: Tensor, rows: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Keys, so many at a time, and logits (b, k) of the queries there.

        Both are lost with the next ones, unless a gradient will ask for them: were there new ones
        each time, small results in between would pin what they leave.
        """
        rows = rows or _rows_of(_BYTES // queries.element_size(), max(queries.shape))
        asked = queries.requires_grad
        held = queries.new_empty(0 if asked else len(queries) * min(rows, len(self.data)))
        for keys in self.blocks(rows, queries.dtype, reused=not asked):
            size = (len(queries), len(keys))
            out = None if asked else held[: math.prod(size)].view(size)
            yield keys, torch.mm(queries, keys.T, out=out)

    def _averaged(
        self,
        x: Tensor,
        beta: Tensor,
        work: torch.dtype,
        values: Callable[[Tensor], Tensor] | None = lambda keys: keys,
    ) -> Tensor:
        """Σ_μ w_μ v_μ of values (k, m) of the keys, (B, m), in float64."""
        blocks = self._query_blocks(x, beta, work)
        return torch.cat([self._fold(queries, values)[1] for queries in blocks])

    def average(self, weights: Tensor) -> Tensor:
        """Σ_μ w_μ ξ^μ about the centre for given weights (b, n), (b, d)."""
        return self.coordinates(self._weighed(weights))

    def _variance(self, moments: Tensor) -> Tensor:
        """E|ξ|² − |Eξ|² of mean keys, (b,)."""
        squares = -2 * moments[:, self._size]
        return (squares - self.coordinates(moments).square().sum(1)).clamp(min=0)

    def _weighed(self, weights: Tensor) -> Tensor:
        """Σ_μ w_μ of the keys, as many columns as these."""
        rows = _rows_of(_BYTES // weights.element_size(), self.data.shape[1])
        found = weights.new_zeros(len(weights), self._width)
        blocks = self.blocks(rows, weights.dtype)
        for own, keys in zip(weights.split(rows, 1), blocks, strict=True):
            found.addmm_(own, keys)
        return found

    def _fold(
        self, queries: Tensor, values: Callable[[Tensor], Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """logsumexp (b,) of the logits of one block of queries, and the means (b, m) of values."""
        # Added to a logit of 10¹² a sum of exponentials is rounded to 10⁻⁴, and the weights
        # would not sum to 1: it is kept apart from the maximum, which has no rounding.
        top = torch.full_like(queries[:, :1], -math.inf).detach()
        mass = torch.zeros_like(top, dtype=torch.float64)
        mean = torch.zeros_like(mass)
        queries = queries / math.log(2)  # powers of 2 are computed in a quarter of the time of e's
        for keys, logits in self._attended(queries):
            higher = torch.maximum(top, logits.detach().amax(1, keepdim=True))
            kept = torch.exp2((top - higher).double())
            shares = _without_subnormal(logits.sub_(higher).exp2_())
            mass = mass * kept + shares.sum(1, keepdim=True)
            if values is not None:
                mean = mean * kept + (shares @ values(keys)).double()
            top = higher
        return (top.double() + mass.log2()).squeeze(1) * math.log(2), mean / mass


def _without_subnormal(weights: Tensor) -> Tensor:
    """Weights; those below all normal numbers are 0, whose products take up to 30 times as long."""
    if weights.requires_grad:
        return weights
    return F.threshold(weights, torch.finfo(weights.dtype).tiny, 0.0, inplace=True)


def _rows_of(numbers: int, width: int) -> int:
    """How many rows of a width have so many numbers, at least one."""
    return max(1, numbers // max(1, width))


def _categorical(logits: Tensor, uniform: Tensor) -> Tensor:
    """One index per row of softmax(logits), by inverting the cumulative weights."""
    cumulative = torch.softmax(logits.double(), 1).cumsum(1)
    index = torch.searchsorted(cumulative, (uniform * cumulative[:, -1])[:, None], right=True)
    return index.squeeze(1).clamp(max=logits.shape[1] - 1)
