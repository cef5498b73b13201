r"""Dense associative memories: one door to energies of several interactions.

Patterns ξ^μ with |ξ|² ~ N. Each interaction has an energy E(S) and a step that never raises it;
its formulas stand at the head of its own module.

    "exponential"      E = |S|²/2 − (1/β) log Σ_μ e^{L_μ}          hopfield.interactions.exponential
    "polynomial"       E = −(N/n) Σ_μ (ξ^μ·S/N)^n                  hopfield.interactions.polynomial
    "entmax"           E = |S|²/2 − (1/β) max_p [p·L − Ω_α(p)]     hopfield.interactions.entmax
    "log-sum-relu"     E = −(1/β) ln(ε + Σ_μ [1 − (β/2)|S − ξ^μ|²]₊)              …log_sum_relu
    "random-features"  E = −(1/β) ln max[φ(S)·T, ε],  T = Σ_μ φ(ξ^μ)            …random_features

with the logits L_μ = β ξ^μ·S − b β|ξ^μ|²/2. σ² = 1/β is the noise of a denoiser. Spins have the
first two, the other three real states alone. Log-weights a_μ of the patterns, which the exponential
interaction of real states takes, are added to the logits: σ²a_μ lowers the energy about ξ^μ.

Logits and energies of real patterns far from 0 are taken about their mean, from which they
differ by what is common to all.

Binary updates compare the energies of S_i = ±1, others fixed, so that there is no
self-coupling; at equal energies the spin stays.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield.interactions.entmax import LARGEST_ALPHA, Entmax
from hopfield.interactions.exponential import Exponential
from hopfield.interactions.interaction import Interaction
from hopfield.interactions.log_sum_relu import LogSumReLU
from hopfield.interactions.polynomial import Polynomial
from hopfield.interactions.random_features import RandomFeatures, enough_features
from hopfield.patterns import offset
from hopfield.relaxation import Relaxation, begin, fixed_point, synchronous

INTERACTIONS = ("exponential", "polynomial", "entmax", "log-sum-relu", "random-features")
OF_SPINS = ("exponential", "polynomial")
WEIGHTED = ("exponential", "entmax", "log-sum-relu")  # whose update is a mean of patterns
_LARGEST_DEGREE = 1000  # (1 + 2/N)^n stays finite


class DenseMemory:
    """Dense associative memory of given patterns.

    Parameters
    ----------
    patterns : (P, N); entries ±1 for binary states, real otherwise.
    interaction : "exponential", "polynomial", "entmax", "log-sum-relu" or "random-features".
    beta : inverse temperature β > 0 of all but the polynomial, where |ξ|² ~ N
        A denoiser at noise level σ has β = 1/σ². The radius of log-sum-relu is ρ = √(2/β), that
        of a kernel of variance ρ²/(N + 4) per coordinate.
    degree : n ≥ 2 of the polynomial interaction.
    states : "real" or "binary", the latter for exponential and polynomial.
    norm_correction : b of the logits, exponential and entmax only.
    alpha : α of entmax, in [1, 10]; 1 is the softmax, 2 sparsemax.
    features : Y of random-features; None takes 8NP, and at least 50P
        Fewer than 2NP do not contract onto patterns; see `hopfield.interactions.random_features`.
    log_weights : (P,), finite, added to the logits as they are; exponential of real states only
        None: all patterns weigh the same.
    seed : int, torch.Generator or None; draws the random features.

    Attributes
    ----------
    patterns : (P, N), the patterns as given; random features keep none of them for their dynamics.
    features : Y of random-features, None otherwise.
    log_weights : (P,), float64, as given, or None.

    Raises
    ------
    ValueError : patterns of a wrong shape or kind, an unknown word, binary states where they are
        real, β ≤ 0, n < 2, α outside its range, more features than fit into memory,
        log_weights of another shape, not finite, or where there are none.

    Examples
    --------
    >>> from hopfield import random_patterns, flip_spins, overlap
    >>> xi = random_patterns(500, 50, seed=0)
    >>> memory = DenseMemory(xi, "polynomial", degree=4, states="binary")
    >>> relaxed = memory.relax(flip_spins(xi[:20], 0.8, seed=1), seed=2)
    >>> float(overlap(relaxed.states, xi[:20]).mean()) > 0.95
    True
    >>> exact = DenseMemory(xi, "entmax", beta=0.5, alpha=2).step(0.9 * xi[:20])
    >>> bool(torch.equal(exact, xi[:20]))
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
        *,
        alpha: float = 1.5,
        features: int | None = None,
        log_weights: Tensor | None = None,
        seed: Seed = None,
    ) -> None:
        self.states = _checks.choice("states", states, ("real", "binary"))
        self.interaction = _checks.choice("interaction", interaction, INTERACTIONS)
        if states == "binary" and interaction not in OF_SPINS:
            raise ValueError(f"states must be 'real' for interaction {interaction!r}, got 'binary'")
        self.patterns = _checks.stored("patterns", patterns, binary=states == "binary")
        self.patterns = self.patterns.detach()
        self.beta = _checks.positive("beta", beta)
        self.degree = _checks.whole("degree", degree, low=2)
        if self.degree > _LARGEST_DEGREE:
            raise ValueError(f"degree must be at most {_LARGEST_DEGREE}, got {degree}")
        self.norm_correction = _checks.flag("norm_correction", norm_correction)
        self.alpha = _checks.number("alpha", alpha, low=1, high=LARGEST_ALPHA)
        wanted = enough_features(*self.patterns.shape) if features is None else features
        wanted = _checks.whole("features", wanted)
        self.features = wanted if interaction == "random-features" else None
        self.log_weights: Tensor | None = None
        if log_weights is not None:
            if (interaction, states) != ("exponential", "real"):
                raise ValueError(
                    f"log_weights must be None for interaction {interaction!r} of {states} states, "
                    f"got {_checks.shown(log_weights)}"
                )
            self.log_weights = _checks.one_per_row("log_weights", log_weights, self.patterns)
        self._law = self._interaction(_checks.generator_from(seed, "DenseMemory"))
        if not math.isfinite(2 * self.beta * max(self._law.largest_norm, 1)):
            raise ValueError(f"beta must leave β|ξ|² finite, got {beta:g}")

    def _interaction(self, generator: torch.Generator) -> Interaction:
        rows, binary = _checks.working(self.patterns), self.states == "binary"
        if self.interaction == "polynomial":
            return Polynomial(rows, self.degree, binary)
        centre = None if binary else offset(rows, self.beta)
        if self.interaction == "exponential":
            corrected = self.norm_correction
            return Exponential(rows, self.beta, centre, corrected, binary, self.log_weights)
        if self.interaction == "entmax":
            return Entmax(rows, self.beta, centre, self.norm_correction, self.alpha)
        if self.features is None:
            return LogSumReLU(rows, self.beta, centre)
        return RandomFeatures(rows, self.beta, centre, self.features, generator)

    def __repr__(self) -> str:
        kind = f"{self.interaction} at beta {self.beta:.4g}"
        corrected = f"{'with' if self.norm_correction else 'without'} norm correction"
        weighted = "" if self.log_weights is None else ", weighted"
        more = {
            "exponential": f", {corrected}{weighted}",
            "entmax": f" and alpha {self.alpha:.4g}, {corrected}",
            "random-features": f" of {self.features}",
        }.get(self.interaction, "")
        if self.interaction == "polynomial":
            kind = f"polynomial of degree {self.degree}"
        shape = tuple(self.patterns.shape)
        return f"DenseMemory(patterns {shape}, {self.states} states, {kind}{more})"

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
        ValueError : states of a wrong shape or kind, or another interaction.
        """
        if not isinstance(self._law, Exponential):
            raise self._has_not("log_partition needs interaction 'exponential'")
        return self._law.log_partition(self._states(states))

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
        return self._law.energy(self._states(states))

    def weights(self, states: Tensor) -> Tensor:
        """Weights of the patterns in the mean that an update moves to.

        Softmax weights of the exponential interaction, p of entmax, and 1/|S| of the active set of
        log-sum-relu.

        Parameters
        ----------
        states : (B, N), ±1 if binary.

        Returns
        -------
        (B, P), rows of sum 1, or 0 where nothing is active.

        Raises
        ------
        ValueError : states of a wrong shape or kind, or the two other interactions.
        """
        found = self._law.weights(self._states(states))
        if found is None:
            words = "'exponential', 'entmax' or 'log-sum-relu'"
            raise self._has_not(f"weights need interaction {words}")
        return found

    def active(self, states: Tensor) -> Tensor:
        """How many patterns have a weight at each state, entmax and log-sum-relu only.

        At a fixed point of log-sum-relu, 1 is a memory, more an emergent one, and 0 nothing.

        Parameters
        ----------
        states : (B, N).

        Returns
        -------
        (B,) int

        Raises
        ------
        ValueError : states of a wrong shape, or another interaction.

        Examples
        --------
        >>> memory = DenseMemory(torch.tensor([[0.0], [1.5]]), "log-sum-relu", beta=2.0)
        >>> memory.active(torch.tensor([[0.0], [0.75], [9.0]]))  # ρ = 1
        tensor([1, 2, 0])
        """
        if not isinstance(self._law, Entmax | LogSumReLU):
            raise self._has_not("active needs interaction 'entmax' or 'log-sum-relu'")
        return self._law.active(self._states(states))

    def exact(self, states: Tensor) -> Tensor:
        """Which pattern one step gives exactly, entmax only: L_μ − L_ν ≥ 1/(α − 1) for all others.

        Parameters
        ----------
        states : (B, N).

        Returns
        -------
        (B,) int, the index of the pattern, −1 where the step mixes several.

        Raises
        ------
        ValueError : states of a wrong shape, or another interaction.

        Examples
        --------
        >>> memory = DenseMemory(torch.tensor([[0.0], [2.0]]), "entmax", alpha=2)
        >>> memory.exact(torch.tensor([[0.4], [0.6], [1.5]]))  # exact from 1/2 off the middle on
        tensor([ 0, -1,  1])
        """
        if not isinstance(self._law, Entmax):
            raise self._has_not("exact needs interaction 'entmax'")
        return self._law.exact(self._states(states))

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
        return self._law.step(self._states(states)).to(self.patterns)

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
        Relaxation with `states` like the patterns, `converged`, `sweeps` and `cycles`. A state
        that stays because no pattern acts on it has not converged.

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
                law = self._law
                found = fixed_point(law.step, given, max_sweeps, tolerance, law.centre)
                found = replace(found, converged=found.converged & law.felt(found.states))
            elif dynamics == "synchronous":
                found = synchronous(self._law.step, given, max_sweeps)
            else:
                generator = _checks.generator_from(seed, "relax")
                found = self._compiled(given, max_sweeps, generator)
        return replace(found, states=found.states.to(self.patterns))

    # ---------------------------------------------------------------- inside

    def _has_not(self, wanted: str) -> ValueError:
        return ValueError(f"{wanted}, got {self.interaction!r}")

    def _states(self, states: Tensor) -> Tensor:
        check = _checks.spins if self.states == "binary" else _checks.matrix
        return check("states", states, columns=self.size).to(self._law.rows)

    def _compiled(self, states: Tensor, sweeps: int, generator: torch.Generator) -> Relaxation:
        """Asynchronous relaxation in compiled loops, on the CPU."""
        from hopfield import _kernels  # numba is needed, and loaded, only here

        law = self._law
        assert isinstance(law, Exponential | Polynomial)
        patterns = self.patterns.to("cpu", torch.float64)
        overlaps = (states.to(patterns) @ patterns.T).to(torch.int64)
        result = begin(states.to("cpu", torch.int8))
        sites = patterns.T.to(torch.int8).contiguous()
        seeds = _checks.streams(len(states), generator).numpy()
        _kernels.relax_dense(
            sites.numpy(),
            law.table(np.arange(-2 * self.size - 2, 2 * self.size + 3)),
            isinstance(law, Exponential),
            law.tie,
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
