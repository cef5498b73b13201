"""What the classical memories share: they are cued, relax, and say what they retrieved.

A memory of this kind has its `patterns`, and four methods by which any measurement can ask it:
`corrupt` makes cues, `retrieve` says where they go, `energy` what falls on the way, `step` makes
one update. What a cue should become, where that is not its own pattern, stands in `targets`.
`SynchronousMemory` is for those whose spins are all updated at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield._limits import within_memory
from hopfield.patterns import flip_spins
from hopfield.relaxation import Relaxation, synchronous


class CuedMemory(ABC):
    """A memory of given patterns.

    Attributes
    ----------
    patterns : (P, N), what is stored, as states of the memory.
    """

    patterns: Tensor

    @property
    def size(self) -> int:
        """Number of entries N of a state."""
        return self.patterns.shape[1]

    def __repr__(self) -> str:
        count, size = self.patterns.shape
        return f"{type(self).__name__}({count} patterns of {size}{self._details()})"

    def _details(self) -> str:
        """What else there is to say, after a semicolon."""
        return ""

    def corrupt(
        self, patterns: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Cues (B, N): exactly round((1 − m)N/2) spins of each pattern (B, N) flipped."""
        return flip_spins(patterns, overlap, generator)

    @abstractmethod
    def relax(self, states: Tensor, max_sweeps: int = 100, seed: Seed = None) -> Relaxation:
        """Where the dynamics takes states (B, N), which are left untouched."""

    @abstractmethod
    def step(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """One update of all entries at once, (B, N)."""

    @abstractmethod
    def energy(self, states: Tensor) -> Tensor | None:
        """Energy of each state (B,), or None where the dynamics has none."""

    def retrieve(
        self, cues: Tensor, overlap: float = 1.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """What each cue (B, N) becomes, and whether it came to rest, (B,)."""
        found = self.relax(cues, seed=generator)
        return found.states, found.converged

    def trajectory(
        self, cues: Tensor, overlap: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Cues, and the states after each sweep, (K + 1, B, N): the last are those retrieved.

        The dynamics is run again from the same state of its generator and stopped after 1, 2 …
        sweeps, so that the way of K of them costs K²/2.
        """
        generator = _checks.generator_from(generator, "trajectory", cues.device)
        before = generator.get_state()
        ended = self.relax(cues, seed=generator)
        after, last = generator.get_state(), int(ended.sweeps.max()) if len(cues) else 0
        within_memory(
            float(cues.element_size()) * (last + 1) * cues.numel(),
            f"cues: the states of {len(cues)} cues after each of {last} sweeps",
        )
        path = [cues.to(ended.states)]
        for k in range(1, last):
            generator.set_state(before)
            path.append(self.relax(cues, max_sweeps=k, seed=generator).states)
        generator.set_state(after)
        return torch.stack([*path, ended.states])


class SynchronousMemory(CuedMemory):
    """A memory whose spins are all updated at once, until they rest or alternate."""

    def energy(self, states: Tensor) -> Tensor | None:
        """None, but where a memory has an energy that falls."""
        return None

    def step(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """One update of all spins at once, (B, N); a spin in zero field stays."""
        return self._step(self._states(states))

    def cycling(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """Which states alternate with another one, (B,)."""
        given = self._states(states)
        once = self._step(given)
        return (self._step(once) == given).all(1) & ~(once == given).all(1)

    def relax(self, states: Tensor, max_sweeps: int = 100, seed: Seed = None) -> Relaxation:
        """Synchronous steps to a fixed point or a 2-cycle.

        Parameters
        ----------
        states : (B, N), as the memory takes them; left untouched.
        max_sweeps : largest number of steps.
        seed : not needed.

        Returns
        -------
        Relaxation with `states` like the input.

        Raises
        ------
        ValueError : states of another shape or other entries.
        """
        given = self._states(states)
        _checks.generator_from(seed, "relax")
        return synchronous(self._step, given, _checks.whole("max_sweeps", max_sweeps, low=0))

    def _states(self, states: Tensor) -> Tensor:
        """States (B, N), checked."""
        return _checks.spins("states", states, columns=self.size).detach()

    @abstractmethod
    def _step(self, states: Tensor) -> Tensor:
        """One update of states that were checked."""
