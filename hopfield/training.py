r"""Learning from mistakes, step by step: training with noise, the symmetric perceptron.

Training with noise (Gardner, Stroud & Wallace 1989; Benedetti & Ventura, arXiv 2302.13417):
draw a pattern ξ and a state S, a noisy copy of it; where the state misleads a spin,

    δJ_ij = (λ/N) e_i ξ_i S_j,    e_i = 1 if ξ_i h_i(S) ≤ 0 else 0,    h = JS,    J_ii = 0.

With S¹ = sign(h), e_i ξ_i = (ξ_i − S¹_i)/2: half Hebb's rule, half unlearning. On a fixed
point S¹ = S the symmetrised step (δJ + δJᵀ)/2 is

    δJ_ij = −(λ/2N) S_i S_j + (λ/4N)(ξ_i S_j + S_i ξ_j),

and at overlap zero the second term vanishes on average: what is left is Hebbian unlearning
(`hopfield.dreams`) at ε = λ/2. Couplings are held in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hopfield import _checks, history
from hopfield._checks import Seed
from hopfield.history import Advance, Array, Run, TrainingResult
from hopfield.noise import FixedPoint, Kawasaki, Noise, Thermal, Uniform

_WORDS: dict[str, Noise] = {
    "uniform": Uniform(),
    "fixed-point": FixedPoint(),
    "thermal": Thermal(),
    "kawasaki": Kawasaki(),
}


def train_with_noise(
    patterns: Tensor,
    overlap: float,
    noise: str | Noise = "uniform",
    *,
    steps: int,
    rate: float | Sequence[float],
    symmetric: bool = False,
    normalize: bool = False,
    couplings: Tensor | None = None,
    seed: Seed = None,
    checkpoints: Sequence[int] | None = None,
    retrieval: Sequence[float] | None = None,
    spectrum: bool = False,
) -> TrainingResult:
    r"""Training with noise, δJ_ij = (λ/N) e_i ξ_i S_j.

    At a constant rate and an overlap below 1 the plain rule does not converge: row norms
    shrink to a value of order λ, and the noise of the steps stays as large as the couplings
    (`hopfield.theory.noise_norm`). Normalise the rows and lower the rate, or stop early.

    Parameters
    ----------
    patterns : (P, N), entries ±1.
    overlap : m_t in [0, 1], mean overlap of a state with its pattern before relaxation.
    noise : "uniform", "fixed-point", "thermal", "kawasaki", a source or a callable
        The sources of `hopfield.noise` have options of their own (a frozen landscape, a
        temperature). A callable (couplings (N, N), targets (1, N), overlap, generator) →
        states (1, N) is called once per step, and must leave the couplings as they are.
    steps : number of steps, at least 0; each learns one pattern.
    rate : λ > 0, or a sequence, each entry for an equal share of the steps, in order.
    symmetric : take (δJ + δJᵀ)/2 at each step.
    normalize : bring each row to norm 1 at the start and after each step.
    couplings : (N, N) to start from, its diagonal set to zero; None for Hebb's.
    seed : int, torch.Generator or None.
    checkpoints : steps to record at, besides the last; None for 0 and ten per decade.
    retrieval : overlaps of cues at which to record the retrieval map, or None.
    spectrum : record the eigenvalues of the couplings, if these are symmetric.

    Returns
    -------
    TrainingResult
        `history.unsettled` counts the states of "fixed-point" noise that met the limit of
        sweeps: asymmetric couplings may have no fixed point to reach.

    Raises
    ------
    ValueError : patterns not (P, N) spins, an overlap outside [0, 1], a negative number of
        steps, a rate that is not positive, an unknown noise, couplings that do not fit, both
        `symmetric` and `normalize`, or an empty row where the norm must not vanish.

    Examples
    --------
    >>> from hopfield import random_patterns
    >>> xi = random_patterns(30, 100, seed=0)
    >>> result = train_with_noise(
    ...     xi, overlap=0.5, steps=6000, rate=(0.3, 0.1, 0.03), normalize=True, seed=0
    ... )
    >>> bool(result.history.satisfied_sites[-1] > result.history.satisfied_sites[0])
    True
    """
    patterns = _checks.stored("patterns", patterns, binary=True)
    overlap = _checks.number("overlap", overlap, low=0, high=1)
    steps = _checks.whole("steps", steps, low=0)
    rates = _rates(rate, steps)
    flags = _checks.flag("symmetric", symmetric), _checks.flag("normalize", normalize)
    if all(flags):
        raise ValueError(
            "normalize must be False with symmetric=True, got True: the norms of the rows would "
            "make the couplings asymmetric again"
        )
    source = _source(noise)
    largest = float(rates.max(initial=0.0))
    how = {"normalize": normalize, "spectrum": spectrum}
    run = Run(couplings, largest, patterns, retrieval, seed, **how)
    known = patterns.detach().to("cpu", torch.float64).contiguous()
    ours = isinstance(source, Uniform | FixedPoint | Thermal | Kawasaki)
    make = _compiled if ours else _interpreted
    advance = make(run, known, source, overlap, rates, flags)
    return run.follow(advance, history.checkpoints(steps, checkpoints))


def symmetric_perceptron(
    patterns: Tensor,
    margin: float,
    *,
    steps: int = 10_000,
    rate: float = 0.01,
    couplings: Tensor | None = None,
    checkpoints: Sequence[int] | None = None,
    retrieval: Sequence[float] | None = None,
    spectrum: bool = False,
) -> TrainingResult:
    r"""Symmetric perceptron with a margin (Benedetti et al., arXiv 2201.00032).

    J_ij ← J_ij + (λ/N) Σ_μ (e_i^μ + e_j^μ) ξ_i^μ ξ_j^μ with e_i^μ = 1 where Δ_i^μ < κ, until
    all Δ_i^μ ≥ κ or the steps are used up: `history.min_stability[-1]` says which.

    Parameters
    ----------
    patterns : (P, N), entries ±1.
    margin : κ ≥ 0
        No couplings reach more than the sample's own bound, the least stability of `max_margin`.
        Up to 0.85 of it the rule stops after some hundreds of passes at λ = 0.01 (N = 100 to
        400, α = 0.3 to 0.5); close to it, it may take any number.
    steps : largest number of passes over all patterns, at least 0.
    rate : λ > 0.
    couplings : (N, N) to start from, its diagonal set to zero; None for Hebb's.
    checkpoints : passes to record at, besides the last; None for 0 and ten per decade.
    retrieval : overlaps of cues at which to record the retrieval map, or None.
    spectrum : record the eigenvalues of the couplings, if these are symmetric.

    Returns
    -------
    TrainingResult; the last entry of its history is the pass at which the rule stopped.

    Raises
    ------
    ValueError : patterns not (P, N) spins, a negative margin or number of steps, a rate that
        is not positive, couplings that do not fit.

    Examples
    --------
    >>> from hopfield import random_patterns
    >>> result = symmetric_perceptron(random_patterns(30, 100, seed=0), margin=1.0)
    >>> bool(result.history.min_stability[-1] >= 1.0)
    True
    """
    patterns = _checks.stored("patterns", patterns, binary=True)
    margin = _checks.number("margin", margin, low=0)
    steps = _checks.whole("steps", steps, low=0)
    rate = _checks.positive("rate", rate)
    run = Run(couplings, rate, patterns, retrieval, seed=0, spectrum=spectrum)
    known, rows = patterns.detach().to("cpu", torch.float64), run.couplings
    marks = history.checkpoints(steps, checkpoints)
    for step in range(steps + 1):
        norms = rows.norm(dim=1)
        # An empty row has no stability at all: it is learned like one that is wrong.
        wrong = (known * (known @ rows.T) < margin * norms) | (norms == 0)
        last = step == steps or not wrong.any()
        if last or step in marks:
            run.recorder.record(step, rows, 0)
        if last:
            break
        errors = (wrong * known).T @ known
        rows += rate / len(rows) * (errors + errors.T)
        rows.fill_diagonal_(0.0)
    return run.result()


def _compiled(
    run: Run, patterns: Tensor, source: Any, overlap: float, rates: Array, flags: tuple[bool, bool]
) -> Advance:
    """Training on one of our own sources, whole chunks of steps at a time."""
    from hopfield import _training_kernels, _waiting_kernels  # numba is loaded only here

    kind, temperature, sweeps = _training_kernels.UNIFORM, 0.0, 0
    landscape = None if isinstance(source, Uniform) else source.landscape
    if isinstance(source, FixedPoint):
        kind, sweeps = _training_kernels.FIXED_POINT, source.max_sweeps
    elif isinstance(source, Thermal | Kawasaki):
        kind = (
            _training_kernels.THERMAL if isinstance(source, Thermal) else _training_kernels.KAWASAKI
        )
        temperature, sweeps = float(source.temperature), source.sweeps
    norm2 = np.full(2, (run.columns**2).sum())
    if landscape is None and temperature > 0 and norm2[1] == 0:
        raise ValueError(
            "couplings must not be zero where a temperature follows their norm, got zeros; "
            "give the noise a landscape"
        )
    tie, frozen = run.tie, np.empty((0, 0))
    if landscape is not None:
        rows = history.zero_diagonal("landscape", landscape, len(tie))
        tie, frozen = np.maximum(tie, history.tie(rows, 0.0)), rows.T.contiguous().numpy()

    def advance(first: int, last: int) -> int:
        unsettled: int = _training_kernels.train(
            run.columns,
            patterns.numpy(),
            frozen,
            kind,
            overlap,
            temperature,
            sweeps,
            rates[first:last],
            *flags,
            tie,
            run.orders[0],
            run.streams,
            norm2,
        )
        return unsettled

    if not flags[1]:
        return advance
    state = run.columns, run.orders, run.streams, norm2
    return _in_whole_blocks(advance, state, _waiting_kernels.BLOCK)


def _in_whole_blocks(advance: Advance, state: tuple[Array, ...], block: int) -> Advance:
    """Steps in blocks that begin at multiples of `block`, wherever a record cuts them.

    Norms are rounded where a block ends. A block that a record cuts is made again from its start,
    so that what is recorded does not change what is learned.
    """
    begun, kept, counted = 0, [part.copy() for part in state], 0

    def to(first: int, last: int) -> int:
        nonlocal begun, kept, counted
        for part, before in zip(state, kept, strict=True):
            part[:] = before
        whole = last - last % block
        unsettled = advance(begun, whole) - counted
        begun, kept = whole, [part.copy() for part in state]
        counted = advance(whole, last)
        return unsettled + counted

    return to


def _interpreted(
    run: Run,
    patterns: Tensor,
    source: Noise,
    overlap: float,
    rates: Array,
    flags: tuple[bool, bool],
) -> Advance:
    """Training on a user's source, one call per step."""
    from hopfield import _training_kernels, _waiting_kernels  # numba is loaded only here

    size, norm2, at = len(run.columns), np.zeros(2), run.generator.device
    waiting = _waiting_kernels.nothing_waits(size, _waiting_kernels.BLOCK)

    def advance(first: int, last: int) -> int:
        for rate in rates[first:last]:
            drawn = torch.randint(len(patterns), (1,), generator=run.generator, device=at)
            target = patterns[drawn.to(patterns.device)]
            made = source(run.couplings, target, overlap, run.generator)
            state = _checks.spins("noise(…)", made, columns=size).to("cpu", torch.float64)
            if len(state) != 1:
                raise ValueError(f"noise(…) must have shape (1, {size}), got {tuple(state.shape)}")
            fields = (run.couplings @ state[0]).numpy()
            s, amount = state[0].numpy(), rate / size
            _training_kernels.learn(
                waiting, 0, target[0].numpy(), s, fields, run.tie, amount, *flags, norm2
            )
            _waiting_kernels.flush(run.columns, waiting, flags[1])  # the source may look at them
        return 0

    return advance


def _source(noise: str | Noise) -> Noise:
    """Source of the noise, by its word or as given."""
    if isinstance(noise, str):
        return _WORDS[_checks.choice("noise", noise, tuple(_WORDS))]
    words = ", ".join(repr(word) for word in _WORDS)
    _checks.function("noise", noise, f"one of {words} or a callable")
    return noise


def _rates(rate: float | Sequence[float], steps: int) -> Array:
    """Rate of each step, (steps,): one for all, or each of a sequence for an equal share."""
    given = _checks.several("rate", np.atleast_1d(_checks.array("rate", rate)))
    if not given:
        raise ValueError("rate must be a number or a sequence of at least one, got an empty one")
    shares = np.array([_checks.positive("rate", value) for value in given])
    return shares[np.arange(steps) * len(shares) // max(steps, 1)]
