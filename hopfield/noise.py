r"""Training noise: the sources of the states of training, and whether these will help.

A source makes states around targets ξ on the landscape of couplings J; m_t is the training
overlap. There are four: uniform noise (each spin of the target kept with probability
(1 + m_t)/2), fixed points and thermal states reached from there, and Kawasaki states, which
are thermal at exactly m_t.

`noise_structure` is the test of a noise (Benedetti & Ventura, arXiv 2302.13417). Training on
a state S with S¹ = sign(JS) changes the stability of every pattern; its unlearning half by
δΔ_i^μ = −λ ω_i^μ/(2‖J_i‖) + O(λ²), with

    ω_i^μ = m_μ χ_i^μ − Δ_i^μ |h_i|/(N‖J_i‖),    m_μ = (1/N) Σ_j S_j ξ_j^μ,    χ_i^μ = ξ_i^μ S¹_i,

exact for J_ii = 0 when the term j = i is left out of m_μ (`corrected`). Noise helps where ω
is negative at small Δ: a negative intercept and a positive slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield._forms import row_norms
from hopfield._plots import Line, Plotted
from hopfield.network import HopfieldNetwork, stabilities
from hopfield.patterns import flip_spins

Noise = Callable[[Tensor, Tensor, float, torch.Generator], Tensor]
"""(couplings (N, N), targets (B, N), overlap, generator) → states (B, N)."""


@dataclass(frozen=True)
class Uniform:
    """Uniform noise: each spin of the target kept with probability (1 + m_t)/2, else flipped.

    Examples
    --------
    >>> from hopfield import hebbian, overlap, random_patterns
    >>> xi = random_patterns(5, 1000, seed=0)
    >>> states = Uniform()(hebbian(xi), xi, 0.5, seed=1)
    >>> bool(((overlap(states, xi) - 0.5).abs() < 0.15).all())
    True
    """

    def __call__(
        self, couplings: Tensor, targets: Tensor, overlap: float, seed: Seed = None
    ) -> Tensor:
        """States (B, N) around `targets` (B, N) at mean `overlap`, in [0, 1]."""
        couplings = _checks.square("couplings", couplings)
        targets = _checks.spins("targets", targets, columns=len(couplings)).detach()
        overlap = _checks.number("overlap", overlap, low=0, high=1)
        generator = _checks.generator_from(seed, "training noise", targets.device)
        kept = torch.rand(targets.shape, generator=generator, device=generator.device)
        return torch.where(kept.to(targets.device) < (1 + overlap) / 2, targets, -targets)


class _OnLandscape:
    """Source whose states move on a landscape: a frozen one, or that of the couplings."""

    landscape: Tensor | None

    def __post_init__(self) -> None:
        if self.landscape is not None:
            _checks.settle(self, landscape=_checks.square("landscape", self.landscape))

    def _couplings(self, couplings: Tensor) -> Tensor:
        """Couplings (N, N) of the landscape."""
        if self.landscape is None:
            return _checks.square("couplings", couplings)
        return self.landscape

    def _relaxed(
        self, couplings: Tensor, targets: Tensor, overlap: float, seed: Seed, **dynamics: Any
    ) -> Tensor:
        """States (B, N) that the dynamics of the landscape makes from uniform noise."""
        generator = _checks.generator_from(seed, "training noise")
        landscape = self._couplings(couplings)
        network, start = (
            HopfieldNetwork(landscape),
            Uniform()(landscape, targets, overlap, generator),
        )
        return network.relax(start, **dynamics, seed=generator).states


@dataclass(frozen=True, eq=False)
class FixedPoint(_OnLandscape):
    """Fixed points of asynchronous dynamics, reached from uniform noise.

    Parameters
    ----------
    landscape : couplings (N, N) whose fixed points are always taken, such as Hebb's, or None
        None takes the fixed points of the current couplings.
    max_sweeps : largest number of sweeps, at least 1
        A state that has not settled by then is used as it is.

    Raises
    ------
    ValueError : a landscape that is not square, `max_sweeps` below 1.

    Examples
    --------
    >>> from hopfield import HopfieldNetwork, hebbian, random_patterns
    >>> couplings = hebbian(random_patterns(30, 100, seed=0))
    >>> states = FixedPoint()(couplings, random_patterns(4, 100, seed=1), 0.5, seed=2)
    >>> bool((HopfieldNetwork(couplings).step(states) == states).all())
    True
    """

    landscape: Tensor | None = None
    max_sweeps: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.settle(self, max_sweeps=_checks.whole("max_sweeps", self.max_sweeps))

    def __call__(
        self, couplings: Tensor, targets: Tensor, overlap: float, seed: Seed = None
    ) -> Tensor:
        """States (B, N) reached from `overlap`, in [0, 1], with `targets` (B, N)."""
        return self._relaxed(couplings, targets, overlap, seed, max_sweeps=self.max_sweeps)


@dataclass(frozen=True, eq=False)
class _Heated(_OnLandscape):
    """Source with a temperature."""

    temperature: float = 0.5
    sweeps: int = 60
    landscape: Tensor | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.settle(
            self,
            temperature=_checks.positive("temperature", self.temperature),
            sweeps=_checks.whole("sweeps", self.sweeps),
        )


class Thermal(_Heated):
    """States after heat-bath sweeps at a temperature, started from uniform noise.

    Parameters
    ----------
    temperature : T > 0 on the landscape as it is given
        In training without a frozen landscape it follows the norm, T‖J‖/‖J_start‖, so that
        it keeps its meaning.
    sweeps : number of sweeps, at least 1.
    landscape : as for `FixedPoint`.

    Raises
    ------
    ValueError : a landscape that is not square, T not above 0, `sweeps` below 1.

    Examples
    --------
    >>> from hopfield import hebbian, random_patterns
    >>> couplings = hebbian(random_patterns(30, 100, seed=0))
    >>> Thermal(temperature=0.4)(couplings, random_patterns(4, 100, seed=1), 0.0, seed=2).shape
    torch.Size([4, 100])
    """

    def __call__(
        self, couplings: Tensor, targets: Tensor, overlap: float, seed: Seed = None
    ) -> Tensor:
        """States (B, N) started at `overlap`, in [0, 1], with `targets` (B, N)."""
        dynamics = {"temperature": self.temperature, "max_sweeps": self.sweeps}
        return self._relaxed(couplings, targets, overlap, seed, **dynamics)


class Kawasaki(_Heated):
    """Thermal states at exactly the training overlap: moves swap a right and a wrong spin.

    Metropolis moves in the energy −½ S·JS of symmetric couplings, N of them per sweep, from a
    state with round((1 − m_t)N/2) flipped spins.

    Parameters
    ----------
    temperature : as for `Thermal`.
    sweeps : as for `Thermal`.
    landscape : as for `FixedPoint`.

    Raises
    ------
    ValueError : a landscape that is not square, T not above 0, `sweeps` below 1.

    Examples
    --------
    >>> from hopfield import hebbian, overlap, random_patterns
    >>> xi = random_patterns(5, 100, seed=0)
    >>> states = Kawasaki(temperature=0.2)(hebbian(xi), xi, 0.5, seed=1)
    >>> overlap(states, xi)
    tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000], dtype=torch.float64)
    """

    def __call__(
        self, couplings: Tensor, targets: Tensor, overlap: float, seed: Seed = None
    ) -> Tensor:
        """States (B, N) at exactly `overlap`, in [0, 1], with `targets` (B, N)."""
        from hopfield import _kernels  # numba is needed, and loaded, only here

        landscape = self._couplings(couplings).detach().to("cpu", torch.float64)
        targets = _checks.spins("targets", targets, columns=len(landscape)).detach()
        overlap = _checks.number("overlap", overlap, low=0, high=1)
        generator = _checks.generator_from(seed, "training noise")
        spins = flip_spins(targets.to("cpu", torch.float64), overlap, generator).contiguous()
        _kernels.kawasaki(
            landscape.T.contiguous().numpy(),
            targets.to("cpu", torch.float64).contiguous().numpy(),
            spins.numpy(),
            (spins @ landscape.T).numpy(),
            _checks.streams(len(spins), generator).numpy(),
            self.temperature,
            self.sweeps,
        )
        return spins.to(targets)


@dataclass(frozen=True, repr=False)
class NoiseStructure(Plotted):
    """Effect that a set of training states would have on the stabilities.

    Parameters
    ----------
    stability : (P, N), Δ.
    omega : (P, N), ω averaged over the states; of order 1/N.
    slope : (B,), of ω against Δ for each state, by least squares where |Δ| is in the window.
    intercept : (B,), of the same line.
    pearson : (B,), correlation of ω and Δ over all spins and patterns.
    """

    stability: Tensor
    omega: Tensor
    slope: Tensor
    intercept: Tensor
    pearson: Tensor
    _titles = (r"stability $\Delta$", r"effect of the noise $\omega$")

    def _lines(self) -> list[Line]:
        """A dot per spin of each pattern."""
        look = {"ls": "", "marker": ".", "ms": 2}
        return [Line(self.stability.flatten(), self.omega.flatten(), look=look)]

    def __repr__(self) -> str:
        (P, N), B = self.omega.shape, len(self.slope)
        return (
            f"NoiseStructure(patterns ({P}, {N}), states ({B}, {N}), slope {_mean(self.slope)}, "
            f"intercept {_mean(self.intercept)}, correlation {_mean(self.pearson)})"
        )


def _mean(values: Tensor) -> str:
    """Mean over the states, with its standard error where there are two states or more."""
    if len(values) == 0:
        return "unknown"
    error = float(values.std()) / len(values) ** 0.5 if len(values) > 1 else 0.0
    if not 0 < error < math.inf:
        return f"{float(values.mean()):.3g}"
    decimals = max(0, -math.floor(math.log10(error)))
    return f"{float(values.mean()):.{decimals}f} ± {error:.{decimals}f}"


def noise_structure(
    couplings: Tensor,
    patterns: Tensor,
    states: Tensor,
    *,
    corrected: bool = True,
    window: float = 1.0,
) -> NoiseStructure:
    r"""Structure of ω_i^μ against Δ_i^μ, which says whether training on the states will help.

    A negative intercept and a positive slope mean that unlearning the states raises small
    stabilities at the cost of large ones.

    Parameters
    ----------
    couplings : (N, N), zero diagonal.
    patterns : (P, N), entries ±1.
    states : (B, N), entries ±1, the training states.
    corrected : leave the term j = i out of the overlap m_μ
        This makes ω exact for a zero diagonal, and Σ_μ ω_i^μ = 0 on Hebb's couplings.
    window : |Δ| below which slope and intercept are fitted, above 0.

    Returns
    -------
    NoiseStructure

    Raises
    ------
    ValueError : shapes disagree, entries not ±1, a row of couplings without norm, a window
        that is not positive or holds fewer than two different stabilities.

    Examples
    --------
    >>> from hopfield import hebbian, random_patterns
    >>> xi = random_patterns(100, 200, seed=0)
    >>> couplings = hebbian(xi)
    >>> states = FixedPoint()(couplings, random_patterns(20, 200, seed=1), 0.0, seed=2)
    >>> structure = noise_structure(couplings, xi, states)
    >>> bool(structure.intercept.mean() < 0 < structure.slope.mean())
    True
    """
    couplings = _checks.working(_checks.square("couplings", couplings)).detach()
    network = HopfieldNetwork(couplings)
    patterns = _checks.stored("patterns", patterns, binary=True).to(couplings)
    delta = stabilities(couplings, patterns)
    states = _checks.spins("states", states, columns=network.size).to(couplings)
    corrected, window = _checks.flag("corrected", corrected), _checks.positive("window", window)
    norms = row_norms(couplings)
    if not (norms > 0).all():
        raise ValueError(
            f"couplings must have no empty row, got {int((norms == 0).sum())} rows of norm 0"
        )
    near = delta.abs() < window
    count = int(near.sum())
    if count < 2 or delta[near].min() == delta[near].max():
        raise ValueError(
            f"window must hold at least two different stabilities, got {count} below {window}"
        )
    middle = delta[near].mean()
    centred = torch.where(near, delta - middle, 0.0)
    spread = delta - delta.mean()
    size, total = network.size, torch.zeros_like(delta)
    fits = []
    for state, field, after in zip(
        states, network.fields(states), network.step(states), strict=True
    ):
        m = (patterns @ state / size)[:, None]
        if corrected:
            m = m - patterns * state / size
        omega = m * patterns * after - delta * field.abs() / (size * norms)
        total += omega
        slope = (omega * centred).sum() / centred.square().sum()
        intercept = (omega * near).sum() / count - slope * middle
        pearson = (omega * spread).sum() / (spread.norm() * (omega - omega.mean()).norm())
        fits.append(torch.stack([slope, intercept, pearson]))
    fitted = torch.stack(fits) if fits else delta.new_zeros(0, 3)
    return NoiseStructure(delta, total / max(len(states), 1), *fitted.T)
