r"""From how many data on does a model treat unseen data as its own?

Held-out gaps are measured at growing numbers n of data. R_data falls and R_held-out rises until
both meet, at

    n_meet    the smallest n with R_data − R_held-out below 0.05, or below two standard errors

(token recovery of train against test data: arXiv 2604.26841). A meeting says little without its
common value: where both are as small as a blind guess, nothing was retrieved at all. The errors of
one denoising, in units of those of the blind guess, meet likewise. Chance and ceilings are those of
`held_out_gap`: the nearest stored pattern, the mean of the data, the exact denoiser where known.

Errors are between independent sets of data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bridges import _checks
from bridges._checks import POINTS, Line, Plotted, Result, at
from bridges.estimates import mean_and_sem, short_table, with_error
from bridges.memorization.unseen import ALIKE, BLIND, DATA, SURE, UNSEEN, HeldOutGap

Array = np.ndarray
_MODEL = (DATA, UNSEEN)


@dataclass(frozen=True, repr=False)
class Meeting(Result):
    """Where two curves meet.

    Attributes
    ----------
    size : the smallest n at which they do; infinity where they do not.
    value : their common value there, the mean of both; NaN where there is none.
    sem : its standard error.
    """

    size: float
    value: float
    sem: float

    def __repr__(self) -> str:
        if math.isinf(self.size):
            return "Meeting(none)"
        return f"Meeting(n = {self.size:g}, at {with_error(self.value, self.sem)})"


@dataclass(frozen=True, repr=False)
class HeldOutCurve(Plotted):
    """Retrieval of data and of held-out data against the number of data.

    Attributes
    ----------
    size : (K,) numbers n of data.
    success : probability of retrieval, (samples, K) each, by what it is of: "data" and
        "held-out" of the model, "nearest data", "nearest held-out", "blind guess", and
        "Bayes held-out" where it is known.
    success_sem : their standard errors between sets of data, (K,) each, and no less than those
        between patterns.
    error : of one denoising in units of that of the blind guess, likewise; none where the models
        are no denoisers.
    retrieval : where the successes meet.
    denoising : where the errors meet; None where there are none.
    """

    size: Array
    success: dict[str, Array]
    success_sem: dict[str, Array]
    error: dict[str, Array]
    retrieval: Meeting
    denoising: Meeting | None
    _titles = ("number of data $n$", "probability of retrieval")
    _log = "x"

    def _parts(self) -> list[tuple[str, Any]]:
        """Curves as means and errors between the sets of data."""
        curves = {
            name: {who: [each.tolist() for each in mean_and_sem(one)] for who, one in found.items()}
            for name, found in (("success", self.success), ("error", self.error))
        }
        return [(name, curves.get(name, value)) for name, value in super()._parts()]

    def __repr__(self) -> str:
        title = f"HeldOutCurve({len(self.success[DATA])} sets of data; {self.retrieval!r})"
        columns: dict[str, tuple[Array, Array | None]] = {"n": (self.size, None)}
        columns |= {who: (self.success[who].mean(0), self.success_sem[who]) for who in _MODEL}
        return short_table(title, columns)

    def _lines(self) -> list[Line]:
        """The model as points, chance and ceilings as lines, and the meeting."""
        lines = []
        for who, found in self.success.items():
            look = POINTS if who in _MODEL else {"ls": ":" if who == BLIND else "--"}
            sem = self.success_sem[who] if who in _MODEL else None
            lines.append(Line(self.size, found.mean(0), sem, who, look))
        if math.isfinite(self.retrieval.size):
            lines += at(self.retrieval.size, f"they meet at {self.retrieval.size:g}")
        return lines


def held_out_curve(
    gaps: Mapping[int, Sequence[HeldOutGap]], sigma: float | None = None
) -> HeldOutCurve:
    """Held-out gaps at growing numbers of data as curves, and where they meet.

    Parameters
    ----------
    gaps : by the number of data, what `held_out_gap` found of independent sets of as many; as many
        sets at each number, all at the same overlaps.
    sigma : one of the noise levels of the gaps; None: the mean over all.

    Returns
    -------
    HeldOutCurve.

    Raises
    ------
    ValueError : no gaps, not as many at each number, of other overlaps or of other models, or no
        such noise level.

    Examples
    --------
    >>> import torch
    >>> from bridges import as_memory, held_out_gap
    >>> from diffusion import EmpiricalDenoiser
    >>> points = torch.randn(200, 20, generator=torch.Generator().manual_seed(0))
    >>> gaps = {}
    >>> for n in (10, 100):
    ...     memory = as_memory(EmpiricalDenoiser(points[:n]), dynamics="flow")
    ...     gaps[n] = [held_out_gap(memory, points[100:], trials=20, seed=k) for k in range(2)]
    >>> held_out_curve(gaps, sigma=0.5).retrieval  # a memory alone
    Meeting(none)
    """
    _checks.instance("gaps", gaps, Mapping, "held-out gaps by the number of data")
    numbers = {_checks.whole("gaps: a number of data", n): found for n, found in gaps.items()}
    for found in numbers.values():
        _checks.instance("gaps", found, Sequence, "a list of HeldOutGap at each number of data")
    sizes = np.array(sorted(numbers), dtype=float)
    rows = [list(numbers[n]) for n in sorted(numbers)]
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
        counts = ", ".join(str(len(row)) for row in rows) or "none"
        raise ValueError(f"gaps must hold as many sets of data at each number, got {counts}")
    every = [one for row in rows for one in row]
    for one in every:
        _checks.instance("gaps", one, HeldOutGap)
    first = every[0]
    kinds = {(tuple(one.sigma), tuple(one.success), tuple(one.error)) for one in every}
    if len(kinds) > 1:
        raise ValueError("gaps must be of the same overlaps and kinds of models, got several")
    at_levels = _levels(first.sigma, sigma)

    def curve(name: str, who: str) -> Array:
        return np.array(
            [[getattr(one, name)[who][at_levels].mean() for one in row] for row in rows]
        ).T

    success = {who: curve("success", who) for who in first.success}
    sems = {who: _sem(success[who], curve("success_sem", who)) for who in success}
    success[BLIND] = np.array([[one.blind for one in row] for row in rows]).T
    sems[BLIND] = mean_and_sem(success[BLIND])[1]
    error = {who: curve("error", who) for who in first.error}
    return HeldOutCurve(
        size=sizes,
        success=success,
        success_sem=sems,
        error=error,
        retrieval=meeting(sizes, success[DATA], success[UNSEEN]),
        denoising=meeting(sizes, error[UNSEEN], error[DATA]) if error else None,
    )


def meeting(sizes: Sequence[float] | Array, above: Array, below: Array) -> Meeting:
    """Where a curve that lies above another comes down to it.

    Parameters
    ----------
    sizes : (K,), ascending.
    above : (samples, K), of the same samples as `below`: the error is that of the difference.
    below : (samples, K).

    Returns
    -------
    Meeting.

    Raises
    ------
    ValueError : shapes that disagree, NaN or infinity, or sizes out of order.

    Examples
    --------
    >>> meeting([10, 100], [[0.9, 0.52], [0.8, 0.51]], [[0.1, 0.50], [0.2, 0.49]])
    Meeting(n = 100, at 0.505 ± 0.005)
    """
    n = _checks.doubles("sizes", sizes).reshape(-1)
    if not (len(n) and (np.diff(n) > 0).all()):
        raise ValueError(f"sizes must ascend, got {_checks.shown(sizes)}")
    high, low = _checks.doubles("above", above), _checks.doubles("below", below)
    for name, value in (("above", high), ("below", low)):
        if value.shape != (len(low), len(n)) or not len(value):
            raise ValueError(
                f"{name} must have shape (samples, {len(n)}), as many samples as the other, "
                f"got {value.shape}"
            )
        if not np.isfinite(value).all():
            raise ValueError(f"{name} must be finite, got NaN or infinite entries")
    gap, sem = mean_and_sem(high - low)
    met = (gap < ALIKE) | (gap < SURE * sem)  # no error of a single sample: NaN is not above
    if not met.any():
        return Meeting(math.inf, math.nan, math.nan)
    k = int(met.argmax())
    value, error = mean_and_sem((high[:, k] + low[:, k]) / 2)
    return Meeting(float(n[k]), float(value), float(error))


def _sem(found: Array, own: Array) -> Array:
    """Errors of (samples, K) between samples, no less than the samples' own."""
    least = np.sqrt(np.square(own).mean(0) / len(own))
    return np.asarray(np.fmax(mean_and_sem(found)[1], least))


def _levels(known: Array, sigma: float | None) -> Array:
    """Which of the noise levels are meant, (L,) bool."""
    if sigma is None:
        return np.ones(len(known), dtype=bool)
    found = np.isclose(known, _checks.positive("sigma", sigma), rtol=1e-6)
    if not found.any():
        raise ValueError(f"sigma must be one of {', '.join(f'{s:g}' for s in known)}, got {sigma}")
    return np.asarray(found)
