r"""Guided samples of two Gaussian classes on their way, along the direction that parts them.

Classes ±m, |m|² = d, of variance 1 within, with the scores of the exact mixture. In the OU clock
the projection q = X·m/|m| is a process of one dimension, whose drift under the reverse SDE is
that of the potential V of `diffusion.theory.guided_potential`, with g = √d e^{−s}. A potential
that moves is not an equilibrium: samples lag behind its minimum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Seed
from diffusion._plots import axes_of, finish
from diffusion._results import Result
from diffusion.guidance.guided import GuidedDenoiser
from diffusion.mixture import GaussianMixtureDenoiser
from diffusion.samplers import noise_levels, sample
from diffusion.schedules import VE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = ("heun", "stochastic-heun")
_START = 1e3  # noise level of the start, in units of √d
_LEAST = 1e-6  # gain, of a noise level at which nothing is known of the class
_BINS = 40


@dataclass(frozen=True, repr=False)
class TwoClassPath(Result):
    """Projections of guided samples of the class at +m, on their way and at the data."""

    dimension: int
    w: float
    gains: tuple[float, ...]  # g of each line, rising; the last is √d, the data
    q: Tensor  # (m, B)

    def mean(self) -> Tensor:
        """Mean of q at each g, (m,)."""
        return self.q.mean(1)

    def variance(self) -> Tensor:
        """Variance of q at each g, (m,); 1 is right at the data."""
        return self.q.var(1)

    def plot(self, ax: Axes | None = None, line: int = 0) -> Axes:
        """Draw the potential V above its minimum and the histogram of q, at one of the g.

        Parameters
        ----------
        ax : axes to draw on, which keep the labels that they have; None: those of a new figure.
        line : which g.

        Returns
        -------
        The axes. The density is drawn in units of its largest value.

        Raises
        ------
        ValueError : `ax` is no Axes, or no such line.
        """
        from diffusion.theory import guided_minimum, guided_potential

        line = _checks.whole("line", line, low=0, high=len(self.gains) - 1)
        axes, g, q = axes_of(ax), self.gains[line], self.q[line].numpy()
        ends = [q.min(), q.max()]
        if self.w >= 0:  # one minimum, which samples may lag far behind
            ends.append(float(guided_minimum(g, self.w)[0]))
        at = np.linspace(min(ends) - 2, max(ends) + 2, 1000)
        V = guided_potential(at, g, self.w)
        counts, edges = np.histogram(q, _BINS)
        (drawn,) = axes.plot(at, V - V.min(), label=f"$V$, $w$ = {self.w:g}")
        share = counts / counts.max()
        axes.stairs(share, edges, color=drawn.get_color(), alpha=0.6, label="density of samples")
        axes.set_ylim(0, 4)
        finish(axes, ("projection $q$", rf"$V - \min V$, and density; $g$ = {g:.3g}"))
        axes.legend()
        return axes


def two_class_path(
    dimension: int,
    w: float,
    gains: Sequence[float] = (),
    method: str = "stochastic-heun",
    count: int = 2000,
    steps: int = 200,
    seed: Seed = None,
) -> TwoClassPath:
    """Guided samples of one of two classes, projected on the direction between them.

    Parameters
    ----------
    dimension : d.
    w : extra weight, finite.
    gains : g = √d e^{−s} at which q is kept, from 10⁻⁶ on, rising to below √d; 1 is
        speciation.
    method : "heun" for the flow, "stochastic-heun" for the SDE; they end differently.
    count : B, at least 2, which have a variance.
    steps : at least 2.
    seed : int, torch.Generator or None.

    Returns
    -------
    TwoClassPath, at each of the gains and at the data.

    Raises
    ------
    ValueError : an argument outside its range, or another method.

    Examples
    --------
    >>> path = two_class_path(16, w=1.0, gains=[0.25, 1.0], count=500, steps=60, seed=0)
    >>> path.q.shape, bool(path.mean()[-1] > 4)  # beyond the centre of the class, at √d
    (torch.Size([3, 500]), True)
    """
    d, w = _checks.whole("dimension", dimension), _checks.finite("w", w)
    _checks.choice("method", method, METHODS)
    count, steps = _checks.whole("count", count, low=2), _checks.whole("steps", steps, low=2)
    size = math.sqrt(d)
    kept = [_checks.number("gains", one, low=_LEAST) for one in _checks.several("gains", gains)]
    if sorted(set(kept)) != kept or any(g >= size for g in kept):
        raise ValueError(f"gains must rise, below √d = {size:.4g}, got {_checks.shown(kept)}")
    places = [math.sqrt((size / g) ** 2 - 1) for g in kept]
    start = max([_START * size, *(2 * sigma for sigma in places)])
    levels = noise_levels(start, steps, 1.0)
    levels = sorted({*levels, *places}, reverse=True)
    mixture = GaussianMixtureDenoiser(torch.tensor([[-size], [size]]).double(), 1.0)
    generator = _checks.generator_from(seed, "two_class_path")
    noise = _checks.normal_like(torch.empty(count, 1, dtype=torch.float64), generator)
    found: dict[float, Tensor] = {}

    def watch(sigma: float, x: Tensor) -> None:
        if sigma in places or sigma == 0:
            found[sigma] = x.squeeze(1) / math.sqrt(1 + sigma**2)

    guided = GuidedDenoiser(mixture.condition(1), mixture, w)
    x = math.sqrt(start**2 + 1 + d) * noise
    sample(guided, x, VE(), method, levels=levels, seed=generator, watch=watch)
    return TwoClassPath(d, w, (*kept, size), torch.stack([found[s] for s in (*places, 0.0)]))
