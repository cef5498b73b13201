r"""Dense associative memories: polynomial and exponential energies, binary or real states.

Patterns ξ^μ with |ξ|² ~ N, overlaps x_μ = ξ^μ·S.

Exponential (Demircigil et al. 2017; Ramsauer et al. 2020; Lucibello & Mézard 2024), with
logits L_μ(S) = β ξ^μ·S − b β|ξ^μ|²/2 and w = softmax(L):

    E(S) = |S|²/2 − (1/β) log Σ_μ e^{L_μ},    real update  S ← Σ_μ w_μ ξ^μ.

b = 1 (`norm_correction`) makes the update the posterior mean of a denoiser at σ² = 1/β;
b = 0 is the softmax update without it. They differ unless all |ξ^μ| are equal.

Polynomial (Krotov & Hopfield 2016), with m_μ = ξ^μ·S/N:

    E(S) = −(N/n) Σ_μ F(m_μ),    F(m) = m^n;

real states live on the sphere |S|² = N and move to S ← √N g/|g|, g = Σ_μ F'(m_μ) ξ^μ. For
odd n, real states use the rectified F(m) = max(m, 0)^n, convex, so that this step lowers
the energy for every n.

Logits and energies of real patterns far from 0 are taken about their mean, from which they
differ by what is common to all.

Binary updates compare the energies of S_i = ±1, others fixed, so that there is no
self-coupling; at equal energies the spin stays. With the exponential energy, spin i flips
iff the patterns that disagree with it hold more than the share 1/(1 + e^{2β}) of the
weights w, that is S_i D_i < tanh β with the softmax mean D.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield.patterns import offset
from hopfield.relaxation import Relaxation, begin, fixed_point, synchronous

_ROWS = 1024  # states worked on at once
_BLOCK = 2**20  # numbers of a (batch × patterns) block held at once
_LARGEST_DEGREE = 1000  # (1 + 2/N)^n stays finite
_LOSS = 1e-2  # largest error of a logit that single precision may cause


class DenseMemory:
    """Dense associative memory of given patterns.

    Parameters
    ----------
    patterns : (P, N); entries ±1 for binary states, real otherwise.
    interaction : "exponential" or "polynomial".
    beta : inverse temperature β > 0 of the exponential interaction, where |ξ|² ~ N
        A denoiser at noise level σ has β = 1/σ².
    degree : n ≥ 2 of the polynomial interaction.
    states : "real" or "binary".
    norm_correction : b of the logits, exponential interaction only.

    Raises
    ------
    ValueError : patterns of a wrong shape or kind, an unknown word, β ≤ 0, n < 2.

    Examples
    --------
    >>> from hopfield import random_patterns, flip_spins, overlap
    >>> xi = random_patterns(500, 50, seed=0)
    >>> memory = DenseMemory(xi, "polynomial", degree=4, states="binary")
    >>> relaxed = memory.relax(flip_spins(xi[:20], 0.8, seed=1), seed=2)
    >>> float(overlap(relaxed.states, xi[:20]).mean()) > 0.95
    True
    """

    def __init__(
        self,
        patterns: Tensor,
        interaction: str = "exponential",
        beta: float = 1.0,
        degree: int = 3,
        states: str = "real",
        norm_correction: bool = True,
    ) -> None:
        self.states = _checks.choice("states", states, ("real", "binary"))
        self.interaction = _checks.choice("interaction", interaction, ("exponential", "polynomial"))
        self.patterns = _checks.stored("patterns", patterns, binary=states == "binary")
        self.patterns = self.patterns.detach()
        self._rows = _checks.working(self.patterns)
        self.beta = _checks.positive("beta", beta)
        self.degree = _checks.whole("degree", degree, low=2)
        real = self.states == "real" and self.interaction == "exponential"
        self._centre = offset(self._rows, self.beta) if real else None
        if not math.isfinite(2 * self.beta * max(self._largest_norm, 1)):
            raise ValueError(f"beta must leave β|ξ|² finite, got {beta:g}")
        if self.degree > _LARGEST_DEGREE:
            raise ValueError(f"degree must be at most {_LARGEST_DEGREE}, got {degree}")
        self.norm_correction = _checks.flag("norm_correction", norm_correction)

    def __repr__(self) -> str:
        kind = f"polynomial of degree {self.degree}"
        if self.interaction == "exponential":
            corrected = "with" if self.norm_correction else "without"
            kind = f"exponential at beta {self.beta:.4g}, {corrected} norm correction"
        return f"DenseMemory(patterns {tuple(self.patterns.shape)}, {self.states} states, {kind})"

    @property
    def size(self) -> int:
        """Number of spins or coordinates N."""
        return self.patterns.shape[1]

    # ---------------------------------------------------------------- energy

    def log_partition(self, states: Tensor) -> Tensor:
        """Logarithm log Σ_μ e^{L_μ(S)} of the partition function, exponential interaction only.

        Parameters
        ----------
        states : (B, N), ±1 if binary.

        Returns
        -------
        (B,)

        Raises
        ------
        ValueError : states of a wrong shape or kind, or the polynomial interaction.
        """
        given = self._exponential("log_partition needs", states)
        logs = self._log_sums(self._about(given))
        if self._centre is None:
            return logs
        centre, rows = self._centre.double(), self._about(given).double()
        part = 0.5 if self.norm_correction else 1.0
        common = rows @ centre + part * centre.square().sum()
        return (logs + self.beta * common).to(given)

    def energy(self, states: Tensor) -> Tensor:
        """Energy E of each state; see the head of the module.

        Parameters
        ----------
        states : (B, N), ±1 if binary.

        Returns
        -------
        (B,)

        Raises
        ------
        ValueError : states of a wrong shape or kind.
        """
        given = self._states(states)
        if self.interaction == "exponential":
            about = self._about(given)
            energy = about.square().sum(1) / 2 - self._log_sums(about) / self.beta
            if self._centre is None or self.norm_correction:
                return energy
            return energy - self._centre.square().sum() / 2
        total = given.new_zeros(len(given))
        for rows, block in self._blocks(given):
            total[rows] += self._power(given[rows] @ block.T / self.size, self.degree).sum(1)
        return -self.size / self.degree * total

    def weights(self, states: Tensor) -> Tensor:
        """Softmax weights w_μ, exponential interaction only.

        Parameters
        ----------
        states : (B, N), ±1 if binary.

        Returns
        -------
        (B, P), rows of sum 1.

        Raises
        ------
        ValueError : states of a wrong shape or kind, or the polynomial interaction.
        """
        given = self._exponential("weights need", states)
        about = self._about(given)
        work = self._precision(about)
        logits = self._logits(about.to(work), self._about(self._rows).to(work))
        return torch.softmax(logits, 1).to(given)

    # -------------------------------------------------------------- dynamics

    def step(self, states: Tensor) -> Tensor:
        """One update of all spins or coordinates at once.

        Parameters
        ----------
        states : (B, N), ±1 if binary; left untouched.

        Returns
        -------
        (B, N)

        Raises
        ------
        ValueError : states of a wrong shape or kind.
        """
        return self._step(self._states(states)).to(self.patterns)

    def relax(
        self,
        states: Tensor,
        dynamics: str | None = None,
        max_sweeps: int = 100,
        tolerance: float = 1e-8,
        seed: Seed = None,
    ) -> Relaxation:
        """Iterate to a fixed point.

        Parameters
        ----------
        states : (B, N), ±1 if binary; left untouched.
        dynamics : "asynchronous", "synchronous" or None
            One spin at a time in random order, so that the energy never rises, the default
            of binary states; or all at once, the only dynamics of real states.
        max_sweeps : largest number of sweeps or steps.
        tolerance : relative change per step below which real states have converged.
        seed : int, torch.Generator or None; sets the site orders.

        Returns
        -------
        Relaxation with `states` like the patterns, `converged`, `sweeps` and `cycles`.

        Raises
        ------
        ValueError : states of a wrong shape or kind, an unknown dynamics, asynchronous
            dynamics of real states, a negative tolerance.
        """
        given = self._states(states).detach()
        allowed = ("synchronous",) if self.states == "real" else ("asynchronous", "synchronous")
        dynamics = _checks.choice("dynamics", allowed[0] if dynamics is None else dynamics, allowed)
        max_sweeps = _checks.whole("max_sweeps", max_sweeps, low=0)
        tolerance = _checks.number("tolerance", tolerance, low=0)
        with torch.no_grad():
            if self.states == "real":
                found = fixed_point(self._step, given, max_sweeps, tolerance, self._centre)
            elif dynamics == "synchronous":
                found = synchronous(self._step, given, max_sweeps)
            else:
                generator = _checks.generator_from(seed, "relax")
                found = self._compiled(given, max_sweeps, generator)
        return replace(found, states=found.states.to(self.patterns))

    # ---------------------------------------------------------------- inside

    def _step(self, states: Tensor) -> Tensor:
        exponential = self.interaction == "exponential"
        if self.states == "real":
            return self._softmax_mean(states) if exponential else self._polynomial_step(states)
        return self._exponential_flips(states) if exponential else self._polynomial_flips(states)

    def _about(self, rows: Tensor) -> Tensor:
        """Rows about the centre of the patterns, where these are far from 0."""
        return rows if self._centre is None else rows - self._centre

    def _exponential(self, asking: str, states: Tensor) -> Tensor:
        """Check the states of what the exponential interaction alone has."""
        if self.interaction != "exponential":
            raise ValueError(f"{asking} interaction 'exponential', got {self.interaction!r}")
        return self._states(states)

    def _states(self, states: Tensor) -> Tensor:
        check = _checks.spins if self.states == "binary" else _checks.matrix
        return check("states", states, columns=self.size).to(self._rows)

    @property
    def _tie(self) -> float:
        """Share of ΣF that may be rounding error of the sum and of F, in double precision."""
        steps = self.beta * self.size if self.interaction == "exponential" else self.degree
        return torch.finfo(torch.float64).eps * (64 + 4 * steps)

    def _precision(self, states: Tensor) -> torch.dtype:
        """Precision of the logits: float64 where single precision would err by too much."""
        if len(states) == 0 or states.dtype == torch.float64:
            return states.dtype
        largest = max(float(states.square().sum(1).max()), self._largest_norm)
        error = torch.finfo(states.dtype).eps * self.beta * largest
        return torch.float64 if error > _LOSS else states.dtype

    @cached_property
    def _largest_norm(self) -> float:
        return float(self._about(self._rows).square().sum(1).max())

    def _blocks(self, states: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Pairs of rows of the batch and patterns that keep each block of overlaps small."""
        for start in range(0, len(states), _ROWS):
            for block in self._pattern_blocks(min(_ROWS, len(states))):
                yield slice(start, start + _ROWS), block

    def _pattern_blocks(self, rows: int) -> Iterator[Tensor]:
        yield from self._rows.split(max(1, _BLOCK // max(1, rows)))

    def _log_sums(self, states: Tensor) -> Tensor:
        """Log-partition functions (B,) of states about the centre, up to what is common."""
        return torch.cat([self._log_sum(rows) for rows in states.split(_ROWS)])

    def _log_sum(self, states: Tensor) -> Tensor:
        """Log-partition function of a few states, one block of patterns after the other."""
        work = self._precision(states)
        total = torch.full((len(states),), -math.inf, dtype=work, device=states.device)
        for block in self._pattern_blocks(len(states)):
            logits = self._logits(states.to(work), self._about(block).to(work))
            total = torch.logaddexp(total, torch.logsumexp(logits, 1))
        return total.to(states.dtype)

    def _logits(self, states: Tensor, block: Tensor) -> Tensor:
        logits = self.beta * (states @ block.T)
        if self.norm_correction:
            logits -= self.beta / 2 * block.square().sum(1)
        elif self._centre is not None:
            logits += self.beta * (block @ self._centre.to(block))
        return logits

    def _softmax_mean(self, states: Tensor) -> Tensor:
        """Mean D(S) = softmax(L)Ξ as fused attention: key [ξ, −b|ξ|²/2], query β[S, 1]."""
        states = self._about(states)
        work = self._precision(states)
        keys = self._keys_in(work)
        queries = self.beta * torch.cat([states, torch.ones_like(states[:, :1])], 1).to(work)
        mean = F.scaled_dot_product_attention(
            queries[None, None], keys[None, None], keys[None, None], scale=1.0
        )
        mean = mean[0, 0, :, :-1].to(states.dtype)
        return mean if self._centre is None else mean + self._centre

    def _keys_in(self, work: torch.dtype) -> Tensor:
        """Keys in the precision of the work, where their norms are computed too."""
        return self._keys if work == self._rows.dtype else self._augmented(work)

    @cached_property
    def _keys(self) -> Tensor:
        return self._augmented(self._rows.dtype)

    def _augmented(self, work: torch.dtype) -> Tensor:
        rows = self._about(self._rows).to(work)
        last = -rows.square().sum(1, keepdim=True) / 2 * self.norm_correction
        if self._centre is not None and not self.norm_correction:
            last = rows @ self._centre[:, None].to(rows)
        return torch.cat([rows, last], 1)

    def _exponential_flips(self, states: Tensor) -> Tensor:
        """Flip the spins with which too much weight disagrees.

        The shares of weight for and against are averages of 0 and 1 over the patterns, each
        a sum of positive terms: S·D itself would lose its digits at large β.
        """
        spins, keys = states.double(), self.patterns.double()
        up, down = (
            F.scaled_dot_product_attention(
                self.beta * spins[None, None], keys[None, None], share[None, None], scale=1.0
            )[0, 0]
            for share in ((1 + keys) / 2, (1 - keys) / 2)
        )
        against = torch.where(spins > 0, down, up)
        share = 1 / (1 + math.exp(min(2 * self.beta, 700.0)))
        return torch.where(against > share * (1 + self._tie), -states, states)

    def _power(self, overlaps: Tensor, exponent: int) -> Tensor:
        if self.states == "real" and self.degree % 2:
            overlaps = overlaps.clamp(min=0)
        return overlaps**exponent

    def _polynomial_step(self, states: Tensor) -> Tensor:
        """Move to S ← √N g/|g|.

        Only the direction of g counts. Overlaps are taken in units of the largest so far, so
        that their powers neither overflow nor vanish, which would leave the state unmoved.
        """
        pull, largest = torch.zeros_like(states), torch.zeros_like(states[:, :1])
        for rows, block in self._blocks(states):
            m = self._power(states[rows] @ block.T / self.size, 1)
            top = torch.maximum(largest[rows], m.abs().amax(1, keepdim=True))
            unit = torch.where(top > 0, top, 1.0)
            pull[rows] *= (largest[rows] / unit) ** (self.degree - 1)
            pull[rows] += (m / unit) ** (self.degree - 1) @ block
            largest[rows] = top
        norm = pull.norm(dim=1, keepdim=True)
        return torch.where(norm > 0, math.sqrt(self.size) * pull / norm, states)

    def _polynomial_flips(self, states: Tensor) -> Tensor:
        """Flip the spins whose flip raises Σ_μ F, using F(m ± 2/N) of every pattern.

        Flipping spin i turns m_μ into m_μ − 2 ξ_i S_i/N. With f± = F(m ± 2/N) the sum
        over μ after the flip is Σ (f₊ + f₋)/2 − S_i Σ_μ ξ_i^μ (f₊ − f₋)/2.
        """
        constant = states.new_zeros(len(states), 1, dtype=torch.float64)
        scale, pull = torch.zeros_like(constant), torch.zeros_like(states, dtype=torch.float64)
        for rows, block in self._blocks(states):
            patterns = block.double()
            m = states[rows].double() @ patterns.T / self.size
            now, up, down = (
                self._power(m + 2 * shift / self.size, self.degree) for shift in (0, 1, -1)
            )
            constant[rows] += (now - (up + down) / 2).sum(1, keepdim=True)
            scale[rows] += now.abs().sum(1, keepdim=True)
            pull[rows] += (up - down) / 2 @ patterns
        return torch.where(states * pull + constant < -self._tie * scale, -states, states)

    def _compiled(self, states: Tensor, sweeps: int, generator: torch.Generator) -> Relaxation:
        """Asynchronous relaxation in compiled loops, on the CPU."""
        from hopfield import _kernels  # numba is needed, and loaded, only here

        patterns = self.patterns.to("cpu", torch.float64)
        overlaps = (states.to(patterns) @ patterns.T).to(torch.int64)
        result = begin(states.to("cpu", torch.int8))
        sites = patterns.T.to(torch.int8).contiguous()
        reach = np.arange(-2 * self.size - 2, 2 * self.size + 3)
        exponential = self.interaction == "exponential"
        if exponential:
            table = np.exp(np.clip(self.beta * reach, -745.0, 700.0))
        else:
            within = np.clip(reach, -self.size - 2, self.size + 2)  # all that a flip can reach
            table = (within / self.size) ** float(self.degree)
        seeds = torch.randint(2**62, (len(states),), generator=generator).numpy()
        _kernels.relax_dense(
            sites.numpy(),
            table,
            exponential,
            self._tie,
            result.states.numpy(),
            overlaps.numpy(),
            seeds,
            sweeps,
            result.sweeps.numpy(),
            result.converged.numpy(),
        )
        device = states.device
        return Relaxation(
            result.states.to(states),
            result.converged.to(device),
            result.sweeps.to(device),
            result.cycles.to(device),
        )
