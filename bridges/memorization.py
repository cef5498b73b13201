r"""Memorization: are samples copies of the data, and when does the data hold a model?

Copies. A sample near a datum proves nothing by itself: in D dimensions a share 3^{−D} of
fresh points has its nearest datum at a third of the distance to the next. Each criterion is
a measure that is small for copies and a threshold below which it flags,

    ratio        d₁/d₂ < 1/3                                   (Yoon et al. 2023)
    local        d₁/(½ mean of the 50 nearest distances) < 1   (Carlini et al. 2023)
    calibrated   the same below the quantile at which 1 % of held-out points are flagged

and what counts is how much oftener it flags samples than held-out points. Without held-out
data each datum is left out in turn and compared to the others. The calibrated threshold is
set on one half of the held-out points, and its false alarms are counted on the other.

Memories. The data as patterns of its own exact denoiser, at noise level σ and t = σ²: a
U-turn returns to its datum with probability Y, so that below Y = ½ each datum is a memory
of its own; exp H data are in play; D_eff dimensions are seen, and ∫ D_eff d log t = 2 log P
for any P points (Biroli et al., arXiv 2402.18491; Achilli et al., arXiv 2410.08727).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges.data import standardised
from diffusion import (
    OU,
    CopyFraction,
    EmpiricalDenoiser,
    chance_ratio,
    likelihood_dimension,
    local_pca_dimension,
    manifold_dimension,
    neighbour_distances,
    participation_ratio,
    planted_posterior,
    two_nn_dimension,
)
from diffusion.checks import Seed, generator_from, points
from diffusion.jacobians import DenoiserLike
from diffusion.theory import area_law, speciation_time

CRITERIA = ("ratio", "local", "calibrated")
_RATIO, _LOCAL = 1 / 3, 1.0  # the thresholds of the literature
_SCALE, _NEIGHBOURS = 0.5, 50  # Carlini's a and n
_STEP = 0.25  # of the noise grid, in log σ²
_CLEAR = 4.0  # standard errors that an excess must have to be called one
Array = np.ndarray


@dataclass(frozen=True)
class Criterion:
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


@dataclass(frozen=True)
class Calibration:
    """What the criteria are worth on a data set, before any sample is judged."""

    data: Tensor  # (n, d), its different points
    criteria: dict[str, Criterion]  # by name, CRITERIA
    dimension: float  # D, maximum likelihood of TwoNN, that the chance level is taken at
    repeated: int  # data points that repeat another, and were dropped
    left_out: bool  # whether the held-out points are the data themselves, left out in turn
    held_out: dict[str, Tensor]  # measures of the held-out points, "ratio" and "local"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for a result file."""
        return {
            "criteria": {name: asdict(one) for name, one in self.criteria.items()},
            "dimension": self.dimension,
            "repeated": self.repeated,
            "left_out": self.left_out,
        }

    def measures(self, samples: Tensor) -> dict[str, Tensor]:
        """d₁/d₂, "ratio", and d₁/(½ mean d), "local", of samples (B, d). Raises ValueError."""
        return _measures(neighbour_distances(samples, self.data, _count(self.data)))

    def judge(self, samples: Tensor) -> MemorizationReport:
        """The report on samples (B, d), B at least 1, denoised. Raises ValueError."""
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


@dataclass(frozen=True)
class MemorizationReport:
    """How often samples are flagged as copies, by criterion."""

    copies: dict[str, CopyFraction]
    calibration: Calibration

    @property
    def verdict(self) -> str:
        """What the calibrated criterion says, in words; other criteria do not decide."""
        found = self.copies["calibrated"]
        if found.excess > _CLEAR * found.sem:
            return "copies beyond chance"
        return "no more copies than among held-out points"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for a result file."""
        copies = {name: one.to_dict() for name, one in self.copies.items()}
        return {"copies": copies, "verdict": self.verdict} | self.calibration.to_dict()


@dataclass(frozen=True)
class DimensionContrast:
    """FLIPD dimensions of training points against fresh ones."""

    data: float  # median over training points
    held_out: float  # median over fresh points
    separation: float  # probability that a training point has the smaller one: ½ if unknown
    sem: float  # of the separation if there is nothing to separate

    def to_dict(self) -> dict[str, float]:
        """Plain numbers, for a result file."""
        return asdict(self)


@dataclass(frozen=True)
class MemoryGeometry:
    """A data set as memories. Noise levels are in units of `unit`, the data's rms deviation.

    Curves have one entry a noise level, errors are between planted points.
    """

    patterns: int  # P
    size: int  # N
    unit: float
    sigma: Array  # (K,) ascending
    return_probability: Array  # Y
    entropy: Array  # H/log P, falls to 0 and never crosses it
    dimension: Array  # D_eff
    agreement: Array  # φ of the classes; NaN without labels
    collapse_sigma: float  # where Y = ½
    collapse_time: float  # the same, Ornstein–Uhlenbeck
    speciation_time: float  # ½ log of the covariance's largest eigenvalue
    in_play: float  # exp H at the speciation: effective number of data
    peak_dimension: float  # the largest D_eff
    peak_sigma: float
    area: float  # ∫ D_eff d log σ² over 2 log P: 1 for any data
    area_sem: float
    likelihood_dimension: float
    two_nn_dimension: float
    local_pca_dimension: float
    participation_ratio: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for a result file."""
        return {k: v.tolist() if isinstance(v, Array) else v for k, v in asdict(self).items()}


def calibrate(
    data: Tensor, held_out: Tensor | None = None, level: float = 0.01, seed: Seed = None
) -> Calibration:
    """What the criteria of copies are worth on a data set: thresholds and false alarms.

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
    """Are samples copies of the data? By three criteria, each against its false alarms.

    Parameters
    ----------
    samples : (B, d), at least one. data, held_out, level, seed : as for `calibrate`.
    denoiser, sigma : of the model and the noise level its samples stopped at, both or none:
        they are denoised once before they are judged, lest the noise left on them across
        the manifold of the data hide what they copy.

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
        samples = denoiser(samples, sigma).detach()
    return calibration.judge(samples)


def dimension_contrast(
    denoiser: DenoiserLike, data: Tensor, held_out: Tensor, sigma: float
) -> DimensionContrast:
    """Does a denoiser tell its training points from fresh ones, by their dimension?

    Around a memorized datum the density that a model has learnt is a point's, of FLIPD
    dimension 0, while fresh points lie on the slopes between data, of a dimension too large.

    Parameters
    ----------
    denoiser : D(x, sigma), any. sigma : noise level, positive.
    data : (n, d), what it was made from. held_out : (H, d), of the same kind but unseen.

    Returns
    -------
    DimensionContrast; its error is that of ranks in no order (Mann & Whitney 1947).

    Raises
    ------
    ValueError : a wrong shape, no point, or sigma not positive.

    Examples
    --------
    >>> points = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    >>> denoiser = EmpiricalDenoiser(points[:100])
    >>> dimension_contrast(denoiser, points[:100], points[100:], sigma=0.1).separation > 0.95
    True
    """
    inside = manifold_dimension(denoiser, data, sigma, "flipd").value
    outside = manifold_dimension(denoiser, held_out, sigma, "flipd").value
    n, m = len(inside), len(outside)
    if n == 0 or m == 0:
        raise ValueError(f"data and held_out must hold points, got {n} and {m}")
    below = torch.searchsorted(inside.sort().values, outside)  # training points below each
    separation = float(below.double().mean()) / n
    error = math.sqrt((n + m + 1) / (12 * n * m))
    return DimensionContrast(float(inside.median()), float(outside.median()), separation, error)


def memory_geometry(
    data: Tensor,
    labels: Tensor | None = None,
    sigma: Array | None = None,
    draws: int = 1000,
    seed: Seed = None,
) -> MemoryGeometry:
    """A data set as memories of its exact denoiser: collapse, speciation, dimensions.

    Parameters
    ----------
    data : (P, N), at least 4 different points; repeated ones count once. It is centred and
        divided by its rms deviation, the unit of all noise levels here.
    labels : class of each point (P,), whole numbers from 0; None: no agreement.
    sigma : (K,) noise levels, increasing; None: `noise_grid(data)`.
    draws : planted points a noise level.
    seed : int, torch.Generator or None. All noise levels share their draws.

    Returns
    -------
    MemoryGeometry.

    Raises
    ------
    ValueError : a wrong shape, not finite, too few points, or bad labels or noise levels.

    Examples
    --------
    >>> points = torch.randn(100, 10, generator=torch.Generator().manual_seed(0))
    >>> found = memory_geometry(points, draws=200, seed=0)
    >>> abs(found.area - 1) < 0.1, 0.5 < found.collapse_sigma**2 < 1
    (True, True)
    """
    kept = distinct(points("data", data))
    if len(kept) < 4:
        raise ValueError(f"data must hold at least 4 different points, got {len(kept)}")
    rows, unit = standardised(points("data", data)[kept].double())
    classes = None if labels is None else torch.as_tensor(labels)[kept]
    sigma = noise_grid(rows) if sigma is None else np.asarray(sigma, dtype=np.float64)
    base = generator_from(seed, "memory_geometry").initial_seed()
    P, size = rows.shape
    denoiser = EmpiricalDenoiser(rows)
    found = [planted_posterior(denoiser, float(s), draws, classes, seed=base) for s in sigma]
    Y = np.array([float(one.participation.mean()) for one in found])
    entropy = np.array([float(one.entropy.mean()) for one in found])
    dimension = torch.stack([one.dimension for one in found]).numpy()  # (K, draws)
    spectrum = torch.linalg.eigvalsh(torch.cov(rows.T).reshape(size, size))
    logs = 2 * np.log(sigma)
    tail = float(torch.log1p(spectrum.clamp(min=0) / sigma[-1] ** 2).sum())
    area = (np.trapezoid(dimension, logs, axis=0) + tail) / float(area_law(P))
    collapse = _crossing(logs, Y)
    species = speciation_time(spectrum.numpy())
    in_play = np.interp(2 * math.log(max(_level(species), sigma[0])), logs, entropy)
    mean = dimension.mean(1)
    return MemoryGeometry(
        patterns=P,
        size=size,
        unit=unit,
        sigma=sigma,
        return_probability=Y,
        entropy=entropy / math.log(P),
        dimension=mean,
        agreement=np.array([float(one.agreement.mean()) for one in found]),
        collapse_sigma=collapse,
        collapse_time=float(OU().time(collapse)),
        speciation_time=species,
        in_play=math.exp(in_play),
        peak_dimension=float(mean.max()),
        peak_sigma=float(sigma[mean.argmax()]),
        area=float(area.mean()),
        area_sem=float(area.std(ddof=1) / math.sqrt(draws)) if draws > 1 else math.nan,
        likelihood_dimension=likelihood_dimension(rows, min(20, P - 1)),
        two_nn_dimension=two_nn_dimension(rows, "likelihood"),
        local_pca_dimension=float(local_pca_dimension(rows, min(30, P - 1)).mean()),
        participation_ratio=participation_ratio(rows),
    )


def noise_grid(data: Tensor) -> Array:
    """Noise levels from where all data are apart to where they are one Gaussian cloud, (K,).

    From a tenth of the smallest distance to ten times the largest variance, in the units of
    the data, which are those of `memory_geometry` if it is standardised.
    """
    different = points("data", data)[distinct(data)].double()
    nearest = float(neighbour_distances(different, different, 2)[:, 1].min())
    largest = float(torch.linalg.matrix_norm(different - different.mean(0), 2))
    low = 2 * math.log(nearest / 10)
    high = math.log(10 * largest**2 / len(different))
    return np.exp(np.linspace(low, high, max(2, math.ceil((high - low) / _STEP) + 1)) / 2)


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


def _crossing(logs: Array, falling: Array, level: float = 0.5) -> float:
    """exp(u/2) where a curve falls through `level`; NaN if it does not."""
    below = np.flatnonzero(falling < level)
    if len(below) == 0 or below[0] == 0:
        return math.nan
    k = int(below[0])
    part = (falling[k - 1] - level) / (falling[k - 1] - falling[k])
    return float(np.exp((logs[k - 1] + part * (logs[k] - logs[k - 1])) / 2))


def _level(time: float) -> float:
    """The noise level of an Ornstein–Uhlenbeck time, 0 before it begins."""
    return float(OU().noise_level(max(time, 0.0)))
