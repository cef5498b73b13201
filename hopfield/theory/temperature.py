r"""Hebb's couplings at load α = P/N and temperature T (Amit, Gutfreund & Sompolinsky 1987).

Replica-symmetric equations of a state of overlap m, with β = 1/T, X = u + vz, z normal,
u = βm and v = β√(αr):

    E tanh X = Tu,    q = E tanh² X,    K = (1 − q)/T,    α(v; T) = (vT(1 − K))²/q.

For given v the largest u of the first equation is the retrieval state, so that α is an explicit
function of v; iterating m, q and r does not converge reliably. Lines in the plane (α, T):

    retrieval   T_M, up to which the patterns are states: α_M(T) = max_v α(v; T)
    global      T_c, up to which they are the lowest ones: their free energy
                f = α/2 + m²/2 + (α/2β)[ln(1 − K) − βq/(1 − K)] + v²T(1 − q)/2 − T E ln 2cosh X
                is that of the spin glass, u = 0
    glass       T_g = 1 + √α, below which there is a spin glass
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf

from hopfield._checks import choice, number
from hopfield.theory import _checks
from hopfield.theory._checks import Array
from hopfield.theory.crosstalk import crosstalk_capacity, crosstalk_overlap

_COLD = 1e-6  # temperature below which the state is that of T = 0, to 1e-12
_REENTRANT = 0.2  # below it the global line turns back, which replica symmetry makes up


def ags_overlap(load: ArrayLike, temperature: float = 0.0) -> Any:
    """Overlap of the retrieval state of Hebb's couplings.

    Parameters
    ----------
    load : α ≥ 0, a number or an array.
    temperature : T ≥ 0.

    Returns
    -------
    m, of the shape of `load`; 0 above the capacity. At α = 0 it solves m = tanh(m/T).

    Raises
    ------
    ValueError : a load or temperature that is negative or not finite.

    Examples
    --------
    >>> [round(float(ags_overlap(load)), 5) for load in (0.1, 0.2)]
    [0.998, 0.0]
    >>> round(float(ags_overlap(0.05, temperature=0.5)), 5)
    0.90411
    """
    T = number("temperature", temperature, low=0, high=_checks.LARGEST)
    if T < _COLD:
        return crosstalk_overlap(load)
    alpha = _checks.from_zero("load", load)
    return np.vectorize(lambda one: _overlap(one, T), otypes=[np.float64])(alpha)[()]


def ags_capacity(temperature: float = 0.0) -> float:
    """Load up to which Hebb's couplings retrieve.

    Parameters
    ----------
    temperature : T ≥ 0.

    Returns
    -------
    α_c ≈ 0.1379 at T = 0; it falls to 0 at T = 1.

    Raises
    ------
    ValueError : a temperature that is negative or not finite.

    Examples
    --------
    >>> round(ags_capacity(), 6), round(ags_capacity(0.5), 6)
    (0.137906, 0.058816)
    """
    T = number("temperature", temperature, low=0, high=_checks.LARGEST)
    return crosstalk_capacity() if T < _COLD else _fold(T).load


def ags_temperature(load: ArrayLike, line: str = "retrieval") -> Any:
    """Temperature up to which Hebb's couplings have a phase.

    Parameters
    ----------
    load : α ≥ 0, a number or an array.
    line : "retrieval", up to which the patterns are states (0 above the capacity); "global", up
        to which they have the lowest free energy; "glass", up to which there is a spin glass.

    Returns
    -------
    T, of the shape of `load`. Replica symmetry bends the first two lines back at low T, which is
    an artefact (Naef & Canning 1992). The retrieval line is taken to end at the α_c of T = 0,
    by 0.2 % too early. The global line is NaN where it would lie below T = 0.2, from α = 0.0507
    on; at T = 0 it ends at α = 0.0519.

    Raises
    ------
    ValueError : a load that is negative or not finite, an unknown line.

    Examples
    --------
    >>> [round(float(ags_temperature(0.05, one)), 3) for one in ("retrieval", "global", "glass")]
    [0.542, 0.216, 1.224]
    """
    alpha = _checks.from_zero("load", load)
    line = choice("line", line, ("retrieval", "global", "glass"))
    if line == "glass":
        return (1 + np.sqrt(alpha))[()]
    found = _retrieval_line if line == "retrieval" else _global_line
    return np.vectorize(found, otypes=[np.float64])(alpha)[()]


class _Fold(NamedTuple):
    """Largest load of a temperature, and v there."""

    v: float
    load: float


def _expected(u: float, v: float) -> tuple[float, float, float]:
    """E tanh X, E sech² X and E ln 2cosh X, X = u + vz.

    For v ≥ 1 as averages over a variable x of density sech²(x)/2, in which tanh X is the mean of
    sign(X − x); the sum over an even grid is then exact to rounding, as that over z for v < 1.
    """
    if v < 1:
        x = u + v * _NORMAL[0]
        tanh = np.tanh(x)
        values = np.stack([tanh, 1 - tanh**2, np.abs(x) + np.log1p(np.exp(-2 * np.abs(x)))])
        return tuple(values @ _NORMAL[1])
    gap = (u - _LOGISTIC[0]) / v
    density, sign = np.exp(-(gap**2) / 2), erf(gap / math.sqrt(2))
    size = v * (math.sqrt(2 / math.pi) * density + gap * sign)
    values = np.stack([sign, math.sqrt(2 / math.pi) / v * density, size])
    return tuple(values @ _LOGISTIC[1])


def _grid(half: float, step: float, log_density: Any) -> tuple[Array, Array]:
    x = np.arange(-half, half + step / 2, step)
    weights = np.exp(log_density(x))
    return x, weights / weights.sum()


_NORMAL = _grid(9.5, 0.05, lambda z: -(z**2) / 2)
_LOGISTIC = _grid(20.0, 0.1, lambda x: -2 * np.logaddexp(x, -x))


class _State(NamedTuple):
    """A solution: u = βm, v = β√(αr), its load α and free energy f."""

    u: float
    v: float
    load: float
    free_energy: float


def _state(v: float, T: float, *, retrieves: bool) -> _State:
    """The state of the largest overlap, or of overlap 0, with load 0 where there is none."""
    u = _pull(v, T) if retrieves else 0.0
    _, open_, log_cosh = _expected(u, v)
    q, K = 1 - open_, open_ / T
    if K >= 1 or q <= 0:  # paramagnetic
        return _State(u, v, 0.0, -T * math.log(2))
    load = (v * T * (1 - K)) ** 2 / q
    glass = load * T / 2 * (math.log1p(-K) - q / (T * (1 - K)))
    energy = load / 2 + (T * u) ** 2 / 2 + v**2 * T * open_ / 2
    return _State(u, v, load, energy + glass - T * log_cosh)


def _pull(v: float, T: float) -> float:
    """Largest root u of E tanh(u + vz) = Tu, which is concave: 0 or one above it."""
    low, high = 1e-7, 1.001 / T
    if _expected(low, v)[0] <= T * low:
        return 0.0
    return brentq(lambda u: _expected(u, v)[0] - T * u, low, high, xtol=1e-15, rtol=1e-14)


def _last(T: float) -> float:
    """Value of v at which the overlap of the state becomes 0, E sech²(vz) = T < 1."""
    high = 1.0
    while _expected(0.0, high)[1] > T:
        high *= 2
    return brentq(lambda v: _expected(0.0, v)[1] - T, 0.0, high, xtol=1e-15)


@lru_cache(256)
def _fold(T: float) -> _Fold:
    if T >= 1:
        return _Fold(0.0, 0.0)
    found = minimize_scalar(
        lambda v: -_state(v, T, retrieves=True).load,
        bounds=(0.0, _last(T)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return _Fold(float(found.x), -float(found.fun))


def _overlap(load: float, T: float) -> float:
    if T >= 1 or load > _fold(T).load:
        return 0.0
    if load == 0:
        return T * _pull(0.0, T)
    return T * _retrieval(load, T).u


def _retrieval(load: float, T: float) -> _State:
    """The state at a load up to the fold, where v rises with it."""
    top = _fold(T)
    if load >= top.load:
        return _state(top.v, T, retrieves=True)
    v = brentq(
        lambda v: _state(v, T, retrieves=True).load - load, 0.0, top.v, xtol=1e-15, rtol=1e-13
    )
    return _state(v, T, retrieves=True)


def _glass(load: float, T: float) -> _State:
    """The state without overlap."""
    if math.sqrt(load) <= T - 1:
        return _state(0.0, T, retrieves=False)

    def excess(v: float) -> float:
        return _state(v, T, retrieves=False).load - load

    low = _last(T) if T < 1 else 0.0
    high = max(2 * low, 1.0)
    while excess(high) < 0:
        high *= 2
    return _state(brentq(excess, low, high, xtol=1e-14), T, retrieves=False)


def _retrieval_line(load: float) -> float:
    if load >= crosstalk_capacity():
        return 0.0
    if load == 0:
        return 1.0
    return brentq(lambda T: _fold(T).load - load, _COLD, 1.0, xtol=1e-9)


def _global_line(load: float) -> float:
    if load == 0:
        return 1.0

    def excess(T: float) -> float:
        return _retrieval(load, T).free_energy - _glass(load, T).free_energy

    high = _retrieval_line(load)
    if high <= _REENTRANT or excess(_REENTRANT) > 0:
        return math.nan
    return brentq(excess, _REENTRANT, high, xtol=1e-9)
