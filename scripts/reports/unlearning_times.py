"""Times of unlearning of the mean over pattern sets, beside those of the authors' programs.

D_in and D_fin are zero crossings of the mean least stability, D_opt is its maximum; the authors'
are at ε = 0.01, without errors, with P = int(αN) patterns (arXiv 2201.00032, the data of its
program). At α = 0.59 and N = 100 the mean only touches 0, at D_opt. The D_opt of N = 300 at
α = 0.4 breaks its column: a slip, or a flat maximum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridges.study.record import Point
from bridges.study.tables import table, uncertain
from hopfield import UnlearningTimes

if TYPE_CHECKING:
    from numpy import ndarray

NAMES = ("D_in", "D_opt", "D_fin")
LABELS = {name: rf"$D_\mathrm{{{name[2:]}}}$" for name in NAMES}
RATE = 0.01  # ε of the authors
_OF_SIZE = {  # α: D_in, D_opt, D_fin
    100: {0.3: (0.105, 0.235, 0.324), 0.4: (0.231, 0.350, 0.426), 0.5: (0.336, 0.445, 0.500)},
    150: {0.3: (0.119, 0.242, 0.330), 0.4: (0.234, 0.353, 0.430), 0.5: (0.371, 0.451, 0.507)},
    200: {0.3: (0.126, 0.249, 0.332), 0.4: (0.241, 0.353, 0.429), 0.5: (0.375, 0.456, 0.511)},
    300: {0.3: (0.136, 0.249, 0.332), 0.4: (0.248, 0.395, 0.428), 0.5: (0.380, 0.460, 0.510)},
    400: {0.3: (0.141, 0.250, 0.331), 0.4: (0.249, 0.363, 0.428), 0.5: (0.381, 0.463, 0.512)},
    500: {
        0.3: (0.1425, 0.2492, 0.3325),
        0.4: (0.2575, 0.3508, 0.4275),
        0.5: (0.3825, 0.4538, 0.5125),
    },
}
_FEWER = {(100, 0.3): 29, (150, 0.3): 44, (200, 0.3): 59, (300, 0.3): 89, (400, 0.3): 119}
_FEWER[500, 0.3] = 149


def authors(size: int, rate: float) -> dict[int, dict[str, float]]:
    """The authors' times at this size, by the number of patterns; none at other rates."""
    rows = _OF_SIZE.get(size, {}) if rate == RATE else {}
    return {
        _FEWER.get((size, load), round(load * size)): dict(zip(NAMES, times, strict=True))
        for load, times in rows.items()
    }


def times_of_mean(D: ndarray, min_stability: ndarray) -> UnlearningTimes | None:
    """Times of the mean of what was measured, (samples, K) at D (K,); None without a path."""
    from hopfield import unlearning_times

    return unlearning_times(D, min_stability) if len(D) > 1 else None


def table_of_means(
    found: Mapping[int, UnlearningTimes | None], samples: int, setting: Point
) -> str:
    """Our times by the number of patterns, and the authors' at this size."""
    rows = [
        [f"mean of {samples} sets, P = {P}", *(_shown(times, name) for name in NAMES)]
        for P, times in found.items()
    ]
    for P, theirs in authors(setting["size"], setting["rate"]).items():
        rows.append([f"authors, P = {P}", *(f"{theirs[name]:g}" for name in NAMES)])
    return table(["times of the mean Δ_min", *NAMES], rows)


def _shown(found: UnlearningTimes | None, name: str) -> str:
    """A time with its error, or why there is none."""
    if found is None:
        return "—"
    value, sem = getattr(found, name), getattr(found, f"{name}_sem")
    if value != value:
        return "never stable"
    return uncertain(value, sem, 3) if value < float("inf") else "not yet"
