r"""Spectral rules: couplings that differ from Hebb's in their eigenvalues alone, and how to see it.

With C = ΞΞᵀ/N = V Λ Vᵀ, the P×P matrix of the overlaps between patterns,

    J_f = (1/N) Ξᵀ V f(Λ)/Λ Vᵀ Ξ,    J_ii = 0:

f(λ) = λ is Hebb's rule, f = 1 the pseudo-inverse, f = (1 + t)λ/(1 + tλ) the dreaming kernel and
f = min(λ, w) the clipped spectrum. Dreams act nearly so: they lower the large eigenvalues and
hardly turn their vectors (arXiv 2308.13445). As the diagonal is zero the trace is, all along: of
P < N patterns, the N − P lower eigenvalues have a mean −α/(1 − α) times that of the P upper ones;
those of Hebb's couplings are −α exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._results import Result
from hopfield.couplings import eigenspace


def spectral_rule(patterns: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    r"""Couplings J_f whose spectrum is a function of that of the patterns.

    Parameters
    ----------
    patterns : (P, N), entries ±1
        Dependent patterns are allowed: the eigenvalues λ = 0 that they add are left out.
    function : f, of the eigenvalues λ > 0 of C, (r,) → (r,), finite.

    Returns
    -------
    (N, N), symmetric, zero diagonal.

    Raises
    ------
    ValueError : not (P, N), no pattern, entries that are not ±1, or a function that returns
        numbers that are not finite, or not one per eigenvalue.

    Examples
    --------
    >>> from hopfield import dreaming_kernel, random_patterns
    >>> xi = random_patterns(5, 20, seed=0)
    >>> dreamt = spectral_rule(xi, lambda x: 3 * x / (1 + 2 * x))
    >>> bool(torch.allclose(dreamt, dreaming_kernel(xi, 2.0)))
    True
    """
    patterns = _checks.stored("patterns", patterns, binary=True)
    _checks.function("function", function, "a function of eigenvalues")
    spectrum, basis = eigenspace(_checks.working(patterns))
    values = _checks.tensor("function(…)", function(spectrum.clone()), double=True)
    if values.shape != spectrum.shape or not torch.isfinite(values).all():
        raise ValueError(
            f"function(…) must be finite, of shape ({len(spectrum)},), got {_checks.shown(values)}"
            f" with {int((~torch.isfinite(values)).sum())} NaN or infinite"
        )
    couplings = (basis.T * values.to(spectrum)) @ basis
    return ((couplings + couplings.T) / 2).fill_diagonal_(0.0).to(patterns)


def clipped_spectrum(patterns: Tensor, level: float) -> Tensor:
    r"""Hebb's rule with the spectrum of the patterns cut at a level, f(λ) = min(λ, w).

    The limit of lowering the largest eigenvalue in small steps. In between its two ends, w ≥
    λ_max (Hebb's rule) and w ≤ λ_min (w times the pseudo-inverse), basins are wider than at both:
    at N = 100 and α = 0.3 they are widest near w = 0.7.

    Parameters
    ----------
    patterns : (P, N), entries ±1.
    level : w > 0.

    Returns
    -------
    (N, N), symmetric, zero diagonal.

    Raises
    ------
    ValueError : not (P, N), no pattern, entries that are not ±1, or a level that is not positive.

    Examples
    --------
    >>> from hopfield import hebbian, random_patterns
    >>> xi = random_patterns(5, 20, seed=0)
    >>> bool(torch.allclose(clipped_spectrum(xi, 20.0), hebbian(xi)))
    True
    """
    level = _checks.positive("level", level)
    return spectral_rule(patterns, lambda spectrum: spectrum.clamp(max=level))


def unlearn_top(couplings: Tensor, steps: int, rate: float = 0.05) -> Tensor:
    r"""Unlearning of eigenvectors: J ← J − ε v vᵀ, v the unit vector of the largest eigenvalue.

    A dream without chance: where unlearning takes a fixed point S off, which lies mostly along the
    top eigenvectors, this takes the top eigenvector itself. In the units N/ε of `unlearn` each
    step is as much of the trace as one dream. As there, stopping in time is part of the rule:
    on Hebb's couplings of P = αN patterns all is lost beyond αN/ε steps.

    Parameters
    ----------
    couplings : (N, N), symmetric, such as Hebb's; its diagonal is set to zero.
    steps : at least 0.
    rate : ε > 0.

    Returns
    -------
    (N, N), symmetric, zero diagonal.

    Raises
    ------
    ValueError : couplings not square, not finite or not symmetric, a negative number of steps, or
        a rate that is not positive.

    Examples
    --------
    >>> from hopfield import hebbian, random_patterns, stabilities
    >>> xi = random_patterns(40, 100, seed=0)
    >>> bool((stabilities(unlearn_top(hebbian(xi), 600), xi) > 0).all())
    True
    """
    given = _checks.symmetric("couplings", couplings).detach()
    steps = _checks.whole("steps", steps, low=0)
    rate = _checks.positive("rate", rate)
    rows = given.to(torch.float64, copy=True).fill_diagonal_(0.0)
    for _ in range(steps):
        top = torch.linalg.eigh(rows).eigenvectors[:, -1]
        rows -= rate * torch.outer(top, top)
        rows.fill_diagonal_(0.0)
    return rows.to(given)


@dataclass(frozen=True, repr=False)
class SpectralGroups(Result):
    """Spectrum of symmetric couplings, in the N − P lower and the P upper eigenvalues.

    Parameters
    ----------
    spectrum : (N,), rising.
    lowest : the least eigenvalue.
    lower_edge : the largest of the lower group.
    upper_edge : the least of the upper group.
    largest : the largest eigenvalue.
    mean_lower : mean of the lower group.
    mean_upper : mean of the upper group; −(1 − α)/α times that of the lower one.
    relative_spread : standard deviation of the upper group over its mean.
    gap : `upper_edge` − `lower_edge`.
    share_in_span : mean squared projection of the upper eigenvectors on the span of the patterns.
    """

    spectrum: Tensor
    lowest: float
    lower_edge: float
    upper_edge: float
    largest: float
    mean_lower: float
    mean_upper: float
    relative_spread: float
    gap: float
    share_in_span: float

    def __repr__(self) -> str:
        return (
            f"SpectralGroups(lower {self.lowest:.3g} … {self.lower_edge:.3g}, upper "
            f"{self.upper_edge:.3g} … {self.largest:.3g}, {self.share_in_span:.3g} of it in the "
            "span of the patterns)"
        )


def spectral_groups(couplings: Tensor, patterns: Tensor) -> SpectralGroups:
    """Spectrum of couplings beside the patterns that they store.

    Parameters
    ----------
    couplings : (N, N), symmetric.
    patterns : (P, N), entries ±1, P < N.

    Returns
    -------
    SpectralGroups

    Raises
    ------
    ValueError : couplings not square, not finite or not symmetric, patterns that do not fit them,
        or as many patterns as spins.

    Examples
    --------
    >>> from hopfield import hebbian, random_patterns
    >>> xi = random_patterns(30, 100, seed=0)
    >>> round(spectral_groups(hebbian(xi), xi).lower_edge, 9)
    -0.3
    """
    rows = _checks.symmetric("couplings", couplings).detach().to(torch.float64)
    patterns = _checks.stored("patterns", patterns, binary=True, columns=len(rows)).to(rows)
    count, size = patterns.shape
    if count >= size:
        raise ValueError(f"patterns must be fewer than the {size} spins, got {count}")
    spectrum, vectors = torch.linalg.eigh(rows)
    lower, upper = spectrum[:-count], spectrum[-count:]
    _, basis = eigenspace(patterns)
    mean = float(upper.mean())
    spread = float(upper.std(correction=0))
    return SpectralGroups(
        spectrum=spectrum,
        lowest=float(lower[0]),
        lower_edge=float(lower[-1]),
        upper_edge=float(upper[0]),
        largest=float(upper[-1]),
        mean_lower=float(lower.mean()),
        mean_upper=mean,
        relative_spread=spread / mean if mean != 0 else float("nan"),
        gap=float(upper[0] - lower[-1]),
        share_in_span=float((basis @ vectors[:, -count:]).square().sum()) / count,
    )
