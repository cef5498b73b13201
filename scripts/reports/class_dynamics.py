"""What a study of learning dynamics measured: orders of classes, and where they invert.

The order of two classes by a measure is the sign of the mean of log τ₂/τ₁, called one where
samples without an order would show it less than once in a hundred times (Student's t); an
inversion is claimed only where both orders are seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray
from reports.two_classes import TwoClasses
from scipy.stats import t as student

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures
from bridges.study.record import Point
from bridges.study.tables import of_samples, table, uncertain
from diffusion.learning_times import MEASURES
from diffusion.theory import feature_spectrum, inversion_fraction

_CHANCE = 0.01  # that samples without an order show one
_BESIDE = 0.05  # BESIDE of the script: a class is narrower across its own coordinates
_KINDS = {  # what a point of a kind varies, in a word, and about it
    "variance": ("{ratio:g}", "variance of class 1 over that of class 2, centres at 0"),
    "centroid": ("{norm:g} at {ratio:g}", "|μ₂|/√d where |μ₁| = √d, at a ratio of variances"),
    "imbalance": ("{fraction:g}", "share ρ₁ of the wider class, centres at 0"),
    "subspaces": ("{fraction:g}", "share ρ₁, each class wide in its own half of the coordinates"),
    "growth": ("{points:g}", "n/d, the first class twice as wide"),
    "digits": ("{pair}, {counts[0]}:{counts[1]}", "digits and the numbers of their images"),
}
_SHARED = ("imbalance", "subspaces")  # kinds along which shares are varied
CLAIMED = ("spectral", "gap", "opt")  # the measures that a claim rests on
_SHOWN = {
    "spectral": "spectral: memorization",
    "gap": "gap opens: overfitting",
    "opt": "least test loss",
    "gen63": "generalization (63 %)",
    "speed": "speed in the spectrum",
}
_LOOKS = dict(zip(_SHOWN, figures.SERIES, strict=False))


class Report(TwoClasses):
    """Which class is first by every measure, against all that is varied."""

    figsize = (11.6, 7.2)

    def lead(self, point: Point, quantity: str) -> ndarray:
        """log τ₂/τ₁, (samples,): positive where class 1 is first; of a speed, log of 1's over 2's.

        ±∞ where only one class ever comes.
        """
        one, two = (self.values(point, quantity, c) for c in (1, 2))
        if quantity == "speed":
            one, two = two, one
        both = np.log(two / one)
        never = np.isnan(one).astype(float) - np.isnan(two)
        return np.where(never == 0, both, np.where(never > 0, -np.inf, np.inf))

    def first(self, point: Point, quantity: str) -> int:
        """The class that comes first by a measure; 0: undecided."""
        lead = self.lead(point, quantity)
        lead = lead[~np.isnan(lead)]
        if len(lead) < 2 or np.isinf(lead).any():
            same = len(lead) > 1 and len(set(np.sign(lead))) == 1
            return (1 if lead[0] > 0 else 2) if same else 0
        mean, sem = mean_and_sem(lead)
        sure = float(student.ppf(1 - _CHANCE / 2, len(lead) - 1)) * sem
        return 0 if abs(mean) <= sure else 1 if mean > 0 else 2

    def inversion(self, kind: str, quantity: str) -> ndarray | None:
        """ρ₁ at which the order inverts, (samples,), or None where not both orders are seen."""
        points = self.points(kind)
        if not {1, 2} <= {self.first(point, quantity) for point in points}:
            return None
        leads = np.array([self.lead(point, quantity) for point in points])
        return np.array([_zero(_varied(points, "fraction"), one) for one in leads.T])

    def spectral_inversion(self) -> float:
        """ρ₁* of theory, of the classes in subspaces."""
        point = self.points("subspaces")[0]
        lam = np.array(point["variances"])
        chi2 = lam * (1 + _BESIDE) / 2
        return inversion_fraction(lam, point["time"], point["activation"], chi2)

    def slope(self, quantity: str, label: int) -> ndarray:
        """d log τ/d log n between the least and the most points, (samples,)."""
        ends = [self.points("growth")[k] for k in (0, -1)]
        few, many = (self.values(point, quantity, label) for point in ends)
        less, more = _varied(ends, "points")
        return np.log(many / few) / math.log(more / less)

    def finding(self) -> str:
        """Which class is first, and whether imbalance inverts this."""
        wider = {
            self.first(point, q)
            for point in self.points("variance")
            if point["ratio"] >= 2
            for q in CLAIMED
        }
        wide = "first" if wider == {1} else "not always first"
        isotropic = any(self.inversion("imbalance", q) is not None for q in CLAIMED)
        at = self.inversion("subspaces", "gap")
        if isotropic or at is None:
            share = f"its share {'inverts' if isotropic else 'does not invert'} this"
        else:
            share = (
                "its share inverts overfitting for classes in subspaces only, at ρ₁ = "
                f"{of_samples(at)}"
            )
        return f"The wider class is {wide} to be memorized and overfit; {share}"

    def conclusions(self) -> Point:
        """The orders by every measure, the inversions, and what memorization waits for."""
        orders = {
            kind: [
                {"setting": form.format(**point)}
                | {"first": {q: self.first(point, q) for q in self._measures(kind)}}
                for point in self.points(kind)
            ]
            for kind, (form, _) in _KINDS.items()
        }
        inversions = {
            kind: {q: None if at is None else estimate(at) for q, at in found.items()}
            for kind, found in self._inversions().items()
        }
        theory = {"spectral_inversion_theory": self.spectral_inversion()}
        slopes = {q: [estimate(self.slope(q, c)) for c in (1, 2)] for q in MEASURES}
        return orders | {"inversions": inversions} | theory | {"growth_exponents": slopes}

    def _inversions(self) -> dict[str, dict[str, ndarray | None]]:
        return {
            kind: {q: self.inversion(kind, q) for q in (*self._measures(kind), "quality")}
            for kind in _SHARED
        }

    def _measures(self, kind: str) -> tuple[str, ...]:
        known = MEASURES if kind != "digits" else ("gen63", "opt", "gap", "mem50", "spectral")
        return (*known, "speed") if kind == "subspaces" else known

    def heading(self) -> str:
        """The model and its data."""
        s = self.setting
        return (
            f"t = {s['time']:g}, {s['activation']}, d = {s['dimension']}, p/d = {s['features']:g}, "
            f"n/d = {s['points']:g}"
        )

    def tables(self) -> Iterator[str]:
        """τ₂/τ₁ by every measure, the quality reached, the inversions."""
        yield (
            "τ₂/τ₁ by every measure; above 1 class 1 is first;\n"
            f"first: by {', '.join(CLAIMED)}, all three where they differ, ? undecided at 1 %;\n"
            "quality: largest progress of classes 1 and 2 (least loss for digits)"
        )
        for kind in _KINDS:
            yield self._table(kind)
        lines = []
        for kind, found in self._inversions().items():
            parts = [f"{q}: {'none' if at is None else of_samples(at)}" for q, at in found.items()]
            lines.append(f"inversion in ρ₁, {kind}: " + ", ".join(parts))
        lines.append(f"theory for the speeds in subspaces: ρ₁* = {self.spectral_inversion():.4f}")
        slopes = [f"{q} {of_samples(self.slope(q, 1))}" for q in MEASURES]
        lines.append("slope of log τ₁ in log n, from the least n to the most: " + ", ".join(slopes))
        yield "\n".join(lines)
        yield self.finding()

    def _table(self, kind: str) -> str:
        measures, (form, about), rows = self._measures(kind), _KINDS[kind], []
        reached = "least_loss" if kind == "digits" else "quality"
        for point in self.points(kind):
            quality = " / ".join(of_samples(self.values(point, reached, c)) for c in (1, 2))
            orders = "".join(str(self.first(point, q) or "?") for q in CLAIMED)
            ratios = [_ratio(self.lead(point, q)) for q in measures]
            first = orders[0] if len(set(orders)) == 1 else orders
            rows.append([form.format(**point), *ratios, quality, first])
        return f"{about}\n\n" + table([kind, *measures, "quality", "first"], rows)

    def draw(self, figure: Figure) -> None:
        """Spectrum, and the order of two classes against what is varied."""
        spectrum, *panels = figure.subplots(2, 3).ravel()
        drawn = (self._variance, self._centres, self._imbalance, self._subspaces, self._digits)
        self._spectrum(spectrum)
        for axes, draw in zip(panels, drawn, strict=True):
            draw(axes)
            self._ratio_axis(axes, room=3.0 if draw == self._centres else 1.0)

    def _ratio_axis(self, axes: Axes, room: float) -> None:
        """τ₂/τ₁ on a logarithmic axis, plain numbers at the ticks; `room` for a legend above."""
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        high *= room
        axes.set_ylim(low, high)
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if low <= t <= high]
        axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axes.minorticks_off()
        axes.axhline(1, color="0.6", lw=0.8, zorder=0)
        axes.set_ylabel(r"$\tau_2/\tau_1$ (above 1: class 1 first)")

    def _leads(
        self, axes: Axes, points: list[Point], x: ndarray, name: str, look: dict[str, Any]
    ) -> None:
        """Geometric mean of τ₂/τ₁ and its standard error, of some points at x."""
        lead = np.array([self.lead(point, name) for point in points])  # (K, samples)
        lead[~np.isfinite(lead)] = np.nan
        mean, sem = mean_and_sem(lead.T)
        ratio = np.exp(mean)
        usual = {"series": _LOOKS[name], "zorder": 2}
        figures.means(axes, x, (ratio, ratio * sem), **(usual | look))

    def _order(self, axes: Axes, kind: str, along: str, names: tuple[str, ...]) -> None:
        points = self.points(kind)
        for name in names:
            self._leads(axes, points, _varied(points, along), name, {"label": _SHOWN[name]})

    def _spectrum(self, axes: Axes) -> None:
        """The measured density of eigenvalues per log λ, and that of theory."""
        (point,) = self.points("spectrum")
        shares = [point["fraction"], 1 - point["fraction"]]
        rest = (point[k] for k in ("variances", "time", "activation"))
        x, found = self.study.curve("density", "eigenvalue", kind="spectrum")
        fine = np.geomspace(x[0], x[-1], 600)
        law = feature_spectrum(point["features"], point["points"], shares, *rest)
        theory = fine * law.density(fine)
        axes.plot(fine, theory, **figures.THEORY[0], label="theory")
        mean = found.mean(0)
        top = 1.6 * float(theory.max())  # the atom, of most features, is higher
        higher = mean[mean > top]
        words = f"\n(and {len(higher)} more, up to {higher.max():.2f})" if len(higher) else ""
        kept, look = mean > 0, {"ms": 3.5, "ls": "", "label": f"features, $d$ finite{words}"}
        figures.points(axes, x[kept], found[:, kept], figures.SERIES[0], **look)
        axes.set_xscale("log")
        axes.set_ylim(0, top)
        axes.set(xlabel=r"eigenvalue $\lambda$ of $U$", ylabel=r"density per $\log\lambda$")
        axes.set_title("memorized (left), generalized (right), $t$ = 0.01")
        axes.legend()

    def _variance(self, axes: Axes) -> None:
        self._order(axes, "variance", "ratio", (*CLAIMED, "gen63"))
        figures.ticks(axes, _varied(self.points("variance"), "ratio"))
        axes.set_xlabel(r"ratio of variances $\sigma_1^2/\sigma_2^2$")
        axes.set_title("the wider class is first")
        axes.legend(fontsize=7.5)

    def _centres(self, axes: Axes) -> None:
        open_: dict[str, Any] = {"mfc": "none", "ls": ":"}
        for ratio, settings in ((1.0, open_), (2.0, {})):
            points = [point for point in self.points("centroid") if point["ratio"] == ratio]
            for name in ("gap", "gen63"):
                label = f"{_SHOWN[name].split(':')[0]}, variances {ratio:g} : 1"
                look = settings | {"label": label}
                self._leads(axes, points, _varied(points, "norm"), name, look)
        axes.set_xlabel(r"norm of the second centre $|\mu_2|/\sqrt{d}$ (first: 1)")
        axes.set_title("smaller centre first, larger variance before it")
        axes.legend(fontsize=7.5)

    def _imbalance(self, axes: Axes) -> None:
        self._order(axes, "imbalance", "fraction", (*CLAIMED, "gen63"))
        axes.set_xlabel(r"share of the wider class $\rho_1$")
        axes.set_title("imbalance modulates; colours of (b)")

    def _subspaces(self, axes: Axes) -> None:
        self._order(axes, "subspaces", "fraction", ("gap", "opt", "gen63", "speed"))
        label = r"$\rho_1^*$ of the spectrum, theory"
        axes.axvline(self.spectral_inversion(), **figures.THEORY[1], label=label)
        axes.set_xlabel(r"share of the wider class $\rho_1$")
        axes.set_title("classes in subspaces of their own")
        axes.legend(fontsize=7.5)

    def _digits(self, axes: Axes) -> None:
        points = self.points("digits")
        pairs = dict.fromkeys(point["pair"] for point in points)
        for pair, series in zip(pairs, figures.SERIES, strict=False):
            own = [point for point in points if point["pair"] == pair]
            look = {"series": series, "label": f"digits {pair}"}
            self._leads(axes, own, _varied(own, "first") / 100, "gap", look)
        axes.set_xlabel("share of the first digit, of 100 images")
        axes.set_title("digits: overfitting sets in")
        axes.legend()


def _varied(points: list[Point], name: str) -> ndarray:
    """A setting of some points."""
    return np.array([point[name] for point in points])


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
