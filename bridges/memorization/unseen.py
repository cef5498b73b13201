r"""Is a model a memory of its data, or a model of their kind? Retrieval of data it has not seen.

A datum is corrupted and retrieved, once from the data that a model was made from and once from
data that were held out. A memory of these brings back the former alone; a model of their kind
treats both alike. The gap is

    R_data(m) − R_held-out(m)          R: probability that a cue of overlap m comes home

averaged over m. Few cues coming home prove nothing by themselves: what any model can do is
drawn beside it,

    nearest     the stored pattern nearest to the cue: the ceiling for a memory. It finds no
                datum that it does not store
    blind       the mean of the data, whatever the cue
    Bayes       the exact denoiser of the distribution, where it is known: what any model can
                do for cues of held-out data

Of a denoiser the error of one denoising, |D(x₀ + σz, σ) − x₀|², is compared too, in units of that
of the blind guess. Both sets must be of one kind: a gap is also what data of two kinds have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import POINTS, Line, Plotted, Seed
from bridges.equivalence import noise_of_overlap, overlap_of_noise
from bridges.estimates import fraction_and_sem, mean_and_sem, short_table, with_error
from bridges.memory import Memory, NearestPattern
from bridges.memory.cueing import cue, cued_patterns, stored_patterns
from bridges.memory.similarity import similarity_of
from bridges.retrieval import positive_grid, retrieval_map
from diffusion.denoisers import noise_range

GAPS = ("a model of their kind", "not decided", "a memory of these")
DATA, UNSEEN, BLIND = "data", "held-out", "blind guess"
SIGMAS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
ALIKE = 0.05  # a gap that is as good as none
SURE = 2.0  # standard errors by which a gap must differ from that
Array = np.ndarray
_Guess = Callable[[Tensor, Tensor, float], Tensor]  # (patterns, cues, overlap) → (B, N)


@dataclass(frozen=True, repr=False)
class HeldOutGap(Plotted):
    """Retrieval of the data of a model against that of held-out data.

    Curves are by what they are of: "data" and "held-out", of the model; "nearest data" and
    "nearest held-out", of the nearest stored pattern; "Bayes held-out", where it is known.

    Attributes
    ----------
    overlap : (K,) of the cues.
    sigma : (K,) the noise level that leaves it, in units of a pattern's rms entry.
    success : probability of retrieval, (K,) each.
    success_sem : their standard errors, between patterns.
    error : of one denoising, in units of the blind guess, (K,) each; none where the model is no
        denoiser.
    error_sem : their standard errors.
    blind : success of the blind guess on held-out data, whatever the cue.
    gap : mean over the overlaps of the success on data less that on held-out data.
    sem : its standard error.
    error_gap : mean over the noise levels of the error on held-out data less that on data, in
        units of the blind guess; NaN where the model is no denoiser.
    error_gap_sem : its standard error.
    ceiling : the gap in success of the nearest stored pattern, the largest there is.
    ceiling_sem : its standard error.
    """

    overlap: Array
    sigma: Array
    success: dict[str, Array]
    success_sem: dict[str, Array]
    error: dict[str, Array]
    error_sem: dict[str, Array]
    blind: float
    gap: float
    sem: float
    error_gap: float
    error_gap_sem: float
    ceiling: float
    ceiling_sem: float
    _titles = (r"noise level of the cue $\sigma$", "probability of retrieval")
    _log = "x"

    @property
    def verdict(self) -> str:
        """One of GAPS."""
        return judged(self.gap, self.sem, self.error_gap, self.error_gap_sem)

    def _parts(self) -> list[tuple[str, Any]]:
        return [("verdict", self.verdict), *super()._parts()]

    def __repr__(self) -> str:
        gap, ceiling = with_error(self.gap, self.sem), with_error(self.ceiling, self.ceiling_sem)
        title = f"HeldOutGap({gap}, {self.verdict}; of the nearest pattern {ceiling})"
        columns: dict[str, tuple[Array, Array | None]] = {"σ": (self.sigma, None)}
        columns |= {who: (self.success[who], self.success_sem[who]) for who in (DATA, UNSEEN)}
        return short_table(title, columns)

    def _lines(self) -> list[Line]:
        """The model as points, what it is compared with as lines."""
        looks = {who: POINTS if who in (DATA, UNSEEN) else {"ls": "--"} for who in self.success}
        lines = [
            Line(self.sigma, self.success[who], self.success_sem.get(who), who, look)
            for who, look in looks.items()
        ]
        chance = np.full(len(self.sigma), self.blind)
        return [*lines, Line(self.sigma, chance, None, BLIND, {"ls": ":"})]


def judged(gap: float, sem: float, error_gap: float = 0.0, error_gap_sem: float = 0.0) -> str:
    """One of GAPS, by the intervals of two standard errors about the gaps, against 0.05.

    A gap in retrieval makes a memory. A model of their kind has neither this gap nor one in the
    error of a denoising (NaN: unknown).

    Examples
    --------
    >>> judged(0.6, 0.1), judged(0.01, 0.015), judged(0.06, 0.03)
    ('a memory of these', 'a model of their kind', 'not decided')
    """
    if gap - SURE * sem > ALIKE:
        return GAPS[2]
    gaps = (gap + SURE * sem, error_gap + SURE * error_gap_sem)
    return GAPS[1] if any(one >= ALIKE for one in gaps) else GAPS[0]


def held_out_gap(
    memory: Memory,
    held_out: Tensor,
    overlaps: Sequence[float] | None = None,
    trials: int = 200,
    criterion: str = "fixed-point",
    threshold: float = 0.95,
    bayes: Memory | None = None,
    seed: Seed = None,
) -> HeldOutGap:
    """Retrieval of a memory's own patterns against that of held-out data, over the noise.

    Parameters
    ----------
    memory : of the data that the model was made from.
    held_out : (H, N), H at least 2, of the same kind but unseen.
    overlaps : of the cues, in (0, 1]; None: those of noise 0.5 to 2.8.
    trials : cues of either set at each overlap, spread evenly over its patterns, at least 2.
    criterion, threshold : as for `retrieval_map`.
    bayes : a memory of the exact denoiser of the distribution, for cues of held-out data.
    seed : int, torch.Generator or None. The same noise serves all models.

    Returns
    -------
    HeldOutGap.

    Raises
    ------
    ValueError : as for `retrieval_map`; fewer than 2 patterns, held-out points or trials.
    TypeError : something that is no Memory.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser
    >>> points = torch.randn(400, 20, generator=torch.Generator().manual_seed(0))
    >>> data, held_out = points.split(200)
    >>> held_out_gap(as_memory(EmpiricalDenoiser(data), dynamics="flow"), held_out, seed=0).verdict
    'a memory of these'
    >>> exact = GaussianMixtureDenoiser(torch.zeros(1, 20), 1.0)
    >>> held_out_gap(as_memory(exact, data, "flow"), held_out, seed=0).verdict
    'a model of their kind'
    """
    overlaps = [overlap_of_noise(s) for s in SIGMAS] if overlaps is None else overlaps
    grid = positive_grid("overlaps", overlaps, high=1.0)
    trials, base = _checks.whole("trials", trials, low=2), _checks.whole_seed(seed)
    threshold = _checks.number("threshold", threshold, low=0, high=1, open_low=True)
    data = cued_patterns(memory, None)
    size = data.shape[1]
    unseen = _checks.stored("held_out", held_out, binary=False, columns=size)
    cued = {DATA: data, UNSEEN: cued_patterns(memory, unseen)}
    for name, rows in (("memory.patterns", cued[DATA]), ("held_out", cued[UNSEEN])):
        if len(rows) < 2:
            raise ValueError(f"{name} must hold at least 2 points, got {len(rows)}")
    nearest = _Nearest(memory)
    models: dict[str, tuple[Memory, str]] = {
        DATA: (memory, DATA),
        UNSEEN: (memory, UNSEEN),
        f"nearest {DATA}": (nearest, DATA),
        f"nearest {UNSEEN}": (nearest, UNSEEN),
    }
    if bayes is not None:
        own = stored_patterns(bayes, "bayes").shape[1]
        if own != size:
            raise ValueError(f"bayes must be a memory of patterns of {size} entries, got {own}")
        models[f"Bayes {UNSEEN}"] = (bayes, UNSEEN)
    maps = {
        who: retrieval_map(
            one,
            grid.tolist(),
            trials,
            "fixed-point" if one is nearest else criterion,
            threshold,
            patterns=cued[of],
            seed=base,
        )
        for who, (one, of) in models.items()
    }
    errors, beyond = _all_errors(memory, models, cued, grid, trials, base)
    success = {who: found.by_sample for who, found in maps.items()}
    gap, sem = _difference(success[DATA], success[UNSEEN])
    ceiling, ceiling_sem = _difference(success[f"nearest {DATA}"], success[f"nearest {UNSEEN}"])
    error_gap, error_gap_sem = math.nan, math.nan
    if errors:
        error_gap, error_gap_sem = _difference(beyond[UNSEEN], beyond[DATA])
    reduced = {who: mean_and_sem(found) for who, found in errors.items()}
    return HeldOutGap(
        overlap=grid,
        sigma=np.array([noise_of_overlap(m) for m in grid]).round(12),
        success={who: found.success for who, found in maps.items()},
        success_sem={who: found.sem for who, found in maps.items()},
        error={who: mean for who, (mean, _) in reduced.items()},
        error_sem={who: sem for who, (_, sem) in reduced.items()},
        blind=_blind(memory, cued[UNSEEN], threshold),
        gap=gap,
        sem=sem,
        error_gap=error_gap,
        error_gap_sem=error_gap_sem,
        ceiling=ceiling,
        ceiling_sem=ceiling_sem,
    )


def _all_errors(
    memory: Memory,
    models: dict[str, tuple[Memory, str]],
    cued: dict[str, Tensor],
    grid: Array,
    trials: int,
    seed: int,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Errors of a denoising, (patterns, K) each, and of both sets what is beyond a mere shrinking.

    Empty where the model is no denoiser.
    """

    def errors_of(guess: _Guess, of: str) -> Array:
        found = [_errors(memory, guess, cued[of], m, trials, seed) for m in grid]
        return np.stack(found, 1)

    if not _denoises(memory):
        return {}, {}
    errors = {who: errors_of(_denoising(one), of) for who, (one, of) in models.items()}
    mean, count = cued[DATA].mean(0), len(cued[DATA])
    shrunk = {of: errors_of(_shrinking(mean, count, of), of) for of in (DATA, UNSEEN)}
    return errors, {of: errors[of] - found for of, found in shrunk.items()}


def _difference(one: Array, other: Array) -> tuple[float, float]:
    """Mean over the overlaps of one less the other, both (patterns, K), and its error."""
    (mean, sem), (less, less_sem) = (fraction_and_sem(found.mean(1)) for found in (one, other))
    return float(mean - less), math.hypot(float(sem), float(less_sem))


class _Nearest(NearestPattern):
    """The stored pattern nearest to a cue, for cues made as a memory makes its own."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        super().__init__(cued_patterns(memory, None), similarity_of(memory))

    def corrupt(self, patterns: Tensor, overlap: float, generator: torch.Generator) -> Tensor:
        """As the memory does."""
        return self.memory.corrupt(patterns, overlap, generator)


@torch.no_grad()
def _errors(
    memory: Memory, guess: _Guess, patterns: Tensor, overlap: float, trials: int, seed: int
) -> Array:
    """Error of one denoising of each of some patterns over that of the mean of the data."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    rows = torch.randperm(len(patterns), generator=generator)[:trials].to(patterns.device)
    clean = patterns[rows]
    found = guess(clean, cue(memory, clean, overlap, generator), overlap)
    seen = similarity_of(memory).seen
    squares = (seen(found.double()) - seen(clean.double())).square().mean(1)
    known = seen(cued_patterns(memory, None).double())
    return (squares / (known - known.mean(0)).square().mean()).cpu().numpy()


def _denoises(memory: Memory) -> bool:
    """Whether a memory has a denoiser, and says at what noise it sees a cue."""
    return hasattr(memory, "denoiser") and hasattr(memory, "level")


def _denoising(memory: Any) -> _Guess:
    """The denoiser of a memory at the noise of its cues, or its one step."""

    def guess(clean: Tensor, cues: Tensor, overlap: float) -> Tensor:
        if not _denoises(memory):
            found: Tensor = memory.step(cues, overlap)
            return found
        sigma = max(memory.level(overlap), noise_range(memory.denoiser)[0])
        return memory.denoiser(cues, sigma) if sigma > 0 else cues

    return guess


def _shrinking(mean: Tensor, count: int, of: str) -> _Guess:
    """Cues shrunk towards the mean of the data, x̄ + m²(y − x̄), without the datum itself.

    Its error is taken from that of a model on the same cues, so that patterns that are hard for
    all are no gap; it is that of data and of held-out data alike.
    """

    def guess(clean: Tensor, cues: Tensor, overlap: float) -> Tensor:
        others = (count * mean - clean) / (count - 1) if of == DATA else mean
        return others + overlap**2 * (cues - others)

    return guess


def _blind(memory: Memory, patterns: Tensor, threshold: float) -> float:
    """How often the mean of the data counts as a pattern."""
    guess = cued_patterns(memory, None).double().mean(0).expand(len(patterns), -1)
    cosine = similarity_of(memory).cosine(guess, patterns)
    return float((cosine >= threshold).double().mean())
