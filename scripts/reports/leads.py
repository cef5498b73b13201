"""By what factor one comes before another, as far as that is known, and whether samples decide it.

A training ends: of what has not come by then only a least time is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridges.study.tables import uncertain

if TYPE_CHECKING:
    from numpy import ndarray

FACTOR, FEW, CHANCE = 2.0, 4, 0.01  # by which few samples decide, fewer than so many; of more


@dataclass(frozen=True)
class Leads:
    """Logarithms of a factor, one per sample, each known to lie between two values.

    low, high : (samples,), equal where it is known; NaN where nothing is to be said.
    """

    low: ndarray
    high: ndarray

    @classmethod
    def measured(cls, known: ndarray) -> Leads:
        """Logarithms that are known, (samples,)."""
        return cls(known, known)

    @classmethod
    def of(cls, first: ndarray, second: ndarray, end: float) -> Leads:
        """log τ₂/τ₁ of two times (samples,), NaN of what had not come by the end."""
        import numpy as np

        a, b = np.isnan(first), np.isnan(second)
        with np.errstate(invalid="ignore"):  # of two times of which none ever comes
            low = np.log(np.where(b, end, second)) - np.log(np.where(a, math.inf, first))
            high = np.log(np.where(b, math.inf, second)) - np.log(np.where(a, end, first))
        return cls(low, high)

    def without(self, unsaid: ndarray) -> Leads:
        """The same, with nothing to be said of some samples (samples,)."""
        import numpy as np

        return Leads(*(np.where(unsaid, np.nan, side) for side in (self.low, self.high)))

    @property
    def known(self) -> ndarray:
        """The logarithms, (samples,), NaN where they are not known."""
        import numpy as np

        return np.where(self.low == self.high, self.low, np.nan)

    def __neg__(self) -> Leads:
        return Leads(-self.high, -self.low)

    def __sub__(self, other: Leads) -> Leads:
        return Leads(self.low - other.high, self.high - other.low)

    def __truediv__(self, number: float) -> Leads:
        return Leads(self.low / number, self.high / number)

    def __abs__(self) -> Leads:
        import numpy as np

        nearest = np.maximum(0, np.maximum(self.low, -self.high))
        return Leads(nearest, np.maximum(np.abs(self.low), np.abs(self.high)))

    @property
    def decided(self) -> int:
        """The sign that the samples decide; 0: none.

        Fewer than four samples decide where each has the same sign and is beyond log 2, and so do
        more of which one is not known; else more decide by Student's t.
        """
        from scipy.special import stdtrit

        n, known = len(self.low), self.known
        if n >= FEW and abs(known.sum()) < math.inf:
            least = stdtrit(n - 1, 1 - CHANCE / 2) * known.std(ddof=1) / n**0.5
            return 0 if abs(known.mean()) <= least else 1 if known.mean() > 0 else -1
        if n < 2:
            return 0
        return int((self.low > math.log(FACTOR)).all()) - int((self.high < -math.log(FACTOR)).all())

    def __str__(self) -> str:
        """The factor with its error, or what it is above or below in all samples."""
        import numpy as np

        from bridges.estimates import mean_and_sem

        known = self.known[~np.isnan(self.known)]
        if len(known) and len(known) == (~np.isnan(self.low)).sum():
            if np.isinf(known).any():
                return "never in one"
            mean, sem = (float(one) for one in mean_and_sem(known))
            factor = uncertain(math.exp(mean), None if math.isnan(sem) else math.exp(mean) * sem)
            return factor if len(known) == len(self.low) else f"{factor}, n = {len(known)}"
        if self.low.min() > -math.inf:
            return f"> {math.exp(self.low.min()):.3g}"
        if self.high.max() < math.inf:
            return f"< {math.exp(self.high.max()):.3g}"
        return "—"
