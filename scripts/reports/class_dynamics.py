"""What a study of learning dynamics measured: orders of classes, and where they invert.

The order of two classes by a measure is the sign of the mean of log τ₂/τ₁, called one where
samples without an order would show it less than once in a hundred times (Student's t); an
inversion is claimed only where both orders are seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from bridges.estimates import estimate, mean_and_sem
from bridges.study.report import Findings
from bridges.study.tables import of_samples, table, uncertain
from diffusion.learning_times import MEASURES
from diffusion.theory import FeatureSpectrum, feature_spectrum, inversion_fraction

if TYPE_CHECKING:
    from numpy import ndarray

    from bridges.study.record import Point
    from bridges.study.results import Study

_CHANCE = 0.01  # that samples without an order show one
_ABOUT = {
    "variance": "variance of class 1 over that of class 2, centres at 0",
    "centroid": "|μ₂|/√d where |μ₁| = √d, at a ratio of variances",
    "imbalance": "share ρ₁ of the wider class, centres at 0",
    "subspaces": "share ρ₁, each class wide in its own half of the coordinates",
    "growth": "n/d, the first class twice as wide",
    "digits": "digits and the numbers of their images",
}
KINDS = tuple(_ABOUT)
CLAIMED = ("spectral", "gap", "opt")  # the measures that a claim rests on


def spectrum_edges(point: Point, bins: int) -> ndarray:
    """Edges of bins of the spectrum of a point, the atom at the floor left below them."""
    spectrum = spectrum_at(point)
    return np.geomspace(1.05 * spectrum.floor, 1.3 * spectrum.bulks()[-1].high, bins + 1)


def spectrum_at(point: Point) -> FeatureSpectrum:
    """Theory of the features' covariance at a point of the study."""
    rho = point["fraction"]
    return feature_spectrum(
        point["features"],
        point["points"],
        [rho, 1 - rho],
        point["variances"],
        point["time"],
        point["activation"],
    )


@dataclass(frozen=True)
class DynamicsReport:
    """What was measured; `beside`, the variance of a class across its own coordinates, in units
    of that along them, of the classes in subspaces."""

    study: Study
    chosen: Point
    beside: float

    def points(self, kind: str) -> list[int]:
        """The points of a kind, by their places in the study."""
        return [k for k, point in enumerate(self.study.points) if point["kind"] == kind]

    def name(self, place: int) -> str:
        """What a point varies, in a word."""
        point = self.study.points[place]
        return {
            "variance": lambda p: f"{p['ratio']:g}",
            "centroid": lambda p: f"{p['norm']:g} at {p['ratio']:g}",
            "imbalance": lambda p: f"{p['fraction']:g}",
            "subspaces": lambda p: f"{p['fraction']:g}",
            "growth": lambda p: f"{p['points']:g}",
            "digits": lambda p: f"{p['pair']}, {p['counts'][0]}:{p['counts'][1]}",
        }[point["kind"]](point)

    def values(self, place: int, quantity: str, label: int) -> ndarray:
        """A quantity of class 1 or 2, (samples,), NaN where a sample has none."""
        found = []
        for rows in self.study.samples[place]:
            one = [
                r["value"] for r in rows if r["quantity"] == quantity and r.get("class") == label
            ]
            found.append(one[0] if one else math.nan)
        return np.array(found)

    def lead(self, place: int, quantity: str) -> ndarray:
        """log τ₂/τ₁, (samples,): positive where class 1 is first; of a speed, log of 1's over 2's.

        ±∞ where only one class ever comes.
        """
        one, two = (self.values(place, quantity, c) for c in (1, 2))
        if quantity == "speed":
            one, two = two, one
        both = np.log(two / one)
        never = np.isnan(one).astype(float) - np.isnan(two)
        return np.where(never == 0, both, np.where(never > 0, -np.inf, np.inf))

    def first(self, place: int, quantity: str) -> int:
        """The class that comes first by a measure; 0: undecided."""
        lead = self.lead(place, quantity)
        lead = lead[~np.isnan(lead)]
        if len(lead) < 2 or np.isinf(lead).any():
            same = len(lead) > 1 and len(set(np.sign(lead))) == 1
            return (1 if lead[0] > 0 else 2) if same else 0
        mean, sem = mean_and_sem(lead)
        sure = float(student.ppf(1 - _CHANCE / 2, len(lead) - 1)) * sem
        return 0 if abs(mean) <= sure else 1 if mean > 0 else 2

    def inversion(self, kind: str, quantity: str) -> ndarray | None:
        """ρ₁ at which the order inverts, (samples,), or None where no both orders are seen."""
        places = self.points(kind)
        orders = [self.first(k, quantity) for k in places]
        if not {1, 2} <= set(orders):
            return None
        shares = np.array([self.study.points[k]["fraction"] for k in places])
        leads = np.array([self.lead(k, quantity) for k in places])
        return np.array([_zero(shares, one) for one in leads.T])

    def spectral_inversion(self) -> float:
        """ρ₁* of theory, of the classes in subspaces."""
        point = self.study.points[self.points("subspaces")[0]]
        lam = np.array(point["variances"])
        chi2 = lam * (1 + self.beside) / 2
        return inversion_fraction(lam, point["time"], point["activation"], chi2)

    def slope(self, quantity: str, label: int) -> ndarray:
        """d log τ/d log n between the least and the most points, (samples,)."""
        places = self.points("growth")
        ends = [self.values(k, quantity, label) for k in (places[0], places[-1])]
        more = self.study.points[places[-1]]["points"] / self.study.points[places[0]]["points"]
        return np.log(ends[1] / ends[0]) / math.log(more)

    def spectrum(self) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """λ (K,), the measured density per log λ (samples, K); λ and that of theory, fine."""
        (place,) = self.points("spectrum")
        x, found = self.study.curve("density", "eigenvalue", kind="spectrum")
        fine = np.geomspace(x[0], x[-1], 600)
        return x, found, fine, fine * spectrum_at(self.study.points[place]).density(fine)

    def findings(self) -> Findings:
        """Text, record and figure."""
        from reports.class_plots import dynamics_figure

        return Findings(self.text(), self.summary(), dynamics_figure(self))

    def summary(self) -> Point:
        """Every measure at every point, the orders, and the inversions."""
        found: Point = {
            **self.chosen,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
        }
        for kind in KINDS:
            found[kind] = [
                {
                    "setting": self.name(k),
                    "first": {q: self.first(k, q) for q in self._measures(kind)},
                    "quality": [estimate(self.values(k, self._quality(kind), c)) for c in (1, 2)],
                    "times": {
                        q: [estimate(self.values(k, q, c)) for c in (1, 2)]
                        for q in self._measures(kind)
                    },
                }
                for k in self.points(kind)
            ]
        found["inversions"] = {
            kind: {
                q: None if (at := self.inversion(kind, q)) is None else estimate(at)
                for q in self._inverting(kind)
            }
            for kind in ("imbalance", "subspaces")
        }
        found["spectral_inversion_theory"] = self.spectral_inversion()
        found["growth_exponents"] = {
            q: [estimate(self.slope(q, c)) for c in (1, 2)] for q in MEASURES
        }
        return found | {"finding": self.finding()}

    def text(self) -> str:
        """Tables for a person: τ₂/τ₁ by every measure, and the quality reached."""
        c = self.chosen
        head = [
            f"t = {c['time']:g}, {c['activation']}, d = {c['dimension']}, p/d = {c['features']:g}, "
            f"n/d = {c['points']:g}; {self.study.config['samples']} samples",
            "τ₂/τ₁ by every measure, errors: s.e. between samples; above 1 class 1 is first;",
            f"first: by {', '.join(CLAIMED)}, all three where they differ, ? undecided at 1 %;",
            "quality: largest progress of classes 1 and 2 (least loss for digits)",
        ]
        tables = [self._table(kind) for kind in KINDS]
        return "\n\n".join(["\n".join(head), *tables, self._inversions(), self.finding()])

    def finding(self) -> str:
        """The result in a line."""
        by_variance = {
            self.first(k, q)
            for k in self.points("variance")
            if self.study.points[k]["ratio"] >= 2
            for q in CLAIMED
        }
        wide = "first" if by_variance == {1} else "not always first"
        line = f"The wider class is {wide} to be memorized and overfit"
        isotropic = [q for q in CLAIMED if self.inversion("imbalance", q) is not None]
        line += "; imbalance " + ("inverts this" if isotropic else "does not invert this")
        at = self.inversion("subspaces", "gap")
        if at is None:
            return line
        return line + f", but of classes in subspaces at ρ₁ = {of_samples(at)}"

    def _measures(self, kind: str) -> tuple[str, ...]:
        known = MEASURES if kind != "digits" else ("gen63", "opt", "gap", "mem50", "spectral")
        return (*known, "speed") if kind == "subspaces" else known

    def _inverting(self, kind: str) -> tuple[str, ...]:
        return (*self._measures(kind), "quality")

    def _quality(self, kind: str) -> str:
        return "least_loss" if kind == "digits" else "quality"

    def _table(self, kind: str) -> str:
        measures, rows = self._measures(kind), []
        for k in self.points(kind):
            quality = [of_samples(self.values(k, self._quality(kind), c)) for c in (1, 2)]
            orders = "".join(str(self.first(k, q) or "?") for q in CLAIMED)
            rows.append(
                [
                    self.name(k),
                    *(_ratio(self.lead(k, q)) for q in measures),
                    " / ".join(quality),
                    orders[0] if len(set(orders)) == 1 else orders,
                ]
            )
        return f"{_ABOUT[kind]}\n" + table([kind, *measures, "quality", "first"], rows)

    def _inversions(self) -> str:
        lines = []
        for kind in ("imbalance", "subspaces"):
            parts = []
            for q in self._inverting(kind):
                at = self.inversion(kind, q)
                parts.append(f"{q}: " + ("none" if at is None else of_samples(at)))
            lines.append(f"inversion in ρ₁, {kind}: " + ", ".join(parts))
        lines.append(f"theory for the speeds in subspaces: ρ₁* = {self.spectral_inversion():.4f}")
        slopes = [f"{q} {of_samples(self.slope(q, 1))}" for q in MEASURES]
        lines.append("exponent of τ₁ in the number of points: " + ", ".join(slopes))
        return "\n".join(lines)


def _ratio(lead: ndarray) -> str:
    """τ₂/τ₁ with its error, or which class never comes."""
    lead = lead[~np.isnan(lead)]
    if len(lead) == 0:
        return "never"
    if np.isinf(lead).any():
        both = len(set(np.sign(lead))) > 1
        return "some never" if both else "2 never" if lead.max() == np.inf else "1 never"
    mean, sem = (float(one) for one in mean_and_sem(lead))
    ratio = math.exp(mean)
    return uncertain(ratio, None if math.isnan(sem) else ratio * sem)


def _zero(x: ndarray, y: ndarray) -> float:
    """The last place at which y, piecewise linear in x, falls or rises through 0; NaN: nowhere."""
    known = np.isfinite(y)
    x, y = x[known], y[known]
    turns = np.flatnonzero(np.sign(y[1:]) != np.sign(y[:-1]))
    if len(turns) == 0:
        return math.nan
    k = int(turns[-1])
    return float(x[k] - y[k] * (x[k + 1] - x[k]) / (y[k + 1] - y[k]))
