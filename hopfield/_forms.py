r"""The forms in which a network keeps its couplings, and what dynamics asks of each.

    full        the matrix (N, N): a flip costs N, a field is at hand
    low rank    two factors (r, N): a flip costs r, and so does a look at a field
    sparse      the couplings that there are: a flip costs as many as leave the spin

All give the same fields to rounding, and take the same site orders from the same seed.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hopfield import _checks
from hopfield.low_rank import LowRankCouplings, largest, pays
from hopfield.relaxation import Relaxation


@dataclass(frozen=True)
class Outside:
    """Fields that are not the network's.

    Attributes
    ----------
    bias : (N,), or None for none.
    held : (B, N) bool, spins in an infinite field along them, or None for none.
    """

    bias: Tensor | None = None
    held: Tensor | None = None

    def added(self, fields: Tensor, spins: Tensor) -> Tensor:
        """Fields (B, N) of the network, and these."""
        if self.bias is not None:
            fields += self.bias.to(spins)
        return fields if self.held is None else torch.where(self.held, spins * math.inf, fields)

    def at(self, site: int, fields: Tensor, spins: Tensor) -> Tensor:
        """Fields (B,) of the network at a site, and these."""
        if self.bias is not None:
            fields = fields + self.bias[site].to(spins)
        if self.held is None:
            return fields
        return torch.where(self.held[:, site], spins[:, site] * math.inf, fields)


@dataclass(frozen=True)
class Start:
    """Replicas that compiled dynamics changes in place, one spin at a time, in float64.

    Attributes
    ----------
    result : the states (B, N), the sweeps and what converged, to be written.
    outside : fields that are not the network's.
    tie : (N,), fields that count as zero.
    seeds : (B,), of the random streams.
    temperature : T ≥ 0.
    sweeps : the most, or at T > 0 all.
    """

    result: Relaxation
    outside: Outside
    tie: NDArray[np.float64]
    seeds: NDArray[np.int64]
    temperature: float
    sweeps: int

    def fields(self, of_network: Tensor) -> NDArray[np.float64]:
        """All fields (B, N)."""
        found: NDArray[np.float64] = self.outside.added(of_network, self.result.states).numpy()
        return found

    @property
    def bias(self) -> NDArray[np.float64]:
        """Fields from outside, (N,)."""
        bias = self.outside.bias
        size = self.result.states.shape[1]
        return np.zeros(size) if bias is None else bias.to("cpu", torch.float64).numpy()

    @property
    def held(self) -> NDArray[np.bool_]:
        """Spins that do not move, (B, N)."""
        held = self.outside.held
        return np.zeros(self.result.states.shape, bool) if held is None else held.numpy()

    def run(self, relax: Any, heat: Any, *couplings: Any) -> None:
        """Run one of two compiled loops, which take the couplings, states and fields first."""
        spins = self.result.states.numpy()
        if self.temperature > 0:
            heat(*couplings, spins, self.seeds, self.temperature, self.sweeps)
        else:
            ends = self.result.sweeps.numpy(), self.result.converged.numpy()
            relax(*couplings, self.tie, spins, self.seeds, self.sweeps, *ends)


class Running(ABC):
    """Fields of replicas (B, N) that all change at one site at a time."""

    @abstractmethod
    def whole(self) -> Tensor:
        """All fields, (B, N)."""

    @abstractmethod
    def at(self, site: int) -> Tensor:
        """Fields at a site, (B,)."""

    @abstractmethod
    def take(self, site: int, change: Tensor) -> None:
        """Follow a change (B,) of the spins at a site."""


class Form(ABC):
    """Couplings as dynamics sees them.

    Attributes
    ----------
    size : number of spins N.
    like : a tensor in the precision that fields are rounded to, on the device of the couplings.
    """

    size: int
    like: Tensor

    @abstractmethod
    def fields(self, spins: Tensor) -> Tensor:
        """Σ_j J_ij S_j (B, N), in the precision of the spins."""

    @abstractmethod
    def norms(self) -> Tensor:
        """Norms ‖J_i‖ of the couplings into each spin, (N,)."""

    def summed(self) -> Tensor:
        """Norms of what the sums of the fields are of, (N,), by which their rounding goes."""
        return self.norms()

    @abstractmethod
    def is_symmetric(self) -> bool:
        """Whether J equals its transpose, to rounding."""

    @abstractmethod
    def relax(self, start: Start) -> None:
        """Relax or heat all replicas by a compiled loop."""

    @abstractmethod
    def running(self, spins: Tensor, outside: Outside) -> Running:
        """Fields of spins (B, N), which whoever flips them changes in place."""


def form_of(couplings: Tensor | LowRankCouplings) -> Form:
    """The form in which couplings cost least."""
    if isinstance(couplings, LowRankCouplings):
        cheap = pays(len(couplings.left), couplings.size)
        return LowRankForm(couplings) if cheap else FullForm(couplings.dense())
    if couplings.layout == torch.strided:
        return FullForm(couplings)
    return SparseForm(couplings)


class FullForm(Form):
    """The matrix itself."""

    def __init__(self, couplings: Tensor) -> None:
        self.size, self.like = len(couplings), _checks.working(couplings)

    def fields(self, spins: Tensor) -> Tensor:
        return spins @ self.like.to(spins).T

    def norms(self) -> Tensor:
        return row_norms(self.like)

    def is_symmetric(self) -> bool:
        return _checks.is_symmetric(self.like)

    def relax(self, start: Start) -> None:
        from hopfield import _kernels  # numba is needed, and loaded, only here

        fields = start.fields(self.fields(start.result.states))
        rows = self.like.to("cpu")
        # Single precision is kept: fields are sums in double precision, the same to the last bit,
        # and half the bytes have to come.
        columns = rows.contiguous() if torch.equal(rows, rows.T) else rows.T.contiguous()
        start.run(_kernels.relax, _kernels.glauber, columns.numpy(), fields)

    def running(self, spins: Tensor, outside: Outside) -> Running:
        return _RunningFull(self.like.to(spins), outside.added(self.fields(spins), spins))


class _Kept(Running):
    """Fields that are all kept."""

    def __init__(self, fields: Tensor) -> None:
        self._fields = fields

    def whole(self) -> Tensor:
        return self._fields

    def at(self, site: int) -> Tensor:
        return self._fields[:, site]


class _RunningFull(_Kept):
    def __init__(self, couplings: Tensor, fields: Tensor) -> None:
        super().__init__(fields)
        self._couplings = couplings

    def take(self, site: int, change: Tensor) -> None:
        self._fields += change[:, None] * self._couplings[:, site]


class LowRankForm(Form):
    """Two factors, and the diagonal that their product has."""

    def __init__(self, couplings: LowRankCouplings) -> None:
        self.size = couplings.size
        self.like = self._left = _checks.working(couplings.left)
        self._right = _checks.working(couplings.right)
        self._diagonal = (self._left * self._right).sum(0)

    def fields(self, spins: Tensor) -> Tensor:
        overlaps = spins @ self._right.to(spins).T
        return overlaps @ self._left.to(spins) - spins * self._diagonal.to(spins)

    def norms(self) -> Tensor:
        squares, diagonal, unit = self._squares()
        return (unit * (squares - diagonal.square()).clamp_min(0).sqrt()).to(self.like)

    def summed(self) -> Tensor:
        """With the diagonal, which is added and taken away again."""
        squares, _, unit = self._squares()
        return (unit * squares.clamp_min(0).sqrt()).to(self.like)

    def _squares(self) -> tuple[Tensor, Tensor, float]:
        """Squares of the norms with the diagonal, and the diagonal, and what both are in units of.

        The fourth power of factors overflows soon, and a diagonal may be all that a row has.
        """
        left, right = self._left.double(), self._right.double()
        units = [largest(one) or 1.0 for one in (left, right)]
        left, right = left / units[0], right / units[1]
        squares = (left * ((right @ right.T) @ left)).sum(0)
        return squares, (left * right).sum(0), units[0] * units[1]

    def is_symmetric(self) -> bool:
        """Whether LᵀR = RᵀL, by its action on a few random vectors."""
        if self._left is self._right:
            return True
        drawn = torch.Generator().manual_seed(0)
        some = torch.randn(4, self.size, generator=drawn, dtype=torch.float64)
        left, right = (x.to("cpu", torch.float64) for x in (self._left, self._right))
        there, back = (some @ right.T) @ left, (some @ left.T) @ right
        rounding = 100 * torch.finfo(self.like.dtype).eps * float(there.abs().max())
        return float((there - back).abs().max()) <= rounding

    def relax(self, start: Start) -> None:
        from hopfield import _form_kernels  # numba is needed, and loaded, only here

        sites = [x.to("cpu", torch.float64).T.contiguous() for x in (self._left, self._right)]
        left, right = (x.numpy() for x in sites)
        diagonal = (sites[0] * sites[1]).sum(1).numpy()
        couplings = left, right, diagonal, start.bias, start.held
        start.run(_form_kernels.relax_low_rank, _form_kernels.heat_low_rank, *couplings)

    def running(self, spins: Tensor, outside: Outside) -> Running:
        return _RunningLowRank(self, spins, outside)


class _RunningLowRank(Running):
    def __init__(self, form: LowRankForm, spins: Tensor, outside: Outside) -> None:
        self._left, self._right = form._left.to(spins), form._right.to(spins)
        self._diagonal = (self._left * self._right).sum(0)
        self._spins, self._outside = spins, outside
        self._overlaps = spins @ self._right.T

    def whole(self) -> Tensor:
        fields = self._overlaps @ self._left - self._spins * self._diagonal
        return self._outside.added(fields, self._spins)

    def at(self, site: int) -> Tensor:
        fields = self._overlaps @ self._left[:, site]
        fields -= self._diagonal[site] * self._spins[:, site]
        return self._outside.at(site, fields, self._spins)

    def take(self, site: int, change: Tensor) -> None:
        self._overlaps += change[:, None] * self._right[:, site]


class SparseForm(Form):
    """The couplings that there are, by rows for fields and by columns for flips."""

    def __init__(self, couplings: Tensor) -> None:
        self._rows = couplings.to_sparse_coo().coalesce()
        self.size, self.like = len(couplings), _checks.working(self._rows.values())
        self._to, self._from = self._rows.indices()
        order = torch.argsort(self._from, stable=True)
        self.into, self.sizes = self._to[order], self.like[order]
        self.starts = torch.zeros(self.size + 1, dtype=torch.int64, device=self.into.device)
        self.starts[1:] = torch.bincount(self._from, minlength=self.size).cumsum(0)

    def fields(self, spins: Tensor) -> Tensor:
        return torch.sparse.mm(self._rows.to(spins.dtype), spins.T).T.contiguous()

    def norms(self) -> Tensor:
        nothing, sizes = self.like.new_zeros(self.size), self.like.abs()
        largest = nothing.scatter_reduce(0, self._to, sizes, "amax")
        unit = torch.where(largest > 0, largest, 1.0)  # squares of the entries may overflow
        squares = nothing.index_add(0, self._to, (self.like / unit[self._to]).square())
        return largest * squares.sqrt()

    def is_symmetric(self) -> bool:
        if not len(self.like):
            return True
        place, size = self._rows.indices(), self._rows.shape
        rows = torch.sparse_coo_tensor(place, self.like, size, check_invariants=False)
        difference = (rows - rows.T).coalesce().values().abs()
        rounding = 100 * torch.finfo(self.like.dtype).eps
        return bool((difference <= rounding * self.like.abs().max()).all())

    def relax(self, start: Start) -> None:
        from hopfield import _form_kernels  # numba is needed, and loaded, only here

        fields = start.fields(self.fields(start.result.states))
        sizes = self.sizes.to("cpu", torch.float64)
        columns = [x.cpu().numpy() for x in (self.starts, self.into, sizes)]
        start.run(_form_kernels.relax_sparse, _form_kernels.heat_sparse, *columns, fields)

    def running(self, spins: Tensor, outside: Outside) -> Running:
        return _RunningSparse(self, outside.added(self.fields(spins), spins))


class _RunningSparse(_Kept):
    def __init__(self, form: SparseForm, fields: Tensor) -> None:
        super().__init__(fields)
        self._starts, self._into = form.starts.tolist(), form.into
        self._sizes = form.sizes.to(fields)

    def take(self, site: int, change: Tensor) -> None:
        part = slice(self._starts[site], self._starts[site + 1])
        self._fields[:, self._into[part]] += change[:, None] * self._sizes[part]


def row_norms(couplings: Tensor) -> Tensor:
    """Norms ‖J_i‖, (N,), also where the squares of the entries overflow or underflow.

    Examples
    --------
    >>> row_norms(torch.tensor([[0.0, 2e30], [1.0, 0.0]]))
    tensor([2.0000e+30, 1.0000e+00])
    """
    norms, limits = couplings.norm(dim=1), torch.finfo(couplings.dtype)
    if ((norms < math.sqrt(limits.tiny / limits.eps)) | ~torch.isfinite(norms)).any():
        largest = couplings.abs().amax(1)
        unit = torch.where(largest > 0, largest, 1.0)
        norms = largest * (couplings / unit[:, None]).norm(dim=1)
    return norms
