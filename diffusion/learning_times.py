r"""When each class is generalized and when it is memorized, by every measure at once.

Along a gradient flow, with the losses L^c on class c and the least loss L*_c, its Bayes loss,

    progress = (1 − L_test)/(1 − L*)      0 at the start, 1 for the exact score of the class
    gap      = L_test − L_train           less what it is at the start, with few noise draws

    gen63       progress reaches 1 − 1/e of its own maximum
    gen         progress reaches a level that is the same for all: NaN if it never does
    opt         the least L_test: afterwards the class is overfit. (A narrow class may have two
                minima of nearly one depth; the first is then an overshoot of a wider class)
    gap         the gap reaches a level: memorization begins
    mem50       the gap reaches half of its final value
    train50     L_train has fallen through half of its final depth below L*
    spectral    ψ/(2Dλ_c), λ_c the mean eigenvalue of the memorization bulk, weighted by the part
                of class c in it

What a class is at a time follows from the first and the fourth: it is "learning" before `gen63`,
"memorizing" from `gap` on and "generalizing" between. Where the gap never reaches its level there
are too few features to memorize at all: it is "architectural" after `gen63`, at any time.
(2505.17638 for the diagram; the times that bound it are ours.)

These definitions are ours and DISAGREE in places. A class that is never learnt well has a
small maximum and so an early `gen63`. The gap of a wide class ends higher, so that half of it
comes late. The quality reached is given beside the times. Claims about an order should rest on
`spectral`, `gap` and `opt`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from diffusion import _checks
from diffusion._plots import Line, Plotted
from diffusion.mixture import GaussianMixtureDenoiser
from diffusion.random_features import FeatureFlow

MEASURES = ("gen63", "gen", "opt", "gap", "mem50", "train50", "spectral")
PHASES = ("learning", "generalizing", "memorizing", "architectural")
_RANGE, _DECADE = (-2, 9), 24  # of flow times, and points per decade
_FEW = 8  # classes that a repr shows
Array = np.ndarray


@dataclass(frozen=True, repr=False)
class ClassTimes(Plotted):
    """Flow times of each class; NaN where one never comes or is not defined.

    bayes, gen, train50, quality and score_error are NaN where the least loss is not known.
    """

    gen63: Array  # (C,), as all down to `final_gap`
    gen: Array
    opt: Array
    gap: Array
    mem50: Array
    train50: Array
    spectral: Array
    quality: Array  # largest progress
    least_loss: Array  # least test loss
    final_gap: Array  # gap at the last time
    score_error: Array  # least E|s − ∇ log p_t(x|c)|²/d
    times: Array  # (T,), at which the losses were taken
    train: Array  # (T, C) losses
    test: Array  # (T, C)
    bayes: Array  # (C,) L*
    _titles = ("flow time", "loss")
    _log = "x"

    def _lines(self) -> list[Line]:
        """Losses of each class: of its points, dashed, and of others."""
        return [
            Line(self.times, losses[:, c], label=f"class {c}, {name}", look={"ls": style})
            for name, losses, style in (("own", self.train, "--"), ("others", self.test, "-"))
            for c in range(losses.shape[1])
        ]

    def __repr__(self) -> str:
        short = {}
        for name in ("opt", "gap", "spectral", "quality"):
            values = ", ".join(f"{one:.3g}" for one in getattr(self, name)[:_FEW])
            short[name] = f"[{values}]"
        return self._shown(f"{len(self.opt)} classes", short)

    def gap_at(self, times: ArrayLike) -> Array:
        """The gap of each class at some flow times, log-linear between those of the grid.

        It is L_gen = L_test − L_train, less what it is before the first step: not 0 for finitely
        many noise draws, whose training loss begins at their own E|ξ|²/d.

        Parameters
        ----------
        times : (T,) τ, positive; the gap before and after the grid is that at its ends.

        Returns
        -------
        (T, C).

        Raises
        ------
        ValueError : a time that is not positive.
        """
        at = _flow_times(times)
        apart = self.test - self.train
        apart = (apart + (self.final_gap - apart[-1])).T  # 0 before the first step
        return np.stack([np.interp(np.log(at), np.log(self.times), one) for one in apart], 1)

    def phases(self, times: ArrayLike) -> Array:
        """What each class is at some flow times: a word of `PHASES`.

        Parameters
        ----------
        times : (T,) τ, positive.

        Returns
        -------
        (T, C) words.

        Raises
        ------
        ValueError : a time that is not positive.

        Examples
        --------
        >>> from diffusion import RandomFeatureScore
        >>> mixture = GaussianMixtureDenoiser(torch.zeros(1, 20), 1.0)
        >>> few = RandomFeatureScore(40, 20, time=0.1, seed=0).fit(mixture.draw(320, seed=0)[0])
        >>> many = RandomFeatureScore(640, 20, time=0.1, seed=0).fit(mixture.draw(80, seed=0)[0])
        >>> for flow in (few, many):
        ...     print(*class_times(flow, mixture).phases([0.1, 10, 1e4])[:, 0])
        learning architectural architectural
        learning generalizing memorizing
        """
        at = _flow_times(times)[:, None]
        words = np.where(np.isnan(self.gap), PHASES[3], PHASES[1])
        words = np.where(at < self.gen63, PHASES[0], words)
        return np.where(at >= self.gap, PHASES[2], words)


def time_grid() -> Array:
    """Flow times from 0.01 to 10⁹, 24 per decade: from before learning to after memorization."""
    low, high = _RANGE
    return np.logspace(low, high, (high - low) * _DECADE + 1)


def class_times(
    flow: FeatureFlow,
    source: GaussianMixtureDenoiser | Tensor,
    labels: Tensor | None = None,
    *,
    level: float = 0.8,
    gap: float = 0.1,
) -> ClassTimes:
    """Every measure of when a class is generalized and when memorized.

    Parameters
    ----------
    flow : a trained RandomFeatureScore.
    source : the mixture its data came from, classes in the same order, or held-out points
        (n, d).
    labels : classes (n,) of held-out points.
    level : progress that defines `gen`, in (0, 1).
    gap : difference of test and train loss that defines `gap`, positive.

    Returns
    -------
    ClassTimes, of log-linear interpolation on `time_grid()`.

    Raises
    ------
    ValueError : another number of classes than the flow's, an argument outside its range, or
        as for `FeatureFlow.test_loss`.

    Examples
    --------
    >>> from diffusion import RandomFeatureScore
    >>> mixture = GaussianMixtureDenoiser(torch.zeros(2, 20), torch.tensor([1.6, 0.4]))
    >>> data, labels = mixture.draw(80, seed=0)
    >>> flow = RandomFeatureScore(160, 20, time=0.1, seed=0).fit(data, labels)
    >>> found = class_times(flow, mixture)
    >>> all(wide < narrow for wide, narrow in (found.gen63, found.opt, found.gap))
    True
    """
    _checks.instance("flow", flow, FeatureFlow, "what RandomFeatureScore.fit returns")
    level = _checks.number("level", level, low=0, high=1, open_low=True, open_high=True)
    gap = _checks.number("gap", gap, low=0, open_low=True)
    times = time_grid()
    train = flow.train_loss(torch.from_numpy(times)).cpu().numpy()
    test = flow.test_loss(torch.from_numpy(times), source, labels).cpu().numpy()
    if test.shape != train.shape:
        raise ValueError(
            f"source must have the {train.shape[1]} classes of the flow, got {test.shape[1]}"
        )
    bayes = np.full(train.shape[1], np.nan)
    if isinstance(source, GaussianMixtureDenoiser):
        bayes = flow.bayes_loss(source).cpu().numpy()
    learnt = 1 - test
    apart = test - train - (1 - flow.noise_squares.cpu().numpy())  # 0 before the first step
    most = learnt.max(0)

    def crossing(curves: Array, levels: Array) -> Array:
        return np.array([first_time(times, c, x) for c, x in zip(curves.T, levels, strict=True)])

    return ClassTimes(
        gen63=crossing(learnt, (1 - math.exp(-1)) * most),
        gen=crossing(learnt, level * (1 - bayes)),
        opt=np.array([least_time(times, one) for one in test.T]),
        gap=crossing(apart, np.full(len(most), gap)),
        mem50=crossing(apart, apart[-1] / 2),
        train50=crossing(-train, -(bayes + train[-1]) / 2),
        spectral=spectral_times(flow),
        quality=most / (1 - bayes),
        least_loss=1 - most,
        final_gap=apart[-1],
        score_error=(test.min(0) - bayes) / flow.model.noise,
        times=times,
        train=train,
        test=test,
        bayes=bayes,
    )


def spectral_times(flow: FeatureFlow) -> Array:
    """ψ/(2Dλ_c): when the memorization bulk is learnt, weighted by the part of each class in it.

    λ_c = Σ w_i λ_i/Σ w_i over the eigenvalues of ranks d to n − 1, w_i = ρ_c u_i·U_c u_i/λ_i; a
    ridge adds to the λ_i that are averaged.

    Parameters
    ----------
    flow : a trained RandomFeatureScore.

    Returns
    -------
    (C,), NaN unless p ≥ n > d, and where modes of the bulk are left out.

    Examples
    --------
    >>> from diffusion import RandomFeatureScore
    >>> mixture = GaussianMixtureDenoiser(torch.zeros(2, 20), torch.tensor([1.6, 0.4]))
    >>> data, labels = mixture.draw(80, seed=0)
    >>> flow = RandomFeatureScore(160, 20, time=0.1, seed=0).fit(data, labels)
    >>> wide, narrow = spectral_times(flow)
    >>> bool(wide < narrow)
    True
    """
    _checks.instance("flow", flow, FeatureFlow, "what RandomFeatureScore.fit returns")
    model = flow.model
    bulk = slice(model.dimension, flow.points)
    lam, shares = flow.eigenvalues[bulk], flow.class_shares[:, bulk]
    speeds = lam + flow.penalties[bulk]
    if not model.dimension < flow.points <= model.features:
        return np.full(len(shares), np.nan)
    mean = (shares * speeds / lam).sum(1) / (shares / lam).sum(1)
    mean[~torch.isfinite(mean)] = math.nan  # modes that are left out are never learnt
    return (model.features / model.dimension / (2 * model.noise * mean)).cpu().numpy()


def _flow_times(times: ArrayLike) -> Array:
    """A row of positive times. Raises ValueError."""
    at = np.atleast_1d(_checks.doubles("times", times))
    if at.ndim != 1 or not (at > 0).all():
        raise ValueError(f"times must be a row of positive numbers, got {_checks.shown(times)}")
    return at


def first_time(times: Array, curve: Array, level: float) -> float:
    """When a curve first rises to a level, linear in the logarithm of the time; NaN: never.

    Examples
    --------
    >>> round(first_time(np.array([1.0, 10.0, 100.0]), np.array([0.0, 1.0, 3.0]), 2.0), 2)
    31.62
    """
    above = curve >= level
    if not above.any():
        return float("nan")
    k = int(above.argmax())
    if k == 0:
        return float(times[0])
    part = (level - curve[k - 1]) / (curve[k] - curve[k - 1])
    return float(times[k - 1] * (times[k] / times[k - 1]) ** part)


def least_time(times: Array, curve: Array) -> float:
    """When a curve (T,) is least, by times (T,) a factor apart.

    The vertex of the parabola through the least point and its two neighbours, in the logarithm
    of the time.

    Examples
    --------
    >>> round(least_time(np.array([1.0, 2.0, 4.0, 8.0]), np.array([5.0, 2.0, 1.0, 2.0])), 2)
    4.0
    """
    k = int(curve.argmin())
    if not 0 < k < len(times) - 1:
        return float(times[k])
    before, here, after = curve[k - 1 : k + 2]
    shift = (before - after) / (2 * (before - 2 * here + after))
    return float(times[k] * (times[k + 1] / times[k]) ** shift)
