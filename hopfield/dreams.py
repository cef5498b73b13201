r"""Dreams: Hebbian unlearning and daydreaming.

A dream is a fixed point S that the network's own dynamics reaches from random spins: more
often a spurious state than a pattern. Unlearning (Hopfield, Feinstein & Palmer 1983)

    δJ_ij = −(ε/N) S_i S_j,    J_ii = 0,

takes it away; it is the symmetrised step of training with noise at λ = 2ε without its
Hebbian half (`hopfield.training`). Daydreaming (Serricchio et al., arXiv 2405.08777) adds
(ε/N) ξ_i ξ_j of a stored pattern each time. Couplings are held in float64: unlearning
shrinks them to a tenth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hopfield import _checks, history
from hopfield._checks import Seed
from hopfield.history import Run, TrainingResult

_MAX_SWEEPS = 100  # of a dream; symmetric couplings settle in about ten


def unlearn(
    couplings: Tensor,
    steps: int,
    rate: float = 0.01,
    batch: int = 1,
    seed: Seed = None,
    *,
    max_sweeps: int = _MAX_SWEEPS,
    patterns: Tensor | None = None,
    checkpoints: Sequence[int] | None = None,
    retrieval: Sequence[float] | None = None,
    spectrum: bool = False,
) -> TrainingResult:
    r"""Hebbian unlearning: J ← J − (ε/N) S Sᵀ for fixed points S reached from random spins.

    The stabilities of P = αN patterns first grow; soon after about αN/ε dreams all patterns
    are lost. Stopping in time is part of the rule.

    Parameters
    ----------
    couplings : (N, N), such as Hebb's; its diagonal is set to zero.
    steps : number of dreams, at least 0.
    rate : ε > 0 of one dream.
    batch : number of dreams made at the same couplings, in parallel over the threads
        The result does not depend on the number of threads. Batches are statistically as
        good as single dreams for batch·ε ≲ 0.2.
    seed : int, torch.Generator or None.
    max_sweeps : largest number of sweeps of one dream
        A dream that has not settled by then is unlearned as it is, and counted in
        `history.unsettled`.
    patterns : (P, N) stored in the couplings, or None
        They are used for the record only, never by the rule.
    checkpoints : dreams to record at, besides the last, or None
        They are rounded up to whole batches; None records at 0 and ten times per decade.
    retrieval : overlaps of cues at which to record the retrieval map, or None.
    spectrum : record the eigenvalues of the couplings, if these are symmetric.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError : couplings not square, a negative number of steps, a rate that is not
        positive, a batch or `max_sweeps` below 1, patterns that do not fit the couplings.

    Examples
    --------
    >>> from hopfield import hebbian, random_patterns
    >>> xi = random_patterns(30, 100, seed=0)
    >>> result = unlearn(hebbian(xi), steps=2500, rate=0.01, seed=0, patterns=xi)
    >>> float(result.history.satisfied_patterns[-1])
    1.0
    """
    from hopfield import _training_kernels  # numba is needed, and loaded, only here

    steps = _checks.whole("steps", steps, low=0)
    rate = _checks.positive("rate", rate)
    batch = _checks.whole("batch", batch)
    max_sweeps = _checks.whole("max_sweeps", max_sweeps)
    couplings = _checks.square("couplings", couplings)
    if patterns is not None:
        patterns = _checks.stored("patterns", patterns, binary=True, columns=len(couplings))
    run = Run(couplings, rate, patterns, retrieval, seed, replicas=batch, spectrum=spectrum)
    nothing = np.empty((0, len(couplings)))

    def advance(first: int, last: int) -> int:
        dreams = last - first
        if batch == 1:
            return _training_kernels.dream(
                run.columns, nothing, dreams, rate, run.tie, max_sweeps, run.orders[0], run.streams
            )
        return _training_kernels.dream_together(
            run.columns, dreams, rate, run.tie, max_sweeps, run.orders, run.streams
        )

    return run.follow(advance, history.checkpoints(steps, checkpoints, batch))


def daydream(
    patterns: Tensor,
    *,
    steps: int,
    rate: float = 0.01,
    normalize: str | None = None,
    epoch: int | None = None,
    couplings: Tensor | None = None,
    seed: Seed = None,
    checkpoints: Sequence[int] | None = None,
    retrieval: Sequence[float] | None = None,
    spectrum: bool = False,
) -> TrainingResult:
    r"""Daydreaming: learn a pattern and unlearn a dream at once (arXiv 2405.08777).

    J ← J + (ε/N)(ξξᵀ − SSᵀ), ξ drawn from the patterns, S a fixed point reached from random
    spins; ε is 1/τ in the paper. Unlike unlearning it need not be stopped.

    With `normalize="spectral"`, J ← J/‖J‖₂ after each epoch, ‖J‖₂ the largest |eigenvalue|, as
    the authors run it. Correlated patterns need this: Hebb's largest eigenvalue grows with their
    number, and steps of one size then do nothing.

    Parameters
    ----------
    patterns : (P, N), entries ±1.
    steps : number of dreams, at least 0; N/ε or more, and more at larger P/N.
    rate : ε > 0.
    normalize : "spectral" or None.
    epoch : dreams between two normalisations, at least 1; None for N.
    couplings : (N, N) to start from, its diagonal set to zero; None for Hebb's
        Symmetric with `normalize`.
    seed : int, torch.Generator or None.
    checkpoints : dreams to record at, besides the last; None for 0 and ten per decade
        Where an epoch ends, the record is of the normalised couplings.
    retrieval : overlaps of cues at which to record the retrieval map, or None.
    spectrum : record the eigenvalues of the couplings, if these are symmetric.

    Returns
    -------
    TrainingResult; `history.norm_ratio` is that of the couplings without the divisions.

    Raises
    ------
    ValueError : patterns not (P, N) spins, a negative number of steps, a rate that is not
        positive, an epoch below 1 or without `normalize`, couplings that do not fit, or that are
        not symmetric or become zero where they are normalised.

    Examples
    --------
    >>> from hopfield import random_patterns
    >>> xi = random_patterns(30, 100, seed=0)
    >>> float(daydream(xi, steps=10_000, seed=0).history.satisfied_patterns[-1])
    1.0
    """
    from hopfield import _training_kernels  # numba is needed, and loaded, only here

    patterns = _checks.stored("patterns", patterns, binary=True)
    steps = _checks.whole("steps", steps, low=0)
    rate = _checks.positive("rate", rate)
    length = _epoch(normalize, epoch, patterns.shape[1])
    if length and couplings is not None:
        _checks.symmetric("couplings", couplings)
    run = Run(couplings, rate, patterns, retrieval, seed, spectrum=spectrum)
    known = patterns.detach().to("cpu", torch.float64).contiguous().numpy()

    def advance(first: int, last: int) -> int:
        unsettled, now = 0, first
        while now < last:
            stop = min(last, now - now % length + length) if length else last
            unsettled += _training_kernels.dream(
                run.columns,
                known,
                stop - now,
                rate,
                run.tie,
                _MAX_SWEEPS,
                run.orders[0],
                run.streams,
            )
            now = stop
            if length and now % length == 0:
                _divide(run)
        return unsettled

    return run.follow(advance, history.checkpoints(steps, checkpoints))


def _epoch(normalize: str | None, epoch: int | None, size: int) -> int:
    """Dreams between two normalisations; 0 without."""
    if normalize is None:
        if epoch is not None:
            raise ValueError(f"epoch must be None without normalize, got {_checks.shown(epoch)}")
        return 0
    _checks.choice("normalize", normalize, ("spectral",))
    return size if epoch is None else _checks.whole("epoch", epoch)


def _divide(run: Run) -> None:
    """Bring symmetric couplings to a largest |eigenvalue| of 1, in place."""
    norm = float(torch.linalg.eigvalsh(run.couplings).abs().max())
    if norm == 0:
        raise ValueError("couplings must not become zero with normalize='spectral', got zeros")
    run.columns /= norm
    run.divided *= norm
