r"""When does a diffusion model choose a class, when a datum? And is that the memory's capacity?

Three regimes of the reverse process with the exact score of P points (Biroli, Bonnaire, de
Bortoli & Mézard, arXiv 2402.18491), in Ornstein–Uhlenbeck time s with σ² = e^{2s} − 1:

    speciation   t_S = ½ log Λ, Λ the largest eigenvalue of the covariance of the data: two
                 clones end in one class with probability φ = E Σ_c p_c², from 1 to 1/classes
    collapse     t_C: log P = I(σ), the information that a noised point holds on its datum; a
                 U-turn returns to its datum with probability Y = E Σ_μ w_μ², from 1 to 0

Data: two Gaussian classes at ±m in d dimensions, |m|² = dμ², of variance s² within, where
log P = log 2 + (d/2) log(1 + s²/σ²) at the collapse if the classes are apart there; and the
1797 digits of scikit-learn, ten classes. All is read off the posterior weights at noised data:
no dynamics is run. The entropy H of the weights tends to log P − I above the collapse and to
0 below. It is never negative and crosses no level there, so that the collapse is measured at
Y = ½, which in finite dimension lies 9 to 40 % above t_C in σ².

The third panel is the same threshold seen from the dense memory at β = 1/σ²: a cue at squared
distance ρσ²m finds its pattern iff ρ < ρ*(σ), with ρ* = 1 at the collapse (arXiv 2502.09578).
"""

from __future__ import annotations

import math
from typing import Any

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Real, Whole
from bridges.study.record import Point, Row

_QUICK: dict[str, Any] = {
    "patterns": 1000,
    "dimension": 100,
    "separation": 1.0,
    "variance": 1.0,
    "intrinsic": 20,
    "levels": 14,
    "draws": 400,
    "samples": 4,
}
_PAPER = {
    "patterns": 2000,
    "dimension": 200,
    "intrinsic": 40,
    "levels": 40,
    "draws": 2000,
    "samples": 16,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
RATIOS = [k / 5 for k in range(10)]  # ρ of the cues
_DIGITS_COLLAPSE = 0.55  # about where Y = ½, to lay the times around


def measure(point: Point, seed: int) -> list[Row]:
    """Posterior statistics of one data set at all times, or one noise level of the basins."""
    if point["data"] == "basin":
        return _basin(point, seed)
    import torch

    from bridges.data import class_labels, raw_vectors, standardised
    from diffusion import OU, EmpiricalDenoiser, GaussianMixtureDenoiser, planted_posterior

    if point["data"] == "digits":
        data, labels = standardised(raw_vectors("digits"))[0], class_labels("digits")
    else:
        axis = torch.zeros(2, point["dimension"], dtype=torch.float64)
        axis[0, 0], axis[1, 0] = point["distance"], -point["distance"]
        mixture = GaussianMixtureDenoiser(axis, point["variance"])
        data, labels = mixture.draw(point["patterns"], seed=seed)
    denoiser = EmpiricalDenoiser(data)
    rows = []
    for time in point["times"]:
        sigma = float(OU().noise_level(time))
        found = planted_posterior(denoiser, sigma, point["draws"], labels, seed=seed)
        values = {
            "return": found.participation,
            "own": found.own_weight,
            "entropy": found.entropy / math.log(len(data)),
            "agreement": found.agreement,
        }
        rows += [
            {"time": time, "quantity": name, "value": float(value.mean())}
            for name, value in values.items()
        ]
    return rows


def _basin(point: Point, seed: int) -> list[Row]:
    from bridges.identities import basin_edge_map

    P, spectrum, sigma = point["patterns"], [1.0] * point["intrinsic"], math.sqrt(point["noise"])
    found = basin_edge_map(P, spectrum, sigma, RATIOS, point["draws"], seed=seed)
    return [
        {"ratio": ratio, "quantity": name, "value": float(values[k])}
        for name, values in (("one-step", found.one_step), ("fixed-point", found.fixed_point))
        for k, ratio in enumerate(RATIOS)
    ]


@study_command(PRESETS)
@options.shared("patterns", help="Points of the mixture and of the memory, P.")
@options.own(
    dimension=(Whole(2), "Dimension d of the mixture."),
    separation=(Real(1e-3, 1e3), "μ: the centres ±m have |m| = μ √d."),
    variance=(options.POSITIVE, "Variance s² within a class."),
    intrinsic=(Whole(2), "Dimension m of the memory's patterns."),
    levels=(Whole(4, most=10**4), "Times of a curve."),
)
@options.shared("draws", default=None)
def main(run: Run, **chosen: Any) -> base.Report:
    """Speciation into classes and collapse onto data: mixtures, digits, dense memories."""
    from reports.dynamical_regimes import Mixture, Report, digits_speciation

    from bridges._checks import within_memory
    from diffusion.theory import collapse_sigma, onset_sigma

    P, d, levels = chosen["patterns"], chosen["dimension"], chosen["levels"]
    if P < 4:
        raise ValueError(f"patterns must be at least 4, got {P}")
    for width in (d, chosen["intrinsic"]):
        within_memory(32 * P * width, f"patterns: {P} in dimension {width}", each_job=True)
    drawn = f"draws: {chosen['draws']} in dimension {d}"
    within_memory(32 * chosen["draws"] * d, drawn, each_job=True)
    distance = chosen["separation"] * math.sqrt(d)
    mixture = Mixture(P, d, distance, chosen["variance"])
    shared = {"draws": chosen["draws"]}
    spectrum = [1.0] * chosen["intrinsic"]
    low, high = (float(f(P, spectrum)) ** 2 for f in (collapse_sigma, onset_sigma))
    classes = {"patterns": P, "dimension": d, "distance": distance, "variance": chosen["variance"]}
    times = _grid(mixture.collapse, mixture.speciation, levels)
    digits_times = _grid(_DIGITS_COLLAPSE, digits_speciation(), levels)
    points: list[Point] = [
        {"data": "mixture"} | classes | {"times": times} | shared,
        {"data": "digits", "times": digits_times} | shared,
    ]
    memory = {"data": "basin", "patterns": P, "intrinsic": chosen["intrinsic"]}
    noises = (low * (0.75 + (high / low - 0.75) * k / 7) for k in range(8))
    few = {"draws": max(50, chosen["draws"] // 4)}
    return Report(run(measure, points + [memory | {"noise": t} | few for t in noises]))


def _grid(collapse: float, speciation: float, levels: int) -> list[float]:
    """Times over both transitions, both among them."""
    import numpy as np

    low, high = sorted((collapse, speciation))
    spread = np.linspace(max(0.05, 0.4 * low), high + 1.0, levels - 2)
    return sorted({float(t) for t in spread} | {collapse, speciation})


if __name__ == "__main__":
    main()
