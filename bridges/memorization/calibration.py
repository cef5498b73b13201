r"""Memorization: are samples copies of the data, or are they new?

Copies. Criteria that are small for copies, against their false alarms: `memorization.copies`.

Classes. Between copies and new samples stand the spurious ones, states that a model returns
to although they are no data. With d_m the distance of a sample to its nearest
datum, d_s that to the nearest other sample (Pham et al. 2025),

    memorized    d_m ≤ δ_m
    spurious     d_m > δ_m and d_s ≤ δ_s
    generalized  neither

both thresholds calibrated on held-out data, which are generalized but for 1 %. Distances are
rms, |x − y|/√N.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result, Seed, check_units, generator_from, points
from bridges.estimates import with_error
from bridges.memorization.copies import (
    CRITERIA as CRITERIA,
    VERDICTS as VERDICTS,
    Criterion,
    clearest as clearest,
    copy_criteria,
    rms,
    thresholds,
    twin_distances,
)
from bridges.memorization.distances import Measured, measured, measures_of
from bridges.statistics import binomial_sem, effective_number
from diffusion import (
    CopyFraction,
    DenoiserLike,
    neighbour_distances,
)
from diffusion.flat import answering

CLASSES = ("memorized", "spurious", "generalized")
_SINGLE = 1.5  # data in play below which a state is of one datum


@dataclass(frozen=True, repr=False)
class Calibration(Result):
    """What the criteria are worth on a data set, before any sample is judged."""

    data: Tensor  # (n, d), its different points
    criteria: dict[str, Criterion]  # by name, CRITERIA
    dimension: float  # D, maximum likelihood of TwoNN, that the chance level is taken at
    repeated: int  # data points that repeat another, and were dropped
    left_out: bool  # whether the held-out points are the data themselves, left out in turn
    held_out: dict[str, Tensor]  # measures of the held-out points, "ratio" and "local"

    def _parts(self) -> list[tuple[str, Any]]:
        """Not the points themselves."""
        return [part for part in super()._parts() if part[0] not in ("data", "held_out")]

    def measures(self, samples: Tensor) -> dict[str, Tensor]:
        """d₁/d₂, "ratio", and d₁/(½ mean d), "local", of samples (B, d)."""
        return measures_of(samples, self.data)

    def judge(self, samples: Tensor) -> MemorizationReport:
        """The report on samples (B, d), B at least 1, denoised."""
        samples = points("samples", samples, dimension=self.data.shape[1])
        if len(samples) == 0:
            raise ValueError("samples must hold at least one point, got none")
        return self.judge_measured(self.measures(samples))

    def judge_measured(self, found: Mapping[str, Tensor]) -> MemorizationReport:
        """The report on samples of which the `measures` are known."""
        return MemorizationReport(
            copies={
                name: one.judge(found["ratio" if name in ("ratio", "match") else "local"])
                for name, one in self.criteria.items()
            },
            calibration=self,
        )


@dataclass(frozen=True, repr=False)
class MemorizationReport(Result):
    """How often samples are flagged as copies, by criterion."""

    copies: dict[str, CopyFraction]
    calibration: Calibration

    @property
    def verdict(self) -> str:
        """One of VERDICTS: the clearest of all criteria but "local" decides."""
        return clearest({name: one.p_value for name, one in self.copies.items()})[0]

    def _parts(self) -> list[tuple[str, Any]]:
        copies = {name: one.to_dict() for name, one in self.copies.items()}
        return [("verdict", self.verdict), ("copies", copies), *self.calibration._parts()]

    def __repr__(self) -> str:
        excesses = (f"{k} {with_error(v.excess, v.sem)}" for k, v in self.copies.items())
        return f"MemorizationReport({self.verdict}; excess by {', by '.join(excesses)})"


@dataclass(frozen=True, repr=False)
class MemorizationFractions(Result):
    """Samples by class, and the two thresholds that part them.

    Attributes
    ----------
    memorized : fraction of the samples, as the next two are.
    spurious : the second.
    generalized : the third; their sum is 1.
    labels : (B,) 0, 1 or 2, the place of each sample's class in that order.
    delta_memorized : threshold of d_m, an rms distance per entry, in the units of the data.
    delta_spurious : threshold of d_s.
    compared : number of samples that d_s is the nearest of.
    levels : rates of held-out points that both thresholds flag; NaN where one was given. With
        fewer than 99 held-out points there is none of 1 %.
    paired : fraction of the samples that are spurious by a single other one.
    effective_number : (B,) exp H of the posterior weights of each sample, None where they were
        not given.
    """

    memorized: float
    spurious: float
    generalized: float
    labels: Tensor
    delta_memorized: float
    delta_spurious: float
    compared: int
    levels: tuple[float, float] = (math.nan, math.nan)
    paired: float = 0.0
    effective_number: Tensor | None = None

    @property
    def sem(self) -> dict[str, float]:
        """Standard error of each fraction: of samples of this one model.

        Binomial, but that spurious samples are found by two. With f of them, m memorized and p
        in pairs, n times the variance is f(1 − f) + pq, and g(1 − g) + p(q − 2m) of the g
        generalized, q = 1 − f − p + fm/(1 − m): exact where spurious states are all as likely,
        but that it is never less than binomial.
        """
        n, m, f, p = len(self.labels), self.memorized, self.spurious, self.paired
        found = {name: binomial_sem(getattr(self, name), n) for name in CLASSES}
        q = 1 - f - p + (f * m / (1 - m) if m < 1 else 0.0)
        for name, pull in (("spurious", 0.0), ("generalized", 2 * m)):
            if 0 < getattr(self, name) < 1:
                found[name] = math.sqrt(found[name] ** 2 + max(0.0, p * (q - pull)) / n)
            else:
                found[name] = binomial_sem(getattr(self, name), max(1, n // 2))
        return found

    def _parts(self) -> list[tuple[str, Any]]:
        """Not the samples one by one."""
        names = (*CLASSES, "sem", "delta_memorized", "delta_spurious", "levels", "compared")
        return [("samples", len(self.labels)), *((name, getattr(self, name)) for name in names)]

    def __repr__(self) -> str:
        found = (f"{name} {with_error(getattr(self, name), self.sem[name])}" for name in CLASSES)
        return (
            f"MemorizationFractions({', '.join(found)}; δ_m {self.delta_memorized:.3g}, "
            f"δ_s {self.delta_spurious:.3g})"
        )


def calibrate(
    data: Tensor, held_out: Tensor | None = None, level: float = 0.01, seed: Seed = None
) -> Calibration:
    """Thresholds and false alarms of the criteria of copies on a data set.

    Parameters
    ----------
    data : (n, d), what a model was made from, at least 4 different points.
    held_out : (H, d), H at least 2, of the same kind but unseen; None: the data themselves,
        each left out in turn, or 10 000 of more, a fixed random part.
    level : rate of false alarms at which the "calibrated" threshold is set, in (0, 1).
    seed : int, torch.Generator or None; parts the held-out points into the half that sets
        that threshold and the half that tests it.

    Returns
    -------
    Calibration. It costs 2nHd operations in single precision, and 2nd for each datum left out.

    Raises
    ------
    ValueError : a wrong shape, not finite, too few points, held-out points in other units than
        the data, or a level outside (0, 1).

    Examples
    --------
    >>> found = calibrate(torch.randn(400, 2, generator=torch.Generator().manual_seed(0)), seed=0)
    >>> round(found.criteria["ratio"].chance, 1)  # one in nine by chance, in a plane
    0.1
    """
    level = _checks.share("level", level)
    return calibrated(measured(data, held_out), level, seed)


def calibrated(known: Measured, level: float, seed: Seed) -> Calibration:
    """`calibrate` of data that are `measured`."""
    found = known.held_out
    order = _checks.shuffled(len(found["local"]), generator_from(seed, "calibrate"))
    criteria = copy_criteria(
        *(found["ratio"], found["local"][order], known.dimension, level),
        match=known.match,
        together=2 if known.left_out else 1,
    )
    return Calibration(
        data=known.data,
        criteria=criteria,
        dimension=known.dimension,
        repeated=known.repeated,
        left_out=known.left_out,
        held_out=found,
    )


def memorization_report(
    samples: Tensor,
    data: Tensor,
    held_out: Tensor | None = None,
    *,
    denoiser: DenoiserLike | None = None,
    sigma: float | None = None,
    level: float = 0.01,
    seed: Seed = None,
) -> MemorizationReport:
    """Judge whether samples are copies of the data, by three criteria and their false alarms.

    Parameters
    ----------
    samples : (B, d), at least one.
    data, held_out, level, seed : as for `calibrate`.
    denoiser : of the model. Samples are denoised once before they are judged: noise that is
        left on them, across the manifold of the data, would hide what they copy.
    sigma : noise level at which the samples stopped; given if the denoiser is.

    Returns
    -------
    MemorizationReport.

    Raises
    ------
    ValueError : as for `calibrate`, no sample, samples in other units or with another order
        of axes than the data, or a denoiser without sigma.

    Examples
    --------
    >>> points = torch.randn(600, 5, generator=torch.Generator().manual_seed(0))
    >>> data, fresh, held_out = points[:200], points[200:400], points[400:]
    >>> memorization_report(data + 0.01, data, held_out, seed=0).verdict
    'copies beyond chance'
    >>> memorization_report(fresh, data, held_out, seed=0).verdict
    'no more copies than among held-out points'
    """
    data = points("data", data).detach()
    calibration = calibrate(data, held_out, level, seed)
    if (denoiser is None) != (sigma is None):
        raise ValueError(f"denoiser and sigma must be given together, got sigma = {sigma}")
    samples = points("samples", samples, dimension=calibration.data.shape[1]).detach()
    if denoiser is not None and sigma is not None:
        samples = answering(denoiser)(samples, _checks.positive("sigma", sigma)).detach()
    check_units("samples", samples, calibration.data)
    return calibration.judge(samples)


def memorization_fractions(
    samples: Tensor,
    train: Tensor,
    held_out: Tensor | None = None,
    *,
    weights: Tensor | None = None,
    delta_memorized: float | None = None,
    delta_spurious: float | None = None,
    level: float = 0.01,
    seed: Seed = None,
) -> MemorizationFractions:
    """Fractions of samples that are memorized, spurious and generalized.

    δ_m is the order statistic of the distances of held-out points to the data below which a
    fresh point lies with probability `level`, but at most 0.2 of their rms deviation; δ_s is
    that of the distances to the nearest other one inside held-out sets of the size of the
    samples, since it falls with that size. Below 99 held-out points there is no level of 1 %:
    see `levels`. Where there are
    fewer held-out points than samples, the samples are judged in random parts of that size.
    In few dimensions, and among dense data, distances prove nothing: use 8 or more, and
    `weights` where they are known.

    Parameters
    ----------
    samples : (B, N), at least 2, denoised.
    train : (n, N), what the model was made from.
    held_out : (H, N), H at least 2, of the same kind but unseen; may be None if both
        thresholds are given.
    weights : (B, n) posterior weights of the data at each sample, where they are exact (of
        an EmpiricalDenoiser): a sample is then memorized only if fewer than 1.5 data,
        exp H, contribute to it, whatever its distance.
    delta_memorized : threshold instead of the calibrated one, not negative.
    delta_spurious : the same of the other.
    level : of both thresholds, in (0, 1).
    seed : int, torch.Generator or None; parts held-out points and samples.

    Returns
    -------
    MemorizationFractions. Print both thresholds with the fractions.

    Raises
    ------
    ValueError : a wrong shape, not finite, too few points, samples or held-out points in
        other units than the data, weights that are not (B, n) or do not sum to 1, a level
        outside (0, 1), a negative threshold.

    Examples
    --------
    >>> points = torch.randn(900, 8, generator=torch.Generator().manual_seed(0))
    >>> train, fresh, held_out = points.split(300)
    >>> round(memorization_fractions(train + 0.01, train, held_out, seed=0).memorized, 2)
    1.0
    >>> memorization_fractions(fresh, train, held_out, seed=0).generalized > 0.9
    True
    >>> blend = (train[:30] + train[30:60]).repeat(10, 1) / 2  # again and again, and no data
    >>> memorization_fractions(blend, train, held_out, seed=0).spurious > 0.8
    True
    """
    train = _at_least(1, "train", train)
    samples = _at_least(2, "samples", samples, train.shape[1])
    check_units("samples", samples, train, of="train")
    return classified(
        samples,
        train,
        held_out,
        weights=weights,
        delta_memorized=delta_memorized,
        delta_spurious=delta_spurious,
        level=level,
        seed=seed,
    )


def classified(
    samples: Tensor,
    train: Tensor,
    held_out: Tensor | None = None,
    *,
    weights: Tensor | None = None,
    delta_memorized: float | None = None,
    delta_spurious: float | None = None,
    level: float = 0.01,
    seed: Seed = None,
) -> MemorizationFractions:
    """`memorization_fractions` of samples (B, N) whose units are known to be those of the data."""
    level = _checks.share("level", level)
    generator = generator_from(seed, "memorization_fractions")
    compared, fallback = len(samples), ((0.0, math.nan), (0.0, math.nan))
    if held_out is not None:
        held_out = _at_least(2, "held_out", held_out, train.shape[1])
    if delta_memorized is None or delta_spurious is None:
        if held_out is None:
            raise ValueError("held_out must be given, or both thresholds, got None")
        check_units("held_out", held_out, train, of="train")
        if delta_spurious is None:  # at most as many samples in a part as are held out
            parts = min(math.ceil(len(samples) / len(held_out)), len(samples) // 2)
            compared = math.ceil(len(samples) / parts)
        fallback = thresholds(held_out, train, compared, level, generator)
    given = (delta_memorized, delta_spurious)
    (close, close_level), (twin, twin_level) = (
        b if a is None else (a, math.nan) for a, b in zip(given, fallback, strict=True)
    )
    close = _checks.number("delta_memorized", close, low=0)
    twin = _checks.number("delta_spurious", twin, low=0)
    memorized = rms(neighbour_distances(samples, train, 1)[:, 0].cpu(), train) <= close
    in_play = None
    if weights is not None:
        in_play = effective_number(weights, rows=len(samples), columns=len(train))
        memorized &= in_play.cpu() < _SINGLE
    order = _checks.shuffled(len(samples), generator)
    twins = torch.empty(len(samples), dtype=torch.long)  # how many, but no more than two
    for part in order.tensor_split(math.ceil(len(order) / compared)):
        twins[part] = (twin_distances(samples[part.to(samples.device)], 2) <= twin).sum(1)
    labels = torch.where(memorized, 0, torch.where(twins > 0, 1, 2))
    found = (torch.bincount(labels, minlength=3).double() / len(labels)).tolist()
    paired = float(((labels == 1) & (twins == 1)).double().mean())
    labels, levels = labels.to(samples.device), (close_level, twin_level)
    return MemorizationFractions(
        *(found[0], found[1], found[2], labels, close, twin, compared, levels, paired, in_play)
    )


def _at_least(least: int, name: str, value: Tensor, dimension: int | None = None) -> Tensor:
    rows = points(name, value, dimension=dimension).detach()
    if len(rows) < least:
        raise ValueError(f"{name} must hold at least {least} points, got {len(rows)}")
    return rows
