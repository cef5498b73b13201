"""Random features: whole learning curves, against gradient descent, and the spectrum."""

from __future__ import annotations

import time

import numpy as np
import torch
from clock import row, timed

from diffusion import GaussianMixtureDenoiser, RandomFeatureScore
from diffusion.learning_times import time_grid
from diffusion.theory import feature_spectrum

_STEPS = 20  # of gradient descent, timed


def curves(p: int, n: int, d: int, limit: float) -> float:
    """Seconds of train and test losses of two classes at all times, the draw of data included."""
    mixture = GaussianMixtureDenoiser(
        torch.zeros(2, d, dtype=torch.float64), torch.tensor([1.6, 0.4])
    )
    times = torch.from_numpy(time_grid())

    def solved() -> torch.Tensor:
        data, labels = mixture.draw(n, seed=0)
        flow = RandomFeatureScore(p, d, time=0.1, seed=0).fit(data, labels)
        return flow.train_loss(times) + flow.test_loss(times, mixture)

    U, _ = RandomFeatureScore(p, d, time=0.1, seed=0).average_over(mixture.draw(n, seed=0)[0])
    seconds, own = timed(solved, lambda: torch.linalg.eigh(U), repeats=2)
    what = f"learning curves of 2 classes, p={p}, n={n}, {len(times)} times"
    row(what, f"{seconds:.2f} s", f"at most {limit:g} s", seconds / limit, "<= 1")
    # A turned matrix takes 3p³ multiplications and additions, at the rate of products a quarter of
    # its eigendecomposition. Three are needed (one class in training is what the other leaves), and
    # the averages over the data take as long: 1.5 is out of reach, 2 is near.
    goal = "<= 1.5" if p >= 2000 else ""  # below, most of the time goes into the averages
    row("  in eigendecompositions", f"{seconds:.2f} s", f"one {own:.2f} s", seconds / own, goal)
    return seconds


def descent(p: int, n: int, d: int, ours: float) -> None:
    """Against full-batch gradient descent on the exact averages, to the time of memorization.

    A few steps are timed, the number that is needed at the largest stable rate is counted.
    """
    mixture = GaussianMixtureDenoiser(
        torch.zeros(2, d, dtype=torch.float64), torch.tensor([1.6, 0.4])
    )
    model = RandomFeatureScore(p, d, time=0.1, seed=0)
    data, labels = mixture.draw(n, seed=0)
    largest = float(model.fit(data, labels).eigenvalues[0])
    U, V = model.average_over(data)
    readout, rate = torch.zeros(d, p, dtype=torch.float64), d / (model.noise * largest) / 2
    start = time.perf_counter()
    for _ in range(_STEPS):
        readout -= rate * 2 / d * (model.noise * readout @ U + model.noise**0.5 * V.mT)
    step = (time.perf_counter() - start) / _STEPS
    needed = time_grid()[-1] * d / (rate * p / d)
    row(
        "  against descent to the last time, extrapolated",
        f"{ours:.2f} s",
        f"{needed:.0e} steps, {needed * step:.0e} s",
        needed * step / ours,
        "",
    )


def density() -> None:
    x = np.geomspace(1e-3, 100, 1400)
    spectra = np.random.default_rng(0).uniform(0.1, 2, (3, 100))

    def three(variances: object) -> object:
        return feature_spectrum(16, 4, [0.5, 0.3, 0.2], variances, 0.01).density(x)

    for what, variances in (("isotropic", [1.6, 0.4, 0.8]), ("100 eigenvalues each", spectra)):
        (seconds,) = timed(lambda v=variances: three(v), repeats=3)
        label = f"spectral density of 3 classes, 1400 points, {what}"
        row(label, f"{seconds:.2f} s", "at most 3 s", seconds / 3, "<= 1")


def lines() -> None:
    ours = curves(800, 200, 50, 2.0)
    descent(800, 200, 50, ours)
    curves(2000, 500, 125, 15.0)
    density()
