"""Own basins and captures against an independent count and a measured table."""

import math

import numpy as np
import pytest
import torch
from gaussian import mean_sem
from scipy.stats import norm

from diffusion import GaussianMixtureDenoiser
from diffusion.guidance import guided_basins, random_classes
from diffusion.theory import capture_sigma

WEIGHTS, SIGMAS = [-1.0, -0.5, 0.0, 1.0, 3.0], [0.5, 1.0, 2.0, 4.0]
TABLE = {  # σ: B_own and B_other at each weight; 6 mixtures of 8 classes, d = 8
    0.5: [(0.923, 0.012), (0.957, 0.020), (0.983, 0.065), (0.998, 0.531), (1, 0.992)],
    1.0: [(0.730, 0.042), (0.873, 0.098), (0.983, 0.491), (1, 0.992), (1, 1)],
    2.0: [(0.444, 0.082), (0.736, 0.266), (0.985, 0.872), (1, 0.999), (1, 1)],
    4.0: [(0.266, 0.103), (0.640, 0.395), (0.984, 0.957), (1, 1), (1, 1)],
}


def compared(found, weights, sigmas):
    for i, w in enumerate(weights):
        for j, sigma in enumerate(sigmas):
            wanted = TABLE[sigma][WEIGHTS.index(w)]
            for values, one in zip((found.own, found.capture), wanted, strict=True):
                mean, sem = mean_sem(values[:, i, j])
                assert abs(mean - one) < max(4 * sem, 0.02) + 0.02, (w, sigma)  # that of the table


def test_some_of_the_table():
    mixtures = [random_classes(8, 8, seed=k) for k in range(4)]
    weights, sigmas = [-1.0, 0.0, 1.0], [1.0]
    found = guided_basins(mixtures, weights, sigmas, trials=30, steps=40, seed=0)
    compared(found, weights, sigmas)


@pytest.mark.slow
def test_all_of_the_table():
    mixtures = [random_classes(8, 8, seed=k) for k in range(6)]
    found = guided_basins(mixtures, WEIGHTS, SIGMAS, trials=25, steps=60, seed=0)
    compared(found, WEIGHTS, SIGMAS)
    for values in (found.own, found.capture):  # guidance binds both, the more the larger w
        assert (values.mean(0).diff(dim=0) > -0.02).all()
    assert (found.capture.mean(0).diff(dim=1) > -0.02).all()
    half = found.half()
    assert float(half[2]) == pytest.approx(1.0, abs=0.15)  # w = 0
    assert math.isnan(float(half[0]))


def test_conditioning_alone_has_a_closed_form():
    """Two classes of one dimension at w = 0: the flow is x → μ + (x − μ) g/√(g² + σ²)."""
    mu, g, sigma, trials = 1.5, 1.0, 2.0, 4000
    mixture = GaussianMixtureDenoiser(torch.tensor([[-mu], [mu]]).double(), g**2)
    found = guided_basins(mixture, [0.0], [sigma], trials=trials, steps=60, seed=0)
    gain = g / math.hypot(g, sigma)  # the end is above 0 if x > μ(1 − 1/gain)
    edge = mu * (1 - 1 / gain)
    wanted = [norm.sf((edge - place) / math.hypot(g, sigma)) for place in (mu, -mu)]
    for values, one in zip((found.own, found.capture), wanted, strict=True):
        error = math.sqrt(one * (1 - one) / (2 * trials))
        assert abs(float(values) - one) < 4 * error


def test_half_is_captured_where_theory_says():
    """Two classes far apart: σ_½ = g√(3 + 4w)/(1 + 2w)."""
    mixtures = [random_classes(2, 64, seed=k) for k in range(2)]
    for w in (0.0, 3.0):
        law = float(capture_sigma(0.25, w))
        sigmas = [0.9 * law, law, 1.15 * law]
        found = guided_basins(mixtures, [w], sigmas, trials=60, steps=30, seed=0)
        # 4 s.e. of a crossing of 240 points; posteriors of finite d turn a little late
        assert float(found.half()) == pytest.approx(1.02 * law, rel=0.05)
    assert np.isinf(capture_sigma(0.25, [-1.0, -0.5])).all()


def test_full_covariances_are_drawn_and_the_figure_is_on_its_axes():
    from matplotlib.figure import Figure

    turn = torch.linalg.qr(torch.randn(2, 2, generator=torch.Generator().manual_seed(0)))[
        0
    ].double()
    spread = (turn * torch.tensor([4.0, 0.1]).double()) @ turn.T
    mixture = GaussianMixtureDenoiser(
        3 * torch.eye(2).double(), spread.expand(2, 2, 2).contiguous()
    )
    one = guided_basins(mixture, [-1.0, 0.0, 2.0], [0.3, 1.0, 3.0], trials=30, steps=12, seed=0)
    again = guided_basins(mixture, [0.0, 2.0], [0.3, 1.0, 3.0], trials=30, steps=12, seed=0)
    assert torch.equal(one.own[:, 1:], again.own)  # all weights from the same points
    axes = Figure().subplots()
    assert one.plot(axes) is axes
    assert axes.get_yscale() == "linear"
    assert axes.get_xlabel() == "extra weight $w$"
    with pytest.raises(ValueError, match="a diagram must have two weights"):
        guided_basins(mixture, [0.0], [1.0], trials=2, steps=2).plot()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: guided_basins([], [0.0], [1.0]), "mixtures must be one or more, got none"),
        (lambda m: guided_basins([None], [0.0], [1.0]), "mixtures must be a GaussianMixture"),
        (lambda m: guided_basins(3, [0.0], [1.0]), "mixtures must be a GaussianMixture"),
        (lambda m: guided_basins(m.condition(0), [0.0], [1.0]), "two classes or more, got 1"),
        (lambda m: guided_basins(m, [1.0, 0.0], [1.0]), "weights must be numbers that rise"),
        (lambda m: guided_basins(m, [0.0], [0.0, 1.0]), "sigmas must be positive"),
        (lambda m: guided_basins(m, [0.0], [1.0], trials=0), "trials must be"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_classes(2, 2, seed=0))
