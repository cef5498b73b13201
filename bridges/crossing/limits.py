r"""Where a number that was measured at several sizes goes as these grow.

    α(N) = α_∞ + a N^{−x}

A limit is only as good as its law: the exponent x is seldom known, and a few sizes within a factor
of ten do not tell one x from another. `size_dependence` fits two and says whether they agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from bridges import _checks
from bridges._checks import Result
from bridges.estimates import with_error

Array = np.ndarray
_EXPONENTS = (1.0, 0.5)
_IMPROBABLE = 0.01  # probability of χ² below which a law does not hold


@dataclass(frozen=True, repr=False)
class Extrapolation(Result):
    """A fit of α(N) = α_∞ + a N^{−x}.

    Attributes
    ----------
    limit : α_∞.
    sem : its standard error.
    interval : of 95 %, by Student's t where the number of pattern sets is known.
    slope : a.
    exponent : x.
    misfit : χ² per degree of freedom; NaN for two sizes, much above 1 where the law does not hold.
    """

    limit: float
    sem: float
    interval: tuple[float, float]
    slope: float
    exponent: float
    misfit: float

    def __repr__(self) -> str:
        limit = with_error(self.limit, self.sem)
        return f"Extrapolation(limit {limit}, x = {self.exponent:.3g}, misfit {self.misfit:.2g})"


@dataclass(frozen=True, repr=False)
class SizeDependence(Result):
    """Two laws for the same numbers, a + b/N and a + b/√N, and whether they have one limit.

    Attributes
    ----------
    sizes : (K,), N.
    values : (K,), what was measured.
    sems : (K,), its standard errors.
    inverse : the fit of a + b/N.
    root : the fit of a + b/√N.
    span : the largest size over the least.
    decided : whether the limits agree within their errors, and one law holds at least; never of
        two sizes, through which every law passes.
    """

    sizes: Array
    values: Array
    sems: Array
    inverse: Extrapolation
    root: Extrapolation
    span: float
    decided: bool

    def __repr__(self) -> str:
        fits = ", ".join(
            f"{with_error(fit.limit, fit.sem)} by {law} (χ² per degree of freedom {fit.misfit:.2g})"
            for law, fit in (("1/N", self.inverse), ("1/√N", self.root))
        )
        verdict = "limits agree" if self.decided else "limit not decided"
        return f"SizeDependence({verdict}: {fits}; sizes span a factor {self.span:.3g})"


def size_dependence(
    sizes: Sequence[int] | Array,
    values: Sequence[float] | Array,
    sems: Sequence[float] | Array,
    samples: int | None = None,
) -> SizeDependence:
    """Fit a + b/N and a + b/√N to what was measured at several sizes.

    Parameters
    ----------
    sizes : (K,) N, at least two, increasing.
    values : (K,) what was measured.
    sems : (K,) its standard errors.
    samples : pattern sets per size, at least 2; None: many.

    Returns
    -------
    SizeDependence

    Raises
    ------
    ValueError : fewer than two sizes or samples, values or errors that are not (K,), a negative
        error.

    Examples
    --------
    >>> size_dependence([100, 200, 400], np.array([0.41, 0.43, 0.44]), np.full(3, 0.002)).decided
    False
    """
    grid = system_sizes(sizes)
    values, sems = _checks.doubles("values", values), _checks.doubles("sems", sems)
    if not values.shape == sems.shape == grid.shape:
        shapes = f"{values.shape} and {sems.shape}"
        raise ValueError(f"values and sems must have shape ({len(grid)},), got {shapes}")
    samples = None if samples is None else _checks.whole("samples", samples, low=2)
    if (sems < 0).any():
        raise ValueError(f"sems must be at least 0, got {sems.min():g}")
    fits = [extrapolate(grid, values, sems, exponent, samples) for exponent in _EXPONENTS]
    freedom = len(grid) - 2
    misfits = [freedom * fit.misfit for fit in fits if freedom]
    likely = [scipy.special.chdtrc(freedom, one) > _IMPROBABLE for one in misfits]
    apart = abs(fits[0].limit - fits[1].limit)
    return SizeDependence(
        sizes=grid,
        values=values,
        sems=sems,
        inverse=fits[0],
        root=fits[1],
        span=float(grid[-1] / grid[0]),
        decided=bool(any(likely) and apart <= math.hypot(fits[0].sem, fits[1].sem)),
    )


def extrapolate(
    sizes: Sequence[int] | Array,
    load: Array,
    sem: Array,
    exponent: float = 2 / 3,
    samples: int | None = None,
) -> Extrapolation:
    """Limit α_∞ of α(N) = α_∞ + a N^{−x}, by least squares weighted with the errors.

    Parameters
    ----------
    sizes : (K,) N.
    load : (K,) α(N).
    sem : (K,) their standard errors.
    exponent : x > 0.
    samples : pattern sets per size, at least 2; None: many.

    Returns
    -------
    Extrapolation, all NaN unless every load and error is finite.

    Raises
    ------
    ValueError : fewer than two sizes, an exponent that is not positive.

    Examples
    --------
    >>> N = np.array([100, 400, 1600])
    >>> found = extrapolate(N, 0.138 + 0.7 * N**-0.5, np.full(3, 1e-3), exponent=0.5)
    >>> round(found.limit, 6), round(found.sem, 6)
    (0.138, 0.001225)
    """
    grid = system_sizes(sizes)
    x = _checks.positive("exponent", exponent)
    z = grid**-x
    if not (np.isfinite(load).all() and np.isfinite(sem).all()):
        return Extrapolation(np.nan, np.nan, (np.nan, np.nan), np.nan, x, np.nan)
    weights = 1 / np.maximum(sem, 1e-12) ** 2
    share = weights / weights.sum()
    middle = float(share @ z)
    slope = float((share * (z - middle)) @ load / (share @ (z - middle) ** 2))
    limit = float(share @ load) - slope * middle
    error = float(np.sqrt((1 + middle**2 / (share @ (z - middle) ** 2)) / weights.sum()))
    freedom = math.inf if samples is None else samples - 1
    half = error * float(scipy.special.stdtrit(freedom, 0.975))
    left = ((load - limit - slope * z) ** 2 * weights).sum()
    return Extrapolation(
        limit=limit,
        sem=error,
        interval=(limit - half, limit + half),
        slope=slope,
        exponent=x,
        misfit=float(left / (len(grid) - 2)) if len(grid) > 2 else float("nan"),
    )


def system_sizes(sizes: Sequence[int] | Array) -> Array:
    """At least two whole numbers above 0 that increase, (K,), or a ValueError."""
    grid = np.asarray(_checks.several("sizes", sizes))
    if grid.ndim != 1 or len(grid) < 2 or not (grid >= 1).all() or (grid != grid.round()).any():
        raise ValueError(f"sizes must be at least two whole numbers above 0, got {sizes}")
    return increasing("sizes", grid.astype(np.float64))


def increasing(name: str, grid: Array) -> Array:
    """The same numbers, or a ValueError if they do not increase."""
    if (np.diff(grid) <= 0).any():
        raise ValueError(f"{name} must increase, got {grid.tolist()}")
    return grid
