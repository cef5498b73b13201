"""A number known by independent samples: its mean, its standard error, and how it is written.

Light: numpy is loaded when there is something to reduce, torch never.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

ROUNDING = 1e-9  # of a number, below which an error is none
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


def fraction_and_sem(by_sample: ndarray, counted: int = 1) -> tuple[ndarray, ndarray]:
    """Mean of fractions over the first axis and its standard error, which never vanishes.

    Where all or none are counted, no spread is left to see: the error is the far end of
    Wilson's interval of one standard error then, 1/(n + 1) for n independent counts.

    Parameters
    ----------
    by_sample : (samples, …) in [0, 1]; entries that are NaN are left out.
    counted : counts per sample that are as good as independent, at least 1.

    Returns
    -------
    mean : NaN where no sample has a number.
    sem : NaN where fewer than two have one.

    Examples
    --------
    >>> import numpy as np
    >>> fraction_and_sem(np.ones((99, 1)))
    (array([1.]), array([0.01]))
    """
    import numpy as np

    mean, sem = mean_and_sem(by_sample)
    n = (~np.isnan(by_sample)).sum(0)
    ends = (n > 1) & ((mean == 0) | (mean == 1))
    return mean, np.where(ends, 1 / (n * counted + 1), sem)


def pattern_sets(samples: int, patterns: Sequence[int], rows: float) -> int:
    """How many different pattern sets the samples of a study are.

    Parameters
    ----------
    samples : of the study.
    patterns : P of its points.
    rows : vectors that the sets are taken from, infinite if they are drawn anew.

    Returns
    -------
    `samples`, but 1 where some point takes all rows: its samples have the same patterns then,
    and an error between them is one of the cues alone.

    Examples
    --------
    >>> pattern_sets(2, [100, 500], 1797), pattern_sets(2, [100, 1797], 1797)
    (2, 1)
    """
    return samples if max(patterns) < rows else 1


def with_count(text: str, n: int, samples: int) -> str:
    """A mean as a table shows it, with its n where not all samples have one.

    Examples
    --------
    >>> with_count("0.93(2)", 3, 3), with_count("0.93(2)", 2, 3)
    ('0.93(2)', '0.93(2), n = 2')
    """
    return text if n == samples else f"{text}, n = {n}"


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
    known = math.isfinite(value) and math.isfinite(error) and error > ROUNDING * abs(value)
    return f".{max(0, -math.floor(math.log10(error)))}f" if known else ".3g"
