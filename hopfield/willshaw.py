r"""Willshaw's memory: couplings of one bit (Willshaw, Buneman & Longuet-Higgins 1969).

0/1 patterns of K ones among N, W_ij = max_μ η_i^μ η_j^μ ∈ {0, 1}, W_ii = 1 for every unit of a
pattern. A cue of k true ones turns on the units that all of them are linked to,

    S_i = 1 if Σ_j W_ij S_j ≥ k,

in one step: all ones of the pattern come on, and errors are false ones. A cue with wrong ones needs
winners instead: the K units of largest field, again and again, to a set that stays.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield._limits import within_memory
from hopfield.memory import CuedMemory
from hopfield.relaxation import Relaxation, begin
from hopfield.sparse import displace_ones, erase_ones

_ROWS = 1024  # cues worked on at once


class WillshawMemory(CuedMemory):
    """Memory of sparse 0/1 patterns with one bit per coupling.

    Parameters
    ----------
    patterns : (P, N), entries 0 and 1, the same number K of ones in each; duplicates are allowed.
    dynamics : "threshold" or "winners"
        One step from cues that lack ones; or the K largest fields, iterated, for cues with ones
        at wrong sites. Equal fields are decided at random.

    Raises
    ------
    ValueError : other entries, unequal numbers of ones or none, an unknown word.

    Examples
    --------
    >>> from hopfield import sparse_patterns
    >>> eta = sparse_patterns(1000, 1000, 10, seed=0)
    >>> memory = WillshawMemory(eta)
    >>> cues = memory.corrupt(eta, 0.8, torch.Generator().manual_seed(0))
    >>> ends, _ = memory.retrieve(cues)
    >>> bool((ends >= eta).all()), round(memory.fill, 3)
    (True, 0.086)
    """

    def __init__(self, patterns: Tensor, dynamics: str = "threshold") -> None:
        given = _checks.zeros_and_ones("patterns", patterns).detach()
        given = _checks.stored("patterns", given, binary=False)
        counts = given.sum(1)
        if counts.min() != counts.max() or counts.min() == 0:
            raise ValueError(
                "patterns must have the same number of ones each, at least 1, got from "
                f"{int(counts.min())} to {int(counts.max())}"
            )
        sites = given.nonzero()[:, 1].reshape(len(given), -1)
        self._store(sites.cpu(), given.shape[1], dynamics)
        self._patterns: Tensor | None = given

    @classmethod
    def of_sites(cls, sites: Tensor, size: int, dynamics: str = "threshold") -> WillshawMemory:
        """The memory of patterns that are given by the sites of their ones.

        Parameters
        ----------
        sites : (P, K) whole numbers, all different in each row; see `active_sites`.
        size : N; sites lie in 0…N − 1.
        dynamics : as of the class.

        Returns
        -------
        WillshawMemory, whose `patterns` (P, N) are made when they are asked for.

        Raises
        ------
        ValueError : sites out of range or twice in a row, an unknown word.

        Examples
        --------
        >>> WillshawMemory.of_sites([[0, 1], [1, 2]], 4).couplings[0]
        tensor([1., 1., 0., 0.], dtype=torch.float64)
        """
        size = _checks.whole("size", size, high=2**31)
        given = _checks.matrix("sites", sites)
        if len(given) == 0:
            raise ValueError(f"sites must hold at least one pattern, got {tuple(given.shape)}")
        found = given.to("cpu", torch.int64)
        if not ((found == given.cpu()) & (found >= 0) & (found < size)).all():
            raise ValueError(f"sites must be whole numbers from 0 to {size - 1}")
        if (found.sort(1).values.diff(dim=1) == 0).any():
            raise ValueError("sites must be different in each pattern, got one twice")
        memory = cls.__new__(cls)
        memory._store(found, size, dynamics)
        memory._patterns = None
        return memory

    def _store(self, sites: Tensor, size: int, dynamics: str) -> None:
        from hopfield import _sparse_kernels  # numba is needed, and loaded, only here

        self.dynamics = _checks.choice("dynamics", dynamics, ("threshold", "winners"))
        within_memory(size**2 / 8, f"patterns: bits of the couplings of {size} units")
        self._sites, self._size, self.active = sites, size, sites.shape[1]
        self._words = np.zeros((size, (size + 63) // 64), dtype=np.uint64)
        _sparse_kernels.store(sites.numpy(), self._words)

    @property
    def patterns(self) -> Tensor:  # type: ignore[override]  # made only when it is asked for
        """Patterns (P, N)."""
        if self._patterns is None:
            count = len(self._sites)
            within_memory(8.0 * count * self.size, f"patterns: {count} of {self.size} units")
            zeros = torch.zeros(count, self.size, dtype=torch.float64)
            self._patterns = zeros.scatter_(1, self._sites, 1.0)
        return self._patterns

    @property
    def size(self) -> int:
        """Number of units N."""
        return self._size

    @property
    def fill(self) -> float:
        """Share of the couplings i ≠ j that are 1."""
        from hopfield import _sparse_kernels

        used = int(torch.unique(self._sites).numel())  # of the diagonal
        ones = _sparse_kernels.count_bits(self._words) - used
        return ones / max(1, self.size * (self.size - 1))

    @property
    def couplings(self) -> Tensor:
        """Couplings W (N, N), entries 0 and 1."""
        within_memory(8.0 * self.size**2, f"patterns: couplings of {self.size} units")
        bits = np.unpackbits(self._words.view(np.uint8), axis=1, bitorder="little")
        return torch.from_numpy(bits[:, : self.size].astype(np.float64))

    def __repr__(self) -> str:
        return (
            f"WillshawMemory({len(self._sites)} patterns of {self.size}; {self.active} ones, "
            f"{self.dynamics})"
        )

    def corrupt(
        self, patterns: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Cues that lack ones, for "threshold", or have ones displaced, for "winners"."""
        given = _checks.matrix("patterns", patterns, columns=self.size)
        change = erase_ones if self.dynamics == "threshold" else displace_ones
        return change(given, overlap, generator)

    def fields(self, states: Tensor) -> Tensor:
        """Fields Σ_j W_ij S_j of each state, (B, N)."""
        given = self._states(states)
        return self._counted(given).to(given)

    def energy(self, states: Tensor) -> None:
        """None: thresholds that follow the cue descend no energy."""

    def step(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """One update of all units at once, (B, N); a cue without ones stays as it is.

        Equal fields are decided by an order of the units that is always the same.
        """
        given = _checks.tensor("states", states)
        return self._step(self._states(states), _checks.generator_from(0, "step")).to(given)

    def relax(self, states: Tensor, max_sweeps: int = 20, seed: Seed = None) -> Relaxation:
        """One step, or the winners again and again until they stay the same.

        Parameters
        ----------
        states : (B, N), entries 0 and 1; left untouched.
        max_sweeps : largest number of steps.
        seed : int, torch.Generator or None; decides equal fields, anew in each step.

        Returns
        -------
        Relaxation with `states` like the input; after the one step of "threshold" all converged.

        Raises
        ------
        ValueError : states of another shape, or that are not 0 and 1.
        """
        given, steps = self._states(states), _checks.whole("max_sweeps", max_sweeps, low=0)
        generator, found = _checks.generator_from(seed, "relax"), begin(given)
        active = torch.arange(len(given), device=given.device)
        for _ in range(steps if self.dynamics == "winners" else min(steps, 1)):
            before = found.states[active]
            after = self._step(before, generator)
            fixed = (before == after).all(1)
            found.states[active] = after
            found.sweeps[active] += 1
            if self.dynamics == "threshold":
                fixed[:] = True
            found.converged[active[fixed]] = True
            active = active[~fixed]
        return found

    # ---------------------------------------------------------------- inside

    def _states(self, states: Tensor) -> Tensor:
        return _checks.zeros_and_ones("states", states, columns=self.size).detach()

    def _step(self, states: Tensor, generator: torch.Generator) -> Tensor:
        decide = self._linked if self.dynamics == "threshold" else self._winners
        found = [decide(rows, generator) for rows in states.split(_ROWS)]
        return torch.cat(found) if found else states.clone()

    def _linked(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """Units that all ones of the state are linked to."""
        from hopfield import _sparse_kernels

        on = torch.empty(states.shape, dtype=torch.uint8)
        starts, sites = _ones(states)
        _sparse_kernels.intersect(self._words, starts, sites, self.size, on.numpy())
        return on.to(states)

    def _winners(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """The units of largest fields, which are whole numbers: less than 1 decides equal ones."""
        fields = self._counted(states).to(torch.float64)
        noise = torch.rand(fields.shape, generator=generator, device=generator.device)
        winners = (fields + noise.cpu()).topk(self.active, dim=1).indices.to(states.device)
        on = torch.zeros_like(states).scatter_(1, winners, 1.0)
        return torch.where(states.any(1, keepdim=True), on, states)

    def _counted(self, states: Tensor) -> Tensor:
        """Fields as whole numbers, on the CPU."""
        from hopfield import _sparse_kernels

        fields = torch.empty(states.shape, dtype=torch.int32)
        starts, sites = _ones(states)
        _sparse_kernels.add_rows(self._words, starts, sites, self.size, fields.numpy())
        return fields


def _ones(states: Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the ones of each state begin in a list of the sites of all of them."""
    places = states.cpu().nonzero()
    counts = torch.bincount(places[:, 0], minlength=len(states))
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return starts.numpy(), places[:, 1].contiguous().numpy()
