r"""Kernel memories: the field on a spin is a sum over patterns of a kernel of the state.

    h_i(S) = Σ_μ A_μi K(ξ^μ, S),    S_i ← sign h_i,  all at once,

with x = ξ·S/N and K = e^{g(x − 1)} or K = x^d. Duals A are the patterns themselves ("identity"), or
A = (K + λI)⁻¹ ξ ("ridge"), by which every stored pattern is a fixed point as λ → 0 while the matrix
K is regular. Special cases: K = x with ridge λ → 0 is the pseudo-inverse *with* its diagonal; the
identity duals are dense memories (e^{g(x−1)}: the signs of the exponential step of real states at
β = g/N; x^{n−1}: the direction of the polynomial step of even degree n), d = 3 among them the echo
of MINERVA 2 (Hintzman 1984). A self-term cannot be taken out of a kernel and looks like stability:
what counts is how wide the basins are, not that stored patterns are fixed. There is no energy.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._limits import within_memory
from hopfield.memory import SynchronousMemory

Kernel = Callable[[Tensor, Tensor], Tensor]

_BLOCK = 2**22  # numbers of a (states × patterns) block held at once
_LARGEST = 1e150  # ridge


class KernelMemory(SynchronousMemory):
    """Memory of ±1 patterns with kernel fields and synchronous dynamics.

    Parameters
    ----------
    patterns : (P, N), entries ±1.
    kernel : "exponential", "polynomial" or a function K(states (B, N), patterns (P, N)) → (B, P).
    gain : g > 0 of the exponential kernel; larger ones store more and have narrower limits.
    degree : d ≥ 1 of the polynomial kernel; 1 is linear.
    dual : "ridge" or "identity".
    ridge : λ ≥ 0; 0 wants a regular kernel matrix.

    Raises
    ------
    ValueError : patterns of other entries, an unknown word, a number out of its range, a kernel
        of another shape or with values that are not finite, a singular matrix at λ = 0.

    Examples
    --------
    >>> from hopfield import overlap, random_patterns
    >>> xi = random_patterns(200, 100, seed=0)
    >>> memory = KernelMemory(xi)
    >>> cues = memory.corrupt(xi, 0.6, torch.Generator().manual_seed(0))
    >>> ends, converged = memory.retrieve(cues)
    >>> bool((overlap(ends, xi) > 0.95).double().mean() > 0.95)
    True
    """

    def __init__(
        self,
        patterns: Tensor,
        kernel: str | Kernel = "exponential",
        gain: float = 5.0,
        degree: int = 3,
        dual: str = "ridge",
        ridge: float = 1e-9,
    ) -> None:
        self.patterns = _checks.stored("patterns", patterns, binary=True).detach()
        self._rows = self.patterns.double()
        self.kernel = known_kernel(kernel, gain, degree)
        self.dual = _checks.choice("dual", dual, ("ridge", "identity"))
        self.ridge = _checks.number("ridge", ridge, low=0, high=_LARGEST)
        self.duals = self._ridge_duals() if self.dual == "ridge" else self._rows
        self._sizes = self.duals.norm(dim=0)

    def _details(self) -> str:
        return f"; {self.kernel}, {self.dual} duals"

    def _ridge_duals(self) -> Tensor:
        count = len(self._rows)
        within_memory(24.0 * count**2, f"patterns: the kernel matrix of {count} patterns")
        matrix = self.kernel(self._rows, self._rows)
        if self.ridge == 0 and int(torch.linalg.matrix_rank(matrix)) < count:
            raise ValueError(
                f"ridge must be above 0 for these patterns, whose kernel matrix is singular, got "
                f"{self.ridge:g}"
            )
        mixed = matrix + self.ridge * torch.eye(count).to(matrix)
        duals, failed = torch.linalg.solve_ex(mixed, self._rows)
        if failed or not torch.isfinite(duals).all():
            raise ValueError(f"ridge must be larger for these patterns, got {self.ridge:g}")
        return duals

    def fields(self, states: Tensor) -> Tensor:
        """Fields Σ_μ A_μi K(ξ^μ, S) of each state, (B, N)."""
        spins = self._states(states).double()
        rows = [self.kernel(part, self._rows) @ self.duals for part in self._blocks(spins)]
        return torch.cat(rows) if rows else spins

    def _blocks(self, states: Tensor) -> tuple[Tensor, ...]:
        return states.split(max(1, _BLOCK // len(self._rows))) if len(states) else ()

    def _step(self, states: Tensor) -> Tensor:
        rows = [self._turned(part) for part in self._blocks(states)]
        return torch.cat(rows) if rows else states.clone()

    def _turned(self, states: Tensor) -> Tensor:
        weights = self.kernel.relative(states.to(self._rows), self._rows)
        return signs(weights @ self.duals, weights, self._sizes, states)


class KnownKernel:
    """A kernel by its word, or a function of the user's whose values are looked at."""

    def __init__(self, kernel: str | Kernel, gain: float, degree: int) -> None:
        self._kernel, self._gain, self._degree = kernel, gain, degree

    def __str__(self) -> str:
        if self._kernel == "exponential":
            return f"exponential kernel of gain {self._gain:.4g}"
        if self._kernel == "polynomial":
            return f"polynomial kernel of degree {self._degree}"
        return "a kernel of one's own"

    @property
    def linear(self) -> bool:
        """Whether the kernel is x itself."""
        return self._kernel == "polynomial" and self._degree == 1

    def __call__(self, states: Tensor, patterns: Tensor) -> Tensor:
        """Values K (B, P)."""
        if isinstance(self._kernel, str):
            x = states @ patterns.T / patterns.shape[1]
            if self._kernel == "exponential":
                return torch.exp(self._gain * (x - 1))
            return x**self._degree
        found = _checks.matrix("kernel", self._kernel(states, patterns))
        if found.shape != (len(states), len(patterns)):
            wanted = (len(states), len(patterns))
            raise ValueError(f"kernel must return shape {wanted}, got {tuple(found.shape)}")
        return found.to(patterns)

    def relative(self, states: Tensor, patterns: Tensor) -> Tensor:
        """Values up to a positive factor of each row, so that exponentials do not all vanish."""
        if self._kernel != "exponential":
            return self(states, patterns)
        x = states @ patterns.T / patterns.shape[1]
        return torch.exp(self._gain * (x - x.amax(1, keepdim=True)))


def known_kernel(kernel: str | Kernel, gain: float, degree: int) -> KnownKernel:
    """A kernel, checked."""
    gain, degree = _checks.positive("gain", gain), _checks.whole("degree", degree, high=1000)
    if isinstance(kernel, str) or not callable(kernel) or isinstance(kernel, type):
        kernel = _checks.choice("kernel", kernel, ("exponential", "polynomial"))
    return KnownKernel(kernel, gain, degree)


def signs(fields: Tensor, weights: Tensor, sizes: Tensor, states: Tensor) -> Tensor:
    """Signs of fields that are sums over patterns, (B, N); in zero field those of `states`.

    Zero is what rounding may leave, 4ε times the norms of the `weights` (B, P) of the patterns and
    of their duals, `sizes` (N,).
    """
    tie = 4 * torch.finfo(fields.dtype).eps * weights.norm(dim=1, keepdim=True) * sizes
    return torch.where(fields.abs() <= tie, states.to(fields), fields).sign().to(states)
