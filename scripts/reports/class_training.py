"""What trainings on several classes come to: which class is first, and what decides it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reports import trained
from reports.leads import CHANCE, FACTOR, FEW, Leads
from reports.two_classes import TwoClasses

from bridges.estimates import estimate
from bridges.study import figures
from bridges.study.record import Point
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray

GAP = 0.05  # of test over train loss, at which a class is overfit
MEASURES = {"gap": "the gap", "best": "the least test loss"}
_RECOGNIZED = 0.75  # of U-turns that land in their own class, below the noise of a class
_ANSWERS = {1: "yes", -1: "no", 0: "not decided"}


class Verdict(NamedTuple):
    """A claim, the logarithm of a factor, positive where the claim holds, and the answer."""

    claim: str
    lead: Leads
    answer: int  # 1 yes, -1 no, 0 not decided


class Report(TwoClasses):
    """Losses by class along the trainings, who is first, and the verdicts on the paper's claims."""

    figsize = (13.6, 6.8)
    number = "factor"
    pairs = True

    def curve(self, point: Point, quantity: str, label: int) -> tuple[ndarray, ndarray]:
        """Steps (K,) and values (samples, K), of class 1, 2 …"""
        where = {"kind": point["kind"], "case": point["case"], "class": label}
        return self.study.curve(quantity, "step", **where)

    def point(self, kind: str, case: str = "equal") -> Point:
        """The training of a kind and case."""
        return next(one for one in self.points(kind) if one["case"] == case)

    @staticmethod
    def images(point: Point) -> str:
        """Images by class, in words."""
        counts = point["counts"]
        return " + ".join(map(str, counts)) if len(counts) < 4 else f"{counts[0]} … {counts[-1]}"

    def at_once(self, point: Point, label: int) -> ndarray:
        """Whether the gap of a class is open at the first mark, (samples,).

        Then the images that are held out are harder, whatever was learnt of the others.
        """
        import numpy as np

        steps = self.curve(point, "test", label)[0]
        first = steps[0] if len(steps) else -math.inf
        return np.asarray(super().values(point, "gap", label) <= first)

    def values(self, point: Point, quantity: str, label: int) -> ndarray:
        """A quantity of class 1, 2 …, (samples,), NaN where a sample has none."""
        import numpy as np

        found = super().values(point, quantity, label)
        return np.where(self.at_once(point, label), np.nan, found) if quantity == "gap" else found

    def learnt(self, point: Point) -> bool:
        """Whether the networks of a training have learnt."""
        where = {"kind": point["kind"], "case": point["case"], "class": None}
        found = self.study.curve("learnt", "steps", **where)
        return bool(trained.learnt(found[1]).all())

    def lead(self, point: Point, quantity: str) -> Leads:
        """log τ₂/τ₁, positive where class 1 is first; NaN of networks that have learnt nothing.

        Networks are followed for the steps of their training, random features for ever.
        """
        import numpy as np

        if not self.learnt(point):
            return Leads.measured(np.full(self.samples, np.nan))
        one, two = (self.values(point, quantity, c) for c in (1, 2))
        found = Leads.of(one, two, point["steps"] if quantity in MEASURES else math.inf)
        if quantity == "gap":
            found = found.without(self.at_once(point, 1) | self.at_once(point, 2))
        return found

    def noise_of(self, point: Point, label: int) -> Leads:
        """log σ below which a class is recognized; NaN of networks that have learnt nothing."""
        import numpy as np

        found = np.log(self.values(point, "recognized", label))
        if not self.learnt(point):
            return Leads.measured(np.full_like(found, np.nan))
        where = {"kind": point["kind"], "case": point["case"], "class": label}
        turns, own = self.study.curve("own_class", "turn", **where)
        low, high = found.copy(), found.copy()
        for s in np.flatnonzero(np.isnan(found)) if turns.size else ():
            above = own[s, 0] >= _RECOGNIZED  # at all noise that was tried, else at none of it
            low[s], high[s] = (
                (math.log(turns[-1]), np.inf) if above else (-np.inf, math.log(turns[0]))
            )
        return Leads(low, high)

    def first(self, point: Point, quantity: str) -> str:
        """The class that comes first by a measure; ? where that is not decided."""
        return {1: point["names"][0], -1: point["names"][1], 0: "?"}[
            self.lead(point, quantity).decided
        ]

    def verdicts(self, measure: str = "gap") -> list[Verdict]:
        """The claims on trained networks, and what the samples say by a measure of the times."""
        equal, more, less = (
            self.point("variance", c) for c in ("equal", "more wide", "more narrow")
        )
        lead, wide, narrow = (self.lead(point, measure) for point in (equal, more, less))
        centres = abs(lead) - abs(self.lead(self.point("centres"), measure))
        rise = self.noise_of(equal, 1) - self.noise_of(less, 1)
        noise = (rise - (self.noise_of(more, 2) - self.noise_of(equal, 2))) / 2
        first, turned = lead.decided, (-wide).decided
        claims = [
            ("at equal shares the wider class is overfit first", lead),
            ("the minority is overfit earlier", (narrow - wide) / 2),
            (f"at {self.images(more)} the order is reversed", -wide),
            ("centres matter less than variances", centres),
            ("the minority is recognized at less noise only", noise),
        ]
        found = [Verdict(claim, one, one.decided) for claim, one in claims]
        found[2] = found[2]._replace(answer=-1 if turned < 0 else turned * max(first, 0))
        return [*found, self._theory(measure)]

    def _theory(self, measure: str) -> Verdict:
        """Whether random features have the orders that networks show."""
        import numpy as np

        agree, leads = [], []
        for point in self.points("variance") + self.points("centres"):
            seen = self.lead(point, measure).decided
            theory = self.lead(point, f"features_{measure}").known
            if seen and not np.isnan(theory).all():
                leads.append(seen * theory)
                agree.append(float(np.nanmedian(leads[-1])) > 0)
        answer = 0 if not agree else 1 if all(agree) else -1
        lead = np.mean(leads, 0) if leads else np.full(self.samples, np.nan)
        claim = "random features have the orders that are decided"
        return Verdict(claim, Leads.measured(lead), answer)

    def finding(self) -> str:
        """What is decided, and what is not."""
        if not any(self.learnt(point) for point in self.study.points):
            return f"Of these classes: {trained.NOTHING}"
        by_answer: dict[str, list[str]] = {}
        for found in zip(*(self.verdicts(measure) for measure in MEASURES), strict=True):
            signs = {one.answer for one in found} - {0}  # what one measure leaves open
            answer = signs.pop() if len(signs) == 1 else 0
            by_answer.setdefault(_ANSWERS[answer], []).append(found[0].claim)
        known = [answer for answer in _ANSWERS.values() if answer in by_answer]
        words = "; ".join(f"{answer}: {', '.join(by_answer[answer])}" for answer in known)
        return words[0].upper() + words[1:]

    def conclusions(self) -> Point:
        """The classes of the data, the class that is first in each training, the verdicts."""
        one = self.study.points[0]
        trainings = [
            {"kind": point["kind"], "case": point["case"], "images": self.images(point)}
            | {"classes": point["names"], "learnt": self.learnt(point)}
            | ({"first": {m: self.first(point, m) for m in MEASURES}} if self.pairs else {})
            for point in self.study.points
        ]
        verdicts = {
            measure: {
                claim: {"answer": _ANSWERS[answer], "lead": estimate(lead.known)}
                for claim, lead, answer in self.verdicts(measure)
            }
            for measure in MEASURES
        }
        classes = {name: one[name] for name in ("known", "variances", "distances")}
        return {"classes": classes, "trainings": trainings, "verdicts": verdicts}

    def heading(self) -> str:
        """The data and the training."""
        point = self.study.points[0]
        data, steps = Path(self.setting["data"]).name, self.setting["steps"]
        return f"{data}, {self.setting['network']}, {steps} steps of {point['batch']} images"

    def tables(self) -> Iterator[str]:
        """The classes of the data; the trainings; samples and noise; the verdicts."""
        one = self.study.points[0]
        yield (
            "variance of the classes of the data and squared distance of their centres from the\n"
            "mean, per entry, where the mean square of all entries about it is 1"
        )
        moments = zip(one["known"], one["variances"], one["distances"], strict=True)
        yield table(
            ["class", "variance", "distance"],
            [[str(c), f"{v:.3f}", f"{r:.3f}"] for c, v, r in moments],
        )
        yield f"steps of the least test loss, and at which it exceeds the train loss by {GAP:g}"
        yield self.times()
        yield (
            "samples at the end: share of the first class (of its images), copies; noise below\n"
            "which a class is recognized, in rms deviations of the data"
        )
        yield self.drawn()
        unlearnt = [self.images(point) for point in self.study.points if not self.learnt(point)]
        if unlearnt:
            yield trained.nothing_of(f"the networks of {', '.join(unlearnt)} images")
        yield self.rule()
        for measure, words in MEASURES.items():
            rows = [
                [claim, self.shown(lead), _ANSWERS[answer]]
                for claim, lead, answer in self.verdicts(measure)
            ]
            yield table([f"claim, by {words}", self.number, "answer"], rows)

    @staticmethod
    def shown(lead: Leads) -> str:
        """What a claim is about, in a table."""
        return str(lead)

    def rule(self) -> str:
        """What decides."""
        if self.samples == 1:
            return "one sample decides nothing"
        if self.samples < FEW:
            return f"{self.samples} samples decide a factor above {FACTOR:g} in each of them"
        return f"{self.samples} samples decide by Student's t at {CHANCE:g}"

    def times(self) -> str:
        """When each class of a training is overfit."""
        rows = []
        for point in self.study.points:
            cells = [
                " / ".join(of_samples(self.values(point, name, c), digits) for c in (1, 2))
                for name, digits in (("best", 0), ("gap", 0), ("least_test", 3))
            ]
            names = ("gap", "features_gap", "best", "features_best")
            ratios = [str(self.lead(point, name)) for name in names]
            first = " ".join(self.first(point, name) for name in MEASURES)
            name = f"{' / '.join(point['names'])}, {self.images(point)}"
            rows.append([name, *cells, *ratios, first])
        heading = ["classes, images", "least test loss at", f"gap {GAP:g} at", "least test loss"]
        ratios = ["gap τ₂/τ₁", "in theory", "loss τ₂/τ₁", "in theory"]
        return table([*heading, *ratios, "first by gap, loss"], rows)

    def drawn(self) -> str:
        """The samples by class, and the noise of each class."""
        rows = []
        for point in self.study.points:
            share = point["counts"][0] / sum(point["counts"])
            drawn = of_samples(self.ended(point, "shares", 1), 2)
            copies = " / ".join(self.copies(point, c) for c in (1, 2))
            noise = " / ".join(self.recognized(point, c) for c in (1, 2))
            name = f"{' / '.join(point['names'])}, {self.images(point)}"
            rows.append([name, f"{drawn} ({share:.2f})", copies, noise])
        return table(["classes, images", "share", "copies", "recognized below"], rows)

    def recognized(self, point: Point, label: int) -> str:
        """The noise below which a class is recognized, or what it is above or below."""
        found = self.noise_of(point, label)
        if (found.low == found.high).all():
            return of_samples(self.values(point, "recognized", label), 1)
        return str(found)

    def copies(self, point: Point, label: int) -> str:
        """Copies among the samples of a class at the end."""
        by_sample = self.ended(point, "copies", label)
        return of_samples(by_sample, 2) if (by_sample == by_sample).any() else "—"

    def ended(self, point: Point, quantity: str, label: int) -> ndarray:
        """A quantity at the last step of a training, (samples,), NaN where there is none."""
        import numpy as np

        steps, by_sample = self.curve(point, quantity, label)
        last = by_sample[:, steps == point["steps"]]
        return last[:, 0] if last.size else np.full(self.samples, math.nan)

    def draw(self, figure: Figure) -> None:
        """Losses by class, the orders, samples by class and copies, and the noise of classes."""
        panels = figure.subplots(2, 4)
        cases = self.points("variance") + self.points("centres")
        for axes, point in zip(panels[0], cases, strict=True):
            self._losses(axes, point)
        panels[0, 0].set_ylabel("loss, in units of the noise")
        self._orders(panels[1, 0], cases)
        self._shares(panels[1, 1], cases[:3])
        self._copied(panels[1, 2])
        self._recognized(panels[1, 3], cases[:3])

    def _losses(self, axes: Axes, point: Point) -> None:
        for c, (color, _) in zip((1, 2), figures.SERIES, strict=False):
            for quantity, style in (("test", "-"), ("train", ":")):
                look = {
                    "ls": style,
                    "label": f"{quantity}, {figures.literal(point['names'][c - 1])}",
                }
                figures.band(axes, *self.curve(point, quantity, c), color, alpha=0.25, **look)
            opens = estimate(self.values(point, "gap", c))["mean"]
            if not math.isnan(opens):
                axes.axvline(opens, color=color, lw=0.8, ls="--", zorder=0)
        figures.log_axis(axes)
        axes.set(ylim=(0, 1.02), xlabel="gradient steps")
        axes.set_title(f"{self.images(point)} images; dashed: overfit")
        if point["case"] == "equal":
            axes.legend(fontsize=7, loc="lower left")

    def _orders(self, axes: Axes, cases: list[Point]) -> None:
        """τ₂/τ₁ of every case, of networks and of random features."""
        import numpy as np

        x = np.arange(len(cases))
        shown = (("", "networks", figures.SERIES[0]), ("features_", "features", figures.SERIES[4]))
        kinds = [(one, measure) for one in shown for measure in MEASURES]
        for shift, ((prefix, name, series), measure) in zip(
            (-0.24, -0.08, 0.08, 0.24), kinds, strict=True
        ):
            leads = [self.lead(point, f"{prefix}{measure}") for point in cases]
            known = np.array([one.known for one in leads]).T
            known[~np.isfinite(known)] = np.nan
            fill = series[0] if measure == "gap" else "white"
            for at, one in zip(x + shift, leads, strict=True):
                _arrows(axes, at, one, series[0])
            for k, one in enumerate(known):
                look = {"color": series[0], "mfc": fill, "marker": series[1], "ls": "", "ms": 5}
                label = f"{name}, by {MEASURES[measure]}" if k == 0 else None
                axes.plot(x + shift, np.exp(one), label=label, **look)
        axes.set_yscale("log")
        axes.set_ylim(top=4 * axes.get_ylim()[1])  # room for the legend
        figures.plain_ticks(axes.yaxis)
        axes.axhline(1, color="0.6", lw=0.8, zorder=0)
        names = [f"{self.images(one)}\n{'/'.join(map(str, one['labels']))}" for one in cases]
        axes.set_xticks(x, names, fontsize=7.5)
        axes.set(xlim=(-0.5, len(cases) - 0.5), ylabel=r"$\tau_2/\tau_1$ (above 1: class 1 first)")
        axes.set_title("overfit first; arrows: bounds")
        axes.legend(fontsize=6.5)

    def _shares(self, axes: Axes, cases: list[Point]) -> None:
        for point, series in zip(cases, figures.SERIES, strict=False):
            share = point["counts"][0] / sum(point["counts"])
            found = self.curve(point, "shares", 1)
            figures.points(axes, *found, series, label=self.images(point))
            axes.axhline(share, color=series[0], lw=0.8, ls="--", zorder=0)
        figures.log_axis(axes)
        axes.set(ylim=(0, 1.25), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1])  # room for the legend
        axes.set(xlabel="gradient steps", ylabel="share of class 1 in samples")
        axes.set_title("dashed: among the images")
        axes.legend(fontsize=7.5, loc="upper center", ncol=3, columnspacing=1)

    def _copied(self, axes: Axes) -> None:
        for kind, style in (("variance", "-"), ("copies", ":")):
            point = self.point(kind)
            for c, series in zip((1, 2), figures.SERIES, strict=False):
                label = f"{figures.literal(point['names'][c - 1])}, {self.images(point)}"
                found = self.curve(point, "copies", c)
                figures.points(axes, *found, series, label=label, ls=style)
        axes.set_xscale("log")
        axes.set(ylim=(-0.03, 1.05), xlabel="gradient steps", ylabel="samples that are copies")
        axes.legend(fontsize=7)
        axes.set_title("copies by class")

    def _recognized(self, axes: Axes, cases: list[Point]) -> None:
        """φ_c of both classes in each case."""
        for point, series in zip(cases, figures.SERIES, strict=False):
            for c, style in ((1, "-"), (2, ":")):
                where = {"kind": point["kind"], "case": point["case"], "class": c}
                found = self.study.curve("own_class", "turn", **where)
                label = f"{figures.literal(point['names'][c - 1])}, {self.images(point)}"
                figures.points(axes, *found, series, ls=style, label=label)
        figures.log_axis(axes)
        axes.axhline(_RECOGNIZED, color="0.6", lw=0.8, zorder=0)
        axes.set(
            ylim=(-0.03, 1.05), xlabel=r"noise $\sigma$ of the turn", ylabel="in its own class"
        )
        axes.set_title("U-turns")
        axes.legend(fontsize=6.5)


def _arrows(axes: Axes, x: float, leads: Leads, color: str) -> None:
    """An arrow from what the factor of a sample is above or below."""
    look = {"arrowstyle": "->", "color": color, "lw": 1.1}
    for low, high in zip(leads.low, leads.high, strict=True):
        if low < high and math.isfinite(max(low, -high)):
            bound, up = (math.exp(low), 1.4) if high == math.inf else (math.exp(high), 1 / 1.4)
            axes.annotate("", (x, up * bound), (x, bound), arrowprops=look)
