r"""One theory of retrieval at zero temperature, for all memories with linear fields.

A spin of the retrieved pattern feels the signal m and Gaussian crosstalk of variance α[r(C) + d],
load α = P/N, N → ∞, random patterns. A share ρ of the spins may be known and held:

    m = ρ + (1 − ρ) erf y,    y = m/√(2α[r(C) + d]),    C = (1 − ρ)(2/√π)(y/m) e^{−y²}.

C is the mean response of a spin to its field; r(C) is how often crosstalk returns through it:

    Hopfield, symmetric              1/(1 − C)²           (Amit, Gutfreund & Sompolinsky 1985)
    bidirectional, equal layers      (1 + C²)/(1 − C²)²   (Kurchan, Peliti & Saber 1994)
    sequence, parallel               1/(1 − C²)           (Düring, Coolen & Sherrington 1998)
    strongly diluted, asymmetric     1                    (Derrida, Gardner & Zippelius 1987)

d = 1/ϱ² − 1 for couplings replaced by others of correlation ϱ with them. Solved for the load,

    α(y) = m²/(2y²[r(C) + d]),

the capacity is the largest maximum in y, and the retrieval state is the largest root y.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar

from hopfield._checks import choice, number, real, together, whole
from hopfield.precision import quantiser
from hopfield.theory import _checks

Response = Callable[[float], float]

_KINDS: dict[str, Response] = {
    "symmetric": lambda C: 1 / (1 - C) ** 2,
    "bidirectional": lambda C: (1 + C**2) / (1 - C**2) ** 2,
    "sequence": lambda C: 1 / (1 - C**2),
    "diluted": lambda _: 1.0,
}
_LEAST, _MOST, _POINTS = 1e-4, 1e3, 2000  # of y, among which the maximum is looked for
_TINY = 1e-80  # y of a state that only known spins hold up, at any load


def crosstalk_overlap(
    load: ArrayLike, r: str | Response = "symmetric", d: float = 0.0, known: float = 0.0
) -> Any:
    """Overlap of the retrieval state of a memory with linear fields.

    Parameters
    ----------
    load : α ≥ 0, a number or an array.
    r : "symmetric", "bidirectional", "sequence" or "diluted"; or a function of the response C in
        [0, 1] that is at least 1.
    d : variance ≥ 0 that other couplings add to the crosstalk; see `coupling_noise`.
    known : share ρ in [0, 1) of the spins that are known and held.

    Returns
    -------
    m of all spins, of the shape of `load`: 1 at α = 0. Above the capacity it is 0; with known
    spins the state that these alone hold up. Free spins have (m − ρ)/(1 − ρ).

    Raises
    ------
    ValueError : a load or d that is negative or not finite, ρ outside [0, 1), an unknown word, a
        function whose values are no numbers of at least 1.

    Examples
    --------
    >>> [round(float(m), 5) for m in crosstalk_overlap([0.1, 0.15, 0.25], "sequence")]
    [0.9984, 0.98909, 0.91402]
    """
    model, alpha = _model(r, d, known), _checks.from_zero("load", load)
    return np.vectorize(model.overlap, otypes=[np.float64])(alpha)[()]


def crosstalk_capacity(
    r: str | Response = "symmetric", d: float = 0.0, known: float = 0.0
) -> float:
    """Load up to which a memory with linear fields retrieves.

    Parameters
    ----------
    r : kind of memory, or a function of the response, as in `crosstalk_overlap`.
    d : variance ≥ 0 that other couplings add to the crosstalk.
    known : share ρ in [0, 1) of the spins that are known and held.

    Returns
    -------
    α_c; infinity where so many spins are known that recall fades without a jump, above
    ρ = 0.287 of Hebb's couplings.

    Raises
    ------
    ValueError : as `crosstalk_overlap`.

    Examples
    --------
    >>> [round(crosstalk_capacity(kind), 4) for kind in ("symmetric", "bidirectional", "diluted")]
    [0.1379, 0.1998, 0.6366]
    """
    return _fold(_model(r, d, known))[1]


def coupling_noise(levels: int | None = None, keep: float = 1.0) -> float:
    """Variance d that quantised or diluted couplings add to the crosstalk, d = 1/ϱ² − 1.

    Parameters
    ----------
    levels : of `hopfield.clip_couplings`, at least 2; None leaves the couplings as they are.
    keep : share of the couplings in (0, 1] that `hopfield.dilute` keeps.

    Returns
    -------
    d ≥ 0; ϱ² = keep · ϱ²(levels), which is 2/π for signs and 0.8098 for three levels.

    Raises
    ------
    ValueError : fewer than 2 levels, a share outside (0, 1].

    Examples
    --------
    >>> round(crosstalk_capacity(d=coupling_noise(levels=2)), 6)
    0.101839
    >>> round(crosstalk_capacity(d=coupling_noise(keep=0.5)), 6)
    0.086542
    """
    share = number("keep", keep, low=1e-12, high=1)
    kept = 1.0 if levels is None else quantiser(whole("levels", levels, low=2, high=256)).kept
    return 1 / (share * kept) - 1


def potts_capacity(colours: int) -> float:
    """Load up to which the Potts–Hopfield memory retrieves, α_c(2) q(q − 1)/2 (Kanter 1988).

    Parameters
    ----------
    colours : q ≥ 2.

    Returns
    -------
    P/N, approximate for q > 2.

    Raises
    ------
    ValueError : q below 2.

    Examples
    --------
    >>> [round(potts_capacity(q), 3) for q in (2, 3, 5)]
    [0.138, 0.414, 1.379]
    """
    q = whole("colours", colours, low=2, high=2**31)
    return crosstalk_capacity() * q * (q - 1) / 2


def sequence_overlap(load: float, overlap: float, steps: int) -> float:
    r"""Overlap with the pattern that is due after some parallel steps along a sequence.

    m ← erf(m/√(2αv)) and v ← 1 + C²v with C = √(2/(παv)) e^{−m²/(2αv)}, from v = 1: the crosstalk
    of one step returns in the next (Düring, Coolen & Sherrington 1998). After many steps from a
    pattern it is `crosstalk_overlap(load, "sequence")`.

    Parameters
    ----------
    load : α ≥ 0.
    overlap : m₀ of the cue with its own pattern, −1 to 1.
    steps : at least 1.

    Returns
    -------
    m, for N → ∞.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> [round(sequence_overlap(0.15, 0.4, steps), 3) for steps in (1, 3, 20)]
    [0.698, 0.815, 0.989]
    """
    alpha = number("load", load, low=0, high=1e100)
    m, v = number("overlap", overlap, low=-1, high=1), 1.0
    for _ in range(whole("steps", steps)):
        noise = math.sqrt(2 * alpha * v)
        if noise == 0:
            return float(np.sign(m))
        y = m / noise
        response = 2 / math.sqrt(math.pi) * math.exp(-(y**2)) / noise
        m, v = math.erf(y), 1 + response**2 * v
    return m


def diluted_overlap(patterns: ArrayLike, degree: ArrayLike) -> Any:
    """Overlap of strongly diluted asymmetric couplings at a finite number of inputs per spin.

    m = erf(m/√(2(P − m²)/C)): the crosstalk of C inputs has the variance (P − m²)/C, since the
    retrieved pattern adds none. As C → ∞ it is `crosstalk_overlap(P/C, "diluted")`.

    Parameters
    ----------
    patterns : P ≥ 1, a number or an array.
    degree : C ≥ 1, inputs per spin, a number or an array that broadcasts with P.

    Returns
    -------
    m, of the broadcast shape.

    Raises
    ------
    ValueError : a number below 1 or not finite.

    Examples
    --------
    >>> [round(float(m), 4) for m in diluted_overlap([9, 17, 21], 40)]
    [0.9691, 0.772, 0.5817]
    """
    P, C = together(
        patterns=_checks.at_least("patterns", patterns, 1),
        degree=_checks.at_least("degree", degree, 1),
    )
    return np.vectorize(_diluted_overlap, otypes=[np.float64])(P, C)[()]


def _diluted_overlap(patterns: float, degree: float) -> float:
    def excess(y: float) -> float:
        return math.erf(y) ** 2 + math.erf(y) ** 2 / (2 * y**2) * degree - patterns

    if excess(_LEAST) <= 0:
        return 0.0
    high = 10.0
    while excess(high) > 0 and high < 1e100:  # m = 1: a single pattern has no crosstalk
        high *= 10
    return 1.0 if excess(high) > 0 else math.erf(brentq(excess, _LEAST, high, xtol=1e-14))


class _Model(NamedTuple):
    """A memory by its response function, d and ρ: its load α(y), the fold, and the largest root."""

    r: Response
    d: float
    known: float

    def overlap_at(self, y: float) -> float:
        return self.known + (1 - self.known) * math.erf(y)

    def load_at(self, y: float) -> float:
        m = self.overlap_at(y)
        C = (1 - self.known) * 2 / math.sqrt(math.pi) * (y / m) * math.exp(-(y**2))
        return m**2 / (2 * y**2 * (self.r(C) + self.d))

    def overlap(self, load: float) -> float:
        if load == 0:
            return 1.0
        top, capacity = _fold(self)
        if load <= capacity:
            return self._root(load, top, 2 * max(top, 1 / math.sqrt(2 * load)))
        if not self.known:
            return 0.0
        low = minimize_scalar(self.load_at, bounds=(_LEAST, top), method="bounded").x
        return self._root(load, _TINY, float(low))  # what known spins alone hold up

    def _root(self, load: float, low: float, high: float) -> float:
        """Overlap at the root in an interval in which α(y) falls."""
        if self.load_at(low) <= load:  # at the fold, within rounding
            return self.overlap_at(low)
        if self.load_at(high) >= load:
            return self.overlap_at(high)
        root = brentq(
            lambda log_y: math.log(self.load_at(math.exp(log_y)) / load),
            math.log(low),
            math.log(high),
            xtol=1e-14,
        )
        return self.overlap_at(math.exp(root))


@lru_cache(64)
def _fold(model: _Model) -> tuple[float, float]:
    """Maximum of α(y) at the largest y: its place and the load, the capacity."""
    grid = np.geomspace(_MOST, _LEAST, _POINTS)
    loads = np.array([model.load_at(y) for y in grid])
    falls = np.flatnonzero(loads[1:] < loads[:-1] * (1 - 1e-9))
    if not len(falls):  # no fold: m falls without a jump
        return _TINY if model.known else _LEAST, math.inf if model.known else float(loads[-1])
    found = minimize_scalar(
        lambda y: -model.load_at(y),
        bounds=(grid[falls[0] + 1], grid[max(falls[0] - 2, 0)]),
        method="bounded",
        options={"xatol": 1e-11},
    )
    return float(found.x), -float(found.fun)


def _model(r: str | Response, d: float, known: float) -> _Model:
    """Response function, d and ρ, checked."""
    d, known = number("d", d, low=0, high=_checks.LARGEST), number("known", known, low=0, high=1)
    if known == 1:
        raise ValueError(f"known must lie in [0, 1), got {known}")
    if callable(r) and not isinstance(r, type):
        return _Model(_checked(r), d, known)
    return _Model(_KINDS[choice("r", r, tuple(_KINDS))], d, known)


def _checked(r: Response) -> Response:
    def response(C: float) -> float:
        found = real("r", r(C), "a function of C that returns numbers")
        if not 1 <= found < math.inf:
            raise ValueError(f"r must return finite numbers of at least 1, got {found} at C = {C}")
        return found

    return response
