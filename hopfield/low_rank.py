r"""Couplings of low rank without their matrix: J_ij = Σ_a L_ai R_aj for i ≠ j, J_ii = 0.

Couplings that P patterns span act on a state through P overlaps m_a = Σ_j R_aj S_j,

    h_i = Σ_a L_ai m_a − c_i S_i,    c_i = Σ_a L_ai R_ai,

the last term for the diagonal, which every rule sets to zero. The two factors take 2PN numbers
where the matrix takes N². One flip costs P instead of N, and so does one look at a field, which
the matrix has at hand. The rules are those of `hopfield.couplings`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._limits import within_memory
from hopfield.couplings import dreamed, eigenspace, projector_basis

_SMALLEST = 1000  # spins: the matrix of fewer lies in the cache
_LOOKS = 16  # looks at a field for each that the flips of a relaxation cost with the matrix


class LowRankCouplings:
    """Couplings J = LᵀR without diagonal, kept as their two factors.

    Parameters
    ----------
    left : L (r, N), finite.
    right : R (r, N), finite; None for R = L.

    Raises
    ------
    ValueError : factors of different shapes, not finite, or whose couplings would not be.

    Examples
    --------
    >>> from hopfield import HopfieldNetwork, hebbian, overlap, flip_spins, random_patterns
    >>> xi = random_patterns(3, 20_000, seed=0)
    >>> network = HopfieldNetwork(LowRankCouplings.hebbian(xi))  # the matrix would take 3 GB
    >>> relaxed = network.relax(flip_spins(xi, 0.2, seed=1), seed=2)
    >>> bool((overlap(relaxed.states, xi) > 0.99).all())
    True
    >>> few = xi[:, :50].double()
    >>> torch.allclose(LowRankCouplings.hebbian(few).dense(), hebbian(few))
    True
    """

    def __init__(self, left: Tensor, right: Tensor | None = None) -> None:
        self.left = _checks.matrix("left", left).detach()
        self.right = self.left
        if right is not None:
            given = _checks.matrix("right", right).detach()
            if given.shape != self.left.shape:
                wanted, got = tuple(self.left.shape), tuple(given.shape)
                raise ValueError(f"right must have the shape {wanted} of left, got {got}")
            self.left = self.left.to(torch.promote_types(self.left.dtype, given.dtype))
            self.right = given.to(self.left)
        kind = _checks.working(self.left).dtype
        sizes = [largest(one) for one in (self.left, self.right)]
        most = torch.finfo(kind).max / max(1, self.left.numel())  # of the terms of a field
        if sizes[0] * sizes[1] > most:
            raise ValueError(
                f"left and right must have couplings that are finite in {kind}, got entries up to "
                f"{sizes[0]:.3g} and {sizes[1]:.3g}"
            )

    @classmethod
    def hebbian(cls, patterns: Tensor) -> LowRankCouplings:
        """Hebb's rule for patterns (P, N) of entries ±1, as `hebbian`."""
        stored = _checks.stored("patterns", patterns, binary=True)
        return cls(_checks.working(stored) / stored.shape[1], _checks.working(stored))

    @classmethod
    def pseudo_inverse(cls, patterns: Tensor) -> LowRankCouplings:
        """Pseudo-inverse rule for patterns (P, N) of entries ±1, as `pseudo_inverse`."""
        stored = _checks.stored("patterns", patterns, binary=True)
        return cls(projector_basis(_checks.working(stored)))

    @classmethod
    def dreaming_kernel(cls, patterns: Tensor, time: float) -> LowRankCouplings:
        """Dreaming kernel of patterns (P, N) of entries ±1 at a time t ≥ 0, as `dreaming_kernel`.

        Infinity gives the pseudo-inverse.
        """
        stored = _checks.stored("patterns", patterns, binary=True)
        time = _checks.number("time", time, low=0)
        rows = _checks.working(stored)
        if time * torch.finfo(rows.dtype).eps > 1:
            return cls.pseudo_inverse(stored)
        spectrum, basis = eigenspace(rows)
        return cls(basis * dreamed(spectrum, time)[:, None], basis)

    def __repr__(self) -> str:
        return f"LowRankCouplings({self.size} spins, rank at most {len(self.left)})"

    @property
    def size(self) -> int:
        """Number of spins N."""
        return self.left.shape[1]

    def dense(self) -> Tensor:
        """The couplings as a matrix (N, N).

        Raises
        ------
        ValueError : a matrix that would not fit into memory.
        """
        rows = _checks.working(self.left)
        what = f"couplings: a matrix of {self.size} sites"
        within_memory(2.0 * rows.element_size() * self.size**2, what)
        return (rows.T @ _checks.working(self.right)).fill_diagonal_(0.0)


def largest(factor: Tensor) -> float:
    """Largest |entry| of a factor, 0 of one without rows."""
    return float(factor.abs().max()) if len(factor) else 0.0


def pays(rank: int, size: int) -> bool:
    """Whether factors of this rank make a relaxation cheaper than the matrix (N, N) does.

    A relaxation looks at each field in a few sweeps, at r numbers a look, and flips less than half
    of the spins, at N numbers a flip; the matrix has to be made besides.
    """
    return size >= _SMALLEST and rank * _LOOKS <= size
