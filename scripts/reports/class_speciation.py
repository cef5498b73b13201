"""What a study of speciation measured, beside what theory says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.estimates import estimate, mean_and_sem
from bridges.study.report import Findings
from bridges.study.tables import of_samples, table
from diffusion.theory import (
    SpeciationTimes,
    class_collapse_points,
    class_collapse_time,
    class_divergence,
    divergence_speciation_time,
    own_class_probability,
    speciation_times,
)

if TYPE_CHECKING:
    from numpy import ndarray

    from bridges.study.record import Point
    from bridges.study.results import Study

CLASSES = ("minority", "majority")


@dataclass(frozen=True)
class SpeciationReport:
    """What was measured, beside what theory says."""

    study: Study
    chosen: Point
    distance2: float
    holding: Point  # dimension and variances of the classes whose capacities were measured

    def curve(self, quantity: str, **labels: Any) -> tuple[ndarray, ndarray]:
        """Times (K,) and values (samples, K)."""
        return self.study.curve(quantity, "time", **labels)

    def theory(self, weight: float) -> SpeciationTimes:

        return speciation_times(weight, self.distance2, self.chosen["variance"])

    def own_class(self, weight: float, times: Any) -> ndarray:
        """φ of theory for a class of this weight."""

        D = class_divergence(self.distance2, self.chosen["variance"], times)
        return own_class_probability(weight, D)

    def falls_to(self, curve: tuple[ndarray, ndarray], level: float) -> ndarray:
        """The time at which each sample's curve falls to a level, NaN where it does not."""

        times, by_sample = curve
        found = []
        for one in by_sample:
            inside = one.max() >= level >= one.min()
            found.append(np.interp(-level, -one, times) if inside else np.nan)
        return np.array(found)

    def measured(self, weight: float) -> dict[str, ndarray]:
        """Times of each definition that a simulation can have, (samples,)."""
        labels = {"kind": "speciation", "weight": weight, "class": "minority"}
        own = self.curve("own_class", **labels)
        found = {
            "threshold": self.falls_to(own, 0.75),
            "halfway": self.falls_to(own, (1 + weight) / 2),
        }
        if weight < 0.5:
            found["median"] = self.falls_to(self.curve("above_half", **labels), 0.5)
        return found

    @cached_property
    def collapse(self) -> dict[str, tuple[float, ndarray]]:
        """By class t_C of theory, and the times at which R = ½, (samples,)."""

        found = {}
        for name, n in zip(CLASSES, self.counts, strict=True):
            theory = float(
                class_collapse_time(n, self.chosen["variance"], self.chosen["dimension"])
            )
            curve = self.curve("datum", **{"kind": "basins", "class": name})
            found[name] = theory, self.falls_to(curve, 0.5)
        return found

    @property
    def counts(self) -> tuple[int, int]:
        few = round(self.chosen["minority"] * self.chosen["patterns"])
        return few, self.chosen["patterns"] - few

    def identity(self, weight: float) -> float:
        """Root mean square over the times of ρ₁(1 − φ₁) − ρ₂(1 − φ₂), in standard errors."""
        left = []
        for name, rho in zip(CLASSES, (weight, 1 - weight), strict=True):
            labels = {"kind": "speciation", "weight": weight, "class": name}
            left.append(rho * (1 - self.curve("own_class", **labels)[1]))
        mean, sem = mean_and_sem(left[0] - left[1])
        return float(np.sqrt((mean**2).mean() / (sem**2).mean()))

    def unequal(self) -> list[tuple[Point, float, ndarray]]:
        """Settings, theory and measured median times of classes of different variances."""
        found = []
        for point, samples in zip(self.study.points, self.study.samples, strict=True):
            if point["kind"] == "unequal":
                w = point["weight"]
                theory = (
                    divergence_speciation_time(
                        *(w, 1 - w, point["distance2"], *point["variances"], point["dimension"])
                    )
                    if w < 0.5
                    else math.nan
                )
                found.append(
                    (point, theory, np.array([row["value"] for rows in samples for row in rows]))
                )
        return found

    def capacities(self, variance: float) -> tuple[ndarray, ndarray]:
        """σ (K,) and the capacities (samples, K) of a class of this variance."""
        return self.study.curve("capacity", "sigma", kind="capacity", variance=variance)

    def findings(self) -> Findings:
        """Text, record and figure."""
        from reports.class_plots import speciation_figure

        return Findings(self.text(), self.summary(), speciation_figure(self))

    def summary(self) -> Point:
        """The numbers, theory beside what was measured."""
        speciation = {}
        for w in self.chosen["weights"]:
            measured = {name: estimate(v) for name, v in self.measured(w).items()}
            speciation[f"{w:g}"] = {
                "theory": self.theory(w).to_dict(),
                "measured": measured,
                "identity_in_errors": self.identity(w),
            }
        return {
            **self.chosen,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
            "speciation": speciation,
            "unequal": [
                {"variances": list(p["variances"]), "distance2": p["distance2"]}
                | {"theory": theory, "measured": estimate(values)}
                for p, theory, values in self.unequal()
            ],
            "collapse": {
                name: {"points": n, "theory": theory, "measured": estimate(values)}
                for n, (name, (theory, values)) in zip(
                    self.counts, self.collapse.items(), strict=True
                )
            },
            "capacity": [
                {"variance": s2, "sigma": float(s), "measured": estimate(values)}
                | {"theory": float(class_collapse_points(s2, s, self.holding["dimension"]))}
                for s2 in self.holding["variances"]
                for s, values in zip(*_columns(self.capacities(s2)), strict=True)
            ],
            "finding": self.finding(),
        }

    def text(self) -> str:
        """Tables for a person."""
        lines = [
            f"d = {self.chosen['dimension']}, |Δμ|² = {self.distance2:g}, "
            f"s² = {self.chosen['variance']:g}; {self.study.config['samples']} samples; "
            "errors: s.e. between samples",
            "times t of the Ornstein–Uhlenbeck process; theory beside what was measured;",
            "identity: rms deviation from ρ₁(1 − φ₁) = ρ₂(1 − φ₂) in standard errors, ≈ 1 if exact",
        ]
        tables = (
            self._times_table(),
            self._turns_table(),
            self._unequal_table(),
            self._basins_table(),
            self._capacity_table(),
        )
        return "\n\n".join(["\n".join(lines), *tables, self.finding()])

    def _times_table(self) -> str:
        rows = []
        for w in self.chosen["weights"]:
            theory, found = self.theory(w), self.measured(w)
            cells = [f"{w:g}"]
            for name in ("median", "threshold", "halfway"):
                known = getattr(theory, name)
                cells += [_plain(known), of_samples(found[name]) if name in found else "—"]
            rows.append([*cells, _plain(theory.bimodal), f"{self.identity(w):.1f}"])
        heading = ["minority ρ", "median", "measured", "threshold", "measured", "half-way"]
        return table([*heading, "measured", "bimodal", "identity"], rows)

    def _turns_table(self) -> str:
        rows, heading = [], [""]
        for w in self.chosen["weights"]:
            for name, weight in zip(CLASSES, (w, 1 - w), strict=True):
                labels = {"kind": "speciation", "weight": w, "class": name}
                t, found = self.curve("uturn", **labels)
                theory = self.own_class(weight, t)
                cells = [f"{of_samples(found[:, k])} / {theory[k]:.3f}" for k in range(len(t))]
                rows.append([f"{w:g} {name}", *cells])
                heading = ["at t =", *(f"{x:.2f}" for x in t)]
        return "U-turns that land in their class, measured / theory\n" + table(heading, rows)

    def _unequal_table(self) -> str:
        rows = [
            [
                " / ".join(f"{s2:g}" for s2 in point["variances"]),
                f"{point['distance2']:g}",
                _plain(theory),
                of_samples(values),
            ]
            for point, theory, values in self.unequal()
        ]
        first = f"s² of {self.chosen['minority']:g} / the rest"
        return table([first, "|Δμ|²", "KL = log odds", "median, measured"], rows)

    def _basins_table(self) -> str:
        rows, total = [], sum(self.counts)
        for n, (name, (theory, found)) in zip(self.counts, self.collapse.items(), strict=True):
            appears = _plain(self.theory(n / total).threshold)
            rows.append([name, str(n), appears, f"{theory:.3f}", of_samples(found)])
        times = table(["class", "n", "appears (threshold)", "t_C theory", "R = 1/2"], rows)
        rows, columns = [], []
        for name in CLASSES:
            for quantity in ("datum", "effective_number", "own_class"):
                columns.append(self.curve(quantity, **{"kind": "basins", "class": name}))
        for k, t in enumerate(columns[0][0]):
            cells = [
                of_samples(values[:, k], digits=1 if c % 3 == 1 else 3)
                for c, (_, values) in enumerate(columns)
            ]
            rows.append([f"{t:.3f}", *cells])
        heading = ["t", *(f"{q}, {name}" for name in CLASSES for q in ("R", "N_eff", "φ"))]
        return times + "\n\n" + table(heading, rows)

    def _capacity_table(self) -> str:
        d = self.holding["dimension"]
        rows = [
            [
                f"{s2:g}",
                f"{s:g}",
                of_samples(values, 1),
                f"{float(class_collapse_points(s2, s, d)):.1f}",
            ]
            for s2 in self.holding["variances"]
            for s, values in zip(*_columns(self.capacities(s2)), strict=True)
        ]
        heading = [f"class of s², d = {d}", "σ", "capacity (R = 1/2)", "(1 + s²/σ²)^(d/2)"]
        return table(heading, rows)

    def finding(self) -> str:
        """The result in a line."""

        rho = self.chosen["minority"]
        few, many = (self.collapse[name][1] for name in CLASSES)
        later = self.theory(0.5).threshold - self.theory(rho).threshold
        return (
            f"A class of {100 * rho:g} % appears {later:.2f} later than one of half of the data, "
            f"and is memorized {of_samples(few - many, 2)} earlier than the other"
        )


def _columns(curve: tuple[ndarray, ndarray]) -> tuple[ndarray, ndarray]:
    """x (K,) and the values of each, (K, samples)."""
    return curve[0], curve[1].T


def _plain(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.3f}"
