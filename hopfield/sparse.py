r"""Patterns of few ones, and the covariance rule that stores them (Tsodyks & Feigelman 1988).

0/1 patterns η of activity a, J_ij = Σ_μ (η_i − a)(η_j − a)/(a(1 − a)N), J_ii = 0. A unit is on
above a threshold, S_i = 1 if h_i = Σ_j J_ij (S_j − a) > θ, 0 if h_i < θ, and stays at h_i = θ:

    E = −½ (S − a)·J(S − a) + θ Σ_i S_i

never rises, one unit at a time. Biased spins ξ = 2η − 1 of mean b = 2a − 1 are the same model with
the same couplings, fields J(S − b) twice as large and 2θ in the place of θ; at a = ½, θ = 0 it is
Hebb's network. The cosine of two patterns of K ones is the share of ones that they have in common.
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

_LARGEST = 1e150  # threshold
_EDGE = 1e-6  # least activity of which the theory knows the best threshold


def sparse_patterns(
    P: int,
    N: int,
    active: int,
    seed: Seed = None,
    *,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Independent 0/1 patterns, each with the same number of ones at random sites.

    The exact number matters: patterns of random activity fail in part, the most active first.

    Parameters
    ----------
    P : number of patterns, at least 1.
    N : number of sites, at least 1.
    active : ones per pattern K, from 1 to N.
    seed : int, torch.Generator or None.
    dtype : type of the entries.

    Returns
    -------
    (P, N), entries 0 and 1.

    Raises
    ------
    ValueError : a count out of its range.

    Examples
    --------
    >>> sparse_patterns(3, 100, 10, seed=0).sum(1)
    tensor([10., 10., 10.], dtype=torch.float64)
    """
    dtype = _checks.dtype("dtype", dtype)
    sites = active_sites(P, N, active, seed)
    return torch.zeros(len(sites), int(N), dtype=dtype).scatter_(1, sites, 1.0)


def active_sites(P: int, N: int, active: int, seed: Seed = None) -> Tensor:
    """Sites of the ones of `sparse_patterns`: the form in which very sparse patterns fit memory.

    Parameters
    ----------
    P : number of patterns, at least 1.
    N : number of sites, from 1 to 2³¹.
    active : ones per pattern K, from 1 to N.
    seed : int, torch.Generator or None; the same gives the same patterns in both forms.

    Returns
    -------
    (P, K) int64, the sites of each pattern, all different, in no order.

    Raises
    ------
    ValueError : a count out of its range.

    Examples
    --------
    >>> active_sites(400_000, 10_000, 13, seed=0).shape
    torch.Size([400000, 13])
    """
    from hopfield import _sparse_kernels  # numba is needed, and loaded, only here

    P, N = _checks.whole("P", P), _checks.whole("N", N, high=2**31)
    active = _checks.whole("active", active, high=N)
    generator = _checks.generator_from(seed, "sparse_patterns")
    stream = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    sites = torch.empty(P, active, dtype=torch.int64)
    _sparse_kernels.draw_sites(N, int(stream), sites.numpy())
    return sites


def displace_ones(patterns: Tensor, overlap: float, seed: Seed = None) -> Tensor:
    """Patterns with some of their ones moved to other sites, which keeps their number.

    Parameters
    ----------
    patterns : (P, N), entries 0 and 1, or ±1 where +1 is a one.
    overlap : of the result with its pattern, in [−1, 1], as near as whole sites come to it:
        the cosine, 1 − moved/K of 0/1 patterns with K ones, 1 − 4·moved/N of spins.
    seed : int, torch.Generator or None.

    Returns
    -------
    (P, N), a new tensor, dtype and device of `patterns`.

    Raises
    ------
    ValueError : patterns of other entries, or an overlap that no number of moved ones leaves.

    Examples
    --------
    >>> eta = sparse_patterns(2, 100, 10, seed=0)
    >>> (displace_ones(eta, 0.7, seed=1) * eta).sum(1)
    tensor([7., 7.], dtype=torch.float64)
    """
    given, spins = _checks.two_levels("patterns", patterns)
    overlap = _checks.number("overlap", overlap, low=-1, high=1)
    ones = given == 1
    count, size = ones.sum(1), given.shape[1]
    moved = (torch.full_like(count, size) / 4 if spins else count) * (1 - overlap)
    moved = moved.round().to(torch.int64)
    if (moved > torch.minimum(count, size - count)).any():
        scarce = int(torch.minimum(count, size - count).min())
        raise ValueError(
            f"overlap must move at most {scarce} ones, as many as patterns have room for, "
            f"got {overlap:g}, which moves {int(moved.max())}"
        )
    generator = _checks.generator_from(seed, "displace_ones", given.device)
    changed = _chosen(ones, moved, generator) | _chosen(~ones, moved, generator)
    other = -given if spins else 1 - given
    return torch.where(changed, other, given)


def erase_ones(patterns: Tensor, overlap: float, seed: Seed = None) -> Tensor:
    """Patterns with only some of their ones, which a part of a pattern gives as a cue.

    Parameters
    ----------
    patterns : (P, N), entries 0 and 1.
    overlap : cosine m of the result with its pattern, in (0, 1]; round(m²K) of K ones are kept,
        at least one.
    seed : int, torch.Generator or None.

    Returns
    -------
    (P, N), a new tensor, dtype and device of `patterns`.

    Raises
    ------
    ValueError : entries that are not 0 and 1, an overlap outside (0, 1].

    Examples
    --------
    >>> erase_ones(sparse_patterns(2, 100, 16, seed=0), 0.5, seed=1).sum(1)
    tensor([4., 4.], dtype=torch.float64)
    """
    given = _checks.zeros_and_ones("patterns", patterns)
    overlap = _checks.number("overlap", overlap, low=0, high=1, open_low=True)
    count = (given == 1).sum(1)
    kept = (count * overlap**2).round().clamp(min=1).to(torch.int64)
    generator = _checks.generator_from(seed, "erase_ones", given.device)
    return torch.where(_chosen(given == 1, kept, generator), given, 0.0)


def covariance(patterns: Tensor, activity: float | None = None) -> Tensor:
    """Covariance rule J_ij = Σ_μ (η_i − a)(η_j − a)/(a(1 − a)N), J_ii = 0.

    Spins ξ of mean b give the same as η = (1 + ξ)/2. Duplicates are allowed.

    Parameters
    ----------
    patterns : (P, N), entries 0 and 1, or ±1.
    activity : a in (0, 1), mean of the ones; None takes that of the patterns.

    Returns
    -------
    (N, N), symmetric, zero diagonal.

    Raises
    ------
    ValueError : patterns of other entries, or all of one kind, an activity outside (0, 1).

    Examples
    --------
    >>> from hopfield import hebbian, random_patterns
    >>> xi = random_patterns(3, 20, seed=0)
    >>> bool(torch.equal(covariance(xi, activity=0.5), hebbian(xi)))
    True
    """
    given, spins = _checks.two_levels("patterns", patterns)
    rows, a = _checks.working(given), _activity(given, spins, activity)
    mean, variance = (2 * a - 1, 4 * a * (1 - a)) if spins else (a, a * (1 - a))
    rows = rows - mean
    return (rows.T @ rows / (variance * rows.shape[1])).fill_diagonal_(0.0).to(given)


class CovarianceMemory(CuedMemory):
    """Network of 0/1 units, or of biased spins, with the couplings of the covariance rule.

    Parameters
    ----------
    patterns : (P, N), entries 0 and 1, or ±1; states are of the same kind.
    threshold : θ in units of 0/1 fields; None takes the best one of large networks,
        `hopfield.theory.sparse_threshold(activity)`, above the ½ − a that is usual.
    activity : a in (0, 1); None takes the mean of the patterns.
    corruption : "displace", cues of the same activity, or "erase", which lack ones (0/1 only).

    Raises
    ------
    ValueError : patterns of other entries, or all of one kind, a threshold that is not finite,
        an activity outside (0, 1), an unknown word.

    Examples
    --------
    >>> eta = sparse_patterns(20, 500, 50, seed=0)
    >>> memory = CovarianceMemory(eta)
    >>> generator = torch.Generator().manual_seed(0)
    >>> ends, converged = memory.retrieve(memory.corrupt(eta, 0.8, generator))
    >>> bool(memory.overlap(ends, eta).mean() > 0.98)
    True
    """

    def __init__(
        self,
        patterns: Tensor,
        threshold: float | None = None,
        activity: float | None = None,
        corruption: str = "displace",
    ) -> None:
        given, self.spins = _checks.two_levels("patterns", patterns)
        self.patterns = given.detach()
        self.activity = _activity(given, self.spins, activity)
        self.corruption = _checks.choice("corruption", corruption, ("displace", "erase"))
        if self.spins and self.corruption == "erase":
            raise ValueError("corruption must be 'displace' for patterns of ±1, got 'erase'")
        self.threshold = self._threshold(threshold)
        self.couplings = covariance(self.patterns, self.activity)
        total = _checks.working(self.couplings).sum(1)
        bias = (1 - 2 * self.activity) * total - 2 * self.threshold
        self._sum = (1 - 2 * self.activity) ** 2 * float(total.double().sum())
        self._network = HopfieldNetwork(self.couplings, bias if bias.any() else None)

    def _threshold(self, given: float | None) -> float:
        if given is not None:
            return _checks.number("threshold", given, low=-_LARGEST, high=_LARGEST)
        from hopfield.theory import sparse_threshold  # scipy is needed, and loaded, only here

        return sparse_threshold(min(max(self.activity, _EDGE), 1 - _EDGE))

    def _details(self) -> str:
        return f"; activity {self.activity:.4g}, threshold {self.threshold:.4g}"

    def corrupt(
        self, patterns: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Cues at the cosine `overlap` with the patterns; see `displace_ones`, `erase_ones`."""
        given = _checks.matrix("patterns", patterns, columns=self.size)
        change = displace_ones if self.corruption == "displace" else erase_ones
        return change(given, overlap, generator)

    def fields(self, states: Tensor) -> Tensor:
        """Fields Σ_j J_ij (S_j − a) of each state, or Σ_j J_ij (S_j − b) of spins, (B, N)."""
        thresholds = 2 * self.threshold
        fields = self._network.fields(self._spins_of(states)) + thresholds
        return fields if self.spins else fields / 2

    def energy(self, states: Tensor) -> Tensor:
        """Energy −½ (S − a)·J(S − a) + θ ΣS of each state, (B,); of spins with b and 2θ."""
        energy = self._network.energy(self._spins_of(states)) - self._sum / 2
        return energy if self.spins else (energy + 2 * self.threshold * self.size) / 4

    def overlap(self, states: Tensor, patterns: Tensor) -> Tensor:
        """Overlap M = Σ(η − a)(S − a)/(a(1 − a)N) of each state with its pattern, (B,)."""
        mean = 2 * self.activity - 1
        states, patterns = self._spins_of(states) - mean, self._spins_of(patterns) - mean
        return (states * patterns).sum(1) / ((1 - mean**2) * self.size)

    def step(self, states: Tensor, overlap: float = 1.0) -> Tensor:
        """One update of all units at once, (B, N)."""
        given = _checks.tensor("states", states)
        return self._like(self._network.step(self._spins_of(states))).to(given)

    def relax(self, states: Tensor, max_sweeps: int = 100, seed: Seed = None) -> Relaxation:
        """Update one unit at a time, in random order, to a fixed point.

        Parameters
        ----------
        states : (B, N), of the kind of the patterns; left untouched.
        max_sweeps : largest number of sweeps.
        seed : int, torch.Generator or None; sets the site orders.

        Returns
        -------
        Relaxation with `states` like the input, `converged`, `sweeps` and `cycles`.

        Raises
        ------
        ValueError : states of another shape or kind.
        """
        given = _checks.tensor("states", states)
        found = self._network.relax(self._spins_of(states), max_sweeps=max_sweeps, seed=seed)
        return replace(found, states=self._like(found.states).to(given))

    def _spins_of(self, states: Tensor) -> Tensor:
        check = _checks.spins if self.spins else _checks.zeros_and_ones
        given = check("states", states, columns=self.size).detach().to(self.patterns)
        return given if self.spins else 2 * given - 1

    def _like(self, spins: Tensor) -> Tensor:
        return spins if self.spins else (1 + spins) / 2


def _activity(patterns: Tensor, spins: bool, given: float | None) -> float:
    """The activity that was given, or that of the patterns."""
    if given is not None:
        return _checks.number("activity", given, low=0, high=1, open_low=True, open_high=True)
    mean = float((patterns == 1).double().mean())
    if not 0 < mean < 1:
        kinds = "+1 and −1" if spins else "1 and 0"
        raise ValueError(f"patterns must have entries of both kinds, {kinds}, got one kind")
    return mean


def _chosen(allowed: Tensor, count: Tensor, generator: torch.Generator) -> Tensor:
    """A random choice of `count` (B,) of the allowed sites (B, N) of each row, as a mask."""
    noise = torch.rand(allowed.shape, generator=generator, device=generator.device)
    keys = torch.where(allowed, noise.to(allowed.device), 2.0)
    ranks = keys.argsort(1).argsort(1)
    return ranks < count[:, None]
