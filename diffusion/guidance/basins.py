r"""Guidance as an operation on basins: which class a noised point flows to, under which weight.

A datum is noised to σ and flows back to the data under guidance w to the class c; it ends in the
class of largest posterior there.

    own basin B_own   of the data of c, the share that ends in c
    capture B_other   of the data of the other classes, taken evenly, the share that ends in c

Conditioning alone (w = 0) captures data of others at large σ; w > 0 captures them from smaller σ,
and at w = −1, without condition, both go to 1/K as σ grows. Where the classes overlap, B_own
stays below 1 at w = 0 even without noise: the largest posterior is not always right.
"""

from __future__ import annotations

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
from diffusion.guidance.distortions import most_probable
from diffusion.guidance.guided import GuidedDenoiser
from diffusion.mixture import GaussianMixtureDenoiser
from diffusion.samplers import noise_levels, sample
from diffusion.schedules import VE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CONTOURS = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, repr=False)
class GuidedBasins(Result):
    """Own basin and capture of m mixtures, at W weights and S noise levels."""

    weights: tuple[float, ...]
    sigmas: tuple[float, ...]
    own: Tensor  # (m, W, S), mean over classes
    capture: Tensor  # (m, W, S)

    def half(self) -> Tensor:
        """Noise level at which B_other = ½, of each weight: (W,), from the mean over mixtures.

        Interpolated in log σ between the levels; NaN where the curve does not cross ½ upwards.
        """
        level = np.log(self.sigmas)
        found = []
        for curve in self.capture.mean(0).tolist():
            crossing = [k for k in range(len(curve) - 1) if curve[k] < 0.5 <= curve[k + 1]]
            if not crossing:
                found.append(float("nan"))
                continue
            k = crossing[0]
            part = (0.5 - curve[k]) / (curve[k + 1] - curve[k])
            found.append(float(np.exp(level[k] + part * (level[k + 1] - level[k]))))
        return torch.tensor(found, dtype=torch.float64)

    def __repr__(self) -> str:
        shown = {"own basin": self.own.mean((1, 2)), "capture": self.capture.mean((1, 2))}
        head = f"{len(self.own)} mixtures, {len(self.weights)} weights, {len(self.sigmas)} levels"
        return self._shown(head, shown)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw σ against w: contours of B_own (dashed) and of B_other (filled, ½ as a line).

        Parameters
        ----------
        ax : axes to draw on, which keep their scales and the labels that they have; None: those of
            a new figure of pyplot, where σ is logarithmic.

        Returns
        -------
        The axes.

        Raises
        ------
        ValueError : `ax` is no Axes, or less than two weights or two noise levels.
        """
        if len(self.weights) < 2 or len(self.sigmas) < 2:
            raise ValueError(
                "a diagram must have two weights and two noise levels or more, got "
                f"{len(self.weights)} and {len(self.sigmas)}"
            )
        axes = axes_of(ax)
        own, capture = (one.mean(0).T.numpy() for one in (self.own, self.capture))
        grid = np.linspace(0, 1, 11)
        filled = axes.contourf(self.weights, self.sigmas, capture, grid, cmap="Blues")
        axes.figure.colorbar(filled, ax=axes, label="capture of other classes")
        lines = axes.contour(
            self.weights, self.sigmas, own, _CONTOURS, colors="tab:red", linestyles="--"
        )
        axes.clabel(lines, fmt="own %g", fontsize=8)
        half = axes.contour(self.weights, self.sigmas, capture, [0.5], colors="black")
        axes.clabel(half, fmt="half captured", fontsize=8)
        if ax is None:
            axes.set_yscale("log")
            axes.set_yticks(self.sigmas, [f"{sigma:g}" for sigma in self.sigmas])
            axes.yaxis.set_tick_params(which="minor", left=False, labelleft=False)
        finish(axes, ("extra weight $w$", r"noise level $\sigma$"))
        return axes


def guided_basins(
    mixtures: GaussianMixtureDenoiser | Sequence[GaussianMixtureDenoiser],
    weights: Sequence[float],
    sigmas: Sequence[float],
    trials: int = 100,
    steps: int = 80,
    seed: Seed = None,
) -> GuidedBasins:
    """Own basin and capture of each class of mixtures, over weights and noise levels.

    All weights start from the same noised points.

    Parameters
    ----------
    mixtures : a mixture of two classes or more, or several, the independent samples.
    weights : extra weights, rising.
    sigmas : noise levels, rising, positive.
    trials : data of each class that are noised, for B_own, and of the others for B_other.
    steps : of the flow (Heun), at least 2.
    seed : int, torch.Generator or None.

    Returns
    -------
    GuidedBasins

    Raises
    ------
    ValueError : mixtures that are none or of one class, weights or levels that do not rise, or a
        number outside its range.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser(torch.tensor([[-2.0], [2.0]]).double(), 1.0)
    >>> found = guided_basins(mixture, [0.0, 3.0], [0.5, 2.0], trials=50, steps=20, seed=0)
    >>> bool((found.capture[0, 1] >= found.capture[0, 0]).all())  # guidance captures more
    True
    """
    wanted = "a GaussianMixtureDenoiser or several"
    _checks.instance("mixtures", mixtures, (GaussianMixtureDenoiser, Sequence), wanted)
    several = [mixtures] if isinstance(mixtures, GaussianMixtureDenoiser) else list(mixtures)
    if not several:
        raise ValueError("mixtures must be one or more, got none")
    for one in several:
        _checks.instance("mixtures", one, GaussianMixtureDenoiser)
        if len(one) < 2:
            raise ValueError(f"mixtures must have two classes or more, got {len(one)}")
    w = _rising("weights", weights)
    levels = _rising("sigmas", sigmas)
    if levels[0] <= 0:
        raise ValueError(f"sigmas must be positive, got {levels[0]}")
    trials, steps = _checks.whole("trials", trials), _checks.whole("steps", steps, low=2)
    generator = _checks.generator_from(seed, "guided_basins", several[0].means.device)
    found = [
        torch.stack([_at(one, w, sigma, trials, steps, generator) for sigma in levels], 2)
        for one in several
    ]
    own, capture = torch.stack(found, 1)
    return GuidedBasins(tuple(w), tuple(levels), own, capture)


def _at(
    mixture: GaussianMixtureDenoiser,
    weights: list[float],
    sigma: float,
    trials: int,
    steps: int,
    generator: torch.Generator,
) -> Tensor:
    """B_own and B_other at one noise level, (2, W)."""
    classes = torch.arange(len(mixture), device=mixture.means.device)
    asked = classes.repeat_interleave(trials)
    away = torch.randint(1, len(mixture), asked.shape, generator=generator, device=generator.device)
    others = (asked + away.to(asked)) % len(mixture)
    target = torch.cat([asked, asked])
    clean = _drawn(mixture, torch.cat([asked, others]), generator)
    x = clean + sigma * _checks.normal_like(clean, generator)
    path = noise_levels(sigma, steps, float(mixture.spectra[0].min()) ** 0.5)
    conditional = mixture.condition(target)
    hits = []
    for w in weights:
        ends = sample(GuidedDenoiser(conditional, mixture, w), x, VE(), levels=path)
        hit = (most_probable(ends, mixture) == target).double()
        hits.append(torch.stack([half.mean() for half in hit.chunk(2)]))
    return torch.stack(hits, 1)


def _drawn(mixture: GaussianMixtureDenoiser, labels: Tensor, generator: torch.Generator) -> Tensor:
    """A datum of each of the given classes, (B, d)."""
    spread, basis = mixture.spectra
    noise = _checks.normal_like(mixture.means[labels], generator) * spread[labels].sqrt()
    if basis is not None:
        noise = (basis[labels] @ noise[:, :, None]).squeeze(2)
    return mixture.means[labels] + noise


def _rising(name: str, values: Sequence[float]) -> list[float]:
    several = _checks.several(name, values)
    given = [_checks.finite(name, value, "finite numbers") for value in several]
    if not given or sorted(set(given)) != given:
        raise ValueError(f"{name} must be numbers that rise, got {_checks.shown(given)}")
    return given
