r"""Sequence memories: each pattern leads to the next, all spins at once.

    S_i ← sign Σ_μ ξ_i^{μ+1} F(ξ^μ·S/N),    μ = 1…P, cyclic (ξ^{P+1} = ξ^1).

F(x) = x is J_ij = Σ_μ ξ_i^{μ+1} ξ_j^μ/N without its diagonal (Sompolinsky & Kanter 1986; Düring,
Coolen & Sherrington 1998: overlap `crosstalk_overlap(load, "sequence")` after many steps). F = x^d,
or e^{g(x − 1)}, are the dense sequences of Chaudhry et al. (2023): the share of spins that a step
from a clean pattern gets wrong is `polynomial_error(P, N, d + 1)` of `hopfield.theory`, and P grows
as N^d/(2(2d − 1)!! ln N). One spin at a time the network does not step in time. No energy falls.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield.kernel import Kernel, known_kernel, signs
from hopfield.memory import CuedMemory
from hopfield.relaxation import Relaxation, begin

_BLOCK = 2**22  # numbers of a (states × patterns) block held at once


class SequenceMemory(CuedMemory):
    """A cyclic sequence of ±1 patterns; a cue goes a given number of steps along it.

    Parameters
    ----------
    patterns : (P, N), P ≥ 2, entries ±1, in the order of the sequence.
    steps : that `retrieve` makes, at least 1; P of them end where they began.
    kernel : F, "polynomial", "exponential" or a function (states, patterns) → (B, P).
    degree : d ≥ 1 of the polynomial.
    gain : g > 0 of the exponential.

    Attributes
    ----------
    targets : (P, N), what the cue of each pattern should become, ξ^{μ + steps}.

    Raises
    ------
    ValueError : fewer than 2 patterns, other entries, a pattern that is its own successor, an
        unknown word, a number out of its range.

    Warns
    -----
    UserWarning : a pattern that is there twice, after which the next step is ambiguous.

    Examples
    --------
    >>> from hopfield import overlap, random_patterns
    >>> memory = SequenceMemory(random_patterns(20, 500, seed=0), steps=3)
    >>> cues = memory.corrupt(memory.patterns, 0.6, torch.Generator().manual_seed(0))
    >>> ends, _ = memory.retrieve(cues)
    >>> bool(overlap(ends, memory.targets).min() > 0.99)
    True
    """

    def __init__(
        self,
        patterns: Tensor,
        steps: int = 1,
        kernel: str | Kernel = "polynomial",
        degree: int = 1,
        gain: float = 5.0,
    ) -> None:
        self.patterns = _checks.stored("patterns", patterns, binary=True).detach()
        self._check_sequence()
        self.steps = _checks.whole("steps", steps)
        self.kernel = known_kernel(kernel, gain, degree)
        self._rows = self.patterns.double()
        self._next = self._rows.roll(-1, 0)
        self._sizes = self._next.norm(dim=0)
        self.kernel(self._rows[:1], self._rows)  # refuses a function that is no kernel
        self._self = (self._rows * self._next).sum(0) / self.size  # J_ii of the linear one

    def _check_sequence(self) -> None:
        if len(self.patterns) < 2:
            raise ValueError(f"patterns must be at least 2, a sequence, got {len(self.patterns)}")
        still = (self.patterns == self.patterns.roll(-1, 0)).all(1)
        if still.any():
            at = int(still.nonzero()[0])
            raise ValueError(f"patterns must differ from the next one, got row {at} twice in a row")
        if len(torch.unique(self.patterns, dim=0)) < len(self.patterns):
            warnings.warn(
                "patterns are there more than once: the step after them is ambiguous", stacklevel=3
            )

    def _details(self) -> str:
        return f"; {self.steps} steps, {self.kernel}"

    @property
    def targets(self) -> Tensor:
        """What the cue of each pattern should become, (P, N)."""
        return self.patterns.roll(-self.steps, 0)

    def energy(self, states: Tensor) -> None:
        """None: a sequence has no energy."""

    def step(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """One step along the sequence, (B, N); a spin in zero field stays."""
        return self._step(self._states(states))

    def trajectory(
        self, cues: Tensor, overlap: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """States along the way, (steps + 1, B, N), the cues first."""
        states = [self._states(cues)]
        for _ in range(self.steps):
            states.append(self._step(states[-1]))
        return torch.stack(states)

    def relax(self, states: Tensor, max_sweeps: int | None = None, seed: Seed = None) -> Relaxation:
        """Go along the sequence; every state arrives.

        Parameters
        ----------
        states : (B, N), entries ±1; left untouched.
        max_sweeps : steps to go; None goes those of the memory.
        seed : not needed.

        Returns
        -------
        Relaxation with `states` like the input, all `converged`.

        Raises
        ------
        ValueError : states of another shape or other entries.
        """
        given = self._states(states)
        count = self.steps if max_sweeps is None else _checks.whole("max_sweeps", max_sweeps, low=0)
        _checks.generator_from(seed, "relax")
        for _ in range(count):
            given = self._step(given)
        found = begin(given)
        found.converged.fill_(True)
        found.sweeps.fill_(count)
        return found

    def _states(self, states: Tensor) -> Tensor:
        return _checks.spins("states", states, columns=self.size).detach()

    def _step(self, states: Tensor) -> Tensor:
        blocks = states.split(max(1, _BLOCK // len(self._rows))) if len(states) else ()
        rows = [self._following(part) for part in blocks]
        return torch.cat(rows) if rows else states.clone()

    def _following(self, states: Tensor) -> Tensor:
        spins = states.to(self._rows)
        weights = self.kernel.relative(spins, self._rows)
        fields = weights @ self._next
        if self.kernel.linear:
            fields -= self._self * spins
        return signs(fields, weights, self._sizes, states)
