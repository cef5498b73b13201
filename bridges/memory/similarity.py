r"""What two states have in common: overlap is measured on what varies.

Sites that are the same in all data, and a mean that all data share, do not tell one pattern from
another. Overlap is therefore the cosine over the sites that vary, about a centre c,

    m(S, ξ) = (S − c)·(ξ − c) / |S − c||ξ − c|

and cues are corrupted about the same centre. Sites and centre are decided once for a data set
of n ≥ 20 rows, never from the patterns of a load: sites that are constant in all rows are left
out, and c is the mean of the rows where |mean|² > 10 |ξ|²/n over the other sites, ten times what
independent rows about 0 have; else c = 0. Spins have c = 0, so that m is their ξ·S/N.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges.equivalence import overlap_of_noise

FEWEST = 20  # rows from which a data set decides
BEYOND_CHANCE = 10  # times |ξ|²/n, the mean square of a mean of n independent rows about 0
_ROWS, _NUMBERS = 2**12, 5_000_000  # looked at together, at most
_RETURNED = 0.01  # of a step, within which two steps return in a 2-cycle


@dataclass(frozen=True, repr=False)
class Similarity:
    """Which sites count, and the centre about which overlaps are cosines.

    Attributes
    ----------
    centre : (N,), float64; None is 0.
    varying : (N,) bool, the sites that count; None: all.
    named : what the centre is, in words.
    """

    centre: Tensor | None = None
    varying: Tensor | None = None
    named: str = "zero"

    def __str__(self) -> str:
        """About what overlaps are measured, in words."""
        if self.varying is None:
            return f"about {self.named}"
        sites = f"the {int(self.varying.sum())} of {len(self.varying)} sites that vary"
        return f"about {self.named}, over {sites}"

    def __repr__(self) -> str:
        return f"Similarity({self})"

    def seen(self, states: Tensor) -> Tensor:
        """States (B, N) on the sites that count."""
        return states if self.varying is None else states[:, self.varying.to(states.device)]

    def about(self, states: Tensor) -> Tensor:
        """States (B, N) less the centre, on the sites that count."""
        return self.seen(states if self.centre is None else states - self.centre.to(states))

    def opposite(self, states: Tensor) -> Tensor:
        """States (B, N) inverted through the centre."""
        return -states if self.centre is None else 2 * self.centre.to(states) - states

    def cosine(self, states: Tensor, patterns: Tensor) -> Tensor:
        """Overlap of each state with its pattern, in float64; 0 for a state at the centre."""
        states, patterns = self.about(states.double()), self.about(patterns.double())
        norms = states.norm(dim=1) * patterns.norm(dim=1)
        return torch.where(norms > 0, (states * patterns).sum(1) / norms, 0.0)

    def rms(self, patterns: Tensor) -> float:
        """Rms entry of patterns about the centre: noise of it per entry leaves m = 1/√2."""
        fine = patterns if self.centre is None else patterns.double()
        return float(self.about(fine).square().mean().sqrt())

    def overlap_of_noise(self, sigma: float, patterns: Tensor) -> float:
        """Overlap of cues with Gaussian noise of `sigma` per entry."""
        return float(overlap_of_noise(sigma / self.rms(patterns)))

    def fits(self, size: int) -> Similarity:
        """The same, for states of `size` sites. Raises ValueError if it is for others."""
        for part in (self.centre, self.varying):
            if part is not None and part.shape != (size,):
                raise ValueError(f"centre must have shape ({size},), got {tuple(part.shape)}")
        return self


WHOLE = Similarity()
"""All sites, about zero."""


def varying_sites(rows: Tensor) -> Tensor | None:
    """Sites (N,) that are not constant in all rows (n, N); None for all, or for n < 20."""
    if len(rows) < FEWEST:
        return None
    varying = rows.amin(0) != rows.amax(0)
    return None if varying.all() else varying


def similarity_of_data(rows: Tensor) -> Similarity:
    """Sites and centre that a data set decides.

    Parameters
    ----------
    rows : (n, N), all that is known of the data, not the patterns of a load; fewer than 20
        rows decide nothing.

    Returns
    -------
    Similarity.

    Raises
    ------
    ValueError : at least 20 rows that are all alike.

    Examples
    --------
    >>> bits = torch.arange(64)[:, None].bitwise_and(2 ** torch.arange(6)) > 0
    >>> similarity_of_data(torch.cat([bits.double(), torch.ones(64, 3)], 1))
    Similarity(about the mean of the data, over the 6 of 9 sites that vary)
    """
    if len(rows) < FEWEST:
        return WHOLE
    varying = varying_sites(rows)
    if varying is not None and not varying.any():
        raise ValueError(
            f"data must hold at least 2 different rows, got {len(rows)} alike: nothing tells one "
            "from another; give centre=0 to measure about zero"
        )
    blocks = rows.detach().split(max(1, min(_ROWS, _NUMBERS // rows.shape[1])))
    sums = torch.empty(2, len(blocks), rows.shape[1], dtype=torch.float64, device=rows.device)
    for first, second, block in zip(*sums, blocks, strict=True):
        fine = block.double()
        first.copy_(fine.sum(0))
        second.copy_(fine.square().sum(0))
    mean, squares = sums[0].sum(0) / len(rows), sums[1].sum(0)
    counted = slice(None) if varying is None else varying
    if not mean[counted].square().sum() > BEYOND_CHANCE * squares[counted].sum() / len(rows) ** 2:
        return WHOLE if varying is None else Similarity(varying=varying)
    return Similarity(mean, varying, "the mean of the data")


def chosen_similarity(centre: Any, rows: Tensor | None, size: int) -> Similarity:
    """What `as_memory` is given as `centre`, for states of `size` sites.

    None decides by the rows of a data set, if any; a vector or 0 leaves only the sites to them;
    a Similarity is taken as it is.

    Raises
    ------
    ValueError : a centre of another size, that is not finite, or is a number other than 0.
    """
    if isinstance(centre, Similarity):
        return centre.fits(size)
    if centre is None:
        return WHOLE if rows is None else similarity_of_data(rows).fits(size)
    vector = _checks.tensor("centre", centre, double=True).detach().reshape(-1)
    if vector.numel() not in (1, size) or not vector.isfinite().all():
        raise ValueError(
            f"centre must be {size} finite real numbers or 0, got {_checks.shown(centre)}"
        )
    if vector.numel() == 1 < size and vector.item() != 0:
        raise ValueError(f"centre must be {size} numbers or 0, got {centre}; repeat it per site")
    varying = None if rows is None else varying_sites(rows)
    if varying is not None and not varying.any():  # rows that are all alike
        varying = None
    if not vector.any():
        return WHOLE if varying is None else Similarity(varying=varying)
    return Similarity(vector.double(), varying, "a given centre").fits(size)


def similarity_of(memory: object) -> Similarity:
    """The similarity that a memory states as its `similarity`; all sites about zero without."""
    found = getattr(memory, "similarity", WHOLE)
    if not isinstance(found, Similarity):
        raise TypeError(f"similarity of a memory must be a Similarity, got {type(found).__name__}")
    return found


class Adapted:
    """What adapters share: the patterns, and how states are compared with them.

    Attributes
    ----------
    patterns : (P, N), at least single precision.
    similarity : about what overlaps are measured, decided once for the data.
    shape : of a pattern, (N,) for flat rows.
    """

    step: Callable[[Tensor, float], Tensor]

    def __init__(self, patterns: Tensor, similarity: Similarity, *, binary: bool) -> None:
        stored = _checks.stored("patterns", patterns, binary=binary).detach()
        self.patterns = stored.to(torch.promote_types(stored.dtype, torch.float32))
        self.similarity = similarity.fits(stored.shape[1])
        self.shape: tuple[int, ...] = (stored.shape[1],)

    @property
    def centre(self) -> Tensor:
        """The centre about which overlaps are cosines, (N,)."""
        centre = self.similarity.centre
        return self.patterns.new_zeros(self.patterns.shape[1]) if centre is None else centre

    def cycling(self, states: Tensor, overlap: float) -> Tensor:
        """Which states a step takes elsewhere and a second one back, (B,)."""
        once = self.step(states, overlap)
        back = (self.step(once, overlap) - states).norm(dim=1)
        return back < _RETURNED * (once - states).norm(dim=1)

    def __repr__(self) -> str:
        count, size = self.patterns.shape
        return f"{type(self).__name__}({count} patterns of {size}; overlap {self.similarity})"


def flat(patterns: Any, shape: Any) -> tuple[Tensor | None, Any]:
    """Patterns (P, N) of rows or images, and the shape of one, that of the model for rows."""
    if patterns is None:
        return None, shape
    given = _checks.tensor("patterns", patterns, double=True)
    if given.ndim <= 2:
        return given.detach(), shape
    return given.detach().flatten(1), tuple(given.shape[1:])
