"""Exact scores, Euler steps and TwoNN by several libraries in one process; prints JSON.

Run in an environment that has them. One thread each: the libraries differ in which of their
work they share out. Every library gets the same data, and samplers the same denoiser.
"""

import json
import math
import time
from itertools import pairwise

import numpy as np
import torch
from training_side import part_of

from diffusion import VE, EmpiricalDenoiser, GaussianMixtureDenoiser, sample, two_nn_dimension

STEPS, LOW, HIGH = 64, 0.02, 10.0


def score():
    """The score of 4000 points in 256 dimensions, at 256 queries."""
    smalldiffusion = part_of("smalldiffusion", "model")
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(4000, 256, generator=generator)
    sigma = 4.0
    x = data[:256] + sigma * torch.randn(256, 256, generator=generator)
    exact, ideal = EmpiricalDenoiser(data), smalldiffusion.IdealDenoiser(data)

    def plain():
        parts = torch.distributions.Independent(torch.distributions.Normal(data, sigma), 1)
        uniform = torch.distributions.Categorical(torch.ones(len(data)))
        mixture = torch.distributions.MixtureSameFamily(uniform, parts)
        y = x.clone().requires_grad_()
        return torch.autograd.grad(mixture.log_prob(y).sum(), y)[0]

    runs = {
        "ours": lambda: exact.score(x, sigma),
        "smalldiffusion": lambda: -ideal(x, torch.tensor(sigma)) / sigma,
        "torch.distributions": plain,
    }
    agree(runs)
    return runs


def euler():
    """64 Euler steps of 4000 samples of a mixture of two classes in 32 dimensions."""
    from diffusers import EulerDiscreteScheduler

    samples = part_of("smalldiffusion", "diffusion").samples
    means = torch.ones(2, 32) * torch.tensor([[1.0], [-1.0]])
    exact = GaussianMixtureDenoiser(means, 0.25)
    x = HIGH * torch.randn(4000, 32, generator=torch.Generator().manual_seed(0))
    sigmas = torch.logspace(math.log10(HIGH), math.log10(LOW), STEPS + 1)

    class Noise(torch.nn.Module):  # as smalldiffusion asks a model
        def predict_eps_cfg(self, y, sigma, cond, scale):
            return (y - exact(y, float(sigma))) / sigma

        def rand_input(self, rows):
            return torch.randn(rows, 32)

    def diffusers():
        scheduler = EulerDiscreteScheduler()
        scheduler.set_timesteps(STEPS)
        y, levels = x, scheduler.sigmas
        for time_, sigma in zip(scheduler.timesteps, levels[:-1], strict=True):
            scheduler.scale_model_input(y, time_)
            noise = (y - exact(y, float(sigma))) / sigma
            y = scheduler.step(noise, time_, y).prev_sample
        return y

    def short():
        """What one would write for this mixture alone: its two classes are ±m."""
        y, m = x, means[0]
        for a, b in pairwise(sigmas.tolist()):
            tilt = torch.tanh(y @ m / (0.25 + a**2))
            mean = (0.25 * y + a**2 * torch.outer(tilt, m)) / (0.25 + a**2)
            y = mean + b / a * (y - mean)
        return y

    def ours():
        return sample(exact, x, VE(), "euler", STEPS, start=HIGH, stop=LOW)

    agree({"ours": ours, "a short loop": short})
    sampling = part_of("k_diffusion", "sampling")
    return {
        "ours": ours,
        "a short loop": short,
        "k-diffusion": lambda: sampling.sample_euler(
            lambda y, sigma: exact(y, sigma), x, sigmas, disable=True
        ),
        "azula": azula(exact, x),
        "smalldiffusion": lambda: list(samples(Noise(), sigmas, xt=x))[-1],
        "diffusers": diffusers,
    }


def azula(exact, x):
    from azula.denoise import Denoiser, DiracPosterior
    from azula.noise import VESchedule
    from azula.sample import DDIMSampler

    class Exact(Denoiser):
        def __init__(self):
            super().__init__()
            self.schedule = VESchedule(LOW, HIGH)

        def forward(self, y, t, **_):
            return DiracPosterior(mean=exact(y, float(self.schedule(t)[1])))

    sampler = DDIMSampler(Exact(), steps=STEPS, silent=True)
    return lambda: sampler(x)


def two_nn():
    """TwoNN of 2000 points in 50 dimensions."""
    from skdim.id import TwoNN

    points = torch.randn(2000, 50, generator=torch.Generator().manual_seed(0))
    rows = points.numpy()
    runs = {
        "ours": lambda: two_nn_dimension(points),
        "scikit-dimension": lambda: TwoNN().fit(rows).dimension_,
    }
    agree(runs)
    return runs


def agree(runs):
    """All give what ours gives: else there would be nothing to compare."""
    ours = np.asarray(runs["ours"]())
    for name, run in runs.items():
        if not np.allclose(run(), ours, rtol=1e-2, atol=1e-4):
            raise SystemExit(f"{name} gives another result than ours")


def least(runs):
    times = dict.fromkeys(runs, math.inf)
    for repeat in range(9):
        for name, run in runs.items():
            if repeat and times[name] > 2:  # a slow one is seen after one run
                continue
            start = time.perf_counter()
            run()
            times[name] = min(times[name], time.perf_counter() - start)
    return times


def main():
    torch.set_num_threads(1)
    work = {
        "score of 4000 points, d=256, 256 queries": score,
        "64 Euler steps, 2 classes, d=32, 4000 samples": euler,
        "TwoNN, 2000 points, d=50": two_nn,
    }
    print(json.dumps({what: least(build()) for what, build in work.items()}))


if __name__ == "__main__":
    main()
