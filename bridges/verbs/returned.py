"""The data one by one in a run of `bridges memorization`: data.csv, and what it tells of copies.

A row per datum has the noise σ_½ from which it comes home half of the time, by the exact score of
the data and by a model, and how many samples are copies of it.
"""

from __future__ import annotations

import csv
import io
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from bridges.data import load_data, standardised
from bridges.memorization.distances import part_of
from bridges.memorization.drawing import deviation
from bridges.memorization.listing import COLUMNS as LISTED
from bridges.memorization.return_levels import (
    CopyPrediction,
    ReturnLevels,
    copy_prediction,
    return_levels,
)
from bridges.study.files import read_table, write_text
from bridges.study.record import Point
from bridges.study.tables import WIDTH, table, uncertain
from bridges.verbs.copied import SAMPLES
from bridges.verbs.survey import Survey
from diffusion import EmpiricalDenoiser, neighbour_distances
from diffusion.neighbours import distinct

DATA = "data.csv"
COLUMNS = (
    *("datum", "class", "nearest"),
    *("sigma_half", "sigma_half_sem", "model_sigma_half", "model_sigma_half_sem", "copies"),
)
_SCORES = {"exact": ("σ_½", COLUMNS[3:5]), "model": ("σ_½ of the model", COLUMNS[5:7])}
_CUES = 8  # of a datum per noise level, at least
_SETS = 4  # times as many cues of the exact score as a survey has noised points of one set
_WORK = 2**36  # multiplications of the exact score, less than half of a large survey
_LEAST = 20  # data that are worth a table, or a rank correlation
_CUED = 200  # data of which a model is given cues, at most
_HOME = 0.95  # least cosine of what a model brings home, as in a gap
_COARSE = 2.0 ** np.arange(-12, 4)  # noise levels, in rms deviations, to find the range on
_SEEN = 32  # data that it is found with
_LEVELS, _OF_MODEL = 16, 6  # noise levels of the exact score, and of a model, which costs more
_WIDE = np.geomspace(0.25, 4.0, _OF_MODEL)  # those of a model where the exact ones are not known
_BEYOND = ("below", "above")  # the noise levels that were tried
_SHOWN = 5  # data of least and of greatest level
Array = np.ndarray


@dataclass(frozen=True)
class DataTable:
    """What is known of the data one by one.

    Attributes
    ----------
    datum : (M,) rows in the data set.
    classes : of each; None where they have none.
    nearest : (M,) distance to the nearest other datum, in the units of the data.
    levels : σ_½ and its standard error, (M,) each, in rms deviations of the data, by "exact" and
        "model"; NaN of data that were not asked.
    copies : (M,) samples that are copies of each; None where no samples were judged.
    """

    datum: Array
    classes: Array | None
    nearest: Array
    levels: Mapping[str, tuple[Array, Array]]
    copies: Array | None

    @classmethod
    def read(cls, folder: Path | None) -> DataTable | None:
        """The table in the folder of a run; None where there is none."""
        if folder is None or not (folder / DATA).exists():
            return None
        columns = read_table(folder / DATA, COLUMNS)
        classes, copies = columns["class"], columns["copies"]
        return cls(
            datum=columns["datum"].astype(int),
            classes=None if np.isnan(classes).all() else classes.astype(int),
            nearest=columns["nearest"],
            levels={
                name: (columns[level], columns[sem])
                for name, (_, (level, sem)) in _SCORES.items()
                if not np.isnan(columns[level]).all()
            },
            copies=None if np.isnan(copies).all() else copies.astype(int),
        )

    def to_csv(self) -> str:
        """A header and a row per datum; what is not known is left blank."""
        columns: dict[str, Array] = {"datum": self.datum, "nearest": self.nearest}
        columns |= {} if self.classes is None else {"class": self.classes}
        columns |= {} if self.copies is None else {"copies": self.copies}
        for name, pair in self.levels.items():
            columns |= dict(zip(_SCORES[name][1], pair, strict=True))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for k in range(len(self.datum)):
            known = (columns[name][k] if name in columns else np.nan for name in COLUMNS)
            writer.writerow("" if np.isnan(one) else f"{one:.8g}" for one in known)
        return text.getvalue()

    @property
    def predictions(self) -> dict[str, CopyPrediction]:
        """How well levels tell which data are copied, by whose levels they are, where any are."""
        found = {}
        for name, (level, sem) in self.levels.items():
            known = ~np.isnan(level)
            if self.copies is None or known.sum() < _LEAST or not self.copies[known].any():
                continue
            none = np.empty(0)
            seen = ReturnLevels(level[known], sem[known], self.nearest[known], none, none)
            found[name] = copy_prediction(seen, self.copies[known])
        return found

    def conclusions(self) -> Point:
        """The rank correlations of copies with levels and distances."""
        return {
            name: {"copied": one.copied, "data": one.data}
            | {
                what: {
                    "mean": getattr(one, what),
                    "sem": getattr(one, f"{what}_sem"),
                    "n": one.data,
                }
                for what in ("level", "nearest", "partial")
            }
            for name, one in self.predictions.items()
        }

    def tables(self) -> Iterator[str]:
        """The data of least and of greatest level, and what the levels tell of copies."""
        said = []
        for name, (level, _) in self.levels.items():
            known = level[~np.isnan(level)]
            whose = "the exact score" if name == "exact" else "the model"
            said.append(f"{_level(float(np.median(known)))} by {whose} ({len(known)} data)")
        level, _ = self.levels["model" if "model" in self.levels else "exact"]
        order = np.flatnonzero(~np.isnan(level))
        order = order[level[order].argsort(kind="stable")]
        shown = f"All are in {DATA}"
        if len(order) > 2 * _SHOWN:
            order = np.concatenate([order[:_SHOWN], order[-_SHOWN:]])
            shown += f", the {_SHOWN} least and the {_SHOWN} greatest here"
        rows = [self._row(k) for k in order.tolist()]
        if any(cell in _BEYOND for row in rows for cell in row):
            shown += f" ({' or '.join(_BEYOND)}: all noise levels that were tried)"
        yield textwrap.fill(
            "σ_½, the noise from which a datum comes home half of the time, has the median "
            f"{' and '.join(said)}. {shown}:",
            WIDTH,
        )
        heads = ["datum", *(_SCORES[name][0] for name in self.levels), "to the nearest"]
        heads += [] if self.classes is None else ["class"]
        heads += [] if self.copies is None else ["copies"]
        yield table(heads, rows)
        if found := self.predictions:
            yield _correlations(found)

    def _row(self, k: int) -> list[str]:
        levels = (_level(level[k], sem[k]) for level, sem in self.levels.values())
        rest = [str(one[k]) for one in (self.classes, self.copies) if one is not None]
        return [str(self.datum[k]), *levels, f"{self.nearest[k]:.4g}", *rest]


def write_table(survey: Survey, folder: Path, seed: int) -> None:
    """Measure the return levels of the data, and write the table beside the list of copies.

    Of more data than the exact score has time for, a fixed random part has levels; where even
    20 would take too long, and there is no model, no table is written.

    Parameters
    ----------
    survey : of data that are not random.
    folder : of the run, where the list of copies is if samples were judged.
    seed : of the noise.
    """
    rows = load_data(survey.data).rows
    each = _WORK // (_LEVELS * rows.numel())  # cues of the exact score per noise level
    exact = each // _CUES >= min(len(rows), _LEAST)
    if not exact and survey.model is None:
        return
    kept = distinct(rows)
    rows = rows if len(kept) == len(rows) else rows[kept]
    cued = max(1, min(len(kept), survey.draws // _CUES, _CUED))
    some = part_of(len(kept), each // _CUES if exact else cued)
    levels, sigmas = {}, _WIDE
    if exact:
        draws = max(_CUES, min(_SETS * survey.draws, each) // len(some))
        found = _exact(rows, some, draws, seed)
        levels["exact"] = found.level, found.sem
        inside = found.level[(found.level > 0) & np.isfinite(found.level)]
        if len(inside):
            sigmas = np.geomspace(inside.min() / 2, 1.5 * inside.max(), _OF_MODEL)
    if survey.model is not None:
        own = part_of(len(some), cued)
        draws = max(_CUES, survey.draws // cued)
        levels["model"] = _of_model(survey, kept[some], own, sigmas, draws, seed)
    labels = load_data(survey.data).labels
    near = neighbour_distances(rows[some], rows, 2)[:, 1].cpu().numpy()
    found_table = DataTable(
        datum=kept[some].numpy(),
        classes=None if labels is None else labels[kept[some]].numpy(),
        nearest=near,
        levels=levels,
        copies=_copies(folder, kept[some]),
    )
    write_text(folder / DATA, found_table.to_csv())


def _exact(rows: Tensor, some: Tensor, draws: int, seed: int) -> ReturnLevels:
    """The levels of some data (n, N) by their exact score, in rms deviations."""
    source = EmpiricalDenoiser(standardised(rows.double())[0])
    few = some[part_of(len(some), _SEEN)]
    coarse = return_levels(source, _COARSE, _CUES, index=few, seed=seed).level
    inside = coarse[(coarse > 0) & np.isfinite(coarse)]
    low, high = (inside.min(), inside.max()) if len(inside) else (_COARSE[0], _COARSE[-1])
    sigmas = np.geomspace(low / 2, 2 * high, _LEVELS)
    return return_levels(source, sigmas, draws, index=some, seed=seed)


def _of_model(
    survey: Survey, some: Tensor, own: Tensor, sigmas: Array, draws: int, seed: int
) -> tuple[Array, Array]:
    """The levels of the data `some` (M,) by a model, in rms deviations; NaN of all but `own`."""
    memory = survey.trained.memory(seed)
    unit = deviation("data", memory.patterns)
    found = return_levels(memory, unit * sigmas, draws, _HOME, index=some[own], seed=seed)
    columns = np.full((2, len(some)), np.nan)
    columns[:, own.numpy()] = found.level / unit, found.sem / unit
    return columns[0], columns[1]


def _copies(folder: Path, datum: Tensor) -> Array | None:
    """How many samples on the list of copies are copies of each datum; None without a list."""
    if not (folder / SAMPLES).exists():
        return None
    listed = read_table(folder / SAMPLES, LISTED, words="copy")
    found = Counter(listed["nearest"][listed["copy"] != ""].astype(int).tolist())
    return np.array([found[k] for k in datum.tolist()])


def _correlations(found: Mapping[str, CopyPrediction]) -> str:
    """By whose levels they are, how copies go with levels and with distances."""
    heads = {"exact": "exact score", "model": "model"}
    rows = {
        "σ_½": "level",
        "the distance to the nearest datum": "nearest",
        "σ_½ at a fixed distance": "partial",
    }
    first = [f"{heads[name]}, {one.copied} of {one.data} copied" for name, one in found.items()]
    cells = [
        [what, *(uncertain(getattr(p, name), getattr(p, f"{name}_sem")) for p in found.values())]
        for what, name in rows.items()
    ]
    return table(["rank correlation of copies with", *first], cells)


def _level(level: float, sem: float | None = None) -> str:
    """A level with its error, or on which side of the noise that was asked for it is."""
    if np.isnan(level):
        return ""
    if level == 0 or np.isinf(level):
        return _BEYOND[int(level > 0)]
    return uncertain(level, sem)
