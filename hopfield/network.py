r"""Hopfield networks: energy, stabilities, relaxation.

Spins S_i = ±1, couplings J (N, N), fields h_i = Σ_j J_ij S_j, energy E = −½ S·JS
(Hopfield 1982). A pattern is a fixed point when all its stabilities
Δ_i^μ = ξ_i^μ h_i(ξ^μ)/‖J_i‖ are positive (Gardner 1988). A spin in zero field keeps its
value: sign(0) = 0 would silently delete it. Fields are sums of rounded numbers, so zero
means |h_i| ≤ 4√N ε ‖J_i‖ + 4ε|b_i|, with ε the precision of the sums: that of the couplings, and
single precision for couplings stored in half precision. A bias b is a field from outside,
h_i = Σ_j J_ij S_j + b_i, E = −½ S·JS − b·S. A clamped spin is one in an infinite field along it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield._forms import Outside, Start, form_of, row_norms
from hopfield.low_rank import LowRankCouplings
from hopfield.relaxation import Relaxation, begin, synchronous

_HOTTEST = 1e300  # temperature at which even the infinite field of a clamped spin holds it


def stabilities(couplings: Tensor, patterns: Tensor) -> Tensor:
    r"""Stability of each spin of each pattern.

    Δ_i^μ = ξ_i^μ Σ_j J_ij ξ_j^μ / ‖J_i‖; a pattern is a fixed point when all its
    stabilities are positive (Gardner 1988).

    Parameters
    ----------
    couplings : (N, N), any scale; the diagonal is used as given.
    patterns : (P, N), entries ±1.

    Returns
    -------
    (P, N), dimensionless. Rows of zero norm give 0.

    Raises
    ------
    ValueError : shapes disagree, or an entry of `patterns` is not ±1.

    Examples
    --------
    >>> from hopfield import random_patterns, pseudo_inverse
    >>> xi = random_patterns(5, 100, seed=0)
    >>> bool((stabilities(pseudo_inverse(xi), xi) > 0).all())
    True
    """
    couplings = _checks.working(_checks.square("couplings", couplings))
    patterns = _checks.spins("patterns", patterns, columns=len(couplings)).to(couplings.dtype)
    norms = row_norms(couplings)
    scale = torch.where(norms > 0, norms, torch.ones_like(norms))
    return patterns * (patterns @ couplings.T) / scale


class HopfieldNetwork:
    """Network of ±1 spins with given couplings.

    Parameters
    ----------
    couplings : (N, N), finite, or what training returned; row i holds those into spin i
        Asymmetric couplings are allowed; only symmetric ones with zero diagonal have an
        energy that relaxation lowers. Where few couplings are not zero, a sparse tensor of torch
        takes only these; `LowRankCouplings` takes the patterns in place of the matrix.
    bias : (N,), finite, the fields b_i from outside; None for none.

    Raises
    ------
    ValueError : couplings not square or not finite, a bias of another size.

    Examples
    --------
    >>> from hopfield import random_patterns, hebbian, flip_spins, overlap
    >>> xi = random_patterns(5, 200, seed=0)
    >>> network = HopfieldNetwork(hebbian(xi))
    >>> relaxed = network.relax(flip_spins(xi, 0.6, seed=1), seed=2)
    >>> bool((overlap(relaxed.states, xi) > 0.95).all())
    True
    """

    def __init__(self, couplings: Tensor | LowRankCouplings, bias: Tensor | None = None) -> None:
        self.couplings = _as_kept(couplings)
        self.form = form_of(self.couplings)
        wide = self.form.like.new_empty(0, self.form.size)
        self.bias = None if bias is None else _checks.vector("bias", bias, wide)

    def __repr__(self) -> str:
        kind = "symmetric" if self.form.is_symmetric() else "asymmetric"
        biased = "" if self.bias is None else ", biased"
        return f"HopfieldNetwork({self.size} spins, {kind} couplings{biased})"

    @property
    def size(self) -> int:
        """Number of spins N."""
        return self.form.size

    def fields(self, states: Tensor) -> Tensor:
        """Fields h_i = Σ_j J_ij S_j + b_i of each state, (B, N)."""
        spins = self._spins(states)
        return self._outside().added(self.form.fields(spins), spins)

    def energy(self, states: Tensor) -> Tensor:
        """Energy E = −½ S·JS − b·S of each state, (B,)."""
        spins = self._spins(states)
        energy = -0.5 * (spins * self.form.fields(spins)).sum(1)
        return energy if self.bias is None else energy - spins @ self.bias

    def stabilities(self, patterns: Tensor) -> Tensor:
        """Stabilities Δ_i^μ that the couplings alone give, (P, N); see `stabilities`."""
        if isinstance(self.couplings, Tensor) and self.couplings.layout == torch.strided:
            return stabilities(self.couplings, patterns)
        given = _checks.spins("patterns", patterns, columns=self.size).to(self.form.like)
        norms = self.form.norms()
        return given * self.form.fields(given) / torch.where(norms > 0, norms, 1.0)

    def step(self, states: Tensor) -> Tensor:
        """One synchronous update S_i ← sign(h_i), (B, N); a spin in zero field stays."""
        given = _checks.spins("states", states, columns=self.size)
        return self._step(given.to(self.form.like), self.tie).to(given)

    def relax(
        self,
        states: Tensor,
        dynamics: str = "asynchronous",
        temperature: float = 0.0,
        max_sweeps: int = 100,
        clamped: Tensor | None = None,
        seed: Seed = None,
    ) -> Relaxation:
        """Let each state follow the dynamics of the network.

        Parameters
        ----------
        states : (B, N), entries ±1; left untouched.
        dynamics : "asynchronous" or "synchronous"
            One spin at a time, in a new random order at each sweep; or all at once, which
            can end in a 2-cycle.
        temperature : T ≥ 0
            At 0 the dynamics runs to a fixed point. Above 0 it makes `max_sweeps` heat-bath
            sweeps with P(S_i = +1) = 1/(1 + e^{−2h_i/T}), and nothing converges.
        max_sweeps : largest number of sweeps (N single-spin updates, or one synchronous step).
        clamped : (B, N) or (N,) bool, spins that are held as they are; None for none
            A state converges when its free spins are at rest.
        seed : int, torch.Generator or None; sets the site orders and the thermal noise.

        Returns
        -------
        Relaxation with `states` like the input, `converged`, `sweeps` and `cycles`.

        Raises
        ------
        ValueError : states that are not (B, N) spins, a negative temperature, an unknown
            dynamics, a mask of another shape.
        """
        given = _checks.spins("states", states, columns=self.size).detach()
        _checks.choice("dynamics", dynamics, ("asynchronous", "synchronous"))
        temperature = _checks.number("temperature", temperature, low=0)
        max_sweeps = _checks.whole("max_sweeps", max_sweeps, low=0)
        held = None if clamped is None else _checks.mask("clamped", clamped, given)
        temperature = min(temperature, _HOTTEST)
        generator = _checks.generator_from(seed, "relax", given.device)
        if dynamics == "synchronous":
            result = self._synchronous(given, temperature, max_sweeps, held, generator)
        elif given.device.type == "cpu":
            result = self._compiled(given, temperature, max_sweeps, held, generator)
        else:
            result = self._shared_order(given, temperature, max_sweeps, held, generator)
        return replace(result, states=result.states.to(given))

    def _spins(self, states: Tensor) -> Tensor:
        return _checks.spins("states", states, columns=self.size).to(self.form.like)

    @property
    def tie(self) -> Tensor:
        """Fields that count as zero, (N,)."""
        epsilon = torch.finfo(self.form.like.dtype).eps
        tie = 4 * math.sqrt(self.size) * epsilon * self.form.summed()
        return tie if self.bias is None else tie + 4 * epsilon * self.bias.abs()

    def _outside(self, held: Tensor | None = None) -> Outside:
        return Outside(self.bias, held)

    def _step(self, spins: Tensor, tie: Tensor) -> Tensor:
        fields = self._outside().added(self.form.fields(spins), spins)
        return torch.where(fields.abs() <= tie, spins, fields).sign_()

    def _synchronous(
        self,
        states: Tensor,
        temperature: float,
        steps: int,
        held: Tensor | None,
        generator: torch.Generator,
    ) -> Relaxation:
        spins = states.to(self.form.like)
        if temperature == 0:
            return self._descend(spins, steps, held)
        outside = self._outside(held)
        for _ in range(steps):
            fields = outside.added(self.form.fields(spins), spins)
            up = torch.sigmoid(2 * fields / temperature)
            noise = torch.rand(spins.shape, generator=generator, device=generator.device)
            spins = torch.where(noise.to(up) < up, 1.0, -1.0).to(up)
        return _thermal(spins, steps)

    def _descend(self, spins: Tensor, steps: int, held: Tensor | None) -> Relaxation:
        """Synchronous steps; rows leave the batch, and take along which of their spins are held."""
        tie, size = self.tie, self.size
        if held is None:
            return synchronous(lambda s: self._step(s, tie), spins, steps)

        def step(rows: Tensor) -> Tensor:
            state, fixed = rows[:, :size], rows[:, size:]
            return torch.cat([torch.where(fixed != 0, fixed, self._step(state, tie)), fixed], 1)

        found = synchronous(step, torch.cat([spins, held * spins], 1), steps)
        return replace(found, states=found.states[:, :size])

    def _compiled(
        self,
        states: Tensor,
        temperature: float,
        sweeps: int,
        held: Tensor | None,
        generator: torch.Generator,
    ) -> Relaxation:
        """One replica per thread, in float64."""
        result = begin(states.to(torch.float64).contiguous())
        seeds = _checks.streams(len(states), generator).numpy()
        tie = self.tie.to("cpu", torch.float64).numpy()
        self.form.relax(Start(result, self._outside(held), tie, seeds, float(temperature), sweeps))
        return _thermal(result.states, sweeps) if temperature > 0 else result

    def _shared_order(
        self,
        states: Tensor,
        temperature: float,
        sweeps: int,
        held: Tensor | None,
        generator: torch.Generator,
    ) -> Relaxation:
        """All replicas at once, one site order for all: for devices without compiled loops."""
        result = begin(states.to(torch.float64))
        spins, made, tie = result.states, result.sweeps, self.tie.double()
        running = self.form.running(spins, self._outside(held))
        for _ in range(sweeps):
            unstable = (running.whole() * spins < -tie).any(1)
            if temperature == 0 and not unstable.any():
                break
            made += unstable
            order = torch.randperm(self.size, generator=generator, device=generator.device)
            for i in order.tolist():
                if temperature == 0:
                    flip = running.at(i) * spins[:, i] < -tie[i]
                else:
                    up = torch.sigmoid(2 * running.at(i) / temperature)
                    noise = torch.rand(len(spins), generator=generator, device=generator.device)
                    flip = (noise.to(up) < up) != (spins[:, i] > 0)
                change = torch.where(flip, -2 * spins[:, i], 0.0)
                spins[:, i] += change
                running.take(i, change)
        if temperature > 0:
            return _thermal(spins, sweeps)
        return replace(result, converged=~(running.whole() * spins < -tie).any(1))


def _as_kept(couplings: Any) -> Tensor | LowRankCouplings:
    """Couplings as they were given, checked."""
    if isinstance(couplings, LowRankCouplings):
        return couplings
    if isinstance(couplings, Tensor) and couplings.layout != torch.strided:
        return _checks.sparse_square("couplings", couplings)
    return _checks.square("couplings", couplings).detach()


def _thermal(spins: Tensor, sweeps: int) -> Relaxation:
    """Spins after all their heat-bath sweeps."""
    result = begin(spins)
    result.sweeps.fill_(sweeps)
    return result
