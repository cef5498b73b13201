r"""What an iterative rule leaves: its couplings, and how they came about.

At each checkpoint: the norm ‖J‖, its ratio to the start, the asymmetry
‖J − Jᵀ‖/‖J + Jᵀ‖, and the states so far that should have been fixed points and were not.
Where patterns are known, also their stabilities Δ_i^μ (minimum and mean), the fraction of
spins with Δ > 0, the fraction of patterns whose spins all are, and on request the retrieval
map m_f(m_0): the mean overlap with its pattern that a cue of overlap m_0 relaxes to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield.network import HopfieldNetwork, stabilities
from hopfield.patterns import flip_spins, overlap

_PER_DECADE = 10

Array = NDArray[Any]
Advance = Callable[[int, int], int]
"""Steps [first, last) made in place → the states among them that did not settle."""


@dataclass(frozen=True)
class History:
    """A rule's path, one entry a checkpoint; None for what was unknown or not asked for.

    steps : (K,) int, steps made. norm, norm_ratio, asymmetry : (K,); the ratio to a start of
    zero is infinite. unsettled : (K,) int, training states so far that met the limit of
    sweeps before a fixed point (they were learned from all the same).
    min_stability, mean_stability, satisfied_sites, satisfied_patterns : (K,).
    retrieval, retrieval_converged : (K, M), m_f and the fraction of cues that reached a fixed
    point, by overlap of the cue; the same cues at every checkpoint.
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

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class TrainingResult:
    """Couplings (N, N) at the end of training, and the history that led there."""

    couplings: Tensor
    history: History

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def checkpoints(steps: int, given: Sequence[int] | None, batch: int = 1) -> list[int]:
    """Steps to record at, in order: those given or logarithmic, in whole batches, and the last."""
    if given is None:
        decades = len(str(steps))
        grid = [10 ** (k / _PER_DECADE) for k in range(decades * _PER_DECADE)]
        marks = {0, *(round(point) for point in grid if point <= steps)}
    else:
        marks = {_checks.whole("checkpoints", mark, low=0) for mark in given}
        if marks and max(marks) > steps:
            raise ValueError(f"checkpoints must lie in [0, steps = {steps}], got {max(marks)}")
    return sorted({min(-(-mark // batch) * batch, steps) for mark in marks} | {steps})


class Run:
    """An iterative rule under way: couplings by columns, random streams, record.

    couplings : (N, N) to start from, taken in float64 with zero diagonal, each row brought
    to norm 1 if `normalize`. rate : largest step, which with the norms sets the size of a
    field that counts as zero. patterns : (P, N), for the record, or None. replicas : number
    of independent streams.
    """

    def __init__(
        self,
        couplings: Tensor,
        rate: float,
        patterns: Tensor | None,
        retrieval: Sequence[float] | None,
        seed: Seed,
        *,
        normalize: bool = False,
        replicas: int = 1,
    ) -> None:
        self._like = torch.as_tensor(couplings)
        rows = zero_diagonal(
            "couplings", couplings, None if patterns is None else patterns.shape[1]
        )
        if normalize:
            norms = rows.norm(dim=1, keepdim=True)
            if not (norms > 0).all():
                raise ValueError("couplings must have no empty row with normalize=True, got one")
            rows = rows / norms
        size = len(rows)
        self.columns: Array = rows.T.contiguous().numpy()
        self.tie = tie(rows, rate)
        self.generator = _checks.generator_from(seed, "training")
        # Drawn whether or not it is used: what is recorded does not change what is learned.
        cues = int(torch.randint(2**31, (1,), generator=self.generator))
        known = None if patterns is None else patterns.to("cpu", torch.float64)
        self.recorder = Recorder(known, retrieval, cues)
        seeds = torch.randint(2**62, (replicas,), generator=self.generator)
        self.streams: Array = seeds.numpy().astype(np.uint64)
        self.orders: Array = np.tile(np.arange(size), (replicas, 1))
        self._start_norm = float(rows.norm())

    @property
    def couplings(self) -> Tensor:
        """(N, N), a view of `columns`."""
        return torch.from_numpy(self.columns).T

    def follow(self, advance: Advance, marks: Sequence[int]) -> TrainingResult:
        """Advance from mark to mark, and record at each."""
        done, unsettled = 0, 0
        for mark in marks:
            unsettled += int(advance(done, mark))
            done = mark
            self.recorder.record(mark, self.couplings, unsettled)
        return self.result()

    def result(self) -> TrainingResult:
        """The couplings as they are, in the dtype and place of the start, and the record."""
        final = self.couplings.contiguous()
        if self._like.is_floating_point():
            final = final.to(self._like, copy=True)
        return TrainingResult(final, self.recorder.history(self._start_norm))


def zero_diagonal(name: str, couplings: Tensor, size: int | None) -> Tensor:
    """Couplings, of `size` spins if given, as a float64 copy with zero diagonal."""
    square = _checks.square(name, couplings)
    if size is not None and len(square) != size:
        raise ValueError(f"{name} must have shape ({size}, {size}), got {tuple(square.shape)}")
    return square.to("cpu", torch.float64, copy=True).fill_diagonal_(0.0)


def tie(rows: Tensor, rate: float) -> Array:
    """Fields that count as zero (N,): rounding at the scale of the start and of one step."""
    scale = rows.norm(dim=1) + rate / math.sqrt(len(rows))
    return (4 * math.sqrt(len(rows)) * torch.finfo(torch.float64).eps * scale).numpy()


class Recorder:
    """Measures couplings at the checkpoints of one run.

    patterns : (P, N) or None. retrieval : overlaps of the cues, or None. seed : of the cues
    and their relaxation.
    """

    def __init__(
        self, patterns: Tensor | None, retrieval: Sequence[float] | None, seed: int
    ) -> None:
        if retrieval is not None and patterns is None:
            raise ValueError("retrieval must come with patterns to retrieve, got patterns=None")
        self._patterns = patterns
        self._seed = seed
        self._cues: list[Tensor] | None = None
        if retrieval is not None and patterns is not None:
            levels = [_checks.number("retrieval", level, low=-1, high=1) for level in retrieval]
            self._cues = [flip_spins(patterns, m, seed + k) for k, m in enumerate(levels)]
        self._rows: list[dict[str, Any]] = []

    def record(self, step: int, couplings: Tensor, unsettled: int) -> None:
        """Measure `couplings`, reached after `step` steps."""
        norm = float(couplings.norm())
        together = float((couplings + couplings.T).norm())
        apart = float((couplings - couplings.T).norm())
        row: dict[str, Any] = {
            "steps": step,
            "norm": norm,
            "asymmetry": 0.0 if apart == 0 else apart / together if together > 0 else float("inf"),
            "unsettled": unsettled,
        }
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
        """What was recorded, relative to the norm of the couplings before the first step."""
        columns: dict[str, Tensor | None] = {
            name: torch.tensor([row[name] for row in self._rows]) if name in self._rows[0] else None
            for name in History.__dataclass_fields__
            if name != "norm_ratio"
        }
        norm = torch.tensor([row["norm"] for row in self._rows], dtype=torch.float64)
        ratio = norm / start_norm if start_norm > 0 else torch.where(norm > 0, torch.inf, 1.0)
        return History(norm_ratio=ratio, **columns)  # type: ignore[arg-type]
