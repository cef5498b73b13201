"""A number known by independent samples: its mean, its standard error, and how it is written.

Light: numpy is loaded when there is something to reduce, torch never.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

_ROUNDING = 1e-9  # of a number, below which an error is none
_SHOWN = 6  # entries of a curve in a short table


def mean_and_sem(by_sample: ndarray) -> tuple[ndarray, ndarray]:
    """Mean over the first axis and its standard error.

    Parameters
    ----------
    by_sample : (samples, …); entries that are NaN are left out.

    Returns
    -------
    mean : NaN where no sample has a number.
    sem : NaN where fewer than two have one.

    Examples
    --------
    >>> import numpy as np
    >>> mean, sem = mean_and_sem(np.array([[1.0, 5.0], [3.0, np.nan]]))
    >>> mean.tolist(), sem.tolist()
    ([2.0, 5.0], [1.0, nan])
    """
    import numpy as np

    known = ~np.isnan(by_sample)
    n = known.sum(0)
    with np.errstate(invalid="ignore"):  # an infinite value has an infinite mean and no error
        mean = np.where(known, by_sample, 0).sum(0) / np.where(n > 0, n, np.nan)
        squares = np.where(known, by_sample - mean, 0) ** 2
        return mean, np.sqrt(squares.sum(0) / np.where(n > 1, (n - 1) * n, np.nan))


def mean_of(values: Sequence[float]) -> tuple[float, float]:
    """Mean of a number known by samples and its standard error, NaN for a single sample."""
    import numpy as np

    mean, sem = mean_and_sem(np.array(values))
    return float(mean), float(sem)


def estimate(by_sample: ndarray) -> dict[str, float]:
    """A number known by samples as every summary has it: mean, error and count.

    Parameters
    ----------
    by_sample : (samples,), NaN where a sample has no such number.

    Examples
    --------
    >>> import numpy as np
    >>> estimate(np.array([1.0, 3.0, np.nan]))
    {'mean': 2.0, 'sem': 1.0, 'n': 2}
    """
    import numpy as np

    mean, sem = mean_and_sem(by_sample)
    return {"mean": float(mean), "sem": float(sem), "n": int((~np.isnan(by_sample)).sum())}


def with_error(value: float, sem: float) -> str:
    """A number with as many digits as its error deserves, or three if that is rounding.

    Examples
    --------
    >>> with_error(0.18349, 0.0041), with_error(2.5, float("nan"))
    ('0.183 ± 0.004', '2.5')
    """
    form = _form(value, sem)
    return f"{value:{form}} ± {sem:{form}}" if form.endswith("f") else f"{value:{form}}"


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """The same for a number with a 95 % interval.

    Examples
    --------
    >>> with_interval(0.18349, (0.1768, 0.1871))
    '0.183, 95 % 0.177 … 0.187'
    """
    low, high = interval
    form = _form(value, (high - low) / 4)
    known = f", 95 % {low:{form}} … {high:{form}}"
    return f"{value:{form}}" + ("" if math.isnan(low) else known)


def short_table(title: str, rows: Mapping[str, tuple[ndarray, ndarray | None]]) -> str:
    """Curves side by side, at most six entries of each, spread evenly.

    Parameters
    ----------
    title : the first line.
    rows : by name, the values (K,) and their standard errors, or None.

    Examples
    --------
    >>> import numpy as np
    >>> x, y, sem = np.array([0.5, 1.0]), np.array([0.123, 1.0]), np.array([0.02, 0.0])
    >>> print(short_table("Map", {"cue": (x, None), "success": (y, sem)}))
    Map
      cue      0.5          1
      success  0.12 ± 0.02  1
    """
    count = min(len(values) for values, _ in rows.values())
    kept = sorted({round(k * (count - 1) / (_SHOWN - 1)) for k in range(_SHOWN)}) if count else []
    table = [
        [name, *(with_error(values[k], math.nan if sem is None else sem[k]) for k in kept)]
        for name, (values, sem) in rows.items()
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in table]
    return "\n  ".join([title, *lines])


def _form(value: float, error: float) -> str:
    """The format of a number with this error."""
    known = math.isfinite(value) and math.isfinite(error) and error > _ROUNDING * abs(value)
    return f".{max(0, -math.floor(math.log10(error)))}f" if known else ".3g"
