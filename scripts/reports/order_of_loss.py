"""Which subspace is lost first, by which criterion.

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
from matplotlib.axes import Axes
from numpy import ndarray
from reports.trained import NOTHING, learnt, nothing_of

from bridges.estimates import estimate
from bridges.study import figures
from bridges.study.results import Study
from bridges.study.tables import of_samples, table
from diffusion import theory as laws

CRITERIA = {
    "retention": "half of the retention",
    "jacobian": "SNR of the Jacobian = 1",
    "score": "SNR of the score = 1",
    "condensation": "condensation, Σw² = 1/2",
}
SIDES = ("large_variance", "small_variance")
_MARKS = (2.0, 0.2, 0.02)  # noise variances, in units of λ₂, at which networks are compared


class OrderOfLoss:
    """What is left of two subspaces, and in which order they are lost.

    Parameters
    ----------
    study : a run of `losing_dimensions`; subspace 1 has the large variance, 2 the small one.
    """

    def __init__(self, study: Study) -> None:
        setting = study.config["parameters"]
        self.P: int = setting["patterns"]
        self.trained: list[int] = setting["trained"]
        self.subspaces: list[int] = setting["subspaces"]
        self.variances: list[float] = setting["variances"]
        self.noise: list[float] = study.points[0]["noise"]
        self.spectrum: list[float] = np.repeat(self.variances, self.subspaces).tolist()
        self._found = study.by_sample("part", "patterns", "quantity", "t", "subspace", "index")

    def curve(
        self,
        P: int,
        quantity: str,
        part: str = "empirical",
        subspace: int | None = None,
        index: int | None = None,
    ) -> ndarray:
        """A quantity at every noise variance, (samples, T)."""
        found = [self._found[part, P, quantity, t, subspace, index] for t in self.noise]
        return np.array(found).T

    def retention(self, P: int, subspace: int, part: str) -> ndarray:
        """D_A over that of the distribution, m λ/(λ + t), (samples, T)."""
        m, lam = self.subspaces[subspace - 1], self.variances[subspace - 1]
        left = self.curve(P, ("first", "second")[subspace - 1], part)
        return left * (lam + np.array(self.noise)) / (m * lam)

    def lost(self, criterion: str, subspace: int) -> ndarray:
        """The largest t at which a subspace is lost, (samples,); NaN where it nowhere is."""
        if criterion == "retention":
            excess = self.retention(self.P, subspace, "empirical") - 0.5
        else:
            found = self.curve(self.P, criterion, "fixed", subspace)
            excess = 0.5 - found if criterion == "condensation" else found - 1
        return np.array([last_rise(self.noise, one) for one in excess])

    def theory(self, criterion: str, subspace: int) -> float:
        """The t of `lost` by the closed forms of a large system."""
        if criterion == "retention":
            return float(laws.collapse_sigma(self.P, self.spectrum)) ** 2
        first = np.arange(len(self.spectrum)) < self.subspaces[0]
        inside = first if subspace == 1 else ~first
        if criterion == "condensation":
            x = np.sqrt(self.spectrum) * inside
            return float(laws.condensation_sigma(self.P, self.spectrum, x)) ** 2 / 2
        critical = (
            laws.critical_size_jacobian if criterion == "jacobian" else laws.critical_size_score
        )
        t = np.geomspace(self.noise[0], self.noise[-1], 4000)
        sizes = critical(self.spectrum, np.sqrt(t))[:, inside.argmax()]
        return last_rise(t.tolist(), np.log(self.P / sizes).tolist())

    def holds(self, criterion: str, t: float) -> bool:
        """Whether a signal to noise of theory rests on the 10 effective points it asks for."""
        if criterion not in ("jacobian", "score") or math.isnan(t):
            return True
        return bool(laws.effective_number(self.P, self.spectrum, math.sqrt(t)) > 10)

    @cached_property
    def exact(self) -> dict[str, dict[str, Any]]:
        """By criterion, where the exact score loses each subspace and the ratio of the two."""
        found = {}
        for criterion in CRITERIA:
            theory = [self.theory(criterion, a) for a in (1, 2)]
            found[criterion] = _compared(*(self.lost(criterion, a) for a in (1, 2))) | {
                "theory": theory,
                "theory_holds": [self.holds(criterion, t) for t in theory],
            }
        return found

    @cached_property
    def marks(self) -> dict[float, int]:
        """Noise variances at which networks are compared, nearest to 2, 0.2, 0.02 λ₂: places."""
        apart = np.abs(np.log(np.divide.outer(self.noise, np.multiply(_MARKS, self.variances[1]))))
        return {self.noise[k]: int(k) for k in apart.argmin(0)}

    @cached_property
    def learnt(self) -> list[int]:
        """The P whose networks have learnt, so that something is said of them."""
        found = {P: self._found["trained", P, "learnt", None, None, None] for P in self.trained}
        return [P for P, loss in found.items() if learnt(np.array(loss))]

    @cached_property
    def networks(self) -> dict[float, dict[str, Any]]:
        """By noise variance, the P below which a network has lost each subspace."""
        found: dict[float, dict[str, Any]] = {}
        if not self.learnt:
            return found
        for t, k in self.marks.items():
            sizes = []
            for a in (1, 2):
                kept = np.array([self.retention(P, a, "trained")[:, k] for P in self.learnt]).T
                sizes.append(np.array([last_rise(self.learnt, one) for one in kept - 0.5]))
            found[t] = _compared(*sizes)
        return found

    def finding(self) -> str:
        """The order in a line or two."""
        words: dict[str, list[str]] = {}
        for criterion, found in self.exact.items():
            words.setdefault(found["lost_first"], []).append(criterion)
        parts = [f"{verdict} by {', '.join(names)}" for verdict, names in words.items()]
        lead = "What is lost first is a matter of the criterion" if len(parts) > 1 else "Lost first"
        said = f"{lead}\n{'; '.join(parts)}"
        verdicts = {found["lost_first"] for found in self.networks.values()}
        if not verdicts:
            return f"{said}; {NOTHING}"
        network = verdicts.pop() if len(verdicts) == 1 else "a matter of the noise level"
        return f"{said}; by a network as data dwindle: {network}"

    def table(self) -> str:
        """Where the exact score loses each subspace, beside theory."""
        rows = []
        for label, found in zip(CRITERIA.values(), self.exact.values(), strict=True):
            marked = zip(found["theory"], found["theory_holds"], strict=True)
            theory = [f"{t:.2g}{'' if sure else '*'}" for t, sure in marked]
            measured = [_size(found[side]) for side in SIDES]
            rows.append([label, *measured, *theory, found["lost_first"]])
        heading = [f"lost at t, P = {self.P}", "λ₁", "λ₂", "theory λ₁", "theory λ₂", "lost first"]
        note = "(theory of large dimensions; * rests on fewer than 10 effective points)"
        return f"{table(heading, rows)}\n\n{note}"

    def table_of_networks(self) -> str:
        """What networks keep, and the P below which they have lost each subspace."""
        rows = []
        for P in self.trained:
            both = [
                [self.retention(P, a, part)[:, k] for part in ("trained", "empirical")]
                for k in self.marks.values()
                for a in (1, 2)
            ]
            words = (f"{of_samples(found, 2)} [{exact.mean():.2f}]" for found, exact in both)
            rows.append([str(P), *words])
        heading = [f"λ{a}, t = {t:.2g}" for t in self.marks for a in "₁₂"]
        lines = [
            f"half of the retention at t = {t:.2g}: P = {_size(found[SIDES[0]])} (λ₁), "
            f"{_size(found[SIDES[1]])} (λ₂); {found['lost_first']}"
            for t, found in self.networks.items()
        ]
        unlearnt = ", ".join(str(P) for P in self.trained if P not in self.learnt)
        if unlearnt:
            lines.append(nothing_of(f"the networks of P = {unlearnt}"))
        note = "(retention of the network, in brackets of the exact score of its points)"
        return "\n".join([table(["trained, P", *heading], rows), "", note, *lines])

    def draw(self, axes: Axes) -> None:
        """Where the exact score loses each subspace, measured and by theory."""
        for row, (criterion, found) in enumerate(self.exact.items()):
            for a, (side, (color, marker)) in enumerate(zip(SIDES, figures.SERIES, strict=False)):
                y, x, t = -row + 0.1 - 0.2 * a, found[side]["mean"], found["theory"][a]
                look: dict[str, Any] = {"color": color, "marker": marker, "ms": 5, "ls": ""}
                label = f"$A_{a + 1}$, variance {self.variances[a]:g}" if row == 0 else None
                axes.errorbar(x, y, xerr=np.nan_to_num(found[side]["sem"]), label=label, **look)
                label = "theory" if row == a == 0 else None
                alpha = 1 if found["theory_holds"][a] else 0.4
                axes.plot(t, y, label=label, alpha=alpha, **look | {"marker": "|", "ms": 13})
            words = f"{CRITERIA[criterion]}: {found['lost_first']}"
            axes.text(0.01, -row + 0.3, words, transform=axes.get_yaxis_transform(), fontsize=8.5)
            axes.axhline(-row - 0.4, color="0.9", lw=0.8)
        axes.set(xscale="log", yticks=[], ylim=(-len(CRITERIA) + 0.15, 0.6))
        axes.set_xlabel("noise variance $t$ at which a subspace is lost")
        axes.legend(loc="lower right", ncols=3)
        axes.set_title(f"exact score: the order of loss, measured ($P$ = {self.P})")

    def draw_networks(self, axes: Axes) -> None:
        """Both subspaces against P: a network's as points, those of the exact score dotted."""
        dotted: dict[str, Any] = {"lw": 0.9, "ls": ":"}
        first, place = next(iter(self.marks.items()))
        styles = zip(self.marks.items(), ("full", "none", "left"), ("-", "--", "-."), strict=False)
        for (t, k), fill, style in styles:
            for a, series in zip((1, 2), figures.SERIES, strict=False):
                kept = np.array([self.retention(P, a, "trained")[:, k] for P in self.trained]).T
                figures.points(axes, self.trained, kept, series, fillstyle=fill, lw=0.9, ls=style)
            axes.plot([], [], color="0.35", lw=0.9, ls=style, label=f"network, $t$ = {t:.2g}")
        for a, (color, marker) in zip((1, 2), figures.SERIES, strict=False):
            exact = [self.retention(P, a, "empirical")[:, place].mean() for P in self.trained]
            axes.plot(self.trained, exact, color=color, **dotted)
            label = f"$A_{a}$, variance {self.variances[a - 1]:g}"
            axes.plot([], [], color=color, marker=marker, ls="", ms=5, label=label)
        axes.plot([], [], color="0.35", **dotted, label=f"exact score, $t$ = {first:.2g}")
        for level in (0.5, 1.0):
            axes.axhline(level, color="0.85", lw=0.8, zorder=0)
        figures.ticks(axes, self.trained)
        low, high = axes.get_ylim()
        axes.set_ylim(min(0.0, low), high + 0.35 * (high - low))
        axes.set(xlabel="number of points $P$", ylabel=r"retention $D_A\,(\lambda+t)/m\lambda$")
        axes.legend(fontsize=7.5, loc="upper left", ncols=2)
        axes.set_title("networks: what is left of each subspace")


def _compared(first: ndarray, second: ndarray) -> dict[str, Any]:
    """Where each subspace is lost, and the order, by the samples that saw both."""
    ratio = estimate(np.log(first / second))
    lost = dict(zip(SIDES, (estimate(first), estimate(second)), strict=True))
    return lost | {"log_ratio": ratio, "lost_first": _verdict(ratio["mean"], ratio["sem"])}


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
            return float(x[k - 1] * (x[k] / x[k - 1]) ** part)
    return math.nan


def _size(found: dict[str, float]) -> str:
    """A noise variance or a number of points to the digits of its error."""
    mean, sem = found["mean"], found["sem"]
    if math.isnan(mean):
        return "not seen"
    return f"{mean:.3g}" if math.isnan(sem) else f"{mean:.3g} ± {sem:.1g}"
