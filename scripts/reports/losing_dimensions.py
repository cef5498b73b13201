"""Findings of `reports.subspaces`: which subspace is lost first, by which criterion.

The exact score of P points loses the subspaces as the noise falls, and "lost" has meanings
that need not agree; each is measured, with the noise variance at which it happens:

    retention      half of what the distribution keeps of a subspace is left, at planted points;
                   theory has one collapse for both, log P = ½ Σ log(1 + λ/t)
    SNR, Jacobian  σ²∇∇ log p along the subspace varies between data sets by as much as its mean
    SNR, score     the same of the score, at a typical point
    condensation   the posterior at a fixed query rests on few points (Σ w² = ½), a query at one
                   standard deviation along one subspace alone

A network trained on P points goes on at small noise where the exact score has collapsed, and
loses the subspaces as P falls: at given noise, the P at which half of the retention is left.
The order of loss is a ratio, of noise variances or of P, and what is said is what came out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from reports.subspaces import spectrum_of

from bridges.estimates import mean_of
from bridges.study.record import Point
from bridges.study.report import Findings
from bridges.study.results import Study
from bridges.study.tables import table, uncertain
from diffusion import LinearManifoldDenoiser, manifold_dimension, manifold_factors
from diffusion.geometry import PHASES
from diffusion.theory import (
    collapse_sigma,
    condensation_sigma,
    critical_size_jacobian,
    critical_size_score,
    effective_number,
    onset_sigma,
    switch_sigma,
)

CRITERIA = {
    "retention": "half of the retention",
    "jacobian": "SNR of the Jacobian = 1",
    "score": "SNR of the score = 1",
    "condensation": "condensation, Σw² = 1/2",
}
_DIMENSIONS = ("effective", "gap", "half-count")
_MARKS = (2.0, 0.2, 0.02)  # noise variances, in units of λ₂, at which networks are compared
_LETTERS = dict(zip(PHASES, ("tr", "cv", "cs", "––"), strict=True))


class SubspaceReport:
    """What the study found.

    study : of points of all three parts. manifold : "dimension", "subspaces", "variances".
    noise : the noise variances, increasing. P : whose order of loss is measured. loads,
    trained : numbers of points to show, of the exact score and of networks, increasing; all
    of them, and P, among the empirical points of the study.
    """

    def __init__(
        self,
        study: Study,
        manifold: Point,
        noise: list[float],
        P: int,
        loads: list[int],
        trained: list[int],
    ) -> None:
        self.study, self.noise, self.P, self.loads, self.trained = study, noise, P, loads, trained
        self.dimension: int = manifold["dimension"]
        self.subspaces: list[int] = manifold["subspaces"]
        self.variances: list[float] = manifold["variances"]
        self.spectrum = spectrum_of(self.subspaces, self.variances)
        self.found = study.by_sample("part", "patterns", "t", "quantity", "subspace", "index")

    def values(
        self, P: int, t: float, quantity: str, index: int | None = None, part: str = "empirical"
    ) -> list[float]:
        """A quantity at planted points, one value a sample."""
        return self.found[part, P, t, quantity, None, index]

    def mean(self, P: int, t: float, quantity: str, part: str = "empirical") -> tuple[float, float]:
        """Its mean and standard error between the samples."""
        return mean_of(self.values(P, t, quantity, part=part))

    def retention(self, P: int, t: float, subspace: int, part: str) -> list[float]:
        """D_A over that of the distribution, m λ/(λ + t), one value a sample."""
        m, lam = self.subspaces[subspace - 1], self.variances[subspace - 1]
        left = self.values(P, t, ("first", "second")[subspace - 1], part=part)
        return [value * (lam + t) / (m * lam) for value in left]

    @cached_property
    def exact(self) -> dict[float, dict[str, float]]:
        """Dimensions of the distribution itself at each t, by the estimators measured."""
        F = manifold_factors(self.dimension, self.subspaces, self.variances, seed=0)
        denoiser, sigma = LinearManifoldDenoiser(F), torch.tensor(self.noise).sqrt()
        x = torch.zeros(len(sigma), self.dimension)
        values = [manifold_dimension(denoiser, x, sigma, n).value.tolist() for n in _DIMENSIONS]
        rows = (dict(zip(_DIMENSIONS, one, strict=True)) for one in zip(*values, strict=True))
        return dict(zip(self.noise, rows, strict=True))

    def lost(self, criterion: str, subspace: int) -> list[float]:
        """The largest t at which a subspace is lost, one value a sample; NaN if nowhere."""
        curves = []
        for t in self.noise:
            if criterion == "retention":
                kept = self.retention(self.P, t, subspace, "empirical")
                curves.append([value - 0.5 for value in kept])
                continue
            found = self.found["fixed", self.P, t, criterion, subspace, None]
            sign = -1 if criterion == "condensation" else 1
            level = 0.5 if criterion == "condensation" else 1.0
            curves.append([sign * (value - level) for value in found])
        return [last_rise(self.noise, one) for one in zip(*curves, strict=True)]

    def theory(self, criterion: str, subspace: int) -> float:
        """The t of `lost` by the closed forms of a large system."""
        if criterion == "retention":
            return float(collapse_sigma(self.P, self.spectrum)) ** 2
        first = self.subspaces[0]
        inside = range(first) if subspace == 1 else range(first, len(self.spectrum))
        if criterion == "condensation":
            x = [math.sqrt(v) * (k in inside) for k, v in enumerate(self.spectrum)]
            return float(condensation_sigma(self.P, self.spectrum, x)) ** 2 / 2
        return self._unit_snr(criterion, inside[0])

    def _unit_snr(self, criterion: str, direction: int) -> float:
        """Largest t at which P points give a signal to noise of 1."""
        critical = critical_size_jacobian if criterion == "jacobian" else critical_size_score
        t = np.geomspace(self.noise[0], self.noise[-1], 4000)
        excess = np.log(self.P / critical(self.spectrum, np.sqrt(t))[:, direction])
        return last_rise(t.tolist(), excess.tolist())

    def holds(self, criterion: str, t: float) -> bool:
        """Whether a signal to noise of theory rests on the 10 effective points it asks for."""
        if criterion not in ("jacobian", "score") or math.isnan(t):
            return True
        return bool(effective_number(self.P, self.spectrum, math.sqrt(t)) > 10)

    @cached_property
    def order(self) -> dict[str, dict[str, Any]]:
        """By criterion, where each subspace is lost and the ratio of the two."""
        found = {}
        for criterion in CRITERIA:
            theory = [self.theory(criterion, a) for a in (1, 2)]
            found[criterion] = _compared(*(self.lost(criterion, a) for a in (1, 2))) | {
                "theory": theory,
                "theory_holds": [self.holds(criterion, t) for t in theory],
            }
        return found

    @cached_property
    def marks(self) -> list[float]:
        """Noise variances at which networks are compared: those nearest to 2, 0.2, 0.02 λ₂."""
        small = self.variances[1]
        near = [min(self.noise, key=lambda t: abs(math.log(t / (k * small)))) for k in _MARKS]
        return list(dict.fromkeys(near))

    @cached_property
    def trained_order(self) -> dict[float, dict[str, Any]]:
        """By noise variance, the P below which a network has lost each subspace."""
        found = {}
        for t in self.marks:
            sizes = []
            for a in (1, 2):
                kept = [self.retention(P, t, a, "trained") for P in self.trained]
                curves = [[value - 0.5 for value in one] for one in zip(*kept, strict=True)]
                sizes.append([last_rise(self.trained, curve) for curve in curves])
            found[t] = _compared(*sizes)
        return found

    def phase(self, P: int, t: float) -> str:
        """The commonest phase of the planted points."""
        shares = {phase: sum(self.values(P, t, phase)) for phase in PHASES}
        return max(shares, key=lambda phase: shares[phase])

    def findings(self) -> Findings:
        """Text, record and figure."""
        from reports.subspace_plots import subspace_figure

        return Findings(self.text(), self.summary(), subspace_figure(self))

    def summary(self) -> dict[str, Any]:
        """The order of loss by criterion; dimensions and phases by P and t; theory's marks."""
        return {
            "dimension": self.dimension,
            "subspaces": self.subspaces,
            "variances": self.variances,
            "patterns": self.P,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
            "order": self.order,
            "trained_order": [{"t": t} | found for t, found in self.trained_order.items()],
            "collapse": {P: float(collapse_sigma(P, self.spectrum)) ** 2 for P in self.loads},
            "onset": {P: float(onset_sigma(P, self.spectrum)) ** 2 for P in self.loads},
            "switch": float(switch_sigma(*self.variances)) ** 2,
            "exact": [{"t": t} | found for t, found in self.exact.items()],
            "dimensions": [
                {"patterns": P, "t": t, "phase": self.phase(P, t)} | self._numbers(P, t)
                for P in self.loads
                for t in self.noise
            ],
            "trained": [
                {"patterns": P, "t": t}
                | self._numbers(P, t, "trained")
                | {
                    f"retention_{a}": _plain(mean_of(self.retention(P, t, a, "trained")))
                    for a in (1, 2)
                }
                for P in self.trained
                for t in self.noise
            ],
        }

    def _numbers(self, P: int, t: float, part: str = "empirical") -> dict[str, Any]:
        return {name: _plain(self.mean(P, t, name, part)) for name in _DIMENSIONS}

    def text(self) -> str:
        """Tables for a person."""
        sizes = " + ".join(map(str, self.subspaces))
        widths = ", ".join(f"{v:g}" for v in self.variances)
        return "\n".join(
            [
                f"d = {self.dimension}, subspaces {sizes} of variances {widths}; errors: "
                f"s.e. between {self.study.config['samples']} data sets",
                *("", self._dimension_table("effective", "D_eff")),
                *("", self._dimension_table("gap", "largest gap")),
                "(tr trivial, cv coverage, cs consolidation, –– collapsed)",
                *("", self._order_table()),
                "(theory of large dimensions; * rests on fewer than 10 effective points)",
                *("", self._trained_table()),
                "(retention of the network, in brackets of the exact score of its points)",
                *self._trained_words(),
            ]
        )

    def _dimension_table(self, name: str, label: str) -> str:
        rows = []
        for t in reversed(self.noise):
            cells = [uncertain(*self.mean(P, t, name)) for P in self.loads]
            if name == "gap":
                phases = [_LETTERS[self.phase(P, t)] for P in self.loads]
                cells = [f"{c} {p}" for c, p in zip(cells, phases, strict=True)]
            rows.append([f"{t:.3g}", *cells, f"{self.exact[t][name]:.2f}"])
        return table([f"{label}, t", *(f"P = {P}" for P in self.loads), "exact"], rows)

    def _order_table(self) -> str:
        rows = []
        for label, found in zip(CRITERIA.values(), self.order.values(), strict=True):
            measured = [_size(found[side]) for side in ("large_variance", "small_variance")]
            marked = zip(found["theory"], found["theory_holds"], strict=True)
            theory = [f"{t:.2g}{'' if sure else '*'}" for t, sure in marked]
            rows.append([label, *measured, *theory, found["lost_first"]])
        heading = [f"lost at t, P = {self.P}", "λ₁", "λ₂", "theory λ₁", "theory λ₂", "lost first"]
        return table(heading, rows)

    def _trained_table(self) -> str:
        rows = []
        for P in self.trained:
            cells = []
            for t in self.marks:
                for a in (1, 2):
                    one, other = (
                        mean_of(self.retention(P, t, a, part)) for part in ("trained", "empirical")
                    )
                    cells.append(f"{uncertain(*one)} [{other[0]:.2f}]")
            rows.append([str(P), *cells])
        heading = [f"λ{a}, t = {t:.2g}" for t in self.marks for a in "₁₂"]
        return table(["trained, P", *heading], rows)

    def _trained_words(self) -> list[str]:
        """What a network loses first as its data dwindle, a line a noise variance."""
        return [
            f"half of the retention at t = {t:.2g}: P = {_size(found['large_variance'])} (λ₁), "
            f"{_size(found['small_variance'])} (λ₂); {found['lost_first']}"
            for t, found in self.trained_order.items()
        ]

    def finding(self) -> str:
        """The result in a line or two, the title of the figure."""
        words: dict[str, list[str]] = {}
        for criterion, found in self.order.items():
            words.setdefault(found["lost_first"], []).append(criterion)
        parts = [f"{verdict} by {', '.join(names)}" for verdict, names in words.items()]
        lead = "What is lost first is a matter of the criterion" if len(parts) > 1 else "Lost first"
        trained = {found["lost_first"] for found in self.trained_order.values()}
        network = trained.pop() if len(trained) == 1 else "a matter of the noise level"
        return f"{lead}\n{'; '.join(parts)}; by a network as data dwindle: {network}"


def _compared(first: list[float], second: list[float]) -> dict[str, Any]:
    """Where each subspace is lost, and the order, by the samples that saw both."""
    mean, sem = mean_of([math.log(a / b) for a, b in zip(first, second, strict=True)])
    return {
        "large_variance": _plain(mean_of(first)),
        "small_variance": _plain(mean_of(second)),
        "log_ratio": {"value": mean, "sem": sem},
        "lost_first": _verdict(mean, sem),
    }


def _verdict(log_ratio: float, sem: float) -> str:
    """Which subspace is lost first, if the data sets agree by 3 standard errors."""
    if math.isnan(log_ratio):
        return "not seen"
    if math.isnan(sem) or abs(log_ratio) <= 3 * sem:
        return "undecided"
    return "large variance first" if log_ratio > 0 else "small variance first"


def last_rise(x: Sequence[float], excess: Sequence[float]) -> float:
    """The largest x, increasing, at which a curve rises through 0, interpolated in log x.

    Examples
    --------
    >>> round(last_rise([1.0, 10.0, 100.0], [-1.0, 1.0, 2.0]), 3), last_rise([1.0, 2.0], [1, 1])
    (3.162, nan)
    """
    for k in range(len(x) - 1, 0, -1):
        if excess[k - 1] < 0 <= excess[k]:
            part = excess[k - 1] / (excess[k - 1] - excess[k])
            return x[k - 1] * (x[k] / x[k - 1]) ** part
    return math.nan


def _plain(pair: tuple[float, float]) -> dict[str, float]:
    return {"value": pair[0], "sem": pair[1]}


def _size(found: dict[str, float]) -> str:
    """A noise variance or a number of points to the digits of its error."""
    value, sem = found["value"], found["sem"]
    if math.isnan(value):
        return "not seen"
    return f"{value:.3g}" if math.isnan(sem) else f"{value:.3g} ± {sem:.1g}"
