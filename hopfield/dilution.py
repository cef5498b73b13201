r"""Strongly diluted asymmetric network (Derrida, Gardner & Zippelius 1987).

Each spin has C inputs drawn at random, far fewer than √N, so that the network has no short loops:

    J_ij = (1/C) Σ_μ ξ_i^μ ξ_j^μ  for the inputs j of i,    S_i ← sign Σ_j J_ij S_j,  all at once.

There is no energy, and the overlap m' = erf(m/√(2(P − m²)/C)) of a step is that of all later ones
(`hopfield.theory.diluted_overlap`). Only the N·C couplings that there are take memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield._limits import within_memory
from hopfield.memory import SynchronousMemory


class DilutedMemory(SynchronousMemory):
    """Network of ±1 spins with few inputs each, in parallel dynamics.

    Parameters
    ----------
    patterns : (P, N), entries ±1.
    degree : C inputs per spin, from 1 to N − 1; the theory wants C² far below N.
    seed : int, torch.Generator or None; draws the inputs.

    Raises
    ------
    ValueError : patterns of other entries, a degree out of its range.

    Examples
    --------
    >>> from hopfield import overlap, random_patterns
    >>> xi = random_patterns(4, 5000, seed=0)
    >>> memory = DilutedMemory(xi, degree=20, seed=1)
    >>> ends, _ = memory.retrieve(xi)
    >>> bool(overlap(ends, xi).mean() > 0.96)
    True
    """

    def __init__(self, patterns: Tensor, degree: int, seed: Seed = None) -> None:
        from hopfield import _sparse_kernels  # numba is needed, and loaded, only here

        self.patterns = _checks.stored("patterns", patterns, binary=True).detach()
        if self.size < 2:
            raise ValueError(f"patterns must have at least 2 spins, got {self.size}")
        self.degree = _checks.whole("degree", degree, high=self.size - 1)
        within_memory(16.0 * self.size * self.degree, f"degree: {self.degree} inputs per spin")
        generator = _checks.generator_from(seed, "DilutedMemory")
        stream = torch.randint(2**62, (), generator=generator, device=generator.device).item()
        self._inputs = torch.empty(self.size, self.degree, dtype=torch.int64)
        _sparse_kernels.draw_inputs(int(stream), self._inputs.numpy())
        self._sums = torch.empty(self.size, self.degree, dtype=torch.float64)  # C J_ij
        sites = self.patterns.T.to("cpu", torch.float64).contiguous()
        _sparse_kernels.couple(sites.numpy(), self._inputs.numpy(), self._sums.numpy())

    def _details(self) -> str:
        return f"; {self.degree} inputs per spin"

    def fields(self, states: Tensor) -> Tensor:
        """Fields Σ_j J_ij S_j of each state, (B, N)."""
        given = _checks.spins("states", states, columns=self.size).detach()
        return (self._summed(given) / self.degree).to(given)

    def _step(self, states: Tensor) -> Tensor:
        fields = self._summed(states).to(states.device)
        return torch.where(fields == 0, states, fields.sign().to(states))

    def _summed(self, states: Tensor) -> Tensor:
        """C times the fields: whole numbers, without rounding."""
        from hopfield import _sparse_kernels

        spins = states.to("cpu", torch.float64).contiguous()
        fields = torch.empty_like(spins)
        _sparse_kernels.gather(
            self._inputs.numpy(), self._sums.numpy(), spins.numpy(), fields.numpy()
        )
        return fields
