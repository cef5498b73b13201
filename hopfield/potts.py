r"""Potts–Hopfield memory: sites of q colours (Kanter 1988).

States s_i ∈ {0 … q − 1}, u(k, l) = qδ_kl − 1, patterns ξ of N sites:

    h_i(k) = (1/q²N) Σ_μ u(k, ξ_i^μ) Σ_{j≠i} u(ξ_j^μ, s_j),    s_i ← argmax_k h_i(k),

a site whose own colour is among the best keeps it. E = −½ Σ_i h_i(s_i) never rises, one site at a
time. At q = 2, h(1) − h(0) is half of Hebb's field. The overlap m = (q·agree − 1)/(q − 1), with the
share of sites that agree, is 0 by chance. The P sums Σ_j u(ξ_j^μ, s_j) are whole numbers and kept,
so that a sweep costs PN. States are rows of N·q entries, a 1 at the colour of each site, so that
the cosine of two of them is the share of sites that agree.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield._limits import within_memory
from hopfield.memory import CuedMemory
from hopfield.relaxation import Relaxation, begin

_BLOCK = 2**22  # numbers held at once


class PottsMemory(CuedMemory):
    """Memory of patterns of several colours.

    Parameters
    ----------
    patterns : (P, N), whole numbers from 0 to q − 1, the colours of the sites.
    colours : q ≥ 2; None takes the largest that the patterns have, and one.

    Attributes
    ----------
    patterns : (P, N·q), as states.

    Raises
    ------
    ValueError : fewer than 2 colours, a colour that is not one of 0 … q − 1.

    Examples
    --------
    >>> colours = torch.randint(4, (40, 200), generator=torch.Generator().manual_seed(0))
    >>> memory = PottsMemory(colours, 4)
    >>> cues = memory.corrupt(memory.patterns, 0.7, torch.Generator().manual_seed(0))
    >>> ends, converged = memory.retrieve(cues)
    >>> bool((memory.colours_of(ends) == colours).double().mean() > 0.99)
    True
    """

    def __init__(self, patterns: Tensor, colours: int | None = None) -> None:
        given = _checks.stored("patterns", patterns, binary=False).detach()
        whole = given.to(torch.int64)
        if colours is None:
            colours = max(2, int(whole.max()) + 1)
        self.colours = _checks.whole("colours", colours, low=2, high=2**15)
        if not ((whole == given) & (whole >= 0) & (whole < self.colours)).all():
            low, high = float(given.min()), float(given.max())
            raise ValueError(
                f"patterns must be whole numbers from 0 to {self.colours - 1}, "
                f"got values in [{low:g}, {high:g}]"
            )
        self._rows, self.sites = whole, given.shape[1]
        within_memory(8.0 * whole.numel() * self.colours, f"colours: {self.colours} of each site")
        self.patterns = self.states_of(whole)

    def _details(self) -> str:
        return f"; {self.sites} sites of {self.colours} colours"

    def states_of(self, colours: Tensor) -> Tensor:
        """States (B, N·q) of colours (B, N)."""
        given = _checks.matrix("colours", colours, columns=self.sites).to(torch.int64)
        if not ((given >= 0) & (given < self.colours)).all():
            raise ValueError(f"colours must be whole numbers from 0 to {self.colours - 1}")
        hot = torch.zeros(len(given), self.sites, self.colours, dtype=torch.float64)
        return hot.to(given.device).scatter_(2, given[:, :, None], 1.0).flatten(1)

    def colours_of(self, states: Tensor) -> Tensor:
        """Colours (B, N) int64 of states (B, N·q)."""
        return self._read("states", states)[1]

    def _read(self, name: str, value: Tensor) -> tuple[Tensor, Tensor]:
        """States as a tensor, and their colours (B, N)."""
        given = _checks.zeros_and_ones(name, value, columns=self.size).detach()
        each = given.reshape(len(given), self.sites, self.colours)
        if not (each.sum(2) == 1).all():
            raise ValueError(f"{name} must have one colour at each site, got none or several")
        return given, each.argmax(2)

    def corrupt(
        self, patterns: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Cues of which round(N(1 − m)) sites have another colour at random, m the cosine."""
        given, colours = self._read("patterns", patterns)
        share = _checks.number("overlap", overlap, low=0, high=1)
        generator = _checks.generator_from(generator, "corrupt", colours.device)
        at = generator.device
        noise = torch.rand(colours.shape, generator=generator, device=at)
        changed = noise.topk(round(self.sites * (1 - share)), dim=1).indices.to(colours.device)
        turns = torch.randint(1, self.colours, changed.shape, generator=generator, device=at)
        other = (colours.gather(1, changed) + turns.to(colours.device)) % self.colours
        return self.states_of(colours.scatter(1, changed, other)).to(given)

    def overlap(self, states: Tensor, patterns: Tensor) -> Tensor:
        """Overlap (q·agree − 1)/(q − 1) of each state with its pattern, (B,)."""
        agree = (self.colours_of(states) == self.colours_of(patterns)).double().mean(1)
        return (self.colours * agree - 1) / (self.colours - 1)

    def fields(self, states: Tensor) -> Tensor:
        """Fields h_i(k) of each state, (B, N, q)."""
        colours = self.colours_of(states)
        counts = self._counts()
        rows = []
        for part in colours.split(max(1, _BLOCK // self.size)) if len(colours) else ():
            total = (self._sums(part).double() @ self.patterns.to("cpu", torch.float64)).cpu()
            each = total.reshape(len(part), self.sites, self.colours)
            own = torch.nn.functional.one_hot(part.cpu(), self.colours)
            # the pull of a pattern on its colour, less what the site itself adds to it
            pull = each - counts * (self.colours * own - 1)
            rows.append(self.colours * pull - pull.sum(2, keepdim=True))
        found = torch.cat(rows) if rows else torch.zeros(0, self.sites, self.colours).double()
        return (found / (self.colours**2 * self.sites)).to(colours.device)

    def energy(self, states: Tensor) -> Tensor:
        """Energy −½ Σ_i h_i(s_i) of each state, (B,)."""
        q, colours = self.colours, self.colours_of(states)
        sums = self._sums(colours).double()
        agree = (sums + self.sites) / q
        own = self.sites + agree * ((q - 1) ** 2 - 1)  # Σ_i u², what sites say to themselves
        return -(sums**2 - own).sum(1).to(colours.device) / (2 * q**2 * self.sites)

    def step(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """One update of all sites at once, (B, N·q)."""
        given = _checks.tensor("states", states)
        colours, fields = self.colours_of(states), self.fields(states)
        held = fields.gather(2, colours[:, :, None]) >= fields.amax(2, keepdim=True)  # exact
        return self.states_of(torch.where(held[:, :, 0], colours, fields.argmax(2))).to(given)

    def relax(self, states: Tensor, max_sweeps: int = 100, seed: Seed = None) -> Relaxation:
        """Update one site at a time, in random order, to a fixed point.

        Parameters
        ----------
        states : (B, N·q), a 1 at the colour of each site and 0 else; left untouched.
        max_sweeps : largest number of sweeps.
        seed : int, torch.Generator or None; sets the site orders.

        Returns
        -------
        Relaxation with `states` like the input, `converged`, `sweeps` and `cycles`.

        Raises
        ------
        ValueError : states of another shape, or not of one colour at each site.
        """
        from hopfield import _kernels  # numba is needed, and loaded, only here

        colours = self.colours_of(states).cpu().contiguous()
        max_sweeps = _checks.whole("max_sweeps", max_sweeps, low=0)
        generator = _checks.generator_from(seed, "relax")
        seeds = _checks.streams(len(colours), generator)
        found, sums = begin(colours), self._sums(colours)
        _kernels.relax_potts(
            self._rows.T.to("cpu", torch.int16).contiguous().numpy(),
            self._counts().numpy(),
            found.states.numpy(),
            sums.numpy(),
            seeds.numpy(),
            max_sweeps,
            found.sweeps.numpy(),
            found.converged.numpy(),
        )
        given = _checks.tensor("states", states)
        return Relaxation(
            self.states_of(found.states).to(given),
            *(one.to(given.device) for one in (found.converged, found.sweeps, found.cycles)),
        )

    def _sums(self, colours: Tensor) -> Tensor:
        """Sums Σ_j u(ξ_j^μ, s_j), (B, P), whole numbers, on the CPU."""
        hot = torch.nn.functional.one_hot(colours.cpu(), self.colours).flatten(1).double()
        agree = hot @ self.patterns.to("cpu", torch.float64).T
        return (self.colours * agree - self.sites).round().to(torch.int64)

    def _counts(self) -> Tensor:
        """How many patterns have each colour at each site, (N, q), on the CPU."""
        counts = self.patterns.sum(0).reshape(self.sites, self.colours)
        return counts.to("cpu", torch.int64).contiguous()
