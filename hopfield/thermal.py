r"""A network at temperature T as a memory: heat-bath dynamics (Amit, Gutfreund & Sompolinsky 1987).

From the cue the network makes heat-bath sweeps, P(S_i = +1) = 1/(1 + e^{−2h_i/T}), and never comes
to rest. What it retrieves is its last state, whose mean overlap is the m of the theory
(`hopfield.theory.ags_overlap`), or the sign of the mean of each spin over the last sweeps, which is
nearer to the pattern.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield.memory import CuedMemory
from hopfield.network import HopfieldNetwork
from hopfield.relaxation import Relaxation


class ThermalMemory(CuedMemory):
    """A network of given couplings at a temperature.

    Parameters
    ----------
    couplings : (N, N), finite, or what training returned.
    patterns : (P, N), entries ±1, what the couplings store.
    temperature : T ≥ 0, in units of the fields; at 0 the network relaxes to a fixed point.
    sweeps : heat-bath sweeps before anything is read, at least 1.
    averaged : sweeps that follow and whose mean is read; 0 reads the last state.

    Raises
    ------
    ValueError : couplings not square or not finite, patterns of another size or entries, a
        negative temperature, a count out of its range.

    Examples
    --------
    >>> from hopfield import hebbian, overlap, random_patterns
    >>> xi = random_patterns(10, 500, seed=0)
    >>> for averaged in (0, 50):
    ...     memory = ThermalMemory(hebbian(xi), xi, temperature=0.4, sweeps=50, averaged=averaged)
    ...     ends, _ = memory.retrieve(xi, generator=torch.Generator().manual_seed(1))
    ...     print(bool(overlap(ends, xi).mean() > 0.995))
    False
    True
    """

    def __init__(
        self,
        couplings: Tensor,
        patterns: Tensor,
        temperature: float,
        sweeps: int = 100,
        averaged: int = 0,
    ) -> None:
        self.network = HopfieldNetwork(couplings)
        stored = _checks.stored("patterns", patterns, binary=True, columns=self.network.size)
        self.patterns = stored.detach()
        self.temperature = _checks.number("temperature", temperature, low=0)
        self.sweeps = _checks.whole("sweeps", sweeps)
        self.averaged = _checks.whole("averaged", averaged, low=0)

    def _details(self) -> str:
        read = f"mean of {self.averaged} sweeps" if self.averaged else "last state"
        return f"; T = {self.temperature:.4g}, {read}"

    def energy(self, states: Tensor) -> Tensor:
        """Energy −½ S·JS of each state, (B,), which falls at T = 0 only."""
        return self.network.energy(states)

    def step(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """One synchronous update of each state at T = 0, the most probable one."""
        return self.network.step(states)

    def relax(self, states: Tensor, max_sweeps: int | None = None, seed: Seed = None) -> Relaxation:
        """Heat-bath sweeps from each state, and what is then read.

        Parameters
        ----------
        states : (B, N), entries ±1; left untouched.
        max_sweeps : sweeps before anything is read; None makes those of the memory.
        seed : int, torch.Generator or None; sets the site orders and the thermal noise.

        Returns
        -------
        Relaxation with `states` like the input. At T > 0 none converges, but a reading counts as
        an answer: `retrieve` says so.

        Raises
        ------
        ValueError : states of another shape or other entries.
        """
        generator = _checks.generator_from(seed, "relax")
        sweeps = self.sweeps if max_sweeps is None else max_sweeps
        T = self.temperature
        found = self.network.relax(states, temperature=T, max_sweeps=sweeps, seed=generator)
        if T == 0 or self.averaged == 0:
            return found
        last, total = found.states, torch.zeros_like(found.states, dtype=torch.float64)
        for _ in range(self.averaged):
            last = self.network.relax(last, temperature=T, max_sweeps=1, seed=generator).states
            total += last
        read = torch.where(total == 0, last.double(), total).sign().to(last)
        return replace(found, states=read, sweeps=found.sweeps + self.averaged)

    def retrieve(
        self, cues: Tensor, overlap: float = 1.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """What is read of each cue (B, N); it counts as arrived at T > 0."""
        found = self.relax(cues, seed=generator)
        return found.states, found.converged | (self.temperature > 0)
