r"""Which class does a trained network learn first, and which does it memorize?

One network learns to denoise points of several classes, whose labels it does not have. Along its
training, on the points of each class and on others of that class that were held out,

    L_c = E|D(x₀ + σz, σ) − x₀|²/(dσ²)    what is missed of the noise: 1 if all of it, averaged
                                          over a few Ornstein–Uhlenbeck times t, σ² = e^{2t} − 1

and samples are drawn by the deterministic reverse flow. A sample is of the class of its nearest
training point, and a copy if that is nearer than a third of the distance to the next (Yoon et
al. 2023; Bonnaire et al., arXiv 2505.17638). Losses show the order of the classes sooner than
copies do. Copies confirm it, but need few points and long training to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from bridges._checks import (
    Line,
    Plotted,
    generator_from,
    normal_like,
    points,
    rows_of_classes,
    silent,
    whole,
)
from bridges.generalization import loss_over_constant
from bridges.statistics import binomial_sem
from diffusion import OU, denoising_error, sample, train_denoiser
from diffusion.neighbours import nearest
from diffusion.networks import NetworkDenoiser

_HORIZON = 4  # of the fall of the rate, in steps made: one that fell to 0 would end all learning
_COPY = 1 / 3  # d₁/d₂ below which a sample is a copy
_SAMPLER = 40  # steps of the reverse flow
_START = 3.0  # its Ornstein–Uhlenbeck time
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
    over_constant : `loss_over_constant` in the end, at the largest time: a network whose loss is
        not below that of a constant has learnt nothing, and no order of its classes means much.
    """

    steps: Array
    train: Array
    test: Array
    copies: Array
    copies_sem: Array
    samples: Array
    over_constant: float
    _titles = ("steps of training", "loss $L_c$")
    _log = "xy"

    def _lines(self) -> list[Line]:
        """Losses of each class: of its points, dashed, and of held-out ones."""
        made = self.steps > 0  # on a logarithmic axis
        return [
            Line(self.steps[made], losses[made, c], label=f"class {c}, {name}", look={"ls": style})
            for name, losses, style in (("own", self.train, "--"), ("held out", self.test, "-"))
            for c in range(losses.shape[1])
        ]

    @property
    def best_step(self) -> Array:
        """The step of least test loss of each class, (C,): afterwards it is overfit.

        NaN where that is the last mark: it was still learning.
        """
        best = self.test.argmin(0)
        return np.where(best < len(self.steps) - 1, self.steps[best], np.nan)

    @property
    def best_test(self) -> Array:
        """The least test loss of each class, (C,): how well it was learnt."""
        return self.test.min(0)

    def opens(self, gap: float) -> Array:
        """The first mark at which test exceeds train loss by `gap`, (C,); NaN where none does."""
        apart = self.test - self.train >= gap
        return np.where(apart.any(0), self.steps[apart.argmax(0)], np.nan)

    def reaches(self, level: float) -> Array:
        """The first mark at which each train loss is below `level`, (C,); NaN where none is."""
        below = self.train < level
        return np.where(below.any(0), self.steps[below.argmax(0)], np.nan)


def class_training(
    data: Tensor,
    labels: Tensor,
    held_out: Tensor,
    held_out_labels: Tensor,
    *,
    network: str | nn.Module = "mlp",
    steps: int = 1000,
    rate: float = 1e-3,
    marks: int = 40,
    times: Sequence[float] = (0.1, 0.3),
    draws: int = 8,
    samples: int = 0,
    sampled: int = 5,
    device: str = "auto",
    seed: int | None = None,
) -> ClassTraining:
    """Train a network on several classes and follow what it knows of each.

    Parameters
    ----------
    data : (n, d)
    labels : (n,) whole numbers from 0, none of them without points.
    held_out : (H, d)
    held_out_labels : (H,), of the same classes.
    network, rate, device, seed : as for `diffusion.train_denoiser`. The marks are of the weights as
        they are, not of their running average.
    steps : gradient steps, at a rate that falls by a seventh only.
    marks : at most so many, evenly spaced.
    times : Ornstein–Uhlenbeck times that the losses are averaged over, positive.
    draws : noised copies of each point per time.
    samples : drawn at each of the last `sampled` marks, evenly spaced; 0: none.

    Returns
    -------
    ClassTraining.

    Raises
    ------
    ValueError : bad labels, classes that differ, an argument out of range, or as for
        `train_denoiser`.

    Examples
    --------
    >>> import torch
    >>> points = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    >>> labels = torch.arange(60) % 2
    >>> found = class_training(points[:20], labels[:20], points[20:], labels[20:], steps=20, seed=0)
    >>> int(found.steps[-1]), found.train.shape
    (20, (20, 2))
    """
    data, held_out = points("data", data), points("held_out", held_out)
    own, others = (
        rows_of_classes(labels, len(data)),
        rows_of_classes(held_out_labels, len(held_out)),
    )
    if len(own) != len(others):
        raise ValueError(
            f"held_out_labels must have the {len(own)} classes of labels, got {len(others)}"
        )
    if not times or min(times) <= 0:
        raise ValueError(f"times must be positive, at least one, got {list(times)}")
    whole("samples", samples, low=0)
    grid = np.unique(np.linspace(0, steps, whole("marks", marks) + 1).round().astype(int))[1:]
    horizon = _HORIZON * steps
    training = train_denoiser(
        data,
        network=network,
        steps=horizon,
        rate=rate,
        average=0.0,
        snapshots=grid.tolist(),
        stop=lambda history: int(history.step[-1]) >= steps,
        device=device,
        seed=seed,
        quiet=silent(),
    )
    drawn = grid[
        np.linspace(0, len(grid), whole("sampled", sampled) + 1).round().astype(int)[1:] - 1
    ]
    shape = len(grid), len(own)
    train, test = np.empty(shape), np.empty(shape)
    copies, sem, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=int)
    for k, step in enumerate(grid.tolist()):
        denoiser = training.snapshots[step]
        train[k] = _losses(denoiser, [data[rows] for rows in own], times, draws, seed)
        test[k] = _losses(denoiser, [held_out[rows] for rows in others], times, draws, seed)
        if samples and step in drawn:
            counted = _copies(denoiser, data, own, samples, seed)
            count[k], copies[k], sem[k] = np.array(counted).T
    sigma = float(OU().noise_level(max(times)))
    learnt = loss_over_constant(training.snapshots[steps], data, held_out, sigma, seed)
    return ClassTraining(grid, train, test, copies, sem, count, learnt)


def _losses(
    denoiser: NetworkDenoiser,
    classes: list[Tensor],
    times: Sequence[float],
    draws: int,
    seed: int | None,
) -> list[float]:
    """L_c of each class, with noise that is the same at every mark."""
    found = []
    for c, rows in enumerate(classes):
        one = 0.0
        for k, time in enumerate(times):
            sigma = float(OU().noise_level(time))
            generator = generator_from(seed, f"class losses {c} {k}", rows.device)
            error = denoising_error(denoiser, rows, sigma, draws, generator)
            one += float(error.double().mean()) / sigma**2 / len(times)
        found.append(one)
    return found


def _copies(
    denoiser: NetworkDenoiser, data: Tensor, own: list[Tensor], samples: int, seed: int | None
) -> list[tuple[int, float, float]]:
    """Number of samples of each class, the fraction of them that are copies, and its error."""
    alpha, sigma = float(OU().alpha(_START)), float(OU().sigma(_START))
    scale = (sigma**2 + alpha**2 * float(data.double().var(0).mean())) ** 0.5
    generator = generator_from(seed, "class samples", data.device)
    start = normal_like(data.new_empty(samples, data.shape[1]), generator)
    start = alpha * data.mean(0) + scale * start
    drawn = sample(denoiser, start, OU(), "euler", _SAMPLER, start=_START)
    distance, index = nearest(drawn.double().cpu().numpy(), data.double().cpu().numpy(), 2)
    copied = distance[:, 0] < _COPY * distance[:, 1]
    found = []
    for rows in own:
        of_class = copied[np.isin(index[:, 0], rows.numpy())]
        n = len(of_class)
        rate = float(of_class.mean()) if n else float("nan")
        found.append((n, rate, binomial_sem(rate, n) if n else float("nan")))
    return found
