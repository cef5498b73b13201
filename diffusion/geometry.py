r"""The geometry that a denoiser sees: spectra of its Jacobian, dimensions, lost subspaces.

With p_σ the noised density and t = σ², the dimensionless Hessian of its logarithm is

    tJ = σ²∇∇ log p_σ = ∂D/∂x − I,      eigenvalues −1 (a direction denoised away) to 0 (kept).

Its singular values s_k count dimensions: near 1 across the data manifold, near 0 along it
(Ventura et al., arXiv 2410.05898; Achilli et al., arXiv 2410.08727). Six estimators:

    gap            d − argmax_k (s_k − s_{k+1}), s descending: the normal directions split off
    half-count     #{s_k < 1/2}; for a Gaussian manifold #{λ_k > σ²}
    effective      D_eff = d + tr tJ = tr Cov(x₀|x)/σ², the denoising error in units of σ²;
                   for a Gaussian manifold Σ λ_k/(λ_k + σ²)
    normal-bundle  the gap of the singular values of 4d scores around a clean point
                   (Stanczuk et al., arXiv 2212.12611)
    flipd          d + ∂ log p_σ/∂ log σ = D_eff + σ²|∇ log p_σ|² at a clean point
                   (Kamkari et al., arXiv 2406.03537)
    second-difference  the kink of the singular values of 4d scores at distance σ, by the rule of
                   arXiv 2410.08727: D + 1 on a clean spectrum (see `diffusion.perturbations`)

A trained network's tJ is not symmetric: see `diffusion._jacobians` for its spectrum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffusion import _checks, _jacobians
from diffusion._checks import Level, Seed
from diffusion._results import Result
from diffusion.denoisers import DenoiserLike, noise_range
from diffusion.flat import answering
from diffusion.perturbations import KINDS, LEAST, PER_DIMENSION, kink, spectrum

METHODS = ("gap", "half-count", "effective", "normal-bundle", "flipd", "second-difference")
PHASES = ("trivial", "coverage", "consolidation", "collapsed")
_SHARP = 0.05  # a direction is decided when its s lies this close to 0 or to 1
_CROWDED = 0.9  # mean of s above which no direction may be left
_LADDER = range(1, 11)  # noise levels 4^k σ at which lost structure may show again


@dataclass(frozen=True, repr=False)
class ManifoldDimension(Result):
    """Dimensions at B points, with the evidence for them."""

    value: Tensor  # (B,) the estimate; NaN where "second-difference" has none
    gap: Tensor  # (B,) the gap or second difference it rests on; NaN where no spectrum is seen
    phase: tuple[str, ...]  # (B,) of PHASES
    half_count: Tensor  # (B,) #{s < 1/2} of the same spectrum; NaN where none is seen

    def __repr__(self) -> str:
        phases = " + ".join(f"{n} {phase}" for phase, n in Counter(self.phase).items())
        measured = {"value": self.value, "gap": self.gap, "half-count": self.half_count}
        parts = {**measured, "phase": phases or "none"}
        return self._shown(f"{len(self.phase)} points", parts)


@dataclass(frozen=True, repr=False)
class SignalToNoise(Result):
    """Signal over noise of each of A subspaces at each of B points, between data sets."""

    jacobian: Tensor  # (B, A) of tJ along the subspace
    score: Tensor  # (B, A) of the score along the subspace

    def __repr__(self) -> str:
        points, subspaces = self.score.shape
        return self._shown(f"{points} points, {subspaces} subspaces", dict(self._parts()))


def jacobian_spectrum(denoiser: DenoiserLike, x: Tensor, sigma: Level) -> Tensor:
    """Spectrum of tJ = ∂D/∂x − I at each point.

    Parameters
    ----------
    denoiser : D(x, sigma), (B, d) → (B, d), each row on its own. An ExactDenoiser gives its
        closed form (with few relevant data points no (d, d) matrix is made), anything else
        is differentiated.
    x : (B, d), finite.
    sigma : noise level, a number or (B,), positive, in signal units.

    Returns
    -------
    (B, d), ascending, so that the directions across the manifold, near −1, come first. These
    are eigenvalues where tJ is symmetric, otherwise signed singular values (see the head of
    `diffusion._jacobians`).

    Raises
    ------
    ValueError : a wrong shape, sigma not positive, a denoiser that cannot be differentiated.

    Examples
    --------
    >>> from diffusion import LinearManifoldDenoiser
    >>> line = LinearManifoldDenoiser(torch.tensor([[1.0], [0.0]]))
    >>> jacobian_spectrum(line, torch.zeros(1, 2), sigma=0.5)  # −1 and −σ²/(σ² + 1)
    tensor([[-1.0000, -0.2000]])
    """
    denoiser, x = answering(denoiser), _checks.asked_at(denoiser, "x", x)
    return _jacobians.spectrum(denoiser, x, _checks.level_of_rows(sigma, x))


def manifold_dimension(
    denoiser: DenoiserLike,
    x: Tensor,
    sigma: Level,
    method: str = "half-count",
    floor: float = 0.2,
    perturbations: str = "symmetric",
    seed: Seed = None,
) -> ManifoldDimension:
    """Local dimension of the data as the denoiser sees it at noise level `sigma`.

    Phases where no direction stands out: "trivial", noise hides all structure; "collapsed",
    a single data point is left. Phases where some do: "coverage", some directions are half
    kept; "consolidation", each is kept or removed (all s within 0.05 of 0 or 1; for
    "effective" and "flipd": D_eff changes by less than `floor` from σ/2 to 2σ). Trivial and
    collapsed points look alike at one noise level: a point is trivial if its D_eff only
    falls at larger ones (4σ to 10⁶σ, as far as the denoiser's `noise_range` goes).

    Parameters
    ----------
    denoiser : as for `jacobian_spectrum`.
    x : (B, d): noised points x₀ + σz for "gap", "half-count" and "effective"; clean points
        for "normal-bundle" and "flipd" (over noised points the mean of FLIPD is always d).
    sigma : noise level, a number or (B,), positive, in signal units.
    method : one of the six at the head of the module; "second-difference" needs d ≥ 9.
    floor : smallest gap that counts ("gap", "normal-bundle"), or dimension ("effective",
        "flipd"). Below it the phase is "trivial" or "collapsed", and an estimate that reads
        the largest gap is 0: that gap would be noise.
    perturbations : those of "second-difference": "symmetric", or "plain" or "gaussian" as in
        the code of arXiv 2410.08727. It has no value where there is no kink, nor at collapsed
        points. Nothing stands out where the mean of s is above 0.9 and no s is below 1/2.
    seed : int, torch.Generator or None, for the noise of "normal-bundle" and
        "second-difference".

    Returns
    -------
    ManifoldDimension(value, gap, phase, half_count). "effective" and "flipd" need no (d, d)
    matrix. A second difference is to be read beside `half_count`: it finds a kink in any spectrum.

    Raises
    ------
    ValueError : a wrong shape, an unknown method, a floor outside (0, 1), sigma not
        positive, or a denoiser that cannot be differentiated.

    Examples
    --------
    >>> from diffusion import LinearManifoldDenoiser
    >>> plane = LinearManifoldDenoiser(torch.eye(50, 2))
    >>> found = manifold_dimension(plane, torch.zeros(1, 50), sigma=0.1)
    >>> found.value, found.phase
    (tensor([2.]), ('consolidation',))
    >>> manifold_dimension(plane, torch.zeros(1, 50), sigma=10.0).phase
    ('trivial',)
    """
    _checks.choice("method", method, METHODS)
    floor = _checks.number("floor", floor, low=0, high=1, open_low=True, open_high=True)
    denoiser, x = answering(denoiser), _checks.asked_at(denoiser, "x", x)
    level = _checks.level_of_rows(sigma, x)
    generator = _checks.generator_from(seed, "manifold_dimension", x.device)
    if method in ("effective", "flipd"):
        return _from_trace(denoiser, x, level, floor, with_score=method == "flipd")
    _checks.choice("perturbations", perturbations, KINDS)
    if method == "second-difference":
        if x.shape[1] < LEAST:
            raise ValueError(f"x must have at least {LEAST} coordinates, got {x.shape[1]}")
        s = spectrum(denoiser, x, level, perturbations, generator)
        return _from_kink(denoiser, x, level, s)
    if method == "normal-bundle":
        s = spectrum(denoiser, x, level, "gaussian", generator)
    else:
        s = -jacobian_spectrum(denoiser, x, level)
    half = (s.abs() < 0.5).sum(1).to(s)
    if method == "half-count":
        found = (s < 0.5).any(1)  # also where a point between two data points counts none
        s = s.abs().sort(1).values
        count, gap = _half_count(s)
    else:
        s = s.sort(1).values.clamp(min=0)  # negative, between two data points: not normal
        # a direction normal to everything (s = 1) bounds data that fills its space
        count, gap = _largest_gap(torch.cat([s, torch.ones_like(s[:, :1])], 1))
        found = gap >= floor
        count = torch.where(found, count, 0)
    kept = torch.arange(x.shape[1], device=x.device) < count[:, None]
    normal = 1 - PER_DIMENSION**-0.5 if method == "normal-bundle" else 1.0  # edge of pure noise
    sharp = torch.where(kept, s < _SHARP, s > normal - _SHARP).all(1)
    phase = _phases(denoiser, x, level, found, sharp)
    return ManifoldDimension(count.to(s), gap, phase, half)


def subspace_dimension(
    denoiser: DenoiserLike, x: Tensor, sigma: Level, subspaces: Sequence[Tensor]
) -> Tensor:
    """Effective dimension left in each subspace, D_A = Σ_{k in A} (1 + tJ_kk).

    Divided by that of a reference denoiser it is the retention of the subspace.

    Parameters
    ----------
    denoiser, x, sigma : as for `jacobian_spectrum`.
    subspaces : A bases (d, m_A) with orthonormal columns.

    Returns
    -------
    (B, A), each 0 to about m_A.

    Raises
    ------
    ValueError : as for `jacobian_spectrum`; no subspace, or columns not orthonormal.

    Examples
    --------
    >>> from diffusion import LinearManifoldDenoiser
    >>> plane = LinearManifoldDenoiser(torch.diag(torch.tensor([1.0, 0.1])))
    >>> axes = torch.eye(2).split(1, 1)
    >>> subspace_dimension(plane, torch.zeros(1, 2), 0.1, axes)
    tensor([[0.9901, 0.5000]])
    """
    denoiser, x = answering(denoiser), _checks.asked_at(denoiser, "x", x)
    bases = _bases(subspaces, x.shape[1])
    along = _jacobians.along(denoiser, x, _checks.level_of_rows(sigma, x), torch.cat(bases, 1))
    return _per_subspace(along, bases)


def subspace_signal_to_noise(
    denoisers: Sequence[DenoiserLike], x: Tensor, sigma: Level, subspaces: Sequence[Tensor]
) -> SignalToNoise:
    """Signal over noise of each subspace between denoisers of independent data sets.

    Mean and variance are those over the denoisers. The ratio is the norm of the mean of
    (tJ_kk)_{k in A} over the root of their total variance; the second one is the same of the
    score (Q_Aᵀ∇ log p_σ). A subspace is lost where the ratio falls below 1: the choice of the
    data set then matters more than the distribution. `diffusion.theory` has the closed form
    for independent data.

    Parameters
    ----------
    denoisers : at least 2, made or trained on independent data sets of one size.
    x : (B, d), the same points for all.
    sigma : noise level, a number or (B,).
    subspaces : A bases (d, m_A) with orthonormal columns.

    Returns
    -------
    SignalToNoise(jacobian, score). With n denoisers the relative error is about
    1/sqrt(2 n m_A) where the ratio is large; a ratio below 1/sqrt(n) is nothing but bias.

    Raises
    ------
    ValueError : fewer than 2 denoisers; otherwise as for `subspace_dimension`.

    Examples
    --------
    >>> from diffusion import EmpiricalDenoiser
    >>> generator = torch.Generator().manual_seed(0)
    >>> sets = [EmpiricalDenoiser(torch.randn(500, 2, generator=generator)) for _ in range(50)]
    >>> snr = subspace_signal_to_noise(sets, torch.zeros(1, 2), 1.0, [torch.eye(2)])
    >>> bool(snr.jacobian > 5)
    True
    """
    _checks.instance("denoisers", denoisers, (list, tuple), "a list of denoisers")
    if len(denoisers) < 2:
        raise ValueError(f"denoisers must be at least 2, got {len(denoisers)}")
    denoisers, x = (
        [answering(each, "denoisers") for each in denoisers],
        _checks.asked_at(denoisers[0], "x", x),
    )
    level = _checks.level_of_rows(sigma, x)
    bases = _bases(subspaces, x.shape[1])
    directions = torch.cat(bases, 1)
    kept = torch.stack([_jacobians.along(each, x, level, directions) for each in denoisers])
    means = torch.stack([each(x, level).detach() for each in denoisers])
    pulls = (means - x.to(means)) @ directions.to(means)
    return SignalToNoise(_ratio(kept - 1, bases), _ratio(pulls, bases))


def _known(denoiser: DenoiserLike, level: Tensor) -> Tensor:
    """The nearest of the noise levels that the denoiser answers for."""
    return level.clamp(*noise_range(denoiser))


def _bases(subspaces: Sequence[Tensor], dimension: int) -> list[Tensor]:
    """Orthonormal bases (d, m_A), in one dtype."""
    if isinstance(subspaces, Tensor | np.ndarray) and subspaces.ndim == 3:
        subspaces = list(subspaces)
    _checks.instance("subspaces", subspaces, (list, tuple), "a list of bases")
    if len(subspaces) == 0:
        raise ValueError("subspaces must hold at least one basis, got none")
    found = (_checks.directions("subspaces", basis, dimension) for basis in subspaces)
    bases = [basis.detach().double() for basis in found]
    for basis in bases:
        gram = basis.T @ basis
        error = float((gram - torch.eye(len(gram)).to(gram)).abs().max())
        if error > 1e-4:
            raise ValueError(f"subspaces must have orthonormal columns, got an error of {error:g}")
    return bases


def _per_subspace(values: Tensor, bases: Sequence[Tensor]) -> Tensor:
    """Sums of values (…, Σ m_A) over each subspace, (…, A)."""
    parts = values.split([basis.shape[1] for basis in bases], -1)
    return torch.stack([part.sum(-1) for part in parts], -1)


def _ratio(values: Tensor, bases: Sequence[Tensor]) -> Tensor:
    """|mean| over root total variance of values (denoisers, B, Σ m_A), per subspace.

    It is 0 without a signal, also where there is no noise either.
    """
    signal = _per_subspace(values.mean(0).square(), bases)
    ratio = (signal / _per_subspace(values.var(0), bases)).sqrt()
    return torch.where(signal > 0, ratio, 0.0)


def _half_count(s: Tensor) -> tuple[Tensor, Tensor]:
    """#{s < 1/2} and the gap there; s (B, d) ascending."""
    count = (s < 0.5).sum(1)
    above = torch.cat([s, torch.ones_like(s[:, :1])], 1).gather(1, count[:, None])
    below = s.gather(1, (count - 1).clamp(min=0)[:, None])
    gap = (above.clamp(max=1) - below).squeeze(1)
    return count, torch.where(count > 0, gap, 0.0)


def _largest_gap(s: Tensor) -> tuple[Tensor, Tensor]:
    """How many values lie below the largest gap of s (B, d + 1), and that gap."""
    s = s.clamp(max=1).sort(1).values
    gap, place = s.diff(dim=1).max(1)
    return place + 1, gap


def _from_trace(
    denoiser: DenoiserLike, x: Tensor, level: Tensor, floor: float, *, with_score: bool
) -> ManifoldDimension:
    """The two estimators that need D_eff alone."""
    value = _jacobians.trace(denoiser, x, level)
    below, above = (
        _jacobians.trace(denoiser, x, _known(denoiser, level * factor)) for factor in (0.5, 2)
    )
    phase = _phases(denoiser, x, level, value >= floor, (above - below).abs() < floor)
    if with_score:
        value = value + (denoiser(x, level) - x).detach().square().sum(1) / level.square()
    unseen = torch.full_like(value, torch.nan)
    return ManifoldDimension(value, unseen, phase, unseen)


def _from_kink(denoiser: DenoiserLike, x: Tensor, level: Tensor, s: Tensor) -> ManifoldDimension:
    """The second difference of s (B, d), descending, where something is left."""
    half = (s < 0.5).sum(1).to(s)
    found = (half > 0) | (s.mean(1) <= _CROWDED)
    value, size = kink(s)
    sharp = ((s < _SHARP) | (s > 1 - _SHARP)).all(1)
    phase = _phases(denoiser, x, level, found, sharp)
    lost = torch.tensor([one == "collapsed" for one in phase], dtype=torch.bool, device=x.device)
    return ManifoldDimension(torch.where(lost, torch.nan, value), size, phase, half)


def _phases(
    denoiser: DenoiserLike, x: Tensor, level: Tensor, found: Tensor, sharp: Tensor
) -> tuple[str, ...]:
    """The phase of each point, from whether directions stand out and are all decided."""
    trivial = torch.zeros_like(found)
    lost = (~found).nonzero().squeeze(1)
    if len(lost):
        x, level = x[lost], level[lost]
        larger = torch.stack(
            [_jacobians.trace(denoiser, x, _known(denoiser, level * 4**k)) for k in _LADDER]
        )
        trivial[lost] = _jacobians.trace(denoiser, x, level) > larger.max(0).values
    seen = torch.where(sharp, 2, 1)
    return tuple(PHASES[i] for i in torch.where(found, seen, torch.where(trivial, 0, 3)).tolist())
