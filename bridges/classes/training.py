r"""Which class does a trained network learn first, and which does it memorize?

One network learns to denoise points of several classes, whose labels it does not have. Along its
training, on the points of each class and on others of that class that were held out,

    L_c = E|D(x₀ + σz, σ) − x₀|²/(dσ²)    what is missed of the noise: 1 if all of it, averaged
                                          over a few noise levels σ, the same z at every mark

and samples are drawn by the flow back from noised data. A sample is of the class whose centre is
nearest, and a copy if its nearest training point is nearer than a third of the distance to the
next (Yoon et al. 2023; Bonnaire et al., arXiv 2505.17638). Losses show the order of the classes
sooner than copies do. Copies confirm it, but need few points and long training to be seen.

In the end points of each class are noised to σ and run back by the reverse diffusion:

    φ_c(σ)    the fraction of them that lands in its own class again, 1 at small σ and the share
              of the class among the samples at large σ; c is recognized below the σ of φ_c = ¾

The rate of the training stays after its warm-up, so that the times of marks do not depend on how
long it goes on; the weights are running averages over about a tenth of the steps made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bridges._checks import (
    SINGLE,
    Line,
    Plotted,
    Seed,
    generator_from,
    matrix,
    normal_like,
    number,
    points,
    rows_of_classes,
    several,
    silent,
    whole,
    whole_seed,
)
from bridges.crossing import isotonic_crossings
from bridges.generalization import loss_over_constant
from bridges.statistics import binomial_sem
from diffusion import VE, denoising_error, sample, train_denoiser, uturn
from diffusion.learning_times import first_time, least_time
from diffusion.neighbours import nearest
from diffusion.networks import NetworkDenoiser

_FIRST = 120  # of the last mark over the first
_COPY = 1 / 3  # d₁/d₂ below which a sample is a copy
_STEPS = 40  # of the reverse flow and of the reverse diffusion
_RECOGNIZED = 0.75  # φ_c where a class is recognized: half-way of two equal ones
SIGMAS = (0.5, *(math.sqrt(math.expm1(2 * t)) for t in (0.1, 0.3)))
"""Noise levels of the losses: ½, and those of the Ornstein–Uhlenbeck times 0.1 and 0.3."""
Array = np.ndarray


@dataclass(frozen=True, repr=False)
class ClassTraining(Plotted):
    """Along a training, one row per mark (K,), one column per class (C,).

    Attributes
    ----------
    steps : (K,)
    train : (K, C) losses.
    test : (K, C) losses.
    copies : (K, C), the fraction of the samples of a class that are copies, NaN where no sample
        was drawn or is of it.
    copies_sem : (K, C), its standard error.
    samples : (K, C), the number of samples of it.
    turns : (L,) noise levels of the U-turns, increasing.
    own_class : (L, C) φ_c there, in the end.
    over_constant : `loss_over_constant` in the end, at the largest noise level of the losses: a
        network whose loss is not below that of a constant has learnt nothing, and no order of its
        classes means much.
    """

    steps: Array
    train: Array
    test: Array
    copies: Array
    copies_sem: Array
    samples: Array
    turns: Array
    own_class: Array
    over_constant: float
    _titles = ("steps of training", "loss $L_c$")
    _log = "xy"

    def _lines(self) -> list[Line]:
        """Losses of each class: of its points, dashed, and of held-out ones."""
        return [
            Line(self.steps, losses[:, c], label=f"class {c}, {name}", look={"ls": style})
            for name, losses, style in (("own", self.train, "--"), ("held out", self.test, "-"))
            for c in range(losses.shape[1])
        ]

    @property
    def best_step(self) -> Array:
        """The step of least test loss of each class, (C,): afterwards it is overfit.

        Between marks by a parabola in the logarithm; NaN where that is the last mark: it was
        still learning.
        """
        last = self.test.argmin(0) == len(self.steps) - 1
        steps = self.steps.astype(float)
        return np.where(last, np.nan, [least_time(steps, one) for one in self.test.T])

    @property
    def best_test(self) -> Array:
        """The least test loss of each class, (C,): how well it was learnt."""
        return self.test.min(0)

    @property
    def shares(self) -> Array:
        """The share of each class among the samples, (K, C), NaN where none were drawn."""
        drawn = self.samples.sum(1, keepdims=True)
        return self.samples / np.where(drawn > 0, drawn, np.nan)

    def opens(self, gap: float) -> Array:
        """The step at which test exceeds train loss by `gap`, (C,); NaN where it never does."""
        steps = self.steps.astype(float)
        return np.array([first_time(steps, one, gap) for one in (self.test - self.train).T])

    def recognized(self, level: float = _RECOGNIZED) -> Array:
        """The noise level at which φ_c falls to `level`, (C,), NaN where it does not.

        Of a monotone fit, in the logarithm of σ.
        """
        if len(self.turns) == 0:
            return np.full(self.own_class.shape[1], np.nan)
        found = np.exp(isotonic_crossings(np.log(self.turns), self.own_class.T, level))
        return np.where(np.isfinite(found) & (found > 0), found, np.nan)


def class_training(
    data: Tensor,
    labels: Tensor,
    held_out: Tensor,
    held_out_labels: Tensor,
    *,
    network: str | nn.Module = "mlp",
    steps: int = 1000,
    batch: int | None = None,
    rate: float = 1e-3,
    weighting: str = "edm",
    levels: tuple[float, float] = (0.01, 10.0),
    marks: int = 20,
    sigmas: Sequence[float] = SIGMAS,
    draws: int = 4,
    centres: Tensor | None = None,
    samples: int = 0,
    sampled: int = 5,
    turns: Sequence[float] = (),
    starts: int = 64,
    device: str = "auto",
    seed: Seed = None,
) -> ClassTraining:
    """Train a network on several classes and follow what it knows of each.

    Parameters
    ----------
    data : (n, d)
    labels : (n,) whole numbers from 0, none of them without points.
    held_out : (H, d)
    held_out_labels : (H,), of the same classes.
    network, batch, rate, weighting, levels, device, seed : as for `diffusion.train_denoiser`.
    steps : gradient steps.
    marks : at most so many, a factor apart, from a 120th of the steps on.
    sigmas : noise levels that the losses are averaged over, at least one, in the units of the data.
    draws : noised copies of each point per noise level.
    centres : (C, d), of the classes; None: the means of their points in `data`.
    samples : drawn at each of the last `sampled` marks that are evenly spaced in number; 0: none.
    turns : noise levels of U-turns in the end, in the units of the data.
    starts : U-turns per class and noise level, from held-out points.

    Returns
    -------
    ClassTraining.

    Raises
    ------
    ValueError : bad labels, classes that differ, an argument out of range, or as for
        `train_denoiser`.

    Examples
    --------
    >>> points = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    >>> labels = torch.arange(60) % 2
    >>> found = class_training(points[:20], labels[:20], points[20:], labels[20:], steps=20, seed=0)
    >>> int(found.steps[-1]), found.train.shape
    (20, (14, 2))
    """
    data = points("data", data)
    held_out = points("held_out", held_out, dimension=data.shape[1])
    own, others = (
        rows_of_classes(labels, len(data)),
        rows_of_classes(held_out_labels, len(held_out)),
    )
    if len(own) != len(others):
        raise ValueError(
            f"held_out_labels must have the {len(own)} classes of labels, got {len(others)}"
        )
    low, high = SINGLE
    sigmas, turns = (
        [number(name, one, low=low, high=high) for one in several(name, given)]
        for name, given in (("sigmas", sigmas), ("turns", turns))
    )
    if not sigmas:
        raise ValueError("sigmas must be at least one noise level, got []")
    if centres is None:
        centres = torch.stack([data[rows].double().mean(0) for rows in own])
    centres = matrix("centres", centres, columns=data.shape[1])
    if len(centres) != len(own):
        raise ValueError(
            f"centres must have a row for each of {len(own)} classes, got {centres.shape[0]}"
        )
    samples, starts = whole("samples", samples, low=0), whole("starts", starts)
    draws, sampled, seed = whole("draws", draws), whole("sampled", sampled), whole_seed(seed)
    steps, marks = whole("steps", steps), whole("marks", marks)
    first = max(1, steps / _FIRST)
    grid = np.unique(np.geomspace(steps, first, marks).round().astype(int))
    training = train_denoiser(
        data,
        network=network,
        steps=steps,
        batch=batch,
        rate=rate,
        rate_course="constant",
        weighting=weighting,
        levels=levels,
        snapshots=grid.tolist(),
        device=device,
        seed=seed,
        quiet=silent(),
    )
    drawn = grid[np.linspace(0, len(grid), sampled + 1).round().astype(int)[1:] - 1]
    shape = len(grid), len(own)
    train, test = np.empty(shape), np.empty(shape)
    copies, sem, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=int)
    for k, step in enumerate(grid.tolist()):
        denoiser = training.snapshots[step]
        train[k] = _losses(denoiser, data, own, sigmas, draws, seed)
        test[k] = _losses(denoiser, held_out, others, sigmas, draws, seed)
        if samples and step in drawn:
            counted = _copies(denoiser, data, centres, samples, seed)
            count[k], copies[k], sem[k] = np.array(counted).T
    last, classes = training.denoiser, [held_out[rows] for rows in others]
    return ClassTraining(
        steps=grid,
        train=train,
        test=test,
        copies=copies,
        copies_sem=sem,
        samples=count,
        turns=np.sort(turns).astype(float),
        own_class=_own_class(last, classes, centres, sorted(turns), starts, seed),
        over_constant=loss_over_constant(last, data, held_out, max(sigmas), seed),
    )


def _losses(
    denoiser: NetworkDenoiser,
    rows: Tensor,
    classes: list[Tensor],
    sigmas: Sequence[float],
    draws: int,
    seed: int,
) -> list[float]:
    """L_c of each class, with noise that is the same at every mark."""
    error = torch.zeros(len(rows), dtype=torch.float64)
    for k, sigma in enumerate(sigmas):
        generator = generator_from(seed, f"class losses {k}", rows.device)
        found = denoising_error(denoiser, rows, sigma, draws, generator)
        error += found.double().cpu() / sigma**2 / len(sigmas)
    return [float(error[own].mean()) for own in classes]


def _copies(
    denoiser: NetworkDenoiser, data: Tensor, centres: Tensor, samples: int, seed: int
) -> list[tuple[int, float, float]]:
    """Number of samples of each class, the fraction of them that are copies, and its error.

    They start at data noised to the highest level that the network was trained at, of which the
    distribution there is made: normal numbers about the mean of all would have other shares.
    """
    assert denoiser.levels is not None
    top = denoiser.levels[1]
    generator = generator_from(seed, "class samples", data.device)
    rows = torch.randint(len(data), (samples,), generator=generator, device=data.device)
    start = data[rows] + top * normal_like(data[rows], generator)
    drawn = sample(denoiser, start, VE(), "heun", _STEPS, start=top).double().cpu()
    distance, _ = nearest(drawn.numpy(), data.double().cpu().numpy(), 2)
    copied = distance[:, 0] < _COPY * distance[:, 1]
    label, found = _class_of(drawn, centres), []
    for c in range(len(centres)):
        of_class = copied[label == c]
        n = len(of_class)
        rate = float(of_class.mean()) if n else math.nan
        found.append((n, rate, binomial_sem(rate, n) if n else math.nan))
    return found


def _own_class(
    denoiser: NetworkDenoiser,
    classes: list[Tensor],
    centres: Tensor,
    sigmas: Sequence[float],
    starts: int,
    seed: int,
) -> Array:
    """φ_c at each noise level, (L, C), of U-turns by the reverse diffusion."""
    begun = torch.cat([rows[torch.arange(starts) % len(rows)] for rows in classes])
    found = np.empty((len(sigmas), len(classes)))
    for k, sigma in enumerate(sigmas):
        generator = generator_from(seed, f"class turns {k}", begun.device)
        ends = uturn(denoiser, begun, VE(), sigma, "sde", _STEPS, generator).double().cpu()
        label = _class_of(ends, centres).reshape(len(classes), starts)
        found[k] = (label == np.arange(len(classes))[:, None]).mean(1)
    return found


def _class_of(x: Tensor, centres: Tensor) -> Array:
    """The class of the nearest centre, of points (B, d) in double precision, (B,)."""
    found: Array = torch.cdist(x, centres.double().cpu()).argmin(1).numpy()
    return found
