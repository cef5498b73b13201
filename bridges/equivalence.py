r"""The dictionary between associative memories and diffusion models.

A denoiser of the empirical density at noise level σ and the exponential dense memory of
the same patterns at β = 1/σ² are one object (`bridges.identities`). The noise of a cue has
many names. In units of a pattern's rms entry, for x = ξ + σz with |ξ|² = N,

    cosine    m = 1/sqrt(1 + σ²)                 of the cue with its pattern
    time      t = ½ ln(1 + σ²)                   Ornstein–Uhlenbeck, signal a = e^{−t} = m
    beta, snr 1/σ² = m²/(1 − m²)                 λ of the dense memory that matches the noise

and spins at overlap m₀, a share f = (1 − m₀)/2 of them flipped, are tied to it by a named map:

    "cosine"        m₀ = m, the default: what all measurements here mean by overlap
    "hard"          m₀ = erf(1/(σ√2)), the signs of a noisy cue
    "information"   ½[(1+m₀) ln(1+m₀) + (1−m₀) ln(1−m₀)] = ½ ln(1 + 1/σ²): one channel is as
                    good as the other; a clean spin holds ln 2, so that σ ≥ 1/√3

Units of others, with β and E of this package: unit-norm patterns β_u = Nβ; Pham et al. (2025)
β_P = β/2 and E_P = −(1/β_P) log Σ e^{−β_P|x−ξ|²} = 2E; Ramsauer et al. (2020), b = 0,
E_R = E + (ln P)/β + max|ξ|²/2; fused attention takes β for its `scale`, whose default is 1/√N.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bridges import _checks
from diffusion import EmpiricalDenoiser
from hopfield import DenseMemory
from hopfield.theory import flip_information, spins_of_information

Array = NDArray[np.float64]
MAPS = ("cosine", "hard", "information")
_LEAST_NOISE = 3**-0.5  # σ that leaves as much information as a clean spin
_LEAST, _MOST = 1e-150, 1e150  # σ whose square is a number of double precision


def noise_of_overlap(overlap: ArrayLike, rule: str = "cosine") -> Any:
    """Noise σ, in units of a pattern's rms entry, of a cue as good as spins at an overlap.

    Parameters
    ----------
    overlap : m in (0, 1], a number or an array.
    rule : "cosine", σ² = 1/m² − 1; "hard"; or "information". See the head of the module.

    Returns
    -------
    σ, a float or an array of the same shape.

    Raises
    ------
    ValueError : an overlap outside (0, 1], an unknown rule.

    Examples
    --------
    >>> round(noise_of_overlap(0.8), 12)
    0.75
    >>> round(noise_of_overlap(0.8, "hard"), 4), round(noise_of_overlap(1.0, "information"), 4)
    (0.7803, 0.5774)
    """
    _checks.choice("rule", rule, MAPS)
    m = _inside("overlap", overlap, 0, 1, open_low=True)
    with np.errstate(over="ignore", divide="ignore"):
        if rule == "cosine":
            noise = np.sqrt((1 - m) * (1 + m)) / m
        elif rule == "hard":
            noise = 1 / (math.sqrt(2) * np.where(m < 1, scipy.special.erfinv(m), np.inf))
        else:
            noise = np.expm1(2 * flip_information(m)) ** -0.5
    return _plain(_representable("overlap", m, noise))


def overlap_of_noise(noise: ArrayLike, rule: str = "cosine") -> Any:
    """Overlap m of spins as good as a cue with noise σ; the inverse of `noise_of_overlap`.

    Parameters
    ----------
    noise : σ ≥ 0, a number or an array; at least 1/√3 for "information".
    rule : as for `noise_of_overlap`.

    Raises
    ------
    ValueError : a noise outside its range, an unknown rule.

    Examples
    --------
    >>> round(overlap_of_noise(0.75), 12)
    0.8
    """
    _checks.choice("rule", rule, MAPS)
    low = _LEAST_NOISE * (1 - 1e-12) if rule == "information" else 0
    s = _inside("noise", noise, low, math.inf)
    if rule == "cosine":
        return _plain(1 / np.hypot(1, s))
    with np.errstate(divide="ignore", over="ignore"):
        if rule == "hard":
            return _plain(scipy.special.erf(1 / (math.sqrt(2) * s)))
        return _plain(spins_of_information(np.minimum(np.log1p(s**-2.0) / 2, math.log(2))))


def translate(value: ArrayLike, source: str, target: str, rule: str = "cosine") -> Any:
    """One measure of a cue's noise as another.

    Parameters
    ----------
    value : a number or an array.
    source : "sigma" (≥ 0), "cosine" and "overlap" (in (0, 1]), "flips" (share of the
        spins, in [0, ½)), "time" (≥ 0), "beta" and "snr" (> 0, ∞ without noise).
    target : another of these.
    rule : which map ties overlap and flips to the others: "cosine", "hard", "information".

    Returns
    -------
    A float, or an array of the shape of `value`.

    Raises
    ------
    ValueError : an unknown name, or a value outside its range.

    Examples
    --------
    >>> round(translate(0.75, "sigma", "flips"), 12)  # cosine 0.8
    0.1
    >>> translate([1.0, 4.0], "beta", "sigma").tolist()
    [1.0, 0.5]
    """
    _checks.choice("source", source, tuple(_WORDS))
    _checks.choice("target", target, tuple(_WORDS))
    _checks.choice("rule", rule, MAPS)
    given = _checks.doubles("value", value)
    return _plain(np.asarray(_WORDS[target].of(_WORDS[source].noise(given, rule), rule)))


def load_of_patterns(patterns: ArrayLike, size: ArrayLike, kind: str = "linear") -> Any:
    """Load α of P patterns in the unit in which a memory fills up.

    Parameters
    ----------
    patterns : P > 0, a number or an array.
    size : N ≥ 1, the same; both are broadcast.
    kind : "linear", P/N; "quadratic", P/N², and "cubic", P/N³, of polynomial memories of
        degree 3 and 4; or "exponential", ln P/N.

    Returns
    -------
    α, of the broadcast shape.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> load_of_patterns(55, 20), round(load_of_patterns(55, 20, "exponential"), 4)
    (2.75, 0.2004)
    """
    power = _power(kind)
    P = _inside("patterns", patterns, 0, math.inf, open_low=True)
    N = _inside("size", size, 1, math.inf)
    return _plain(P / N**power if power else np.log(P) / N)


def patterns_of_load(load: ArrayLike, size: ArrayLike, kind: str = "linear") -> Any:
    """Number of patterns P of a load; the inverse of `load_of_patterns`, not rounded.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> round(patterns_of_load(0.138, 1000), 6)
    138.0
    """
    power = _power(kind)
    low = 0 if power else -math.inf
    alpha = _inside("load", load, low, math.inf, open_low=True)
    N = _inside("size", size, 1, math.inf)
    with np.errstate(over="ignore"):
        return _plain(
            _representable("load", alpha, alpha * N**power if power else np.exp(alpha * N))
        )


def beta_elsewhere(beta: ArrayLike, convention: str, size: int) -> Any:
    """β of this package in another's units; see the head of the module.

    Parameters
    ----------
    beta : β > 0, a number or an array.
    convention : "unit-norm" (Nβ), "pham" (β/2), "ramsauer" (β), or "attention" (β√N, in units
        of the default scale of `scaled_dot_product_attention`).
    size : N ≥ 1.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> beta_elsewhere(0.5, "unit-norm", 64), beta_elsewhere(0.5, "attention", 64)
    (32.0, 4.0)
    """
    size = _checks.whole("size", size)
    factors = {"unit-norm": size, "pham": 0.5, "ramsauer": 1.0, "attention": math.sqrt(size)}
    _checks.choice("convention", convention, tuple(factors))
    given = _inside("beta", beta, 0, math.inf, open_low=True)
    with np.errstate(over="ignore"):
        return _plain(_representable("beta", given, factors[convention] * given))


def energy_elsewhere(energy: Tensor, convention: str, beta: float, patterns: Tensor) -> Tensor:
    """Energies of a dense memory as others write them; see the head of the module.

    Parameters
    ----------
    energy : (B,), of an exponential `DenseMemory`.
    convention : "pham", of one with norm correction, or "ramsauer", of one without.
    beta : β > 0 of this package.
    patterns : (P, N)

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> import torch
    >>> energy_elsewhere(torch.tensor([1.5]), "pham", 1.0, torch.ones(1, 1))
    tensor([3.])
    """
    _checks.choice("convention", convention, ("pham", "ramsauer"))
    energy, beta = _checks.tensor("energy", energy), _checks.positive("beta", beta)
    stored = _checks.stored("patterns", patterns, binary=False)
    if convention == "pham":
        return 2 * energy
    constant = math.log(len(stored)) / beta
    return energy + constant + float(stored.square().sum(1).max()) / 2


def dense_memory_of(denoiser: EmpiricalDenoiser, sigma: float) -> DenseMemory:
    """The exponential dense memory, b = 1, β = 1/σ², whose update is the denoiser at σ.

    Log-weights of the data are those of the patterns.

    Raises
    ------
    ValueError : sigma not positive, or its square no number of double precision.

    Examples
    --------
    >>> import torch
    >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]]))
    >>> dense_memory_of(denoiser, 1.0).step(torch.tensor([[0.5]]))
    tensor([[0.4621]])
    """
    _checks.empirical(denoiser)
    sigma = _squarable(sigma)
    return DenseMemory(
        denoiser.points(), "exponential", beta=sigma**-2, log_weights=denoiser.log_weights
    )


def energy_of_log_density(
    log_density: Tensor,
    sigma: float,
    patterns: int,
    size: int,
    log_weights: Tensor | None = None,
) -> Tensor:
    """Energy E of the dense memory from log p_σ of its P patterns in N dimensions.

    E = −σ² log p_σ − σ²[log P + (N/2) log 2πσ²] (identity 1 of
    `bridges.identities`). Log-weights a_μ have log Σ_μ e^{a_μ} in place of log P.

    Raises
    ------
    ValueError : sigma as for `dense_memory_of`, P or N below 1, log_weights not (P,).

    Examples
    --------
    >>> import torch
    >>> energy_of_log_density(torch.tensor(0.0), 1.0, patterns=1, size=2)
    tensor(-1.8379)
    """
    sigma = _squarable(sigma)
    patterns, size = _checks.whole("patterns", patterns), _checks.whole("size", size)
    log_density = _checks.tensor("log_density", log_density)
    mass = math.log(patterns)
    if log_weights is not None:
        given = _checks.one_per_row("log_weights", log_weights, log_density.new_empty(patterns))
        mass = float(given.logsumexp(0))
    constant = mass + size / 2 * math.log(2 * math.pi * sigma**2)
    return -(sigma**2) * (log_density + constant)


@dataclass(frozen=True)
class _Word:
    """A measure of noise: σ of it, and it of σ, both under a rule."""

    noise: Callable[[Array, str], Any]
    of: Callable[[Array, str], Any]


def _from_snr(name: str) -> Callable[[Array, str], Any]:
    return lambda value, _: _inside(name, value, 0, math.inf, open_low=True, infinite=True) ** -0.5


def _snr(s: Array, _: str) -> Any:
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(s, dtype=float) ** -2.0


def _noise_of_time(value: Array, _: str) -> Any:
    time = _inside("time", value, 0, math.inf)
    with np.errstate(over="ignore"):
        return _representable("time", time, np.exp(time) * np.sqrt(-np.expm1(-2 * time)))


def _time_of_noise(s: Array, _: str) -> Any:
    below = np.minimum(s, _MOST)  # whose square does not overflow
    return np.log1p(np.square(below)) / 2 + np.log(np.maximum(s / _MOST, 1))


_WORDS = {
    "sigma": _Word(lambda value, _: _inside("sigma", value, 0, math.inf), lambda s, _: s),
    "cosine": _Word(
        lambda value, _: noise_of_overlap(_inside("cosine", value, 0, 1, open_low=True)),
        lambda s, _: overlap_of_noise(s),
    ),
    "overlap": _Word(noise_of_overlap, overlap_of_noise),
    "flips": _Word(
        lambda value, rule: noise_of_overlap(
            1 - 2 * _inside("flips", value, 0, 0.5, open_high=True), rule
        ),
        lambda s, rule: (1 - overlap_of_noise(s, rule)) / 2,
    ),
    "time": _Word(_noise_of_time, _time_of_noise),
    "beta": _Word(_from_snr("beta"), _snr),
    "snr": _Word(_from_snr("snr"), _snr),
}
QUANTITIES = tuple(_WORDS)


def _inside(
    name: str,
    value: ArrayLike,
    low: float,
    high: float,
    *,
    open_low: bool = False,
    open_high: bool = False,
    infinite: bool = False,
) -> Array:
    array = _checks.doubles(name, value)
    ok = (array > low if open_low else array >= low) & (
        array < high if open_high else array <= high
    )
    if not (ok & (infinite | np.isfinite(array))).all():
        brackets = "(" if open_low else "[", ")" if open_high or high == math.inf else "]"
        raise ValueError(
            f"{name} must lie in {brackets[0]}{low:g}, {high:g}{brackets[1]}, "
            f"got {_checks.shown(value)}"
        )
    return array


def _representable(name: str, given: Array, result: Any) -> Any:
    """`result`, refused where it is no number of double precision."""
    if not np.isfinite(result).all():
        raise ValueError(f"{name} is out of the range of double precision, got {given.tolist()}")
    return result


def _squarable(sigma: float) -> float:
    sigma = _checks.real("sigma", sigma)
    if not _LEAST <= sigma <= _MOST:
        raise ValueError(f"sigma must lie in [{_LEAST:g}, {_MOST:g}], got {sigma}")
    return sigma


def _plain(array: Array) -> Any:
    """A float for a number, the array else."""
    return array if array.ndim else float(array)


def _power(kind: str) -> int:
    """n − 1 of P/N^{n−1}; 0 for ln P/N."""
    powers = {"exponential": 0, "linear": 1, "quadratic": 2, "cubic": 3}
    return powers[_checks.choice("kind", kind, tuple(powers))]
