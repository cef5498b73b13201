"""What a study measured, and its reductions: means with errors, curves, a table for a file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridges.estimates import mean_and_sem
from bridges.study.files import read_json
from bridges.study.rows import Point, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray

_SHORT = range(2, 5)  # entries of a list that is one setting
_LAST = ("quantity", "value", "sem", "n")  # columns that every table ends with


_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would compute


def _cell(value: Any) -> Any:
    """A setting as a table has it: a short list as a tuple, what is longer or nested not at all."""
    if isinstance(value, list | tuple):
        short = len(value) in _SHORT and not any(isinstance(v, list | tuple | dict) for v in value)
        return tuple(value) if short else None
    return None if isinstance(value, dict) else value


def _harmless(cell: Any) -> Any:
    """A cell of a CSV file that no spreadsheet takes for a formula; numbers stay as they are."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


@dataclass(frozen=True)
class Study:
    """What was asked of a run, and what every sample of every point gave.

    Attributes
    ----------
    config : the study's name, parameters, points, samples and seed.
    points : settings, one dictionary per point.
    samples : rows by point and sample; a row has a "quantity", a "value" and further labels.
    out : the folder, if there is one.
    reused : how many point × samples were read from an earlier run.
    missing : how many have no rows: they failed, or belong to another shard.
    failed : errors by point and sample.
    """

    config: Point
    points: list[Point]
    samples: list[list[list[Row]]]
    out: Path | None = None
    reused: int = 0
    missing: int = 0
    failed: Mapping[tuple[int, int], str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        config: Point,
        done: Mapping[tuple[int, int], list[Row]],
        failed: Mapping[tuple[int, int], str],
        out: Path | None,
        reused: int,
    ) -> Study:
        """The study of a run, from the rows of each point × sample that is done."""
        points, samples = config["points"], range(config["samples"])
        rows = [[done.get((p, s), []) for s in samples] for p in range(len(points))]
        missing = len(points) * len(samples) - len(done)
        return cls(config, points, rows, out, reused, missing, dict(failed))

    def lacks(self) -> str:
        """How many measurements are missing, why, and what to do about it."""
        total = len(self.points) * self.config["samples"]
        if not self.failed:
            return f"{self.missing} of {total} measurements are missing in {self.out}"
        (p, s), error = next(iter(self.failed.items()))
        return (
            f"{len(self.failed)} of {total} measurements failed, point {p} on sample {s} with "
            f"{error}\nThe others are kept in {self.out}, the errors in its points.jsonl; "
            "run again to measure what failed"
        )

    def to_dict(self) -> dict[str, Any]:
        """What was asked and what was found."""
        return {"config": self.config, "results": self.results()}

    def to_csv(self) -> str:
        """The results, one row per measured value, under a header."""
        rows = self.results()
        known = dict.fromkeys(column for row in rows for column in row)
        columns = [*(name for name in known if name not in _LAST), *_LAST]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(map(_harmless, columns))
        writer.writerows([_harmless(row.get(name)) for name in columns] for row in rows)
        return text.getvalue()

    def results(self) -> list[Row]:
        """One row per measured value: the settings of the point, the mean, `sem` and `n`.

        A point of P `patterns` of `size` N has the load `alpha` = P/N too. They are a table as
        they are: `pandas.DataFrame(study.results())`, `csv.DictWriter`.
        """
        import numpy as np

        table = []
        for point, samples in zip(self.points, self.samples, strict=True):
            grouped: dict[tuple[Any, ...], list[float]] = {}
            for rows in samples:
                for row in rows:
                    key = tuple((k, v) for k, v in row.items() if k != "value")
                    grouped.setdefault(key, []).append(row["value"])
            settings = {k: _cell(v) for k, v in point.items() if _cell(v) is not None}
            load = settings.get("patterns"), settings.get("size")
            if all(isinstance(one, int | float) for one in load) and load[1]:
                settings.setdefault("alpha", load[0] / load[1])
            for key, values in grouped.items():
                mean, sem = (float(one) for one in mean_and_sem(np.array(values)))
                found = {"value": mean, "sem": sem if len(values) > 1 else None, "n": len(values)}
                table.append(settings | dict(key) | found)
        return table

    @property
    def summary(self) -> Point:
        """What the run concluded, as its `summary.json` has it.

        Raises ValueError if the run has no folder, or is not finished.
        """
        if self.out is None:
            raise ValueError("summary is in the folder of a run, and this one has none")
        try:
            found: Point = read_json(self.out / "summary.json")
        except FileNotFoundError as error:
            raise ValueError(f"summary: the run in {self.out} is not finished") from error
        return found

    def plot(
        self,
        quantity: str,
        along: str,
        ax: Axes | None = None,
        where: Mapping[str, Any] | None = None,
        **style: Any,
    ) -> Axes:
        """Draw a quantity, its means with their errors, along a setting or label.

        Parameters
        ----------
        quantity, along : as for `curve`.
        ax : axes to draw on, which keep their scales, limits, title and the labels that they
            have; None: those of a new figure of pyplot.
        where : the labels of `curve`, settings and labels that select what is meant.
        **style : properties of matplotlib's lines, such as `color`, `marker`, `label`.

        Returns
        -------
        The axes.

        Raises
        ------
        ValueError : nothing or more than one value is selected, `ax` is no Axes, or a property
            that lines do not have.

        Examples
        --------
        >>> from bridges import run_study
        >>> def measure(point, seed):
        ...     return [{"quantity": "square", "value": point["x"] ** 2}]
        >>> study = run_study("squares", measure, [{"x": 3}, {"x": 4}], samples=2)
        >>> from matplotlib.figure import Figure
        >>> axes = study.plot("square", "x", ax=Figure().subplots(), color="black")
        >>> axes.get_ylabel()
        'square'
        """
        from bridges import _checks  # loads torch

        x, by_sample = self.curve(quantity, along, **(where or {}))
        if not x.size:
            known = dict.fromkeys(row["quantity"] for row in self.results())
            raise ValueError(
                f"quantity must be one of {', '.join(known)}, along a setting or label of its own, "
                f"got {quantity!r} along {along!r} where {dict(where or {})}"
            )
        mean, sem = mean_and_sem(by_sample)
        line = _checks.Line(x, mean, sem, look=_checks.POINTS)
        return _checks.draw(ax, [line], (along, quantity), style)

    def total(self, quantity: str) -> float:
        """Sum of a quantity over all points and samples."""
        rows = (row for samples in self.samples for rows in samples for row in rows)
        return math.fsum(row["value"] for row in rows if row["quantity"] == quantity)

    def curve(self, quantity: str, along: str, **labels: Any) -> tuple[ndarray, ndarray]:
        """A quantity of every sample along one setting or label.

        Parameters
        ----------
        quantity : name of what was measured.
        along : name of a setting of the points, or of a label of the rows, that is a number.
        **labels : settings and labels that select what is meant.

        Returns
        -------
        x (K,), increasing, and the values (samples, K), NaN where a sample has none.

        Raises
        ------
        ValueError : the labels leave more than one value.
        """
        import numpy as np

        wanted = labels | {"quantity": quantity}
        found: dict[float, list[float]] = {}
        for point, samples in zip(self.points, self.samples, strict=True):
            if any(point.get(k, v) != v for k, v in wanted.items()):
                continue
            for s, rows in enumerate(samples):
                for row in rows:
                    both = point | row
                    if along not in both or any(both.get(k) != v for k, v in wanted.items()):
                        continue
                    values = found.setdefault(both[along], [math.nan] * len(samples))
                    if not math.isnan(values[s]):
                        raise ValueError(
                            f"{quantity} at {along} = {both[along]} is not unique; add labels"
                        )
                    values[s] = row["value"]
        x = sorted(found)
        table = np.array([found[one] for one in x]).reshape(len(x), self.config["samples"])
        return np.array(x, dtype=float), table.T

    def by_sample(self, *names: str) -> dict[tuple[Any, ...], list[float]]:
        """Values grouped by these settings and labels, in the order of the samples.

        Samples are shared by all points. Differences between two groups that both have one row
        per sample are therefore paired.
        """
        grouped: dict[tuple[Any, ...], list[float]] = {}
        for point, samples in zip(self.points, self.samples, strict=True):
            for rows in samples:
                for row in rows:
                    key = tuple(row.get(name, point.get(name)) for name in names)
                    grouped.setdefault(key, []).append(row["value"])
        return grouped
