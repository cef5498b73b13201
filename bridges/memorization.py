r"""Memorization: are samples copies of the data, or are they new?

Copies. A sample near a datum proves nothing by itself: in D dimensions a share 3^{−D} of
fresh points has its nearest datum at a third of the distance to the next. Each criterion is
a measure that is small for copies, and a threshold below which a point is flagged,

    ratio        d₁/d₂ < 1/3                                   (Yoon et al. 2023)
    local        d₁/(½ mean of the 50 nearest distances) < 1   (Carlini et al. 2023)
    calibrated   the same below the quantile at which 1 % of held-out points are flagged

and what counts is how much oftener samples are flagged than held-out points. Without held-out
data each datum is left out in turn and compared to the others. The calibrated threshold is
set on one half of the held-out points, and its false alarms are counted on the other.

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

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result, Seed, generator_from, points
from bridges.estimates import with_error
from bridges.statistics import binomial_sem, effective_number
from diffusion import (
    CopyFraction,
    DenoiserLike,
    chance_ratio,
    neighbour_distances,
    two_nn_dimension,
)
from diffusion.flat import as_denoiser

CRITERIA = ("ratio", "local", "calibrated")
CLASSES = ("memorized", "spurious", "generalized")
_RATIO, _LOCAL = 1 / 3, 1.0  # the thresholds of the literature
_SCALE, _NEIGHBOURS = 0.5, 50  # Carlini's a and n
_CLOSE = 0.2  # largest δ_m, in rms deviations of the data
_SINGLE = 1.5  # data in play below which a state is of one datum
_DECIDE = ("calibrated", "ratio")  # "local" has more false alarms than copies
_CLEAR = (2.0, 4.0)  # standard errors of an excess from which it is a hint, and clear
VERDICTS = ("no more copies than among held-out points", "not decided", "copies beyond chance")


@dataclass(frozen=True, repr=False)
class Criterion(Result):
    """A threshold, and how often it flags points that cannot be copies."""

    threshold: float
    false_alarms: float  # their rate among held-out points
    tested: int  # held-out points that the rate was counted on
    chance: float  # the rate that theory expects; NaN where it has none

    def judge(self, values: Tensor) -> CopyFraction:
        """How often samples of these values (B,) are flagged, beyond false alarms."""
        rate = float((values < self.threshold).double().mean())
        pairs = ((rate, len(values)), (self.false_alarms, self.tested))
        error = math.sqrt(sum(p * (1 - p) / n for p, n in pairs))
        return CopyFraction(rate, self.false_alarms, rate - self.false_alarms, error)


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
        return _measures(neighbour_distances(samples, self.data, _count(self.data)))

    def judge(self, samples: Tensor) -> MemorizationReport:
        """The report on samples (B, d), B at least 1, denoised."""
        if len(samples) == 0:
            raise ValueError("samples must hold at least one point, got none")
        found = self.measures(samples)
        return MemorizationReport(
            copies={
                name: one.judge(found["ratio" if name == "ratio" else "local"])
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
        """One of VERDICTS: the clearer of the criteria "ratio" and "calibrated" decides."""
        excesses = {name: (one.excess, one.sem) for name, one in self.copies.items()}
        return clearest(excesses)[0]

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
    effective_number: Tensor | None = None

    @property
    def sem(self) -> dict[str, float]:
        """Binomial standard error of each fraction: of samples of this one model."""
        return {name: binomial_sem(getattr(self, name), len(self.labels)) for name in CLASSES}

    def _parts(self) -> list[tuple[str, Any]]:
        """Not the samples one by one."""
        names = (*CLASSES, "sem", "delta_memorized", "delta_spurious", "compared")
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
        each left out in turn.
    level : rate of false alarms at which the "calibrated" threshold is set, in (0, 1).
    seed : int, torch.Generator or None; parts the held-out points into the half that sets
        that threshold and the half that tests it.

    Returns
    -------
    Calibration.

    Raises
    ------
    ValueError : a wrong shape, not finite, too few points, or a level outside (0, 1).

    Examples
    --------
    >>> found = calibrate(torch.randn(400, 2, generator=torch.Generator().manual_seed(0)), seed=0)
    >>> round(found.criteria["ratio"].chance, 1)  # one in nine by chance, in a plane
    0.1
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    data = points("data", data)
    different = data[distinct(data)]
    if len(different) < 4:
        raise ValueError(f"data must hold at least 4 different points, got {len(different)}")
    if held_out is None:
        near = neighbour_distances(different, different, _count(different) + 1)[:, 1:]
    else:
        held_out = points("held_out", held_out, dimension=data.shape[1])
        if len(held_out) < 2:
            raise ValueError(f"held_out must hold at least 2 points, got {len(held_out)}")
        near = neighbour_distances(held_out, different, _count(different))
    found = _measures(near)
    order = torch.randperm(len(near), generator=generator_from(seed, "calibrate"))
    setting, testing = found["local"][order].tensor_split(2)
    threshold = float(np.quantile(setting.numpy(), level))
    dimension = two_nn_dimension(different, "likelihood")
    return Calibration(
        data=different,
        criteria={
            "ratio": _criterion(found["ratio"], _RATIO, chance_ratio(dimension, _RATIO)),
            "local": _criterion(found["local"], _LOCAL, math.nan),
            "calibrated": _criterion(testing, threshold, level),
        },
        dimension=dimension,
        repeated=len(data) - len(different),
        left_out=held_out is None,
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
    ValueError : as for `calibrate`, no sample, or a denoiser without sigma.

    Examples
    --------
    >>> points = torch.randn(600, 5, generator=torch.Generator().manual_seed(0))
    >>> data, fresh, held_out = points[:200], points[200:400], points[400:]
    >>> memorization_report(data + 0.01, data, held_out, seed=0).verdict
    'copies beyond chance'
    >>> memorization_report(fresh, data, held_out, seed=0).verdict
    'no more copies than among held-out points'
    """
    calibration = calibrate(data, held_out, level, seed)
    if (denoiser is None) != (sigma is None):
        raise ValueError(f"denoiser and sigma must be given together, got sigma = {sigma}")
    samples = points("samples", samples, dimension=data.shape[1])
    if denoiser is not None and sigma is not None:
        samples = as_denoiser(denoiser)(samples, sigma).detach()
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

    δ_m is the `level` quantile of the distances of held-out points to the data, but at most
    0.2 of their rms deviation; δ_s is that of the distances to the nearest other one inside
    held-out sets of the size of the samples, since it falls with that size. Where there are
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
    level : of the quantiles, in (0, 1).
    seed : int, torch.Generator or None; parts held-out points and samples.

    Returns
    -------
    MemorizationFractions. Print both thresholds with the fractions.

    Raises
    ------
    ValueError : a wrong shape, not finite, too few points, weights that are not (B, n) or
        do not sum to 1, a level outside (0, 1), a negative threshold.

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
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    train = _at_least(1, "train", train)
    samples = _at_least(2, "samples", samples, train.shape[1])
    generator = generator_from(seed, "memorization_fractions")
    compared, fallback = len(samples), (0.0, 0.0)
    if delta_memorized is None or delta_spurious is None:
        if held_out is None:
            raise ValueError("held_out must be given, or both thresholds, got None")
        held_out = _at_least(2, "held_out", held_out, train.shape[1])
        if delta_spurious is None:  # at most as many samples in a part as are held out
            parts = min(math.ceil(len(samples) / len(held_out)), len(samples) // 2)
            compared = math.ceil(len(samples) / parts)
        fallback = _thresholds(held_out, train, compared, level, generator)
    given = (delta_memorized, delta_spurious)
    close, twin = (b if a is None else a for a, b in zip(given, fallback, strict=True))
    close = _checks.number("delta_memorized", close, low=0)
    twin = _checks.number("delta_spurious", twin, low=0)
    memorized = _rms(neighbour_distances(samples, train, 1)[:, 0], train) <= close
    in_play = None
    if weights is not None:
        in_play = effective_number(weights, rows=len(samples), columns=len(train))
        memorized &= in_play.cpu() < _SINGLE
    order = torch.randperm(len(samples), generator=generator, device=generator.device).cpu()
    repeated = torch.empty(len(samples), dtype=torch.bool)
    for part in order.tensor_split(math.ceil(len(order) / compared)):
        repeated[part] = _twin_distances(samples[part.to(samples.device)]) <= twin
    labels = torch.where(memorized, 0, torch.where(repeated, 1, 2))
    found = (torch.bincount(labels, minlength=3).double() / len(labels)).tolist()
    return MemorizationFractions(
        found[0], found[1], found[2], labels, close, twin, compared, in_play
    )


def clearest(excesses: Mapping[str, tuple[float, float]]) -> tuple[str, str]:
    """One of VERDICTS, and the name of the criterion that it comes from.

    Parameters
    ----------
    excesses : by criterion, the copies in excess of its false alarms, and the error.
    """

    def clarity(name: str) -> float:
        excess, sem = excesses[name]
        return excess / sem if sem else math.copysign(math.inf, excess) if excess else 0.0

    name = max(_DECIDE, key=clarity)
    return VERDICTS[sum(clarity(name) > least for least in _CLEAR)], name


def distinct(data: Tensor) -> Tensor:
    """Indices, ascending, of the first of each different point of data (n, d)."""
    return torch.from_numpy(np.sort(np.unique(data.numpy(), axis=0, return_index=True)[1]))


def _count(data: Tensor) -> int:
    """Neighbours that make the local scale: one fewer than there are, to leave one out."""
    return min(_NEIGHBOURS, len(data) - 1)


def _measures(near: Tensor) -> dict[str, Tensor]:
    """Both measures, (B,), from ascending distances (B, k)."""
    return {"ratio": near[:, 0] / near[:, 1], "local": near[:, 0] / (_SCALE * near.mean(1))}


def _criterion(held_out: Tensor, threshold: float, chance: float) -> Criterion:
    rate = float((held_out < threshold).double().mean())
    return Criterion(threshold, rate, len(held_out), chance)


def _at_least(least: int, name: str, value: Tensor, dimension: int | None = None) -> Tensor:
    rows = points(name, value, dimension=dimension)
    if len(rows) < least:
        raise ValueError(f"{name} must hold at least {least} points, got {len(rows)}")
    return rows


def _thresholds(
    held_out: Tensor, train: Tensor, size: int, level: float, generator: torch.Generator
) -> tuple[float, float]:
    """δ_m and δ_s, the latter for sets of `size` samples."""
    near = np.quantile(_rms(neighbour_distances(held_out, train, 1)[:, 0], train), level)
    order = torch.randperm(len(held_out), generator=generator, device=generator.device)
    size = min(size, len(held_out))
    sets = order[: len(order) // size * size].view(-1, size).to(held_out.device)
    twin = np.quantile(torch.cat([_twin_distances(held_out[one]) for one in sets]), level)
    unit = (held_out - held_out.mean(0)).double().square().mean().sqrt()
    return min(float(near), _CLOSE * float(unit)), float(twin)


def _rms(distances: Tensor, like: Tensor) -> Tensor:
    """Distances as rms per entry."""
    return distances / math.sqrt(like.shape[1])


def _twin_distances(rows: Tensor) -> Tensor:
    """Rms distance of each row to the nearest other one, (B,)."""
    return _rms(neighbour_distances(rows, rows, 2)[:, 1], rows)
