r"""Own basin and capture of a model's classes: what guidance takes from other classes.

Data of a class noised to σ flow back under guidance to it, along the last part of the run that is
measured. B_own is the share that ends in the class, by the judge of the run; B_other the same of
data of all other classes, taken evenly. The larger the weight, the less noise it takes to be
captured (`diffusion.guidance.guided_basins` for mixtures, `diffusion.theory.capture_sigma`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from bridges.study import figures
from bridges.study.record import Row
from bridges.study.results import Study
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bridges.verbs.subject import Subject

KINDS = {"own": "B_own", "capture": "B_other"}
NOTE = (
    "(B_own, B_other: of data of the class, and of others, noised to σ, the share that flows to it)"
)
_MOST = 6  # schedules that are drawn


def shares(
    subject: Subject, text: str, sigma: float, trials: int, steps: int, seed: int
) -> list[Row]:
    """B_own and B_other at a noise level in units of the data, mean over the classes asked for.

    All schedules and models begin from the same noised data.
    """
    generator = torch.Generator().manual_seed(seed)
    level, labels = sigma * subject.unit, subject.labels.unique().tolist()
    hits: dict[str, list[Tensor]] = {kind: [] for kind in KINDS}
    for label in subject.pairs:
        others = [one for one in labels if one != label]
        drawn = (
            torch.randint(len(others), (trials,), generator=generator).tolist() if others else []
        )
        for kind, of in (("own", [label] * trials), ("capture", [others[k] for k in drawn])):
            if not of:
                continue
            clean = _data_of(subject, of, generator)
            noise = torch.randn(clean.shape, generator=generator, dtype=torch.float32).to(clean)

            def start(at: float, clean: Tensor = clean, noise: Tensor = noise) -> Tensor:
                return clean + at * noise

            ends = subject.flowed(text, label, start, level, steps)
            hit = subject.classes_of(ends) == labels.index(label)
            hits[kind].append(hit.double().cpu())
    return [
        {"quantity": kind, "value": float(torch.cat(found).mean())}
        for kind, found in hits.items()
        if found
    ]


def _data_of(subject: Subject, labels: Sequence[int], generator: torch.Generator) -> Tensor:
    """A row of the data of each of these classes, (B, d)."""
    known, counts = subject.labels.unique(return_counts=True)
    order = subject.labels.argsort(stable=True)  # the rows, class by class
    place = torch.searchsorted(known, torch.tensor(labels))
    share = torch.rand(len(labels), generator=generator, dtype=torch.float64)
    within = (share * counts[place]).long()
    return subject.rows[order[(counts.cumsum(0) - counts)[place] + within]]


def shown(study: Study, model: str, label: str, schedules: Sequence[str]) -> str:
    """A table of both, by noise level and schedule."""
    found = study.by_sample("model", "schedule", "quantity", "sigma")
    rows = [
        [f"{name}, σ = {sigma:g}", *(_cell(found, model, text, kind, sigma) for text in schedules)]
        for kind, name in KINDS.items()
        for sigma in _sigmas(study)
    ]
    return table([label, *schedules], rows)


def _cell(found: dict[Any, list[float]], model: str, text: str, kind: str, sigma: float) -> str:
    values = found.get((model, text, kind, sigma))
    return "––" if values is None else of_samples(np.array(values))


def _sigmas(study: Study) -> list[float]:
    return sorted(study.config["parameters"]["sigmas"])


def draw(axes: Axes, study: Study, model: str, schedules: Sequence[str]) -> None:
    """B_other against σ by schedule, and B_own as open points."""
    found = study.by_sample("model", "schedule", "quantity", "sigma")
    sigmas = np.array(_sigmas(study))
    for text, series in zip(schedules[:_MOST], figures.SERIES, strict=False):
        for kind in KINDS:
            values = [found.get((model, text, kind, sigma)) for sigma in sigmas.tolist()]
            if any(one is None for one in values):
                continue
            look: dict[str, Any] = {"label": f"{text}, others"}
            if kind == "own":
                look = {"ls": ":", "mfc": "white", "label": f"{text}, own"}
            figures.points(axes, sigmas, np.array(values).T, series, **look)
    figures.ticks(axes, sigmas)
    axes.set(xlabel=r"noise level $\sigma$, in units of the data", ylabel="ends in the class")
    axes.set_ylim(-0.03, 1.03)
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7.5)
