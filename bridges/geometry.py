r"""Data as memories of their own exact denoiser, seen through the geometry of its score.

At noise level σ and t = σ² a U-turn returns to its datum with probability Y, so that below
Y = ½ each datum is a memory of its own; exp H data are in play; D_eff dimensions are seen,
and ∫ D_eff d log t = 2 log P for any P points (Biroli et al., arXiv 2402.18491; Achilli et
al., arXiv 2410.08727). Around a memorized datum the density that any denoiser has learnt is
a point's, of dimension 0, which tells it from fresh points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import (
    Line,
    Plotted,
    Result,
    Seed,
    check_units,
    followed,
    generator_from,
    points,
)
from bridges.memorization.drawing import deviation
from diffusion import (
    OU,
    DenoiserLike,
    EmpiricalDenoiser,
    likelihood_dimension,
    local_pca_dimension,
    manifold_dimension,
    neighbour_distances,
    participation_ratio,
    planted_posterior,
    two_nn_dimension,
)
from diffusion.neighbours import distinct
from diffusion.theory import area_law, speciation_time

_STEP = 0.25  # of the noise grid, in log σ²
_NEIGHBOURLY = 4000  # points whose neighbours are looked at for an intrinsic dimension
_LARGE = 2**20  # numbers in data that make a geometry slow
_LEAST, _MOST = 1e-100, 1e100  # noise levels, whose squares are numbers
Array = np.ndarray


@dataclass(frozen=True, repr=False)
class DimensionContrast(Result):
    """FLIPD dimensions of training points against fresh ones."""

    data: float  # median over training points
    held_out: float  # median over fresh points
    separation: float  # probability that a training point has the smaller one, ½ by chance
    sem: float  # of the separation if there is nothing to separate

    def __repr__(self) -> str:
        apart = f"separation {self.separation:.2f} ± {self.sem:.2f}"
        return f"DimensionContrast({apart}; {self.data:.3g} and {self.held_out:.3g} dimensions)"


@dataclass(frozen=True, repr=False)
class MemoryGeometry(Plotted):
    """A data set as memories. Noise levels are in units of `unit`, the data's rms deviation.

    Curves have one entry per noise level, errors are between planted points.
    """

    patterns: int  # P
    size: int  # N
    unit: float
    sigma: Array  # (K,) ascending
    return_probability: Array  # Y
    entropy: Array  # H/log P, falls to 0 and never crosses it
    dimension: Array  # D_eff
    agreement: Array  # φ of the classes; NaN without labels
    collapse_sigma: float  # where Y = ½; NaN where it does not fall so far
    collapse_time: float  # the same, Ornstein–Uhlenbeck
    speciation_time: float  # ½ log of the covariance's largest eigenvalue
    in_play: float  # exp H at the speciation: effective number of data
    peak_dimension: float  # the largest D_eff
    peak_sigma: float
    area: float  # ∫ D_eff d log σ² over 2 log P: 1 for any data
    area_sem: float
    likelihood_dimension: float  # this and the next two of at most 4000 of the points
    two_nn_dimension: float
    local_pca_dimension: float
    participation_ratio: float
    _titles = (r"noise level $\sigma$", "share")
    _log = "x"

    def _lines(self) -> list[Line]:
        """What is left of each datum, of the entropy, and, with labels, of the classes."""
        shown = {
            "return to the datum": self.return_probability,
            "entropy over log P": self.entropy,
            "return to the class": self.agreement,
        }
        return [
            Line(self.sigma, y, label=name) for name, y in shown.items() if np.isfinite(y).any()
        ]

    def __repr__(self) -> str:
        return (
            f"MemoryGeometry({self.patterns} points in {self.size} dimensions, "
            f"collapse at σ = {self.collapse_sigma:.3g}, speciation at t = "
            f"{self.speciation_time:.3g}, D_eff up to {self.peak_dimension:.3g}, "
            f"area {self.area:.3f})"
        )


def dimension_contrast(
    denoiser: DenoiserLike, data: Tensor, held_out: Tensor, sigma: float
) -> DimensionContrast:
    """Compare the dimension that a denoiser sees at its training points and at fresh ones.

    Around a memorized datum the density that a model has learnt is a point's, of FLIPD
    dimension 0, while fresh points lie on the slopes between data, of a dimension too large.

    Parameters
    ----------
    denoiser : D(x, sigma), any.
    data : (n, d), what it was made from.
    held_out : (H, d), of the same kind but unseen.
    sigma : noise level, positive.

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
    data = points("data", data).detach()
    held_out = points("held_out", held_out, dimension=data.shape[1]).detach()
    n, m = len(data), len(held_out)
    if n == 0 or m == 0:
        raise ValueError(f"data and held_out must hold points, got {n} and {m}")
    check_units("held_out", held_out, data)
    inside = manifold_dimension(denoiser, data, sigma, "flipd").value
    outside = manifold_dimension(denoiser, held_out, sigma, "flipd").value
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

    Each noise level takes 4PN operations per draw, in double precision, and there are some 45.

    Parameters
    ----------
    data : (P, N), at least 4 different points; repeated ones count once. It is centred and
        divided by its rms deviation, the unit of all noise levels here.
    labels : class of each point (P,), whole numbers from 0; None: no agreement.
    sigma : (K,) noise levels, increasing; None: `noise_grid(data)`.
    draws : planted points per noise level.
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
    data, draws = points("data", data).detach(), _checks.whole("draws", draws)
    kept = distinct(data)
    if len(kept) < 4:
        raise ValueError(f"data must hold at least 4 different points, got {len(kept)}")
    rows = (data if len(kept) == len(data) else data[kept]).double()
    rows = rows - rows.mean(0)
    unit = deviation("data", rows)
    rows /= unit
    classes = None if labels is None else _checks.tensor("labels", labels)
    if classes is not None and classes.shape != (len(data),):
        raise ValueError(f"labels must have shape ({len(data)},), got {tuple(classes.shape)}")
    classes = None if classes is None else classes[kept]
    sigma = noise_grid(rows) if sigma is None else _levels(sigma)
    base = generator_from(seed, "memory_geometry").initial_seed()
    P, size = rows.shape
    del data  # large, as the denoiser is
    denoiser = EmpiricalDenoiser(rows)
    found = [
        planted_posterior(denoiser, float(s), draws, classes, seed=base)
        for s in followed(sigma, "geometry")
    ]
    del denoiser
    Y = np.array([float(one.participation.mean()) for one in found])
    entropy = np.array([float(one.entropy.mean()) for one in found])
    dimension = torch.stack([one.dimension for one in found]).cpu().numpy()  # (K, draws)
    spectrum = torch.linalg.eigvalsh(_smaller_gram(rows)) / (P - 1)  # of the covariance, but zeros
    logs = 2 * np.log(sigma)
    tail = float(torch.log1p(spectrum.clamp(min=0) / sigma[-1] ** 2).sum())
    area = (np.trapezoid(dimension, logs, axis=0) + tail) / float(area_law(P))
    collapse = _crossing(logs, Y)
    species = speciation_time(spectrum.cpu().numpy())
    in_play = np.interp(2 * math.log(max(_level(species), sigma[0])), logs, entropy)
    mean = dimension.mean(1)
    order = torch.randperm(P, generator=generator_from(base, "memory_geometry"))
    some = rows if P <= _NEIGHBOURLY else rows[order[:_NEIGHBOURLY]]
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
        collapse_time=math.nan if math.isnan(collapse) else float(OU().time(collapse)),
        speciation_time=species,
        in_play=math.exp(in_play),
        peak_dimension=float(mean.max()),
        peak_sigma=float(sigma[mean.argmax()]),
        area=float(area.mean()),
        area_sem=float(area.std(ddof=1) / math.sqrt(draws)) if draws > 1 else math.nan,
        likelihood_dimension=likelihood_dimension(some, min(20, len(some) - 1)),
        two_nn_dimension=two_nn_dimension(some, "likelihood"),
        local_pca_dimension=float(local_pca_dimension(some, min(30, len(some) - 1)).mean()),
        participation_ratio=participation_ratio(rows),
    )


def _levels(sigma: Array) -> Array:
    """Noise levels whose squares are numbers, at least one, increasing."""
    levels = _checks.doubles("sigma", sigma)
    inside = levels.ndim == 1 and len(levels) and levels[0] >= _LEAST and levels[-1] <= _MOST
    if not inside or not (np.diff(levels) > 0).all():
        raise ValueError(
            f"sigma must be (K,) noise levels in [{_LEAST:g}, {_MOST:g}], increasing, "
            f"got {levels.tolist()}"
        )
    return levels


def noise_grid(data: Tensor) -> Array:
    """Noise levels from where all data are apart to where they are one Gaussian cloud, (K,).

    From a tenth of the smallest distance to ten times the largest variance, in the units of
    the data, which are those of `memory_geometry` if it is standardised.
    """
    data = points("data", data).detach()
    kept = distinct(data)
    different = (data if len(kept) == len(data) else data[kept]).double()
    nearest = float(neighbour_distances(different, different, 2)[:, 1].min())
    if not 0 < nearest < math.inf:
        raise ValueError(f"data must have distances in double precision, got {nearest:g}; scale it")
    centred = different - different.mean(0)
    low = 2 * math.log(nearest / 10)
    high = math.log(10 * _largest(centred) ** 2 / len(different))
    # in many dimensions data fall together where noise is larger than any variance of theirs
    together = math.log(float(centred.square().sum()) / len(different))
    together -= math.log(2 * math.log(len(different)))
    if high < together + 1:
        high = together + math.log(10)
    return np.exp(np.linspace(low, high, max(2, math.ceil((high - low) / _STEP) + 1)) / 2)


def _largest(rows: Tensor) -> float:
    """Largest singular value of rows; of many numbers from their smaller Gram matrix."""
    if rows.numel() <= _LARGE:
        return float(torch.linalg.matrix_norm(rows, 2))
    return float(torch.linalg.eigvalsh(_smaller_gram(rows))[-1]) ** 0.5


def _smaller_gram(rows: Tensor) -> Tensor:
    """Products of columns or of rows, whichever are fewer: all eigenvalues but those that are 0."""
    return rows.T @ rows if rows.shape[1] <= len(rows) else rows @ rows.T


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
