r"""Partial cues: some spins of a pattern are known and held, the others are found.

A cue has ±1 where a spin is known and 0 where it is not. Unknown spins first take the sign of the
field of the known ones, then relax among themselves, so that the energy −½ S·JS falls and no known
spin ever changes. A cue that knows a share ρ of the spins has the overlap ξ·S/N = ρ and the cosine
√ρ with its pattern.
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


class PartialCueMemory(CuedMemory):
    """A network of given couplings that completes patterns of which some spins are known.

    Parameters
    ----------
    couplings : (N, N), finite, or what training returned.
    patterns : (P, N), entries ±1, what the couplings store.

    Raises
    ------
    ValueError : couplings not square or not finite, patterns of another size or entries.

    Examples
    --------
    >>> from hopfield import hebbian, random_patterns
    >>> xi = random_patterns(20, 200, seed=0)
    >>> memory = PartialCueMemory(hebbian(xi), xi)
    >>> cues = memory.corrupt(xi, 0.3)
    >>> bool((cues == 0).sum(1).eq(140).all())
    True
    >>> ends, converged = memory.retrieve(cues)
    >>> bool(converged.all() and (ends == cues)[cues != 0].all())
    True
    """

    def __init__(self, couplings: Tensor, patterns: Tensor) -> None:
        self.network = HopfieldNetwork(couplings)
        stored = _checks.stored("patterns", patterns, binary=True, columns=self.network.size)
        self.patterns = stored.detach()

    def corrupt(
        self, patterns: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Cues that know round(ρN) spins of the patterns, ρ the overlap, at random sites."""
        given = _checks.spins("patterns", patterns, columns=self.size)
        share = _checks.number("overlap", overlap, low=0, high=1)
        generator = _checks.generator_from(generator, "corrupt", given.device)
        noise = torch.rand(given.shape, generator=generator, device=generator.device)
        known = noise.topk(round(share * self.size), dim=1).indices.to(given.device)
        return torch.zeros_like(given).scatter(1, known, given.gather(1, known))

    def energy(self, states: Tensor) -> Tensor:
        """Energy −½ S·JS of each state, (B,); unknown spins add nothing."""
        spins = self._cues(states).to(self.network.form.like)
        return -0.5 * (spins * self.network.form.fields(spins)).sum(1)

    def step(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """Unknown spins by the sign of the field of the known ones; in zero field they stay 0."""
        cues = self._cues(states)
        form = self.network.form
        fields = form.fields(cues.to(form.like))
        found = torch.where(fields.abs() <= self.network.tie, 0.0, fields).sign()
        return torch.where(cues != 0, cues, found.to(cues))

    def relax(self, states: Tensor, max_sweeps: int = 100, seed: Seed = None) -> Relaxation:
        """Fill in the unknown spins, then update them one at a time to a fixed point.

        Parameters
        ----------
        states : (B, N), entries ±1, and 0 for what is not known; left untouched.
        max_sweeps : largest number of sweeps.
        seed : int, torch.Generator or None; sets the site orders, and spins in zero field.

        Returns
        -------
        Relaxation with `states` like the input, all ±1; a state converges when its free spins are
        at rest, so that a cue without any is its own end.

        Raises
        ------
        ValueError : states of another shape or other entries.
        """
        cues, generator = self._cues(states), _checks.generator_from(seed, "relax")
        filled = self.step(cues)
        coins = torch.randint(2, cues.shape, generator=generator, device=generator.device)
        filled = torch.where(filled == 0, (2 * coins - 1).to(cues), filled)
        found = self.network.relax(filled, max_sweeps=max_sweeps, clamped=cues != 0, seed=generator)
        return replace(found, states=found.states.to(_checks.tensor("states", states)))

    def _cues(self, states: Tensor) -> Tensor:
        return _checks.known_spins("states", states, columns=self.size).detach()
