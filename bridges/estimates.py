"""A number known by independent samples: its mean, standard error and count.

Light: numpy is loaded when there is something to reduce, torch never.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray


def mean_and_sem(by_sample: ndarray) -> tuple[ndarray, ndarray]:
    """Mean over the first axis and its standard error; NaN are left out, and come of nothing.

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
    """Mean and standard error of a number known by samples, NaN for a single one."""
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
