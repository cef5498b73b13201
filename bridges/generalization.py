r"""From memorization to generalization: what a trained denoiser made of its data.

A denoiser trained on few data holds each of them. One trained on many draws new samples.
Between the two it blends: its samples gather at states that are none of the data (Pham et al.
2025). The same passage is seen in several ways, which need not agree:

    samples      of the reverse flow: the fractions memorized, spurious and generalized
    U-turn       a datum is noised to `turn` and run back, by the flow or the reverse SDE
    attractors   fixed points of D(·, σ), reached from noised data: which of them are data
    in play      exp H of the posterior weights of the data at a sample noised to σ
    dimension    d + tr tJ at noised data, the number of directions left at σ
    gap          denoising error of held-out points over that of the data, 1 if nothing is kept
    two halves   two denoisers of disjoint data agree if both know the distribution, and only
                 then (Kadkhodaie et al. 2024)

Errors are of the model: between trainings on independent data, never between samples of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from bridges import _checks
from bridges._checks import Result, Seed
from bridges.attractors import Attractors, find_attractors
from bridges.data import load, standardised, subset
from bridges.memorization import calibrate, classified, clearest
from bridges.memorization.drawing import deviation, draw
from bridges.memorization.own_half import OwnHalf, judged_halves, paired
from bridges.memory import as_memory
from bridges.starts import noised
from bridges.statistics import effective_number
from diffusion import (
    VE,
    DenoiserLike,
    EmpiricalDenoiser,
    NetworkDenoiser,
    ResidualMLP,
    denoising_error,
    manifold_dimension,
    uturn,
)
from diffusion.flat import answering

RETURNED = 0.2  # rms distance, in units of the data's, within which a U-turn came back
_EXACT, _PROBES = 1024, 16  # entries of a state whose Jacobian is made whole; else its probes
_CRITERIA = 4  # different data that criteria of copies need
_ERRORS = 200  # noised data that a loss is a mean of, at least
_SWEEPS = 300  # updates to a fixed point: slow where attractors are about to merge


@dataclass(frozen=True, repr=False)
class Halves(Result):
    """Two disjoint sets (P, N) to train on, and points (H, N) of the same kind for neither."""

    first: Tensor
    second: Tensor
    held_out: Tensor


@dataclass(frozen=True, repr=False)
class Generalization(Result):
    """What one denoiser made of its data. Fractions are of samples, starts or U-turns."""

    memorized: float
    spurious: float
    generalized: float
    delta_memorized: float  # the thresholds, rms per entry
    delta_spurious: float
    copies: float  # samples with d₁/d₂ < 1/3 beyond the share of held-out points; NaN: few data
    chance: float  # the probability of as many by chance, of the clearest criterion of copies
    flow_return: float  # U-turns that come back to their datum
    sde_return: float
    in_play: float  # median over samples
    dimension: float  # mean over noised data
    gap: float
    basins_of_data: float  # starts that end in a datum, of the fixed points of D(·, σ)
    basins_of_others: float  # in another attractor
    basins_of_none: float  # in a saddle, or not at rest
    attractors: Attractors

    def _parts(self) -> list[tuple[str, Any]]:
        """The attractors by their number."""
        return [*super()._parts()[:-1], ("attractors", float(len(self.attractors)))]


@dataclass(frozen=True, repr=False)
class TwoHalves(Result):
    """How far two denoisers of disjoint data agree."""

    samples: float  # mean cosine, about the mean, of samples of the flow from the same noise
    denoised: float  # mean cosine, about the mean, of held-out points denoised at σ
    disagreement: float  # E|D₁ − D₂|² over the sum of both errors E|D − x₀|²: 0 if alike
    distance: float = nan  # mean rms distance of these samples, in rms deviations of the data
    own_half: OwnHalf | None = None  # of these samples, where the halves were given


def halves(data: str, patterns: int, held_out: int, seed: int) -> Halves:
    """Data for two independent trainings, and held-out points.

    Parameters
    ----------
    data : "sphere" (uniform on |x|² = 8 in 8 dimensions), or a data set of `bridges.data`,
        taken about its mean and to mean variance 1.
    patterns : P of each half.
    held_out : H.
    seed : whole number.

    Returns
    -------
    Halves, float32. Real data are the same held-out points for every seed.

    Raises
    ------
    ValueError : a number out of range, no such data set, or one with too few points.

    Examples
    --------
    >>> found = halves("sphere", patterns=4, held_out=100, seed=0)
    >>> found.first.shape, round(float(found.second.square().mean()), 5)
    (torch.Size([4, 8]), 1.0)
    """
    patterns, held_out = _checks.whole("patterns", patterns), _checks.whole("held_out", held_out)
    if data == "sphere":
        generator = _checks.generator_from(seed, "halves")
        rows = torch.randn(2 * patterns + held_out, 8, generator=generator)
        rows = rows * (8**0.5 / rows.norm(dim=1, keepdim=True))
        first, second, rest = rows.split([patterns, patterns, held_out])
        return Halves(first, second, rest)
    rows = standardised(load(data)[0])[0].float()
    if 2 * patterns + held_out > len(rows):
        raise ValueError(
            f"patterns must be at most {(len(rows) - held_out) // 2} for two halves of {data} "
            f"besides {held_out} points held out, got {patterns}"
        )
    split = subset(rows, size=2 * patterns, held_out=held_out, seed=seed)
    first, second = split.train.split(patterns)
    return Halves(first, second, split.held_out)


def perceptron(data: str, rows: Tensor, width: int, seed: int) -> ResidualMLP:
    """The network that a study trains on rows of `data`: 3 blocks, and a gate but for "sphere".

    All but one of the directions of the sphere lie along the data, but most of those of images
    lie across them. The gate also makes a network memorize sooner, so that studies name it.
    """
    return ResidualMLP(rows.shape[1], width, depth=3, gate=data != "sphere", seed=seed)


@torch.no_grad()
def generalization_report(
    denoiser: NetworkDenoiser,
    train: Tensor,
    held_out: Tensor,
    *,
    sigma: float = 0.3,
    turn: float = 1.0,
    count: int = 1000,
    steps: int = 40,
    seed: Seed = None,
) -> Generalization:
    """Measure what a denoiser made of the data it was trained on.

    Parameters
    ----------
    denoiser : D(x, sigma), trained, or any other.
    train : (P, N)
    held_out : (H, N), of the same kind but unseen, at least 2; best as many as samples.
    sigma : noise level of the attractors, the data in play, the dimension and the gap.
    turn : noise level at which U-turns turn.
    count : number of samples, starts and U-turns, each.
    steps : of the reverse process.
    seed : int, torch.Generator or None.

    Returns
    -------
    Generalization.

    Raises
    ------
    ValueError : a wrong shape, held-out points in other units than the data, a number out of
        range, or a denoiser that returns NaN.

    Examples
    --------
    >>> points = torch.randn(216, 8, generator=torch.Generator().manual_seed(0))
    >>> few, held_out = points.split([16, 200])
    >>> exact = EmpiricalDenoiser(few)  # is all memory
    >>> found = generalization_report(exact, few, held_out, turn=0.3, count=100, seed=0)
    >>> found.memorized, found.flow_return > 0.9
    (1.0, True)
    """
    _checks.function("denoiser", denoiser, "a denoiser D(x, sigma)")
    train = _checks.matrix("train", train)
    held_out = _checks.matrix("held_out", held_out, columns=train.shape[1]).to(train)
    _checks.check_units("held_out", held_out, train, of="train")
    sigma, turn = _checks.positive("sigma", sigma), _checks.positive("turn", turn)
    count = _checks.whole("count", count, low=2)
    generator = _checks.generator_from(seed, "generalization", train.device)
    unit = deviation("train", train)
    quick = train.shape[1] <= _EXACT
    bar = tqdm(
        total=5, desc="samples", leave=False, disable=True if quick or _checks.silent() else None
    )
    samples = draw(denoiser, train, count, steps, generator)
    classes = classified(samples, train, held_out, seed=generator)
    copies, chance = _copied(samples, train, held_out, seed)
    _next(bar, "U-turns")
    rows = train[torch.arange(count, device=train.device) % len(train)]
    returned = [
        _returned(uturn(denoiser, rows, VE(), turn, method, steps, generator), rows, unit)
        for method in ("heun", "sde")
    ]
    near = samples + sigma * _checks.normal_like(samples, generator)
    weights = EmpiricalDenoiser(train).weights(near, sigma)
    planted = noised(train, sigma, min(count, 64), generator).states
    _next(bar, "dimension")
    dimension = _dimension(denoiser, planted, sigma, generator)
    _next(bar, "gap")
    errors = [
        float(denoising_error(denoiser, points, sigma, draws, generator).mean())
        for points, draws in ((held_out, 1), (train, -(-len(held_out) // len(train))))
    ]
    _next(bar, "attractors")
    memory = as_memory(denoiser, train, "fixed-noise", sigma=sigma, max_sweeps=_SWEEPS)
    found = find_attractors(memory, noised(train, sigma, count, generator), seed=generator)
    data = found.count("memory") / count
    bar.close()
    return Generalization(
        memorized=classes.memorized,
        spurious=classes.spurious,
        generalized=classes.generalized,
        delta_memorized=classes.delta_memorized,
        delta_spurious=classes.delta_spurious,
        copies=copies,
        chance=chance,
        flow_return=returned[0],
        sde_return=returned[1],
        in_play=float(effective_number(weights).median()),
        dimension=float(dimension.mean()),
        gap=errors[0] / errors[1],
        basins_of_data=data,
        basins_of_others=float((found.labels >= 0).double().mean()) - data,
        basins_of_none=float((found.labels < 0).double().mean()),
        attractors=found,
    )


@torch.no_grad()
def two_halves(
    one: NetworkDenoiser,
    other: NetworkDenoiser,
    held_out: Tensor,
    *,
    sigma: float = 0.3,
    count: int = 1000,
    steps: int = 40,
    data: Sequence[Tensor] | None = None,
    seed: Seed = None,
) -> TwoHalves:
    """How far denoisers trained on disjoint data agree.

    Parameters
    ----------
    one : D(x, sigma).
    other : the same, of disjoint data.
    held_out : (H, N), known to neither.
    sigma : noise level at which held-out points are denoised.
    count : samples.
    data : (P, N) each, what `one` and `other` were trained on: their samples are then compared
        with both, as by `own_half_excess`.
    steps, seed : as for `generalization_report`.

    Returns
    -------
    TwoHalves.

    Raises
    ------
    ValueError : a wrong shape, halves of unequal size, or a number out of range.

    Examples
    --------
    >>> points = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    >>> one, other, held_out = points.split(100)
    >>> alike = two_halves(EmpiricalDenoiser(one), EmpiricalDenoiser(one), held_out, seed=0)
    >>> round(alike.samples, 4), alike.disagreement
    (1.0, 0.0)
    """
    models = answering(one, "one"), answering(other, "other")
    held_out = _checks.matrix("held_out", held_out)
    unit = deviation("held_out", held_out)
    parts = None if data is None else _halves_of(data, held_out.shape[1])
    sigma = _checks.positive("sigma", sigma)
    generator = _checks.generator_from(seed, "two_halves", held_out.device)
    mean = held_out.mean(0)
    state = generator.get_state()
    own = draw(one, held_out, count, steps, generator)
    generator.set_state(state)  # the same noise for both
    others = draw(other, held_out, count, steps, generator)
    apart = (own - others).square().mean(1).sqrt().mean() / unit
    x = held_out + sigma * _checks.normal_like(held_out, generator)
    first, second = (each(x, sigma).to(held_out) for each in models)
    errors = (first - held_out).square().mean() + (second - held_out).square().mean()
    return TwoHalves(
        samples=float(torch.cosine_similarity(own - mean, others - mean).mean()),
        denoised=float(torch.cosine_similarity(first - mean, second - mean).mean()),
        disagreement=float((first - second).square().mean() / errors),
        distance=float(apart),
        own_half=None
        if parts is None
        else judged_halves(own[None], others[None], *parts, generator),
    )


def _halves_of(data: Sequence[Tensor], columns: int) -> tuple[Tensor, Tensor]:
    """Both halves (1, P, N), of points of `columns` entries."""
    if len(data) != 2:
        raise ValueError(f"data must be two halves, got {len(data)}")
    first, second = (_checks.matrix("data", half, columns=columns) for half in data)
    return paired(first, second)


@torch.no_grad()
def loss_over_constant(
    denoiser: DenoiserLike, data: Tensor, held_out: Tensor, sigma: float, seed: Seed = None
) -> float:
    """Denoising loss over that of a constant, of the data or of held-out points.

    The smaller of both: a memory is good at its data, and a denoiser that generalizes at all.
    Of a network that has learnt nothing it is 1, and nothing else should be concluded from one.
    With data of variance v per entry, preconditioning makes mean + v/(v + σ²)(x − mean) of a
    network whose output does not depend on its input; its error is vσ²/(v + σ²) per entry.

    Parameters
    ----------
    denoiser : D(x, sigma).
    data : (P, N), what it was trained on.
    held_out : (H, N), of the same kind but unseen; the data again where there is none.
    sigma : noise level.
    seed : int, torch.Generator or None.

    Raises
    ------
    ValueError : a wrong shape, data that are all alike, or sigma not positive.

    Examples
    --------
    >>> points = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    >>> memory = EmpiricalDenoiser(points[:10])
    >>> loss_over_constant(memory, points[:10], points[10:], sigma=0.3, seed=0) < 0.1
    True
    """
    variance = deviation("data", data) ** 2
    constant = variance * sigma**2 / (variance + sigma**2)
    own = denoising_error(denoiser, data, sigma, max(1, -(-_ERRORS // len(data))), seed)
    others = denoising_error(denoiser, held_out, sigma, 1, seed)
    return min(float(one.mean()) for one in (own, others)) / constant


def _copied(samples: Tensor, train: Tensor, held_out: Tensor, seed: Seed) -> tuple[float, float]:
    """Excess of copies among samples, and the probability of as many by chance; NaN: few data."""
    if len(train.unique(dim=0)) < _CRITERIA:
        return nan, nan
    found = calibrate(train, held_out, seed=seed).judge(samples)
    p_values = {name: one.p_value for name, one in found.copies.items()}
    return found.copies["ratio"].excess, p_values[clearest(p_values)[1]]


def _next(bar: Any, name: str) -> None:
    """The next part of a report begins."""
    bar.update()
    bar.set_description(name)


def _dimension(
    denoiser: NetworkDenoiser, x: Tensor, sigma: float, generator: torch.Generator
) -> Tensor:
    """Effective dimension at each point (B,): exact up to `_EXACT` entries, else by probes.

    A row of ±1 has E[vᵀ(∂D/∂x)v] = tr ∂D/∂x (Hutchinson 1990).
    """
    if x.shape[1] <= _EXACT or hasattr(denoiser, "jacobian_trace"):
        with torch.enable_grad():
            return manifold_dimension(denoiser, x, sigma, "effective").value
    total = x.new_zeros(len(x))
    for _ in range(_PROBES):
        v = _checks.normal_like(x, generator).sign()
        with torch.enable_grad():
            inputs = x.clone().requires_grad_()
            pulled = torch.autograd.grad(denoiser(inputs, sigma), inputs, v)[0]
        total += (pulled * v).sum(1) / _PROBES
    return total


def _returned(ends: Tensor, rows: Tensor, unit: float) -> float:
    distance = (ends - rows).square().mean(1).sqrt()
    return float((distance <= RETURNED * unit).double().mean())
