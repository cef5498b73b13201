"""Two guided classes: the potential, its minimum, and where samples end."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from diffusion import VE, GaussianMixtureDenoiser, GuidedDenoiser, noise_levels, sample
from diffusion.guidance import two_class_path
from diffusion.theory import guided_minimum, guided_potential, guided_two_classes

MINIMA = {  # w: q* and V'' at g = 1/4, 1, 4
    1: [(0.89049, 1.11900), (2.06350, 1.12498), (8.0, 1.0)],
    3: [(1.47173, 1.32849), (2.15810, 1.31203), (8.0, 1.0)],
    7: [(2.22914, 1.65100), (2.28631, 1.56676), (8.0, 1.0)],
    0: [(0.5, 1.0), (2.0, 1.0), (8.0, 1.0)],
}
ENDS = {  # (d, w): E q − √d and Var q of the flow, and of the SDE
    (4, 1): (0.646, 0.517, 0.335, 0.772),
    (4, 3): (1.359, 0.338, 0.575, 0.734),
    (4, 7): (2.256, 0.248, 0.778, 0.725),
    (16, 1): (0.643, 0.516, 0.177, 0.933),
    (16, 3): (1.354, 0.337, 0.291, 0.916),
    (16, 7): (2.249, 0.247, 0.394, 0.922),
    (64, 1): (0.638, 0.515, 0.086, 0.980),
    (64, 3): (1.345, 0.335, 0.150, 0.987),
    (64, 7): (2.233, 0.243, 0.196, 0.987),
}


@pytest.mark.parametrize("w", MINIMA)
def test_the_minimum_is_where_it_should_be(w):
    q, curvature = guided_minimum([0.25, 1.0, 4.0], w)
    assert np.stack([q, curvature], 1) == pytest.approx(np.array(MINIMA[w]), abs=1e-5)
    for g, place in zip([0.25, 1.0, 4.0], q, strict=True):
        found = minimize_scalar(lambda x, g=g: float(guided_potential(x, g, w)), (0, 10))
        assert found.x == pytest.approx(place, abs=1e-5)


@pytest.mark.parametrize("w", [1e7, 1e30, 1e300])
def test_any_weight_has_its_minimum(w):
    """Where 4wg/(1 + e^{2gq}) = q − 2g: logarithmically far."""
    g = np.array([0.25, 1.0])
    q, _ = guided_minimum(g, w)
    pull = np.log(4) + np.log(w) + np.log(g) - np.logaddexp(0, 2 * g * q)  # of 2wg(1 − tanh gq)
    assert pull == pytest.approx(np.log(q - 2 * g), abs=1e-6)


@pytest.mark.parametrize("method", ["flow", "sde"])
@pytest.mark.parametrize("w", [1, 3, 7])
def test_moments_are_those_of_the_table(method, w):
    """Flow within .008(1 + w), SDE within 4 s.e. of 60000 paths and its step error."""
    mean, variance = guided_two_classes([2.0, 4.0, 8.0], w, method)
    for k, d in enumerate((4, 16, 64)):
        wanted = ENDS[d, w][:2] if method == "flow" else ENDS[d, w][2:]
        error = 0.008 * (1 + w) if method == "flow" else 0.016
        assert mean[k] - math.sqrt(d) == pytest.approx(wanted[0], abs=error)
        assert variance[k] == pytest.approx(wanted[1], abs=error)


@pytest.mark.parametrize("method", ["flow", "sde"])
def test_moments_without_guidance_are_those_of_the_class(method):
    mean, variance = guided_two_classes([[0.25, 1.0], [4.0, 16.0]], 0.0, method)
    assert mean.shape == (2, 2)
    assert mean == pytest.approx(np.array([[0.25, 1.0], [4.0, 16.0]]), abs=1e-6)
    assert variance == pytest.approx(np.ones((2, 2)), abs=1e-5)


def test_an_overshoot_stays_along_the_flow_and_fades_with_the_sde():
    g = np.array([8.0, 16.0, 32.0])
    flow, sde = (guided_two_classes(g, 3.0, method) for method in ("flow", "sde"))
    assert np.ptp(flow[0] - g) < 1e-9
    assert (sde[0] - g) * g == pytest.approx((sde[0][0] - 8) * 8, rel=5e-3)  # ∝ 1/g


def test_moments_are_those_of_samples():
    path = two_class_path(16, 1.0, [0.5, 1.0], "stochastic-heun", 5000, 100, seed=0)
    mean, variance = guided_two_classes([0.5, 1.0, 4.0], 1.0, "sde")
    error = 4 / math.sqrt(5000)  # 4 s.e. of a mean of variance 1
    assert path.mean().numpy() == pytest.approx(mean, abs=error + 0.005)
    assert path.variance().numpy() == pytest.approx(variance, abs=1.5 * error + 0.02)  # steps


@pytest.mark.parametrize("w", [-1.0, 0.5, 3.0])
def test_the_slope_of_the_potential_is_the_drift_of_the_sampler(w):
    """−V' = q + 2(s of the guided mixture) in the OU clock, by the denoiser itself."""
    d, s = 9, 0.7
    size, g, sigma = math.sqrt(d), math.sqrt(d) * math.exp(-s), math.sqrt(math.expm1(2 * s))
    mixture = GaussianMixtureDenoiser(torch.tensor([[-size], [size]]).double(), 1.0)
    guided = GuidedDenoiser(mixture.condition(1), mixture, w)
    q = torch.linspace(-3, 5, 30, dtype=torch.float64)
    score = math.exp(s) * guided.score(math.exp(s) * q[:, None], sigma)[:, 0]
    h = 1e-5
    slope = (guided_potential(q + h, g, w) - guided_potential(q - h, g, w)) / (2 * h)
    assert np.abs((q + 2 * score).numpy() + slope).max() < 1e-8


def ends_of_flow(d, w, count=2001):
    """From the quantiles of the start, so without noise."""
    size = math.sqrt(d)
    mixture = GaussianMixtureDenoiser(torch.tensor([[-size], [size]]).double(), 1.0)
    quantiles = torch.from_numpy(norm.ppf((np.arange(count) + 0.5) / count))
    x = math.sqrt(1e6 + 1 + d) * quantiles[:, None]
    guided = GuidedDenoiser(mixture.condition(1), mixture, w)
    return sample(guided, x, VE(), levels=noise_levels(1e3, 150, 1.0))[:, 0] - size


def quick(case):
    return pytest.param(case, marks=[] if case in ((64, 3),) else pytest.mark.slow)


@pytest.mark.parametrize("case", [quick(case) for case in ENDS])
def test_samples_end_where_the_process_of_one_dimension_does(case):
    """The flow's overshoot does not depend on d, that of the SDE vanishes like 1/√d."""
    d, w = case
    shift, spread, shift_sde, spread_sde = ENDS[case]
    flow = ends_of_flow(d, w)
    assert float(flow.mean()) == pytest.approx(shift, abs=0.008 * (1 + w))
    assert float(flow.var()) == pytest.approx(spread, abs=0.008 * (1 + w))
    path = two_class_path(d, float(w), count=6000, steps=100, seed=d + w)
    error = float(path.variance()[-1]) ** 0.5 / 6000**0.5
    assert abs(float(path.mean()[-1]) - math.sqrt(d) - shift_sde) < 4 * error + 0.01 + 0.012
    assert float(path.variance()[-1]) == pytest.approx(
        spread_sde, abs=4 * spread_sde * (2 / 6000) ** 0.5 + 0.022
    )


def test_without_guidance_the_way_is_that_of_the_class():
    """q ~ N(g, 1) at every g, by both methods."""
    for method in ("heun", "stochastic-heun"):
        path = two_class_path(16, 0.0, [0.25, 1.0, 2.0], method, count=4000, steps=100, seed=1)
        assert path.gains == (0.25, 1.0, 2.0, 4.0)
        wanted = torch.tensor(path.gains).double()
        assert (path.mean() - wanted).abs().max() < 4 / 4000**0.5 + 1e-2
        assert (path.variance() - 1).abs().max() < 4 * (2 / 4000) ** 0.5 + 1e-2


def test_its_figure_shows_both():
    from matplotlib.figure import Figure

    path = two_class_path(16, 3.0, [1.0], count=300, steps=30, seed=0)
    axes = Figure().subplots()
    assert path.plot(axes, line=1) is axes
    q, V = axes.lines[0].get_data()
    assert V.min() == 0
    assert abs(q[V.argmin()] - guided_minimum(4.0, 3.0)[0]) < 0.05  # far from all samples
    assert path.q[1].max() < q[V.argmin()]
    assert axes.get_xlabel() == "projection $q$"
    with pytest.raises(ValueError, match="line must"):
        path.plot(axes, line=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: two_class_path(4, 1.0, [0.5, 2.0]), "gains must rise, below √d = 2"),
        (lambda: two_class_path(4, 1.0, [1.0, 0.5]), "gains must rise"),
        (lambda: two_class_path(4, 1.0, [1e-200, 0.5]), "gains must lie in"),
        (lambda: two_class_path(4, 1.0, method="euler"), "method must be"),
        (lambda: two_class_path(4, 1.0, count=1), "count must be a whole number of at least 2"),
        (lambda: guided_minimum(1.0, -0.5), "w must lie in"),
        (lambda: guided_minimum(0.0, 1.0), "g must be positive"),
        (lambda: guided_two_classes(200.0, 1.0), "g must be at most 100, got 200"),
        (lambda: guided_two_classes(1.0, -2.0), "w must lie in"),
        (lambda: guided_two_classes(1.0, 1.0, "ode"), "method must be"),
        (lambda: guided_potential(math.inf, 1.0, 1.0), "q must be finite"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_path_of_very_strong_guidance_is_drawn():
    from matplotlib.figure import Figure

    path = two_class_path(4, 1e7, count=10, steps=5, seed=0)
    axes = Figure().subplots()
    assert path.plot(axes) is axes
