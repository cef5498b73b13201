"""What trainings on all classes of a data set come to, by ranks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reports.class_training import GAP, Report, Verdict
from reports.leads import CHANCE, Leads

from bridges.study import figures
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class AllClasses(Report):
    """Times of all classes of each training against their variances and numbers of images."""

    figsize = (8.6, 6.6)
    number = "rank correlation"
    pairs = False

    def verdicts(self, measure: str = "gap") -> list[Verdict]:
        """The claims where all classes are compared, by ranks of a measure of the times."""
        import numpy as np
        from scipy.stats import spearmanr

        equal, *others = self.points("classes")
        by_variance = [-one for one in equal["variances"]]
        claims = [("at equal shares wider classes are overfit first", equal, by_variance)]
        for point in others:
            claim = f"where numbers fall by {point['factor']:g}, few images are overfit first"
            claims.append((claim, point, point["counts"]))
        found = []
        for claim, point, order in claims:
            times = np.array(
                [self.values(point, measure, c) for c in range(1, len(point["labels"]) + 1)]
            ).T
            ranks = np.full(self.samples, np.nan)
            if measure == "gap":
                for c in range(1, len(point["labels"]) + 1):
                    times[self.at_once(point, c)] = math.inf  # all alike: no rank
            sure = self.learnt(point)
            for s, one in enumerate(np.nan_to_num(times, nan=math.inf)):  # never is last
                if len(order) > 2 and len({*one.tolist()}) > 1:
                    ranks[s], chance = spearmanr(order, one)
                    sure = sure and chance < CHANCE
            same = len({*np.sign(ranks).tolist()}) == 1 and not np.isnan(ranks).any()
            answer = int(np.sign(ranks[0])) if sure and same else 0
            found.append(Verdict(claim, Leads.measured(ranks), answer))
        return found

    @staticmethod
    def shown(lead: Leads) -> str:
        """A rank correlation."""
        known = lead.known
        return of_samples(known, 2) if (known == known).any() else "—"

    def rule(self) -> str:
        """What decides."""
        return f"ranks decide where they are no chance, at {CHANCE:g}, in every sample"

    def times(self) -> str:
        """When each class of a training is overfit."""
        blocks = []
        for point in self.study.points:
            rows = [
                [name, str(n)]
                + [
                    of_samples(self.values(point, q, c), d)
                    for q, d in (("best", 0), ("gap", 0), ("least_test", 3))
                ]
                for c, (name, n) in enumerate(zip(point["names"], point["counts"], strict=True), 1)
            ]
            head = [f"class, {point['case']}", "images", "least test loss at", f"gap {GAP:g} at"]
            blocks.append(table([*head, "least test loss"], rows))
        return "\n\n".join(blocks)

    def drawn(self) -> str:
        """The samples by class, and the noise of each class."""
        blocks = []
        for point in self.study.points:
            rows = []
            for c, (name, n) in enumerate(zip(point["names"], point["counts"], strict=True), 1):
                drawn = of_samples(self.ended(point, "shares", c), 3)
                noise = self.recognized(point, c)
                share = n / sum(point["counts"])
                rows.append([name, f"{drawn} ({share:.3f})", self.copies(point, c), noise])
            head = [f"class, {point['case']}", "share", "copies", "recognized below"]
            blocks.append(table(head, rows))
        return "\n\n".join(blocks)

    def draw(self, figure: Figure) -> None:
        """Times of overfitting and copies, against variances and numbers of images."""
        import numpy as np

        panels = figure.subplots(2, 2)
        for point, series in zip(self.study.points, figures.SERIES, strict=False):
            classes = range(1, len(point["labels"]) + 1)
            columns = {"variances": point["variances"], "counts": point["counts"]}
            copies = [self.ended(point, "copies", c) for c in classes]
            gaps = [self.values(point, "gap", c) for c in classes]
            for row, values in zip(panels, (gaps, copies), strict=True):
                for axes, name in zip(row, columns, strict=True):
                    x = columns[name]
                    order = sorted(range(len(x)), key=x.__getitem__)
                    found = np.array([values[k] for k in order]).T
                    look = {"ls": "", "label": point["case"]}
                    figures.points(axes, np.array(x)[order], found, series, **look)
        for row, label in zip(panels, ("overfit at step", "samples that are copies"), strict=True):
            row[0].set(xlabel="variance of the class", ylabel=label)
            row[1].set(xlabel="images of the class", ylabel=label)
            figures.log_axis(row[1])
        for axes in panels[1]:
            axes.set_ylim(-0.03, 1.05)
        panels[0, 0].legend()
