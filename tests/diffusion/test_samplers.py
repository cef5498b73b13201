import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from gaussian import randn

from diffusion import OU, VE, Cosine, EmpiricalDenoiser, noise_levels, noise_to, sample, uturn
from diffusion._checks import generator_from

PAIR = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]], dtype=torch.float64))


def gaussian_denoiser(x, sigma):
    """Exact for data N(0, 1): every step of a sampler is linear."""
    return x / (1 + sigma**2)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_order_of_convergence(method, order):
    """The flow of Gaussian data is x ∝ sqrt(1 + σ²)."""
    x = torch.ones(1, 1, dtype=torch.float64)
    exact = math.sqrt((1 + 0.1**2) / (1 + 3.0**2))
    errors = [
        abs(sample(gaussian_denoiser, x, VE(), method, n, start=3.0, stop=0.1).item() - exact)
        for n in (40, 80, 160)
    ]
    rates = np.log2(np.divide(errors[:-1], errors[1:]))
    assert rates == pytest.approx([order, order], abs=0.12)


def test_sde_has_the_exact_variance_in_the_limit():
    """Gaussian data: the recursion of the variance, and its limit 1 + σ²."""
    x = 3.0 * randn(200000, 1) * math.sqrt(1 + 1 / 9)
    variance, levels = x.var().item(), np.geomspace(3.0, 0.5, 21)
    for a, b in pairwise(levels):
        shrink = 1 / (1 + a**2) + (b / a) ** 2 * (1 - 1 / (1 + a**2))
        variance = shrink**2 * variance + b**2 * (1 - (b / a) ** 2)
    y = sample(gaussian_denoiser, x, VE(), "sde", 20, start=3.0, stop=0.5, seed=1)
    assert y.var().item() == pytest.approx(variance, rel=4 * math.sqrt(2 / 200000))
    assert variance == pytest.approx(1.25, rel=0.1)  # the bias of 20 steps


@pytest.mark.parametrize("method", ["euler", "heun", "sde", "stochastic-heun", "ancestral"])
def test_levels_are_what_the_times_say(method):
    """Given levels replace start, stop and steps; the same ones give the same path."""
    x = randn(20, 1)
    for schedule in (VE(), OU(), Cosine()):
        start, stop = float(schedule.time(2.0)), float(schedule.time(0.3))
        usual = sample(PAIR, x, schedule, method, 10, start=start, stop=stop, seed=3)
        levels = np.geomspace(2.0, 0.3, 11)
        given = sample(PAIR, x, schedule, method, levels=levels, seed=3)
        assert torch.allclose(usual, given, atol=1e-9)


@pytest.mark.parametrize("method", ["euler", "heun", "sde", "stochastic-heun", "ancestral"])
def test_schedules_are_relabellings(method):
    """The same noise levels give the same path for any clock."""
    y = 2.0 * randn(50, 1)
    paths = []
    for schedule in (VE(), OU(), Cosine()):
        start, stop = float(schedule.time(2.0)), float(schedule.time(0.3))
        x = y * float(schedule.alpha(start))
        end = sample(PAIR, x, schedule, method, 10, start=start, stop=stop, seed=3)
        paths.append(end / float(schedule.alpha(stop)))
    assert torch.allclose(paths[0], paths[1], atol=1e-9)
    assert torch.allclose(paths[0], paths[2], atol=1e-9)


def test_flow_boundaries_are_quantiles():
    """Transport keeps mass: three points split p_T into thirds."""
    points = torch.tensor([[-1.0], [0.0], [3.0]], dtype=torch.float64)
    denoiser, sigma = EmpiricalDenoiser(points), 10.0
    grid = torch.linspace(-20, 20, 16001, dtype=torch.float64)[:, None]
    ends = sample(denoiser, grid, VE(), "heun", 100, start=sigma)
    label = (ends - points.T).abs().argmin(1)
    bounds = [grid[label == k].max().item() for k in (0, 1)]
    assert bounds == pytest.approx([-3.7065, 5.0328], abs=5e-3)


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_ancestral_sampling_draws_from_the_posterior_at_any_step_count(steps):
    data = torch.tensor(
        [[0.0, 0], [1, 0], [0, 1.2], [-1.5, -0.5], [0.8, -1.3]], dtype=torch.float64
    )
    denoiser, runs = EmpiricalDenoiser(data), 40000
    x = torch.tensor([[0.5, 0.4]], dtype=torch.float64)
    law = torch.tensor([0.2879, 0.2879, 0.2437, 0.0625, 0.1180], dtype=torch.float64)
    assert (denoiser.weights(x, 1.2)[0] - law).abs().max() < 1e-4
    ends = sample(denoiser, x.expand(runs, 2), VE(), "ancestral", steps, start=1.2, seed=steps)
    drawn = (ends[:, None] == data).all(2).double().mean(0)
    assert ((drawn - law).abs() < 4 * (law * (1 - law) / runs).sqrt() + 1e-4).all()


def test_forward_noise_has_its_moments():
    x = torch.full((100000, 1), 2.0, dtype=torch.float64)
    noised = noise_to(x, OU(), 0.5, seed=0)
    assert noised.mean().item() == pytest.approx(2 * math.exp(-0.5), abs=4 * 0.8 / 100000**0.5)
    assert noised.var().item() == pytest.approx(1 - math.exp(-1), rel=4 * (2 / 100000) ** 0.5)


def test_seed_reproduces_and_input_is_untouched():
    x = randn(5, 1)
    before = x.clone()
    for method in ("sde", "stochastic-heun", "ancestral"):
        one = sample(PAIR, x, VE(), method, 4, start=1.0, stop=0.2, seed=9)
        assert torch.equal(one, sample(PAIR, x, VE(), method, 4, start=1.0, stop=0.2, seed=9))
        assert not torch.equal(one, sample(PAIR, x, VE(), method, 4, start=1.0, stop=0.2, seed=8))
    assert torch.equal(x, before)
    assert sample(PAIR, x.float(), VE(), start=1.0).dtype == torch.float32


def variance(levels, method, v):
    """The variance of Gaussian data after one run, from its steps alone: all are linear."""
    ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    for level in pairwise(levels):
        y0, y1 = sample(gaussian_denoiser, ends, VE(), method, levels=level, seed=1).squeeze(1)
        # the two rows have their own noise: take it out with a run that has no signal
        n0, n1 = sample(gaussian_denoiser, 0 * ends, VE(), method, levels=level, seed=1).squeeze(1)
        z = torch.randn(2, 1, dtype=torch.float64, generator=generator_from(1, "sample"))
        v = float(y1 - n1) ** 2 * v + float(n0 / z[0]) ** 2
        assert float(y0) == float(n0)
    return v


@pytest.mark.parametrize(("method", "order"), [("sde", 1), ("stochastic-heun", 2)])
def test_order_of_the_variance(method, order):
    """Data N(0, 1) keep 1 + σ² along the reverse SDE: exact propagation, no sampling."""
    errors = []
    for n in (40, 80, 160):
        levels = noise_levels(3.0, n, width=1.0)[:-2]
        errors.append(abs(variance(levels, method, 10.0) - 1 - levels[-1] ** 2))
    rates = np.log2(np.divide(errors[:-1], errors[1:]))
    assert rates == pytest.approx([order, order], abs=0.15)


@pytest.mark.parametrize("method", ["heun", "stochastic-heun"])
def test_both_stages_share_their_noise(method):
    """One step, by hand."""
    x, a, b = randn(4, 1), 1.3, 0.8
    z = torch.randn(4, 1, dtype=torch.float64, generator=generator_from(5, "sample"))
    if method == "heun":
        first = x + (b - a) * (x / a) * (1 - 1 / (1 + a**2))
        by_hand = x + (b - a) / 2 * (
            x / a * (1 - 1 / (1 + a**2)) + first / b * (1 - 1 / (1 + b**2))
        )
    else:
        span = a**2 - b**2
        first = x - span * x / (1 + a**2) + span**0.5 * z
        by_hand = x - span / 2 * (x / (1 + a**2) + first / (1 + b**2)) + span**0.5 * z
    assert torch.allclose(
        sample(gaussian_denoiser, x, VE(), method, levels=[a, b], seed=5), by_hand
    )


def test_noise_levels_are_even_below_the_width_and_geometric_above():
    levels = np.array(noise_levels(1e4, 400, width=0.1))
    assert len(levels) == 401
    assert levels[0] == 1e4
    assert levels[-1] == 0
    assert (np.diff(levels) < 0).all()
    z = np.arcsinh(levels[:-2] / 0.1)
    assert np.diff(z) == pytest.approx(np.diff(z)[0])
    sided = noise_levels(1e4, 400, 0.1, jumps=[2.0, 0.3, 1e5])
    assert set(levels) < set(sided)
    assert [s for s in sided if s not in levels] == pytest.approx([2, 2, 0.3, 0.3])
    assert (np.diff(sided) < 0).all()
    assert noise_levels(1e-9, 2, width=1.0) == [1e-9, 5e-10, 0.0]


@pytest.mark.parametrize("method", ["heun", "sde", "ancestral"])
def test_the_end_is_data_however_large_the_first_noise(method):
    data = randn(50, 20)
    denoiser = EmpiricalDenoiser(data)
    for time in (1.0, 5.0, 10.0):  # noise levels 2.5, 148, 22026
        ends = sample(denoiser, randn(40, 20, seed=1), OU(), method, 50, start=time, seed=2)
        assert torch.cdist(ends, data).min(1).values.max() < 1e-4


def test_no_graph_is_kept():
    x = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    assert not sample(gaussian_denoiser, x, VE(), start=1.0).requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: sample(PAIR, x, VE(), "magic", start=1.0), "method must be one of 'euler'"),
        (lambda x: sample(PAIR, x, VE()), "start must be a time above stop = 0.0, got None"),
        (lambda x: sample(PAIR, x, VE(), start=1.0, stop=2.0), "start must be a time above"),
        (lambda x: sample(PAIR, x, VE(), steps=0, start=1.0), "steps must be a whole number"),
        (lambda x: sample(PAIR, x, VE(), levels=[1.0, 2.0]), "levels must be at least two"),
        (lambda x: sample(PAIR, x, VE(), levels=[1.0]), "levels must be at least two"),
        (lambda x: sample(PAIR, x, VE(), levels=[1.0, -1.0]), "the last not negative"),
        (lambda x: sample(PAIR, x, VE(), start=1.0, levels=[1.0, 0.5]), "start must be left out"),
        (lambda x: noise_levels(1.0, 1, 1.0), "steps must be a whole number of at least 2"),
        (lambda x: noise_levels(1.0, 9, 0.0), "width must be positive and finite, got 0"),
        (lambda x: sample(PAIR, x[0], VE(), start=1.0), "x must have shape"),
        (
            lambda x: sample(gaussian_denoiser, x, VE(), "ancestral", start=1.0),
            "needs a denoiser with posterior_sample, got function; use method 'sde'",
        ),
        (lambda x: noise_to(x, Cosine(), 1.0), r"time must lie in \[0, 1\)"),
        (lambda x: uturn(PAIR, x * torch.nan, VE(), 1.0), "x must be finite"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.ones(2, 1))
