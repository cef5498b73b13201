r"""Outcome of an iterative rule: its couplings, and the path that led to them.

At each checkpoint: the norm ‖J‖, its ratio to the start, the asymmetry
‖J − Jᵀ‖/‖J + Jᵀ‖, and the number of states so far that did not settle at a fixed point.
Where patterns are known, also their stabilities Δ_i^μ (minimum and mean), the fraction of
spins with Δ > 0, the fraction of patterns of which all spins have it, and on request the retrieval
map m_f(m_0): the mean overlap with its pattern that a cue of overlap m_0 relaxes to. On request
also the eigenvalues of J.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield._plots import Line, Plotted
from hopfield.couplings import hebbian
from hopfield.network import HopfieldNetwork, stabilities
from hopfield.patterns import flip_spins, overlap

_PER_DECADE = 10

Array = NDArray[Any]
Advance = Callable[[int, int], int]
"""(first, last) → how many states did not settle in the steps [first, last), made in place."""


@dataclass(frozen=True, repr=False)
class History(Plotted):
    """Path of a rule, one entry per checkpoint; None for what was unknown or not asked for.

    Parameters
    ----------
    steps : (K,) int, the steps made.
    norm : (K,), ‖J‖.
    norm_ratio : (K,), ‖J‖ relative to the start; infinite where the start was zero
        A rule that divides the couplings on the way counts as if it had not.
    asymmetry : (K,), ‖J − Jᵀ‖/‖J + Jᵀ‖.
    unsettled : (K,) int, number of training states so far that did not settle
        They met the limit of sweeps before a fixed point, and were used all the same.
    min_stability : (K,), the least Δ.
    mean_stability : (K,), the mean of Δ.
    satisfied_sites : (K,), the fraction of spins with Δ > 0.
    satisfied_patterns : (K,), the fraction of patterns of which all spins have Δ > 0.
    retrieval : (K, M), m_f for each overlap of the cues; the same cues at every checkpoint.
    retrieval_converged : (K, M), the fraction of cues that reached a fixed point.
    spectrum : (K, N), the eigenvalues of J, rising; None unless J was symmetric throughout.
    """

    steps: Tensor
    norm: Tensor
    norm_ratio: Tensor
    asymmetry: Tensor
    unsettled: Tensor
    min_stability: Tensor | None
    mean_stability: Tensor | None
    satisfied_sites: Tensor | None
    satisfied_patterns: Tensor | None
    retrieval: Tensor | None
    retrieval_converged: Tensor | None
    spectrum: Tensor | None
    _titles = ("steps", r"stability $\Delta$")

    def __repr__(self) -> str:
        return f"History({len(self.steps)} checkpoints, {self._end})"

    def _lines(self) -> list[Line]:
        """Stabilities where patterns are known, else the norm of the couplings."""
        shown = {"least": self.min_stability, "mean": self.mean_stability}
        known = {name: values for name, values in shown.items() if values is not None}
        known = known or {r"$\Vert J\Vert$ over its start": self.norm_ratio}
        return [Line(self.steps, values, label=name) for name, values in known.items()]

    @property
    def _end(self) -> str:
        """Last checkpoint in words: steps, patterns stored, least stability."""
        made = int(self.steps[-1])
        words = [f"{made:,} step{'s' * (made != 1)}".replace(",", " ")]
        if self.satisfied_patterns is not None and self.min_stability is not None:
            words.append(f"{100 * float(self.satisfied_patterns[-1]):.3g} % of patterns stable")
            words.append(f"least stability {float(self.min_stability[-1]):.2g}")
        if int(self.unsettled[-1]):
            words.append(f"{int(self.unsettled[-1])} states not settled")
        return ", ".join(words)


@dataclass(frozen=True, repr=False)
class TrainingResult(Plotted):
    """Couplings at the end of training, and the history that led there.

    Parameters
    ----------
    couplings : (N, N), zero diagonal.
    history : History, what was recorded at the checkpoints.
    """

    couplings: Tensor
    history: History
    _titles = History._titles

    def __repr__(self) -> str:
        return f"TrainingResult(couplings {tuple(self.couplings.shape)}, {self.history._end})"

    def _lines(self) -> list[Line]:
        return self.history._lines()


def checkpoints(steps: int, given: Sequence[int] | None, batch: int = 1) -> list[int]:
    """Steps to record at, in order, in whole batches, the last one with them.

    Parameters
    ----------
    steps : number of steps of the run.
    given : steps to record at, or None for 0 and ten per decade.
    batch : steps per batch.

    Returns
    -------
    Steps, rounded up to whole batches.

    Raises
    ------
    ValueError : a step that is not a whole number in [0, steps].

    Examples
    --------
    >>> checkpoints(10, [0, 3], batch=2)
    [0, 4, 10]
    """
    if given is None:
        decades = len(str(steps))
        grid = [10 ** (k / _PER_DECADE) for k in range(decades * _PER_DECADE)]
        marks = {0, *(round(point) for point in grid if point <= steps)}
    else:
        marks = {
            _checks.whole("checkpoints", mark, low=0)
            for mark in _checks.several("checkpoints", given)
        }
        if marks and max(marks) > steps:
            raise ValueError(f"checkpoints must lie in [0, steps = {steps}], got {max(marks)}")
    return sorted({min(-(-mark // batch) * batch, steps) for mark in marks} | {steps})


class Run:
    """Iterative rule under way: couplings by columns, random streams, record.

    Parameters
    ----------
    couplings : (N, N) to start from, in float64 with zero diagonal; None for Hebb's.
    rate : largest step; with the norms it sets the size of a field that counts as zero.
    patterns : (P, N), for the record, or None.
    retrieval : overlaps of the cues of the record, or None.
    seed : int, torch.Generator or None.
    normalize : bring each row of the start to norm 1.
    replicas : number of independent random streams.
    spectrum : record the eigenvalues of symmetric couplings.

    Raises
    ------
    ValueError : couplings that are not square or do not fit the patterns, an empty row with
        `normalize`, overlaps outside [−1, 1] or without patterns.
    """

    def __init__(
        self,
        couplings: Tensor | None,
        rate: float,
        patterns: Tensor | None,
        retrieval: Sequence[float] | None,
        seed: Seed,
        *,
        normalize: bool = False,
        replicas: int = 1,
        spectrum: bool = False,
    ) -> None:
        if couplings is None and patterns is not None:
            couplings = hebbian(patterns)
        self._like = _checks.tensor("couplings", getattr(couplings, "couplings", couplings))
        size = None if patterns is None else patterns.shape[1]
        rows = zero_diagonal("couplings", self._like, size)
        if normalize:
            norms = rows.norm(dim=1, keepdim=True)
            if not (norms > 0).all():
                raise ValueError("couplings must have no empty row with normalize=True, got one")
            rows = rows / norms
        self.columns: Array = rows.T.contiguous().numpy()
        self.tie = tie(rows, rate)
        self.generator = _checks.generator_from(seed, "training")
        # Drawn whether or not it is used: what is recorded does not change what is learned.
        at = self.generator.device
        cues = int(torch.randint(2**31, (1,), generator=self.generator, device=at))
        known = None if patterns is None else patterns.detach().to("cpu", torch.float64)
        self.recorder = Recorder(known, retrieval, cues, _checks.flag("spectrum", spectrum))
        seeds = _checks.streams(replicas, self.generator)
        self.streams: Array = seeds.numpy().astype(np.uint64)
        self.orders: Array = np.tile(np.arange(len(rows)), (replicas, 1))
        self.divided = 1.0  # by which the couplings were divided so far
        self._start_norm = float(rows.norm())

    @property
    def couplings(self) -> Tensor:
        """Couplings (N, N), a view of `columns`."""
        return torch.from_numpy(self.columns).T

    def follow(self, advance: Advance, marks: Sequence[int]) -> TrainingResult:
        """Advance from mark to mark, record at each, and return the result."""
        done, unsettled = 0, 0
        for mark in marks:
            unsettled += int(advance(done, mark))
            done = mark
            self.recorder.record(mark, self.couplings, unsettled, self.divided)
        return self.result()

    def result(self) -> TrainingResult:
        """Couplings as they are now, in the dtype and on the device of the start; the record."""
        final = self.couplings.contiguous()
        if self._like.is_floating_point():
            final = final.to(self._like, copy=True)
        return TrainingResult(final, self.recorder.history(self._start_norm))


def zero_diagonal(name: str, couplings: Tensor, size: int | None) -> Tensor:
    """Copy couplings, of `size` spins if it is given, in float64 with zero diagonal."""
    square = _checks.square(name, couplings)
    if size is not None and len(square) != size:
        raise ValueError(f"{name} must have shape ({size}, {size}), got {tuple(square.shape)}")
    return square.detach().to("cpu", torch.float64, copy=True).fill_diagonal_(0.0)


def tie(rows: Tensor, rate: float) -> Array:
    """Fields that count as zero (N,): rounding at the scale of the start and of one step."""
    scale = rows.norm(dim=1) + rate / math.sqrt(len(rows))
    return (4 * math.sqrt(len(rows)) * torch.finfo(torch.float64).eps * scale).numpy()


class Recorder:
    """Measurement of couplings at the checkpoints of one run.

    Parameters
    ----------
    patterns : (P, N) or None.
    retrieval : overlaps of the cues, or None.
    seed : whole number from which the cues and their relaxation are drawn.
    spectrum : record the eigenvalues of symmetric couplings.
    """

    def __init__(
        self,
        patterns: Tensor | None,
        retrieval: Sequence[float] | None,
        seed: int,
        spectrum: bool = False,
    ) -> None:
        if retrieval is not None and patterns is None:
            raise ValueError("retrieval must come with patterns to retrieve, got patterns=None")
        self._patterns = patterns
        self._seed = seed
        self._spectrum = spectrum
        self._cues: list[Tensor] | None = None
        if retrieval is not None and patterns is not None:
            levels = [
                _checks.number("retrieval", level, low=-1, high=1)
                for level in _checks.several("retrieval", retrieval)
            ]
            self._cues = [flip_spins(patterns, m, seed + k) for k, m in enumerate(levels)]
        self._rows: list[dict[str, Any]] = []

    def record(self, step: int, couplings: Tensor, unsettled: int, divided: float = 1.0) -> None:
        """Measure `couplings`, reached after `step` steps and divided on the way."""
        norm = float(couplings.norm())
        together = float((couplings + couplings.T).norm())
        apart = float((couplings - couplings.T).norm())
        row: dict[str, Any] = {
            "steps": step,
            "norm": norm,
            "undivided": norm * divided,
            "asymmetry": 0.0 if apart == 0 else apart / together if together > 0 else float("inf"),
            "unsettled": unsettled,
        }
        if self._spectrum and _checks.is_symmetric(couplings):
            row["spectrum"] = torch.linalg.eigvalsh(couplings).tolist()
        if self._patterns is not None:
            stability = stabilities(couplings, self._patterns)
            row["min_stability"] = float(stability.min())
            row["mean_stability"] = float(stability.mean())
            row["satisfied_sites"] = float((stability > 0).double().mean())
            row["satisfied_patterns"] = float((stability > 0).all(1).double().mean())
            if self._cues is not None:
                network = HopfieldNetwork(couplings)
                ends = [network.relax(cues, seed=self._seed) for cues in self._cues]
                row["retrieval"] = [
                    float(overlap(end.states, self._patterns).mean()) for end in ends
                ]
                row["retrieval_converged"] = [float(end.converged.double().mean()) for end in ends]
        self._rows.append(row)

    def history(self, start_norm: float) -> History:
        """History of what was recorded; `start_norm` is ‖J‖ before the first step."""
        columns: dict[str, Tensor | None] = {
            name: _checks.tensor(name, [r[name] for r in self._rows], double=True)
            if all(name in row for row in self._rows)
            else None
            for name in History.__dataclass_fields__
            if name != "norm_ratio"
        }
        norm = torch.tensor([row["undivided"] for row in self._rows], dtype=torch.float64)
        ratio = norm / start_norm if start_norm > 0 else torch.where(norm > 0, torch.inf, 1.0)
        return History(norm_ratio=ratio, **columns)  # type: ignore[arg-type]
