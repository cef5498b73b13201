"""A cue and a load in all units at once: `bridges convert`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from bridges import _checks
from bridges.equivalence import MAPS, beta_elsewhere, load_of_patterns, translate
from bridges.study.tables import table
from hopfield.theory import argmax_retrieval, critical_noise, least_overlap

_DEAF = 1e100  # σ of a cue without any information; its square is a number


@dataclass(frozen=True, repr=False)
class Conversion(_checks.Result):
    """What was asked, and how it is called elsewhere.

    cue : σ, cosine, time, signal, beta; overlap and flips of spins by map, None where a map has
    none. units : β in other conventions, with N only. load : with N and P only; what the
    cue is held against, in the limit of large N and exactly.
    """

    given: dict[str, Any]
    cue: dict[str, float]
    spins: dict[str, dict[str, float] | None]
    units: dict[str, float] | None
    load: dict[str, float] | None

    def table(self) -> str:
        """A table for a person."""
        rows = [[_LABELS[name], _number(value)] for name, value in self.cue.items()]
        for rule, pair in self.spins.items():
            text = "—" if pair is None else " / ".join(_number(one) for one in pair.values())
            rows.append([f"spins by map {rule!r}: overlap / flips", text])
        for group in (self.units, self.load):
            rows += [[_LABELS[name], _number(value)] for name, value in (group or {}).items()]
        return table(["of the cue", "value"], rows)


def convert(
    value: float,
    source: str,
    rule: str = "cosine",
    size: int | None = None,
    patterns: int | None = None,
) -> Conversion:
    """Say one measure of a cue's noise in all others, and hold it against a load.

    Parameters
    ----------
    value, source, rule : as for `equivalence.translate`.
    size : N ≥ 2, or None. patterns : P ≥ 1, or None; only with a size.

    Returns
    -------
    Conversion.

    Raises
    ------
    ValueError : a value outside the range of its source, an unknown source or rule, patterns
        without a size.

    Examples
    --------
    >>> found = convert(1.1, "sigma", size=20, patterns=55)
    >>> round(found.cue["time"], 4), round(found.load["collapse_sigma"], 4)
    (0.3965, 1.4243)
    """
    if patterns is not None and size is None:
        raise ValueError(f"patterns needs a size, --dim, to make a load, got {patterns} alone")
    sigma = translate(float(value), source, "sigma", rule)
    cue = {name: translate(sigma, "sigma", name) for name in ("sigma", "cosine", "time", "beta")}
    cue["information"] = _information(sigma)
    spins = {one: _spins(sigma, one) for one in MAPS}
    return Conversion(
        given={"quantity": source, "value": float(value), "map": rule}
        | {"size": size, "patterns": patterns},
        cue=cue,
        spins=spins,
        units=None if size is None else _units(cue["beta"], size),
        load=None if size is None or patterns is None else _load(sigma, size, patterns),
    )


def _information(sigma: float) -> float:
    """½ ln(1 + 1/σ²), where 1/σ² may be too large a number."""
    if sigma > 1e-100:
        return 0.5 * math.log1p(sigma**-2)
    return -math.log(sigma) if sigma > 0 else math.inf


def _spins(sigma: float, rule: str) -> dict[str, float] | None:
    try:
        return {name: translate(sigma, "sigma", name, rule) for name in ("overlap", "flips")}
    except ValueError:  # more than spins can carry
        return None


def _units(beta: float, size: int) -> dict[str, float]:
    _checks.whole("size", size, low=2)
    names = ("unit-norm", "pham", "attention")
    if beta in (0, math.inf):  # of a σ whose square is no number of double precision
        return dict.fromkeys(names, beta)
    return {name: beta_elsewhere(beta, name, size) for name in names}


def _load(sigma: float, size: int, patterns: int) -> dict[str, float]:
    kinds = ("linear", "quadratic", "exponential")
    found = {
        kind: load_of_patterns(_checks.whole("patterns", patterns), size, kind) for kind in kinds
    }
    found["decoded"] = float(argmax_retrieval(patterns, size, min(sigma, _DEAF)))
    alpha = found["exponential"]
    if alpha > 0:
        noise = float(critical_noise(alpha))
        found |= {
            "collapse_sigma": noise,
            "collapse_time": translate(noise, "sigma", "time"),
            "collapse_beta": translate(noise, "sigma", "beta"),
            "least_cosine": float(least_overlap(alpha)),
            "least_overlap": float(least_overlap(alpha, ensemble="spins")),
        }
    return found


_LABELS = {
    "sigma": "noise level σ",
    "cosine": "cosine with the pattern m = 1/√(1 + σ²)",
    "time": "Ornstein–Uhlenbeck time t = ½ ln(1 + σ²)",
    "beta": "inverse temperature, SNR: β = λ = 1/σ²",
    "information": "information a site ½ ln(1 + 1/σ²)",
    "unit-norm": "β of unit-norm patterns, Nβ",
    "pham": "β of exp(−β|x − ξ|²), β/2",
    "attention": "attention scale in units of 1/√N, β√N",
    "linear": "load P/N",
    "quadratic": "load P/N²",
    "exponential": "load ln P/N",
    "decoded": "best decoder finds the pattern (exact, sphere)",
    "collapse_sigma": "collapse, and capacity (N → ∞): σ_C",
    "collapse_time": "  its time t_C",
    "collapse_beta": "  its β",
    "least_cosine": "  least cosine of a cue, sphere",
    "least_overlap": "  least overlap of a cue, spins",
}


def _number(value: float) -> str:
    return f"{value:.5g}"
