r"""From how many data on does a network stop to copy them: `bridges train --patterns 50,200,800`.

Networks of one kind are trained alike on P points, for several P. Fewer points are part of more,
and all sizes have the same held-out points. Of each network it is measured

    copies   samples flagged beyond the false alarms of held-out points
    gap      cues of its data that come home, less those of held-out data (`held_out_gap`)
    losses   on its own data and on held-out data

A network copies where copies are beyond chance. It no longer does where they are not, and where
twice the error leaves room for copies in at most 5 % of the samples. Else nothing is decided.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bridges.data import called, is_drawn, load_data
from bridges.estimates import estimate
from bridges.memorization.copies import VERDICTS
from bridges.memorization.monitor import UNJUDGED
from bridges.memorization.unseen import DATA, GAPS, UNSEEN
from bridges.memory.similarity import similarity_of_data
from bridges.study import figures, report as base
from bridges.study.record import Point, Row, ending
from bridges.study.results import Study
from bridges.study.tables import WIDTH, of_samples, table, uncertain
from bridges.verbs import train as one_size
from bridges.verbs.drawn import gap_rows
from bridges.verbs.gap import Gap
from bridges.verbs.training import Course, Home, trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Course", "Home", "Report", "measure", "passage"]
NONE, OPEN, COPIES = VERDICTS
_FEW = 0.05  # of the samples: copies of no more are as good as none
_SURE = 2.0  # standard errors within which they are fewer
_CRITERIA = ("ratio", "calibrated", "match")


def measure(course: Course, home: Home, point: Point, seed: int) -> list[Row]:
    """Train once on P points, and cue what is kept, for `run_study`."""
    from bridges.memory import ReverseMemory, as_memory

    P = point["patterns"]
    split = course.split(P, seed, several=True)
    rows, kept = trained(course, home, split, home.ending(seed, P), seed)
    assert split.held_out is not None
    centre = 0.0 if is_drawn(course.data) else similarity_of_data(load_data(course.data).rows)
    memory = as_memory(kept, split.train.double().to(kept.device), "flow", centre=centre)
    assert isinstance(memory, ReverseMemory)
    return rows + gap_rows(memory, split.held_out.double(), course.draws, seed)


def passage(verdicts: Mapping[int, str]) -> str:
    """Up to how many data networks copy them, in words.

    Parameters
    ----------
    verdicts : by P, increasing, one of VERDICTS or "not judged".

    Examples
    --------
    >>> no, unsure, yes = VERDICTS
    >>> passage({50: yes, 200: yes, 800: no})
    'copies are beyond chance up to P = 200, no longer at P = 800'
    >>> passage({50: yes, 200: unsure})
    'copies are beyond chance up to P = 50, not decided at P = 200'
    """
    copied = [P for P, verdict in verdicts.items() if verdict == COPIES]
    last = copied[-1] if copied else 0
    words = f"copies are beyond chance up to P = {last}" if copied else ""
    if odd := [P for P in verdicts if last > P and P not in copied]:
        words += f" (but not at P = {_listed(odd)})"
    parts = [words] if words else []
    # what is known comes first
    no_more = "no longer" if copied else "not beyond chance"
    kinds = [(NONE, no_more), (OPEN, "not decided"), (UNJUDGED, UNJUDGED)]
    for verdict, said in (*kinds[1:], kinds[0]) if copied else kinds:
        if found := [P for P, one in verdicts.items() if last < P and one == verdict]:
            parts.append(f"{said} at P = {_listed(found)}")
    return ", ".join(parts) if copied else f"copies are {', '.join(parts)}"


def _listed(sizes: list[int]) -> str:
    return ", ".join(map(str, sizes))


@dataclass(frozen=True)
class Case:
    """What was found of the trainings on P points."""

    study: Study  # of this size alone

    @classmethod
    def of(cls, study: Study, p: int) -> Case:
        """The p-th size of a run."""
        config = study.config | {"points": [study.points[p]]}
        return cls(
            replace(study, config=config, points=config["points"], samples=[study.samples[p]])
        )

    @cached_property
    def training(self) -> one_size.Report:
        """The trainings, as those of one size are reported."""
        return one_size.Report(self.study)

    @cached_property
    def gap(self) -> Gap:
        """How their denoisers retrieve data and held-out data."""
        names = ("quantity", "sigma", "criterion", "points", "ratio")
        rows = (row for row in self.study.results() if not {"look", "mark"} & row.keys())
        found = {tuple(row.get(name) for name in names): (row["value"], row["sem"]) for row in rows}
        gap = Gap.of(found, self.training.samples)
        if gap is None:
            raise LookupError("gap")
        return gap

    @cached_property
    def verdict(self) -> str:
        """One of VERDICTS, or "not judged"; that there are no copies only where it is certain."""
        verdict = self.training.judgement(None)[0]
        if verdict != NONE:
            return verdict
        excess, sem = self.copies("calibrated")
        return NONE if excess + _SURE * sem <= _FEW else OPEN

    def copies(self, criterion: str) -> tuple[float, float]:
        """Samples flagged in excess of false alarms, and the error; NaN where none were judged."""
        if self.training.judgement(None)[0] == UNJUDGED:
            return np.nan, np.nan
        return self.training.excess(None, criterion)

    def loss(self, name: str) -> np.ndarray:
        """A loss of the denoisers that are kept, (samples,), or (0,) where it is not finite."""
        x, y = self.training.losses(name)
        kept = self.training.number("kept_step")
        return np.array([row[x == step][0] for row, step in zip(y, kept, strict=True) if x.size])

    def conclusions(self) -> Point:
        """What was found, for a program."""
        criterion = self.training.judgement(None)[1]
        P, n = self.study.points[0]["patterns"], self.training.samples
        (copies, sem), nan = self.copies(criterion), np.full(n, np.nan)
        losses = {name: self.loss(name) for name in ("loss", "held_out_loss")}
        found: Point = {"patterns": P, "verdict": self.verdict, "criterion": criterion}
        found["copies"] = {"mean": copies, "sem": sem, "n": n}
        found |= self.gap.conclusions()
        found |= {name: estimate(y if y.size else nan) for name, y in losses.items()}
        found["kept_step"] = estimate(self.training.number("kept_step"))
        return found | {"denoiser": f"denoiser{ending(0, P)}.safetensors"}


class Report(base.Report):
    """What was found against the number of data."""

    between = "trainings"
    grid = (1, 3)

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.course = Course.of(study)
        self.cases = {P["patterns"]: Case.of(study, p) for p, P in enumerate(study.points)}

    @property
    def figsize(self) -> tuple[float, float]:
        """Three panels."""
        return 11.4, 3.7

    @cached_property
    def verdicts(self) -> dict[int, str]:
        """By P, whether there are copies."""
        return {P: case.verdict for P, case in self.cases.items()}

    @property
    def ends(self) -> tuple[int | None, int | None]:
        """The last P with copies, and the first beyond it without; None where there is none."""
        last = max((P for P, one in self.verdicts.items() if one == COPIES), default=0)
        after = (P for P, one in self.verdicts.items() if one == NONE and last < P)
        return last or None, min(after, default=None)

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        name = figures.literal(called(self.course.data))
        return f"{name}: {passage(self.verdicts)}".replace("P =", "$P$ =")

    def heading(self) -> str:
        """The data, the sizes, and how each was trained."""
        point = self.study.points[0]
        return (
            f"{one_size.trained_on(self.course, point, _listed(list(self.cases)))}; the same "
            f"{point['held_out']} points held out for all"
        )

    def errors(self) -> str:
        """What the errors are."""
        own = "errors: those of the samples and cues of one training"
        if self.samples == 1:
            return own
        return f"{own}, or s.e. between {self.samples} {self.between} where larger"

    def conclusions(self) -> Point:
        """The passage, and what was found of each size."""
        last, after = self.ends
        return {
            "finding": passage(self.verdicts),
            "copies_up_to": last,
            "no_copies_from": after,
            "retrieved_alike_from": self.met[0],
            "sizes": [case.conclusions() for case in self.cases.values()],
        }

    def tables(self) -> Iterator[str]:
        """A row per size, and what it comes to."""
        head = ["P", *_CRITERIA, "copies", "gap", "nearest", "loss", "held-out"]
        yield table(head, [self._row(P) for P in self.cases])
        gaps = {P: case.gap.verdict for P, case in self.cases.items()}
        kinds = {kind: [P for P, one in gaps.items() if one == kind] for kind in reversed(GAPS)}
        said = "; ".join(f"{kind} at P = {_listed(P)}" for kind, P in kinds.items() if P)
        for words in (
            passage(self.verdicts),
            f"by the gap, a network is {said}; {self._alike()}",
            "kept, of each size and training: "
            + ", ".join(f"denoiser{ending(0, P)}.safetensors" for P in self.cases),
            "(samples flagged in excess of false alarms by three criteria: ratio, d₁/d₂ < 1/3; "
            "calibrated, a local distance below its quantile; match, d₁/d₂ below all chance. gap: "
            "cues of data that come home less those of held-out data; nearest: the same of the "
            "nearest datum, the largest there is. Then losses, on data of the training and on "
            "held-out data. no: by two errors, at most 5 % of the samples are copies)",
        ):
            yield textwrap.fill(words, WIDTH)

    @property
    def met(self) -> tuple[int | None, float]:
        """The least P at which held-out data come home as data do, and how often they do."""
        found = ((P, *case.gap.met) for P, case in self.cases.items())
        return next(((P, share) for P, alike, share in found if alike), (None, float("nan")))

    def _alike(self) -> str:
        P, share = self.met
        if P is None:
            return "cues of data come home more often than those of held-out data at every P"
        return f"cues of both come home alike from P = {P} on, {share:.2f} of them"

    def _row(self, P: int) -> list[str]:
        case = self.cases[P]
        shares = (case.copies(name) for name in _CRITERIA)
        gaps = (case.gap.value(name) for name in ("gap", "ceiling"))
        losses = (case.loss(name) for name in ("loss", "held_out_loss"))
        return [
            str(P),
            *("—" if np.isnan(mean) else uncertain(mean, sem, 3) for mean, sem in shares),
            one_size.SHORT[case.verdict],
            *(uncertain(*one) for one in gaps),
            *(of_samples(y) if y.size else "—" for y in losses),
        ]

    def panels(self) -> list[base.Panel]:
        """Copies, the gap, and losses."""
        return [self._copies, self._gaps, self._losses]

    def _along(self, axes: Axes, found: list[tuple[float, float]], k: int, **look: Any) -> None:
        """Means and errors against P, in the k-th colour."""
        figures.means(axes, list(self.cases), np.array(found).T, figures.SERIES[k], **look)

    def _finish(self, axes: Axes) -> None:
        """The axis of P, and where copies end."""
        last, after = self.ends
        if last and after:
            axes.axvspan(last, after, color="0.93", lw=0, zorder=-1, label="here copies end")
        figures.ticks(axes, list(self.cases))
        axes.set_xlabel("number of data $P$")
        axes.legend()

    def _copies(self, axes: Axes) -> None:
        for k, name in enumerate(_CRITERIA):
            found = [case.copies(name) for case in self.cases.values()]
            self._along(axes, found, k, label=one_size.SHOWN[name])
        axes.axhline(0, color="0.35", lw=1, ls=":", zorder=0)
        axes.set_ylabel("samples flagged, beyond false alarms")
        self._finish(axes)

    def _gaps(self, axes: Axes) -> None:
        shown = {"gap": "cues that come home", "error_gap": "error of a denoising"}
        for k, (name, label) in enumerate(shown.items()):
            self._along(axes, [c.gap.value(name) for c in self.cases.values()], k, label=label)
        ceiling = [case.gap.value("ceiling")[0] for case in self.cases.values()]
        axes.plot(
            list(self.cases), ceiling, label="cues, of the nearest datum", **figures.THEORY[0]
        )
        axes.axhline(0, color="0.35", lw=1, ls=":", zorder=0)
        axes.set_ylabel(f"gap between {DATA} and {UNSEEN}")
        self._finish(axes)

    def _losses(self, axes: Axes) -> None:
        shown = {"loss": "data of the training", "held_out_loss": "held-out data"}
        for k, (name, label) in enumerate(shown.items()):
            known = [(P, y) for P, case in self.cases.items() if (y := case.loss(name)).size]
            if known:
                sizes, by_size = zip(*known, strict=True)
                figures.points(
                    axes, np.array(sizes), np.array(by_size).T, figures.SERIES[k], label=label
                )
        axes.set(yscale="log", ylabel="weighted denoising loss")
        figures.plain_ticks(axes.yaxis)
        self._finish(axes)
