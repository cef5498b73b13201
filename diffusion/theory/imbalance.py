r"""When a class of few points appears, and when its points are memorized.

Ornstein–Uhlenbeck time t, x_t = e^{−t}x + sqrt(1 − e^{−2t}) z; the reverse process runs from
large t to 0. Class c of weight ρ_c against another, o, both of variance s² in every direction,
Γ² = 1 + (s² − 1)e^{−2t}: on x_t of class c the log-odds of class c are

    log(ρ_c/ρ_o) + D + sqrt(2D) z,      D = e^{−2t}|μ_c − μ_o|²/(2Γ²),

D the divergence KL(c‖o) of the noised classes. A U-turn from class c at t lands in it with
probability φ_c = E sigmoid(log-odds), and ρ_1(1 − φ_1) = ρ_2(1 − φ_2) exactly: the flows from
one class to the other balance. The time at which class c has appeared has several definitions:

    median      log-odds are positive for half of the points,   D = log(ρ_o/ρ_c); minorities
    threshold   φ_c = ¾                                          recommended
    half-way    φ_c = (1 + ρ_c)/2                                the same for both classes
    bimodal     the density between the centres has two wells:   with a² = D/2,
                |log(ρ_1/ρ_2)| = 2 log(a − sqrt(a² − 1)) + 2a sqrt(a² − 1)

For other Gaussians the median time solves KL_t(c‖o) = log(ρ_o/ρ_c), up to the skew of the
log-odds. Memorization: the n_c points of class c are distinguished below t_C (a random energy
model of them alone). So on the way back a minority speciates later but collapses earlier.
(Balanced classes: Biroli, Bonnaire, de Bortoli & Mézard, arXiv 2402.18491.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit

from diffusion._checks import doubles, number, positive, together, whole
from diffusion._results import Result
from diffusion.theory import _checks
from diffusion.theory._checks import Array, class_weights

_Z = np.linspace(-10, 10, 2001)
_MASS = np.exp(-(_Z**2) / 2) / np.exp(-(_Z**2) / 2).sum()
_THRESHOLD = 0.75
_REACH = 60.0  # times searched, and logarithms of D


@dataclass(frozen=True, repr=False)
class SpeciationTimes(Result):
    """Ornstein–Uhlenbeck times, one per definition at the head of the module.

    A time is NaN where it does not exist, 0 where even in clean data the class has not appeared.
    """

    median: float
    threshold: float
    halfway: float
    bimodal: float


def own_class_probability(weight: ArrayLike, divergence: ArrayLike) -> Array:
    """Probability φ_c that a U-turn returns to its class.

    φ_c = E sigmoid(log(ρ_c/(1 − ρ_c)) + D + sqrt(2D) z).

    Parameters
    ----------
    weight : ρ_c, in (0, 1).
    divergence : D, not negative. They broadcast.

    Returns
    -------
    From ρ_c at D = 0 to 1, of the shape of the arguments together.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> own_class_probability([0.5, 0.1], [1.7017, 4.5538]).round(4)
    array([0.75, 0.75])
    """
    rho, D = together(
        weight=_checks.within("weight", weight, 0, 1),
        divergence=_checks.not_negative("divergence", divergence),
    )
    odds = np.log(rho / (1 - rho))
    return expit((odds + D)[..., None] + np.sqrt(2 * D)[..., None] * _Z) @ _MASS


def class_divergence(distance2: ArrayLike, variance: ArrayLike, time: ArrayLike) -> Array:
    """D = e^{−2t}|μ_c − μ_o|²/(2Γ²) of two classes of one variance.

    Parameters
    ----------
    distance2 : |μ_c − μ_o|², not negative.
    variance : s², positive.
    time : not negative.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> float(class_divergence(400.0, 1.0, np.log(10.0)).round(9))
    2.0
    """
    gap, t = _checks.not_negative("distance2", distance2), _checks.not_negative("time", time)
    fading = np.exp(-2 * t)
    return fading * gap / (2 * (1 + (_checks.positive("variance", variance) - 1) * fading))


def minority_speciation_time(weight: ArrayLike, distance2: ArrayLike, variance: ArrayLike) -> Array:
    """Median time at which a minority appears: ½ log(1 − s² + |Δμ|²/(2 log(ρ_o/ρ_c))).

    Parameters
    ----------
    weight : ρ_c, in (0, ½); for a majority the posterior is always above ½, without a time.
    distance2 : |μ_c − μ_o|² between the centres, positive.
    variance : s² of both classes in every direction, positive. All broadcast.

    Returns
    -------
    Ornstein–Uhlenbeck times; 0 where half of the clean points still have log-odds below 0.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> minority_speciation_time([0.2, 0.01], 400.0, 1.0).round(3)  # |Δμ| = 2 sqrt(d), d = 100
    array([2.486, 1.887])
    """
    rho, gap, s2 = together(
        weight=_checks.within("weight", weight, 0, 0.5),
        distance2=_checks.positive("distance2", distance2),
        variance=_checks.positive("variance", variance),
    )
    return _time_of(np.log((1 - rho) / rho), gap, s2)


def speciation_times(weight: float, distance2: float, variance: float) -> SpeciationTimes:
    """Times at which one of two classes appears, by every definition.

    Parameters
    ----------
    weight : ρ_c, in (0, 1).
    distance2, variance : as for `minority_speciation_time`.

    Returns
    -------
    SpeciationTimes; the median is NaN unless ρ_c < ½, the threshold unless ρ_c < ¾.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> found = speciation_times(0.1, 400.0, 1.0)
    >>> [round(t, 3) for t in (found.median, found.bimodal, found.halfway)]
    [2.256, 1.797, 2.18]
    """
    rho = number("weight", weight, low=0, high=1, open_low=True, open_high=True)
    gap, s2 = (positive(k, v) for k, v in (("distance2", distance2), ("variance", variance)))
    needed = needed_divergences(rho)
    return SpeciationTimes(**{k: float(_time_of(D, gap, s2)) for k, D in needed.items()})


def needed_divergences(weight: float) -> dict[str, float]:
    """D at which a class appears, for each definition; NaN where it has no such time.

    Parameters
    ----------
    weight : ρ_c, in (0, 1).

    Raises
    ------
    ValueError : a weight outside (0, 1).

    Examples
    --------
    >>> {name: round(D, 4) for name, D in needed_divergences(0.1).items()}
    {'median': 2.1972, 'threshold': 4.5538, 'halfway': 2.5547, 'bimodal': 5.493}
    """
    rho = number("weight", weight, low=0, high=1, open_low=True, open_high=True)
    odds = abs(float(np.log(rho / (1 - rho))))

    def reached(level: float) -> float:
        if level <= rho:
            return float("nan")
        return _root(lambda D: float(own_class_probability(rho, D)) - level)

    def wells(D: float) -> float:  # increasing for a ≥ 1, from 0
        a = np.sqrt(max(D / 2, 1.0))
        root = np.sqrt(a**2 - 1)
        return float(-2 * np.arccosh(a) + 2 * a * root) - odds

    return {
        "median": odds if rho < 0.5 else float("nan"),
        "threshold": reached(_THRESHOLD),
        "halfway": reached((1 + rho) / 2),
        "bimodal": 2.0 if odds == 0 else _root(wells),
    }


def gaussian_divergence(
    time: ArrayLike, distance2: float, variance: ArrayLike, other: ArrayLike, dimension: int = 1
) -> Array:
    """KL(c‖o) of two noised isotropic classes, nats.

    KL_t = (d/2)(R − 1 − log R) + e^{−2t}|Δμ|²/(2Γ_o²), R = Γ_c²/Γ_o².

    Parameters
    ----------
    time : Ornstein–Uhlenbeck times, not negative.
    distance2 : |μ_c − μ_o|², not negative.
    variance : s² of the class, positive.
    other : s² of the other class, positive.
    dimension : d, at least 1.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> float(gaussian_divergence(0.0, 4.0, 1.0, 2.0, 2).round(4))  # log 2 − ½ + 1
    1.1931
    """
    t, gap = _checks.not_negative("time", time), _checks.not_negative("distance2", distance2)
    d = _checks.positive("dimension", dimension)
    fading = np.exp(-2 * t)
    own, others = (
        1 + (_checks.positive(k, v) - 1) * fading
        for k, v in (("variance", variance), ("other", other))
    )
    ratio = own / others
    return d / 2 * (ratio - 1 - np.log(ratio)) + fading * gap / (2 * others)


def divergence_speciation_time(
    weight: float,
    other_weight: float,
    distance2: float,
    variance: float,
    other: float,
    dimension: int,
) -> float:
    """Median time at which class c stands out from one other: KL_t(c‖o) = log(ρ_o/ρ_c).

    Parameters
    ----------
    weight : ρ_c, positive and below ρ_o.
    other_weight : ρ_o; ρ_c + ρ_o is at most 1.
    distance2, variance, other, dimension : as for `gaussian_divergence`.

    Returns
    -------
    An Ornstein–Uhlenbeck time; 0 where even clean data is not distinguished.

    Raises
    ------
    ValueError : an argument outside its range, or a class that is not the smaller.

    Examples
    --------
    >>> round(divergence_speciation_time(0.1, 0.9, 0.0, 1.6, 0.4, 100), 4)  # by variance alone
    0.7265
    """
    rho, rest = (positive(k, v) for k, v in (("weight", weight), ("other_weight", other_weight)))
    if not rho < rest or rho + rest > 1 + 1e-6:
        raise ValueError(
            f"weight must be below other_weight and their sum at most 1, got {rho:g} and {rest:g}"
        )
    target = np.log(rest / rho)
    gap = number("distance2", distance2, low=0, high=np.inf, open_high=True)
    own, wide = positive("variance", variance), positive("other", other)
    d = whole("dimension", dimension)

    def excess(t: float) -> float:
        return float(gaussian_divergence(t, gap, own, wide, d)) - target

    return 0.0 if excess(0.0) <= 0 else float(brentq(excess, 0.0, _REACH, xtol=1e-12))


def median_speciation_times(weights: ArrayLike, means: ArrayLike, variances: ArrayLike) -> Array:
    """Median time of each of K isotropic classes: when it stands out from every larger one.

    It is the least `divergence_speciation_time` from a larger class. Several larger classes
    together also outweigh it; this is neglected, so that the time is an upper bound.

    Parameters
    ----------
    weights : (K,) positive, of sum 1.
    means : (K, d).
    variances : (K,) s², positive.

    Returns
    -------
    (K,) Ornstein–Uhlenbeck times; NaN for a class that no other outweighs, 0 where even
    clean data is not distinguished.

    Raises
    ------
    ValueError : an argument outside its range, or shapes that disagree.

    Examples
    --------
    >>> centres = 20 * np.eye(3, 100)
    >>> median_speciation_times([0.9, 0.09, 0.01], centres, [1.0, 1.0, 1.0]).round(1)
    array([nan, 2.6, 2.2])
    """
    rho, mu = class_weights(weights), doubles("means", means)
    s2 = _checks.positive("variances", variances)
    if mu.ndim != 2 or len(mu) != len(rho) or s2.shape != rho.shape or not np.isfinite(mu).all():
        raise ValueError(
            f"means must be finite, of shape ({len(rho)}, d), and variances ({len(rho)},), "
            f"got {mu.shape} and {s2.shape}"
        )
    found = np.full(len(rho), np.nan)
    for c, own in enumerate(rho):
        larger = [
            divergence_speciation_time(
                own, other, float(((mu[c] - mu[o]) ** 2).sum()), s2[c], s2[o], mu.shape[1]
            )
            for o, other in enumerate(rho)
            if other > own
        ]
        if larger:
            found[c] = min(larger)
    return found


def class_collapse_time(points: ArrayLike, variance: ArrayLike, dimension: int) -> Array:
    """t_C = ½ log(1 + s²/(n_c^{2/d} − 1)): below it the n_c points of a class are memorized.

    It is the collapse of `collapse_sigma` for the class alone: it holds once the class has
    appeared.

    Parameters
    ----------
    points : n_c, above 1.
    variance : s², positive. They broadcast.
    dimension : d, at least 1.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> class_collapse_time([20, 2000], 0.4, 100).round(3)
    array([1.006, 0.617])
    """
    n, d = _checks.size(points, "points"), _checks.positive("dimension", dimension)
    with np.errstate(over="ignore"):
        return np.log1p(_checks.positive("variance", variance) / np.expm1(2 / d * np.log(n))) / 2


def class_collapse_points(variance: ArrayLike, sigma: ArrayLike, dimension: int) -> Array:
    """Number of points of a class that noise level σ still distinguishes, (1 + s²/σ²)^{d/2}.

    Parameters
    ----------
    variance : s², positive.
    sigma : noise level, positive. They broadcast.
    dimension : d, at least 1.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> float(class_collapse_points(3.0, 1.0, 4).round(9))
    16.0
    """
    t, d = _checks.noise_variance(sigma), _checks.positive("dimension", dimension)
    with np.errstate(over="ignore"):  # more than can be counted
        return np.exp(d / 2 * np.log1p(_checks.positive("variance", variance) / t))


def _time_of(divergence: ArrayLike, distance2: ArrayLike, variance: ArrayLike) -> Array:
    """t at which D has this value: ½ log(1 − s² + |Δμ|²/(2D)), 0 where clean data has less."""
    inside = 1 - np.asarray(variance) + np.asarray(distance2) / (2 * np.asarray(divergence))
    return np.where(np.isnan(inside), np.nan, np.log(np.fmax(inside, 1.0)) / 2)[()]


def _root(excess: Callable[[float], float]) -> float:
    """D at which an increasing function of it crosses 0."""
    low, high = -_REACH, float(np.log(1e6))
    return float(np.exp(brentq(lambda u: excess(np.exp(u)), low, high, xtol=1e-13)))
