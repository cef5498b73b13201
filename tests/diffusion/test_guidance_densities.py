"""The density of guided flows against an integrated divergence, weights of paths against ∫ h."""

import math
from itertools import pairwise

import pytest
import torch
from gaussian import mean_sem, randn

from diffusion import GaussianMixtureDenoiser, GuidedDenoiser, noise_levels
from diffusion.guidance import (
    Clamped,
    LinearWindow,
    WeightedSamples,
    Window,
    guided_log_density,
    power_samples,
)

MEANS, SPREADS, SHARES = (
    torch.tensor(one, dtype=torch.float64) for one in ([-1, 1, 2.5], [0.25, 0.25, 0.16], [3, 4, 3])
)
SHARES = SHARES / 10
WHOLE = GaussianMixtureDenoiser(MEANS[:, None], SPREADS, SHARES)
OWN = WHOLE.condition(1)
WIDTH = 0.4


def by_divergence(w, x, T, jumps, steps):
    """log ρ of the flow by its divergence, in one dimension; none of the library's models.

    Runge–Kutta in u = log(1 + 5v), in pieces between the jumps of w(v).
    """

    def slope(u, y):
        v, stretch = math.expm1(u) / 5, math.exp(u) / 5
        total = SPREADS + v
        share = torch.softmax(
            SHARES.log() - (total.log() + (y[:, None] - MEANS) ** 2 / total) / 2, 1
        )
        each = (MEANS - y[:, None]) / total
        s = (share * each).sum(1)
        turn = (share * (each**2 - 1 / total)).sum(1) - s**2
        own, own_turn = (MEANS[1] - y) / total[1], -1 / total[1]
        return (
            -stretch / 2 * ((1 + w(v)) * own - w(v) * s),
            -stretch / 2 * ((1 + w(v)) * own_turn - w(v) * turn),
        )

    y, divergence = x.clone(), torch.zeros_like(x)
    edges = [math.log1p(5 * v) for v in (0.0, *jumps, T)]
    for low, high in pairwise(edges):
        h = (high - low) * (1 - 1e-12) / steps
        for k in range(steps):
            u = low + 1e-13 + k * h
            a, da = slope(u, y)
            b, db = slope(u + h / 2, y + h / 2 * a)
            c, dc = slope(u + h / 2, y + h / 2 * b)
            d, dd = slope(u + h, y + h * c)
            y = y + h / 6 * (a + 2 * b + 2 * c + d)
            divergence = divergence + h / 6 * (da + 2 * db + 2 * dc + dd)
    total = SPREADS + T
    logits = SHARES.log() - ((2 * math.pi * total).log() + (y[:, None] - MEANS) ** 2 / total) / 2
    return torch.logsumexp(logits, 1) + divergence


CASES = {
    "1": (1.0, lambda v: 1.0, ()),
    "3": (3.0, lambda v: 3.0, ()),
    "-1/2": (-0.5, lambda v: -0.5, ()),
    "smooth": (lambda s: 3 * s**2 / (1 + s**2) - 0.5, lambda v: 3 * v / (v + 1) - 0.5, ()),
    "window": (Window(3.0, 0.8), lambda v: 3.0 if v > 0.64 else -1.0, (0.64,)),
    "kinks": (
        Clamped(LinearWindow(-1.0, 2.0, largest=4.0), -1.0),
        lambda v: min(4.0, 2 * v - 1),
        (2.5,),
    ),
}


def quick(case):
    return pytest.param(case, marks=[] if case in ("1", "window") else pytest.mark.slow)


@pytest.mark.parametrize("case", [quick(case) for case in CASES])
def test_density_of_guided_flows(case):
    w, weight, jumps = CASES[case]
    x = torch.linspace(-1, 3, 25, dtype=torch.float64)
    n, m = (450, 1500) if case == "3" else (300, 500)  # both have large errors there
    levels = noise_levels(20.0, n, WIDTH, getattr(w, "breaks", ()))
    found = guided_log_density(GuidedDenoiser(OWN, WHOLE, w), x[:, None], levels)
    assert (found - by_divergence(weight, x, 400.0, jumps, m)).abs().max() < 1e-6


def test_without_guidance_it_is_the_density_itself():
    x = randn(20, 1) + 1
    levels = noise_levels(1e3, 120, WIDTH)
    for w, model, error in ((-1.0, WHOLE, 1e-9), (0.0, OWN, 2e-3)):  # it starts from p_u
        found = guided_log_density(GuidedDenoiser(OWN, WHOLE, w), x, levels)
        assert (found - model.log_density(x, 1e-7)).abs().max() < error


def test_linear_guidance_in_many_dimensions():
    """Infinitely many classes: ρ is N(aμ, R g²), in closed form, and not the power."""
    from diffusion.theory import guided_moments

    d, within = 6, 0.25
    own = GaussianMixtureDenoiser(torch.ones(1, d).double(), within)
    whole = GaussianMixtureDenoiser(torch.zeros(1, d).double(), within + 1)
    x = torch.ones(1, d) + randn(9, d) * 0.2
    start = 1e3
    found = guided_log_density(GuidedDenoiser(own, whole, 1.0), x, noise_levels(start, 300, 0.5))
    a, R = (float(one) for one in guided_moments(0.2, 1.0, start=start))
    exact = GaussianMixtureDenoiser(a * torch.ones(1, d).double(), R * within)
    assert (found - exact.log_density(x, 1e-9)).abs().max() < 1e-4
    power = GaussianMixtureDenoiser(torch.ones(1, d).double(), 1 / (2 / within - 1 / (within + 1)))
    assert (found - power.log_density(x, 1e-9)).abs().max() > 1


GRID = torch.linspace(-80, 80, 40001, dtype=torch.float64)[:, None]


def tilted(w, v):
    """log h on the grid and log of its integral, at noise variance v, by hand."""
    total = SPREADS + v
    logits = SHARES.log() - ((2 * math.pi * total).log() + (GRID - MEANS) ** 2 / total) / 2
    own = -((2 * math.pi * total[1]).log() + (GRID[:, 0] - MEANS[1]) ** 2 / total[1]) / 2
    log_h = (1 + w) * own - w * torch.logsumexp(logits, 1)
    step = float(GRID[1] - GRID[0])
    return log_h, float(torch.logsumexp(log_h, 0)) + math.log(step)


def started(w, v, count, seed):
    """Draws from h_T/Z_T by its distribution function on the grid."""
    log_h, log_z = tilted(w, v)
    steps = torch.cumsum((log_h - log_z).exp(), 0)
    u = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    place = torch.searchsorted(steps / steps[-1], u).clamp(max=len(GRID) - 1)
    return GRID[place]


def runs(w, count, repeats, steps):
    guided = GuidedDenoiser(OWN, WHOLE, w)
    levels = noise_levels(5.0, steps, WIDTH)
    for seed in range(repeats):
        x = started(weight_of(w, 5.0), 25.0, count, seed)
        yield power_samples(guided, x, levels, seed=100 + seed)


def weight_of(w, sigma):
    return w(sigma) if callable(w) else w


def ratio(w):
    """Z/Z_T by quadrature, and the first two moments under h."""
    log_h, log_z = tilted(weight_of(w, 0.0), 0.0)
    p = (log_h - log_z).exp() * float(GRID[1] - GRID[0])
    x = GRID[:, 0]
    return math.exp(log_z - tilted(weight_of(w, 5.0), 25.0)[1]), float(p @ x), float(p @ x**2)


def both(x):
    return torch.cat([x, x**2], 1)


def test_quadrature_is_that_of_the_reference():
    assert ratio(0.5)[0] == pytest.approx(1.48787, abs=2e-5)
    assert ratio(1.0) == pytest.approx((2.26313, 0.97240, 1.12360), abs=2e-5)
    assert ratio(2.0)[0] == pytest.approx(5.35500, abs=2e-5)


def rising(sigma):
    return 0.8 * sigma**2 / (1 + sigma**2)


@pytest.mark.parametrize(
    "w",
    [
        0.5,
        pytest.param(1.0, marks=pytest.mark.slow),
        pytest.param(-0.5, marks=pytest.mark.slow),
        pytest.param(rising, marks=pytest.mark.slow),
    ],
)
def test_weights_of_paths_give_the_power(w):
    """Runs are samples; the weights have mean Z/Z_T and turn moments into those of h."""
    sizes = {0.5: (600, 5, 60), 1.0: (12000, 6, 150)}  # few paths of w = 1 weigh a lot
    found = list(runs(w, *sizes.get(w, (6000, 5, 100))))
    wanted, *moments = ratio(w)
    mean, sem = mean_sem([math.exp(one.log_ratio) for one in found])
    assert abs(mean - wanted) < 4 * sem + 2e-3 * wanted
    for k, moment in enumerate(moments):
        mean, sem = mean_sem([float(one.mean(both)[k]) for one in found])
        plain, error = mean_sem([float(both(one.samples)[:, k].mean()) for one in found])
        assert abs(mean - moment) < 4 * sem + 2e-3
    if w == 1.0:  # unweighted 1.0527, not 1.1236
        assert abs(plain - moment) > 10 * error
    assert all(1 < one.effective <= len(one.samples) for one in found)


def half(x, sigma):
    return x / 2


def test_a_mean_of_few_paths_is_refused():
    samples, log = torch.zeros(100, 1), torch.zeros(100).double()
    even = WeightedSamples(samples, log)
    assert even.effective == pytest.approx(100)
    assert even.log_ratio == pytest.approx(0)
    assert "100 in 1 dimensions: effective size 100" in repr(even)
    one = WeightedSamples(samples, log.index_fill(0, torch.tensor([3]), 20.0))
    assert one.effective == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match=r"effective size of 5% .* got 1.00%: take a smaller w"):
        one.mean()
    with pytest.raises(ValueError, match=r"function must return \(100, …\), got \(\)"):
        even.mean(lambda x: x.sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g, x: guided_log_density(OWN, x, [1.0, 0.5]), "guided must be a GuidedDenoiser"),
        (
            lambda g, x: guided_log_density(
                GuidedDenoiser(lambda x, s: x, OWN, 1.0), x, [1.0, 0.5]
            ),
            "guided must have a conditional model with score and log_density",
        ),
        (lambda g, x: guided_log_density(g, x, [1.0]), "levels must be at least two noise levels"),
        (
            lambda g, x: guided_log_density(g, x, [1.0, 2.0]),
            "levels must be at least two noise levels",
        ),
        (lambda g, x: guided_log_density(g, x[0], [2.0, 1.0]), "x must have shape"),
        (lambda g, x: power_samples(g, x[:0], [2.0, 1.0]), "x must hold at least one point"),
        (
            lambda g, x: power_samples(g, x, [2.0, 1.0], log_weights=torch.zeros(3)),
            "log_weights must be finite numbers .2,.",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(GuidedDenoiser(OWN, WHOLE, 1.0), torch.zeros(2, 1).double())


def test_a_condition_per_row_has_the_density_of_each_row():
    mixture = GaussianMixtureDenoiser(torch.tensor([[-1.0], [1.0], [2.5]]).double(), 0.3)
    labels, levels = torch.tensor([1, 0, 2, 1]), noise_levels(20.0, 30, 0.5)
    x = torch.tensor([[0.5], [-2.0], [2.0], [1.5]]).double()
    found = guided_log_density(GuidedDenoiser(mixture.condition(labels), mixture, 1.0), x, levels)
    for k, label in enumerate(labels.tolist()):
        guided = GuidedDenoiser(mixture.condition(label), mixture, 1.0)
        one = guided_log_density(guided, x[k : k + 1], levels)
        assert torch.allclose(found[k], one[0], atol=1e-9)
